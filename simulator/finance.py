"""Interest, instalments and annual percentage rates in closed form or by one root. All rates are shares: 0.12 is 12%.

Nothing here is rounded: tables round once, when a scenario is lowered.
"""

import math

import numpy as np


def monthly_rate(*, yearly=None, daily=None):
    """Return the rate a month of a rate a year (yearly / 12) or a day (daily * 365 / 12).

    A month is a twelfth of a year whatever its length. Raises ValueError unless exactly one of the two is given.
    """
    if (yearly is None) == (daily is None):
        raise ValueError("give a yearly or a daily rate, and only one of them")
    return yearly / 12 if daily is None else daily * 365 / 12


def annuity(amount, rate, periods):
    """Return the level payment that repays `amount` in `periods` payments, the first one period from now.

    `rate` is per period and may be zero. Source: amount * rate / (1 - (1 + rate)^-periods).
    """
    return amount / _value_of_one(rate, periods)


def annuity_balance(amount, rate, periods, left):
    """Return what is owed just after a payment of `annuity(amount, rate, periods)`, with `left` payments to come."""
    return annuity(amount, rate, periods) * _value_of_one(rate, left) if left else 0.0


def npv(flows, rate, first=0):
    """Return the value at time 0 of `flows`, one period apart, the first at time `first`; `rate` is per period.

    `flows` is an array [..., period]; the result has the shape of the leading axes.
    """
    flows = np.asarray(flows, dtype=float)
    times = first + np.arange(flows.shape[-1])
    return flows @ (1 + rate) ** -times.astype(float)


def level_payments(number, amount, first=1, fraction=0.0):
    """Return `number` equal payments, one unit period apart, as `apr` takes them: [(amount, t, f), ...].

    The first falls `first` whole unit periods and a `fraction` of one after the advance.
    """
    return [(amount, first + k, fraction) for k in range(number)]


def apr(advance, payments, unit_periods_per_year=12):
    """Return the annual percentage rate of US Regulation Z, appendix J (actuarial method), as a share: 0.0969 is 9.69%.

    `payments` are (amount, t, f): `t` whole unit periods and a fraction `f` of one after the advance. Solves
    advance = sum of amount / ((1 + f i) (1 + i)^t) for i, the rate per unit period. Source: 12 CFR 1026, appendix J.
    Raises ValueError where no rate above -100% per unit period solves it.
    """

    def value(i):
        return sum(amount / ((1 + f * i) * (1 + i) ** t) for amount, t, f in payments)

    return _rate(value, advance) * unit_periods_per_year


def apr_eu(advance, payments):
    """Return the effective yearly rate of the European Union's formula, as a share.

    `payments` are (amount, years after the advance). Solves advance = sum of amount * (1 + r)^-years for r.
    Source: Directive 2008/48/EC, annex I. Raises ValueError as `apr` does.
    """
    return _rate(lambda r: sum(amount * (1 + r) ** -years for amount, years in payments), advance)


def _value_of_one(rate, periods):
    """Return the value now of 1 at the end of each of `periods` periods, exact for rates near zero too."""
    return -math.expm1(-periods * math.log1p(rate)) / rate if rate else periods


def _rate(value, target):
    """Return the rate above -1 at which `value`, a falling function of a rate, is `target`, by bisection."""
    low, high = 0.0, 1.0
    while value(high) > target and high < 1e9:
        low, high = high, 2 * high
    while value(low) < target and low > -0.999:
        low = (low - 1) / 2
    if not value(low) >= target > value(high):
        raise ValueError("no rate makes these payments worth the advance")
    for _ in range(100):  # more than the bits of a float
        middle = (low + high) / 2
        if value(middle) >= target:
            low = middle
        else:
            high = middle
    return low

"""Interest, instalments and annual percentage rates in closed form or by one root. All rates are shares: 0.12 is 12%.

Nothing here is rounded: tables round once, when a scenario is lowered.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

Payment = tuple[float, float, float]  # amount, whole unit periods after the advance, and a fraction of one

TINY_GAP = 1e-290  # of times: its inverse is still a number


def monthly_rate(*, yearly: float | None = None, daily: float | None = None) -> float:
    """Return the rate a month of a rate a year (yearly / 12) or a day (daily * 365 / 12).

    A month is a twelfth of a year whatever its length. Raises ValueError unless exactly one of the two is given.
    """
    if yearly is not None and daily is None:
        return yearly / 12
    if daily is not None and yearly is None:
        return daily * 365 / 12
    raise ValueError("give a yearly or a daily rate, and only one of them")


def annuity(amount: float, rate: float, periods: float) -> float:
    """Return the level payment that repays `amount` in `periods` payments, the first one period from now.

    `rate` is per period, above -1, and may be zero. Source: amount * rate / (1 - (1 + rate)^-periods).
    Raises ValueError unless there is at least a part of a period and every number is finite.
    """
    if not (math.isfinite(amount) and math.isfinite(rate) and math.isfinite(periods)):
        raise ValueError(f"found {amount} at {rate} over {periods} periods: finite numbers are needed")
    if periods <= 0:
        raise ValueError(f"found {periods} periods: nothing can be repaid in none")
    return amount / _value_of_one(rate, periods)


def annuity_balance(amount: float, rate: float, periods: float, left: float) -> float:
    """Return what is owed just after a payment of `annuity(amount, rate, periods)`, with `left` payments to come.

    Raises ValueError as `annuity` does, and unless `left` is from 0 to `periods`.
    """
    payment = annuity(amount, rate, periods)
    if not 0 <= left <= periods:
        raise ValueError(f"found {left} payments to come of {periods}")
    return payment * _value_of_one(rate, left) if left else 0.0


def npv(flows: ArrayLike, rate: float, first: float = 0) -> np.ndarray | float:
    """Return the value at time 0 of `flows`, one period apart, the first at time `first`; `rate` is per period.

    `flows` is an array [..., period]; the result has the shape of the leading axes. Raises ValueError for a rate that
    is not above -1.
    """
    _above_minus_one(rate)
    amounts = np.asarray(flows, dtype=float)
    times = first + np.arange(amounts.shape[-1])
    return amounts @ (1 + rate) ** -times.astype(float)


def level_payments(number: int, amount: float, first: int = 1, fraction: float = 0.0) -> list[Payment]:
    """Return `number` equal payments, one unit period apart, as `apr` takes them: [(amount, t, f), ...].

    The first falls `first` whole unit periods and a `fraction` of one after the advance.
    """
    return [(amount, first + k, fraction) for k in range(number)]


def apr(advance: float, payments: Iterable[Payment], unit_periods_per_year: float = 12) -> float:
    """Return the annual percentage rate of US Regulation Z, appendix J (actuarial method), as a share: 0.0969 is 9.69%.

    `payments` are (amount, t, f): `t` whole unit periods and a fraction `f` of one after the advance; one below 0 is a
    further advance. Solves advance = sum of amount / ((1 + f i) (1 + i)^t) for i, the rate per unit period, above
    -100%. Source: 12 CFR 1026, appendix J.
    Raises ValueError where no such rate solves it that a float can hold, and where several might: money goes out again
    after some has come back.
    """
    if not (math.isfinite(unit_periods_per_year) and unit_periods_per_year > 0):
        raise ValueError(f"found {unit_periods_per_year} unit periods a year: a number above 0 is needed")
    return _finite(_rate(advance, payments) * unit_periods_per_year)


def apr_eu(advance: float, payments: Iterable[tuple[float, float]]) -> float:
    """Return the effective yearly rate of the European Union's formula, as a share.

    `payments` are (amount, years after the advance). Solves advance = sum of amount * (1 + r)^-years for r.
    Source: Directive 2008/48/EC, annex I. Raises ValueError as `apr` does.
    """
    return _rate(advance, [(amount, years, 0) for amount, years in payments])


def _value_of_one(rate: float, periods: float) -> float:
    """Return the value now of 1 at the end of each of `periods` periods, exact for rates near zero too."""
    _above_minus_one(rate)
    try:
        return -math.expm1(-periods * math.log1p(rate)) / rate if rate else periods
    except OverflowError:
        raise ValueError(f"a rate of {rate:.3%} over {periods} periods is beyond what a float can hold") from None


def _above_minus_one(rate: float) -> None:
    if not rate > -1:
        raise ValueError(f"found a rate of {rate}: it must be above -1, which is -100%")


def _rate(advance: float, payments: Iterable[Payment]) -> float:
    """Return the rate, above -1, at which what comes in, (amount, t, f) each, is worth what goes out.

    Money out before all money in has one such rate at most: the later an amount, the faster its value falls with the
    rate, so log(value in / value out) falls too. It is solved for log(1 + rate), in which neither end is out of reach.
    A rate nearer to -100% than a float can tell is returned as -1.
    """
    flows = _net_flows(advance, payments)
    comes_in = [amount > 0 for amount, _, _ in flows]
    if comes_in != sorted(comes_in):
        raise ValueError("more than one rate may fit: a payment below 0 comes after one above 0")
    if len(set(comes_in)) < 2:
        missing = "goes out" if any(comes_in) else "comes in"
        raise ValueError(f"no rate makes these payments worth the advance: nothing {missing}")
    amount, t, f = np.array(flows, dtype=float).T
    first_in = comes_in.index(True)
    with np.errstate(divide="ignore"):  # the logarithm of 0 is meant: such a term is not there
        size, whole, part = np.log(np.abs(amount)), np.log1p(-f), np.log(f)

    def out_of_balance(x: float) -> float:
        worth = size - t * x - np.logaddexp(whole, part + x)
        return np.logaddexp.reduce(worth[first_in:]) - np.logaddexp.reduce(worth[:first_in])

    # Amounts differ by less than e^1500, so what comes in last outweighs the rest at the low end, if it is a whole
    # period later than what goes out last; else the fractions of one decide, and at the low end they have.
    gap = t[-1] - t[first_in - 1]
    low, high = -4000 / min(max(gap, TINY_GAP) if gap else 1, 1), math.log(np.finfo(float).max)
    if not out_of_balance(low) > 0:
        raise ValueError("no rate above -100% makes these payments worth the advance: they are too small")
    if not out_of_balance(high) <= 0:
        raise ValueError("no rate that a float can hold makes these payments worth the advance: they are too large")
    from scipy.optimize import brentq  # heavy to import

    return math.expm1(brentq(out_of_balance, low, high, xtol=1e-18, rtol=4 * np.finfo(float).eps, maxiter=1000))


def _net_flows(advance: float, payments: Iterable[Payment]) -> list[Payment]:
    """Return [(amount, t, f)] in the order of time, one for each time at which something is left; out is below 0."""
    at: dict[tuple[float, float], list[float]] = {(0, 0): [-advance]}
    for amount, t, f in payments:
        at.setdefault((t, f), []).append(amount)
    for (t, f), amounts in at.items():
        if not (all(map(math.isfinite, (*amounts, t))) and t >= 0 and 0 <= f <= 1):
            raise ValueError(f"found {amounts} at {t} and {f}: finite amounts, 0 or more periods, fractions are needed")
    net = [(math.fsum(amounts), t, f) for (t, f), amounts in sorted(at.items())]
    return [flow for flow in net if flow[0]]


def _finite(rate: float) -> float:
    if math.isinf(rate):
        raise ValueError("no rate that a float can hold makes these payments worth the advance")
    return rate

"""What a panel and its simulation are compared by: each moment defined once, for both."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import less
from simulator.estimation.structural.histories import WRITTEN_OFF, Histories


class Steps(NamedTuple):
    """Each account from one month to the next, [account, step]; False and 0 where a row or an amount is missing."""

    was: np.ndarray  # int8: bucket before, NO_ROW where not open
    now: np.ndarray  # int8: bucket after
    billed: np.ndarray  # bool: something was billed, and what was paid of it is known
    bill: np.ndarray  # float64: the balance before
    paid: np.ndarray  # float64: what was paid, at most the bill
    charged: np.ndarray  # float64: rise of the balance before payment: spending, interest and fees
    owing: np.ndarray  # float64: the balance after
    limit: np.ndarray  # float64: the limit before
    used: np.ndarray  # bool: both balances, payment and limit are known
    full_before: np.ndarray  # bool: the bill of the month before was paid in full


class Moment(NamedTuple):
    """A ratio of two sums over accounts and steps."""

    name: str
    words: str
    of: Callable[[Steps], tuple[np.ndarray, np.ndarray]]  # numerator and denominator, [account, step]
    is_share: bool = True  # of accounts, not of amounts
    is_fitted: bool = True  # else only shown beside: how codes follow payments of the late is the lender's own


class Totals(NamedTuple):
    """Numerators and denominators of all moments, summed over accounts."""

    above: np.ndarray  # float64[moment, step]
    below: np.ndarray  # float64[moment, step]
    cases: np.ndarray  # int64[moment]: accounts and steps in the denominator

    @property
    def values(self) -> np.ndarray:
        """Return float64[moment]: all steps together, NaN of nothing."""
        return _ratio(self.above.sum(axis=1), self.below.sum(axis=1))

    def over(self, steps: np.ndarray) -> np.ndarray:
        """Return float64[moment]: the `steps` (bool[moment, step]) together, NaN of nothing."""
        return _ratio((self.above * steps).sum(axis=1), (self.below * steps).sum(axis=1))

    @property
    def by_step(self) -> np.ndarray:
        """Return float64[moment, step], NaN of nothing."""
        return _ratio(self.above, self.below)


def steps_of(histories: Histories) -> Steps:
    """Return the steps of `histories` from each month to the next."""
    was, now = histories.bucket[:, :-1], histories.bucket[:, 1:]
    was, now = np.where(now < 0, -1, was), np.where(was < 0, -1, now)
    before, after, limit = histories.balance[:, :-1], histories.balance[:, 1:], histories.limit[:, :-1]
    payment = histories.payment[:, 1:]
    bill = np.where(np.isfinite(before), np.maximum(before, 0), 0)
    billed = (was >= 0) & (bill > 0) & np.isfinite(payment)
    paid = np.where(billed, np.minimum(payment, bill), 0)
    charged = after - before + payment
    used = (was >= 0) & (now != WRITTEN_OFF) & np.isfinite(charged) & np.isfinite(limit) & (limit > 0)
    full = np.zeros_like(billed)
    full[:, 1:] = (billed & (paid >= bill))[:, :-1]
    return Steps(
        was,
        now,
        billed,
        bill,
        paid,
        np.where(used, charged, 0),
        np.where(used, after, 0),
        np.where(used, limit, 0),
        used,
        full,
    )


def totals(histories: Histories) -> Totals:
    """Return the sums of every moment of MOMENTS."""
    steps = steps_of(histories)
    sums = [(above.sum(axis=0), below.sum(axis=0), (below > 0).sum()) for above, below in _parts(steps)]
    return Totals(
        *(np.array(part, dtype=kind) for part, kind in zip(zip(*sums, strict=True), (float, float, int), strict=True))
    )


def together(parts: list[Totals]) -> Totals:
    """Return the sums of several replications together."""
    return Totals(*(np.sum(column, axis=0) for column in zip(*parts, strict=True)))


def covariance(histories: Histories) -> np.ndarray:
    """Return float64[moment, moment]: the covariance of the moments from the sampling variation of accounts.

    Linearised ratios summed over the steps of an account, so that its months may hang together in any way; accounts are
    independent. Source: W. G. Cochran, Sampling Techniques (1977), chapter 6 (ratio estimates) and 9 (clusters); it is
    what a bootstrap over accounts tends to. A share of n cases that is 0 or 1, or near, has at least the variance of
    one that is (cases + 1) / (n + 2), so that no moment is taken as certain. 0 where a moment is of nothing.
    """
    steps = steps_of(histories)
    sums = totals(histories)
    influence = np.zeros((len(MOMENTS), len(histories.bucket)))
    for row, parts in zip(influence, _parts(steps), strict=True):
        above, below = (part.sum(axis=1, dtype=np.float64) for part in parts)
        if (size := below.sum()) > 0:
            row[:] = less(above, above.sum() / size * below) / size
    found = influence @ influence.T
    for k, moment in enumerate(MOMENTS):
        if moment.is_share and sums.cases[k]:
            p = (sums.above[k].sum() + 1) / (sums.cases[k] + 2)
            found[k, k] = max(found[k, k], p * (1 - p) / sums.cases[k])
    return found


def _parts(steps):
    """Return (numerator, denominator) of each moment."""
    return [moment.of(steps) for moment in MOMENTS]


def _ratio(above, below):
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _share(event: Callable[[Steps], np.ndarray], among: Callable[[Steps], np.ndarray]):
    """Return the share of those `among` to whom `event` happens."""

    def of(steps):
        base = among(steps)
        return event(steps) & base, base

    return of


def _current(s):
    return s.billed & (s.was == 0)


def _late(s):
    return s.billed & (s.was > 0)


def _part(s):
    return _current(s) & (s.paid > 0) & (s.paid < s.bill)


def _full(s):
    return s.paid >= s.bill


def _payment(among: Callable[[Steps], np.ndarray]):
    """Return what those `among` paid over what they were billed."""

    def of(steps):
        base = among(steps)
        return steps.paid * base, steps.bill * base

    return of


def _over_limit(amount: str, among: Callable[[Steps], np.ndarray]):
    """Return an amount over the limits of those `among`."""

    def of(steps):
        base = among(steps) & steps.used
        return getattr(steps, amount) * base, steps.limit * base

    return of


SHOWN = {"is_fitted": False}
AMOUNT = {"is_share": False}
MOMENTS = (
    Moment("newly_late", "on time with a bill, then late", _share(lambda s: s.now > 0, _current)),
    Moment("cured_1", "bucket 1, then on time", _share(lambda s: s.now == 0, lambda s: s.was == 1)),
    Moment("rolled_1", "bucket 1, then worse", _share(lambda s: s.now > 1, lambda s: s.was == 1)),
    Moment("cured_2", "bucket 2, then on time", _share(lambda s: s.now == 0, lambda s: s.was == 2)),
    Moment("rolled_2", "bucket 2, then worse", _share(lambda s: s.now > 2, lambda s: s.was == 2)),
    Moment("cured_3", "bucket 3 or worse, then on time", _share(lambda s: s.now == 0, lambda s: s.was >= 3)),
    Moment("paid_full", "on time: bill paid in full", _share(_full, _current)),
    Moment(
        "full_again",
        "on time, last bill paid in full: this one too",
        _share(_full, lambda s: _current(s) & s.full_before),
    ),
    Moment("paid_nothing", "on time: nothing paid of the bill", _share(lambda s: s.paid <= 0, _current)),
    Moment("paid_part", "on time, a part paid: payment over bill", _payment(_part), **AMOUNT),
    Moment(
        "charged", "on time: spending and charges over limit", _over_limit("charged", lambda s: s.was == 0), **AMOUNT
    ),
    Moment(
        "late_unpaid",
        "on time, nothing paid: then late",
        _share(lambda s: s.now > 0, lambda s: _current(s) & (s.paid <= 0)),
        **SHOWN,
    ),
    Moment("paid_nothing_late", "late: nothing paid of the bill", _share(lambda s: s.paid <= 0, _late), **SHOWN),
    Moment("paid_late", "late: payment over bill", _payment(_late), **AMOUNT, **SHOWN),
    Moment(
        "charged_late",
        "late: spending and charges over limit",
        _over_limit("charged", lambda s: s.was > 0),
        **AMOUNT,
        **SHOWN,
    ),
    Moment(
        "utilisation",
        "balance over limit at the month's end",
        _over_limit("owing", lambda s: s.used),
        **AMOUNT,
        **SHOWN,
    ),
)
NAMES = tuple(moment.name for moment in MOMENTS)

"""Ratios of a panel: cure, payment over the bill, use of the limit, loss given write-off and when recoveries come.

All standard errors and intervals treat the account as the sampling unit (`simulator.estimation.intervals`).
"""

from typing import NamedTuple

import numpy as np

from simulator.estimation.intervals import LEVEL, Interval, median, ratio_of_sums, share
from simulator.estimation.panels.panel import Panel


class Payment(NamedTuple):
    """What is paid in a month against the bill of the month before, accounts with a bill above 0."""

    aggregate: Interval  # sum paid over sum billed
    median: Interval  # of the accounts' own ratios
    paying_nothing: Interval  # share of account-months that pay 0
    paying_in_full: Interval  # share that pay the bill or more


class Utilisation(NamedTuple):
    """Balance over limit, accounts with a limit above 0; a credit balance counts as it is, below 0."""

    aggregate: Interval
    median: Interval
    over_limit: Interval  # share of account-months with a balance above the limit


class Recovery(NamedTuple):
    """What was lost and got back. Undiscounted; recoveries are gross of their cost."""

    exposure: float  # written off, minor units
    accounts: int
    rate: np.ndarray  # float64[month since write-off]: recovered in it, share of what was written off and watched in it
    watched: np.ndarray  # float64[month since write-off]: written off and watched in it, minor units
    lgd: Interval | None  # 1 - recovered / written off, as far as watched; None where the tape has no recoveries


def cure(panel: Panel, accounts=None, level: float = LEVEL) -> dict[int, Interval]:
    """Return bucket: share of its accounts in bucket 0 or paid off a month later; all month pairs together."""
    rows = _rows(panel, accounts)
    before, after = panel.bucket[rows, :-1], panel.bucket[rows, 1:]
    is_open, paid_off, lost = (_is(panel, kind)[panel.state[rows]] for kind in ("open", "paid_off", "written_off"))
    cured = ((after == 0) & is_open[:, 1:]) | paid_off[:, 1:]
    watched = is_open[:, :-1] & (is_open | paid_off | lost)[:, 1:]
    return {
        int(b): share(cured & watched & (before == b), watched & (before == b), level)
        for b in np.unique(before[watched & (before > 0)])
    }


def payment(panel: Panel, accounts=None, level: float = LEVEL) -> dict[str, Payment]:
    """Return state: Payment of the accounts in it in the month of paying, all months together; {} without payments."""
    rows = _rows(panel, accounts)
    bill, paid, state = panel.balance[rows, :-1], panel.payment[rows, 1:], panel.state[rows, 1:]
    known = (panel.state[rows, :-1] >= 0) & np.isfinite(paid) & (bill > 0)
    found = {}
    for s, kind in enumerate(panel.states):
        due = known & (state == s)
        if due.any():
            billed, got = np.where(due, bill, 0.0), np.where(due, paid, 0.0)
            ratio = np.divide(paid, bill, out=np.full(bill.shape, np.nan), where=due)
            found[kind.name] = Payment(
                ratio_of_sums(got, billed, level),
                median(ratio, level),
                share(due & (paid == 0), due, level),
                share(due & (paid >= bill), due, level),
            )
    return found


def full_payers(panel: Panel, accounts=None, level: float = LEVEL) -> Interval | None:
    """Return the share of bills above 0 that are paid in full within the month after; None without payments."""
    rows = _rows(panel, accounts)
    bill, paid = panel.balance[rows, :-1], panel.payment[rows, 1:]
    due = (panel.state[rows, :-1] >= 0) & (panel.state[rows, 1:] >= 0) & np.isfinite(paid) & (bill > 0)
    return share(due & (paid >= bill), due, level) if due.any() else None


def utilisation(panel: Panel, accounts=None, level: float = LEVEL) -> dict[str, Utilisation]:
    """Return state: Utilisation of the accounts in it, all months together, and "all" of them; none without limits."""
    rows = _rows(panel, accounts)
    balance, limit, state = panel.balance[rows], panel.limit[rows], panel.state[rows]
    known = _is(panel, "open")[state] & np.isfinite(balance) & (limit > 0)
    found = {}
    for name, of in (("all", known), *((kind.name, known & (state == s)) for s, kind in enumerate(panel.states))):
        if of.any():
            used, granted = np.where(of, balance, 0.0), np.where(of, limit, 0.0)
            found[name] = Utilisation(
                ratio_of_sums(used, granted, level),
                median(np.divide(balance, limit, out=np.full(balance.shape, np.nan), where=of), level),
                share(of & (balance > limit), of, level),
            )
    return found


def recovery(panel: Panel, accounts=None, level: float = LEVEL) -> Recovery | None:
    """Return losses and recoveries of accounts written off on the tape; None where it has neither amounts nor such.

    The exposure is what the tape writes off; where it does not say, the balance of the month before the account stood
    as written off. Month 0 is that of the write-off. An account is watched in the months in which the tape has a figure
    for recoveries, 0 included. Accounts written off before the tape are left out: their exposure is not known.
    """
    rows = _rows(panel, accounts)
    state, amount, recovered = panel.state[rows], panel.written_off[rows], panel.recovered[rows]
    stands = _is(panel, "written_off")[state]
    written = np.nan_to_num(amount) > 0
    before = np.roll(np.where(stands, np.nan, panel.balance[rows]), 1, axis=1)
    before[:, 0] = np.nan
    at = np.argmax(written | stands, axis=1)
    each = np.arange(len(rows))
    exposure = np.where(written[each, at], amount[each, at], before[each, at])
    lost = (written | stands).any(axis=1) & (np.nan_to_num(exposure) > 0)
    if not lost.any():
        return None
    exposure, at, recovered = exposure[lost], at[lost], recovered[lost]
    total, n = float(exposure.sum()), int(lost.sum())
    since = np.arange(state.shape[1])[None, :] - at[:, None]
    watched = (since >= 0) & np.isfinite(recovered)
    if not watched.any():
        return Recovery(total, n, np.zeros(0), np.zeros(0), None)
    month, length = since[watched], int(since[watched].max()) + 1
    got = np.bincount(month, recovered[watched], length)
    out_of = np.bincount(month, np.broadcast_to(exposure[:, None], since.shape)[watched], length)
    rate = np.divide(got, out_of, out=np.zeros(length), where=out_of > 0)
    known = watched.any(axis=1)
    back = ratio_of_sums(np.where(watched, recovered, 0.0).sum(axis=1)[known], exposure[known], level)
    lgd = Interval(1 - back.value, back.se, 1 - back.high, 1 - back.low, int(known.sum()))
    return Recovery(total, n, rate, out_of, lgd)


def _rows(panel, accounts):
    return np.arange(len(panel.state)) if accounts is None else np.asarray(accounts)


def _is(panel, kind):
    """Return bool[state + 1]: whether a state is of this kind; the last, NO_ROW, is of none."""
    return np.array([*((not s.is_exit) if kind == "open" else s.bucket == kind for s in panel.states), False])

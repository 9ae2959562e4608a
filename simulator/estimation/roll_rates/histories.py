"""What a panel tells of each account's past, month by month, and where accounts of each past went next.

A past is three counters that the states set without chance: months in the state, the state a month before, and months
since the account was last late. What was before the tape, or in a gap, nobody knows: a counter that began there is only
a least value.
"""

from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.panel import Panel, PanelState

UNKNOWN = -1  # the state a month before, in the first month of the tape or after a gap
MONTHS = 24  # counters end here in the counts; no candidate looks further back
SINCE_LATE = 12


class Counters(NamedTuple):
    """What is remembered of accounts at a month's end; arrays by account. Without meaning where nobody is open."""

    months: np.ndarray  # int64: months in the state, 1 in that of arrival; at least these where not `months_known`
    months_known: np.ndarray  # bool
    before: np.ndarray  # int64: the state a month before, UNKNOWN, or the state itself for new accounts
    since_late: np.ndarray  # int64: 0 while late; never late is as long as it gets; at least these where not known
    since_late_known: np.ndarray  # bool


class Histories(NamedTuple):
    """The pasts that were seen in one state, and what followed. An array by past is sorted by nothing in particular."""

    before: np.ndarray  # int64[past], as in Counters; all others likewise, at their ends where beyond
    months: np.ndarray
    months_known: np.ndarray
    since_late: np.ndarray
    since_late_known: np.ndarray
    moves: np.ndarray  # float64[part, stratum, past, state]: accounts; parts are halves of the accounts
    month: np.ndarray  # int64[stratum]: place among the panel's months of the first of a pair
    group: np.ndarray  # int64[stratum]: number of the segment


def is_late(states: tuple[PanelState, ...]) -> np.ndarray:
    """Return bool[state]: whether accounts in a state are open and late."""
    return np.array([state.is_late(1) for state in states])


def counters(state: np.ndarray, states: tuple[PanelState, ...], longest: int, longest_since: int):
    """Yield the Counters of each month of int8[account, month]; counters end at `longest` and `longest_since`."""
    accounts, late = len(state), np.append(is_late(states), False)
    n_open = sum(not kind.is_exit for kind in states)
    seen = np.zeros(accounts, dtype=bool)
    was = np.full(accounts, -1, dtype=np.int64)
    months, since = np.ones(accounts, dtype=np.int64), np.ones(accounts, dtype=np.int64)
    known, since_known = np.zeros(accounts, dtype=bool), np.zeros(accounts, dtype=bool)
    for m in range(state.shape[1]):
        now = state[:, m].astype(np.int64)
        here, stood = (now >= 0) & (now < n_open), (was >= 0) & (was < n_open)
        goes_on, stays = here & stood, here & stood & (now == was)
        new = ~seen & (m > 0)  # on the tape from here on: opened
        months = np.where(stays, np.minimum(months + 1, longest), 1)
        known = np.where(stays, known, goes_on | new)
        before = np.where(goes_on, was, np.where(new, now, UNKNOWN))
        is_now_late = here & late[now]
        since = np.where(goes_on, np.minimum(since + 1, longest_since), np.where(new, longest_since, 1))
        since = np.where(is_now_late, 0, since)
        since_known = is_now_late | np.where(goes_on, since_known, new)
        yield Counters(months, known, before, since, since_known)
        seen |= now >= 0
        was = now


def histories(panel: Panel, groups: list[np.ndarray], halves: bool = False) -> list[Histories]:
    """Return the Histories of each open state; `groups` are the accounts of each segment that are looked at.

    With `halves` every second account is in a part of its own, else there is one part.
    """
    states, n_open = panel.states, len(panel.open_states)
    rows = np.concatenate(groups)
    group = np.repeat(np.arange(len(groups)), [len(of) for of in groups])
    part = np.arange(len(rows)) % 2 if halves else np.zeros(len(rows), dtype=np.int64)
    state = panel.state[rows]
    sizes = (n_open, 2, len(groups), len(panel.months), n_open + 1, MONTHS + 1, 2, SINCE_LATE + 1, 2, len(states))
    found, times = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for m, counted in zip(range(state.shape[1] - 1), counters(state, states, MONTHS, SINCE_LATE), strict=False):
        now, after = state[:, m].astype(np.int64), state[:, m + 1].astype(np.int64)
        there = (now >= 0) & (now < n_open) & (after >= 0)
        past = counted.before + 1, counted.months, counted.months_known, counted.since_late, counted.since_late_known
        month = np.full(len(now), m)
        columns = [column[there].astype(np.int64) for column in (now, part, group, month, *past, after)]
        if there.any():
            keys, n = np.unique(np.ravel_multi_index(columns, sizes), return_counts=True)
            found.append(keys)
            times.append(n)
    table = np.array(np.unravel_index(np.concatenate(found), sizes))
    n = np.concatenate(times).astype(np.float64)
    return [_of_state(table[1:, table[0] == s], n[table[0] == s], 1 + halves, len(states)) for s in range(n_open)]


def _of_state(table, n, parts, states) -> Histories:
    """Return the Histories of one state from its columns (part, group, month, past..., after) and their counts."""
    strata, stratum = np.unique(table[1:3], axis=1, return_inverse=True)
    pasts, past = np.unique(table[3:8], axis=1, return_inverse=True)
    moves = np.zeros((parts, strata.shape[1], pasts.shape[1], states))
    np.add.at(moves, (table[0], stratum.ravel(), past.ravel(), table[8]), n)
    before, months, months_known, since, since_known = pasts
    return Histories(before - 1, months, months_known > 0, since, since_known > 0, moves, strata[1], strata[0])

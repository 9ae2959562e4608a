"""The rows of a roll matrix: named states, each with what is remembered of the accounts in it.

A history is three counters that moves set without chance: months in the state, the state a month before, and months
since the account was last late. An entry of `memory` is the row of some histories of a state. Histories that move alike
for ever are one row, so that a matrix without memory has one row for each state, in their order.
"""

from typing import NamedTuple

import numpy as np

from simulator.model.kept import kept
from simulator.model.layout import EXITS
from simulator.scenario.schema import Memory, Moves, RollMatrix, State

NO_STATE = -1


class History(NamedTuple):
    """What a row may depend on; counters end where no row looks further back."""

    state: int
    months_in_state: int  # 1 in the month of arrival
    state_before: int  # a month before: the state itself, but in the month of arrival
    months_since_late: int  # 0 while late; the end for those never late


class Rows(NamedTuple):
    """What accounts move by. Row 0 is that of new accounts; rows of a state stand together, states in their order.

    Where there are kinds of people the rows of a further kind follow; exits are those of the first.
    """

    state: np.ndarray  # int64[row]: the named state
    after: np.ndarray  # int64[row, state]: the row after a move to a state
    chance: np.ndarray  # float64[row, state]: of a move, 0 in rows of exits
    opened: np.ndarray  # int64[kind, state]: the row of accounts long in a state, and before it never late
    place: np.ndarray  # int64[kind, state, months in it, state before, months since late]: row, counters to their ends

    def of(self, state, months_in_state, state_before, months_since_late, kind=0) -> np.ndarray:
        """Return int64[account]: the row of accounts with these histories, each int64[account], and of a kind.

        A counter beyond its end is at its end, which is where those belong who were never late. NO_STATE in
        `state_before`, which counts in the month of arrival only, is the state itself.
        """
        _, _, longest, _, since_late = self.place.shape
        came = np.where((months_in_state > 1) | (state_before == NO_STATE), state, state_before)
        months = np.clip(months_in_state, 1, longest) - 1
        return self.place[kind, state, months, came, np.clip(months_since_late, 0, since_late - 1)]


@kept
def rows_of(roll: RollMatrix) -> Rows:
    """Return the rows of a roll matrix, as few as there are ways to move."""
    everyone: list[Moves] = [*roll.kinds] or [roll]
    return _together([_rows(roll.states, moves) for moves in everyone])


def _together(kinds: list[Rows]) -> Rows:
    """Return the rows of several kinds of people one after the other; exits are those of the first."""
    first, *others = kinds
    state, after, chance, opened, place = [first.state], [first.after], [first.chance], [first.opened], [first.place]
    shape = np.max([one.place.shape for one in kinds], axis=0)
    for one in others:
        goes_on = one.chance.any(axis=1)
        start = sum(map(len, state))
        row = np.where(goes_on, start + np.cumsum(goes_on) - 1, first.opened[0, one.state])
        state.append(one.state[goes_on])
        after.append(row[one.after[goes_on]])
        chance.append(one.chance[goes_on])
        opened.append(row[one.opened])
        place.append(row[one.place])
    wide = [np.pad(one, [(0, most - n) for most, n in zip(shape, one.shape, strict=True)], "edge") for one in place]
    return Rows(*map(np.concatenate, (state, after, chance, opened, wide)))


def _rows(named: list[State], moves: Moves) -> Rows:
    """Return the rows of people of one kind."""
    roll = RollMatrix(states=named, matrix=moves.matrix, counts=moves.counts, memory=moves.memory)
    histories, after = _histories(roll)
    chance = np.stack([_chance(roll, history) for history in histories])
    states = np.array([history.state for history in histories])
    alike = _alike(np.unique(np.column_stack([states, chance]), axis=0, return_inverse=True)[1].ravel(), after)
    first = np.unique(alike, return_index=True)[1]  # the history of each row
    exits = [s for s, state in enumerate(roll.states) if state.bucket in EXITS]
    order = sorted([*((states[k], k) for k in first.tolist()), *((s, NO_STATE) for s in exits)])
    row = {NO_STATE - s: r for r, (s, k) in enumerate(order) if k == NO_STATE}  # an exit, else a class of histories
    row |= {int(alike[k]): r for r, (_, k) in enumerate(order) if k != NO_STATE}
    numbers = np.array([row[c] for c in alike.tolist()])
    n, table = len(roll.states), np.zeros((len(order), len(roll.states)), dtype=np.int64)
    chances, opening = np.zeros(table.shape), np.zeros(n, dtype=np.int64)
    is_open = np.array([s not in exits for s in range(n)])
    for r, (_, k) in enumerate(order):
        table[r, exits] = [row[NO_STATE - s] for s in exits]
        if k != NO_STATE:
            table[r, is_open], chances[r] = numbers[after[k]], chance[k]
        else:
            table[r] = r
    place = _places(histories, numbers, n)
    opening[is_open] = place[is_open, -1, is_open.nonzero()[0], np.where(_is_late(roll)[is_open], 0, -1)]
    opening[exits] = [row[NO_STATE - s] for s in exits]
    return Rows(np.array([s for s, _ in order]), table, chances, opening[None], place[None])


def _histories(roll: RollMatrix) -> tuple[list[History], np.ndarray]:
    """Return every history that can be, those of new accounts first, and int64[history, open state]: the one after."""
    longest = max([1, *(_end(entry.months_in_state) for entry in roll.memory)])
    since_late = max([0, *(_end(entry.months_since_late) for entry in roll.memory)])
    late, is_open = _is_late(roll), [s for s, state in enumerate(roll.states) if state.bucket not in EXITS]
    number = {History(s, 1, s, 0 if late[s] else since_late): k for k, s in enumerate(is_open)}
    found, after = list(number), []
    for history in found:  # which grows
        since = min(history.months_since_late + 1, since_late)
        then = [
            History(to, min(history.months_in_state + 1, longest) if to == history.state else 1, history.state, since)
            for to in is_open
        ]
        then = [each._replace(months_since_late=0) if late[each.state] else each for each in then]
        for each in then:
            if each not in number:
                number[each] = len(number)
                found.append(each)
        after.append([number[each] for each in then])
    return found, np.array(after)


def _is_late(roll: RollMatrix) -> np.ndarray:
    """Return bool[state]: whether accounts in it are late."""
    return np.array([state.bucket not in EXITS and state.bucket != 0 for state in roll.states])


def _end(months: list[int]) -> int:
    """Return the number of months from which on a range makes no difference."""
    return months[0] if len(months) == 1 else months[1] + 1


def _chance(roll: RollMatrix, history: History) -> np.ndarray:
    """Return float64[state]: the chances to move of accounts with a history, by the first row that fits."""
    given: list[float] = next((entry.counts for entry in roll.memory if _fits(entry, history, roll)), [])
    if not given:
        is_open = [s for s, state in enumerate(roll.states) if state.bucket not in EXITS]
        given = (roll.matrix or roll.counts or [])[is_open.index(history.state)]
    chances = np.asarray(given, dtype=np.float64)
    return chances / chances.sum()


def _fits(entry: Memory, history: History, roll: RollMatrix) -> bool:
    """Return whether a row is that of accounts with a history."""
    names = [state.name for state in roll.states]
    within = (
        range(months[0], months[1] + 1 if len(months) == 2 else 10**9)
        for months in (entry.months_in_state, entry.months_since_late)
    )
    counters = history.months_in_state, history.months_since_late
    came = entry.state_before is None or names[history.state_before] in entry.state_before
    return entry.state == names[history.state] and came and all(c in w for c, w in zip(counters, within, strict=True))


def _alike(group: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return int64[history]: the coarsest groups inside `group` whose members go to the same groups by every move.

    Source: E. F. Moore, Gedanken-experiments on sequential machines (1956).
    """
    while True:
        finer = np.unique(np.column_stack([group, group[after]]), axis=0, return_inverse=True)[1].ravel()
        if finer.max() == group.max():
            return finer
        group = finer


def _places(histories: list[History], rows: np.ndarray, states: int) -> np.ndarray:
    """Return the row by history; one that cannot be, as a tape may have it, has the row of the nearest that can."""
    known = np.array(histories)
    longest, since_late = known[:, 1].max(), known[:, 3].max()
    table = np.zeros((states, longest, states, since_late + 1), dtype=np.int64)
    for place in np.ndindex(table.shape):
        state, months, came, since = place
        apart = np.abs(known - (state, months + 1, came, since)) * (10**6, 100, 10**4, 1)
        apart[:, 2] = np.minimum(apart[:, 2], 10**4)
        table[place] = rows[apart.sum(axis=1).argmin()]
    return table

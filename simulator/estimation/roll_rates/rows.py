"""The rows that accounts of a panel move by, and the row after each move.

Rows are states, states with what is remembered, or the states of each kind of people.
"""

from typing import Any, NamedTuple

import numpy as np

from simulator.estimation.panels.panel import Group, Panel
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.histories import Counters, counters, histories
from simulator.estimation.roll_rates.kinds import Kinds
from simulator.model.layout import MAX_MONTHS_BACK, MAX_ROWS
from simulator.scenario.histories import Rows, rows_of
from simulator.scenario.schema import RollMatrix


class BookRows(NamedTuple):
    """Rows by group, a product and segment of the panel; those that a group has fewer of are filled up with row 0.

    A cell is what has chances of its own: first each open state, for accounts of which nothing is remembered, then the
    chosen cells, or the states of each kind of people. Several rows may have one cell: by them it is told what an
    account will be in later.
    """

    state: np.ndarray  # int64[group, row]: open state
    cell: np.ndarray  # int64[group, row]
    after: np.ndarray  # int64[group, row, open state]: the row after a move
    start: np.ndarray  # int64[group, row]: accounts in the last month
    cell_state: np.ndarray  # int64[group, cell]
    leaning: np.ndarray  # float64[group, cell after those of states, state]: their moves, as they lean on their state


def book_rows(panel: Panel, remembered: dict[str, Remembered]) -> tuple[BookRows, list[np.ndarray]]:
    """Return the rows of each group, and int64[account of it], the row it is in in the last month, -1 if not open.

    There is one row for each open state where nothing is remembered.
    """
    n_open, n = len(panel.open_states), len(panel.states)
    groups = list(panel.groups())
    parts = [_of_group(panel, group, remembered.get(group.product)) for group in groups]
    most = [max((len(part[k]) for part in parts), default=n_open) for k in (0, 3, 4)]
    states, cells, starts = (np.zeros((len(groups), most[0]), dtype=np.int64) for _ in range(3))
    after = np.zeros((len(groups), most[0], n_open), dtype=np.int64)
    cell_states = np.zeros((len(groups), most[1]), dtype=np.int64)
    leanings = np.zeros((len(groups), most[2], n))
    for g, (state, cell, following, cell_state, leaning, place) in enumerate(parts):
        states[g, : len(state)], cells[g, : len(state)], after[g, : len(state)] = state, cell, following
        starts[g] = np.bincount(place[place >= 0], minlength=most[0])
        cell_states[g, : len(cell_state)], leanings[g, : len(leaning)] = cell_state, leaning
    return BookRows(states, cells, after, starts, cell_states, leanings), [part[5] for part in parts]


def most_cells(remembered: dict[str, Remembered]) -> int:
    """Return how many cells the product has that has most."""
    of_kinds = (found.kinds.cells for found in remembered.values() if found.kinds)
    return max([0, *(sum(len(of.cells) for of in found.states) for found in remembered.values()), *of_kinds])


def cell_counts(panel: Panel, remembered: dict[str, Remembered]) -> np.ndarray:
    """Return int64[pair, group, cell, state]: moves of each pair of months by cell, those of unknown past by state.

    Where there are kinds of people, each account's are those of its kind.
    """
    n_open, n, pairs, groups = len(panel.open_states), len(panel.states), list(panel.pairs()), list(panel.groups())
    most = n_open + most_cells(remembered)
    found = np.zeros((len(pairs), len(groups), most, n), dtype=np.int64)
    place = {pair.first: k for k, pair in enumerate(pairs)}
    for g, group in enumerate(groups):
        cell = n_open
        for k, pair in enumerate(pairs):
            found[k, g, :n_open] = panel.moves(pair, group.accounts)
        own = remembered.get(group.product)
        if own and own.kinds:
            found[:, g] = _by_kind(panel, group, own.kinds.kind[own.segments.index(group.segment)], found[:, g].shape)
        chosen = own.states if own else ()
        past = histories(panel, [group.accounts]) if chosen else []
        for of in chosen:
            of_state = past[of.state]
            may = np.array([each.may_hold(of_state) for each in of.cells])
            for each in may & (may.sum(axis=0) == 1):
                moves = of_state.moves[0, :, each].sum(axis=0).astype(np.int64)
                at = [place[m] for m in of_state.month.tolist()]
                found[at, g, cell] = moves
                found[at, g, of.state] -= moves
                cell += 1
    return found


def fine_counts(panel: Panel, remembered: dict[str, Remembered]) -> tuple[np.ndarray, np.ndarray]:
    """Return (int64[pair, group, row, state], int64[group, row]): moves by rows finer than cells; of each row its cell.

    For what months do rather than pasts: cells are coarser than the truth, and accounts that grow old within a cell
    would look like a factor that lasts. Those of unknown past grow old too, and are left out of states with cells.
    """
    pairs = len(list(panel.pairs()))
    finer = {product: of.finer(pairs) for product, of in remembered.items()}
    counts, groups, n_open = cell_counts(panel, finer), list(panel.groups()), len(panel.open_states)
    cell = np.zeros(counts.shape[1:3], dtype=np.int64)
    for g, group in enumerate(groups):
        cell[g, :n_open] = np.arange(n_open)
        own, number, row = remembered.get(group.product), n_open, n_open
        for of in own.states if own else ():
            counts[:, g, of.state] = 0
            for each in of.cells:
                many = len(each.divided(pairs))
                cell[g, row : row + many] = number
                number, row = number + 1, row + many
        if own and own.kinds:
            cell[g, n_open : n_open + own.kinds.cells] = n_open + np.arange(own.kinds.cells)
    return counts, cell


def _by_kind(panel: Panel, group: Group, kind: np.ndarray, shape) -> np.ndarray:
    """Return int64[pair, cell, state], moves of a group's accounts, of each kind in the cells of its states."""
    n_open, found = len(panel.open_states), np.zeros(shape, dtype=np.int64)
    for k in np.unique(kind).tolist():
        cells = slice((k + 1) * n_open, (k + 2) * n_open)
        for p, pair in enumerate(panel.pairs()):
            found[p, cells] = panel.moves(pair, group.accounts[kind == k])
    return found


def within_rows(panel: Panel, remembered: dict[str, Remembered], most: int = MAX_ROWS) -> dict[str, Remembered]:
    """Return what is remembered, but of a product that needs more than `most` rows without the states of least gain."""
    found = dict(remembered)
    for group in panel.groups():
        while (own := found[group.product]).states:
            if len(rows_of(matrix_with_memory(panel, group, own)).state) <= most:
                break
            found[group.product] = own.without_least(f"more than {most} rows with the other states")
    return found


def matrix_with_memory(panel: Panel, group: Group, remembered: Remembered) -> RollMatrix:
    """Return the roll matrix of a group with its entries of `memory`, as a scenario has it."""
    counts = _pooled(panel, group)
    states: list[dict[str, Any]] = [
        {"name": s.name, "bucket": s.bucket, "at_least": s.at_least and not s.is_exit} for s in panel.states
    ]
    entries = remembered.entries(panel, group.segment)
    return RollMatrix.model_validate({"states": states, "counts": counts.tolist(), "memory": entries})


def _pooled(panel: Panel, group: Group) -> np.ndarray:
    """Return float64[open state, state], the moves of all months together; a row of nobody stays where it is."""
    counts = np.sum([panel.moves(pair, group.accounts) for pair in panel.pairs()], axis=0).astype(np.float64)
    empty = np.flatnonzero(counts.sum(axis=1) == 0)
    counts[empty, empty] = 1.0
    return counts


def last_counters(panel: Panel, accounts: np.ndarray) -> Counters:
    """Return the Counters of accounts in the panel's last month, as far back as a scenario may look."""
    *_, last = counters(panel.state[accounts], panel.states, MAX_MONTHS_BACK, MAX_MONTHS_BACK)
    return last


def expected(panel: Panel, remembered: dict[str, Remembered], months: int) -> np.ndarray:
    """Return float64[month, state]: how many of the accounts open in the last month are expected where, by the powers.

    Of the pooled rows, without a factor.
    """
    book, _ = book_rows(panel, remembered)
    n_open, n, groups = len(panel.open_states), len(panel.states), list(panel.groups())
    found = np.zeros((months, n))
    for g, group in enumerate(groups):
        counts = np.concatenate([_pooled(panel, group), book.leaning[g]])
        chance = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300))[book.cell[g]]
        here, gone = book.start[g].astype(np.float64), np.zeros(n)
        for m in range(months):
            flow = here[:, None] * chance
            here = np.bincount(book.after[g].ravel(), flow[:, :n_open].ravel(), minlength=len(here))
            gone[n_open:] += flow[:, n_open:].sum(axis=0)
            found[m] += gone + np.append(flow[:, :n_open].sum(axis=0), np.zeros(n - n_open))
    return found


def _of_group(panel: Panel, group: Group, remembered: Remembered | None):
    """Return (state, cell, after, state of each cell, leaning) of a group, and the row of each account, -1 if none."""
    n_open, n = len(panel.open_states), len(panel.states)
    state = panel.state[group.accounts, -1].astype(np.int64)
    is_open, own = (state >= 0) & (state < n_open), np.arange(n_open)
    if remembered and remembered.kinds:
        return _of_kinds(remembered.kinds, remembered.segments.index(group.segment), np.where(is_open, state, -1))
    if not remembered or not remembered.states:
        return own, own, np.tile(own, (n_open, 1)), own, np.zeros((0, n)), np.where(is_open, state, -1)
    rows = rows_of(matrix_with_memory(panel, group, remembered))
    g = remembered.segments.index(group.segment)
    of_state = np.concatenate([own, *([of.state] * len(of.cells) for of in remembered.states)])
    chance = np.concatenate([of.chance[g] for of in remembered.states])
    leaning = chance * np.maximum(np.concatenate([of.n[g] for of in remembered.states]), 1.0)[:, None]
    last = last_counters(panel, group.accounts[is_open])
    place = np.full(len(state), -1)
    place[is_open] = rows.of(state[is_open], last.months, last.before, last.since_late)
    there = rows.state < n_open
    cell = np.array([_cell(rows, row, chance, of_state[n_open:], n_open) for row in np.flatnonzero(there)])
    return rows.state[there], cell, rows.after[there][:, :n_open], of_state, leaning, place


def _of_kinds(kinds: Kinds, g: int, state: np.ndarray):
    """Return what `_of_group` does: a row for each open state of each kind, of which no move leaves its kind."""
    counts = kinds.counts(g)
    many, n_open, n = counts.shape
    of_state = np.tile(np.arange(n_open), many)
    after = np.repeat(np.arange(many) * n_open, n_open)[:, None] + np.arange(n_open)
    place = np.where(state >= 0, kinds.kind[g] * n_open + state, -1)
    cell_state = np.concatenate([np.arange(n_open), of_state])
    return of_state, n_open + np.arange(many * n_open), after, cell_state, counts.reshape(-1, n), place


def _cell(rows: Rows, row, chance: np.ndarray, of_state: np.ndarray, n_open: int) -> int:
    """Return the number of the cell that a row moves by: of its state the one with its chances, else its state's."""
    apart = np.where(of_state == rows.state[row], np.abs(chance - rows.chance[row]).max(axis=1), np.inf)
    return n_open + int(apart.argmin()) if apart.min(initial=np.inf) < ROUNDED else int(rows.state[row])


ROUNDED = 1e-4  # chances that an entry's counts, of four digits, may be off

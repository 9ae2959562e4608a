"""Where a scenario's accounts stand some months ahead, by named state: what the report of a run does not keep."""

from typing import NamedTuple

import numpy as np

from simulator.kernel.kept import advance
from simulator.kernel.names import (
    ACTIVE,
    BALANCE,
    CLOSED,
    K_COUNT,
    K_ENTRY,
    K_SEGMENT,
    K_TAPE_ROW,
    LANES,
    LOAN,
    N_ACCOUNT,
    N_BORROWER,
    N_STATE,
    PRODUCTS,
    STATE,
    STATUS,
    TO_WRITTEN_OFF,
    X_MONTHS_LEFT,
)
from simulator.kernel.tables import Sums
from simulator.lower import Lowered, tables_for
from simulator.sums import empty_sums


class Ahead(NamedTuple):
    """Accounts by state after a month, one row for each replication."""

    counts: np.ndarray  # int64[replication, segment, product, state]; accounts that left the open book are nowhere
    written_off: np.ndarray  # int64[replication, segment, product], since the start


def states_ahead(lowered: Lowered, month: int = 1, progress=lambda done: None) -> Ahead:
    """Return where the opening book's accounts stand at the end of `month`, in every replication.

    Loans of a tape that had their last due left at the start are left out: who pays it has left.
    The same people and luck as in a run, lived by the same kernel; only the state that a run throws away is read.
    """
    tiles = np.ascontiguousarray(lowered.tiles[lowered.tiles[:, K_ENTRY] == 0])
    n = lowered.replications, len(lowered.segments), len(PRODUCTS)
    counts, gone = np.zeros((*n, 16), np.int64), np.zeros(n, np.int64)
    for r in range(lowered.replications):
        tables = tables_for(lowered, r, r + 1)
        sums: Sums = empty_sums(1, lowered.months_total, len(lowered.segments))
        store = np.zeros((1, len(tiles), N_STATE, LANES), np.int32)
        advance(tables, lowered.levers, tiles, lowered.tape, r, r + 1, 1, month, True, store, *sums)
        for t, tile in enumerate(tiles):
            columns, g = store[0, t, :, : tile[K_COUNT]], tile[K_SEGMENT]
            for p in range(len(PRODUCTS)):
                account = columns[N_BORROWER + p * N_ACCOUNT : N_BORROWER + (p + 1) * N_ACCOUNT]
                is_open = (account[STATUS] >= ACTIVE) & (account[STATUS] <= CLOSED)
                if p == LOAN:
                    is_open &= (account[BALANCE] > 0) & ~_ends_by_schedule(lowered.tape, tile)
                counts[r, g, p] += np.bincount(account[STATE][is_open], minlength=16)
        gone[r] = sums.rolls[:, 1 : month + 1, :, :, :, TO_WRITTEN_OFF, 0].sum(axis=(0, 1, 4))
        progress(r + 1)
    return Ahead(counts, gone)


def _ends_by_schedule(tape: np.ndarray, tile: np.ndarray) -> np.ndarray:
    """Return bool[borrower of the tile]: whether its loan had at most one due left on the tape."""
    if tile[K_TAPE_ROW] < 0:
        return np.zeros(tile[K_COUNT], dtype=bool)
    return tape[tile[K_TAPE_ROW] : tile[K_TAPE_ROW] + tile[K_COUNT], LOAN, X_MONTHS_LEFT] <= 1

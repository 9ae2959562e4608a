"""Where a scenario's accounts stand some months ahead, by named state: what the report of a run does not keep."""

from typing import NamedTuple

import numpy as np

from simulator.kernel.names import (
    ACTIVE,
    CLOSED,
    K_COUNT,
    K_ENTRY,
    K_SEGMENT,
    LANES,
    N_ACCOUNT,
    N_BORROWER,
    N_STATE,
    PRODUCTS,
    STATE,
    STATUS,
    TO_WRITTEN_OFF,
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

    The same people and luck as in a run, lived by the same kernel; only the state that a run throws away is read.
    """
    from simulator.kernel.tile import advance  # numba and the compiled code: only a run pays for them

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
                counts[r, g, p] += np.bincount(account[STATE][is_open], minlength=16)
        gone[r] = sums.rolls[:, 1 : month + 1, :, :, :, TO_WRITTEN_OFF, 0].sum(axis=(0, 1, 4))
        progress(r + 1)
    return Ahead(counts, gone)

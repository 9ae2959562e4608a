"""One borrower lived by the kernel, month by month: the same integers as in a whole run."""

from typing import NamedTuple

import numpy as np

from simulator import engine
from simulator.kernel.kept import advance
from simulator.kernel.names import K_COUNT, K_ENTRY, K_FIRST, K_SEGMENT, K_TAPE_ROW, LANES, N_STATE
from simulator.kernel.tables import Levers, Tables


class Life(NamedTuple):
    """What happened to one borrower; columns of states and flows as in `kernel.names`, amounts in minor units."""

    entry: int  # 0: of the opening book, else the month of the application
    states: dict[int, tuple[int, ...]]  # by month, at its end; of the opening book also month 0, as it opens
    flows: np.ndarray  # int64[month + 1, product, N_FLOWS]; month 0 is the opening


def alone(tile, index: int) -> np.ndarray:
    """Return int64[1, N_TILE]: the tile that holds only the borrower `index` of `tile`."""
    one = np.array([tile], dtype=np.int64)
    if one[0, K_TAPE_ROW] >= 0:
        one[0, K_TAPE_ROW] += index - one[0, K_FIRST]
    one[0, K_FIRST], one[0, K_COUNT] = index, 1
    return one


def live(tables: Tables, levers: Levers, tile, tape, replication: int, months: int) -> Life:
    """Return the life of the one borrower of `tile` (from `alone`) in months 1 to `months` of a replication.

    `tables` are those of that replication alone. A span of one month at a time keeps the state after each.
    """
    segment, entry = int(tile[0, K_SEGMENT]), int(tile[0, K_ENTRY])
    sums = engine.empty_sums(1, months, len(tables.segment))
    store = np.zeros((1, 1, N_STATE, LANES), np.int32)
    states = {}

    def span(month_from, month_to, into):
        advance(
            tables, levers, tile, tape, replication, replication + 1, month_from, month_to, True, store, *into
        )  # fmt: skip
        states[month_to] = tuple(store[0, 0, :, 0].tolist())

    if entry == 0:  # a span that ends before month 1 loads the borrower; month 1 loads and books the opening again
        span(1, 0, engine.empty_sums(1, 0, len(tables.segment)))
    for month in range(max(entry, 1), months + 1):
        span(month, month, sums)
    return Life(entry, states, sums.flows[0].sum(0)[:, segment])

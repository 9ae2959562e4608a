"""One borrower simulated by the kernel, month by month: the same integers as in a whole run."""

from typing import NamedTuple

import numpy as np

from simulator.engine.trajectories import Trajectories
from simulator.model.layout import K_COUNT, K_ENTRY, K_FIRST, K_SEGMENT, K_TAPE_ROW
from simulator.model.tables import Levers, Tables


class Life(NamedTuple):
    """What happened to one borrower; columns of states and flows as in `model.layout`, amounts in minor units."""

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

    `tables` are those of that replication alone.
    """
    segment, entry = int(tile[0, K_SEGMENT]), int(tile[0, K_ENTRY])
    lives = Trajectories(tables, levers, tile, tape, range(replication, replication + 1), months)
    states = {month: tuple(lives.advance_to(month)[0, 0, :, 0].tolist()) for month in range(entry, months + 1)}
    return Life(entry, states, lives.sums.flows[0].sum(0)[:, segment])

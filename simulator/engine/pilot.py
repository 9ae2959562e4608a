"""How long a run takes: counted where that is little, else measured on a small part of it, on this machine as it is."""

import time
from collections.abc import Sequence

import numpy as np

from simulator.engine import engine
from simulator.lowering.lower import Lowered
from simulator.model.layout import K_ENTRY, LANES
from simulator.system.needs import Needs

NS = 25  # per borrower of a full tile and month, on one thread: more than most roads take (assumption, 8 to 30)
COUNTED = 15.0  # seconds up to which a count is enough: nobody is told of less than a minute
PART = 0.3  # seconds, counted, of the part of a world that is measured
FEW = 4  # replications of that part
LOWERED = 0.02  # seconds in which a lender of which some numbers are others is lowered
BESIDE = 300 << 20  # bytes of the program and its libraries


def needs_of(worlds: Sequence[Lowered], threads: int, memory: int, times: float = 1.0, least: float = 0.0) -> Needs:
    """Return what living some worlds takes, `times` over, with so many bytes of `memory` for their sums.

    `least` are the seconds of what is done meanwhile.
    """
    counted = [_counted(world) / threads for world in worlds]
    if times * sum(counted) <= COUNTED:
        return Needs(max(times * sum(counted), least), memory + BESIDE)
    known: dict[int, float] = {}  # seconds of a counted second, by world; swap sets and others are like the first
    seconds = 0.0
    for world, of_it in zip(worlds, counted, strict=True):
        if bool(world.readers) not in known:
            known[bool(world.readers)] = _measured(world, threads) / max(of_it, 1e-9)
        seconds += known[bool(world.readers)] * of_it
    return Needs(max(times * seconds, least), memory + BESIDE)


def _counted(world: Lowered) -> float:
    """Return the seconds that one thread would take at NS, of tiles that are as good as full."""
    months = np.maximum(world.months_total + 1 - np.maximum(world.tiles[:, K_ENTRY], 1), 0)
    return float(months.sum()) * LANES * world.replications * NS / 1e9


def _measured(world: Lowered, threads: int) -> float:
    """Return the seconds that a world takes, by living some of its tiles in some of its replications."""
    replications = min(world.replications, FEW)
    one = _counted(world) / world.replications / max(len(world.tiles), 1)  # of a tile in a replication
    wanted = max(int(PART * threads / max(one, 1e-9) / replications), 2 * threads)
    tiles = np.ascontiguousarray(world.tiles[:: max(len(world.tiles) // wanted, 1)])
    part = world._replace(tiles=tiles, replications=replications)
    begun = time.perf_counter()
    engine.run(part, threads)
    return (time.perf_counter() - begun) * _counted(world) / _counted(part)

"""Processor seconds of one thread as the book grows, and as the months do: both are straight lines.

One replication, so drawing the people is in it: a fixed cost for each borrower, whatever the months.
"""

from functools import partial
from typing import NamedTuple

from simulator.engine import engine

from .timing import seconds
from .worlds import shipped

BORROWERS, LARGE_BORROWERS = (1_000, 10_000, 100_000, 1_000_000), (10_000_000, 100_000_000)
AT_MONTHS = 12  # how long the books of BORROWERS are lived
MONTHS = (1, 12, 24, 60, 120)
AT_BORROWERS = 40_000  # how many live MONTHS
ROUNDS = 8  # of which the best counts; the large books run once


class Growth(NamedTuple):
    """Seconds of a run."""

    borrowers: dict[int, float]  # over AT_MONTHS
    months: dict[int, float]  # of AT_BORROWERS


def measure(full: bool = False, progress=lambda name: None) -> Growth:
    """Return the seconds by borrowers, to 10^8 of them with `full` and else to 10^6, and by months."""
    borrowers = _alternate({n: shipped("huabei", n, 1, AT_MONTHS) for n in BORROWERS}, ROUNDS, progress)
    if full:
        borrowers |= _alternate({n: shipped("huabei", n, 1, AT_MONTHS) for n in LARGE_BORROWERS}, 1, progress)
    months = _alternate({n: shipped("huabei", AT_BORROWERS, 1, n) for n in MONTHS}, ROUNDS, progress)
    return Growth(borrowers, months)


def _alternate(worlds, rounds, progress):
    """Return the least processor seconds of each world, all of them once in each round."""
    least = dict.fromkeys(worlds, float("inf"))
    for _ in range(rounds):
        for size, world in worlds.items():
            progress(f"{world.settings.portfolio.borrowers:,} borrowers x {world.months} months")
            least[size] = min(least[size], seconds(partial(engine.run, world, 1))[1])
    return least


def straightness(seconds_at: dict[int, float]) -> float:
    """Return the slope between the two largest sizes over that between the two before: 1 for a straight line."""
    (x0, y0), (x1, y1), (x2, y2) = sorted(seconds_at.items())[-3:]
    return (y2 - y1) / (x2 - x1) / ((y1 - y0) / (x1 - x0))

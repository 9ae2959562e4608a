"""Nanoseconds per borrower-month of the tile kernel, the scalar kernel and good NumPy, alternated in one process.

A borrower-month is a borrower with an open line at the start of a month, counted from the flows: work on written-off
accounts is in the time but not in the count. The machine drifts, so every round runs every case once; the best of the
rounds is what the code can do, the median what the machine gave. Compiling and drawing scenarios stay outside.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from simulator import engine
from simulator.kernel.names import F_ACCOUNTS, F_N_GRANTED, LINE

from . import numpy_month
from .worlds import shipped

ROUNDS = 5


class Case(NamedTuple):
    """Something to time."""

    name: str
    words: str
    run: Callable[[], object]
    borrower_months: int


class Timed(NamedTuple):
    """Times of a case over the rounds, in nanoseconds per borrower-month."""

    name: str
    words: str
    wall: list[float]
    cpu: list[float]  # of all threads

    @property
    def best(self):
        """Return the shortest wall time."""
        return min(self.wall)

    @property
    def median(self):
        """Return the median wall time."""
        return statistics.median(self.wall)

    @property
    def best_cpu(self):
        """Return the shortest processor time."""
        return min(self.cpu)


def on_book(sums) -> int:
    """Return the borrowers with an open line at the start of a month, or granted one in it, over all months."""
    line = sums.flows[:, :, :, :, LINE]
    return int(line[:, :, :-1, :, F_ACCOUNTS].sum() + line[:, :, 1:, :, F_N_GRANTED].sum())


def cases(threads: int) -> list[Case]:
    """Return the cases, compiled; AssertionError if kernel and NumPy differ in any sum of a small book.

    A book is drawn once and lived several times, as in any run with replications. NumPy is given its people.
    """
    small = shipped("huabei", borrowers=5_000, replications=2)
    if not numpy_month.agrees(numpy_month.run(small, numpy_month.opening(small)), engine.run(small)):
        raise AssertionError("the NumPy month gives other sums than the kernel: the comparison would not be fair")
    line = shipped("huabei", borrowers=40_000, replications=10)
    for_numpy = line._replace(replications=2)
    chunks = numpy_month.opening(for_numpy)
    books = {
        "line": ("line only", line),
        "line_and_loan": ("line and loan", shipped("base/consumer", borrowers=40_000, replications=6)),
        "roll_rates": ("line only, roll_rates", shipped("taiwan_cards", borrowers=40_000, replications=6)),
    }
    found = []
    for name, (words, world) in books.items():
        work = on_book(engine.run(world))
        slow = "scalar_twin" if name == "line" else f"{name}_scalar"
        found.append(Case(name, f"{words}, tile kernel", partial(engine.run, world, 1), work))
        found.append(Case(slow, f"{words}, scalar kernel", partial(engine.run, world, 1, fast=False), work))
        if threads > 1:
            both = partial(engine.run, world, 2)
            found.append(Case(f"{name}_two_cores", f"{words}, tile kernel, 2 threads", both, work))
    rival = partial(numpy_month.run, for_numpy, chunks)
    return [*found, Case("tuned_numpy", "line only, NumPy", rival, on_book(engine.run(for_numpy)))]


def alternate(cases: list[Case], rounds: int = ROUNDS, progress=lambda name, done, total: None) -> list[Timed]:
    """Return the times of all cases, one after the other in each round."""
    timed = [Timed(case.name, case.words, [], []) for case in cases]
    for _ in range(rounds):
        for case, times in zip(cases, timed, strict=True):
            wall, cpu = time.perf_counter_ns(), time.process_time_ns()
            case.run()
            times.wall.append((time.perf_counter_ns() - wall) / case.borrower_months)
            times.cpu.append((time.process_time_ns() - cpu) / case.borrower_months)
            progress(case.words, case.borrower_months, rounds * sum(c.borrower_months for c in cases))
    return timed

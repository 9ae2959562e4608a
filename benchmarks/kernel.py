"""Nanoseconds per borrower-month of the tile kernel, the scalar kernel and good NumPy, alternated in one process.

A borrower-month is a borrower with an open line at the start of a month, counted from the flows: work on written-off
accounts is in the time but not in the count. The machine drifts, so every round runs every case once; the best of the
rounds is what the code can do, the median what the machine gave. Compiling and drawing scenarios stay outside.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from simulator import engine
from simulator.kernel.names import F_ACCOUNTS, F_N_GRANTED, LINE
from simulator.lower import Lowered

from . import numpy_month
from .worlds import shipped

ROUNDS = 7


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
    """Return the cases, each run once before; AssertionError if kernel and NumPy differ in any sum of a small book."""
    small = shipped("huabei", borrowers=5_000, replications=2)
    if not numpy_month.agrees(numpy_month.run(small, numpy_month.opening(small)), engine.run(small)):
        raise AssertionError("the NumPy month gives other sums than the kernel: the comparison would not be fair")
    line = shipped("huabei", borrowers=40_000, replications=6)
    line_once = line._replace(replications=1)
    both = shipped("base/consumer", borrowers=40_000, replications=3)
    rolls = shipped("taiwan_cards", borrowers=40_000, replications=3)
    chunks = numpy_month.opening(line)
    found = [
        _case("line", "line only, tile kernel", line, 1),
        _case("scalar_twin", "line only, scalar kernel", line_once, 1, fast=False),
        Case("tuned_numpy", "line only, NumPy", lambda: numpy_month.run(line_once, chunks), _count(line_once)),
        _case("line_and_loan", "line and loan, tile kernel", both, 1),
        _case("line_and_loan_scalar", "line and loan, scalar kernel", both._replace(replications=1), 1, fast=False),
        _case("roll_rates", "line only, roll_rates, tile kernel", rolls, 1),
        _case(
            "roll_rates_scalar", "line only, roll_rates, scalar kernel", rolls._replace(replications=1), 1, fast=False
        ),
    ]
    if threads > 1:
        found += [
            _case("line_two_cores", "line only, tile kernel, 2 threads", line, 2),
            _case("line_and_loan_two_cores", "line and loan, tile kernel, 2 threads", both, 2),
            _case("roll_rates_two_cores", "line only, roll_rates, tile kernel, 2 threads", rolls, 2),
        ]
    return found


def _case(name, words, world: Lowered, threads, fast=True):
    return Case(name, words, lambda: engine.run(world, threads, fast=fast), _count(world))


def _count(world):
    return on_book(engine.run(world))


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

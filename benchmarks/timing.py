"""What is timed, and how: every case in each round, in one process, so that a drifting machine spares no case.

A short case runs several times in its turn, for as long as a long one does at least: other programs that take the
processor for a moment are then as hard on both. The best of all runs is what the code can do, the median what the
machine gave. Processor time is of all threads.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

ROUNDS = 4
TURN = 0.12  # seconds that a turn takes at least


class Work(NamedTuple):
    """What a case does for a borrower in a month, to be stated beside its time."""

    threads: int
    words: int  # random numbers drawn, at least
    flows: int  # sums kept, roll matrix by count and balance beside them
    columns: int  # of a borrower's state


class Case(NamedTuple):
    """Something to time."""

    name: str
    words: str
    run: Callable[[], object]
    borrower_months: int
    work: Work


class Timed(NamedTuple):
    """Times of a case, run by run, in nanoseconds per borrower-month."""

    name: str
    words: str
    work: Work
    wall: list[float]
    cpu: list[float]

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


def alternate(
    cases: list[Case], rounds: int = ROUNDS, progress=lambda name, done, total: None, turn: float = TURN
) -> list[Timed]:
    """Return the times of all cases, one after the other in each round, each for `turn` seconds or longer."""
    timed = [Timed(case.name, case.words, case.work, [], []) for case in cases]
    total = rounds * sum(case.borrower_months for case in cases)
    for _ in range(rounds):
        for case, times in zip(cases, timed, strict=True):
            took = 0.0
            while True:
                wall, cpu = seconds(case.run)
                times.wall.append(wall * 1e9 / case.borrower_months)
                times.cpu.append(cpu * 1e9 / case.borrower_months)
                took += wall
                if took >= turn:
                    break
            progress(case.words, case.borrower_months, total)
    return timed


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Return the wall time and the processor time of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu

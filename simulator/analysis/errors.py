"""What a mean is uncertain of, apart: people, what happens to each, what happens to all, the numbers of the scenario.

Two halves of the borrowers of a replication share the factor, and no other luck. Some replications are lived a second
time, with the people of the other of their pair (2k and 2k + 1): two lives share people alone. So covariances tell
the parts, and the rest is what happens to each, with what people and luck do only together.
"""

from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import Mean
from simulator.analysis.ledger import FLOWS, LINES, Ledger

FEWEST = 20  # replications from which people are told apart
CROSSED_SHARE, MOST_CROSSED = 5, 40  # one replication in so many is lived a second time, at most so many


class Errors(NamedTuple):
    """Standard errors of a mean by what they come from; None where it cannot be told apart, or is not there.

    Their squares add up to that of `se`; what is None is in `luck`.
    """

    people: float | None  # who the borrowers happen to be
    luck: float | None  # what happens to each
    factor: float | None  # what happens to all of them
    parameters: float | None  # the numbers of the scenario that are in doubt
    se: float

    def as_dict(self) -> dict[str, float | None]:
        """Return the parts as summary.json and comparison.parquet name them; null where there is none."""
        return {f"se_{name}": getattr(self, name) for name in PARTS}


PARTS = ("people", "luck", "factor", "parameters")


def crossed_replications(replications: int, redraw_people: bool) -> int:
    """Return how many replications are lived a second time with other people: an even number, 0 if too few."""
    if replications < FEWEST or not redraw_people:
        return 0
    return min(max(replications // CROSSED_SHARE, FEWEST), MOST_CROSSED) // 2 * 2


def apart(
    average: Mean,
    whole: np.ndarray,
    halves: np.ndarray | None,
    crossed: np.ndarray | None,
    additive: bool,
    factor: bool,
) -> Errors:
    """Return the errors of the mean of `whole`, float64[replication], by what they come from.

    `halves` are those of each half of the borrowers, float64[2, replication], of which the whole is the sum if
    `additive` or else the mean; `crossed` the same with the people of the other of the pair, of the first replications
    alone, and of the whole, float64[1, replication], where there are no halves. `factor`: there is one.
    """
    se, of_chance, of_parameters = average.apart(whole)
    count = max(int(np.isfinite(whole).sum()), 1)
    left, of_people, of_factor = of_chance, None, None
    if crossed is not None:
        parts = whole[None] if halves is None else halves
        size = 1.0 if halves is None or additive else 0.25
        found = size * sum(average.of_people(part, other) for part, other in zip(parts, crossed, strict=True))
        of_people = _within(found / count, left)
        left -= of_people
    if halves is not None and factor:
        of_factor = _within((4.0 if additive else 1.0) * average.shared(*halves) / count, left)
        left -= of_factor
    people, luck, shared, parameters = map(_root, (of_people, left, of_factor, of_parameters))
    return Errors(people, luck, shared, parameters, se)


def _root(variance: float | None) -> float | None:
    """Return the standard error of a variance, where there is one."""
    return None if variance is None else float(variance) ** 0.5


def _within(variance: float, most: float) -> float:
    """Return a part of a variance, at least nothing and at most all of it."""
    return float(min(max(variance, 0.0), most))


class HalfBook(Ledger):
    """The ledger of one half of the borrowers, who share the factor with the other half and no other luck."""

    def __init__(self, ledger: Ledger, half: int):
        """Take a ledger, and which half: 0 or 1."""
        run_on = ledger.run_on and HalfBook(ledger.run_on, half)
        super().__init__(ledger.variant, ledger.sums, ledger.frame, ledger.settlement, ledger.baseline, run_on)
        self.half = half

    def halves(self, name):
        """Return int64[replication, 1, month, segment, product] of a flow or a sum of flows, of this half alone."""
        if name in LINES:
            return super().halves(name)
        return self.sums.flows[:, self.half : self.half + 1, ..., FLOWS.index(name)]

"""How much the cohorts of a file, loans of one month of issue, differ in what is charged off, beyond their segments."""

from typing import NamedTuple

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.special import ndtri

from simulator.estimation.outcomes.hazards import Hazards, missed_by
from simulator.estimation.outcomes.rows import Outcomes

USUAL = 0.10  # sd of a cohort's log-odds of being charged off, where no cohorts tell it: assumption
GRID = np.linspace(0.0, 1.5, 601)  # of that sd


class Cohorts(NamedTuple):
    """How many there are, and the standard deviation of a cohort's own shift of the log-odds, with its interval."""

    number: int
    sd: float
    low: float
    high: float

    @property
    def of_the_next(self) -> float:
        """Return the standard deviation of the next cohort's shift from the mean of those in the file."""
        return self.sd * float(np.sqrt(1 + 1 / self.number))


def cohorts_of(outcomes: Outcomes, hazards: Hazards, level: float) -> Cohorts:
    """Return how much the cohorts differ: the posterior's median of the standard deviation, and its equal tails.

    The prior is half a normal whose median is USUAL, which is all that is known with one cohort. Of each cohort, what
    was charged off less what its segments let expect, over the variance of that, is its shift but for a normal error;
    their mean is integrated out (REML).
    """
    months, cohort = np.unique(outcomes.issued, return_inverse=True)
    chance = missed_by(hazards.default, hazards.early)[outcomes.segment, -1]
    rest = np.bincount(cohort, outcomes.charged_off - chance)
    certainty = np.bincount(cohort, chance * (1 - chance))
    shift = rest / certainty
    variance = GRID[:, None] ** 2 + 1 / certainty
    weight = 1 / variance
    mean = (weight * shift).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    log = -(np.log(variance) + weight * (shift - mean) ** 2).sum(axis=1) / 2 - np.log(weight.sum(axis=1)) / 2
    log -= (GRID / (USUAL / ndtri(0.75))) ** 2 / 2
    up_to = cumulative_trapezoid(np.exp(log - log.max()), GRID, initial=0)
    low, sd, high = np.interp([(1 - level) / 2, 0.5, (1 + level) / 2], up_to / up_to[-1], GRID)
    return Cohorts(len(months), float(sd), float(low), float(high))

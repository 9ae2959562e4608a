"""How large the next trial should be: what it is worth to choose after it, less what its accounts cost.

One setting is in doubt, and two lenders are to choose between: with the policy, without it. So the expected value of
sample information is a sum over places of the setting and over what a trial may find; nothing is drawn.
"""

from typing import NamedTuple

import numpy as np

FEWEST, STEP = 20, 1.04  # accounts an arm, and by how much the next size is larger
PARTS = 150  # equally likely parts of what is known of the setting
FINE = 12  # points within a standard error of a trial
ENDS = 6.0  # standard errors beyond what is likely that a trial may find


class Sizes(NamedTuple):
    """Trials of growing size: float64[size] each but `best`."""

    accounts: np.ndarray  # an arm
    worth: np.ndarray  # of choosing after the trial, in the currency
    cost: np.ndarray
    perfect: float  # what it would be worth to know the setting
    lead: float  # of the policy over none, as things stand

    @property
    def best(self) -> int | None:
        """The place of the size whose worth is most above its cost; None where none is above."""
        gain = self.worth - self.cost
        return int(gain.argmax()) if gain.max() > 0 else None


def sizes(
    effect: np.ndarray, lead: np.ndarray, weight: np.ndarray, of_one: float, kept: float, cost: float, most: int
) -> Sizes:
    """Return the Sizes of a next trial, up to `most` accounts an arm.

    effect, lead, weight: float64[place], what a trial would see, what the policy is worth, how likely it is. A trial of
    n accounts an arm has the variance of_one / n + kept; each account costs `cost`.
    """
    grid = np.unique(np.round(FEWEST * STEP ** np.arange(0, np.log(max(most, FEWEST) / FEWEST) / np.log(STEP) + 1)))
    grid = grid[grid <= max(most, FEWEST)]
    effect, lead, weight = _parts(effect, lead, weight)
    worth = np.array([worth_of(effect, lead, weight, of_one / n + kept) for n in grid])
    now = float(weight @ lead)
    perfect = float(weight @ np.maximum(lead, 0)) - max(now, 0.0)
    return Sizes(grid, worth, 2 * cost * grid, perfect, now)


def worth_of(effect: np.ndarray, lead: np.ndarray, weight: np.ndarray, variance: float) -> float:
    """Return what a trial with so much variance is worth: the mean value of the better choice after it, less now's."""
    sd = np.sqrt(variance)
    low, high = effect.min() - ENDS * sd, effect.max() + ENDS * sd
    seen, step = np.linspace(low, high, int(np.ceil((high - low) / sd * FINE)) + 1, retstep=True)
    density = weight * np.exp(-((seen[:, None] - effect) ** 2) / (2 * variance)) / (sd * np.sqrt(2 * np.pi))
    return max(float(step * np.maximum(density @ lead, 0).sum() - max(weight @ lead, 0.0)), 0.0)


def _parts(effect, lead, weight):
    """Return the means of PARTS parts of about the same weight, in the order of the effect, and their weights."""
    order = np.argsort(effect, kind="stable")
    before = np.cumsum(weight[order]) - weight[order] / 2
    part = np.minimum((before * PARTS).astype(int), PARTS - 1)
    held = np.bincount(part, weight[order], PARTS)
    there = held > 0
    means = [np.bincount(part, weight[order] * one[order], PARTS)[there] / held[there] for one in (effect, lead)]
    return *means, held[there] / held.sum()

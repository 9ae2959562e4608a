"""Do the intervals of loan hazards by due hold the truth? Books with planted hazards, and halves of a file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import binom

from simulator.estimation.outcomes.checks import DUES
from simulator.estimation.outcomes.figures import halves
from simulator.estimation.outcomes.hazards import (
    TOO_LATE_TO_TELL,
    Counts,
    Hazards,
    counted,
    fit_hazards,
    missed_by,
)
from simulator.estimation.outcomes.rows import read_outcomes
from simulator.estimation.random_numbers import PLANTED, uniforms

TERM = 36
LOANS = np.array([540, 750, 870, 540, 300])  # of each segment
APART = np.array([-1.1, -0.2, 0.3, 0.5, 0.8])  # log-odds of the segments
LEVEL = 0.9
LEAST, LEAST_AT_FIRST, MOST = 0.86, 0.80, 0.94  # of intervals that hold the truth; the first dues have few defaults
BY_CHANCE = 3.0  # standard errors by which a share of so many books may be off
CHI_SQUARED = 18.0  # of ten groups of dues, below which 95 in 100 fits of a right curve lie


class Held(NamedTuple):
    """By due of DUES, how many intervals held what they should; and chi-squared of ten groups, by book."""

    dues: tuple[int, ...]
    held: np.ndarray  # int64[due]
    of: int
    chi_squared: np.ndarray  # float64[book]

    @property
    def is_right(self) -> bool:
        """Return whether intervals hold often enough and not too often, and curves are as near as right ones are."""
        least = np.where(np.array(self.dues) > 6, LEAST, LEAST_AT_FIRST)
        off = np.maximum(self.held / self.of - MOST, least - self.held / self.of)
        near = (self.chi_squared < CHI_SQUARED).mean() >= 0.95
        return bool((off <= BY_CHANCE * np.sqrt(0.9 * 0.1 / self.of)).all() and near)


def planted(seed: int) -> tuple[Counts, np.ndarray]:
    """Return the counts of a book whose hazard of default has a hump, and float64[due]: the true share missed by due.

    The peak is at due 6 to 20, the hump normal in the logarithm of the due with sd 0.4 to 0.9, above a floor of 5 to
    30 % of the peak, and about 16 % of the loans default.
    """
    u = uniforms(seed, PLANTED, 1, 3 + 2 * TERM * len(LOANS))[0]
    due = np.arange(1, TERM + 1)
    peak, width, floor = 6 + 14 * u[0], 0.4 + 0.5 * u[1], 0.05 + 0.25 * u[2]
    shape = floor + np.exp(-(((np.log(due) - np.log(peak)) / width) ** 2) / 2)
    default = expit(np.log(0.21 * shape / shape.sum()) + APART[:, None])
    early = np.broadcast_to(expit(np.log(0.010 + 0.012 * due / TERM)), default.shape).copy()
    early[:, -TOO_LATE_TO_TELL:] = 0
    chance = u[3:].reshape(2, TERM, len(LOANS))
    left, table = LOANS.copy(), np.zeros((3, len(LOANS), TERM), dtype=np.int64)
    for k in range(TERM):
        missed = binom.ppf(chance[0, k], left, default[:, k]).astype(np.int64)
        repaid = binom.ppf(chance[1, k], left - missed, early[:, k]).astype(np.int64)
        table[:, :, k] = left, missed, repaid
        left = left - missed - repaid
    return Counts(*table), LOANS @ missed_by(default, early) / LOANS.sum()


def missed_of_all(hazards: Hazards, loans: np.ndarray, seed: int, draws: int) -> np.ndarray:
    """Return float64[draw, due]: shares of all missed by due, drawn from the posterior; `loans` by segment."""
    return np.einsum("s,nsd->nd", loans / loans.sum(), missed_by(*hazards.draws(seed, draws)))


def humps(books: int, seed: int = 1, draws: int = 500, progress=lambda name, done, total: None) -> Held:
    """Return how often the interval of the share missed by a due holds the truth, in books with planted humps."""
    dues = [due for due in DUES if due <= TERM]
    at = np.array(dues) - 1
    held, chi = np.zeros(len(at), dtype=np.int64), np.zeros(books)
    for book in range(books):
        counts, truth = planted(seed + book)
        found = fit_hazards(counts)
        chi[book] = (found.z_in_groups() ** 2).sum()
        low, high = _interval(missed_of_all(found, LOANS, seed + book, draws)[:, at])
        held += (low <= truth[at]) & (truth[at] <= high)
        progress("planted humps", 1, books)
    return Held(tuple(dues), held, books, chi)


def unseen(
    loans: Path, mapping: Path, splits: int = 40, draws: int = 1000, progress=lambda name, done, total: None
) -> Held:
    """Return how often the interval for a half of a file, fitted to the other, holds its share missed by a due.

    The interval has the error of the curves and the sampling of the forecast half. Chi-squared is that of the fits.
    """
    outcomes = read_outcomes(loans, mapping)
    dues = [due for due in DUES if due <= outcomes.term]
    at = np.array(dues) - 1
    held, chi = np.zeros(len(at), dtype=np.int64), np.zeros(splits)
    for split in range(splits):
        seen, other = (counted(outcomes.take(half)) for half in halves(outcomes, 1 + split))
        found = fit_hazards(seen)
        chi[split] = (found.z_in_groups() ** 2).sum()
        share = missed_by(*found.draws(split, draws))[..., at]
        u = uniforms(split, PLANTED, draws, *share.shape[1:])
        missed = binom.ppf(u, other.at_risk[:, :1], share).sum(axis=1)
        low, high = _interval(missed)
        came = other.missed.sum(axis=0).cumsum()[at]
        held += (low <= came) & (came <= high)
        progress("halves of the file", 1, splits)
    return Held(tuple(dues), held, splits, chi)


def _interval(drawn) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high

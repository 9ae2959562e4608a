"""Scores of a forecast: Brier, CRPS, coverage, and the difference of two forecasters with its error."""

from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import less, within
from simulator.estimation import random_numbers

MAX_BATCHES = 500  # accounts are resampled in so many batches: the cost no longer grows with the book
RESAMPLES = 1000


class ScoreDifference(NamedTuple):
    """A mean score less another's on the same accounts: its bootstrap standard error and 95 % interval."""

    value: float
    se: float
    low: float
    high: float


def brier(probabilities: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Return float64[account]: the squared error summed over all states, 0 for a sure hit, 2 for a sure miss.

    probabilities: float64[account, state]; outcome: int[account], the state that came. Source: G. W. Brier,
    Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950).
    """
    hit = probabilities[np.arange(len(outcome)), outcome]
    return (probabilities**2).sum(axis=1) - 2 * hit + 1


def crps(values: np.ndarray, outcome) -> np.ndarray:
    """Return float64[...]: E|X - y| - E|X - X'| / 2 in the unit of the outcome; of a point it is the absolute error.

    values: float64[..., k] in rising order, equally likely; outcome: float64[...]. Source: T. Gneiting and A. E.
    Raftery, Strictly proper scoring rules, prediction, and estimation, JASA 102 (2007), formula 21.
    """
    k = values.shape[-1]
    weight = (2 * np.arange(k) + 1 - k) / k**2  # of the sorted values in E|X - X'| / 2
    return np.abs(values - np.asarray(outcome)[..., None]).mean(axis=-1) - np.einsum("...k,k", values, weight)


def covered(values: np.ndarray, outcome, level: float = 0.9) -> np.ndarray:
    """Return bool[...]: whether the outcome lies in the central interval of equally likely `values`, ends included."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return within(outcome, low, high)


def paired(ours: np.ndarray, theirs: np.ndarray, seed: int) -> ScoreDifference:
    """Return the mean of `ours - theirs` with a paired bootstrap over accounts.

    The accounts are dealt at random into at most MAX_BATCHES batches, and batches are resampled. It measures the chance
    of which accounts are in the book; a month that is unlike others moves all of them together and is not in it.
    """
    difference = less(ours, theirs)
    n = len(difference)
    batches = min(n, MAX_BATCHES)
    order = np.argsort(random_numbers.uniforms(seed, random_numbers.BATCHES, 1, n)[0])
    batch = np.empty(n, dtype=np.int64)
    batch[order] = np.arange(n) % batches
    total, size = np.bincount(batch, difference, batches), np.bincount(batch, minlength=batches)
    taken = (random_numbers.uniforms(seed, random_numbers.BATCHES, RESAMPLES, batches) * batches).astype(np.int64)
    means = total[taken].sum(axis=1) / size[taken].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return ScoreDifference(float(difference.mean()), float(means.std(ddof=1)), float(low), float(high))

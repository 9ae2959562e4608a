"""Scores of a forecast: Brier, log loss, CRPS, AUC, coverage; and two forecasters' difference with its error."""

from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from simulator.analysis.estimates import less, mean, within
from simulator.estimation import random_numbers

MAX_BATCHES = 500  # accounts are resampled in so many batches: the cost no longer grows with the book
RESAMPLES = 1000
LEAST = 1e-6  # probability that counts at least: a sure miss costs 13.8 of log loss, and not without end
WIDTH_95 = 1.959964  # standard errors


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


def log_loss(probabilities: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Return float64[account]: minus the logarithm of what the outcome was given, at least LEAST.

    probabilities: float64[account, state]; outcome: int[account], the state that came. Source: I. J. Good, Rational
    decisions, Journal of the Royal Statistical Society B 14 (1952).
    """
    return -np.log(np.maximum(probabilities[np.arange(len(outcome)), outcome], LEAST))


class Ranked(NamedTuple):
    """How high accounts rank of which something came: of each the share of the others that it ranks against rightly."""

    came: np.ndarray  # float64[account], against those of which it did not come
    rest: np.ndarray  # float64[account], the other way about


def ranked(chance: np.ndarray, came: np.ndarray) -> Ranked | None:
    """Return how `chance`, float64[account], ranks accounts of which it `came`, bool[account]; None if all are alike.

    Ties count a half. Its mean is the AUC. Source: E. R. DeLong and others, Comparing the areas under two or more
    correlated receiver operating characteristic curves, Biometrics 44 (1988).
    """
    yes, no = chance[came], chance[~came]
    if not len(yes) or not len(no):
        return None
    of_all = rankdata(np.concatenate([yes, no]))
    return Ranked((of_all[: len(yes)] - rankdata(yes)) / len(no), 1 - (of_all[len(yes) :] - rankdata(no)) / len(yes))


def auc(found: Ranked | None) -> tuple[float, float]:
    """Return the AUC and its standard error over accounts; NaN without both kinds."""
    if found is None:
        return float("nan"), float("nan")
    return float(found.came.mean()), float(np.hypot(mean(found.came).se, mean(found.rest).se))


def auc_less(ours: Ranked, theirs: Ranked) -> ScoreDifference:
    """Return one AUC less another of the same accounts, with DeLong's standard error."""
    value, se = auc(Ranked(*(less(a, b) for a, b in zip(ours, theirs, strict=True))))
    return ScoreDifference(value, se, value - WIDTH_95 * se, value + WIDTH_95 * se)


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

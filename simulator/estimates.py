"""From one number per replication to an estimate with its standard error.

Samples are float64[sample, ...]: one row per replication, or per batch of replications for roll rates. NaN marks a
sample in which the measure is not defined (a rate of nothing); estimates are over the samples that define it.
"""

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A value and its standard error over replications; NaN where there is none."""

    value: np.ndarray | float
    se: np.ndarray | float


def mean(samples) -> Estimate:
    """Return the mean over the first axis and its standard error, sd / sqrt(n), NaN for n = 1.

    Sums are taken around the largest sample, so samples that are all equal give exactly that value and 0.
    """
    samples = np.asarray(samples, dtype=np.float64)
    known = np.isfinite(samples)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        origin = np.where(n > 0, np.max(np.where(known, samples, -np.inf), axis=0), np.nan)
        shifted = np.where(known, samples - origin, 0.0)
        centre = shifted.sum(axis=0) / n
        variance = np.where(known, (shifted - centre) ** 2, 0.0).sum(axis=0) / np.where(n > 1, n - 1, np.nan)
        return Estimate(origin + centre, np.sqrt(variance / n))


def half_width(samples, level=0.95):
    """Return half the width of the t interval around the mean of `samples`; NaN for fewer than two."""
    from scipy.special import stdtrit  # scipy.stats has it too, but takes ten times as long to import

    n = int(np.isfinite(samples).sum())
    if n < 2:
        return float("nan")
    return float(stdtrit(n - 1, 0.5 + level / 2) * mean(samples).se)


def value_at_risk(losses, level) -> Estimate:
    """Return the smallest loss x with P(loss <= x) >= level, with the standard error of Maritz and Jarrett.

    Source: J. S. Maritz and R. G. Jarrett, A note on estimating the variance of the sample median, JASA 73 (1978).
    """
    return Estimate(float(np.quantile(losses, level, method="inverted_cdf")), _quantile_error(losses, level))


def _quantile_error(samples, level):
    """Return the standard error of a sample quantile, NaN where the samples are too few to be beyond it.

    As `scipy.stats.mstats.mjci` has it, whose import takes a second: the standard deviation of a sample when each is
    drawn with the probability that a beta distribution gives its share of the ranks.
    """
    from scipy.special import betainc

    n = len(samples)
    rank = int(level * n + 0.5)
    if not 1 < rank < n:
        return float("nan")
    weights = np.diff(betainc(rank - 1, n - rank, np.arange(n + 1) / n))
    around = np.sort(samples) - np.median(samples)  # or squares would lose what differs
    return float(np.sqrt(max(weights @ around**2 - (weights @ around) ** 2, 0.0)))


def shortfall_influence(losses, level):
    """Return float64[sample] whose mean is the expected shortfall: q + (loss - q)+ / (1 - level).

    Source: R. T. Rockafellar and S. Uryasev, Conditional value-at-risk for general loss distributions, J. Banking
    and Finance 26 (2002); exact for discrete losses too.
    """
    quantile = np.quantile(losses, level, method="inverted_cdf")
    return quantile + np.maximum(losses - quantile, 0) / (1 - level)


def expected_shortfall(losses, level) -> Estimate:
    """Return the mean loss in the worst 1 - level of replications, with its standard error.

    The samples of `shortfall_influence` carry the influence function, so their sd / sqrt(n) is the asymptotic
    standard error. Source: B. J. Manistre and G. H. Hancock, Variance of the CTE estimator, NAAJ 9 (2005).
    """
    return mean(shortfall_influence(losses, level))


def gini(bad, good, worst_first):
    """Return 2 AUC - 1 of classes that rank people, float64[...]; NaN where there are no bad or no good ones.

    bad, good: float64[..., class], how many are in each class, the worst class first or last. A bad and a good one in
    the same class count half to each side, so they cancel.
    """
    if not worst_first:
        bad, good = bad[..., ::-1], good[..., ::-1]
    better = good.sum(axis=-1, keepdims=True) - np.cumsum(good, axis=-1)  # good ones ranked above each class
    worse = np.cumsum(good, axis=-1) - good
    pairs = bad.sum(axis=-1) * good.sum(axis=-1)
    net = (bad * (better - worse)).sum(axis=-1)
    return np.divide(net, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def shared_luck(halves, sizes):
    """Return the share of the variance over replications that both halves of the borrowers have in common.

    halves: float64[replication, 2], one amount per half; sizes: accounts in each half. With what is shared acting
    in proportion to size, its variance in the total is cov(a, b) (sa + sb)^2 / (sa sb), four times the covariance
    for equal halves. An estimate: chance can put it a little outside 0..1. NaN where nothing varies.
    """
    (a, b), (size_a, size_b) = np.asarray(halves, dtype=np.float64).T, sizes
    total = np.var(a + b, ddof=1) if len(a) > 1 else 0.0
    if total == 0 or size_a == 0 or size_b == 0:
        return float("nan")
    return float(np.cov(a, b)[0, 1] * (size_a + size_b) ** 2 / (size_a * size_b) / total)

"""From one number per replication to an estimate with its standard error.

Samples are float64[sample, ...]: one row per replication, or per batch of replications for roll rates. NaN marks a
sample in which the measure is not defined (a rate of nothing); estimates are over the samples that define it.
"""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

import numpy as np

CERTAIN = 2  # standard errors from which a difference is called one
CONFIDENCE = 0.95  # of every interval
SURE = (1 + CONFIDENCE) / 2  # that a difference is above 0, of one whose interval just is
TELLING = 10  # samples from which on their skewness is more than noise
SYMMETRIC = 1e-9  # skewness of a mean below which it is none: rounding
ROUNDING = 1e-12  # of a number: by as much do equal ones differ that were computed in two ways


class Estimate(NamedTuple):
    """A value and its standard error over replications; NaN where there is none."""

    value: float
    se: float


class Estimates(NamedTuple):
    """The same of many: arrays of one shape."""

    value: np.ndarray
    se: np.ndarray


@dataclass(frozen=True)
class Difference:
    """One variant less another: estimate, 95 % interval, and what pairing gained."""

    value: float
    se: float
    low: float
    high: float
    variance_reduction: float  # variance of an unpaired difference / of the paired one; NaN where not defined

    @property
    def half_width(self):
        """Return how far the interval reaches from the value, to the farther end."""
        return max(self.high - self.value, self.value - self.low)

    @property
    def is_clear(self) -> bool:
        """Return True if zero is more than two standard errors away and outside the 95 % interval.

        The second matters with few replications, where the t interval is wider than two standard errors.
        """
        return bool(np.isfinite(self.se) and abs(self.value) > CERTAIN * self.se and self.low * self.high >= 0)


class Mean:
    """What most measures are over replications: their mean."""

    def estimate(self, samples) -> Estimates:
        """Return the mean and its standard error, over the first axis."""
        return mean(samples)

    def interval(self, samples) -> tuple[float, float]:
        """Return the 95 % interval of the mean; NaN for fewer than two samples."""
        return interval(samples)

    def difference(self, a, b) -> Difference:
        """Return the mean of `a` less that of `b`, sample by sample."""
        return paired(a, b)

    def chance_not_above(self, a, b) -> float:
        """Return the one-sided p-value that the mean of `a` is not above that of `b`, sample by sample."""
        return chance_not_above(a, b)

    def apart(self, samples) -> tuple[float, float, float | None]:
        """Return the standard error of the mean of float64[replication], and the variances in it of chance and numbers.

        None of numbers that are as they stand.
        """
        se = float(self.estimate(samples).se)
        return se, se**2, None

    def shared(self, a, b) -> float:
        """Return the covariance of two samples by chance, replication by replication."""
        known = np.isfinite(a) & np.isfinite(b)
        return float(np.cov(a[known], b[known])[0, 1]) if known.sum() > 1 else float("nan")

    def of_people(self, lived, crossed) -> float:
        """Return the variance of a sample that people make: `crossed` are with those of the other of each pair."""
        return self.shared(lived[: len(crossed)].reshape(-1, 2)[:, ::-1].ravel(), crossed)


MEAN = Mean()


def less(a, b) -> np.ndarray:
    """Return a - b, exactly 0 where they differ by no more than rounding."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.where(np.abs(a - b) <= ROUNDING * np.maximum(np.abs(a), np.abs(b)), 0.0, a - b)


def paired(a, b, freedom: float | None = None) -> Difference:
    """Return the mean of `a` less that of `b`, sample by sample; the interval with `freedom` as in `interval`."""
    samples = less(a, b)
    found = mean(samples)
    value, se = (float(x) for x in found)
    ends = interval(samples, freedom, found)
    return Difference(value, se, *ends, variance_reduction(mean(a).se, mean(b).se, se))


def independent(a: Estimate, samples_a: int, b: Estimate, samples_b: int) -> Difference:
    """Return one estimate less another that has nothing in common with it, each of so many samples.

    The interval is Welch's: Student's t with the degrees of freedom of Satterthwaite. NaN where there is no error.
    """
    from scipy.special import stdtrit

    value, se, nan = a.value - b.value, float(np.hypot(a.se, b.se)), float("nan")
    if not np.isfinite(se) or min(samples_a, samples_b) < 2:
        return Difference(value, nan, nan, nan, nan)
    parts = a.se**4 / (samples_a - 1) + b.se**4 / (samples_b - 1)
    reach = float(stdtrit(se**4 / parts, SURE)) * se if parts > 0 else 0.0
    return Difference(value, se, value - reach, value + reach, nan)


def variance_reduction(se_a, se_b, se) -> float:
    """Return the variance of a difference of independent estimates / that of the paired one; NaN where it has none."""
    return (float(se_a) ** 2 + float(se_b) ** 2) / se**2 if se > 0 else float("nan")


def samples_for(width: float, half_width: float, samples: int) -> int:
    """Return how many samples a half width of `width` takes, of which so many have `half_width`.

    It falls with the root of their number.
    """
    return ceil(samples * (half_width / width) ** 2)


def within(value, low, high) -> np.ndarray:
    """Return whether a value lies between `low` and `high`, ends included; NaN does not."""
    return (less(value, low) >= 0) & (less(high, value) >= 0)


def mean(samples) -> Estimates:
    """Return the mean over the first axis and its standard error, sd / sqrt(n), NaN for n = 1.

    Sums are taken around the largest sample, so samples that are all equal, but for rounding, give that value and 0.
    """
    samples = np.asarray(samples, dtype=np.float64)
    known = np.isfinite(samples)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        origin = np.where(n > 0, np.max(np.where(known, samples, -np.inf), axis=0), np.nan)
        shifted = np.where(known, less(samples, origin), 0.0)
        centre = shifted.sum(axis=0) / n
        variance = np.where(known, (shifted - centre) ** 2, 0.0).sum(axis=0) / np.where(n > 1, n - 1, np.nan)
        return Estimates(origin + centre, np.sqrt(variance / n))


def interval(samples, freedom: float | None = None, known: Estimates | None = None) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `samples`; NaN for fewer than two, without width where they are equal.

    `known` is that mean with its standard error, where somebody has it.

    Student's t, of n - 1 degrees of freedom or of `freedom`, corrected for the skewness of the samples by Hall's cubic
    transformation of t, so that a few replications that carry most of a loss do not make it miss on one side: of 20
    exponential samples it covers 94 times in 100 where the plain interval covers 92, of 20 lognormal ones (sigma 0.8)
    94 and not 91, of normal ones 95 as that does. Source: P. Hall, On the removal of skewness by transformation,
    J. Royal Statistical Society B 54 (1992).
    """
    from scipy.special import stdtrit  # scipy.stats has it too, but takes ten times as long to import

    n, (value, se) = int(np.isfinite(samples).sum()), known or mean(samples)
    if n < 2:
        return float("nan"), float("nan")
    end, skew = float(stdtrit(freedom or n - 1, SURE)), _skewness(samples)

    def t_of(normal):
        if abs(skew) < SYMMETRIC:
            return normal
        return 3 / skew * (np.cbrt(1 + skew * (normal - skew / 6)) - 1)

    return float(value - t_of(end) * se), float(value - t_of(-end) * se)


def chance_not_above(a, b) -> float:
    """Return the one-sided p-value that the mean of `a` is not above that of `b`, sample by sample.

    That of the interval of `paired`: below 2.5 % where all of it is above 0. 1 where all samples are equal or there is
    only one; 0 or 1 where they all differ by the same.
    """
    from scipy.special import stdtr

    samples = less(a, b)
    n, (value, se) = int(np.isfinite(samples).sum()), mean(samples)
    if n < 2 or (se == 0 and value == 0):
        return 1.0
    if se == 0:
        return float(value < 0)
    t, skew = float(value / se), _skewness(samples)
    return float(stdtr(n - 1, -(t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6)))


def _skewness(samples):
    """Return the skewness of the mean of samples: theirs / sqrt(n); 0 of equal ones, and of too few to tell."""
    samples = np.asarray(samples, dtype=np.float64)
    samples = samples[np.isfinite(samples)]
    value, se = mean(samples)
    if len(samples) < TELLING or not se > 0:
        return 0.0
    scaled = (samples - value) / (se * np.sqrt(len(samples)))
    return float(np.mean(scaled**3) / np.mean(scaled**2) ** 1.5 / np.sqrt(len(samples)))


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


def shared_variance(halves, sizes):
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

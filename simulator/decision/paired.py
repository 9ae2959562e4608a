"""Means under doubt: samples come in pairs, each with numbers of its own.

Replications 2k and 2k + 1 share the numbers of draw k and nothing else. So pairs differ by numbers and chance, and
the two of a pair by chance alone. Chance becomes less with every replication, doubt about numbers does not: however
many are drawn, the truth is one.
"""

import numpy as np
from scipy.special import stdtr, stdtrit

from simulator.analysis.estimates import SURE, Difference, Estimates, Mean, less, mean, variance_reduction

TELLING = 100  # pairs from which on the 2.5 % quantile of their means is more than noise


class UnderDoubt(Mean):
    """The mean of what is so and not only of what happens: samples come in pairs, each with numbers of its own."""

    def __init__(self, draws: int):
        """Take the number of draws: samples are a pair for each, or one for each batch of replications."""
        self.draws = draws

    def parts(self, samples) -> tuple[Estimates, np.ndarray, np.ndarray, np.ndarray]:
        """Return the mean with its total error, the variances in it of chance and of parameters, and the pairs' means.

        Of float64[sample, ...]; NaN without two whole pairs. By one-way analysis of variance: between pairs it is 2 P +
        C, within them C, of the variances P of numbers and C of chance.
        """
        samples = np.asarray(samples, dtype=np.float64)
        samples = samples[: len(samples) // 2 * 2]
        first, second = samples[::2], samples[1::2]
        middle = first + less(second, first) / 2
        value, _ = mean(samples)
        pairs = np.isfinite(middle).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            count = np.where(pairs > 1, pairs, np.nan)
            chance = np.where(np.isfinite(middle), less(first, second) ** 2, 0.0).sum(axis=0) / (2 * count)
            between = 2 * count * mean(middle).se ** 2
            draws = max(self.draws / (len(samples) // 2), 1)  # that a pair of batches is the mean of
            numbers = np.maximum(between - chance, 0) / 2 * draws
            of_chance = chance / np.isfinite(samples).sum(axis=0)
            of_numbers = numbers * (1 + 1 / self.draws)  # the truth is one more draw
            return Estimates(value, np.sqrt(of_chance + of_numbers)), of_chance, of_numbers, middle

    def estimate(self, samples) -> Estimates:
        """Return the mean and its standard error, chance and numbers together."""
        return self.parts(samples)[0]

    def interval(self, samples) -> tuple[float, float]:
        """Return where the truth lies with 95 %; NaN for fewer than two pairs.

        From TELLING pairs on between quantiles of their means, brought to the spread that the total error states: so
        skew as they are. With fewer by Student's t.
        """
        (value, se), *_, middle = self.parts(samples)
        spread = _spread(value, se, middle)
        if len(spread) >= TELLING:
            low, high = np.quantile(spread, (1 - SURE, SURE))
            return float(low), float(high)
        reach = float(stdtrit(max(len(spread) - 1, 1), SURE)) * se
        return float(value - reach), float(value + reach)

    def difference(self, a, b) -> Difference:
        """Return the mean of `a` less that of `b`, sample by sample, with its total error."""
        samples = less(a, b)
        value, se = (float(x) for x in self.estimate(samples))
        reduction = variance_reduction(self.estimate(a).se, self.estimate(b).se, se)
        return Difference(value, se, *self.interval(samples), reduction)

    def chance_not_above(self, a, b) -> float:
        """Return how likely it is that the mean of `a` is truly not above that of `b`."""
        (value, se), *_, middle = self.parts(less(a, b))
        if not se > 0:
            return float(not value > 0)
        spread = _spread(value, se, middle)
        if len(spread) >= TELLING:
            return float(np.mean(spread <= 0))
        return float(stdtr(max(len(spread) - 1, 1), -value / se))

    def apart(self, samples) -> tuple[float, float, float | None]:
        """Return the standard error of the mean of float64[replication], its variances by chance and by numbers."""
        (_, se), of_chance, of_numbers, _ = self.parts(samples)
        return float(se), float(of_chance), float(of_numbers)

    def shared(self, a, b) -> float:
        """Return the covariance of two samples by chance, of which the two of a pair differ in nothing else."""
        a, b = (less(samples[::2], samples[1::2]) for samples in (a, b))
        known = np.isfinite(a) & np.isfinite(b)
        return float(np.mean(a[known] * b[known]) / 2) if known.any() else float("nan")

    def of_people(self, lived, crossed) -> float:
        """Return the variance of a sample that people make: `crossed` are with those of the other of each pair.

        Of the four lives of a pair one and its crossed one share the luck, one and the other's crossed one the people.
        """
        lived = lived[: len(crossed)]
        found = less(lived[::2], crossed[::2]) * less(crossed[1::2], lived[1::2]) / 2
        known = np.isfinite(found)
        return float(np.mean(found[known])) if known.any() else float("nan")


def _spread(value, se, middle) -> np.ndarray:
    """Return the means of the pairs, brought to a mean of `value` and a standard deviation of `se`."""
    known = middle[np.isfinite(middle)]
    width = np.std(known, ddof=1) if len(known) > 1 else 0.0
    return value + (known - known.mean()) * (se / width) if se > 0 and width > 0 else np.full(len(known), value)

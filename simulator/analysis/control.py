"""The mean over replications, less what the path of the common factor explains of it: a control variate.

What a replication's factor was is known, and so is its true mean: 0. Where all borrowers share much of their luck, most
of what a mean is uncertain of is how kind the paths drawn happened to be, and that part can be taken out. Each
replication is corrected by a slope that others gave, so the corrected mean is exactly unbiased, whatever the slope is.
Source: P. Glasserman, Monte Carlo Methods in Financial Engineering (2004), section 4.1; the slopes of other folds are
those of A. N. Avramidis and J. R. Wilson, Operations Research 41 (1993).
"""

import numpy as np

from simulator.analysis.estimates import Difference, Estimates, Mean

SPANS = 5  # of months, over each of which the path is averaged
AFTER = 12  # months after the last of lending that the spans reach to
FOLDS = 5  # the slope of one is fitted on the others
RIDGE = 2.0  # replications that the penalty weighs: without it twenty say too little of five slopes
FEWEST = 20  # replications from which slopes are fitted


def averages_of(path: np.ndarray) -> np.ndarray:
    """Return float64[replication, span]: float64[replication, month] averaged over SPANS spans of months."""
    parts = np.array_split(path, min(SPANS, path.shape[1]), axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)


class Controlled(Mean):
    """The mean of samples that are corrected for the path of the factor."""

    def __init__(self, path: np.ndarray, months: int):
        """Take float64[replication, month], the factor from month 1 on, and how many months grant credit."""
        self.averages = averages_of(path[:, : months + AFTER])

    def corrected(self, samples) -> np.ndarray:
        """Return float64[replication, ...]: the samples, less their slope on the factor times its averages.

        As they are where they are not of single replications, too few, or not all defined.
        """
        samples = np.asarray(samples, dtype=np.float64)
        if len(samples) != len(self.averages) or len(samples) < FEWEST or not np.isfinite(samples).all():
            return samples
        flat = samples.reshape(len(samples), -1)
        found, fold = flat.copy(), np.arange(len(flat)) % FOLDS
        for k in range(FOLDS):
            x, y = self.averages[fold != k], flat[fold != k]
            squares = x.T @ x
            penalty = np.diag(np.diag(squares)) * (RIDGE / len(x))
            slopes = np.linalg.solve(squares + penalty, x.T @ (y - y.mean(axis=0)))
            found[fold == k] -= self.averages[fold == k] @ slopes
        return found.reshape(samples.shape)

    def estimate(self, samples) -> Estimates:
        """Return the mean and its standard error."""
        return super().estimate(self.corrected(samples))

    def interval(self, samples) -> tuple[float, float]:
        """Return the 95 % interval of the mean."""
        return super().interval(self.corrected(samples))

    def difference(self, a, b) -> Difference:
        """Return the mean of `a` less that of `b`: what is corrected is each replication's difference."""
        return super().difference(*self._apart(a, b))

    def chance_not_above(self, a, b) -> float:
        """Return the one-sided p-value that the mean of `a` is not above that of `b`."""
        return super().chance_not_above(*self._apart(a, b))

    def shared(self, a, b) -> float:
        """Return the covariance of two samples by the chance that the path leaves."""
        return super().shared(*self._apart(a, b))

    def _apart(self, a, b):
        """Return both samples corrected; equal ones stay equal to the last bit, since both have the same slopes."""
        return self.corrected(a), self.corrected(b)

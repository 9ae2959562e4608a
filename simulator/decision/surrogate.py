"""A smooth surface through values at points of the unit cube: a Gaussian process, with how far it may be off.

Matern's covariance with parameter 5/2 and a length for each axis; the lengths and the roughness are those that make
the values most likely. Source: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning, MIT
Press (2006), chapters 2 and 5.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

ROOT5 = np.sqrt(5.0)
LENGTHS = (np.log(0.05), np.log(10.0))  # of an axis of the cube
ROUGHNESS = (np.log(1e-7), np.log(1.0))  # variance of what is not smooth / that of what is
STEPS = 40  # of the search for lengths and roughness


class Surface:
    """What is known of a function from its values at some points."""

    def __init__(self, points: np.ndarray, values: np.ndarray, start: np.ndarray | None = None):
        """Take float64[point, axis] and float64[point]; `start` is the `shape` of a surface of nearly the same."""
        self.points = points
        self._origin, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._values = (values - self._origin) / self._scale
        self._squares = (points[:, None] - points[None]) ** 2
        if start is None:
            start = np.array([*np.full(points.shape[1], np.log(0.5)), np.log(1e-3)])
        bounds = [*[LENGTHS] * points.shape[1], ROUGHNESS]
        found = minimize(self._unlikely, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
        self.shape = found.x  # logarithms of the lengths and of the roughness
        self._fit()

    def _covariance(self, squares):
        """Return the covariance of points so far apart, and what its derivatives by log lengths are multiples of."""
        scaled = squares / np.exp(2 * self.shape[:-1])
        r = np.sqrt(scaled.sum(axis=-1))
        fall = np.exp(-ROOT5 * r)
        return (1 + ROOT5 * r + 5 / 3 * r**2) * fall, 5 / 3 * (1 + ROOT5 * r) * fall, scaled

    def _fit(self):
        """Take the shape in: the factor of the covariance, the mean, the weights of the values, their variance."""
        cov, slope, scaled = self._covariance(self._squares)
        n, roughness = len(cov), np.exp(self.shape[-1])
        self._factor = cho_factor(cov + (roughness + 1e-10) * np.eye(n), lower=True)
        inverse = cho_solve(self._factor, np.eye(n))
        self._mean = (inverse @ self._values).sum() / inverse.sum()
        self._weights = inverse @ (self._values - self._mean)
        self._variance = max(float((self._values - self._mean) @ self._weights) / n, 1e-12)
        return inverse, slope, scaled, roughness

    def _unlikely(self, shape):
        """Return the negative log likelihood of a shape, but for a constant, and its derivatives."""
        self.shape = shape
        inverse, slope, scaled, roughness = self._fit()
        n = len(self._values)
        half_log_det = np.log(np.diag(self._factor[0])).sum()
        pull = inverse - np.outer(self._weights, self._weights) / self._variance
        by_length = np.einsum("ij,ij,ijk->k", pull, slope, scaled) / 2
        by_roughness = roughness * np.trace(pull) / 2
        return n / 2 * np.log(self._variance) + half_log_det, np.array([*by_length, by_roughness])

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float64[point] twice: what the function is at `points`, and a standard deviation."""
        cov, _, _ = self._covariance((points[:, None] - self.points[None]) ** 2)
        mean = self._mean + cov @ self._weights
        left = 1 - np.einsum("ij,ji->i", cov, cho_solve(self._factor, cov.T))
        deviation = np.sqrt(self._variance * np.maximum(left, 1e-12))
        return self._origin + self._scale * mean, self._scale * deviation

"""Distributions as tables of quantiles: no distribution function is evaluated once the simulation runs."""

import numpy as np
from scipy.special import betaincinv, ndtr, ndtri

from simulator.model.kept import kept
from simulator.model.layout import QUANTILES

STEEP, FLAT = 1e8, 1e-4  # sum of a beta's parameters, and the least of one, that its inverse is computed for
MIDPOINTS = (np.arange(QUANTILES) + 0.5) / QUANTILES


@kept
def quantiles(distribution) -> np.ndarray:
    """Return float64[QUANTILES] in rising order: the quantiles of `distribution`, zeros where there is none.

    Quantiles are taken at the midpoints (k + 0.5) / QUANTILES and scaled so that their mean is the distribution's.
    The bounds of a lognormal gather what lies beyond them; its mean and median are those before the bounds apply.
    """
    if distribution is None:
        return np.zeros(QUANTILES)
    return _TABLES[distribution.distribution](distribution)


@kept
def normal_quantiles(n: int) -> np.ndarray:
    """Return float64[n]: standard normal quantiles at midpoints, scaled to variance 1."""
    z = ndtri((np.arange(n) + 0.5) / n)
    return z / np.sqrt(np.mean(z * z))


@kept
def lognormal_multipliers(sigma: float) -> np.ndarray:
    """Return float64[QUANTILES]: lognormal multipliers of mean 1 by quantile."""
    x = np.exp(sigma * ndtri(MIDPOINTS))
    return x / x.mean()


def _constant(d):
    return np.full(QUANTILES, float(d.value))


def _uniform(d):
    return d.low + (d.high - d.low) * MIDPOINTS


def _lognormal(d):
    low = 0.0 if d.min is None else d.min
    high = np.inf if d.max is None else d.max
    mu = np.log(d.median) if d.mean is None else np.log(d.mean) - d.sigma**2 / 2
    x = np.clip(np.exp(mu + d.sigma * ndtri(MIDPOINTS)), low, high)
    return _with_mean(x, _bounded_lognormal_mean(mu, d.sigma, low, high), low, high)


def _bounded_lognormal_mean(mu, sigma, low, high):
    """Return the mean of a lognormal clipped to [low, high] (its partial expectation in closed form)."""
    if sigma < 1e-12:  # the same for all, in any digits that are kept
        return float(np.clip(np.exp(mu), low, high))
    a = (np.log(low) - mu) / sigma if low > 0 else -np.inf
    b = (np.log(high) - mu) / sigma
    between = np.exp(mu + sigma**2 / 2) * (ndtr(b - sigma) - ndtr(a - sigma))
    return low * ndtr(a) + between + (high * ndtr(-b) if np.isfinite(high) else 0.0)


def _beta(d):
    mean, sd = (d.mean - d.min) / (d.max - d.min), d.sd / (d.max - d.min)
    if sd < 1e-12 or not 0 < mean < 1:
        return np.full(QUANTILES, float(d.mean))
    size = mean * (1 - mean) / sd**2 - 1
    if size > STEEP:  # so narrow that it is a normal one; the inverse of the beta function finds no numbers there
        x = np.clip(mean + sd * ndtri(MIDPOINTS), 0.0, 1.0)
    elif min(mean, 1 - mean) * size < FLAT:  # next to everybody is at one end
        x = (1 - mean < MIDPOINTS).astype(np.float64)
    else:
        x = betaincinv(mean * size, (1 - mean) * size, MIDPOINTS)
    return d.min + (d.max - d.min) * _with_mean(x, mean, 0.0, 1.0)


def _quantiles(d):
    """The mean over each of the QUANTILES slices of a piecewise linear inverse cdf, in closed form."""
    at, value = np.asarray(d.at, dtype=np.float64), np.asarray(d.value, dtype=np.float64)
    edges = np.arange(QUANTILES + 1) / QUANTILES
    knots = np.concatenate(([0.0], np.cumsum(np.diff(at) * (value[1:] + value[:-1]) / 2)))
    k = np.clip(np.searchsorted(at, edges, side="right") - 1, 0, len(at) - 2)
    width = at[k + 1] - at[k]
    step = edges - at[k]
    slope = np.divide(value[k + 1] - value[k], width, out=np.zeros_like(step), where=width > 0)
    integral = knots[k] + step * (value[k] + slope * step / 2)
    return np.diff(integral) * QUANTILES


def _with_mean(x, mean, low, high):
    """Return `x` with what lies strictly between the bounds scaled until the mean is `mean`; the bounds hold."""
    for _ in range(20):
        inside = (x > low) & (x < high)
        free = x[inside].sum()
        if free <= 0:
            break
        scaled = np.where(inside, np.clip(x * ((mean * x.size - x[~inside].sum()) / free), low, high), x)
        if np.array_equal(scaled, x):
            break
        x = scaled
    return x


_TABLES = {
    "constant": _constant,
    "uniform": _uniform,
    "lognormal": _lognormal,
    "beta": _beta,
    "quantiles": _quantiles,
}

"""Intervals of shares and of ratios whose sampling unit is the account, and tests taken together."""

from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtri

from simulator.analysis.estimates import less

LEVEL = 0.9  # of every interval of this package that does not say otherwise


class Interval(NamedTuple):
    """A number with its standard error and interval, and how many accounts or account-months it rests on."""

    value: float
    se: float
    low: float
    high: float
    n: int


def jeffreys(successes, n, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high), float64[...]: the Jeffreys interval of a share, NaN where n is 0; both may be broken numbers.

    Quantiles of Beta(k + 1/2, n - k + 1/2), with low 0 at k = 0 and high 1 at k = n. Source: Brown, Cai and DasGupta
    (2001), "Interval estimation for a binomial proportion", Statistical Science 16(2).
    """
    k, n = np.broadcast_arrays(np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64))
    tail = (1 - level) / 2
    low = np.where(k <= 0, 0.0, betaincinv(k + 0.5, n - k + 0.5, tail))
    high = np.where(k >= n, 1.0, betaincinv(k + 0.5, n - k + 0.5, 1 - tail))
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def ratio_of_sums(top: np.ndarray, bottom: np.ndarray, level: float = LEVEL) -> Interval:
    """Return sum(top) / sum(bottom) of float64[account, ...], with the account as the sampling unit; NaN at bottom 0.

    The standard error is by linearisation: that of the sum over accounts of (top - ratio bottom) / sum(bottom), an
    account's months together. Source: Cochran (1977), "Sampling techniques", chapter 6. `n` is the number of entries
    of `bottom` that are not 0.
    """
    top, bottom = (np.asarray(a, dtype=np.float64).reshape(len(a), -1) for a in (top, bottom))
    total, n = float(bottom.sum()), int(np.count_nonzero(bottom))
    if total == 0:
        return Interval(np.nan, np.nan, np.nan, np.nan, n)
    value = float(top.sum()) / total
    influence = less(top, value * bottom).sum(axis=1) / total
    accounts = int((bottom != 0).any(axis=1).sum())
    se = float(np.sqrt((influence**2).sum() * accounts / (accounts - 1))) if accounts > 1 else np.nan
    half = float(ndtri(0.5 + level / 2)) * se
    return Interval(value, se, value - half, value + half, n)


def share(flags: np.ndarray, of: np.ndarray, level: float = LEVEL) -> Interval:
    """Return the share of true `flags` among the true `of`, bool[account, ...], with the account as the sampling unit.

    The interval is Jeffreys' with as many independent trials as have the standard error of `ratio_of_sums`, accounts
    where all or none are true, so it stays within 0..1. Source: Korn and Graubard (1998), Survey Methodology 24(2).
    """
    found = ratio_of_sums(flags & of, of, level)
    if found.n == 0:
        return found
    spread = found.value * (1 - found.value)
    trials = spread / found.se**2 if spread > 0 and found.se > 0 else of.reshape(len(of), -1).any(axis=1).sum()
    low, high = jeffreys(found.value * trials, trials, level)
    return found._replace(low=float(low), high=float(high))


def median(values: np.ndarray, level: float = LEVEL) -> Interval:
    """Return the median of float64[account, month], NaN left out, with the account as the sampling unit.

    The interval is Woodruff's: the quantiles of the values at one half -+ the half-width of the share of values up to
    the median; the standard error is its half-width over the normal quantile. Source: Woodruff (1952), "Confidence
    intervals for medians and other position measures", JASA 47.
    """
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    there = np.isfinite(values)
    if not there.any():
        return Interval(np.nan, np.nan, np.nan, np.nan, 0)
    middle = float(np.median(values[there]))
    up_to = ratio_of_sums(there & (values <= middle), there, level)
    half = 0.0 if np.isnan(up_to.se) else (up_to.high - up_to.low) / 2
    low, high = np.quantile(values[there], np.clip([0.5 - half, 0.5 + half], 0, 1), method="inverted_cdf")
    se = float(high - low) / 2 / float(ndtri(0.5 + level / 2))
    return Interval(middle, se, float(low), float(high), int(there.sum()))


def holm(p) -> np.ndarray:
    """Return float64[...]: p-values adjusted so that any false rejection among them has the stated error rate.

    NaN stays and does not count. Source: Holm (1979), Scandinavian Journal of Statistics 6(2).
    """
    p = np.asarray(p, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p.flat[known], kind="stable")]
    adjusted.flat[order] = np.minimum(1, np.maximum.accumulate(p.flat[order] * np.arange(len(order), 0, -1)))
    return adjusted

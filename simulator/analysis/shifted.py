"""Tails of a loss from replications whose common factor was shifted towards bad times, with weights that undo it.

The path of the factor is made of independent standard normal news, a number a month. In nine replications of ten the
news is moved by a fixed path; the tenth is left as it is, which bounds the weights. A weight is the density of the news
as it would be over that as it was drawn, so weighted means are those of a run without any shift.

Sources: P. Glasserman, Monte Carlo Methods in Financial Engineering (2004), sections 4.6 and 9.2; the mixture is that
of T. Hesterberg, Technometrics 37 (1995).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri

PLAIN = 10  # every so-manieth replication is not shifted
FEWEST_EFFECTIVE = 100  # effective replications beyond the quantile, from which on a tail is stated
Z95 = 1.959963984540054


class Tail(NamedTuple):
    """The tail of a loss beyond a level: value at risk and expected shortfall, with errors and what they rest on."""

    level: float
    var: float  # the smallest loss that is exceeded with a chance of at most 1 - level
    var_se: float
    var_low: float  # 95 % interval
    var_high: float
    es: float  # the mean loss beyond
    es_se: float
    effective: float  # replications that the part beyond is worth


def is_shifted(numbers: np.ndarray) -> np.ndarray:
    """Return bool[replication]: whether the replication of this number has its factor shifted."""
    return np.asarray(numbers) % PLAIN != 0


def weights(news: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return float64[replication]: density without over density with the shift.

    news: float64[replication, month], as it was, shift included; shift: float64[month].
    """
    plain = 1 / PLAIN
    return 1 / (plain + (1 - plain) * np.exp(news @ shift - shift @ shift / 2))


def best_shift(share: float, level: float) -> tuple[float, float]:
    """Return (by how many standard deviations a factor is best shifted, the gain in variance at most).

    For the chance that a loss exceeds its `level` quantile, of a normal loss of which the factor has `share` of the
    variance: with the mean at s the second moment of the weighted indicator is exp(s^2) P(Z > q + s sqrt(share)).
    """
    q, slope = float(ndtri(level)), np.sqrt(share)

    def second_moment(s):
        return s * s + np.log(ndtr(-(q + s * slope)))

    found = minimize_scalar(second_moment, bounds=(0.0, 2 * q + 1), method="bounded")
    tail = 1 - level
    return float(found.x), float(tail * (1 - tail) / (np.exp(found.fun) - tail**2))


def weighted_tail(losses: np.ndarray, weight: np.ndarray, level: float) -> Tail:
    """Return the tail of float64[replication] losses with their weights.

    The interval of the quantile is between the quantiles at the chance beyond, plus and less 1.96 of its error (R. S.
    Woodruff, JASA 47, 1952); its error is a quarter of that width.
    """
    order = np.argsort(-losses, kind="stable")
    loss, w = losses[order], weight[order]
    n, beyond = len(loss), 1 - level
    chance = np.cumsum(w) / n  # that a loss is at least this one

    def quantile(p):
        return float(loss[min(int(np.searchsorted(chance, p, side="right")), n - 1)])

    var = quantile(beyond)
    inside = np.where(losses > var, weight, 0.0)
    error = float(inside.std(ddof=1) / np.sqrt(n))
    low, high = quantile(beyond + Z95 * error), quantile(max(beyond - Z95 * error, 0.0))
    excess = np.where(losses > var, weight * (losses - var), 0.0) / beyond
    # Where the quantile is a little off, the excess makes up for it: to first order its error alone counts
    squares = float((inside**2).sum())
    effective = float(inside.sum() ** 2 / squares) if squares > 0 else 0.0
    return Tail(
        *(level, var, (high - low) / (2 * Z95), low, high),
        *(var + float(excess.mean()), float(excess.std(ddof=1) / np.sqrt(n)), effective),
    )

"""The common factor, which all borrowers of a replication share: one normal number a month."""

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from simulator.model.philox import FACTORS, counter, group
from simulator.model.random_words import philox_numpy

HALF = np.uint64(1 << 63)


def standard_normal(high, low) -> np.ndarray:
    """Return float64: the standard normal at (w + 0.5) / 2^64, w the 64-bit number with these 32-bit halves.

    The upper half mirrors the lower one, so both tails have full precision and no value is infinite.
    """
    word = (np.asarray(high, dtype=np.uint64) << np.uint64(32)) | np.asarray(low, dtype=np.uint64)
    upper = word >= HALF
    z = ndtri((np.where(upper, ~word, word).astype(np.float64) + 0.5) / 2.0**64)
    return np.where(upper, -z, z)


def news(seed: int, replications, months: int) -> np.ndarray:
    """Return float64[replication, month]: the independent standard normal numbers that a path is made of."""
    replication = np.asarray(replications)[:, None]
    month = np.arange(1, months + 1)[None, :]
    words = philox_numpy(
        0, counter(month.astype(np.uint32), 0, 0), replication, group(0, FACTORS), seed & 0xFFFFFFFF, seed >> 32
    )
    return standard_normal(words[0], words[1])


def path_of(fresh: np.ndarray, persistence: float) -> np.ndarray:
    """Return float64[replication, month + 1]: the AR(1) of variance 1 that news[replication, month] make; month 0 is 0.

    It starts as it goes on, so it is stationary.
    """
    z = np.zeros((len(fresh), fresh.shape[1] + 1))
    for t in range(1, z.shape[1]):
        weight = 1.0 if t == 1 else np.sqrt(1 - persistence**2)
        z[:, t] = (persistence * z[:, t - 1] if t > 1 else 0) + weight * fresh[:, t - 1]
    return z


def factor(seed: int, persistence: float, replications, months: int) -> np.ndarray:
    """Return float64[replication, month + 1]: the path of the factor in each replication.

    `replications` are their numbers. Longer runs and more replications leave the earlier values as they are.
    """
    return path_of(news(seed, replications, months), persistence)


def with_tails(z: np.ndarray, degrees: float | None) -> np.ndarray:
    """Return standard normal numbers as Student's t of so many degrees of freedom and variance 1; as they are if None.

    Rising in z and 0 at 0, so that a month stays as good as it was among months and keeps its random number; how months
    hang together is that of the normal path (a Gaussian copula).
    """
    if degrees is None:
        return z
    return np.sign(z) * -stdtrit(degrees, ndtr(-np.abs(z))) * np.sqrt((degrees - 2) / degrees)

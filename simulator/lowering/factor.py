"""The common factor, which all borrowers of a replication share: one normal number a month."""

import numpy as np
from scipy.special import ndtri

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


def factor(seed: int, persistence: float, replications, months: int) -> np.ndarray:
    """Return float64[replication, months + 1]: an AR(1) of variance 1 with a stationary start; month 0 is 0.

    `replications` are their numbers. Longer runs and more replications leave the earlier values as they are.
    """
    replication = np.asarray(replications)[:, None]
    month = np.arange(1, months + 1)[None, :]
    words = philox_numpy(
        0, counter(month.astype(np.uint32), 0, 0), replication, group(0, FACTORS), seed & 0xFFFFFFFF, seed >> 32
    )
    news = standard_normal(words[0], words[1])
    z = np.zeros((len(replication), months + 1))
    for t in range(1, months + 1):
        fresh = 1.0 if t == 1 else np.sqrt(1 - persistence**2)
        z[:, t] = (persistence * z[:, t - 1] if t > 1 else 0) + fresh * news[:, t - 1]
    return z

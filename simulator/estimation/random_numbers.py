"""Random numbers of estimates and forecasts, by address: draw, place, purpose. No person or month of a run has them."""

import numpy as np

from simulator.lowering.factor import standard_normal
from simulator.model.philox import group
from simulator.model.random_words import philox_numpy

TAG = 16  # of the counter's last word; simulations use 1 to 3 (simulator/model/philox.py)
BATCHES, MATRIX, CORRELATION, MEAN_FACTOR, FACTOR, MOVES, BALANCE, SPREAD, ROWS, KINDS, PERSONS = range(11)  # purposes
DEFAULTS, EARLY, PLANTED = 40, 41, 42  # of loans with their outcomes


def words(seed: int, purpose: int, draws: int, *shape: int) -> np.ndarray:
    """Return uint32[2, draws, *shape]. More draws, or a longer first axis of `shape`, leave the earlier words alone."""
    place = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint32)
    draw = np.arange(draws, dtype=np.uint32)[:, None]
    found = philox_numpy(draw, place, 0, group(purpose, TAG), seed & 0xFFFFFFFF, seed >> 32)
    return found[:2].reshape(2, draws, *shape)


def uniforms(seed: int, purpose: int, draws: int, *shape: int) -> np.ndarray:
    """Return float64[draws, *shape] strictly between 0 and 1, from 53 bits each."""
    high, low = words(seed, purpose, draws, *shape).astype(np.uint64)
    return (((high << np.uint64(21)) | (low >> np.uint64(11))).astype(np.float64) + 0.5) / 2.0**53


def normals(seed: int, purpose: int, draws: int, *shape: int) -> np.ndarray:
    """Return float64[draws, *shape], standard normal."""
    return standard_normal(*words(seed, purpose, draws, *shape))

"""From real numbers to the integers the kernel reads: each number is rounded half up, once."""

from math import floor

import numpy as np

from simulator.model.layout import ONE, UNIT

MOST_LOGIT = 256.0  # eight such log-odds together stay below SURE, and beyond 16 they make no difference
SURE = 1 << 28  # a log-odd that no sum of other log-odds moves back


def half_up(x) -> np.ndarray:
    """Return the reals `x` rounded to whole numbers, halves up, as int64."""
    if isinstance(x, float):
        return np.int64(floor(x + 0.5))  # type: ignore[return-value]
    return np.floor(np.asarray(x, dtype=np.float64) + 0.5).astype(np.int64)


def q31(share) -> np.ndarray:
    """Return shares or probabilities times 2^31; 0 and 1 are exact."""
    return half_up((share if isinstance(share, float) else np.asarray(share, dtype=np.float64)) * ONE)


def q16(multiplier) -> np.ndarray:
    """Return multipliers times 2^16."""
    return half_up((multiplier if isinstance(multiplier, float) else np.asarray(multiplier, dtype=np.float64)) * UNIT)


def logit(log_odds) -> np.ndarray:
    """Return log-odds to add, times 2^16, each kept within 256 either way."""
    return q16(np.clip(log_odds, -MOST_LOGIT, MOST_LOGIT))


def base_logit(probability: float) -> int:
    """Return the log-odds of `probability` times 2^16; probabilities 0 and 1 give -SURE and SURE, which stay exact."""
    if probability in (0.0, 1.0):
        return SURE if probability else -SURE
    return int(logit(np.log(probability) - np.log1p(-probability)))


def cumulative(shares) -> np.ndarray:
    """Return q31 cumulative thresholds along the last axis of `shares`, which are scaled to sum to 1.

    A share of 0 is never drawn, and the last share above 0 ends in ONE exactly.
    """
    shares = np.asarray(shares, dtype=np.float64)
    total = np.cumsum(shares, axis=-1)
    thresholds = q31(total / total[..., -1:])
    nothing_follows = np.cumsum(shares[..., ::-1], axis=-1)[..., ::-1] - shares <= 0
    return np.where(nothing_follows, ONE, thresholds)

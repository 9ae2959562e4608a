"""The month of docs/model.md as good NumPy: structural, a line only, without policies that act on lateness.

What the tile kernel is timed against. Same random words, same integers: every sum of `engine.run`, months 1 and later.
Whole-array operations in int64 on chunks that stay in the cache. What nearly everyone does is computed for all, what
few do (late, in trouble, written off) for an index of those; probabilities come from tables made once a month.
"""

import numpy as np

from simulator.engine import empty_sums
from simulator.kernel.fixed import SIGMOID_REACH
from simulator.kernel.names import *  # noqa: F403  the vocabulary of the kernel
from simulator.kernel.people import load
from simulator.kernel.philox import (
    MONTHS,
    MULTIPLIER_0,
    MULTIPLIER_1,
    ROUNDS,
    WEYL_0,
    WEYL_1,
    counter,
    group,
)
from simulator.lower import tables_for

BLOCKS = 16  # of LANES borrowers in a chunk: the fastest of 4, 8, 16, 32 where it was tuned
LOW = np.uint64(0xFFFFFFFF)
N_CAUSES, N_BURDEN, N_QUALITY = 5, 8, 16
HALF_Q31, HALF_Q16 = 1 << 30, 1 << 15
# Columns of a chunk: int64[column, lane]. PLACE = (bucket * 5 + cause) * 128 + quality points into `unwilling_table`.
KEPT = (INCOME, LIVING, SPEND, FORGET, REACH, OUTSIDE_MAX, EMPLOYED, BUFFER, OUTSIDE, ALERT)
KEPT_ACCOUNT = (LIMIT, BALANCE, INTEREST_DUE, FEE_DUE, ARREARS, BUCKET, CAUSE, AGE, EVER)
(
    C_INCOME, C_LIVING, C_SPEND, C_FORGET, C_REACH, C_OUTSIDE_MAX, C_EMPLOYED, C_BUFFER, C_OUTSIDE, C_ALERT,
    C_LIMIT, C_BALANCE, C_INTEREST_DUE, C_FEE_DUE, C_ARREARS, C_BUCKET, C_CAUSE, C_AGE, C_EVER,
    C_INDEX, C_QUALITY, C_JOB, C_WANT, C_PLACE, C_CLAIM, C_IS_CLAIM,
) = range(26)  # fmt: skip
N_COLUMNS = 26


def part(x, r):
    """Return share `r` (q31) of `x`, rounded half up, as a new int64 array."""
    y = x * r
    y += HALF_Q31
    y >>= 31
    return y


def scale(x, m):
    """Return `x` times `m` (q16), rounded half up, as a new int64 array."""
    y = x * m
    y += HALF_Q16
    y >>= 16
    return y


def words(index, month, slot, replication, segment, key):
    """Return uint64[4, lane]: the words of the opening book's borrowers `index` (uint64) in a month.

    Philox4x32-10 on both products at once; a word is kept in 64 bits, so that its product needs no cast.
    """
    c02, c13 = np.empty((2, len(index)), np.uint64), np.empty((2, len(index)), np.uint64)
    c02[0], c02[1] = index, replication
    c13[0], c13[1] = counter(month, 0, slot), group(segment, MONTHS)
    product, low = np.empty_like(c02), np.empty_like(c02)
    multipliers = np.array([[MULTIPLIER_0], [MULTIPLIER_1]], np.uint64)
    k = [int(key[0]), int(key[1])]
    for _ in range(ROUNDS):
        np.multiply(c02, multipliers, out=product)
        np.bitwise_and(product, LOW, out=low)
        product >>= np.uint64(32)
        np.bitwise_xor(product[::-1], c13, out=c02)
        c02 ^= np.array(k, np.uint64)[:, None]
        c13, low = low[::-1], c13
        k = [(k[0] + WEYL_0) & 0xFFFFFFFF, (k[1] + WEYL_1) & 0xFFFFFFFF]
    return c02[0], c13[0], c02[1], c13[1]

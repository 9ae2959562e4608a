"""Fixed-point arithmetic: shares and probabilities times 2^31 (q31), multipliers and log-odds times 2^16 (q16).

First in int64, where `>>` floors, so that products round half up also below zero. They must stay below 2^63: an int32
amount times a share up to 1, or times a multiplier below 2^31, always does. Then, as `*_lane`, the same integers for
amounts >= 0 in 32 bits and without branches, of which LLVM does sixteen at once.
"""

import numpy as np

from simulator.jit.functions import njit

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

SIGMOID_REACH = 16 << 16  # beyond this log-odd, q16, the sigmoid is exactly 0 or 1


@njit(forceinline=True)
def mul_q31(x, r):
    """Return share `r` (q31) of amount `x`, rounded half up."""
    return (i8(x) * i8(r) + i8(1 << 30)) >> i8(31)


@njit(forceinline=True)
def mul_q16(x, m):
    """Return amount `x` times multiplier `m` (q16), rounded half up."""
    return (i8(x) * i8(m) + i8(1 << 15)) >> i8(16)


@njit(forceinline=True)
def inverse_of(step):
    """Return (m, s) so that x // step = (x * m) >> s for every x from 0 to 2^31 - 1 and `step` from 1 to 2^31 - 1.

    Source: T. Granlund and P. L. Montgomery, Division by invariant integers using multiplication, PLDI (1994).
    """
    bits = 0
    while (1 << bits) < step:
        bits += 1
    return ((1 << (31 + bits)) + step - 1) // step, 31 + bits


@njit(forceinline=True)
def mul_q31_lane(x, r):
    """Return share `r` (q31) of `x` >= 0 as int32, rounded half up: `mul_q31` in 32-bit lanes."""
    return i4((u8(u4(x)) * u8(u4(r)) + u8(1 << 30)) >> u8(31))


@njit(forceinline=True)
def mul_q31_own_lane(x, r):
    """Return `mul_q31_lane` for a share that each lane has of its own: a little faster then, slower if all have one.

    Twice the product in two halves, for which there are instructions that keep the lanes where they are; the lower one
    from `x`, or LLVM would see that both are one product in 64 bits.
    """
    twice = u4(u4(x) << u4(1))
    rounded_up = u4(u4(u4(x) * u4(r)) >> u4(30)) & u4(1)
    return i4(u4((u8(twice) * u8(u4(r))) >> u8(32)) + rounded_up)


@njit(forceinline=True)
def mul_q16_lane(x, m):
    """Return `x` >= 0 times multiplier `m` (q16) as int32, rounded half up: `mul_q16` in 32-bit lanes."""
    return i4((u8(u4(x)) * u8(u4(m)) + u8(1 << 15)) >> u8(16))


@njit(forceinline=True)
def half(word):
    """Return a word as a 31-bit number that compares with a q31 threshold, kept in 32 bits."""
    return u4(u4(word) >> u4(1))


@njit(forceinline=True)
def low_half(word):
    """Return the lowest 16 bits of a word as a 31-bit number that compares with a q31 threshold."""
    return u4(u4(u4(word) & u4(0xFFFF)) << u4(15))


@njit(forceinline=True)
def mask_of(condition):
    """Return -1 where `condition` holds, else 0."""
    return i4(-i4(condition))


@njit(forceinline=True)
def pick(mask, yes, no):
    """Return `yes` where `mask` is -1 and `no` where it is 0."""
    return i4((i4(yes) & mask) | (i4(no) & ~mask))


@njit(forceinline=True)
def only(condition, value):
    """Return `value` where `condition` holds, else 0."""
    return i4(i4(value) & mask_of(condition))


@njit(forceinline=True)
def sigmoid(table, x):
    """Return 1 / (1 + exp(-x)) as q31 for a log-odd `x` (q16), linear between the steps of 1/128 of `table`.

    `table` is `Tables.sigmoid`: uint32[4098], the last value twice so that the step at +16 needs no check.
    """
    reach = i4(SIGMOID_REACH)
    place = u4(i4(min(max(x, i4(-reach)), reach)) + reach)
    k = u4((place >> u4(9)) & u4(8191))
    low, high = table[k], table[u4(k + u4(1)) & u4(8191)]
    return u4(u8(low) + ((u8(u4(high - low)) * u8(place & u4(511))) >> u8(9)))

"""Fixed-point arithmetic: shares and probabilities times 2^31 (q31), multipliers and log-odds times 2^16 (q16).

Everything is int64; `>>` floors, so the products round half up, also below zero. The products must stay below
2^63: an int32 amount times a share up to 1, or times a multiplier below 2^31, always does.
"""

from numba import int64

from .jit.cache import njit

SIGMOID_REACH = 16 << 16  # beyond this log-odd, q16, the sigmoid is exactly 0 or 1


@njit(forceinline=True)
def mul_q31(x, r):
    """Return share `r` (q31) of amount `x`, rounded half up."""
    return (int64(x) * int64(r) + int64(1 << 30)) >> int64(31)


@njit(forceinline=True)
def mul_q16(x, m):
    """Return amount `x` times multiplier `m` (q16), rounded half up."""
    return (int64(x) * int64(m) + int64(1 << 15)) >> int64(16)


@njit(forceinline=True)
def sigmoid(table, x):
    """Return 1 / (1 + exp(-x)) as q31 for a log-odd `x` (q16), linear between the steps of 1/128 of `table`.

    `table` is `Tables.sigmoid`: 4098 values, the last twice so that the step at +16 needs no check.
    """
    y = min(max(int64(x), int64(-SIGMOID_REACH)), int64(SIGMOID_REACH)) + int64(SIGMOID_REACH)
    k = y >> int64(9)
    low = int64(table[k])
    return low + (((int64(table[k + int64(1)]) - low) * (y & int64(511))) >> int64(9))


@njit(forceinline=True)
def inverse_of(step):
    """Return (m, s) so that x // step = (x * m) >> s for every x from 0 to 2^31 - 1 and `step` from 1 to 2^31 - 1.

    Source: T. Granlund and P. L. Montgomery, Division by invariant integers using multiplication, PLDI (1994).
    """
    bits = 0
    while (1 << bits) < step:
        bits += 1
    return ((1 << (31 + bits)) + step - 1) // step, 31 + bits

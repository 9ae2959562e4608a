"""Arrays on the stack and lists of marked lanes, which LLVM needs to vectorise a tile; memory fetched before its use.

Columns of one stack array are provably distinct and need no run-time alias checks; heap arrays are not, and LLVM
then stays scalar. This is what they are in plain Python; `intrinsics_llvm` is what they are in compiled code.
"""

import numpy as np

from simulator.model.layout import BLOCK, LANES, N_STATE, SLOTS

from .functions import njit

ROW = LANES + 16  # a stride that is no power of two, or the rows of one lane would share two sets of the L1 cache
SHORT_ROW = BLOCK + 16
LISTED = 16  # lanes looked at together

STACK_ARRAYS = {}  # function: (type, rows, columns) of the array that it gives


def stack_array(dtype, rows, columns=ROW):
    """Return a function that gives a `dtype`[rows, columns] array, not zeroed, on the stack of the compiled caller."""

    def stack():
        return np.empty((rows, columns), dtype)

    STACK_ARRAYS[stack] = dtype, rows, columns
    return stack


def fetch(array, index):
    """Bring element `index` of an array, counted flat, nearer to the processor."""


def append_marked(lanes, n, marks, begin, end, bits):
    """Write to lanes[n] and on those of lanes `begin` to `begin` + 15, below `end`, whose mark has one of `bits`.

    Return how many; `lanes` int32[...] needs room for LISTED, `marks` is int32[1, lane].
    """
    found = begin + np.flatnonzero(marks[0, begin : min(begin + LISTED, end)] & bits)
    lanes[n : n + len(found)] = found
    return len(found)


@njit(forceinline=True)
def list_marked(lanes, marks, base, n, bits):
    """Fill `lanes` with those of n lanes from `base` on whose mark has one of `bits`; return how many."""
    listed = np.int64(0)
    for begin in range(base, base + n, LISTED):
        listed += append_marked(lanes, listed, marks, begin, base + n, bits)
    return listed


stack_state = stack_array(np.int32, N_STATE)
stack_words = stack_array(np.uint32, 4, SHORT_ROW)  # those of a block that everyone has: of one slot
stack_gathered_state = stack_array(np.int32, N_STATE, SHORT_ROW)
stack_gathered_words = stack_array(np.uint32, 4 * SLOTS, SHORT_ROW)

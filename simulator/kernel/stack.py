"""Arrays on the stack, and wide vectors: the two things LLVM needs to vectorise a tile.

Columns of one stack array are provably distinct and need no run-time alias checks; heap arrays are not, and LLVM
then stays scalar. It also prefers 256-bit vectors on machines that run 512-bit ones well, unless told otherwise.
Uncompiled (NUMBA_DISABLE_JIT=1) both are plain NumPy.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .cache import njit
from .names import LANES, N_STATE

ROW = LANES + 16  # a stride that is no power of two, or the rows of one lane would share two sets of the L1 cache

N_OUT = 20  # columns of sums the tile kernel writes for those who pay on time


def _alloca(element, bits):
    """Return an intrinsic that allocates a literal number of `element` on the stack, 64-byte aligned."""

    @intrinsic(prefer_literal=True)
    def allocate(typing_context, n):
        if not isinstance(n, types.IntegerLiteral):
            return None

        def codegen(context, builder, signature, arguments):
            with builder.goto_entry_block():
                pointer = builder.alloca(ir.ArrayType(ir.IntType(bits), n.literal_value))
                pointer.align = 64
            return builder.bitcast(pointer, ir.IntType(bits).as_pointer())

        return types.CPointer(element)(n), codegen

    return allocate


if numba.config.DISABLE_JIT:

    def stack_state():
        """Return an int32[N_STATE, ROW] array."""
        return np.empty((N_STATE, ROW), np.int32)

    def stack_words():
        """Return a uint32[8, ROW] array."""
        return np.empty((8, ROW), np.uint32)

    def stack_out():
        """Return an int32[N_OUT, ROW] array."""
        return np.empty((N_OUT, ROW), np.int32)

    def wide_vectors():
        """Do nothing: there is no code to widen."""

    def melt():
        """Do nothing: there is no call to melt away."""

else:
    _int32, _uint32 = _alloca(types.int32, 32), _alloca(types.uint32, 32)
    _STATE_SIZE, _WORDS_SIZE, _OUT_SIZE = N_STATE * ROW, 8 * ROW, N_OUT * ROW

    @njit(inline="always")
    def stack_state():
        """Return an int32[N_STATE, ROW] array on the caller's stack."""
        return numba.carray(_int32(_STATE_SIZE), (N_STATE, ROW))

    @njit(inline="always")
    def stack_words():
        """Return a uint32[8, ROW] array on the caller's stack."""
        return numba.carray(_uint32(_WORDS_SIZE), (8, ROW))

    @njit(inline="always")
    def stack_out():
        """Return an int32[N_OUT, ROW] array on the caller's stack."""
        return numba.carray(_int32(_OUT_SIZE), (N_OUT, ROW))

    @intrinsic
    def wide_vectors(typing_context):
        """Ask LLVM for 512-bit vectors in the function this stands in; harmless where the machine has none."""

        def codegen(context, builder, signature, arguments):
            try:
                set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            except TypeError:
                pass  # llvmlite keeps attributes otherwise: slower, same numbers (tests count the vectors)
            return context.get_dummy_value()

        return types.void(), codegen

    @intrinsic
    def melt(typing_context):
        """Have LLVM inline the function this stands in into its callers.

        A call of compiled code hands over some eight words for every array; numba's own inlining counts references
        instead. LLVM's does neither.
        """

        def codegen(context, builder, signature, arguments):
            builder.function.attributes.add("alwaysinline")
            return context.get_dummy_value()

        return types.void(), codegen

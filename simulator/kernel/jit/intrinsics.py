"""Arrays on the stack and wide vectors, which LLVM needs to vectorise a tile; memory fetched before it is needed.

Columns of one stack array are provably distinct and need no run-time alias checks; heap arrays are not, and LLVM
then stays scalar. It also prefers 256-bit vectors on machines that run 512-bit ones well, unless told otherwise.
Uncompiled (NUMBA_DISABLE_JIT=1) all of it is plain NumPy.
"""

from contextlib import suppress

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from simulator.model.layout import BLOCK, LANES, N_STATE, SLOTS

from .cache import njit

ROW = LANES + 16  # a stride that is no power of two, or the rows of one lane would share two sets of the L1 cache
SHORT_ROW = BLOCK + 16
LISTED = 16  # lanes looked at together


def stack_array(dtype, rows, columns=ROW):
    """Return a function of compiled code that gives a `dtype`[rows, columns] array on its stack, not zeroed."""
    if numba.config.DISABLE_JIT:
        return lambda: np.empty((rows, columns), dtype)
    element = numba.from_dtype(np.dtype(dtype))
    array_type = types.Array(element, 2, "C")

    @intrinsic
    def allocate(typing_context):
        def codegen(context, builder, signature, arguments):
            word = context.get_data_type(element)
            size = context.get_abi_sizeof(word)
            with builder.goto_entry_block():
                memory = builder.alloca(ir.ArrayType(word, rows * columns))
                memory.align = 64
            array = make_array(array_type)(context, builder)
            length = context.get_value_type(types.intp)
            populate_array(
                array,
                data=builder.bitcast(memory, word.as_pointer()),
                shape=cgutils.pack_array(builder, [ir.Constant(length, rows), ir.Constant(length, columns)]),
                strides=cgutils.pack_array(builder, [ir.Constant(length, columns * size), ir.Constant(length, size)]),
                itemsize=ir.Constant(length, size),
                meminfo=None,
            )
            return array._getvalue()

        return array_type(), codegen

    return allocate


def _wide_vectors():
    """Return a statement of compiled code that asks for 512-bit vectors in the LLVM function it stands in."""
    if numba.config.DISABLE_JIT:
        return lambda: None

    @intrinsic
    def mark(typing_context):
        def codegen(context, builder, signature, arguments):
            with suppress(TypeError):  # another llvmlite: slower, same numbers; a test counts the vectors
                # llvmlite's own `add` knows no such attribute
                set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            return context.get_dummy_value()

        return types.void(), codegen

    return mark


def _fetch():
    """Return a statement of compiled code: bring element `index` of an array, counted flat, nearer to the processor."""
    if numba.config.DISABLE_JIT:
        return lambda array, index: None

    @intrinsic
    def fetch(typing_context, array, index):
        def codegen(context, builder, signature, arguments):
            data = make_array(signature.args[0])(context, builder, arguments[0]).data
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            prefetch = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
            )
            at = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
            builder.call(prefetch, [at, number(1), number(2), number(1)])  # to write, into L2, data
            return context.get_dummy_value()

        return types.void(array, index), codegen

    return fetch


def _append_marked():
    """Return `append_marked` of compiled code, which LLVM does not make of a loop: it would go lane by lane."""
    if numba.config.DISABLE_JIT:
        return _append_marked_plainly
    sixteen = ir.VectorType(ir.IntType(32), LISTED)

    @intrinsic
    def append(typing_context, lanes, n, marks, begin, end, bits):
        def codegen(context, builder, signature, arguments):
            lanes, n, marks, begin, end, bits = arguments

            def at(kind, array, index):
                place = builder.gep(make_array(kind)(context, builder, array).data, [index])
                return builder.bitcast(place, sixteen.as_pointer())

            def of_all(number):
                first, none = ir.Constant(ir.IntType(32), 0), ir.Constant(sixteen, ir.Undefined)
                one = builder.insert_element(none, builder.trunc(number, ir.IntType(32)), first)
                return builder.shuffle_vector(one, none, ir.Constant(sixteen, [0] * LISTED))

            numbers = builder.add(of_all(begin), ir.Constant(sixteen, list(range(LISTED))))
            own = builder.and_(builder.load(at(signature.args[2], marks, begin), align=4), of_all(bits))
            marked = builder.icmp_signed("!=", own, ir.Constant(sixteen, [0] * LISTED))
            chosen = builder.and_(marked, builder.icmp_signed("<", numbers, of_all(end)))
            kind = ir.FunctionType(sixteen, [sixteen, chosen.type, sixteen])
            name = f"llvm.experimental.vector.compress.v{LISTED}i32"  # LLVM 20 and later
            compress = cgutils.get_or_insert_function(builder.module, kind, name)
            listed = builder.call(compress, [numbers, chosen, ir.Constant(sixteen, ir.Undefined)])
            builder.store(listed, at(signature.args[0], lanes, n), align=4)
            return builder.zext(builder.ctpop(builder.bitcast(chosen, ir.IntType(LISTED))), ir.IntType(64))

        return types.int64(lanes, types.int64, marks, types.int64, types.int64, types.int64), codegen

    return append


def _append_marked_plainly(lanes, n, marks, begin, end, bits):
    """Write to lanes[n] and on those of lanes `begin` to `begin` + 15, below `end`, whose mark has one of `bits`.

    Return how many; `lanes` int32[...] needs room for LISTED, `marks` is int32[1, lane].
    """
    found = begin + np.flatnonzero(marks[0, begin : min(begin + LISTED, end)] & bits)
    lanes[n : n + len(found)] = found
    return len(found)


stack_state = stack_array(np.int32, N_STATE)
stack_words = stack_array(np.uint32, 4, SHORT_ROW)  # those of a block that everyone has: of one slot
stack_gathered_state = stack_array(np.int32, N_STATE, SHORT_ROW)
stack_gathered_words = stack_array(np.uint32, 4 * SLOTS, SHORT_ROW)

# Harmless where the machine has no such thing.
wide_vectors = _wide_vectors()
append_marked = _append_marked()
fetch = _fetch()


@njit(forceinline=True)
def list_marked(lanes, marks, base, n, bits):
    """Fill `lanes` with those of n lanes from `base` on whose mark has one of `bits`; return how many."""
    listed = np.int64(0)
    for begin in range(base, base + n, LISTED):
        listed += append_marked(lanes, listed, marks, begin, base + n, bits)
    return listed

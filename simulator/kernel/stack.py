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

from .names import BLOCK, LANES, N_STATE, SLOTS

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


def _list_marked():
    """Return `list_marked` of compiled code: sixteen lanes at a time, which LLVM does not make of a loop by itself."""
    if numba.config.DISABLE_JIT:
        return _list_marked_plainly
    word, wide = ir.IntType(32), ir.VectorType(ir.IntType(32), LISTED)

    @intrinsic
    def append(typing_context, lanes, n, marks, begin, end, bits):
        """Append those of lanes `begin` to `begin` + 15 below `end` whose mark has one of `bits`; return how many."""

        def codegen(context, builder, signature, arguments):
            lanes, n, marks, begin, end, bits = arguments
            data = [make_array(kind)(context, builder, value).data for kind, value in
                    ((signature.args[0], lanes), (signature.args[2], marks))]  # fmt: skip

            def all_of(number):
                one = builder.insert_element(
                    ir.Constant(wide, ir.Undefined), builder.trunc(number, word), ir.Constant(word, 0)
                )
                return builder.shuffle_vector(one, one, ir.Constant(wide, [0] * LISTED))

            def sixteen(at, where):
                return builder.bitcast(builder.gep(data[at], [where]), wide.as_pointer())

            numbers = builder.add(all_of(begin), ir.Constant(wide, list(range(LISTED))))
            marked = builder.icmp_signed(
                "!=",
                builder.and_(builder.load(sixteen(1, begin), align=4), all_of(bits)),
                ir.Constant(wide, [0] * LISTED),
            )
            chosen = builder.and_(marked, builder.icmp_signed("<", numbers, all_of(end)))
            compress = cgutils.get_or_insert_function(
                builder.module,
                ir.FunctionType(wide, [wide, chosen.type, wide]),
                f"llvm.experimental.vector.compress.v{LISTED}i32",
            )
            packed = builder.call(compress, [numbers, chosen, ir.Constant(wide, ir.Undefined)])
            builder.store(packed, sixteen(0, n), align=4)
            size = ir.IntType(LISTED)
            return builder.zext(builder.ctpop(builder.bitcast(chosen, size)), ir.IntType(64))

        return types.int64(lanes, types.int64, marks, types.int64, types.int64, types.int64), codegen

    @numba.njit(nogil=True, _nrt=False, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def list_marked(lanes, marks, base, n, bits):
        listed = np.int64(0)
        for begin in range(base, base + n, LISTED):
            listed += append(lanes, listed, marks, begin, base + n, bits)
        return listed

    return list_marked


def _list_marked_plainly(lanes, marks, base, n, bits):
    """Fill `lanes` int32[...] with those of n lanes from `base` on whose mark (int32[1, lane]) has one of `bits`.

    Return how many; `lanes` needs room for LISTED more.
    """
    found = base + np.flatnonzero(marks[0, base : base + n] & bits)
    lanes[: len(found)] = found
    return len(found)


stack_state = stack_array(np.int32, N_STATE)
stack_words = stack_array(np.uint32, 4 * SLOTS)
stack_few = stack_array(np.int32, N_STATE, SHORT_ROW)
stack_few_words = stack_array(np.uint32, 4 * SLOTS, SHORT_ROW)

# Harmless where the machine has no such thing.
wide_vectors = _wide_vectors()
list_marked = _list_marked()
fetch = _fetch()

"""What the functions of `intrinsics` are in compiled code. Imported when something is compiled, not before."""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable
from numba.np.arrayobj import make_array

from . import intrinsics
from .intrinsics import LISTED, STACK_ARRAYS

I32, I64 = ir.IntType(32), ir.IntType(64)
SIXTEEN = ir.VectorType(I32, LISTED)


def _put_on_the_stack(function, dtype, rows, columns):
    element = numba.from_dtype(np.dtype(dtype))
    kind, size = types.Array(element, 2, "C"), np.dtype(dtype).itemsize

    @type_callable(function)
    def typed(context):
        return lambda: kind

    @lower_builtin(function)
    def lowered(context, builder, signature, arguments):
        word = context.get_data_type(element)
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(word, rows * columns))
            memory.align = 64
        parts = {
            "data": builder.bitcast(memory, word.as_pointer()),
            "nitems": I64(rows * columns),
            "itemsize": I64(size),
            "shape": cgutils.pack_array(builder, [I64(rows), I64(columns)]),
            "strides": cgutils.pack_array(builder, [I64(columns * size), I64(size)]),
        }
        model = context.data_model_manager[kind]
        array = ir.Constant(model.get_value_type(), None)  # its owner of memory is nobody
        for name, part in parts.items():
            array = model.set(builder, array, part, name)
        return array


def lower_stack_arrays():
    """Have numba know every stack array made so far."""
    while STACK_ARRAYS:
        function, shape = STACK_ARRAYS.popitem()
        _put_on_the_stack(function, *shape)


@type_callable(intrinsics.fetch)
def _fetch(context):
    return lambda array, index: types.void


@lower_builtin(intrinsics.fetch, types.Array, types.Integer)
def _prefetch(context, builder, signature, arguments):
    data = make_array(signature.args[0])(context, builder, arguments[0]).data
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    at = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
    builder.call(prefetch, [at, I32(1), I32(2), I32(1)])  # to write, into L2, data
    return context.get_dummy_value()


@type_callable(intrinsics.append_marked)
def _append_marked(context):
    return lambda lanes, n, marks, begin, end, bits: types.int64


@lower_builtin(intrinsics.append_marked, types.Array, types.int64, types.Array, types.int64, types.int64, types.int64)
def _compress(context, builder, signature, arguments):
    """Append in one step, which LLVM does not make of a loop: it would go lane by lane."""
    lanes, n, marks, begin, end, bits = arguments

    def at(kind, array, index):
        place = builder.gep(make_array(kind)(context, builder, array).data, [index])
        return builder.bitcast(place, SIXTEEN.as_pointer())

    def of_all(number):
        none = ir.Constant(SIXTEEN, ir.Undefined)
        one = builder.insert_element(none, builder.trunc(number, I32), I32(0))
        return builder.shuffle_vector(one, none, ir.Constant(SIXTEEN, [0] * LISTED))

    numbers = builder.add(of_all(begin), ir.Constant(SIXTEEN, list(range(LISTED))))
    own = builder.and_(builder.load(at(signature.args[2], marks, begin), align=4), of_all(bits))
    marked = builder.icmp_signed("!=", own, ir.Constant(SIXTEEN, [0] * LISTED))
    chosen = builder.and_(marked, builder.icmp_signed("<", numbers, of_all(end)))
    bits = builder.bitcast(chosen, ir.IntType(LISTED))
    kind = ir.FunctionType(SIXTEEN, [SIXTEEN, chosen.type, SIXTEEN])
    name = f"llvm.experimental.vector.compress.v{LISTED}i32"  # LLVM 20 and later
    compress = cgutils.get_or_insert_function(builder.module, kind, name)
    with builder.if_then(builder.icmp_unsigned("!=", bits, ir.IntType(LISTED)(0))):  # mostly nobody
        listed = builder.call(compress, [numbers, chosen, ir.Constant(SIXTEEN, ir.Undefined)])
        builder.store(listed, at(signature.args[0], lanes, n), align=4)
    return builder.zext(builder.ctpop(bits), I64)

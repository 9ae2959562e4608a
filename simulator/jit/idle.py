"""LLVM while numba translates: it joins what it is given, and does nothing else. To be imported before numba.

numba has LLVM optimise every function as soon as it is translated, and make machine code of it with all that it calls
in it, to be called at once. In the process that compiles nobody calls it: only the text of all functions is wanted.
What is replaced are public names of llvmlite; should numba take other ways, compiling takes longer, and that is all.
"""

import ctypes

import llvmlite.binding as llvm

_nowhere = ctypes.c_void_p()  # numba writes there where a function finds its module's names: code that runs would look


def no_more():
    """Have LLVM optimise again what it is asked to; machine code of numba's is still none."""
    for manager in PASS_MANAGERS:
        del manager.run


PASS_MANAGERS = llvm.FunctionPassManager, llvm.ModulePassManager
for _manager in PASS_MANAGERS:
    _manager.run = lambda passes, code, builder: None  # in front of that of the class they are derived from
llvm.ExecutionEngine.finalize_object = lambda engine: None
llvm.ExecutionEngine.get_function_address = lambda engine, name: 0
llvm.ExecutionEngine.get_global_value_address = lambda engine, name: ctypes.addressof(_nowhere)

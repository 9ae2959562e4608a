"""The process that compiles: numba translates to LLVM's language, LLVM optimises everything at once.

Started by `ahead_of_time`, with settings by which numba does not optimise: it would do so function by function, and
again for every caller. For the same reason LLVM is `idle` until numba is done.
"""

import gc
import os
import sys
from ast import literal_eval
from importlib import import_module
from inspect import unwrap
from itertools import count

from . import idle  # isort: skip  before numba, which takes what is replaced there when it is imported

import llvmlite.binding as llvm
import numpy as np
from numba import carray, cfunc, types
from numba.core import event

from .ahead_of_time import processor
from .functions import tell_numba
from .intrinsics_llvm import lower_stack_arrays
from .store import FOLDER

RUNTIME = ("NRT_", "numba_")  # functions of numba's that the object file names where the code does not lead
TWO_ROWS = types.int64(types.CPointer(types.voidptr), types.CPointer(types.int64))


def compiled(module: str, name: str, kinds: tuple, tell) -> bytes:
    """Return a line of names, that of the door and those not reached, and an object file.

    The door takes the addresses of arrays, and shapes and integers, in two rows; it calls the function of that name for
    arguments of these kinds (`ahead_of_time`), and returns 1 if it raised anything, else 0.
    """
    function = unwrap(getattr(import_module(module), name))
    tell_numba()
    lower_stack_arrays()
    with event.install_listener("numba:compile", _Counter(tell)):
        translated = cfunc(TWO_ROWS)(_door(function, kinds))
    idle.no_more()
    tell("optimising")
    machine, code = target_machine(), llvm.parse_assembly(translated.inspect_llvm())
    optimise(machine, code)
    tell("writing machine code")
    unreached = [f.name for f in code.functions if f.is_declaration and f.name.startswith(RUNTIME)]
    return " ".join([translated.native_name, *unreached]).encode() + b"\n" + machine.emit_object(code)


def _door(function, kinds):
    """Return a function of the two rows, which calls `function` with the arguments that it makes of them."""
    pointers, numbers = count(), count()
    scope = {"carray": carray, "np": np, "function": function}

    def argument(kind):
        match kind:
            case "int":
                return f"numbers[{next(numbers)}]"
            case "bool":
                return f"numbers[{next(numbers)}] != 0"
            case (dtype, int(dimensions)):
                shape = "".join(f"numbers[{next(numbers)}], " for _ in range(dimensions))
                return f"carray(pointers[{next(pointers)}], ({shape}), np.{np.dtype(dtype).name})"
            case (module, name, *members):
                scope[name] = getattr(import_module(module), name)
                return f"{name}({', '.join(map(argument, members))})"

    lines = [f"given{k} = {argument(kind)}" for k, kind in enumerate(kinds)]
    call = f"function({', '.join(f'given{k}' for k in range(len(kinds)))})"
    lines += ["try:", f" {call}", "except Exception:", " return 1", "return 0"]
    exec("\n ".join(["def door(pointers, numbers):", *lines]), scope)
    return scope["door"]


def target_machine():
    """Return LLVM's description of the processor to compile for."""
    name, features = processor()
    target = llvm.Target.from_default_triple()
    if target.name.startswith("x86"):
        features += ",-prefer-256-bit"  # else LLVM does, on processors that run vectors of 512 bits well
    return target.create_target_machine(cpu=name, features=features, opt=3, jit=True)


def optimise(machine, code):
    """Optimise a whole module for a processor, in place; first what turns loops about, or fewer become vectors."""
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_interleaving = False  # registers hold no more than one vector at a time of such long loops
    first = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0))
    then = llvm.create_pass_builder(machine, options)
    passes = first.getModulePassManager()
    passes.add_loop_rotate_pass()
    passes.add_instruction_combine_pass()
    passes.add_jump_threading_pass()
    passes.run(code, first)
    then.getModulePassManager().run(code, then)


class _Counter(event.Listener):
    """Tells of every function that numba begins."""

    def __init__(self, tell):
        self.tell, self.begun = tell, count(1)

    def on_start(self, event):
        """Tell of one more."""
        self.tell(f"function {next(self.begun)}")

    def on_end(self, event):
        """Do nothing."""


def main(sources: str, module: str, name: str, kinds: str) -> None:
    """Write to the standard output a line for each stage, an empty one, and what `compiled` returns."""
    if sources != FOLDER.name:
        sys.exit("the sources of the kernel have changed since this command began")
    gc.disable()  # it would go through millions of objects again and again, none of which is garbage yet
    with open(os.dup(1), "wb") as output:
        os.dup2(2, 1)  # whatever else is printed is not for the reader

        def tell(stage):
            output.write(f"{stage}\n".encode())
            output.flush()

        output.write(b"\n" + compiled(module, name, literal_eval(kinds), tell))


if __name__ == "__main__":
    main(*sys.argv[1:])

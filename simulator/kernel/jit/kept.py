"""The driver's finished machine code: kept once it is compiled, and from then on loaded and called without numba.

To import numba, have it decorate the kernel and read its own cache was a third of a run that has little to simulate.
What is kept is the object file that LLVM made for numba, and a door to it: a function of the words of all arguments
in a row. A file is good for one kernel (FOLDER), one processor and one list of kinds of arguments; where there is none
numba is asked. docs/decisions/0007-kept-code.md has the figures.
"""

import ctypes
import hashlib
import json
import os
import sys
from array import array
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import accumulate
from threading import local
from typing import NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from simulator.model.layout import K_COUNT, LANES

from . import store
from .store import CACHED, FOLDER

REMEMBERED = 2  # tuples of arguments: the newest tables and levers, and no more memory
LINE_OF_CACHE = 64  # bytes: where the working arrays begin
NOWHERE = 1  # an address: 0 would be no address
ADDRESS = 4  # which of an array's words
LLVM_TYPES = {"int": "i64", "bool": "i8"}

_prepared = set()  # of True, once `prepare` has been called
_described = {}  # identity of a named tuple: (the tuple itself, its kinds, its words)


class Kind(NamedTuple):
    """What compiled code knows of an array."""

    type: str
    dimensions: int
    is_plain: bool  # C order, aligned, may be written to


class Code(NamedTuple):
    """What a file holds."""

    driver: bytes  # object file
    door: bytes  # object file that defines `enter`
    unused: list[str]  # names that the driver's object file mentions where the door does not lead
    space: list[tuple[str, tuple[int, ...]]]  # (type, shape) of the arrays that the driver works in

    def to_bytes(self) -> bytes:
        """Return the content of the file: a line of JSON, then the object files."""
        line = json.dumps([len(self.driver), self.unused, self.space])
        return line.encode() + b"\n" + self.driver + self.door

    @classmethod
    def from_bytes(cls, content: bytes) -> "Code":
        """Return what `to_bytes` gave."""
        line, _, objects = content.partition(b"\n")
        size, unused, space = json.loads(line)
        return cls(objects[:size], objects[size:], unused, [(kind, tuple(shape)) for kind, shape in space])


def advance(tables, levers, tiles, *others) -> None:
    """Do what `tile.advance` says, whose arguments these are."""
    if len(tiles) and int(tiles[:, K_COUNT].max()) > LANES:
        raise ValueError(f"a tile is longer than {LANES} borrowers")
    kinds, words = described((tables, levers, tiles, *others))
    call = loaded(kinds)
    if call is None:
        from simulator.kernel.driver import advance as compiled

        compiled(tables, levers, tiles, *others)
    else:
        call(words)


def prepare(given: tuple, processors: int, tell: Callable[[int], None]) -> None:
    """Have code ready for calls of `advance` like this one, which must have nothing to do.

    Compiled on so many processors where none is kept, and then kept; `tell` as in `quick.quickly`.
    """
    kinds, _ = described(given)
    if loaded(kinds) is None:
        _compile(given, kinds, processors, tell)
    _prepared.add(True)


def is_ready() -> bool:
    """Return whether `prepare` has been called in this process: whatever the scenario, the code is the same."""
    return bool(_prepared)


def _compile(given, kinds, processors, tell):
    """Compile the driver, if this process has not done so already, and keep it."""
    from simulator.kernel import driver  # imports numba

    if not hasattr(driver.run_tiles, "signatures"):  # it is plain Python
        return
    if not driver.run_tiles.signatures:
        if not CACHED:
            store.say(f"{FOLDER}: {store.WHY_NOT}; not kept, so every command compiles")
        from .apart import PARTS, shared
        from .quick import quickly

        with quickly(tell, PARTS), shared(processors):
            driver.advance(*given)
    with suppress(Exception):  # another numba may hide what is kept here: then all goes on without
        _keep(given, kinds)
        loaded.cache_clear()  # from now on this process takes the same door as the next


def described(given: tuple) -> tuple[tuple, list[int]]:
    """Return the kinds of arguments, and their words as compiled code takes them.

    An array is two addresses of counters, which there are not, its size, the bytes of an item, its address, shape and
    strides.
    """
    kinds, words = [], []
    for value in given:
        if isinstance(value, np.ndarray):
            kinds.append(Kind(value.dtype.str, value.ndim, value.flags.carray))
            words += _words(value, value.ctypes.data)
        elif isinstance(value, tuple):
            _, more_kinds, more_words = _remembered(value)
            kinds.append(more_kinds)
            words += more_words
        else:
            kinds.append("bool" if isinstance(value, bool) else "int")
            words.append(int(value))
    return tuple(kinds), words


def _remembered(group):
    """Return a tuple and what describes it: the tables and the levers are the same in call after call."""
    held = _described.get(id(group))
    if held is None or held[0] is not group:
        if len(_described) >= REMEMBERED:
            _described.clear()
        held = _described[id(group)] = (group, *described(group))
    return held


def _words(value, address):
    return (0, 0, value.size, value.itemsize, address, *value.shape, *value.strides)


def _file(kinds):
    """Return where the code for arguments of these kinds is kept: for this processor, Python and LLVM."""
    features = llvm.get_host_cpu_features().flatten()
    host = (llvm.get_process_triple(), llvm.get_host_cpu_name(), features)
    key = repr((kinds, *host, llvmlite.__version__, sys.implementation.cache_tag))
    return FOLDER / f"driver-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _is_possible():
    """Return whether code may be kept; numba's own settings are left to numba."""
    return CACHED and not any(name.startswith("NUMBA_") for name in os.environ)


@cache
def loaded(kinds: tuple) -> Callable[[list[int]], None] | None:
    """Return the kept code as a function of the words of arguments of these kinds; None if there is none."""
    if not _is_possible():
        return None
    content = store.read(_file(kinds))
    if content is None:
        return None
    try:
        return _linked(Code.from_bytes(content))
    except Exception:  # this LLVM does not take it: numba is asked
        return None


def _linked(code):
    """Return kept code as a function of the words of arguments."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    jit = llvm.create_lljit_compiler()
    library = llvm.JITLibraryBuilder().add_object_img(code.driver).add_object_img(code.door).add_current_process()
    for name in code.unused:
        library.import_symbol(name, NOWHERE)
    linked = library.export_symbol("enter").link(jit, "driver")
    enter = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p)(linked["enter"])  # other threads run while it does
    space = [np.empty(shape, kind) for kind, shape in code.space]
    *starts, size = accumulate((-(-x.nbytes // LINE_OF_CACHE) * LINE_OF_CACHE for x in space), initial=0)
    working = np.array([word for x, start in zip(space, starts, strict=True) for word in _words(x, start)])
    is_address = np.array([k == ADDRESS for x in space for k in range(len(_words(x, 0)))])
    held = local()  # the working space of each thread, as the last call left it

    def call(words, linked=linked):  # which lives as long as it
        if not hasattr(held, "words"):
            held.space = np.empty(size, np.uint8)
            held.words = (working + held.space.ctypes.data * is_address).tobytes()
        if status := enter(array("q", words).tobytes() + held.words):
            raise RuntimeError(f"the compiled driver ended with status {status}")

    return call


def _keep(given, kinds):
    """Keep the code that numba has compiled for such arguments; ValueError if it takes them in another way."""
    from simulator.kernel import driver

    if not _is_possible():
        return

    space = _working_space(driver, given)
    (signature,) = driver.run_tiles.signatures
    made = driver.run_tiles.overloads[signature]
    module, name = made.library._get_module_for_linking(), made.fndesc.llvm_func_name
    types = ["ptr", "ptr", *_llvm_types((*kinds, *described(space)[0]))]  # where the result and an exception go
    if str(module.get_function(name).global_value_type) != f"i32 ({', '.join(types)})":
        raise ValueError(f"numba passes arguments to {name} in another way")
    numbas = driver.run_tiles._cache
    kept = numbas._cache_file.load(numbas._index_key(signature, made.library.codegen))
    code = Code(
        kept[0][2][0],
        _door(name, types),
        [f.name for f in module.functions if f.is_declaration and f.name.startswith("numba_")],
        [(x.dtype.str, x.shape) for x in space],
    )
    _linked(code)  # before anybody else has to
    store.write(_file(kinds), code.to_bytes())


def _working_space(driver, given):
    """Return the arrays that `tile.advance` adds to its arguments to work in; ValueError if it does anything else."""
    seen, compiled = [], driver.run_tiles
    driver.run_tiles = lambda *all_of_them: seen.extend(all_of_them)
    try:
        driver.advance(*given)
    finally:
        driver.run_tiles = compiled
    space = tuple(_arrays(seen[len(given) :]))
    if any(a is not b for a, b in zip(seen, given, strict=False)):
        raise ValueError("the driver is not given the arguments as they are")
    return space


def _arrays(values):
    """Yield the arrays in nested tuples."""
    for value in values:
        if isinstance(value, tuple):
            yield from _arrays(value)
        else:
            yield value


def _llvm_types(kinds):
    """Yield the types of the words of arguments of these kinds."""
    for kind in kinds:
        if isinstance(kind, str):
            yield LLVM_TYPES[kind]
        elif isinstance(kind, Kind):
            yield from ("ptr", "ptr", "i64", "i64", "ptr", *("i64",) * (2 * kind.dimensions))
        else:
            yield from _llvm_types(kind)


def _door(name, types):
    """Return an object file of `enter`, which takes the address of words and calls the driver with them."""
    lines = []
    for k, kind in enumerate(types[2:]):
        lines += [f"%at{k} = getelementptr i64, ptr %words, i64 {k}", f"%word{k} = load i64, ptr %at{k}"]
        change = {"ptr": "inttoptr i64 {} to ptr", "i8": "trunc i64 {} to i8", "i64": "add i64 {}, 0"}[kind]
        lines.append(f"%given{k} = " + change.format(f"%word{k}"))
    given = ", ".join(["ptr %result", "ptr %exception", *(f"{kind} %given{k}" for k, kind in enumerate(types[2:]))])
    source = f"""
        declare i32 @"{name}"({", ".join(types)})
        define i32 @enter(ptr %words) {{
            %result = alloca ptr
            %exception = alloca ptr
            {chr(10).join(lines)}
            %status = call i32 @"{name}"({given})
            ret i32 %status
        }}"""
    target = llvm.Target.from_default_triple().create_target_machine(codemodel="large", jit=True)
    return target.emit_object(llvm.parse_assembly(source))

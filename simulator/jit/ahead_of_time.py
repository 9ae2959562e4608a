"""Functions of the kernel as machine code: compiled once, kept as an object file, and called without numba ever after.

All by public means of numba and llvmlite. docs/decisions/0007-kept-code.md has the reasons and the figures.
"""

import ctypes
import hashlib
import os
import subprocess
import sys
from array import array
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import update_wrapper
from pathlib import Path
from threading import Lock, local
from typing import NamedTuple

import llvmlite
import llvmlite.binding as llvm
import numpy as np

from simulator.model.observer import BEHIND

from . import store
from .functions import njit
from .levels import levels

ONLY_TRANSLATE = {"NUMBA_OPT": "0", "NUMBA_LOOP_VECTORIZE": "0", "NUMBA_SLP_VECTORIZE": "0"}  # LLVM optimises later
NOWHERE = 1  # the address of functions that are not reached: 0 would be none

_observers = []


@contextmanager
def compiling(tell: Callable[[str], None]):
    """Within, `tell` is told of each stage, if something has to be compiled."""
    _observers.append(tell)
    try:
        yield
    finally:
        _observers.remove(tell)


def ahead_of_time(function):
    """Return `function` as machine code, loaded or compiled when it is first called; with NUMBA_DISABLE_JIT=1 as it is.

    It takes integers, truths, arrays in C order and named tuples of all these, and returns nothing.
    """
    return njit(function) if int(os.environ.get("NUMBA_DISABLE_JIT") or 0) else _AheadOfTime(njit(function))


class _AheadOfTime:
    def __init__(self, function):
        update_wrapper(self, function)
        self.codes, self.lock, self.thread = {}, Lock(), local()

    def __call__(self, *given):
        parts = [self._part(place, value) for place, value in enumerate(given)]
        kinds = tuple([part.kind for part in parts])
        with self.lock:
            code = self.codes.get(kinds) or self.codes.setdefault(kinds, _ready(self, kinds))
        if code(b"".join([part.pointers for part in parts]), b"".join([part.numbers for part in parts])):
            raise RuntimeError(f"{self.__qualname__}: an error in compiled code; NUMBA_DISABLE_JIT=1 shows it")

    def _part(self, place, value):
        """Return an argument taken apart; this thread's last one, if it is that: tables are the same in many calls."""
        last = self.thread.__dict__
        if place not in last or last[place].value is not value:
            pointers, numbers = array("q"), array("q")
            kind = _take_apart(value, pointers, numbers)
            last[place] = _Part(value, kind, pointers.tobytes(), numbers.tobytes())
        return last[place]


class _Part(NamedTuple):
    value: object
    kind: str | tuple  # "int", "bool", (type, dimensions) or (module, class, kind of each member)
    pointers: bytes
    numbers: bytes


def _take_apart(value, pointers, numbers):
    """Return the kind of an argument, and append the addresses of its arrays, and its shapes and integers."""
    if isinstance(value, np.ndarray):
        if not (value.flags.c_contiguous and value.flags.aligned):  # what it only reads may be read-only
            raise ValueError("compiled code takes arrays in C order")
        pointers.append(value.ctypes.data)
        numbers.extend(value.shape)
        return value.dtype.str, value.ndim
    if isinstance(value, tuple):
        members = [_take_apart(member, pointers, numbers) for member in value]
        return type(value).__module__, type(value).__qualname__, *members
    numbers.append(value)
    return "bool" if isinstance(value, bool) else "int"


def _ready(function, kinds):
    """Return the code of a function for arguments of these kinds: kept, brought along, or compiled now."""
    content = store.read(_path(function, kinds, processor())) or _brought(function, kinds) or own(function, kinds)
    return _linked(content)


def own(function, kinds: tuple) -> bytes:
    """Return the code of a function for this processor, compiled now if it is not kept, and then kept."""
    path = _path(function, kinds, processor())
    content = store.read(path)
    if content is None:
        content = _compiled(function, kinds)
        store.keep(path, content)
    return content


def _brought(function, kinds):
    """Return code that came with the simulator, while this processor's own is compiled behind; None if none fits."""
    named = os.environ.get("NUMBA_CPU_NAME")
    for level in [] if named else levels():
        if content := store.read_brought(_path(function, kinds, (level, "")).name):
            if store.CACHED:
                _compile_behind(function, kinds)
                _tell(f"{BEHIND}; until then it is that for any {level}")
            return content
    return None


def _compile_behind(function, kinds):
    """Have the process `behind` compile a function."""
    nobody = subprocess.DEVNULL
    with suppress(OSError):  # the system will not have it: then at the next start
        subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.behind", *_names(function, kinds)],
            env={**os.environ, "PYTHONPATH": _places()},
            stdin=nobody,
            stdout=nobody,
            stderr=nobody,
            start_new_session=True,  # Ctrl-C and a closed terminal are for the command
        )


def _path(function, kinds, processor):
    """Return where the code of a function is kept, by a hash of all that it depends on and FOLDER does not name."""
    names = "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"  # the processor is in the hash
    settings = sorted((k, v) for k, v in os.environ.items() if k.startswith("NUMBA_") and k not in names)
    source = Path(function.__wrapped__.__code__.co_filename).read_bytes()
    versions = llvmlite.__version__, sys.implementation.cache_tag
    key = repr((function.__module__, source, kinds, llvm.get_process_triple(), processor, settings, versions))
    return store.FOLDER / f"{function.__name__}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def processor() -> tuple[str, str]:
    """Return the name and the features of the processor to compile for: this one, or as numba's settings say."""
    if name := os.environ.get("NUMBA_CPU_NAME"):
        return name, os.environ.get("NUMBA_CPU_FEATURES", "")
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _places():
    """Return where this process looks for modules, for another that is to find the same."""
    return os.pathsep.join(place or os.getcwd() for place in sys.path)


def _names(function, kinds):
    """Return the words by which another process finds a function, and the kinds of its arguments."""
    return function.__module__, function.__name__, repr(kinds)


def _tell(stage):
    for tell in _observers:
        tell(stage)


def _compiled(function, kinds):
    """Return what `compile.compiled` does, in a process of its own: numba's settings hold for a whole process."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", f"{__package__}.compile", store.FOLDER.name, *_names(function, kinds)],
        env={**os.environ, **ONLY_TRANSLATE, "PYTHONPATH": _places()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        process_group=0 if os.name == "posix" else None,  # Ctrl-C is for this process, which ends the other
    )
    with process:
        try:
            while stage := process.stdout.readline().strip():
                _tell(stage.decode())
            content = process.stdout.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(f"{function.__qualname__} is not compiled: status {process.returncode}")
    return content


def _linked(content):
    """Return what `compile.compiled` gave as a function of addresses and integers that returns whether it failed."""
    names, _, code = content.partition(b"\n")
    door, *unreached = names.decode().split()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process().export_symbol(door)
    for name in unreached:
        library.import_symbol(name, NOWHERE)
    linked = library.link(llvm.create_lljit_compiler(), door)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_char_p, ctypes.c_char_p)(linked[door])  # other threads go on
    function.library = linked  # lives as long
    return function

"""The one door to numba: `njit` with a disk cache that any edit of the kernel's sources makes new.

Numba stamps a cached function with the one file it stands in, so after an edit elsewhere the old code would be
reused. Here the folder's name is a hash of every source of this package: another source, another folder.
"""

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent


def source_hash(folder=HERE):
    """Return a hexadecimal SHA-256 of the name and bytes of every Python file in `folder`."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def base_folder():
    """Return where caches live: $SIMULATOR_CACHE_DIR, else `simulator` in the user's cache folder."""
    if chosen := os.environ.get("SIMULATOR_CACHE_DIR"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simulator"


FOLDER = base_folder() / f"numba-{version('numba')}-{source_hash()[:16]}"


def _is_writable(folder):
    """Return whether `folder` exists, or could be made, and takes files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


CACHED = _is_writable(FOLDER)  # without a place to keep it, code is compiled in every process: slow, never stale


def njit(function=None, **options):
    """Return `numba.njit(nogil=True, **options)` of `function`; with `cache=CACHED` it is kept in FOLDER.

    Only what Python calls need be kept: what it calls in turn is inside. Compiled without numba's reference counts
    (`_nrt`): atomic increments for every array at every call cost more than the month itself. So compiled code makes no
    arrays; it is given them. `forceinline=True` has LLVM put the function where it is called, loops around it and all;
    numba's own `inline` would too, but then types every copy anew, which made compiling a third slower. Python cannot
    call such a function, nor one that stays whole but is said to be `inside=True`: making the door to Python that
    numba gives every other took a quarter of the compilation.

    As `@njit` or with options, as `@njit(forceinline=True)`.
    """
    if function is None:
        return lambda function: njit(function, **options)
    import numba  # here: who asks for FOLDER only does not pay for it

    inside = options.pop("inside", options.get("forceinline", False))
    options = {"cache": False, "nogil": True, "_nrt": False, **options}
    options |= {"no_cpython_wrapper": inside, "no_cfunc_wrapper": True}
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(FOLDER)  # numba fixes the place when it decorates
    try:
        made = numba.njit(**options)(function)
    finally:
        numba.config.CACHE_DIR = before
    if inside and not numba.config.DISABLE_JIT:
        _close_to_python(made)
    return made


def _close_to_python(function):
    """Have a compiled function refuse a call from Python, where numba, having no door for it, would crash."""

    def refuse(*_, **__):
        raise TypeError(f"{function.__name__} is inside compiled code: only that can call it")

    function._insert = lambda *_: None  # numba's table of doors, asked before `_compile_for_args`
    function._compile_for_args = refuse

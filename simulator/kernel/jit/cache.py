"""The one door to numba: `njit` with a disk cache that any edit of the kernel's sources makes new.

Numba stamps a cached function with the one file it stands in, so after an edit elsewhere the old code would be
reused. Here the folder's name is a hash of every source of this package: another source, another folder.
"""

import io
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from . import store
from .store import CACHED as CACHED  # where the functions of the kernel look for it
from .store import FOLDER as FOLDER


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
    if numba.config.DISABLE_JIT:
        return made
    if options["cache"]:
        _seal(made._cache)
    if inside:
        _close_to_python(made)
    return made


def _seal(kept):
    """Have a cache of numba's keep sealed files, in FOLDER only, and go on without where the disk is full."""
    if not Path(kept.cache_path).is_relative_to(FOLDER):
        kept.disable()
        return
    kept._cache_file.__class__ = _sealed(type(kept._cache_file))
    save = kept.save_overload

    def save_overload(*made):
        try:
            save(*made)
        except OSError as error:
            store.say(f"{kept.cache_path}: {error.strerror}; not kept")

    kept.save_overload = save_overload


@cache
def _sealed(files):
    """Return numba's class of cache files, as one whose files are sealed."""

    class Sealed(files):
        def _load_index(self):
            return {} if store.read(Path(self._index_path)) is None else super()._load_index()

        def _load_data(self, name):
            if store.read(Path(self._data_path(name))) is None:
                raise OSError("damaged")  # for numba as good as not there
            return super()._load_data(name)

        @contextmanager
        def _open_for_write(self, path):
            content = io.BytesIO()
            yield content
            store.write(Path(path), content.getvalue())

    return Sealed


def _close_to_python(function):
    """Have a compiled function refuse a call from Python, where numba, having no door for it, would crash."""

    def refuse(*_, **__):
        raise TypeError(f"{function.__name__} is inside compiled code: only that can call it")

    function._insert = lambda *_: None  # numba's table of doors, asked before `_compile_for_args`
    function._compile_for_args = refuse

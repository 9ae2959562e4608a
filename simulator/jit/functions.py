"""Which functions are compiled: plain Python that compiled code may call, put down here until something is compiled.

So the kernel is imported, read, tested and, with NUMBA_DISABLE_JIT=1, run without numba.
"""

OPTIONS = {"nogil": True, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

_waiting = []  # (function, options of numba) that numba has not been told of


def njit(function=None, *, forceinline=False):
    """Return `function` as it is; compiled code may call it, there as if by `numba.njit`.

    It is compiled without numba's reference counts (`_nrt`): atomic increments for every array at every call cost more
    than the month itself. So compiled code makes no arrays; it is given them. `forceinline=True` has LLVM put it where
    it is called, loops around it and all.
    """
    if function is None:
        return lambda function: njit(function, forceinline=forceinline)
    _waiting.append((function, OPTIONS | {"forceinline": True} if forceinline else OPTIONS))
    return function


def tell_numba():
    """Have numba know every function put down so far."""
    from numba.extending import register_jitable

    while _waiting:
        function, options = _waiting.pop()
        register_jitable(**options)(function)

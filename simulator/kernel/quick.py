"""Compiling in half the time: what numba spends on itself, and leaves no trace of in the code, is spared.

Measured with numba 0.68 on this kernel: 36 s of processor time become 23, with the same machine code.
"""

import gc
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache

from numba.core import event
from numba.core.targetconfig import TargetConfig

_slow_equal = TargetConfig.__eq__


@contextmanager
def quickly(tell: Callable[[int], None] = lambda begun: None):
    """Within, numba compiles faster; `tell` is told how many functions it has begun (never, if all is in the cache).

    Two costs fall away. At every operator it asks, for each of some ten candidates, whether the compiler's flags are
    those of before, and for that makes a dictionary of all thirty; half of all page faults are this. And Python's
    garbage collector goes through millions of objects again and again, none of which is garbage yet.
    """
    slow_hash, collects = TargetConfig.__hash__, gc.isenabled()
    TargetConfig.__hash__, TargetConfig.__eq__ = _hash, _equal
    gc.disable()
    try:
        with event.install_listener("numba:compile", _Count(tell)):
            yield
    finally:
        TargetConfig.__hash__, TargetConfig.__eq__ = slow_hash, _slow_equal
        if collects:
            gc.enable()


@cache
def _hash_of(kind):
    return hash(tuple(sorted(kind.options)))


def _hash(flags):
    """Return numba's own hash of flags, which depends on their names only."""
    return _hash_of(type(flags))


def _equal(flags, other):
    """Return whether two sets of flags are the same, without asking for those that are set alike."""
    alike = type(flags) is type(other) and flags._values == other._values
    return alike or _slow_equal(flags, other)


class _Count(event.Listener):
    """Counts the functions that are begun."""

    def __init__(self, tell):
        self.tell, self.begun = tell, 0

    def on_start(self, _):
        """Tell of one more."""
        self.begun += 1
        self.tell(self.begun)

    def on_end(self, _):
        """Do nothing."""

"""Random words by address, compiled: a word is a function of who, when and what for, never of what ran before.

Philox is inlined so that the loop around it is vectorised.
"""

from simulator.model import philox as plain
from simulator.model.philox import FACTORS, MONTHS, PEOPLE

from .jit.functions import njit

__all__ = ["FACTORS", "MONTHS", "PEOPLE", "counter", "group", "philox"]

philox = njit(plain.philox, forceinline=True)
counter = njit(plain.counter, forceinline=True)
group = njit(plain.group, forceinline=True)

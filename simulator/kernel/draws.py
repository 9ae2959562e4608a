"""Random words by address: of who, when and what for, never of what ran before. Inlined, so that loops are vectors."""

from simulator.jit.functions import njit
from simulator.model import philox as plain
from simulator.model.philox import FACTORS, MONTHS, PEOPLE

__all__ = ["FACTORS", "MONTHS", "PEOPLE", "counter", "group", "philox"]

philox = njit(plain.philox, forceinline=True)
counter = njit(plain.counter, forceinline=True)
group = njit(plain.group, forceinline=True)

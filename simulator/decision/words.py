"""Numbers that are varied, in words."""

from simulator.decision.vary import Varied
from simulator.report import phrasing

PLAIN = ("share", "number", "multiplier")  # units that a number says by itself


def number(one: Varied, x: float) -> str:
    """Return the number of a place with its unit."""
    unit = "" if one.shown_unit in PLAIN else one.shown_unit
    return f"{digits(one.shown(x))} {unit}".strip()


def digits(x: float) -> str:
    """Return a number to four digits, whole from a thousand on."""
    return phrasing.plain(x, 0) if abs(x) >= 1000 else f"{x:.4g}".replace("-", phrasing.MINUS)

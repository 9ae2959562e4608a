"""Numbers that are varied, in words."""

import re

from markupsafe import Markup

from simulator.decision.vary import Varied
from simulator.report import phrasing
from simulator.scenario.parameters import measured

_JOINT = re.compile(r"(?<=[A-Za-z0-9][._])(?=[A-Za-z])")  # of a key; numbers such as 0.3 have none
PLAIN = ("share", "number", "multiplier")  # units that a number says by itself


def number(one: Varied, x: float) -> str:
    """Return the number of a place with its unit."""
    return measured(digits(one.shown(x)), "" if one.shown_unit in PLAIN else one.shown_unit)


def digits(x: float) -> str:
    """Return a number to four digits, whole from a thousand on."""
    return phrasing.plain(x, 0) if abs(x) >= 1000 else f"{x:.4g}".replace("-", phrasing.MINUS)


def breakable(text: str) -> Markup:
    """Return text as HTML in which a line may break within a key, after its dots and underscores."""
    return Markup("<wbr>").join(_JOINT.split(text))

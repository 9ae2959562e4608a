"""One unit for all numbers of a figure, money in thousands or millions, with three significant digits."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from simulator.analysis.measures import ACCOUNTS, SHARE
from simulator.language.catalogue import CHINESE, say, spoken
from simulator.report import phrasing
from simulator.report.canvas import decimals_of

DIGITS = 3  # significant, of the largest number of a figure
MOST = 3  # decimals of a number that is drawn
MORE = 3  # decimals that its data have beyond those that are drawn


class Scale(NamedTuple):
    """What numbers are times, what they are then in, and with how many decimals they are shown."""

    factor: float
    words: str
    decimals: int

    def plain(self, value: float) -> str:
        """Return a number in words, without its unit; a dash of one that is not finite."""
        return phrasing.plain(value * self.factor, self.decimals) if math.isfinite(value) else "–"

    def signed(self, value: float) -> str:
        """Return a change in words: with its sign, but for what is exactly nothing, or shows as that."""
        if value == 0:
            return "0"
        text = self.plain(value)
        return f"+{text}" if value > 0 and text.strip("0.,") else text

    def data(self, value: float) -> str:
        """Return a number as it is copied, with more decimals; nothing of one that is not finite."""
        if not math.isfinite(value):
            return ""
        text = f"{value * self.factor:.{self.decimals + MORE}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text.replace("-", phrasing.MINUS)

    def ticks(self, values: Iterable[float], is_change: bool = False):
        """Return what writes ticks, which are already in this scale, all with the decimals that they need."""
        decimals = decimals_of(list(values))

        def write(value: float) -> str:
            text = phrasing.plain(value, decimals)
            return f"+{text}" if is_change and value > 0 else text

        return write


def scale_of(values: Iterable[float], unit: str, is_change: bool = False) -> Scale:
    """Return the scale of all values of a figure, which are in `unit`."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if unit.startswith(SHARE):
        factor, words = 100.0, say("percentage points") if is_change else "%"
    elif unit == ACCOUNTS:
        factor, words = 1.0, say("accounts")
    else:
        factor, words = _of_money(largest, unit.partition(" ")[0])
    shown = largest * factor
    decimals = min(MOST, max(0, DIGITS - 1 - math.floor(math.log10(shown)))) if shown > 0 else 0
    return Scale(factor, words, decimals)


def _of_money(largest: float, currency: str) -> tuple[float, str]:
    """Return the factor of an amount, and what it then is in: thousands in English, ten thousands in Chinese."""
    if spoken() == CHINESE:
        word = phrasing.CURRENCY_WORDS.get(currency, phrasing.NO_BREAK + currency)
        size, many = phrasing.ten_thousands(largest)
        return 1 / size, f"{many}{word}".strip()
    if largest >= 1e9:
        return 1e-6, say("{currency} million", currency=currency)
    if largest >= 1e4:
        return 1e-3, say("{currency} thousand", currency=currency)
    return 1.0, currency

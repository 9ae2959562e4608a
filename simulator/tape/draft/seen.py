"""What stands in the columns of a file: how many texts, whether they are numbers, dates, whole, and how they begin."""

from functools import cached_property

import numpy as np

from simulator.reading.column import Column, is_nothing
from simulator.reading.dates import DAY_NUMBER, month_of
from simulator.reading.numbers import DAYS, MONTHS, PER_CENT

MOST_TEXTS = 3000  # distinct ones of a column that may be dates: a day each over eight years
FORMS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m/%Y", "%m.%Y", "%m-%Y", "%b-%y", "%b %y", "%d/%m/%y",
         "%m/%d/%y", "%d.%m.%y", "%d-%b-%y", "%y%m")  # fmt: skip
_DAYS = (30_000, 60_000)  # numbers of days from 1982 to 2064


class Seen:
    """One column of a file."""

    def __init__(self, name: str, column: Column):
        self.name, self.column, self.rows = name, column, len(column)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Rows by text, the most frequent first."""
        count = np.bincount(self.column.row, minlength=len(self.column.text))
        order = np.argsort(-count, kind="stable")
        return {self.column.text[number]: int(count[number]) for number in order.tolist() if count[number]}

    @cached_property
    def texts(self) -> list[str]:
        """The texts that say something."""
        return [text for text in self.column.text if not is_nothing(text)]

    @property
    def filled(self) -> float:
        """The share of rows in which something stands."""
        return 1 - float(self.column.missing.mean()) if self.rows else 0.0

    @cached_property
    def decimal(self) -> str | None:
        """The decimal sign by which all texts are numbers, whatever unit follows them; None if they are none."""
        if not self.texts:
            return None
        for decimal in (".", ","):
            for unit in ("", DAYS, MONTHS, PER_CENT):
                if not self.column.numbers(decimal, unit)[1].any():
                    return decimal
        return None

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers that stand there, float64; empty if it is no column of numbers."""
        if self.decimal is None:
            return np.zeros(0)
        for unit in ("", DAYS, MONTHS, PER_CENT):
            values, wrong = self.column.numbers(self.decimal, unit)
            if not wrong.any():
                break
        return values[~self.column.missing]

    @cached_property
    def is_whole(self) -> bool:
        """Whether it is a column of whole numbers."""
        return bool(len(self.values)) and bool((self.values % 1 == 0).all())

    @cached_property
    def month_forms(self) -> list[str]:
        """The forms by which all texts are dates, the likeliest first; "" is the one that needs no word."""
        if not self.texts or len(self.texts) > MOST_TEXTS:
            return []
        fits = [form for form in ("", *FORMS) if all(month_of(text, form or None) for text in self.texts)]
        if not fits and self.is_whole and _DAYS[0] < self.values.min() and self.values.max() < _DAYS[1]:
            fits = [DAY_NUMBER]
        return sorted(fits, key=lambda form: (form != "", -len({month_of(text, form or None) for text in self.texts})))

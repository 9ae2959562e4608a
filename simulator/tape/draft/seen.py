"""What stands in the columns of a file: how many texts, whether they are numbers, dates, whole, and how they begin."""

from functools import cached_property

import numpy as np

from simulator.reading.column import Column, is_nothing
from simulator.reading.dates import DAY_NUMBER, month_of
from simulator.reading.numbers import DAYS, MONTHS, PER_CENT

FEW_WRONG = 0.1  # share that may be wrong in a column of numbers or dates: they are told when it is read
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
        return [text for text in self.counts if not is_nothing(text)]

    @property
    def filled(self) -> float:
        """The share of rows in which something stands."""
        return 1 - float(self.column.missing.mean()) if self.rows else 0.0

    @cached_property
    def decimal(self) -> str | None:
        """The decimal sign by which nearly all rows are numbers, whatever unit follows them; None if they are none."""
        return self._numbers[0]

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers that stand there, float64; empty if it is no column of numbers."""
        return self._numbers[1][~self.wrong & ~self.column.missing]

    @cached_property
    def wrong(self) -> np.ndarray:
        """bool[row]: no number, in a column of numbers."""
        return self._numbers[2]

    @cached_property
    def _numbers(self) -> tuple[str | None, np.ndarray, np.ndarray]:
        """The decimal sign, float64[row], and bool[row]: whether something else than a number stands."""
        filled, found = int((~self.column.missing).sum()), []
        for decimal in (".", ","):
            for unit in ("", DAYS, MONTHS, PER_CENT) if filled else ():
                values, wrong = self.column.numbers(decimal, unit)
                found.append((int(wrong.sum()), decimal, values, wrong))
                if not wrong.any():
                    return decimal, values, wrong
        few, decimal, values, wrong = min(found, key=lambda one: one[0]) if found else (1, "", np.zeros(0), np.zeros(0))
        if few > FEW_WRONG * filled:
            return None, np.zeros(self.rows), np.ones(self.rows, dtype=bool)
        return decimal, values, wrong

    @cached_property
    def is_whole(self) -> bool:
        """Whether it is a column of whole numbers."""
        return bool(len(self.values)) and bool((self.values % 1 == 0).all())

    @cached_property
    def month_forms(self) -> list[str]:
        """The forms by which nearly all texts are dates, the likeliest first; "" is the one that needs no word."""
        if not self.texts or len(self.texts) > MOST_TEXTS:
            return []
        most = FEW_WRONG * sum(self.counts[text] for text in self.texts)
        fits = [form for form in ("", *FORMS) if self._no_dates(form, most) <= most]
        if (
            not fits
            and self.is_whole
            and len(self.values)
            and _DAYS[0] < self.values.min()
            and self.values.max() < _DAYS[1]
        ):
            fits = [DAY_NUMBER]
        return sorted(fits, key=lambda form: (form != "", -len({month_of(text, form or None) for text in self.texts})))

    def _no_dates(self, form: str, most: float) -> int:
        """Return in how many rows no date by `form` stands; more than `most` stands for all beyond."""
        count = 0
        for text in self.texts:
            count += self.counts[text] if month_of(text, form or None) is None else 0
            if count > most:
                break
        return count

"""Quarters of a loss rate and of what may drive it, as they are read from a file."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import ROUNDING
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.reading.files import open_table, read_columns
from simulator.reading.table import Form

YEAR = 4  # quarters
FORMS = ("change", "growth", "level")  # as a driver enters: over a year in its own unit, in per cent, as it stands
MOST = 4  # drivers, unemployment among them
LISTED = 20  # wrong values that are listed one by one
QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])|(\d{4})-(\d{2})(?:-(\d{2}))?", re.IGNORECASE)


class Driver(NamedTuple):
    """A series beside unemployment that may drive the rate."""

    name: str
    form: str  # of FORMS: how it enters
    values: np.ndarray  # float64[quarter], in its own unit

    @property
    def label(self) -> str:
        """How pages call what enters."""
        return self.name if self.form == "level" else f"{self.form} of {self.name}"

    @property
    def entering(self) -> np.ndarray:
        """float64[quarter]: the difference from four quarters before, the growth in per cent, or the series itself."""
        if self.form == "level":
            return self.values
        before = later(self.values, YEAR)
        return self.values - before if self.form == "change" else 100 * (self.values / before - 1)

    @property
    def is_still(self) -> bool:
        """Whether what enters is the same in every quarter."""
        known = self.entering[np.isfinite(self.entering)]
        return not known.size or bool(np.ptp(known) < ROUNDING * np.abs(self.values).max())


class Series(NamedTuple):
    """Quarters next to each other, oldest first."""

    file: str
    rate_name: str
    quarters: tuple[str, ...]  # "2005Q4"
    unemployment: np.ndarray  # float64[quarter], per cent
    rate: np.ndarray  # float64[quarter], share; NaN where the file has none
    others: tuple[Driver, ...] = ()

    @property
    def change(self) -> np.ndarray:
        """float64[quarter]: unemployment less that of four quarters before, points; NaN in the first year."""
        return self.drivers[0].entering

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """Whatever may drive the rate, the change of unemployment first."""
        return Driver("unemployment", "change", self.unemployment), *self.others

    def delayed(self, lag: int) -> "Series":
        """Return the series with the unemployment of `lag` quarters before."""
        return self._replace(unemployment=later(self.unemployment, lag))


def later(values: np.ndarray, quarters: int) -> np.ndarray:
    """Return float64[quarter]: the values of so many quarters before; NaN where there are none."""
    return np.concatenate((np.full(quarters, np.nan), values))[: len(values)]


def read_series(path: str | Path, date: str, unemployment: str, rate: str, drivers: Sequence[str] = ()) -> Series:
    """Return the series in the table `path` (as a tape: CSV, CSV.GZ or Parquet), whose columns have these names.

    `date` holds quarters ("2005Q4") or days in them ("2005-10-01", "2005-10"), one row each in any order;
    `unemployment` and `rate` are per cent. The rate may be empty: its quarters then only tell the change of later ones.
    `drivers` are columns of other numbers, "COLUMN" or "COLUMN:FORM" with a form of FORMS, of their change without.
    Raises UserError with everything that is wrong with the file.
    """
    name, wrong = str(path), []
    found: dict[int | None, tuple[float, ...]] = {}
    others = [_named(text) for text in drivers]
    if len(others) >= MOST:
        raise UserError(Problem("--driver", found=f"{len(others)} columns", allowed=f"up to {MOST - 1}"))
    if len({(unemployment, FORMS[0]), *others}) <= len(others):
        raise UserError(Problem("--driver", found="the same driver twice", allowed="each by another column or form"))
    names = [unemployment, rate, *(column for column, _ in others)]
    read = _columns(name, [date, unemployment, rate, *(column for column in dict(others) if column != unemployment)])
    numbers = [_per_cent(read[unemployment]), _per_cent(read[rate])]
    numbers += [_numbers(read[column], form) for column, form in others]
    values, bad = (np.array(each) for each in zip(*numbers, strict=True))
    bad |= np.isnan(values) & (np.array(names) != rate)[:, None]
    wishes = ["per cent, above 0 and below 100"] * 2
    wishes += ["a number above 0" if form == "growth" else "a number" for _, form in others]
    for row in range(values.shape[1]):
        text = read[date].at(row)
        quarter = _quarter(text)
        if quarter is None:
            wrong.append((row, date, f"found {text!r}", "allowed: 2005Q4, 2005-10 or 2005-10-01"))
        elif quarter in found:
            wrong.append(
                (row, date, f"{_label(quarter)} stands there twice", "one row a quarter: the mean of its months")
            )
        for k in np.flatnonzero(bad[:, row]):
            wrong.append((row, names[k], f"found {read[names[k]].at(row)!r}", f"allowed: {wishes[k]}"))
        found.setdefault(quarter, tuple(values[:, row]))
    problems = [Problem(name, f"row {row + 1}, {column}", *what) for row, column, *what in wrong[:LISTED]]
    if more := wrong[LISTED:]:
        problems.append(Problem(name, "", f"{len(more):,} more values are wrong, {len(wrong):,} in all"))
    known = sorted(quarter for quarter in found if quarter is not None)
    missing = sorted(set(range(known[0], known[-1] + 1)) - set(known)) if known else []
    if missing:
        text = ", ".join(_label(quarter) for quarter in missing[:8]) + (" ..." if len(missing) > 8 else "")
        problems.append(Problem(name, date, f"quarters are missing: {text}", "every quarter between first and last"))
    if problems:
        raise UserError(problems)
    points, share, *rest = np.array([found[quarter] for quarter in known], dtype=np.float64).T
    if points.max() < 1:
        raise UserError(Problem(name, unemployment, "every value is below 1", "per cent: 5.2, not 0.052"))
    beside = tuple(Driver(*named, column) for named, column in zip(others, rest, strict=True))
    still = [
        Problem(name, each.name, "does not move", "nothing can be learnt from it") for each in beside if each.is_still
    ]
    if still:
        raise UserError(still)
    return Series(Path(path).name, rate, tuple(map(_label, known)), points, share / 100, beside)


def _columns(path, names):
    """Return the columns `names` of a table with rows; raises UserError for columns that are not there."""
    table = open_table(path, Form(wanted=tuple(names)))
    head = table.names
    problems = [Problem(path, name, "no such column", did_you_mean(name, head)) for name in names if name not in head]
    problems += [Problem(path, name, "two columns have this name") for name in names if head.count(name) > 1]
    if len(set(names)) < len(names):
        problems.append(Problem(path, ", ".join(names), "one column for two things", "name a column for each"))
    if problems:
        raise UserError(problems)
    read = read_columns(table, names)
    if not len(read[names[0]].row):
        raise UserError(Problem(path, found="no rows"))
    return read


def _per_cent(column):
    """Return float64[row], NaN where nothing stands, and bool[row]: whether something else than 0 to 100 does."""
    values, text = column.numbers()
    return np.where(column.missing, np.nan, values), text | (~column.missing & ~((values > 0) & (values < 100)))


def _numbers(column, form):
    """Return the same of any numbers; of those that grow, above 0."""
    values, text = column.numbers()
    values = np.where(column.missing | text, np.nan, values)
    return values, text | np.isinf(values) | ((values <= 0) if form == "growth" else False)


def _named(text) -> tuple[str, str]:
    """Return the column and the form that "COLUMN:FORM" names."""
    column, _, form = text.rpartition(":")
    return (column, form) if column and form in FORMS else (text, FORMS[0])


def _quarter(text) -> int | None:
    """Return quarters since year 0 of "2005Q4", "2005-10" or "2005-10-01"; None for any other text."""
    match = QUARTER.fullmatch(text)
    if match is None:
        return None
    year, quarter, other_year, month, day = (int(part or 0) for part in match.groups())
    if quarter:
        return YEAR * year + quarter - 1
    is_day = match[5] is None or 1 <= day <= 31
    return YEAR * other_year + (month - 1) // 3 if 1 <= month <= 12 and is_day else None


def _label(quarter) -> str:
    return f"{quarter // YEAR}Q{quarter % YEAR + 1}"


def named_quarters(texts) -> tuple[str, ...]:
    """Return the quarters that these texts mean, as a Series names them, each once; what is none stays as it is."""
    return tuple(dict.fromkeys(_label(q) if (q := _quarter(text)) is not None else text for text in texts))

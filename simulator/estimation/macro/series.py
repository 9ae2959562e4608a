"""Quarters of a loss rate and of what may drive it, as they are read from a file."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.reading.files import open_table, read_columns
from simulator.reading.table import Form

YEAR = 4  # quarters
LISTED = 20  # wrong values that are listed one by one
QUARTER = re.compile(r"(\d{4})[- ]?Q([1-4])|(\d{4})-(\d{2})(?:-(\d{2}))?", re.IGNORECASE)


class Series(NamedTuple):
    """Quarters next to each other, oldest first."""

    file: str
    rate_name: str
    quarters: tuple[str, ...]  # "2005Q4"
    unemployment: np.ndarray  # float64[quarter], per cent
    rate: np.ndarray  # float64[quarter], share; NaN where the file has none

    @property
    def change(self) -> np.ndarray:
        """float64[quarter]: unemployment less that of four quarters before, points; NaN in the first year."""
        before = np.concatenate((np.full(YEAR, np.nan), self.unemployment))[: len(self.unemployment)]
        return self.unemployment - before


def read_series(path: str | Path, date: str, unemployment: str, rate: str) -> Series:
    """Return the series in the table `path` (as a tape: CSV, CSV.GZ or Parquet), whose columns have these names.

    `date` holds quarters ("2005Q4") or days in them ("2005-10-01", "2005-10"), one row each in any order;
    `unemployment` and `rate` are per cent. The rate may be empty: its quarters then only tell the change of later ones.
    Raises UserError with everything that is wrong with the file.
    """
    name, wrong = str(path), []
    found: dict[int | None, tuple[float, float]] = {}
    read = _columns(name, [date, unemployment, rate])
    (points, no_points), (shares, no_share) = (_per_cent(read[column]) for column in (unemployment, rate))
    for row in range(len(points)):
        text = read[date].at(row)
        quarter = _quarter(text)
        if quarter is None:
            wrong.append((row, date, f"found {text!r}", "allowed: 2005Q4, 2005-10 or 2005-10-01"))
        elif quarter in found:
            wrong.append(
                (row, date, f"{_label(quarter)} stands there twice", "one row a quarter: the mean of its months")
            )
        for column, bad in ((unemployment, no_points[row] or np.isnan(points[row])), (rate, no_share[row])):
            if bad:
                wish = "allowed: per cent, above 0 and below 100"
                wrong.append((row, column, f"found {read[column].at(row)!r}", wish))
        found.setdefault(quarter, (points[row], shares[row]))
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
    points, share = np.array([found[quarter] for quarter in known], dtype=np.float64).T
    if points.max() < 1:
        raise UserError(Problem(name, unemployment, "every value is below 1", "per cent: 5.2, not 0.052"))
    return Series(Path(path).name, rate, tuple(map(_label, known)), points, share / 100)


def _columns(path, names):
    """Return the columns `names` of a table with rows; raises UserError for columns that are not there."""
    table = open_table(path, Form(wanted=tuple(names)))
    head = table.names
    problems = [Problem(path, name, "no such column", did_you_mean(name, head)) for name in names if name not in head]
    problems += [Problem(path, name, "two columns have this name") for name in names if head.count(name) > 1]
    if len(set(names)) < len(names):
        problems.append(Problem(path, ", ".join(names), "one column for two things", "name three columns"))
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

"""Pairs of states in one row, from and to: turned into a row for each of the two months."""

import numpy as np

from simulator.model.errors import Problem, UserError
from simulator.reading.column import Column
from simulator.reading.dates import month_at, number_of
from simulator.tape.mapping import Mapping

MOST_ACCOUNTS = 50_000_000  # that rows may stand for
_DROPPED = ("status_to", "count", "month")
_APART = 100_000  # months that an account's cells are apart


def without_pairs(path: str, read: dict[str, Column], mapping: Mapping) -> tuple[dict[str, Column], Mapping]:
    """Return the columns by role of a tape of pairs as those of a row for each account and month, and its mapping.

    The second state stands a month later, unless the account has a row of its own then, with what else the row says.
    A row that counts several accounts becomes so many; without ids each is an account of its own. Raises UserError
    where a month or a count is none.
    """
    import pyarrow as pa

    rows, count = len(read["status"]), np.ones(len(read["status"]))
    month = read.get("month") or Column.constant(mapping.constant["month"], rows)
    numbers = [number_of(said) if (said := mapping.month_said(text, "month")) else -1 for text in month.text]
    first = np.array(numbers)[month.row]
    problems = _wrong(path, mapping, "month", month, first < 0, "a month")
    if "count" in read:
        count, text = read["count"].numbers(mapping.decimal)
        wrong = text | (count < 0) | (count % 1 != 0) | read["count"].missing
        problems += _wrong(path, mapping, "count", read["count"], wrong, "a whole number of accounts")
    if not problems and count.sum() > MOST_ACCOUNTS:
        problems = [Problem(path, "", f"{count.sum():,.0f} accounts", f"allowed: up to {MOST_ACCOUNTS:,}")]
    if problems:
        raise UserError(problems)
    which = np.repeat(np.arange(rows), count.astype(np.int64))
    counted = "account_id" not in read or "count" in read
    own = np.arange(len(which)) if counted else read["account_id"].row[which].astype(np.int64)
    cell = own * _APART + first[which]
    later = np.flatnonzero(~np.isin(cell + 1, cell))
    later = later[np.unique(cell[later], return_index=True)[1]]
    taken = pa.array(np.concatenate([which, which[later]]))
    made = {role: Column(column.values.take(taken)) for role, column in read.items() if role not in _DROPPED}
    states = ((read["status"], which), (read["status_to"], which[later]))
    made["status"] = Column(pa.concat_arrays([column.words.take(pa.array(column.row[at])) for column, at in states]))
    months = np.concatenate([cell, cell[later] + 1]) % _APART
    made["month"] = Column(pa.array([month_at(number) for number in months.tolist()]))
    if counted:
        made["account_id"] = Column(pa.array(np.concatenate([own, own[later]]) + 1))
    dates = {"opened": form} if (form := mapping.month_form("opened")) else {}
    return made, mapping.model_copy(update={"month_0": None, "month_format": None, "month_formats": dates})


def _wrong(path: str, mapping: Mapping, role: str, column: Column, wrong: np.ndarray, allowed: str) -> list[Problem]:
    """Return a problem for the first row that is `wrong`."""
    if not wrong.any():
        return []
    row, name = int(np.argmax(wrong)), getattr(mapping.columns, role) or f"constants.{role}"
    return [Problem(path, f"row {row + 1}: {name}", f"found {column.at(row)!r}", f"allowed: {allowed}")]

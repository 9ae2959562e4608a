"""The rows of a tape: which are in use, which are left out and why, which are wrong and where."""

import json
from typing import Any, NamedTuple

import numpy as np

from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.fixed_point import half_up
from simulator.model.layout import ABSENT
from simulator.reading.column import Column
from simulator.reading.dates import FORMS, number_of
from simulator.reading.numbers import DAYS, MONTHS, PER_CENT
from simulator.reading.table import DELIMITERS, TOTAL, Table
from simulator.tape.doubts import Look, wrong_signs
from simulator.tape.mapping import AMOUNTS, codes_that_match, is_monthly

LISTED = 20  # wrong rows that are listed one by one
MOST_NAMED = 5  # accounts, or their rows, that are named in one message
LARGEST = 1 << 30  # half of what 32 bits hold, so that a balance has room to grow
WHOLE = 2.0**53  # from here on a number has no parts
MOST_CODES = 1000
UNITS = {"term": MONTHS, "months_left": MONTHS, "dpd": DAYS, "rate": PER_CENT}  # what may follow a number, by role
LEAVE_OUT = "leave_out"  # what an entry says of a code whose rows are not to be used
BLANK = "(blank)"
A_SUM = kept("a sum of other rows")
NOT_THERE = kept("no account in that month")
YES_NO = {"1": 1, "true": 1, "yes": 1, "y": 1, "0": 0, "false": 0, "no": 0, "n": 0}


class _Wrong(NamedTuple):
    """Rows with something wrong in one role."""

    rows: np.ndarray
    role: str
    allowed: str
    said: dict[int, tuple[str, str]]  # account and text of the first LISTED rows


class Rows:
    """The rows of one tape, read by the role of each column; what is said of rows is a bool[row].

    Roles that the mapping does not name are blank in every row.
    """

    def __init__(self, table: Table, mapping_path: str, mapping: Any, read: dict[str, Column], first: int = 0):
        """Take columns `read` from `table`, by role, of the rows from number `first` on; constants join them.

        `mapping` is a Mapping, or that of another kind of tape.
        """
        self.path, self.form, self.mapping_path, self.mapping, self.read = (
            table.path,
            table.form,
            mapping_path,
            mapping,
            read,
        )
        self.table, self.first, self.count = table, first, len(read["account_id"])
        self.places = np.arange(0)  # of rows in the file, where others between them are not there
        self.in_use = np.ones(self.count, dtype=bool)
        self.left_out: dict[str, int] = {}  # rows by reason
        self.unknown: dict[tuple[str, str, str], tuple[int, int]] = {}  # (role, code, its entry) -> rows, the first one
        self.looks: dict[str, Look] = {}  # what amounts and days look like, by role
        self.problems: list[Problem] = []  # of the mapping and the file as a whole
        self.currencies: dict[str, int] = {}  # rows by what the column of currencies says
        self.not_there = 0  # rows of the file that are not among these: lines that sum up others, what was left out
        self.below_0 = 0  # days past due that are taken as 0
        self._wrong: list[_Wrong] = []
        if not self.count:
            raise UserError(Problem(self.path, "", "no accounts", "a tape has a header and at least one account"))
        self._leave_out_totals()
        read |= {role: Column.constant(text, self.count) for role, text in mapping.constant.items() if role not in read}

    def leave_out(self, rows, reason: str) -> None:
        """Leave out those of `rows` that are still in use, counted under `reason`."""
        rows = rows & self.in_use
        if count := int(rows.sum()):
            self.left_out[reason] = self.left_out.get(reason, 0) + count
            self.in_use &= ~rows

    def _leave_out_totals(self) -> None:
        """Leave out the rows that sum up others, and those with nothing in them.

        A total says so instead of an id, or in another column where the id is blank.
        """
        ids = self.read["account_id"]
        named = ids.fits(TOTAL)
        empty = ids.blank.copy()
        if empty.any():
            for column in self.read.values():
                named |= ids.blank & column.fits(TOTAL)
                empty &= column.blank
        self.leave_out(named, A_SUM)
        self.leave_out(empty, kept("nothing in the row"))

    def add_lines_below(self, lines: int) -> None:
        """Count so many lines of the file that sum up its rows and are none themselves."""
        self.not_there += lines
        if lines:
            self.left_out[A_SUM] = self.left_out.get(A_SUM, 0) + lines

    def row_numbers(self, rows):
        """Return the numbers of rows in the file, from 1."""
        return (self.places[rows] if len(self.places) else rows + self.first) + 1

    @property
    def rows_read(self) -> int:
        """How many rows the file has below its header."""
        return self.count + self.not_there

    def complain(self, rows, role: str, allowed: str) -> None:
        """Note that what those of `rows` that are in use have in the column of `role` is wrong."""
        if len(places := np.flatnonzero(rows & self.in_use)):
            said = {row: (self.read["account_id"].at(row), self.read[role].at(row)) for row in places[:LISTED].tolist()}
            self._wrong.append(_Wrong(places, role, allowed, said))

    def needs_an_id(self, role: str) -> None:
        """Note the rows without an id; NA is none, else all who have none would be one."""
        self.complain(self.read[role].missing, role, "each account needs one")

    def one_row_each(self) -> None:
        """Note the account ids that stand in more than one row in use, with those rows."""
        column = self.read["account_id"]
        self.needs_an_id("account_id")
        kept = np.flatnonzero(self.in_use & ~column.missing)
        if twice := repeated(column.row[kept]):
            name = self._name("account_id")
            listed = [
                f"{column.text[number]} (rows {_listed(self.row_numbers(kept[rows]))})"
                for number, rows in twice[:MOST_NAMED]
            ]
            found = f"{len(twice):,} account {'id' if len(twice) == 1 else 'ids'} in more than one row: "
            found += ", ".join(listed) + (", ..." if len(twice) > MOST_NAMED else "")
            self.problems.append(Problem(self.path, name, found, "give each account one row"))

    def needs_column(self, role: str, rows, whose: str) -> None:
        """Note that the mapping lacks a column that some of `rows`, `whose` they are, need."""
        if role not in self.read and (rows & self.in_use).any():
            self.problems.append(Problem(self.mapping_path, f"columns.{role}", "missing", f"{whose} need it"))

    def codes(self, role: str, table: dict) -> tuple[list, np.ndarray]:
        """Return the meanings in the mapping's `table` after a None, and int64[row]: which one each row has.

        Rows whose code the table leaves out are left out; codes that it does not name are noted as unknown, and so is a
        blank, whose name is "".
        """
        column, keys = self.read[role], list(table)
        chosen = np.zeros(len(column.text), dtype=np.int64)
        if len(column.text) > MOST_CODES:
            found = f"{len(column.text):,} different values: this is no column of codes"
            self.problems.append(Problem(self.mapping_path, f"columns.{role}", found, f"allowed: up to {MOST_CODES:,}"))
            return [None], np.zeros(self.count, dtype=np.int64)
        count = np.bincount(column.row[self.in_use], minlength=len(column.text))
        for number in np.flatnonzero(count).tolist():
            code = column.text[number]
            fits = codes_that_match(code, keys)
            if len(fits) > 1:
                found = f"code {code} of the tape matches {' and '.join(fits)}"
                self.problems.append(Problem(self.mapping_path, role, found, "let each code match once"))
            elif fits and (table[fits[0]] == LEAVE_OUT or getattr(table[fits[0]], LEAVE_OUT, False)):
                self.leave_out(
                    column.row == number,
                    kept("{role} {code}, which the mapping leaves out", role=role, code=code or BLANK),
                )
            elif fits:
                chosen[number] = 1 + keys.index(fits[0])
            else:
                entry = '"leave_out"' if isinstance(next(iter(table.values()), ""), str) else "{ leave_out = true }"
                first = int(np.flatnonzero((column.row == number) & self.in_use)[0])
                self.unknown[role, code, f"{_quoted(code)} = {entry}"] = (
                    int(count[number]),
                    int(self.row_numbers(first)) - 1,
                )
        return [None, *table.values()], chosen[column.row]

    def numbers(
        self, role: str, needed=False, low=-np.inf, whole=False, unit: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return float64[row], and bool[row]: whether there is one; where it is `needed` a blank is wrong.

        `unit` is how many of the smallest units are in one of an amount.
        """
        if role not in self.read:
            return np.zeros(self.count), np.zeros(self.count, dtype=bool)
        column = self.read[role]
        values, text = column.numbers(self.mapping.decimal, UNITS.get(role, ""))
        values = np.clip(values, -WHOLE, WHOLE)  # 1e308 is too large in any unit, and must not overflow in one
        if role in AMOUNTS:
            values = -values if role in self.mapping.opposite_sign else values
        if role == "dpd":  # paid before it was due: not late
            self.below_0 = int((values[self.in_use] < 0).sum())
            values = np.maximum(values, 0)
        self.looks[role] = Look.at(values[self.in_use], unit)
        wrong = text | (column.missing & needed) | (~column.missing & (values < low)) | (whole & (values % 1 != 0))
        wish = ("a whole number" if whole else "a number such as 1234.5") + (
            f", {low:g} or more" if low > -np.inf else ""
        )
        self.complain(wrong, role, f"allowed: {wish}")
        return values, ~column.missing

    def integers(self, role: str, needed=False, low=-np.inf, whole=False, unit: int = 1) -> np.ndarray:
        """Return int64[row] in steps of 1 / `unit`, ABSENT where there is none; what is too large is left out."""
        values, given = self.numbers(role, needed, low, whole, unit)
        reason = kept("{role} beyond {most}, the room of 32 bits", role=role, most=f"{LARGEST:,}")
        self.leave_out(np.abs(values * unit) > LARGEST, reason)
        return np.where(given, half_up(np.clip(values * unit, -LARGEST, LARGEST)), ABSENT)

    def yes_or_no(self, role: str) -> np.ndarray:
        """Return int64[row]: 1, 0, or ABSENT where nothing is said."""
        if role not in self.read:
            return np.full(self.count, ABSENT)
        column = self.read[role]
        said = np.array([YES_NO.get(text.lower(), ABSENT) for text in column.text])[column.row]
        self.complain((said == ABSENT) & ~column.missing, role, "allowed: 0, 1, yes or no")
        return said

    def keep_only(self, name: str, column: Column, codes: list[str]) -> None:
        """Leave out the rows whose text in `column`, of that `name`, matches none of `codes`."""
        fits = np.array([bool(codes_that_match(text, codes)) for text in column.text], dtype=bool)
        self.leave_out(~fits[column.row], kept("{name} is not {codes}", name=name, codes=" or ".join(codes)))

    def leave_out_absent(self) -> None:
        """Leave out the rows of a tape of months that have neither a balance nor a status, or days.

        So an account ends there: its cells are empty, or say NA where the mapping does not name that as a code.
        """
        columns, wide = self.mapping.columns, self.mapping.is_wide()
        leads = [
            role for role in ("status", "dpd") if (name := getattr(columns, role)) and (is_monthly(name) or not wide)
        ]
        if not leads:
            return
        role = leads[0]
        lead = self.read[role]
        named = [role == "status" and bool(codes_that_match(text, self.mapping.status)) for text in lead.text]
        nothing = lead.missing & ~np.array(named, dtype=bool)[lead.row]
        unsaid = "balance" in self.mapping.constant
        self.leave_out(nothing & (unsaid | self.read["balance"].missing), NOT_THERE)

    def one_currency(self) -> None:
        """Note a column of currencies with more than one in it, or another one than the mapping's."""
        if "currency" not in self.read:
            return
        column = self.read["currency"]
        self.complain(column.blank, "currency", "each row needs one")
        count = np.bincount(column.row[self.in_use & ~column.blank], minlength=len(column.text))
        self.currencies = {column.text[number]: int(count[number]) for number in np.flatnonzero(count)}

    def wrong_rows(self, told=()) -> np.ndarray:
        """Return int64[...]: the rows with something wrong in a role that is not `told` of as a whole, in order."""
        return np.unique(
            np.concatenate([np.zeros(0, int), *(wrong.rows for wrong in self._wrong if wrong.role not in told)])
        )

    def problems_in(self, row: int, told=()) -> list[Problem]:
        """Return what is wrong in one of the first LISTED rows, but for the roles that are `told` of as a whole."""
        return [
            Problem(
                self.path,
                f"row {self.row_numbers(row)} ({account}): {self._name(wrong.role)}",
                f"found {text!r}" if text else "nothing there",
                wrong.allowed,
            )
            for wrong in self._wrong
            if wrong.role not in told and row in wrong.said
            for account, text in [wrong.said[row]]
        ]

    def forget(self) -> None:
        """Let go of the columns: what must be said of them is known."""
        self.read = {}

    def _name(self, role: str) -> str:
        """Return the name of the column of `role` in the tape, or the key of what stands for it."""
        name = getattr(self.mapping.columns, role)
        return self.mapping.column(name) if name else f"constants.{role}"

    def months(self, role: str = "month", needed: bool = True) -> np.ndarray:
        """Return int64[row]: the months from the year 0 to the date in a column, 0 where none is; notes others."""
        column, form = self.read[role], self.mapping.month_form(role)
        said = [self.mapping.month_said(text, role) for text in column.text]
        number = np.array([number_of(month) if month else 0 for month in said], dtype=np.int64)[column.row]
        allowed = f"a date like {form}" if form else f"{FORMS}, or month_format in the mapping"
        if role == "month" and self.mapping.month_0:
            allowed = f"a whole number of months from {self.mapping.month_0}"
        self.complain((number == 0) & (~column.missing | needed), role, f"allowed: {allowed}")
        return number

    def stop_if_wrong(self) -> None:
        """Raise UserError if anything is wrong: the first rows are listed, all are counted."""
        if problems := all_problems([self]):
            raise UserError(problems)


def all_problems(parts: list[Rows]) -> list[Problem]:
    """Return everything that is wrong with the `parts` of one tape: the first rows are listed, all are counted."""
    signs = wrong_signs(parts)
    problems = [problem for part in parts for problem in part.problems] + _currencies(parts)
    problems += _unknown(parts) + list(signs.values())
    wrong = [(part, row) for part in parts for row in part.wrong_rows(signs).tolist()]
    for part, row in wrong[:LISTED]:
        problems += part.problems_in(row, signs)
    if len(wrong) > LISTED:
        problems.append(
            Problem(parts[0].path, "", f"{len(wrong) - LISTED:,} more rows are wrong, {len(wrong):,} in all")
        )
    if not problems and not any(part.in_use.any() for part in parts):
        reasons = "; ".join(f"{count:,} rows: {reason}" for reason, count in left_out(parts).items())
        problems.append(Problem(parts[0].path, "", "no account is left", reasons))
    return problems


def _currencies(parts: list[Rows]) -> list[Problem]:
    """Return a problem where rows have more than one currency, or another one than the mapping's."""
    found: dict[str, int] = {}
    for part in parts:
        for code, count in part.currencies.items():
            found[code] = found.get(code, 0) + count
    wanted = parts[0].mapping.currency
    if len(found) < 2 and (not wanted or not found or wanted in found):
        return []
    name, rows = parts[0].mapping.columns.currency, ", ".join(f"{code} in {n:,} rows" for code, n in found.items())
    hint = f"amounts of one currency; only.{name} = [...] keeps the rows of one"
    return [Problem(parts[0].path, name or "currency", f"found {rows}", hint)]


def repeated(number: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return (value, places) of each value that stands in `number` more than once, by the first of its places."""
    ordered = np.sort(number)
    if not (ordered[1:] == ordered[:-1]).any():
        return []
    order = np.argsort(number, kind="stable")
    values, start, count = np.unique(number[order], return_index=True, return_counts=True)
    found = [(int(values[k]), order[start[k] : start[k] + count[k]]) for k in np.flatnonzero(count > 1)]
    return sorted(found, key=lambda one: one[1][0])


def _listed(rows) -> str:
    return ", ".join(map(str, rows[:MOST_NAMED].tolist())) + (", ..." if len(rows) > MOST_NAMED else "")


def left_out(parts: list[Rows]) -> dict[str, int]:
    """Return how many rows of the `parts` of one tape are left out, by reason."""
    total: dict[str, int] = {}
    for part in parts:
        for reason, count in part.left_out.items():
            total[reason] = total.get(reason, 0) + count
    return total


def _unknown(parts: list[Rows]) -> list[Problem]:
    """Return a problem for each code that the mapping does not name, the most frequent first."""
    total: dict[tuple[str, str, str], tuple[int, int]] = {}
    for part in parts:
        for found, (count, first) in part.unknown.items():
            before, earliest = total.get(found, (0, first))
            total[found] = before + count, min(first, earliest)
    path, tables, problems = parts[0].mapping_path, parts[0].mapping, []
    ordered = sorted(total.items(), key=lambda found: -found[1][0])
    for (role, code, entry), (count, first) in ordered[:LISTED]:
        what = f"{f'code {code!r}' if code else 'a blank'} in {_rows(count, first)} has no entry"
        wish = f"say what it means, or {entry}" if getattr(tables, role) else f"a table [{role}] says what codes mean"
        problems.append(Problem(path, role, what, wish))
    if rest := ordered[LISTED:]:
        more = f"{len(rest):,} more codes have no entry, in {sum(count for _, (count, _) in rest):,} rows"
        problems.append(Problem(path, "", more))
    return problems


def _rows(count: int, first: int) -> str:
    return f"row {first + 1:,}" if count == 1 else f"{count:,} rows, the first of them row {first + 1:,},"


def _quoted(code: str) -> str:
    """Return a code as a key of TOML."""
    return json.dumps(code, ensure_ascii=False)


def header_problems(table: Table, mapping_path: str, mapping: Any, wanted: dict[str, str]) -> list[Problem]:
    """Return which of the columns `wanted`, name by key of the mapping, the header lacks, or has twice."""
    path, found = table.path, table.names
    if len(found) == 1 and (other := [sign for sign in DELIMITERS if sign in found[0]]):
        header_is = f"found {mapping.delimiter!r}, by which the header {found[0]!r} is one column"
        return [Problem(mapping_path, "delimiter", header_is, f"did you mean {other[0]!r}?")]
    absent = [
        Problem(mapping_path, key, f"no column {name} in {path}", did_you_mean(name, found))
        for key, name in wanted.items()
        if name not in found
    ]
    return absent + [
        Problem(path, name, "two columns of this name", "give each its own name")
        for name in dict.fromkeys(wanted.values())
        if found.count(name) > 1
    ]

"""The mapping file of a tape: which column is what, and what the codes in it mean (docs/tapes.md)."""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.layout import BUCKETS, EXITS
from simulator.reading.dates import DAY_NUMBER, month_at, month_of, number_of
from simulator.reading.encodings import ENCODINGS
from simulator.reading.table import Form
from simulator.scenario.schema import Table
from simulator.scenario.toml_text import read_toml
from simulator.scenario.wording import problems_in

Account = Literal["active", "frozen", "closed", "written_off", "paid_off"]
AMOUNTS = {  # role -> what is meant by an amount above 0
    "balance": "above 0 the borrower owes",
    "limit": "limits are above 0",
    "payment": "above 0 the borrower pays",
    "written_off": "above 0 the lender writes off",
    "recovered": "above 0 the lender gets",
    "instalment": "above 0 the borrower pays",
    "arrears": "above 0 the borrower owes",
    "principal": "above 0 the lender gets",
    "interest": "above 0 the lender gets",
    "recoveries": "above 0 the lender gets",
    "recovery_cost": "above 0 the lender pays",
    "fees": "above 0 the lender gets",
    "total": "above 0 the lender gets",
}
ASSUMED_BALANCE = "1000"  # of each account of a tape without balances: assumption; only shares of it mean anything
MOST_NUMBER = 10_000  # of a numbered month
_NUMBER = re.compile(r"\{number(?::0([1-9]))?\}")
_BOUND = re.compile(r"(>=|<=|>|<)\s*([+-]?[0-9]{1,18})")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def _may_divide(sign: str) -> str:
    if len(sign) != 1 or sign == '"' or not (sign == "\t" or (sign.isascii() and sign.isprintable())):
        raise ValueError(f"found {sign!r}, allowed: one sign between values, such as a comma, a semicolon or a tab")
    return sign


def _tells_months(form: str) -> str:
    if form == DAY_NUMBER:
        return form
    for day in (datetime(2001, 2, 3), datetime(1999, 11, 30)):
        if month_of(day.strftime(form), form) != day.strftime("%Y-%m"):
            raise ValueError(f"found {form!r}, allowed: signs that tell year and month, such as %d/%m/%Y")
    return form


Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Delimiter = Annotated[str, AfterValidator(_may_divide)]
MonthFormat = Annotated[str, AfterValidator(_tells_months)]


class Code(Table):
    """What a status code says: the named state or the bucket of the account, or that the row is left out."""

    state: str | None = None
    bucket: Annotated[int, Field(ge=0, lt=BUCKETS)] | None = None
    dpd: bool = False  # the bucket follows from the days past due
    account: Account = "active"
    leave_out: bool = False


class FileMapping(Table):
    """What the mapping of any file of records may say of how it is written."""

    currency: str | None = None
    delimiter: Delimiter | None = None  # of text; found where nothing is said, as the next three
    encoding: Literal[ENCODINGS] | None = None
    sheet: str | None = None  # of a workbook
    header_row: Annotated[int, Field(ge=1)] | None = None  # of the file, where titles stand above the names
    decimal: Literal[".", ","] = "."  # the other one parts thousands
    month_format: MonthFormat | None = None  # of dates; those that begin with the year need none
    month_formats: dict[str, MonthFormat] = Field({})  # role -> another one for the dates of that column
    month_0: Month | None = None  # the month that is number 0, where months are numbered
    month_step: Literal[-12, -3, -1, 1, 3, 12] = 1  # months from one number to the next
    opposite_sign: list[str] = Field([])  # columns of amounts whose sign is the other way round in the file
    rename: dict[str, str] = Field({})  # another name of a column, by that in the file
    constants: dict[str, str | int | float] = Field({})  # role -> what stands in every row, where no column has it
    only: dict[str, list[str | int]] = Field({})  # column -> the codes whose rows are kept

    def form(self, columns) -> Form:
        """Return how the file is written; `columns` are the mapping's."""
        wanted = tuple(name for _, name in columns if name and not is_monthly(name))
        return Form(self.delimiter, self.encoding, self.sheet, self.header_row, self.rename, wanted)

    def month_said(self, text: str, role: str) -> str | None:
        """Return the month that a text in the column of `role` says, None where it says none."""
        if self.month_0 and role == "month":
            number = int(text) if _WHOLE.fullmatch(text) and abs(int(text)) < MOST_NUMBER else None
            return None if number is None else month_at(number_of(self.month_0) + self.month_step * number)
        return month_of(text, self.month_form(role))

    def month_form(self, role: str) -> str | None:
        """Return the form of the dates in the column of `role`."""
        return self.month_formats.get(role, self.month_format)


class Columns(Table):
    """The name of each column in the tape; {year}, {month} and {number} in a name stand for those of `as_of`."""

    account_id: str | None = None  # of a tape of pairs of states each row may be an account
    limit: str | None = None
    balance: str | None = None
    status: str | None = None
    status_to: str | None = None  # a month later: each row has a pair of states
    count: str | None = None  # of a row with a pair of states: how many accounts it stands for
    dpd: str | None = None
    borrower_id: str | None = None
    segment: str | None = None
    product: str | None = None
    account: str | None = None
    instalment: str | None = None
    months_left: str | None = None
    arrears: str | None = None
    full_payer: str | None = None
    # of an account whose roll matrix remembers
    months_in_state: str | None = None
    state_before: str | None = None
    months_since_late: str | None = None
    kind: str | None = None  # of people, where a roll matrix has kinds
    person: str | None = None  # of those who may live at an address, the replication whose they are: 0, 1, ...
    # of a panel, account by month: what calibrate and backtest read
    month: str | None = None
    payment: str | None = None
    written_off: str | None = None
    recovered: str | None = None
    grade: str | None = None
    opened: str | None = None
    currency: str | None = None


class Mapping(FileMapping):
    """A mapping file. Each table of codes goes from what stands in the tape to what it means."""

    as_of: Month | None = None
    amounts: Literal["major", "minor"] = "major"
    minor_units: Literal[1, 10, 100, 1000] | None = None  # in one unit of the currency; 100 in a panel without it
    worst_bucket: Annotated[int, Field(ge=1, lt=BUCKETS)] = 6  # of a panel whose buckets follow from days past due
    limits: Literal["balance"] | None = None  # what stands for the limits of lines where no column has them
    columns: Columns
    status: dict[str, Code] = Field({})
    account: dict[str, Account | Literal["leave_out"]] = Field({})
    product: dict[str, Literal["line", "loan", "leave_out"]] = Field({})
    segment: dict[str, str] = Field({})  # or "leave_out"

    def column(self, name: str) -> str:
        """Return the column name `name` with the year, the month and the number of `as_of` in it."""
        year, month = self.as_of.split("-") if self.as_of else ("{year}", "{month}")
        name = name.replace("{year}", year).replace("{month}", month)
        if self.as_of and self.month_0:
            number = (number_of(self.as_of) - number_of(self.month_0)) // self.month_step
            return _NUMBER.sub(lambda found: f"{number:0{found[1] or 1}}", name)
        return name

    @property
    def constant(self) -> dict[str, str]:
        """What stands in every row, by role: what the mapping says, and a balance where it says none at all."""
        said = {role: str(value) for role, value in self.constants.items()}
        return said if self.columns.balance else {"balance": ASSUMED_BALANCE} | said

    def has(self, role: str) -> bool:
        """Return whether a column or a constant says something of `role`."""
        return bool(getattr(self.columns, role)) or role in self.constant

    def is_wide(self) -> bool:
        """Return whether the tape has a column for each month."""
        return any(is_monthly(name) for _, name in self.columns if name)


def is_monthly(name: str) -> bool:
    """Return whether a column's name stands for one column for each month."""
    return "{year}" in name or "{month}" in name or bool(_NUMBER.search(name))


def months_of(name: str, found: Iterable[str], mapping: Mapping) -> list[str]:
    """Return the months that a header has a column `name` for, in order."""
    form = re.escape(name)
    for part, digits in (("year", r"\d{4}"), ("month", "0[1-9]|1[0-2]")):
        form = form.replace(rf"\{{{part}\}}", f"(?P<{part}>{digits})", 1)
        form = form.replace(rf"\{{{part}\}}", f"(?P={part})")
    form = re.sub(r"\\{number(:0([1-9]))?\\}", r"(?P<number>-?\\d+)", form, count=1)
    matches = [(column, match.groupdict()) for column in found if (match := re.fullmatch(form, column))]
    if mapping.month_0 and _NUMBER.search(name):
        months = {mapping.month_said(said["number"], "month"): column for column, said in matches}
        return sorted(
            month
            for month, column in months.items()
            if month and mapping.model_copy(update={"as_of": month}).column(name) == column
        )
    return sorted(f"{said['year']}-{said['month']}" for _, said in matches if {"year", "month"} <= said.keys())


def read_mapping(path: str | Path, panel: bool = False) -> Mapping:
    """Return the mapping in the TOML file `path`, of one month of a tape, or of a `panel` of months.

    Raises UserError with everything that is wrong with it.
    """
    table = read_toml(Path(path), "mapping", any_text=True)
    try:
        mapping = Mapping.model_validate(table)
    except ValidationError as errors:
        raise UserError(problems_in(str(path), Mapping, errors)) from None
    if problems := [Problem(str(path), *found) for found in _contradictions(mapping, panel)]:
        raise UserError(problems)
    return mapping


def codes_that_match(code: str, patterns) -> list[str]:
    """Return the `patterns` that `code` matches: "2", "1|2", ">=5", ">5", "<=0", "<0" or several joined by |.

    What stands there to the letter goes first, the whole pattern before a part, a part before a bound: a label ">30" is
    no number above 30, and 5 is not in ">=5" where it has a pattern of its own.
    """
    if code in patterns:
        return [code]
    letter = [pattern for pattern in patterns if code in _parts(pattern)]
    return letter or [pattern for pattern in patterns if any(_in_bound(code, part) for part in _parts(pattern))]


def _parts(pattern: str) -> list[str]:
    return [part.strip() for part in pattern.split("|")]


def _in_bound(code: str, part: str) -> bool:
    """Return whether `code` is a whole number, of up to 18 digits, in the bound `part`."""
    bound = _BOUND.fullmatch(part)
    if not bound or not _WHOLE.fullmatch(code):
        return False
    number, limit = int(code), int(bound[2])
    return {">=": number >= limit, "<=": number <= limit, ">": number > limit, "<": number < limit}[bound[1]]


def wrong_roles(mapping):
    """Yield (key, what was found, what is allowed) of columns that a mapping turns round and does not have."""
    known = [role for role in AMOUNTS if getattr(mapping.columns, role, None)]
    for role in mapping.opposite_sign:
        if role not in known:
            yield "opposite_sign", f"found {role!r}", did_you_mean(role, known)


def wrong_constants(mapping):
    """Yield (key, what was found, what is allowed) of constants and forms of dates for what is no column or has one."""
    roles = list(type(mapping.columns).model_fields)
    for key, said in (("constants", mapping.constants), ("month_formats", mapping.month_formats)):
        for role in said:
            if role not in roles:
                yield f"{key}.{role}", f"no role of a column is called {role!r}", did_you_mean(role, roles)
    for role in mapping.constants:
        if role in roles and getattr(mapping.columns, role):
            yield f"constants.{role}", f"given, and columns.{role}", "give one of them"


def _contradictions(mapping: Mapping, panel: bool):
    """Yield (key, what was found, what is allowed) of what cannot be together."""
    columns = mapping.columns
    yield from wrong_roles(mapping)
    yield from wrong_constants(mapping)
    if not columns.account_id and not columns.status_to:
        yield "columns.account_id", "missing", "the column with the id of each account"
    if not columns.balance and "balance" not in mapping.constants and not panel and not mapping.has("month"):
        yield "columns.balance", "missing", "a column of amounts, or constants.balance for every account"
    if not columns.status and not columns.dpd:
        yield "columns", "no column says how late an account is", "give status or dpd"
    for name in ("status", "account", "product"):
        if mapping.has(name) != bool(getattr(mapping, name)) and name not in mapping.constants:
            absent = f"columns.{name}" if getattr(mapping, name) else name
            yield absent, "missing", f"a column of codes needs a table [{name}], and the table a column"
    if mapping.limits and mapping.has("limit"):
        yield "limits", f"found {mapping.limits!r}, and columns.limit given", "give one of them"
    if mapping.segment and not mapping.has("segment"):
        yield "columns.segment", "missing", "the table [segment] says what its codes mean"
    if not panel and not mapping.as_of and (mapping.is_wide() or mapping.has("month")):
        yield "as_of", "missing", 'the tape has several months: give as_of, such as "2005-07"'
    if mapping.is_wide() and mapping.has("month"):
        yield "columns.month", "given, and column names with {year} or {month}", "give one of them"
    if panel and not mapping.is_wide() and not mapping.has("month"):
        yield "columns.month", "missing", "a panel has a column for the month, or {year} and {month} in column names"
    if columns.status_to and mapping.is_wide():
        yield "columns.status_to", "given, and column names with {year} or {month}", "give one of them"
    if columns.count and not columns.status_to:
        yield "columns.count", "given, and no columns.status_to", "of pairs of states a row may stand for several"
    if any(_NUMBER.search(name) for _, name in columns if name) and not mapping.month_0:
        yield "month_0", "missing", 'the month that is number 0 in column names, such as "2020-06"'
    for code, meaning in mapping.status.items():
        given = {"state": meaning.state is not None, "bucket": meaning.bucket is not None, "dpd": meaning.dpd}
        said = [name for name, is_given in given.items() if is_given]
        if meaning.leave_out and said:
            yield f"status.{code}", f"left out, and {said[0]} given", "give one of them"
        elif not meaning.leave_out and not said and meaning.account not in EXITS:
            yield f"status.{code}", "says nothing", "give state, bucket, dpd = true or leave_out = true"
        elif meaning.dpd and meaning.bucket is not None:
            yield f"status.{code}", "both bucket and dpd", "give one of them"
        elif meaning.dpd and not columns.dpd:
            yield "columns.dpd", "missing", f"status.{code} takes its bucket from it"

"""The mapping file of a tape: which column is what, and what the codes in it mean (docs/tapes.md)."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.layout import BUCKETS, EXITS
from simulator.reading.dates import month_of
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
_BOUND = re.compile(r"(>=|<=|>|<)\s*([+-]?[0-9]{1,18})")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def _may_divide(sign: str) -> str:
    if len(sign) != 1 or sign == '"' or not (sign == "\t" or (sign.isascii() and sign.isprintable())):
        raise ValueError(f"found {sign!r}, allowed: one sign between values, such as a comma, a semicolon or a tab")
    return sign


def _tells_months(form: str) -> str:
    for day in (datetime(2001, 2, 3), datetime(1999, 11, 30)):
        if month_of(day.strftime(form), form) != day.strftime("%Y-%m"):
            raise ValueError(f"found {form!r}, allowed: signs that tell year and month, such as %d/%m/%Y")
    return form


Delimiter = Annotated[str, AfterValidator(_may_divide)]
MonthFormat = Annotated[str, AfterValidator(_tells_months)]


class Code(Table):
    """What a status code says: the named state or the bucket of the account, or that the row is left out."""

    state: str | None = None
    bucket: Annotated[int, Field(ge=0, lt=BUCKETS)] | None = None
    dpd: bool = False  # the bucket follows from the days past due
    account: Account = "active"
    leave_out: bool = False


class Columns(Table):
    """The name of each column in the tape; {year} and {month} in a name stand for those of `as_of`."""

    account_id: str
    limit: str | None = None
    balance: str
    status: str | None = None
    dpd: str | None = None
    borrower_id: str | None = None
    segment: str | None = None
    product: str | None = None
    account: str | None = None
    instalment: str | None = None
    months_left: str | None = None
    arrears: str | None = None
    full_payer: str | None = None
    # of a panel, account by month: what calibrate and backtest read
    month: str | None = None
    payment: str | None = None
    written_off: str | None = None
    recovered: str | None = None
    grade: str | None = None
    opened: str | None = None
    currency: str | None = None


class Mapping(Table):
    """A mapping file. Each table of codes goes from what stands in the tape to what it means."""

    as_of: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] | None = None
    currency: str | None = None
    amounts: Literal["major", "minor"] = "major"
    minor_units: Literal[1, 10, 100, 1000] | None = None  # in one unit of the currency; 100 in a panel without it
    delimiter: Delimiter | None = None  # of text; found where nothing is said, as the next three
    encoding: Literal[ENCODINGS] | None = None
    sheet: str | None = None  # of a workbook
    header_row: Annotated[int, Field(ge=1)] | None = None  # of the file, where titles stand above the names
    decimal: Literal[".", ","] = "."  # the other one parts thousands
    month_format: MonthFormat | None = None  # of dates, in the signs of Python's strptime; ISO dates need none
    worst_bucket: Annotated[int, Field(ge=1, lt=BUCKETS)] = 6  # of a panel whose buckets follow from days past due
    opposite_sign: list[str] = Field([])  # columns of amounts whose sign is the other way round in the tape
    limits: Literal["balance"] | None = None  # what stands for the limits of lines where no column has them
    columns: Columns
    status: dict[str, Code] = Field({})
    account: dict[str, Account | Literal["leave_out"]] = Field({})
    product: dict[str, Literal["line", "loan", "leave_out"]] = Field({})
    segment: dict[str, str] = Field({})  # or "leave_out"
    only: dict[str, list[str | int]] = Field({})  # column -> the codes whose rows are kept

    def column(self, name: str) -> str:
        """Return the column name `name` with the year and month of `as_of` in it."""
        year, month = self.as_of.split("-") if self.as_of else ("{year}", "{month}")
        return name.replace("{year}", year).replace("{month}", month)

    @property
    def form(self) -> Form:
        """How the file of a tape is written."""
        wanted = [name for _, name in self.columns if name and not is_monthly(name)]
        return Form(self.delimiter, self.encoding, self.sheet, self.header_row, tuple(wanted))

    def is_wide(self) -> bool:
        """Return whether the tape has a column for each month."""
        return any(is_monthly(name) for _, name in self.columns if name)


def is_monthly(name: str) -> bool:
    """Return whether a column's name stands for one column for each month."""
    return "{year}" in name or "{month}" in name


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


def _contradictions(mapping: Mapping, panel: bool):
    """Yield (key, what was found, what is allowed) of what cannot be together."""
    columns = mapping.columns
    yield from wrong_roles(mapping)
    if not columns.status and not columns.dpd:
        yield "columns", "no column says how late an account is", "give status or dpd"
    for name in ("status", "account", "product"):
        if bool(getattr(columns, name)) != bool(getattr(mapping, name)):
            absent = f"columns.{name}" if getattr(mapping, name) else name
            yield absent, "missing", f"a column of codes needs a table [{name}], and the table a column"
    if mapping.limits and columns.limit:
        yield "limits", f"found {mapping.limits!r}, and columns.limit given", "give one of them"
    if mapping.segment and not columns.segment:
        yield "columns.segment", "missing", "the table [segment] says what its codes mean"
    if not panel and not mapping.as_of and (mapping.is_wide() or columns.month):
        yield "as_of", "missing", 'the tape has several months: give as_of, such as "2005-07"'
    if mapping.is_wide() and columns.month:
        yield "columns.month", "given, and column names with {year} or {month}", "give one of them"
    if panel and not mapping.is_wide() and not columns.month:
        yield "columns.month", "missing", "a panel has a column for the month, or {year} and {month} in column names"
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

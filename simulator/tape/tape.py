"""Real accounts instead of drawn ones: a tape read through its mapping, and a count of everything (docs/tapes.md)."""

from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.language.catalogue import anew, kept, noted
from simulator.model import layout
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.layout import ABSENT, BUCKETS, LINE, LOAN, N_PRODUCT, N_TAPE, PRODUCTS, STATUSES
from simulator.reading.dates import month_at, number_of
from simulator.reading.files import file_digest, open_table
from simulator.scenario.histories import rows_of
from simulator.scenario.schema import matrix_of, rate_of
from simulator.tape.account_status import standing
from simulator.tape.batches import batches, shrunk, together
from simulator.tape.doubts import doubts
from simulator.tape.mapping import Mapping, read_mapping
from simulator.tape.remembered import rows_remembered
from simulator.tape.repayment import repayment_cautions
from simulator.tape.rows import LEAVE_OUT, NOT_THERE, Rows, all_problems, header_problems

OF_MONTHS = (
    "payment",
    "written_off",
    "recovered",
    "grade",
    "opened",
)  # columns that only a panel of months has use for


OTHER_MONTH = noted("another month than {month}")


class Tape(NamedTuple):
    """Real accounts, the borrowers of a segment together, segments in the scenario's order."""

    values: np.ndarray  # int32[borrower, product, N_TAPE]
    borrowers: tuple[int, ...]  # of each segment


class TapeBook(NamedTuple):
    """The accounts a run starts from, and what was found on the tape."""

    tape: Tape
    report: dict[str, Any]  # counts, and the digests of tape and mapping
    cautions: list[
        str
    ]  # what must be known before any number: rows that are not used, loans that contradict themselves

    def words(self) -> list[str]:
        """Return the report in lines for people."""
        said = self.report
        lines = [
            f"tape {said['file']}{' as of ' + said['as_of'] if said['as_of'] else ''}: {said['rows_read']:,} rows, "
            f"{said['accounts']:,} accounts of {said['borrowers']:,} borrowers used",
            *([f"  {anew(said['form'])}"] if said["form"] else []),
            *(f"  left out: {count:,} rows: {reason}" for reason, count in said["left_out"].items()),
            *([f"  limits are not on the tape: each line's is its {said['limits']}"] if said["limits"] else []),
            f"  balance {said['balance']:,.15g}; {said['zero_balances']:,} accounts at zero, "
            f"{said['negative_balances']:,} below, {said['over_limit']:,} over the limit",
        ]
        for by in ("state", "bucket", "status", "segment"):
            if counts := said[f"by_{by}"]:
                lines.append(f"  by {by}: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
        return [*lines, f"  SHA-256 {said['sha256']}"]


def read_tape(path: str | Path, mapping_path: str | Path, settings) -> TapeBook:
    """Return the accounts of the tape `path` as the file `mapping_path` explains them, for a scenario's settings.

    `portfolio.borrowers` takes the first so many borrowers of the file, 0 all of them. Raises UserError with
    everything that is wrong: with mapping and columns first, then with the rows.
    """
    path, mapping_path = str(path), str(mapping_path)
    mapping = read_mapping(mapping_path)
    return _book(book_rows(path, mapping_path, mapping, _against(mapping, settings)), settings)


def book_rows(path: str, mapping_path: str, mapping: Mapping, doubts: Iterable[tuple[str, str, str]] = ()) -> Rows:
    """Return the rows of the accounts of one month, as the mapping's `only` and `as_of` choose them.

    `doubts` are (key, found, allowed) of the mapping; raises UserError with them and with what is wrong with columns.
    """
    wanted = {role: mapping.column(name) for role, name in mapping.columns if name and role not in OF_MONTHS}
    table, as_of = open_table(path, mapping.form(mapping.columns)), mapping.as_of or ""
    if problems := [Problem(mapping_path, *doubt) for doubt in doubts]:
        keys = {f"columns.{role}": name for role, name in wanted.items()}
        raise UserError(problems + header_problems(table, mapping_path, mapping, keys))
    parts: list[Rows] = []
    dated = np.zeros(0, dtype=np.int64)
    for rows in batches(table, mapping_path, mapping, wanted):
        if mapping.is_wide() or mapping.has("month"):
            rows.leave_out_absent()
        if mapping.has("month"):
            months = rows.months()
            dated = np.union1d(dated, months[months > 0])
            rows.leave_out(months != number_of(as_of), kept(OTHER_MONTH, month=as_of))
        parts = [*parts[:-1], *map(shrunk, parts[-1:]), rows]
    if len(parts) > 1 and any(len(part.wrong_rows()) for part in parts):
        raise UserError(all_problems(parts))
    rows = together(parts)
    if len(dated) and number_of(as_of) not in dated:
        said = f"the tape has {month_at(dated[0])} to {month_at(dated[-1])}"
        rows.problems.append(Problem(mapping_path, "as_of", f"no row of {as_of}", said))
    rows.one_currency()
    return rows


def _against(mapping: Mapping, settings):
    """Yield (key, found, allowed) of what does not fit the scenario."""
    segments, code, units = tuple(settings.segment), settings.currency.code, settings.currency.minor_units
    if mapping.currency and mapping.currency != code:
        yield "currency", f"found {mapping.currency!r}", f"allowed: {code}, the currency of the scenario"
    if mapping.minor_units not in (None, units):
        yield "minor_units", f"found {mapping.minor_units}", f"allowed: {units}, as in the scenario"
    if not mapping.has("segment") and len(segments) > 1:
        yield "columns.segment", "missing", f"the scenario has the segments {', '.join(segments)}"
    for said, name in mapping.segment.items():
        if name not in (*segments, LEAVE_OUT):
            yield f"segment.{said}", f"found {name!r}", did_you_mean(name, segments)


def _book(rows: Rows, settings) -> TapeBook:
    """Return the book of `rows`; raises UserError with every row that is wrong."""
    mapping = rows.mapping
    rows.one_row_each()
    product, segment = _products(rows), _segments(rows, settings)
    status, bucket, state = standing(rows, settings, segment, product)

    unit = settings.currency.minor_units if mapping.amounts == "major" else 1
    balance = rows.integers("balance", True, unit=unit)
    rows.leave_out((status == layout.WRITTEN_OFF) & (balance <= 0), kept("written off with nothing owed"))
    line = product == LINE
    limited = line & (status < layout.CLOSED)
    limit = rows.integers("limit", limited, 0, unit=unit)
    if mapping.limits == "balance":
        limit = np.where(line, np.maximum(balance, 0), ABSENT)
    owing_loan = ~line & (balance > 0) & (status < layout.WRITTEN_OFF)
    instalment = rows.integers("instalment", owing_loan, 0, unit=unit)
    months_left = rows.integers("months_left", owing_loan, 0, whole=True)
    arrears = rows.integers("arrears", False, 0, unit=unit)
    full_payer = rows.yes_or_no("full_payer")
    person = rows.integers("person", False, 0, whole=True)
    row, assumed = rows_remembered(rows, settings, segment, product, state)
    if not mapping.limits:
        rows.needs_column("limit", limited, 'unless limits = "balance" stands for it, lines')
    rows.needs_column("instalment", owing_loan, "loans")
    rows.needs_column("months_left", owing_loan, "loans")
    borrower = _borrowers(rows, settings.portfolio.borrowers, product, segment)
    rows.stop_if_wrong()

    accounts = np.empty((rows.count, N_TAPE), dtype=np.int64)
    accounts[:, layout.TAPE_STATUS] = status
    accounts[:, layout.TAPE_LIMIT] = np.where((status >= layout.CLOSED) | (limit == ABSENT), 0, limit)
    accounts[:, layout.TAPE_BALANCE] = balance
    accounts[:, layout.TAPE_BUCKET] = bucket
    accounts[:, layout.TAPE_STATE] = row
    accounts[:, layout.TAPE_FULL_PAYER] = full_payer
    accounts[:, layout.TAPE_ARREARS] = arrears
    accounts[:, layout.TAPE_INSTALMENT] = instalment
    accounts[:, layout.TAPE_MONTHS_LEFT] = months_left
    accounts[:, layout.TAPE_PERSON] = person
    used = rows.in_use
    over_limit = int((line & (limit != ABSENT) & (balance > limit))[used].sum())
    accounts, product, segment = accounts[used], product[used], segment[used]
    tape = _grouped(accounts, borrower[used], product, segment, len(settings.segment))
    rates = np.array([rate_of(settings.products, of, "loan") for of in settings.segment.values()])
    cautions = _not_used(rows) + assumed + doubts([rows])
    cautions += repayment_cautions(accounts[product == LOAN], rates[segment[product == LOAN]])
    return TapeBook(tape, _report(rows, settings, accounts, product, segment, tape, over_limit), cautions)


def _not_used(rows: Rows) -> list[str]:
    """Return a line on the rows of the month that are left out, none if all are used."""
    elsewhere = (NOT_THERE, kept(OTHER_MONTH, month=rows.mapping.as_of))
    reasons = {why: count for why, count in rows.left_out.items() if why not in elsewhere}
    if not reasons:
        return []
    largest = sorted(reasons.items(), key=lambda reason: -reason[1])
    each = [kept("{count} {why}", count=f"{count:,}", why=why) for why, count in largest]
    total = rows.rows_read - sum(rows.left_out.get(why, 0) for why in elsewhere)
    return [
        kept(
            "{rows} of {total} rows of {file} are not used: {reasons}.",
            rows=f"{sum(reasons.values()):,}",
            total=f"{total:,}",
            file=Path(rows.path).name,
            reasons=reduce(lambda some, other: kept("{some}; {other}", some=some, other=other), each),
        )
    ]


def _products(rows: Rows) -> np.ndarray:
    """Return int64[row]: the product, a line where the tape does not say."""
    if "product" not in rows.read:
        return np.full(rows.count, LINE)
    meaning, which = rows.codes("product", rows.mapping.product or {name: name for name in PRODUCTS})
    return np.array([PRODUCTS.index(name) if name in PRODUCTS else LINE for name in meaning])[which]


def _segments(rows: Rows, settings) -> np.ndarray:
    """Return int64[row]: the number of the segment."""
    everyone = list(settings.segment)
    if "segment" not in rows.read:
        return np.zeros(rows.count, dtype=np.int64)
    meaning, which = rows.codes("segment", rows.mapping.segment or {name: name for name in everyone})
    return np.array([everyone.index(name) if name in everyone else 0 for name in meaning])[which]


def _borrowers(rows: Rows, most: int, product, segment) -> np.ndarray:
    """Return int64[row]: the number of the borrower, in the order of the file; `most` of them stay, 0 for all.

    A borrower has one account of a product, and one segment.
    """
    role = "borrower_id" if "borrower_id" in rows.read else "account_id"
    column = rows.read[role]
    rows.needs_an_id(role)
    own = np.where(rows.in_use, column.row * N_PRODUCT + product, -1 - np.arange(rows.count))
    again = np.ones(rows.count, dtype=bool)
    again[np.unique(own, return_index=True)[1]] = False
    if role == "borrower_id":
        for number, name in enumerate(PRODUCTS):
            rows.leave_out(
                again & (product == number), kept("a second {product} of the same borrower", product=kept(name))
            )
    used = np.flatnonzero(rows.in_use)
    who, first = np.unique(column.row[used], return_index=True)
    home = np.zeros(len(column.text), dtype=np.int64)
    home[who] = segment[used[first]]
    if "segment" in rows.read:
        rows.complain(segment != home[column.row], "segment", "allowed: one segment for all accounts of a borrower")
    place = np.zeros(len(column.text), dtype=np.int64)
    place[who[np.argsort(first)]] = np.arange(len(who))
    if most:
        reason = kept(
            "of borrowers after the first {most} of {all}, whom portfolio.borrowers leaves out",
            most=f"{most:,}",
            all=f"{len(who):,}",
        )
        rows.leave_out(place[column.row] >= most, reason)
    return place[column.row]


def _grouped(accounts, borrower, product, segment, segments: int) -> Tape:
    """Return the tape of `accounts`: by segment, and in the order of the file inside a segment."""
    home = np.zeros(borrower.max() + 1, dtype=np.int64)
    home[borrower] = segment
    place = np.empty(len(home), dtype=np.int64)
    place[np.argsort(home, kind="stable")] = np.arange(len(home))
    values = np.full((len(home), N_PRODUCT, N_TAPE), ABSENT, dtype=np.int32)
    values[place[borrower], product] = accounts
    return Tape(values, tuple(np.bincount(home, minlength=segments).tolist()))


def _report(rows: Rows, settings, accounts, product, segment, tape: Tape, over_limit: int) -> dict[str, Any]:
    """Return the counts of what is used and of what is not, and the digests of the files."""
    balance, everyone = accounts[:, layout.TAPE_BALANCE], settings.segment
    by_state: dict[str, int] = {}
    for g, group in enumerate(everyone.values()):
        for p, kind in enumerate(PRODUCTS):
            states = accounts[
                (segment == g) & (product == p) & (accounts[:, layout.TAPE_STATE] != ABSENT), layout.TAPE_STATE
            ]
            matrix = matrix_of(settings, group, kind)
            if matrix and len(states):
                for number, count in enumerate(np.bincount(rows_of(matrix).state[states]).tolist()):
                    if count:
                        name = matrix.states[number].name
                        by_state[name] = by_state.get(name, 0) + count
    return {
        "file": Path(rows.path).name,
        "sha256": file_digest(rows.path),
        "mapping_sha256": file_digest(rows.mapping_path),
        "as_of": rows.mapping.as_of or "",
        "form": rows.form,
        "rows_read": rows.rows_read,
        "left_out": rows.left_out,
        "limits": rows.mapping.limits or "",  # what stands for those that are not on the tape
        "accounts": len(accounts),
        "borrowers": len(tape.values),
        "balance": int(balance.sum()) / settings.currency.minor_units,
        "zero_balances": int((balance == 0).sum()),
        "negative_balances": int((balance < 0).sum()),
        "over_limit": over_limit,
        "by_state": by_state,
        "by_bucket": _counts(accounts[:, layout.TAPE_BUCKET], range(BUCKETS)),
        "by_status": _counts(accounts[:, layout.TAPE_STATUS], STATUSES),
        "by_segment": dict(zip(everyone, np.bincount(segment, minlength=len(everyone)).tolist(), strict=True)),
    }


def _counts(numbers, named) -> dict[str, int]:
    """Return how many accounts have each number that occurs, by its name."""
    return {str(named[number]): count for number, count in enumerate(np.bincount(numbers).tolist()) if count}

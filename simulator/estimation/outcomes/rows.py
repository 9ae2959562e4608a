"""Loans with outcomes: one row per loan with how it ended, read through a mapping that has an [outcomes] table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from simulator.finance import annuity
from simulator.model.errors import Problem, UserError
from simulator.model.layout import MAX_TERM_MONTHS
from simulator.model.values import LARGEST_AMOUNT
from simulator.reading.dates import month_at
from simulator.reading.files import file_digest, open_table, read_columns
from simulator.scenario.schema import Table
from simulator.scenario.toml_text import read_toml
from simulator.scenario.wording import problems_in
from simulator.tape.mapping import FileMapping, wrong_constants, wrong_roles
from simulator.tape.rows import LEAVE_OUT, Rows, header_problems

Ended = Literal["paid", "charged_off", "leave_out"]
RATES = {"percent per year": 1 / 1200, "per year": 1 / 12, "percent per month": 1 / 100, "per month": 1.0}
TOLERANCE = 0.01  # of a total against its parts, in the currency; the parts are rounded to cents
OFF_ANNUITY = 0.01  # share by which an instalment may differ from the formula before it is counted
MORE_INTEREST = 0.05  # share of the scheduled interest that delays may add: assumption
FEW = 20  # loans that may be off by chance: assumption
SAMPLE = 1000  # loans on which other units of the rate are tried
SHORTEST_TERM = 6  # months: below it a charge-off cannot be placed in the life of a loan


NEEDED = ("issued", "amount", "term", "rate", "principal", "interest", "recoveries")  # by a column or a constant


class OutcomeSettings(Table):
    """What the file itself does not say."""

    rate_unit: Literal["percent per year", "per year", "percent per month", "per month"]
    charge_off_dpd: Annotated[int, Field(ge=30, le=360, multiple_of=30)] = 120
    charge_off_source: str = "US rule for closed-end loans, docs/calibration.md; recalled"
    recovery_months: Annotated[int, Field(ge=1, le=120)] = 36
    recovery_source: str = "assumption: the file does not say when recoveries came"


class OutcomeColumns(Table):
    """The name of each column in the file."""

    account_id: str
    issued: str | None = None
    amount: str | None = None
    term: str | None = None
    rate: str | None = None
    status: str
    principal: str | None = None  # received until the end, without recoveries
    interest: str | None = None
    recoveries: str | None = None  # gross, after charge-off
    recovery_cost: str | None = None
    fees: str | None = None
    total: str | None = None  # received: principal + interest + fees + recoveries
    instalment: str | None = None
    segment: str | None = None


class OutcomeMapping(FileMapping):
    """A mapping file of loans with outcomes."""

    outcomes: OutcomeSettings
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    columns: OutcomeColumns
    status: Annotated[dict[str, Ended], Field(min_length=1)]
    segment: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]] = Field({})

    @property
    def constant(self) -> dict[str, str]:
        """What stands in every row, by role."""
        return {role: str(value) for role, value in self.constants.items()}

    def column(self, name: str) -> str:
        """Return the name of a column, as it stands."""
        return name


@dataclass(frozen=True)
class Outcomes:
    """Loans of one term and how they ended. Amounts are in the currency; rows are in the order of the file."""

    segments: tuple[str, ...]
    segment: np.ndarray  # int64[loan]
    issued: np.ndarray  # str[loan], its month
    amount: np.ndarray  # float64[loan]
    rate: np.ndarray  # float64[loan], a month
    charged_off: np.ndarray  # bool[loan]; all others were paid
    principal: np.ndarray  # float64[loan], received
    interest: np.ndarray  # float64[loan], received
    recovered: np.ndarray  # float64[loan], gross
    recovery_cost: np.ndarray  # float64[loan]
    term: int  # months
    currency: str
    settings: OutcomeSettings
    facts: dict[str, Any]  # file, digests, rows read and refused by reason, checks

    @property
    def exposure(self) -> np.ndarray:
        """Return float64[loan]: the principal not received, 0 of a paid loan."""
        return np.where(self.charged_off, np.maximum(self.amount - self.principal, 0), 0.0)

    @property
    def source(self) -> str:
        """Return what a number made of these loans says of its source."""
        return f"calibrated from {self.facts['file']}: {len(self.amount):,} loans, SHA-256 {self.facts['sha256'][:12]}"

    def take(self, loans: np.ndarray) -> "Outcomes":
        """Return the loans that `loans` says, as an index or bool[loan]."""
        names = [name for name, value in vars(self).items() if isinstance(value, np.ndarray)]
        return Outcomes(**{**vars(self), **{name: getattr(self, name)[loans] for name in names}})


def has_outcomes(mapping_path: str | Path) -> bool:
    """Return whether a mapping file is one of loans with outcomes; raises UserError if it is no TOML file."""
    return "outcomes" in read_toml(Path(mapping_path), "mapping", any_text=True)


def read_outcome_mapping(path: str | Path) -> OutcomeMapping:
    """Return the mapping in the TOML file `path`; raises UserError with everything that is wrong with it."""
    try:
        mapping = OutcomeMapping.model_validate(read_toml(Path(path), "mapping", any_text=True))
    except ValidationError as errors:
        raise UserError(problems_in(str(path), OutcomeMapping, errors)) from None
    lacking = [role for role in NEEDED if not getattr(mapping.columns, role) and role not in mapping.constants]
    found = [("columns." + role, "missing", f"a column, or constants.{role} for every loan") for role in lacking]
    if problems := [Problem(str(path), *one) for one in (*found, *wrong_roles(mapping), *wrong_constants(mapping))]:
        raise UserError(problems)
    if mapping.segment and not mapping.columns.segment:
        raise UserError(
            Problem(str(path), "columns.segment", "missing", "the table [segment] says what its codes mean")
        )
    for ended in ("paid", "charged_off"):
        if ended not in mapping.status.values():
            raise UserError(Problem(str(path), "status", f"no code means {ended}", 'such as "Charged Off"'))
    return mapping


def read_outcomes(path: str | Path, mapping_path: str | Path) -> Outcomes:
    """Return the loans of the file `path` as the file `mapping_path` explains them.

    Rows that cannot be used are left out and counted by reason in `facts`. Raises UserError with everything that is
    wrong: with mapping and columns first, then with the rows.
    """
    path, mapping_path = str(path), str(mapping_path)
    mapping = read_outcome_mapping(mapping_path)
    wanted = {role: name for role, name in mapping.columns if name}
    keys = {f"columns.{role}": name for role, name in wanted.items()} | {f"only.{name}": name for name in mapping.only}
    table = open_table(path, mapping.form(mapping.columns))
    if problems := header_problems(table, mapping_path, mapping, keys):
        raise UserError(problems)
    read = read_columns(table, [*wanted.values(), *mapping.only])
    rows = Rows(table, mapping_path, mapping, {role: read[name] for role, name in wanted.items()})
    for name, codes in mapping.only.items():
        rows.keep_only(name, read[name], list(map(str, codes)))
    return _outcomes(rows, mapping)


def _outcomes(rows: Rows, mapping: OutcomeMapping) -> Outcomes:
    """Return the loans in `rows`; raises UserError with every row that is wrong."""
    rows.one_row_each()
    meaning, which = rows.codes("status", mapping.status)
    charged_off = np.array([ended == "charged_off" for ended in meaning])[which]
    segments, segment = _segments(rows, mapping)
    issued = rows.months("issued")
    amount, _ = rows.numbers("amount", True, 0)
    rows.complain(amount <= 0, "amount", "allowed: a number above 0")
    rate, _ = rows.numbers("rate", True, 0)
    unit = mapping.outcomes.rate_unit
    if not unit.startswith("percent") and rows.read["rate"].fits("[%％]").any():
        wish = f'did you mean "percent {unit}"?'
        rows.problems.append(Problem(rows.mapping_path, "outcomes.rate_unit", "rates with a per cent sign", wish))
    rate = rate * RATES[unit]
    rows.complain(rate > 1, "rate", f"allowed: up to 1 a month; is it {mapping.outcomes.rate_unit}?")
    term, _ = rows.numbers("term", True, 1, whole=True)
    read = {role: rows.numbers(role, True, 0)[0] for role in ("principal", "interest", "recoveries")}
    read |= {role: rows.numbers(role, False, 0)[0] for role in ("recovery_cost", "fees", "total", "instalment")}

    rows.leave_out(amount > LARGEST_AMOUNT, f"amount beyond {LARGEST_AMOUNT:,}")
    rows.leave_out(
        charged_off & (read["principal"] >= amount), "charged off, but all of the principal was received: no exposure"
    )
    parts = read["principal"] + read["interest"] + read["fees"] + read["recoveries"]
    if "total" in rows.read:
        apart = np.abs(read["total"] - parts) > TOLERANCE * (1 + 1e-9)
        rows.leave_out(apart, "the total is not principal, interest, fees and recoveries together")
    usable = term[rows.in_use & (term >= SHORTEST_TERM) & (term <= MAX_TERM_MONTHS)].astype(np.int64)
    length = int(np.bincount(usable).argmax()) if len(usable) else 0
    rows.leave_out(term != length, f"a term other than {length} months, the most frequent that can be used")
    _refuse_nothing_to_fit(rows, charged_off)

    use = rows.in_use
    remarks = {
        "paid with principal missing by more than 1%": ~charged_off & (read["principal"] < 0.99 * amount),
        "with more principal received than was lent, taken as what was lent": read["principal"] > amount,
        "paid with recoveries": ~charged_off & (read["recoveries"] > 0),
        "with recoveries above the exposure": charged_off & (read["recoveries"] > amount - read["principal"]),
    }
    checks = {remark: int(loans[use].sum()) for remark, loans in remarks.items()}
    loans = {name: column[use] for name, column in (("amount", amount), ("rate", rate), *read.items())}
    for role, there in (("instalment", loans["instalment"] > 0), ("interest", ~charged_off[use])):
        off = there & ~_fits(role, loans, loans["rate"], length)
        if off.sum() > max(there.sum() / 2, FEW):
            raise UserError(_contradiction(rows, role, loans, there, off, length))
        if role in rows.read and role == "instalment":
            checks[f"with an instalment off the annuity by more than {OFF_ANNUITY:.0%}"] = int(off.sum())
    there = [name for s, name in enumerate(segments) if (segment[use] == s).any()]
    number = np.array([there.index(name) if name in there else 0 for name in segments])
    facts = {
        "file": Path(rows.path).name,
        "sha256": file_digest(rows.path),
        "mapping": Path(rows.mapping_path).name,
        "mapping_sha256": file_digest(rows.mapping_path),
        "form": rows.form,
        "rows_read": rows.rows_read,
        "loans_used": int(use.sum()),
        "left_out": dict(rows.left_out),
        "checks": checks,
        "issued": [month_at(min(issued[use])), month_at(max(issued[use]))],
        "term": length,
    }
    return Outcomes(
        tuple(there),
        number[segment[use]],
        issued[use],
        amount[use],
        rate[use],
        charged_off[use],
        np.minimum(read["principal"], amount)[use],
        read["interest"][use],
        np.where(charged_off, read["recoveries"], 0.0)[use],
        np.where(charged_off, read["recovery_cost"], 0.0)[use],
        length,
        mapping.currency,
        mapping.outcomes,
        facts,
    )


def _fits(role: str, loans: dict[str, np.ndarray], rate: np.ndarray, term: int) -> np.ndarray:
    """Return bool[loan]: whether an instalment is the annuity, or interest received no more than it has in it."""
    level = np.array([annuity(a, r, term) for a, r in zip(loans["amount"], rate, strict=True)])
    if role == "instalment":
        return np.abs(loans[role] / level - 1) <= OFF_ANNUITY
    return loans[role] <= (1 + MORE_INTEREST) * (level * term - loans["amount"]) + TOLERANCE * term


def _contradiction(rows: Rows, role: str, loans: dict[str, np.ndarray], there, off, term: int) -> Problem:
    """Return what to say where most of what is `there` is `off`: the unit of rates that would fit, if there is one."""
    name, unit = getattr(rows.mapping.columns, role), rows.mapping.outcomes.rate_unit
    found = f"in {off.sum():,} of {there.sum():,} loans it contradicts amount, term and rate in {unit}"
    some = {column: values[there][:SAMPLE] for column, values in loans.items()}
    for other, factor in RATES.items():
        if _fits(role, some, some["rate"] / RATES[unit] * factor, term).mean() > 0.5:
            return Problem(rows.path, name, found, f'did you mean outcomes.rate_unit = "{other}"?')
    return Problem(rows.path, name, found, "are these the columns of amount, term and rate?")


def _segments(rows: Rows, mapping: OutcomeMapping) -> tuple[list[str], np.ndarray]:
    """Return the names of the segments in sorted order, and int64[row]: which one each row is in."""
    if "segment" not in rows.read:
        return ["loans"], np.zeros(rows.count, dtype=np.int64)
    meaning, which = rows.codes(
        "segment", mapping.segment or {text: text for text in rows.read["segment"].text if text}
    )
    names = sorted({name for name in meaning if name and name != LEAVE_OUT})
    return names, np.array([names.index(name) if name in names else 0 for name in meaning])[which]


def _refuse_nothing_to_fit(rows: Rows, charged_off) -> None:
    """Raise UserError if a row is wrong, no row is left, or the loans all ended alike."""
    rows.stop_if_wrong()
    for ended, there in (("charged off", charged_off), ("paid", ~charged_off)):
        if not (there & rows.in_use).any():
            raise UserError(Problem(rows.path, "", f"no loan in use was {ended}", "both outcomes are needed for a fit"))

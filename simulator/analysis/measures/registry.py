"""What a measure is, and the short ways to state one: a stock, a flow, a rate, a share."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from simulator.analysis.estimates import MEAN, Estimate, Estimates, Mean
from simulator.analysis.ledger import LINES, TRANSFER_LINES, Ledger, RunFrame, components
from simulator.analysis.measures.tables import TABLES
from simulator.analysis.measures.view import View, Window, ratio, windows
from simulator.analysis.tails import ExpectedShortfall, ValueAtRisk
from simulator.language.catalogue import noted, say

MONEY = noted("money")  # in a measure's `unit`: the currency of the run
SHARE, YEARLY, ACCOUNTS, RATIO = "share", "share per year", "accounts", "ratio"
STOCK, FLOW, RATE, TAIL = "stock", "flow", "rate", "tail"
IN_BETWEEN = ("income", "gross_profit", "cash_before_funding", "gross_cash")  # sums that formulas take apart
# What a policy may do that moves a measure by definition, whoever pays better or worse for it.
BOOK = "shrinks or grows the book"
LATE = "sells, writes off or re-ages late debt"
LATE_SHARE = f"{LATE}, or {BOOK},"


@dataclass(frozen=True)
class Measure:
    """One measure: `measure(ledger, window)` returns float64[replication]."""

    name: str
    kind: str
    unit: str
    formula: str
    text: str
    function: Callable[[View], np.ndarray]
    label: str = ""  # its name in words; `name` with spaces if none is given
    short: str = ""  # its name where a heading or the sentence says the rest; `label` if none is given
    shown_in: dict[str, int] = field(default_factory=dict)  # {table: rank in it}, of `tables`
    headline: bool = False  # in summary.json and replications.parquet
    monthly: bool = True  # means something month by month and in each segment
    statistic: Mean | ValueAtRisk | ExpectedShortfall = MEAN  # what is stated of its samples
    transfer: bool = False  # says something only where there is insurance or a partner
    run_on: bool = False  # says something only where there is a run-on
    of_reporting_day: bool = False  # says something only where the book is not reported on the due date itself
    own: str = ""  # the measure that takes its place in the answer there: what stays with the lender
    reason: Callable[[RunFrame, Window], str | None] | None = None  # why it cannot be stated; None: it always can
    moved_by: str = ""  # "a policy that <moved_by> moves it by definition": a share of a book that it shrinks, say
    opening: bool = False  # month by month it has a value in month 0 too: it is of stocks alone

    def __post_init__(self):
        """Raise ValueError where it is shown in a table that there is not."""
        if unknown := set(self.shown_in) - set(TABLES):
            raise ValueError(f"{self.name} is shown in {unknown}: no such table")
        object.__setattr__(self, "label", self.label or self.name.removeprefix("n_").replace("_", " "))
        object.__setattr__(self, "short", self.short or self.label)

    def __call__(
        self,
        ledger: Ledger,
        window: Window | None = None,
        by_month: bool = False,
        by: tuple[str, ...] = (),
        opening: bool = False,
    ) -> np.ndarray:
        """Return the measure's samples (see `View` for axes), amounts in the currency; NaN where it is `unstated`.

        By month they begin with month 1, or with month 0 where `opening` is asked for and the measure has it.
        """
        samples = self.function(View(ledger, window, by_month, by, opening and self.opening))
        if self.unstated(ledger.frame, window):
            return np.full(samples.shape, np.nan)
        return samples / ledger.frame.minor_units if self.unit.startswith(MONEY) else samples

    def unstated(self, frame: RunFrame, window: Window | None = None) -> str | None:
        """Return why a run of this frame cannot state this measure over `window` (the whole), None if it can."""
        return self.reason(frame, window or windows(frame)["whole"]) if self.reason else None

    def estimate(self, samples) -> Estimate | Estimates:
        """Return the value and standard error that samples of this measure stand for."""
        return (MEAN if np.isnan(samples).all() else self.statistic).estimate(samples)

    def interval(self, samples) -> tuple[float, float]:
        """Return the 95 % interval of the estimate, NaN where there is none."""
        return (MEAN if np.isnan(samples).all() else self.statistic).interval(samples)

    @property
    def words(self):
        """Return what it means, and which policies move it by definition."""
        text, moved_by = say(self.text), say(self.moved_by)
        if not moved_by:
            return text
        return say("{text}; a policy that {moved_by} moves it by definition", text=text, moved_by=moved_by)

    def unit_in(self, frame):
        """Return the unit with the currency's code for money, as files have it."""
        return self.unit.replace(MONEY, frame.currency)

    def applies_to(self, frame):
        """Return False where it says nothing: there are no transfers, no run-on, no factor, no reporting day."""
        there = (frame.transfers or not self.transfer) and (frame.run_on_months > 0 or not self.run_on)
        reported = frame.reporting_day > 0 or not self.of_reporting_day
        return there and reported and (frame.factor or self.kind != TAIL)


def stock(name: str, unit: str, text: str, **options) -> Measure:
    """Return the measure of a line of the ledger at a month end."""
    return Measure(name, STOCK, unit, f"{name}[at]", text, lambda v: v.at(name), opening=True, **options)


def flow(name: str, unit: str, text: str, formula: str = "", **options) -> Measure:
    """Return the measure of a line of the ledger summed over the window; `formula` if not that of the ledger."""
    return Measure(name, FLOW, unit, formula or f"Σ {sum_of(name)}", text, lambda v: v.flow(name), **options)


def sum_of(line: str) -> str:
    """Return the sum that the ledger makes a line of, "a + b - c", or its name where it is counted."""
    parts = components(line, {*LINES, *TRANSFER_LINES} - {line, *IN_BETWEEN})
    return "".join(f" {'+' if sign > 0 else '-'} {part}" for part, sign in parts.items()).removeprefix(" + ")


def rate(name: str, formula: str, text: str, function: Callable, unit: str = SHARE, **options) -> Measure:
    """Return a measure whose formula is `function`, of a View."""
    return Measure(name, RATE, unit, formula, text, function, **options)


def stock_share(name: str, top: str, bottom: str, text: str, **options) -> Measure:
    """Return the share that one stock is of another."""
    formula = f"{top}[at] / {bottom}[at]"
    return rate(name, formula, text, lambda v: ratio(v.at(top), v.at(bottom)), opening=True, **options)


def flow_share(name: str, top: str, bottom: str, text: str, **options) -> Measure:
    """Return the share that one flow is of another."""
    return rate(name, f"Σ {top} / Σ {bottom}", text, lambda v: ratio(v.flow(top), v.flow(bottom)), **options)


def yearly(name: str, top: str, text: str, of: str = "balance", **options) -> Measure:
    """Return a flow a year, as a share of the average of a balance."""

    def function(v):
        return 12 / v.months * ratio(v.flow(top), v.average(of))

    formula = f"12 / months × Σ {top} / average {of}"
    return rate(name, formula, text, function, unit=YEARLY, moved_by=BOOK, **options)

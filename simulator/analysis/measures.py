"""The registry of measures: each once, with formula, unit and words; docs/measures.md is generated from it.

A formula is written once against a `View`, which can be one window of the whole book (a number per replication) or
every month, or every cell of it apart. Amounts leave this module in the currency, not in its minor unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from simulator.analysis.accounting.cecl import cecl_allowance, lifetime_loss
from simulator.analysis.accounting.five_class import CLASSES, class_balance
from simulator.analysis.accounting.ifrs9 import ifrs9_allowance, opening_ecl, stage_balance, stage_loss
from simulator.analysis.accounting.loss_chain import bucket_balance
from simulator.analysis.estimates import MEAN, Estimate, Mean, gini
from simulator.analysis.ledger import Ledger, RunFrame
from simulator.analysis.tails import TAIL_LEVELS, ExpectedShortfall, ValueAtRisk, replications_needed
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.layout import (
    BUCKETS,
    CAUSES,
    LEVELS,
    LINE,
    N_PRODUCT,
    PRODUCTS,
    RATING_GRADE,
    RATING_SCORE,
    TO_CLOSED_AT_ZERO,
    TO_FORGIVEN,
    TO_PAID_OFF,
    TO_SOLD,
    TO_WRITTEN_OFF,
)

MONEY = "money"  # in a measure's `unit`: the currency of the run
SHARE, YEARLY, ACCOUNTS, RATIO = "share", "share per year", "accounts", "ratio"
# What a policy may do that moves a measure by definition, whoever pays better or worse for it.
BOOK = "shrinks or grows the book"
LATE = "sells, writes off or re-ages late debt"
LATE_SHARE = f"{LATE}, or {BOOK},"
LOST = (TO_WRITTEN_OFF, TO_SOLD)  # columns of a roll matrix: the balance left the open book, and was not paid
STOCK, FLOW, RATE, TAIL = "stock", "flow", "rate", "tail"


@dataclass(frozen=True)
class Window:
    """Months `first` to `last` for flows; stocks are read at the end of month `at`."""

    name: str
    first: int
    last: int
    at: int


def windows(frame):
    """Return {name: Window}: `whole` runs to the end of the run-off, `lending` while new credit is granted.

    Stocks are those of the last month of lending in both: at the end of the run-off hardly anything is left.
    """
    whole = Window("whole", 1, frame.horizon, frame.months)
    return {"whole": whole, "lending": Window("lending", 1, frame.months, frame.months)}


class View:
    """What a formula sees of a ledger, as float64[replication, ...].

    Without further axes: one window, all segments and products. `by_month`: an axis of months 1 to the horizon, each
    its own window. `by_cell`: axes of segment and product at the end. `opening`: by month, `at` begins with month 0.
    """

    def __init__(self, ledger: Ledger, window: Window | None = None, by_month=False, by_cell=False, opening=False):
        self.ledger, self.by_month, self.by_cell, self.opening = ledger, by_month, by_cell, opening
        self.window = window or windows(ledger.frame)["whole"]

    def _series(self, name, product=None):
        """Return int64[replication, month, ...] of a line, of one product if `product` is given.

        `name` may also be a function of the ledger that gives the cells of a line, or of something else.
        """
        if isinstance(name, str) and product is None and not self.by_cell:
            return self.ledger.total(name)
        cells = self.ledger[name] if isinstance(name, str) else self.ledger.once(name)
        if product is not None:
            cells = cells * (np.arange(N_PRODUCT) == product)
        return cells if self.by_cell else cells.sum(axis=(2, 3))

    def flow(self, name, product=None):
        """Return the sum of a line over the window."""
        series = self._series(name, product)
        window = self.window
        months = series[:, 1:] if self.by_month else series[:, window.first : window.last + 1].sum(axis=1)
        return months.astype(np.float64)

    def at(self, name, product=None):
        """Return a stock at the end of the month in which the window reads stocks."""
        series = self._series(name, product)
        months = slice(0 if self.opening else 1, None)
        return (series[:, months] if self.by_month else series[:, self.window.at]).astype(np.float64)

    def start(self, name):
        """Return a stock at the start of the window."""
        series = self._series(name)
        return (series[:, :-1] if self.by_month else series[:, self.window.first - 1]).astype(np.float64)

    def end(self, name):
        """Return a stock at the end of the window's last month."""
        series = self._series(name)
        return (series[:, 1:] if self.by_month else series[:, self.window.last]).astype(np.float64)

    def average(self, name):
        """Return the mean over the window's months of the mean of a stock at start and end of the month."""
        series = self._series(name)
        middle = (series[:, 1:] + series[:, :-1]) / 2
        return middle if self.by_month else middle[:, self.window.first - 1 : self.window.last].mean(axis=1)

    def mean(self, name):
        """Return the mean of a stock over the ends of the window's months."""
        series = self._series(name)
        return series[:, 1:] if self.by_month else series[:, self.window.first : self.window.last + 1].mean(axis=1)

    @property
    def months(self):
        """Return the number of months in one window."""
        return 1 if self.by_month else self.window.last - self.window.first + 1

    def roll(self, start):
        """Return (accounts that left bucket `start` for a worse one or were lost, accounts that were in it).

        float64[batch, ...]: roll matrices are kept for 20 batches of replications, so the batch is the sample.
        """
        row = self.ledger.rolls[..., start, :, 0]
        return self._batch(_to(row, slice(start + 1, BUCKETS), LOST)), self._batch(row.sum(axis=-1))

    def cured(self):
        """Return (accounts that left buckets 1 to 3 paid up, accounts that left them for any other place too).

        An account that is sold or written off is one that did not cure. Those that stay in these buckets are in
        neither number: the more of them are sold, the fewer stay, and a share of them would rise with that.
        """
        rows = self.ledger.rolls[..., 1:4, :, 0].sum(axis=-2)
        cured = _to(rows, 0, (TO_PAID_OFF, TO_CLOSED_AT_ZERO))
        return self._batch(cured), self._batch(cured + _to(rows, slice(4, BUCKETS), LOST))

    def net_flow(self, start):
        """Return (closing balance in the bucket after `start`, balance in `start` a month before), summed.

        What was lost from `start` in the month left the stock but moved on: it counts as if it were still there.
        float64[batch, ...], over the window. The first month has none: the opening book is not known by bucket.
        """
        rolls = self.ledger.rolls[..., 1]
        by_bucket = rolls[..., :BUCKETS].sum(axis=-2)  # [batch, month, segment, product, bucket]
        after, before = by_bucket[..., start + 1] + _to(rolls[..., start, :], LOST), by_bucket[..., start]
        if not self.by_cell:
            after, before = after.sum(axis=(2, 3)), before.sum(axis=(2, 3))
        after, before = after.astype(np.float64), before.astype(np.float64)
        if self.by_month:
            return after[:, 1:], before[:, :-1]
        first, last = max(self.window.first, 2), self.window.last
        return after[:, first : last + 1].sum(axis=1), before[:, first - 1 : last].sum(axis=1)

    def became_bad(self):
        """Return balance that went from below 90 days past due to 90+, or was lost from there, of a replication.

        float64[batch, ...], the mean over the replications of the batch.
        """
        rows = self.ledger.rolls[..., :3, :, 1].sum(axis=-2)
        moved = self._batch(_to(rows, slice(3, BUCKETS), LOST, TO_FORGIVEN))
        return moved / self.ledger.batch_sizes.reshape(-1, *[1] * (moved.ndim - 1))

    def rated(self, kind, product=None):
        """Return (accounts observed, of them in default within a year) by class, float64[batch, ..., class]."""
        ratings = self.ledger.ratings[..., kind, :, :]  # [batch, segment, product, class, (observed, defaulted)]
        if product is not None:
            ratings = ratings * (np.arange(N_PRODUCT) == product)[:, None, None]
        ratings = (ratings if self.by_cell else ratings.sum(axis=(1, 2))).astype(np.float64)
        return ratings[..., 0], ratings[..., 1]

    def _batch(self, counts):
        """Return counts, int64[batch, month, segment, product], summed to the axes of this view."""
        window = self.window
        counts = counts if self.by_cell else counts.sum(axis=(2, 3))
        months = counts[:, 1:] if self.by_month else counts[:, window.first : window.last + 1].sum(axis=1)
        return months.astype(np.float64)


def _to(rows, *columns):
    """Return the sum of `columns` (numbers, tuples, slices) of the last axis of roll matrices."""
    parts = (rows[..., [column] if isinstance(column, int) else column] for column in columns)
    return sum(part.sum(axis=-1) for part in parts)


def ratio(top, bottom):
    """Return top / bottom, NaN where the bottom is 0: a rate of nothing is not defined."""
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


@dataclass(frozen=True)
class Measure:
    """One measure: `measure(ledger, window)` returns float64[replication]."""

    name: str
    kind: str
    unit: str
    formula: str
    text: str
    function: Callable
    headline: bool = False  # in summary.json and on the terminal
    monthly: bool = True  # means something month by month and in each segment
    statistic: Mean | ValueAtRisk | ExpectedShortfall = MEAN  # what is stated of its samples
    transfer: bool = False  # says something only where there is insurance or a partner
    reason: Callable[[RunFrame, Window], str | None] | None = None  # why it cannot be stated; None: it always can
    moved_by: str = ""  # "a policy that <moved_by> moves it by definition": a share of a book that it shrinks, say
    opening: bool = False  # month by month it has a value in month 0 too: it is of stocks alone

    def __call__(self, ledger: Ledger, window: Window | None = None, by_month=False, by_cell=False, opening=False):
        """Return the measure's samples (see `View` for axes), amounts in the currency; NaN where it is `unstated`.

        By month they begin with month 1, or with month 0 where `opening` is asked for and the measure has it.
        """
        samples = self.function(View(ledger, window, by_month, by_cell, opening and self.opening))
        if self.unstated(ledger.frame, window):
            return np.full(samples.shape, np.nan)
        return samples / ledger.frame.minor_units if self.unit.startswith(MONEY) else samples

    def unstated(self, frame: RunFrame, window: Window | None = None) -> str | None:
        """Return why a run of this frame cannot state this measure over `window` (the whole), None if it can."""
        return self.reason(frame, window or windows(frame)["whole"]) if self.reason else None

    def estimate(self, samples) -> Estimate:
        """Return the value and standard error that samples of this measure stand for."""
        return (MEAN if np.isnan(samples).all() else self.statistic).estimate(samples)

    def interval(self, samples) -> tuple[float, float]:
        """Return the 95 % interval of the estimate, NaN where there is none."""
        return (MEAN if np.isnan(samples).all() else self.statistic).interval(samples)

    @property
    def words(self):
        """Return what it means, and which policies move it by definition."""
        return f"{self.text}; a policy that {self.moved_by} moves it by definition" if self.moved_by else self.text

    def unit_in(self, frame):
        """Return the unit in words, with the currency's code for money."""
        return self.unit.replace(MONEY, frame.currency)

    def applies_to(self, frame):
        """Return False for transfers where there are none, and for tails where borrowers share no luck."""
        return (frame.transfers or not self.transfer) and (frame.factor or self.kind != TAIL)


def _stock(name, unit, text, **options):
    return Measure(name, STOCK, unit, f"{name}[at]", text, lambda v: v.at(name), opening=True, **options)


def _flow(name, unit, text, formula=None, **options):
    return Measure(name, FLOW, unit, formula or f"Σ {name}", text, lambda v: v.flow(name), **options)


def _rate(name, formula, text, function, unit=SHARE, **options):
    return Measure(name, RATE, unit, formula, text, function, **options)


def _share(name, top, bottom, text, **options):
    """Return the share that a stock of late accounts or balance is of the whole."""
    options |= {"moved_by": LATE_SHARE, "opening": True}
    return _rate(name, f"{top}[at] / {bottom}[at]", text, lambda v: ratio(v.at(top), v.at(bottom)), **options)


def _flow_share(name, top, bottom, text, **options):
    return _rate(name, f"Σ {top} / Σ {bottom}", text, lambda v: ratio(v.flow(top), v.flow(bottom)), **options)


def _yearly(name, top, text, **options):
    formula = f"12 / months × Σ {top} / average balance"

    def function(v):
        return 12 / v.months * ratio(v.flow(top), v.average("balance"))

    return _rate(name, formula, text, function, unit=YEARLY, moved_by=BOOK, **options)


def _dpd(days, words):
    count, amount = f"n_dpd{days}", f"balance_dpd{days}"
    headline = days != 60
    yield _share(f"dpd{days}_share_count", count, "n_accounts", f"share of accounts {words}", headline=headline)
    yield _share(f"dpd{days}_share_balance", amount, "balance", f"share of balance {words}", headline=headline)


def _dpd90_179():
    """Return the share of balance that platforms which write off at 180 days call 90+."""

    def late(ledger):
        return ledger.once(bucket_balance)[..., 3:6].sum(axis=-1)

    def book(ledger):
        return ledger.once(bucket_balance).sum(axis=-1)

    text = "share of balance 90 to 179 days past due: what platforms that write off at 180 days call 90+"
    return _rate("dpd90_179_share_balance", "balance in buckets 3, 4 and 5[at] / balance[at]", text,
                 lambda v: ratio(v.at(late), v.at(book)), moved_by=LATE_SHARE, opening=True)  # fmt: skip


def _mean_dpd(days, cause, words):
    stock = f"n_dpd{days}_{cause}"
    text = f"accounts {days} or more days past due {words}, on average over the window"
    formula = f"mean over months of {stock}"
    return Measure(f"mean_dpd{days}_{cause}", STOCK, ACCOUNTS, formula, text, lambda v: v.mean(stock), moved_by=LATE)


def _roll(name, start, words):
    formula = f"Σ rolls[{start} → worse, written off or sold] / Σ rolls[{start} → any]"
    text = f"share of accounts {words} that are in a worse bucket, written off or sold a month later"
    return _rate(name, formula, text, lambda v: ratio(*v.roll(start)))


def _net_flow(name, start, words, later):
    formula = (
        f"Σ (balance in bucket {start + 1}[end of month] + rolls[{start} → written off or sold]) / "
        f"Σ balance in bucket {start}[start of month]"
    )
    text = f"balance {later} at the end of a month, of the balance {words} at its start: the roll rate that stocks show"
    return _rate(name, formula, text, lambda v: ratio(*v.net_flow(start)))


def _gini(kind, product=None):
    """Return the measure of how well a rating ranks the accounts observed, all together or those of one product."""
    name, text = (
        ("grade", "the grade, from the account's record with the lender only")
        if kind == RATING_GRADE
        else ("score", "the application score, in bands of 32 points")
    )
    of = "" if product is None else f" of {PRODUCTS[product]}s"

    def function(v):
        observed, defaulted = v.rated(kind, product)
        # A low grade is good, a low score bad.
        return gini(defaulted, observed - defaulted, worst_first=kind == RATING_SCORE)

    formula = "P(defaulter ranked worse) - P(defaulter ranked better), over pairs of a defaulter and another"
    text = f"Gini of {text}, against first default within 12 months{of}: 1 ranks without fault, 0 not at all"
    suffix = "" if product is None else f"_{PRODUCTS[product]}"
    options = {"unit": RATIO, "monthly": False, "moved_by": "reviews applicants in another way"}
    return _rate(f"gini_{name}{suffix}", formula, text, function, **options)


def _needs_run_off(frame, window):
    """Return why a value of cash to come says nothing over a window that does not end with a run-off, or None."""
    if frame.run_off_months and window.last == frame.horizon:
        return None
    return "without run-off months, cash that comes after the last month is not counted"


def _npv(v):
    """Return discounted cash before funding less the opening balance; months are paid for at their end."""
    window, ledger = v.window, v.ledger
    cash = ledger.total("cash_before_funding")[:, window.first : window.last + 1]
    months = np.arange(1, window.last - window.first + 2)
    return cash @ (1 + ledger.settlement.discount_rate) ** (-months / 12) - v.start("own_balance")


def _net_present_loss(v):
    """Return what is lent and not got back at its value today, from the opening balance on; gross of partners."""
    window, ledger = v.window, v.ledger
    lost = sum(sign * ledger.total(name) for name, sign in NOT_GOT_BACK.items())[:, window.first : window.last + 1]
    months = np.arange(1, window.last - window.first + 2)
    return v.start("balance") + lost @ (1 + ledger.settlement.discount_rate) ** (-months / 12)


def _lgd_economic(v):
    """Return 1 less what defaults bring afterwards per unit of their balance, both at their value today."""
    window, ledger = v.window, v.ledger
    months = np.arange(1, window.last - window.first + 2)
    now = (1 + ledger.settlement.discount_rate) ** (-months / 12)
    brought, lent = (ledger.total(name)[:, window.first : window.last + 1] @ now
                     for name in ("workout_cash", "default_balance"))  # fmt: skip
    return 1 - ratio(brought, lent)


def _own(kind, name, text, *formula, **options):
    """Return a flow or stock in money that is there only with insurance or a partner."""
    return kind(name, MONEY, text, *formula, transfer=True, **options)


def _tails(suffix, words, line, transfer=False):
    """Yield VaR and expected shortfall of a line, by names ending in `suffix`."""
    for level in TAIL_LEVELS:
        percent, one_in = f"{100 * level:.0f}", round(1 / (1 - level))
        options = {
            "headline": True,
            "monthly": False,
            "transfer": transfer,
            "reason": partial(_too_few, level),
            "function": lambda v: v.flow(line),
        }
        text = f"{words} exceeded in one run of {one_in}"
        formula = f"smallest x with P({line} ≤ x) ≥ {level:.2f}"
        yield Measure(f"var{percent}{suffix}", TAIL, MONEY, formula, text, statistic=ValueAtRisk(level), **options)
        text = f"mean {words} of the worst {100 - 100 * level:.0f} % of runs"
        formula = f"mean of {line} in its worst {100 - 100 * level:.0f} %"
        yield Measure(f"es{percent}{suffix}", TAIL, MONEY, formula, text, statistic=ExpectedShortfall(level), **options)


def _too_few(level, frame, window):
    """Return why a tail beyond `level` cannot be stated, None if there are replications enough."""
    needed = replications_needed(level)
    if frame.replications >= needed:
        return None
    return f"a tail of {100 - 100 * level:.0f} % needs {needed:,} replications, this run has {frame.replications:,}"


def _class(rule, name):
    """Return the share of balance in one of the five classes under a rule."""
    above = CLASS_DAYS[rule][CLASSES.index(name)]
    text = f"share of balance classed {name.replace('_', ' ')} under the {rule} rule: {above} days past due"

    def cells(ledger):
        return class_balance(ledger, rule, name)

    def open_cells(ledger):
        return ledger.once(bucket_balance).sum(axis=-1)

    formula, options = f"{rule}_{name}[at] / balance[at]", {"moved_by": LATE_SHARE, "opening": True}
    return _rate(f"{rule}_{name}_share", formula, text, lambda v: ratio(v.at(cells), v.at(open_cells)), **options)


def _stage(stage, text):
    """Return the balance of one stage."""

    def cells(ledger):
        return stage_balance(ledger, stage)

    formula = (
        "balance[at] - balance_dpd30[at] - balance_watched[at] - balance_probation[at] in bucket 0",
        "balance_dpd30[at] - balance_dpd90[at] + balance_watched[at] - balance_probation[at] in buckets 1 and 2",
        "balance_dpd90[at] + balance_probation[at]",
    )[stage - 1]
    options = {"moved_by": LATE_SHARE, "opening": True}
    return Measure(f"stage{stage}_balance", STOCK, MONEY, formula, text, lambda v: v.at(cells), **options)


def _ecl(name, formula, text, per_unit, stage=None):
    """Return the expected credit loss of the opening book, of one stage or of all."""

    def function(v):
        by_stage = opening_ecl(v.ledger, per_unit)
        return by_stage.sum(axis=-1) if stage is None else by_stage[:, stage - 1]

    return Measure(name, STOCK, MONEY, formula, text, function, monthly=False)


def _allowance(name, words, cells):
    """Yield the measures of one way to provide; `cells(ledger)` is the allowance."""
    stock, money = f"allowance_{name}", {"unit": MONEY, "kind": FLOW}
    growth = f"{stock}[end] - {stock}[start]"

    def grown(v):
        return v.end(cells) - v.start(cells)

    text = f"allowance at the variant's own coverage, at the opening at the baseline's, {words}"
    formula, options = "Σ stages: own_balance[at] × coverage", {"moved_by": LATE_SHARE, "opening": True}
    yield Measure(stock, STOCK, MONEY, formula, text, lambda v: v.at(cells), **options)
    text = f"charge for bad debt, {words}: change of the allowance and net loss"
    charge = f"{growth} + Σ own_net_loss"
    yield Measure(
        f"provision_{name}", formula=charge, text=text, function=lambda v: grown(v) + v.flow("own_net_loss"), **money
    )
    text = f"profit with that charge in the place of the net loss, {words}"
    after = f"profit - ({growth})"
    yield Measure(f"profit_{name}", formula=after, text=text, function=lambda v: v.flow("profit") - grown(v), **money)
    text = f"provision coverage: allowance of all stages per unit of non-performing balance, {words}"
    formula = f"{stock}[at] / own balance_dpd90[at]"
    yield _rate(f"coverage_{name}", formula, text, lambda v: ratio(v.at(cells), v.at(_own_npl)), **options)


def _own_npl(ledger):
    """Return float64[replication, month, segment, product]: the lender's own part of 90+ balance.

    Without what insurers have paid for, as far as it is 90 days late. Less than a unit of the currency in a cell is
    what rounding leaves of full cover, and no balance to divide by.
    """
    own = ledger["balance_dpd90"] * ledger.own_share
    left = own - np.minimum(ledger["insurer_balance"], own)
    return np.where(left < ledger.frame.minor_units, 0, left)


NOT_GOT_BACK = {
    "new_credit": 1,
    "paid": -1,
    "recovered": -1,
    "sold_open_proceeds": -1,
    "sold_written_off_proceeds": -1,
    "commission": 1,
    "contact_cost": 1,
    "recovery_cost": 1,
}
CLASS_DAYS = {
    "general": ("0", "1 to 90", "91 to 270", "271 to 360", "more than 360"),
    "card": ("0", "1 to 90", "91 to 120", "121 to 180", "more than 180"),
}
CAUSE_TEXT = {
    "unknown": "for a reason not known",
    "forgot": "because it was forgotten",
    "short": "because cash was short while employed",
    "cannot": "because the borrower has no job",
    "will_not": "because the borrower will not pay",
}

SECTIONS = {
    "Delinquency": (
        *_dpd(30, "30 or more days past due (at least one due missed)"),
        *_dpd(60, "60 or more days past due"),
        *_dpd(90, "90 or more days past due"),
        _dpd90_179(),
        _share("npl_ratio", "balance_dpd90", "balance", "what supervisors call dpd90_share_balance"),
        Measure(
            "npl_formation",
            FLOW,
            MONEY,
            "Σ rolls[0 to 2 → 3 or worse, written off, sold or forgiven], by balance",
            "balance that became 90+ days past due, cures not taken off; what was written off, sold or forgiven before "
            "that counts, so that selling or writing off earlier does not hide it",
            lambda v: v.became_bad(),
        ),
        _rate(
            "default_rate",
            "Σ n_default / (n_accounts[start] + Σ n_granted)",
            "share of all accounts, opening and granted, that default for the first time: 90 days past due, or before "
            "that a loss, by write-off, by sale below the balance or by forgiveness",
            lambda v: ratio(v.flow("n_default"), v.start("n_accounts") + v.flow("n_granted")),
            headline=True,
            moved_by="grants more or fewer accounts, or writes off, sells or forgives before 90 days past due,",
        ),
        _flow("n_first_30", ACCOUNTS, "accounts that reach 30 days past due for the first time"),
        _flow("n_default", ACCOUNTS, "accounts that default for the first time"),
    ),
    "Payment and collection": (
        _flow_share("day1_rate", "n_missed", "n_due", "share of dues of current accounts not paid at the due date"),
        _flow_share("collected_7_rate", "n_cured_7", "n_missed", "share of those paid within 7 days",
                    moved_by="keeps dues from being missed"),
        _flow_share("collected_30_rate", "n_cured_30", "n_missed", "share of those paid within 30 days",
                    moved_by="keeps dues from being missed"),
        _roll("roll_current_to_30", 0, "not past due"),
        _roll("roll_30_to_60", 1, "30-59 days past due"),
        _roll("roll_60_to_90", 2, "60-89 days past due"),
        _roll("roll_90_to_120", 3, "90-119 days past due"),
        _rate("cure_rate", "Σ rolls[1 to 3 → 0 or repaid] / Σ rolls[1 to 3 → 0, repaid, 4 or worse, written off, sold]",
              "share of accounts paid up of those that stop being 30-119 days past due; the others go on to 120 days, "
              "are written off or sold. A repayment plan that begins counts as paid up: read redefault_rate with it",
              lambda v: ratio(*v.cured())),
        _net_flow("net_flow_current_to_30", 0, "not past due", "30-59 days past due"),
        _net_flow("net_flow_30_to_60", 1, "30-59 days past due", "60-89 days past due"),
        _net_flow("net_flow_60_to_90", 2, "60-89 days past due", "90-119 days past due"),
        _net_flow("net_flow_90_to_120", 3, "90-119 days past due", "120-149 days past due"),
        _net_flow("net_flow_120_to_150", 4, "120-149 days past due", "150-179 days past due"),
        _flow("n_reminded", ACCOUNTS, "reminders that arrived"),
        _flow("n_missed_short_high_use", ACCOUNTS,
              "dues of current lines missed because cash was short while employed, by borrowers whose usual spending "
              "in a month is half of the limit as granted or more: fixed at entry, so no limit policy moves it"),
        _flow("outside_used", MONEY, "dues paid from credit elsewhere"),
        _flow("outside_refused", MONEY, "what borrowers on record at the credit bureau were short of and would have "
              "paid from credit elsewhere"),
    ),
    "Bad debt": (
        _flow(
            "net_loss",
            MONEY,
            "bad debt less what was got back for it",
            "Σ written_off + Σ (sold_open - sold_open_proceeds) + Σ forgiven - Σ recovered "
            "- Σ sold_written_off_proceeds",
            headline=True,
        ),
        _rate(
            "net_loss_per_opening_borrower",
            "net_loss / borrowers of the opening book",
            "net loss on a base that no policy can change",
            lambda v: ratio(v.flow("net_loss"), v.ledger.frame.borrowers),
            unit=f"{MONEY} per borrower",
            headline=True,
            monthly=False,
        ),
        _yearly("net_charge_off_rate", "net_loss", "net loss a year on the average open balance", headline=True),
        _rate(
            "bad_debt_rate",
            "Σ net_loss / (balance[start] + Σ new_credit)",
            "net loss over turnover: per unit lent, the opening balance included. Not a charge-off rate; read net_loss "
            "beside it",
            lambda v: ratio(v.flow("net_loss"), v.start("balance") + v.flow("new_credit")),
            headline=True,
            moved_by="lends more or less",
        ),
        _yearly("gross_charge_off_rate", "written_off", "written off a year on the average open balance"),
        _flow("written_off", MONEY, "open balance written off, interest and fees included", headline=True),
        _flow(
            "written_off_principal",
            MONEY,
            "principal written off",
            "Σ written_off - Σ written_off_interest - Σ written_off_fees",
        ),
        _flow("written_off_interest", MONEY, "interest written off"),
        _flow("written_off_fees", MONEY, "fees written off"),
        _flow("sold_open", MONEY, "open balance sold"),
        _flow("sold_open_proceeds", MONEY, "price received for it"),
        _flow("forgiven", MONEY, "forgiven at the start of repayment plans"),
        _flow("loss_on_sale", MONEY, "loss on the sale of open accounts", "Σ sold_open - Σ sold_open_proceeds"),
        _flow("recovered", MONEY, "collected after write-off", headline=True),
        _flow("recovered_open", MONEY, "collected the same way before write-off; part of paid, in no total"),
        _flow("sold_written_off", MONEY, "written-off balance sold"),
        _flow("sold_written_off_proceeds", MONEY, "price received for it"),
        _flow("expired", MONEY, "written-off balance whose claim expired"),
        _rate(
            "recovery_rate",
            "(Σ recovered + Σ sold_written_off_proceeds) / Σ written_off",
            "got back after write-off, per unit written off in the same window",
            lambda v: ratio(v.flow("recovered") + v.flow("sold_written_off_proceeds"), v.flow("written_off")),
            moved_by="writes off or sells earlier or later",
        ),
        _rate("lgd", "(Σ net_loss - Σ opening_net_loss) / Σ default_balance",
              "net loss on the window's defaults per unit of their balance at default, not discounted; whole only once "
              "their recoveries are in the window, so read it with run-off",
              lambda v: ratio(v.flow("net_loss") - v.flow("opening_net_loss"), v.flow("default_balance")),
              monthly=False),
        _rate("lgd_economic", "1 - Σ v^t × workout_cash / Σ v^t × default_balance, v = (1 + discount_rate)^(-1 / 12)",
              "loss on the window's defaults, discounted: 1 less what they bring until they are cured, net of what "
              "they are lent and of the cost of contacts, commissions and courts, per unit of balance at default; read "
              "it with run-off",
              _lgd_economic, monthly=False),
        _flow("opening_net_loss", MONEY, "of the net loss: on accounts in default or written off at the opening"),
        _flow("workout_cash", MONEY, "what accounts bring after a default in the run, less new credit, contacts, "
              "commissions and recovery cost; cured, after probation, their balance counts as repaid, and as lent anew "
              "should they default again"),
        Measure(
            "net_present_loss",
            FLOW,
            MONEY,
            "balance[start] + Σ (new_credit - paid - recovered - sold_open_proceeds - sold_written_off_proceeds "
            "+ commission + contact_cost + recovery_cost) / (1 + discount_rate)^(t / 12)",
            "present value of what is lent and not got back, interest paid included and gross of partners; unlike "
            "net_loss it does not depend on the date at which a balance is called lost. Only with run-off",
            _net_present_loss,
            monthly=False,
            reason=_needs_run_off,
        ),
        _rate(
            "ead",
            "Σ default_balance / Σ n_default",
            "mean balance of an account when it defaults for the first time",
            lambda v: ratio(v.flow("default_balance"), v.flow("n_default")),
            unit=f"{MONEY} per account",
        ),
    ),
    "Bad debt and closures by cause": (
        *(_flow(f"bad_debt_{cause}", MONEY, f"net loss on debt overdue {words}")
          for cause, words in CAUSE_TEXT.items()),
        *(_flow(f"n_closures_{cause}", ACCOUNTS, f"accounts closed for lateness that came about {words}")
          for cause, words in CAUSE_TEXT.items()),
        *(_flow(f"n_closures_good_{cause}", ACCOUNTS, f"of them, those of the better half by quality, closed {words}")
          for cause, words in CAUSE_TEXT.items()),
        *(_flow(f"n_missed_{cause}", ACCOUNTS, f"dues of current accounts missed {words}")
          for cause, words in CAUSE_TEXT.items()),
        *(_stock(f"n_dpd{days}_{cause}", ACCOUNTS, f"accounts {days} or more days past due {words}", moved_by=LATE)
          for days in (30, 90) for cause, words in CAUSE_TEXT.items()),
        *(_mean_dpd(days, cause, words) for days in (30, 90) for cause, words in CAUSE_TEXT.items()),
    ),
    "Profit, accrual view": (
        _flow("interest", MONEY, "interest charged"),
        _flow("fees", MONEY, "late charges"),
        _flow("merchant_discount", MONEY, "merchants' payment for sales on the line",
              "Σ merchant_discount × new_credit of lines"),
        _flow("interest_not_charged", MONEY, "interest and fees not charged after suspension; in no total"),
        _flow("commission", MONEY, "paid to those who collect, after write-off or before"),
        _flow("contact_cost", MONEY, "contacts of the collection ladder, commissions of its levels included"),
        _flow("recovery_cost", MONEY, "working accounts after write-off or before, fees of courts included"),
        _flow("reminder_cost", MONEY, "reminders", "Σ reminder_cost × n_reminded"),
        _flow("report_cost", MONEY, "reports to the credit bureau", "Σ report_cost × n_reported"),
        _flow("operating_cost", MONEY, "servicing of accounts",
              "Σ operating_cost × (n_accounts[start of month] + n_granted - n_idle)"),
        _flow("idle_cost", MONEY, "keeping idle lines, while new credit is granted", "Σ idle_cost × n_idle"),
        _flow("acquisition_cost", MONEY, "winning granted accounts", "Σ acquisition_cost × n_granted"),
        _flow("funding_cost", MONEY, "funding of the open balance",
              "Σ funding_rate / 12 × (balance[start of month] + balance[end of month]) / 2"),
        _flow("cost", MONEY, "costs without funding",
              "Σ commission + contact, recovery, reminder, report, operating, idle and acquisition cost"),
        _flow("profit", MONEY, "accrual profit before tax, after insurers and partners",
              "Σ interest + fees + merchant_discount - net_loss - cost - funding_cost, less insurer_result and "
              "partner_profit",
              headline=True),
    ),
    "Cash and value": (
        _flow("paid", MONEY, "paid by borrowers on open accounts, less refunds"),
        _flow("cash", MONEY, "cash in less cash out; profit less the growth of the open balance, exactly",
              "Σ paid + recovered + proceeds + merchant_discount - new_credit - cost - funding_cost, less what "
              "insurers and partners take"),
        Measure(
            "npv",
            FLOW,
            MONEY,
            "Σ cash_before_funding / (1 + discount_rate)^(t / 12) - own_balance[start]",
            "net present value at the discount rate, which takes the place of the funding cost. cash_before_funding is "
            "the lender's own cash in less cash out but for funding: of the whole book, less what insurers and "
            "partners take; own_balance is balance without their parts. What is still open at the end counts for "
            "nothing, so it is stated only over a window that ends with a run-off",
            _npv,
            headline=True,
            monthly=False,
            reason=_needs_run_off,
        ),
        _yearly("interest_and_fee_yield", "income", "interest, fees and merchant discount a year on average balance"),
    ),
    "Book": (
        _stock("n_accounts", ACCOUNTS, "open accounts, frozen and closed ones with a balance included"),
        _stock("balance", MONEY, "open balance"),
        _rate("mean_balance", "balance[at] / n_accounts[at]", "open balance per account",
              lambda v: ratio(v.at("balance"), v.at("n_accounts")), unit=f"{MONEY} per account", moved_by=BOOK,
              opening=True),
        _rate("utilisation", "balance of lines[at] / limit of lines that may still borrow[at]",
              "use of the limits; frozen and closed lines have a balance but no limit here",
              lambda v: ratio(v.at("balance", LINE), v.at("limit", LINE)), moved_by="cuts or raises limits, or freezes",
              opening=True),
        _rate("balance_left", "balance[end] / balance[start]", "open balance at the end of the window, of its start",
              lambda v: ratio(v.end("balance"), v.start("balance")), monthly=False, moved_by=BOOK),
        _stock("n_frozen", ACCOUNTS, "frozen accounts"),
        _stock("n_closed", ACCOUNTS, "closed accounts that still owe: what is left of n_closures"),
        _stock("n_written_off_book", ACCOUNTS, "accounts in the written-off book"),
        _stock("balance_written_off_book", MONEY, "balance of the written-off book"),
        _flow("n_idle", ACCOUNTS, "lines that owe nothing at the start of the month nor after it"),
        _flow("n_limit_cut", ACCOUNTS, "limit cuts"),
        _flow("n_limit_raised", ACCOUNTS, "limit raises"),
        _flow("n_reported", ACCOUNTS, "borrowers reported to the credit bureau who were not on record"),
        _flow("n_regranted", ACCOUNTS, "closed accounts opened again"),
        _flow("n_closures", ACCOUNTS, "accounts closed for lateness or with the borrower's other account, all causes",
              "Σ n_closures by cause"),
        _flow("n_closures_good", ACCOUNTS, "of them, accounts of the better half by quality, which no lender sees",
              "Σ n_closures_good by cause"),
        _flow("claimable", MONEY, "balance of accounts that reach the insurer's trigger, or bring a loss before it; "
              "again only after they were current"),
    ),
    "Repayment plans": (
        _flow("n_plans", ACCOUNTS, "plans begun"),
        _flow("n_plans_kept", ACCOUNTS, "plans kept to the end"),
        _flow("n_plans_broken", ACCOUNTS, "plans broken: re-default"),
        _flow_share("redefault_rate", "n_plans_broken", "n_plans", "plans broken, of plans begun",
                    moved_by="offers plans to others or later"),
    ),
    "Collection ladder": (
        *(_flow(f"n_contacts_{level}", ACCOUNTS, f"contacts: {level}") for level in LEVELS),
        _flow("n_contacts_wanted", ACCOUNTS, "contacts of all levels if every missed due could be worked"),
        *(_flow(f"n_collected_{level}", ACCOUNTS, f"dues paid on a contact: {level}") for level in LEVELS),
        *(_flow(f"collected_{level}", MONEY, f"paid on a contact: {level}") for level in LEVELS),
    ),
    "New business": (
        _flow("new_credit", MONEY, "spending on lines and loans drawn", headline=True),
        _rate("approval_rate", "1 - Σ n_declined / Σ n_applied", "share of applications granted",
              lambda v: 1 - ratio(v.flow("n_declined"), v.flow("n_applied")), headline=True),
        _flow("n_applied", ACCOUNTS, "applications"),
        _flow("n_declined", ACCOUNTS, "applications declined"),
        _flow("n_granted", ACCOUNTS, "lines granted and loans drawn"),
        Measure("n_never_default", FLOW, ACCOUNTS, "Σ n_granted - Σ n_default_granted", "accounts granted since the "
                "opening less those of them that default: the good business",
                lambda v: v.flow("n_granted") - v.flow("n_default_granted"), monthly=False),
        _flow("n_default_granted", ACCOUNTS, "of n_default: accounts granted since the opening"),
    ),
    "Power of grade and score": (
        *(_gini(kind) for kind in (RATING_GRADE, RATING_SCORE)),
        *(_gini(kind, product) for product in range(N_PRODUCT) for kind in (RATING_GRADE, RATING_SCORE)),
    ),
    "Tail of the loss distribution": tuple(_tails("", "net loss", "net_loss")),
    "Five classes": tuple(_class(rule, name) for rule in CLASS_DAYS for name in CLASSES[1:]),
    "Stages, expected credit loss, allowances": (
        _stage(1, "balance in stage 1: nothing past due by 30 days, nor restructured in the last twelve months"),
        _stage(2, "balance in stage 2: 30 to 89 days past due, or restructured in the last twelve months"),
        _stage(3, "balance in stage 3: 90 or more days past due, or in default until less than three months ago"),
        _ecl("ecl_ifrs9", "Σ buckets: balance (of lines accounts) × expected loss, at the opening",
             "expected credit loss of the opening book: of the next twelve months' defaults in stage 1, lifetime in "
             "stages 2 and 3; of lines with what is drawn before default, in stage 2 over the behavioural life; "
             "discounted at the effective rate, from the roll matrices of this variant's run", stage_loss),
        *(_ecl(f"ecl_stage{k}", f"stage {k} of ecl_ifrs9", f"its part in stage {k}", stage_loss, k) for k in (1, 2, 3)),
        _ecl("ecl_cecl", "Σ buckets: balance × lifetime loss, at the opening",
             "expected credit loss of the opening book, lifetime from the first day; nothing for what may be drawn",
             lifetime_loss),
        *_allowance("ifrs9", "IFRS 9", ifrs9_allowance),
        *_allowance("cecl", "CECL", cecl_allowance),
        _rate("return_on_average_assets", "12 / months × profit / average own_balance",
              "profit before tax a year on the lender's average open balance",
              lambda v: 12 / v.months * ratio(v.flow("profit"), v.average("own_balance")), unit=YEARLY, moved_by=BOOK),
    ),
    "Who bears the loss": (
        _own(_flow, "own_net_loss", "net loss that stays with the lender",
             "Σ net_loss - insurer_net_loss - partner_net_loss", headline=True),
        _own(_flow, "premium", "paid to insurers"),
        _own(_flow, "claims", "paid by insurers"),
        _own(_flow, "subrogation", "passed on to insurers of what came back on claims they had paid"),
        _own(_stock, "insurer_balance", "insurers' part of the open balance of claimed accounts"),
        _own(_flow, "insurer_net_loss", "net loss that insurers bear",
             "Σ claims - subrogation - growth of insurer_balance"),
        _own(_flow, "insurer_funding", "insurers' funding of their part"),
        _own(_flow, "insurer_result", "what the cover costs on balance, and insurers earn",
             "Σ premium - insurer_net_loss - insurer_funding", headline=True),
        _own(_flow, "partner_net_loss", "net loss that partners bear, partner_loss_on_transfer included"),
        _own(_flow, "partner_loss_on_transfer", "late balance above its price, where a partner leaves; below 0 where "
             "one joins"),
        _own(_flow, "partner_fee", "paid by partners for the work"),
        _own(_flow, "partner_profit", "what partners earn after funding and fee"),
        _own(_flow, "gross_profit", "profit before insurers and partners take or give anything",
             "Σ income - net_loss - cost - funding_cost"),
        _own(_stock, "own_balance", "open balance less the insurers' and the partners' part"),
        *_tails("_own", "own net loss", "own_net_loss", True),
    ),
}  # fmt: skip

MEASURES = {measure.name: measure for section in SECTIONS.values() for measure in section}


def highest_tail(frame: RunFrame, kind: str, suffix: str = "") -> str | None:
    """Return the name of the "var" or "es" of the highest level that a run of this frame states, None if there is none.

    `suffix` is "" for the net loss, "_own" for what stays with the lender.
    """
    stated = measures_of(frame)
    names = [f"{kind}{100 * level:.0f}{suffix}" for level in reversed(TAIL_LEVELS)]
    return next((name for name in names if name in stated and not MEASURES[name].unstated(frame)), None)


def measures_of(frame):
    """Return {name: Measure} of the measures that a run of this frame can state."""
    return {name: measure for name, measure in MEASURES.items() if measure.applies_to(frame)}


def markdown() -> str:
    """Return docs/measures.md: what every measure means, from the registry."""
    lines = [
        "# Measures",
        "",
        "Generated by `simulator measures --markdown`; a test keeps it up to date. The code is the source:",
        "`simulator/analysis/measures.py`.",
        "",
        "- **Window.** Flows (Σ) run over months 1 to the end: `whole` includes the run-off, `lending` ends with the "
        "last month of new credit. Comparisons and `summary.json` use `whole`, because selling, writing off or "
        "waiting exchanges cash now for cash later.",
        "- **[at]** is the end of the last month of new credit, in both windows; [start] and [end] are the window's.",
        "- **By definition.** A share of a book that a policy shrinks moves though nobody pays better or worse. The "
        "text of such a measure says what moves it: read the amounts beside it.",
        "- **Average balance** is the mean over the window's months of the mean of opening and closing balance.",
        "- **Value** is the mean over replications of the measure of each; **se** = sd / √replications. Roll rates are "
        "means over up to 20 batches of replications, Ginis too. A rate of nothing is left empty, not 0.",
        "- **Not stated.** A measure that a run cannot state, such as a net present value without run-off, is NaN in "
        "Python (`Measure.unstated` says why) and null in the files, with its reason beside it.",
        "- **Difference** is paired: variant less baseline in the same replication, people and luck in common.",
        "- **money** is in the currency of the scenario. Incomes and costs that are settled outside the kernel are "
        "rounded to the minor unit in each replication, month, segment and product, so totals stay exact.",
        "- **Files.** `summary.json` has the headline measures (bold below), `comparison.parquet` all in both windows, "
        "`monthly.parquet` lines and measures by month and cell, `replications.parquet` the headline measures of every "
        "replication: every file and column is in [results.md](results.md). What insurers and partners bear or earn is "
        "in them only if some variant has credit insurance or a partner, tails only with a common factor.",
        "- **Swap sets.** Where a variant reviews applicants in another way, `swapped` in `summary.json` and the rows "
        "of `comparison.parquet` whose column `people` is `swapped_out` or `swapped_into` are of those alone whom the "
        "baseline takes and the variant declines, or the reverse, living with the lender that takes them, before "
        "insurers and partners.",
        "- **Why.** The report says that something rises or falls only beyond four standard errors of its difference, "
        "and that it may from two on. A single replication has no standard error: its changes are told as they are.",
        "- **Intervals** are 95 %: Student's t of the replications (of the paired differences), from ten on corrected "
        "for their skewness by Hall's transformation, t + a t²/3 + a² t³/27 + a/6 with a = skewness / √n, so their "
        "ends may lie at different distances. ES has the same over its influence values (differences with as many "
        "degrees of freedom as replications lie beyond the level, less one). VaR lies between order statistics; a "
        "difference of two VaR combines both intervals (Zou and Donner 2008).",
        "- **Tail measures** are there when a random factor is shared by all borrowers, each from so many replications "
        "on that ten are to be expected beyond its level: 100 for 90 %, 200 for 95 %, 1,000 for 99 %. Where one is not "
        "stated, `summary.json` has null with the reason, and the lower levels stand in its place. "
        "Standard errors: Maritz-Jarrett for VaR, influence function for ES.",
        "",
    ]
    for section, measures in SECTIONS.items():
        lines += [f"## {section}", "", "| measure | unit | kind | formula | in words |", "|---|---|---|---|---|"]
        for m in measures:
            name = f"**`{m.name}`**" if m.headline else f"`{m.name}`"
            lines.append(f"| {name} | {m.unit} | {m.kind} | {m.formula} | {m.words} |")
        lines.append("")
    lines.append(
        "Bold measures are in `summary.json`; those under *Who bears the loss* only if some variant has credit "
        "insurance or a partner."
    )
    return "\n".join(lines) + "\n"


def in_words(name: str) -> str:
    """Return Markdown on one measure; raises UserError with the nearest name if there is none of that name."""
    if name not in MEASURES:
        raise UserError(Problem(name, found="no such measure", allowed=did_you_mean(name, MEASURES)))
    m = MEASURES[name]
    where = ", in `summary.json`" if m.headline else ""
    return f"# {name}\n\n{m.words}\n\n- unit: {m.unit}\n- kind: {m.kind}{where}\n- formula: `{m.formula}`\n"


assert set(CAUSE_TEXT) == set(CAUSES)

"""Names for what the kernel has added up, the lines settled from it, and the identities that must hold.

Everything here is int64 in minor units or counts. Months run from 0 (opening stocks) to `RunFrame.horizon`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from simulator.model.layout import (
    ARRIVED,
    BUCKETS,
    CAUSES,
    F_NEW_CREDIT,
    FLOWS,
    LEVELS,
    LINE,
    N_FLOWS,
    N_PRODUCT,
    PRIORITIES,
    PRODUCTS,
    SUMS_PER_BATCH,
    TO_CLOSED_AT_ZERO,
    TO_FORGIVEN,
    TO_PAID_OFF,
    TO_SOLD,
    TO_WRITTEN_OFF,
)
from simulator.model.tables import Sums
from simulator.policy.risk_transfer import STOCKS as TRANSFERRED_STOCKS
from simulator.policy.risk_transfer import TRANSFERRED, Insurance, Partner, own_share, settle

STOCKS = (
    *FLOWS[:F_NEW_CREDIT],
    *(f"n_dpd{days}_{cause}" for days in (30, 90) for cause in CAUSES),
    *TRANSFERRED_STOCKS,
    "own_balance",
)


@dataclass(frozen=True)
class RunFrame:
    """What the axes of the sums mean; the same for every variant of a scenario."""

    title: str
    segments: tuple[str, ...]
    products: tuple[str, ...]  # present ones, of PRODUCTS
    months: int  # in which new credit is granted
    run_off_months: int  # after them: no new credit, everything else goes on
    replications: int
    borrowers: int  # of the opening book
    currency: str = "CNY"
    minor_units: int = 100  # in one unit of the currency
    factor: bool = False  # a random factor is shared by all borrowers of a replication
    redraw_people: bool = True  # other people in each replication; of a tape, what it does not say of them
    tape: bool = False  # the opening book is a lender's own
    transfers: bool = False  # some variant has credit insurance or a partner
    run_on_months: int = 0  # if lending does not end: the customers at hand go on for so long, then comes the run-off
    start_month: int | None = None  # calendar month of month 1, 1 for January; None where the scenario names none
    reporting_day: int = 0  # days after the due date, 0 = the due date itself
    draws: int = 0  # of numbers in doubt, for a pair of replications each; 0: they are as they stand

    @property
    def horizon(self):
        """Return the last month, run-off included."""
        return self.months + self.run_off_months

    @property
    def of_run_on(self) -> "RunFrame":
        """Return the frame of the same run with its run-on: months in which nobody arrives are added to the lending."""
        return replace(self, months=self.months + self.run_on_months, run_on_months=0)


@dataclass(frozen=True)
class Settlement:
    """Prices that turn flows into income and cost outside the kernel.

    Each is a number, or float64[replication, 1, 1, 1] where replications differ in it.
    """

    discount_rate: float | np.ndarray = 0.0  # a year, of the net present value
    funding_rate: float | np.ndarray = 0.0  # a year, of the open balance
    merchant_discount: float | np.ndarray = 0.0  # share of what is spent on the line
    operating_cost: float | np.ndarray = 0.0  # minor units per month and account with a balance or a payment
    idle_cost: float | np.ndarray = 0.0  # minor units per month and line without either, while new credit is granted
    acquisition_cost: float | np.ndarray = 0.0  # minor units per granted account
    reminder_cost: float | np.ndarray = 0.0  # minor units per reminder
    report_cost: float | np.ndarray = 0.0  # minor units per report to the credit bureau
    transfers: tuple[Insurance | Partner, ...] = ()  # who else bears the risk

    def mean_of(self, name: str) -> float:
        """Return a price, the mean over replications where they differ in it."""
        return float(np.mean(getattr(self, name)))


# Lines that are sums of others: name -> {line: sign}. Profit is accrual, cash is what crosses the lender's
# account; they differ by the change of the open balance, which `check_identities` tests cell by cell.
# Interest not charged after suspension is in neither: it never became income, so it is no loss either.
LINES = {
    "written_off_principal": {"written_off": 1, "written_off_interest": -1, "written_off_fees": -1},
    "loss_on_sale": {"sold_open": 1, "sold_open_proceeds": -1},
    "net_loss": {
        "written_off": 1,
        "loss_on_sale": 1,
        "forgiven": 1,
        "recovered": -1,
        "sold_written_off_proceeds": -1,
    },
    "n_closures": {f"n_closures_{cause}": 1 for cause in CAUSES},
    "n_closures_good": {f"n_closures_good_{cause}": 1 for cause in CAUSES},
    "income": {"interest": 1, "fees": 1, "merchant_discount": 1},
    "cost": {
        "commission": 1,
        "contact_cost": 1,
        "recovery_cost": 1,
        "reminder_cost": 1,
        "report_cost": 1,
        "education_cost": 1,
        "review_cost": 1,
        "operating_cost": 1,
        "idle_cost": 1,
        "acquisition_cost": 1,
    },
    "profit": {"gross_profit": 1, "insurer_result": -1, "partner_profit": -1},
    "cash_before_funding": {"gross_cash": 1, "insurer_cash": -1, "partner_cash": -1},
    "cash": {"cash_before_funding": 1, "funding_cost": -1, "insurer_funding": 1, "partner_funding": 1},
}
# The same before and after it is shared: the lender's own line = gross - the insurer's - the partner's. Without
# insurance and partners gross and own are one.
TRANSFER_LINES = {
    "gross_profit": {"income": 1, "net_loss": -1, "cost": -1, "funding_cost": -1},
    "gross_cash": {
        "paid": 1,
        "recovered": 1,
        "sold_open_proceeds": 1,
        "sold_written_off_proceeds": 1,
        "merchant_discount": 1,
        "new_credit": -1,
        "commission": -1,
        "contact_cost": -1,
        "recovery_cost": -1,
        "reminder_cost": -1,
        "report_cost": -1,
        "education_cost": -1,
        "review_cost": -1,
        "operating_cost": -1,
        "idle_cost": -1,
        "acquisition_cost": -1,
    },
    "insurer_result": {"premium": 1, "insurer_net_loss": -1, "insurer_funding": -1},
    "insurer_cash": {"premium": 1, "claims": -1, "subrogation": 1},
    "partner_net_loss": {
        "partner_written_off": 1,
        "partner_sold_open": 1,
        "partner_sold_open_proceeds": -1,
        "partner_forgiven": 1,
        "partner_back": -1,
        "partner_loss_on_transfer": 1,
    },
    "partner_profit": {
        "partner_interest": 1,
        "partner_fees": 1,
        "partner_net_loss": -1,
        "partner_funding": -1,
        "partner_fee": -1,
    },
    "partner_cash": {
        "partner_paid": 1,
        "partner_sold_open_proceeds": 1,
        "partner_back": 1,
        "partner_new_credit": -1,
        "partner_bought": -1,
        "partner_fee": -1,
    },
    "own_balance": {"balance": 1, "insurer_balance": -1, "partner_balance": -1},
    "own_net_loss": {"net_loss": 1, "insurer_net_loss": -1, "partner_net_loss": -1},
}
SETTLED = (
    *("merchant_discount", "funding_cost", "operating_cost", "idle_cost"),
    *("acquisition_cost", "reminder_cost", "report_cost"),
)


# Counts and amounts that are part of another in every cell: part -> whole.
PARTS = {
    "n_dpd30": "n_accounts",
    "n_dpd60": "n_dpd30",
    "n_dpd90": "n_dpd60",
    "n_frozen": "n_accounts",
    "n_closed": "n_accounts",
    "n_missed": "n_due",
    "n_dpd1": "n_missed",
    "balance_dpd1_current": "balance_dpd1",
    "n_cured_30": "n_missed",
    "n_cured_7": "n_cured_30",
    "n_missed_short_high_use": "n_missed_short",
    "n_declined": "n_applied",
    "n_not_taken_up": "n_applied",
    "n_default_granted": "n_default",
    "n_settlements": "n_offers",
    "n_taken_for_fraud": "n_declined",
    "n_fraud_caught": "n_taken_for_fraud",
    **{f"n_contacts_wanted_in_{order}": "n_contacts_wanted" for order in range(PRIORITIES)},
    "written_off_interest": "written_off",
    "conversion_fees": "fees",
    "n_settled_early": "n_paid_off",
    "n_first_payment_30": "n_first_30",
    "written_off_fees": "written_off",
    **{f"n_closures_good_{cause}": f"n_closures_{cause}" for cause in CAUSES},
    **{f"n_collected_{level}": f"n_contacts_{level}" for level in LEVELS},
}


def is_count(name: str) -> bool:
    """Return whether a line counts accounts or what happens to them; all others are amounts in minor units."""
    return name.startswith("n_")


def components(name: str, whole: Collection[str] = ()) -> dict[str, int]:
    """Return {line: sign} of the lines that add up to line `name`, in order; those in `whole` are not taken apart."""
    lines = {**LINES, **TRANSFER_LINES}
    if name in whole or name not in lines:
        return {name: 1}
    return {part: outer * sign for line, outer in lines[name].items() for part, sign in components(line, whole).items()}


class IdentityError(Exception):
    """An accounting identity does not hold: a defect of the program, never of the user's input."""


class Ledger:
    """The sums of one variant by name.

    `ledger[name]` is int64[replication, month, segment, product] for every name of FLOWS, SETTLED, LINES, and of
    TRANSFERRED and TRANSFER_LINES, which are what insurers and partners take. Lines without such a prefix are gross,
    but profit and cash are the lender's own.
    """

    def __init__(
        self,
        variant: str,
        sums: Sums,
        frame: RunFrame,
        settlement: Settlement,
        baseline: "Ledger | None" = None,
        run_on: "Ledger | None" = None,
    ):
        """Raise ValueError if the shapes of `sums` do not fit `frame`.

        `baseline` is the ledger of the lender as it was, which has provided for the opening book: this one, if none
        is given. `run_on` is the ledger of the same people and chances with the run-on: the first `frame.months` are
        the same, what comes after them is another future.
        """
        shape = (frame.replications, 2, frame.horizon + 1, len(frame.segments), N_PRODUCT, N_FLOWS)
        if sums.flows.shape != shape:
            raise ValueError(f"flows of {variant} have shape {sums.flows.shape}, expected {shape}")
        self.variant, self.sums, self.frame, self.settlement = variant, sums, frame, settlement
        self._baseline, self.run_on = baseline, run_on  # not itself: a circle would hold its sums for long
        self._totals: dict[str, np.ndarray] = {}
        self._once: dict[Callable[[Ledger], np.ndarray], np.ndarray] = {}

    def __reduce__(self):
        """Pickle what it was made of, not what was worked out from that."""
        return Ledger, (self.variant, self.sums, self.frame, self.settlement, self._baseline, self.run_on)

    @property
    def baseline(self) -> "Ledger":
        """The ledger of the lender as it was: this one, if no other was given."""
        return self._baseline or self

    def once(self, function):
        """Return function(self), worked out at the first call only."""
        if function not in self._once:
            self._once[function] = function(self)
        return self._once[function]

    def __getitem__(self, name):
        """Return int64[replication, month, segment, product] of one line; KeyError if there is no such line."""
        if name in SETTLED:
            return self._settled[name]
        if name in TRANSFERRED:
            return self._transferred[name]
        for lines in (LINES, TRANSFER_LINES):
            if name in lines:
                return sum(sign * self[part] for part, sign in lines[name].items())
        return self.halves(name).sum(axis=1)

    def halves(self, name):
        """Return int64[replication, half, month, segment, product] of a flow or a sum of flows."""
        if name in LINES:
            return sum(sign * self.halves(part) for part, sign in LINES[name].items())
        if name not in FLOWS:
            raise KeyError(name)
        return self.sums.flows[..., FLOWS.index(name)]

    def total(self, name):
        """Return int64[replication, month] of one line over all segments and products."""
        if name not in self._totals:
            self._totals[name] = self[name].sum(axis=(2, 3))
        return self._totals[name]

    @cached_property
    def batch_sizes(self):
        """Return int64[batch]: replications in each batch of the rolls and vintages that has any."""
        sizes = np.bincount(np.arange(self.frame.replications) % SUMS_PER_BATCH, minlength=SUMS_PER_BATCH)
        return sizes[sizes > 0]

    @property
    def rolls(self):
        """Return int64[batch, month, segment, product, from, to, (count, balance)] of the batches in use."""
        return self.sums.rolls[: len(self.batch_sizes)]

    @property
    def vintages(self):
        """Return int64[batch, entry month, month, segment, product, name] of the batches in use."""
        return self.sums.vintages[: len(self.batch_sizes)]

    @property
    def ratings(self):
        """Return int64[batch, segment, product, kind, class, (observed, defaulted)] of the batches in use."""
        return self.sums.ratings[: len(self.batch_sizes)]

    @cached_property
    def own_share(self):
        """Return float64[month, segment, product]: the share of the open book that is not a partner's."""
        return own_share(self.settlement.transfers, self["balance"].shape[1:])

    @cached_property
    def _transferred(self):
        """Return {name: int64[replication, month, segment, product]} of what insurers and partners take."""
        return settle(self.settlement.transfers, self.__getitem__, self.settlement.funding_rate)

    @cached_property
    def _settled(self):
        """Return {name: int64[replication, month, segment, product]}, each cell rounded to a whole minor unit.

        Rounded here, once, so that totals are sums of their cells and the identities stay exact; one product
        and one `rint` in float64 are correctly rounded by IEEE 754, so every machine gives the same integers.
        """
        price = self.settlement
        balance, accounts = self["balance"], self["n_accounts"]
        before, served = np.zeros_like(balance), np.zeros_like(accounts)
        before[:, 1:] = balance[:, :-1]
        # Whoever was open at the start or joined was served this month, whatever became of them.
        served[:, 1:] = accounts[:, :-1]
        served += self["n_granted"]
        idle = self["n_idle"]
        lending = np.arange(balance.shape[1]) <= self.frame.months
        on_line = self["new_credit"] * (np.arange(N_PRODUCT) == LINE)
        funded = before + balance
        funded[:, 0] = 0
        lines = {
            "merchant_discount": on_line * price.merchant_discount,
            "funding_cost": funded * (price.funding_rate / 24),  # a twelfth of the year, the mean of two balances
            "operating_cost": (served - idle) * price.operating_cost,
            "idle_cost": idle * lending[:, None, None] * price.idle_cost,
            "acquisition_cost": self["n_granted"] * price.acquisition_cost,
            "reminder_cost": self["n_reminded"] * price.reminder_cost,
            "report_cost": self["n_reported"] * price.report_cost,
        }
        return {name: np.rint(line).astype(np.int64) for name, line in lines.items()}


def check_identities(ledger: Ledger) -> None:
    """Raise IdentityError at the first identity that fails: which, where, and both of its sides."""
    for name, left, right in _identities(ledger):
        wrong = np.argwhere(left != right)
        if len(wrong) == 0:
            continue
        *replication, month, segment, product = (int(k) for k in wrong[0])
        where = f"replication {replication[0]}" if replication else "all replications"
        cell = tuple(wrong[0])
        raise IdentityError(
            f"identity '{name}' fails in variant '{ledger.variant}', segment '{ledger.frame.segments[segment]}', "
            f"product '{PRODUCTS[product]}', month {month}, {where}: {left[cell]} is not {right[cell]} "
            f"({len(wrong)} cells differ)"
        )


def _identities(ledger):
    """Yield (name, left, right), int64 arrays whose last axes are month, segment, product; month 0 is whole."""

    def now(name):
        return ledger[name]

    def before(name):
        """Return the stock at the start of the month; for month 0 the stock itself, which nothing has moved yet."""
        stock = ledger[name]
        return np.concatenate([stock[:, :1], stock[:, :-1]], axis=1)

    yield (
        "open book",
        before("balance") + now("new_credit") + now("interest") + now("fees"),
        now("balance") + now("paid") + now("forgiven") + now("written_off") + now("sold_open"),
    )
    yield (
        "written-off book",
        before("balance_written_off_book") + now("written_off"),
        now("balance_written_off_book") + now("recovered") + now("sold_written_off") + now("expired"),
    )
    exits = ("n_paid_off", "n_closed_at_zero", "n_written_off", "n_sold_open")
    came = now("n_granted") + _lines_only(now("n_regranted"))
    yield "accounts", before("n_accounts") + came, now("n_accounts") + sum(now(name) for name in exits)
    change = now("balance") - before("balance")
    gross_cash = now("gross_cash") - now("funding_cost")
    yield "gross profit is gross cash and the change of the open balance", now("gross_profit"), gross_cash + change
    change = now("own_balance") - before("own_balance")
    yield "profit is cash and the change of the open balance", now("profit"), now("cash") + change
    yield "bad debt by cause", sum(now(f"bad_debt_{cause}") for cause in CAUSES), now("net_loss")
    for name in ("n_missed", "n_dpd30", "n_dpd90"):
        yield f"{name} by cause", sum(now(f"{name}_{cause}") for cause in CAUSES), now(name)
    yield from _limits(now, before)
    yield from _roll_identities(ledger)


def _limits(now, before):
    """Yield (name, the lesser of both, part) for what is part of something else: equal, or the part is too large."""

    def most(part, whole):
        return np.minimum(part, whole), part

    for part, whole in PARTS.items():
        yield f"{part} is part of {whole}", *most(now(part), now(whole))
    closed = before("n_closed") + now("n_closures") + now("n_closed_by_customer") + now("n_closed_idle")
    yield "n_closed is left of those closed", *most(now("n_closed"), closed)
    left = now("n_written_off_book") + now("n_sold_written_off") + now("n_expired")
    yield "written-off accounts", *most(left, before("n_written_off_book") + now("n_written_off"))
    for begun in ("n_plans", "n_settlements"):
        ended, of = (now(f"{begun}_kept") + now(f"{begun}_broken")).cumsum(axis=1), now(begun).cumsum(axis=1)
        yield f"{begun}_kept and {begun}_broken end {begun}", *most(ended, of)
    trials, failed = (now(name).cumsum(axis=1) for name in ("n_trials", "n_trials_failed"))
    yield "n_trials_failed end n_trials", *most(failed, trials)


def _lines_only(counts):
    """Return `counts` [..., product] with those of loan facilities, which are no accounts, set to 0."""
    return counts * (np.arange(N_PRODUCT) == LINE)


def _roll_identities(ledger):
    """Yield (name, left, right), int64[month, segment, product] over all replications.

    Month 0 has no moves, so stocks at the end of a month are compared from month 1 on.
    """
    rolls = ledger.rolls.sum(axis=0)
    count, balance = rolls[..., 0], rolls[..., 1]

    def after(name):
        stock = ledger[name].sum(axis=0)
        stock[0] = 0
        return stock

    def before(name):
        stock = ledger[name].sum(axis=0)
        return np.concatenate([np.zeros_like(stock[:1]), stock[:-1]])

    for first, suffix in ((0, None), (1, "dpd30"), (2, "dpd60"), (3, "dpd90")):
        accounts = f"n_{suffix}" if suffix else "n_accounts"
        amount = f"balance_{suffix}" if suffix else "balance"
        yield f"rows of the roll matrix: {accounts}", count[..., first:BUCKETS, :].sum(axis=(-1, -2)), before(accounts)
        yield f"columns of the roll matrix: {accounts}", count[..., first:BUCKETS].sum(axis=(-1, -2)), after(accounts)
        yield f"columns of the roll matrix: {amount}", balance[..., first:BUCKETS].sum(axis=(-1, -2)), after(amount)
    came = after("n_granted") + _lines_only(after("n_regranted"))
    yield "row 'arrived' of the roll matrix", count[..., ARRIVED, :].sum(axis=-1), came
    for to, name in (
        (TO_PAID_OFF, "n_paid_off"),
        (TO_CLOSED_AT_ZERO, "n_closed_at_zero"),
        (TO_WRITTEN_OFF, "n_written_off"),
        (TO_SOLD, "n_sold_open"),
    ):
        yield f"column of the roll matrix: {name}", count[..., to].sum(axis=-1), after(name)
    for to, name in ((TO_WRITTEN_OFF, "written_off"), (TO_SOLD, "sold_open"), (TO_FORGIVEN, "forgiven")):
        yield f"column of the roll matrix: {name}", balance[..., to].sum(axis=-1), after(name)


def result_digest(variants: list[tuple[str, Sums]]) -> str:
    """Return the SHA-256 over every stored array of every variant, in order, as hexadecimal text.

    Each array goes in as name, shape and little-endian int64 in C order, so the digest is the same on all hosts.
    """
    digest = sha256()
    for variant, sums in variants:
        for name, array in zip(sums._fields, sums, strict=True):
            digest.update(f"{variant}/{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype="<i8").data)
    return digest.hexdigest()

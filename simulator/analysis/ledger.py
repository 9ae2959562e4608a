"""Names for what the kernel has added up, the lines settled from it, and the identities that must hold.

Everything here is int64 in minor units or counts. Months run from 0 (opening stocks) to `RunFrame.horizon`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

import numpy as np

from simulator.model.layout import (
    CAUSES,
    F_NEW_CREDIT,
    FLOWS,
    LINE,
    N_FLOWS,
    N_PRODUCT,
    SUMS_PER_BATCH,
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
    names: Mapping[str, str] = field(default_factory=dict, compare=False)  # of variants, as they are shown; by key

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


def is_count(name: str) -> bool:
    """Return whether a line counts accounts or what happens to them; all others are amounts in minor units."""
    return name.startswith("n_")


def components(name: str, whole: Collection[str] = ()) -> dict[str, int]:
    """Return {line: sign} of the lines that add up to line `name`, in order; those in `whole` are not taken apart."""
    lines = {**LINES, **TRANSFER_LINES}
    if name in whole or name not in lines:
        return {name: 1}
    return {part: outer * sign for line, outer in lines[name].items() for part, sign in components(line, whole).items()}


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

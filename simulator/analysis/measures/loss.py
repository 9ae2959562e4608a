"""Measures of what is lost, what is got back, and for what cause."""

from typing import NamedTuple

from simulator.analysis.measures.registry import (
    ACCOUNTS,
    FLOW,
    LATE,
    MONEY,
    STOCK,
    Measure,
    flow,
    flow_share,
    rate,
    stock,
    yearly,
)
from simulator.analysis.measures.tables import (
    ANSWER,
    BAD_DEBT,
    CELLS,
    CLOSURES,
    FLOWS,
    GOOD_CLOSURES,
    LOSS,
    LOSS_RATES,
    MEAN_DPD30,
    MEAN_DPD90,
    SWAPPED,
    SWAPS,
)
from simulator.analysis.measures.view import ratio, without_run_off
from simulator.model.layout import CAUSES


class Cause(NamedTuple):
    """What began a spell past due, in words."""

    label: str  # in tables
    because: str  # after what happened
    who: str  # after "borrowers who"


CAUSE_WORDS = {
    "unknown": Cause("not known", "for a reason not known", "fell behind for a reason not known"),
    "forgot": Cause("forgot", "because it was forgotten", "forgot a due"),
    "short": Cause("short of cash", "because cash was short while employed", "were short of cash"),
    "cannot": Cause("cannot pay", "because the borrower has no job", "cannot pay"),
    "will_not": Cause("will not pay", "because the borrower will not pay", "will not pay"),
}
YEARS = (12, 24, 36)  # the last months of the years after 90 days past due that are told apart
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


def lgd_economic(v):
    """Return 1 less what defaults bring afterwards per unit of their balance, both at their value today."""
    return 1 - ratio(v.present_value({"workout_cash": 1}), v.present_value({"default_balance": 1}))


def recovered_within(months):
    """Return the measure of what is paid so many months after 90 days past due, per unit of what was owed there."""

    def share(v):
        """Return it for a View; NaN where nothing is known of those months, as without a late stage."""
        paid = sum(v.flow(f"recovered_{year}") for year in YEARS if year <= months)
        return ratio(paid, v.flow("default_balance") * (paid > 0))

    return share


def by_cause(kind, name, unit, text, label, **options):
    """Return a flow or stock for each cause; `text` and `label` are what happened."""
    return tuple(
        kind(f"{name}_{cause}", unit, f"{text} {words.because}", label=f"{label}: {words.label}", short=words.label,
             **options)
        for cause, words in CAUSE_WORDS.items()
    )  # fmt: skip


def mean_stock(name, unit, text, **options):
    """Return the mean of a stock, named after `mean_`, over the ends of the window's months."""
    line = f"n_{name.removeprefix('mean_')}"
    return Measure(name, STOCK, unit, f"mean over months of {line}", f"{text}, on average over the window",
                   lambda v: v.mean(line), **options)  # fmt: skip


SECTIONS = {
    "Bad debt": (
        flow("net_loss", MONEY, "bad debt less what was got back for it",
             headline=True, shown_in={ANSWER: 1, LOSS: 1, CELLS: 1, SWAPPED: 6, SWAPS: 4}, own="own_net_loss"),
        rate("net_loss_per_opening_borrower", "net_loss / borrowers of the opening book",
             "net loss on a base that no policy can change",
             lambda v: ratio(v.flow("net_loss"), v.ledger.frame.borrowers),
             unit=f"{MONEY} per borrower", headline=True, shown_in={LOSS: 2}, monthly=False),
        yearly("net_charge_off_rate", "net_loss", "net loss a year on the average open balance",
               label="net charge-off rate a year", short="net charge-off rate",
               headline=True, shown_in={ANSWER: 2, LOSS: 3, CELLS: 2, LOSS_RATES: 1}),
        rate("bad_debt_rate", "Σ net_loss / (balance[start] + Σ new_credit)",
             "net loss over turnover: per unit lent, the opening balance included. Not a charge-off rate; read "
             "net_loss beside it",
             lambda v: ratio(v.flow("net_loss"), v.start("balance") + v.flow("new_credit")),
             label="bad-debt rate, of what is lent", short="bad-debt rate",
             headline=True, shown_in={LOSS: 4, LOSS_RATES: 2, SWAPPED: 5}, moved_by="lends more or less"),
        yearly("gross_charge_off_rate", "written_off", "written off a year on the average open balance",
               label="gross charge-off rate a year"),
        flow("written_off", MONEY, "open balance written off, interest and fees included",
             headline=True, shown_in={FLOWS: 2}),
        flow("written_off_principal", MONEY, "principal written off", label="principal written off"),
        flow("written_off_interest", MONEY, "interest written off", label="interest written off"),
        flow("written_off_fees", MONEY, "fees written off", label="fees written off"),
        flow("sold_open", MONEY, "open balance sold", label="open balance sold"),
        flow("sold_open_proceeds", MONEY, "price received for it", label="proceeds of open accounts sold"),
        flow("forgiven", MONEY, "forgiven at the start of repayment plans, and of open accounts that are settled",
             label="forgiven in plans and settlements"),
        flow("loss_on_sale", MONEY, "loss on the sale of open accounts",
             label="loss on sale of open accounts"),
        flow("recovered", MONEY, "collected after write-off", headline=True, shown_in={FLOWS: 3}),
        flow("recovered_open", MONEY, "collected the same way before write-off; part of paid, in no total",
             label="recovered before write-off"),
        flow("settlement_cash", MONEY, "of recovered and recovered_open: paid under settlements; in no total",
             label="paid under settlements"),
        *(flow(f"recovered_{year}", MONEY, f"paid in months {year - 11} to {year} after 90 days past due, on "
               "defaults of the run, open or written off; only with [behaviour.late]",
               label=f"paid in months {year - 11} to {year} after 90 days") for year in YEARS),
        *(rate(f"recovered_share_{year}", f"Σ of recovered_12 to recovered_{year} / Σ default_balance",
               f"paid within {year} months after 90 days past due, per unit of what was owed there. Debt that is sold "
               f"brings no more, and the defaults of the window's last {year} months not all: read it with run-off",
               recovered_within(year), monthly=False, label=f"recovered share, {year} months after 90 days",
               moved_by="sells debt") for year in YEARS),
        flow("sold_written_off", MONEY, "written-off balance sold", label="written-off balance sold"),
        flow("sold_written_off_proceeds", MONEY, "price received for it",
             label="proceeds of written-off accounts sold"),
        flow("expired", MONEY, "written-off balance whose claim expired, or was given up in a settlement",
             label="claims expired or given up"),
        rate("recovery_rate", "(Σ recovered + Σ sold_written_off_proceeds) / Σ written_off",
             "got back after write-off, per unit written off in the same window",
             lambda v: ratio(v.flow("recovered") + v.flow("sold_written_off_proceeds"), v.flow("written_off")),
             moved_by="writes off or sells earlier or later"),
        rate("lgd", "(Σ net_loss - Σ opening_net_loss) / Σ default_balance",
             "net loss on the window's defaults per unit of their balance at default, not discounted; whole only once "
             "their recoveries are in the window, so read it with run-off",
             lambda v: ratio(v.flow("net_loss") - v.flow("opening_net_loss"), v.flow("default_balance")),
             monthly=False, label="loss given default"),
        rate("lgd_economic", "1 - Σ v^t × workout_cash / Σ v^t × default_balance, v = (1 + discount_rate)^(-1 / 12)",
             "loss on the window's defaults, discounted: 1 less what they bring until they are cured, net of what "
             "they are lent and of the cost of contacts, commissions and courts, per unit of balance at default; read "
             "it with run-off",
             lgd_economic, monthly=False, label="loss given default, discounted"),
        flow("opening_net_loss", MONEY, "of the net loss: on accounts in default or written off at the opening"),
        flow("fraud_net_loss", MONEY, "of the net loss: on accounts granted to those who never pay",
             label="net loss by fraud"),
        flow_share("fraud_share", "fraud_net_loss", "net_loss", "share of the net loss that is fraud",
                   label="fraud, of the net loss", moved_by="sells or writes off debt earlier or later"),
        flow("workout_cash", MONEY, "what accounts bring after a default in the run, less new credit, contacts, "
             "commissions and recovery cost; cured, after probation, their balance counts as repaid, and as lent anew "
             "should they default again"),
        Measure("net_present_loss", FLOW, MONEY,
                "balance[start] + Σ (new_credit - paid - recovered - sold_open_proceeds - sold_written_off_proceeds "
                "+ commission + contact_cost + recovery_cost) / (1 + discount_rate)^(t / 12)",
                "present value of what is lent and not got back, interest paid included and gross of partners; unlike "
                "net_loss it does not depend on the date at which a balance is called lost. Only with run-off",
                lambda v: v.start("balance") + v.present_value(NOT_GOT_BACK),
                monthly=False, reason=without_run_off),
        rate("ead", "Σ default_balance / Σ n_default",
             "mean balance of an account when it defaults for the first time",
             lambda v: ratio(v.flow("default_balance"), v.flow("n_default")), unit=f"{MONEY} per account",
             label="exposure at default"),
    ),
    "Bad debt and closures by cause": (
        *by_cause(flow, "bad_debt", MONEY, "net loss on debt overdue", "net loss", shown_in={BAD_DEBT: 1}),
        *by_cause(flow, "n_closures", ACCOUNTS, "accounts closed for lateness that came about", "closures",
                  shown_in={CLOSURES: 1}),
        *by_cause(flow, "n_closures_good", ACCOUNTS, "of them, those of the better half by quality, closed",
                  "good customers closed", shown_in={GOOD_CLOSURES: 1}),
        *by_cause(flow, "n_missed", ACCOUNTS, "dues of current accounts missed", "dues missed"),
        *by_cause(stock, "n_dpd30", ACCOUNTS, "accounts 30 or more days past due", "30+ accounts", moved_by=LATE),
        *by_cause(stock, "n_dpd90", ACCOUNTS, "accounts 90 or more days past due", "90+ accounts", moved_by=LATE),
        *by_cause(mean_stock, "mean_dpd30", ACCOUNTS, "accounts 30 or more days past due", "mean 30+ accounts",
                  shown_in={MEAN_DPD30: 1}, moved_by=LATE),
        *by_cause(mean_stock, "mean_dpd90", ACCOUNTS, "accounts 90 or more days past due", "mean 90+ accounts",
                  shown_in={MEAN_DPD90: 1}, moved_by=LATE),
    ),
}  # fmt: skip

assert set(CAUSE_WORDS) == set(CAUSES)

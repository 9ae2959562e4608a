"""Measures of who is late, and of what becomes of late accounts."""

from simulator.analysis.accounting.loss_chain import bucket_balance
from simulator.analysis.measures.registry import (
    ACCOUNTS,
    FLOW,
    LATE_SHARE,
    MONEY,
    Measure,
    flow,
    flow_share,
    rate,
    stock_share,
)
from simulator.analysis.measures.tables import ANSWER, DELINQUENCY, SWAPPED, SWAPS
from simulator.analysis.measures.view import ratio

DEFAULTING = (
    "share of all accounts, opening and granted, that default for the first time (90 days past due, or before that a "
    "loss, by write-off, by sale below the balance or by forgiveness)"
)
GRANTING = "grants more or fewer accounts, or writes off, sells or forgives before 90 days past due,"


def dpd_share(days, of, **options):
    """Return the share of accounts (`of` is "count") or of balance that is so many days past due."""
    late, whole, what = {
        "count": (f"n_dpd{days}", "n_accounts", "accounts"),
        "balance": (f"balance_dpd{days}", "balance", "balance"),
    }[of]
    missed = " (at least one due missed)" if days == 30 else ""
    text = f"share of {what} {days} or more days past due{missed}"
    options |= {"label": f"{days}+ share of {what}", "moved_by": LATE_SHARE}
    return stock_share(f"dpd{days}_share_{of}", late, whole, text, **options)


def dpd1_29(of):
    """Return the share of accounts (`of` is "count") or of balance that is 1 to 29 days late on the reporting day."""
    late, whole, what = {
        "count": ("n_dpd1", "n_accounts", "accounts"),
        "balance": ("balance_dpd1", "balance", "balance"),
    }[of]
    text = (
        f"share of {what} 1 to 29 days past due on the reporting day of the month: the due was missed and not paid by "
        "that day. By the end of the month it is paid, or 30 days late and in dpd30"
    )
    return rate(f"dpd1_29_share_{of}", f"{late}[at] / {whole}[at]", text, lambda v: ratio(v.at(late), v.at(whole)),
                label=f"1-29 share of {what} on the reporting day", moved_by=LATE_SHARE,
                of_reporting_day=True, shown_in={DELINQUENCY: 1})  # fmt: skip


def dpd90_179():
    """Return the share of balance that platforms which write off at 180 days call 90+."""

    def late(ledger):
        return ledger.once(bucket_balance)[..., 3:6].sum(axis=-1)

    def book(ledger):
        return ledger.once(bucket_balance).sum(axis=-1)

    text = "share of balance 90 to 179 days past due: what platforms that write off at 180 days call 90+"
    return rate("dpd90_179_share_balance", "balance in buckets 3, 4 and 5[at] / balance[at]", text,
                lambda v: ratio(v.at(late), v.at(book)), moved_by=LATE_SHARE, opening=True,
                label="share of balance 90 to 179 days past due")  # fmt: skip


def roll(name, start, words):
    """Return the roll rate of accounts from bucket `start` to worse."""
    formula = f"Σ rolls[{start} → worse, written off or sold] / Σ rolls[{start} → any]"
    text = f"share of accounts {words} that are in a worse bucket, written off or sold a month later"
    label = f"roll rate {name.removeprefix('roll_').replace('_', ' ')}"
    return rate(name, formula, text, lambda v: ratio(*v.roll(start)), label=label)


def net_flow(name, start, words, later):
    """Return the roll rate that stocks of bucket `start` and the next one show."""
    formula = (
        f"Σ (balance in bucket {start + 1}[end of month] + rolls[{start} → written off or sold]) / "
        f"Σ balance in bucket {start}[start of month]"
    )
    text = f"balance {later} at the end of a month, of the balance {words} at its start: the roll rate that stocks show"
    label = f"net flow rate {name.removeprefix('net_flow_').replace('_', ' ')}"
    return rate(name, formula, text, lambda v: ratio(*v.net_flow(start)), label=label)


SECTIONS = {
    "Delinquency": (
        dpd1_29("count"),
        dpd1_29("balance"),
        dpd_share(30, "count", headline=True, shown_in={DELINQUENCY: 1}),
        dpd_share(30, "balance", headline=True, shown_in={ANSWER: 3, DELINQUENCY: 1}),
        dpd_share(60, "count"),
        dpd_share(60, "balance"),
        dpd_share(90, "count", headline=True, shown_in={DELINQUENCY: 1}),
        dpd_share(90, "balance", headline=True, shown_in={DELINQUENCY: 1}),
        dpd90_179(),
        stock_share("npl_ratio", "balance_dpd90", "balance", "what supervisors call dpd90_share_balance",
                    moved_by=LATE_SHARE, label="NPL ratio"),
        Measure("npl_formation", FLOW, MONEY,
                "Σ rolls[0 to 2 → 3 or worse, written off, sold or forgiven], by balance",
                "balance that became 90+ days past due, cures not taken off; what was written off, sold or forgiven "
                "before that counts, so that selling or writing off earlier does not hide it",
                lambda v: v.became_bad(), label="NPL formation"),
        rate("default_rate", "Σ n_default[to at] / (n_accounts[start] + Σ n_granted)",
             f"{DEFAULTING} within the months of lending: no month of the run-off counts",
             lambda v: ratio(v.until_at("n_default"), v.start("n_accounts") + v.flow("n_granted")),
             label="default rate (first 90+ or an earlier loss)", headline=True, shown_in={DELINQUENCY: 2},
             moved_by=GRANTING),
        rate("lifetime_default_rate", "Σ n_default / (n_accounts[start] + Σ n_granted)",
             f"{DEFAULTING}, months of the run-off included",
             lambda v: ratio(v.flow("n_default"), v.start("n_accounts") + v.flow("n_granted")),
             label="default rate, run-off included", shown_in={DELINQUENCY: 2, SWAPPED: 4, SWAPS: 2},
             moved_by=GRANTING),
        flow("n_first_30", ACCOUNTS, "accounts that reach 30 days past due for the first time", label="first time 30+"),
        flow("n_first_payment_30", ACCOUNTS, "accounts granted since the opening that reach 30 days past due on their "
             "first due: that of the month after the grant, or the first of those that never meant to pay it",
             label="first-payment defaults (30+)"),
        flow_share("first_payment_default_rate", "n_first_payment_30", "n_granted",
                   "share of the accounts granted that reach 30 days past due on their first due",
                   label="first-payment default rate", moved_by="grants to others"),
        flow("n_default", ACCOUNTS, "accounts that default for the first time", label="defaults",
             shown_in={SWAPPED: 2}),
    ),
    "Payment and collection": (
        flow_share("day1_rate", "n_missed", "n_due", "share of dues of current accounts not paid at the due date",
                   label="missed at the due date"),
        flow_share("collected_7_rate", "n_cured_7", "n_missed", "share of those paid within 7 days",
                   moved_by="keeps dues from being missed", label="collected within 7 days"),
        flow_share("collected_30_rate", "n_cured_30", "n_missed", "share of those paid within 30 days",
                   moved_by="keeps dues from being missed", label="collected within 30 days"),
        roll("roll_current_to_30", 0, "not past due"),
        roll("roll_30_to_60", 1, "30-59 days past due"),
        roll("roll_60_to_90", 2, "60-89 days past due"),
        roll("roll_90_to_120", 3, "90-119 days past due"),
        rate("cure_rate", "Σ rolls[1 to 3 → 0 or repaid] / Σ rolls[1 to 3 → 0, repaid, 4 or worse, written off, sold]",
             "share of accounts paid up of those that stop being 30-119 days past due; the others go on to 120 days, "
             "are written off or sold. A repayment plan that begins counts as paid up: read redefault_rate with it",
             lambda v: ratio(*v.cured())),
        net_flow("net_flow_current_to_30", 0, "not past due", "30-59 days past due"),
        net_flow("net_flow_30_to_60", 1, "30-59 days past due", "60-89 days past due"),
        net_flow("net_flow_60_to_90", 2, "60-89 days past due", "90-119 days past due"),
        net_flow("net_flow_90_to_120", 3, "90-119 days past due", "120-149 days past due"),
        net_flow("net_flow_120_to_150", 4, "120-149 days past due", "150-179 days past due"),
        flow("n_reminded", ACCOUNTS, "reminders that arrived", label="reminders that arrived"),
        flow("n_missed_short_high_use", ACCOUNTS,
             "dues of current lines missed because cash was short while employed, by borrowers whose usual spending "
             "in a month is half of the limit as granted or more: fixed at entry, so no limit policy moves it",
             label="dues missed: short of cash, high use"),
        flow("outside_used", MONEY, "dues paid from credit elsewhere", label="dues paid from credit elsewhere"),
        flow("outside_refused", MONEY, "what borrowers on record at the credit bureau were short of and would have "
             "paid from credit elsewhere", label="credit elsewhere refused"),
    ),
}  # fmt: skip

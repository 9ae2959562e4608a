"""Measures of the book: its accounts and limits, plans, contacts, and new business."""

from simulator.analysis.measures.registry import (
    ACCOUNTS,
    BOOK,
    FLOW,
    MONEY,
    Measure,
    flow,
    flow_share,
    rate,
    stock,
    yearly,
)
from simulator.analysis.measures.tables import FLOWS, SWAPPED, SWAPS
from simulator.analysis.measures.view import ratio
from simulator.model.layout import LEVELS, LINE

SECTIONS = {
    "Book": (
        stock("n_accounts", ACCOUNTS, "open accounts, frozen and closed ones with a balance included"),
        stock("balance", MONEY, "open balance"),
        rate("mean_balance", "balance[at] / n_accounts[at]", "open balance per account",
             lambda v: ratio(v.at("balance"), v.at("n_accounts")), unit=f"{MONEY} per account", moved_by=BOOK,
             opening=True),
        rate("utilisation", "balance of lines[at] / limit of lines that may still borrow[at]",
             "use of the limits; frozen and closed lines have a balance but no limit here",
             lambda v: ratio(v.at("balance", LINE), v.at("limit", LINE)), moved_by="cuts or raises limits, or freezes",
             opening=True),
        rate("balance_left", "balance[end] / balance[start]", "open balance at the end of the window, of its start",
             lambda v: ratio(v.end("balance"), v.start("balance")), monthly=False, moved_by=BOOK,
             label="share of balance left"),
        stock("n_frozen", ACCOUNTS, "frozen accounts", label="frozen accounts"),
        stock("n_closed", ACCOUNTS, "closed accounts that still owe: what is left of those closed",
              label="closed accounts that still owe"),
        stock("n_written_off_book", ACCOUNTS, "accounts in the written-off book", label="written-off accounts"),
        stock("balance_written_off_book", MONEY, "balance of the written-off book", label="written-off balance"),
        flow("n_idle", ACCOUNTS, "lines that owe nothing at the start of the month nor after it",
             label="idle accounts"),
        flow("n_limit_cut", ACCOUNTS, "limit cuts", label="limit cuts"),
        flow("n_limit_raised", ACCOUNTS, "limit raises", label="limit raises"),
        flow("n_reported", ACCOUNTS, "borrowers reported to the credit bureau who were not on record",
             label="borrowers reported"),
        flow("n_regranted", ACCOUNTS, "closed accounts opened again", label="accounts opened again"),
        flow("n_closures", ACCOUNTS, "accounts closed for lateness or with the borrower's other account, all causes",
             "Σ n_closures by cause"),
        flow("n_closed_by_customer", ACCOUNTS, "lines closed at the customer's wish",
             label="lines closed by customers"),
        flow("n_closed_idle", ACCOUNTS, "lines closed because nobody used them", label="idle lines closed"),
        flow("n_closures_good", ACCOUNTS, "of them, accounts of the better half by quality, which no lender sees",
             "Σ n_closures_good by cause", label="good customers closed"),
        flow("claimable", MONEY, "balance of accounts that reach the insurer's trigger, or bring a loss before it; "
             "again only after they were current", label="claimable balance"),
    ),
    "Loans repaid early, bills in instalments": (
        flow("n_settled_early", ACCOUNTS, "loans repaid before their term", label="loans repaid early"),
        flow("settled_early", MONEY, "of paid: what loans repaid early paid beyond the due",
             label="repaid early"),
        yearly("early_settlement_rate", "settled_early", "repaid early a year on the average open balance"),
        flow("n_conversions", ACCOUNTS, "bills of lines turned into instalments", label="bills converted"),
        flow("converted", MONEY, "amount of these bills turned into instalments", label="amount converted"),
        flow("conversion_fees", MONEY, "of fees: those of bills in instalments", label="fees of converted bills"),
    ),
    "Repayment plans": (
        flow("n_plans", ACCOUNTS, "plans begun"),
        flow("n_plans_kept", ACCOUNTS, "plans kept to the end"),
        flow("n_plans_broken", ACCOUNTS, "plans broken: re-default"),
        flow_share("redefault_rate", "n_plans_broken", "n_plans", "plans broken, of plans begun",
                   moved_by="offers plans to others or later"),
    ),
    "Collection ladder": (
        *(flow(f"n_contacts_{level}", ACCOUNTS, f"contacts: {level}", label=f"contacts: {level}")
          for level in LEVELS),
        flow("n_contacts_wanted", ACCOUNTS, "contacts of all levels if every missed due could be worked"),
        *(flow(f"n_collected_{level}", ACCOUNTS, f"dues paid on a contact: {level}", label=f"dues collected: {level}")
          for level in LEVELS),
        *(flow(f"collected_{level}", MONEY, f"paid on a contact: {level}", label=f"amount collected: {level}")
          for level in LEVELS),
    ),
    "New business": (
        flow("new_credit", MONEY, "spending on lines and loans drawn", headline=True, shown_in={FLOWS: 1}),
        rate("approval_rate", "1 - Σ n_declined / Σ n_applied", "share of applications granted",
             lambda v: 1 - ratio(v.flow("n_declined"), v.flow("n_applied")), headline=True, shown_in={FLOWS: 4}),
        flow("n_applied", ACCOUNTS, "applications", label="applications"),
        flow("n_declined", ACCOUNTS, "applications declined", label="applications declined"),
        flow("n_not_taken_up", ACCOUNTS, "applications granted that the applicant did not want at that price",
             label="offers not taken up"),
        flow("n_granted", ACCOUNTS, "lines granted and loans drawn", label="accounts granted", short="granted",
             shown_in={SWAPPED: 1, SWAPS: 1}),
        Measure("n_never_default", FLOW, ACCOUNTS, "Σ n_granted - Σ n_default_granted",
                "accounts granted since the opening less those of them that default: the good business",
                lambda v: v.flow("n_granted") - v.flow("n_default_granted"), label="never default",
                shown_in={SWAPPED: 3, SWAPS: 3}, monthly=False),
        flow("n_default_granted", ACCOUNTS, "of n_default: accounts granted since the opening",
             label="defaults of accounts granted"),
    ),
}  # fmt: skip

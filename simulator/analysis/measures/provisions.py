"""Measures of the book as supervisors and accountants see it: five classes, stages, allowances."""

from typing import Any

import numpy as np

from simulator.analysis.accounting.cecl import cecl_allowance, lifetime_loss
from simulator.analysis.accounting.five_class import ABOVE, CLASSES, class_balance
from simulator.analysis.accounting.ifrs9 import ifrs9_allowance, opening_ecl, stage_balance, stage_loss
from simulator.analysis.accounting.loss_chain import bucket_balance
from simulator.analysis.measures.registry import FLOW, LATE_SHARE, MONEY, STOCK, Measure, rate, yearly
from simulator.analysis.measures.tables import ALLOWANCES, CARD_CLASSES, GENERAL_CLASSES, PROVISIONS, STAGES, VALUE
from simulator.analysis.measures.view import ratio

CLASS_TABLES = {"general": GENERAL_CLASSES, "card": CARD_CLASSES}


def five_class_share(rule, name):
    """Return the share of balance in one of the five classes under a rule."""
    words, bounds, k = name.replace("_", " "), ABOVE[rule], CLASSES.index(name)
    days = f"{bounds[k - 1] + 1} to {bounds[k]}" if k < len(bounds) else f"more than {bounds[-1]}"
    text = f"share of balance classed {words} under the {rule} rule: {days} days past due"

    def cells(ledger):
        return class_balance(ledger, rule, name)

    def open_cells(ledger):
        return ledger.once(bucket_balance).sum(axis=-1)

    return rate(f"{rule}_{name}_share", f"{rule}_{name}[at] / balance[at]", text,
                lambda v: ratio(v.at(cells), v.at(open_cells)), label=f"{words}, {rule} rule", short=words,
                shown_in={CLASS_TABLES[rule]: 1}, moved_by=LATE_SHARE, opening=True)  # fmt: skip


def stage(number, formula, text, label):
    """Return the balance of one stage."""

    def cells(ledger):
        return stage_balance(ledger, number)

    return Measure(f"stage{number}_balance", STOCK, MONEY, formula, text, lambda v: v.at(cells),
                   label=f"stage {number}, {label}", shown_in={STAGES: 1}, moved_by=LATE_SHARE,
                   opening=True)  # fmt: skip


def ecl(name, formula, text, per_unit, number=None, **options):
    """Return the expected credit loss of the opening book, of one stage or of all."""

    def function(v):
        by_stage = opening_ecl(v.ledger, per_unit)
        return by_stage.sum(axis=-1) if number is None else by_stage[:, number - 1]

    return Measure(name, STOCK, MONEY, formula, text, function, monthly=False, **options)


def allowance(name, words, cells, first, profit):
    """Return the measures of one way to provide; `cells(ledger)` is the allowance.

    They stand in the table of allowances from rank `first` on; `profit` is where profit after provisions is shown.
    """
    line = f"allowance_{name}"
    growth = f"{line}[end] - {line}[start]"
    options: dict[str, Any] = {"moved_by": LATE_SHARE, "opening": True}

    def grown(v):
        return v.end(cells) - v.start(cells)

    return (
        Measure(line, STOCK, MONEY, "Σ stages: own_balance[at] × coverage",
                f"allowance at the variant's own coverage, at the opening at the baseline's, {words}",
                lambda v: v.at(cells), label=f"allowance, {words}", shown_in={ALLOWANCES: first}, **options),
        Measure(f"provision_{name}", FLOW, MONEY, f"{growth} + Σ own_net_loss",
                f"charge for bad debt, {words}: change of the allowance and net loss",
                lambda v: grown(v) + v.flow("own_net_loss"), label=f"charge for bad debt, {words}"),
        Measure(f"profit_{name}", FLOW, MONEY, f"profit - ({growth})",
                f"profit with that charge in the place of the net loss, {words}",
                lambda v: v.flow("profit") - grown(v), label=f"profit after provisions, {words}", shown_in=profit),
        rate(f"coverage_{name}", f"{line}[at] / own balance_dpd90[at]",
             f"provision coverage: allowance of all stages per unit of non-performing balance, {words}",
             lambda v: ratio(v.at(cells), v.at(own_npl)), label=f"provision coverage of 90+, {words}",
             shown_in={ALLOWANCES: first + 1}, **options),
    )  # fmt: skip


def own_npl(ledger):
    """Return float64[replication, month, segment, product]: the lender's own part of 90+ balance.

    Without what insurers have paid for, as far as it is 90 days late. Less than a unit of the currency in a cell is
    what rounding leaves of full cover, and no balance to divide by.
    """
    own = ledger["balance_dpd90"] * ledger.own_share
    left = own - np.minimum(ledger["insurer_balance"], own)
    return np.where(left < ledger.frame.minor_units, 0, left)


SECTIONS = {
    "Five classes": tuple(five_class_share(rule, name) for rule in ABOVE for name in CLASSES[1:]),
    "Stages, expected credit loss, allowances": (
        stage(1, "balance[at] - balance_dpd30[at] - balance_watched[at] - balance_probation[at] in bucket 0",
              "balance in stage 1: nothing past due by 30 days, nor restructured in the last twelve months",
              "less than 30 days past due"),
        stage(2, "balance_dpd30[at] - balance_dpd90[at] + balance_watched[at] - balance_probation[at] in buckets 1 "
              "and 2",
              "balance in stage 2: 30 to 89 days past due, or restructured in the last twelve months",
              "30 to 89 days"),
        stage(3, "balance_dpd90[at] + balance_probation[at]",
              "balance in stage 3: 90 or more days past due, or in default until less than three months ago",
              "90 days and more"),
        ecl("ecl_ifrs9", "Σ buckets: balance (of lines accounts) × expected loss, at the opening",
            "expected credit loss of the opening book: of the next twelve months' defaults in stage 1, lifetime in "
            "stages 2 and 3; of lines with what is drawn before default, in stage 2 over the behavioural life; "
            "discounted at the effective rate, from the roll matrices of this variant's run", stage_loss,
            label="expected credit loss at the opening, IFRS 9", shown_in={PROVISIONS: 2}),
        *(ecl(f"ecl_stage{k}", f"stage {k} of ecl_ifrs9", f"its part in stage {k}", stage_loss, k,
              label=f"expected credit loss at the opening, stage {k}") for k in (1, 2, 3)),
        ecl("ecl_cecl", "Σ buckets: balance × lifetime loss, at the opening",
            "expected credit loss of the opening book, lifetime from the first day; nothing for what may be drawn",
            lifetime_loss, label="expected credit loss at the opening, CECL", shown_in={PROVISIONS: 3}),
        *allowance("ifrs9", "IFRS 9", ifrs9_allowance, 1, profit={PROVISIONS: 1}),
        *allowance("cecl", "CECL", cecl_allowance, 3, profit={ALLOWANCES: 5}),
        yearly("return_on_average_assets", "profit", "profit before tax a year on the lender's average open balance",
               of="own_balance", label="return on average assets a year", shown_in={VALUE: 3}),
    ),
}  # fmt: skip

"""The registry of measures: each stated once, with formula, unit, words, label, and the tables that show it.

A file for each field, with its sections; docs/measures.md is generated from all of them. A formula is written once
against a `View`, which can be one window of the whole book (a number per replication) or every month, or every cell of
it apart. Amounts leave this package in the currency, not in its minor unit.

A new measure is one entry in the file of its field, from `stock`, `flow`, `rate` and the like of `registry`; then
`simulator measures --markdown > docs/measures.md`. Nothing else names it, unless it is to.
"""

from simulator.analysis.ledger import RunFrame
from simulator.analysis.measures import book, delinquency, income, loss, provisions, risk, risk_transfer
from simulator.analysis.measures.registry import ACCOUNTS, MONEY, RATIO, SHARE, TAIL, Measure
from simulator.analysis.measures.tables import ANSWER
from simulator.analysis.measures.view import AXES, View, Window, windows
from simulator.analysis.tails import TAIL_LEVELS

__all__ = [
    "ACCOUNTS",
    "AXES",
    "MEASURES",
    "MONEY",
    "RATIO",
    "SECTIONS",
    "SHARE",
    "TAIL",
    "Measure",
    "View",
    "Window",
    "answer",
    "highest_tail",
    "measures_of",
    "shown_in",
    "windows",
]

SECTIONS = {
    heading: measures
    for of_field in (delinquency, loss, income, book, risk, provisions, risk_transfer)
    for heading, measures in of_field.SECTIONS.items()
}
MEASURES = {measure.name: measure for section in SECTIONS.values() for measure in section}


def measures_of(frame: RunFrame) -> dict[str, Measure]:
    """Return {name: Measure} of the measures that a run of this frame can state."""
    return {name: measure for name, measure in MEASURES.items() if measure.applies_to(frame)}


def shown_in(table: str) -> tuple[str, ...]:
    """Return the names of the measures that a table shows, of `tables`, in its order."""
    names = (name for name, measure in MEASURES.items() if table in measure.shown_in)
    return tuple(sorted(names, key=lambda name: MEASURES[name].shown_in[table]))


def answer(frame: RunFrame) -> tuple[str, ...]:
    """Return the measures that the answer is made of: the lender's own loss where others bear a part of it."""
    return tuple((frame.transfers and MEASURES[name].own) or name for name in shown_in(ANSWER))


def highest_tail(frame: RunFrame, kind: str, suffix: str = "") -> str | None:
    """Return the name of the "var" or "es" of the highest level that a run of this frame states, None if there is none.

    `suffix` is "" for the net loss, "_own" for what stays with the lender.
    """
    stated = measures_of(frame)
    names = [f"{kind}{100 * level:.0f}{suffix}" for level in reversed(TAIL_LEVELS)]
    return next((name for name in names if name in stated and not MEASURES[name].unstated(frame)), None)

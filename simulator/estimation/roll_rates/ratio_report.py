"""Cure, payment, utilisation, loss and vintage curves of a panel as tables for files and for the page."""

from collections.abc import Iterator
from typing import NamedTuple

from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.phrasing import vintage_words
from simulator.estimation.roll_rates.ratios import cure, full_payers, payment, recovery, utilisation
from simulator.estimation.roll_rates.survival import Vintage, vintage
from simulator.report.paper import Section, Table

RATIO_COLUMNS = ("product", "segment", "measure", "of", "value", "se", "low", "high", "n")
VINTAGE_COLUMNS = (
    *("product", "segment", "event", "months", "at_risk", "events"),
    *("kaplan_meier", "kaplan_meier_low", "kaplan_meier_high", "incidence", "incidence_low", "incidence_high"),
)
EVENTS = ("30+", "90+", "written_off")


class Ratio(NamedTuple):
    """One ratio of a product and segment, as in RATIO_COLUMNS."""

    product: str
    segment: str
    measure: str
    of: str  # a state or a bucket, or "" for all
    value: float
    se: float
    low: float
    high: float
    n: int


def ratios(panel: Panel) -> list[Ratio]:
    """Return every ratio that the tape tells."""
    found = []
    for group in panel.groups():
        for measure, of, estimate in _of_group(panel, group.accounts):
            if estimate is not None and estimate.value == estimate.value:  # NaN where there is nobody
                value, se, low, high = map(float, estimate[:4])
                found.append(Ratio(group.product, group.segment, measure, of, value, se, low, high, estimate.n))
    return found


def _of_group(panel: Panel, accounts) -> Iterator[tuple]:
    for bucket, estimate in cure(panel, accounts).items():
        yield "cured within a month", f"bucket {bucket}", estimate
    for state, paid in payment(panel, accounts).items():
        yield "paid over the bill before", state, paid.aggregate
        yield "median payment over the bill before", state, paid.median
        yield "share paying nothing", state, paid.paying_nothing
        yield "share paying in full", state, paid.paying_in_full
    yield "share paying in full", "", full_payers(panel, accounts)
    for state, use in utilisation(panel, accounts).items():
        yield "balance over limit", state, use.aggregate
        yield "share over the limit", state, use.over_limit
    if (lost := recovery(panel, accounts)) is not None:
        yield "loss given write-off, as far as watched", "", lost.lgd


def vintages(panel: Panel) -> list[tuple[str, str, Vintage]]:
    """Return the curves of each product and segment in which something happened."""
    names = [event for event in EVENTS if event != "written_off" or any(s.name == event for s in panel.states)]
    made = [
        (group.product, group.segment, vintage(panel, event, group.accounts, panel.opened))
        for group in panel.groups()
        for event in names
    ]
    return [(product, segment, curve) for product, segment, curve in made if len(curve.incidence.age)]


def vintage_rows(made: list[tuple[str, str, Vintage]]) -> Iterator[tuple]:
    """Yield the rows of vintages.csv, as VINTAGE_COLUMNS."""
    for product, segment, of in made:
        one, other = of.kaplan_meier, of.incidence
        for k in range(len(one.age)):
            counts = (int(one.age[k]), int(one.at_risk[k]), int(one.events[k]))
            shares = (one.share[k], one.low[k], one.high[k], other.share[k], other.low[k], other.high[k])
            yield (product, segment, of.event, *counts, *map(float, shares))


def section(found: list[Ratio], made: list[tuple[str, str, Vintage]]) -> Section:
    """Return the part of the page about them."""
    groups = {(ratio.product, ratio.segment) for ratio in found}
    tables = [
        _table(found, product, segment, cures, f"{product}, {segment}" if len(groups) > 1 else "")
        for product, segment in sorted(groups)
        for cures in (False, True)
    ]
    words = [
        line if len(groups) == 1 else f"{product.capitalize()}, {segment}: {line}"
        for product, segment, curve in made
        for line in vintage_words(curve)
    ]
    return Section(
        "Payment, cure, use, loss", list(dict.fromkeys(words)), (), [table for table in tables if table.rows]
    )


def _table(found: list[Ratio], product: str, segment: str, cures: bool, whose: str) -> Table:
    """Return a group's ratios, a row for each state after the month, or bucket before, and a column for each measure.

    There may be 16 states, and the measures are few: this way no page is too narrow.
    """
    own = [r for r in found if (r.product, r.segment) == (product, segment) and r.of.startswith("bucket") == cures]
    columns = list(dict.fromkeys(ratio.measure for ratio in own))
    rows: dict[str, dict[str, tuple[str, str]]] = {}
    for r in own:
        rows.setdefault(r.of or "all", {})[r.measure] = (f"{r.value:.1%}", f"{r.low:.1%} to {r.high:.1%}")
    cells = [(of, *(row.get(column, "") for column in columns)) for of, row in rows.items()]
    about = "By the bucket before the month." if cures else "By the state after the month; all states together."
    return Table((whose, *columns), cells, about)

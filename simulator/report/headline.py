"""The first screen of a comparison's page: the lenders in one table, what would change the answer, how sure it is."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from simulator.analysis.estimates import Difference
from simulator.analysis.measures import MEASURES, SHARE, answer
from simulator.language.catalogue import say
from simulator.report import phrasing
from simulator.report.certainty import Sources, sources
from simulator.report.changed import changes
from simulator.report.colours import of_lenders, themed

FIGURES = 3  # significant digits of the largest change in a column


class Bar(NamedTuple):
    """A change on the scale of its column, in per cent of the width: its interval, itself, and where zero is."""

    low: float
    high: float
    at: float
    zero: float


class Cell(NamedTuple):
    """A change in words with its 95 % interval, how sure its sign is, and how it is drawn."""

    value: str
    interval: str = ""
    sureness: str = ""
    bar: Bar | None = None


class Row(NamedTuple):
    """A lender: its name and what it is called, its colour, what it changes, and a cell for each measure."""

    name: str
    called: str
    colour: str
    changes: list[str]
    chance: str  # to be the best, in words; empty where that is not known
    cells: list[Cell]
    is_winner: bool = False


class Headline(NamedTuple):
    """What the first screen shows."""

    heads: list[tuple[str, str]]  # for each column a measure with its unit, and what it is
    rows: list[Row]  # variants, the best first; then the baseline with its levels
    flips: list[tuple[str, str, list[str]]]  # by horizon: who is best with every number at its value, what turns that
    sought: str  # with how many lives
    sources: Sources | None  # what the lead is uncertain of
    worth: str  # which numbers are most worth knowing; empty where that is not asked
    shares_scale: bool  # whether two columns, the value by both horizons, are drawn on one scale


def headline(comparison, tables: Mapping[str, Any]) -> Headline | None:
    """Return the first screen of a comparison, whose scenario has these tables; None where nothing is compared."""
    names = phrasing.stated(comparison, answer(comparison.frame))
    if not comparison.variants or not names:
        return None
    decisive = [name for name in phrasing.BOTH if name in names]
    names = [*decisive, *(name for name in names if name not in decisive)]
    columns = {name: _column(comparison, name) for name in names}
    changed, colours = comparison.told("changes"), of_lenders(comparison.ledgers)
    if changed is None:
        changed = changes(tables, comparison.policies)
    order = sorted(comparison.variants, key=lambda v: -comparison.difference(v, names[0]).value)
    winner = comparison.verdict().winner
    chances = comparison.chances_to_be_best()

    def chance(name: str) -> str:
        return phrasing.number(chances[name].value, chances[name].se, SHARE) if name in chances else ""

    def row(name: str, cells: list[Cell]) -> Row:
        called = phrasing.named(name, comparison.frame)
        return Row(
            name, called, themed(colours[name]), changed.get(name, []), chance(name), cells, is_winner=name == winner
        )

    rows = [row(name, [columns[measure][1][name] for measure in names]) for name in order]
    rows.append(row(comparison.baseline, [columns[measure][1][comparison.baseline] for measure in names]))
    by_measure, sought = comparison.would_change()
    flips = [(phrasing.label(measure), home, said) for measure, home, said in by_measure]
    return Headline(
        [(columns[name][0], say(MEASURES[name].text)) for name in names],
        rows,
        flips,
        sought,
        sources(comparison),
        comparison.worth_knowing(),
        len(decisive) > 1,
    )


def _column(comparison, measure: str) -> tuple[str, dict[str, Cell]]:
    """Return the head of a measure's column, and the cell of each lender: changes, and the baseline's level."""
    unit = MEASURES[measure].unit_in(comparison.frame)
    scaled = phrasing.in_one_scale(comparison, measure)
    moved = {name: [comparison.difference(v, name) for v in comparison.variants] for name in scaled}
    levels = {name: comparison.estimate(comparison.baseline, name) for name in scaled}
    of_levels = _largest([levels[name].value for name in scaled])
    factor, before, after = phrasing.scale_of(of_levels, 0.0, unit)
    decimals = _decimals(_largest([d.value for each in moved.values() for d in each]) * factor)
    ends = [end * factor for each in moved.values() for d in each for end in (d.low, d.high) if math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)

    def bar(d: Difference) -> Bar | None:
        if not (math.isfinite(d.low) and math.isfinite(d.high) and high > low):
            return None
        return Bar(*(100 * (x * factor - low) / (high - low) for x in (d.low, d.high, d.value, 0.0)))

    def cell(d: Difference) -> Cell:
        if not math.isfinite(d.value):
            return Cell("–")
        text = phrasing.plain(d.value * factor, decimals)
        within = (
            ""
            if d.low == d.high or not math.isfinite(d.low)
            else phrasing.between(*(phrasing.plain(end * factor, decimals) for end in (d.low, d.high)))
        )
        sign = "+" if d.value * factor > 0 and text.strip("0.") else ""
        return Cell(sign + text, within, phrasing.clarity(d), bar(d))

    cells = {v: cell(d) for v, d in zip(comparison.variants, moved[measure], strict=True)}
    level = levels[measure].value
    cells[comparison.baseline] = Cell(
        phrasing.plain(level * factor, _decimals(of_levels * factor)) if math.isfinite(level) else "–"
    )
    scale = say("%, changes in pp") if unit.startswith(SHARE) else phrasing.scale_in_words(before, after)
    head = phrasing.label(measure)
    return (say("{measure}, {scale}", measure=head, scale=scale) if scale else head), cells


def _largest(values) -> float:
    return max((abs(x) for x in values if math.isfinite(x)), default=0.0)


def _decimals(largest: float) -> int:
    """Return the decimals that give the largest number of a column FIGURES significant digits."""
    return min(4, max(0, FIGURES - 1 - math.floor(math.log10(largest)))) if largest > 0 else 0

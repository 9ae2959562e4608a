"""Several worlds side by side: who is best in each, who in all, and how each variant fares in them."""

from collections.abc import Mapping
from typing import NamedTuple

from simulator.analysis.comparison import Comparison, Verdict
from simulator.analysis.measures import MEASURES, answer
from simulator.analysis.worlds import VerdictInWorlds, effect, verdict_in
from simulator.policy.why import listed
from simulator.report import phrasing
from simulator.scenario.scenario import AS_WRITTEN

HORIZONS = {"npv": "lending ends", "npv_run_on": "customers go on"}  # by whose leaders a verdict may be undecided


class Cell(NamedTuple):
    """A number in words, its standard error, its interval, and how sure its sign is."""

    value: str
    error: str
    interval: str
    sureness: str


def called(world: str) -> str:
    """Return a world's name in words."""
    return "as written" if world == AS_WRITTEN else world


def where(world: str) -> str:
    """Return in which world, in words."""
    return called(world) if world == AS_WRITTEN else f"in {world}"


def verdict(worlds: Mapping[str, Comparison]) -> VerdictInWorlds:
    """Return the verdict in all worlds."""
    return verdict_in({name: comparison.verdict() for name, comparison in worlds.items()})


def in_words(found: VerdictInWorlds) -> str:
    """Return in one sentence who is the best in every world and how sure that is, or which world turns it."""
    names = ", ".join(map(called, found.by_world))
    if not found.turned_by and all(one.leader is None and not one.run_off for one in found.by_world.values()):
        return f"No winner is named in any world ({names}): {found.reason}."
    if found.winner:
        sure = phrasing.sureness(found.probability)
        return f"Best in every world ({names}): {found.winner}; as far as chance goes, {sure} sure in each."
    if found.leader:
        unclear = listed([where(name) for name, one in found.by_world.items() if not one.winner])
        return f"No winner is named in every world ({names}): {found.leader} leads in each, but not clearly {unclear}."
    told = [f"{best(one)} {where(name)}" for name, one in found.by_world.items()]
    return f"It depends on the world who is best: {'; '.join(told)}."


def best(found: Verdict) -> str:
    """Return who is best in a world, how clearly, or by which horizon who is."""
    if found.winner:
        return found.winner
    if found.leader:
        return f"{found.leader} (not clearly)"
    if found.run_off and found.run_on:
        both = zip(HORIZONS.values(), (found.run_off, found.run_on), strict=True)
        return " or ".join(f"{one.leader} (if {when})" for when, one in both)
    return "nobody"


def measures(worlds: Mapping[str, Comparison]) -> list[str]:
    """Return by what lenders are compared: net present value, by each horizon that all worlds have; else profit."""
    every = [phrasing.stated(comparison, phrasing.BOTH) for comparison in worlds.values()]
    return [name for name in phrasing.BOTH if all(name in stated for stated in every)] or ["profit"]


def matrix(worlds: Mapping[str, Comparison]) -> list[tuple[str, list[tuple[str, list[Cell]]]]]:
    """Return [(heading, [(what, a cell for each world)])]: how the variants fare, and what a world does by itself.

    By each measure of value the variants' differences from their references in the same world; then of the baseline its
    values as written, and the changes in the other worlds.
    """
    own = worlds[AS_WRITTEN]
    sections = []
    for name in measures(worlds) if own.variants else []:
        unit = MEASURES[name].unit_in(own.frame)
        rows = [
            (
                phrasing.called(own, variant),
                [_cell(comparison.difference(variant, name), unit) for comparison in worlds.values()],
            )
            for variant in own.variants
        ]
        sections.append((f"{phrasing.label(name)}: the variants’ changes in each world", rows))
    rows = []
    for name in phrasing.stated(own, answer(own.frame)):
        if all(phrasing.stated(comparison, [name]) for comparison in worlds.values()):
            unit = MEASURES[name].unit_in(own.frame)
            value, error = phrasing.apart(*own.estimate(own.baseline, name), unit)
            moved = [effect(there, own, name, own.baseline) for there in worlds.values() if there is not own]
            rows.append((phrasing.label(name), [Cell(value, error, "", ""), *(_cell(d, unit) for d in moved)]))
    return [*sections, (f"{own.baseline} as written, and what each world changes of it", rows)]


def _cell(d, unit) -> Cell:
    value, error = phrasing.apart(d.value, d.se, unit, difference=True)
    return Cell(value, error, phrasing.range_of(d, unit), phrasing.clarity(d))

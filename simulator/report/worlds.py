"""Several worlds side by side: who is best in each, who in all, and how each variant fares in them."""

from collections.abc import Mapping
from typing import NamedTuple

from simulator.analysis.comparison import Comparison, Verdict
from simulator.analysis.ledger import RunFrame
from simulator.analysis.measures import MEASURES, answer
from simulator.analysis.worlds import VerdictInWorlds, verdict_in
from simulator.language.catalogue import retold, say
from simulator.policy.why import listed
from simulator.report import phrasing
from simulator.scenario.scenario import AS_WRITTEN


class Cell(NamedTuple):
    """A number in words, its standard error, its interval, and how sure its sign is."""

    value: str
    error: str
    interval: str
    sureness: str


def called(world: str) -> str:
    """Return a world's name in words."""
    return say("as written") if world == AS_WRITTEN else world


def where(world: str) -> str:
    """Return in which world, in words."""
    return called(world) if world == AS_WRITTEN else say("in {world}", world=world)


def verdict(worlds: Mapping[str, Comparison]) -> VerdictInWorlds:
    """Return the verdict in all worlds."""
    return verdict_in({name: comparison.verdict() for name, comparison in worlds.items()})


def in_words(found: VerdictInWorlds, frame: RunFrame) -> str:
    """Return in one sentence who is the best in every world and how sure that is, or which world turns it."""
    names = phrasing.in_a_row(map(called, found.by_world))
    if not found.turned_by and all(one.leader is None and not one.run_off for one in found.by_world.values()):
        return say("No winner is named in any world ({worlds}): {reason}.", worlds=names, reason=retold(found.reason))
    if found.winner:
        return say(
            "Best in every world ({worlds}): {winner}; as far as chance goes, {sure} sure in each.",
            worlds=names,
            winner=phrasing.quoted(found.winner, frame),
            sure=phrasing.sureness(found.probability),
        )
    if found.leader:
        return say(
            "No winner is named in every world ({worlds}): {leader} leads in each, but not clearly {unclear}.",
            worlds=names,
            leader=phrasing.quoted(found.leader, frame),
            unclear=listed([where(name) for name, one in found.by_world.items() if not one.winner]),
        )
    told = [
        say("{best} {where}", best=best(one, frame, phrasing.quoted), where=where(name))
        for name, one in found.by_world.items()
    ]
    return say("It depends on the world who is best: {told}.", told=phrasing.joined(told))


def best(found: Verdict, frame: RunFrame, write=phrasing.named) -> str:
    """Return who is best in a world, how clearly, or by which horizon who is."""
    if found.winner:
        return write(found.winner, frame)
    if found.leader:
        return say("{leader} (not clearly)", leader=write(found.leader, frame))
    if found.run_off and found.run_on:
        return say(
            "{first} (if lending ends) or {second} (if customers go on)",
            first=_leader(found.run_off, frame, write),
            second=_leader(found.run_on, frame, write),
        )
    return say("nobody")


def _leader(found: Verdict, frame: RunFrame, write) -> str:
    return write(found.leader, frame) if found.leader else str(found.leader)


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
        sections.append((say("{measure}: the variants’ changes in each world", measure=phrasing.label(name)), rows))
    rows = []
    for name in phrasing.stated(own, answer(own.frame)):
        if all(phrasing.stated(comparison, [name]) for comparison in worlds.values()):
            unit = MEASURES[name].unit_in(own.frame)
            value, error = phrasing.apart(*own.estimate(own.baseline, name), unit)
            moved = [there.effect(own, name, own.baseline) for there in worlds.values() if there is not own]
            rows.append((phrasing.label(name), [Cell(value, error, "", ""), *(_cell(d, unit) for d in moved)]))
    heading = say(
        "{baseline} as written, and what each world changes of it", baseline=phrasing.named(own.baseline, own.frame)
    )
    return [*sections, (heading, rows)]


def _cell(d, unit) -> Cell:
    value, error = phrasing.apart(d.value, d.se, unit, difference=True)
    return Cell(value, error, phrasing.range_of(d, unit), phrasing.clarity(d))

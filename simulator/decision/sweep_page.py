"""What a sweep says: who is best where, a picture along each number, the tornado."""

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.analysis.measures import MEASURES
from simulator.decision.pictures import along, tornado
from simulator.decision.words import digits, number
from simulator.language.catalogue import say
from simulator.policy.why import capital, listed
from simulator.report import phrasing
from simulator.report.paper import Section, Table, paper
from simulator.report.told import facts_told
from simulator.scenario.parameters import unit_words

if TYPE_CHECKING:
    from simulator.decision.sweep import Sweep

MOST_ROWS = 100  # points that the page tells one by one


def answers(found: "Sweep") -> list[str]:
    """Return who is best where, by each horizon, and what moves a difference most."""
    said = [_where(found, measure) for measure in found.measures] if found.varied else []
    if found.tornado:
        usual, effects = found.tornado
        if effects:
            by, variant, measure = effects[0].largest(usual)
            lender = phrasing.quoted(variant, found.frame)
            said.append(
                say(
                    "What moves a difference most is {key}: {by} of {lender} less baseline by {measure}, within its "
                    "range.",
                    key=effects[0].number.key,
                    by=phrasing.number(by, 0.0, found.frame.currency),
                    lender=lender,
                    measure=phrasing.label(measure),
                )
            )
        turning = sum(effect.turns(usual) for effect in effects)
        said.append(
            say(
                "{count} numbers have a range; with {turning} of them another lender leads at an end of it.",
                count=len(effects),
                turning=turning,
            )
        )
    return said


def _where(found, measure):
    """Say who is best by a measure along one number, or at how many points of several."""
    best, label = _best(found, measure, phrasing.quoted), phrasing.label(measure)
    clear = [measure in place.clear for place in found.places]
    if len(found.lenders) == 1:
        return _levels(found, measure)
    if len(found.varied) > 1:
        counts = Counter(name for name in best if name)
        sure = Counter(name for name, is_clear in zip(best, clear, strict=True) if is_clear)
        told = phrasing.in_a_row(
            say("{name} at {count} ({chance})", name=name, count=count, chance=_of_those(count, sure[name]))
            for name, count in counts.most_common()
        )
        return say("Best by {label}, of {count} points: {told}.", label=label, count=sum(counts.values()), told=told)
    one = found.varied[0]
    runs = [(name, [k for k, _ in group]) for name, group in groupby(enumerate(best), key=lambda pair: pair[1]) if name]
    if len(runs) == 1:
        name, where = runs[0]
        return say(
            "{name} is best by {label} along {key}: at all {count} values that were lived, {where} ({chance})."
            if len(where) > 1
            else "{name} is best by {label} along {key}: {where} ({chance}).",
            name=name,
            label=label,
            key=one.key,
            count=len(where),
            where=_from_to(found, where),
            chance=_chance(found, where, clear),
        )
    told_runs = [
        say(
            "{name} {where} ({chance})",
            name=name,
            where=_from_to(found, where),
            chance=_chance(found, where, clear),
        )
        for name, where in runs
    ]
    return say("Best by {label} along {key}: {told}.", label=label, key=one.key, told=say("; ").join(told_runs))


def _best(found, measure, write=phrasing.named):
    """Return what the best at each point is called; empty of a point that is refused."""
    return [name and write(name, found.frame) for name in found.best(measure)]


def _from_to(found, where):
    """Return between which values points that follow each other lie: "from 3 to 9", "at 3"."""
    first, last = (digits(found.shown(found.places[where[end]])[0]) for end in (0, -1))
    if first == last:
        return say("at {value}", value=first)
    return say("from {first} to {last}", first=first, last=last)


def _chance(found, where, clear):
    """Return at which of some points the best is told apart from every other lender."""
    if found.frame.replications < 2:
        return say("no errors are known")
    sure = [k for k in where if clear[k]]
    if len(sure) in (0, len(where)):
        return say("clear") if sure else say("within chance")
    runs = [[k for _, k in group] for _, group in groupby(enumerate(sure), key=lambda pair: pair[1] - pair[0])]
    return say("clear {where}", where=listed([_from_to(found, run) for run in runs]))


def _of_those(count, sure):
    """Return at how many of `count` points the best is told apart from every other lender."""
    if not sure:
        return say("within chance")
    return say("clear") if sure == count else say("clear at {count}", count=sure)


def _levels(found, measure):
    """Return what the only lender brings where it is least and where it is most; there is nobody to compare with."""
    unit = MEASURES[measure].unit_in(found.frame)
    told = [
        (row["value"], row["se"], place) for place in found.places for row in place.rows if row["measure"] == measure
    ]

    def said(one):
        value, se, place = one
        at = phrasing.in_a_row(
            f"{one.key} {digits(x)}" for one, x in zip(found.varied, found.shown(place), strict=True)
        )
        return say("{value} at {at}", value=phrasing.number(value, np.nan if se is None else se, unit), at=at)

    low, high = min(told, key=lambda one: one[0]), max(told, key=lambda one: one[0])
    name = phrasing.label(measure)
    return say(
        "Without variants there is nobody to compare with: {name} is least, {low}, and most, {high}.",
        name=name,
        low=said(low),
        high=said(high),
    )


def _bar(usual, effect):
    """Return (change at the low end, at the high end, variant, measure) of the difference that a number moves most."""
    _, variant, measure = effect.largest(usual)
    if not variant:
        return 0.0, 0.0, "nobody", ""
    there = usual.differences[variant, measure].value
    low, high = (end.differences[variant, measure].value - there if end else 0.0 for end in effect.ends)
    return low, high, variant, measure


def tornado_rows(found: "Sweep") -> list[dict[str, Any]]:
    """Return a row for each number with a range: what it moves most, by how much at each end, whether that turns."""
    assert found.tornado is not None
    usual, effects = found.tornado
    rows = []
    for effect in effects:
        low, high, variant, measure = _bar(usual, effect)
        one = effect.number
        told = {"key": one.key, "low": one.shown(one.low), "high": one.shown(one.high), "unit": one.shown_unit}
        told |= {"variant": variant, "measure": measure, "change_at_low": low, "change_at_high": high}
        rows.append(told | {"turns": effect.turns(usual), "refused": effect.refused})
    return rows


def page(found: "Sweep", manifest: dict) -> str:
    """Return the report as HTML."""
    keys = listed([one.key for one in found.varied])
    sections = []
    if found.varied:
        drawn = [along(found, found.measures)] if found.measures and len(found.lenders) > 1 else []
        sections.append(
            Section(say("Every variant along the way"), (), drawn, [_table(found, m) for m in found.measures])
        )
    if found.tornado:
        sections.append(
            Section(
                say("Every number at the ends of its range"),
                (),
                [tornado(found, tornado_rows(found))],
                [_tornado_table(found)],
            )
        )
    slots = {"title": found.scenario.baseline.title, "keys": keys}
    title = say("{title}: along {keys}" if keys else "{title}: what moves results most", **slots)
    return paper(
        title, phrasing.setting(found.frame), found.answers, [], sections, facts_told(manifest), found.cautions
    )


def _table(found, measure):
    unit, rows = MEASURES[measure].unit_in(found.frame), []
    best = _best(found, measure)
    for place, leader in list(zip(found.places, best, strict=True))[:MOST_ROWS]:
        told = {row["variant"]: row for row in place.rows if row["measure"] == measure}
        cells = [number(one, x) for one, x in zip(found.varied, place.at, strict=True)]
        for name in found.lenders:
            row = told.get(name)
            value, se = ("value", "se") if name == found.lenders[0] else ("difference", "difference_se")
            numbers = [np.nan if row is None or row[k] is None else row[k] for k in (value, se)]
            cells.append(phrasing.number(numbers[0], numbers[1], unit, difference=name != found.lenders[0]))
        if len(found.lenders) > 1 and place.rows and measure not in place.clear:
            leader = say("{leader}, within chance", leader=leader)
        rows.append((*cells, leader or say("refused")))
    names = [phrasing.named(name, found.frame) for name in found.lenders]
    head = (*(one.key for one in found.varied), *names, say("best") if len(found.lenders) > 1 else say("lender"))
    note = [
        say(
            "{measure}: baseline its value, variants their change, ± standard error.",
            measure=capital(phrasing.label(measure)),
        )
    ]
    if (more := len(found.places) - MOST_ROWS) > 0:
        note.append(say("{count} more points are in sweep.parquet.", count=more))
    return Table(head, rows, phrasing.together(note))


def _tornado_table(found):
    rows = []
    for row in tornado_rows(found):
        low, high = digits(row["low"]), digits(row["high"])
        ends = say("{low} to {high} {unit}", low=low, high=high, unit=unit_words(row["unit"]))
        changes = [
            phrasing.number(row[f"change_at_{end}"], 0.0, found.frame.currency, difference=True)
            for end in ("low", "high")
        ]
        of = (
            phrasing.in_a_row([phrasing.named(row["variant"], found.frame), phrasing.label(row["measure"])])
            if row["measure"]
            else say("nobody")
        )
        rows.append((row["key"], ends, of, *changes, say("yes") if row["turns"] else say("no"), row["refused"]))
    head = (say("number"), say("range"), say("moves most"), say("at low"), say("at high"), say("turns"), say("refused"))
    return Table(head, rows)

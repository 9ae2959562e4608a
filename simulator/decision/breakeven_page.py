"""What a break-even says: in sentences, in a picture, on a page."""

from typing import TYPE_CHECKING

import numpy as np

from simulator.analysis.measures import MEASURES
from simulator.decision.pictures import DASHES, WIDTH
from simulator.decision.words import PLAIN, breakable, digits, number
from simulator.language.catalogue import retold, say
from simulator.policy.why import capital
from simulator.report import phrasing
from simulator.report.canvas import Plot, scale_ticks, ticks, width_of
from simulator.report.colours import COLOURS, INK
from simulator.report.figures.scale import scale_of
from simulator.report.paper import Picture, Section, Table, paper
from simulator.report.picture import Data, Panel, pictured
from simulator.report.told import facts_told
from simulator.scenario.parameters import unit_words

if TYPE_CHECKING:
    from simulator.decision.breakeven import Breakeven

FINE = 60  # places at which the curve is drawn


def answers(found: "Breakeven") -> list[str]:
    """Return the value with its interval, or why there is none, and how it was found."""
    one, (first, second) = found.varied, _pair(found, phrasing.quoted)
    slots = {"first": first, "second": second, "by": phrasing.label(found.measure), "key": one.key}
    slots |= {"low": digits(one.shown(one.low)), "high": number(one, one.high), "why": retold(found.why)}
    if not found.moves:
        mean = found.curve.mean(one.low)
        gap = phrasing.number(mean.value, mean.se, MEASURES[found.measure].unit_in(found.frame), difference=True)
        still = say(
            "{key} does not move the difference in {by} between {first} and {second}: {gap}, exactly the same at all "
            "{count} values lived between {low} and {high}.",
            **slots,
            gap=gap,
            count=len(found.curve.points),
        )
        return [still, say("{why}.", **slots)]
    if not found.exists:
        none = say(
            "No value of {key} between {low} and {high} makes {first} and {second} equal by {by}: {why}.", **slots
        )
        return [none, _how(found)]
    assert found.found.at is not None
    slots |= {"place": number(one, found.found.at), "now": number(one, one.middle)}
    said = say(
        "{first} and {second} change places by {by} where {key} is {place} (now {now})."
        if one.is_whole
        else "{first} and {second} have the same mean by {by} where {key} is {place} (now {now}).",
        **slots,
    )
    return [said, _sure(found), _how(found)]


def _pair(found, write=phrasing.named):
    """Return what the two lenders are called."""
    return write(found.variant, found.frame), write(found.against, found.frame)


def _sure(found):
    """Say the interval, and which end of it is open."""
    low, high = found.low, found.high
    if found.frame.replications == 1:
        return say("One replication has no error, so that there is no interval: it may be chance.")
    if low is not None and high is not None:
        return say("95 % interval: {low} to {high}.", low=digits(low), high=digits(high))
    if low is None and high is None:
        return say("The data cannot tell: anywhere in what was searched the difference is within chance of nothing.")
    if low is None:
        return say(
            "95 % interval: below {high}, down to the end of what was searched: there the data cannot tell.",
            high=digits(high),
        )
    return say(
        "95 % interval: above {low}, up to the end of what was searched: there the data cannot tell.", low=digits(low)
    )


def _how(found):
    """Say how it was found."""
    lives = len(found.curve.points)
    if found.is_straight:
        return say("Every replication lies on a line, but for rounding: two values tell all, and a third proved it.")
    return say(
        "Sought in {lives} lives of both lenders, with the same people and random numbers."
        if found.found.is_exact
        else "Sought in {lives} lives of both lenders, with the same people and random numbers. The search ended "
        "there: the root is not yet as exact as its error asks for.",
        lives=lives,
    )


def curve(found: "Breakeven") -> Picture:
    """Draw the mean difference along the number, with its 95 % interval and the places lived."""
    one, unit = found.varied, MEASURES[found.measure].unit_in(found.frame)
    places = sorted({*np.linspace(one.low, one.high, FINE).tolist(), *found.curve.points})
    places = [x for x in places if min(found.curve.points) <= x <= max(found.curve.points)]
    means = [found.curve.mean(x) for x in places]
    scale = scale_of([mean.value for mean in means], unit, is_change=True)
    has_band = all(np.isfinite(mean.low) for mean in means)
    reach = [x * scale.factor for mean in means for x in ((mean.low, mean.high) if has_band else (mean.value,))]
    marks = ticks(min([0.0, *reach]), max([0.0, *reach]), 5)
    shown, lived = [one.shown(x) for x in places], sorted(found.curve.points)
    now, below = one.shown(one.middle), ticks(min(shown), max(shown), 5)
    words = scale.ticks(marks, is_change=True)
    plot = Plot(
        (WIDTH, 240), (below[0], below[-1]), marks, (8, 16, 24, 8 + max(width_of(words(mark)) for mark in marks))
    )
    plot.grid(words)
    plot.below(below, scale_ticks(below))

    def line(values):
        return [(plot.x(x), plot.y(value * scale.factor)) for x, value in zip(shown, values, strict=True)]

    if has_band:
        ring = [*line([mean.low for mean in means]), *reversed(line([mean.high for mean in means]))]
        plot.canvas.area(ring, COLOURS[1], 0.15)
    plot.canvas.line(line([mean.value for mean in means]), COLOURS[1], 2)
    said = []
    for x in lived:
        value = found.curve.value(x)
        said.append(f"{number(one, x)}: {scale.signed(value)}")
        plot.canvas.dot(plot.x(one.shown(x)), plot.y(value * scale.factor), COLOURS[1], 4, hint=said[-1])
    plot.canvas.line([(plot.x(now), plot.top), (plot.x(now), plot.bottom)], INK, 1, DASHES)
    if found.value is not None:
        low, high = found.found.low, found.found.high
        ends = one.shown(one.low if low is None else low), one.shown(one.high if high is None else high)
        said.append(f"0: {digits(found.value)}")
        plot.canvas.line([(plot.x(end), plot.y(0)) for end in ends], COLOURS[2], 4)
        plot.canvas.dot(plot.x(found.value), plot.y(0), COLOURS[2], 6, hint=said[-1])
    first, second = _pair(found, phrasing.quoted)
    caption = [
        say(
            "{measure} of {first} less that of {second}. Dots were lived; the dotted line is the value now.",
            measure=capital(phrasing.label(found.measure)),
            first=first,
            second=second,
        )
    ]
    if found.frame.replications > 1:
        caption.append(say("The band is the 95 % interval."))
    if found.exists:
        caption.append(say("On the line at zero, the break-even with its 95 % interval."))
    heading = phrasing.in_a_row([_less(found), scale.words])
    rows = [
        (digits(one.shown(x)), *(scale.data(getattr(found.curve.mean(x), end)) for end in ("value", "low", "high")))
        for x in lived
    ]
    data = Data((one.key, heading, say("95 % from"), say("to")), rows)
    below_it = phrasing.in_a_row([one.key] if one.shown_unit in ("", *PLAIN) else [one.key, unit_words(one.shown_unit)])
    panel = Panel(heading, plot.canvas.svg(f"{heading}; {below_it}: {'; '.join(said)}"), group=below_it)
    return pictured(say("Where the two are equal"), [panel], phrasing.together(caption), "", data)


def _less(found):
    """Return the difference of the two lenders in words."""
    first, second = _pair(found)
    return say("{first} less {second}", first=first, second=second)


def page(found: "Breakeven", manifest: dict) -> str:
    """Return the report as HTML."""
    unit = MEASURES[found.measure].unit_in(found.frame)
    rows = []
    for x in sorted(found.curve.points):
        mean = found.curve.mean(x)
        difference = phrasing.number(mean.value, mean.se, unit, difference=True)
        rows.append((number(found.varied, x), difference))
    table = Table((breakable(found.varied.key), _less(found)), rows)
    title = say("{title}: break-even of {key}", title=found.scenario.baseline.title, key=found.varied.key)
    section = Section(say("The difference along the number"), (), [curve(found)], [table])
    said: list[str] = [breakable(line) for line in found.answers]
    return paper(title, phrasing.setting(found.frame), said, [], [section], facts_told(manifest), found.cautions)

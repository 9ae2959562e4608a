"""What a break-even says: in sentences, in a picture, on a page."""

from typing import TYPE_CHECKING

import matplotlib
import numpy as np

from simulator.analysis.measures import MEASURES
from simulator.decision.answer import facts_told
from simulator.decision.words import breakable, digits, number
from simulator.report import phrasing
from simulator.report.colours import COLOURS, INK
from simulator.report.paper import Picture, Section, Table, paper
from simulator.report.plotting import STYLE, THOUSANDS, figure, svg

if TYPE_CHECKING:
    from simulator.decision.breakeven import Breakeven

FINE = 60  # places at which the curve is drawn


def answers(found: "Breakeven") -> list[str]:
    """Return the value with its interval, or why there is none, and how it was found."""
    one, by = found.varied, phrasing.label(found.measure)
    pair = f"{found.variant} and {found.against}"
    between = f"{digits(one.shown(one.low))} and {number(one, one.high)}"
    if not found.moves:
        mean = found.curve.mean(one.low)
        gap = phrasing.number(mean.value, mean.se, MEASURES[found.measure].unit_in(found.frame), difference=True)
        still = f"exactly the same at all {len(found.curve.points)} values lived between {between}"
        return [f"{one.key} does not move the difference in {by} between {pair}: {gap}, {still}.", f"{found.why}."]
    if not found.exists:
        return [f"No value of {one.key} between {between} makes {pair} equal by {by}: {found.why}.", _how(found)]
    assert found.found.at is not None
    now = number(one, one.middle)
    turn = "have the same mean" if not one.is_whole else "change places"
    said = f"{pair} {turn} by {by} where {one.key} is {number(one, found.found.at)} (now {now})."
    return [said, _sure(found), _how(found)]


def _sure(found):
    """Say the interval, and which end of it is open."""
    low, high = found.low, found.high
    if found.frame.replications == 1:
        return "One replication has no error, so that there is no interval: it may be chance."
    if low is not None and high is not None:
        return f"95 % interval: {digits(low)} to {digits(high)}."
    if low is None and high is None:
        return "The data cannot tell: anywhere in what was searched the difference is within chance of nothing."
    if low is None:
        return f"95 % interval: below {digits(high)}, down to the end of what was searched: there the data cannot tell."
    return f"95 % interval: above {digits(low)}, up to the end of what was searched: there the data cannot tell."


def _how(found):
    """Say how it was found."""
    lives = len(found.curve.points)
    if found.is_straight:
        return "Every replication lies on a line, but for rounding: two values tell all, and a third proved it."
    ended = (
        "" if found.found.is_exact else " The search ended there: the root is not yet as exact as its error asks for."
    )
    return f"Sought in {lives} lives of both lenders, with the same people and random numbers.{ended}"


def curve(found: "Breakeven") -> Picture:
    """Draw the mean difference along the number, with its 95 % interval and the places lived."""
    one, unit = found.varied, MEASURES[found.measure].unit_in(found.frame)
    places = sorted({*np.linspace(one.low, one.high, FINE).tolist(), *found.curve.points})
    places = [x for x in places if min(found.curve.points) <= x <= max(found.curve.points)]
    means = [found.curve.mean(x) for x in places]
    largest = max(abs(mean.value) for mean in means)
    factor, before, after = phrasing.scale_of(largest, 0.0, unit, difference=True)
    shown = [one.shown(x) for x in places]
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.6)
        axis = axes[0, 0]
        axis.plot(shown, [mean.value * factor for mean in means], color=COLOURS[1], lw=2)
        if all(np.isfinite(mean.low) for mean in means):
            low, high = ([getattr(mean, end) * factor for mean in means] for end in ("low", "high"))
            axis.fill_between(shown, low, high, color=COLOURS[1], alpha=0.15, lw=0)
        lived = sorted(found.curve.points)
        axis.plot(
            [one.shown(x) for x in lived], [found.curve.value(x) * factor for x in lived], "o", color=COLOURS[1], ms=5
        )
        axis.axhline(0, color=INK, lw=0.9)
        axis.axvline(one.shown(one.middle), color=INK, lw=0.9, ls=":")
        if found.value is not None:
            ends = [one.shown(one.low if end is None else end) for end in (found.found.low,)]
            ends += [one.shown(one.high if end is None else end) for end in (found.found.high,)]
            axis.plot(ends, [0, 0], color=COLOURS[2], lw=4, alpha=0.6, solid_capstyle="butt")
            axis.plot(found.value, 0, "o", color=COLOURS[2], ms=8)
        axis.set_xlabel(f"{one.key}, {one.shown_unit}" if one.shown_unit else one.key)
        axis.set_ylabel(f"{found.variant} less {found.against}, {phrasing.scale_in_words(before, after)}")
        axis.yaxis.set_major_formatter(THOUSANDS)
        band = "; the band is its 95 % interval" if found.frame.replications > 1 else ""
        caption = (
            f"{phrasing.label(found.measure).capitalize()} of {found.variant} less that of {found.against}{band}. Dots "
            "were lived; the dotted line is the value now"
            + ("; on the line at zero, the break-even with its 95 % interval." if found.exists else ".")
        )
        return Picture("Where the two are equal", svg(made, caption), caption)


def page(found: "Breakeven", manifest: dict) -> str:
    """Return the report as HTML."""
    unit = MEASURES[found.measure].unit_in(found.frame)
    rows = []
    for x in sorted(found.curve.points):
        mean = found.curve.mean(x)
        difference = phrasing.number(mean.value, mean.se, unit, difference=True)
        rows.append((number(found.varied, x), difference))
    table = Table((breakable(found.varied.key), f"{found.variant} less {found.against}"), rows)
    title = f"{found.scenario.baseline.title}: break-even of {found.varied.key}"
    section = Section("The difference along the number", (), [curve(found)], [table])
    said: list[str] = [breakable(line) for line in found.answers]
    return paper(title, phrasing.setting(found.frame), said, [], [section], facts_told(manifest), found.cautions)

"""What changes: the paired difference of each variant in each measure of the answer, with its interval."""

import math

from simulator.analysis.measures import MEASURES, answer
from simulator.language.catalogue import noted, say
from simulator.policy.why import capital
from simulator.report import phrasing
from simulator.report.canvas import SIZE, Plot, ticks, width_of
from simulator.report.colours import EDGE, INK, SOFT, of_lenders
from simulator.report.figures.scale import scale_of
from simulator.report.picture import Data, Panel, Picture, pictured

WIDTH, ROW = 340, 34


def forest(comparison) -> Picture | None:
    """Draw the paired differences with 95 % intervals, one panel for each measure."""
    variants, frame = comparison.variants, comparison.frame
    measures = phrasing.stated(comparison, answer(frame))
    if not variants or not measures:
        return None
    scales = {measure: _scale(comparison, measure) for measure in measures}
    # A name that does not fit beside its number stands above it, and so do all.
    fits = all(
        width_of(phrasing.called(comparison, v)) + width_of(_told(scales[m], comparison.difference(v, m))) < WIDTH - 8
        for m in measures
        for v in variants
    )
    panels = [_panel(comparison, measure, scales[measure], 0 if fits else SIZE + 2) for measure in measures]
    rows = []
    for measure in measures:
        found = {name: comparison.difference(name, measure) for name in variants}
        scale = scales[measure]
        rows += [
            (phrasing.label(measure), scale.words, phrasing.called(comparison, name),
             *(scale.data(x) for x in (d.value, d.low, d.high)))
            for name, d in found.items()
        ]  # fmt: skip
    head = (say("measure"), say("unit"), say("variant"), say("change"), say("95 % from"), say("to"))
    is_sure = frame.replications > 1
    less = say(
        "Each dot is a variant less {baseline}{or_another}, the same people and random numbers.",
        baseline=phrasing.named(comparison.baseline, frame),
        or_another=phrasing.compared_with(comparison),
    )
    bars = say("The bar is its 95 % interval; one that crosses the line at zero is within chance, and grey.")
    title = say("What changes, and how sure that is" if is_sure else "What changes")
    caption = phrasing.together((less, bars)) if is_sure else less
    return pictured(title, panels, caption, _finding(comparison, measures), Data(head, rows))


def _finding(comparison, measures) -> str:
    """Say under whom the deciding measure is clearly higher and lower, and of whom it cannot be told."""
    if comparison.frame.replications < 2:
        return ""
    decisive = next((name for name in phrasing.BOTH if name in measures), measures[0])
    found = {name: comparison.difference(name, decisive) for name in comparison.variants}
    groups = {
        noted("clearly higher under {variants}"): [n for n, d in found.items() if d.is_clear and d.value > 0],
        noted("clearly lower under {variants}"): [n for n, d in found.items() if d.is_clear and d.value < 0],
        noted("within chance under {variants}"): [n for n, d in found.items() if not d.is_clear],
    }
    clauses = [
        say(told, variants=phrasing.names_in_a_row(phrasing.quoted(name, comparison.frame) for name in names))
        for told, names in groups.items()
        if names
    ]
    measure = phrasing.label(decisive)
    return say("{measure}: {clauses}.", measure=capital(measure), clauses=phrasing.joined(clauses))


def _scale(comparison, measure):
    """Return the scale of a panel: one for both horizons of a value."""
    names = phrasing.in_one_scale(comparison, measure)
    found = [comparison.difference(v, name) for name in names for v in comparison.variants]
    return scale_of([d.value for d in found], MEASURES[measure].unit_in(comparison.frame), is_change=True)


def _panel(comparison, measure, scale, above) -> Panel:
    """Draw one measure: a row for each variant, its name above its interval, the numbers at the right."""
    variants, colour = comparison.variants, of_lenders(comparison.ledgers)
    names = phrasing.in_one_scale(comparison, measure)
    reach = [comparison.difference(v, name) for name in names for v in variants]
    ends = [x * scale.factor for d in reach for x in (d.value, d.low, d.high) if math.isfinite(x)]
    marks = ticks(min([0.0, *ends]), max([0.0, *ends]), 4)
    numbers = {name: _told(scale, comparison.difference(name, measure)) for name in variants}
    called = {name: phrasing.called(comparison, name) for name in variants}
    row = ROW + above
    plot = Plot((WIDTH, row * len(variants) + 28), (marks[0], marks[-1]), (0, 1), (4, 28, 24, 28))
    canvas, zero = plot.canvas, plot.x(0)
    said = []
    for k, name in enumerate(variants):
        d, top = comparison.difference(name, measure), 4 + row * k
        y = top + above
        canvas.line([(zero, y + 16), (zero, y + 28)], EDGE)
        canvas.text(WIDTH, y + 10, numbers[name], "end", INK)
        canvas.text(0, top + 10, called[name], colour=INK, most=WIDTH)
        said.append(f"{called[name]} {numbers[name]}")
        if not math.isfinite(d.value):
            continue
        shade = colour[name] if d.is_clear or not math.isfinite(d.se) else SOFT
        if math.isfinite(d.low) and math.isfinite(d.high):
            low, high = (plot.x(x * scale.factor) for x in (d.low, d.high))
            canvas.line([(low, y + 22), (high, y + 22)], shade, 2, hint=said[-1])
        is_nothing = d.value == 0 and not d.se > 0
        canvas.dot(plot.x(d.value * scale.factor), y + 22, shade, is_hollow=is_nothing, hint=said[-1])
    plot.below(marks, scale.ticks(marks))
    heading = phrasing.label(measure)
    heading = phrasing.in_a_row(filter(None, (capital(heading), scale.words)))
    return Panel(heading, canvas.svg(f"{heading}: {'; '.join(said)}"))


def _told(scale, d) -> str:
    """Return a change with its interval in words."""
    if not (math.isfinite(d.low) and d.low != d.high):
        return scale.signed(d.value)
    return f"{scale.signed(d.value)} ({phrasing.between(scale.plain(d.low), scale.plain(d.high))})"

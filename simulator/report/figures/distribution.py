"""How bad it can be: the net loss over replications under every lender, with its mean and what lies in its tail."""

import numpy as np

from simulator.analysis.measures import highest_tail
from simulator.analysis.tails import TAIL_LEVELS
from simulator.language.catalogue import say
from simulator.report import phrasing
from simulator.report.canvas import Plot, ticks
from simulator.report.colours import EDGE, INK, of_lenders
from simulator.report.figures.scale import Scale, scale_of
from simulator.report.picture import Data, Panel, Picture, pictured

WIDTH, HEIGHT, BINS = 300, 112, 32
DOTTED = "2 2"


def distribution(comparison) -> Picture | None:
    """Draw the net loss over replications, its mean and tail; the lender's own where it is shared."""
    frame, lenders = comparison.frame, list(comparison.ledgers)
    suffix, line = ("_own", "own_net_loss") if frame.transfers else ("", "net_loss")
    shortfall = highest_tail(frame, "es", suffix)
    if shortfall is None:
        return None
    names = [f"var{100 * level:.0f}{suffix}" for level in TAIL_LEVELS]
    tails = [name for name in names if not comparison.unstated(name)][-2:]  # the two highest that can be stated
    samples = {name: comparison.samples(name, line) for name in lenders}
    found = {
        name: [float(samples[name].mean()), *(comparison.estimate(name, m).value for m in (*tails, shortfall))]
        for name in lenders
    }
    every = np.concatenate([*samples.values(), *found.values()])
    scale = scale_of(every, frame.currency)
    marks = ticks(every.min() * scale.factor, every.max() * scale.factor, 5)
    edges = np.linspace(marks[0], marks[-1], BINS + 1)
    counts = {name: np.histogram(x * scale.factor, edges)[0] for name, x in samples.items()}
    most = max(count.max() for count in counts.values())
    called = [say("mean"), *(_short(name, suffix) for name in (*tails, shortfall))]
    colour = of_lenders(lenders)
    panels = []
    for name in lenders:
        marked = dict(zip(called, found[name], strict=True))
        drawn = _panel(phrasing.named(name, frame), counts[name], (edges, marks, most), marked, scale, colour[name])
        panels.append(Panel(phrasing.named(name, frame), drawn, colour[name]))
    rows = [(phrasing.named(name, frame), *(scale.data(x) for x in found[name])) for name in lenders]
    data = Data((say("lender"), *(f"{one}, {scale.words}" for one in called)), rows)
    label = phrasing.label(line)
    how = [say("Dot: mean."), say("Dotted: {measure}.", measure=called[1])]
    how += [say("Solid: {measure}.", measure=called[2])] if len(tails) > 1 else []
    how.append(say("Triangle: {measure}, the mean of what is worse.", measure=called[-1]))
    varies = say("How the {measure} varies from one replication to the next, {unit}.", measure=label, unit=scale.words)
    caption = phrasing.together((varies, *how))
    finding = _finding(found, called, scale, label, frame)
    return pictured(say("The loss distribution"), panels, caption, finding, data)


def _short(measure: str, suffix: str) -> str:
    """Return the name of a tail without what it is the tail of."""
    level = measure.removesuffix(suffix)[-2:]
    return say("VaR {level}\u00a0%" if measure.startswith("var") else "expected shortfall {level}\u00a0%", level=level)


def _finding(found, called, scale: Scale, label, frame) -> str:
    """Say what the tail of the first lender is, and whose is shortest."""
    last = {name: values[-1] for name, values in found.items()}
    best, first = min(last, key=last.__getitem__), next(iter(found))
    said = say(
        "In its worst runs the {measure} of {lender} is {tail} {unit} on average, {mean} over all runs.",
        measure=label,
        lender=phrasing.quoted(first, frame),
        tail=scale.plain(last[first]),
        mean=scale.plain(found[first][0]),
        unit=scale.words,
    )
    if best == first:
        return said
    least = say(
        "The shortest tail is that of {lender}: {tail}.",
        lender=phrasing.quoted(best, frame),
        tail=scale.plain(last[best]),
    )
    return phrasing.together((said, least))


def _panel(name, count, axis, marked: dict[str, float], scale: Scale, colour) -> str:
    """Draw how often each loss comes, as steps, with its mean and tail marked."""
    edges, marks, most = axis
    plot = Plot((WIDTH, HEIGHT), (marks[0], marks[-1]), (0, most), (12, 14, 22, 10))
    canvas = plot.canvas
    for mark in marks:
        canvas.line([(plot.x(mark), plot.top), (plot.x(mark), plot.bottom)], EDGE, 0.5)
    steps = [(plot.x(edges[0]), plot.bottom)]
    for k, many in enumerate(count):
        steps += [(plot.x(edges[k]), plot.y(many)), (plot.x(edges[k + 1]), plot.y(many))]
    canvas.area([*steps, (plot.x(edges[-1]), plot.bottom)], colour, 0.45)
    canvas.line([(plot.left, plot.bottom), (plot.right, plot.bottom)], EDGE)
    told = {what: f"{what} {scale.plain(value)}" for what, value in marked.items()}
    (mean, *quantiles, shortfall) = ((what, plot.x(value * scale.factor)) for what, value in marked.items())
    for (what, x), dashes in zip(quantiles, (DOTTED, ""), strict=False):
        canvas.line([(x, plot.top), (x, plot.bottom)], INK, 1.6, dashes, hint=told[what])
    what, x = shortfall
    canvas.area([(x - 5, plot.bottom - 9), (x + 5, plot.bottom - 9), (x, plot.bottom)], INK, hint=told[what])
    what, x = mean
    canvas.dot(x, plot.bottom, INK, 4, hint=told[what])
    write = scale.ticks(marks)
    plot.below(marks, write)
    return canvas.svg(f"{name}: {'; '.join(told.values())}")

"""Where a difference comes from: of the value by mechanism, of the net loss by cause. Bars end at the difference."""

import math
from collections.abc import Callable
from typing import NamedTuple

from simulator.analysis.ledger import components
from simulator.language.catalogue import say
from simulator.model.layout import CAUSES
from simulator.report import phrasing
from simulator.report.canvas import SIZE, Canvas, wrapped
from simulator.report.colours import BETTER, EDGE, INK, SOFT, WORSE, of_lenders
from simulator.report.figures.scale import Scale, scale_of
from simulator.report.picture import Data, Panel, Picture, pictured

WIDTH, ROW, BAR = 370, 20, 13
LABEL, NUMBER = 168, 60  # of a row, for what it is and for its number
SMALL = 0.01  # of the largest bar, below which bars are put together
ONE_LINE = ("loss_on_sale", "insurer_result", "partner_profit")  # sums that are one bar


class Step(NamedTuple):
    """A bar: what it is, and what it adds, in the currency."""

    label: str
    value: float


def by_mechanism(comparison, variant: str) -> list[Step]:
    """Return the lines of profit whose changes add up to the change of the value, then what time makes of them.

    A line is its mean over replications, of all months; what is left up to the change of the net present value is that
    it is discounted and funded by nobody. Without a run-off, which has no value, they add up to the change of profit.
    """
    other, signs = comparison.reference(variant), dict(components("profit", ONE_LINE))
    is_value = bool(phrasing.stated(comparison, ("npv",)))
    if is_value:
        signs.pop("funding_cost", None)  # the value is of cash before funding
    steps = [
        Step(phrasing.label(line), sign * (comparison.total(variant, line) - comparison.total(other, line)))
        for line, sign in signs.items()
    ]
    if is_value:
        value = comparison.difference(variant, "npv").value
        steps.append(Step(say("discounting, the rest"), value - math.fsum(step.value for step in steps)))
    return steps


def by_cause(comparison, variant: str) -> list[Step]:
    """Return what each cause of the overdue spell adds to the change of the net loss."""
    other = comparison.reference(variant)
    return [
        Step(
            phrasing.cause(cause),
            comparison.estimate(variant, f"bad_debt_{cause}").value
            - comparison.estimate(other, f"bad_debt_{cause}").value,
        )
        for cause in CAUSES
    ]


def waterfall(comparison) -> Picture | None:
    """Draw the change of the value by mechanism, a panel for each variant."""
    if not comparison.variants:
        return None
    is_value = bool(phrasing.stated(comparison, ("npv",)))
    measure = "npv" if is_value else "profit"
    caption = say(
        "From the lines of profit before funding, over all months, to the net present value; the last step is that "
        "cash counts when it comes, and later cash for less. Green raises the value, red lowers it."
        if is_value
        else "The lines of profit over all months. Green raises it, red lowers it."
    )
    title = say("Where the value comes from" if is_value else "Where the profit comes from")
    return _picture(comparison, title, caption, measure, by_mechanism, 1)


def causes(comparison) -> Picture | None:
    """Draw the net loss by the cause of the overdue spell: its change under each variant, or of a lender alone."""
    if comparison.variants:
        caption = say(
            "The change of the net loss by what began the overdue spell that ended in it. Green: less is lost; red: "
            "more."
        )
        return _picture(comparison, say("Bad debt by cause"), caption, "net_loss", by_cause, -1)
    values = [comparison.estimate(comparison.baseline, f"bad_debt_{cause}").value for cause in CAUSES]
    if not any(values):
        return None
    scale = scale_of(values, comparison.frame.currency)
    steps = [Step(phrasing.cause(cause), value) for cause, value in zip(CAUSES, values, strict=True) if value]
    total = comparison.estimate(comparison.baseline, "net_loss").value
    colour = of_lenders(comparison.ledgers)[comparison.baseline]
    panel = _panel("", steps, Step(phrasing.label("net_loss"), total), scale, colour, 0)
    data = Data((say("cause"), scale.words), [(step.label, scale.data(step.value)) for step in steps])
    caption = say("Net loss, {unit}, by what began the overdue spell that ended in it.", unit=scale.words)
    return pictured(say("Bad debt by cause"), [panel], caption, _largest(steps, total), data)


def _largest(steps: list[Step], total: float) -> str:
    """Say which cause is the largest part of a loss."""
    largest = max(steps, key=lambda step: step.value)
    if not total > 0:
        return ""
    return say("{share:.0f}\u00a0% of it: {cause}.", share=100 * largest.value / total, cause=largest.label)


def _picture(comparison, title, caption, measure, take: Callable, better: int) -> Picture | None:
    """Return the waterfalls of all variants; `better` is the sign of a change that is better for the lender."""
    taken = {variant: take(comparison, variant) for variant in comparison.variants}
    ends = {variant: comparison.difference(variant, measure) for variant in comparison.variants}
    if not any(step.value for steps in taken.values() for step in steps):
        return None
    every = [step.value for steps in taken.values() for step in steps] + [d.value for d in ends.values()]
    scale = scale_of(every, comparison.frame.currency, is_change=True)
    largest = max(abs(value) for value in every)
    kept = [  # the same bars in every panel
        label
        for k, (label, _) in enumerate(next(iter(taken.values())))
        if max(abs(steps[k].value) for steps in taken.values()) >= SMALL * largest
    ]
    has_rest = any(step.value and step.label not in kept for steps in taken.values() for step in steps)
    colour, name = of_lenders(comparison.ledgers), phrasing.label(measure)
    panels = [
        _panel(
            phrasing.called(comparison, variant),
            _few(steps, kept, has_rest),
            Step(name, ends[variant].value),
            scale,
            colour[variant],
            better,
        )
        for variant, steps in taken.items()
    ]
    called = [phrasing.called(comparison, variant) for variant in taken]
    rows = [
        (label, *(scale.data(steps[k].value) for steps in taken.values()))
        for k, (label, _) in enumerate(next(iter(taken.values())))
        if any(steps[k].value for steps in taken.values())
    ]
    rows.append((name, *(scale.data(d.value) for d in ends.values())))
    caption = say("Change from the reference, {unit}. {rest}", unit=scale.words, rest=caption)
    return pictured(title, panels, caption, _finding(comparison, taken, name, scale), Data(("", *called), rows))


def _finding(comparison, taken, name, scale) -> str:
    """Say what raises and what lowers the difference of the first variant most."""
    variant = max(taken, key=lambda one: math.fsum(abs(step.value) for step in taken[one]))
    steps = sorted(taken[variant], key=lambda step: step.value)
    down, up = steps[0], steps[-1]
    if not (down.value < 0 < up.value):
        return ""
    return say(
        "What moves most is the {measure} of {variant}: {up} {more}, {down} {less} {unit}.",
        measure=name,
        variant=phrasing.called(comparison, variant, phrasing.quoted),
        up=up.label,
        more=scale.signed(up.value),
        down=down.label,
        less=scale.signed(down.value),
        unit=scale.words,
    )


def _few(steps: list[Step], kept: list[str], has_rest: bool) -> list[Step]:
    """Return the steps that are kept, and one of all others together, where some panel has it."""
    rest = [step.value for step in steps if step.label not in kept]
    shown = [step for step in steps if step.label in kept]
    return [*shown, Step(say("all else"), math.fsum(rest))] if has_rest else shown


def _panel(heading: str, steps: list[Step], end: Step, scale: Scale, colour: str, better: int) -> Panel:
    """Draw bars that hang on each other, and the sum of them below a rule."""
    at, places = 0.0, []
    for step in steps:
        places.append((at, at + step.value))
        at += step.value
    reach = [0.0, end.value, *(x for place in places for x in place)]
    low, high = min(reach), max(reach)
    labels = [wrapped(step.label, LABEL) for step in steps]
    tops = [0]
    for lines in labels:
        tops.append(tops[-1] + ROW + (SIZE + 1) * (len(lines) - 1))
    canvas = Canvas(WIDTH, tops[-1] + ROW + 8)
    left, right = LABEL + 6, WIDTH - NUMBER - 6

    def x(value):
        return left + (value - low) / ((high - low) or 1) * (right - left)

    show: Callable[[float], str] = scale.signed if better else scale.plain
    canvas.line([(x(0), 0), (x(0), canvas.height)], EDGE)
    for k, (step, place) in enumerate(zip(steps, places, strict=True)):
        y, told = tops[k] + 3, f"{step.label} {show(step.value)}"
        good = step.value * better > 0
        shade = SOFT if not better else BETTER if good else WORSE
        for row, words in enumerate(labels[k]):
            canvas.text(0, y + 11 + (SIZE + 1) * row, words, colour=INK)
        canvas.box(min(map(x, place)), y, max(abs(x(place[1]) - x(place[0])), 0.8), BAR, shade, hint=told)
        follows = places[k + 1][0] if k + 1 < len(places) else end.value
        canvas.line([(x(place[1]), y + BAR), (x(follows), tops[k + 1] + 3)], SOFT, 0.7)
        canvas.text(WIDTH, y + 11, show(step.value), "end", INK)
    y = tops[-1] + 7
    canvas.line([(0, y - 3), (WIDTH, y - 3)], EDGE)
    canvas.text(0, y + 11, end.label, colour=INK, is_bold=True, most=LABEL)
    told = f"{end.label} {show(end.value)}"
    canvas.box(min(x(0), x(end.value)), y, max(abs(x(end.value) - x(0)), 0.8), BAR, colour, hint=told)
    canvas.text(WIDTH, y + 11, show(end.value), "end", INK, is_bold=True)
    said = "; ".join(f"{step.label} {show(step.value)}" for step in [*steps, end])
    return Panel(heading, canvas.svg(f"{heading}: {said}" if heading else said), colour if heading else "")

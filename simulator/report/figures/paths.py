"""Month by month: overdue shares as levels and as changes while money is lent, and profit through the run-off."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simulator.analysis.measures import MEASURES
from simulator.analysis.measures.registry import FLOW
from simulator.language.catalogue import say
from simulator.report import phrasing
from simulator.report.canvas import Plot, ticks, width_of
from simulator.report.colours import COLOURS, LINE, of_lenders
from simulator.report.figures.scale import scale_of
from simulator.report.picture import Data, Panel, Picture, pictured

WIDTH, HEIGHT = 300, 168
DAYS = (30, 90)
FAN = (10, 25, 75, 90)  # per cent of the replications that lie below each line of the fan
LEVELS = tuple(f"dpd{days}_share_balance" for days in DAYS)  # what is drawn month by month
CHANGES = (*LEVELS, "profit")  # of which changes are
DASHES = "5 4"  # of the baseline
YEAR = 12
MOST_LABELS = 6  # below an axis


class Band(NamedTuple):
    """An area between two lines, and how dark it is."""

    low: np.ndarray
    high: np.ndarray
    opacity: float


class Months(NamedTuple):
    """What a panel of months shows of a lender, in the currency or as a share: a line, bands, and another lender's."""

    value: np.ndarray
    bands: Sequence[Band] = ()
    other: np.ndarray | None = None  # the baseline's, dashed


def path(comparison) -> Picture:
    """Draw the 30+ and 90+ shares of balance in the months of lending: a panel for each lender, the baseline in all."""
    frame, lenders = comparison.frame, list(comparison.ledgers)
    panels, head, columns = [], [_month_word(frame)], []
    found = {days: {name: _level(comparison, name, days) for name in lenders} for days in DAYS}
    has_fan = any(shown.bands for by_name in found.values() for shown in by_name.values())
    scale = scale_of([x for by in found.values() for m in by.values() for x in m.value], "share")
    right = max(width_of(scale.plain(m.value[-1])) for by in found.values() for m in by.values())
    for days, by_name in found.items():
        reach = [x for m in by_name.values() for line in (m.value, *(b.high for b in m.bands)) for x in line]
        marks = ticks(0.0, max((x * scale.factor for x in reach if math.isfinite(x)), default=1.0) or 1.0, 5)
        for name, shown in by_name.items():
            heading = _headed(_late(days), phrasing.named(name, frame))
            first = len(head)
            head += [heading, *([f"{heading}, {p}\u00a0%" for p in (FAN[0], FAN[-1])] if shown.bands else [])]
            outer = (shown.bands[0].low, shown.bands[0].high) if shown.bands else ()
            columns += [shown.value, *outer]
            said = _said(frame, heading, shown, scale)
            drawn = _panel(comparison, name, shown, (scale, marks, right), said, range(first, len(head)))
            if len(lenders) > 1:
                panels.append(Panel(phrasing.named(name, frame), drawn, of_lenders(lenders)[name], _late(days)))
            else:
                panels.append(Panel(_late(days), drawn))
    rows = [(str(month + 1), *(scale.data(column[month]) for column in columns)) for month in range(frame.months)]
    caption = phrasing.together(
        (
            say("Share of the open balance, %, at the end of each month of lending. Line: mean over replications."),
            say("Dark and light band: the middle 50 and 80\u00a0% of replications.") if has_fan else "",
            say("Dashed: {baseline}.", baseline=phrasing.named(comparison.baseline, frame))
            if comparison.variants
            else "",
            say("The run-off is left out: without new credit the denominator shrinks.") if frame.run_off_months else "",
        )
    )
    return pictured(say("Delinquency month by month"), panels, caption, _ends(comparison), Data(head, rows))


def _late(days: int) -> str:
    """Return what is so many days late, as a heading."""
    return say("{days} or more days past due", days=days)


def _headed(group: str, name: str) -> str:
    """Return the name of a lender after that of the group of panels in which it is, if it is in one."""
    return say("{group}: {name}", group=group, name=name) if group else name


def _level(comparison, name, days) -> Months:
    """Return the share of balance that is so many days late, of a lender, in the months of lending."""
    measure, months = f"dpd{days}_share_balance", comparison.frame.months
    value = comparison.by_month(name, measure).value[:months]
    other = None
    if name != comparison.baseline:
        other = comparison.by_month(comparison.baseline, measure).value[:months]
    lines = comparison.spread_by_month(name, measure, FAN)
    if lines is None:
        return Months(value, (), other)
    return Months(value, (Band(lines[0], lines[3], 0.16), Band(lines[1], lines[2], 0.22)), other)


def _said(frame, heading, shown, scale) -> str:
    """Say what a panel shows, in numbers."""
    return say(
        "{heading}: {first} {unit} in month 1, {last} in month {month}.",
        heading=heading,
        first=scale.plain(shown.value[0]),
        unit=scale.words,
        last=scale.plain(shown.value[-1]),
        month=len(shown.value),
    )


def _ends(comparison) -> str:
    """Say who ends with most and with least of its balance 30 days late."""
    months = comparison.frame.months
    last = {n: comparison.by_month(n, "dpd30_share_balance").value[months - 1] for n in comparison.ledgers}
    last = {name: value for name, value in last.items() if math.isfinite(value)}
    if not last:
        return ""
    scale = scale_of(last.values(), "share")
    low, high = min(last, key=last.__getitem__), max(last, key=last.__getitem__)
    if low == high:
        return say(
            "In month {month} {share}\u00a0% of the balance is 30 or more days late.",
            month=months,
            share=scale.plain(last[low]),
        )
    return say(
        "In month {month} from {least}\u00a0% ({low}) to {most}\u00a0% ({high}) of the balance is 30+ days late.",
        month=months,
        least=scale.plain(last[low]),
        low=phrasing.quoted(low, comparison.frame),
        most=scale.plain(last[high]),
        high=phrasing.quoted(high, comparison.frame),
    )


def changes(comparison) -> Picture | None:
    """Draw the change of the 30+ and 90+ shares in the months of lending, with paired 95 % bands."""
    found = {
        (days, name): _change(comparison, name, f"dpd{days}_share_balance", comparison.frame.months)
        for days in DAYS
        for name in comparison.variants
    }
    return _changed(
        comparison,
        {(_late(days), name): change for (days, name), change in found.items()},
        say("Delinquency month by month, as a change"),
        lambda unit: phrasing.together(
            (
                say(
                    "Change of the share of open balance from the reference, {unit}, in the months of lending.",
                    unit=unit,
                ),
                _band_words(found),
            )
        ),
        "share",
    )


def payback(comparison) -> Picture | None:
    """Draw the change of profit, added up from the first month to each, with paired 95 % bands; the run-off apart."""
    found = {name: _change(comparison, name, "profit", comparison.frame.horizon) for name in comparison.variants}

    def caption(unit):
        return phrasing.together(
            (
                say("Change of profit from the reference, added up from the first month on, {unit}.", unit=unit),
                _band_words(found),
                say("Shaded: the run-off.") if comparison.frame.run_off_months else "",
            )
        )

    return _changed(
        comparison,
        {("", name): change for name, change in found.items()},
        say("When it pays"),
        caption,
        comparison.frame.currency,
    )


def _band_words(found) -> str:
    """Say what the bands of changes are, where there are any."""
    if not any(change.bands for change in found.values() if change):
        return ""
    return say("Band: paired 95\u00a0% interval; one that holds zero is within chance.")


def _change(comparison, variant, measure, months) -> Months | None:
    """Return the paired difference of a measure by month, with its interval; of flows that of what has added up."""
    found = comparison.differences_by_month(variant, measure, MEASURES[measure].kind == FLOW)
    if found is None:
        return None
    found = found[:months]
    value, low, high = (np.array([getattr(d, end) for d in found]) for end in ("value", "low", "high"))
    return Months(value, (Band(low, high, 0.2),) if np.isfinite(low).any() else ())


def _changed(comparison, found, title, caption, unit) -> Picture | None:
    """Return a figure of changes by month, {(group, variant): change}, all in one scale and between the same ends."""
    shown = {of: change for of, change in found.items() if change is not None}
    if not shown:
        return None
    scale = scale_of([x for change in shown.values() for x in change.value], unit, is_change=True)
    lines = [line for c in shown.values() for line in (c.value, *(x for b in c.bands for x in (b.low, b.high)))]
    reach = [x * scale.factor for line in lines for x in line if math.isfinite(x)]
    marks = ticks(min([0.0, *reach]), max([0.0, *reach]), 5)
    right = max(width_of(scale.signed(change.value[-1])) for change in shown.values())
    panels, head, columns = [], [_month_word(comparison.frame)], []
    for (group, name), change in shown.items():
        called, first = phrasing.called(comparison, name), len(head)
        heading = _headed(group, called)
        head += [
            heading,
            *([say("{name}, from", name=heading), say("{name}, to", name=heading)] if change.bands else []),
        ]
        columns += [change.value, *(line for band in change.bands for line in (band.low, band.high))]
        said = say(
            "{heading}: {last} {unit} in month {month}.",
            heading=heading,
            last=scale.signed(change.value[-1]),
            unit=scale.words,
            month=len(change.value),
        )
        drawn = _panel(comparison, name, change, (scale, marks, right), said, range(first, len(head)), is_change=True)
        panels.append(Panel(called, drawn, of_lenders(comparison.ledgers)[name], group))
    months = max(len(column) for column in columns)
    rows = [(str(month + 1), *(scale.data(column[month]) for column in columns)) for month in range(months)]
    finding = _turns(comparison, shown) if unit == comparison.frame.currency else ""
    return pictured(title, panels, caption(scale.words), finding, Data(head, rows))


def _turns(comparison, shown) -> str:
    """Say from which month on what has added up stays above zero, clear of chance, of each variant that gets there."""
    has_bands = any(change.bands for change in shown.values())
    said = []
    for (_, name), change in shown.items():
        least = change.bands[0].low if change.bands else change.value
        below = np.flatnonzero(~(least > 0))
        if least[-1] > 0:
            month = int(below[-1]) + 2 if len(below) else 1
            said.append(
                say(
                    "{variant} from month {month} on",
                    variant=phrasing.called(comparison, name, phrasing.quoted),
                    month=month,
                )
            )
    variants = phrasing.joined(said)
    if has_bands:
        if not said:
            return say("No variant has clearly brought more than its reference by the end.")
        return say("What clearly brings more than its reference: {variants}.", variants=variants)
    if not said:
        return say("No variant has brought more than its reference by the end.")
    return say("What brings more than its reference: {variants}.", variants=variants)


def _month_word(frame) -> str:
    return say("month") if frame.start_month is None else say("month of the run")


def _panel(comparison, name, shown: Months, axis, said, columns, is_change=False) -> str:
    """Draw a line of months with its bands, the other's dashed, and the last value at its end."""
    frame, (scale, marks, right), months = comparison.frame, axis, len(shown.value)
    colour = of_lenders(comparison.ledgers)[name]
    words = scale.ticks(marks, is_change)
    left = 8 + max(width_of(words(mark)) for mark in marks)
    last = shown.value[-1]
    told = (scale.signed if is_change else scale.plain)(last)
    margins = (8, 8 + right, 34 if frame.start_month is not None else 22, left)
    plot = Plot((WIDTH, HEIGHT), (1, max(months, 2)), marks, margins)
    canvas = plot.canvas
    if months > frame.months:
        canvas.box(plot.x(frame.months), plot.top, plot.right - plot.x(frame.months), plot.bottom - plot.top, LINE, 0.5)
    plot.grid(words)

    def points(line):
        return [(plot.x(k + 1), plot.y(x * scale.factor)) for k, x in enumerate(line)]

    for band in shown.bands:
        canvas.area([*points(band.low), *reversed(points(band.high))], colour, band.opacity)
    if shown.other is not None:
        canvas.line(points(shown.other), COLOURS[0], 1.5, DASHES)
    canvas.line(points(shown.value), colour, 2)
    if math.isfinite(last):
        canvas.dot(plot.right, plot.y(last * scale.factor), colour, 3, hint=said)
        plot.at_end([(last * scale.factor, told, colour)])
    below = _ticks_of_months(months)
    plot.below(below, lambda month: f"{month}")
    if frame.start_month is not None:
        for month in below:
            canvas.text(plot.x(month), plot.bottom + 29, phrasing.calendar(frame, month), "middle")
    step = (plot.right - plot.left) / max(months - 1, 1)
    return canvas.svg(said, x=f"{plot.left:.1f}", step=f"{step:.3f}", columns=",".join(map(str, columns)))


def _ticks_of_months(months: int) -> list[int]:
    """Return months to write below an axis: the ends of years, or fewer, or of a short run some of its months."""
    if months < YEAR:
        return [k for k in range(1, months + 1) if k == 1 or k == months or ((months - k) % 3 == 0 and k > 2)]
    step = YEAR * max(1, -(-months // (YEAR * MOST_LABELS)))
    found = [1, *range(step, months + 1, step)]
    return [a for a, b in pairwise([*found, 10**6]) if b - a > months / 20]

"""Pictures of what an answer hangs on: the tornado, along a number, the nearest flips, the map of two numbers."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.analysis.measures import MEASURES
from simulator.decision.words import PLAIN, digits, number
from simulator.language.catalogue import say
from simulator.policy.why import capital
from simulator.report import phrasing
from simulator.report.canvas import Canvas, Plot, fitted, ticks, width_of
from simulator.report.colours import COLOURS, INK, LINE, SOFT, of_lenders
from simulator.report.figures.scale import scale_of
from simulator.report.picture import Data, Panel, Picture, pictured
from simulator.scenario.parameters import unit_words

if TYPE_CHECKING:
    from simulator.decision.flips import Flip, Flips, Map
    from simulator.decision.sweep import Sweep

WIDTH, ROW = 420, 34
DRAWN = 15  # rows of a tornado, or of the nearest flips
DASHES = "2 3"  # of the line at the value now
CELL, SHADE = 40, 0.55  # of a map: how high a place is, and how dark


def _short(key: str) -> str:
    """Return a key without the room that most keys are in."""
    return key.replace("behaviour.", "")


def _in_words(one) -> str:
    """Return the key of a number with the unit that it is shown in, where it has one."""
    return phrasing.in_a_row([one.key] if one.shown_unit in ("", *PLAIN) else [one.key, unit_words(one.shown_unit)])


def tornado(found: "Sweep", rows: Sequence[dict[str, Any]]) -> Picture:
    """Draw by how much each number moves the difference that it moves most: `rows` as in tornado.parquet."""
    shown = rows[:DRAWN]
    changes = [row[f"change_at_{end}"] for row in shown for end in ("low", "high")]
    scale = scale_of(changes, found.frame.currency, is_change=True)
    reach = [0.0, *(change * scale.factor for change in changes)]
    marks = ticks(min(reach), max(reach), 5)
    plot = Plot((WIDTH, ROW * len(shown) + 28), (marks[0], marks[-1]), (0, 1), (4, 28, 24, 28))
    canvas, zero, said = plot.canvas, plot.x(0), []
    for k, row in enumerate(shown):
        y, at = 4 + ROW * k, [row[f"change_at_{end}"] for end in ("low", "high")]
        told = " / ".join(scale.signed(change) for change in at)
        lender = phrasing.named(row["variant"], found.frame)
        ends = f"{digits(row['low'])} – {digits(row['high'])} {unit_words(row['unit'])}".strip()
        said.append(f"{row['key']} ({lender}), {ends}: {told}")
        room = WIDTH - 12 - width_of(told)
        canvas.text(0, y + 10, f"{_short(row['key'])} ({lender})", colour=INK, is_bold=row["turns"], most=room)
        canvas.text(WIDTH, y + 10, told, "end", INK)
        for change, colour in zip(at, (COLOURS[1], COLOURS[2]), strict=True):
            x = plot.x(change * scale.factor)
            canvas.box(min(x, zero), y + 16, abs(x - zero), 10, colour, hint=said[-1])
    canvas.line([(zero, 0), (zero, plot.bottom)], SOFT)
    plot.below(marks, scale.ticks(marks, is_change=True))
    key = [(say("at the low end"), COLOURS[1]), (say("at the high end"), COLOURS[2])]
    data = Data(
        (say("number"), say("low"), say("high"), say("unit"), say("variant"), say("measure"),
         f"{say('at the low end')}, {scale.words}", f"{say('at the high end')}, {scale.words}"),
        [
            (row["key"], digits(row["low"]), digits(row["high"]), unit_words(row["unit"]),
             phrasing.named(row["variant"], found.frame), phrasing.label(row["measure"]) if row["measure"] else "",
             *(scale.data(row[f"change_at_{end}"]) for end in ("low", "high")))
            for row in rows
        ],
    )  # fmt: skip
    caption = say(
        "Each number alone at both ends of its 90 % range: by how much that changes the difference from the baseline "
        "that it moves most, {unit} (in brackets the variant; by net present value, either horizon). Bold: with it "
        "another lender leads at an end.",
        unit=scale.words,
    )
    title = say("What moves results most")
    panel = Panel(capital(phrasing.in_a_row(filter(None, (say("change"), scale.words)))), canvas.svg("; ".join(said)))
    return pictured(title, [panel, key_of(key)], caption, "", data)


def key_of(entries: Sequence[tuple[str, str]]) -> Panel:
    """Return what colours stand for: (words, colour)."""
    canvas = Canvas(WIDTH, 18 * len(entries) + 4)
    for k, (words, colour) in enumerate(entries):
        canvas.box(0, 18 * k + 2, 12, 12, colour)
        canvas.text(18, 18 * k + 12, words, colour=INK, most=WIDTH - 18)
    return Panel("", canvas.svg("; ".join(words for words, _ in entries)))


def along(found: "Sweep", measures: Sequence[str]) -> Picture:
    """Draw each variant's difference from the baseline along every number, with its 95 % interval."""
    lived = [place for place in found.places if place.rows]
    panels, rows = [], []
    for k in range(len(found.varied)):
        panels += [_along(found, lived, k, measure) for measure in measures]
    for place in lived:
        for row in place.rows:
            if row["measure"] in measures and row["difference"] is not None:
                at = [digits(x) for x in found.shown(place)]
                told = (f"{row[name]:.6g}" for name in ("difference", "low", "high") if row[name] is not None)
                rows.append((*at, phrasing.label(row["measure"]), phrasing.named(row["variant"], found.frame), *told))
    head = [one.key for one in found.varied] + [say("measure"), say("variant"), say("change")]
    full = max((len(row) for row in rows), default=len(head))
    head += [say("95 % from"), say("to")][: full - len(head)]
    data = Data(head, [(*row, *[""] * (full - len(row))) for row in rows])
    caption = say(
        "Each variant less the baseline: lines, with the band of its 95 % interval, on common random numbers. Dotted: "
        "the value now."
        if len(found.varied) == 1
        else "Each variant less the baseline: dots, one a point, on common random numbers. Dotted: the value now."
    )
    keys = phrasing.in_a_row(one.key for one in found.varied)
    return pictured(say("Along {keys}", keys=keys), panels, caption, "", data)


def _along(found, lived, k, measure) -> Panel:
    """Draw the differences by one measure along one number."""
    one, variants, colour = found.varied[k], found.lenders[1:], of_lenders(found.lenders)
    table = {
        (row["variant"], j): row for j, place in enumerate(lived) for row in place.rows if row["measure"] == measure
    }
    number_of = {
        (name, j, what): math.nan if table[name, j][what] is None else table[name, j][what]
        for name in variants
        for j in range(len(lived))
        for what in ("difference", "low", "high")
    }
    is_line = len(found.varied) == 1
    scale = scale_of(
        [x for (_, _, what), x in number_of.items() if what == "difference"],
        MEASURES[measure].unit_in(found.frame),
        is_change=True,
    )
    reach = [x * scale.factor for (_, _, what), x in number_of.items() if is_line or what == "difference"]
    reach = [x for x in reach if math.isfinite(x)]
    marks = ticks(min([0.0, *reach]), max([0.0, *reach]), 5)
    at = [found.shown(place)[k] for place in lived]
    words = scale.ticks(marks, is_change=True)
    names = [phrasing.named(name, found.frame) for name in variants]
    right = 8 + min(110.0, max((width_of(name) for name in names), default=0.0))
    left = 8 + max(width_of(words(mark)) for mark in marks)
    across = ticks(min(at), max(at), 4) if at else [0.0, 1.0]
    plot = Plot((WIDTH, 230), (across[0], across[-1]), marks, (8, right, 24, left))
    plot.grid(words)
    labels, said = [], []
    for name, shown in zip(variants, names, strict=True):
        order = sorted(range(len(lived)), key=at.__getitem__)

        def points(what, name=name, order=order):
            return [(plot.x(at[j]), plot.y(number_of[name, j, what] * scale.factor)) for j in order]

        if is_line:
            plot.canvas.area([*points("low"), *reversed(points("high"))], colour[name], 0.15)
            plot.canvas.line(points("difference"), colour[name], 2)
        for j in order:
            if math.isfinite(value := number_of[name, j, "difference"]):
                told = f"{shown}, {one.key} {digits(at[j])}: {scale.signed(value)}"
                plot.canvas.dot(plot.x(at[j]), plot.y(value * scale.factor), colour[name], 3, hint=told)
                said.append(told)
        if order and math.isfinite(last := number_of[name, order[-1], "difference"]):
            labels.append((last * scale.factor, fitted(shown, 110), colour[name]))
    now = plot.x(one.shown(one.middle))
    plot.canvas.line([(now, plot.top), (now, plot.bottom)], INK, 1, DASHES)
    plot.at_end(labels)
    plot.below(across, digits)
    heading = phrasing.in_a_row(filter(None, (capital(phrasing.label(measure)), scale.words)))
    below = _in_words(one)
    return Panel(heading, plot.canvas.svg(f"{heading}; {below}: {'; '.join(said)}"), group=below)


def nearest(found: "Flips") -> Picture:
    """Draw where the nearest flips lie between a number's value now and the end to which it was moved."""
    shown, frame = found.flips[:DRAWN], found.comparison.frame
    plot = Plot((WIDTH, ROW * len(shown) + 28), (-1.05, 1.05), (0, 1), (4, 28, 24, 28))
    canvas, colour, said = plot.canvas, of_lenders(found.lenders), []
    middle = plot.x(0)
    for k, flip in enumerate(shown):
        one, y = flip.varied, 4 + ROW * k
        told = f"{number(one, one.middle)} → {number(one, flip.at)}: {phrasing.named(flip.to_best, frame)}"
        said.append(f"{one.key} {told}")
        canvas.text(WIDTH, y + 10, told, "end", INK, most=WIDTH * 0.62)
        canvas.text(0, y + 10, _short(one.key), colour=INK, most=WIDTH - 10 - min(width_of(told), WIDTH * 0.62))
        canvas.line([(plot.left, y + 22), (plot.right, y + 22)], LINE)
        low, high, at = (plot.x(place) for place in _places(flip))
        canvas.line([(low, y + 22), (high, y + 22)], colour[flip.to_best], 3, hint=said[-1])
        canvas.dot(at, y + 22, colour[flip.to_best], 5, is_hollow=not flip.is_sure, hint=said[-1])
    canvas.line([(middle, 0), (middle, plot.bottom)], SOFT)
    for place, words in ((-1, say("low end")), (0, say("now")), (1, say("high end"))):
        canvas.text(plot.x(place), plot.bottom + 16, words, "middle")
    data = Data(
        (say("number"), say("now"), say("turns at"), say("unit"), say("then best"), say("measure")),
        [
            (flip.varied.key, digits(flip.varied.shown(flip.varied.middle)), digits(flip.varied.shown(flip.at)),
             unit_words(flip.varied.shown_unit), phrasing.named(flip.to_best, frame), phrasing.label(flip.measure))
            for flip in found.flips
        ],
    )  # fmt: skip
    caption = say(
        "Dots: where another lender becomes best, all other numbers as they stand; bars: 95 % intervals, to the "
        "edge or to the value now where they are open. A hollow dot may be none: its bar is open to the edge, or "
        "it has no interval. From a number's value now to the end of its range, or to half or twice of it."
    )
    key = [
        (say("then {lender}", lender=phrasing.named(n, frame)), colour[n])
        for n in dict.fromkeys(f.to_best for f in shown)
    ]
    panels = [Panel("", canvas.svg("; ".join(said))), *([key_of(key)] if key else [])]
    return pictured(say("The nearest flips"), panels, caption, "", data)


def _places(flip: "Flip") -> tuple[float, float, float]:
    """Return where the ends of a flip's interval and the flip are: 0 is the value now, -1 and 1 the ends searched."""
    one, side = flip.varied, 1 if flip.rises else -1
    far = abs((one.high if side > 0 else one.low) - one.middle)
    low = (one.middle if side > 0 else one.low) if flip.low is None else flip.low
    high = (one.middle if side < 0 else one.high) if flip.high is None else flip.high
    return (low - one.middle) / far, (high - one.middle) / far, (flip.at - one.middle) / far


def map_of(found: "Flips", one: "Map") -> Picture:
    """Draw who is best where two numbers are moved together, a panel for each horizon."""
    frame, colour = found.comparison.frame, of_lenders(found.lenders)
    order = {name: k for k, name in enumerate(found.lenders)}
    xs, ys = ([digits(of.shown(x)) for x in places] for of, places in ((one.first, one.xs), (one.second, one.ys)))
    left = 8 + max(width_of(words) for words in ys)
    wide = (WIDTH - left) / len(xs)
    panels, rows = [], []
    for measure, best in one.best.items():
        canvas = Canvas(WIDTH, CELL * len(ys) + 24)
        said = []
        for j, row in enumerate(best):
            y = CELL * (len(ys) - 1 - j)
            canvas.text(left - 6, y + CELL / 2 + 4, ys[j], "end")
            for i, name in enumerate(row):
                told = phrasing.named(name, frame) if name else say("refused")
                said.append(f"{xs[i]}, {ys[j]}: {told}")
                rows.append((phrasing.label(measure), xs[i], ys[j], told))
                x = left + i * wide
                if name:
                    canvas.box(x, y, wide - 2, CELL - 2, colour[name], SHADE, hint=said[-1])
                    canvas.text(x + 5, y + 14, f"{order[name]}", colour=INK)
        for i, words in enumerate(xs):
            canvas.text(left + (i + 0.5) * wide, CELL * len(ys) + 15, words, "middle")
        along_x, up_y = (
            float(np.interp(of.middle, at, range(len(at)))) for of, at in ((one.first, one.xs), (one.second, one.ys))
        )
        now_x, now_y = left + (along_x + 0.5) * wide - 1, CELL * (len(ys) - up_y - 0.5) - 1
        canvas.line([(now_x, 0), (now_x, CELL * len(ys) - 2)], INK, 1, DASHES)
        canvas.line([(left, now_y), (WIDTH, now_y)], INK, 1, DASHES)
        panels.append(Panel(capital(phrasing.label(measure)), canvas.svg("; ".join(said))))
    seen = dict.fromkeys(name for best in one.best.values() for row in best for name in row if name)
    key = [
        (say("{n}: {lender} is best", n=order[name], lender=phrasing.named(name, frame)), colour[name]) for name in seen
    ]
    named = [_in_words(of) for of in (one.first, one.second)]
    caption = say(
        "Who is best where two numbers are moved together: across {first}, upwards {second}; dotted lines: their "
        "values now. Each square is lived at its middle; an empty one is refused by the scenario.",
        first=named[0],
        second=named[1],
    )
    data = Data((say("measure"), *named, say("then best")), rows)
    title = say("{first} and {second}", first=one.first.key, second=one.second.key)
    return pictured(title, [*panels, *([key_of(key)] if key else [])], caption, "", data)

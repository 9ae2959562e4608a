"""Vintages: of accounts that began together, how many have ever been 90 days late, under every lender."""

import math

import numpy as np

from simulator.analysis.cohorts import YEAR, Entries
from simulator.analysis.estimates import Difference
from simulator.language.catalogue import say
from simulator.policy.why import capital
from simulator.report import phrasing
from simulator.report.canvas import SIZE, Canvas, Plot, ticks, width_of
from simulator.report.colours import BETTER, INK, PAPER, TINT, WORSE, of_lenders
from simulator.report.figures.paths import DASHES
from simulator.report.figures.scale import scale_of
from simulator.report.picture import Data, Panel, Picture, pictured

WIDTH, HEIGHT = 300, 186
HEAD = 30  # of the table of changes, above its rows


def _called(entries: Entries) -> str:
    """Return the name of a cohort."""
    first, last = entries
    if first == 0:
        return say("opening book")
    return say("months {first} to {last}", first=first, last=last)


def vintages(comparison) -> Picture | None:
    """Draw the cumulative share of accounts ever 90+ by months on book: a panel for each cohort, a line per lender."""
    found = {
        name: {_called(entries): curve for entries, curve in comparison.ever_late(name).items()}
        for name in comparison.ledgers
    }
    names = list(found[comparison.baseline])
    if not any(np.nansum(curve) for by in found.values() for curve in by.values()):
        return None
    scale = scale_of([x for by in found.values() for curve in by.values() for x in curve], "share")
    panels = [_panel(comparison, cohort, found, scale) for cohort in names]
    if comparison.variants:
        changed = {
            (variant, _called(entries)): d
            for variant in comparison.variants
            for entries, d in comparison.ever_late_changes(variant).items()
        }
        panels.append(_changes(comparison, found[comparison.baseline], changed))
    head, columns = [say("months on book")], []
    for cohort in names:
        for lender, by in found.items():
            if cohort in by:
                head.append(f"{phrasing.named(lender, comparison.frame)}, {cohort}")
                columns.append(by[cohort])
    longest = max(len(column) for column in columns)
    rows = [(str(k), *(scale.data(column[k]) if k < len(column) else "" for column in columns)) for k in range(longest)]
    caption = say(
        "Of the accounts that began together, the share that has ever been 90 days late, %, by months on book (of the "
        "opening book: since the start), until lending ends."
    )
    if comparison.variants:
        is_sure = any(math.isfinite(d.se) for d in changed.values())
        last = say(
            "Last panel: at the end of lending; a change in grey is within chance, over batches of replications."
            if is_sure
            else "Last panel: at the end of lending. How sure a change is cannot be told here."
        )
        caption = phrasing.together((caption, last))
    return pictured(say("Vintages"), panels, caption, _finding(comparison, names, found, scale), Data(head, rows))


def _finding(comparison, names, found, scale) -> str:
    """Say what the baseline's cohorts come to."""
    base = found[comparison.baseline]
    told = phrasing.joined(
        say("{cohort} {share}\u00a0% after {n} months", cohort=c, share=scale.plain(base[c][-1]), n=len(base[c]) - 1)
        for c in names
    )
    return say(
        "Ever 90 days late under {baseline}: {cohorts}.",
        baseline=phrasing.named(comparison.baseline, comparison.frame),
        cohorts=told,
    )


def _panel(comparison, cohort, found, scale) -> Panel:
    """Draw a cohort under every lender, on the same axis as the other cohorts."""
    colour = of_lenders(comparison.ledgers)
    reach = [x * scale.factor for by in found.values() for curve in by.values() for x in curve if math.isfinite(x)]
    marks = ticks(0.0, max(reach) or 1.0, 5)
    words, months = scale.ticks(marks), max(comparison.frame.months, 2)
    right = 8 + max(width_of(scale.plain(by[cohort][-1])) for by in found.values() if cohort in by)
    left = 8 + max(width_of(words(mark)) for mark in marks)
    plot = Plot((WIDTH, HEIGHT), (0, months), marks, (8, right, 22, left))
    plot.grid(words)
    labels, said = [], []
    for name, by in sorted(found.items(), key=lambda one: one[0] == comparison.baseline):  # the baseline on top
        if cohort not in by:
            continue
        points = [(plot.x(k), plot.y(x * scale.factor)) for k, x in enumerate(by[cohort])]
        told = f"{phrasing.named(name, comparison.frame)}: {scale.plain(by[cohort][-1])}\u00a0%"
        is_base = name == comparison.baseline and bool(comparison.variants)
        plot.canvas.line(points, colour[name], 2, DASHES if is_base else "", hint=told)
        labels.append((by[cohort][-1] * scale.factor, scale.plain(by[cohort][-1]), colour[name]))
        said.append(told)
    lengths = len(next(by[cohort] for by in found.values() if cohort in by)) - 1
    end = plot.x(lengths)
    plot.right = end  # labels stand where the lines end
    plot.at_end(_apart(labels, plot))
    step = YEAR * max(1, months // 48)
    plot.right = WIDTH - right
    plot.below(range(0, months + 1, step) if months >= YEAR else (0, months), lambda month: f"{month}")
    heading = capital(cohort)
    return Panel(heading, plot.canvas.svg(f"{heading}: {'; '.join(said)}"))


def _apart(labels, plot):
    """Return the labels that do not lie on others: first the baseline's, the last, then those farthest from it."""
    base = labels[-1]
    kept: list[tuple[float, str, str]] = [base]
    for label in sorted(labels[:-1], key=lambda one: -abs(one[0] - base[0])):
        if all(abs(plot.y(label[0]) - plot.y(other[0])) > SIZE for other in kept):
            kept.append(label)
    return kept


def _changes(comparison, base, changed) -> Panel:
    """Draw a table: the baseline's shares at the end, and the change of each variant, grey within chance."""
    variants, colour, names = comparison.variants, of_lenders(comparison.ledgers), list(base)
    nothing = Difference(*(math.nan,) * 5)
    found = {(variant, cohort): changed.get((variant, cohort), nothing) for variant in variants for cohort in names}
    scale = scale_of([d.value for d in found.values()], "share", is_change=True)
    levels = {cohort: float(curve[-1]) for cohort, curve in base.items()}
    level = scale_of(levels.values(), "share")
    canvas, said = Canvas(WIDTH, HEAD + 34 * (1 + len(variants))), []
    wide = (WIDTH - 4) / len(names)

    def middle(k):
        return k * wide + (wide - 3) / 2

    for k, cohort in enumerate(names):
        for row, words in enumerate(_in_two(cohort, wide)):
            canvas.text(middle(k), 10 + 13 * row, words, "middle", most=wide)
        canvas.text(middle(k), HEAD + 27, level.plain(levels[cohort]), "middle", INK)
    lender = phrasing.named(comparison.baseline, comparison.frame)
    _name(canvas, HEAD, lender, colour[comparison.baseline], DASHES)
    for row, variant in enumerate(variants, 1):
        y = HEAD + 34 * row
        called = phrasing.called(comparison, variant)
        _name(canvas, y, called, colour[variant])
        for k, cohort in enumerate(names):
            d = found[variant, cohort]
            told = scale.signed(d.value)
            unsure = TINT if math.isfinite(d.se) else PAPER
            shade = (WORSE if d.value > 0 else BETTER) if d.is_clear else unsure
            said.append(f"{called}, {cohort}: {told}")
            canvas.box(k * wide, y + 14, wide - 3, 17, shade, 0.25 if d.is_clear else 1, hint=said[-1])
            canvas.text(middle(k), y + 27, told, "middle", INK)
    heading = say("At the end: {baseline} %, changes in percentage points", baseline=lender)
    return Panel(heading, canvas.svg(f"{heading}: {'; '.join(said)}"))


def _name(canvas, y, name, colour, dashes="") -> None:
    """Write a lender's name above its row, after a piece of its line."""
    canvas.line([(0, y + 6), (20, y + 6)], colour, 2, dashes)
    canvas.text(25, y + 10, name, colour=INK, most=WIDTH - 25)


def _in_two(words: str, most: float) -> list[str]:
    """Return words in two lines, at their first space; in one, if need be without spaces, what begins with one sign."""
    first, _, rest = words.partition(" ")
    if len(first) == 1:  # 第 1～12 月
        return ["", words if width_of(words) <= most else words.replace(" ", "")]
    return [first, rest] if rest else ["", words]

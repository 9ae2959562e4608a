"""Roll rates: what the baseline's are, and how every variant changes them, with what is within chance in grey."""

import math

import numpy as np

from simulator.analysis.roll_rates import LATE
from simulator.language.catalogue import say
from simulator.model.layout import (
    BUCKETS,
    N_TO,
    TO_CLOSED_AT_ZERO,
    TO_FORGIVEN,
    TO_PAID_OFF,
    TO_SOLD,
    TO_WRITTEN_OFF,
)
from simulator.report import phrasing
from simulator.report.canvas import Canvas, width_of
from simulator.report.colours import BETTER, COLOURS, EDGE, INK, PAPER, TINT, WORSE, of_lenders
from simulator.report.picture import Data, Panel, Picture, pictured

WIDTH, ROW, RIGHT = 468, 22, 36  # at least so wide (two in a saved picture), of a row, right of the last column
SPACE = 5  # of a cell beside its number
USUAL = "+0.01"  # a number as wide as most changes: every panel has room for it, so that all are of one scale
LABEL, HEAD = 46, 44  # of a row, and of the columns
SHOWN = 0.0005  # a share that is written; a smaller one is a dot
NOTHING, TENTH = 0.005, 0.95  # percentage points: below the first a change is 0, from the other on told to a tenth
DARK = 0.6  # of the colour of the largest share or change
ROOT = 0.5  # power with which a colour grows darker: small changes are to be seen
BACK = (TO_PAID_OFF - BUCKETS, TO_CLOSED_AT_ZERO - BUCKETS)  # exits that are good for the lender

assert tuple(range(BUCKETS, N_TO)) == (TO_PAID_OFF, TO_CLOSED_AT_ZERO, TO_WRITTEN_OFF, TO_SOLD, TO_FORGIVEN)


def names_of() -> list[str]:
    """Return what rows and columns are called: buckets, then exits."""
    buckets = [say("current"), *(f"{30 * b}" for b in range(1, LATE)), f"{30 * LATE}+"]
    return [*buckets, say("paid off"), say("closed"), say("written off|of accounts"), say("sold"), say("forgiven")]


def rolls(comparison) -> Picture | None:
    """Draw the baseline's roll matrix by accounts and by balance, and the change of the former under each variant."""
    names, base = names_of(), phrasing.named(comparison.baseline, comparison.frame)
    levels = {
        say("by accounts"): comparison.roll_rates(comparison.baseline),
        say("by balance"): comparison.roll_rates(comparison.baseline, by_balance=True),
    }
    changed = {variant: comparison.roll_rate_changes(variant) for variant in comparison.variants}
    every = [comparison.roll_rates(name) for name in comparison.ledgers]
    rows = [i for i in range(LATE + 1) if any(np.isfinite(matrix[i]).any() for matrix in every)]
    columns = [j for j in range(len(names)) if j in rows or any(np.nansum(matrix[:, j]) > 0 for matrix in every)]
    if not columns:
        return None
    shape = (rows, columns, names)
    panels = [
        Panel(
            f"{base}, {how}, %",
            _level(matrix, shape, f"{base}, {how}"),
        )
        for how, matrix in levels.items()
        if np.nansum(matrix)
    ]
    colour = of_lenders(comparison.ledgers)
    largest = max((abs(d.value) for by in changed.values() for row in by for d in row if d.is_clear), default=1.0)
    for variant, by in changed.items():
        heading = say("{variant}: change, percentage points", variant=phrasing.called(comparison, variant))
        happens = np.nan_to_num(comparison.roll_rates(variant)) > 0
        panels.append(Panel(heading, _change(by, shape, heading, largest, happens), colour[variant]))
    head = (
        say("days late now"),
        say("a month later"),
        *(f"{base}, {how}, %" for how in levels),
    )
    head += tuple(say("{variant}: change, percentage points", variant=phrasing.called(comparison, v)) for v in changed)
    told = [
        (
            names[i],
            names[j],
            *(_data(matrix[i, j]) for matrix in levels.values()),
            *(_data(by[i][j].value) for by in changed.values()),
        )
        for i in rows
        for j in columns
        if any(matrix[i, j] > 0 for matrix in every)
    ]
    caption = [
        say(
            "Of the accounts (or the balance) of each row, per cent that are in the column a month later, mean of the "
            "months with new credit. Rows of balance may pass 100 because balances grow by interest and spending."
        )
    ]
    if changed:
        caption.append(say("Changes are by accounts, from the reference; a dot never happens."))
        has_errors = any(math.isfinite(d.se) for by in changed.values() for row in by for d in row)
        caption.append(
            say("Green is better for the lender, red worse; grey is within chance, over batches of replications.")
            if has_errors
            else say("How sure a change is cannot be told here.")
        )
    return pictured(
        say("Roll rates"),
        panels,
        phrasing.together(caption),
        _finding(every[0], base),
        Data(head, told),
    )


def _finding(matrix, lender) -> str:
    """Say what becomes of the accounts of the first bucket."""
    if not np.isfinite(matrix[1]).any():
        return ""
    return say(
        "Of accounts 30 days late {back:.0f}\u00a0% are current a month later, {on:.0f}\u00a0% are 60 days late "
        "({lender}).",
        lender=lender,
        back=100 * matrix[1, 0],
        on=100 * matrix[1, 2],
    )


def _data(share: float) -> str:
    """Return a share in per cent as it is copied."""
    text = f"{100 * share:.4f}".rstrip("0").rstrip(".") if math.isfinite(share) else ""
    return "0" if text == "-0" else text.replace("-", phrasing.MINUS)


def _grid(shape, cell) -> tuple[Canvas, list[str]]:
    """Return a canvas with a table on it, and what its cells say; cells are as wide as the widest number needs.

    `cell` gives of (from, to): words, fill, opacity, hint.
    """
    rows, columns, names = shape
    cells = {(i, j): cell(i, j) for i in rows for j in columns}
    widest = max(width_of(words) for words in (USUAL, *(words for words, *_ in cells.values())))
    wide = max((WIDTH - LABEL - RIGHT) / len(columns), widest + SPACE)
    canvas, said = Canvas(LABEL + wide * len(columns) + RIGHT, HEAD + ROW * len(rows) + 2), []
    for k, j in enumerate(columns):
        x = LABEL + (k + 0.5) * wide
        canvas.text(x + 3, HEAD - 8, names[j], turn=-35)
    for row, i in enumerate(rows):
        y = HEAD + ROW * row
        canvas.text(LABEL - 6, y + 15, names[i], "end")
        for k, j in enumerate(columns):
            words, fill, opacity, hint = cells[i, j]
            x = LABEL + k * wide
            if fill:
                canvas.box(x, y, wide - 2, ROW - 2, fill, opacity, hint=hint)
                said.append(hint)
            canvas.text(x + wide / 2 - 1, y + 14.5, words, "middle", INK if fill else EDGE)
    return canvas, said


def _level(matrix, shape, heading) -> str:
    """Draw shares: the larger, the darker."""
    names = shape[2]

    def cell(i, j):
        share = matrix[i, j]
        if not share >= SHOWN:
            return "·", "", 1, ""
        words = f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.1f}"
        return (
            words,
            COLOURS[1],
            max(0.06, DARK * min(share, 1.0) ** ROOT * 0.9),
            f"{names[i]} → {names[j]}: {words}\u00a0%",
        )

    canvas, said = _grid(shape, cell)
    return canvas.svg(f"{heading}: {'; '.join(said)}")


def _change(by, shape, heading, largest, happens) -> str:
    """Draw changes: green where it is better for the lender that more go there, grey within chance."""
    names = shape[2]

    def cell(i, j):
        d = by[i][j]
        if not math.isfinite(d.value) or (d.value == 0 and not d.se > 0):
            return "0" if happens[i, j] else "·", "", 1, ""
        points = 100 * d.value
        words = phrasing.plain(points, 2 if abs(points) < TENTH else 1) if abs(points) >= NOTHING else "0"
        words = f"+{words}" if points >= NOTHING else words
        hint = f"{names[i]} → {names[j]}: {words}"
        if not math.isfinite(d.se):
            return words, PAPER, 1, hint
        if not d.is_clear or words == "0":
            return words, TINT, 1, hint
        is_better = (d.value > 0) == _is_good(i, j)
        return words, BETTER if is_better else WORSE, max(0.12, DARK * (abs(d.value) / largest) ** ROOT), hint

    canvas, said = _grid(shape, cell)
    return canvas.svg(f"{heading}: {'; '.join(said) or say('nothing changes')}")


def _is_good(i: int, j: int) -> bool:
    """Return whether it is better for the lender that more go from bucket i to place j: back, to stay paid, or off."""
    return j < i or (i == j == 0) or j - LATE - 1 in BACK

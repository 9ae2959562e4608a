"""The summary that a command prints."""

import math

from simulator.measures import MEASURES
from simulator.report import words
from simulator.report.reasons import reasons


def summary_table(comparison):
    """Return rich renderables: warnings first, a row for each variant, the verdict, and the first reason of each."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=comparison.frame.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("", overflow="fold", min_width=12)
    columns = []
    for measure in words.stated(comparison, words.TOLD):
        head, cells = column(comparison, measure)
        table.add_column(head, justify="right")
        columns.append([Text(text, style=style) for text, style in cells])
    for name, *cells in zip(comparison.ledgers, *columns, strict=True):
        table.add_row(name, *cells)
    lines = [
        Text(f"Caution: {said}", style="bold") if said in comparison.cautions else Text(f"Note: {said}", style="yellow")
        for said in comparison.warnings()
    ]
    lines += [Text(said, style="yellow") for said in [words.given_people(comparison)] if said]
    lines.append(table)
    lines += [Text(line, style="dim") for line in words.not_stated(comparison, words.TOLD)]
    if comparison.variants:
        note = f"{comparison.baseline}: value ± standard error; others: change from it, bold where clear of zero."
        lines += [Text(note, style="dim"), Text(words.verdict(comparison))]
        why = [(variant, reasons(comparison, variant)) for variant in comparison.variants]
        lines += [Text(f"Why {variant}: {found[0]}", style="dim") for variant, found in why if found]
    return lines


def column(comparison, measure):
    """Return (head, [(text, style) for each variant]) in one scale: the baseline's value, then the differences."""
    unit = MEASURES[measure].unit_in(comparison.frame)
    level = comparison.estimate(comparison.baseline, measure)
    found = [comparison.difference(variant, measure) for variant in comparison.variants]
    largest = max((abs(x.value) for x in (level, *found) if math.isfinite(x.value)), default=0.0)
    factor, before, after = words.scale_of(largest, 0.0, unit)
    shares = unit.startswith("share") and comparison.variants
    head = f"{words.label(measure)}, {'%, pp' if shares else words.scale_in_words(before, after)}"
    cells = [(cell(level, factor), "")]
    return head, cells + [(cell(d, factor, "+"), "bold" if d.is_clear else "dim") for d in found]


def cell(estimate, factor, plus=""):
    """Return a value with its standard error on the line below, so that many columns fit side by side."""
    value, se = estimate.value * factor, estimate.se * factor
    if not math.isfinite(value):
        return "–"
    decimals = words.decimals_of(value, se)
    text = (plus if value > 0 else "") + words.plain(value, decimals)
    return f"{text}\n± {words.plain(se, decimals)}" if se > 0 else text

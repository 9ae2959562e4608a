"""The summary that a command prints."""

from simulator.measures import MEASURES
from simulator.report import words

SHOWN = ("net_loss", "bad_debt_rate", "dpd30_share_balance", "dpd90_share_balance", "profit", "npv", "approval_rate")


def cell(value, se, unit, difference=False, style=""):
    """Return a value with its standard error on the line below, so that many variants fit side by side."""
    from rich.text import Text

    return Text("\n".join(filter(None, words.apart(value, se, unit, difference))), style=style)


def summary_table(comparison):
    """Return rich renderables: warnings first, then a table of the headline measures, then the verdict."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=comparison.frame.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in comparison.ledgers:
        table.add_column(name, justify="right", no_wrap=True)
    for measure in SHOWN:
        unit = MEASURES[measure].unit_in(comparison.frame)
        row = [cell(*comparison.estimate(comparison.baseline, measure), unit)]
        for variant in comparison.variants:
            d = comparison.difference(variant, measure)
            row.append(cell(d.value, d.se, unit, difference=True, style="bold" if d.is_clear else "dim"))
        table.add_row(words.label(measure), *row)
    lines = [Text(f"Note: {warning}", style="yellow") for warning in comparison.warnings()]
    lines.append(table)
    if comparison.variants:
        note = f"{comparison.baseline}: value ± standard error; others: difference from it. Bold: beyond two of them."
        lines += [Text(note, style="dim"), Text(words.verdict(comparison))]
    return lines

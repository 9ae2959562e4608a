"""How a scenario stands beside its tape, in words: cautions, clauses and a part of the page."""

from collections.abc import Iterator

import numpy as np

from simulator.estimation.panels.hindcast import BOOK_LEVELS, Hindcast, Level
from simulator.report.paper import Section, Table


def level_cautions(found: Hindcast) -> Iterator[str]:
    """Yield a sentence for each level of the book that is not the tape's, or why nobody knows."""
    if found.why_not:
        yield f"Whether this book is at the tape's levels is not known: {found.first} is no book ({found.why_not})."
    for level in found.levels:
        if level.is_off:
            low, high = _percent(level, level.low, level.high)
            yield f"From {found.first} to {found.last} this book {level_words(level)}, outside {low} to {high}."


def level_words(level: Level) -> str:
    """Return a level of the book beside the tape's, after the words "this book"."""
    book, tape = _percent(level, level.book, level.tape)
    beside = f", the tape {tape}" if np.isfinite(level.tape) else ""
    return f"{VERBS[level.name].format(book)}{beside}"


VERBS = {
    "written_off": "writes off {} of its balance a month",
    "dpd30_share": "has {} of its accounts 30 or more days past due",
    "dpd90_share": "has {} of its accounts 90 or more days past due",
    "balance": "has at a month's end {} of the balance before",
    "paid": "is paid {} of its balance a month",
}


def _percent(level: Level, *shares: float) -> list[str]:
    digits = 2 if level.name in ("written_off", "dpd90_share") else 1
    return [f"{share:.{digits}%}" if np.isfinite(share) else "nobody knows what share" for share in shares]


def levels_section(found: Hindcast, title: str = "Over the tape's own months") -> Section:
    """Return the part of the page that has a scenario's levels beside the tape's."""
    words = [
        f"The {found.accounts:,} accounts that are open in {found.first}, followed to {found.last} on the tape and in "
        "the scenario started from that month. The interval is of what one such book may show, by the sampling "
        "variation of accounts and by the common factor: it should hold the tape's level."
    ]
    rows = [
        (
            BOOK_LEVELS[level.name],
            *(f"{x:.2%}" for x in level[1:3]),
            f"{level.low:.2%} to {level.high:.2%}",
            _held(level),
        )
        for level in found.levels
    ]
    return Section(title, words, (), [Table(("level", "tape", "scenario", "interval", "inside"), rows)])


def _held(level):
    """Return whether the interval holds the tape's level, in a word."""
    return "not told" if np.isnan(level.tape + level.book) else "yes" if level.inside else "no"

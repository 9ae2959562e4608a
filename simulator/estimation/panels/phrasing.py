"""How a scenario stands beside its tape, in words: cautions, clauses and a part of the page."""

from collections.abc import Iterator

import numpy as np

from simulator.estimation.panels.hindcast import BOOK_LEVELS, Hindcast, Level
from simulator.language.catalogue import kept, noted
from simulator.report.paper import Section, Table


def level_cautions(found: Hindcast) -> Iterator[str]:
    """Yield a sentence for each level of the book that is not the tape's, or why nobody knows."""
    if found.why_not:
        yield kept(
            "Whether this book is at the tape's levels is not known: {first} is no book ({why}).",
            first=found.first,
            why=found.why_not,
        )
    for level in found.levels:
        if level.is_off:
            ends = zip(("book", "tape", "low", "high"), (level.book, level.tape, level.low, level.high), strict=True)
            shares = {name: _percent(level, share)[0] for name, share in ends}
            yield kept(OFF[level.name], first=found.first, last=found.last, **shares)


def level_words(level: Level) -> str:
    """Return a level of the book beside the tape's, after the words "this book"."""
    book, tape = _percent(level, level.book, level.tape)
    beside = f", the tape {tape}" if np.isfinite(level.tape) else ""
    return f"{VERBS[level.name].format(book)}{beside}"


OFF = {
    "written_off": noted(
        "From {first} to {last} this book writes off {book} of its balance a month, the tape {tape}, outside {low} to "
        "{high}."
    ),
    "dpd30_share": noted(
        "From {first} to {last} this book has {book} of its accounts 30 or more days past due, the tape {tape}, "
        "outside {low} to {high}."
    ),
    "dpd90_share": noted(
        "From {first} to {last} this book has {book} of its accounts 90 or more days past due, the tape {tape}, "
        "outside {low} to {high}."
    ),
    "balance": noted(
        "From {first} to {last} this book has at a month's end {book} of the balance before, the tape {tape}, outside "
        "{low} to {high}."
    ),
    "paid": noted(
        "From {first} to {last} this book is paid {book} of its balance a month, the tape {tape}, outside {low} to "
        "{high}."
    ),
}
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

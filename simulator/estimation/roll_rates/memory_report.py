"""What a book remembers, which kinds of people it has and who left it silently, in sentences and tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from simulator.estimation.intervals import jeffreys
from simulator.estimation.panels.leavers import leavers
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.estimates import TapeEstimates
from simulator.estimation.roll_rates.forecast import shares
from simulator.estimation.roll_rates.kinds import Kinds
from simulator.estimation.roll_rates.rows import expected
from simulator.report.paper import Section, Table

MEMORY_COLUMNS = ("product", "state", "candidate", "cells", "gain", "sd", "chosen", "why_not")
ROW_COLUMNS = ("product", "segment", "from_state", "cell", "to_state", "n", "probability", "low", "high")
GONE_COLUMNS = ("month", "state", "accounts", "of", "balance")


YEAR = 12  # months ahead for which both forecasts are told
HOW_OFTEN = {2: ("rarely", "often"), 3: ("rarely", "at times", "often")}  # late, the kinds of people
SHORT = 12  # months of a tape below which what hangs on a longer past is said to stay unseen


def answers(done: TapeEstimates) -> Iterator[str]:
    """Yield whether the book remembers, or of which kinds its people are, and who left silently; else nothing.

    With what that changes of a forecast.
    """
    if done.remembers:
        what = " and ".join(dict.fromkeys(kind for each in _chosen(done) for kind in _kinds(each.name)))
        without, within = (f"{share:.1%}" for share in _late_in_a_year(done))
        yield (
            f"The book remembers {what}: 30 or more days past due in a year, without a factor, are {within} of open "
            f"accounts instead of {without} by its matrix."
        )
    for product, found in done.remembered.items():
        if found.kinds:
            without, within = (f"{share:.1%}" for share in _late_in_a_year(done))
            yield (
                f"{_kinds_in_words(done, product, found.kinds)}: 30 or more days past due in a year, without a factor, "
                f"are {within} of open accounts instead of {without} by the matrix."
            )
    left, stood = 0, 0
    if done.moving is not done.panel:
        left = sum(each.accounts for each in leavers(done.panel))
        stood = sum(int(done.moving.moves(pair).sum()) for pair in done.moving.pairs())
        yield f"{left:,} accounts left in silence, {left / max(stood, 1):.2%} of open accounts a month."


def sections(done: TapeEstimates) -> list[Section]:
    """Return the sections on what the book remembers and on kinds of people; none where it has neither."""
    return [*([_memory(done)] if done.remembers else []), *([_people(done)] if done.differs else [])]


def _people(done: TapeEstimates) -> Section:
    """Return the section on kinds of people."""
    told = [f"{_kinds_in_words(done, p, of.kinds)}." for p, of in done.remembered.items() if of.kinds]
    words = [
        *told,
        "Nobody's kind is seen: what an account did makes one kind more likely than another. So many kinds are taken "
        "as forecast months that they were not fitted on better than fewer do, each month's level aside, and better "
        "than what accounts remember. memory.csv has all that were tried, rows.csv the rows of each kind.",
        "The scenario moves accounts by the rows of their kind, which is drawn once for each account from what it did "
        "and kept: book.parquet has it. No policy sees it.",
    ]
    products = [p for p, found in done.remembered.items() if found.kinds]
    return Section("Kinds of people", words, (), [_table(done, "kind", products)])


def _kinds_in_words(done: TapeEstimates, product: str, kinds: Kinds) -> str:
    """Return how many kinds a product has, how many accounts are of each, and how often these turn late."""
    states = done.moving.states
    size = np.array([[(of == k).sum() for k in range(len(kinds.names))] for of in kinds.kind])
    share = size.sum(axis=0) / max(size.sum(), 1)
    turns = np.array([kinds.turns_late(g, states) for g in range(len(kinds.kind))])
    late = (turns * size).sum(axis=0) / np.maximum(size.sum(axis=0), 1)
    each = zip(share, HOW_OFTEN[len(share)], late, strict=True)
    of = "" if len(done.remembered) == 1 else f" who hold a {product}"
    parts = (f"{a:.0%} {words} late ({turn:.1%} of current accounts a month)" for a, words, turn in each)
    return f"{len(share)} kinds of people{of}: {', '.join(parts)}"


def _memory(done: TapeEstimates) -> Section:
    """Return the section on what the book remembers."""
    gained = {(each.state, each.name): each for each in _chosen(done)}
    told = "; ".join(f"{each.state} by {_in_words(each.name)} (gain {each.gain:,.0f})" for each in gained.values())
    months = len(done.moving.months)
    words = [
        f"Accounts of a state do not all move alike. Divided: {told}. A division is taken if it forecasts months that "
        "it was not fitted on better than the state's row does, each month's level aside; the gain is in log "
        "likelihood. memory.csv has all that were tried.",
        "The scenario moves accounts by these rows, and starts from book.parquet, where each account has its past.",
    ]
    if months < SHORT:
        words.append(
            f"{months} months tell little of a past: what hangs on a longer one stays unseen, and a forecast beyond a "
            "few months keeps a part of the matrix's drift."
        )
    products = [p for p, found in done.remembered.items() if found.states]
    return Section("What the book remembers", words, (), [_table(done, "past", products)])


def _table(done: TapeEstimates, what: str, products: list[str]) -> Table:
    """Return the table of the rows of these products."""
    states = [state.name for state in done.moving.states]
    rows: dict[tuple[str, ...], list] = {}
    for product, segment, state, cell, _, n, chance, low, high in cell_rows(done):
        if product not in products:
            continue
        key = (*((product, segment) if len(done.rolls.pooled) > 1 else ()), state, cell, f"{n:,}")
        rows.setdefault(key, []).append((f"{chance:.1%}", f"{low:.1%} to {high:.1%}"))
    names = ("product", "segment") if len(done.rolls.pooled) > 1 else ()
    return Table((*names, "from", what, "accounts", *states), [(*key, *cells) for key, cells in rows.items()])


def _chosen(done):
    return [each for found in done.remembered.values() if found.states for each in found.candidates if each.chosen]


def _kinds(name: str) -> list[str]:
    """Return what a division looks at, in words."""
    looks = ("months", "how long accounts have been in a state"), ("since late", "how long ago they were late")
    found = [words for key, words in looks if key in name]
    return [*(["where they came from"] if "before" in name else []), *found]


def _in_words(name: str) -> str:
    return name.replace("months ", "months in it from ").replace("since late ", "months since late from ")


def _late_in_a_year(done: TapeEstimates) -> list[float]:
    """Return the share 30+ of open accounts in a year by the matrix alone, and by the rows that remember."""
    panel = done.moving.without_last_dues()
    ahead = (expected(panel, pasts, YEAR)[-1] for pasts in ({}, done.remembered))
    return [float(shares(accounts, panel.states)["dpd30_share"]) for accounts in ahead]


def memory_rows(done: TapeEstimates) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of memory.csv, as MEMORY_COLUMNS: each way to divide each state, and what it gains."""
    for product, found in done.remembered.items():
        for each in found.candidates:
            numbers = (None if np.isnan(number) else round(number, 3) for number in (each.gain, each.sd))
            yield (product, each.state, each.name, each.cells, *numbers, int(each.chosen), each.why_not)


def cell_rows(done: TapeEstimates) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of rows.csv, as ROW_COLUMNS: the chosen cells or kinds, their accounts and where these went.

    Intervals are of so many accounts as their number over the dispersion of their state's row.
    """
    states = done.moving.states
    groups = [(group.product, group.segment) for group in done.moving.groups()]
    dispersion = done.rolls.factor.evidence.row_dispersion.reshape(len(groups), -1)
    for product, found in done.remembered.items():
        for segment, s, words, n, chance in _rows(found, states):
            size = n / dispersion[groups.index((product, segment)), s]
            low, high = jeffreys(chance * size, np.full(len(chance), size), done.rolls.level)
            for to, numbers in enumerate(zip(chance.tolist(), low.tolist(), high.tolist(), strict=True)):
                yield (product, segment, states[s].name, words, states[to].name, round(n), *numbers)


def _rows(found: Remembered, states: tuple[PanelState, ...]) -> Iterator[tuple[str, int, str, float, np.ndarray]]:
    """Yield (segment, state, cell in words, accounts, chances) of each row of a product."""
    for of in found.states:
        for g, segment in enumerate(found.segments):
            for cell, n, chance in zip(of.cells, of.n[g], of.chance[g], strict=True):
                yield segment, of.state, cell.words(of.state, states), n, chance
    if found.kinds:
        for g, segment in enumerate(found.segments):
            for k, name in enumerate(found.kinds.names):
                for s, chance in enumerate(found.kinds.mixtures[g].chance[k]):
                    yield segment, s, f"kind {name}", found.kinds.n[g][k, s], chance


def gone_rows(done: TapeEstimates) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of gone.csv, as GONE_COLUMNS: who left silently, by last month and state."""
    units = done.panel.minor_units
    for left in leavers(done.panel):
        owed = None if np.isnan(left.balance) else left.balance / units
        yield (left.month, left.state, left.accounts, left.of, owed)

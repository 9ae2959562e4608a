"""What a book remembers and who left it silently, as tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from simulator.estimation.intervals import jeffreys
from simulator.estimation.panels.leavers import leavers
from simulator.estimation.roll_rates.estimates import TapeEstimates

MEMORY_COLUMNS = ("product", "state", "candidate", "cells", "gain", "sd", "chosen", "why_not")
ROW_COLUMNS = ("product", "segment", "from_state", "cell", "to_state", "n", "probability", "low", "high")
GONE_COLUMNS = ("month", "state", "accounts", "of", "balance")


def memory_rows(done: TapeEstimates) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of memory.csv, as MEMORY_COLUMNS: each way to divide each state, and what it gains."""
    for product, found in done.remembered.items():
        for each in found.candidates:
            numbers = (None if np.isnan(number) else round(number, 3) for number in (each.gain, each.sd))
            yield (product, each.state, each.name, each.cells, *numbers, int(each.chosen), each.why_not)


def cell_rows(done: TapeEstimates) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of rows.csv, as ROW_COLUMNS: the chosen cells, their accounts and where these went.

    Intervals are of so many accounts as their number over the dispersion of their state's row.
    """
    states = done.moving.states
    groups = [(group.product, group.segment) for group in done.moving.groups()]
    dispersion = done.rolls.factor.evidence.row_dispersion.reshape(len(groups), -1)
    for product, found in done.remembered.items():
        for of in found.states:
            for g, segment in enumerate(found.segments):
                spread = dispersion[groups.index((product, segment)), of.state]
                for cell, n, chance in zip(of.cells, of.n[g], of.chance[g], strict=True):
                    size = n / spread
                    low, high = jeffreys(chance * size, np.full(len(chance), size), done.rolls.level)
                    for to, numbers in enumerate(zip(chance.tolist(), low.tolist(), high.tolist(), strict=True)):
                        names = (product, segment, states[of.state].name, cell.words(of.state, states), states[to].name)
                        yield (*names, round(n), *numbers)


def gone_rows(done: TapeEstimates) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of gone.csv, as GONE_COLUMNS: who left silently, by last month and state."""
    units = done.panel.minor_units
    for left in leavers(done.panel):
        owed = None if np.isnan(left.balance) else left.balance / units
        yield (left.month, left.state, left.accounts, left.of, owed)

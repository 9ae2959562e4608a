"""Cells: ways to divide the pasts of a state into few groups, each of which has a row of its own."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates.histories import MONTHS, SINCE_LATE, UNKNOWN, Histories

MONTHS_CUTS = (  # months in the state with which a further cell begins
    *((2,), (2, 3), (2, 3, 6), (2, 3, 6, 12), (2, 3, 6, 12, 24), (2, 4), (3,), (6,), (2, 6), (3, 6, 12)),
    (2, 3, 4, 5, 7, 10, 13),
)
FINE_CUTS = (2, 3, 4, 5, 7, 10, 13, 18)  # by which a cell is divided to tell what months do from what pasts do
SINCE_CUTS = ((4, 12), (2, 7), (2, 4, 7, 12))  # months since last late with which a further cell begins
BOTH_FROM = 18  # months of the tape from which both are looked at together; assumption
RARE = 30  # accounts below which an origin shares its cell with the other rare ones; assumption
LOOKS_BACK = 2 / 3  # of the pairs of months, at most: so everyone's cell is known in the last month


class Cell(NamedTuple):
    """Some pasts of accounts in a state: from month, to month; None has no end."""

    months: tuple[int, int | None] = (1, None)  # in the state, 1 in the month of arrival
    before: tuple[int, ...] | None = None  # states a month before; None: any
    since_late: tuple[int, int | None] = (0, None)  # never late has no end

    @property
    def looks_back(self) -> int:
        """How many months before the present one tell whether an account is in the cell."""
        ends = (low - 1 if high is None else high for low, high in (self.months, self.since_late))
        return max([self.before is not None, *ends])

    def may_hold(self, of: Histories) -> np.ndarray:
        """Return bool[past]: whether accounts of that past are in the cell, or may be where their past is not known."""
        came = np.ones(len(of.before), dtype=bool)
        if self.before is not None:
            came = np.isin(of.before, self.before) | (of.before == UNKNOWN)
        of_months = _may_be(of.months, of.months_known, *self.months)
        return came & of_months & _may_be(of.since_late, of.since_late_known, *self.since_late)

    def divided(self, pairs: int) -> list["Cell"]:
        """Return the cell in parts by months in the state, with no cut further back than so many pairs tell."""
        least, end = self.months
        most = max(2, int(LOOKS_BACK * pairs))
        cuts = tuple(cut for cut in FINE_CUTS if least < cut <= most and (end is None or cut <= end))
        return [self._replace(months=(low, end if high is None else high)) for low, high in _spans(least, cuts)]

    def entry(self, state: str, states: tuple[PanelState, ...], counts: np.ndarray) -> dict[str, Any]:
        """Return the entry of `memory` in a scenario's roll matrix: this cell of `state`, with its row."""
        found: dict[str, Any] = {"state": state}
        if self.months != (1, None):
            found["months_in_state"] = _ends(self.months)
        if self.before is not None:
            found["state_before"] = [states[s].name for s in self.before]
        if self.since_late != (0, None):
            found["months_since_late"] = _ends(self.since_late)
        return found | {"counts": [round(float(n), 4) for n in counts]}

    def words(self, state: int, states: tuple[PanelState, ...]) -> str:
        """Return the cell in words, as after "in bucket 0": "for 3 to 5 months, last late 1 to 3 months ago"."""
        said = []
        if self.before == (state,) and self.months == (1, None):
            said.append("a month before too")
        elif self.before is not None:
            names = [states[s].name if s != state else "nowhere (new)" for s in self.before]
            if self.months == (1, None):
                names = [states[s].name for s in self.before]
            said.append(f"from {', '.join(names)}")
        if self.months == (1, 1):
            said.append("in the first month")
        elif self.months != (1, None):
            low, high = self.months
            span = f"{low}" if low == high else f"{low} to {high}" if high else f"{low} or more"
            said.append(f"for {span} months")
        if self.since_late != (0, None):
            low, high = self.since_late
            said.append(f"last late {low} to {high} months ago" if high else f"not late for {low} months or ever")
        return ", ".join(said)


class Partition(NamedTuple):
    """A way to divide the pasts of a state: its name, and cells of which each past has one."""

    name: str
    cells: tuple[Cell, ...]


def partitions(of: Histories, state: int, states: tuple[PanelState, ...], months: int) -> Iterator[Partition]:
    """Yield the candidates for a state, from what was seen of it in `months` pairs of months.

    By months in the state, by the state before, by both in the month of arrival, by months since last late and, where
    there are months enough, by months in the state and since last late.
    """
    most = max(2, int(LOOKS_BACK * months))
    of_months = [cuts for cuts in MONTHS_CUTS if cuts[-1] <= min(most, MONTHS)]
    origins = _origins(of)
    by_months = {cuts: [Cell(months=span) for span in _spans(1, cuts)] for cuts in of_months}
    for cuts, cells in by_months.items():
        yield Partition(f"months {_listed(cuts)}", tuple(cells))
    if len(origins) > 1:
        yield Partition("state before", tuple(Cell(before=came) for came in origins))
    arrivals = _origins(of, arriving=True)
    if len(arrivals) > 1:
        for cuts, cells in by_months.items():
            if cuts[0] == 2 and (len(cuts) > 1 or (state,) in arrivals):  # else nothing but the state before
                first = [Cell(months=(1, 1), before=came) for came in arrivals]
                yield Partition(f"state before, months {_listed(cuts)}", (*first, *cells[1:]))
    if states[state].is_late(1):
        return
    of_since = [cuts for cuts in SINCE_CUTS if cuts[-1] <= min(most, SINCE_LATE)]
    by_since = {cuts: [Cell(since_late=span) for span in _spans(1, cuts)] for cuts in of_since}
    for cuts, cells in by_since.items():
        yield Partition(f"since late {_listed(cuts)}", tuple(cells))
    if months + 1 >= BOTH_FROM:
        for cuts, cells in by_months.items():
            for since, others in by_since.items():
                both = [Cell(months=a.months, since_late=b.since_late) for a in cells for b in others]
                yield Partition(f"months {_listed(cuts)}, since late {_listed(since)}", tuple(both))


def _origins(of: Histories, arriving: bool = False) -> list[tuple[int, ...]]:
    """Return the states before that have a cell of their own, and last the rare ones together; those never seen not."""
    counted = of.moves.sum(axis=(0, 1, 3)) * ((of.months == 1) & of.months_known if arriving else of.before != UNKNOWN)
    accounts = np.bincount(of.before + 1, counted)[1:]
    rare = tuple(np.flatnonzero((accounts > 0) & (accounts < RARE)).tolist())
    return [*((s,) for s in np.flatnonzero(accounts >= RARE).tolist()), *([rare] if rare else [])]


def _spans(first: int, cuts: tuple[int, ...]) -> list[tuple[int, int | None]]:
    """Return the ranges that begin at `first` and at each of `cuts`, the last without end."""
    begins = (first, *cuts)
    return [(low, high - 1) for low, high in pairwise(begins)] + [(begins[-1], None)]


def _may_be(least, known, low, high):
    """Return whether a counter may lie between `low` and `high`, where what is not known is a least value."""
    below_end = True if high is None else least <= high
    return below_end & (~known | (least >= low))


def _ends(span: tuple[int, int | None]) -> list[int]:
    return [span[0]] if span[1] is None else [span[0], span[1]]


def _listed(cuts: tuple[int, ...]) -> str:
    return " ".join(map(str, cuts))

"""Runs in which a policy reads last month's book: month by month, everyone's state kept between.

Threads share the tiles. After each span their sums meet, so that the books of the month are known before the next.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from simulator.engine.accumulators import add_batches, empty_sums
from simulator.engine.regimes import Regimes, months_read
from simulator.kernel.driver import advance
from simulator.lowering.lower import Lowered, tables_for
from simulator.model.errors import Problem, UserError
from simulator.model.kept import writable
from simulator.model.layout import K_COUNT, K_ENTRY, N_STATE
from simulator.model.philox import MAX_MONTH
from simulator.model.tables import OWN_ROWS, Levers, Span, Sums
from simulator.system.machine import machine_memory

MEMORY_SHARE = 1 / 4  # of the machine's memory that everyone's state may take
NO_STORE = np.zeros((0, 0, 0, 0), np.int32)


def state_bytes(lowered: Lowered, replications: int) -> int:
    """Return the bytes in which everyone's state is kept between spans, of so many replications at once."""
    borrowers = sum(len(tiles) * _longest(tiles) for tiles in _tiles_by_length(lowered))
    return borrowers * replications * N_STATE * np.dtype(np.int32).itemsize


def replications_at_once(lowered: Lowered) -> int:
    """Return for how many replications everyone's state fits; UserError if it does not for a single one."""
    one, there = state_bytes(lowered, 1), machine_memory()
    most = min(lowered.replications, MAX_MONTH)  # the kernel notes a row of levers for each
    if there is None or one == 0:
        return most
    if one > there * MEMORY_SHARE:
        found = (
            f"policies that read last month's book need everybody's state kept: {one / 1e9:,.1f} GB for one "
            f"replication, of {there * MEMORY_SHARE / 1e9:,.1f} that may be taken"
        )
        raise UserError(Problem("memory", "", found, "fewer borrowers, or no policy with `when` or `capacity`"))
    return min(int(there * MEMORY_SHARE / one), most)


def borrower_months(tiles: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return int64[tile]: borrowers times the months they are there from `first` to `last`, of one replication."""
    return tiles[:, K_COUNT] * np.maximum(last + 1 - np.maximum(tiles[:, K_ENTRY], first), 0)


def simulate(
    lowered: Lowered,
    first: int,
    end: int,
    threads: int,
    progress: Callable[[int], None] = lambda done: None,
    fast: bool = True,
    note: Callable[[int, Levers, np.ndarray], None] = lambda month, levers, further: None,
    sums: Sums | None = None,
) -> Sums:
    """Return the sums of replications `first` to `end` - 1; `progress` is told the borrower-months of each span done.

    `note` is told each month that a policy reads the book before, and what `Regimes.levers` says of it. `sums` are
    those to add to, if they are given, whose flows are still 0.
    """
    replications, segments = end - first, len(lowered.segments)
    tables = tables_for(lowered, first, end)
    sums = sums or empty_sums(replications, lowered.months_total, segments)
    regimes = Regimes(lowered, replications)
    shares = [[tiles[k::threads] for tiles in _tiles_by_length(lowered)] for k in range(threads)]
    shares = [share for share in shares if any(map(len, share))]
    others = [empty_sums(replications, lowered.months_total, segments) for _ in shares[1:]]
    workers = [
        _Worker(lowered, tables, first, end, share, fast, own)
        for share, own in zip(shares, [sums, *others], strict=False)
    ]
    with ThreadPoolExecutor(max(len(workers), 1)) as pool:
        for month_from, month_to in _spans(lowered):
            levers, further = lowered.levers, OWN_ROWS
            if month_from in regimes.months:
                known = sums.flows
                if month_from == 1:
                    known = known[:, :, :1] + sum(pool.map(_Worker.opening, workers))
                levers, further = regimes.levers(month_from, known)
                note(month_from, levers, further)
            months = slice(month_from if month_from > 1 else 0, month_to + 1)  # with the opening
            span = Span(first, end, month_from, month_to, further)
            list(pool.map(lambda worker, to=(levers, span): worker.advance(*to), workers))
            for own in others:
                sums.flows[:, :, months] += own.flows[:, :, months]
            progress(int(borrower_months(lowered.tiles, month_from, month_to).sum()) * replications)
    for own in others:  # the flows are there already
        add_batches(sums, own, range(first, end))
    return sums


def levers_in_force(lowered: Lowered, replication: int, threads: int = 1) -> Levers:
    """Return the levers in force in a replication, month by month; where no policy reads the book, all of them.

    To know them, the whole book has to be simulated.
    """
    if not lowered.readers:
        return lowered.levers
    levers = writable(lowered.levers)

    def note(month, written, further):
        for array, rows in zip(levers, written, strict=True):
            array[month] = rows[month + further[0]]

    simulate(lowered, replication, replication + 1, threads, note=note)
    return levers


class _Worker:
    """Some of the tiles: what one thread does of every span, the state it keeps between, the sums it adds to."""

    def __init__(self, lowered, tables, first, end, share, fast, sums):
        self.lowered, self.tables, self.first, self.fast = lowered, tables, first, fast
        self.replications = end - first
        longest = [_longest(tiles) for tiles in _tiles_by_length(lowered)]
        self.work = [
            (np.ascontiguousarray(tiles), np.zeros((self.replications, len(tiles), N_STATE, lanes), np.int32))
            for tiles, lanes in zip(share, longest, strict=True)
        ]
        self.sums = sums

    def opening(self):
        """Return int64[replication, half, 1, segment, product, name]: the opening book, before month 1."""
        opening = empty_sums(self.replications, 0, len(self.lowered.segments))
        span = Span(self.first, self.first + self.replications, 1, 0)  # which loads everybody; month 1 loads them again
        for tiles, _ in self.work:
            self._advance(self.lowered.levers, tiles, span, NO_STORE, opening)
        return opening.flows

    def advance(self, levers, span):
        """Take everybody through a span."""
        for tiles, store in self.work:
            self._advance(levers, tiles, span, store, self.sums)

    def _advance(self, levers, tiles, span, store, sums):
        advance(self.tables, levers, tiles, self.lowered.tape, span, self.fast, store, sums)


def _spans(lowered):
    """Return (first month, last month) of each span: single ones while the book is read, else one."""
    read = months_read(lowered)
    first, end = read.start, read.stop
    spans = [(1, first - 1), *((month, month) for month in range(first, end)), (end, lowered.months_total)]
    return [span for span in spans if span[0] <= span[1]]


def _tiles_by_length(lowered):
    """Return the tiles of the opening book, which are full, and those of the applicants, which are mostly short."""
    arrives = lowered.tiles[:, K_ENTRY] > 0
    return lowered.tiles[~arrives], lowered.tiles[arrives]


def _longest(tiles):
    """Return the most borrowers that a tile has."""
    return int(tiles[:, K_COUNT].max(initial=0))

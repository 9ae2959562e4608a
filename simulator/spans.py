"""Runs in which a policy reads last month's book: month by month, everyone's state kept between.

A **regime** is what the policies do in one month: those that read the book with the settings in force by the book of
one replication. Replications that are neighbours and of one regime go through the month together.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple

import numpy as np

from simulator.kernel.names import K_COUNT, K_ENTRY, N_FLOWS, N_STATE
from simulator.kernel.tables import Levers, Sums
from simulator.lower import Lowered, tables_for
from simulator.policies.book import Book
from simulator.policies.levers import write_all
from simulator.scenario.errors import Problem, UserError
from simulator.sums import empty_sums, machine_memory

MEMORY_SHARE = 1 / 4  # of the machine's memory that everyone's state may take
NO_STORE = np.zeros((0, 0, 0, 0), np.int32)


class Course(NamedTuple):
    """Neighbouring replications, counted from the first of the chunk, that go through a span under the same levers."""

    first: int
    end: int  # the one after the last
    levers: Levers  # row `month` is what the lender does in that month; others may be empty


def state_bytes(lowered: Lowered, replications: int) -> int:
    """Return the bytes in which everyone's state is kept between spans, of so many replications at once."""
    borrowers = sum(len(tiles) * _longest(tiles) for tiles in _tiles_by_length(lowered))
    return borrowers * replications * N_STATE * np.dtype(np.int32).itemsize


def replications_at_once(lowered: Lowered) -> int:
    """Return for how many replications everyone's state fits; UserError if it does not for a single one."""
    one, there = state_bytes(lowered, 1), machine_memory()
    if there is None or one == 0:
        return lowered.replications
    if one > there * MEMORY_SHARE:
        found = (
            f"policies that read last month's book need everybody's state kept: {one / 1e9:,.1f} GB for one "
            f"replication, of {there * MEMORY_SHARE / 1e9:,.1f} that may be taken"
        )
        raise UserError(Problem("memory", "", found, "fewer borrowers, or no policy with `when` or `capacity`"))
    return min(int(there * MEMORY_SHARE / one), lowered.replications)


def lived(tiles: np.ndarray, first: int, last: int) -> np.ndarray:
    """Return int64[tile]: borrowers times the months they are there from `first` to `last`, of one replication."""
    return tiles[:, K_COUNT] * np.maximum(last + 1 - np.maximum(tiles[:, K_ENTRY], first), 0)


def live(
    lowered: Lowered,
    first: int,
    end: int,
    threads: int,
    progress: Callable[[int], None] = lambda done: None,
    fast: bool = True,
    note: Callable[[int, list[Course]], None] = lambda month, courses: None,
) -> Sums:
    """Return the sums of replications `first` to `end` - 1; `progress` is told the borrower-months of each span done.

    `note` is told each month that a policy reads the book before, and under which levers it is lived.
    """
    replications, segments = end - first, len(lowered.segments)
    tables, sums = tables_for(lowered, first, end), empty_sums(replications, lowered.months_total, segments)
    regimes = _Regimes(lowered, replications)
    shares = [[tiles[k::threads] for tiles in _tiles_by_length(lowered)] for k in range(threads)]
    hands = [_Hand(lowered, tables, first, end, share, fast) for share in shares if any(map(len, share))]
    with ThreadPoolExecutor(max(len(hands), 1)) as pool:
        for opening in pool.map(_Hand.opening, hands):
            sums.flows[:, :, :1] += opening
        for month_from, month_to in _spans(lowered):
            courses = [Course(0, replications, lowered.levers)]
            if month_from in regimes.months:
                courses = regimes.courses(month_from, sums.flows)
                note(month_from, courses)
            months = slice(month_from, month_to + 1)
            for hand in pool.map(lambda hand, to=(month_from, month_to, courses): hand.live(*to), hands):
                sums.flows[:, :, months] += hand.sums.flows[:, :, months]
            progress(int(lived(lowered.tiles, month_from, month_to).sum()) * replications)
    for hand in hands:
        for all_of_it, own in zip(sums[1:], hand.sums[1:], strict=True):  # the flows are there already
            all_of_it += own
    return sums


def levers_in_force(lowered: Lowered, replication: int, threads: int = 1) -> Levers:
    """Return the levers that a replication is lived under, month by month; where no policy reads the book, all of them.

    To know them, the whole book has to live.
    """
    if not lowered.readers:
        return lowered.levers
    levers = Levers(*(array.copy() for array in lowered.levers))

    def note(month, courses):
        for array, row in zip(levers, courses[0].levers, strict=True):
            array[month] = row[month]

    live(lowered, replication, replication + 1, threads, note=note)
    return levers


class _Hand:
    """Some of the tiles: what one thread does of every span, the state it keeps between, the sums it adds to."""

    def __init__(self, lowered, tables, first, end, share, fast):
        self.lowered, self.tables, self.first, self.fast = lowered, tables, first, fast
        self.replications = end - first
        longest = [_longest(tiles) for tiles in _tiles_by_length(lowered)]
        self.work = [
            (np.ascontiguousarray(tiles), np.zeros((self.replications, len(tiles), N_STATE, lanes), np.int32))
            for tiles, lanes in zip(share, longest, strict=True)
        ]
        self.sums = empty_sums(self.replications, lowered.months_total, len(lowered.segments))

    def opening(self):
        """Return int64[replication, half, 1, segment, product, name]: the opening book, before anybody lives."""
        opening = empty_sums(self.replications, 0, len(self.lowered.segments))
        for tiles, _ in self.work:  # a span that ends before month 1 loads everybody; month 1 loads them again
            self._advance(Course(0, self.replications, self.lowered.levers), tiles, 1, 0, NO_STORE, opening)
        return opening.flows

    def live(self, month_from, month_to, courses):
        """Take everybody through a span, and return itself."""
        for tiles, store in self.work:
            for course in courses:
                self._advance(course, tiles, month_from, month_to, store[course.first : course.end], self.sums)
        return self

    def _advance(self, course, tiles, month_from, month_to, store, sums):
        from simulator.kernel.tile import advance  # numba and the compiled code: only a run pays for them

        advance(
            _tables_of(self.tables, course, self.replications), course.levers, tiles, self.lowered.tape,
            self.first + course.first, self.first + course.end, month_from, month_to, self.fast, store,
            sums.flows[course.first : course.end], *sums[1:],
        )  # fmt: skip


class _Regimes:
    """The regimes of the replications of a chunk, month by month, and their levers."""

    def __init__(self, lowered, replications):
        policies = [settings for settings in lowered.settings.policy.values() if settings.enabled]
        first = next(k for k, settings in enumerate(policies) if settings.reads_book)
        self.frame, self.policies, self.readers = lowered.frame, policies[first:], lowered.readers
        self.months = range(*_months_read(lowered))
        # What policies before the first reader write is the same in all regimes; a month of them is its first part.
        self.before = lowered.neutral_levers()
        write_all(self.before, policies[:first], self.frame)
        # Rows: regime k of the month at hand is row `months_total` + k. A view that starts `month` rows before it has
        # it as its row `month`, where the kernel and the policies look; the rows below are never touched.
        self.base = lowered.months_total
        self.rows = Levers(*(np.empty((self.base + replications, *a.shape[1:]), a.dtype) for a in self.before))
        self.books = [np.zeros((replications, self.base + 1, N_FLOWS), np.int64) for _ in self.readers]
        self.known = 0  # months from the opening on that are in `books`

    def courses(self, month, flows):
        """Return the courses of a month, given the flows of the months before it."""
        self._read(month, flows)
        regimes = [self._regime(month, replication) for replication in range(len(flows))]
        levers = {regime: self._levers(month, regime, k) for k, regime in enumerate(dict.fromkeys(regimes))}
        courses, first = [], 0
        for regime, together in groupby(regimes):
            end = first + sum(1 for _ in together)
            courses.append(Course(first, end, levers[regime]))
            first = end
        return courses

    def _read(self, month, flows):
        """Bring the books of the readers, each of its own segments and products, to the end of the month before."""
        news = slice(self.known, month)
        for book, settings in zip(self.books, self.readers, strict=True):
            _, _, segments, products = self.frame.acting(settings)
            cells = flows[:, :, news, list(segments)][:, :, :, :, list(products)]
            book[:, news] = cells.sum(axis=(1, 3, 4))
        self.known = month

    def _regime(self, month, replication):
        """Return the settings of each reader in force in a month of a replication, None where it does not act."""
        return tuple(
            settings.in_force(Book(book[replication, :month])) if month in self.frame.months_of(settings) else None
            for settings, book in zip(self.readers, self.books, strict=True)
        )

    def _levers(self, month, regime, k):
        """Return levers whose row `month` is a regime's, written in the order of the file."""
        levers = Levers(*(rows[self.base + k - month :] for rows in self.rows))
        for array, before in zip(levers, self.before, strict=True):
            array[month] = before[month]
        read = iter(regime)
        policies = [next(read) if settings.reads_book else settings for settings in self.policies]
        write_all(levers, [settings for settings in policies if settings is not None], self.frame._replace(only=month))
        return levers


def _months_read(lowered):
    """Return the first month that a reader may act in, and the one after the last."""
    months = [lowered.frame.months_of(settings) for settings in lowered.readers]
    return min(acts.start for acts in months), max(acts.stop for acts in months)


def _spans(lowered):
    """Return (first month, last month) of each span: single ones while the book is read, else one."""
    first, end = _months_read(lowered)
    spans = [(1, first - 1), *((month, month) for month in range(first, end)), (end, lowered.months_total)]
    return [span for span in spans if span[0] <= span[1]]


def _tiles_by_length(lowered):
    """Return the tiles of the opening book, which are full, and those of the applicants, which are mostly short."""
    arrives = lowered.tiles[:, K_ENTRY] > 0
    return lowered.tiles[~arrives], lowered.tiles[arrives]


def _longest(tiles):
    """Return the most borrowers that a tile has."""
    return int(tiles[:, K_COUNT].max(initial=0))


def _tables_of(tables, course, replications):
    """Return the tables of a course: where the factor moves a table its first axis is the replications."""
    if course.end - course.first == replications:
        return tables
    own = {name: getattr(tables, name) for name in ("economy", "roll")}
    cut = {name: table[course.first : course.end] for name, table in own.items() if len(table) == replications}
    return tables._replace(**cut)

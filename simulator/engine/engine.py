"""Run the integers of a lowered scenario: shards of tiles and replications on threads, sums added at the end.

A shard is some tiles for some replications. Each thread adds into sums of its own; integer addition makes the order,
the cut into shards and the number of threads invisible in the result.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np

from simulator.engine import monthly as by_month
from simulator.engine.accumulators import add, bytes_of_sums, empty_sums, part_of
from simulator.engine.monthly import NO_STORE
from simulator.jit.ahead_of_time import compiling
from simulator.kernel.driver import advance
from simulator.lowering.lower import Lowered, tables_for
from simulator.model.layout import LANES, N_FLOWS, N_PRODUCT, N_STATE
from simulator.model.tables import Span, Sums
from simulator.system.machine import available_threads

CHUNK_BYTES = 48 << 20  # of one thread's sums: how many replications go together
CHUNK_WORK = 4_000_000  # borrower-months of one tile up to which replications go together
SHARD_WORK = 1_000_000  # borrower-months a thread takes at a time at most, or a tile if it has more
SHARDS_LEFT = 4  # ... and of what is left no more than one in so many for each thread: so threads end together


def bytes_needed(lowered: Lowered, threads: int) -> int:
    """Return the bytes of all sums of one variant: those kept and those of the threads at work."""
    months, segments = lowered.months_total, len(lowered.segments)
    kept = bytes_of_sums(lowered.replications, months, segments)
    return kept + threads * bytes_of_sums(_chunk(lowered), months, segments)


def bytes_of_flows(lowered: Lowered) -> int:
    """Return the bytes of the flows of one variant, without its other sums."""
    return 8 * 2 * lowered.replications * (lowered.months_total + 1) * len(lowered.segments) * N_PRODUCT * N_FLOWS


def sums_of(lowered: Lowered) -> Sums:
    """Return sums of zero for every replication and month of a lowered scenario."""
    return empty_sums(lowered.replications, lowered.months_total, len(lowered.segments))


def state_bytes_at_once(lowered: Lowered) -> int:
    """Return the bytes of everyone's state that a run keeps between spans; 0 where no policy reads the book.

    Raises UserError if the state of one replication is more than may be taken.
    """
    return by_month.state_bytes(lowered, _chunk(lowered)) if lowered.readers else 0


def borrower_months(lowered: Lowered) -> int:
    """Return borrowers times months times replications, the work of a run, counted before anyone leaves."""
    return int(by_month.borrower_months(lowered.tiles, 1, lowered.months_total).sum()) * lowered.replications


def prepare(lowered: Lowered, tell: Callable[[str], None] = lambda stage: None) -> None:
    """Have the kernel's code ready: loaded from the cache or, the first time, compiled, and then kept there.

    Any scenario gives the same code. `tell` is told of each stage, if it has to be compiled.
    """
    with compiling(tell):
        advance(*nobody_of(lowered))


def gives_same(a: Lowered, b: Lowered) -> bool:
    """Return whether two lowered scenarios are the same to the last integer that a life depends on: so are their sums.

    Never, if policies read last month's book and any setting differs.
    """
    if a.numbers != b.numbers or ((a.readers or b.readers) and a.settings != b.settings):
        return False

    def same(*pair):
        return all(x is y or np.array_equal(x, y) for x, y in zip(*pair, strict=True))

    # What moves is most often in the first two; the tables under the factor take longest to make.
    if not same((*a.levers, *a.tables, a.tiles, a.tape), (*b.levers, *b.tables, b.tiles, b.tape)):
        return False
    return same(*(tables_for(one, one.first, one.first + one.replications) for one in (a, b)))


def nobody_of(lowered: Lowered) -> tuple:
    """Return the arguments of a call of the kernel's `advance` that has nobody to advance."""
    nobody, sums = lowered.tiles[:0], empty_sums(1, 1, len(lowered.segments))
    return lowered.tables, lowered.levers, nobody, lowered.tape, Span(0, 1, 1, 1), True, NO_STORE, sums


def run(
    lowered: Lowered,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    fast: bool = True,
    spans: tuple[int, ...] = (),
    among: range | None = None,
    sums: Sums | None = None,
) -> Sums:
    """Return the sums of every replication and month of a lowered scenario.

    Of the replications `among` all alone, if it is given; `sums` are those of all, to which they are added.

    `progress` is told the borrower-months of each shard done. `fast=False` takes the scalar kernel. `spans` are months
    after which everyone's state is kept and taken up again. None of these, nor `threads`, changes a byte. Where a
    policy reads last month's book, spans are its own.
    """
    prepare(lowered)
    threads = threads or available_threads()
    among = lowered.numbers if among is None else among
    start = lowered.first
    sums = sums or sums_of(lowered)
    if lowered.readers:
        for first, end in _chunks(lowered, among):
            own = part_of(sums, slice(first - start, end - start))
            by_month.simulate(lowered, first, end, threads, progress, fast, sums=own)
        return sums
    work, adding = _Shards(lowered, among, threads), Lock()

    def take_shards():
        held = own = tables = None  # the chunk of replications this thread is in, its sums and tables
        while (shard := work.next()) is not None:
            chunk, tiles = shard
            first, last = chunk
            if chunk != held:
                put(held, own)
                if threads == 1:
                    held, own = chunk, part_of(sums, slice(first - start, last - start))
                else:
                    held, own = chunk, empty_sums(last - first, lowered.months_total, len(lowered.segments))
                tables = work.tables(chunk)
            store = np.zeros((last - first, len(tiles), N_STATE, LANES), np.int32) if spans else NO_STORE
            month = 1
            for cut in (*spans, lowered.months_total):
                span = Span(first, last, month, cut)
                advance(tables, lowered.levers, tiles, lowered.tape, span, fast, store, own)
                month = cut + 1
            progress(int(by_month.borrower_months(tiles, 1, lowered.months_total).sum()) * (last - first))
        put(held, own)

    def put(chunk, own):
        if own is not None and threads > 1:
            with adding:
                add(sums, own, range(*chunk), start)

    if threads == 1:  # a thread of its own would begin with memory of its own
        take_shards()
        return sums
    with ThreadPoolExecutor(threads) as pool:
        try:
            for done in [pool.submit(take_shards) for _ in range(threads)]:
                done.result()
        finally:
            work.stop()  # after a failure or Ctrl-C the other threads end with the shard they are at
    return sums


class _Shards:
    """The work of a run, handed out in order: a chunk of replications and some tiles at a time."""

    def __init__(self, lowered, among, threads):
        self.lowered, self.lock = lowered, Lock()
        self.world = None  # the tables of the newest chunk
        self.shards = _shards(lowered, among, threads)

    def next(self):
        """Return the next ((replication_from, replication_to), tiles), or None when all is handed out."""
        with self.lock:
            return next(self.shards, None)

    def stop(self):
        """Hand out nothing more."""
        with self.lock:
            self.shards = iter(())

    def tables(self, chunk):
        """Return the tables of a chunk, lowered once for the threads that share it."""
        with self.lock:
            if self.world is None or self.world[0] != chunk:
                self.world = chunk, tables_for(self.lowered, *chunk)
            return self.world[1]


def _shards(lowered, among, threads):
    """Yield ((replication_from, replication_to), tiles) of all shards, smaller ones at the end if threads share it."""
    upto = np.concatenate(
        [[0], np.cumsum(by_month.borrower_months(lowered.tiles, 1, lowered.months_total))]
    )  # borrower-months of each
    left = int(upto[-1]) * len(among)
    for chunk in _chunks(lowered, among):
        replications, first = chunk[1] - chunk[0], 0
        while first < len(lowered.tiles):
            most = left if threads == 1 else left // (SHARDS_LEFT * threads)
            work = min(SHARD_WORK, most) // replications
            end = max(int(np.searchsorted(upto, upto[first] + work, side="right")) - 1, first + 1)
            left -= int(upto[end] - upto[first]) * replications
            yield chunk, lowered.tiles[first:end]
            first = end


def _chunks(lowered, among):
    """Return (first, one after the last) of the replications of each chunk of those `among` all."""
    size = _chunk(lowered)
    return [(k, min(k + size, among.stop)) for k in range(among.start, among.stop, size)]


def _chunk(lowered):
    """Return how many replications go together: few enough for the memory, and for a shard of one tile."""
    one = 8 * 2 * N_FLOWS * N_PRODUCT * len(lowered.segments) * (lowered.months_total + 1)
    if lowered.readers:
        largest = min(CHUNK_BYTES // one, by_month.replications_at_once(lowered))
    else:
        largest = min(CHUNK_BYTES // one, CHUNK_WORK // (LANES * lowered.months_total))
    return int(min(max(largest, 1), lowered.replications))

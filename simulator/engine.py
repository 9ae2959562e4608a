"""Run the integers of a lowered scenario: shards of tiles and replications on threads, sums added at the end.

A shard is some tiles for some replications. Each thread adds into sums of its own; integer addition makes the order,
the cut into shards and the number of threads invisible in the result.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from simulator.kernel.names import (
    K_COUNT,
    K_ENTRY,
    LANES,
    N_FLOWS,
    N_FROM,
    N_PRODUCT,
    N_STATE,
    N_TO,
    N_VINTAGE,
    SUMS_PER_BATCH,
)
from simulator.kernel.tables import Sums
from simulator.lower import Lowered, tables_for

SHARD_BYTES = 48 << 20  # of one thread's sums: how many replications go together
SHARDS_PER_THREAD = 4  # so that threads end together
NO_STORE = np.zeros((0, 0, 0, 0), np.int32)


def available_threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def empty_sums(replications: int, months: int, segments: int) -> Sums:
    """Return sums of zero for `months` months after the opening."""
    return Sums(
        np.zeros((replications, 2, months + 1, segments, N_PRODUCT, N_FLOWS), np.int64),
        np.zeros((SUMS_PER_BATCH, months + 1, segments, N_PRODUCT, N_FROM, N_TO, 2), np.int64),
        np.zeros((SUMS_PER_BATCH, months + 1, months + 1, segments, N_PRODUCT, N_VINTAGE), np.int64),
    )


def bytes_needed(lowered: Lowered, threads: int) -> int:
    """Return the bytes of all sums of one variant: those kept and those of the threads at work."""
    months, segments = lowered.months_total, len(lowered.segments)
    kept = _bytes(lowered.replications, months, segments)
    return kept + threads * _bytes(_chunk(lowered), months, segments)


def borrower_months(lowered: Lowered) -> int:
    """Return borrowers times months times replications, the work of a run, counted before anyone leaves."""
    lived = lowered.months_total + 1 - np.maximum(lowered.tiles[:, K_ENTRY], 1)
    return int((lowered.tiles[:, K_COUNT] * lived).sum()) * lowered.replications


def run(
    lowered: Lowered,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
    fast: bool = True,
    spans: tuple[int, ...] = (),
) -> Sums:
    """Return the sums of every replication and month of a lowered scenario.

    `progress` is told the borrower-months of each shard done. `fast=False` takes the scalar kernel. `spans` are months
    after which everyone's state is kept and taken up again. None of these, nor `threads`, changes a byte.
    """
    from simulator.kernel.tile import advance  # numba and the compiled code: only a run pays for them

    threads = threads or available_threads()
    sums = empty_sums(lowered.replications, lowered.months_total, len(lowered.segments))
    cuts = [*spans, lowered.months_total]
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, lowered.replications, _chunk(lowered)):
            last = min(first + _chunk(lowered), lowered.replications)
            tables = tables_for(lowered, first, last)

            def live(shards, first=first, last=last, tables=tables):
                own = empty_sums(last - first, lowered.months_total, len(lowered.segments))
                for tiles in shards:
                    store = np.zeros((last - first, len(tiles), N_STATE, LANES), np.int32) if spans else NO_STORE
                    month = 1
                    for cut in cuts:
                        advance(
                            tables, lowered.levers, tiles, lowered.tape, first, last, month, cut, fast, store, *own
                        )  # fmt: skip
                        month = cut + 1
                    lived = np.maximum(lowered.months_total + 1 - np.maximum(tiles[:, K_ENTRY], 1), 0)
                    progress(int((tiles[:, K_COUNT] * lived).sum()) * (last - first))
                return own

            size = max(1, -(-len(lowered.tiles) // (threads * SHARDS_PER_THREAD)))
            shards = [lowered.tiles[k : k + size] for k in range(0, len(lowered.tiles), size)]
            for own in pool.map(live, [shards[k::threads] for k in range(min(threads, len(shards)))]):
                sums.flows[first:last] += own.flows
                sums.rolls[:] += own.rolls
                sums.vintages[:] += own.vintages
    return sums


def _bytes(replications, months, segments):
    """Return the bytes of `empty_sums`."""
    cells = segments * N_PRODUCT * (months + 1)
    batches = SUMS_PER_BATCH * (N_FROM * N_TO * 2 + (months + 1) * N_VINTAGE)
    return 8 * cells * (replications * 2 * N_FLOWS + batches)


def _chunk(lowered):
    """Return how many replications one thread's sums hold."""
    one = 8 * 2 * N_FLOWS * N_PRODUCT * len(lowered.segments) * (lowered.months_total + 1)
    return int(min(max(SHARD_BYTES // one, 1), lowered.replications))

"""What a run adds to, and the memory that it takes."""

import numpy as np

from simulator.model.layout import N_FLOWS, N_FROM, N_PRODUCT, N_RATING, N_TO, N_VINTAGE, RATING_CLASSES, SUMS_PER_BATCH
from simulator.model.tables import Sums


def empty_sums(replications: int, months: int, segments: int) -> Sums:
    """Return sums of zero for `months` months after the opening."""
    return Sums(
        np.zeros((replications, 2, months + 1, segments, N_PRODUCT, N_FLOWS), np.int64),
        np.zeros((SUMS_PER_BATCH, months + 1, segments, N_PRODUCT, N_FROM, N_TO, 2), np.int64),
        np.zeros((SUMS_PER_BATCH, months + 1, months + 1, segments, N_PRODUCT, N_VINTAGE), np.int64),
        np.zeros((SUMS_PER_BATCH, segments, N_PRODUCT, N_RATING, RATING_CLASSES, 2), np.int64),
    )


def bytes_of_sums(replications: int, months: int, segments: int) -> int:
    """Return the bytes of `empty_sums`."""
    cells = segments * N_PRODUCT * (months + 1)
    batches = SUMS_PER_BATCH * (N_FROM * N_TO * 2 + (months + 1) * N_VINTAGE)
    ratings = SUMS_PER_BATCH * segments * N_PRODUCT * N_RATING * RATING_CLASSES * 2
    return 8 * (cells * (replications * 2 * N_FLOWS + batches) + ratings)


def flows_alone(sums: Sums) -> Sums:
    """Return sums that hold on to their flows only; the others are of length 0."""
    return Sums(sums.flows, *(array[:0].copy() for array in sums[1:]))


def by_flow(sums: Sums) -> Sums:
    """Return the same sums with the cells of each flow side by side in memory, for who reads flows again and again."""
    cells = np.empty((N_FLOWS, *sums.flows.shape[:-1]), np.int64)
    flows = np.moveaxis(cells, 0, -1)
    flows[...] = sums.flows
    return sums._replace(flows=flows)


def part_of(sums: Sums, replications: slice) -> Sums:
    """Return the sums to which some replications add, as views."""
    return sums._replace(flows=sums.flows[replications])


def add(sums: Sums, own: Sums, numbers: range, start: int) -> None:
    """Add the sums `own` of the replications of some numbers to those of all, whose first has the number `start`."""
    sums.flows[numbers.start - start : numbers.stop - start] += own.flows
    add_batches(sums, own, numbers)


def add_batches(sums: Sums, own: Sums, numbers: range) -> None:
    """Add the sums `own` of the replications of some numbers to those of all, but for the flows."""
    for batch in batches_of(numbers):  # the others are empty: not even their memory is touched
        for all_of_it, of_these in zip(sums[1:], own[1:], strict=True):
            all_of_it[batch] += of_these[batch]


def batches_of(numbers: range) -> list[int]:
    """Return the batches to which replications of these numbers add, in order."""
    return sorted({number % SUMS_PER_BATCH for number in numbers[:SUMS_PER_BATCH]})

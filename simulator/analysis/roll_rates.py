"""Roll rates of a lender, with the late buckets together, and how they differ from another lender's."""

import math

import numpy as np

from simulator.analysis.estimates import Difference, paired
from simulator.analysis.ledger import Ledger
from simulator.model.layout import BUCKETS

LATE = 6  # bucket from which buckets are counted together
NO_DIFFERENCE = Difference(0.0, 0.0, 0.0, 0.0, math.nan)


def matrices(ledger, by_balance: bool = False, is_whole: bool = False) -> np.ndarray:
    """Return float64[batch, from, to]: of the accounts of a bucket, the share in each place a month later.

    The mean of the months with new credit. By balance it is what is in that place a month later per unit that the
    bucket had; NaN where it had nothing. The `is_whole` ones are of all batches together.
    """
    moved = ledger.once(_moved)
    if is_whole:
        moved = moved.sum(axis=0, keepdims=True)
    if not by_balance:
        count = lumped(moved[:, :, :BUCKETS, :, 0].sum(axis=1))
        return _shares(count, count.sum(axis=2))
    # The balance a bucket begins with is what the month before put there, so the first month has none.
    before = moved[:, :-1, :, :BUCKETS, 1].sum(axis=(1, 2))
    before = np.concatenate([before[:, :LATE], before[:, LATE:].sum(axis=1, keepdims=True)], axis=1)
    return _shares(lumped(moved[:, 1:, :BUCKETS, :, 1].sum(axis=1)), before)


def _moved(ledger):
    """Return float64[batch, month, from, to, (accounts, balance)] of the months with new credit."""
    return ledger.rolls.sum(axis=(2, 3)).astype(float)[:, 1 : ledger.frame.months + 1]


def _shares(matrix, base):
    """Return float64[batch, from, to] of what is in `base`; NaN where there is nothing in it."""
    base = np.broadcast_to(base[..., None], matrix.shape)
    return np.divide(matrix, base, out=np.full(matrix.shape, np.nan), where=base > 0)


def lumped(matrix) -> np.ndarray:
    """Return float64[..., LATE + 1, LATE + 1 + exits]: buckets from LATE on added together."""
    rows = np.concatenate([matrix[..., :LATE, :], matrix[..., LATE:, :].sum(axis=-2, keepdims=True)], axis=-2)
    late = rows[..., LATE:BUCKETS].sum(axis=-1, keepdims=True)
    return np.concatenate([rows[..., :LATE], late, rows[..., BUCKETS:]], axis=-1)


def whole(ledger, by_balance: bool = False) -> np.ndarray:
    """Return float64[from, to]: the roll rates of all replications together."""
    return matrices(ledger, by_balance, is_whole=True)[0]


def change(now: Ledger, then: Ledger) -> list[list[Difference]]:
    """Return by [from][to] the change of a roll rate by accounts: of all replications, its error from batches."""
    a, b = matrices(now), matrices(then)
    return [
        [about(float(value), _of_batches(a[:, i, j], b[:, i, j])) for j, value in enumerate(row)]
        for i, row in enumerate(whole(now) - whole(then))
    ]


def _of_batches(a, b) -> Difference:
    """Return the paired difference of batches; most moves never happen, and need no arithmetic."""
    return paired(a, b) if len(a) < 2 or a.any() or b.any() else NO_DIFFERENCE


def about(value: float, of_batches: Difference) -> Difference:
    """Return a difference of all replications together, with the error that batches of them show."""
    low, high = (value + end - of_batches.value for end in (of_batches.low, of_batches.high))
    return Difference(value, of_batches.se, low, high, of_batches.variance_reduction)

"""What became of an account, as far as later months ask: defaults, claims, partners, restructurings (`layout`, marks).

An account with marks of FOLLOWED or more is in sums of its own every month, so it never goes the way of the many.
"""

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

i8 = np.int64


@njit(forceinline=True)
def probation_left(marks):
    """Return the months of probation that are left after a default."""
    return (marks >> i8(PROBATION_AT)) & i8(3)


@njit(forceinline=True)
def watched_left(marks):
    """Return the months left in which an account is watched after a restructuring."""
    return marks >> i8(WATCHED_AT)


@njit(forceinline=True)
def watched(marks):
    """Return the marks of an account that is restructured this month: this month and the next eleven it is watched."""
    return (marks & i8((1 << WATCHED_AT) - 1)) | i8((WATCHED_MONTHS + 1) << WATCHED_AT)


@njit(forceinline=True)
def next_marks(flows, marks, worst, to, balance):
    """Step 12: return the marks of an account that stays, in bucket `to`, `worst` being the worst it was this month.

    Where its workout ends, its balance counts as got back; `flows` [name]. In bucket 0 no claim is left on it.
    """
    if to == 0:
        marks &= i8(~CLAIMED)
    if marks < FOLLOWED and worst < DEFAULT_BUCKET:
        return marks
    probation = max(probation_left(marks) - 1, i8(0))
    if worst >= DEFAULT_BUCKET:
        probation = i8(PROBATION_MONTHS) if to < DEFAULT_BUCKET else i8(0)
    if marks & IN_WORKOUT and to < DEFAULT_BUCKET and probation == 0:
        flows[F_WORKOUT_CASH] += balance
        marks &= i8(~IN_WORKOUT)
    left = max(watched_left(marks) - 1, i8(0))
    return (marks & i8((1 << PROBATION_AT) - 1)) | (probation << i8(PROBATION_AT)) | (left << i8(WATCHED_AT))

"""What became of an account, as far as later months ask: defaults, claims, partners, restructurings (`names`, marks).

An account with marks of FOLLOWED or more is in sums of its own every month, so it never goes the way of the many.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .jit.cache import njit

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
def next_marks(F, marks, worst, to, balance):
    """Step 12: return the marks of an account that stays, in bucket `to`, `worst` being the worst it was this month.

    Where its workout ends, its balance counts as got back; F [flow]. In bucket 0 no claim is left on it.
    """
    if to == 0:
        marks &= i8(~CLAIMED)
    if marks < FOLLOWED and worst < 3:
        return marks
    probation = max(probation_left(marks) - 1, i8(0))
    if worst >= 3:
        probation = i8(PROBATION_MONTHS) if to < 3 else i8(0)
    if marks & IN_WORKOUT and to < 3 and probation == 0:
        F[F_WORKOUT_CASH] += balance
        marks &= i8(~IN_WORKOUT)
    left = max(watched_left(marks) - 1, i8(0))
    return (marks & i8((1 << PROBATION_AT) - 1)) | (probation << i8(PROBATION_AT)) | (left << i8(WATCHED_AT))


@njit(forceinline=True)
def add_followed(F, marks, bucket, balance):
    """Step 12: add the balance of an open account to the stocks that its marks put it in; F [flow]."""
    if marks & CLAIMED:
        F[F_BALANCE_CLAIMED] += balance
    if probation_left(marks) > 0:
        if bucket < 3:
            F[F_BALANCE_PROBATION] += balance
            if bucket >= 1:
                F[F_BALANCE_PROBATION_DPD30] += balance
    elif watched_left(marks) > 0 and bucket == 0:
        F[F_BALANCE_WATCHED] += balance


@njit(forceinline=True)
def add_loss(F, marks, cause, loss):
    """Steps 10 and 11: add a loss to that of its cause and of its marks; below 0 what comes back. F [flow]."""
    F[F_BAD_DEBT_BY + cause] += loss
    if marks & OPENED_IN_DEFAULT:
        F[F_OPENING_NET_LOSS] += loss
    if marks & CLAIMED:
        F[F_CLAIMED_NET_LOSS] += loss


@njit(forceinline=True)
def add_back(F, marks, cause, amount, commission):
    """Step 11: add what comes back after write-off, and what is paid for it; F [flow]."""
    add_loss(F, marks, cause, -amount)
    if marks & BORNE:
        F[F_BORNE_BACK] += amount
    if marks & IN_WORKOUT:
        F[F_WORKOUT_CASH] += amount - commission

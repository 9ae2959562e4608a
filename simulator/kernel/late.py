"""The late stage: what an account 90 days past due or worse brings in a month, the same open as written off.

One draw a month of the person and the debt (step 7 of docs/model.md). `scalar` makes it for open accounts and `lender`
for those written off.
"""

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .fixed import mul_q16, mul_q31
from .rules import burden_of

i8, u8 = np.int64, np.uint64


@njit(forceinline=True)
def has_late_stage(terms):
    """Return whether a product has a late stage, from its terms; else its open accounts only have the due date."""
    return terms[P_LATE_PART] > 0


@njit(forceinline=True)
def next_months_late(months_late, is_late):
    """Return the months in the late stage after one more that ends in it, 255 at most; 0 if it does not."""
    return min(i8(months_late) + 1, i8(LATE_MONTHS - 1)) if is_late else i8(0)


@njit(forceinline=True)
def late_stage_of(bucket, months_late):
    """Return the bucket by whose levers an open account in the late stage is worked: its own, or where no plan was."""
    return max(i8(bucket), min(i8(months_late) + (DEFAULT_BUCKET - 1), i8(BUCKETS - 1)))


@njit(forceinline=True)
def scaled(hazard, multiplier):
    """Return a hazard (q31) times a multiplier (q16), ONE at most."""
    return min(mul_q16(hazard, multiplier), i8(ONE))


@njit(forceinline=True)
def late_payment(state, i, p, balance, demanded, u, effort, economy, segment):
    """Return what an account with a `balance` above 0 pays this month: what is `demanded`, a part, or nothing.

    `u` is the recovery word >> 1 and `effort` (q16) what collecting does to the hazard.
    """
    at, terms = N_BORROWER + p * N_ACCOUNT, segment.terms[p]
    if state[at + MARKS, i] & FRAUD:
        return i8(0)
    cause = i8(state[at + CAUSE, i])
    parts_only = cause == CANNOT and state[EMPLOYED, i] == 0
    pay = mul_q16(state[INCOME, i], economy[M_INCOME_INDEX])
    hazard = segment.late_hazard[p, u8(max(state[at + MONTHS_LATE, i] - 1, 0))]
    hazard = scaled(hazard, segment.late_cause[u8(LATE_UNEMPLOYED if parts_only else cause)])
    hazard = scaled(hazard, segment.late_burden[u8(burden_of(balance, pay))])
    hazard = scaled(scaled(hazard, effort), economy[M_COLLECTION])
    full = i8(0) if parts_only else mul_q31(hazard, terms[P_LATE_FULL])
    in_full = min((full * balance) // demanded, i8(ONE))
    in_part = ((hazard - full) << i8(31)) // terms[P_LATE_PART]
    if i8(u) < in_full:
        return demanded
    return mul_q31(balance, terms[P_LATE_PART]) if i8(u) < in_full + in_part else i8(0)

"""The late stage: what an account 90 days past due or worse brings in a month, the same open as written off.

One draw a month of the person and the debt (step 7 of docs/model.md). `scalar` and `delinquent` make it for open
accounts and `lender` for those written off.
"""

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .fixed import half, mul_q16, mul_q31
from .marks import watched_left
from .rules import burden_of, is_served, priority_of, reach_of_level, reach_times
from .sums import add_late_paid

u4, i8, u8 = np.uint32, np.int64, np.uint64
IN_FULL, PAYS_DUES = 1, 2  # what a payment is: all that is demanded; of the oldest dues, which makes less late


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
    in_full = full if demanded == balance else min((full * balance) // demanded, i8(ONE))
    if i8(u) < in_full:
        return demanded
    # u < in_full + (hazard - full) / part, without dividing
    in_part = (i8(u) - in_full + 1) * terms[P_LATE_PART] <= (hazard - full) << i8(31)
    return mul_q31(balance, terms[P_LATE_PART]) if in_part else i8(0)


@njit(forceinline=True)
def takes_offer(paid, balance, p, stage, word, levers):
    """Return whether who would pay the whole balance settles for an offer instead."""
    offered = levers.stage[p, stage, S_OFFER_CHANCE] > 0
    return offered and paid == balance and half(word) < levers.month[p, V_OFFER_DIVERTS]


@njit(forceinline=True)
def count_wanted(flows, levers, priority):
    """Count a contact that the ladder would make of a due if it worked all of them; `flows` [name]."""
    flows[F_N_CONTACTS_WANTED] += 1
    if levers[V_PRIORITY] != BY_LOT:
        flows[F_N_CONTACTS_WANTED_IN + priority] += 1


@njit(forceinline=True)
def is_reached(state, i, p, level, bucket, segment, levers):
    """Return whether a level of the ladder reaches a borrower with debt in a bucket."""
    reach = reach_of_level(segment.scalars, level, bucket, levers.ladder[p, bucket, level, L_REACH])
    if state[EDUCATION, i] < levers.month[p, V_EDUCATED]:
        reach = reach_times(reach, levers.month[p, V_EDUCATION_REACH])
    return u4(state[CONTACT, i]) < reach


@njit(forceinline=True)
def work_late_account(state, i, p, owed, in_plan, to, words, k, segment, economy, levers, flows):
    """Step 7: what an open account in the late stage pays in a month in which it would end in bucket `to`.

    Return (what is paid, IN_FULL, PAYS_DUES or 0: whether that is all that is demanded, or goes to the oldest dues,
    whether who would pay the whole balance settles for an offer instead, what collecting costs). `flows` [name] of the
    product; `words` are those of the borrower, at k.
    """
    at = N_BORROWER + p * N_ACCOUNT
    balance, bucket = i8(state[at + BALANCE, i]), late_stage_of(state[at + BUCKET, i], state[at + MONTHS_LATE, i])
    stage, ladder = levers.stage[p, bucket], levers.ladder[p, bucket]
    effort, cost, takes, served = stage[S_EFFORT], i8(0), False, False
    if (levers.bits[p] & LADDER) != 0:
        priority = priority_of(balance, bucket, levers.month[p], stage)
        served = is_served(words[U_SERVED + p, k], priority, levers.month[p], economy)
        for level in range(N_LEVELS):
            if ladder[level, L_USED]:
                count_wanted(flows, levers.month[p], priority)
                if served:
                    flows[F_N_CONTACTS_AT + level] += 1
                    cost += ladder[level, L_COST]
                    if is_reached(state, i, p, level, bucket, segment, levers):
                        effort = min(mul_q16(effort, ladder[level, L_LIFT]), i8(NEVER))
    broke_a_plan = watched_left(i8(state[at + MARKS, i])) > 0  # what it had put off is due again, and all of it
    called_in = (state[at + STATUS, i] == CLOSED or broke_a_plan) and not in_plan
    demanded = balance if called_in else i8(owed)
    paid = late_payment(state, i, p, balance, demanded, half(words[U_RECOVERY + p, k]), effort, economy, segment)
    may_settle = not in_plan and min(i8(state[at + BUCKET, i]), i8(to)) >= DEFAULT_BUCKET
    if may_settle and takes_offer(paid, balance, p, bucket, words[U_OFFER + p, k], levers):
        takes, paid = True, i8(0)
    for level in range(N_LEVELS):
        if served and ladder[level, L_USED]:
            cost += mul_q31(paid, ladder[level, L_COMMISSION])
    commission = mul_q31(paid, stage[S_COMMISSION])
    flows[F_CONTACT_COST] += cost
    flows[F_RECOVERY_COST] += stage[S_RECOVERY_COST]
    flows[F_RECOVERED_OPEN] += paid
    add_late_paid(flows, state[at + MARKS, i], state[at + MONTHS_LATE, i], paid)
    flows[F_COMMISSION] += commission
    pays_dues = PAYS_DUES if paid > 0 and not (called_in or in_plan) else 0
    return paid, IN_FULL if paid >= demanded else pays_dues, takes, cost + commission + stage[S_RECOVERY_COST]

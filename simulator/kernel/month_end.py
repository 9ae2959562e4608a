"""What happens to a tile before and after everybody's month: who is taught; limits, accounts granted again, grades.

Each pass runs only in months in which some lever asks for it.
"""

import numpy as np

from simulator.jit.functions import njit
from simulator.jit.intrinsics import list_marked
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .draws import MONTHS, counter, group, philox
from .fixed import half, mask_of, mul_q16, mul_q31, only, pick
from .rules import (
    band_of,
    grade_bounds,
    grade_of,
    is_account,
    is_live,
    is_open,
    may_leave,
    place_of_answer,
    report_after,
)  # fmt: skip
from .sums import add_open, add_roll

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64
RE_GRANT_SLOT = 3  # of the month's words: two for plans, then line and loan


@njit
def teach(state, base, n, products, taught, levers, flows):
    """Count those of n lanes from `base` who are taught this month, and what that costs.

    `taught` is the lever with the share of them, of the month's `levers` [product, name]. Once each, on the first
    product they have open.
    """
    for lane in range(n):
        i, before = u8(base + lane), False
        for p in range(products):
            holds = is_open(state[N_BORROWER + p * N_ACCOUNT + STATUS, i])
            if holds and not before and state[EDUCATION, i] < levers[p, taught]:
                flows[p, F_N_EDUCATED] += 1
                flows[p, F_EDUCATION_COST] += levers[p, V_EDUCATION_COST]
                before = True


@njit
def review_limits(state, base, n, uptake, flows, levers):
    """Cut or raise limits of lines in good standing by grade, score and utilisation, of n lanes from `base`.

    Usual spending moves with them by `uptake` [name, customer]. `flows` [name] and the `levers` of the month [name] are
    those of the line.
    """
    raised, cut, cut_used = uptake[T_RAISED], uptake[T_CUT], uptake[T_CUT_USED]
    cuts, keep, floor = levers[V_CUT_KEEP] < ONE, levers[V_CUT_KEEP], levers[V_LIMIT_FLOOR]
    cut_grade, cut_score, cut_use = levers[V_CUT_GRADE], levers[V_CUT_SCORE], levers[V_CUT_UTILISATION]
    raises, by, cap = levers[V_RAISE_BY] > UNIT, levers[V_RAISE_BY], levers[V_RAISE_CAP]
    raise_grade, raise_use = levers[V_RAISE_GRADE], levers[V_RAISE_UTILISATION]
    n_cut, n_raised, change, bounds = i8(0), i8(0), i8(0), grade_bounds(levers)
    for lane in range(n):  # without branches, so that many are reviewed at once
        i = u8(base + lane)
        on_time = (state[LINE_AT + BUCKET, i] | state[LINE_AT + PLAN_LEFT, i]) == 0
        stands = (state[LINE_AT + STATUS, i] == ACTIVE) & on_time
        limit, balance, clean = state[LINE_AT + LIMIT, i], state[LINE_AT + BALANCE, i], state[LINE_AT + CLEAN, i]
        grade = i8(grade_of(i4(0), i4(0), clean, state[SCORE, i], balance, limit, True, bounds))
        limit, balance = i8(limit), i8(balance)
        used = balance * UNIT
        is_cut = stands & cuts & (grade >= cut_grade) & (state[SCORE, i] < cut_score) & (used >= cut_use * limit)
        is_raised = stands & ~is_cut & raises & (grade <= raise_grade) & (used >= raise_use * limit)
        lower = max(mul_q31(limit, keep), min(limit, floor)) - limit
        higher = max(min(mul_q16(limit, by), mul_q16(state[LINE_AT + GRANTED, i], cap)) - limit, i8(0))
        moved = lower * i8(is_cut) + higher * i8(is_raised)
        state[LINE_AT + LIMIT, i] = limit + moved
        customer = u4(u4(state[FULL_PAYER, i] * i4(QUALITIES)) + u4(state[QUALITY, i])) & u4(CUSTOMERS - 1)
        nearly_used = used > NEARLY_USED * limit
        share = raised[customer] * i8(is_raised)
        share += cut[customer] * i8(is_cut & ~nearly_used) + cut_used[customer] * i8(is_cut & nearly_used)
        state[SPEND, i] = max(i8(state[SPEND, i]) + mul_q31(moved, share), i8(0))
        n_cut += i8(moved < 0)
        n_raised += i8(moved > 0)
        change += moved
    flows[F_N_LIMIT_CUT] += n_cut
    flows[F_N_LIMIT_RAISED] += n_raised
    flows[F_LIMIT] += change


@njit(forceinline=True)
def chance_to_leave(state, i, segment, levers):
    """Return the chance (of 2^16) that the customer wants to close the line, which is in good standing."""
    grade = grade_in(state, i, LINE, levers.month)
    place = place_of_answer(grade, state[QUALITY, i], state[FULL_PAYER, i] != 0)
    chance = i8(levers.answer[LINE, C_LEAVE, place])
    other, ever = state[LOAN_AT + STATUS, i], i8(state[LINE_AT + EVER, i])
    was_frozen = state[LINE_AT + CLEAN, i] < 3 and ever > 0 and 30 * ever >= levers.month[LINE, V_FREEZE_DAYS]
    if was_frozen or state[REPORTED, i] > 0 or other == CLOSED or other == CLOSED_SETTLED:
        chance = mul_q16(chance, segment.scalars[G_LEAVE_FELT])
    return chance


@njit(forceinline=True)
def leave_lines(state, pending, listed, base, n, segment, levers, flows):
    """Take the limit from those who want to close the line, of n lanes from `base` marked MAY_LEAVE in `pending`.

    The job word's lowest bits are in `pending` from LEAVE_AT on. `listed` int32[lane] is working space, `flows` [name]
    the line's.
    """
    for k in range(list_marked(listed, pending, base, n, MAY_LEAVE)):
        i = u8(listed[u8(k)])
        stands = (state[LINE_AT + BUCKET, i] | state[LINE_AT + PLAN_LEFT, i]) == 0
        stands = stands and state[LINE_AT + STATUS, i] == ACTIVE
        if stands and may_leave(pending[0, i] >> i4(LEAVE_AT), chance_to_leave(state, i, segment, levers)):
            flows[F_LIMIT] -= i8(state[LINE_AT + LIMIT, i])
            state[LINE_AT + LIMIT, i] = 0
            state[LINE_AT + GRANTED, i] = 0  # nothing to grant again


@njit(forceinline=True)
def close_unused(state, pending, listed, base, n, most_months, flows):
    """Close the lines of those who left and owe nothing, and those idle for `most_months`, of n lanes from `base`.

    Months without use are counted in AGE, where `most_months` is not NEVER. `pending` and `listed` are working space.
    """
    counts = mask_of(most_months < NEVER)
    for lane in range(n):  # without branches, so that many are looked at at once
        i = u8(base + lane)
        active, empty = state[LINE_AT + STATUS, i] == i4(ACTIVE), state[LINE_AT + BALANCE, i] <= i4(0)
        age = state[LINE_AT + AGE, i]
        months = pick(i4(mask_of(active) & counts), only(empty, i4(age + i4(1))), age)
        state[LINE_AT + AGE, i] = months
        closes = active & empty & ((state[LINE_AT + GRANTED, i] == i4(0)) | (months >= i4(most_months)))
        pending[0, i] = i4(closes)
    for k in range(list_marked(listed, pending, base, n, 1)):
        i = u8(listed[u8(k)])
        left = state[LINE_AT + GRANTED, i] == 0
        flows[F_N_CLOSED_BY_CUSTOMER if left else F_N_CLOSED_IDLE] += 1
        flows[F_N_CLOSED] += 1
        flows[F_LIMIT] -= i8(state[LINE_AT + LIMIT, i])
        state[LINE_AT + STATUS, i] = CLOSED
        state[LINE_AT + LIMIT, i] = 0


@njit(forceinline=True)
def is_delinquent(status, bucket):
    """Return whether an account is written off, or open and past due."""
    return status == WRITTEN_OFF or (is_open(status) and bucket > 0)


@njit(forceinline=True)
def has_account(state, i, p):
    """Return whether a borrower has an open account of a product."""
    at = N_BORROWER + p * N_ACCOUNT
    return is_account(state[at + STATUS, i], state[at + BALANCE, i], p)


@njit(forceinline=True)
def grade_in(state, i, p, levers):
    """Return the grade of an open account; `levers` [product, name]."""
    at = N_BORROWER + p * N_ACCOUNT
    bucket, plan_left, clean = state[at + BUCKET, i], state[at + PLAN_LEFT, i], state[at + CLEAN, i]
    balance, limit = state[at + BALANCE, i], state[at + LIMIT, i]
    bounds = grade_bounds(levers[p])
    return grade_of(bucket, plan_left, clean, state[SCORE, i], balance, limit, p == LINE, bounds)


@njit(forceinline=True)
def meets_bar(state, i, p, month, levers):
    """Return whether a borrower may have a closed account of a product again, should they ask for it."""
    at, other = N_BORROWER + p * N_ACCOUNT, N_BORROWER + (1 - p) * N_ACCOUNT
    waits = levers[p, V_REGRANT_MONTHS]
    if state[GUARANTEE, i] < levers[p, V_GUARANTEED]:
        waits = levers[p, V_REGRANT_SOON]
    return (
        levers[p, V_REGRANT_MONTHS] < NEVER
        and levers[p, V_NEW_CREDIT] == 1
        and state[at + STATUS, i] == CLOSED_SETTLED
        and state[at + AGE, i] < month
        and month - state[at + AGE, i] >= waits
        and state[REPORTED, i] == 0
        and state[SCORE, i] >= levers[p, V_REGRANT_SCORE]
        and not is_delinquent(state[other + STATUS, i], state[other + BUCKET, i])
        and (not has_account(state, i, 1 - p) or grade_in(state, i, 1 - p, levers) <= levers[p, V_REGRANT_GRADE])
    )


@njit(forceinline=True)
def reopen(state, i, p, limit, sums):
    """Grant a closed account again."""
    at = N_BORROWER + p * N_ACCOUNT
    for column in (BALANCE, INTEREST_DUE, FEE_DUE, ARREARS, BUCKET, STATE):
        state[at + column, i] = 0
    for column in (CLEAN, CAUSE, AGE, EVER, PLAN_LEFT, OBSERVED):
        state[at + column, i] = 0
    state[at + MARKS, i] &= GRANTED_SINCE
    state[at + STATUS, i] = ACTIVE
    state[at + LIMIT, i] = limit
    sums.flows[p, F_N_REGRANTED] += 1
    if p == LINE:
        add_open(sums.flows[LINE], sums.vintage[LINE], i8(0), i8(UNKNOWN), i8(0))
        add_roll(sums.rolls[LINE], ARRIVED, 0, i8(0))
        sums.flows[LINE, F_LIMIT] += limit


@njit(forceinline=True)
def grant_again(state, pending, listed, base, n, first, place, key, levers, sums):
    """Grant closed accounts again to those of n lanes from `base` who meet the raised bar; `levers` [product, name].

    `first` is the index of the borrower in lane 0. `pending` int32[1, lane] and `listed` int32[lane] are working space.
    """
    c1, c3 = counter(place.month, place.entry, RE_GRANT_SLOT), group(place.segment, MONTHS)
    for lane in range(n):
        i = u8(base + lane)
        line, loan = state[LINE_AT + STATUS, i], state[LOAN_AT + STATUS, i]
        pending[0, i] = i4((line == i4(CLOSED_SETTLED)) | (loan == i4(CLOSED_SETTLED)))
    for k in range(list_marked(listed, pending, base, n, 1)):
        i = u8(listed[u8(k)])
        if not (is_live(state[LINE_AT + STATUS, i]) or is_live(state[LOAN_AT + STATUS, i])):
            state[REPORTED, i] = report_after(state[REPORTED, i])
        for p in range(N_PRODUCT):
            limit = mul_q31(state[N_BORROWER + p * N_ACCOUNT + GRANTED, i], levers[p, V_REGRANT_SHARE])
            if limit > 0 and meets_bar(state, i, p, place.month, levers):
                _, _, line, loan = philox(u4(u4(first) + u4(i)), c1, place.replication, c3, key[0], key[1])
                if half(u4(line if p == LINE else loan)) < levers[p, V_REGRANT_CHANCE]:
                    reopen(state, i, p, limit, sums)


@njit
def observe(state, n, levers, ratings):
    """Note grade and score of open accounts that have not defaulted.

    `levers` [product, name], `ratings` [product, kind, class, ...].
    """
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        for lane in range(n):
            i = u8(lane)
            if has_account(state, i, p) and state[at + EVER, i] < DEFAULT_BUCKET:
                grade = grade_in(state, i, p, levers)
                state[at + OBSERVED, i] = 1 + grade
                ratings[p, RATING_GRADE, grade, 0] += 1
                ratings[p, RATING_SCORE, band_of(state[SCORE, i]), 0] += 1

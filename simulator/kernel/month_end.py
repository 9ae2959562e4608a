"""What happens to a tile after everybody's month: limits reviewed, closed accounts opened again, grades noted.

Each pass runs only in months in which some lever asks for it.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .draws import MONTHS, counter, group, philox
from .fixed import mul_q16, mul_q31
from .jit.cache import njit
from .jit.intrinsics import list_marked
from .origination import band_of, book_open, book_roll
from .rules import grade_of, is_open

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64


@njit(inside=True)
def review_limits(S, base, n, F, months):
    """Cut or raise limits of lines in good standing by grade, score and utilisation, of n lanes from `base`.

    F: [product, flow].
    """
    cuts, keep, floor = months[LINE, V_CUT_KEEP] < ONE, months[LINE, V_CUT_KEEP], months[LINE, V_LIMIT_FLOOR]
    cut_grade, cut_score, cut_use = (
        months[LINE, V_CUT_GRADE],
        months[LINE, V_CUT_SCORE],
        months[LINE, V_CUT_UTILISATION],
    )
    raises, by, cap = months[LINE, V_RAISE_BY] > UNIT, months[LINE, V_RAISE_BY], months[LINE, V_RAISE_CAP]
    raise_grade, raise_use = months[LINE, V_RAISE_GRADE], months[LINE, V_RAISE_UTILISATION]
    n_cut, n_raised, change = i8(0), i8(0), i8(0)
    for lane in range(n):  # without branches, so that many are reviewed at once
        i = u8(base + lane)
        stands = (S[LINE_AT + STATUS, i] == ACTIVE) & ((S[LINE_AT + BUCKET, i] | S[LINE_AT + PLAN_LEFT, i]) == 0)
        limit, balance, clean = i8(S[LINE_AT + LIMIT, i]), i8(S[LINE_AT + BALANCE, i]), i8(S[LINE_AT + CLEAN, i])
        grade = i8(grade_of(i4(0), i4(0), clean, balance, limit, True))
        used = balance * UNIT
        is_cut = stands & cuts & (grade >= cut_grade) & (S[SCORE, i] < cut_score) & (used >= cut_use * limit)
        is_raised = stands & ~is_cut & raises & (grade <= raise_grade) & (used >= raise_use * limit)
        lower = max(mul_q31(limit, keep), min(limit, floor)) - limit
        higher = max(min(mul_q16(limit, by), mul_q16(i8(S[LINE_AT + GRANTED, i]), cap)) - limit, i8(0))
        moved = lower * i8(is_cut) + higher * i8(is_raised)
        S[LINE_AT + LIMIT, i] = limit + moved
        n_cut += i8(moved < 0)
        n_raised += i8(moved > 0)
        change += moved
    F[LINE, F_N_LIMIT_CUT] += n_cut
    F[LINE, F_N_LIMIT_RAISED] += n_raised
    F[LINE, F_LIMIT] += change


@njit(forceinline=True)
def is_troubled(status, bucket):
    """Return whether an account is written off, or open and past due."""
    return status == WRITTEN_OFF or (status >= ACTIVE and status <= CLOSED and bucket > 0)


@njit(inside=True)
def grade_if_open(S, i, p):
    """Return the grade of an account that is open, else the best."""
    at = N_BORROWER + p * N_ACCOUNT
    status, balance = S[at + STATUS, i], i8(S[at + BALANCE, i])
    if not is_open(status) or (p == LOAN and balance <= 0):
        return 0
    bucket, plan_left, clean = S[at + BUCKET, i], S[at + PLAN_LEFT, i], S[at + CLEAN, i]
    return grade_of(bucket, plan_left, clean, balance, S[at + LIMIT, i], p == LINE)


@njit(forceinline=True)
def regrant(S, marks, shut, base, n, first, month, entry, replication, segment, k0, k1, F, rolls, vintage, months):
    """Open closed accounts again for those who meet the raised bar; F, rolls and vintage: [product, ...].

    Of n lanes from `base`. `marks` int32[1, lane] and `shut` int32[lane] are working space.
    """
    c1, c3 = counter(month, entry, 3), group(segment, MONTHS)
    for lane in range(n):
        i = u8(base + lane)
        marks[0, i] = i4(
            (S[LINE_AT + STATUS, i] == i4(CLOSED_SETTLED)) | (S[LOAN_AT + STATUS, i] == i4(CLOSED_SETTLED))
        )
    for k in range(list_marked(shut, marks, base, n, 1)):
        i = u8(shut[u8(k)])
        line, loan = S[LINE_AT + STATUS, i], S[LOAN_AT + STATUS, i]
        lives = (line >= ACTIVE and line <= WRITTEN_OFF) or (loan >= ACTIVE and loan <= WRITTEN_OFF)
        if not lives:
            S[REPORTED, i] = max(i8(S[REPORTED, i]) - 1, i8(0))
        for p in range(N_PRODUCT):
            at = N_BORROWER + p * N_ACCOUNT
            other = N_BORROWER + (1 - p) * N_ACCOUNT
            waits = months[p, V_REGRANT_MONTHS]
            if i8(S[GUARANTEE, i]) < months[p, V_GUARANTEED]:
                waits = months[p, V_REGRANT_SOON]
            limit = mul_q31(i8(S[at + GRANTED, i]), months[p, V_REGRANT_SHARE])
            if (
                months[p, V_REGRANT_MONTHS] < NEVER
                and months[p, V_NEW_CREDIT] == 1
                and S[at + STATUS, i] == CLOSED_SETTLED
                and S[at + AGE, i] < month
                and month - S[at + AGE, i] >= waits
                and S[REPORTED, i] == 0
                and S[SCORE, i] >= months[p, V_REGRANT_SCORE]
                and not is_troubled(S[other + STATUS, i], S[other + BUCKET, i])
                and grade_if_open(S, i, 1 - p) <= months[p, V_REGRANT_GRADE]
                and limit > 0
            ):
                _, _, line_word, loan_word = philox(u4(u4(first) + u4(i)), c1, replication, c3, k0, k1)
                if (i8(line_word if p == LINE else loan_word) >> 1) >= months[p, V_REGRANT_CHANCE]:
                    continue
                for c in (BALANCE, INTEREST_DUE, FEE_DUE, ARREARS, BUCKET, STATE, CLEAN, CAUSE, EVER):
                    S[at + c, i] = 0
                S[at + PLAN_LEFT, i] = 0
                S[at + MARKS, i] &= GRANTED_SINCE
                S[at + OBSERVED, i] = 0
                S[at + STATUS, i] = ACTIVE
                S[at + LIMIT, i] = limit
                F[p, F_N_REGRANTED] += 1
                if p == LINE:
                    book_open(F[LINE], vintage[LINE], i8(0), i8(UNKNOWN), i8(0))
                    book_roll(rolls[LINE], ARRIVED, 0, i8(0))
                    F[LINE, F_LIMIT] += limit


@njit(inside=True)
def observe(S, n, ratings):
    """Note grade and score of open accounts that have not defaulted; ratings: [product, kind, class, ...]."""
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        for i in range(n):
            status, balance = S[at + STATUS, i], i8(S[at + BALANCE, i])
            if status >= ACTIVE and status <= CLOSED and (p == LINE or balance > 0) and S[at + EVER, i] < 3:
                bucket, plan_left, clean = S[at + BUCKET, i], S[at + PLAN_LEFT, i], S[at + CLEAN, i]
                grade = grade_of(bucket, plan_left, clean, balance, S[at + LIMIT, i], p == LINE)
                S[at + OBSERVED, i] = 1 + grade
                ratings[p, RATING_GRADE, grade, 0] += 1
                ratings[p, RATING_SCORE, band_of(i8(S[SCORE, i])), 0] += 1

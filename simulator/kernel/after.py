"""What happens to a tile after everybody's month: limits reviewed, closed accounts opened again, grades noted.

Each pass runs only in months in which some lever asks for it.
"""

import numpy as np

from .cache import njit
from .draws import MONTHS, counter, group, philox
from .fixed import part, scale
from .names import *  # noqa: F403  the vocabulary of the kernel
from .people import band_of, grade_of

u4, i8 = np.uint32, np.int64


@njit()
def review_limits(S, n, F, months):
    """Cut or raise the limits of lines in good standing by grade, score and utilisation; F: [product, flow]."""
    at = LINE_AT
    for i in range(n):
        if S[at + STATUS, i] == ACTIVE and S[at + BUCKET, i] == 0 and S[at + PLAN_LEFT, i] == 0:
            limit, balance = i8(S[at + LIMIT, i]), i8(S[at + BALANCE, i])
            grade = grade_of(0, 0, S[at + CLEAN, i], True, balance, limit)
            to = limit
            if (
                months[LINE, V_CUT_KEEP] < ONE
                and grade >= months[LINE, V_CUT_GRADE]
                and S[SCORE, i] < months[LINE, V_CUT_SCORE]
                and balance * UNIT >= months[LINE, V_CUT_UTILISATION] * limit
            ):
                to = max(part(limit, months[LINE, V_CUT_KEEP]), min(limit, months[LINE, V_LIMIT_FLOOR]))
                F[LINE, F_N_LIMIT_CUT] += 1 if to < limit else 0
            elif (
                months[LINE, V_RAISE_BY] > UNIT
                and grade <= months[LINE, V_RAISE_GRADE]
                and balance * UNIT >= months[LINE, V_RAISE_UTILISATION] * limit
            ):
                cap = scale(i8(S[at + GRANTED, i]), months[LINE, V_RAISE_CAP])
                to = max(limit, min(scale(limit, months[LINE, V_RAISE_BY]), cap))
                F[LINE, F_N_LIMIT_RAISED] += 1 if to > limit else 0
            S[at + LIMIT, i] = to
            F[LINE, F_LIMIT] += to - limit


@njit(forceinline=True)
def is_troubled(status, bucket):
    """Return whether an account is written off, or open and past due."""
    return status == WRITTEN_OFF or (status >= ACTIVE and status <= CLOSED and bucket > 0)


@njit()
def regrant(S, n, first, month, entry, replication, segment, k0, k1, F, rolls, vintage, months):
    """Open closed accounts again for those who meet the raised bar; F, rolls and vintage: [product, ...]."""
    c3 = group(segment, MONTHS)
    for i in range(n):
        line, loan = S[LINE_AT + STATUS, i], S[LOAN_AT + STATUS, i]
        if line == SHUT or loan == SHUT:
            lives = (line >= ACTIVE and line <= WRITTEN_OFF) or (loan >= ACTIVE and loan <= WRITTEN_OFF)
            if not lives:
                S[REPORTED, i] = max(i8(S[REPORTED, i]) - 1, i8(0))
            _, _, line_word, loan_word = philox(u4(first + i), counter(month, entry, 3), replication, c3, k0, k1)
            for p in range(N_PRODUCT):
                at = N_BORROWER + p * N_ACCOUNT
                other = N_BORROWER + (1 - p) * N_ACCOUNT
                waits = months[p, V_REGRANT_MONTHS]
                if i8(S[GUARANTEE, i]) < months[p, V_GUARANTEED]:
                    waits = months[p, V_REGRANT_SOON]
                limit = part(i8(S[at + GRANTED, i]), months[p, V_REGRANT_SHARE])
                if (
                    months[p, V_REGRANT_MONTHS] < NEVER
                    and months[p, V_NEW_CREDIT] == 1
                    and S[at + STATUS, i] == SHUT
                    and S[at + AGE, i] < month
                    and month - S[at + AGE, i] >= waits
                    and S[REPORTED, i] == 0
                    and S[SCORE, i] >= months[p, V_REGRANT_SCORE]
                    and not is_troubled(S[other + STATUS, i], S[other + BUCKET, i])
                    and (i8(line_word if p == LINE else loan_word) >> 1) < months[p, V_REGRANT_CHANCE]
                    and limit > 0
                ):
                    for c in (BALANCE, INTEREST_DUE, FEE_DUE, ARREARS, BUCKET, STATE, CLEAN, CAUSE, EVER):
                        S[at + c, i] = 0
                    S[at + PLAN_LEFT, i] = 0
                    S[at + OBSERVED, i] = 0
                    S[at + STATUS, i] = ACTIVE
                    S[at + LIMIT, i] = limit
                    F[p, F_N_REGRANTED] += 1
                    if p == LINE:
                        F[LINE, F_ACCOUNTS] += 1
                        F[LINE, F_LIMIT] += limit
                        rolls[LINE, ARRIVED, 0, 0] += 1
                        vintage[LINE, W_ACCOUNTS] += 1


@njit()
def observe(S, n, ratings):
    """Note grade and score of open accounts that have not defaulted; ratings: [product, kind, class, ...]."""
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        for i in range(n):
            status, balance = S[at + STATUS, i], i8(S[at + BALANCE, i])
            if status >= ACTIVE and status <= CLOSED and (p == LINE or balance > 0) and S[at + EVER, i] < 3:
                bucket, plan_left, clean = S[at + BUCKET, i], S[at + PLAN_LEFT, i], S[at + CLEAN, i]
                grade = grade_of(bucket, plan_left, clean, p == LINE, balance, i8(S[at + LIMIT, i]))
                S[at + OBSERVED, i] = 1 + grade
                ratings[p, RATING_GRADE, grade, 0] += 1
                ratings[p, RATING_SCORE, band_of(i8(S[SCORE, i])), 0] += 1

"""Who is in a tile: people drawn from their address, or accounts read from a tape (docs/model.md, People)."""

import numpy as np

from .cache import njit
from .draws import PEOPLE, counter, philox
from .fixed import part, scale
from .names import *  # noqa: F403  the vocabulary of the kernel
from .stack import melt

i8 = np.int64


@njit(inline="always")
def first_above(cumulative, draw):
    """Return the first index whose cumulative share exceeds `draw`; the last share is ONE."""
    k = 0
    while draw >= cumulative[k]:
        k += 1
    return k


@njit(inline="always")
def band_of(score):
    """Return the score band 0..15 of a score in points."""
    return min(max((score - SCORE_LOW) >> SCORE_BAND_BITS, 0), SCORE_BANDS - 1)


@njit(inline="always")
def age_stage(age):
    """Return the stage 16..21 of a written-off account of `age` months."""
    return 16 + (age >= 6) + (age >= 12) + (age >= 18) + (age >= 36) + (age >= 60)


@njit(inline="always")
def score_of(correlation, noise_share, known, noise):
    """Return the points of a score that knows `correlation` (q16) of the quality's normal `known`."""
    z = (correlation * known + noise_share * noise) >> 16
    return 600 + ((z * 64) >> 16)


@njit(inline="always")
def review(bar, limits, score, known, noise, income, limit):
    """Return (score, limit) of an applicant as a lender reviews him, a limit of 0 if he is declined."""
    if bar[V_SCORE_CORRELATION] != ABSENT:
        score = score_of(bar[V_SCORE_CORRELATION], bar[V_SCORE_NOISE], known, noise)
    limit = scale(limit, limits[band_of(score)])
    if score < bar[V_SCORE_CUTOFF] or income < bar[V_INCOME_CUTOFF] or limit <= 0:
        limit = i8(0)
    return score, limit


@njit()
def load(S, n, segment, entry, first, person_replication, tape_row, tables, levers, tape):
    """Fill lanes 0..n-1 of `S` with the people of a tile as they are before their first month.

    Where the levers name a rival, only the applicants are there whom he declines for a product that is granted here.
    """
    has_rival = entry > 0 and levers.rival_month.shape[3] > 0
    g = tables.segment[segment]
    quantile = tables.quantile[segment]
    people = i8(segment) | (i8(PEOPLE) << 16)
    k0, k1 = tables.key[0], tables.key[1]
    for c in range(N_STATE):
        for i in range(n):
            S[c, i] = 0
    for i in range(n):
        index = i8(first) + i
        a0, a1, a2, a3 = philox(index, counter(0, entry, 0), person_replication, people, k0, k1)
        b0, b1, b2, b3 = philox(index, counter(0, entry, 1), person_replication, people, k0, k1)
        c0, c1, c2, c3 = philox(index, counter(0, entry, 2), person_replication, people, k0, k1)
        d0, d1, d2, d3 = philox(index, counter(0, entry, 3), person_replication, people, k0, k1)
        e0, e1, e2, e3 = philox(index, counter(0, entry, 4), person_replication, people, k0, k1)
        f0, f1, f2, f3 = philox(index, counter(0, entry, 5), person_replication, people, k0, k1)

        income = quantile[T_INCOME, i8(a0) >> 22]
        quality = i8(a2) >> 28
        known, noise = tables.quality_score[quality], tables.normal[i8(a3) >> 22]
        score = score_of(g[G_SCORE_CORRELATION], g[G_SCORE_NOISE], known, noise)
        rival_score, swapped = score, False
        outside = scale(income, g[G_OUTSIDE_SIZE]) if (i8(b3) >> 1) < g[G_OUTSIDE_SHARE] else i8(0)
        buffer = scale(income, quantile[T_BUFFER, i8(c2) >> 22])
        employed = 0 if (i8(e2) >> 1) < g[G_UNEMPLOYED] else 1
        full_payer = 1 if (i8(b2) >> 1) < g[G_FULL_PAYER] else 0

        S[INCOME, i] = income
        S[LIVING, i] = part(income, quantile[T_LIVING, i8(a1) >> 22])
        S[QUALITY, i] = quality
        S[FORGET, i] = min(quantile[T_FORGET, i8(b0) >> 22], i8(ONE) - 1)
        S[AUTOPAY, i] = i8(b1) >> 1
        S[REACH, i] = i8(f0) >> 1
        S[GUARANTEE, i] = i8(f3) >> 1
        S[OUTSIDE_MAX, i] = outside
        S[OUTSIDE, i] = outside
        S[ALERT, i] = 31

        for p in range(N_PRODUCT):
            at = N_BORROWER + p * N_ACCOUNT
            terms = tables.product[segment, p]
            state = i8(0)
            status = NONE
            limit, balance, instalment, months_left, bucket = i8(0), i8(0), i8(0), i8(0), i8(0)
            arrears = i8(ABSENT)
            if tape_row >= 0:
                row = tape[tape_row + i, p]
                if row[X_STATUS] != ABSENT:
                    status = i8(row[X_STATUS])
                    limit, balance = i8(row[X_LIMIT]), i8(row[X_BALANCE])
                    bucket, state = i8(row[X_BUCKET]), max(i8(row[X_STATE]), i8(0))
                    instalment = max(i8(row[X_INSTALMENT]), i8(0))
                    months_left = max(i8(row[X_MONTHS_LEFT]), i8(0))
                    arrears = i8(row[X_ARREARS])
                    if p == LINE and row[X_FULL_PAYER] != ABSENT:
                        full_payer = i8(row[X_FULL_PAYER])
            elif p == LINE and (i8(e0) >> 1) < g[G_HAS_LINE]:
                status = ACTIVE
                if entry == 0:
                    state = i8(first_above(tables.opening[segment, LINE], i8(c3) >> 1))
                rank = i8(c0) >> 22
                if g[G_LIMIT_INCOME] != 0:
                    zl = (
                        g[G_LIMIT_INCOME] * tables.normal[i8(a0) >> 22] + g[G_LIMIT_NOISE] * tables.normal[rank]
                    ) >> 16
                    rank = tables.normal_rank[min(max((zl + 4 * UNIT) >> 7, 0), 4095)]
                limit = tables.limit[segment, LINE, state, rank]
                if entry == 0:
                    balance = scale(limit, tables.utilisation[segment, state, i8(c1) >> 22])
                bucket = state
            elif p == LOAN and (i8(e1) >> 1) < g[G_HAS_LOAN]:
                status = ACTIVE
                limit = tables.limit[segment, LOAN, 0, i8(d0) >> 22]
                if entry == 0 and (i8(d1) >> 1) < terms[P_OPEN_AT_START]:
                    amount = min(quantile[T_TICKET, i8(d2) >> 22], limit)
                    amount -= amount % terms[P_DRAW_STEP]
                    if amount > 0:
                        t = first_above(tables.terms[segment, :, TERM_CUMULATIVE], i8(d3) >> 1)
                        n_months = tables.terms[segment, t, TERM_MONTHS]
                        months_left = 1 + (((i8(d3) & 0xFFFF) * n_months) >> 16)
                        instalment = part(amount, tables.terms[segment, t, TERM_INSTALMENT])
                        balance = part(amount, tables.loan_balance[segment, t, months_left])
                        state = i8(first_above(tables.opening[segment, LOAN], i8(f1) >> 1))
                        bucket = state
            if g[G_MODEL] == 1:
                bucket = tables.roll_state[segment, p, state, R_BUCKET] if status != NONE else i8(0)
            elif balance <= 0:
                bucket = i8(0)
            if p == LOAN and balance <= 0:
                bucket = i8(0)
                state = i8(0)
            owing = max(balance, i8(0))
            if bucket == 0:
                arrears = i8(0)
            elif arrears == ABSENT:
                due = min(max(terms[P_MIN_FLOOR], part(owing, terms[P_MIN_SHARE])), owing) if p == LINE else instalment
                arrears = min(owing, bucket * due)
            else:
                arrears = min(max(arrears, i8(0)), owing)
            if g[G_MODEL] == 0 and bucket > 0 and status != WRITTEN_OFF:
                cause = first_above(tables.opening_cause[segment], i8(f2) >> 1)
                S[at + CAUSE, i] = cause
                if cause == SHORT or cause == CANNOT:
                    buffer = i8(0)
                if cause == CANNOT:
                    employed = 0
            if p == LINE and status != NONE:
                if g[G_MODEL] == 1:
                    S[SPEND, i] = scale(limit, quantile[T_SPEND, i8(e3) >> 22])
                else:
                    S[SPEND, i] = scale(income, quantile[T_SPEND, i8(e3) >> 22])
            if entry > 0 and status == ACTIVE:
                drawn = limit
                bar, limits = levers.month[entry, segment, p], levers.review[entry, segment, p]
                score, limit = review(bar, limits, score, known, noise, income, drawn)
                if has_rival:
                    bar, limits = levers.rival_month[entry, segment, p], levers.rival_review[entry, segment, p]
                    rival_score, rival_limit = review(bar, limits, rival_score, known, noise, income, drawn)
                    swapped = swapped or (limit > 0 and rival_limit == 0)
                if limit == 0:
                    status = DECLINED
            S[at + STATUS, i] = status
            S[at + LIMIT, i] = limit
            S[at + BALANCE, i] = balance
            S[at + ARREARS, i] = arrears
            S[at + BUCKET, i] = bucket
            S[at + STATE, i] = state
            S[at + EVER, i] = bucket
            S[at + CLEAN, i] = 12 if entry == 0 and bucket == 0 and status != NONE else 0
            S[at + GRANTED, i] = limit
            S[at + INSTALMENT, i] = instalment
            S[at + MONTHS_LEFT, i] = months_left
        S[SCORE, i] = score
        S[FULL_PAYER, i] = full_payer
        S[EMPLOYED, i] = employed
        S[BUFFER, i] = buffer
        if has_rival and not swapped:
            for c in range(N_BORROWER, N_STATE):
                S[c, i] = 0  # no account: status NONE


@njit(inline="always")
def grade_of(bucket, plan_left, clean, is_line, balance, limit):
    """Return the grade 0 (best) to 4 of an account's record: what the lender can observe, never quality."""
    grade = 0 if clean >= 12 else (1 if clean >= 6 else 2)
    if is_line:
        used = 2 if balance > limit - (limit >> 3) else (1 if balance > limit >> 1 else 0)
        grade = max(grade, used)
    grade = 3 if clean < 3 else grade
    return 4 if bucket > 0 or plan_left > 0 else grade


@njit()
def book_stocks(S, i, half_flows, vintage):
    """Add the month-end stocks of one borrower to `half_flows`[product, flow] and `vintage`[product, name]."""
    melt()
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        status = S[at + STATUS, i]
        balance = i8(S[at + BALANCE, i])
        F = half_flows[p]
        if status == WRITTEN_OFF:
            F[F_N_BOOK] += 1
            F[F_B_BOOK] += balance
        elif ACTIVE <= status <= CLOSED and (p == LINE or balance > 0):
            bucket, cause = S[at + BUCKET, i], S[at + CAUSE, i]
            F[F_ACCOUNTS] += 1
            F[F_BALANCE] += balance
            if status == ACTIVE and p == LINE:
                F[F_LIMIT] += S[at + LIMIT, i]
            elif status == FROZEN:
                F[F_FROZEN] += 1
            elif status == CLOSED:
                F[F_CLOSED] += 1
            vintage[p, W_ACCOUNTS] += 1
            vintage[p, W_BALANCE] += balance
            if bucket >= 1:
                F[F_N30] += 1
                F[F_B30] += balance
                F[F_N30_BY + cause] += 1
                vintage[p, W_N30] += 1
                if bucket >= 2:
                    F[F_N60] += 1
                    F[F_B60] += balance
                if bucket >= 3:
                    F[F_N90] += 1
                    F[F_B90] += balance
                    F[F_N90_BY + cause] += 1


@njit()
def book_arrivals(S, n, half_flows, vintage):
    """Count the applications, refusals and granted lines of a tile of arrivals."""
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        for i in range(n):
            status = S[at + STATUS, i]
            if status != NONE:
                half_flows[p, F_N_APPLIED] += 1
                if status == DECLINED:
                    half_flows[p, F_N_DECLINED] += 1
                elif p == LINE:
                    half_flows[p, F_N_GRANTED] += 1
                    vintage[p, W_GRANTED] += 1

"""Who is in a tile: people drawn from their address, or accounts read from a tape (docs/model.md, People)."""

import numpy as np

from .cache import njit
from .draws import PEOPLE, counter, group, philox
from .fixed import inverse_of, part, scale
from .names import *  # noqa: F403  the vocabulary of the kernel

u4, i8, u8 = np.uint32, np.int64, np.uint64


@njit(forceinline=True)
def band_of(score):
    """Return the score band 0..15 of a score in points."""
    return min(max((score - SCORE_LOW) >> SCORE_BAND_BITS, 0), SCORE_BANDS - 1)


@njit(forceinline=True)
def age_stage(age):
    """Return the stage 16..21 of a written-off account of `age` months."""
    return 16 + (age >= 6) + (age >= 12) + (age >= 18) + (age >= 36) + (age >= 60)


@njit(forceinline=True)
def score_of(correlation, noise_share, known, noise):
    """Return the points of a score that knows `correlation` (q16) of the quality's normal `known`."""
    z = (correlation * known + noise_share * noise) >> 16
    return 600 + ((z * 64) >> 16)


@njit(forceinline=True)
def review(bar, limits, score, known, noise, income, limit):
    """Return (score, limit) of an applicant as a lender reviews him, a limit of 0 if he is declined."""
    if bar[V_SCORE_CORRELATION] != ABSENT:
        score = score_of(bar[V_SCORE_CORRELATION], bar[V_SCORE_NOISE], known, noise)
    limit = scale(limit, limits[band_of(score)])
    if score < bar[V_SCORE_CUTOFF] or income < bar[V_INCOME_CUTOFF] or limit <= 0:
        limit = i8(0)
    return score, limit


@njit(forceinline=True)
def rank(word):
    """Return the index of a quantile table that a word draws."""
    return u8(u4(u4(word) >> u4(22)))


@njit(forceinline=True)
def draw(word):
    """Return a word as a 31-bit number that compares with a q31 share."""
    return i8(u4(u4(word) >> u4(1)))


@njit(forceinline=True)
def first_above(cumulative, drawn, size):
    """Return the first of `size` indices whose cumulative share exceeds `drawn`; the last share is ONE."""
    k = i8(0)
    for j in range(size - 1):
        k += i8(drawn >= cumulative[u8(j)])
    return k


@njit(forceinline=True)
def load(S, W, n, segment, entry, first, person_replication, tape_row, tables, levers, tape):
    """Fill lanes 0..n-1 of `S` with the people of a tile as they are before their first month.

    `W` uint32[24, lane] is working space: the words of slot s in rows 4 s to 4 s + 3. Every loop but those over tape
    rows and applicants has no branches, so that people are drawn many at once.
    """
    g = tables.segment[segment]
    for c in range(N_STATE):
        for i in range(n):
            S[u8(c), u8(i)] = 0
    draw_people(S, W, n, segment, entry, first, person_replication, tables, g)
    if tape_row >= 0:
        read_accounts(S, n, tape_row, tape)
    else:
        draw_lines(S, W, n, segment, entry, tables, g)
        if g[G_HAS_LOAN] > 0:
            draw_loans(S, W, n, segment, entry, tables, g)
    for p in range(N_PRODUCT):
        open_accounts(S, W, n, segment, entry, tables, g, p)
    if entry > 0:
        review_applicants(S, W, n, segment, entry, tables, levers, g)


@njit()
def draw_people(S, W, n, segment, entry, first, person_replication, tables, g):
    """Draw the words of a tile's people and what they are, whatever they hold."""
    k0, k1 = tables.key[0], tables.key[1]
    people = group(segment, PEOPLE)
    for slot in range(6):
        c1, at = counter(0, entry, slot), u8(4 * slot)
        for lane in range(n):
            i = u8(lane)
            w0, w1, w2, w3 = philox(u4(u4(first) + u4(lane)), c1, person_replication, people, k0, k1)
            W[at, i] = w0
            W[at + u8(1), i] = w1
            W[at + u8(2), i] = w2
            W[at + u8(3), i] = w3
    incomes, livings = tables.quantile[segment, T_INCOME], tables.quantile[segment, T_LIVING]
    forgets, buffers = tables.quantile[segment, T_FORGET], tables.quantile[segment, T_BUFFER]
    scores, normals = tables.quality_score, tables.normal
    correlation, noise_share = g[G_SCORE_CORRELATION], g[G_SCORE_NOISE]
    outside_share, outside_size = g[G_OUTSIDE_SHARE], g[G_OUTSIDE_SIZE]
    unemployed, full_payers = g[G_UNEMPLOYED], g[G_FULL_PAYER]
    for lane in range(n):
        i = u8(lane)
        income, living = incomes[rank(W[0, i])], livings[rank(W[1, i])]
        quality = u8(u4(u4(W[2, i]) >> u4(28)))
        known, noise = scores[quality], normals[rank(W[3, i])]
        outside = scale(income, outside_size) * i8(draw(W[7, i]) < outside_share)
        S[INCOME, i] = income
        S[LIVING, i] = part(income, living)
        S[QUALITY, i] = i8(quality)
        S[SCORE, i] = score_of(correlation, noise_share, known, noise)
        S[FORGET, i] = min(forgets[rank(W[4, i])], i8(ONE - 1))
        S[AUTOPAY, i] = draw(W[5, i])
        S[FULL_PAYER, i] = i8(draw(W[6, i]) < full_payers)
        S[REACH, i] = draw(W[20, i])
        S[GUARANTEE, i] = draw(W[23, i])
        S[OUTSIDE_MAX, i] = outside
        S[OUTSIDE, i] = outside
        S[BUFFER, i] = scale(income, buffers[rank(W[10, i])])
        S[EMPLOYED, i] = i8(draw(W[18, i]) >= unemployed)
        S[ALERT, i] = 31
        S[LINE_AT + ARREARS, i] = ABSENT
        S[LOAN_AT + ARREARS, i] = ABSENT


@njit(forceinline=True)
def read_accounts(S, n, tape_row, tape):
    """Read both accounts of each borrower from the tape."""
    for lane in range(n):
        i = u8(lane)
        for p in range(N_PRODUCT):
            at = u8(N_BORROWER + p * N_ACCOUNT)
            row = u8(tape_row + lane)
            if tape[row, p, X_STATUS] != ABSENT:
                S[at + u8(STATUS), i] = tape[row, p, X_STATUS]
                S[at + u8(LIMIT), i] = tape[row, p, X_LIMIT]
                S[at + u8(BALANCE), i] = tape[row, p, X_BALANCE]
                S[at + u8(BUCKET), i] = tape[row, p, X_BUCKET]
                S[at + u8(STATE), i] = max(tape[row, p, X_STATE], 0)
                S[at + u8(INSTALMENT), i] = max(tape[row, p, X_INSTALMENT], 0)
                S[at + u8(MONTHS_LEFT), i] = max(tape[row, p, X_MONTHS_LEFT], 0)
                S[at + u8(ARREARS), i] = tape[row, p, X_ARREARS]
                if p == LINE and tape[row, p, X_FULL_PAYER] != ABSENT:
                    S[FULL_PAYER, i] = tape[row, p, X_FULL_PAYER]


@njit(forceinline=True)
def draw_lines(S, W, n, segment, entry, tables, g):
    """Draw who holds a line, its limit and, in the opening book, its state and balance."""
    states, limits, used = tables.opening[segment, LINE], tables.limit[segment, LINE], tables.utilisation[segment]
    normals, ranks, holders = tables.normal, tables.normal_rank, g[G_HAS_LINE]
    with_income, with_noise, opening = g[G_LIMIT_INCOME], g[G_LIMIT_NOISE], i8(entry == 0)
    for lane in range(n):
        i = u8(lane)
        holds = i8(draw(W[16, i]) < holders)
        state = first_above(states, draw(W[11, i]), MAX_STATES) * opening
        own = rank(W[8, i])
        z = (with_income * normals[rank(W[0, i])] + with_noise * normals[own]) >> 16
        tied = ranks[u8(min(max((z + 4 * UNIT) >> 7, i8(0)), i8(4095)))]
        limit = limits[u8(state), u8(tied) if with_income != 0 else own]
        S[LINE_AT + STATUS, i] = ACTIVE * holds
        S[LINE_AT + LIMIT, i] = limit * holds
        S[LINE_AT + BALANCE, i] = scale(limit, used[u8(state), rank(W[9, i])]) * opening * holds
        S[LINE_AT + STATE, i] = state * holds
        S[LINE_AT + BUCKET, i] = state * holds


@njit(forceinline=True)
def draw_loans(S, W, n, segment, entry, tables, g):
    """Draw who holds a loan facility, its limit and, in the opening book, the loan that is open."""
    states, limits, tickets = (
        tables.opening[segment, LOAN],
        tables.limit[segment, LOAN, 0],
        tables.quantile[segment, T_TICKET],
    )
    offered, balances = tables.terms[segment], tables.loan_balance[segment]
    holders, draw_step = g[G_HAS_LOAN], tables.product[segment, LOAN, P_DRAW_STEP]
    open_share = tables.product[segment, LOAN, P_OPEN_AT_START] if entry == 0 else i8(0)
    inverse, shift = inverse_of(draw_step)
    below0, below1, below2 = offered[0, TERM_CUMULATIVE], offered[1, TERM_CUMULATIVE], offered[2, TERM_CUMULATIVE]
    for lane in range(n):
        i = u8(lane)
        holds = i8(draw(W[17, i]) < holders)
        limit = limits[rank(W[12, i])]
        amount = i8((u8(max(min(tickets[rank(W[14, i])], limit), i8(0))) * u8(inverse)) >> u8(shift)) * draw_step
        is_open = holds * i8(draw(W[13, i]) < open_share) * i8(amount > 0)
        u = draw(W[15, i])
        term = i8(u >= below0)
        term += term * i8(u >= below1)
        term += i8(term == 2) * i8(u >= below2)
        months_left = 1 + ((i8(u4(W[15, i]) & u4(0xFFFF)) * offered[u8(term), TERM_MONTHS]) >> 16)
        state = first_above(states, draw(W[21, i]), MAX_STATES) * is_open
        S[LOAN_AT + STATUS, i] = ACTIVE * holds
        S[LOAN_AT + LIMIT, i] = limit * holds
        S[LOAN_AT + BALANCE, i] = part(amount, balances[u8(term), u8(months_left)]) * is_open
        S[LOAN_AT + INSTALMENT, i] = part(amount, offered[u8(term), TERM_INSTALMENT]) * is_open
        S[LOAN_AT + MONTHS_LEFT, i] = months_left * is_open
        S[LOAN_AT + STATE, i] = state
        S[LOAN_AT + BUCKET, i] = state


@njit(forceinline=True)
def open_accounts(S, W, n, segment, entry, tables, g, p):
    """Work out what follows from the accounts drawn or read: bucket, arrears, cause, record, usual spending."""
    at, terms = u8(N_BORROWER + p * N_ACCOUNT), tables.product[segment, p]
    rolls, causes, spends = (
        tables.roll_state[segment, p],
        tables.opening_cause[segment],
        tables.quantile[segment, T_SPEND],
    )
    floor, min_share, model = terms[P_MIN_FLOOR], terms[P_MIN_SHARE], g[G_MODEL]
    is_line, opening = p == LINE, entry == 0
    for lane in range(n):
        i = u8(lane)
        status, limit, balance = S[at + u8(STATUS), i], i8(S[at + u8(LIMIT), i]), i8(S[at + u8(BALANCE), i])
        state, bucket = i8(S[at + u8(STATE), i]), i8(S[at + u8(BUCKET), i])
        held = i8(status != NONE)
        by_matrix = rolls[u8(state), u8(R_BUCKET)]
        bucket = by_matrix * held if model == 1 else bucket * i8(balance > 0)
        kept = i8(is_line or balance > 0)
        bucket *= kept
        owing, given = max(balance, i8(0)), i8(S[at + u8(ARREARS), i])
        due = min(max(floor, part(owing, min_share)), owing) if is_line else i8(S[at + u8(INSTALMENT), i])
        arrears = min(owing, bucket * due) if given == ABSENT else min(max(given, i8(0)), owing)
        late = i8(bucket > 0)
        S[at + u8(ARREARS), i] = arrears * late
        S[at + u8(BUCKET), i] = bucket
        S[at + u8(STATE), i] = state * kept
        S[at + u8(EVER), i] = bucket
        S[at + u8(CLEAN), i] = i8(12) * i8(opening) * (1 - late) * held
        S[at + u8(GRANTED), i] = limit
        has_cause = late * i8(model == 0) * i8(status != WRITTEN_OFF)
        cause = first_above(causes, draw(W[22, i]), len(CAUSES)) * has_cause
        S[at + u8(CAUSE), i] = cause
        S[BUFFER, i] = S[BUFFER, i] * i8(cause != SHORT) * i8(cause != CANNOT)
        S[EMPLOYED, i] = S[EMPLOYED, i] * i8(cause != CANNOT)
        if is_line:
            of = limit if model == 1 else i8(S[INCOME, i])
            S[SPEND, i] = scale(of, spends[rank(W[19, i])]) * held


@njit(forceinline=True)
def review_applicants(S, W, n, segment, entry, tables, levers, g):
    """Grant or decline what the applicants of a tile ask for; with a rival, nobody stays whom he takes too."""
    has_rival = tables.rival_month.shape[3] > 0
    for lane in range(n):
        i = u8(lane)
        known, noise = tables.quality_score[u8(S[QUALITY, i])], tables.normal[rank(W[3, i])]
        score, income = i8(S[SCORE, i]), i8(S[INCOME, i])
        rival_score, swapped = score, False
        for p in range(N_PRODUCT):
            at = u8(N_BORROWER + p * N_ACCOUNT)
            if S[at + u8(STATUS), i] == ACTIVE:
                drawn = i8(S[at + u8(LIMIT), i])
                bar, limits = levers.month[entry, segment, p], levers.review[entry, segment, p]
                score, limit = review(bar, limits, score, known, noise, income, drawn)
                if has_rival:
                    bar, limits = tables.rival_month[entry, segment, p], tables.rival_review[entry, segment, p]
                    rival_score, rival_limit = review(bar, limits, rival_score, known, noise, income, drawn)
                    swapped = swapped or (limit > 0 and rival_limit == 0)
                S[at + u8(LIMIT), i] = limit
                S[at + u8(GRANTED), i] = limit
                if limit == 0:
                    S[at + u8(STATUS), i] = DECLINED
        S[SCORE, i] = score
        if has_rival and not swapped:
            for c in range(N_BORROWER, N_STATE):
                S[u8(c), i] = 0  # no account: status NONE


@njit(forceinline=True)
def grade_of(bucket, plan_left, clean, is_line, balance, limit):
    """Return the grade 0 (best) to 4 of an account's record: what the lender can observe, never quality."""
    grade = 0 if clean >= 12 else (1 if clean >= 6 else 2)
    if is_line:
        used = 2 if balance > limit - (limit >> 3) else (1 if balance > limit >> 1 else 0)
        grade = max(grade, used)
    grade = 3 if clean < 3 else grade
    return 4 if bucket > 0 or plan_left > 0 else grade


@njit(forceinline=True)
def book_stocks(S, i, half_flows, vintage):
    """Add the month-end stocks of one borrower to `half_flows`[product, flow] and `vintage`[product, name]."""
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
    """Count the applications, refusals and granted lines of n arrivals."""
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

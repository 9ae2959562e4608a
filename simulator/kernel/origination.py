"""Who is in a tile: people drawn from their address, or accounts read from a tape (docs/model.md, People)."""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .draws import PEOPLE, counter, group, philox
from .fixed import half, inverse_of, mask_of, mul_q16, mul_q16_lane, mul_q31, mul_q31_lane, only, pick
from .jit.cache import njit
from .marks import add_followed

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64


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
    z = i8(correlation * i8(known) + noise_share * i8(noise)) >> i8(16)
    return i8(600) + (i8(z * i8(64)) >> i8(16))


@njit(forceinline=True)
def review(bar, limits, score, known, noise, income, limit):
    """Return (score, limit) of an applicant as a lender reviews him, a limit of 0 if he is declined."""
    if bar[V_SCORE_CORRELATION] != ABSENT:
        score = score_of(bar[V_SCORE_CORRELATION], bar[V_SCORE_NOISE], known, noise)
    limit = mul_q16(limit, limits[band_of(score)])
    if score < bar[V_SCORE_CUTOFF] or income < bar[V_INCOME_CUTOFF] or limit <= 0:
        limit = i8(0)
    return score, limit


@njit(forceinline=True)
def rank(word):
    """Return the index of a quantile table that a word draws."""
    return u4(word) >> u4(22)


@njit(forceinline=True)
def first_above(cumulative, drawn, size):
    """Return the first of `size` indices whose cumulative share exceeds `drawn`; the last share is ONE."""
    k = i4(0)
    for j in range(size - 1):
        k = i4(k - mask_of(drawn >= u4(cumulative[u8(j)])))
    return k


@njit(forceinline=True)
def load(S, W, n, segment, entry, first, person_replication, tape_row, tables, levers, tape):
    """Fill lanes 0..n-1 of `S` with the people of a tile as they are before their first month.

    `W` uint32[24, lane] is working space: the words of slot s in rows 4 s to 4 s + 3. Every loop but those over tape
    rows and applicants has no branches, so that people are drawn many at once: S and W lie on the stack for that.
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
    for p in range(N_PRODUCT if tape_row >= 0 or g[G_HAS_LOAN] > 0 else 1):
        open_accounts(S, W, n, segment, entry, tables, g, p)
    if entry > 0:
        review_applicants(S, W, n, segment, entry, tables, levers, g)


@njit(forceinline=True)
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
    incomes, livings = tables.quantile[segment, Q_INCOME], tables.quantile[segment, Q_LIVING]
    forgets, buffers = tables.quantile[segment, Q_FORGET], tables.quantile[segment, Q_LIQUIDITY]
    scores, normals = tables.quality_score, tables.normal
    correlation, noise_share = g[G_SCORE_CORRELATION], g[G_SCORE_NOISE]
    outside_share, outside_size = u4(g[G_EXTERNAL_CREDIT_SHARE]), g[G_EXTERNAL_CREDIT_SIZE]
    unemployed, full_payers = u4(g[G_UNEMPLOYED]), u4(g[G_FULL_PAYER])
    for lane in range(n):
        i = u8(lane)
        income = i4(incomes[rank(W[0, i])])
        quality = u4(u4(W[2, i]) >> u4(28))
        outside = only(half(W[7, i]) < outside_share, mul_q16_lane(income, outside_size))
        S[INCOME, i] = income
        S[LIVING, i] = mul_q31_lane(income, livings[rank(W[1, i])])
        S[QUALITY, i] = i4(quality)
        S[SCORE, i] = i4(score_of(correlation, noise_share, scores[quality], normals[rank(W[3, i])]))
        S[FORGET, i] = i4(min(u4(forgets[rank(W[4, i])]), u4(ONE - 1)))
        S[AUTOPAY, i] = i4(half(W[5, i]))
        S[FULL_PAYER, i] = i4(half(W[6, i]) < full_payers)
        S[REACH, i] = i4(half(W[20, i]))
        S[GUARANTEE, i] = i4(half(W[23, i]))
        S[EXTERNAL_CREDIT_LIMIT, i] = outside
        S[EXTERNAL_CREDIT, i] = outside
        S[LIQUIDITY, i] = mul_q16_lane(income, buffers[rank(W[10, i])])
        S[EMPLOYED, i] = i4(half(W[18, i]) >= unemployed)
        S[MONTHS_SINCE_FORGOT, i] = i4(31)


@njit(forceinline=True)
def read_accounts(S, n, tape_row, tape):
    """Read both accounts of each borrower from the tape."""
    for lane in range(n):
        i = u8(lane)
        for p in range(N_PRODUCT):
            at = u8(N_BORROWER + p * N_ACCOUNT)
            row = u8(tape_row + lane)
            if tape[row, p, TAPE_STATUS] != ABSENT:
                S[at + u8(STATUS), i] = tape[row, p, TAPE_STATUS]
                S[at + u8(LIMIT), i] = tape[row, p, TAPE_LIMIT]
                S[at + u8(BALANCE), i] = tape[row, p, TAPE_BALANCE]
                S[at + u8(BUCKET), i] = tape[row, p, TAPE_BUCKET]
                S[at + u8(STATE), i] = max(tape[row, p, TAPE_STATE], 0)
                S[at + u8(INSTALMENT), i] = max(tape[row, p, TAPE_INSTALMENT], 0)
                S[at + u8(MONTHS_LEFT), i] = max(tape[row, p, TAPE_MONTHS_LEFT], 0)
                S[at + u8(ARREARS), i] = tape[row, p, TAPE_ARREARS]
                if p == LINE and tape[row, p, TAPE_FULL_PAYER] != ABSENT:
                    S[FULL_PAYER, i] = tape[row, p, TAPE_FULL_PAYER]


@njit(forceinline=True)
def draw_lines(S, W, n, segment, entry, tables, g):
    """Draw who holds a line, its limit and, in the opening book, its state and balance."""
    states, limits, used = tables.opening[segment, LINE], tables.limit[segment, LINE], tables.utilisation[segment]
    normals, ranks, holders = tables.normal, tables.normal_rank, u4(g[G_HAS_LINE])
    with_income, with_noise, opening = g[G_LIMIT_INCOME], g[G_LIMIT_NOISE], mask_of(entry == 0)
    tied = mask_of(with_income != 0)
    for lane in range(n):
        i = u8(lane)
        holds = half(W[16, i]) < holders
        state = i4(first_above(states, half(W[11, i]), MAX_STATES) & opening)
        own = rank(W[8, i])
        z = i4((with_income * i8(normals[rank(W[0, i])]) + with_noise * i8(normals[own])) >> i8(16))
        place = u4(min(max(i4(i4(z + i4(4 * UNIT)) >> i4(7)), i4(0)), i4(4095)))
        at = u4(pick(tied, ranks[place], own))
        limit = i4(limits[u4(state) & u4(MAX_STATES - 1), at & u4(QUANTILES - 1)])
        share = used[u4(state) & u4(MAX_STATES - 1), rank(W[9, i])]
        S[LINE_AT + STATUS, i] = only(holds, i4(ACTIVE))
        S[LINE_AT + LIMIT, i] = only(holds, limit)
        S[LINE_AT + BALANCE, i] = only(holds, i4(i4(mul_q16(limit, share)) & opening))
        S[LINE_AT + ARREARS, i] = i4(ABSENT)
        S[LINE_AT + STATE, i] = only(holds, state)
        S[LINE_AT + BUCKET, i] = only(holds, state)


@njit(forceinline=True)
def draw_loans(S, W, n, segment, entry, tables, g):
    """Draw who holds a loan facility, its limit and, in the opening book, the loan that is open."""
    states, limits, tickets = (
        tables.opening[segment, LOAN],
        tables.limit[segment, LOAN, 0],
        tables.quantile[segment, Q_TICKET],
    )
    offered, balances = tables.terms[segment], tables.loan_balance[segment]
    holders, draw_step = u4(g[G_HAS_LOAN]), i4(tables.product[segment, LOAN, P_DRAW_STEP])
    open_share = u4(tables.product[segment, LOAN, P_OPEN_AT_START] if entry == 0 else i8(0))
    inverse, shift = inverse_of(i8(draw_step))
    below0, below1 = u4(offered[0, TERM_CUMULATIVE]), u4(offered[1, TERM_CUMULATIVE])
    below2 = u4(offered[2, TERM_CUMULATIVE])
    for lane in range(n):
        i = u8(lane)
        holds = half(W[17, i]) < holders
        limit = i4(limits[rank(W[12, i])])
        wanted = max(min(i4(tickets[rank(W[14, i])]), limit), i4(0))
        amount = i4(i4((u8(u4(wanted)) * u8(inverse)) >> u8(shift)) * draw_step)
        is_open = holds & (half(W[13, i]) < open_share) & (amount > i4(0))
        u = half(W[15, i])
        term = u4(u >= below0)
        term = u4(term + u4((u >= below0) & (u >= below1)))
        term = u4(term + u4((u >= below0) & (u >= below1) & (u >= below2)))
        months = u4(offered[term & u4(MAX_TERMS - 1), TERM_MONTHS])
        months_left = u4(u4(1) + u4(u4(u4(u4(W[15, i]) & u4(0xFFFF)) * months) >> u4(16)))
        state = only(is_open, first_above(states, half(W[21, i]), MAX_STATES))
        left = balances[term & u4(MAX_TERMS - 1), months_left]
        instalment = offered[term & u4(MAX_TERMS - 1), TERM_INSTALMENT]
        S[LOAN_AT + STATUS, i] = only(holds, i4(ACTIVE))
        S[LOAN_AT + LIMIT, i] = only(holds, limit)
        S[LOAN_AT + BALANCE, i] = only(is_open, i4(mul_q31(amount, left)))
        S[LOAN_AT + INSTALMENT, i] = only(is_open, i4(mul_q31(amount, instalment)))
        S[LOAN_AT + MONTHS_LEFT, i] = only(is_open, i4(months_left))
        S[LOAN_AT + ARREARS, i] = i4(ABSENT)
        S[LOAN_AT + STATE, i] = state
        S[LOAN_AT + BUCKET, i] = state


@njit(forceinline=True)
def open_accounts(S, W, n, segment, entry, tables, g, p):
    """Work out what follows from the accounts drawn or read: bucket, arrears, cause, record, usual spending."""
    at, terms = u8(N_BORROWER + p * N_ACCOUNT), tables.product[segment, p]
    rolls, causes, spends = (
        tables.roll_state[segment, p],
        tables.opening_cause[segment],
        tables.quantile[segment, Q_SPEND],
    )
    floor, min_share, is_line = i4(terms[P_MIN_FLOOR]), terms[P_MIN_SHARE], p == LINE
    by_matrix, opening = mask_of(g[G_MODEL] == 1), mask_of(entry == 0)
    for lane in range(n):
        i = u8(lane)
        status, limit, balance = S[at + u8(STATUS), i], S[at + u8(LIMIT), i], S[at + u8(BALANCE), i]
        state, bucket = S[at + u8(STATE), i], S[at + u8(BUCKET), i]
        held = mask_of(status != i4(NONE))
        of_state = i4(rolls[u4(state) & u4(MAX_STATES - 1), ROLL_BUCKET])
        bucket = pick(by_matrix, i4(of_state & held), only(balance > i4(0), bucket))
        kept = i4(mask_of(is_line) | mask_of(balance > i4(0)))
        bucket = i4(bucket & kept)
        owing, given = max(balance, i4(0)), S[at + u8(ARREARS), i]
        due = min(max(floor, mul_q31_lane(owing, min_share)), owing) if is_line else S[at + u8(INSTALMENT), i]
        missed = i4(min(i8(owing), i8(bucket) * i8(due)))
        arrears = pick(mask_of(given == i4(ABSENT)), missed, min(max(given, i4(0)), owing))
        late = mask_of(bucket > i4(0))
        S[at + u8(ARREARS), i] = i4(arrears & late)
        S[at + u8(BUCKET), i] = bucket
        S[at + u8(STATE), i] = i4(state & kept)
        S[at + u8(EVER), i] = bucket
        S[at + u8(CLEAN), i] = i4(i4(i4(i4(12) & opening) & ~late) & held)
        S[at + u8(GRANTED), i] = limit
        in_default = (bucket >= i4(3)) | (status == i4(WRITTEN_OFF))
        S[at + u8(MARKS), i] = i4(only(in_default, i4(OPENED_IN_DEFAULT)) & opening)
        has_cause = i4(i4(late & ~by_matrix) & mask_of(status != i4(WRITTEN_OFF)))
        cause = i4(first_above(causes, half(W[22, i]), len(CAUSES)) & has_cause)
        S[at + u8(CAUSE), i] = cause
        S[LIQUIDITY, i] = only((cause != i4(SHORT)) & (cause != i4(CANNOT)), S[LIQUIDITY, i])
        S[EMPLOYED, i] = only(cause != i4(CANNOT), S[EMPLOYED, i])
        if is_line:
            of = pick(by_matrix, limit, S[INCOME, i])
            S[SPEND, i] = i4(mul_q16_lane(of, spends[rank(W[19, i])]) & held)


@njit(forceinline=True)
def review_applicants(S, W, n, segment, entry, tables, levers, g):
    """Grant or decline what the applicants of a tile ask for; with a rival, nobody stays whom he takes too."""
    has_rival = tables.rival_month.shape[3] > 0
    for lane in range(n):
        i = u8(lane)
        known, noise = i8(tables.quality_score[u8(S[QUALITY, i])]), i8(tables.normal[rank(W[3, i])])
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
                elif p == LINE:
                    S[at + u8(MARKS), i] = GRANTED_SINCE
        S[SCORE, i] = score
        if has_rival and not swapped:
            for c in range(N_BORROWER, N_STATE):
                S[u8(c), i] = 0  # no account: status NONE


@njit(forceinline=True)
def add_roll(rolls, row, to, balance):
    """Add the move of one account to a roll matrix [from, to, number and balance]."""
    rolls[row, to, 0] += 1
    rolls[row, to, 1] += balance


@njit(forceinline=True)
def add_open(F, vintage, bucket, cause, balance):
    """Add the month-end stocks of an open account to F [flow] and `vintage` [name]."""
    F[F_N_ACCOUNTS] += 1
    F[F_BALANCE] += balance
    vintage[W_N_ACCOUNTS] += 1
    vintage[W_BALANCE] += balance
    if bucket >= 1:
        F[F_N_DPD30] += 1
        F[F_BALANCE_DPD30] += balance
        F[F_N_DPD30_BY + cause] += 1
        vintage[W_N_DPD30] += 1
        if bucket >= 2:
            F[F_N_DPD60] += 1
            F[F_BALANCE_DPD60] += balance
        if bucket >= 3:
            F[F_N_DPD90] += 1
            F[F_BALANCE_DPD90] += balance
            F[F_N_DPD90_BY + cause] += 1


@njit(forceinline=True)
def add_stocks(S, i, half_flows, vintage):
    """Add the month-end stocks of one borrower to `half_flows`[product, flow] and `vintage`[product, name]."""
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        status = S[at + STATUS, i]
        balance = i8(S[at + BALANCE, i])
        F = half_flows[p]
        if status == WRITTEN_OFF:
            F[F_N_WRITTEN_OFF_BOOK] += 1
            F[F_BALANCE_WRITTEN_OFF_BOOK] += balance
        elif ACTIVE <= status <= CLOSED and (p == LINE or balance > 0):
            add_open(F, vintage[p], i8(S[at + BUCKET, i]), i8(S[at + CAUSE, i]), balance)
            if S[at + MARKS, i] >= FOLLOWED:
                add_followed(F, i8(S[at + MARKS, i]), i8(S[at + BUCKET, i]), balance)
            if status == ACTIVE and p == LINE:
                F[F_LIMIT] += S[at + LIMIT, i]
            elif status == FROZEN:
                F[F_N_FROZEN] += 1
            elif status == CLOSED:
                F[F_N_CLOSED] += 1


@njit(inside=True)
def add_arrivals(S, n, half_flows, vintage):
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
                    vintage[p, W_N_GRANTED] += 1

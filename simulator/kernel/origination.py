"""Who is in a tile: borrowers drawn from their address, or accounts read from a tape (docs/model.md, People)."""

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .draws import PEOPLE, counter, group, philox
from .fixed import half, inverse_of, mask_of, mul_q16, mul_q16_lane, mul_q31, mul_q31_lane, only, pick
from .late import has_late_stage
from .rules import band_of, place_of_answer

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64
INTENT, PRICE = 25, 26  # words of people: who will never pay, or not the first due; who takes up an offer


@njit(forceinline=True)
def score_of(correlation, noise_share, known, noise):
    """Return the points of a score that knows `correlation` (q16) of what there is to be known: `known`, a normal."""
    z = i8(correlation * i8(known) + noise_share * i8(noise)) >> i8(16)
    return i8(600) + (i8(z * i8(64)) >> i8(16))


@njit(forceinline=True)
def underwrite(bar, limits, score, known, noise, income, limit):
    """Return (score, limit) of an applicant as a lender reviews them, a limit of 0 if they are declined."""
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
def originate(state, words, n, cohort, tables, levers, tape):
    """Fill lanes 0..n-1 of `state` with the borrowers of a Cohort as they are before their first month.

    `words` uint32[28, lane] is working space: the words of slot s in rows 4 s to 4 s + 3. Every loop but those over
    tape rows and applicants has no branches, so that many are drawn at once: both arrays lie on the stack for that.
    """
    for c in range(N_STATE):
        for i in range(n):
            state[u8(c), u8(i)] = 0
    has_loans = cohort.tape_row >= 0 or tables.segment[cohort.segment, G_HAS_LOAN] > 0
    name_people(state, n, cohort, tape)
    draw_borrowers(state, words, n, cohort, tables)
    if cohort.tape_row >= 0:
        read_accounts(state, n, cohort.tape_row, tape)
    else:
        draw_lines(state, words, n, cohort, tables)
        if has_loans:
            draw_loans(state, words, n, cohort, tables)
    for p in range(N_PRODUCT if has_loans else 1):
        open_accounts(state, words, n, cohort, tables, p)
    if cohort.entry > 0:
        review_applicants(state, words, n, cohort, tables, levers)


@njit(forceinline=True)
def link_words(words, n, tables):
    """Give words that go with quality the quantile index that the borrower's class makes of their own."""
    for link in range(len(tables.linked_word)):
        row, ranks = u8(tables.linked_word[link]), tables.linked_rank[link]
        for lane in range(n):
            i = u8(lane)
            word = u4(words[row, i])
            at = u4(u4(u4(u4(words[2, i]) >> u4(28)) << u4(10)) | rank(word))
            words[row, i] = u4(u4(u4(ranks[at & u4(QUALITIES * QUANTILES - 1)]) << u4(22)) | u4(word & u4(0x3FFFFF)))


@njit(forceinline=True)
def name_people(state, n, cohort, tape):
    """Put into INCOME, which is drawn next, the replication whose people are there: the tape's own where it says."""
    for lane in range(n):
        state[INCOME, u8(lane)] = i4(cohort.replication)
        for p in range(N_PRODUCT if cohort.tape_row >= 0 else 0):
            person = tape[u8(cohort.tape_row + lane), p, TAPE_PERSON]
            if person != ABSENT:
                state[INCOME, u8(lane)] = i4(person + 1)


@njit(forceinline=True)
def draw_borrowers(state, words, n, cohort, tables):
    """Draw the words of the borrowers and what they are, whatever they hold."""
    segment, k0, k1 = cohort.segment, tables.key[0], tables.key[1]
    scalars, people = tables.segment[segment], group(segment, PEOPLE)
    for slot in range(SLOTS):
        c1, at = counter(0, cohort.entry, slot), u8(4 * slot)
        for lane in range(n):
            i = u8(lane)
            w0, w1, w2, w3 = philox(u4(u4(cohort.first) + u4(lane)), c1, u4(state[INCOME, i]), people, k0, k1)
            words[at, i] = w0
            words[at + u8(1), i] = w1
            words[at + u8(2), i] = w2
            words[at + u8(3), i] = w3
    link_words(words, n, tables)
    incomes, livings = tables.quantile[segment, Q_INCOME], tables.quantile[segment, Q_LIVING]
    forgets, buffers = tables.quantile[segment, Q_FORGET], tables.quantile[segment, Q_LIQUIDITY]
    scores, normals, shift = tables.quality_score, tables.normal, scalars[G_SCORE_SHIFT]
    correlation, noise_share = scalars[G_SCORE_CORRELATION], scalars[G_SCORE_NOISE]
    outside_share, outside_size = u4(scalars[G_EXTERNAL_CREDIT_SHARE]), scalars[G_EXTERNAL_CREDIT_SIZE]
    unemployed, full_payers = u4(scalars[G_UNEMPLOYED]), u4(scalars[G_FULL_PAYER])
    for lane in range(n):
        i = u8(lane)
        income = i4(incomes[rank(words[0, i])])
        quality = u4(u4(words[2, i]) >> u4(28))
        outside = only(half(words[7, i]) < outside_share, mul_q16_lane(income, outside_size))
        state[INCOME, i] = income
        state[LIVING, i] = mul_q31_lane(income, livings[rank(words[1, i])])
        state[QUALITY, i] = i4(quality)
        known = i8(scores[quality]) + shift
        state[SCORE, i] = i4(score_of(correlation, noise_share, known, normals[rank(words[3, i])]))
        state[FORGET, i] = i4(min(u4(forgets[rank(words[4, i])]), u4(ONE - 1)))
        state[AUTOPAY, i] = i4(half(words[5, i]))
        state[FULL_PAYER, i] = i4(half(words[6, i]) < full_payers)
        state[REACH, i] = i4(half(words[20, i]))
        state[GUARANTEE, i] = i4(half(words[23, i]))
        state[EDUCATION, i] = i4(half(words[27, i]))
        state[CONTACT, i] = i4(half(words[24, i]))
        state[EXTERNAL_CREDIT_LIMIT, i] = outside
        state[EXTERNAL_CREDIT, i] = outside
        state[LIQUIDITY, i] = mul_q16_lane(income, buffers[rank(words[10, i])])
        state[EMPLOYED, i] = i4(half(words[18, i]) >= unemployed)
        state[MONTHS_SINCE_FORGOT, i] = i4(31)


@njit(forceinline=True)
def read_accounts(state, n, tape_row, tape):
    """Read both accounts of each borrower from the tape."""
    for lane in range(n):
        i = u8(lane)
        for p in range(N_PRODUCT):
            at = u8(N_BORROWER + p * N_ACCOUNT)
            row = u8(tape_row + lane)
            if tape[row, p, TAPE_STATUS] != ABSENT:
                state[at + u8(STATUS), i] = tape[row, p, TAPE_STATUS]
                state[at + u8(LIMIT), i] = tape[row, p, TAPE_LIMIT]
                state[at + u8(BALANCE), i] = tape[row, p, TAPE_BALANCE]
                state[at + u8(BUCKET), i] = tape[row, p, TAPE_BUCKET]
                state[at + u8(STATE), i] = max(tape[row, p, TAPE_STATE], 0)
                state[at + u8(INSTALMENT), i] = max(tape[row, p, TAPE_INSTALMENT], 0)
                state[at + u8(MONTHS_LEFT), i] = max(tape[row, p, TAPE_MONTHS_LEFT], 0)
                state[at + u8(ARREARS), i] = tape[row, p, TAPE_ARREARS]
                if p == LINE and tape[row, p, TAPE_FULL_PAYER] != ABSENT:
                    state[FULL_PAYER, i] = tape[row, p, TAPE_FULL_PAYER]


@njit(forceinline=True)
def draw_lines(state, words, n, cohort, tables):
    """Draw who holds a line, its limit and, in the opening book, its state and balance."""
    segment, entry = cohort.segment, cohort.entry
    scalars = tables.segment[segment]
    states, limits, used = tables.opening[segment, LINE], tables.limit[segment, LINE], tables.utilisation[segment]
    rolls, holders = tables.roll_state[segment, LINE], u4(scalars[G_HAS_LINE])
    normals, ranks = tables.normal, tables.normal_rank
    with_income, with_noise, opening = scalars[G_LIMIT_INCOME], scalars[G_LIMIT_NOISE], mask_of(entry == 0)
    tied = mask_of(with_income != 0)
    for lane in range(n):
        i = u8(lane)
        holds = half(words[16, i]) < holders
        opened_in = i4(first_above(states, half(words[11, i]), MAX_STATES) & opening)
        own = rank(words[8, i])
        z = i4((with_income * i8(normals[rank(words[0, i])]) + with_noise * i8(normals[own])) >> i8(16))
        place = u4(min(max(i4(i4(z + i4(4 * UNIT)) >> i4(7)), i4(0)), i4(4095)))
        at = u4(pick(tied, ranks[place], own))
        limit = i4(limits[u4(opened_in) & u4(MAX_STATES - 1), at & u4(QUANTILES - 1)])
        share = used[u4(opened_in) & u4(MAX_STATES - 1), rank(words[9, i])]
        state[LINE_AT + STATUS, i] = only(holds, i4(ACTIVE))
        state[LINE_AT + LIMIT, i] = only(holds, limit)
        state[LINE_AT + BALANCE, i] = only(holds, i4(i4(mul_q16(limit, share)) & opening))
        state[LINE_AT + ARREARS, i] = i4(ABSENT)
        state[LINE_AT + STATE, i] = only(holds, i4(i4(rolls[u4(opened_in), ROLL_OPENED]) & opening))
        state[LINE_AT + BUCKET, i] = only(holds, opened_in)


@njit(forceinline=True)
def draw_loans(state, words, n, cohort, tables):
    """Draw who holds a loan facility, its limit and, in the opening book, the loan that is open."""
    segment, entry = cohort.segment, cohort.entry
    scalars = tables.segment[segment]
    states, rolls = tables.opening[segment, LOAN], tables.roll_state[segment, LOAN]
    limits, tickets = tables.limit[segment, LOAN, 0], tables.quantile[segment, Q_TICKET]
    offered, balances = tables.terms[segment], tables.loan_balance[segment]
    holders, draw_step = u4(scalars[G_HAS_LOAN]), i4(tables.product[segment, LOAN, P_DRAW_STEP])
    open_share = u4(tables.product[segment, LOAN, P_OPEN_AT_START] if entry == 0 else i8(0))
    inverse, shift = inverse_of(i8(draw_step))
    below0, below1 = u4(offered[0, TERM_CUMULATIVE]), u4(offered[1, TERM_CUMULATIVE])
    below2 = u4(offered[2, TERM_CUMULATIVE])
    for lane in range(n):
        i = u8(lane)
        holds = half(words[17, i]) < holders
        limit = i4(limits[rank(words[12, i])])
        wanted = max(min(i4(tickets[rank(words[14, i])]), limit), i4(0))
        amount = i4(i4((u8(u4(wanted)) * u8(inverse)) >> u8(shift)) * draw_step)
        is_open = holds & (half(words[13, i]) < open_share) & (amount > i4(0))
        u = half(words[15, i])
        term = u4(u >= below0)
        term = u4(term + u4((u >= below0) & (u >= below1)))
        term = u4(term + u4((u >= below0) & (u >= below1) & (u >= below2)))
        months = u4(offered[term & u4(MAX_TERMS - 1), TERM_MONTHS])
        months_left = u4(u4(1) + u4(u4(u4(u4(words[15, i]) & u4(0xFFFF)) * months) >> u4(16)))
        opened_in = only(is_open, first_above(states, half(words[21, i]), MAX_STATES))
        left = balances[term & u4(MAX_TERMS - 1), months_left]
        instalment = offered[term & u4(MAX_TERMS - 1), TERM_INSTALMENT]
        state[LOAN_AT + STATUS, i] = only(holds, i4(ACTIVE))
        state[LOAN_AT + LIMIT, i] = only(holds, limit)
        state[LOAN_AT + BALANCE, i] = only(is_open, i4(mul_q31(amount, left)))
        state[LOAN_AT + INSTALMENT, i] = only(is_open, i4(mul_q31(amount, instalment)))
        state[LOAN_AT + MONTHS_LEFT, i] = only(is_open, i4(months_left))
        state[LOAN_AT + ARREARS, i] = i4(ABSENT)
        state[LOAN_AT + STATE, i] = only(is_open, i4(rolls[u4(opened_in), ROLL_OPENED]))
        state[LOAN_AT + BUCKET, i] = opened_in


@njit(forceinline=True)
def open_accounts(state, words, n, cohort, tables, p):
    """Work out what follows from the accounts drawn or read: bucket, arrears, cause, record, usual spending."""
    segment, entry = cohort.segment, cohort.entry
    scalars = tables.segment[segment]
    at, terms = u8(N_BORROWER + p * N_ACCOUNT), tables.product[segment, p]
    rolls, causes = tables.roll_state[segment, p], tables.opening_cause[segment]
    spends = tables.quantile[segment, Q_SPEND]
    floor, min_share, is_line = i4(terms[P_MIN_FLOOR]), terms[P_MIN_SHARE], p == LINE
    by_matrix, opening = mask_of(scalars[G_MODEL] == 1), mask_of(entry == 0)
    late_stage = mask_of(has_late_stage(terms))
    for lane in range(n):
        i = u8(lane)
        status, limit, balance = state[at + u8(STATUS), i], state[at + u8(LIMIT), i], state[at + u8(BALANCE), i]
        opened_in, bucket = state[at + u8(STATE), i], state[at + u8(BUCKET), i]
        held = mask_of(status != i4(NONE))
        of_state = i4(rolls[u4(opened_in), ROLL_BUCKET])
        bucket = pick(by_matrix, i4(of_state & held), only(balance > i4(0), bucket))
        kept = i4(mask_of(is_line) | mask_of(balance > i4(0)))
        bucket = i4(bucket & kept)
        owing, given = max(balance, i4(0)), state[at + u8(ARREARS), i]
        due = min(max(floor, mul_q31_lane(owing, min_share)), owing) if is_line else state[at + u8(INSTALMENT), i]
        missed = i4(min(i8(owing), i8(bucket) * i8(due)))
        arrears = pick(mask_of(given == i4(ABSENT)), missed, min(max(given, i4(0)), owing))
        late = mask_of(bucket > i4(0))
        state[at + u8(ARREARS), i] = i4(arrears & late)
        state[at + u8(BUCKET), i] = bucket
        state[at + u8(STATE), i] = i4(opened_in & kept)
        state[at + u8(EVER), i] = bucket
        months_late = max(i4(bucket - i4(DEFAULT_BUCKET - 1)), i4(status == i4(WRITTEN_OFF)))
        state[at + u8(MONTHS_LATE), i] = i4(months_late & late_stage)
        state[at + u8(CLEAN), i] = i4(i4(i4(i4(12) & opening) & ~late) & held)
        state[at + u8(GRANTED), i] = limit
        state[at + u8(RATE), i] = only((not is_line) & (balance > i4(0)), i4(min(terms[P_RATE], i8(ONE - 1))))
        in_default = (bucket >= i4(DEFAULT_BUCKET)) | (status == i4(WRITTEN_OFF))
        state[at + u8(MARKS), i] = i4(only(in_default, i4(OPENED_IN_DEFAULT)) & opening)
        has_cause = i4(i4(late & ~by_matrix) & mask_of(status != i4(WRITTEN_OFF)))
        cause = i4(first_above(causes, half(words[22, i]), len(CAUSES)) & has_cause)
        state[at + u8(CAUSE), i] = cause
        state[LIQUIDITY, i] = only((cause != i4(SHORT)) & (cause != i4(CANNOT)), state[LIQUIDITY, i])
        state[EMPLOYED, i] = only(cause != i4(CANNOT), state[EMPLOYED, i])
        if is_line:
            of = pick(by_matrix, limit, state[INCOME, i])
            state[SPEND, i] = i4(mul_q16_lane(of, spends[rank(words[19, i])]) & held)


@njit(forceinline=True)
def takes_up(state, i, word, answer):
    """Return whether an applicant wants what is granted at its price; `answer` uint32[name, place] of the product."""
    new_grade = i4(GRADES - 2)  # D: no record yet
    return half(word) < answer[C_ACCEPT, place_of_answer(new_grade, state[QUALITY, i], state[FULL_PAYER, i] != 0)]


@njit(forceinline=True)
def passes_as_honest(intent, fraud, bar):
    """Return whether a lender's `bar` [name] does not take an applicant for fraud, which a share (q31) is."""
    caught, wrong = mul_q31(fraud, bar[V_FRAUD_CAUGHT]), mul_q31(i8(ONE) - fraud, bar[V_FRAUD_WRONG])
    return intent >= caught and intent < i8(ONE) - wrong


@njit(forceinline=True)
def review_applicants(state, words, n, cohort, tables, levers):
    """Grant or decline what the applicants of a tile ask for; with a rival, nobody stays whom that lender takes too."""
    segment, entry, row = cohort.segment, cohort.entry, cohort.levers_row
    has_rival, structural = tables.rival_month.shape[3] > 0, tables.segment[segment, G_MODEL] == 0
    shift = tables.segment[segment, G_SCORE_SHIFT]
    for lane in range(n):
        i = u8(lane)
        known = i8(tables.quality_score[u8(state[QUALITY, i])]) + shift
        noise = i8(tables.normal[rank(words[3, i])])
        score, income = i8(state[SCORE, i]), i8(state[INCOME, i])
        rival_score, swapped, intent = score, False, i8(half(words[INTENT, i]))
        worse = i8(QUALITIES - 1) - i8(state[QUALITY, i])
        for p in range(N_PRODUCT):
            at = u8(N_BORROWER + p * N_ACCOUNT)
            if state[at + u8(STATUS), i] == ACTIVE:
                drawn = i8(state[at + u8(LIMIT), i])
                bar, limits = levers.month[row, segment, p], levers.review[row, segment, p]
                score, limit = underwrite(bar, limits, score, known, noise, income, drawn)
                terms = tables.product[segment, p]
                fraud = terms[P_FRAUD] + worse * terms[P_FRAUD_STEP] if structural else i8(0)
                status = i4(ACTIVE) if limit > 0 else i4(DECLINED)
                if limit > 0 and not passes_as_honest(intent, fraud, bar):
                    status, limit = i4(TAKEN_FOR_FRAUD), i8(0)
                if has_rival:
                    bar, limits = tables.rival_month[entry, segment, p], tables.rival_review[entry, segment, p]
                    rival_score, rival_limit = underwrite(bar, limits, rival_score, known, noise, income, drawn)
                    rival_takes = rival_limit > 0 and passes_as_honest(intent, fraud, bar)
                    swapped = swapped or (limit > 0 and not rival_takes)
                if limit > 0 and not takes_up(state, i, words[PRICE, i], levers.answer[row, segment, p]):
                    status, limit = i4(NOT_TAKEN_UP), i8(0)
                state[at + u8(LIMIT), i] = limit
                state[at + u8(GRANTED), i] = limit
                first_refused = terms[P_FIRST_PAYMENT] + worse * terms[P_FIRST_PAYMENT_STEP] if structural else i8(0)
                marks = i8(FRAUD if intent < fraud else FIRST_REFUSED if intent < first_refused else 0)
                state[at + u8(STATUS), i] = status
                if limit > 0:
                    state[at + u8(MARKS), i] = marks | i8(GRANTED_SINCE if p == LINE else 0)
                elif status == TAKEN_FOR_FRAUD:
                    state[at + u8(MARKS), i] = marks & i8(FRAUD)
        state[SCORE, i] = score
        if has_rival and not swapped:
            for c in range(N_BORROWER, N_STATE):
                state[u8(c), i] = 0  # no account: status NONE


@njit
def add_arrivals(state, n, levers, flows, vintage):
    """Count the applications, refusals and granted lines of n arrivals, and what their review costs.

    `levers` [product, name] are those of the month.
    """
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        for i in range(n):
            status = state[at + STATUS, i]
            if status != NONE:
                flows[p, F_N_APPLIED] += 1
                flows[p, F_REVIEW_COST] += levers[p, V_REVIEW_COST]
                if status == DECLINED:
                    flows[p, F_N_DECLINED] += 1
                elif status == TAKEN_FOR_FRAUD:
                    flows[p, F_N_DECLINED] += 1
                    flows[p, F_N_TAKEN_FOR_FRAUD] += 1
                    flows[p, F_N_FRAUD_CAUGHT] += (state[at + MARKS, i] & FRAUD) != 0
                elif status == NOT_TAKEN_UP:
                    flows[p, F_N_NOT_TAKEN_UP] += 1
                elif p == LINE:
                    flows[p, F_N_GRANTED] += 1
                    vintage[p, W_N_GRANTED] += 1

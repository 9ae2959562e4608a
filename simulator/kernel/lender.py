"""What the lender does, one borrower at a time: new loans, then steps 10 to 12 of docs/model.md.

Rules applied to late accounts, write-off, sale, recovery, and the stocks at the end of the month. The scalar path and
the delinquent path end their months here. `record` int64[product, name] holds what one step of a month tells the next.
"""

import numpy as np

from simulator.jit.functions import njit
from simulator.jit.intrinsics import stack_array
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from . import rules
from .fixed import half, mul_q16, mul_q31
from .late import has_late_stage, late_payment, late_stage_of, next_months_late, takes_offer
from .marks import next_marks, watched, watched_left
from .sums import add_back, add_followed, add_late_paid, add_loss, add_open, add_roll, add_stocks

i4, i8, u8 = np.int32, np.int64, np.uint64

stack_record = stack_array(np.int64, N_PRODUCT, N_ACCOUNT_RECORD)


@njit(forceinline=True)
def row_from(p, row, bucket):
    """Return the row of the roll matrix that an account comes from: its bucket, or `row` for a line that arrives."""
    return row if p == LINE and row > 0 else i8(bucket)


@njit(forceinline=True)
def open_record(state, i, record, p, row, bill):
    """Begin the record of an account's month: nothing but what it is before it, and its `bill` if it is open."""
    at, status = N_BORROWER + p * N_ACCOUNT, state[N_BORROWER + p * N_ACCOUNT + STATUS, i]
    for k in range(N_ACCOUNT_RECORD):
        record[p, k] = 0
    if rules.is_account(status, bill, p):
        record[p, A_OPEN] = 1
        record[p, A_BILL] = bill
    record[p, A_BOOK] = status == WRITTEN_OFF
    record[p, A_FROM] = row_from(p, row, state[at + BUCKET, i])
    record[p, A_PLAN] = state[at + PLAN_LEFT, i] > 0
    record[p, A_WORKOUT] = (state[at + MARKS, i] & IN_WORKOUT) != 0


@njit(forceinline=True)
def fill_record(state, i, record, p, row, bill, owed, paid, reason, to, days, cash):
    """Set what `draw_loan` and `end_month` ask of a product whose steps 5 to 8 were taken elsewhere."""
    open_record(state, i, record, p, row, bill)
    record[p, A_OWED], record[p, A_PAID], record[p, A_REASON] = owed, paid, reason
    record[p, A_TO], record[p, A_DAYS], record[p, A_CASH] = to, days, cash


# ---- step 5: bills in instalments -------------------------------------------------------------------
@njit(forceinline=True)
def begin_conversion(state, i, amount, v, chance, terms, flows):
    """Turn an amount of a line's bill into instalments; `v` is the number below `chance` that decided it."""
    part, fee = rules.conversion_of(i8(amount), v, chance, terms)
    state[LINE_AT + CONVERTED, i] = amount
    state[LINE_AT + CONVERTED_PART, i] = part
    state[LINE_AT + CONVERTED_FEE, i] = fee
    flows[F_N_CONVERSIONS] += 1
    flows[F_CONVERTED] += amount


# ---- step 9: new loans ------------------------------------------------------------------------------
@njit(forceinline=True)
def grade_of_new_loan(state, i, month_levers):
    """Return the grade at which a loan is drawn: that of the record, with nothing owed."""
    clean, bounds = state[LOAN_AT + CLEAN, i], rules.grade_bounds(month_levers)
    return rules.grade_of(i4(0), i4(0), clean, state[SCORE, i], i4(0), i4(0), False, bounds)


@njit(forceinline=True)
def rate_of_new_loan(state, i, month_levers, rates):
    """Return the interest rate (q31) of a loan to be drawn; `rates` by grade."""
    return i8(rates[u8(grade_of_new_loan(state, i, month_levers))])


@njit(forceinline=True)
def lend(state, i, words, k, month, rate, segment, sums):
    """Lend what a word of the ticket says, or all there is to fraud; return 1, or 0 where that comes to nothing."""
    at, terms = LOAN_AT, segment.loan_terms
    amount, not_paid = i8(state[at + LIMIT, i]), state[at + MARKS, i] & (FRAUD | FIRST_REFUSED)
    if not_paid & FRAUD == 0:
        amount = min(i8(segment.quantile[Q_TICKET, u8(words[U_TICKET, k]) >> u8(22)]), amount)
    amount -= amount % segment.terms[LOAN, P_DRAW_STEP]
    if amount <= 0:
        return i8(0)
    u, term = half(words[U_TERM, k]), u8(0)
    for option in range(MAX_TERMS - 1):
        term += u8(u >= terms[u8(option), TERM_CUMULATIVE])
    interest = rules.accrue(amount, rate)
    state[at + BALANCE, i] = amount + interest
    state[at + INTEREST_DUE, i] = interest
    state[at + RATE, i] = min(rate, i8(ONE - 1))
    state[at + INSTALMENT, i] = mul_q31(amount, terms[term, TERM_INSTALMENT])
    state[at + MONTHS_LEFT, i] = terms[term, TERM_MONTHS]
    for column in (EVER, CLEAN, STATE, OBSERVED):
        state[at + column, i] = 0
    state[at + AGE, i] = month
    state[at + MARKS, i] = GRANTED_SINCE | not_paid
    sums.flows[LOAN, F_NEW_CREDIT] += amount
    sums.flows[LOAN, F_INTEREST] += interest
    sums.flows[LOAN, F_N_GRANTED] += 1
    sums.vintage[LOAN, W_N_GRANTED] += 1
    if segment.scalars[G_MODEL] == 0:
        state[LIQUIDITY, i] += mul_q31(amount, segment.terms[LOAN, P_KEPT])
    return i8(1)


@njit(forceinline=True)
def wants_loan(state, i, word, segment, levers):
    """Return whether a borrower without a loan wants one, by the wish and by their answer to the price of a new one."""
    grade = grade_of_new_loan(state, i, levers.month[LOAN])
    place = rules.place_of_answer(grade, state[QUALITY, i], state[FULL_PAYER, i] != 0)
    chance = mul_q16(segment.terms[LOAN, P_DRAW], i8(levers.answer[LOAN, C_DEMAND, place]))
    return i8(half(word)) < chance


@njit(forceinline=True)
def draw_loan(state, i, record, words, k, month, rate, segment, levers, sums):
    """Step 9, loan: a new loan, if none is open, one is wanted, and nothing is overdue on the line."""
    if (
        levers.month[LOAN, V_NEW_CREDIT] == 1
        and state[LOAN_AT + STATUS, i] == ACTIVE
        and record[LOAN, A_OPEN] == 0
        and record[LINE, A_TO] == 0
        and not (rules.is_open(state[LINE_AT + STATUS, i]) and state[LINE_AT + PLAN_LEFT, i] > 0)
        and (state[LOAN_AT + MARKS, i] & FRAUD or wants_loan(state, i, words[U_WISH, k], segment, levers))
    ):
        record[LOAN, A_NEW] = lend(state, i, words, k, month, rate, segment, sums)


@njit(forceinline=True)
def add_loan(state, i, words, k, month, rate, cap, segment, sums):
    """Steps 9 and 12 for a new loan of a borrower whose month is over but for it, the buffer within its `cap`."""
    if lend(state, i, words, k, month, rate, segment, sums):
        state[LIQUIDITY, i] = min(state[LIQUIDITY, i], cap)
        balance = i8(state[LOAN_AT + BALANCE, i])
        add_open(sums.flows[LOAN], sums.vintage[LOAN], i8(0), i8(UNKNOWN), balance)
        add_roll(sums.rolls[LOAN], ARRIVED, 0, balance)


# ---- step 10: what is done about late accounts ------------------------------------------------------
@njit(forceinline=True)
def nothing_to_apply(state, i, record, products, month_levers):
    """Return whether steps 10 and 11 only age a report: for most who forgot a due and paid a little late."""
    nothing = True
    for p in range(products):
        at = N_BORROWER + p * N_ACCOUNT
        status, days = state[at + STATUS, i], record[p, A_DAYS]
        acts = days >= month_levers[p, V_CLOSE_DAYS] or days >= month_levers[p, V_REPORT_DAYS]
        repaid = p == LOAN and record[p, A_OPEN] == 1 and state[at + BALANCE, i] == 0
        moves = record[p, A_TO] != 0 or record[p, A_EXIT] != 0 or record[p, A_PLAN] != 0 or acts or repaid
        nothing = nothing and not moves and (status == ACTIVE or status <= DECLINED or status >= SOLD)
    return nothing


@njit(forceinline=True)
def may_close(status):
    """Return whether an account is open and not closed yet."""
    return status == ACTIVE or status == FROZEN


@njit(forceinline=True)
def close(state, i, p, cause, flows):
    """Close an account to new credit."""
    at = N_BORROWER + p * N_ACCOUNT
    state[at + STATUS, i] = CLOSED
    state[at + LIMIT, i] = 0
    flows[p, F_N_CLOSURES_BY + cause] += 1
    flows[p, F_N_CLOSURES_GOOD_BY + cause] += state[QUALITY, i] >= 8


@njit(forceinline=True)
def close_accounts(state, i, record, products, month_levers, flows):
    """Step 10 (a): close the account that is late, and the borrower's other one where the lender says so."""
    for p in range(products):
        late = record[p, A_EXIT] == 0 and record[p, A_DAYS] >= month_levers[p, V_CLOSE_DAYS]
        record[p, A_CLOSED] = may_close(state[N_BORROWER + p * N_ACCOUNT + STATUS, i]) and late
    for p in range(products):
        if record[p, A_CLOSED]:
            cause = i8(state[N_BORROWER + p * N_ACCOUNT + CAUSE, i])
            if cause == UNKNOWN:
                cause = record[p, A_REASON]
            close(state, i, p, cause, flows)
            other = 1 - p
            crosses = month_levers[p, V_CROSS] == 1 and record[other, A_CLOSED] == 0 and record[other, A_EXIT] == 0
            if crosses and may_close(state[N_BORROWER + other * N_ACCOUNT + STATUS, i]):
                close(state, i, other, cause, flows)


@njit(forceinline=True)
def freeze_and_cut(state, i, record, p, levers, flows):
    """Step 10 (b) to (d): how a plan ended, freeze and thaw, limits cut by stage."""
    at, to = N_BORROWER + p * N_ACCOUNT, record[p, A_TO]
    if record[p, A_PLAN] == IN_PLAN:
        over = state[at + PLAN_LEFT, i] == 0 or state[at + BALANCE, i] <= 0
        flows[p, F_N_PLAN_MONTHS] += 1
        if to >= 2 or (over and to > 0) or record[p, A_DROPS]:
            flows[p, F_N_PLANS_BROKEN] += 1
            state[at + PLAN_LEFT, i] = 0
        elif over:
            flows[p, F_N_PLANS_KEPT] += 1
            state[at + PLAN_LEFT, i] = 0
    status, freeze_days, plan_left = state[at + STATUS, i], levers.month[p, V_FREEZE_DAYS], state[at + PLAN_LEFT, i]
    state[at + STATUS, i] = rules.freeze_or_thaw(status, to, record[p, A_DAYS], freeze_days, plan_left)
    if status != CLOSED and record[p, A_CLOSED] == 0:
        cut_limit(state, i, p, to, levers, flows)


@njit(forceinline=True)
def cut_limit(state, i, p, to, levers, flows):
    """Step 10 (d): cut the limit of an account that falls to a bucket."""
    at = N_BORROWER + p * N_ACCOUNT
    limit = i8(state[at + LIMIT, i])
    cut = limit
    for bucket in range(i8(state[at + BUCKET, i]) + 1, to + 1):
        keep = levers.stage[p, bucket, S_LIMIT_KEEP]
        if keep < ONE:
            cut = max(mul_q31(cut, keep), min(cut, levers.month[p, V_LIMIT_FLOOR]))
    if cut < limit:
        state[at + LIMIT, i] = cut
        flows[p, F_N_LIMIT_CUT] += 1


@njit(forceinline=True)
def offer_plan(state, i, record, p, word, terms, month_levers, flows):
    """Step 10 (e): who could not pay may take a plan, at once or after a trial; a trial goes on, fails or is passed.

    A plan: part forgiven, equal parts of the rest, current again. In the late stage it stays known what for, and how
    long, until the plan is kept.
    """
    at, reason = N_BORROWER + p * N_ACCOUNT, record[p, A_REASON]
    begins, asked, offered = False, month_levers[p, V_EDUCATION_PLAN], month_levers[p, V_PLAN_BUCKET]
    if record[p, A_PLAN] == IN_TRIAL:
        missed = record[p, A_PAID] + record[p, A_RECOVERED] < record[p, A_OWED]
        left = i8(0) if missed or record[p, A_TO] == 0 else i8(state[at + TRIAL_LEFT, i] - 1)
        state[at + TRIAL_LEFT, i] = left
        flows[p, F_N_TRIALS_FAILED] += missed
        begins = not missed and left == 0 and record[p, A_TO] > 0 and state[at + BALANCE, i] > 0
    elif (
        record[p, A_OPEN] == 1
        and state[at + BALANCE, i] > 0
        and record[p, A_PLAN] == 0
        and state[at + PARTS_LEFT, i] == 0
        and record[p, A_PAID] < record[p, A_OWED]
        and (reason == SHORT or reason == CANNOT)
        and record[p, A_TO] >= (min(asked, offered) if state[EDUCATION, i] < month_levers[p, V_EDUCATED] else offered)
        and watched_left(i8(state[at + MARKS, i])) + month_levers[p, V_PLAN_PAUSE] <= WATCHED_MONTHS + 1
        and half(word) < month_levers[p, V_PLAN_CHANCE]
    ):
        begins = month_levers[p, V_TRIAL_MONTHS] == 0
        if not begins:
            state[at + TRIAL_LEFT, i] = month_levers[p, V_TRIAL_MONTHS]
            flows[p, F_N_TRIALS] += 1
            if state[at + STATUS, i] == ACTIVE:
                state[at + STATUS, i] = FROZEN
    if not begins:
        return
    balance = i8(state[at + BALANCE, i])
    n, forgiven = month_levers[p, V_PLAN_MONTHS], mul_q31(balance, month_levers[p, V_PLAN_FORGIVE])
    fee_due, interest_due = rules.post_payment(state[at + FEE_DUE, i], state[at + INTEREST_DUE, i], forgiven)
    balance -= forgiven
    state[at + FEE_DUE, i] = fee_due
    state[at + INTEREST_DUE, i] = interest_due
    state[at + BALANCE, i] = balance
    state[at + ARREARS, i] = 0
    state[at + CONVERTED, i] = 0
    record[p, A_LATE] |= has_late_stage(terms[p]) and record[p, A_TO] >= DEFAULT_BUCKET
    if record[p, A_LATE] == 0:
        state[at + CAUSE, i] = UNKNOWN
    state[at + MARKS, i] = watched(i8(state[at + MARKS, i]))
    state[at + PLAN_LEFT, i] = n
    state[at + INSTALMENT, i] = (balance + n - 1) // n
    if p == LOAN:
        state[at + MONTHS_LEFT, i] = n
    if state[at + STATUS, i] == ACTIVE:
        state[at + STATUS, i] = FROZEN
    record[p, A_TO] = 0
    record[p, A_AFTER] = 0
    record[p, A_FORGIVEN] = forgiven
    flows[p, F_FORGIVEN] += forgiven
    flows[p, F_N_PLANS] += 1


@njit(forceinline=True)
def settlement_of(state, i, p, stage, asks, takes, word, levers, flows):
    """Return (what is paid under a settlement of a balance above 0, whether that settles it, what an offer cost).

    Steps 10 and 11, open as written off: a settlement in parts goes on or is broken, or who `asks` is offered one.
    Who `takes` it accepts in any case.
    """
    at, u, terms = N_BORROWER + p * N_ACCOUNT, half(word), levers.month[p]
    balance, left, cost = i8(state[at + BALANCE, i]), i8(state[at + PARTS_LEFT, i]), i8(0)
    if left > 0:
        if u < terms[V_OFFER_BREAKS]:
            flows[p, F_N_SETTLEMENTS_BROKEN] += 1
            state[at + PARTS_LEFT, i] = 0
            return i8(0), False, cost
    else:
        chance, cause = levers.stage[p, stage, S_OFFER_CHANCE], i8(state[at + CAUSE, i])
        if chance == 0 or not asks:
            return i8(0), False, cost
        flows[p, F_N_OFFERS] += 1
        cost = terms[V_OFFER_COST]
        flows[p, F_RECOVERY_COST] += cost
        cause = i8(LATE_UNEMPLOYED) if cause == CANNOT and state[EMPLOYED, i] == 0 else cause
        accepts = u < mul_q16(chance, terms[V_OFFER_CAUSE + cause]) and state[at + MARKS, i] & FRAUD == 0
        if not (accepts or takes):
            return i8(0), False, cost
        flows[p, F_N_SETTLEMENTS] += 1
        left = terms[V_OFFER_PARTS]
        state[at + PART, i] = (mul_q31(balance, levers.stage[p, stage, S_OFFER_PAYS]) + left - 1) // left
    paid = min(i8(state[at + PART, i]), balance)
    settles = left == 1 or paid == balance
    state[at + PARTS_LEFT, i] = i8(0) if settles else left - 1
    flows[p, F_N_SETTLEMENTS_KEPT] += settles
    flows[p, F_SETTLEMENT_CASH] += paid
    return paid, settles, cost


@njit(forceinline=True)
def offer_settlement(state, i, record, words, k, p, economy, levers, flows):
    """Step 10 (f): part of what is owed is taken for all of it, from who is in default and pays nothing else."""
    at = N_BORROWER + p * N_ACCOUNT
    balance, bucket = i8(state[at + BALANCE, i]), i8(state[at + BUCKET, i])
    if min(bucket, record[p, A_TO]) < DEFAULT_BUCKET or balance <= 0 or record[p, A_PLAN]:
        state[at + PARTS_LEFT, i] = 0
        return
    stage, asks = late_stage_of(bucket, state[at + MONTHS_LATE, i]), record[p, A_PAID] + record[p, A_RECOVERED] == 0
    takes, word = record[p, A_TAKES] == 1, words[U_OFFER + p, k]
    paid, settles, cost = settlement_of(state, i, p, stage, asks, takes, word, levers, flows)
    commission, contacts = mul_q31(paid, levers.stage[p, stage, S_COMMISSION]), i8(0)
    priority = rules.priority_of(record[p, A_BILL], stage, levers.month[p], levers.stage[p, stage])
    served = rules.is_served(words[U_SERVED + p, k], priority, levers.month[p], economy)
    for level in range(N_LEVELS):
        if served and levers.ladder[p, stage, level, L_USED]:
            contacts += mul_q31(paid, levers.ladder[p, stage, level, L_COMMISSION])
    record[p, A_CASH] += paid - cost - commission - contacts
    flows[p, F_PAID] += paid
    flows[p, F_RECOVERED_OPEN] += paid
    add_late_paid(flows[p], state[at + MARKS, i], state[at + MONTHS_LATE, i], paid)
    flows[p, F_COMMISSION] += commission
    flows[p, F_CONTACT_COST] += contacts
    if settles or state[at + PARTS_LEFT, i] > 0:
        state[at + CONVERTED, i] = 0
        if may_close(state[at + STATUS, i]):
            close(state, i, p, i8(state[at + CAUSE, i]), flows)
    forgiven = balance - paid if settles else i8(0)
    record[p, A_FORGIVEN] = forgiven
    flows[p, F_FORGIVEN] += forgiven
    balance -= paid + forgiven
    fee_due, interest_due = rules.post_payment(state[at + FEE_DUE, i], state[at + INTEREST_DUE, i], paid + forgiven)
    state[at + FEE_DUE, i] = fee_due
    state[at + INTEREST_DUE, i] = interest_due
    state[at + BALANCE, i] = balance
    state[at + ARREARS, i] = min(i8(state[at + ARREARS, i]), balance)
    if settles:
        record[p, A_TO] = 0


@njit(forceinline=True)
def terminate(state, i, at, status):
    """Give an account its last status and clear what only an open account has."""
    state[at + STATUS, i] = status
    for column in (LIMIT, ARREARS, INTEREST_DUE, FEE_DUE, CONVERTED, TRIAL_LEFT):
        state[at + column, i] = 0


@njit(forceinline=True)
def settle_closed(state, i, p, month):
    """Have a closed account with nothing owed leave in a month, from which it waits to be granted again."""
    at = N_BORROWER + p * N_ACCOUNT
    terminate(state, i, at, CLOSED_SETTLED)
    state[at + AGE, i] = month


@njit(forceinline=True)
def leave_settled(state, i, place, sums):
    """Steps 10 to 12 of a line that is closed and owes nothing, of a borrower whose month is over but for it."""
    settle_closed(state, i, LINE, place.month)
    state[LINE_AT + MONTHS_LATE, i] = 0
    sums.flows[LINE, F_N_CLOSED_AT_ZERO] += 1
    add_roll(sums.rolls[LINE], row_from(LINE, place.row, state[LINE_AT + BUCKET, i]), TO_CLOSED_AT_ZERO, i8(0))


@njit(forceinline=True)
def pay_back(state, i, record, flows):
    """Pay a line's credit balance back to the borrower who leaves."""
    balance = i8(state[LINE_AT + BALANCE, i])
    flows[LINE, F_PAID] += balance
    record[LINE, A_CASH] += balance
    state[LINE_AT + BALANCE, i] = 0


@njit(forceinline=True)
def close_settled(state, i, record, p, month, flows):
    """Step 10 (g): closed accounts with nothing owed, and repaid loans, leave."""
    at = N_BORROWER + p * N_ACCOUNT
    status, balance = state[at + STATUS, i], state[at + BALANCE, i]
    if p == LINE:
        if record[p, A_EXIT] == EXIT_PAID_OFF:
            terminate(state, i, at, TERMINATED)
            pay_back(state, i, record, flows)
            flows[p, F_N_PAID_OFF] += 1
            record[p, A_LEFT] = TO_PAID_OFF
        elif status == CLOSED and balance <= 0 and record[p, A_EXIT] == 0:
            settle_closed(state, i, p, month)
            pay_back(state, i, record, flows)
            flows[p, F_N_CLOSED_AT_ZERO] += 1
            record[p, A_LEFT] = TO_CLOSED_AT_ZERO
    else:
        if record[p, A_OPEN] == 1 and balance == 0:
            for column in (ARREARS, CAUSE, INTEREST_DUE, FEE_DUE, INSTALMENT, MONTHS_LEFT, PLAN_LEFT, STATE):
                state[at + column, i] = 0
            state[at + TRIAL_LEFT, i] = 0
            record[p, A_TO] = 0
            flows[p, F_N_PAID_OFF] += 1
            record[p, A_LEFT] = TO_PAID_OFF
        if status == CLOSED and balance == 0:
            settle_closed(state, i, p, month)


@njit(forceinline=True)
def report(state, i, record, products, month_levers, flows):
    """Step 10 (h): who is late enough is reported to the credit bureau; an older report ages by a month."""
    lasts, first = i8(0), i8(-1)
    for p in range(products):
        late = record[p, A_DAYS] >= month_levers[p, V_REPORT_DAYS]
        if record[p, A_OPEN] == 1 and record[p, A_EXIT] == 0 and late:
            lasts = max(lasts, month_levers[p, V_REPORT_MONTHS])
            if first < 0:
                first = i8(p)
    if first >= 0:
        flows[first, F_N_REPORTED] += state[REPORTED, i] == 0
        state[REPORTED, i] = lasts
    else:
        state[REPORTED, i] = rules.report_after(state[REPORTED, i])


@njit(forceinline=True)
def apply_lender_rules(state, i, record, words, k, place, segment, economy, levers, flows):
    """Step 10: what the lender does with accounts that are not written off; who is reported to the bureau."""
    close_accounts(state, i, record, place.products, levers.month, flows)
    for p in range(place.products):
        at = N_BORROWER + p * N_ACCOUNT
        record[p, A_WORST], record[p, A_CAUSE] = record[p, A_TO], state[at + CAUSE, i]
        if rules.is_open(state[at + STATUS, i]):
            if record[p, A_EXIT] == 0:
                freeze_and_cut(state, i, record, p, levers, flows)
                if segment.scalars[G_MODEL] == 0:
                    offer_plan(state, i, record, p, words[U_PLAN + p, k], segment.terms, levers.month, flows)
                if (levers.bits[p] & OFFERS) != 0 or state[at + PARTS_LEFT, i] > 0:
                    offer_settlement(state, i, record, words, k, p, economy, levers, flows)
            close_settled(state, i, record, p, place.month, flows)
    report(state, i, record, place.products, levers.month, flows)


# ---- step 11: defaults, losses, recoveries ----------------------------------------------------------
@njit(forceinline=True)
def sale_proceeds(balance, p, stage, economy, levers):
    """Return what a balance sells for: the stage's share times the factors of the economy and the band of balance."""
    band = 0
    for k in range(3):
        band += balance > levers.month[p, V_SALE_BAND + k]
    price = mul_q16(levers.stage[p, stage, S_SALE_PRICE], economy[M_PRICE_FACTOR])
    return mul_q31(balance, min(mul_q16(price, levers.month[p, V_SALE_FACTOR + band]), i8(ONE)))


@njit(forceinline=True)
def note_worst(state, i, p, worst, loses, balance, place, claim, sums):
    """Step 11: an account's worst bucket so far, what counts the first time it is reached or it `loses`; a claim."""
    at, flows = N_BORROWER + p * N_ACCOUNT, sums.flows[p]
    ever, marks, bucket = i8(state[at + EVER, i]), i8(state[at + MARKS, i]), i8(state[at + BUCKET, i])
    if worst >= 1 and ever < 1:
        flows[F_N_FIRST_30] += 1
        granted = place.entry if p == LINE else i8(state[at + AGE, i])
        on_first_due = granted == rules.month_before(place.month)
        flows[F_N_FIRST_PAYMENT_30] += on_first_due or marks & (FRAUD | FIRST_REFUSED) != 0
    if claim < NEVER and marks & CLAIMED == 0 and (loses or (worst >= claim and bucket < claim)):
        flows[F_CLAIMABLE] += balance
        marks |= CLAIMED
    if worst >= DEFAULT_BUCKET and ever < DEFAULT_BUCKET:
        flows[F_N_DEFAULT] += 1
        flows[F_DEFAULT_BALANCE] += balance
        if marks & GRANTED_SINCE:
            flows[F_N_DEFAULT_GRANTED] += 1
        marks = (marks & i8(~GRANTED_SINCE)) | IN_WORKOUT
        sums.vintage[p, W_N_DEFAULT] += 1
        observed = i8(state[at + OBSERVED, i])
        if observed > 0 and place.since_observed <= 12:
            sums.ratings[p, RATING_GRADE, observed - 1, 1] += 1
            sums.ratings[p, RATING_SCORE, rules.band_of(i8(state[SCORE, i])), 1] += 1
    elif (
        worst >= DEFAULT_BUCKET and marks & (OPENED_IN_DEFAULT | IN_WORKOUT) == 0
    ):  # again, after a cure: as if lent anew
        flows[F_WORKOUT_CASH] -= balance
        marks |= IN_WORKOUT
    state[at + EVER, i] = max(worst, ever)
    state[at + MARKS, i] = marks


@njit(forceinline=True)
def leave_book(state, i, record, p, status, balance, column):
    """Take an account out of the open book, with its balance, by a column of the roll matrix."""
    at = N_BORROWER + p * N_ACCOUNT
    terminate(state, i, at, status)
    state[at + AGE, i] = 0
    state[at + BALANCE, i] = balance if status == WRITTEN_OFF else i8(0)
    record[p, A_LEFT] = column
    record[p, A_LEFT_BALANCE] = balance


@njit(forceinline=True)
def write_off_or_sell(state, i, record, place, economy, levers, sums):
    """Step 11, open accounts: first default, what is forgiven, write-off, sale from the open book.

    Any loss before bucket 3 is a default too: Regulation (EU) 575/2013, article 178(3).
    """
    for p in range(place.products):
        at, flows = N_BORROWER + p * N_ACCOUNT, sums.flows[p]
        stays, forgiven = record[p, A_LEFT] == 0, record[p, A_FORGIVEN]
        if (record[p, A_OPEN] == 1 or record[p, A_NEW] == 1) and (stays or forgiven > 0):
            to, balance = record[p, A_TO], i8(state[at + BALANCE, i])
            by_matrix = record[p, A_EXIT] == EXIT_WRITTEN_OFF
            if by_matrix and balance < 0:
                flows[F_PAID] += balance
                record[p, A_CASH] += balance
                balance = i8(0)
            writes_off = by_matrix or (stays and balance > 0 and to >= levers.month[p, V_WRITE_OFF])
            sells = stays and not writes_off and balance > 0 and to >= levers.month[p, V_SELL_OPEN]
            proceeds = sale_proceeds(balance, p, to, economy, levers) if sells else i8(0)
            loses = forgiven > 0 or writes_off or (sells and proceeds < balance)
            if loses:
                record[p, A_WORST] = max(record[p, A_WORST], i8(DEFAULT_BUCKET))
            note_worst(
                state, i, p, record[p, A_WORST], loses, balance + forgiven, place, levers.month[p, V_CLAIM], sums
            )  # fmt: skip
            cause, marks = i8(state[at + CAUSE, i]), i8(state[at + MARKS, i])
            if forgiven > 0:
                add_loss(flows, marks, record[p, A_CAUSE], forgiven)
            if writes_off:
                flows[F_WRITTEN_OFF] += balance
                flows[F_WRITTEN_OFF_INTEREST] += state[at + INTEREST_DUE, i]
                flows[F_WRITTEN_OFF_FEES] += state[at + FEE_DUE, i]
                flows[F_N_WRITTEN_OFF] += 1
                add_loss(flows, marks, cause, balance)
                sums.vintage[p, W_WRITTEN_OFF] += balance
                if levers.month[p, V_PARTNER] == 1:
                    state[at + MARKS, i] = marks | BORNE
                leave_book(state, i, record, p, WRITTEN_OFF, balance, TO_WRITTEN_OFF)
            elif sells:
                flows[F_SOLD_OPEN] += balance
                flows[F_SOLD_OPEN_PROCEEDS] += proceeds
                flows[F_N_SOLD_OPEN] += 1
                if marks & IN_WORKOUT:
                    flows[F_WORKOUT_CASH] += proceeds
                add_loss(flows, marks, cause, balance - proceeds)
                leave_book(state, i, record, p, SOLD, balance, TO_SOLD)


@njit(forceinline=True)
def recover(state, i, record, words, k, products, segment, economy, levers, flows):
    """Step 11, written-off accounts: sale, expiry, recovery."""
    for p in range(products):
        at = N_BORROWER + p * N_ACCOUNT
        if state[at + STATUS, i] == WRITTEN_OFF:
            age = i8(state[at + AGE, i])
            if record[p, A_BOOK]:
                age = min(age + 1, i8(1000))
                state[at + AGE, i] = age
            stage = rules.age_stage(age)
            balance, cause, marks = i8(state[at + BALANCE, i]), i8(state[at + CAUSE, i]), i8(state[at + MARKS, i])
            if age >= levers.month[p, V_SELL_WRITTEN_OFF]:
                proceeds = sale_proceeds(balance, p, stage, economy, levers)
                flows[p, F_SOLD_WRITTEN_OFF] += balance
                flows[p, F_SOLD_WRITTEN_OFF_PROCEEDS] += proceeds
                flows[p, F_N_SOLD_WRITTEN_OFF] += 1
                add_back(flows[p], marks, cause, proceeds, i8(0))
                balance = i8(0)
                state[at + STATUS, i] = SOLD
            elif age >= levers.month[p, V_EXPIRE]:
                flows[p, F_EXPIRED] += balance
                flows[p, F_N_EXPIRED] += 1
                balance = i8(0)
                state[at + STATUS, i] = TERMINATED
            elif age >= 1:
                cost, u = levers.stage[p, stage, S_RECOVERY_COST], half(words[U_RECOVERY + p, k])
                recovered, settles = i8(0), False
                if state[at + PARTS_LEFT, i] > 0:
                    cost = i8(0)
                elif has_late_stage(segment.terms[p]):
                    if balance > 0:
                        effort = levers.stage[p, stage, S_EFFORT]
                        recovered = late_payment(state, i, p, balance, balance, u, effort, economy, segment)
                elif marks & FRAUD == 0 and u < levers.stage[p, stage, S_RECOVER_CHANCE]:
                    recovered = mul_q31(balance, levers.stage[p, stage, S_RECOVER_SHARE])
                flows[p, F_RECOVERY_COST] += cost
                word = words[U_OFFER + p, k]
                takes = takes_offer(recovered, balance, p, stage, word, levers)
                if (takes or recovered == 0) and balance > 0:
                    recovered, settles, offer = settlement_of(state, i, p, stage, True, takes, word, levers, flows)
                    cost += offer
                if marks & IN_WORKOUT:
                    flows[p, F_WORKOUT_CASH] -= cost
                if recovered > 0:
                    commission = mul_q31(recovered, levers.stage[p, stage, S_COMMISSION])
                    flows[p, F_RECOVERED] += recovered
                    flows[p, F_COMMISSION] += commission
                    add_back(flows[p], marks, cause, recovered, commission)
                    add_late_paid(flows[p], marks, state[at + MONTHS_LATE, i], recovered)
                    balance -= recovered
                if settles:
                    flows[p, F_EXPIRED] += balance
                    balance = i8(0)
            if balance == 0 and state[at + STATUS, i] == WRITTEN_OFF:
                state[at + STATUS, i] = TERMINATED
            state[at + BALANCE, i] = balance
            if has_late_stage(segment.terms[p]):
                state[at + MONTHS_LATE, i] = next_months_late(state[at + MONTHS_LATE, i], balance > 0)


@njit(forceinline=True)
def work_one_written_off(state, i, words, k, products, segment, economy, levers, flows):
    """Steps 11 and 12 for the written-off accounts of a borrower whose open accounts have had their month."""
    record = stack_record()
    for p in range(N_PRODUCT):
        record[p, A_BOOK] = 1
    recover(state, i, record, words, k, products, segment, economy, levers, flows)
    for p in range(products):
        at = N_BORROWER + p * N_ACCOUNT
        if state[at + STATUS, i] == WRITTEN_OFF:
            flows[p, F_N_WRITTEN_OFF_BOOK] += 1
            flows[p, F_BALANCE_WRITTEN_OFF_BOOK] += state[at + BALANCE, i]


# ---- step 12: the end of the month ------------------------------------------------------------------
@njit(forceinline=True)
def close_month(state, i, record, products, segment, sums):
    """Step 12: buckets, the roll matrix and the stocks at the end of the month."""
    for p in range(products):
        at, rolls = N_BORROWER + p * N_ACCOUNT, sums.rolls[p]
        if record[p, A_OPEN] or record[p, A_NEW]:
            row, to = ARRIVED if record[p, A_NEW] else record[p, A_FROM], record[p, A_TO]
            if record[p, A_FORGIVEN] > 0:
                rolls[row, TO_FORGIVEN, 1] += record[p, A_FORGIVEN]
            if record[p, A_WORKOUT]:
                sums.flows[p, F_WORKOUT_CASH] += record[p, A_CASH]
            if record[p, A_LEFT] == 0:
                balance, marks = i8(state[at + BALANCE, i]), i8(state[at + MARKS, i])
                if record[p, A_BILL] > 0:
                    marks &= i8(~FIRST_REFUSED)
                worst = max(record[p, A_WORST], i8(state[at + BUCKET, i]))
                add_roll(rolls, row, to, balance)
                state[at + MARKS, i] = next_marks(sums.flows[p], marks, worst, to, balance)
                state[at + BUCKET, i] = to
                if has_late_stage(segment.terms[p]):
                    months_late = state[at + MONTHS_LATE, i]
                    was_late = months_late > 0 or record[p, A_LATE] == 1
                    stays_late = to >= DEFAULT_BUCKET or (was_late and (to > 0 or state[at + PLAN_LEFT, i] > 0))
                    state[at + MONTHS_LATE, i] = next_months_late(months_late, stays_late)
            else:
                add_roll(rolls, row, record[p, A_LEFT], record[p, A_LEFT_BALANCE])
                if record[p, A_LEFT] != TO_WRITTEN_OFF:
                    state[at + MONTHS_LATE, i] = 0
                if record[p, A_LEFT] == TO_PAID_OFF and p == LOAN:
                    state[at + BUCKET, i] = 0
                    state[at + MARKS, i] &= FOLLOWED - 1
    add_stocks(state, i, sums.flows, sums.vintage)


@njit(forceinline=True)
def end_open(state, i, p, to, place, late_stage, claim, sums):
    """Steps 11 and 12 of an open account in no plan that stays and ends in bucket `to`: its marks, move and stocks."""
    at, flows, vintage = N_BORROWER + p * N_ACCOUNT, sums.flows[p], sums.vintage[p]
    status, balance, was = state[at + STATUS, i], i8(state[at + BALANCE, i]), i8(state[at + BUCKET, i])
    note_worst(state, i, p, to, False, balance, place, claim, sums)
    marks = next_marks(flows, i8(state[at + MARKS, i]), max(was, to), to, balance)
    state[at + MARKS, i] = marks
    if marks >= FOLLOWED:
        add_followed(flows, marks, to, balance)
    add_open(flows, vintage, to, i8(state[at + CAUSE, i]), balance)
    add_roll(sums.rolls[p], row_from(p, place.row, was), to, balance)
    state[at + BUCKET, i] = to
    if late_stage:
        months_late = state[at + MONTHS_LATE, i]
        is_late = to >= DEFAULT_BUCKET or (to > 0 and months_late > 0)
        state[at + MONTHS_LATE, i] = next_months_late(months_late, is_late)
    if status == ACTIVE and p == LINE:
        flows[F_LIMIT] += state[at + LIMIT, i]
    flows[F_N_FROZEN] += status == FROZEN
    flows[F_N_CLOSED] += status == CLOSED


@njit(forceinline=True)
def end_month(state, i, record, words, k, place, segment, economy, levers, sums):
    """Steps 10 to 12 for anybody: what the lender does, what is lost and recovered, the stocks of the month."""
    apply_lender_rules(state, i, record, words, k, place, segment, economy, levers, sums.flows)
    write_off_or_sell(state, i, record, place, economy, levers, sums)
    recover(state, i, record, words, k, place.products, segment, economy, levers, sums.flows)
    close_month(state, i, record, place.products, segment, sums)

"""Those in trouble, many at once: who will not pay, forgets or runs short, what is late and what is paid late.

A few lanes of every tile are copied side by side and live steps 4 to 9 of the month in vectors, as `dull` does, but
exactly and with everything that can go wrong there. Who ends the month as he began it, current, is done with, and who
is late and left alone by the lender has only his moves to be noted; the others are told to `month.end_month`, one by
one. Whoever is in a plan is not here but lives by `month.live`.

Loops over blocks of STEP lanes have no rest for LLVM to do one by one; those it does better whole stay whole.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .jit.cache import CACHED, njit
from .jit.intrinsics import SHORT_ROW, stack_array
from .marks import book_followed, next_marks
from .on_time import (
    ASKS,
    D_CAP,
    D_INDEX,
    D_JOB_LOSS,
    D_KEPT,
    D_KEPT_UNEMPLOYED,
    D_PAY,
    D_REPAY,
    D_SHOCK,
    D_SPEND,
    LEFT,
    STEP,
    book_current,
    counted,
    derive,
    draw_slots,
    rate_steps,
    three,
)
from .origination import book_open, book_roll
from .rules import (
    burden_of,
    cash_of,
    extra_of,
    followed,
    half,
    is_held,
    is_idle,
    line_due,
    line_rate,
    loan_due,
    loan_rate,
    mask_of,
    mul_q31_lane,
    mul_q31_own_lane,
    only,
    pick,
    refuses_or_forgets,
    repays,
    wants,
    works,
)
from .scalar import N_X, X_RATE, draw_loan, end_month, note_worst, rate_of_new_loan, row_from, stack_steps, tell

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

# ---- columns of the state that are read here, and those that may change ---------------------------------------
BORROWER_READ = (INCOME, LIVING, SPEND, QUALITY, FORGET, AUTOPAY, FULL_PAYER, REACH, EXTERNAL_CREDIT_LIMIT)
BORROWER_CHANGED = (EMPLOYED, LIQUIDITY, EXTERNAL_CREDIT, REPORTED, MONTHS_SINCE_FORGOT)
ACCOUNT_READ = (STATUS, LIMIT, BUCKET, ARREARS, CAUSE, MARKS)
ACCOUNT_CHANGED = (BALANCE, INTEREST_DUE, FEE_DUE, CLEAN)
LATE_CHANGED = (ARREARS, CAUSE)  # of accounts that are not T_OPEN
LOAN_CHANGED = (STATE, INSTALMENT, MONTHS_LEFT)
READ = (
    *BORROWER_READ, LINE_AT + GRANTED, *BORROWER_CHANGED, *(LINE_AT + c for c in (*ACCOUNT_READ, *ACCOUNT_CHANGED)),
)  # fmt: skip
CHANGED = (*BORROWER_CHANGED, *(LINE_AT + c for c in ACCOUNT_CHANGED))
READ_LOAN = tuple(LOAN_AT + c for c in (*ACCOUNT_READ, *ACCOUNT_CHANGED, *LOAN_CHANGED))
CHANGED_LOAN = tuple(LOAN_AT + c for c in (*ACCOUNT_CHANGED, *LOAN_CHANGED))

# ---- what one step tells the next: T[name, lane], the names of an account at p * N_OWN -----------------------
(
    T_BILL,
    T_DUE,
    T_OWED,
    T_PAID,  # towards owed, at the due date
    T_EXTRA,
    T_REASON,  # 0: paid at the due date
    T_DAY,  # of a missed due that was paid within the month, else 0
    T_ASKED,  # q31: those who have paid by now, by themselves or asked
    T_CONTACTS,  # bit k: contacted by level k of the ladder
    T_WANTED,  # the same, had the ladder capacity for all
    T_ENDED,  # 1 + the level that collected; -1: paid by himself before a level's day; 0: the ladder goes on
    T_TO,  # bucket after the month
    T_AFTER,  # arrears after the month
    T_DAYS,  # days late that the rules of the lender see
    T_OPEN,  # 1: an account that was and is current
    T_LATE,  # -1: an account that was or is late, in arrears or followed, which the lender leaves alone
    # what the sums add up: amounts, and `three` counts to a word
    T_BALANCE,  # of T_OPEN
    T_USED,  # paid from credit elsewhere
    T_REFUSED,  # of it, what a report at the credit bureau took away
    T_INTEREST,
    T_FEE,
    T_NOT_CHARGED,
    T_TOOK,  # paid in all
    T_COUNTS,  # T_OPEN; a bill that a reminder arrived for; current, and something owed
    T_MISSED,  # of those: forgotten, short, not able
    T_CURED,  # not willing; paid within 30 days; within 7
) = range(26)
N_OWN = 26
(T_NEED, T_LOGIT, T_MANUAL, T_DONE, T_REMINDED, T_LOAN_REMINDED, T_CREDIT, T_LIMIT, T_ENDS) = range(
    2 * N_OWN, 2 * N_OWN + 9
)
# T_LOGIT: his own part of the log-odds (q16) of not being willing; T_MANUAL: q31, his own chance to forget
# T_DONE: -1 or 0; T_LIMIT of T_OPEN; T_ENDS: counts of loans repaid, of dues missed on lines that were short and are
# used to spending much of their limit, and of idle lines
N_TOLD = 2 * N_OWN + 9
stack_told = stack_array(np.int32, N_TOLD, SHORT_ROW)

# bits of `asked`, beside one for each level of the ladder
WORKS_OPEN = 1 << N_LEVELS  # collectors work accounts that are late but open
CUTS = 1 << (N_LEVELS + 1)  # limits are cut on falling into some bucket
CURE_ROW = 32  # days of one reason in the table `cure`, the last one a sentinel
CURE_ROWS = 2 * len(CAUSES)  # by reason and whether the account was late before
RUNGS_SIZE = 2048  # of the table `rungs`: N_PRODUCT * N_LEVELS * BUCKETS * N_LADDER, to a power of two
CURE_SIZE = 512  # of CURE_ROWS * CURE_ROW numbers: a power of two, so that a masked index is within


@njit(forceinline=True)
def gather(S, D, C, E, lanes, n, has_loans):
    """Copy what is read here of `lanes`[0..n-1] to the first n lanes of C (state) and of E (the index).

    Of a segment without loans their columns are 0: C still holds what an earlier segment left.
    """
    for c in READ:
        for k in range(n):
            C[u8(c), u8(k)] = S[u8(c), u8(lanes[u8(k)])]
    if has_loans:
        for c in READ_LOAN:
            for k in range(n):
                C[u8(c), u8(k)] = S[u8(c), u8(lanes[u8(k)])]
    else:
        for c in READ_LOAN:
            for k in range(n):
                C[u8(c), u8(k)] = 0
    for k in range(n):
        E[D_INDEX, u8(k)] = D[D_INDEX, u8(lanes[u8(k)])]


@njit(forceinline=True)
def scatter(S, C, lanes, n, has_loans):
    """Copy back what may have changed for anybody; see `scatter_late`."""
    for c in CHANGED:
        for k in range(n):
            S[u8(c), u8(lanes[u8(k)])] = C[u8(c), u8(k)]
    if has_loans:
        for c in CHANGED_LOAN:
            for k in range(n):
                S[u8(c), u8(lanes[u8(k)])] = C[u8(c), u8(k)]


@njit(forceinline=True)
def scatter_late(S, C, i, lane, account):
    """Copy back what only changes for an account that was or is late: of one, from `lane` to lane `i` of the tile."""
    for c in LATE_CHANGED:
        S[u8(account + c), i] = C[u8(account + c), lane]


@njit(forceinline=True)
def earn(C, E, V, T, n, g, economy, alert, quality_logit, burden_logit):
    """Step 4, and what step 5 asks of the borrower whatever the product: T_LOGIT and T_MANUAL."""
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from, reported_logit = u4(ONE - economy[M_EXPENSE_SHOCK]), i4(g[G_WILL_NOT_REPORTED])
    for lane in range(n):
        i = u8(lane)
        u = half(V[U_JOB, i])
        employed = works(u, C[EMPLOYED, i] == i4(1), job_loss, u4(E[D_JOB_LOSS, i]), job_find)
        pay = E[D_PAY, i]
        cash = cash_of(C[LIQUIDITY, i], E[D_KEPT, i], E[D_KEPT_UNEMPLOYED, i], E[D_SHOCK, i], employed, u >= shock_from)
        buffer, outside = max(cash, i4(0)), C[EXTERNAL_CREDIT, i]
        back = repays(buffer, outside, C[EXTERNAL_CREDIT_LIMIT, i], E[D_REPAY, i])
        C[EMPLOYED, i], C[EXTERNAL_CREDIT, i], C[LIQUIDITY, i] = i4(employed), i4(outside + back), i4(buffer - back)
        T[T_NEED, i] = max(i4(-cash), i4(0))
        debt = only(is_held(C[LINE_AT + STATUS, i]), max(C[LINE_AT + BALANCE, i], i4(0)))
        debt = i4(debt + only(is_held(C[LOAN_AT + STATUS, i]), max(C[LOAN_AT + BALANCE, i], i4(0))))
        logit = i4(quality_logit[u4(C[QUALITY, i]) & u4(15)] + burden_logit[burden_of(debt, pay) & u4(7)])
        T[T_LOGIT, i] = i4(logit + only(C[REPORTED, i] != i4(0), reported_logit))
        T[T_MANUAL, i] = mul_q31_own_lane(C[FORGET, i], alert[u4(C[MONTHS_SINCE_FORGOT, i]) & u4(31)])


@njit(forceinline=True)
def decide(C, V, T, n, p, g, terms, months, economy, forget_keeps, sigmoid, bucket_logit, cause_logit):
    """Step 5: what is owed, who will not pay and who forgets; T_REASON is WILL_NOT, FORGOT or 0.

    `forget_keeps` uint32[product * BUCKETS + bucket]: q31 of FORGET that a reminder leaves.
    """
    at, account = p * N_OWN, N_BORROWER + p * N_ACCOUNT
    floor = i4(terms[P_MIN_FLOOR])
    min_share = u4(months[V_MIN_SHARE] if months[V_MIN_SHARE] >= 0 else terms[P_MIN_SHARE])
    enrolled, reach = u4(max(g[G_AUTOPAY], months[V_AUTOPAY])), u4(months[V_REACH])
    common = g[G_WILL_NOT_BASE] + economy[M_WILL_NOT] + terms[P_WILL_NOT] + months[V_WILL_NOT]
    common_logit, closed_logit = i4(max(common, i8(-(1 << 29)))), i4(g[G_WILL_NOT_CLOSED])
    for lane in range(n):
        i = u8(lane)
        status, arrears, bucket = C[account + STATUS, i], C[account + ARREARS, i], u4(C[account + BUCKET, i]) & u4(15)
        bill = only(is_held(status), max(C[account + BALANCE, i], i4(0)))
        if p == LINE:
            due = min(line_due(bill, floor, min_share), i4(bill - arrears))
        else:
            due = loan_due(i4(bill - arrears), C[LOAN_AT + INSTALMENT, i], C[LOAN_AT + MONTHS_LEFT, i])
        due = only(bill > i4(0), due)

        reached = u4(C[REACH, i]) < reach
        keep = i4(forget_keeps[u4(bucket + u4(p * BUCKETS)) & u4(N_PRODUCT * BUCKETS - 1)])
        keep = pick(mask_of(reached), keep, i4(u4(ONE)))
        forgets = only(u4(C[AUTOPAY, i]) >= enrolled, mul_q31_own_lane(T[T_MANUAL, i], keep))
        logit = i4(i4(common_logit + T[T_LOGIT, i]) + bucket_logit[bucket])
        logit = i4(logit + cause_logit[u4(C[account + CAUSE, i]) & u4(7)])
        logit = i4(logit + only(status == i4(CLOSED), closed_logit))
        refuses, forgot = refuses_or_forgets(bill, half(V[decision_word(p), i]), logit, sigmoid, forgets)
        T[at + T_BILL, i], T[at + T_DUE, i] = bill, due
        T[at + T_OWED, i] = i4(due + only(bill > i4(0), arrears))
        T[at + T_REASON, i] = i4(only(refuses, i4(WILL_NOT)) + only(forgot, i4(FORGOT)))
        T[T_REMINDED + p, i] = i4(reached & (bill > i4(0)))


@njit(forceinline=True)
def decision_word(p):
    """Return the word that a product's due is decided by."""
    return U_LINE_DECISION if p == LINE else U_LOAN_DECISION


@njit(forceinline=True)
def pay_dues(C, T, n, g):
    """Step 5: pay in the stated order of the products, from the buffer, then from credit elsewhere."""
    revolver_share, line_first = u4(g[G_REVOLVER_SHARE]), mask_of(g[G_PAY_FIRST] == LINE)
    for lane in range(n):
        i = u8(lane)
        buffer, outside, reported = C[LIQUIDITY, i], C[EXTERNAL_CREDIT, i], C[REPORTED, i] != i4(0)
        owed, reason, loan_reason = T[T_OWED, i], T[T_REASON, i], T[N_OWN + T_REASON, i]
        line_asks = only(reason == i4(0), owed)
        loan_asks = only(loan_reason == i4(0), T[N_OWN + T_OWED, i])
        first, second = pick(line_first, line_asks, loan_asks), pick(line_first, loan_asks, line_asks)
        free = outside
        taken = min(first, max(buffer, i4(0)))
        borrowed = min(i4(first - taken), free)
        free, buffer, first = i4(free - borrowed), i4(buffer - taken), i4(taken + only(~reported, borrowed))
        taken = min(second, max(buffer, i4(0)))
        again = min(i4(second - taken), free)
        free, buffer, second = i4(free - again), i4(buffer - taken), i4(taken + only(~reported, again))
        line_borrowed, loan_borrowed = pick(line_first, borrowed, again), pick(line_first, again, borrowed)
        paid, loan_paid = pick(line_first, first, second), pick(line_first, second, first)

        broke = pick(mask_of(C[EMPLOYED, i] != i4(0)), i4(SHORT), i4(CANNOT))
        reason = i4(reason + only(paid < line_asks, broke))
        loan_reason = i4(loan_reason + only(loan_paid < loan_asks, broke))
        extra = only(reason == i4(0), extra_of(C[FULL_PAYER, i], i4(T[T_BILL, i] - owed), revolver_share, buffer))
        C[EXTERNAL_CREDIT, i], C[LIQUIDITY, i] = pick(mask_of(reported), outside, free), i4(buffer - extra)
        T[T_PAID, i], T[T_EXTRA, i], T[T_REASON, i] = paid, extra, reason
        T[T_USED, i], T[T_REFUSED, i] = only(~reported, line_borrowed), only(reported, line_borrowed)
        T[N_OWN + T_PAID, i], T[N_OWN + T_EXTRA, i], T[N_OWN + T_REASON, i] = loan_paid, i4(0), loan_reason
        T[N_OWN + T_USED, i], T[N_OWN + T_REFUSED, i] = only(~reported, loan_borrowed), only(reported, loan_borrowed)


@njit(forceinline=True)
def pay_by_themselves(C, E, V, T, n, p, cure):
    """Step 6: the day on which a missed due is paid without being asked; T_ASKED is whoever may pay so.

    `cure` uint32[CURE_SIZE]: q31 paid by a day, rising, in rows by twice the reason, plus 1 if it was late before.
    """
    at, account = p * N_OWN, N_BORROWER + p * N_ACCOUNT
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            rest = i4(T[at + T_OWED, i] - T[at + T_PAID, i])
            row = u4(u4(T[at + T_REASON, i]) << u4(1)) + u4(C[account + BUCKET, i] > i4(0))
            row = u4(u4(row) * u4(CURE_ROW))
            v = half(V[U_IN_MONTH + p, i])
            asked = cure[u4(row + u4(DAYS - 1)) & u4(CURE_SIZE - 1)]
            pays = (rest > i4(0)) & (rest <= i4(C[LIQUIDITY, i] + E[D_PAY, i])) & (v < asked)
            before = u4(0)  # days that are over before he pays
            for step in (16, 8, 4, 2, 1):
                later = v >= cure[u4(u4(row + before) + u4(step)) & u4(CURE_SIZE - 1)]
                before = u4(before + (u4(step) & u4(mask_of(later))))
            T[at + T_DAY, i] = only(pays, i4(before + u4(1)))
            T[at + T_ASKED, i] = i4(asked)
            T[at + T_CONTACTS, i] = i4(0)
            T[at + T_ENDED, i] = i4(0)


@njit(forceinline=True)
def ask(C, E, V, T, n, p, level, rungs):
    """Step 6: one level of the ladder works the dues that are still unpaid on its day."""
    at, account, bit, rung = p * N_OWN, N_BORROWER + p * N_ACCOUNT, i4(1 << level), u4(rung_of(p, level))
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            rest, reason = i4(T[at + T_OWED, i] - T[at + T_PAID, i]), T[at + T_REASON, i]
            paid_on, ended, asked = T[at + T_DAY, i], T[at + T_ENDED, i], u4(T[at + T_ASKED, i])
            own = u4(rung + u4(u4(C[account + BUCKET, i]) * u4(N_LADDER)))
            used = rungs[u4(own + u4(L_USED)) & u4(RUNGS_SIZE - 1)] != u4(0)
            day = i4(rungs[u4(own + u4(L_DAY)) & u4(RUNGS_SIZE - 1)])
            effect = rungs[u4(u4(own + u4(L_EFFECT)) + u4(u4(reason - i4(FORGOT)) & u4(3))) & u4(RUNGS_SIZE - 1)]
            ended = i4(ended - i4(used & (ended == i4(0)) & (paid_on > i4(0)) & (paid_on <= day)))
            works_it = used & (rest > i4(0)) & (ended == i4(0))
            tries = works_it & (paid_on == i4(0))
            upto = u4(asked + u4(mul_q31_lane(u4(u4(ONE) - asked), effect)))
            v = half(V[U_IN_MONTH + p, i])
            hit = tries & (rest <= i4(C[LIQUIDITY, i] + E[D_PAY, i])) & (v >= asked) & (v < upto)
            T[at + T_CONTACTS, i] = i4(T[at + T_CONTACTS, i] | only(works_it, bit))
            T[at + T_DAY, i] = i4(paid_on + only(hit, day))
            T[at + T_ENDED, i] = i4(ended + only(hit, i4(level + 1)))
            T[at + T_ASKED, i] = pick(mask_of(tries & ~hit), i4(upto), i4(asked))


@njit(forceinline=True)
def pay_late(C, V, T, n, p, revolver_share, served_share):
    """Step 6: what is paid within the month leaves the buffer, as an advance on next month's pay if need be.

    Dues that the ladder has no capacity for are only counted. Who forgot pays what he would have paid on time.
    """
    at, served_share = p * N_OWN, u4(served_share)
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            served = half(V[U_SERVED + p, i]) < served_share
            contacts, ended, day = T[at + T_CONTACTS, i], T[at + T_ENDED, i], T[at + T_DAY, i]
            day = only(served | (ended <= i4(0)), day)
            T[at + T_WANTED, i] = contacts
            T[at + T_CONTACTS, i] = only(served, contacts)
            T[at + T_ENDED, i] = only(served, ended)
            T[at + T_DAY, i] = day
            pays = day > i4(0)
            buffer = i4(C[LIQUIDITY, i] - only(pays, i4(T[at + T_OWED, i] - T[at + T_PAID, i])))
            if p == LINE:
                forgot = pays & (T[T_REASON, i] == i4(FORGOT))
                rest = i4(T[T_BILL, i] - T[T_OWED, i])
                extra = only(forgot, extra_of(C[FULL_PAYER, i], rest, revolver_share, buffer))
                T[T_EXTRA, i] = i4(T[T_EXTRA, i] + extra)
                buffer = i4(buffer - extra)
            C[LIQUIDITY, i] = buffer


@njit(forceinline=True)
def age(C, T, n, p, hold):
    """Step 7: bucket and arrears after the payments, and the days late that rules see; `hold` q31 of the due."""
    at, account, hold = p * N_OWN, N_BORROWER + p * N_ACCOUNT, u4(hold)
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            owed, paid, day = T[at + T_OWED, i], T[at + T_PAID, i], T[at + T_DAY, i]
            bucket, due = C[account + BUCKET, i], T[at + T_DUE, i]
            unpaid = (owed > paid) & (day == i4(0))
            after = only(unpaid, i4(owed - paid))
            # after * (bucket + 1) / owed rounded up: one more than the largest k with k * owed below the product
            product, k = u8(u4(after)) * u8(u4(bucket + i4(1))), u4(0)
            for step in (8, 4, 2, 1):
                below = u8(u4(k + u4(step))) * u8(u4(owed)) < product
                k = u4(k + (u4(step) & u4(mask_of(below))))
            to = min(i4(k + u4(1)), i4(BUCKETS - 1))
            holds = (hold > u4(0)) & (due > i4(0)) & (paid >= mul_q31_lane(due, hold))
            to = only(unpaid, pick(mask_of(holds), min(to, bucket), to))
            T[at + T_TO, i], T[at + T_AFTER, i] = to, after
            T[at + T_DAYS, i] = pick(mask_of(day > i4(0)), day, i4(i4(30) * to))


@njit(forceinline=True)
def charge(C, T, i, p, paid, interest, rest, day, charges, suspend):
    """Step 8: add interest and a late charge on `rest`, unless they are suspended; take `paid` off the balance.

    Returns (balance, held): the new balance, and -1 where there is an account, else 0.
    """
    at, account = p * N_OWN, N_BORROWER + p * N_ACCOUNT
    to = T[at + T_TO, i]
    is_account = is_held(C[account + STATUS, i]) & ((T[at + T_BILL, i] > i4(0)) | (p == LINE))
    held = mask_of(is_account)
    fee_day = pick(mask_of(day > i4(0)), day, i4(DAYS - 1))
    fee = mul_q31_lane(rest, charges[u4(u4(fee_day) + u4(p * CURE_ROW)) & u4(N_PRODUCT * CURE_ROW - 1)])
    stops = to >= suspend
    not_charged = only(stops, i4(interest + fee))
    interest, fee = only(~stops, interest), only(~stops, fee)
    fee_due, interest_due = C[account + FEE_DUE, i], C[account + INTEREST_DUE, i]
    to_fees = min(fee_due, paid)
    interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
    balance = i4(i4(i4(C[account + BALANCE, i] - paid) + interest) + fee)
    C[account + FEE_DUE, i] = pick(held, i4(i4(fee_due - to_fees) + fee), fee_due)
    C[account + INTEREST_DUE, i] = pick(held, interest_due, C[account + INTEREST_DUE, i])
    C[account + ARREARS, i] = pick(held, T[at + T_AFTER, i], C[account + ARREARS, i])
    clean, cause, missed = C[account + CLEAN, i], C[account + CAUSE, i], rest > i4(0)
    C[account + CLEAN, i] = pick(held, only(~missed, min(i4(clean + i4(1)), i4(255))), clean)
    new = pick(mask_of((T[at + T_AFTER, i] > i4(0)) & (cause <= i4(FORGOT))), T[at + T_REASON, i], cause)
    C[account + CAUSE, i] = pick(held, only(to > i4(0), new), cause)
    T[at + T_INTEREST, i], T[at + T_FEE, i] = interest & held, fee & held
    T[at + T_NOT_CHARGED, i], T[at + T_TOOK, i] = not_charged & held, paid & held
    fell_due = (C[account + BUCKET, i] == i4(0)) & (T[at + T_OWED, i] > i4(0))
    reason, cured = only(fell_due & missed, T[at + T_REASON, i]), fell_due & missed & (day > i4(0))
    T[at + T_COUNTS, i] = three(False, T[T_REMINDED + p, i] != i4(0), fell_due)
    T[at + T_MISSED, i] = three(reason == i4(FORGOT), reason == i4(SHORT), reason == i4(CANNOT))
    T[at + T_CURED, i] = three(reason == i4(WILL_NOT), cured, cured & (day <= i4(7)))
    return balance, held


@njit(forceinline=True)
def limits_of_patience(months, asked):
    """Return what `is_left_alone` asks of the levers of a product: days, days, a bucket, and -1 if limits are cut."""
    leaves = min(
        months[V_WRITE_OFF], months[V_SELL_OPEN], months[V_PLAN_BUCKET] if months[V_PLAN_CHANCE] > 0 else NEVER
    )
    rule = min(months[V_CLOSE_DAYS], months[V_REPORT_DAYS])
    return i4(rule), i4(months[V_FREEZE_DAYS]), i4(leaves), mask_of((asked & CUTS) != 0)


@njit(forceinline=True)
def is_left_alone(status, bucket, to, days, rule, freeze, leaves, cuts):
    """Step 10: return whether the lender does nothing with an open account but to note its bucket."""
    calm = (days < rule) & ((days < freeze) | (to == i4(0))) & (to < leaves)
    return (status == i4(ACTIVE)) & calm & ((to & cuts) <= bucket)


@njit(forceinline=True)
def settle_lines(C, E, V, T, n, g, line, months, asked, charges, spending, rates):
    """Steps 7 to 9 of the line, and who is done for his part."""
    best, to_b, to_c, to_d = rate_steps(rates)
    worst, suspend = rates[4], i4(line[P_SUSPEND])
    spend_unemployed, new_credit = u4(g[G_SPEND_UNEMPLOYED]), months[LINE, V_NEW_CREDIT] == 1
    rule, freeze, leaves, cuts = limits_of_patience(months[LINE], asked)
    close = i4(months[LINE, V_CLOSE_DAYS])
    for lane in range(n):
        i = u8(lane)
        status, bucket, clean = C[LINE_AT + STATUS, i], C[LINE_AT + BUCKET, i], C[LINE_AT + CLEAN, i]
        bill, day, limit = T[T_BILL, i], T[T_DAY, i], C[LINE_AT + LIMIT, i]
        rest = i4(T[T_OWED, i] - T[T_PAID, i])
        paid = i4(pick(mask_of(day > i4(0)), T[T_OWED, i], T[T_PAID, i]) + T[T_EXTRA, i])
        rate = line_rate(clean, C[LINE_AT + BALANCE, i], limit, best, to_b, to_c, to_d)
        rate = u4(pick(mask_of(bucket > i4(0)), i4(worst), i4(rate)))
        base = max(i4(i4(bill - paid) - T[T_AFTER, i]), i4(0))
        was_late = i4(C[LINE_AT + ARREARS, i] | C[LINE_AT + CAUSE, i] | followed(C[LINE_AT + MARKS, i]))
        before = C[LINE_AT + BALANCE, i]
        balance, held = charge(C, T, i, LINE, paid, mul_q31_own_lane(base, rate), rest, day, charges, suspend)

        employed, buffer = C[EMPLOYED, i] != i4(0), C[LIQUIDITY, i]
        wanted = wants(
            E[D_SPEND, i], spending[V[U_WISH, i] & u4(QUANTILES - 1)], employed, spend_unemployed, T[T_NEED, i],
            new_credit,
        )  # fmt: skip
        days = T[T_DAYS, i]
        may = (status == i4(ACTIVE)) & (days < freeze) & (days < close)
        on_line = only(may, min(wanted, max(i4(limit - balance), i4(0))))
        balance = i4(balance + on_line)
        C[LIQUIDITY, i] = i4(buffer - min(i4(wanted - on_line), max(buffer, i4(0))))
        C[LINE_AT + BALANCE, i] = pick(held, balance, C[LINE_AT + BALANCE, i])

        forgot = (rest > i4(0)) & (T[T_REASON, i] == i4(FORGOT))
        loan_missed = T[N_OWN + T_OWED, i] > T[N_OWN + T_PAID, i]
        forgot = forgot | (loan_missed & (T[N_OWN + T_REASON, i] == i4(FORGOT)))
        C[MONTHS_SINCE_FORGOT, i] = only(~forgot, min(i4(C[MONTHS_SINCE_FORGOT, i] + i4(1)), i4(31)))
        stays = is_left_alone(status, bucket, T[T_TO, i], days, rule, freeze, leaves, cuts)
        current = stays & ((was_late | bucket | T[T_AFTER, i] | T[T_TO, i]) == i4(0))
        asks = (C[LOAN_AT + STATUS, i] == i4(ACTIVE)) & (T[N_OWN + T_BILL, i] == i4(0)) & (T[T_TO, i] == i4(0))
        late = stays & ~current & ~asks  # whoever is current again may ask for a loan
        spend = C[SPEND, i]
        heavy = spend >= i4(C[LINE_AT + GRANTED, i] - spend)  # a usual month of spending is half of the limit
        T[T_CREDIT, i] = on_line & held
        idle = (held != i4(0)) & is_idle(before, balance)
        T[T_ENDS, i] = three(False, (T[T_MISSED, i] == three(False, True, False)) & heavy, idle)
        T[T_OPEN, i], T[T_LATE, i] = i4(current), mask_of(late)
        T[T_DONE, i] = i4(~held | mask_of(current | late))


@njit(forceinline=True)
def settle_loans(C, T, n, loan, months, asked, charges, rates):
    """Steps 7 and 8 of the loan, and who is done for its part."""
    best, to_b, to_c, to_d = rate_steps(rates)
    worst, suspend = rates[4], i4(loan[P_SUSPEND])
    rule, freeze, leaves, cuts = limits_of_patience(months[LOAN], asked)
    for lane in range(n):
        i = u8(lane)
        status, bucket, clean = C[LOAN_AT + STATUS, i], C[LOAN_AT + BUCKET, i], C[LOAN_AT + CLEAN, i]
        bill, day = T[N_OWN + T_BILL, i], T[N_OWN + T_DAY, i]
        after, to = T[N_OWN + T_AFTER, i], T[N_OWN + T_TO, i]
        rest = i4(T[N_OWN + T_OWED, i] - T[N_OWN + T_PAID, i])
        paid = pick(mask_of(day > i4(0)), T[N_OWN + T_OWED, i], T[N_OWN + T_PAID, i])
        months_left, instalment = C[LOAN_AT + MONTHS_LEFT, i], C[LOAN_AT + INSTALMENT, i]
        left = max(i4(months_left - i4(1)), i4(0))
        rate = u4(pick(mask_of(bucket > i4(0)), i4(worst), i4(loan_rate(clean, best, to_b, to_c, to_d))))
        base = max(i4(i4(bill - paid) - after), i4(0))
        interest = mul_q31_own_lane(base, rate)
        was_late = i4(C[LOAN_AT + ARREARS, i] | C[LOAN_AT + CAUSE, i] | followed(C[LOAN_AT + MARKS, i]))
        balance, held = charge(C, T, i, LOAN, paid, interest, rest, day, charges, suspend)

        is_account = held != i4(0)
        stays = is_left_alone(status, bucket, to, T[N_OWN + T_DAYS, i], rule, freeze, leaves, cuts)
        current = stays & ((was_late | bucket | after | to) == i4(0))
        late = stays & ~current & (balance > i4(0))
        repaid = is_account & current & (balance == i4(0))
        gone = mask_of(repaid)
        C[LOAN_AT + BALANCE, i] = pick(held, balance, C[LOAN_AT + BALANCE, i])
        C[LOAN_AT + MONTHS_LEFT, i] = i4(pick(held, left, months_left) & ~gone)
        C[LOAN_AT + INSTALMENT, i] = i4(instalment & ~gone)
        C[LOAN_AT + STATE, i] = i4(C[LOAN_AT + STATE, i] & ~gone)
        C[LOAN_AT + INTEREST_DUE, i] = i4(C[LOAN_AT + INTEREST_DUE, i] & ~gone)
        C[LOAN_AT + FEE_DUE, i] = i4(C[LOAN_AT + FEE_DUE, i] & ~gone)
        T[N_OWN + T_OPEN, i], T[N_OWN + T_LATE, i] = i4(is_account & current & ~repaid), mask_of(late)
        T[T_ENDS, i] = i4(T[T_ENDS, i] + i4(repaid))
        T[T_DONE, i] = i4(T[T_DONE, i] & (mask_of(~is_held(status)) | mask_of(current | late)))


@njit(forceinline=True)
def finish(C, E, T, n):
    """Steps 9 to 12 of those who are done, but for the sums and the loan."""
    for lane in range(n):
        i = u8(lane)
        C[LIQUIDITY, i] = min(C[LIQUIDITY, i], E[D_CAP, i])
        C[REPORTED, i] = pick(T[T_DONE, i], max(i4(C[REPORTED, i] - i4(1)), i4(0)), C[REPORTED, i])
        is_open = i4(T[T_OPEN, i] & T[T_DONE, i])
        T[T_COUNTS, i] = i4(T[T_COUNTS, i] + is_open)
        T[T_BALANCE, i] = C[LINE_AT + BALANCE, i] & i4(-is_open)
        T[T_LIMIT, i] = C[LINE_AT + LIMIT, i] & i4(-is_open)


@njit(forceinline=True)
def finish_loans(C, T, n):
    """Step 12 of the loans of those who are done, but for the sums."""
    for lane in range(n):
        i = u8(lane)
        is_open = i4(T[N_OWN + T_OPEN, i] & T[T_DONE, i])
        T[N_OWN + T_COUNTS, i] = i4(T[N_OWN + T_COUNTS, i] + is_open)
        T[T_ENDS, i] = i4(T[T_ENDS, i] & i4(T[T_DONE, i] | i4(~1)))
        T[N_OWN + T_BALANCE, i] = C[LOAN_AT + BALANCE, i] & i4(-is_open)


@njit(forceinline=True)
def total(T, column, n):
    """Return the int64 sum of the first `n` lanes of a column."""
    s = i8(0)
    for lane in range(n):
        s += i8(T[column, u8(lane)])
    return s


@njit(forceinline=True)
def counts(T, column, n):
    """Return the sum of a column of `three` counts."""
    s = i4(0)
    for lane in range(n):
        s = i4(s + T[column, u8(lane)])
    return s


@njit(forceinline=True)
def book_trouble(T, n, row, has_loans, F, rolls, vintage):
    """Add what happened to all lanes, and the accounts of those who are done, whose lines go from `row` to bucket 0."""
    ends = counts(T, T_ENDS, n)
    for p in range(N_PRODUCT if has_loans else 1):
        at = p * N_OWN
        what, missed, cured = counts(T, at + T_COUNTS, n), counts(T, at + T_MISSED, n), counts(T, at + T_CURED, n)
        book_current(
            F[p], rolls[p, row if p == LINE else 0], vintage[p], counted(what, 0), total(T, at + T_BALANCE, n),
            total(T, at + T_INTEREST, n), total(T, at + T_TOOK, n), counted(what, 2), counted(what, 1),
        )  # fmt: skip
        F[p, F_FEES] += total(T, at + T_FEE, n)
        F[p, F_INTEREST_NOT_CHARGED] += total(T, at + T_NOT_CHARGED, n)
        forgot, short, cannot, will_not = counted(missed, 0), counted(missed, 1), counted(missed, 2), counted(cured, 0)
        F[p, F_N_MISSED] += forgot + short + cannot + will_not
        F[p, F_N_MISSED_BY + FORGOT] += forgot
        F[p, F_N_MISSED_BY + SHORT] += short
        F[p, F_N_MISSED_BY + CANNOT] += cannot
        F[p, F_N_MISSED_BY + WILL_NOT] += will_not
        F[p, F_N_CURED_30] += counted(cured, 1)
        F[p, F_N_CURED_7] += counted(cured, 2)
        F[p, F_OUTSIDE_USED] += total(T, at + T_USED, n)
        F[p, F_OUTSIDE_REFUSED] += total(T, at + T_REFUSED, n)
    F[LINE, F_LIMIT] += total(T, T_LIMIT, n)
    F[LINE, F_NEW_CREDIT] += total(T, T_CREDIT, n)
    F[LINE, F_N_MISSED_SHORT_HIGH_USE] += counted(ends, 1)
    F[LINE, F_N_IDLE] += counted(ends, 2)
    if has_loans:
        F[LOAN, F_N_PAID_OFF] += counted(ends, 0)
        rolls[LOAN, 0, TO_PAID_OFF, 0] += counted(ends, 0)


@njit(forceinline=True)
def roll_late(
    S, C, T, left, lanes, todo, n, p, row, asked, rungs, F, rolls, vintage, ratings, since_observed, months
):  # fmt: skip
    """Steps 11 and 12 of the accounts of a product that are late or followed and left alone, of those who are done."""
    at, account, claim, late = p * N_OWN, N_BORROWER + p * N_ACCOUNT, months[p, V_CLAIM], i8(0)
    for k in range(n):
        todo[u8(late)] = k
        late -= i8(T[at + T_LATE, u8(k)] & T[T_DONE, u8(k)])
    for k in range(late):
        lane = u8(todo[u8(k)])
        i, to, balance = u8(lanes[lane]), i8(T[at + T_TO, lane]), i8(C[account + BALANCE, lane])
        was = i8(C[account + BUCKET, lane])
        if C[account + MARKS, lane] & IN_WORKOUT:
            F[p, F_WORKOUT_CASH] += cash_from(C, T, lane, p, asked, rungs)
        note_worst(S, i, p, to, False, balance, F, vintage, ratings, since_observed, claim)
        marks = next_marks(F[p], i8(S[account + MARKS, i]), max(was, to), to, balance)
        S[account + MARKS, i] = marks
        if marks >= FOLLOWED:
            book_followed(F[p], marks, to, balance)
        book_open(F[p], vintage[p], to, i8(C[account + CAUSE, lane]), balance)
        book_roll(rolls[p], row_from(p, row, was), to, balance)
        S[account + BUCKET, i] = to
        scatter_late(S, C, i, lane, account)
        if p == LINE:
            F[LINE, F_LIMIT] += C[LINE_AT + LIMIT, lane]
            left[0, i] &= ~(ASKS * i4(to > 0))


@njit(forceinline=True)
def contact_cost(contacted, got, own, rungs):
    """Return what a level of the ladder costs for one due: the contact, 1 or 0, and a share of what it got."""
    commission = i8(mul_q31_lane(got, rungs[u4(own + u4(L_COMMISSION)) & u4(RUNGS_SIZE - 1)]))
    return commission + i8(i4(-contacted) & i4(rungs[u4(own + u4(L_COST)) & u4(RUNGS_SIZE - 1)]))


@njit(forceinline=True)
def cash_from(C, T, lane, p, asked, rungs):
    """Return what an account brings in steps 4 to 9, less what it costs and takes; `asked` bit k: level k works."""
    at, bucket = p * N_OWN, u4(C[N_BORROWER + p * N_ACCOUNT + BUCKET, lane])
    cash = i8(T[at + T_TOOK, lane]) - (i8(T[T_CREDIT, lane]) if p == LINE else i8(0))
    for level in range(N_LEVELS):
        if (asked >> level) & 1:
            own = u4(u4(rung_of(p, level)) + u4(bucket * u4(N_LADDER)))
            contacted = i4(i4(T[at + T_CONTACTS, lane] >> i4(level)) & i4(1))
            hit = i4(T[at + T_ENDED, lane] == i4(level + 1))
            got = i4(i4(T[at + T_OWED, lane] - T[at + T_PAID, lane]) & i4(-hit))
            cash -= contact_cost(contacted, got, own, rungs)
    return cash


@njit(forceinline=True)
def book_ladder(C, T, n, p, level, rungs, F):
    """Add the contacts of a level of the ladder, and what it collected."""
    at, account, rung = p * N_OWN, N_BORROWER + p * N_ACCOUNT, u4(rung_of(p, level))
    wanted, contacts, n_collected, collected, cost = i8(0), i8(0), i8(0), i8(0), i8(0)
    for lane in range(n):
        i = u8(lane)
        own = u4(rung + u4(u4(C[account + BUCKET, i]) * u4(N_LADDER)))
        contacted = i4(i4(T[at + T_CONTACTS, i] >> i4(level)) & i4(1))
        hit = i4(T[at + T_ENDED, i] == i4(level + 1))
        got = i4(i4(T[at + T_OWED, i] - T[at + T_PAID, i]) & i4(-hit))
        wanted += i8(i4(T[at + T_WANTED, i] >> i4(level)) & i4(1))
        contacts += i8(contacted)
        n_collected += i8(hit)
        collected += i8(got)
        cost += contact_cost(contacted, got, own, rungs)
    F[p, F_N_CONTACTS_WANTED] += wanted
    F[p, F_N_CONTACTS_AT + level] += contacts
    F[p, F_CONTACT_COST] += cost
    F[p, F_N_COLLECTED_AT + level] += n_collected
    F[p, F_COLLECTED_AT + level] += collected


@njit(forceinline=True)
def rung_of(p, level):
    """Return where the rungs of a level of a product's ladder begin in `rungs`: [bucket * N_LADDER + name]."""
    return (p * N_LEVELS + level) * BUCKETS * N_LADDER


@njit(forceinline=True)
def narrow_levers(forget_keeps, rungs, p, asked, stages, ladder):
    """Copy what reminders and the levels `asked` of a product's ladder do to the 32-bit tables of the lanes.

    The sizes are the arrays' own: loops of known lengths LLVM would unroll, and take twice as long over all of this.
    """
    buckets, names = ladder.shape[0], ladder.shape[2]
    for bucket in range(buckets):
        forget_keeps[p * BUCKETS + bucket] = stages[bucket, S_FORGET_KEEP]
    for level in range(N_LEVELS):
        if (asked >> level) & 1:
            rung = rung_of(p, level)
            for bucket in range(buckets):
                for k in range(names):
                    rungs[u8(rung + bucket * names + k)] = ladder[u8(bucket), u8(level), u8(k)]


@njit(forceinline=True)
def narrow(cure, charges, in_month, late):
    """Copy what missed dues are paid by, and what late charges cost, to the 32-bit tables of the lanes.

    `cure` uint32[CURE_SIZE] as `pay_by_themselves` reads it, `charges` uint32[N_PRODUCT * CURE_ROW] by product and day.
    """
    for reason in range(in_month.shape[0]):
        for was_late in range(in_month.shape[1]):
            row = (2 * reason + was_late) * CURE_ROW
            for day in range(in_month.shape[2]):
                cure[row + day] = in_month[reason, was_late, day]
            cure[row + DAYS] = 0xFFFFFFFF
    for p in range(late.shape[0]):
        for day in range(late.shape[1]):
            charges[p * CURE_ROW + day] = late[p, day]


@njit(forceinline=True, cache=CACHED)
def live_together(
    S, D, left, C, E, V, T, lanes, todo, n_lanes, has_loans, slots, asked, row, month, entry, replication,
    segment, income_index, tables, g, terms, economy, months, stages, ladder, cure, charges, forget_keeps, rungs, rates,
    loan_rates, F, rolls, vintage, ratings,
):  # fmt: skip
    """Live the month of lanes[0..n_lanes-1] of the tile `S`, BLOCK at most and nobody in a plan.

    `left` is `dull`'s: of those who are done the bit LEFT is cleared, what they have written off and a new loan are
    still to do; the bit ASKS is cleared where the line is late now. C, E, V, T and `todo` are working space of lanes.
    `slots`: those of the words that may be needed, as bits.
    `asked` int64[product]: bit k if level k of the ladder works, and CUTS.
    `F`, `rolls`, `vintage` and `ratings`: the sums of the month.
    """
    n = (n_lanes + STEP - 1) // STEP * STEP
    k0, k1 = tables.key[0], tables.key[1]
    for k in range(n_lanes, n):
        lanes[u8(k)] = LANES  # a lane in which nobody is
    gather(S, D, C, E, lanes, n, has_loans)
    derive(C, E, n, income_index, g, tables.job_loss_quality[segment])
    draw_slots(V, E, n, slots, month, entry, replication, segment, k0, k1)
    for p in range(N_PRODUCT if has_loans else 1):
        narrow_levers(forget_keeps, rungs, p, asked[p], stages[p], ladder[p])
    earn(
        C, E, V, T, n, g, economy, tables.alert[segment], tables.will_not_quality[segment],
        tables.will_not_burden[segment],
    )  # fmt: skip
    decide(
        C, V, T, n, LINE, g, terms[LINE], months[LINE], economy, forget_keeps, tables.sigmoid,
        tables.will_not_bucket[segment], tables.will_not_cause[segment],
    )  # fmt: skip
    if has_loans:
        decide(
            C, V, T, n, LOAN, g, terms[LOAN], months[LOAN], economy, forget_keeps, tables.sigmoid,
            tables.will_not_bucket[segment], tables.will_not_cause[segment],
        )  # fmt: skip
    else:
        for c in (T_OWED, T_REASON):
            for k in range(n):
                T[u8(N_OWN + c), u8(k)] = 0
    pay_dues(C, T, n, g)
    for p in range(N_PRODUCT if has_loans else 1):
        pay_by_themselves(C, E, V, T, n, p, cure)
        for level in range(N_LEVELS):
            if (asked[p] >> level) & 1:
                ask(C, E, V, T, n, p, level, rungs)
        pay_late(C, V, T, n, p, g[G_REVOLVER_SHARE], months[p, V_SERVED])
        age(C, T, n, p, terms[p, P_HOLD])
    settle_lines(C, E, V, T, n, g, terms[LINE], months, asked[LINE], charges, tables.spending[segment], rates)
    if has_loans:
        settle_loans(C, T, n, terms[LOAN], months, asked[LOAN], charges, loan_rates)
        finish_loans(C, T, n)
    finish(C, E, T, n)
    scatter(S, C, lanes, n, has_loans)
    book_trouble(T, n, row, has_loans, F, rolls, vintage)
    for p in range(N_PRODUCT if has_loans else 1):
        for level in range(N_LEVELS):
            if (asked[p] >> level) & 1:
                book_ladder(C, T, n, p, level, rungs, F)

    x, products, since_observed = stack_steps(), N_PRODUCT if has_loans else 1, month - tables.observe_month
    for p in range(N_PRODUCT):
        for k in range(N_X):
            x[p, k] = 0
    for p in range(products):
        roll_late(
            S, C, T, left, lanes, todo, n_lanes, p, row, asked[p], rungs, F, rolls, vintage, ratings, since_observed,
            months,
        )  # fmt: skip
    others = i8(0)
    for k in range(n_lanes):
        i, lane = u8(lanes[u8(k)]), u8(k)
        done = i4(T[T_DONE, lane])
        left[0, i] &= ~(done & LEFT)
        todo[u8(others)] = k
        others += i8(done + i4(1))
    for k in range(others):
        lane = u8(todo[u8(k)])
        i = u8(lanes[lane])
        for p in range(products):
            at = p * N_OWN
            scatter_late(S, C, i, lane, N_BORROWER + p * N_ACCOUNT)
            paid = T[at + T_OWED, lane] if T[at + T_DAY, lane] > 0 else T[at + T_PAID, lane]
            marks, cash = C[N_BORROWER + p * N_ACCOUNT + MARKS, lane], i8(0)
            if marks & IN_WORKOUT:
                cash = cash_from(C, T, lane, p, asked[p], rungs)
            tell(
                S, i, x, p, products, row, T[at + T_BILL, lane], T[at + T_OWED, lane], paid, T[at + T_REASON, lane],
                T[at + T_TO, lane], T[at + T_DAYS, lane], cash,
            )  # fmt: skip
        if has_loans:
            x[LOAN, X_RATE] = rate_of_new_loan(S, i, loan_rates)
            draw_loan(
                S, i, x, F, vintage, V[U_WISH, lane], V[U_TICKET, lane], V[U_TERM, lane], 0, terms, segment,
                tables.terms, tables.quantile, months,
            )  # fmt: skip
            S[LIQUIDITY, i] = min(S[LIQUIDITY, i], E[D_CAP, lane])
        end_month(
            S, i, x, F, rolls, vintage, ratings, V[U_PLAN, lane], V[U_PLAN + LOAN, lane], V[U_RECOVERY, lane],
            V[U_RECOVERY + LOAN, lane], month, 0, since_observed, economy, months, stages,
        )  # fmt: skip

"""Those whose trouble is over within the month, many at once: forgotten bills paid late, loans repaid.

The accounts of these lanes are all current at the start of the month. They are copied side by side, a few of every
tile, live the month in vectors as `dull` does, but exactly and with everything that leaves them current: who will not
pay or forgets, credit elsewhere, payments within the month and the ladder that asks for them, late charges and last
instalments. Who ends the month behind, or meets a rule of the lender, is left as he was for `month.live`.

Loops over blocks of STEP lanes have no rest for LLVM to do one by one; those it does better whole stay whole.
"""

import numpy as np

from .cache import CACHED, njit
from .dull import (
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
    derive,
    draw_words,
    rate_steps,
    total,
)
from .lanes import (
    between,
    burden_of,
    cash_of,
    extra_of,
    half,
    is_held,
    line_due,
    line_rate,
    loan_due,
    loan_interest,
    loan_rate,
    mask_of,
    only,
    pick,
    repays,
    share_of,
    sigmoid_place,
    wants,
    works,
)
from .names import *  # noqa: F403  the vocabulary of the kernel
from .stack import stack_array

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

# ---- columns of the state that a month in brief reads, and those it may change ------------------------------
BORROWER_READ = (INCOME, LIVING, SPEND, QUALITY, FORGET, AUTOPAY, FULL_PAYER, REACH, OUTSIDE_MAX)
BORROWER_CHANGED = (EMPLOYED, BUFFER, OUTSIDE, REPORTED, ALERT)
ACCOUNT_READ = (STATUS, LIMIT)
ACCOUNT_CHANGED = (BALANCE, INTEREST_DUE, FEE_DUE, CLEAN)
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
    T_OWED,
    T_PAID,  # towards owed
    T_EXTRA,
    T_REASON,  # 0: paid at the due date
    T_DAY,  # of a missed due that was paid within the month, else 0
    T_ASKED,  # q31: those who have paid by now, by themselves or asked
    T_CONTACTS,  # bit k: contacted by level k of the ladder
    T_WANTED,  # the same, had the ladder capacity for all
    T_ENDED,  # 1 + the level that collected; -1: paid by himself before a level's day; 0: the ladder goes on
    T_REMINDED,
    T_USED,  # paid from credit elsewhere
    T_REFUSED,  # of it, what a report at the credit bureau took away
    T_HIGH_USE,  # 1: missed, short, and used to spending much of the limit
    # what the sums add up, 0 where the lane is not done
    T_OPEN,  # 1: an account at the end of the month
    T_BALANCE,
    T_CREDIT,  # new credit
    T_INTEREST,
    T_FEE,
    T_TOOK,  # paid in all
    T_DUE,
    T_MISSED,  # the reason of a missed due
    T_LATE_DAY,
) = range(23)
N_OWN = 23
(T_EMPLOYED, T_NEED, T_BUFFER, T_OUTSIDE, T_DONE, T_LIMIT, T_REPAID) = range(2 * N_OWN, 2 * N_OWN + 7)
N_TOLD = 2 * N_OWN + 7
stack_told = stack_array(np.int32, N_TOLD)

CURE_ROW = 32  # days of one reason in the table `cure`, the last one a sentinel


@njit(forceinline=True)
def gather(S, D, C, E, lanes, n, has_loans):
    """Copy what a month in brief reads of `lanes`[0..n-1] to the first n lanes of C (state) and of E (the index)."""
    for c in READ:
        for k in range(n):
            C[u8(c), u8(k)] = S[u8(c), u8(lanes[u8(k)])]
    if has_loans:
        for c in READ_LOAN:
            for k in range(n):
                C[u8(c), u8(k)] = S[u8(c), u8(lanes[u8(k)])]
    for k in range(n):
        E[D_INDEX, u8(k)] = D[D_INDEX, u8(lanes[u8(k)])]


@njit(forceinline=True)
def scatter(S, C, lanes, n, has_loans):
    """Copy back what a month in brief may change."""
    for c in CHANGED:
        for k in range(n):
            S[u8(c), u8(lanes[u8(k)])] = C[u8(c), u8(k)]
    if has_loans:
        for c in CHANGED_LOAN:
            for k in range(n):
                S[u8(c), u8(lanes[u8(k)])] = C[u8(c), u8(k)]


@njit(forceinline=True)
def decide_and_pay(
    C, E, V, T, n, g, line, loan, economy, months, forget_keep_line, forget_keep_loan,
    sigmoid, alert, quality_logit, burden_logit, bucket_logit, cause_logit,
):  # fmt: skip
    """Steps 4 and 5, exactly, for lanes whose accounts are current."""
    one = u4(ONE)
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from = u4(ONE - economy[M_EXPENSE_SHOCK])
    revolver_share, floor = u4(g[G_REVOLVER_SHARE]), i4(line[P_MIN_FLOOR])
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    enrolled = u4(max(g[G_AUTOPAY], months[LINE, V_AUTOPAY]))
    loan_enrolled = u4(max(g[G_AUTOPAY], months[LOAN, V_AUTOPAY]))
    base_logit = g[G_WILL_NOT_BASE] + economy[M_WILL_NOT] + i8(bucket_logit[0]) + i8(cause_logit[0])
    line_logit = i4(max(base_logit + line[P_WILL_NOT] + months[LINE, V_WILL_NOT], i8(-(1 << 29))))
    loan_logit = i4(max(base_logit + loan[P_WILL_NOT] + months[LOAN, V_WILL_NOT], i8(-(1 << 29))))
    reported_logit = i4(g[G_WILL_NOT_REPORTED])
    line_keep, loan_keep = u4(forget_keep_line), u4(forget_keep_loan)
    line_reach, loan_reach = u4(months[LINE, V_REACH]), u4(months[LOAN, V_REACH])
    line_first = mask_of(g[G_PAY_FIRST] == LINE)
    for lane in range(n):
        i = u8(lane)
        status, loan_status = C[LINE_AT + STATUS, i], C[LOAN_AT + STATUS, i]
        bill = only(status == i4(ACTIVE), max(C[LINE_AT + BALANCE, i], i4(0)))
        loan_bill = only(loan_status == i4(ACTIVE), C[LOAN_AT + BALANCE, i])

        # 4. job and income
        u = half(V[U_JOB, i])
        employed = works(u, C[EMPLOYED, i] == i4(1), job_loss, u4(E[D_JOB_LOSS, i]), job_find)
        pay = E[D_PAY, i]
        cash = cash_of(C[BUFFER, i], E[D_KEPT, i], E[D_KEPT_UNEMPLOYED, i], E[D_SHOCK, i], employed, u >= shock_from)
        need = max(i4(-cash), i4(0))
        buffer, outside = max(cash, i4(0)), C[OUTSIDE, i]
        back = repays(buffer, outside, C[OUTSIDE_MAX, i], E[D_REPAY, i])
        outside = i4(outside + back)
        buffer = i4(buffer - back)

        # 5. who will not pay, who forgets
        owed = line_due(bill, floor, min_share)
        loan_owed = loan_due(loan_bill, C[LOAN_AT + INSTALMENT, i], C[LOAN_AT + MONTHS_LEFT, i])
        burden = burden_of(i4(bill + loan_bill), pay)
        reported = C[REPORTED, i] != i4(0)
        own_logit = i4(quality_logit[u4(C[QUALITY, i]) & u4(15)] + burden_logit[burden & u4(7)])
        own_logit = i4(own_logit + only(reported, reported_logit))
        manual = share_of(C[FORGET, i], alert[u4(C[ALERT, i]) & u4(31)])
        autopay, reach = u4(C[AUTOPAY, i]), u4(C[REACH, i])

        place = sigmoid_place(i4(line_logit + own_logit))
        k = u4((place >> u4(9)) & u4(8191))
        unwilling = between(sigmoid[k], sigmoid[u4(k + u4(1)) & u4(8191)], place)
        reached = reach < line_reach
        forgets = only(autopay >= enrolled, share_of(manual, pick(mask_of(reached), line_keep, one)))
        u = half(V[U_LINE_DECISION, i])
        refuses = (bill > i4(0)) & (u < unwilling)
        forgot = (bill > i4(0)) & ~refuses & (u >= u4(one - u4(share_of(forgets, u4(one - unwilling)))))

        place = sigmoid_place(i4(loan_logit + own_logit))
        k = u4((place >> u4(9)) & u4(8191))
        unwilling = between(sigmoid[k], sigmoid[u4(k + u4(1)) & u4(8191)], place)
        loan_reached = reach < loan_reach
        forgets = only(autopay >= loan_enrolled, share_of(manual, pick(mask_of(loan_reached), loan_keep, one)))
        u = half(V[U_LOAN_DECISION, i])
        loan_refuses = (loan_bill > i4(0)) & (u < unwilling)
        loan_forgot = (loan_bill > i4(0)) & ~loan_refuses & (u >= u4(one - u4(share_of(forgets, u4(one - unwilling)))))

        # 5. what is paid, in the stated order of the products: from the buffer, then from credit elsewhere
        line_asks = only(~(refuses | forgot), owed)
        loan_asks = only(~(loan_refuses | loan_forgot), loan_owed)
        first, second = pick(line_first, line_asks, loan_asks), pick(line_first, loan_asks, line_asks)
        free = outside
        taken = min(first, max(buffer, i4(0)))
        borrowed = min(i4(first - taken), free)
        free, buffer, first = i4(free - borrowed), i4(buffer - taken), i4(taken + only(~reported, borrowed))
        taken = min(second, max(buffer, i4(0)))
        again = min(i4(second - taken), free)
        free, buffer, second = i4(free - again), i4(buffer - taken), i4(taken + only(~reported, again))
        outside = pick(mask_of(reported), outside, free)
        line_borrowed, loan_borrowed = pick(line_first, borrowed, again), pick(line_first, again, borrowed)
        paid, loan_paid = pick(line_first, first, second), pick(line_first, second, first)

        broke = pick(mask_of(employed), i4(SHORT), i4(CANNOT))
        reason = i4(only(refuses, i4(WILL_NOT)) + only(forgot, i4(FORGOT)) + only(paid < line_asks, broke))
        loan_reason = i4(
            only(loan_refuses, i4(WILL_NOT)) + only(loan_forgot, i4(FORGOT)) + only(loan_paid < loan_asks, broke)
        )
        extra = only(reason == i4(0), extra_of(C[FULL_PAYER, i], i4(bill - owed), revolver_share, buffer))

        T[T_EMPLOYED, i], T[T_NEED, i] = i4(employed), need
        T[T_BUFFER, i], T[T_OUTSIDE, i] = i4(buffer - extra), outside
        T[T_BILL, i], T[T_OWED, i], T[T_PAID, i], T[T_EXTRA, i] = bill, owed, paid, extra
        T[T_REASON, i], T[T_REMINDED, i] = reason, i4(reached & (bill > i4(0)))
        T[N_OWN + T_BILL, i], T[N_OWN + T_OWED, i], T[N_OWN + T_PAID, i] = loan_bill, loan_owed, loan_paid
        T[N_OWN + T_EXTRA, i], T[N_OWN + T_REASON, i] = i4(0), loan_reason
        T[N_OWN + T_REMINDED, i] = i4(loan_reached & (loan_bill > i4(0)))
        T[T_USED, i], T[T_REFUSED, i] = only(~reported, line_borrowed), only(reported, line_borrowed)
        T[N_OWN + T_USED, i], T[N_OWN + T_REFUSED, i] = only(~reported, loan_borrowed), only(reported, loan_borrowed)


@njit(forceinline=True)
def pay_by_themselves(E, V, T, n, p, cure):
    """Step 6: the day on which a missed due is paid without being asked; T_ASKED is whoever may pay so.

    `cure` uint32[reason * CURE_ROW + day]: q31 paid by that day, rising, of dues that were current.
    """
    at = p * N_OWN
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            rest = i4(T[at + T_OWED, i] - T[at + T_PAID, i])
            row = u4(u4(T[at + T_REASON, i]) * u4(CURE_ROW))
            v = half(V[U_IN_MONTH + p, i])
            asked = cure[u4(row + u4(DAYS - 1)) & u4(255)]
            pays = (rest > i4(0)) & (rest <= i4(T[T_BUFFER, i] + E[D_PAY, i])) & (v < asked)
            before = u4(0)  # days that are over before he pays
            for step in (16, 8, 4, 2, 1):
                later = v >= cure[u4(u4(row + before) + u4(step)) & u4(255)]
                before = u4(before + (u4(step) & u4(mask_of(later))))
            T[at + T_DAY, i] = only(pays, i4(before + u4(1)))
            T[at + T_ASKED, i] = i4(asked)
            T[at + T_CONTACTS, i] = i4(0)
            T[at + T_ENDED, i] = i4(0)


@njit(forceinline=True)
def ask(E, V, T, n, p, level, rung):
    """Step 6: one level of the ladder works the dues that are still unpaid on its day; `rung` is its row of levers."""
    at = p * N_OWN
    day, bit = i4(rung[L_DAY]), i4(1 << level)
    forgot, short, cannot, will_not = (
        i4(rung[L_EFFECT]), i4(rung[L_EFFECT + 1]), i4(rung[L_EFFECT + 2]), i4(rung[L_EFFECT + 3]),
    )  # fmt: skip
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            rest, reason = i4(T[at + T_OWED, i] - T[at + T_PAID, i]), T[at + T_REASON, i]
            paid_on, ended, asked = T[at + T_DAY, i], T[at + T_ENDED, i], u4(T[at + T_ASKED, i])
            ended = i4(ended - i4((ended == i4(0)) & (paid_on > i4(0)) & (paid_on <= day)))
            works_it = (rest > i4(0)) & (ended == i4(0))
            effect = i4(only(reason == i4(FORGOT), forgot) | only(reason == i4(SHORT), short))
            effect = i4(effect | only(reason == i4(CANNOT), cannot) | only(reason == i4(WILL_NOT), will_not))
            tries = works_it & (paid_on == i4(0))
            upto = u4(asked + u4(share_of(u4(u4(ONE) - asked), u4(effect))))
            v = half(V[U_IN_MONTH + p, i])
            hit = tries & (rest <= i4(T[T_BUFFER, i] + E[D_PAY, i])) & (v >= asked) & (v < upto)
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
            buffer = i4(T[T_BUFFER, i] - only(pays, i4(T[at + T_OWED, i] - T[at + T_PAID, i])))
            if p == LINE:
                forgot = pays & (T[T_REASON, i] == i4(FORGOT))
                rest = i4(T[T_BILL, i] - T[T_OWED, i])
                extra = only(forgot, extra_of(C[FULL_PAYER, i], rest, revolver_share, buffer))
                T[T_EXTRA, i] = i4(T[T_EXTRA, i] + extra)
                buffer = i4(buffer - extra)
            T[T_BUFFER, i] = buffer


@njit(forceinline=True)
def settle_lines(C, E, V, T, n, g, months, late, spending, rates):
    """Steps 7 to 12 of the line, and who is done: T_DONE. Lanes that are not keep their state."""
    best, to_b, to_c, to_d = rate_steps(rates)
    spend_unemployed, new_credit = u4(g[G_SPEND_UNEMPLOYED]), months[LINE, V_NEW_CREDIT] == 1
    freeze, close = i4(months[LINE, V_FREEZE_DAYS]), i4(months[LINE, V_CLOSE_DAYS])
    rule = i4(min(months[LINE, V_CLOSE_DAYS], months[LINE, V_REPORT_DAYS]))
    loan_rule = i4(min(months[LOAN, V_CLOSE_DAYS], months[LOAN, V_REPORT_DAYS]))
    for lane in range(n):
        i = u8(lane)
        status, balance = C[LINE_AT + STATUS, i], C[LINE_AT + BALANCE, i]
        is_line, lives = status == i4(ACTIVE), is_held(status) | is_held(C[LOAN_AT + STATUS, i])
        owed, bill, days = T[T_OWED, i], T[T_BILL, i], T[T_DAY, i]
        rest = i4(owed - T[T_PAID, i])
        missed, loan_missed = rest > i4(0), T[N_OWN + T_OWED, i] > T[N_OWN + T_PAID, i]
        loan_days = T[N_OWN + T_DAY, i]
        done = lives & ~(missed & (days == i4(0))) & ~(loan_missed & (loan_days == i4(0)))
        done = done & (days < rule) & (loan_days < loan_rule)
        line_done = done & is_line

        paid = i4(owed + T[T_EXTRA, i])
        fee_due, interest_due = C[LINE_AT + FEE_DUE, i], C[LINE_AT + INTEREST_DUE, i]
        to_fees = min(fee_due, paid)
        clean, limit = C[LINE_AT + CLEAN, i], C[LINE_AT + LIMIT, i]
        interest = share_of(i4(bill - paid), line_rate(clean, balance, limit, best, to_b, to_c, to_d))
        fee = share_of(rest, late[u4(days) & u4(31)])
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        balance = i4(i4(i4(balance - paid) + interest) + fee)

        employed, buffer = T[T_EMPLOYED, i] != i4(0), T[T_BUFFER, i]
        wanted = wants(
            E[D_SPEND, i],
            spending[V[U_WISH, i] & u4(QUANTILES - 1)],
            employed,
            spend_unemployed,
            T[T_NEED, i],
            new_credit,
        )
        may = is_line & (days < freeze) & (days < close)
        on_line = only(may, min(wanted, max(i4(limit - balance), i4(0))))
        balance = i4(balance + on_line)
        T[T_BUFFER, i] = i4(buffer - min(i4(wanted - on_line), max(buffer, i4(0))))

        done_mask, line_mask = mask_of(done), mask_of(line_done)
        forgot = (missed & (T[T_REASON, i] == i4(FORGOT))) | (loan_missed & (T[N_OWN + T_REASON, i] == i4(FORGOT)))
        remembers = only(~forgot, min(i4(C[ALERT, i] + i4(1)), i4(31)))
        C[EMPLOYED, i] = pick(done_mask, T[T_EMPLOYED, i], C[EMPLOYED, i])
        C[OUTSIDE, i] = pick(done_mask, T[T_OUTSIDE, i], C[OUTSIDE, i])
        C[ALERT, i] = pick(done_mask, remembers, C[ALERT, i])
        C[REPORTED, i] = pick(done_mask, max(i4(C[REPORTED, i] - i4(1)), i4(0)), C[REPORTED, i])
        C[LINE_AT + BALANCE, i] = pick(line_mask, balance, C[LINE_AT + BALANCE, i])
        C[LINE_AT + FEE_DUE, i] = pick(line_mask, i4(i4(fee_due - to_fees) + fee), fee_due)
        C[LINE_AT + INTEREST_DUE, i] = pick(line_mask, interest_due, C[LINE_AT + INTEREST_DUE, i])
        C[LINE_AT + CLEAN, i] = pick(line_mask, only(~missed, min(i4(clean + i4(1)), i4(255))), clean)
        T[T_DONE, i] = i4(done)
        T[T_OPEN, i] = i4(line_done)
        T[T_BALANCE, i] = balance & line_mask
        T[T_LIMIT, i] = limit & line_mask
        T[T_CREDIT, i] = on_line & line_mask
        T[T_INTEREST, i] = interest & line_mask
        T[T_FEE, i] = fee & line_mask
        T[T_TOOK, i] = paid & line_mask
        T[T_DUE, i] = i4(line_done & (owed > i4(0)))
        reason, spend = T[T_REASON, i], C[SPEND, i]
        heavy = spend >= i4(C[LINE_AT + GRANTED, i] - spend)  # a usual month of spending is half of the limit
        T[T_MISSED, i] = only(line_done & missed, reason)
        T[T_HIGH_USE, i] = i4(line_done & missed & (reason == i4(SHORT)) & heavy)
        T[T_LATE_DAY, i] = only(line_done, days)


@njit(forceinline=True)
def settle_loans(C, T, n, late, rates):
    """Steps 7 and 8 of the loan: payments, interest, late charges, the last instalment."""
    best, to_b, to_c, to_d = rate_steps(rates)
    for lane in range(n):
        i = u8(lane)
        done = T[T_DONE, i] != i4(0)
        bill, owed, days = T[N_OWN + T_BILL, i], T[N_OWN + T_OWED, i], T[N_OWN + T_DAY, i]
        is_open = done & (bill > i4(0))
        rest = i4(owed - T[N_OWN + T_PAID, i])
        missed = rest > i4(0)
        clean, months_left = C[LOAN_AT + CLEAN, i], C[LOAN_AT + MONTHS_LEFT, i]
        fee_due, interest_due = C[LOAN_AT + FEE_DUE, i], C[LOAN_AT + INTEREST_DUE, i]
        instalment, left = C[LOAN_AT + INSTALMENT, i], max(i4(months_left - i4(1)), i4(0))
        to_fees = min(fee_due, owed)
        base = i4(bill - owed)
        interest = loan_interest(base, loan_rate(clean, best, to_b, to_c, to_d), left, instalment)
        fee = share_of(rest, late[u4(u4(days) + u4(32)) & u4(63)])
        interest_due = i4(interest_due - min(interest_due, i4(owed - to_fees)) + interest)
        fee_due = i4(i4(fee_due - to_fees) + fee)
        balance = i4(i4(base + interest) + fee)
        repaid = balance == i4(0)

        open_mask, stays = mask_of(is_open), mask_of(~repaid)
        gone = i4(open_mask & ~stays)
        C[LOAN_AT + BALANCE, i] = pick(open_mask, balance, C[LOAN_AT + BALANCE, i])
        C[LOAN_AT + INTEREST_DUE, i] = pick(open_mask, i4(interest_due & stays), C[LOAN_AT + INTEREST_DUE, i])
        C[LOAN_AT + FEE_DUE, i] = pick(open_mask, i4(fee_due & stays), C[LOAN_AT + FEE_DUE, i])
        C[LOAN_AT + CLEAN, i] = pick(open_mask, only(~missed, min(i4(clean + i4(1)), i4(255))), clean)
        C[LOAN_AT + STATE, i] = i4(C[LOAN_AT + STATE, i] & ~gone)
        C[LOAN_AT + INSTALMENT, i] = i4(instalment & ~gone)
        C[LOAN_AT + MONTHS_LEFT, i] = pick(open_mask, i4(left & stays), months_left)
        T[N_OWN + T_OPEN, i] = i4(is_open & ~repaid)
        T[N_OWN + T_BALANCE, i] = balance & open_mask
        T[N_OWN + T_INTEREST, i] = interest & open_mask
        T[N_OWN + T_FEE, i] = fee & open_mask
        T[N_OWN + T_TOOK, i] = owed & open_mask
        T[N_OWN + T_DUE, i] = i4(is_open & (owed > i4(0)))
        T[N_OWN + T_MISSED, i] = only(done & missed, T[N_OWN + T_REASON, i])
        T[N_OWN + T_LATE_DAY, i] = only(done, days)
        T[T_REPAID, i] = i4(is_open & repaid)


@njit(forceinline=True)
def settle_buffers(C, E, T, n):
    """Step 9: what is left in the buffer."""
    for lane in range(n):
        i = u8(lane)
        C[BUFFER, i] = pick(mask_of(T[T_DONE, i] != i4(0)), min(T[T_BUFFER, i], E[D_CAP, i]), C[BUFFER, i])


@njit(forceinline=True)
def count(T, column, value, n):
    """Return in how many of the first `n` lanes a column has a value."""
    found = i4(0)
    for lane in range(n):
        i = u8(lane)
        found = i4(found + i4(T[column, i] == i4(value)))
    return i8(found)


@njit(forceinline=True)
def within(T, column, last, n):
    """Return in how many of the first `n` lanes a column is 1 to `last`."""
    found = i4(0)
    for lane in range(n):
        i = u8(lane)
        found = i4(found + i4((T[column, i] > i4(0)) & (T[column, i] <= i4(last))))
    return i8(found)


@njit(forceinline=True)
def done_total(T, column, n):
    """Return the int64 sum of a column over those of the first `n` lanes that are done."""
    found = i8(0)
    for lane in range(n):
        i = u8(lane)
        found += i8(i4(T[column, i] & i4(-T[T_DONE, i])))
    return found


@njit(forceinline=True)
def book_brief(T, n, row, has_loans, F, rolls, vintage):
    """Add the sums of the lanes that are done; their lines go from `row` to bucket 0."""
    for p in range(N_PRODUCT if has_loans else 1):
        at = p * N_OWN
        n_open, balance = total(T, at + T_OPEN, n), total(T, at + T_BALANCE, n)
        F[p, F_ACCOUNTS] += n_open
        F[p, F_BALANCE] += balance
        vintage[p, W_ACCOUNTS] += n_open
        vintage[p, W_BALANCE] += balance
        if p == LINE:
            F[p, F_LIMIT] += total(T, T_LIMIT, n)
            F[p, F_NEW_CREDIT] += total(T, T_CREDIT, n)
            rolls[p, row, 0, 0] += n_open
            rolls[p, row, 0, 1] += balance
        else:
            repaid = total(T, T_REPAID, n)
            rolls[p, 0, 0, 0] += n_open
            rolls[p, 0, 0, 1] += balance
            rolls[p, 0, TO_PAID_OFF, 0] += repaid
            F[p, F_N_PAID_OFF] += repaid
        F[p, F_INTEREST] += total(T, at + T_INTEREST, n)
        F[p, F_FEES] += total(T, at + T_FEE, n)
        F[p, F_PAID] += total(T, at + T_TOOK, n)
        F[p, F_N_DUE] += total(T, at + T_DUE, n)
        for reason in range(FORGOT, WILL_NOT + 1):
            missed = count(T, at + T_MISSED, reason, n)
            F[p, F_N_MISSED] += missed
            F[p, F_MISSED_BY + reason] += missed
            F[p, F_N_CURED_30] += missed
        F[p, F_N_CURED_7] += within(T, at + T_LATE_DAY, 7, n)
        F[p, F_N_REMINDED] += done_total(T, at + T_REMINDED, n)
        F[p, F_OUTSIDE_USED] += done_total(T, at + T_USED, n)
        F[p, F_OUTSIDE_REFUSED] += done_total(T, at + T_REFUSED, n)
    F[LINE, F_N_MISSED_HIGH_USE] += total(T, T_HIGH_USE, n)


@njit(forceinline=True)
def book_ladder(T, n, p, ladder, F):
    """Add the contacts of the lanes that are done, and what they collected; ladder: the levels of bucket 0."""
    at = p * N_OWN
    for level in range(N_LEVELS):
        if ladder[level, L_USED]:
            commission = u4(ladder[level, L_COMMISSION])
            wanted, contacts, n_collected, collected, cost = i8(0), i8(0), i8(0), i8(0), i8(0)
            for lane in range(n):
                i = u8(lane)
                done = T[T_DONE, i]
                hit = i4(i4(T[at + T_ENDED, i] == i4(level + 1)) & done)
                got = i4(i4(T[at + T_OWED, i] - T[at + T_PAID, i]) & i4(-hit))
                wanted += i8(i4(T[at + T_WANTED, i] >> i4(level)) & done)
                contacts += i8(i4(T[at + T_CONTACTS, i] >> i4(level)) & done)
                n_collected += i8(hit)
                collected += i8(got)
                cost += i8(share_of(got, commission))
            F[p, F_N_CONTACTS_WANTED] += wanted
            F[p, F_CONTACTS_AT + level] += contacts
            F[p, F_CONTACT_COST] += contacts * ladder[level, L_COST] + cost
            F[p, F_N_COLLECTED_AT + level] += n_collected
            F[p, F_COLLECTED_AT + level] += collected


@njit(forceinline=True)
def narrow(cure, charges, in_month, late):
    """Copy what dues that were current are paid by, and what late charges cost, to the 32-bit tables of the lanes.

    `cure` uint32[8 * CURE_ROW] by reason and day, `charges` uint32[N_PRODUCT * CURE_ROW] by product and day.
    """
    for reason in range(len(CAUSES)):
        for day in range(DAYS):
            cure[reason * CURE_ROW + day] = in_month[reason, 0, day]
        cure[reason * CURE_ROW + DAYS] = 0xFFFFFFFF
    for p in range(N_PRODUCT):
        for day in range(DAYS):
            charges[p * CURE_ROW + day] = late[p, day]


@njit(forceinline=True, cache=CACHED)
def live_in_brief(
    S, D, left, C, E, V, T, brief, n_brief, few, n_few, has_loans, serves_all, arriving, month, entry, replication,
    segment, income_index, tables, g, terms, economy, months, stages, ladder, cure, charges, rates, loan_rates,
    F, rolls, vintage,
):  # fmt: skip
    """Live the month of lanes brief[0..n_brief-1]; add those that are not done to `few` and return how many it has.

    `left` is `dull`'s. C, E, V, T are working space of lanes. `F`, `rolls`, `vintage`: the sums of the month.
    """
    n = (n_brief + STEP - 1) // STEP * STEP
    k0, k1 = tables.key[0], tables.key[1]
    for k in range(n_brief, n):
        brief[u8(k)] = LANES  # a lane in which nobody is
    gather(S, D, C, E, brief, n, has_loans)
    derive(C, E, n, income_index, g, tables.job_loss_quality[segment])
    draw_words(V, E, n, 0, month, entry, replication, segment, k0, k1)
    draw_words(V, E, n, 1, month, entry, replication, segment, k0, k1)
    if not serves_all:
        draw_words(V, E, n, 2, month, entry, replication, segment, k0, k1)
    decide_and_pay(
        C, E, V, T, n, g, terms[LINE], terms[LOAN], economy, months,
        stages[LINE, 0, S_FORGET_KEEP], stages[LOAN, 0, S_FORGET_KEEP], tables.sigmoid, tables.alert[segment],
        tables.will_not_quality[segment], tables.will_not_burden[segment], tables.will_not_bucket[segment],
        tables.will_not_cause[segment],
    )  # fmt: skip
    for p in range(N_PRODUCT if has_loans else 1):
        pay_by_themselves(E, V, T, n, p, cure)
        for level in range(N_LEVELS):
            if ladder[p, 0, level, L_USED]:
                ask(E, V, T, n, p, level, ladder[p, 0, level])
        pay_late(C, V, T, n, p, g[G_REVOLVER_SHARE], months[p, V_SERVED])
    settle_lines(C, E, V, T, n, g, months, charges, tables.spending[segment], rates)
    if has_loans:
        settle_loans(C, T, n, charges, loan_rates)
    settle_buffers(C, E, T, n)
    scatter(S, C, brief, n, has_loans)
    book_brief(T, n, ARRIVED if arriving else 0, has_loans, F, rolls, vintage)
    for p in range(N_PRODUCT if has_loans else 1):
        book_ladder(T, n, p, ladder[p, 0], F)
    for k in range(n_brief):
        lane, done = u8(brief[u8(k)]), T[T_DONE, u8(k)]
        few[u8(n_few)] = lane
        n_few += 1 - done
        left[0, lane] &= ~(LEFT * done)
    return n_few

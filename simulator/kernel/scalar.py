"""One month of one borrower: every step of docs/model.md, in its order, for anybody in any state.

This is the whole model. The tile kernel takes shorter ways for those who pay on time (`dull`) and, up to the lender's
part of the month, for those in trouble (`trouble`), and comes here for the rest and for the few others; the scalar
kernel comes here for everyone. `x` holds what the steps of one month tell each other.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .fixed import mul_q16, mul_q31, sigmoid
from .jit.cache import CACHED, njit
from .jit.intrinsics import stack_array
from .marks import book_back, book_loss, next_marks, watched
from .origination import age_stage, band_of, book_open, book_roll, book_stocks
from .rules import grade_of, is_open

u4, i8, u8 = np.uint32, np.int64, np.uint64

# ---- what the steps of a month hand on: int64[product, name] ---------------------------------------
(
    X_OPEN,  # 1: an account at the start of the month (a loan with a balance)
    X_BOOK,  # 1: written off before this month
    X_FROM,  # row of the roll matrix
    X_BILL,
    X_DUE,
    X_OWED,
    X_PAID,  # towards owed
    X_EXTRA,  # beyond owed
    X_MISSED,  # 1: not paid at the due date
    X_REASON,
    X_REST,  # unpaid at the due date
    X_DAY,  # day it was paid within the month, 0 if not
    X_TO,  # bucket after the month
    X_AFTER,  # arrears after the month
    X_DAYS,  # days late that the rules of the lender see
    X_EXIT,  # exit drawn under roll_rates, 0 if none
    X_CLOSED,  # 1: closed for its own lateness this month
    X_NEW,  # 1: a loan drawn this month
    X_LEFT,  # column of the roll matrix of an account that left, 0 if it stayed
    X_LEFT_BALANCE,
    X_PRODUCTS,  # of LINE: how many products anybody in the tile holds, 1 or 2
    X_PLAN,  # 1: began the month in a plan
    X_RATE,  # q31: the interest rate of this month
    X_WORST,  # bucket after the month, before a new plan made it 0
    X_RECOVERED,  # taken by collectors from an account that is still open
    X_FORGIVEN,
    X_CAUSE,  # before a new plan made it UNKNOWN
    X_WORKOUT,  # 1: begins the month in the workout
    X_CASH,  # what the account brings while open, less what it costs
) = range(29)
N_X = 29
stack_steps = stack_array(np.int64, N_PRODUCT, N_X)


@njit(forceinline=True)
def open_month(S, i, x, arriving, n_products):
    """Note what each account is at the start of the month."""
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        for k in range(N_X):
            x[p, k] = 0
        status, balance = S[at + STATUS, i], i8(S[at + BALANCE, i])
        x[p, X_OPEN] = 1 if is_open(status) and (p == LINE or balance > 0) else 0
        x[p, X_BOOK] = 1 if status == WRITTEN_OFF else 0
        x[p, X_FROM] = ARRIVED if arriving and p == LINE else i8(S[at + BUCKET, i])
        x[p, X_BILL] = max(balance, i8(0)) if x[p, X_OPEN] else i8(0)
        x[p, X_PLAN] = 1 if S[at + PLAN_LEFT, i] > 0 else 0
        x[p, X_WORKOUT] = 1 if S[at + MARKS, i] & IN_WORKOUT else 0
    x[LINE, X_PRODUCTS] = n_products


@njit(forceinline=True)
def price(S, i, x, terms, months):
    """Set the interest rate of each account: by the grade it starts the month with, or by its plan."""
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        grade = grade_of(
            S[at + BUCKET, i], S[at + PLAN_LEFT, i], S[at + CLEAN, i], S[at + BALANCE, i], S[at + LIMIT, i], p == LINE,
        )  # fmt: skip
        rate = min(mul_q16(terms[p, P_RATE], months[p, V_RATE + grade]), i8(ONE))
        x[p, X_RATE] = mul_q31(terms[p, P_RATE], months[p, V_PLAN_RATE]) if x[p, X_PLAN] else rate


@njit(forceinline=True)
def earn(S, i, word, pay, g, economy, segment, job_loss_quality):
    """Step 4: job, income, living cost, shocks, repayment elsewhere. Return the cash that was missing."""
    u = i8(word) >> 1
    employed = S[EMPLOYED, i] == 1
    if employed:
        employed = not u < mul_q31(economy[M_JOB_LOSS], i8(job_loss_quality[segment, S[QUALITY, i]]))
    else:
        employed = u < economy[M_JOB_FIND]
    living = mul_q16(i8(S[LIVING, i]), economy[M_INCOME_INDEX])
    came_in = pay if employed else mul_q31(pay, g[G_BENEFIT])
    went_out = living if employed else mul_q31(living, g[G_LIVING_UNEMPLOYED])
    shock = mul_q16(pay, g[G_SHOCK_SIZE]) if u >= ONE - economy[M_EXPENSE_SHOCK] else i8(0)
    cash = i8(S[LIQUIDITY, i]) + came_in - went_out - shock
    buffer = max(cash, i8(0))
    outside = i8(S[EXTERNAL_CREDIT, i])
    back = min(min(i8(S[EXTERNAL_CREDIT_LIMIT, i]) - outside, mul_q31(pay, g[G_EXTERNAL_CREDIT_REPAY])), buffer)
    S[EMPLOYED, i] = 1 if employed else 0
    S[EXTERNAL_CREDIT, i] = outside + back
    S[LIQUIDITY, i] = buffer - back
    return max(-cash, i8(0))


@njit(forceinline=True)
def fall_due(S, i, x, terms, months):
    """Step 5: what each open account owes at the due date."""
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        bill, arrears = x[p, X_BILL], i8(S[at + ARREARS, i])
        if bill > 0:
            if x[p, X_PLAN]:
                plan_left = i8(S[at + PLAN_LEFT, i])
                due = min(i8(S[at + INSTALMENT, i]), bill - arrears) if plan_left > 1 else bill - arrears
                S[at + PLAN_LEFT, i] = plan_left - 1
                S[at + MONTHS_LEFT, i] = max(i8(S[at + MONTHS_LEFT, i]) - 1, i8(0))
            elif p == LINE:
                share = months[p, V_MIN_SHARE] if months[p, V_MIN_SHARE] >= 0 else terms[p, P_MIN_SHARE]
                due = min(max(terms[p, P_MIN_FLOOR], mul_q31(bill, share)), bill - arrears)
            else:
                months_left = i8(S[at + MONTHS_LEFT, i])
                due = min(i8(S[at + INSTALMENT, i]), bill - arrears) if months_left > 1 else bill - arrears
                S[at + MONTHS_LEFT, i] = max(months_left - 1, i8(0))
            x[p, X_DUE] = due
            x[p, X_OWED] = arrears + due


@njit(forceinline=True)
def burden_class(debt, pay):
    """Return the debt-to-income class 0..7: how many of 1/4, 1/2, 1, 2, 4, 8, 16 monthly incomes the debt exceeds."""
    t = pay >> 2
    k = i8(0)
    for shift in range(7):
        k += i8((debt >> shift) > t)
    return k


@njit(forceinline=True)
def decide(
    S, i, x, line_word, loan_word, pay, g, terms, economy, segment, month_levers, stage_levers,
    curve, by_bucket, by_cause, by_burden, by_quality, alert,
):  # fmt: skip
    """Step 5: each account with a bill is paid, forgotten or refused; sets X_REASON (0 = pays) of those."""
    burden = burden_class(x[LINE, X_BILL] + x[LOAN, X_BILL], pay)
    for p in range(x[LINE, X_PRODUCTS]):
        if x[p, X_BILL] > 0:
            at = N_BORROWER + p * N_ACCOUNT
            bucket = S[at + BUCKET, i]
            logit = (
                g[G_WILL_NOT_BASE]
                + terms[p, P_WILL_NOT]
                + i8(by_bucket[segment, bucket])
                + i8(by_cause[segment, S[at + CAUSE, i]])
                + i8(by_burden[segment, burden])
                + i8(by_quality[segment, S[QUALITY, i]])
                + economy[M_WILL_NOT]
                + month_levers[p, V_WILL_NOT]
            )
            if S[at + STATUS, i] == CLOSED:
                logit += g[G_WILL_NOT_CLOSED]
            if S[REPORTED, i]:
                logit += g[G_WILL_NOT_REPORTED]
            unwilling = sigmoid(curve, logit)
            reached = i8(S[REACH, i]) < month_levers[p, V_REACH]
            forgets = i8(0)
            if i8(S[AUTOPAY, i]) >= max(g[G_AUTOPAY], month_levers[p, V_AUTOPAY]):
                forgets = mul_q31(i8(S[FORGET, i]), i8(alert[segment, S[MONTHS_SINCE_FORGOT, i]]))
                if reached:
                    forgets = mul_q31(forgets, stage_levers[p, bucket, S_FORGET_KEEP])
            u = i8(line_word if p == LINE else loan_word) >> 1
            if u < unwilling:
                x[p, X_REASON] = WILL_NOT
            elif u >= ONE - mul_q31(forgets, ONE - unwilling):
                x[p, X_REASON] = FORGOT


@njit(forceinline=True)
def remind(S, i, x, F, month_levers):
    """Step 5: count the reminders that reach somebody with a bill."""
    for p in range(x[LINE, X_PRODUCTS]):
        if x[p, X_BILL] > 0 and i8(S[REACH, i]) < month_levers[p, V_REACH]:
            F[p, F_N_REMINDED] += 1


@njit(forceinline=True)
def stay_alert(S, i, x):
    """Start the memory of a forgotten due, or let it fade by a month."""
    forgot = False
    for p in range(x[LINE, X_PRODUCTS]):
        forgot |= x[p, X_MISSED] == 1 and x[p, X_REASON] == FORGOT
    S[MONTHS_SINCE_FORGOT, i] = 0 if forgot else min(i8(S[MONTHS_SINCE_FORGOT, i]) + 1, i8(31))


@njit(forceinline=True)
def wanted_extra(S, i, x, g):
    """Return what the line's holder wants to pay beyond what is owed."""
    rest = x[LINE, X_BILL] - x[LINE, X_OWED]
    return rest if S[FULL_PAYER, i] else mul_q31(rest, g[G_REVOLVER_SHARE])


@njit(forceinline=True)
def pay_dues(S, i, x, F, g):
    """Step 5: those who pay use the buffer, then credit elsewhere; then the line's payment beyond what is owed."""
    refused = i8(0)
    for k in range(N_PRODUCT):
        p = g[G_PAY_FIRST] if k == 0 else 1 - g[G_PAY_FIRST]
        owed = x[p, X_OWED]
        if x[p, X_BILL] > 0 and x[p, X_REASON] == 0:
            buffer, outside = i8(S[LIQUIDITY, i]), i8(S[EXTERNAL_CREDIT, i])
            from_buffer = min(owed, max(buffer, i8(0)))
            from_outside = min(owed - from_buffer, outside - refused)
            if S[REPORTED, i]:
                F[p, F_OUTSIDE_REFUSED] += from_outside
                refused += from_outside
                from_outside = i8(0)
            F[p, F_OUTSIDE_USED] += from_outside
            S[LIQUIDITY, i] = buffer - from_buffer
            S[EXTERNAL_CREDIT, i] = outside - from_outside
            x[p, X_PAID] = from_buffer + from_outside
            if x[p, X_PAID] < owed:
                x[p, X_REASON] = SHORT if S[EMPLOYED, i] else CANNOT
    if x[LINE, X_BILL] > 0 and x[LINE, X_REASON] == 0 and x[LINE, X_PLAN] == 0:
        buffer = i8(S[LIQUIDITY, i])
        extra = min(wanted_extra(S, i, x, g), max(buffer, i8(0)))
        S[LIQUIDITY, i] = buffer - extra
        x[LINE, X_EXTRA] = extra
    for p in range(x[LINE, X_PRODUCTS]):
        x[p, X_REST] = x[p, X_OWED] - x[p, X_PAID]
        x[p, X_MISSED] = 1 if x[p, X_REST] > 0 else 0


@njit(forceinline=True)
def collect_in_month(
    S, i, x, F, line_word, loan_word, line_served, loan_served, pay, g, segment, in_month, ladder, month_levers
):
    """Step 6: a missed due may still be paid after some days, by itself or when a level of the ladder asks for it.

    One word decides: first those who pay by themselves, then each level's share of the rest, level after level. Nobody
    pays more than next month's income can bear. A due that the ladder has no capacity for is only counted.
    """
    for p in range(x[LINE, X_PRODUCTS]):
        if x[p, X_MISSED]:
            at = N_BORROWER + p * N_ACCOUNT
            bucket = S[at + BUCKET, i]
            reason, late = x[p, X_REASON], 1 if bucket > 0 else 0
            v = i8(line_word if p == LINE else loan_word) >> 1
            rest, buffer = x[p, X_REST], i8(S[LIQUIDITY, i])
            can = rest <= buffer + pay
            asked = in_month[segment, reason, late, DAYS - 1]
            day = i8(0)
            if can and v < asked:
                day = i8(1)
                while v >= in_month[segment, reason, late, day]:
                    day += 1
            by_itself = day > 0
            served = (i8(line_served if p == LINE else loan_served) >> 1) < month_levers[p, V_SERVED]
            for level in range(N_LEVELS):
                if ladder[p, bucket, level, L_USED]:
                    level_day = ladder[p, bucket, level, L_DAY]
                    if day > 0 and (day <= level_day or not by_itself):
                        break
                    F[p, F_N_CONTACTS_WANTED] += 1
                    if served:
                        F[p, F_N_CONTACTS_AT + level] += 1
                        F[p, F_CONTACT_COST] += ladder[p, bucket, level, L_COST]
                        x[p, X_CASH] -= ladder[p, bucket, level, L_COST]
                    if not by_itself:
                        width = mul_q31(ONE - asked, ladder[p, bucket, level, L_EFFECT + reason - FORGOT])
                        if can and asked <= v and v < asked + width:
                            if served:
                                day = level_day
                                F[p, F_N_COLLECTED_AT + level] += 1
                                F[p, F_COLLECTED_AT + level] += rest
                                commission = mul_q31(rest, ladder[p, bucket, level, L_COMMISSION])
                                F[p, F_CONTACT_COST] += commission
                                x[p, X_CASH] -= commission
                            break
                        asked += width
            if day > 0:
                x[p, X_DAY] = day
                x[p, X_PAID] = x[p, X_OWED]
                buffer -= rest
                if p == LINE and reason == FORGOT and x[p, X_PLAN] == 0:  # nothing but memory was missing
                    x[p, X_EXTRA] = min(wanted_extra(S, i, x, g), max(buffer, i8(0)))
                S[LIQUIDITY, i] = buffer - x[p, X_EXTRA]


@njit(forceinline=True)
def age(S, i, x, terms):
    """Step 7: bucket and arrears after the payments."""
    for p in range(x[LINE, X_PRODUCTS]):
        owed, paid = x[p, X_OWED], x[p, X_PAID]
        if paid < owed:
            bucket = i8(S[N_BORROWER + p * N_ACCOUNT + BUCKET, i])
            after = owed - paid
            to = min((after * (bucket + 1) + owed - 1) // owed, i8(BUCKETS - 1))
            hold, due = terms[p, P_HOLD], x[p, X_DUE]
            if hold > 0 and due > 0 and paid >= mul_q31(due, hold):
                to = min(to, bucket)
            x[p, X_TO] = to
            x[p, X_AFTER] = after


@njit(forceinline=True)
def roll(S, i, x, line_word, loan_word, segment, roll_state, thresholds):
    """Steps 5 to 7 under roll_rates: the next state is drawn, the payment follows from it."""
    for p in range(x[LINE, X_PRODUCTS]):
        if x[p, X_OPEN]:
            at = N_BORROWER + p * N_ACCOUNT
            state, bucket = i8(S[at + STATE, i]), i8(S[at + BUCKET, i])
            u = i8(line_word if p == LINE else loan_word) >> 1
            to = i8(0)
            while u >= thresholds[p, state, to]:
                to += 1
            t = roll_state[segment, p, to, ROLL_BUCKET]
            bill, owed = x[p, X_BILL], x[p, X_OWED]
            S[at + STATE, i] = to
            if t == EXIT_PAID_OFF:
                x[p, X_EXIT] = EXIT_PAID_OFF
                x[p, X_PAID] = owed
                x[p, X_EXTRA] = bill - owed
            elif t == EXIT_WRITTEN_OFF:
                x[p, X_EXIT] = EXIT_WRITTEN_OFF
                x[p, X_TO] = min(bucket + 1, i8(BUCKETS - 1))
                x[p, X_AFTER] = owed
            elif t > bucket or (to == state and roll_state[segment, p, to, ROLL_AT_LEAST] == 1):
                if t <= bucket:
                    t = min(bucket + 1, i8(BUCKETS - 1))
                x[p, X_TO] = t
                x[p, X_AFTER] = min(bill, owed + max(t - bucket - 1, i8(0)) * x[p, X_DUE])
            else:
                x[p, X_PAID] = owed - (t * owed) // (bucket + 1)
                x[p, X_TO] = t
                x[p, X_AFTER] = owed - x[p, X_PAID]
                if t == 0:
                    x[p, X_EXTRA] = mul_q31(bill - owed, roll_state[segment, p, to, ROLL_PAYS])
            x[p, X_REST] = owed - x[p, X_PAID]
            x[p, X_MISSED] = 1 if x[p, X_REST] > 0 else 0


@njit(forceinline=True)
def work_open(S, i, x, F, line_word, loan_word, stage_levers):
    """Step 7: collectors work accounts that were late and still are. What they take does not make them less late."""
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        bucket = i8(S[at + BUCKET, i])
        if x[p, X_MISSED] == 1 and bucket >= 1 and x[p, X_DAY] == 0 and x[p, X_EXIT] == 0 and x[p, X_PLAN] == 0:
            F[p, F_RECOVERY_COST] += stage_levers[p, bucket, S_RECOVERY_COST]
            x[p, X_CASH] -= stage_levers[p, bucket, S_RECOVERY_COST]
            if (i8(line_word if p == LINE else loan_word) >> 1) < stage_levers[p, bucket, S_RECOVER_CHANCE]:
                balance = i8(S[at + BALANCE, i]) - x[p, X_PAID]
                recovered = mul_q31(balance, stage_levers[p, bucket, S_RECOVER_SHARE])
                commission = mul_q31(recovered, stage_levers[p, bucket, S_COMMISSION])
                x[p, X_RECOVERED] = recovered
                x[p, X_CASH] -= commission
                F[p, F_RECOVERED_OPEN] += recovered
                F[p, F_COMMISSION] += commission
                if recovered < balance:
                    x[p, X_AFTER] = min(x[p, X_AFTER], balance - recovered)
                else:  # settled: nothing is late any more, and no late charge stays behind
                    x[p, X_TO] = 0
                    x[p, X_AFTER] = 0
                    x[p, X_REST] = 0
                    S[at + STATE, i] = 0


@njit(forceinline=True)
def settle(S, i, x, F, terms, late):
    """Steps 7 and 8: take the payment off the balance, charge interest and late charges; count the dues."""
    for p in range(x[LINE, X_PRODUCTS]):
        if x[p, X_OPEN]:
            at = N_BORROWER + p * N_ACCOUNT
            missed, bucket, to = x[p, X_MISSED], i8(S[at + BUCKET, i]), x[p, X_TO]
            if bucket == 0 and x[p, X_BILL] > 0 and x[p, X_OWED] > 0:
                F[p, F_N_DUE] += 1
                if missed:
                    F[p, F_N_MISSED] += 1
                    F[p, F_N_MISSED_BY + x[p, X_REASON]] += 1
                    if p == LINE and x[p, X_REASON] == SHORT and 2 * i8(S[SPEND, i]) >= S[at + GRANTED, i]:
                        F[p, F_N_MISSED_SHORT_HIGH_USE] += 1
                    if x[p, X_DAY] > 0:
                        F[p, F_N_CURED_30] += 1
                        if x[p, X_DAY] <= 7:
                            F[p, F_N_CURED_7] += 1
            if to > bucket + 1:
                F[p, F_N_JUMPS] += 1
            S[at + CLEAN, i] = 0 if missed else min(i8(S[at + CLEAN, i]) + 1, i8(255))
            if to == 0:
                S[at + CAUSE, i] = UNKNOWN
            elif x[p, X_PAID] < x[p, X_OWED] and S[at + CAUSE, i] <= FORGOT:
                S[at + CAUSE, i] = x[p, X_REASON]
            x[p, X_DAYS] = x[p, X_DAY] if x[p, X_DAY] > 0 else 30 * to

            paid = x[p, X_PAID] + x[p, X_EXTRA] + x[p, X_RECOVERED]
            fee_due, interest_due = i8(S[at + FEE_DUE, i]), i8(S[at + INTEREST_DUE, i])
            to_fees = min(fee_due, paid)
            to_interest = min(interest_due, paid - to_fees)
            balance = i8(S[at + BALANCE, i]) - paid
            fee_due -= to_fees
            interest_due -= to_interest
            if x[p, X_BILL] > 0:
                base = max(balance - x[p, X_AFTER], i8(0))
                interest = mul_q31(base, x[p, X_RATE])
                day = x[p, X_DAY] if x[p, X_DAY] > 0 else i8(DAYS - 1)
                fee = mul_q31(x[p, X_REST], late[p, day]) if missed else i8(0)
                if to >= terms[p, P_SUSPEND]:
                    F[p, F_INTEREST_NOT_CHARGED] += interest + fee
                else:
                    balance += interest + fee
                    interest_due += interest
                    fee_due += fee
                    F[p, F_INTEREST] += interest
                    F[p, F_FEES] += fee
            F[p, F_PAID] += paid
            x[p, X_CASH] += paid
            S[at + BALANCE, i] = balance
            S[at + FEE_DUE, i] = fee_due
            S[at + INTEREST_DUE, i] = interest_due
            S[at + ARREARS, i] = x[p, X_AFTER]


@njit(forceinline=True)
def spend(S, i, x, F, word, need, model, g, economy, segment, spending, roll_state, month_levers):
    """Step 9, line: wanted spending goes on the line up to what is free; what does not fit is paid in cash."""
    if month_levers[LINE, V_NEW_CREDIT] == 1:
        multiplier = i8(spending[segment, u8(word) & u8(QUANTILES - 1)])
        if model == 0:
            wanted = mul_q16(mul_q16(i8(S[SPEND, i]), economy[M_INCOME_INDEX]), multiplier)
            if S[EMPLOYED, i] == 0:
                wanted = mul_q31(wanted, g[G_SPEND_UNEMPLOYED])
            wanted += need
        else:
            wanted = mul_q16(
                mul_q16(i8(S[SPEND, i]), roll_state[segment, LINE, S[LINE_AT + STATE, i], ROLL_SPEND]), multiplier
            )
        days, balance = x[LINE, X_DAYS], i8(S[LINE_AT + BALANCE, i])
        on_line = i8(0)
        if (
            S[LINE_AT + STATUS, i] == ACTIVE
            and days < month_levers[LINE, V_FREEZE_DAYS]
            and days < month_levers[LINE, V_CLOSE_DAYS]
            and x[LINE, X_EXIT] == 0
        ):
            on_line = min(wanted, max(i8(S[LINE_AT + LIMIT, i]) - balance, i8(0)))
            S[LINE_AT + BALANCE, i] = balance + on_line
            F[LINE, F_NEW_CREDIT] += on_line
            x[LINE, X_CASH] -= on_line
        if model == 0:
            buffer = i8(S[LIQUIDITY, i])
            S[LIQUIDITY, i] = buffer - min(wanted - on_line, max(buffer, i8(0)))
    if x[LINE, X_OPEN] == 1 and x[LINE, X_BILL] == 0 and S[LINE_AT + BALANCE, i] <= 0:
        F[LINE, F_N_IDLE] += 1


@njit(forceinline=True)
def lend(S, i, F, vintage, ticket, term, rate, model, terms, segment, loan_terms, quantile):
    """Step 9, loan: lend what a word of the ticket says to who asks; return 1, or 0 where that comes to nothing."""
    at = LOAN_AT
    amount = min(i8(quantile[segment, Q_TICKET, u8(u4(ticket) >> u4(22))]), i8(S[at + LIMIT, i]))
    amount -= amount % terms[LOAN, P_DRAW_STEP]
    if amount <= 0:
        return i8(0)
    u, t = i8(term) >> 1, u8(0)
    for k in range(MAX_TERMS - 1):
        t += u8(u >= loan_terms[segment, u8(k), TERM_CUMULATIVE])
    interest = mul_q31(amount, rate)
    S[at + BALANCE, i] = amount + interest
    S[at + INTEREST_DUE, i] = interest
    S[at + INSTALMENT, i] = mul_q31(amount, loan_terms[segment, t, TERM_INSTALMENT])
    S[at + MONTHS_LEFT, i] = loan_terms[segment, t, TERM_MONTHS]
    S[at + EVER, i] = 0
    S[at + CLEAN, i] = 0
    S[at + STATE, i] = 0
    S[at + OBSERVED, i] = 0
    S[at + MARKS, i] = GRANTED_SINCE
    F[LOAN, F_NEW_CREDIT] += amount
    F[LOAN, F_INTEREST] += interest
    F[LOAN, F_N_GRANTED] += 1
    vintage[LOAN, W_N_GRANTED] += 1
    if model == 0:
        S[LIQUIDITY, i] = i8(S[LIQUIDITY, i]) + mul_q31(amount, terms[LOAN, P_KEPT])
    return i8(1)


@njit(forceinline=True)
def draw_loan(S, i, x, F, vintage, wish, ticket, term, model, terms, segment, loan_terms, quantile, month_levers):
    """Step 9, loan: a new loan, if none is open, one is wanted, and nothing is overdue on the line."""
    if (
        month_levers[LOAN, V_NEW_CREDIT] == 1
        and S[LOAN_AT + STATUS, i] == ACTIVE
        and x[LOAN, X_OPEN] == 0
        and x[LINE, X_TO] == 0
        and not (is_open(S[LINE_AT + STATUS, i]) and S[LINE_AT + PLAN_LEFT, i] > 0)
        and (i8(wish) >> 1) < terms[LOAN, P_DRAW]
    ):
        x[LOAN, X_NEW] = lend(
            S, i, F, vintage, ticket, term, x[LOAN, X_RATE], model, terms, segment, loan_terms, quantile
        )  # fmt: skip


@njit(forceinline=True)
def is_calm(S, i, x, months):
    """Return whether steps 10 and 11 have nothing to do but to age a report: most who forgot and paid a little late."""
    calm = True
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        status, days = S[at + STATUS, i], x[p, X_DAYS]
        rules = days >= months[p, V_CLOSE_DAYS] or days >= months[p, V_REPORT_DAYS]
        repaid = p == LOAN and x[p, X_OPEN] == 1 and S[at + BALANCE, i] == 0
        moves = x[p, X_TO] != 0 or x[p, X_EXIT] != 0 or x[p, X_PLAN] != 0 or rules or repaid
        calm = calm and not moves and (status == ACTIVE or status <= DECLINED or status >= SOLD)
    return calm


@njit(forceinline=True)
def close_accounts(S, i, x, F, months):
    """Step 10 (a): close the account that is late, and the borrower's other one where the lender says so."""
    for p in range(x[LINE, X_PRODUCTS]):
        status = S[N_BORROWER + p * N_ACCOUNT + STATUS, i]
        if (status == ACTIVE or status == FROZEN) and x[p, X_EXIT] == 0 and x[p, X_DAYS] >= months[p, V_CLOSE_DAYS]:
            x[p, X_CLOSED] = 1
    good = 1 if S[QUALITY, i] >= 8 else 0
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        other = N_BORROWER + (1 - p) * N_ACCOUNT
        if x[p, X_CLOSED]:
            cause = i8(S[at + CAUSE, i])
            if cause == UNKNOWN:
                cause = x[p, X_REASON]
            S[at + STATUS, i] = CLOSED
            S[at + LIMIT, i] = 0
            F[p, F_N_CLOSURES_BY + cause] += 1
            F[p, F_N_CLOSURES_GOOD_BY + cause] += good
            crosses = months[p, V_CROSS] == 1 and x[1 - p, X_CLOSED] == 0 and x[1 - p, X_EXIT] == 0
            if crosses and (S[other + STATUS, i] == ACTIVE or S[other + STATUS, i] == FROZEN):
                S[other + STATUS, i] = CLOSED
                S[other + LIMIT, i] = 0
                F[1 - p, F_N_CLOSURES_BY + cause] += 1
                F[1 - p, F_N_CLOSURES_GOOD_BY + cause] += good


@njit(forceinline=True)
def restrict(S, i, x, F, was_closed, months, stages, p):
    """Step 10 (b) to (d): how a plan ended, freeze and thaw, limits cut by stage."""
    at = N_BORROWER + p * N_ACCOUNT
    to = x[p, X_TO]
    if x[p, X_PLAN]:
        over = S[at + PLAN_LEFT, i] == 0 or S[at + BALANCE, i] <= 0
        if to >= 2 or (over and to > 0):
            F[p, F_N_PLANS_BROKEN] += 1
            S[at + PLAN_LEFT, i] = 0
        elif over:
            F[p, F_N_PLANS_KEPT] += 1
            S[at + PLAN_LEFT, i] = 0
    status = S[at + STATUS, i]
    if status == ACTIVE and to > 0 and x[p, X_DAYS] >= months[p, V_FREEZE_DAYS]:
        S[at + STATUS, i] = FROZEN
    elif status == FROZEN and to == 0 and S[at + PLAN_LEFT, i] == 0:
        S[at + STATUS, i] = ACTIVE
    if status != CLOSED and not was_closed:
        limit = i8(S[at + LIMIT, i])
        cut = limit
        for b in range(i8(S[at + BUCKET, i]) + 1, to + 1):
            keep = stages[p, b, S_LIMIT_KEEP]
            if keep < ONE:
                cut = max(mul_q31(cut, keep), min(cut, months[p, V_LIMIT_FLOOR]))
        if cut < limit:
            S[at + LIMIT, i] = cut
            F[p, F_N_LIMIT_CUT] += 1


@njit(forceinline=True)
def offer_plan(S, i, x, F, word, months, p):
    """Step 10 (e): who could not pay may take a plan: part forgiven, equal parts of the rest, current again."""
    at = N_BORROWER + p * N_ACCOUNT
    balance, reason = i8(S[at + BALANCE, i]), x[p, X_REASON]
    if (
        x[p, X_OPEN] == 1
        and balance > 0
        and x[p, X_PLAN] == 0
        and x[p, X_PAID] < x[p, X_OWED]
        and (reason == SHORT or reason == CANNOT)
        and x[p, X_TO] >= months[p, V_PLAN_BUCKET]
        and (i8(word) >> 1) < months[p, V_PLAN_CHANCE]
    ):
        n = months[p, V_PLAN_MONTHS]
        forgiven = mul_q31(balance, months[p, V_PLAN_FORGIVE])
        fee_due, interest_due = i8(S[at + FEE_DUE, i]), i8(S[at + INTEREST_DUE, i])
        off_fees = min(fee_due, forgiven)
        off_interest = min(interest_due, forgiven - off_fees)
        balance -= forgiven
        S[at + FEE_DUE, i] = fee_due - off_fees
        S[at + INTEREST_DUE, i] = interest_due - off_interest
        S[at + BALANCE, i] = balance
        S[at + ARREARS, i] = 0
        S[at + CAUSE, i] = UNKNOWN
        S[at + MARKS, i] = watched(i8(S[at + MARKS, i]))
        S[at + PLAN_LEFT, i] = n
        S[at + INSTALMENT, i] = (balance + n - 1) // n
        if p == LOAN:
            S[at + MONTHS_LEFT, i] = n
        if S[at + STATUS, i] == ACTIVE:
            S[at + STATUS, i] = FROZEN
        x[p, X_TO] = 0
        x[p, X_AFTER] = 0
        x[p, X_FORGIVEN] = forgiven
        F[p, F_FORGIVEN] += forgiven
        F[p, F_N_PLANS] += 1


@njit(forceinline=True)
def let_go(S, i, x, F, month, p):
    """Step 10 (f): closed accounts with nothing owed, and repaid loans, leave."""
    at = N_BORROWER + p * N_ACCOUNT
    status, balance = S[at + STATUS, i], i8(S[at + BALANCE, i])
    if p == LINE:
        if x[p, X_EXIT] == EXIT_PAID_OFF:
            leave(S, i, at, TERMINATED)
            F[p, F_PAID] += balance  # what a credit balance gets back
            x[p, X_CASH] += balance
            S[at + BALANCE, i] = 0
            F[p, F_N_PAID_OFF] += 1
            x[p, X_LEFT] = TO_PAID_OFF
        elif status == CLOSED and balance <= 0 and x[p, X_EXIT] == 0:
            leave(S, i, at, CLOSED_SETTLED)
            F[p, F_PAID] += balance
            x[p, X_CASH] += balance
            S[at + BALANCE, i] = 0
            S[at + AGE, i] = month
            F[p, F_N_CLOSED_AT_ZERO] += 1
            x[p, X_LEFT] = TO_CLOSED_AT_ZERO
    else:
        if x[p, X_OPEN] == 1 and balance == 0:
            S[at + ARREARS, i] = 0
            S[at + CAUSE, i] = 0
            S[at + INTEREST_DUE, i] = 0
            S[at + FEE_DUE, i] = 0
            S[at + INSTALMENT, i] = 0
            S[at + MONTHS_LEFT, i] = 0
            S[at + PLAN_LEFT, i] = 0
            S[at + STATE, i] = 0
            x[p, X_TO] = 0
            F[p, F_N_PAID_OFF] += 1
            x[p, X_LEFT] = TO_PAID_OFF
        if status == CLOSED and balance == 0:
            leave(S, i, at, CLOSED_SETTLED)
            S[at + AGE, i] = month


@njit(forceinline=True)
def act(S, i, x, F, line_word, loan_word, month, model, months, stages):
    """Step 10: what the lender does with accounts that are not written off; who is reported to the bureau."""
    close_accounts(S, i, x, F, months)
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        x[p, X_WORST], x[p, X_CAUSE] = x[p, X_TO], S[at + CAUSE, i]
        if is_open(S[at + STATUS, i]):
            if x[p, X_EXIT] == 0:
                restrict(S, i, x, F, x[p, X_CLOSED] == 1, months, stages, p)
                if model == 0:
                    offer_plan(S, i, x, F, line_word if p == LINE else loan_word, months, p)
            let_go(S, i, x, F, month, p)
    lasts, first = i8(0), i8(-1)
    for p in range(x[LINE, X_PRODUCTS]):
        if x[p, X_OPEN] == 1 and x[p, X_EXIT] == 0 and x[p, X_DAYS] >= months[p, V_REPORT_DAYS]:
            lasts = max(lasts, months[p, V_REPORT_MONTHS])
            if first < 0:
                first = i8(p)
    if first >= 0:
        if S[REPORTED, i] == 0:
            F[first, F_N_REPORTED] += 1
        S[REPORTED, i] = lasts
    else:
        S[REPORTED, i] = max(i8(S[REPORTED, i]) - 1, i8(0))


@njit(forceinline=True)
def leave(S, i, at, status):
    """Give an account its last status and clear what only an open account has."""
    S[at + STATUS, i] = status
    S[at + LIMIT, i] = 0
    S[at + ARREARS, i] = 0
    S[at + INTEREST_DUE, i] = 0
    S[at + FEE_DUE, i] = 0


@njit(forceinline=True)
def sale_price(stage_price, factor, balance, months, p):
    """Return the price as a share (q31), at most 1: the table's, times the economy's factor and the balance band's."""
    band = 0
    for k in range(3):
        band += balance > months[p, V_SALE_BAND + k]
    return min(mul_q16(mul_q16(stage_price, factor), months[p, V_SALE_FACTOR + band]), i8(ONE))


@njit(forceinline=True)
def note_worst(S, i, p, worst, loses, balance, F, vintage, ratings, since_observed, claim):
    """Step 11: an account's worst bucket so far, what counts the first time it is reached or it `loses`; a claim."""
    at = N_BORROWER + p * N_ACCOUNT
    ever, marks, bucket = i8(S[at + EVER, i]), i8(S[at + MARKS, i]), i8(S[at + BUCKET, i])
    if worst >= 1 and ever < 1:
        F[p, F_N_FIRST_30] += 1
    if claim < NEVER and marks & CLAIMED == 0 and (loses or (worst >= claim and bucket < claim)):
        F[p, F_CLAIMABLE] += balance
        marks |= CLAIMED
    if worst >= 3 and ever < 3:
        F[p, F_N_DEFAULT] += 1
        F[p, F_DEFAULT_BALANCE] += balance
        if marks & GRANTED_SINCE:
            F[p, F_N_DEFAULT_GRANTED] += 1
        marks = (marks & i8(~GRANTED_SINCE)) | IN_WORKOUT
        vintage[p, W_N_DEFAULT] += 1
        observed = i8(S[at + OBSERVED, i])
        if observed > 0 and since_observed <= 12:
            ratings[p, RATING_GRADE, observed - 1, 1] += 1
            ratings[p, RATING_SCORE, band_of(i8(S[SCORE, i])), 1] += 1
    elif worst >= 3 and marks & (OPENED_IN_DEFAULT | IN_WORKOUT) == 0:  # again, after a cure: as if lent anew
        F[p, F_WORKOUT_CASH] -= balance
        marks |= IN_WORKOUT
    S[at + EVER, i] = max(worst, ever)
    S[at + MARKS, i] = marks


@njit(forceinline=True)
def lose(S, i, x, F, vintage, ratings, since_observed, economy, month_levers, stage_levers):
    """Step 11, open accounts: first default, what is forgiven, write-off, sale from the open book.

    Any loss before bucket 3 is a default too: Regulation (EU) 575/2013, article 178(3).
    """
    for p in range(x[LINE, X_PRODUCTS]):
        at, stays, forgiven = N_BORROWER + p * N_ACCOUNT, x[p, X_LEFT] == 0, x[p, X_FORGIVEN]
        if (x[p, X_OPEN] == 1 or x[p, X_NEW] == 1) and (stays or forgiven > 0):
            to, balance = x[p, X_TO], i8(S[at + BALANCE, i])
            by_matrix = x[p, X_EXIT] == EXIT_WRITTEN_OFF
            if by_matrix and balance < 0:
                F[p, F_PAID] += balance
                x[p, X_CASH] += balance
                balance = i8(0)
            writes_off = by_matrix or (stays and balance > 0 and to >= month_levers[p, V_WRITE_OFF])
            sells = stays and not writes_off and balance > 0 and to >= month_levers[p, V_SELL_OPEN]
            proceeds = i8(0)
            if sells:
                stage_price, factor = stage_levers[p, to, S_SALE_PRICE], economy[M_PRICE_FACTOR]
                proceeds = mul_q31(balance, sale_price(stage_price, factor, balance, month_levers, p))
            loses = forgiven > 0 or writes_off or (sells and proceeds < balance)
            if loses:
                x[p, X_WORST] = max(x[p, X_WORST], i8(3))
            note_worst(
                S, i, p, x[p, X_WORST], loses, balance + forgiven, F, vintage, ratings, since_observed,
                month_levers[p, V_CLAIM],
            )  # fmt: skip
            cause, marks = i8(S[at + CAUSE, i]), i8(S[at + MARKS, i])
            if forgiven > 0:
                book_loss(F[p], marks, x[p, X_CAUSE], forgiven)
            if writes_off:
                F[p, F_WRITTEN_OFF] += balance
                F[p, F_WRITTEN_OFF_INTEREST] += i8(S[at + INTEREST_DUE, i])
                F[p, F_WRITTEN_OFF_FEES] += i8(S[at + FEE_DUE, i])
                F[p, F_N_WRITTEN_OFF] += 1
                book_loss(F[p], marks, cause, balance)
                vintage[p, W_WRITTEN_OFF] += balance
                leave(S, i, at, WRITTEN_OFF)
                S[at + BALANCE, i] = balance
                S[at + AGE, i] = 0
                if month_levers[p, V_PARTNER] == 1:
                    S[at + MARKS, i] = marks | BORNE
                x[p, X_LEFT] = TO_WRITTEN_OFF
                x[p, X_LEFT_BALANCE] = balance
            elif sells:
                F[p, F_SOLD_OPEN] += balance
                F[p, F_SOLD_OPEN_PROCEEDS] += proceeds
                F[p, F_N_SOLD_OPEN] += 1
                if marks & IN_WORKOUT:
                    F[p, F_WORKOUT_CASH] += proceeds
                book_loss(F[p], marks, cause, balance - proceeds)
                leave(S, i, at, SOLD)
                S[at + BALANCE, i] = 0
                S[at + AGE, i] = 0
                x[p, X_LEFT] = TO_SOLD
                x[p, X_LEFT_BALANCE] = balance


@njit(forceinline=True)
def recover(S, i, x, F, line_word, loan_word, economy, month_levers, stage_levers):
    """Step 11, written-off accounts: sale, expiry, recovery."""
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        if S[at + STATUS, i] == WRITTEN_OFF:
            months = i8(S[at + AGE, i])
            if x[p, X_BOOK]:
                months = min(months + 1, i8(1000))
                S[at + AGE, i] = months
            stage = age_stage(months)
            balance, cause, marks = i8(S[at + BALANCE, i]), i8(S[at + CAUSE, i]), i8(S[at + MARKS, i])
            if months >= month_levers[p, V_SELL_WRITTEN_OFF]:
                stage_price, factor = stage_levers[p, stage, S_SALE_PRICE], economy[M_PRICE_FACTOR]
                proceeds = mul_q31(balance, sale_price(stage_price, factor, balance, month_levers, p))
                F[p, F_SOLD_WRITTEN_OFF] += balance
                F[p, F_SOLD_WRITTEN_OFF_PROCEEDS] += proceeds
                F[p, F_N_SOLD_WRITTEN_OFF] += 1
                book_back(F[p], marks, cause, proceeds, i8(0))
                S[at + STATUS, i] = SOLD
                S[at + BALANCE, i] = 0
            elif months >= month_levers[p, V_EXPIRE]:
                F[p, F_EXPIRED] += balance
                F[p, F_N_EXPIRED] += 1
                S[at + STATUS, i] = TERMINATED
                S[at + BALANCE, i] = 0
            else:
                if months >= 1:
                    cost = stage_levers[p, stage, S_RECOVERY_COST]
                    F[p, F_RECOVERY_COST] += cost
                    if marks & IN_WORKOUT:
                        F[p, F_WORKOUT_CASH] -= cost
                    if (i8(line_word if p == LINE else loan_word) >> 1) < stage_levers[p, stage, S_RECOVER_CHANCE]:
                        recovered = mul_q31(balance, stage_levers[p, stage, S_RECOVER_SHARE])
                        commission = mul_q31(recovered, stage_levers[p, stage, S_COMMISSION])
                        F[p, F_RECOVERED] += recovered
                        F[p, F_COMMISSION] += commission
                        book_back(F[p], marks, cause, recovered, commission)
                        balance -= recovered
                        S[at + BALANCE, i] = balance
                if balance == 0:
                    S[at + STATUS, i] = TERMINATED


@njit(forceinline=True)
def work_written_off(S, i, V, word, n_products, F, economy, month_levers, stage_levers):
    """Steps 11 and 12 for the written-off accounts of a borrower whose open accounts have had their month."""
    x = stack_steps()
    x[LINE, X_PRODUCTS] = n_products
    for p in range(N_PRODUCT):
        x[p, X_BOOK] = 1
    recover(S, i, x, F, V[U_RECOVERY, word], V[U_RECOVERY + LOAN, word], economy, month_levers, stage_levers)
    for p in range(n_products):
        at = N_BORROWER + p * N_ACCOUNT
        if S[at + STATUS, i] == WRITTEN_OFF:
            F[p, F_N_WRITTEN_OFF_BOOK] += 1
            F[p, F_BALANCE_WRITTEN_OFF_BOOK] += i8(S[at + BALANCE, i])


@njit(forceinline=True)
def rate_of_new_loan(S, i, rates):
    """Return the interest rate (q31) of a loan to be drawn: `people.grade_of` in bucket 0; `rates` by grade."""
    clean = S[LOAN_AT + CLEAN, i]
    return i8(rates[u8(clean < 12) + u8(clean < 6) + u8(clean < 3)])


@njit(forceinline=True)
def add_loan(S, i, F, rolls, vintage, ticket, term, rates, cap, terms, segment, loan_terms, quantile):
    """Steps 9 and 12 for a new loan of a borrower whose month is over but for it, his buffer within its `cap`."""
    rate = rate_of_new_loan(S, i, rates)
    if lend(S, i, F, vintage, ticket, term, rate, 0, terms, segment, loan_terms, quantile):
        S[LIQUIDITY, i] = min(S[LIQUIDITY, i], cap)
        balance = i8(S[LOAN_AT + BALANCE, i])
        book_open(F[LOAN], vintage[LOAN], i8(0), i8(UNKNOWN), balance)
        book_roll(rolls[LOAN], ARRIVED, 0, balance)


@njit(forceinline=True)
def close_month(S, i, x, F, rolls, vintage):
    """Step 12: buckets, the roll matrix and the stocks at the end of the month."""
    for p in range(x[LINE, X_PRODUCTS]):
        at = N_BORROWER + p * N_ACCOUNT
        if x[p, X_OPEN] or x[p, X_NEW]:
            row, to = ARRIVED if x[p, X_NEW] else x[p, X_FROM], x[p, X_TO]
            if x[p, X_FORGIVEN] > 0:
                rolls[p, row, TO_FORGIVEN, 1] += x[p, X_FORGIVEN]
            if x[p, X_WORKOUT]:
                F[p, F_WORKOUT_CASH] += x[p, X_CASH]
            if x[p, X_LEFT] == 0:
                balance, marks = i8(S[at + BALANCE, i]), i8(S[at + MARKS, i])
                worst = max(x[p, X_WORST], i8(S[at + BUCKET, i]))
                book_roll(rolls[p], row, to, balance)
                S[at + MARKS, i] = next_marks(F[p], marks, worst, to, balance)
                S[at + BUCKET, i] = to
            else:
                book_roll(rolls[p], row, x[p, X_LEFT], x[p, X_LEFT_BALANCE])
                if x[p, X_LEFT] == TO_PAID_OFF and p == LOAN:
                    S[at + BUCKET, i] = 0
                    S[at + MARKS, i] &= FOLLOWED - 1
    book_stocks(S, i, F, vintage)


@njit(forceinline=True)
def end_month(
    S, i, x, F, rolls, vintage, ratings, line_plan, loan_plan, line_recovery, loan_recovery, month, model,
    since_observed, economy, months, stages,
):  # fmt: skip
    """Steps 10 to 12 for anybody: what the lender does, what is lost and recovered, the stocks of the month."""
    act(S, i, x, F, line_plan, loan_plan, month, model, months, stages)
    lose(S, i, x, F, vintage, ratings, since_observed, economy, months, stages)
    recover(S, i, x, F, line_recovery, loan_recovery, economy, months, stages)
    close_month(S, i, x, F, rolls, vintage)


@njit(forceinline=True)
def row_from(p, row, bucket):
    """Return the row of the roll matrix that an account comes from: its bucket, or `row` for a line that arrives."""
    return row if p == LINE and row > 0 else i8(bucket)


@njit(forceinline=True)
def tell(S, i, x, p, products, row, bill, owed, paid, reason, to, days, cash):
    """Set what `draw_loan` and `end_month` ask of a product whose steps 5 to 8 were taken elsewhere."""
    at = N_BORROWER + p * N_ACCOUNT
    for k in range(N_X):
        x[p, k] = 0
    status = S[at + STATUS, i]
    x[p, X_OPEN] = 1 if is_open(status) and (p == LINE or bill > 0) else 0
    x[p, X_BOOK] = 1 if status == WRITTEN_OFF else 0
    x[p, X_FROM] = row_from(p, row, S[at + BUCKET, i])
    x[p, X_BILL], x[p, X_OWED], x[p, X_PAID], x[p, X_REASON] = bill, owed, paid, reason
    x[p, X_TO], x[p, X_DAYS] = to, days
    x[p, X_WORKOUT], x[p, X_CASH] = 1 if S[at + MARKS, i] & IN_WORKOUT else 0, cash
    if p == LINE:
        x[LINE, X_PRODUCTS] = products


@njit(inside=True, cache=CACHED)
def live(
    S, V, few, n_few, n_products, month, entry, segment, tables, g, terms, late, economy,
    thresholds, months, stages, ladder, F, rolls, vintage, ratings,
):  # fmt: skip
    """Live one month of the borrowers in lanes few[0..n_few-1] of the tile `S`, who hold `n_products` at most.

    `V` uint32[name, k]: the words of the borrower in lane few[k], those that anybody may need. `g`, `terms`, `late`:
    the segment's scalars, [product, ...] terms and late charges. `months` and `stages`: the levers of the month.
    `F`, `rolls`, `vintage` and `ratings`: the sums of the month, [product, ...].
    """
    x = stack_steps()  # no store to a sum can touch it, as LLVM knows: what is in it need not be read again
    model = g[G_MODEL]
    curve, alert, in_month, spending = tables.sigmoid, tables.alert, tables.in_month, tables.spending
    by_bucket, by_cause = tables.will_not_bucket, tables.will_not_cause
    by_burden, by_quality = tables.will_not_burden, tables.will_not_quality
    job_loss_quality, roll_state = tables.job_loss_quality, tables.roll_state
    loan_terms, quantile = tables.terms, tables.quantile
    for k in range(n_few):
        i, word = u8(few[u8(k)]), u8(k)  # unsigned, or every look at the state would first ask whether it is below 0
        line_decision, loan_decision = V[U_LINE_DECISION, word], V[U_LOAN_DECISION, word]
        line_recovery, loan_recovery = V[U_RECOVERY, word], V[U_RECOVERY + LOAN, word]
        pay, need = i8(0), i8(0)
        open_month(S, i, x, entry == month, n_products)
        price(S, i, x, terms, months)
        fall_due(S, i, x, terms, months)
        if model == 0:
            pay = mul_q16(i8(S[INCOME, i]), economy[M_INCOME_INDEX])
            need = earn(S, i, V[U_JOB, word], pay, g, economy, segment, job_loss_quality)
            decide(
                S, i, x, line_decision, loan_decision, pay, g, terms, economy, segment, months, stages,
                curve, by_bucket, by_cause, by_burden, by_quality, alert,
            )  # fmt: skip
            remind(S, i, x, F, months)
            pay_dues(S, i, x, F, g)
        else:
            roll(S, i, x, line_decision, loan_decision, segment, roll_state, thresholds)
        if model == 0:
            collect_in_month(
                S, i, x, F, V[U_IN_MONTH, word], V[U_IN_MONTH + LOAN, word], V[U_SERVED, word],
                V[U_SERVED + LOAN, word], pay, g, segment, in_month, ladder, months,
            )  # fmt: skip
            age(S, i, x, terms)
        work_open(S, i, x, F, line_recovery, loan_recovery, stages)
        settle(S, i, x, F, terms, late)
        spend(S, i, x, F, V[U_WISH, word], need, model, g, economy, segment, spending, roll_state, months)
        draw_loan(
            S, i, x, F, vintage, V[U_WISH, word], V[U_TICKET, word], V[U_TERM, word], model, terms, segment, loan_terms,
            quantile, months,
        )  # fmt: skip
        if model == 0:
            S[LIQUIDITY, i] = min(i8(S[LIQUIDITY, i]), mul_q16(pay, g[G_LIQUIDITY_CAP]))
            stay_alert(S, i, x)
        if is_calm(S, i, x, months):
            S[REPORTED, i] = max(i8(S[REPORTED, i]) - 1, i8(0))
            close_month(S, i, x, F, rolls, vintage)
            continue
        end_month(
            S, i, x, F, rolls, vintage, ratings, V[U_PLAN, word], V[U_PLAN + LOAN, word], line_recovery, loan_recovery,
            month, model, month - tables.observe_month, economy, months, stages,
        )  # fmt: skip

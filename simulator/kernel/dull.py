"""Those who pay on time, many at once: the month of docs/model.md for lanes where nothing goes wrong.

A lane is *dull* when its open accounts are current and active and every due is surely paid from the buffer at the due
date. What is written off is worked apart, and a new loan opened apart, whoever the borrower is. A dull lane gets the
same integers here as from `month.live`. Another lane is left as it was: for `brief` if its accounts are all current,
else for `month.live`.

Whether a due is paid takes a sigmoid and a memory, which are dear; here a bound on both decides. Who is beyond the
bound is left for `brief`, which knows exactly.
"""

import numpy as np

from .cache import njit
from .draws import MONTHS, counter, group, philox
from .fixed import sigmoid
from .lanes import (
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
    rate_of,
    repays,
    share_of,
    times,
    wants,
    works,
)
from .names import *  # noqa: F403  the vocabulary of the kernel
from .stack import stack_array

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

# ---- what a lane's months need of who he is: int32[name, lane], worked out when it changes -----------------
(
    D_INDEX,  # of the borrower, as uint32 bits
    D_JOB_LOSS,  # q31 of M_JOB_LOSS by his quality, as uint32 bits
    D_PAY,  # amounts of this month's income index, from here on
    D_BENEFIT,
    D_LIVING,
    D_LIVING_UNEMPLOYED,
    D_SHOCK,
    D_REPAY,
    D_CAP,
    D_SPEND,
) = range(10)
N_DERIVED = 10
stack_derived = stack_array(np.int32, N_DERIVED)

# ---- columns the loop leaves for the sums, zero where a lane is not dull ---------------------------
(
    O_TODO,  # 1: one of the next is
    O_LEFT,  # 1: left as it was
    O_WRITTEN_OFF,  # 1: has a written-off account
    O_CURRENT,  # 1: his open accounts are all current
    O_ASKS,  # 1: wants a new loan, and would get one
    O_OPEN,
    O_BALANCE,
    O_LIMIT,
    O_NEW_CREDIT,
    O_INTEREST,
    O_PAID,
    O_DUE,
    O_REMINDED,
    O_LOAN_OPEN,
    O_LOAN_BALANCE,
    O_LOAN_INTEREST,
    O_LOAN_PAID,
    O_LOAN_DUE,
    O_LOAN_REMINDED,
    O_LOAN_REPAID,
) = range(20)
stack_out = stack_array(np.int32, 20)
STEP = 16  # lanes of a few are padded to a multiple of this, so that no loop has a rest to do one by one
QUALITY_GROUPS = 4  # of four classes each, for the bound on who will not pay
MEMORY = (0, 4, 8, 16, 32)  # groups of months since the last forgotten due, for the bound on who forgets


@njit(forceinline=True)
def derive(S, D, n, income_index, g, job_loss_quality):
    """Fill the columns of `D` but the index, for a month's income index (q16)."""
    benefit, living_unemployed = g[G_BENEFIT], g[G_LIVING_UNEMPLOYED]
    shock_size, outside_repay, buffer_cap = g[G_SHOCK_SIZE], g[G_OUTSIDE_REPAY], g[G_BUFFER_CAP]
    for lane in range(n):
        i = u8(lane)
        pay, living = times(S[INCOME, i], income_index), times(S[LIVING, i], income_index)
        D[D_JOB_LOSS, i] = i4(job_loss_quality[u4(S[QUALITY, i]) & u4(15)])
        D[D_PAY, i] = pay
        D[D_BENEFIT, i] = share_of(pay, benefit)
        D[D_LIVING, i] = living
        D[D_LIVING_UNEMPLOYED, i] = share_of(living, living_unemployed)
        D[D_SHOCK, i] = times(pay, shock_size)
        D[D_REPAY, i] = share_of(pay, outside_repay)
        D[D_CAP, i] = times(pay, buffer_cap)
        D[D_SPEND, i] = times(S[SPEND, i], income_index)


@njit(forceinline=True)
def draw_words(W, D, n, slot, month, entry, replication, segment, k0, k1):
    """Fill the four rows of a slot of the month with each lane's words."""
    c1, c3, at = counter(month, entry, slot), group(segment, MONTHS), u8(4 * slot)
    for lane in range(n):
        i = u8(lane)
        w0, w1, w2, w3 = philox(u4(D[D_INDEX, i]), c1, replication, c3, k0, k1)
        W[at, i] = w0
        W[at + u8(1), i] = w1
        W[at + u8(2), i] = w2
        W[at + u8(3), i] = w3


@njit(forceinline=True)
def draw_listed(V, D, E, lanes, n, slot_from, slot_to, month, entry, replication, segment, k0, k1):
    """Fill the rows of slots `slot_from` to `slot_to` - 1 of V with the words of lanes[0..n-1]; E is working space."""
    for k in range(n):
        E[D_INDEX, u8(k)] = D[D_INDEX, u8(lanes[u8(k)])]
    padded = (n + STEP - 1) // STEP * STEP  # no rest to be drawn one by one
    for slot in range(slot_from, slot_to):
        draw_words(V, E, padded, slot, month, entry, replication, segment, k0, k1)


@njit(forceinline=True)
def worst_logits(worst, g, segment, by_bucket, by_cause, by_burden, by_quality):
    """Fill worst[group of four quality classes] with the largest log-odds (its own part) of refusing a current due."""
    own = i8(by_bucket[segment, 0]) + i8(by_cause[segment, 0]) + max(g[G_WILL_NOT_REPORTED], 0)
    burden = i8(by_burden[segment, 0])
    for k in range(1, 8):
        burden = max(burden, i8(by_burden[segment, k]))
    for k in range(QUALITY_GROUPS):
        quality = i8(by_quality[segment, 4 * k])
        for one in range(1, 4):
            quality = max(quality, i8(by_quality[segment, 4 * k + one]))
        worst[k] = own + burden + quality


@njit(forceinline=True)
def least_alert(memory, alert):
    """Fill memory[group of MEMORY] with the largest share (q31) of FORGET that is left in its months."""
    for k in range(4):
        most = alert[MEMORY[k]]
        for months in range(MEMORY[k], MEMORY[k + 1]):
            most = max(most, alert[months])
        memory[k] = most


@njit(forceinline=True)
def most_unwilling(bound, worst, g, terms, economy, months, curve):
    """Fill bound[product * QUALITY_GROUPS + group] with the largest chance (q31) of not being willing to pay."""
    for p in range(N_PRODUCT):
        logit = g[G_WILL_NOT_BASE] + terms[p, P_WILL_NOT] + economy[M_WILL_NOT] + months[p, V_WILL_NOT]
        for k in range(QUALITY_GROUPS):
            bound[p * QUALITY_GROUPS + k] = sigmoid(curve, logit + worst[k])


@njit(forceinline=True)
def rate_steps(rates):
    """Return the first of four numbers (rates of grades A to D) and the steps to the next, wrapping as uint32 does."""
    return rates[0], u4(rates[1] - rates[0]), u4(rates[2] - rates[1]), u4(rates[3] - rates[2])


@njit(forceinline=True)
def surely_pays(u, quality, q0, q1, q2, q3, forgets):
    """Return whether a decision word >> 1 means payment under the bounds: q by quality group, `forgets` (q31)."""
    unwilling = u4(q0 + (u4(q1 - q0) & u4(mask_of(quality >= i4(4)))))
    unwilling = u4(unwilling + (u4(q2 - q1) & u4(mask_of(quality >= i4(8)))))
    unwilling = u4(unwilling + (u4(q3 - q2) & u4(mask_of(quality >= i4(12)))))
    return (u >= unwilling) & (u < u4(u4(ONE) - u4(forgets)))


@njit(forceinline=True)
def pay_on_time(
    S, D, W, out, n, g, line, loan, economy, months, forget_keep_line, forget_keep_loan, has_loans,
    spending, bound, memory, rates, loan_rates,
):  # fmt: skip
    """Steps 4 to 12 of the structural month for every dull lane; `out` says what to sum and who is left."""
    one = u4(ONE)
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from = u4(ONE - economy[M_EXPENSE_SHOCK])
    revolver_share, spend_unemployed = u4(g[G_REVOLVER_SHARE]), u4(g[G_SPEND_UNEMPLOYED])
    floor, draw_chance = i4(line[P_MIN_FLOOR]), u4(loan[P_DRAW])
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    enrolled = u4(max(g[G_AUTOPAY], months[LINE, V_AUTOPAY]))
    loan_enrolled = u4(max(g[G_AUTOPAY], months[LOAN, V_AUTOPAY]))
    line_keep, loan_keep = u4(forget_keep_line), u4(forget_keep_loan)
    new_line_credit = months[LINE, V_NEW_CREDIT] == 1
    new_loan_credit = months[LOAN, V_NEW_CREDIT] == 1
    line_reach, loan_reach = u4(months[LINE, V_REACH]), u4(months[LOAN, V_REACH])
    q0, q1, q2, q3 = bound[0], bound[1], bound[2], bound[3]
    p0, p1, p2, p3 = bound[4], bound[5], bound[6], bound[7]
    fresh, to_4, to_8, to_16 = rate_steps(memory)
    best, to_b, to_c, to_d = rate_steps(rates)
    loan_best, loan_to_b, loan_to_c, loan_to_d = rate_steps(loan_rates)
    for lane in range(n):
        i = u8(lane)
        # who may be dull at all
        status, balance = S[LINE_AT + STATUS, i], S[LINE_AT + BALANCE, i]
        line_held, written_off = is_held(status), status == i4(WRITTEN_OFF)
        line_current = (status == i4(ACTIVE)) & ((S[LINE_AT + BUCKET, i] | S[LINE_AT + ARREARS, i]) == i4(0))
        current, loan_held, asks = line_current | ~line_held, False, False
        if has_loans:
            loan_status, loan_balance = S[LOAN_AT + STATUS, i], S[LOAN_AT + BALANCE, i]
            loan_held = is_held(loan_status)
            written_off = written_off | (loan_status == i4(WRITTEN_OFF))
            trouble = S[LOAN_AT + BUCKET, i] | S[LOAN_AT + ARREARS, i] | S[LOAN_AT + PLAN_LEFT, i]
            loan_current = (loan_status == i4(ACTIVE)) & (trouble == i4(0))
            current = current & (loan_current | ~loan_held)
        lives = line_held | loan_held | written_off
        may = current & lives

        # 4. job and income
        u = half(W[U_JOB, i])
        employed = works(u, S[EMPLOYED, i] == i4(1), job_loss, u4(D[D_JOB_LOSS, i]), job_find)
        cash = cash_of(
            S[BUFFER, i], D[D_PAY, i], D[D_BENEFIT, i], D[D_LIVING, i], D[D_LIVING_UNEMPLOYED, i], D[D_SHOCK, i],
            employed, u >= shock_from,
        )  # fmt: skip
        need = max(i4(-cash), i4(0))
        buffer, outside = max(cash, i4(0)), S[OUTSIDE, i]
        back = repays(buffer, outside, S[OUTSIDE_MAX, i], D[D_REPAY, i])
        outside = i4(outside + back)
        buffer = i4(buffer - back)

        # 5. due date
        bill = only(line_current, max(balance, i4(0)))
        owed = line_due(bill, floor, min_share)
        loan_bill, loan_owed, months_left = i4(0), i4(0), i4(0)
        if has_loans:
            loan_bill = only(loan_current, loan_balance)
            months_left = S[LOAN_AT + MONTHS_LEFT, i]
            loan_owed = loan_due(loan_bill, S[LOAN_AT + INSTALMENT, i], months_left)
        quality, autopay, reach = S[QUALITY, i], u4(S[AUTOPAY, i]), u4(S[REACH, i])
        since = S[ALERT, i]
        left = rate_of(since >= i4(4), since >= i4(8), since >= i4(16), fresh, to_4, to_8, to_16)
        reached, manual = reach < line_reach, share_of(S[FORGET, i], left)
        forgets = only(autopay >= enrolled, share_of(manual, pick(mask_of(reached), line_keep, one)))
        may = may & (surely_pays(half(W[U_LINE_DECISION, i]), quality, q0, q1, q2, q3, forgets) | (bill == i4(0)))
        loan_reached = reach < loan_reach
        if has_loans:
            forgets = only(autopay >= loan_enrolled, share_of(manual, pick(mask_of(loan_reached), loan_keep, one)))
            may = may & (
                surely_pays(half(W[U_LOAN_DECISION, i]), quality, p0, p1, p2, p3, forgets) | (loan_bill == i4(0))
            )
            asks = current & (loan_status == i4(ACTIVE)) & (loan_balance == i4(0)) & new_loan_credit
            asks = asks & (half(W[U_WISH, i]) < draw_chance)
        may = may & (buffer >= i4(owed + loan_owed))
        buffer = i4(buffer - owed - loan_owed)
        extra = extra_of(S[FULL_PAYER, i], i4(bill - owed), revolver_share, buffer)
        buffer = i4(buffer - extra)
        paid = i4(owed + extra)

        # 8. interest
        fee_due, interest_due = S[LINE_AT + FEE_DUE, i], S[LINE_AT + INTEREST_DUE, i]
        to_fees = min(fee_due, paid)
        clean, limit = S[LINE_AT + CLEAN, i], S[LINE_AT + LIMIT, i]
        interest = share_of(i4(bill - paid), line_rate(clean, balance, limit, best, to_b, to_c, to_d))
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        balance = i4(i4(balance - paid) + interest)

        # 9. spending
        wanted = wants(
            D[D_SPEND, i], spending[W[U_WISH, i] & u4(QUANTILES - 1)], employed, spend_unemployed, need, new_line_credit
        )
        on_line = only(line_current, min(wanted, max(i4(limit - balance), i4(0))))
        balance = i4(balance + on_line)
        buffer = i4(buffer - min(i4(wanted - on_line), max(buffer, i4(0))))
        buffer = min(buffer, D[D_CAP, i])

        # the lane, and what it adds
        line_dull = may & line_current
        may_mask, line_dull_mask = mask_of(may), mask_of(line_dull)
        S[EMPLOYED, i] = pick(may_mask, i4(employed), S[EMPLOYED, i])
        S[OUTSIDE, i] = pick(may_mask, outside, S[OUTSIDE, i])
        S[BUFFER, i] = pick(may_mask, buffer, S[BUFFER, i])
        S[ALERT, i] = pick(may_mask, min(i4(S[ALERT, i] + i4(1)), i4(31)), S[ALERT, i])
        S[LINE_AT + BALANCE, i] = pick(line_dull_mask, balance, S[LINE_AT + BALANCE, i])
        S[LINE_AT + FEE_DUE, i] = pick(line_dull_mask, i4(fee_due - to_fees), fee_due)
        S[LINE_AT + INTEREST_DUE, i] = pick(line_dull_mask, interest_due, S[LINE_AT + INTEREST_DUE, i])
        S[LINE_AT + CLEAN, i] = pick(line_dull_mask, min(i4(clean + i4(1)), i4(255)), clean)
        reported = S[REPORTED, i]
        S[REPORTED, i] = pick(may_mask, max(i4(reported - i4(1)), i4(0)), reported)
        left = lives & ~may
        out[O_TODO, i] = i4(left | written_off | asks)
        out[O_ASKS, i] = i4(asks)
        out[O_LEFT, i] = i4(left)
        out[O_CURRENT, i] = i4(current)
        out[O_WRITTEN_OFF, i] = i4(written_off)
        out[O_OPEN, i] = i4(line_dull)
        out[O_BALANCE, i] = balance & line_dull_mask
        out[O_LIMIT, i] = limit & line_dull_mask
        out[O_NEW_CREDIT, i] = on_line & line_dull_mask
        out[O_INTEREST, i] = interest & line_dull_mask
        out[O_PAID, i] = paid & line_dull_mask
        out[O_DUE, i] = i4(line_dull & (owed > i4(0)))
        out[O_REMINDED, i] = i4(line_dull & reached & (bill > i4(0)))
        if has_loans:
            loan_dull = may & (loan_bill > i4(0))
            loan_dull_mask = mask_of(loan_dull)
            fee_due, interest_due = S[LOAN_AT + FEE_DUE, i], S[LOAN_AT + INTEREST_DUE, i]
            to_fees = min(fee_due, loan_owed)
            loan_balance = i4(loan_bill - loan_owed)
            clean, left = S[LOAN_AT + CLEAN, i], max(i4(months_left - i4(1)), i4(0))
            interest = loan_interest(
                loan_balance,
                loan_rate(clean, loan_best, loan_to_b, loan_to_c, loan_to_d),
                left,
                S[LOAN_AT + INSTALMENT, i],
            )
            interest_due = i4(interest_due - min(interest_due, i4(loan_owed - to_fees)) + interest)
            loan_balance = i4(loan_balance + interest)
            stays = loan_balance > i4(0)
            stay_mask = mask_of(stays)
            S[LOAN_AT + BALANCE, i] = pick(loan_dull_mask, loan_balance, S[LOAN_AT + BALANCE, i])
            S[LOAN_AT + FEE_DUE, i] = pick(loan_dull_mask, i4(fee_due - to_fees) & stay_mask, fee_due)
            interest_due = i4(interest_due & stay_mask)
            S[LOAN_AT + INTEREST_DUE, i] = pick(loan_dull_mask, interest_due, S[LOAN_AT + INTEREST_DUE, i])
            S[LOAN_AT + MONTHS_LEFT, i] = pick(loan_dull_mask, left & stay_mask, months_left)
            gone_mask = i4(loan_dull_mask & ~stay_mask)
            S[LOAN_AT + INSTALMENT, i] = i4(S[LOAN_AT + INSTALMENT, i] & ~gone_mask)
            S[LOAN_AT + STATE, i] = i4(S[LOAN_AT + STATE, i] & ~gone_mask)
            S[LOAN_AT + CLEAN, i] = pick(loan_dull_mask, min(i4(clean + i4(1)), i4(255)), clean)
            out[O_LOAN_OPEN, i] = i4(loan_dull & stays)
            out[O_LOAN_REPAID, i] = i4(loan_dull & ~stays)
            out[O_LOAN_BALANCE, i] = loan_balance & loan_dull_mask
            out[O_LOAN_INTEREST, i] = interest & loan_dull_mask
            out[O_LOAN_PAID, i] = loan_owed & loan_dull_mask
            out[O_LOAN_DUE, i] = i4(loan_dull & (loan_owed > i4(0)))
            out[O_LOAN_REMINDED, i] = i4(loan_dull & loan_reached)


@njit(forceinline=True)
def stay_current(S, W, out, n, line, months, n_states, cumulative, states, spending, rates):
    """The roll_rates month for lines that stay in bucket 0; borrowers with a live loan facility are left."""
    floor = i4(line[P_MIN_FLOOR])
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    best, to_b, to_c, to_d = rate_steps(rates)
    new_credit = months[LINE, V_NEW_CREDIT] == 1
    for lane in range(n):
        i = u8(lane)
        status, balance = S[LINE_AT + STATUS, i], S[LINE_AT + BALANCE, i]
        loan_status = S[LOAN_AT + STATUS, i]
        line_live = is_held(status) | (status == i4(WRITTEN_OFF))
        loan_live = is_held(loan_status) | (loan_status == i4(WRITTEN_OFF))
        may = (status == i4(ACTIVE)) & ((S[LINE_AT + BUCKET, i] | S[LINE_AT + ARREARS, i]) == i4(0)) & ~loan_live
        state = u4(S[LINE_AT + STATE, i]) & u4(15)
        u = half(W[U_LINE_DECISION, i])
        to = u4(0)
        for k in range(n_states):
            to += u4(u >= cumulative[u4(state * u4(16) + u4(k)) & u4(255)])
        to = to & u4(15)
        stays_worse = (to == state) & (states[R_AT_LEAST, to] != i4(0))
        may = may & (states[R_BUCKET, to] == i4(0)) & ~stays_worse

        bill = max(balance, i4(0))
        owed = line_due(bill, floor, min_share)
        paid = i4(owed + share_of(i4(bill - owed), u4(states[R_PAYS, to])))
        fee_due, interest_due = S[LINE_AT + FEE_DUE, i], S[LINE_AT + INTEREST_DUE, i]
        to_fees = min(fee_due, paid)
        clean = S[LINE_AT + CLEAN, i]
        interest = share_of(i4(bill - paid), line_rate(clean, balance, S[LINE_AT + LIMIT, i], best, to_b, to_c, to_d))
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        balance = i4(i4(balance - paid) + interest)
        wanted = times(times(S[SPEND, i], u4(states[R_SPEND, to])), spending[W[U_WISH, i] & u4(QUANTILES - 1)])
        wanted = only(new_credit, wanted)
        on_line = min(wanted, max(i4(S[LINE_AT + LIMIT, i] - balance), i4(0)))
        balance = i4(balance + on_line)

        may_mask = mask_of(may)
        S[LINE_AT + STATE, i] = pick(may_mask, i4(to), S[LINE_AT + STATE, i])
        S[LINE_AT + BALANCE, i] = pick(may_mask, balance, S[LINE_AT + BALANCE, i])
        S[LINE_AT + FEE_DUE, i] = pick(may_mask, i4(fee_due - to_fees), fee_due)
        S[LINE_AT + INTEREST_DUE, i] = pick(may_mask, interest_due, S[LINE_AT + INTEREST_DUE, i])
        S[LINE_AT + CLEAN, i] = pick(may_mask, min(i4(clean + i4(1)), i4(255)), clean)
        reported = S[REPORTED, i]
        S[REPORTED, i] = pick(may_mask, max(i4(reported - i4(1)), i4(0)), reported)
        left = (line_live | loan_live) & ~may
        out[O_TODO, i] = i4(left)
        out[O_LEFT, i] = i4(left)
        out[O_WRITTEN_OFF, i] = i4(0)
        out[O_CURRENT, i] = i4(0)
        out[O_ASKS, i] = i4(0)
        out[O_OPEN, i] = i4(may)
        out[O_BALANCE, i] = balance & may_mask
        out[O_LIMIT, i] = S[LINE_AT + LIMIT, i] & may_mask
        out[O_NEW_CREDIT, i] = on_line & may_mask
        out[O_INTEREST, i] = interest & may_mask
        out[O_PAID, i] = paid & may_mask
        out[O_DUE, i] = i4(may & (owed > i4(0)))
        out[O_REMINDED, i] = i4(0)


@njit(forceinline=True)
def total(out, column, n):
    """Return the int64 sum of the first `n` lanes of a column."""
    s = i8(0)
    for lane in range(n):
        i = u8(lane)
        s += i8(out[column, i])
    return s


@njit(forceinline=True)
def book_dull(out, n, row, has_loans, F, rolls, vintage):
    """Add the sums of the dull lanes: their accounts go from `row` (line) or 0 (loan) to bucket 0."""
    for p in range(N_PRODUCT if has_loans else 1):
        at = O_OPEN if p == LINE else O_LOAN_OPEN
        n_open, balance = total(out, at, n), total(out, at + 1, n)
        F[p, F_ACCOUNTS] += n_open
        F[p, F_BALANCE] += balance
        vintage[p, W_ACCOUNTS] += n_open
        vintage[p, W_BALANCE] += balance
        rolls[p, row if p == LINE else 0, 0, 0] += n_open
        rolls[p, row if p == LINE else 0, 0, 1] += balance
        if p == LINE:
            F[p, F_LIMIT] += total(out, O_LIMIT, n)
            F[p, F_NEW_CREDIT] += total(out, O_NEW_CREDIT, n)
        else:
            repaid = total(out, O_LOAN_REPAID, n)
            F[p, F_N_PAID_OFF] += repaid
            rolls[p, 0, TO_PAID_OFF, 0] += repaid
        rest = O_INTEREST if p == LINE else O_LOAN_INTEREST
        F[p, F_INTEREST] += total(out, rest, n)
        F[p, F_PAID] += total(out, rest + 1, n)
        F[p, F_N_DUE] += total(out, rest + 2, n)
        F[p, F_N_REMINDED] += total(out, rest + 3, n)

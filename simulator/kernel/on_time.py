"""Those who pay on time, many at once: the month of docs/model.md for lanes where nothing goes wrong.

A lane is *dull* when its open accounts are current and active and every due is surely paid at the due date, from the
buffer or, where there are loans, also from credit elsewhere. What is written off is worked apart, and a new loan opened
apart, whoever the borrower is. A dull lane gets the same integers here as from `month.live`. Another lane is left as it
was, for `trouble` or for `month.live`.

Whether a due is paid takes a sigmoid and a memory, which are dear; here a bound on both decides. Who is beyond the
bound is left for `trouble`, which knows exactly.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .draws import MONTHS, counter, group, philox
from .fixed import sigmoid
from .jit.cache import njit
from .jit.intrinsics import SHORT_ROW, stack_array
from .rules import (
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
    mul_q16_lane,
    mul_q31_lane,
    mul_q31_own_lane,
    only,
    pick,
    rate_of,
    repays,
    wants,
    works,
)

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

# ---- what a lane's months need of who he is: int32[name, lane], worked out when it changes -----------------
(
    D_INDEX,  # of the borrower, as uint32 bits
    D_FORGET,  # `bound_of` the chance to forget the line's due, memory aside; the top bit: a reminder of it arrives
    D_LOAN_FORGET,
    D_JOB_LOSS,  # q31 of M_JOB_LOSS by his quality, as uint32 bits
    D_PAY,  # amounts of this month's income index, from here on
    D_KEPT,  # income less living cost, while employed
    D_KEPT_UNEMPLOYED,
    D_SHOCK,
    D_REPAY,
    D_CAP,
    D_SPEND,
) = range(11)
N_DERIVED = 11
NOT_DERIVED = (-1, -1, -1)  # no `reminders`
stack_derived = stack_array(np.int32, N_DERIVED)
stack_few_derived = stack_array(np.int32, N_DERIVED, SHORT_ROW)

# ---- what one loop over a block tells the next: int32[name, lane of the block] --------------------------------
(
    B_MAY,  # -1: dull
    B_LINE,  # -1: dull, with a line
    B_PAID,
    B_NEED,  # what income and buffer do not cover
    B_LOAN,  # -1: dull, with a loan
    B_LOAN_PAID,
) = range(6)
stack_block = stack_array(np.int32, 6, SHORT_ROW)

# ---- what the loop leaves of each lane, one bit each: `left` int32[1, lane] -----------------------------------
LEFT = 1  # left as it was
BOOKED = 2  # has a written-off account
ASKS = 4  # wants a new loan, and would get one
CURRENT = 8  # his open accounts are all current
stack_left = stack_array(np.int32, 1)

NOTHING = (i4(0), i4(0))  # no amount yet, in the halves of `plus`
COUNT_BITS = BLOCK_BITS + 1  # three counts of a block's lanes fit one word
STEP = 16  # lanes of a few are padded to a multiple of this, so that no loop has a rest to do one by one
QUALITY_GROUPS = 4  # of four classes each, for the bound on who will not pay
MEMORY = (0, 4, 8, 16, 32)  # groups of months since the last forgotten due, for the bound on who forgets


@njit(forceinline=True)
def derive(S, D, n, income_index, g, job_loss_quality):
    """Fill the columns of `D` from D_JOB_LOSS on, for a month's income index (q16)."""
    benefit, living_unemployed = g[G_BENEFIT], g[G_LIVING_UNEMPLOYED]
    shock_size, outside_repay, buffer_cap = g[G_SHOCK_SIZE], g[G_EXTERNAL_CREDIT_REPAY], g[G_LIQUIDITY_CAP]
    for lane in range(n):
        i = u8(lane)
        pay, living = mul_q16_lane(S[INCOME, i], income_index), mul_q16_lane(S[LIVING, i], income_index)
        D[D_JOB_LOSS, i] = i4(job_loss_quality[u4(S[QUALITY, i]) & u4(15)])
        D[D_PAY, i] = pay
        D[D_KEPT, i] = i4(pay - living)
        D[D_KEPT_UNEMPLOYED, i] = i4(mul_q31_lane(pay, benefit) - mul_q31_lane(living, living_unemployed))
        D[D_SHOCK, i] = mul_q16_lane(pay, shock_size)
        D[D_REPAY, i] = mul_q31_lane(pay, outside_repay)
        D[D_CAP, i] = mul_q16_lane(pay, buffer_cap)
        D[D_SPEND, i] = mul_q16_lane(S[SPEND, i], income_index)


@njit(forceinline=True)
def reminders(g, months, stages):
    """Return the levers of a product that D_FORGET depends on: (autopay, reach, what a reminder leaves)."""
    return max(g[G_AUTOPAY], months[V_AUTOPAY]), months[V_REACH], stages[0, S_FORGET_KEEP]


@njit(forceinline=True)
def derive_forgetting(S, D, column, n, reminding):
    """Fill D_FORGET or D_LOAN_FORGET for the `reminders` of its product."""
    enrolled, reach, keep = u4(reminding[0]), u4(reminding[1]), u4(reminding[2])
    for lane in range(n):
        i = u8(lane)
        reached = u4(S[REACH, i]) < reach
        forgets = bound_of(mul_q31_lane(S[FORGET, i], pick(mask_of(reached), keep, u4(ONE))))
        D[u8(column), i] = i4(only(u4(S[AUTOPAY, i]) >= enrolled, forgets) | i4(u4(reached) << u4(31)))


@njit(forceinline=True)
def draw_words(W, D, base, n, slot, month, entry, replication, segment, k0, k1):
    """Fill the four rows of a slot of the month with the words of lanes `base` to `base` + n - 1, from the first on."""
    c1, c3, at = counter(month, entry, slot), group(segment, MONTHS), u8(4 * slot)
    for lane in range(n):
        i = u8(lane)
        w0, w1, w2, w3 = philox(u4(D[D_INDEX, u8(base + lane)]), c1, replication, c3, k0, k1)
        W[at, i] = w0
        W[at + u8(1), i] = w1
        W[at + u8(2), i] = w2
        W[at + u8(3), i] = w3


@njit(forceinline=True)
def draw_slots(V, E, n, slots, month, entry, replication, segment, k0, k1):
    """Fill the rows of `slots` of V, bit k for slot k, with the words of lanes 0 to n - 1 and a few more."""
    padded, slot = (n + STEP - 1) // STEP * STEP, i8(0)  # no rest to be drawn one by one
    while slots > 0:
        if slots & 1:
            draw_words(V, E, i8(0), padded, slot, month, entry, replication, segment, k0, k1)
        slots, slot = slots >> 1, slot + 1


@njit(forceinline=True)
def draw_listed(V, D, E, lanes, n, slots, month, entry, replication, segment, k0, k1):
    """Fill the rows of `slots` of V with the words of lanes[0..n-1]; E is working space."""
    for k in range(n):
        E[D_INDEX, u8(k)] = D[D_INDEX, u8(lanes[u8(k)])]
    draw_slots(V, E, n, slots, month, entry, replication, segment, k0, k1)


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
    """Fill memory[group of MEMORY] with a bound on the share of FORGET that is left in its months, for `bound_of`.

    In units of 2^-15, and even, so that the top bit of D_FORGET falls off the product.
    """
    for k in range(4):
        most = alert[MEMORY[k]]
        for months in range(MEMORY[k], MEMORY[k + 1]):
            most = max(most, alert[months])
        memory[k] = ((i8(most) >> i8(16)) // 2 + 1) * 2


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
    """Return whether a decision word >> 1 means payment under the bounds: q by quality group, `forgets` (q31).

    `forgets` may be a little above 1.
    """
    unwilling = u4(q0 + (u4(q1 - q0) & u4(mask_of(quality >= i4(4)))))
    unwilling = u4(unwilling + (u4(q2 - q1) & u4(mask_of(quality >= i4(8)))))
    unwilling = u4(unwilling + (u4(q3 - q2) & u4(mask_of(quality >= i4(12)))))
    return (u >= unwilling) & (u4(u + forgets) < u4(ONE))


@njit(forceinline=True)
def bound_of(chance):
    """Return a bound on a chance (q31) in units of 2^-16, 0 only for 0.

    Times a `least_alert` it is at least 2 (q31) above the product of the two shares: `trouble` rounds three times.
    """
    return only(chance > i4(0), i4(i4(chance >> i4(15)) + i4(2)))


@njit(forceinline=True)
def pay_on_time(
    S, D, W, B, left, base, n, g, line, loan, economy, months, has_loans, spending, bound, memory, rates, loan_rates,
    row, F, rolls, vintage,
):  # fmt: skip
    """Steps 4 to 12 of the structural month for the dull among lanes `base` to `base` + n - 1, n at most BLOCK.

    `left` says what there is still to do for whom; `B` is working space.

    The sums of the month are added up here: lines go from `row` of the roll matrix to bucket 0.
    In steps with a loop each: a processor looks a few hundred instructions ahead, and should see several lanes there,
    for within a lane one number waits for the other.
    """
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    floor, draw_chance, new_loan_credit = i4(line[P_MIN_FLOOR]), u4(loan[P_DRAW]), months[LOAN, V_NEW_CREDIT] == 1
    if has_loans:  # compiled twice, or the loop would have branches
        open_lines = pay_dues(
            S, D, W, B, left, base, n, g, floor, min_share, draw_chance, economy, new_loan_credit, True, bound, memory,
            F,
        )  # fmt: skip
    else:
        open_lines = pay_dues(
            S, D, W, B, left, base, n, g, floor, min_share, draw_chance, economy, new_loan_credit, False, bound, memory,
            F,
        )  # fmt: skip
    spend_on_lines(
        S, D, W, B, base, n, open_lines, u4(g[G_SPEND_UNEMPLOYED]), months[LINE, V_NEW_CREDIT] == 1, spending, rates,
        F[LINE], rolls[LINE, row], vintage[LINE],
    )  # fmt: skip
    if has_loans:
        close_loans(S, B, base, n, loan_rates, F[LOAN], rolls[LOAN, 0], vintage[LOAN])


@njit(forceinline=True)
def pay_dues(
    S, D, W, B, left, base, n, g, floor, min_share, draw_chance, economy, new_loan_credit, has_loans, bound, memory, F,
):  # fmt: skip
    """Steps 4 and 5: find out who is dull, and take what he pays; fill `left` and `B`, return the number of lines."""
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from = u4(ONE - economy[M_EXPENSE_SHOCK])
    revolver_share = u4(g[G_REVOLVER_SHARE])
    q0, q1, q2, q3 = bound[0], bound[1], bound[2], bound[3]
    p0, p1, p2, p3 = bound[4], bound[5], bound[6], bound[7]
    fresh, to_4, to_8, to_16 = rate_steps(memory)
    counts, loan_counts, used, used_first = i4(0), i4(0), NOTHING, NOTHING
    line_first = mask_of(g[G_PAY_FIRST] == LINE)
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        # who may be dull at all
        status, balance = S[LINE_AT + STATUS, j], S[LINE_AT + BALANCE, j]
        line_held, written_off = is_held(status), status == i4(WRITTEN_OFF)
        trouble = S[LINE_AT + BUCKET, j] | S[LINE_AT + ARREARS, j] | followed(S[LINE_AT + MARKS, j])
        line_current = (status == i4(ACTIVE)) & (trouble == i4(0))
        current, loan_held, asks = line_current | ~line_held, False, False
        if has_loans:
            loan_status, loan_balance = S[LOAN_AT + STATUS, j], S[LOAN_AT + BALANCE, j]
            loan_held = is_held(loan_status)
            written_off = written_off | (loan_status == i4(WRITTEN_OFF))
            trouble = S[LOAN_AT + BUCKET, j] | S[LOAN_AT + ARREARS, j] | S[LOAN_AT + PLAN_LEFT, j]
            trouble = trouble | followed(S[LOAN_AT + MARKS, j])
            loan_current = (loan_status == i4(ACTIVE)) & (trouble == i4(0))
            current = current & (loan_current | ~loan_held)
        lives = line_held | loan_held | written_off
        may = current & lives

        # 4. job and income
        u = half(W[U_JOB, i])
        employed = works(u, S[EMPLOYED, j] == i4(1), job_loss, u4(D[D_JOB_LOSS, j]), job_find)
        cash = cash_of(S[LIQUIDITY, j], D[D_KEPT, j], D[D_KEPT_UNEMPLOYED, j], D[D_SHOCK, j], employed, u >= shock_from)
        buffer, outside = max(cash, i4(0)), S[EXTERNAL_CREDIT, j]
        back = repays(buffer, outside, S[EXTERNAL_CREDIT_LIMIT, j], D[D_REPAY, j])
        outside = i4(outside + back)
        buffer = i4(buffer - back)

        # 5. due date
        bill = only(line_current, max(balance, i4(0)))
        owed = line_due(bill, floor, min_share)
        loan_bill, loan_owed = i4(0), i4(0)
        if has_loans:
            loan_bill = only(loan_current, loan_balance)
            loan_owed = loan_due(loan_bill, S[LOAN_AT + INSTALMENT, j], S[LOAN_AT + MONTHS_LEFT, j])
        quality, since = S[QUALITY, j], S[MONTHS_SINCE_FORGOT, j]
        remembers = rate_of(since >= i4(4), since >= i4(8), since >= i4(16), fresh, to_4, to_8, to_16)
        chance = D[D_FORGET, j]
        forgets, reached = u4(u4(chance) * remembers), chance < i4(0)
        may = may & (surely_pays(half(W[U_LINE_DECISION, i]), quality, q0, q1, q2, q3, forgets) | (bill == i4(0)))
        loan_reached = False
        if has_loans:
            chance = D[D_LOAN_FORGET, j]
            forgets, loan_reached = u4(u4(chance) * remembers), chance < i4(0)
            may = may & (
                surely_pays(half(W[U_LOAN_DECISION, i]), quality, p0, p1, p2, p3, forgets) | (loan_bill == i4(0))
            )
            asks = current & (loan_status == i4(ACTIVE)) & (loan_balance == i4(0)) & new_loan_credit
            asks = asks & (half(W[U_WISH, i]) < draw_chance)
        rest = i4(buffer - owed - loan_owed)
        if has_loans:  # one in seven of the few would only borrow elsewhere; without loans one in twenty
            borrowed = max(i4(-rest), i4(0))
            may = may & (borrowed <= only(S[REPORTED, j] == i4(0), outside))
            outside, rest = i4(outside - borrowed), i4(rest + borrowed)
            borrowed = only(may, borrowed)
            first = min(borrowed, max(i4(pick(line_first, owed, loan_owed) - buffer), i4(0)))
            used, used_first = plus(used, borrowed), plus(used_first, first)
        else:
            may = may & (rest >= i4(0))
        buffer = rest
        extra = extra_of(S[FULL_PAYER, j], i4(bill - owed), revolver_share, buffer)

        line_dull, may_mask = may & line_current, mask_of(may)
        S[EMPLOYED, j] = pick(may_mask, i4(employed), S[EMPLOYED, j])
        S[EXTERNAL_CREDIT, j] = pick(may_mask, outside, S[EXTERNAL_CREDIT, j])
        S[LIQUIDITY, j] = pick(may_mask, i4(buffer - extra), S[LIQUIDITY, j])
        S[MONTHS_SINCE_FORGOT, j] = pick(may_mask, min(i4(since + i4(1)), i4(31)), since)
        stays = lives & ~may
        left[0, j] = i4(
            only(stays, i4(LEFT)) | only(written_off, i4(BOOKED)) | only(asks, i4(ASKS)) | only(current, i4(CURRENT))
        )
        B[B_MAY, i], B[B_LINE, i] = may_mask, mask_of(line_dull)
        B[B_NEED, i], B[B_PAID, i] = max(i4(-cash), i4(0)), i4(owed + extra)
        counts = i4(counts + three(line_dull, line_dull & (owed > i4(0)), line_dull & reached & (bill > i4(0))))
        if has_loans:
            loan_dull = may & (loan_bill > i4(0))
            B[B_LOAN, i], B[B_LOAN_PAID, i] = mask_of(loan_dull), loan_owed
            loan_counts = i4(loan_counts + three(loan_dull & loan_reached, loan_dull & (loan_owed > i4(0)), False))
    F[LINE, F_N_DUE] += counted(counts, 1)
    F[LINE, F_N_REMINDED] += counted(counts, 2)
    if has_loans:
        F[LOAN, F_N_REMINDED] += counted(loan_counts, 0)
        F[LOAN, F_N_DUE] += counted(loan_counts, 1)
        first, second = (LINE, LOAN) if g[G_PAY_FIRST] == LINE else (LOAN, LINE)
        F[first, F_OUTSIDE_USED] += whole(used_first)
        F[second, F_OUTSIDE_USED] += whole(used) - whole(used_first)
    return counted(counts, 0)


@njit(forceinline=True)
def spend_on_lines(S, D, W, B, base, n, open_lines, spend_unemployed, new_credit, spending, rates, F, rolls, vintage):
    """Steps 8 and 9 of the dull: interest on what is not paid, spending, and the sums of lines (see `book_current`)."""
    best, to_b, to_c, to_d = rate_steps(rates)
    idle, balances, limits, credits, interests, payments = i4(0), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        may, line_dull, paid = B[B_MAY, i], B[B_LINE, i], B[B_PAID, i]

        # 8. interest
        balance, limit, clean = S[LINE_AT + BALANCE, j], S[LINE_AT + LIMIT, j], S[LINE_AT + CLEAN, j]
        fee_due, interest_due = S[LINE_AT + FEE_DUE, j], S[LINE_AT + INTEREST_DUE, j]
        to_fees, unpaid = min(fee_due, paid), i4(max(balance, i4(0)) - paid)
        interest = mul_q31_own_lane(unpaid, line_rate(clean, balance, limit, best, to_b, to_c, to_d))
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        after = i4(i4(balance - paid) + interest)

        # 9. spending
        wanted = wants(
            D[D_SPEND, j], spending[W[U_WISH, i] & u4(QUANTILES - 1)], S[EMPLOYED, j] == i4(1), spend_unemployed,
            B[B_NEED, i], new_credit,
        )  # fmt: skip
        on_line = i4(min(wanted, max(i4(limit - after), i4(0))) & line_dull)
        after = i4(after + on_line)
        buffer = S[LIQUIDITY, j]
        spent = i4(buffer - min(i4(wanted - on_line), max(buffer, i4(0))))
        reported = S[REPORTED, j]

        S[LIQUIDITY, j] = pick(may, min(spent, D[D_CAP, j]), buffer)
        S[REPORTED, j] = pick(may, max(i4(reported - i4(1)), i4(0)), reported)
        S[LINE_AT + BALANCE, j] = pick(line_dull, after, balance)
        S[LINE_AT + FEE_DUE, j] = pick(line_dull, i4(fee_due - to_fees), fee_due)
        S[LINE_AT + INTEREST_DUE, j] = pick(line_dull, interest_due, S[LINE_AT + INTEREST_DUE, j])
        S[LINE_AT + CLEAN, j] = pick(line_dull, min(i4(clean + i4(1)), i4(255)), clean)
        idle = i4(idle - i4(line_dull & mask_of(is_idle(balance, after))))
        balances, limits = plus(balances, i4(after & line_dull)), plus(limits, i4(limit & line_dull))
        credits, interests = plus(credits, on_line), plus(interests, i4(interest & line_dull))
        payments = plus(payments, i4(paid & line_dull))
    book_current(
        F, rolls, vintage, open_lines, whole(balances), whole(interests), whole(payments), i8(0), i8(0)
    )  # fmt: skip
    F[F_LIMIT] += whole(limits)
    F[F_NEW_CREDIT] += whole(credits)
    F[F_N_IDLE] += i8(idle)


@njit(forceinline=True)
def close_loans(S, B, base, n, rates, F, rolls, vintage):
    """Steps 8 and 9 of the dull: interest on what is left of a loan, the loan's end, and the sums of loans."""
    best, to_b, to_c, to_d = rate_steps(rates)
    counts, balances, interests, payments = i4(0), NOTHING, NOTHING, NOTHING
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        dull, paid = B[B_LOAN, i], B[B_LOAN_PAID, i]
        fee_due, interest_due = S[LOAN_AT + FEE_DUE, j], S[LOAN_AT + INTEREST_DUE, j]
        instalment, months_left = S[LOAN_AT + INSTALMENT, j], S[LOAN_AT + MONTHS_LEFT, j]
        balance, clean, rest = S[LOAN_AT + BALANCE, j], S[LOAN_AT + CLEAN, j], max(i4(months_left - i4(1)), i4(0))
        to_fees, after = min(fee_due, paid), i4(balance - paid)
        interest = mul_q31_own_lane(after, loan_rate(clean, best, to_b, to_c, to_d))
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        after = i4(after + interest)
        remains = mask_of(after > i4(0))
        gone = i4(dull & ~remains)
        S[LOAN_AT + BALANCE, j] = pick(dull, after, balance)
        S[LOAN_AT + FEE_DUE, j] = pick(dull, i4(fee_due - to_fees) & remains, fee_due)
        S[LOAN_AT + INTEREST_DUE, j] = pick(dull, i4(interest_due & remains), S[LOAN_AT + INTEREST_DUE, j])
        S[LOAN_AT + MONTHS_LEFT, j] = pick(dull, rest & remains, months_left)
        S[LOAN_AT + INSTALMENT, j] = i4(instalment & ~gone)
        S[LOAN_AT + STATE, j] = i4(S[LOAN_AT + STATE, j] & ~gone)
        S[LOAN_AT + CLEAN, j] = pick(dull, min(i4(clean + i4(1)), i4(255)), clean)
        counts = i4(counts + three((dull & remains) != i4(0), False, gone != i4(0)))
        balances, interests = plus(balances, i4(after & dull)), plus(interests, i4(interest & dull))
        payments = plus(payments, i4(paid & dull))
    repaid = counted(counts, 2)
    book_current(
        F, rolls, vintage, counted(counts, 0), whole(balances), whole(interests), whole(payments), i8(0), i8(0)
    )  # fmt: skip
    F[F_N_PAID_OFF] += repaid
    rolls[TO_PAID_OFF, 0] += repaid


@njit(forceinline=True)
def plus(halves, x):
    """Return a sum of amounts in two halves, with one more, for the amounts of up to a block's lanes.

    The first is the sum less what 32 bits do not hold, the second that of the upper 16 bits, with the sign.
    """
    return i4(halves[0] + x), i4(halves[1] + i4(x >> i4(16)))


@njit(forceinline=True)
def whole(halves):
    """Return the int64 sum of amounts of which these are the `plus` halves."""
    upper = i8(halves[1]) << i8(16)
    return upper + i8(u4(u4(halves[0]) - u4(upper)))  # of the lower 16 bits: 32 hold it


@njit(forceinline=True)
def three(first, second, third):
    """Return three conditions as counts in one word."""
    return i4(i4(first) + i4(i4(second) << i4(COUNT_BITS)) + i4(i4(third) << i4(2 * COUNT_BITS)))


@njit(forceinline=True)
def counted(counts, place):
    """Return one of the counts of a sum of `three`."""
    return (i8(counts) >> i8(COUNT_BITS * place)) & i8((1 << COUNT_BITS) - 1)


@njit(forceinline=True)
def book_current(F, rolls, vintage, n_open, balance, interest, paid, n_due, n_reminded):
    """Add the sums of accounts of a product that go to bucket 0; F [flow], rolls [to, ...] and vintage [name]."""
    F[F_N_ACCOUNTS] += n_open
    F[F_BALANCE] += balance
    F[F_INTEREST] += interest
    F[F_PAID] += paid
    F[F_N_DUE] += n_due
    F[F_N_REMINDED] += n_reminded
    rolls[0, 0] += n_open
    rolls[0, 1] += balance
    vintage[W_N_ACCOUNTS] += n_open
    vintage[W_BALANCE] += balance


@njit(forceinline=True)
def stay_current(S, W, left, base, n, line, months, cumulative, states, spending, rates, row, F, rolls, vintage):
    """The roll_rates month for lines that stay in bucket 0, of the lanes of `pay_on_time`.

    Borrowers with a live loan facility are left.

    The sums of the month are added up here: lines go from `row` of the roll matrix to bucket 0.
    """
    floor = i4(line[P_MIN_FLOOR])
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    best, to_b, to_c, to_d = rate_steps(rates)
    new_credit = months[LINE, V_NEW_CREDIT] == 1
    counts, balances, limits, credits, interests, payments = i4(0), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        status, balance = S[LINE_AT + STATUS, j], S[LINE_AT + BALANCE, j]
        loan_status = S[LOAN_AT + STATUS, j]
        line_live = is_held(status) | (status == i4(WRITTEN_OFF))
        loan_live = is_held(loan_status) | (loan_status == i4(WRITTEN_OFF))
        trouble = S[LINE_AT + BUCKET, j] | S[LINE_AT + ARREARS, j] | followed(S[LINE_AT + MARKS, j])
        may = (status == i4(ACTIVE)) & (trouble == i4(0)) & ~loan_live
        state = u4(S[LINE_AT + STATE, j]) & u4(15)
        u, to = half(W[U_LINE_DECISION, i]), u4(0)
        for step in (8, 4, 2, 1):  # how many of the rising thresholds are passed
            passed = u >= cumulative[u4(u4(state * u4(MAX_STATES)) + u4(to + u4(step - 1))) & u4(255)]
            to = u4(to + (u4(step) & u4(mask_of(passed))))
        stays_worse = (to == state) & (states[ROLL_AT_LEAST, to] != i4(0))
        may = may & (states[ROLL_BUCKET, to] == i4(0)) & ~stays_worse

        bill = max(balance, i4(0))
        owed = line_due(bill, floor, min_share)
        paid = i4(owed + mul_q31_lane(i4(bill - owed), u4(states[ROLL_PAYS, to])))
        fee_due, interest_due = S[LINE_AT + FEE_DUE, j], S[LINE_AT + INTEREST_DUE, j]
        to_fees = min(fee_due, paid)
        clean = S[LINE_AT + CLEAN, j]
        interest = mul_q31_lane(
            i4(bill - paid), line_rate(clean, balance, S[LINE_AT + LIMIT, j], best, to_b, to_c, to_d)
        )
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        before, balance = balance, i4(i4(balance - paid) + interest)
        wanted = mul_q16_lane(
            mul_q16_lane(S[SPEND, j], u4(states[ROLL_SPEND, to])), spending[W[U_WISH, i] & u4(QUANTILES - 1)]
        )
        wanted = only(new_credit, wanted)
        on_line = min(wanted, max(i4(S[LINE_AT + LIMIT, j] - balance), i4(0)))
        balance = i4(balance + on_line)

        may_mask = mask_of(may)
        S[LINE_AT + STATE, j] = pick(may_mask, i4(to), S[LINE_AT + STATE, j])
        S[LINE_AT + BALANCE, j] = pick(may_mask, balance, S[LINE_AT + BALANCE, j])
        S[LINE_AT + FEE_DUE, j] = pick(may_mask, i4(fee_due - to_fees), fee_due)
        S[LINE_AT + INTEREST_DUE, j] = pick(may_mask, interest_due, S[LINE_AT + INTEREST_DUE, j])
        S[LINE_AT + CLEAN, j] = pick(may_mask, min(i4(clean + i4(1)), i4(255)), clean)
        reported = S[REPORTED, j]
        S[REPORTED, j] = pick(may_mask, max(i4(reported - i4(1)), i4(0)), reported)
        left[0, j] = only((line_live | loan_live) & ~may, i4(LEFT))
        counts = i4(counts + three(may, may & (owed > i4(0)), may & is_idle(before, balance)))
        balance, limit, on_line = i4(balance & may_mask), i4(S[LINE_AT + LIMIT, j] & may_mask), i4(on_line & may_mask)
        interest, paid = i4(interest & may_mask), i4(paid & may_mask)
        balances, limits, credits = plus(balances, balance), plus(limits, limit), plus(credits, on_line)
        interests, payments = plus(interests, interest), plus(payments, paid)
    book_current(
        F[LINE], rolls[LINE, row], vintage[LINE], counted(counts, 0), whole(balances),
        whole(interests), whole(payments), counted(counts, 1), i8(0),
    )  # fmt: skip
    F[LINE, F_LIMIT] += whole(limits)
    F[LINE, F_NEW_CREDIT] += whole(credits)
    F[LINE, F_N_IDLE] += counted(counts, 2)


@njit(forceinline=True)
def total(out, column, n):
    """Return the int64 sum of the first `n` lanes of a column."""
    s = i8(0)
    for lane in range(n):
        i = u8(lane)
        s += i8(out[column, i])
    return s

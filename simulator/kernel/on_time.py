"""Those who pay on time, many at once: the month of docs/model.md for lanes where nothing goes wrong.

A lane is *on time* when its open accounts are current and active and every due is surely paid at the due date, from the
buffer or, where there are loans, also from credit elsewhere. What is written off is worked apart, and a new loan opened
apart, whoever the borrower is. A lane that is on time gets the same integers here as from `step_scalar`. Another lane
is left as it was, for `delinquent` or for `scalar`.

Whether a due is paid takes a sigmoid and a memory, which are dear; here a bound on both decides. Who is beyond the
bound is left for `delinquent`, which knows exactly.
"""

from typing import NamedTuple

import numpy as np

from simulator.jit.functions import njit
from simulator.jit.intrinsics import SHORT_ROW, list_marked, stack_array
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from . import rules
from .fixed import half, low_half, mask_of, mul_q31_lane, only, pick, sigmoid
from .lanes import ZERO, add_current, counted, plus, rate_steps, three, whole
from .lender import begin_conversion

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

stack_block_record = stack_array(np.int32, N_ON_TIME_RECORD, SHORT_ROW)

NOTHING_MISSED = np.bool_(False)
NO_REMINDERS = (-1, -1, -1, -1, -1, -1)  # no `reminders` yet


class Bounds(NamedTuple):
    """What decides whether a due is surely paid."""

    logits: np.ndarray  # int64[QUALITY_GROUPS]: largest log-odds (the borrower's own part) of refusing a current due
    unwilling: np.ndarray  # uint32[product * QUALITY_GROUPS]: largest chance (q31) of not being willing to pay
    memory: np.ndarray  # uint32[len(MEMORY) - 1]: largest share of FORGET that is left, for `bound_of`


@njit(forceinline=True)
def bound_segment(bounds, segment):
    """Fill what is the same in all months: `logits` and `memory`.

    The memory in units of 2^-15, and even, so that the top bit of D_FORGET falls off the product.
    """
    by_burden, by_quality = segment.will_not_burden, segment.will_not_quality
    own = i8(segment.will_not_bucket[0]) + i8(segment.will_not_cause[0])
    own += max(segment.scalars[G_WILL_NOT_REPORTED], 0)
    burden = i8(by_burden[0])
    for k in range(1, 8):
        burden = max(burden, i8(by_burden[k]))
    for k in range(QUALITY_GROUPS):
        quality = i8(by_quality[4 * k])
        for one in range(1, 4):
            quality = max(quality, i8(by_quality[4 * k + one]))
        bounds.logits[k] = own + burden + quality
    for k in range(4):
        most = segment.alert[MEMORY[k]]
        for months in range(MEMORY[k], MEMORY[k + 1]):
            most = max(most, segment.alert[months])
        bounds.memory[k] = ((i8(most) >> i8(16)) // 2 + 1) * 2


@njit(forceinline=True)
def bound_month(bounds, segment, economy, month_levers):
    """Fill `unwilling`, which the economy and the lender move."""
    for p in range(N_PRODUCT):
        logit = segment.scalars[G_WILL_NOT_BASE] + segment.terms[p, P_WILL_NOT]
        logit += economy[M_WILL_NOT] + month_levers[p, V_WILL_NOT]
        for k in range(QUALITY_GROUPS):
            bounds.unwilling[p * QUALITY_GROUPS + k] = sigmoid(segment.sigmoid, logit + bounds.logits[k])


@njit(forceinline=True)
def reminders(scalars, economy, month_levers, stage_levers):
    """Return what D_FORGET of a product depends on.

    They are (autopay, reach, what a reminder leaves, the season's factor, who is taught, what that leaves).
    """
    enrolled, keep = max(scalars[G_AUTOPAY], month_levers[V_AUTOPAY]), stage_levers[0, S_FORGET_KEEP]
    educated, habit = month_levers[V_EDUCATED], month_levers[V_EDUCATION_FORGET]
    return enrolled, month_levers[V_REACH], keep, economy[M_FORGET], educated, habit


@njit(forceinline=True)
def derive_forgetting(state, derived, column, n, reminding):
    """Fill D_FORGET or D_LOAN_FORGET for the `reminders` of its product."""
    enrolled, reach, keep, factor = u4(reminding[0]), u4(reminding[1]), u4(reminding[2]), u4(reminding[3])
    educated, habit = u4(reminding[4]), u4(reminding[5])
    for lane in range(n):
        i = u8(lane)
        reached = u4(state[REACH, i]) < reach
        forget = rules.in_season(state[FORGET, i], factor)
        kept = rules.kept_by(u4(state[EDUCATION, i]) < educated, habit)
        forgets = bound_of(mul_q31_lane(mul_q31_lane(forget, pick(mask_of(reached), keep, u4(ONE))), kept))
        derived[u8(column), i] = i4(only(u4(state[AUTOPAY, i]) >= enrolled, forgets) | i4(u4(reached) << u4(31)))


@njit(forceinline=True)
def surely_pays(u, quality, q0, q1, q2, q3, forgets):
    """Return whether a decision word >> 1 means payment under the bounds: q by quality group, `forgets` (q31).

    `forgets` on_time be a little above 1.
    """
    unwilling = u4(q0 + (u4(q1 - q0) & u4(mask_of(quality >= i4(4)))))
    unwilling = u4(unwilling + (u4(q2 - q1) & u4(mask_of(quality >= i4(8)))))
    unwilling = u4(unwilling + (u4(q3 - q2) & u4(mask_of(quality >= i4(12)))))
    return (u >= unwilling) & (u4(u + forgets) < u4(ONE))


@njit(forceinline=True)
def bound_of(chance):
    """Return a bound on a chance (q31) in units of 2^-16, 0 only for 0.

    Times a `Bounds.memory` it is at least 4 (q31) above the product of the two shares: `delinquent` rounds four times.
    """
    return only(chance > i4(0), i4(i4(chance >> i4(15)) + i4(3)))


@njit(forceinline=True)
def step_on_time(tile, pending, base, n, place, segment, economy, levers, sums, bounds, rates, todo):
    """Steps 4 to 12 of the structural month for who is on time among lanes `base` to `base` + n - 1, n at most BLOCK.

    `pending` says what there is still to do for whom. Fills the tile's record; `todo` int32[lane] is working space.

    The sums of the month are added up here: lines go from row `place.row` of the roll matrix to bucket 0.
    In steps with a loop each: a processor looks a few hundred instructions ahead, and should see several lanes there,
    for within a lane one number waits for the other.
    """
    converts, flows = segment.terms[LINE, P_CONVERT] > 0, sums.flows
    before = rules.month_before(place.month)
    if place.products == N_PRODUCT:  # compiled for each case, or the loop would have branches
        if converts:
            n_lines = pay_dues(tile, pending, base, n, before, segment, economy, levers, flows, bounds, True, True)
        else:
            n_lines = pay_dues(tile, pending, base, n, before, segment, economy, levers, flows, bounds, True, False)
    elif converts:
        n_lines = pay_dues(tile, pending, base, n, before, segment, economy, levers, flows, bounds, False, True)
    else:
        n_lines = pay_dues(tile, pending, base, n, before, segment, economy, levers, flows, bounds, False, False)
    price_lines(tile, base, n, levers, rates[LINE], False)
    if converts:
        convert_bills(tile, pending, base, n, segment, flows[LINE], todo)
        post_lines(tile, base, n, n_lines, place.row, segment, levers, sums, True)
    else:
        post_lines(tile, base, n, n_lines, place.row, segment, levers, sums, False)
    if place.products == N_PRODUCT:
        post_loans(tile, base, n, segment.terms[LOAN], levers.month[LOAN], sums, rates[LOAN])


@njit(forceinline=True)
def is_current(state, i, account, status):
    """Return whether an account is of a status, and nothing of it late or followed; so it is in no plan either."""
    late = state[account + BUCKET, i] | state[account + ARREARS, i] | rules.followed(state[account + MARKS, i])
    return (state[account + STATUS, i] == i4(status)) & (late == i4(0))


@njit(forceinline=True)
def pay_dues(tile, pending, base, n, before, segment, economy, levers, flows, bounds, has_loans, converts):
    """Steps 4 and 5: find out who is on time, and take what they pay; return how many of them have a line and keep it.

    Fills `pending` and the record.
    """
    state, derived, words, record = tile.state, tile.derived, tile.words, tile.record
    scalars, line, month_levers = segment.scalars, segment.terms[LINE], levers.month
    floor, min_share = i4(line[P_MIN_FLOOR]), rules.min_share_of(line, month_levers[LINE])
    most, new_loans = u4(levers.most[MOST_WISH]), month_levers[LOAN, V_NEW_CREDIT] == 1
    leave_chance = u4(levers.most[MOST_LEAVE])
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from = u4(ONE - economy[M_EXPENSE_SHOCK])
    revolver_share = rules.revolver_share_of(scalars, month_levers[LINE])
    unwilling = bounds.unwilling
    q0, q1, q2, q3 = unwilling[0], unwilling[1], unwilling[2], unwilling[3]
    p0, p1, p2, p3 = unwilling[4], unwilling[5], unwilling[6], unwilling[7]
    fresh, to_4, to_8, to_16 = rate_steps(bounds.memory)
    counts, loan_counts, used, used_first, settled = i4(0), i4(0), ZERO, ZERO, ZERO
    chances, settlement = rules.conversion_chances(line), rules.settlement_chances(segment.terms[LOAN], economy)
    new_conversions = month_levers[LINE, V_NEW_CREDIT] == 1
    line_first = mask_of(scalars[G_PAY_FIRST] == LINE)
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        # who may be on time at all
        status, balance = state[LINE_AT + STATUS, j], state[LINE_AT + BALANCE, j]
        line_open, written_off = rules.is_open(status), status == i4(WRITTEN_OFF)
        settled_line = is_current(state, j, LINE_AT, CLOSED) & (balance == i4(0))  # and leaves
        line_current = is_current(state, j, LINE_AT, ACTIVE) | settled_line
        current, loan_open, asks = line_current | ~line_open, False, False
        if has_loans:
            loan_status, loan_balance = state[LOAN_AT + STATUS, j], state[LOAN_AT + BALANCE, j]
            loan_open, loan_current = rules.is_open(loan_status), is_current(state, j, LOAN_AT, ACTIVE)
            written_off = written_off | (loan_status == i4(WRITTEN_OFF))
            current = current & (loan_current | ~loan_open)
        lives = line_open | loan_open | written_off
        on_time = current & lives

        # 4. job and income
        employed, cash, back = rules.income_of(state, derived, j, half(words[U_JOB, i]), job_loss, job_find, shock_from)
        buffer, outside = i4(max(cash, i4(0)) - back), i4(state[EXTERNAL_CREDIT, j] + back)

        # 5. due date
        bill = only(line_current, max(balance, i4(0)))
        converted, falls, left = i4(0), i4(0), i4(0)
        if converts:
            converted = state[LINE_AT + CONVERTED, j]
            part, fee = state[LINE_AT + CONVERTED_PART, j], state[LINE_AT + CONVERTED_FEE, j]
            left, falls = rules.converted_due(converted, part, fee, True)
        owed = i4(falls + rules.line_due(i4(i4(bill - left) - falls), floor, min_share))
        loan_bill, loan_owed = i4(0), i4(0)
        if has_loans:
            loan_bill = only(loan_current, loan_balance)
            loan_owed = rules.loan_due(loan_bill, state[LOAN_AT + INSTALMENT, j], state[LOAN_AT + MONTHS_LEFT, j])
        quality, since = state[QUALITY, j], state[MONTHS_SINCE_FORGOT, j]
        remembers = rules.rate_of(since >= i4(4), since >= i4(8), since >= i4(16), fresh, to_4, to_8, to_16)
        chance = derived[D_FORGET, j]
        forgets, reached = u4(u4(chance) * remembers), chance < i4(0)
        u = half(words[U_LINE_DECISION, i])
        on_time = on_time & (surely_pays(u, quality, q0, q1, q2, q3, forgets) | (bill == i4(0)))
        loan_reached = False
        if has_loans:
            chance = derived[D_LOAN_FORGET, j]
            forgets, loan_reached = u4(u4(chance) * remembers), chance < i4(0)
            u = half(words[U_LOAN_DECISION, i])
            on_time = on_time & (surely_pays(u, quality, p0, p1, p2, p3, forgets) | (loan_bill == i4(0)))
            asks = rules.may_ask(loan_status, loan_balance, half(words[U_WISH, i]), most, new_loans) & current
        rest = i4(buffer - owed - loan_owed)
        if has_loans:  # one in seven of those left would only borrow elsewhere; without loans one in twenty
            borrowed = max(i4(-rest), i4(0))
            on_time = on_time & (borrowed <= only(state[REPORTED, j] == i4(0), outside))
            outside, rest = i4(outside - borrowed), i4(rest + borrowed)
            borrowed = only(on_time, borrowed)
            first = min(borrowed, max(i4(pick(line_first, owed, loan_owed) - buffer), i4(0)))
            used, used_first = plus(used, borrowed), plus(used_first, first)
        else:
            on_time = on_time & (rest >= i4(0))
        buffer = rest
        full_payer, rest = state[FULL_PAYER, j], i4(i4(bill - owed) - left)
        extra = rules.extra_of(full_payer, rest, revolver_share, buffer)
        begins = False
        if converts:
            chance = rules.conversion_chance(bill, rest, buffer, derived[D_SPEND, j], full_payer, chances)
            chance = only(on_time & line_current & (left == i4(0)) & new_conversions, chance)
            begins = low_half(words[U_LINE_DECISION, i]) < u4(chance)
            extra, left = only(~begins, extra), i4(left + only(begins, rest))
            record[B_CONVERTS, i] = chance
            state[LINE_AT + CONVERTED, j] = pick(mask_of(on_time), left, converted)

        line_on_time, mask = on_time & line_current, mask_of(on_time)
        state[EMPLOYED, j] = pick(mask, i4(employed), state[EMPLOYED, j])
        state[EXTERNAL_CREDIT, j] = pick(mask, outside, state[EXTERNAL_CREDIT, j])
        state[LIQUIDITY, j] = pick(mask, i4(buffer - extra), state[LIQUIDITY, j])
        state[MONTHS_SINCE_FORGOT, j] = pick(mask, rules.since_after(since, NOTHING_MISSED), since)
        stays = lives & ~on_time
        to_do = i4(only(stays, i4(NOT_DONE)) | only(written_off, i4(HAS_WRITTEN_OFF)) | only(begins, i4(CONVERTS)))
        leaves = rules.may_leave(words[U_JOB, i], leave_chance) & line_open
        to_do = i4(to_do | only(on_time & settled_line, i4(LINE_LEAVES)))
        to_do = i4(to_do | only(leaves, i4(i4(words[U_JOB, i] << u4(LEAVE_AT)) | i4(MAY_LEAVE))))
        pending[0, j] = i4(to_do | only(asks, i4(WANTS_LOAN)) | only(current, i4(CURRENT)))
        record[B_ON_TIME, i], record[B_LINE, i] = mask, mask_of(line_on_time)
        record[B_NEED, i], record[B_PAID, i] = max(i4(-cash), i4(0)), i4(owed + extra)
        reminded = line_on_time & reached & (bill > i4(0))
        counts = i4(counts + three(line_on_time & ~settled_line, line_on_time & (owed > i4(0)), reminded))
        if has_loans:
            loan_on_time = on_time & (loan_bill > i4(0))
            drawn, beyond = state[LOAN_AT + AGE, j], i4(loan_bill - loan_owed)
            settles = low_half(words[U_LOAN_DECISION, i]) < u4(
                rules.settlement_chance(drawn, before, quality, settlement)
            )
            settles = settles & loan_on_time & employed & (beyond > i4(0))
            beyond = only(settles, beyond)
            record[B_LOAN, i], record[B_LOAN_PAID, i] = mask_of(loan_on_time), i4(loan_owed + beyond)
            reminded, fell_due = loan_on_time & loan_reached, loan_on_time & (loan_owed > i4(0))
            loan_counts, settled = i4(loan_counts + three(reminded, fell_due, settles)), plus(settled, beyond)
    flows[LINE, F_N_DUE] += counted(counts, 1)
    flows[LINE, F_N_REMINDED] += counted(counts, 2)
    if has_loans:
        flows[LOAN, F_N_REMINDED] += counted(loan_counts, 0)
        flows[LOAN, F_N_DUE] += counted(loan_counts, 1)
        flows[LOAN, F_N_SETTLED_EARLY] += counted(loan_counts, 2)
        flows[LOAN, F_SETTLED_EARLY] += whole(settled)
        first, second = (LINE, LOAN) if scalars[G_PAY_FIRST] == LINE else (LOAN, LINE)
        flows[first, F_OUTSIDE_USED] += whole(used_first)
        flows[second, F_OUTSIDE_USED] += whole(used) - whole(used_first)
    return counted(counts, 0)


@njit(forceinline=True)
def convert_bills(tile, pending, base, n, segment, flows, todo):
    """Step 5: set what falls due a month of the bills that were turned into instalments."""
    for k in range(list_marked(todo, pending, base, n, CONVERTS)):
        j = u8(todo[u8(k)])
        i = u8(j - u8(base))
        amount, v = tile.state[LINE_AT + CONVERTED, j], low_half(tile.words[U_LINE_DECISION, i])
        begin_conversion(tile.state, j, amount, v, tile.record[B_CONVERTS, i], segment.conversion, flows)


@njit(forceinline=True)
def price_lines(tile, base, n, levers, rates, some_late):
    """Fill B_RATE, and B_DEMAND once B_PAID is known: what a line's interest and its answer to the price are by grade.

    Mostly nothing goes by grade; then all have the same, and no grade is worked out. Grade E is only looked for where
    there are `some_late`.
    """
    state, record, demands = tile.state, tile.record, levers.answer[LINE, C_DEMAND]
    bounds, (best, to_b, to_c, to_d) = rules.grade_bounds(levers.month[LINE]), rate_steps(rates)
    answered, worst = (levers.bits[LINE] & ANSWERED) != 0, rates[GRADES - 1]
    if answered or rules.rates_differ(rates) or (some_late and worst != best):
        for lane in range(n):
            i, j = u8(lane), u8(base + lane)
            balance, limit, clean = state[LINE_AT + BALANCE, j], state[LINE_AT + LIMIT, j], state[LINE_AT + CLEAN, j]
            is_b, is_c, is_d = rules.grade_steps(clean, state[SCORE, j], balance, limit, True, bounds)
            is_e = some_late and state[LINE_AT + BUCKET, j] > i4(0)
            rate = rules.rate_of(is_b, is_c, is_d, best, to_b, to_c, to_d)
            record[B_RATE, i] = pick(mask_of(is_e), worst, rate)
            in_full = (state[FULL_PAYER, j] != i4(0)) & (record[B_PAID, i] >= balance)
            record[B_DEMAND, i] = i4(rules.answer_place(is_b, is_c, is_d, is_e, state[QUALITY, j], in_full))
    else:
        for lane in range(n):
            record[B_RATE, u8(lane)] = i4(best)
    if answered:
        for lane in range(n):
            i = u8(lane)
            demand = demands[u4(record[B_DEMAND, i]) & u4(ANSWERS - 1)]
            record[B_DEMAND, i] = pick(record[B_LINE, i], demand, i4(UNIT))  # without a line: the usual, in cash
    else:
        for lane in range(n):
            record[B_DEMAND, u8(lane)] = i4(UNIT)


@njit(forceinline=True)
def post_lines(tile, base, n, n_lines, row, segment, levers, sums, converts):
    """Steps 8 and 9 of the lines of who is on time: interest on what is not paid, spending, and their sums."""
    state, derived, words, record = tile.state, tile.derived, tile.words, tile.record
    spending, flows = segment.spending, sums.flows[LINE]
    spend_unemployed, new_credit = u4(segment.scalars[G_SPEND_UNEMPLOYED]), levers.month[LINE, V_NEW_CREDIT] == 1
    idle, balances, limits, credits, interests, payments, fees = i4(0), ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        on_time, line_on_time, paid = record[B_ON_TIME, i], record[B_LINE, i], record[B_PAID, i]

        # 8. interest
        balance, limit, clean = state[LINE_AT + BALANCE, j], state[LINE_AT + LIMIT, j], state[LINE_AT + CLEAN, j]
        base_of_interest, fee = i4(max(balance, i4(0)) - paid), i4(0)
        if converts:
            converted = state[LINE_AT + CONVERTED, j]
            base_of_interest = i4(base_of_interest - converted)
            fee = i4(rules.conversion_fee(converted, state[LINE_AT + CONVERTED_FEE, j]) & line_on_time)
            fees = plus(fees, fee)
        interest = rules.accrue(base_of_interest, u4(record[B_RATE, i]))
        fee_due, interest_due = state[LINE_AT + FEE_DUE, j], state[LINE_AT + INTEREST_DUE, j]
        fee_after, interest_after = rules.post_payment(fee_due, interest_due, paid)
        after = i4(i4(i4(balance - paid) + interest) + fee)

        # 9. spending
        multiplier, employed = spending[words[U_WISH, i] & u4(QUANTILES - 1)], state[EMPLOYED, j] == i4(1)
        demand, need, usual = record[B_DEMAND, i], record[B_NEED, i], derived[D_SPEND, j]
        wanted = rules.wants(usual, multiplier, employed, spend_unemployed, demand, need, new_credit)
        on_line = i4(rules.put_on_line(wanted, after, limit) & line_on_time)
        after = i4(after + on_line)
        buffer, reported = state[LIQUIDITY, j], state[REPORTED, j]
        buffer_after = min(rules.pay_cash(buffer, i4(wanted - on_line)), derived[D_CAP, j])

        state[LIQUIDITY, j] = pick(on_time, buffer_after, buffer)
        state[REPORTED, j] = pick(on_time, rules.report_after(reported), reported)
        state[LINE_AT + BALANCE, j] = pick(line_on_time, after, balance)
        state[LINE_AT + FEE_DUE, j] = pick(line_on_time, i4(fee_after + fee), fee_due)
        state[LINE_AT + INTEREST_DUE, j] = pick(line_on_time, i4(interest_after + interest), interest_due)
        state[LINE_AT + CLEAN, j] = pick(line_on_time, rules.clean_after(clean, NOTHING_MISSED), clean)
        idle = i4(idle - i4(line_on_time & mask_of(rules.is_idle(balance, after))))
        balances, limits = plus(balances, i4(after & line_on_time)), plus(limits, i4(limit & line_on_time))
        credits, interests = plus(credits, on_line), plus(interests, i4(interest & line_on_time))
        payments = plus(payments, i4(paid & line_on_time))
    rolls, vintage = sums.rolls[LINE, row], sums.vintage[LINE]
    add_current(flows, rolls, vintage, n_lines, whole(balances), whole(interests), whole(payments))
    flows[F_LIMIT] += whole(limits)
    flows[F_NEW_CREDIT] += whole(credits)
    flows[F_N_IDLE] += i8(idle)
    if converts:
        flows[F_FEES] += whole(fees)
        flows[F_CONVERSION_FEES] += whole(fees)


@njit(forceinline=True)
def post_loans(tile, base, n, loan, month_levers, sums, rates):
    """Steps 8 and 9 of the loans of who is on time: interest on what is left, the loan's end, and their sums."""
    state, record, flows, rolls = tile.state, tile.record, sums.flows[LOAN], sums.rolls[LOAN, 0]
    bounds, (best, to_b, to_c, to_d) = rules.grade_bounds(month_levers), rate_steps(rates)
    fixed, counts, balances, interests, payments = mask_of(loan[P_FIXED_RATE] == 1), i4(0), ZERO, ZERO, ZERO
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        on_time, paid = record[B_LOAN, i], record[B_LOAN_PAID, i]
        fee_due, interest_due = state[LOAN_AT + FEE_DUE, j], state[LOAN_AT + INTEREST_DUE, j]
        instalment, months_left = state[LOAN_AT + INSTALMENT, j], state[LOAN_AT + MONTHS_LEFT, j]
        balance, clean = state[LOAN_AT + BALANCE, j], state[LOAN_AT + CLEAN, j]
        rest = max(i4(months_left - i4(1)), i4(0))
        fee_after, interest_after = rules.post_payment(fee_due, interest_due, paid)
        unpaid = i4(balance - paid)
        rate = rules.loan_rate(clean, state[SCORE, j], bounds, best, to_b, to_c, to_d)
        interest = rules.accrue(unpaid, u4(pick(fixed, state[LOAN_AT + RATE, j], rate)))
        after = i4(unpaid + interest)
        remains = mask_of(after > i4(0))
        gone = i4(on_time & ~remains)
        state[LOAN_AT + BALANCE, j] = pick(on_time, after, balance)
        state[LOAN_AT + FEE_DUE, j] = pick(on_time, fee_after & remains, fee_due)
        state[LOAN_AT + INTEREST_DUE, j] = pick(on_time, i4(interest_after + interest) & remains, interest_due)
        state[LOAN_AT + MONTHS_LEFT, j] = pick(on_time, rest & remains, months_left)
        state[LOAN_AT + INSTALMENT, j] = i4(instalment & ~gone)
        state[LOAN_AT + STATE, j] = i4(state[LOAN_AT + STATE, j] & ~gone)
        state[LOAN_AT + CLEAN, j] = pick(on_time, rules.clean_after(clean, NOTHING_MISSED), clean)
        counts = i4(counts + three((on_time & remains) != i4(0), False, gone != i4(0)))
        balances, interests = plus(balances, i4(after & on_time)), plus(interests, i4(interest & on_time))
        payments = plus(payments, i4(paid & on_time))
    n_open, repaid = counted(counts, 0), counted(counts, 2)
    add_current(flows, rolls, sums.vintage[LOAN], n_open, whole(balances), whole(interests), whole(payments))
    flows[F_N_PAID_OFF] += repaid
    rolls[TO_PAID_OFF, 0] += repaid

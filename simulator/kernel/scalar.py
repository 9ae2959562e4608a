"""One month of one borrower: steps 4 to 9 of docs/model.md in its order, for anybody in any state, then `lender`.

This is the whole model. The tile kernel takes shorter ways for those who pay on time (`on_time`) and, up to the
lender's part of the month, for most of the delinquent (`delinquent`), and comes here for the others; the scalar kernel
comes here for everyone.
"""

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from . import rules
from .fixed import half, low_half, mask_of, mul_q16, mul_q16_lane, mul_q31, mul_q31_lane, only
from .late import IN_FULL, PAYS_DUES, count_wanted, has_late_stage, is_reached, work_late_account
from .lender import (
    begin_conversion,
    close_month,
    draw_loan,
    end_month,
    nothing_to_apply,
    open_record,
    rate_of_new_loan,
    stack_record,
)

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64


@njit(forceinline=True)
def open_month(state, i, record, row, terms, month_levers, rates, structural):
    """Note what each account is at the start of the month, and its interest rate: by its grade, or by its plan."""
    for p in range(N_PRODUCT):
        at = N_BORROWER + p * N_ACCOUNT
        open_record(state, i, record, p, row, max(state[at + BALANCE, i], i4(0)))
        grade = rules.grade_of(
            state[at + BUCKET, i], state[at + PLAN_LEFT, i], state[at + CLEAN, i], state[SCORE, i],
            state[at + BALANCE, i], state[at + LIMIT, i], p == LINE, rules.grade_bounds(month_levers[p]),
        )  # fmt: skip
        in_plan = mul_q31(terms[p, P_RATE], month_levers[p, V_PLAN_RATE])
        contract = i8(state[at + RATE, i]) if terms[p, P_FIXED_RATE] == 1 else i8(rates[p, u8(grade)])
        record[p, A_RATE] = in_plan if record[p, A_PLAN] else contract
        record[p, A_GRADE] = grade
        if month_levers[p, V_TRIAL_MONTHS] == 0:  # that of a lender who offers none any more is void
            state[at + TRIAL_LEFT, i] = 0
        if state[at + TRIAL_LEFT, i] > 0 and record[p, A_BILL] > 0:
            record[p, A_PLAN] = IN_TRIAL
        late = structural and has_late_stage(terms[p]) and state[at + MONTHS_LATE, i] > 0
        record[p, A_LATE] = late and record[p, A_BILL] > 0


@njit(forceinline=True)
def update_income(tile, i, word, economy):
    """Step 4: job, income, living cost, shocks, repayment elsewhere. Return the cash that was missing."""
    state, job_loss, job_find = tile.state, u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from = u4(ONE - economy[M_EXPENSE_SHOCK])
    employed, cash, back = rules.income_of(state, tile.derived, i, half(word), job_loss, job_find, shock_from)
    state[EMPLOYED, i] = employed
    state[EXTERNAL_CREDIT, i] += back
    state[LIQUIDITY, i] = max(cash, i4(0)) - back
    return max(i4(-cash), i4(0))


@njit(forceinline=True)
def bill_accounts(state, i, record, products, terms, month_levers):
    """Step 5: what each open account owes at the due date."""
    for p in range(products):
        at, bill = N_BORROWER + p * N_ACCOUNT, record[p, A_BILL]
        if bill > 0:
            arrears, instalment = state[at + ARREARS, i], i8(state[at + INSTALMENT, i])
            rest, plan_left, months_left = bill - arrears, state[at + PLAN_LEFT, i], state[at + MONTHS_LEFT, i]
            if record[p, A_PLAN] == IN_TRIAL:
                due = rules.trial_due(bill, month_levers[p])
            elif record[p, A_PLAN]:
                due = rules.loan_due(rest, instalment, plan_left)
                state[at + PLAN_LEFT, i] = plan_left - 1
            elif p == LINE:
                share = rules.min_share_of(terms[p], month_levers[p])
                charged = state[at + BUCKET, i] < terms[p, P_SUSPEND]
                left, falls = rules.converted_due(
                    state[at + CONVERTED, i], state[at + CONVERTED_PART, i], state[at + CONVERTED_FEE, i], charged
                )
                state[at + CONVERTED, i] = left
                apart = left + falls
                due = falls + min(rules.line_due(bill - apart, terms[p, P_MIN_FLOOR], share), rest - apart)
            else:
                due = rules.loan_due(rest, instalment, months_left)
            record[p, A_DUE] = record[p, A_OWED] = due
            if record[p, A_PLAN] != IN_TRIAL:  # else what is overdue waits, and the term
                record[p, A_OWED] += arrears
                if p == LOAN or record[p, A_PLAN]:
                    state[at + MONTHS_LEFT, i] = max(months_left - 1, 0)


@njit(forceinline=True)
def decide_payment(state, i, record, words, k, products, pay, segment, month, levers, flows):
    """Step 5: a bill is paid, forgotten or refused; sets A_REASON (0 = pays), and A_PAID to what is meant to be paid.

    Counts reminders that arrive. In the late stage nothing is decided: the reason stays what the arrears have been for.
    """
    debt = record[LINE, A_BILL] + record[LOAN, A_BILL]
    own = rules.borrower_logit(segment, state[QUALITY, i], rules.burden_of(debt, pay), state[REPORTED, i] != 0)
    forget = rules.in_season(state[FORGET, i], month.economy[M_FORGET])
    manual = mul_q31_lane(forget, segment.alert[state[MONTHS_SINCE_FORGOT, i]])
    for p in range(products):
        at = N_BORROWER + p * N_ACCOUNT
        if record[p, A_LATE]:
            record[p, A_REASON] = state[at + CAUSE, i]
        elif record[p, A_BILL] > 0:
            bucket = state[at + BUCKET, i]
            reached = state[REACH, i] < levers.month[p, V_REACH]
            on_autopay = state[AUTOPAY, i] < max(segment.scalars[G_AUTOPAY], levers.month[p, V_AUTOPAY])
            taught = state[EDUCATION, i] < levers.month[p, V_EDUCATED]
            habit = rules.kept_by(taught, levers.month[p, V_EDUCATION_FORGET])
            own_manual = rules.in_season(manual, month.tie[TIE_FORGET, bucket])
            forgets = rules.forgetting(own_manual, reached, levers.stage[p, bucket, S_FORGET_KEEP], on_autopay, habit)
            logit = rules.common_logit(segment, p, month.economy, levers.month[p]) + own
            tries = record[p, A_PLAN] == IN_TRIAL  # who has asked for a plan is as willing as in it
            since = (i4(0), i4(UNKNOWN)) if tries else (bucket, state[at + CAUSE, i])
            logit += rules.account_logit(segment, month.tie, state[at + STATUS, i], since[0], since[1])
            u, part = half(words[rules.decision_word(p), k]), month.tie[TIE_PART, since[0]]
            refuses, forgot, pays_part = rules.decision_of(record[p, A_BILL], u, logit, segment.sigmoid, forgets, part)
            u = half(words[U_DROPS + p, k])
            record[p, A_DROPS] = u < rules.chance_to_drop(record[p], i8(state[at + MARKS, i]), levers.month[p])
            if record[p, A_DROPS] or state[at + MARKS, i] & (FRAUD | FIRST_REFUSED):
                refuses, forgot = True, False
            record[p, A_REASON] = only(refuses, WILL_NOT) + only(forgot, FORGOT)
            meant = max(record[p, A_DUE], 0) if pays_part else record[p, A_OWED]
            record[p, A_PAID] = only(record[p, A_REASON] == 0, meant)
            flows[p, F_N_REMINDED] += reached


@njit(forceinline=True)
def pay_dues(state, i, record, products, scalars, revolver_share, flows):
    """Step 5: those who pay use the buffer, then credit elsewhere; then the line's payment beyond what is owed."""
    reported, line_first = state[REPORTED, i] != 0, mask_of(scalars[G_PAY_FIRST] == LINE)
    paid, loan_paid, borrowed, loan_borrowed, buffer, outside = rules.pay_in_order(
        line_first, record[LINE, A_PAID], record[LOAN, A_PAID], state[LIQUIDITY, i], state[EXTERNAL_CREDIT, i], reported
    )
    record[LINE, A_PAID], record[LOAN, A_PAID] = paid, loan_paid
    flow = F_OUTSIDE_REFUSED if reported else F_OUTSIDE_USED
    flows[LINE, flow] += borrowed
    flows[LOAN, flow] += loan_borrowed
    broke = SHORT if state[EMPLOYED, i] else CANNOT
    if (record[LINE, A_REASON] | record[LINE, A_LATE]) == 0 and paid < record[LINE, A_OWED]:
        record[LINE, A_REASON] = broke
    if (record[LOAN, A_REASON] | record[LOAN, A_LATE]) == 0 and loan_paid < record[LOAN, A_OWED]:
        record[LOAN, A_REASON] = broke
    if (record[LINE, A_REASON] | record[LINE, A_PLAN] | record[LINE, A_LATE]) == 0:
        rest = record[LINE, A_BILL] - record[LINE, A_OWED] - state[LINE_AT + CONVERTED, i]
        record[LINE, A_EXTRA] = rules.extra_of(state[FULL_PAYER, i], rest, revolver_share, buffer)
    state[LIQUIDITY, i] = buffer - record[LINE, A_EXTRA]
    state[EXTERNAL_CREDIT, i] = outside
    for p in range(products):
        record[p, A_REST] = record[p, A_OWED] - record[p, A_PAID]
        record[p, A_MISSED] = record[p, A_REST] > 0


@njit(forceinline=True)
def convert_bill(tile, i, record, word, segment, line_levers, flows):
    """Step 5: turn what a line's payer on time leaves of the bill into instalments, where that is asked for."""
    state, terms, v = tile.state, segment.terms[LINE], low_half(word)
    stands = state[LINE_AT + STATUS, i] == ACTIVE and state[LINE_AT + BUCKET, i] == 0 and record[LINE, A_PLAN] == 0
    pays = record[LINE, A_BILL] > 0 and record[LINE, A_REASON] == 0 and line_levers[V_NEW_CREDIT] == 1
    if terms[P_CONVERT] > 0 and stands and pays and state[LINE_AT + CONVERTED, i] == 0:
        rest = i4(record[LINE, A_BILL] - record[LINE, A_OWED])
        buffer = i4(state[LIQUIDITY, i] + record[LINE, A_EXTRA])
        chance = rules.conversion_chance(
            i4(record[LINE, A_BILL]), rest, buffer, tile.derived[D_SPEND, i], state[FULL_PAYER, i],
            rules.conversion_chances(terms),
        )  # fmt: skip
        if v < chance:
            record[LINE, A_EXTRA] = 0
            state[LIQUIDITY, i] = buffer
            begin_conversion(state, i, rest, v, chance, segment.conversion, flows)


@njit(forceinline=True)
def settle_early(state, i, record, word, month, terms, economy, flows):
    """Step 5: repay a loan early whose due was paid on time, with money from elsewhere."""
    stands = state[LOAN_AT + BUCKET, i] == 0 and record[LOAN, A_PLAN] == 0 and state[EMPLOYED, i] == 1
    rest = record[LOAN, A_BILL] - record[LOAN, A_OWED]
    if stands and record[LOAN, A_REASON] == 0 and rest > 0:
        chances, before = rules.settlement_chances(terms, economy), rules.month_before(month)
        if low_half(word) < rules.settlement_chance(state[LOAN_AT + AGE, i], before, state[QUALITY, i], chances):
            record[LOAN, A_EXTRA] = rest
            flows[F_N_SETTLED_EARLY] += 1
            flows[F_SETTLED_EARLY] += rest


@njit(forceinline=True)
def collect_in_month(state, i, record, words, k, products, advance, segment, economy, levers, flows):
    """Step 6: a missed due may still be paid after some days, by itself or when a level of the ladder asks for it.

    One word decides: first those who pay by themselves, then each level's share of the rest, level after level. Nobody
    pays more than next month's income can bear. A due that the ladder has no capacity for is only counted.
    """
    for p in range(products):
        if record[p, A_MISSED] and record[p, A_LATE] == 0:
            bucket, reason = state[N_BORROWER + p * N_ACCOUNT + BUCKET, i], record[p, A_REASON]
            paid_by, ladder = segment.in_month[reason, 1 if bucket > 0 else 0], levers.ladder[p, bucket]
            v = half(words[U_IN_MONTH + p, k])
            rest, buffer = record[p, A_REST], i8(state[LIQUIDITY, i])
            refused = state[N_BORROWER + p * N_ACCOUNT + MARKS, i] & (FRAUD | FIRST_REFUSED) | record[p, A_DROPS]
            can = rest <= buffer + advance and refused == 0
            asked = paid_by[DAYS - 1]
            day = i8(0)
            if can and v < asked:
                day = i8(1)
                while v >= paid_by[day]:
                    day += 1
            by_itself = day > 0
            priority = rules.priority_of(record[p, A_BILL], bucket, levers.month[p], levers.stage[p, bucket])
            served = rules.is_served(words[U_SERVED + p, k], priority, levers.month[p], economy)
            for level in range(N_LEVELS):
                if ladder[level, L_USED]:
                    level_day = ladder[level, L_DAY]
                    if day > 0 and (day <= level_day or not by_itself):
                        break
                    count_wanted(flows[p], levers.month[p], priority)
                    if served:
                        flows[p, F_N_CONTACTS_AT + level] += 1
                        flows[p, F_CONTACT_COST] += ladder[level, L_COST]
                        record[p, A_CASH] -= ladder[level, L_COST]
                    if not by_itself:
                        effect = ladder[level, L_EFFECT + reason - FORGOT]
                        upto = asked
                        if is_reached(state, i, p, level, bucket, segment, levers):
                            upto += mul_q31(ONE - asked, effect)
                        if can and asked <= v and v < upto:
                            if served:
                                day = level_day
                                flows[p, F_N_COLLECTED_AT + level] += 1
                                flows[p, F_COLLECTED_AT + level] += rest
                                commission = mul_q31(rest, ladder[level, L_COMMISSION])
                                flows[p, F_CONTACT_COST] += commission
                                record[p, A_CASH] -= commission
                            break
                        asked = upto
            if day > 0:
                record[p, A_DAY] = day
                record[p, A_PAID] = record[p, A_OWED]
                buffer -= rest
                if p == LINE and reason == FORGOT and record[p, A_PLAN] == 0:  # nothing but memory was missing
                    beyond = record[p, A_BILL] - record[p, A_OWED] - state[LINE_AT + CONVERTED, i]
                    share = rules.revolver_share_of(segment.scalars, levers.month[LINE])
                    record[p, A_EXTRA] = rules.extra_of(state[FULL_PAYER, i], beyond, share, buffer)
                state[LIQUIDITY, i] = buffer - record[p, A_EXTRA]


@njit(forceinline=True)
def find_bucket(state, i, record, products, segment):
    """Step 7: bucket and arrears after the payments. A trial that is kept leaves them as they were."""
    for p in range(products):
        owed, paid, at = record[p, A_OWED], record[p, A_PAID], N_BORROWER + p * N_ACCOUNT
        aside = i8(state[at + ARREARS, i]) if record[p, A_PLAN] == IN_TRIAL else i8(0)
        if paid < owed:
            bucket = state[at + BUCKET, i]
            record[p, A_TO] = rules.bucket_after(bucket, owed + aside, paid, record[p, A_DUE], segment.terms[p, P_HOLD])
            record[p, A_AFTER] = owed + aside - paid
        elif record[p, A_PLAN] == IN_TRIAL:
            settle(state, i, record, p, segment.roll_next)


@njit(forceinline=True)
def draw_state(state, i, record, words, k, products, segment, thresholds):
    """Steps 5 to 7 under roll_rates: the next state is drawn, the payment follows from it."""
    for p in range(products):
        if record[p, A_OPEN]:
            at = N_BORROWER + p * N_ACCOUNT
            before, bucket = i8(state[at + STATE, i]), i8(state[at + BUCKET, i])
            u, drawn = half(words[rules.decision_word(p), k]), i8(0)
            while u >= thresholds[p, before, drawn]:
                drawn += 1
            moved = segment.roll_next[p, before, drawn]
            after = moved & (MAX_ROWS - 1)
            to = segment.roll_state[p, after, ROLL_BUCKET]
            bill, owed = record[p, A_BILL], record[p, A_OWED]
            state[at + STATE, i] = after
            if to == EXIT_PAID_OFF:
                record[p, A_EXIT] = EXIT_PAID_OFF
                record[p, A_PAID] = owed
                record[p, A_EXTRA] = bill - owed
            elif to == EXIT_WRITTEN_OFF:
                record[p, A_EXIT] = EXIT_WRITTEN_OFF
                record[p, A_TO] = min(bucket + 1, i8(BUCKETS - 1))
                record[p, A_AFTER] = owed
            elif to > bucket or moved >= STAYS_WORSE:
                if to <= bucket:
                    to = min(bucket + 1, i8(BUCKETS - 1))
                record[p, A_TO] = to
                record[p, A_AFTER] = min(bill, owed + max(to - bucket - 1, i8(0)) * record[p, A_DUE])
            else:
                record[p, A_PAID] = owed - (to * owed) // (bucket + 1)
                record[p, A_TO] = to
                record[p, A_AFTER] = owed - record[p, A_PAID]
                if to == 0:
                    record[p, A_EXTRA] = mul_q31_lane(bill - owed, segment.roll_state[p, after, ROLL_PAYS])
            record[p, A_REST] = owed - record[p, A_PAID]
            record[p, A_MISSED] = record[p, A_REST] > 0


@njit(forceinline=True)
def work_open(state, i, record, words, k, products, segment, stage_levers, flows):
    """Step 7: collectors work accounts that were late and still are. What they take does not make them less late."""
    for p in range(products):
        at = N_BORROWER + p * N_ACCOUNT
        bucket = i8(state[at + BUCKET, i])
        still_late = record[p, A_MISSED] == 1 and bucket >= 1 and record[p, A_DAY] == 0
        elsewhere = record[p, A_EXIT] | record[p, A_PLAN] | record[p, A_LATE] | state[at + PARTS_LEFT, i]
        if still_late and elsewhere == 0:
            stage = stage_levers[p, bucket]
            flows[p, F_RECOVERY_COST] += stage[S_RECOVERY_COST]
            record[p, A_CASH] -= stage[S_RECOVERY_COST]
            pays = state[at + MARKS, i] & FRAUD == 0
            if pays and half(words[U_RECOVERY + p, k]) < stage[S_RECOVER_CHANCE]:
                balance = state[at + BALANCE, i] - record[p, A_PAID]
                recovered = mul_q31(balance, stage[S_RECOVER_SHARE])
                commission = mul_q31(recovered, stage[S_COMMISSION])
                record[p, A_RECOVERED] = recovered
                record[p, A_CASH] -= commission
                flows[p, F_RECOVERED_OPEN] += recovered
                flows[p, F_COMMISSION] += commission
                if recovered < balance:
                    record[p, A_AFTER] = min(record[p, A_AFTER], balance - recovered)
                else:
                    settle(state, i, record, p, segment.roll_next)


@njit(forceinline=True)
def settle(state, i, record, p, roll_next):
    """Step 7: nothing of an account is late any more, and no late charge stays behind; in a trial it stays as late."""
    at, after = N_BORROWER + p * N_ACCOUNT, i8(0)
    if record[p, A_PLAN] == IN_TRIAL:
        left = i8(state[at + BALANCE, i]) - record[p, A_PAID] - record[p, A_RECOVERED]
        after = min(i8(state[at + ARREARS, i]), left)
    record[p, A_TO] = i8(state[at + BUCKET, i]) if after > 0 else i8(0)
    record[p, A_AFTER] = after
    if record[p, A_DAY] == 0:
        record[p, A_REST] = 0
    state[at + STATE, i] = roll_next[p, state[at + STATE, i], 0]


@njit(forceinline=True)
def work_late(state, i, record, words, k, products, segment, economy, levers, flows):
    """Step 7: open accounts in the late stage pay in full, in part or nothing, and collectors are paid for it."""
    for p in range(products):
        at = N_BORROWER + p * N_ACCOUNT
        if record[p, A_LATE] and state[at + PARTS_LEFT, i] == 0:
            owed, in_plan = record[p, A_OWED], record[p, A_PLAN] != 0
            paid, what, takes, cost = work_late_account(
                state, i, p, owed, in_plan, record[p, A_TO], words, k, segment, economy, levers, flows[p]
            )  # fmt: skip
            record[p, A_RECOVERED], record[p, A_TAKES] = paid, takes
            record[p, A_CASH] -= cost
            record[p, A_AFTER] = min(record[p, A_AFTER], state[at + BALANCE, i] - paid)
            if what == IN_FULL:
                settle(state, i, record, p, segment.roll_next)
            elif what == PAYS_DUES:
                bucket, due, hold = state[at + BUCKET, i], record[p, A_DUE], segment.terms[p, P_HOLD]
                record[p, A_TO] = rules.bucket_after(bucket, owed, paid, due, hold)
                record[p, A_AFTER] = owed - paid


@njit(forceinline=True)
def count_dues(state, i, record, products, flows):
    """Step 7: count the dues of accounts in bucket 0, the missed and the cured; moves of more than one bucket."""
    for p in range(products):
        at, reason, day = N_BORROWER + p * N_ACCOUNT, record[p, A_REASON], record[p, A_DAY]
        if state[at + BUCKET, i] == 0 and record[p, A_OWED] > 0 and record[p, A_LATE] == 0:
            flows[p, F_N_DUE] += 1
            if record[p, A_MISSED]:
                flows[p, F_N_MISSED] += 1
                flows[p, F_N_MISSED_BY + reason] += 1
                if p == LINE and reason == SHORT:
                    flows[p, F_N_MISSED_SHORT_HIGH_USE] += rules.spends_much(state[SPEND, i], state[at + GRANTED, i])
                flows[p, F_N_CURED_30] += day > 0
                flows[p, F_N_CURED_7] += day > 0 and day <= 7
        flows[p, F_N_JUMPS] += record[p, A_TO] > state[at + BUCKET, i] + 1


@njit(forceinline=True)
def post_and_accrue(state, i, record, products, segment, flows):
    """Steps 7 and 8: take the payment off the balance, charge interest and late charges."""
    for p in range(products):
        if record[p, A_OPEN]:
            at = N_BORROWER + p * N_ACCOUNT
            to, rest = record[p, A_TO], record[p, A_REST]
            unpaid = record[p, A_OWED] - record[p, A_PAID]
            state[at + CLEAN, i] = rules.clean_after(state[at + CLEAN, i], record[p, A_MISSED] == 1)
            goes_on = record[p, A_LATE] == 1 and (to > 0 or state[at + PLAN_LEFT, i] > 0)
            if not goes_on:
                state[at + CAUSE, i] = rules.cause_after(state[at + CAUSE, i], to, unpaid, record[p, A_REASON])
            record[p, A_DAYS] = rules.days_late(record[p, A_DAY] * (record[p, A_PLAN] != IN_TRIAL), to)

            paid = record[p, A_PAID] + record[p, A_EXTRA] + record[p, A_RECOVERED]
            fee_due, interest_due = rules.post_payment(state[at + FEE_DUE, i], state[at + INTEREST_DUE, i], paid)
            balance = state[at + BALANCE, i] - paid
            if record[p, A_BILL] > 0:
                base, of_converted = rules.interest_base(balance, record[p, A_AFTER]), i4(0)
                if p == LINE:
                    kept = min(state[at + CONVERTED, i], base)
                    state[at + CONVERTED, i] = kept
                    base -= kept
                    of_converted = rules.conversion_fee(kept, state[at + CONVERTED_FEE, i])
                interest = rules.accrue(base, record[p, A_RATE])
                fee = of_converted + mul_q31_lane(rest, segment.late[p, rules.charged_days(record[p, A_DAY])])
                if (max(to, i8(DEFAULT_BUCKET)) if goes_on else to) >= segment.terms[p, P_SUSPEND]:
                    flows[p, F_INTEREST_NOT_CHARGED] += interest + fee
                else:
                    balance += interest + fee
                    interest_due += interest
                    fee_due += fee
                    flows[p, F_INTEREST] += interest
                    flows[p, F_FEES] += fee
                    flows[p, F_CONVERSION_FEES] += of_converted
            flows[p, F_PAID] += paid
            record[p, A_CASH] += paid
            state[at + BALANCE, i] = balance
            state[at + FEE_DUE, i] = fee_due
            state[at + INTEREST_DUE, i] = interest_due
            state[at + ARREARS, i] = record[p, A_AFTER]


@njit(forceinline=True)
def count_late(state, i, record, products, segment, flows):
    """Step 9: count accounts that were current and are late on the reporting day, and what they owe now."""
    reporting_day = segment.scalars[G_REPORTING_DAY]
    if reporting_day > 0:
        for p in range(products):
            at = N_BORROWER + p * N_ACCOUNT
            missed = state[at + BUCKET, i] == 0 and record[p, A_MISSED] == 1 and record[p, A_LATE] == 0
            if rules.is_late_on(reporting_day, missed, record[p, A_DAY]):
                balance = i8(state[at + BALANCE, i])
                flows[p, F_N_DPD1] += 1
                flows[p, F_BALANCE_DPD1] += balance
                if rules.is_only_late_then(record[p, A_TO], state[at + MARKS, i]):
                    flows[p, F_BALANCE_DPD1_CURRENT] += balance


@njit(forceinline=True)
def spend(tile, i, record, word, need, segment, economy, levers, flows):
    """Step 9, line: wanted spending goes on the line up to what is free; what does not fit is paid in cash."""
    state, scalars, days, line_levers = tile.state, segment.scalars, record[LINE, A_DAYS], levers.month[LINE]
    before = state[LINE_AT + BALANCE, i]
    multiplier, new_credit = segment.spending[u8(word) & u8(QUANTILES - 1)], line_levers[V_NEW_CREDIT] == 1
    structural = scalars[G_MODEL] == 0
    if structural:
        usual, employed = tile.derived[D_SPEND, i], state[EMPLOYED, i] != 0
    else:
        of_state = mul_q16(segment.roll_state[LINE, state[LINE_AT + STATE, i], ROLL_SPEND], economy[M_SPENDING])
        usual = mul_q16_lane(state[SPEND, i], of_state)
        employed = True
    in_full = state[FULL_PAYER, i] != 0 and record[LINE, A_PAID] + record[LINE, A_EXTRA] >= record[LINE, A_BILL]
    place = rules.place_of_answer(record[LINE, A_GRADE], state[QUALITY, i], in_full)
    answer = levers.answer[LINE, C_DEMAND, place]
    demand, on_line = answer if record[LINE, A_OPEN] else u4(UNIT), i4(0)
    wanted = rules.wants(usual, multiplier, employed, scalars[G_SPEND_UNEMPLOYED], demand, need, new_credit)
    if rules.is_open(state[LINE_AT + STATUS, i]) and state[LINE_AT + MARKS, i] & FRAUD:
        wanted = only(new_credit, max(i4(state[LINE_AT + LIMIT, i] - before), i4(0)))
    may = state[LINE_AT + STATUS, i] == ACTIVE and record[LINE, A_EXIT] == 0
    if may and days < line_levers[V_FREEZE_DAYS] and days < line_levers[V_CLOSE_DAYS]:
        on_line = rules.put_on_line(wanted, before, state[LINE_AT + LIMIT, i])
        state[LINE_AT + BALANCE, i] = before + on_line
        flows[LINE, F_NEW_CREDIT] += on_line
        record[LINE, A_CASH] -= on_line
    if structural:
        state[LIQUIDITY, i] = rules.pay_cash(state[LIQUIDITY, i], wanted - on_line)
    if record[LINE, A_OPEN]:
        flows[LINE, F_N_IDLE] += rules.is_idle(record[LINE, A_BILL], state[LINE_AT + BALANCE, i])


@njit(forceinline=True)
def remember(state, i, record, products):
    """Start the memory of a forgotten due, or let it fade by a month."""
    forgot = False
    for p in range(products):
        forgot |= record[p, A_MISSED] == 1 and record[p, A_REASON] == FORGOT and record[p, A_LATE] == 0
    state[MONTHS_SINCE_FORGOT, i] = rules.since_after(state[MONTHS_SINCE_FORGOT, i], forgot)


@njit
def step_scalar(tile, words, listed, n, place, segment, month, levers, sums):
    """Take the borrowers in lanes listed[0..n-1] of the tile through a month.

    `words` uint32[name, k]: those of the borrower in lane listed[k] that anybody may need.
    """
    record = stack_record()  # no store to a sum can touch it, as LLVM knows: what is in it need not be read again
    state, flows, products, scalars = tile.state, sums.flows, place.products, segment.scalars
    economy, structural = month.economy, segment.scalars[G_MODEL] == 0
    for index in range(n):
        k, i = u8(index), u8(listed[u8(index)])  # unsigned, or every look at the state would ask if it is below 0
        need = i4(0)
        open_month(state, i, record, place.row, segment.terms, levers.month, month.rates, structural)
        bill_accounts(state, i, record, products, segment.terms, levers.month)
        if structural:
            need, pay = update_income(tile, i, words[U_JOB, k], economy), tile.derived[D_PAY, i]
            advance = tile.derived[D_ADVANCE, i]
            decide_payment(state, i, record, words, k, products, pay, segment, month, levers, flows)
            revolver_share = rules.revolver_share_of(scalars, levers.month[LINE])
            pay_dues(state, i, record, products, scalars, revolver_share, flows)
            convert_bill(tile, i, record, words[U_LINE_DECISION, k], segment, levers.month[LINE], flows[LINE])
            word, terms = words[U_LOAN_DECISION, k], segment.terms[LOAN]
            settle_early(state, i, record, word, place.month, terms, economy, flows[LOAN])
            collect_in_month(state, i, record, words, k, products, advance, segment, economy, levers, flows)
            find_bucket(state, i, record, products, segment)
        else:
            draw_state(state, i, record, words, k, products, segment, month.thresholds)
        work_open(state, i, record, words, k, products, segment, levers.stage, flows)
        work_late(state, i, record, words, k, products, segment, economy, levers, flows)
        count_dues(state, i, record, products, flows)
        post_and_accrue(state, i, record, products, segment, flows)
        spend(tile, i, record, words[U_WISH, k], need, segment, economy, levers, flows)
        count_late(state, i, record, products, segment, flows)
        rate = rate_of_new_loan(state, i, levers.month[LOAN], month.rates[LOAN])
        draw_loan(state, i, record, words, k, place.month, rate, segment, levers, sums)
        if structural:
            state[LIQUIDITY, i] = min(state[LIQUIDITY, i], tile.derived[D_CAP, i])
            remember(state, i, record, products)
        if nothing_to_apply(state, i, record, products, levers.month):
            state[REPORTED, i] = rules.report_after(state[REPORTED, i])
            close_month(state, i, record, products, segment, sums)
        else:
            end_month(state, i, record, words, k, place, segment, economy, levers, sums)

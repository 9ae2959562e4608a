"""Those who are late or do not pay, many at once: who refuses, forgets or runs short, and what is paid after all.

Lanes of a tile are gathered side by side and take steps 4 to 9 of the month in vectors, as in `on_time`, but exactly
and with everything that can go wrong there. Who ends the month as it began, current, is done with, and who is late and
left alone by the lender has only the moves noted; for the others `lender.end_month` follows, one by one. Who is in a
plan is not here but in `scalar`.

Loops over blocks of STEP lanes have no rest for LLVM to do one by one; those it does better whole stay whole.
"""

from typing import NamedTuple

import numpy as np

from simulator.jit.functions import njit
from simulator.jit.intrinsics import SHORT_ROW, stack_array
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from . import rules
from .fixed import half, low_half, mask_of, mul_q16, mul_q31_lane, mul_q31_own_lane, only, pick
from .lanes import add_current, counted, derive, draw_slots, rate_steps, three
from .late import IN_FULL, PAYS_DUES, has_late_stage, work_late_account
from .lender import begin_conversion, draw_loan, end_month, end_open, fill_record, rate_of_new_loan
from .lender import stack_record as stack_account_record

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

# ---- columns of the state that are read here, and those that may change ---------------------------------------
BORROWER_READ = (
    INCOME, LIVING, SPEND, QUALITY, SCORE, FORGET, AUTOPAY, FULL_PAYER, REACH, EXTERNAL_CREDIT_LIMIT, EDUCATION,
    CONTACT,
)  # fmt: skip
BORROWER_CHANGED = (EMPLOYED, LIQUIDITY, EXTERNAL_CREDIT, REPORTED, MONTHS_SINCE_FORGOT)
ACCOUNT_READ = (STATUS, LIMIT, BUCKET, ARREARS, CAUSE, MARKS)
ACCOUNT_CHANGED = (BALANCE, INTEREST_DUE, FEE_DUE, CLEAN)
LATE_CHANGED = (ARREARS, CAUSE)  # of accounts that are not R_OPEN
LOAN_CHANGED = (STATE, INSTALMENT, MONTHS_LEFT)
LATE_READ = (LINE_AT + MONTHS_LATE, LOAN_AT + MONTHS_LATE)  # where there is a late stage
OF_CONVERSION = tuple(LINE_AT + c for c in (CONVERTED, CONVERTED_PART, CONVERTED_FEE))
READ = (
    *BORROWER_READ, LINE_AT + GRANTED, *BORROWER_CHANGED, *(LINE_AT + c for c in (*ACCOUNT_READ, *ACCOUNT_CHANGED)),
)  # fmt: skip
CHANGED = (*BORROWER_CHANGED, *(LINE_AT + c for c in ACCOUNT_CHANGED))
READ_LOAN = tuple(LOAN_AT + c for c in (*ACCOUNT_READ, *ACCOUNT_CHANGED, *LOAN_CHANGED, AGE, RATE))
CHANGED_LOAN = tuple(LOAN_AT + c for c in (*ACCOUNT_CHANGED, *LOAN_CHANGED))

stack_record = stack_array(np.int32, N_DELINQUENT_RECORD, SHORT_ROW)


class NarrowTables(NamedTuple):
    """Tables of a segment and a month in 32 bits, for the lanes."""

    self_cure: np.ndarray  # uint32[CURE_SIZE]: q31 paid unasked by a day; rows: twice the reason, + 1 if late before
    late_charges: np.ndarray  # uint32[N_PRODUCT * CURE_ROW], by product and day
    forget_keeps: np.ndarray  # uint32[N_PRODUCT * BUCKETS]: q31 of FORGET that a reminder leaves
    ladder: np.ndarray  # uint32[LADDER_SIZE], from `rung_of` on by bucket and name


@njit(forceinline=True)
def narrow_segment(narrow, segment):
    """Copy what missed dues are paid by unasked, and what late charges cost, to the 32-bit tables."""
    in_month, late = segment.in_month, segment.late
    for reason in range(in_month.shape[0]):
        for was_late in range(in_month.shape[1]):
            row = (2 * reason + was_late) * CURE_ROW
            for day in range(in_month.shape[2]):
                narrow.self_cure[row + day] = in_month[reason, was_late, day]
            narrow.self_cure[row + DAYS] = 0xFFFFFFFF
    for p in range(late.shape[0]):
        for day in range(late.shape[1]):
            narrow.late_charges[p * CURE_ROW + day] = late[p, day]


@njit(forceinline=True)
def narrow_levers(narrow, p, bits, stages, ladder, scalars, times):
    """Copy what reminders and the levels `bits` of a product's ladder do to the 32-bit tables.

    In them L_REACH is the share (q31) of borrowers whom the level reaches, L_LIFT that of the educated: `times` (q16).
    The sizes are the arrays' own: loops of known lengths LLVM would unroll, and take twice as long over all of this.
    """
    buckets, names = ladder.shape[0], ladder.shape[2]
    for bucket in range(buckets):
        narrow.forget_keeps[p * BUCKETS + bucket] = stages[bucket, S_FORGET_KEEP]
    for level in range(N_LEVELS):
        if (bits >> level) & 1:
            rung = rung_of(p, level)
            for bucket in range(buckets):
                for k in range(names):
                    narrow.ladder[u8(rung + bucket * names + k)] = ladder[u8(bucket), u8(level), u8(k)]
                reach = rules.reach_of_level(scalars, level, bucket, ladder[u8(bucket), u8(level), L_REACH])
                narrow.ladder[u8(rung + bucket * names + L_REACH)] = reach
                narrow.ladder[u8(rung + bucket * names + L_LIFT)] = rules.reach_times(reach, times)


@njit(forceinline=True)
def rung_of(p, level):
    """Return where a level of a product's ladder begins in `NarrowTables.ladder`: [bucket * N_LADDER + name]."""
    return (p * N_LEVELS + level) * BUCKETS * N_LADDER


@njit(forceinline=True)
def gather(tile, gathered, listed, n, products, converts, late_stages):
    """Copy what is read here of lanes listed[0..n-1] of the tile to the first n gathered lanes.

    Of a segment without loans, or without bills in instalments, their columns are 0: they still hold what an earlier
    segment left.
    """
    for c in OF_CONVERSION:
        for k in range(n):
            gathered.state[u8(c), u8(k)] = 0
    if converts:
        for c in OF_CONVERSION:
            for k in range(n):
                gathered.state[u8(c), u8(k)] = tile.state[u8(c), u8(listed[u8(k)])]
    if late_stages:
        for c in LATE_READ:
            for k in range(n):
                gathered.state[u8(c), u8(k)] = tile.state[u8(c), u8(listed[u8(k)])]
    for c in READ:
        for k in range(n):
            gathered.state[u8(c), u8(k)] = tile.state[u8(c), u8(listed[u8(k)])]
    if products == N_PRODUCT:
        for c in READ_LOAN:
            for k in range(n):
                gathered.state[u8(c), u8(k)] = tile.state[u8(c), u8(listed[u8(k)])]
    else:
        for c in READ_LOAN:
            for k in range(n):
                gathered.state[u8(c), u8(k)] = 0
    for k in range(n):
        gathered.derived[D_INDEX, u8(k)] = tile.derived[D_INDEX, u8(listed[u8(k)])]


@njit(forceinline=True)
def scatter(tile, gathered, listed, n, products, converts):
    """Copy back what may have changed for anybody; see `scatter_late`."""
    if converts:
        for c in OF_CONVERSION:
            for k in range(n):
                tile.state[u8(c), u8(listed[u8(k)])] = gathered.state[u8(c), u8(k)]
    for c in CHANGED:
        for k in range(n):
            tile.state[u8(c), u8(listed[u8(k)])] = gathered.state[u8(c), u8(k)]
    if products == N_PRODUCT:
        for c in CHANGED_LOAN:
            for k in range(n):
                tile.state[u8(c), u8(listed[u8(k)])] = gathered.state[u8(c), u8(k)]


@njit(forceinline=True)
def scatter_late(tile, gathered, i, lane, account):
    """Copy back what only changes for an account that was or is late: of one, from gathered `lane` to lane `i`."""
    for c in LATE_CHANGED:
        tile.state[u8(account + c), i] = gathered.state[u8(account + c), lane]


@njit(forceinline=True)
def update_income(gathered, n, segment, economy):
    """Step 4, and what step 5 asks of the borrower whatever the product: R_LOGIT and R_MANUAL."""
    state, derived, words, record = gathered.state, gathered.derived, gathered.words, gathered.record
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from, alert = u4(ONE - economy[M_EXPENSE_SHOCK]), segment.alert
    forget_factor = u4(economy[M_FORGET])
    for lane in range(n):
        i = u8(lane)
        employed, cash, back = rules.income_of(state, derived, i, half(words[U_JOB, i]), job_loss, job_find, shock_from)
        state[EMPLOYED, i], state[EXTERNAL_CREDIT, i] = i4(employed), i4(state[EXTERNAL_CREDIT, i] + back)
        state[LIQUIDITY, i] = i4(max(cash, i4(0)) - back)
        record[R_NEED, i] = max(i4(-cash), i4(0))
        debt = rules.bill_of(state[LINE_AT + STATUS, i], state[LINE_AT + BALANCE, i])
        debt = i4(debt + rules.bill_of(state[LOAN_AT + STATUS, i], state[LOAN_AT + BALANCE, i]))
        record[R_LOGIT, i] = i4(rules.burden_of(debt, derived[D_PAY, i]))
    for lane in range(n):  # tables apart: where looking up is slow, LLVM would do all of a loop with them one by one
        i = u8(lane)
        reported = state[REPORTED, i] != i4(0)
        record[R_LOGIT, i] = rules.borrower_logit(segment, state[QUALITY, i], record[R_LOGIT, i], reported)
        forget = rules.in_season(state[FORGET, i], forget_factor)
        record[R_MANUAL, i] = mul_q31_own_lane(forget, alert[u4(state[MONTHS_SINCE_FORGOT, i]) & u4(31)])


@njit(forceinline=True)
def decide_payment(gathered, n, p, segment, month, month_levers, forget_keeps):
    """Step 5: what is owed and what of it is meant to be paid, R_PAID; R_REASON is WILL_NOT, FORGOT or 0.

    In the late stage nothing is decided: the reason stays what the arrears have been for.
    """
    state, words, record, terms = gathered.state, gathered.words, gathered.record, segment.terms[p]
    at, account = p * N_OWN, N_BORROWER + p * N_ACCOUNT
    floor, min_share, suspend = i4(terms[P_MIN_FLOOR]), rules.min_share_of(terms, month_levers), u4(terms[P_SUSPEND])
    enrolled, reach = u4(max(segment.scalars[G_AUTOPAY], month_levers[V_AUTOPAY])), u4(month_levers[V_REACH])
    common = rules.common_logit(segment, p, month.economy, month_levers)
    educated, habit = u4(month_levers[V_EDUCATED]), u4(month_levers[V_EDUCATION_FORGET])
    late_stage = mask_of(has_late_stage(terms))
    for lane in range(n):
        i = u8(lane)
        status, arrears = state[account + STATUS, i], state[account + ARREARS, i]
        bucket = u4(state[account + BUCKET, i]) & u4(15)
        bill = rules.bill_of(status, state[account + BALANCE, i])
        if p == LINE:
            part, fee = state[LINE_AT + CONVERTED_PART, i], state[LINE_AT + CONVERTED_FEE, i]
            left, falls = rules.converted_due(state[LINE_AT + CONVERTED, i], part, fee, bucket < suspend)
            state[LINE_AT + CONVERTED, i] = left
            rest = i4(i4(bill - left) - falls)
            due = i4(falls + min(rules.line_due(rest, floor, min_share), i4(rest - arrears)))
        else:
            due = rules.loan_due(i4(bill - arrears), state[LOAN_AT + INSTALMENT, i], state[LOAN_AT + MONTHS_LEFT, i])
        due = only(bill > i4(0), due)

        reached = u4(state[REACH, i]) < reach
        keep = i4(forget_keeps[u4(bucket + u4(p * BUCKETS)) & u4(N_PRODUCT * BUCKETS - 1)])
        kept = rules.kept_by(u4(state[EDUCATION, i]) < educated, habit)
        manual = rules.in_season(record[R_MANUAL, i], u4(month.tie[TIE_FORGET, bucket]))
        forgets = rules.forgetting(manual, reached, keep, u4(state[AUTOPAY, i]) < enrolled, kept)
        cause = state[account + CAUSE, i]
        own = rules.account_logit(segment, month.tie, status, bucket, cause)
        logit = i4(i4(common + record[R_LOGIT, i]) + own)
        u, part = half(words[rules.decision_word(p), i]), month.tie[TIE_PART, bucket]
        refuses, forgot, pays_part = rules.decision_of(bill, u, logit, segment.sigmoid, forgets, part)
        owed = i4(due + only(bill > i4(0), arrears))
        record[at + R_BILL, i], record[at + R_DUE, i], record[at + R_OWED, i] = bill, due, owed
        in_stage = i4(mask_of((bill > i4(0)) & (state[account + MONTHS_LATE, i] > i4(0))) & late_stage)
        reason = i4(only(refuses, i4(WILL_NOT)) + only(forgot, i4(FORGOT)))
        record[at + R_REASON, i] = pick(in_stage, cause, reason)
        record[at + R_PAID, i] = only(i4(reason | in_stage) == i4(0), pick(mask_of(pays_part), max(due, i4(0)), owed))
        record[R_REMINDED + p, i] = i4(i4(reached & (bill > i4(0))) & ~in_stage)
        record[at + R_STAGE, i] = in_stage


@njit(forceinline=True)
def pay_dues(state, record, n, scalars, revolver_share):
    """Step 5: pay in the stated order of the products, from the buffer, then from credit elsewhere."""
    line_first = mask_of(scalars[G_PAY_FIRST] == LINE)
    for lane in range(n):
        i = u8(lane)
        buffer, outside, reported = state[LIQUIDITY, i], state[EXTERNAL_CREDIT, i], state[REPORTED, i] != i4(0)
        owed, reason, loan_reason = record[R_OWED, i], record[R_REASON, i], record[N_OWN + R_REASON, i]
        pays = i4(reason | record[R_STAGE, i]) == i4(0)
        pays_loan = i4(loan_reason | record[N_OWN + R_STAGE, i]) == i4(0)
        paid, loan_paid, line_borrowed, loan_borrowed, buffer, outside = rules.pay_in_order(
            line_first, record[R_PAID, i], record[N_OWN + R_PAID, i], buffer, outside, reported
        )
        broke = pick(mask_of(state[EMPLOYED, i] != i4(0)), i4(SHORT), i4(CANNOT))
        reason = i4(reason + only(pays & (paid < owed), broke))
        loan_reason = i4(loan_reason + only(pays_loan & (loan_paid < record[N_OWN + R_OWED, i]), broke))
        rest = i4(i4(record[R_BILL, i] - owed) - state[LINE_AT + CONVERTED, i])
        extra = rules.extra_of(state[FULL_PAYER, i], rest, revolver_share, buffer)
        extra = only(i4(reason | record[R_STAGE, i]) == i4(0), extra)
        state[EXTERNAL_CREDIT, i], state[LIQUIDITY, i] = outside, i4(buffer - extra)
        record[R_PAID, i], record[R_EXTRA, i], record[R_REASON, i] = paid, extra, reason
        record[R_USED, i], record[R_REFUSED, i] = only(~reported, line_borrowed), only(reported, line_borrowed)
        record[N_OWN + R_PAID, i], record[N_OWN + R_EXTRA, i] = loan_paid, i4(0)
        record[N_OWN + R_REASON, i] = loan_reason
        record[N_OWN + R_USED, i] = only(~reported, loan_borrowed)
        record[N_OWN + R_REFUSED, i] = only(reported, loan_borrowed)


@njit(forceinline=True)
def convert_bills(gathered, n, segment, flows):
    """Step 5: turn what payers on time leave of a line's bill into instalments, where that is asked for."""
    state, derived, words, record = gathered.state, gathered.derived, gathered.words, gathered.record
    chances = rules.conversion_chances(segment.terms[LINE])
    for lane in range(n):
        i = u8(lane)
        late = state[LINE_AT + BUCKET, i] | record[R_REASON, i] | state[LINE_AT + CONVERTED, i]
        if state[LINE_AT + STATUS, i] == i4(ACTIVE) and late == i4(0):
            bill, v = record[R_BILL, i], low_half(words[U_LINE_DECISION, i])
            rest, buffer = i4(bill - record[R_OWED, i]), i4(state[LIQUIDITY, i] + record[R_EXTRA, i])
            usual, full_payer = derived[D_SPEND, i], state[FULL_PAYER, i]
            chance = rules.conversion_chance(bill, rest, buffer, usual, full_payer, chances)
            if v < u4(chance):
                record[R_EXTRA, i] = i4(0)
                state[LIQUIDITY, i] = buffer
                begin_conversion(state, i, rest, v, chance, segment.conversion, flows)


@njit(forceinline=True)
def settle_early(gathered, n, before, segment, economy, flows):
    """Step 5: repay loans early whose due was paid on time, with money from elsewhere."""
    state, words, record = gathered.state, gathered.words, gathered.record
    chances = rules.settlement_chances(segment.terms[LOAN], economy)
    for lane in range(n):
        i = u8(lane)
        rest = i4(record[N_OWN + R_BILL, i] - record[N_OWN + R_OWED, i])
        late = state[LOAN_AT + BUCKET, i] | record[N_OWN + R_REASON, i]
        if rest > i4(0) and late == i4(0) and state[EMPLOYED, i] != i4(0):
            drawn, quality = state[LOAN_AT + AGE, i], state[QUALITY, i]
            if low_half(words[U_LOAN_DECISION, i]) < u4(rules.settlement_chance(drawn, before, quality, chances)):
                record[N_OWN + R_EXTRA, i] = rest
                flows[F_N_SETTLED_EARLY] += 1
                flows[F_SETTLED_EARLY] += rest


@njit(forceinline=True)
def pay_unasked(gathered, n, p, self_cure):
    """Step 6: the day on which a missed due is paid without being asked; R_ASKED is whoever may pay so.

    In the late stage nobody is: there the month is over already.
    """
    state, derived, words, record = gathered.state, gathered.derived, gathered.words, gathered.record
    at, account = p * N_OWN, N_BORROWER + p * N_ACCOUNT
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            rest = i4(record[at + R_OWED, i] - record[at + R_PAID, i])
            row = u4(u4(record[at + R_REASON, i]) << u4(1)) + u4(state[account + BUCKET, i] > i4(0))
            row = u4(u4(row) * u4(CURE_ROW))
            v, in_stage = half(words[U_IN_MONTH + p, i]), record[at + R_STAGE, i]
            asked = self_cure[u4(row + u4(DAYS - 1)) & u4(CURE_SIZE - 1)]
            pays = (rest > i4(0)) & (rest <= i4(state[LIQUIDITY, i] + derived[D_ADVANCE, i])) & (v < asked)
            before = u4(0)  # days that are over before the payment
            for step in (16, 8, 4, 2, 1):
                later = v >= self_cure[u4(u4(row + before) + u4(step)) & u4(CURE_SIZE - 1)]
                before = u4(before + (u4(step) & u4(mask_of(later))))
            record[at + R_DAY, i] = i4(only(pays, i4(before + u4(1))) & ~in_stage)
            record[at + R_ASKED, i] = i4(asked)
            record[at + R_CONTACTS, i] = i4(0)
            record[at + R_PRIORITY, i] = i4(0)
            record[at + R_ENDED, i] = in_stage


@njit(forceinline=True)
def order_dues(gathered, n, p, month_levers, stages, flows):
    """Step 6: set the class of priority of each due in the order of the ladder, and count contacts wanted by class."""
    record, at, account = gathered.record, p * N_OWN, N_BORROWER + p * N_ACCOUNT
    for lane in range(n):
        bill, bucket = record[at + R_BILL, u8(lane)], gathered.state[account + BUCKET, u8(lane)]
        priority = rules.priority_of(bill, bucket, month_levers, stages[u8(bucket) & u8(15)])
        record[at + R_PRIORITY, u8(lane)] = priority
        for level in range(N_LEVELS):
            flows[F_N_CONTACTS_WANTED_IN + priority] += (record[at + R_CONTACTS, u8(lane)] >> i4(level)) & i4(1)


@njit(forceinline=True)
def ask(gathered, n, p, level, month_levers, ladder):
    """Step 6: one level of the ladder works the dues that are still unpaid on its day."""
    state, derived, words, record = gathered.state, gathered.derived, gathered.words, gathered.record
    educated = u4(month_levers[V_EDUCATED])
    at, account, bit, rung = p * N_OWN, N_BORROWER + p * N_ACCOUNT, i4(1 << level), u4(rung_of(p, level))
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            rest, reason = i4(record[at + R_OWED, i] - record[at + R_PAID, i]), record[at + R_REASON, i]
            paid_on, ended, asked = record[at + R_DAY, i], record[at + R_ENDED, i], u4(record[at + R_ASKED, i])
            own = u4(rung + u4(u4(state[account + BUCKET, i]) * u4(N_LADDER)))
            used = ladder[u4(own + u4(L_USED)) & u4(LADDER_SIZE - 1)] != u4(0)
            day = i4(ladder[u4(own + u4(L_DAY)) & u4(LADDER_SIZE - 1)])
            effect = ladder[u4(u4(own + u4(L_EFFECT)) + u4(u4(reason - i4(FORGOT)) & u4(3))) & u4(LADDER_SIZE - 1)]
            ended = i4(ended - i4(used & (ended == i4(0)) & (paid_on > i4(0)) & (paid_on <= day)))
            works_it = used & (rest > i4(0)) & (ended == i4(0))
            tries = works_it & (paid_on == i4(0))
            whose = u4(u4(L_REACH) - u4(u4(state[EDUCATION, i]) < educated))
            reached = u4(state[CONTACT, i]) < ladder[u4(own + whose) & u4(LADDER_SIZE - 1)]
            upto = u4(asked + u4(only(reached, mul_q31_lane(u4(u4(ONE) - asked), effect))))
            v = half(words[U_IN_MONTH + p, i])
            hit = tries & (rest <= i4(state[LIQUIDITY, i] + derived[D_ADVANCE, i])) & (v >= asked) & (v < upto)
            record[at + R_CONTACTS, i] = i4(record[at + R_CONTACTS, i] | only(works_it, bit))
            record[at + R_DAY, i] = i4(paid_on + only(hit, day))
            record[at + R_ENDED, i] = i4(ended + only(hit, i4(level + 1)))
            record[at + R_ASKED, i] = pick(mask_of(tries & ~hit), i4(upto), i4(asked))


@njit(forceinline=True)
def pay_late(gathered, n, p, revolver_share, month_levers, economy):
    """Step 6: what is paid within the month leaves the buffer, as an advance on next month's pay if need be.

    Dues that the ladder has no capacity for are only counted. Who forgot pays what would have been paid on time.
    """
    state, words, record = gathered.state, gathered.words, gathered.record
    at, at_class, share = p * N_OWN, i4(month_levers[V_SERVED_CLASS]), u4(rules.served_share(month_levers, economy))
    above = u4(min(mul_q16(i8(ONE), economy[M_COLLECTION]), i8(ONE)))
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            u, priority = half(words[U_SERVED + p, i]), record[at + R_PRIORITY, i]
            served = ((priority == at_class) & (u < share)) | ((priority > at_class) & (u < above))
            contacts, ended, day = record[at + R_CONTACTS, i], record[at + R_ENDED, i], record[at + R_DAY, i]
            day = only(served | (ended <= i4(0)), day)
            record[at + R_WANTED, i] = contacts
            record[at + R_CONTACTS, i] = only(served, contacts)
            record[at + R_ENDED, i] = only(served, ended)
            record[at + R_DAY, i] = day
            pays = day > i4(0)
            buffer = i4(state[LIQUIDITY, i] - only(pays, i4(record[at + R_OWED, i] - record[at + R_PAID, i])))
            if p == LINE:
                forgot = pays & (record[R_REASON, i] == i4(FORGOT))
                rest = i4(i4(record[R_BILL, i] - record[R_OWED, i]) - state[LINE_AT + CONVERTED, i])
                extra = only(forgot, rules.extra_of(state[FULL_PAYER, i], rest, revolver_share, buffer))
                record[R_EXTRA, i] = i4(record[R_EXTRA, i] + extra)
                buffer = i4(buffer - extra)
            state[LIQUIDITY, i] = buffer


@njit(forceinline=True)
def age(state, record, n, p, hold):
    """Step 7: bucket and arrears after the payments, and the days late that rules see; `hold` q31 of the due."""
    at, account, hold = p * N_OWN, N_BORROWER + p * N_ACCOUNT, u4(hold)
    for block in range(0, n, STEP):
        for lane in range(block, block + STEP):
            i = u8(lane)
            owed, paid, day = record[at + R_OWED, i], record[at + R_PAID, i], record[at + R_DAY, i]
            bucket, due = state[account + BUCKET, i], record[at + R_DUE, i]
            unpaid = (owed > paid) & (day == i4(0))
            after = only(unpaid, i4(owed - paid))
            to = only(unpaid, rules.bucket_after(bucket, owed, paid, due, hold))
            record[at + R_TO, i], record[at + R_AFTER, i] = to, after
            record[at + R_DAYS, i] = rules.days_late(day, to)


@njit(forceinline=True)
def work_late(tile, gathered, listed, n, p, segment, economy, levers, flows, todo):
    """Step 7, one by one: accounts in the late stage pay in full, in part or nothing."""
    state, record, at, account, late = gathered.state, gathered.record, p * N_OWN, N_BORROWER + p * N_ACCOUNT, i8(0)
    for k in range(n):
        todo[u8(late)] = k
        late -= i8(record[at + R_STAGE, u8(k)])
    for k in range(late):
        i = u8(todo[u8(k)])
        owed, to = record[at + R_OWED, i], record[at + R_TO, i]
        paid, what, takes, cost = work_late_account(
            state, i, p, owed, False, to, gathered.words, i, segment, economy, levers, flows
        )
        record[at + R_RECOVERED, i], record[at + R_TAKES, i], record[at + R_COST, i] = paid, takes, cost
        record[at + R_AFTER, i] = min(i8(record[at + R_AFTER, i]), i8(state[account + BALANCE, i]) - paid)
        if what == IN_FULL:
            record[at + R_TO, i], record[at + R_AFTER, i], record[at + R_DAYS, i] = 0, 0, 0
            state[account + STATE, i] = 0
            tile.state[account + STATE, u8(listed[i])] = 0
        elif what == PAYS_DUES:
            bucket, due, hold = state[account + BUCKET, i], record[at + R_DUE, i], u4(segment.terms[p, P_HOLD])
            record[at + R_TO, i] = rules.bucket_after(bucket, owed, i4(paid), due, hold)
            record[at + R_AFTER, i] = i8(owed) - paid
            record[at + R_DAYS, i] = rules.days_late(i4(0), record[at + R_TO, i])


@njit(forceinline=True)
def post_account(state, record, i, p, rate, late_charges, suspend):
    """Step 8: take the payment off the balance; add interest at `rate` and a late charge, unless suspended.

    Return (balance, held, was late): the new balance, -1 where there is an account, and 0 where neither arrears nor
    their cause nor marks stood on it before.
    """
    at, account = p * N_OWN, N_BORROWER + p * N_ACCOUNT
    owed, to, after, day = record[at + R_OWED, i], record[at + R_TO, i], record[at + R_AFTER, i], record[at + R_DAY, i]
    rest, bill, in_stage = i4(owed - record[at + R_PAID, i]), record[at + R_BILL, i], record[at + R_STAGE, i]
    goes_on = i4(in_stage & mask_of(to > i4(0)))
    paid = i4(pick(mask_of(day > i4(0)), owed, record[at + R_PAID, i]) + record[at + R_EXTRA, i])
    paid = i4(paid + i4(record[at + R_RECOVERED, i] & in_stage))
    held = mask_of(rules.is_account(state[account + STATUS, i], bill, p))
    cause, followed = state[account + CAUSE, i], rules.followed(state[account + MARKS, i])
    was_late = i4(state[account + ARREARS, i] | cause | followed)
    base, of_converted = rules.interest_base(i4(bill - paid), after), i4(0)
    if p == LINE:
        kept = min(state[LINE_AT + CONVERTED, i], base)
        state[LINE_AT + CONVERTED, i] = kept
        base, of_converted = i4(base - kept), rules.conversion_fee(kept, state[LINE_AT + CONVERTED_FEE, i])
    interest = rules.accrue(base, rate)
    of_day = u4(u4(rules.charged_days(day)) + u4(p * CURE_ROW)) & u4(N_PRODUCT * CURE_ROW - 1)
    fee = i4(mul_q31_lane(pick(in_stage, i4(rest & goes_on), rest), late_charges[of_day]) + of_converted)
    stops = pick(goes_on, max(to, i4(DEFAULT_BUCKET)), to) >= suspend
    if p == LINE:
        record[R_CONVERTED_FEE, i] = only((held != i4(0)) & ~stops, of_converted)
    not_charged = only(stops, i4(interest + fee))
    interest, fee = only(~stops, interest), only(~stops, fee)
    fee_due, interest_due = state[account + FEE_DUE, i], state[account + INTEREST_DUE, i]
    fee_after, interest_after = rules.post_payment(fee_due, interest_due, paid)
    balance = i4(i4(i4(state[account + BALANCE, i] - paid) + interest) + fee)
    state[account + FEE_DUE, i] = pick(held, i4(fee_after + fee), fee_due)
    state[account + INTEREST_DUE, i] = pick(held, i4(interest_after + interest), interest_due)
    state[account + ARREARS, i] = pick(held, after, state[account + ARREARS, i])
    clean, missed = state[account + CLEAN, i], rest > i4(0)
    state[account + CLEAN, i] = pick(held, rules.clean_after(clean, missed), clean)
    cause_after = rules.cause_after(cause, to, after, record[at + R_REASON, i])
    state[account + CAUSE, i] = pick(i4(held & ~goes_on), cause_after, cause)
    record[at + R_INTEREST, i], record[at + R_FEE, i] = interest & held, fee & held
    record[at + R_NOT_CHARGED, i], record[at + R_TOOK, i] = not_charged & held, paid & held
    fell_due = (state[account + BUCKET, i] == i4(0)) & (owed > i4(0))
    reason, cured = only(fell_due & missed, record[at + R_REASON, i]), fell_due & missed & (day > i4(0))
    record[at + R_COUNTS, i] = three(False, record[R_REMINDED + p, i] != i4(0), fell_due)
    record[at + R_MISSED, i] = three(reason == i4(FORGOT), reason == i4(SHORT), reason == i4(CANNOT))
    record[at + R_CURED, i] = three(reason == i4(WILL_NOT), cured, cured & (day <= i4(7)))
    return balance, held, was_late


class Patience(NamedTuple):
    """The levers of a product within which the lender leaves an open account alone."""

    freeze_days: int  # days late at which it is frozen
    close_days: int
    report_days: int
    leave_bucket: int  # bucket at which it is written off, sold, or offered a plan or a settlement
    cuts: int  # -1 if limits are cut on falling into some bucket, else 0


@njit(forceinline=True)
def patience_of(month_levers, bits):
    """Return the Patience of a month's levers of a product."""
    asked = min(month_levers[V_PLAN_BUCKET], month_levers[V_EDUCATION_PLAN])
    plans = asked if month_levers[V_PLAN_CHANCE] > 0 else i8(NEVER)
    offers = i8(DEFAULT_BUCKET) if (bits & OFFERS) != 0 else i8(NEVER)
    leave = min(month_levers[V_WRITE_OFF], month_levers[V_SELL_OPEN], plans, offers)
    freeze, close, report = month_levers[V_FREEZE_DAYS], month_levers[V_CLOSE_DAYS], month_levers[V_REPORT_DAYS]
    return Patience(i4(freeze), i4(close), i4(report), i4(leave), mask_of((bits & CUTS) != 0))


@njit(forceinline=True)
def is_left_alone(status, bucket, to, days, patience):
    """Step 10: return whether the lender only notes the bucket of an open account, freezes, thaws or reports it."""
    stays = (status == i4(ACTIVE)) | (status == i4(FROZEN)) | ((status == i4(CLOSED)) & (to > i4(0)))
    calm = (days < patience.close_days) | (status == i4(CLOSED))
    return stays & calm & (to < patience.leave_bucket) & ((to & patience.cuts) <= bucket)


@njit(forceinline=True)
def reports(held, days, patience, months):
    """Step 10 (h): return 1 + the months that a report of an account lasts, 0 if it is not late enough for one."""
    return i4(held & only(days >= patience.report_days, i4(months + i4(1))))


@njit(forceinline=True)
def answer_prices(state, record, n, levers):
    """Fill R_DEMAND: what customers answer to the line's price, where anybody does."""
    demands, bounds = levers.answer[LINE, C_DEMAND], rules.grade_bounds(levers.month[LINE])
    if (levers.bits[LINE] & ANSWERED) == 0:
        for lane in range(n):
            record[R_DEMAND, u8(lane)] = i4(UNIT)
        return
    for lane in range(n):
        i = u8(lane)
        before, limit, clean = state[LINE_AT + BALANCE, i], state[LINE_AT + LIMIT, i], state[LINE_AT + CLEAN, i]
        is_b, is_c, is_d = rules.grade_steps(clean, state[SCORE, i], before, limit, True, bounds)
        paid = pick(mask_of(record[R_DAY, i] > i4(0)), record[R_OWED, i], record[R_PAID, i])
        in_full = (state[FULL_PAYER, i] != i4(0)) & (i4(paid + record[R_EXTRA, i]) >= record[R_BILL, i])
        is_e = state[LINE_AT + BUCKET, i] > i4(0)
        record[R_DEMAND, i] = demands[rules.answer_place(is_b, is_c, is_d, is_e, state[QUALITY, i], in_full)]


@njit(forceinline=True)
def post_lines(gathered, n, segment, levers, late_charges, rates):
    """Steps 7 to 9 of the line, and who is done for its part."""
    month_levers = levers.month[LINE]
    state, derived, words, record = gathered.state, gathered.derived, gathered.words, gathered.record
    bounds, (best, to_b, to_c, to_d) = rules.grade_bounds(month_levers), rate_steps(rates)
    worst, suspend, spending = rates[4], i4(segment.terms[LINE, P_SUSPEND]), segment.spending
    spend_unemployed, new_credit = u4(segment.scalars[G_SPEND_UNEMPLOYED]), month_levers[V_NEW_CREDIT] == 1
    patience, report_months = patience_of(month_levers, levers.bits[LINE]), i4(month_levers[V_REPORT_MONTHS])
    most, new_loans = u4(levers.most[MOST_WISH]), levers.month[LOAN, V_NEW_CREDIT] == 1
    for lane in range(n):
        i = u8(lane)
        status, bucket, clean = state[LINE_AT + STATUS, i], state[LINE_AT + BUCKET, i], state[LINE_AT + CLEAN, i]
        before, limit = state[LINE_AT + BALANCE, i], state[LINE_AT + LIMIT, i]
        to, days = record[R_TO, i], record[R_DAYS, i]
        is_b, is_c, is_d = rules.grade_steps(clean, state[SCORE, i], before, limit, True, bounds)
        rate = rules.rate_of(is_b, is_c, is_d, best, to_b, to_c, to_d)
        rate = u4(pick(mask_of(bucket > i4(0)), i4(worst), i4(rate)))
        balance, held, was_late = post_account(state, record, i, LINE, rate, late_charges, suspend)

        employed, multiplier = state[EMPLOYED, i] != i4(0), spending[words[U_WISH, i] & u4(QUANTILES - 1)]
        demand = pick(held, record[R_DEMAND, i], i4(UNIT))
        need, usual = record[R_NEED, i], derived[D_SPEND, i]
        wanted = rules.wants(usual, multiplier, employed, spend_unemployed, demand, need, new_credit)
        may = (status == i4(ACTIVE)) & (days < patience.freeze_days) & (days < patience.close_days)
        on_line = only(may, rules.put_on_line(wanted, balance, limit))
        balance = i4(balance + on_line)
        state[LIQUIDITY, i] = rules.pay_cash(state[LIQUIDITY, i], i4(wanted - on_line))
        state[LINE_AT + BALANCE, i] = pick(held, balance, before)

        missed = (record[R_OWED, i] > record[R_PAID, i]) & (record[R_STAGE, i] == i4(0))
        forgot = missed & (record[R_REASON, i] == i4(FORGOT))
        loan_missed = record[N_OWN + R_OWED, i] > record[N_OWN + R_PAID, i]
        loan_missed = loan_missed & (record[N_OWN + R_STAGE, i] == i4(0))
        forgot = forgot | (loan_missed & (record[N_OWN + R_REASON, i] == i4(FORGOT)))
        state[MONTHS_SINCE_FORGOT, i] = rules.since_after(state[MONTHS_SINCE_FORGOT, i], forgot)
        record[R_REPORT, i] = reports(held, days, patience, report_months)
        stays = is_left_alone(status, bucket, to, days, patience)
        current = stays & (status == i4(ACTIVE)) & ((was_late | bucket | record[R_AFTER, i] | to) == i4(0))
        loan_status, loan_balance = state[LOAN_AT + STATUS, i], state[LOAN_AT + BALANCE, i]
        asks = rules.may_ask(loan_status, loan_balance, half(words[U_WISH, i]), most, new_loans) & (to == i4(0))
        late = stays & ~current & ~asks  # whoever is current again may ask for a loan
        heavy = rules.spends_much(state[SPEND, i], state[LINE_AT + GRANTED, i])
        record[R_CREDIT, i] = on_line & held
        idle = (held != i4(0)) & rules.is_idle(before, balance)
        record[R_ENDS, i] = three(False, (record[R_MISSED, i] == three(False, True, False)) & heavy, idle)
        record[R_OPEN, i], record[R_LATE, i] = i4(current), mask_of(late)
        record[R_DONE, i] = i4(~held | mask_of(current | late))


@njit(forceinline=True)
def post_loans(state, record, n, loan, month_levers, bits, late_charges, rates):
    """Steps 7 and 8 of the loan, and who is done for its part."""
    bounds, (best, to_b, to_c, to_d) = rules.grade_bounds(month_levers), rate_steps(rates)
    worst, suspend, patience = rates[4], i4(loan[P_SUSPEND]), patience_of(month_levers, bits)
    fixed, report_months = mask_of(loan[P_FIXED_RATE] == 1), i4(month_levers[V_REPORT_MONTHS])
    for lane in range(n):
        i = u8(lane)
        status, bucket, clean = state[LOAN_AT + STATUS, i], state[LOAN_AT + BUCKET, i], state[LOAN_AT + CLEAN, i]
        after, to = record[N_OWN + R_AFTER, i], record[N_OWN + R_TO, i]
        rate = rules.loan_rate(clean, state[SCORE, i], bounds, best, to_b, to_c, to_d)
        rate = pick(mask_of(bucket > i4(0)), i4(worst), i4(rate))
        rate = u4(pick(fixed, state[LOAN_AT + RATE, i], rate))
        balance, held, was_late = post_account(state, record, i, LOAN, rate, late_charges, suspend)

        days = record[N_OWN + R_DAYS, i]
        record[N_OWN + R_REPORT, i] = reports(held, days, patience, report_months)
        stays = is_left_alone(status, bucket, to, days, patience)
        current = stays & (status == i4(ACTIVE)) & ((was_late | bucket | after | to) == i4(0))
        late = stays & ~current & (balance > i4(0))
        repaid = (held != i4(0)) & current & (balance == i4(0))
        gone, months_left = mask_of(repaid), state[LOAN_AT + MONTHS_LEFT, i]
        rest_of_term = pick(held, max(i4(months_left - i4(1)), i4(0)), months_left)
        state[LOAN_AT + BALANCE, i] = pick(held, balance, state[LOAN_AT + BALANCE, i])
        state[LOAN_AT + MONTHS_LEFT, i] = i4(rest_of_term & ~gone)
        for column in (INSTALMENT, STATE, INTEREST_DUE, FEE_DUE):
            state[LOAN_AT + column, i] = i4(state[LOAN_AT + column, i] & ~gone)
        record[N_OWN + R_OPEN, i] = i4((held != i4(0)) & current & ~repaid)
        record[N_OWN + R_LATE, i] = mask_of(late)
        record[R_ENDS, i] = i4(record[R_ENDS, i] + i4(repaid))
        record[R_DONE, i] = i4(record[R_DONE, i] & (mask_of(~rules.is_open(status)) | mask_of(current | late)))


@njit(forceinline=True)
def finish(state, derived, record, n, products, flows):
    """Steps 9 to 12 of those who are done, but for the loan and the sums, of which it adds the new reports."""
    new_reports = i4(0)
    for lane in range(n):
        i = u8(lane)
        state[LIQUIDITY, i] = min(state[LIQUIDITY, i], derived[D_CAP, i])
        reported, line, loan = state[REPORTED, i], record[R_REPORT, i], record[N_OWN + R_REPORT, i]
        new = (record[R_DONE, i] != i4(0)) & (reported == i4(0))
        new_reports = i4(new_reports + three(new & (line > i4(0)), new & (line == i4(0)) & (loan > i4(0)), False))
        months = i4(max(line, loan) - i4(1))
        after = pick(mask_of(months >= i4(0)), months, rules.report_after(reported))
        state[REPORTED, i] = pick(record[R_DONE, i], after, reported)
        stays = i4(record[R_OPEN, i] & record[R_DONE, i])
        record[R_COUNTS, i] = i4(record[R_COUNTS, i] + stays)
        record[R_BALANCE, i] = state[LINE_AT + BALANCE, i] & i4(-stays)
        record[R_LIMIT, i] = state[LINE_AT + LIMIT, i] & i4(-stays)
    for p in range(products):
        flows[p, F_N_REPORTED] += counted(new_reports, p)


@njit(forceinline=True)
def finish_loans(state, record, n):
    """Step 12 of the loans of those who are done, but for the sums."""
    for lane in range(n):
        i = u8(lane)
        stays = i4(record[N_OWN + R_OPEN, i] & record[R_DONE, i])
        record[N_OWN + R_COUNTS, i] = i4(record[N_OWN + R_COUNTS, i] + stays)
        record[R_ENDS, i] = i4(record[R_ENDS, i] & i4(record[R_DONE, i] | i4(~1)))
        record[N_OWN + R_BALANCE, i] = state[LOAN_AT + BALANCE, i] & i4(-stays)


@njit(forceinline=True)
def total(record, column, n):
    """Return the int64 sum of the first `n` lanes of a column."""
    s = i8(0)
    for lane in range(n):
        s += i8(record[column, u8(lane)])
    return s


@njit(forceinline=True)
def counts(record, column, n):
    """Return the sum of a column of `three` counts."""
    s = i4(0)
    for lane in range(n):
        s = i4(s + record[column, u8(lane)])
    return s


@njit(forceinline=True)
def add_sums(record, n, place, sums, converts):
    """Add what happened to all lanes, and the accounts of those who are done, which go to bucket 0."""
    ends = counts(record, R_ENDS, n)
    for p in range(place.products):
        at, flows, row = p * N_OWN, sums.flows[p], place.row if p == LINE else i8(0)
        what = counts(record, at + R_COUNTS, n)
        missed, cured = counts(record, at + R_MISSED, n), counts(record, at + R_CURED, n)
        balance, interest = total(record, at + R_BALANCE, n), total(record, at + R_INTEREST, n)
        paid = total(record, at + R_TOOK, n)
        add_current(flows, sums.rolls[p, row], sums.vintage[p], counted(what, 0), balance, interest, paid)
        flows[F_N_REMINDED] += counted(what, 1)
        flows[F_N_DUE] += counted(what, 2)
        flows[F_FEES] += total(record, at + R_FEE, n)
        flows[F_INTEREST_NOT_CHARGED] += total(record, at + R_NOT_CHARGED, n)
        forgot, short, cannot, will_not = counted(missed, 0), counted(missed, 1), counted(missed, 2), counted(cured, 0)
        flows[F_N_MISSED] += forgot + short + cannot + will_not
        flows[F_N_MISSED_BY + FORGOT] += forgot
        flows[F_N_MISSED_BY + SHORT] += short
        flows[F_N_MISSED_BY + CANNOT] += cannot
        flows[F_N_MISSED_BY + WILL_NOT] += will_not
        flows[F_N_CURED_30] += counted(cured, 1)
        flows[F_N_CURED_7] += counted(cured, 2)
        flows[F_OUTSIDE_USED] += total(record, at + R_USED, n)
        flows[F_OUTSIDE_REFUSED] += total(record, at + R_REFUSED, n)
    flows = sums.flows[LINE]
    flows[F_LIMIT] += total(record, R_LIMIT, n)
    flows[F_NEW_CREDIT] += total(record, R_CREDIT, n)
    flows[F_N_MISSED_SHORT_HIGH_USE] += counted(ends, 1)
    flows[F_N_IDLE] += counted(ends, 2)
    if converts:
        flows[F_CONVERSION_FEES] += total(record, R_CONVERTED_FEE, n)
    if place.products == N_PRODUCT:
        sums.flows[LOAN, F_N_PAID_OFF] += counted(ends, 0)
        sums.rolls[LOAN, 0, TO_PAID_OFF, 0] += counted(ends, 0)


@njit(forceinline=True)
def add_late(state, record, n, p, reporting_day, flows):
    """Add the accounts that were current and are late on the reporting day, and what they owe after step 9."""
    at, account, reporting_day = p * N_OWN, N_BORROWER + p * N_ACCOUNT, i4(reporting_day)
    number, owing, current = i4(0), i8(0), i8(0)
    for lane in range(n):
        i = u8(lane)
        missed = (state[account + BUCKET, i] == i4(0)) & (record[at + R_OWED, i] > record[at + R_PAID, i])
        late = rules.is_late_on(reporting_day, missed, record[at + R_DAY, i])
        balance = only(late, state[account + BALANCE, i])
        number = i4(number + i4(late))
        owing += i8(balance)
        current += i8(only(rules.is_only_late_then(record[at + R_TO, i], state[account + MARKS, i]), balance))
    flows[F_N_DPD1] += i8(number)
    flows[F_BALANCE_DPD1] += owing
    flows[F_BALANCE_DPD1_CURRENT] += current


@njit(forceinline=True)
def roll_late(tile, gathered, pending, listed, n, p, place, segment, levers, sums, narrow, todo):
    """Steps 11 and 12 of the accounts of a product that are late or followed and left alone, of those who are done."""
    state, record = gathered.state, gathered.record
    at, account, claim, late = p * N_OWN, N_BORROWER + p * N_ACCOUNT, levers.month[p, V_CLAIM], i8(0)
    late_stage, freeze_days = has_late_stage(segment.terms[p]), i4(levers.month[p, V_FREEZE_DAYS])
    for k in range(n):
        todo[u8(late)] = k
        late -= i8(record[at + R_LATE, u8(k)] & record[R_DONE, u8(k)])
    for k in range(late):
        lane = u8(todo[u8(k)])
        i, to = u8(listed[lane]), i8(record[at + R_TO, lane])
        if state[account + MARKS, lane] & IN_WORKOUT:
            sums.flows[p, F_WORKOUT_CASH] += cash_from(state, record, lane, p, levers.bits[p], narrow.ladder)
        scatter_late(tile, gathered, i, lane, account)
        status, days = state[account + STATUS, lane], record[at + R_DAYS, lane]
        status = rules.freeze_or_thaw(status, i4(to), days, freeze_days, i4(0))  # none of them is in a plan
        tile.state[account + STATUS, i] = status
        end_open(tile.state, i, p, to, place, late_stage, claim, sums)
        if p == LINE:
            pending[0, i] &= ~(WANTS_LOAN * i4(to > 0))


@njit(forceinline=True)
def contact_cost(contacted, got, own, ladder):
    """Return what a level of the ladder costs for one due: the contact, 1 or 0, and a share of what it got."""
    commission = i8(mul_q31_lane(got, ladder[u4(own + u4(L_COMMISSION)) & u4(LADDER_SIZE - 1)]))
    return commission + i8(i4(-contacted) & i4(ladder[u4(own + u4(L_COST)) & u4(LADDER_SIZE - 1)]))


@njit(forceinline=True)
def cash_from(state, record, lane, p, bits, ladder):
    """Return what an account brings in steps 4 to 9, less what it costs and takes; `bits` bit k: level k works."""
    at, bucket = p * N_OWN, u4(state[N_BORROWER + p * N_ACCOUNT + BUCKET, lane])
    cash = i8(record[at + R_TOOK, lane]) - (i8(record[R_CREDIT, lane]) if p == LINE else i8(0))
    cash -= i8(record[at + R_COST, lane] & record[at + R_STAGE, lane])
    for level in range(N_LEVELS):
        if (bits >> level) & 1:
            own = u4(u4(rung_of(p, level)) + u4(bucket * u4(N_LADDER)))
            contacted = i4(i4(record[at + R_CONTACTS, lane] >> i4(level)) & i4(1))
            hit = i4(record[at + R_ENDED, lane] == i4(level + 1))
            got = i4(i4(record[at + R_OWED, lane] - record[at + R_PAID, lane]) & i4(-hit))
            cash -= contact_cost(contacted, got, own, ladder)
    return cash


@njit(forceinline=True)
def add_ladder(state, record, n, p, level, ladder, flows):
    """Add the contacts of a level of the ladder, and what it collected."""
    at, account, rung = p * N_OWN, N_BORROWER + p * N_ACCOUNT, u4(rung_of(p, level))
    wanted, contacts, n_collected, collected, cost = i8(0), i8(0), i8(0), i8(0), i8(0)
    for lane in range(n):
        i = u8(lane)
        own = u4(rung + u4(u4(state[account + BUCKET, i]) * u4(N_LADDER)))
        contacted = i4(i4(record[at + R_CONTACTS, i] >> i4(level)) & i4(1))
        hit = i4(record[at + R_ENDED, i] == i4(level + 1))
        got = i4(i4(record[at + R_OWED, i] - record[at + R_PAID, i]) & i4(-hit))
        wanted += i8(i4(record[at + R_WANTED, i] >> i4(level)) & i4(1))
        contacts += i8(contacted)
        n_collected += i8(hit)
        collected += i8(got)
        cost += contact_cost(contacted, got, own, ladder)
    flows[F_N_CONTACTS_WANTED] += wanted
    flows[F_N_CONTACTS_AT + level] += contacts
    flows[F_CONTACT_COST] += cost
    flows[F_N_COLLECTED_AT + level] += n_collected
    flows[F_COLLECTED_AT + level] += collected


@njit(forceinline=True)
def step_delinquent(tile, gathered, pending, listed, n_listed, place, segment, month, levers, sums, narrow, todo):
    """Take lanes listed[0..n_listed-1] of the tile, BLOCK at most and nobody in a plan, through the month.

    In `pending` NOT_DONE is cleared for those who are done; what they have written off and a new loan are still to do.
    WANTS_LOAN is cleared where the line is late now. `gathered` and `todo` are working space.
    """
    state, derived, record = gathered.state, gathered.derived, gathered.record
    scalars, economy, products = segment.scalars, month.economy, place.products
    converts, loan = segment.terms[LINE, P_CONVERT] > 0, segment.terms[LOAN]
    n = (n_listed + STEP - 1) // STEP * STEP
    for k in range(n_listed, n):
        listed[u8(k)] = LANES  # a lane in which nobody is
    late_stages = has_late_stage(segment.terms[LINE]) | has_late_stage(segment.terms[LOAN])
    gather(tile, gathered, listed, n, products, converts, late_stages)
    derive(state, derived, n, economy, segment, levers.month[LINE])
    draw_slots(gathered.words, derived, n, month.slots, place, segment.key)
    update_income(gathered, n, segment, economy)
    decide_payment(gathered, n, LINE, segment, month, levers.month[LINE], narrow.forget_keeps)
    if products == N_PRODUCT:
        decide_payment(gathered, n, LOAN, segment, month, levers.month[LOAN], narrow.forget_keeps)
    else:
        for c in (R_OWED, R_PAID, R_REASON, R_STAGE, R_REPORT):
            for k in range(n):
                record[u8(N_OWN + c), u8(k)] = 0
    revolver_share = rules.revolver_share_of(scalars, levers.month[LINE])
    pay_dues(state, record, n, scalars, revolver_share)
    if converts and levers.month[LINE, V_NEW_CREDIT] == 1:
        convert_bills(gathered, n, segment, sums.flows[LINE])
    may_settle = loan[P_SETTLE_FIRST] + loan[P_SETTLE_FIRST_STEP] + loan[P_SETTLE] + loan[P_SETTLE_STEP] > 0
    if products == N_PRODUCT and may_settle:
        settle_early(gathered, n, rules.month_before(place.month), segment, economy, sums.flows[LOAN])
    for p in range(products):
        pay_unasked(gathered, n, p, narrow.self_cure)
        for level in range(N_LEVELS):
            if (levers.bits[p] >> level) & 1:
                ask(gathered, n, p, level, levers.month[p], narrow.ladder)
        if levers.month[p, V_PRIORITY] != BY_LOT:
            order_dues(gathered, n, p, levers.month[p], levers.stage[p], sums.flows[p])
        pay_late(gathered, n, p, revolver_share, levers.month[p], economy)
        age(state, record, n, p, segment.terms[p, P_HOLD])
        if has_late_stage(segment.terms[p]):
            work_late(tile, gathered, listed, n, p, segment, economy, levers, sums.flows[p], todo)
    answer_prices(state, record, n, levers)
    post_lines(gathered, n, segment, levers, narrow.late_charges, month.rates[LINE])
    if products == N_PRODUCT:
        post_loans(
            state, record, n, segment.terms[LOAN], levers.month[LOAN], levers.bits[LOAN], narrow.late_charges,
            month.rates[LOAN],
        )  # fmt: skip
        finish_loans(state, record, n)
    finish(state, derived, record, n, products, sums.flows)
    scatter(tile, gathered, listed, n, products, converts)
    add_sums(record, n, place, sums, converts)
    if scalars[G_REPORTING_DAY] > 0:
        for p in range(products):
            add_late(state, record, n, p, scalars[G_REPORTING_DAY], sums.flows[p])
    for p in range(products):
        for level in range(N_LEVELS):
            if (levers.bits[p] >> level) & 1:
                add_ladder(state, record, n, p, level, narrow.ladder, sums.flows[p])
    for p in range(products):
        roll_late(tile, gathered, pending, listed, n_listed, p, place, segment, levers, sums, narrow, todo)
    others = i8(0)
    for k in range(n_listed):
        i, lane = u8(listed[u8(k)]), u8(k)
        done = i4(record[R_DONE, lane])
        pending[0, i] &= ~(done & NOT_DONE)
        todo[u8(others)] = k
        others += i8(done + i4(1))
    end_others(tile, gathered, listed, todo, others, place, segment, month, levers, sums, narrow.ladder)


@njit(forceinline=True)
def end_others(tile, gathered, listed, todo, n, place, segment, month, levers, sums, ladder):
    """Steps 9 to 12 one by one for gathered lanes todo[0..n-1], with whose accounts the lender does something."""
    state, words, record, products = gathered.state, gathered.words, gathered.record, place.products
    account_record = stack_account_record()
    for p in range(N_PRODUCT):
        for name in range(N_ACCOUNT_RECORD):
            account_record[p, name] = 0
    for k in range(n):
        lane = u8(todo[u8(k)])
        i = u8(listed[lane])
        for p in range(products):
            at, account, cash = p * N_OWN, N_BORROWER + p * N_ACCOUNT, i8(0)
            scatter_late(tile, gathered, i, lane, account)
            paid = record[at + R_OWED, lane] if record[at + R_DAY, lane] > 0 else record[at + R_PAID, lane]
            if state[account + MARKS, lane] & IN_WORKOUT:
                cash = cash_from(state, record, lane, p, levers.bits[p], ladder)
            fill_record(
                tile.state, i, account_record, p, place.row, record[at + R_BILL, lane], record[at + R_OWED, lane], paid,
                record[at + R_REASON, lane], record[at + R_TO, lane], record[at + R_DAYS, lane], cash,
            )  # fmt: skip
            if record[at + R_STAGE, lane]:
                account_record[p, A_LATE], account_record[p, A_TAKES] = 1, record[at + R_TAKES, lane]
                account_record[p, A_RECOVERED] = record[at + R_RECOVERED, lane]
        if products == N_PRODUCT:
            rate = rate_of_new_loan(tile.state, i, levers.month[LOAN], month.rates[LOAN])
            draw_loan(tile.state, i, account_record, words, lane, place.month, rate, segment, levers, sums)
            tile.state[LIQUIDITY, i] = min(tile.state[LIQUIDITY, i], gathered.derived[D_CAP, lane])
        end_month(tile.state, i, account_record, words, lane, place, segment, month.economy, levers, sums)

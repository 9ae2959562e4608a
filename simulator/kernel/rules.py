"""The formulas of steps 4 to 9 of docs/model.md, each once: numbers in, numbers out, and nothing stored.

In 32 bits and without branches, so that LLVM does sixteen lanes at once; `scalar` calls the same functions for one
borrower. No store depends on a condition: of such stores LLVM makes branches, and then no vectors.
"""

from typing import NamedTuple

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .fixed import mask_of, mul_q16, mul_q16_lane, mul_q31, mul_q31_lane, mul_q31_own_lane, only, pick, sigmoid

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64


# ---- what an account is -----------------------------------------------------------------------------------
@njit(forceinline=True)
def is_open(status):
    """Return whether a status means an account or facility that is not written off, sold or terminated."""
    return (status >= i4(ACTIVE)) & (status <= i4(CLOSED))


@njit(forceinline=True)
def is_live(status):
    """Return whether an account is open or written off, so that its months go on."""
    return (status >= i4(ACTIVE)) & (status <= i4(WRITTEN_OFF))


@njit(forceinline=True)
def is_account(status, balance, p):
    """Return whether there is an open account: of a loan, one with a balance, and not the facility alone."""
    return is_open(status) & ((balance > i4(0)) | (p == LINE))


@njit(forceinline=True)
def followed(marks):
    """Return marks without those that ask for nothing month by month: above 0 where an account is FOLLOWED."""
    return i4(marks & i4(-FOLLOWED))


@njit(forceinline=True)
def band_of(score):
    """Return the score band 0..15 of a score in points."""
    return min(max((score - SCORE_LOW) >> SCORE_BAND_BITS, 0), SCORE_BANDS - 1)


@njit(forceinline=True)
def age_stage(age):
    """Return the stage 16..21 of a written-off account of `age` months."""
    stage = BUCKETS - 1
    for begins in AGE_BANDS:
        stage += age >= begins
    return stage


class GradeBounds(NamedTuple):
    """What parts the grades of a month: months without a missed due, points, and what is used of a line's limit.

    A line is of a grade or a worse one if its balance is above (limit * share + more) >> 16, both u8.
    """

    months_b: int
    months_c: int
    months_d: int
    score_b: int
    score_c: int
    score_d: int
    share_b: int
    share_c: int
    share_d: int
    more_b: int
    more_c: int
    more_d: int


@njit(forceinline=True)
def grade_bounds(levers):
    """Return the bounds of a product's grades in a month; where none are written, half of the limit and 7/8 of it."""
    b, c, d = levers[V_GRADE_USED], levers[V_GRADE_USED + 1], levers[V_GRADE_USED + 2]
    return GradeBounds(
        i4(levers[V_GRADE_MONTHS]), i4(levers[V_GRADE_MONTHS + 1]), i4(levers[V_GRADE_MONTHS + 2]),
        i4(levers[V_GRADE_SCORE]), i4(levers[V_GRADE_SCORE + 1]), i4(levers[V_GRADE_SCORE + 2]),
        u8(UNIT // 2 if b < 0 else b), u8(UNIT // 8 * 7 if c < 0 else c), u8(0 if d < 0 else d),
        u8(0), u8(UNIT - 1 if c < 0 else i8(0)), u8((ONE - 1) * UNIT if d < 0 else i8(0)),
    )  # fmt: skip


@njit(forceinline=True)
def uses_more(balance, limit, share, more):
    """Return whether a balance is above a share (q16) of the limit; `more` is added before that is rounded down."""
    return balance > i4(u8(u8(u4(limit)) * share + more) >> u8(16))


@njit(forceinline=True)
def grade_steps(clean, score, balance, limit, is_line, bounds):
    """Return whether an account without arrears and plan has grade B or worse, C or worse, D.

    By its months in a row without a missed due, the borrower's score and, of a line, by what is used of the limit.
    """
    is_b = (clean < bounds.months_b) | (score < bounds.score_b)
    is_c = (clean < bounds.months_c) | (score < bounds.score_c)
    is_d = (clean < bounds.months_d) | (score < bounds.score_d)
    if is_line:
        is_b = is_b | uses_more(balance, limit, bounds.share_b, bounds.more_b)
        is_c = is_c | uses_more(balance, limit, bounds.share_c, bounds.more_c)
        is_d = is_d | uses_more(balance, limit, bounds.share_d, bounds.more_d)
    return is_b, is_b & is_c, is_b & is_c & is_d


@njit(forceinline=True)
def grade_of(bucket, plan_left, clean, score, balance, limit, is_line, bounds):
    """Return the grade 0 (best) to 4 of an account's record: what the lender can observe, never quality."""
    is_b, is_c, is_d = grade_steps(clean, score, balance, limit, is_line, bounds)
    grade = i4(i4(is_b) + i4(is_c) + i4(is_d))
    return pick(mask_of((bucket > i4(0)) | (plan_left > i4(0))), i4(GRADES - 1), grade)


@njit(forceinline=True)
def rate_of_grade(terms, levers, grade):
    """Return the interest rate (q31 a month) of a grade of a product, from its terms and the month's levers."""
    return min(mul_q16(terms[P_RATE], levers[V_RATE + grade]), i8(ONE))


@njit(forceinline=True)
def rates_differ(rates):
    """Return whether the interest rate (q31) of a current account goes by its grade."""
    return (rates[0] != rates[1]) | (rates[0] != rates[2]) | (rates[0] != rates[3])


@njit(forceinline=True)
def rate_of(is_b, is_c, is_d, best, to_b, to_c, to_d):
    """Return the first number (the rate of grade A) and those of the steps to B, C and D that are taken.

    A sum, where a choice would be a branch and a table a gather.
    """
    rate = u4(best + (to_b & u4(-i4(is_b))))
    rate = u4(rate + (to_c & u4(-i4(is_c))))
    return u4(rate + (to_d & u4(-i4(is_d))))


@njit(forceinline=True)
def loan_rate(clean, score, bounds, best, to_b, to_c, to_d):
    """Return the interest rate (q31 a month) of a loan in bucket 0 and no plan, from that of grade A and the steps."""
    is_b, is_c, is_d = grade_steps(clean, score, i4(0), i4(0), False, bounds)
    return rate_of(is_b, is_c, is_d, best, to_b, to_c, to_d)


# ---- how customers answer to the price ---------------------------------------------------------------------
@njit(forceinline=True)
def answer_place(is_b, is_c, is_d, is_e, quality, in_full):
    """Return `place_of_answer` of a grade that is known by the `grade_steps`, and whether it is E."""
    grade = i4(i4(is_b) + i4(is_c) + i4(is_d))
    return place_of_answer(pick(mask_of(is_e), i4(GRADES - 1), grade), quality, in_full)


@njit(forceinline=True)
def place_of_answer(grade, quality, in_full):
    """Return where the answer of a customer stands in a row of `Levers.answer`.

    `in_full` says who pays the whole bill, or wants to before there is one, so that the price is nothing to them.
    """
    return u4(u4(grade * i4(CUSTOMERS)) + u4(only(in_full, i4(QUALITIES))) + u4(quality)) & u4(ANSWERS - 1)


@njit(forceinline=True)
def may_ask(status, balance, u, most, new_credit):
    """Return whether a facility's holder may ask for a loan: wish word >> 1 below `most`, anybody's chance (q31)."""
    return (status == i4(ACTIVE)) & (balance <= i4(0)) & new_credit & (u < most)


@njit(forceinline=True)
def revolver_share_of(scalars, line_levers):
    """Return the share (q31) of the rest of a line's bill that revolvers want to pay beyond what is owed."""
    return u4(min(mul_q16(scalars[G_REVOLVER_SHARE], line_levers[V_PAY_EXTRA]), i8(ONE)))


@njit(forceinline=True)
def may_leave(job_word, chance):
    """Return whether the job word, in its lowest bits, says to close the line at a chance (of 2^16)."""
    return (u4(job_word) & u4(LEAVE_MASK)) < u4(chance)


# ---- step 4: job and income -------------------------------------------------------------------------------
@njit(forceinline=True)
def income_stops(reach, stopped_below):
    """Return whether a borrower's income has stopped: those of the smallest low bits of REACH come first, go last."""
    return i4(reach & i4((1 << STOP_BITS) - 1)) < stopped_below


@njit(forceinline=True)
def earned_of(earned, stopped, left):
    """Return what the employed are paid this month, of which a stop leaves a share `left` (q31)."""
    return pick(mask_of(stopped), mul_q31_lane(earned, left), earned)


@njit(forceinline=True)
def income_of(state, derived, i, u, job_loss, job_find, shock_from):
    """Return whether a borrower has a job now, the cash they have, and what of it they repay elsewhere.

    The cash is that after income, living cost and a shock; below 0 where it does not reach. `u` is the job word >> 1,
    the others are the month's chances (q31).
    """
    employed = state[EMPLOYED, i] == i4(1)
    loses = u < u4(mul_q31_lane(job_loss, u4(derived[D_JOB_LOSS, i])))
    employed = (employed & ~loses) | (~employed & (u < job_find))
    kept = pick(mask_of(employed), derived[D_KEPT, i], derived[D_KEPT_UNEMPLOYED, i])
    cash = i4(i4(state[LIQUIDITY, i] + kept) - only(u >= shock_from, derived[D_SHOCK, i]))
    used = i4(state[EXTERNAL_CREDIT_LIMIT, i] - state[EXTERNAL_CREDIT, i])
    return employed, cash, min(min(used, derived[D_REPAY, i]), max(cash, i4(0)))


# ---- step 5: the due date ---------------------------------------------------------------------------------
@njit(forceinline=True)
def decision_word(p):
    """Return the word that a product's due is decided by."""
    return U_LINE_DECISION if p == LINE else U_LOAN_DECISION


@njit(forceinline=True)
def bill_of(status, balance):
    """Return what an account owes at the start of the month, 0 if it is not open."""
    return only(is_open(status), max(balance, i4(0)))


@njit(forceinline=True)
def min_share_of(terms, levers):
    """Return the share (q31) of the bill that is a line's minimum due, from its terms and the month's levers."""
    return u4(levers[V_MIN_SHARE] if levers[V_MIN_SHARE] >= 0 else terms[P_MIN_SHARE])


@njit(forceinline=True)
def line_due(bill, floor, min_share):
    """Return the minimum due of a line without arrears."""
    return min(max(floor, mul_q31_lane(bill, min_share)), bill)


@njit(forceinline=True)
def loan_due(rest, instalment, months_left):
    """Return what falls due of a loan or a plan, of the `rest` beside its arrears; all of it in the last month."""
    return min(instalment, rest) if months_left > i4(1) else rest


@njit(forceinline=True)
def trial_due(bill, levers):
    """Return what a month of the trial before a plan asks for: the instalment that the plan would have."""
    n = levers[V_PLAN_MONTHS]
    return max((bill - mul_q31(bill, levers[V_PLAN_FORGIVE]) + n - 1) // n, i8(1))


@njit(forceinline=True)
def chance_to_drop(record, marks, levers):
    """Return the chance (q31) that a plan, or its trial, is given up by who could pay; `record` [name]."""
    if record[A_PLAN] == IN_TRIAL:
        return levers[V_TRIAL_DROPS]
    early = (marks >> i8(WATCHED_AT)) > WATCHED_MONTHS - EARLY_MONTHS
    return (levers[V_PLAN_DROPS_EARLY] if early else levers[V_PLAN_DROPS]) if record[A_PLAN] else i8(0)


@njit(forceinline=True)
def converted_due(converted, part, fee, charged):
    """Return what stays converted of a line's balance, and what of it falls due, with the month's fee if `charged`."""
    falls = min(part, converted)
    return i4(converted - falls), i4(falls + only(charged, conversion_fee(converted, fee)))


@njit(forceinline=True)
def burden_of(debt, pay):
    """Return the debt-to-income class 0..7: how many of 1/4, 1/2, 1, 2, 4, 8, 16 monthly incomes the debt exceeds."""
    quarter = pay >> i4(2)
    k = u4(debt > quarter)
    k += u4((debt >> i4(1)) > quarter)
    k += u4((debt >> i4(2)) > quarter)
    k += u4((debt >> i4(3)) > quarter)
    k += u4((debt >> i4(4)) > quarter)
    k += u4((debt >> i4(5)) > quarter)
    return u4(k + u4((debt >> i4(6)) > quarter))


@njit(forceinline=True)
def common_logit(segment, p, economy, levers):
    """Return the log-odds (q16) of not being willing to pay that all borrowers of a segment and product share."""
    common = segment.scalars[G_WILL_NOT_BASE] + segment.terms[p, P_WILL_NOT] + economy[M_WILL_NOT]
    return i4(max(common + levers[V_WILL_NOT], i8(-(1 << 29))))


@njit(forceinline=True)
def borrower_logit(segment, quality, burden, reported):
    """Return the borrower's own part of the log-odds (q16) of not being willing to pay, whatever the product."""
    logit = i4(segment.will_not_quality[u4(quality) & u4(15)] + segment.will_not_burden[u4(burden) & u4(7)])
    return i4(logit + only(reported, segment.scalars[G_WILL_NOT_REPORTED]))


@njit(forceinline=True)
def account_logit(segment, tie, status, bucket, cause):
    """Return an account's own part of the log-odds (q16) of not being willing to pay."""
    at = u4(bucket) & u4(15)
    logit = i4(i4(segment.will_not_bucket[at] + tie[TIE_WILL_NOT, at]) + segment.will_not_cause[u4(cause) & u4(7)])
    return i4(logit + only(status == i4(CLOSED), segment.scalars[G_WILL_NOT_CLOSED]))


@njit(forceinline=True)
def in_season(forget, factor):
    """Return a chance (q31) to forget a due, of which the season or the tie makes `factor` (q16)."""
    return i4(min((u8(u4(forget)) * u8(u4(factor)) + u8(1 << 15)) >> u8(16), u8(ONE - 1)))


@njit(forceinline=True)
def kept_by(taught, keep):
    """Return the share (q31) that is left of a habit: `keep` of who was `taught`, else all of it."""
    return pick(mask_of(taught), u4(keep), u4(ONE))


@njit(forceinline=True)
def forgetting(manual, reached, keep, on_autopay, habit):
    """Return the chance (q31) to forget a due: `manual`, of which a reminder leaves `keep`; none on autopay.

    `habit` (q31) is what education leaves of it.
    """
    kept = pick(mask_of(reached), keep, u4(ONE))
    return only(~on_autopay, mul_q31_own_lane(mul_q31_own_lane(manual, kept), habit))


@njit(forceinline=True)
def decision_of(bill, u, logit, sigmoid_table, forgets, part):
    """Return whether a bill is refused, is forgotten, or only what falls due of it is paid: of payers a share `part`.

    `u` is the decision word >> 1; `forgets` and `part` are q31.
    """
    unwilling = sigmoid(sigmoid_table, logit)
    refuses = (bill > i4(0)) & (u < unwilling)
    pays_from = u4(u4(ONE) - u4(mul_q31_own_lane(forgets, u4(u4(ONE) - unwilling))))
    pays_all_from = u4(unwilling + u4(mul_q31_own_lane(part, u4(pays_from - unwilling))))
    return refuses, (bill > i4(0)) & ~refuses & (u >= pays_from), (u >= unwilling) & (u < pays_all_from)


@njit(forceinline=True)
def pay_in_order(line_first, line, loan, buffer, outside, reported):
    """Return how the dues of line and loan are paid, in their order: from the buffer, then from credit elsewhere.

    (line paid, loan paid, line borrowed, loan borrowed, buffer, outside); `line_first` is -1 or 0. What a borrower
    `reported` to the bureau would have borrowed is not paid, and `outside` stays.
    """
    first, second = pick(line_first, line, loan), pick(line_first, loan, line)
    taken = min(first, max(buffer, i4(0)))
    borrowed = min(i4(first - taken), outside)
    free, buffer, first = i4(outside - borrowed), i4(buffer - taken), i4(taken + only(~reported, borrowed))
    taken = min(second, max(buffer, i4(0)))
    again = min(i4(second - taken), free)
    free, buffer, second = i4(free - again), i4(buffer - taken), i4(taken + only(~reported, again))
    paid, loan_paid = pick(line_first, first, second), pick(line_first, second, first)
    line_borrowed, loan_borrowed = pick(line_first, borrowed, again), pick(line_first, again, borrowed)
    return paid, loan_paid, line_borrowed, loan_borrowed, buffer, pick(mask_of(reported), outside, free)


@njit(forceinline=True)
def extra_of(full_payer, rest, revolver_share, buffer):
    """Steps 5 and 6: return what is paid beyond what is owed, out of `rest` of the bill and of the buffer."""
    want = pick(mask_of(full_payer != i4(0)), rest, mul_q31_lane(rest, revolver_share))
    return min(want, max(buffer, i4(0)))


@njit(forceinline=True)
def conversion_fee(converted, fee):
    """Return the fee of a month of what is converted of a line's balance."""
    return only(converted > i4(0), fee)


@njit(forceinline=True)
def conversion_chances(terms):
    """Return the floor of a line's bills that may be turned into instalments, and the four chances (q31) of it."""
    usual, short, large = terms[P_CONVERT], terms[P_CONVERT + 1], terms[P_CONVERT + 2]
    return i4(terms[P_CONVERT_FLOOR]), i4(usual), i4(short), i4(large), i4(terms[P_CONVERT + 3])


@njit(forceinline=True)
def conversion_chance(bill, rest, buffer, usual_spending, full_payer, chances):
    """Return the chance (q31) that a line's bill is turned into instalments, of which `rest` is beyond what is owed.

    Who pays in full asks for it only for want of cash, or for a bill of twice the usual spending.
    """
    floor, usual, short, large, both = chances
    is_short, is_large = mask_of(buffer < rest), mask_of(i4(bill - usual_spending) >= usual_spending)
    chance = pick(is_large, pick(is_short, both, large), pick(is_short, short, usual))
    asks = (full_payer == i4(0)) | (i4(is_short | is_large) != i4(0))
    return only(asks & (bill > floor) & (rest > i4(0)), chance)


@njit(forceinline=True)
def conversion_of(amount, v, chance, terms):
    """Return what falls due a month of an amount that is turned into instalments, and the fee of each month.

    `v` is the number below `chance` that decided it: its place in there is the term.
    """
    term = u8(0)
    for option in range(MAX_TERMS - 1):
        term += u8(u4(v) >= u4(mul_q31(chance, terms[u8(option), TERM_CUMULATIVE])))
    months = terms[term, TERM_MONTHS]
    return (amount + months - i8(1)) // months, mul_q31(amount, terms[term, TERM_FEE])


@njit(forceinline=True)
def settlement_chances(terms, economy):
    """Return the month's chances (q31) to repay a loan early, in the worst quality and added by each better one.

    (first month, added, later, added): together at most ONE.
    """
    season, most = economy[M_SETTLEMENT], i8(ONE // 2)
    first, first_step = mul_q16(terms[P_SETTLE_FIRST], season), mul_q16(terms[P_SETTLE_FIRST_STEP], season)
    later, later_step = mul_q16(terms[P_SETTLE], season), mul_q16(terms[P_SETTLE_STEP], season)
    return (
        i4(min(first, most)), i4(min(first_step, most // i8(15))),
        i4(min(later, most)), i4(min(later_step, most // i8(15))),
    )  # fmt: skip


@njit(forceinline=True)
def month_before(month):
    """Return the month in which accounts were granted whose first due it may be now; -1 in the first month."""
    return i4(month - 1) if month > 1 else i4(-1)


@njit(forceinline=True)
def settlement_chance(drawn, before, quality, chances):
    """Return the chance (q31) to repay a loan early that was `drawn` in a month; `before` is `month_before`."""
    first, first_step, later, later_step = chances
    is_first = mask_of(drawn == before)
    return u4(i4(pick(is_first, first, later) + i4(pick(is_first, first_step, later_step) * quality)))


# ---- step 6: in the month -----------------------------------------------------------------------------------
@njit(forceinline=True)
def served_share(levers, economy):
    """Return the share (q31) of a product's missed dues, in the class V_SERVED_CLASS, that the ladder can work."""
    return min(mul_q16(levers[V_SERVED], economy[M_COLLECTION]), i8(ONE))


@njit(forceinline=True)
def priority_of(bill, bucket, levers, stage):
    """Return the class of priority of an account in the order of the ladder, the last one to be worked first."""
    by_amount, amount = i8(0), mul_q31(bill, stage[S_PRIORITY]) >> i8(PRIORITY_BITS)
    for k in range(PRIORITIES - 1):
        by_amount += (amount >> i8(k)) > 0
    order = levers[V_PRIORITY]
    return by_amount if order == BY_AMOUNT else i8(bucket) * i8(order == BY_DAYS)


@njit(forceinline=True)
def is_served(word, priority, levers, economy):
    """Return whether the ladder works an account: by lot in its class of priority, unless all of it is or none."""
    u, at = i8(u4(word) >> u4(1)), levers[V_SERVED_CLASS]
    share = served_share(levers, economy) if priority == at else min(mul_q16(i8(ONE), economy[M_COLLECTION]), i8(ONE))
    return priority >= at and u < share


@njit(forceinline=True)
def reach_times(reach, multiplier):
    """Return a reach (q31) times a multiplier (q16), ONE at most."""
    return u4(min((u8(reach) * u8(multiplier) + u8(1 << 15)) >> u8(16), u8(ONE)))


@njit(forceinline=True)
def reach_of_level(scalars, level, bucket, multiplier):
    """Return the share (q31) of borrowers whom a level reaches with debt in a bucket; who writes or sues needs none."""
    band = u8(0)
    for begins in REACH_BANDS[1:]:
        band += u8(bucket >= begins)
    talks = (TALKING >> level) & 1
    return reach_times(scalars[u8(G_REACH) + band], multiplier) if talks else u4(ONE)


# ---- step 7: how late -------------------------------------------------------------------------------------
@njit(forceinline=True)
def bucket_after(bucket, owed, paid, due, hold):
    """Return the bucket of an account that paid less than it owed: arrears * (bucket + 1) / owed, rounded up.

    One more than the largest k with k * owed below the product. With a payment of at least `hold` (q31) of the due,
    where that is above 0, the bucket does not rise.
    """
    product, k = u8(u4(owed - paid)) * u8(u4(bucket + i4(1))), u4(0)
    for step in (8, 4, 2, 1):
        below = u8(u4(k + u4(step))) * u8(u4(owed)) < product
        k = u4(k + (u4(step) & u4(mask_of(below))))
    to = min(i4(k + u4(1)), i4(BUCKETS - 1))
    holds = (hold > u4(0)) & (due > i4(0)) & (paid >= mul_q31_lane(due, hold))
    return pick(mask_of(holds), min(to, bucket), to)


@njit(forceinline=True)
def is_late_on(reporting_day, missed, day):
    """Return whether a missed due is unpaid at the end of the reporting day; `day` it was paid on, 0 if it was not."""
    return missed & ((day == i4(0)) | (day > reporting_day))


@njit(forceinline=True)
def is_only_late_then(to, marks):
    """Return whether nothing but the reporting day sets an account apart: in bucket 0 after the month, unobserved."""
    return (to == i4(0)) & (i4(marks >> i4(PROBATION_AT)) == i4(0))


@njit(forceinline=True)
def days_late(day, to):
    """Return the days late that the lender's rules see: the day a missed due was paid, else 30 a bucket."""
    return pick(mask_of(day > i4(0)), day, i4(i4(30) * to))


# ---- step 8: interest and charges -------------------------------------------------------------------------
@njit(forceinline=True)
def interest_base(unpaid, arrears):
    """Return what bears interest unless it is converted: what is `unpaid` of the bill and not in `arrears`."""
    return max(i4(unpaid - arrears), i4(0))


@njit(forceinline=True)
def accrue(base, rate):
    """Return the interest of a month on a `base` at a rate (q31)."""
    return mul_q31_own_lane(base, rate)


@njit(forceinline=True)
def charged_days(day):
    """Return the days that a late charge is for; `day` on which a missed due was paid, 0 if it was not."""
    return pick(mask_of(day > i4(0)), day, i4(DAYS - 1))


@njit(forceinline=True)
def post_payment(fee_due, interest_due, paid):
    """Return (fees, interest) still due after a payment, which goes to fees first."""
    to_fees = min(fee_due, paid)
    return i4(fee_due - to_fees), i4(interest_due - min(interest_due, i4(paid - to_fees)))


@njit(forceinline=True)
def cause_after(cause, to, arrears, reason):
    """Return the cause of arrears: that of the first missed due, unless it was only forgotten; none in bucket 0."""
    cause = pick(mask_of((arrears > i4(0)) & (cause <= i4(FORGOT))), reason, cause)
    return only(to > i4(0), cause)


@njit(forceinline=True)
def clean_after(clean, missed):
    """Return the months in a row without a missed due, at most 255."""
    return only(~missed, min(i4(clean + i4(1)), i4(255)))


@njit(forceinline=True)
def since_after(since, forgot):
    """Return the months since the last forgotten due, at most 31."""
    return only(~forgot, min(i4(since + i4(1)), i4(31)))


@njit(forceinline=True)
def freeze_or_thaw(status, to, days, freeze_days, plan_left):
    """Return the status of an open account after step 10 (c): frozen while it is late enough, or not yet current."""
    freezes = (status == i4(ACTIVE)) & (to > i4(0)) & (days >= freeze_days)
    thaws = (status == i4(FROZEN)) & (to == i4(0)) & (plan_left == i4(0))
    return pick(mask_of(freezes), i4(FROZEN), pick(mask_of(thaws), i4(ACTIVE), status))


@njit(forceinline=True)
def report_after(reported):
    """Return the months that a report to the bureau still lasts after one more."""
    return max(i4(reported - i4(1)), i4(0))


# ---- step 9: new credit -----------------------------------------------------------------------------------
@njit(forceinline=True)
def wants(spend, multiplier, employed, spend_unemployed, demand, need, new_credit):
    """Return what the borrower wants to spend on the line: as usual and `need`, times their `demand` (q16)."""
    wanted = mul_q16_lane(spend, multiplier)
    wanted = pick(mask_of(employed), wanted, mul_q31_lane(wanted, spend_unemployed))
    return only(new_credit, mul_q16_lane(i4(wanted + need), demand))


@njit(forceinline=True)
def put_on_line(wanted, balance, limit):
    """Return what of the spending that is wanted the line has room for."""
    return min(wanted, max(i4(limit - balance), i4(0)))


@njit(forceinline=True)
def pay_cash(buffer, amount):
    """Return the buffer after spending an amount in cash, as far as it reaches."""
    return i4(buffer - min(amount, max(buffer, i4(0))))


@njit(forceinline=True)
def is_idle(before, after):
    """Return whether a line owes nothing at the start of the month nor after it."""
    return max(before, after) <= i4(0)


@njit(forceinline=True)
def spends_much(spend, granted):
    """Return whether a usual month of spending is half of a line's limit as granted, or more."""
    return spend >= i4(granted - spend)

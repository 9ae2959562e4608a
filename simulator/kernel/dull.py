"""Those who pay on time, many at once: the month of docs/model.md for lanes where nothing goes wrong.

Written without branches so that LLVM turns the loop into vector instructions. A lane is *dull* when its accounts
are current and active, every due is paid from the buffer at the due date, no loan is drawn or ends. It gets the same
integers here as from `month.live`; a lane that is not dull is left as it was, for `live` to do.
"""

import numpy as np

from .cache import njit
from .draws import MONTHS, counter, group, philox
from .names import *  # noqa: F403  the vocabulary of the kernel

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

# ---- columns the loop leaves for the sums, zero where a lane is not dull ---------------------------
(
    O_FEW,  # 1: left for month.live
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
) = range(15)
N_LINE_OUT, N_LOAN_OUT = 9, 15


@njit(inline="always")
def share_of(x, r):
    """Return share `r` (q31) of `x` >= 0 as int32, rounded half up: `fixed.part` in 32-bit lanes."""
    return i4((u8(u4(x)) * u8(u4(r)) + u8(1 << 30)) >> u8(31))


@njit(inline="always")
def times(x, m):
    """Return `x` >= 0 times multiplier `m` (q16) as int32, rounded half up: `fixed.scale` in 32-bit lanes."""
    return i4((u8(u4(x)) * u8(u4(m)) + u8(1 << 15)) >> u8(16))


@njit(inline="always")
def pick(mask, yes, no):
    """Return `yes` where `mask` is -1 and `no` where it is 0.

    Written in bits: of stores that depend on a condition LLVM makes branches, and then no vectors.
    """
    return i4((i4(yes) & mask) | (i4(no) & ~mask))


@njit(inline="always")
def sigmoid_place(logit):
    """Return where a log-odd (q16) stands in `Tables.sigmoid`, in 512ths of its steps."""
    reach = i4(16 << 16)
    return u4(min(max(i4(logit), i4(-reach)), reach) + reach)


@njit(inline="always")
def between(low, high, place):
    """Return the sigmoid (q31) at `place` between two neighbours of its table: `fixed.sigmoid` in 32-bit lanes.

    It takes numbers, not the table: numba counts references to an array handed to an inlined function, and a call
    in the loop would keep it scalar.
    """
    return u4(u8(low) + ((u8(u4(high - low)) * u8(place & u4(511))) >> u8(9)))


@njit(inline="always")
def line_grade(clean, balance, limit):
    """Return the grade of a line in bucket 0 and no plan, without branches: `people.grade_of` in 32-bit lanes."""
    half = (clean < i4(12)) | (balance > limit >> i4(1))
    most = (clean < i4(6)) | (balance > i4(limit - (limit >> i4(3))))
    return u4(half) + u4(most) + u4(clean < i4(3))  # a sum, because LLVM makes branches of nested choices


@njit(inline="always")
def draw_words(W, slot, n, first, month, entry, replication, segment, k0, k1):
    """Fill W[0..3] (slot 0) or W[4..7] (slot 2) with each lane's words of the month."""
    c1 = counter(month, entry, slot)
    c3 = group(segment, MONTHS)
    at = 0 if slot == 0 else 4
    for lane in range(n):
        i = u8(lane)
        w0, w1, w2, w3 = philox(u4(u4(first) + u4(lane)), c1, replication, c3, k0, k1)
        W[at, i] = w0
        W[at + 1, i] = w1
        W[at + 2, i] = w2
        W[at + 3, i] = w3


@njit(inline="always")
def pay_on_time(
    S, W, out, n, g, line, loan, economy, months, forget_keep_line, forget_keep_loan, has_loans,
    sigmoid, job_loss_quality, alert, spending, quality_logit, burden_logit, bucket_logit, cause_logit,
    rates, loan_rates,
):  # fmt: skip
    """Steps 4 to 12 of the structural month for every dull lane; `out` says what to sum and who is left."""
    one = u4(ONE)
    income_index = u4(economy[M_INCOME_INDEX])
    job_loss, job_find = u4(economy[M_JOB_LOSS]), u4(economy[M_JOB_FIND])
    shock_from = u4(ONE - economy[M_EXPENSE_SHOCK])
    benefit, living_unemployed = u4(g[G_BENEFIT]), u4(g[G_LIVING_UNEMPLOYED])
    shock_size, outside_repay = u4(g[G_SHOCK_SIZE]), u4(g[G_OUTSIDE_REPAY])
    buffer_cap, revolver_share = u4(g[G_BUFFER_CAP]), u4(g[G_REVOLVER_SHARE])
    spend_unemployed = u4(g[G_SPEND_UNEMPLOYED])
    floor, draw_chance = i4(line[P_MIN_FLOOR]), u4(loan[P_DRAW])
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    enrolled = u4(max(g[G_AUTOPAY], months[LINE, V_AUTOPAY]))
    loan_enrolled = u4(max(g[G_AUTOPAY], months[LOAN, V_AUTOPAY]))
    base_logit = g[G_WILL_NOT_BASE] + economy[M_WILL_NOT] + i8(bucket_logit[0]) + i8(cause_logit[0])
    line_logit = i4(max(base_logit + line[P_WILL_NOT] + months[LINE, V_WILL_NOT], i8(-(1 << 29))))
    loan_logit = i4(max(base_logit + loan[P_WILL_NOT] + months[LOAN, V_WILL_NOT], i8(-(1 << 29))))
    reported_logit = i4(g[G_WILL_NOT_REPORTED])
    line_reach, loan_reach = i8(months[LINE, V_REACH]), i8(months[LOAN, V_REACH])
    line_keep, loan_keep = u4(forget_keep_line), u4(forget_keep_loan)
    new_line_credit = months[LINE, V_NEW_CREDIT] == 1
    new_loan_credit = months[LOAN, V_NEW_CREDIT] == 1
    line_reach_u, loan_reach_u = u4(line_reach), u4(loan_reach)
    for lane in range(n):
        i = u8(lane)
        # who may be dull at all
        status, balance = S[LINE_AT + STATUS, i], S[LINE_AT + BALANCE, i]
        line_live = (status >= i4(ACTIVE)) & (status <= i4(WRITTEN_OFF))
        line_current = (status == i4(ACTIVE)) & ((S[LINE_AT + BUCKET, i] | S[LINE_AT + ARREARS, i]) == i4(0))
        may = line_current | ~line_live
        loan_live = False
        if has_loans:
            loan_status, loan_balance = S[LOAN_AT + STATUS, i], S[LOAN_AT + BALANCE, i]
            loan_live = (loan_status >= i4(ACTIVE)) & (loan_status <= i4(WRITTEN_OFF))
            trouble = S[LOAN_AT + BUCKET, i] | S[LOAN_AT + ARREARS, i] | S[LOAN_AT + PLAN_LEFT, i]
            loan_current = (loan_status == i4(ACTIVE)) & (trouble == i4(0))
            may = may & (loan_current | ~loan_live)

        # 4. job and income
        u = W[0, i] >> u4(1)
        pay = times(S[INCOME, i], income_index)
        living = times(S[LIVING, i], income_index)
        was_employed = S[EMPLOYED, i] == i4(1)
        loses = u < u4(share_of(job_loss, job_loss_quality[u4(S[QUALITY, i]) & u4(15)]))
        finds = u < job_find
        employed = (was_employed & ~loses) | (~was_employed & finds)
        came_in = pay if employed else share_of(pay, benefit)
        went_out = living if employed else share_of(living, living_unemployed)
        shock = times(pay, shock_size) if u >= shock_from else i4(0)
        cash = i4(i4(i4(S[BUFFER, i] + came_in) - went_out) - shock)
        need = max(i4(-cash), i4(0))
        buffer = max(cash, i4(0))
        outside = S[OUTSIDE, i]
        back = min(min(i4(S[OUTSIDE_MAX, i] - outside), share_of(pay, outside_repay)), buffer)
        outside = i4(outside + back)
        buffer = i4(buffer - back)

        # 5. due date
        bill = max(balance, i4(0)) if line_current else i4(0)
        owed = min(max(floor, share_of(bill, min_share)), bill)
        loan_bill, loan_owed, months_left = i4(0), i4(0), i4(0)
        if has_loans:
            loan_bill = loan_balance if loan_current else i4(0)
            months_left = S[LOAN_AT + MONTHS_LEFT, i]
            loan_owed = min(S[LOAN_AT + INSTALMENT, i], loan_bill) if months_left > i4(1) else loan_bill
        quarter = pay >> i4(2)
        debt = i4(bill + loan_bill)
        burden = u4(debt > quarter)
        burden += u4((debt >> i4(1)) > quarter)
        burden += u4((debt >> i4(2)) > quarter)
        burden += u4((debt >> i4(3)) > quarter)
        burden += u4((debt >> i4(4)) > quarter)
        burden += u4((debt >> i4(5)) > quarter)
        burden += u4((debt >> i4(6)) > quarter)
        own_logit = i4(
            i4(quality_logit[u4(S[QUALITY, i]) & u4(15)] + burden_logit[u4(burden) & u4(7)])
            + (reported_logit if S[REPORTED, i] != i4(0) else i4(0))
        )
        manual = u4(share_of(S[FORGET, i], alert[u4(S[ALERT, i]) & u4(31)]))
        autopay = u4(S[AUTOPAY, i])
        forgets = u4(0) if autopay < enrolled else manual
        reach = u4(S[REACH, i])
        place = sigmoid_place(i4(line_logit + own_logit))
        k = (place >> u4(9)) & u4(8191)
        unwilling = between(sigmoid[k], sigmoid[(k + u4(1)) & u4(8191)], place)
        reached = reach < line_reach_u
        line_forgets = u4(share_of(forgets, line_keep)) if reached else forgets
        u = W[1, i] >> u4(1)
        pays = (u >= unwilling) & (u < u4(one - u4(share_of(line_forgets, u4(one - unwilling)))))
        may = may & (pays | (bill == i4(0)))
        loan_reached = reach < loan_reach_u
        if has_loans:
            place = sigmoid_place(i4(loan_logit + own_logit))
            k = (place >> u4(9)) & u4(8191)
            unwilling = between(sigmoid[k], sigmoid[(k + u4(1)) & u4(8191)], place)
            forgets = u4(0) if autopay < loan_enrolled else manual
            loan_forgets = u4(share_of(forgets, loan_keep)) if loan_reached else forgets
            u = W[4, i] >> u4(1)
            pays = (u >= unwilling) & (u < u4(one - u4(share_of(loan_forgets, u4(one - unwilling)))))
            may = may & (pays | (loan_bill == i4(0)))
            wants = (W[5, i] >> u4(1)) < draw_chance
            draws = (loan_status == i4(ACTIVE)) & (loan_balance == i4(0)) & wants
            may = may & ~(draws & new_loan_credit)
            may = may & ((loan_bill == i4(0)) | (loan_owed < loan_bill))
        may = may & (buffer >= i4(owed + loan_owed)) & (line_live | loan_live)
        buffer = i4(buffer - owed - loan_owed)
        rest = i4(bill - owed)
        want = rest if S[FULL_PAYER, i] != i4(0) else share_of(rest, revolver_share)
        extra = min(want, max(buffer, i4(0)))
        buffer = i4(buffer - extra)
        paid = i4(owed + extra)

        # 8. interest
        fee_due, interest_due = S[LINE_AT + FEE_DUE, i], S[LINE_AT + INTEREST_DUE, i]
        to_fees = min(fee_due, paid)
        carried = i4(bill - paid)
        clean = S[LINE_AT + CLEAN, i]
        grade = line_grade(clean, balance, S[LINE_AT + LIMIT, i])
        interest = share_of(carried, rates[grade & u4(7)])
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        balance = i4(i4(balance - paid) + interest)

        # 9. spending
        wanted = times(times(S[SPEND, i], income_index), spending[W[2, i] >> u4(22)])
        wanted = wanted if employed else share_of(wanted, spend_unemployed)
        wanted = i4(wanted + need) if new_line_credit else i4(0)
        on_line = min(wanted, max(i4(S[LINE_AT + LIMIT, i] - balance), i4(0))) if line_current else i4(0)
        balance = i4(balance + on_line)
        buffer = i4(buffer - min(i4(wanted - on_line), max(buffer, i4(0))))
        buffer = min(buffer, times(pay, buffer_cap))

        # the lane, and what it adds
        line_dull = may & line_current
        may_mask, line_dull_mask = i4(-i4(may)), i4(-i4(line_dull))
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
        out[O_FEW, i] = i4((line_live | loan_live) & ~may)
        out[O_OPEN, i] = i4(line_dull)
        out[O_BALANCE, i] = balance & line_dull_mask
        out[O_LIMIT, i] = S[LINE_AT + LIMIT, i] & line_dull_mask
        out[O_NEW_CREDIT, i] = on_line & line_dull_mask
        out[O_INTEREST, i] = interest & line_dull_mask
        out[O_PAID, i] = paid & line_dull_mask
        out[O_DUE, i] = i4(line_dull & (owed > i4(0)))
        out[O_REMINDED, i] = i4(line_dull & reached & (bill > i4(0)))
        if has_loans:
            loan_dull = may & (loan_bill > i4(0))
            loan_dull_mask = i4(-i4(loan_dull))
            fee_due, interest_due = S[LOAN_AT + FEE_DUE, i], S[LOAN_AT + INTEREST_DUE, i]
            to_fees = min(fee_due, loan_owed)
            loan_balance = i4(loan_bill - loan_owed)
            clean = S[LOAN_AT + CLEAN, i]
            grade = u4(clean < i4(12)) + u4(clean < i4(6)) + u4(clean < i4(3))
            interest = share_of(loan_balance, loan_rates[grade & u4(7)])
            gap = i4(S[LOAN_AT + INSTALMENT, i] - loan_balance)
            last = (months_left == i4(2)) & (abs(i4(gap - interest)) <= i4(128))
            interest = gap if last else interest
            interest_due = i4(interest_due - min(interest_due, i4(loan_owed - to_fees)) + interest)
            loan_balance = i4(loan_balance + interest)
            S[LOAN_AT + BALANCE, i] = pick(loan_dull_mask, loan_balance, S[LOAN_AT + BALANCE, i])
            S[LOAN_AT + FEE_DUE, i] = pick(loan_dull_mask, i4(fee_due - to_fees), fee_due)
            S[LOAN_AT + INTEREST_DUE, i] = pick(loan_dull_mask, interest_due, S[LOAN_AT + INTEREST_DUE, i])
            S[LOAN_AT + MONTHS_LEFT, i] = pick(loan_dull_mask, max(i4(months_left - i4(1)), i4(0)), months_left)
            S[LOAN_AT + CLEAN, i] = pick(loan_dull_mask, min(i4(clean + i4(1)), i4(255)), clean)
            out[O_LOAN_OPEN, i] = i4(loan_dull)
            out[O_LOAN_BALANCE, i] = loan_balance & loan_dull_mask
            out[O_LOAN_INTEREST, i] = interest & loan_dull_mask
            out[O_LOAN_PAID, i] = loan_owed & loan_dull_mask
            out[O_LOAN_DUE, i] = i4(loan_dull & (loan_owed > i4(0)))
            out[O_LOAN_REMINDED, i] = i4(loan_dull & loan_reached)


@njit(inline="always")
def stay_current(S, W, out, n, line, months, n_states, cumulative, states, spending, rates):
    """The roll_rates month for lines that stay in bucket 0; borrowers with a live loan facility are left."""
    floor = i4(line[P_MIN_FLOOR])
    min_share = u4(months[LINE, V_MIN_SHARE] if months[LINE, V_MIN_SHARE] >= 0 else line[P_MIN_SHARE])
    new_credit = months[LINE, V_NEW_CREDIT] == 1
    for lane in range(n):
        i = u8(lane)
        status, balance = S[LINE_AT + STATUS, i], S[LINE_AT + BALANCE, i]
        loan_status = S[LOAN_AT + STATUS, i]
        line_live = (status >= i4(ACTIVE)) & (status <= i4(WRITTEN_OFF))
        loan_live = (loan_status >= i4(ACTIVE)) & (loan_status <= i4(WRITTEN_OFF))
        may = (status == i4(ACTIVE)) & ((S[LINE_AT + BUCKET, i] | S[LINE_AT + ARREARS, i]) == i4(0)) & ~loan_live
        state = u4(S[LINE_AT + STATE, i]) & u4(15)
        u = W[1, i] >> u4(1)
        to = u4(0)
        for k in range(n_states):
            to += u4(u >= cumulative[u4(state * u4(16) + u4(k)) & u4(255)])
        to = to & u4(15)
        stays_worse = (to == state) & (states[R_AT_LEAST, to] != i4(0))
        may = may & (states[R_BUCKET, to] == i4(0)) & ~stays_worse

        bill = max(balance, i4(0))
        owed = min(max(floor, share_of(bill, min_share)), bill)
        paid = i4(owed + share_of(i4(bill - owed), u4(states[R_PAYS, to])))
        fee_due, interest_due = S[LINE_AT + FEE_DUE, i], S[LINE_AT + INTEREST_DUE, i]
        to_fees = min(fee_due, paid)
        clean = S[LINE_AT + CLEAN, i]
        interest = share_of(i4(bill - paid), rates[line_grade(clean, balance, S[LINE_AT + LIMIT, i]) & u4(7)])
        interest_due = i4(interest_due - min(interest_due, i4(paid - to_fees)) + interest)
        balance = i4(i4(balance - paid) + interest)
        wanted = times(times(S[SPEND, i], u4(states[R_SPEND, to])), spending[W[2, i] >> u4(22)])
        wanted = wanted if new_credit else i4(0)
        on_line = min(wanted, max(i4(S[LINE_AT + LIMIT, i] - balance), i4(0)))
        balance = i4(balance + on_line)

        may_mask = i4(-i4(may))
        S[LINE_AT + STATE, i] = pick(may_mask, i4(to), S[LINE_AT + STATE, i])
        S[LINE_AT + BALANCE, i] = pick(may_mask, balance, S[LINE_AT + BALANCE, i])
        S[LINE_AT + FEE_DUE, i] = pick(may_mask, i4(fee_due - to_fees), fee_due)
        S[LINE_AT + INTEREST_DUE, i] = pick(may_mask, interest_due, S[LINE_AT + INTEREST_DUE, i])
        S[LINE_AT + CLEAN, i] = pick(may_mask, min(i4(clean + i4(1)), i4(255)), clean)
        reported = S[REPORTED, i]
        S[REPORTED, i] = pick(may_mask, max(i4(reported - i4(1)), i4(0)), reported)
        out[O_FEW, i] = i4((line_live | loan_live) & ~may)
        out[O_OPEN, i] = i4(may)
        out[O_BALANCE, i] = balance & may_mask
        out[O_LIMIT, i] = S[LINE_AT + LIMIT, i] & may_mask
        out[O_NEW_CREDIT, i] = on_line & may_mask
        out[O_INTEREST, i] = interest & may_mask
        out[O_PAID, i] = paid & may_mask
        out[O_DUE, i] = i4(may & (owed > i4(0)))
        out[O_REMINDED, i] = i4(0)


@njit(inline="always")
def total(out, column, n):
    """Return the int64 sum of the first `n` lanes of a column."""
    s = i8(0)
    for lane in range(n):
        i = u8(lane)
        s += i8(out[column, i])
    return s


@njit(inline="always")
def book_dull(out, n, row, has_loans, F, rolls, vintage):
    """Add the sums of the dull lanes: their accounts go from `row` (line) or 0 (loan) to bucket 0."""
    for p in range(N_PRODUCT if has_loans else 1):
        at = O_OPEN if p == LINE else O_LOAN_OPEN
        n_open = total(out, at, n)
        if n_open > 0:
            balance = total(out, at + 1, n)
            F[p, F_ACCOUNTS] += n_open
            F[p, F_BALANCE] += balance
            vintage[p, W_ACCOUNTS] += n_open
            vintage[p, W_BALANCE] += balance
            rolls[p, row if p == LINE else 0, 0, 0] += n_open
            rolls[p, row if p == LINE else 0, 0, 1] += balance
            if p == LINE:
                F[p, F_LIMIT] += total(out, O_LIMIT, n)
                F[p, F_NEW_CREDIT] += total(out, O_NEW_CREDIT, n)
            rest = O_INTEREST if p == LINE else O_LOAN_INTEREST
            F[p, F_INTEREST] += total(out, rest, n)
            F[p, F_PAID] += total(out, rest + 1, n)
            F[p, F_N_DUE] += total(out, rest + 2, n)
            F[p, F_N_REMINDED] += total(out, rest + 3, n)

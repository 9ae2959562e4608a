"""The month as most would write it with numba: a loop over borrowers, float64, np.random, one array a column.

The same mechanisms as the kernel's month of a line (docs/model.md), other random numbers, so sums agree on average and
not to the unit. A borrower draws only the numbers that are needed. Two things most would not know are done for it:
compiled without reference counts, and inlined into one loop; without them it took five times as long.
"""

# ruff: noqa: F405
import math

import numba
import numpy as np

from simulator.model.layout import *  # noqa: F403  statuses, causes, buckets, columns of the economy

from .inputs import AT, MISSED_BY, N30_BY, N90_BY, Book, empty_totals

WORDS = 3  # random numbers a borrower and month, of 53 bits, at least; more for those who miss or are written off
(
    N_ACCOUNTS,
    BALANCES,
    LIMITS,
    N_DPD30,
    B_DPD30,
    N_DPD60,
    B_DPD60,
    N_DPD90,
    B_DPD90,
    N_BOOK,
    B_BOOK,
    NEW_CREDIT,
    INTERESTS,
    FEES,
    PAID,
    LOST,
    LOST_INTEREST,
    LOST_FEES,
    RECOVERED,
    COMMISSION,
    EXPIRED,
    NOT_CHARGED,
    DEFAULTED,
    N_LOST,
    N_EXPIRED,
    N_DUE,
    N_MISSED,
    N_CURED_7,
    N_CURED_30,
    N_DEFAULT,
    N_REMINDED,
    N_FIRST_30,
    OUTSIDE_USED,
) = range(AT["outside_used"] + 1)  # fmt: skip  in the order of TOTALS


def run(segments, seed=1):
    """Return the Totals of every replication and month of `segments`, as `inputs` gives them."""
    replications, months, _ = segments[0].economy.shape
    totals = empty_totals(replications, months - 1)
    for r in range(replications):
        for s, (book, rules, economy) in enumerate(segments):
            own = Book(*(column.copy() for column in book))
            _run(own, rules, economy[r], np.uint32(seed + 1000 * r + s), totals.flows[r], totals.rolls[r])
    return totals


@numba.njit(_nrt=False)
def _run(b, rules, economy, seed, flows, rolls):
    """Live all months of the book `b` in place, adding to `flows`[month, total] and `rolls`[month, from, to, 2]."""
    np.random.seed(seed)
    for month in range(1, len(economy)):
        for i in range(len(b.income)):
            if b.status[i] == ACTIVE:
                live(b, i, rules, economy[month], flows[month - 1], rolls[month - 1])
            if b.status[i] == WRITTEN_OFF:
                collect(b, i, rules, flows[month - 1])


@numba.njit(_nrt=False, inline="always")
def live(b, i, rules, economy, flows, rolls):
    """Live the month of borrower `i`, whose line is open."""
    # job and income
    u = np.random.random()
    if b.employed[i]:
        b.employed[i] = u >= economy[M_JOB_LOSS] * b.job_loss[i]
    else:
        b.employed[i] = u < economy[M_JOB_FIND]
    pay, living = b.income[i] * economy[M_INCOME_INDEX], b.living[i] * economy[M_INCOME_INDEX]
    cash = b.buffer[i]
    if b.employed[i]:
        cash += pay - living
    else:
        cash += rules.benefit * pay - rules.living_unemployed * living
    if u >= 1 - economy[M_EXPENSE_SHOCK]:
        cash -= rules.shock_size * pay
    need, buffer = max(-cash, 0.0), max(cash, 0.0)
    back = min(b.outside_max[i] - b.outside[i], rules.outside_repay * pay, buffer)
    b.outside[i] += back
    buffer -= back

    # due date
    bill, bucket = max(b.balance[i], 0.0), b.bucket[i]
    owed = b.arrears[i] + min(max(rules.min_floor, rules.min_share * bill), bill - b.arrears[i])
    paid, extra, reason, day = 0.0, 0.0, UNKNOWN, DAYS - 1
    if owed > 0:
        burden, debt = 0, 4 * bill
        while burden < 7 and debt > pay:
            burden += 1
            debt /= 2
        logit = b.will_not[i] + rules.by_bucket[bucket] + rules.by_cause[b.cause[i]] + rules.by_burden[burden]
        unwilling = 1 / (1 + math.exp(-logit - economy[M_WILL_NOT]))
        forget = b.forget[i] * rules.alert[b.alert[i]]
        if b.reached[i]:
            forget *= rules.keep[bucket]
            flows[N_REMINDED] += 1
        u = np.random.random()
        if u < unwilling:
            reason = WILL_NOT
        elif u >= 1 - forget * (1 - unwilling):
            reason = FORGOT
        else:
            from_buffer = min(owed, buffer)
            from_outside = min(owed - from_buffer, b.outside[i])
            buffer -= from_buffer
            b.outside[i] -= from_outside
            flows[OUTSIDE_USED] += from_outside
            rest = owed - from_buffer - from_outside
            paid = owed - rest
            if rest > 0:
                reason = SHORT if b.employed[i] else CANNOT
            else:
                extra = min(b.extra[i] * (bill - owed), buffer)
                buffer -= extra
        if bucket == 0:
            flows[N_DUE] += 1
            flows[N_MISSED] += reason != UNKNOWN
            flows[MISSED_BY + reason] += reason != UNKNOWN

    # in the month
    rest = owed - paid if reason != UNKNOWN else 0.0
    after = rest
    if reason != UNKNOWN:
        v, curve = np.random.random(), rules.in_month[reason, 1 if bucket > 0 else 0]
        if v < curve[DAYS - 1] and rest <= buffer + pay:
            day = 1
            while v >= curve[day]:
                day += 1
            paid, after = owed, 0.0
            buffer -= rest
            if reason == FORGOT:
                extra = min(b.extra[i] * (bill - owed), max(buffer, 0.0))
                buffer -= extra
            if bucket == 0:
                flows[N_CURED_30] += 1
                flows[N_CURED_7] += day <= 7

    # ageing
    to = 0
    if after > 0:
        to = min(math.ceil(after * (bucket + 1) / owed - 1e-9), BUCKETS - 1)
        if b.cause[i] <= FORGOT:
            b.cause[i] = reason
    else:
        b.cause[i] = UNKNOWN
    b.alert[i] = 0 if reason == FORGOT else min(b.alert[i] + 1, 31)

    # payment, interest, late charge
    paid += extra
    to_fees = min(b.fee_due[i], paid)
    b.fee_due[i] -= to_fees
    b.interest_due[i] -= min(b.interest_due[i], paid - to_fees)
    interest = rules.rate * max(bill - paid - after, 0.0)
    fee = rest * rules.late[day]
    if to >= rules.suspend:
        flows[NOT_CHARGED] += interest + fee
        interest, fee = 0.0, 0.0
    balance = b.balance[i] - paid + interest + fee
    b.interest_due[i] += interest
    b.fee_due[i] += fee

    # spending
    wanted = b.spend[i] * economy[M_INCOME_INDEX] * np.random.lognormal(-(rules.spending**2) / 2, rules.spending)
    if not b.employed[i]:
        wanted *= rules.spend_unemployed
    wanted += need
    on_line = min(wanted, max(b.limit[i] - balance, 0.0))
    balance += on_line
    buffer -= min(wanted - on_line, max(buffer, 0.0))
    b.buffer[i] = min(buffer, rules.buffer_cap * pay)

    # default, write-off
    flows[PAID] += paid
    flows[INTERESTS] += interest
    flows[FEES] += fee
    flows[NEW_CREDIT] += on_line
    if to >= 3 and b.ever[i] < 3:
        flows[N_DEFAULT] += 1
        flows[DEFAULTED] += balance
    if to >= 1 and b.ever[i] < 1:
        flows[N_FIRST_30] += 1
    b.ever[i] = max(b.ever[i], to)
    b.balance[i] = balance
    if balance > 0 and to >= rules.write_off:
        rolls[bucket, TO_WRITTEN_OFF, 0] += 1
        rolls[bucket, TO_WRITTEN_OFF, 1] += balance
        flows[N_LOST] += 1
        flows[LOST] += balance
        flows[LOST_INTEREST] += b.interest_due[i]
        flows[LOST_FEES] += b.fee_due[i]
        b.status[i], b.age[i] = WRITTEN_OFF, -1
        return
    rolls[bucket, to, 0] += 1
    rolls[bucket, to, 1] += balance
    b.bucket[i], b.arrears[i] = to, after

    # stocks
    flows[N_ACCOUNTS] += 1
    flows[BALANCES] += balance
    flows[LIMITS] += b.limit[i]
    if to >= 1:
        flows[N_DPD30] += 1
        flows[B_DPD30] += balance
        flows[N30_BY + b.cause[i]] += 1
    if to >= 2:
        flows[N_DPD60] += 1
        flows[B_DPD60] += balance
    if to >= 3:
        flows[N_DPD90] += 1
        flows[B_DPD90] += balance
        flows[N90_BY + b.cause[i]] += 1


@numba.njit(_nrt=False, inline="always")
def collect(b, i, rules, flows):
    """Collect from the written-off account of borrower `i`, or let the claim expire."""
    b.age[i] += 1
    if b.age[i] >= rules.expire:
        flows[N_EXPIRED] += 1
        flows[EXPIRED] += b.balance[i]
        b.status[i], b.balance[i] = TERMINATED, 0.0
        return
    band = 0
    while band + 1 < len(AGE_BANDS) and b.age[i] >= AGE_BANDS[band + 1]:
        band += 1
    if b.age[i] >= 1 and np.random.random() < rules.recover[band, 0]:
        recovered = rules.recover[band, 1] * b.balance[i]
        b.balance[i] -= recovered
        flows[RECOVERED] += recovered
        flows[COMMISSION] += rules.recover[band, 2] * recovered
    flows[N_BOOK] += 1
    flows[B_BOOK] += b.balance[i]

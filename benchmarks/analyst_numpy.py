"""The month as an analyst would write it: float64, one array a column, masks over the whole book, NumPy's generator.

The same mechanisms as the kernel's month of a line (docs/model.md), other random numbers, so sums agree on average and
not to the unit. Nothing is done for speed beyond working on whole arrays, and late days only for those who missed.
"""

# ruff: noqa: F405
import numpy as np

from simulator.model.layout import *  # noqa: F403  statuses, causes, buckets, columns of the economy

from .inputs import AT, MISSED_BY, N30_BY, N90_BY, Book, empty_totals

WORDS = 5  # random numbers a borrower and month


def run(segments, seed=1):
    """Return the Totals of every replication and month of `segments`, as `inputs` gives them."""
    replications, months, _ = segments[0].economy.shape
    totals = empty_totals(replications, months - 1)
    for r in range(replications):
        rng = np.random.default_rng([seed, r])
        for book, rules, economy in segments:
            b = Book(*(column.copy() for column in book))
            for month in range(1, months):
                live(b, rules, economy[r, month], rng, totals.flows[r, month - 1], totals.rolls[r, month - 1])
    return totals


def live(b, rules, economy, rng, flows, rolls):
    """Live one month of the book `b` in place, adding to `flows` and `rolls`."""
    n = len(b.income)

    def add(**sums):
        for name, value in sums.items():
            flows[AT[name]] += value

    # job and income
    u = rng.random(n)
    changes = np.where(b.employed, u < economy[M_JOB_LOSS] * b.job_loss, u < economy[M_JOB_FIND])
    b.employed[:] = b.employed ^ changes
    pay, living = b.income * economy[M_INCOME_INDEX], b.living * economy[M_INCOME_INDEX]
    earned = np.where(b.employed, pay, rules.benefit * pay)
    spent = np.where(b.employed, living, rules.living_unemployed * living)
    shock = np.where(u >= 1 - economy[M_EXPENSE_SHOCK], rules.shock_size * pay, 0)
    cash = b.buffer + earned - spent - shock
    need, buffer = np.maximum(-cash, 0), np.maximum(cash, 0)
    back = np.minimum(np.minimum(b.outside_max - b.outside, rules.outside_repay * pay), buffer)
    outside = b.outside + back
    buffer -= back

    # due date: who will not pay, who forgets, who pays what cash allows
    is_open = b.status == ACTIVE
    bill = np.where(is_open, np.maximum(b.balance, 0), 0)
    owed = b.arrears + np.minimum(np.maximum(rules.min_floor, rules.min_share * bill), bill - b.arrears)
    owes, was_late = owed > 0, b.bucket > 0
    burden = np.digitize(4 * bill / pay, 2.0 ** np.arange(7), right=True)
    logit = b.will_not + rules.by_bucket[b.bucket] + rules.by_cause[b.cause] + rules.by_burden[burden]
    unwilling = 1 / (1 + np.exp(-logit - economy[M_WILL_NOT]))
    forget = b.forget * rules.alert[b.alert] * np.where(b.reached, rules.keep[b.bucket], 1)
    u = rng.random(n)
    will_not = owes & (u < unwilling)
    forgets = owes & (u >= 1 - forget * (1 - unwilling))
    pays = owes & ~will_not & ~forgets
    from_buffer = np.where(pays, np.minimum(owed, buffer), 0)
    from_outside = np.where(pays, np.minimum(owed - from_buffer, outside), 0)
    rest = owed - from_buffer - from_outside
    buffer -= from_buffer
    outside -= from_outside
    missed = rest > 0
    reason = np.select([will_not, forgets, b.employed], [WILL_NOT, FORGOT, SHORT], CANNOT)

    # in the month: some of those who missed pay late
    m = np.flatnonzero(missed)
    v, curve = rng.random(len(m)), rules.in_month[reason[m], was_late[m].astype(int)]
    in_time = (v < curve[:, -1]) & (rest[m] <= buffer[m] + pay[m])
    day = np.full(n, DAYS - 1)
    day[m[in_time]] = 1 + (v[in_time, None] >= curve[in_time, 1:]).sum(axis=1)
    cured = np.zeros(n, bool)
    cured[m[in_time]] = True
    buffer -= np.where(cured, rest, 0)
    after = np.where(cured, 0, rest)
    pays_more = (pays & ~missed) | (cured & forgets)
    extra = np.where(pays_more, np.minimum(b.extra * (bill - owed), np.maximum(buffer, 0)), 0)
    buffer -= extra

    # ageing
    bucket = np.ceil(after * (b.bucket + 1) / np.maximum(owed, 1) - 1e-9).astype(int)
    bucket = np.minimum(bucket, BUCKETS - 1)
    cause = np.where((after > 0) & (b.cause <= FORGOT), reason, b.cause)
    cause[bucket == 0] = UNKNOWN
    b.alert[:] = np.where(missed & forgets, 0, np.minimum(b.alert + 1, 31))

    # payment, interest, late charge
    paid = owed - after + extra
    to_fees = np.minimum(b.fee_due, paid)
    to_interest = np.minimum(b.interest_due, paid - to_fees)
    interest = np.where(is_open, rules.rate * np.maximum(bill - paid - after, 0), 0)
    fee = np.where(missed, rest * rules.late[day], 0)
    suspended = bucket >= rules.suspend
    not_charged = (interest + fee)[suspended].sum()
    interest[suspended], fee[suspended] = 0, 0
    balance = b.balance - paid + interest + fee
    fee_due, interest_due = b.fee_due - to_fees + fee, b.interest_due - to_interest + interest

    # spending
    wanted = b.spend * economy[M_INCOME_INDEX] * rng.lognormal(-(rules.spending**2) / 2, rules.spending, n)
    wanted = np.where(b.employed, wanted, rules.spend_unemployed * wanted) + need
    on_line = np.where(is_open, np.minimum(wanted, np.maximum(b.limit - balance, 0)), 0)
    balance += on_line
    buffer -= np.minimum(wanted - on_line, np.maximum(buffer, 0))
    b.buffer[:] = np.minimum(buffer, rules.buffer_cap * pay)
    b.outside[:] = outside

    # default, write-off
    defaults = is_open & (bucket >= 3) & (b.ever < 3)
    add(n_default=defaults.sum(), default_balance=balance[defaults].sum())
    add(n_first_30=(is_open & (bucket >= 1) & (b.ever < 1)).sum())
    lost = is_open & (balance > 0) & (bucket >= rules.write_off)
    add(n_written_off=lost.sum(), written_off=balance[lost].sum())
    add(written_off_interest=interest_due[lost].sum(), written_off_fees=fee_due[lost].sum())
    moves = b.bucket[is_open] * N_TO + np.where(lost, TO_WRITTEN_OFF, bucket)[is_open]
    rolls[..., 0] += np.bincount(moves, minlength=BUCKETS * N_TO).reshape(BUCKETS, N_TO)
    rolls[..., 1] += np.bincount(moves, balance[is_open], BUCKETS * N_TO).reshape(BUCKETS, N_TO)
    age = np.where(b.status == WRITTEN_OFF, b.age + 1, 0)
    status = np.where(lost, WRITTEN_OFF, b.status)

    # recovery of what is written off
    band = np.searchsorted(AGE_BANDS, age, side="right") - 1
    chance, share, commission = rules.recover[band].T
    expired = (status == WRITTEN_OFF) & (age >= rules.expire)
    pays_back = (status == WRITTEN_OFF) & ~expired & (age >= 1) & (rng.random(n) < chance)
    recovered = np.where(pays_back, share * balance, 0)
    add(recovered=recovered.sum(), commission=(commission * recovered).sum())
    add(expired=balance[expired].sum(), n_expired=expired.sum())
    status = np.where(expired, TERMINATED, status)
    balance = np.where(expired, 0, balance - recovered)

    # what the lender counts
    first = owes & ~was_late
    add(n_due=first.sum(), n_missed=(first & missed).sum(), n_cured_30=(first & cured).sum())
    add(n_cured_7=(first & cured & (day <= 7)).sum(), n_reminded=(b.reached & (bill > 0)).sum())
    add(interest=interest.sum(), fees=fee.sum(), interest_not_charged=not_charged, paid=paid.sum())
    add(new_credit=on_line.sum(), outside_used=from_outside.sum())
    stays, claim = status == ACTIVE, status == WRITTEN_OFF
    add(n_accounts=stays.sum(), balance=balance[stays].sum(), limit=b.limit[stays].sum())
    add(n_written_off_book=claim.sum(), balance_written_off_book=balance[claim].sum())
    for name, least in (("dpd30", 1), ("dpd60", 2), ("dpd90", 3)):
        late = stays & (bucket >= least)
        add(**{f"n_{name}": late.sum(), f"balance_{name}": balance[late].sum()})
    for at, these, by in (
        (MISSED_BY, first & missed, reason),
        (N30_BY, stays & (bucket >= 1), cause),
        (N90_BY, stays & (bucket >= 3), cause),
    ):
        flows[at : at + len(CAUSES)] += np.bincount(by[these], minlength=len(CAUSES))

    b.ever[:] = np.maximum(b.ever, bucket)
    b.bucket[:], b.cause[:] = np.where(stays, bucket, 0), np.where(stays, cause, UNKNOWN)
    b.arrears[:] = np.where(stays, after, 0)
    b.fee_due[:], b.interest_due[:] = np.where(stays, fee_due, 0), np.where(stays, interest_due, 0)
    b.balance[:], b.status[:], b.age[:] = balance, status, age

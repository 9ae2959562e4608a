"""The month in JAX: a compiled scan over the months, on batches of borrowers that stay in the cache; its own threefry.

The same mechanisms as the kernel's month of a line (docs/model.md), other random numbers, float32 money, so sums agree
on average and not to the unit. JAX is an optional extra (`pip install -e '.[peers]'`); `is_there` says whether it is.
"""

# ruff: noqa: F405
import importlib.util
import os
from contextlib import contextmanager
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from simulator.model.layout import *  # noqa: F403  statuses, causes, buckets, columns of the economy

from .inputs import MISSED_BY, N30_BY, N90_BY, TOTALS, Book, Totals, empty_totals

WORDS = 5  # random 32-bit words a borrower and month
BATCH = 16_384  # borrowers of a batch: the fastest of SIZES
SIZES = (1024, 4096, 8192, 16_384, 32_768)  # tried by `python -m benchmarks --full`


def is_there() -> bool:
    """Return whether JAX can be imported."""
    return importlib.util.find_spec("jax") is not None


class Batches(NamedTuple):
    """Segments cut into batches of equal length; the last of a segment is filled with people who are gone."""

    books: Book  # [batch, borrower]
    rules: object  # Rules, [batch, ...]
    economy: np.ndarray  # [replication, batch, month, N_MACRO]


def batches(segments, size=BATCH) -> Batches:
    """Return `segments`, as `inputs` gives them, as Batches of `size` borrowers: float32, int32 and bool."""
    books, rules, economy = [], [], []
    for book, rule, path in segments:
        n = len(book.income)
        for first in range(0, n, size):
            short = max(first + size - n, 0)
            cut = Book(*(np.pad(column[first : first + size], (0, short), mode="edge") for column in book))
            if short:
                cut.status[-short:] = TERMINATED
            books.append(cut)
            rules.append(rule)
            economy.append(path[:, 1:])
    return Batches(_stack(books), _stack(rules), _narrow(np.stack(economy, axis=1)))


def _stack(tuples):
    """Return one named tuple of arrays with a new first axis, in 32 bits."""
    return type(tuples[0])(*(_narrow(np.stack(column)) for column in zip(*tuples, strict=True)))


def _narrow(array):
    """Return an array of 32-bit numbers, or of bool."""
    return array if array.dtype == bool else array.astype(np.float32 if array.dtype.kind == "f" else np.int32)


def run(cut: Batches, seed=1) -> Totals:
    """Return the Totals of every replication and month, on one core."""
    totals = empty_totals(cut.economy.shape[0], cut.economy.shape[2])
    with one_core():
        for r, economy in enumerate(cut.economy):
            flows, rolls = compiled()(cut.books, cut.rules, economy, seed, r)
            totals.flows[r] = np.asarray(flows, np.float64).sum(axis=0)
            totals.rolls[r] = np.asarray(rolls, np.float64).sum(axis=0).reshape(-1, BUCKETS, N_TO, 2)
    return totals


@contextmanager
def one_core():
    """Keep this thread on one core where the system can, and with it the threads that JAX starts meanwhile."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@cache
def compiled():
    """Return the compiled function (books, rules, economy, seed, r) -> (flows, rolls), each by batch."""
    import jax

    return jax.jit(_replication)


def _replication(books, rules, economy, seed, r):
    import jax

    key = jax.random.fold_in(jax.random.key(seed), r)

    def batch(given):
        number, book, rule, path = given
        own = jax.random.fold_in(key, number)
        return jax.lax.scan(partial(live, rule), (book, own), path)[1]

    return jax.lax.map(batch, (np.arange(len(economy)), books, rules, economy))


def live(rules, state, economy):
    """Return the state after one month, and what happened in it: float32[TOTALS], float32[from * to, 2]."""
    import jax
    import jax.numpy as jnp

    b, key = state
    key, luck = jax.random.split(key)
    u_job, u_due, u_late, u_back, u_spend = jax.random.uniform(luck, (WORDS, len(b.income)), minval=1e-7)
    happened = {}

    def look(table, index):
        """Return entries of a table without asking whether the index is inside."""
        return table.at[index].get(mode="promise_in_bounds")

    # job and income
    employed = jnp.where(b.employed, u_job >= economy[M_JOB_LOSS] * b.job_loss, u_job < economy[M_JOB_FIND])
    pay, living = b.income * economy[M_INCOME_INDEX], b.living * economy[M_INCOME_INDEX]
    cash = b.buffer + jnp.where(employed, pay - living, rules.benefit * pay - rules.living_unemployed * living)
    cash -= jnp.where(u_job >= 1 - economy[M_EXPENSE_SHOCK], rules.shock_size * pay, 0)
    need, buffer = jnp.maximum(-cash, 0), jnp.maximum(cash, 0)
    back = jnp.minimum(jnp.minimum(b.outside_max - b.outside, rules.outside_repay * pay), buffer)
    outside = b.outside + back
    buffer -= back

    # due date
    is_open = b.status == ACTIVE
    bill = jnp.where(is_open, jnp.maximum(b.balance, 0), 0)
    owed = b.arrears + jnp.minimum(jnp.maximum(rules.min_floor, rules.min_share * bill), bill - b.arrears)
    owes, was_late = owed > 0, b.bucket > 0
    burden = sum((4 * bill > pay * 2.0**k).astype(jnp.int32) for k in range(7))
    logit = b.will_not + look(rules.by_bucket, b.bucket) + look(rules.by_cause, b.cause) + look(rules.by_burden, burden)
    unwilling = jax.nn.sigmoid(logit + economy[M_WILL_NOT])
    forget = b.forget * look(rules.alert, b.alert) * jnp.where(b.reached, look(rules.keep, b.bucket), 1)
    will_not = owes & (u_due < unwilling)
    forgets = owes & (u_due >= 1 - forget * (1 - unwilling)) & ~will_not
    pays = owes & ~will_not & ~forgets
    from_buffer = jnp.where(pays, jnp.minimum(owed, buffer), 0)
    from_outside = jnp.where(pays, jnp.minimum(owed - from_buffer, outside), 0)
    rest = owed - from_buffer - from_outside
    buffer -= from_buffer
    outside -= from_outside
    missed = rest > 0
    reason = jnp.where(will_not, WILL_NOT, jnp.where(forgets, FORGOT, jnp.where(employed, SHORT, CANNOT)))

    # in the month: the day is found by halving, five looks at the curve
    curve, at = rules.in_month.reshape(-1), (reason * 2 + was_late) * DAYS
    cured = missed & (u_late < look(curve, at + DAYS - 1)) & (rest <= buffer + pay)
    day = jnp.zeros_like(reason)
    for step in (16, 8, 4, 2, 1):
        day += jnp.where(u_late >= look(curve, at + jnp.minimum(day + step, DAYS - 1)), step, 0)
    day = jnp.where(cured, day + 1, DAYS - 1)
    buffer -= jnp.where(cured, rest, 0)
    after = jnp.where(cured, 0, rest)
    more = (pays & ~missed) | (cured & forgets)
    extra = jnp.where(more, jnp.minimum(b.extra * (bill - owed), jnp.maximum(buffer, 0)), 0)
    buffer -= extra

    # ageing
    bucket = jnp.ceil(after * (b.bucket + 1) / jnp.maximum(owed, 1) - 1e-4).astype(jnp.int32)
    bucket = jnp.clip(bucket, (after > 0).astype(jnp.int32), BUCKETS - 1)
    cause = jnp.where((after > 0) & (b.cause <= FORGOT), reason, b.cause)
    cause = jnp.where(bucket == 0, UNKNOWN, cause)
    alert = jnp.where(missed & forgets, 0, jnp.minimum(b.alert + 1, 31))

    # payment, interest, late charge
    paid = owed - after + extra
    to_fees = jnp.minimum(b.fee_due, paid)
    to_interest = jnp.minimum(b.interest_due, paid - to_fees)
    interest = jnp.where(is_open, rules.rate * jnp.maximum(bill - paid - after, 0), 0)
    fee = jnp.where(missed, rest * look(rules.late, day), 0)
    suspended = bucket >= rules.suspend
    happened["interest_not_charged"] = jnp.where(suspended, interest + fee, 0)
    interest, fee = jnp.where(suspended, 0, interest), jnp.where(suspended, 0, fee)
    balance = b.balance - paid + interest + fee
    fee_due, interest_due = b.fee_due - to_fees + fee, b.interest_due - to_interest + interest

    # spending
    varies = jnp.exp(rules.spending * jax.scipy.special.ndtri(u_spend) - rules.spending**2 / 2)
    wanted = b.spend * economy[M_INCOME_INDEX] * varies * jnp.where(employed, 1, rules.spend_unemployed) + need
    on_line = jnp.where(is_open, jnp.minimum(wanted, jnp.maximum(b.limit - balance, 0)), 0)
    balance += on_line
    buffer -= jnp.minimum(wanted - on_line, jnp.maximum(buffer, 0))
    buffer = jnp.minimum(buffer, rules.buffer_cap * pay)

    # default, write-off, recovery of what is written off
    defaults = is_open & (bucket >= 3) & (b.ever < 3)
    lost = is_open & (balance > 0) & (bucket >= rules.write_off)
    place = jnp.where(is_open, b.bucket * N_TO + jnp.where(lost, TO_WRITTEN_OFF, bucket), BUCKETS * N_TO)
    both = jnp.stack([is_open.astype(jnp.float32), balance], axis=1)
    rolls = jnp.zeros((BUCKETS * N_TO, 2)).at[place].add(both, mode="drop")
    age = jnp.where(b.status == WRITTEN_OFF, b.age + 1, 0)
    chance, share, commission = rules.recover.T
    claim = lost | (b.status == WRITTEN_OFF)
    band = sum((age >= first).astype(jnp.int32) for first in AGE_BANDS[1:])
    expired = claim & (age >= rules.expire)
    pays_back = claim & ~expired & (age >= 1) & (u_back < look(chance, band))
    recovered = jnp.where(pays_back, look(share, band) * balance, 0)
    happened |= {"n_default": defaults, "default_balance": jnp.where(defaults, balance, 0)}
    happened |= {"n_written_off": lost, "written_off": jnp.where(lost, balance, 0)}
    happened |= {"written_off_interest": jnp.where(lost, interest_due, 0)}
    happened |= {"written_off_fees": jnp.where(lost, fee_due, 0), "recovered": recovered}
    happened |= {"commission": look(commission, band) * recovered, "n_expired": expired}
    happened |= {"expired": jnp.where(expired, balance, 0)}
    claim &= ~expired
    stays = is_open & ~lost
    balance = jnp.where(expired, 0, balance - recovered)

    # what the lender counts
    first = owes & ~was_late
    happened |= {"n_due": first, "n_missed": first & missed, "n_cured_30": first & cured}
    happened |= {"n_cured_7": first & cured & (day <= 7), "n_reminded": b.reached & (bill > 0)}
    happened |= {"n_first_30": is_open & (bucket >= 1) & (b.ever < 1), "interest": interest, "fees": fee}
    happened |= {"paid": paid, "new_credit": on_line, "outside_used": from_outside}
    happened |= {"n_accounts": stays, "balance": jnp.where(stays, balance, 0), "limit": jnp.where(stays, b.limit, 0)}
    happened |= {"n_written_off_book": claim, "balance_written_off_book": jnp.where(claim, balance, 0)}
    for name, least in (("dpd30", 1), ("dpd60", 2), ("dpd90", 3)):
        behind = stays & (bucket >= least)
        happened |= {f"n_{name}": behind, f"balance_{name}": jnp.where(behind, balance, 0)}
    for at, these, by in (
        (MISSED_BY, first & missed, reason),
        (N30_BY, stays & (bucket >= 1), cause),
        (N90_BY, stays & (bucket >= 3), cause),
    ):
        happened |= {TOTALS[at + c]: these & (by == c) for c in range(len(CAUSES))}
    sums = jnp.stack([jnp.sum(happened[name], dtype=jnp.float32) for name in TOTALS])

    b = b._replace(
        employed=employed, buffer=buffer, outside=outside, alert=alert, balance=balance,
        interest_due=jnp.where(stays, interest_due, 0), fee_due=jnp.where(stays, fee_due, 0),
        arrears=jnp.where(stays, after, 0), bucket=jnp.where(stays, bucket, 0),
        cause=jnp.where(stays, cause, UNKNOWN), ever=jnp.maximum(b.ever, bucket), age=age,
        status=jnp.where(stays, ACTIVE, jnp.where(claim, WRITTEN_OFF, TERMINATED)),
    )  # fmt: skip
    return (b, key), (sums, rolls)

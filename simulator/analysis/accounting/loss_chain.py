"""Expected credit loss of a unit of balance in each bucket, from the roll matrix of balances.

A unit of balance in a bucket is, a month later, some balance in each bucket, some written off, sold or forgiven, and
the rest paid. New borrowing is taken out, so that what remains is how the balance of today runs off: Q[from, to]. Then
the expected loss V solves V = d (Q V + L), with L the loss per unit of what is written off, sold or forgiven in the
month and d the discount of a month. Nothing is assumed that the run has not shown, and the chain has no leak: with
d = 1, V of what was there at the start and of what came in later, less V of what is left, is the loss of the run.

Who may still draw defaults with more than is owed today. Therefore `drawn_loss` counts accounts, not balances: how
many default within some months, each with the balance it then has.

One thing is approximate: accounts and balances in one bucket are taken to be alike, whoever owes them.
"""

from typing import NamedTuple

import numpy as np

from simulator.model.layout import (
    ARRIVED,
    BUCKETS,
    DEFAULT_BUCKET,
    SUMS_PER_BATCH,
    TO_FORGIVEN,
    TO_SOLD,
    TO_WRITTEN_OFF,
)

YEAR, LIFE = 12, 600  # months; what is still open after fifty years no longer matters


class Experience(NamedTuple):
    """What a window of a run has shown, added up: float64[batch, product, ...] in minor units."""

    start: np.ndarray  # [bucket] balance at the start of the window
    end: np.ndarray  # [bucket] balance at its end
    opening: np.ndarray  # [bucket] balance at the start of each month
    moved: np.ndarray  # [from, to] of it, where it was a month later; without what was newly lent
    lent: np.ndarray  # [bucket] new balance: on open accounts (bucket 0) and on those that began
    written_off: np.ndarray  # [bucket]
    sold: np.ndarray  # [bucket] from the open book
    forgiven: np.ndarray  # [bucket] of accounts that stay
    proceeds: np.ndarray  # of what was sold from the open book
    interest: np.ndarray  # charged
    book: np.ndarray  # written-off balance at the start of each month and during it
    back: np.ndarray  # recovered from it, or got for it in a sale
    gone: np.ndarray  # what left it: recovered, sold, expired or left over at the end


class Accounts(NamedTuple):
    """What became of open accounts in a window of a run, added up: float64[batch, product, bucket, ...]."""

    opening: np.ndarray  # accounts at the start of each month
    balance: np.ndarray  # what they owed then
    went: np.ndarray  # [to bucket] accounts a month later
    owing: np.ndarray  # [to] balance they then have, or leave with; new borrowing included


class Loss(NamedTuple):
    """Expected loss per unit of balance, float64[..., bucket], and what it was worked out with, float64[...]."""

    lifetime: np.ndarray
    year: np.ndarray  # from defaults within twelve months; for what is in default already, the lifetime's
    discount: np.ndarray  # of a month
    written_off: np.ndarray  # loss per unit written off
    sold: np.ndarray  # loss per unit sold from the open book


def bucket_balance(ledger):
    """Return float64[batch, month, segment, product, bucket]: open balance at month ends, over the batch.

    At the opening the book tells bucket 0, 1, 2 and the rest, which is split by the number of accounts in each bucket.
    """
    closing = ledger.rolls[..., :BUCKETS, 1].sum(axis=-2).astype(np.float64)

    late = [
        by_batch(ledger, ledger[name][:, 0]) for name in ("balance", "balance_dpd30", "balance_dpd60", "balance_dpd90")
    ]
    for bucket in range(DEFAULT_BUCKET):
        closing[:, 0, ..., bucket] = late[bucket] - late[bucket + 1]
    count = ledger.rolls[:, 1, ..., DEFAULT_BUCKET:BUCKETS, :, 0].sum(axis=-1)
    none = count.sum(axis=-1) == 0
    count[none, 0] = 1
    closing[:, 0, ..., DEFAULT_BUCKET:] = late[DEFAULT_BUCKET][..., None] * count / count.sum(axis=-1, keepdims=True)
    return closing


def experience(ledger, first, last) -> Experience:
    """Return what months `first` to `last` have shown of each product, all segments together."""
    balance = ledger.once(bucket_balance).sum(axis=2)
    rolls = ledger.rolls[:, first : last + 1, ..., 1].sum(axis=(1, 2)).astype(np.float64)
    buckets, arrived = rolls[..., :BUCKETS, :], rolls[..., ARRIVED, :BUCKETS]

    def flow(name, first=first, last=last):
        return by_batch(ledger, ledger[name][:, first : last + 1].sum(axis=(1, 2)))

    # What was lent on open accounts ended the month in bucket 0, wherever the account came from.
    on_time = buckets[..., 0]
    kept, lent = buckets[..., :BUCKETS].copy(), arrived.copy()
    on_open = np.clip(flow("new_credit") - arrived.sum(axis=-1), 0, np.maximum(on_time.sum(axis=-1), 0))
    kept[..., 0] -= on_time * rate(on_open, on_time.sum(axis=-1))[..., None]
    lent[..., 0] += on_open
    return Experience(
        start=balance[:, first - 1],
        end=balance[:, last],
        opening=balance[:, first - 1 : last].sum(axis=1),
        moved=kept,
        lent=lent,
        written_off=buckets[..., TO_WRITTEN_OFF],
        sold=buckets[..., TO_SOLD],
        forgiven=buckets[..., TO_FORGIVEN],
        proceeds=flow("sold_open_proceeds"),
        interest=flow("interest"),
        book=flow("balance_written_off_book", first - 1, last - 1) + flow("written_off"),
        back=flow("recovered") + flow("sold_written_off_proceeds"),
        # What is left at the end brings nothing more, as in `npv`: else months that never came would go on recovering.
        gone=flow("recovered") + flow("sold_written_off") + flow("expired") + flow("balance_written_off_book", last),
    )


def accounts(ledger, first, last) -> Accounts:
    """Return what became of the accounts of each product in months `first` to `last`, all segments together."""
    rolls = ledger.rolls[:, first : last + 1, ..., :BUCKETS, :, :].sum(axis=(1, 2)).astype(np.float64)
    return Accounts(
        opening=rolls[..., 0].sum(axis=-1),
        balance=ledger.once(bucket_balance)[:, first - 1 : last].sum(axis=(1, 2)),
        went=rolls[..., :BUCKETS, 0],
        owing=rolls[..., 1],
    )


def pooled(seen):
    """Return an Experience or Accounts with all batches added up, as one batch."""
    return type(seen)(*(x.sum(axis=0, keepdims=True) for x in seen))


def expected_loss(seen: Experience, discounted=True) -> Loss:
    """Return the expected loss per unit, float64[batch, product, bucket], discounted at the effective rate.

    The effective rate is the interest charged per unit of open balance, the interest-free float included.
    """
    interest = np.maximum(rate(seen.interest, seen.opening.sum(axis=-1)), 0)
    d = 1 / (1 + interest) if discounted else np.ones_like(interest)
    # What a unit written off brings, r + d (1 - e) (r + d (1 - e) (r + ...)), with r back and e gone in a month.
    recovery = rate(rate(seen.back, seen.book), 1 - d * (1 - rate(seen.gone, seen.book)))
    price = rate(seen.proceeds, seen.sold.sum(axis=-1))
    lost = seen.written_off * (1 - recovery)[..., None] + seen.sold * (1 - price)[..., None] + seen.forgiven
    at_once = rate(lost, seen.opening)
    q, d = rate(seen.moved, seen.opening[..., None]), d[..., None]

    def a_month_before(loss):
        return d * ((q @ loss[..., None])[..., 0] + at_once)

    lifetime = np.zeros_like(at_once)
    for _ in range(LIFE):
        lifetime = a_month_before(lifetime)
    year = np.where(np.arange(BUCKETS) < DEFAULT_BUCKET, 0.0, lifetime)
    for _ in range(YEAR):
        year[..., :DEFAULT_BUCKET] = a_month_before(year)[..., :DEFAULT_BUCKET]
    return Loss(lifetime, year, d[..., 0], 1 - recovery, 1 - price)


def drawn_loss(shown: Accounts, loss: Loss, months):
    """Return float64[batch, product, bucket]: loss expected of an account's defaults in so many months.

    What is drawn before the default is in it: exposure is the balance with which accounts default, written off, sold
    and forgiven before 90 days past due included. `loss` says what a unit then loses, discounted to that month. 0 for
    accounts that are in default already.
    """
    rows, d = slice(0, DEFAULT_BUCKET), loss.discount[..., None]
    exits = (loss.written_off, loss.sold, np.ones_like(loss.sold))
    per_unit = np.concatenate([loss.lifetime[..., DEFAULT_BUCKET:], np.stack(exits, axis=-1)], axis=-1)
    columns = [*range(DEFAULT_BUCKET, BUCKETS), TO_WRITTEN_OFF, TO_SOLD, TO_FORGIVEN]
    at_default = (shown.owing[..., rows, :][..., columns] @ per_unit[..., None])[..., 0]
    at_default = rate(at_default, shown.opening[..., rows])
    stays = rate(shown.went[..., rows, rows], shown.opening[..., rows, None])
    expected = np.zeros_like(at_default)
    for _ in range(months):
        expected = d * ((stays @ expected[..., None])[..., 0] + at_default)
    return np.concatenate([expected, np.zeros_like(loss.lifetime[..., DEFAULT_BUCKET:])], axis=-1)


def rate(top, bottom):
    """Return top / bottom, 0 where there is nothing to divide by."""
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.divide(top, bottom, out=np.zeros(top.shape), where=bottom != 0)


def by_batch(ledger, amounts):
    """Return float64[batch, ...]: `amounts`, int64[replication, ...], added up over the replications of each batch."""
    return np.stack([amounts[k::SUMS_PER_BATCH].sum(axis=0) for k in range(len(ledger.batch_sizes))]).astype(np.float64)

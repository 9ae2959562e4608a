"""A toy lender that keeps consistent books: enough to test everything that comes after the kernel.

It is not the model. Accounts of two segments and both products roll through buckets by chance, and every flow, roll
and vintage is booked as docs/model.md says, so that all identities hold.
"""

import random

import numpy as np

from simulator.analysis.ledger import Ledger, RunFrame, Settlement
from simulator.model.layout import *  # noqa: F403
from simulator.model.tables import Sums

SETTLEMENT = Settlement(
    discount_rate=0.08,
    funding_rate=0.04,
    merchant_discount=0.006,
    operating_cost=137.5,
    acquisition_cost=2_000.0,
    reminder_cost=7.25,
)


def frame(**options):
    """Return a small RunFrame with `options` changed."""
    defaults = {
        "title": "Toy book",
        "segments": ("young", "settled"),
        "products": PRODUCTS,
        "months": 6,
        "run_off_months": 4,
        "replications": 4,
        "borrowers": 40,
        "factor": True,
    }
    return RunFrame(**(defaults | options))


def ledger(variant="baseline", seed=1, settlement=SETTLEMENT, frame=None, **lender):
    """Return a Ledger of the toy lender; `lender` as in `book`."""
    frame = frame or globals()["frame"]()
    return Ledger(variant, book(frame, seed, **lender), frame, settlement)


def book(frame, seed, *, forward=1.0, limit=1.0, write_off=6, sell=None, arrivals=3):
    """Return Sums of a lender whose accounts roll forward `forward` times as often and borrow `limit` times as much.

    Accounts are written off at bucket `write_off`; from bucket `sell` on, half of them are sold first.
    """
    horizon, n_segments = frame.horizon, len(frame.segments)
    flows = np.zeros((frame.replications, 2, horizon + 1, n_segments, N_PRODUCT, N_FLOWS), np.int64)
    rolls = np.zeros((SUMS_PER_BATCH, horizon + 1, n_segments, N_PRODUCT, N_FROM, N_TO, 2), np.int64)
    vintages = np.zeros((SUMS_PER_BATCH, horizon + 1, horizon + 1, n_segments, N_PRODUCT, N_VINTAGE), np.int64)
    for replication in range(frame.replications):
        # A random number has an address, (seed, replication, month, account): lenders meet the same of it.
        factors = random.Random(f"{seed}/{replication}")
        accounts = [Account(k, 0, frame, seed) for k in range(frame.borrowers)]
        batch = replication % SUMS_PER_BATCH
        for month in range(horizon + 1):
            luck = factors.gauss(0, 0.12) if frame.factor else 0.0
            if 0 < month <= frame.months:
                accounts += [Account(month * 10_000 + k, month, frame, seed) for k in range(arrivals)]
            for account in accounts:
                where = (month, account.segment, account.product)
                row = flows[(replication, account.half, *where)]
                vintage = vintages[(batch, account.entry, *where)]
                if month:
                    draw = random.Random(f"{seed}/{replication}/{month}/{account.key}")
                    world = (month, month <= frame.months, forward * (1 + luck), limit, write_off, sell)
                    account.live(draw, world, row, rolls[(batch, *where)], vintage)
                account.count(row, vintage)
    ratings = np.zeros((SUMS_PER_BATCH, len(frame.segments), N_PRODUCT, N_RATING, RATING_CLASSES, 2), np.int64)
    return Sums(flows, rolls, vintages, ratings)


class Account:
    """One account of the toy lender, numbered `key`, from month `entry` on."""

    def __init__(self, key, entry, frame, seed):
        """Draw who this is; the same under every policy and in every replication."""
        draw = random.Random(f"{seed}/{key}")
        self.key, self.entry = key, entry
        self.half, self.segment = key % 2, draw.randrange(len(frame.segments))
        self.product = draw.choice([PRODUCTS.index(name) for name in frame.products])
        self.bucket = 0 if entry or draw.random() < 0.93 else draw.randrange(1, 5)
        self.balance = 0 if entry else draw.randrange(100_00, 4_000_00)
        self.size = draw.randrange(50_00, 700_00)
        self.cause = draw.choice((FORGOT, SHORT, CANNOT, WILL_NOT))
        self.status = ACTIVE
        self.risk = (0.05, 0.03)[self.segment % 2]
        self.ever = self.bucket
        self.claimed = False

    def count(self, row, vintage):
        """Add this account's stocks to the month's row."""
        if self.status == WRITTEN_OFF:
            row[F_N_WRITTEN_OFF_BOOK] += 1
            row[F_BALANCE_WRITTEN_OFF_BOOK] += self.balance
        if self.status != ACTIVE:
            return
        row[F_N_ACCOUNTS] += 1
        row[F_BALANCE] += self.balance
        row[F_BALANCE_CLAIMED] += self.balance * self.claimed
        row[F_LIMIT] += 5_000_00 * (self.product == LINE)
        for bucket, n, amount in (
            (1, F_N_DPD30, F_BALANCE_DPD30),
            (2, F_N_DPD60, F_BALANCE_DPD60),
            (3, F_N_DPD90, F_BALANCE_DPD90),
        ):
            if self.bucket >= bucket:
                row[n] += 1
                row[amount] += self.balance
        row[F_N_DPD30_BY + self.cause] += self.bucket >= 1
        row[F_N_DPD90_BY + self.cause] += self.bucket >= 3
        vintage[W_N_ACCOUNTS] += 1
        vintage[W_BALANCE] += self.balance
        vintage[W_N_DPD30] += self.bucket >= 1

    def live(self, draw, world, row, roll, vintage):
        """Go through one month: roll, pay, borrow, or be written off, sold or recovered from."""
        month, lending, forward, limit, write_off, sell = world
        luck, amount, chance = draw.random(), draw.random(), draw.random()
        if self.status == WRITTEN_OFF:
            self.recover(chance, row)
        if self.status != ACTIVE:
            return
        start = self.bucket
        if self.entry == month:
            start = ARRIVED
            row[F_N_APPLIED] += 1
            row[F_N_GRANTED] += 1
            vintage[W_N_GRANTED] += 1
        worse = (self.risk, 0.45, 0.75, 0.85)[min(self.bucket, 3)] * forward
        if self.bucket == 0 and self.balance:
            row[F_N_DUE] += 1
            row[F_N_REMINDED] += 1
        if luck < worse and self.balance:
            if self.bucket == 0:
                row[F_N_MISSED] += 1
                row[F_N_MISSED_BY + self.cause] += 1
            self.bucket = min(15, self.bucket + 1)
            fee = self.balance // 200
            self.balance += fee
            row[F_FEES] += fee
        else:
            if self.bucket == 0 and luck < worse * 2 and self.balance:
                for flow in (F_N_MISSED, F_N_MISSED_BY + self.cause, F_N_CURED_7, F_N_CURED_30):
                    row[flow] += 1
            self.bucket = 0
            paid = self.balance * (1 if not lending and amount > 0.9 else 1 + int(amount * 5)) // 8
            self.balance -= paid
            row[F_PAID] += paid
        if self.bucket < 4:
            interest = self.balance // 80
            self.balance += interest
            row[F_INTEREST] += interest
        if lending and self.bucket == 0:
            spent = int(self.size * limit * amount)
            self.balance += spent
            row[F_NEW_CREDIT] += spent
        if self.bucket >= 3 and self.ever < 3:
            row[F_N_DEFAULT] += 1
            row[F_DEFAULT_BALANCE] += self.balance
            vintage[W_N_DEFAULT] += 1
        self.ever = max(self.ever, self.bucket)
        if self.bucket >= 3 and not self.claimed:
            row[F_CLAIMABLE] += self.balance
            self.claimed = True
        to, left = self.leave(chance, month, lending, write_off, sell, row, vintage)
        roll[start, to] += (1, left)

    def leave(self, chance, month, lending, write_off, sell, row, vintage):
        """Leave the open book if it is time; return the roll matrix's column and the balance that goes there."""
        balance = self.balance
        if sell and self.bucket >= sell and chance < 0.5 and balance:
            proceeds = balance // 10
            for flow, x in ((F_SOLD_OPEN, balance), (F_SOLD_OPEN_PROCEEDS, proceeds), (F_N_SOLD_OPEN, 1)):
                row[flow] += x
            self.lose(balance - proceeds, row)
            self.status, self.balance = SOLD, 0
            return TO_SOLD, balance
        if self.bucket >= write_off:
            for flow, x in ((F_WRITTEN_OFF, balance), (F_WRITTEN_OFF_INTEREST, balance // 9), (F_N_WRITTEN_OFF, 1)):
                row[flow] += x
            self.lose(balance, row)
            vintage[W_WRITTEN_OFF] += balance
            self.status = WRITTEN_OFF
            return TO_WRITTEN_OFF, balance
        if not lending and balance < 5_00:
            row[F_PAID] += balance
            row[F_N_PAID_OFF] += 1
            self.status, self.balance = TERMINATED, 0
            return TO_PAID_OFF, 0
        return self.bucket, balance

    def lose(self, amount, row):
        """Book a loss, below 0 what comes back."""
        row[F_BAD_DEBT_BY + self.cause] += amount
        row[F_CLAIMED_NET_LOSS] += amount * self.claimed

    def recover(self, chance, row):
        """Recover a fifth, sell for a twentieth, or let the claim expire, by chance."""
        if chance < 0.15:
            got = self.balance // 5
            self.balance -= got
            row[F_RECOVERED] += got
            row[F_COMMISSION] += got // 4
            row[F_BORNE_BACK] += got
            self.lose(-got, row)
        elif chance < 0.18:
            row[F_SOLD_WRITTEN_OFF] += self.balance
            row[F_SOLD_WRITTEN_OFF_PROCEEDS] += self.balance // 20
            row[F_N_SOLD_WRITTEN_OFF] += 1
            row[F_BORNE_BACK] += self.balance // 20
            self.lose(-(self.balance // 20), row)
            self.status, self.balance = SOLD, 0
        elif chance > 0.98:
            row[F_EXPIRED] += self.balance
            row[F_N_EXPIRED] += 1
            self.status, self.balance = TERMINATED, 0

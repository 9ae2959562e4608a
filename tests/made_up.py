"""Made-up books: a few accounts that live by chance and are booked as docs/model.md says, in plain Python.

They are not the model: they only obey what every book obeys. So what insurers and partners take can be tested on
lives that no scenario would bring about.
"""

import random

import numpy as np

STOCKS = ("balance", "balance_dpd30", "balance_dpd60", "balance_dpd90", "balance_claimed")
FLOWS = (
    *("new_credit", "interest", "fees", "paid", "forgiven", "written_off", "sold_open", "sold_open_proceeds"),
    *("recovered", "sold_written_off_proceeds", "claimable", "claimed_net_loss", "borne_back"),
)


def book(seed, months=30, replications=2, segments=2, claim=3, covered=(1, 999), shared=(1, 999), accounts=6):
    """Return {name: int64[replication, month, segment, product]} of accounts that live by chance.

    Debt is claimable from bucket `claim` on in the months `covered`, and borne by a partner in the months `shared`.
    """
    shape = (replications, months + 1, segments, 2)
    lines = {name: np.zeros(shape, dtype=np.int64) for name in (*STOCKS, *FLOWS)}
    rng = random.Random(seed)
    for replication in range(replications):
        for cell in [(segment, product) for segment in range(segments) for product in range(2)]:
            for _ in range(accounts):
                account = _Account(rng, claim)
                for month in range(months + 1):
                    row = {name: lines[name][replication, month] for name in lines}
                    if month:
                        insured, borne = covered[0] <= month <= covered[1], shared[0] <= month <= shared[1]
                        for name, amount in account.live(insured, borne).items():
                            row[name][cell] += amount
                    for name, amount in account.stocks().items():
                        row[name][cell] += amount
    return lines


class _Account:
    def __init__(self, rng, claim):
        self.rng, self.claim = rng, claim
        self.balance, self.bucket = rng.choice([0, rng.randrange(1, 2000)]), rng.choice([0, 0, 0, 1, 2, 4])
        self.owed_after, self.open, self.claimed, self.borne = 0, True, False, False

    def stocks(self):
        late = [self.balance if self.bucket >= k else 0 for k in (1, 2, 3)]
        return dict(zip(STOCKS, (self.balance, *late, self.balance if self.claimed else 0), strict=True))

    def live(self, insured, shared):
        """Live a month; return what is booked."""
        rng, flow = self.rng, dict.fromkeys(FLOWS, 0)
        before = self.bucket

        def loses(amount):
            flow["claimed_net_loss"] += amount if self.claimed else 0

        if not self.open:
            self._recover(flow, loses)
            return flow
        roll = rng.random()
        self.bucket = self.bucket + 1 if roll < 0.45 else max(self.bucket - rng.randrange(3), 0) if roll < 0.6 else 0
        if self.bucket == 0:
            flow["new_credit"] = rng.choice([0, rng.randrange(500)])
        if self.bucket < before or not self.bucket:
            flow["paid"] = rng.randrange(self.balance + 1)
        flow["interest"], flow["fees"] = rng.randrange(self.balance // 20 + 1), rng.randrange(5)
        self.balance += flow["new_credit"] + flow["interest"] + flow["fees"] - flow["paid"]
        end, balance = rng.random(), self.balance
        exits = balance > 0 and self.bucket and (end < 0.06 * self.bucket or self.bucket > 6)
        forgives = not exits and balance > 0 and self.bucket > 1 and end > 0.9
        if insured and balance and not self.claimed and (exits or forgives or before < self.claim <= self.bucket):
            flow["claimable"], self.claimed = balance, True
        if exits and end < 0.02 * self.bucket:
            price = rng.randrange(balance + 1)
            flow["sold_open"], flow["sold_open_proceeds"], self.open, self.balance = balance, price, False, 0
            loses(balance - price)
        elif exits:
            flow["written_off"], self.owed_after, self.borne = balance, balance, shared
            self.open, self.balance = False, 0
            loses(balance)
        elif forgives:
            flow["forgiven"] = rng.randrange(balance + 1)
            self.balance -= flow["forgiven"]
            loses(flow["forgiven"])
            self.bucket = 0
        if self.open and self.bucket == 0:
            self.claimed = False
        return flow

    def _recover(self, flow, loses):
        """Let something come back after write-off, or sell it."""
        end = self.rng.random()
        if self.owed_after and end < 0.4:
            got = self.rng.randrange(self.owed_after + 1)
            self.owed_after -= got
            flow["recovered"] += got
        elif self.owed_after and end < 0.45:
            got = self.rng.randrange(self.owed_after + 1)
            self.owed_after = 0
            flow["sold_written_off_proceeds"] += got
        else:
            return
        loses(-got)
        flow["borne_back"] += got if self.borne else 0

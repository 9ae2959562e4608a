"""Credit insurance: what insurers pay and get back, month by month, on the lender's own claimed debt.

*Exposure* is what has been claimed and has not come back: the open balance of claimed accounts, and what was lost on
them. Insurers have paid a part of it, never more than all, and that part they hold as a partner would: what borrowers
pay, what collectors recover and what a sale brings lowers the exposure, and with it what the insurers have paid.
Why so: docs/decisions/0008-insurer-holds-what-it-paid-for.md.
"""

import numpy as np

from simulator.policy.risk_transfer.amounts import spread, whole

INSURER = ("premium", "claims", "subrogation", "insurer_balance", "insurer_net_loss")


def insure(covers, own, line):
    """Return the lines of INSURER, int64[replication, month, segment, product], of all `covers` together.

    `own` is float64[month, segment, product], what partners leave to the lender: only that is insured.
    `insurer_balance` is a stock, the insurers' part of the open balance of claimed accounts; `insurer_net_loss` is
    what they pay, less what they get back and less the growth of that stock.
    """
    balance, open_claims = np.maximum(line("balance"), 0), np.maximum(line("balance_claimed"), 0)
    claimable, claimed = whole(line("claimable") * own), whole(open_claims * own)
    exposure = np.maximum(whole((open_claims + np.cumsum(line("claimed_net_loss"), axis=1)) * own), claimed)
    back = claimable - np.diff(exposure, axis=1, prepend=0)  # below 0: what was charged or lent on claimed accounts
    lines = {name: np.zeros_like(balance) for name in INSURER}
    years = _Years(covers, balance)
    layers = [_Layer(cover, years) for cover in covers]
    for month in range(1, balance.shape[1]):
        insurable = whole(balance[:, month - 1] * own[month]) - lines["insurer_balance"][:, month - 1]
        lines["premium"][:, month] = sum(layer.begin(month, np.maximum(insurable, 0)) for layer in layers)
        before = [layer.paid for layer in layers]
        years.add(month, claimable[:, month], np.maximum(-back[:, month], 0))
        claimed_for = _pay(layers, years.exposure.sum(axis=0))
        years.take(np.maximum(back[:, month], 0))
        after = _pay(layers, exposure[:, month])
        for steps in zip(before, claimed_for, after, strict=True):
            change = np.diff(steps, axis=0)
            lines["claims"][:, month] += np.maximum(change, 0).sum(axis=0)
            lines["subrogation"][:, month] -= np.minimum(change, 0).sum(axis=0)
        part = np.divide(
            claimed[:, month], exposure[:, month], out=np.zeros(balance[:, 0].shape), where=exposure[:, month] > 0
        )
        lines["insurer_balance"][:, month] = whole(sum(after) * part)
    growth = np.diff(lines["insurer_balance"], axis=1, prepend=0)
    lines["insurer_net_loss"] = lines["claims"] - lines["subrogation"] - growth
    return lines


class _Years:
    """Exposure by when it was claimed: int64[stretch, replication, segment, product].

    A stretch is the months from one beginning or end of a layer's period, of any layer, to the next. What comes back
    lowers the latest stretch first, so that the loss of a period is what was claimed less what came back in it, and
    only what came back beyond that relieves earlier ones.
    """

    def __init__(self, covers, balance):
        last = balance.shape[1] - 1
        cuts = {1, *(month for cover in covers for month in (*_periods(cover, last), min(cover.last, last) + 1))}
        self.cuts = np.array(sorted(cuts))
        self.exposure = np.zeros((len(cuts), *np.delete(balance.shape, 1)), dtype=np.int64)

    def stretches(self, first, last):
        """Return the slice of the stretches that lie in months `first` to `last`."""
        return slice(*np.searchsorted(self.cuts, (first, last + 1)))

    def add(self, month, claimed, charged):
        """Add what is claimed in a month, and to the latest exposure there is what was charged on it."""
        now = int(np.searchsorted(self.cuts, month, side="right")) - 1
        self.exposure[now] += claimed
        for stretch in self.exposure[::-1]:
            here = np.where(stretch > 0, charged, 0)
            stretch += here
            charged = charged - here

    def take(self, back):
        """Take away what comes back, no more than there is."""
        for stretch in self.exposure[::-1]:
            here = np.minimum(stretch, back)
            stretch -= here
            back = back - here


class _Layer:
    """One cover: the periods it has begun, and what it has paid and not got back."""

    def __init__(self, cover, years):
        self.cover, self.years, self.periods = cover, years, []
        nothing = np.zeros(years.exposure.shape[1:], dtype=np.int64)
        self.inside, self.opening, self.due, self.kept, self.paid = cover.cells(nothing.shape[1:]), *[nothing] * 4

    def begin(self, month, insurable):
        """Begin a period if it is time; return the month's premium on the lender's `insurable` balance."""
        cover, insurable = self.cover, insurable * self.inside
        if not cover.first <= month <= cover.last:
            return np.zeros_like(insurable)
        if (month - cover.first) % cover.period == 0:
            last = min(month + cover.period - 1, cover.last)
            self.periods.append((self.years.stretches(month, last), insurable.sum(axis=(1, 2))))
            self.opening = insurable
        return whole((self.opening if cover.on_opening else insurable) * (cover.premium / 12))

    def settle(self, room):
        """Return what has now been paid and not come back, no more than `room` in any cell.

        Where less is due than before, the insurer is owed `subrogation` of the difference; the lender keeps the rest,
        as long as it does not gain by the loss.
        """
        was, self.due = self.due, self._due()
        if self.cover.subrogation < 1:
            less = np.maximum(was - self.due, 0)  # also where another cell's part of the same pool has grown
            of_pool, cells = np.maximum((was - self.due).sum(axis=(1, 2)), 0), less.sum(axis=(1, 2))
            kept = np.divide(of_pool, cells, out=np.zeros(len(cells)), where=cells > 0) * (1 - self.cover.subrogation)
            self.kept = self.kept + whole(less * kept[:, None, None])
        self.paid = np.minimum(self.due + self.kept, room)
        self.kept = np.maximum(self.paid - self.due, 0)
        return self.paid

    def _due(self):
        """Return share x (min(exposure, cap) - deductible)+ of each period, on the pool, spread over its cells."""
        cover, due = self.cover, np.zeros_like(self.paid)
        for stretches, base in self.periods:
            cells = self.years.exposure[stretches].sum(axis=0) * self.inside
            pool = cells.sum(axis=(1, 2))
            layer = np.minimum(pool, cover.cap * base if cover.cap < np.inf else np.inf)
            owed = whole(cover.share * np.maximum(layer - cover.deductible * base, 0))
            due += spread(np.minimum(owed, pool), cells)
        return due


def _pay(layers, exposure):
    """Return what each layer has paid, in their order: none more than those before it have left of the exposure."""
    paid: list[np.ndarray] = []
    for layer in layers:
        paid.append(layer.settle(exposure - sum(paid)))
    return paid


def _periods(cover, last):
    """Return the months up to `last` in which a period of a cover begins."""
    return range(cover.first, min(cover.last, last) + 1, cover.period)

"""What late debt is expected to bring in, per unit of balance: the price at which it changes hands among lenders."""

import numpy as np

from simulator.analysis.accounting.loss_chain import LIFE, experience, pooled, rate
from simulator.model.layout import BUCKETS, DEFAULT_BUCKET

CLASSES = (slice(1, 2), slice(2, DEFAULT_BUCKET), slice(DEFAULT_BUCKET, BUCKETS))  # buckets that are priced together


def expected_recovery(ledger) -> tuple[tuple[float, ...], ...]:
    """Return [product][class]: the value of a unit of balance one due late, two, and in default; 1 is par, the most.

    Within a class buckets weigh by their balance over the whole run, which sets the rates too. A class in which
    nothing ever stood is worth nothing.
    """
    seen = pooled(experience(ledger, 1, ledger.frame.horizon))
    weight, value = seen.opening[0], worth(ledger, seen) * seen.opening[0]
    of_class = [rate(value[:, k].sum(axis=-1), weight[:, k].sum(axis=-1)) for k in CLASSES]
    return tuple(map(tuple, np.minimum(np.stack(of_class, axis=-1), 1).tolist()))


def worth(ledger, seen):
    """Return float64[product, bucket]: what a unit of balance brings, at its value today; `seen` is of the whole run.

    R = d (Q R + c): what a unit is a month later, by bucket and without what is newly lent, from the roll matrix; c is
    what borrowers, buyers and collectors pay in the month, d a month at the scenario's discount rate. Interest and fees
    are taken to be charged on all open balance alike, or below 90 days past due alone where some are not charged.
    What collecting costs is the lender's. What is left of the written-off book at the end brings nothing, as in `npv`.
    """
    d = (1 + ledger.settlement.mean_of("discount_rate")) ** (-1 / 12)
    lost = ledger.rolls[..., :BUCKETS, BUCKETS:, 1].sum(axis=(0, 1, 2, -1)).astype(np.float64)  # sold, forgiven, ...
    opening, moved = seen.opening[0], seen.moved[0]
    suspended = _total(ledger, "interest_not_charged") > 0
    charged_on = np.where(suspended[:, None] & (np.arange(BUCKETS) >= DEFAULT_BUCKET), 0, opening)
    charged = charged_on * rate(_total(ledger, "interest") + _total(ledger, "fees"), charged_on.sum(axis=-1))[:, None]
    paid = np.maximum(opening + charged - moved.sum(axis=-1) - lost, 0)
    recovery = rate(rate(seen.back[0], seen.book[0]), 1 - d * (1 - rate(seen.gone[0], seen.book[0])))[:, None]
    price = rate(seen.proceeds, seen.sold.sum(axis=-1))[0, :, None]
    cash = rate(paid + seen.written_off[0] * recovery + seen.sold[0] * price, opening)
    q, value = rate(moved, opening[..., None]), np.zeros_like(cash)
    for _ in range(LIFE):
        value = d * ((q @ value[..., None])[..., 0] + cash)
    return value


def _total(ledger, name):
    """Return float64[product]: a flow over the whole run and all replications."""
    return ledger[name][:, 1:].sum(axis=(0, 1, 2)).astype(np.float64)

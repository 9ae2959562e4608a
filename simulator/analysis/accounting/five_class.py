"""The five classes of Chinese supervision, by days past due."""

import numpy as np

from simulator.analysis.accounting.loss_chain import bucket_balance, by_batch
from simulator.model.layout import BUCKETS

CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")
# A class begins above so many days past due. General: rules on risk classification of financial assets (2023, No. 1).
# Card: Measures for Credit Card Business (2011), article 92.
ABOVE = {"general": (0, 90, 270, 360), "card": (0, 90, 120, 180)}


def five_class(dpd, rule):
    """Return the number in CLASSES of debt that is exactly `dpd` days past due; `dpd` may be an array."""
    return np.searchsorted(ABOVE[rule], dpd, side="left")


def bucket_classes(rule):
    """Return int64[bucket], the class of each bucket.

    A bucket stands for a month of days past due, so that "90 or more" and "more than 90" are both bucket 3 and worse:
    a bucket is classed by its second day, the first that is above its bound.
    """
    days = 30 * np.arange(BUCKETS) + 1
    days[0] = 0  # nothing is past due in bucket 0
    return five_class(days, rule)


def class_balance(ledger, rule, name):
    """Return float64[batch, month, segment, product]: balance of one class at month ends, over the batch.

    By days past due; what was 1 to 29 days late on the reporting day and paid since is special mention. Under the
    general rule what was restructured less than a year ago, or in default until less than three months ago, is at least
    that. Month 0 as `bucket_balance` splits the opening book.
    """
    by_days = ledger.once(bucket_balance)[..., bucket_classes(rule) == CLASSES.index(name)].sum(axis=-1)
    if name not in ("normal", "special_mention"):
        return by_days
    special = by_batch(ledger, ledger["balance_dpd1_current"])
    if rule == "general":
        special = special + ledger.once(_observed)
    return by_days + (1 if name == "special_mention" else -1) * special


def _observed(ledger):
    """Return float64[batch, month, segment, product]: balance with nothing past due that is not normal yet."""
    on_time = ledger["balance_probation"] - ledger["balance_probation_dpd30"]
    return by_batch(ledger, ledger["balance_watched"] + on_time)

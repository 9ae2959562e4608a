"""Swap sets: the applicants whom one lender takes and another declines, living under the lender that takes them.

A review is a function of who applies and of the lender's levers alone, and lives do not depend on who else is there.
So a swap set is an ordinary run of the applicants in which everybody else holds nothing.
"""

import numpy as np

from simulator.lowering.lower import Lowered
from simulator.model.layout import (
    K_ENTRY,
    V_FRAUD_CAUGHT,
    V_FRAUD_WRONG,
    V_INCOME_CUTOFF,
    V_SCORE_CORRELATION,
    V_SCORE_CUTOFF,
    V_SCORE_NOISE,
)

REVIEW = [V_SCORE_CUTOFF, V_INCOME_CUTOFF, V_SCORE_CORRELATION, V_SCORE_NOISE, V_FRAUD_CAUGHT, V_FRAUD_WRONG]


def review_differs(one: Lowered, other: Lowered) -> bool:
    """Return whether two lenders may decide differently about an applicant, and nothing but the review decides it.

    Where a policy reads last month's book, a swap set would be another book: then there is none.
    """
    if one.readers or other.readers or not (one.tiles[:, K_ENTRY] > 0).any():
        return False
    months = slice(1, one.months + 1)  # nobody applies in the run-off
    a, b = one.levers, other.levers
    same_bars = np.array_equal(a.month[months][..., REVIEW], b.month[months][..., REVIEW])
    return not (same_bars and np.array_equal(a.review[months], b.review[months]))


def swap_set(taker: Lowered, decliner: Lowered) -> Lowered:
    """Return the world of `taker` with only those applicants whom `decliner` declines for a product granted here."""
    tables = taker.tables._replace(rival_month=decliner.levers.month, rival_review=decliner.levers.review)
    arrivals = taker.tiles[taker.tiles[:, K_ENTRY] > 0]
    return taker._replace(tiles=arrivals, tables=tables)

"""The late stage: what comes of a debt by the months since it was 90 days past due, as hazards and multipliers."""

import numpy as np

from simulator.model.fixed_point import q16, q31
from simulator.model.layout import (
    BURDEN_CLASSES,
    CAUSES,
    LATE_MONTHS,
    LATE_UNEMPLOYED,
    LINE,
    LOAN,
    N_LATE_CAUSES,
    N_PRODUCT,
    P_LATE_FULL,
    P_LATE_PART,
    UNIT,
)


def shares_by_month(late) -> np.ndarray:
    """Return float64[LATE_MONTHS]: r(a) = month_share (1 + (a + 1/2) / slowing_months)^-decay, from a months on.

    It is the share of what was owed at 90 days past due that comes in the month from a to a + 1 after that.
    """
    return late.month_share * (1 + (np.arange(LATE_MONTHS) + 0.5) / late.slowing_months) ** -late.decay


def hazards(shares) -> np.ndarray:
    """Return float64[month]: the share of what is still owed that comes, h(a) = r(a) / (1 - sum of r before a).

    1 from the month on in which the shares have come to 1.
    """
    left = 1 - np.concatenate(([0.0], np.cumsum(shares)[:-1]))
    return np.where(left > shares, shares / np.where(left > shares, left, 1), 1.0)


def hazard_table(late) -> np.ndarray:
    """Return int64[product, LATE_MONTHS]: q31 hazards by months in the late stage, `loan` times as high for loans."""
    table = np.zeros((N_PRODUCT, LATE_MONTHS), dtype=np.int64)
    if late:
        line = hazards(shares_by_month(late))
        table[LINE], table[LOAN] = q31(line), q31(np.minimum(late.loan * line, 1))
    return table


def cause_table(late) -> np.ndarray:
    """Return int64[N_LATE_CAUSES]: q16 multipliers by cause, UNKNOWN 1, and of who cannot pay and has no job."""
    table = np.full(N_LATE_CAUSES, UNIT, dtype=np.int64)
    if late:
        table[1 : len(CAUSES)] = q16([getattr(late.by_cause, name) for name in CAUSES[1:]])
        table[LATE_UNEMPLOYED] = q16(late.by_cause.unemployed)
    return table


def burden_table(late, structural: bool) -> np.ndarray:
    """Return int64[8]: q16 multipliers by the balance in monthly incomes; under roll_rates, which know of none, 1."""
    return q16(late.by_burden if late and structural else np.ones(BURDEN_CLASSES))


def add_terms(rows, late) -> None:
    """Write to the terms of both products, int64[product, N_TERMS], how what comes is split into payments."""
    if late:
        rows[:, P_LATE_FULL], rows[:, P_LATE_PART] = q31(late.full_share), q31(late.part)

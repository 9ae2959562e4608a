"""On which terms accounts are held: rates, minimum dues, late charges, loan terms."""

import numpy as np

from simulator.finance import annuity, annuity_balance
from simulator.lowering import late
from simulator.model import layout
from simulator.model.fixed_point import cumulative, half_up, logit, q31
from simulator.model.kept import kept
from simulator.model.layout import DAYS, LINE, LOAN, MAX_TERMS, N_PRODUCT, N_TERMS, NEVER, ONE, QUALITIES
from simulator.scenario.schema import rate_of

MOST_MONTHS = 60
WHENEVER = 1 - 2**-31  # a chance of almost 1, which a q31 in 32 bits with a sign still holds


def product_rows(products, segment, will_not_loan: float, late_stage, minor_units: int) -> np.ndarray:
    """Return int64[product, N_TERMS]: the terms of both products for a segment."""
    rows = np.zeros((N_PRODUCT, N_TERMS), dtype=np.int64)
    for row, product, name in zip(rows, (products.line, products.loan), layout.PRODUCTS, strict=True):
        row[layout.P_RATE] = q31(rate_of(products, segment, name))
        row[layout.P_SUSPEND] = (product.suspend_interest_dpd or 30 * NEVER) // 30
        row[layout.P_HOLD] = q31(product.part_payment_holds)
        row[layout.P_DRAW_STEP] = 1
        row[layout.P_FRAUD : layout.P_FIRST_PAYMENT_STEP + 1] = shares_never_paid(product)
    rows[LINE, layout.P_MIN_SHARE] = q31(products.line.minimum_share)
    rows[LINE, layout.P_MIN_FLOOR] = half_up(products.line.minimum_floor * minor_units)
    rows[LINE, layout.P_CONVERT : layout.P_CONVERT_FLOOR] = conversion_chances(products.line.conversion)
    rows[LINE, layout.P_CONVERT_FLOOR] = half_up(products.line.conversion.floor * minor_units)
    rows[LOAN, layout.P_SETTLE_FIRST : layout.P_SETTLE_STEP + 1] = settlement_chances(products.loan.early_settlement)
    rows[LOAN, layout.P_DRAW] = q31(products.loan.draw_probability)
    rows[LOAN, layout.P_DRAW_STEP] = max(1, int(half_up(products.loan.ticket_step * minor_units)))
    rows[LOAN, layout.P_KEPT] = q31(products.loan.kept_share)
    rows[LOAN, layout.P_FIXED_RATE] = products.loan.fixed_rate
    rows[LOAN, layout.P_WILL_NOT] = logit(will_not_loan)
    rows[LOAN, layout.P_OPEN_AT_START] = q31(segment.loan_open)
    late.add_terms(rows, late_stage)
    return rows


def conversion_chances(conversion) -> np.ndarray:
    """Return int64[4]: q31 chance that a bill is turned into instalments: usual, short of cash, large, both."""
    factors = np.array([1.0, conversion.if_short, conversion.if_large, conversion.if_short * conversion.if_large])
    return q31(np.minimum(conversion.chance * factors, WHENEVER))


def settlement_chances(settlement) -> list[int]:
    """Return four q31: chance to repay a loan early at the first due, of the worst quality and added by each better
    one; the same later. The mean over the 16 classes is the chance given.
    """
    return along_quality((settlement.first_month, settlement.later), settlement.quality_slope)


def shares_never_paid(product) -> list[int]:
    """Return four q31: share of fraud among new accounts, of the best quality and added by each worse one; the same of
    those whose first due is not paid. The mean over the 16 classes is the share given.
    """
    return along_quality((product.fraud, product.first_payment_default), product.first_payment_quality_slope)


def along_quality(means, slope: float) -> list[int]:
    """Return for each of the `means` of a chance over the classes two q31: its lowest, and what each class adds."""
    rows = [[q31(mean * (1 - slope)), q31(mean * slope * 2 / (QUALITIES - 1))] for mean in means]
    return [int(number) for row in rows for number in row]


def conversion_terms(conversion) -> np.ndarray:
    """Return int64[MAX_TERMS, 3]: months, q31 cumulative share and q31 monthly fee of bills turned into instalments."""
    terms = np.zeros((MAX_TERMS, 3), dtype=np.int64)
    given = [conversion.terms[min(t, len(conversion.terms) - 1)] for t in range(MAX_TERMS)]
    terms[:, layout.TERM_MONTHS] = [term.months for term in given]
    terms[:, layout.TERM_CUMULATIVE] = ONE
    terms[: len(conversion.terms), layout.TERM_CUMULATIVE] = cumulative([term.share for term in conversion.terms])
    terms[:, layout.TERM_FEE] = [q31(term.fee / term.months) for term in given]
    return terms


def late_table(products) -> np.ndarray:
    """Return int64[product, DAYS]: q31 of the amount late charged when it is paid that many days late."""
    return q31(np.outer([products.line.late_rate, products.loan.late_rate], np.arange(DAYS)))


@kept
def loan_terms(loan, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return, at a `rate` a month, the loan's lengths, int64[MAX_TERMS, 3], and what is owed, int64[MAX_TERMS, 61].

    Owed is q31 of the amount lent with k instalments left, just before the next one is due: the principal after
    the last instalment and the interest of the month since. Instalments are level (an annuity); a rate of 0 works.
    """
    terms = np.zeros((MAX_TERMS, 3), dtype=np.int64)
    owed = np.zeros((MAX_TERMS, MOST_MONTHS + 1), dtype=np.int64)
    shares = np.array([term.share for term in loan.terms])
    terms[:, layout.TERM_CUMULATIVE] = ONE
    terms[: len(shares), layout.TERM_CUMULATIVE] = cumulative(shares)
    for t, term in enumerate(loan.terms):
        terms[t, layout.TERM_MONTHS] = term.months
        terms[t, layout.TERM_INSTALMENT] = q31(annuity(1.0, rate, term.months))
        for k in range(1, term.months + 1):
            owed[t, k] = q31(annuity_balance(1.0, rate, term.months, k) * (1 + rate))
    return terms, owed

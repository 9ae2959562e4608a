"""Whether the loans of a tape repay what they owe: balance, instalment, months left and the rate of the scenario."""

import numpy as np

from simulator.language.catalogue import kept
from simulator.model import layout

FEW = 20  # loans below which a contradiction says nothing of the tape: assumption
ROUNDING = 0.01  # of the balance, that the last instalment may take up
FAR = 0.05  # of the balance: more than a month's interest, or a due in between, explains
SAMPLE = 10_000  # loans of which rates are worked out
RATES = (-0.1, 1.0)  # a month: between these


def repayment_cautions(accounts: np.ndarray, rate: np.ndarray) -> list[str]:
    """Return what contradicts itself in most loans that are on time; `accounts` are int64[loan, N_TAPE].

    `rate` is the scenario's, float64[loan], a month. A loan on time owes what its instalments to come are worth at
    its rate.
    """
    status, balance, instalment, left = (
        accounts[:, column]
        for column in (layout.TAPE_STATUS, layout.TAPE_BALANCE, layout.TAPE_INSTALMENT, layout.TAPE_MONTHS_LEFT)
    )
    on_time = (status < layout.CLOSED) & (accounts[:, layout.TAPE_BUCKET] == 0)
    use = np.flatnonzero(on_time & (balance > 0) & (instalment > 0) & (left > 0))
    if len(use) < FEW:
        return []
    balance, instalment, left = (column[use].astype(np.float64) for column in (balance, instalment, left))
    short = int((instalment * left < (1 - ROUNDING) * balance).sum())
    if short > len(use) / 2:
        return [
            kept(
                "In {short} of {loans} loans on time the instalments to come are less than the balance: the last one "
                "takes the rest.",
                short=f"{short:,}",
                loans=f"{len(use):,}",
            )
        ]
    far = int((np.abs(instalment * worth(rate[use], left) / balance - 1) > FAR).sum())
    if far > len(use) / 2:
        own = float(np.median(implied(balance, instalment, left)))
        return [
            kept(
                "In {far} of {loans} loans on time balance, instalment and months left contradict the interest rate of "
                "the scenario: it is {rate} a month, theirs {own} (median).",
                far=f"{far:,}",
                loans=f"{len(use):,}",
                rate=f"{np.median(rate[use]):.2%}",
                own=f"{own:.2%}",
            )
        ]
    return []


def worth(rate, left: np.ndarray) -> np.ndarray:
    """Return what one unit a month is worth a month before the first of `left` payments, at `rate` a month."""
    rate = np.broadcast_to(np.asarray(rate, dtype=np.float64), left.shape)
    safe = np.where(np.abs(rate) < 1e-9, 1.0, rate)
    return np.where(np.abs(rate) < 1e-9, left, -np.expm1(-left * np.log1p(safe)) / safe)


def implied(balance: np.ndarray, instalment: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return float64[loan]: the rate a month at which the instalments to come are worth the balance, by bisection."""
    balance, instalment, left = balance[:SAMPLE], instalment[:SAMPLE], left[:SAMPLE]
    low, high = (np.full(len(balance), end) for end in RATES)
    for _ in range(40):
        middle = (low + high) / 2
        dear = instalment * worth(middle, left) > balance  # so the rate is higher
        low, high = np.where(dear, middle, low), np.where(dear, high, middle)
    return (low + high) / 2

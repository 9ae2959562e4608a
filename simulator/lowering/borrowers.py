"""Who the borrowers of a segment are: their traits, limits, and where their accounts stand at the start."""

from collections.abc import Iterator, Sequence
from math import sqrt

import numpy as np
from scipy.special import ndtr

from simulator.lowering.quantiles import normal_quantiles, quantiles
from simulator.model import layout
from simulator.model.errors import Problem
from simulator.model.fixed_point import base_logit, cumulative, half_up, logit, q16, q31
from simulator.model.kept import kept
from simulator.model.layout import CAUSES, LINE, LOAN, MAX_STATES, N_PRODUCT, N_QUANTILE, ONE, PRODUCTS, QUANTILES

LARGEST = 2**30  # minor units of an amount that is a multiple of pay: half of what 32 bits with a sign hold
RANKS = 4096  # steps of 1/512 from -4 to 4 in which a normal number is turned back into a quantile


def largest_pay(segment, minor_units: int, index: float) -> float:
    """Return the highest monthly income of a segment in minor units, at the highest `index` of incomes of the run."""
    return float(quantiles(segment.income).max()) * minor_units * index


def too_large(key: str, segment, how, pay: float) -> Iterator[Problem]:
    """Yield which multiples of the largest `pay` do not fit the 32 bits of an amount; `key` of the segment."""
    multiples = {
        "income": 1.0,
        "buffer": float(quantiles(segment.buffer).max()),
        "spending": float(quantiles(segment.spending).max()),
        "outside_size": segment.outside_size if segment.outside_credit else 0.0,
    }
    named = {f"{key}.{name}": multiple for name, multiple in multiples.items()}
    named["behaviour.structural.shock_size"] = how.shock_size if how.shock_probability else 0.0
    for name, multiple in named.items():
        if pay * multiple > LARGEST:
            found = f"found up to {multiple:g} times an income that grows to {pay:,.0f} minor units a month"
            yield Problem("scenario", name, found, f"allowed: amounts up to {LARGEST:,} minor units")


def segment_row(segment, behaviour, pay: float, others: dict[int, int]) -> np.ndarray:
    """Return int64[N_SEGMENT]: the segment's scalars, with `others` by their place; `pay` is the largest there is."""
    how = behaviour.structural
    noise = {name: sqrt(1 - getattr(segment, name) ** 2) for name in ("score_correlation", "limit_income_correlation")}
    shares = {
        layout.G_HAS_LINE: segment.line_holders,
        layout.G_HAS_LOAN: segment.loan_holders,
        layout.G_UNEMPLOYED: segment.unemployed,
        layout.G_BENEFIT: how.benefit,
        layout.G_LIVING_UNEMPLOYED: how.living_unemployed,
        layout.G_SPEND_UNEMPLOYED: how.spending_unemployed,
        layout.G_EXTERNAL_CREDIT_SHARE: segment.outside_credit,
        layout.G_EXTERNAL_CREDIT_REPAY: segment.outside_repay,
        layout.G_AUTOPAY: segment.autopay,
        layout.G_FULL_PAYER: segment.full_payer,
        layout.G_REVOLVER_SHARE: segment.revolver_extra,
        **{layout.G_REACH + band: reach for band, reach in enumerate(how.contact_reach)},
    }
    multipliers = {
        layout.G_SHOCK_SIZE: how.shock_size,
        layout.G_EXTERNAL_CREDIT_SIZE: segment.outside_size,
        layout.G_LIQUIDITY_CAP: min(segment.buffer_cap, LARGEST / max(pay, 1.0)),  # a cap that is never reached
        layout.G_SCORE_CORRELATION: segment.score_correlation,
        layout.G_SCORE_NOISE: noise["score_correlation"],
        layout.G_SCORE_SHIFT: segment.score_shift,
        layout.G_LIMIT_INCOME: segment.limit_income_correlation,
        layout.G_LIMIT_NOISE: noise["limit_income_correlation"],
    }
    row = np.zeros(layout.N_SEGMENT, dtype=np.int64)
    row[[*shares]], row[[*multipliers]] = q31([*shares.values()]), q16([*multipliers.values()])
    row[layout.G_MODEL] = behaviour.model == "roll_rates"
    row[layout.G_PAY_FIRST] = PRODUCTS.index(behaviour.pay_first)
    row[layout.G_WILL_NOT_BASE] = base_logit(how.will_not)
    row[[layout.G_WILL_NOT_CLOSED, layout.G_WILL_NOT_REPORTED]] = logit([how.will_not_closed, how.will_not_reported])
    row[[*others]] = [*others.values()]
    return row


@kept
def people_tables(segment, states_by_product: Sequence[list[str]], minor_units: int) -> dict[str, np.ndarray]:
    """Return the tables, by name, of who the borrowers of a segment are and where they stand at the start."""
    return {
        "quantile": trait_tables(segment, minor_units),
        "limit": limit_tables(segment, states_by_product[LINE], minor_units),
        "utilisation": utilisation_tables(segment, states_by_product[LINE]),
        "opening": opening_table(segment.opening, states_by_product),
        "opening_cause": opening_causes(segment.opening.causes),
    }


def trait_tables(segment, minor_units: int) -> np.ndarray:
    """Return uint32[N_QUANTILE, QUANTILES]: income, living cost, spending, forgetfulness, buffer and loan size."""
    table = np.zeros((N_QUANTILE, QUANTILES), dtype=np.uint32)
    table[layout.Q_INCOME] = half_up(quantiles(segment.income) * minor_units)
    table[layout.Q_LIVING] = q31(quantiles(segment.living_cost))
    table[layout.Q_SPEND] = q16(quantiles(segment.spending))
    # The one place where a probability of 1 is not exact: forgetfulness is kept in 31 bits of a person's state.
    table[layout.Q_FORGET] = np.minimum(q31(quantiles(segment.forget)), ONE - 1)
    table[layout.Q_LIQUIDITY] = q16(quantiles(segment.buffer))
    table[layout.Q_TICKET] = half_up(quantiles(segment.loan_ticket) * minor_units)
    return table


def limit_tables(segment, line_states: list[str], minor_units: int) -> np.ndarray:
    """Return int32[product, MAX_STATES, QUANTILES]: limits by opening state; a named state may have its own."""
    table = np.zeros((N_PRODUCT, MAX_STATES, QUANTILES), dtype=np.int32)
    table[LINE] = half_up(quantiles(segment.line_limit) * minor_units)
    table[LOAN] = half_up(quantiles(segment.loan_limit) * minor_units)
    for state, own in _own_tables(segment, line_states):
        if own.line_limit is not None:
            table[LINE, state] = half_up(quantiles(own.line_limit) * minor_units)
    return table


def utilisation_tables(segment, line_states: list[str]) -> np.ndarray:
    """Return int32[MAX_STATES, QUANTILES]: opening balance of the line as q16 of its limit, by opening state."""
    table = np.zeros((MAX_STATES, QUANTILES), dtype=np.int32)
    table[:] = q16(quantiles(segment.utilisation))
    if segment.opening.late_utilisation is not None:  # without named states the opening state is the bucket
        table[1:] = q16(quantiles(segment.opening.late_utilisation))
    for state, own in _own_tables(segment, line_states):
        if own.utilisation is not None:
            table[state] = q16(quantiles(own.utilisation))
    return table


def opening_table(opening, states_by_product: Sequence[list[str]]) -> np.ndarray:
    """Return int64[product, MAX_STATES]: q31 cumulative shares of opening states, given in order or by name."""
    table = np.empty((N_PRODUCT, MAX_STATES), dtype=np.int64)
    for product, name in enumerate(PRODUCTS):
        shares = np.zeros(MAX_STATES)
        given = getattr(opening, name)
        if isinstance(given, dict):
            for state, share in given.items():
                shares[states_by_product[product].index(state)] = share
        else:
            shares[: len(given)] = given
        table[product] = cumulative(shares)
    return table


def opening_causes(causes) -> np.ndarray:
    """Return int64[5]: q31 cumulative shares of the causes of accounts that are late at the start."""
    return cumulative([0.0] + [getattr(causes, name) for name in CAUSES[1:]])


@kept
def normal_table() -> np.ndarray:
    """Return int32[QUANTILES]: the standard normal by quantile, q16, scaled to variance 1."""
    return q16(normal_quantiles(QUANTILES)).astype(np.int32)


@kept
def normal_ranks() -> np.ndarray:
    """Return int32[4096]: the quantile that a normal number z belongs to, by (z + 4) * 512."""
    z = (np.arange(RANKS) + 0.5) / 512 - 4
    return np.minimum((ndtr(z) * QUANTILES).astype(np.int32), QUANTILES - 1)


@kept
def quality_scores() -> np.ndarray:
    """Return int32[16]: the standard normal of each quality class, q16, scaled to variance 1."""
    return q16(normal_quantiles(layout.QUALITIES)).astype(np.int32)


def _own_tables(segment, line_states):
    """Return (number, what the segment says about it) of the states of the line that have tables of their own."""
    return [(number, segment.state[name]) for number, name in enumerate(line_states) if name in segment.state]

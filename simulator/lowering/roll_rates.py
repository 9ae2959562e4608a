"""The roll-rate model: named states and their monthly matrix, moved by a factor through an ordered probit."""

import numpy as np
from scipy.special import ndtr, ndtri

from simulator.model.fixed_point import cumulative, q16, q31
from simulator.model.layout import (
    EXITS,
    MAX_STATES,
    N_ROLL,
    ONE,
    ROLL_AT_LEAST,
    ROLL_BUCKET,
    ROLL_PAYS,
    ROLL_SPEND,
    UNIT,
)


def state_table(rates) -> np.ndarray:
    """Return int64[MAX_STATES, N_ROLL]; without `rates`, states of bucket 0 that pay nothing extra."""
    table = np.zeros((MAX_STATES, N_ROLL), dtype=np.int64)
    table[:, ROLL_SPEND] = UNIT
    for s, state in enumerate(rates.states if rates else ()):
        table[s, ROLL_BUCKET] = EXITS.get(state.bucket, state.bucket)
        table[s, ROLL_AT_LEAST] = state.at_least
        table[s, ROLL_PAYS] = q31(state.pays)
        table[s, ROLL_SPEND] = q16(state.spends)
    return table


def probabilities(rates) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that the matrix gives, int[from], and float64[from, to], each row summing to 1."""
    rows = np.array([s for s, state in enumerate(rates.states) if state.bucket not in EXITS])
    given = np.asarray(rates.matrix if rates.matrix is not None else rates.counts, dtype=np.float64)
    return rows, given / given.sum(axis=1, keepdims=True)


def thresholds(rates, correlation: float = 0.0, z=None) -> np.ndarray:
    """Return int64[*z.shape, MAX_STATES, MAX_STATES]: q31 cumulative thresholds by state, in the order of the states.

    Without z they are those of the matrix, of shape [MAX_STATES, MAX_STATES]. With a factor z, good when high, a row
    is an ordered probit: the probability to end worse than state j is N((c_j - sqrt(rho) z) / sqrt(1 - rho)) with
    c_j = N^-1(P(worse than j)), whose mean over a standard normal z is P(worse than j) (Vasicek 2002). States are
    given from best to worst; paid off counts as best wherever it stands. A state without a row stays where it is.
    """
    stay = np.where(np.arange(MAX_STATES) >= np.arange(MAX_STATES)[:, None], ONE, 0)
    table = np.broadcast_to(stay, (*np.shape(z if z is not None else 0), MAX_STATES, MAX_STATES)).copy()
    if not rates:
        return table
    rows, matrix = probabilities(rates)
    n = len(rates.states)
    if z is None or correlation == 0:
        table[..., rows, :n] = cumulative(matrix)
    else:
        best_first = sorted(range(n), key=lambda s: rates.states[s].bucket != "paid_off")
        moved = _ordered_probit(matrix[:, best_first], correlation, np.asarray(z)[..., None, None])
        table[..., rows, :n] = np.cumsum(moved[..., np.argsort(best_first)], axis=-1)
    table[..., rows, n:] = ONE
    return table


def worse_than(matrix, correlation, z) -> np.ndarray:
    """Return float64[..., from, to]: the probability to end worse than each state, given the factor z.

    matrix: float64[..., from, to], mean probabilities, columns from best to worst. `correlation` and z broadcast with
    it; the formula is in `thresholds`.
    """
    worse = np.zeros_like(matrix)
    worse[..., :-1] = np.cumsum(matrix[..., :0:-1], axis=-1)[..., ::-1]
    worse[np.cumsum(matrix, axis=-1) == 0] = 1  # exactly, where the states so far cannot be reached
    worse = np.minimum(worse, 1)  # sums of drawn probabilities can round above 1
    return ndtr((ndtri(worse) - np.sqrt(correlation) * z) / np.sqrt(1 - correlation))


def _ordered_probit(matrix, correlation, z) -> np.ndarray:
    """Return int64[..., from, to]: q31 probabilities at z, which sum to ONE; columns from best to worst."""
    return np.diff(ONE - q31(worse_than(matrix, correlation, z)), axis=-1, prepend=0)

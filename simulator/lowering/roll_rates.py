"""The roll-rate model: named states and their monthly matrix, moved by a factor through an ordered probit."""

import numpy as np
from scipy.special import ndtr, ndtri

from simulator.model.fixed_point import cumulative, q16, q31
from simulator.model.layout import (
    EXITS,
    MAX_STATES,
    N_ROLL,
    ONE,
    ROLL_BUCKET,
    ROLL_OPENED,
    ROLL_PAYS,
    ROLL_SPEND,
    ROLL_STATE,
    STAYS_WORSE,
    UNIT,
)
from simulator.scenario.histories import rows_of


def row_count(every_rates) -> int:
    """Return how many rows the tables of a scenario have: enough for each of its roll matrices, and for all states."""
    return max([MAX_STATES, *(len(rows_of(rates).state) for rates in every_rates if rates)])


def state_table(rates, rows: int = MAX_STATES) -> np.ndarray:
    """Return int64[row, N_ROLL]; without `rates`, states of bucket 0 that pay nothing extra."""
    table = np.zeros((rows, N_ROLL), dtype=np.int64)
    table[:, ROLL_SPEND] = UNIT
    table[:MAX_STATES, ROLL_STATE] = table[:MAX_STATES, ROLL_OPENED] = np.arange(MAX_STATES)
    if rates:
        own = rows_of(rates)
        table[: own.opened.shape[1], ROLL_OPENED] = own.opened[0]
        for row, state in enumerate(rates.states[s] for s in own.state):
            table[row, ROLL_BUCKET] = EXITS.get(state.bucket, state.bucket)
            table[row, ROLL_PAYS] = q31(state.pays)
            table[row, ROLL_SPEND] = q16(state.spends)
        table[: len(own.state), ROLL_STATE] = own.state
    return table


def next_table(rates, rows: int = MAX_STATES) -> np.ndarray:
    """Return int64[row, state]: the row after a move to a state, with STAYS_WORSE where that is a due more."""
    table = np.broadcast_to(np.arange(MAX_STATES), (rows, MAX_STATES)).copy()
    if rates:
        own = rows_of(rates)
        worse = np.array([state.at_least for state in rates.states]) & (
            own.state[:, None] == np.arange(own.after.shape[1])
        )
        table[: len(own.after), : own.after.shape[1]] = own.after + STAYS_WORSE * worse
    return table


def thresholds(rates, correlation: float = 0.0, z=None, rows: int = MAX_STATES) -> np.ndarray:
    """Return int64[*z.shape, row, MAX_STATES]: q31 cumulative thresholds by row, in the order of the states.

    Without z they are those of the matrix, of shape [row, MAX_STATES]. With a factor z, good when high, a row is
    an ordered probit: the probability to end worse than state j is N((c_j - sqrt(rho) z) / sqrt(1 - rho)) with
    c_j = N^-1(P(worse than j)), whose mean over a standard normal z is P(worse than j) (Vasicek 2002). States are
    given from best to worst; paid off counts as best wherever it stands. A row without moves stays where it is.
    """
    stay = np.where(np.arange(MAX_STATES) >= np.minimum(np.arange(rows), MAX_STATES - 1)[:, None], ONE, 0)
    table = np.broadcast_to(stay, (*np.shape(z if z is not None else 0), rows, MAX_STATES)).copy()
    if not rates:
        return table
    own, n = rows_of(rates), len(rates.states)
    table[..., : len(own.state), :] = np.where(np.arange(MAX_STATES) >= own.state[:, None], ONE, 0)
    moves = np.flatnonzero(own.chance.any(axis=1))
    matrix = own.chance[moves]
    if z is None or correlation == 0:
        table[..., moves, :n] = cumulative(matrix)
    else:
        best_first = sorted(range(n), key=lambda s: rates.states[s].bucket != "paid_off")
        moved = _ordered_probit(matrix[:, best_first], correlation, np.asarray(z)[..., None, None])
        table[..., moves, :n] = np.cumsum(moved[..., np.argsort(best_first)], axis=-1)
    table[..., moves, n:] = ONE
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

"""The roll-rate model: named states and their monthly matrix, moved by a factor through an ordered probit."""

import numpy as np
from scipy.special import ndtr, ndtri

from simulator.lowering.factor import with_tails
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


def thresholds(
    rates, correlation: float = 0.0, z=None, rows: int = MAX_STATES, degrees: float | None = None
) -> np.ndarray:
    """Return int64[*z.shape, row, MAX_STATES]: q31 cumulative thresholds by row, in the order of the states.

    Without z they are those of the matrix, of shape [row, MAX_STATES]. With a factor z, good when high, a row is
    an ordered probit: the probability to end worse than state j is N((c_j - sqrt(rho) z) / sqrt(1 - rho)) with
    c_j = N^-1(P(worse than j)), whose mean over a standard normal z is P(worse than j) (Vasicek 2002). Where z has
    tails of Student's t of so many `degrees` (`factor.with_tails`), c_j is what gives that mean. States are given from
    best to worst; paid off counts as best wherever it stands. A row without moves stays where it is.
    """
    still = _unmoved(rates, rows)
    if z is None:
        return still
    return moved([[rates]], still[None, None], [correlation], np.asarray(z), degrees)[..., 0, 0, :, :]


def _unmoved(rates, rows: int) -> np.ndarray:
    """Return int64[row, MAX_STATES]: the thresholds of a matrix itself."""
    table = np.where(np.arange(MAX_STATES) >= np.minimum(np.arange(rows), MAX_STATES - 1)[:, None], ONE, 0)
    if rates:
        own, n = rows_of(rates), len(rates.states)
        table[: len(own.state)] = np.where(np.arange(MAX_STATES) >= own.state[:, None], ONE, 0)
        moves = np.flatnonzero(own.chance.any(axis=1))
        table[moves, :n], table[moves, n:] = cumulative(own.chance[moves]), ONE
    return table


def moved(every, still: np.ndarray, rho: list[float], z: np.ndarray, degrees: float | None = None) -> np.ndarray:
    """Return int64[*z.shape, pair, product, row, MAX_STATES]: `thresholds` of pairs of matrices, all at once.

    `every` are the matrices by pair and product, `still` int64[pair, product, row, MAX_STATES] their own thresholds,
    `rho` the correlation by pair.
    """
    table = np.empty((*z.shape, *still.shape), dtype=np.int64)
    table[...] = still
    for best_first, matrices in _alike(every).items() if any(rho) else ():
        pair, product, row, chance = map(np.concatenate, zip(*matrices, strict=True))
        of_rows = np.array(rho)[pair][:, None]
        at_z = _ordered_probit(chance[:, list(best_first)], of_rows, z[..., None, None], degrees)
        own = np.cumsum(at_z[..., np.argsort(best_first)], axis=-1)
        table[..., pair[:, None], product[:, None], row[:, None], np.arange(len(best_first))] = own
    return table


def _alike(every) -> dict[tuple[int, ...], list[tuple]]:
    """Return the matrices by the order of their states, best first.

    Of each: int64[move] of its pair, product and row, and float64[move, state] of the chances.
    """
    found: dict[tuple[int, ...], list[tuple]] = {}
    for pair, own in enumerate(every):
        for product, rates in enumerate(own):
            if rates:
                states, chance = rates.states, rows_of(rates).chance
                best_first = sorted(range(len(states)), key=lambda s: states[s].bucket != "paid_off")
                row = np.flatnonzero(chance.any(axis=1))
                one = np.full(len(row), pair), np.full(len(row), product), row, chance[row]
                found.setdefault(tuple(best_first), []).append(one)
    return found


def worse_than(matrix, correlation, z, degrees: float | None = None) -> np.ndarray:
    """Return float64[..., from, to]: the probability to end worse than each state, given the factor z.

    matrix: float64[..., from, to], mean probabilities, columns from best to worst. `correlation` and z broadcast with
    it; the formula is in `thresholds`.
    """
    worse = np.zeros_like(matrix)
    worse[..., :-1] = np.cumsum(matrix[..., :0:-1], axis=-1)[..., ::-1]
    worse[np.cumsum(matrix, axis=-1) == 0] = 1  # exactly, where the states so far cannot be reached
    worse = np.minimum(worse, 1)  # sums of drawn probabilities can round above 1
    c = ndtri(worse) if degrees is None else _of_mean(worse, correlation, degrees)
    return ndtr((c - np.sqrt(correlation) * z) / np.sqrt(1 - correlation))


def _of_mean(worse: np.ndarray, correlation, degrees: float) -> np.ndarray:
    """Return the thresholds whose chances, over a factor with tails, have the mean `worse`; infinite at 0 and 1."""
    from scipy.interpolate import PchipInterpolator  # heavy to import

    z, c, found = np.linspace(-12, 12, 2401), np.linspace(-40, 40, 1601), ndtri(worse)
    weight = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    of_cells = np.broadcast_to(correlation, worse.shape)
    for rho in np.unique(of_cells):
        at = (c[:, None] - np.sqrt(rho) * with_tails(z, degrees)) / np.sqrt(1 - rho)
        mean = ndtri(np.clip(ndtr(at) @ weight, np.finfo(float).tiny, 1 - 1e-16))
        kept = np.append(True, np.diff(mean) > 1e-9)  # at the ends chances are too near 0 or 1 to rise
        own = (of_cells == rho) & np.isfinite(found)
        found[own] = PchipInterpolator(mean[kept], c[kept])(found[own])
    return found


def _ordered_probit(matrix, correlation, z, degrees) -> np.ndarray:
    """Return int64[..., from, to]: q31 probabilities at z, which sum to ONE; columns from best to worst."""
    return np.diff(ONE - q31(worse_than(matrix, correlation, z, degrees)), axis=-1, prepend=0)

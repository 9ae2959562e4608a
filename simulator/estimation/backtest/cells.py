"""The cells of the account model: a roll matrix over finer and finer ones, each leaning on the coarser one.

A cell is a state with what else is known of the account in bands (simulator/estimation/features.py): in effect a roll
matrix with more named states. Cells are nested in two orders, and the forecasts of both are averaged. Within an order
a cell's probabilities are (n + k parent) / (N + k): n moves of N accounts, k parent accounts' worth of what the cell
above says. k is that of the largest marginal likelihood, level by level, in the window that is fitted.

Utilisation a month later is the part of it that a state keeps, plus a rest whose distribution is the cell's.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulator.estimation.backtest.features import WIDTH, Bands, Features, bands, limit_edges
from simulator.estimation.backtest.scores import crps
from simulator.estimation.shrinkage import strength

# From coarse to fine. Source: of the 45 pairs of ten orders the one with the best Brier score on the Taiwan accounts
# from May to June 2005, fitted on half of the accounts and scored on the other (docs/calibration.md, Backtest).
ORDERS = (
    ("state", "product", "previous", "utilisation", "paid", "limit", "group"),
    ("state", "product", "previous", "paid", "change", "utilisation", "limit", "group"),
)
LEANS = (3.0, 10.0, 30.0, 100.0, 1000.0)  # that are tried for utilisation, in accounts
QUANTILES = 100  # equally likely values that stand for a distribution
MIDPOINTS = (np.arange(QUANTILES) + 0.5) / QUANTILES
TINY = 1e-300
TRIED_ON = 50_000  # accounts that the lean is chosen on, at most


class AccountForecast(NamedTuple):
    """What is forecast of accounts for the next month."""

    states: np.ndarray  # float64[account, state], probabilities
    utilisation: np.ndarray  # float64[account, k], equally likely values in rising order; NaN where there is no limit


Forecaster = Callable[[Features], AccountForecast]


class Sample(NamedTuple):
    """Accounts of a pair of months: what was known at the first, and what came of it."""

    features: Features
    state: np.ndarray  # int64[account], in the second month
    utilisation: np.ndarray  # float64[account], in the second month, NaN where there is no limit


class Nest(NamedTuple):
    """Cells nested in one order of bands."""

    order: tuple[str, ...]
    keys: tuple[np.ndarray, ...]  # by level, int64[cell], rising: number of the cell above * WIDTH + band

    def walk(self, of: Bands, values: list[np.ndarray]) -> np.ndarray:
        """Return float64[account, k]: `values` of the finest cell that is known; values[0] is the root's one row."""
        n = len(of.state)
        cell, known = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
        found = np.repeat(values[0], n, axis=0)
        for name, keys, level in zip(self.order, self.keys, values[1:], strict=True):
            wanted = cell * WIDTH + getattr(of, name)
            cell = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            known = known & (keys[cell] == wanted)
            found[known] = level[cell[known]]
        return found


def nest(of: Bands, order: tuple[str, ...]) -> tuple[Nest, list[np.ndarray]]:
    """Return the cells that accounts `of` are in, and the cell of each by level, int64[account].

    Names that put all accounts in one band are left out.
    """
    names = [name for name in order if name == "state" or np.ptp(getattr(of, name)) > 0]
    keys, cells, cell = [], [], np.zeros(len(of.state), dtype=np.int64)
    for name in names:
        found, cell = np.unique(cell * WIDTH + getattr(of, name), return_inverse=True)
        keys.append(found)
        cells.append(cell)
    return Nest(tuple(names), tuple(keys)), cells


def state_values(made: Nest, cells: list[np.ndarray], came: np.ndarray, n_states: int):
    """Return ([float64[cell, state] by level, the root first], strength by level) of moves to states `came`."""
    values, strengths = [np.full((1, n_states), 1 / n_states)], []
    for keys, cell in zip(made.keys, cells, strict=True):
        moves = np.bincount(cell * n_states + came, minlength=len(keys) * n_states).reshape(-1, n_states)
        above = values[-1][keys // WIDTH]
        k = strength(moves, above)
        values.append((moves + k * above) / (moves.sum(axis=1, keepdims=True) + k))
        strengths.append(float(k))
    return values, strengths


def rest_values(made: Nest, cells: list[np.ndarray], rest: np.ndarray, lean: float) -> list[np.ndarray]:
    """Return [float64[cell, QUANTILES] by level, the root first]: quantiles of `rest`, which lean on the cell above.

    Quantiles of a cell of N accounts are averaged with those above: weights N and `lean`.
    """
    values = [quantiles(rest, np.zeros(len(rest), dtype=np.int64), 1)]
    for keys, cell in zip(made.keys, cells, strict=True):
        size = np.bincount(cell, minlength=len(keys))[:, None]
        values.append((size * quantiles(rest, cell, len(keys)) + lean * values[-1][keys // WIDTH]) / (size + lean))
    return values


def quantiles(x: np.ndarray, cell: np.ndarray, n_cells: int) -> np.ndarray:
    """Return float64[n_cells, QUANTILES]: quantiles of x in each cell at MIDPOINTS (Hazen's rule); no cell is empty."""
    x = x[np.lexsort((x, cell))]
    size = np.bincount(cell, minlength=n_cells)[:, None]
    start = np.cumsum(size)[:, None] - size
    place = np.clip(size * MIDPOINTS - 0.5, 0, size - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, size - 1)
    return x[start + low] + (place - low) * (x[start + high] - x[start + low])


class CellModel:
    """The fitted cells; call it with features for a forecast."""

    def __init__(self, sample: Sample, n_states: int):
        """Fit it on `sample`, at least one account."""
        self.limit_edges = limit_edges(sample.features.limit)
        of = bands(sample.features, self.limit_edges)
        self.nests, self.states, self.strengths = [], [], []
        for order in ORDERS:
            made, cells = nest(of, order)
            values, strengths = state_values(made, cells, sample.state, n_states)
            self.nests.append(made)
            self.states.append(values)
            self.strengths.append(dict(zip(made.order, strengths, strict=True)))
        before, after = sample.features.utilisation, sample.utilisation
        known = np.flatnonzero(np.isfinite(after - before))
        self.kept = kept(before[known], after[known], of.state[known], n_states)
        of, rest = Bands(*(band[known] for band in of)), (after - self.kept[of.state] * before)[known]
        self.lean = _lean(of, rest)
        self.rests = [_rests(of, rest, order, self.lean) for order in ORDERS] if len(rest) else []

    def __call__(self, features: Features) -> AccountForecast:
        """Return the forecast of accounts with these features."""
        of = bands(features, self.limit_edges)
        states = [made.walk(of, values) for made, values in zip(self.nests, self.states, strict=True)]
        rests = [made.walk(of, values) for made, values in self.rests] or [np.full((len(of.state), 1), np.nan)]
        kept = self.kept[of.state] * features.utilisation
        return AccountForecast(np.mean(states, axis=0), kept[:, None] + np.mean(rests, axis=0))


def kept(before: np.ndarray, after: np.ndarray, state: np.ndarray, n_states: int) -> np.ndarray:
    """Return float64[state], 0..1: the part of utilisation that is still there a month later, by least squares.

    It is 1 where balances carry over and 0 where each month begins anew. A state leans on 1 with the weight of LEANS[1]
    accounts of ordinary spread; utilisation counts up to 1.5.
    """
    x = np.clip(before, -0.5, 1.5)
    size = np.maximum(np.bincount(state, minlength=n_states), 1)
    away = x - (np.bincount(state, x, n_states) / size)[state]
    held = LEANS[1] * (x.var() if len(x) else 0.0) + TINY
    slope = (np.bincount(state, away * after, n_states) + held) / (np.bincount(state, away**2, n_states) + held)
    return np.clip(slope, 0, 1)


def _rests(of, rest, order, lean):
    made, cells = nest(of, order)
    return made, rest_values(made, cells, rest, lean)


def _lean(of, rest):
    """Return the lean of the smallest CRPS where one half of the accounts is fitted and the other scored."""
    some = np.arange(0, len(rest), max(1, len(rest) // TRIED_ON))
    if len(some) < 2:
        return LEANS[0]
    of, rest = Bands(*(band[some] for band in of)), rest[some]
    fitted, scored = (Bands(*(band[half::2] for band in of)) for half in (0, 1))

    def score(lean):
        halves = (_rests(fitted, rest[::2], order, lean) for order in ORDERS)
        return crps(np.mean([made.walk(scored, values) for made, values in halves], axis=0), rest[1::2]).mean()

    return min(LEANS, key=score)

"""The account model: a roll matrix over finer and finer cells of accounts, each cell leaning on the coarser one.

A cell is a state with what else is known of the account in bands (simulator/estimation/features.py): in effect a roll
matrix with more named states. Cells are nested in two orders, and the forecasts of both are averaged. Within an order
a cell's probabilities are (n + k parent) / (N + k): n moves of N accounts, k parent accounts' worth of what the cell
above says. k is that of the largest marginal likelihood, level by level, in the window that is fitted.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from simulator.estimation.features import WIDTH, Bands, Features, bands, limit_edges
from simulator.estimation.scores import crps

# From coarse to fine. Source: of the 45 pairs of ten orders the one with the best Brier score on the Taiwan accounts
# from May to June 2005, fitted on half of the accounts and scored on the other (docs/calibration.md, Backtest).
ORDERS = (
    ("state", "product", "previous", "utilisation", "paid", "limit", "group"),
    ("state", "product", "previous", "paid", "change", "utilisation", "limit", "group"),
)
STRENGTHS = 2.0 ** np.arange(-2, 13)  # k that are tried, in accounts
LEANS = (3.0, 10.0, 30.0, 100.0)  # the same for utilisation
QUANTILES = 100  # equally likely values that stand for a distribution
MIDPOINTS = (np.arange(QUANTILES) + 0.5) / QUANTILES
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
        strength = max(STRENGTHS, key=lambda k: log_evidence(moves, k * above))
        values.append((moves + strength * above) / (moves.sum(axis=1, keepdims=True) + strength))
        strengths.append(float(strength))
    return values, strengths


def log_evidence(moves: np.ndarray, prior: np.ndarray) -> float:
    """Return the log marginal likelihood of moves[cell, state] under Dirichlet priors with these pseudo-counts.

    Source: the Dirichlet-multinomial; I. J. Good, The estimation of probabilities (1965).
    """
    cells = gammaln(prior.sum(axis=1)) - gammaln((prior + moves).sum(axis=1))
    seen = moves > 0
    return float(cells.sum() + (gammaln((moves + prior)[seen]) - gammaln(prior[seen])).sum())


def change_values(made: Nest, cells: list[np.ndarray], change: np.ndarray, lean: float) -> list[np.ndarray]:
    """Return [float64[cell, QUANTILES] by level, the root first]: quantiles of `change`, which lean on the cell above.

    Quantiles of a cell of N accounts are averaged with those above: weights N and `lean`.
    """
    values = [quantiles(change, np.zeros(len(change), dtype=np.int64), 1)]
    for keys, cell in zip(made.keys, cells, strict=True):
        size = np.bincount(cell, minlength=len(keys))[:, None]
        values.append((size * quantiles(change, cell, len(keys)) + lean * values[-1][keys // WIDTH]) / (size + lean))
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
    """The fitted account model; call it with features for a forecast."""

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
        change = sample.utilisation - sample.features.utilisation
        known = np.flatnonzero(np.isfinite(change))
        of, change = Bands(*(band[known] for band in of)), change[known]
        self.lean = _lean(of, change)
        self.changes = [_changes(of, change, order, self.lean) for order in ORDERS] if len(change) else []

    def __call__(self, features: Features) -> AccountForecast:
        """Return the forecast of accounts with these features."""
        of = bands(features, self.limit_edges)
        states = [made.walk(of, values) for made, values in zip(self.nests, self.states, strict=True)]
        changes = [made.walk(of, values) for made, values in self.changes] or [np.full((len(of.state), 1), np.nan)]
        return AccountForecast(np.mean(states, axis=0), features.utilisation[:, None] + np.mean(changes, axis=0))


def _changes(of, change, order, lean):
    made, cells = nest(of, order)
    return made, change_values(made, cells, change, lean)


def _lean(of, change):
    """Return the lean of the smallest CRPS where one half of the accounts is fitted and the other scored."""
    some = np.arange(0, len(change), max(1, len(change) // TRIED_ON))
    if len(some) < 2:
        return LEANS[0]
    of, change = Bands(*(band[some] for band in of)), change[some]
    fitted, scored = (Bands(*(band[half::2] for band in of)) for half in (0, 1))

    def score(lean):
        halves = (_changes(fitted, change[::2], order, lean) for order in ORDERS)
        return crps(np.mean([made.walk(scored, values) for made, values in halves], axis=0), change[1::2]).mean()

    return min(LEANS, key=score)

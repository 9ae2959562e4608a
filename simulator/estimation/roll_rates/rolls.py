"""Roll matrices of a panel: by month pair and pooled, by accounts and by balance, with intervals.

A matrix of accounts has two intervals a cell. `account` holds the sampling variation of accounts alone. `wide` holds in
the pooled matrix what months do too: the common factor, averaged over its posterior (`factor.py`), and the row's own
movement between months. A month's own matrix is what happened in it, so there both are the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.estimation.intervals import LEVEL, jeffreys
from simulator.estimation.panels.dollar_rolls import DollarRolls, dollar_rolls
from simulator.estimation.panels.panel import Panel, PanelState
from simulator.estimation.roll_rates.factor import Factor, best_first, month_variance, panel_factor

POOLED = "pooled"
THIN = 30  # accounts; assumption: the usual line below which a share of a row says little by itself
COLUMNS = (
    *("product", "segment", "month_from", "month_to", "from_state", "to_state", "from_bucket", "to_bucket"),
    *("n", "probability", "low", "high"),
)


@dataclass(frozen=True)
class RollMatrix:
    """Where accounts of one group went. All arrays are [open state, state]; a row without accounts is NaN."""

    product: str
    segment: str
    month_from: str  # POOLED in the matrix of all pairs together, in both
    month_to: str
    states: tuple[PanelState, ...]
    n: np.ndarray  # int64: accounts
    probability: np.ndarray  # float64
    account: tuple[np.ndarray, np.ndarray]  # low and high by sampling variation of accounts alone
    wide: tuple[np.ndarray, np.ndarray]  # low and high with what months do too
    topped_up: dict[int, str] = field(default_factory=dict)  # thin row: whose moves it was topped up with
    grade: str = ""  # in matrices of one grade

    @property
    def thin(self) -> dict[int, int]:
        """Rows with fewer than THIN accounts and how many they have."""
        return {r: int(n) for r, n in enumerate(self.n.sum(axis=1)) if n < THIN}


@dataclass(frozen=True)
class Rolls:
    """All matrices of a panel and the factor that widens the pooled ones."""

    monthly: tuple[RollMatrix, ...]
    pooled: tuple[RollMatrix, ...]
    by_grade: tuple[RollMatrix, ...]
    dollars: tuple[DollarRolls, ...]
    factor: Factor
    level: float = LEVEL

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of roll_matrix.csv, keyed by COLUMNS: every cell of open rows, then the pooled matrices.

        The interval is the wide one. Of a row without accounts, probability and interval are None.
        """
        for matrix in (*self.monthly, *self.pooled):
            yield from cells(matrix)


def rolls(panel: Panel, factor: Factor | None = None, level: float = LEVEL) -> Rolls:
    """Return the roll matrices of each product and segment of `panel`; `factor` is `panel_factor(panel)`.

    Thin rows, those with fewer than THIN accounts, are topped up to THIN with accounts that move as others do: a
    month's row as the other months of its group, a pooled row as the other segments of its product, a grade's row as
    the other grades of its group (a Dirichlet prior of weight THIN - n). Without such others a row stays as it is.
    """
    factor = panel_factor(panel, level=level) if factor is None else factor
    groups, pairs = list(panel.groups()), list(panel.pairs())
    shape = (len(pairs), len(panel.open_states), len(panel.states))
    counts = [np.array([panel.moves(pair, g.accounts) for pair in pairs]).reshape(shape) for g in groups]
    at = np.array([pair.second for pair in pairs])
    monthly, pooled, by_grade = [], [], []
    for number, (group, own) in enumerate(zip(groups, counts, strict=True)):
        names = (group.product, group.segment)
        total = own.sum(axis=0)
        for pair, n in zip(pairs, own, strict=True):
            months = (panel.months[pair.first], panel.months[pair.second])
            monthly.append(_matrix(*names, *months, panel.states, n, total - n, "the group's other months", level))
        same = [c for c, g in zip(counts, groups, strict=True) if g.product == group.product and g is not group]
        others = sum((c.sum(axis=0) for c in same), np.zeros_like(total))
        alone = _matrix(*names, POOLED, POOLED, panel.states, total, others, "the product's other segments", level)
        own_spread = factor.evidence.row_dispersion.reshape(len(groups), -1)[number] if pairs else 1.0
        pooled.append(_widened(alone, own, at, factor, own_spread, level))
        by_grade += _by_grade(panel, pairs, group, total, level)
    dollars = tuple(dollar_rolls(panel, pair, group) for group in groups for pair in pairs)
    return Rolls(tuple(monthly), tuple(pooled), tuple(by_grade), dollars, factor, level)


def top_up(n: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Return (float64[row, state], rows): counts whose thin rows have THIN accounts, and which rows were topped up.

    `others` are the counts of accounts to move like. Rows that are not thin, or of whom there are no others, stay.
    """
    filled = n.astype(np.float64)
    have, like = n.sum(axis=1), others.sum(axis=1)
    rows = np.flatnonzero((have < THIN) & (like > 0))
    filled[rows] += (THIN - have[rows])[:, None] * others[rows] / like[rows][:, None]
    return filled, rows.tolist()


def _matrix(product, segment, month_from, month_to, states, n, others, whose, level, grade=""):
    filled, rows = top_up(n, others)
    total = filled.sum(axis=1, keepdims=True)
    probability = np.divide(filled, total, out=np.full(n.shape, np.nan), where=total > 0)
    interval = jeffreys(filled, total, level)
    names = (product, segment, month_from, month_to, states)
    return RollMatrix(*names, n, probability, interval, interval, dict.fromkeys(rows, whose), grade)


def _widened(matrix, by_month, at, factor, own_spread, level):
    """Return the pooled `matrix` with intervals as of so few accounts that sampling variation alone is as unsure.

    The variance of a cell is that of accounts, times the row's own dispersion between months, plus the factor's. It is
    taken at (k + 1/2) / (n + states / 2), so that cells never seen widen too.
    """
    total = matrix.n.sum(axis=1)
    there = np.flatnonzero(total > 0)
    if not len(there):
        return matrix
    order = best_first(matrix.states)
    n = matrix.n[there].astype(np.float64)
    smooth = (n + 0.5) / (n + 0.5).sum(axis=1, keepdims=True)
    worse = 1 - np.cumsum(smooth[:, order], axis=1)
    worse[:, -1] = 0
    in_month = by_month.sum(axis=2).T[there] / total[there][:, None]
    of_months = np.empty_like(smooth)
    of_months[:, order] = month_variance(factor, worse, in_month, at)
    sampling = smooth * (1 - smooth) / total[there][:, None]
    spread = np.broadcast_to(own_spread, total.shape)[there][:, None] + of_months / sampling
    accounts = np.array([THIN if r in matrix.topped_up else total[r] for r in there])
    size = accounts[:, None] / spread
    low, high = (a.copy() for a in matrix.account)
    wide = jeffreys(matrix.probability[there] * size, np.broadcast_to(size, n.shape), level)
    low[there], high[there] = np.minimum(low[there], wide[0]), np.maximum(high[there], wide[1])
    return RollMatrix(**{**vars(matrix), "wide": (low, high)})


def _by_grade(panel, pairs, group, total, level):
    """Return the pooled matrices of the grades at the start of each pair, accounts without a grade left out."""
    found = []
    for number, grade in enumerate(panel.grades):
        n = np.zeros_like(total)
        for pair in pairs:
            n += panel.moves(pair, group.accounts[panel.grade[group.accounts, pair.first] == number])
        if n.any():
            names = (group.product, group.segment, POOLED, POOLED, panel.states)
            found.append(_matrix(*names, n, total - n, "the group's other grades", level, grade))
    return found


def cells(matrix: RollMatrix) -> Iterator[dict[str, Any]]:
    """Yield the rows of one matrix, keyed by COLUMNS; zero cells too."""
    low, high = matrix.wide
    for r, s in np.ndindex(matrix.n.shape):
        known = np.isfinite(matrix.probability[r, s])
        shares = (float(a[r, s]) if known else None for a in (matrix.probability, low, high))
        before, after = matrix.states[r], matrix.states[s]
        months = (matrix.month_from, matrix.month_to)
        names = (matrix.product, matrix.segment, *months, before.name, after.name, before.bucket, after.bucket)
        yield dict(zip(COLUMNS, (*names, int(matrix.n[r, s]), *shares), strict=True))

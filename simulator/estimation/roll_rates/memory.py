"""Do next moves depend on more than the state? Tests of memory (where from) and of time-homogeneity (which month).

Both ask whether rows and columns of tables are independent. The statistic is Pearson's, its reference a gamma with the
exact mean and variance under fixed margins, so that thin tables keep their error rate; single cells whose expected
count is small are tested exactly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc, ndtr
from scipy.stats import hypergeom

from simulator.analysis.estimates import ROUNDING
from simulator.estimation.intervals import holm
from simulator.estimation.panels.panel import PanelState

SMALL = 5.0  # expected counts below are tested exactly, rows and columns of nothing else taken together (Cochran 1954)
ERROR_RATE = 0.05  # of each family of tests: any false rejection (assumption: the usual one)


@dataclass(frozen=True)
class Independence:
    """A test of independence in one table, or in several taken together."""

    statistic: float  # Pearson's
    ratio: float  # likelihood ratio, 2 log, beside it
    degrees: int
    n: int
    least_expected: float
    p: float  # NaN where there is nothing to test


@dataclass(frozen=True)
class Surprise:
    """A path of three states seen more or less often than without memory."""

    before: str
    state: str
    after: str
    seen: int
    of: int  # paths that came from `before` to `state`
    expected: float
    p: float  # two-sided, exact where `expected` is small; adjusted over all paths

    @property
    def certain(self) -> bool:
        """Whether all or none of the paths went there."""
        return self.seen in (0, self.of)


@dataclass(frozen=True)
class RowTest:
    """One state's test, `adjusted` over the states."""

    state: str
    test: Independence
    adjusted: float

    @property
    def rejected(self) -> bool:
        """Whether independence is rejected at ERROR_RATE for all states together."""
        return self.adjusted <= ERROR_RATE


@dataclass(frozen=True)
class Memory:
    """Whether the state before the present one tells the next."""

    rows: tuple[RowTest, ...]
    surprises: tuple[Surprise, ...]  # those beyond ERROR_RATE, the strongest first


@dataclass(frozen=True)
class Homogeneity:
    """Whether a row is the same in all months."""

    rows: tuple[RowTest, ...]


def independence(*tables: np.ndarray) -> Independence:
    """Return the test of independence of rows and columns, in each of `tables` int64[row, column] and so in all.

    Mean and variance of each table's statistic given its margins: Haldane (1940), Biometrika 31; Dawson (1954),
    Biometrika 41. Sums over tables are matched by a gamma (Pearson type III).
    """
    parts = [part for table in tables if (part := _table(table)) is not None]
    if not parts:
        return Independence(0.0, 0.0, 0, int(sum(np.sum(t) for t in tables)), np.nan, np.nan)
    statistic, ratio, degrees, n, mean, variance = map(float, np.sum([part[:6] for part in parts], axis=0))
    if variance <= ROUNDING * mean**2:  # with these margins there is one table
        return Independence(statistic, ratio, int(degrees), int(n), min(part[6] for part in parts), 1.0)
    p = float(gammaincc(mean**2 / variance, statistic * mean / variance))
    return Independence(statistic, ratio, int(degrees), int(n), min(part[6] for part in parts), p)


def memory(state: np.ndarray, states: tuple[PanelState, ...]) -> Memory:
    """Return the test of second order against first from int[account, month], NO_ROW where there is no row.

    For each present state, where accounts came from against where they go next, in tables by month, so that months
    that differ are no memory. Source: Anderson and Goodman (1957), Annals of Mathematical Statistics 28.
    """
    tables = triples(state, states)  # [month, present, before, after]
    names = [s.name for s in states]
    open_states = [s for s, kind in enumerate(states) if not kind.is_exit]
    rows = _row_tests([names[s] for s in open_states], [independence(*tables[:, s]) for s in open_states])
    paths = [(b, s, a) for s in open_states for b in open_states for a in range(len(states))]
    found = []
    for b, s, a in paths:
        seen, of, expected, p = _cell(tables[:, s], b, a)
        found.append(Surprise(names[b], names[s], names[a], seen, of, expected, p))
    adjusted = holm([f.p for f in found])
    kept = [Surprise(**{**vars(f), "p": float(p)}) for f, p in zip(found, adjusted, strict=True) if p <= ERROR_RATE]
    kept.sort(key=lambda f: (f.p, -abs(f.seen - f.expected) / max(f.expected, 1.0) ** 0.5))
    return Memory(rows, tuple(kept))


def homogeneity(counts: np.ndarray, states: tuple[PanelState, ...]) -> Homogeneity:
    """Return the test that each row is the same in all months, from int64[month, open state, state]."""
    names = [state.name for state in states if not state.is_exit]
    return Homogeneity(_row_tests(names, [independence(counts[:, r]) for r in range(counts.shape[1])]))


def triples(state: np.ndarray, states: tuple[PanelState, ...]) -> np.ndarray:
    """Return int64[months - 2, present, before, after]: accounts by three months running, open in the first two."""
    n = len(states)
    is_open = np.array([not kind.is_exit for kind in states])
    found = np.zeros((max(state.shape[1] - 2, 0), n, n, n), dtype=np.int64)
    for m in range(len(found)):
        before, present, after = state[:, m : m + 3].T.astype(np.int64)
        there = (before >= 0) & (present >= 0) & (after >= 0)
        there[there] = is_open[before[there]] & is_open[present[there]]
        cell = (present[there] * n + before[there]) * n + after[there]
        found[m] = np.bincount(cell, minlength=n**3).reshape(n, n, n)
    return found


def pearson_moments(rows: np.ndarray, columns: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of Pearson's statistic over all tables with these margins, rows and columns independent.

    Margins are positive and sum to the same number, above 3. Source: Dawson (1954), Biometrika 41.
    """
    n = np.sum(rows)
    (v1, w1), (v2, w2) = (
        ((k - 1) * (n - k) / (n - 1), (n * (1 / np.asarray(margin)).sum() - k**2) / (n - 2))
        for k, margin in ((len(rows), rows), (len(columns), columns))
    )
    variance = 2 * n / (n - 3) * (v1 - w1) * (v2 - w2) + n**2 / (n - 1) * w1 * w2
    return (len(rows) - 1) * (len(columns) - 1) * n / (n - 1), max(float(variance), 0.0)


def _table(table):
    """Return (statistic, ratio, degrees, n, mean, variance, least expected) of one table, None where nothing varies."""
    table = _rare_together(_rare_together(np.asarray(table, dtype=np.float64)).T).T
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    (rows, columns), n = table.shape, table.sum()
    if rows < 2 or columns < 2 or n < 4:
        return None
    r, c = table.sum(axis=1), table.sum(axis=0)
    expected = np.outer(r, c) / n
    statistic = ((table - expected) ** 2 / expected).sum()
    ratio = 2 * np.sum(table * np.log(np.where(table > 0, table, 1) / expected), where=table > 0)
    mean, variance = pearson_moments(r, c)
    return statistic, ratio, (rows - 1) * (columns - 1), n, mean, variance, float(expected.min())


def _rare_together(table):
    """Return the table with rows that are expected to hold few in every cell taken together: lone counts say little.

    If they still hold few, they join the smallest of the other rows.
    """
    total = table.sum(axis=1)
    few = total * table.sum(axis=0).max(initial=0) < SMALL * max(table.sum(), 1)
    kept, rest = table[~few], table[few].sum(axis=0)
    if len(kept) and rest.sum() * table.sum(axis=0).max() < SMALL * table.sum():
        kept[kept.sum(axis=1).argmin()] += rest
        return kept
    return np.vstack([kept, rest])


def _cell(tables, row, column):
    """Return (seen, row total, expected, two-sided p) of a cell over tables [table, row, column], margins fixed."""
    seen, r, c = tables[:, row, column], tables[:, row].sum(axis=1), tables[:, :, column].sum(axis=1)
    n = tables.sum(axis=(1, 2))
    there = (r > 0) & (c > 0) & (r < n) & (c < n)
    total = int(seen.sum())
    if not there.any():
        return total, int(r.sum()), float(total), np.nan
    seen, r, c, n = (a[there] for a in (seen, r, c, n))
    expected = float((r * c / n).sum())
    others = float((r * (n - c) / n).sum())  # a share near 1 is as thin as one near 0
    if min(expected, others) >= SMALL:
        variance = float((r * c / n * (n - r) / n * (n - c) / (n - 1)).sum())
        p = 2 * float(ndtr(-abs(seen.sum() - expected) / np.sqrt(variance)))
    else:
        p = _exact(int(seen.sum()), r, c, n)
    return total, int(tables[:, row].sum()), float(total - seen.sum() + expected), p


def _exact(seen, r, c, n):
    """Return the two-sided p of a sum of hypergeometric counts: twice the smaller tail, at most 1."""
    pmf, start = np.ones(1), 0
    for ri, ci, ni in zip(r, c, n, strict=True):
        low, high = max(0, ri + ci - ni), min(ri, ci)
        pmf = np.convolve(pmf, hypergeom.pmf(np.arange(low, high + 1), ni, ri, ci))
        start += low
    at = seen - start
    return float(min(1.0, 2 * min(pmf[: at + 1].sum(), pmf[at:].sum())))


def _row_tests(names, tests):
    adjusted = holm([test.p for test in tests])
    return tuple(RowTest(*row) for row in zip(names, tests, map(float, adjusted), strict=True))

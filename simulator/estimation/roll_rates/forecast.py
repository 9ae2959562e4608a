"""The fan: forecasts of a book from a roll matrix; the doubt from accounts, common factor and parameters apart.

A forecast is made of draws. In each, month by month, the accounts of a row are dealt over states by a multinomial,
whose probabilities are those of the matrix, moved by the month's factor z as in `simulator.lowering.roll_rates`. A row
is a state, or a state with what is remembered of the accounts in it (`rows.py`), and a move leads to the next row.
Three sources of uncertainty are added one to the other, on the same random numbers:

1. accounts: matrix and correlation as estimated, no factor;
2. factor: a shift of each state in each month, shared by all groups (`shifts.py`). They go on from where the window's
   months stood, AR(1)s with the persistence at its posterior median, correlated with each other; without estimated
   shifts there is one for all states, z ~ N(0, 1), and months are independent. Where counts of a row vary more around
   its shift than sampling variation explains (`Correlation.dispersion` above 1), the row is also drawn anew in each
   month, from a Dirichlet that varies as much;
3. parameters: the matrix from its Dirichlet posterior (counts divided by the dispersion), correlation and persistence
   from their own posterior, and the level of the matrix. A window of k months had k values of z, of which only the
   differences are seen: their mean, which the pooled matrix stands for, is not known (independent: N(0, 1 / k)). For
   few months this is most of the doubt about the matrix, and no number of accounts removes it.

The shift of a month is against that mean. What is doubted about it moves the matrix in probit and leaves the mean over
draws as it is.

The same for the balance: what an account keeps of it (`balances.py`), and a level beside that by its move; a growth of
all balances together that is drawn anew each month; and doubt about the mean and spread of that growth, which few
months hardly tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv, gammaincinv

from simulator.estimation import random_numbers
from simulator.estimation.panels.panel import Panel, PanelState
from simulator.estimation.roll_rates.balances import kept_shares
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.factor import Factor
from simulator.estimation.roll_rates.rows import BookRows, book_rows
from simulator.estimation.roll_rates.shifts import Shifts, shifts_ahead
from simulator.estimation.shrinkage import strength
from simulator.lowering.roll_rates import worse_than

SOURCES = ("accounts", "accounts and factor", "accounts, factor and parameters")
DRAWS = 1000
GROWTH_PRIOR = (4.0, 0.02)  # degrees of freedom, sd of a month's common growth of balances; source: assumption
QUANTILE_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
TINY = 1e-300


class Correlation(NamedTuple):
    """The factor correlation: its value, and its posterior as equally likely values in rising order."""

    value: float
    quantiles: np.ndarray  # float64[k]
    source: str
    dispersion: np.ndarray | None = None  # float64[group, cell], of monthly counts around the factor; None: all 1
    shifts: Shifts | None = None  # that the months ahead go on from; None: one factor, and months are independent


def prior_correlation(panel: Panel | None = None) -> Correlation:
    """Return the correlation as believed without any data: Beta(2, 48), of mean 0.04.

    Source: 0.04 is the capital-rule correlation of qualifying revolving retail (CRR art. 154); its spread is an
    assumption. `panel` is not looked at.
    """
    values = betaincinv(2.0, 48.0, (np.arange(100) + 0.5) / 100)
    return Correlation(0.04, values, "prior Beta(2, 48), centred at the 0.04 of CRR art. 154")


def posterior_correlation(factor: Factor, cells: int, shifts: Shifts | None = None) -> Correlation:
    """Return the correlation of an estimated factor, the `shifts` that go on, and the dispersion of rows around them.

    `cells` are those of a group: its open states, and more if it remembers. The posterior is 100 equally likely values.
    """
    dispersion = shifts.dispersion if shifts else factor.evidence.row_dispersion.reshape(-1, cells)
    if not factor.months:
        return prior_correlation()._replace(dispersion=dispersion)
    share = np.cumsum(factor.weights.sum(axis=0))
    values = np.interp((np.arange(100) + 0.5) / 100, share / share[-1], factor.rho)
    return Correlation(factor.posterior.value, values, f"posterior of {len(factor.months)} months", dispersion, shifts)


@dataclass(frozen=True)
class FitWindow:
    """What a fan needs of the months it is fitted on; groups are the products and segments of the panel."""

    states: tuple[PanelState, ...]
    n_pairs: int
    end: int  # place of the last month among the panel's
    moves: np.ndarray  # int64[group, open state, state], all pairs together
    rows: BookRows  # that accounts move by, and how many of them are in each in the last month
    balance: np.ndarray  # float64[group, row], of those accounts, minor units; NaN where the tape has none
    kept: np.ndarray  # float64[group, open state], what an account keeps of its balance
    change: np.ndarray  # float64[group, open state, state], mean balance by move beyond what is kept
    change_sd: np.ndarray  # float64[group, open state, state]
    growth: np.ndarray  # float64[pair], log of closing over opening balance of accounts open in both months

    @property
    def has_balance(self) -> bool:
        """Whether the balance can be forecast: the tape has it, in the last month for all open accounts."""
        return bool(np.isfinite(self.balance).all()) and len(self.growth) > 0


def window(panel: Panel, remembered: dict[str, Remembered] | None = None) -> FitWindow:
    """Return the window of a panel: all its pairs of months, and the book at its end, with what it remembers."""
    groups, pairs = list(panel.groups()), list(panel.pairs())
    n_open, n = len(panel.open_states), len(panel.states)
    moves = np.zeros((len(groups), n_open, n), dtype=np.int64)
    sums = np.zeros((3, len(groups), n_open, n))  # accounts with balances, sum and sum of squares of their changes
    totals = np.zeros((len(pairs), 2))
    kept = np.array([kept_shares(panel, group.accounts) for group in groups]).reshape(len(groups), n_open)
    for g, group in enumerate(groups):
        for k, pair in enumerate(pairs):
            moves[g] += panel.moves(pair, group.accounts)
            before, after = panel.state[group.accounts, pair.first], panel.state[group.accounts, pair.second]
            opening, closing = (panel.balance[group.accounts, m] for m in pair)
            there = (before >= 0) & (before < n_open) & (after >= 0) & (after < n_open)
            there &= np.isfinite(opening) & np.isfinite(closing)
            change = closing[there] - kept[g][before[there]] * opening[there]
            cell = before[there].astype(np.int64) * n + after[there]
            for power in range(3):
                sums[power, g] += np.bincount(cell, change**power, minlength=n_open * n).reshape(n_open, n)
            totals[k] += opening[there].sum(), closing[there].sum()
    rows, places = book_rows(panel, remembered or {})
    balance = np.zeros(rows.start.shape)
    for g, (group, row) in enumerate(zip(groups, places, strict=True)):
        is_open = row >= 0
        balance[g] = np.bincount(
            row[is_open], panel.balance[group.accounts, -1][is_open], minlength=rows.start.shape[1]
        )
    known, row = sums[0], sums[:, :, :, :n_open].sum(axis=3, keepdims=True)
    row_mean = row[1] / np.maximum(row[0], 1)
    mean = np.where(known > 0, sums[1] / np.maximum(known, 1), row_mean)  # a move not seen: as others from that state
    variance = np.maximum(sums[2] / np.maximum(known, 1) - mean**2, 0)
    growth = np.array([np.log(b / a) for a, b in totals if a > 0 and b > 0])
    end = len(panel.months) - 1
    return FitWindow(panel.states, len(pairs), end, moves, rows, balance, kept, mean, np.sqrt(variance), growth)


@dataclass(frozen=True)
class Fan:
    """Draws of the accounts that were open at the start: where they stand at the end of each month."""

    states: tuple[PanelState, ...]
    months: tuple[str, ...]
    accounts: np.ndarray  # int64[source, draw, month, state], in the order of SOURCES
    balance: np.ndarray | None  # float64[source, draw, month], open balance in minor units
    correlation: Correlation

    def measures(self) -> dict[str, np.ndarray]:
        """Return {measure: float64[source, draw, month]}: 30+ and 90+ of the open accounts, states, open balance."""
        found = shares(self.accounts, self.states)
        return found if self.balance is None else {**found, "balance": self.balance}


def shares(accounts: np.ndarray, states: tuple[PanelState, ...]) -> dict[str, np.ndarray]:
    """Return {measure: float64[...]} of accounts[..., state]: shares of the open accounts, by state of all accounts."""
    late = {days: np.array([state.is_late(days // 30) for state in states]) for days in (30, 90)}
    is_open = np.array([not state.is_exit for state in states])
    with np.errstate(invalid="ignore", divide="ignore"):
        n_open = accounts[..., is_open].sum(axis=-1)
        found = {f"dpd{days}_share": accounts[..., s].sum(axis=-1) / n_open for days, s in late.items()}
        by_state = accounts / accounts.sum(axis=-1, keepdims=True)
    return found | {f"state {state.name}": by_state[..., s] for s, state in enumerate(states)}


def posterior(moves: np.ndarray) -> np.ndarray:
    """Return float64[group, open state, state]: Dirichlet parameters of the rows of each group.

    One account's worth of prior, spread evenly (W. Perks, Some observations on inverse probability, 1947). With several
    groups a group's rows lean on those of all together, by the number of accounts with the largest marginal likelihood.
    """
    n = moves.shape[-1]
    if len(moves) == 1:
        return moves + 1 / n
    together = moves.sum(axis=0) + 1 / n
    together = np.broadcast_to(together / together.sum(axis=-1, keepdims=True), moves.shape).reshape(-1, n)
    rows = moves.reshape(-1, n)
    return (rows + strength(rows, together) * together).reshape(moves.shape)


def fan(
    fitted: FitWindow,
    months: Sequence[str],
    correlation: Correlation,
    draws: int = DRAWS,
    seed: int = 0,
    sources=SOURCES,
) -> Fan:
    """Return the fan of the window's closing book over the following `months`; `sources` are a part of SOURCES."""
    of_cells = fitted.rows.leaning + 1 / len(fitted.states)
    alpha = np.concatenate([posterior(fitted.moves), of_cells], axis=1)
    runs = [_run(fitted, alpha, len(months), correlation, draws, seed, SOURCES.index(source)) for source in sources]
    balance = np.stack([run[1] for run in runs]) if fitted.has_balance else None
    return Fan(fitted.states, tuple(months), np.stack([run[0] for run in runs]), balance, correlation)


def _run(fitted, alpha, months, correlation, draws, seed, source):
    """Return (accounts int64[draw, month, state], balance float64[draw, month] or None), sources up to `source`."""
    book, (groups, n_open, n) = fitted.rows, fitted.moves.shape
    group, rows = np.arange(groups)[:, None], book.state.shape[1]
    matrix = (alpha / alpha.sum(axis=-1, keepdims=True))[None]
    if source and correlation.dispersion is not None:
        seen = np.concatenate([fitted.moves, book.leaning], axis=1).sum(axis=-1)
        size = size_of(seen / max(fitted.n_pairs, 1), correlation.dispersion)
        luck = random_numbers.uniforms(seed, random_numbers.ROWS, draws, months, groups, n_open, n)
        row_luck = luck[:, :, group, book.cell_state]  # cells of a state move together
        alpha = alpha / correlation.dispersion[..., None]  # so many accounts say as little
    if source == 2:
        matrix = dirichlet(alpha, random_numbers.uniforms(seed, random_numbers.MATRIX, draws, *alpha.shape))
    if source:
        by_mover = _shifts(fitted, correlation, months, draws, seed, with_doubt=source == 2)
        mover = correlation.shifts.mover if correlation.shifts else np.zeros(n_open, dtype=np.int64)
        shift, variance = (x[:, :, mover[book.cell_state], None] for x in by_mover)  # [draw, month, group, cell, 1]
        # With this correlation `moved` is N(c sqrt(1 + variance) - shift): over shifts of mean 0 the mean stays N(c).
        rho = variance / (1 + variance)
        z = np.divide(shift, np.sqrt(variance), out=np.zeros(shift.shape), where=variance > 0)
    uniform = random_numbers.uniforms(seed, random_numbers.MOVES, draws, months, groups, rows, n - 1)
    here = np.broadcast_to(book.start, (draws, groups, rows))
    gone = np.zeros((draws, n - n_open), dtype=np.int64)
    accounts, moves = np.empty((draws, months, n), dtype=np.int64), []
    for m in range(months):
        chance = moved(matrix, rho[:, m], z[:, m], fitted.states) if source else matrix
        chance = np.broadcast_to(chance, (draws, *alpha.shape))
        if source and correlation.dispersion is not None:
            chance = on_their_own(chance, size, row_luck[:, m])
        move = multinomial(here, chance[:, group, book.cell], uniform[:, m])
        moves.append(move[..., :n_open])
        here = arrivals(moves[-1], book)
        gone = gone + move[..., n_open:].sum(axis=(1, 2))
        accounts[:, m] = np.concatenate([moves[-1].sum(axis=(1, 2)), gone], axis=1)
    return accounts, _balance(fitted, moves, draws, seed, source) if fitted.has_balance else None


def _shifts(fitted, correlation, months, draws, seed, with_doubt):
    """Return (shift, variance), each float64[draw, month, mover]: of months ahead, against the mean of the window's.

    `with_doubt` correlations, persistence and the stand of the window's months are drawn too.
    """
    shifts, pick = correlation.shifts, random_numbers.uniforms(seed, random_numbers.CORRELATION, draws)
    movers = len(shifts.evidence) if shifts else 1
    news = random_numbers.normals(seed, random_numbers.FACTOR, draws, months, movers)
    if shifts is not None:
        ahead = fitted.end + 1 + np.arange(months) - shifts.at[-1]
        if with_doubt:
            past = random_numbers.normals(seed, random_numbers.MEAN_FACTOR, draws, movers * len(shifts.at))
            return shifts_ahead(shifts, ahead, shifts.drawn(pick), news, past)
        return shifts_ahead(shifts, ahead, shifts.likeliest(draws), news)
    rho, level, doubt = correlation.value, 0.0, 0.0
    if with_doubt:
        rho = np.asarray(correlation.quantiles)[(pick * len(correlation.quantiles)).astype(np.int64)][:, None, None]
        doubt = 1 / max(fitted.n_pairs, 1)
        level = np.sqrt(doubt) * random_numbers.normals(seed, random_numbers.MEAN_FACTOR, draws)[:, None, None]
    odds = rho / (1 - rho)
    return np.sqrt(odds) * (news + level), np.broadcast_to(odds * (1 + doubt), news.shape)


def _balance(fitted, moves, draws, seed, source):
    """Return float64[draw, month], the open balance after `moves`, of each month int64[draw, group, row, to].

    An account keeps a part of the mean balance of its row, has beside it what accounts with its move had, and all grow
    together.
    """
    book, n_open, (groups, rows) = fitted.rows, fitted.moves.shape[1], fitted.rows.start.shape
    spread, drift = _growth(fitted, draws, seed, source)
    shock = random_numbers.normals(seed, random_numbers.BALANCE, draws, len(moves), 1 + groups * rows * n_open)
    kept = fitted.kept[np.arange(groups)[:, None], book.state][..., None]
    change, sd = (x[np.arange(groups)[:, None], book.state, :n_open] for x in (fitted.change, fitted.change_sd))
    owed = np.broadcast_to(fitted.balance, (draws, groups, rows))
    here = np.broadcast_to(book.start, (draws, groups, rows))
    total = np.empty((draws, len(moves)))
    for m, to in enumerate(moves):
        each = owed / np.maximum(here, 1)
        noise = shock[:, m, 1:].reshape(draws, groups, rows, n_open)
        amounts = to * (kept * each[..., None] + change) + np.sqrt(to) * sd * noise
        owed = arrivals(amounts, book) * np.exp(drift + spread * shock[:, m, 0])[:, None, None]
        here = arrivals(to, book)
        total[:, m] = owed.sum(axis=(1, 2))
    return total


def arrivals(moved_to: np.ndarray, book: BookRows) -> np.ndarray:
    """Return [draw, group, row]: what `moved_to`, [draw, group, row, open state], brings to each row a month later."""
    found = np.zeros(moved_to.shape[:-1], dtype=moved_to.dtype)
    for g, row, to in np.ndindex(book.after.shape):
        found[:, g, book.after[g, row, to]] += moved_to[:, g, row, to]
    return found


def _growth(fitted, draws, seed, source):
    """Return (sd, drift), each float64[draw]: of the monthly growth that all balances share, in logs.

    The variance has a scaled inverse chi-square posterior under GROWTH_PRIOR, the mean of k months an error of
    sd / sqrt(k).
    """
    if source == 0 or not len(fitted.growth):
        return np.zeros(draws), np.zeros(draws)
    k = len(fitted.growth)
    degrees, sd = GROWTH_PRIOR
    freedom = degrees + k - 1
    variance = (degrees * sd**2 + ((fitted.growth - fitted.growth.mean()) ** 2).sum()) / freedom
    if source == 1:
        return np.full(draws, np.sqrt(variance)), np.zeros(draws)
    chi_square = 2 * gammaincinv(freedom / 2, random_numbers.uniforms(seed, random_numbers.SPREAD, draws))
    spread = np.sqrt(variance * freedom / chi_square)
    return spread, spread / np.sqrt(k) * random_numbers.normals(seed, random_numbers.SPREAD, draws, 2)[:, 1]


def moved(matrix: np.ndarray, correlation, z, states: tuple[PanelState, ...]) -> np.ndarray:
    """Return float64[..., from, to]: the probabilities of mean `matrix` given the factor z, good when high."""
    order = sorted(range(len(states)), key=lambda s: states[s].bucket != "paid_off")
    worse = worse_than(matrix[..., order], correlation, z)
    return -np.diff(worse, axis=-1, prepend=1.0)[..., np.argsort(order)]


def multinomial(n: np.ndarray, chance: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return int64[..., k]: n[...] accounts dealt over k states with chance[..., k]; uniform[..., k - 1] decides.

    State by state: a binomial of who is left, by its inverse distribution function.
    """
    from scipy.stats import binom  # heavy to import

    found = np.zeros(chance.shape, dtype=np.int64)
    left, mass = n.astype(np.int64), np.ones(n.shape)
    for j in range(chance.shape[-1] - 1):
        share = np.clip(np.divide(chance[..., j], mass, out=np.ones(n.shape), where=mass > 0), 0, 1)
        some = (left > 0) & (share > 0)
        found[..., j][some] = binom.ppf(uniform[..., j][some], left[some], share[some])
        left = left - found[..., j]
        mass = mass - chance[..., j]
    found[..., -1] = left
    return found


def size_of(n: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """Return float64[...], the size A of a Dirichlet that makes counts of n accounts vary by `dispersion`; inf for 1.

    Counts given a Dirichlet row have (n + A) / (1 + A) times the multinomial's variance.
    """
    beyond = np.maximum(dispersion - 1, 0)
    return np.divide(np.maximum(n - dispersion, 1), beyond, out=np.full(np.shape(n), np.inf), where=beyond > 0)


def dirichlet(alpha: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return float64[..., k], a draw of the Dirichlet with parameters alpha[..., k]; uniform[..., k] decides.

    Gammas over their sum; the mean where all of them are too small for a number.
    """
    drawn = gammaincinv(np.maximum(alpha, TINY), uniform)
    total = drawn.sum(axis=-1, keepdims=True)
    return np.where(total > 0, drawn / np.maximum(total, TINY), alpha / alpha.sum(axis=-1, keepdims=True))


def on_their_own(chance: np.ndarray, size: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return `chance`, float64[draw, group, from, to], with each row drawn from a Dirichlet of mean chance.

    size: float64[group, from]; where it is inf the row stays.
    """
    rows, found = np.isfinite(size), chance.copy()
    found[:, rows] = dirichlet(size[rows][:, None] * chance[:, rows], uniform[:, rows])
    return found

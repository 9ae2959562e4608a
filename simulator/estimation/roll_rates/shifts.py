"""The monthly shifts of a panel by state, and where they stand in the months after it: the factor of the fan.

In a month all rows of a state (its cells, its segments) are shifted together in probit, as by the factor of
`factor.py`; but each state by a shift of its own, since books move so. States of few accounts share one. The shifts of
a month are normal with the same correlation between any two, and each is an AR(1) over months; correlated at 1 they are
one factor.
What the counts say of a state's shifts is summed up as there, thresholds integrated out, and correlation, persistence
and size are put on a grid: the marginal likelihood is in closed form.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.factor import GRID, Prior, ShiftLikelihood, best_first, by_cell, summarise
from simulator.estimation.roll_rates.rows import book_rows, fine_counts

ENOUGH = 300  # accounts a month from which a state has a shift of its own; assumption
TIES = np.array([0.0, 0.25, 0.5, 0.75, 0.9, 1.0])  # correlations between shifts of a month that are tried
TIED = 0.5  # prior weight of 1, the one factor of a scenario; the others share the rest evenly; assumption


class Believed(NamedTuple):
    """What shifts are like, float64[draw] each."""

    tie: np.ndarray  # correlation between those of a month
    persistence: np.ndarray  # correlation of one with itself a month later
    rho: np.ndarray  # size: the correlation of accounts that a shift makes


@dataclass(frozen=True)
class Shifts:
    """What a panel tells of its monthly shifts."""

    mover: np.ndarray  # int64[open state]: number of the shift that moves it
    at: np.ndarray  # int64[month]: places of the months in time
    evidence: tuple[ShiftLikelihood, ...]  # of each shift
    weights: np.ndarray  # float64[tie, persistence, rho], posterior, summing to 1
    dispersion: np.ndarray  # float64[group, row of the counts], at least 1: around the shift of its state
    prior: Prior

    def likeliest(self, draws: int) -> Believed:
        """Return the medians of tie, persistence and rho, each whatever the others are, `draws` times."""
        sides = (self.weights.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1)))
        found = self._at(*(int(np.searchsorted(np.cumsum(side), side.sum() / 2)) for side in sides))
        return Believed(*(np.full(draws, value) for value in found))

    def drawn(self, uniform: np.ndarray) -> Believed:
        """Return tie, persistence and rho drawn together from their posterior; `uniform`, float64[draw], decides."""
        share = np.cumsum(self.weights)
        cell = np.minimum(np.searchsorted(share / share[-1], uniform), share.size - 1)
        return self._at(*np.unravel_index(cell, self.weights.shape))

    def _at(self, tie, persistence, rho) -> Believed:
        return Believed(TIES[tie], self.prior.persistences[persistence], GRID[rho] ** 2)


def panel_shifts(panel: Panel, remembered: dict[str, Remembered], cells: int) -> Shifts:
    """Return the shifts of `panel`, whose accounts move by what is `remembered`; a group has so many `cells`.

    The dispersion is by cell.
    """
    counts, cell = fine_counts(panel, remembered)
    counts = counts[..., best_first(panel.states)]
    state = np.take_along_axis(book_rows(panel, remembered)[0].cell_state, cell, axis=1)
    found = estimate_shifts(counts, state, np.array([pair.second for pair in panel.pairs()]))
    return replace(found, dispersion=by_cell(found.dispersion, counts, cell, cells))


def estimate_shifts(counts: np.ndarray, state: np.ndarray, at: np.ndarray, prior: Prior | None = None) -> Shifts:
    """Return the shifts behind `counts`, int64[month, group, row, destination], destinations from best to worst.

    `state`, int64[group, row], is the open state of each row, and `at` are the months' places in time.
    """
    prior = prior or Prior()
    accounts = np.bincount(state.ravel(), counts.sum(axis=(0, 3)).ravel())
    large = accounts >= ENOUGH * len(at)
    mover = np.unique(np.where(large, np.cumsum(large), 0), return_inverse=True)[1]
    dispersion, evidence = np.ones(state.shape), []
    for k in range(int(mover.max()) + 1):
        own = mover[state] == k
        evidence.append(summarise(counts[:, own]))
        dispersion[own] = evidence[-1].row_dispersion
    of_tie = np.where(TIES < 1, (1 - TIED) / (len(TIES) - 1), TIED) if len(evidence) > 1 else TIES == 1
    weights = np.full((len(TIES), len(prior.persistences), len(GRID)), -np.inf)
    odds = (GRID**2 / (1 - GRID**2))[:, None]
    for t, p in np.argwhere(np.repeat(of_tie[:, None] > 0, weights.shape[1], axis=1)).tolist():
        spectrum = _spectrum(evidence, at, TIES[t], prior.persistences[p])
        grown = 1 + odds * spectrum.strength
        weights[t, p] = np.sum(odds * spectrum.pull**2 / grown - np.log(grown), axis=1) / 2
    of_rho = np.exp(prior.log_density(GRID**2)) * GRID  # d rho = 2 sqrt(rho) d sqrt(rho)
    weights = np.exp(weights - weights.max()) * of_rho * of_tie[:, None, None]
    return Shifts(mover, np.asarray(at), tuple(evidence), weights / weights.sum(), dispersion, prior)


def shifts_ahead(
    shifts: Shifts, ahead: np.ndarray, believed: Believed, news: np.ndarray, past: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (shift, variance), float64[draw, month, mover] each: where months stand that are `ahead` of the last.

    A shift is against the mean of the months of the panel, which is what a matrix of all of them stands for; it is
    drawn from what the counts say of those months and the AR(1) says of the next. `ahead` is int64[month], rising;
    `news`, float64[draw, month, mover], and `past`, float64[draw, mover x month of the panel], are standard normal;
    without `past` the panel's months are where they most likely were. `variance` is that of the draws at what is
    `believed`.
    """
    movers, months = len(shifts.evidence), len(shifts.at)
    shift, variance = np.empty(news.shape), np.empty(news.shape)
    step = np.diff(ahead, prepend=0)
    for tie, phi in sorted(set(zip(believed.tie.tolist(), believed.persistence.tolist(), strict=True))):
        own = np.flatnonzero((believed.tie == tie) & (believed.persistence == phi))
        spectrum = _spectrum(shifts.evidence, shifts.at, tie, phi)
        odds = (believed.rho[own] / (1 - believed.rho[own]))[:, None]
        grown = 1 + odds * spectrum.strength
        y = np.sqrt(odds) * spectrum.pull / grown
        directions = spectrum.directions.reshape(movers, months, -1)
        carried = phi ** ahead[:, None, None] * directions[:, -1] - directions.mean(axis=1)  # [month, mover, direction]
        root = _root(movers, tie)
        fresh = np.zeros((len(own), len(ahead), movers))
        for m in range(len(ahead)):
            before = fresh[:, m - 1] if m else 0.0
            fresh[:, m] = phi ** step[m] * before + np.sqrt(1 - phi ** (2 * step[m])) * news[own, m] @ root.T
        variance[own] = odds[..., None] * (1 - phi ** (2 * ahead))[:, None]
        if past is not None:
            y = y + past[own] / np.sqrt(grown)
            variance[own] += odds[..., None] * np.einsum("di,mki->dmk", 1 / grown, carried**2)
        shift[own] = np.sqrt(odds)[..., None] * (np.einsum("di,mki->dmk", y, carried) + fresh)
    return shift, variance


class _Spectrum(NamedTuple):
    """The evidence along directions in which prior and likelihood are both independent."""

    directions: np.ndarray  # float64[mover x month, direction]: z = directions y, y standard normal before the data
    strength: np.ndarray  # float64[direction]
    pull: np.ndarray  # float64[direction]


def _spectrum(evidence, at, tie, persistence):
    """Return the _Spectrum of the movers' evidence at one correlation between them and one persistence."""
    months, movers = len(at), len(evidence)
    in_time = np.linalg.cholesky(persistence ** np.abs(at[:, None] - at[None, :]))
    between = _root(movers, tie)
    root = np.kron(between, in_time)
    turned = np.array([in_time.T @ of.precision @ in_time for of in evidence])  # [mover, month, month]
    precision = np.einsum("ka,kst,kb->asbt", between, turned, between).reshape(movers * months, -1)
    pull = np.einsum("ka,ks->as", between, np.array([in_time.T @ of.pull for of in evidence])).reshape(-1)
    strength, vectors = np.linalg.eigh(precision)
    return _Spectrum(root @ vectors, np.maximum(strength, 0), vectors.T @ pull)


def _root(movers: int, tie: float) -> np.ndarray:
    """Return the symmetric square root of the movers' correlation, float64[mover, mover]."""
    own = np.sqrt(1 - tie)
    return own * np.eye(movers) + (np.sqrt(1 + tie * (movers - 1)) - own) / movers

"""The common factor of monthly roll matrices: its correlation rho, and where it stood in each month.

The model is that of `simulator.lowering.roll_rates`: given z, good when high, the probability to end a month worse
than state j is N((c_j - sqrt(rho) z) / sqrt(1 - rho)). With a_j = c_j / sqrt(1 - rho) and the month's shift
x = z sqrt(rho / (1 - rho)) that is N(a_j - x): a cumulative probit with one shift a month, shared by all rows.

1. Counts are summed up by a quadratic form in the shifts x, with the thresholds a integrated out under a flat prior
   (Laplace). A shift of all x by the same number is undone by a, so only differences between months count: few months
   do not bias rho down, as they would with thresholds plugged in. (Restricted likelihood: Patterson and Thompson
   1971, Biometrika 58; Laplace: Tierney and Kadane 1986, JASA 81.)
2. With x normal, an AR(1) in time, the marginal likelihood of (rho, persistence) is then in closed form, and it is put
   on a grid. Persistence is integrated over its prior in every figure.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betaln, log_ndtr, logsumexp, ndtr, ndtri, xlog1py, xlogy

from simulator.estimation.intervals import LEVEL
from simulator.estimation.panels.panel import Panel, PanelState
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.rows import fine_counts, most_cells

EXPAND_AT = 0.04 / 0.96  # variance of the shifts around which the likelihood is expanded: that of rho 0.04
GRID = np.linspace(0, np.sqrt(0.7), 601)[1:]  # of sqrt(rho); dense where rho is small
COARSE = 5  # neighbours of GRID taken together where a mixture over it is wanted
LEAST_EXPECTED = 1.0  # a destination that any month expects less often is counted with the row's other rare ones
STEPS = 60  # of Newton's method at most; four to eight are usual


@dataclass(frozen=True)
class Prior:
    """What is believed of the factor before the panel: rho is Beta(a, b), persistence uniform from 0 to a bound."""

    a: float = 2.0
    b: float = 48.0  # mean 0.04
    max_persistence: float = 0.95
    source: str = (
        "assumption: centred at 0.04, the capital-rule correlation of qualifying revolving retail (CRR art. 154); the "
        "spread and the range of persistence are judgement"
    )

    def log_density(self, rho: np.ndarray) -> np.ndarray:
        """Return the log density of rho, float64[...]."""
        return xlogy(self.a - 1, rho) + xlog1py(self.b - 1, -rho) - betaln(self.a, self.b)

    @property
    def persistences(self) -> np.ndarray:
        """Midpoints of ten equal parts of the range of persistence."""
        return (np.arange(10) + 0.5) / 10 * self.max_persistence


class ShiftLikelihood(NamedTuple):
    """What the counts say of the monthly shifts x: log likelihood h'x - x'Jx/2 + constant, free of the thresholds."""

    precision: np.ndarray  # J, float64[month, month]; each row sums to 0
    pull: np.ndarray  # h, float64[month]
    dispersion: float  # of the counts around thresholds and shifts: Pearson's statistic over its degrees of freedom
    degrees: int  # those degrees of freedom
    row_dispersion: np.ndarray  # float64[row]: the same by row, at least 1; 1 where the counts cannot tell


class Range(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Factor:
    """The factor's estimate. Likelihood only: `likelihood`; under the prior: `posterior`, `persistence`, `z`."""

    months: tuple[str, ...]  # month in which the factor acted: the second of each pair
    prior: Prior
    likelihood: Range | None  # the largest, and what is within the likelihood ratio's bound; None where nothing is said
    bounded: bool  # whether the likelihood alone gives an upper bound below the grid's end
    posterior: Range  # median and equal tails
    prior_range: Range
    persistence: Range
    z: np.ndarray  # float64[month, 3]: mean, low, high
    evidence: ShiftLikelihood
    at: np.ndarray  # int64[month]: places of the months in time, for what comes after them
    weights: np.ndarray = field(repr=False)  # float64[persistence, rho], posterior, summing to 1
    level: float = LEVEL
    rho: np.ndarray = field(default_factory=lambda: GRID**2, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return what factor.json holds: plain numbers and lists; None where the data say nothing."""
        return {
            "rho": {
                "likelihood": self.likelihood and {**_plain(self.likelihood), "bounded": self.bounded},
                "posterior": _plain(self.posterior),
            },
            "prior": {
                "rho": {"distribution": "beta", "a": self.prior.a, "b": self.prior.b, **_plain(self.prior_range)},
                "persistence": {"distribution": "uniform", "min": 0.0, "max": self.prior.max_persistence},
                "source": self.prior.source,
            },
            "persistence": {"posterior": _plain(self.persistence)},
            "level": self.level,
            "months": len(self.months),
            "dispersion": _number(self.evidence.dispersion),
            "z": [
                {"month": month, **_plain(Range(*map(float, row)))}
                for month, row in zip(self.months, self.z, strict=True)
            ],
        }


def best_first(states: tuple[PanelState, ...]) -> list[int]:
    """Return the numbers of `states` from best to worst: as they stand, but paid off first."""
    return sorted(range(len(states)), key=lambda s: states[s].bucket != "paid_off")


def panel_factor(
    panel: Panel, prior: Prior | None = None, level: float = LEVEL, remembered: dict[str, Remembered] | None = None
) -> Factor:
    """Return the factor of all month pairs of `panel`: one z a month, shared by all products, segments and rows.

    Rows are states, or what they remember, finely divided: else a mix that moves would look like a factor. The
    evidence has a row's dispersion for each state and cell (`rows.cell_counts`).
    """
    order, at = best_first(panel.states), [pair.second for pair in panel.pairs()]
    counts, cell = fine_counts(panel, remembered or {})
    counts = counts[..., order]
    shape = (len(at), counts.shape[1] * counts.shape[2], len(order))
    found = estimate_factor(counts.reshape(shape), at, [panel.months[m] for m in at], prior, level)
    cells = len(panel.open_states) + most_cells(remembered or {})
    by_row = by_cell(found.evidence.row_dispersion.reshape(cell.shape), counts, cell, cells)
    return replace(found, evidence=found.evidence._replace(row_dispersion=by_row.ravel()))


def estimate_factor(
    counts: np.ndarray, at=None, months=None, prior: Prior | None = None, level: float = LEVEL
) -> Factor:
    """Return the factor behind `counts`, int64[month, row, destination], destinations from best to worst.

    `at` are the months' positions in time (consecutive without it) and `months` their names. Rows are any that share
    the factor: states of several segments, say.
    """
    prior = prior or Prior()
    at = np.arange(len(counts)) if at is None else np.asarray(at)
    months = tuple(map(str, at)) if months is None else tuple(months)
    evidence = summarise(counts)
    grid = [_spectrum(evidence, at, phi) for phi in prior.persistences]
    log_likelihood = np.array([_log_marginal(spectrum, GRID**2) for spectrum in grid])  # [persistence, rho]
    # d rho = 2 sqrt(rho) d sqrt(rho)
    prior_weights = np.exp(prior.log_density(GRID**2)) * GRID
    prior_weights /= prior_weights.sum()
    weights = np.exp(log_likelihood - log_likelihood.max()) * prior_weights
    weights /= weights.sum()
    likelihood, bounded = _likelihood_range(log_likelihood, level) if len(at) > 1 else (None, False)
    return Factor(
        months,
        prior,
        likelihood,
        bounded,
        _equal_tails(weights.sum(axis=0), level),
        _equal_tails(prior_weights, level),
        _range_of(np.cumsum(weights.sum(axis=1)), prior.persistences, prior.max_persistence, level),
        _levels(grid, weights, len(at), level),
        evidence,
        at,
        weights,
        level,
    )


def log_evidence(evidence: ShiftLikelihood, at: np.ndarray, prior: Prior) -> float:
    """Return the log marginal likelihood of shifts, rho and persistence averaged over the prior, less that of rho 0."""
    grid = np.array([_log_marginal(_spectrum(evidence, at, phi), GRID**2) for phi in prior.persistences])
    return float(logsumexp(grid, axis=(0, 1), b=np.exp(prior.log_density(GRID**2)) * GRID) - np.log(_mass(prior)))


def _mass(prior):
    return len(prior.persistences) * (np.exp(prior.log_density(GRID**2)) * GRID).sum()


def by_cell(dispersion: np.ndarray, counts: np.ndarray, cell: np.ndarray, cells: int) -> np.ndarray:
    """Return float64[group, cell]: the mean `dispersion`, float64[group, row], of each cell's rows, by their accounts.

    `counts` are int64[month, group, row, destination], `cell` int64[group, row]; 1 where nobody was.
    """
    found, accounts = np.ones((len(cell), cells)), counts.sum(axis=(0, 3))
    for g, of in enumerate(cell):
        n = np.bincount(of, accounts[g], cells)
        np.divide(np.bincount(of, accounts[g] * dispersion[g], cells), n, out=found[g], where=n > 0)
    return found


def summarise(counts: np.ndarray, spread: float = EXPAND_AT) -> ShiftLikelihood:
    """Return what `counts`, int64[month, row, destination], say of the monthly shifts.

    Newton's method finds the thresholds and shifts of the largest likelihood, shifts held near 0 by a normal of
    variance `spread` so that no month runs away; the quadratic form there, less that hold, is the evidence. Where
    counts vary around thresholds and shifts more than sampling variation of accounts explains (Pearson's statistic over
    its degrees of freedom above 1), the evidence is divided by that: rows then move on their own too (quasi-likelihood:
    McCullagh and Nelder 1989, chapter 9).
    """
    counts = np.asarray(counts, dtype=np.float64)
    months = len(counts)
    by_row = np.moveaxis(counts, 1, 0)
    moves = np.flatnonzero((by_row.sum(axis=1) > 0).sum(axis=1) > 1)  # rows with more than one destination
    rows = [row[:, row.sum(axis=0) > 0] for row in by_row[moves]]
    row_dispersion = np.ones(len(by_row))
    if months < 2 or not rows:
        return ShiftLikelihood(np.zeros((months, months)), np.zeros(months), np.nan, 0, row_dispersion)
    thresholds = [_worse(row.sum(axis=0)) for row in rows]
    shifts = np.zeros(months)
    value = _penalised(rows, thresholds, shifts, spread)
    for _ in range(STEPS):
        parts = [_derivatives(row, a, shifts) for row, a in zip(rows, thresholds, strict=True)]
        precision, pull = _profile(parts)
        step = np.linalg.solve(precision + np.eye(months) / spread, pull - shifts / spread)
        steps = [np.linalg.solve(p.aa, p.a - p.ax @ step) for p in parts]
        for halving in range(30):
            part = 0.5**halving
            tried = [a + part * d for a, d in zip(thresholds, steps, strict=True)], shifts + part * step
            if (better := _penalised(rows, *tried, spread)) >= value:
                break
        gain, value = better - value, better
        thresholds, shifts = tried
        if gain < 1e-9 * max(1.0, abs(value)):
            break
    parts = [_derivatives(row, a, shifts) for row, a in zip(rows, thresholds, strict=True)]
    precision, pull = _profile(parts)
    statistic, freedom = np.array([_pearson(row, a, shifts) for row, a in zip(rows, thresholds, strict=True)]).T
    degrees = int(freedom.sum()) - (months - 1)  # the shifts took one less than there are months
    dispersion, scale = np.nan, 1.0
    if degrees > 0:
        dispersion = float(statistic.sum() / degrees)
        scale = max(1.0, dispersion)
        own = freedom * degrees / freedom.sum()
        row_dispersion[moves] = np.maximum(1, np.divide(statistic, own, out=np.ones(len(own)), where=own > 0))
    return ShiftLikelihood(precision / scale, (pull + precision @ shifts) / scale, dispersion, degrees, row_dispersion)


def month_variance(factor: Factor, worse: np.ndarray, months_weights: np.ndarray, at=None) -> np.ndarray:
    """Return float64[row, destination]: variance that the factor gives to the mean over months of each cell.

    worse: float64[row, destination], mean probability to end worse than each destination, the last 0. months_weights:
    float64[row, month], each row summing to 1. The cell is a function of z whose Hermite series gives the covariance
    of two months, of correlation persistence^lag; rho and persistence are averaged over their posterior.
    """
    at = np.arange(months_weights.shape[1]) if at is None else np.asarray(at)
    lag = np.abs(at[:, None] - at[None, :])
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(24)
    node_weights = node_weights / node_weights.sum()
    degree = 8
    hermite = np.polynomial.hermite_e.hermevander(nodes, degree)
    scale = np.sqrt(np.cumprod(np.maximum(np.arange(degree + 1), 1)))  # sqrt(k!)
    powers = factor.prior.persistences[:, None] ** np.arange(1, degree + 1)  # persistence^k
    alike = powers[..., None, None] ** lag  # [persistence, k, month, month]
    spread = np.einsum("rt,pkts,rs->prk", months_weights, alike, months_weights, optimize=True)
    c = ndtri(np.clip(worse, 0, 1))
    total = np.zeros(worse.shape)
    for part in np.arange(len(factor.rho)).reshape(-1, 3 * COARSE):  # rho of neighbours is near enough the same
        weight = factor.weights[:, part].sum(axis=1)
        if weight.sum() < 1e-6:
            continue
        rho = float(np.average(factor.rho[part], weights=factor.weights[:, part].sum(axis=0)))
        beyond = ndtr((c[..., None] - np.sqrt(rho) * nodes) / np.sqrt(1 - rho))  # [row, destination, node]
        cell = np.concatenate([1 - beyond[:, :1], beyond[:, :-1] - beyond[:, 1:]], axis=1)
        coefficients = (cell * node_weights) @ hermite[:, 1:] / scale[1:]  # [row, destination, k]
        total += np.einsum("p,prk,rdk->rd", weight, spread, coefficients**2)
    return total


class _Derivatives(NamedTuple):
    """First derivatives of a row's log likelihood and second ones with the sign turned; a thresholds, x shifts."""

    a: np.ndarray
    x: np.ndarray
    aa: np.ndarray
    ax: np.ndarray
    xx: np.ndarray


def _worse(total):
    """Return the thresholds of a row whose destinations were reached `total` times in all."""
    return ndtri(1 - np.cumsum(total)[:-1] / total.sum())


def _cells(thresholds, shifts):
    """Return (upper, lower, log probability), float64[month, destination]: a cell is N(upper) - N(lower)."""
    edges = thresholds[None, :] - shifts[:, None]
    end = np.full((len(shifts), 1), np.inf)
    upper, lower = np.concatenate([end, edges], axis=1), np.concatenate([edges, -end], axis=1)
    # on the side of the smaller tail nothing cancels
    flip = upper + np.where(np.isinf(lower), 0, lower) > 0
    flip |= np.isinf(upper)
    high, low = np.where(flip, -lower, upper), np.where(flip, -upper, lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_high = log_ndtr(high)
        log_p = log_high + np.log(-np.expm1(np.minimum(log_ndtr(low) - log_high, 0)))
    return upper, lower, log_p


def _penalised(rows, thresholds, shifts, spread):
    """Return the log likelihood less the hold on the shifts; -inf where thresholds are out of order."""
    if any((np.diff(a) >= 0).any() for a in thresholds):
        return -np.inf
    likelihood = sum(float(_log_likelihood(row, _cells(a, shifts)[2])) for row, a in zip(rows, thresholds, strict=True))
    return likelihood - float(shifts @ shifts) / (2 * spread)


def _log_likelihood(counts, log_p):
    return np.sum(counts * log_p, where=counts > 0)


def _derivatives(row, thresholds, shifts):
    """Return the _Derivatives of a row's counts, float64[month, destination]."""
    upper, lower, log_p = _cells(thresholds, shifts)
    with np.errstate(invalid="ignore", over="ignore"):
        up, down = (np.exp(-(u**2) / 2 - log_p) / np.sqrt(2 * np.pi) for u in (upper, lower))  # density over p
        bend_up = np.where(np.isinf(upper), 0, up * upper) + up**2
        bend_down = -np.where(np.isinf(lower), 0, down * lower) + down**2
    g_up, g_down = row * up, -row * down  # by the upper and the lower edge of each cell
    h_uu, h_dd, h_ud = row * bend_up, row * bend_down, -row * up * down
    k = len(thresholds)
    a = g_up[:, 1:].sum(axis=0) + g_down[:, :-1].sum(axis=0)
    aa = np.diag(h_uu[:, 1:].sum(axis=0) + h_dd[:, :-1].sum(axis=0))
    side = h_ud[:, 1:-1].sum(axis=0)
    aa[np.arange(k - 1), np.arange(1, k)] = side
    aa[np.arange(1, k), np.arange(k - 1)] = side
    ax = -(h_uu[:, 1:] + h_ud[:, 1:] + h_dd[:, :-1] + h_ud[:, :-1]).T
    return _Derivatives(a, -(g_up + g_down).sum(axis=1), aa, ax, (h_uu + h_dd + 2 * h_ud).sum(axis=1))


def _profile(parts):
    """Return (J, h): curvature and slope in the shifts, thresholds at their best for each."""
    precision = np.diag(sum(p.xx for p in parts))
    pull = sum(p.x for p in parts)
    for p in parts:
        solved = np.linalg.solve(p.aa, np.column_stack([p.ax, p.a]))
        precision = precision - p.ax.T @ solved[:, :-1]
        pull = pull - p.ax.T @ solved[:, -1]
    return (precision + precision.T) / 2, pull


def _pearson(row, thresholds, shifts):
    """Return Pearson's statistic of a row's counts and its degrees of freedom before those that the shifts take.

    Destinations seldom expected are counted together, and left out where that is still seldom.
    """
    there = row.sum(axis=1) > 0
    seen = row[there]
    expected = seen.sum(axis=1, keepdims=True) * np.exp(_cells(thresholds, shifts[there])[2])
    often = expected.min(axis=0) >= LEAST_EXPECTED
    seen, expected = (np.column_stack([n[:, often], n[:, ~often].sum(axis=1)]) for n in (seen, expected))
    kept = expected.min(axis=0) >= LEAST_EXPECTED
    statistic = ((seen[:, kept] - expected[:, kept]) ** 2 / expected[:, kept]).sum()
    return statistic, (len(seen) - 1) * max(int(kept.sum()) - 1, 0)


class _Spectrum(NamedTuple):
    """The evidence along directions in which prior and likelihood are both independent, at one persistence."""

    directions: np.ndarray  # float64[month, direction]: z = directions y, y standard normal before the data
    strength: np.ndarray  # float64[direction]
    pull: np.ndarray  # float64[direction]


def _spectrum(evidence, at, persistence):
    """Return the _Spectrum of `evidence` for z an AR(1) at the positions `at`."""
    root = np.linalg.cholesky(persistence ** np.abs(at[:, None] - at[None, :])) if len(at) else np.zeros((0, 0))
    strength, vectors = np.linalg.eigh(root.T @ evidence.precision @ root)
    directions = root @ vectors
    return _Spectrum(directions, np.maximum(strength, 0), directions.T @ evidence.pull)


def _log_marginal(spectrum, rho):
    """Return float64[rho]: the log marginal likelihood less that of rho 0."""
    odds = (rho / (1 - rho))[:, None]
    grown = 1 + odds * spectrum.strength
    return np.sum(odds * spectrum.pull**2 / grown - np.log(grown), axis=1) / 2


def _likelihood_range(log_likelihood, level):
    """Return the rho of the largest likelihood with the values that the likelihood ratio keeps; whether bounded.

    Chi-square with one degree of freedom; rho 0, where the log likelihood is 0, counts too.
    """
    line = logsumexp(log_likelihood, axis=0) - np.log(len(log_likelihood))  # persistence over its prior
    rho, line = np.concatenate([[0.0], GRID**2]), np.concatenate([[0.0], line])
    kept = np.flatnonzero(line >= line.max() - ndtri(0.5 + level / 2) ** 2 / 2)
    bounded = bool(kept[-1] < len(rho) - 1)
    return Range(float(rho[line.argmax()]), float(rho[kept[0]]), float(rho[kept[-1]])), bounded


def _equal_tails(weights, level):
    """Return median and equal tails of rho under `weights` over GRID."""
    edges = np.concatenate([[GRID[0] / 2], (GRID[1:] + GRID[:-1]) / 2, [GRID[-1]]])
    cdf = np.concatenate([[0], np.cumsum(weights)])
    low, mid, high = np.interp([(1 - level) / 2, 0.5, (1 + level) / 2], cdf, edges) ** 2
    return Range(float(mid), float(low), float(high))


def _range_of(cdf, values, top, level):
    """Return median and equal tails of what has `cdf` at the upper ends of equal parts from 0 to `top`."""
    edges = np.linspace(0, top, len(values) + 1)
    low, mid, high = np.interp([(1 - level) / 2, 0.5, (1 + level) / 2], np.concatenate([[0], cdf]), edges)
    return Range(float(mid), float(low), float(high))


def _levels(grid, weights, months, level):
    """Return float64[month, 3]: mean, low and high of z over the posterior, a mixture of normals."""
    odds = GRID[COARSE // 2 :: COARSE, None] ** 2
    odds = odds / (1 - odds)
    means, variances = [], []
    for spectrum in grid:
        grown = 1 + odds * spectrum.strength
        means.append((np.sqrt(odds) * spectrum.pull / grown) @ spectrum.directions.T)
        variances.append((1 / grown) @ (spectrum.directions**2).T)
    weight = weights.reshape(len(grid), -1, COARSE).sum(axis=2).reshape(-1)
    matters = weight > 1e-6
    weight = weight[matters] / weight[matters].sum()
    means, sds = (np.reshape(m, (len(matters), months))[matters] for m in (means, np.sqrt(variances)))
    ends = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        low, high = np.full(months, -8.0), np.full(months, 8.0)
        for _ in range(20):  # halvings of 16 standard deviations
            middle = (low + high) / 2
            below = weight @ ndtr((middle - means) / sds) < tail
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        ends.append((low + high) / 2)
    return np.column_stack([weight @ means, *ends])


def _plain(found):
    return {name: _number(value) for name, value in zip(found._fields, found, strict=True)}


def _number(value):
    return float(value) if np.isfinite(value) else None

"""A share by due and segment as a smooth curve: a binomial logit with penalised splines, its penalty by REML.

The log-odds are a cubic spline in the square root of the due, so that it may bend more where loans are young; a shift
of the first due, which has causes of its own; a shift of each segment; and, where REML asks for it, a smooth deviation
of each segment from the common curve. Every penalty is a normal prior on columns that are independent in it, so the
precision is diagonal. Sources: Eilers and Marx (1996), "Flexible smoothing with B-splines and penalties", Statistical
Science 11(2); Wood (2011), "Fast stable restricted maximum likelihood", JRSS B 73(1); docs/decisions.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import expit, logit

from simulator.estimation.random_numbers import normals

PIECES = 10  # equal intervals of the spline: what penalties make of more is the same
SMOOTHING = np.exp(np.arange(-4.0, 13.5))  # penalties that are tried, of second differences
ALIKE = np.exp(np.arange(7.0, -2.0, -2.0))  # the same of first differences of a segment's deviation, from none on
GAIN = 2.0  # of the log of REML for which segments get curves of their own: assumption
SHIFT = 1.0  # sd of a shift in log-odds, of a segment and of the first due: assumption, wide beside that of grades
VAGUE = 10.0  # sd of level and slope
STEPS, CLOSE = 100, 1e-6  # of Newton's method; log-odds
LONGEST = 3.0  # step of any column


class Curve(NamedTuple):
    """A fitted curve: shares by segment and due, and the normal posterior of its log-odds."""

    share: np.ndarray  # float64[segment, due]
    design: np.ndarray  # float64[segment, due, column]
    mean: np.ndarray  # float64[column]
    factor: np.ndarray  # float64[column, column], lower Cholesky factor of the posterior's precision
    offset: float  # log-odds of all
    penalty: float  # of second differences
    deviation: float  # penalty of a segment's own curve, infinite if all have the common one
    gain: float  # of the log of REML by curves of their own, whether they were taken or not

    def draws(self, seed: int, purpose: int, draws: int) -> np.ndarray:
        """Return float64[draw, segment, due]: shares drawn from the posterior, penalties held."""
        z = normals(seed, purpose, draws, len(self.mean))
        columns = self.mean + solve_triangular(self.factor, z.T, lower=True, trans="T").T
        return expit(self.offset + np.einsum("sdc,nc->nsd", self.design, columns))


class _Columns(NamedTuple):
    """Columns of the design and the precision of each one's prior."""

    design: np.ndarray  # float64[segment, due, column]
    precision: np.ndarray  # float64[column]


def fit_curve(n, k, first: int = 1) -> Curve:
    """Return the curve of shares `k` / `n`, int64[segment, due], whose first column is due `first`.

    Cells of nobody tell nothing; without any event the level is that of half an event.
    """
    n, k = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    offset = float(logit((k.sum() + 0.5) / (n.sum() + 1)))
    segments, dues = n.shape
    start = None
    common = []
    for penalty in SMOOTHING[::-1]:
        found = _posterior(n, k, offset, _columns(segments, dues, penalty, np.inf), start)
        start = found[0]
        common.append((found, float(penalty)))
    best, penalty = max(common, key=lambda each: each[0][2])
    own, deviation = best, np.inf
    for alike in ALIKE if len(n) > 1 else ():
        columns = _columns(segments, dues, penalty, alike)
        begin = np.concatenate([best[0], np.zeros(len(columns.precision) - len(best[0]))])
        found = _posterior(n, k, offset, columns, begin)
        if found[2] > own[2] or deviation == np.inf:
            own, deviation = found, float(alike)
    gain = own[2] - best[2]
    if gain <= GAIN:
        own, deviation = best, np.inf
    mean, factor, _ = own
    design = _columns(segments, dues, penalty, deviation).design
    return Curve(expit(offset + design @ mean), design, mean, factor, offset, penalty, deviation, float(gain))


def _columns(segments: int, dues: int, penalty: float, deviation: float) -> _Columns:
    """Return the columns at these penalties; at an infinite `deviation` no segment has a curve of its own."""
    splines = _splines(dues)
    level = np.arange(splines.shape[1], dtype=np.float64)
    straight = np.stack([np.ones_like(level), (level - level.mean()) / len(level)], axis=1)
    # Coefficients are a straight line and what has the second differences z: then the penalty is on z alone.
    bent = np.linalg.pinv(np.diff(np.eye(len(level)), 2, axis=0))
    shared = splines @ np.concatenate([straight, bent], axis=1)
    first = np.zeros((dues, 1))
    first[0] = 1
    common = np.concatenate([shared, first], axis=1)
    shift = np.eye(segments)[:, None, :].repeat(dues, axis=1)
    parts = [np.broadcast_to(common, (segments, *common.shape)), shift]
    precision = [VAGUE**-2, VAGUE**-2, *[penalty] * bent.shape[1], SHIFT**-2, *[SHIFT**-2] * segments]
    if deviation < np.inf:
        steps = splines @ np.linalg.pinv(np.diff(np.eye(len(level)), axis=0))
        steps -= steps.mean(axis=0)
        own = (np.eye(segments)[:, None, :, None] * steps[None, :, None, :]).reshape(segments, dues, -1)
        parts.append(own)
        precision += [deviation] * own.shape[2]
    return _Columns(np.concatenate(parts, axis=2), np.array(precision))


def _splines(dues: int) -> np.ndarray:
    """Return float64[due, spline]: cubic B-splines in the root of the due; the first stands where the second does."""
    place = np.sqrt(np.maximum(np.arange(1.0, dues + 1), min(2, dues)))
    step = max(place[-1] - place[0], 1.0) / PIECES
    knots = place[0] + step * np.arange(-3, PIECES + 4)
    return BSpline(knots, np.eye(PIECES + 3), 3)(place)


def _posterior(n, k, offset, columns: _Columns, start) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the mode of the columns, the Cholesky factor of the precision there, and the log of REML (Laplace)."""
    there = n > 0
    design, precision = columns.design[there], columns.precision
    n, k = n[there], k[there]
    mean = np.zeros(len(precision)) if start is None else start
    for _ in range(STEPS):
        share = expit(offset + design @ mean)
        information = (design.T * (n * share * (1 - share))) @ design + np.diag(precision)
        factor = cho_factor(information, lower=True)
        step = cho_solve(factor, design.T @ (k - n * share) - precision * mean)
        mean = mean + step * (LONGEST / max(np.abs(step).max(), LONGEST))
        if np.abs(step).max() < CLOSE:
            break
    odds = offset + design @ mean
    likelihood = k @ odds - n @ np.logaddexp(0, odds) - precision @ mean**2 / 2
    lower = np.tril(factor[0])
    return mean, lower, float(likelihood + np.log(precision).sum() / 2 - np.log(np.diag(lower)).sum())

"""Simulated moments: parameters whose simulated moments come nearest to the observed ones, and how sure that is.

Parameters are in standard deviations of their prior, 0 at the prior. What is made smallest is

    (simulated - observed)' S^-1 (simulated - observed) + x'x

with S the covariance of the moments: the method of simulated moments (D. McFadden, Econometrica 57 (1989); A. Pakes
and D. Pollard, the same volume) with a normal prior. The simulation has the same random numbers at every x, so a
difference between two points is the parameters'. Moments are sums of thresholds, flat in the small: slopes are central
differences over STEP of a prior's width either way.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import chi2

from simulator.estimation.structural.identifiability import TOLD, left, why_untold

STEP = 0.25
MOST = 4.0  # prior standard deviations that a parameter may go
MOST_STEPS = 40  # of the optimiser
REACH = 4.0  # standard errors from which a moment is out of the model's reach
WORSE = float(chi2.isf(0.10, 1))  # rise of what is made smallest from which a prior value is refused
SURELY = 2.0  # times WORSE by the curvature alone: no need to try
SOFT = 3.0  # standard errors from which a robust fit lets go of a moment

Simulation = Callable[[np.ndarray], np.ndarray]  # float64[parameter] -> float64[moment]


class Found(NamedTuple):
    """Where the optimiser ended."""

    x: np.ndarray  # float64[parameter], in prior standard deviations; 0 of those that were not free
    simulated: np.ndarray  # float64[moment]
    sensitivity: np.ndarray  # float64[moment, free parameter]: slopes in standard errors free of correlation
    test: "JTest"
    has_settled: bool  # else the optimiser stopped at its last step

    @property
    def distance(self) -> float:
        """Return what was made smallest."""
        return self.test.j + float(self.x @ self.x)


class JTest(NamedTuple):
    """Hansen's J: the distance of the moments, without the prior's part, and what it is judged by."""

    j: float
    freedom: float  # moments less the parameters they tell of, at least 1

    @property
    def p_value(self) -> float:
        """Return the chance of a distance at least this large if the model is right."""
        return float(chi2.sf(self.j, self.freedom))

    @property
    def stretch(self) -> float:
        """Return sqrt(J / freedom), at least 1: by how much the moments' errors would have to be larger to fit.

        Source: R. T. Birge, Physical Review 40 (1932); the scale factor of the Particle Data Group.
        """
        return float(np.sqrt(max(self.j / self.freedom, 1.0)))


def fit_moments(
    simulate: Simulation,
    observed: np.ndarray,
    covariance: np.ndarray,
    start: np.ndarray,
    free: np.ndarray | None = None,
    robust: bool = False,
    most_steps: int = MOST_STEPS,
) -> Found:
    """Return the parameters nearest to the `observed` moments, looking from `start`.

    Parameters that are not `free` (bool[parameter]) stay at 0. A robust fit has the logarithm of Cauchy's density in
    place of squares: moments that no parameters reach do not drag along those that can be met.
    """
    whiten, free = whitening(covariance), np.ones(len(start), bool) if free is None else free
    n, has_settled = int(free.sum()), True
    x = np.where(free, start, 0.0)

    def whole(part):
        x = np.zeros(len(free))
        x[free] = part
        return x

    if n:
        end = least_squares(
            lambda part: np.concatenate([whiten @ (simulate(whole(part)) - observed), part]),
            x[free],
            lambda part: np.vstack([sensitivity(simulate, covariance, whole(part), free), np.eye(n)]),
            bounds=(-MOST, MOST),
            loss="cauchy" if robust else "linear",
            f_scale=SOFT,
            xtol=1e-3,
            ftol=1e-4,
            max_nfev=most_steps,
        )
        x, has_settled = whole(end.x), end.status > 0
    simulated, slopes = simulate(x), sensitivity(simulate, covariance, x, free)
    return Found(x, simulated, slopes, j_test(simulated - observed, covariance, slopes), has_settled)


def fit_what_is_told(
    simulate: Simulation,
    observed: np.ndarray,
    covariance: np.ndarray,
    start: np.ndarray,
    names: Sequence[str],
    most_steps: int = MOST_STEPS,
    say: Callable[[str], None] = lambda what: None,
) -> tuple[Found, np.ndarray, dict[int, str]]:
    """Return the fit of the parameters that the moments tell of, bool[parameter] which they are, and {number: why not}.

    Of all that keep TOLD or more of their prior's width the one that keeps most (of equals the last) goes back to its
    prior and the others are fitted again. It stays there unless the fit becomes worse by WORSE: then the moments
    refuse its prior value, and so tell of it. `names` are for people; `say` is told of each attempt.
    """
    free, refused = np.ones(len(start), bool), np.zeros(len(start), bool)
    why: dict[int, str] = {}
    found = fit_moments(simulate, observed, covariance, start, free, most_steps=most_steps)
    while True:
        keeps = np.zeros(len(free))
        keeps[free] = np.round(left(found.sensitivity), 6)
        weak = np.flatnonzero((keeps >= TOLD) & ~refused)
        if not len(weak):
            return found, free, why
        one = int(weak[len(weak) - 1 - np.argmax(keeps[weak][::-1])])
        if (found.x[one] / keeps[one]) ** 2 > SURELY * WORSE:  # to second order, what the fit becomes worse by
            refused[one] = True
            continue
        say(f"is it known: {names[one]}?")
        without = free & (np.arange(len(free)) != one)
        trial = fit_moments(simulate, observed, covariance, found.x, without, most_steps=most_steps)
        if trial.distance > found.distance + WORSE:
            refused[one] = True
            continue
        there = np.flatnonzero(free)
        why[one] = why_untold(found.sensitivity, int(np.searchsorted(there, one)), [names[int(k)] for k in there])
        found, free = trial, without
        refused[:] = False  # with one less to make good for it, a prior value may do after all


def sensitivity(simulate: Simulation, covariance: np.ndarray, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return float64[moment, free parameter]: slopes at `x` in standard errors of the moments, free of correlation.

    Slopes are central differences over STEP either way.
    """
    steps = STEP * np.eye(len(x))[free]
    slopes = [(simulate(x + step) - simulate(x - step)) / (2 * STEP) for step in steps]
    return whitening(covariance) @ np.array(slopes).reshape(len(slopes), len(covariance)).T


def j_test(gap: np.ndarray, covariance: np.ndarray, sensitivity: np.ndarray) -> JTest:
    """Return the test of the `gap` between simulated and observed moments."""
    whitened = whitening(covariance) @ gap
    size = np.linalg.svd(sensitivity, compute_uv=False)
    told = float((size**2 / (1 + size**2)).sum())
    return JTest(float(whitened @ whitened), max(len(gap) - told, 1.0))


def whitening(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric root of the inverse of `covariance`: of all that whiten the nearest to plain division."""
    error = np.sqrt(np.diag(covariance))
    size, axes = np.linalg.eigh(covariance / np.outer(error, error))
    return (axes / np.sqrt(np.maximum(size, 1e-9))) @ axes.T / error

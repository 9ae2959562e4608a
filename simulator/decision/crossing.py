"""Where one lender overtakes another along a number, and between what that place lies.

The same people and chances live at every point, so a difference is known replication by replication along a curve.
Between the points lived each replication is taken as a line.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit

from simulator.analysis.estimates import SURE, interval, mean

MOST_LIVES = 12  # of one search
CLOSE = 0.02  # standard errors of a root within which it is found
FINE = 1e-7  # of the range: within it, a root is exact
STRAIGHT = 1e-6  # of the largest difference: by as much do lines bend that are settled in whole minor units
ROUNDING = (
    1e-10  # of a value, and of a currency unit or a share: by less do sums differ that are added in another order
)
FEWEST = 4  # replications from which a regression on a line leaves something to judge it by
STEPS = 16  # in which the interval is sought between two points lived


class Mean(NamedTuple):
    """A mean difference with its standard error and 95 % interval; NaN where one replication has none."""

    value: float
    se: float
    low: float
    high: float


class Crossing(NamedTuple):
    """The place where a mean difference changes its sign, None if it does not, and its 95 % interval.

    An end of the interval is None where the data cannot tell up to the end of the range.
    """

    at: float | None
    low: float | None
    high: float | None
    is_exact: bool  # found as exactly as asked within MOST_LIVES lives


NONE = Crossing(None, None, None, True)


class Curve:
    """A difference between two lenders along a number, float64[replication] at each place that was lived.

    `long` is the difference at `home`, where nothing is moved, of more replications than live elsewhere: the first of
    them are the same. What a move changes is known from those few, what there was before from all.
    """

    def __init__(self, home: float, long: np.ndarray):
        """Begin where nothing is moved."""
        self.home, self.long = home, np.asarray(long, dtype=np.float64)
        self.points: dict[float, np.ndarray] = {}

    def add(self, x: float, samples: np.ndarray) -> None:
        """Take note of the difference at a place."""
        self.points[x] = np.asarray(samples, dtype=np.float64)

    def samples(self, x: float) -> np.ndarray:
        """Return float64[replication]: the difference at `x`, on lines between the places lived, and beyond them."""
        if x in self.points:
            return self.points[x]
        places = sorted(self.points)
        k = int(np.clip(np.searchsorted(places, x), 1, len(places) - 1))
        a, b = places[k - 1], places[k]
        return self.points[a] + (self.points[b] - self.points[a]) * ((x - a) / (b - a))

    def mean(self, x: float) -> Mean:
        """Return the mean difference at `x` with its 95 % interval."""
        return mean_beside(self.samples(x), self.long)

    def value(self, x: float) -> float:
        """Return the mean difference at `x`."""
        return self.mean(x).value

    def bracket(self) -> tuple[float, float] | None:
        """Return two places lived, as near to home as any, between which the mean changes its sign; None if none do.

        A mean of exactly 0 has no sign: two lenders that become one are not overtaking each other.
        """
        signs = {x: np.sign(self.value(x)) for x in sorted(self.points)}
        signed = [x for x, sign in signs.items() if sign]
        found = [(a, b) for a, b in pairwise(signed) if signs[a] != signs[b]]
        return min(found, key=lambda ends: max(ends[0] - self.home, self.home - ends[1], 0.0), default=None)

    def root(self, a: float, b: float) -> float | None:
        """Return the place nearest to `a`, on the way to `b`, where the mean changes its sign; None if nowhere."""
        before = a
        for x in [place for place in sorted(self.points, reverse=b < a) if min(a, b) < place < max(a, b)] + [b]:
            here, there = self.value(before), self.value(x)
            if here * there < 0:
                return float(brentq(self.value, before, x))
            before = x
        return None

    def is_straight(self) -> bool:
        """Return whether each replication is on one line, but for whole minor units; three places tell."""
        places = sorted(self.points)
        ends = self.points[places[0]], self.points[places[-1]]
        scale = max(np.abs(ends).max(), np.finfo(float).tiny)

        def line(x):
            return ends[0] + (ends[1] - ends[0]) * ((x - places[0]) / (places[-1] - places[0]))

        return len(places) > 2 and all(np.abs(line(x) - self.points[x]).max() <= STRAIGHT * scale for x in places)

    def bounds(self, root: float, low: float, high: float) -> tuple[float | None, float | None]:
        """Return the ends of the 95 % interval of a root: where the mean's own interval no longer holds 0.

        None where it does up to `low` or `high`. That is Fieller's interval, on the line through the places lived.
        Source: E. C. Fieller, Some problems in interval estimation, J. Royal Statistical Society B 16 (1954).
        """
        return self._end(root, low), self._end(root, high)

    def _end(self, root, limit):
        """Return the place nearest to `root`, on the way to `limit`, where 0 is outside the mean's interval."""

        def outside(x):
            found = self.mean(x)
            return max(found.low, -found.high) if np.isfinite(found.low) else -1.0

        between = [x for x in self.points if min(root, limit) < x < max(root, limit)]
        places = sorted([root, *between, limit], reverse=limit < root)
        before = root
        for a, b in pairwise(places):
            for x in np.linspace(a, b, STEPS + 1)[1:]:
                if outside(x) > 0:
                    return float(brentq(outside, before, x)) if outside(before) < 0 else before
                before = float(x)
        return None


def is_same(before: np.ndarray, after: np.ndarray) -> bool:
    """Return whether values are the same, but for the rounding of sums."""
    return bool(np.allclose(before, after, rtol=ROUNDING, atol=ROUNDING))


def mean_beside(samples: np.ndarray, long: np.ndarray) -> Mean:
    """Return the mean of `samples`, of replications of which the first of `long` tell something, and more are known.

    What `long` has more is carried over by the regression of `samples` on it: double sampling (W. G. Cochran, Sampling
    Techniques, 3rd ed., 1977, 12.6). Its error has a part of the few, by their residuals, and a part of the many. By
    Student's t, of Welch's degrees of freedom. With fewer than FEWEST the slope is taken as 1, and 0 where nothing
    differs: two lenders have become one.
    """
    known, of = len(samples), len(long)
    if known >= of:
        found = mean(samples)
        return Mean(float(found.value), float(found.se), *interval(samples))
    own = long[:known] - long[:known].mean()
    spread, shift = float(own @ own), float(long.mean() - long[:known].mean())
    if known < FEWEST:
        slope = float(np.any(samples))
        return Mean(float(samples.mean() + slope * shift), *[float("nan")] * 3)
    slope = float(own @ samples) / spread if spread > 0 else 0.0
    value = float(samples.mean()) + slope * shift
    off = samples - samples.mean() - slope * own
    parts = np.array(
        [
            float(off @ off) / (known - 2) * (1 / known + (shift**2 / spread if spread > 0 else 0.0)),
            slope**2 * float(np.var(long, ddof=1)) / of,
        ]
    )
    total = float(parts.sum())
    freedom = total**2 / float(np.sum(parts**2 / [known - 2, of - 1])) if total > 0 else 1.0
    reach = float(stdtrit(freedom, SURE)) * total**0.5
    return Mean(value, total**0.5, value - reach, value + reach)


def seek(curve: Curve, live: Callable[[float], np.ndarray]) -> Crossing:
    """Return where the mean of a curve crosses 0 between the places lived; `live` gives the difference at any other.

    Of several crossings that nearest to home. As few places are lived as give the root to CLOSE standard errors of it,
    MOST_LIVES at most.
    """
    limits = min(curve.points), max(curve.points)
    bracket = curve.bracket()
    if bracket is None:
        return NONE
    low, high = bracket
    if curve.is_straight():
        root = float(brentq(curve.value, low, high, xtol=FINE**2 * (high - low)))
        return Crossing(root, *curve.bounds(root, *limits), True)
    left = [MOST_LIVES]

    def difference(x):
        if x not in curve.points:
            left[0] -= 1
            curve.add(x, live(x))
        return curve.value(x)

    slope = abs(curve.value(high) - curve.value(low)) / (high - low)
    se = curve.mean(float(brentq(curve.value, low, high))).se
    wanted = max(FINE * (high - low), CLOSE * se / slope if se > 0 else 0.0)
    root, how = brentq(difference, low, high, xtol=wanted, maxiter=left[0], full_output=True, disp=False)
    for end in curve.bounds(root, *limits):  # lived themselves, the interval is no guess between far places
        if end is not None and left[0] > 0:
            difference(end)
    return Crossing(float(root), *curve.bounds(root, *limits), bool(how.converged))


def seek_whole(live: Callable[[int], float], allowed: list[int], first: float) -> int:
    """Return the first of some whole numbers, in their order, at which the mean has not the sign of `first`.

    It has another at the last of them. By halving, so it is the switch nearest to the middle if there are several.
    """
    below, above = -1, len(allowed) - 1
    while above - below > 1:
        half = (below + above) // 2
        below, above = (half, above) if live(allowed[half]) * first > 0 else (below, half)
    return allowed[above]

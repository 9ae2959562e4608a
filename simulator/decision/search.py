"""Where in a box of settings an objective is highest while constraints hold: a design, then where a surface points.

All settings live the same replications, so the objective is a nearly smooth function of the settings (sample average
approximation: A. Shapiro, D. Dentcheva, A. Ruszczynski, Lectures on Stochastic Programming, SIAM 2009, chapter 5). A
Sobol design is lived first; then, round by round, the settings from which most improvement is expected while the
constraints hold (M. Schonlau, W. J. Welch, D. R. Jones, Global versus local search in constrained optimization of
computer models, 1998), and the one that the surfaces hold the best. A constraint counts as kept where its mean is above
0 by as many standard errors as it takes to be sure.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats.qmc import Sobol

from simulator.analysis.estimates import mean as mean_of
from simulator.decision.elimination import OBJECTIVE, SURE
from simulator.decision.surrogate import Surface

PER_AXIS = 10  # settings of the design, at least; a power of two in all
FEWEST, MOST = 16, 128
ROUNDS, PER_ROUND = 8, 4
STILL = 1e-3  # of the objective's spread: less is expected from another round
ALL_OVER, AROUND, ALONG = 1024, 256, 65  # settings weighed all over, at each distance from the best, on each axis
DISTANCES = (0.2, 0.05, 0.01)
INSIDE = (1.5, 2.0, 3.0)  # times the margin by which constraints are kept: settings that chance turns less easily

# Values of a setting in the unit cube: float64[replication, column], the objective to be maximised, then by how much
# each constraint is kept; None where the setting is not allowed.
Evaluate = Callable[[np.ndarray], np.ndarray | None]
Snap = Callable[[np.ndarray], np.ndarray]  # settings in the unit cube -> the nearest ones that there are


class Search(NamedTuple):
    """The settings that were lived, in the unit cube, and what came of them."""

    points: np.ndarray  # float64[setting, axis]
    values: np.ndarray  # float64[setting, replication, column]
    is_done: bool  # else another round was expected to bring more
    scale: np.ndarray  # float64[constraint]: how far apart the settings of the design are in it
    inside: tuple[int, ...]  # settings next to the best that keep the constraints by a larger margin

    @property
    def margins(self) -> np.ndarray:
        """float64[setting, constraint]: how far the means are above 0, less what it takes to be sure."""
        return margins(self.values)


def margins(values) -> np.ndarray:
    """Return float64[setting, constraint]: how far the means are above 0, less what it takes to be sure."""
    middle, se = mean_of(np.moveaxis(values[:, :, 1:], 1, 0))
    return middle - float(stdtrit(values.shape[1] - 1, SURE)) * se


def best_of(values, scale) -> int:
    """Return the setting with the highest objective of those that keep the constraints, else that nearest to them."""
    short = shortfall(margins(values), scale)
    objective = values[:, :, OBJECTIVE].mean(axis=1)
    return int(np.lexsort((-objective, short))[0])


def shortfall(margin, scale) -> np.ndarray:
    """Return float64[setting]: by how much all constraints together are broken, each in units of its `scale`."""
    return (np.maximum(-margin, 0) / scale).sum(axis=1)


def most_lives(axes: int) -> int:
    """Return how many settings of a box are lived in `search` at most."""
    return _design(axes) + ROUNDS * PER_ROUND + len(INSIDE)


def _design(axes):
    return 1 << int(np.ceil(np.log2(np.clip(PER_AXIS * axes, FEWEST, MOST))))


def search(evaluate: Evaluate, axes: int, snap: Snap, start: Sequence[np.ndarray] = ()) -> Search | None:
    """Return what was lived in looking for the best setting, `start` first; None if no setting is allowed."""
    size = _design(axes)
    lived = _Lived(evaluate, snap)
    for point in start:
        lived.add(point)
    for point in _sobol(axes, size) * size / (size - 1):  # so that both ends of each axis are reached
        lived.add(point)
    if not lived.points:
        return None
    scale = np.ptp(lived.values[:, :, 1:].mean(axis=1), axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    is_done, shapes = False, [None] * lived.values.shape[2]
    for number in range(ROUNDS):
        before = len(lived.points)
        expected, shapes = _round(lived, scale, shapes, number)
        is_done = expected < STILL or len(lived.points) == before
        if is_done:
            break
    inside_of = len(lived.points)
    if lived.values.shape[2] > 1:
        surfaces = _surfaces(lived, shapes)
        for times in INSIDE:
            pool = _pool(lived, scale, ROUNDS)
            if len(pool):
                inside = [surface.at(pool)[0] - (times - 1) * lived.needed(c) for c, surface in enumerate(surfaces[1:])]
                short = shortfall(np.stack(inside, axis=1), scale)
                lived.add_first(pool, np.lexsort((-surfaces[0].at(pool)[0], short)))
    return Search(np.array(lived.points), lived.values, is_done, scale, tuple(range(inside_of, len(lived.points))))


class _Lived:
    """The settings lived so far."""

    def __init__(self, evaluate, snap):
        self.evaluate, self.snap = evaluate, snap
        self.points: list[np.ndarray] = []
        self._values: list[np.ndarray] = []
        self._seen: set[bytes] = set()

    @property
    def values(self):
        return np.stack(self._values)

    def add(self, point) -> bool:
        """Have a setting lived, unless it has been or is not allowed; return whether it was."""
        point = self.snap(point[None])[0]
        if self.is_known(point):
            return False
        self._seen.add(point.round(12).tobytes())
        values = self.evaluate(point)
        if values is None:
            return False
        self.points.append(point)
        self._values.append(values)
        return True

    def add_first(self, pool, order) -> None:
        """Have the first of a pool, in this order, lived that is allowed."""
        for k in order[:AROUND]:
            if self.add(pool[k]):
                return

    def is_known(self, point):
        return point.round(12).tobytes() in self._seen

    def needed(self, constraint):
        """Return the median, over settings, of what a constraint's mean must be above 0 to be sure."""
        values = self.values
        return float(np.median(values[:, :, 1 + constraint].mean(axis=1) - margins(values)[:, constraint]))


def _surfaces(lived, shapes):
    """Return a surface of the objective, paired with the first setting, and one of each constraint's margin."""
    values, points = lived.values, np.array(lived.points)
    objective = (values[:, :, OBJECTIVE] - values[:1, :, OBJECTIVE]).mean(axis=1)
    heights = [objective, *margins(values).T]
    return [Surface(points, height, shape) for height, shape in zip(heights, shapes, strict=True)]


def _round(lived, scale, shapes, number):
    """Have the settings of one round lived; return what was expected of them, and the shapes of the surfaces."""
    surfaces = _surfaces(lived, shapes)
    values = lived.values
    best = best_of(values, scale)
    spread = float(np.ptp((values[:, :, OBJECTIVE] - values[:1, :, OBJECTIVE]).mean(axis=1)))
    is_kept = shortfall(margins(values), scale)[best] == 0
    top = float((values[best, :, OBJECTIVE] - values[0, :, OBJECTIVE]).mean())
    pool = _pool(lived, scale, number)
    if not len(pool):
        return 0.0, shapes
    height, error = surfaces[0].at(pool)
    each = [surface.at(pool) for surface in surfaces[1:]]
    above = np.stack([mean for mean, _ in each], axis=1) if each else np.zeros((len(pool), 0))
    doubt = np.stack([sd for _, sd in each], axis=1) if each else np.zeros((len(pool), 0))
    hoped = shortfall(above + doubt, scale)
    if is_kept:
        u = (height - top) / error
        gain = error * (u * ndtr(u) + np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)) * ndtr(above / doubt).prod(axis=1)
        expected = float(gain.max()) / spread if spread > 0 else 0.0
    else:
        now = float(shortfall(margins(values), scale)[best])
        gain = now - hoped
        expected = float(gain.max())
    by_surface = np.lexsort((-height, shortfall(above, scale)))
    lived.add_first(pool, by_surface)
    apart = 0.5 * np.exp(surfaces[0].shape[:-1]).clip(0.02, 0.5)
    for _ in range(PER_ROUND - 1):
        order = np.argsort(-gain, kind="stable")
        if gain[order[0]] <= 0:
            break
        lived.add_first(pool, order)
        near = (((pool - lived.points[-1]) / apart) ** 2).sum(axis=1)
        gain = gain * (1 - np.exp(-near))  # what is near has told its part
    return expected, [surface.shape for surface in surfaces]


def _pool(lived, scale, number):
    """Return settings that have not been lived, all over the box and around the best."""
    best = np.array(lived.points[best_of(lived.values, scale)])
    axes = len(best)
    whole = _sobol(axes, ALL_OVER, skip=ALL_OVER * (1 + number))
    around = [np.clip(best + d * (2 * _sobol(axes, AROUND) - 1), 0, 1) for d in DISTANCES]
    steps = np.linspace(0, 1, ALONG)[:, None]
    along = [np.where(axis, steps, best) for axis in np.eye(axes, dtype=bool)]
    pool = np.unique(lived.snap(np.concatenate([whole, *around, *along])), axis=0)
    return pool[[not lived.is_known(point) for point in pool]]


def _sobol(axes, count, skip=0):
    """Return float64[count, axis]: Sobol points of the unit cube, the first `skip` left out."""
    sequence = Sobol(axes, scramble=False)
    return sequence.fast_forward(skip).random(count) if skip else sequence.random(count)

"""The settings that a question may choose from, and what came of those that have been lived."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.decision.aims import Aims, check_stated
from simulator.decision.assumptions import ASKED
from simulator.decision.experiment import VARIANT, Experiment
from simulator.decision.vary import Varied, varied
from simulator.model.errors import Problem, UserError
from simulator.model.layout import SUMS_PER_BATCH
from simulator.run import BASELINE

FINE = 500  # steps, at least, of a number that is no grid: fewer digits than a machine has, the same on each

Setting = tuple[tuple[str, Any], ...]  # (key, value), as they are varied
HOME: Setting = ()  # the file's own


class Box(NamedTuple):
    """What is varied: each key a grid of numbers, or anything between its ends."""

    axes: tuple[Varied, ...]

    @property
    def grids(self) -> list[np.ndarray]:
        """The numbers of each axis, in its own scale: those of its grid, or of steps that are round and small."""
        return [np.array(axis.points()) if axis.steps else _round_steps(axis) for axis in self.axes]

    @property
    def file(self) -> dict[str, Any]:
        """What the file has at each key."""
        return {axis.key: axis.value for axis in self.axes}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each key."""
        return {axis.key: axis.unit for axis in self.axes}

    def listed(self, most: int) -> list[Setting] | None:
        """Return every setting, None where there are more than `most` or an axis is no grid."""
        if not all(axis.steps for axis in self.axes) or prod(map(len, self.grids)) > most:
            return None
        return list(dict.fromkeys(self._setting(one) for one in product(*self.grids)))

    @property
    def home(self) -> np.ndarray:
        """float64[axis]: where the file stands, in the unit cube; it may lie outside."""
        return np.array([(axis.middle - axis.low) / (axis.high - axis.low) for axis in self.axes])

    def snap(self, points: np.ndarray) -> np.ndarray:
        """Return float64[setting, axis]: settings of the unit cube, moved to the nearest ones that there are."""
        found = np.empty_like(points)
        for k, (axis, grid) in enumerate(zip(self.axes, self.grids, strict=True)):
            at = axis.low + points[:, k] * (axis.high - axis.low)
            nearest = np.abs(at[:, None] - grid[None]).argmin(axis=1)
            found[:, k] = (grid[nearest] - axis.low) / (axis.high - axis.low)
        return found

    def setting_at(self, point: np.ndarray) -> Setting:
        """Return the setting of a point of the unit cube, snapped; that of the file is HOME."""
        inside = [axis.low + x * (axis.high - axis.low) for x, axis in zip(point, self.axes, strict=True)]
        return self._setting([grid[np.abs(grid - x).argmin()] for x, grid in zip(inside, self.grids, strict=True)])

    def _setting(self, numbers):
        values = {axis.key: axis.at(float(x)) for axis, x in zip(self.axes, numbers, strict=True)}
        return setting_of(values, self.file)


class Listed(NamedTuple):
    """Settings to choose from, one by one."""

    file: dict[str, Any]  # what the file has at each key
    units: dict[str, str]
    settings: tuple[Setting, ...]

    def listed(self, most: int) -> list[Setting]:
        """Return every setting."""
        return list(self.settings)


def box(vary: Sequence[str], experiment: Experiment, lender: str) -> tuple[Box | None, list[Problem]]:
    """Return what `--vary` says of a lender, None if it cannot be read, and every problem with it.

    The keys of a variant are its own, so nobody else is moved. A whole number has steps of 1 if nothing is said.
    """
    axes: list[Varied] = []
    problems: list[Problem] = []
    for said in vary:
        try:
            one = varied(own_key(said.strip(), lender), experiment)
        except UserError as error:
            problems += error.problems
            continue
        first, *rest = one.key.split(".")
        if first in ASKED:
            problems.append(Problem("--vary", said, "is what is asked, not what is so", "a number of the lender"))
        if first == VARIANT and rest[0] != lender:
            problems.append(Problem("--vary", said, f"moves {rest[0]}, not {lender}", f"--variant {rest[0]}"))
        if one.key in (axis.key for axis in axes):
            problems.append(Problem("--vary", one.key, "stands there twice"))
        if isinstance(one.value, int) and not one.times and not one.steps:
            one = one._replace(steps=int(one.high - one.low) + 1)
        axes.append(one)
    return (None, problems) if problems else (Box(tuple(axes)), [])


class Lived:
    """What came of settings, replication by replication; no replication of a setting is lived twice."""

    def __init__(self, experiment: Experiment, lender: str, aims: Aims, tell: Callable[[str], None]):
        """Take whose measures are looked at, and which; `tell` is told of each setting that is lived."""
        self.experiment, self.lender, self.aims, self.tell = experiment, lender, aims, tell
        self.work = 0  # replications
        self.refused: dict[Setting, str] = {}  # why
        self.home: Comparison | None = None  # of the file's own setting, the first that was lived
        self._batches: dict[tuple[Setting, int], np.ndarray] = {}

    @property
    def settings(self) -> set[Setting]:
        """The settings that have been lived."""
        return {one for one, _ in self._batches}

    def values(self, setting: Setting, among: range) -> np.ndarray | None:
        """Return float64[replication, measure], None if the scenario refuses the setting.

        It is refused too where a measure is not defined in a replication.
        """
        if setting in self.refused:
            return None
        batches = range(among.start // SUMS_PER_BATCH, -(-among.stop // SUMS_PER_BATCH))
        missing = [k for k in batches if (setting, k) not in self._batches]
        if missing:
            self.tell(f"setting {len(self.settings | {setting}):,}")
            first, last = missing[0], missing[-1] + 1
            try:
                found = self._live(setting, range(first * SUMS_PER_BATCH, last * SUMS_PER_BATCH))
            except UserError as error:
                if setting == HOME:
                    raise
                self.refused[setting] = str(error.problems[0])
                return None
            for k, batch in zip(range(first, last), np.split(found, last - first), strict=True):
                self._batches[setting, k] = batch
        return np.concatenate([self._batches[setting, k] for k in batches])

    def _live(self, setting, among):
        point = {key: list(value) if isinstance(value, tuple) else value for key, value in setting}
        comparison = self.experiment.at(point, among, measures=self.aims.measures if self.home else None)
        self.work += len(among)
        if self.home is None:
            self.home = comparison
        check_stated(self.aims, comparison, self.lender)
        return np.stack([comparison.samples(self.lender, name) for name in self.aims.measures], axis=1)


def own_key(said: str, lender: str) -> str:
    """Return a key as it moves a lender alone: that of a variant is its own."""
    return said if lender == BASELINE or said.startswith(f"{VARIANT}.") else f"{VARIANT}.{lender}.{said}"


def _round_steps(axis):
    """Return numbers from end to end of an axis whose steps are 1, 2 or 5 times a power of ten."""
    least = (axis.high - axis.low) / FINE
    ten = 10.0 ** np.floor(np.log10(least))
    step = ten * next(by for by in (1, 2, 5, 10) if by * ten >= least * (1 - 1e-9))
    inside = np.arange(np.ceil(axis.low / step), np.floor(axis.high / step) + 1) * step
    decimals = max(0, int(-np.floor(np.log10(step))))
    return np.unique(np.round([axis.low, *inside, axis.high], decimals + 2))


def setting_of(values: Mapping[str, Any], file: Mapping[str, Any]) -> Setting:
    """Return the setting of these values by key; () where they are the file's."""
    if values == file:
        return HOME
    return tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in values.items())

"""Draws of the numbers that are in doubt: all at once, each with an address of its own.

A number with a range is normal on its natural scale: the logit of a share or chance, the logarithm of what cannot be
negative, else as it is. The file's value is its median, the ends of the range its 5 and 95 % points; where it lies
nearer to one end, each side has its own spread. docs/decisions/0022-doubt.md says why.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from math import exp, inf, log
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from simulator.analysis.score_power import resolved
from simulator.decision.assumptions import at_key
from simulator.lowering.factor import standard_normal
from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT
from simulator.model.philox import group
from simulator.model.random_words import philox_numpy
from simulator.run import BASELINE
from simulator.scenario.distributions import Beta, Distribution
from simulator.scenario.fields import bounds_of
from simulator.scenario.reader import COMMON, load_scenario
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Settings
from simulator.scenario.toml_text import tables_of

TAG = 17  # of the counter's last word; simulations use 1 to 3 (simulator/model/philox.py), estimates 16
END = 1.6448536269514722  # standard deviations from the median to the 95 % point
MOST_DRAWS, MOST_TRIES = 1 << 20, 200
DRAW_SHIFT = 24  # of the try, in the counter word of the draw
ASKED = tuple(key for key in COMMON if key != "discount_rate")  # what is asked, not what is so: never drawn
Number = float | int


class Doubt(NamedTuple):
    """A number of the baseline that is in doubt, or a list of numbers that move as one."""

    key: str
    value: Number | list[Number]
    low: Any  # as the value; a number each if `is_factor`
    high: Any
    bounds: tuple[float, float]  # that each number may lie between
    is_factor: bool  # `low` and `high` multiply all members of a list

    def at(self, z: float) -> Number | list[Number]:
        """Return the value that lies `z` standard deviations from the median, within its bounds."""
        if not isinstance(self.value, list):
            return _moved(z, self.low, self.value, self.high, self.bounds)
        if self.is_factor:
            by = _moved(z, self.low, 1.0, self.high, (0.0, inf))
            return [_allowed(by * member, member, self.bounds) for member in self.value]
        members = zip(self.low, self.value, self.high, strict=True)
        return [_moved(z, *member, self.bounds) for member in members]


def doubts(scenario: Scenario) -> tuple[list[Doubt], list[str]]:
    """Return the numbers of a scenario that are drawn, in its order, and the keys with a range that are not.

    Not drawn are what is asked (how many months, people), and what a variant alone says.
    """
    found, left = [], []
    for key, about in scenario.provenance.items():
        if not about.range:
            continue
        if key.partition(".")[0] in ASKED:
            left.append(key)
            continue
        value = at_key(scenario.baseline, key)
        low, high = about.range
        is_factor = isinstance(value, list) and not isinstance(low, list)
        found.append(Doubt(key, value, low, high, _bounds(scenario.baseline, key), is_factor))
    for name, own in scenario.variant_provenance.items():
        left += [
            f"variant.{name}.{key}"
            for key, about in own.items()
            if about.range and about != scenario.provenance.get(key)
        ]
    return found, left


def normals(key: str, seed: int, draws, tries=0) -> np.ndarray:
    """Return float64: the standard normal of a key in each draw, at its so-manieth try (an array or a number each)."""
    digest = sha256(key.encode()).digest()
    first, second = (int.from_bytes(digest[k : k + 4], "little") for k in (0, 4))
    place = np.asarray(draws, dtype=np.uint32) | (np.asarray(tries, dtype=np.uint32) << np.uint32(DRAW_SHIFT))
    found = philox_numpy(place, first, second, group(0, TAG), seed & 0xFFFFFFFF, seed >> 32)
    return standard_normal(found[0], found[1])


class Draws:
    """Draws of a scenario's lenders, each yielded once, in order; what a draw was is known when it has been.

    Numbers that the scenario refuses together are drawn again at the next address, all of them.
    """

    def __init__(self, scenario: Scenario, count: int, threads: int | None = None):
        """Raise UserError if nothing is in doubt, or if so many cannot be drawn."""
        self.scenario, self.count, self.threads = scenario, count, threads
        self.doubts, self.left = doubts(scenario)
        if not 2 <= count <= MOST_DRAWS:
            raise UserError(Problem("doubt", found=f"found {count:,} draws", allowed=f"allowed: 2 to {MOST_DRAWS:,}"))
        if not self.doubts:
            wish = "give some a range, as in { value = 0.3, range = [0.2, 0.4] }"
            raise UserError(Problem(str(scenario.path), found="no number is in doubt", allowed=wish))
        self.z = np.full((count, len(self.doubts)), np.nan)  # of each number in each draw
        self.refused: Counter[str] = Counter()  # why draws were drawn again

    def __iter__(self) -> Iterator[dict[str, Settings]]:
        """Yield the lenders of each draw, with a correlation for every Gini; UserError where none can be had."""
        tables = tables_of(self.scenario.text(), str(self.scenario.path))
        for k in range(self.count):
            for attempt in range(MOST_TRIES):
                z = [float(normals(one.key, self.scenario.baseline.seed, k, attempt)) for one in self.doubts]
                numbers = {one.key: one.at(deviation) for one, deviation in zip(self.doubts, z, strict=True)}
                try:
                    drawn = load_scenario(tables, numbers, allow_code=self.scenario.has_code)
                    lenders = {BASELINE: drawn.baseline, **{name: drawn.variants[name] for name in self.names}}
                    lenders, _ = resolved(drawn, lenders, self.threads, SILENT)
                    break
                except UserError as error:
                    self.refused[error.problems[0].key] += 1
            else:
                (key, _), *_ = self.refused.most_common(1)
                found = f"{MOST_TRIES} draws in turn are not allowed together, most often for {key}"
                raise UserError(Problem(str(self.scenario.path), found=found, allowed="narrower ranges"))
            self.z[k] = z
            yield lenders

    @property
    def names(self) -> list[str]:
        """The variants' names."""
        return list(self.scenario.variants)


def _moved(z: float, low: Number, value: Number, high: Number, bounds: tuple[float, float]) -> Number:
    """Return the number `z` standard deviations from `value` on its natural scale, within its bounds."""
    to, back = _scale(low, high, bounds)
    middle, end = to(value), to(high if z > 0 else low)
    if end == middle:
        return value
    return _allowed(back(middle + abs(z) / END * (end - middle)), value, bounds)


def _scale(low: Number, high: Number, bounds: tuple[float, float]) -> tuple[Callable, Callable]:
    """Return the way to the natural scale of a number, and back."""
    if bounds[0] >= 0 and bounds[1] <= 1:
        if low > 0 and high < 1:
            return lambda x: log(x / (1 - x)), lambda y: 1 / (1 + exp(-y))
    elif bounds[0] >= 0 and low > 0:
        return log, exp
    return float, float  # also where an end is a bound, which other scales put at infinity


def _allowed(x: float, like: Number, bounds: tuple[float, float]) -> Number:
    """Return `x` within its bounds; whole, where what it stands for is."""
    low, high = bounds
    within = min(max(x, low), high)
    return round(within) if isinstance(like, int) else within


def _bounds(settings: Any, key: str) -> tuple[float, float]:
    """Return between what the number at a key may lie; in a distribution, also between what the quantity may."""
    above, _, last = key.rpartition(".")
    holder = at_key(settings, above) if above else settings
    if isinstance(holder, dict):  # a table of numbers: what its field says of them
        return _bounds(settings, above)
    model: type[BaseModel] = type(holder)
    low, high = bounds_of(model, last)
    if isinstance(holder, Distribution) and last in ("mean", "median", "value", "low", "high"):
        of_quantity = _bounds(settings, above)
        low, high = max(low, of_quantity[0]), min(high, of_quantity[1])
        if isinstance(holder, Beta):
            low, high = max(low, holder.min), min(high, holder.max)
    return low, high

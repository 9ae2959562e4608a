"""The numbers of a scenario that are in doubt: those with a range, and how they are spread there.

A number with a range is normal on its natural scale, unless the file gives it another shape: the logit of a share or
chance, the logarithm of what cannot be negative, else as it is. The file's value is its median, the ends of the range
its 5 and 95 % points; where it lies nearer to one end, each side has its own spread. docs/decisions/0022-doubt.md says
why.
"""

from collections.abc import Callable
from math import exp, inf, log, sqrt
from typing import Any, NamedTuple

from pydantic import BaseModel
from scipy.special import ndtr

from simulator.model.values import Provenance
from simulator.scenario.distributions import Beta, Distribution
from simulator.scenario.fields import bounds_of
from simulator.scenario.lenders import COMMON
from simulator.scenario.scenario import Scenario

END = 1.6448536269514722  # standard deviations from the median to the 95 % point
ASKED = tuple(key for key in COMMON if key != "discount_rate")  # what is asked, not what is so: never in doubt
Number = float | int


class Doubt(NamedTuple):
    """A number of the baseline that is in doubt, or a list of numbers that move as one."""

    key: str
    value: Number | list[Number]
    low: Any  # as the value; a number each if `is_factor`
    high: Any
    bounds: tuple[float, float]  # that each number may lie between
    is_factor: bool  # `low` and `high` multiply all members of a list
    about: Provenance = Provenance()

    def at(self, z: float) -> Number | list[Number]:
        """Return the value whose place in the distribution is that of `z` in the standard normal, within its bounds."""
        shape = self.about.shape
        if not isinstance(self.value, list):
            return _moved(z, self.low, self.value, self.high, self.bounds, shape)
        if self.is_factor:
            by = _moved(z, self.low, 1.0, self.high, (0.0, inf), shape)
            return [_allowed(by * member, member, self.bounds) for member in self.value]
        members = zip(self.low, self.value, self.high, strict=True)
        return [_moved(z, *member, self.bounds, shape) for member in members]

    @property
    def ends(self) -> tuple[Any, Any]:
        """The value at both ends of the range: numbers, or lists of them."""
        if self.is_factor:
            assert isinstance(self.value, list)
            low, high = ([end * member for member in self.value] for end in (self.low, self.high))
            return low, high
        return self.low, self.high


def doubts(scenario: Scenario) -> tuple[list[Doubt], list[str]]:
    """Return the numbers of a scenario that are in doubt, in its order, and the keys with a range that are not.

    Not in doubt are what is asked (how many months, people), and what a variant alone says.
    """
    found, left = [], []
    for key, about in scenario.provenance.items():
        if not about.range:
            continue
        if key.partition(".")[0] in ASKED:
            left.append(key)
            continue
        found.append(doubt_at(scenario.baseline, key, about))
    for name, own in scenario.variant_provenance.items():
        left += [
            f"variant.{name}.{key}"
            for key, about in own.items()
            if about.range and about != scenario.provenance.get(key)
        ]
    return found, left


def doubt_at(settings: Any, key: str, about: Provenance) -> Doubt:
    """Return the number at a key of settings, of which `about` gives a range."""
    value = at_key(settings, key)
    low, high = about.range
    is_factor = isinstance(value, list) and not isinstance(low, list)
    return Doubt(key, value, low, high, bounds_at(settings, key), is_factor, about)


def at_key(settings, key: str):
    """Return the value at a key path of settings."""
    for part in key.split("."):
        settings = settings[part] if isinstance(settings, dict) else getattr(settings, part)
    return settings


def _moved(z: float, low: Number, value: Number, high: Number, bounds: tuple[float, float], shape: str) -> Number:
    """Return the number at the place of `z` in its distribution around `value`, within its bounds."""
    to, back, _ = scale_of(low, high, bounds, shape)
    middle, end = to(value), to(high if z > 0 else low)
    if end == middle:
        return value
    return _allowed(back(middle + _reach(abs(z), shape) * (end - middle)), value, bounds)


def _reach(z: float, shape: str) -> float:
    """Return how far the place of `z` >= 0 lies from the median, of the way to the end of the range."""
    if shape == "uniform":
        return (float(ndtr(z)) - 0.5) / 0.45
    if shape == "triangular":  # the density falls to 0 in a line on each side
        return (1 - sqrt(2 * float(ndtr(-z)))) / (1 - sqrt(0.1))
    return z / END


def scale_of(low: Number, high: Number, bounds: tuple[float, float], shape: str) -> tuple[Callable, Callable, str]:
    """Return the way to the scale on which a number is spread, back, and its name; the natural one without a shape."""
    inside = low > 0 and high < 1 and bounds[0] >= 0 and bounds[1] <= 1
    if shape == "logit" or (not shape and inside):
        return lambda x: log(x / (1 - x)), lambda y: 1 / (1 + exp(-y)), "logit"
    if shape == "lognormal" or (not shape and low > 0 and bounds[0] >= 0 and bounds[1] > 1):
        return log, exp, "lognormal"
    return float, float, "normal"  # also where an end is a bound, which other scales put at infinity


def _allowed(x: float, like: Number, bounds: tuple[float, float]) -> Number:
    """Return `x` within its bounds; whole, where what it stands for is."""
    low, high = bounds
    within = min(max(x, low), high)
    return round(within) if isinstance(like, int) else within


def bounds_at(settings: Any, key: str) -> tuple[float, float]:
    """Return between what the number at a key may lie; in a distribution, also between what the quantity may."""
    above, _, last = key.rpartition(".")
    holder = at_key(settings, above) if above else settings
    if isinstance(holder, dict):  # a table of numbers: what its field says of them
        return bounds_at(settings, above)
    model: type[BaseModel] = type(holder)
    low, high = bounds_of(model, last)
    if isinstance(holder, Distribution) and last in ("mean", "median", "value", "low", "high"):
        of_quantity = bounds_at(settings, above)
        low, high = max(low, of_quantity[0]), min(high, of_quantity[1])
        if isinstance(holder, Beta):
            low, high = max(low, holder.min), min(high, holder.max)
    return low, high

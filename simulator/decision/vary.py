"""What a question varies: a key of the scenario, between what, in how many points."""

from typing import Any, NamedTuple

import numpy as np

from simulator.decision.experiment import Experiment
from simulator.model.errors import Problem, UserError

FORM = "KEY=LOW:HIGH or KEY=LOW:HIGH:N; xLOW:xHIGH are times the file's value"
MOST_POINTS = 1000


class Varied(NamedTuple):
    """A number of the scenario, or a list of numbers that move as one, and between what it is varied."""

    key: str
    low: float  # times the file's value if `times`
    high: float
    steps: int  # points, both ends with them; 0 where a question chooses them itself
    value: Any  # the file's
    unit: str
    times: bool

    def at(self, x: float) -> Any:
        """Return what the key becomes at `x` between `low` and `high`; whole, where the file's value is."""
        if isinstance(self.value, list):
            return [_like(x * member, member) for member in self.value]
        return _like(x * self.value if self.times else x, self.value)

    @property
    def middle(self) -> float:
        """The file's value on the scale of `low` and `high`."""
        return 1.0 if self.times else float(self.value)

    def points(self) -> list[float]:
        """Return `steps` points evenly from `low` to `high`; of a whole number each once."""
        found = np.linspace(self.low, self.high, self.steps)
        if isinstance(self.value, int) and not self.times:
            return [float(x) for x in dict.fromkeys(np.round(found).tolist())]
        return found.tolist()


def varied(said: str, experiment: Experiment, steps: int = 0) -> Varied:
    """Return what `--vary` says; `steps` is how many points there are if it does not say so.

    Raises UserError if it is not of the form KEY=LOW:HIGH:N, if there is no such number, or if LOW is not below HIGH.
    """

    def wrong(found, allowed=FORM):
        return UserError(Problem("--vary", said, found, allowed))

    key, is_there, ends = said.partition("=")
    parts = [part.strip() for part in ends.split(":")]
    if not is_there or len(parts) not in (2, 3):
        raise wrong("not of that form")
    times = parts[0].startswith("x") and parts[1].startswith("x")
    try:
        low, high = (float(part.removeprefix("x") if times else part) for part in parts[:2])
        steps = int(parts[2]) if len(parts) == 3 else steps
    except ValueError:
        raise wrong("not numbers") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise wrong(f"found {parts[0]} to {parts[1]}", "allowed: LOW below HIGH")
    if len(parts) == 3 and not 2 <= steps <= MOST_POINTS:
        raise wrong(f"found {steps} points", f"allowed: 2 to {MOST_POINTS}")
    value = experiment.value_at(key := key.strip())
    numbers = value if isinstance(value, list) else [value]
    if not numbers or any(isinstance(x, bool) or not isinstance(x, int | float) for x in numbers):
        raise wrong("not a number", "a key whose value is a number or a list of numbers")
    if isinstance(value, list) and not times:
        raise wrong("a list of numbers", "its members move as one: KEY=xLOW:xHIGH, times the file's values")
    return Varied(key, low, high, steps, value, experiment.unit_of(key), times)


def _like(x: float, like: float | int) -> float | int:
    """Return `x`, whole where `like` is."""
    return round(x) if isinstance(like, int) else float(x)

"""What a question varies: a key of the scenario, between what, in how many points."""

from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel

from simulator.decision.assumptions import ASKED, END, Doubt, at_key, bounds_at, doubt_at
from simulator.decision.experiment import VARIANT, Experiment
from simulator.language.catalogue import noted
from simulator.model.errors import Problem, UserError
from simulator.scenario.fields import refusal
from simulator.scenario.number_in_doubt import is_number

FORM = "KEY=LOW:HIGH or KEY=LOW:HIGH:N; xLOW:xHIGH are times the file's value"
MOST_POINTS = 1000
TIMES = noted("times the file's")
CHANCE = ("replications", "seed", "precision")  # what is compared replication by replication cannot move them
TWICE = 2.0  # a number without a range is moved between half and twice of it: an assumption about assumptions


class Varied(NamedTuple):
    """A number of the scenario, or a list of numbers that move as one, and between what it is varied.

    Its place between `low` and `high` is a number itself; of a number in doubt it is the standard normal's.
    """

    key: str
    low: float  # times the file's value if `times`
    high: float
    steps: int  # points, both ends with them; 0 where a question chooses them itself
    value: Any  # the file's
    unit: str
    times: bool
    doubt: Doubt | None = None

    def at(self, x: float) -> Any:
        """Return what the key becomes at `x` between `low` and `high`; whole, where the file's value is."""
        if self.doubt and not self.is_whole:
            ends = dict(zip((self.low, self.high), self.doubt.ends, strict=True))  # as written, not to a rounding
            return ends[x] if x in ends else self.doubt.at(x)
        if isinstance(self.value, list):
            return [_like(x * member, member) for member in self.value]
        return _like(x * self.value if self.times else x, self.value)

    def shown(self, x: float) -> float:
        """Return the number that is told of `x`: the key's, or what its list is multiplied by."""
        value = self.at(x)
        if not isinstance(value, list):
            return float(value)
        place = max(range(len(value)), key=lambda k: abs(self.value[k]))
        return value[place] / self.value[place]

    @property
    def shown_unit(self) -> str:
        """The unit of the number that is told."""
        return TIMES if isinstance(self.value, list) else self.unit

    @property
    def is_whole(self) -> bool:
        """Whether it moves in whole numbers."""
        return isinstance(self.value, int) and not self.times

    @property
    def middle(self) -> float:
        """The file's value on the scale of `low` and `high`."""
        return 0.0 if self.doubt and not self.is_whole else 1.0 if self.times else float(self.value)

    def distance(self, x: float) -> float:
        """Return how far `x` is from the file's value.

        In standard deviations of its range, if it has one, else as a share of the value.
        """
        if not self.doubt:
            return abs(x - 1 if self.times else (x - self.value) / self.value)
        if not self.is_whole:
            return abs(x)
        end = self.high if x > self.value else self.low
        return END * (x - self.value) / (end - self.value) if x != self.value else 0.0

    def points(self) -> list[float]:
        """Return `steps` points evenly from `low` to `high`; of a whole number each once."""
        found = np.linspace(self.low, self.high, self.steps)
        if self.is_whole:
            return [float(x) for x in dict.fromkeys(np.round(found).tolist())]
        return found.tolist()


def varied(said: str, experiment: Experiment, steps: int = 0) -> Varied:
    """Return what `--vary` says; `steps` is how many points there are if it does not say so.

    Raises UserError if it is not of the form KEY=LOW:HIGH:N, if there is no such number, if it says which replications
    live, or if LOW is not below HIGH.
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
    if why := _of_chance(key):
        raise wrong(why, "allowed: any other number of the scenario")
    if not is_number(value) or (isinstance(value, list) and isinstance(value[0], list)):
        raise wrong("not a number", "a key whose value is a number or a list of numbers")
    if isinstance(value, list) and not times:
        raise wrong("a list of numbers", "its members move as one: KEY=xLOW:xHIGH, times the file's values")
    return Varied(key, low, high, steps, value, experiment.unit_of(key), times)


def everything(experiment: Experiment) -> tuple[list[Varied], dict[str, str]]:
    """Return every number of a scenario with what it is moved between, and why others are not, by key.

    A number with a range moves within it, any other between half and twice its value, as far as its field allows. Keys
    of the baseline come first, then those that a variant alone sets. What is asked is not moved: months, people.
    """
    found: list[Varied] = []
    left: dict[str, str] = {}
    scenario = experiment.scenario
    for key, about in scenario.provenance.items():
        if key.partition(".")[0] not in ASKED:
            _add(found, left, experiment, key, about)
    for name in experiment.lenders[1:]:
        for key, about in scenario.variant_provenance[name].items():
            if about != scenario.provenance.get(key) and key != "title":
                _add(found, left, experiment, f"{VARIANT}.{name}.{key}", about)
    return found, left


def on_its_own(key: str, experiment: Experiment, option: str = "--vary") -> Varied:
    """Return a number with what it is moved between where nobody says: as in `everything`; UserError if it cannot.

    `option` is where the key was given: `--vary` takes between what, too.
    """
    found: list[Varied] = []
    left: dict[str, str] = {}
    value = experiment.value_at(key)
    if why := _of_chance(key):
        raise UserError(Problem(option, key, why, "allowed: any other number of the scenario"))
    _add(found, left, experiment, key, experiment.about(key))
    if found:
        return found[0]
    why = left.get(key, "not a number" if not is_number(value) else "cannot be moved")
    allowed = f"say between what: {FORM}" if option == "--vary" else "breakeven and sweep take KEY=LOW:HIGH"
    raise UserError(Problem(option, key, why, allowed))


def whole_numbers(one: Varied, experiment: Experiment, start: float, stop: float) -> list[int]:
    """Return the whole numbers after `start` up to `stop`, in that order, that the field of a number takes."""
    settings, own = experiment.holder(one.key)
    above, _, last = own.rpartition(".")
    holder = at_key(settings, above) if above else settings
    step = 1 if stop > start else -1
    every = range(int(start) + step, int(stop) + step, step)
    if not isinstance(holder, BaseModel):
        return list(every)
    return [n for n in every if not refusal(type(holder), last, n)]


def _add(found, left, experiment, key, about):
    """Add to `found` the number at a key, or to `left` why it is not moved; nothing if it is no number."""
    settings, own = experiment.holder(key)
    try:
        value = at_key(settings, own)
    except (AttributeError, KeyError, TypeError):
        if is_number(_in_list(settings, own)):
            left[key] = noted("a member of a list of tables")
        return
    if not is_number(value):
        return
    if isinstance(value, list) and isinstance(value[0], list):
        left[key] = noted("a matrix: what its rows share must stay 1")
        return
    if about.range:
        doubt = doubt_at(settings, own, about)
        is_whole = isinstance(value, int)
        low, high = (float(doubt.low), float(doubt.high)) if is_whole else (-END, END)
        found.append(Varied(key, low, high, 0, value, about.unit, False, doubt))
        return
    if not any(value) if isinstance(value, list) else not value:
        left[key] = noted("0 and without a range: half to twice of it is 0")
        return
    if isinstance(value, list):
        found.append(Varied(key, 1 / TWICE, TWICE, 0, value, about.unit, True))
        return
    bounds = bounds_at(settings, own)
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in sorted((value / TWICE, value * TWICE)))
    if isinstance(value, int):
        low, high = float(np.ceil(low)), float(np.floor(high))
    if low == high:
        left[key] = noted("no other value between half and twice it")
        return
    found.append(Varied(key, low, high, 0, value, about.unit, False))


def _of_chance(key: str) -> str:
    """Return why a key cannot be varied, as it says which replications there are; nothing if it can."""
    if key.partition(".")[0] in CHANCE:
        return noted("says which replications live, and they must be the same at every value")
    return ""


def _in_list(settings, key):
    """Return the number at a key path that leads through a list; None if there is none."""
    for part in key.split("."):
        try:
            settings = settings[int(part)] if isinstance(settings, list) else at_key(settings, part)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            return None
    return settings


def _like(x: float, like: float | int) -> float | int:
    """Return `x`, whole where `like` is."""
    return round(x) if isinstance(like, int) else float(x)

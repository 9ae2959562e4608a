"""What the page lets one move: every number, switch and choice of a scenario's policies, with the places it may take.

A control has stops, from the least to the most that the schema allows: so a slider is at a value that can be lived, and
at the file's own exactly, wherever it is put.
"""

from collections.abc import Iterable, Iterator
from math import ceil, floor, inf, log10
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from simulator.model.values import MONTHS, parts_of
from simulator.policy.labels import Members
from simulator.scenario.fields import bounds_of, field_attribute, fields_of, refusal
from simulator.scenario.schema import Settings

SWITCH = "enabled"
HELD = ("kind", "products", "segments", "source")  # keys of a policy that say what it is, not how much of it
EVERY = 120  # whole numbers up to which each is a stop
SHARES = 100  # stops of a number between two near ends
NEAR = 1 / 50  # of the way between its ends, from which on a number is far from the lower one
DECADES = 2  # below and above a number that has no near ends, in which it has stops
ROUND = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # of a decade

Value = bool | int | float | str


class Control(NamedTuple):
    """One setting of a policy: its key in the file, its unit, and the values that it may take, in order."""

    key: str
    unit: str
    stops: tuple[Value, ...]
    about: str  # the schema's own words
    order: int = 0  # of the list that it is a member of: 1 if that has to rise, -1 if it has to fall

    @property
    def policy(self) -> str:
        """The name that the file gives the policy."""
        return self.key.split(".")[1]

    @property
    def name(self) -> str:
        """The setting's own name; of the member of a list that of the list."""
        return (self.list or self.key).rpartition(".")[2]

    @property
    def list(self) -> str:
        """The key of the list that it is a member of; empty if it is none."""
        above, _, last = self.key.rpartition(".")
        return above if last.isdecimal() else ""

    @property
    def below(self) -> str:
        """The key below the policy, such as `levels.sms.cost`."""
        return self.key.split(".", 2)[2]

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return all(isinstance(stop, bool) for stop in self.stops)

    @property
    def is_choice(self) -> bool:
        """Whether it is one of several words."""
        return all(isinstance(stop, str) for stop in self.stops)


def controls(settings: Settings, others: list[Settings]) -> dict[str, Control]:
    """Return the controls of the policies of a lender and of `others` by key; the values of all are among the stops."""
    found: dict[str, Control] = {}
    lenders = [settings, *others]
    for name in dict.fromkeys(name for one in lenders for name in one.policy):
        for policy in (one.policy[name] for one in lenders if name in one.policy):
            for key, model, last in _settings(policy, f"policy.{name}"):
                values = [value for one in lenders if (value := value_at(one, key)) is not None]
                last_month = settings.months + settings.run_off_months
                members = max((len(value) for value in values if isinstance(value, list)), default=0)
                keys = [f"{key}.{place}" for place in range(members)] or [key]
                missing = [one for one in keys if one not in found]
                if missing and (control := _control(key, model, last, values, last_month)):
                    found |= {one: control._replace(key=one) for one in missing}
    return found


def value_at(settings: Any, key: str) -> Any:
    """Return the value at a key of the file; None where there is none."""
    for part in key.split("."):
        if isinstance(settings, dict):
            settings = settings.get(part)
        elif isinstance(settings, list):
            settings = settings[int(part)] if part.isdecimal() and int(part) < len(settings) else None
        elif isinstance(settings, BaseModel) and part in fields_of(type(settings)):
            settings = getattr(settings, field_attribute(type(settings), part))
        else:
            return None
    return settings


def refusal_at(settings: Any, key: str, value: Any) -> str:
    """Return why the setting at a key cannot have a value, in pydantic's words; nothing if it can."""
    above, _, last = key.rpartition(".")
    holder = value_at(settings, above)
    if isinstance(holder, list):
        return refusal_at(settings, above, _with_member(holder, int(last), value))
    return refusal(type(holder), last, value)


def in_whole(settings: Any, moved: Iterable[tuple[str, Value]]) -> dict[str, Any]:
    """Return by key what is moved, where members of a list are moved that list."""
    found: dict[str, Any] = {}
    for key, value in moved:
        above, _, last = key.rpartition(".")
        whole = found.get(above, value_at(settings, above))
        if isinstance(whole, list):
            found[above] = _with_member(whole, int(last), value)
        else:
            found[key] = value
    return found


def _with_member(members: list, place: int, value: Any) -> list:
    return [*members[:place], value, *members[place + 1 :]]


def with_stop(control: Control, value: Value) -> Control:
    """Return the control with a value among its stops."""
    if value in control.stops or control.is_choice or control.is_switch:
        return control
    return control._replace(stops=_ordered({*control.stops, value}))


def _settings(model: BaseModel, path: str) -> Iterator[tuple[str, type[BaseModel], str]]:
    """Yield (key, model, field) of every setting of a policy, those of its tables too."""
    for key in fields_of(type(model)):
        value = getattr(model, field_attribute(type(model), key))
        here = f"{path}.{key}"
        if isinstance(value, BaseModel):
            yield from _settings(value, here)
        elif isinstance(value, dict):
            for name, member in value.items():
                if isinstance(member, BaseModel):
                    yield from _settings(member, f"{here}.{name}")
        elif key not in HELD and (isinstance(value, Value) or (isinstance(value, list) and value)):
            yield here, type(model), key


def _control(key: str, model: type[BaseModel], last: str, values: list, last_month: int) -> Control | None:
    """Return the control of a field, None where there is nothing to choose."""
    info = model.model_fields[field_attribute(model, last)]
    words = _words(info.annotation)
    lists = [value for value in values if isinstance(value, list)]
    if lists:  # each member has the stops of all
        values, words = [member for value in lists for member in value], set()
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    stops: set[Value] = set(values)
    if any(isinstance(value, bool) for value in values):
        stops = {False, True}
    elif numbers or not words:
        low, high = bounds_of(model, last)
        whole = all(isinstance(value, int) for value in numbers)
        if fields_of(model)[last].unit == MONTHS:
            high = min(high, last_month)
        places = _places(low, high, numbers, whole)
        stops |= {stop for stop in places if not refusal(model, last, [stop] * len(lists[0]) if lists else stop)}
        stops |= words
    else:
        stops |= words
    field = fields_of(model)[last]
    order = next((part.order for part in parts_of(info) if isinstance(part, Members)), 0)
    control = Control(key, field.unit.name if field.unit else "", _ordered(stops), info.description or "", order)
    return control if len(control.stops) > 1 else None


def _words(annotation: Any) -> set[Value]:
    """Return the words that a type allows."""
    if get_origin(annotation) is Literal:
        return {word for word in get_args(annotation) if isinstance(word, str)}
    return {word for part in get_args(annotation) if not isinstance(part, str) for word in _words(part)}


def _places(low: float, high: float, values: list, whole: bool) -> list[float | int]:
    """Return numbers from `low` to `high` that a slider may stop at: round, and close together where the values are."""
    if not values:
        return []
    value = max(values, key=abs)
    if whole:
        if not -inf < low:
            low = -abs(value) * 2
        if high > 10 * EVERY or not high < inf:
            high = max(2 * EVERY, 4 * abs(value))
        low, high = ceil(low), floor(high)
        if high - low <= 4 * EVERY:
            return list(range(low, high + 1))
        return [low, *(round(place) for place in _by_decades(max(low, 1), high)), high]
    if not -inf < low:
        low = -2 * abs(value) or -1.0
    if not high < inf:
        high = 10 * abs(value) or 1.0
    if low < 0 or abs(value) >= NEAR * (high - low) or not value:
        step = _round_step((high - low) / SHARES)
        return [round(step * k, 10) for k in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]
    most = min(high, value * 10**DECADES)
    return [low, *_by_decades(value / 10**DECADES, most), most]


def _by_decades(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`, as many in each decade."""
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    places = (float(f"{part}e{ten}") for ten in decades for part in ROUND)
    return [place for place in places if low <= place <= high]


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is no less."""
    ten = 10.0 ** floor(log10(least))
    return next(by * ten for by in (1, 2, 5, 10) if by * ten >= least * (1 - 1e-9))


def _ordered(stops: set[Value]) -> tuple[Value, ...]:
    """Return stops in order; words come last, in the order of the alphabet."""
    return tuple(sorted(stops, key=lambda stop: (isinstance(stop, str), stop)))

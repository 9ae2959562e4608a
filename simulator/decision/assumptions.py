"""The numbers of a scenario that are in doubt: those with a range, and the scenario with one of them elsewhere."""

from collections.abc import Iterator
from typing import NamedTuple

from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.scenario.toml_text import tables_of


class Assumption(NamedTuple):
    """A number, or a list of numbers, of a scenario's baseline that has a range, in its canonical unit."""

    key: str
    value: float | list[float]
    low: float | list[float]  # of a list: each member's, whether it was given so or as a factor of all
    high: float | list[float]
    unit: str
    source: str
    status: str


def assumptions(scenario: Scenario) -> list[Assumption]:
    """Return what the baseline of a scenario gives a range, in the order of the file."""
    return list(_ranged(scenario))


def _ranged(scenario: Scenario) -> Iterator[Assumption]:
    for key, about in scenario.provenance.items():
        if about.range:
            value = at_key(scenario.baseline, key)
            low, high = about.range
            if isinstance(value, list) and not isinstance(low, list):
                low, high = ([end * member for member in value] for end in (low, high))
            yield Assumption(key, value, low, high, about.unit, about.source, about.status)


def at_key(settings, key: str):
    """Return the value at a key path of settings."""
    for part in key.split("."):
        settings = settings[part] if isinstance(settings, dict) else getattr(settings, part)
    return settings


def moved(scenario: Scenario, key: str, value: float | list[float]) -> Scenario:
    """Return the scenario with another value at a key of its baseline.

    Variants that set the key themselves keep theirs. Raises UserError if the value, or what it makes of other settings,
    is not allowed.
    """
    return load_scenario(tables_of(scenario.text(), str(scenario.path)), {key: value}, allow_code=scenario.has_code)

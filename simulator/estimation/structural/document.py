"""A resolved scenario as plain tables that can be changed, read again by the strict reader, and written.

A value is { value, unit, source, status }, a distribution a table with the key `distribution`, as in
`scenario.resolved`. Key paths are tuples of keys.
"""

from collections.abc import Callable, Iterator
from typing import Any

from simulator.model.errors import Problem, UserError
from simulator.scenario.layers import ABOUT, DOUBT, tree_of
from simulator.scenario.resolved import plain
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Settings
from simulator.scenario.validate import resolve

FREE_OF_UNIT = ("sigma", "at")  # numbers of a distribution that do not measure its quantity


def document_of(scenario: Scenario) -> dict:
    """Return the tables of the scenario's baseline; its variants stay behind."""
    return plain(scenario.baseline, scenario.provenance)


def settings_of(document: dict, file: str) -> Settings:
    """Return the settings that the document says; UserError with every problem, named after `file`."""
    problems: list[Problem] = []
    resolved = resolve(tree_of(document, file, problems), file)
    if problems or resolved.settings is None:
        raise UserError(problems + resolved.problems)
    return resolved.settings


def is_value(node: Any) -> bool:
    """Return whether `node` is a value with what is known about it."""
    return isinstance(node, dict) and "value" in node and "distribution" not in node


def value_of(node: Any) -> Any:
    """Return the value of a node, whether anything is known about it or not."""
    return node["value"] if is_value(node) else node


def is_distribution(node: Any) -> bool:
    """Return whether `node` is a distribution over people."""
    return isinstance(node, dict) and "distribution" in node


def values_of(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Yield (key path, node) of every value and every distribution in `node`."""
    if is_value(node) or is_distribution(node):
        yield path, node
    elif isinstance(node, dict):
        for key, inner in node.items():
            yield from values_of(inner, (*path, key))


def at(document: dict, path: tuple[str, ...]) -> Any:
    """Return what stands at `path`; KeyError if nothing does."""
    for key in path:
        document = document[key]
    return document


def numbers(node: dict) -> dict[str, Any]:
    """Return the numbers of a value or of a distribution that measure its quantity, by key."""
    keys = ("value",) if is_value(node) else [key for key in node if key not in ("distribution", *ABOUT, *FREE_OF_UNIT)]
    return {key: node[key]["value"] if isinstance(node[key], dict) else node[key] for key in keys}


def set_numbers(node: dict, new: dict[str, Any]) -> None:
    """Set the numbers of a value or a distribution that `new` names; the doubt of one that moves was the old one's."""
    for key, number in new.items():
        table, at = (node[key], "value") if isinstance(node[key], dict) else (node, key)
        if table[at] != number:
            for name in DOUBT:
                table.pop(name, None)
        table[at] = number


def say(node: dict, change: Callable[[dict], dict]) -> None:
    """Replace what is said about a value or a distribution (unit, source, status) by `change` of it."""
    inner = [member for member in node.values() if isinstance(member, dict)] if is_distribution(node) else []
    for table in inner or [node]:
        table.update(change({key: table[key] for key in ABOUT if key in table}))


def each(number: Any, change: Callable[[float], float]) -> Any:
    """Return `change` of a number, or of each of a list."""
    return [change(member) for member in number] if isinstance(number, list) else change(number)

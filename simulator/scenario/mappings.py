"""A scenario, or what is set on top of one, given as Python mappings: the tables that TOML would give."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from simulator.model.errors import Problem, UserError
from simulator.scenario.toml_text import bounded

VALUES = "allowed: numbers, text, truth, lists and mappings of them"


def tables_from(given: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return nested tables of plain values; a key may be dotted: {"policy.cut.keep": 0.4} is {"policy": {"cut": ...}}.

    Paths, tuples and NumPy's numbers and arrays are taken too. Raises UserError, of the file `label`, with every value
    that has no counterpart in TOML, every key that is no text, and every one that is given twice.
    """
    problems: list[Problem] = []
    try:
        tables = _table(given, label, "", problems)
    except RecursionError:
        raise UserError(Problem(label, "", "found a mapping that lies in itself, or too deep")) from None
    if problems:
        raise UserError(problems)
    return bounded(tables, label)


def _table(given: Mapping[str, Any], label: str, path: str, problems: list[Problem]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in given.items():
        if not isinstance(key, str) or not all(key.split(".")):
            problems.append(Problem(label, path, f"found {key!r} as a key", "allowed: text, with names between dots"))
            continue
        here = f"{path}.{key}" if path else key
        *above, last = key.split(".")
        if not _lay(table, above, last, _plain(value, label, here, problems)):
            problems.append(Problem(label, here, "given twice", "give it once"))
    return table


def _lay(table: dict[str, Any], above: list[str], last: str, value: Any) -> bool:
    """Put a value at its place; return whether nothing stood there, or in its way."""
    for name in above:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            return False
    there = table.setdefault(last, value)
    if there is value:
        return True
    both = isinstance(there, dict) and isinstance(value, dict)
    return both and all(_lay(there, [], key, member) for key, member in value.items())


def unwrapped(value: Any) -> Any:
    """Return a number or an array of NumPy's as Python's; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def _plain(value: Any, label: str, path: str, problems: list[Problem]) -> Any:
    if isinstance(value, Mapping):
        return _table(value, label, path, problems)
    value = unwrapped(value)
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, list | tuple):
        return [_plain(member, label, path, problems) for member in value]
    if not isinstance(value, bool | int | float | str):
        problems.append(Problem(label, path, f"found {value!r}", VALUES))
    return value

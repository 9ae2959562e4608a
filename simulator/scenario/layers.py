"""Layers of a scenario: TOML tables become trees of leaves that remember their source, and layers merge.

A tree is a dict of trees and leaves. A file, the file it extends, `--set` and a variant are layers.
"""

from dataclasses import dataclass, replace
from typing import Any

from simulator.model.errors import Problem

ABOUT = ("unit", "source", "status")  # what may be said about a value, or about all in a table
RANGE = "range"  # of a value alone: [low, high], where it lies with 90 %
DOUBT = (RANGE, "shape", "group")  # of a value alone: where it lies, how it is spread there, what it moves with
CAUTIONS = "cautions"  # what a reader must know of a layer: no layer above takes one away
NO_VALUE = object()
SET, GIVEN = "--set", "overrides"  # in place of a file: values of the command line, and those given in Python
ON_TOP = {SET: "command line", GIVEN: "set in Python"}  # the source of such values


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value as written, with what the file says about it."""

    value: Any
    file: str
    unit: str | None = None
    source: str | None = None
    status: str | None = None
    range: Any = None  # as written, these three
    shape: Any = None
    group: Any = None


def tree_of(table: dict, file: str, problems: list[Problem], path: str = "", about: dict | None = None) -> dict:
    """Return the tree of a TOML table; `source` and `status` of a table hold for the bare values in it.

    So does the `unit` of a distribution.
    Appends to `problems` what is said wrongly about values.
    """
    about = dict(about or {})
    for key in ABOUT if "distribution" in table else ("source", "status"):
        if key in table:
            about[key] = _text(table[key], file, _join(path, key), problems)
    tree: dict[str, Any] = {}
    for key, value in table.items():
        here = _join(path, key)
        if not isinstance(value, dict):
            tree[key] = Leaf(value, file, **about)
        elif is_value_table(value):
            said = {name: _text(value[name], file, _join(here, name), problems) for name in ABOUT if name in value}
            said |= {name: value[name] for name in DOUBT if name in value}
            tree[key] = Leaf(value.get("value", NO_VALUE), file, **({**about, **said} if "value" in value else said))
        else:
            tree[key] = tree_of(value, file, problems, here, about)
    return tree


def is_value_table(value: Any) -> bool:
    """Return whether `value` is a table such as { value = 0.1, unit = "per month", source = "S57" }."""
    return isinstance(value, dict) and bool(value) and value.keys() <= {"value", *ABOUT, *DOUBT}


def merge(base: Any, over: Any) -> Any:
    """Return `base` with the layer `over` laid on it.

    Tables merge; a distribution that names its kind, a list or a value replaces; but the list
    of numbers of a distribution is replaced alone. A value without a unit keeps
    the unit of the value it replaces: 0.0006 on "0.0005 per day" is per day. Its range goes with it: it was about that
    value.
    """
    if isinstance(over, Leaf):
        if isinstance(base, dict):
            if (
                isinstance(over.value, list) and "value" in base
            ):  # the numbers of quantiles: no other field takes a list
                return base | {"value": merge(base["value"], over)}
            if over.value is not NO_VALUE:
                return over
            if "distribution" not in base:
                return base
            # What is said about a distribution is said about each of its numbers; a range of all of them is refused
            certain = replace(over, range=None, shape=None, group=None)
            doubt = {name: replace(certain, value=said) for name in DOUBT if (said := getattr(over, name)) is not None}
            return {key: merge(value, certain) for key, value in base.items()} | doubt
        if not isinstance(base, Leaf):
            return over
        if over.value is NO_VALUE:
            return replace(
                base, **{name: said for name in (*ABOUT, *DOUBT) if (said := getattr(over, name)) is not None}
            )
        return over if over.unit else replace(over, unit=base.unit)
    if not isinstance(base, dict) or "distribution" in over:
        return over
    return base | {key: _laid(key, base.get(key), value) for key, value in over.items()}


def _laid(key: str, base: Any, over: Any) -> Any:
    """Return what stands at `key` when `over` is laid on `base`; cautions add up, each once."""
    lists = [leaf.value for leaf in (base, over) if isinstance(leaf, Leaf) and isinstance(leaf.value, list)]
    if key == CAUTIONS and len(lists) == 2:
        return replace(over, value=[*lists[0], *(said for said in lists[1] if said not in lists[0])])
    return merge(base, over)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _text(value: Any, file: str, path: str, problems: list[Problem]) -> str | None:
    if isinstance(value, str) and value.strip():
        return value
    wish = "the name of a unit" if path.endswith("unit") else "words that say where the value comes from"
    problems.append(Problem(file, path, f"found {value!r}", f"allowed: {wish}, in quotes"))
    return None

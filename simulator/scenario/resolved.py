"""The resolved scenario as TOML: every value in force, in its canonical unit, with its source."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from simulator.model.values import Provenance
from simulator.scenario.distributions import Distribution
from simulator.scenario.fields import field_attribute, fields_of

WORDS = ("source", "cautions")  # left out where nothing is said
QUANTITIES = ("mean", "median", "low", "value")  # the key of a distribution whose unit is that of the whole


class Stated(NamedTuple):
    """The tables that `plain` gives of the lenders in one world."""

    baseline: dict
    variants: dict[str, dict]


def document(own: Stated, worlds: Mapping[str, Stated], against: Mapping[str, str], file: Callable[[str], str]) -> dict:
    """Return the tables that read back as the same scenario, `file` applied to its paths; of layers what differs.

    A variant has what differs from the baseline in any world: elsewhere it may matter that it says what the file says.
    """
    deltas = {name: difference(own.baseline, lender) for name, lender in own.variants.items()}
    for world in worlds.values():
        for name, lender in world.variants.items():
            deltas[name] = _with(deltas[name], difference(world.baseline, lender))
    for name, other in against.items():
        deltas[name] = {"against": other, **deltas[name]}
    tables = own.baseline | {"variant": deltas}
    if worlds:
        tables["world"] = {name: difference(own.baseline, world.baseline) for name, world in worlds.items()}
    tables = _files_named(tables, file)
    for kind in ("variant", "world"):
        if kind in tables:
            tables[kind] = {name: _files_named(delta, file) for name, delta in tables[kind].items()}
    return tables


def _files_named(table: dict, file: Callable[[str], str]) -> dict:
    """Return a table of settings with `file` applied to the paths in it."""
    book, policies = table.get("portfolio"), table.get("policy")
    if book:
        paths = {key: file(path) for key in ("tape", "mapping") if (path := book.get(key))}
        table = table | {"portfolio": book | paths}
    for policy in (policies or {}).values():
        if policy.get("kind", "").startswith("file:"):
            policy["kind"] = f"file:{file(policy['kind'].removeprefix('file:'))}"
    return table


def _with(delta: dict, more: dict) -> dict:
    """Return a delta with what it lacks of another, at the keys of which both say the same."""
    found = dict(delta)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(delta.get(key), dict) and not _is_value(value)
        found[key] = _with(delta[key], value) if both else delta.get(key, value)
    return found


def _is_value(table: dict) -> bool:
    """Return whether a table is a value or a distribution, with what is said about it."""
    return bool({"value", "distribution"} & table.keys())


def toml(tables: dict) -> str:
    """Return the tables that `plain` gives as TOML: values and distributions in line, everything else as tables."""
    import tomlkit

    return tomlkit.dumps(_styled(tables, tomlkit))


def plain(model: BaseModel, provenance: dict[str, Provenance], path: str = "") -> dict:
    """Return the tables of `model`; a number becomes { value, unit, source, status }. What is absent is left out."""
    table = {}
    for key in fields_of(type(model)):
        value = getattr(model, field_attribute(type(model), key))
        if value is not None and (value or key not in WORDS):
            table[key] = _plain(value, provenance, f"{path}.{key}" if path else key)
    return table


def _plain(value: Any, provenance: dict[str, Provenance], path: str) -> Any:
    if isinstance(value, Distribution):
        return _distribution(value, provenance, path)
    if isinstance(value, BaseModel):
        return plain(value, provenance, path)
    if isinstance(value, dict):
        return {key: _plain(member, provenance, f"{path}.{key}") for key, member in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        value = [{key: member for key, member in dict(item).items() if member is not None} for item in value]
    if path in provenance:
        return {"value": value, **_about(provenance[path])}
    return value


def _distribution(value: Distribution, provenance: dict[str, Provenance], path: str) -> dict:
    """Return a distribution's table; unit and source stand once, those of its numbers where all agree."""
    table = plain(value, provenance, path)
    stated = {key: member for key, member in table.items() if isinstance(member, dict)}
    sources = {(member.get("source"), member.get("status")) for member in stated.values()}
    if len(sources) > 1 or any("range" in member for member in stated.values()):
        return table
    about = next(iter(stated.values()))
    unit = next(member["unit"] for key, member in stated.items() if key in QUANTITIES)
    numbers = {key: member["value"] for key, member in stated.items()}
    return table | numbers | {"unit": unit} | {key: about[key] for key in ("source", "status") if key in about}


def _about(provenance: Provenance) -> dict[str, Any]:
    """Return what is known about a value, without what is empty."""
    about = {"unit": provenance.unit, "source": provenance.source, "status": provenance.status}
    known: dict[str, Any] = {key: said for key, said in about.items() if said}
    if provenance.range:
        known["range"] = list(provenance.range)
    if provenance.shape:
        known["shape"] = provenance.shape
    if group := dict(provenance.group):
        known["group"] = next(iter(group)) if list(group.values()) == [1.0] else group
    return known


def difference(base: Any, other: dict) -> dict:
    """Return the entries of `other` that are not the same in `base`."""
    delta = {}
    for key, value in other.items():
        old = base.get(key) if isinstance(base, dict) else None
        if old == value:
            continue
        nested = isinstance(value, dict) and isinstance(old, dict) and not _is_value(value)
        delta[key] = difference(old, value) if nested else value
    return delta


def _styled(table: dict, tomlkit) -> Any:
    """Return `table` with values and distributions in line and everything else as tables."""
    styled = tomlkit.table()
    for key, value in table.items():
        if isinstance(value, dict) and not _is_value(value):
            styled.add(key, _styled(value, tomlkit))
        else:
            styled.add(key, value if not isinstance(value, dict) else _inline(value, tomlkit))
    return styled


def _inline(value: dict, tomlkit) -> Any:
    inline = tomlkit.inline_table()
    for key, member in value.items():
        inline.add(key, _inline(member, tomlkit) if isinstance(member, dict) else member)
    return inline

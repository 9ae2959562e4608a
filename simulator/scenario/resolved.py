"""The resolved scenario as TOML: every value in force, in its canonical unit, with its source."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from simulator.model.values import Provenance
from simulator.scenario.distributions import Distribution
from simulator.scenario.fields import field_attribute, fields_of

WORDS = ("source", "cautions")  # left out where nothing is said
QUANTITIES = ("mean", "median", "low", "value")  # the key of a distribution whose unit is that of the whole


def document(
    baseline: BaseModel,
    provenance: dict[str, Provenance],
    variants: Mapping[str, BaseModel],
    variant_provenance: dict[str, dict[str, Provenance]],
    file: Callable[[str], str],
) -> dict:
    """Return the tables that read back as the same scenario, `file` applied to its paths; of variants what differs."""
    base = plain(baseline, provenance)
    deltas = {name: difference(base, plain(settings, variant_provenance[name])) for name, settings in variants.items()}
    paths = {key: file(path) for key in ("tape", "mapping") if (path := base["portfolio"][key])}
    tables = base | {"portfolio": base["portfolio"] | paths, "variant": deltas}
    for table in (tables, *deltas.values()):
        for policy in table.get("policy", {}).values():
            if policy.get("kind", "").startswith("file:"):
                policy["kind"] = f"file:{file(policy['kind'].removeprefix('file:'))}"
    return tables


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
        nested = isinstance(value, dict) and isinstance(old, dict) and not {"value", "distribution"} & value.keys()
        delta[key] = difference(old, value) if nested else value
    return delta


def _styled(table: dict, tomlkit) -> Any:
    """Return `table` with values and distributions in line and everything else as tables."""
    styled = tomlkit.table()
    for key, value in table.items():
        if isinstance(value, dict) and not {"value", "distribution"} & value.keys():
            styled.add(key, _styled(value, tomlkit))
        else:
            styled.add(key, value if not isinstance(value, dict) else _inline(value, tomlkit))
    return styled


def _inline(value: dict, tomlkit) -> Any:
    inline = tomlkit.inline_table()
    for key, member in value.items():
        inline.add(key, _inline(member, tomlkit) if isinstance(member, dict) else member)
    return inline

"""The resolved scenario as TOML: every value in force, in its canonical unit, with its source."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from simulator.model.values import Provenance
from simulator.scenario.distributions import Distribution
from simulator.scenario.fields import field_attribute, fields_of

WORDS = ("source", "cautions")  # left out where nothing is said
QUANTITIES = ("mean", "median", "low", "value")  # the key of a distribution whose unit is that of the whole

if TYPE_CHECKING:
    from simulator.scenario.reader import Scenario


def text(scenario: "Scenario") -> str:
    """Return TOML that reads back as the same scenario; variants hold only what differs from the baseline."""
    return toml(_document(scenario, lambda path: path))


def digest(scenario: "Scenario") -> str:
    """Return the SHA-256 of the resolved scenario; files count by their names only.

    The rows of a tape and the levers that a policy's file writes have digests of their own.
    """
    document = _document(scenario, lambda path: Path(path).name)
    return sha256(json.dumps(document, ensure_ascii=False).encode()).hexdigest()


def _document(scenario: "Scenario", file: Callable[[str], str]) -> dict:
    """Return the tables of the resolved scenario with `file` applied to the paths in it."""
    baseline = plain(scenario.baseline, scenario.provenance)
    variants = {
        name: difference(baseline, plain(settings, scenario.variant_provenance[name]))
        for name, settings in scenario.variants.items()
    }
    paths = {key: file(path) for key in ("tape", "mapping") if (path := baseline["portfolio"][key])}
    document = baseline | {"portfolio": baseline["portfolio"] | paths, "variant": variants}
    for table in (document, *variants.values()):
        for policy in table.get("policy", {}).values():
            if policy.get("kind", "").startswith("file:"):
                policy["kind"] = f"file:{file(policy['kind'].removeprefix('file:'))}"
    return document


def toml(document: dict) -> str:
    """Return the tables that `plain` gives as TOML: values and distributions in line, everything else as tables."""
    import tomlkit

    return tomlkit.dumps(_styled(document, tomlkit))


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
    if len(sources) > 1:
        return table
    about = next(iter(stated.values()))
    unit = next(member["unit"] for key, member in stated.items() if key in QUANTITIES)
    numbers = {key: member["value"] for key, member in stated.items()}
    return table | numbers | {"unit": unit} | {key: about[key] for key in ("source", "status") if key in about}


def _about(provenance: Provenance) -> dict:
    """Return what is known about a value, without what is empty."""
    about = {"unit": provenance.unit, "source": provenance.source, "status": provenance.status}
    return {key: said for key, said in about.items() if said}


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

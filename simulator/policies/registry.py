"""The policies that exist: every file of this folder that has `Settings` and `write`."""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import get_args

from simulator.scenario.values import Unit, unit_in_words

_MACHINERY = ("base", "levers", "registry")


def names() -> list[str]:
    """Return the kinds of policies in alphabetical order, without importing them."""
    return sorted(found.name for found in iter_modules([str(Path(__file__).parent)]) if found.name not in _MACHINERY)


@cache
def kinds() -> dict[str, ModuleType]:
    """Return by kind the modules: each has DESCRIPTION, EFFECT, Settings and write(levers, settings, frame)."""
    return {name: import_module(f"simulator.policies.{name}") for name in names()}


def markdown() -> str:
    """Return every policy in words: what it does, what to look for, and its settings with unit, bounds and default."""
    common = set(_properties(import_module("simulator.policies.base").PolicySettings))
    lines = ["# Policies", ""]
    for kind, module in kinds().items():
        settings = _properties(module.Settings)
        lines += [f"## {kind}", "", module.DESCRIPTION, "", f"Look for: {module.EFFECT}", ""]
        lines += _table({name: about for name, about in settings.items() if name not in common})
    lines += ["## Settings of every policy", ""]
    return "\n".join(lines + _table({name: settings[name] for name in settings if name in common}))


def _properties(model) -> dict[str, dict]:
    """Return the JSON schema of each setting, with its `unit` and whether it is `needed`, by its name in a file."""
    schema = model.model_json_schema()["properties"]
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    return {name: {**schema[name], "unit": _unit(info), "needed": info.is_required()} for name, info in fields.items()}


def _unit(info) -> str:
    """Return the name of the canonical unit of a field, as its type has it or else its description."""
    found = [part for part in (*_parts(info.annotation), *info.metadata) if isinstance(part, Unit)]
    unit = found[-1] if found else unit_in_words(info.description)
    return unit.name.replace("{money}", "money") if unit else ""


def _parts(annotation) -> list:
    """Return the types and metadata that an annotation is made of."""
    return [annotation, *(part for inner in get_args(annotation) for part in _parts(inner))]


def _table(settings: dict[str, dict]) -> list[str]:
    """Return the lines of a table of settings, with an empty one at the end."""
    lines = ["| setting | unit | allowed | default | meaning |", "|---|---|---|---|---|"]
    for name, about in settings.items():
        default = "needed" if about["needed"] else _default(about["default"])
        cells = (f"`{name}`", about["unit"], _allowed(about), default, about["description"])
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _allowed(schema: dict) -> str:
    """Return in words what a JSON schema allows."""
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_allowed, schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return ", ".join(f'"{word}"' for word in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        return f"list{f' of {most}' if most == least else ''}: {_allowed(schema['items'])}"
    if "minimum" in schema:
        step = f", multiple of {schema['multipleOf']}" if "multipleOf" in schema else ""
        return f"{_WORDS[schema['type']]} from {schema['minimum']:,} to {schema['maximum']:,}{step}"
    return _WORDS[schema["type"]]


def _default(value) -> str:
    """Return a default in words."""
    if value in (None, "", []):
        return "none"
    if isinstance(value, list) and len(set(value)) == 1:
        return str(value[0])
    return ", ".join(value) if isinstance(value, list) else str(value).lower()


_WORDS = {"null": "", "boolean": "true or false", "string": "text", "integer": "whole number", "number": "number"}

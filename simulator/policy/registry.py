"""The policies that exist: every file of `kinds`, and files of the user's own."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import get_args, get_origin

from pydantic import BaseModel

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.values import Unit, unit_in_words
from simulator.policy import kinds as kinds_folder
from simulator.policy.base import Policy
from simulator.system.inputs import MOST_TEXT, size_of
from simulator.system.signals import Interrupted

FILE = "file:"  # how the kind of a user's own policy begins; the path of a Python file follows
_NEEDED = ("DESCRIPTION", "EFFECT", "NEUTRAL", "EXAMPLE", "Settings", "write")


def names() -> list[str]:
    """Return the kinds of policies in alphabetical order, without importing them."""
    return sorted(found.name for found in iter_modules(kinds_folder.__path__))


@cache
def kinds() -> dict[str, ModuleType]:
    """Return the modules by kind: each has the names of _NEEDED, and may have MEETS, `why` and `terms`.

    docs/policies.md says what they are.
    """
    return {name: import_module(f"{kinds_folder.__name__}.{name}") for name in names()}


def policy_of(kind: str) -> ModuleType:
    """Return the module of a kind: a file of `kinds`, or "file:" and the path of a file of the user's own."""
    return load_file(kind.removeprefix(FILE)) if kind.startswith(FILE) else kinds()[kind]


@cache
def load_file(path: str) -> ModuleType:
    """Return the policy of a Python file, which is run once; raises UserError with what keeps it from being one."""
    wish = "give the path of a policy file (Python)"
    try:
        size_of(path, MOST_TEXT, wish)
    except FileNotFoundError:
        raise UserError(Problem(path, "", "no such file", wish)) from None
    name = f"simulator_user_policy_{Path(path).stem}"
    spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, path))
    module = sys.modules[name] = module_from_spec(spec)
    with code_of(f"{FILE}{path}"):
        try:
            spec.loader.exec_module(module)
        except ImportError as error:
            if str(error.name).partition(".")[0] != __name__.partition(".")[0]:
                raise
            raise UserError(_not_of_the_door(path, error)) from error
    if missing := [part for part in _NEEDED if not hasattr(module, part)]:
        raise UserError(Problem(path, "", f"has no {', '.join(missing)}", "docs/policies.md says what a policy needs"))
    if not (isinstance(module.Settings, type) and issubclass(module.Settings, Policy)):
        allowed = "allowed: a class built on simulator.policy.Policy"
        raise UserError(Problem(path, "Settings", f"found {module.Settings!r}", allowed))
    return module


def _not_of_the_door(path: str, error: ImportError) -> Problem:
    """Return what to import instead of a module or name of the simulator that is not there."""
    missing = re.search(r"cannot import name '(\w+)'", str(error))  # Python 3.11 has it in words only
    found = f"imports {missing[1]} from {error.name}" if missing else f"imports {error.name}"
    allowed = "import it from simulator.policy, which has all that a policy needs"
    if missing:
        allowed = f"from simulator.policy: {did_you_mean(missing[1], sys.modules[__package__].__all__)}"
    return Problem(path, "", f"{found}, which is not there", allowed)


def in_words(kind: str) -> str:
    """Return the name of a kind in words; that of a policy of the user's own is its file's."""
    return (Path(kind.removeprefix(FILE)).stem if kind.startswith(FILE) else kind).replace("_", " ")


@contextmanager
def code_of(kind: str, doing: str = "", but: type[BaseException] = UserError) -> Iterator[None]:
    """Turn what the code of a policy of the user's own raises, `doing` what, into a UserError that names its file.

    SystemExit and endless recursion too; what our own policies raise, and errors that are a `but`, go on as they are.
    """
    try:
        yield
    except (but, Interrupted):
        raise
    except BaseException as error:
        if not kind.startswith(FILE):
            raise
        try:
            text = str(error)
        except Exception:  # its own words raise
            text = ""
        said = f"{type(error).__name__}: {text}" if text else type(error).__name__
        what = f"{doing} raises" if doing else "cannot be run:"
        raise UserError(Problem(kind.removeprefix(FILE), "", f"{what} {said}")) from error


def markdown(only: str | None = None) -> str:
    """Return every policy in words: what it does, what to look for, and its settings with unit, bounds and default.

    With `only`, that kind or file alone; raises UserError with the nearest kind if there is none of that name.
    """
    common = _properties(Policy)
    shown = kinds() if only is None else {only: _named(only)}
    lines = ["# Policies", ""]
    for kind, module in shown.items():
        meets = [f"Two of them in one month: {text}", ""] if (text := getattr(module, "MEETS", "")) else []
        lines += [f"## {kind}", "", module.DESCRIPTION, "", f"Look for: {module.EFFECT}", "", *meets]
        lines += _table({name: about for name, about in _properties(module.Settings).items() if name not in common})
    return "\n".join([*lines, "## Settings of every policy", "", *_table(common)])


def overview() -> str:
    """Return the table of all kinds in Markdown: what each does, what to look for, two of them in one month."""
    lines = ["| kind | what it does | what to look for | two of them in one month |", "|---|---|---|---|"]
    for kind, module in kinds().items():
        lines.append(f"| [`{kind}`](#{kind}) | {module.DESCRIPTION} | {module.EFFECT} | {module.MEETS} |")
    return "\n".join([*lines, ""])


def _named(kind: str) -> ModuleType:
    """Return the policy of a kind, or of a file that ends in .py."""
    if kind.endswith(".py"):
        return load_file(kind)
    if kind not in kinds():
        raise UserError(Problem(kind, found="no such kind of policy", allowed=did_you_mean(kind, kinds())))
    return kinds()[kind]


def _properties(model) -> dict[str, dict]:
    """Return the JSON schema of each setting, with its `unit` and whether it is `needed`, by its name in a file."""
    schema, found = model.model_json_schema()["properties"], {}
    for attribute, info in model.model_fields.items():
        name, inner = info.alias or attribute, _table_in(info)
        if inner is None:
            found[name] = {**schema[name], "unit": _unit(info), "needed": info.is_required()}
            continue
        prefix = f"{name}.NAME" if dict in map(get_origin, _parts(info.annotation)) else name
        found[name] = {"type": "table", "default": None, "unit": "", "needed": False, **_names_in(schema[name])}
        found[name]["description"] = info.description
        found |= {f"{prefix}.{key}": about for key, about in _properties(inner).items()}
    return found


def _table_in(info) -> type[BaseModel] | None:
    """Return the model of a setting that is a table, or a table of tables, else None."""
    types = [part for part in _parts(info.annotation) if isinstance(part, type)]
    return next((part for part in types if issubclass(part, BaseModel)), None)


def _names_in(schema: dict) -> dict:
    """Return the names that the tables of a table may have, as `names`."""
    return {"names": schema["propertyNames"]["enum"]} if "propertyNames" in schema else {}


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
        return ", ".join(json.dumps(word) for word in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "table":
        return f"tables NAME: {', '.join(schema['names'])}" if "names" in schema else "table"
    if schema["type"] == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        size = f" of {most}" if most == least else f" of up to {most}" if most else ""
        return f"list{size}: {_allowed(schema['items'])}"
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
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


_WORDS = {"null": "", "boolean": "true or false", "string": "text", "integer": "whole number", "number": "number"}

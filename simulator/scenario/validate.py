"""From a tree of leaves to typed settings: units, provenance, and every problem with its key path."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from .contradictions import contradictions
from .distributions import KINDS, Distribution
from .errors import Problem, did_you_mean
from .layers import ABOUT, NO_VALUE, Leaf, is_value_table
from .schema import Settings
from .values import Provenance, Unit, in_canonical_unit, unit_in_words

_NO_UNIT = Unit("")


class Resolved(NamedTuple):
    """What a tree became; `settings` is None when there are problems."""

    settings: Settings | None
    provenance: dict[str, Provenance]
    problems: list[Problem]


class Field(NamedTuple):
    """What the walk needs to know about a field of a model."""

    unit: Unit | None
    model: type[BaseModel] | None  # model of the field, or of the members of a list or table of tables
    shape: str  # "value", "table", "tables", "list", "distribution", "anything"
    default: Any


def resolve(tree: dict, file: str) -> Resolved:
    """Return typed settings for a whole merged tree, or all that is wrong with it."""
    walk = _Walk(file, _currency(tree))
    clean = walk.table(tree, Settings, "")
    clean["policy"] = walk.policies(tree.get("policy"))
    settings = walk.validated(clean)
    if settings:
        walk.add_defaults(settings, "")
        walk.problems += [
            Problem(walk.file_of(key), key, found, allowed)
            for key, found, allowed in contradictions(settings)
            if not any(_related(key, problem.key) for problem in walk.problems)
        ]
    return Resolved(None if walk.problems else settings, walk.provenance, walk.problems)


class _Walk:
    """Takes leaves apart: values on one side, provenance and problems on the other."""

    def __init__(self, file: str, currency: str):
        self.file, self.currency = file, currency
        self.provenance: dict[str, Provenance] = {}
        self.problems: list[Problem] = []
        self.leaves: dict[str, Leaf] = {}

    def table(self, tree: dict, model: type[BaseModel], path: str, unit: Unit | None = None) -> dict:
        """Return the plain values of the table `tree` of type `model`; `unit` is what a distribution measures."""
        fields, clean = fields_of(model), {}
        for key, node in tree.items():
            here = f"{path}.{key}" if path else key
            if key in fields:
                field = fields[key]
                if model is Settings and key == "policy":
                    continue
                if issubclass(model, Distribution):  # its unit is that of the quantity, not of a spread such as sigma
                    own = field.unit or key == "distribution"
                    node = replace(node, unit=None) if own and isinstance(node, Leaf) else node
                    field = field._replace(unit=field.unit or unit)
                clean[key] = self.node(node, field, here)
            elif key not in ABOUT:
                self.problem(_file_in(node) or self.file, here, "unknown key", did_you_mean(key, fields))
        return clean

    def node(self, node: Any, field: Field, path: str) -> Any:
        """Return the plain value of `node`, a leaf or a tree, for `field`."""
        if isinstance(node, Leaf):
            if node.value is NO_VALUE:
                self.problem(node.file, path, "no value", 'write { value = ..., unit = "...", source = "..." }')
                return None
            if field.shape == "distribution" and _is_number(node.value):
                return {"distribution": "constant", "value": self.leaf(node, field, f"{path}.value")}
            return self.leaf(node, field, path)
        if field.shape == "distribution":
            kind = node.get("distribution")
            if not isinstance(kind, Leaf) or str(kind.value) not in KINDS:
                found = f"found {kind.value!r}" if isinstance(kind, Leaf) else "no distribution"
                self.problem(_file_in(node) or self.file, f"{path}.distribution", found, "allowed: " + ", ".join(KINDS))
                return {"distribution": "constant", "value": 0.0}
            return self.table(node, KINDS[kind.value], path, field.unit)
        if field.shape == "table":
            return self.table(node, field.model, path)
        if field.shape == "tables":
            inner = Field(None, field.model, "table", None)
            return {key: self.node(value, inner, f"{path}.{key}") for key, value in node.items()}
        inner = field._replace(shape="anything")
        return {key: self.node(value, inner, f"{path}.{key}") for key, value in node.items() if key not in ABOUT}

    def leaf(self, leaf: Leaf, field: Field, path: str) -> Any:
        """Return the value of `leaf` in the canonical unit of `field`, keeping where it came from."""
        self.leaves[path] = leaf
        value = leaf.value
        if field.shape == "list" and isinstance(value, list):
            members = [self.member(item, leaf, field.model, f"{path}.{i}") for i, item in enumerate(value)]
            if members:
                self.keep(path, leaf, None)
            return members
        try:
            value = in_canonical_unit(value, leaf.unit, field.unit or _NO_UNIT, self.currency)
        except ValueError as error:
            allowed = str(error) if field.unit else "this value has no unit"
            self.problem(leaf.file, f"{path}.unit", f"found {leaf.unit!r}", allowed)
        if _is_number(value):
            self.keep(path, leaf, field.unit)
        return value

    def member(self, item: Any, leaf: Leaf, model: type[BaseModel], path: str) -> Any:
        """Return member `item` of a list of tables, whose values may be value tables too."""
        if not isinstance(item, dict):
            return item
        tree = {}
        for key, value in item.items():
            about = {name: getattr(leaf, name) for name in ("source", "status")}
            if is_value_table(value):
                about |= {name: value[name] for name in ABOUT if name in value}
                value = value.get("value", NO_VALUE)
            tree[key] = Leaf(value, leaf.file, **about)
        return self.table(tree, model, path)

    def policies(self, tree: Any) -> dict[str, BaseModel]:
        """Return the typed settings of each policy by its name."""
        if not isinstance(tree, dict):
            if tree is not None:
                self.problem(tree.file, "policy", "found a value", "allowed: tables such as [policy.my_cut]")
            return {}
        from simulator.policies.registry import kinds

        found = {}
        for name, node in tree.items():
            path = f"policy.{name}"
            if not isinstance(node, dict):
                self.problem(node.file, path, f"found {node.value!r}", f"allowed: a table [{path}]")
                continue
            kind = node.get("kind")
            if not isinstance(kind, Leaf):
                others = [other for other in tree if other != name]
                hint = did_you_mean(name, others) if others else ""
                hint = f"{hint} " if hint.startswith("did") else ""
                known = f"{hint}a new policy needs kind = one of {', '.join(kinds())}"
                self.problem(_file_in(node) or self.file, path, "no such policy, and no kind", known)
            elif str(kind.value) not in kinds():
                found_kind = f"found {kind.value!r}"
                self.problem(kind.file, f"{path}.kind", found_kind, did_you_mean(str(kind.value), kinds()))
            else:
                model = kinds()[kind.value].Settings
                clean = self.table(node, model, path)
                try:
                    found[name] = model.model_validate(clean, strict=True)
                except ValidationError as errors:
                    self.complain(errors, clean, model, path)
        return found

    def keep(self, path: str, leaf: Leaf, unit: Unit | None) -> None:
        """Keep where the value at `path` came from."""
        source = leaf.source or ("command line" if leaf.file.startswith("--") else f"author of {Path(leaf.file).name}")
        self.provenance[path] = Provenance(self.name_of(unit), source, leaf.status or "", leaf.file)

    def name_of(self, unit: Unit | None) -> str:
        """Return the name of a canonical unit in the scenario's currency."""
        return next(iter(unit.factors(self.currency))) if unit else ""

    def problem(self, file: str, key: str, found: str, allowed: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(file, key, found, allowed))

    def file_of(self, key: str) -> str:
        """Return the file that set `key`, or something in or above it."""
        while key:
            inside = [leaf.file for path, leaf in self.leaves.items() if path == key or path.startswith(f"{key}.")]
            if inside:
                return inside[-1]
            key = key.rpartition(".")[0]
        return self.file

    def validated(self, clean: dict) -> Settings | None:
        """Return typed settings; wrong values are noted and left out, so that the rest can still be checked."""
        try:
            return Settings.model_validate(clean)
        except ValidationError as errors:
            self.complain(errors, clean, Settings)
            wrong = [_path_in(clean, error["loc"], False) for error in errors.errors(include_url=False)]
        for path in wrong:
            _drop(clean, path)
        try:
            return Settings.model_validate({"title": "untitled"} | clean)
        except ValidationError:
            return None

    def complain(self, errors: ValidationError, clean: dict, model: type[BaseModel], prefix: str = "") -> None:
        """Put pydantic's errors in our words; alternatives of one key become one problem."""
        said: dict[str, tuple[str, list[str]]] = {}
        for error in errors.errors(include_url=False):
            path = _path_in(clean, error["loc"], error["type"] == "missing")
            key = ".".join(part for part in (prefix, *map(str, path)) if part)
            found, allowed = _words(error, self.leaves.get(key))
            said.setdefault(key, (found, []))[1].append(allowed)
        already = {problem.key for problem in self.problems}
        meant = {(problem.key.rpartition(".")[0], problem.allowed) for problem in self.problems}
        for key, (found, allowed) in said.items():
            table, _, name = key.rpartition(".")
            misspelt = found == "missing" and (table, f"did you mean {name}?") in meant
            if not misspelt and not any(old == key or old.startswith(f"{key}.") for old in already):
                self.problem(self.file_of(key), key, found, " or ".join(dict.fromkeys(filter(None, allowed))))

    def add_defaults(self, settings: BaseModel, path: str, outer: Unit | None = None) -> None:
        """Note the provenance of every number left at its default; `outer` is what a distribution measures."""
        for name, field in fields_of(type(settings)).items():
            here = f"{path}.{name}" if path else name
            value = getattr(settings, field_attribute(type(settings), name))
            if isinstance(value, BaseModel):
                self.add_defaults(value, here, field.unit)
            elif isinstance(value, dict):
                for key, member in value.items():
                    if isinstance(member, BaseModel):
                        self.add_defaults(member, f"{here}.{key}")
            elif (_is_number(value) or (field.shape == "list" and value)) and here not in self.provenance:
                self.provenance[here] = Provenance(self.name_of(field.unit or outer), "neutral default", "default")


@cache
def fields_of(model: type[BaseModel]) -> dict[str, Field]:
    """Return what the walk knows of each field of `model`, by the name the file uses."""
    return {info.alias or name: _field(info) for name, info in model.model_fields.items()}


@cache
def _attributes(model: type[BaseModel]) -> dict[str, str]:
    return {info.alias or name: name for name, info in model.model_fields.items()}


def field_attribute(model: type[BaseModel], key: str) -> str:
    """Return the attribute that holds the value of `key`."""
    return _attributes(model)[key]


def _field(info) -> Field:
    parts = [*info.metadata, *_parts(info.annotation)]
    unit = next((part for part in reversed(info.metadata) if isinstance(part, Unit)), None)
    unit = unit or next((part for part in parts if isinstance(part, Unit)), None)
    unit = unit or unit_in_words(info.description or "")
    model = next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)
    default = info.get_default(call_default_factory=True)
    if model is None:
        shape = "value"
    elif issubclass(model, Distribution):
        shape, model = "distribution", None
    else:
        shape = "tables" if dict in parts else "list" if list in parts else "table"
    return Field(unit, model, shape, None if default is PydanticUndefined else default)


def _parts(annotation: Any) -> list:
    """Return the types and metadata an annotation is made of, outermost first."""
    inner = [part for argument in get_args(annotation) for part in _parts(argument)]
    return [get_origin(annotation) or annotation, *inner]


def _currency(tree: dict) -> str:
    """Return the currency's code, or CNY where the tree does not say."""
    code = tree["currency"].get("code") if isinstance(tree.get("currency"), dict) else None
    return code.value if isinstance(code, Leaf) and re.fullmatch("[A-Z]{3}", str(code.value)) else "CNY"


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and _is_number(value[0])
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _file_in(node: Any) -> str:
    """Return the file of the last leaf in `node`."""
    if isinstance(node, Leaf):
        return node.file
    files = [file for inner in node.values() if (file := _file_in(inner))] if isinstance(node, dict) else []
    return files[-1] if files else ""


def _related(key: str, other: str) -> bool:
    """Return whether what is wrong at `key` may follow from what is wrong at `other`.

    So it is when one lies in the other, and when a whole policy seems wrong because another one could not be read.
    """
    whole_policy = key.startswith("policy.") and key.count(".") == 1
    key, other = f"{key}.", f"{other}."
    return key.startswith(other) or other.startswith(key) or (whole_policy and other.startswith("policy."))


def _drop(data: Any, path: list) -> None:
    """Remove what is at `path`, if it is still there, from the table it is in."""
    for part in path[:-1]:
        data = data[part] if isinstance(data, dict) and part in data else None
    if isinstance(data, dict) and path:
        data.pop(path[-1], None)


def _path_in(data: Any, location: tuple, missing: bool) -> list:
    """Return `location` without the parts pydantic adds for unions: only what is really in `data`."""
    path = []
    for i, part in enumerate(location):
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and part in range(len(data))):
            data = data[part]
            path.append(part)
        elif missing and i == len(location) - 1:
            path.append(part)
    return path


_TYPES = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "less than {}"),
    "multiple_of": ("multiple_of", "a multiple of {}"),
}


def _words(error: dict, leaf: Leaf | None) -> tuple[str, str]:
    """Return what was found, as `leaf` has it, and what is allowed, for one pydantic error."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    converted = leaf and leaf.unit and not isinstance(leaf.value, (dict, list))
    found = f"{leaf.value!r} {leaf.unit}" if converted else repr(value)
    found = "found " + (found if len(found) <= 80 else f"{found[:77]}...")
    if kind == "missing":
        return "missing", "this key is needed"
    if kind == "value_error":
        return str(context["error"]), ""
    if kind in _TYPES:
        return found, f"allowed: {_TYPES[kind]}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return found, "allowed: " + words.format(f"{context[name]:,.10g}")
    if kind in ("too_short", "too_long"):
        bound, limit = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        return f"found {context['actual_length']} members", f"allowed: {bound} {context[limit]}"
    if kind == "literal_error":
        return found, f"allowed: {context['expected']}"
    return found, error["msg"]

"""Pydantic's errors in our words, and where in the data they are."""

from collections.abc import Mapping
from copy import deepcopy
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.language.catalogue import kept, noted
from simulator.model.errors import Problem, did_you_mean
from simulator.scenario.fields import fields_of
from simulator.scenario.layers import Leaf

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
    "greater_than_equal": ("ge", noted("allowed: {bound} or more")),
    "greater_than": ("gt", noted("allowed: more than {bound}")),
    "less_than_equal": ("le", noted("allowed: {bound} or less")),
    "less_than": ("lt", noted("allowed: less than {bound}")),
    "multiple_of": ("multiple_of", noted("allowed: a multiple of {bound}")),
}

STAND_INS = {  # for the keys of tables that have no default: what none of the checks of values together refuses
    "title": "untitled",
    "months": 600,
    "portfolio": {"borrowers": 1},
    "segment": {"all": {"share": 1.0, "line_holders": 1.0}},
    "share": 0.0,
    "behaviour": {"model": "structural"},
    "model": "structural",
}


def in_words(error: Mapping[str, Any], leaf: Leaf | None, factors: dict[str, float] | None = None) -> tuple[str, str]:
    """Return what was found, as `leaf` has it, and what is allowed, for one pydantic error.

    `factors` are those of the units that the value may be given in, the canonical one first: a bound is told in the
    canonical unit, and in that of the value too.
    """
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    unit = leaf.unit if leaf and not isinstance(leaf.value, (dict, list)) else None
    found = f"{leaf.value!r} {unit}" if leaf and unit else repr(value)
    found = kept("found {value}", value=found if len(found) <= 80 else f"{found[:77]}...")
    if kind == "missing":
        return "missing", "this key is needed"
    if kind == "value_error":
        return context["error"].args[0], ""
    if kind in _TYPES:
        return found, f"allowed: {_TYPES[kind]}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound, same = f"{context[name]:,.10g}", None
        if unit and context[name] and factors and factors.get(unit, 1) != 1:
            bound = f"{bound} {next(iter(factors))}"
            same = f"{context[name] / factors[unit]:,.6g} {unit}"
        allowed = kept(words, bound=bound)
        return found, allowed if same is None else kept("{allowed}, which is {same}", allowed=allowed, same=same)
    if kind in ("too_short", "too_long"):
        bound, limit = ("at least", "min_length") if kind == "too_short" else ("at most", "max_length")
        return f"found {context['actual_length']} members", f"allowed: {bound} {context[limit]}"
    if kind == "literal_error":
        return found, f"allowed: {context['expected']}"
    return found, error["msg"]


def problems_in(file: str, model: type[BaseModel], errors: ValidationError) -> list[Problem]:
    """Return what is wrong with the tables of `file`, which are no `model`; a scenario's are told with their units."""
    found = []
    for error in errors.errors(include_url=False):
        key = ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            known = fields_of(_model_at(model, error["loc"][:-1]))
            found.append(Problem(file, key, "unknown key", did_you_mean(str(error["loc"][-1]), known)))
        else:
            found.append(Problem(file, key, *in_words(error, None)))
    return found


def _model_at(model, place):
    """Return the model of the table at `place` in a `model`."""
    parts = iter(place)
    for part in parts:
        field = fields_of(model)[part]
        model = field.model
        if field.shape == "tables":
            next(parts)  # the name of the table
    return model


def may_follow(key: str, other: str) -> bool:
    """Return whether what is wrong at `key` may follow from what is wrong at `other`.

    So it is when one lies in the other ("*" is any name), when a whole policy seems wrong because another one or the
    behaviour could not be read, a policy's segments because a whole segment could not, and what depends on the model of
    behaviour because that could not.
    """
    parts, others = key.split("."), other.split(".")
    if others == parts[:2] and parts[0] == "policy" and parts[-1] in ("start", "end", "segments"):
        return False  # the months and segments of a policy are read though other keys of it are missing
    if all(a == b or "*" in (a, b) for a, b in zip(parts, others, strict=False)):
        return True
    if parts[0] == "policy" and len(parts) == 2:
        return others[0] in ("policy", "behaviour")
    if parts[0] == "policy" and parts[-1] == "segments":
        return others[0] == "segment" and len(others) <= 2
    return parts[0] in ("segment", "behaviour") and other in ("behaviour", "behaviour.model")


def drop(data: Any, path: list) -> None:
    """Remove what is at `path`, if it is still there, from the table it is in; a list that it is in goes as a whole."""
    for part, below in pairwise(path):
        if not isinstance(data, dict) or part not in data:
            return
        if isinstance(data[part], list):
            del data[part]
            return
        data = data[part]
        path = [below]
    if isinstance(data, dict) and path:
        data.pop(path[-1], None)


def stand_in(data: Any, path: list) -> bool:
    """Put something possible where `path` is needed and missing, so that the rest can be checked; whether there is."""
    for part in path[:-1]:
        data = data[part] if isinstance(data, dict) and part in data else None
    if not isinstance(data, dict) or path[-1] not in STAND_INS or path[-1] in data:
        return False
    data[path[-1]] = deepcopy(STAND_INS[path[-1]])
    return True


def path_in(data: Any, location: tuple, missing: bool) -> list:
    """Return `location` without the parts pydantic adds for unions: only what is really in `data`."""
    path = []
    for i, part in enumerate(location):
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and part in range(len(data))):
            data = data[part]
            path.append(part)
        elif missing and i == len(location) - 1:
            path.append(part)
    return path

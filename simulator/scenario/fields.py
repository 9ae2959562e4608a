"""What the reader knows of the schema's fields: the unit, the shape, the model inside."""

from functools import cache
from math import inf
from typing import Annotated, Any, NamedTuple

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from simulator.model.values import Unit, parts_of, unit_in_words
from simulator.scenario.distributions import Distribution, Within


class Field(NamedTuple):
    """What the reader needs to know of a field of a model."""

    unit: Unit | None
    model: type[BaseModel] | None  # model of the field, or of the members of a list or table of tables
    shape: str  # "value", "table", "tables", "list", "distribution", "anything"


@cache
def fields_of(model: type[BaseModel]) -> dict[str, Field]:
    """Return what the reader knows of each field of `model`, by the name the file uses."""
    return {info.alias or name: _field(info) for name, info in model.model_fields.items()}


@cache
def _attributes(model: type[BaseModel]) -> dict[str, str]:
    return {info.alias or name: name for name, info in model.model_fields.items()}


def field_attribute(model: type[BaseModel], key: str) -> str:
    """Return the attribute that holds the value of `key`."""
    return _attributes(model)[key]


def refusal(model: type[BaseModel], key: str, value: Any) -> str:
    """Return why `key` of a `model` cannot have `value`, in pydantic's words; nothing if it can, or is a table."""
    if fields_of(model)[key].shape != "value":
        return ""
    try:
        _adapter(model, key).validate_python(value, strict=True)
    except ValidationError as error:
        return error.errors(include_url=False)[0]["msg"].lower()
    return ""


@cache
def bounds_of(model: type[BaseModel], key: str) -> tuple[float, float]:
    """Return between what the numbers at `key` of a `model` may lie, infinite where nothing is said.

    Of a list those of its members, of a distribution those of the quantity.
    """
    info = model.model_fields[field_attribute(model, key)]
    low, high = -inf, inf
    for part in parts_of(info):
        for said in part.metadata if isinstance(part, FieldInfo) else (part,):
            if isinstance(said, Ge | Gt):
                low = max(low, float(said.ge if isinstance(said, Ge) else said.gt))  # type: ignore[arg-type]
            elif isinstance(said, Le | Lt):
                high = min(high, float(said.le if isinstance(said, Le) else said.lt))  # type: ignore[arg-type]
            elif isinstance(said, AfterValidator) and isinstance(said.func, Within):
                low, high = max(low, said.func.low), min(high, said.func.high)
    return low, high


@cache
def _adapter(model: type[BaseModel], key: str) -> TypeAdapter:
    info = model.model_fields[field_attribute(model, key)]
    kind: Any = info.annotation
    return TypeAdapter(Annotated[kind, *info.metadata] if info.metadata else kind)


def _field(info) -> Field:
    parts = parts_of(info)
    unit = next((part for part in reversed(info.metadata) if isinstance(part, Unit)), None)
    unit = unit or next((part for part in parts if isinstance(part, Unit)), None)
    unit = unit or unit_in_words(info.description or "")
    model = next((part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)), None)
    if model is None:
        shape = "value"
    elif issubclass(model, Distribution):
        shape, model = "distribution", None
    else:
        shape = "tables" if dict in parts else "list" if list in parts else "table"
    return Field(unit, model, shape)

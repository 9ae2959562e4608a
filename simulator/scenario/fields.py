"""What the reader knows of the schema's fields: the unit, the shape, the model inside."""

from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from simulator.model.values import Unit, unit_in_words
from simulator.scenario.distributions import Distribution


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
def _adapter(model: type[BaseModel], key: str) -> TypeAdapter:
    info = model.model_fields[field_attribute(model, key)]
    kind: Any = info.annotation
    return TypeAdapter(Annotated[kind, *info.metadata] if info.metadata else kind)


def _field(info) -> Field:
    parts = [*info.metadata, *_parts(info.annotation)]
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


def _parts(annotation: Any) -> list:
    """Return the types and metadata an annotation is made of, outermost first."""
    inner = [part for argument in get_args(annotation) for part in _parts(argument)]
    return [get_origin(annotation) or annotation, *inner]

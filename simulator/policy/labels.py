"""What people call the settings of a policy, as its own file says: short, in the language that is spoken.

A field's `title` is its label; beside its type, `Choices` are what its words are called, `Members` what the members of
a list are. What a file does not say is made of the names in it: `raise_by` is "raise by".
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from simulator.language.catalogue import say
from simulator.model.values import parts_of

Names = Sequence[str]


class Choices:
    """Beside a type that is one of several words: what they are called."""

    def __init__(self, **labels: str):
        """Take the labels by word."""
        self.labels = labels


class Members:
    """Beside the type of a list: what its members are called, in their order, or a function of the policy that says.

    `order` is 1 where they have to rise, -1 where they have to fall, 0 where they may be in any order.
    """

    def __init__(self, names: Names | Callable[[Any], Names] = (), order: int = 0):
        """Take the names, which are said as they are; without any, members are counted."""
        self._names, self.order = names, order

    def of(self, policy: Any) -> Names:
        """Return the names in a policy."""
        return self._names(policy) if callable(self._names) else self._names


def labels_of(policy: BaseModel, key: str) -> list[str]:
    """Return what people call each part of a key below a policy: of "levels.sms.cost" the levels, that one, its cost.

    The member of a list is a part too, by its place from 0.
    """
    return [
        _member(policy, info, part) if is_member else _field(info, part) for info, part, is_member in _walk(policy, key)
    ]


def is_default(policy: BaseModel, key: str, value: Any) -> bool:
    """Return whether a value is the one that the setting at a key of a policy has where nothing is said."""
    *_, (info, _, is_member) = _walk(policy, key)
    return not is_member and info is not None and not info.is_required() and info.default == value


def choice_label(policy: BaseModel, key: str, word: str) -> str:
    """Return what people call a word that the setting at a key of a policy may be."""
    *_, (info, _, _) = _walk(policy, key)
    return _word(info, word)


def _walk(policy: BaseModel, key: str) -> Iterator[tuple[FieldInfo | None, str, bool]]:
    """Yield (field, part, whether it is a member of the field and not the field itself) of each part of a key."""
    model: type[BaseModel] | None = type(policy)
    info: FieldInfo | None = None
    for part in key.split("."):
        is_member = model is None
        if model is not None:
            info = next((one for name, one in model.model_fields.items() if part == (one.alias or name)), None)
        yield info, part, is_member
        parts = parts_of(info)
        inner = next((one for one in parts if isinstance(one, type) and issubclass(one, BaseModel)), None)
        model = None if dict in parts and not is_member else inner


def _field(info: FieldInfo | None, part: str) -> str:
    return say(info.title) if info and info.title else _plain(part)


def _member(policy: BaseModel, info: FieldInfo | None, part: str) -> str:
    if not part.isdecimal():
        return _word(info, part)
    names = next((one.of(policy) for one in parts_of(info) if isinstance(one, Members)), ())
    place = int(part)
    return names[place] if place < len(names) else str(place + 1)


def _word(info: FieldInfo | None, word: str) -> str:
    labels = next((one.labels for one in parts_of(info) if isinstance(one, Choices)), {})
    return say(labels[word]) if word in labels else _plain(word)


def _plain(name: str) -> str:
    return name.replace("_", " ")

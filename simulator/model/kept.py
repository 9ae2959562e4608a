"""What was worked out once is kept by the content of what it came from, for whoever asks the same again.

The thousands of scenarios of a sweep differ in one number each, and the lenders of a scenario in a policy: almost all
of their tables are the same. What is kept is shared, so its arrays are read-only; `writable` gives copies.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np
from pydantic import BaseModel

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
MOST_BYTES = 256 << 20  # of all that is kept: what was not asked for longest goes first
LARGEST = MOST_BYTES >> 3  # of one result that is kept
PLAIN = (float, int, str, bool, type(None))  # kinds of values that are their own content
OVERHEAD = 1 << 10  # of a result besides its arrays and its key's texts


class _Result(NamedTuple):
    value: Any
    size: int


_results: OrderedDict[Hashable, _Result] = OrderedDict()
_lock = Lock()
_size = 0


def kept(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` with its results kept; it must be pure, and its results are not to be changed.

    Its arguments are settings, numbers, texts, arrays, and tuples, lists and mappings of these. Threads may share it.
    """

    @wraps(function)
    def found(*given: P.args, **named: P.kwargs) -> R:
        return kept_as((function, given, named), lambda: function(*given, **named))

    return found


def kept_as(what: Any, make: Callable[[], T]) -> T:
    """Return the result kept for a content, `what` and the tool that asks; else what `make` gives, which is kept."""
    key = content(what)
    with _lock:
        if key in _results:
            _results.move_to_end(key)
            return _results[key].value
    value = make()
    _read_only(value)
    return _keep(key, value)


def content(value: Any) -> Hashable:
    """Return what is equal for equal values alone, of the kinds that `kept` takes."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, BaseModel):
        return type(value), value.model_dump_json()
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple | list):
        return tuple([member if type(member) in PLAIN else content(member) for member in value])
    if isinstance(value, dict):
        return tuple([(key, content(member)) for key, member in value.items()])
    return value


def writable(value: T) -> T:
    """Return a named tuple of arrays with copies of them, which are the caller's own."""
    copies = [part.copy() if isinstance(part, np.ndarray) else part for part in cast(Any, value)]
    return cast(Any, type(value))(*copies)


def forget() -> None:
    """Let go of all that is kept."""
    global _size
    with _lock:
        _results.clear()
        _size = 0


def _keep(key, value):
    """Keep a result, and return it, or the equal one that another thread has kept meanwhile."""
    global _size
    size = OVERHEAD + _length(key) + sum(array.nbytes for array in _arrays(value))
    if size > LARGEST:
        return value
    with _lock:
        if key not in _results:
            _results[key] = _Result(value, size)
            _size += size
            while _size > MOST_BYTES:
                _, oldest = _results.popitem(last=False)
                _size -= oldest.size
        return _results[key].value


def _length(key) -> int:
    """Return about the bytes of a key: of the texts in it."""
    return sum(map(_length, key)) if isinstance(key, tuple) else len(key) if isinstance(key, str | bytes) else 0


def _read_only(value):
    for array in _arrays(value):
        array.setflags(write=False)


def _arrays(value) -> list[np.ndarray]:
    """Return the arrays in a result."""
    if isinstance(value, np.ndarray):
        return [value]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
    return [array for member in inside for array in _arrays(member)]

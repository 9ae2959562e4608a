"""The policies that exist: every file of this folder that has `Settings` and `write`."""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

_MACHINERY = ("base", "levers", "registry")


def names() -> list[str]:
    """Return the kinds of policies in alphabetical order, without importing them."""
    return sorted(found.name for found in iter_modules([str(Path(__file__).parent)]) if found.name not in _MACHINERY)


@cache
def kinds() -> dict[str, ModuleType]:
    """Return by kind the modules: each has DESCRIPTION, EFFECT, Settings and write(levers, settings, frame)."""
    return {name: import_module(f"simulator.policies.{name}") for name in names()}

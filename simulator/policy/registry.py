"""The policies that exist: every file of `kinds`, and files of the user's own."""

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

from simulator.language.catalogue import say
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.policy import kinds as kinds_folder
from simulator.policy.base import Policy
from simulator.system.inputs import MOST_TEXT, size_of
from simulator.system.signals import Interrupted

FILE = "file:"  # how the kind of a user's own policy begins; the path of a Python file follows
_own: dict[str, ModuleType] = {}  # files of the user's own that have been run, by their path
_NEEDED = ("DESCRIPTION", "EFFECT", "NEUTRAL", "EXAMPLE", "Settings", "write")


def names() -> list[str]:
    """Return the kinds of policies in alphabetical order, without importing them."""
    return sorted(found.name for found in iter_modules(kinds_folder.__path__))


@cache
def kinds() -> dict[str, ModuleType]:
    """Return the modules by kind: each has the names of _NEEDED, and may have LABEL, MEETS, RECORDS, `why` and `terms`.

    docs/policies.md says what they are.
    """
    return {name: import_module(f"{kinds_folder.__name__}.{name}") for name in names()}


def kind_of_records(fact: str) -> str:
    """Return the kind by which a scenario made from records does what they show, as its file says in RECORDS."""
    return next(kind for kind, module in kinds().items() if getattr(module, "RECORDS", "") == fact)


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
    assert spec and spec.loader  # as one is given
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
    _own[path] = module
    return module


def _not_of_the_door(path: str, error: ImportError) -> Problem:
    """Return what to import instead of a module or name of the simulator that is not there."""
    missing = re.search(r"cannot import name '(\w+)'", str(error))  # Python 3.11 has it in words only
    found = f"imports {missing[1]} from {error.name}" if missing else f"imports {error.name}"
    allowed = "import it from simulator.policy, which has all that a policy needs"
    if missing:
        allowed = f"from simulator.policy: {did_you_mean(missing[1], sys.modules[__package__].__all__)}"
    return Problem(path, "", f"{found}, which is not there", allowed)


def named(kind: str) -> ModuleType:
    """Return the policy of a kind, or of a file, "my.py" or "file:my.py"; raises UserError with the nearest kind."""
    if kind.startswith(FILE) or kind.endswith(".py"):
        return load_file(kind.removeprefix(FILE))
    if kind not in kinds():
        raise UserError(Problem(kind, found="no such kind of policy", allowed=did_you_mean(kind, kinds())))
    return kinds()[kind]


def in_words(kind: str) -> str:
    """Return what people call a kind: its LABEL; a policy of the user's own without one by its file's name."""
    path = kind.removeprefix(FILE)
    module = _own.get(path) if kind.startswith(FILE) else kinds()[kind]
    label = getattr(module, "LABEL", "")
    return say(label) if label else Path(path).stem.replace("_", " ")


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

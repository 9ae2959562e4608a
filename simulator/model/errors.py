"""What is said when the user's input is wrong: every problem at once, one clear line each."""

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

from simulator.model.printable import printable

MOST = 1000  # characters of each part of a message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input: where it is, what was found, what is allowed or what to do."""

    file: str  # file as the user named it, or an option such as --set
    key: str = ""  # dotted key path; empty when the whole file is meant
    found: str = ""
    allowed: str = ""

    def __str__(self) -> str:
        """Return one line: file: key: found; allowed; nothing in it steers a terminal, nothing is endless."""
        file, key, found, allowed = (
            printable(part if len(part) <= MOST else f"{part[:MOST]}...")
            for part in (self.file, self.key, self.found, self.allowed)
        )
        where = ": ".join(part for part in (file, key) if part)
        what = "; ".join(part for part in (found, allowed) if part)
        return f"{where}: {what}"


class UserError(Exception):
    """The user's input is wrong; `problems` lists everything that is."""

    def __init__(self, problems: list[Problem] | Problem):
        """Keep `problems`, each once, in the order given."""
        self.problems = list(dict.fromkeys([problems] if isinstance(problems, Problem) else problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> "tuple[type[UserError], tuple[list[Problem]]]":
        """Pickle the problems, as a process tells another, not the text made of them."""
        return UserError, (self.problems,)


def path_of(what: str, given: object) -> Path:
    """Return the path that is given for `what`, as text or as a path; UserError if it is neither."""
    if isinstance(given, str | PathLike) and isinstance(path := fspath(given), str):
        return Path(path)
    raise UserError(Problem(what, "", f"found {given!r}", "allowed: a path, as text or pathlib.Path"))


def names_of(what: str, given: Iterable[str] | str | None) -> list[str]:
    """Return the names that are given for `what`: one, several, or none; UserError if they are no names."""
    names = [given] if isinstance(given, str) else [] if given is None else given
    if isinstance(names, Iterable) and not isinstance(names, bytes):
        listed = list(names)
        if all(isinstance(name, str) for name in listed):
            return listed
    raise UserError(Problem(what, "", f"found {given!r}", "allowed: a name, or a list of names"))


def check_kind(what: str, given: object, kind: type | tuple[type, ...], allowed: str) -> None:
    """Raise UserError if what is given for `what` is not of a kind; True and False are no numbers."""
    if not isinstance(given, kind) or isinstance(given, bool):
        raise UserError(Problem(what, "", f"found {given!r}", f"allowed: {allowed}"))


def check_names(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UserError with each of `names`, of `what` they are, that is not known, and with those that are."""
    known = list(known)
    strange = [str(name) for name in names if name not in known]
    if strange:
        found = "there is none of that name"
        raise UserError([Problem(what, name, found, did_you_mean(name, known)) for name in strange])


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """Return "did you mean ...?" with the known word nearest to `word`, else the list of known words."""
    from difflib import get_close_matches

    names = sorted(str(name) for name in known)
    if near := get_close_matches(word, names, n=1, cutoff=0.6):
        return f"did you mean {near[0]}?"
    return "allowed: " + (", ".join(names) or "nothing")

"""Who is told how long work goes: a progress bar, a log, nobody."""

from collections.abc import Callable
from typing import Protocol

COMPILING = "compiling the kernel, once for this version: a minute or two"
BEHIND = "the kernel is compiled for this processor behind this command, once for this version"


class Observer(Protocol):
    """What any long work tells; each method returns at once. Whatever one raises ends the work."""

    def started(self, stage: str) -> None:
        """Take note that the work has come to a stage, such as "writing the report"."""

    def advanced(self, what: str, done: int, total: int) -> None:
        """Take note that `done` more of `total` are through (borrower-months, if nothing else), these of `what`.

        Called from any thread.
        """

    def note(self, line: str) -> None:
        """Take note of what a user should read, such as the memory that the run needs."""


class Silent:
    """The observer that tells nobody."""

    def started(self, stage: str) -> None:
        """Do nothing."""

    def advanced(self, what: str, done: int, total: int) -> None:
        """Do nothing."""

    def note(self, line: str) -> None:
        """Do nothing."""


SILENT = Silent()


class Part(Silent):
    """Who is told of a part of longer work: all but how far the part is."""

    def __init__(self, whole: Observer):
        """Pass on stages and notes to the observer of the whole."""
        self._whole = whole

    def started(self, stage: str) -> None:
        """Pass it on."""
        self._whole.started(stage)

    def note(self, line: str) -> None:
        """Pass it on."""
        self._whole.note(line)


class Aside(Silent):
    """Who is told of smaller runs beside the one that was asked for: how far they are, not what a user should read."""

    def __init__(self, whole: Observer):
        """Pass on all but notes of what is run to the observer of the whole."""
        self._whole = whole

    def note(self, line: str) -> None:
        """Pass on what the program itself does."""
        if line in (COMPILING, BEHIND):
            self._whole.note(line)

    def started(self, stage: str) -> None:
        """Pass it on."""
        self._whole.started(stage)

    def advanced(self, what: str, done: int, total: int) -> None:
        """Pass it on."""
        self._whole.advanced(what, done, total)


class InTurn:
    """Who is told of several runs of like size, one after the other: whose they are, and each note once."""

    def __init__(self, whole: Observer, names: list[str]):
        """Pass on to the observer of the whole what the runs of these names tell; `name` is the one at work."""
        self._whole, self._names, self._said = whole, names, set[str]()
        self.name = names[0]

    def started(self, stage: str) -> None:
        """Pass it on."""
        self._whole.started(stage)

    def advanced(self, what: str, done: int, total: int) -> None:
        """Pass it on as a part of all runs."""
        self._whole.advanced(f"{self.name}: {what}", done, len(self._names) * total)

    def note(self, line: str) -> None:
        """Pass on what no run before has said."""
        if line not in self._said:
            self._said.add(line)
            self._whole.note(line if self.name == self._names[0] else f"{self.name}: {line}")


def outermost(observer: Observer) -> Observer:
    """Return the observer of the whole work, of which `observer` is told a part."""
    while (whole := getattr(observer, "_whole", None)) is not None:
        observer = whole
    return observer


def compiling(observer: Observer) -> Callable[[str], None]:
    """Return what is told of each stage in which the kernel is compiled, for an observer."""
    is_noted = False

    def at(stage: str) -> None:
        nonlocal is_noted
        if stage.startswith(BEHIND):
            observer.note(stage)
            return
        if not is_noted:
            observer.note(COMPILING)
        is_noted = True
        observer.started(f"compiling the kernel, once: {stage}")

    return at

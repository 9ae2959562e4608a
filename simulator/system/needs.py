"""What work takes of this machine: said before it begins where it is long, refused where there is not so much.

One rule for every command. Over a minute: a line says time, memory and disk. More memory than there is: refused. More
than a day, or more disk than is free: refused by a command, which nobody asks whether to go on; `--yes` has it begin.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT, Observer, outermost
from simulator.system.machine import machine_memory

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
MB, GB = 10**6, 10**9  # bytes
SOON = 1.5  # times as long as was said: what is said again
LEFT = 16 << 20  # bytes that a disk keeps
_said: WeakKeyDictionary[Observer, float] = WeakKeyDictionary()  # the longest time of which an observer was told


class TooLarge(UserError):
    """Work would take more memory than this machine has; `share` is the part of it that there is."""

    def __init__(self, problem: Problem, share: float):
        """Keep the problem and the share, below 1."""
        super().__init__(problem)
        self.share = share


class Needs(NamedTuple):
    """What work takes: seconds on the clock, bytes of memory, bytes on the disk."""

    seconds: float = 0.0
    memory: int = 0
    disk: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        told = [f"about {duration(self.seconds)}", *([f"{amount(self.memory)} of memory"] if self.memory else [])]
        if self.disk:
            told.append(f"{amount(self.disk)} on the disk")
        return f"{', '.join(told[:-1])} and {told[-1]}" if len(told) > 1 else told[0]


class Limits(NamedTuple):
    """What a command may take without being told to: seconds, and where its results go, with their bytes."""

    seconds: float = DAY
    folder: Path | None = None
    disk: int = 0  # bytes of the results, as far as they do not depend on what is found

    @property
    def free(self) -> float:
        """Bytes that may be written where the results go."""
        above = self.folder
        while above is not None and not above.exists():
            above = above.parent if above.parent != above else None
        try:
            return max(0, shutil.disk_usage(above).free - LEFT) if above is not None else float("inf")
        except OSError:
            return float("inf")

    def check(self, needs: Needs) -> None:
        """Raise UserError if work needs more; nobody is asked whether to go on."""
        problems = []
        if needs.seconds > self.seconds:
            allowed = f"allowed: {duration(self.seconds)}; --yes begins all the same"
            problems.append(Problem("time", "", f"this would take about {duration(needs.seconds)}", allowed))
        if needs.disk and needs.disk > self.free:
            found = f"the results would take {amount(needs.disk)}, and {amount(self.free)} are free there"
            problems.append(Problem(str(self.folder), "", found, "choose another --out; --yes begins all the same"))
        if problems:
            raise UserError(problems)


def announce(needs: Callable[[], Needs], observer: Observer) -> None:
    """Have the outermost observer told what work takes, once, where it is over a minute.

    `needs` is asked only if there is one. Raises UserError if it is more than the observer's `limits`, which commands
    have: who asks in Python may wait for as long as they like.
    """
    whole = outermost(observer)
    if whole is SILENT:
        return
    found, limits = needs(), getattr(whole, "limits", None)
    if limits is not None:
        found = found._replace(disk=found.disk + limits.disk)
        limits.check(found)
    with suppress(TypeError):  # an observer that cannot be remembered is told each time
        if found.seconds <= SOON * _said.get(whole, 0.0):
            return
        _said[whole] = found.seconds
    if found.seconds > MINUTE:
        whole.note(f"this takes {found}")


def check_memory(what: str, needed: float) -> None:
    """Raise TooLarge if something needs more bytes of memory than this machine has."""
    there = machine_memory()
    if there is not None and needed > there:
        found = f"{what} would take {needed / GB:,.1f} GB, this machine has {there / GB:,.1f}"
        allowed = "fewer replications, months, segments, people, variants or worlds"
        raise TooLarge(Problem("memory", "", found, allowed), there / needed)


def duration(seconds: float) -> str:
    """Return a length of time in the unit that suits it: "12 minutes"."""
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds:,.0f} seconds" if seconds < 2 * MINUTE else f"{seconds / MINUTE:,.0f} minutes"


def amount(size: float) -> str:
    """Return a number of bytes in the unit that suits it: "1.2 GB"."""
    return f"{size / GB:,.1f} GB" if size >= GB else f"{max(size / MB, 0.1):,.1f} MB"

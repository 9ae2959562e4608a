"""How far long work is, on the error stream: a bar with speed and time left on a terminal, plain lines elsewhere."""

import signal
import sys
import time
from contextlib import suppress
from threading import Event, Lock, Thread, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from simulator.system.needs import Limits
from simulator.system.signals import ENDING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


FIRST, LONGEST = 2.0, 60.0  # seconds until the first plain line, and at most between two of them


class Lines:
    """Plain lines on how far work is, for a pipe or a log: the first after FIRST seconds, then less and less often."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.stage, self.done, self.total, self.due = "getting ready", 0, 0, FIRST
        self._ended = Event()

    def watch(self, start: float) -> None:
        """Print what is due until `end`, by the seconds since `start`; in a thread of its own, for work may be mute."""
        while not self._ended.wait(max(0.0, start + self.due - time.perf_counter())):
            print(self.line(time.perf_counter() - start), file=sys.stderr, flush=True)

    def end(self) -> None:
        """Print no more."""
        self._ended.set()

    def line(self, seconds: float) -> str:
        """Return how far the work is after so many seconds: its stage, what is done and left; the next is due later."""
        self.due = seconds + min(LONGEST, max(FIRST, seconds))
        told = [f"{seconds:,.0f} s: {self.stage}"]
        if 0 < self.done <= self.total:
            left = seconds * (self.total - self.done) / self.done
            told += [f"{100 * self.done / self.total:.0f} % done", f"about {left:,.0f} s left"]
        return ", ".join(told)


class Progress:
    """Show how far the work is, and end it when told to; silent when `quiet`."""

    def __init__(self, quiet: bool = False, limits: Limits | None = None):
        """Prepare the bar; it appears on entering the context. `limits` are what the work may take, if any are set."""
        self.quiet, self.limits, self.lock = quiet, limits, Lock()
        self.bar: Bar | None = None
        self.lines = None if quiet or sys.stderr is None or sys.stderr.isatty() else Lines()
        self.seconds, self.is_stopped, self.start = 0.0, False, time.perf_counter()
        self.before: dict[signal.Signals, Any] = {}  # who was told of these signals

    def __enter__(self):
        """Start the clock and the bar, and listen for the signals that end a command."""
        self.start = time.perf_counter()
        if current_thread() is main_thread():  # only there may signals be handled
            heard = [one for one in ENDING if one == signal.SIGINT or signal.getsignal(one) != signal.SIG_IGN]  # nohup
            self.before = {one: signal.signal(one, self._stop) for one in heard}
        if not self.quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f} %"),
                TextColumn("{task.fields[speed]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("getting ready", total=None, speed="")
            self.bar.start()
        if self.lines:
            Thread(target=self._watch, args=(self.lines,), daemon=True).start()
        return self

    def _watch(self, lines: Lines) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more
            lines.watch(self.start)

    def __exit__(self, *_):
        """Take the bar away and stop listening."""
        if self.lines:
            self.lines.end()
        if self.bar:
            with suppress(OSError):  # the terminal may be gone
                self.bar.stop()
        for one, before in self.before.items():
            if signal.getsignal(one) == self._stop:
                signal.signal(one, before)

    def _stop(self, number, frame):
        """Interrupt the main thread now, and those at work at next `advanced`: compiled code sees no signal."""
        self.is_stopped = True
        if callable(self.before[number]):
            self.before[number](number, frame)
        raise KeyboardInterrupt

    def advanced(self, what: str, done: int, total: int) -> None:
        """Tell that `done` more of `total` borrower-months are through, these of a variant; from any thread.

        Raises KeyboardInterrupt once told to end.
        """
        if self.is_stopped:
            raise KeyboardInterrupt
        with self.lock:
            self.seconds = time.perf_counter() - self.start
            if self.lines:
                self.lines.stage, self.lines.total = what, total
                self.lines.done += done
            if self.bar:
                self.bar.update(self.task, description=what, total=total, advance=done)
                speed = self.bar.tasks[0].completed / max(self.seconds, 1e-9) / 1e6
                self.bar.update(self.task, speed=f"{speed:,.0f} M borrower-months/s")

    def note(self, line: str) -> None:
        """Say a line that stays, terminal or not, unless `quiet`."""
        if self.quiet:
            return
        if self.bar:
            self.bar.console.print(line)
        else:
            sys.stderr.write(f"{line}\n")

    def started(self, stage: str) -> None:
        """Name the stage that the work has come to."""
        if self.bar:
            self.bar.update(self.task, description=stage)
        if self.lines:
            self.lines.stage = stage

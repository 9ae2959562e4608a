"""A progress bar for long work: borrower-months done, speed and time left, on the error stream of a terminal."""

import signal
import sys
import time
from contextlib import suppress
from threading import Lock, current_thread, main_thread
from typing import TYPE_CHECKING, Any

from simulator.system.signals import ENDING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """Show how far the simulation is, and end it when told to; silent when `quiet` or where nobody watches."""

    def __init__(self, quiet: bool = False):
        """Prepare the bar; it appears on entering the context."""
        self.quiet, self.lock = quiet, Lock()
        self.bar: Bar | None = None
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
        return self

    def __exit__(self, *_):
        """Take the bar away and stop listening."""
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
        """Name the stage that the work has come to, on a terminal."""
        if self.bar:
            self.bar.update(self.task, description=stage)

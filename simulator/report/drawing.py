"""The report's pictures, drawn by a process of its own, which imports what it needs while the simulation is under way.

Where there is no second processor, or nothing comes from the process, they are drawn in this one: nothing is lost, and
what fails fails where the user sees it.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from simulator.language.catalogue import speaking, spoken
from simulator.system.machine import available_threads

MOST_BYTES = 1 << 28  # of sums that are sent: the memory for a second copy of more is worth more than the time


class Drawing:
    """Draws the pictures of one comparison. A context manager: leaving it ends the process."""

    def __init__(self, processors: int | None = None):
        """Start the process if there are several `processors` (by default, those that may be used)."""
        self.drawn: Future[dict[str, list]] | None = None
        self.process = _start() if (processors or available_threads()) > 1 else None

    def __enter__(self):
        """Return itself."""
        return self

    def __exit__(self, *_):
        """End the process, whatever it is doing."""
        if self.process:
            self.process.kill()
            with suppress(OSError), self.process:  # waits for its end; what it has not read is nobody's
                pass

    def get_ready(self) -> None:
        """Import what drawing takes, if it is to be done here."""
        if not self.process:
            from simulator.report import figures  # noqa: F401

    def begin(self, comparison, languages: Sequence[str] = ()) -> None:
        """Have the process draw the pictures of a comparison, which take its ledgers and how they are compared.

        They are drawn in each of the `languages`, by default in the one that is spoken here.
        """
        ledgers = list(comparison.ledgers.values())
        sent = [*ledgers, *(ledger.run_on for ledger in ledgers if ledger.run_on)]
        if self.process and sum(sums.nbytes for ledger in sent for sums in ledger.sums) <= MOST_BYTES:
            self.drawn = ThreadPoolExecutor(1).submit(
                _ask, self.process, ledgers, comparison.average, comparison.against, tuple(languages) or (spoken(),)
            )

    def pictures(self, comparison) -> list:
        """Return the pictures of the comparison in reading order, in the language that is spoken here.

        They are those of the process, or else drawn now.
        """
        if self.drawn:
            with suppress(Exception):  # if it was not by chance, it will be here too
                return self.drawn.result()[spoken()]
        from simulator.report.figures import pictures

        return pictures(comparison)


def _start():
    """Return the process; None if the system will not have it."""
    here = str(Path(__file__).parents[2])  # this very package, not another that is installed
    places = os.pathsep.join([here, *filter(None, sys.path)])  # all that is known here: it need not look again (-S)
    # Ctrl-C is for this process, which ends the other.
    apart: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
    try:
        return subprocess.Popen(
            [sys.executable, "-S", "-P", "-m", __name__],
            env={**os.environ, "PYTHONPATH": places},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            **apart,
        )
    except OSError:
        return None


def _ask(process, *asked):
    """Return the pictures that the process draws, by language."""
    with process.stdin:
        pickle.dump(asked, process.stdin, pickle.HIGHEST_PROTOCOL)
    return pickle.load(process.stdout)


def _answer():
    """Draw, in a process of its own, what is asked on the standard input."""
    gc.disable()  # what is imported stays, and to look through it again and again takes a sixth of the time
    from simulator.analysis.comparison import Comparison
    from simulator.report.figures import pictures

    ledgers, average, against, languages = pickle.load(sys.stdin.buffer)
    comparison, drawn = Comparison(ledgers, average=average, against=against), {}
    for language in languages:
        with speaking(language):
            drawn[language] = pictures(comparison)
    pickle.dump(drawn, sys.stdout.buffer)


if __name__ == "__main__":
    with suppress(Exception):  # that nobody has asked, too; without an answer the asker draws and sees why
        _answer()

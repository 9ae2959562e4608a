"""The process that compiles for this very processor behind a command, which runs by code that came with the simulator.

It takes what processor time nobody else wants, goes on when the command has ended, and says nothing: what it has not
kept the next command begins again.
"""

import fcntl
import os
import sys
from ast import literal_eval
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from . import ahead_of_time, store


def main(module: str, name: str, kinds: str) -> None:
    """Compile and keep, unless another process does."""
    os.nice(19)
    with suppress(AttributeError, OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text("1000")  # where memory is short this process ends, not the command
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        Path("/proc/self/autogroup").write_text("19")  # Linux weighs sessions first, then the processes of each
    folder = os.open(store.FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
    except BlockingIOError:
        return
    ahead_of_time.own(getattr(import_module(module), name), literal_eval(kinds))


if __name__ == "__main__":
    main(*sys.argv[1:])

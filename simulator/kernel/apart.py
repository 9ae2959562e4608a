"""Large parts of the kernel compiled beside the rest: by processes of their own, into the cache.

numba compiles on one processor, one function after the other. A part must be compiled for the types that the driver
calls it with, which only numba finds out, from the driver: so each process starts on the driver, with stand-ins for
all else that it calls, and ends as soon as its own part is kept.
"""

import os
import pickle
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

from numba.core import event
from numba.core.dispatcher import Dispatcher

from . import tile
from .cache import CACHED, njit
from .quick import quickly

PARTS = ("live_together", "live")  # of `tile`: half of the work; the first is what the driver comes to last


@contextmanager
def shared(processors: int):
    """Within, if the driver has to be compiled, other processes compile PARTS of it at the same time.

    Each further processor takes one part: more processes only take turns. A part whose process fails is compiled here,
    as all are where there is one processor or no place to keep them.
    """
    if not CACHED or processors < 2:
        yield
        return
    helpers = _Helpers(processors - 1)
    try:
        with event.install_listener("numba:compile", helpers):
            yield
    finally:
        helpers.end()


class _Helpers(event.Listener):
    """Starts the processes, at `most` so many, when the compilation of the driver begins."""

    def __init__(self, most):
        self.most, self.processes = most, []

    def on_start(self, begun):
        """Start a process for each part, and have numba look for the part in its cache when that has ended."""
        if begun.data["dispatcher"] is tile._advance:
            types = pickle.dumps(begun.data["args"])
            for name in PARTS[: self.most]:
                process = _start(name, types)
                self.processes.append(process)
                _look_after(process, getattr(tile, name)._cache)

    def on_end(self, ended):
        """Do nothing."""

    def end(self):
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()


def _start(name, types):
    """Return a process that compiles a part."""
    here = str(Path(__file__).parents[2])  # this very package, not another that is installed
    places = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, name],
        env={**os.environ, "PYTHONPATH": places},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with suppress(BrokenPipeError), process.stdin:  # it has failed already
        process.stdin.write(types)
    return process


def _look_after(process, cache):
    """Have a cache of numba's wait for a process before it looks for a function."""
    look = cache.load_overload

    def load_overload(*asked):
        process.wait()
        return look(*asked)

    cache.load_overload = load_overload


def compile_part(name, types):
    """Compile one of PARTS as a driver called with `types` needs it, keep it, and end this process."""
    cache = getattr(tile, name)._cache
    keep = cache.save_overload

    def save_overload(*made):
        keep(*made)
        os._exit(0)  # before the driver itself is compiled, which has stand-ins in it

    cache.save_overload = save_overload
    driver = njit(tile._advance.py_func)
    for other, function in list(vars(tile).items()):
        if isinstance(function, Dispatcher) and other != name:
            setattr(tile, other, _stand_in)
    with quickly():
        driver.compile(types)


@njit
def _stand_in(*_):
    """Return an integer, as whatever the driver calls does if it returns something."""
    return 0


if __name__ == "__main__":
    compile_part(sys.argv[1], pickle.load(sys.stdin.buffer))

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
from functools import partial
from pathlib import Path

from numba.core import event
from numba.core.dispatcher import Dispatcher

from simulator.kernel import driver

from .cache import CACHED, njit
from .quick import quickly

PARTS = ("step_delinquent", "step_scalar")  # of `tile`: a third of the work, and what the driver comes to last


@contextmanager
def shared(processors: int):
    """Within, if the driver has to be compiled, other processes compile PARTS of it at the same time.

    A part whose process fails is compiled here, as all are where there is one processor or no place to keep them.
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
        """Start processes for the parts, and have numba look for a part in its cache when its process has ended."""
        if begun.data["dispatcher"] is driver.run_tiles:
            types = pickle.dumps(begun.data["args"])
            for k in range(min(self.most, len(PARTS))):
                names = PARTS[k :: self.most]
                process = _start(names, types)
                self.processes.append(process)
                for name in names:
                    _look_after(process, getattr(driver, name)._cache)

    def on_end(self, ended):
        """Do nothing."""

    def end(self):
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.wait()


def _start(names, types):
    """Return a process that compiles parts."""
    here = str(Path(__file__).parents[3])  # this very package, not another that is installed
    places = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, *names],
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


def compile_parts(names, types):
    """Compile some of PARTS as a driver called with `types` needs them, keep them, and end this process."""
    left = set(names)
    for name in names:
        _when_kept(getattr(driver, name)._cache, partial(_end_without, name, left))
    whole = njit(driver.run_tiles.py_func)
    for other, function in list(vars(driver).items()):
        if isinstance(function, Dispatcher) and other not in names:
            setattr(driver, other, _stand_in)
    with quickly():
        whole.compile(types)


def _when_kept(cache, tell):
    """Have a cache of numba's `tell` when it has kept a function."""
    keep = cache.save_overload

    def save_overload(*made):
        keep(*made)
        tell()

    cache.save_overload = save_overload


def _end_without(name, left):
    """End this process when no part is left: before the driver itself is compiled, which has stand-ins in it."""
    left.remove(name)
    if not left:
        os._exit(0)


@njit
def _stand_in(*_):
    """Return an integer, as whatever the driver calls does if it returns something."""
    return 0


if __name__ == "__main__":
    compile_parts(sys.argv[1:], pickle.load(sys.stdin.buffer))

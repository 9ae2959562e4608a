"""Seconds that a small whole command takes: with compiled code in the cache, and with an empty cache."""

import os
import subprocess
import sys
import time
from tempfile import TemporaryDirectory

from .worlds import ROOT, SCENARIOS

COMMAND = ("-m", "simulator", "run", str(SCENARIOS / "huabei.toml"), "--borrowers", "1000", "--replications", "2")


def warm_seconds(rounds: int = 2) -> float:
    """Return the shortest wall time of the command with a warm cache; the first call fills it."""
    _seconds({})
    return min(_seconds({}) for _ in range(rounds))


def cold_seconds() -> float:
    """Return the wall time of the command that compiles everything anew."""
    with TemporaryDirectory() as cache:
        return _seconds({"SIMULATOR_CACHE_DIR": cache})


def _seconds(environment):
    with TemporaryDirectory() as out:
        command = [sys.executable, *COMMAND, "--out", out, "--overwrite", "--quiet"]
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

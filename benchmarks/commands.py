"""Whole commands, each in a process of its own: seconds from the shell and back, and the most memory it held."""

import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import NamedTuple

from .worlds import ROOT, SCENARIOS

LINE = str(SCENARIOS / "huabei.toml")
SMALLEST = (
    "--borrowers",
    "1",
    "--months",
    "1",
    "--replications",
    "1",
    "--quiet",
)  # nothing to simulate: all else remains
MILLION = ("--borrowers", "1000000", "--months", "60", "--replications", "100")
HALF_A_BILLION = ("--borrowers", "500000000", "--months", "36", "--replications", "1")
CLOSED = ("--set", "portfolio.applicants_per_month=0")
# The system counts the memory of the process that starts a command as the command's: this one holds next to nothing.
WAIT = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
KIB = 1024 if sys.platform != "darwin" else 1  # the unit of ru_maxrss


class Ran(NamedTuple):
    """How a command went."""

    seconds: float
    megabytes: float  # resident at most


def run(*arguments: str, **environment: str) -> Ran:
    """Run `simulator run` on the revolving line; its own progress bar shows. CalledProcessError if it fails."""
    with TemporaryDirectory() as out:
        command = ["-m", "simulator", "run", LINE, *arguments, "--out", out, "--overwrite"]
        done = subprocess.run(
            [sys.executable, "-c", WAIT, sys.executable, *command],
            cwd=ROOT, env={**os.environ, **environment}, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    took, peak = map(float, done.stdout.split()[-2:])
    return Ran(took, peak * KIB / 1e6)


def warm() -> Ran:
    """Return the shorter of two runs of SMALLEST: at the second at least, compiled code is in the cache."""
    return min(run(*SMALLEST), run(*SMALLEST))


def cold() -> Ran:
    """Return a run of SMALLEST with an empty cache: everything is compiled."""
    with TemporaryDirectory() as cache:
        return run(*SMALLEST, SIMULATOR_CACHE_DIR=cache)


def million() -> Ran:
    """Return a run of a million borrowers over 60 months and 100 replications."""
    return run(*MILLION, *CLOSED)


def half_a_billion() -> Ran:
    """Return a run of 500 million borrowers over 36 months."""
    return run(*HALF_A_BILLION, *CLOSED)

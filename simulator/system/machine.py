"""What this process may use of the machine, and what the machine is."""

import os
from functools import cache
from hashlib import sha256
from numbers import Integral
from pathlib import Path

from simulator.model.errors import Problem, UserError

MOST_THREADS = 1024
OF_CONTAINER = "/sys/fs/cgroup/memory.max"  # bytes that a container may take, where Linux has any limit


def available_threads() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_of(asked: int | None) -> int:
    """Return how many threads are `asked` for, all processors if None or 0; UserError beyond 0 to MOST_THREADS."""
    if not asked:
        return available_threads()
    if not isinstance(asked, Integral) or not 0 < asked <= MOST_THREADS:
        raise UserError(
            Problem("threads", "", f"found {asked!r}", f"allowed: 1 to {MOST_THREADS:,}, 0 or None for all")
        )
    return int(asked)


def machine_memory() -> int | None:
    """Return the bytes of memory that there are, for this machine or its container; None where the system is silent."""
    if not hasattr(os, "sysconf"):
        return None
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(there, int(Path(OF_CONTAINER).read_text()))
    except (OSError, ValueError):  # not Linux, no container, no limit ("max")
        return there


@cache
def sources_digest() -> str:
    """Return the SHA-256 of every source of the simulator, in hexadecimal."""
    package, digest = Path(__file__).parents[1], sha256()
    for path in sorted(package.rglob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(package)} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def versions() -> dict[str, str | None]:
    """Return the version of Python and of each package that a number may depend on; None of one that is not there."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def version_of(package):
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    packages = ("simulator", "numpy", "numba", "scipy", "pyarrow")
    return {"python": platform.python_version(), **{name: version_of(name) for name in packages}}


def environment() -> dict:
    """Return the day, the versions and the processor that a result was made with."""
    import platform
    from datetime import date

    return {
        "date": date.today().isoformat(),
        "versions": versions(),
        "cpu": cpu_name(),
        "system": platform.system(),
    }


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

"""`python -m benchmarks.wheel`, or `make wheel`: a wheel that carries the kernel compiled, built and tried.

Compiled for each level of x86-64 processors that is known (`simulator/jit/levels.py`) and for this Python, numba and
llvmlite alone: other installations compile. Tried is what a user does: the wheel is installed into a virtual
environment with nothing else in it, with a cache and a home of its own, and asked.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import NamedTuple

from simulator.jit.levels import LEVELS, levels
from simulator.jit.store import FOLDER

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
ASKED = ("run", "huabei", "--borrowers", "200", "--months", "12", "--replications", "4", "--overwrite", "--out")
MOST_SECONDS = 3.0  # until the first answer
PATIENCE = 3600  # seconds for compiling behind


def build() -> Path:
    """Return the path of a wheel, made of a copy of the sources and the kernel compiled for every level."""
    kernel, sources, wheels = BUILD / "kernel", BUILD / "sources", BUILD / "wheels"
    for folder in (sources, wheels):
        shutil.rmtree(folder, ignore_errors=True)
    for level in LEVELS:
        _run(sys.executable, "-m", "simulator", *ASKED, BUILD / "asked", "--quiet", **_settings(kernel, level))
    sources.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(ROOT / "simulator", sources / "simulator", ignore=shutil.ignore_patterns("__pycache__"))
    brought = sources / "simulator" / "jit" / "brought" / FOLDER.name
    shutil.copytree(kernel / FOLDER.name, brought)
    if len(list(brought.iterdir())) != len(LEVELS):
        raise SystemExit(f"{brought}: not one file a level")
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", wheels, sources)
    (wheel,) = wheels.glob("*.whl")
    return wheel


def install(wheel: Path) -> Path:
    """Return the Python of a new virtual environment with the wheel and what it needs in it."""
    place = BUILD / "environment"
    shutil.rmtree(place, ignore_errors=True)
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    _run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel, "-c", ROOT / "constraints.txt")
    return python


def check(python: Path) -> list[str]:
    """Return what was seen of the first answer, of what is compiled behind it, and of the next; SystemExit if wrong."""
    place = BUILD / "asked"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    cache, nowhere = place / "cache", Path(os.devnull) / "cache"
    firsts = [_asked(python, place / "first", cache)]
    begun = time.monotonic()
    firsts += [_asked(python, place / f"first-{k}", nowhere) for k in (2, 3)]  # nothing is kept, nothing begun behind
    while not (kept := list(cache.glob("*/run_tiles-????????????????"))):
        if time.monotonic() - begun > PATIENCE:
            raise SystemExit("nothing was compiled behind")
        time.sleep(1)
    behind = time.monotonic() - begun
    again = _asked(python, place / "again", cache)
    if len({asked.digest for asked in (*firsts, again)}) > 1:
        raise SystemExit(f"other digests: {firsts} by code for {levels()[0]}, {again} by this processor's own")
    if len(kept) != 1:
        raise SystemExit(f"{cache}: more than one file")
    if (best := min(asked.seconds for asked in firsts)) > MOST_SECONDS:
        raise SystemExit(f"the best of three first answers took {best:.2f} s, more than {MOST_SECONDS} s")
    each, whole = ", ".join(f"{asked.seconds:.2f}" for asked in firsts), firsts[0].whole
    return [
        f"first answers {each} s after the command, the first page {whole:.2f} s; by code for {levels()[0]}",
        f"this processor's own was there {behind:.0f} s later; by it the answer took {again.seconds:.2f} s",
        f"the same digest: {again.digest}",
    ]


class _Asked(NamedTuple):
    seconds: float  # until the first line of the answer
    whole: float  # until the end
    digest: str


def _asked(python, out, cache):
    """Return how a command went that has an empty home, and is to keep its code in `cache`."""
    home = out.with_suffix(".home")
    home.mkdir()
    begun = time.monotonic()
    process = subprocess.Popen(
        [python, "-m", "simulator", *ASKED, out],
        cwd=home, env=_settings(cache, None) | {"HOME": str(home)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        process.stdout.readline()
        seconds = time.monotonic() - begun
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"status {process.returncode}")
    digest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["result_digest"]
    return _Asked(seconds, time.monotonic() - begun, digest)


def _settings(cache, level):
    """Return the environment of a command: nothing of this one's Python or numba, a cache, a processor to name."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NUMBA_", "XDG_", "SIMULATOR_"))}
    return kept | {"SIMULATOR_CACHE_DIR": str(cache)} | ({"NUMBA_CPU_NAME": level} if level else {})


def _run(*command, **environment):
    """Run a command; CalledProcessError if it fails."""
    subprocess.run(list(map(str, command)), cwd=ROOT, env=environment or None, check=True)


if __name__ == "__main__":
    if not levels():
        raise SystemExit("this processor is of none of the levels: what it would carry cannot be tried")
    made = build()
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")
    print("\n".join(check(install(made))))

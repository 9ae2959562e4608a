"""Comparisons killed at random points: what stands is whole, the next run leaves no litter, shards are gone on with."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from simulator.system.folders import MANIFEST, spoiled

from .worlds import ROOT, SCENARIOS

SCENARIO = SCENARIOS / "reminders.toml"
SMALL = ("--borrowers", "300", "--months", "4", "--replications", "2", "--quiet", "--overwrite")
MANY = ("--borrowers", "2000", "--months", "12", "--replications", "20", "--quiet", "--overwrite")  # of shards
CUT = "import simulator.shards.folder as f, simulator.cli as c; f.WORK = 500_000; c.main()"
FURTHER = 60  # shards until the next kill, at most; a run has 320
PATIENCE = 60  # seconds in which what a killed command had started ends by itself, on the busiest machine
BEFORE, WHILE, AFTER = "before it wrote", "while it wrote", "when the new run stood"
OLD, NEW, NONE = "the old run", "the new run", "none: the next run put the old one back"


class Killed(NamedTuple):
    """What one kill left."""

    when: str  # BEFORE, WHILE or AFTER
    stood: str  # OLD, NEW or NONE
    left: int  # folders beside the place
    problems: tuple[str, ...]


class Resumed(NamedTuple):
    """What one kill of a run in shards left."""

    before: int  # finished shards when it began
    after: int  # when it was killed
    problems: tuple[str, ...]


def check(times: int, seed: int, tell: Callable[[int], None] = lambda done: None) -> list[Killed]:
    """Return what so many kills left: the first and every other while it writes, half at any moment of the command."""
    luck, killed = random.Random(seed), []
    with TemporaryDirectory() as above:
        place = Path(above, "run")
        _end(_start(place, 0))
        start = time.perf_counter()
        process = _start(place, 0)
        begun = _wait_for_writing(place, process)
        _end(process)
        whole, writing = time.perf_counter() - start, time.perf_counter() - begun
        for k in count(1):
            process = _start(place, k)
            if k % 2 == 0:
                time.sleep(luck.uniform(0, whole))
            else:
                _wait_for_writing(place, process)
                time.sleep(luck.uniform(0, writing))
            if process.poll() is not None:  # it was quicker: the next goes over a whole run of another seed
                _end(process)
                _end(_start(place, 0))
                continue
            killed.append(_kill(process, place, k))
            tell(len(killed))
            if len(killed) == times:
                break
    return killed


def goes_on(times: int, seed: int, tell: Callable[[int], None] = lambda done: None) -> list[Resumed]:
    """Return what so many kills of a comparison in small shards left, each gone on with; when one ends, another begins.

    A run that was not killed says what the digest is to be.
    """
    luck, killed = random.Random(seed), []
    with TemporaryDirectory() as above:
        place, shards = Path(above, "run"), Path(above, "run.shards")
        _end(_start(place, 0, in_shards=True))
        digest, before = _digest(place), 0
        while len(killed) < times:
            process = _start(place, 0, in_shards=True)
            enough = before + luck.randint(1, FURTHER)
            while process.poll() is None and len([*shards.glob("*.shard")]) < enough:
                time.sleep(0.001)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                left = len([*shards.glob("*.shard")])
                lost = (f"{before - left} finished shards are gone",) if left < before else ()
                killed.append(Resumed(before, left, lost))
                before = left
                tell(len(killed))
                continue
            _end(process)
            killed[-1] = killed[-1]._replace(problems=killed[-1].problems + _wrong(place, shards, digest))
            before = 0
        _end(_start(place, 0, in_shards=True))
        killed[-1] = killed[-1]._replace(problems=killed[-1].problems + _wrong(place, shards, digest))
    return killed


def _wrong(place, shards, digest):
    """Return what is wrong with a run that was gone on with."""
    found = [f"{name} is not as it should be" for name in spoiled(place)]
    found += ["another result digest"] if _digest(place) != digest else []
    return (*found, *(["its shards are left"] if shards.exists() else []))


def _digest(place):
    return json.loads((place / MANIFEST).read_text())["result_digest"]


def _start(place, seed, in_shards=False):
    """Return the process of a small comparison, whose seed tells it from others; in shards of 5 ms, and resumed."""
    sizes = (*MANY, "--resume") if in_shards else SMALL
    asked = ["compare", str(SCENARIO), *sizes, "--seed", str(seed), "--out", str(place)]
    how = ["-c", CUT] if in_shards else ["-m", "simulator"]
    return subprocess.Popen([sys.executable, *how, *asked], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def _wait_for_writing(place, process):
    """Return when the process has begun to write, or has ended."""
    while process.poll() is None and not any(place.parent.glob(f".{place.name}.*.partial")):
        time.sleep(0.001)
    return time.perf_counter()


def _end(process):
    """Wait for the end of a process that must succeed."""
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(said)


def _kill(process, place, seed):
    """Kill a process, look at what it left, run once more, and look again."""
    children = _children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    beside = [path for path in place.parent.iterdir() if path != place]
    problems = [
        f"{path.name} looks whole and is not" for path in (place, *beside) if _looks_whole(path) and spoiled(path)
    ]
    stood = OLD if _seed(place) == 0 else NEW if _seed(place) == seed else NONE
    when = AFTER if stood == NEW else WHILE if beside else BEFORE
    _end(_start(place, 0))
    problems += [f"{path.name} is left after the next run" for path in place.parent.iterdir() if path != place]
    problems += [f"{name} is not as it should be after the next run" for name in spoiled(place)]
    end = time.perf_counter() + PATIENCE
    while any(map(_is_alive, children)) and time.perf_counter() < end:
        time.sleep(0.01)
    problems += [f"process {child} goes on" for child in children if _is_alive(child)]
    return Killed(when, stood, len(beside), tuple(problems))


def _looks_whole(folder):
    return (folder / MANIFEST).exists()


def _seed(place):
    """Return the seed of the run in a folder; None where there is none."""
    return json.loads((place / MANIFEST).read_text())["seed"] if _looks_whole(place) else None


def _children(number):
    """Return the numbers of the processes that a process has started, where the system tells."""
    with suppress(OSError):
        return Path(f"/proc/{number}/task/{number}/children").read_text().split()
    return []


def _is_alive(number):
    return Path(f"/proc/{number}").exists()

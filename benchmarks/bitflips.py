"""Bits flipped at random in the files of compiled code: damaged files are refused with a word, results are right."""

import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from simulator.engine import engine
from simulator.jit import store
from simulator.lowering.lower import lower
from simulator.scenario.reader import load_scenario

from .worlds import ROOT, SCENARIOS

SCENARIO = SCENARIOS / "huabei.toml"
SMALL = ("--borrowers", "300", "--months", "6", "--replications", "2", "--quiet")
DRIVER = "run_tiles"


class Row(NamedTuple):
    """What became of the flips in one file."""

    file: str
    flips: int
    refused: int  # not loaded, and said so
    commands: int  # whole runs with a flip in this file, each of which compiles it anew
    right: int  # ... that ended with the result of the undamaged code, and said that this was damaged


def check(flips: int, seed: int, runs: int, tell: Callable[[str], None] = lambda line: None) -> list[Row]:
    """Return a row for each cached file: so many flips in turn among them, on a copy of the cache.

    Each damaged file is put before what loads it. So many whole runs follow, each with a flip in the driver's file,
    which is what a start reads: up to a minute each.
    """
    engine.prepare(lower(load_scenario(SCENARIO, (), 300, 2, 6).baseline))
    with TemporaryDirectory() as base:
        folder = Path(base, store.FOLDER.name)
        shutil.copytree(store.FOLDER, folder)
        environment = {**os.environ, "SIMULATOR_CACHE_DIR": base}
        tell("loading damaged files")
        asked = [sys.executable, "-m", __name__, str(flips), str(seed)]
        done = subprocess.run(asked, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
        tried = json.loads(done.stdout)  # (file, bit, whether it was refused)
        expected, _ = _run(environment)
        rows = []
        for file in sorted({file for file, _, _ in tried}):
            bits = [(bit, refused) for at, bit, refused in tried if at == file]
            chosen = bits[:runs] if file.startswith(DRIVER) else []
            right = 0
            for k, (bit, _) in enumerate(chosen):
                tell(f"running with a flip in {file}, {k + 1} of {len(chosen)}")
                _flip(folder / file, bit)
                digest, said = _run(environment)
                right += digest == expected and f"{file}: is damaged; compiled anew" in said
            rows.append(Row(file, len(bits), sum(refused for _, refused in bits), len(chosen), right))
    return rows


def _run(environment):
    """Return (result digest, what was said) of a small run; CalledProcessError if it fails."""
    with TemporaryDirectory() as out:
        command = [sys.executable, "-m", "simulator", "run", str(SCENARIO), *SMALL, "--out", out]
        done = subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, check=True)
        return json.loads(Path(out, "manifest.json").read_text())["result_digest"], done.stderr


def _flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def _tried(flips, seed):
    """Return [(file, bit, refused)] of flips in the files of FOLDER, each put before what loads it, then mended."""
    paths = sorted(store.FOLDER.iterdir())
    assert all(store.read(path) is not None for path in paths), "undamaged files are loaded"
    luck, tried = random.Random(seed), []
    for k in range(flips):
        path = paths[k % len(paths)]
        bit, undamaged, said = luck.randrange(8 * path.stat().st_size), path.read_bytes(), io.StringIO()
        _flip(path, bit)
        store.say.cache_clear()
        with redirect_stderr(said):
            loaded = store.read(path)
        path.write_bytes(undamaged)
        tried.append((path.name, bit, loaded is None and "is damaged" in said.getvalue()))
    return tried


if __name__ == "__main__":
    print(json.dumps(_tried(int(sys.argv[1]), int(sys.argv[2]))))

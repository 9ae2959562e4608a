"""Bits flipped at random in every file of compiled code: damaged files are refused with a word, results are right."""

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
from simulator.kernel.jit import kept, store
from simulator.lowering.lower import lower
from simulator.scenario.reader import load_scenario

from .worlds import ROOT, SCENARIOS

SCENARIO = SCENARIOS / "huabei.toml"
SMALL = ("--borrowers", "300", "--months", "6", "--replications", "2", "--quiet")
DRIVER = "driver"


class Row(NamedTuple):
    """What became of the flips in one file."""

    file: str
    flips: int
    refused: int  # not loaded, and said so
    commands: int  # whole runs with a flip in this file
    right: int  # ... that ended with the result of the undamaged code, and said that this was damaged


def check(flips: int, seed: int, whole: bool, tell: Callable[[str], None] = lambda line: None) -> list[Row]:
    """Return a row for each cached file: so many flips in turn among them, on a copy of the cache.

    Each damaged file is put before what loads it. A run follows for each flip in the driver's file, which is what a
    start reads, and with `whole` for one flip in each of numba's, where the kernel is compiled anew: minutes. The
    processes that then compile parts of it say nothing, so of a part no word is asked.
    """
    engine.prepare(_world())
    with TemporaryDirectory() as base:
        folder = Path(base, store.FOLDER.name)
        shutil.copytree(store.FOLDER, folder)
        environment = {**os.environ, "SIMULATOR_CACHE_DIR": base}
        tell("loading damaged files")
        asked = [sys.executable, "-m", __name__, str(flips), str(seed)]
        done = subprocess.run(asked, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
        tried = json.loads(done.stdout)  # (path in the folder, bit, whether it was refused)
        expected, _ = _run(environment)
        rows = []
        for file in sorted({path for path, _, _ in tried}):
            bits = [(bit, refused) for path, bit, refused in tried if path == file]
            chosen = bits if _is_driver(file) else bits[: int(whole)]
            right = 0
            for k, (bit, _) in enumerate(chosen):
                tell(f"running with a flip in {Path(file).name}, {k + 1} of {len(chosen)}")
                _flip(folder / file, bit)
                _hide_what_comes_first(folder, file)
                digest, said = _run(environment)
                is_said = f"{Path(file).name}: is damaged; compiled anew" in said or _is_part(file)
                right += digest == expected and is_said
                shutil.rmtree(folder)
                shutil.copytree(store.FOLDER, folder)
            rows.append(Row(Path(file).name, len(bits), sum(refused for _, refused in bits), len(chosen), right))
    return rows


def _world():
    return lower(load_scenario(SCENARIO, (), 300, 2, 6).baseline)


def _is_driver(file):
    return Path(file).name.startswith(DRIVER)


def _is_part(file):
    return not _is_driver(file) and "_advance" not in file


def _hide_what_comes_first(folder, file):
    """Remove the files because of which a start would not read this one: the driver's, for a part numba's of it too."""
    for path in list(folder.rglob("*")):
        comes_first = _is_driver(path) or ("_advance" in path.name and _is_part(file))
        if path.is_file() and comes_first and not _is_driver(file):
            path.unlink()


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
    """Return [(path, bit, refused)] of flips in the files of FOLDER, each put before what loads it, then mended."""
    from simulator.kernel import driver

    kinds = kept.described(engine.nobody_of(_world()))[0]
    loads = {path: lambda: kept.loaded.__wrapped__(kinds) for path in store.FOLDER.glob(f"{DRIVER}-*")}
    for function in vars(driver).values():
        files = getattr(getattr(function, "_cache", None), "_cache_file", None)
        for key, name in files._load_index().items() if files else ():
            for path in (Path(files._index_path), Path(files._data_path(name))):
                loads[path] = lambda files=files, key=key: files.load(key)
    assert all(load() is not None for load in loads.values()), "undamaged files are loaded"
    paths, luck, tried = list(loads), random.Random(seed), []
    for k in range(flips):
        path = paths[k % len(paths)]
        bit, undamaged, said = luck.randrange(8 * path.stat().st_size), path.read_bytes(), io.StringIO()
        _flip(path, bit)
        store.say.cache_clear()
        with redirect_stderr(said):
            loaded = loads[path]()
        path.write_bytes(undamaged)
        tried.append((str(path.relative_to(store.FOLDER)), bit, loaded is None and "is damaged" in said.getvalue()))
    return tried


if __name__ == "__main__":
    print(json.dumps(_tried(int(sys.argv[1]), int(sys.argv[2]))))

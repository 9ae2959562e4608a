"""Compiled code is reused as long as no source of the kernel has changed, and never after."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba import version_info
from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen
from numba.core.compiler import Flags

from conftest import ROOT
from simulator.engine import engine
from simulator.kernel import driver
from simulator.kernel.fixed import mul_q31
from simulator.kernel.jit import apart, quick, store
from simulator.kernel.jit.cache import njit
from simulator.lowering.lower import lower
from simulator.scenario.reader import load_scenario

CALLER = """
from .jit.cache import CACHED, njit
from .fixed import mul_q31

@njit(cache=CACHED)
def half(x):
    return mul_q31(x, 1 << 30)
"""
START = """
import json
import numba
before = numba.config.CACHE_DIR
from simulator.kernel.jit import cache
from simulator.kernel.caller import half
value = half(7)
stats = getattr(half, "stats", None)
print(json.dumps({
    "value": int(value), "folder": str(cache.FOLDER), "untouched": numba.config.CACHE_DIR == before,
    "hits": sum(stats.cache_hits.values()) if stats else 0, "misses": sum(stats.cache_misses.values()) if stats else 0,
}))
"""


@pytest.fixture
def kernel(tmp_path):
    """Return the folder of a copy of the kernel with one more module, `caller`, that calls another's function."""
    folder = tmp_path / "simulator" / "kernel"
    for room in ("kernel", "model"):
        shutil.copytree(ROOT / "simulator" / room, folder.parent / room, ignore=shutil.ignore_patterns("__pycache__"))
    (folder.parent / "__init__.py").touch()
    (folder / "caller.py").write_text(CALLER)
    return folder


def start(kernel, **environment):
    """Return what a fresh process that calls `half(7)` of this kernel reports."""
    places = {"PYTHONPATH": str(kernel.parent.parent), "SIMULATOR_CACHE_DIR": str(kernel.parent.parent / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", START],
        env={**os.environ, **places, **environment},
        cwd=kernel.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "said": done.stderr}


def test_a_second_start_compiles_nothing(kernel):
    """The first process compiles and keeps; the second reads what the first kept."""
    first, second = start(kernel), start(kernel)

    assert (first["hits"], first["misses"]) == (0, 1)
    assert (second["hits"], second["misses"]) == (1, 0)
    assert first["value"] == second["value"] == 4
    assert first["untouched"] and second["untouched"]


def test_any_edit_of_a_source_is_a_new_folder(kernel):
    """A comment added to a file that no compiled function stands in is already another kernel."""
    first = start(kernel)
    with (kernel.parent / "model" / "layout.py").open("a") as file:
        file.write("# another kernel\n")
    second = start(kernel)

    assert second["folder"] != first["folder"]
    assert (second["hits"], second["misses"]) == (0, 1)


def test_an_edited_callee_is_never_answered_from_the_old_code(kernel):
    """The caller's file is unchanged, the function it calls in another file is not: the answer is the new one."""
    fixed = kernel / "fixed.py"
    start(kernel)
    fixed.write_text(fixed.read_text().replace("int64(1 << 30)) >> int64(31)", "int64(0)) >> int64(31)"))

    assert start(kernel)["value"] == 3  # rounds down now


def test_without_a_compiler_the_answer_is_the_same(kernel):
    """NUMBA_DISABLE_JIT=1 runs the same source as plain Python."""
    assert start(kernel, NUMBA_DISABLE_JIT="1")["value"] == 4


def test_without_a_place_to_keep_it_code_still_runs(kernel):
    """A cache folder that cannot be made costs time, not the run."""
    blocked = kernel.parent / "__init__.py" / "cache"

    found = start(kernel, SIMULATOR_CACHE_DIR=str(blocked))

    assert (found["value"], found["hits"]) == (4, 0)


# ---- sealed ----------------------------------------------------------------------------------------
def cached(kernel, pattern="*"):
    """Return the files of compiled code of a copy of the kernel."""
    return sorted(path for path in (kernel.parent.parent / "cache").rglob(pattern) if path.is_file())


def flip(path, bit):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
def test_a_flipped_bit_is_compiled_anew(pattern, kernel):
    """A damaged file of numba's is not loaded: the answer is right, a word says so, and the next start is quick."""
    start(kernel)
    (path,) = cached(kernel, pattern)
    flip(path, 8 * path.stat().st_size // 2)

    first, second = start(kernel), start(kernel)

    assert (first["value"], first["hits"], first["misses"]) == (4, 0, 1)
    assert first["said"] == f"compiled code: {path}: is damaged; compiled anew\n"
    assert (second["value"], second["hits"], second["said"]) == (4, 1, "")


def test_code_is_kept_for_one_user_alone(kernel):
    """Whatever the umask, nobody else may write to the folder or its files."""
    before = os.umask(0)
    try:
        folder = Path(start(kernel)["folder"])
    finally:
        os.umask(before)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in cached(kernel)} == {0o600} and len(cached(kernel)) == 2


def test_what_others_may_write_to_is_not_used(kernel):
    """Neither a folder nor a file that others may write to is read; the answer is the same."""
    folder = Path(start(kernel)["folder"])
    for path in cached(kernel):
        path.chmod(0o620)
    found = start(kernel)
    assert (found["value"], found["hits"]) == (4, 0) and "others may write to it; compiled anew" in found["said"]
    assert start(kernel)["hits"] == 1

    folder.chmod(0o770)
    assert [start(kernel)[what] for what in ("value", "hits")] == [4, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_folder_of_another_user_is_not_used(kernel):
    """What belongs to another user is not ours to trust."""
    os.chown(start(kernel)["folder"], 12345, -1)

    assert [start(kernel)[what] for what in ("value", "hits")] == [4, 0]


def test_a_link_is_no_folder_for_code(tmp_path):
    """Where the folder is a link somebody else may have made it."""
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")

    assert store.why_not(tmp_path / "mine") == "" and store.why_not(tmp_path / "link") != ""


def test_every_flipped_bit_is_seen(tmp_path, capsys):
    """Any bit of a sealed file, cut at any place, renamed, or none of ours: it is not read, and a word says so."""
    path, content = tmp_path / "code", bytes(range(256))
    store.write(path, content)
    sealed = path.read_bytes()
    assert store.read(path) == content and content == sealed[:256] and capsys.readouterr().err == ""
    for bit in range(8 * len(sealed)):
        flip(path, bit)
        assert store.read(path) is None
        path.write_bytes(sealed)
    for size in range(len(sealed)):
        path.write_bytes(sealed[:size])
        assert store.read(path) is None
    path.write_bytes(sealed)
    assert store.read(path.rename(tmp_path / "other")) is None

    assert {line.partition("; ")[2] for line in capsys.readouterr().err.splitlines()} <= {"compiled anew"}
    assert store.read(tmp_path / "missing") is None and capsys.readouterr().err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_full_disk_costs_time_only(kernel):
    """Where compiled code cannot be kept, the answer is there and a word says so."""
    source = kernel / "jit" / "store.py"
    source.write_text(
        source.read_text().replace("    os.replace(", "    raise OSError(28, 'No space left')\n        os.replace(")
    )
    found = start(kernel)

    assert (found["value"], found["hits"]) == (4, 0)
    assert "No space left; not kept" in found["said"] and cached(kernel) == []


def test_an_inlined_function_refuses_python():
    """What has no door to Python says so, before and after it was compiled; numba alone would crash."""
    for _ in range(2):
        with pytest.raises(TypeError, match="mul_q31 is inside"):
            mul_q31(7, 1 << 30)
        driver.advance(*engine.nobody_of(lower(load_scenario(ROOT / "scenarios" / "huabei.toml").baseline)))


def test_a_part_is_compiled_for_what_the_driver_calls_it_with():
    """Each part is kept for one signature: had its process found other types, the driver would have added its own."""
    driver.advance(*engine.nobody_of(lower(load_scenario(ROOT / "scenarios" / "huabei.toml").baseline)))

    kept = {name: getattr(driver, name)._cache._cache_file._load_index() for name in apart.PARTS}

    assert {name: len(signatures) for name, signatures in kept.items()} == dict.fromkeys(apart.PARTS, 1)


class Step:
    """A process and a numba cache in one, that notes the order in which it is asked."""

    def __init__(self):
        self.asked = []

    def wait(self):
        self.asked.append("wait")

    def load_overload(self, *what):
        self.asked.append(what)
        return "code"


def test_a_part_is_looked_for_when_its_process_has_ended():
    """The cache of a part is read after the process that fills it, and gives what it always gives."""
    step = Step()
    apart._look_after(step, step)

    assert step.load_overload("signature", "target") == "code"
    assert step.asked == ["wait", ("signature", "target")]


@njit(inside=True)
def doubled(x):
    """Return twice `x`: called by compiled code only."""
    return 2 * x


@njit
def doubled_and_one(x):
    """Return what needs the code of another function."""
    return doubled(x) + 1


def machine_code(function):
    """Return the address of the machine code of a compiled function, 0 if it has none of its own."""
    (made,) = function.overloads.values()
    return made.library.get_pointer_to_function(made.fndesc.llvm_func_name)


def test_what_others_call_gets_machine_code_inside_them_only():
    """While compiling quickly a called function is linked as it is; numba is then as it was before."""
    before = CPUCodeLibrary._optimize_final_module, CPUCodeLibrary._finalize_final_module, JITCPUCodegen.set_env
    with quick.quickly():
        assert doubled_and_one(20) == 41
    after = CPUCodeLibrary._optimize_final_module, CPUCodeLibrary._finalize_final_module, JITCPUCodegen.set_env

    assert before == after
    if version_info.short in quick.TRIED:
        assert machine_code(doubled) == 0
    assert machine_code(doubled_and_one) != 0
    with pytest.raises(TypeError, match="doubled is inside"):
        doubled(2)


ONE_EACH = [(name,) for name in apart.PARTS]


@pytest.mark.parametrize(("processors", "shares"), [(2, [apart.PARTS]), (3, ONE_EACH), (9, ONE_EACH)])
def test_parts_are_shared_out_among_the_processors(processors, shares, monkeypatch):
    """One more processor compiles all parts, several have one each; each part is waited for."""
    started, waited_for = [], []
    monkeypatch.setattr(apart, "_start", lambda names, types: started.append(names))
    monkeypatch.setattr(apart, "_look_after", lambda process, cache: waited_for.append(cache))
    for name in apart.PARTS:
        monkeypatch.setattr(driver, name, SimpleNamespace(_cache=name))

    apart._Helpers(processors - 1).on_start(SimpleNamespace(data={"dispatcher": driver.run_tiles, "args": ()}))

    assert started == shares
    assert waited_for == list(apart.PARTS)


def flags(**values):
    """Return flags of numba's compiler."""
    made = Flags()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def test_quick_comparison_of_flags_is_the_same():
    """Equality and hash of flags while compiling are numba's own, for flags set, unset and set to their default."""
    kinds = [flags(), flags(nrt=False), flags(nrt=True), flags(nrt=True, forceinline=True), flags(forceinline=True)]
    plain = [[a == b for b in kinds] for a in kinds], [hash(a) for a in kinds]
    with quick.quickly():
        quickly = [[a == b for b in kinds] for a in kinds], [hash(a) for a in kinds]
    after = [[a == b for b in kinds] for a in kinds], [hash(a) for a in kinds]

    assert plain == quickly == after
    assert plain[0][0][1] and not plain[0][0][2]  # nrt is off by default

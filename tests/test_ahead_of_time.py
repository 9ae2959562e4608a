"""Compiled code is reused as long as nothing it is made of has changed, never after; it is what numba would make."""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import llvmlite.binding as llvm
import numpy as np
import pytest

from conftest import ROOT
from simulator.engine import engine
from simulator.engine.accumulators import empty_sums
from simulator.engine.monthly import NO_STORE
from simulator.jit import ahead_of_time, store
from simulator.jit.levels import LEVELS, V4, levels
from simulator.kernel import draws, driver, fixed
from simulator.lowering.lower import lower, tables_for
from simulator.model.layout import K_COUNT, LANES
from simulator.model.observer import BEHIND
from simulator.model.tables import Span
from simulator.scenario.reader import load_scenario
from test_house_rules import SOURCES, imported, is_under

CALLER = """
from .fixed import mul_q31
from simulator.jit.ahead_of_time import ahead_of_time

@ahead_of_time
def half(x, answer):
    answer[0] = mul_q31(x, 1 << 30)
"""
START = """
import json
import sys
import numpy as np
from simulator.kernel.caller import half
from simulator.jit import ahead_of_time, store
answer, stages = np.zeros(1, np.int64), []
with ahead_of_time.compiling(stages.append):
    half(7, answer)
print(json.dumps({
    "value": int(answer[0]), "folder": str(store.FOLDER), "stages": stages, "numba": "numba" in sys.modules,
}))
"""


@pytest.fixture
def kernel(tmp_path):
    """Return the folder of a copy of the kernel with one more module, `caller`, that calls another's function."""
    folder = tmp_path / "simulator" / "kernel"
    for room in ("jit", "kernel", "model"):
        shutil.copytree(ROOT / "simulator" / room, folder.parent / room, ignore=shutil.ignore_patterns("__pycache__"))
    (folder.parent / "__init__.py").touch()
    (folder / "caller.py").write_text(CALLER)
    return folder


def process(kernel, **environment):
    """Return a fresh process that calls `half(7)` of this kernel."""
    places = {"PYTHONPATH": str(kernel.parent.parent), "SIMULATOR_CACHE_DIR": str(kernel.parent.parent / "cache")}
    return subprocess.Popen(
        [sys.executable, "-c", START],
        env={**os.environ, **places, **environment},
        cwd=kernel.parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def report(process):
    """Return what a process of `process` reports when it ends."""
    found, said = process.communicate()
    assert process.returncode == 0, said
    return {**json.loads(found), "said": said}


def start(kernel, **environment):
    """Return what a fresh process that calls `half(7)` of this kernel reports."""
    return report(process(kernel, **environment))


def is_compiled(found):
    """Return whether a process has compiled, and told so."""
    return found["stages"][-2:] == ["optimising", "writing machine code"] and found["stages"][0] == "function 1"


# ---- reused, and not too long ----------------------------------------------------------------------
def test_a_second_start_compiles_nothing(kernel):
    """The first process has it compiled and keeps it; the second reads what the first kept. Neither imports numba."""
    first, second = start(kernel), start(kernel)

    assert is_compiled(first) and second["stages"] == []
    assert first["value"] == second["value"] == 4
    assert first["numba"] is second["numba"] is False and first["said"] == second["said"] == ""


def test_any_edit_of_a_source_is_a_new_folder(kernel):
    """A comment added to a file that no compiled function stands in is already another kernel."""
    first = start(kernel)
    with (kernel.parent / "model" / "layout.py").open("a") as file:
        file.write("# another kernel\n")
    second = start(kernel)

    assert second["folder"] != first["folder"] and is_compiled(second)


def test_whatever_the_kernel_imports_is_a_source():
    """The folder's name hashes every file of the simulator that compiled code can be made of."""
    hashed = {path for pattern in store.COMPILED_FROM for path in store.PACKAGE.glob(pattern)}
    kernel = [name for name in SOURCES if is_under(name, "simulator.kernel")]
    reached = {other for name in kernel for other in imported(name) if is_under(other, "simulator")}

    assert {SOURCES[name] for name in {*kernel, *reached} - {"simulator.kernel"}} <= hashed


def test_an_edited_callee_is_never_answered_from_the_old_code(kernel):
    """The caller's file is unchanged, the function it calls in another file is not: the answer is the new one."""
    fixed = kernel / "fixed.py"
    start(kernel)
    fixed.write_text(fixed.read_text().replace("i8(1 << 30)) >> i8(31)", "i8(0)) >> i8(31)"))

    assert start(kernel)["value"] == 3  # rounds down now


def path_for(kind):
    """Return where the driver's code for one argument of a kind is kept."""
    return ahead_of_time._path(driver.run_tiles, (kind,), ahead_of_time.processor())


def test_other_machines_settings_and_kinds_have_other_files(monkeypatch):
    """Another processor, its features, LLVM, Python, setting of numba or kind of argument: another file."""
    changes = [
        lambda: monkeypatch.setattr(llvm, "get_host_cpu_name", lambda: "abacus"),
        lambda: monkeypatch.setattr(llvm, "get_host_cpu_features", llvm.FeatureMap),
        lambda: monkeypatch.setattr(ahead_of_time.llvmlite, "__version__", "0.0"),
        lambda: monkeypatch.setattr(sys.implementation, "cache_tag", "other"),
        lambda: monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1"),
        lambda: monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64-v3"),
    ]
    keys = {path_for(("<i8", 2)), path_for(("<i8", 3))}
    for change in changes:
        change()
        keys.add(path_for(("<i8", 2)))

    assert len(keys) == 2 + len(changes)


def test_without_a_compiler_the_answer_is_the_same(kernel):
    """NUMBA_DISABLE_JIT=1 runs the same source as plain Python."""
    found = start(kernel, NUMBA_DISABLE_JIT="1")

    assert (found["value"], found["stages"], found["numba"]) == (4, [], False) and cached(kernel) == []


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names a processor of this kind")
def test_another_processor_may_be_named(kernel):
    """numba's own setting names the processor to compile for, here one that most have."""
    here, there = start(kernel), start(kernel, NUMBA_CPU_NAME="x86-64-v3")

    assert is_compiled(there) and there["value"] == here["value"] and len(cached(kernel)) == 2


# ---- brought along by a wheel ----------------------------------------------------------------------
@pytest.mark.skipif(not levels() or not Path("/proc/self/environ").exists(), reason="no code to bring, or no /proc")
def test_what_came_along_answers_until_there_is_its_own(kernel):
    """Code for a level of processors is used at once, and compiling begun behind; once there is its own, that is."""
    made = Path(start(kernel, NUMBA_CPU_NAME=levels()[-1])["folder"])
    brought = kernel.parent / "jit" / "brought" / made.name
    shutil.move(made, brought)

    first = start(kernel)
    behind = processes_with(str(made.parent))
    assert behind or cached(kernel)  # it may have ended: it has only the time that nobody else wants
    for process in behind:
        with suppress(ProcessLookupError):
            os.kill(int(process.parent.name), signal.SIGKILL)
    brought.rename(kernel / "away")
    start(kernel)
    (kernel / "away").rename(brought)
    then = start(kernel)

    assert first["stages"] == [f"{BEHIND}; until then it is that for any {levels()[-1]}"]
    assert first["value"] == then["value"] == 4 and first["numba"] is False
    assert then["stages"] == [] and len(cached(kernel)) == 1 and first["said"] == then["said"] == ""


def test_what_came_along_for_another_kernel_or_damaged_is_refused(tmp_path, monkeypatch, capsys):
    """Sealed for this kernel's sources and this very name, or not loaded: a flipped bit is said too."""
    monkeypatch.setattr(store, "BROUGHT", tmp_path)
    here = tmp_path / store.FOLDER.name
    here.mkdir()
    store.write(here / "code-1", b"machine code")

    assert store.read_brought("code-1") == b"machine code" and store.read_brought("code-2") is None
    (here / "code-2").write_bytes((here / "code-1").read_bytes())
    assert store.read_brought("code-2") is None and "code-2: is damaged" in capsys.readouterr().err
    flip(here / "code-1", 8)
    assert store.read_brought("code-1") is None and "code-1: is damaged" in capsys.readouterr().err

    store.write(here / "code-3", b"machine code")
    monkeypatch.setattr(store, "FOLDER", store.FOLDER.with_name("another kernel's"))
    assert store.read_brought("code-3") is None and capsys.readouterr().err == ""  # it is not looked for there
    here.rename(tmp_path / store.FOLDER.name)
    assert store.read_brought("code-3") is None and "code-3: is damaged" in capsys.readouterr().err


def test_a_processor_is_of_the_levels_that_the_loader_says():
    """The loader of the system's libraries tells levels too, by instructions of its own."""
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    said = subprocess.run([loader, "--help"], capture_output=True, text=True).stdout if loader.exists() else ""
    if "x86-64-v3" not in said:
        pytest.skip("no loader that tells levels")

    assert levels() == [level for level in LEVELS if f"{level} (supported" in said]


def test_a_processor_is_of_a_level_if_it_lacks_nothing(monkeypatch):
    """One instruction that is not there, and it is of the level below; a processor of another kind is of none."""
    for there, expected in ((V4, ["x86-64-v4", "x86-64-v3"]), (V4 - {"avx512vl"}, ["x86-64-v3"]), ({"neon"}, [])):
        features = {feature: feature in there for feature in V4 | {"neon"}}
        monkeypatch.setattr(llvm, "get_host_cpu_features", lambda features=features: features)
        assert levels() == expected


# ---- where it cannot be kept -----------------------------------------------------------------------
def test_without_a_place_to_keep_it_code_still_runs(kernel):
    """A cache folder that cannot be made costs time in every process, and a word, not the run."""
    blocked = kernel.parent / "__init__.py" / "cache"

    for _ in range(2):
        found = start(kernel, SIMULATOR_CACHE_DIR=str(blocked))
        assert found["value"] == 4 and is_compiled(found)
        assert found["said"].endswith("Not a directory; not kept, so every command compiles\n")


def test_a_full_disk_costs_time_only(kernel):
    """Where compiled code cannot be kept, the answer is there and a word says so."""
    source = kernel.parent / "jit" / "store.py"
    source.write_text(
        source.read_text().replace("    os.replace(", "    raise OSError(28, 'No space left')\n        os.replace(")
    )
    found = start(kernel)

    assert found["value"] == 4 and "No space left; not kept" in found["said"] and cached(kernel) == []


def test_two_may_compile_at_once(kernel):
    """Two first starts at a time both compile and are both right; one file is left."""
    both = [report(one) for one in [process(kernel), process(kernel)]]

    assert [found["value"] for found in both] == [4, 4] and all(map(is_compiled, both))
    assert len(cached(kernel)) == 1 and start(kernel)["stages"] == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes there")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_first_start_leaves_nothing(sign, tmp_path):
    """Ctrl-C or SIGTERM while it compiles ends the command as at any other time, and the compiling process with it."""
    place = str(tmp_path / "cache")
    command = [sys.executable, "-m", "simulator", "run", "scenarios/huabei.toml", "--out", str(tmp_path / "out")]
    started = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "SIMULATOR_CACHE_DIR": place}, stderr=subprocess.PIPE, text=True
    )
    while "compiling the kernel, once" not in started.stderr.readline():
        pass
    assert len(processes_with(place)) > 1  # this one, the one that compiles and, with two processors, one to draw
    time.sleep(0.5)
    started.send_signal(sign)
    _, said = started.communicate(timeout=30)

    assert started.returncode == 130 and "Traceback" not in said
    assert processes_with(place) == [] and not (tmp_path / "out").exists()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def processes_with(text):
    """Return the processes in whose environment a text is."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # ended, or another user's
            found += [path] if text.encode() in path.read_bytes() else []
    return found


# ---- sealed ----------------------------------------------------------------------------------------
def cached(kernel):
    """Return the files of compiled code of a copy of the kernel."""
    return sorted(path for path in (kernel.parent.parent / "cache").rglob("*") if path.is_file())


def flip(path, bit):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_a_flipped_bit_is_compiled_anew(kernel):
    """A damaged file is not loaded: the answer is right, a word says so, and the next start is quick."""
    start(kernel)
    (path,) = cached(kernel)
    flip(path, 8 * path.stat().st_size // 2)

    first, second = start(kernel), start(kernel)

    assert first["value"] == 4 and is_compiled(first)
    assert first["said"] == f"compiled code: {path}: is damaged; compiled anew\n"
    assert (second["value"], second["stages"], second["said"]) == (4, [], "")


def test_code_is_kept_for_one_user_alone(kernel):
    """Whatever the umask, nobody else may write to the folder or its files."""
    before = os.umask(0)
    try:
        folder = Path(start(kernel)["folder"])
    finally:
        os.umask(before)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in cached(kernel)] == [0o600]


def test_what_others_may_write_to_is_not_used(kernel):
    """Neither a folder nor a file that others may write to is read; the answer is the same."""
    folder = Path(start(kernel)["folder"])
    (path,) = cached(kernel)
    path.chmod(0o620)
    found = start(kernel)
    assert found["value"] == 4 and is_compiled(found) and "others may write to it; compiled anew" in found["said"]
    assert start(kernel)["stages"] == []

    folder.chmod(0o770)
    found = start(kernel)
    assert found["value"] == 4 and is_compiled(found) and "others may write to it; not kept" in found["said"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_folder_of_another_user_is_not_used(kernel):
    """What belongs to another user is not ours to trust."""
    os.chown(start(kernel)["folder"], 12345, -1)
    found = start(kernel)

    assert found["value"] == 4 and is_compiled(found)


def test_a_link_is_no_folder_for_code(tmp_path):
    """Where the folder is a link somebody else may have made it."""
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")

    assert store.why_not(tmp_path / "mine") == "" and store.why_not(tmp_path / "link") != ""


def test_every_flipped_bit_is_seen(tmp_path, capsys):
    """Any bit of a sealed file, cut at any place, renamed, or none of ours: it is not read, and a word says so."""
    path, content = tmp_path / "code", bytes(range(0, 256, 16))
    store.write(path, content)
    sealed = path.read_bytes()
    assert store.read(path) == content and content == sealed[:16] and capsys.readouterr().err == ""
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


# ---- called ----------------------------------------------------------------------------------------
class Inner(NamedTuple):
    """A named tuple in another."""

    words: np.ndarray
    number: int


class Outer(NamedTuple):
    """What a compiled function is given."""

    yes: bool
    inner: Inner
    table: np.ndarray


@ahead_of_time.ahead_of_time
def told(outer, divisor, answer):
    """Write what arrived, in its order."""
    answer[0] = outer.inner.words[1]
    answer[1] = outer.inner.number // divisor
    answer[2] = outer.table[1, 0]
    answer[3] = outer.table.shape[0] if outer.yes else -1


def test_arguments_arrive_as_they_are():
    """Named tuples in named tuples, arrays of any type, integers and truths are what the function gets."""
    answer = np.zeros(4, np.int64)
    for yes, number in ((True, 7), (False, -7)):
        told(Outer(yes, Inner(np.array([1, 2**32 - 1], np.uint32), number), np.array([[5], [-6]], np.int16)), 2, answer)

        assert answer.tolist() == [2**32 - 1, number // 2, -6, 2 if yes else -1]


def test_an_error_in_compiled_code_is_an_error():
    """What raises in compiled code raises here, and names the way to see it."""
    outer = Outer(True, Inner(np.zeros(2, np.uint32), 1), np.zeros((2, 1), np.int16))

    with pytest.raises(RuntimeError, match="told: an error in compiled code; NUMBA_DISABLE_JIT=1 shows it"):
        told(outer, 0, np.zeros(4, np.int64))


@pytest.mark.parametrize("array", [np.zeros((4, 2))[::2], np.zeros((4, 2)).T, np.broadcast_to(np.zeros(2), (4, 2))])
def test_arrays_are_in_one_order(array):
    """An array in another order is refused, not misread."""
    with pytest.raises(ValueError, match="arrays in C order"):
        told(array, 1, array)


@ahead_of_time.ahead_of_time
def nonsense(x):
    """Do what no compiler can."""
    return x.nowhere


def test_what_does_not_compile_is_an_error(capfd):
    """Code that numba does not take ends with its reason, not with a silent run of something else."""
    with pytest.raises(RuntimeError, match="nonsense is not compiled: status 1"):
        nonsense(1)
    assert "nowhere" in capfd.readouterr().err


# ---- the kernel ------------------------------------------------------------------------------------
def world(name="both", borrowers=600, months=5):
    """Return a shipped scenario, lowered at a small size."""
    return lower(load_scenario(ROOT / "scenarios" / f"{name}.toml", (), borrowers, 2, months).baseline)


def sums_of(lowered, advance=driver.advance):
    """Return the bytes of the sums that an `advance` makes of a whole lowered scenario."""
    sums, span = empty_sums(2, lowered.months_total, len(lowered.segments)), Span(0, 2, 1, lowered.months_total)
    tables = tables_for(lowered, 0, 2)
    advance(tables, lowered.levers, lowered.tiles, lowered.tape, span, True, NO_STORE, sums)
    return [array.tobytes() for array in sums]


@ahead_of_time.ahead_of_time
def drawn(shares, words):
    """Write the shares of the random words of borrowers, in a loop that a compiler turns into vectors."""
    for i in range(len(words)):
        a, b, c, d = draws.philox(np.uint32(i), draws.counter(1, 0, 0), 0, draws.group(0, draws.MONTHS), 1, 2)
        words[i] = fixed.mul_q31(np.int32(a >> 1), shares[i]) // 7 - (np.int64(b ^ c ^ d) % 1000) * shares[0]


def test_the_code_is_what_numba_makes():
    """A loop of the kernel's words and fixed point in this code and as numba itself compiles it: the same integers.

    `python -m benchmarks as_numba` compares the whole driver.
    """
    import numba

    from simulator.jit.functions import tell_numba

    shares = np.linspace(-(2**31) + 1, 2**31 - 1, 3 * LANES + 5).astype(np.int32)
    here, there = np.zeros((2, len(shares)), np.int64)
    drawn(shares, here)
    tell_numba()
    numba.njit(_nrt=False)(drawn.__wrapped__)(shares, there)

    assert np.array_equal(here, there) and len(np.unique(here)) > len(shares) / 2


@pytest.mark.parametrize("name", ["both", "taiwan_cards"])
@pytest.mark.parametrize("garbage", [0x55555555, -1])
def test_what_the_working_space_holds_does_not_matter(name, garbage, monkeypatch):
    """Whatever a call before left in the driver's working space, the sums are the same."""
    zeros, compiled = sums_of(world(name)), driver.run_tiles

    def fill(group):
        for part in group:
            if isinstance(part, tuple):
                fill(part)
            else:
                part.fill(np.array(garbage).astype(part.dtype))

    def with_garbage(*given):
        fill(given[-1])
        compiled(*given)

    monkeypatch.setattr(driver, "run_tiles", with_garbage)

    assert sums_of(world(name)) == zeros


def test_a_tile_that_is_too_long_is_refused():
    """What would write beyond its memory is an error."""
    given = list(engine.nobody_of(world()))
    given[2] = world().tiles[:1].copy()
    given[2][0, K_COUNT] = LANES + 1

    with pytest.raises(ValueError, match="longer than"):
        driver.advance(*given)


def test_a_second_start_imports_no_compiler(tmp_path):
    """A run whose code is kept compiles nothing: the compiler is not there. Nor is what draws, on two processors."""
    engine.prepare(world())
    size = ["--borrowers", "20", "--months", "2", "--replications", "1", "--quiet", "--out", str(tmp_path / "out")]
    code = (
        "import sys\nfrom simulator import cli\nfrom simulator.report import drawing\n"
        "drawing.available_threads = lambda: 2\n"
        f"try:\n    cli.main(['run', 'scenarios/both.toml', *{size}])\n"
        "finally:\n    print(sorted({'numba', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
    assert (tmp_path / "out" / "report.html").read_text().count("<figure") == 2

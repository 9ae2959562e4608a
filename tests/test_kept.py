"""The driver's machine code, kept and called without numba, is the code that numba made."""

import inspect
import json
import os
import shutil
import subprocess
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest

from conftest import ROOT
from simulator.engine import engine
from simulator.engine.accumulators import empty_sums
from simulator.engine.monthly import NO_STORE
from simulator.kernel import driver
from simulator.kernel.jit import kept, store
from simulator.lowering.lower import lower, tables_for
from simulator.model.layout import K_COUNT, LANES
from simulator.model.tables import Span
from simulator.scenario.reader import load_scenario

N_GIVEN = len(inspect.signature(driver.advance).parameters)
TOY = """
define i32 @toy(ptr %result, ptr %exception, ptr %a, ptr %b, i64 %size, i64 %item, ptr %data, i64 %shape, i64 %stride,
                i64 %x, i8 %yes, ptr %c, ptr %d, i64 %n, i64 %m, ptr %space, i64 %s0, i64 %s1, i64 %t0, i64 %t1) {
    %first = load i64, ptr %data
    store i64 %size, ptr %data
    store i64 %s1, ptr %space
    %sum = add i64 %first, %x
    %one = zext i8 %yes to i64
    %more = add i64 %sum, %one
    %status = trunc i64 %more to i32
    ret i32 %status
}
"""


def world(name="both", borrowers=600, months=5):
    """Return a shipped scenario, lowered at a small size."""
    return lower(load_scenario(ROOT / "scenarios" / f"{name}.toml", (), borrowers, 2, months).baseline)


def lived(advance, lowered):
    """Return the bytes of the sums that an `advance` makes of a whole lowered scenario."""
    sums = empty_sums(2, lowered.months_total, len(lowered.segments))
    span = Span(0, 2, 1, lowered.months_total)
    advance(tables_for(lowered, 0, 2), lowered.levers, lowered.tiles, lowered.tape, span, True, NO_STORE, sums)
    return [array.tobytes() for array in sums]


@pytest.fixture
def kinds():
    """Return the kinds of arguments that every run calls the driver with; its code is kept."""
    lowered = world()
    engine.prepare(lowered)
    return kept.described(engine.nobody_of(lowered))[0]


@pytest.mark.parametrize("name", ["huabei", "both", "taiwan_cards"])
def test_the_kept_code_is_what_numba_made(name, kinds):
    """The same people under the kept code and under numba's own function: the same bytes."""
    assert kept.loaded(kinds) is not None

    assert lived(kept.advance, world(name)) == lived(driver.advance, world(name))


@pytest.mark.parametrize("name", ["both", "taiwan_cards"])
@pytest.mark.parametrize("garbage", [0x55555555, -1])
def test_what_the_working_space_holds_does_not_matter(name, garbage, monkeypatch):
    """Whatever a call before left in the driver's working space, the sums are the same."""
    zeros, compiled = lived(driver.advance, world(name)), driver.run_tiles

    def with_garbage(*given):
        for array in kept._arrays(given[N_GIVEN:]):
            array.fill(np.array(garbage).astype(array.dtype))
        compiled(*given)

    monkeypatch.setattr(driver, "run_tiles", with_garbage)

    assert lived(driver.advance, world(name)) == zeros


def test_words_reach_the_driver_in_their_order():
    """An array, an integer and a truth are what the driver gets, and memory to work in."""
    target = llvm.Target.from_default_triple().create_target_machine(codemodel="large", jit=True)
    given = np.array([40, 2, 3]), 1, True
    space = np.zeros((2, 7), np.int64)
    types = ["ptr", "ptr", *kept._llvm_types(kept.described((*given, space))[0])]
    code = kept.Code(target.emit_object(llvm.parse_assembly(TOY)), kept._door("toy", types), [], [("<i8", (2, 7))])
    call = kept._linked(code)

    for status in (42, 5):  # the first element and 1 and 1; then the driver has put the size there
        with pytest.raises(RuntimeError, match=f"status {status}$"):
            call(kept.described(given)[1])


def test_code_is_the_same_from_its_file():
    """What is written is what is read, with every byte there is in it."""
    code = kept.Code(bytes(range(256)), b"\n{}\n", ["numba_x"], [("<i8", (2, 7)), ("<u4", (3,))])

    assert kept.Code.from_bytes(code.to_bytes()) == code


def test_a_flipped_bit_in_the_driver_changes_nothing(kinds, tmp_path):
    """Damaged, the driver's file is not loaded: numba's is, the result is the same, and the file is made anew."""
    folder = tmp_path / store.FOLDER.name
    shutil.copytree(store.FOLDER, folder)
    command = [sys.executable, "-m", "simulator", "run", "scenarios/both.toml", "--borrowers", "50", "--months", "2"]
    command += ["--replications", "2", "--quiet", "--out"]
    environment = {**os.environ, "SIMULATOR_CACHE_DIR": str(tmp_path)}
    path = folder / kept._file(kinds).name
    before, digests = path.read_bytes(), []
    for at in (None, len(before) // 3, 5):
        if at is not None:
            path.write_bytes(before[:at] + bytes([before[at] ^ 16]) + before[at + 1 :])
        out = tmp_path / str(at)
        done = subprocess.run([*command, str(out)], cwd=ROOT, env=environment, capture_output=True, text=True)
        said = f"compiled code: {path}: is damaged; compiled anew\n" if at is not None else ""
        assert (done.returncode, done.stdout, done.stderr) == (0, "", said)
        digests.append(json.loads((out / "manifest.json").read_text())["result_digest"])

    assert len({*digests}) == 1 and path.read_bytes() == before


def test_arguments_of_other_kinds_are_for_numba(kinds):
    """Another type, number of axes or layout of one array is another list of kinds, for which nothing is kept."""
    given = list(engine.nobody_of(world()))
    tiles = np.zeros((4, given[2].shape[1]), np.int64)
    for other in (tiles.astype(np.int32), tiles[None], tiles[::2], tiles.T):
        assert kept.loaded(kept.described((*given[:2], other, *given[3:]))[0]) is None
    assert kept.described((*given[:2], tiles, *given[3:]))[0] == kinds


def test_other_machines_and_compilers_have_other_files(kinds, monkeypatch):
    """Another processor, its features, LLVM or Python: another file; the kernel and numba are the folder's name."""
    files = {kept._file(kinds)}
    monkeypatch.setattr(kept.llvm, "get_host_cpu_name", lambda: "abacus")
    files.add(kept._file(kinds))
    monkeypatch.setattr(kept.llvmlite, "__version__", "0.0")
    files.add(kept._file(kinds))
    monkeypatch.setattr(kept.llvm, "get_host_cpu_features", lambda: llvm.FeatureMap())
    files.add(kept._file(kinds))
    monkeypatch.setattr(kept.sys.implementation, "cache_tag", "other")
    files.add(kept._file(kinds))

    assert len(files) == 5


def test_settings_of_numba_are_numbas(kinds, monkeypatch):
    """With any NUMBA_ variable in the environment numba compiles as it says."""
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")

    assert kept.loaded.__wrapped__(kinds) is None


def test_a_tile_that_is_too_long_is_refused():
    """What would write beyond its memory is an error."""
    given = list(engine.nobody_of(world()))
    given[2] = world().tiles[:1].copy()
    given[2][0, K_COUNT] = LANES + 1

    with pytest.raises(ValueError, match="longer than"):
        kept.advance(*given)


def test_a_second_start_imports_no_compiler(kinds, tmp_path):
    """A run whose code is kept compiles nothing: the compiler is not there. Nor is what draws, on two processors."""
    size = ["--borrowers", "20", "--months", "2", "--replications", "1", "--quiet", "--out", str(tmp_path / "out")]
    code = (
        "import sys\nfrom simulator import cli\nfrom simulator.report import drawing\n"
        "drawing.available_threads = lambda: 2\n"
        f"try:\n    cli.main(['run', 'scenarios/both.toml', *{size}])\n"
        "finally:\n    print(sorted({'numba', 'matplotlib', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
    assert (tmp_path / "out" / "report.html").read_text().count("<figure>") == 2

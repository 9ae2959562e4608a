"""What makes the kernel fast and its memory small, as claims that are exact: no clock decides here."""

import os
import shutil
import subprocess
import sys
import tracemalloc
from tempfile import NamedTemporaryFile

import llvmlite.binding
import numpy as np
import pytest

import worlds
from conftest import ROOT
from simulator.engine import engine
from simulator.jit import ahead_of_time, store
from simulator.kernel import driver
from simulator.lowering.lower import Tape, lower
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.scenario.reader import load_scenario

SCENARIOS = ("huabei", "jiebei", "both", "taiwan_cards")


def scenario(name, borrowers=1_500, replications=2, months=4, overrides=()):
    """Return a shipped scenario at a small size."""
    path = ROOT / "scenarios" / f"{name}.toml"
    return load_scenario(path, overrides, borrowers=borrowers, replications=replications, months=months)


def tape_of(borrowers, segments):
    """Return a Tape of active lines, half of them used, all in the first segment."""
    values = np.full((borrowers, N_PRODUCT, N_TAPE), ABSENT, np.int32)
    values[:, LINE, TAPE_STATUS] = ACTIVE
    values[:, LINE, TAPE_LIMIT], values[:, LINE, TAPE_BALANCE], values[:, LINE, TAPE_BUCKET] = 1_000_000, 500_000, 0
    return Tape(values, (borrowers, *[0] * (segments - 1)))


def assembly(function):
    """Return what objdump reads in the one object file of a compiled function, as text."""
    objdump = shutil.which("objdump")
    if objdump is None:
        pytest.skip("without objdump nobody reads machine code")
    (kinds,) = function.codes
    path = ahead_of_time._path(function, kinds, ahead_of_time.processor())
    with NamedTemporaryFile() as file:
        file.write(store.read(path).partition(b"\n")[2])
        file.flush()
        return subprocess.run([objdump, "-d", file.name], check=True, capture_output=True, text=True).stdout


def size(sums):
    """Return the bytes of all arrays of a Sums."""
    return sum(array.nbytes for array in sums)


def test_the_tile_runs_in_wide_vectors():
    """The compiled tile uses 512-bit registers, more often than 256-bit ones, where the processor has them."""
    if not llvmlite.binding.get_host_cpu_features().get("avx512f"):
        pytest.skip("this processor has no AVX-512")
    driver.advance(*engine.nobody_of(lower(scenario("huabei").baseline)))

    code = assembly(driver.run_tiles)

    assert code.count("%zmm") > 1_000  # 3,449 when this was written; without the request for wide vectors about none
    assert code.count("%zmm") > code.count("%ymm")
    assert code.count("vpmuludq") > 100  # Philox, many borrowers at once


def test_one_compiled_signature_serves_everything():
    """Policies, products, models, tapes, factors, spans, the scalar kernel: all call the same compiled function."""
    for name in SCENARIOS:
        shipped = scenario(name)
        for settings in (shipped.baseline, *shipped.variants.values()):
            engine.run(lower(settings, run_off=True), 2)
    plain = scenario("huabei", overrides=["economy.factor.enabled=false"]).baseline
    arriving = scenario("huabei", overrides=["portfolio.applicants_per_month=50", "redraw_people=true"]).baseline
    for world in (lower(plain), lower(plain, tape_of(700, 2)), lower(arriving)):
        engine.run(world, 1)
        engine.run(world, 1, fast=False, spans=(2,))

    assert len(driver.run_tiles.codes) == 1


def test_the_worlds_of_the_twin_are_compiled_alike():
    """The random worlds that the twin lives in have the types of lowered scenarios: one and the same code is tested."""
    lowered, world = lower(scenario("both").baseline), worlds.world("types", sizes=(3,))

    one, other = (ahead_of_time._take_apart((of.tables, of.levers), [], []) for of in (lowered, world))

    assert one == other


COUNT_ONE_BY_ONE = """
import sys
import numpy as np
from benchmarks.kernel import on_book
from benchmarks.worlds import shipped
from simulator.engine import engine
from simulator.kernel import delinquent, driver
from simulator.lowering.lower import tables_for
from simulator.engine.accumulators import empty_sums
from simulator.model.tables import Span

borrowers, months = map(int, sys.argv[3:])
world = shipped(sys.argv[1], borrowers, 1, months)
sums = empty_sums(1, world.months_total, len(world.segments))
end_month, step_scalar, counted = delinquent.end_month, driver.step_scalar, [0]

def counted_end(*arguments):
    counted[0] += 1
    return end_month(*arguments)

def counted_step(tile, words, listed, n, *arguments):
    counted[0] += n
    return step_scalar(tile, words, listed, n, *arguments)

delinquent.end_month, driver.step_scalar = counted_end, counted_step
with np.errstate(all="ignore"):
    fast = sys.argv[2] == "fast"
    tables = tables_for(world, 0, 1)
    driver.advance(
        tables, world.levers, world.tiles, world.tape, Span(0, 1, 1, months), fast, engine.NO_STORE, sums
    )
print(counted[0] / on_book(sums))
"""


@pytest.mark.parametrize(
    ("name", "share"),
    [("huabei", 0.015), ("base/consumer", 0.04), ("../tests/plain_world", 0.01), ("taiwan_cards", 0.01)],
)
def test_few_go_one_by_one(name, share):
    """Of a hundred borrowers with a line one or two a month end it one by one, of those with loans four at most.

    Without a late stage and closures it is one of a hundred at most.
    """
    ways = {}
    for way, size in (("fast", ("400", "8")), ("slow", ("60", "3"))):
        command = [sys.executable, "-c", COUNT_ONE_BY_ONE, name, way, *size]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, check=True, capture_output=True, text=True
        )
        ways[way] = float(done.stdout)

    assert ways["fast"] < share
    assert ways["slow"] > 0.99  # the count would see them


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("replications", [1, 30])
def test_memory_is_predicted_exactly(name, replications):
    """`bytes_needed` is the bytes of the sums that a run returns, and of one set of them for each thread."""
    world = lower(scenario(name, borrowers=100, replications=replications).baseline, run_off=True)
    kept = size(engine.run(world, 1))

    assert engine.bytes_needed(world, 0) == kept
    assert engine.bytes_needed(world, 3) == 4 * kept  # these few replications go together


def test_a_thread_holds_a_part_of_many_replications():
    """Beyond a few hundred replications the sums of a thread stop growing with them; those kept do not."""
    few, many = (lower(scenario("huabei", borrowers=1, replications=r, months=24).baseline) for r in (5_000, 50_000))

    def at_work(world):
        return engine.bytes_needed(world, 1) - engine.bytes_needed(world, 0)

    assert at_work(few) == at_work(many) < 64 << 20
    assert engine.bytes_needed(many, 0) > 9 * engine.bytes_needed(few, 0)


def test_results_do_not_grow_with_the_borrowers():
    """Ten times the borrowers give sums of the same shapes, and the same prediction of memory."""
    small, large = (lower(scenario("both", borrowers=n).baseline, run_off=True) for n in (1_000, 10_000))

    assert [a.shape for a in engine.run(small, 1)] == [a.shape for a in engine.run(large, 1)]
    assert engine.bytes_needed(small, 2) == engine.bytes_needed(large, 2)


def test_a_run_holds_nothing_for_each_borrower():
    """While it runs, ten times the borrowers need less than one byte more for each of them, over any months."""

    def peak(world):
        tracemalloc.start()
        engine.run(world, 1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = (lower(scenario("huabei", borrowers=n, months=12).baseline) for n in (5_000, 50_000))
    engine.run(small, 1)  # loads the compiled code

    assert abs(peak(large) - peak(small)) < 45_000

"""The benchmarks are fair: every peer lives the kernel's month. No clock decides here."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from conftest import ROOT
from simulator.engine import engine
from simulator.lowering.lower import lower
from simulator.model import philox
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.policy import registry
from simulator.run import read_book
from simulator.scenario.reader import load_scenario
from simulator.study import simulate

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks import (
    analyst_numpy,
    bitflips,
    commands,
    coverage,
    digests,
    figures,
    floor,
    growth,
    inputs,
    jax_month,
    kernel,
    kills,
    moved,
    numba_np_random,
    numpy_month,
    peers,
    plot,
    roads,
    suite,
    timing,
    worlds,
)
from benchmarks.__main__ import app

BORROWERS, REPLICATIONS = 1_500, 30
FAR = 4.5  # standard errors, of some 40 totals; the seeds are fixed
NEAR = 0.01  # of totals that everyone moves
EVERYONE = ("n_accounts", "balance", "limit", "new_credit", "interest", "paid", "n_due", "n_missed", "n_reminded")


def line(borrowers, replications, settings=(), months=None):
    """Return the lowered baseline of the plain line without applicants."""
    return worlds.shipped(worlds.PLAIN_LINE, borrowers, replications, months, tuple(settings))


@pytest.fixture(scope="module")
def small():
    """Return (segments in floats, the kernel's totals) of a small book."""
    world = line(BORROWERS, REPLICATIONS)
    return inputs.inputs(world), inputs.totals_of(engine.run(world))


def test_tuned_numpy_does_the_same_work():
    """The tuned NumPy month gives the kernel's sums, every integer of every month."""
    closed = ["portfolio.applicants_per_month=0", "redraw_people=false"]
    path = worlds.SCENARIOS / f"{worlds.PLAIN_LINE}.toml"
    world = lower(load_scenario(path, closed, borrowers=2_000, months=30, replications=2).baseline, run_off=True)

    ours = numpy_month.run(world, numpy_month.opening(world))

    assert numpy_month.agrees(ours, engine.run(world))
    assert ours.flows[..., F_EXPIRED].sum() > 0  # the months are long enough for every path
    assert ours.flows[..., F_RECOVERED].sum() > 0


@pytest.mark.parametrize("peer", [analyst_numpy, numba_np_random, jax_month])
def test_a_peer_with_its_own_random_numbers_agrees_on_average(peer, small):
    """Over replications every total of a peer is the kernel's within its standard errors; the large ones within 1 %."""
    segments, expected = small
    if peer is jax_month:
        pytest.importorskip("jax", reason="JAX is not installed: pip install -e '.[peers]'")
        segments = jax_month.batches(segments, 1_050)

    totals = peer.run(segments)
    flows = totals.flows

    found = dict(zip(inputs.TOTALS, (flows - expected).sum(axis=1).T, strict=True))  # of each replication
    usual = dict(zip(inputs.TOTALS, expected.sum(axis=1).mean(axis=0), strict=True))
    error = {name: off.std(ddof=1) / np.sqrt(REPLICATIONS) for name, off in found.items()}
    assert {name: off.mean() / error[name] for name, off in found.items() if abs(off.mean()) > FAR * error[name]} == {}
    assert {name for name in EVERYONE if abs(found[name].mean()) > NEAR * usual[name]} == set()

    after, to_months_end = flows[..., inputs.AT["n_accounts"]], totals.rolls[:, :, :, :BUCKETS, 0].sum(axis=(2, 3))
    assert np.array_equal(after, to_months_end)  # the roll matrix counts the same accounts
    lost = totals.rolls[:, :, :, TO_WRITTEN_OFF, 1].sum(axis=2)
    assert lost == pytest.approx(flows[..., inputs.AT["written_off"]], rel=1e-5)


def test_a_peer_with_another_month_would_be_caught(small):
    """Negative control: forgetting a tenth more often is further from the kernel than the test allows."""
    segments, expected = small
    other = [s._replace(book=s.book._replace(forget=1.1 * s.book.forget)) for s in segments]

    off = (analyst_numpy.run(other).flows - expected).sum(axis=1)[:, inputs.AT["n_missed"]]

    assert off.mean() > FAR * off.std(ddof=1) / np.sqrt(REPLICATIONS)


@pytest.mark.parametrize(
    "setting",
    [
        'policy.x={kind="autopay", enrolled=0.9}',
        "policy.close.enabled=true",
        "policy.cut.enabled=true",
        "behaviour.demand.leaving=0.01",
        "behaviour.demand.idle_closes_months=5",
        "products.line.conversion.chance=0.1",
        "products.line.first_payment_default=0.01",
    ],
)
def test_peers_refuse_what_they_do_not_do(setting):
    """A lender that enrols in autopay, closes or cuts is an error for every peer, not a wrong comparison.

    So are customers who leave, convert bills or never pay.
    """
    world = line(100, 1, [setting])

    with pytest.raises(ValueError, match="reminders and write-off at most"):
        numpy_month.opening(world)
    with pytest.raises(ValueError, match="reminders and write-off at most"):
        inputs.inputs(world)


def test_the_loop_timed_alone_draws_the_kernels_words():
    """What is called the time of random words is that of Philox at its addresses, every word used."""
    index = np.arange(2 * LANES)
    plain = philox.philox(index, philox.counter(1, 0, 0), 0, philox.group(0, philox.MONTHS), np.uint32(1), np.uint32(2))

    word = np.zeros(1, np.uint32)
    floor._draw(2, np.array([1, 2], np.uint32), word)

    assert word[0] == np.bitwise_xor.reduce([np.bitwise_xor.reduce(words) for words in plain])


def test_the_easy_world_takes_the_on_time_path_alone():
    """In the world whose time is that of those who pay on time, nobody misses a due; in the usual one some do."""
    assert floor.is_easy(engine.run(floor.world(floor.ON_TIME, 2, 2_000)))
    assert not floor.is_easy(engine.run(floor.world((), 2, 2_000)))


def test_the_lenders_have_no_some_and_all_policies():
    """`all` has every kind of policy, each with something to do; `no` has write-off alone."""
    lenders = worlds.lenders(3_000, 2)

    kinds = {
        name: {policy.kind for policy in world.settings.policy.values() if policy.enabled}
        for name, world in lenders.items()
    }
    assert kinds["no"] == {"write_off"}
    assert len(kinds["some"]) == 5
    assert kinds["all"] == set(registry.names())

    flows = engine.run(lenders["all"]).flows[..., LINE, :].sum(axis=(0, 1, 2, 3))
    busy = (
        F_N_PLANS,
        F_N_REGRANTED,
        F_N_LIMIT_CUT,
        F_N_LIMIT_RAISED,
        F_N_REPORTED,
        F_CONTACT_COST,
        F_N_FROZEN,
        F_N_CLOSED,
        F_N_OFFERS,
        F_N_EDUCATED,
    )
    assert {FLOWS[flow] for flow in busy if flows[flow] == 0} == set()


def test_cases_are_those_that_the_figures_need(monkeypatch):
    """Every ratio of bench.json has its two cases, whatever the size; without JAX all but its own."""
    monkeypatch.setattr(kernel, "BORROWERS", 600)
    monkeypatch.setattr(peers, "BORROWERS", 600)
    monkeypatch.setattr(jax_month, "is_there", lambda: False)

    cases = kernel.cases(threads=2, full=True) + peers.cases()

    assert {case.name for case in cases} == {name for pair in figures.AGAINST.values() for name in pair} - {"jax"}
    assert all(case.borrower_months > 0 and min(case.work) > 0 for case in cases)
    assert len({case.words for case in cases}) == len(cases)


def fake_times(*names):
    """Return times of cases, the n-th of which takes n ns in its best round, 2 n at the median, 3 n of processor."""
    work = timing.Work(1, 4, 110, 33)
    ns = enumerate(names, start=1)
    return [timing.Timed(name, name, work, [3.0 * n, 1.0 * n, 2.0 * n], [3.0 * n, 4.0 * n]) for n, name in ns]


GROWTH = growth.Growth({n: 1e-9 * n for n in (10, 100, 1_000)}, {n: 1 + 0.5 * n for n in (1, 12, 24)})
MACHINE = {"cpu": "some processor", "vector_bits": 512, "threads": 2}


def test_bench_json_has_its_shape(tmp_path):
    """Figures are {value, unit} with the work beside them, ratios are a peer's best over the kernel's."""
    names = (
        "line",
        "plain_line",
        "line_two_cores",
        "scalar_twin",
        "tuned_numpy",
        "jax",
        "no_policies",
        "all_policies",
        "line_larger",
    )
    others = {"cold_s": (20.0, "s"), "cold_mb": (500.0, "MB"), "warm_s": (1.5, "s"), "warm_mb": (300.0, "MB")}
    timed = fake_times(*names)

    found = figures.result(timed, others, GROWTH, MACHINE)

    assert json.loads(json.dumps(found)) == found
    assert set(found) == {"figures", "ratios", "machine"}
    work = {"threads": 1, "words": 4, "flows": 110, "columns": 33}
    assert found["figures"]["ns_line"] == {"value": 1.0, "unit": "ns per borrower-month", **work}
    assert found["figures"]["ns_jax_median"]["value"] == 12.0
    assert found["figures"]["ns_jax_cpu"]["value"] == 18.0
    assert found["figures"]["warm_s"] == {"value": 1.5, "unit": "s"}
    assert found["figures"]["s_months_24"] == {"value": 13.0, "unit": "s"}
    assert found["ratios"] == {
        "scalar_twin": 4.0, "tuned_numpy": 2.5, "jax": 3.0, "all_policies_over_none": pytest.approx(8 / 7, abs=1e-3),
        "line_two_cores": 3.0, "growth_borrowers": 1.0, "growth_months": 1.0,
    }  # fmt: skip
    assert "JAX 3.0" in " ".join(figures.sentences(found, most_ns=20))
    assert figures.table(timed, MACHINE).row_count == len(names)
    plot.draw(timed, GROWTH, MACHINE, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").stat().st_size > 10_000


def test_the_suite_measures_what_is_promised(monkeypatch):
    """Every figure and ratio that others read is there, from a suite of tiny books and commands that do not run."""
    for module in (kernel, peers):
        monkeypatch.setattr(module, "BORROWERS", 600)
    monkeypatch.setattr(growth, "BORROWERS", (10, 20, 30))
    monkeypatch.setattr(growth, "LARGE_BORROWERS", (40,))
    monkeypatch.setattr(growth, "AT_BORROWERS", 10)
    monkeypatch.setattr(floor, "TILES", 10)
    monkeypatch.setattr(timing, "alternate", partial(timing.alternate, rounds=1, turn=0))
    monkeypatch.setattr(growth, "ROUNDS", 1)
    monkeypatch.setattr(suite, "available_threads", lambda: 2)
    monkeypatch.setattr(jax_month, "is_there", lambda: False)
    for name in ("warm", "cold", "million", "half_a_billion"):
        monkeypatch.setattr(commands, name, lambda: commands.Ran(1.0, 2.0))

    measured = suite.measure(full=True)
    found = figures.result(measured.timed, measured.others, measured.growth, MACHINE)

    kinds = {"ns_line", "ns_line_and_loan", "ns_line_two_cores", "ns_word", "ns_block", "cold_s", "warm_s"}
    kinds |= {"whole_1m_60_100_s", "whole_500m_36_s", "whole_500m_36_mb", "s_borrowers_40", "s_months_120"}
    assert kinds <= set(found["figures"])
    assert set(figures.AGAINST) - {"jax"} <= set(found["ratios"])
    assert measured.missing == [peers.NO_JAX]


def test_straightness_is_one_for_a_line_and_more_for_a_curve():
    """A fixed cost does not bend a line; a cost that grows with the square does."""
    assert growth.straightness({n: 5 + 2 * n for n in (1, 10, 100, 1_000)}) == pytest.approx(1)
    assert growth.straightness({n: n * n for n in (1, 10, 100)}) == pytest.approx(10)


def test_no_number_is_moved_to_the_same_place_twice(monkeypatch):
    """Each round of a moved scenario has two new places, one for the stages and one for the whole; all have times."""
    monkeypatch.setattr(moved, "BORROWERS", 4)
    monkeypatch.setattr(moved, "REPLICATIONS", 2)
    monkeypatch.setattr(moved, "ROUNDS", 2)
    monkeypatch.setattr(moved, "MOVED", {"a price": ("costs.funding_rate", 0.05)})
    places, scenario_at = [], moved.Experiment.scenario_at
    monkeypatch.setattr(moved.Experiment, "scenario_at", lambda *of: places.append(of[1]) or scenario_at(*of))

    (took,) = moved.moved()
    apart = [place["costs.funding_rate"] for place in places if place]

    assert len(set(apart)) == len(apart) == 4
    assert took.name == "a price" and min(took.read, took.lowered, took.whole) > 0
    assert moved.file_read() > 0 < moved.tiny_run()


def test_every_case_has_its_turn_in_each_round(monkeypatch):
    """Cases alternate: a slow minute of the machine is shared by all. A turn is one run, or several short ones."""
    order, seconds = [], {"a": 0.25, "b": 0.5}
    cases = [timing.Case(name, name, lambda name=name: name, 1, timing.Work(1, 4, 110, 33)) for name in seconds]

    def pretended(run):
        order.append(run())
        return seconds[order[-1]], seconds[order[-1]]

    monkeypatch.setattr(timing, "seconds", pretended)

    once = timing.alternate(cases, rounds=3, turn=0)
    several = timing.alternate(cases, rounds=2, turn=0.5)

    assert order == ["a", "b"] * 3 + ["a", "a", "b"] * 2
    assert [len(times.wall) for times in once + several] == [3, 3, 4, 2]
    assert several[0].wall == [0.25e9] * 4


def test_memory_of_a_command_is_its_own():
    """What this process holds is not counted as the command's."""
    here = np.ones(100_000_000)  # 800 MB

    ran = commands.run(*commands.SMALLEST)

    assert 30 < ran.megabytes < here.nbytes / 1e6


def test_flipped_bits_are_seen():
    """A few of the flips of `python -m benchmarks bitflips`, without the runs that compile anew: none is loaded."""
    rows = bitflips.check(flips=9, seed=3, runs=0)

    assert sum(row.flips for row in rows) == 9 and any(row.file.startswith(bitflips.DRIVER) for row in rows)
    assert [row for row in rows if row.refused < row.flips] == []


def test_kills_leave_whole_folders_and_no_litter(monkeypatch):
    """One of the kills of `python -m benchmarks kills`, while the folder of a small comparison is written."""
    monkeypatch.setattr(kills, "SCENARIO", ROOT / "tests" / "sale_or_wait.toml")
    (killed,) = kills.check(times=1, seed=139)  # soon after it has begun to write

    assert killed.problems == ()


def test_a_cover_is_counted_and_bounded():
    """190 of 200 are right; 182 are too few and 200 too many, but where it is rough; 178 are never enough."""
    value = np.zeros(200)
    for covered, is_right, if_rough in ((190, True, True), (182, False, True), (200, False, True), (178, False, False)):
        low = np.where(np.arange(200) < covered, 0.0, 1.0)
        found = np.stack([low, low + 1, value], axis=1)
        assert coverage._covered("level of npv", found).is_right is is_right
        assert coverage._covered("difference of var95", found).is_right is if_rough
        assert coverage._covered("level of npv", found).covered == covered


def test_the_intervals_of_a_roll_matrix_are_held_against_its_powers():
    """A run's shares of states lie within five standard errors of the exact ones."""
    run = simulate(coverage._seeded(coverage.read(coverage.ROLLS), 3)).comparison
    for (_, (low, high), exact), name in zip(coverage._exact(run), coverage.STATES, strict=True):
        value, se = run.estimate("baseline", name)
        assert low < value < high and abs(value - exact) < 5 * se


@pytest.mark.parametrize("kind", registry.names())
def test_every_policy_is_in_the_digests_of_random_worlds(kind, monkeypatch):
    """Without a policy of that kind some world has another digest, so an edit of what it does is seen."""
    silent = registry.kinds() | {kind: SimpleNamespace(**vars(registry.kinds()[kind]) | {"write": lambda *_: None})}

    def differs(number):
        monkeypatch.setattr(digests, "kinds", registry.kinds)
        usual = digests.of_world(number)
        assert len(set(usual.values())) == 1  # of both kernels
        monkeypatch.setattr(digests, "kinds", lambda: silent)
        return digests.of_world(number) != usual

    assert any(differs(number) for number in range(digests.WORLDS))


def test_a_digest_that_moved_is_named(tmp_path, monkeypatch):
    """What was written agrees with itself; one that differs, is missing or is new is named, and the exit code is 1."""
    ends = f'run_on_months = 0\nrun_off_months = 6\nextends = "{ROOT}/scenarios/'
    text = (ROOT / "scenarios" / "limit_cut.toml").read_text().replace('extends = "', ends)
    (tmp_path / "small.toml").write_text(text)
    monkeypatch.setattr(digests, "SCENARIOS", tmp_path)
    monkeypatch.setattr(digests, "WORLDS", 1)
    monkeypatch.setattr(digests, "QUICK", digests.Size(20, 2))
    file = tmp_path / "before.json"

    def against(*options):
        done = CliRunner().invoke(app, ["digests", "--quick", *options])
        return done.exit_code, done.output

    assert against("--write", str(file))[0] == 0
    assert against("--against", str(file))[0] == 0
    before = json.loads(file.read_text())
    moved = before["digests"].pop("small: sums")
    before["digests"] |= {"small: summary": moved, "gone: sums": moved}
    before["made_with"]["numpy"] = "1.0"
    file.write_text(json.dumps(before))
    code, said = against("--against", str(file))
    assert code == 1 and "numpy 1.0, now" in said
    for words in ("small: sums is new", "small: summary differs", "gone: sums is missing", "3 differences"):
        assert words in said


def test_kernels_that_differ_are_named():
    """A world that the two kernels live otherwise is a fault without any file to compare with."""
    same = {f"world {number}: {kernel}": "x" for number in range(digests.WORLDS) for kernel in digests.KERNELS}

    assert digests.unequal_kernels(same) == []
    assert digests.unequal_kernels(same | {"world 3: scalar": "y"}) == [
        "world 3: the fast and the scalar kernel differ"
    ]


def test_a_tape_that_copies_the_drawn_book_is_lived_as_it(tmp_path):
    """What is held against a drawn book is the same book: the same sums, also with a second product on the tape."""
    size = {"portfolio.applicants_per_month": 0, "redraw_people": False}
    drawn = load_scenario(worlds.SCENARIOS / "huabei.toml", size, 300, 2, 6).baseline
    paths = roads.copied(lower(drawn), tmp_path)
    own = load_scenario(worlds.SCENARIOS / "huabei.toml", size | paths, None, 2, 6)
    world = lower(own.baseline, read_book(own).tape)
    with_loans = world._replace(tiles=np.where(np.arange(N_TILE) == K_PRODUCTS, N_PRODUCT, world.tiles))

    assert set(world.tiles[:, K_PRODUCTS]) == {1}
    for other in (lower(drawn), with_loans):
        for one, same in zip(engine.run(world, 1), engine.run(other, 1), strict=True):
            assert np.array_equal(one, same)

"""A scenario at any point of its settings: paired by replication, whatever is moved and however it is cut."""

import gc
import weakref

import numpy as np
import pytest

from conftest import ROOT
from simulator.analysis.score_power import OBSERVED, YEAR
from simulator.decision.experiment import Experiment
from simulator.decision.vary import varied
from simulator.engine import engine
from simulator.model.errors import UserError
from simulator.scenario.reader import load_scenario
from simulator.study import compare

SCENARIOS = ROOT / "scenarios"
HUABEI = SCENARIOS / "huabei.toml"


@pytest.fixture(scope="module")
def experiment():
    """Return a small experiment of the demo with one variant."""
    ends = {"run_off_months": 12, "run_on_months": 6}
    scenario = load_scenario(HUABEI, ends, borrowers=300, replications=40, months=12).choose("cut_at_30")
    return Experiment(scenario, ["cut_at_30"], threads=2)


def test_an_experiment_where_the_file_stands_is_its_comparison(experiment):
    """At no moved key the values are those of `compare`, to the fen."""
    study = compare(experiment.scenario, threads=2)
    at_home = experiment.values("npv", {})
    assert np.array_equal(at_home[:, 1], study.comparison.samples("cut_at_30", "npv"))


@pytest.mark.parametrize(
    ("point", "lived"),
    [
        ({"costs.funding_rate": 0.07, "discount_rate": 0.1}, 0),  # a price is only settled
        ({"policy.cut.keep": 0.9}, 2),  # of one lender, in both futures
        ({"behaviour.structural.shock_probability": 0.03}, 4),
    ],
)
def test_only_what_is_moved_is_lived_again(experiment, monkeypatch, point, lived):
    """Lenders whose integers a point leaves alone are settled from what they have lived, and nothing else changes."""
    experiment.values("npv_run_on", {})
    calls = []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda *given: calls.append(given[0]) or run(*given))  # the pilot of scores too
    found = experiment.several(["npv", "npv_run_on", "net_loss"], point)
    assert sum(world.replications == 40 for world in calls) == lived
    afresh = compare(experiment.scenario_at(point), threads=2).comparison
    for values, measure in zip(found, ("npv", "npv_run_on", "net_loss"), strict=True):
        assert np.array_equal(values[:, 1], afresh.samples("cut_at_30", measure))


@pytest.mark.parametrize("name", ["huabei", "partner_share"])
def test_the_run_on_is_lived_for_who_asks(monkeypatch, name):
    """Measures of one future cost one life, and are to the fen what they are beside those of both; none is missing."""
    ends = {"run_off_months": 8, "run_on_months": 4}
    scenario = load_scenario(SCENARIOS / f"{name}.toml", ends, borrowers=60, replications=20, months=6)
    point = {"behaviour.structural.shock_probability": 0.03}
    both = Experiment(scenario, threads=1).several(["npv", "npv_run_on", "net_loss"], point)
    lives = []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda *given: lives.append(given[0].months_total) or run(*given))
    one = Experiment(scenario, threads=1)
    assert np.array_equal(one.several(["npv", "net_loss"], point), both[[0, 2]])
    assert {*lives} - {OBSERVED + YEAR} == {6 + 8}  # and the pilot of scores
    assert np.array_equal(one.values("npv_run_on", point), both[1])
    assert np.array_equal(one.values("npv_run_on", {}), Experiment(scenario, threads=1).values("npv_run_on", {}))
    assert {*lives} - {OBSERVED + YEAR} == {6 + 8, 6 + 4 + 8}


def test_lenders_alone_are_as_among_others(experiment):
    """A variant without its baseline brings what it brings beside it, at a moved point too."""
    point = {"behaviour.structural.shock_probability": 0.03}
    alone = experiment.values("npv_run_on", point, lenders=["cut_at_30"])
    assert np.array_equal(alone[:, 0], experiment.values("npv_run_on", point)[:, 1])


def test_replications_are_the_same_alone_and_among_others(experiment):
    """Replications 20 to 39 lived alone are the second half of all 40, at a moved point too."""
    point = {"costs.funding_rate": 0.07, "behaviour.structural.shock_probability": 0.03}
    both = experiment.values("npv", point)
    assert np.array_equal(experiment.values("npv", point, range(20, 40)), both[20:])
    assert not np.array_equal(both, experiment.values("npv", {}))


def test_what_was_lived_at_a_point_is_let_go_at_once(experiment):
    """No circle holds the sums of a comparison until the garbage is looked for: there are hundreds of them."""
    gc.disable()
    try:
        comparison = experiment.at({"behaviour.structural.shock_probability": 0.03}, range(20))
        comparison.samples("baseline", "npv")
        held = [weakref.ref(comparison), weakref.ref(comparison.ledgers["baseline"].sums.flows)]
        del comparison
        assert [one() for one in held] == [None, None]
    finally:
        gc.enable()


def test_replications_begin_with_a_whole_batch(experiment):
    """Batches of replications would be cut otherwise."""
    with pytest.raises(ValueError, match="multiple of 20"):
        experiment.at({}, range(7, 9))


def test_a_variant_alone_can_be_moved(experiment):
    """A key of a variant leaves the baseline as it is."""
    home, moved = (experiment.values("npv", point) for point in ({}, {"variant.cut_at_30.policy.cut.keep": 0.9}))
    assert np.array_equal(home[:, 0], moved[:, 0])
    assert not np.array_equal(home[:, 1], moved[:, 1])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("policy.cut.keep", "not of that form"),
        ("policy.cut.keep=a:b", "not numbers"),
        ("policy.cut.keep=0.5:0.1", "LOW below HIGH"),
        ("policy.cut.keep=0.1:0.5:1", "2 to 1000"),
        ("policy.cut.keeps=0.1:0.5", "no such key"),
        ("policy.cut.enabled=0:1", "not a number"),
        ("policy.write_off.commission=0.1:0.5", "move as one"),
        ("replications=1:3", "says which replications live"),
    ],
)
def test_what_is_varied_is_read_or_refused(experiment, said, why):
    """Each fault of `--vary` is named with what is allowed."""
    with pytest.raises(UserError, match=why):
        varied(said, experiment)


def test_the_numbers_of_quantiles_move_as_one():
    """The list of a distribution is moved where it stands: its kind and its shares stay as they are."""
    cards = load_scenario(SCENARIOS / "taiwan_cards.toml", borrowers=60, replications=1, months=1)
    lenders = Experiment(cards, [], threads=1)
    key = "segment.cards.line_limit.value"
    limits = varied(f"{key}=x0.5:x2", lenders)
    before, after = (
        one.baseline.segment["cards"].line_limit for one in (cards, lenders.scenario_at({key: limits.at(2.0)}))
    )
    assert after.value == [2 * member for member in before.value]
    assert after == before.model_copy(update={"value": after.value})


def test_what_is_varied_keeps_its_kind(experiment):
    """Whole numbers stay whole, lists move as one, and times are of the file's value."""
    days = varied("policy.close.freeze_days_late=1:4:10", experiment)
    assert days.points() == [1, 2, 3, 4]
    assert isinstance(days.at(2.0), int)
    commission = varied("policy.write_off.commission=x0.5:x1:2", experiment)
    assert commission.at(0.5) == [member * 0.5 for member in commission.value]

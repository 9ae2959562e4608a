"""As many replications as a precision takes, and means corrected for the path of the factor."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import simulator as sim
from conftest import ROOT
from simulator.analysis.control import FEWEST, Controlled
from simulator.analysis.estimates import MEAN
from simulator.cli import app
from simulator.decision.precision import FIRST, MOST, next_look, wish
from simulator.lowering.factor import factor
from simulator.model.errors import UserError

MONTHS, PERSISTENCE, WORLDS = 36, 0.9, 400
DECAY = np.exp(-np.arange(MONTHS) / 20)


def losses(path: np.ndarray, own: np.ndarray, share: float) -> np.ndarray:
    """Return float64[world, replication]: convex in the factor's path, of which `share` of the variance comes.

    Their true mean is exp(0.045): z has variance 1.
    """
    scale = np.sqrt(DECAY @ PERSISTENCE ** np.abs(np.subtract.outer(np.arange(MONTHS), np.arange(MONTHS))) @ DECAY)
    z = path @ DECAY / scale
    return np.exp(0.3 * z) + np.sqrt((1 - share) / share * np.exp(0.09) * (np.exp(0.09) - 1)) * own


@pytest.fixture(scope="module")
def worlds():
    """Return (float64[world, replication, month] paths, float64[world, replication] other luck): 400 of 40."""
    count = 40
    z = factor(7, PERSISTENCE, range(WORLDS * count), MONTHS)[:, 1:].reshape(WORLDS, count, MONTHS)
    own = factor(8, 0.0, range(WORLDS * count), 1)[:, 1].reshape(WORLDS, count)
    return z, own


@pytest.mark.parametrize(("share", "least", "most"), [(0.9, 3.0, 9.0), (0.5, 1.3, 2.2)])
def test_what_the_path_explains_is_taken_out_and_nothing_else(worlds, share, least, most):
    """The corrected mean is unbiased within 4 errors, its error is what it says, and its variance falls as it can.

    With shares of 0.9 and 0.5 the best that could be is 10 and 2 times. The 95 % interval covers 92 to 98 in 100.
    """
    z, own = worlds
    samples, truth = losses(z, own, share), np.exp(0.045)
    controls = [Controlled(path, MONTHS) for path in z]
    found = np.array([control.estimate(one) for control, one in zip(controls, samples, strict=True)])
    plain = samples.mean(axis=1)
    assert abs(found[:, 0].mean() - truth) < 4 * found[:, 0].std() / np.sqrt(WORLDS)
    assert least < plain.var() / found[:, 0].var() < most
    assert 0.85 < (found[:, 1] ** 2).mean() / found[:, 0].var() < 1.15
    ends = np.array([control.interval(one) for control, one in zip(controls, samples, strict=True)])
    assert 0.92 <= np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])) <= 0.98


def test_a_path_that_says_nothing_costs_little(worlds):
    """Negative control: where the factor explains nothing, the variance rises by less than a quarter."""
    z, own = worlds
    found = np.array([Controlled(path, MONTHS).estimate(one).value for path, one in zip(z, own, strict=True)])
    assert 0.95 < found.var() / own.mean(axis=1).var() < 1.25


def test_a_slope_of_ones_own_would_be_biased(worlds):
    """Negative control: fitted on all replications, the correction of a skew loss is further off than ours."""
    truth, few = np.exp(0.5), 20
    z, own = (one.reshape(2 * WORLDS, few, *one.shape[2:]) for one in worlds)
    skew = np.exp(z[:, :, 0]) + 0.1 * own
    ours = [Controlled(path[:, :1], 1).estimate(one).value for path, one in zip(z, skew, strict=True)]
    x = z[:, :, 0]
    slope = ((x - x.mean(1, keepdims=True)) * (skew - skew.mean(1, keepdims=True))).sum(1) / x.var(1) / few
    own_slope = skew.mean(axis=1) - slope * x.mean(axis=1)
    assert abs(np.mean(ours) - truth) < 4 * np.std(ours) / np.sqrt(len(z))
    assert own_slope.mean() - truth < -4 * own_slope.std() / np.sqrt(len(z))


def test_equal_samples_differ_by_nothing_and_batches_stay_as_they_are(worlds):
    """A null variant is exactly 0; samples that are not of single replications are not touched."""
    control = Controlled(worlds[0][0], MONTHS)
    samples = losses(worlds[0][0], worlds[1][0], 0.5)
    assert control.difference(samples, samples.copy()).value == 0
    assert control.difference(samples, samples.copy()).se == 0
    batches, undefined = samples[: FEWEST // 2], np.where(samples > 1, samples, np.nan)
    assert control.estimate(batches) == MEAN.estimate(batches)
    assert control.estimate(undefined) == MEAN.estimate(undefined)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("npv", "not of that form"),
        ("npv=wide", "not a width"),
        ("npv=0", "above 0"),
        ("npv=2bp", "not a share"),
        ("nvp=1%", "did you mean"),
        ("var99=1%", "of all replications together"),
    ],
)
def test_a_precision_is_read_or_refused(said, why):
    """Each fault is named with what is allowed."""
    with pytest.raises(UserError, match=why):
        wish(said)


def test_a_precision_is_read():
    """Per cent are of the value, basis points of one, and differences are asked for by name."""
    assert wish("npv=1%")[:4] == ("npv", 0.01, True, False)
    assert wish("differences: default_rate = 2bp")[:4] == ("default_rate", 0.0002, False, True)


def test_a_look_is_as_large_as_the_last_one_says():
    """A width four times too large takes 16 times as many, a tenth to spare; one nearly enough a quarter more."""
    assert next_look(400, [("a", 1.0, 1.0), ("b", 1.01, 1.0)]) == 500
    assert next_look(1000, [("a", 4.0, 1.0)]) == 17_560  # in whole batches of 20; Student's quantile falls, too
    assert next_look(FIRST, [("a", 4.0, 1.0)]) == 16 * FIRST
    assert next_look(FIRST, [("a", np.inf, 1.0)]) == MOST


TEXT = f"""
extends = "{(ROOT / "tests" / "plain_world.toml").as_posix()}"
run_on_months = 0
[economy.factor]
enabled = true
persistence = 0.9
will_not_loading = 0.3
[variant.dear]
costs.funding_rate = 0.06
"""


def test_a_precise_run_is_the_plain_run_of_as_many(tmp_path):
    """Its digest is that of `--replications N`; the manifest says the looks, and what was not had is said first."""
    (tmp_path / "asked.toml").write_text(TEXT, encoding="utf-8")
    scenario = sim.load_scenario(tmp_path / "asked.toml", borrowers=200, months=6)
    study = sim.compare(scenario, threads=2, until="dpd30_share_balance=100bp")
    looks = study.facts["looks"]
    assert study.facts["until_reached"]
    assert study.facts["corrected_for_factor"]
    again = sim.load_scenario(tmp_path / "asked.toml", borrowers=200, months=6, replications=looks[-1])
    assert study.result_digest == sim.compare(again, threads=2).result_digest
    low, high = study.comparison.interval("baseline", "dpd30_share_balance")
    assert (high - low) / 2 <= 0.01


def test_the_file_may_wish_it_and_options_that_exclude_it_are_refused(tmp_path):
    """`[precision]` is `--until`; `--replications` on the command line comes before the file, with a remark."""
    wished = '[precision]\nmeasure = "dpd30_share_balance"\nhalf_width = "500bp"\n'
    (tmp_path / "asked.toml").write_text(TEXT + wished, encoding="utf-8")
    small = ["--borrowers", "100", "--months", "4", "--overwrite"]
    ask = ["compare", str(tmp_path / "asked.toml"), "--out", str(tmp_path / "out"), *small]
    done = CliRunner().invoke(app, ask)
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["until"] == "dpd30_share_balance=500bp"
    assert manifest["looks"][0] == FIRST
    few = CliRunner().invoke(app, [*ask, "--replications", "3"])
    assert "[precision] of the file is not followed" in few.output
    for more in (["--doubt", "5"], ["--replications", "3"]):
        with pytest.raises(UserError, match="together with"):
            CliRunner().invoke(app, [*ask, "--until", "npv=1%", *more], catch_exceptions=False)


def test_a_wish_beyond_the_memory_is_capped_and_said_first(tmp_path, monkeypatch):
    """The next look has as many replications as the memory holds; that the wish was not had is the first caution."""
    (tmp_path / "asked.toml").write_text(TEXT, encoding="utf-8")
    scenario = sim.load_scenario(tmp_path / "asked.toml", borrowers=50, months=3)
    needed = []
    monkeypatch.setattr("simulator.run.check_memory", lambda what, size: needed.append(size))
    sim.compare(scenario.with_replications(200), threads=1)
    monkeypatch.undo()
    monkeypatch.setattr("simulator.system.needs.machine_memory", lambda: max(needed))
    study = sim.compare(scenario, threads=1, until="npv=0.0001%")
    assert FIRST < study.facts["looks"][-1] < 400  # the least next one, 20,480, would not have fitted
    assert not study.facts["until_reached"]
    assert "the most that this machine has the memory for" in study.cautions[0]


def test_a_wish_that_was_reached_is_said_with_its_measure(tmp_path):
    """One sentence says so, with the value of the measure, which the answer may not have."""
    (tmp_path / "asked.toml").write_text(TEXT, encoding="utf-8")
    scenario = sim.load_scenario(tmp_path / "asked.toml", borrowers=50, months=3)
    study = sim.compare(scenario, threads=1, until="dpd1_29_share_balance=5000bp")
    assert study.cautions[-1].startswith(
        "As precise as was wished (dpd1_29_share_balance=5000bp) after 20 replications"
    )


def test_check_refuses_a_width_of_nothing(simulator, tmp_path):
    """What `compare` would refuse of `[precision]`, `check` refuses."""
    wished = '[precision]\nmeasure = "npv"\nhalf_width = "0%"\n'
    (tmp_path / "asked.toml").write_text(TEXT + wished, encoding="utf-8")
    code, _, said = simulator("check", tmp_path / "asked.toml")
    assert code == 2 and "allowed: a width above 0" in said


def test_what_no_run_can_state_is_refused_before_any(tmp_path, monkeypatch):
    """A value with run-on of a scenario without one: no look is taken."""
    (tmp_path / "asked.toml").write_text(TEXT, encoding="utf-8")
    scenario = sim.load_scenario(tmp_path / "asked.toml", borrowers=50, months=3)
    monkeypatch.delattr("simulator.decision.precision.run")
    with pytest.raises(UserError, match="cannot state it; without run-on months"):
        sim.compare(scenario, threads=1, until="npv_run_on=1%")

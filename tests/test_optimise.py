"""The best setting of a scenario: from options to a folder, on a world so small that its answer is known."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator import cli, load_scenario, optimise
from simulator.decision.experiment import Experiment
from simulator.decision.settings import box
from simulator.model.errors import UserError

WORLD = """
title = "A line whose price nobody minds"
months = 3
run_off_months = 1
replications = 20
seed = 7
[portfolio]
borrowers = 60
[segment.all]
share = 1.0
line_holders = 1.0
line_limit = 10_000
utilisation = 0.6
income = { distribution = "lognormal", mean = 5000, sigma = 0.4, unit = "CNY per month" }
living_cost = 0.6
spending = 0.2
forget = 0.3
[products.line]
interest_rate = { value = 0.015, unit = "per month" }
minimum_share = 0.1
[behaviour]
model = "structural"
structural.will_not = 0.05
[policy.write_off]
kind = "write_off"
at_dpd = 90
[policy.remind]
kind = "reminders"
enabled = false
reach = 1.0
strength = 1.0
[variant.remind]
policy.remind.enabled = true
"""
RATE = "products.line.interest_rate"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return the scenario's file."""
    path = tmp_path_factory.mktemp("optimise") / "world.toml"
    path.write_text(WORLD)
    return path


@pytest.fixture(scope="module")
def searched(file):
    """Return the best price, looked for between two."""
    return optimise(file, f"{RATE}=0.006:0.024", maximise="interest", threads=1)


def test_the_highest_price_brings_most_interest(searched):
    """The end of the range is found, and is told apart; the gain is that of a pair of runs on fresh replications."""
    assert searched.chosen == {RATE: 0.024} and searched.status == "best"
    assert searched.gain.low > 0 and searched.chance == 1
    last = max(len(x) for x in searched.numbers.seen["comparison"].values())
    fresh = range(20 + last, 40 + last)
    experiment = Experiment(searched.scenario, [], 1)
    home, chosen = (experiment.values("interest", point, fresh)[:, 0] for point in ({}, {RATE: 0.024}))
    assert searched.gain.value == pytest.approx((chosen - home).mean())


def test_a_folder_repeats_what_was_found(searched, tmp_path):
    """The files say the same as the object; the page begins with the answers and has the picture."""
    folder = searched.save(tmp_path / "out")
    told, rows = json.loads((folder / "optimise.json").read_text()), pq.read_table(folder / "frontier.parquet")
    page = (folder / "report.html").read_text()

    assert told["chosen"]["setting"] == searched.chosen and told["status"] == searched.status
    assert told["chosen"]["again"]["gain"]["value"] == searched.gain.value
    assert rows.num_rows == sum(map(len, searched.numbers.seen.values()))
    assert sum(rows["is_file"].to_pylist()) >= 2 and set(rows["stage"].to_pylist()) == {"search", "comparison", "again"}
    assert "line.interest_rate = 0.024" in page and "<svg" in page
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["replay"].startswith("simulator optimise ") and RATE in manifest["replay"]


def test_a_list_of_settings_and_what_changes_nothing(file):
    """Reminders that are not sent are the same at any strength: that is said first, and nothing is recommended."""
    settings = [{"policy.remind.strength": x} for x in (0.2, 0.5, 0.8)]
    found = optimise(file, settings=settings, minimise="net_loss", threads=1)

    assert found.status == "not moved" and found.alike == [] and found.chosen == {"policy.remind.strength": 1.0}
    assert found.gain.value == 0 and found.gain.se == 0
    assert found.answers[0].startswith("What is varied does not move the net loss of baseline")
    assert "No setting is recommended" in found.answers[0]
    assert found.cautions == ["policy.remind is not enabled in the file: what is varied of it acts on nobody."]
    assert ">chosen<" not in found.page({}) and ">worse<" not in found.page({})


def test_what_moves_only_a_constraint_is_said_to(file):
    """A rate of discount moves the present value and no loss: bounds are looked at, the objective is not moved."""
    found = optimise(file, "discount_rate=0.05:0.2:3", minimise="net_loss", subject="npv >= -1e9", threads=1)
    assert found.status == "not told apart"
    assert found.answers[0].startswith("What is varied does not move the net loss of baseline: settings differ only")


def test_a_bound_out_of_reach_for_what_does_not_move_it(file):
    """No price moves how many are approved: the answer says so, and names no setting as the one that comes nearest."""
    with pytest.raises(UserError, match="is a share, from 0 to 1"):
        optimise(file, f"{RATE}=0.006:0.024:2", maximise="interest", subject="npl_ratio <= 60")
    found = optimise(file, "discount_rate=0.05:0.2:3", maximise="npv", subject="net_loss <= -1e9", threads=1)
    assert found.status == "impossible" and "what is varied does not move it" in found.answers[0]


def test_fewer_replications_than_a_batch_are_said_first(file):
    """One replication asked for becomes 20, which is said before any number."""
    found = optimise(load_scenario(file, replications=1), f"{RATE}=0.006:0.024:2", maximise="interest", threads=1)
    assert found.cautions[0].startswith("20 replications instead of the 1 asked for")


def test_the_picture_says_what_it_draws(file):
    """The file's own setting is drawn once; a caption speaks of no line and no dots that are not there."""
    own = load_scenario(file, {RATE: 0.024})
    found = optimise(own, f"{RATE}=0.006:0.024:3", maximise="interest", subject="net_loss >= 0", threads=1)
    assert found.chosen == {RATE: 0.024}
    assert "No other setting was seen to be better" in " ".join(found.answers)
    page = found.page({})
    assert "frontier: to have more" not in page and "the full one" not in page
    assert "All dots surely keep all constraints" in page and "own setting, chosen" in page
    assert "chosen, on fresh" not in page


def test_an_impossible_bound_is_named_with_the_nearest(file):
    """No price of the grid brings so much interest: the highest comes nearest, and what it brings is said."""
    found = optimise(file, f"{RATE}=0.006:0.024:3", minimise="net_loss", subject="interest >= 1e9", threads=1)

    assert found.status == "impossible" and found.chosen == {RATE: 0.024} and found.chance < 1e-6
    assert "interest at least CNY 1 billion is impossible" in found.answers[0].replace("\u00a0", " ").lower().replace(
        "cny", "CNY"
    )


def test_the_frontier_leads_from_one_aim_to_the_other(file):
    """It begins with the setting that keeps the bound best and ends with the best objective; each beats the last."""
    found = optimise(file, f"{RATE}=0.006:0.024:4", minimise="interest", subject="net_loss <= 1e6", threads=1)
    frontier = found.numbers.frontier(0)
    means = {one: found.numbers.aims.columns(x).mean(axis=0) for one, x in found.numbers.seen["comparison"].items()}

    assert frontier[0] == max(means, key=lambda one: means[one][1])
    assert frontier[-1] == max(means, key=lambda one: means[one][0])
    assert np.all(np.diff([means[one][0] for one in frontier]) > 0)
    assert "at most CNY\u00a01\u00a0million" in found.answers[0]


def test_a_variant_is_moved_alone(file):
    """The variant's own key is moved, the baseline stays; its measure is the one that is looked at."""
    found = optimise(file, "policy.remind.strength=0.2:1:2", minimise="net_loss", variant="remind", threads=1)

    assert list(found.chosen) == ["variant.remind.policy.remind.strength"]
    values = Experiment(found.scenario, ["remind"], 1).values("net_loss", {}, range(20))[:, 1]
    assert np.array_equal(found.numbers.home["comparison"][:20, 0], values)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"vary": f"{RATE}=1:2"}, "found neither"),
        ({"vary": f"{RATE}=1:2", "maximise": "npv", "minimise": "npv"}, "found both"),
        ({"vary": f"{RATE}=1:2", "maximise": "nvp"}, "did you mean npv?"),
        ({"vary": f"{RATE}=1:2", "maximise": "var99"}, "of all replications together"),
        ({"vary": f"{RATE}=1:2", "maximise": "npv", "subject": "net_loss = 3"}, "not of that form"),
        ({"vary": f"{RATE}=1:2", "maximise": "npv", "subject": "net_loss <= inf"}, "found inf"),
        ({"vary": f"{RATE}=1:2", "maximise": "npv", "variant": "reminds"}, "none of that name"),
        ({"vary": "months=1:2", "maximise": "npv"}, "what is asked"),
        ({"vary": "variant.remind.policy.remind.reach=0.1:1", "maximise": "npv"}, "moves remind, not baseline"),
        ({"vary": [f"{RATE}=1:2"] * 2, "maximise": "npv"}, "stands there twice"),
        ({"maximise": "npv"}, "found neither"),
        ({"settings": [{RATE: 0.1}], "maximise": "npv"}, "found 1"),
        ({"settings": [{"no.key": 0.1}, {"no.key": 1}], "maximise": "npv"}, "no such key"),
        ({"vary": f"{RATE}=7:8:2", "maximise": "npv"}, "no setting is allowed"),
    ],
)
def test_what_cannot_be_asked_is_refused(file, options, why):
    """Each fault is named with what is allowed."""
    with pytest.raises(UserError, match=why.replace("?", r"\?")):
        optimise(file, **options, threads=1)


def said_by_the_command(file, folder, asked, capsys):
    """Return (exit code, what the command prints, what it complains)."""
    with pytest.raises(SystemExit) as left:
        cli.main(["optimise", str(file), *asked, "--out", str(folder)])

    said = capsys.readouterr()
    return left.value.code, said.out, said.err


def test_every_problem_is_said_at_once(file, tmp_path, capsys):
    """The command says all that is wrong, exits with 2 and writes nothing."""
    asked = [
        "--vary",
        "no.key=1:2",
        "--vary",
        "months=1:2",
        "--maximise",
        "nvp",
        "--subject",
        "x",
        "--subject",
        "y >= z",
    ]
    code, _, said = said_by_the_command(file, tmp_path / "out", asked, capsys)
    assert code == 2 and not (tmp_path / "out").exists()
    for part in ("no.key", "months=1:2", "nvp", "--subject: x", "--subject: y", "found z"):
        assert part in said


def test_the_command_says_what_python_says(file, tmp_path, capsys):
    """The command prints the answers and writes the folder."""
    asked = [
        "--vary",
        f"{RATE}=0.006:0.024:2",
        "--maximise",
        "interest",
        "--subject",
        "net_loss >= 0",
        "--threads",
        "1",
    ]
    code, said, _ = said_by_the_command(file, tmp_path / "out", asked, capsys)
    found = optimise(file, f"{RATE}=0.006:0.024:2", maximise="interest", subject="net_loss >= 0", threads=1)
    assert code == 0 and all(line in said for line in found.answers)
    assert (tmp_path / "out" / "report.html").exists()


def test_settings_are_round_numbers(file):
    """What is no grid has round steps, at least 500 from end to end; the file's own setting is itself."""
    space, problems = box([f"{RATE}=0.01:0.02"], Experiment(load_scenario(file), [], 1), "baseline")

    assert not problems and space.listed(1000) is None
    assert dict(space.setting_at(np.array([0.1234567])))[RATE] == pytest.approx(0.01124, abs=1e-9)
    assert space.setting_at(space.home) == ()
    assert len(space.grids[0]) >= 500

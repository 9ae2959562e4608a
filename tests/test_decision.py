"""What a comparison hangs on: the numbers with a range, and each at the ends of it."""

import pytest

from conftest import ROOT
from simulator.decision.assumptions import doubts
from simulator.decision.experiment import Experiment
from simulator.decision.one_at_a_time import BEGIN, END, Outcome, main, one_at_a_time, page
from simulator.model.errors import UserError
from simulator.scenario.reader import load_scenario
from simulator.study import compare

TEXT = f"""
extends = "{(ROOT / "tests" / "plain_world.toml").as_posix()}"
[costs]
funding_rate = {{ value = 0.03, unit = "per year", range = [0.02, 0.05] }}
operating_cost = {{ value = 1.0, range = [0.5, 2.0] }}
[behaviour.structural]
will_not_burden = {{ value = [-0.3, -0.2, -0.1, 0.0, 0.15, 0.3, 0.45, 0.6], range = [0.5, 2.0] }}
[variant.cut]
policy.cut.enabled = true
[variant.same]
title = "Nothing changes"
"""


@pytest.fixture
def scenario(tmp_path):
    """Return a small comparison of which three numbers are in doubt."""
    path = tmp_path / "doubt.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load_scenario(path, ["run_off_months=6"], borrowers=300, replications=2, months=6)


def test_what_has_a_range_is_in_doubt(scenario):
    """In the unit of the value; a factor of a list is one of each member."""
    found = {one.key: one for one in doubts(scenario)[0]}

    assert set(found) == {"behaviour.structural.will_not_burden", "costs.funding_rate", "costs.operating_cost"}
    assert found["costs.operating_cost"][1:4] == (1.0, 0.5, 2.0)
    burden = found["behaviour.structural.will_not_burden"]
    assert burden.ends == tuple([end * x for x in burden.value] for end in (0.5, 2.0))


def test_a_moved_scenario_is_the_same_but_for_the_number(scenario):
    """Moved to where it stands it is the same scenario, to its digest; elsewhere it says so; nonsense is refused."""
    at = Experiment(scenario).scenario_at
    assert at({"costs.operating_cost": 1.0}).baseline == scenario.baseline
    assert at({"costs.operating_cost": 2.0}).baseline.costs.operating_cost == 2.0
    with pytest.raises(UserError):
        at({"costs.operating_cost": -1.0})


def test_an_effect_is_what_two_runs_differ_by(scenario):
    """The outcome at an end is that of the scenario written so; a variant that changes nothing is 0 everywhere."""
    usual, effects = one_at_a_time(Experiment(scenario))
    cost = next(effect for effect in effects if effect.number.key == "costs.operating_cost")
    low = Outcome.of(compare(Experiment(scenario).scenario_at({"costs.operating_cost": 0.5})).comparison)

    assert cost.ends[0].leaders == low.leaders
    assert cost.ends[0].differences["cut", "npv"] == low.differences["cut", "npv"]
    sizes = [effect.largest(usual)[0] for effect in effects]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0
    assert all(end.differences["same", "npv"].value == 0 for effect in effects for end in effect.ends)


def test_the_page_has_the_largest_first_and_says_what_is_refused(scenario, tmp_path, capsys):
    """As many rows as asked for; an end that the scenario refuses is named below, and the page's block is replaced."""
    usual, effects = one_at_a_time(Experiment(scenario))
    effects[-1] = effects[-1]._replace(ends=(None, effects[-1].ends[1]), refused="found 2; allowed: up to 1")
    text = page(usual, effects, 2, "CNY")

    assert text.count("\n| 1 | ") == text.count("\n| 2 | ") == 1 and "\n| 3 | " not in text
    assert f"`{effects[0].number.key}`, " in text.splitlines()[2]
    assert "Not moved to both ends" in text and "allowed: up to 1" in text

    written = tmp_path / "page.md"
    written.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n")
    sizes = ["--borrowers", "50", "--replications", "1"]
    assert main([str(scenario.path), *sizes, "--most", "1", "--page", str(written)]) == 0
    assert "old" not in written.read_text() and written.read_text().endswith(f"\n{END}\ntail\n")
    assert main([str(tmp_path / "none.toml")]) == 2
    assert main([str(scenario.path), "--page", str(tmp_path / "none.md")]) == 2  # before anything is run

"""The shipped scenarios stand at the published levels, and the fit that put them there finds what is planted."""

import numpy as np
import pytest

from conftest import ROOT, documented
from simulator.analysis.measures import MEASURES
from simulator.estimation import levels
from simulator.estimation.levels import Target, figures, fit_levels, read_plan, shipped_values, studies
from simulator.model.errors import UserError
from simulator.scenario.reader import load_scenario
from simulator.study import simulate

TARGETS = ROOT / "scenarios" / "targets" / "levels.toml"
PLANTED = """
borrowers = 2000
replications = 3
[world.line]
scenario = "{line}"
months = [3, 8]
[free.forget]
keys = ["segment.salaried.forget.mean", "segment.irregular.forget.mean"]
low = 0.1
high = 0.4
[target.day1]
{day1}
"""
FIGURE = 'what = "{0}"\nworld = "line"\nmeasure = "{0}"\nvalue = {1}\ntolerance = {2}\nunit = "{3}"\nsource = "planted"\nrole = "fit"\n'  # noqa: E501


def plan_of(tmp_path, day1=0.05):
    """Return the plan of a small line with one setting to find."""
    path = tmp_path / "targets.toml"
    line = (ROOT / "scenarios" / "huabei.toml").as_posix()
    path.write_text(PLANTED.format(line=line, day1=FIGURE.format("day1_rate", 100 * day1, 0.2, "%")))
    return read_plan(path)


def small(worlds, *names, **sizes):
    """Return the shipped plan with fewer worlds, targets and borrowers."""
    plan = read_plan(TARGETS)
    world, target = {name: plan.world[name] for name in worlds}, {name: plan.target[name] for name in names}
    return plan.model_copy(update={"world": world, "target": target, **sizes})


def apart(plan, found):
    """Return {target: how far its figure is off, in tolerances with four standard errors}."""
    return {
        name: abs(found[name].value - one.value) / (one.tolerance + 4 * found[name].se)
        for name, one in plan.target.items()
    }


def test_the_shipped_line_is_at_the_published_levels():
    """30+, 90+, the mean balance and who pays no interest are within tolerance; six times the refusals are not."""
    plan = small(["huabei"], "V1-30", "V1-90", "H-balance", "H-interest", borrowers=4000, replications=8)
    off = apart(plan, figures(plan, studies(plan, {})))
    stock = plan.model_copy(update={"target": {"V1-90": plan.target["V1-90"]}})
    unwilling = {"unwilling": 6 * shipped_values(read_plan(TARGETS))["unwilling"]}

    assert max(off.values()) < 1, off
    assert apart(stock, figures(stock, studies(stock, unwilling)))["V1-90"] > 1


def test_the_opening_book_is_where_the_line_stays():
    """30+ and 90+ of balance in months 1 to 6 differ from those of months 13 to 36 by less than the tolerance of V1."""
    plan = small(["huabei"], borrowers=10_000, replications=10)
    study = studies(plan, {})["huabei"]
    for measure in ("dpd30_share_balance", "dpd90_share_balance"):
        path = MEASURES[measure](study.comparison.ledgers["baseline"], by_month=True).mean(axis=0)
        assert abs(path[:6].mean() - path[12:36].mean()) < 0.0015, measure


def test_the_fit_finds_what_is_planted(tmp_path):
    """A figure simulated at a known setting leads back to it from elsewhere, on the same random numbers, within 1 %."""
    truth = {"forget": 0.28}
    plan = plan_of(tmp_path)
    planted = figures(plan, studies(plan, truth))["day1"].value
    plan, told = plan_of(tmp_path, planted), []
    result = fit_levels(plan, tell=told.append, rounds=4)

    assert shipped_values(plan) == {"forget": pytest.approx(0.20)}  # where it begins
    assert result.values == {"forget": pytest.approx(0.28, rel=0.01)}
    assert result.figures["day1"].value == pytest.approx(planted, rel=0.01)
    assert 0 < result.errors["forget"] < 0.05
    assert told[0].startswith("trial 1: sum of squares")


def test_every_problem_of_a_targets_file_is_said_at_once(tmp_path):
    """An unknown measure, world, unit and key, a missing role and a world that cannot move are all in one error."""
    path = tmp_path / "targets.toml"
    text = PLANTED.format(line="huabei.toml", day1=FIGURE.format("mean_balence", 1, 1, "yuan"))
    other = 'world = "x"\nmeasure = "day1_rate"\nvalue = 1\ntolerance = 1\nsource = ""\nwhat = ""\ncolour = 1\n'
    path.write_text(f'{text}[target.other]\n{other}[free.rate]\nkeys = ["rate"]\nlow = 0\nhigh = "1"\nworlds = ["y"]\n')
    with pytest.raises(UserError) as error:
        read_plan(path)

    for words in ("mean_balence", "did you mean mean_balance", "'yuan'", "found 'x'; no such world", "other.colour",
                  "role: missing", "found 'y'; no such world", "free.rate.high: found '1'"):  # fmt: skip
        assert words in str(error.value)


@pytest.mark.parametrize(("title", "share"), [("Everybody pays", 1.0), ("Nobody pays", 0.0)])
def test_who_pays_no_interest_in_two_plain_worlds(title, share, tmp_path):
    """Where all bills are paid in full nobody is charged interest, where none is paid everybody is."""
    path = tmp_path / "world.toml"
    path.write_text(documented(title))
    study = simulate(load_scenario(path, ["policy={}"], borrowers=300, replications=2, months=12))

    assert levels.no_interest_share(study, 1, 12).tolist() == [share, share]


def test_late_lines_open_with_what_late_lines_owe(tmp_path):
    """With constants every late line opens with its own share of the limit, all others with theirs."""
    text = (
        'extends = "{base}"\n[segment.salaried]\nloan_holders = 0.0\nutilisation = 0.25\nline_limit = 1000\n'
        "[segment.salaried.opening]\nline = [0.6, 0.4]\nlate_utilisation = 0.875\n"
    ).format(base=(ROOT / "tests" / "plain_world.toml").as_posix())
    path = tmp_path / "late.toml"
    path.write_text(text)
    one = ["segment.salaried.share=1.0", "segment.irregular.share=0.0"]
    ledger = simulate(load_scenario(path, one, borrowers=500, replications=1, months=1)).comparison.ledgers["baseline"]
    late = ledger.total("n_dpd30")[0, 0]

    assert 0 < late < 500
    assert ledger.total("balance_dpd30")[0, 0] == late * 87_500
    assert ledger.total("balance")[0, 0] == late * 87_500 + (500 - late) * 25_000


def test_the_page_has_every_target():
    """docs/calibration.md shows each target of the file with its value, its tolerance and its role."""
    page = (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8")
    plan = read_plan(TARGETS)
    for name, one in plan.target.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        expected = levels.table(plan.model_copy(update={"target": {name: one}}), {name: levels.Figure(0.0, 0.0)})
        wanted = [cell.strip() for cell in expected.splitlines()[-1].strip("|").split("|")]
        same = [0, 1, 2, 3, 7, 9, 10]  # what does not depend on the simulation
        assert [cells[k] for k in same] == [wanted[k] for k in same]


def test_a_table_says_whether_a_target_is_met():
    """Within the tolerance it is; the error keeps its sign; shares are in percent."""
    about = {"what": "90+", "world": "huabei", "measure": "npl_ratio", "source": "S1", "role": "fit"}
    target = Target(value=2.0, tolerance=0.1, unit="%", **about)
    plan = read_plan(TARGETS).model_copy(update={"target": {"T": target}})
    for value, words in ((0.0205, "| 2.05 | 0.10 | 0.05 | 0.10 | yes |"), (0.0185, "| -0.15 | 0.10 | **no** |")):
        assert words in levels.table(plan, {"T": levels.Figure(value, 0.001)})


def test_days_past_due_between_steps():
    """Of dues missed and never paid in the month all are past due on every day: the share is that of 30+ and missed."""
    path = ROOT / "scenarios" / "jiebei.toml"
    none = [f"behaviour.structural.paid_in_month.current.{cause}={{by_day_7=0.0, by_day_30=0.0}}"
            for cause in ("forgot", "short", "cannot", "will_not")]  # fmt: skip
    study = simulate(load_scenario(path, none, borrowers=2000, replications=2, months=6))
    ledger = study.comparison.ledgers["baseline"]
    missed = ledger.total("n_missed")[:, 1:].sum(1) / ledger.total("n_due")[:, 1:].sum(1)
    late = (ledger.total("balance_dpd30") / ledger.total("balance"))[:, 1:].mean(1)

    assert np.allclose(levels.dpd1_share(study, 1, 6), late + (1 - late) * missed, rtol=1e-12)


def test_the_command_checks_a_plan_and_writes_its_table(tmp_path, capsys):
    """--check prints the table and puts it between the page's marks; a file that is not there ends with code 2."""
    plan_of(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{levels.BEGIN}\nold\n{levels.END}\nafter\n")

    assert levels.main([str(tmp_path / "targets.toml"), "--check", "--page", str(page)]) == 0
    printed = capsys.readouterr().out
    assert page.read_text() == f"before\n{levels.BEGIN}\n{printed}{levels.END}\nafter\n"
    assert levels.main([str(tmp_path / "none.toml")]) == 2

"""The first screen of the page: lenders in words and bars, what would change the answer, how sure it is."""

import re
import tomllib

import pytest

import simulator as sim
from conftest import ROOT
from simulator.language.catalogue import speaking
from simulator.report.changed import MOST_CHANGES, changes, value_in_words
from simulator.report.headline import headline

SIZE = {"borrowers": 200, "replications": 20, "months": 6}
SALE = ROOT / "tests" / "sale_or_wait.toml"


@pytest.fixture(scope="module")
def study():
    """Return a small study of the demo's scenario, with a variant that changes nothing."""
    same = {"variant.nothing.title": "Nothing at all", "run_off_months": 12, "run_on_months": 0}
    return sim.compare(sim.load_scenario(ROOT / "scenarios" / "huabei.toml", same, **SIZE), threads=2)


@pytest.fixture(scope="module")
def tables(study):
    """Return the tables of its resolved scenario."""
    return tomllib.loads(study.scenario.text())


@pytest.fixture(scope="module")
def found(study, tables):
    """Return its first screen."""
    return headline(study.comparison, tables)


def test_rows_are_the_lenders_by_what_they_bring(study, found):
    """Variants by the difference in net present value, the largest first; the baseline is last, with its levels."""
    gains = [study.difference(row.name, "npv").value for row in found.rows[:-1]]
    assert gains == sorted(gains, reverse=True) and len(gains) == len(study.variants)
    assert found.rows[-1].name == "baseline" and found.rows[-1].cells[0].bar is None
    assert len({row.colour for row in found.rows}) == len(found.rows)


def test_cells_are_the_differences_on_one_scale(study, found):
    """The number of a cell is its difference in the unit of the head; bars lie as the intervals do."""
    assert found.heads[0][0] == "net present value, CNY" and "discount rate" in found.heads[0][1]
    for row in found.rows[:-1]:
        d, cell = study.difference(row.name, "npv"), row.cells[0]
        assert float(cell.value.replace("−", "-").replace(",", "")) == pytest.approx(d.value, abs=0.5)
        assert cell.bar is None or 0 <= cell.bar.low <= cell.bar.at <= cell.bar.high <= 100
        assert cell.bar is None or (cell.bar.at > cell.bar.zero) == (d.value > 0)


def test_what_changes_nothing_is_a_zero_without_sign(found):
    """Its changes are exactly 0, in every column; no setting is told."""
    (row,) = (row for row in found.rows if row.name == "nothing")
    assert (row.called, row.changes) == ("Nothing at all", [])
    assert all(re.fullmatch(r"0(\.0+)?", cell.value) and cell.sureness == "exactly equal" for cell in row.cells)


def test_what_variants_change_is_in_words(found):
    """A policy and its settings by what its file calls them, from what to what; one switched on by what it is."""
    told = {row.name: row.changes for row in found.rows}
    assert told["freeze_at_7"] == ["closure: days late when frozen 30 → 7"]
    assert told["cut_at_30"] == [
        "limit cut: days past due when cut 30; share of the limit kept 50\u00a0%; not cut below CNY\u00a0500"
    ]
    assert told["baseline"] == []


def changed_by(over, language="en", **policies):
    """Return what a variant of the plain world changes that sets `over` and has these policies switched off before."""
    own = {name: {"enabled": False, "source": "assumption", **policy} for name, policy in policies.items()}
    plain = (ROOT / "tests" / "plain_world.toml").as_posix()
    asked = sim.load_scenario({"extends": plain, "policy": own, "variant": {"x": over}})
    lenders = {"baseline": asked.baseline, **asked.variants}
    with speaking(language):
        return changes(tomllib.loads(asked.text()), {name: one.policy for name, one in lenders.items()})["x"]


CUT = {"kind": "limit_cut", "at_dpd": 30, "keep": 0.5}


def test_many_changes_are_counted():
    """The first three are told, whatever they are of, then how many there are more."""
    over = {"policy.cut": {"enabled": True, "floor": 500.0, "start": 3}, "policy.close.freeze_days_late": 7}
    told = changed_by(over, cut=CUT)
    assert len(told) == 2 and told[0].count(";") == MOST_CHANGES - 1 and told[1] == "and 2 more"
    assert changed_by(over, "zh", cut=CUT)[1] == "另有 2 项"


def test_two_policies_of_a_kind_are_told_apart_by_their_names():
    """The one that is changed is named."""
    (told,) = changed_by({"policy.deep.enabled": True}, cut=CUT, deep=CUT | {"keep": 0.25})
    assert told == "limit cut (deep): days past due when cut 30; share of the limit kept 25\u00a0%"


def test_what_is_no_policy_and_what_is_switched_off_is_told():
    """A key in words with its unit; a policy that is off says no more."""
    assert changed_by({"segment.salaried.limit_income_correlation": 0.5}) == [
        "segment · salaried · limit income correlation 0.8 → 0.5"
    ]
    assert changed_by({"policy.cut.enabled": False}, cut=CUT | {"enabled": True}) == ["limit cut: off"]
    assert changed_by({"policy.cut.enabled": False}, "zh", cut=CUT | {"enabled": True}) == ["额度调降与调升：关"]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.3, "share", "30\u00a0%"),
        (1 / 3, "per month", "33.33\u00a0% per month"),
        (12345.0, "CNY", "CNY\u00a012,345"),
        (-0.5, "log-odds", "−0.5 log-odds"),
        (1, "months", "1 month"),
        ("never", "days past due", "never"),
        (True, "", "on"),
    ],
)
def test_values_are_in_words_with_their_unit(value, unit, said):
    """Shares and rates in per cent, amounts with their currency, numbers as they are."""
    assert value_in_words(value, unit) == said


def test_under_doubt_it_says_how_likely_each_is_the_best_and_what_turns_it(study, found):
    """Chances of all lenders, and the flips of each horizon; without doubt it is said how they are asked for."""
    assert all(row.chance == "" for row in found.rows) and found.flips == []
    ranged = {"policy.at_once.price": {"value": 0.5, "range": [0.48, 0.53]}}
    doubted = sim.compare(sim.load_scenario(SALE, ranged), threads=2, doubt=50)
    told = headline(doubted.comparison, tomllib.loads(doubted.scenario.text()))
    assert all(re.match(r"[\d.]+", row.chance) for row in told.rows)
    assert [measure for measure, *_ in told.flips] == ["net present value"]
    assert "policy.at_once.price falls below 0.495" in told.flips[0][2][0] and "at_once is best" in told.flips[0][1]


def test_the_page_begins_with_it(study, tmp_path):
    """Table, doubts and reasons in their order; every number in force stands in the page, assumptions first."""
    page = (study.save(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    places = [page.index(words) for words in ("This would change if", "Certain about", "Why, variant by variant")]
    assert page.index('class="wide headline"') < places[0] and places == sorted(places)
    assert page.index("values: assumptions") < page.index("values: from a source")
    assert "behaviour.structural.will_not" in page


def test_hostile_titles_are_text(tmp_path):
    """What a scenario calls its variants cannot run in the page."""
    scenario = sim.load_scenario(SALE, {"variant.later.title": "<script>alert(1)</script>"})
    page = (sim.compare(scenario, threads=2).save(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;" in page

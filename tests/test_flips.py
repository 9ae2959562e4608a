"""Where the best turns: exactly where closed forms say, nowhere for a variant that changes nothing."""

import copy
import json
import re

import pytest

import simulator as sim
from conftest import ROOT
from simulator.decision import flips as flips_module
from simulator.decision import flips_page
from simulator.decision.words import breakable
from simulator.language.catalogue import anew, speaking
from simulator.model.observer import SILENT
from simulator.policy.why import listed

SALE = ROOT / "tests" / "sale_or_wait.toml"
MONTH = 1.12 ** (1 / 12)  # what a sale a month later is discounted by
PRICE = 0.5
ROUNDED = 2e-5  # of a price: it is kept in 65,536ths


@pytest.fixture(scope="module")
def found():
    """Return the flips of a world without luck, in which one variant changes nothing."""
    return sim.flips(sim.load_scenario(SALE, {"variant.nothing.policy.later.price": 0.9}), threads=2)


def test_prices_turn_the_choice_where_a_month_is_worth_its_discount(found):
    """Selling at once stays best until its price is that of a month later, discounted, or the later one is above it."""
    turns = {row["key"]: row["flips_at"] for row in found.table.to_pylist()}
    assert found.best == {"npv": "at_once"}
    assert turns == {
        "policy.at_once.price": pytest.approx(PRICE / MONTH, abs=ROUNDED),
        "policy.later.price": pytest.approx(PRICE * MONTH, abs=ROUNDED),
    }


def test_flips_have_what_is_turned_from_and_to(found):
    """Each row says who is best before and after, and the nearest to the value now is first."""
    rows = found.table.to_pylist()
    assert {(row["from_best"], row["to_best"]) for row in rows} == {("at_once", "later")}
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
    assert all(row["low"] == pytest.approx(row["flips_at"], abs=1e-3) for row in rows)  # no luck: no width


def test_every_number_is_accounted_for(found):
    """Whatever is a number is screened or has a reason why not; what is asked, as months, is neither."""
    told = found.screen.to_pylist()
    keys = {row["key"] for row in told}
    assert {"discount_rate", "policy.later.price", "costs.funding_rate", "behaviour.roll_rates.line.matrix"} <= keys
    assert not {"months", "seed", "replications", "portfolio.borrowers"} & keys
    assert all(row["low"] is not None or row["high"] is not None or row["note"] for row in told)


def test_a_variant_that_changes_nothing_never_flips():
    """Between the baseline and itself under another name no number makes either better."""
    scenario = sim.load_scenario(SALE, {"variant.nothing.policy.later.price": 0.9})
    found = sim.flips(scenario, between=["baseline", "nothing"], threads=2)
    assert found.flips == []
    assert "No number" in repr(found)


def test_flips_are_saved(found, tmp_path):
    """The folder has the tables, the page and the scenario, and a command that gives the same again."""
    folder = found.save(tmp_path / "out")
    assert {"flips.parquet", "screened.parquet", "page.json", "report.html", "scenario.toml", "manifest.json"} == {
        file.name for file in folder.iterdir()
    }
    assert "stays best until" in (folder / "report.html").read_text()
    drawn = found.plot("nearest")
    assert drawn.svg.startswith("<svg")
    assert [row[0] for row in drawn.data.rows] == [row["key"] for row in found.table.to_pylist()]


def test_numbers_may_be_chosen():
    """Asked about one number, no other is moved, and the answer is the same."""
    found = sim.flips(SALE, between=["at_once", "later"], keys=["policy.at_once.price"], threads=2)
    assert [one.varied.key for one in found.screened] == ["policy.at_once.price"]
    assert found.table["flips_at"][0].as_py() == pytest.approx(PRICE / MONTH, abs=ROUNDED)
    with pytest.raises(sim.UserError, match="no such key"):
        sim.flips(SALE, keys=["policy.at_once.prize"])


def told_of(found, *flips):
    """Return flips as if those were all that had been found, the nearest first."""
    other = copy.copy(found)
    other.flips = sorted(flips, key=lambda flip: flip.distance)
    return other


def test_what_may_be_noise_comes_after_what_is_sure(found):
    """A flip whose interval is open to the end searched is no knowledge: it is told last, and that it may be none."""
    near, far = sorted(found.flips, key=lambda flip: flip.distance)
    told = told_of(found, near._replace(low=None, high=None), far)
    assert [row["sure"] for row in told.table.to_pylist()] == [False, True]
    assert [flip.is_sure for flip in told.first["npv"]] == [True, False]
    sure, unsure = told.answers[2:4]
    assert sure.startswith(f"It stays best until {far.varied.key} ")
    assert unsure.startswith(f"later may be best where {near.varied.key} ")
    assert "anywhere from the value now to the end, so cannot tell" in unsure
    assert flips_page.until(near._replace(low=None, high=None), found.comparison.frame).endswith("then later may be")


def test_a_number_that_turns_the_choice_either_way_is_told_once(found):
    """Where the data cannot tell whether a number must fall or rise, that is no two places."""
    one = found.flips[0]._replace(low=None, high=None)
    told = told_of(found, one, one._replace(at=2 * one.varied.middle - one.at))
    assert told.first["npv"] == told.flips[:1] or told.first["npv"] == told.flips[1:]
    key = one.varied.key
    assert [line for line in told.answers if key in line] == [
        f"later may be best where {key} falls or rises (now 0.5): cannot tell."
    ]


def test_intervals_are_told_from_low_to_high(found):
    """Also where a number falls; an end that is open is said by what is there."""
    falls = next(flip for flip in found.flips if not flip.rises)._replace(low=0.3, high=0.4)
    assert flips_page.ends(falls) == ("0.3", "0.4")
    assert flips_page.sure(falls._replace(high=None)) == "95 % interval 0.3 to the value now"
    assert flips_page.sure(falls._replace(low=None)) == "95 % interval the end to 0.4, or nowhere"


def test_a_whole_number_never_turns_where_it_is_now():
    """A place that the screen guesses between two whole numbers is the first that is allowed beyond it."""
    made = sim.load_scenario(SALE, {"policy.at_once.price": 0.503})
    search = flips_module._Search(made, ["at_once", "later"], (), ["policy.at_once.at_dpd"], 2, SILENT)
    search.found()
    days = search.varied[0]
    number = flips_module.Screened(days, {"high": 60.0}, {}, [])
    turn = flips_module._Turn(number, "high", 0, 1, days.middle + 0.2)
    assert search._as_screened(turn).at > days.middle


def test_numbers_are_counted_and_those_that_move_nothing_are_said(found):
    """How many were moved, how many could not be, and first of all what was asked about and moves nothing."""
    key = next(one.varied.key for one in found.screened if one.is_still)
    still = sim.flips(SALE, between=["at_once", "later"], keys=[key], threads=2)
    assert still.answers[0].startswith(f"{key} moves nothing")
    assert "moves nothing" in still.screen["note"][0].as_py()
    moved = sum(bool(one.ends) for one in found.screened)
    nowhere = len(found.screened) - moved + len(found.left)
    assert found.answers[1].startswith(f"{moved} numbers were moved, each alone, of which ")
    assert f"{nowhere} could not be" in found.answers[1]


def test_a_lead_within_chance_is_said_at_once():
    """Where the interval of the lead holds 0 already now, no flip is news, and the first sentence says so."""
    scenario = sim.load_scenario(ROOT / "scenarios" / "huabei.toml", borrowers=60, replications=4, months=6)
    chance = sim.flips(scenario, between=["baseline", "cut_at_30"], keys=["costs.funding_rate"], threads=2)
    assert chance.screened[0].is_still  # present values are at the discount rate
    lead = chance.comparison.difference("cut_at_30", "npv_run_on", against="baseline")
    assert lead.low < 0 < lead.value
    said = [line for line in chance.answers if line.startswith("Best")]
    assert "equal" in said[0] and "already now within chance of baseline" in said[1]


def test_lenders_are_listed_as_one_speaks():
    """Commas, then one "and"."""
    assert [listed(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]


def test_a_map_is_told_of(found):
    """The terminal says that the page has a map."""
    pair = tuple(found.screened[k].varied for k in (0, 1))
    mapped = told_of(found)
    mapped.maps = [flips_module.Map(*pair, [], [], {})]
    assert mapped.answers[-1] == f"The page has a map of who is best by {pair[0].key} and {pair[1].key}."


def test_a_map_of_one_number_is_refused():
    """A number cannot be moved together with itself."""
    with pytest.raises(sim.UserError, match="the same number twice"):
        sim.flips(SALE, maps=[("discount_rate", "discount_rate")])


def test_long_keys_may_break_in_a_line():
    """After dots and underscores of a key, never in a number, and what is no HTML stays text."""
    assert breakable("policy.cut_at.keep <0.35") == "policy.<wbr>cut_<wbr>at.<wbr>keep &lt;0.35"


def test_lead_breakeven_and_flip_tell_one_story(tmp_path):
    """The lead at home, where it is nothing, and where the choice turns agree: each from the other two."""
    key, pair = "policy.at_once.price", {"variant": "at_once", "against": "later"}
    flip = sim.flips(SALE, between=["at_once", "later"], keys=[key], threads=2).flips[0]
    even = sim.breakeven(SALE, f"{key}=0.3:0.7", **pair, threads=2)
    lead = sim.compare(SALE, threads=2).difference("at_once", "npv", against="later").value
    assert flip.varied.shown(flip.at) == pytest.approx(even.value, abs=ROUNDED)
    swept = sim.sweep(SALE, f"{key}=0.4:0.5:2", threads=2).table.to_pylist()
    npv = {(row["point"], row["variant"]): row["value"] for row in swept if row["measure"] == "npv"}
    low, high = (npv[k, "at_once"] - npv[k, "later"] for k in (0, 1))
    assert high == pytest.approx(lead) and low < 0 < high
    assert 0.4 + 0.1 * low / (low - high) == pytest.approx(even.value, abs=ROUNDED)  # the price is a straight line


def test_why_a_value_is_refused_is_told_in_chinese():
    """A note of an end that the scenario refuses is Chinese throughout, but for keys and numbers."""
    scenario = sim.load_scenario(ROOT / "scenarios" / "huabei.toml", borrowers=60, replications=2, months=2)
    keys = ["segment.salaried.opening.causes.cannot", "segment.salaried.forget.max", "policy.write_off.at_dpd"]
    found = sim.flips(scenario, between=["baseline", "cut_at_30"], keys=keys, threads=2)
    with speaking("zh"):
        notes = [anew(note) for one in found.screened for note in one.notes if "refused" in note]

    assert len(notes) >= 3
    for note in notes:
        assert "被拒绝" in note
        assert not re.findall(r"[A-Za-z]{3,}", re.sub(r"[\w.]*[._][\w.]*|baseline|never", "", note)), note


def test_what_is_moved_is_counted_alike_wherever_it_is_told(found):
    """The first words and the block of all numbers count the same: what could be moved to no end was not moved."""
    one = found.screened[0]
    stuck = told_of(found, *found.flips)
    stuck.screened = [*found.screened, one._replace(ends={}, leads={}, notes=[])]
    told = [line for line in (*flips_page.answers(stuck), *flips_page._counts(stuck)) if "numbers were moved" in line]

    assert len(told) == 2
    assert len({line.partition(" numbers were moved")[0] for line in told}) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_saved_page_is_made_again_in_any_language(found, language, tmp_path):
    """From the folder alone, the question's own page to the byte, whatever language it was asked in."""
    own = found.save(tmp_path / "own", language=language)
    other = found.save(tmp_path / "other", language="zh" if language == "en" else "en")
    page = (own / "report.html").read_text(encoding="utf-8")
    facts = json.loads((own / "manifest.json").read_text(encoding="utf-8"))

    assert sim.report_of(own).report == page
    again = sim.report_of(other, language=language)
    again.manifest = facts
    assert again.report == page
    assert sim.report_of(own, language="both").report.count("<h1>") == 2
    with pytest.raises(sim.UserError, match="holds the results of flips"):
        sim.report_of(own, excel=True)
    assert sim.report_of(own).save(tmp_path / "made").joinpath("report.html").is_file()

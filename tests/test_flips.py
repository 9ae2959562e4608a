"""Where the best turns: exactly where closed forms say, nowhere for a variant that changes nothing."""

import pytest

import simulator as sim
from conftest import ROOT

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
    assert {"flips.parquet", "screened.parquet", "report.html", "scenario.toml", "manifest.json"} == {
        file.name for file in folder.iterdir()
    }
    assert "stays best until" in (folder / "report.html").read_text()
    assert found.plot("nearest").svg.startswith("<svg")


def test_numbers_may_be_chosen():
    """Asked about one number, no other is moved, and the answer is the same."""
    found = sim.flips(SALE, between=["at_once", "later"], keys=["policy.at_once.price"], threads=2)
    assert [one.varied.key for one in found.screened] == ["policy.at_once.price"]
    assert found.table["flips_at"][0].as_py() == pytest.approx(PRICE / MONTH, abs=ROUNDED)
    with pytest.raises(sim.UserError, match="no such key"):
        sim.flips(SALE, keys=["policy.at_once.prize"])


def test_a_map_of_one_number_is_refused():
    """A number cannot be moved together with itself."""
    with pytest.raises(sim.UserError, match="the same number twice"):
        sim.flips(SALE, maps=[("discount_rate", "discount_rate")])


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

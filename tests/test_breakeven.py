"""Break-even values: exactly where closed forms say, none where there is none, and why."""

import json

import numpy as np
import pytest

import simulator as sim
from conftest import ROOT
from simulator.decision import breakeven

SALE = ROOT / "tests" / "sale_or_wait.toml"
MONTH = 1.12 ** (1 / 12)


def test_a_price_breaks_even_where_a_month_is_worth_its_discount():
    """A sale at once at p and one a month later at 0.5 bring the same where p is 0.5, discounted by a month."""
    found = sim.breakeven(SALE, "policy.at_once.price=0.3:0.7", "at_once", against="later", threads=2)
    assert found.exists
    assert found.value == pytest.approx(0.5 / MONTH, abs=2e-5)  # a price is kept in 65,536ths
    assert found.low == pytest.approx(found.value, abs=1e-3)


def test_what_is_only_settled_is_answered_on_a_line():
    """The difference is a line in the operating cost: its root is that of any two of its values, to the last digit."""
    made = sim.load_scenario(SALE, {"policy.later.price": 0.51})
    found = sim.breakeven(made, "costs.operating_cost=0:400", "at_once", against="later", threads=2)
    gap = [
        sim.compare(sim.load_scenario(SALE, {"policy.later.price": 0.51, "costs.operating_cost": cost}), threads=2)
        .difference("at_once", "npv", against="later")
        .value
        for cost in (10, 70)
    ]
    assert found.is_straight and len(found.curve.points) == 3
    assert found.value == pytest.approx(10 - gap[0] * 60 / (gap[1] - gap[0]), rel=1e-9)


def test_a_bent_curve_is_sought_on_and_found():
    """Negative control of lines: 0.495 now or 0.5 in a month, equal at (0.5 / 0.495)^12 - 1 a year."""
    made = sim.load_scenario(SALE, {"policy.at_once.price": 0.495})
    found = sim.breakeven(made, "discount_rate=0.05:0.3", "at_once", against="later", threads=2)
    assert not found.is_straight
    assert found.value == pytest.approx((0.5 / 0.495) ** 12 - 1, abs=1e-6)


def test_where_there_is_none_it_says_so():
    """A number that moves nobody, or not far enough, has no break-even, and the answer says who is ahead."""
    never = sim.breakeven(SALE, "costs.funding_rate=0:0.05", "at_once", against="later", threads=2)
    assert not never.exists and never.value is None
    assert "at_once is ahead of later" in never.why
    same = sim.breakeven(SALE, "policy.later.price=0.3:0.4", "at_once", against="baseline", threads=2)
    assert not same.exists and "every value" in same.why


def test_a_number_that_moves_nothing_is_said_first():
    """No advice is given on a number that no lender feels: the difference is the same to the last digit."""
    still = sim.breakeven(SALE, "costs.funding_rate=0:0.05", "at_once", against="later", threads=2)
    assert not still.moves and still.content["moves"] is False
    assert still.answers[0].startswith("costs.funding_rate does not move the difference")
    assert "line" not in repr(still)
    moved = sim.breakeven(SALE, "policy.at_once.price=0.3:0.4", "at_once", against="later", threads=2)
    assert moved.moves and "does not move" not in repr(moved)


@pytest.fixture
def why(monkeypatch):
    """Return what is said of a difference that is stated, float64[value, replication], at three values lived."""

    def said(differences):
        rows = iter(np.array(differences, dtype=np.float64))
        monkeypatch.setattr(breakeven._Search, "_live", lambda search, x: next(rows))
        scenario = sim.load_scenario(SALE, replications=len(differences[0]))
        return sim.breakeven(scenario, "policy.at_once.price=0.25:0.75", "at_once", against="later", threads=2).why

    return said


def test_a_rounding_is_no_move(why):
    """Sums that are added in another order move nothing: no line through them is followed to the end of the world."""
    clear = np.array([1000.0, 1001.0, 1002.0, 1003.0])
    assert why([clear, clear + 1e-11, clear + 3e-11]) == "at_once is ahead of later at every value lived"


def test_a_lead_within_chance_or_of_nothing_is_no_lead(why):
    """Who is ahead is said with where that is within chance, and where it is exactly nothing."""
    chance, clear, nothing = [-1, 0.5, 1, 1], [1.0, 1.1, 1.2, 1.3], [0, 0, 0, 0]
    assert why([chance] * 2 + [[2 * one for one in chance]]) == (
        "at_once is not clearly ahead of later: within chance at every value lived"
    )
    assert why([chance, clear, clear]) == "at_once is not clearly ahead of later: within chance at 0.25"
    assert why([clear, clear, nothing]) == "at_once is ahead of later at every other value lived; equal at 0.75"
    assert why([[3.0], [2.0], [9.0]]).endswith("at every value lived; one replication has no error: it may be chance")


def test_one_replication_has_no_interval():
    """A break-even of one replication is told with no interval, and that it may be chance."""
    made = sim.load_scenario(SALE, replications=1)
    found = sim.breakeven(made, "policy.at_once.price=0.3:0.7", "at_once", against="later", threads=2)
    assert found.exists and (found.low, found.high) == (None, None)
    assert "One replication has no error" in found.answers[1]


def test_whole_numbers_switch_between_two():
    """A whole number's break-even is the first at which the other is ahead; those its field refuses are passed over."""
    made = sim.load_scenario(SALE, {"policy.at_once.price": 0.503})  # worth a wait of less than a month
    found = sim.breakeven(made, "policy.at_once.at_dpd=30:90", "at_once", against="later", threads=2)
    assert found.value == 90  # 60 is as late as the other, at a better price
    assert [row["value"] for row in found.table.to_pylist()] == [30, 60, 90]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"variant": "latr"}, "did you mean later"),
        ({"variant": "later", "against": "later"}, "the variant itself"),
        ({"variant": "baseline"}, "--variant: baseline: what it is compared with"),
        ({"variant": "later", "measure": "npw"}, "did you mean npv"),
        ({"variant": "later", "measure": "var99"}, "no mean"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, why):
    """Each mistake is named with what is allowed."""
    with pytest.raises(sim.UserError, match=why):
        sim.breakeven(SALE, "policy.later.price=0.3:0.4", threads=2, **options)


@pytest.mark.parametrize(
    ("vary", "why"),
    [
        ("policy.at_once.at_dpd=31:59", "no value is allowed between 31 and 59"),
        ("policy.at_once.at_dpd=31:89", "60 is the only value that is allowed"),
        ("replications=1:3", "says which replications live"),
        ("seed", "says which replications live"),
    ],
)
def test_what_cannot_be_varied_is_refused(vary, why):
    """Whole numbers that the field does not take, and what pairs the replications, are named before anything lives."""
    with pytest.raises(sim.UserError, match=why):
        sim.breakeven(SALE, vary, "at_once", against="later", threads=2)


def test_a_breakeven_is_saved(tmp_path):
    """breakeven.json has the contract's keys; what is open is null."""
    found = sim.breakeven(SALE, "policy.at_once.price=0.3:0.7", "at_once", against="later", threads=2)
    folder = found.save(tmp_path / "out")
    told = json.loads((folder / "breakeven.json").read_text())
    assert {"key", "value", "low", "high", "unit", "exists"} <= told.keys()
    assert told["value"] == found.value and told["exists"] is True
    assert "have the same mean" in (folder / "report.html").read_text()
    assert np.isfinite(found.table["difference"].to_numpy()).all()

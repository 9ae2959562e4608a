"""What lenders bring along a number: the same as runs of the scenario written so."""

import pyarrow.parquet as pq
import pytest

import simulator as sim
from conftest import ROOT

SALE = ROOT / "tests" / "sale_or_wait.toml"


def test_a_grid_is_a_comparison_at_each_point():
    """Each row is what `compare` says of the scenario with that value, and the best is named from where to where."""
    found = sim.sweep(SALE, "policy.at_once.price=0.45:0.55:3", threads=2)
    rows = {
        (row["policy.at_once.price"], row["variant"]): row for row in found.table.to_pylist() if row["measure"] == "npv"
    }
    written = sim.compare(sim.load_scenario(SALE, {"policy.at_once.price": 0.45}), threads=2)
    assert sorted({price for price, _ in rows}) == pytest.approx([0.45, 0.5, 0.55])
    assert rows[0.45, "at_once"]["difference"] == written.difference("at_once", "npv").value
    assert found.best("npv") == ["later", "at_once", "at_once"]
    assert "later at 0.45 (clear); at_once from 0.5 to 0.55 (" in repr(found)


def test_several_numbers_are_sobol_points():
    """As many as the largest N, up to a power of two, all within; the same for the same seed, others for another."""
    vary = ["policy.at_once.price=0.4:0.6:3", "discount_rate=0.05:0.15"]
    found, again = (sim.sweep(sim.load_scenario(SALE, seed=seed), vary, threads=2) for seed in (1, 2))
    assert len(found.places) == 16
    assert all(0.4 <= place.at[0] <= 0.6 and 0.05 <= place.at[1] <= 0.15 for place in found.places)
    assert [place.at for place in found.places] != [place.at for place in again.places]
    assert "of 16 points" in repr(found)


def test_a_point_that_is_refused_is_said():
    """A value that the scenario does not allow has no rows, and the first caution says why."""
    found = sim.sweep(SALE, "policy.at_once.price=0.5:1.5:3", threads=2)
    assert [bool(place.rows) for place in found.places] == [True, True, False]
    assert any("1 of 3 points are refused" in said for said in found.cautions)
    assert "at all 2 values that were lived, from 0.5 to 1" in repr(found)
    one = sim.sweep(SALE, "policy.at_once.price=0.5:2.5:2", threads=2)
    assert "is best by net present value along policy.at_once.price: at 0.5 (" in repr(one)


def test_no_point_that_is_allowed_is_an_error(simulator, tmp_path):
    """Where the scenario refuses every point there is no answer: exit 2, the reason, and nothing written."""
    out = tmp_path / "out"
    code, _, said = simulator("sweep", SALE, "--vary", "policy.at_once.price=1.5:2:3", "--out", out)
    assert code == 2 and "refuses each of the 3 points" in said and not out.exists()


def test_a_lead_within_chance_is_said_to_be():
    """Two variants that are the same cannot be told apart: neither is best but within chance."""
    written = {"variant.again.policy.at_once.enabled": True, "variant.at_once.policy.at_once.enabled": True}
    found = sim.sweep(sim.load_scenario(SALE, written), "policy.at_once.price=0.55:0.6:2", threads=2)
    assert [place.clear for place in found.places] == [frozenset()] * 2
    assert "(within chance)" in repr(found)
    assert "at_once, within chance" in found.page({})


def test_a_lender_alone_is_told_by_its_levels(tmp_path):
    """A file without variants has nobody to compare with, and no best."""
    (tmp_path / "alone.toml").write_text(f'extends = "{(ROOT / "tests" / "plain_world.toml").as_posix()}"\n')
    alone = sim.load_scenario(tmp_path / "alone.toml", borrowers=100, replications=4, months=3)
    found = sim.sweep(alone, "discount_rate=0.1:0.2:2", threads=2)
    assert found.answers[0].startswith("Without variants there is nobody to compare with: net present value is least")
    assert "best" not in " ".join(found.answers)


def test_a_tornado_of_nothing_is_refused():
    """Ranges are what it moves: without any it says so, and how to give one."""
    with pytest.raises(sim.UserError, match=r"no number has a range(.|\n)*range = \[0.2, 0.4\]"):
        sim.sweep(SALE, tornado=True)


def test_the_tornado_is_every_number_with_a_range(tmp_path):
    """Its bars are what the difference changes by at both ends; without any number varied there is no other picture."""
    ranged = {
        "policy.later.price": {"value": 0.5, "range": [0.4, 0.6]},
        "discount_rate": {"value": 0.12, "range": [0.1, 0.2]},
    }
    found = sim.sweep(sim.load_scenario(SALE, ranged), tornado=True, threads=2)
    _, effects = found.tornado
    assert [effect.number.key for effect in effects] == ["policy.later.price", "discount_rate"]
    folder = found.save(tmp_path / "out")
    assert (folder / "tornado.parquet").exists() and not (folder / "sweep.parquet").exists()
    assert "What moves a difference most is policy.later.price" in repr(found)
    drawn, told = found.plot("tornado"), pq.read_table(folder / "tornado.parquet").to_pylist()
    assert [row[0] for row in drawn.data.rows] == [row["key"] for row in told]
    assert [float(row[6].replace("\u2212", "-")) for row in drawn.data.rows] == pytest.approx(
        [row["change_at_low"] / 1000 for row in told], abs=1e-3
    )


@pytest.mark.parametrize(
    ("vary", "why"),
    [
        ([], "nothing is varied"),
        (["discount_rate=0.1:0.2", "discount_rate=0.1:0.3"], "varied twice"),
        (["discount_rat=0.1:0.2", "policy.later.price=0.1"], "no such key(.|\n)*not of that form"),
    ],
)
def test_what_cannot_be_swept_is_refused(vary, why):
    """Every mistake at once, each with what is allowed."""
    with pytest.raises(sim.UserError, match=why):
        sim.sweep(SALE, vary)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: sim.compare(SALE, doubt=2.5),
        lambda: sim.compare(SALE, doubt="60"),
        lambda: sim.compare(SALE, until=5),
        lambda: sim.sweep(SALE, 123),
        lambda: sim.sweep(SALE, [123]),
        lambda: sim.breakeven(SALE, ("discount_rate", 0, 10), "later"),
        lambda: sim.tail(SALE, level="a"),
        lambda: sim.flips(SALE, between="baseline"),
        lambda: sim.flips(SALE, between=5),
        lambda: sim.flips(SALE, keys="discount_rat"),
    ],
)
def test_a_wrong_type_is_one_message(ask):
    """What is no text, number or name where one is asked for is told like any other mistake, once."""
    with pytest.raises(sim.UserError) as wrong:
        ask()
    assert len(wrong.value.problems) == 1

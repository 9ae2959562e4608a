"""Swap sets: who is taken by one lender and declined by the other, and that swapping changes nobody's life."""

import numpy as np
import pyarrow.parquet as pq
import pytest

import naive
from conftest import ROOT
from simulator import compare
from simulator.engine import engine
from simulator.engine.swap_sets import review_differs, swap_set
from simulator.lowering.lower import lower
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.model.tables import NO_RIVAL
from simulator.report.parquet import write_comparison
from simulator.scenario.reader import load_scenario

SIZES = {"borrowers": 200, "replications": 3, "months": 8}
STRONG = "variant.strong.policy.review.score_power=0.9"
LIMITS = "variant.limits.policy.review.limit_by_score=[0,0,0,0,0,0,0,0,0.5,1,1,1,1,1,1,1]"


@pytest.fixture(scope="module")
def scenario():
    """Return both products for 150 applicants a month, and lenders with another cut-off, score or limits."""
    own = [
        "redraw_people=false",
        "portfolio.applicants_per_month=150",
        "run_off_months=4",
        "policy.review.score_cutoff=560",  # about where the scores of most lie, so that many are swapped
        "variant.high.policy.review.score_cutoff=600",
    ]
    return load_scenario(ROOT / "scenarios" / "both.toml", [*own, STRONG, LIMITS], **SIZES)


def arrivals(world):
    """Return the world without its opening book."""
    return world._replace(tiles=world.tiles[world.tiles[:, K_ENTRY] > 0])


def granted(world):
    """Return {(segment, entry, index): which products are granted} of every applicant, by the twin of the kernel."""
    twin, found = naive.World(world.tables, world.levers), {}
    for segment, entry, first, count, *_ in world.tiles.tolist():
        for index in range(first, first + count):
            who = naive.born(twin, 0, segment, entry, index)
            naive.review(twin, who)
            found[segment, entry, index] = {account.product for account in who.accounts if account.status == ACTIVE}
    return found


def only(world, people):
    """Return the world with `people` alone, one tile each."""
    tiles = np.array(
        [(g, entry, index, 1, -1, N_PRODUCT) for g, entry, index in people] or [(0, 1, 0, 0, -1, N_PRODUCT)], np.int64
    )
    return world._replace(tiles=tiles)


@pytest.mark.parametrize("name", ["high", "strong", "limits"])
@pytest.mark.parametrize("side", ["out", "into"])
def test_swapped_and_left_out_are_all_applicants_to_the_last_integer(scenario, name, side):
    """The twin says who is swapped; they alone give the sums of the swap set, and with the others those of all."""
    taker, decliner = lower(scenario.baseline, run_off=True), lower(scenario.variants[name], run_off=True)
    if side == "into":
        taker, decliner = decliner, taker
    one, other = granted(arrivals(taker)), granted(arrivals(decliner))
    swapped = [who for who in one if one[who] - other[who]]
    sums = engine.run(swap_set(taker, decliner), 1)
    alone, rest, every = (
        engine.run(world, 1)
        for world in (only(taker, swapped), only(taker, [w for w in one if w not in set(swapped)]), arrivals(taker))
    )

    assert all(np.array_equal(a, b) for a, b in zip(sums, alone, strict=True))
    assert all(np.array_equal(a + b, c) for a, b, c in zip(sums, rest, every, strict=True))
    assert len(swapped) < len(one)
    if (name, side) in {("high", "into"), ("limits", "into")}:
        assert not swapped  # a lender who only raises the bar takes nobody whom the baseline declines
    else:
        assert len(swapped) > 50  # the claim is about something


def test_people_drawn_anew_are_swapped_anew():
    """With other people in each replication each has its own swap set; the scalar kernel and spans agree."""
    overrides = ["redraw_people=true", "run_off_months=4", "portfolio.applicants_per_month=100"]
    loaded = load_scenario(ROOT / "scenarios" / "cut_off.toml", overrides, **SIZES)
    world = swap_set(lower(loaded.baseline), lower(loaded.variants["weak_score"]))
    sums = engine.run(world, 2)

    assert len(set(sums.flows[..., F_N_APPLIED].sum(axis=(1, 2, 3, 4)).tolist())) > 1
    for other in (engine.run(world, 1, fast=False), engine.run(world, 1, spans=(2, 5))):
        assert all(np.array_equal(a, b) for a, b in zip(sums, other, strict=True))


def test_a_review_is_compared_only_where_somebody_applies(scenario):
    """Lenders that differ elsewhere, or whom nobody asks, swap nobody."""
    baseline, high = lower(scenario.baseline), lower(scenario.variants["high"])
    nobody = load_scenario(ROOT / "scenarios" / "both.toml", ["portfolio.applicants_per_month=0"], **SIZES)

    assert review_differs(baseline, high)
    assert not review_differs(baseline, lower(scenario.variants["cross_closure"]))
    assert not review_differs(lower(nobody.baseline), high._replace(tiles=lower(nobody.baseline).tiles))
    assert baseline.tables.rival_month is NO_RIVAL


def test_a_cut_off_differs_by_its_swap_set_and_nothing_else(tmp_path):
    """Those who are taken by both live the same lives: in every flow the difference is the swapped, exactly."""
    loaded = load_scenario(ROOT / "scenarios" / "cut_off.toml", ["run_off_months=4"], **SIZES)
    comparison = compare(loaded).comparison
    assert set(comparison.swaps) == {"all", "cut_off_440", "cut_off_520", "cut_off_560", "weak_score", "strong_score"}
    for variant, (out, into) in comparison.swaps.items():
        ledgers = comparison.ledgers
        change = ledgers[variant].sums.flows - ledgers["baseline"].sums.flows
        declined = [F_N_APPLIED, F_N_DECLINED]  # the same people apply to both
        swapped = into.sums.flows - out.sums.flows
        change[..., declined] = swapped[..., declined]
        assert np.array_equal(change, swapped), variant
    summary = comparison.summary()["swapped"]
    assert list(summary["all"]) == list(summary["cut_off_440"]) == ["into"]
    assert list(summary["cut_off_520"]) == list(summary["cut_off_560"]) == ["out"]
    assert list(summary["weak_score"]) == ["out", "into"]
    told = summary["cut_off_560"]["out"]
    path = tmp_path / "comparison.parquet"
    write_comparison(path, {"as_written": comparison})
    rows = pq.read_table(path).to_pylist()
    assert {row["people"] for row in rows} == {"all", "swapped_out", "swapped_into"}
    (row,) = [
        r for r in rows if (r["variant"], r["people"], r["measure"]) == ("cut_off_560", "swapped_out", "net_loss")
    ]
    assert (row["value"], row["value_standard_error"]) == (told["net_loss"]["value"], told["net_loss"]["se"])
    assert row["difference"] is None
    assert told["n_never_default"]["value"] == pytest.approx(told["n_granted"]["value"] - told["n_default"]["value"])

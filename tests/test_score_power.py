"""A score by its Gini: known shapes, the points of the kernel, what a run then measures, what cannot be had."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from conftest import ROOT
from simulator.analysis.score_power import Ask, Seen, answer_to, gini_of_score, points_of, resolved
from simulator.engine.trajectories import Trajectories
from simulator.lowering.lower import lower, tables_for
from simulator.lowering.quantiles import normal_quantiles
from simulator.lowering.structural import linked_words
from simulator.model.errors import UserError
from simulator.model.layout import PRODUCTS, QUALITIES, QUALITY, QUANTILES, SCORE, TRAIT_WORDS
from simulator.model.observer import SILENT
from simulator.scenario.reader import load_scenario
from simulator.study import compare, simulate

BINORMAL = {  # Gini: KS, share of the bad in the worst tenth, in the worst fifth, in the best half; 3 % bad
    0.4: (0.29, 0.28, 0.45, 0.24),
    0.5: (0.37, 0.35, 0.53, 0.18),
    0.6: (0.45, 0.44, 0.62, 0.12),
    0.7: (0.54, 0.54, 0.71, 0.08),
    0.8: (0.64, 0.66, 0.82, 0.04),
}
CONCENTRATED = {  # people whose quality tells much of who defaults, all of them applicants, all accepted
    "replications": 8,
    "months": 24,
    "portfolio": {"borrowers": 0, "applicants_per_month": 500},
    "behaviour.structural": {"will_not_quality_slope": 1.5, "job_loss_quality_slope": 1.0},
    "behaviour.structural.quality_correlation": {"unemployed": -0.6, "living_cost": -0.6, "outside_credit": 0.6},
    "policy.review.enabled": False,
    **{f"segment.{name}.loan_holders": 0.0 for name in ("salaried", "irregular")},
}


def scenario(**more):
    """Return the scenario of the concentrated applicants with `more` set on top; dots are written as __."""
    given = CONCENTRATED | {key.replace("__", "."): value for key, value in more.items()}
    return load_scenario(ROOT / "tests" / "plain_world.toml", given)


def bad_by_class(share=0.03, slope=2.0):
    """Return float64[class]: chance to default, a probit of quality with this mean."""
    quality, low, high = normal_quantiles(QUALITIES), -12.0, 12.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if ndtr(middle - slope * quality).mean() > share else (middle, high)
    return ndtr(low - slope * quality)


def concentration(correlation, bad):
    """Return (KS, share of the bad in the worst tenth, in the worst fifth, in the best half) of a score."""
    order = np.argsort(points_of(correlation, 0.0), axis=None, kind="stable")
    bads, goods = (np.repeat(part / QUANTILES, QUANTILES)[order].cumsum() for part in (bad, 1 - bad))
    upto, bads, goods = (bads + goods) / QUALITIES, bads / bads[-1], goods / goods[-1]
    tenth, fifth, half = np.interp([0.1, 0.2, 0.5], upto, bads)
    return (bads - goods).max(), tenth, fifth, 1 - half


def asking(gini, bad, shift=0.0):
    """Return the answer to a Gini asked of one segment whose classes default so."""
    nobody = np.zeros(QUALITIES)
    seen = Seen({"all": np.array([bad, nobody])}, {"all": np.array([1 - bad, nobody])})
    settings = SimpleNamespace(segment={"all": SimpleNamespace(share=1.0, score_shift=shift)})
    return answer_to(Ask("segment.all.score_gini", gini, ("all",), PRODUCTS), settings, seen)


@pytest.mark.parametrize("gini", BINORMAL)
def test_the_table_is_that_of_binormal_scores(gini):
    """Bad and good scores are normal, d = sqrt(2) N^-1((1 + G) / 2) apart: the table's four numbers follow."""
    d = np.sqrt(2) * ndtri((1 + gini) / 2)
    at = np.linspace(-8, 8, 100_001)
    bad, good = ndtr(at + d), ndtr(at)
    tenth, fifth, half = np.interp([0.1, 0.2, 0.5], 0.03 * bad + 0.97 * good, bad)

    assert ((bad - good).max(), tenth, fifth, 1 - half) == pytest.approx(BINORMAL[gini], abs=0.0095)


@pytest.mark.parametrize("gini", BINORMAL)
def test_a_score_of_a_gini_concentrates_the_bad_as_such_scores_do(gini):
    """The correlation found gives the Gini asked for, and about the KS and the shares of the bad of binormal scores.

    Sixteen classes of quality end at 1.9 standard deviations: the worst tenth holds a few of the bad less.
    """
    bad = bad_by_class()
    answer = asking(gini, bad)
    ks, tenth, fifth, half = concentration(answer.correlation, bad)
    expected = BINORMAL[gini]

    assert answer.gini == pytest.approx(gini, abs=1e-4)
    assert gini_of_score(answer.correlation, bad[None], 1 - bad[None], [0.0]) == answer.gini
    assert answer.default_rate == pytest.approx(0.03)
    assert (ks, fifth, half) == pytest.approx((expected[0], expected[2], expected[3]), abs=0.035)
    assert expected[1] - 0.065 < tenth < expected[1]


def test_it_is_the_least_correlation_that_has_the_gini():
    """One step of 1/65,536 less has less; without correlation a score has none at all."""
    bad = bad_by_class()
    answer = asking(0.45, bad)
    less = gini_of_score(answer.correlation - 1 / 65536, bad[None], 1 - bad[None], [0.0])

    assert less < 0.45 <= answer.gini
    assert gini_of_score(0.0, bad[None], 1 - bad[None], [0.0]) == pytest.approx(0, abs=1e-12)


def test_more_than_quality_has_cannot_be_had():
    """The message says how much could be; where nobody defaults, it says that."""
    bad = bad_by_class(slope=0.5)
    most = gini_of_score(1.0, bad[None], 1 - bad[None], [0.0])

    with pytest.raises(ValueError, match=f"up to {np.floor(1000 * most) / 1000:g}"):
        asking(0.9, bad)
    with pytest.raises(ValueError, match="nobody defaults"):
        asking(0.1, np.zeros(QUALITIES))


def test_a_score_that_sees_segments_knows_more():
    """With a shift of the worse segment, less correlation gives the Gini of all applicants."""
    safe, risky = bad_by_class(0.01), bad_by_class(0.06)
    bad, good = np.array([safe, risky]), 1 - np.array([safe, risky])
    blind, seeing = (gini_of_score(0.5, bad, good, shifts) for shifts in ([0.0, 0.0], [0.0, -0.8]))

    assert seeing > blind + 0.05


def test_points_are_those_of_the_kernel():
    """Everybody's score is one that their class and some noise give, of their segment."""
    given = scenario(segment__salaried__score_shift=0.7, segment__irregular__score_correlation=0.3)
    world = lower(given.baseline)
    lives = Trajectories(tables_for(world, 0, 1), world.levers, world.tiles, world.tape, range(1), 1)
    state = lives.advance_to(1)[0]
    seen = set()
    for (segment, entry, _, count, *_), lanes in zip(world.tiles, state, strict=True):
        if entry == 1:
            points = points_of((0.5, 0.3)[segment], (0.7, 0.0)[segment])
            assert all(score in points[k] for k, score in lanes[[QUALITY, SCORE], :count].T)
            seen.add(int(segment))

    assert seen == {0, 1}


def test_a_run_measures_the_gini_asked_for():
    """Of applicants who are all accepted, the score has the Gini asked for, but for its bands and who was lost."""
    study = simulate(scenario(score_gini=0.45))
    measured = study.estimate("baseline", "gini_score")
    asked = study.facts["scores"]["baseline"]["score_gini"]

    assert asked["asked"] == 0.45
    assert asked["gini"] == pytest.approx(0.45, abs=1e-3)
    assert abs(measured.value - 0.45) < 0.02 + 4 * measured.se


def test_a_correlation_is_of_the_world_alone():
    """Neither seed nor sizes, months, policies or another economy of a variant give the score another correlation."""
    ask = {"segment__salaried__score_gini": 0.4}
    other = {"variant.late": {"policy.cut.enabled": True, "economy.unemployment": 0.09}}
    worlds = [scenario(**ask), scenario(**ask, seed=7, months=30, replications=3), scenario(**ask, **other)]
    found = [resolved(each, {"baseline": each.baseline} | each.variants, 1, SILENT)[0] for each in worlds]
    settings = [one for lenders in found for one in lenders.values()]

    assert len(settings) == 4
    assert len({one.segment["salaried"].score_correlation for one in settings}) == 1
    assert {one.segment["irregular"].score_correlation for one in settings} == {0.5}
    assert settings[-1].policy["cut"].enabled


def test_a_review_has_the_gini_asked_for_before_its_power():
    """score_gini of a policy goes before its score_power; 0 asks for nothing."""
    given = scenario(policy__review__enabled=True, policy__review__score_power=0.9)
    ask = scenario(policy__review__enabled=True, policy__review__score_power=0.9, policy__review__score_gini=0.3)
    off = scenario(policy__review__enabled=True, policy__review__score_power=0.9, policy__review__score_gini=0.0)
    powers = [
        resolved(each, {"baseline": each.baseline}, 1, SILENT)[0]["baseline"].policy["review"].score_power
        for each in (given, ask, off)
    ]

    assert powers[0] == powers[2] == 0.9
    assert 0.2 < powers[1] < 0.8


def test_an_impossible_gini_is_told_of_every_key():
    """A run ends before it begins, with the key and the most that quality has."""
    given = scenario(score_gini=0.97, variant__b={"segment.salaried.score_gini": 0.98})

    with pytest.raises(UserError) as error:
        compare(given)
    assert [problem.key for problem in error.value.problems] == [
        "score_gini",
        "variant.b.segment.salaried.score_gini",
        "variant.b.score_gini",
    ]
    assert all("allowed: up to 0." in problem.allowed for problem in error.value.problems)


def test_a_roll_matrix_has_no_score():
    """Under roll rates nobody's quality matters, so a Gini that is asked for is an error."""
    with pytest.raises(UserError, match="knows nothing of quality"):
        load_scenario(ROOT / "scenarios" / "taiwan_cards.toml", {"score_gini": 0.4})


# ---- traits that go with quality -------------------------------------------------------------------
@pytest.mark.parametrize("correlation", [0.3, -0.7, 1.0, -1.0])
def test_linked_words_keep_everybody_as_often_as_before(correlation):
    """Each quantile index comes once in QUANTILES, exactly, and normals of class and index correlate as asked."""
    words, ranks = linked_words({"buffer": correlation})
    (row,) = ranks
    normals, quality = normal_quantiles(QUANTILES), np.repeat(normal_quantiles(QUALITIES), QUANTILES)

    assert words.tolist() == [TRAIT_WORDS["buffer"][0][0]]
    assert (np.bincount(row, minlength=QUANTILES) == QUALITIES).all()
    assert (quality * normals[row]).mean() == pytest.approx(correlation, abs=0.012)


def test_a_share_goes_with_quality_by_its_low_words():
    """Who pays in full is who draws below the share: the better have lower words, and late openings higher ones."""
    words, ranks = linked_words({"full_payer": 0.5, "late_at_start": -0.5})
    below = (ranks.reshape(3, QUALITIES, QUANTILES) < QUANTILES // 2).mean(axis=2)

    assert words.tolist() == [6, 11, 21]
    assert all((np.diff(of) >= 0).all() and of[-1] > of[0] + 0.3 for of in below)


def test_without_correlations_no_word_is_touched():
    """Neutral settings link nothing, so every draw is the word's own."""
    words, ranks = linked_words(dict.fromkeys(TRAIT_WORDS, 0.0))

    assert words.shape == (0,)
    assert ranks.shape == (0, QUALITIES * QUANTILES)

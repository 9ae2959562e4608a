"""Hazards of loans by due: planted curves come back within their intervals, and the scenario has them due by due."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import ndtri

from benchmarks.dues import CHI_SQUARED, LOANS, missed_of_all, planted
from conftest import ROOT
from simulator.estimation.outcomes.checks import DUES
from simulator.estimation.outcomes.cohorts import cohorts_of
from simulator.estimation.outcomes.hazards import (
    TOO_LATE_TO_TELL,
    Counts,
    counted,
    exposure_of,
    fit_hazards,
    missed_by,
    schedule,
    shifted,
)
from simulator.estimation.outcomes.rows import read_outcomes
from simulator.estimation.outcomes.splines import fit_curve

BOOKS = 6
AT = np.array([due for due in DUES if due <= 36]) - 1


@pytest.fixture(scope="module")
def humps():
    """Return (counts, truth, hazards) of books with a planted hump."""
    made = [planted(seed) for seed in range(1, BOOKS + 1)]
    return [(counts, truth, fit_hazards(counts)) for counts, truth in made]


def test_curves_are_within_their_errors_in_all_groups_of_dues(humps):
    """Chi-squared of ten groups is below 18 in every book (95 in 100 should be); without a curve it is in none."""
    fitted = [(found.z_in_groups() ** 2).sum() for *_, found in humps]
    flat = []
    for counts, _, found in humps:
        level = (counts.missed.sum(axis=1) / counts.at_risk.sum(axis=1))[:, None] + 0 * found.default
        curve = found.default_curve._replace(share=level)
        flat.append((found._replace(default_curve=curve).z_in_groups() ** 2).sum())

    assert max(fitted) < CHI_SQUARED
    assert min(flat) > CHI_SQUARED


def test_intervals_hold_the_true_share_missed_by_each_due(humps):
    """At 90 % in at least 24 of 36 (the dues of a book hang together); of half as many defaults again in few."""
    held = wrong = 0
    for book, (_, truth, found) in enumerate(humps):
        low, high = np.quantile(missed_of_all(found, LOANS, book, 300)[:, AT], [0.05, 0.95], axis=0)
        held += int(((low <= truth[AT]) & (truth[AT] <= high)).sum())
        wrong += int(((low <= 1.5 * truth[AT]) & (1.5 * truth[AT] <= high)).sum())

    assert held >= 24
    assert wrong <= 8


def test_dues_at_which_nobody_is_left_are_off_by_nothing(humps):
    """Loans that all end before their last dues: no number divided by nothing."""
    _, _, found = humps[0]
    left = np.where(np.arange(found.counts.at_risk.shape[1]) < 12, found.counts.at_risk, 0)
    missed = np.minimum(found.counts.missed, left)
    with np.errstate(all="raise"):
        z = found._replace(counts=found.counts._replace(at_risk=left, missed=missed)).z_in_groups()

    assert np.isfinite(z).all() and not z[-1] and z[0]


def test_the_first_due_stands_apart():
    """Eight times as many miss the first due as the next: fitted within 4 standard errors, the next not pulled up."""
    n = np.full((1, 24), 20_000)
    k = np.full((1, 24), 100)
    k[0, 0] = 800
    found = fit_curve(n, k).share[0]

    assert abs(found[0] - 0.04) < 4 * np.sqrt(0.04 * 0.96 / 20_000)
    assert np.abs(found[1:] - 0.005).max() < 4 * np.sqrt(0.005 / 20_000)


def test_segments_get_curves_of_their_own_only_where_they_differ(humps):
    """Shifted curves stay alike in most books; with rising hazards in one and falling in the other both are found."""
    own = sum(np.isfinite(found.default_curve.deviation) for *_, found in humps)
    due = np.arange(24)
    n = np.full((2, 24), 5_000)
    k = np.stack([20 + 5 * due, 135 - 5 * due])
    apart = fit_curve(n, k)

    assert own <= 1
    assert apart.gain > 10 and np.isfinite(apart.deviation)
    assert np.abs(apart.share * n - k).max() < 4 * np.sqrt(135)


def test_nobody_at_risk_and_nothing_that_happens():
    """Dues with nobody left and an event that never came give a small share with a finite interval."""
    n = np.array([[500, 400, 300, 200, 100, 50, 10, 0, 0, 0]])
    found = fit_curve(n, 0 * n)
    drawn = found.draws(1, 1, 200)

    assert 0 < found.share.max() < 0.5 / n.sum() * 20
    assert np.isfinite(drawn).all() and drawn.std(axis=0).min() > 0


def test_shares_and_exposure_follow_from_hazards():
    """By the recursion, due by due; exposure is what is owed at the missed due, over all that was missed."""
    default, early = np.array([0.1, 0.2, 0.5]), np.array([0.3, 0.1, 0.0])
    missed = [0.1, 0.9 * 0.7 * 0.2, 0.9 * 0.7 * 0.8 * 0.9 * 0.5]
    owed, _ = schedule(0.01, 3)

    assert missed_by(default, early) == pytest.approx(np.cumsum(missed))
    assert exposure_of(default, early, 0.01) == pytest.approx(np.dot(missed, owed[:3]) / sum(missed))


def test_the_next_cohort_is_less_sure():
    """At a share known exactly the interval is that of the shift alone: 1.645 times 0.10 in log-odds."""
    low, high = shifted(np.array([0.5]), np.array([0.5]), 0.1, 0.9)

    assert np.log(high / (1 - high)) == pytest.approx(0.1645, abs=1e-4)
    assert low + high == pytest.approx(1)


@pytest.mark.parametrize(("spread", "least", "most"), [(0.0, 0.0, 0.12), (0.4, 0.25, 0.6)])
def test_cohorts_that_differ_are_told(humps, spread, least, most):
    """Of 24 months of 2,000 loans: alike they differ by less than a cohort is assumed to, by 0.4 as they were made."""
    *_, found = humps[0]
    chance = missed_by(found.default, found.early)[2, -1]
    odds = np.log(chance / (1 - chance)) + spread * ndtri((np.arange(24) + 0.5) / 24)
    charged = np.concatenate([np.arange(2000) < round(2000 / (1 + np.exp(-x))) for x in odds])
    months = np.repeat([f"2020-{k:02}" for k in range(24)], 2000)
    loans = SimpleNamespace(issued=months, charged_off=charged, segment=np.full(len(months), 2))
    cohorts = cohorts_of(loans, found, 0.9)

    assert cohorts.number == 24
    assert least <= cohorts.sd <= most and cohorts.low < cohorts.sd < cohorts.high


def test_one_cohort_tells_nothing(humps):
    """Then the assumption stands, 0.10, and the next cohort is off by the shifts of both."""
    *_, found = humps[0]
    charged = np.arange(1000) < 300
    one = SimpleNamespace(issued=np.full(1000, "2020-03"), charged_off=charged, segment=np.zeros(1000, dtype=int))
    cohorts = cohorts_of(one, found, 0.9)

    assert cohorts.sd == pytest.approx(0.10, abs=0.003)
    assert cohorts.of_the_next == pytest.approx(0.10 * np.sqrt(2), abs=0.004)


def test_no_early_repayment_is_told_at_the_end(humps):
    """Who repays within the last three dues is at risk to the end, and no hazard is fitted there."""
    *_, found = humps[0]

    assert (found.early[:, -TOO_LATE_TO_TELL:] == 0).all()
    assert (found.early[:, :-TOO_LATE_TO_TELL] > 0).all()


def test_lendingclub_dues_are_within_their_errors(shared_file):
    """3,000 loans of April 2015: chi-squared of ten groups below 18, and the shares seen are in 99 % intervals."""
    outcomes = read_outcomes(
        shared_file("lendingclub_36m_sample_2015apr_3000.csv"), ROOT / "scenarios" / "maps" / "lendingclub_36m.toml"
    )
    counts = counted(outcomes)
    found = fit_hazards(counts)

    assert counts.at_risk[:, 0].sum() == 3000 and counts.missed.sum() == 467
    assert isinstance(counts, Counts) and (np.diff(counts.at_risk, axis=1) <= 0).all()
    assert (found.z_in_groups() ** 2).sum() < CHI_SQUARED
    seen = counts.missed.sum(axis=0).cumsum()[AT] / 3000
    low, high = np.quantile(missed_of_all(found, counts.at_risk[:, 0], 1, 500)[:, AT], [0.005, 0.995], axis=0)
    assert ((low < seen) & (seen < high)).all()

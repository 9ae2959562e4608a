"""Scores of forecasts: known values, and a difference whose error is what theory says."""

import numpy as np
import pytest
from scipy.special import ndtri

from simulator.estimation import random_numbers
from simulator.estimation.backtest.scores import auc, auc_less, brier, covered, crps, log_loss, paired, ranked


def test_more_draws_leave_the_earlier_ones_alone():
    """A random number is its address: draw, place, purpose. Other purposes and seeds have others."""
    few, many = (
        random_numbers.uniforms(1, random_numbers.MOVES, 3, 4, 2),
        random_numbers.uniforms(1, random_numbers.MOVES, 5, 6, 2),
    )

    assert np.array_equal(few, many[:3, :4])
    assert ((many > 0) & (many < 1)).all()
    assert not np.isin(few, random_numbers.uniforms(1, random_numbers.MATRIX, 3, 4, 2)).any()
    assert not np.isin(few, random_numbers.uniforms(2, random_numbers.MOVES, 3, 4, 2)).any()


def test_brier_is_the_squared_error_over_all_states():
    """A sure hit scores 0, a sure miss 2, an even split over two states a half."""
    forecast = np.array([[1.0, 0, 0], [1.0, 0, 0], [0.5, 0.5, 0]])

    assert brier(forecast, np.array([0, 1, 1])).tolist() == [0.0, 2.0, 0.5]


def test_log_loss_of_a_sure_miss_ends():
    """Half a chance costs log 2; a sure hit nothing, and a sure miss as much as one in a million."""
    forecast = np.array([[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]])

    assert log_loss(forecast, np.array([1, 0, 1])) == pytest.approx([np.log(2), 0, np.log(1e6)])


def test_auc_counts_pairs_in_order_and_ties_as_halves():
    """Of the six pairs of one that came and one that did not four are in order and one is tied; none without both."""
    chance, came = np.array([0.9, 0.5, 0.3, 0.5, 0.1]), np.array([True, True, False, False, False])

    assert auc(ranked(chance, came))[0] == pytest.approx(5.5 / 6)
    assert ranked(chance, np.ones(5, dtype=bool)) is None and np.isnan(auc(None)).all()


def test_the_error_of_an_auc_is_how_far_it_strays():
    """Over 300 samples the AUC, and its difference to that of a blurred forecast, stray by their standard errors."""
    came = np.arange(400) % 4 == 0
    noise = random_numbers.normals(7, random_numbers.SPREAD, 2, 300, 400)
    clear = [ranked(came + x, came) for x in noise[0]]
    blurred = [ranked(came + x + y, came) for x, y in zip(*noise, strict=True)]
    for found in ([auc(x) for x in clear], [auc_less(x, y)[:2] for x, y in zip(clear, blurred, strict=True)]):
        value, se = np.array(found).T
        assert se.mean() == pytest.approx(value.std(), rel=0.15)


def test_crps_of_a_point_is_the_absolute_error():
    """Without doubt the CRPS is how far the forecast is off."""
    assert crps(np.array([[2.0], [2.0]]), np.array([5.0, 2.0])).tolist() == [3.0, 0.0]


def test_crps_of_a_normal_forecast_is_its_closed_form():
    """Quantiles of N(0, 1) with outcome 0 score sqrt(2 / pi) - 1 / sqrt(pi) (Gneiting and Raftery 2007)."""
    values = ndtri((np.arange(4000) + 0.5) / 4000)

    assert crps(values, 0.0) == pytest.approx(np.sqrt(2 / np.pi) - 1 / np.sqrt(np.pi), abs=1e-4)


def test_the_true_distribution_scores_best():
    """The CRPS is proper: forecasts that are shifted, too wide or too narrow score worse on many outcomes."""
    outcome = random_numbers.normals(7, random_numbers.MOVES, 1, 20_000)[0]
    values = ndtri((np.arange(100) + 0.5) / 100)

    truth = crps(np.broadcast_to(values, (len(outcome), 100)), outcome).mean()
    others = [
        crps(np.broadcast_to(x, (len(outcome), 100)), outcome).mean()
        for x in (values + 0.2, values * 1.3, values / 1.3)
    ]
    assert truth < min(others)


def test_coverage_counts_what_lies_in_the_central_interval():
    """Of 0..100, the central 90 % is 5 to 95, its ends included."""
    values = np.broadcast_to(np.arange(101.0), (4, 101))

    assert covered(values, np.array([4.9, 5.0, 95.0, 95.1])).tolist() == [False, True, True, False]


def test_a_paired_difference_has_the_error_of_a_mean():
    """The bootstrap's standard error is sd / sqrt(n) within 10 %; what both forecasters share cancels."""
    n = 20_000
    shared, own = random_numbers.normals(3, random_numbers.MOVES, 2, n)
    found = paired(10 * shared + own + 0.05, 10 * shared, seed=1)

    assert found.value == pytest.approx((own + 0.05).mean())
    assert found.se == pytest.approx(own.std() / np.sqrt(n), rel=0.1)
    assert found.low < found.value < found.high


def test_forecasters_that_are_the_same_do_not_differ():
    """Negative control: the difference of a score and itself is exactly 0, and so is its error."""
    score = random_numbers.uniforms(3, random_numbers.MOVES, 1, 1000)[0]

    assert tuple(paired(score, score, seed=1)) == (0, 0, 0, 0)

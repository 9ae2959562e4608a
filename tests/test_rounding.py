"""Checks that compare equal things never fail by rounding: the same numbers, computed in two ways, do not differ."""

import numpy as np
import pytest

from simulator.analysis.estimates import MEAN, less, mean, within
from simulator.analysis.tails import ExpectedShortfall, ValueAtRisk
from simulator.estimation.backtest.scores import covered, paired
from simulator.estimation.intervals import ratio_of_sums, share
from simulator.estimation.roll_rates.memory import independence
from simulator.estimation.roll_rates.month_ahead import OneAhead

ONCE = np.array([0.1 + 0.2, 1e9 / 3, -7e-3, 0.0, 123.456] * 40)
AGAIN = np.array([0.3, 1e9 / 3 * (1 + 2**-52), -7e-3, 0.0, 123.456] * 40)  # the same but for rounding
ANOTHER = AGAIN * (1 + 1e-9)


def test_the_numbers_differ_as_computers_see_them():
    """Negative control: without the rule they are not equal."""
    assert not np.array_equal(ONCE, AGAIN)


def test_less_is_zero_or_the_difference():
    """Rounding is no difference; a billionth is, and NaN stays what it is."""
    assert not less(ONCE, AGAIN).any()
    assert np.array_equal(less(ONCE, ANOTHER), np.where(ONCE == 0, 0, ONCE - ANOTHER))
    assert np.isnan(less([np.nan, 1.0], [1.0, np.nan])).all()


def test_an_end_belongs_to_its_interval():
    """A value at the end of an interval is inside, computed one way or the other; NaN is not."""
    assert within(0.1 + 0.2, 0.3, 0.3) and within(0.3, 0.1 + 0.2, 1.0)
    assert not within(0.3 + 1e-9, 0.1, 0.3) and not within(np.nan, 0.0, 1.0)


def test_samples_that_are_equal_have_no_error():
    """The mean of equal samples is the sample, its error exactly 0: not 1e-18, which would print eighteen decimals."""
    value, se = mean([0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2])

    assert (float(value), float(se)) == (0.1 + 0.2, 0.0)
    assert mean([0.3, 0.3 + 1e-9]).se > 0


@pytest.mark.parametrize("kind", [MEAN, ValueAtRisk(0.9), ExpectedShortfall(0.9)])
def test_variants_that_are_equal_do_not_differ(kind):
    """A difference of rounding is 0 and clear of nothing."""
    found = kind.difference(ONCE, AGAIN)

    assert (found.value, found.se, found.low, found.high) == (0, 0, 0, 0)
    assert not found.is_clear


def test_forecasters_that_are_equal_are_level():
    """Neither is better: the interval of the difference of their scores is 0."""
    assert paired(ONCE, AGAIN, 1)[:4] == (0, 0, 0, 0)
    assert covered(np.array([0.1 + 0.2] * 5), 0.3)


def test_a_ratio_that_is_the_same_for_all_has_no_error():
    """Everybody pays a tenth: the error of the ratio is 0, and a share of all is one of so many accounts."""
    bill = np.array([[3.0], [7.0], [11.0], [13.0]] * 25)

    assert ratio_of_sums(bill * 0.1, bill).se == 0
    everyone = np.ones((100, 1), dtype=bool)
    assert share(everyone, everyone).low > 0.95


@pytest.mark.parametrize(
    "table", [[[50, 0], [0, 50]], [[5, 5], [5, 5]], [[1, 3], [0, 0]], [[30, 30, 30], [10, 10, 10]]]
)
def test_a_test_of_independence_has_a_chance(table):
    """Tables that say nothing, and those that say all, have a p from 0 to 1 and no NaN where they can be tested."""
    found = independence(np.array(table))

    assert np.isnan(found.p) or 0 <= found.p <= 1


@pytest.mark.parametrize(("simulated", "se", "z"), [(1 / 9 - 3e-16, 0.0, 0.0), (1 / 9, 2e-17, 0.0), (0.2, 0.0, np.inf)])
def test_a_certain_move_is_compared_as_such(simulated, se, z):
    """Where a simulation cannot be otherwise, only what is more than rounding is a fault."""
    assert OneAhead("line", "all", "180", 1 / 9, simulated, se, *[(0.0, 1.0)] * 3).z == z

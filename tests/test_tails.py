"""Value at risk and expected shortfall: known samples, intervals that cover, and when neither is stated."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats.mstats import mjci

import toy_book
from simulator.analysis.comparison import Comparison
from simulator.analysis.measures import MEASURES, TAIL, highest_tail
from simulator.analysis.tails import BEYOND, TAIL_LEVELS, ExpectedShortfall, ValueAtRisk, replications_needed


def runs_of(distribution, trials, replications, seed=7):
    """Return float64[trial, replication] of a scipy distribution, by its inverse of even numbers in random order."""
    generator = np.random.Generator(np.random.Philox(seed))
    return distribution.ppf(generator.random((trials, replications)))


def coverage(statistic, runs, truth):
    """Return the share of the runs whose interval covers the truth."""
    low, high = np.array([statistic.interval(run) for run in runs]).T
    return np.mean((low <= truth) & (truth <= high))


def test_tail_measures_of_a_known_sample():
    """Of 1..100: VaR 95 is 95, VaR 99 is 99, the shortfall beyond 99 % is 100."""
    losses = np.arange(1.0, 101.0)
    assert ValueAtRisk(0.95).estimate(losses).value == 95
    assert ValueAtRisk(0.99).estimate(losses).value == 99
    assert ExpectedShortfall(0.99).estimate(losses).value == pytest.approx(100, rel=1e-12)


@pytest.mark.parametrize("n", [2, 19, 100, 1000])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_the_error_of_a_quantile_is_that_of_scipy(n, level):
    """It is `mjci` to nine digits, and is not known where that is not."""
    losses = runs_of(stats.lognorm(1), 1, n)[0]
    with np.errstate(invalid="ignore"):
        expected = float(mjci(losses, prob=[level])[0])

    assert ValueAtRisk(level).estimate(losses).se == pytest.approx(expected, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("statistic", [ValueAtRisk(0.95), ExpectedShortfall(0.95)])
def test_standard_errors_of_the_tail_are_those_of_repeated_runs(statistic):
    """Over 300 runs of 400 normal losses the stated error is within 15 % of the spread of the estimates."""
    values, errors = zip(*(statistic.estimate(run) for run in runs_of(stats.norm(), 300, 400)), strict=True)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.15)


@pytest.mark.parametrize(("level", "n"), [(0.9, 100), (0.95, 200), (0.95, 1000), (0.99, 1000)])
def test_the_ends_of_a_quantile_are_the_innermost_ranks_that_are_sure_enough(level, n):
    """By the binomial distribution: the upper end is missed at most 2.5 times in 100, both at most 5 times in 100."""
    losses = np.arange(1.0, n + 1)
    low, high = ValueAtRisk(level).interval(losses)
    at_or_below = stats.binom(n, level)

    assert at_or_below.sf(high - 1) <= 0.025 < at_or_below.sf(high - 2)
    missed_above = at_or_below.sf(high - 1)
    assert at_or_below.cdf(low - 1) + missed_above <= 0.05 < at_or_below.cdf(low) + missed_above


def test_an_end_beyond_the_sample_is_infinite():
    """Nobody can say from 20 losses how high the loss of one run in a hundred may be."""
    assert ValueAtRisk(0.99).interval(np.arange(20.0))[1] == np.inf


@pytest.mark.parametrize("level", TAIL_LEVELS)
@pytest.mark.parametrize("distribution", [stats.norm(), stats.lognorm(0.8), stats.expon()], ids=lambda d: d.dist.name)
def test_intervals_of_the_tail_cover(distribution, level):
    """With as few replications as a tail is stated from, 600 intervals cover 92 to 98 times in 100.

    At 95 in 100 four standard errors are 3.6; the intervals of a quantile cover a little more, as its ranks are whole.
    """
    runs = runs_of(distribution, 600, replications_needed(level))
    quantile = distribution.ppf(level)
    shortfall = distribution.expect(lambda x: x, lb=quantile, conditional=True)

    assert 0.92 <= coverage(ValueAtRisk(level), runs, quantile) <= 0.99
    assert 0.92 <= coverage(ExpectedShortfall(level), runs, shortfall) <= 0.98


def test_the_plain_interval_of_a_shortfall_would_not_cover():
    """The negative control: 1.96 standard errors around it miss one skew tail in eight."""
    distribution, level = stats.lognorm(0.8), 0.95
    truth = distribution.expect(lambda x: x, lb=distribution.ppf(level), conditional=True)
    found = [ExpectedShortfall(level).estimate(run) for run in runs_of(distribution, 600, replications_needed(level))]

    assert np.mean([abs(value - truth) <= 1.96 * se for value, se in found]) < 0.90


@pytest.mark.parametrize("statistic", [ValueAtRisk(0.95), ExpectedShortfall(0.95)])
@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_intervals_of_a_difference_of_tails_cover(statistic, shared):
    """Two books that share none or nine tenths of their variance: 600 intervals of the difference cover."""
    common, own_a, own_b = (runs_of(stats.norm(), 600, 200, seed) for seed in (1, 2, 3))
    a = shared**0.5 * common + (1 - shared) ** 0.5 * own_a
    b = shared**0.5 * common + (1 - shared) ** 0.5 * own_b
    found = [statistic.difference(x, y - 0.5) for x, y in zip(a, b, strict=True)]

    assert 0.92 <= np.mean([d.low <= 0.5 <= d.high for d in found]) <= 0.995


def test_what_shares_random_numbers_has_a_shorter_interval():
    """The correlation of two tails shortens the interval of their difference, and is never taken below 0."""
    common, own = runs_of(stats.norm(), 2, 1000)
    close, apart = common + 0.1 * own, own
    for statistic in (ValueAtRisk(0.95), ExpectedShortfall(0.95)):
        near, far = (statistic.difference(common, other) for other in (close, apart))
        assert near.high - near.low < 0.5 * (far.high - far.low)
        assert near.variance_reduction > 2


def test_losses_that_do_not_vary_have_no_width():
    """The same loss in every replication is its own quantile and shortfall."""
    losses = np.full(200, 3.0)
    for statistic in (ValueAtRisk(0.95), ExpectedShortfall(0.95)):
        assert statistic.estimate(losses) == (3.0, 0.0)
        assert statistic.interval(losses) == (3.0, 3.0)


# ---- what a run states ---------------------------------------------------------------------------


def comparison(replications, factor=True):
    """Return the comparison of one toy lender."""
    frame = toy_book.frame(replications=replications, factor=factor, borrowers=4, months=4, run_off_months=0)
    return Comparison([toy_book.ledger(frame=frame, arrivals=0, write_off=1)])


@pytest.mark.parametrize(("replications", "highest"), [(99, None), (100, "90"), (199, "90"), (200, "95"), (1000, "99")])
def test_a_tail_is_stated_only_where_ten_replications_lie_beyond_it(replications, highest):
    """Else it is NaN, null with the number of replications it needs, and the level below stands in its place."""
    made = comparison(replications)
    told = made.summary()["variants"]["baseline"]
    for level in TAIL_LEVELS:
        for kind in ("var", "es"):
            name = f"{kind}{100 * level:.0f}"
            if (1 - level) * replications >= BEYOND - 1e-9:
                assert told[name]["value"] > 0 and told[name]["low"] <= told[name]["value"] <= told[name]["high"]
            else:
                needed = f"needs {replications_needed(level):,} replications, this run has {replications:,}"
                assert told[name]["value"] is None and needed in told[name]["reason"]
                assert np.isnan(made.estimate("baseline", name)).all()
    assert highest_tail(made.frame, "es") == (f"es{highest}" if highest else None)


def test_without_a_common_factor_there_is_no_tail():
    """Losses of borrowers who share nothing have no tail worth a name, however many replications."""
    assert not any(MEASURES[name].kind == TAIL for name in comparison(1000, factor=False).measures)


def test_a_tail_that_does_not_change_differs_by_exactly_zero():
    """Pairing holds for VaR and ES too: equal losses give 0 ± 0; other losses an interval around the difference."""
    frame = toy_book.frame(replications=1000, borrowers=8, months=4, run_off_months=0)
    ledgers = [toy_book.ledger(frame=frame), toy_book.ledger("same", frame=frame)]
    made = Comparison([*ledgers, toy_book.ledger("sell", frame=frame, sell=2)])
    for name in ("var95", "es95", "var99", "es99"):
        same, sell = (made.difference(variant, name) for variant in ("same", "sell"))
        assert (same.value, same.se, same.low, same.high) == (0, 0, 0, 0)
        assert sell.low <= sell.value <= sell.high
        gap = made.estimate("sell", name).value - made.estimate("baseline", name).value
        assert sell.value == pytest.approx(gap, rel=1e-12)

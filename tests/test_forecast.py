"""The fan: its parts against closed forms, and in many worlds as often right as it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import betaincinv, ndtr, ndtri

from panels import chain, panel, uniform
from simulator.estimation import random_numbers
from simulator.estimation.backtest.scores import covered, crps
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates.factor import Prior, panel_factor
from simulator.estimation.roll_rates.forecast import (
    SOURCES,
    Correlation,
    dirichlet,
    fan,
    moved,
    multinomial,
    on_their_own,
    posterior,
    posterior_correlation,
    prior_correlation,
    shares,
    size_of,
    window,
)
from simulator.estimation.roll_rates.shifts import panel_shifts
from simulator.lowering.factor import factor as factor_path
from simulator.lowering.roll_rates import worse_than

STATES = (PanelState("current", 0), PanelState("late", 1), PanelState("later", 2, at_least=True))
EXITS = (*STATES[:2], PanelState("written_off", "written_off"), PanelState("paid_off", "paid_off"))
MATRIX = np.array([[0.93, 0.07, 0.0], [0.3, 0.45, 0.25], [0.1, 0.1, 0.8]])
KNOWN = Correlation(0.04, np.array([0.04]), "known")


def world(seed, accounts=3000, pairs=2, rho=0.04, z=None):
    """Return a panel that lived `pairs` months and one more under MATRIX, moved by one factor a month.

    The factor's formula is written out here, apart from the one under test. `z` is another path of it.
    """
    z = random_numbers.normals(seed, 40, 1, pairs + 1)[0] if z is None else np.asarray(z)
    worse = np.clip(1 - np.cumsum(MATRIX, axis=1), 0, 1)
    given = ndtr((ndtri(worse) - np.sqrt(rho) * z[:, None, None]) / np.sqrt(1 - rho))
    by_month = -np.diff(given, axis=-1, prepend=1.0)
    start = np.searchsorted([0.88, 0.95], uniform(seed, 99, accounts))
    return panel(chain(by_month, accounts, len(z) + 1, seed, start), STATES)


def test_the_mean_over_the_factor_is_the_matrix():
    """Averaged over z ~ N(0, 1) the moved matrix is the matrix given; rows sum to 1 at every z."""
    z = ndtri((np.arange(4000) + 0.5) / 4000)[:, None, None]
    found = moved(MATRIX, 0.1, z, STATES)

    assert found.sum(axis=-1) == pytest.approx(1)
    assert found.mean(axis=0) == pytest.approx(MATRIX, abs=1e-4)


def test_a_good_month_moves_accounts_to_better_states():
    """With exits, paid off is best and written off worst, wherever they stand among the states."""
    matrix = np.array([[0.8, 0.1, 0.04, 0.06], [0.3, 0.4, 0.2, 0.1]])
    good, bad = (moved(matrix, 0.1, z, EXITS) for z in (1.5, -1.5))

    assert (good[:, 3] > bad[:, 3]).all() and (good[:, 2] < bad[:, 2]).all()


def test_probabilities_that_round_above_one_stay_probabilities():
    """A drawn row whose parts add up to a little more than 1 gives no NaN."""
    row = np.array([[1e-300, 0.5, 0.5 + 1e-15]])

    assert np.isfinite(worse_than(row, 0.04, 0.3)).all()


def test_everyone_is_dealt_somewhere():
    """A multinomial keeps the number of accounts, obeys certainty, and has the binomial's mean and spread."""
    n = np.full(4000, 1000)
    chance = np.broadcast_to([0.2, 0.0, 0.5, 0.3], (4000, 4))
    found = multinomial(n, chance, random_numbers.uniforms(5, random_numbers.MOVES, 4000, 3))

    assert (found.sum(axis=1) == n).all() and (found[:, 1] == 0).all()
    assert found.mean(axis=0) == pytest.approx([200, 0, 500, 300], abs=4 * np.sqrt(250 / 4000))
    assert found[:, 2].std() == pytest.approx(np.sqrt(250), rel=0.05)
    assert multinomial(np.array([7]), np.array([[0.0, 1.0]]), np.array([[0.5]])).tolist() == [[0, 7]]


def test_one_account_of_prior_spread_evenly():
    """The posterior of a single group adds one account to each row (Perks 1947)."""
    moves = np.array([[[8, 1, 0], [2, 2, 1], [0, 0, 0]]])

    assert np.array_equal(posterior(moves), moves + 1 / 3)


def test_a_thin_group_leans_on_all_of_them():
    """A state that a group never left has the row of all groups; a group of many accounts keeps its own."""
    many = np.array([[9000, 700, 300], [2000, 5000, 3000], [500, 500, 9000]])
    thin = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 2]])
    found = posterior(np.stack([many, many[::-1, ::-1], thin]))
    rows = found / found.sum(axis=-1, keepdims=True)
    together = many + many[::-1, ::-1] + thin

    assert rows[2, 0] == pytest.approx(together[0] / together[0].sum(), abs=1e-4)
    assert rows[0] == pytest.approx(many / many.sum(axis=1, keepdims=True), abs=0.01)


def test_without_a_factor_expected_states_follow_matrix_powers():
    """Accounts only: the mean of the draws is the start times powers of the matrix, the spread the multinomial's."""
    fitted = window(world(1, rho=0.0))
    found = fan(fitted, ("2006-01", "2006-02", "2006-03"), KNOWN, 2000, seed=3, sources=SOURCES[:1]).accounts[0]
    rows = posterior(fitted.moves)[0]
    rows = rows / rows.sum(axis=1, keepdims=True)
    expected, n = fitted.rows.start[0].astype(float), fitted.rows.start.sum()

    for m in range(3):
        expected = expected @ rows
        assert found[:, m].mean(axis=0) == pytest.approx(expected, abs=4 * np.sqrt(n / 4 / 2000))
        assert (found[:, m].sum(axis=1) == n).all()
    first = fitted.rows.start[0] @ (rows * (1 - rows))
    assert found[:, 0].var(axis=0) == pytest.approx(first, rel=0.15)


def test_each_source_widens_the_fan_and_keeps_its_middle():
    """From accounts to factor to parameters the 90 % band of 30+ grows; the mean stays within sampling error."""
    found = fan(window(world(2)), ("2006-01",), prior_correlation(), 2000, seed=3)
    late = found.measures()["dpd30_share"][:, :, 0]
    width = np.diff(np.quantile(late, [0.05, 0.95], axis=1), axis=0)[0]

    assert width[0] * 3 < width[1] < width[2]
    assert late.mean(axis=1) == pytest.approx(late[0].mean(), abs=4 * late.std(axis=1).max() / np.sqrt(2000))


def test_longer_forecasts_and_more_draws_leave_the_first_ones_alone():
    """A draw's first month is the same in a longer fan, and so are the first draws of a larger one."""
    fitted = window(world(2))
    small = fan(fitted, ("2006-01",), KNOWN, 10, seed=3).accounts
    large = fan(fitted, ("2006-01", "2006-02"), KNOWN, 20, seed=3).accounts

    assert np.array_equal(small[:, :, 0], large[:, :10, 0])


def test_the_fan_is_right_as_often_as_it_says():
    """In 200 worlds with a factor, the month after two pairs lies in the 90 % fan in 90 % of them, within 3 errors.

    Negative controls: the fan of accounts alone is right in less than a third of the worlds, and leaving out the doubt
    about the level of a matrix that only two months have shown costs coverage too.
    """
    worlds = 200
    inside = np.zeros((3, worlds))
    for w in range(worlds):
        lived = world(w + 1)
        found = fan(window(lived.until(lived.months[-2])), lived.months[-1:], KNOWN, 200, seed=10_000 + w)
        came = shares(np.bincount(lived.state[:, -1], minlength=3), STATES)["dpd30_share"]
        low, high = np.quantile(found.measures()["dpd30_share"][:, :, 0], [0.05, 0.95], axis=1)
        inside[:, w] = (low <= came) & (came <= high)
    accounts, factor, everything = inside.mean(axis=1)

    assert abs(everything - 0.9) < 3 * np.sqrt(0.9 * 0.1 / worlds)
    assert accounts < 1 / 3
    assert factor < everything


def estimated(past):
    """Return what a backtest believes of the factor, and the same for months that do not go on from the window's."""
    n_open = len(past.open_states)
    goes_on = posterior_correlation(panel_factor(past), n_open, panel_shifts(past, {}, n_open))
    return goes_on, goes_on._replace(shifts=None)


def test_a_fan_goes_on_from_the_last_month():
    """Planted: a factor that sinks for a year and stays low. Its next month is forecast low, and more surely so.

    Independent months have the year's mean as their middle, from which the month that came is far.
    """
    lived = world(3, rho=0.1, z=[*np.linspace(1.5, -1.5, 12), -1.5])
    past, came = lived.until(lived.months[-2]), np.mean(lived.state[:, -1] > 0)
    goes_on, anew = (
        fan(window(past), lived.months[-1:], belief, 1000, seed=3).measures()["dpd30_share"][1:, :, 0]
        for belief in estimated(past)
    )

    for source in range(2):  # accounts and factor; and parameters
        assert abs(goes_on[source].mean() - came) < 0.25 * abs(anew[source].mean() - came)
        assert goes_on[source].std() < 0.65 * anew[source].std()


def test_a_fan_knows_how_long_ago_its_last_month_was():
    """Where the last months of the window have no row, what is known of the factor has faded; the fan is wider."""
    lived = world(3, rho=0.1, z=np.linspace(1.5, -1.5, 12))
    goes_on, _ = estimated(lived)
    fitted = window(lived)
    near, far = (fan(replace(fitted, end=fitted.end + gone), ("2007-01",), goes_on, 1000, seed=3) for gone in (0, 6))
    near, far = (made.measures()["dpd30_share"][2, :, 0] for made in (near, far))

    assert far.mean() < near.mean() and far.std() > 1.2 * near.std()


def third_month_after_a_year(w, persistence, rho):
    """Return (30+ of the third month after twelve pairs, draws of it for each belief of `estimated`), of one world."""
    lived = world(w + 1, accounts=1500, rho=rho, z=factor_path(w + 1, persistence, [0], 15)[0, 1:])
    past = lived.until(lived.months[-4])
    fans = [fan(window(past), lived.months[-3:], belief, 150, 10_000 + w, SOURCES[2:]) for belief in estimated(past)]
    came = shares(np.bincount(lived.state[:, -1], minlength=3), STATES)["dpd30_share"]
    return came, [np.sort(made.measures()["dpd30_share"][0, :, 2]) for made in fans]


def test_months_that_go_on_are_covered_as_often_as_said():
    """In 60 worlds from the factor's prior the third month is in the 90 % fan in 90 % of them, within 3 errors."""
    worlds, inside = 60, 0
    for w in range(worlds):
        u = uniform(w, 98, 2)
        came, (late, _) = third_month_after_a_year(w, u[0] * Prior.max_persistence, betaincinv(Prior.a, Prior.b, u[1]))
        inside += covered(late, came)

    assert abs(inside / worlds - 0.9) < 3 * np.sqrt(0.9 * 0.1 / worlds)


def test_months_that_last_are_no_new_ones():
    """Where the factor lasts (0.9 a month), a fan of independent months is further off and right less often."""
    found = [third_month_after_a_year(w, 0.9, 0.04) for w in range(50)]
    score, inside = (
        np.mean([[of(late, came) for late in both] for came, both in found], axis=0) for of in (crps, covered)
    )

    assert score[0] < 0.9 * score[1]
    assert inside[0] > inside[1] + 0.05


def test_exits_are_for_good_and_counted():
    """Accounts that leave by the matrix stay gone; all accounts of the start are somewhere in every month."""
    state = [["current", "late"], ["late", "written_off"], ["current", "current"], ["current", "paid_off"]] * 50
    found = fan(window(panel(state, EXITS)), ("2006-01", "2006-02", "2006-03"), KNOWN, 50, seed=1).accounts

    assert (np.diff(found[..., 2:], axis=2) >= 0).all()
    assert (found.sum(axis=-1) == found.sum(axis=-1)[0, 0, 0]).all()


def test_shares_are_of_open_accounts():
    """30+ counts late open accounts over open ones; an exit is in neither. States are shares of everyone."""
    found = shares(np.array([60, 20, 15, 5]), EXITS)

    assert found["dpd30_share"] == 20 / 80
    assert found["dpd90_share"] == 0
    assert found["state written_off"] == 0.15


def test_the_balance_grows_as_it_did():
    """Every balance 100, then 110, then 121 in the window: the middle forecast is the mean change, 131.5 each."""
    lived = panel([["current"] * 3] * 1000, STATES, balance=[[100.0, 110.0, 121.0]])
    found = fan(window(lived), ("2006-01",), KNOWN, 500, seed=1).measures()["balance"][:, :, 0]

    assert found[0].std() == pytest.approx(0.5 * np.sqrt(1000), rel=0.1)  # 10 or 11 an account, as in the window
    assert np.median(found[2]) == pytest.approx(131_500, rel=0.01)
    assert found[1].std() < found[2].std()


def test_no_balance_no_fan_of_it():
    """A tape without balances has fans of shares only."""
    assert "balance" not in fan(window(world(1)), ("2006-01",), KNOWN, 10, seed=1).measures()


def test_the_prior_has_the_mean_it_says():
    """Beta(2, 48) has mean 0.04 and lies between 0 and 1; it does not look at a panel."""
    prior = prior_correlation()

    assert prior.value == 0.04
    assert prior.quantiles.mean() == pytest.approx(0.04, rel=0.01)
    assert (np.diff(prior.quantiles) > 0).all()


def test_two_groups_share_the_factor():
    """The same months hit all segments: their 30+ shares go together over draws; accounts vary apart."""
    lived = world(4)
    split = replace(lived, segments=("a", "b"), segment=np.arange(len(lived.state)) % 2)
    one = fan(window(lived), ("2006-01",), KNOWN, 500, seed=3).measures()["dpd30_share"][1]
    two = fan(window(split), ("2006-01",), KNOWN, 500, seed=3).measures()["dpd30_share"][1]

    assert two.std() == pytest.approx(one.std(), rel=0.1)


def test_dispersed_rows_vary_as_told():
    """Counts drawn through a Dirichlet of `size_of` vary by the dispersion asked for, around the same mean."""
    n, told = 1000, 5.0
    size = size_of(np.array([[float(n)]]), np.array([[told]]))
    chance = np.broadcast_to([0.7, 0.2, 0.1], (6000, 1, 1, 3))
    rows = on_their_own(chance, size, random_numbers.uniforms(5, random_numbers.ROWS, 6000, 1, 1, 3))
    found = multinomial(
        np.full((6000, 1, 1), n), rows, random_numbers.uniforms(5, random_numbers.MOVES, 6000, 1, 1, 2)
    )[:, 0, 0]

    assert rows.sum(axis=-1) == pytest.approx(1)
    assert found.mean(axis=0) == pytest.approx([700, 200, 100], rel=0.02)
    assert found.var(axis=0) / (n * chance[0, 0, 0] * (1 - chance[0, 0, 0])) == pytest.approx(told, rel=0.1)


def test_rows_that_move_on_their_own_widen_the_fan():
    """A dispersion of 10 widens all but the variation of accounts; a dispersion of 1 changes nothing."""
    fitted = window(world(2))
    plain, same, wide = (
        fan(fitted, ("2006-01",), KNOWN._replace(dispersion=d), 500, seed=3).measures()["state late"][:, :, 0]
        for d in (None, np.ones((1, 3)), np.full((1, 3), 10.0))
    )

    assert np.array_equal(plain, same)
    assert np.array_equal(plain[0], wide[0])
    assert (wide[1:].std(axis=1) > 1.1 * plain[1:].std(axis=1)).all()


def test_a_draw_too_small_for_a_number_is_the_mean():
    """Dirichlet parameters next to nothing give the mean, never NaN or a row of zeros."""
    found = dirichlet(np.array([[1e-290, 3e-290]]), np.array([[0.5, 0.5]]))

    assert found == pytest.approx(np.array([[0.25, 0.75]]))

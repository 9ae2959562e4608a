"""The account model and its peers: each finds what is planted, and none invents what is not there."""

from dataclasses import replace

import numpy as np
import pytest

from panels import chain, panel, uniform
from simulator.estimation import random_numbers
from simulator.estimation.backtest.account_model import AccountModel
from simulator.estimation.backtest.boosting import Boosting
from simulator.estimation.backtest.cells import CellModel, Sample, kept, quantiles
from simulator.estimation.backtest.features import bands, features, limit_edges
from simulator.estimation.backtest.forecasts import pairs_sample
from simulator.estimation.backtest.logistic import WideLogistic, logistic, softmax
from simulator.estimation.backtest.peers import LastValue, PlainMatrix, Regression, SpreadLastValue
from simulator.estimation.backtest.scores import brier, crps
from simulator.estimation.panels.panel import PanelState

STATES = (PanelState("current", 0), PanelState("late", 1))
EVERYONE = (AccountModel, CellModel, LastValue, SpreadLastValue, PlainMatrix, Regression)


def with_memory(seed, accounts=4000, months=5):
    """Return a panel in which an account that was late two months ago and now is not never is next month."""
    state = np.zeros((accounts, months), dtype=np.int8)
    state[:, 0] = uniform(seed, 0, accounts) < 0.3
    for m in range(1, months):
        back = (state[:, m - 1] == 0) & (state[:, m - 2] == 1) if m > 1 else False
        chance = np.where(state[:, m - 1] == 1, 0.5, np.where(back, 0.0, 0.3))
        state[:, m] = uniform(seed, m, accounts) < chance
    return panel(state, STATES)


def score(lived, kind, fit_until=-2):
    """Return the mean Brier score of the panel's last month, fitted on the months before."""
    past = lived.until(lived.months[fit_until])
    fitted = kind(pairs_sample(past), len(past.states))
    return brier(fitted(features(past, len(past.months) - 1)).states, lived.state[:, -1].astype(int)).mean()


def test_memory_is_found():
    """Where the month before last matters, cells and regression beat the plain matrix, which cannot see it."""
    lived = with_memory(1)

    assert score(lived, CellModel) < score(lived, PlainMatrix) - 0.01
    assert score(lived, Regression) < score(lived, PlainMatrix) - 0.01


def test_memory_is_not_invented():
    """Negative control: in a first-order chain with useless features the cells lose next to nothing to the matrix."""
    matrix = np.array([[0.8, 0.2], [0.4, 0.6]])
    noise = np.round(1e5 * random_numbers.uniforms(1, 60, 3, 4000, 5))
    lived = panel(chain(matrix, 4000, 5, seed=2), STATES, balance=noise[0], limit=noise[1] + 1e5, payment=noise[2])

    assert score(lived, CellModel) < score(lived, PlainMatrix) + 0.003


def test_the_plain_matrix_is_counts_over_counts():
    """Its forecast of an account is the row of its state: 2 of 3 stay current; nobody left `late`, so it stays."""
    past = panel([["current", "current"], ["current", "late"], ["current", "current"]], STATES)
    found = PlainMatrix(pairs_sample(past), 2)

    assert found.matrix == pytest.approx(np.array([[2 / 3, 1 / 3], [0, 1]]))


def test_a_logistic_regression_of_groups_is_their_shares():
    """With one column for each of two groups and hardly a penalty, fitted probabilities are the groups' shares."""
    group = np.repeat([0, 1], 500)
    came = np.concatenate([np.repeat([0, 1, 2], [100, 150, 250]), np.repeat([0, 1, 2], [400, 50, 50])])
    x = np.column_stack([np.ones(1000), group])
    found = softmax(x @ logistic(x, came, 3, 1e-6, np.zeros((2, 3))))

    assert found[0] == pytest.approx([0.2, 0.3, 0.5], abs=1e-3)
    assert found[-1] == pytest.approx([0.8, 0.1, 0.1], abs=1e-3)


def test_steps_along_the_axes_end_where_newton_does():
    """On columns of unlike size that lean on each other both ways to fit give the same probabilities."""
    x = random_numbers.normals(1, 63, 6, 2000).T * [1, 3, 0.1, 1, 1, 1]
    x[:, 0], x[:, 4] = 1, x[:, 3] + 0.1 * x[:, 4]
    came = np.argmax(x[:, 1:4] * [0.3, 5, 1] + random_numbers.normals(1, 64, 3, 2000).T, axis=1)
    start = np.zeros((6, 3))
    newton, steps = logistic(x, came, 3, 2.0, start), WideLogistic(x, came, 3).fit(2.0, start, 60)

    assert softmax(x @ steps) == pytest.approx(softmax(x @ newton), abs=2e-3)


def with_codes(accounts=2000, months=4):
    """Return a panel of two codes for `current`: after one of them an account is late in half of the months."""
    code = (uniform(5, 0, accounts, months) < 0.5).astype(np.int16)
    late = (np.roll(code, 1, axis=1) == 1) & (uniform(5, 1, accounts, months) < 0.5)
    return panel(late.astype(int), STATES, code=np.where(late, 2, code).astype(np.int16), codes=("b", "a", "late"))


def test_raw_codes_are_read():
    """Two codes of one state that differ in what follows: the account model sees them, cells alone do not."""
    lived = with_codes()

    assert score(lived, AccountModel) < score(lived, CellModel) - 0.01


def test_the_order_of_codes_means_nothing():
    """Codes numbered the other way about, as another order of rows would number them, give the same to the bit."""
    lived = with_codes()
    other = replace(lived, codes=("a", "b", "late"), code=np.array([1, 0, 2, -1], dtype=np.int16)[lived.code])
    one, two = (AccountModel(pairs_sample(p), 2)(features(p, 3)).states for p in (lived, other))

    assert np.array_equal(one, two)


def test_boosting_finds_memory():
    """The peer beats the plain matrix where the month before last matters, and twice fitted is the same to the bit."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[boosting]'")
    lived = with_memory(1)

    assert score(lived, Boosting) < score(lived, PlainMatrix) - 0.01
    assert score(lived, Boosting) == score(lived, Boosting)


def test_quantiles_of_cells_are_those_of_numpy():
    """Quantiles of all cells at once are numpy's by Hazen's rule, cell by cell."""
    x, cell = random_numbers.normals(1, 61, 1, 400)[0], (random_numbers.uniforms(1, 62, 1, 400)[0] * 5).astype(int)
    found = quantiles(x, cell, 5)
    at = (np.arange(found.shape[1]) + 0.5) / found.shape[1]

    for c in range(5):
        assert found[c] == pytest.approx(np.quantile(x[cell == c], at, method="hazen"))


def spenders(accounts=3000, months=4):
    """Return a panel of accounts whose balance is paid in full each month or only grows, as the payment tells."""
    full = uniform(3, 0, accounts) < 0.5
    spent = np.round(1e5 * uniform(3, 1, accounts, months))
    balance, payment = np.zeros((accounts, months)), np.zeros((accounts, months))
    balance[:, 0] = spent[:, 0]
    for m in range(1, months):
        payment[:, m] = np.where(full, balance[:, m - 1], 0)
        balance[:, m] = balance[:, m - 1] - payment[:, m] + spent[:, m] / np.where(full, 1, 10)
    return panel(np.zeros((accounts, months), dtype=int), STATES, balance=balance, limit=3e5, payment=payment)


def test_utilisation_follows_the_payment():
    """Accounts that pay in full begin anew, the others add: cells see it, the blind peers do not."""
    lived = spenders()
    past = lived.until(lived.months[-2])
    came = features(lived, 3).utilisation
    found = {
        kind: crps(kind(pairs_sample(past), 2)(features(past, 2)).utilisation, came).mean()
        for kind in (CellModel, LastValue, SpreadLastValue, PlainMatrix)
    }

    assert found[CellModel] == min(found.values())
    assert found[CellModel] < 0.9 * found[SpreadLastValue]


def test_balances_that_begin_anew_are_not_carried_over():
    """Negative control: where each month's balance is drawn afresh, cells are within 1 % of the plain matrix, whose
    forecast is then the truth; a forecast that carries the balance over is a third worse."""
    lived = panel(np.zeros((3000, 5), dtype=int), STATES, balance=np.round(1e5 * uniform(4, 0, 3000, 5)), limit=1e5)
    past, came = lived.until(lived.months[-2]), features(lived, 4).utilisation
    found = {
        kind: crps(kind(pairs_sample(past), 2)(features(past, 3)).utilisation, came).mean()
        for kind in (CellModel, SpreadLastValue, PlainMatrix)
    }

    assert found[CellModel] < 1.01 * found[PlainMatrix]
    assert found[SpreadLastValue] > 1.33 * found[PlainMatrix]


def test_what_a_state_keeps_is_a_slope_from_0_to_1():
    """Half of utilisation stays in the first state; a slope above 1 counts as 1, a state without accounts has 1."""
    before = np.tile([0.0, 0.5, 1.0], 1000)
    state = np.repeat([0, 1], 1500)
    after = np.where(state == 0, 0.2 + before / 2, 2 * before)

    assert kept(before, after, state, 3) == pytest.approx([0.5, 1, 1], abs=0.01)


@pytest.mark.parametrize("kind", EVERYONE)
def test_every_forecast_is_a_distribution(kind):
    """Probabilities are at least 0 and sum to 1, also for states never left and accounts unlike any in the window."""
    past = spenders().until("2005-06")
    fitted = kind(pairs_sample(past), 2)
    strange = panel(
        [["late", "late"], ["current", "late"], ["", "current"]], STATES, balance=7.0, limit=[[9.0], [0.0], [5.0]]
    )
    found = fitted(features(strange, 1))

    assert (found.states >= 0).all()
    assert found.states.sum(axis=1) == pytest.approx(1)
    assert (np.diff(found.utilisation, axis=1)[[0, 2]] >= 0).all()


@pytest.mark.parametrize("kind", EVERYONE)
def test_without_a_limit_there_is_no_utilisation(kind):
    """A tape without limits or balances has forecasts of states, and NaN for utilisation."""
    lived = with_memory(2, 200)
    found = kind(pairs_sample(lived), 2)(features(lived, 4))

    assert np.isfinite(found.states).all()
    assert np.isnan(found.utilisation).all()


def test_one_account_is_enough_to_fit():
    """The smallest sample: one account, one move."""
    past = panel([["current", "late"]], STATES, balance=1.0, limit=2.0, payment=0.0)

    for kind in EVERYONE:
        found = kind(pairs_sample(past), 2)(features(past, 1))
        assert found.states.sum() == pytest.approx(1)


def test_features_know_this_month_and_the_one_before():
    """Utilisation, its change, and the part of last month's bill that was paid; -1 where nothing was billed."""
    lived = panel(
        [["late", "current"], ["current", "current"], ["", "current"]],
        STATES,
        balance=[[100.0, 80.0], [0.0, 10.0], [np.nan, 10.0]],
        limit=[[200.0], [200.0], [0.0]],
        payment=[[np.nan, 25.0]],
    )
    found = features(lived, 1)

    assert found.previous.tolist() == [1, 0, -1]
    assert found.utilisation[:2].tolist() == [0.4, 0.05]
    assert found.change[:2] == pytest.approx([-0.1, 0.05])
    assert found.paid[:2].tolist() == [0.25, -1]
    assert np.isnan([found.utilisation[2], found.change[2], found.paid[2], found.limit[2]]).all()


def test_bands_keep_zero_apart():
    """Balances below, at and above zero are three bands; what is not known is a band of its own."""
    lived = panel([["current"]] * 4, STATES, balance=[[-1.0], [0.0], [1.0], [np.nan]], limit=100.0)
    found = bands(features(lived, 0), limit_edges(lived.limit[:, 0]))

    assert len(set(found.utilisation.tolist())) == 4


def test_a_regression_is_fitted_on_months_that_have_one_before():
    """Pairs at the window's start know no month before: the regression leaves them out, if there are others."""
    lived = with_memory(3, 500)
    whole = pairs_sample(lived)
    later = Sample(
        *(
            part.take(whole.features.previous >= 0) if i == 0 else part[whole.features.previous >= 0]
            for i, part in enumerate(whole)
        )
    )
    found, other = (Regression(sample, 2)(features(lived, 4)).states for sample in (whole, later))

    assert np.array_equal(found, other)

"""The common factor: worlds with a known rho come back, with intervals that cover as often as they say."""

import json

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import beta, binom

import panels
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates import factor as of
from simulator.estimation.roll_rates.phrasing import factor_words
from simulator.lowering import roll_rates
from simulator.lowering.factor import factor as factor_path
from simulator.model.fixed_point import q31

MATRIX = np.array(
    [[0.93, 0.07, 0, 0, 0], [0.3, 0.45, 0.22, 0.03, 0], [0.1, 0.15, 0.25, 0.5, 0], [0.03, 0.04, 0.05, 0.1, 0.78]]
)
OPENING = (2000, 300, 100, 100)


def world(seed, months, rho, persistence, opening=OPENING):
    """Return (counts, z) of one world: monthly matrices under the factor, accounts placed anew each month."""
    z = factor_path(seed, persistence, [0], months)[0, 1:]
    return panels.counts(panels.under_factor(MATRIX, rho, z), opening, seed), z


def prior_world(seed, months):
    """Return (counts, z, rho) with rho and persistence drawn from the prior."""
    u = panels.uniform(seed, 99, 2)
    rho = beta.ppf(u[0], of.Prior.a, of.Prior.b)
    return *world(seed, months, rho, u[1] * of.Prior.max_persistence), rho


def test_the_model_is_the_one_the_simulator_runs():
    """The worlds of these tests move a matrix as `roll_rates` does, to the fixed point's precision."""
    z = np.array([-1.5, 0.0, 2.0])
    square = np.vstack([MATRIX, [0, 0, 0, 0, 1]])
    moved = roll_rates._ordered_probit(square, 0.05, z[:, None, None], None)

    assert abs(moved - q31(panels.under_factor(square, 0.05, z))).max() <= 2


def test_posterior_intervals_cover_at_their_rate():
    """Over 100 worlds of 6 months drawn from the prior, 90 % intervals of rho and of z hold the truth about so often.

    Measured over 400 worlds each: 3 months 88 %, 12 months 90 %, 12 months of ten times the accounts 88 %.
    """
    rho_covered, z_covered = [], []
    for seed in range(7000, 7100):
        counts, z, rho = prior_world(seed, 6)
        found = of.estimate_factor(counts)
        rho_covered.append(found.posterior.low <= rho <= found.posterior.high)
        z_covered.append(np.mean((found.z[:, 1] <= z) & (z <= found.z[:, 2])))

    assert 0.84 < np.mean(rho_covered) < 0.96
    assert 0.84 < np.mean(z_covered) < 0.96


def test_few_months_do_not_bias_rho_down():
    """Over 100 worlds of 3 months with rho 0.04, the mean of the likelihood's own estimates is 0.04 within 3 errors."""
    luck = 0.95 * panels.uniform(4, 4, 100)  # persistence, from its prior
    found = np.array([of.estimate_factor(world(12000 + w, 3, 0.04, luck[w])[0]).likelihood.value for w in range(100)])

    assert abs(found.mean() - 0.04) < 3 * found.std() / np.sqrt(len(found))


def test_thresholds_plugged_in_would_bias_rho_down():
    """Negative control: around their own mean, all that plugged-in thresholds see, 3 months vary by two thirds."""
    shifts = []
    for seed in range(1000, 1100):
        evidence = of.summarise(world(seed, 3, 0.04, 0.0, (20_000, 3000, 1000, 1000))[0])
        shifts.append(np.var(np.linalg.pinv(evidence.precision) @ evidence.pull))

    assert 0.5 < np.mean(shifts) / (0.04 / 0.96) < 0.8


def test_without_a_factor_the_months_say_so():
    """Negative control: with rho 0 the likelihood alone reaches 0 in at least 90 % of worlds, its estimate is tiny."""
    found = [of.estimate_factor(world(seed, 12, 0.0, 0.0)[0]).likelihood for seed in range(40)]

    assert np.mean([f.low == 0 for f in found]) >= 0.9
    assert np.mean([f.value for f in found]) < 0.001


def test_many_months_find_rho_whatever_the_prior():
    """60 months with rho 0.08: likelihood and posterior agree and hold it; a prior centred elsewhere matters little."""
    counts, _ = world(3, 60, 0.08, 0.5)
    found, other = of.estimate_factor(counts), of.estimate_factor(counts, prior=of.Prior(2, 98, source="another"))

    assert found.likelihood.low < 0.08 < found.likelihood.high
    assert found.posterior.value == pytest.approx(found.likelihood.value, rel=0.15)
    assert other.posterior.value == pytest.approx(found.posterior.value, rel=0.15)


def test_the_marginal_likelihood_is_that_of_direct_integration():
    """Two months, one row, two states: threshold and shifts integrated on a grid give the same ratio of likelihoods."""
    counts = np.array([[[950, 50]], [[880, 120]]])
    a = np.linspace(-2.6, -0.2, 400)[:, None]
    z = np.linspace(-5, 5, 400)[None, :]
    density = np.exp(-(z**2) / 2)

    def direct(rho):
        months = [
            (binom.pmf(late, late + fine, ndtr(a - np.sqrt(rho / (1 - rho)) * z)) * density).sum(axis=1)
            for ((fine, late),) in counts
        ]
        return (months[0] * months[1]).sum()

    spectrum = of._spectrum(of.summarise(counts), np.arange(2), 0.0)
    ours = of._log_marginal(spectrum, np.array([0.01, 0.03, 0.1, 0.3]))
    exact = np.log([direct(rho) for rho in (0.01, 0.03, 0.1, 0.3)])

    assert ours - ours[0] == pytest.approx(exact - exact[0], abs=0.06)


def test_a_shift_of_all_months_together_is_no_evidence():
    """Only differences between months count: the precision of the common level is 0."""
    evidence = of.summarise(world(1, 5, 0.05, 0.0)[0])

    assert abs(evidence.precision.sum(axis=1)).max() < 1e-6 * evidence.precision.max()
    assert abs(evidence.pull.sum()) < 1e-6 * abs(evidence.pull).max()


def test_z_is_good_when_high():
    """The month in which more accounts end worse has the lower z."""
    counts = np.array([[[950, 50]], [[850, 150]], [[950, 50]]])

    assert of.estimate_factor(counts).z[:, 0].argmin() == 1


def test_rows_that_move_on_their_own_weaken_the_evidence():
    """Every other row up while the rest go down: dispersion far above 1, and rho is not read from it."""
    up, down = [900, 100], [800, 200]
    counts = np.array([[up, down, up, down], [down, up, down, up], [up, down, up, down]])
    found = of.estimate_factor(counts)

    assert found.evidence.dispersion > 10
    assert found.likelihood.value == 0
    assert "Rows move between months on their own" in " ".join(factor_words(found))


def test_one_month_leaves_the_prior():
    """One pair: no likelihood, the posterior is the prior, and the words say so; no pair likewise."""
    for months in (0, 1):
        found = of.estimate_factor(world(1, 2, 0.04, 0.0)[0][:months])

        assert found.likelihood is None
        assert found.posterior == found.prior_range
        assert found.prior_range[1:] == pytest.approx(beta.ppf([0.05, 0.95], 2, 48), rel=0.01)
        assert "nothing can be said" in factor_words(found)[0]


def test_a_month_without_the_bad_outcome_does_not_break_it():
    """A destination never seen in one month, a row without accounts in another, a row that never moves."""
    counts = np.array([[[100, 0], [5, 5], [9, 0]], [[80, 20], [0, 0], [9, 0]], [[90, 10], [2, 8], [9, 0]]])
    found = of.estimate_factor(counts)

    assert np.isfinite(found.z).all()
    assert 0 < found.posterior.low < found.posterior.value < found.posterior.high < 0.2


def test_the_variance_of_the_mean_over_months_is_that_of_simulated_months():
    """Posterior taken to a point: variance of the mean cell over 4 months, against 4,000 simulated worlds."""
    found = of.estimate_factor(world(1, 4, 0.05, 0.4)[0])
    point = np.zeros_like(found.weights)
    point[6, abs(found.rho - 0.1).argmin()] = 1
    persistence = found.prior.persistences[6]
    worse = np.clip(1 - np.cumsum(MATRIX, axis=1), 0, 1)
    worse[:, -1] = 0
    share = np.array([0.1, 0.2, 0.3, 0.4])
    variance = of.month_variance(of.Factor(**{**vars(found), "weights": point}), worse, np.tile(share, (4, 1)))
    z = factor_path(8, persistence, np.arange(4000), 4)[:, 1:]
    cells = panels.under_factor(MATRIX, 0.1, z.ravel()).reshape(4000, 4, *MATRIX.shape)
    simulated = np.einsum("wtrs,t->wrs", cells, share).var(axis=0)

    assert variance == pytest.approx(simulated, rel=0.12, abs=1e-9)


def test_a_panel_gives_the_factor_of_all_its_groups(shared_file):
    """Groups are stacked, paid off counts as best, months are the second of each pair; the result is plain JSON."""
    states = (
        PanelState("fine", 0),
        PanelState("late", 1),
        PanelState("lost", "written_off"),
        PanelState("out", "paid_off"),
    )
    matrix = [[0.85, 0.08, 0.02, 0.05], [0.3, 0.5, 0.15, 0.05], [0, 0, 1, 0], [0, 0, 0, 1]]
    panel = panels.panel(panels.chain(matrix, 4000, 4, 3), states, product=panels.uniform(1, 1, 4000) < 0.5)
    found = of.panel_factor(panel)
    order = [3, 0, 1, 2]
    stacked = [[panel.moves(pair, g.accounts)[:, order] for g in panel.groups()] for pair in panel.pairs()]

    assert of.best_first(states) == order
    assert found.months == ("2005-05", "2005-06", "2005-07")
    assert found.posterior == of.estimate_factor(np.array(stacked).reshape(3, 4, 4)).posterior
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["months"] == 3


def test_taiwan_three_months_say_little_and_it_is_said(shared_file):
    """Months alone reach 0; the posterior leans on the prior; rows move on their own more than together."""
    found = of.panel_factor(panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz")))

    assert found.likelihood.low == 0
    assert 0.002 < found.posterior.low < found.posterior.value < 0.04 < found.posterior.high < 0.1
    assert found.evidence.dispersion > 10
    assert any("3 months say little" in line for line in factor_words(found))


def test_thresholds_start_where_the_pooled_row_is():
    """The pooled row's own thresholds: N^-1 of the share that ends worse."""
    assert of._worse(np.array([50, 30, 20])) == pytest.approx(ndtri([0.5, 0.2]))

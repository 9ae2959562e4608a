"""Tails from shifted factors: unbiased against exact values, worth what theory says, refused where worth little."""

import json

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from typer.testing import CliRunner

import simulator as sim
from conftest import ROOT
from simulator.analysis.shifted import best_shift, is_shifted, weighted_tail, weights
from simulator.cli import app
from simulator.engine import engine
from simulator.lowering.factor import factor, news, path_of
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from vasicek import POOL, vasicek_quantile

LEVEL, MONTHS, COUNT, WORLDS = 0.999, 36, 1000, 200
DIRECTION = np.exp(-np.arange(MONTHS) / 15) / np.sqrt(np.sum(np.exp(-np.arange(MONTHS) / 7.5)))
TAIL_AT = float(ndtri(LEVEL))


def worlds(share, shifted=True):
    """Return (float64[world, replication] losses, weights): standard normal losses, `share` of them the factor's."""
    size = best_shift(share, LEVEL)[0] if shifted else 0.0
    fresh = news(11, range(WORLDS * COUNT), MONTHS).reshape(WORLDS, COUNT, MONTHS)
    own = news(12, range(WORLDS * COUNT), 1).reshape(WORLDS, COUNT)
    shift = size * DIRECTION
    fresh[:, is_shifted(np.arange(COUNT))] += shift
    losses = np.sqrt(share) * fresh @ DIRECTION + np.sqrt(1 - share) * own
    return losses, np.array([weights(one, shift) for one in fresh])


def test_the_tail_of_a_normal_loss_is_its_own():
    """Value at risk and expected shortfall at 99.9 % within 4 errors of exact, stated errors true, 92 to 98 covered."""
    losses, weight = worlds(0.95)
    found = [weighted_tail(loss, w, LEVEL) for loss, w in zip(losses, weight, strict=True)]
    var, es = (np.array([getattr(one, name) for one in found]) for name in ("var", "es"))
    shortfall = np.exp(-(TAIL_AT**2) / 2) / np.sqrt(2 * np.pi) / (1 - LEVEL)
    assert abs(var.mean() - TAIL_AT) < 4 * var.std() / np.sqrt(WORLDS) + 0.005
    assert abs(es.mean() - shortfall) < 4 * es.std() / np.sqrt(WORLDS) + 0.005
    assert 0.8 < np.mean([one.var_se**2 for one in found]) / var.var() < 1.25
    assert 0.92 <= np.mean([one.var_low <= TAIL_AT <= one.var_high for one in found]) <= 0.98
    assert np.mean([one.effective for one in found]) > 100


def test_the_gain_is_what_theory_says():
    """The variance of the chance beyond falls by the gain stated, but for the tenth that is not shifted."""
    share = 0.9
    losses, weight = worlds(share)
    chances = (weight * (losses > TAIL_AT)).mean(axis=1)
    plain = LEVEL * (1 - LEVEL) / COUNT
    assert abs(chances.mean() - (1 - LEVEL)) < 4 * chances.std() / np.sqrt(WORLDS)
    assert 0.6 < plain / chances.var() / best_shift(share, LEVEL)[1] < 1.2


@pytest.mark.parametrize(("share", "gain"), [(1.0, 291), (0.9, 95), (0.75, 28), (0.5, 6.4), (0.25, 2.2), (0.07, 1.2)])
def test_the_most_a_shift_can_gain_is_known(share, gain):
    """At 99.9 %, by the factor's share of the variance: figures worked out apart, by quadrature."""
    assert best_shift(share, LEVEL)[1] == pytest.approx(gain, rel=0.03)


def test_weights_that_are_left_out_are_missed():
    """Negative control: without weights the chance beyond is tens of times too large."""
    losses, _ = worlds(0.95)
    assert (losses > TAIL_AT).mean() > 30 * (1 - LEVEL)


def test_without_a_shift_the_weights_are_one():
    """And the quantile is the sample's own."""
    losses, weight = worlds(0.5, shifted=False)
    assert np.array_equal(weight, np.ones_like(weight))
    beyond = np.sort(losses[0])[::-1]
    assert weighted_tail(losses[0], weight[0], 0.99).var == beyond[10]
    assert ndtr(TAIL_AT) == pytest.approx(LEVEL)


@pytest.fixture
def pool(tmp_path):
    """Return a scenario of a large pool, with what is set on top."""

    def load(*overrides, borrowers=20_000, **sizes):
        (tmp_path / "pool.toml").write_text(POOL, encoding="utf-8")
        return sim.load_scenario(tmp_path / "pool.toml", overrides, borrowers, **sizes)

    return load


def test_a_simulated_pool_has_the_tail_of_a_large_one(pool):
    """The 99.9 % loss of a shifted pool is Vasicek's, to 4 errors, and its error is a few per cent with 600 runs."""
    found = sim.tail(pool(), measure="written_off", replications=600, threads=2)
    exact = 20_000 * 1000 * vasicek_quantile(0.05, 0.1, LEVEL)
    assert abs(found.tail.var - exact) < 4 * found.tail.var_se
    assert found.tail.var_se < 0.04 * exact
    assert found.facts["share_of_factor"] > 0.8
    assert "with 99.9\u00a0% the" in found.answers[0]


def test_a_loss_that_is_hardly_shared_is_refused(pool):
    """What a shift could gain at most is said, and what to do instead."""
    with pytest.raises(UserError, match=r"times less variance at most.*plain replications"):
        sim.tail(pool(borrowers=8), replications=200, threads=2)
    with pytest.raises(UserError, match="nothing to shift"):
        sim.tail(pool("economy.factor.enabled=false"), threads=2)
    with pytest.raises(UserError, match="is no amount") as both:
        sim.tail(pool(), level=1.5, measure="default_rate", threads=2)
    assert len(both.value.problems) == 2


def test_the_command_writes_a_tail(pool, tmp_path):
    """`simulator tail` writes the numbers, the replications and a page that begins with the answer."""
    scenario = pool()
    ask = ["tail", str(scenario.path), "--replications", "200", "--measure", "written_off", "--level", "0.99"]
    done = CliRunner().invoke(app, [*ask, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "out" / "tail.json").read_text(encoding="utf-8"))
    assert told["var_low"] <= told["var"] <= told["var_high"]
    assert "value at risk" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_news_that_are_given_back_change_nothing():
    """A world lived under the very news that it would draw gives the same integers."""
    settings = sim.load_scenario(ROOT / "scenarios" / "huabei.toml", ["economy.factor.enabled=true"]).baseline
    settings = settings.model_copy(update={"replications": 3, "months": 4})
    assert np.array_equal(path_of(news(5, range(3), 9), 0.8), factor(5, 0.8, range(3), 9))
    world = lower(settings)._replace(tiles=lower(settings).tiles[:1])
    given = world._replace(news=news(settings.seed, range(3), world.months_total))
    assert all(np.array_equal(a, b) for a, b in zip(engine.run(world, 1), engine.run(given, 1), strict=True))

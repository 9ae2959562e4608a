"""One run, many questions: lead, chance, worth, flip, break-even, tornado and map follow from each other."""

import numpy as np
import pytest

import simulator as sim
from conftest import ROOT

SALE = ROOT / "tests" / "sale_or_wait.toml"
PRICE, LATER = "policy.at_once.price", "policy.later.price"
DRAWS = 60
ROUNDED = 2e-5  # of a price: it is kept in 65,536ths


@pytest.fixture(scope="module")
def scenario():
    """Return two ways to sell, of which only the price of one is in doubt; nothing else happens by chance."""
    ranges = {PRICE: {"value": 0.5, "range": [0.48, 0.53]}, LATER: {"value": 0.5, "range": [0.499, 0.501]}}
    return sim.load_scenario(SALE, ranges)


@pytest.fixture(scope="module")
def lead(scenario):
    """Return by how much selling at once leads, as a line in the prices of both, from three comparisons."""

    def at(once, later):
        prices = {PRICE: once, LATER: later}
        study = sim.compare(sim.load_scenario(SALE, prices), threads=2)
        return study.difference("at_once", "npv", against="later").value

    level, once, later = at(0.5, 0.5), at(0.6, 0.5), at(0.5, 0.6)
    return lambda x, y: level + (once - level) * (x - 0.5) / 0.1 + (later - level) * (y - 0.5) / 0.1


@pytest.fixture(scope="module")
def doubted(scenario):
    """Return the comparison under doubt."""
    return sim.compare(scenario, threads=2, doubt=DRAWS).comparison


@pytest.fixture(scope="module")
def drawn(doubted, lead):
    """Return float64[draw]: the lead under the prices of each draw."""
    once, later = ([one.at(z) for z in doubted.known.z[:, k]] for k, one in enumerate(doubted.known.doubts))
    return np.array([lead(x, y) for x, y in zip(once, later, strict=True)])


def test_the_lead_under_doubt_is_its_mean_over_the_draws(doubted, drawn):
    """Its level, and the error that the prices leave: there is no other."""
    found = doubted.difference("at_once", "npv", against="later")
    assert found.value == pytest.approx(drawn.mean(), rel=1e-3)
    assert found.se == pytest.approx(drawn.std(ddof=1), rel=0.02)


def test_the_chance_to_be_best_is_how_often_the_lead_is_positive(doubted, drawn):
    """And the expected loss of each is what the other leads by on average where it does."""
    choice = doubted.choices["npv"]
    assert choice.probability["at_once"].value == np.mean(drawn > 0)
    assert choice.probability["later"].value == np.mean(drawn < 0)
    assert choice.expected_loss["at_once"].value == pytest.approx(np.maximum(-drawn, 0).mean(), rel=1e-2)
    assert choice.expected_loss["later"].value == pytest.approx(np.maximum(drawn, 0).mean(), rel=1e-2)
    assert choice.perfect_information == choice.expected_loss[choice.best]


def test_knowing_the_price_that_matters_is_worth_nearly_everything(doubted):
    """No number is worth more than all of them; the one that moves most comes first, as in the tornado."""
    worth = doubted.worth["npv"]
    assert worth[0].key == PRICE and worth[0].known.value > 10 * worth[1].known.value
    everything = doubted.choices["npv"].perfect_information.value
    assert worth[0].known.value == pytest.approx(everything, rel=0.15)  # a cubic of 60 draws


def test_flip_breakeven_and_map_turn_where_the_lead_is_nothing(scenario, lead):
    """The flip of each price is where the other questions say: at the root of one line."""
    root = 0.5 - lead(0.5, 0.5) / (lead(1.5, 0.5) - lead(0.5, 0.5))
    even = sim.breakeven(scenario, f"{PRICE}=0.4:0.6", variant="at_once", against="later", threads=2)
    found = sim.flips(scenario, between=["at_once", "later"], maps=[(PRICE, LATER)], threads=2)
    at = {flip.varied.key: flip.varied.shown(flip.at) for flip in found.flips}
    assert even.value == pytest.approx(root, abs=ROUNDED) and at[PRICE] == pytest.approx(root, abs=ROUNDED)

    (mapped,) = found.maps
    for row, y in zip(mapped.best["npv"], mapped.ys, strict=True):
        for best, x in zip(row, mapped.xs, strict=True):
            there = lead(mapped.first.shown(x), mapped.second.shown(y))
            assert abs(there) < 1e-3 * lead(1.5, 0.5) or best == ("at_once" if there > 0 else "later")


def test_the_tornado_is_the_lead_at_the_ends_of_the_ranges(scenario, lead):
    """An end turns the best if, and only if, the flip lies before it."""
    usual, effects = sim.sweep(scenario, tornado=True, threads=2).tornado
    assert [effect.number.key for effect in effects] == [PRICE, LATER]
    for effect in effects:
        for x, end in zip((effect.number.low, effect.number.high), effect.ends, strict=True):
            price = effect.number.shown(x)
            expected = lead(price, 0.5) if effect.number.key == PRICE else lead(0.5, price)
            found = end.differences["at_once", "npv"].value - end.differences["later", "npv"].value
            assert found == pytest.approx(expected, rel=2e-3, abs=ROUNDED * lead(1.5, 0.5))
            assert end.leaders["npv"] == ("at_once" if expected > 0 else "later")
    assert [effect.turns(usual) for effect in effects] == [True, False]

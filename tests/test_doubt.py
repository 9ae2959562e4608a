"""Numbers in doubt: how they are drawn, what errors come from, which lender is best, what is worth knowing."""

import json
from math import inf, sqrt

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.special import ndtri
from scipy.stats import norm
from typer.testing import CliRunner

import simulator as sim
from conftest import ROOT
from simulator.analysis.errors import HalfBook, apart, crossed_replications
from simulator.analysis.estimates import MEAN
from simulator.cli import app
from simulator.decision.assumptions import END, Doubt, doubts
from simulator.decision.doubt import Draws, normals, places
from simulator.decision.field_test import shown_by
from simulator.decision.paired import UnderDoubt
from simulator.decision.under_doubt import in_words
from simulator.decision.worth import Regression, choice, without_luck
from simulator.model.errors import UserError
from simulator.model.values import Provenance
from simulator.report.certainty import certainty
from simulator.report.parquet import comparison_table
from simulator.scenario.reader import load_scenario

TEXT = f"""
extends = "{(ROOT / "tests" / "plain_world.toml").as_posix()}"
discount_rate = {{ value = 0.06, range = [0.03, 0.12] }}
[costs]
funding_rate = {{ value = 0.03, unit = "per year", range = [0.02, 0.05] }}
operating_cost = {{ value = 1.0, range = [0.5, 2.0] }}
[behaviour.structural]
will_not_burden = {{ value = [-0.3, -0.2, -0.1, 0.0, 0.15, 0.3, 0.45, 0.6], range = [0.5, 2.0] }}
[economy.factor]
enabled = true
will_not_loading = 0.3
job_loss_loading = 0.3
[variant.cut]
policy.cut.enabled = true
[variant.same]
title = "Nothing changes"
"""
KEYS = ["discount_rate", "behaviour.structural.will_not_burden", "costs.funding_rate", "costs.operating_cost"]
SMALL = {"borrowers": 300, "months": 6}


def written(folder, text=TEXT):
    path = folder / "doubt.toml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path, ["run_off_months=6"], **SMALL)


@pytest.fixture
def scenario(tmp_path):
    """Return a small comparison of which four numbers are in doubt."""
    return written(tmp_path)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Return that comparison under six draws."""
    return sim.compare(written(tmp_path_factory.mktemp("study")), threads=2, doubt=6)


# ---- draws ---------------------------------------------------------------------------------------
def quantiles(doubt, *shares):
    """Return the values at these shares of a doubt's distribution."""
    return [doubt.at(float(ndtri(share))) for share in shares]


@pytest.mark.parametrize(
    ("value", "low", "high", "bounds", "beyond"),
    [
        (0.2, 0.1, 0.4, (0, 1), lambda x: x / (1 - x)),  # a share: its odds are lognormal
        (30.0, 5.0, 150.0, (0, inf), lambda x: x),  # an amount is lognormal
        (-0.5, -1.0, 0.0, (-16, 16), np.exp),  # log-odds are normal
    ],
)
def test_a_range_is_five_to_ninety_five_per_cent_on_the_natural_scale(value, low, high, bounds, beyond):
    """The file's value is the median and the ends are the 5 and 95 % points; twice as far out is twice as far on it."""
    doubt = Doubt("key", value, low, high, bounds, False)

    assert quantiles(doubt, 0.05, 0.5, 0.95) == pytest.approx([low, value, high], abs=1e-9)
    steps = [np.log(beyond(doubt.at(k * END)) / beyond(value)) for k in (-1, -2, 1, 2)]
    assert steps[1] == pytest.approx(2 * steps[0]) and steps[3] == pytest.approx(2 * steps[2])


def test_what_touches_a_bound_stays_within():
    """An end at 0 has no logarithm: it is normal as it stands, cut off at 0; whole numbers stay whole."""
    late = Doubt("key", 0.005, 0.0, 0.02, (0, 1), False)
    months = Doubt("key", 18, 12, 36, (1, 999), False)

    assert quantiles(late, 0.01, 0.05, 0.95) == pytest.approx([0, 0, 0.02])
    assert Doubt("key", 0.0, 0.0, 0.3, (0, 1), False).at(-1.0) == 0.0
    assert quantiles(months, 0.05, 0.5, 0.95) == [12, 18, 36] and isinstance(months.at(0.3), int)


@pytest.mark.parametrize(
    ("shape", "twice", "beyond"),
    [
        ("normal", 2, lambda x: x),
        ("lognormal", 2, np.log),
        ("logit", 2, lambda x: np.log(x / (1 - x))),
        ("uniform", (norm.cdf(2 * END) - 0.5) / 0.45, lambda x: x),
        ("triangular", (1 - sqrt(2 * norm.cdf(-2 * END))) / (1 - sqrt(0.1)), lambda x: x),
    ],
)
def test_a_shape_says_what_is_between_and_beyond(shape, twice, beyond):
    """Of any shape value and ends are the 50, 5 and 95 % points; how far it reaches beyond them is its own."""
    doubt = Doubt("key", 0.3, 0.2, 0.5, (0, 1), False, Provenance(shape=shape))

    assert quantiles(doubt, 0.05, 0.5, 0.95) == pytest.approx([0.2, 0.3, 0.5])
    steps = [beyond(doubt.at(k * END)) - beyond(0.3) for k in (-1, -2, 1, 2)]
    assert steps[1] == pytest.approx(twice * steps[0])
    assert steps[3] == pytest.approx(twice * steps[2])


def test_numbers_of_a_group_move_together(tmp_path):
    """Their correlation is the product of theirs with the group, 1 without one; numbers without a group keep theirs."""
    text = TEXT.replace("range = [0.03, 0.12]", 'range = [0.03, 0.12], group = "rates"')
    text = text.replace("range = [0.02, 0.05]", 'range = [0.02, 0.05], group = "rates"')
    text = text.replace(
        "range = [0.5, 2.0] }\n[beh", "range = [0.5, 2.0], group = { rates = -0.6, costs = 0.8 } }\n[beh"
    )
    found, _ = doubts(written(tmp_path, text))
    z = {one.key: places(one, 7, np.arange(4_000)) for one in found}

    assert np.array_equal(z["discount_rate"], z["costs.funding_rate"])
    against = np.corrcoef(z["discount_rate"], z["costs.operating_cost"])[0, 1]
    assert against == pytest.approx(-0.6, abs=4 / sqrt(4_000))
    assert abs(z["costs.operating_cost"].std() - 1) < 4 / sqrt(8_000)
    alone = "behaviour.structural.will_not_burden"
    assert np.array_equal(z[alone], normals(alone, 7, np.arange(4_000)))


def test_a_list_moves_as_one():
    """A factor multiplies all members, below 0 too; ends by member are reached together."""
    factor = Doubt("key", [-0.3, 0.0, 0.6], 0.5, 2.0, (-16, 16), True)
    members = Doubt("key", [0.1, 0.2], [0.05, 0.1], [0.2, 0.4], (0, 1), False)

    assert factor.at(END) == pytest.approx([-0.6, 0.0, 1.2]) and factor.at(-END) == pytest.approx([-0.15, 0.0, 0.3])
    assert members.at(END) == pytest.approx([0.2, 0.4]) and members.at(-END) == pytest.approx([0.05, 0.1])


def test_a_draw_has_an_address(scenario, tmp_path):
    """Another number in doubt, or more draws, leave the draws of the others as they are; each is standard normal."""
    z = normals("costs.funding_rate", 7, np.arange(4_000))
    other = normals("costs.idle_cost", 7, np.arange(4_000))

    assert np.array_equal(z[:50], normals("costs.funding_rate", 7, np.arange(50)))
    assert not np.isin(z, normals("costs.funding_rate", 7, np.arange(4_000), 1)).any()
    assert abs(z.mean()) < 4 / sqrt(4_000) and abs(z.std() - 1) < 4 / sqrt(8_000)
    assert abs(np.corrcoef(z, other)[0, 1]) < 4 / sqrt(4_000)
    fewer = written(tmp_path, TEXT.replace("operating_cost = { value = 1.0, range = [0.5, 2.0] }", ""))
    more, less = (Draws(one, 2) for one in (scenario, fewer))
    rates = [[lenders["cut"].costs.funding_rate for lenders in draws] for draws in (more, less)]
    assert rates[0] == rates[1] and rates[0][0] != rates[0][1]


def test_what_is_asked_is_not_drawn(tmp_path):
    """A horizon is a question; what a variant alone gives a range is not drawn either, and both are named."""
    text = TEXT.replace("[variant.cut]", "[variant.cut]\npolicy.cut.keep = { value = 0.5, range = [0.4, 0.6] }")
    found, left = doubts(written(tmp_path, "run_on_months = { value = 12, range = [6, 24] }\n" + text))

    assert {one.key for one in found} == set(KEYS)
    assert left == ["run_on_months", "variant.cut.policy.cut.keep"]


def test_numbers_that_cannot_be_together_are_drawn_again(tmp_path):
    """A lowest income above the mean is refused: all are drawn until it is not, and how often is known."""
    scenario = written(tmp_path, f"{TEXT}[segment.salaried.income]\nmin = {{ value = 3000, range = [1000, 40000] }}\n")
    draws = Draws(scenario, 12)
    incomes = [lenders["baseline"].segment["salaried"].income for lenders in draws]

    assert all(income.min <= income.mean for income in incomes) and len({income.min for income in incomes}) == 12
    assert draws.refused.total() > 0 and np.isfinite(draws.z).all()


def test_nothing_in_doubt_is_an_error(tmp_path):
    """Without a range there is nothing to draw, without a variant nothing to choose; one draw has no spread."""
    certain = "".join(line for line in TEXT.splitlines(keepends=True) if "range" not in line)

    for text, doubt, said in (
        (certain, 4, "no number is in doubt"),
        (TEXT[: TEXT.index("[variant.cut]")] + "[variant]\n", 4, "there is none"),
        (TEXT, 1, "found 1 draws"),
    ):
        with pytest.raises(UserError, match=said):
            sim.compare(written(tmp_path, text), doubt=doubt)


# ---- errors --------------------------------------------------------------------------------------
SIZES = {"people": 2.5, "luck": 1.5, "factor": 2.0, "parameters": 3.0}


def constructed(draws, sizes, seed=5):
    """Return halves with known variances of their sum, as lived and with the people of the other of each pair.

    Luck is partly what people and luck do only together.
    """

    def noise(name, *shape):
        return normals(name, seed, np.arange(int(np.prod(shape)))).reshape(shape)

    numbers = np.repeat(noise("numbers", draws), 2) * sizes["parameters"]
    shared = noise("shared", 2 * draws) * sizes["factor"]
    people, own = (noise(name, 2, 2 * draws) / sqrt(2) for name in ("people", "own"))

    def lived(people):
        chance = own * np.sqrt(0.5) + np.sqrt(0.5) * own * people * sqrt(2)  # both have half of the variance
        return 50 + (numbers + shared) / 2 + people * sizes["people"] + chance * sizes["luck"]

    return lived(people), lived(people.reshape(2, -1, 2)[..., ::-1].reshape(2, -1))


@pytest.mark.parametrize("additive", [True, False])
@pytest.mark.parametrize("doubted", [True, False])
def test_the_errors_add_up_and_are_those_put_in(doubted, additive):
    """Variances of people, own luck, factor and numbers are found within 5 %, and add up to the total."""
    draws, sizes = 60_000, SIZES if doubted else SIZES | {"parameters": 0.0}
    average = UnderDoubt(draws) if doubted else MEAN
    halves, crossed = (each * (1 if additive else 2) for each in constructed(draws, sizes))
    whole = halves.sum(axis=0) if additive else halves.mean(axis=0)
    found = apart(average, whole, halves, crossed, additive, factor=True)

    for name in ("people", "luck", "factor"):
        assert getattr(found, name) ** 2 * 2 * draws == pytest.approx(sizes[name] ** 2, rel=0.05), name
    assert found.parameters is None if not doubted else found.parameters**2 == pytest.approx(9, rel=0.05)
    parts = [part for part in found[:4] if part is not None]
    assert found.se**2 == pytest.approx(sum(part**2 for part in parts), rel=1e-9)


def test_without_halves_people_are_told_apart_from_the_whole():
    """Terms on a whole book have no halves: people are found, the factor is in what is left."""
    halves, crossed = constructed(60_000, SIZES)
    whole, other = (each.sum(axis=0) for each in (halves, crossed))
    found = apart(UnderDoubt(60_000), whole, None, other[None], True, factor=True)

    assert found.factor is None and found.people**2 * 120_000 == pytest.approx(SIZES["people"] ** 2, rel=0.05)
    assert found.luck**2 * 120_000 == pytest.approx(1.5**2 + 2.0**2, rel=0.05)


def parameters_and_luck(draws, parameters, luck):
    """Return (doubt about numbers, everything else) that is found in such samples."""
    sizes = {"people": 0.0, "factor": 0.0, "luck": luck, "parameters": parameters}
    samples = constructed(draws, sizes)[0].sum(axis=0)
    found = apart(UnderDoubt(draws), samples, None, None, True, factor=False)
    return found.parameters, found.luck


def test_doubt_does_not_become_less_with_draws():
    """Ten times the draws make chance ten times less in variance, and leave parameters as they are."""
    (few, of_few), (many, of_many) = (parameters_and_luck(draws, 3.0, 4.0) for draws in (4_000, 40_000))

    assert many == pytest.approx(few, rel=0.05)
    assert of_few / of_many == pytest.approx(sqrt(10), rel=0.05)


def test_the_interval_holds_the_truth():
    """The truth is one more draw: of 400 of them a 95 % interval, also of skewed ones, holds 92 to 98 in 100."""
    held = []
    for seed in range(400):
        z = normals("numbers", seed, np.arange(201))
        truth, *drawn = np.exp(0.5 * z)
        noise = normals("own", seed, np.arange(400))
        low, high = UnderDoubt(200).interval(np.repeat(drawn, 2) + noise)
        held.append(low <= truth <= high)

    assert 0.92 <= np.mean(held) <= 0.98


def test_without_doubt_it_is_the_mean():
    """Where pairs share nothing no doubt is found beyond its error, and luck is a plain mean's; equals have none."""
    noise = normals("own", 1, np.arange(20_000))
    found = apart(UnderDoubt(10_000), noise, None, None, True, factor=False)

    assert found.parameters**2 < 3 / sqrt(10_000) and found.factor is None
    assert found.luck == pytest.approx(MEAN.estimate(noise).se, rel=0.03)
    same = UnderDoubt(3).difference(noise[:6], noise[:6])
    assert (same.value, same.se, same.low, same.high) == (0, 0, 0, 0)
    assert UnderDoubt(3).chance_not_above(noise[:6], noise[:6]) == 1.0


# ---- worth ---------------------------------------------------------------------------------------
def two_numbers(draws, luck):
    """Return (values, z): the second lender gains 1 z0 + 2 z1 + 0.5 on the first, both with the same large luck."""
    z = np.stack([normals(name, 3, np.arange(draws)) for name in ("a", "b", "nothing")], axis=1)
    gain = np.repeat(0.5 + z[:, 0] + 2 * z[:, 1], 2) + luck * normals("luck", 3, np.arange(2 * draws))
    common = 100 * normals("common", 3, np.arange(2 * draws))
    return np.stack([common, common + gain], axis=1), z


def worth_of(sd, mean=0.5):
    """Return E max(0, X) - max(0, E X) of a normal X: what knowing it is worth."""
    return mean * norm.cdf(mean / sd) + sd * norm.pdf(mean / sd) - max(mean, 0)


def test_worth_of_two_normal_numbers():
    """Knowing one, the other, both or everything is worth what the closed form says, within 3 %, luck or none."""
    values, z = two_numbers(100_000, luck=1.0)
    found, worth = choice(values, ["first", "second"]), Regression(values, z).worth

    assert found.best == "second"
    assert found.perfect_information.value == pytest.approx(worth_of(sqrt(5)), rel=0.03)
    assert found.probability["second"].value == pytest.approx(norm.cdf(0.5 / sqrt(5)), abs=0.005)
    assert found.expected_loss["first"].value - found.expected_loss["second"].value == pytest.approx(0.5, abs=0.03)
    for numbers, sd in (((0,), 1.0), ((1,), 2.0), ((0, 1), sqrt(5))):
        assert worth(numbers).value == pytest.approx(worth_of(sd), rel=0.03)
    for shown in ((0.3, 0.9), (0.8, 0.5)):  # a sample narrows each: what is left to choose by has less variance
        sd = sqrt(shown[0] ** 2 + 4 * shown[1] ** 2)
        assert worth((0, 1), shown).value == pytest.approx(worth_of(sd), rel=0.03)
        assert worth((1,), shown[1:]).value == pytest.approx(worth_of(2 * shown[1]), rel=0.03)
    nothing = worth((2,))
    assert nothing.value <= 3 * nothing.se + 1e-9


def test_knowing_more_is_never_worth_less():
    """With few draws and much luck too: a set is worth no less than a part, a larger test no less than a smaller."""
    values, z = two_numbers(100, luck=5.0)
    worth = Regression(values, z).worth

    for more, part in (((0, 1), (0,)), ((0, 1), (1,)), ((0, 1, 2), (0, 1)), ((1, 2), (1,))):
        assert worth(more).value >= worth(part).value
    rising = [worth((1,), (share,)).value for share in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.99, 1.0)]
    assert rising == sorted(rising) and rising[-1] == worth((1,)).value > rising[0]


def test_few_draws_tell_what_numbers_are_worth():
    """From 100 draws of 30 numbers, luck as large as the largest: right on average, and nothing of what moves nothing.

    The root of the mean square error is at most 0.07 of a worth of 0.198; without the other numbers' part it is 0.08.
    """
    effect = np.array([1.0, 0.7, 0.5, 0.3, 0.2, 0.1])
    found = []
    for seed in range(60):
        z = normals("z", seed, np.arange(3_000)).reshape(100, 30)
        gain = np.repeat(0.5 + z[:, :6] @ effect, 2) + normals("luck", seed, np.arange(200))
        worth = Regression(np.stack([np.zeros(200), gain], axis=1), z).worth
        found.append([worth((k,)).value for k in (0, 29)])
    known, nothing = np.array(found).T

    assert known.mean() == pytest.approx(worth_of(1.0), abs=0.025)
    assert sqrt(np.mean((known - worth_of(1.0)) ** 2)) < 0.07 and nothing.mean() < 0.01


def test_numbers_that_move_together_are_not_taken_apart():
    """What a number tells of those that move with it is in its worth."""
    z = normals("z", 4, np.arange(40_000)).reshape(20_000, 2)
    z[:, 1] = 0.6 * z[:, 0] + 0.8 * z[:, 1]
    gain = np.repeat(0.5 + 2 * z[:, 1], 2) + normals("luck", 4, np.arange(40_000))
    values = np.stack([0 * gain, gain], axis=1)
    correlation = np.array([[1, 0.6], [0.6, 1]])

    assert Regression(values, z, correlation).worth((0,)).value == pytest.approx(worth_of(1.2), rel=0.05)


def test_what_a_field_test_shows():
    """A share's log-odds have the binomial error; of a number that no account shows there is nothing."""
    share = Doubt("behaviour.key", 0.2, 0.1, 0.4, (0, 1), False)
    spread = (np.log(0.4 / 0.6) - np.log(0.1 / 0.9)) / (2 * END)
    error = 1 / sqrt(1_000 * 0.2 * 0.8)

    assert shown_by(share, 1_000) == pytest.approx(spread / sqrt(spread**2 + error**2))
    assert shown_by(share, 10**9) == pytest.approx(1, abs=1e-6)
    assert shown_by(Doubt("behaviour.key", 0.0, -1.0, 2.0, (-5, 5), False), 1_000) is None


@pytest.mark.parametrize(
    "key", ["products.line.late_rate", "costs.operating_cost", "economy.price_factor", "discount_rate"]
)
def test_no_customer_shows_what_the_lender_sets(key):
    """Prices, costs, the economy and the discount rate are seen in no field test, whatever their shape."""
    assert shown_by(Doubt(key, 0.2, 0.1, 0.4, (0, 1), False), 1_000) is None


def test_the_error_of_a_chance_holds_what_taking_luck_out_costs():
    """Where luck is as large as doubt, over 100 sets of draws the stated error of a chance is near its true spread.

    Negative control: the binomial error over the draws alone is a fifth too small and more.
    """
    found = []
    for seed in range(100):
        z = normals("a", seed, np.arange(60)).repeat(2)
        luck = np.stack([normals(name, seed, np.arange(120)) for name in ("b", "c")], axis=1)
        found.append(choice(np.column_stack([luck[:, 0], z + luck[:, 1]]), ["a", "b"]).probability["b"])
    spread = np.std([one.value for one in found], ddof=1)
    stated = np.mean([one.se for one in found])
    binomial = np.mean([np.sqrt(one.value * (1 - one.value) / 60) for one in found])
    assert 0.85 < stated / spread < 1.2
    assert binomial / spread < 0.8


def test_luck_makes_nobody_better():
    """Of lenders that differ by luck alone none is worth knowing more about; an equal one shares, exactly."""
    values, _ = two_numbers(2_000, luck=1.0)
    noise = np.stack([normals(name, 9, np.arange(4_000)) for name in ("a", "b")], axis=1)
    spread = np.ptp(without_luck(np.column_stack([noise[:, 0], noise[:, 1]])), axis=0)

    assert choice(noise, ["a", "b"]).perfect_information.value < 0.1 * np.maximum(0, noise[:, 1] - noise[:, 0]).mean()
    assert spread[0] == 0
    equal = choice(values[:, [0, 0, 1]], ["first", "same", "second"])
    assert equal.probability["first"] == equal.probability["same"]
    assert np.array_equal(*without_luck(values[:, [0, 0, 1]]).T[:2])


# ---- the whole path ------------------------------------------------------------------------------
def test_a_comparison_under_doubt_is_the_runs_it_is_made_of(study, scenario):
    """Pair k of the replications is what a run of the scenario with the numbers of draw k has there, to the unit."""
    draws = Draws(study.scenario, 6)
    for k, lenders in zip(range(3), draws, strict=False):
        numbers = {one.key: one.at(draws.z[k][n]) for n, one in enumerate(draws.doubts)}
        usual = sim.compare(load_scenario(scenario.path, {**numbers, "run_off_months": 6}, replications=12, **SMALL))
        assert lenders["cut"].costs == usual.scenario.variants["cut"].costs
        pair = slice(2 * k, 2 * k + 2)
        for lender in study.lenders:
            a, b = (one.comparison.ledgers[lender] for one in (study, usual))
            assert np.array_equal(a.sums.flows[pair], b.sums.flows[pair])
            assert np.array_equal(a["cash"][pair], b["cash"][pair])
            npv = [one.comparison.samples(lender, "npv")[pair] for one in (study, usual)]
            assert npv[0] == pytest.approx(npv[1], rel=1e-12)


@pytest.mark.parametrize("doubt", [None, 10])
def test_people_are_crossed_with_luck(tmp_path, doubt):
    """Replications lived again open with the accounts of the other of their pair, under the same lender and numbers.

    So the opening book is people's alone, a variant that changes nothing differs by nothing, and the parts add up.
    """
    study = sim.compare(written(tmp_path), threads=2, doubt=doubt)
    lived, again = (books["cut"] for books in (study.comparison.ledgers, study.comparison.crossed))
    opening = again.sums.flows[:, :, 0]
    other = lived.sums.flows[:20, :, 0].reshape(10, 2, *opening.shape[1:])[:, ::-1].reshape(opening.shape)

    assert study.facts["crossed_replications"] == len(opening) == 20
    assert np.array_equal(opening, other) and not np.array_equal(opening, lived.sums.flows[:20, :, 0])
    told = study.comparison.summary()
    parts = ("se_people", "se_luck", "se_factor", "se_parameters")
    assert {told["differences"]["same"]["npv"][part] for part in parts} <= {0.0, None}
    for entry in (told["variants"]["baseline"]["net_loss"], told["differences"]["cut"]["npv"]):
        assert sum((entry[part] or 0) ** 2 for part in parts) == pytest.approx(entry["se"] ** 2, rel=1e-6)
        assert entry["se_people"] is not None and (entry["se_parameters"] is None) == (doubt is None)
    rows = comparison_table(study.comparison, ["npv"], ["whole"]).to_pylist()
    assert rows[1]["se_luck"] == told["differences"]["cut"]["npv"]["se_luck"]


def test_how_many_are_crossed():
    """Below 20 replications none, then 20, then a fifth, never more than 40; none of fixed people."""
    assert [crossed_replications(n, True) for n in (2, 19, 20, 21, 100, 151, 200, 5_000)] == [
        0,
        0,
        20,
        20,
        20,
        30,
        40,
        40,
    ]
    assert crossed_replications(100, False) == 0


def test_it_is_the_same_on_any_threads(study, scenario):
    """One thread gives the digest that two gave."""
    assert sim.compare(scenario, threads=1, doubt=6).result_digest == study.result_digest


def test_a_variant_that_changes_nothing_differs_by_nothing(study):
    """Exactly 0, with no error of any kind, in every measure of the summary."""
    told = study.comparison.summary()["differences"]["same"]

    for entry in told.values():
        if entry["value"] is not None:
            numbers = [entry[name] for name in ("value", "se", "low", "high", "se_luck", "se_factor", "se_parameters")]
            assert {x for x in numbers if x is not None} <= {0.0}


def test_halves_are_the_whole(study):
    """The lines and values of both halves add up to those of the book, but for the rounding of prices."""
    ledger = study.comparison.ledgers["cut"]
    halves = [HalfBook(ledger, half) for half in range(2)]

    assert np.array_equal(sum(half["net_loss"] for half in halves), ledger["net_loss"])
    assert np.abs(sum(half["cash"] for half in halves) - ledger["cash"]).max() <= 8


def test_summary_and_words_tell_the_same(study, tmp_path):
    """Errors apart add up to the total; the verdict names what is lost; the folder reads back and repeats."""
    folder = study.save(tmp_path / "out")
    told = json.loads((folder / "summary.json").read_text())

    for entry in (told["variants"]["baseline"]["npv"], told["differences"]["cut"]["npv"]):
        parts = [entry[name] for name in ("se_luck", "se_factor", "se_parameters")]
        assert entry["se"] == pytest.approx(sqrt(sum(x**2 for x in parts)), rel=1e-6) and entry["se_people"] is None
    decision = told["decision"]["npv"]
    assert sum(one["value"] for one in decision["probability_best"].values()) == pytest.approx(1)
    assert decision["expected_loss"][decision["best"]] == decision["perfect_information"]
    assert told["verdict"]["expected_loss"] == decision["perfect_information"]["value"]
    assert "Under doubt: 4 numbers" in told["cautions"][-2] and "6 draws are few" in told["cautions"][-1]
    draws = pq.read_table(folder / "draws.parquet").to_pylist()
    known = study.comparison.known
    assert [row["z"] for row in draws] == known.z.ravel().tolist() and len(draws) == 6 * len(known.doubts)
    assert draws[0]["value"] == known.doubts[0].at(draws[0]["z"]) and draws[0]["key"] == known.doubts[0].key
    words = "\n".join(in_words(study.comparison))
    assert "Choosing" in words and "Best by" in words
    assert told["errors"]["se_people"] == "in se_luck: told apart from 20 replications on"
    assert "what happens to all (" in (said := certainty(study.comparison)) and "the numbers in doubt (" in said
    assert said.split(",")[0].removeprefix("The ± of ") in (folder / "report.html").read_text(encoding="utf-8")
    again = sim.load_study(folder)
    assert again.frame == study.frame and again.facts["replay"].endswith("--doubt 6")
    assert again.difference("cut", "npv") == study.difference("cut", "npv")


def test_the_command(scenario, tmp_path):
    """`compare --doubt` prints what it is certain about; with `run` or `--replications` it is refused."""
    out = ["--out", str(tmp_path / "out"), "--set", "run_off_months=6", "--borrowers", "300", "--months", "6"]
    said = CliRunner().invoke(app, ["compare", str(scenario.path), *out, "--doubt", "50"], catch_exceptions=False)

    assert said.exit_code == 0 and "the numbers in doubt (" in said.output and "Most worth knowing" in said.output
    for command, more in (("run", []), ("compare", ["--replications", "5"])):
        with pytest.raises(UserError, match="--doubt: together with"):
            CliRunner().invoke(app, [command, str(scenario.path), "--doubt", "4", *more], catch_exceptions=False)

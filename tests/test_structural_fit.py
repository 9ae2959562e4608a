"""The structural fit: a lived panel is the ledger's, moments are what they say, what is not told is named."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks import structural as planted
from conftest import ROOT
from panels import panel, taiwan, uniform
from simulator.decision.assumptions import doubts
from simulator.engine import engine
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.structural import moment_fit
from simulator.estimation.structural.document import settings_of
from simulator.estimation.structural.fit import fit_structural, months_variance
from simulator.estimation.structural.histories import (
    WRITTEN_OFF,
    Histories,
    observed,
    opening_tape,
    simulated_histories,
    usable,
)
from simulator.estimation.structural.identifiability import directions, in_doubt, in_words, posterior
from simulator.estimation.structural.moments import MOMENTS, NAMES, covariance, together, totals
from simulator.estimation.structural.parameters import PARAMETERS, moved, shifted, value
from simulator.estimation.structural.prior import prior_document
from simulator.estimation.structural.scenario import cautions, refusals, scenario_text, tables, verdict
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from simulator.model.layout import F_BALANCE, F_N_DPD30, F_PAID
from simulator.model.observer import Silent
from simulator.model.random_words import philox_numpy
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import Demand

PRIOR = ROOT / "scenarios" / "base" / "consumer.toml"
BUCKETS = (PanelState("current", 0), *(PanelState(f"late {b}", b) for b in range(1, 5)), PanelState("late 5", 5, True))
STATES = (*BUCKETS, PanelState("lost", "written_off"))
BY_NAME = {parameter.name: parameter for parameter in PARAMETERS}
TRUTH = {"full_payer": -0.8, "spending": 0.3, "autopay": -1.5}  # shifts from the prior
ACCOUNTS = 10_000  # with 2500 the prior of autopay outweighs what three months show of it


@cache
def book():
    """Return a panel of one known month: lines a tenth of which are late."""
    u = uniform(5, 0, 3, ACCOUNTS)
    limit = np.round(np.exp(9 + u[0]) / 100) * 10_000
    bucket = np.select([u[2] < 0.90, u[2] < 0.97, u[2] < 0.99], [0, 1, 2], 3)
    amounts = {"balance": np.round(limit * u[1] ** 2)[:, None], "limit": limit[:, None]}
    return panel(bucket[:, None], STATES, minor_units=100, currency="CNY", **amounts)


def of(histories, like):
    """Return the panel of simulated histories."""
    bucket, worst = histories.bucket, BUCKETS[-1].bucket
    state = np.where(bucket == WRITTEN_OFF, len(BUCKETS), np.minimum(bucket, worst))
    amounts = {"balance": histories.balance, "limit": histories.limit, "payment": histories.payment}
    return panel(state, STATES, minor_units=like.minor_units, currency=like.currency, **amounts)


@cache
def world(months=3, seed=None, shifts=()):
    """Return the lowered world of the book under the prior, moved by (name, shift), without shared luck."""
    accounts = usable(book())
    document, _ = prior_document(book(), accounts, PRIOR, "tape.csv", "mapping.toml")
    settings = settings_of(moved(document, {BY_NAME[name]: shift for name, shift in shifts}), "")
    factor = settings.economy.factor.model_copy(update={"enabled": False})
    more = {"months": months, "replications": 2, "redraw_people": True}
    more["economy"] = settings.economy.model_copy(update={"factor": factor})
    if seed is not None:
        more["seed"] = seed
    tape = opening_tape(observed(book(), accounts), np.zeros(len(accounts), int), 1)
    return lower(settings.model_copy(update=more), tape)


@cache
def truth():
    """Return the panel that the book becomes in a world moved by TRUTH, with random numbers of its own."""
    lived, _ = simulated_histories(world(3, 99, tuple(TRUTH.items())), 5, lambda histories: histories, 1)
    return of(lived[0], book())


@cache
def fitted(spoilt=False):
    """Return the fit of the true panel by TRUTH's parameters and a twin of one; `spoilt`: late accounts are stuck."""
    twin = BY_NAME["full_payer"]._replace(name="twin", words="a twin of who pays in full")
    parameters = (*(BY_NAME[name] for name in TRUTH), twin)
    seen = truth()
    if spoilt:
        for month in range(1, len(seen.months)):
            stuck = (seen.state[:, month - 1] > 0) & (seen.state[:, month] >= 0)
            seen = _with(seen, month, stuck)
    return fit_structural(seen, PRIOR, "tape.csv", "mapping.toml", None, 1, parameters, 1)


def _with(seen, month, stuck):
    """Return the panel in which the accounts `stuck` are in `month` where they were the month before."""
    state = seen.state.copy()
    state[stuck, month] = state[stuck, month - 1]
    amounts = {name: getattr(seen, name) for name in ("balance", "limit", "payment")}
    return panel(state, STATES, minor_units=seen.minor_units, currency=seen.currency, **amounts)


# ---- a panel lived by the kernel -------------------------------------------------------------------------------------


def test_lived_accounts_sum_to_the_ledger():
    """Payments, balances and late accounts of single accounts sum to the flows of the same run, to the minor unit."""
    flows = engine.run(world(), 1).flows.sum(axis=(1, 3, 4))  # [replication, month, flow]
    lived, missed = simulated_histories(world(), 15, lambda histories: histories, 1)

    for replication, h in enumerate(lived):
        assert np.nansum(h.payment[:, 1:], axis=0).tolist() == flows[replication, 1:, F_PAID].tolist()
        assert np.nansum(h.balance, axis=0).tolist() == flows[replication, :, F_BALANCE].tolist()
        late = (h.bucket > 0) & (h.bucket != WRITTEN_OFF)
        assert late.sum(axis=0).tolist() == flows[replication, :, F_N_DPD30].tolist()
    assert missed.sum() > 0


class Heard(Silent):
    """An observer that keeps what a user should read."""

    def __init__(self):
        """Begin with nothing."""
        self.notes = []

    def note(self, line):
        """Keep it, but for what is said of compiling."""
        self.notes += [line] if "compiling" not in line else []


def test_what_no_tape_tells_is_left_out_and_said():
    """The prior's conversions and its customers' answers are off, and named; a score's Gini becomes a correlation."""
    before = load_scenario(PRIOR).baseline
    heard = Heard()
    document, assumptions = prior_document(book(), usable(book()), PRIOR, "tape.csv", "mapping.toml", 1, heard)
    after = settings_of(document, "")
    assert heard.notes == []  # nothing of scores of segments that the tape does not have

    assert before.products.line.conversion.chance > 0 and after.products.line.conversion.chance == 0
    assert before.behaviour.demand != after.behaviour.demand == Demand()
    assert all(segment.score_gini > 0 == segment.score_correlation for segment in before.segment.values())
    assert all(segment.score_gini == 0 < segment.score_correlation for segment in after.segment.values())
    for words in ("turned into instalments", "answer to prices and limits", "their Gini takes"):
        assert any(words in line for line in assumptions)


def test_common_random_numbers():
    """The same world twice is the same panel; other random numbers give another one."""
    once, again, other = (simulated_histories(world(3, seed), 5, totals, 1)[0] for seed in (None, None, 7))

    assert all((a == b).all() for a, b in zip(once[0], again[0], strict=True))
    assert (once[0].above != other[0].above).any()


# ---- moments ---------------------------------------------------------------------------------------------------------

HAND = Histories(
    bucket=np.array([[0, 1, 1], [0, 0, 0], [1, 0, 0], [1, 2, WRITTEN_OFF], [0, -1, -1]], dtype=np.int8),
    balance=np.array([[100, 120, 150], [100, 50, 0], [200, 150, 140], [80, 90, np.nan], [10, np.nan, np.nan]]),
    limit=np.full((5, 3), 200.0),
    payment=np.array([[np.nan, 0, 10], [np.nan, 100, 60], [np.nan, 60, 30], [np.nan, 0, 0], [np.nan, 5, np.nan]]),
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("newly_late", 1 / 4),  # account 0 of 0, 1 twice, 2 in its second step
        ("cured_1", 1 / 3),  # account 2 of 2, 3, 0
        ("rolled_1", 1 / 3),
        ("rolled_2", 1.0),  # written off
        ("paid_full", 2 / 4),
        ("full_again", 1.0),
        ("paid_nothing", 1 / 4),
        ("paid_part", 30 / 150),
        ("paid_nothing_late", 2 / 4),
        ("charged", (20 + 50 + 10 + 20) / 800),
    ],
)
def test_a_moment_is_what_it_says(name, expected):
    """Ratios of sums over accounts and steps, counted by hand; who is not there next month counts nowhere."""
    assert totals(HAND).values[NAMES.index(name)] == pytest.approx(expected, rel=1e-15)


def test_the_covariance_is_that_of_a_bootstrap():
    """Errors of the moments are those of drawing accounts again, within the bootstrap's own error."""
    histories = observed(truth(), usable(truth()))
    n, draws = len(histories.bucket), 200
    words = philox_numpy(np.arange(n * draws), 0, 0, 0, 3, 0)[0].reshape(draws, n)
    again = np.array([totals(histories.rows((row.astype(np.uint64) * n >> 32).astype(int))).values for row in words])
    counted = totals(histories).cases > 200
    ratio = np.sqrt(np.diag(covariance(histories))[counted]) / again.std(axis=0, ddof=1)[counted]

    assert ratio == pytest.approx(1, abs=4 / np.sqrt(2 * draws))


def test_variance_that_months_share():
    """With one step it is the factor's, for shares only; with more what months differ by beyond accounts."""
    one = totals(HAND)._replace(above=totals(HAND).above[:, :1], below=totals(HAND).below[:, :1])
    by_factor = months_variance(one, np.zeros(len(MOMENTS)), 0.04)
    still = together([one, one])._replace(above=np.repeat(one.above, 2, 1), below=np.repeat(one.below, 2, 1))

    assert by_factor[NAMES.index("newly_late")] == pytest.approx(0.04 * 0.15915494 * np.exp(-0.0), rel=1e-6)  # p = 1/2
    assert by_factor[NAMES.index("charged")] == 0
    assert months_variance(still, np.zeros(len(MOMENTS)), 0.04)[NAMES.index("newly_late")] == 0


def test_the_taiwan_panel(shared_file):
    """Observed moments are those of the shared counts of roll moves; incomes are scaled with limits, and it says so."""
    cards = taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))
    accounts = usable(cards)
    sums = totals(observed(cards, accounts))
    document, assumptions = prior_document(cards, accounts, PRIOR, "tape.csv", "mapping.toml")

    at = NAMES.index("rolled_1")
    assert (sums.above[at].sum(), sums.below[at].sum()) == (469, 8553)  # 2 -> 3 of all in codes 1 and 2
    income = document["segment"]["segment 0"]["income"]["mean"]
    assert income["value"] == pytest.approx(
        7500 * 5_024_529_680 / 30_000 / 9910, rel=1e-3
    )  # mean limit over the prior's
    assert income["unit"] == "TWD per month"
    assert any("all other amounts" in line for line in assumptions)


# ---- the optimiser, on moments in closed form ------------------------------------------------------------------------

SLOPES = np.array([[8.0, 1.0], [0.0, 5.0], [2.0, -3.0], [1.0, 1.0]])


def test_linear_moments_have_the_closed_form():
    """For linear moments the fit is ridge regression, and its slopes are the truth's."""
    observed_, errors = SLOPES @ [0.5, -0.3] + 0.1, np.diag([0.5, 0.2, 0.3, 1.0]) ** 2
    found = moment_fit.fit_moments(lambda x: SLOPES @ x, observed_, errors, np.zeros(2))

    a = SLOPES / np.sqrt(np.diag(errors))[:, None]
    exact = np.linalg.solve(a.T @ a + np.eye(2), a.T @ (observed_ / np.sqrt(np.diag(errors))))
    assert found.x == pytest.approx(exact, abs=1e-6)
    assert found.sensitivity == pytest.approx(a, abs=1e-9)


def _pair(x):
    """Return moments that know of two parameters only their sum, and of a third alone."""
    return np.array([np.exp(0.2 * (x[0] + x[1])), np.tanh(0.3 * (x[0] + x[1])), x[2], 0.5 * x[2]])


def test_a_planted_pair_is_named():
    """Of two parameters that act by their sum one goes back to the prior, and both are named; the sum is kept."""
    names, truth_ = ("first", "second", "third"), np.array([0.6, 0.2, -0.5])
    errors = np.diag([0.01, 0.01, 0.05, 0.05]) ** 2
    found, told, why = moment_fit.fit_what_is_told(_pair, _pair(truth_), errors, np.zeros(3), names)
    everyone = moment_fit.sensitivity(_pair, errors, found.x, np.ones(3, bool))

    assert told.tolist() == [True, False, True]
    assert why == {1: "moves the same moments as first: only what they do together is known"}
    assert found.x == pytest.approx([0.8, 0, -0.5], abs=0.02)
    words = in_words(directions(everyone, names), dict(zip(names, names, strict=True)))
    assert len(words) == 1
    assert "first and second move the same moments" in words[0] or "second and first" in words[0]


def test_what_stays_at_the_prior_is_in_the_interval():
    """Of a linear world the covariance is that of estimates with the others held at the prior, wherever they are."""
    slopes = np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 1.5], [1.0, 0.0, 2.0]])
    told, draws = np.array([True, True, False]), 40_000
    truth_, noise = (norm.ppf(uniform(3, what, draws, 3)) for what in (0, 1))
    held = posterior(slopes[:, told])
    found = (truth_ @ slopes.T + noise) @ slopes[:, told] @ held
    seen = np.cov((found - truth_[:, told]).T)

    assert in_doubt(slopes, told) == pytest.approx(seen, rel=0.05, abs=0.01)
    assert in_doubt(slopes, told)[1, 1] > 1.5 * held[1, 1]
    assert in_doubt(slopes, np.ones(3, bool)) == pytest.approx(posterior(slopes), rel=1e-12)


def test_parameters_with_moments_of_their_own_are_kept():
    """Negative control: nothing is set back or named where every parameter has its moment."""
    found, told, why = moment_fit.fit_what_is_told(
        lambda x: SLOPES @ x, SLOPES @ [1.0, -1.0], 0.01 * np.eye(4), np.zeros(2), ("a", "b")
    )
    assert told.all()
    assert why == {}
    assert in_words(directions(found.sensitivity, ("a", "b")), {"a": "a", "b": "b"}) == []


def test_a_prior_that_the_moments_refuse_is_not_put_back():
    """A parameter that is known badly, but certainly not at its prior, stays fitted."""
    found, told, _ = moment_fit.fit_what_is_told(lambda x: 0.9 * x, np.array([5.0]), np.eye(1), np.zeros(1), ("far",))

    assert 1 / np.sqrt(1 + found.sensitivity[0, 0] ** 2) > 0.7
    assert told.tolist() == [True]


def test_a_wrong_moment_is_refused():
    """The J test is at rest with moments off by their errors, and rejects when one is planted ten errors off."""
    observed_ = SLOPES @ [0.5, -0.3] + [0.1, -0.1, 0.1, -0.1]
    planted = observed_ + np.array([0, 0, 1.5, 0])
    errors = 0.15**2 * np.eye(4)
    right, wrong = (moment_fit.fit_moments(lambda x: SLOPES @ x, y, errors, np.zeros(2)) for y in (observed_, planted))

    assert right.test.p_value > 0.1
    assert wrong.test.p_value < 1e-6


# ---- there and back --------------------------------------------------------------------------------------------------


def test_a_simulated_panel_gives_its_parameters_back():
    """Ninety-per-cent intervals of what is fitted hold the values that the panel was simulated with; J is at rest."""
    fit = fitted()
    by_name = {e.parameter.name: e for e in fit.estimates}
    for name in ("full_payer", "spending", "autopay"):
        parameter, e = BY_NAME[name], by_name[name]
        true = value(moved(_document(), {parameter: TRUTH[name]}), parameter)
        assert e.is_fitted
        assert e.low < true < e.high
    assert by_name["spending"].is_known and not by_name["full_payer"].is_known
    known, shared = by_name["spending"], by_name["full_payer"]
    assert not known.low < known.prior < known.high  # by the data: the prior is outside
    assert known.left < 0.1 and 0.9 < shared.left < 1.1  # a twin that may be anywhere in its prior leaves no more
    assert fit.test_of_all.p_value > 0.01


def test_a_month_without_rows_does_no_harm():
    """Steps that the tape has not are left out of the simulation too, so that the opening's habits are not mistaken."""
    seen = truth()
    state = seen.state.copy()
    state[:, 2] = -1
    amounts = {name: getattr(seen, name) for name in ("balance", "limit", "payment")}
    holed = panel(state, STATES, minor_units=seen.minor_units, currency=seen.currency, **amounts)
    fit = fit_structural(holed, PRIOR, "tape.csv", "mapping.toml", None, 1, (BY_NAME["full_payer"],), 1)

    true = value(moved(_document(), {BY_NAME["full_payer"]: TRUTH["full_payer"]}), BY_NAME["full_payer"])
    assert fit.estimates[0].low < true < fit.estimates[0].high < fit.estimates[0].prior


def _document():
    return prior_document(book(), usable(book()), PRIOR, "tape.csv", "mapping.toml")[0]


def test_a_planted_twin_is_named():
    """Two parameters that move the same share: one is not identified, with the name of the other."""
    fit = fitted()
    twin = fit.estimates[-1]

    assert not twin.is_fitted
    assert "share who pay in full" in twin.why_not
    both = (BY_NAME["full_payer"].words, twin.parameter.words)
    assert any(all(words in line for words in both) for line in fit.not_told)


def test_codes_that_stick_are_out_of_reach():
    """Negative control: late accounts whose status never changes are named as what the model cannot do; J rejects."""
    fit = fitted(spoilt=True)
    far = {c.moment.name for c in fit.compared if c.role == "out of reach"}

    assert far & {"cured_1", "rolled_1"}
    assert fit.test_of_all.p_value < 1e-6
    assert any("the tape refuses the model" in line for line in verdict(fit))
    assert [reason.startswith("The tape refuses this model") for reason in refusals(fit)] == [True]
    assert cautions(fit)[:1] == refusals(fit)
    assert refusals(fitted()) == []


def test_a_fit_of_nothing_is_refused():
    """Where no parameter is told of, the tape does not say why people pay."""
    untold = tuple(e._replace(why_not="moves no moment enough") for e in fitted().estimates)

    assert "tells nothing of why people pay" in refusals(replace(fitted(), estimates=untold))[0]


def test_the_scenario_reads_back(tmp_path):
    """The text is a complete scenario with the fitted values, its sources, and what is not identified marked."""
    fit = fitted()
    for name in ("tape.csv", "mapping.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    path = tmp_path / "structural.toml"
    path.write_text(scenario_text(fit), encoding="utf-8")
    back = load_scenario(path)

    assert back.baseline.segment == settings_of(fit.document, "").segment
    about = back.provenance["segment.segment 0.full_payer"]
    assert about.source.startswith("calibrated from tape.csv, 2005-04 to 2005-07: share who pay in full")
    assert about.status == "calibrated"
    assert back.provenance["behaviour.structural.benefit"].status == "not identified (assumption)"
    assert back.provenance["policy.write_off.at_dpd"].status == "derived"
    assert {row["status"] for row in tables(fit)["parameters"]} == {"calibrated", "not identified"}


def test_the_scenario_carries_its_posterior(tmp_path):
    """What is fitted has its 90 % as a range, and moves as the posterior says; what is not has no group."""
    fit = fitted()
    related = np.array([[1, 0.5, -0.3], [0.5, 1, 0.02], [-0.3, 0.02, 1]])
    fit = replace(fit, correlation=related)
    for name in ("tape.csv", "mapping.toml"):
        (tmp_path / name).write_text("", encoding="utf-8")
    path = tmp_path / "structural.toml"
    path.write_text(scenario_text(fit), encoding="utf-8")
    found, _ = doubts(load_scenario(path))
    fits = [e for e in fit.estimates if e.is_fitted]
    of_parameter = {name: [one for one in found if name in one.key.split(".")] for name in BY_NAME}
    firsts = [of_parameter[e.parameter.name][0] for e in fits]
    shares = np.array([[dict(one.about.group).get(e.parameter.name, 0.0) for e in fits] for one in firsts])

    assert fitted().correlation == pytest.approx(np.eye(3), abs=0.3)  # of parameters with moments of their own
    assert shares @ shares.T == pytest.approx(related, abs=1e-9)
    payer = next(e for e in fits if e.parameter.name == "full_payer")
    (one,) = (one for one in of_parameter["full_payer"] if "segment 0" in one.key)
    ends = (shifted(payer.value, payer.parameter, side * norm.ppf(0.95) * payer.held) for side in (-1, 1))
    assert (one.low, one.high) == pytest.approx(tuple(ends)) and one.value == pytest.approx(payer.value)
    assert payer.low < one.low < one.high < payer.high  # in the scenario its twin stands at the prior
    assert not any(one.about.group for one in of_parameter["buffer"])


# ---- what cannot be fitted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "prior", "words"),
    [
        (book(), PRIOR, "a structural fit needs two months or more"),
        (panel([[0, 0]] * 5, STATES, balance=1, limit=2), PRIOR, "5 lines are open"),
        (panel([[0, 0]] * 50, STATES, balance=1, limit=2, product=1), PRIOR, "loans are not fitted"),
        (panel([[0, 0]] * 50, STATES, balance=1, limit=2), ROOT / "scenarios" / "taiwan_cards.toml", "behaviour.model"),
    ],
    ids=["one month", "few accounts", "loans", "roll rates"],
)
def test_what_cannot_be_fitted_is_said(seen, prior, words):
    """A panel or a prior that cannot serve is a clear message, before anything is simulated."""
    with pytest.raises(UserError, match=words):
        fit_structural(seen, prior, "tape.csv", "mapping.toml")


def test_a_status_that_follows_payment_is_not_complained_of():
    """In the model every account on time that pays nothing is late a month later, and the verdict has no word of it."""
    fit = fitted()
    unpaid = next(c for c in fit.compared if c.moment.name == "late_unpaid")

    assert (unpaid.observed, unpaid.simulated) == (1, 1)
    assert not any("does not follow payment" in line for line in verdict(fit))


def test_how_often_intervals_hold_is_counted_and_resumed(tmp_path, monkeypatch):
    """Only where a fit says that it knows, in books that it does not refuse; what a file has is not fitted again."""

    def told(planted, low=0.1, high=0.3):
        return {"planted": planted, "low": low, "high": high, "left": 0.5}

    def fitted_as(seed, *_):
        known = {parameter.name: told(0.2, None, None) for parameter in PARAMETERS}
        known |= {"full_payer": told(0.2 if seed else 0.05), "spending": told(0.4)}
        return {"refused": seed == 2, "parameters": known}

    monkeypatch.setattr(planted, "fitted", fitted_as)
    found = planted.fits(tmp_path / "fits.jsonl", 3, 100, 3, 0, lambda *_: None)
    monkeypatch.setattr(planted, "fitted", None)  # would fail
    again = planted.fits(tmp_path / "fits.jsonl", 3, 100, 3, 0, lambda *_: None)
    rows = {row.parameter: row for row in planted.held(again)}

    assert again == found
    assert rows["share who pay in full"] == ("share who pay in full", 2, 2, 1, 1)
    assert rows["spending on the line"][1:] == (2, 2, 0, 0)
    assert rows["all"][1:] == (2, 4, 1, 1)


def test_a_made_up_book_is_of_people_like_those_planted():
    """A book of the benchmark moves as its parameters say: of those who pay in full more, where more do."""
    shares = []
    for shift in (-2.0, 2.0):
        seen, _ = planted.book(3, 400, 3, 1, {BY_NAME["full_payer"]: shift})
        assert len(seen.months) == 4 and seen.segments == ("salaried", "irregular")
        shares.append(totals(observed(seen, usable(seen))).values[NAMES.index("paid_full")])
    assert shares[0] < 0.6 < 0.8 < shares[1]

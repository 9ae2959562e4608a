"""Customers answer to the price, to limits and to what the lender does, as docs/model.md says and papers have it."""

import numpy as np
import pytest

from conftest import ROOT
from simulator.engine import engine
from simulator.engine.accumulators import empty_sums
from simulator.kernel.driver import advance
from simulator.lowering.demand import by_quality
from simulator.lowering.lower import lower, tables_for
from simulator.lowering.prices import charged_rates
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.model.tables import Span
from simulator.scenario.prices import above_ceilings, asked_rates, price_cautions
from simulator.scenario.reader import load_scenario

CONSUMER = ROOT / "scenarios" / "base" / "consumer.toml"
PLAIN = ROOT / "tests" / "plain_world.toml"  # in which nobody minds anything
THIRDS = ("safe", "middle", "risky")
CUSTOMARY = {"line": 0.1825, "loan": 0.146}
DEMAND = {
    "customary_rate": CUSTOMARY,
    "elasticity": {"safe": -1.5, "middle": -0.9, "risky": -0.15},
    "half_life_months": 12.0,
    "kink": 2.0,
    "new_loan_elasticity": -0.25,
    "acceptance_elasticity": {"safe": -0.5, "middle": -0.25, "risky": 0.0},
    "leaving": 0.004,
    "leaving_per_5_points": 1.5,
    "leaving_felt": 3.0,
    "raised": {"safe": 0.0, "middle": 0.11, "risky": 0.59},
    "cut": 0.07,
}
NO_LOANS = {"salaried": {"loan_holders": 0.0}, "irregular": {"loan_holders": 0.0}}


def world(demand, policy=None, borrowers=1500, replications=2, months=14, base=PLAIN, **changes):
    """Return the lowered baseline of `base` with `demand`, one more policy, and `changes` to its other tables."""
    settings = {"behaviour": {"demand": demand}, "policy": {"one_more": policy} if policy else {}} | changes
    return lower(load_scenario(base, settings, borrowers=borrowers, replications=replications, months=months).baseline)


def priced(rate, **more):
    """Return a policy that multiplies every rate."""
    return {"kind": "pricing", "rate": rate, **more}


def answers(lowered, product, name, month, grade=0):
    """Return int64[customer]: the answers of a month."""
    row = lowered.levers.answer[month, 0, product, name]
    return row[CUSTOMERS * grade : CUSTOMERS * (grade + 1)].astype(np.int64)


def flows(lowered):
    """Return int64[month, product, name] of all replications and segments."""
    return engine.run(lowered).flows.sum((0, 1, 3))


# ---- what is wanted at a price -----------------------------------------------------------------------
@pytest.mark.parametrize("rate", [0.6, 1.0, 1.5])
def test_a_year_later_customers_want_what_the_elasticity_says(rate):
    """In month 12 of another rate: a power of it below the customary one, above it exponential and steeper."""
    lowered = world(DEMAND, priced(rate))
    elasticity = by_quality(
        load_scenario(CONSUMER, {"behaviour": {"demand": DEMAND}}).baseline.behaviour.demand.elasticity
    )
    x = 2.0 * (rate - 1) if rate > 1 else np.log(rate)

    found = answers(lowered, LINE, C_DEMAND, 12)
    assert found[:QUALITIES] == pytest.approx(UNIT * np.exp(elasticity * x), rel=2e-4)
    assert (found[QUALITIES:] == UNIT).all()  # who pays in full


@pytest.mark.parametrize("rate", [0.8, 1.2, 2.0])
def test_far_above_the_customary_rate_the_answer_is_steeper(rate):
    """With y the rate's share above the customary one, y is weighed 1 + steepening * y times; below it as before."""
    even, steeper = (world(DEMAND | {"steepening": s}, priced(rate)) for s in (0.0, 1.5))
    before, after = (np.log(answers(lowered, LINE, C_DEMAND, 12)[:QUALITIES] / UNIT) for lowered in (even, steeper))

    assert after == pytest.approx(before * (1 + 1.5 * max(rate - 1, 0)), rel=2e-3, abs=1e-3)


def test_half_of_the_answer_is_left_after_the_half_life():
    """The logarithm of what is wanted at once, after one half-life and after many: 1 / 2 of the end, all of it."""
    lowered = world(DEMAND | {"half_life_months": 6.0}, priced(1.3), months=120)
    first, last = (np.log(answers(lowered, LINE, C_DEMAND, month)[:QUALITIES] / UNIT) for month in (6, 120))

    assert first == pytest.approx(last / 2, abs=1e-3)


def test_without_the_settings_nobody_minds():
    """At any price the answers are neutral where there is no customary rate, and usage is all there is."""
    lowered = world({}, priced(3.0))
    for product in (LINE, LOAN):
        assert (answers(lowered, product, C_DEMAND, 9) == UNIT).all()
        assert (answers(lowered, product, C_ACCEPT, 9) == ONE).all()
        assert (answers(lowered, product, C_LEAVE, 9) == 0).all()

    bureau = {"kind": "bureau", "report_days_late": 30, "usage": 0.86}
    assert (answers(world({}, bureau), LINE, C_DEMAND, 9) == round(0.86 * UNIT)).all()


def test_loans_come_to_what_is_wanted_though_only_those_without_one_ask():
    """With everybody alike and enough months, the sum of loans is near the amount that the elasticity says."""
    same = dict.fromkeys(THIRDS, -0.9)
    demand = {"customary_rate": CUSTOMARY, "elasticity": same, "half_life_months": 0.1}
    usual, dear = (
        flows(world(demand, priced(rate), borrowers=4000, months=40, products={"loan": {"fixed_rate": True}}))
        for rate in (1.0, 1.4)
    )
    wanted = np.exp(-0.9 * 0.4)

    assert dear[40, LOAN, F_BALANCE] / usual[40, LOAN, F_BALANCE] == pytest.approx(wanted, abs=0.06)


def test_the_balance_falls_with_the_rate():
    """Of lines and of loans, at every step from three quarters of the rate to twice it."""
    balances = [flows(world(DEMAND, priced(rate)))[14, :, F_BALANCE] for rate in (0.75, 1.0, 1.5, 2.0)]

    assert (np.diff(balances, axis=0) < 0).all()


def test_a_policy_that_reads_the_book_meets_the_habits_of_its_own_replication():
    """With a condition that always holds all is as without it; with one that never does, as at no other price."""
    always, never = {"measure": "npl_ratio", "below": 1.0}, {"measure": "npl_ratio", "above": 1.0}
    for when, rate in ((always, 1.5), (never, 1.0)):
        read = engine.run(world(DEMAND, priced(1.5, when=when, start=3, end=9)))
        unread = engine.run(world(DEMAND, priced(rate, start=3, end=9)))
        assert np.array_equal(read.flows, unread.flows)


# ---- who comes, who leaves ----------------------------------------------------------------------------
def test_a_dear_offer_keeps_the_worse():
    """Fewer applicants take it up, none of the risky third refuses, and who refused at a price refuses a higher one."""
    shares = []
    for rate in (1.0, 1.5, 2.0):
        lowered = world(DEMAND, priced(rate))
        taken = answers(lowered, LINE, C_ACCEPT, 3, grade=GRADES - 2)[:QUALITIES] / ONE
        shares.append(taken)
        assert (np.diff(taken) <= 0).all() and taken[0] == 1  # by class of quality, the worst first
    assert (np.diff(shares, axis=0) <= 0).all()

    refused = [flows(world(DEMAND, priced(rate)))[1:, LINE, F_N_NOT_TAKEN_UP].sum() for rate in (1.0, 1.5, 2.0)]
    assert 0 == refused[0] < refused[1] < refused[2]


def test_customers_leave_as_often_as_stated():
    """Of lines in good standing about the stated share closes in a month; a dear price closes more.

    Who pays the bill in full is closed the month after wanting it, and gone in the next.
    """
    full = {name: {"full_payer": 1.0, "loan_holders": 0.0} for name in NO_LOANS}
    found = flows(world(DEMAND, borrowers=6000, segment=full))[:, LINE]
    closed, lines = found[1:, F_N_CLOSED_BY_CUSTOMER].sum(), found[:-1, F_N_ACCOUNTS].sum()
    assert (
        abs(closed - 0.004 * lines) < 4 * np.sqrt(0.004 * lines) + 0.08 * closed
    )  # the last month's are not closed yet
    assert found[2:, F_N_CLOSED_AT_ZERO].sum() == pytest.approx(found[1:-1, F_N_CLOSED_BY_CUSTOMER].sum(), rel=0.02)

    none = {name: {"full_payer": 0.0, "loan_holders": 0.0} for name in NO_LOANS}
    usual, dear = (
        flows(world(DEMAND, priced(rate), segment=none))[1:, LINE, F_N_CLOSED_BY_CUSTOMER].sum() for rate in (1.0, 2.0)
    )
    assert dear > 1.3 * usual > 0


def test_idle_lines_close_by_themselves():
    """Lines that nobody uses are closed in the stated month, all of them, and gone the month after."""
    unused = {"spending": 0.0, "loan_holders": 0.0, "utilisation": 0.0, "buffer": 5.0, "buffer_cap": 10.0}
    segment = {name: unused | {"opening": {"line": [1.0]}} for name in ("salaried", "irregular")}
    portfolio = {"applicants_per_month": 0}
    found = flows(world({"idle_closes_months": 5}, segment=segment, portfolio=portfolio))[:, LINE]

    assert found[:, F_N_CLOSED_IDLE].nonzero()[0].tolist() == [5]
    assert found[6, F_N_CLOSED_AT_ZERO] == found[5, F_N_CLOSED_IDLE] == found[0, F_N_ACCOUNTS]


# ---- limits and payments ---------------------------------------------------------------------------------
def lived(policy):
    """Return int64[replication, column, borrower] at the ends of months 13 and 25, of the shipped opening book."""
    lowered = world(DEMAND, policy, borrowers=4000, replications=4, months=25, base=CONSUMER, segment=NO_LOANS)
    tiles = lowered.tiles[lowered.tiles[:, K_ENTRY] == 0]
    store = np.zeros((4, len(tiles), N_STATE, LANES), np.int32)
    sums, tables = empty_sums(4, 25, 2), tables_for(lowered, 0, 4)
    found = []
    for first, last in ((1, 13), (14, 25)):
        advance(tables, lowered.levers, tiles, lowered.tape, Span(0, 4, first, last), True, store, sums)
        found.append(np.concatenate([store[:, t, :, : tile[K_COUNT]] for t, tile in enumerate(tiles)], axis=2))
    return [state.astype(np.int64) for state in found]


def reviewed(**how):
    """Return a policy that reviews all limits once, in month 13."""
    return {"kind": "limit_cut", "start": 13, "end": 13, "review": {"every_months": 1, **how}}


def test_limits_are_used_as_published():
    """A year after, of a unit more: 0.59 by revolvers of the riskiest third, 0.11 on average, hardly any by the safest.

    S80, S81; within a third. Of a unit less: about 0.1, and 0.4 to 0.8 where more than 0.8 of the limit was used (S82).
    """
    before, after = lived(None)

    def response(policy, who):
        """Return the change of the balance in month 25 per unit of the limit in month 13, of those `who` says."""
        then, later = lived(policy)
        moved = then[:, LINE_AT + LIMIT] - before[:, LINE_AT + LIMIT]
        owed = later[:, LINE_AT + BALANCE] - after[:, LINE_AT + BALANCE]
        return [owed[mask & (moved != 0)].sum() / moved[mask & (moved != 0)].sum() for mask in who]

    quality, revolves = before[:, QUALITY], before[:, FULL_PAYER] == 0
    who = [revolves & (quality < 5), quality >= 0, quality >= 11]
    risky, average, safe = response(reviewed(raise_by=1.2, raise_grade="D"), who)
    assert 0.40 < risky < 0.78
    assert 0.074 < average < 0.146
    assert -0.02 < safe < 0.05

    nearly = before[:, LINE_AT + BALANCE] > 0.8 * before[:, LINE_AT + LIMIT]
    some, much = response(reviewed(keep=0.8), [revolves & ~nearly, nearly])
    assert 0.067 < some < 0.133
    assert 0.4 < much < 0.8


def test_payments_follow_the_minimum_as_far_as_stated():
    """At the customary minimum nothing changes; elsewhere as much is paid in all, or what moves with the minimum."""

    def paid(follows, minimum):
        """Return the share of a bill that a revolver of the first segment wants to pay in all."""
        demand = {"payment_follows_minimum": follows}
        lowered = world(demand, {"kind": "pricing", "minimum_share": minimum} if minimum > 0.1 else None)
        more = min(lowered.levers.month[5, 0, LINE, V_PAY_EXTRA] / UNIT * 0.30, 1)
        return minimum + (1 - minimum) * more

    usual = 0.10 + 0.90 * 0.30
    assert paid(0.0, 0.1) == paid(1.0, 0.1) == pytest.approx(usual)
    assert paid(0.0, 0.2) == pytest.approx(usual, abs=1e-4)
    assert paid(1.0, 0.2) == pytest.approx(2 * usual, abs=1e-4)
    assert paid(0.5, 0.2) == pytest.approx(1.5 * usual, abs=1e-4)
    assert paid(0.0, 0.5) == pytest.approx(0.5)


def test_a_loan_keeps_its_contracts_rate():
    """With fixed rates a dearer price leaves loans lent before alone, and moves those lent after it."""

    def interest(rate, **loan):
        """Return the interest on loans where their rate is fixed."""
        lowered = world({}, priced(rate, products=["loan"]), products={"loan": {"fixed_rate": True, **loan}})
        return flows(lowered)[:, LOAN, F_INTEREST].sum()

    assert interest(1.0, draw_probability=0.0) == interest(2.0, draw_probability=0.0)
    assert interest(2.0) > 1.2 * interest(1.0)


# ---- what it costs in a year --------------------------------------------------------------------------------
def test_rates_above_the_ceilings_are_told():
    """Above 24 % and above 36 % a caution names product, grades and rates; at 24 % itself there is none."""
    dear = [1.0, 1.0, 1.3, 1.5, 2.1]
    scenario = load_scenario(CONSUMER, {"policy": {"price": {"kind": "pricing", "rate_by_grade": dear}}})
    rates = asked_rates(scenario.baseline)
    assert rates["line"] == pytest.approx([0.1825 * times for times in dear], rel=1e-4)
    assert rates["loan"] == pytest.approx([0.146 * times for times in dear], rel=1e-4)

    for product, by_grade in charged_rates(scenario.baseline, lower(scenario.baseline).levers).items():
        assert by_grade == pytest.approx(rates[product], rel=1e-4)

    line, loan = above_ceilings(rates)
    assert line == "lines of grade E cost 38.3 % a year, above 36 %: far beyond what supervisors let platforms charge."
    assert loan.startswith("loans of grade E cost 30.7 % a year, above 24 %")
    assert above_ceilings({"line": [0.24] * GRADES}) == []
    assert price_cautions({"baseline": rates, "same": rates, "cheap": {"line": [0.1] * GRADES}}) == [line, loan]


def test_the_dearest_month_counts():
    """Policies that meet in a month multiply, those that follow each other do not, nor do those of another product."""
    policies = {
        "early": priced(1.2, start=1, end=4),
        "late": priced(1.5, start=5),
        "meets": priced(1.1, start=3, end=6),
        "loans": priced(2.0, products=["loan"], start=7),
        "off": priced(9.0, enabled=False),
    }
    baseline = load_scenario(CONSUMER, {"policy": policies}, months=12).baseline
    rates = asked_rates(baseline)

    assert rates["line"] == pytest.approx([0.1825 * 1.5 * 1.1] * GRADES)
    assert rates["loan"] == pytest.approx([0.146 * 1.5 * 2.0] * GRADES)
    charged = charged_rates(baseline, lower(baseline).levers)
    assert all(charged[product] == pytest.approx(rates[product], rel=1e-4) for product in rates)

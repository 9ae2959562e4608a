"""The run-on: a second future in which the customers at hand go on, and what it does to values and verdicts."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import naive
import simulator as sim
import toy_book
from conftest import ROOT
from simulator.analysis.comparison import CLEAR, Comparison, Verdict
from simulator.analysis.identities import IdentityError, check_identities
from simulator.analysis.ledger import SETTLED, Ledger, RunFrame, Settlement
from simulator.analysis.measures import MEASURES
from simulator.engine import accumulators, engine
from simulator.lowering.lower import lower, tables_for
from simulator.model.errors import UserError
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.policy.risk_transfer import TRANSFERRED
from simulator.report import phrasing
from simulator.report.parquet import LINE_NAMES
from simulator.scenario.reader import load_scenario

MONTHS, RUN_ON, RUN_OFF = 5, 4, 6
GOES_ON = "when the customers at hand go on"
SIZES = {"borrowers": 600, "replications": 3, "months": MONTHS}
HORIZON = (f"run_on_months={RUN_ON}", f"run_off_months={RUN_OFF}", "portfolio.applicants_per_month=30")
FIRST_VARIANT = "first"
SHIPPED = ("both", "triggers", "capacity", "taiwan_cards", "insurance", "partner_share", "regrant")
CLOSING = """
title = "Close whoever forgets a bill"
months = 12
run_off_months = 24
run_on_months = 36
replications = 20
seed = 11
discount_rate = 0.06
portfolio.borrowers = 300
[segment.everyone]
share = 1.0
line_holders = 1.0
line_limit = 5000
utilisation = 0.2
income = 10_000
living_cost = 0.4
spending = 0.2
buffer = 3.0
forget = 0.3
[products.line]
interest_rate = { value = 0.0005, unit = "per day" }
minimum_share = 0.10
merchant_discount = 0.006
[behaviour]
model = "structural"
[behaviour.structural]
will_not = 0.0
[policy.close]
kind = "closure"
enabled = false
close_days_late = 30
end = 12
[policy.write_off]
kind = "write_off"
at_dpd = 180
[variant.close]
policy.close.enabled = true
"""
BAD = {
    "segment.everyone.forget": 0.0,
    "behaviour.structural.will_not": 0.03,
    "behaviour.structural.will_not_by_bucket": [0.0, 16.0, 16.0, 16.0, 16.0],
    "behaviour.structural.will_not_by_cause": {"will_not": 16.0},
}


def futures(name, *overrides, variant=None):
    """Return (scenario, the world of a shipped scenario's lender that ends with lending, the one that goes on)."""
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.toml", [*HORIZON, *overrides], **SIZES)
    settings = next(iter(scenario.variants.values())) if variant == FIRST_VARIANT else scenario.baseline
    return scenario, lower(settings, None, run_off=True), lower(settings, None, run_off=True, run_on=True)


@pytest.fixture(scope="module")
def study():
    """Return the study of all variants of a scenario with joint lending, applicants and a run-on."""
    return sim.compare(load_scenario(ROOT / "scenarios" / "partner_share.toml", HORIZON, **SIZES), threads=2)


# ---- the two futures ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SHIPPED)
def test_both_futures_are_one_until_lending_ends(name):
    """Up to the last month of lending every flow, roll and vintage is the same integer; a month later it is not."""
    _, ends, goes_on = futures(name, variant=FIRST_VARIANT)
    off, on = engine.run(ends), engine.run(goes_on)
    until = slice(0, MONTHS + 1)
    assert np.array_equal(off.flows[:, :, until], on.flows[:, :, until])
    assert np.array_equal(off.rolls[:, until], on.rolls[:, until])
    assert np.array_equal(off.vintages[:, until, until], on.vintages[:, until, until])
    after = (slice(None), slice(None), MONTHS + 1)
    assert not np.array_equal(off.flows[after], on.flows[after])


def test_the_twin_lives_both_futures():
    """Kernel and twin agree on the run-on to the minor unit, and on who everybody is when the futures part."""
    overrides = ("policy.cut.enabled=true", "policy.close.enabled=true", "portfolio.applicants_per_month=4")
    histories = []
    for world in futures("both", *overrides)[1:]:
        tiles = world.tiles.copy()
        tiles[:, K_COUNT] = np.minimum(tiles[:, K_COUNT], 12)
        world = world._replace(tiles=tiles, replications=1)
        tables = tables_for(world, 0, 1)
        sums, (history,) = naive.simulate(tables, world.levers, tiles, len(world.segments), world.months_total, 1)
        for twin, kernel in zip(sums, engine.run(world, 1), strict=True):
            assert np.array_equal(twin, kernel)
        histories.append(history)
    ends, goes_on = histories
    assert ends[: MONTHS + 1] == goes_on[: MONTHS + 1] and ends[MONTHS + 1] != goes_on[MONTHS + 1]


def test_a_tape_goes_on_without_anybody_new(tmp_path):
    """The accounts of a tape, without applicants, live both futures; a lender of fewer of them does too."""
    rows = "".join(f"{k},{2000 + 100 * k},{90 * k},{30 * (k % 5 == 0)}\n" for k in range(40))
    (tmp_path / "book.csv").write_text(f"id,limit,balance,late\n{rows}")
    columns = 'account_id = "id"\nlimit = "limit"\nbalance = "balance"\ndpd = "late"\n'
    (tmp_path / "map.toml").write_text(f"[columns]\n{columns}")
    path = tmp_path / "tape.toml"
    path.write_text(
        CLOSING.replace("portfolio.borrowers = 300", 'portfolio = { tape = "book.csv", mapping = "map.toml" }')
    )
    for borrowers, there in ((None, 40), (15, 15)):
        ledger = sim.compare(load_scenario(path, borrowers=borrowers)).comparison.ledgers["baseline"]
        assert ledger.frame.borrowers == there and not ledger.run_on.total("n_applied").any()
        for name in ("balance", "new_credit", "paid"):
            assert np.array_equal(ledger.total(name)[:, :13], ledger.run_on.total(name)[:, :13])
        new_credit = ledger.run_on.total("new_credit")
        assert new_credit[:, 1:49].all() and not new_credit[:, 49:].any()


@pytest.mark.parametrize("name", ["both", "capacity", "taiwan_cards"])
def test_the_customers_at_hand_go_on_and_nobody_arrives(name):
    """In the run-on credit is granted and nobody applies; in the run-off after it none is granted."""
    _, ends, goes_on = futures(name)
    for world, credit_until in ((ends, MONTHS), (goes_on, MONTHS + RUN_ON)):
        sums = engine.run(world)
        new_credit, applied = (sums.flows[..., k].sum(axis=(0, 1, 3, 4)) for k in (F_NEW_CREDIT, F_N_APPLIED))
        assert new_credit[1 : credit_until + 1].all() and not new_credit[credit_until + 1 :].any()
        assert applied[1 : MONTHS + 1].all() and not applied[MONTHS + 1 :].any()
        assert not sums.vintages[:, MONTHS + 1 :].any()
        assert len(new_credit) == credit_until + RUN_OFF + 1


@pytest.mark.parametrize("name", SHIPPED)
def test_every_identity_holds_in_the_run_on(name):
    """Books balance in every month of the run-on too; with a fen more paid in one of them they do not."""
    _, _, goes_on = futures(name)
    sums, axes = engine.run(goes_on), (goes_on.segments, goes_on.products)
    frame = RunFrame(name, *axes, MONTHS, RUN_OFF, SIZES["replications"], 0, run_on_months=RUN_ON).of_run_on
    check_identities(Ledger(name, sums, frame, Settlement(idle_cost=100.0)))
    sums.flows[0, 0, MONTHS + 2, 0, LINE, F_PAID] += 1
    with pytest.raises(IdentityError, match=f"open book.*month {MONTHS + 2}"):
        check_identities(Ledger(name, sums, frame, Settlement(idle_cost=100.0)))


def test_settled_lines_are_the_same_until_lending_ends(study):
    """Costs, what partners take and all sums are one in both futures up to then; idle lines cost until the run-on ends.

    Policies have no part in this: a partner who leaves is paid by the same price of late debt in both.
    """
    for ledger in study.comparison.ledgers.values():
        for name in (*LINE_NAMES, *TRANSFERRED):
            assert np.array_equal(ledger.total(name)[:, : MONTHS + 1], ledger.run_on.total(name)[:, : MONTHS + 1]), name
        assert ledger.run_on.frame.horizon == ledger.frame.horizon + RUN_ON
    assert set(SETTLED) <= set(LINE_NAMES)


def test_idle_lines_cost_as_long_as_credit_is_granted(tmp_path):
    """They cost until the end of lending, or of the run-on, and nothing in the run-off."""
    path = tmp_path / "idle.toml"
    path.write_text(CLOSING)
    idle = {"segment.everyone.spending": 0.0, "segment.everyone.utilisation": 0.0, "costs.idle_cost": 1.0}
    ledger = sim.compare(load_scenario(path, idle)).comparison.ledgers["baseline"]
    for one, until in ((ledger, 12), (ledger.run_on, 12 + 36)):
        cost = one.total("idle_cost")
        assert one.total("n_idle")[:, 1:].all()
        assert (cost[:, 1 : until + 1] == 100 * 300).all() and not cost[:, until + 1 :].any()


# ---- what it is for ------------------------------------------------------------------------------------
def test_a_good_customer_closed_costs_what_they_would_have_brought(tmp_path):
    """Where everybody pays in the end, closing costs more with the run-on than without, in each of 20 replications.

    By chance alone that would happen once in a million runs. Negative control: where those who are closed never pay
    again, closing them gains the same by both horizons, to the fen.
    """
    path = tmp_path / "closing.toml"
    path.write_text(CLOSING)
    told, gained = {}, {}
    for name, overrides in (("good", {}), ("bad", BAD)):
        comparison = sim.compare(load_scenario(path, overrides)).comparison
        npv, run_on = (
            comparison.samples("close", m) - comparison.samples("baseline", m) for m in ("npv", "npv_run_on")
        )
        assert comparison.estimate("close", "n_closures").value > 50
        told[name] = run_on - npv
        gained[name] = npv
    assert (told["good"] < 0).all()
    assert np.abs(told["bad"]).max() < 0.005 and (gained["bad"] > 0).all()


def test_without_closures_there_is_no_difference(tmp_path):
    """Negative control: a policy that closes nobody leaves both values exactly as they are."""
    path = tmp_path / "closing.toml"
    path.write_text(CLOSING)
    comparison = sim.compare(load_scenario(path, {"segment.everyone.forget": 0.0})).comparison
    assert comparison.is_same("close") and comparison.estimate("baseline", "npv_run_on").value > 0


def test_the_value_of_the_customers_is_the_difference_of_both(study):
    """`customer_value` is npv_run_on less npv, in each replication; npv_run_on is npv's formula on the other ledger."""
    for name, ledger in study.comparison.ledgers.items():
        both = [study.comparison.samples(name, measure) for measure in ("npv", "npv_run_on", "customer_value")]
        assert both[1] - both[0] == pytest.approx(both[2], rel=1e-12, abs=1e-6)
        assert np.array_equal(both[1], MEASURES["npv"](ledger.run_on))


# ---- off, it is not there ------------------------------------------------------------------------------
def test_without_it_nothing_changes(tmp_path):
    """Without a run-on, or one of 0 months, every stored number, measure and word is the same; with it npv is."""
    small = {"borrowers": 200, "replications": 3, "months": 4}
    path = tmp_path / "plain.toml"
    path.write_text(f'extends = "{ROOT}/tests/plain_world.toml"\n[variant.cut]\npolicy.cut.enabled = true\n')
    absent, none, some = (
        sim.compare(load_scenario(path, ["run_off_months=4", *more], **small))
        for more in ([], ["run_on_months=0"], ["run_on_months=3"])
    )
    assert "run_on" not in absent.scenario.text() and "npv_run_on" not in absent.measures
    assert absent.result_digest == none.result_digest != some.result_digest
    assert absent.comparison.summary() == none.comparison.summary()
    assert "run_on" not in json.dumps(absent.comparison.summary())
    for name in absent.lenders:
        assert absent.estimate(name, "npv") == some.estimate(name, "npv")
    assert set(some.measures) - set(absent.measures) == {"npv_run_on", "customer_value"}
    alone = sim.simulate(load_scenario(path, ["run_on_months=3"], **small))
    assert "npv_run_on" not in alone.measures and "run_on_months" not in alone.facts


def test_threads_change_nothing():
    """The digest is of both futures, and the same on one thread and two."""
    scenario = load_scenario(ROOT / "scenarios" / "both.toml", HORIZON, **SIZES)
    assert sim.compare(scenario, threads=1).result_digest == sim.compare(scenario, threads=2).result_digest


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["run_on_months=12", "run_off_months=0"], "run_on_months: found 12; allowed: 0 without run_off_months"),
        (["run_on_months=601"], "run_on_months"),
        (["run_on_months=3", "variant.cut_at_30.run_on_months=4"], "run_on_months"),
    ],
)
def test_what_makes_no_sense_is_refused(overrides, words):
    """A run-on that nothing collects after, one that is too long, and one of a single variant are errors."""
    with pytest.raises(UserError, match=words):
        load_scenario(ROOT / "scenarios" / "huabei.toml", overrides)


def test_its_memory_is_counted(monkeypatch):
    """A run that just fits without a run-on is refused with one, before it begins."""
    scenario = load_scenario(ROOT / "scenarios" / "both.toml", ["run_on_months=0", *HORIZON[1:]], **SIZES)
    lenders = 1 + len(scenario.variants)
    world = lower(scenario.baseline, None, run_off=True)
    room = lenders * engine.bytes_needed(world, 0) + engine.bytes_needed(world, 1)
    monkeypatch.setattr("simulator.system.needs.machine_memory", lambda: room)
    sim.compare(scenario, threads=1)
    with pytest.raises(UserError, match="the results would take"):
        sim.compare(load_scenario(ROOT / "scenarios" / "both.toml", HORIZON, **SIZES), threads=1)
    assert accumulators.flows_alone(engine.run(world)).flows.nbytes == engine.bytes_of_flows(world)


# ---- files and words ---------------------------------------------------------------------------------
def test_a_saved_study_has_both_values(study, tmp_path):
    """Files hold both values with errors, of each replication too; the verdict and its words come back as they were."""
    folder = study.save(tmp_path / "saved")
    saved = sim.load_study(folder)
    assert saved.frame == study.frame and saved.frame.run_on_months == RUN_ON
    assert repr(saved) == repr(study)
    for one in (None, "run_off", "run_on"):
        a, b = (found if one is None else getattr(found, one) for found in (saved.verdict, study.verdict))
        assert (a.winner, a.second, a.reason, a.leader, a.probability, a.difference.low) == (
            *(b.winner, b.second, b.reason, b.leader, b.probability, b.difference.low),
        )
    assert saved.table(["npv", "npv_run_on", "customer_value"]).equals(
        study.table(["npv", "npv_run_on", "customer_value"])
    )
    measures = pq.read_table(folder / "replications.parquet")["measure"].to_pylist()
    assert {"npv", "npv_run_on", "customer_value"} <= set(measures)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for name in study.variants:
        assert summary["differences"][name]["npv_run_on"]["se"] > 0
    assert set(summary["verdict"]) >= {"run_off", "run_on"}
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run_on_months"] == RUN_ON
    assert manifest["run_on_tables_digest"].keys() == manifest["tables_digest"].keys()
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("net present value with run-on", "go on for 4 months", GOES_ON):
        assert words in page
    again = sim.compare(sim.load_scenario(folder / "scenario.toml"))
    assert again.result_digest == study.result_digest == manifest["result_digest"]


def test_swapped_applicants_have_both_values():
    """Those whom a variant swaps live both futures as well."""
    scenario = load_scenario(ROOT / "scenarios" / "cut_off.toml", HORIZON, **SIZES)
    summary = sim.compare(scenario).comparison.summary()
    cells = [told for sides in summary["swapped"].values() for told in sides.values()]
    assert cells and all(np.isfinite(told["npv_run_on"]["value"]) for told in cells)


# ---- verdicts ------------------------------------------------------------------------------------------
def lender(variant, cost, cost_beyond, replications=4, good_closed=0):
    """Return the toy ledger of a lender with a cost per account, another one in its run-on."""
    frame = toy_book.frame(replications=replications, run_on_months=3)
    goes_on = toy_book.ledger(variant, settlement=Settlement(operating_cost=cost_beyond), frame=frame.of_run_on)
    made = toy_book.ledger(variant, settlement=Settlement(operating_cost=cost), frame=frame)
    made.sums.flows[:, 0, 1, 0, LINE, F_N_CLOSURES_GOOD_BY] += good_closed
    return Ledger(variant, made.sums, frame, made.settlement, run_on=goes_on)


def verdict(*lenders, **options):
    """Return (verdict, its words) of toy lenders, each (variant, cost, cost in the run-on, ...)."""
    comparison = Comparison([lender(*one, **options) for one in lenders])
    return comparison.verdict(), phrasing.verdict(comparison).replace(phrasing.NO_BREAK, " ")


def test_a_winner_by_both_horizons_is_named_once():
    """Where both name the same one it is the winner, as sure as the less sure of both, with both gaps."""
    found, words = verdict(("dear", 900, 800), ("cheap", 100, 200), ("middle", 500, 500))
    assert (found.winner, found.second, found.leader) == ("cheap", "middle", "cheap")
    assert found.probability == min(found.run_off.probability, found.run_on.probability)
    assert found.reason == f"{CLEAR}, by both horizons" and found.difference == found.run_off.difference
    assert words.startswith("Highest net present value by both horizons: cheap, by CNY ")
    assert words.count("cheap") == 1 and words.count(" over middle") == 2
    assert "when lending ends after 6 months" in words and GOES_ON in words


def test_winners_that_differ_are_both_said_and_neither_is_named():
    """The first words say that it depends on the horizon, then who leads by which and by how much, then why."""
    found, words = verdict(("one", 900, 100, 4, 0), ("other", 100, 900, 4, 5))
    assert (found.winner, found.leader, found.difference) == (None, None, None)
    assert (found.run_off.winner, found.run_on.winner) == ("other", "one")
    assert words.startswith("No winner is named: it depends on the horizon: other, by CNY ")
    assert words.index(" over one when lending ends after 6 months; one, by CNY ") > 0
    assert "more by going on under one than under other" in words
    assert words.endswith("which has by then closed 5 more good ones (the better half by quality).")
    _, words = verdict(("one", 900, 100, 4, 5), ("other", 100, 900, 4, 0))
    assert "more good ones" not in words  # who closes fewer is not said to close more


@pytest.mark.parametrize(
    ("lenders", "said"),
    [
        ([("one", 900, 500), ("other", 100, 500)], "only one horizon has a clear best: other, by CNY"),
        ([("one", 500, 900), ("other", 500, 100)], "only one horizon has a clear best: one and other are equal when"),
        ([("one", 500, 500), ("other", 500, 500)], "one and other are equal."),
    ],
)
def test_one_horizon_alone_names_nobody(lenders, said):
    """Where only one has a clear best, or none has, nobody is named and both are told; the same is said once."""
    found, words = verdict(*lenders)
    assert found.winner is None and said in words
    assert words.startswith("No winner is named: ")


def without_run_on(variant, fees=0, cost_at_the_end=0):
    """Return a toy lender without a run-on: with more fees while it lends, and a cost in the run-off."""
    made = toy_book.ledger(variant)
    made.sums.flows[:, 0, 1, 0, LINE, F_FEES] += fees
    made.sums.flows[:, 0, made.frame.horizon, 0, LINE, F_CONTACT_COST] += cost_at_the_end
    return Ledger(variant, made.sums, made.frame, made.settlement)


@pytest.mark.parametrize(("fees", "winner"), [(100_00, None), (0, "cheap")])
def test_without_a_run_on_nobody_wins_who_earns_less_within_the_months(fees, winner):
    """The only horizon is the run-off's: who leads there and earns clearly less before it is not named, and why."""
    comparison = Comparison([without_run_on("dear", fees, 500_00), without_run_on("cheap")])
    found, words = comparison.verdict(), phrasing.verdict(comparison)
    assert (found.winner, found.leader, found.second) == (winner, "cheap", "dear")
    assert ("without run_on_months only one is known: dear earns more than cheap" in words) == (winner is None)
    assert words.count("468.9") == 1  # by how much it leads, discounted


def test_a_run_on_is_of_all_lenders_or_of_none():
    """A comparison of one lender with a run-on and one without is refused."""
    one = lender("one", 100, 200)
    with pytest.raises(ValueError, match="every ledger"):
        Comparison([one, Ledger("other", one.sums, one.frame, one.settlement)])


def test_one_replication_names_nobody():
    """Without standard errors the reason is said once."""
    found, words = verdict(("one", 900, 100), ("other", 100, 900), replications=1)
    assert isinstance(found.run_on, Verdict) and found.winner is None
    assert "one replication has no standard error" in words

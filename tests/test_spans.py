"""Policies that read last month's book: when they act, what may not change it, what it takes.

The claims on months are checked against conditions worked out here, in fractions, from the run's own sums.
"""

import re
from fractions import Fraction

import numpy as np
import pytest

import naive
from conftest import ROOT
from simulator import compare
from simulator.analysis.measures import MEASURES as REGISTRY
from simulator.analysis.measures import Window
from simulator.engine import engine, monthly
from simulator.lowering.lower import lower, tables_digest, tables_for
from simulator.model.errors import UserError
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.policy import share
from simulator.policy.base import When
from simulator.policy.book import MEASURES, NET_LOSS, Book
from simulator.policy.checks import problems
from simulator.policy.registry import kinds, load_file
from simulator.run import BASELINE
from simulator.scenario.reader import load_scenario

SIZES = {"borrowers": 1500, "replications": 5, "months": 8}
NEVER_MET, ALWAYS_MET = "above = 1.0", "below = 1.0"
POLICIES = """
extends = "{base}"
title = "Sell or stop approving when the book gets bad"
run_off_months = 4
portfolio.applicants_per_month = 60
[policy.sell_now]
kind = "npl_sale"
enabled = false
from = "open"
at_dpd = 90
price = 0.12
[policy.sell]
kind = "npl_sale"
enabled = false
from = "open"
at_dpd = 90
price = 0.12
when = {{ measure = "npl_ratio", {npl} }}
[policy.stop_now]
kind = "underwriting"
enabled = false
score_cutoff = 1200
[policy.stop]
kind = "underwriting"
enabled = false
score_cutoff = 1200
products = ["line"]
start = 3
end = 9
when = {{ measure = "dpd30_share_count", above = 0.0105 }}
[variant.sell_now]
policy.sell_now.enabled = true
[variant.sell]
policy.sell.enabled = true
[variant.stop]
policy.stop.enabled = true
[variant.both]
policy.sell.enabled = true
policy.stop.enabled = true
"""
SOME_MONTHS = "above = 0.011"
LADDER = """
extends = "{base}"
title = "A ladder with so many contacts a month"
run_off_months = 4
portfolio.applicants_per_month = 60
[policy.ladder]
kind = "collections"
[policy.ladder.levels]
sms = {{ to_dpd = 60, day = 2, cost = 0.04, effect = {{ forgot = 0.3, short = 0.1 }} }}
call = {{ to_dpd = 90, day = 10, cost = 3.0, effect = {{ forgot = 0.5, short = 0.3, will_not = 0.2 }} }}
[policy.capacity]
kind = "collections"
enabled = false
capacity = {npl}
start = 2
[variant.capacity]
policy.capacity.enabled = true
[variant.without]
policy.ladder.enabled = false
"""
ROLLS = """
title = "Two states, good months and bad months"
months = 10
run_off_months = 2
portfolio.borrowers = 2000
behaviour.model = "roll_rates"
segment.all = {{ share = 1.0, line_holders = 1.0, line_limit = 1000, utilisation = 1.0 }}
products.line.minimum_share = 0.1
economy.factor = {{ enabled = true, persistence = 0.5, correlation = 0.1 }}
[behaviour.roll_rates.line]
states = [{{ name = "good", bucket = 0 }}, {{ name = "late", bucket = 1, at_least = true }}]
matrix = [[0.95, 0.05], [0.2, 0.8]]
[policy.sell]
kind = "npl_sale"
enabled = false
from = "open"
at_dpd = 60
price = 0.12
when = {{ measure = "dpd30_share_count", {npl} }}
[variant.sell]
policy.sell.enabled = true
"""


@pytest.fixture
def scenario(tmp_path):
    """Return a function from the condition of the sale, and what is set on top, to the scenario."""

    def load(npl=SOME_MONTHS, *overrides, text=POLICIES, **sizes):
        path = tmp_path / "triggers.toml"
        path.write_text(text.format(base=ROOT / "scenarios" / "base" / "consumer.toml", npl=npl))
        return load_scenario(path, overrides, **{**SIZES, **sizes})

    return load


def same(one, other):
    """Return whether two Sums are equal in every cell."""
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def total(sums, name, products=(LINE, LOAN)):
    """Return int64[replication, month] of a line over everybody, of some products."""
    return sums.flows[..., list(products), FLOWS.index(name)].sum(axis=(1, 3, 4))


def is_above(part, whole, bound):
    """Return bool[...]: whether part / whole is above a bound of 31 binary digits, exactly."""
    limit = Fraction(round(bound * ONE), ONE)
    return np.vectorize(lambda a, b: b > 0 and Fraction(int(a), int(b)) > limit)(part, whole)


# ---- what may not change a result ----------------------------------------------------------------
def test_a_condition_that_is_never_met_is_no_policy(scenario):
    """With a bound that no ratio reaches, everyone's state is kept month by month and nothing is another number."""
    study = scenario(NEVER_MET)
    untouched, sold = (lower(each, run_off=True) for each in (study.baseline, study.variants["sell"]))

    assert sold.readers and not untouched.readers
    assert same(engine.run(untouched, 2), engine.run(sold, 2))


def test_a_condition_that_is_always_met_is_the_policy_without_it(scenario):
    """With a bound that every ratio meets, the sale is the sale that asks nothing."""
    study = scenario(ALWAYS_MET)
    plain, asked = (engine.run(lower(study.variants[name], run_off=True), 2) for name in ("sell_now", "sell"))

    assert total(plain, "sold_open").any()
    assert same(plain, asked)


WORLDS = {
    "factor": ["economy.factor.enabled=true"],
    "other people": ["redraw_people=true"],
    "capacity": ["policy.department={kind='collections', levels={call={to_dpd=90, day=9}}, capacity=20}"],
    "only applicants": ["portfolio.borrowers=0", "portfolio.applicants_per_month=300", "policy.stop.start=1"],
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_cut_of_the_work_is_invisible(name, scenario, monkeypatch):
    """Threads, chunks of replications, the order and length of tiles, and the scalar kernel change no byte."""
    sizes = {"borrowers": 0} if name == "only applicants" else {}
    world = lower(scenario(SOME_MONTHS, *WORLDS[name], **sizes).variants["both"], run_off=True)
    expected = engine.run(world, 1)
    halved = np.repeat(world.tiles, 2, axis=0)
    first = halved[::2, K_COUNT] // 2
    halved[1::2, K_FIRST] += first
    halved[::2, K_COUNT], halved[1::2, K_COUNT] = first, halved[1::2, K_COUNT] - first
    halved[1::2, K_TAPE_ROW] += np.where(halved[1::2, K_TAPE_ROW] >= 0, first, 0)

    assert total(expected, "n_declined").any() and total(expected, "n_accounts").any()
    assert same(expected, engine.run(world, 2))
    assert same(expected, engine.run(world, 5))
    assert same(expected, engine.run(world, 2, fast=False))
    assert same(expected, engine.run(world._replace(tiles=world.tiles[::-1].copy()), 2))
    assert same(expected, engine.run(world._replace(tiles=halved), 2))
    monkeypatch.setattr(monthly, "machine_memory", lambda: int(monthly.state_bytes(world, 2) / monthly.MEMORY_SHARE))
    assert monthly.replications_at_once(world) == 2
    assert same(expected, engine.run(world, 2))
    monkeypatch.setattr(engine, "CHUNK_BYTES", 1)
    assert same(expected, engine.run(world, 2))


def test_a_replication_alone_is_itself_among_others(scenario):
    """A book is that of its own replication: fewer replications are the first of more."""
    many, few = (lower(scenario(replications=n).variants["both"], run_off=True) for n in (5, 2))

    assert np.array_equal(engine.run(many, 2).flows[:2], engine.run(few, 2).flows)


def test_each_replication_keeps_its_own_roll_matrices(scenario):
    """Where a factor moves the matrices, replications under different levers each keep their own."""
    many, few = (lower(scenario("above = 0.10", text=ROLLS, replications=n).variants["sell"]) for n in (7, 2))
    sums = engine.run(many, 2)
    sold = total(sums, "n_sold_open") > 0

    assert (sold.any(axis=0) & ~sold.all(axis=0)).any()
    assert np.array_equal(sums.flows[:2], engine.run(few, 1).flows)


def test_no_policy_that_reads_means_no_state(scenario, monkeypatch):
    """Where nothing reads the book, a run is one span in which nobody's state is kept."""
    world = lower(scenario().variants["sell_now"])
    monkeypatch.setattr(monthly, "simulate", None)

    assert engine.state_bytes_at_once(world) == 0
    assert engine.run(world, 1).flows.any()


# ---- when a policy acts --------------------------------------------------------------------------
def test_a_sale_happens_exactly_after_months_whose_ratio_is_above(scenario):
    """By the run's own books, in each replication: sold where last month's NPL ratio was above the bound, else not."""
    sums = engine.run(lower(scenario().variants["sell"], run_off=True), 2)
    met = is_above(total(sums, "balance_dpd90"), total(sums, "balance"), 0.011)[:, :-1]

    assert 0.1 < met.mean() < 0.9 and (met.any(axis=0) & ~met.all(axis=0)).any()  # replications differ
    assert np.array_equal(met, total(sums, "n_sold_open")[:, 1:] > 0)


def test_approvals_stop_exactly_where_the_condition_says(scenario):
    """From start to end, for its product: nobody is granted a line in the month after 30+ was above the bound.

    The book looked at is that of the policy's own product.
    """
    sums = engine.run(lower(scenario().variants["stop"], run_off=True), 2)
    met = is_above(total(sums, "n_dpd30", [LINE]), total(sums, "n_accounts", [LINE]), 0.0105)
    acts = np.zeros_like(met)
    acts[:, 3:10] = met[:, 2:9]
    granted, applied = (total(sums, name, [LINE])[:, 1:9] for name in ("n_granted", "n_applied"))

    assert 0.05 < acts[:, 3:9].mean() < 0.9
    assert applied.all()
    assert np.array_equal(acts[:, 1:9], granted == 0)


def test_the_opening_is_the_book_of_month_one(scenario):
    """A condition that only the opening meets acts in month 1 and, after it, never."""
    world = lower(scenario("above = 0.0105", "policy.sell.at_dpd=30", "redraw_people=false").variants["sell"])
    sums = engine.run(world, 2)
    met = is_above(total(sums, "balance_dpd90"), total(sums, "balance"), 0.0105)

    assert np.array_equal(met[:, 0], total(sums, "n_sold_open")[:, 1] > 0)
    assert len(set(met[:, 0])) == 1  # the opening is the same people in all replications


def test_the_levers_in_force_are_those_lived_under(scenario):
    """A replication run under its own levers in force, as plain policies, is that replication."""
    world = lower(scenario().variants["both"], run_off=True)
    sums = engine.run(world, 2)
    for replication in (0, 3):
        levers = monthly.levers_in_force(world, replication)
        plain = world._replace(settings=world.settings.model_copy(update={"policy": {}}), levers=levers)
        assert np.array_equal(engine.run(plain, 1).flows[replication], sums.flows[replication])


def test_the_twin_that_asks_month_by_month_is_the_engine(scenario):
    """Levers built from the twin's own books, month by month, give the twin the engine's integers in every cell."""
    small = ["portfolio.applicants_per_month=6", "run_off_months=1"]
    bound = 0.02
    study = scenario(f"above = {bound}", *small, borrowers=90, replications=2, months=6)
    world, off = lower(study.variants["sell"], run_off=True), lower(study.baseline, run_off=True)
    expected = engine.run(world, 1)
    switched = set()
    for replication in range(2):
        levers = type(off.levers)(*(array.copy() for array in off.levers))
        for month in range(1, world.months_total + 1):
            sums = twin(world, levers, month - 1)
            flows = sums.flows[replication, :, month - 1].sum(axis=(0, 1, 2))
            acts = bool(is_above(flows[F_BALANCE_DPD90], flows[F_BALANCE], bound))
            switched.add(acts)
            for array, on in zip(levers, world.levers, strict=True):
                array[month] = on[month] if acts else array[month]
        sums = twin(world, levers, world.months_total)
        assert np.array_equal(sums.flows[replication], expected.flows[replication])
        assert np.array_equal(sums.rolls[replication], expected.rolls[replication])
        assert np.array_equal(sums.vintages[replication], expected.vintages[replication])
    assert switched == {True, False}


def twin(world, levers, months):
    """Return the twin's sums of `months` months under `levers`."""
    tables = tables_for(world, 0, world.replications)
    sums, _ = naive.simulate(tables, levers, world.tiles, len(world.segments), months, world.replications)
    return sums


def test_a_policy_of_ones_own_reads_the_book(scenario, tmp_path):
    """The example of docs/policies.md passes the battery, and cuts harder exactly after quarters that were bad."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "in_force" in block)
    (tmp_path / "harder.py").write_text(code)
    assert problems(load_file(str(tmp_path / "harder.py"))) == []
    own = f'policy.harder={{kind="file:{tmp_path / "harder.py"}", at_dpd=30, keep=0.8}}'
    study = scenario(SOME_MONTHS, own, replications=3, allow_code=True)
    world = lower(study.baseline)
    sums = engine.run(world, 2)
    lost, balance = total(sums, "written_off"), total(sums, "balance")
    harder = []
    for replication in range(3):
        kept = monthly.levers_in_force(world, replication).stage[1:, 0, LINE, 1, S_LIMIT_KEEP]
        assert set(kept) <= {share(0.8), share(0.4)}
        harder.append(kept == share(0.4))
    months = range(1, world.months + 1)
    quarters = np.stack([lost[:, max(m - 3, 1) : m].sum(axis=1) for m in months], axis=1)

    assert np.array_equal(harder, 500 * quarters >= balance[:, :-1])
    assert {True, False} == set(np.ravel(harder))


# ---- shared capacity -----------------------------------------------------------------------------
def contacts(sums):
    """Return int64[replication, month] of contacts made."""
    return sum(total(sums, f"n_contacts_{level}") for level in LEVELS)


def test_enough_capacity_is_no_limit(scenario):
    """Where no month wants more contacts than can be made, nothing is another number."""
    study = scenario("100_000", text=LADDER)
    unlimited, limited = (
        engine.run(lower(each, run_off=True), 2) for each in (study.baseline, study.variants["capacity"])
    )

    assert np.array_equal(contacts(unlimited), total(unlimited, "n_contacts_wanted")) and contacts(unlimited).any()
    assert same(unlimited, limited)


def test_no_capacity_serves_nobody(scenario):
    """With a capacity of 0 nobody is contacted, and nothing but what is wanted tells it from no ladder at all."""
    study = scenario("0", "policy.capacity.start=1", text=LADDER)
    limited, none = (engine.run(lower(study.variants[name], run_off=True), 2) for name in ("capacity", "without"))
    others = [name for name in range(N_FLOWS) if name != F_N_CONTACTS_WANTED]

    assert not contacts(limited).any() and total(limited, "n_contacts_wanted").any()
    assert np.array_equal(limited.flows[..., others], none.flows[..., others])


def test_capacity_is_shared_over_what_last_month_wanted(scenario):
    """The share served is capacity over last month's wanted contacts, exactly; what is made is near it.

    Of w contacts wanted each due is served with that chance: contacts made are within 5 standard errors of w times
    it, for at most two contacts a due (78 months: once in 20,000).
    """
    world = lower(scenario("40", text=LADDER).variants["capacity"], run_off=True)
    sums = engine.run(world, 2)
    wanted, made = total(sums, "n_contacts_wanted"), contacts(sums)
    for replication in range(SIZES["replications"]):
        served = monthly.levers_in_force(world, replication).month[1:, 0, LINE, V_SERVED]
        shares = [min(ONE, 40 * ONE // max(int(w), 1)) for w in wanted[replication, :-1]]
        assert served.tolist() == [ONE, *shares[1:]]  # from its second month on; the first is before its start
        expected = wanted[replication, 1:] * served / ONE
        assert (abs(made[replication, 1:] - expected) <= 5 * np.sqrt(2 * expected * (1 - served / ONE))).all()
    assert 25 < made[:, 2 : world.months + 1].mean() < 60 < wanted[:, 2 : world.months + 1].mean()


def test_the_twin_under_capacity_is_the_engine(scenario):
    """Shares served from the twin's own books, month by month, give the twin the engine's integers in every cell."""
    small = ["portfolio.applicants_per_month=6", "run_off_months=1"]
    study = scenario("9", *small, text=LADDER, borrowers=120, replications=2, months=5)
    world = lower(study.variants["capacity"], run_off=True)
    expected = engine.run(world, 1)
    for replication in range(2):
        levers = type(world.levers)(*(array.copy() for array in world.levers))
        for month in range(2, world.months_total + 1):
            flows = twin(world, levers, month - 1).flows[replication, :, month - 1]
            wanted = int(flows[..., F_N_CONTACTS_WANTED].sum())
            levers.month[month, ..., V_SERVED] = min(ONE, 9 * ONE // max(wanted, 1))
        assert (levers.month[1:, 0, LINE, V_SERVED] < ONE).any()
        assert np.array_equal(twin(world, levers, world.months_total).flows[replication], expected.flows[replication])


@pytest.mark.parametrize(("capacity", "wanted", "served"), [(0, 0, 0), (0, 7, 0), (5, 0, 1), (5, 5, 1), (5, 20, 1 / 4)])
def test_a_share_of_what_was_wanted_is_served(capacity, wanted, served):
    """Nobody without capacity, all where it is enough or nothing was wanted, else a share; a smaller one set stays."""
    flows = np.zeros((2, N_FLOWS), np.int64)
    flows[1, F_N_CONTACTS_WANTED] = wanted
    ladder = kinds()["collections"].Settings(kind="collections", capacity=capacity)

    assert ladder.in_force(Book(flows)).served == served
    assert ladder.model_copy(update={"served": 0.1}).in_force(Book(flows)).served == min(served, 0.1)


# ---- measures of the book ------------------------------------------------------------------------
@pytest.mark.parametrize("name", MEASURES)
def test_measures_of_the_book_are_those_of_the_registry(name, scenario):
    """What a condition looks at is the measure of that name: at the end of a month, or over the year up to it."""
    ledger = compare(scenario(months=15), 2).comparison.ledgers[BASELINE]
    for month in (1, 5, 12, 19):
        window = Window("year", max(month - 11, 1), month, month)
        for replication in range(2):
            flows = ledger.sums.flows[replication, :, : month + 1].sum(axis=(0, 2, 3))
            part, whole = MEASURES[name](Book(flows))
            assert REGISTRY[name](ledger, window)[replication] == pytest.approx(part / whole, rel=1e-12)


def test_net_loss_of_the_book_is_that_of_the_ledger(scenario):
    """The policies' own sum of flows is the ledger's line."""
    ledger = compare(scenario(), 2).comparison.ledgers["sell_now"]

    assert np.array_equal(sum(sign * ledger[name] for name, sign in NET_LOSS.items()), ledger["net_loss"])


def test_a_bound_is_compared_exactly():
    """At a bound of exactly part / whole neither above nor below holds; one unit more or less decides."""
    flows = np.zeros((1, N_FLOWS), np.int64)
    for part, above, below in ((1 << 40, False, False), ((1 << 40) + 1, True, False), ((1 << 40) - 1, False, True)):
        flows[0, [F_BALANCE_DPD90, F_BALANCE]] = part, 1 << 42
        assert When(measure="npl_ratio", above=0.25).holds(Book(flows)) is above
        assert When(measure="npl_ratio", below=0.25).holds(Book(flows)) is below


def test_an_empty_book_meets_no_condition():
    """A ratio of nothing is not defined, so nothing is above or below it."""
    book = Book(np.zeros((3, N_FLOWS), np.int64))

    assert not any(When(measure=name, above=0.0).holds(book) for name in MEASURES)
    assert not any(When(measure=name, below=1.0).holds(book) for name in MEASURES)


# ---- what it takes -------------------------------------------------------------------------------
def test_memory_is_what_was_predicted(scenario, monkeypatch):
    """The bytes said before the run are those of the arrays in which state is kept."""
    world = lower(scenario().variants["both"], run_off=True)
    hands = []
    init = monthly._Worker.__init__
    monkeypatch.setattr(
        monthly._Worker, "__init__", lambda hand, *rest: (hands.append(hand), init(hand, *rest))[0] and None
    )
    engine.run(world, 2)

    kept = sum(store.nbytes for hand in hands for _, store in hand.work)
    assert engine.state_bytes_at_once(world) == kept > 0
    assert engine.bytes_needed(world, 2) > engine.bytes_needed(world, 0)


def test_too_many_borrowers_are_refused_before_the_run(scenario, monkeypatch):
    """Where not even one replication fits, the message says how much it would take and how much there is."""
    monkeypatch.setattr(monthly, "machine_memory", lambda: 1_000_000)

    with pytest.raises(UserError, match=r"for one replication, of 0\.0 that may be taken; fewer borrowers"):
        compare(scenario(), 1)


def test_the_tables_digest_sees_conditions(scenario):
    """Another bound, another measure or no condition is another digest."""
    found = {
        tables_digest(lower(scenario(npl, *overrides).variants[name]))
        for npl, overrides, name in (
            (SOME_MONTHS, [], "sell"),
            ("above = 0.012", [], "sell"),
            ("below = 0.011", [], "sell"),
            (SOME_MONTHS, ['policy.sell.when.measure="dpd30_share_count"'], "sell"),
            (SOME_MONTHS, [], "sell_now"),
        )
    }

    assert len(found) == 5

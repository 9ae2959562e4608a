"""Measures, their errors, and what a comparison may conclude."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.stats import ttest_rel

import toy_book
from conftest import ROOT
from simulator.analysis import estimates
from simulator.analysis.accounting.five_class import CLASSES
from simulator.analysis.comparison import Comparison, Difference
from simulator.analysis.ledger import Ledger, Settlement
from simulator.analysis.measures import AXES, MEASURES, SECTIONS, TAIL, windows
from simulator.analysis.measures.page import markdown
from simulator.model.layout import *  # noqa: F403
from simulator.scenario.reader import load_scenario
from simulator.study import compare, simulate

CONTRACT = (
    *("dpd30_share_count", "dpd30_share_balance", "dpd90_share_count", "dpd90_share_balance", "bad_debt_rate"),
    *("net_loss", "profit", "npv", "written_off", "recovered", "approval_rate"),
)

NUMBERS = ("value", "se", "low", "high", "se_people", "se_luck", "se_factor", "se_parameters")
NOT_STATED = dict.fromkeys(NUMBERS)  # what summary.json says of a measure that has no number


@pytest.fixture(scope="module")
def ledger():
    """Return a toy ledger that sells and writes off."""
    return toy_book.ledger(sell=4)


@pytest.fixture(scope="module")
def flows(ledger):
    """Return int64[replication, month, flow]: the whole book, straight from the sums."""
    return ledger.sums.flows.sum(axis=(1, 3, 4))


def test_rates_and_losses_are_their_formulas(ledger, flows):
    """Headline measures equal the formulas of docs/measures.md worked out directly, over the whole horizon."""
    moved = flows[:, 1:].sum(axis=1)
    loss = moved[:, F_WRITTEN_OFF] + moved[:, F_SOLD_OPEN] - moved[:, F_SOLD_OPEN_PROCEEDS]
    loss = loss - moved[:, F_RECOVERED] - moved[:, F_SOLD_WRITTEN_OFF_PROCEEDS]
    last = flows[:, ledger.frame.months]
    expected = {
        "net_loss": loss / 100,
        "bad_debt_rate": loss / (flows[:, 0, F_BALANCE] + moved[:, F_NEW_CREDIT]),
        "net_loss_per_opening_borrower": loss / 40 / 100,
        "dpd30_share_count": last[:, F_N_DPD30] / last[:, F_N_ACCOUNTS],
        "dpd90_share_balance": last[:, F_BALANCE_DPD90] / last[:, F_BALANCE],
        "day1_rate": moved[:, F_N_MISSED] / moved[:, F_N_DUE],
        "lifetime_default_rate": moved[:, F_N_DEFAULT] / (flows[:, 0, F_N_ACCOUNTS] + moved[:, F_N_GRANTED]),
    }
    for name, values in expected.items():
        assert np.array_equal(MEASURES[name](ledger), values), name


def test_the_default_rate_leaves_the_run_off_out(ledger, flows):
    """It counts defaults of the months compared, in both windows; the run-off has some more, which a lifetime has."""
    months = ledger.frame.months
    defaults = flows[:, 1 : months + 1, F_N_DEFAULT].sum(axis=1)
    accounts = flows[:, 0, F_N_ACCOUNTS] + flows[:, 1:, F_N_GRANTED].sum(axis=1)
    for window in windows(ledger.frame).values():
        assert np.array_equal(MEASURES["default_rate"](ledger, window), defaults / accounts)
    assert flows[:, months + 1 :, F_N_DEFAULT].sum() > 0


def test_yearly_rates_are_per_year_of_average_balance(ledger, flows):
    """Twelve times the monthly mean of net loss, on the mean of opening and closing balances."""
    average = ((flows[:, 1:, F_BALANCE] + flows[:, :-1, F_BALANCE]) / 2).mean(axis=1)
    loss = MEASURES["net_loss"](ledger) * 100
    assert MEASURES["net_charge_off_rate"](ledger) == pytest.approx(12 * loss / 10 / average, rel=1e-12)


def test_net_present_value_discounts_cash_before_funding(ledger):
    """Worked out month by month with (1 + r)^(t / 12), less the opening balance."""
    cash = ledger.total("cash_before_funding")
    for replication, value in enumerate(MEASURES["npv"](ledger)):
        total = -ledger.total("balance")[replication, 0]
        for month in range(1, ledger.frame.horizon + 1):
            total += cash[replication, month] / 1.08 ** (month / 12)
        assert value == pytest.approx(total / 100, rel=1e-12)


def test_without_discounting_value_is_profit_less_the_balance_left(ledger):
    """At rates of zero, npv = profit - closing balance: the cash and the accrual view agree."""
    flat = Ledger("flat", ledger.sums, ledger.frame, Settlement(operating_cost=3.0))
    expected = flat.total("profit").sum(axis=1) - flat.total("balance")[:, -1]
    assert np.array_equal(np.rint(MEASURES["npv"](flat) * 100), expected)


def test_flows_of_cells_and_months_add_up_to_the_window(ledger):
    """One formula, any grouping: flows by month and by cell sum to the whole."""
    for name in ("net_loss", "profit", "n_default", "bad_debt_cannot"):
        whole = MEASURES[name](ledger)
        assert MEASURES[name](ledger, by_month=True).sum(axis=1) == pytest.approx(whole, rel=1e-12)
        assert MEASURES[name](ledger, by=AXES).sum(axis=(1, 2)) == pytest.approx(whole, rel=1e-12)


def test_roll_rates_come_from_the_roll_matrix(ledger):
    """30 to 60 is the share of accounts of bucket 1 found worse, written off or sold, per batch of replications."""
    rows = ledger.rolls[:, 1:, :, :, 1, :, 0].sum(axis=(1, 2, 3))
    worse = rows[:, 2:BUCKETS].sum(axis=1) + rows[:, TO_WRITTEN_OFF] + rows[:, TO_SOLD]
    assert np.array_equal(MEASURES["roll_30_to_60"](ledger), worse / rows.sum(axis=1))


def test_flows_by_balance_are_stocks_a_month_apart(ledger):
    """30 to 60 is the balance in bucket 2 at month ends over that in bucket 1 a month before; month 1 has none."""
    by_bucket = ledger.rolls[..., :BUCKETS, 1].sum(axis=(2, 3, 4))  # [batch, month, bucket]
    lost = ledger.rolls[:, 2:, :, :, 1, TO_WRITTEN_OFF : TO_SOLD + 1, 1].sum(axis=(1, 2, 3, 4))
    expected = (by_bucket[:, 2:, 2].sum(axis=1) + lost) / by_bucket[:, 1:-1, 1].sum(axis=1)

    assert np.array_equal(MEASURES["net_flow_30_to_60"](ledger), expected)
    assert np.isnan(MEASURES["net_flow_30_to_60"](ledger, by_month=True)[:, 0]).all()
    late = by_bucket[:, ledger.frame.months, 3:6].sum(axis=1) / by_bucket[:, ledger.frame.months].sum(axis=1)
    assert np.array_equal(MEASURES["dpd90_179_share_balance"](ledger), late)


def test_cures_come_back_to_bucket_0_or_leave_repaid(ledger):
    """Of the accounts that leave buckets 1 to 3, per batch of replications."""
    rows = ledger.rolls[:, 1:, :, :, 1:4, :, 0].sum(axis=(1, 2, 3, 4))
    cured = rows[:, 0] + rows[:, TO_PAID_OFF] + rows[:, TO_CLOSED_AT_ZERO]

    assert np.array_equal(MEASURES["cure_rate"](ledger), cured / (rows.sum(axis=1) - rows[:, 1:4].sum(axis=1)))


def moved(*moves):
    """Return a ledger whose month 1 has `moves`, (from, to, accounts, balance), in one cell, and month 2 has too."""
    frame = toy_book.frame(replications=1, months=2, run_off_months=0)
    sums = toy_book.book(frame, 1)
    sums = sums._replace(rolls=np.zeros_like(sums.rolls), flows=np.zeros_like(sums.flows))
    for start, to, count, balance in moves:
        sums.rolls[0, 1:3, 0, LINE, start, to] += count, balance
    return Ledger("moved", sums, frame, Settlement())


BEFORE_90 = ((1, 0, 60, 600), (1, 2, 40, 400), (2, 0, 10, 100))
KEPT = (*BEFORE_90, (2, 3, 30, 300), (3, 0, 2, 20), (3, 3, 3, 30), (3, 4, 25, 250))


def test_selling_everybody_at_90_days_makes_no_roll_rate_better():
    """By hand: of 40 accounts of bucket 2 30 go on, sold or not; without sales 72 of 97 that leave are cured, with
    them 70 of 100. A write-off at 90 days says the same as a sale."""
    kept = moved(*KEPT)
    sold, written_off = (moved(*BEFORE_90, (2, to, 30, 300)) for to in (TO_SOLD, TO_WRITTEN_OFF))
    for name, before, after in (
        ("roll_30_to_60", 0.4, 0.4),
        ("roll_60_to_90", 0.75, 0.75),
        ("cure_rate", 72 / 97, 70 / 100),
        ("net_flow_60_to_90", 330 / 400, 300 / 400),
        ("npl_formation", 2 * 3.0, 2 * 3.0),
    ):
        assert MEASURES[name](kept).tolist() == [before], name
        assert MEASURES[name](sold).tolist() == MEASURES[name](written_off).tolist() == [after], name
    assert np.isnan(MEASURES["roll_90_to_120"](sold)).all()  # nobody is ever there


def test_selling_everybody_at_90_days_in_a_run_changes_no_roll_rate_before_it():
    """In the model too: the share of bucket 2 that goes on hardly moves, the cure rate falls, and no account cures
    or rolls from a bucket in which hardly anybody is left."""
    sizes = {"borrowers": 4000, "replications": 2, "months": 18}
    alike = ["policy.close.close_days_late=never", "policy.write_off.work_from_dpd=never"]  # neither after a write-off
    ledgers = [
        simulate(load_scenario(ROOT / "scenarios" / "hardship.toml", [*alike, *more], **sizes)).comparison.ledgers[
            "baseline"
        ]
        for more in ([], ["policy.sell_open.enabled=true"], ["policy.write_off.at_dpd=90"])
    ]
    kept, sold, written_off = (
        {name: MEASURES[name](ledger).mean() for name in ("roll_60_to_90", "cure_rate", "net_flow_60_to_90")}
        for ledger in ledgers
    )
    assert ledgers[1].total("n_sold_open").sum() > 30
    assert sold == written_off  # the account leaves, whoever it goes to
    assert sold["roll_60_to_90"] == pytest.approx(kept["roll_60_to_90"], rel=0.1)
    assert sold["net_flow_60_to_90"] == pytest.approx(kept["net_flow_60_to_90"], rel=0.15)
    assert sold["cure_rate"] < kept["cure_rate"]


def test_npl_formation_is_what_crosses_90_days_or_is_lost_before(ledger):
    """Gross: what is cured, written off or sold from 90+ is not taken off; each replication is one of its batch."""
    rolls = ledger.rolls[:, 1:, :, :, :3, :, 1].sum(axis=(1, 2, 3, 4))
    crossed = rolls[:, 3:BUCKETS].sum(axis=1) + rolls[:, TO_WRITTEN_OFF] + rolls[:, TO_SOLD]
    crowded = toy_book.ledger(frame=toy_book.frame(replications=21, borrowers=5), arrivals=0)
    formed = MEASURES["npl_formation"](crowded) * crowded.batch_sizes * 100

    assert np.array_equal(MEASURES["npl_formation"](ledger), crossed / 100) and (crossed > 0).all()
    assert formed.sum() == pytest.approx(crowded.rolls[..., :3, 3:BUCKETS, 1].sum(), rel=1e-12)
    assert (MEASURES["npl_formation"](crowded, by_month=True) >= 0).all()


def test_a_rate_of_nothing_is_not_a_number():
    """When nobody applies there is no approval rate, and the summary says null, and why."""
    comparison = Comparison([toy_book.ledger(arrivals=0)])
    assert np.isnan(comparison.samples("baseline", "approval_rate")).all()
    entry = comparison.summary()["variants"]["baseline"]["approval_rate"]
    assert entry == NOT_STATED | {"unit": "share", "reason": "a rate of nothing is not defined"}


def test_without_run_off_no_present_value_is_stated():
    """Cash after the last month is not there to count: NaN with the reason, in the run and in the window of lending."""
    cut_off = Comparison([toy_book.ledger(frame=toy_book.frame(run_off_months=0))])
    whole = Comparison([toy_book.ledger()])
    for name in ("npv", "net_present_loss"):
        for comparison, window in ((cut_off, "whole"), (cut_off, "lending"), (whole, "lending")):
            assert np.isnan(comparison.samples("baseline", name, window)).all()
            assert "without run-off months" in comparison.unstated(name, window)
        assert np.isfinite(whole.samples("baseline", name)).all() and whole.unstated(name) is None
    assert cut_off.unstated("net_loss") is None
    entry = cut_off.summary()["variants"]["baseline"]["npv"]
    assert entry == NOT_STATED | {"unit": "CNY", "reason": cut_off.unstated("npv")}


def test_every_measure_gives_one_number_per_sample_in_every_grouping(ledger):
    """All measures answer for the window, by month and by cell; names are unique; the contract's are headlines."""
    assert len(MEASURES) == sum(len(section) for section in SECTIONS.values())
    for measure in MEASURES.values():
        assert measure(ledger).shape == (4,), measure.name
        assert measure(ledger, windows(ledger.frame)["lending"]).shape == (4,), measure.name
        if measure.monthly:
            assert measure(ledger, by_month=True).shape == (4, 10), measure.name
            assert measure(ledger, by_month=True, by=AXES).shape == (4, 10, 2, 2), measure.name
            both = (measure(ledger, by_month=True, opening=opening) for opening in (True, False))
            assert np.array_equal(next(both)[:, -10:], next(both), equal_nan=True), measure.name
    assert {name for name in CONTRACT if not MEASURES[name].headline} == set()
    headlines = [name for name, measure in MEASURES.items() if measure.headline]
    assert headlines.index("net_charge_off_rate") < headlines.index("bad_debt_rate")


def test_labels_tell_measures_apart():
    """No two measures are called the same in words, and none by its name in the code."""
    labels = [measure.label for measure in MEASURES.values()]
    assert len(set(labels)) == len(labels)
    assert not [label for label in labels if "_" in label or label.startswith("n ")]


def test_shares_have_a_value_at_the_opening(ledger, flows):
    """Month 0 is told of what is made of stocks alone, five classes too, and of nothing that takes a flow."""
    first = {name: MEASURES[name](ledger, by_month=True, opening=True)[:, 0] for name in ("npl_ratio", "mean_balance")}
    classes = [MEASURES[f"card_{c}_share"](ledger, by_month=True, opening=True)[:, 0] for c in CLASSES[1:]]
    stages = [MEASURES[f"stage{k}_balance"](ledger, by_month=True, opening=True)[:, 0] for k in (1, 2, 3)]
    balance = flows[:, 0, F_BALANCE]

    assert np.array_equal(first["npl_ratio"], flows[:, 0, F_BALANCE_DPD90] / balance)
    assert np.array_equal(first["mean_balance"], balance / flows[:, 0, F_N_ACCOUNTS] / 100)
    assert sum(stages) == pytest.approx(balance / 100, rel=1e-12)
    assert sum(classes) == pytest.approx(flows[:, 0, F_BALANCE_DPD30] / balance, rel=1e-12)
    assert {m.name for m in MEASURES.values() if m.opening and m.kind == "flow"} == set()
    assert not any(MEASURES[name].opening for name in ("net_charge_off_rate", "default_rate", "roll_30_to_60"))


@pytest.mark.parametrize(
    "name",
    [
        *("npl_ratio", "dpd30_share_count", "dpd30_share_balance", "dpd90_share_count", "dpd90_share_balance"),
        *("utilisation", "mean_balance", "bad_debt_rate", "net_charge_off_rate", "coverage_ifrs9", "card_loss_share"),
    ],
)
def test_a_measure_that_a_policy_moves_by_definition_says_so(name):
    """Its words end with what moves it, on the page of measures too."""
    measure = MEASURES[name]
    assert measure.moved_by and measure.words.endswith(f"a policy that {measure.moved_by} moves it by definition")
    assert measure.words in markdown()


def test_net_present_loss_is_what_is_lent_and_not_got_back(ledger, flows):
    """At a rate of 0 it is the sum of its parts; what is discounted counts for less the later it is."""
    signs = np.zeros(N_FLOWS, np.int64)
    signs[[F_NEW_CREDIT, F_COMMISSION, F_CONTACT_COST, F_RECOVERY_COST]] = 1
    signs[[F_PAID, F_RECOVERED, F_SOLD_OPEN_PROCEEDS, F_SOLD_WRITTEN_OFF_PROCEEDS]] = -1
    lost = (flows @ signs)[:, 1:]
    flat, dear = (Ledger("baseline", ledger.sums, ledger.frame, Settlement(discount_rate=r)) for r in (0.0, 0.12))
    at_12 = flows[:, 0, F_BALANCE] + sum(lost[:, t - 1] / 1.12 ** (t / 12) for t in range(1, ledger.frame.horizon + 1))

    assert np.array_equal(np.rint(MEASURES["net_present_loss"](flat) * 100), flows[:, 0, F_BALANCE] + lost.sum(axis=1))
    assert MEASURES["net_present_loss"](dear) * 100 == pytest.approx(at_12, rel=1e-12)


def test_the_formula_of_npv_is_the_lenders_own(ledger):
    """It is of cash before funding and of the own balance, which differ from the gross with insurers and partners."""
    assert MEASURES["npv"].formula == "Σ cash_before_funding / (1 + discount_rate)^(t / 12) - own_balance[start]"
    dear = Ledger("baseline", ledger.sums, ledger.frame, Settlement(discount_rate=0.12))
    cash = dear.total("cash_before_funding")
    value = sum(cash[:, t] / 1.12 ** (t / 12) for t in range(1, cash.shape[1])) - dear.total("own_balance")[:, 0]

    assert MEASURES["npv"](dear) * dear.frame.minor_units == pytest.approx(value, rel=1e-12)


def test_a_mean_stock_is_that_of_all_month_ends(ledger, flows):
    """The opening is not among them, nor, in the window of lending, the run-off; month by month it is the stock."""
    stock = flows[:, 1:, F_N_DPD90_BY + WILL_NOT]
    measure, lending = MEASURES["mean_dpd90_will_not"], windows(ledger.frame)["lending"]

    assert np.array_equal(measure(ledger), stock.mean(axis=1))
    assert np.array_equal(measure(ledger, lending), stock[:, : ledger.frame.months].mean(axis=1))
    assert np.array_equal(measure(ledger, by_month=True), stock)


def test_the_date_of_write_off_alone_moves_no_money():
    """The shipped scenario says so of every date: the later the larger the stock of 90+, and not a fen of difference in
    what is got back, whether lending ends or goes on."""
    path = ROOT / "scenarios" / "write_off_neutral.toml"
    books = compare(load_scenario(path, borrowers=2000, replications=3, months=18)).comparison.ledgers
    by_date = [books[name] for name in ("at_120", "at_180", "baseline", "at_450", "never")]

    for early, late in pairwise(by_date):
        for measure in ("net_present_loss", "npv", "npv_run_on"):
            assert np.array_equal(MEASURES[measure](late), MEASURES[measure](early)), (measure, late.variant)
        assert (late.total("balance_dpd90").sum(axis=1) > early.total("balance_dpd90").sum(axis=1)).all()
        assert late.total("recovered_open").sum() > early.total("recovered_open").sum()


def test_the_page_on_measures_is_up_to_date():
    """docs/measures.md is what the registry says today."""
    assert (Path(__file__).parents[1] / "docs" / "measures.md").read_text(encoding="utf-8") == markdown()


# ---- estimates -----------------------------------------------------------------------------------


def test_equal_samples_have_exactly_that_mean_and_no_error():
    """0.1 a hundred times is 0.1 ± 0, not a rounding error away."""
    assert estimates.mean(np.full(100, 0.1)) == (0.1, 0.0)


def test_the_standard_error_is_of_the_mean_over_defined_samples():
    """sd / sqrt(n) with n - 1; NaN samples are left out; one sample has no error; none has no value."""
    value, se = estimates.mean([[1.0, 1.0, 5.0, np.nan], [3.0, np.nan, np.nan, np.nan]])
    assert value[:3].tolist() == [2.0, 1.0, 5.0] and np.isnan(value[3])
    assert se[0] == 1.0 and np.isnan(se[1:]).all()


@pytest.mark.parametrize("n", [20, 100])
@pytest.mark.parametrize("distribution", [stats.norm(), stats.expon(), stats.lognorm(0.8)], ids=lambda d: d.dist.name)
def test_intervals_of_a_mean_cover_skew_samples(distribution, n):
    """600 intervals cover 92 to 98 times in 100; of 20 skew samples the plain one misses more often."""
    generator = np.random.Generator(np.random.Philox(11))
    runs = distribution.ppf(generator.random((600, n)))
    low, high = np.array([estimates.interval(run) for run in runs]).T
    values, errors = np.mean(runs, axis=1), np.std(runs, axis=1, ddof=1) / np.sqrt(n)
    plain = np.mean(np.abs(values - distribution.mean()) <= stats.t.ppf(0.975, n - 1) * errors)
    covered = np.mean((low <= distribution.mean()) & (distribution.mean() <= high))

    assert 0.92 <= covered <= 0.98
    assert covered > plain if n == 20 and distribution.dist.name != "norm" else covered >= plain - 0.01


def test_a_doubt_is_that_of_the_interval():
    """The p-value is below 2.5 % exactly where all of the interval is above 0, whatever the skewness."""
    generator = np.random.Generator(np.random.Philox(12))
    found = [stats.lognorm(1).ppf(generator.random(12)) - shift for shift in np.linspace(0, 3, 60)]
    above = [estimates.interval(samples)[0] > 0 for samples in found]

    assert above == [estimates.chance_not_above(samples, np.zeros(12)) < 0.025 for samples in found]
    assert 0 < sum(above) < 60


def test_intervals_use_student_t():
    """Half the 95 % interval of two samples is 12.706 standard errors; of one there is none."""
    assert estimates.paired([0.0, 2.0], [0.0, 0.0]).half_width == pytest.approx(12.7062047362, rel=1e-9)
    assert np.isnan(estimates.paired([1.0], [0.0]).half_width)


def test_shared_variance_of_halves():
    """All of it when the halves move as one (by size), none on average when they do not, unknown when nothing moves."""
    draw = random.Random(3)
    factor, a, b = np.array([[draw.gauss(0, 1) for _ in range(4000)] for _ in range(3)])
    assert estimates.shared_variance(np.stack([factor, 3 * factor], axis=1), (1, 3)) == pytest.approx(1, rel=1e-12)
    assert abs(estimates.shared_variance(np.stack([a, b], axis=1), (1, 1))) < 0.07
    mixed = np.stack([factor + a, factor + b], axis=1)  # shared 4 of 4 + 2
    assert estimates.shared_variance(mixed, (1, 1)) == pytest.approx(2 / 3, abs=0.04)
    assert np.isnan(estimates.shared_variance(np.ones((5, 2)), (1, 1)))


def test_a_gini_by_hand():
    """Of three classes, worst first, bad (2, 1, 0) and good (1, 1, 2): 8 pairs won, 1 lost, 3 tied, so 7 of 12."""
    bad, good = np.array([[2.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 2.0]])
    assert estimates.gini(bad, good, worst_first=True).tolist() == [7 / 12]
    assert estimates.gini(bad[:, ::-1], good[:, ::-1], worst_first=False).tolist() == [7 / 12]
    assert estimates.gini(bad, good, worst_first=False).tolist() == [-7 / 12]
    assert np.isnan(estimates.gini(np.zeros((2, 3)), good.repeat(2, axis=0), True)).all()  # nobody defaults


def test_ginis_of_grade_and_score_are_their_pairs(ledger):
    """Each batch counts every pair of a defaulter and another; a low grade and a high score should be the better."""
    draw = random.Random(5)
    ratings = np.zeros_like(ledger.sums.ratings)
    for cell in np.ndindex(*ratings.shape[:-2]):
        for rating in range(GRADES if cell[-1] == RATING_GRADE else RATING_CLASSES):
            observed = draw.randrange(6)
            ratings[(*cell, rating)] = observed, draw.randint(0, observed)
    rated = Ledger("rated", ledger.sums._replace(ratings=ratings), ledger.frame, Settlement())

    def by_pairs(cells, sign):
        """Return (won - lost) / pairs of int64[segment, product, class, (observed, defaulted)]."""
        counts = cells.sum(axis=(0, 1)).tolist()
        bad = [k for k, (_, defaulted) in enumerate(counts) for _ in range(defaulted)]
        good = [k for k, (observed, defaulted) in enumerate(counts) for _ in range(observed - defaulted)]
        won = sum(np.sign(sign * (g - b)) for b in bad for g in good)
        return won / (len(bad) * len(good))

    for kind, name, sign in ((RATING_GRADE, "gini_grade", -1), (RATING_SCORE, "gini_score", 1)):
        for products, suffix in ((PRODUCTS, ""), (["line"], "_line"), (["loan"], "_loan")):
            columns = [PRODUCTS.index(product) for product in products]
            expected = [by_pairs(ratings[batch][:, columns, kind], sign) for batch in range(4)]
            assert MEASURES[name + suffix](rated) == pytest.approx(expected, rel=1e-12), name + suffix
    value, se = Comparison([rated]).estimate("rated", "gini_grade")
    assert np.isfinite([value, se]).all() and se > 0
    assert np.isnan(MEASURES["gini_score"](ledger)).all()  # the toy book rates nobody


# ---- comparison ----------------------------------------------------------------------------------


def test_a_variant_that_changes_nothing_differs_by_exactly_zero():
    """The negative control: the same lender under another name differs by 0 ± 0 in every measure, and does not win."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("same")])
    for name, measure in MEASURES.items():
        if measure.kind == TAIL:
            continue
        d = comparison.difference("same", name)
        assert np.isnan(d.value) or (d.value, d.se, d.low, d.high) == (0, 0, 0, 0), name
    assert comparison.warnings() == []
    assert comparison.verdict().winner is None
    assert "equal" in comparison.verdict().reason


def test_the_verdict_pays_for_the_number_it_chose_among(monkeypatch):
    """Of five equal lenders, each with its own random numbers in 40 replications, at most 5 % of 400 runs name one.

    The plain rule, each rival two standard errors away, is the negative control: at 2.5 % a side of one comparison
    with the second it names far too many where the second is the luckiest of four.
    """
    generator = np.random.Generator(np.random.Philox(5))
    names = [f"v{k}" for k in range(5)]
    ledgers = [toy_book.ledger(name, frame=toy_book.frame(replications=40)) for name in names]
    named = sure = 0
    for _ in range(400):
        comparison = Comparison(ledgers)
        luck = dict(zip(names, generator.standard_normal((5, 40)), strict=True))
        monkeypatch.setattr(comparison, "samples", lambda name, measure, window="whole", luck=luck: luck[name])
        verdict = comparison.verdict()
        named += verdict.winner is not None
        baseline = [comparison.difference(name, "npv", against="v0").is_clear for name in names[1:]]
        sure += any(baseline)

    assert named <= 0.05 * 400
    assert sure > 0.05 * 400  # one of four intervals against the same baseline is clear by chance more often than that
    assert verdict.leader in names and 0 <= verdict.probability < 1


def test_the_leader_is_as_sure_as_its_doubts_leave(monkeypatch):
    """One rival: the one-sided p-value of the paired t test; two rivals: the doubts add; far ahead: a winner."""
    comparison = Comparison([toy_book.ledger(name) for name in ("a", "b", "c")])
    luck = {"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 2.5, 2.0, 2.5], "c": [0.0, 2.5, 2.0, 2.5]}
    monkeypatch.setattr(comparison, "samples", lambda name, measure, window="whole": np.array(luck[name]))
    doubt = ttest_rel(luck["a"], luck["b"], alternative="greater").pvalue
    verdict = comparison.verdict()
    assert (verdict.leader, verdict.winner) == ("a", None)
    assert verdict.probability == pytest.approx(1 - 2 * doubt, rel=1e-12)
    luck["a"] = [10.0, 11.0, 12.0, 13.5]
    assert comparison.verdict().winner == "a" and comparison.verdict().probability > 0.975


def test_differences_are_paired_replication_by_replication():
    """The error is that of the differences, smaller than that of two independent runs under common random numbers."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.8)])
    a, b = (comparison.samples(name, "written_off") for name in ("cut", "baseline"))
    d = comparison.difference("cut", "written_off")
    assert d.value == pytest.approx((a - b).mean(), rel=1e-12)
    assert d.se == pytest.approx((a - b).std(ddof=1) / 2, rel=1e-12)
    assert d.high - d.value == pytest.approx(3.18244630528 * d.se, rel=1e-9)
    assert d.variance_reduction > 1


def priced(variant, operating_cost, run_off_months=4, replications=4):
    """Return the toy ledger of a lender that differs from others only by its cost per account."""
    frame = toy_book.frame(run_off_months=run_off_months, replications=replications)
    return toy_book.ledger(variant, settlement=Settlement(operating_cost=operating_cost), frame=frame)


def test_a_winner_needs_run_off_replications_and_two_standard_errors():
    """The cheaper lender wins on value, but not without run-off and not in a single replication."""
    verdict = Comparison([priced("dear", 900), priced("cheap", 100), priced("middle", 500)]).verdict()
    assert (verdict.winner, verdict.second) == ("cheap", "middle")
    assert verdict.difference.is_clear
    no_run_off = Comparison([priced("dear", 900, run_off_months=0), priced("cheap", 100, run_off_months=0)])
    assert no_run_off.verdict().winner is None and "run-off" in no_run_off.verdict().reason
    single = Comparison([priced("dear", 900, replications=1), priced("cheap", 100, replications=1)])
    assert single.verdict().winner is None and "one replication" in single.verdict().reason


@pytest.mark.parametrize(("loss", "rate", "said"), [(-5.0, 0.1, "shrinks"), (5.0, -0.1, "swells"), (-5.0, -0.1, None)])
def test_a_rate_that_points_the_other_way_than_the_loss_is_said(monkeypatch, loss, rate, said):
    """When net loss and bad-debt rate disagree, a warning says that the denominator moved; else nothing is said."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.8)])

    def difference(variant, measure, window="whole", against=None):
        value = loss if measure == "net_loss" else rate if measure == "bad_debt_rate" else 0.0
        return Difference(value, abs(value) / 9, value, value, 1.0)

    monkeypatch.setattr(comparison, "difference", difference)
    warnings = comparison.warnings()
    assert (said in warnings[0] and warnings[0].startswith("cut: the bad-debt rate")) if said else warnings == []


def test_ledgers_that_do_not_belong_together_are_refused():
    """Different frames or equal names are not a comparison."""
    with pytest.raises(ValueError, match="share months"):
        Comparison([toy_book.ledger(), toy_book.ledger("other", frame=toy_book.frame(months=5))])
    with pytest.raises(ValueError, match="different variant names"):
        Comparison([toy_book.ledger(), toy_book.ledger()])

"""Accounting views of the same books: classes, stages, expected loss, allowances."""

import numpy as np
import pytest

import toy_book
from conftest import ROOT
from simulator.accounting.cecl import cecl_allowance
from simulator.accounting.five_class import ABOVE, CLASSES, bucket_classes, class_balance, five_class
from simulator.accounting.ifrs9 import STAGES, coverage, ifrs9_allowance, opening_ecl, stage_balance, stage_loss
from simulator.accounting.loss_chain import (
    Experience,
    bucket_balance,
    expected_loss,
    experience,
    pooled,
    rate,
)
from simulator.kernel.names import BUCKETS, LINE, LOAN
from simulator.ledger import Ledger, Settlement
from simulator.measures import MEASURES
from simulator.scenario.reader import load_scenario
from simulator.study import compare
from simulator.transfer import Partner


@pytest.fixture(scope="module")
def ledger():
    """Return the baseline of the shipped line, small, with its run-off; claims expire within it."""
    changes = ["run_off_months=36", "policy.write_off.expire_months=13"]
    scenario = load_scenario(ROOT / "scenarios" / "huabei.toml", changes, borrowers=3000, replications=20, months=12)
    return compare(scenario).comparison.ledgers["baseline"]


@pytest.mark.parametrize(
    ("rule", "dpd", "name"),
    [
        ("general", 0, "normal"),
        ("general", 1, "special_mention"),
        ("general", 90, "special_mention"),
        ("general", 91, "substandard"),
        ("general", 270, "substandard"),
        ("general", 271, "doubtful"),
        ("general", 360, "doubtful"),
        ("general", 361, "loss"),
        ("card", 90, "special_mention"),
        ("card", 91, "substandard"),
        ("card", 120, "substandard"),
        ("card", 121, "doubtful"),
        ("card", 180, "doubtful"),
        ("card", 181, "loss"),
    ],
)
def test_a_class_begins_above_its_days(rule, dpd, name):
    """Both sides of every bound, day 90 among them, are told apart."""
    assert CLASSES[five_class(dpd, rule)] == name


def test_buckets_are_classed_as_the_rules_on_buckets_say():
    """More than 90 is bucket 3 and worse, more than 270 bucket 9, more than 360 bucket 12."""
    classes = bucket_classes("general").tolist()
    assert [classes.index(CLASSES.index(name)) for name in CLASSES] == [0, 1, 3, 9, 12]
    assert sorted(classes) == classes and len(classes) == BUCKETS


@pytest.mark.parametrize("rule", ABOVE)
def test_the_classes_are_the_book(ledger, rule):
    """The balances of the five classes sum to the open balance, month by month, over all replications."""
    classes = sum(class_balance(ledger, rule, name) for name in CLASSES)
    assert np.array_equal(classes[:, 1:].sum(axis=0), ledger["balance"][:, 1:].sum(axis=0))


def test_the_stages_are_the_book(ledger):
    """Stages 1, 2 and 3 sum to the open balance in every cell, and stage 3 is the balance at 90 days and more."""
    stages = [stage_balance(ledger, k) for k in (1, 2, 3)]
    assert np.array_equal(sum(stages), ledger["balance"])
    assert np.array_equal(stages[2], ledger["balance_dpd90"])


def test_later_stages_are_provided_for_more(ledger):
    """Coverage rises from stage to stage and lies between nothing and everything."""
    line = coverage(ledger)[0]
    assert 0 < line[0] < line[1] < line[2] < 1


def test_the_opening_book_is_provided_for_less_than_everybody_loses(ledger):
    """Expected loss of the opening book is above nothing and below the net loss of it and all later lending."""
    ecl = opening_ecl(ledger, stage_loss).sum(axis=-1)

    assert (ecl > 0).all()
    assert ecl.mean() < ledger.total("net_loss").sum() / ledger.frame.replications


def test_lifetime_from_day_one_is_more_than_twelve_months(ledger):
    """The CECL allowance is at least that of IFRS 9, which provides for a year only in stage 1."""
    assert (cecl_allowance(ledger) >= ifrs9_allowance(ledger) - 1e-6).all()


def test_a_rate_over_nothing_is_nothing():
    """0 / 0 is 0, not NaN: a stage in which nothing ever stood needs no allowance."""
    assert rate(np.array([0.0, 1.0]), np.array([0.0, 2.0])).tolist() == [0.0, 0.5]
    assert [stage.start for stage in STAGES] == [0, 1, 3]


# ---- the chain ------------------------------------------------------------------------------------


def seen(rows, **others):
    """Return the Experience of one product from {bucket: (opening, {to: balance}, written off, sold)}."""
    fields = {name: np.zeros((1, 1, BUCKETS)) for name in ("start", "end", "opening", "lent", "written_off", "sold")}
    fields["moved"] = np.zeros((1, 1, BUCKETS, BUCKETS))
    fields |= {name: np.full((1, 1), float(others.get(name, 0))) for name in Experience._fields if name not in fields}
    for bucket, (opening, moved, written_off, sold) in rows.items():
        for name, x in (("opening", opening), ("written_off", written_off), ("sold", sold)):
            fields[name][0, 0, bucket] = x
        for to, x in moved.items():
            fields["moved"][0, 0, bucket, to] = x
    return Experience(**fields)


def test_expected_loss_is_what_can_be_worked_out_by_hand():
    """V0 = V0 / 2 + V1 / 10 and V1 = 2 V0 / 5 + 1 / 2 without a discount: V1 = 0.5 / 0.92, V0 = V1 / 5."""
    loss = expected_loss(seen({0: (1000, {0: 500, 1: 100}, 0, 0), 1: (100, {0: 40}, 50, 0)}))

    assert loss.lifetime[0, 0, :2] == pytest.approx([0.1 / 0.92, 0.5 / 0.92], rel=1e-12)


def test_what_comes_back_and_what_is_sold_lowers_the_loss():
    """Written off with a quarter back of what leaves the book, and sold at a tenth: 0.5 x 0.75 + 0.2 x 0.9."""
    loss = expected_loss(
        seen({3: (100, {}, 50, 20)}, proceeds=2, book=1000, back=10, gone=40),
    )

    assert loss.lifetime[0, 0, 3] == pytest.approx(0.5 * 0.75 + 0.2 * 0.9, rel=1e-12)


def test_losses_are_discounted_at_the_interest_the_book_earns():
    """At 1 % a month what is written off in two months' time is worth 1 / 1.01 squared of itself."""
    loss = expected_loss(seen({2: (100, {3: 100}, 0, 0), 3: (100, {}, 100, 0)}, interest=2))

    assert loss.lifetime[0, 0, 2:4] == pytest.approx([1.01**-2, 1.01**-1], rel=1e-12)


def test_twelve_months_see_defaults_of_twelve_months_and_all_of_their_loss():
    """Of balance that defaults at 1 % a month and is written off years later, a year's defaults are provided for."""
    slow = seen({0: (100, {0: 99, 3: 1}, 0, 0), 3: (100, {3: 90}, 10, 0)})
    loss = expected_loss(slow)

    assert loss.lifetime[0, 0, [0, 3]] == pytest.approx([1, 1], abs=0.01)
    assert loss.year[0, 0, 0] == pytest.approx((1 - 0.99**12) * loss.lifetime[0, 0, 3], rel=1e-9)
    assert loss.year[0, 0, 3] == loss.lifetime[0, 0, 3]


@pytest.mark.parametrize("last", ["whole", "lending"])
def test_the_chain_has_no_leak(ledger, last):
    """Undiscounted, the loss expected of the opening book and of all that was lent, less that of what is left, is the
    simulated net loss of the run, whichever of its months the chain has seen."""
    frame, lost = ledger.frame, ledger["net_loss"].sum(axis=(0, 2))
    month = frame.horizon if last == "whole" else frame.months
    shown = pooled(experience(ledger, 1, month))
    expected = ((shown.start + shown.lent - shown.end) * expected_loss(shown, discounted=False).lifetime).sum(axis=-1)
    book = ledger["balance_written_off_book"].sum(axis=(0, 2))
    expected += rate(shown.back, shown.gone) * (book[month] - book[0])

    assert last == "lending" or expected_loss(shown, discounted=False).lifetime[0, 0, 0] > 0
    assert expected[0] == pytest.approx(lost[1 : month + 1].sum(axis=0), rel=1e-9)


def test_the_opening_book_is_split_over_buckets_without_remainder(ledger):
    """Month 0 by bucket sums to the opening balance, and to the known balances at 30, 60 and 90 days."""
    opening = bucket_balance(ledger)[:, 0].sum(axis=0)

    for first, name in ((0, "balance"), (1, "balance_dpd30"), (2, "balance_dpd60"), (3, "balance_dpd90")):
        assert opening[..., first:].sum(axis=-1) == pytest.approx(ledger[name][:, 0].sum(axis=0), rel=1e-12)


# ---- allowances in the profit and loss --------------------------------------------------------------


def test_a_provision_is_the_net_loss_and_the_growth_of_the_allowance():
    """Both ways: charge less net loss is the allowance's growth, and it is what profit loses."""
    toy = toy_book.ledger(sell=4)
    for name, cells in (("ifrs9", ifrs9_allowance), ("cecl", cecl_allowance)):
        total = cells(toy).sum(axis=(2, 3)) / 100
        growth = total[:, -1] - total[:, 0]
        charge = MEASURES[f"provision_{name}"](toy) - MEASURES["net_loss"](toy)

        assert growth.any()
        assert charge == pytest.approx(growth, rel=1e-9)
        assert MEASURES["profit"](toy) - MEASURES[f"profit_{name}"](toy) == pytest.approx(growth, rel=1e-9)


def test_every_variant_provides_at_the_baseline_s_coverage():
    """A variant with other rolls has the baseline's ratios of allowance to stage."""
    baseline = toy_book.ledger()
    other = toy_book.ledger("other", forward=1.5)
    other = Ledger("other", other.sums, other.frame, other.settlement, baseline)
    ratios, stages = coverage(baseline), [stage_balance(other, k) for k in (1, 2, 3)]
    expected = sum(balance * ratios[:, k] for k, balance in enumerate(stages))

    assert ifrs9_allowance(other) == pytest.approx(expected, rel=1e-12)
    assert not np.allclose(coverage(other), ratios)


def test_a_lender_provides_for_its_own_part():
    """With a partner of 40 % the allowance is 60 % of the whole, and so is the expected loss at the opening."""
    whole = toy_book.ledger()
    partner = Partner(1, 99, (0, 1), (LINE, LOAN), share=0.4, fee=0.0)
    own = Ledger("own", whole.sums, whole.frame, Settlement(transfers=(partner,)))

    assert ifrs9_allowance(own) == pytest.approx(0.6 * ifrs9_allowance(whole), rel=1e-12)
    assert opening_ecl(own, stage_loss) == pytest.approx(0.6 * opening_ecl(whole, stage_loss), rel=1e-12)

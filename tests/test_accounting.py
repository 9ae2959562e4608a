"""Accounting views of the same books: classes, stages, expected loss, allowances."""

import numpy as np
import pytest

from conftest import ROOT
from simulator.accounting.cecl import cecl_allowance
from simulator.accounting.five_class import ABOVE, CLASSES, bucket_classes, class_balance, five_class
from simulator.accounting.ifrs9 import STAGES, coverage, ifrs9_allowance, opening_ecl, stage_balance, stage_loss
from simulator.accounting.loss_chain import rate
from simulator.kernel.names import BUCKETS
from simulator.scenario.reader import load_scenario
from simulator.study import compare


@pytest.fixture(scope="module")
def ledger():
    """Return the baseline of the shipped line, small, with its run-off."""
    scenario = load_scenario(
        ROOT / "scenarios" / "huabei.toml", ["run_off_months=36"], borrowers=3000, replications=20, months=12
    )
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

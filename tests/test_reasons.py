"""Why a variant differs: facts from four standard errors on, paired sums, and sentences for every kind of policy."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import toy_book
from conftest import ROOT
from simulator import compare
from simulator.comparison import Comparison
from simulator.policies.registry import kinds
from simulator.report import reasons, render, words
from simulator.report.figures import pictures
from simulator.report.reasons import Change, Evidence, clause
from simulator.report.terminal import summary_table
from simulator.scenario.reader import load_scenario

SCENARIO_OF = {
    "reminders": "reminders",
    "autopay": "autopay",
    "limit_cut": "limit_cut",
    "closure": "freeze_close",
    "bureau": "bureau",
    "credit_insurance": "insurance",
    "joint_lending": "partner_share",
    "write_off": "write_off_neutral",
    "npl_sale": "sale_timing",
    "regrant": "regrant",
    "hardship": "hardship",
    "collections": "ladder",
    "pricing": "pricing",
    "underwriting": "cut_off",
}
SIZES = {"borrowers": 1000, "replications": 3, "months": 7}


def shipped(name, **sizes):
    """Return the comparison of a shipped scenario in small."""
    loaded = load_scenario(ROOT / "scenarios" / f"{name}.toml", ["run_off_months=6"], **{**SIZES, **sizes})
    return compare(loaded).comparison


def plain(text):
    """Return text with ordinary spaces."""
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "se", "text"),
    [
        (-50.0, 10.0, "it falls by 50 ± 10 (25.0 %)"),
        (40.1, 10.0, "it rises by 40 ± 10 (20.1 %)"),
        (40.0, 10.0, "it may rise (+40 ± 10)"),
        (-20.0, 10.0, "it does not move beyond chance (−20 ± 10)"),
        (0.0, 0.0, "it is exactly the same"),
        (3.0, 0.0, "it rises by 3 (1.5 %)"),
        (1.0, float("nan"), "it does not move beyond chance (+1)"),
        (float("nan"), float("nan"), "it is not defined"),
    ],
)
def test_a_movement_is_a_fact_beyond_four_standard_errors(value, se, text):
    """From two to four it only may, below and without a standard error nothing is said to rise or fall."""
    assert plain(clause(Change(value, se, 2 * se, 200.0, "accounts"), "it")) == text


def test_sums_are_paired_by_replication():
    """The change of a sum is that of the sums of each replication, and its error is not that of the parts added."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.7)])
    parts = ("bad_debt_cannot", "bad_debt_will_not")
    a, b = (sum(comparison.samples(v, m) for m in parts) for v in ("cut", "baseline"))
    change = Evidence(comparison, "cut").change(*parts)

    assert change.value == pytest.approx((a - b).mean(), rel=1e-12)
    assert change.se == pytest.approx((a - b).std(ddof=1) / 2, rel=1e-12)
    assert change.bound == pytest.approx(abs(change.value) + 3.18244630528 * change.se, rel=1e-9)
    assert change.before == pytest.approx(b.mean(), rel=1e-12)


def test_a_variant_is_explained_by_the_policies_it_changes():
    """Settings in force count: switched on, changed, or gone; what is off in both, or the same, does not."""

    def policy(kind, enabled=True, size=1):
        return SimpleNamespace(kind=kind, enabled=enabled, size=size)

    policies = {
        "baseline": {"a": policy("closure"), "b": policy("bureau", False), "c": policy("pricing"), "d": policy("npl")},
        "other": {
            **{"a": policy("closure", size=2), "b": policy("bureau", False, 9), "c": policy("pricing", False)},
            **{"d": policy("npl"), "e": policy("regrant")},
        },
    }
    comparison = SimpleNamespace(baseline="baseline", policies=policies)

    assert reasons.changed_kinds(comparison, "other") == ["closure", "pricing", "regrant"]
    assert reasons.changed_kinds(comparison, "baseline") == []


def stub(monkeypatch, changes):
    """Return evidence in which measures changed by `changes` {name: four samples}, and all others by nothing."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("other")])

    def samples(variant, measure, window="whole"):
        return 100 + (np.array(changes.get(measure, [0.0] * 4)) if variant == "other" else np.zeros(4))

    monkeypatch.setattr(comparison, "samples", samples)
    return Evidence(comparison, "other")


@pytest.mark.parametrize(("hard", "verdict"), [(0.1, "at most 1.8 % of"), (0.8, "not shown to be within 10 %")])
def test_hard_default_is_bounded_by_the_change_in_forgotten_overdue(monkeypatch, hard, verdict):
    """The bound is of the 95 % interval: mean ± 3.18 se of four samples, over the mean fall of ten."""
    refused = [-hard, hard, hard, -hard]
    e = stub(monkeypatch, {"mean_dpd30_forgot": [-9.9, -10.1, -10.0, -10.0], "mean_dpd90_will_not": refused})
    first, second = (plain(text) for text in reasons.forgetting(e, "the reminder"))

    assert "that reason, on average, fall by 10.0" in first
    assert verdict in second
    change = e.change(*reasons.HARD)
    assert change.bound / 10 == pytest.approx(3.18244630528 * hard / np.sqrt(3) / 10, rel=1e-9)


def test_without_a_change_in_forgetting_nothing_is_bounded(monkeypatch):
    """A bound in shares of a change that may be chance would say nothing."""
    _, second = reasons.forgetting(stub(monkeypatch, {}), "the reminder")

    assert "confidence" not in second


def test_every_kind_of_policy_has_its_reasons():
    """A policy file without sentences, or sentences without a policy, fails here."""
    assert set(reasons.WHY) == set(kinds()) == set(SCENARIO_OF)


@pytest.mark.parametrize("kind", SCENARIO_OF)
def test_reasons_are_sentences(kind):
    """In the shipped scenario of each kind every variant has reasons: whole sentences, and no number is missing."""
    comparison = shipped(SCENARIO_OF[kind], months=36 if kind == "npl_sale" else 7)  # sales in bulk come late
    for variant in comparison.variants:
        said = reasons.reasons(comparison, variant)
        assert reasons.changed_kinds(comparison, variant) == [kind]
        assert len(said) >= 2, said
        for sentence in said:
            assert sentence.endswith("."), sentence
            assert not sentence[0].islower() or sentence.startswith(variant), sentence
            assert not re.search(r"\b(nan|inf|None)\b|\.\.|;\.", sentence), sentence


def test_freezing_alone_is_explained_by_the_exposure():
    """Who closes nobody still reads what freezing does; who closes reads what that costs."""
    comparison = shipped("freeze_close", months=12, replications=10)

    alone, closing = (plain(reasons.reasons(comparison, name)[0]) for name in ("freeze_only", "early"))

    number = r"[\d,.]+ ± [\d.]+"
    falls = rf"Exposure: the mean balance at default falls by CNY {number} \([\d.]+ %\); "
    assert re.match(falls + f"{number} accounts are frozen at the end of lending, and none is closed", alone)
    assert re.match(f"{number} accounts are closed after a forgotten bill", closing)


def test_the_date_of_a_write_off_moves_the_stock_and_not_the_loss():
    """Where the same collectors work open and written-off accounts, the report says so."""
    said = plain(reasons.reasons(shipped("write_off_neutral", months=12, replications=60), "at_180")[0])

    assert re.search(r"stock of 90 days and more falls by CNY [\d,]+ ± [\d,]+", said)
    assert "net present loss changes by 0 within 4 standard errors" in said


def test_swap_sets_are_in_the_page_in_the_terminal_and_in_the_words():
    """Who is swapped has a table and a sentence; the numbers are those of the swap sets."""
    comparison = shipped("cut_off", months=12)
    page = plain(re.sub(r"\s+", " ", render.render(comparison, {}, pictures(comparison))))
    count = plain(" ".join(words.count(*comparison.swapped("weak_score", "out", "n_granted"))))
    terminal = " ".join(str(part) for part in summary_table(comparison))

    assert "Who is swapped" in page and "baseline takes, weak_score declines" in page
    assert f"weak_score declines {count} accounts that baseline takes" in page
    assert "Why high: high declines" in terminal
    assert "high takes" not in page  # who only raises the bar swaps nobody in


def test_causes_and_rating_power_are_in_the_page():
    """Bad debt, closures, good customers and overdue stand by cause for every variant; the ratings have a sentence."""
    comparison = shipped("freeze_close", months=18, borrowers=3000)
    page = render.render(comparison, {}, pictures(comparison))
    for section, _ in render.CAUSE_TABLE:
        assert section in page
    assert "ranks who defaults within 12 months with a Gini of" in page
    assert "late against baseline" in page and "closed after a forgotten bill" in page

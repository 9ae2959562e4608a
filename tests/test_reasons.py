"""Why a variant differs: facts from four standard errors on, paired sums, and sentences for every kind of policy."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import toy_book
from conftest import ROOT
from simulator import compare
from simulator.analysis.comparison import Comparison
from simulator.analysis.measures.tables import BY_CAUSE
from simulator.policy import forgetting, listed
from simulator.policy.registry import kinds, policy_of
from simulator.policy.why import HARD
from simulator.report import phrasing, reasons, render
from simulator.report.figures import pictures
from simulator.report.reasons import Change, Evidence
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
PRICES = {"rate_half", "rate_up_half", "rate_double"}  # variants of pricing.toml that change no policy
SIZES = {"borrowers": 1000, "replications": 3, "months": 7}


def shipped(name, **sizes):
    """Return the comparison of a shipped scenario in small."""
    loaded = load_scenario(
        ROOT / "scenarios" / f"{name}.toml", ["run_off_months=6", "run_on_months=6"], **{**SIZES, **sizes}
    )
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
        (1.0, float("nan"), "it rises by 1 (0.5 %)"),
        (601.0, 10.0, "it rises by 601 ± 10"),
        (float("nan"), float("nan"), "it is not defined"),
    ],
)
def test_a_movement_is_a_fact_beyond_four_standard_errors(value, se, text):
    """From two to four it only may, below it does not; in a single replication there is no chance to speak of.

    More than three times the base is told without a per cent.
    """
    assert plain(Change(value, se, 2 * se, 200.0, "accounts").clause("it")) == text


def test_what_one_replication_of_many_tells_is_no_fact():
    """A difference that only one of many replications defines is said to be just that."""
    change = Change(1.0, float("nan"), float("nan"), 200.0, "accounts", 0.0, replications=10)

    assert plain(change.clause("it")) == "it is known from one replication only (+1)"


@pytest.mark.parametrize(
    ("change", "base", "se", "text"),
    [
        (-5.0, 50.0, 1.0, "10.0 %"),
        (-5.0, 50.0, 24.9, "10.0 %"),
        (-5.0, 50.0, 25.0, ""),  # the base is within two standard errors of 0
        (150.0, 50.0, 0.0, "300.0 %"),
        (-151.0, 50.0, 0.0, ""),
        (5.0, 0.0, 0.0, ""),
        (5.0, -50.0, 1.0, ""),
        (5.0, float("nan"), float("nan"), ""),
        (5.0, 50.0, float("nan"), "10.0 %"),  # one replication
        (0.04, 100.0, 0.0, ""),
    ],
)
def test_no_per_cent_of_nearly_nothing(change, base, se, text):
    """Where the base is nearly 0, or the change many times it, the per cent is left away."""
    assert plain(phrasing.per_cent_of(change, base, se)) == text


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

    assert listed([]) == ""

    policies = {
        "baseline": {"a": policy("closure"), "b": policy("bureau", False), "c": policy("pricing"), "d": policy("npl")},
        "other": {
            **{"a": policy("closure", size=2), "b": policy("bureau", False, 9), "c": policy("pricing", False)},
            **{"d": policy("npl"), "e": policy("regrant")},
        },
    }
    comparison = SimpleNamespace(reference=lambda variant: "baseline", policies=policies)

    assert reasons.changed_kinds(comparison, "other") == ["closure", "pricing", "regrant"]
    assert reasons.changed_kinds(comparison, "baseline") == []


def stub(monkeypatch, changes):
    """Return evidence in which measures changed by `changes` {name: four samples}, and all others by nothing."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("other")])

    def samples(variant, measure, window="whole"):
        return 100 + (np.array(changes.get(measure, [0.0] * 4)) if variant == "other" else np.zeros(4))

    monkeypatch.setattr(comparison, "samples", samples)
    return Evidence(comparison, "other")


@pytest.mark.parametrize(
    ("hard", "verdict"),
    [(0.1, "at most 1.8 % of"), (0.8, "not shown to be within 10 %"), (20.0, "That is not shown to be smaller than")],
)
def test_hard_default_is_bounded_by_the_change_in_forgotten_overdue(monkeypatch, hard, verdict):
    """The bound is of the 95 % interval: mean ± 3.18 se of four samples, over the mean fall of ten."""
    refused = [-hard, hard, hard, -hard]
    e = stub(monkeypatch, {"mean_dpd30_forgot": [-9.9, -10.1, -10.0, -10.0], "mean_dpd90_will_not": refused})
    first, second = (plain(text) for text in forgetting(e, "the reminder"))

    assert "that reason, on average, fall by 10.0" in first
    assert verdict in second and ("at most" in second) is (hard < 20)
    change = e.change(*HARD)
    assert change.bound / 10 == pytest.approx(3.18244630528 * hard / np.sqrt(3) / 10, rel=1e-9)


def test_without_a_change_in_forgetting_nothing_is_bounded(monkeypatch):
    """A bound in shares of a change that may be chance would say nothing."""
    _, second = forgetting(stub(monkeypatch, {}), "the reminder")

    assert "confidence" not in second


def test_every_kind_of_policy_has_its_reasons():
    """A policy file without sentences fails here; those of SCENARIO_OF are read below."""
    assert set(SCENARIO_OF) <= set(kinds())
    assert all(hasattr(module, "why") for module in kinds().values())


@pytest.mark.parametrize("kind", SCENARIO_OF)
def test_reasons_are_sentences(kind):
    """In the shipped scenario of each kind every variant has reasons: whole sentences, and no number is missing."""
    comparison = shipped(SCENARIO_OF[kind], months={"npl_sale": 36, "regrant": 24}.get(kind, 7))  # some act late
    for variant in comparison.variants:
        said = reasons.reasons(comparison, variant)
        assert reasons.changed_kinds(comparison, variant) == ([] if variant in PRICES else [kind])
        assert len(said) >= 2, said
        for sentence in said:
            assert sentence.endswith("."), sentence
            assert not sentence[0].islower() or sentence.startswith(variant), sentence
            assert not re.search(r"\b(nan|inf|None)\b|\.\.|;\.", sentence), sentence


def test_freezing_alone_is_explained_by_the_exposure():
    """Who closes nobody still reads what freezing does; who closes reads what that costs."""
    comparison = shipped("freeze_close", borrowers=3000, months=12, replications=10)

    alone, closing = (plain(reasons.reasons(comparison, name)[0]) for name in ("freeze_only", "early"))

    number = r"[\d,.]+ ± [\d.]+"
    falls = rf"Exposure: the mean balance at default falls by CNY {number} \([\d.]+ %\); "
    assert re.match(falls + f"{number} accounts are frozen at the end of lending, and none is closed", alone)
    total = rf"{number} accounts are closed, {number} of them of good customers \(the better half by quality, which no "
    assert re.match(rf"{total}lender sees\); {number} are closed after a forgotten bill, {number} of those", closing)


def test_closures_of_a_book_of_roll_rates_have_no_reason():
    """All closures come first; where no cause is known none is counted as forgotten, and that is said."""
    comparison = shipped("taiwan_cards", borrowers=300)
    said = [plain(sentence) for sentence in reasons.reasons(comparison, "close_at_30")]

    every = plain(Evidence(comparison, "close_at_30").level("n_closures"))
    assert said[0] == f"{every} accounts are closed; of none is it known why they were late."
    assert comparison.estimate("close_at_30", "n_closures").value > 10
    assert "The causes of the net loss are not known in this book." in said
    assert "forgotten" not in " ".join(said)


def test_some_causes_of_closures_may_be_unknown(monkeypatch):
    """Those of which the cause is not known are counted apart."""
    e = stub(monkeypatch, {"n_closures": [100.0] * 4, "n_closures_unknown": [-40.0] * 4})
    first, second = (plain(text) for text in list(policy_of("closure").why(e))[:2])

    assert first.startswith("200 accounts are closed, 100 of them of good customers")
    assert second == "of 60 closed accounts it is not known why they were late."


def test_where_a_policy_reads_the_book_nobody_is_said_to_be_swapped_or_not():
    """Swap sets are not worked out then: the report says so, and by how much more are declined."""
    comparison = shipped("triggers", months=12, replications=10)
    said = plain(reasons.reasons(comparison, "stop_when_bad")[0])

    assert said.startswith(
        "Swap sets are not worked out where a policy reads last month's book: applications declined "
    )
    assert re.search(r"applications declined (may rise \(\+|rise by )[\d,]+ ± \d+", said)
    assert comparison.sides("stop_when_bad") == [] and comparison.sides("stop") == ["out"]
    assert not reasons.reasons(comparison, "stop")[0].startswith("Swap sets")
    page = render.render(comparison, {}, [])
    assert "obody is swapped" not in page


PRICE = """
extends = "%s"
[policy.review]
kind = "underwriting"
enabled = false
score_cutoff = 0
[policy.partner]
kind = "joint_lending"
enabled = false
share = 0.3
[variant.dear_money]
costs.funding_rate = 0.09
[variant.not_in_force]
policy.review.score_cutoff = 500
[variant.no_effect]
policy.review.enabled = true
"""


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """Return a function of replications that gives a comparison of lenders with other prices, or none."""
    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(PRICE % (ROOT / "scenarios" / "base" / "consumer.toml").as_posix())

    def of(replications):
        sizes = SIZES | {"replications": replications}
        return compare(load_scenario(path, ["run_off_months=6", "run_on_months=6"], **sizes)).comparison

    return of


def test_a_variant_without_a_policy_is_explained_by_income_and_cost(prices):
    """The lines that moved stand first, then what they come to; lines that did not move are not among them."""
    comparison = prices(3)
    said = [plain(sentence) for sentence in reasons.reasons(comparison, "dear_money")]

    assert re.fullmatch(r"Funding cost rises by CNY [\d,]+ ± [\d,]+ \([\d.]+ %\)\.", said[0])
    assert re.match(r"Profit falls by CNY .*, net present value is exactly the same\.", said[1])
    assert "for no single cause" not in " ".join(said)


def test_the_largest_line_stands_first(monkeypatch):
    """Lines are in the order of what they moved by, and those within four standard errors are left out."""
    some = {"interest": [9.0, 11, 10, 10], "net_loss": [-90.0, -110, -100, -100], "fees": [-9.0, 11, 10, 10]}
    first, second = (plain(text) for text in reasons.by_line(stub(monkeypatch, some)))

    assert re.fullmatch(r"net loss falls by CNY 100\.0 ± \S+ \(\S+ %\); interest rises by CNY 10\.00 ± .*", first)
    assert "fees" not in first and second.startswith("profit is exactly the same")


def test_what_changes_nothing_is_said_to(prices):
    """A setting of a policy that is off is not in force; a policy that declines nobody is, to no effect."""
    comparison = prices(3)
    terminal = " ".join(str(part) for part in summary_table(comparison))
    page = render.render(comparison, {}, [])
    for variant, what in (("not_in_force", "nothing that is in force"), ("no_effect", "underwriting, to no effect")):
        said = f"It changes {what}: every measure is exactly that of baseline."
        assert reasons.reasons(comparison, variant) == [said]
        assert f"Why {variant}: {said}" in terminal and said in page
        assert comparison.is_same(variant)
    assert not comparison.is_same("dear_money")


@pytest.mark.parametrize("name", ["both", "cut_off", "freeze_close", "write_off_neutral", "insurance"])
def test_one_replication_says_nothing_of_chance(name):
    """Neither terminal nor page speaks of chance or standard errors, but for the one sentence that there are none."""
    comparison = shipped(name, replications=1, months=12)
    page = render.render(comparison, {}, pictures(comparison) if name == "insurance" else [])  # drawing takes long
    page = re.sub(r"<h2>Words</h2>.*?</details>", "", page, flags=re.DOTALL)  # the glossary says what they mean
    page = re.sub(r"<svg.*?</svg>|<style>.*?</style>|<[^>]*>", "", page, flags=re.DOTALL)
    once = phrasing.without_errors(comparison.frame)
    for text in (page, "\n".join(str(part) for part in summary_table(comparison))):
        rest = text.replace(once, "", 1).replace("No winner is named: one replication has no standard error", "", 1)
        assert rest != text and once not in rest
        assert not re.search(r"chance|standard error|95.% interval|±|\bclear\b|\bnan\b", rest)


@pytest.mark.parametrize(("profit", "npv", "tied", "said"), [
    (-10.0, 10.0, -500.0, "less of the lender's own money is tied up (−CNY 500.00 ± "),
    (10.0, -10.0, 500.0, "more of the lender's own money is tied up (+CNY 500.00 ± "),
    (-10.0, -10.0, -500.0, ""),
    (-10.0, 10.0, 500.0, ""),
    (-10.0, 10.0, 0.0, ""),
])  # fmt: skip
def test_money_set_free_is_named_where_value_and_profit_part(monkeypatch, profit, npv, tied, said):
    """The discount rate is the reason only where profit and value move apart and the money tied up goes with them."""
    noise = np.array([0.9, 1.1, 1.0, 1.0])
    e = stub(monkeypatch, {"profit": profit * noise, "npv": npv * noise})
    change = reasons.paired(100 + tied * noise, np.full(4, 100.0), "CNY")
    monkeypatch.setattr(e, "money_tied_up", lambda: change)
    told = plain(e.value())

    assert ("tied up" in told) is bool(said) and said.rstrip("0. ±") in told
    if said:
        assert "worth the discount rate of 8.0 % a year to net present value and the funding rate of 4.0 %" in told


def test_money_tied_up_is_the_average_own_balance():
    """The mean over months of the mean of the own balance at their start and end, in the currency."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.7)])
    change = Evidence(comparison, "cut").money_tied_up()
    first, second = (comparison.ledgers[name].total("own_balance") / 100 for name in ("cut", "baseline"))
    between = first - second
    expected = (between.sum(axis=1) - (between[:, 0] + between[:, -1]) / 2) / comparison.frame.horizon

    assert change.value == pytest.approx(expected.mean(), rel=1e-12) and change.value < 0


@pytest.mark.parametrize("name", ["insurance", "partner_share"])
def test_who_shares_the_loss_reads_of_value_and_own_loss(name):
    """Every variant's first reason has net present value, by which it is ranked; the terminal shows the own loss."""
    comparison = shipped(name)
    for variant in comparison.variants:
        assert "net present value" in reasons.reasons(comparison, variant)[0]
    table = next(part for part in summary_table(comparison) if hasattr(part, "columns"))
    heads = [column.head for column in table.columns]
    assert heads[0].startswith("own net loss, CNY") and not any(head.startswith("net loss") for head in heads)


def test_the_date_of_a_write_off_moves_the_stock_and_not_the_loss():
    """Where the same collectors work open and written-off accounts, the report says so."""
    said = plain(reasons.reasons(shipped("write_off_neutral", months=12, replications=18), "at_180")[0])

    assert re.search(r"stock of 90 days and more falls by CNY [\d,]+ ± [\d,]+", said)
    assert "net present loss is exactly the same" in said


def test_swap_sets_are_in_the_page_in_the_terminal_and_in_the_words():
    """Who is swapped has a table and a sentence; the numbers are those of the swap sets."""
    comparison = shipped("cut_off", months=12)
    page = plain(re.sub(r"\s+", " ", render.render(comparison, {}, pictures(comparison))))
    count = plain(" ".join(phrasing.count(*comparison.swapped("weak_score", "out", "n_granted"))))
    terminal = " ".join(str(part) for part in summary_table(comparison))

    assert "Who is swapped" in page and "baseline takes, “Cut-off 480, a score that knows little” declines" in page
    assert f"“Cut-off 480, a score that knows little” declines {count} accounts that baseline takes" in page
    worth = plain(phrasing.number(*comparison.swapped("weak_score", "out", "npv"), "CNY"))
    assert f"net present value given up: {worth}, with" in page
    assert "Why “Cut-off 560”: “Cut-off 560” declines" in terminal
    assert "cut_off_560 takes" not in page  # who only raises the bar swaps nobody in


def test_causes_and_rating_power_are_in_the_page():
    """Bad debt, closures, good customers and overdue stand by cause for every variant; the ratings have a sentence."""
    comparison = shipped("freeze_close", months=18, borrowers=1500)
    page = render.render(comparison, {}, pictures(comparison))
    for section in BY_CAUSE:
        assert section in page
    assert "ranks who defaults within 12 months with a Gini of" in page
    assert "Freeze at 7 days late, close at 150 against baseline" in page and "closed after a forgotten bill" in page

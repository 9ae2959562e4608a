"""What a run says in Chinese: no English is left between its names and numbers."""

import pickle
import re

import pytest
import tomlkit

import simulator
import toy_book
from conftest import ROOT
from simulator import compare
from simulator.analysis.comparison import Comparison
from simulator.analysis.estimates import Difference
from simulator.analysis.measures import MEASURES
from simulator.analysis.measures.loss import CAUSE_WORDS
from simulator.decision.flips import Flip
from simulator.decision.flips_page import until
from simulator.decision.vary import Varied
from simulator.decision.worth import FEWEST
from simulator.language.catalogue import CHINESE, anew, say, speaking
from simulator.policy.registry import in_words, kinds, policy_of
from simulator.report import phrasing
from simulator.report.reasons import Change, Evidence, reasons
from simulator.scenario.reader import load_scenario

ENGLISH = re.compile(r"[A-Za-z][a-z'-]*(?:[ \u00a0][A-Za-z][a-z'-]*){2}")  # three English words in a row
SIZES = {"borrowers": 300, "replications": 3, "months": 14}
FRAME = toy_book.ledger().frame  # of lenders without titles


def english_in(sentences):
    """Return the sentences in which English is left."""
    return [sentence for sentence in sentences if ENGLISH.search(sentence)]


@pytest.fixture(scope="module")
def of_kind(tmp_path_factory):
    """Return a function that gives the comparison of a small book with a policy of a kind and without it."""
    done = {}

    def compared(kind):
        if kind not in done:
            own = {"kind": kind, "enabled": False, **policy_of(kind).EXAMPLE}
            world = {
                "extends": (ROOT / "tests" / "plain_world.toml").as_posix(),
                "policy": {"own": own},
                "variant": {"on": {"policy": {"own": {"enabled": True}}}},
            }
            path = tmp_path_factory.mktemp(kind) / "world.toml"
            path.write_text(tomlkit.dumps(world), encoding="utf-8")
            done[kind] = compare(load_scenario(path, ["run_off_months=6", "run_on_months=6"], **SIZES)).comparison
        return done[kind]

    return compared


class NamedChange(Change):
    """A change that is told by what changes alone."""

    def clause(self, what, plural=False):
        """Return what changes."""
        return what


class Named(Evidence):
    """Evidence of which a clause is what changes alone: the rest of it is the report's."""

    def change(self, *measures):
        """Return the change, told by what changes."""
        return NamedChange(*super().change(*measures))

    def swap_change(self, measure):
        """Return the change, told by what changes."""
        return NamedChange(*super().swap_change(measure))

    def clause(self, what, *measures, plural=False):
        """Return what changes."""
        return what

    def value(self):
        """Return its name alone."""
        return "净现值"

    def label(self, name):
        """Return the name in the catalogue."""
        return say(CAUSE_WORDS[name].label if name in CAUSE_WORDS else MEASURES[name].label)


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_policy_says_why_in_chinese(kind, of_kind):
    """Every sentence of every kind is the catalogue's, with what changes named in Chinese; its name is too."""
    evidence = Named(of_kind(kind), "on", kind)
    with speaking(CHINESE):
        said = list(policy_of(kind).why(evidence))
        assert said
        assert not english_in(said)
        assert all(sentence.endswith("。") for sentence in said)
        assert not re.search("[A-Za-z]", in_words(kind))
    english = list(policy_of(kind).why(evidence))
    assert len(english) == len(said)
    assert all(sentence.endswith(".") for sentence in english)


def test_a_users_own_policy_speaks_for_itself(tmp_path):
    """The sentences and the name of a file of the user's own are said as they stand, whatever language is spoken."""
    with speaking(CHINESE):
        assert in_words(f"file:{tmp_path}/limit_cut.py") == "limit cut"


def test_what_a_run_keeps_is_english_and_said_in_chinese():
    """Cautions, warnings and verdicts are English as data, and none is left when they are said anew."""
    dear = {"policy": {"dear": {"kind": "pricing", "rate": 2.0, "source": "a test", "status": "assumption"}}}
    found = load_scenario(
        {"extends": (ROOT / "scenarios" / "pricing.toml").as_posix(), **dear},
        ["run_off_months=6", "run_on_months=6", 'cautions=["what the user wrote"]'],
        **SIZES,
    )
    comparison = compare(found).comparison
    one = compare(found.with_replications(1)).comparison
    said = [*comparison.warnings(), comparison.verdict().reason, one.verdict().reason, comparison.unstated("es99")]
    dear_words = [text for text in said if "a year, above" in text]
    assert dear_words
    with speaking(CHINESE):
        assert [anew(text) for text in said if text == "what the user wrote"] == ["what the user wrote"]
        told = [anew(text).replace("Half the rate", "·") for text in said if text != "what the user wrote"]
        assert not english_in(told)
        assert all(re.search("[\u4e00-\u9fff]", text) for text in told)
        assert said == [*comparison.warnings(), comparison.verdict().reason, one.verdict().reason, said[-1]]


@pytest.mark.parametrize("is_sure", [True, False])
@pytest.mark.parametrize("loss", [-3.0, 3.0])
def test_rates_that_move_against_the_loss_are_said_whole(loss, is_sure, monkeypatch):
    """Both rates or one, up or down, sure or not: the warning is one sentence in both languages."""
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.7)])

    def difference(variant, measure, window="whole", against=None):
        value = loss if measure == "net_loss" else -loss
        return Difference(value, 1.0, *((value, value) if is_sure else (-4.0, 4.0)), 1.0)

    monkeypatch.setattr(comparison, "difference", difference)
    (said,) = comparison.warnings()
    moves = "fall while the net loss rises" if loss > 0 else "rise while the net loss falls"
    doubt = "" if is_sure else ", though not all beyond chance"
    assert said.startswith(f"cut: the net charge-off rate and the bad-debt rate {moves}{doubt}. The rate divides")
    with speaking(CHINESE):
        assert anew(said).startswith("cut：净核销率与坏账率")
        assert not english_in([anew(said)])


@pytest.fixture(scope="module")
def doubted(tmp_path_factory):
    """Return the comparison of a small book under as many draws as tell what is worth knowing, and what turns it."""
    world = {
        "extends": (ROOT / "tests" / "plain_world.toml").as_posix(),
        "discount_rate": {"value": 0.06, "range": [0.03, 0.12]},
        "costs": {"operating_cost": {"value": 1.0, "range": [0.5, 2.0]}},
        "variant": {"cut": {"policy": {"cut": {"enabled": True}}}},
    }
    path = tmp_path_factory.mktemp("doubted") / "world.toml"
    path.write_text(tomlkit.dumps(world), encoding="utf-8")
    found = load_scenario(path, ["run_off_months=6", "run_on_months=6"], borrowers=200, months=6)
    return simulator.compare(found, threads=2, doubt=FEWEST).comparison


def test_the_choice_under_doubt_is_said_in_either_language(doubted):
    """One comparison says how sure the choice is in both languages, in any order, and after it was pickled."""

    def told(of):
        by_measure, sought = of.would_change()
        flips = [line for _, home, said in by_measure for line in (home, *said)]
        return [*of.of_choice(), *flips, sought, of.worth_knowing(), *map(anew, of.cautions)]

    english = told(doubted)
    with speaking(CHINESE):
        chinese = told(doubted)
        assert told(pickle.loads(pickle.dumps(doubted))) == chinese
    assert told(doubted) == english and len(english) == len(chinese)
    assert not english_in(chinese)
    assert english[0].startswith("Best by net present value, chance taken out: ")
    assert chinese[0].startswith("剔除随机性后，按净现值")
    assert any("Another is best if: " in line for line in english)


def test_a_flip_is_said_both_ways():
    """A place above or below, of a whole number or not, sure, open or not sought: whole clauses in Chinese too."""
    share, months = (
        Varied(key, 0, 12, 0, value, unit, False) for key, value, unit in (("a", 0.5, ""), ("b", 6, "months"))
    )
    flips = [
        Flip(one, "npv", at, low, high, "x", "cut", replications)
        for one in (share, months)
        for at in (0.0, 12.0)
        for low, high, replications in ((1.0, 11.0, 9), (None, 11.0, 9), (None, None, 9), (1.0, 11.0, 1))
    ]
    said = [until(flip, FRAME) for flip in flips]
    assert said[0] == "a falls below 0 (now 0.5; 95 % interval 1 to 11), then cut is"
    assert said[-1] == "b rises to 12 months (now 6 months; no interval: as the screen has it), then cut is"
    with speaking(CHINESE):
        told = [until(flip, FRAME) for flip in flips]
        assert not english_in(told)
        assert told[-1] == "b 升至 12 个月（当前 6 个月；无区间：为初筛结果），则“cut”最优"


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_reasons_of_a_variant_are_chinese(kind, of_kind):
    """Nothing English is left in what the report says of a variant that changes a kind, and nothing of it stays."""
    comparison = of_kind(kind)
    english = reasons(comparison, "on")
    with speaking(CHINESE):
        said = reasons(comparison, "on")
    assert len(said) == len(english)
    assert not english_in(said)
    assert all(line.endswith("。") for line in said)
    assert reasons(comparison, "on") == english


def test_whose_a_setting_is_is_said():
    """The baseline and a world have their words, a lender has the name that the user gave."""
    names = ("baseline", "world bad", "cut")
    assert [phrasing.named(name, FRAME) for name in names] == ["baseline", "world bad", "cut"]
    with speaking(CHINESE):
        assert [phrasing.named(name, FRAME) for name in names] == ["基准", "环境 bad", "cut"]


def test_what_flips_answer_is_said_in_either_language():
    """Who is best, how many numbers were moved and what turns that: whole sentences in Chinese too."""
    world = {
        "extends": (ROOT / "tests" / "plain_world.toml").as_posix(),
        "variant": {"cut": {"policy": {"cut": {"enabled": True}}}, "close": {"policy": {"close": {"enabled": True}}}},
    }
    found = simulator.flips(
        load_scenario(world, ["run_off_months=6", "run_on_months=6"], borrowers=200, replications=4, months=6),
        keys=["discount_rate", "costs.funding_rate"],
        threads=2,
    )
    english = found.answers
    with speaking(CHINESE):
        chinese = found.answers
    assert found.answers == english and len(chinese) == len(english) >= 3
    assert not english_in(chinese)
    assert all(line.endswith("。") for line in chinese)

"""What a run says in Chinese: no English is left between its names and numbers."""

import re

import pytest
import tomlkit

from conftest import ROOT
from simulator import compare
from simulator.analysis.measures import MEASURES
from simulator.analysis.measures.loss import CAUSE_WORDS
from simulator.language.catalogue import CHINESE, say, speaking
from simulator.policy.registry import in_words, kinds, policy_of
from simulator.report.reasons import Change, Evidence
from simulator.scenario.reader import load_scenario

ENGLISH = re.compile(r"[A-Za-z][a-z'-]*(?:[ \u00a0][A-Za-z][a-z'-]*){2}")  # three English words in a row
SIZES = {"borrowers": 300, "replications": 3, "months": 14}


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
            done[kind] = compare(load_scenario(path, ["run_off_months=6"], **SIZES)).comparison
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

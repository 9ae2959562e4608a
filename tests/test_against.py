"""Which variants are compared, and with whom: `against` of a variant, and what is chosen of a scenario."""

import json
import sys
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import simulator as sim
from conftest import ROOT
from simulator.cli import app
from simulator.model.errors import UserError
from simulator.report.drawing import Drawing
from simulator.report.reasons import Evidence, changed_kinds
from simulator.scenario.reader import load_scenario
from simulator.scenario.variants import lines

TEXT = f"""
extends = "{(ROOT / "tests" / "plain_world.toml").as_posix()}"
run_off_months = 6
[variant.cut]
policy.cut.enabled = true
[variant.later]
against = "cut"
policy.cut = {{ enabled = true, at_dpd = 60 }}
[variant.strict]
against = "later"
policy.cut = {{ enabled = true, at_dpd = 60 }}
policy.review.score_cutoff = 600
"""
SMALL = {"borrowers": 400, "months": 8, "replications": 4}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return the file of a scenario of which two variants stand against other ones."""
    file = tmp_path_factory.mktemp("against") / "mine.toml"
    file.write_text(TEXT, encoding="utf-8")
    return file


class NoPictures(Drawing):
    """Draws nothing, which takes no time."""

    def pictures(self, comparison):
        """Return no picture."""
        return []


@pytest.fixture(scope="module")
def study(path):
    """Return its comparison."""
    return sim.compare(load_scenario(path, **SMALL), threads=2)


def refused(path, text):
    """Return what is said of a scenario with `text` at its end."""
    mine = path.with_name("wrong.toml")
    mine.write_text(TEXT + text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_scenario(mine)
    return [(problem.key, problem.found) for problem in error.value.problems]


def test_a_difference_is_from_whom_it_stands_against(study):
    """strict less baseline is strict less later, later less cut and cut less baseline, in every replication."""
    steps = [study.comparison.samples(name, "npv") for name in ("baseline", "cut", "later", "strict")]
    means = [np.mean(after - before) for before, after in pairwise(steps)]

    assert [study.difference(name, "npv").value for name in study.variants] == pytest.approx(means)
    whole = study.difference("strict", "npv", against="baseline").value
    assert whole == pytest.approx(sum(means))
    assert study.reference("strict") == "later" and study.reference("cut") == "baseline"


def test_what_is_said_of_a_variant_is_against_the_other(study):
    """Only what it has otherwise than the other is a reason, and whom they swap is between these two."""
    comparison = study.comparison

    assert changed_kinds(comparison, "strict") == ["underwriting"]
    assert Evidence(comparison, "strict").baseline == "later"
    assert list(comparison.swaps) == ["strict"]
    declined = comparison.swaps["strict"].out.total("n_granted").sum()
    assert (
        declined
        == (comparison.ledgers["later"].total("n_granted") - comparison.ledgers["strict"].total("n_granted")).sum()
    )


def test_the_files_say_whom_a_difference_is_from(study, tmp_path):
    """summary.json, comparison.parquet and the page name the other; the saved study and scenario say it again."""
    folder = study.save(tmp_path / "out", drawing=NoPictures(1))
    summary = json.loads((folder / "summary.json").read_text())
    rows = pq.read_table(folder / "comparison.parquet").to_pylist()
    again = sim.load_study(folder)

    assert summary["against"] == {"later": "cut", "strict": "later"}
    assert {(row["variant"], row["baseline"]) for row in rows} == {
        *(("baseline", "baseline"), ("cut", "baseline"), ("later", "cut"), ("strict", "later"))
    }
    assert "<h3>strict against later</h3>" in (folder / "report.html").read_text()
    assert again.reference("strict") == "later" and repr(again) == repr(study)
    assert again.difference("strict", "npv").value == study.difference("strict", "npv").value
    with pytest.raises(UserError, match="no difference of strict from baseline"):
        again.difference("strict", "npv", against="baseline")
    assert load_scenario(folder / "scenario.toml").against == study.scenario.against


def test_whom_a_variant_stands_against_moves_no_stored_number(study, path):
    """The same variants in the same order have the same digest, against whomever they stand."""
    plain = sim.compare(study.scenario.choose(against="baseline"), threads=2)

    assert plain.result_digest == study.result_digest
    assert plain.scenario.digest() != study.scenario.digest()
    assert plain.scenario.against == {} and "against" not in plain.comparison.summary()


def test_every_wrong_against_is_said_at_once(path):
    """Itself, an unknown name, no name and a circle are one error each, beside other mistakes."""
    wrong = """
    [variant.self]
    against = "self"
    [variant.lost]
    against = "cuts"
    [variant.number]
    against = 3
    policy.cut.kep = 0.1
    [variant.a]
    against = "b"
    [variant.b]
    against = "c"
    [variant.c]
    against = "a"
    """
    assert refused(path, wrong) == [
        ("variant.self.against", "a variant against itself"),
        ("variant.lost.against", "no such variant: 'cuts'"),
        ("variant.number.against", "found 3"),
        ("variant.a.against", "circular: a -> b -> c -> a"),
        ("variant.number.policy.cut.kep", "unknown key"),
    ]


def test_a_choice_keeps_the_order_and_refuses_every_wrong_name(path):
    """`only` and `without` are of the scenario's variants; who is left out cannot be stood against."""
    scenario = load_scenario(path)

    assert list(scenario.choose(["later", "cut"]).variants) == ["cut", "later"]
    assert scenario.choose(without="strict").against == {"later": "cut"}
    assert scenario.choose(["cut", "strict"], against="strict").against == {"cut": "strict"}
    with pytest.raises(UserError) as error:
        scenario.choose(["cuts"], without=["x"], against="y")
    assert [(p.file, p.key) for p in error.value.problems] == [("variant", "cuts"), ("variant", "x"), ("against", "y")]
    with pytest.raises(UserError, match=r"variant\.later\.against: 'cut' is left out"):
        scenario.choose(without="cut")
    with pytest.raises(UserError, match="none is left"):
        scenario.choose("cut", without="cut")


def test_check_says_whom_a_variant_stands_against(path):
    """The line of each variant names the other."""
    assert lines(load_scenario(path))[1].startswith("  later, against cut: policy.cut.enabled = true")


def test_the_options_choose_variants(path, monkeypatch):
    """compare takes names between commas and again; run takes none of these options, and says so for each."""
    asked = []
    monkeypatch.setattr(sim, "compare", lambda scenario, *_: asked.append(scenario) or sys.exit(0))
    chosen = ["--variant", "cut,later", "--variant=strict", "--without=strict", "--against=later"]
    CliRunner().invoke(app, ["compare", str(path), *chosen, f"--out={path.parent / 'out'}"])

    assert [(list(scenario.variants), scenario.against) for scenario in asked] == [(["cut", "later"], {"cut": "later"})]
    with pytest.raises(UserError) as error:
        CliRunner().invoke(app, ["run", str(path), "--variant=cut", "--against=cut"], catch_exceptions=False)
    assert [problem.file for problem in error.value.problems] == ["--variant", "--against"]

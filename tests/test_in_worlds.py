"""Worlds: all variants in another economy, book or doubt, each against the baseline of its own world."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import simulator as sim
from conftest import ROOT
from simulator.analysis.comparison import Verdict
from simulator.analysis.ledger import RunFrame
from simulator.analysis.worlds import verdict_in
from simulator.model.errors import UserError
from simulator.report import worlds as words
from simulator.report.drawing import Drawing
from simulator.scenario.reader import load_scenario
from simulator.scenario.variants import lines

PLAIN = (ROOT / "tests" / "plain_world.toml").as_posix()
SEVERE = (ROOT / "scenarios" / "economies" / "severe.toml").as_posix()
TEXT = f"""
extends = "{PLAIN}"
run_off_months = 6
segment.salaried.score_gini = 0.1
[variant.cut]
policy.cut.enabled = true
[variant.dearer]
against = "cut"
products.line.interest_rate = 0.0006
"""
WORLDS = f"""
[world.same]
title = "Nothing changes"
[world.severe]
title = "As from 2008"
extends = "{SEVERE}"
economy.job_loss_per_point = 0.6
"""
SMALL = {"borrowers": 400, "months": 10, "replications": 4}


class Told:
    """Remembers what it is told."""

    def __init__(self):
        self.notes, self.done, self.total = [], 0, 0

    def started(self, stage):
        """Do nothing."""

    def advanced(self, what, done, total):
        """Add up."""
        self.done, self.total = self.done + done, total

    def note(self, line):
        """Keep it."""
        self.notes.append(line)


class NoPictures(Drawing):
    """Draws nothing, which takes no time."""

    def pictures(self, comparison):
        """Return no picture."""
        return []


def written(folder, text, name="mine.toml"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the file of a scenario that has two worlds beside its own."""
    place = tmp_path_factory.mktemp("worlds")
    written(place, TEXT + WORLDS)
    return place


@pytest.fixture(scope="module")
def told():
    """Return an observer."""
    return Told()


@pytest.fixture(scope="module")
def study(folder, told):
    """Return its comparison in all of them."""
    return sim.compare(load_scenario(folder / "mine.toml", **SMALL), threads=2, observer=told)


def refused(folder, text):
    """Return what is said of a scenario with `text` at its end."""
    with pytest.raises(UserError) as error:
        load_scenario(written(folder, TEXT + text, "wrong.toml"))
    return [(problem.key, problem.found) for problem in error.value.problems]


# ---- what a world is -----------------------------------------------------------------------------
def test_a_world_that_changes_nothing_has_the_same_numbers(study):
    """Same people, same random numbers: equal to the unit in every sum, and the world does exactly nothing."""
    same = study.worlds["same"]

    assert same.result_digest == study.comparison.result_digest
    for measure in ("npv", "net_loss", "dpd30_share_balance"):
        d = study.effect("same", measure, "cut")
        assert (d.value, d.se) == (0.0, 0.0)
        assert same.difference("dearer", measure) == study.difference("dearer", measure)


def test_a_world_is_the_scenario_with_its_layer_on_the_baseline(folder, study):
    """In every sum the severe world is a file of its own that lays the economy on the other and extends its variants.

    So each variant stands against the baseline of its world, and dearer against cut there, too.
    """
    text = TEXT.replace(f'"{PLAIN}"', f'["{PLAIN}", "{SEVERE}"]') + "[economy]\njob_loss_per_point = 0.6\n"
    scenario = load_scenario(written(folder, text, "severe.toml"), **SMALL)
    # its score is that of the file as written, whatever it would take in this economy
    alone = sim.compare(replace(scenario, written=study.scenario.as_written), threads=2)

    assert alone.result_digest == study.worlds["severe"].result_digest != study.comparison.result_digest
    assert study.worlds["severe"].reference("dearer") == "cut"
    for lender in ("cut", "dearer"):
        assert alone.difference(lender, "npv") == study.worlds["severe"].difference(lender, "npv")


def test_what_a_world_does_is_paired(study):
    """The effect on a lender is its value there less its value as written, replication by replication."""
    severe = study.worlds["severe"]
    there, here = (each.comparison.samples("cut", "net_loss") for each in (severe, study))

    assert study.effect("severe", "net_loss", "cut").value == pytest.approx(np.mean(there - here))


def test_a_score_is_one_thing_in_every_world(study):
    """The correlation that gives the Gini asked for is found in the file's own world, and used in all."""
    found = [each.facts["scores"]["cut"] for each in (study, study.worlds["same"])]
    elsewhere = study.facts["worlds"]["severe"]

    assert found[0] == found[1] and "scores" not in elsewhere


def test_a_number_of_a_variant_means_the_same_in_every_world(folder):
    """Without a unit it has that of the file, whatever unit a world gives; also where it says what the file says."""
    text = """
    [variant.as_ever]
    products.line.interest_rate = 0.0005
    [world.yearly]
    products.line.interest_rate = { value = 0.1, unit = "per year" }
    """
    scenario = load_scenario(written(folder, TEXT + text, "units.toml"))
    again = load_scenario(written(folder, scenario.text(), "again.toml"))

    def rates(of):
        return [
            [lender.products.line.interest_rate for lender in (world.baseline, *world.variants.values())]
            for world in of.every_world.values()
        ]

    daily = 365 / 12 * 0.0005
    assert rates(scenario) == pytest.approx(
        np.array([[daily, daily, 1.2 * daily, daily], [0.1 / 12, 0.1 / 12, 1.2 * daily, daily]])
    )
    assert rates(again) == pytest.approx(np.array(rates(scenario)), rel=1e-15)
    assert again.digest() == scenario.digest() != scenario.as_written.digest()


def test_a_book_may_be_a_world(folder):
    """A world may have other people; --borrowers resizes it too, with its own applicants, and says so."""
    text = "[world.large]\nportfolio.borrowers = 40_000\nportfolio.applicants_per_month = 4000"
    scenario = load_scenario(written(folder, TEXT + text, "book.toml"), borrowers=400)
    books = [world.baseline.portfolio for world in scenario.every_world.values()]

    assert [(book.borrowers, book.applicants_per_month) for book in books] == [(400, 4), (400, 40)]
    assert scenario.remarks[1].startswith("world large: --borrowers 400: applicants")
    assert load_scenario(folder / "book.toml").worlds["large"].baseline.portfolio.borrowers == 40_000


def test_worlds_are_inherited_left_out_and_told_by_check(folder):
    """A file takes the worlds of the one it extends, or leaves them out; check says whose each is."""
    text = f'extends = "{(folder / "mine.toml").as_posix()}"\n[world]\nsame = false\n'
    scenario = load_scenario(written(folder, text, "heir.toml"))

    assert list(scenario.worlds) == ["severe"]
    said = lines(scenario)[-1]
    assert (
        said.startswith(f"  world severe (inherited from {folder / 'mine.toml'}): ")
        and "job_loss_per_point = 0.6" in said
    )
    assert list(scenario.choose("cut").worlds["severe"].variants) == ["cut"]


def test_every_wrong_world_is_said_at_once(folder):
    """Names, keys that all worlds share, layers in layers and wrong values, each with its key."""
    text = """
    [world]
    lost = false
    number = 3
    [world.as_written]
    [world.longer]
    months = 12
    economy.unemployment = 2.0
    variant.cut.policy.cut.keep = 0.1
    """
    assert refused(folder, text) == [
        ("world.lost", "no such world to leave out"),
        ("world.number", "found 3"),
        ("world.as_written", "not a name for a world"),
        ("world.longer.months", "not allowed in a world"),
        ("world.longer.variant", "not allowed in a world"),
        ("world.longer.economy.unemployment", "found 2.0"),
    ]


def test_what_a_variant_is_wrong_in_only_there_is_said(folder):
    """A variant that is right by itself and contradicts a world is named, with the world."""
    text = "[world.early]\npolicy.write_off.at_dpd = 60\n[variant.late]\npolicy.sell_open = {enabled=true, at_dpd=120}"
    with pytest.raises(UserError) as error:
        load_scenario(written(folder, TEXT + text, "wrong.toml"))
    (problem,) = error.value.problems

    assert problem.key.startswith("variant.late.policy.sell_open") and problem.allowed.endswith("(in world early)")


# ---- who is best ---------------------------------------------------------------------------------
def verdict(leader, winner=None, sure=0.9):
    return Verdict(winner, None, None, "why", leader, sure)


def test_the_best_of_every_world_must_win_in_each():
    """One that wins in each is named with the least certainty; one that only leads is not; a world may turn it."""
    best = verdict_in({"as_written": verdict("a", "a", 0.99), "bad": verdict("a", "a", 0.98)})
    leads = verdict_in({"as_written": verdict("a", "a", 0.99), "bad": verdict("a")})
    turned = verdict_in({"as_written": verdict("a", "a"), "bad": verdict("b", "b"), "worse": verdict("b")})

    assert (best.winner, best.probability, best.turned_by) == ("a", 0.98, ())
    assert (leads.winner, leads.leader, leads.probability) == (None, "a", 0.9)
    assert (turned.winner, turned.leader, turned.turned_by) == (None, None, ("bad", "worse"))
    assert np.isnan(turned.probability)
    frame = RunFrame("", (), (), 1, 0, 1, 1)

    assert "as far as chance goes, at least 98 % sure in each".replace(" %", "\u00a0%") in words.in_words(best, frame)
    assert words.in_words(leads, frame).endswith("a leads in each, but not clearly in bad.")
    assert words.in_words(turned, frame).endswith("a as written; b in bad; b (not clearly) in worse.")


# ---- files, page, terminal -----------------------------------------------------------------------
def test_the_folder_has_every_world(study, tmp_path):
    """Each table has a column world; summary.json tells of the file's own as ever, then of the others."""
    place = study.save(tmp_path / "out", drawing=NoPictures(1))
    summary = json.loads((place / "summary.json").read_text())
    manifest = json.loads((place / "manifest.json").read_text())
    again = sim.load_study(place)
    page = (place / "report.html").read_text()

    for name in ("comparison", "monthly", "rolls", "vintages", "replications"):
        assert pq.read_table(place / f"{name}.parquet")["world"].unique().to_pylist() == [
            "as_written",
            "same",
            "severe",
        ]
    assert list(summary["worlds"]) == ["same", "severe"] and summary["worlds"]["severe"]["title"] == "As from 2008"
    own = study.comparison.summary()
    assert {key: summary[key] for key in own} == json.loads(json.dumps(own))
    severe = study.worlds["severe"].difference("cut", "npv")
    assert summary["worlds"]["severe"]["differences"]["cut"]["npv"]["value"] == severe.value
    assert summary["worlds"]["same"]["effect"]["npv"]["value"] == 0.0
    assert manifest["worlds"]["severe"]["result_digest"] == study.worlds["severe"].result_digest
    assert manifest["result_digest"] == study.result_digest == again.result_digest
    assert page.index("What follows is of the file as written") < page.index("<h2>World severe: As from 2008</h2>")
    assert again.by_world().equals(study.by_world()) and repr(again) == repr(study)
    assert repr(again.worlds["severe"]) == repr(study.worlds["severe"])
    assert again.worlds["severe"].rolls().equals(study.worlds["severe"].rolls())
    assert again.worlds["severe"].frame == study.worlds["severe"].frame
    assert again.effect("severe", "net_loss").value == study.effect("severe", "net_loss").value
    assert again.verdict_in_every_world.by_world["severe"].leader == study.worlds["severe"].verdict.leader


def test_a_scenario_without_worlds_has_one(study):
    """Its digest, summary and words know of no other; by_world has the one."""
    alone = sim.compare(study.scenario.as_written, threads=2)

    assert alone.worlds == {} and alone.result_digest == study.comparison.result_digest
    assert "worlds" not in alone.facts and "world" not in repr(alone)
    assert set(alone.by_world("npv")["world"].to_pylist()) == {"as_written"}
    assert "worlds" not in alone.comparison.summary()


def test_the_terminal_begins_with_the_worlds(study):
    """The first line says who is best in every world; each has a column."""
    console = Console(width=120, file=StringIO())
    console.print(study)
    text = console.file.getvalue()

    assert text.startswith(words.in_words(study.verdict_in_every_world, study.frame)[:60])
    head = text.partition("best  ")[0].splitlines()[-1]
    assert head.split() == ["as", "written", "same", "severe"]


# ---- beside the rest -----------------------------------------------------------------------------
def test_progress_is_of_all_worlds_and_notes_come_once(study, told):
    """What is done adds up to three times one world; what the worlds say alike is said once."""
    assert told.done == told.total == 3 * study.facts["borrower_months"]
    assert len(told.notes) == len(set(told.notes))


def test_under_doubt_all_worlds_are_drawn_alike(folder):
    """A number has the same draws in every world; a variant that changes nothing differs by exactly 0 in each."""
    text = f"""
    extends = "{PLAIN}"
    run_off_months = 6
    discount_rate = {{ value = 0.06, range = [0.03, 0.12] }}
    [variant.null]
    title = "Nothing changes"
    [world.same]
    title = "Nothing changes"
    [world.unsure]
    costs.operating_cost = {{ value = 1.0, range = [0.5, 2.0] }}
    """
    study = sim.compare(load_scenario(written(folder, text, "doubt.toml"), borrowers=200, months=6), threads=2, doubt=4)
    known = {name: each.comparison.known for name, each in study.worlds.items()}
    own = study.comparison.known

    assert [one.key for one in own.doubts] == ["discount_rate"]
    assert [one.key for one in known["unsure"].doubts] == ["discount_rate", "costs.operating_cost"]
    assert all(np.array_equal(each.z[:, 0], own.z[:, 0]) for each in known.values())
    assert all(each.difference("null", "npv").value == 0 for each in study.worlds.values())
    assert study.worlds["same"].comparison.result_digest == study.comparison.result_digest
    assert "World unsure: Best by net present value, chance taken out: " in repr(study)


def test_what_lives_one_world_says_so(folder):
    """simulate and diary live the file as written, and note that the other worlds are left out."""
    scenario, told = load_scenario(folder / "mine.toml", borrowers=50, replications=1, months=2), Told()
    study = sim.simulate(scenario, observer=told)
    sim.diary(scenario, "salaried:1", observer=told)

    assert study.worlds == {} and told.notes.count(scenario.worlds_left_out) == 2
    assert "same, severe" in scenario.worlds_left_out

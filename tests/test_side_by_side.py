"""Two saved runs side by side: what differs, what each lender's measures are in both, and whether they are paired."""

import json
import math
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

import simulator as sim
from conftest import ROOT
from simulator.analysis.estimates import Estimate, independent, paired
from simulator.model.errors import UserError
from simulator.report.side_by_side import SideBySide
from simulator.scenario.parameters import differing
from simulator.system.folders import spoiled
from test_in_worlds import NoPictures

PLAIN = (ROOT / "tests" / "plain_world.toml").as_posix()
TEXT = {
    "extends": PLAIN,
    "title": "<b>Mine</b>",
    "run_off_months": 3,
    "variant": {"cut": {"policy.cut.enabled": True}, "sooner": {"policy.close.freeze_days_late": 7}},
}
SMALL = {"borrowers": 300, "months": 4, "replications": 6}
RATE = "products.line.interest_rate"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function that lives the small world with something on top, and returns the folder and the study."""
    known, above = {}, tmp_path_factory.mktemp("runs")

    def run(name, overrides=(), **sizes):
        if name not in known:
            study = sim.compare(sim.load_scenario(TEXT, dict(overrides), **(SMALL | sizes)), threads=2)
            known[name] = study.save(above / name, drawing=NoPictures(processors=1)), study
        return known[name]

    return run


@pytest.fixture(scope="module")
def dearer(saved):
    """Return the small world beside itself with a higher rate and another cut, and both studies."""
    rate = {"value": 0.02, "unit": "per month"}
    (a, first), (b, second) = saved("a"), saved("b", {RATE: rate, "variant.cut.policy.cut.keep": 0.4})
    return sim.side_by_side(a, b), first, second


def test_what_differs_in_settings_is_listed(dearer):
    """Key, lender, and the value in force in each: where a variant says nothing itself, that of the baseline."""
    found, *_ = dearer
    rows = {(one.key, one.lender): (one.a and one.a.value, one.b and one.b.value) for one in found.settings}

    assert rows == {
        (RATE, "baseline"): (pytest.approx(0.0152083333), 0.02),
        ("policy.cut.keep", "cut"): (0.5, 0.4),
    }
    assert found.answers[0] == f"2 settings differ: {RATE}, policy.cut.keep."


def test_what_only_one_has_stands_against_nothing():
    """Lenders and worlds in one scenario alone are left out; ranges count where they are asked for."""
    a = {"x": {"value": 1, "unit": "share", "range": [0, 2]}, "variant": {"one": {"x": 3}}}
    b = {"x": {"value": 1, "unit": "share"}, "y": 2, "variant": {"other": {"x": 3}}}

    assert [(one.key, one.a, one.b.value) for one in differing(a, b)] == [("y", None, 2)]
    assert [one.key for one in differing(a, b, ranges=True)] == ["x", "y"]


def test_same_people_and_random_numbers_are_paired(dearer):
    """With seed, replications and book the same a difference is that of each replication, with its smaller error."""
    found, a, b = dearer
    by_place = {(one.lender, one.measure): one for one in found.measured}

    assert found.why_not_paired == [] and "Paired: seed 20260101, 6 replications" in found.answers[1]
    assert {lender for lender, _ in by_place} == {"baseline", "cut", "sooner"}
    for (lender, measure), one in by_place.items():
        samples = [study.comparison.samples(lender, measure) for study in (b, a)]
        assert one.is_paired and repr(one.difference) == repr(paired(*samples))
        assert one.values[0].value == pytest.approx(a.estimate(lender, measure).value)
    value = by_place["baseline", "profit"]
    assert value.difference.se < math.hypot(*(one.se for one in value.values)) / 2


def test_what_a_variant_brings_is_compared_too(dearer):
    """Its difference from the reference in A and in B, and by how much the policy brings more in B, paired."""
    found, a, b = dearer
    by_place = {(one.lender, one.measure): one for one in found.effects}
    one = by_place["cut less baseline", "profit"]
    brought = [
        study.comparison.samples("cut", "profit") - study.comparison.samples("baseline", "profit") for study in (b, a)
    ]

    assert {lender for lender, _ in by_place} == {"cut less baseline", "sooner less baseline"}
    assert repr(one.difference) == repr(paired(*brought)) and one.is_paired
    assert [x.value for x in one.values] == [pytest.approx(study.difference("cut", "profit").value) for study in (a, b)]


@pytest.mark.parametrize(
    ("name", "overrides", "sizes", "why"),
    [
        ("seed", {}, {"seed": 7}, "another seed (20260101 and 7)"),
        ("replications", {}, {"replications": 8}, "another number of replications (6 and 8)"),
        ("book", {"portfolio.applicants_per_month": 1}, {}, "another book"),
    ],
)
def test_other_people_or_random_numbers_are_not(name, overrides, sizes, why, saved):
    """Then a difference has the error of two independent runs, and the page says why."""
    (a, first), (b, second) = saved("a"), saved(name, overrides, **sizes)
    found = sim.side_by_side(a, b)

    assert found.why_not_paired == [why] and f"Not paired: {why}." in found.answers[1]
    for one in found.measured:
        d, estimates = one.difference, [study.estimate(one.lender, one.measure) for study in (first, second)]
        assert not one.is_paired and d.value == pytest.approx(estimates[1].value - estimates[0].value)
        assert d.se == pytest.approx(math.hypot(estimates[0].se, estimates[1].se))


def test_the_interval_of_two_independent_runs_is_welchs():
    """As by hand: errors 3 and 4 of 10 and 20 samples have 25^2 / (81 / 9 + 256 / 19) degrees of freedom."""
    from scipy.stats import t

    d = independent(Estimate(7.0, 3.0), 10, Estimate(5.0, 4.0), 20)

    assert (d.value, d.se) == (2.0, 5.0)
    assert d.high - 2 == pytest.approx(5 * t.ppf(0.975, 625 / (81 / 9 + 256 / 19))) == 2 - d.low
    assert independent(Estimate(7.0, 0.0), 10, Estimate(5.0, 0.0), 20).low == 2.0
    assert math.isnan(independent(Estimate(7.0, 3.0), 1, Estimate(5.0, 4.0), 20).se)


def test_numbers_that_are_drawn_are_not_paired(saved, tmp_path):
    """Under doubt each run draws for itself; errors then are over draws."""
    rate = {RATE: {"value": 0.015, "unit": "per month", "range": [0.01, 0.02]}}
    folders = []
    for name in ("one", "other"):
        scenario = sim.load_scenario(TEXT, rate, **SMALL).choose("cut")
        folders.append(
            sim.compare(scenario, threads=2, doubt=2).save(tmp_path / name, drawing=NoPictures(processors=1))
        )
        rate = {RATE: {"value": 0.015, "unit": "per month", "range": [0.012, 0.02]}}
    found = sim.side_by_side(*folders)

    assert found.why_not_paired == ["numbers in doubt, drawn for each run by itself"]
    assert [(one.key, one.a.range) for one in found.settings] == [(RATE, (0.01, 0.02))]


def test_the_same_run_is_said_to_be(saved):
    """Of a run beside itself nothing is made much of."""
    folder, study = saved("a")

    assert sim.side_by_side(folder, folder).answers == [
        f"The two runs are the same to the last number (result_digest {study.result_digest})."
    ]


def test_what_is_in_one_alone_is_told(saved, tmp_path):
    """A lender of one run, other months and another currency are said; nothing is compared that cannot be."""
    scenario = sim.load_scenario(TEXT, borrowers=200, months=3, replications=6).choose("cut")
    sim.compare(scenario, threads=2).save(tmp_path / "b", drawing=NoPictures(processors=1))
    a, b = sim.load_study(saved("a")[0]), sim.load_study(tmp_path / "b")
    abroad = json.loads(json.dumps(b.summary).replace('"CNY', '"EUR'))
    b.__dict__ |= {"frame": replace(b.frame, currency="EUR"), "summary": abroad}
    found = SideBySide(a, b)

    assert "Only in A: sooner." in found.left_out
    assert (
        "Amounts are over other months: A 4 of lending, 3 of run-off; B 3 of lending, 3 of run-off." in found.cautions
    )
    assert "Amounts are not laid side by side: A is in CNY, B in EUR." in found.cautions
    assert {one.unit for one in found.measured} <= {"share", "share per year"}
    assert any("net loss" in line for line in found.left_out)


def test_the_folder_has_page_and_numbers(dearer, tmp_path):
    """It is whole; the tables have a row for each lender and measure, and for each setting; titles are text."""
    found, *_ = dearer
    folder = found.save(tmp_path / "both")
    table = pq.read_table(folder / "measures.parquet")
    page = (folder / "report.html").read_text(encoding="utf-8")

    assert spoiled(folder) == [] and {path.name for path in folder.iterdir()} == {
        "manifest.json", "measures.parquet", "report.html", "settings.parquet",
    }  # fmt: skip
    assert table.equals(found.table) and table.num_rows == len(found.measured) + len(found.effects)
    assert pq.read_table(folder / "settings.parquet").column_names == ["key", "lender", "a", "b"]
    assert "<b>Mine" not in page and "&lt;b&gt;Mine" in page and "https://" not in page
    for said in (
        *found.answers,
        "B less A",
        "0.0152083333333 per month",
        "within chance",
        "<h2>cut less baseline</h2>",
    ):
        assert said in page
    assert not {"luck", "lucky", "dull"} & set(page.lower().split())


def test_the_command_writes_it_and_says_the_answers(saved, simulator, tmp_path, monkeypatch):
    """`report A B` writes into out/A-and-B; what it says first is what differs and whether it is paired."""
    monkeypatch.chdir(tmp_path)
    a, b = saved("a")[0], saved("seed", seed=7)[0]
    code, out, err = simulator("report", a, b)

    assert (code, err) == (0, "") and out.splitlines()[0] == "1 setting differs: seed."
    assert out.splitlines()[1].startswith("Not paired: another seed") and (tmp_path / "out/a-and-seed").is_dir()
    assert simulator("report", a, b)[0] == 2 and simulator("report", a, b, "--overwrite", "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{a}", "nowhere"], "nowhere: holds no run"),
        (["{a}", "{a}", "--excel"], "--excel: together with two folders"),
    ],
)
def test_what_cannot_be_is_told(arguments, words, saved, simulator, tmp_path, monkeypatch):
    """Exit 2, one line, nothing written."""
    monkeypatch.chdir(tmp_path)
    code, out, err = simulator("report", *(one.format(a=saved("a")[0]) for one in arguments))

    assert (code, out) == (2, "") and words in err and list(tmp_path.iterdir()) == []


def test_runs_without_a_common_lender_are_refused(saved, tmp_path):
    """A plain run calls its lender baseline, as all do: only files made by hand have none in common."""
    one, other = (sim.load_study(saved(name)[0]) for name in ("a", "seed"))
    other.__dict__["summary"] = {"variants": {"x": {}}}

    with pytest.raises(UserError, match="no lender is in both"):
        SideBySide(one, other)

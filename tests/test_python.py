"""Python's door: the examples of docs/python.md, and what every wrong name is told."""

import copy
import doctest
import json
import pickle
import re
import shutil

import numpy as np
import pytest

import simulator as sim
from conftest import ROOT
from panels import chain

PAGE = ROOT / "docs" / "python.md"
MATRIX = [[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0]]
MAPPING = """currency = "CNY"
columns = { account_id = "id", month = "month", balance = "owed", limit = "limit", payment = "paid", status = "status" }
status = { C = { bucket = 0 }, 1 = { bucket = 1 }, W = { account = "written_off" } }
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return a folder with the shipped scenarios, a small tape with its mapping, and a policy of one's own."""
    folder = tmp_path_factory.mktemp("door")
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    (folder / "map.toml").write_text(MAPPING)
    state = chain(MATRIX, 400, 4, seed=7)
    rows = ["id,month,owed,limit,paid,status"]
    for account, path in enumerate(state):
        for month, bucket in enumerate(path):
            if month == 0 or path[month - 1] < 2:
                owed = 100 + (account * 37 + month * 11) % 800
                rows.append(f"{account},2024-{month + 1:02},{owed},1000,{owed // 5},{'C1W'[bucket]}")
    (folder / "tape.csv").write_text("\n".join(rows) + "\n")
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "policies.md").read_text(encoding="utf-8"), re.DOTALL)
    (folder / "mine.py").write_text(example[1], encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def study(here):
    """Return a small comparison of two products in two segments."""
    small = {"borrowers": 300, "replications": 4, "months": 5}
    return sim.compare(sim.load_scenario(ROOT / "scenarios" / "both.toml", {"run_off_months": 6}, **small), threads=2)


def test_the_page_runs(here, monkeypatch):
    """Every example of docs/python.md gives what stands below it."""
    monkeypatch.chdir(here)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, optionflags=options, encoding="utf-8")

    assert tried > 30 and failed == 0


@pytest.fixture(scope="module")
def saved(study, here):
    """Return the study read back from the folder it was saved in."""
    return sim.load_study(study.save(here / "saved"))


def test_a_saved_study_has_the_same_numbers(study, saved):
    """Every table, difference, estimate and the verdict is read back as it was; so is what is said."""
    assert saved.frame == study.frame
    assert (saved.lenders, saved.measures, saved.windows) == (study.lenders, study.measures, study.windows)
    assert saved.result_digest == study.result_digest
    for window in study.windows:
        assert saved.table(window=window).equals(study.table(window=window))
    for table in ("rolls", "vintages"):
        assert getattr(saved, table)().to_pydict() == getattr(study, table)().to_pydict()
    for by in ((), ("product", "segment")):
        for measure in ("dpd30_share_balance", "roll_90_to_120", "paid"):
            assert saved.monthly(measure, by).to_pydict() == study.monthly(measure, by).to_pydict()
    variant = study.variants[0]
    assert saved.difference(variant, "npv") == study.difference(variant, "npv")
    assert saved.estimate(variant, "npv") == study.estimate(variant, "npv")
    assert repr(saved) == repr(study) and saved._repr_html_() == study._repr_html_()
    assert saved.verdict.reason == study.verdict.reason
    assert saved.scenario.digest() == study.scenario.digest()


def test_what_a_saved_study_cannot_do_is_said(saved):
    """Without ledgers there are no pictures, no second folder, no other differences, no sums by one axis alone."""
    first, *_ = saved.variants
    for ask, words in (
        (lambda: saved.plot("path"), "report.html"),
        (lambda: saved.save("elsewhere"), "copy the folder"),
        (lambda: saved.comparison, "simulator compare"),
        (lambda: saved.difference("baseline", "npv", against=first), "simulator compare"),
        (lambda: saved.monthly("paid", "segment"), "segment and"),
    ):
        with pytest.raises(sim.UserError, match=words):
            ask()


def test_months_by_one_axis_are_sums_over_the_other(study):
    """An amount by segment is the sum over products, by product the sum over segments, and either way the whole."""
    whole = np.array(study.monthly("paid")["value"])
    for by in ("segment", "product"):
        table = study.monthly("paid", by)
        assert np.array(table["value"]).reshape(len(whole), -1).sum(1) == pytest.approx(whole)
    cells = study.monthly("paid", ("segment", "product")).to_pydict()
    shape = (len(whole), len(study.frame.segments), len(study.frame.products))
    assert np.reshape(cells["value"], shape).sum(2).ravel() == pytest.approx(study.monthly("paid", "segment")["value"])
    late, balance = (study.comparison.ledgers["baseline"][name].sum(axis=3) for name in ("balance_dpd30", "balance"))
    share = study.monthly("dpd30_share_balance", "segment").to_pydict()["value"][: late[0].size]
    assert np.array(share, float).reshape(late[0].shape) == pytest.approx((late / balance).mean(axis=0), nan_ok=True)


@pytest.mark.parametrize(
    "ask, words",
    [
        (lambda s: s.table("net_los"), "measure: net_los: there is none of that name; did you mean net_loss?"),
        (lambda s: s.table(window="whol"), "window: whol: .* did you mean whole?"),
        (lambda s: s.monthly("paied"), "measure: paied: .* did you mean paid?"),
        (lambda s: s.monthly("paid", by="segmnt"), "by: segmnt: .* did you mean segment?"),
        (lambda s: s.difference("no", "npv"), "variant: no: .* allowed: baseline"),
        (lambda s: s.difference(s.variants[0], "npv", against="no"), "variant: no"),
        (lambda s: s.estimate("baseline", "npw"), "measure: npw: .* did you mean npv?"),
        (lambda s: s.plot("pth"), "plot: pth: .* did you mean path?"),
        (lambda s: s.plot("distribution"), "plot: distribution: nothing to show in this run"),
        (lambda s: sim.measures("npw"), "npw: no such measure; did you mean npv?"),
        (lambda s: sim.policies("limit_cuts"), "limit_cuts: no such kind of policy; did you mean limit_cut?"),
        (lambda s: sim.check_policy("none.py"), "none.py: no such file"),
        (lambda s: sim.load_study(ROOT), "holds no run"),
        (lambda s: sim.load_scenario({"policy": {"cut.keep": 1}, "policy.cut": {"keep": 2}}), "given twice"),
        (lambda s: sim.load_scenario({"title": None}), "scenario: title: found None; allowed: numbers"),
        (lambda s: sim.load_scenario({1: "one"}), "scenario: found 1 as a key"),
        (lambda s: sim.load_scenario(s.scenario.path, {"months": 10**60}), "overrides: months: a whole number"),
        (lambda s: sim.load_scenario(s.scenario.path, {"extends": "x"}), "overrides: extends: not here"),
        (lambda s: s.monthly("npv"), "measure: npv: is of the whole run, not of a month; `table` has it"),
        (lambda s: s.difference(s.variants[0], "npv", against=""), "variant: there is none of that name"),
        (lambda s: s.table(3), "measure: found 3; allowed: a name, or a list of names"),
        (lambda s: s.monthly("paid", by=3), "by: found 3; allowed: a name, or a list of names"),
        (lambda s: sim.diary(s.scenario, "salaried:7", "cross_closur"), "variant: cross_closur: .* did you mean"),
        (lambda s: sim.diary(s.scenario, 7), "borrower: 7: no such borrower"),
        (lambda s: sim.measures(3), "3: no such measure; allowed: "),
        (lambda s: sim.policies(3), "3: no such kind of policy; allowed: "),
        (lambda s: sim.load_scenario(None), "scenario: found None; allowed: a path"),
        (lambda s: sim.load_scenario(s.scenario.path, 5), "overrides: found 5; allowed: a mapping"),
        (lambda s: sim.compare(b"scenarios/huabei.toml"), "scenario: found b'scen.* allowed: a path"),
        (lambda s: sim.load_scenario("a\0.toml"), "cannot be read: embedded null byte"),
        (lambda s: sim.load_scenario(s.scenario.path, borrowers="300"), "portfolio.borrowers: found '300'; allowed"),
        (lambda s: sim.diary(s.scenario, "salaried:7", [["closure"]]), "variant: found .*closure.*; allowed: a name"),
        (lambda s: sim.diary(s.scenario, "salaried:7", replication="0"), "replication: found '0'; allowed: 0 to 3"),
        (lambda s: sim.load_study(None), "folder: found None; allowed: a path"),
        (lambda s: s.save(None), "folder: found None; allowed: a path"),
        (lambda s: sim.check_policy(None), "path: found None; allowed: a path"),
        (lambda s: sim.calibrate(None, "map.toml"), "tape: found None; allowed: a path"),
        (lambda s: sim.backtest("tape.csv", {}, "2024-06"), "mapping: found {}; allowed: a path"),
        (lambda s: sim.simulate(s.scenario, threads=-1), "threads: found -1; allowed: 1 to 1,024, 0 or None for all"),
        (lambda s: sim.simulate(s.scenario, threads="2"), "threads: found '2'"),
        (lambda s: sim.calibrate("tape.csv", "map.toml", threads=10**20), "threads: found 1000"),
        (lambda s: s.plot("path").save("path.png"), "path.png: no .png is drawn; allowed: a name that ends in .svg"),
        (lambda s: s.plot("path").save(ROOT), "cannot be written: Is a directory"),
        (lambda s: s.plot("path").save(ROOT / "none" / "path.svg"), "cannot be written: No such file or directory"),
    ],
)
def test_a_wrong_name_says_which_exist(ask, words, study):
    """One error, of one class, says what was not understood and what there is."""
    with pytest.raises(sim.UserError, match=words):
        ask(study)


def test_a_study_is_short_to_look_at(study):
    """Under 2,000 characters with the verdict in them, however long names and cautions are and however many."""

    class Crowded(sim.Study):
        variants = [name * 9 for name in study.variants] * 30
        cautions = ["x " * 3000] * 40

        def difference(self, variant, measure, window="whole", against=None):
            return study.difference(study.variants[0], measure)

    crowded = Crowded(study.scenario, study.comparison, study.facts)

    assert study.verdict.reason.split()[0] in repr(study) or study.verdict.winner in repr(study)
    assert len(repr(study)) < 2000 and len(repr(crowded)) < 2000 and len(repr(study.scenario)) < 500
    assert "<script" not in study._repr_html_() and study._repr_html_().count("<tr>") == 1 + len(study.lenders)


def test_a_mapping_is_the_scenario_of_the_file():
    """The tables of a file, given as a mapping, dotted or nested, with NumPy's numbers, are the same scenario."""
    path = str(ROOT / "scenarios" / "huabei.toml")
    extended = {"extends": path, "title": "Mine", "replications": np.int64(7), "policy.cut": {"keep": np.float64(0.25)}}
    nested = {"title": "Mine", "replications": 7, "policy": {"cut": {"keep": 0.25}}}
    dotted = ["title='Mine'", "replications=7", "policy.cut.keep=0.25"]
    one, other, same = sim.load_scenario(extended), sim.load_scenario(path, nested), sim.load_scenario(path, dotted)

    assert other.baseline == same.baseline == one.baseline and one.variants == other.variants == same.variants
    assert other.provenance["policy.cut.keep"].source == "set in Python"
    assert one.provenance["policy.cut.keep"].source == "author of scenario"


def test_an_observer_may_end_the_work(study):
    """What `advanced` raises ends the run and reaches whoever asked."""

    class Enough(Exception):
        """Raised by the observer."""

    class Observer:
        started = note = staticmethod(lambda line: None)

        def advanced(self, what, done, total):
            raise Enough

    with pytest.raises(Enough):
        sim.simulate(study.scenario, observer=Observer())


def test_a_mapping_that_lies_in_itself_is_refused():
    """It has no end, and is said to have none."""
    endless = {"title": "Endless"}
    endless["segment"] = endless

    with pytest.raises(sim.UserError, match="scenario: found a mapping that lies in itself, or too deep"):
        sim.load_scenario(endless)


def test_a_policy_of_ones_own_is_told_by_its_path_or_kind(here):
    """`policies` takes the path of a file, and what a scenario has as its kind, and says the same of both."""
    path = here / "mine.py"
    by_path, by_kind = sim.policies(path), sim.policies(f"file:{path}")

    assert by_path.partition("\n## ")[2].split("\n", 1)[1] == by_kind.partition("\n## ")[2].split("\n", 1)[1]
    with pytest.raises(sim.UserError, match=r"none\.py: no such file"):
        sim.policies("file:none.py")


def test_sizes_may_be_numbers_of_numpy():
    """A size that was computed, as those of a grid are, is as good as one that was written."""
    path = ROOT / "scenarios" / "huabei.toml"
    grid = np.arange(300, 302)

    assert sim.load_scenario(path, borrowers=grid[0]).baseline == sim.load_scenario(path, borrowers=300).baseline


def test_a_study_can_be_pickled_and_copied(study, saved):
    """What goes through a pickle, as to another process, or is copied, says the same; saved ones, too."""
    for one in (study, saved):
        for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
            assert other.table().equals(one.table()) and repr(other) == repr(one)
            assert other.result_digest == one.result_digest


def test_rows_come_in_the_order_asked_for(study, saved):
    """Live or saved, a table has the measures as they are named, twice or not at all if they are, in every window."""
    for names in (["npv", "net_loss"], ["npv", "npv"], []):
        for window in study.windows:
            table = study.table(names, window)
            assert table["measure"].to_pylist() == names * len(study.lenders)
            assert saved.table(names, window).equals(table)
    for by in ((), ("segment", "product")):
        assert saved.monthly("dpd30_share_balance", by).equals(study.monthly("dpd30_share_balance", by))
    for measure in study.measures:
        assert repr(saved.difference("baseline", measure)) == repr(study.difference("baseline", measure))


def test_a_diary_is_short_to_look_at(study):
    """Title and findings, not the months, which are endless."""
    story = sim.diary(study.scenario, "salaried:7")

    assert repr(story).startswith(story.title) and len(repr(story)) < 2000


@pytest.mark.parametrize("lost", ["rolls.parquet", "run_off_months", "incomplete"])
def test_a_folder_that_is_not_whole_is_no_study(saved, tmp_path, lost):
    """A run of another version without a file or a fact, or one saved as far as it went, is refused when loaded."""
    folder = shutil.copytree(saved.folder, tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    if lost in manifest["files"]:
        del manifest["files"][lost]
        (folder / lost).unlink()
    elif lost in manifest:
        del manifest[lost]
    else:
        manifest["incomplete"] = "OSError: full"
    (folder / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(
        sim.UserError, match=f"not whole, or of another version: without {lost.replace('incomplete', 'OSError')}"
    ):
        sim.load_study(folder)


def test_a_users_script_has_every_public_name():
    """The script that mypy checks with the project leaves out nothing that is public."""
    script = (ROOT / "tests" / "users_script.py").read_text(encoding="utf-8")

    assert [name for name in sim.__all__ if f"sim.{name}" not in script] == []

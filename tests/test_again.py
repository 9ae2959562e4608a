"""The page of a saved run, made again from its files: the same numbers and pictures, and what is lacking is said."""

import json
import shutil

import pytest

import simulator as sim
from conftest import ROOT
from simulator.analysis.measures import shown_in
from simulator.analysis.measures.tables import NUMBERS
from simulator.engine import engine
from simulator.model.errors import UserError
from simulator.report import excel, figures, phrasing
from simulator.report.again import LEFT_OUT, NOT_HERE
from simulator.report.certainty import certainty
from simulator.report.kept import Kept
from simulator.report.render import account, caveats, rate_table, swap_table, table
from simulator.system.folders import spoiled
from test_in_worlds import NoPictures

TEXT = {
    "extends": (ROOT / "scenarios" / "base" / "consumer.toml").as_posix(),
    "title": "<i>Mine</i>",
    "run_off_months": 3,
    "run_on_months": 3,
    "variant": {
        "cut": {"policy.cut.enabled": True},
        "stricter": {"against": "cut", "policy.review.score_cutoff": 560},
    },
}
SMALL = {"borrowers": 400, "months": 6, "replications": 20}


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Return a comparison with a run-on, a reference other than the baseline and swapped applicants, and its folder."""
    study = sim.compare(sim.load_scenario(TEXT, **SMALL), threads=2)
    return study, study.save(tmp_path_factory.mktemp("runs") / "run", drawing=NoPictures(processors=1))


@pytest.mark.parametrize("name", list(figures.DRAWN))
def test_every_picture_is_that_of_the_run(name, lived):
    """Drawn from the files it is the same to the last stroke, or has the same numbers but for those of replications."""
    study, folder = lived
    drawn, of_run = figures.draw(Kept(sim.load_study(folder)), name), figures.draw(study.comparison, name)

    if name in ("changes", "payback"):  # of each month the files have no replications
        assert drawn is None and of_run
    elif name == "path":
        kept = [k for k, head in enumerate(of_run.data.head) if head in drawn.data.head]
        assert drawn.data.rows == [tuple(row[k] for k in kept) for row in of_run.data.rows]
    elif name in ("rolls", "vintages"):
        assert drawn.data == of_run.data and "How sure a change is cannot be told here" in drawn.caption
    else:
        assert drawn == of_run and (drawn or name in ("causes", "distribution"))


def test_every_table_is_that_of_the_run(lived):
    """Measures with errors and intervals, swapped applicants, the account of profit, rates, the verdict, its errors."""
    (study, folder), sections = lived, [(name, shown_in(name)) for name in NUMBERS]
    kept, comparison = Kept(sim.load_study(folder)), study.comparison

    assert table(kept, sections) == table(comparison, sections)
    for of in (swap_table, account, rate_table, phrasing.verdict, certainty, phrasing.needed):
        assert of(kept) == of(comparison)
    assert swap_table(kept) and rate_table(kept)
    assert kept.warnings() == comparison.warnings()
    assert [said for said in caveats(comparison) if said not in caveats(kept)] == []


def test_the_page_says_what_it_has_not(lived, tmp_path):
    """What only ledgers have is named, with the page that has it; the head of the page leads there; titles are text."""
    _, folder = lived
    again = sim.report_of(folder)
    page = again.report

    assert all(said in page for said in LEFT_OUT) and page.count(NOT_HERE) == 2
    assert f"{folder}/report.html, which the run itself wrote, has them." in page
    assert "&lt;i&gt;Mine" in page and "<i>Mine" not in page and "https://" not in page
    assert not {"luck", "lucky", "dull"} & set(page.lower().split())
    made = again.save(tmp_path / "again")
    assert spoiled(made) == [] and {path.name for path in made.iterdir()} == {"manifest.json", "report.html"}
    told = json.loads((made / "manifest.json").read_text())
    assert told["command"] == "report" and told["result_digest"] == lived[0].result_digest
    assert told["made_from"]["folder"] == str(folder)


def test_nothing_is_simulated(lived, simulator, tmp_path, monkeypatch):
    """The command reads files alone, and leaves the folder of the run as it is; the workbook is that of the run."""

    def never(*_):
        raise AssertionError("lived")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(engine, "run", never)
    study, folder = lived
    code, out, err = simulator("report", folder, "--excel")

    assert (code, err) == (0, "") and out.startswith(phrasing.verdict(study.comparison))
    assert out.endswith("report: out/run-report/report.html\nworkbook: out/run-report/results.xlsx\n")
    assert (tmp_path / "out/run-report/results.xlsx").read_bytes() == excel.workbook(study)
    assert spoiled(folder) == [] and simulator("report", folder)[0] == 2


def test_a_run_without_variants_has_its_page(tmp_path):
    """Values, months, vintages and cautions of one lender; nothing is said of changes."""
    study = sim.simulate(sim.load_scenario({**TEXT, "cautions": ["Mind this."]}, **SMALL), threads=2)
    page = sim.report_of(study.save(tmp_path / "run", drawing=NoPictures(processors=1))).report

    assert "The run in numbers" in page and "Mind this." in page and "Delinquency month by month" in page
    assert "changes" not in page.split("What to keep in mind")[0] and LEFT_OUT[0] not in page


def test_worlds_and_doubt_have_theirs(tmp_path):
    """Each world has its table and its verdict; what is known under doubt is said to be in summary.json."""
    text = {**TEXT, "run_on_months": 0, "world": {"worse": {"title": "Worse", "economy.unemployment": 0.09}}}
    scenario = sim.load_scenario(text, borrowers=200, months=3, replications=4).choose("cut")
    study = sim.compare(scenario, threads=2, doubt=2)
    again = sim.report_of(study.save(tmp_path / "run", drawing=NoPictures(processors=1)))

    assert "World worse: Worse" in again.report and "world" in again.answers[0]
    assert "summary.json has the numbers" in again.left_out[0] and "all worlds" in again.left_out[0]


def test_a_folder_of_before_has_what_it_can(lived, tmp_path):
    """Without single replications there is no loss distribution; measures of another version are named."""
    _, folder = lived
    old = shutil.copytree(folder, tmp_path / "old")
    (old / "replications.parquet").unlink()
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["files"]["replications.parquet"]
    (old / "manifest.json").write_text(json.dumps(manifest))
    again = sim.report_of(old)

    assert "Delinquency month by month" in again.report
    with pytest.raises(UserError, match="keeps no replications of net_loss"):
        again.study.samples("cut", "net_loss")


def test_what_is_no_run_is_refused(lived, simulator, tmp_path, monkeypatch):
    """A folder that is none, or that was changed, is told; nothing is written."""
    monkeypatch.chdir(tmp_path)
    spoilt = shutil.copytree(lived[1], tmp_path / "spoilt")
    (spoilt / "summary.json").write_text("{}")

    for name, words in (("spoilt", "not as they were written: summary.json"), ("none", "holds no run")):
        code, out, err = simulator("report", name)
        assert (code, out) == (2, "") and words in err
    assert [path.name for path in tmp_path.iterdir()] == ["spoilt"]

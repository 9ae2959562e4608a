"""The page of a saved run, made again from its files: the same to the byte; of an older folder what its tables have."""

import json
import re
import shutil

import pytest

import simulator as sim
from conftest import ROOT
from simulator.analysis.measures import shown_in
from simulator.analysis.measures.tables import NUMBERS
from simulator.decision.worth import FEWEST
from simulator.engine import engine
from simulator.model.errors import UserError
from simulator.report import excel, figures, phrasing
from simulator.report.again import LEFT_OUT
from simulator.report.certainty import certainty
from simulator.report.drawing import Drawing
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


PLAIN = (ROOT / "tests" / "plain_world.toml").as_posix()
RANGED = f"""
extends = "{PLAIN}"
title = "In doubt"
run_off_months = 2
costs.funding_rate = {{ value = 0.04, range = [0.01, 0.09], source = "assumption" }}
costs.operating_cost = {{ value = 1.0, range = [0.5, 2.0], source = "assumption" }}
[variant.cut]
policy.cut.enabled = true
[world.worse]
title = "Worse"
economy.unemployment = 0.09
"""
PLACE = re.compile(r'<p class="tiny">.*?</p>')  # says where the files are: beside the page, or in the run's folder
HERE = Drawing(processors=1)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Return a comparison with a run-on, a reference other than the baseline and swapped applicants, and its folder."""
    study = sim.compare(sim.load_scenario(TEXT, **SMALL), threads=2)
    return study, study.save(tmp_path_factory.mktemp("runs") / "run", drawing=HERE)


@pytest.fixture(scope="module")
def old(lived, tmp_path_factory):
    """Return its folder as an older version has written it."""
    return without(lived[1], tmp_path_factory.mktemp("older") / "run", "page.json")


@pytest.fixture(scope="module")
def doubted(tmp_path_factory):
    """Return the folder of a run under doubt in two worlds, in both languages."""
    place = tmp_path_factory.mktemp("doubted")
    (place / "mine.toml").write_text(RANGED, encoding="utf-8")
    study = sim.compare(sim.load_scenario(place / "mine.toml", borrowers=60, months=3), threads=2, doubt=FEWEST)
    return study.save(place / "run", drawing=HERE, language="both")


def without(folder, place, *names):
    """Return a copy of a folder that was written without some of its files."""
    shutil.copytree(folder, place)
    manifest = json.loads((place / "manifest.json").read_text())
    for name in names:
        (place / name).unlink()
        del manifest["files"][name]
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place


def pages(folder, language=None):
    """Return the page that the run wrote, and the one that is made again, without the place of their files."""
    again = sim.report_of(folder, language=language).report
    own = (folder / "report.html").read_text(encoding="utf-8")
    (here, *_), (there, *_) = (PLACE.findall(page) for page in (own, again))
    assert here != there and str(folder) in there
    return PLACE.sub("", own), PLACE.sub("", again)


# ---- the run's page ------------------------------------------------------------------------------
def test_it_is_the_page_of_the_run(lived):
    """The same bytes, with every table and figure, but for the last sentence."""
    own, again = pages(lived[1])

    assert again == own and own.count("<figure") == 7 and own.count("<table") > 10


def test_it_is_in_the_language_of_the_run(lived, tmp_path):
    """A run in both languages is told in both; asked in Chinese it is the page of a run in Chinese."""
    study, folder = lived
    both = study.save(tmp_path / "both", drawing=HERE, language="both")
    own, again = pages(both)
    assert again == own and own.count("<main lang=") == 2

    chinese = (study.save(tmp_path / "zh", drawing=HERE, language="zh") / "report.html").read_text(encoding="utf-8")
    told = sim.report_of(folder, language="zh").report
    asked = f"{tmp_path / 'zh' / 'scenario.toml'} --language zh"  # the line that repeats the run is the run's own
    assert PLACE.sub("", told) == PLACE.sub("", chinese).replace(asked, str(folder / "scenario.toml"))


def test_a_run_under_doubt_in_several_worlds_has_its_page(doubted):
    """What each lender's chance is, what is worth knowing, what turns the choice; and every world beside the others."""
    own, again = pages(doubted)

    assert again == own
    assert all(said in own for said in ("probability best", "Most worth knowing", "World worse: Worse", "最值得"))


@pytest.mark.parametrize("size", [{"replications": 1, "months": 3}, {"replications": 3, "months": 1}])
def test_a_run_of_one_lender_has_its_page(size, tmp_path):
    """Without variants, without errors, without months: nothing is said otherwise than by the run."""
    scenario = sim.load_scenario({**TEXT, "cautions": ["Mind this."]}, **SMALL | size)
    own, again = pages(sim.simulate(scenario, threads=2).save(tmp_path / "run", drawing=HERE))

    assert again == own and "Mind this." in own


def test_page_data_of_another_format_is_not_read(lived, tmp_path):
    """A page of what the tables have is made, which says so."""
    folder = without(lived[1], tmp_path / "run", "page.json")
    (folder / "page.json").write_text('{"format": 2, "worlds": 0}')

    assert sim.report_of(folder).left_out


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("page.json", b'{"format": 1, "worlds": {"as written": {"frame": {}}}}', "do not say what a run's do"),
        ("scenario.toml", b"title = \xff", "do not say what a run's do"),
        ("monthly.parquet", b"PAR1 and no more PAR1", "monthly.parquet: cannot be read"),
    ],
)
def test_files_that_say_something_else_are_told_in_one_message(name, content, told, lived, tmp_path):
    """Whoever changed a file changed its checksum too: the folder is named, nothing is written."""
    folder = without(lived[1], tmp_path / "run", name)
    (folder / name).write_bytes(content)
    with pytest.raises(UserError) as wrong:
        sim.report_of(folder, excel=True).save(tmp_path / "out")
    (problem,) = wrong.value.problems

    assert str(folder) in str(problem) and told in str(problem)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# ---- of an older folder --------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(figures.DRAWN))
def test_every_picture_is_that_of_the_run(name, lived, old):
    """Drawn from tables it is the same to the last stroke, or has the same numbers but for those of replications."""
    study, folder = lived[0], old
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


def test_every_table_is_that_of_the_run(lived, old):
    """Measures with errors and intervals, swapped applicants, the account of profit, rates, the verdict, its errors."""
    sections = [(name, shown_in(name)) for name in NUMBERS]
    kept, comparison = Kept(sim.load_study(old)), lived[0].comparison

    assert table(kept, sections) == table(comparison, sections)
    for of in (swap_table, account, rate_table, phrasing.verdict, certainty, phrasing.needed):
        assert of(kept) == of(comparison)
    assert swap_table(kept) and rate_table(kept)
    assert kept.warnings() == comparison.warnings()
    assert [said for said in caveats(comparison) if said not in caveats(kept)] == []


def test_the_page_says_what_it_has_not(lived, old, tmp_path):
    """What it lacks is said first, and why, with the page that has it; titles are text."""
    folder = old
    again = sim.report_of(folder)
    page = again.report

    assert all(said in page for said in LEFT_OUT) and again.cautions[0] == again.left_out[0]
    assert page.index(f"{folder} was written by another version, without the page.json") < page.index('class="verdict"')
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


def test_an_older_run_without_variants_has_its_page(tmp_path):
    """Values, months, vintages and cautions of one lender; nothing is said of changes."""
    study = sim.simulate(sim.load_scenario({**TEXT, "cautions": ["Mind this."]}, **SMALL), threads=2)
    folder = study.save(tmp_path / "run", drawing=NoPictures(processors=1))
    page = sim.report_of(without(folder, tmp_path / "old", "page.json")).report

    assert "The run in numbers" in page and "Mind this." in page and "Delinquency month by month" in page
    assert "changes" not in page.split("What to keep in mind")[0] and LEFT_OUT[0] not in page


def test_older_worlds_and_doubt_have_theirs(doubted, tmp_path):
    """Each world has its table and its verdict; what is known under doubt is said to be in summary.json."""
    again = sim.report_of(without(doubted, tmp_path / "old", "page.json"), language="en")

    assert "World worse: Worse" in again.report and "world" in again.answers[0]
    assert "summary.json has the numbers" in again.left_out[0] and "all worlds" in again.left_out[0]


def test_a_still_older_folder_has_what_it_can(lived, tmp_path):
    """Without single replications there is no loss distribution; measures of another version are named."""
    old = without(lived[1], tmp_path / "old", "page.json", "replications.parquet")
    again = sim.report_of(old)

    assert "Delinquency month by month" in again.report
    with pytest.raises(UserError, match="keeps no replications of net_loss"):
        again.study.samples("cut", "net_loss")


# ---- what is no run ------------------------------------------------------------------------------
def test_what_is_no_run_is_refused(lived, simulator, tmp_path, monkeypatch):
    """A folder that is none, or that was changed, is told; nothing is written."""
    monkeypatch.chdir(tmp_path)
    spoilt = shutil.copytree(lived[1], tmp_path / "spoilt")
    (spoilt / "summary.json").write_text("{}")

    for name, words in (("spoilt", "not as they were written: summary.json"), ("none", "holds no run")):
        code, out, err = simulator("report", name)
        assert (code, out) == (2, "") and words in err
    assert [path.name for path in tmp_path.iterdir()] == ["spoilt"]

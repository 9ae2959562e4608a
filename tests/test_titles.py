"""Titles first: what a variant is called where it is shown, and where its key stands instead."""

import re
from html import unescape
from io import StringIO

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import simulator as sim
from chromium import Chromium, browser
from conftest import ROOT
from simulator.decision.tail import TailFinding
from simulator.language.catalogue import CHINESE, ENGLISH, LANGUAGES, say, speaking
from simulator.report import figures
from simulator.report.phrasing import by_key
from simulator.report.render import render
from simulator.scenario.titles import TAKEN, shown_names
from test_excel import Read
from test_in_worlds import NoPictures

HOSTILE = '<b onmouseover=hit()>{0} %s =1+1 “丙”, _x_ & "y"'
EQUAL = "逾期 30 天降额"
LONG = f"{'Fristverlaengerungsgebuehrenordnung' * 2}, and then as many words as a committee can agree upon in a year"
SMALLEST_PRINT = 7.0  # points
VARIANTS = {
    "half": {"title": EQUAL, "policy.cut.enabled": True},
    "third": {"title": f" {EQUAL}", "policy.cut": {"enabled": True, "keep": 0.3}},
    "strange": {"title": HOSTILE, "policy.close.freeze_days_late": 7},
    "long": {"title": LONG, "policy.close.freeze_days_late": 30},
    "key_only": {"policy.close.freeze_days_late": 15},
}
SHOWN = {"half": f"{EQUAL} (half)", "third": f"{EQUAL} (third)", "strange": HOSTILE, "long": LONG}


@pytest.fixture(scope="module")
def study():
    """Return a small study of variants with equal titles, a hostile one, and none."""
    cut = {"kind": "limit_cut", "enabled": False, "at_dpd": 30, "keep": 0.5, "source": "assumption"}
    tables = {"extends": (ROOT / "tests" / "plain_world.toml").as_posix(), "run_off_months": 2, "policy.cut": cut}
    asked = sim.load_scenario(tables | {"variant": VARIANTS}, borrowers=300, months=5, replications=3)
    return sim.compare(asked, threads=2)


# ---- the one place -------------------------------------------------------------------------------
def test_a_variant_is_called_by_its_title_or_its_key():
    """Its own title; without one its key, as it is typed."""
    assert shown_names({"a_b": "Half", "c_d": "c d"}) == {"a_b": "Half", "c_d": "c_d"}


@pytest.mark.parametrize("other", ["Half", "half ", "H\u200balf", "Ｈalf"])
def test_titles_that_look_the_same_have_their_keys_beside_them(other):
    """Whatever no reader can tell apart: case, spaces, what is invisible, full width."""
    assert shown_names({"a": "Half", "b": other, "c": "c"}) == {"a": "Half (a)", "b": f"{other.strip()} (b)", "c": "c"}


def test_a_title_is_no_other_variants_key_nor_the_baseline():
    """The one with the title gets its key."""
    assert shown_names({"a": "b", "b": "b"}) == {"a": "b (a)", "b": "b"}
    for taken in TAKEN:
        assert shown_names({"a": taken.upper()}) == {"a": f"{taken.upper()} (a)"}


def test_what_the_baseline_is_called_is_taken():
    """In every language."""
    called = []
    for language in (ENGLISH, CHINESE):
        with speaking(language):
            called.append(say("baseline"))
    assert tuple(called) == TAKEN


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["x", "x (a)", "x (a) (b)", "a", "b (a)"]))
)
def test_all_are_called_differently(titles):
    """Also where a title is another's with its key."""
    names = shown_names(titles)
    assert names.keys() == titles.keys() and len(set(names.values())) == len(names)


# ---- where variants are shown --------------------------------------------------------------------
@pytest.mark.parametrize("language", LANGUAGES)
def test_heads_legends_and_sentences_say_titles(study, language):
    """On the page: each title in the heads, legends and in quotation marks; the key beside it in the first table."""
    comparison = study.comparison
    with speaking(language):
        pictures = figures.pictures(comparison)
        page = render(comparison, dict(study.facts), pictures, None, study.settings)
        heading = say("Every number in force")
    assert "<b onmouseover" not in page
    above, settings = page.split(heading, 1)
    heads = [unescape(re.sub("<[^>]*>", "", head)) for head in re.findall(r"<th[^>]*>(.*?)</th>", above, re.S)]
    drawn = unescape(re.sub("<(wbr|svg|title)[^>]*>", "", "".join(picture.html() for picture in pictures)))
    text = unescape(re.sub("<[^>]*>", "", above))
    for key, title in SHOWN.items():
        assert title in heads and title in drawn and f"“{title}”" in text
        assert key not in heads
    assert "key_only" in heads and "“key_only”" not in text
    first = re.search(r'class="wide headline".*?</table>', above, re.S)[0]
    assert re.findall(r"<code>(.*?)</code>", first) == [
        "strange",
        "long",
    ]  # the others have theirs in what they are called
    for key in VARIANTS:
        assert f"<td>{key}</td>" in settings


@pytest.mark.skipif(browser() is None, reason="no Chromium on this machine: Debian's package is chromium")
def test_a_long_title_pushes_nothing_out(study, tmp_path):
    """It is wrapped: at 1400 px no table is cut, at 390 px the page is not wider, on A4 nothing is shrunk to fit."""
    path = tmp_path / "page.html"
    path.write_text(render(study.comparison, dict(study.facts), [], None, study.settings), encoding="utf-8")
    cut = "[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
    with Chromium() as chromium:
        chromium.size(1400, 900)
        chromium.open(path.as_uri())
        assert chromium.run(cut) == 0
        chromium.size(390, 844)
        assert chromium.run("document.documentElement.scrollWidth") == 390
        chromium.size(703, 1000)  # A4 without the margins of the style
        chromium.call("Emulation.setEmulatedMedia", media="print")
        assert chromium.run("document.documentElement.scrollWidth") == 703
        smallest = (
            "Math.min(...[...document.querySelectorAll('main *')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
        )
        assert chromium.run(smallest) * 0.75 >= SMALLEST_PRINT


def test_the_terminal_says_titles(study):
    """In its table and its sentences, as text."""
    out = StringIO()
    Console(file=out, width=500, highlight=False).print(study)
    for title in SHOWN.values():
        assert title in out.getvalue() and f"Why “{title}”: " in out.getvalue()


def test_the_workbook_says_titles_and_settings_keys(study, tmp_path):
    """Sheets of numbers the titles; the sheet of settings the keys, which are typed."""
    read = Read(study.to_excel(tmp_path / "results.xlsx").read_bytes())
    cells = {
        name: {str(cell) for row in rows for cell in (row.values() if isinstance(row, dict) else row)}
        for name, rows in read.rows.items()
    }
    for name in ("summary", "comparison", "monthly"):
        assert {*SHOWN.values(), "key_only"} <= cells[name] and not {*SHOWN} & cells[name]
    assert {*VARIANTS} <= cells["settings"]


def test_files_for_programs_have_keys(study, tmp_path):
    """Parquet and JSON name variants as scenario and command line do."""
    folder = study.save(tmp_path / "run", drawing=NoPictures(processors=1))
    assert {*pq.read_table(folder / "comparison.parquet")["variant"].to_pylist()} == {"baseline", *VARIANTS}
    again = sim.load_study(folder)
    assert again.variants == [*VARIANTS] and again.frame.names == study.frame.names
    assert by_key("baseline") == "baseline"


# ---- questions that name one lender ------------------------------------------------------------------
def test_a_diary_heads_its_columns_with_titles():
    """Heads and findings say what a variant is called; its rows keep the key, by which it is asked for."""
    cut = {"kind": "limit_cut", "enabled": False, "at_dpd": 30, "keep": 0.5, "source": "assumption"}
    tables = {"extends": (ROOT / "tests" / "plain_world.toml").as_posix(), "run_off_months": 2, "policy.cut": cut}
    asked = sim.load_scenario(tables | {"variant": VARIANTS}, borrowers=30, months=2, replications=1)
    told = sim.diary(asked, "salaried:3", ["half", "key_only"])

    assert told.variants == ("half", "key_only") and told.called == (SHOWN["half"], "key_only")
    for text in (str(told), told._repr_html_()):
        assert SHOWN["half"] in text
    assert {row.variant for row in told.rows} == {"half", "key_only"}
    assert all(f"“{SHOWN['half']}”" in line for line in told.findings)


def test_a_tail_says_whose_it_is_by_title():
    """In quotation marks, as a title stands in a sentence; the baseline in the language that is spoken."""
    tables = {"extends": (ROOT / "tests" / "plain_world.toml").as_posix()}
    asked = sim.load_scenario(tables | {"variant.half.title": "Half of it"})
    about = {"level": 0.99, "measure": "net_loss", "replications": 1000}
    whose = [
        TailFinding(asked, [], None, None, None, about | {"variant": name})._lender for name in ("half", "baseline")
    ]
    assert whose == ["“Half of it”", "baseline"]


def test_two_runs_side_by_side_name_the_baseline_in_chinese(tmp_path):
    """A verdict's reason that was kept is told anew, the lenders in it too."""
    tables = {"extends": (ROOT / "tests" / "plain_world.toml").as_posix(), "run_off_months": 1}
    tables |= {"variant.same": {"title": "Nothing else"}}
    folders = []
    for seed in (3, 4):
        asked = sim.load_scenario(tables | {"seed": seed}, borrowers=30, months=1, replications=2)
        folders.append(sim.compare(asked, threads=1).save(tmp_path / str(seed)))
    assert sim.load_study(folders[0]).verdict.reason == "baseline and “Nothing else” are equal"
    with speaking(CHINESE):
        told = sim.side_by_side(*folders).answers
    assert any("基准" in line for line in told)
    assert not any("baseline" in line for line in told)

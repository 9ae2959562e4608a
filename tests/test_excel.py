"""The workbook: what Excel finds in it, what it never runs, the same bytes for the same run."""

import re
import zipfile
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import pytest

import simulator as sim
from conftest import ROOT
from simulator import cli
from simulator.analysis.measures import MEASURES, SECTIONS
from simulator.model.errors import UserError
from simulator.report import excel
from simulator.report.finding import Command, Finding
from simulator.report.references import glossary, references
from simulator.report.results import write_csv
from simulator.scenario.parameters import settings
from simulator.system.folders import spoiled
from test_in_worlds import NoPictures

CUT, LESS = "-2-3", "keep_40"  # names of variants: letters, digits, _ and -
HOSTILE = (CUT, LESS, "=cmd|' /C calc'!A1", "+1+1", "-2+3", "@SUM(1)", "借呗 limit", 'a"b<c>&d')
TEXT = {
    "extends": (ROOT / "tests" / "plain_world.toml").as_posix(),
    "title": "=1+1 借呗",
    "run_off_months": 3,
    "cautions": ["@SUM(1)"],
    "variant": {
        CUT: {"policy.cut.enabled": True},
        LESS: {"policy.cut": {"enabled": True, "keep": {"value": 0.4, "source": "=HYPERLINK(1)"}}},
    },
}
SMALL = {"borrowers": 300, "months": 4, "replications": 4}
WORLD = {"title": "Worse", "economy.unemployment": 0.09}
X = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Read:
    """A workbook read back from its XML: {sheet: rows of cells}, and the format of each number."""

    def __init__(self, content):
        with zipfile.ZipFile(BytesIO(content)) as file:
            self.parts = {name: file.read(name).decode() for name in file.namelist()}
        shared = ElementTree.fromstring(self.parts["xl/sharedStrings.xml"])
        texts = ["".join(t.text or "" for t in one.iter(f"{X}t")) for one in shared]
        styles = ElementTree.fromstring(self.parts["xl/styles.xml"])
        codes = {one.get("numFmtId"): one.get("formatCode") for one in styles.iter(f"{X}numFmt")}
        used = [codes.get(one.get("numFmtId"), one.get("numFmtId")) for one in styles.find(f"{X}cellXfs")]
        names = re.findall(r'<sheet name="(\w+)"', self.parts["xl/workbook.xml"])
        self.rows, self.formats, self.frozen = {}, {}, {}
        for k, name in enumerate(names, start=1):
            sheet = ElementTree.fromstring(self.parts[f"xl/worksheets/sheet{k}.xml"])
            pane = sheet.find(f".//{X}pane")
            self.frozen[name] = None if pane is None else tuple(pane.get(at) for at in ("ySplit", "xSplit", "state"))
            rows = self.rows[name] = []
            for row in sheet.iter(f"{X}row"):
                cells = {}
                for cell in row:
                    column, value = re.sub(r"\d", "", cell.get("r")), cell.find(f"{X}v")
                    place = sum((ord(sign) - 64) * 26**k for k, sign in enumerate(reversed(column))) - 1
                    if value is not None:
                        is_text = cell.get("t") == "s"
                        cells[place] = texts[int(value.text)] if is_text else float(value.text)
                        if not is_text:
                            self.formats[name, int(row.get("r")) - 1, place] = used[int(cell.get("s", 0))]
                rows += [{}] * (int(row.get("r")) - 1 - len(rows))
                rows.append(cells)

    def table(self, name):
        """Return {head: value} of every row of a sheet that has one head."""
        head, *rows = self.rows[name]
        return [{head[place]: value for place, value in row.items()} for row in rows]


@pytest.fixture(scope="module")
def study():
    """Return a comparison of lenders with names of which Excel would make formulas."""
    return sim.compare(sim.load_scenario(TEXT, **SMALL), threads=2)


@pytest.fixture(scope="module")
def content(study):
    """Return its workbook."""
    return excel.workbook(study)


@pytest.fixture(scope="module")
def book(content):
    """Return the same, read back."""
    return Read(content)


def test_the_sheets_stand_in_their_order_with_heads_and_names_in_sight(book):
    """Each sheet has its first row and its first column (of the months, two) frozen."""
    assert list(book.rows) == ["summary", "comparison", "monthly", "settings", "sources", "glossary"]
    assert book.frozen == {name: ("1", "2" if name == "monthly" else "1", "frozen") for name in book.rows}
    for sheet in (part for name, part in book.parts.items() if name.startswith("xl/worksheets/sheet")):
        widths = [float(width) for width in re.findall(r'<col [^>]*width="([\d.]+)"', sheet)]
        assert widths and all(8 <= width < 62 for width in widths)


def test_every_measure_of_every_lender_is_a_number(book, study):
    """The sheet of the comparison has what the study says, with its interval, in all windows."""
    rows = {(row["name"], row["lender"], row["months"]): row for row in book.table("comparison")}

    assert len(rows) == len(study.measures) * len(study.lenders) * len(study.windows)
    for (name, lender, months), row in rows.items():
        window = "whole" if months == "all" else months
        value = study.estimate(lender, name, window).value
        assert row.get("value (CNY, %)") == (pytest.approx(value, rel=1e-14) if value == value else None)
        if lender != "baseline":
            d = study.difference(lender, name, window)
            numbers = [row.get(head) for head in ("difference (CNY, %)", "95 %: from", "to")]
            assert numbers == [pytest.approx(x, rel=1e-14) if x == x else None for x in (d.value, d.low, d.high)]
    assert rows["net_loss", "baseline", "all"]["unit"] == "CNY"


@pytest.mark.parametrize("sheet", ["comparison", "monthly"])
def test_shares_are_per_cents_and_amounts_have_separators(sheet, book):
    """Excel shows what a number is: by the unit of its row, or that in the head of its column."""
    head, *rows = book.rows[sheet]
    value = next(place for place, name in head.items() if name.startswith("value")) if sheet == "comparison" else None
    units = {row: cells[3] for row, cells in enumerate(rows, start=1)} if value else {}
    shown = {"%": 0, "CNY": 0}
    for (name, row, place), form in book.formats.items():
        if name != sheet or row == 0 or (value and place != value) or (not value and place < 2):
            continue
        unit = units[row] if value else head[place].rpartition(", ")[2]
        if unit.startswith(("share", "%")):
            assert form == "0.00%"
            shown["%"] += 1
        if unit.startswith("CNY"):
            assert form in ("#,##0", "#,##0.00")
            shown["CNY"] += 1
    assert min(shown.values()) > 50


def test_months_are_means_of_the_whole_book(book, study):
    """A row for each lender and month, a column for each monthly measure, its unit in the head."""
    head = {name: place for place, name in book.rows["monthly"][0].items()}
    table = study.monthly("balance").to_pylist()
    found = {(row[0], row[1]): row for row in book.rows["monthly"][1:]}
    label = next(name for name in head if name.startswith(f"{MEASURES['balance'].label}, CNY"))

    assert len(found) == len(study.lenders) * (1 + 4 + 3)
    told = [found[row["variant"], row["month"]][head[label]] for row in table]
    assert told == pytest.approx([row["value"] for row in table], rel=1e-14)
    assert len(head) == 2 + sum(MEASURES[name].monthly for name in study.measures)


def test_nothing_in_it_is_a_formula_or_a_link(book):
    """Names that begin like formulas are text, as they are; so is a source, a title, Chinese, and what XML marks up."""
    assert not any("<f>" in part or "<hyperlink" in part or "externalLink" in name for name, part in book.parts.items())
    texts = {cell for rows in book.rows.values() for row in rows for cell in row.values() if isinstance(cell, str)}

    assert {"=1+1 借呗", CUT, LESS, "=HYPERLINK(1)", "@SUM(1)"} <= texts


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_in_any_script_is_text(name):
    """What a cell holds is the name and nothing else."""
    book = excel._Book()
    book.sheets["summary"].row([name])

    assert Read(book.closed()).rows["summary"] == [{0: name}]


def test_what_a_cell_cannot_hold_is_dropped_with_a_word():
    """Control characters and halves of characters go, and are counted; marks of direction are written out.

    The title is in two cells, so what is dropped counts twice.
    """
    scenario = sim.load_scenario(TEXT, **SMALL)
    title = "a\x00b\x1b\ufffec\u202ed\nx"
    odd = replace(scenario, baseline=scenario.baseline.model_copy(update={"title": title}))
    read = Read(excel.workbook(sim.simulate(odd, threads=2)))
    said = [row[1] for row in read.rows["summary"] if row.get(0) == "note"]

    assert read.rows["summary"][0] == {0: "abc\\u202ed x"}
    assert said[1:] == ["Dropped: 6 control characters that no workbook can hold."]


def test_what_is_too_much_for_the_format_is_said(monkeypatch):
    """A text longer than a cell holds is cut; rows and columns beyond the sheet's are left out; each is counted."""
    monkeypatch.setattr(excel, "MOST_ROWS", 3)
    monkeypatch.setattr(excel, "MOST_COLUMNS", 2)
    book = excel._Book()
    for text in ("x" * 40_000, "b\ud800", "c", "d", "e"):
        book.sheets["summary"].row([text, 1, 2])
    notes = book.notes()
    rows = Read(book.closed()).rows["summary"]

    assert [len(row) for row in rows] == [2, 2, 2]
    assert rows[0][0] == "x" * (excel.MOST_SIGNS - 4) + " ..."
    assert rows[1][0] == "b" and notes == [
        "Dropped: 1 end of text longer than a cell holds.",
        "Dropped: 3 cells beyond the columns that a sheet holds.",
        "Dropped: 1 control character that no workbook can hold.",
        "Dropped: 2 rows beyond those that a sheet holds.",
    ]


def test_the_same_run_gives_the_same_bytes(study, content, tmp_path):
    """Written twice, from the folder that it was saved to, and from a run of that folder's scenario: one workbook."""
    folder = study.save(tmp_path / "run", excel=True, drawing=NoPictures(processors=1))
    again = sim.load_study(folder)

    assert excel.workbook(study) == content
    assert (folder / "results.xlsx").read_bytes() == content
    assert again.to_excel(tmp_path / "again.xlsx").read_bytes() == content


def test_settings_are_all_there_and_assumptions_come_first(book, study):
    """Each number in force has a row with value, unit, source, status and range; variants have what they change."""
    rows = book.table("settings")
    found = {(row["key"], row["lender or world"]): row for row in rows}
    scenario = study.scenario
    values = {(one.key, one.lender): one for one in settings(study.settings)}
    numbers = {key for key, about in scenario.provenance.items() if about.unit}

    assert numbers - {key for key, _ in found} == set() and len(numbers) > 150
    for place, one in values.items():
        if isinstance(one.value, int | float) and not isinstance(one.value, bool):
            assert found[place]["value"] == pytest.approx(one.value, rel=1e-14)
            assert found[place].get("unit", "") == one.unit and found[place].get("source", "") == one.source
    statuses = [row.get("status", "") for row in rows]
    assert statuses[0] == "assumption" and "read-a" in statuses
    assert "assumption" not in statuses[statuses.index("read-a") :]
    assert found["policy.cut.keep", LESS]["value"] == 0.4
    assert found["segment.salaried.income.mean", "baseline"]["unit"] == "CNY per month"


def test_a_range_is_two_numbers():
    """They stand beside the value, in its unit; the spread and the group are words."""
    value = {"value": 0.3, "unit": "share", "source": "S1", "range": [0.2, 0.4], "shape": "uniform", "group": "rates"}
    (one,) = settings({"a": {"b": value}})

    assert (one.key, one.value, one.range, one.spread) == ("a.b", 0.3, (0.2, 0.4), "uniform, group rates")


def test_sources_are_counted_and_looked_up(book):
    """A source that names public ones has their addresses; a row says how many values come from it."""
    rows = {row["source"]: row for row in book.table("sources")}

    assert rows["S55"]["references"] == "S55: depponfx.com/it/358634.html"
    assert rows["assumption"]["values"] > 50 and "economy.job_loss" in rows["assumption"]["keys"]
    assert set(references("near S11-S13, and S9")) == {"S11", "S12", "S13", "S9"}


def test_the_glossary_has_the_terms_that_occur(book):
    """A term that is a measure or a key is there with its Chinese; one of what the run has not is not."""
    terms = {row["term"]: row for row in book.table("glossary")}

    assert terms["net loss"]["中文"] == "净损失"
    assert "credit limit" in terms and "Brier score; CRPS" not in terms
    assert next(glossary({"net_loss"}, ""))[0] == "net loss" and list(glossary(set(), "")) == []


def test_the_summary_says_the_answer_and_what_is_not_there(book, study):
    """Setting, cautions, the verdict, the measures of the answer as numbers, the sheets, what is left out, digests."""
    said = {row[0]: row.get(1) for row in book.rows["summary"] if 0 in row}
    words = [row.get(1) for row in book.rows["summary"]]

    assert (
        said["setting"].startswith("300 borrowers, 4 months of lending")
        and said["answer"] == f"No winner is named: {CUT} and {LESS} are equal."
    )
    assert excel.LEFT_OUT in words and said["result digest"] == study.result_digest
    assert said["baseline"] == pytest.approx(study.estimate("baseline", "net_loss").value)
    assert said[f"{CUT} less baseline"] == pytest.approx(study.difference(CUT, "net_loss").value)
    assert book.rows["summary"][0] == {0: "=1+1 借呗"}


def test_worlds_and_doubt_are_in_it(tmp_path):
    """Every world has its rows; under doubt the summary says which lender is best how often, saved or not."""
    text = {
        **TEXT,
        "world": {"worse": WORLD},
        "costs.funding_rate": {"value": 0.03, "unit": "per year", "range": [0.02, 0.05]},
    }
    study = sim.compare(sim.load_scenario(text, **SMALL).choose(LESS), threads=2, doubt=2)
    content = excel.workbook(study)
    book = Read(content)
    first = [row.get(0, "") for row in book.rows["summary"]]

    assert {row["world"] for row in book.table("comparison")} == {"as written", "worse"}
    assert {row["world"] for row in book.table("monthly")} == {"as written", "worse"}
    assert "lender in world worse" in first and "in all worlds" in first
    assert "under doubt, by net present value" in first
    saved = sim.load_study(study.save(tmp_path / "run", drawing=NoPictures(processors=1)))
    assert excel.workbook(saved) == content


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.xls", "ends in .xlsx"), ("nowhere/a.xlsx", "cannot be written"), ("a\0.xlsx", "cannot be written")],
)
def test_a_place_that_cannot_be_is_told(name, words, study, tmp_path, monkeypatch):
    """UserError, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(excel, "workbook", lambda study: b"")

    with pytest.raises(UserError, match=words):
        study.to_excel(name)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_it_when_asked(tmp_path, monkeypatch, capsys):
    """`run --excel` adds results.xlsx to the folder, which stays whole; its name is said at the end."""
    monkeypatch.chdir(tmp_path)
    sizes = ["--borrowers", "100", "--months", "2", "--replications", "2"]
    with pytest.raises(SystemExit) as left:
        cli.main(["run", TEXT["extends"], *sizes, "--excel", "--out", "out"])

    assert left.value.code in (None, 0) and capsys.readouterr().out.endswith("workbook: out/results.xlsx\n")
    assert list(Read((tmp_path / "out" / "results.xlsx").read_bytes()).rows) == list(excel.SHEETS)
    assert sim.load_study("out").measures


class Named(Finding):
    """A finding of one table."""

    command = Command(("calibrate", "tape.csv"))
    facts, cautions, answers = {}, [], []

    def page(self, manifest):
        """Return nothing."""
        return ""

    def write_tables(self, folder):
        """Write a table with Chinese in it."""
        write_csv(folder / "ratios.csv", ["比率"], [[1]])


@pytest.mark.parametrize("asked", [False, True])
def test_csv_files_have_a_byte_order_mark_where_asked(asked, tmp_path):
    """Excel takes a CSV file without one for the system's old code page; the folder is whole either way."""
    folder = Named().save(tmp_path / "found", csv_bom=asked)

    assert (folder / "ratios.csv").read_bytes() == (b"\xef\xbb\xbf" if asked else b"") + "比率\r\n1\r\n".encode()
    assert spoiled(folder) == []


def test_every_section_of_measures_has_its_name():
    """A measure belongs to one section, which its rows say."""
    assert sum(map(len, SECTIONS.values())) == len(MEASURES)

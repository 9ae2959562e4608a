"""A run's folder and the page in it."""

import csv
import json
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import toy_book
from conftest import ROOT
from simulator import compare
from simulator.analysis.comparison import Comparison
from simulator.analysis.errors import PARTS
from simulator.analysis.estimates import Difference, Estimate
from simulator.analysis.ledger import LINES, SETTLED, components, result_digest
from simulator.analysis.measures import MEASURES, TAIL, answer, shown_in
from simulator.analysis.measures.tables import ANSWER, NUMBERS, TABLES
from simulator.language.catalogue import speaking
from simulator.model.errors import UserError
from simulator.report import phrasing, render, results
from simulator.report.figures import pictures
from simulator.report.terminal import summary_table
from simulator.scenario.reader import load_scenario

FILES = {
    *("manifest.json", "scenario.toml", "summary.json", "report.html", "page.json"),
    *("monthly.parquet", "rolls.parquet", "vintages.parquet", "comparison.parquet"),
    "replications.parquet",
}


@pytest.fixture(scope="module")
def comparison():
    """Return a comparison of three toy lenders."""
    return Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.7), toy_book.ledger("sell", sell=3)])


@pytest.fixture(scope="module")
def folder(comparison, tmp_path_factory):
    """Return the folder of a written run, replications kept."""
    path = tmp_path_factory.mktemp("run") / "out" / "toy"
    results.write(path, comparison, {"seed": 1, "replay": "again"}, "seed = 1\n", keep_replications=True)
    return path


@pytest.fixture(scope="module")
def monthly(folder):
    """Return monthly.parquet as {column: array}."""
    return columns(folder / "monthly.parquet")


def columns(path):
    """Return a Parquet file as {column: object or number array}, null as None or NaN."""
    table = pq.read_table(path)
    return {name: np.array(table[name].to_pylist()) for name in table.column_names}


def pick(table, **values):
    """Return the mask of rows in which every named column has its value."""
    return np.logical_and.reduce([table[name] == value for name, value in values.items()])


def test_a_folder_is_complete_and_leaves_nothing_beside_it(folder):
    """All files of the contract, and no temporary sibling."""
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_manifest_names_versions_and_the_digest(folder, comparison):
    """What the engine passes is kept; versions, processor and the digest of all integers are added."""
    manifest = json.loads((folder / "manifest.json").read_text())
    expected = result_digest([(name, ledger.sums) for name, ledger in comparison.ledgers.items()])
    assert manifest["result_digest"] == expected
    assert (manifest["seed"], manifest["replay"]) == (1, "again")
    assert {"python", "numpy", "numba", "simulator"} <= set(manifest["versions"])
    assert manifest["cpu"]


def test_the_summary_has_the_contract_s_shape(folder):
    """Variants and differences, each measure with value, error, interval and unit, and why where there is none; the
    baseline has no difference. Before them whom the numbers are of, what credit costs, and the verdict."""
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary) == ["cautions", "people", "errors", "yearly_rates", "verdict", "variants", "differences"]
    assert {"best", "leader", "second", "probability", "reason"} <= set(summary["verdict"])
    assert list(summary["variants"]) == ["baseline", "cut", "sell"]
    assert list(summary["differences"]) == ["cut", "sell"]
    for measures in (*summary["variants"].values(), *summary["differences"].values()):
        for entry in measures.values():
            parts = [f"se_{part}" for part in PARTS]
            told = ["value", "se", "low", "high", "unit"] + ["reason"] * (entry["value"] is None)
            assert list(entry) == told + parts
    assert summary["variants"]["cut"]["net_loss"]["unit"] == "CNY"


def test_a_book_of_applicants_only_has_nothing_per_opening_borrower(tmp_path):
    """Without an opening book what is divided by it is left empty, in every file and on the page, without a warning."""
    sizes = {"borrowers": 0, "months": 4, "replications": 2}
    keys = ["portfolio.applicants_per_month=60", "run_off_months=6"]
    found = compare(load_scenario(ROOT / "scenarios" / "autopay.toml", keys, **sizes)).comparison
    results.write(tmp_path / "run", found, {}, "")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    table = columns(tmp_path / "run" / "comparison.parquet")
    page = (tmp_path / "run" / "report.html").read_text()

    for measures in (*summary["variants"].values(), *summary["differences"].values()):
        empty = {
            "value": None,
            "se": None,
            "low": None,
            "high": None,
            "unit": "CNY per borrower",
            "reason": "a rate of nothing is not defined",
            **{f"se_{part}": None for part in PARTS},
        }
        assert measures["net_loss_per_opening_borrower"] == empty
        assert measures["net_loss"]["value"] is not None
    for name in ("net_loss_per_opening_borrower", "balance_left"):
        assert {*table["value"][table["measure"] == name]} == {None}, name
    assert "<td>net loss per opening borrower</td><td>–" in page
    assert "still open at the very end counts for nothing" in page
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL))


def test_what_cannot_be_stated_is_left_out_with_its_reason(tmp_path):
    """Without run-off the terminal and the page have no net present value and say once why; the table's is null."""
    frame = toy_book.frame(run_off_months=0)
    found = Comparison([toy_book.ledger(frame=frame), toy_book.ledger("sell", sell=3, frame=frame)])
    results.write(tmp_path / "run", found, {}, "")
    page = (tmp_path / "run" / "report.html").read_text()
    table = columns(tmp_path / "run" / "comparison.parquet")
    console = Console(file=StringIO(), width=120)
    console.print(*summary_table(found))
    why = f"net present value: {found.unstated('npv')}"

    assert page.count(f"Not stated: {why}.") == 1
    assert "net present value</td>" not in page and "net present value</span>" not in page
    assert f"Not stated: {why}." in " ".join(console.file.getvalue().split())
    npv = (table["measure"] == "npv") | (table["measure"] == "net_present_loss")
    assert {*table["value"][npv]} == {None} and {*table["reason"][npv]} == {found.unstated("npv")}
    assert {*table["reason"][table["measure"] == "net_loss"]} == {None}


def test_a_complete_run_is_replaced_only_on_request(comparison, tmp_path):
    """Without overwrite a complete folder is refused and untouched; with it, replaced."""
    path = tmp_path / "toy"
    results.write(path, comparison, {"seed": 1}, "")
    before = (path / "manifest.json").read_bytes()
    with pytest.raises(UserError, match="--overwrite"):
        results.write(path, comparison, {"seed": 2}, "")
    assert (path / "manifest.json").read_bytes() == before
    results.write(path, comparison, {"seed": 2}, "", overwrite=True)
    assert json.loads((path / "manifest.json").read_text())["seed"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]


# ---- Parquet -------------------------------------------------------------------------------------


def test_monthly_rows_are_the_ledger(monthly, comparison):
    """A cell's mean, a total, an opening stock and a rate stand where they should; amounts are in the currency."""
    ledger = comparison.ledgers["sell"]
    mean = {"variant": "sell", "replication": None}
    row = pick(monthly, **mean, month=4, segment="settled", product="loan", measure="paid")
    assert monthly["value"][row].tolist() == pytest.approx([ledger["paid"][:, 4, 1, 1].mean() / 100])
    assert monthly["unit"][row].tolist() == ["CNY"]
    row = pick(monthly, **mean, month=0, segment="all", product="all", measure="n_accounts")
    assert monthly["value"][row].tolist() == [40.0]
    row = pick(monthly, **mean, segment="all", product="all", measure="dpd30_share_balance")
    expected = MEASURES["dpd30_share_balance"](ledger, by_month=True, opening=True).mean(axis=0)
    assert monthly["value"][row].astype(float) == pytest.approx(expected)


def test_replications_are_rows_without_a_standard_error(monthly, comparison):
    """The replications of a flow average to its mean row; only the mean has a standard error."""
    key = {"variant": "cut", "segment": "young", "product": "line", "measure": "interest", "month": 3}
    single = pick(monthly, **key) & (monthly["replication"] != None)  # noqa: E711
    assert sorted(monthly["replication"][single]) == [0, 1, 2, 3]
    mean = pick(monthly, **key, replication=None)
    assert monthly["value"][single].mean() == pytest.approx(monthly["value"][mean][0])
    assert np.isfinite(float(monthly["standard_error"][mean][0]))
    assert set(monthly["standard_error"][single]) == {None} or np.isnan(monthly["standard_error"][single]).all()


def test_no_row_comes_twice(monthly):
    """Variant, month, segment, product, measure and replication identify a row."""
    names = ("variant", "month", "segment", "product", "measure", "replication")
    keys = list(zip(*(monthly[name].tolist() for name in names), strict=True))
    assert len(set(keys)) == len(keys)
    assert {*SETTLED, *LINES} <= set(monthly["measure"])


def test_moves_of_a_month_add_up_to_the_accounts_of_the_month_before(folder, comparison):
    """rolls.parquet, less those who arrived, sums to the opening stock."""
    table = columns(folder / "rolls.parquet")
    rows = pick(table, variant="sell", month=5) & (table["from"] != "arrived")
    expected = comparison.ledgers["sell"].total("n_accounts")[:, 4].mean()
    assert table["n_accounts"][rows].sum() == pytest.approx(expected)


def test_vintages_count_months_on_book(folder, comparison):
    """vintages.parquet holds each entry from its month on, and sums to the book."""
    table = columns(folder / "vintages.parquet")
    assert (table["months_on_book"] == table["month"] - table["entry_month"]).all()
    assert table["months_on_book"].min() == 0
    rows = pick(table, variant="cut", month=6, measure="balance")
    expected = comparison.ledgers["cut"].total("balance")[:, 6].mean() / 100
    assert table["value"][rows].sum() == pytest.approx(expected)


def test_comparison_rows_are_paired_differences(folder, comparison):
    """comparison.parquet has every measure of both windows; the baseline's own rows have no difference."""
    table = columns(folder / "comparison.parquet")
    assert set(table["window"]) == {"whole", "lending"}
    row = pick(table, variant="sell", measure="net_loss", window="whole")
    d = comparison.difference("sell", "net_loss")
    found = [table[name][row][0] for name in ("difference", "standard_error", "low", "high")]
    assert found == [d.value, d.se, d.low, d.high]
    assert table["baseline"][row].tolist() == ["baseline"]
    assert set(table["difference"][pick(table, variant="baseline")]) == {None}


def test_every_replication_of_the_headlines_is_kept(folder, comparison, tmp_path):
    """replications.parquet has the samples of whose mean summary.json tells, and not what the run cannot state."""
    table = columns(folder / "replications.parquet")
    headlines = [name for name, measure in comparison.measures.items() if measure.headline and measure.kind != TAIL]
    for name in headlines:
        for variant in comparison.ledgers:
            rows = pick(table, variant=variant, measure=name)
            assert table["replication"][rows].tolist() == [0, 1, 2, 3]
            assert np.array_equal(table["value"][rows].astype(float), comparison.samples(variant, name))
            assert {*table["unit"][rows]} == {comparison.measures[name].unit_in(comparison.frame)}
    assert len(table["value"]) == 4 * 3 * len(headlines) and {"npv", "net_loss", "profit"} <= {*headlines}

    frame = toy_book.frame(run_off_months=0)
    results.write(tmp_path / "cut_off", Comparison([toy_book.ledger(frame=frame)]), {}, "")
    assert "npv" not in columns(tmp_path / "cut_off" / "replications.parquet")["measure"]


# ---- the page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(folder):
    """Return report.html."""
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(page):
    """No script, link, image or style from elsewhere: it opens offline."""
    assert not re.search(r"<script[^>]|<link|<iframe|@import|<img|fetch\(|https?://(?!www.w3.org/)", page)
    assert set(re.findall(r'(?:src|href)="([^#"][^"]*)"', page)) == set()
    assert not re.search(r"url\((?!#)", page)


def test_the_page_begins_with_the_answer(page, comparison):
    """Warnings and the verdict come before the table of lenders, a sentence for each before any other; figures."""
    first, second, *_ = (found.start() for found in re.finditer("<table", page))
    for text in (*comparison.warnings(), "net present value"):
        assert page.index(text.split("'")[0]) < first
    for text in ("cut against baseline", "sell against baseline"):
        assert first < page.index(text) < second
    assert page.count("<figure") == page.count("<figcaption>") == 8
    assert page.index("Manifest") > page.index("What to keep in mind")


def test_a_comparison_says_which_shares_move_by_definition(page):
    """A share of a book that a variant shrinks is not read as better payment; a plain run has nothing to compare."""
    assert "also move by definition" in page
    assert "also move by definition" not in page_of(Comparison([toy_book.ledger()]))


def page_of(comparison, manifest=()):
    """Return the page of a comparison with all its pictures."""
    return render.render(comparison, dict(manifest), pictures(comparison))


def test_a_page_never_shows_a_number_that_is_none(page):
    """No nan, inf or None in what is read."""
    text = re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", page, flags=re.S)
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_the_same_results_give_the_same_page(comparison):
    """Nothing in the page depends on the hour or on hashing."""
    assert page_of(comparison, {"seed": 1}) == page_of(comparison, {"seed": 1})


def test_a_plain_run_has_a_page_too():
    """One variant, one replication, no run-off: levels instead of differences, and it says what is missing."""
    frame = toy_book.frame(replications=1, run_off_months=0, factor=False)
    page = page_of(Comparison([toy_book.ledger(frame=frame)]))
    assert "against" not in page
    assert "no standard error" in page
    assert "without run-off" in page


def test_an_empty_book_has_a_page():
    """Nobody borrows, nothing is defined, and the page still says so without failing."""
    frame = toy_book.frame(borrowers=1, months=1, run_off_months=0, replications=2)
    ledgers = [toy_book.ledger(name, frame=frame, arrivals=0) for name in ("baseline", "other")]
    for ledger in ledgers:
        for array in ledger.sums:
            array[:] = 0
    assert "exactly the same" in page_of(Comparison(ledgers))


def test_titles_are_text_not_markup():
    """A title with angle brackets is shown, not run."""
    frame = toy_book.frame(title="<script>alert(1)</script>", replications=2, months=2, run_off_months=0)
    assert "<script>alert" not in page_of(Comparison([toy_book.ledger(frame=frame)]))


def test_with_many_replications_the_page_shows_the_tail():
    """From 100 replications on with a factor there is a figure of the tail, and how much the common factor explains."""
    frame = toy_book.frame(replications=100, borrowers=10, months=4, run_off_months=2)
    page = page_of(Comparison([toy_book.ledger(frame=frame), toy_book.ledger("sell", frame=frame, sell=3)]))
    assert page.count("<figure") == 9 and "The loss distribution" in page
    assert "borrowers share" in page


@pytest.mark.parametrize(
    ("value", "se", "unit", "difference", "text"),
    [
        (1_234_567.0, 56_000.0, "CNY", False, "CNY 1.235 ± 0.056 million"),
        (-1234.5, 12.0, "CNY", True, "−CNY 1,234 ± 12"),
        (0.02345, 0.00012, "share", False, "2.345 ± 0.012 %"),
        (0.0021, 0.0004, "share", True, "+0.210 ± 0.040 pp"),
        (0.0, 0.0, "share", True, "0 pp"),
        (0.5, float("nan"), "share", False, "50.00 %"),
        (float("nan"), float("nan"), "CNY", False, "–"),
        (12.0, float("nan"), "accounts", False, "12.00 accounts"),
    ],
)
def test_numbers_in_words(value, se, unit, difference, text):
    """Two digits of the error decide how many of the value are shown; differences carry a sign."""
    assert phrasing.number(value, se, unit, difference).replace("\u00a0", " ") == text


def test_a_measure_says_where_it_is_shown(monkeypatch):
    """One entry puts it into a table of the page, at its rank; a table that there is not is refused."""
    assert all(shown_in(table) for table in TABLES)
    one = replace(MEASURES["balance_left"], name="one_more", label="one more", shown_in={NUMBERS[0]: 1})
    monkeypatch.setitem(MEASURES, "one_more", one)
    comparison = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.8)])

    assert shown_in(NUMBERS[0])[:3] == ("net_loss", "one_more", "net_loss_per_opening_borrower")
    assert "<td>one more</td>" in render.render(comparison, {}, [])
    with pytest.raises(ValueError, match="no such table"):
        replace(one, shown_in={"Los": 1})


def test_the_answer_is_of_the_lender_alone():
    """Where insurers or partners bear a part, the lender's own loss stands in the place of the net loss."""
    assert shown_in(ANSWER) == ("net_loss", "net_charge_off_rate", "dpd30_share_balance", "profit", "npv", "npv_run_on")
    assert answer(toy_book.frame(transfers=True)) == ("own_net_loss", *shown_in(ANSWER)[1:])


def test_the_account_of_profit_is_complete(comparison):
    """Its lines, which are those of the ledger taken apart, add up to profit, and each has a measure's label."""
    lines = components("profit", render.ONE_LINE)
    for ledger in comparison.ledgers.values():
        whole = sum(sign * ledger.total(line) for line, sign in lines.items())
        assert np.array_equal(whole, ledger.total("profit"))
    assert set(lines) <= set(MEASURES)


def test_the_terminal_table_says_the_same(comparison):
    """Warnings, values, differences and the verdict print in 80 columns."""
    console = Console(width=80, record=True, file=StringIO())
    for part in summary_table(comparison):
        console.print(part)
    text = console.export_text()
    assert "net loss" in text and "sell" in text
    assert phrasing.verdict(comparison).split(":")[0] in text


def printed(comparison, **options):
    """Return what the terminal's summary is in a file, as one line."""
    console = Console(file=StringIO(), width=120)
    console.print(*summary_table(comparison, **options))
    return " ".join(console.file.getvalue().split())


def test_the_terminal_says_what_was_run(comparison):
    """Under the title stand the people, the months and the replications, and which months numbers are of."""
    said = "40 borrowers, 6 months of lending and 4 of run-off, 4 replications"
    assert f"Toy book {said}; flows over all months, shares at month 6" in printed(comparison)
    assert f'<p class="setting">{said}.' in page_of(comparison)
    one = toy_book.frame(run_off_months=0, replications=1, months=1, borrowers=1)
    assert phrasing.setting(one) == "1 borrower, 1 month of lending, 1 replication"


def test_what_is_within_chance_is_marked_in_plain_text(comparison):
    """Bold and dim do not reach a file: a sign does, and is explained where it stands."""
    table = next(part for part in summary_table(comparison) if hasattr(part, "columns"))
    marks = []
    measures = phrasing.stated(comparison, answer(comparison.frame))
    for column, measure in zip(table.columns, measures, strict=True):
        for text, variant in zip(list(column.cells)[1:], comparison.variants, strict=True):
            marked = str(text).startswith("~")
            assert marked is (phrasing.clarity(comparison.difference(variant, measure)) == "within chance")
            marks.append(marked)
    assert {*marks} == {True, False}
    assert "~ before what is within chance" in printed(comparison) and "bold" not in printed(comparison)
    same = Comparison([toy_book.ledger(), toy_book.ledger("same")])
    assert "~" not in printed(same)


def test_a_comparison_of_nothing_says_so():
    """Who asks for a comparison of a scenario without variants reads that there was nothing to compare."""
    alone = Comparison([toy_book.ledger()])
    assert "no variants: there was nothing to compare" in printed(alone, compared=True)
    assert "nothing to compare" not in printed(alone)


def test_names_with_commas_are_told_apart(comparison):
    """What is not stated is listed with semicolons, and a tail is named by its level first."""
    (said,) = phrasing.not_stated(comparison, ["var90", "es90"])
    names = said.replace("\u00a0", " ").removeprefix("Not stated: ").partition(": ")[0]
    assert names == "VaR 90 % of net loss; expected shortfall 90 % of net loss"


@pytest.mark.parametrize(
    ("change", "said"), [(1e-3, "rises from 2.00 % to 2.10 %"), (-1e-9, "falls by next to nothing")]
)
def test_a_share_moves_from_a_number_to_another_one(comparison, monkeypatch, change, said):
    """A change that no digit shows is not told as from a number to the same."""
    d = Difference(change, 0.0, change, change, 1.0)
    monkeypatch.setattr(comparison, "difference", lambda *_: d)
    monkeypatch.setattr(comparison, "estimate", lambda *_: Estimate(0.02, 0.001))
    found = phrasing.movement(comparison, "cut", "dpd30_share_balance").replace("\u00a0", " ")
    assert found == f"30+ share of balance {said}"


def test_who_fixes_the_people_reads_so_first(tmp_path):
    """With `redraw_people = false` the first sentence, the terminal and summary.json say that people are given."""
    frame = toy_book.frame(redraw_people=False)
    given = Comparison([toy_book.ledger(frame=frame), toy_book.ledger("cut", frame=frame, limit=0.8)])
    drawn = Comparison([toy_book.ledger(), toy_book.ledger("cut", limit=0.8)])
    for comparison, said in ((given, True), (drawn, False)):
        assert phrasing.verdict(comparison).startswith("Given these people: ") is said
        assert ("Given these people" in str([str(part) for part in summary_table(comparison)])) is said
        assert (comparison.summary()["people"] == "given these people") is said
        page = render.render(comparison, {}, [])
        assert ("Given these people" in page) is said
        assert ("include who the borrowers happen to be" in page) is not said


def test_a_name_in_any_script_and_of_any_length_is_drawn():
    """A Chinese name, and one longer than the page, are drawn without a warning, which tests take for an error."""
    frame = toy_book.frame(segments=("年轻人", "settled" * 40))
    comparison = Comparison([toy_book.ledger(frame=frame), toy_book.ledger("cut" * 60, frame=frame, limit=0.8)])

    assert len(pictures(comparison)) >= 5


def test_every_file_and_column_is_documented(folder):
    """docs/results.md has a row for each file of a run's folder, with every column of the tables."""
    rows = {
        row.split("`")[1]: set(row.split("`")[3::2])
        for row in (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines()
        if row.startswith("| `")
    }

    for path in folder.iterdir():
        assert path.name in rows
        if path.suffix == ".parquet":
            assert set(pq.read_schema(path).names) <= rows[path.name]
    verdict = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["verdict"]
    assert set(verdict) <= set(rows)


def test_of_a_tape_the_accounts_are_the_fact():
    """Where the opening book is a tape's, summary.json says that its accounts stay and what is drawn anew."""
    frame = toy_book.frame(tape=True)
    told = Comparison([toy_book.ledger(frame=frame)]).summary()["people"]

    assert told.startswith("the accounts of the tape; ") and told.endswith("drawn anew in each replication")


def test_the_page_says_who_asked_and_when(tmp_path):
    """The author that a scenario names and the day of the run stand below the title, in the page's language."""
    plain = {"author": "Risk <Analytics>"}
    study = compare(load_scenario("huabei", plain, 50, 2, 2).choose("cut_at_30"), threads=1)
    page = (study.save(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    day = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["date"]

    assert f'<span class="made">Risk &lt;Analytics&gt;, {phrasing.made_by(None, day)}</span>' in page
    assert phrasing.made_by("Risk Analytics", "2026-12-01") == "Risk Analytics, 1 December 2026"
    assert phrasing.made_by(None, None) == ""
    with speaking("zh"):
        assert phrasing.made_by("风险分析部", "2026-12-01") == "风险分析部，2026 年 12 月 1 日"


def test_no_name_is_a_formula_in_a_csv_file(tmp_path):
    """Text that a spreadsheet would take for a formula begins with a quote; numbers stay as they are."""
    cells = ["=cmd|' /C calc'!A0", "+HYPERLINK(1)", "@sum", "-x", "\tx", "冻结", "-0.5", -0.5, None, "a=b"]
    results.write_csv(tmp_path / "names.csv", ["=head", *map(str, range(9))], [cells])
    with open(tmp_path / "names.csv", newline="", encoding="utf-8") as file:
        (_, row) = csv.reader(file)

    assert row == ["'=cmd|' /C calc'!A0", "'+HYPERLINK(1)", "'@sum", "'-x", "'\tx", "冻结", "-0.5", "-0.5", "", "a=b"]

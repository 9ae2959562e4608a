"""The figures of a report: their numbers are those of the tables, whole sums, and all that is drawn can be read."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

import toy_book
from simulator.analysis import cohorts
from simulator.analysis.comparison import Comparison
from simulator.language.catalogue import CHINESE, speaking
from simulator.report import canvas, colours, figures, phrasing
from simulator.report.canvas import decimals_of, fitted, ticks, width_of
from simulator.report.colours import COLOURS, PALETTE, of_lenders, themed
from simulator.report.figures import paths, roll_rates, waterfalls
from simulator.report.picture import Data, Panel, pictured


@pytest.fixture(scope="module")
def comparison():
    """Return a comparison of three toy lenders over enough replications for a tail."""
    frame = toy_book.frame(replications=40, borrowers=30, months=13, run_off_months=4)
    return Comparison(
        [
            toy_book.ledger(frame=frame),
            toy_book.ledger("cut", limit=0.7, frame=frame),
            toy_book.ledger("sell <b>", sell=3, frame=frame),
        ]
    )


@pytest.fixture(scope="module")
def drawn(comparison):
    """Return {name: picture} of the comparison."""
    return {name: figures.draw(comparison, name) for name in figures.DRAWN if name != "distribution"}


def number(text):
    """Return a number of a figure's data."""
    return float(text.replace("\u2212", "-"))


# ---- sums --------------------------------------------------------------------------------------


def test_mechanisms_add_up_to_the_change_of_the_value(comparison):
    """The steps end at the difference of the table; those but the last are whole lines of profit before funding."""
    for variant in comparison.variants:
        steps = waterfalls.by_mechanism(comparison, variant)
        assert math.fsum(step.value for step in steps) == pytest.approx(
            comparison.difference(variant, "npv").value, rel=1e-12
        )
        minor = sum(round(step.value * 100 * 40) for step in steps[:-1])  # of 40 replications, in minor units
        profit, funding = (
            sum(
                sign * comparison.ledgers[name].total(line)[:, 1:].sum()
                for name, sign in ((variant, 1), ("baseline", -1))
            )
            for line in ("profit", "funding_cost")
        )
        assert minor == profit + funding


def test_causes_add_up_to_the_change_of_the_net_loss(comparison):
    """By cause the steps end at the difference of the table, to the last minor unit."""
    for variant in comparison.variants:
        steps = waterfalls.by_cause(comparison, variant)
        losses = [comparison.ledgers[name].total("net_loss")[:, 1:].sum() for name in (variant, "baseline")]
        assert sum(round(step.value * 100 * 40) for step in steps) == losses[0] - losses[1]
        assert math.fsum(step.value for step in steps) == pytest.approx(
            comparison.difference(variant, "net_loss").value, rel=1e-12
        )


def test_what_a_waterfall_shows_ends_at_the_number_of_the_table(comparison, drawn):
    """The last row of its data is the difference, in its unit; the rows above add up to it."""
    for name, measure in (("waterfall", "npv"), ("causes", "net_loss")):
        rows = drawn[name].data.rows
        for column, variant in enumerate(comparison.variants, 1):
            told = [number(row[column]) for row in rows]
            factor = told[-1] / comparison.difference(variant, measure).value
            assert factor == pytest.approx(1 / 1000 if "thousand" in drawn[name].caption else 1, rel=1e-3)
            assert sum(told[:-1]) == pytest.approx(told[-1], abs=1e-2)


# ---- months ------------------------------------------------------------------------------------


def test_paths_are_the_comparison_s_by_month(comparison, drawn):
    """The line of a lender is its mean in each month of lending; half and four fifths of the runs are in the fan."""
    data = drawn["path"].data
    for days in (30, 90):
        value = comparison.by_month("cut", f"dpd{days}_share_balance").value[:13]
        column = data.head.index(f"{days} or more days past due: cut")
        assert [number(row[column]) for row in data.rows] == pytest.approx(100 * value, abs=1e-4)
        samples = comparison.samples_by_month("cut", f"dpd{days}_share_balance")[:, :13]
        low, high = ([number(row[column + k]) for row in data.rows] for k in (1, 2))
        inside = ((100 * samples >= np.array(low) - 1e-4) & (100 * samples <= np.array(high) + 1e-4)).mean()
        assert 0.75 <= inside <= 0.9
    assert len(data.rows) == 13


def test_changes_by_month_are_paired_differences(comparison):
    """A month's change and band are those of `difference`; what has added up ends at the difference of the table."""
    share = paths._change(comparison, "cut", "dpd30_share_balance", 13)
    a, b = (comparison.samples_by_month(name, "dpd30_share_balance")[:, 12] for name in ("cut", "baseline"))
    d = comparison.average.difference(a, b)
    assert (share.value[-1], share.bands[0].low[-1], share.bands[0].high[-1]) == (d.value, d.low, d.high)

    profit, d = paths._change(comparison, "cut", "profit", 17), comparison.difference("cut", "profit")
    assert len(profit.value) == 17 and profit.value[-1] == pytest.approx(d.value, rel=1e-12)
    assert (profit.bands[0].low[-1], profit.bands[0].high[-1]) == pytest.approx((d.low, d.high), rel=1e-9)


# ---- rolls and vintages ------------------------------------------------------------------------


def test_roll_rates_are_shares_and_their_changes_differences_of_them(comparison, drawn):
    """A row by accounts adds up to one; a change is the variant's rate less the baseline's; the data have both."""
    base, cut = map(comparison.roll_rates, ("baseline", "cut"))
    assert np.nansum(base, axis=1)[~np.isnan(base).any(axis=1)] == pytest.approx(1)
    changed = comparison.roll_rate_changes("cut")
    told = {(row[0], row[1]): row for row in drawn["rolls"].data.rows}
    for (i, j), rate in np.ndenumerate(base):
        if not math.isfinite(rate):
            continue
        assert changed[i][j].value == cut[i, j] - rate
        names = roll_rates.names_of()
        if row := told.get((names[i], names[j])):
            assert number(row[2]) == pytest.approx(100 * rate, abs=1e-3)
            assert number(row[4]) == pytest.approx(100 * (cut[i, j] - rate), abs=1e-3)


def test_vintages_count_accounts_once(comparison):
    """The share of a cohort ends at its defaults per account of the ledger, and never falls."""
    ledger = comparison.ledgers["baseline"]
    found = cohorts.lived(ledger)
    assert list(found) == [(0, 0), (1, 12)][: len(found)] and found
    opening = found[0, 0]
    assert opening.accounts[:, 0].sum() == ledger.total("n_accounts")[:, 0].sum()
    assert all(np.all(np.diff(one.late.sum(axis=0)) >= 0) for one in found.values())
    same = cohorts.change(opening, opening)
    assert (same.value, same.se) == (0, 0)


# ---- what can be read --------------------------------------------------------------------------


def test_every_figure_says_its_numbers(drawn):
    """Each panel has a sentence with numbers for those who do not see it, words as text, and a name that is text."""
    for picture in drawn.values():
        page = picture.html()
        assert page.count('role="img"') == len(picture.panels) >= 1
        for said in re.findall(r'<svg[^>]*aria-label="([^"]*)"', page):
            assert re.search(r"\d|nothing changes", said)
        assert "<text" in page and "sell <b>" not in page and "<path id" not in page
        assert picture.data and all(len(row) == len(picture.data.head) for row in picture.data.rows)


def test_data_are_copied_as_they_are_shown():
    """Tabs between cells, a line for each row, and the minus of a keyboard."""
    data = Data(("a", "b"), [("x", "\u22121.5"), ("y", "")])
    assert data.tsv() == "a\tb\nx\t-1.5\ny\t"
    assert data.html() == "<table><thead><tr><th>a<th>b<tbody><tr><td>x<td>\u22121.5<tr><td>y<td></table>"


def test_a_page_has_no_colour_of_its_own(drawn):
    """Every colour is a variable of the style, in which each pair stands; the file alone has the light ones."""
    for picture in drawn.values():
        assert not re.findall(r"#[0-9a-f]{6}", picture.html())
        assert "var(" not in picture.svg and "font-family" in picture.svg
    css = Path(colours.__file__).with_name("style.css").read_text(encoding="utf-8")
    for name, pair in PALETTE.items():
        assert all(f"--{name}: {colour}" in css for colour in pair), name
    assert themed('fill="#0a67a8" href="#0a67a9"') == 'fill="var(--c1)" href="#0a67a9"'


def contrast(a, b):
    """Return the contrast of two colours, as WCAG 2 has it."""

    def light(colour):
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", [name for name in PALETTE if name not in ("line", "edge", "tint", "paper", "hatch")])
def test_words_and_lenders_can_be_seen_on_either_page(name):
    """Each colour that words may have is at least 4.5 to 1 on its page."""
    for colour, page in zip(PALETTE[name], PALETTE["paper"], strict=True):
        assert contrast(colour, page) >= 4.5


def test_a_lender_keeps_its_colour():
    """Colours go by place, all different; beyond them lenders are grey."""
    names = [f"v{k}" for k in range(10)]
    found = of_lenders(names)
    assert [found[name] for name in names[:8]] == list(COLOURS) and len({*COLOURS}) == 8
    assert found["v8"] == found["v9"] == colours.HATCH
    assert of_lenders(names[:3]) == {name: found[name] for name in names[:3]}


def test_figures_speak_chinese(comparison):
    """In Chinese no sentence is English, and money is in ten thousands."""
    with speaking(CHINESE):
        for name in figures.DRAWN:
            if picture := figures.draw(comparison, name):
                assert re.search("[\u4e00-\u9fff]", picture.title) and re.search("[\u4e00-\u9fff]", picture.caption)
                words = re.sub(r"sell <b>|VaR|pp", "", " ".join((picture.title, picture.caption, picture.finding)))
                assert not re.search(r"[A-Za-z]{4,}", words), words


# ---- the canvas --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 2.3, [0, 1, 2, 3]), (-0.3, 0.1, [-0.3, -0.2, -0.1, 0, 0.1]), (0, 0, [0, 0.25, 0.5, 0.75, 1.0])],
)
def test_ticks_are_round_and_hold_what_is_drawn(low, high, expected):
    """Equal steps of round numbers from at or below to at or above."""
    found = ticks(low, high)
    assert found == expected
    assert decimals_of(found) <= 2


def test_long_names_are_cut_where_they_end(comparison):
    """A name that is too wide ends in an ellipsis, in any script, and its mark tells all of it."""
    name = "\u4e00" * 60
    assert width_of(name) == 60 * canvas.SIZE and width_of(fitted(name, 100)) <= 100
    drawing = canvas.Canvas(100, 20)
    drawing.text(0, 10, name, most=100)
    assert f"<title>{name}</title>" in drawing.svg("")


def test_a_saved_picture_has_all_its_panels(tmp_path, drawn):
    """The file is SVG by itself: every panel, the title, and no name twice."""
    path = tmp_path / "path.svg"
    drawn["path"].save(path)
    told = path.read_text(encoding="utf-8")
    assert told.count("<svg") == 1 and told.count("<g ") == len(drawn["path"].panels)
    assert "Delinquency month by month" in told
    one = pictured("T", [Panel("", canvas.Canvas(10, 10).svg("1"))], "", "", Data((), ()))
    assert one.svg.count("<svg") == 1 and phrasing.MINUS not in one.svg

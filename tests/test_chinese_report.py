"""A report in Chinese: nothing English is left but names, both languages in one file, any script end to end."""

import re
import tomllib
from html import unescape
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.cells import cell_len
from rich.console import Console

import simulator as sim
from conftest import ROOT
from simulator.language.catalogue import CHINESE, LANGUAGES, anew, kept, retold, say, spaced, speaking
from simulator.model.errors import UserError
from simulator.report import excel, phrasing
from simulator.report.narrow import flowed
from simulator.report.render import render
from simulator.report.results import write_csv
from test_excel import Read
from test_in_worlds import NoPictures
from test_language import ENGLISH_RUN

HUABEI = (ROOT / "scenarios" / "huabei.toml").as_posix()
PLAIN = (ROOT / "tests" / "plain_world.toml").as_posix()
MOST_BYTES = 1_500_000  # of a page in both languages, with five variants and its pictures
SMALL = {"borrowers": 300, "months": 5, "replications": 3}
TITLE, AUTHOR, SOURCE = "循环额度：逾期 30 天降额，还是冻结？", "风险分析部", "风控部估计"
HALF, FROZEN, CUT, SALARIED = "降额一半", "冻结", "减半额度", "工薪客群"
HOSTILE = '"><script>window.hit=1</script>{title} {0.__class__} %s 甲乙“丙”<img src=x onerror=hit()>&amp;'


@pytest.fixture(scope="module")
def doubted(tmp_path_factory):
    """Return the study of the shipped comparison of five variants, small, with numbers in doubt."""
    values = {"run_off_months": 4, "run_on_months": 4}
    return sim.compare(sim.load_scenario(HUABEI, values, borrowers=300, months=5), threads=2, doubt=3)


@pytest.fixture(scope="module")
def saved(doubted, tmp_path_factory):
    """Return the folders of that study: in English without pictures, and in both languages with all of them."""
    place = tmp_path_factory.mktemp("saved")
    english = doubted.save(place / "english", drawing=NoPictures(processors=1))
    return english, doubted.save(place / "both", language="both")


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """Return a study whose title, author, segments, policies, variants and sources are in Chinese, over two files."""
    folder = tmp_path_factory.mktemp("情景")
    plain = tomllib.loads((ROOT / "tests" / "plain_world.toml").read_text(encoding="utf-8"))
    text = (ROOT / "tests" / "plain_world.toml").read_text(encoding="utf-8")
    text = re.sub(r"segment\.salaried\b", f'segment."{SALARIED}"', text)
    assert "salaried" in plain["segment"] and "salaried" not in tomllib.loads(text)["segment"]
    (folder / "基准.toml").write_text(text, encoding="utf-8")
    (folder / "问题.toml").write_text(
        f'''extends = "基准.toml"
        title = "{TITLE}"
        author = "{AUTHOR}"
        run_off_months = 3
        [policy."{CUT}"]
        kind = "limit_cut"
        enabled = false
        at_dpd = 30
        keep = {{ value = 0.5, source = "{SOURCE}" }}
        [variant."{HALF}"]
        title = "逾期 30 天额度减半"
        policy."{CUT}".enabled = true
        [variant."{FROZEN}"]
        policy.close.freeze_days_late = 7
        ''',
        encoding="utf-8",
    )
    return sim.compare(sim.load_scenario(folder / "问题.toml", **SMALL), threads=2)


def page_of(study, languages=(CHINESE,)):
    """Return the page of a study without pictures, in some languages."""
    return render(study.comparison, dict(study.facts), {one: [] for one in languages}, None, study.settings)


def terminal(study, width=120):
    """Return what the command prints, in Chinese."""
    out = StringIO()
    with speaking(CHINESE):
        Console(file=out, width=width, highlight=False).print(study)
    return out.getvalue()


def workbook(study, tmp_path, language=CHINESE):
    """Return the workbook of a study, read back."""
    return Read(study.to_excel(tmp_path / "results.xlsx", language=language).read_bytes())


def cells_of(read, name):
    """Return the cells of a sheet as text."""
    return [str(cell) for row in read.rows[name] for cell in (row.values() if isinstance(row, dict) else row)]


def written_by_the_user(tables):
    """Yield every text of a scenario: titles, sources, cautions, and the names of what it has."""
    for key, value in tables.items() if isinstance(tables, dict) else enumerate(tables):
        if isinstance(key, str):
            yield key
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from written_by_the_user(value)


def english_in(texts, study):
    """Return the runs of three English words in texts, without what the user wrote."""
    own = sorted({said for said in written_by_the_user(study.settings) if " " in said}, key=len, reverse=True)
    found = []
    for text in texts:
        for said in own:
            text = text.replace(said, "·")
        if ENGLISH_RUN.search(text.replace("\u00a0", " ")):
            found.append(text)
    return found


def texts_of(page):
    """Return the texts of a page, attributes too, but for styles, scripts, code, the manifest and English terms."""
    for dropped in ("<style>.*?</style>", "<script>.*?</script>", "<code>.*?</code>"):
        page = re.sub(dropped, "·", page, flags=re.DOTALL)
    page = re.sub(r'<table class="manifest">.*?</table>', "", page, flags=re.DOTALL)
    page = re.sub(r"<thead><tr><th>中文</th>.*?</table>", "", page, flags=re.DOTALL)
    shown = re.findall(r'(?:title|aria-label|alt)="([^"]*)"', page)
    page = re.sub(r"</?(?:b|i|em|small|span|wbr)\b[^>]*>", "", page)
    return [unescape(text).strip() for text in (*re.split(r"<[^>]*>", page), *shown)]


def main_of(page, language):
    """Return what stands in the main of a language, of a page of one or of both."""
    (found,) = re.findall(rf"<main(?: lang=\"{language}\")?(?: data-[^>]*)?>\n(.*?)</main>", page, re.DOTALL)
    return found


def test_no_english_is_left_on_the_page(doubted):
    """But for code, keys, file names and what the user wrote, no three English words stand in a row."""
    assert english_in(texts_of(page_of(doubted)), doubted) == []


def test_no_english_is_left_in_the_terminal(doubted):
    """The summary, cautions and what is known of the choice are Chinese."""
    lines = " ".join(terminal(doubted, 400).split("\n"))
    assert english_in([lines], doubted) == []
    assert "净现值" in lines and "注意：" in lines


def test_no_english_is_left_in_the_workbook(doubted, tmp_path):
    """But for what files call things: the command, keys, and the English terms of the glossary."""
    read = workbook(doubted, tmp_path)
    assert list(read.rows) == ["摘要", "比较", "逐月", "参数", "来源", "术语"]
    texts = [text for name in read.rows if name not in ("来源", "术语") for text in cells_of(read, name)]
    assert english_in(texts, doubted) == []


KEEP = "policy.cut.keep=0.2:0.8"
QUESTIONS = {
    "flips": lambda asked: sim.flips(asked, keys=["policy.cut.keep", "discount_rate"]),
    "sweep": lambda asked: sim.sweep(asked, [f"{KEEP}:2"], tornado=True),
    "sweep of two": lambda asked: sim.sweep(asked, [f"{KEEP}:2", "discount_rate=0.01:0.1:2"]),
    "break-even": lambda asked: sim.breakeven(asked, KEEP, "cut"),
    "no break-even": lambda asked: sim.breakeven(asked, "discount_rate=0.01:0.02", "close"),
    "best setting": lambda asked: sim.optimise(
        asked, [f"{KEEP}:3"], maximise="npv", subject=["approval_rate>=0.6"], variant="cut"
    ),
    "no setting": lambda asked: sim.optimise(
        asked, [f"{KEEP}:2"], minimise="net_loss", subject=["approval_rate>=1"], variant="cut"
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_english_is_left_on_the_page_of_a_question(question):
    """What turns a choice, what a number does along the way, and the best setting are told in Chinese."""
    world = {"extends": PLAIN, "title": TITLE, "run_off_months": 2, "run_on_months": 2}
    world["variant"] = {"cut": {"title": HALF, "policy": {"cut": {"enabled": True}}}}
    world["variant"]["close"] = {"title": FROZEN, "policy": {"close": {"freeze_days_late": 7}}}
    world["segment"] = {"salaried": {"forget": {"sd": {"value": 0.12, "range": [0.1, 0.14]}}}}
    asked = sim.load_scenario(world, borrowers=60, months=4, replications=3)
    found = QUESTIONS[question](asked)
    with speaking(CHINESE):
        told = [*found.answers, *texts_of(found.report)]
    left = english_in(told, SimpleNamespace(settings=tomllib.loads(asked.text())))
    assert not left, left


def test_lines_of_a_terminal_break_where_chinese_does(doubted):
    """No line begins with punctuation, none is wider than the terminal, and a number stays with its error."""
    for width in (60, 77, 100):
        with speaking(CHINESE):
            verdict = phrasing.verdict(doubted.comparison)
        lines = flowed(verdict, width)
        assert "".join(lines).replace(" ", "") == verdict.replace(" ", "")
        assert all(cell_len(line) <= width and line[0] not in "，。；：、”）" for line in lines)
        assert not any(re.search("[±\u00a0]$", line) for line in lines)
        assert all(line in terminal(doubted, width) for line in lines)
    for text in ("“", "", "，，。”", "a" * 30, "一二三 four “五", "（（", "🙂，\n二"):
        assert "".join(flowed(text, 8)).replace(" ", "") == text.replace(" ", "")


def test_a_page_of_both_is_each_page(doubted):
    """One run gives both, each in a main of its own; the switch is CSS and needs no script."""
    both = page_of(doubted, LANGUAGES)
    assert both.count("<main lang=") == 2 and '<html lang="en">' in both
    assert main_of(both, "en") == main_of(page_of(doubted, ("en",)), "en")
    assert main_of(both, "zh-CN") == main_of(page_of(doubted), "zh-CN")
    assert re.findall(r'<input type="radio" name="language" value="([\w-]+)"', both) == ["en", "zh-CN"]
    assert 'body:has(.languages [value="en"]:checked) main:lang(zh)' in both
    script = both[both.index("<script>") :]
    assert "language" not in script and "data-copy" in both


def test_an_english_page_has_nothing_of_the_other(doubted):
    """It has no switch, no style for Chinese, and no attribute that it does not need."""
    page = page_of(doubted, ("en",))
    assert "<main>" in page and ":lang(zh)" not in page and "PingFang" not in page
    assert 'lang="zh-CN"' not in page and '<html lang="en">' in page


def test_five_variants_in_both_languages_are_one_small_file(doubted, saved):
    """With all pictures the page is at most 1.5 MB, loads nothing, and says that it is in both."""
    _, folder = saved
    page = (folder / "report.html").read_bytes()
    assert len(page) <= MOST_BYTES
    text = page.decode()
    assert text.count("<main lang=") == 2 and text.count("<svg") >= 8
    assert not re.search(r"<script[^>]|<link|@import|<img|https?://(?!www.w3.org/)", text)
    assert english_in(texts_of(main_of(text, "zh-CN")), doubted) == []
    assert "--language both" in sim.load_study(folder).facts["replay"]


def test_what_is_kept_in_files_is_english(saved):
    """Only the page and the workbook speak: other files are the same whoever reads them."""
    for name in ("summary.json", "scenario.toml", "comparison.parquet", "monthly.parquet"):
        first, second = ((folder / name).read_bytes() for folder in saved)
        assert first == second


def test_a_saved_run_is_told_in_chinese_again(doubted, saved):
    """What its files keep in English is said in Chinese: cautions, reasons, the verdict."""
    again = sim.report_of(saved[0], language=CHINESE)
    again._pictures = list
    page = again.report
    assert '<html lang="zh-CN">' in page
    assert english_in(texts_of(page), doubted) == []
    with speaking(CHINESE):
        verdict = phrasing.verdict_of(doubted.verdict, len(doubted.lenders), doubted.frame)
    assert verdict in unescape(page.replace("<wbr>", ""))


def test_a_title_in_a_kept_sentence_stays_whole():
    """Words of sentences in it, too: what is between quotation marks is a name."""
    with speaking(CHINESE):
        told = retold("“Cut and sell” and “Sell and cut are equal” are equal")
    assert told == "“Cut and sell”与“Sell and cut are equal”完全相等"


def test_two_runs_are_laid_side_by_side_in_chinese(ours, tmp_path):
    """The page of two runs says what differs, what is paired and what is left out in Chinese."""
    folders = [
        study.save(tmp_path / name, drawing=NoPictures(processors=1)) for name, study in (("a", ours), ("b", ours))
    ]
    page = sim.side_by_side(*folders, language="both").report
    assert "两次运行的每个数字都相同" in main_of(page, "zh-CN")
    assert "The two runs are the same" in main_of(page, "en")


def test_any_script_end_to_end(ours, tmp_path):
    """Titles, segments, policies, variants, sources in Chinese reach page, terminal, workbook, CSV as they are."""
    page = unescape(page_of(ours, LANGUAGES))
    for name in (TITLE, AUTHOR, HALF, FROZEN, CUT, SALARIED, SOURCE, "逾期 30 天额度减半"):
        assert main_of(page, "en").count(name) >= 1
        assert main_of(page, "zh-CN").replace("<wbr>", "").count(name) >= 1
    shown = terminal(ours, 200)
    assert TITLE in shown and HALF not in shown and "“逾期 30 天额度减半”的原因：" in shown
    read = workbook(ours, tmp_path)
    cells = {text for name in read.rows for text in cells_of(read, name)}
    assert {TITLE, HALF, FROZEN, SOURCE} <= cells
    write_csv(tmp_path / "names.csv", ("name",), [[HALF], [SALARIED]])
    assert (tmp_path / "names.csv").read_text(encoding="utf-8").split() == ["name", HALF, SALARIED]
    folder = ours.save(tmp_path / "run", language=CHINESE, drawing=NoPictures(processors=1))
    assert sim.load_study(folder).variants == [HALF, FROZEN]


def test_hostile_words_are_words_in_both_languages(tmp_path):
    """Titles, names and cautions with tags, braces, quotes and formulas are text everywhere."""
    over = {"title": HOSTILE, "author": HOSTILE, "cautions": [HOSTILE, "=1+1"], "run_off_months": 2}
    tables = {
        "extends": PLAIN,
        **over,
        "variant": {"-2-3": {"title": HOSTILE, "policy.cut.enabled": True}},
    }
    study = sim.compare(sim.load_scenario(tables, **SMALL), threads=2)
    page = page_of(study, LANGUAGES)
    assert "<script>window" not in page and "<img" not in page and page.count(" onerror") == page.count("x onerror")
    for language in ("en", "zh-CN"):
        assert HOSTILE in unescape(main_of(page, language).replace("<wbr>", ""))
    assert "{title} {0.__class__} %s" in terminal(study, 400)
    read = workbook(study, tmp_path)
    cells = {text for name in read.rows for text in cells_of(read, name)}
    assert HOSTILE in cells and not any("<f>" in part for part in read.parts.values())


def test_the_commands_answer_in_chinese(simulator, tmp_path):
    """`compare` writes the page and prints in Chinese; `report` does so of a folder that was written in English."""
    small = ("--borrowers", 200, "--months", 3, "--replications", 2, "--set", "run_off_months=2")
    folder = tmp_path / "out"
    code, out, _ = simulator("compare", PLAIN, *small, "--language", CHINESE, "--excel", "--out", folder)
    assert code == 0 and f"报告：{folder / 'report.html'}" in out and f"工作簿：{folder / 'results.xlsx'}" in out
    assert '<html lang="zh-CN">' in (folder / "report.html").read_text(encoding="utf-8")
    assert sim.load_study(folder).facts["replay"].endswith("--language zh")
    code, out, _ = simulator("report", folder, "--language", "both", "--out", tmp_path / "again")
    page = (tmp_path / "again" / "report.html").read_text(encoding="utf-8")
    assert code == 0 and "report: " in out and page.count("<main lang=") == 2


@pytest.mark.parametrize("wrong", ["fr", "", "zh-CN", "EN"])
def test_an_unknown_language_is_one_message(wrong, ours, simulator, tmp_path):
    """The command exits with 2 before anything is lived; Python raises the same kind of error."""
    for command in (("compare", PLAIN), ("run", PLAIN), ("report", tmp_path)):
        code, out, err = simulator(*command, "--language", wrong, "--out", tmp_path / "none")
        assert (code, out, err.count("\n")) == (2, "", 1) and "en, zh, both" in err
    with pytest.raises(UserError, match="language"):
        ours.save(tmp_path / "none", language=wrong)
    with pytest.raises(UserError, match="language"):
        ours.to_excel(tmp_path / "none.xlsx", language=wrong)
    assert not (tmp_path / "none").exists() and not (tmp_path / "none.xlsx").exists()


@pytest.mark.parametrize(
    ("value", "se", "unit", "difference", "said"),
    [
        (344_000, 98_000, "CNY", False, "34.4 ± 9.8 万元"),
        (344_000, 98_000, "CNY", True, "+34.4 ± 9.8 万元"),
        (-5_120, 310, "CNY", True, "−5,120 ± 310 元"),
        (213_000_000, 4_000_000, "CNY", False, "2.130 ± 0.040 亿元"),
        (344_000, 98_000, "USD", False, "34.4 ± 9.8 万 USD"),
        (20.3, 5.6, "CNY per borrower", False, "20.3 ± 5.6 元"),
        (0.81, 0.04, "share", False, "81.0 ± 4.0%"),
        (-0.0042, 0.0011, "share", True, "−0.42 ± 0.11 个百分点"),
        (16.3, 5.9, "accounts", False, "16.3 ± 5.9 户"),
        (0.0, 0.0, "share", True, "0 个百分点"),
    ],
)
def test_numbers_in_chinese(value, se, unit, difference, said):
    """Money is in ten thousands and hundred millions, per cent stands without a space, signs are those of English."""
    with speaking(CHINESE):
        assert phrasing.number(value, se, unit, difference).replace("\u00a0", " ") == said


def test_a_space_stands_where_han_and_latin_meet():
    """Whatever script fills a slot; between Han there is none, and what has a space keeps it."""
    assert spaced("比{name}高 {by}", {"name": "cut_at_30", "by": "3 元"}) == "比 cut_at_30 高 3 元"
    assert spaced("比 {name} 高{by}", {"name": "降额", "by": "12"}) == "比降额高 12"
    assert spaced("“{name}”的{n:,}户", {"name": "a", "n": 1234}) == "“a”的 1,234 户"


def test_what_a_file_keeps_in_english_is_told_again():
    """A sentence is known by the words around its slots, a kept one by itself; a user's stays as it is."""
    reason = kept("{best} and {other} are not clearly apart", best="冻结", other="cut_at_30")
    with speaking(CHINESE):
        assert retold(str.__str__(reason)) == retold(reason) == anew(reason) == "“冻结”与“cut_at_30”无法区分"
        assert (
            retold("a sentence that a user wrote about 30 % of it") == "a sentence that a user wrote about 30 % of it"
        )
    assert retold(reason) == "冻结 and cut_at_30 are not clearly apart"


def test_a_word_of_two_meanings_has_two_translations():
    """What it is about stands after a bar, which nobody reads in English."""
    assert say("months|of a window") == "months"
    with speaking(CHINESE):
        assert (say("months|of a window"), say("months|of lending")) == ("期间", "放贷月数")


def test_the_english_workbook_is_that_of_before(ours, tmp_path):
    """Its sheets, and every head, are those that programs know."""
    read = workbook(ours, tmp_path, "en")
    assert list(read.rows) == list(excel.SHEETS)

"""The live what-if page: what it asks and answers, what it refuses, and what it writes."""

import gc
import json
import re
from dataclasses import replace
from http.client import HTTPConnection
from threading import Event
from time import sleep
from urllib.parse import urlencode
from weakref import ref

import numpy as np
import pytest

from conftest import ROOT
from pages import ENDS, TOKEN, served
from simulator.engine import engine
from simulator.explore import desk as desks
from simulator.explore.desk import KEPT, Desk
from simulator.explore.lives import FIRST, LEAST, Life
from simulator.explore.page import page
from simulator.explore.picture import changed, picture
from simulator.explore.question import Explored
from simulator.explore.saved import save
from simulator.explore.server import listen
from simulator.explore.words import amount, between
from simulator.language.catalogue import speaking
from simulator.model.errors import UserError
from simulator.model.layout import K_COUNT, K_SEGMENT
from simulator.scenario.reader import load_scenario
from simulator.study import compare, load_study

ENGLISH_RUN = re.compile(r"[A-Za-z]{2,}( [A-Za-z]{2,}){2}")
MOVED = {"policy.cut.enabled": "true", "policy.cut.keep": "0.3"}


@pytest.fixture(scope="module")
def small():
    """Give a small book of the shipped scenario."""
    return load_scenario("huabei", ENDS, borrowers=300, months=6, replications=16)


@pytest.fixture(scope="module")
def port(small):
    """Give the port of its page."""
    with served(small) as port:
        yield port


def get(port, path, method="GET", headers=(), token=TOKEN, body=None):
    """Return (status, headers, text) of a request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, f"/{token}/{path}", body, dict(headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def pictures(port, said):
    """Return every picture that a question is answered with."""
    status, _, text = get(port, f"pictures?{urlencode(said)}")
    assert status == 200
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]


def test_the_last_picture_is_what_a_comparison_says(port, small):
    """Replications have addresses: 16 of them one by one are those of `compare`, and so is every difference."""
    *_, last = pictures(port, MOVED)
    moved = {"variant.cut_at_30.policy.cut.keep": 0.3}
    study = compare(
        load_scenario("huabei", ENDS | moved, borrowers=300, months=6, replications=16).choose(["cut_at_30"])
    )

    assert last["settled"] and last["question"] == urlencode(MOVED)
    for row in last["rows"]:
        told = study.difference("cut_at_30", row["name"])
        assert (row["value"], row["low"], row["high"]) == pytest.approx((told.value, told.low, told.high), rel=1e-9)


def test_pictures_come_one_by_one(port):
    """The interval of each picture is of more replications than that of the one before."""
    counted = [one["counted"] for one in pictures(port, {"policy.cut.enabled": "true"})]

    assert counted == [
        *(f"300 borrowers × {n} of 16 replications" for n in (2, 4, 8)),
        "300 borrowers × 16 replications",
    ]


def test_a_part_of_a_book_has_its_share_of_everyone_and_all_parts_are_the_book():
    """A large book is dealt out: parts are lived one after the other, and add up to a run of all of it."""
    scenario = load_scenario("huabei", borrowers=FIRST // 40, months=6)
    life = Life(scenario, scenario.baseline, None)
    parts, tiles = life._parts, life.world.tiles
    counts = [part[:, K_COUNT].sum() for part in parts]

    assert len(parts) > 1 and sum(counts) == tiles[:, K_COUNT].sum()
    for part, share in zip(range(len(parts)), (step.share for step in life.steps), strict=True):
        dealt = np.concatenate(parts[: part + 1])
        for segment in np.unique(tiles[:, K_SEGMENT]):
            own, everyone = (each[each[:, K_SEGMENT] == segment, K_COUNT].sum() for each in (dealt, tiles))
            assert share * everyone - LEAST <= own <= share * everyone
    one = life.world._replace(replications=1)
    lived = [engine.run(one._replace(tiles=part), 2).flows.sum(axis=1) for part in parts]
    assert np.array_equal(sum(lived), engine.run(one, 2).flows.sum(axis=1))


@pytest.mark.parametrize(
    ("headers", "token", "method"),
    [
        ({}, "another", "GET"),
        ({}, "", "GET"),
        ({"Host": "evil.example:1"}, TOKEN, "GET"),
        ({"Origin": "http://evil.example"}, TOKEN, "GET"),
        ({"Sec-Fetch-Site": "cross-site"}, TOKEN, "GET"),
        ({"Origin": "null"}, TOKEN, "POST"),
        ({}, TOKEN, "POST"),
    ],
)
def test_nobody_else_is_served(port, headers, token, method):
    """Without the token, under another host's name, or from another site's page nothing is told and nothing done."""
    status, _, text = get(port, "", method, headers, token)

    assert status == 403 and "huabei" not in text


def test_what_is_sent_is_sealed(port):
    """No page of another site may frame it, no script but its own runs on it, and its address goes nowhere."""
    status, headers, _ = get(port, "")

    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"


def test_only_loopback_listens():
    """The page is on 127.0.0.1 alone, and a port that is taken is said in one line."""
    with listen() as opened:
        host, port = opened.getsockname()
        assert host == "127.0.0.1"
        with pytest.raises(UserError, match=f"--port: {port}: cannot be listened on"):
            listen(port)


def test_an_address_is_its_question(small):
    """What an address says is read back, in the page's order; what is as the file has it is not said."""
    explored = Explored(small)
    said = [("months", "12"), ("policy.cut.keep", "0.5"), ("policy.close.close_days_late", "never"), ("language", "zh")]

    question = explored.question(said)
    assert explored.address(question) == "months=12&policy.close.close_days_late=never"
    assert explored.question([("months", "12"), ("policy.close.close_days_late", "never")]) == question


def test_every_wrong_part_of_an_address_is_told(port):
    """An address with a wrong key, name or value is answered with each of them, and nothing is lived."""
    said = {"from": "nobody", "world": "none", "months": "-3", "policy.cut.keep": "1.5", "policy.cut.kep": "1"}
    status, headers, text = get(port, f"pictures?{urlencode(said)}")

    assert status == 400 and headers["content-type"].startswith("text/plain")
    assert all(f"{key}: " in text for key in said) and len(text.splitlines()) == len(said)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("months=6_0", "months: 6_0: not months; allowed: 1 to 120"),
        ("months=%EF%BC%96", "months: \uff16: not months; allowed: 1 to 120"),
        ("months=%2B6", "months: +6: not months; allowed: 1 to 120"),
        ("months=121", "months: 121: not months; allowed: 1 to 120"),
        ("months=6&months=12", "months: given more than once"),
        ("language=en&language=en", "language: given more than once"),
        (f"{'k' * 500}=1", f"{'k' * 77}...: no such setting"),
    ],
)
def test_an_address_is_plain(port, said, told):
    """Numbers have ASCII digits alone, a key is given once, and one that there is none of is told shortened."""
    status, _, text = get(port, f"pictures?{said}")

    assert status == 400 and text.startswith(told) and len(text.splitlines()) == 1


@pytest.mark.parametrize("text", ["0_5", "\u0660.5", " 0.5", "1e999", "nan", "inf", "9" * 400, "9" * 5000])
def test_a_number_that_is_none_is_refused(small, text):
    """So is one of a policy's setting, however it is written."""
    with pytest.raises(UserError, match=r"policy\.cut\.keep: "):
        Explored(small).question([("policy.cut.keep", text)])


def test_settings_that_exclude_each_other_are_refused_in_words(port):
    """A closure before the freeze is no picture but a sentence."""
    (only,) = pictures(port, {"policy.close.close_days_late": "5"})

    why = "Closure, days late when closed: closes at 5 days late and freezes at 30; allowed: not before that"
    assert only["settled"] and only["refused"] == f"These settings cannot be lived: {why}"


def test_a_refusal_is_in_the_language_of_the_page(port):
    """What excludes what, which book is sold from, and a wrong address: in Chinese there is no English sentence."""
    late = {"policy.close.close_days_late": "5", "language": "zh"}
    (only,) = pictures(port, late)
    (sold,) = pictures(port, {"policy.sell_open.from": "written_off", "language": "zh"})
    status, _, text = get(port, "pictures?months=x&policy.none=1&language=zh")

    assert only["refused"].endswith("冻结与关户，关户时的逾期天数：逾期 5 天关户，逾期 30 天才冻结；关户不得早于冻结")
    assert "转让来源为" in sold["refused"]
    assert status == 400 and "可取 1 至 120" in text and "没有这项设定" in text
    for said in (only["refused"], sold["refused"]):
        assert not ENGLISH_RUN.search(said)


def test_nothing_moved_says_so(port):
    """The first picture is of the baseline itself: no change, and no interval of one."""
    *_, last = pictures(port, {})

    assert last["verdict"] == "Nothing is changed yet: move a slider."
    assert {row["text"] for row in last["rows"]} == {"0"} and {row["interval"] for row in last["rows"]} == {""}


def test_the_page_speaks_chinese(port):
    """Every word of the page and of a picture, but the scenario's own, in the language that the address asks for."""
    status, _, text = get(port, "?language=zh")
    assert status == 200 and '<html lang="zh-Hans">' in text and "额度调降与调升" in text and "Limit cut" not in text

    *_, last = pictures(port, {**MOVED, "language": "zh"})
    said = [last["verdict"], last["counted"], last["changed"], last["path"]["words"], last["causes"]["words"]]
    said += [words for row in last["rows"] for words in (row["label"], row["about"], row["interval"])]
    assert last["question"] == urlencode(MOVED) and "净现值" in last["verdict"] and "元" in last["verdict"]
    assert not re.search("[A-Za-z]{2}", " ".join(said))
    assert get(port, "?language=fr")[0] == 400


def test_an_answer_has_one_unit():
    """The amount and both ends of its interval are told in the unit of the largest; English says it once."""
    value, low, high = 9790, 5500, 15700

    assert (
        amount(value, "CNY", beside=high) == "CNY\u00a09,790" and between(low, high, "CNY", True) == "5,500 to 15,700"
    )
    with speaking("zh"):
        assert amount(value, "CNY", beside=high) == "0.98\u00a0万元"
        assert between(low, high, "CNY", True) == "0.55 至 1.57 万元"
        assert (amount(12.34, "CNY", beside=56.78), amount(1234, "CNY")) == ("12.3\u00a0元", "1,230\u00a0元")


def test_the_verdict_names_its_currency_once(port):
    """An amount beside its interval has the currency; an interval by itself has it too."""
    told = [one["verdict"] for one in pictures(port, {"policy.cut.enabled": "true", "policy.cut.keep": "0.01"})]

    assert any("falls by" in verdict or "rises by" in verdict for verdict in told)
    assert all(verdict.count("CNY") == 1 for verdict in told)


def test_a_tape_has_its_accounts(tmp_path):
    """The page of a tape says how many accounts and borrowers are on it, as many as a run has; and its cautions."""
    path = tmp_path / "tape.toml"
    data = ROOT / "tests" / "data"
    path.write_text(
        f"""
title = "Made up"
months = 3
currency.code = "BRL"
portfolio = {{ borrowers = 0, tape = "{data}/made_up_bank.csv", mapping = "{data}/made_up_bank.toml" }}
behaviour.model = "structural"
products.line.minimum_share = 0.1
segment.north = {{ share = 0.5, line_holders = 1.0, line_limit = 900, income = 900 }}
segment.south = {{ share = 0.5, line_holders = 1.0, line_limit = 900, income = 900 }}
cautions = ["Nobody checked <this>."]
""",
        encoding="utf-8",
    )
    explored = Explored(load_scenario(path))
    book, scenario = explored.book, explored.scenario
    life = Life(scenario, scenario.baseline, book.tape)
    accounts, borrowers = book.report["accounts"], book.report["borrowers"]

    assert life.frame.borrowers == borrowers == sum(book.tape.borrowers) > 0
    shown = page(explored, explored.home)
    assert f'<span class="size">{accounts} accounts of {borrowers} borrowers, from the tape</span>' in shown
    cautions = explored.cautions(explored.home)
    assert book.cautions and set(book.cautions) < set(cautions)
    assert "<li>Caution: Nobody checked &lt;this&gt;.</li>" in shown
    assert shown.count("<li>Caution: ") == len(cautions)
    with speaking("zh"):
        shown = page(explored, explored.home)
    assert f"账户明细数据：{borrowers} 名借款人的 {accounts} 个账户" in shown and "注意：Nobody checked" in shown


def test_the_page_warns_in_its_language(small):
    """A caution of the program's own, that of a price, stands at the top in the language of the page."""
    dear = load_scenario("huabei", ENDS | {"products.line.interest_rate": 0.0015}, borrowers=100)
    explored = Explored(dear)

    assert page(explored, explored.home).count("<li>Caution: ") == 1
    with speaking("zh"):
        assert re.search("<li>注意：[^<A-Za-z]*</li>", page(explored, explored.home))
    assert '<ul class="cautions" id="cautions" hidden></ul>' in page(Explored(small), Explored(small).home)


def test_a_price_that_is_moved_is_warned_of():
    """The caution comes with the setting that asks for it, and goes with it; it says whose the price is."""
    scenario = load_scenario("pricing", borrowers=100, months=3)
    explored = Explored(scenario)
    name = next(one.policy for key, one in explored.controls.items() if key.endswith(".rate"))
    with served(scenario) as port:
        *_, dear = pictures(port, {f"policy.{name}.enabled": "true", f"policy.{name}.rate": "5.0", "language": "zh"})
        *_, home = pictures(port, {})

    assert len(dear["cautions"]) == len(home["cautions"]) + 1
    assert dear["cautions"][-1].startswith("注意：当前设定：") and "36%" in dear["cautions"][-1]


def test_a_member_of_a_list_is_a_control_like_any_other(small, tmp_path):
    """Its place is in the address; what is asked, said and saved is the list with the others as they were."""
    explored = Explored(small)
    question = explored.question([("policy.sell_written_off.price.2", "0.05")])
    before = small.baseline.policy["sell_written_off"].price

    assert explored.address(question) == "policy.sell_written_off.price.2=0.05"
    own = explored.asked(question).own.policy["sell_written_off"].price
    assert own == [*before[:2], 0.05, *before[3:]] != before
    assert "Price, share of the balance · 12–17: " in changed(explored, question)
    assert (
        load_scenario(save(explored, question, tmp_path).path).variants["what_if"].policy["sell_written_off"].price
        == own
    )
    for text in ("1.5", "-0.1", "x"):
        with pytest.raises(UserError, match=r"policy\.sell_written_off\.price\.2: "):
            explored.question([("policy.sell_written_off.price.2", text)])
    with pytest.raises(UserError, match="no such setting"):
        explored.question([("policy.sell_written_off.price.6", "0.1")])
    with pytest.raises(UserError, match="allowed: falling, or the same again"):
        explored.asked(explored.question([("policy.rating.months.2", "9")]))


def test_nothing_moved_is_not_saved(port, small, tmp_path):
    """There is nothing to save: a sentence says so, in the language of the page, and no file is written."""
    with pytest.raises(UserError, match="nothing is moved"):
        save(Explored(small), Explored(small).home, tmp_path)
    origin = {"Origin": f"http://127.0.0.1:{port}"}
    answers = [get(port, f"{what}?language=zh", "POST", origin) for what in ("save", "reports")]

    assert [(status, "尚未移动任何设定" in text) for status, _, text in answers] == [(400, True)] * 2
    assert not list(tmp_path.iterdir())


def test_a_long_wait_is_told_before(small):
    """A picture of a part says how long all of it takes, if that is long; the last says nothing of it."""
    found = []
    desk = Desk(Explored(small), 2)
    try:
        desk.ask(desk.explored.question(MOVED.items()), found.append)
        while len(found) < 4:
            sleep(0.01)
    finally:
        desk.close()

    assert all(one.seconds_left > 0 for one in found[:-1]) and found[-1].seconds_left == 0
    with_wait = picture(found[0]._replace(seconds_left=41.6), desk.explored)
    assert with_wait["counted"] == "300 borrowers × 2 of 16 replications; all of them in about 42 s"


def test_policies_of_one_kind_are_told_apart(small):
    """Where a kind occurs twice what is changed has the policy's own name; one that occurs once has none."""
    baseline = small.baseline
    twice = {**baseline.policy, "more": baseline.policy["cut"]}
    explored = Explored(small)
    question = explored.question(MOVED.items())
    explored.scenario = replace(small, baseline=baseline.model_copy(update={"policy": twice}))

    assert "Limit cut (cut), " in changed(explored, question)
    with speaking("zh"):
        assert "额度调降与调升（cut）" in changed(explored, question)
    assert "Limit cut, " in changed(Explored(small), question)


def lender(scenario, name):
    """Return the settings of a variant without what it is called."""
    return scenario.variants[name].model_dump(exclude={"title"})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("huabei", {"months": "12", "policy.cut.enabled": "true", "policy.cut.floor": "600.0"}),
        ("huabei", {"from": "freeze_and_close", "policy.close.close_days_late": "never", "policy.remind.start": "3"}),
        ("downturn", {"from": "cut_at_30", "world": "china_2020", "policy.agency.levels.agency.cost": "2.0"}),
    ],
)
def test_a_saved_scenario_is_the_same_question(name, said, tmp_path):
    """The file extends the scenario and says only what differs; its variant is the lender of the page, in the world."""
    explored = Explored(load_scenario(name, ["policy.cut.keep=0.4"], borrowers=200))
    question = explored.question(said.items())

    saved = save(explored, question, tmp_path)
    again, asked = load_scenario(saved.path), explored.asked(question)

    assert saved.text.startswith(f'extends = "{name}"\n') and len(saved.text) < 1200
    there = again.every_world[question.world]
    assert there.baseline == asked.baseline
    assert lender(there, saved.variant) == asked.own.model_dump(exclude={"title"})


def test_saving_overwrites_nothing(tmp_path):
    """A second question gets a name of its own, beside the first; a file that extends one of the user's names it."""
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "huabei"\n', encoding="utf-8")
    (folder := tmp_path / "sub").mkdir()
    explored = Explored(load_scenario(mine, borrowers=200))

    first, second = (save(explored, explored.question([("months", months)]), folder) for months in ("6", "12"))
    assert (first.path.name, second.path.name) == ("mine-what-if.toml", "mine-what-if-2.toml")
    assert first.path.read_text(encoding="utf-8") == first.text and "months = 6" in first.text
    assert first.text.startswith('extends = "../mine.toml"\n')
    assert load_scenario(second.path).baseline.months == 12


def test_the_full_report_is_a_comparison_of_the_saved_scenario(port, tmp_path, monkeypatch):
    """It is written into out/, and served as a page that may run its own script and reach nothing."""
    monkeypatch.chdir(tmp_path)
    here = {"Origin": f"http://127.0.0.1:{port}", "Host": f"127.0.0.1:{port}"}
    _, _, text = get(port, f"save?{urlencode(MOVED)}", "POST", here)
    assert json.loads(text)["path"] == "huabei-what-if.toml"
    _, _, text = get(port, f"reports?{urlencode(MOVED)}", "POST", here)
    name = json.loads(text)["name"]
    assert name == "huabei-what-if-2"

    state = {"folder": None, "problem": ""}
    while not (state["folder"] or state["problem"]):
        sleep(0.1)
        state = json.loads(get(port, f"reports/{name}")[2])
    status, headers, page = get(port, f"reports/{name}/report.html")

    assert state == {"share": 1.0, "folder": f"out/{name}", "problem": ""}
    assert status == 200 and page == (tmp_path / "out" / name / "report.html").read_text(encoding="utf-8")
    assert headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    told = load_study(tmp_path / "out" / name).difference("what_if", "npv")
    *_, last = pictures(port, MOVED)
    assert last["rows"][0]["value"] == pytest.approx(told.value, rel=1e-9)
    assert get(port, "reports/huabei/report.html")[0] == 404


def test_insurance_is_compared_with_a_lender_that_has_none():
    """The own loss of one who is insured stands against the loss of one who is not; both books are lived whole."""
    scenario = load_scenario("insurance", ENDS, borrowers=300, months=3)
    name = next(iter(scenario.variants))
    with served(scenario) as port:
        *_, last = pictures(port, {"from": name})
    told = compare(load_scenario("insurance", ENDS, borrowers=300, months=3, replications=16).choose([name]))

    assert "own_net_loss" in [row["name"] for row in last["rows"]]
    for row in last["rows"]:
        assert row["value"] == pytest.approx(told.difference(name, row["name"]).value, rel=1e-9)


def test_a_newer_question_comes_first_and_nobody_lives_for_who_has_gone(small):
    """Of three questions the last is answered first, then the one that still waits; one taken back is not at all."""
    desk, told = Desk(Explored(small), 2), []

    def ask(name, keep):
        question = desk.explored.question([("policy.cut.enabled", "true"), ("policy.cut.keep", keep)])
        return desk.ask(question, lambda found: told.append((name, found.step.replications)))

    try:
        ask("first", "0.1")
        gone = ask("gone", "0.2")
        ask("last", "0.3")
        desk.withdraw(gone)
        while ("first", 16) not in told:
            sleep(0.01)
    finally:
        desk.close()

    first, last = ([place for place, (name, _) in enumerate(told) if name == asked] for asked in ("first", "last"))
    assert [count for name, count in told if name == "last"] == [2, 4, 8, 16]
    assert len(first) == 4 and len(told) == 8 and last[-1] < first[1]


def test_who_has_gone_leaves_no_sums_behind(small, monkeypatch):
    """Of 40 questions that were dropped early the lives that are kept have sums, and the baseline; no other lives."""
    lived = []

    def made(*given):
        life = Life(*given)
        lived.append(ref(life))
        return life

    monkeypatch.setattr(desks, "Life", made)
    desk = Desk(Explored(small), 2)
    gc.disable()  # as good as it is in the command, which collects rarely
    try:
        for k in range(1, 41):
            begun = Event()
            question = desk.explored.question([("policy.cut.enabled", "true"), ("policy.cut.keep", str(k / 100))])
            asked = desk.ask(question, lambda found, begun=begun: begun.set())
            assert begun.wait(60)
            desk.withdraw(asked)
    finally:
        desk.close()
        alive = [life for one in lived if (life := one()) is not None]
        gc.enable()

    assert len(lived) == 41
    assert sum(life._flows is not None for life in alive) <= KEPT + 1
    assert len(alive) <= KEPT + 1


def test_a_policy_that_a_variant_adds_has_its_controls_there(tmp_path):
    """Who starts from that variant moves it too; who starts from the baseline, which lacks it, cannot."""
    path = tmp_path / "adds.toml"
    added = '[variant.adds.policy.more]\nkind = "limit_cut"\nat_dpd = 60\nkeep = 0.5\nsource = "chosen"\n'
    path.write_text(f'extends = "huabei"\n{added}', encoding="utf-8")
    explored = Explored(load_scenario(path, borrowers=100))

    question = explored.question([("from", "adds"), ("policy.more.keep", "0.25")])
    assert explored.asked(question).own.policy["more"].keep == 0.25
    assert load_scenario(save(explored, question, tmp_path).path).variants["what_if"].policy["more"].keep == 0.25
    with pytest.raises(UserError, match=r"policy\.more\.keep: no such setting"):
        explored.question([("policy.more.keep", "0.25")])
    assert 'data-policy="more"' in page(explored, question) and 'data-policy="more"' not in page(
        explored, explored.home
    )


def test_the_command_refuses_what_it_cannot_do(simulator):
    """A language that is not spoken and a port that is taken are said in one line, with exit code 2."""
    assert simulator("explore", "huabei", "--language", "fr") == (
        2,
        "",
        "error: --language: fr: not spoken here; allowed: en, zh\n",
    )
    with listen() as taken:
        port = str(taken.getsockname()[1])
        code, said, error = simulator("explore", "huabei", "--port", port)
    assert (code, said) == (2, "") and error.startswith(f"error: --port: {port}: cannot be listened on: ")

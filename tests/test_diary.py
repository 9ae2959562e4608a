"""Diaries: one borrower's months are those of the whole run, and what is said of them is so."""

import re
from collections import Counter
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import naive
import worlds
from conftest import ROOT
from simulator import cli, diary, load_scenario
from simulator.diaries import address, sentences
from simulator.diaries.life import alone, live
from simulator.engine import engine
from simulator.engine.monthly import levers_in_force
from simulator.lowering.lower import lower, tables_for
from simulator.model.errors import UserError
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.model.observer import Silent

SCENARIO = """
title = "Bills & <loans>"
months = 12
run_off_months = 6
replications = 2
seed = 5
redraw_people = false
[portfolio]
borrowers = 40
applicants_per_month = 2
[segment.north]
share = 0.6
line_holders = 0.9
loan_holders = 0.6
loan_open = 0.5
line_limit = 10_000
loan_limit = 9000
loan_ticket = 5000
utilisation = 0.6
income = { distribution = "lognormal", mean = 5000, sigma = 0.4, unit = "CNY per month" }
living_cost = 0.7
spending = 0.3
forget = 0.4
full_payer = 0.5
opening.line = [0.7, 0.1, 0.1, 0.1]
[segment.south]
share = 0.4
line_holders = 1.0
line_limit = 4000
utilisation = 0.9
income = 2500
living_cost = 0.9
spending = 0.2
forget = 0.5
unemployed = 0.2
opening.line = [0.4, 0.3, 0.2, 0.1]
[products.line]
interest_rate = { value = 0.0005, unit = "per day" }
late_rate = { value = 0.0005, unit = "per day" }
minimum_share = 0.1
suspend_interest_dpd = 60
[products.loan]
interest_rate = { value = 0.15, unit = "per year" }
draw_probability = 0.2
terms = [{ months = 6, share = 1.0 }]
[behaviour]
model = "structural"
structural.will_not = 0.05
structural.shock_probability = 0.1
structural.shock_size = 1.0
structural.paid_in_month.current.forgot = { by_day_7 = 0.5, by_day_30 = 0.8 }
[economy]
job_loss = 0.05
job_find = 0.2
[policy.write_off]
kind = "write_off"
at_dpd = 90
recover_chance = [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
recover_share = [0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
commission = [0.3, 0.3, 0.3, 0.3, 0.3, 0.3]
[policy.cut]
kind = "limit_cut"
enabled = false
at_dpd = 30
keep = 0.5
[policy.remind]
kind = "reminders"
enabled = false
reach = 1.0
strength = 1.0
[policy.close]
kind = "closure"
enabled = false
close_days_late = 60
[policy.collect]
kind = "collections"
enabled = false
levels.sms = { to_dpd = 60, day = 4, cost = 0.05, effect = { forgot = 0.5 } }
levels.call = { to_dpd = 60, day = 12, cost = 3.0, effect = { forgot = 0.5, short = 0.5, will_not = 0.2 } }
[policy.plan]
kind = "hardship"
enabled = false
offer_dpd = 30
accepted = 0.5
months = 4
rate = 0.5
forgiven = 0.1
[policy.report]
kind = "bureau"
enabled = false
report_days_late = 30
retention_months = 2
[policy.again]
kind = "regrant"
enabled = false
months = 1
ask_chance = 0.9
[variant.cut]
policy.cut.enabled = true
[variant.remind]
policy.remind.enabled = true
[variant.nothing]
[variant.firm]
policy.close.enabled = true
policy.collect.enabled = true
policy.plan.enabled = true
policy.report.enabled = true
policy.again.enabled = true
"""
EVERYONE = [*(f"north:{i}" for i in range(24)), *(f"south:{i}" for i in range(16)), *(f"north:{m}:0" for m in (1, 12))]
AMOUNTS = {  # what stands before an amount in the text, and the flow it is an amount of
    "new spending": "new_credit",
    "drew a loan of": "new_credit",
    "interest": "interest",
    "late charge": "fees",
    "fee of converted bills": "fees",
    "interest and charges of": "interest_not_charged",
    "written off:": "written_off",
    "recovered": "recovered",
    "commission": "commission",
    "forgiven": "forgiven",
    "contacts cost": "contact_cost",
    "collected by text message": "collected_sms",
    "collected by call": "collected_call",
}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """Return a scenario with two segments, two products, applicants and three variants."""
    path = tmp_path_factory.mktemp("diary") / "bills.toml"
    path.write_text(SCENARIO)
    return load_scenario(path)


@pytest.fixture(scope="module")
def diaries(scenario):
    """Return the diaries of many borrowers under two variants."""
    return [diary(scenario, name, ["baseline", "cut"]) for name in EVERYONE]


@pytest.fixture(scope="module")
def firm(scenario):
    """Return the diaries of many borrowers under a lender that closes, collects, reports, and offers plans."""
    return [diary(scenario, name, ["firm", "baseline"]) for name in EVERYONE]


def fen(text):
    """Return an amount as it is written in minor units."""
    return int(text.replace(",", "").replace(".", ""))


# ---- the same integers ---------------------------------------------------------------------------
@pytest.mark.parametrize("replication", [0, 1])
def test_the_lives_of_all_add_up_to_the_run(scenario, replication):
    """Everybody's own flows, each simulated alone, are together the flows of the whole run."""
    world = lower(scenario.variants["cut"], None, True)
    tables = tables_for(world, replication, replication + 1)
    alone_together = np.zeros((world.months_total + 1, 2, N_PRODUCT, N_FLOWS), np.int64)
    for tile in world.tiles:
        for index in range(tile[K_FIRST], tile[K_FIRST] + tile[K_COUNT]):
            life = live(tables, world.levers, alone(tile, index), world.tape, replication, world.months_total)
            alone_together[:, tile[K_SEGMENT]] += life.flows

    assert np.array_equal(alone_together, engine.run(world, 1).flows[replication].sum(0))


@pytest.mark.parametrize(
    "how",
    [
        {"model": "structural", "hold": True},
        {"model": "mixed", "tape": True, "arrivals": 2, "factor": True},
        {"model": "roll_rates", "arrivals": 2, "redraw_people": True},
    ],
    ids=["structural", "mixed, on a tape", "roll_rates"],
)
def test_a_life_is_that_of_the_twin(how):
    """Every month's state is the twin's; every reason, day and amount said of a due is the twin's or left open."""
    world = worlds.world("diary", sizes=(18,), policies=tuple(worlds.POLICIES), **how)
    tape = np.empty((0, N_PRODUCT, N_TAPE), np.int32) if world.tape is None else world.tape
    asked = Counter()
    for replication in range(world.replications):
        rows = {name: getattr(world.tables, name) for name in ("economy", "roll")}
        own = {name: a[replication : replication + 1] if len(a) > 1 else a for name, a in rows.items()}
        tables = world.tables._replace(**own)
        for tile in world.tiles:
            for lane in range(tile[K_COUNT]):
                one = alone(tile, int(tile[K_FIRST]) + lane)
                twin, months = lived_by_the_twin(world, one, replication)
                life = live(tables, world.levers, one, tape, replication, world.months)
                assert life.states == twin
                check_dues(tables, world.levers, int(tile[K_SEGMENT]), life, months, asked)

    assert asked["missed"] > 50
    if how["model"] == "structural":
        assert asked["told"] > 0.7 * asked["missed"] and asked["to the day"] > 20


def lived_by_the_twin(world, tile, replication):
    """Return the twin's states by month, and what it knows of each month's dues."""
    twin, dues = naive.World(world.tables, world.levers), {}
    segment, entry, index, _, row, *_ = tile[0].tolist()
    b = naive.born(twin, replication, segment, entry, index, world.tape[row].tolist() if row >= 0 else None)
    history = [{} for _ in range(world.months + 1)]

    def book(sums, world, b):
        dues[world.month] = [(a.bill, a.missed, a.reason, a.cured_on, a.owed, a.paid_in_month) for a in b.accounts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naive, "book", book)
        naive.live(twin, b, replication, world.months, None, history)
    return {month: state for month, people in enumerate(history) for state in people.values()}, dues


class Noting(Silent):
    """An observer that keeps the notes it is given."""

    def __init__(self, notes):
        self.note = notes.append


def test_compiling_is_told_before_a_policy_reads_the_book(monkeypatch):
    """To know scores and levers the book lives: the kernel is made ready before, with the word of every command."""
    done, place = [], "simulator.diaries.diary.levers_in_force"
    monkeypatch.setattr(engine, "prepare", lambda lowered, tell=lambda stage: None: tell("function 1"))
    monkeypatch.setattr(place, lambda *given: (done.append("living"), levers_in_force(*given))[1])
    unseen = ["economy.job_loss=0.00661"]  # of a world whose scores are known already nobody lives for them
    scenario = load_scenario(ROOT / "scenarios" / "triggers.toml", unseen, borrowers=50, months=3)
    diary(scenario, "salaried:1", observer=Noting(done))

    scores = [f"segment.{name}.score_gini" for name in ("salaried", "irregular")]
    assert list(dict.fromkeys(line.partition(" ")[0] for line in done)) == ["compiling", *scores, "living"]


def check_dues(tables, levers, segment, life, months, asked):
    """Compare what is seen of each month's dues with what the twin knows of them."""
    for month, state in life.states.items():
        if month - 1 not in life.states:
            continue
        rules = sentences.rules_of(tables, levers, segment, month)
        for seen, known in zip(
            sentences.look(life.states[month - 1], state, life.flows[month], rules), months[month], strict=True
        ):
            bill, missed, reason, day, owed, paid = known
            assert (seen.bill, seen.missed, seen.owed()) == (bill, missed, owed)
            if not missed:
                continue
            assert seen.reason in (UNKNOWN, reason)
            asked["missed"] += 1
            asked["told"] += seen.reason == reason
            assert seen.cured == (day is not None)
            if seen.cured:
                said = seen.days_late().removesuffix("s").removesuffix(" day").split(" to ")
                assert int(said[0]) <= day <= int(said[-1])
                asked["to the day"] += len(said) == 1
            elif not seen.left and not seen.flow["n_jumps"]:
                assert seen.paid == paid


# ---- the words -----------------------------------------------------------------------------------
def test_every_flow_is_said_or_meant_to_be_silent():
    """Each flow stands in a line of the table or among the silent ones: a new one needs a line there."""
    texts = " ".join(f"{line.text} {line.often}" for line in sentences.MONTH)
    said = set(re.findall(r"{(\w+)}", texts)) | {line.when for line in sentences.MONTH if isinstance(line.when, str)}

    assert [name for name in FLOWS if name not in said and name not in sentences.SILENT] == []
    assert sentences.SILENT.issubset(FLOWS)


def test_the_amounts_of_the_text_add_up_to_the_flows(diaries, firm):
    """Over a diary, amounts in the text, also of months told together, are the flows to the minor unit."""
    found = Counter()
    for told in diaries + firm:
        for v, name in enumerate(told.variants):
            flows = sum(row.flows for row in told.rows if row.variant == name and row.month > 0).sum(0)
            lines = [entry.texts[v] for entry in told.entries]
            text = "; ".join(lines)
            for words, flow in AMOUNTS.items():
                amounts = re.findall(
                    rf"(?:^|[ ;.])(?i:{words}) ([\d,]+\.\d\d)", re.sub(r"of it interest [\d,.]+", "", text)
                )
                found[flow] += sum(map(fen, amounts))
                flows[FLOWS.index(flow)] -= sum(map(fen, amounts))
            paid = [r"[Bb]ill of ([\d,.]+\d) paid in full", r"full (?:every month|once|\d+ times), ([\d,.]+\d)",
                    r"paid (?:every month|once|\d+ times), ([\d,.]+\d)", r"[Pp]aid ([\d,]+\.\d\d)",
                    r"nstalment of ([\d,.]+\d) paid", r"([\d,]+\.\d\d) of [\d,]+\.\d\d paid \d+"]  # fmt: skip
            flows[F_PAID] -= sum(fen(amount) for pattern in paid for amount in re.findall(pattern, text))
            assert [flows[FLOWS.index(flow)] for flow in {*AMOUNTS.values(), "paid"}] == [0] * 12
    assert all(found.values())


def test_what_a_firm_lender_does_is_said_in_the_month_it_is_done(firm):
    """Contacts, reports, plans and their end, closing and opening again are said when, and only when, they happen."""
    said = Counter()
    rows = [row for told in firm for row in told.rows if row.variant == "firm" and row.month > 0]
    for row in rows:
        flow = dict(zip(FLOWS, row.flows.sum(0).tolist(), strict=True))
        for words, happened in (
            ("ontacted by text message", flow["n_contacts_sms"]),
            ("ontacted by call", flow["n_contacts_call"]),
            ("eported to the credit bureau", flow["n_reported"]),
            (" plan: ", flow["n_plans"]),
            ("plan kept", flow["n_plans_kept"]),
            ("plan broken", flow["n_plans_broken"]),
            ("hut, with nothing owed", flow["n_closed_at_zero"]),
            ("pened again", flow["n_regranted"]),
        ):
            text = row.text.replace("o longer reported", "")
            assert text.count(words) == happened
            said[words] += happened
    assert len(said) == 8 and all(said.values())


def test_months_told_together_are_the_same_months(diaries):
    """The entries of a diary are its months in order, each once; what differs is in no entry with what does not."""
    for told in diaries:
        months = [month for entry in told.entries for month in range(entry.first, entry.last + 1)]
        assert months == sorted({row.month for row in told.rows})
        for row in told.rows:
            (entry,) = [e for e in told.entries if e.first <= row.month <= e.last]
            assert row.differs == entry.differs[told.variants.index(row.variant)]


def test_the_first_difference_is_named(scenario, diaries):
    """The line on top names the first month whose words differ; a variant that is the baseline never differs."""
    differ = 0
    for told in diaries:
        month = min((row.month for row in told.rows if row.differs), default=None)
        (finding,) = told.findings
        assert (f" month {month}: " in finding) if month else ("the same as baseline in every month" in finding)
        differ += month is not None
        cuts = [row.month for row in told.rows if row.variant == "cut" and "imit cut from" in row.text]
        assert cuts[:1] == ([month] if month else [])
    assert 0 < differ < len(diaries)
    assert diary(scenario, "south:3", ["nothing"]).findings == ("nothing: the same as baseline in every month",)


def test_a_reminder_alone_is_no_difference(scenario):
    """Being reminded is said, but two variants differ only once something else does."""
    told = [diary(scenario, name, ["remind"]) for name in EVERYONE]

    assert all(any("eminded" in row.text for row in d.rows) for d in told if d.rows[0].text)
    assert any(d.findings == ("remind: the same as baseline in every month",) for d in told)
    assert any("forgot the bill" in d.findings[0] for d in told)


def test_the_same_text_twice(scenario, diaries):
    """The same question gives the same text, in all its forms; another replication gives another one."""
    again = diary(scenario, EVERYONE[0], ["baseline", "cut"])

    assert str(again) == str(diaries[0])
    assert again._repr_html_() == diaries[0]._repr_html_()
    assert str(diary(scenario, EVERYONE[0], ["baseline", "cut"], replication=1)) != str(again)


def test_html_is_escaped(diaries):
    """What the scenario's author wrote is text on the page, never markup."""
    page = diaries[0]._repr_html_()

    assert "Bills &amp; &lt;loans&gt;" in page and "<loans>" not in page


# ---- who is meant --------------------------------------------------------------------------------
def test_without_names_the_baseline_and_the_first_two_variants_are_shown(scenario):
    """No name: the baseline and two others; one: it and the baseline; two: those two."""
    assert diary(scenario, "north:0").variants == ("baseline", "cut", "remind")
    assert diary(scenario, "north:0", ["remind"]).variants == ("baseline", "remind")
    assert diary(scenario, "north:0", ["remind", "cut"]).variants == ("remind", "cut")
    assert diary(scenario, "north:0", ["baseline"]).variants == ("baseline",)


@pytest.mark.parametrize(
    ("borrower", "how", "said"),
    [
        ("east:0", {}, "north:0 to north:23"),
        ("north:24", {}, "south:0 to south:15"),
        ("north:13:0", {}, "north:MONTH:0 to north:MONTH:0, MONTH 1 to 12"),
        ("north", {}, "no such borrower"),
        ("north:-1", {}, "no such borrower"),
        ("north:0", {"variants": ["cutt"]}, "did you mean cut?"),
        ("north:0", {"variants": ["baseline", "cut", "remind", "nothing"]}, "up to 3"),
        ("north:0", {"replication": 2}, "allowed: 0 to 1"),
    ],
)
def test_who_is_not_there_is_an_error_that_lists_who_is(scenario, borrower, how, said):
    """An unknown borrower, variant or replication ends with what there is."""
    with pytest.raises(UserError, match=re.escape(said)):
        diary(scenario, borrower, **how)


TAPE_WORLD = """
title = "Made up"
months = 3
currency.code = "BRL"
behaviour.model = "structural"
products.line.minimum_share = 0.1
segment.north = { share = 0.5, line_holders = 1.0, line_limit = 900, income = 900 }
segment.south = { share = 0.5, line_holders = 1.0, line_limit = 900, income = 900 }
"""


def test_an_account_of_a_tape_is_found(tmp_path):
    """A borrower of a tape is found by either account, by borrower, by row and by place, with the tape's balance."""
    folder = ROOT / "tests" / "data"
    files = f'portfolio = {{ tape = "{folder}/made_up_bank.csv", mapping = "{folder}/made_up_bank.toml" }}\n'
    (tmp_path / "tape.toml").write_text(files + TAPE_WORLD)
    made_up = load_scenario(tmp_path / "tape.toml")
    world = lower(made_up.baseline, whose_book(made_up).tape, True)

    def place(name):
        return address.address_of(name, world.segments, world.tiles, made_up.baseline)

    assert place("A1") == place("A2") == place("C1") == place("1") == place("2") == place("south:0") == (1, 0, 0)
    assert place("A3") == (0, 0, 0)
    assert place("A4") == place("4") == (0, 0, 1)
    assert diary(made_up, "A4").rows[0].text == "Owes 2,100.00, limit 2,000.00; 90 days past due; frozen"
    with pytest.raises(UserError, match="an account of the tape, or its row"):
        diary(made_up, "A99")


def whose_book(scenario):
    """Return the scenario's tape as a run reads it."""
    from simulator.run import read_book

    return read_book(scenario)


# ---- the command ---------------------------------------------------------------------------------
def test_the_command_prints_the_diary(tmp_path, capsys):
    """The command shows who the borrower is and a column for each variant; wrong input exits with 2."""
    path = tmp_path / "bills.toml"
    path.write_text(SCENARIO)

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            cli.main(["diary", str(path), *arguments])
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    code, out, _ = run("--borrower", "south:3", "--variant", "cut", "--months", "5", "--replication", "1")
    assert code == 0 and "south:3, of the opening book" in out and "no new credit after month 5" in out
    assert re.search(r"month +baseline +cut", out) and "in all" in out
    code, _, err = run("--borrower", "west:3")
    assert code == 2 and "no such borrower" in err and "Traceback" not in err


def test_the_example_of_the_documentation_comes_out():
    """Every line of the diary in docs/diary.md is in the diary that its command prints today."""
    blocks = (ROOT / "docs" / "diary.md").read_text(encoding="utf-8").split("```")
    scenario, borrower, variant = re.search(r"diary (\S+) --borrower (\S+) --variant (\S+)", blocks[1]).groups()
    console = Console(width=120, highlight=False, markup=False, emoji=False, record=True, file=StringIO())
    console.print(diary(ROOT / scenario, borrower, [variant]))
    printed = {line.rstrip() for line in console.export_text().splitlines()}

    assert [line for line in blocks[3].splitlines() if line not in printed] == []

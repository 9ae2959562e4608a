"""Drafts of mappings: a file of any kind gives the panel that a mapping by hand gives, without an edit."""

import json

import pytest

from simulator.estimation.outcomes.rows import read_outcomes
from simulator.estimation.panels.reader import read_panel
from simulator.tape.draft.draft import draft_mapping
from test_files import CHINESE, PAIRS, packed, text, workbook

LADDER = (0, 0, 0, 1, 2, 3, 1, 0)


def lives(accounts=60, months=5):
    """Return (account, month from 0, months late, balance) of accounts that get late by a month a month."""
    for a in range(accounts):
        for m in range(months):
            yield a, m, LADDER[(3 * a + m) % len(LADDER)] if a % 3 == 0 else 0, 1000 + 7 * a + m


def long(
    month=lambda m: f"2024-{m + 1:02}", late=lambda k: str(31 * k), owed=str, head=("id", "month", "bal", "lim", "dpd")
):
    """Return the rows of a long tape, and its head."""
    return [[f"A{a:03}", month(m), owed(b), "5000", late(k)] for a, m, k, b in lives()], list(head)


def wide(name, status="s", bill="b"):
    """Return the rows and the head of a tape with columns for five months, whose names `name` makes of 0 to 4."""
    by_account = {}
    for a, _, late, owed in lives():
        by_account.setdefault(a, []).append((str(late), str(owed)))
    head = ["ID", "LIMIT_BAL", *(name(status, m) for m in range(5)), *(name(bill, m) for m in range(5))]
    return [[f"{a}", "5000", *(s for s, _ in own), *(b for _, b in own)] for a, own in by_account.items()], head


BY_DAYS = """currency = "CNY"
[columns]
account_id = "id"
month = "month"
balance = "bal"
limit = "lim"
dpd = "dpd"
"""
BUCKETS = "[status]\n0 = { bucket = 0 }\n1 = { bucket = 1 }\n2 = { bucket = 2 }\n3 = { bucket = 3 }\n"
NAMES = dict(zip(("id", "month", "bal", "lim", "dpd"), CHINESE.values(), strict=True))
STAGES = ("正常", "M1", "M2", "核销")
LABELS = ("Current", "30-59 days", "60-89 days", "Charged Off")


def in_chinese(mapping):
    """Return a mapping with Chinese names of columns."""
    for role, name in NAMES.items():
        mapping = mapping.replace(f'= "{role}"', f'= "{name}"')
    return mapping


def loans():
    """Return rows of finished loans as LendingClub writes them."""
    head = ["id", "issue_d", "grade", "loan_amnt", "term", "int_rate", "installment", "loan_status", "total_pymnt",
            "total_rec_prncp", "total_rec_int", "recoveries"]  # fmt: skip
    paid = ["Apr-2015", "A", "1200", "36 months", "12.00%", "39.86", "Fully Paid", "1300", "1200", "100", "0"]
    lost = ["May-2015", "B", "1200", "36 months", "12.00%", "39.86", "Charged Off", "260", "200", "40", "20"]
    return [[str(k), *(lost if k % 5 == 0 else paid)] for k in range(40)], head


BY_LOAN = """currency = "USD"
[outcomes]
rate_unit = "percent per year"
[columns]
account_id = "id"
issued = "issue_d"
segment = "grade"
amount = "loan_amnt"
term = "term"
rate = "int_rate"
instalment = "installment"
status = "loan_status"
total = "total_pymnt"
principal = "total_rec_prncp"
interest = "total_rec_int"
recoveries = "recoveries"
[status]
"Fully Paid" = "paid"
"Charged Off" = "charged_off"
"""


def csv(made, sign=","):
    """Return rows and a head as text."""
    return text(made[0], sign, made[1])


def euro(owed):
    """Return an amount with a decimal comma."""
    return f"{owed // 1000}.{owed % 1000:03},50"


KINDS = {  # kind: (file, content, mapping by hand)
    "days past due": ("t.csv", csv(long()), BY_DAYS),
    "Chinese, GB18030": ("t.csv", csv(long(head=NAMES.values())).encode("gb18030"), in_chinese(BY_DAYS)),
    "a Chinese workbook with titles": (
        "t.xlsx",
        workbook(*long(head=NAMES.values()), above=["信用卡明细", "单位：元"], below=[["合计", "", "1", "", ""]]),
        in_chinese(BY_DAYS),
    ),
    "decimal commas and days first": (
        "t.txt",
        csv(long(lambda m: f"01/{m + 1:02}/2024", owed=euro), ";"),
        'decimal = ","\nmonth_format = "%d/%m/%Y"\n' + BY_DAYS,
    ),
    "wide by date": (
        "t.csv",
        csv(wide(lambda kind, m: f"{kind}_2024_{m + 1:02}", "status", "balance")),
        '[columns]\naccount_id = "ID"\nlimit = "LIMIT_BAL"\nbalance = "balance_{year}_{month}"\n'
        'status = "status_{year}_{month}"\n' + BUCKETS,
    ),
    "wide, numbered back from PAY_0": (
        "t.csv",
        csv(wide(lambda kind, m: f"{kind}{5 - m}".replace("PAY_1", "PAY_0"), "PAY_", "BILL_AMT")),
        'month_0 = "2024-06"\nmonth_step = -1\nrename.PAY_0 = "PAY_1"\n[columns]\naccount_id = "ID"\n'
        'limit = "LIMIT_BAL"\nbalance = "BILL_AMT{number}"\nstatus = "PAY_{number}"\n' + BUCKETS,
    ),
    "numbered months, states alone": (
        "t.csv",
        text([[f"{a}", f"{m - 4}", "CX123"[late] if late else "0"] for a, m, late, _ in lives()],
             head=["SK_ID_BUREAU", "MONTHS_BALANCE", "STATUS"]),
        'month_0 = "2024-05"\n[columns]\naccount_id = "SK_ID_BUREAU"\nmonth = "MONTHS_BALANCE"\nstatus = "STATUS"\n'
        "[status]\n0 = { bucket = 0 }\nX = { leave_out = true }\n1 = { bucket = 1 }\n2 = { bucket = 2 }\n",
    ),
    "pairs of states, counted": (
        "t.csv",
        text([["Current", "30-59", "7"], ["Current", "Current", "90"], ["30-59", "Written off", "3"]],
             head=["from", "to", "n"]),
        PAIRS.partition("[status]")[0] + '[status]\nCurrent = { state = "Current", bucket = 0 }\n'
        '"30-59" = { state = "30-59", bucket = 1 }\n"Written off" = { account = "written_off" }\n',
    ),
    "labels": (
        "t.csv",
        csv(long(late=lambda k: LABELS[k], head=("loan_id", "report_date", "outstanding", "lim", "loan_status"))),
        '[columns]\naccount_id = "loan_id"\nmonth = "report_date"\nbalance = "outstanding"\nlimit = "lim"\n'
        'status = "loan_status"\n[status]\nCurrent = { state = "Current", bucket = 0 }\n'
        '"30-59 days" = { state = "30-59 days", bucket = 1 }\n"60-89 days" = { state = "60-89 days", bucket = 2 }\n'
        '"Charged Off" = { account = "written_off" }\n',
    ),
    "Chinese stages": (
        "t.csv",
        csv(long(late=lambda k: STAGES[k], head=("借据号", "账期", "余额", "授信额度", "账户状态"))),
        '[columns]\naccount_id = "借据号"\nmonth = "账期"\nbalance = "余额"\nlimit = "授信额度"\nstatus = "账户状态"\n'
        '[status]\n"正常" = { state = "正常", bucket = 0 }\nM1 = { state = "M1", bucket = 0 }\n'
        'M2 = { state = "M2", bucket = 1 }\n"核销" = { account = "written_off" }\n',
    ),
    "finished loans": ("t.csv", csv(loans()), BY_LOAN),
    "days of a spreadsheet, brackets, a .zip": (
        "t.zip",
        packed("t.tsv", csv(long(lambda m: str(45322 + (0, 29, 60, 90, 121)[m]), owed=lambda b: f"(${b:,})"), "\t")),
        'month_format = "day number"\nopposite_sign = ["balance"]\n' + BY_DAYS,
    ),
}  # fmt: skip


def counts(panel):
    """Return {(month from the first, state): (accounts, balance)} of a panel, states by name and bucket."""
    found = {}
    for m in range(len(panel.months)):
        for s, state in enumerate(panel.states):
            own = panel.state[:, m] == s
            if own.any():
                found[m, state.name] = int(own.sum()), float(panel.balance[own, m].sum()), state.bucket
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_reads_the_file_as_a_mapping_by_hand(kind, tmp_path):
    """Without an edit: accounts and balances by month and state are the same."""
    name, content, by_hand = KINDS[kind]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    drafted = draft_mapping(tmp_path / name)
    for file, mapping in (("hand.toml", by_hand), ("draft.toml", drafted.text)):
        (tmp_path / file).write_text(mapping, encoding="utf-8")
    if "[outcomes]" in by_hand:
        hand, draft = (read_outcomes(tmp_path / name, tmp_path / file) for file in ("hand.toml", "draft.toml"))
        assert draft.charged_off.tolist() == hand.charged_off.tolist() and draft.rate.tolist() == hand.rate.tolist()
        return
    hand, draft = (read_panel(tmp_path / name, tmp_path / file) for file in ("hand.toml", "draft.toml"))

    assert counts(draft) == counts(hand), drafted.text


HEAD = ("id", "month", "bal", "lim", "status")


def questions(text):
    """Return the questions of a draft by what stands before each."""
    lines = [line.partition("# ?") for line in text.splitlines() if "# ?" in line and "`# ?`" not in line]
    return {before.strip(): question.strip() for before, _, question in lines}


@pytest.fixture
def drafted(tmp_path):
    """Return a function that gives the questions of the draft of a text, and its lines."""

    def of(content, name="t.csv"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        text = draft_mapping(tmp_path / name).text
        return questions(text), text.splitlines()

    return of


def test_what_a_draft_is_unsure_of_is_a_question(drafted):
    """Codes nobody knows, dates of two readings, months without a name, stages that may begin elsewhere."""
    codes = ("OK", "M1", "Z9", "loss")
    asked, lines = drafted(csv(long(lambda m: f"01/0{m + 1}/2024", lambda k: codes[k], head=HEAD)))

    assert [key.split(" =")[0] for key in asked if key.startswith('"')] == ['"M1"', '"Z9"', '"loss"']
    assert asked['"Z9" = { leave_out = true }'].startswith("what does it mean? its rows are left out")
    assert asked['month_formats.month = "%d/%m/%Y"'] == "or %m/%d/%Y"
    assert any(line.startswith('"OK" = { state = "OK", bucket = 0 } # 2') for line in lines)


def test_codes_that_do_not_move_as_months_late_are_asked_about(drafted):
    """2 follows 0 and not 1; 5 stays what it is; how numbers count is asked once."""
    moves = {"0": "2", "2": "3", "3": "0", "5": "5", "1": "1"}
    cells = []
    for a in range(40):
        code = "5" if a % 8 == 0 else "02 3"[a % 2]
        for m in range(6):
            cells.append([f"A{a}", f"2024-0{m + 1}", "9", code])
            code = moves[code]
    cells.append(["B", "2024-01", "9", "1"])
    asked, _ = drafted(text(cells, head=["account", "month", "balance", "bucket"]))
    said = {key.split(" =")[0]: question for key, question in asked.items()}

    assert said['"1"'].startswith("1 and more are months late, 1 for 30 to 59 days past due?")
    assert said['"2"'].startswith("more accounts enter it from 0 than from 1")
    assert said['"5"'].startswith("it hardly moves")
    assert not {'"0"', '"3"'} & said.keys()


def test_every_code_has_its_rows_and_what_follows(drafted):
    """Counts are those of plain Python."""
    cells = [
        ["A", "2024-01", "9", "C0"],
        ["A", "2024-02", "9", "C0"],
        ["A", "2024-03", "9", "late"],
        ["B", "2024-01", "9", "C0"],
    ]
    _, lines = drafted(text(cells, head=["account", "month", "balance", "status"]))

    assert [line.partition("# 3")[2] for line in lines if line.startswith('"C0"')] == [
        " rows; a month later no row 33%, C0 33%, late 33%"
    ]


def test_months_late_in_a_column_of_days_are_asked_about(drafted):
    """None is above 3: no days past due."""
    asked, _ = drafted(csv(long(late=str)))

    assert asked['status = "dpd"'] == "none is above 3: months late, or days?"


def test_a_file_without_lateness_is_one_message(tmp_path, simulator):
    """Exit code 2, nothing written; what is there is not overwritten."""
    (tmp_path / "t.csv").write_text("quarter,rate\n2020Q1,5.5\n2020Q2,6.5\n")
    (tmp_path / "u.csv").write_text(csv(long()))
    code, _, said = simulator("map", tmp_path / "t.csv", "--out", tmp_path / "t.toml")
    assert code == 2 and not (tmp_path / "t.toml").exists()
    assert "no column seems to say how late an account is; found: quarter, rate" in said
    code, _, said = simulator("map", tmp_path / "u.csv", "--out", tmp_path / "u.csv")
    assert code == 2 and "is there already" in said
    code, printed, _ = simulator("map", tmp_path / "u.csv")
    assert code == 0 and printed == draft_mapping(tmp_path / "u.csv").text


@pytest.mark.parametrize("kind", ["Chinese, GB18030", "a Chinese workbook with titles"])
def test_a_chinese_tape_goes_from_file_to_page(kind, tmp_path, simulator):
    """`map`, then `calibrate` with what it wrote: the page has the rows and how they were read."""
    name, content, _ = KINDS[kind]
    tape, mapping, out = tmp_path / name, tmp_path / "map.toml", tmp_path / "out"
    tape.write_bytes(content)
    assert simulator("map", tape, "--out", mapping)[0] == 0
    assert simulator("calibrate", tape, "--mapping", mapping, "--out", out, "--quiet")[0] == 0
    facts, page = (out / "manifest.json").read_text(encoding="utf-8"), (out / "report.html").read_text(encoding="utf-8")

    assert json.loads(facts)["tape"]["rows_used"] == 300
    assert ("GB18030" if name.endswith("csv") else "from sheet Sheet1") in page


def test_a_wrong_cell_does_not_hide_a_column(drafted):
    """One amount that is no number, one month that is none: the columns stay what they are, and are asked about."""
    rows, head = long()
    rows[5][2], rows[7][1], rows[9][4] = "much", "soon", "\x1b[31m"
    asked, lines = drafted(csv((rows, head)))

    assert asked['balance = "bal"'] == "1 rows are no numbers, such as 'much'"
    assert asked['month = "month"'] == "1 rows are no dates, such as 'soon'"
    assert asked['dpd = "dpd"'].startswith("1 rows are no numbers")
    assert all(line.isprintable() for line in lines)

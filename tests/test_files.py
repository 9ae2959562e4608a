"""Kinds of files that people have, read without code: counts are those of plain Python over the same rows."""

import io
import zipfile
from collections import Counter

import numpy as np
import pytest
import xlsxwriter

from simulator.estimation.outcomes.rows import read_outcomes
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.workflows import calibrate
from simulator.model.errors import UserError
from simulator.reading.files import open_table, read_batches
from simulator.run import read_book
from simulator.scenario.reader import load_scenario
from simulator.system.inputs import UNPACKED_FREELY
from simulator.tape.mapping import read_mapping
from simulator.tape.tape import book_rows

MONTHS = ("2024-01", "2024-02", "2024-03")
HEAD = ["id", "month", "bal", "lim", "dpd"]
MAPPING = """currency = "CNY"
[columns]
account_id = "id"
month = "month"
balance = "bal"
limit = "lim"
dpd = "dpd"
"""
CHINESE = dict(zip(HEAD, ("账户号", "月份", "余额", "额度", "逾期天数"), strict=True))


def rows(accounts=6):
    """Return rows of `accounts` in three months, as lists of text."""
    return [
        [f"A{a}", month, str(1200 + 100 * a + m), "5000", str((0, 15, 31)[a % 3] * (m + 1))]
        for a in range(accounts)
        for m, month in enumerate(MONTHS)
    ]


def text(cells, sign=",", head=HEAD):
    """Return lines of values between `sign`."""
    return "\n".join(sign.join(line) for line in [head, *cells]) + "\n"


def counted(cells):
    """Return {(month, bucket): (accounts, balance)} of rows, by plain Python."""
    accounts, balance = Counter(), Counter()
    for _, month, owed, _, days in cells:
        cell = month, min(int(days) // 30, 6)
        accounts[cell] += 1
        balance[cell] += int(owed)
    return {cell: (count, balance[cell]) for cell, count in accounts.items()}


def found(panel):
    """Return the same of a panel."""
    seen = {}
    for m, month in enumerate(panel.months):
        for bucket in {*panel.bucket[:, m].tolist()} - {-1}:
            own = panel.bucket[:, m] == bucket
            seen[month, bucket] = int(own.sum()), int(panel.balance[own, m].sum()) // 100
    return seen


def workbook(cells, head=HEAD, above=(), below=(), sheet="Sheet1", more=()):
    """Return the bytes of an .xlsx: numbers typed as numbers, titles `above` in one merged row each."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        for name in more:
            book.add_worksheet(name).write(0, 0, "notes")
        page = book.add_worksheet(sheet)
        for r, title in enumerate(above):
            page.merge_range(r, 0, r, len(head) - 1, title)
        for r, line in enumerate([head, *cells, *below], len(above)):
            for c, cell in enumerate(line):
                page.write(r, c, float(cell) if cell.isdecimal() else cell)
    return content.getvalue()


def packed(name, content):
    """Return the bytes of a .zip of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    """Return a function that gives the panel of a file and a mapping."""

    def panel(name, content, mapping=MAPPING):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return read_panel(tmp_path / name, tmp_path / "map.toml")

    return panel


def wrong(read, *arguments):
    """Return the problems of a file that is not read."""
    with pytest.raises(UserError) as caught:
        read(*arguments)
    return [str(problem) for problem in caught.value.problems]


def in_chinese():
    """Return the mapping for a tape whose columns have Chinese names."""
    mapping = MAPPING
    for role, name in CHINESE.items():
        mapping = mapping.replace(f'= "{role}"', f'= "{name}"')
    return mapping


ROWS = rows()
PLAIN = {  # kind: (file, content, mapping, what is said of how it was read)
    "UTF-8": ("t.csv", text(ROWS), MAPPING, "text in UTF-8, its columns between commas, their names in row 1"),
    "UTF-8 with a mark": ("t.csv", "\ufeff" + text(ROWS), MAPPING, "text in UTF-8"),
    "GB18030": ("t.csv", text(ROWS, head=[*CHINESE.values()]).encode("gb18030"), in_chinese(), "text in GB18030"),
    "UTF-16 with a mark": ("t.txt", text(ROWS, "\t").encode("utf-16"), MAPPING, "UTF-16-LE, its columns between tabs"),
    "UTF-16 without": ("t.txt", text(ROWS, head=[*CHINESE.values()]).encode("utf-16-be"), in_chinese(), "UTF-16-BE"),
    "semicolons": ("t.txt", text(ROWS, ";"), MAPPING, "between semicolons"),
    "bars": ("t.txt", text(ROWS, "|"), MAPPING, "between bars"),
    "tabs": ("t.tsv", text(ROWS, "\t"), MAPPING, "between tabs"),
    "a workbook": ("t.xlsx", workbook(ROWS), MAPPING, "from sheet Sheet1, the names of columns in row 1"),
    "a workbook with titles and totals": (
        "t.xlsx",
        workbook(ROWS, [*CHINESE.values()], ["信用卡明细", "单位：元"], [["合计", "", "99999"]], "明细", ["说明"]),
        in_chinese(),
        "from sheet 明细, the names of columns in row 3",
    ),
    "a .zip": ("t.zip", packed("out/t.csv", text(ROWS)), MAPPING, "text in UTF-8"),
    "a .zip of a workbook": ("t.zip", packed("t.xlsx", workbook(ROWS)), MAPPING, "from sheet Sheet1"),
    "titles above, totals below": (
        "t.csv",
        "Month-end accounts\nPrinted,2024-04-01\n\n" + text(ROWS) + "\nTotal,,99999,,\nTotal of 18 rows\n",
        MAPPING,
        "their names in row 4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAIN)
def test_a_file_of_any_kind_gives_the_same_counts(kind, read):
    """Encoding, delimiter, packing, titles and totals are found, said, and change no number."""
    *file, said = PLAIN[kind]
    panel = read(*file)

    assert found(panel) == counted(ROWS)
    assert said in panel.facts["form"]


def test_totals_and_empty_rows_are_counted(read):
    """Sums of rows are no accounts, wherever they say so; neither is a row without anything in it."""
    below = ",,,,\nTotal,,99999,,\n,合计,99999,,\nTotal of 18 rows\n"
    panel = read("t.csv", text(ROWS) + below)

    assert panel.facts["left_out"] == {"a sum of other rows": 3, "nothing in the row": 1}
    assert panel.facts["rows_read"] == 22 and found(panel) == counted(ROWS)
    assert "row 19: 1 values" in wrong(read, "t.csv", text(ROWS) + "Sumatra\n")[0]


NUMBERS = {  # how it is written: (decimal, text, number in hundredths)
    "thousands": (".", "1,234,567.50", 123456750),
    "thousands apart": (".", "1 234 567.5", 123456750),
    "yen": (".", "¥1,234", 123400),
    "yuan": (".", "1234.5元", 123450),
    "a code before": (".", "CNY 1,234.50", 123450),
    "a code after": (".", "1,234.50 USD", 123450),
    "brackets": (".", "(1,234.50)", -123450),
    "a currency in brackets": (".", "($1,234)", -123400),
    "a minus after": (".", "1,234-", -123400),
    "a minus and a currency": (".", "-€1,234", -123400),
    "a decimal comma": (",", "1.234,50", 123450),
    "a decimal comma alone": (",", "12,5", 1250),
    "a bracket and a comma": (",", "(1 234,5 €)", -123450),
    "a full stop between thousands": (",", "1.234.567", 123456700),
}
NO_NUMBERS = [(".", "1,23"), (".", "12,34,567"), (".", "1,2345"), (",", "12.5"), (",", "1234.567"), (".", "5%"),
              (".", "1.234,50"), (".", "12 days"), (".", "((5))"), (".", "A5")]  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_read_as_people_write_them(kind, read):
    """The sign between thousands and the decimal one are never taken for each other."""
    decimal, written, amount = NUMBERS[kind]
    cells = [[i, m, written, limit, d] for i, m, _, limit, d in ROWS]
    panel = read(
        "t.txt", text(cells, "|"), f'decimal = "{decimal}"\nopposite_sign = {["balance"] * (amount < 0)}\n' + MAPPING
    )

    assert set(panel.balance.ravel()) == {abs(amount)}


@pytest.mark.parametrize(("decimal", "written"), NO_NUMBERS)
def test_what_may_be_two_numbers_is_none(decimal, written, read):
    """A comma before two digits, a point where a comma is the decimal sign, a unit that an amount does not have."""
    cells = [[*ROWS[0][:2], written, *ROWS[0][3:]], *ROWS[1:]]

    assert f"found '{written}'" in wrong(read, "t.txt", text(cells, "|"), f'decimal = "{decimal}"\n' + MAPPING)[0]


def test_units_may_follow_days(read):
    """Days past due say days."""
    cells = [[*line[:4], line[4] + (" days", "天", " day")[n % 3]] for n, line in enumerate(ROWS)]

    assert found(read("t.csv", text(cells))) == counted(ROWS)


BAD = {  # kind: (file, content, what is said)
    "no workbook": ("t.xlsx", b"PK\x03\x04 and no more", "cannot be read"),
    "half a workbook": ("t.xlsx", workbook(ROWS)[:2000], "cannot be read"),
    "a .zip that is none": ("t.zip", text(ROWS), "cannot be read"),
    "another kind in a .zip": ("t.zip", packed("t.pdf", "x"), "'t.pdf' in it is an unknown kind of file"),
    "Latin-1": ("t.csv", text([["Caf\xe9", *ROWS[0][1:]]]).encode("latin-1"), "not text in UTF-8: b'\\xe9,20'"),
    "Big5": ("t.csv", (text(ROWS) + "甲乙丙丁戊己庚辛歸龜鬱,2024-01,1,1,1\n").encode("big5"), "not text in UTF-8"),
    "an old workbook": ("t.xls", b"", "unknown kind of file"),
    "an empty workbook": ("t.xlsx", workbook([], [""]), "empty"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_cannot_be_read_is_one_message(kind, read):
    """What is wrong, in one problem."""
    *file, said = BAD[kind]
    problems = wrong(read, *file)

    assert len(problems) == 1 and said in problems[0]


def test_sheets_that_may_both_be_meant_need_a_name(read, tmp_path):
    """Nobody guesses between two sheets with the same columns; a name that is not there is told."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        for name in ("January", "February"):
            page = book.add_worksheet(name)
            for r, line in enumerate([HEAD, *ROWS]):
                page.write_row(r, 0, line)

    assert "several sheets: January, February" in wrong(read, "t.xlsx", content.getvalue())[0]
    assert found(read("t.xlsx", content.getvalue(), 'sheet = "February"\n' + MAPPING)) == counted(ROWS)
    assert "did you mean February?" in wrong(read, "t.xlsx", content.getvalue(), 'sheet = "Febuary"\n' + MAPPING)[0]


def test_a_zip_that_unpacks_without_end_is_refused(read):
    """More than a hundred times its size, and more than any file may: an error, not a full memory."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made, made.open("t.csv", "w") as member:
        for _ in range(UNPACKED_FREELY // (1 << 20) + 2):
            member.write(b"A,2024-01,1,1,1\n" * (1 << 16))

    assert f"unpacks to more than {UNPACKED_FREELY:,} bytes" in wrong(read, "t.zip", file.getvalue())[0]


# ---- months and states of other forms --------------------------------------------------------------------------------
def states_of(panel):
    """Return {(account, month): name of the state} of a panel."""
    return {
        (name, month): panel.states[panel.state[a, m]].name
        for a, name in enumerate(panel.account_id)
        for m, month in enumerate(panel.months)
        if panel.state[a, m] >= 0
    }


BUREAU = """month_0 = "2024-03"
constants.product = "line"
[columns]
account_id = "SK_ID_BUREAU"
month = "MONTHS_BALANCE"
status = "STATUS"
[status]
"0|C" = { bucket = 0 }
1 = { bucket = 1 }
X = { leave_out = true }
"""
BUREAU_ROWS = [
    [f"{5000 + a}", f"{-m}", ("C", "0", "1", "X")[(a + m) % 4]] for a in range(8) for m in range(4)
]  # status by month, counted back, and no balance


def test_numbered_months_and_states_alone(read):
    """Months count from the one that the mapping names; each account owes the same, which is said."""
    panel = read("t.csv", text(BUREAU_ROWS, head=["SK_ID_BUREAU", "MONTHS_BALANCE", "STATUS"]), BUREAU)
    month = {"0": "2024-03", "0.0": "2024-03", "-1": "2024-02", "-2": "2024-01", "-3": "2023-12"}
    said = {"C": "current", "0": "current", "1": "30"}
    expected = {(a, month[m]): said[status] for a, m, status in BUREAU_ROWS if status != "X"}

    assert states_of(panel) == expected
    assert panel.facts["left_out"] == {"status X, which the mapping leaves out": 8}
    assert {*panel.balance[panel.state >= 0]} == {100_000} and "each account owes 1,000" in panel.facts["doubts"][0]
    panel = read("t.csv", text(BUREAU_ROWS, head=["SK_ID_BUREAU", "MONTHS_BALANCE", "STATUS"]),
                 BUREAU.replace("constants.", "constants.balance = 20\nconstants."))  # fmt: skip
    assert {*panel.balance[panel.state >= 0]} == {2000} and panel.facts["doubts"] == []


def test_numbered_columns_that_count_back(read):
    """PAY_0, PAY_2, PAY_3 of September, August, July, and bills 1 to 3: one column has another name than its row."""
    head = ["ID", "LIMIT_BAL", "PAY_0", "PAY_2", "PAY_3", "BILL_AMT1", "BILL_AMT2", "BILL_AMT3"]
    cells = [
        [f"{k}", "9000", f"{k % 3}", f"{(k + 1) % 3}", "0", f"{100 + k}", f"{200 + k}", f"{300 + k}"] for k in range(9)
    ]
    mapping = """month_0 = "2005-10"
month_step = -1
rename.PAY_0 = "PAY_1"
[columns]
account_id = "ID"
limit = "LIMIT_BAL"
balance = "BILL_AMT{number}"
status = "PAY_{number}"
[status]
0 = { bucket = 0 }
1 = { bucket = 1 }
2 = { bucket = 2 }
"""
    panel = read("t.csv", text(cells, head=head), mapping)

    assert panel.months == ("2005-07", "2005-08", "2005-09")
    assert panel.bucket.tolist() == [[0, (k + 1) % 3, k % 3] for k in range(9)]
    assert panel.balance.tolist() == [[100 * (300 + k), 100 * (200 + k), 100 * (100 + k)] for k in range(9)]


PAIRS = """constants.month = "2024-01"
[columns]
status = "from"
status_to = "to"
count = "n"
[status]
C = { bucket = 0 }
30 = { bucket = 1 }
W = { account = "written_off" }
"""


def test_pairs_of_states(read):
    """A row that counts accounts stands for so many, in two months; one without is one."""
    cells = [["C", "C", "7"], ["C", "30", "2"], ["30", "C", "1"], ["30", "W", "3"]]
    panel = read("t.csv", text(cells, head=["from", "to", "n"]), PAIRS)

    assert panel.months == ("2024-01", "2024-02") and len(panel.account_id) == 13
    assert panel.moves(next(panel.pairs())).tolist() == [[7, 2, 0], [1, 0, 3]]
    one = read("t.csv", text([line[:2] for line in cells], head=["from", "to"]), PAIRS.replace('count = "n"\n', ""))
    assert one.moves(next(one.pairs())).tolist() == [[1, 1, 0], [1, 0, 1]]
    assert (
        "row 2: n: found '1.5'"
        in wrong(read, "t.csv", text([cells[0], ["C", "C", "1.5"]], head=["from", "to", "n"]), PAIRS)[0]
    )


def test_pairs_of_accounts_meet(read):
    """The state to of a month is that of the next row, which counts where both are there."""
    mapping = PAIRS.replace('constants.month = "2024-01"\n', "").replace(
        'count = "n"', 'month = "m"\naccount_id = "id"'
    )
    cells = [["A", "202401", "C", "30"], ["A", "202402", "C", "C"], ["B", "202402", "30", "W"]]
    panel = read("t.csv", text(cells, head=["id", "m", "from", "to"]), mapping)

    assert states_of(panel) == {
        ("A", "2024-01"): "current", ("A", "2024-02"): "current", ("A", "2024-03"): "current",
        ("B", "2024-02"): "30", ("B", "2024-03"): "written_off",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (["45322", "45350", "45382"], 'month_format = "day number"\n'),
        (["2024年1月", "2024年2月", "2024年3月"], ""),
        (["31.01.24", "29.02.24", "31.03.24"], 'month_formats.month = "%d.%m.%y"\nmonth_format = "%Y"\n'),
        (["Jan-2024", "Feb-2024", "March 2024"], ""),
        (["2024/1/31", "2024/2/29", "2024/3/31"], ""),
        (["7", "8", "9"], 'month_0 = "2023-06"\n'),
    ],
)
def test_dates_are_read_as_people_write_them(written, key, read):
    """Numbers of spreadsheets, Chinese and English dates, a form for one column, numbered months."""
    key = key.replace('"%Y"', '"%Y-%m"')
    cells = [[i, written[MONTHS.index(m)], *rest] for i, m, *rest in ROWS]

    assert found(read("t.csv", text(cells), key + MAPPING)) == counted(ROWS)


def test_quarters_are_their_last_months(read):
    """Three months apart: read, and noted as months without a row."""
    cells = [[i, f"2024Q{1 + MONTHS.index(m)}", *rest] for i, m, *rest in ROWS]
    panel = read("t.csv", text(cells), MAPPING)

    assert [month for m, month in enumerate(panel.months) if (panel.state[:, m] >= 0).any()] == [
        "2024-03",
        "2024-06",
        "2024-09",
    ]


def test_days_below_0_are_not_late(read):
    """Paid before it was due: 0 days, and counted."""
    cells = [[*line[:4], "-3" if n < 5 else line[4]] for n, line in enumerate(ROWS)]
    panel = read("t.csv", text(cells))

    assert found(panel) == counted([[*line[:4], "0" if n < 5 else line[4]] for n, line in enumerate(ROWS)])
    assert panel.facts["doubts"] == ["5 days past due are below 0, taken as 0: paid before they were due."]


WRONG = {
    'constants.colour = "red"': "constants.colour: no role of a column is called 'colour'",
    'constants.balance = "5"': "constants.balance: given, and columns.balance; give one of them",
    'month_formats.maturity = "%Y-%m"': "month_formats.maturity",
    "header_row = 9": "columns.account_id: no column id",
    'decimal = ";"': "decimal: found ';'",
}


@pytest.mark.parametrize("key", WRONG)
def test_keys_that_say_nothing_are_told(key, read):
    """A constant of no role, of one that has a column, a header that is not there."""
    assert WRONG[key] in "\n".join(wrong(read, "t.csv", text(ROWS), f"{key}\n{MAPPING}"))


# ---- batches ---------------------------------------------------------------------------------------------------------
def test_batches_change_nothing(read, tmp_path, monkeypatch):
    """A tape read in many pieces gives the panel, the book and the numbers of wrong rows that it gives in one."""
    cells = rows(40)
    whole = read("t.csv", text(cells))
    book = (tmp_path / "map.toml").read_text(encoding="utf-8").replace("[columns]", 'as_of = "2024-02"\n[columns]')
    (tmp_path / "book.toml").write_text(book, encoding="utf-8")

    def rows_of_book():
        found = book_rows(str(tmp_path / "t.csv"), str(tmp_path / "book.toml"), read_mapping(tmp_path / "book.toml"))
        used = [found.read["balance"].at(row) for row in np.flatnonzero(found.in_use)]
        return used, found.rows_read, found.left_out, found.row_numbers(np.flatnonzero(found.in_use)).tolist()

    one = rows_of_book()
    for module in ("encodings", "text"):
        monkeypatch.setattr(f"simulator.reading.{module}.CHUNK", 400)
    parts = list(read_batches(open_table(str(tmp_path / "t.csv")), ["id"]))
    again = read("t.csv", text(cells))

    assert len(parts) > 5 and rows_of_book() == one and one[1] == 120 and len(one[0]) == 40
    for name in ("state", "balance", "limit", "account_id", "product"):
        assert np.array_equal(getattr(again, name), getattr(whole, name)), name
    assert again.facts["rows_used"] == 120 and again.facts["repairs"] == whole.facts["repairs"]
    cells[100][2] = "much"
    assert "row 101 (A33): bal: found 'much'" in wrong(read, "t.csv", text(cells))[0]
    cells[100] = cells[1]
    assert "A0 in 2024-02 (rows 2, 101)" in wrong(read, "t.csv", text(cells))[0]


def test_pairs_give_a_scenario(tmp_path):
    """The book of a tape of pairs is that of its last month, rows that `only` does not keep left out."""
    cells = [
        ["C", "C", "90", "x"],
        ["C", "30", "9", "x"],
        ["30", "C", "20", "x"],
        ["30", "W", "5", "x"],
        ["C", "30", "50", "y"],
    ]
    (tmp_path / "t.csv").write_text(text(cells, head=["from", "to", "n", "kind"]))
    (tmp_path / "map.toml").write_text('only.kind = ["x"]\n' + PAIRS)
    done = calibrate(tmp_path / "t.csv", tmp_path / "map.toml")
    done.save(tmp_path / "out")
    book = read_book(load_scenario(tmp_path / "out" / "scenario.toml"))

    assert done.facts["tape"]["left_out"] == {"kind is not x": 100}
    assert book.report["by_state"] == {"current": 110, "30": 9}
    assert any("each account owes 1,000" in caution for caution in done.cautions)


LOANS = """currency = "USD"
constants.term = 36
constants.issued = "2020-01"
constants.recoveries = 0
[outcomes]
rate_unit = "percent per year"
[columns]
account_id = "id"
amount = "amount"
rate = "rate"
status = "end"
principal = "principal"
interest = "interest"
[status]
paid = "paid"
lost = "charged_off"
"""


def test_loans_take_constants_and_per_cent(tmp_path):
    """A term that no column says is a constant; a rate may have its sign, in a unit of per cent."""
    cells = [
        [f"{k}", "$1,200", "12.0%", "lost" if k % 2 else "paid", "300" if k % 2 else "1,200", "90"] for k in range(60)
    ]
    (tmp_path / "t.tsv").write_text(text(cells, "\t", ["id", "amount", "rate", "end", "principal", "interest"]))
    (tmp_path / "map.toml").write_text(LOANS)
    loans = read_outcomes(tmp_path / "t.tsv", tmp_path / "map.toml")

    assert (loans.term, set(loans.rate), set(loans.amount)) == (36, {0.01}, {1200.0})
    assert loans.exposure.tolist() == [900.0 if k % 2 else 0.0 for k in range(60)]
    for old, new, said in (
        (
            "percent per year",
            "per year",
            'outcomes.rate_unit: rates with a per cent sign; did you mean "percent per year"?',
        ),
        ("constants.term = 36\n", "", "columns.term: missing; a column, or constants.term for every loan"),
    ):
        (tmp_path / "map.toml").write_text(LOANS.replace(old, new))
        with pytest.raises(UserError) as caught:
            read_outcomes(tmp_path / "t.tsv", tmp_path / "map.toml")
        assert said in str(caught.value)

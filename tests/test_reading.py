"""What stands between a user's file and the rows in use: no row is lost in silence, no file ends in a traceback."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.diaries.address import address_of
from simulator.estimation.macro.series import read_series
from simulator.estimation.outcomes.rows import read_outcomes
from simulator.estimation.panels.reader import read_panel
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from simulator.scenario.reader import load_scenario
from simulator.tape.tape import read_tape

WORLD = """
title = "A small world"
months = 3
currency.code = "USD"
portfolio.borrowers = 100
behaviour.model = "structural"
products.line.minimum_share = 0.1
segment.all = { share = 1.0, line_holders = 1.0, line_limit = 900, income = 900 }
"""
COLUMNS = """currency = "USD"
[columns]
account_id = "id"
month = "month"
balance = "bal"
limit = "lim"
payment = "paid"
"""
BY_DAYS, BY_CODE = COLUMNS + 'dpd = "dpd"\n', COLUMNS + 'status = "dpd"\n[status]\n'
OUTCOMES = """currency = "USD"
outcomes = { rate_unit = "per month" }
[columns]
account_id = "id"
issued = "issued"
amount = "amount"
term = "term"
rate = "rate"
status = "end"
principal = "principal"
interest = "interest"
recoveries = "recovered"
[status]
P = "paid"
B = "charged_off"
"""
LOANS = "id,issued,amount,term,rate,end,principal,interest,recovered,memo\n"
SERIES = "quarter,unemployment,loss,memo\n"


def tape(accounts, months, dpd=lambda a, m: 0, more=None, head="id,month,bal,lim,paid,dpd"):
    """Return a long tape as text: `dpd` and `more` (a cell at the end) by account and month."""
    rows = [head + (",more" if more else "")]
    for a in range(accounts):
        for m in range(months):
            cell = f",{more(a, m)}" if more else ""
            rows.append(f"A{a},2024-{m + 1:02},{500 + a},1000,20,{dpd(a, m)}{cell}")
    return "\n".join(rows) + "\n"


@pytest.fixture
def files(tmp_path):
    """Return a function that writes files and returns their paths."""

    def write(**content):
        paths = []
        for name, text in content.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(path)
        return paths

    return write


@pytest.fixture
def panel(files):
    """Return a function that reads a panel from a tape and a mapping given as text."""
    return lambda rows, mapping: read_panel(*files(tape__csv=rows, map__toml=mapping))


@pytest.fixture
def book(files):
    """Return a function that reads a book as of 2024-02 from a tape and a mapping given as text."""

    def read(rows, mapping, as_of='as_of = "2024-02"\n'):
        paths = files(tape__csv=rows, map__toml=as_of + mapping, world__toml=WORLD)
        return read_tape(*paths[:2], load_scenario(paths[2]).baseline)

    return read


def wrong(read, *arguments):
    """Return what is wrong, one line each, without the folder."""
    with pytest.raises(UserError) as caught:
        read(*arguments)
    return [str(problem).replace(f"{Path(problem.file).parent}/", "") for problem in caught.value.problems]


# ---- codes -----------------------------------------------------------------------------------------------------------
def test_a_code_without_an_entry_is_an_error_with_its_rows(panel, book):
    """Each code with its count over all months, the most frequent first, and how to leave it out; in a book as well."""
    rows = tape(10, 3, lambda a, m: "00" if a < 4 else "X" if a == 4 else "1")
    mapping = BY_CODE + "1 = { bucket = 0 }\n"

    assert wrong(panel, rows, mapping) == [
        "map.toml: status: code '00' in 12 rows, the first of them row 1, has no entry; "
        'say what it means, or "00" = { leave_out = true }',
        "map.toml: status: code 'X' in 3 rows, the first of them row 13, has no entry; "
        'say what it means, or "X" = { leave_out = true }',
    ]
    assert [line.split(" has")[0] for line in wrong(book, rows, mapping)] == [
        "map.toml: status: code '00' in 4 rows, the first of them row 2,",
        "map.toml: status: code 'X' in row 14",
    ]
    told = panel(rows, mapping + '"00|X" = { leave_out = true }\n').facts["left_out"]
    assert told == {"status 00, which the mapping leaves out": 12, "status X, which the mapping leaves out": 3}


@pytest.mark.parametrize("role", ["product", "segment", "account"])
def test_every_column_of_codes_is_told_alike(role, panel, book):
    """Product, segment and account: no entry is an error, "leave_out" leaves out, in a panel and in a book."""
    rows = tape(4, 3, more=lambda a, m: "?" if a == 3 else "x")
    meaning = {"product": "line", "segment": "all", "account": "active"}[role]
    mapping = BY_DAYS + f'{role} = "more"\n[{role}]\nx = "{meaning}"\n'
    said = f'map.toml: {role}: code \'?\' in {{}} has no entry; say what it means, or "?" = "leave_out"'
    entry = mapping + '"?" = "leave_out"\n'

    assert wrong(panel, rows, mapping) == [said.format("3 rows, the first of them row 10,")]
    assert wrong(book, rows, mapping) == [said.format("row 11")]
    assert panel(rows, entry).facts["left_out"] == {f"{role} ?, which the mapping leaves out": 3}
    assert len(book(rows, entry).tape.values) == 3


def test_twenty_codes_are_listed_and_all_are_counted(panel):
    """A column of many strange codes does not fill the screen."""
    found = wrong(panel, tape(50, 1, lambda a, m: f"c{a}"), BY_CODE + "1 = { bucket = 0 }\n")

    assert len(found) == 21 and found[-1] == "map.toml: 30 more codes have no entry, in 30 rows"


def test_labels_that_look_like_bounds_are_labels(panel):
    """ ">30" is a name before it is a bound, so that all rows are used."""
    mapping = BY_CODE + '"0" = { bucket = 0 }\n"1-30" = { bucket = 1 }\n">30" = { bucket = 2 }\n'
    read = panel(tape(9, 2, lambda a, m: ("0", "1-30", ">30")[a % 3]), mapping)

    assert read.facts["left_out"] == {} and read.bucket[:3].tolist() == [[0, 0], [1, 1], [2, 2]]


def test_a_code_that_is_left_out_has_no_state(panel):
    """Named states beside a code to leave out: no state called current is needed for it."""
    mapping = (
        BY_CODE + 'G = { state = "good", bucket = 0 }\nL = { state = "late", bucket = 1 }\nQ = { leave_out = true }'
    )
    read = panel(tape(6, 4, lambda a, m: "L" if (a + m) % 5 == 0 else "G"), mapping)

    assert [state.name for state in read.states] == ["good", "late"]
    assert read.facts["rows_used"] == read.facts["rows_read"] == 24


def test_a_blank_code_needs_a_name(panel):
    """A blank is a code without an entry until "" says what it means."""
    rows = tape(3, 2, lambda a, m: "" if a == 1 else "1")

    assert wrong(panel, rows, BY_CODE + "1 = { bucket = 0 }\n") == [
        "map.toml: status: a blank in 2 rows, the first of them row 3, has no entry; "
        'say what it means, or "" = { leave_out = true }'
    ]
    assert panel(rows, BY_CODE + '1 = { bucket = 0 }\n"" = { bucket = 1 }\n').bucket[1].tolist() == [1, 1]


# ---- a wide tape whose accounts end ----------------------------------------------------------------------------------
WIDE = "id,lim,s_2024_01,b_2024_01,s_2024_02,b_2024_02\nA,9,0,5,0,5\nB,9,0,5,{},{}\n"
WIDE_MAPPING = """currency = "USD"
[columns]
account_id = "id"
limit = "lim"
balance = "b_{year}_{month}"
KIND = "s_{year}_{month}"
"""


@pytest.mark.parametrize("nothing", ["", "NA"])
@pytest.mark.parametrize("kind", ["status", "dpd"])
def test_an_account_of_a_wide_tape_may_end(kind, nothing, panel, book):
    """Empty cells, or NA, in a month's columns: no account there, in the panel and in the book of that month."""
    mapping = WIDE_MAPPING.replace("KIND", kind) + ("[status]\n0 = { bucket = 0 }\n" if kind == "status" else "")
    rows = WIDE.format(nothing, nothing)
    read, held = panel(rows, mapping), book(rows, mapping)

    assert read.state.tolist() == [[0, 0], [0, -1]] and read.facts["left_out"] == {"no account in that month": 1}
    assert len(held.tape.values) == 1 and held.report["left_out"] == {"no account in that month": 1}


@pytest.mark.parametrize("mapping", [BY_DAYS, BY_CODE + "0 = { bucket = 0 }\n"])
def test_an_account_of_a_long_tape_may_end_in_empty_rows(mapping, panel, book):
    """A row with neither balance nor days, or status, is no account in that month; one with half of it is wrong."""
    rows = (
        tape(4, 3)
        .replace("A1,2024-02,501,1000,20,0", "A1,2024-02,,1000,,")
        .replace("2024-03,501,1000,20,0", "2024-03,,,,NA")
    )
    read, held = panel(rows, mapping), book(rows, mapping)

    assert read.state[1].tolist() == [0, -1, -1] and read.facts["left_out"] == {"no account in that month": 2}
    assert len(held.tape.values) == 3 and held.cautions == []
    assert wrong(panel, rows.replace("02,,1000", "02,7,1000"), mapping)


def test_half_an_account_is_wrong(panel):
    """A balance without days, or days without a balance, is no account that has ended."""
    mapping = WIDE_MAPPING.replace("KIND", "dpd")

    assert "row 2 (B): s_2024_02: nothing there" in wrong(panel, WIDE.format("", "5"), mapping)[0]
    assert "row 2 (B): b_2024_02: nothing there" in wrong(panel, WIDE.format("0", ""), mapping)[0]


def test_a_code_called_na_is_a_code(panel):
    """Where the mapping names NA it is a status like any other."""
    mapping = WIDE_MAPPING.replace("KIND", "status") + "[status]\n0 = { bucket = 0 }\nNA = { bucket = 1 }\n"

    assert panel(WIDE.format("NA", "5"), mapping).bucket.tolist() == [[0, 0], [0, 1]]


# ---- the text of a file ----------------------------------------------------------------------------------------------
def with_memo(cells, accounts=8, months=3):
    """Return a tape with a column that the mapping does not use: `cells` by row from 1, else empty."""
    return tape(accounts, months, more=lambda a, m: cells.get(1 + a * months + m, ""))


def test_an_open_quote_is_found_where_it_opens(panel, book):
    """In a column that nobody reads it would take in the rest of the file."""
    said = "tape.csv: row 4 (line 5): a quote opens and does not close; close the quote, or take it out of the file"

    assert wrong(panel, with_memo({4: '"VIP'}), BY_DAYS) == [said]
    assert wrong(book, with_memo({4: '"VIP'}), BY_DAYS) == [said]
    inches = tape(8, 3, more=lambda a, m: '5","VIP' if (a, m) == (1, 0) else ",").replace("more", "more,note", 1)
    assert wrong(panel, inches, BY_DAYS) == [said]
    assert wrong(panel, with_memo({24: '"VIP'}), BY_DAYS)[0].startswith("tape.csv: row 24 (line 25)")
    assert wrong(panel, with_memo({4: '"VIP' + "x" * 200_000}), BY_DAYS)[0].startswith("tape.csv: row 4 (line 5)")


def test_outcomes_and_series_find_an_open_quote_too(files):
    """Every reader has the same text under it."""
    memo = ["", "", '"VIP', *[""] * 6]
    loans = LOANS + "".join(f"L{k},2020-01,9,6,0.01,P,9,1,0,{text}\n" for k, text in enumerate(memo))
    rates = SERIES + "".join(f"{2000 + k}Q1,5,2,{text}\n" for k, text in enumerate(memo))

    assert "row 3 (line 4): a quote opens" in wrong(read_outcomes, *files(l__csv=loans, o__toml=OUTCOMES))[0]
    assert "row 3 (line 4)" in wrong(read_series, *files(s__csv=rates), "quarter", "unemployment", "loss")[0]
    assert (
        "the header (line 1): a quote opens"
        in wrong(read_series, *files(s__csv=rates.replace("memo", '"memo')), "quarter", "unemployment", "loss")[0]
    )


def test_two_quotes_that_swallow_rows_are_found(panel):
    """The second quote closes the first: the rows between would be part of a value."""
    said = "row 4 (line 5): a quote opens and closes 6 lines below, after what looks like 6 rows"

    assert said in wrong(panel, with_memo({4: '"VIP', 10: '"VIP'}), BY_DAYS)[0]
    assert "after what looks like 1 rows" in wrong(panel, with_memo({4: '"VIP', 5: '"VIP'}), BY_DAYS)[0]
    first = tape(4, 1).replace("A1,", '",').replace("A2,", '"A2",')
    assert "row 2 (line 3): a quote opens and closes 1 lines below, after what looks" in wrong(panel, first, BY_DAYS)[0]
    assert "1 lines below, in the middle of a value" in wrong(panel, first.replace('",2024', '"2024'), BY_DAYS)[0]


def test_quotes_that_are_right_change_nothing(panel):
    """Quoted values, doubled quotes, inches in plain text, and a remark of several lines with commas in it."""
    cells = {1: '"a, b"', 2: '"say ""hi"""', 3: 'a 5" pipe', 4: '"first\nsecond, and third\nlast"', 5: '"x"'}
    read, plain = panel(with_memo(cells), BY_DAYS), panel(with_memo({}), BY_DAYS)

    assert read.facts["rows_read"] == 24 and np.array_equal(read.balance, plain.balance)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.encode().replace(b"A2,", b"A\0,"), "tape.csv: a NUL byte in line 8: this is a binary file"),
        (lambda text: text.encode().replace(b"A2,2024-01,", b"A2,\x91"), "not text in UTF-8: b'\\x91502' in row 7"),
        (lambda text: text.replace(",20,0", ",20,late"), "row 1 (A0): dpd: found 'late'; allowed: a number such as"),
        (lambda text: text.replace(",503,", ",1,503,"), "tape.csv: row 10: 7 values; one value for each of the 6"),
        (lambda text: text.replace(",503,", ',"1,50",'), "row 10 (A3): bal: found '1,50'; allowed: a number"),
        (lambda text: text.replace("2024-02", "02/2024"), "row 2 (A0): month: found '02/2024'; allowed: 2005-04"),
        (lambda text: text.splitlines()[0] + "\n", "tape.csv: no accounts"),
        (lambda text: "", "tape.csv: the file is empty"),
        (lambda text: text + "A1,2024-02,5,5,5,0\n", "1 account-months stand in more than one row"),
        (lambda text: text.replace("lim", "bal", 1), "tape.csv: bal: two columns of this name"),
    ],
    ids=[
        "nul",
        "bytes",
        "days",
        "more values",
        "1,50",
        "dates",
        "header only",
        "empty",
        "twice",
        "same name",
    ],
)
def test_a_damaged_tape_is_said_with_its_place(change, said, panel):
    """What was found, where, and what is allowed."""
    assert said in "\n".join(wrong(panel, change(tape(5, 3)), BY_DAYS))


def test_a_byte_order_mark_changes_nothing(panel):
    """Editors put one before a tape and before a mapping."""
    plain, marked = (panel(mark + tape(5, 3), mark + BY_DAYS) for mark in ("", "\ufeff"))

    assert np.array_equal(plain.state, marked.state) and marked.facts["rows_used"] == 15


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16"])
def test_a_tape_in_another_encoding_is_read_where_the_mapping_says_so(encoding, panel):
    """Spreadsheets of another language write another one; the same tape results, and what is not in it is said."""
    rows = tape(5, 3, more=lambda a, m: ("\u82b1\u5457", "\u501f\u5457")[a % 2])
    mapping = BY_DAYS + 'segment = "more"\n'
    plain, other = panel(rows, mapping), panel(rows.encode(encoding), f'encoding = "{encoding}"\n' + mapping)

    assert other.segments == plain.segments == ("\u82b1\u5457", "\u501f\u5457")
    assert np.array_equal(plain.balance, other.balance)
    damaged = rows.encode("gb18030").replace(b",502,", b",\xff,")
    assert "not text in GB18030: b'\\xff,10' in row 7" in wrong(panel, damaged, 'encoding = "gb18030"\n' + mapping)[0]
    assert "map.toml: encoding: found 'GBK'; allowed: 'utf-8'" in wrong(panel, rows, 'encoding = "GBK"\n' + mapping)[0]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_they_like(ending, panel):
    """Unix, Windows and the old Macintosh; blank lines are no rows."""
    assert panel(tape(5, 3).replace("\n", ending) + 2 * ending, BY_DAYS).facts["rows_used"] == 15


def test_columns_of_a_wide_tape_stand_once(panel):
    """Of two columns of one month nobody knows which is meant."""
    mapping = WIDE_MAPPING.replace("KIND", "dpd")
    twice = WIDE.replace("b_2024_01", "b_2024_02").format(0, 5)

    assert "balance" in wrong(panel, twice, mapping)[0]
    twice = WIDE.replace("lim,", "lim,b_2024_01,").replace(",9,", ",9,9,").format(0, 5)
    assert wrong(panel, twice, mapping) == ["tape.csv: b_2024_01: two columns of this name; give each its own name"]
    gone = panel("id,lim,s_2024_01,b_2024_01,s_2024_02,b_2024_02\nA,9,0,5,,\n", mapping)
    assert gone.months == ("2024-01",) and gone.facts["left_out"] == {"no account in that month": 1}
    assert "no account in use in 2024-02" in gone.facts["repairs"]


def test_another_delimiter_is_found_or_said(panel):
    """Without a word the sign that makes rows of one length is taken; a sign that makes none is told."""
    assert panel(tape(2, 2).replace(",", ";"), BY_DAYS).facts["rows_used"] == 4
    assert wrong(panel, tape(2, 2).replace(",", ";"), 'delimiter = ","\n' + BY_DAYS) == [
        "map.toml: delimiter: found ',', by which the header 'id;month;bal;lim;paid;dpd' is one column; "
        "did you mean ';'?"
    ]
    for sign in ('\\"', "\\n", "ab", ""):
        assert "map.toml: delimiter: found" in wrong(panel, tape(2, 2), f'delimiter = "{sign}"\n' + BY_DAYS)[0]


@pytest.mark.parametrize("form", ["%d/%m", "%Y", "%", "%Y%Y-%m", "%Q", "", "%H:%M"])
def test_a_form_of_dates_tells_year_and_month(form, panel):
    """Else every row would be of one month, or of none."""
    assert wrong(panel, tape(2, 2), f'month_format = "{form}"\n' + BY_DAYS) == [
        f"map.toml: month_format: found {form!r}, allowed: signs that tell year and month, such as %d/%m/%Y"
    ]


def test_duplicates_are_named_with_their_rows(panel, book):
    """Accounts, months and rows, so that they can be found."""
    rows = tape(3, 2) + "A1,2024-02,5,5,5,0\nA1,2024-02,5,5,5,0\n"

    assert "1 account-months stand in more than one row: A1 in 2024-02 (rows 4, 7, 8)" in wrong(panel, rows, BY_DAYS)[0]
    assert "1 account id in more than one row: A1 (rows 4, 7, 8)" in wrong(book, rows, BY_DAYS)[0]


@pytest.mark.parametrize("role", ["account_id", "borrower_id"])
def test_an_id_that_says_nothing_is_none(role, panel, book):
    """Tables write NA where an id is missing: else all who have none would be one borrower, with one account."""
    rows = tape(4, 2, more=lambda a, m: "NA" if a < 2 else f"C{a}")
    mapping = BY_DAYS.replace('"id"', '"more"') if role == "account_id" else BY_DAYS + 'borrower_id = "more"\n'
    found = wrong(book, rows, mapping)

    assert [line.rpartition(": ")[2] for line in found] == ["found 'NA'; each account needs one"] * len(found)
    assert found[0].startswith("tape.csv: row 2 (") and found[1].startswith("tape.csv: row 4 (")


# ---- segments --------------------------------------------------------------------------------------------------------
def test_segments_keep_the_names_that_they_have(panel):
    """NA, null and a name that looks like a bound or like two codes are segments as any others."""
    names = ("NA", "null", "-", ">1", "1", "1|2")
    read = panel(tape(6, 2, more=lambda a, m: names[a]), BY_DAYS + 'segment = "more"\n')

    assert read.segments == names and read.segment.tolist() == [0, 1, 2, 3, 4, 5]
    assert sum(len(group.accounts) for group in read.groups()) == 6


def test_a_blank_segment_is_wrong_until_it_has_a_name(panel):
    """An account without a segment would be in no group."""
    rows, mapping = tape(6, 2, more=lambda a, m: "" if a == 2 else "east"), BY_DAYS + 'segment = "more"\n'

    assert wrong(panel, rows, mapping) == [
        "map.toml: segment: a blank in 2 rows, the first of them row 5, has no entry; "
        "a table [segment] says what codes mean"
    ]
    named = panel(rows, mapping + '[segment]\neast = "east"\n"" = "elsewhere"\n')
    assert named.segments == ("east", "elsewhere") and named.segment.tolist() == [0, 0, 1, 0, 0, 0]


# ---- signs -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ["balance", "limit", "payment"])
def test_amounts_that_are_mostly_below_zero_are_refused(role, panel):
    """One line says which way the sign goes, and how to turn it round; turned round, it is the same tape."""
    column = {"balance": 2, "limit": 3, "payment": 4}[role]
    head, *lines = tape(12, 3).splitlines()
    cells = [line.split(",") for line in lines]
    turned = "\n".join([head, *(",".join([*c[:column], f"-{c[column]}", *c[column + 1 :]]) for c in cells)]) + "\n"
    found = wrong(panel, turned, BY_DAYS)

    assert len(found) == 1
    assert "36 of 36 amounts other than 0 are below 0" in found[0] and f'opposite_sign = ["{role}"]' in found[0]
    read, plain = panel(turned, f'opposite_sign = ["{role}"]\n' + BY_DAYS), panel(tape(12, 3), BY_DAYS)
    assert np.array_equal(getattr(read, role), getattr(plain, role))


def test_some_amounts_below_zero_are_left_as_they_are(panel):
    """Reversals and overpaid balances happen; half of the rows are no sign convention."""
    rows = tape(40, 1).replace("A1,2024-01,501", "A1,2024-01,-501").replace(",20,", ",-20,", 20)

    assert (panel(rows, BY_DAYS).payment < 0).sum() == 20


def test_a_column_to_turn_round_is_one_of_amounts(panel):
    """A misspelt one would change nothing."""
    assert wrong(panel, tape(2, 2), 'opposite_sign = ["payments"]\n' + BY_DAYS) == [
        "map.toml: opposite_sign: found 'payments'; did you mean payment?"
    ]


def loans(n, rate, unit="per month", sign=1, instalments=True):
    """Return (file, mapping) of n loans of 1,000 over 12 months at 1 % a month, half of them written off in the end."""
    due = 1000 * 0.01 / (1 - 1.01**-12)
    paid = f"1000,{sign * (12 * due - 1000):.2f},0"
    lost = f"0,0,{sign * 100}"
    rows = [f"L{k},2020-01,1000,12,{rate},{'BP'[k % 2]},{(lost, paid)[k % 2]},{due:.2f}" for k in range(n)]
    head = LOANS.replace("memo", "due" if instalments else "memo")
    mapping = OUTCOMES.replace("per month", unit)
    mapping = mapping.replace("[status]", 'instalment = "due"\n[status]') if instalments else mapping
    return head + "\n".join(rows) + "\n", mapping


def test_recoveries_below_zero_are_told_in_one_line(files):
    """The sign convention of a ledger is no 20 wrong rows."""
    file, mapping = loans(60, 0.01, sign=-1)
    found = wrong(read_outcomes, *files(l__csv=file, o__toml=mapping))

    assert [line.split(":")[1].strip() for line in found] == ["interest", "recovered"]
    turned = 'opposite_sign = ["interest", "recoveries"]\n' + mapping
    assert read_outcomes(*files(l__csv=file, o__toml=turned)).recovered.sum() == 30 * 100


@pytest.mark.parametrize("instalments", [True, False])
def test_rates_in_another_unit_contradict_the_loans(instalments, files):
    """By the instalments, else by the interest received; the unit that fits is named."""
    file, mapping = loans(60, 12, "per month", instalments=instalments)
    assert "allowed: up to 1 a month" in wrong(read_outcomes, *files(l__csv=file, o__toml=mapping))[0]
    file, mapping = loans(60, 0.12, "percent per year", instalments=instalments)
    found = wrong(read_outcomes, *files(l__csv=file, o__toml=mapping))

    what = "due: in 60 of 60" if instalments else "interest: in 30 of 30"
    assert found == [
        f"l.csv: {what} loans it contradicts amount, term and rate in percent per year; "
        'did you mean outcomes.rate_unit = "per year"?'
    ]
    assert len(read_outcomes(*files(l__csv=file, o__toml=mapping.replace("percent per year", "per year"))).amount) == 60


def test_an_instalment_that_no_rate_explains(files):
    """Where no unit fits, the columns may be others."""
    file, mapping = loans(60, 0.01)

    assert (
        "are these the columns of amount, term and rate?"
        in wrong(read_outcomes, *files(l__csv=file.replace(",1000,12,", ",3000,12,"), o__toml=mapping))[0]
    )


LOAN_MAPPING = """[columns]
account_id = "id"
balance = "bal"
instalment = "due"
months_left = "left"
dpd = "dpd"
product = "kind"
[product]
L = "loan"
"""


@pytest.mark.parametrize(
    ("due", "said"),
    [
        (88.85, []),
        (70.0, ["In 30 of 30 loans on time the instalments to come are less than the balance"]),
        (
            95.0,
            ["In 30 of 30 loans on time balance, instalment and months left contradict the interest rate of the sce"],
        ),
    ],
)
def test_loans_that_contradict_themselves_are_told_first(due, said, files):
    """1,000 over 12 months at 1 % a month is 88.85 a month."""
    rows = "id,bal,due,left,dpd,kind\n" + "".join(f"L{k},1000,{due},12,0,L\n" for k in range(30))
    world = WORLD.replace("line_holders = 1.0, line_limit = 900", "loan_holders = 1.0, loan_limit=9, loan_ticket = 9")
    world = world.replace("products.line.minimum_share = 0.1", "products.loan.interest_rate = 0.01")
    world = world.replace("[seg", "products.loan.terms = [{ months = 12, share = 1.0 }]\n[seg")
    paths = files(tape__csv=rows, map__toml=LOAN_MAPPING, world__toml=world)
    book = read_tape(*paths[:2], load_scenario(paths[2]).baseline)

    assert [caution[:70] for caution in book.cautions] == [line[:70] for line in said]
    assert due < 90 or "it is 1.00% a month, theirs 2.08% (median)" in book.cautions[0]


def test_units_that_can_hardly_be_meant_are_told_first(panel, book):
    """Months in the column of days, and yuan and fen where fen are said: allowed, and a caution in panel and book."""
    months = tape(60, 3, lambda a, m: (a + m) % 4)
    fen = tape(60, 3).replace(",1000,", ",1000.25,")
    days = (
        "The {} days past due above 0 in dpd are 3 at most: are they months? A bucket is 30 days, so that none of them "
    )
    days += "is beyond bucket 0."
    parts = "{0} of {0} amounts in lim are no whole number of minor units: are amounts and minor_units in the mapping "
    parts += "right?"

    assert panel(months, BY_DAYS).facts["doubts"] == [days.format(135)]
    assert book(months, BY_DAYS).cautions == [days.format(45)]
    assert panel(fen, 'amounts = "minor"\n' + BY_DAYS).facts["doubts"] == [parts.format(180)]
    assert book(fen, 'amounts = "minor"\n' + BY_DAYS).cautions == [parts.format(60)]
    assert panel(fen, BY_DAYS).facts["doubts"] == [] == book(fen, BY_DAYS).cautions
    assert panel(tape(60, 3, lambda a, m: (a + 7 * m) % 31), BY_DAYS).facts["doubts"] == []


def test_a_month_that_the_tape_does_not_have(book):
    """As of which month a book can be taken is said."""
    assert "map.toml: as_of: no row of 2024-09; the tape has 2024-01 to 2024-03" in wrong(
        book, tape(3, 3), BY_DAYS, 'as_of = "2024-09"\n'
    )


def test_rows_of_a_book_that_are_not_used_are_told_first(book):
    """One line with every reason, the largest first; rows of other months are no loss."""
    rows = tape(8, 3, lambda a, m: "Q" if a < 2 else "0").replace("A7,2024-02,507", "A7,2024-02,99999999999")
    found = book(rows, BY_CODE + "0 = { bucket = 0 }\nQ = { leave_out = true }\n")

    assert found.cautions == [
        "3 of 8 rows of tape.csv are not used: 2 status Q, which the mapping leaves out; "
        "1 balance beyond 1,073,741,824, the room of 32 bits."
    ]
    assert book(tape(8, 3), BY_DAYS).cautions == []


def test_the_diary_finds_an_account_of_a_tape_of_months(files):
    """The rows that a run starts from are those of its month, for the diary as well."""
    tape_file, mapping, world = files(t__csv=tape(4, 3), m__toml='as_of = "2024-02"\n' + BY_DAYS, w__toml=WORLD)
    scenario = load_scenario(world, [f"portfolio.tape={tape_file}", f"portfolio.mapping={mapping}"])
    book = read_tape(tape_file, mapping, scenario.baseline)
    tiles = lower(scenario.baseline, book.tape).tiles

    assert address_of("A2", ("all",), tiles, scenario.baseline) == (0, 0, 2)
    assert address_of("8", ("all",), tiles, scenario.baseline) == (0, 0, 2)  # the row of the file


# ---- whatever stands in a file ---------------------------------------------------------------------------------------
WORDS = ["", "NA", "nan", "-1e12", "1e400", "1,50", "x", '"', '""', '"a\nb"', "\0", "\x1b[31m", "王", "0x10", "½", "|"]
WORDS += [
    ">30",
    "2024-13",
    "01/02/2024",
    "9999-12",
    "9" * 400,
    "[status]",
    "[",
    "= {",
    "dpd = true",
    "\ufeff",
    "\n",
    ",",
]
ADDED = [
    'as_of = "2024-02"',
    'only.dpd = ["0"]',
    'opposite_sign = ["balance"]',
    'limits = "balance"',
    "worst_bucket = 1",
]
OPTIONAL = ['segment = "more"', 'grade = "more"', 'opened = "month"', 'currency = "more"', 'months_left = "dpd"']
EDITS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 999), st.sampled_from(WORDS)), max_size=3)
ENCODING = st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "gbk"))


def edited(text, edits):
    """Return `text` with cells, words, lines and the end replaced, put in, repeated, taken out and cut off."""
    for kind, place, word in edits:
        lines = text.split("\n")
        at = place % len(lines)
        cells = lines[at].split(",")
        cells[place % len(cells)] = word
        text = {
            0: "\n".join([*lines[:at], ",".join(cells), *lines[at + 1 :]]),
            1: text[: place % (len(text) + 1)] + word + text[place % (len(text) + 1) :],
            2: "\n".join([*lines[:at], lines[-at], *lines[at:]]),
            3: "\n".join([*lines[:at], *lines[at + 1 :]]),
            4: text[: len(text) - place % (len(text) + 1)] if place % 3 else text,
            5: text.replace(",", word) if place % 3 == 0 else text.replace("\n", "\r\n"),
        }[kind]
    return text


@settings(derandomize=True, deadline=None, max_examples=60)
@given(rows_edits=EDITS, map_edits=EDITS, top=st.sampled_from(ADDED), more=st.sampled_from(OPTIONAL), code=ENCODING)
@pytest.mark.parametrize("kind", ["days", "codes", "wide", "loans", "series"])
def test_whatever_stands_in_a_file_is_read_or_refused(tmp_path_factory, kind, rows_edits, map_edits, top, more, code):
    """Tapes, mappings, loans and series with a few things wrong: a result, or UserError with short problems."""
    folder = tmp_path_factory.getbasetemp()
    file, mapping, world = (folder / name for name in ("mutated.csv", "mutated.toml", "world.toml"))
    world.write_text(WORLD, encoding="utf-8")
    codes = BY_CODE.replace("[status]\n", f"{more}\n[status]\n0 = {{ bucket = 0 }}\n30 = {{ bucket = 1 }}\n")
    rows = tape(6, 3, lambda a, m: 30 * ((a + m) % 3 == 0), more=lambda a, m: "xy"[a % 2])
    text, explained = {
        "days": (rows, f"{top}\n{BY_DAYS}{more}\n"),
        "codes": (rows, f"{top}\n{codes}"),
        "wide": (WIDE.format("", ""), f"{top}\n" + WIDE_MAPPING.replace("KIND", "dpd")),
        "loans": loans(30, 0.01),
        "series": (SERIES + "".join(f"{2000 + k // 4}Q{k % 4 + 1},5,2,\n" for k in range(8)), ""),
    }[kind]
    file.write_bytes(edited(text, rows_edits).encode(code, "replace"))
    mapping.write_text(edited(explained, map_edits), encoding="utf-8")
    readers = {
        "loans": [lambda: read_outcomes(file, mapping)],
        "series": [lambda: read_series(file, "quarter", "unemployment", "loss")],
    }
    books = [lambda: read_panel(file, mapping), lambda: read_tape(file, mapping, load_scenario(world).baseline)]
    for read in readers.get(kind, books):
        try:
            read()
        except UserError as error:
            assert error.problems and all(len(str(problem)) < 2000 for problem in error.problems)


def test_names_that_no_scenario_can_have_are_refused_before_anything_is_estimated(panel):
    """Too many segments, control characters and states without a name: said of the tape or the mapping."""
    mapping = COLUMNS + 'dpd = "dpd"\nsegment = "more"\n'
    (many,) = wrong(panel, tape(201, 2, more=lambda a, m: f"s{a}"), mapping)
    (control,) = wrong(panel, tape(2, 2, more=lambda a, m: "a\x1bb"), mapping)
    (nameless,) = wrong(panel, tape(2, 2), BY_CODE + '0 = { state = "", bucket = 0 }\n')
    (taken,) = wrong(panel, tape(2, 2), BY_CODE + '0 = { state = "written_off", bucket = 0 }\n')

    assert many.startswith("tape.csv: more: 201 segments; allowed: up to 200")
    assert control.startswith("tape.csv: more: a control character in the segment")
    assert nameless.startswith("map.toml: status: a state without a name")
    assert taken.startswith("map.toml: status: a state named 'written_off'")

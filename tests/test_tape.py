"""Tapes: real accounts through a mapping, counted to the last row, and everything that can be wrong with them."""

import gzip
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from conftest import ROOT
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from simulator.model.layout import (
    ABSENT,
    ACTIVE,
    FROZEN,
    LINE,
    LOAN,
    TAPE_ARREARS,
    TAPE_BALANCE,
    TAPE_BUCKET,
    TAPE_FULL_PAYER,
    TAPE_INSTALMENT,
    TAPE_LIMIT,
    TAPE_MONTHS_LEFT,
    TAPE_STATE,
    TAPE_STATUS,
    WRITTEN_OFF,
)
from simulator.scenario.reader import load_scenario
from simulator.tape.mapping import Code, Columns, Mapping, codes_that_match, read_mapping
from simulator.tape.tape import read_tape

TAIWAN = ROOT / "scenarios" / "taiwan_cards.toml"
BANK, BANK_MAPPING = (ROOT / "tests" / "data" / f"made_up_bank.{kind}" for kind in ("csv", "toml"))
WORLD = """
title = "Made up"
months = 3
currency.code = "BRL"
portfolio.borrowers = 100
behaviour.model = "structural"
products.line.minimum_share = 0.1
segment.north = { share = 0.5, line_holders = 1.0, line_limit = 900, income = 900 }
segment.south = { share = 0.5, line_holders = 1.0, line_limit = 900, income = 900 }
"""
STATES = """
title = "States"
months = 3
portfolio.borrowers = 100
behaviour.model = "roll_rates"
products.line.minimum_share = 0.1
segment.all = { share = 1.0, line_holders = 1.0, line_limit = 900 }
[behaviour.roll_rates.line]
states = [
    { name = "good", bucket = 0 },
    { name = "gone", bucket = "paid_off" },
    { name = "late", bucket = 1 },
    { name = "worse", bucket = 2, at_least = true },
]
matrix = [[0.9, 0.0, 0.1, 0.0], [0.5, 0.0, 0.0, 0.5], [0.1, 0.0, 0.0, 0.9]]
"""
MAPPING = """
[columns]
account_id = "id"
limit = "limit"
balance = "balance"
status = "code"
[status]
0 = { state = "good", bucket = 0 }
"1|2" = { state = "late", bucket = 1 }
">=3" = { state = "worse", bucket = 2 }
X = { leave_out = true }
"""
ROWS = "id,limit,balance,code\na,100,10,0\nb,100,20,2\nc,100,30,5\n"


@pytest.fixture
def settings(tmp_path):
    """Return a function from the text of a scenario, and overrides, to its settings."""

    def load(text=STATES, *overrides):
        path = tmp_path / "world.toml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path, overrides).baseline

    return load


@pytest.fixture
def read(tmp_path, settings):
    """Return a function that reads a small tape, given as text or bytes, through a mapping."""

    def book(rows=ROWS, mapping=MAPPING, world=STATES, name="tape.csv"):
        tape, explained = tmp_path / name, tmp_path / "mapping.toml"
        tape.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        explained.write_text(mapping, encoding="utf-8")
        return read_tape(tape, explained, settings(world))

    return book


@pytest.fixture
def problems(read):
    """Return a function that gives what is wrong with a tape, one line each, without the folder."""

    def of(*arguments, **named):
        with pytest.raises(UserError) as caught:
            read(*arguments, **named)
        return [f"{problem.file.rpartition('/')[2]}: {problem}" for problem in caught.value.problems]

    return of


@pytest.fixture
def taiwan(shared_file):
    """Return the book of the 30,000 real accounts as the shipped scenario reads it."""
    scenario = load_scenario(TAIWAN, [f"portfolio.tape={shared_file('taiwan_cards_2005_apr_jul.csv.gz')}"])
    book = scenario.baseline.portfolio
    return scenario.baseline, read_tape(book.tape, book.mapping, scenario.baseline)


# ---- real accounts ---------------------------------------------------------------------------------
def test_the_taiwan_tape_is_read_to_the_last_dollar(taiwan):
    """Sums and counts of July 2005 are those published with the data, and no row is left out."""
    _, book = taiwan
    line = book.tape.values[:, LINE].astype(np.int64)

    assert line[:, TAPE_BALANCE].sum() == 1_410_394_644
    assert line[:, TAPE_LIMIT].sum() == 5_024_529_680
    assert (book.report["rows_read"], book.report["accounts"], book.report["left_out"]) == (30_000, 30_000, {})
    assert [book.report[name] for name in ("zero_balances", "negative_balances", "over_limit")] == [2870, 655, 1583]
    counts = {"N": 4085, "T": 5938, "R": 15764, "D1": 4 + 3819, "D2": 240, "D3": 76, "D4+": 21 + 23 + 27 + 3}
    assert book.report["by_state"] == counts
    assert np.bincount(line[:, TAPE_BUCKET]).tolist() == [4085 + 5938 + 15764, 3823, 240, 76, 74]


def test_the_taiwan_run_starts_from_the_real_accounts(taiwan):
    """The lowered scenario has the tape's borrowers in its opening tiles, and nobody drawn."""
    settings, book = taiwan
    lowered = lower(settings, book.tape)

    assert lowered.tiles[:, 3].sum() == 30_000
    assert (lowered.tiles[:, 4] >= 0).all()
    assert lowered.products == ("line",)


@pytest.mark.parametrize(
    ("month", "total", "late"), [("04", 1_166_152_812, 2766), ("05", 1_209_342_029, 2626), ("06", 1_297_888_469, 3161)]
)
def test_another_month_of_the_tape_is_one_line_of_the_mapping(month, total, late, shared_file, tmp_path):
    """Changing `as_of` reads that month's columns."""
    path = shared_file("taiwan_cards_2005_apr_jul.csv.gz")
    mapping = tmp_path / "mapping.toml"
    text = (ROOT / "scenarios" / "maps" / "taiwan_cards.toml").read_text(encoding="utf-8")
    mapping.write_text(text.replace("2005-07", f"2005-{month}"), encoding="utf-8")
    book = read_tape(path, mapping, load_scenario(TAIWAN).baseline)

    assert (book.report["balance"], book.report["by_state"]["D1"]) == (total, late)


# ---- the shipped scenario is drawn from the shipped tables -----------------------------------------
def test_the_counts_of_the_scenario_are_the_published_counts(shared_file):
    """The matrix pools April to July, collapsed to seven states; the opening shares are those of July."""
    collapse = {-2: 0, -1: 1, 0: 2, 1: 3, 2: 3, 3: 4, 4: 5}
    table = pa.csv.read_csv(shared_file("uci_taiwan_roll_counts_2005apr_jul.csv")).to_pylist()
    pooled = np.zeros((7, 7))
    for row in table:
        pooled[collapse.get(row["status_from"], 6), collapse.get(row["status_to"], 6)] += row["count"]
    profile = pa.csv.read_csv(shared_file("taiwan_cards_2005_jul_profile.csv")).to_pylist()
    world = load_scenario(TAIWAN).baseline

    assert world.behaviour.roll_rates.line.counts == pooled.tolist()
    opening = world.segment["cards"].opening.line
    assert {name: round(share * 30_000) for name, share in opening.items()} == {
        row["state"]: row["accounts"] for row in profile[:-1]
    }
    for row in profile[:-1]:
        own = world.segment["cards"].state[row["state"]]
        quantiles = ("q05", "q25", "q50", "q75", "q95")
        assert own.line_limit.value[1:-1] == [row[f"credit_limit_{q}"] for q in quantiles]
        assert own.utilisation.value[1:-1] == [row[f"balance_to_limit_{q}"] for q in quantiles]


# ---- any bank's tape -------------------------------------------------------------------------------
def test_a_bank_with_names_and_codes_of_its_own_needs_no_code(settings):
    """Lines and loans of one customer meet in one row of the book; amounts are in minor units; all rows are counted."""
    book = read_tape(BANK, BANK_MAPPING, settings(WORLD, "portfolio.borrowers=0", "portfolio.applicants_per_month=1"))
    north, south = np.split(book.tape.values, [book.tape.borrowers[0]])
    c3, c1, c4 = north[1, LINE], south[0], south[1, LINE]

    assert book.tape.borrowers == (4, 2)
    assert c1[LINE, [TAPE_STATUS, TAPE_LIMIT, TAPE_BALANCE, TAPE_BUCKET, TAPE_FULL_PAYER]].tolist() == [
        ACTIVE,
        500_000,
        120_050,
        0,
        1,
    ]
    names = [TAPE_STATUS, TAPE_BALANCE, TAPE_BUCKET, TAPE_INSTALMENT, TAPE_MONTHS_LEFT, TAPE_ARREARS, TAPE_STATE]
    assert c1[LOAN, names].tolist() == [ACTIVE, 90_000, 1, 10_000, 10, 12_025, ABSENT]
    assert north[0, LINE, [TAPE_BALANCE, TAPE_FULL_PAYER]].tolist() == [-1234, 0]
    assert c3[[TAPE_STATUS, TAPE_LIMIT, TAPE_BALANCE, TAPE_BUCKET]].tolist() == [FROZEN, 200_000, 210_000, 3]
    assert c4[[TAPE_STATUS, TAPE_LIMIT, TAPE_BALANCE, TAPE_BUCKET]].tolist() == [WRITTEN_OFF, 0, 40_000, 15]
    assert north[2, LOAN, [TAPE_STATUS, TAPE_LIMIT, TAPE_BALANCE]].tolist() == [ACTIVE, 800_000, 0]
    assert (north[:2, LOAN] == ABSENT).all()
    assert book.report["left_out"] == {
        "produto is not CARTAO or CREDITO": 1,
        "account E, which the mapping leaves out": 1,
        "account Z, which the mapping leaves out": 1,
        "balance beyond 1,073,741,824, the room of 32 bits": 1,
        "a second line of the same borrower": 1,
    }
    assert book.report["accounts"] + sum(book.report["left_out"].values()) == book.report["rows_read"] == 12
    assert [book.report[name] for name in ("zero_balances", "negative_balances", "over_limit")] == [2, 1, 1]
    assert (book.report["by_status"], book.report["by_segment"]) == (
        {"active": 5, "frozen": 1, "written_off": 1},
        {"north": 4, "south": 3},
    )


def test_every_kind_of_file_gives_the_same_book(settings, tmp_path):
    """CSV, compressed CSV and Parquet with typed columns are read to equal integers."""
    world = settings(WORLD, "portfolio.borrowers=0", "portfolio.applicants_per_month=1")
    table = pa.csv.read_csv(BANK, parse_options=pa.csv.ParseOptions(delimiter=";"))
    typed = table.set_column(0, "conta", table["conta"].dictionary_encode())
    pa.parquet.write_table(typed, tmp_path / "bank.parquet")
    (tmp_path / "bank.csv.gz").write_bytes(gzip.compress(BANK.read_bytes()))
    books = [read_tape(path, BANK_MAPPING, world) for path in (BANK, *sorted(tmp_path.glob("bank.*")))]

    assert pa.types.is_floating(typed.schema.field("saldo_2024_03").type)
    assert [book.tape.values.tolist() for book in books] == [books[0].tape.values.tolist()] * 3
    assert [book.report["left_out"] for book in books] == [books[0].report["left_out"]] * 3


def test_no_row_is_lost_in_silence(read):
    """Codes that the mapping leaves out and amounts that do not fit are left out, counted, and said."""
    rows = ROWS + "d,100,10,X\ne,100,10,X\nf,100,3000000000,0\ng,3e9,1,0\nh,,nan,X\n"
    book = read(rows)

    assert book.report["left_out"] == {
        "status X, which the mapping leaves out": 3,
        "balance beyond 1,073,741,824, the room of 32 bits": 1,
        "limit beyond 1,073,741,824, the room of 32 bits": 1,
    }
    assert "  left out: 3 rows: status X, which the mapping leaves out" in book.words()
    assert (book.report["rows_read"], book.report["accounts"]) == (8, 3)


def test_exits_do_not_shift_the_states(read):
    """The number of a state is its place in the scenario, exits counted."""
    assert read().tape.values[:, LINE, TAPE_STATE].tolist() == [0, 2, 3]


def test_days_past_due_find_their_state(read):
    """30 days make a bucket; a state that means "or more" takes the deeper ones."""
    mapping = MAPPING.split("[status]")[0].replace('status = "code"', 'dpd = "code"')
    book = read("id,limit,balance,code\na,9,1,0\nb,9,1,29\nc,9,1,30\nd,9,1,59\ne,9,1,60\nf,9,1,4000\n", mapping)

    assert book.tape.values[:, LINE, TAPE_STATE].tolist() == [0, 0, 2, 2, 3, 3]
    assert book.tape.values[:, LINE, TAPE_BUCKET].tolist() == [0, 0, 1, 1, 2, 2]


def test_amounts_may_be_in_minor_units(read):
    """`amounts` says whether 10 is ten yuan or ten fen."""
    assert read().tape.values[0, LINE, TAPE_BALANCE] == 1000
    assert read(mapping='amounts = "minor"\n' + MAPPING).tape.values[0, LINE, TAPE_BALANCE] == 10


def test_portfolio_borrowers_takes_the_first(read):
    """A smaller number takes the first borrowers of the file and says so; a larger one takes what there is."""
    book = read(world=STATES.replace("= 100", "= 2", 1))

    assert book.tape.values[:, LINE, TAPE_BALANCE].tolist() == [1000, 2000]
    assert book.report["left_out"] == {"of borrowers after the first 2 of 3, whom portfolio.borrowers leaves out": 1}
    assert len(read().tape.values) == 3


def test_a_tape_on_the_command_line_brings_its_own_number():
    """Only a number given there too cuts it; both are in the resolved text."""
    tape = f"portfolio.tape={BANK}"
    whole = load_scenario(TAIWAN, [tape])
    part = load_scenario(TAIWAN, [tape], borrowers=5)

    assert (whole.baseline.portfolio.borrowers, part.baseline.portfolio.borrowers) == (0, 5)
    assert whole.provenance["portfolio.borrowers"].source == "all borrowers of the tape"
    assert load_scenario(TAIWAN, ["portfolio.borrowers=7", tape]).baseline.portfolio.borrowers == 7


def test_paths_belong_to_the_file_that_names_them(tmp_path, monkeypatch):
    """A path in a file is relative to that file, also when it is extended; one from --set to the current folder."""
    (tmp_path / "inner").mkdir()
    for folder in (tmp_path, tmp_path / "inner"):
        (folder / "tape.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "inner" / "map.toml").write_text(MAPPING, encoding="utf-8")
    named = STATES.replace("portfolio.borrowers = 100", 'portfolio = { tape = "tape.csv", mapping = "map.toml" }')
    (tmp_path / "inner" / "base.toml").write_text(named, encoding="utf-8")
    (tmp_path / "top.toml").write_text('extends = "inner/base.toml"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert load_scenario("top.toml").baseline.portfolio.tape == str(tmp_path / "inner" / "tape.csv")
    book = load_scenario("top.toml", ["portfolio.tape=tape.csv"]).baseline.portfolio
    assert (book.tape, book.mapping) == (str(tmp_path / "tape.csv"), str(tmp_path / "inner" / "map.toml"))


@pytest.mark.parametrize(
    ("code", "matched"),
    [
        ("2", ["1|2"]),
        ("-2", ["-2"]),
        ("5", [">=5"]),
        ("12", [">=5"]),
        ("3", []),
        ("x", []),
        ("-3", ["<-2"]),
        ("1|2", ["1|2"]),
        ("<-2", ["<-2"]),
        ("05", [">=5"]),
        ("9" * 5000, []),
    ],
)
def test_codes_match_words_alternatives_and_bounds(code, matched):
    """A key of the mapping is a code, several joined by |, or a bound on whole numbers; the letter goes first."""
    assert codes_that_match(code, ["-2", "1|2", ">=5", "<-2"]) == matched
    assert codes_that_match("30", [">=30", "30|31", ">30"]) == ["30|31"]


def test_the_guide_explains_every_key_and_its_example_is_valid(tmp_path):
    """Each key of a mapping stands in docs/tapes.md, whose example passes as it stands."""
    guide = (ROOT / "docs" / "tapes.md").read_text(encoding="utf-8")
    example = tmp_path / "mapping.toml"
    example.write_text(re.search(r"^```toml$(.*?)^```$", guide, re.MULTILINE | re.DOTALL)[1], encoding="utf-8")
    described = set(re.findall(r"`\[?(\w+)\]?`", guide)) | {"columns"}

    assert read_mapping(example).column("balance_{year}_{month}") == "balance_2024_03"
    assert {key for model in (Mapping, Columns, Code) for key in model.model_fields} - described == set()


# ---- wrong input -----------------------------------------------------------------------------------
WRONG_ROWS = [  # rows, words of the one problem
    (ROWS + "d,100,,0\n", ["row 4 (d): balance", "nothing there", "a number"]),
    (ROWS + "d,100,NaN,0\n", ["row 4 (d): balance", "found 'NaN'", "a number"]),
    (ROWS + "d,100,ten,0\n", ["row 4 (d): balance", "found 'ten'", "a number"]),
    (ROWS + "d,100,inf,0\n", ["row 4 (d): balance", "found 'inf'"]),
    (ROWS + 'd,"1,00",1,0\n', ["row 4 (d): limit", "found '1,00'"]),
    (ROWS + "d,-1,1,0\n", ["row 4 (d): limit", "found '-1'", "0 or more"]),
    (ROWS + "d,,1,0\n", ["row 4 (d): limit", "nothing there"]),
    (ROWS + "d,100,1,\n", ["status: a blank in row 4 has no entry", '"" = { leave_out = true }']),
    (ROWS + ",100,1,0\n", ["row 4 (): id", "nothing there", "needs one"]),
    (ROWS + "a,100,1,0\nb,100,1,0\n", ["id", "2 account ids in more than one row: a (rows 1, 4), b (rows 2, 5)"]),
    (ROWS.replace("limit", "Limit", 1), ["mapping.toml", "columns.limit", "no column limit", "did you mean Limit?"]),
    (ROWS.replace("code", "code,code", 1), ["tape.csv", "code", "two columns of this name"]),
    ("id,limit,balance,code\n", ["tape.csv", "no accounts"]),
    ("", ["tape.csv", "the file is empty"]),
    ("\n\n", ["tape.csv", "the file is empty"]),
    ("id,limit,balance,code\na,1,1,7x\n", ["mapping.toml: status", "code '7x' in row 1 has no entry"]),
    ("id,limit,balance,code\na,1,1,X\n", ["no account is left", "1 rows: status X, which the mapping leaves out"]),
    (ROWS + "d,100\n", ["tape.csv: row 4: 2 values", "one value for each of the 4 columns of the header"]),
    (b"PAR1\x00\x00\x01\x02", ["this is a binary file"]),
    (ROWS.replace("a,", "\xe9,").encode("latin-1"), ["not text in UTF-8: b'\\xe9,10' in row 1 (line 2)"]),
    (ROWS.replace("id", "\xe9").encode("latin-1"), ["not text in UTF-8"]),
]
WRONG_FILES = [  # name, content, words
    ("tape.xls", ROWS, ["unknown kind of file", ".xlsx, .parquet"]),
    ("tape.xlsx", ROWS, ["cannot be read", "zip"]),
    ("tape.csv.gz", ROWS, ["cannot be read", "gzip"]),
    ("tape.csv.gz", gzip.compress(ROWS.encode() * 9, mtime=0)[:30], ["cannot be read"]),
    ("tape.parquet", ROWS, ["cannot be read", "Parquet"]),
    ("tape.csv", b"id,limit\n\0", ["binary"]),
]
WRONG_MAPPINGS = [  # change of the mapping, words
    (('balance = "balance"', 'balanse = "balance"'), ["columns.balanse", "unknown key", "did you mean balance?"]),
    (('balance = "balance"', ""), ["columns.balance", "missing"]),
    (("X = ", "Y = { stat = 'late' }\nX = "), ["status.Y.stat", "unknown key", "did you mean state?"]),
    (("X = { leave_out = true }", "X = {}"), ["status.X", "says nothing"]),
    (("X = { leave_out = true }", "X = { bucket = 16 }"), ["status.X.bucket", "less than 16"]),
    (("X = { leave_out = true }", "X = { dpd = true }"), ["columns.dpd", "missing"]),
    (("X = { leave_out = true }", "X = { leave_out = true, bucket = 0 }"), ["status.X", "left out"]),
    (('"late"', '"lat"'), ["status.1|2.state", "found 'lat'", "did you mean late?"]),
    (('">=3"', '"2|3"'), ["status", "code 2 of the tape matches 1|2 and 2|3"]),
    (("[columns]", 'as_of = "July 2005"\n[columns]'), ["as_of", "July 2005"]),
    (("[columns]", 'currency = "USD"\n[columns]'), ["currency", "found 'USD'", "CNY"]),
    (("[columns]", 'amounts = "cents"\n[columns]'), ["amounts", "'major' or 'minor'"]),
    (("[columns]", 'only.kind = ["x"]\n[columns]'), ["only.kind", "no column kind"]),
    (('"limit"\nbalance', '"limit_{year}"\nbalance'), ["as_of", "missing"]),
    (('limit = "limit"', ""), ["columns.limit", "missing", "lines need it"]),
    (('status = "code"', 'product = "code"'), ["columns", "give status or dpd"]),
    (("[columns]", "[segment]\nx = 'al'\n[columns]"), ["columns.segment", "missing"]),
]


@pytest.mark.parametrize(("rows", "words"), WRONG_ROWS, ids=[words[-1] for _, words in WRONG_ROWS])
def test_a_wrong_tape_is_one_clear_problem(rows, words, problems):
    """The place, what was found and what is allowed are in one line."""
    found = problems(rows)

    assert len(found) == 1
    assert [word for word in words if word not in found[0]] == []


@pytest.mark.parametrize(("name", "content", "words"), WRONG_FILES)
def test_a_file_that_is_no_tape(name, content, words, problems):
    """The suffix says what a file is, and a file that is something else is not read."""
    found = problems(content, name=name)

    assert len(found) == 1
    assert [word for word in words if word not in found[0]] == []


@pytest.mark.parametrize(("change", "words"), WRONG_MAPPINGS, ids=[" ".join(words[:2]) for _, words in WRONG_MAPPINGS])
def test_a_wrong_mapping_is_said_at_its_key(change, words, problems):
    """Misspelt keys, codes without a meaning, and what the scenario does not have."""
    found = " ".join(problems(mapping=MAPPING.replace(*change)))

    assert [word for word in words if word not in found] == []


def test_files_that_are_not_there(settings, tmp_path):
    """A missing tape or mapping suggests its neighbour."""
    (tmp_path / "book.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "map.toml").write_text(MAPPING, encoding="utf-8")
    world = settings()

    for tape, mapping, hint in (("bok.csv", "map.toml", "book.csv"), ("book.csv", "mop.toml", "map.toml")):
        with pytest.raises(UserError, match=f"no such file; did you mean {hint}"):
            read_tape(tmp_path / tape, tmp_path / mapping, world)
    with pytest.raises(UserError, match="this is a directory"):
        (tmp_path / "folder.csv").mkdir()
        read_tape(tmp_path / "folder.csv", tmp_path / "map.toml", world)


def test_every_wrong_row_is_counted_and_twenty_are_listed(problems):
    """One answer has the first twenty wrong rows, all that is wrong in them, and how many more there are."""
    rows = "".join(f"r{number},x,,0\n" for number in range(57))
    found = problems(ROWS + rows)

    assert len(found) == 2 * 20 + 1
    assert "row 4 (r0): balance" in found[0] + found[1]
    assert "37 more rows are wrong, 57 in all" in found[-1]


def test_wrong_columns_are_said_together(problems):
    """All columns that the tape lacks are in one answer, with the mapping's file."""
    found = problems("id,code\na,0\n")

    assert [line.split(": ")[2] for line in found] == ["columns.limit", "columns.balance"]


def test_a_bucket_that_is_several_states_needs_a_name(problems):
    """Where two states share a bucket the mapping has to choose."""
    world = STATES.replace('"late", bucket = 1', '"late", bucket = 0')
    found = problems(mapping=MAPPING.replace('state = "good", ', ""), world=world)

    assert "bucket 0 is good and late" in found[0]


def test_structural_scenarios_need_buckets(problems):
    """A mapping that names states only cannot serve a scenario without states."""
    world = STATES.split("[behaviour")[0].replace("roll_rates", "structural").replace("900 }", "900, income = 9 }")
    found = problems(mapping=MAPPING.replace(", bucket = 1", ""), world=world)

    assert len(found) == 1
    assert "status.1|2.state: found 'late'; no named states here: give bucket" in found[0]


def test_two_segments_need_a_column(problems):
    """The scenario's segments are named where the mapping has none."""
    mapping = MAPPING + "[extra]\n"
    assert "extra: unknown key" in problems(mapping=mapping)[0]
    assert "north, south" in problems(mapping='currency = "BRL"\n' + MAPPING, world=WORLD)[0]


def test_loans_need_what_is_left_of_them(problems):
    """An open loan needs instalment and months left; a blank in them is wrong where something is owed."""
    text = BANK_MAPPING.read_text(encoding="utf-8")
    rows = BANK.read_text(encoding="utf-8")
    without = problems(rows, text.replace('instalment = "parcela"\nmonths_left = "restantes"\n', ""), WORLD)
    blank = problems(rows.replace("100.00;10;", ";2.5;"), text, WORLD)

    assert [line.split(": ")[2] for line in without] == ["columns.instalment", "columns.months_left"]
    assert ["parcela: nothing there" in blank[0], "a whole number" in blank[1]] == [True, True]

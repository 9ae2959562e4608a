"""Tapes of months, wide or long: the same panel; what is wrong ends with a message, what is put right is said."""

import gzip

import numpy as np
import pytest

from conftest import ROOT
from simulator.estimation.panels.dollar_rolls import dollar_rolls
from simulator.estimation.panels.panel import NO_ROW
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.panels.report import tape_report
from simulator.model.errors import UserError
from simulator.reading.dates import month_of, months_between

LONG = """account,month,product,balance,limit,paid,days,left
a,2024-01,card,100.00,1000,,0,
a,2024-02,card,150.50,1000,20,0,
a,2024-03,card,160.00,1000,0,31,
b,2024-01,card,500.00,500,,0,
b,2024-02,card,0.00,500,500.00,0,
b,2024-03,card,10.25,500,0,0,
"""
MAPPING = """currency = "CNY"
[columns]
account_id = "account"
month = "month"
balance = "balance"
limit = "limit"
payment = "paid"
dpd = "days"
"""
WIDE = """id,cap,due_2024_01,due_2024_02,due_2024_03,s_2024_01,s_2024_02,s_2024_03
a,1000,100,150.5,160,0,0,1
b,500,500,0,10.25,0,0,0
"""
WIDE_MAPPING = """currency = "CNY"
[columns]
account_id = "id"
limit = "cap"
balance = "due_{year}_{month}"
status = "s_{year}_{month}"
[status]
0 = { bucket = 0 }
1 = { bucket = 1 }
W = { account = "written_off" }
"""
TAIWAN = ROOT.parent / "shared" / "data" / "taiwan_cards_2005_apr_jul.csv.gz"
TAIWAN_MAPPING = ROOT / "scenarios" / "maps" / "taiwan_cards.toml"
taiwan = pytest.mark.skipif(not TAIWAN.is_file(), reason="the Taiwan tape is not shipped")


@pytest.fixture
def panel(tmp_path):
    """Return a function that reads a tape and a mapping given as text."""

    def read(tape=LONG, mapping=MAPPING, name="tape.csv"):
        (tmp_path / name).write_text(tape, encoding="utf-8")
        (tmp_path / "mapping.toml").write_text(mapping, encoding="utf-8")
        return read_panel(tmp_path / name, tmp_path / "mapping.toml")

    return read


def problems(read, *arguments):
    """Return the words of what is wrong."""
    with pytest.raises(UserError) as error:
        read(*arguments)
    return str(error.value)


def same(one, other):
    """Return whether two panels hold the same states and amounts."""
    arrays = ("state", "bucket", "balance", "limit", "payment")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays)


def test_a_long_tape_becomes_a_rectangle(panel):
    """Months are columns, accounts rows in the order of the tape; amounts are minor units; days give the state."""
    read = panel()

    assert read.months == ("2024-01", "2024-02", "2024-03")
    assert read.account_id.tolist() == ["a", "b"]
    assert [state.name for state in read.states] == ["current", "30", "60", "90", "120", "150", "180"]
    assert read.states[-1].at_least
    assert read.balance.tolist() == [[10_000, 15_050, 16_000], [50_000, 0, 1025]]
    assert read.state.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert np.isnan(read.payment[:, 0]).all() and read.payment[:, 1].tolist() == [2000, 50_000]


def test_wide_and_long_give_the_same_panel(panel):
    """The form of the tape does not matter."""
    long, wide = panel(), panel(WIDE, WIDE_MAPPING)

    assert np.array_equal(long.balance, wide.balance) and np.array_equal(long.bucket, wide.bucket)
    assert [state.name for state in wide.states] == ["current", "30", "written_off"]


@pytest.mark.parametrize("order", [[5, 3, 1, 4, 2, 0], [1, 0, 3, 2, 5, 4]])
def test_rows_in_any_order_give_the_same_moves(panel, order):
    """An unsorted tape is sorted, and that is said."""
    head, *rows = LONG.splitlines()
    moved = panel("\n".join([head, *(rows[k] for k in order)]) + "\n")
    place = [moved.account_id.tolist().index(name) for name in ("a", "b")]

    assert np.array_equal(moved.state[place], panel().state)
    assert any("sorted" in repair for repair in moved.facts["repairs"])


@pytest.mark.parametrize(
    ("text", "form", "month"),
    [
        ("2005-04", None, "2005-04"),
        ("2005-04-30", None, "2005-04"),
        ("200504", None, "2005-04"),
        ("20050430", None, "2005-04"),
        ("2005/4/30", None, "2005-04"),
        ("2005/13", None, None),
        ("2005年4月", None, "2005-04"),
        ("2005年04月30日", None, "2005-04"),
        ("Apr-2005", None, "2005-04"),
        ("30 April 2005", None, "2005-04"),
        ("2005Q2", None, "2005-06"),
        ("Q2 2005", None, "2005-06"),
        ("38472", None, None),
        ("38472", "day number", "2005-04"),
        ("38472.5", "day number", "2005-04"),
        ("Day 2005", None, None),
        ("2005-04-30 00:00:00", None, "2005-04"),
        ("30/04/2005", None, None),
        ("30/04/2005", "%d/%m/%Y", "2005-04"),
        ("Apr 05", "%b %y", "2005-04"),
        ("2005-13", None, None),
        ("soon", None, None),
    ],
)
def test_dates_as_text(text, form, month):
    """The year comes first, or the mapping says how the date is written; nothing is guessed."""
    assert month_of(text, form) == month


def test_months_between_counts_over_the_new_year():
    """Every calendar month, both ends included."""
    assert months_between("2023-11", "2024-02") == ["2023-11", "2023-12", "2024-01", "2024-02"]


def test_dates_that_cannot_be_read_end_with_a_message(panel):
    """A date with the day first is refused until the mapping says so."""
    dated = LONG.replace("2024-01", "05/01/2024").replace("2024-02", "05/02/2024").replace("2024-03", "05/03/2024")

    assert "month_format in the mapping" in problems(panel, dated)
    assert panel(dated, 'month_format = "%d/%m/%Y"\n' + MAPPING).months == ("2024-01", "2024-02", "2024-03")


def test_an_account_month_stands_once(panel):
    """Two rows of one account and month are an error, not a choice."""
    assert "1 account-months stand in more than one row: a in 2024-02 (rows 2, 7)" in problems(
        panel, LONG + "a,2024-02,card,1,1,1,0,\n"
    )


def test_the_month_of_opening_is_a_position_on_the_tape(panel):
    """An account opened before the tape has a position below 0; where one is not known nothing is said of any."""
    head, *rows = LONG.splitlines()
    dated = "\n".join([f"{head},since", *(f"{row},{'2023-11-05' if row[0] == 'a' else '2024-01'}" for row in rows)])
    mapping = MAPPING + 'opened = "since"\n'

    assert panel(dated + "\n", mapping).opened.tolist() == [-2, 0]
    assert panel(dated.replace(",2023-11-05", ",") + "\n", mapping).opened is None


def test_mixed_currencies_are_an_error(panel):
    """Amounts of two currencies cannot be added; `only` keeps one."""
    head, *rows = LONG.splitlines()
    mixed = "\n".join([f"{head},money", *(f"{row},{'USD' if k == 2 else 'CNY'}" for k, row in enumerate(rows))]) + "\n"
    mapping = MAPPING + 'currency = "money"\n'

    assert "CNY in 5 rows, USD in 1 rows" in problems(panel, mixed, mapping)
    kept = panel(mixed, mapping.replace("[columns]", 'only.money = ["CNY"]\n[columns]'))
    assert kept.facts["left_out"] == {"money is not CNY": 1}
    assert kept.state.tolist() == [[0, 0, NO_ROW], [0, 0, 0]]


def test_a_missing_month_is_named_and_not_bridged(panel):
    """No move is counted across a month that nobody has a row in."""
    gap = "".join(line for line in LONG.splitlines(keepends=True) if "2024-02" not in line)
    read = panel(gap)

    assert read.months == ("2024-01", "2024-02", "2024-03")
    assert list(read.pairs()) == []
    assert any("no row in 2024-02" in repair for repair in read.facts["repairs"])


def test_a_month_that_one_account_lacks_is_a_gap(panel):
    """The account counts in the pairs it has, and the gap is reported."""
    read = panel("".join(line for line in LONG.splitlines(keepends=True) if not line.startswith("a,2024-02")))

    assert [read.moves(pair).sum() for pair in read.pairs()] == [1, 1]
    assert any(f.kind == "gap" and f.accounts == 1 for f in tape_report(read).findings)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"s_{year}_{month}"', '"s_{month}"', ["columns.status: s_{month} has {month} without {year}"]),
        ('"s_{year}_{month}"', '"s_2024_01"', ["columns: neither status nor dpd has {year} and {month}; give one"]),
        (
            'status = "s_{year}_{month}"',
            'payment = "p_{year}"\nstatus = "s_2024_01"',
            ["columns.payment: p_{year} has {month} without {year}", "columns: neither status nor dpd"],
        ),
        ('"s_{year}_{month}"', '"t_{year}_{month}"', ["t_{year}_{month}: no column of this form; found: id, cap, due"]),
        ('"due_{year}_{month}"', '"duty_{year}_{month}"', ["missing in 2024-01, 2024-02, 2024-03; each month with"]),
        ('"cap"', '"cup"', ["columns.limit: no column cup in", "did you mean cap?"]),
        ("[status]", "[only]\nregion = [1]\n[status]", ["only.region: no column region in"]),
        ("[status]", "[only]\nid = ['c']\n[status]", ["no account is left; 6 rows: id is not c"]),
    ],
    ids=["no year", "no month", "both", "no such column", "no balance", "fixed", "only", "nobody"],
)
def test_what_is_wrong_with_columns_by_month(panel, old, new, said):
    """Which column, where it was looked for, and what to do; what is wrong with the mapping all at once."""
    found = problems(panel, WIDE, WIDE_MAPPING.replace(old, new))

    for words in said:
        assert words in found


def test_months_that_columns_are_missing_for_are_noted(panel):
    """A month without a status column is no month of the tape; one without another column has nothing there."""
    tape = WIDE.replace("s_2024_02", "t_2024_02").replace("cap", "cap_2024_01")
    read = panel(tape, WIDE_MAPPING.replace('"cap"', '"cap_{year}_{month}"'))

    assert read.facts["repairs"][:2] == [
        "no column for 2024-02: no moves are counted across",
        "no limit in 2024-03",
    ]
    assert (read.state[:, 1] == -1).all() and np.isnan(read.limit[:, 2]).all()
    assert read.limit[:, 0].tolist() == [100_000, 50_000]


def test_wrong_rows_are_listed_with_their_place(panel):
    """Text where a number belongs is named by row, account and column."""
    found = problems(panel, LONG.replace("150.50", "many"))

    assert "row 2 (a): balance: found 'many'" in found


def test_a_state_needs_its_bucket(panel):
    """A panel has no scenario to look a state's bucket up in."""
    assert "status.1.bucket: missing" in problems(
        panel, WIDE, WIDE_MAPPING.replace("1 = { bucket = 1 }", '1 = { state = "late" }')
    )


def test_exits_end_an_account(panel):
    """Written off is an exit: nobody moves from it, and an account that comes back is reported."""
    head, *rows = WIDE.splitlines()
    read = panel("\n".join([head, "a,1000,100,150.5,160,1,W,0", *rows[1:]]) + "\n", WIDE_MAPPING)
    first, second = read.pairs()

    assert read.moves(first)[1].tolist() == [0, 0, 1]
    assert read.moves(second).sum() == 1
    assert any("open again after an exit" in f.words for f in tape_report(read).findings)


def test_the_tape_as_of_one_month_reads_a_long_tape(tmp_path):
    """The same mapping opens a book: as_of picks the month of a long tape."""
    from simulator.tape.mapping import read_mapping

    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    with pytest.raises(UserError, match="as_of"):
        read_mapping(tmp_path / "mapping.toml")
    (tmp_path / "mapping.toml").write_text('as_of = "2024-03"\n' + MAPPING, encoding="utf-8")
    assert read_mapping(tmp_path / "mapping.toml").columns.month == "month"


def test_dollar_roll_rates_above_one_are_named(panel):
    """Interest and spending join the balance: a row above 100% is said and left as it is (REFERENCES R5)."""
    read = panel()
    rolls = dollar_rolls(read, next(read.pairs()), next(read.groups()))

    assert rolls.opening[0] == 60_000 and rolls.closing[0, 0] == 15_050
    february = "2024-02 to 2024-03: closing over opening balance is above 100% in current"
    assert any(f.kind == "dollars" and february in f.words for f in tape_report(read).findings)


def test_until_leaves_nothing_later(panel):
    """A cut panel has the earlier months only, and rows still mean the same accounts."""
    cut = panel().until("2024-02")

    assert cut.months == ("2024-01", "2024-02") and cut.balance.shape == (2, 2)
    assert cut.account_id.tolist() == ["a", "b"]


@taiwan
def test_the_taiwan_tape_gives_the_published_counts():
    """Moves of each pair, collapsed to named states, equal the roll counts beside the data exactly; so do the sums."""
    read = read_panel(TAIWAN, TAIWAN_MAPPING)
    state = {"-2": 0, "-1": 1, "0": 2, "1": 3, "2": 3, "3": 4, "4": 5, "5": 6, "6": 6, "7": 6, "8": 6}
    shared = np.zeros((3, 7, 7), dtype=np.int64)
    months = {"Apr": 0, "May": 1, "Jun": 2}
    lines = (TAIWAN.parent / "uci_taiwan_roll_counts_2005apr_jul.csv").read_text().splitlines()[1:]
    for month, _, before, after, count in (line.split(",") for line in lines):
        shared[months[month], state[before], state[after]] += int(count)

    assert [read.moves(pair).tolist() for pair in read.pairs()] == shared.tolist()
    assert np.nansum(read.balance, axis=0).tolist() == [1166152812, 1209342029, 1297888469, 1410394644]
    assert np.nansum(read.payment, axis=0).tolist() == [156465077, 143981629, 144782306, 156770445]


@taiwan
def test_the_report_finds_what_is_known_of_the_taiwan_codes():
    """Code 1 comes and goes, 7 is a stuck group until 31 of 58 drop to 2 in July; R and N grow beyond 100%."""
    words = "\n".join(tape_report(read_panel(TAIWAN, TAIWAN_MAPPING)).words())

    assert "code 1 is not in every month: 2005-04 0, 2005-05 0, 2005-06 2, 2005-07 4" in words
    assert "code 7 hardly moves: 2005-04 to 2005-05 46 of 46" in words
    assert "2005-06 to 2005-07: code 7 goes to" in words
    assert "code 2 goes" not in words and "code 0 goes" not in words  # months differ, codes do not break


def test_a_tape_of_one_month_is_read(panel):
    """One month is a panel without moves; whoever wants to fit it is told."""
    lines = "\n".join(f"{k},2024-01,card,1,1,,0," for k in range(1000))
    read = panel(LONG.splitlines()[0] + "\n" + lines + "\n")

    assert read.state.shape == (1000, 1) and list(read.pairs()) == []


def test_compressed_tapes_are_read_too(tmp_path):
    """CSV.GZ is the same tape."""
    with gzip.open(tmp_path / "tape.csv.gz", "wt", encoding="utf-8") as file:
        file.write(LONG)
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")

    assert read_panel(tmp_path / "tape.csv.gz", tmp_path / "mapping.toml").state.shape == (2, 3)

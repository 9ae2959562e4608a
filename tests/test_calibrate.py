"""calibrate: from a tape of months to a scenario that moves as the tape did, files whole or not at all."""

import csv
import json
from html import escape

import numpy as np
import pytest

from conftest import ROOT
from panels import chain
from simulator import cli
from simulator.engine import engine
from simulator.estimation.panels.hindcast import hindcast
from simulator.estimation.panels.phrasing import level_cautions
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.roll_rates.estimates import estimate_panel
from simulator.estimation.roll_rates.month_ahead import one_month_ahead
from simulator.estimation.roll_rates.rolls import COLUMNS
from simulator.estimation.workflows import calibrate
from simulator.model.errors import UserError
from simulator.report.progress import Progress
from simulator.scenario.reader import load_scenario
from simulator.study import simulate

TAIWAN = ROOT.parent / "shared" / "data" / "taiwan_cards_2005_apr_jul.csv.gz"
TAIWAN_MAPPING = ROOT / "scenarios" / "maps" / "taiwan_cards.toml"
MATRIX = [[0.9, 0.1, 0.0, 0.0], [0.4, 0.3, 0.3, 0.0], [0.1, 0.0, 0.5, 0.4], [0.0, 0.0, 0.0, 1.0]]
MAPPING = """currency = "CNY"
[columns]
account_id = "id"
month = "month"
balance = "owed"
limit = "limit"
payment = "paid"
status = "status"
segment = "group"
[status]
C = { bucket = 0 }
1 = { bucket = 1 }
2 = { bucket = 2 }
W = { account = "written_off" }
"""


@pytest.fixture
def tape(tmp_path):
    """Return a function that writes a tape of a known chain: two groups, four months; and its mapping."""

    def write(accounts=4000, months=5, mapping=MAPPING):
        state = chain(MATRIX, accounts, months, seed=7)
        lines = ["id,month,owed,limit,paid,status,group"]
        for k in range(accounts):
            for m in range(months):
                if m and state[k, m - 1] == 3:
                    break
                owed = 100 + (k * 37 + m * 11) % 800
                group = "east" if k % 2 else "west"
                lines.append(f"{k},2024-{m + 1:02},{owed},1000,{owed // 5},{'C12W'[state[k, m]]},{group}")
        (tmp_path / "tape.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (tmp_path / "map.toml").write_text(mapping, encoding="utf-8")
        return tmp_path / "tape.csv", tmp_path / "map.toml"

    return write


def run(*arguments):
    """Run the command line and return its exit code."""
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as leaving:
        return leaving.code or 0
    return 0


def estimates(tape, mapping):
    """Return what a tape says, before anything is simulated."""
    return estimate_panel(read_panel(tape, mapping), tape, mapping)


def table(path):
    """Return the rows of a CSV file as dictionaries."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_estimates_and_a_scenario_that_runs(tape, tmp_path, capsys):
    """The command writes every file of the contract; the scenario runs as it stands and its identities hold."""
    data, mapping = tape()
    out = tmp_path / "out"

    assert run("calibrate", data, "--mapping", mapping, "--out", out) == 0
    names = {path.name for path in out.iterdir()}
    assert names >= {"scenario.toml", "mapping.toml", "roll_matrix.csv", "factor.json", "report.html", "manifest.json"}
    assert tuple(table(out / "roll_matrix.csv")[0]) == COLUMNS
    assert "accounts turn late in a month" in capsys.readouterr().out
    lived = simulate(load_scenario(out / "scenario.toml", ["replications=2", "months=3"]))
    assert lived.facts["borrowers"] == sum(row["month"] == "2024-05" for row in table(data))
    assert run("calibrate", data, "--mapping", mapping, "--out", out) == 2  # not replaced unasked


@pytest.mark.parametrize("structural", [False, True])
def test_compiling_is_told(structural, tape, monkeypatch, capsys):
    """Where the kernel is not in the cache yet, who needs it first says that it is compiled."""

    def compiles(lowered, tell=lambda stage: None):
        tell("function 1")
        raise RuntimeError("far enough")

    monkeypatch.setattr(engine, "prepare", compiles)
    with pytest.raises(RuntimeError, match="far enough"):
        calibrate(*tape(accounts=300, months=2), structural=structural, observer=Progress())

    assert "compiling the kernel, once" in capsys.readouterr().err


def test_counts_are_those_of_the_tape_and_the_truth_is_inside(tape, tmp_path):
    """Counts of pooled and monthly cells agree; the matrix the tape was made from lies in the intervals as stated."""
    done = estimates(*tape())
    pooled = sum(matrix.n for matrix in done.rolls.pooled)
    monthly = sum(matrix.n for matrix in done.rolls.monthly)

    assert np.array_equal(pooled, monthly)
    inside = []
    for matrix in done.rolls.pooled:
        low, high = matrix.wide
        inside += [low[r, s] <= MATRIX[r][s] <= high[r, s] for r in range(3) for s in range(4) if 0 < MATRIX[r][s] < 1]
    assert np.mean(inside) >= 0.8  # of 16 cells at 90 %: fewer than 13 is an accident of 7 in 100


def test_the_scenario_moves_as_its_matrix(tape, tmp_path):
    """A month ahead simulated shares are those of the matrix, by segment, exits too: |z| < 4 in every cell."""
    done = estimates(*tape())
    (tmp_path / "scenario.toml").write_text(done.scenario_text(), encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(done.mapping_text(), encoding="utf-8")
    ahead = one_month_ahead(done, tmp_path / "scenario.toml")

    assert len(ahead) == 2 * 4
    assert max(abs(row.z) for row in ahead) < 4  # 8 cells, 1 in 2,000
    assert all(abs(row.simulated - row.forecast) < 0.003 for row in ahead)
    width = [[high - low for low, high in (row.account, row.factor, row.everything)] for row in ahead]
    assert all(one < two < three for one, two, three in width)


def test_a_scenario_that_does_not_move_as_its_matrix_is_caught(tape, tmp_path):
    """Negative control: another matrix in the file is an internal failure, not a report."""
    done = estimates(*tape())
    counts = done.scenario_text().split("counts = {value = ")
    other = [part if not k else "[[1.0, 1.0, 1.0, 0.0]" + part[part.index("]") + 1 :] for k, part in enumerate(counts)]
    text = "counts = {value = ".join(other)
    (tmp_path / "scenario.toml").write_text(text, encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(done.mapping_text(), encoding="utf-8")

    with pytest.raises(ArithmeticError, match="does not move as its matrix"):
        one_month_ahead(done, tmp_path / "scenario.toml")


def test_accounts_kept_open_beyond_180_days_are_not_written_off(tape, tmp_path):
    """Where the tape keeps its worst state open, so does the scenario: it still moves as its matrix."""
    mapping = MAPPING.replace("2 = { bucket = 2 }", "2 = { bucket = 7 }").replace(
        'W = { account = "written_off" }', "W = { leave_out = true }"
    )
    done = estimates(*tape(mapping=mapping))
    (tmp_path / "scenario.toml").write_text(done.scenario_text(), encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(done.mapping_text(), encoding="utf-8")

    assert "the tape keeps accounts open at 210 days" in done.scenario_text()
    assert max(abs(row.z) for row in one_month_ahead(done, tmp_path / "scenario.toml")) < 4


def write_tape(folder, rows, mapping, more=""):
    """Write rows (id, month, owed, limit, days late, paid, status, more) and their mapping; return both paths."""
    head = "id,month,owed,limit,late,paid,status" + (f",{more}" if more else "")
    text = "\n".join([head, *(",".join(map(str, row)) for row in rows)])
    (folder / "rows.csv").write_text(f"{text}\n", encoding="utf-8")
    (folder / "rows.toml").write_text(mapping, encoding="utf-8")
    return folder / "rows.csv", folder / "rows.toml"


BY_DAYS = """currency = "USD"
[columns]
account_id = "id"
month = "month"
balance = "owed"
limit = "limit"
dpd = "late"
payment = "paid"
"""
BY_CODE = """currency = "USD"
[columns]
account_id = "id"
month = "month"
balance = "owed"
limit = "limit"
payment = "paid"
status = "status"
[status]
C = { bucket = 0 }
D = { bucket = 3 }
W = { account = "written_off" }
"""
WRITTEN_OFF = 'status = "status"\n[status]\nA = { dpd = true }\nW = { account = "written_off" }\n'


def test_a_certain_move_is_certain(tmp_path):
    """Where every account of a state goes one way the error is 0, and no rounding makes a fault of it."""
    path = {0: (150, 180, "W"), 1: (120, 150, 180), 2: (90, 120, 150), 3: (0, 30, 0), 4: (0, 0, 30)}
    rows = []
    for a in range(10):
        for m, d in enumerate(path.get(a, (0, 0, 0))):
            rows.append(
                (a, f"2024-{m + 1:02}", 0 if d == "W" else 500, 1000, 0 if d == "W" else d, 0, d if d == "W" else "A")
            )
    data, mapping = write_tape(tmp_path, rows, BY_DAYS + WRITTEN_OFF)

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out", "--quiet") == 0
    rows = [row for row in table(tmp_path / "out" / "roll_matrix.csv") if row["month_from"] == "pooled"]
    assert {row["to_state"]: row["n"] for row in rows if row["from_state"] == "180" and row["n"] != "0"} == {
        "written_off": "1"
    }
    gone = {row["state"]: row for row in table(tmp_path / "out" / "one_month_ahead.csv")}["written_off"]
    assert (float(gone["simulated"]), float(gone["se"]), float(gone["z"])) == (pytest.approx(1 / 9), 0, 0)


def test_a_move_that_no_replication_sees_is_no_fault(tmp_path):
    """One account is left in a state from which 1 move in 1,990 was a write-off: in 200 months there is likely none."""
    rows = [(a, f"2024-{m + 1:02}", 500, 1000, 30, 0, "A") for a in range(200) for m in range(11)]
    rows = [
        row for row in rows if not (row[0] == 0 and row[1] > "2024-06") and not (row[0] > 1 and row[1] == "2024-11")
    ]
    rows.append((0, "2024-07", 0, 1000, 0, 0, "W"))
    data, mapping = write_tape(tmp_path, rows, BY_DAYS + WRITTEN_OFF)

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out", "--quiet") == 0
    gone = {row["state"]: row for row in table(tmp_path / "out" / "one_month_ahead.csv")}["written_off"]
    assert 0 < float(gone["matrix_forecast"]) < 0.001
    assert abs(float(gone["z"])) < 1


def test_a_segment_that_has_left_is_no_fault(tape, tmp_path):
    """Accounts of one segment all end before the tape does: the others are forecast, and the scenario runs."""
    data, mapping = tape(accounts=400)
    kept = [line for line in data.read_text().splitlines() if not (line.endswith(",east") and ",2024-05," in line)]
    data.write_text("\n".join(kept) + "\n")

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out", "--quiet") == 0
    assert {row["segment"] for row in table(tmp_path / "out" / "one_month_ahead.csv")} == {"west"}
    assert simulate(load_scenario(tmp_path / "out" / "scenario.toml", ["replications=2", "months=2"]))


def test_a_tape_without_an_open_account_at_its_end_cannot_be_fitted(tmp_path, capsys):
    """There is no book to start from: exit code 2, the month, nothing written."""
    rows = [(a, f"2024-0{m}", 500, 1000, 0, 0, "AAW"[m - 1]) for a in range(20) for m in (1, 2, 3)]
    data, mapping = write_tape(tmp_path, rows, BY_DAYS + WRITTEN_OFF)

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out") == 2
    assert "no account is open in 2024-03" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_limits_that_are_not_on_the_tape_are_assumed_aloud(tmp_path, capsys):
    """Estimates need no limit. The scenario takes what is owed, and says so, there and in every later check."""
    rows = [(a, f"2024-{m + 1:02}", 500 + a, "", 30 * ((a + m) % 5 == 0), 20, "A") for a in range(40) for m in range(4)]
    data, mapping = write_tape(tmp_path, rows, BY_DAYS.replace('limit = "limit"\n', ""))

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "mapping.toml").read_text().startswith('as_of = "2024-04"\nlimits = "balance"\n')
    assert run("check", tmp_path / "out" / "scenario.toml") == 0
    said = capsys.readouterr().out
    assert said.count("Limits are not on the tape: each line's is what it owes in 2024-04") == 2  # here and there
    lived = simulate(load_scenario(tmp_path / "out" / "scenario.toml", ["replications=2", "months=3"]))
    owed, limits = (lived.comparison.ledgers["baseline"].total(name) for name in ("balance", "limit"))
    assert limits[0, 0] == owed[0, 0] == 100 * sum(500 + a for a in range(40))
    assert (owed[:, 1:] > 0.9 * owed[0, 0]).all() and (owed[:, 1:] < 1.02 * owed[0, 0]).all()  # interest, no more


LOANS = 'product = "kind"\ninstalment = "due"\nmonths_left = "left"\n[product]\nline = "line"\nloan = "loan"\n'


@pytest.mark.parametrize(
    ("kind", "owed", "left"),
    [("line", 500, 1), ("line", 0, 9), ("loan", -5, 9), ("loan", 80, 9), ("loan", 500, 1)],
    ids=["a line with a last due", "nothing owed", "below zero", "less than a due", "the last due"],
)
def test_accounts_that_no_roll_moves_are_no_fault(tmp_path, kind, owed, left, capsys):
    """Whose next due ends them, or who owe nothing, are in the forecast and in the simulation, or in neither."""
    rows = [
        (a, f"2024-0{m}", 500, 1000, 30 * ((a + m) % 4 == 0), 20, "A", "loan", 100, 12 - m)
        for a in range(40)
        for m in (1, 2, 3)
    ]
    rows += [
        (a, f"2024-0{m}", owed, 1000, 30 * ((a + m) % 4 == 0), 20, "A", kind, 100, left)
        for a in range(40, 60)
        for m in (1, 2, 3)
    ]
    data, mapping = write_tape(tmp_path, rows, BY_DAYS + LOANS, "kind,due,left")

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out") == 0
    assert max(abs(float(row["z"])) for row in table(tmp_path / "out" / "one_month_ahead.csv")) < 4
    capsys.readouterr()
    alone, mapping = write_tape(tmp_path, rows[120:], BY_DAYS + LOANS, "kind,due,left")
    refused = owed < 0 or (kind == "loan" and left == 1)  # nobody owes; no move is a roll
    assert run("calibrate", alone, "--mapping", mapping, "--out", tmp_path / "alone") == (2 if refused else 0)
    assert ("the next due ends every one of them" in capsys.readouterr().out) == (kind == "loan" and not refused)


# ---- what must be known before any number ----------------------------------------------------------------------------


def test_a_book_that_loses_what_the_tape_lost_says_so(tape, tmp_path, capsys):
    """Over the tape's own months write-offs and lateness are the tape's, by hand, inside; nothing is cautioned of."""
    data, mapping = tape(accounts=2000)
    out = tmp_path / "out"

    assert run("calibrate", data, "--mapping", mapping, "--out", out) == 0
    said = capsys.readouterr().out
    levels = {row["level"]: row for row in table(out / "levels.csv")}
    rows = [line.split(",") for line in data.read_text().splitlines()[1:]]
    owed = {(row[0], row[1]): int(row[2]) for row in rows}
    gone = {(row[0], row[1]) for row in rows if row[5] == "W"}
    before = {(a, f"2024-{int(m[5:]) - 1:02}") for a, m in owed if m != "2024-01"}
    lost = sum(owed[a, f"2024-{int(m[5:]) - 1:02}"] for a, m in gone)
    assert float(levels["written_off"]["tape"]) == pytest.approx(lost / sum(owed[cell] for cell in before), rel=1e-12)
    open_rows = [row for row in rows if row[1] != "2024-01" and row[5] != "W"]
    late = sum(row[5] != "C" for row in open_rows)
    assert float(levels["dpd30_share"]["tape"]) == pytest.approx(late / len(open_rows), rel=1e-12)
    assert levels["written_off"]["inside"] == levels["dpd30_share"]["inside"] == "1"
    assert "this book writes off" in said and "30 or more days" in said
    assert not [
        line for line in said.splitlines() if line.startswith("Caution") and ("writes off" in line or "30" in line)
    ]


@pytest.mark.parametrize(
    ("stuck", "caution"),
    [
        (False, "This book cannot write off: no move on the tape leads to it, and no rule that is assumed."),
        (True, "No write-off is on the tape: debts are written off at 240 days past due, an assumption."),
    ],
)
def test_a_book_that_loses_nothing_of_its_own_says_so_wherever_it_goes(tmp_path, stuck, caution, capsys):
    """Without write-offs on the tape: terminal, page and files say it, and every later check and compare."""
    late = [180, 180, 180] if stuck else [30, 0, 30]
    rows = [(a, f"2024-0{m + 1}", 500, 1000, late[m] if a < 3 else 0, 20, "A") for a in range(30) for m in range(3)]
    data, mapping = write_tape(tmp_path, rows, BY_DAYS)
    out, mine = tmp_path / "out", tmp_path / "mine.toml"

    assert run("calibrate", data, "--mapping", mapping, "--out", out) == 0
    assert f"Caution: {caution}" in capsys.readouterr().out
    assert caution in (out / "report.html").read_text()
    for name in ("tape.json", "scenario.toml"):
        assert caution in (out / name).read_text()
    mine.write_text('extends = "out/scenario.toml"\nmonths = 3\nrun_off_months = 2\nreplications = 2\n')
    assert run("check", mine) == 0
    assert f"Caution: {caution}" in capsys.readouterr().out
    assert run("compare", mine, "--out", tmp_path / "compared") == 0
    assert f"Caution: {caution}" in capsys.readouterr().out.replace("\n", " ").replace("  ", " ")
    assert any(
        said.startswith(caution)
        for said in json.loads((tmp_path / "compared" / "summary.json").read_text())["cautions"]
    )
    assert caution in (tmp_path / "compared" / "report.html").read_text()


def test_a_scenario_that_moves_levels_is_found_out(tape, tmp_path):
    """Negative control: another matrix in the file, and lateness and write-offs are off by more than their interval."""
    done = estimates(*tape(accounts=2000))
    counts = done.scenario_text().split("counts = {value = ")
    other = [part if not k else "[[1.0, 1.0, 1.0, 0.0]" + part[part.index("]") + 1 :] for k, part in enumerate(counts)]
    for text, is_off in ((done.scenario_text(), False), ("counts = {value = ".join(other), True)):
        levels = {level.name: level for level in hindcast(done.panel, text, done.mapping_text).levels}
        assert [levels[name].is_off for name in ("written_off", "dpd30_share")] == [is_off, is_off]


def test_accounts_are_followed_from_the_month_that_shows_most(tmp_path):
    """One account alone in the first month does not stand for the book: the others are followed from the second."""
    rows = [(0, "2024-01", 500, 1000, 0, 20, "A")]
    rows += [(a, f"2024-0{m}", 500, 1000, 0, 20, "A") for a in range(50) for m in (2, 3, 4)]
    done = estimates(*write_tape(tmp_path, rows, BY_DAYS))
    found = hindcast(done.panel, done.scenario_text(), done.mapping_text)

    assert (found.first, found.last, found.accounts) == ("2024-02", "2024-04", 50)


def test_levels_that_cannot_be_checked_are_said(tmp_path):
    """Limits that are blank in the first month keep it from being a book: the caution says so, with the place."""
    rows = [(a, f"2024-0{m}", 500, "" if m == 1 else 1000, 0, 20, "A") for a in range(50) for m in (1, 2, 3)]
    done = estimates(*write_tape(tmp_path, rows, BY_DAYS))
    said = list(level_cautions(hindcast(done.panel, done.scenario_text(), done.mapping_text)))

    assert len(said) == 1 and "2024-01 is no book" in said[0] and "row 1 (0): limit" in said[0]


@pytest.mark.parametrize(("paid", "least", "most"), [("", 0.98, 1.02), (0, 0.98, 1.02), (500, 0.98, 1.02)])
def test_a_balance_that_stays_does_not_run_away(tmp_path, paid, least, most):
    """Accounts owe 500 in every month, whatever they pay, or the tape says of it: so they do in the scenario."""
    rows = [(a, f"2024-0{m}", 500, 1000, 0, paid, "A") for a in range(50) for m in (1, 2, 3, 4)]
    done = estimates(*write_tape(tmp_path, rows, BY_DAYS))
    levels = {level.name: level for level in hindcast(done.panel, done.scenario_text(), done.mapping_text).levels}

    assert least < levels["balance"].book < most
    assert any("Payments are not on the tape" in caution for caution in done.cautions()) == (paid == "")


@pytest.mark.parametrize(("growth", "goes_on"), [(0.0, False), (0.015, True), (0.03, True)])
def test_a_default_whose_balance_grows_on_the_tape_grows_in_the_scenario(tmp_path, growth, goes_on):
    """Interest after 90 days, and on what is overdue, is charged where balances on the tape say so: losses keep it."""
    rows = []
    for m in range(6):
        rows += [(a, f"2024-0{m + 1}", 500, 1000, 0, 500, "C") for a in range(10)]
        owed = round(50_000 * (1 + growth) ** m, 2)
        for a in range(10, 70):  # five are written off in every month
            left = m - 1 - (a - 10) // 5
            rows += [(a, f"2024-0{m + 1}", owed, 100_000, 0, 0, "W" if left == 0 else "D")] if left <= 0 else []
    done = estimates(*write_tape(tmp_path, rows, BY_CODE))
    text = done.scenario_text()
    levels = {level.name: level for level in hindcast(done.panel, text, done.mapping_text).levels}
    left_or_lost = levels["balance"].book + levels["written_off"].book

    assert ("suspend_interest_dpd" not in text) == goes_on == ("charged from 90 days on too" in text)
    assert f"grows by {growth:.2%} a month" in text or f"grow by {growth:.2%} a month" in text
    assert left_or_lost == pytest.approx(1 + growth, abs=0.002)  # of what was there a month before


def test_what_was_used_is_said_in_a_line_and_much_left_out_first(tape, tmp_path, capsys):
    """The line stands in the terminal, in the page and in tape.json; with much left out a caution is before it."""
    left = MAPPING.replace("1 = { bucket = 1 }", "1 = { leave_out = true }")
    for mapping, out in ((MAPPING, tmp_path / "all"), (left, tmp_path / "some")):
        data, meaning = tape(accounts=400, mapping=mapping)
        assert run("calibrate", data, "--mapping", meaning, "--out", out) == 0
        said, facts = capsys.readouterr().out, json.loads((out / "tape.json").read_text())
        line = f"{facts['rows_used']:,} of {facts['rows_read']:,} rows used; left out: "
        assert facts["used"].startswith(line) and f"\n{facts['used']}\n" in f"\n{said}"
        assert facts["used"] in (out / "report.html").read_text()
        assert ("of the rows are left out." in said) == (mapping == left)
    assert said.startswith("Caution: ") and facts["used"] in said.splitlines()[0]
    assert "rows: status 1, which the mapping leaves out" in facts["used"]


@pytest.fixture
def quick_fit(monkeypatch):
    """Let the structural fit move one parameter only."""
    from simulator.estimation.structural import estimator, fit

    whole, one = fit.fit_structural, tuple(p for p in fit.PARAMETERS if p.name == "full_payer")
    monkeypatch.setattr(
        estimator, "fit_structural", lambda *given, **more: whole(*given, **more, parameters=one, replications=1)
    )


def test_a_structural_fit_that_the_tape_refuses_is_refused(tape, tmp_path, quick_fit, capsys):
    """Exit code 2, the reason and nothing written; with --force the scenario says it, there and in every check."""
    data, mapping = tape(accounts=400, months=3)
    out = tmp_path / "out"

    assert run("calibrate", data, "--mapping", mapping, "--out", out, "--structural") == 2
    assert "structural fit: The tape refuses this model" in capsys.readouterr().err
    assert not out.exists()
    assert run("calibrate", data, "--mapping", mapping, "--out", out, "--structural", "--force") == 0
    assert "Caution: structural.toml: The tape refuses this model" in capsys.readouterr().out
    assert run("check", out / "structural.toml") == 0
    said = capsys.readouterr().out
    assert said.startswith("Caution: The tape ") and "Caution: The tape refuses this model" in said
    assert "of its accounts 30 or more days past due, the tape" not in said  # the tie keeps the tape's levels
    assert "the tape refuses this model" not in (out / "scenario.toml").read_text().lower()
    assert "The tape refuses this model" in (out / "report.html").read_text()


def loans(tmp_path, months_left=True):
    """Write a tape of loans in three months of their life, some at their end and some repaid early; and its mapping."""
    matrix = [[0.85, 0.1, 0.0, 0.05], [0.5, 0.3, 0.2, 0.0], [0.0, 0.1, 0.9, 0.0], [0.0, 0.0, 0.0, 1.0]]
    state = chain(matrix, 3000, 3, seed=3)
    lines = ["id,month,kind,owed,due,left,status"]
    for k in range(len(state)):
        left = 1 + k % 9
        for m in range(3):
            if m and state[k, m - 1] == 0 and left <= 1:
                lines.append(f"{k},2024-{m + 1:02},loan,0,100,0,3")
                break
            left = max(1, left - (m > 0))
            lines.append(f"{k},2024-{m + 1:02},loan,{100 * (left + int(state[k, m]) % 3)},100,{left},{state[k, m]}")
            if state[k, m] == 3:
                break
    columns = 'account_id = "id"\nmonth = "month"\nproduct = "kind"\nbalance = "owed"\nstatus = "status"\n'
    columns += 'instalment = "due"\nmonths_left = "left"\n' if months_left else ""
    states = '[status]\n0 = { bucket = 0 }\n1 = { bucket = 1 }\n2 = { bucket = 2 }\n3 = { account = "paid_off" }\n'
    (tmp_path / "loans.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "loans.toml").write_text(f'[columns]\n{columns}[product]\nloan = "loan"\n{states}', encoding="utf-8")
    return tmp_path / "loans.csv", tmp_path / "loans.toml"


def test_a_book_of_loans_starts_from_its_instalments(tmp_path):
    """Loans go on from where they are and move as their matrix; those at their last due end by schedule, not by it."""
    data, mapping = loans(tmp_path)

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out", "--quiet") == 0
    rows = table(tmp_path / "out" / "one_month_ahead.csv")
    assert [row["state"] for row in rows] == ["current", "30", "60", "paid_off"]
    assert max(abs(float(row["z"])) for row in rows) < 4


def test_a_book_of_loans_needs_its_instalments(tmp_path, capsys):
    """Without them nobody knows how a loan goes on: exit code 2, nothing written."""
    data, mapping = loans(tmp_path, months_left=False)

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out", "--quiet") == 2
    assert "columns.instalment, columns.months_left: missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_month_cannot_be_fitted(tape, tmp_path, capsys):
    """A tape of one month ends with exit code 2 and a plain word, and nothing is written."""
    data, mapping = tape(accounts=50, months=1)

    assert run("calibrate", data, "--mapping", mapping, "--out", tmp_path / "out") == 2
    assert "two months next to each other" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_mapping_beside_the_scenario_starts_at_the_last_month(tape):
    """as_of is set where the tape ends, and the rest of the mapping is as the user wrote it."""
    done = estimates(*tape(accounts=100))

    assert done.mapping_text() == 'as_of = "2024-05"\n' + MAPPING


def test_a_wrong_mapping_names_its_place(tape):
    """A column that is not there is named with the nearest one."""
    with pytest.raises(UserError, match=r"columns\.balance: no column owned in .*did you mean owed"):
        estimates(*tape(accounts=10, mapping=MAPPING.replace('"owed"', '"owned"')))


@pytest.mark.skipif(not TAIWAN.is_file(), reason="the Taiwan tape is not shipped")
def test_the_taiwan_cards(tmp_path):
    """As the issue asks: the scenario within 0.3 points and |z| < 4 of the matrix; intervals wider with the factor."""
    out = tmp_path / "taiwan"

    assert run("calibrate", TAIWAN, "--mapping", TAIWAN_MAPPING, "--out", out, "--quiet") == 0
    ahead = table(out / "one_month_ahead.csv")
    assert max(abs(float(row["simulated"]) - float(row["matrix_forecast"])) for row in ahead) < 0.003
    assert max(abs(float(row["z"])) for row in ahead) < 4
    for row in ahead:
        accounts = float(row["high_accounts"]) - float(row["low_accounts"])
        assert accounts < float(row["high_factor"]) - float(row["low_factor"]) < float(row["high"]) - float(row["low"])
    rho = json.loads((out / "factor.json").read_text())["rho"]
    assert 0 < rho["posterior"]["low"] < rho["posterior"]["high"] < 0.2


def test_a_calibration_shows_itself_in_a_notebook(tape):
    """Cautions and answers as they are printed, escaped, and the picture of the month ahead; not the whole page."""
    done = calibrate(*tape(accounts=400, months=3))
    html = done._repr_html_()

    assert all(escape(line) in html for line in (*done.cautions, *done.answers))
    assert html.count("<svg") == 1 and len(html.encode()) < 100_000

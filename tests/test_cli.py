"""The commands as a user meets them: exit codes, messages, what is written and what never is."""

import errno
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from io import StringIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from conftest import ROOT
from simulator import __version__, cli, compare, simulate
from simulator.analysis import ledger
from simulator.analysis.errors import PARTS
from simulator.analysis.identities import IdentityError
from simulator.engine import engine
from simulator.report import parquet, progress, render, results
from simulator.scenario.parameters import table
from simulator.scenario.reader import load_scenario
from simulator.system.signals import ENDING

SMALL = """
title = "Two ways to lend"
months = 5
run_off_months = 4
replications = 3
seed = 7
[portfolio]
borrowers = 700
[segment.all]
share = 1.0
line_holders = 1.0
line_limit = 10_000
utilisation = 0.6
income = { distribution = "lognormal", mean = 5000, sigma = 0.4, unit = "CNY per month" }
living_cost = 0.6
spending = 0.2
forget = 0.3
opening.line = [0.7, 0.1, 0.1, 0.1]
[products.line]
interest_rate = { value = 0.0005, unit = "per day" }
minimum_share = 0.1
[behaviour]
model = "structural"
structural.will_not = 0.05
[policy.write_off]
kind = "write_off"
at_dpd = 90
[policy.remind]
kind = "reminders"
enabled = false
reach = 1.0
strength = 1.0
[variant.remind]
policy.remind.enabled = true
"""
MATRIX = """
title = "Matrix"
months = 12
portfolio.borrowers = 100
behaviour.model = "roll_rates"
segment.all = { share = 1.0, line_holders = 1.0, line_limit = 10_000 }
[behaviour.roll_rates.line]
states = [{ name = "C", bucket = 0 }, { name = "D", bucket = 1 }]
matrix = [[0.9, 0.2], [0.5, 0.5]]
"""
MAPPING = """
[columns]
account_id = "id"
limit = "limit"
balance = "balance"
dpd = "late"
"""
TAPE = "id,limit,balance,late\na,9000,5000,0\nb,9000,100,31\n"
FILES = {
    "manifest.json",
    "scenario.toml",
    "monthly.parquet",
    "rolls.parquet",
    "vintages.parquet",
    "comparison.parquet",
    "replications.parquet",
    "report.html",
    "page.json",
    "summary.json",
}
HEADLINES = {
    "dpd30_share_count",
    "dpd30_share_balance",
    "dpd90_share_count",
    "dpd90_share_balance",
    "bad_debt_rate",
    "net_loss",
    "profit",
    "npv",
    "written_off",
    "recovered",
    "approval_rate",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty current directory with a small scenario in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return the folder of one finished comparison; tests only read it."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "small.toml").write_text(SMALL)
    with pytest.raises(SystemExit) as left:
        cli.main(["compare", str(folder / "small.toml"), "--out", str(folder / "result"), "--quiet"])
    assert left.value.code in (None, 0)
    return folder / "result"


def tree(folder):
    """Return the SHA-256 of every file under `folder` by its path, and None for folders."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def read(folder, name):
    """Return the contents of a JSON file of a run."""
    return json.loads((folder / name).read_text())


# ---- what a run leaves behind --------------------------------------------------------------------
def test_a_comparison_leaves_a_complete_folder(compared):
    """The files of the contract are there, and beside the folder nothing else is left."""
    assert {path.name for path in compared.iterdir()} == FILES
    assert {path.name for path in compared.parent.iterdir()} == {"result", "small.toml"}


def test_the_summary_keeps_its_contract(compared):
    """summary.json has value, error, interval and unit of every headline measure, by variant and by difference."""
    summary = read(compared, "summary.json")

    assert set(summary) == {"cautions", "people", "errors", "yearly_rates", "verdict", "variants", "differences"}
    assert summary["cautions"] == []
    assert list(summary["variants"]) == ["baseline", "remind"] and list(summary["differences"]) == ["remind"]
    for measures in (*summary["variants"].values(), *summary["differences"].values()):
        assert set(measures) >= HEADLINES
        told = {"value", "se", "low", "high", "unit", *(f"se_{part}" for part in PARTS)}
        assert all(set(entry) - {"reason"} == told for entry in measures.values())
        assert all(("reason" in entry) == (entry["value"] is None) for entry in measures.values())
    assert summary["variants"]["baseline"]["net_loss"]["unit"] == "CNY"
    assert summary["variants"]["baseline"]["approval_rate"]["value"] is None  # nobody applies


def test_cautions_are_said_everywhere(here, simulator):
    """What a scenario's file, a file it extends and a variant warn of stands first in every command, page and file."""
    (here / "small.toml").write_text(f'cautions = ["The file warns."]\n{SMALL}\ncautions = ["The variant warns."]\n')
    (here / "mine.toml").write_text('extends = "small.toml"\ncautions = ["Mine warns."]\n')
    told = ["The file warns.", "Mine warns.", "remind: The variant warns."]
    first = "".join(f"Caution: {caution}\n" for caution in told)

    for command in ("check", "parameters", "compare", "run"):
        code, out, _ = simulator(command, "mine.toml", *(["--out", command] if command in ("compare", "run") else []))
        assert code == 0 and out.startswith(first)
    assert first in simulator("diary", "mine.toml", "--borrower", "all:3")[1]
    for command in ("compare", "run"):
        assert read(here / command, "summary.json")["cautions"] == told
        page = (here / command / "report.html").read_text()
        assert all(f'<p class="warning">{caution}</p>' in page for caution in told)
        assert simulator("check", f"{command}/scenario.toml")[1].startswith(first)


def test_the_manifest_keeps_its_contract(compared):
    """The manifest says what was run, with what, how long it took, and how to run it again."""
    manifest = read(compared, "manifest.json")

    assert {"versions", "cpu", "system", "command", "scenario", "replay", "scenario_digest", "seed"} <= set(manifest)
    assert (manifest["command"], manifest["seed"]) == ("compare", 7)
    assert [manifest[name] for name in ("months", "run_off_months", "replications", "borrowers")] == [5, 4, 3, 700]
    assert manifest["borrower_months"] == 2 * 700 * (5 + 4) * 3
    assert manifest["wall_seconds"] > 0 and manifest["threads"] >= 1
    assert {"python", "simulator", "numpy", "numba"} <= set(manifest["versions"])
    digests = [manifest["result_digest"], manifest["scenario_digest"], *manifest["tables_digest"].values()]
    assert [name for name in manifest["tables_digest"]] == ["baseline", "remind"]
    assert all(len(digest) == 64 and int(digest, 16) >= 0 for digest in digests)
    assert manifest["scenario_digest"] == load_scenario(compared / "scenario.toml").digest()


def test_the_tables_keep_their_columns(compared):
    """The Parquet files are long tables with the columns of the contract."""
    columns = {
        "monthly": ["world", "variant", "month", "segment", "product", "measure", "value", "unit", "standard_error"],
        "comparison": ["world", "variant", "measure", "window", "baseline", "value", "difference", "standard_error"],
    }
    for name, wanted in columns.items():
        found = pq.read_schema(compared / f"{name}.parquet").names
        assert [column for column in wanted if column not in found] == []
    for name in ("rolls", "vintages"):
        assert pq.read_table(compared / f"{name}.parquet").num_rows > 0


def test_the_report_opens_offline(compared):
    """report.html is one file: it loads nothing from anywhere."""
    page = (compared / "report.html").read_text()

    assert page.lstrip().lower().startswith("<!doctype html")
    assert not any(loading in page for loading in ('src="http', "src='http", "<script src", '<link rel="stylesheet"'))


def test_a_replay_gives_the_same_digest(compared, simulator, here):
    """The manifest's replay, run elsewhere, reads the folder's own scenario and gives the same result."""
    program, *arguments = shlex.split(read(compared, "manifest.json")["replay"])
    code, _, _ = simulator(*arguments, "--out", "again", "--quiet", "--threads", 1)

    assert (program, code) == ("simulator", 0)
    for name in ("result_digest", "scenario_digest", "tables_digest"):
        assert read(here / "again", "manifest.json")[name] == read(compared, "manifest.json")[name]


def test_a_replay_remembers_what_the_command_line_set(simulator, here):
    """Sizes and settings of the command line are in the written scenario; names with blanks are quoted."""
    options = ["--set", "segment.all.forget=0.9", "--borrowers", 90, "--replications", 2, "--months", 3, "--seed", 8]
    assert simulator("run", "small.toml", *options, "--out", "a b", "--quiet")[0] == 0
    _, *arguments = shlex.split(read(here / "a b", "manifest.json")["replay"])
    assert simulator(*arguments, "--out", "again", "--quiet")[0] == 0

    first, again = (read(here / name, "manifest.json") for name in ("a b", "again"))
    assert [first[name] for name in ("borrowers", "replications", "months", "seed")] == [90, 2, 3, 8]
    assert first["result_digest"] == again["result_digest"]
    assert list(first["tables_digest"]) == ["baseline"]


def test_a_run_is_the_beginning_of_the_comparison(here):
    """Every flow of the months of a run is the baseline's in the comparison, which goes on with the run-off."""
    scenario = load_scenario(here / "small.toml")
    short, long = (question(scenario).comparison.ledgers["baseline"] for question in (simulate, compare))

    assert (short.frame.horizon, long.frame.horizon) == (5, 9)
    assert (short.sums.flows == long.sums.flows[:, :, :6]).all()
    assert (short.sums.rolls == long.sums.rolls[:, :6]).all()


# ---- folders -------------------------------------------------------------------------------------
def test_a_run_writes_to_out_and_replaces_only_when_told(simulator, here):
    """The default folder is out/<scenario>; a second run is refused, and with --overwrite replaces the first."""
    assert simulator("run", "small.toml", "--quiet")[0] == 0
    before = tree(here)
    code, out, err = simulator("run", "small.toml", "--seed", 8)

    assert (code, out) == (2, "") and "--overwrite" in err
    assert tree(here) == before
    assert simulator("run", "small.toml", "--seed", 8, "--overwrite", "--quiet")[0] == 0
    assert read(here / "out" / "small", "manifest.json")["seed"] == 8
    assert sorted(path.name for path in (here / "out").iterdir()) == ["small"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]], ids=["plain", "overwrite"])
@pytest.mark.parametrize("out", ["mine", "mine/notes.txt", "mine/notes.txt/deeper"])
def test_what_is_no_run_is_never_touched(out, overwrite, simulator, here):
    """A folder with other files, a file, and a place inside a file are refused before the simulation."""
    (here / "mine").mkdir()
    (here / "mine" / "notes.txt").write_text("keep")
    before = tree(here)
    code, printed, err = simulator("run", "small.toml", "--out", out, *overwrite)

    assert (code, printed) == (2, "") and out in err and "another --out" in err
    assert tree(here) == before


def test_an_empty_folder_is_as_good_as_none(simulator, here):
    """Results may go to a folder that somebody has made for them."""
    (here / "empty").mkdir()

    assert simulator("run", "small.toml", "--out", "empty", "--quiet")[0] == 0
    assert {path.name for path in (here / "empty").iterdir()} == FILES


def test_quiet_prints_nothing_and_the_other_says_where(simulator, here):
    """With --quiet both streams are empty; without, the summary ends with the digest and the report's path."""
    assert simulator("run", "small.toml", "--out", "quiet", "--quiet") == (0, "", "")
    code, out, _ = simulator("run", "small.toml", "--out", "loud")

    assert code == 0 and "Two ways to lend" in out and "loud/report.html" in out
    assert read(here / "loud", "manifest.json")["result_digest"] in out


# ---- wrong input ---------------------------------------------------------------------------------
WRONG = [  # what is in the file, arguments after it, words of the message
    (SMALL.replace("minimum_share", "minimum_shar"), [], ["products.line.minimum_shar", "did you mean"]),
    (SMALL.replace("per day", "per week"), [], ["products.line.interest_rate.unit", "per week", "per month"]),
    (SMALL.replace("0.0005", "-0.0005"), [], ["products.line.interest_rate", "-0.0005 per day", "0 or more"]),
    (SMALL.replace("forget = 0.3", "forget = nan"), [], ["segment.all.forget", "nan", "finite"]),
    (MATRIX, [], ["behaviour.roll_rates.line.matrix.0", "row C", "sum to 1.1"]),
    (b"PAR1\x00\x15\x04\xff\xfe", [], ["not a text file"]),
    (b"\x89PNG\r\n\x1a\n\xff", [], ["not a text file"]),
    ("months = = 3", [], ["not valid TOML"]),
    (SMALL, ["--set", "segment.all.forget"], ["--set", "segment.all.forget"]),
    (SMALL, ["--set", "segment.all.forgt=0.1"], ["--set", "segment.all.forgt", "did you mean forget?"]),
    (SMALL, ["--set", "segment.all.forget=2"], ["--set", "segment.all.forget", "from 0 to 1"]),
    (SMALL, ["--set", "portfolio={tape='none.csv', mapping='none.toml'}"], ["portfolio.tape", "no such file"]),
    (SMALL, ["--replications", "10000000", "--months", "600"], ["memory", "fewer replications"]),
]


@pytest.mark.parametrize("command", ["run", "compare"])
@pytest.mark.parametrize(("content", "options", "words"), WRONG, ids=[str(case[2]) for case in WRONG])
def test_wrong_input_is_told_and_leaves_nothing(content, options, words, command, simulator, here):
    """Exit code 2, one line for each problem on the error stream with its place, no traceback, no folder."""
    (here / "wrong.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = tree(here)
    code, out, err = simulator(command, "wrong.toml", *options)

    assert (code, out) == (2, "")
    assert [word for word in words if word not in err] == []
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert tree(here) == before


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run"], "SCENARIO"),
        (["run", "small.toml", "--borrowers", "0"], "borrowers"),
        (["run", "small.toml", "--threads", "many"], "threads"),
        (["run", "small.toml", "--ot", "x"], "--out"),
        (["rnu", "small.toml"], "run"),
    ],
)
def test_a_wrong_command_line_is_wrong_input(arguments, word, simulator, here):
    """Misspelt commands and options, and numbers out of range, are exit code 2 with the word in question."""
    before = tree(here)
    code, out, err = simulator(*arguments)

    assert (code, out) == (2, "") and word in err and "Traceback" not in err
    assert tree(here) == before


@pytest.mark.parametrize("command", ["run", "compare", "check", "parameters"])
def test_every_problem_is_said_at_once(command, simulator, here):
    """Three mistakes are three lines, each with file and key, from any command that reads a scenario."""
    text = SMALL.replace("per day", "per week").replace("line_limit", "line_limt").replace("months = 5", "months = -5")
    (here / "wrong.toml").write_text(text)
    code, out, err = simulator(command, "wrong.toml")

    assert (code, out) == (2, "")
    keys = sorted(line.split(": ")[2] for line in err.splitlines())
    assert keys == ["months", "products.line.interest_rate.unit", "segment.all.line_limt"]
    assert all(line.startswith("error: wrong.toml: ") for line in err.splitlines())


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_file_that_is_not_there(command, simulator, here):
    """A misspelt path suggests its neighbour."""
    code, out, err = simulator(command, "smal.toml")

    assert (code, out) == (2, "") and "did you mean small.toml?" in err


WRONG_TAPES = [  # tape, mapping, words of the message
    (TAPE.replace("balance", "blance"), MAPPING, ["mapping.toml", "columns.balance", "did you mean blance?"]),
    ("id,limit,balance,late\n", MAPPING, ["tape.csv", "no accounts"]),
    ("", MAPPING, ["tape.csv"]),
    (TAPE.replace("5000", "NaN"), MAPPING, ["tape.csv", "row 1", "balance"]),
    (TAPE.replace("5000", "a lot"), MAPPING, ["tape.csv", "row 1", "balance", "a lot"]),
    (TAPE.replace("\nb", "\na"), MAPPING, ["tape.csv", "id", "more than one row: a"]),
    (b"PK\x03\x04\xff\xfe\x00", MAPPING, ["tape.csv"]),
    (TAPE, MAPPING.replace("dpd", "dpdd"), ["mapping.toml", "columns.dpdd", "did you mean dpd?"]),
]


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(("tape", "mapping", "words"), WRONG_TAPES, ids=[str(case[2]) for case in WRONG_TAPES])
def test_a_wrong_tape_is_wrong_input(tape, mapping, words, command, simulator, here):
    """A missing column, no rows, NaN, text for numbers, a number twice, a binary file: told by file and place."""
    (here / "tape.csv").write_bytes(tape if isinstance(tape, bytes) else tape.encode())
    (here / "mapping.toml").write_text(mapping)
    before = tree(here)
    files = ["--set", "portfolio.tape='tape.csv'", "--set", "portfolio.mapping='mapping.toml'"]
    code, out, err = simulator(command, "small.toml", *files)

    assert (code, out) == (2, "") and "Traceback" not in err
    assert [word for word in words if word not in err] == []
    assert tree(here) == before


def test_a_good_tape_is_told_and_run(simulator, here):
    """The tape that the wrong ones start from is right; its digest is in the manifest and a replay finds it."""
    (here / "tape.csv").write_text(TAPE)
    (here / "mapping.toml").write_text(MAPPING)
    files = ["--set", "portfolio.tape='tape.csv'", "--set", "portfolio.mapping='mapping.toml'"]
    code, out, _ = simulator("check", "small.toml", *files)
    assert code == 0 and "2 accounts of 2 borrowers" in out
    assert simulator("run", "small.toml", *files, "--quiet")[0] == 0

    manifest = read(here / "out" / "small", "manifest.json")
    assert manifest["tape"]["sha256"] == hashlib.sha256(TAPE.encode()).hexdigest()
    assert manifest["borrowers"] == 2
    _, *arguments = shlex.split(manifest["replay"])
    assert simulator(*arguments, "--out", "again", "--quiet")[0] == 0
    assert read(here / "again", "manifest.json")["result_digest"] == manifest["result_digest"]


def test_state_that_is_kept_is_said_before_the_run(simulator, here):
    """A policy that reads last month's book says on the error stream what that takes; the manifest has it too."""
    sell = 'kind="npl_sale", from="open", at_dpd=60, price=0.1, when={measure="dpd30_share_count", above=0.1}'
    code, _, err = simulator("run", "small.toml", "--set", f"policy.sell={{{sell}}}")
    assert code == 0 and "policies read last month's book (baseline): keeping state takes 0.00 GB" in err
    quiet = ("--set", f"policy.sell={{{sell}}}", "--quiet", "--overwrite")
    assert simulator("run", "small.toml", *quiet) == (0, "", "")
    assert read(here / "out" / "small", "manifest.json")["state_bytes_at_once"]["baseline"] > 0
    assert simulator("run", "small.toml", "--out", "plain")[2] == ""
    assert read(here / "plain", "manifest.json")["state_bytes_at_once"] == {"baseline": 0}


# ---- failures that are not the user's ------------------------------------------------------------
def test_a_broken_identity_is_an_internal_failure(simulator, here, monkeypatch):
    """A cent too many stops the run with exit code 1, says what to report, and leaves no folder."""
    run = engine.run

    def a_cent_too_many(*arguments):
        sums = run(*arguments)
        sums.flows[0, 0, 3, 0, 0, ledger.FLOWS.index("paid")] += 1
        return sums

    monkeypatch.setattr(engine, "run", a_cent_too_many)
    before = tree(here)
    code, out, err = simulator("run", "small.toml")

    assert (code, out) == (1, "")
    assert IdentityError.__name__ in err and "nothing was written" in err and __version__ in err
    assert tree(here) == before


def test_a_failure_of_the_page_keeps_the_numbers(simulator, here, monkeypatch):
    """A fault of ours in the page is exit 1, the run to be replaced stays, and the numbers are where it says."""
    assert simulator("run", "small.toml", "--quiet")[0] == 0
    before = tree(here)

    def fail(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(render, "render", fail)
    code, out, err = simulator("run", "small.toml", "--overwrite", "--quiet")

    assert (code, out) == (1, "") and f"the results are in {here / 'out' / 'small-2'}" in err
    manifest = read(here / "out" / "small-2", "manifest.json")
    assert manifest["incomplete"] == "RuntimeError: a bug" and set(manifest["files"]) == FILES - {
        "report.html",
        "manifest.json",
    }
    shutil.rmtree(here / "out" / "small-2")
    assert tree(here) == before


def test_too_little_memory_for_the_page_keeps_the_numbers(simulator, here, monkeypatch):
    """Memory that ends while the page is drawn is exit 2, and says where the numbers are."""

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(render, "render", fail)
    code, _, err = simulator("run", "small.toml", "--quiet")

    assert code == 2
    assert err.startswith(f"error: memory: not enough; the results are in {here / 'out' / 'small-2'}; fewer repl")


def test_a_full_disk_throws_nothing_away(simulator, here, monkeypatch, tmp_path_factory):
    """Where the results cannot be written they are put elsewhere: exit 2, the answer, the reason and the place."""
    elsewhere, write = tmp_path_factory.mktemp("elsewhere"), parquet.write_rolls

    def full(path, *given):
        if path.is_relative_to(here):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, *given)

    monkeypatch.setattr(parquet, "write_rolls", full)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(elsewhere))
    before = tree(here)
    code, out, err = simulator("run", "small.toml", "--out", "deep/er/mine")

    (made,) = elsewhere.glob("*/mine")
    assert code == 2 and "Two ways to lend" in out
    assert err.endswith(
        f"error: deep/er/mine: cannot be written: No space left on device; the results are in {made} instead\n"
    )
    assert {path.name for path in made.iterdir()} == FILES and tree(here) == before
    replay = shlex.split(read(made, "manifest.json")["replay"])
    assert replay == ["simulator", "run", str(made / "scenario.toml")]


def test_the_answer_does_not_wait_for_the_page(simulator, here, monkeypatch):
    """What is printed of a run is there before its page is made; where the page is comes last."""
    write = results.write

    def tell(*given, **named):
        print("writing")
        return write(*given, **named)

    monkeypatch.setattr(results, "write", tell)
    _, out, _ = simulator("run", "small.toml")

    assert out.index("Two ways to lend") < out.index("writing") < out.index("result_digest") < out.index("report: ")


def test_two_runs_into_one_place(simulator, here, monkeypatch):
    """Who ends second finds the place taken, is told so with exit 2, and has the results beside it."""
    run = engine.run

    def another_is_quicker(*arguments):
        monkeypatch.setattr(engine, "run", run)
        assert simulator("run", "small.toml", "--quiet")[0] == 0
        return run(*arguments)

    monkeypatch.setattr(engine, "run", another_is_quicker)
    code, _, err = simulator("run", "small.toml", "--seed", 8, "--quiet")

    assert code == 2
    assert f"another run has been written there meanwhile; the results are in {here / 'out' / 'small-2'} instead" in err
    assert [read(here / "out" / name, "manifest.json")["seed"] for name in ("small", "small-2")] == [7, 8]
    assert sorted(path.name for path in (here / "out").iterdir()) == ["small", "small-2"]


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_ctrl_c_and_the_like_leave_nothing(number, here):
    """A signal in the middle of a long run ends it with exit code 130, no folder, and none of its processes left."""
    before = tree(here)
    code = (
        "from simulator import study, cli\n"
        "from simulator.report.progress import Progress\n"
        "tell = Progress.advanced\n"
        "Progress.advanced = lambda *a: (print('at work', flush=True), tell(*a))\n"
        "dull = ['--set', 'segment.all.opening.line=[1.0]', '--set', 'segment.all.forget=0.0', '--months', '2']\n"
        "cli.main(['run', 'small.toml', '--borrowers', '4000', '--replications', '100000', '--threads', '2', *dull])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=here,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watch = threading.Timer(300, process.kill)  # a hang must not outlive the test
        watch.start()
        try:
            assert process.stdout.readline().startswith("at work")
            children = child_processes(process.pid)
            process.send_signal(number)
            if number != signal.SIGINT:
                process.send_signal(number)  # a closing terminal sends it twice
            _, err = process.communicate()
        finally:
            watch.cancel()
            process.kill()

    assert process.returncode == 130
    assert "interrupted; nothing was written" in err and "Traceback" not in err
    assert tree(here) == before
    assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_command_can_be_ended_before_it_has_begun(number, here):
    """While the command line is imported, too, a signal ends it with exit code 130 and no traceback."""
    code = (
        "import os, sys\nfrom simulator import __main__\n"
        f"class Finder:\n    def find_spec(self, name, *_):\n"
        f"        if name == 'typer':\n            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder())\nsys.argv[1:] = ['run', 'small.toml']\n__main__.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted; nothing was written\n")


def child_processes(number):
    """Return the numbers of the processes that a process has started, where the system tells."""
    tasks = Path(f"/proc/{number}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


def test_who_ignores_a_closed_terminal_is_not_interrupted():
    """Started by nohup, a command does not hear SIGHUP; the others it does, and hands them back."""
    told = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    terminated = signal.signal(signal.SIGTERM, lambda *_: told.append("before"))
    try:
        with progress.Progress(quiet=True) as bar:
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
            assert bar.is_stopped and told == ["before"]
        signal.raise_signal(signal.SIGTERM)
        assert told == ["before"] * 2
    finally:
        signal.signal(signal.SIGHUP, before)
        signal.signal(signal.SIGTERM, terminated)


def test_plain_lines_say_how_far_work_is(monkeypatch):
    """A line has the stage, what is done and what is left, where that is known; lines come less and less often."""
    monkeypatch.setattr(progress, "FIRST", 2.0)
    lines = progress.Lines()
    lines.stage = "reading the tape"
    assert (lines.due, lines.line(2.0), lines.due) == (2, "2 s: reading the tape", 4)

    lines.stage, lines.done, lines.total = "freeze", 1, 4
    assert (lines.line(4.0), lines.due) == ("4 s: freeze, 25 % done, about 12 s left", 8)
    lines.line(100.0)
    assert lines.due == 160


def test_on_a_pipe_plain_lines_come_until_the_work_is_done(monkeypatch, capsys):
    """The lines are printed beside the work, unless it is quiet."""
    monkeypatch.setattr(progress, "FIRST", 0.0)
    with progress.Progress() as bar:
        bar.started("reading the tape")
        deadline, told = time.monotonic() + 30, ""
        while "reading the tape" not in told and time.monotonic() < deadline:
            time.sleep(0.01)
            told += capsys.readouterr().err
    assert "0 s: reading the tape\n" in told
    assert progress.Progress(quiet=True).lines is None


# ---- words ---------------------------------------------------------------------------------------
def test_the_version(simulator):
    """`simulator --version` is the package's."""
    assert simulator("--version") == (0, f"simulator {__version__}\n", "")


def test_help_names_every_command(simulator):
    """Help lists the commands in one screen, without importing what they need."""
    code, out, _ = simulator("--help")

    assert code == 0
    assert all(f"  {name} " in out for name in ("run", "compare", "check", "parameters", "measures", "policies"))


@pytest.mark.parametrize(
    ("arguments", "forbidden"),
    [
        (["--help"], {"numpy", "numba", "pydantic", "rich", "scipy", "matplotlib", "pyarrow"}),
        (["new", "mine"], {"numpy", "numba", "rich", "scipy", "matplotlib", "pyarrow", "tomlkit"}),
        (["check", "small.toml"], {"numpy", "numba", "rich", "scipy", "matplotlib", "pyarrow", "tomlkit"}),
        (["parameters", "small.toml"], {"numba", "scipy", "matplotlib", "pyarrow"}),
        (["policies"], {"numba", "scipy", "matplotlib", "pyarrow"}),
        (["measures"], {"numba", "matplotlib", "pyarrow"}),
        (["compare", "small.toml", "--quiet"], {"numba", "matplotlib", "scipy.optimize", "scipy.stats", "xlsxwriter"}),
    ],
)
def test_commands_import_nothing_heavy_that_they_can_spare(arguments, forbidden, here):
    """Commands start at once, because they import nothing that is slow to import: pictures have their own process."""
    code = (
        f"import sys\nfrom simulator import cli\ntry:\n    cli.main({arguments})\nfinally:\n"
        f"    print(sorted({forbidden} & set(sys.modules)), file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_check_says_valid_and_writes_nothing(simulator, here):
    """`check` names the variants of a good file and leaves the directory as it is."""
    before = tree(here)

    code, out, err = simulator("check", "small.toml")

    assert (code, out.splitlines()[0], err) == (0, "small.toml: valid; variants: remind", "")
    assert out.splitlines()[1].startswith("  remind: policy.remind")
    assert tree(here) == before


def test_parameters_shows_every_value_and_what_variants_change(simulator, here):
    """Each number stands with unit and source; a variant's value stands under the one it changes."""
    code, out, _ = simulator("parameters", "small.toml")
    lines = [line.split() for line in out.splitlines()]
    place = lines.index(["policy.remind.enabled", "false"])

    assert code == 0 and lines[place + 1] == ["remind", "true"]
    assert "0.0152083333333 per month author of small.toml" in " ".join(" ".join(lines[k]) for k in range(len(lines)))
    shown = {line[0] for line in lines if line}
    assert [key for key in load_scenario(here / "small.toml").provenance if _head(key) not in shown] == []


def _head(key):
    """Return the key of the row that shows `key`: a distribution stands in one."""
    name, _, last = key.rpartition(".")
    return name if last in ("mean", "sigma", "min", "max", "value", "median", "low", "high") else key


@pytest.mark.parametrize(("command", "words"), [("policies", "limit_cut"), ("measures", "bad_debt_rate")])
def test_registries_are_explained_in_markdown(command, words, simulator):
    """Away from a terminal, and with --markdown anywhere, the registries print Markdown."""
    plain, asked = simulator(command), simulator(command, "--markdown")

    assert plain == asked and plain[0] == 0
    assert plain[1].startswith("# ") and words in plain[1] and "|---|" in plain[1]


def test_policies_show_every_setting(simulator):
    """Each setting of each policy is in the table of its policy, or of all policies."""
    from simulator.policy.registry import kinds

    _, out, _ = simulator("policies")
    for module in kinds().values():
        assert module.DESCRIPTION in out and module.EFFECT in out
        for name, field in module.Settings.model_fields.items():
            assert f"| `{field.alias or name}` |" in out


def test_the_example_of_the_readme_is_valid(simulator, here):
    """The scenario in the README, saved beside it, has the variants it shows."""
    text = (ROOT / "README.md").read_text().split("```toml\n")[1].split("```")[0]
    (here / "my.toml").write_text(text)
    code, out, err = simulator("check", "my.toml", "--set", "policy.halve.keep=0.4")

    assert (code, err) == (0, "") and "halve_at_30" in out and "halve_at_60" in out


def test_the_readme_and_the_makefile_name_what_exists(simulator, here):
    """Every command and option of the simulator in the Makefile and the README is one that help knows."""
    text = (ROOT / "README.md").read_text() + (ROOT / "Makefile").read_text()
    lines = [line.split("#")[0].split("simulator ")[1].split() for line in text.splitlines() if "/simulator " in line]
    assert len(lines) >= 4
    for command, *rest in lines:
        code, out, _ = simulator(command, "--help")
        assert code == 0 and all(word in out for word in rest if word.startswith("--"))


def test_parameters_on_a_narrow_terminal_leave_room_for_values():
    """At 80 columns long keys are folded and no value is broken; at 120 keys are whole."""
    loaded = load_scenario(ROOT / "scenarios" / "huabei.toml")
    printed = {}
    for width in (80, 120):
        console = Console(width=width, record=True, file=StringIO())
        console.print(table(loaded, width))
        printed[width] = console.export_text()

    assert "segment.salaried.opening.causes" in printed[120] and "segment.salaried.forget.distribution" in printed[120]
    assert max(map(len, printed[80].splitlines())) <= 80
    lines = [line.rstrip() for line in printed[80].splitlines()]  # a value has its range with it
    assert any(line.startswith("segment.salaried ") and " 0.6 [0.4, 0.8] " in line for line in lines)
    assert len(lines) < 2.5 * len(printed[120].splitlines())


@pytest.mark.parametrize(
    ("command", "name", "others", "misspelt"),
    [("measures", "npv", "net_loss", "npw"), ("policies", "limit_cut", "## hardship", "limitcut")],
)
def test_one_measure_or_policy_alone(command, name, others, misspelt, simulator):
    """With a name only that one is explained; an unknown one is an error with the nearest."""
    code, out, _ = simulator(command, name)

    assert code == 0 and name in out and others not in out
    assert simulator(command, misspelt)[0] == 2
    assert f"did you mean {name}?" in simulator(command, misspelt)[2]


@pytest.mark.parametrize(
    ("redirected", "code"),
    [
        ("check small.toml >&-", 0),
        ("check nope.toml 2>&-", 2),
        ("check small.toml >/dev/full", 2),
        ("check nope.toml 2>/dev/full", 2),
    ],
)
def test_a_stream_that_takes_nothing_is_no_internal_failure(redirected, code, here):
    """With output closed, or on a full disk, a command ends with its exit code and one line at most."""
    command = f"{shlex.quote(sys.executable)} -m simulator {redirected}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], cwd=here, env=environment, capture_output=True, text=True)

    assert done.returncode == code
    assert len(done.stderr.splitlines()) <= 1 and "Traceback" not in done.stderr


def test_a_terminal_without_a_sign_shows_another(here):
    """A Chinese Windows terminal has no true minus and no unbreakable space: it shows plain ones."""
    code = "from simulator import cli; cli._open_streams(); print('\u22121\u00a0%, \u2264')"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "gbk"}
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True)

    assert done.stdout.decode("gbk") == "-1 %, \u2264\n"


def test_a_circle_of_links_above_the_folder_is_refused_at_once(simulator, here):
    """Not after the simulation, and not as an internal failure."""
    (here / "one").symlink_to("two")
    (here / "two").symlink_to("one")

    code, _, err = simulator("run", "small.toml", "--out", "one/x/y")
    assert (code, err) == (2, "error: one/x/y: is a circle of links; choose another --out\n")

"""The files and words a user gives: what is no regular file, too large, or no text ends at once and is named."""

import contextlib
import gzip
import os
import socket

import pytest

from conftest import ROOT
from simulator import cli
from simulator.estimation import levels
from simulator.inputs import MOST_RECORDS, MOST_TEXT, UNPACKED_FREELY
from simulator.printable import printable
from simulator.scenario.errors import Problem, UserError
from simulator.scenario.reader import load_scenario
from simulator.scenario.toml_text import MOST_BITS, MOST_DEEP, MOST_PARTS, tables_of
from test_bad_input import GOOD

MAPPING = '[columns]\naccount_id = "id"\nlimit = "limit"\nbalance = "balance"\ndpd = "late"\n'
PANEL_MAPPING = MAPPING + 'month = "month"\n'
TAPE = "id,limit,balance,late\na,9000,5000,0\nb,9000,100,31\n"
PANEL = "id,month,limit,balance,late\na,2024-01,9000,5000,0\na,2024-02,9000,5000,0\na,2024-03,9000,5000,0\n"
KINDS = {
    "pipe": ("this is a pipe", os.mkfifo),
    "device": ("this is a device", lambda path: os.symlink("/dev/zero", path)),
    "socket": ("this is a socket", lambda path: _socket(path)),
    "directory": ("this is a directory", os.mkdir),
    "loop": ("symbolic links", lambda path: os.symlink(os.path.basename(path), path)),
    "huge": ("bytes; allowed: up to", lambda path: _sparse(path)),
    "dangling": ("no such file", lambda path: os.symlink("/nowhere/at/all", path)),
}
SERIES = ("--date", "q", "--unemployment", "u", "--rate", "r")
READERS = {  # what reads the file `strange` with this suffix
    "scenario": (".toml", ("check", "{}")),
    "run": (".toml", ("run", "{}")),
    "extends": (".toml", ("check", "top.toml")),
    "variant": (".toml", ("check", "variant.toml")),
    "tape": (".csv", ("check", "book.toml", "--set", "portfolio.tape={}")),
    "tape packed": (".csv.gz", ("check", "book.toml", "--set", "portfolio.tape={}")),
    "tape parquet": (".parquet", ("check", "book.toml", "--set", "portfolio.tape={}")),
    "mapping": (".toml", ("check", "book.toml", "--set", "portfolio.mapping={}")),
    "panel": (".csv", ("calibrate", "{}", "--mapping", "panel.toml")),
    "panel mapping": (".toml", ("calibrate", "panel.csv", "--mapping", "{}")),
    "panel backtest": (".csv", ("backtest", "{}", "--mapping", "panel.toml", "--fit-until", "2024-02")),
    "prior": (".toml", ("calibrate", "many.csv", "--mapping", "panel.toml", "--structural", "--prior", "{}")),
    "series": (".csv", ("macro", "{}", *SERIES)),
    "series parquet": (".parquet", ("macro", "{}", *SERIES)),
    "policy": (".py", ("policies", "--check", "{}")),
    "own policy": (".py", ("check", "good.toml", "--allow-code", "--set", 'policy.own.kind="file:{}"')),
}


def _socket(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)  # a name of its own folder: the path of a socket is short


def _sparse(path):
    path.touch()
    os.truncate(path, MOST_RECORDS + 1)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a current folder with files that are right, and some that name `strange.toml`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / "top.toml").write_text('extends = ["good.toml", "strange.toml"]\n')
    (tmp_path / "variant.toml").write_text('extends = "good.toml"\n[variant.a]\nextends = "strange.toml"\n')
    (tmp_path / "book.toml").write_text(GOOD.replace("borrowers = 100", 'tape = "tape.csv"\nmapping = "map.toml"'))
    (tmp_path / "tape.csv").write_text(TAPE)
    (tmp_path / "map.toml").write_text(MAPPING)
    (tmp_path / "panel.csv").write_text(PANEL)
    rows = [f"a{i},2024-{month:02},9000,5000,0" for i in range(40) for month in (1, 2, 3)]
    (tmp_path / "many.csv").write_text("\n".join(["id,month,limit,balance,late", *rows]))
    (tmp_path / "panel.toml").write_text(PANEL_MAPPING)
    return tmp_path


@pytest.fixture
def simulator(capsys):
    """Return a function that runs a command line in this process and returns (exit code, output, error output)."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return left.value.code or 0, said.out, said.err

    return run


def listing(folder):
    """Return the names of everything under a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_of_its_size_ends_at_once(reader, kind, simulator, here):
    """A pipe, a device, a socket, a folder, a circle of links, a terabyte: exit 2, the name, nothing written."""
    suffix, command = READERS[reader]
    words, make = KINDS[kind]
    make(here / f"strange{suffix}")
    before = listing(here)
    code, out, err = simulator(*(word.replace("{}", f"strange{suffix}") for word in command))

    assert (code, out) == (2, "")
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert f"strange{suffix}" in err and words in err
    assert listing(here) == before


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_read_within_bounds_too(kind, here, capsys):
    """The targets of the shipped levels are a file like others."""
    words, make = KINDS[kind]
    make(here / "strange.toml")

    assert levels.main(["strange.toml"]) == 2
    assert words in capsys.readouterr().err


def test_a_packed_file_that_unpacks_without_end_is_refused(here, simulator):
    """A tape that grows more than a hundredfold, beyond what any may, is named; nothing is kept of it."""
    rows = b"a,9000,5000,0\n" * 75_000
    with gzip.open(here / "bomb.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"id,limit,balance,late\n")
        for _ in range(UNPACKED_FREELY // len(rows) + 1):
            file.write(rows)
    code, _, err = simulator("check", "book.toml", "--set", "portfolio.tape=bomb.csv.gz")

    assert code == 2
    assert f"unpacks to more than {UNPACKED_FREELY:,} bytes" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("months = " + "1" * 5000, ["a number of 5,000 digits", "line 1"]),
        ("\n\nmonths = 0x" + "f" * 5000, ["months", "20000 bits", f"allowed: {MOST_BITS}"]),
        ("months = " + "[" * 400 + "]" * 400, ["nested too deeply"]),
        ("months = " + "[" * 20 + "]" * 20, [f"allowed: {MOST_DEEP} tables and lists"]),
        ("a" + ".a" * MOST_PARTS + " = 1", [f"more than {MOST_PARTS} parts", "line 1"]),
        ("x = 1\n[" + ".".join(["'a b'"] * 5000) + "]", [f"more than {MOST_PARTS} parts", "line 2"]),
        ('title = "a\\u001b[31mb"', ["title", "a control character: \\x1b"]),
        ('title = "a\\nerror: b"', ["title", "a control character: \\n"]),
        ('title = "a\\u0000"', ["title", "a control character: \\x00"]),
        ('segment."a\\u202e".share = 1', ["segment.a\\u202e", "a control character in a key"]),
        ('portfolio.tape = "a\\u0000.csv"', ["portfolio.tape", "\\x00"]),
    ],
)
def test_what_no_file_may_hold_is_told_with_its_place(text, words, here, simulator):
    """Numbers without end, tables without end, control characters: in a file, in what it extends, and in --set."""
    (here / "bad.toml").write_text(text)
    (here / "above.toml").write_text('extends = ["good.toml", "bad.toml"]\n')
    commands = [("bad.toml",), ("above.toml",)] + ([("good.toml", "--set", text)] if "\n" not in text else [])
    for command in commands:
        code, _, err = simulator("check", *command)

        assert code == 2 and err.startswith("error: ")
        assert [word for word in words if word not in err] == []
        assert len(err.splitlines()) == 1


def test_bounds_on_text_are_beyond_what_is_shipped():
    """Every shipped file is far below the bounds, and a number in bounds is left to the schema."""
    sizes = [path.stat().st_size for path in (ROOT / "scenarios").rglob("*.toml")]

    assert 10 * max(sizes) < MOST_TEXT
    assert tables_of(f"a = {2**MOST_BITS - 1}", "x") == {"a": 2**MOST_BITS - 1}
    with pytest.raises(UserError):
        tables_of(f"a = {2**MOST_BITS}", "x")


@pytest.mark.parametrize(
    "word", ["a\x1b[31m.toml", "a\nerror: b.toml", "a\x9b31m.toml", "a\u202e.toml", "\udcff.toml", "a\0"]
)
def test_words_with_control_characters_are_refused(word, simulator, here):
    """A word that could steer the terminal, forge a line or is no text is told in signs that cannot."""
    for command in (("check", word), ("run", "good.toml", "--out", word), ("run", "good.toml", "--months", word)):
        code, out, err = simulator(*command)

        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1 and err.isprintable() is False and err[:-1].isprintable()
        assert "a control character" in err


def test_what_is_told_is_one_line_that_steers_nothing():
    """File, key, what was found and what is allowed are each written out."""
    problem = Problem("a\r.toml", "key\x1b[2J", "found \x9b31m\nerror: all is lost", "allowed: \u2066x")

    assert str(problem) == "a\\r.toml: key\\x1b[2J: found \\x9b31m\\nerror: all is lost; allowed: \\u2066x"
    assert printable("Ünï\u00a0和 🙂 ±") == "Ünï\u00a0和 🙂 ±"
    assert len(str(Problem("a", found="x" * 10**6))) < 3000


def test_codes_on_a_tape_steer_no_terminal(here, simulator):
    """What stands in the records is shown in signs."""
    (here / "tape.csv").write_bytes(TAPE.replace("b,", '"\x1b[31mb",').encode() + b'"\x1b[31mb",1,1,1\n')
    code, _, err = simulator("check", "book.toml")

    assert code == 2 and "\\x1b[31mb" in err and "\x1b" not in err


def test_markup_in_a_name_is_only_its_name(here, simulator):
    """A title in brackets, or between colons, is printed as it is."""
    (here / "good.toml").write_text(GOOD.replace('"Good"', '"[red]Good[/] :smile: [/b]"'))
    sizes = ("--borrowers", "20", "--months", "2", "--replications", "2", "--set", "policy.write_off.end=2")
    code, out, _ = simulator("run", "good.toml", *sizes, "--out", "out")

    assert (code, out.splitlines()[0].startswith("[red]Good[/] :smile: [/b]")) == (0, True)
    assert load_scenario(here / "out/scenario.toml").baseline.title == "[red]Good[/] :smile: [/b]"

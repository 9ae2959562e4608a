"""The files and words a user gives: what is no regular file, too large, or no text ends at once and is named."""

import gzip

import pytest

from conftest import ROOT
from simulator import cli
from simulator.estimation import levels
from simulator.inputs import MOST_TEXT, UNPACKED_FREELY
from simulator.printable import printable
from simulator.scenario.errors import Problem, UserError
from simulator.scenario.reader import load_scenario
from simulator.scenario.toml_text import MOST_BITS, MOST_DEEP, MOST_PARTS, tables_of

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks import strange


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a current folder with files that are right, and some that name `strange.toml`."""
    monkeypatch.chdir(tmp_path)
    strange.write_right(tmp_path)
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


@pytest.mark.parametrize("kind", strange.KINDS)
@pytest.mark.parametrize("reader", strange.READERS)
def test_what_is_no_file_of_its_size_ends_at_once(reader, kind, simulator, here):
    """A pipe, a device, a socket, a folder, a circle of links, a terabyte: exit 2, the name, nothing written."""
    reading, (words, make) = strange.READERS[reader], strange.KINDS[kind]
    make(here / reading.name)
    before = listing(here)
    code, out, err = simulator(*reading.command)

    assert (code, out) == (2, "")
    assert all(line.startswith("error: ") for line in err.splitlines())
    assert reading.name in err and words in err
    assert listing(here) == before


@pytest.mark.parametrize("kind", strange.KINDS)
def test_targets_are_read_within_bounds_too(kind, here, capsys):
    """The targets of the shipped levels are a file like others."""
    words, make = strange.KINDS[kind]
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
    (here / "tape.csv").write_text(strange.RIGHT["tape.csv"].replace("b,", '"\x1b[31mb",') + '"\x1b[31mb",1,1,1\n')
    code, _, err = simulator("check", "book.toml")

    assert code == 2 and "\\x1b[31mb" in err and "\x1b" not in err


def test_markup_in_a_name_is_only_its_name(here, simulator):
    """A title in brackets, or between colons, is printed as it is."""
    (here / "good.toml").write_text(strange.GOOD.replace('"Good"', '"[red]Good[/] :smile: [/b]"'))
    sizes = ("--borrowers", "20", "--months", "2", "--replications", "2")
    code, out, _ = simulator("run", "good.toml", *sizes, "--out", "out")

    assert (code, out.splitlines()[0].startswith("[red]Good[/] :smile: [/b]")) == (0, True)
    assert load_scenario(here / "out/scenario.toml").baseline.title == "[red]Good[/] :smile: [/b]"

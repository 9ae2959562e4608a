"""The files and words a user gives: what is no regular file, too large, or no text ends at once and is named."""

import gzip

import numpy as np
import pytest

from conftest import ROOT
from simulator.estimation import levels
from simulator.lowering.quantiles import quantiles
from simulator.model.errors import Problem, UserError
from simulator.model.printable import printable
from simulator.scenario.distributions import Beta
from simulator.scenario.reader import load_scenario
from simulator.scenario.toml_text import MOST_BITS, MOST_DEEP, MOST_PARTS, tables_of
from simulator.system.inputs import MOST_TEXT, UNPACKED_FREELY

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks import strange


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a current folder with files that are right, and some that name `strange.toml`."""
    monkeypatch.chdir(tmp_path)
    strange.write_right(tmp_path)
    return tmp_path


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n".join(f"unknown_{i} = 1" for i in range(5000)), ["unknown key", "what comes after these"]),
        ("\n".join(f'[policy.p{i}]\nkind = "closure"' for i in range(3000)), ["policy: 3,000 tables", "up to 100"]),
        ("\n".join(f"[segment.s{i}]\nshare = 0.1" for i in range(3000)), ["segment: 3,001 tables", "up to 200"]),
        ("\n".join(f"[segment.s{i}]\nincome = 3" for i in range(3000)), ["segment: 3,001 tables", "up to 200"]),
        ("\n".join(f'[variant.v{i}]\ntitle = "x"' for i in range(3000)), ["variant: 3,000 tables", "up to 100"]),
        (f"[economy]\npath = [{'{month = 1, unemployment = 0.1}, ' * 3000}]", ["found 3000 members", "at most 600"]),
    ],
)
def test_what_there_is_too_much_of_is_told_soon(text, words, here, simulator):
    """Thousands of keys, policies, segments, variants: one look, not one at each with each."""
    (here / "crowd.toml").write_text(f"{strange.GOOD}\n{text}\n")
    code, _, err = simulator("check", "crowd.toml")

    assert code == 2 and len(err.splitlines()) <= 201
    assert [word for word in words if word not in err] == []


def test_files_on_files_without_end_are_told_soon(here, simulator):
    """A chain of files, a list of files and all files together have bounds, and each file is read once."""
    for i in range(40):
        (here / f"chain{i}.toml").write_text(f'extends = "chain{i + 1}.toml"\n')
        (here / f"long{i}.toml").write_text(f"{strange.GOOD}#{'x' * 900_000}\n")
    cases = {
        'extends = "chain0.toml"': "too long a chain",
        f"extends = {['good.toml'] * 101}": "up to 100 such paths",
        f"extends = {[f'long{i}.toml' for i in range(5)]}": "more than 4,194,304 characters",
    }
    for text, words in cases.items():
        (here / "top.toml").write_text(text)
        code, _, err = simulator("check", "top.toml")

        assert code == 2 and words in err and len(err.splitlines()) == 1


OWN = """
from simulator.policy import Policy
{top}
DESCRIPTION = EFFECT = "It is."
NEUTRAL = EXAMPLE = {{"kind": "file:own.py"}}

class Settings(Policy):
{settings}
    pass

def write(levers, settings, context):
    {write}
"""
RAISES = {
    "at import": {"top": "raise SystemExit(0)"},
    "at import, in words": {"top": "import sys; sys.exit('bye\\x1b[31m')"},
    "at import, endlessly": {"top": "def f(): return f()\nf()"},
    "at import, interrupted": {"top": "raise KeyboardInterrupt"},
    "no Python": {"top": "def ("},
    "in write": {"write": "1 / 0"},
    "in write, leaving": {"write": "raise SystemExit(3)"},
    "in write, endlessly": {"write": "write(levers, settings, context)"},
    "in write, interrupted": {"write": "raise KeyboardInterrupt"},
    "in contradictions": {"settings": "    def contradictions(self):\n        yield 1"},
    "in contradictions, leaving": {"settings": "    def contradictions(self):\n        raise SystemExit"},
    "in conflicts": {"settings": "    def conflicts(self, others):\n        yield 1, 2"},
    "in exits": {"settings": "    def exits(self):\n        return 1"},
    "in acts_at": {"settings": "    def acts_at(self):\n        raise KeyError('x')"},
    "in a default": {"settings": "    def model_post_init(self, context):\n        raise KeyError('x')"},
}


@pytest.mark.parametrize("how", RAISES)
def test_a_policy_that_raises_is_named_by_check(how, here, simulator):
    """Whatever the code of a policy raises, SystemExit, an interrupt and endless recursion too, names its file."""
    (here / "own.py").write_text(OWN.format(**{"top": "", "settings": "", "write": "pass"} | RAISES[how]))
    own, other = 'policy.own={kind="file:own.py"}', 'policy.other={kind="autopay", enrolled=0.5}'
    for command in (["check"], ["run", "--quiet", "--out", "out"], ["parameters"]):
        code, _, err = simulator(*command, "good.toml", "--allow-code", "--set", own, "--set", other)
        if command == ["parameters"] and "write" in how:
            continue  # which writes no levers

        assert code == 2, (command, err)
        assert "own.py" in err and err[:-1].isprintable() and err.startswith("error: ")
        assert not (here / "out").exists()
    code, _, err = simulator("policies", "--check", "own.py")
    assert code == 2 and "own.py" in err and "Traceback" not in err


def test_a_policy_beyond_what_the_month_can_take_is_refused(here, simulator):
    """A lever that compiled code would use to look where nothing is never reaches it."""
    (here / "own.py").write_text(OWN.format(top="", settings="", write="levers.month[:, 0, 0, :] = 10**12"))
    for command in (["check"], ["run", "--quiet", "--out", "out"]):
        code, _, err = simulator(*command, "good.toml", "--allow-code", "--set", 'policy.own={kind="file:own.py"}')

        assert code == 2 and "own.py: write: levers.month[" in err and "allowed:" in err


def test_a_variant_whose_policy_raises_is_named_by_check(here, simulator):
    """Levers of a policy that only a variant has in force are written too."""
    (here / "own.py").write_text(OWN.format(top="", settings="", write="raise ValueError('no')"))
    text = '\n[policy.own]\nkind = "file:own.py"\nenabled = false\n[variant.a]\npolicy.own.enabled = true\n'
    (here / "mine.toml").write_text(strange.GOOD + text)
    code, _, err = simulator("check", "mine.toml", "--allow-code")

    assert (code, err) == (2, f"error: {here / 'own.py'}: write raises ValueError: no\n")


@pytest.mark.parametrize(
    "command", [["run", "--out", "out"], ["compare", "--out", "out"], ["diary", "--borrower", "all:0"]]
)
def test_more_people_than_there_is_room_for_are_refused_at_once(command, here, simulator, monkeypatch):
    """Billions of applicants a month are counted before the first of them is made."""
    monkeypatch.setattr("simulator.system.needs.machine_memory", lambda: 10**9)
    many = ("--set", "portfolio.applicants_per_month=4000000000", "--months", "600")
    code, _, err = simulator(*command, "good.toml", *many)

    assert code == 2 and "memory: the scenario would take" in err
    assert not (here / "out").exists()


@pytest.mark.parametrize("mean", [1e-9, 0.001, 0.22, 0.5, 1 - 1e-9])
@pytest.mark.parametrize("width", [1e-15, 1e-9, 1e-4, 0.5, 1 - 1e-4, 1 - 1e-9])
def test_a_beta_of_any_width_has_quantiles(mean, width):
    """From all at the mean to all at the ends: rising numbers between 0 and 1, none of them missing."""
    x = quantiles(Beta(distribution="beta", mean=mean, sd=width * (mean * (1 - mean)) ** 0.5))

    assert np.isfinite(x).all() and (np.diff(x) >= 0).all() and x[0] >= 0 and x[-1] <= 1
    assert abs(x.mean() - mean) < 0.01


def test_a_spread_beyond_all_numbers_is_told_at_its_key(here, simulator):
    """A standard deviation whose square is no number is one that the mean leaves no room for."""
    beta = 'segment.all.forget={distribution="beta", mean=0.5, sd=1e308}'
    code, _, err = simulator("check", "good.toml", "--set", beta)

    assert (code, err) == (
        2,
        "error: --set: segment.all.forget: sd must be below 0.5, the most this mean leaves room for\n",
    )

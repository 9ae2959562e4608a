"""Input made wrong without end: every answer is a result or one message, soon, with nothing left behind.

A case is made from the seed and its number alone, so that it can be made again; what goes wrong is kept in a folder
with the command that shows it, after the changes that it does not need have been taken back.
"""

import contextlib
import csv
import gzip
import io
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

from simulator import cli
from simulator.model.printable import controls_in
from simulator.report import results  # noqa: F401  knows Drawing by name: imported while that is patched, for good

from . import mutations, records, strange
from .worlds import SCENARIOS

SECONDS = 10  # in which an answer must be there: of this process's time, as other processes may be at work
PATIENCE = 120  # seconds on the clock, after which a case is ended
SMALL = ("--borrowers", "8", "--months", "2", "--replications", "2")
SMALL += ("--set", "run_off_months=2", "--set", "portfolio.applicants_per_month=3")
MUTANT = "scenarios/mutant.toml"
CHANGES = (1, 1, 1, 2, 3, 5)  # how many are made at once
DRAWN = 40  # one command in so many draws its pictures, in this process


RAISED = re.compile(r"[A-Za-z_.]*(Error|Warning|Exception|Interrupt)\b")  # how the line begins that says what


_TAPE = ("panel.csv", "--mapping", "panel.toml")
_QUARTERS = ("--date", "id", "--unemployment", "limit", "--rate", "late")
COMMANDS = (  # that are right but for the last, which finds something wrong with its file
    ("check", "book.toml", "--set", "months=3", "--allow-code"),
    *(("parameters", "good.toml"), ("measures", "--markdown")),
    ("run", "good.toml", "--borrowers", "8", "--seed", "3", "--threads", "1", "--out", "out", "--quiet"),
    ("compare", "good.toml", "--months", "2", "--replications", "2", "--keep-replications", "--overwrite", "--out=out"),
    ("diary", "good.toml", "--borrower", "all:0", "--replication", "0", "--variant", "baseline"),
    *(("policies", "--markdown"), ("policies", "--check", "panel.csv"), ("--version",), ("check", "--help")),
    *(("calibrate", *_TAPE, "--out", "out"), ("backtest", *_TAPE, "--fit-until", "2024-02", "--out", "out")),
    *(
        (*line.split(), "--borrowers", "8", "--months", "2", "--out", "out")
        for line in (
            "compare decide.toml --doubt 2 --variant cut",
            "compare decide.toml --until npv=90% --without cut --against baseline",
            "flips decide.toml --replications 2 --key discount_rate --map discount_rate,policy.cut.keep",
            "sweep decide.toml --replications 2 --vary policy.cut.keep=0.1:0.9:2 --tornado",
            "breakeven decide.toml --replications 2 --vary policy.cut.keep=0.1:0.9 --variant cut",
            "optimise decide.toml --replications 2 --vary policy.cut.keep=0.1:0.9:2 --maximise npv",
            "tail decide.toml --replications 200 --level 0.9 --variant cut",
        )
    ),
    ("new", "mine"),
    ("learn", "panel.csv", "--scenario", "decide.toml", "--effect", "policy.cut.keep", "--counts", "day1_rate"),
    ("macro", "panel.csv", *_QUARTERS, "--leave-out", "2005Q4", "--curve", "probit", "--out", "out"),
)


class Case(NamedTuple):
    """Files, and commands that are given one after the other as long as they succeed."""

    files: dict[str, bytes]
    commands: list[list[str]]


class Told(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str
    seconds: float


class Fault(NamedTuple):
    """An answer that must not be."""

    what: str
    command: list[str]
    said: str


class Undrawn:
    """Stands in for what draws the pictures of a report, most of the time of a small one."""

    def __enter__(self):
        """Return itself."""
        return self

    def __exit__(self, *_):
        """Nothing to end."""

    def get_ready(self):
        """Nothing to import."""

    def begin(self, comparison, languages=()):
        """Nothing to begin."""

    def pictures(self, comparison):
        """Return no pictures."""
        return []


class TooLong(BaseException):
    """An answer that is not there after PATIENCE; no `except Exception` may take it for its own."""


class Found(NamedTuple):
    """What a fuzz run has come to."""

    cases: dict[str, int]  # by kind
    codes: dict[str, int]  # how commands ended, by kind and exit code
    slowest: float  # seconds
    faults: list[tuple[str, Fault]]  # by name of the case


# ---- cases -----------------------------------------------------------------------------------------------------------


class Maker:
    """Makes the cases of a seed; `kept` says which of its changes are made, all where it is None."""

    def __init__(self, seed: int):
        """Read the shipped scenarios, as written and as resolved."""
        from simulator.scenario.reader import load_scenario

        self.seed = seed
        self.trees: list[dict] = []
        for path in sorted(SCENARIOS.glob("*.toml")):
            self.trees.append(tomllib.loads(path.read_text(encoding="utf-8")))
            self.trees.append(tomllib.loads(load_scenario(path).text()))

    def dice(self, kind: str, number: int, what: object) -> Random:
        """Return the dice of one decision of a case."""
        return Random(f"{self.seed}:{kind}:{number}:{what}")

    def changes(self, kind: str, number: int) -> list[int]:
        """Return the numbers of the changes that a case has."""
        return list(range(self.dice(kind, number, "changes").choice(CHANGES)))

    def case(self, kind: str, number: int, kept: list[int] | None = None) -> Case:
        """Return case `number` of a kind."""
        make = {"scenario": self._scenario, "tape": self._tape, "command": self._command}[kind]
        return make(number, self.changes(kind, number) if kept is None else kept)

    def _scenario(self, number, kept) -> Case:
        dice = self.dice("scenario", number, "base")
        tree = mutations.copy.deepcopy(dice.choice(self.trees))
        how, commands = dice.choice(["tree", "tree", "near", "near", "set", "bytes"]), []
        then = dice.choice(["parameters", "compare", "compare", "compare", "run", "diary"])
        who = f"--borrower={next(iter(tree.get('segment', ['0'])))}:{dice.choice([0, 1, 99])}"
        sets: list[str] = []
        content = mutations.document_of(tree).encode()
        for change in kept:
            rest = self.dice("scenario", number, change)
            if how == "tree":
                mutations.mutate_tree(tree, rest)
                content = mutations.document_of(tree).encode("utf-8", "surrogatepass")
            elif how == "near":
                mutations.nudge_tree(tree, rest)
                content = mutations.document_of(tree).encode()
            elif how == "bytes":
                content = mutations.mutate_bytes(content, rest)
            else:
                sets += ["--set", self._override(tree, rest)]
        commands = [["check", MUTANT, *sets]]
        if then == "parameters":
            commands.append(["parameters", MUTANT, *sets])
        else:
            commands.append([then, MUTANT, *sets, *SMALL, who if then == "diary" else "--out=out"])
        return Case({MUTANT: content}, commands)

    def _override(self, tree, dice) -> str:
        """Return the words of a --set on some key."""
        keys, node = [], tree
        while isinstance(node, dict) and node and (not keys or dice.random() < 0.8):
            keys.append(dice.choice(list(node)))
            node = node[keys[-1]]
        if dice.random() < 0.1:
            keys.insert(dice.randrange(len(keys) + 1), dice.choice(mutations.TEXTS))
        key = ".".join(key if key.replace("_", "").isalnum() else mutations.toml_of(key) for key in keys)
        return f"{key}={mutations.toml_of(mutations.anything(dice))}"

    def _tape(self, number, kept) -> Case:
        dice = self.dice("tape", number, "base")
        shape = records.SHAPES[dice.choice(list(records.SHAPES))]()
        suffix = dice.choice([".csv", ".csv", ".csv", ".csv.gz", ".parquet"])
        how = [dice.choice(["rows", "rows", "mapping" if shape.mapping else "rows", "bytes"]) for _ in CHANGES]
        rows, mapping = [list(row) for row in shape.rows], mutations.copy.deepcopy(shape.mapping)
        flips, tape = [], f"tape{suffix}"
        for change in kept:
            rest = self.dice("tape", number, change)
            if how[change] == "rows" and rows:
                mutations.mutate_rows(rows, rest)
            elif how[change] == "mapping":
                mutations.mutate_tree(mapping, rest)
            else:
                flips.append(rest)
        content = packed(rows, suffix)
        files = {"map.toml": mutations.document_of(mapping).encode("utf-8", "surrogatepass")}
        for rest in flips:
            if shape.mapping and rest.random() < 0.3:
                files["map.toml"] = mutations.mutate_bytes(files["map.toml"], rest)
            else:
                content = mutations.mutate_bytes(content, rest)
        files |= {tape: content} | ({"book.toml": shape.scenario.encode()} if shape.scenario else {})
        words = [word.replace("{}", tape) for word in shape.command]
        return Case(files, [[*words, *(SMALL if shape.command[0] == "run" else ()), "--out=out"]])

    def _command(self, number, kept) -> Case:
        words = list(self.dice("command", number, "base").choice(COMMANDS))
        for change in kept:
            mutations.mutate_words(words, self.dice("command", number, change))
        return Case({name: text.encode() for name, text in strange.RIGHT.items()}, [words])


def packed(rows: mutations.Rows, suffix: str) -> bytes:
    """Return records as the bytes of a file whose name ends in `suffix`."""
    if suffix == ".parquet":
        width = max(map(len, rows), default=0)
        names = [f"{name}" for name in rows[0]] if rows else []
        columns = [[row[at] if at < len(row) else None for row in rows[1:]] for at in range(min(width, len(names)))]
        content = io.BytesIO()
        pq.write_table(
            pa.Table.from_arrays([_typed(column) for column in columns], names=names[: len(columns)]), content
        )
        return content.getvalue()
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode("utf-8", "surrogatepass")
    return gzip.compress(content, mtime=0) if suffix.endswith(".gz") else content


def _typed(cells) -> pa.Array:
    """Return a column of whole numbers, of numbers or of text."""
    for kind, of in ((pa.int64(), int), (pa.float64(), float)):
        try:
            return pa.array([None if cell in (None, "") else of(cell) for cell in cells], kind)
        except (ValueError, pa.ArrowInvalid, OverflowError):
            continue
    return pa.array(cells, pa.string())


# ---- answers ---------------------------------------------------------------------------------------------------------


def told(words: list[str]) -> Told:
    """Return what the command line answers to `words` in this process; a warning is an internal failure."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    begun, code = time.process_time(), 0
    before = signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("error")
            cli.main(list(words))
    except SystemExit as left:
        code = left.code or 0
    except TooLong:
        code = -1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    seconds = time.process_time() - begun
    said = []
    for stream in (out, err):
        stream.flush()
        said.append(stream.buffer.getvalue().decode("utf-8", "replace"))
    return Told(code, *said, seconds)


def _ring(*_):
    raise TooLong


def wrong(answer: Told, before: set[str], after: set[str]) -> str:
    """Return what is wrong with an answer, given the names of the files before and after; "" if nothing is."""
    lines = answer.err.splitlines()
    if "Traceback" in answer.err or answer.code not in (0, 2):
        return f"exit code {answer.code}: {next(filter(RAISED.match, reversed(lines)), '')}"
    if answer.seconds > SECONDS:
        return f"{answer.seconds:.1f} seconds"
    if answer.code == 2 and after != before:
        return f"left behind: {', '.join(sorted(after ^ before))}"
    usage = bool(lines) and lines[-1].startswith("Error: ")  # of the command line itself
    if answer.code == 2 and not usage and not (lines and all(line.startswith("error: ") for line in lines)):
        return "the message is not made of lines that begin with error:"
    if sign := controls_in((answer.out + answer.err).replace("\n", "")):
        return f"a control character reaches the terminal: {sign}"
    return ""


def names_in(folder: Path) -> set[str]:
    """Return the names of everything in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


class Runner:
    """Runs cases in a folder of its own, with the shipped scenarios in it."""

    def __init__(self, folder: Path):
        """Put the shipped scenarios there."""
        self.folder = folder
        shutil.copytree(SCENARIOS, folder / "scenarios")
        self.shipped = names_in(folder)
        self.codes: dict[str, int] = {}
        self.slowest, self.asked = 0.0, 0

    def told(self, command: list[str]) -> Told:
        """Return an answer; the pictures of most reports are left out."""
        self.asked += 1
        if self.asked % DRAWN == 0:
            with patch("simulator.report.drawing.available_threads", lambda: 1):
                return told(command)
        with patch("simulator.report.drawing.Drawing", Undrawn):
            return told(command)

    def fault(self, case: Case, kind: str = "") -> Fault | None:
        """Return what is wrong with the first command whose answer is, None where none is; count codes of a `kind`."""
        for name, content in case.files.items():
            (self.folder / name).write_bytes(content)
        before = names_in(self.folder)
        try:
            with contextlib.chdir(self.folder):
                for command in case.commands:
                    answer = self.told(command)
                    if kind:
                        self.slowest = max(self.slowest, answer.seconds)
                        ended = f"{kind if kind == 'command' else f'{kind} {command[0]}'}: {answer.code}"
                        self.codes[ended] = self.codes.get(ended, 0) + 1
                    if what := wrong(answer, before, names_in(self.folder)):
                        return Fault(what, command, answer.err)
                    if answer.code:
                        return None
        finally:
            for name in names_in(self.folder) - self.shipped:
                path = self.folder / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return None


def shrunk(maker: Maker, runner: Runner, kind: str, number: int, fault: Fault) -> tuple[Case, Fault]:
    """Return the case with the changes taken back that its fault does not need."""
    kept = maker.changes(kind, number)
    for change in list(kept):
        fewer = [other for other in kept if other != change]
        again = runner.fault(maker.case(kind, number, fewer)) if fewer else None
        if again and again.what == fault.what:
            kept, fault = fewer, again
    return maker.case(kind, number, kept), fault


def keep(folder: Path, name: str, case: Case, fault: Fault) -> None:
    """Write a case and its command into a folder of `folder`."""
    place = folder / name.replace(" ", "-")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(SCENARIOS, place / "scenarios") if MUTANT in case.files else place.mkdir(parents=True)
    for file, content in case.files.items():
        (place / file).write_bytes(content)
    (place / "command.txt").write_text(f"simulator {shlex.join(fault.command)}\n", encoding="utf-8")
    (place / "said.txt").write_text(f"{fault.what}\n\n{fault.said}", encoding="utf-8", errors="replace")


def run(
    seed: int, counts: dict[str, int], out: Path, tell: Callable[[str, int, int], None], only: int | None = None
) -> Found:
    """Run `counts` cases of each kind, or the one of number `only`, and keep in `out` those that show a fault."""
    maker, faults, total = Maker(seed), [], sum(counts.values())
    with TemporaryDirectory() as place:
        runner = Runner(Path(place))
        for kind, count in counts.items():
            for number in range(count) if only is None else [only] * bool(count):
                if found := runner.fault(maker.case(kind, number), kind):
                    case, found = shrunk(maker, runner, kind, number, found)
                    name = f"{seed} {kind} {number}"
                    keep(out, name, case, found)
                    faults.append((name, found))
                tell(kind, 1, total)
        return Found(counts, runner.codes, runner.slowest, faults)


# ---- special files ---------------------------------------------------------------------------------------------------


def special() -> Iterator[tuple[str, Fault | None]]:
    """Yield every strange file before every reader, each command in a process of its own, and what was wrong."""
    for kind, (words, make) in strange.KINDS.items():
        for name, reader in strange.READERS.items():
            with TemporaryDirectory() as place:
                folder = Path(place)
                strange.write_right(folder)
                make(folder / reader.name)
                yield f"{kind} as {name}", _apart(folder, reader.command, words)


def _apart(folder, words, said) -> Fault | None:
    """Return what is wrong with the answer of a process of its own, which must say `said`."""
    before, begun = names_in(folder), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "simulator", *words]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(SCENARIOS.parent)},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Fault(f"no answer in {PATIENCE} seconds", words, "")
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun
    what = wrong(Told(done.returncode, done.stdout, done.stderr, seconds), before, names_in(folder))
    if not what and (done.returncode != 2 or said not in done.stderr):
        what = f"exit code {done.returncode}, and not told: {said}"
    return Fault(what, words, done.stderr) if what else None

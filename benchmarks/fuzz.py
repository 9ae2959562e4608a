"""Input made wrong without end: every answer is a result or one message, soon, with nothing left behind.

A case is made from the seed and its number alone, so that it can be made again; what goes wrong is kept in a folder
with the command that shows it, after the changes that it does not need have been taken back.
"""

import contextlib
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
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from unittest.mock import patch

from typer.main import get_command

from simulator import cli
from simulator.model.printable import controls_in
from simulator.report import results  # noqa: F401  knows Drawing by name: imported while that is patched, for good

from . import strange
from .cases import MUTANT, Case, Maker
from .workers import Log, answers
from .worlds import SCENARIOS

SECONDS = 10  # in which an answer must be there: of this process's time, as other processes may be at work
PATIENCE = 60  # seconds of this process's time, after which a command is ended
MUTE = 1800  # ... and on the clock, after which a process is that has not answered a case
DRAWN = 40  # one command in so many draws its pictures, in this process ...
WRITTEN = 8  # ... and one in so many writes its tables: most of the time of a small run


AT_WORK = re.compile(
    r"[\d,]+ s: "
)  # how a line begins that says how far work is: of work that is soon done there is none
RAISED = re.compile(r"[A-Za-z_.]*(Error|Warning|Exception|Interrupt)\b")  # how the line begins that says what


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
    others: int = 0  # cases that were answered by other sources, before the run was resumed


# ---- answers ---------------------------------------------------------------------------------------------------------


def told(words: list[str]) -> Told:
    """Return what the command line answers to `words` in this process; a warning is an internal failure."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    begun, code = time.process_time(), 0
    before = signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("error")
            cli.main(list(words))
    except SystemExit as left:
        code = left.code or 0
    except TooLong:
        code = -1
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
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
    first = next((k for k, line in enumerate(lines) if line.startswith("error: ")), len(lines))
    messages = [line for line in lines[first:] if not AT_WORK.match(line)]  # after notes on what was read
    if "Traceback" in answer.err or answer.code not in (0, 2):
        return f"exit code {answer.code}: {next(filter(RAISED.match, reversed(lines)), '')}"
    if answer.seconds > SECONDS:
        return f"{answer.seconds:.1f} seconds"
    if answer.code == 2 and after != before:
        return f"left behind: {', '.join(sorted(after ^ before))}"
    usage = bool(lines) and lines[-1].startswith("Error: ")  # of the command line itself
    if answer.code == 2 and not usage and not (messages and all(line.startswith("error: ") for line in messages)):
        return "the message is not made of lines that begin with error:"
    if sign := controls_in((answer.out + answer.err).replace("\n", "")):
        return f"a control character reaches the terminal: {sign}"
    return ""


def names_in(folder: Path) -> set[str]:
    """Return the names of everything in a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files into a folder, and the folders that they are in."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


_command_of = cache(get_command)  # of the command line: to make it anew takes as long as to check a scenario


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
        """Return an answer; the pictures and the tables of most runs are left out."""
        self.asked += 1
        with contextlib.ExitStack() as left_out:
            left_out.enter_context(patch("typer.main.get_command", _command_of))
            if self.asked % DRAWN == 0:
                left_out.enter_context(patch("simulator.report.drawing.available_threads", lambda: 1))
            else:
                left_out.enter_context(patch("simulator.report.drawing.Drawing", Undrawn))
            if self.asked % WRITTEN:
                left_out.enter_context(patch("simulator.report.parquet.write", lambda path, *_: path.touch()))
                left_out.enter_context(patch("simulator.report.page_data.page_data", lambda *_: {}))
            return told(command)

    def fault(self, case: Case, kind: str = "") -> Fault | None:
        """Return what is wrong with the first command whose answer is, None where none is; count codes of a `kind`."""
        write(self.folder, case.files)
        try:
            with contextlib.chdir(self.folder):
                for command in case.commands:
                    before = names_in(self.folder)
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
    write(place, case.files)
    (place / "command.txt").write_text(f"simulator {shlex.join(fault.command)}\n", encoding="utf-8")
    (place / "said.txt").write_text(f"{fault.what}\n\n{fault.said}", encoding="utf-8", errors="replace")


class Asker:
    """Asks one case after the other, in a process of its own."""

    def __init__(self, seed: int):
        """Make a folder to work in, which goes with the process."""
        self.maker, self.place = Maker(seed), TemporaryDirectory()
        self.runner = Runner(Path(self.place.name))

    def __call__(self, name: tuple[str, int]) -> dict[str, Any]:
        """Return how a case's commands ended, the slowest answer, and what is wrong with it, if anything."""
        runner, (kind, number) = self.runner, name
        runner.codes, runner.slowest = {}, 0.0
        found = runner.fault(self.maker.case(kind, number), kind)
        told: dict[str, Any] = {"codes": runner.codes, "slowest": round(runner.slowest, 2)}
        if found:
            case, found = shrunk(self.maker, runner, kind, number, found)
            told |= {"fault": found._asdict(), "files": {name: held.hex() for name, held in case.files.items()}}
        return told


def run(
    seed: int,
    counts: dict[str, int],
    out: Path,
    tell: Callable[[str, int, int], None],
    workers: int = 1,
    resume: bool = False,
) -> Found:
    """Run `counts` cases of each kind and keep in `out` those that show a fault; with `resume` none that has been run.

    What has been run is in `out/seed-N.jsonl`. A process that dies, or does not answer, is a fault of its case.
    """
    total, cases, codes, slowest, faults = sum(counts.values()), dict.fromkeys(counts, 0), {}, 0.0, []
    names = [(kind, number) for kind, count in counts.items() for number in range(count)]
    with Log(out / f"seed-{seed}.jsonl", resume) as log:
        asked = set(names)
        before = {name: told for name, told in log.before.items() if name in asked}
        left = (name for name in names if name not in before)
        for name, told in chain(before.items(), log.kept(answers(Asker, seed, left, workers, MUTE))):
            kind = name[0]
            cases[kind] += 1
            slowest = max(slowest, told.get("slowest", 0.0))
            for ended, count in told.get("codes", {}).items():
                codes[ended] = codes.get(ended, 0) + count
            faults += _faults(seed, name, told, out)
            tell(kind, 1, total)
    return Found(cases, codes, slowest, faults, log.others)


def one(seed: int, kind: str, number: int, out: Path) -> Found:
    """Run one case, in this process, and keep it in `out` if it shows a fault."""
    asker = Asker(seed)
    told = asker((kind, number))
    asker.place.cleanup()
    return Found({kind: 1}, told["codes"], told["slowest"], _faults(seed, (kind, number), told, out))


def _faults(seed, name, told, out):
    """Return the fault that an answer tells, in a list, kept in `out`; an empty one if it tells none."""
    kind, number = name
    if lost := told.get("lost"):
        case, fault = Maker(seed).case(kind, number), Fault(lost, [], "")
        fault = fault._replace(command=case.commands[-1])
    elif told.get("fault"):
        fault = Fault(**told["fault"])
        case = Case({file: bytes.fromhex(content) for file, content in told["files"].items()}, [])
    else:
        return []
    keep(out, f"{seed} {kind} {number}", case, fault)
    return [(f"{seed} {kind} {number}", fault)]


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

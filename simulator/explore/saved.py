"""A question as a scenario file of its own, and the whole comparison of it."""

import os
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NamedTuple

from simulator.decision.under_doubt import compare
from simulator.explore.controls import in_whole
from simulator.explore.question import Explored, Question
from simulator.language.catalogue import kept, say, speaking
from simulator.model.errors import Problem, UserError
from simulator.model.observer import Silent
from simulator.scenario.reader import load_scenario
from simulator.scenario.resolved import difference, plain, toml
from simulator.scenario.shipped import FOLDER, SUFFIX, file_called
from simulator.system.inputs import reason

SOURCE = "set on the what-if page"
MOST = 1000  # files of one name
RESULTS = Path("out")


class Saved(NamedTuple):
    """A scenario that was written: its file, its text, and the variant that is the question."""

    path: Path
    text: str
    variant: str


def text_of(explored: Explored, question: Question, folder: Path) -> str:
    """Return the scenario of a question as a file in `folder` has it: what it extends, and what differs from that."""
    scenario = explored.scenario
    file = load_scenario(scenario.path, allow_code=scenario.has_code)
    there = explored.scenario_at(question)
    baseline = plain(there.baseline, there.provenance)
    common = difference(plain(file.baseline, file.provenance), baseline)
    if question.months != explored.home.months:
        common["months"] = question.months
    own: dict[str, Any] = {"title": say("From the what-if page"), "source": SOURCE}
    if question.start in scenario.variants:
        started = plain(scenario.variants[question.start], scenario.variant_provenance[question.start])
        own |= difference(plain(scenario.baseline, scenario.provenance), started) | own
    for key, value in in_whole(explored.lender(question.start), question.moved).items():
        _put(own, key, value)
    tables = {"extends": _extended(scenario.path, folder), **common, "variant": {explored.own: own}}
    return toml(tables)


def save(explored: Explored, question: Question, folder: Path) -> Saved:
    """Write the scenario of a question into `folder`, under a name that nothing has; UserError if it cannot be."""
    stem = f"{explored.scenario.path.stem}-what-if"
    if not question.moved and question.months == explored.home.months:
        why = kept("nothing is moved: it would be what the scenario has already"), kept("move a setting first")
        raise UserError(Problem(f"{stem}{SUFFIX}", "", *why))
    text = text_of(explored, question, folder)
    for k in range(1, MOST):
        path = folder / f"{stem}{f'-{k}' if k > 1 else ''}{SUFFIX}"
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(Problem(str(path), "", f"cannot be written: {reason(error)}")) from None
        return Saved(path, text, explored.own)
    raise UserError(Problem(f"{stem}{SUFFIX}", "", f"{MOST:,} files of that name are there", "remove some"))


class Report(Silent):
    """A comparison that is made while the page goes on: how far it is, and where it lies in the end."""

    def __init__(self, saved: Saved, allow_code: bool, threads: int, language: str):
        """Take the scenario that was saved, and the language of the report; `start` begins."""
        self.saved, self.allow_code, self.threads, self.language = saved, allow_code, threads, language
        self.folder: Path | None = None
        self.problem = ""
        self._done = self._total = 0
        self._lock = Lock()

    def start(self) -> None:
        """Begin, on a thread of its own."""
        Thread(target=self._make, daemon=True).start()

    @property
    def share(self) -> float:
        """How much has been lived, from 0 to 1."""
        return min(1.0, self._done / self._total) if self._total else 0.0

    def advanced(self, what: str, done: int, total: int) -> None:
        """Count what is done."""
        with self._lock:
            self._done, self._total = self._done + done, total

    def _make(self) -> None:
        try:
            scenario = load_scenario(self.saved.path, allow_code=self.allow_code)
            with speaking(self.language):
                study = compare(scenario.choose([self.saved.variant]), self.threads, self)
                self.folder = study.save(RESULTS / self.saved.path.stem, language=self.language)
        except UserError as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
            raise


def _put(table: dict[str, Any], key: str, value: Any) -> None:
    """Put a value at a key path of tables; what stands there as a value with its source gives way."""
    *above, last = key.split(".")
    for name in above:
        table = table.setdefault(name, {})
    table[last] = value


def _extended(path: Path, folder: Path) -> str:
    """Return how a file in `folder` names the scenario that it extends."""
    real = Path(os.path.realpath(path))
    if real.is_relative_to(FOLDER):
        name = real.relative_to(FOLDER).with_suffix("").as_posix()
        if os.path.realpath(file_called(folder, name)) == str(real):
            return name
    return Path(os.path.relpath(real, os.path.realpath(folder))).as_posix()

"""What questions about a scenario have in common: they keep it in their folder, and are asked again from there."""

import os
import shlex
from abc import abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from simulator.analysis.comparison import Comparison
from simulator.language.catalogue import kept, spoken
from simulator.model.observer import Observer
from simulator.report.finding import Command, Finding
from simulator.report.paper import asked as asked_in
from simulator.run import run
from simulator.scenario.reader import SIZES, load_scenario
from simulator.scenario.scenario import Scenario
from simulator.scenario.toml_text import tables_of
from simulator.study import ScenarioLike
from simulator.system.machine import threads_of

Asked = TypeVar("Asked")
Found = TypeVar("Found")


class Question(Command):
    """A command line on the scenario that the folder itself keeps."""

    def replay(self, folder: Path) -> str:
        """Return the line that gives the same again."""
        command, *words = self.words
        file = os.path.abspath(folder / "scenario.toml")
        return shlex.join(["simulator", command, file, *words, *self.options, *asked_in(spoken())])


class Answer(Finding):
    """The answer to a question about a scenario."""

    def __init__(self, scenario: Scenario, words: tuple[str, ...], remarks: list[str]):
        """Take what was asked, by its command and options, and what must be known of how it was lived."""
        self.scenario, self.remarks = scenario, remarks
        self.command = Question(words, ("--allow-code",) if scenario.has_code else ())

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of what was asked."""
        asked = self.scenario.baseline
        return {
            "scenario": str(self.scenario.path),
            "scenario_digest": self.scenario.digest(),
            "seed": asked.seed,
            "months": asked.months,
            "borrowers": asked.portfolio.borrowers,
            "replications": asked.replications,
            **({"remarks": self.remarks} if self.remarks else {}),
        }

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number: of the scenario, then of how it was lived."""
        return [*self.scenario.cautions, *self.remarks]

    def write_tables(self, folder: Path) -> None:
        """Write every file but the report into `folder`."""
        (folder / "scenario.toml").write_text(self.scenario.text(), encoding="utf-8")
        self.write_numbers(folder)

    @abstractmethod
    def write_numbers(self, folder: Path) -> None:
        """Write what was found into `folder`."""


def asked_of(
    scenario: ScenarioLike, borrowers: int | None = None, replications: int | None = None
) -> tuple[Scenario, list[str]]:
    """Return the scenario of a question, with at most so many borrowers and replications, and what is said of that.

    What was asked for by hand, as with `--borrowers`, stays.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    remarks: list[str] = []
    if loaded.worlds:
        names = ", ".join(loaded.worlds)
        remarks.append(kept("Only the file as written is lived; compare lives its worlds too: {worlds}.", worlds=names))
    loaded = loaded.as_written
    most = {"borrowers": borrowers, "replications": replications}
    now = {"borrowers": loaded.baseline.portfolio.borrowers, "replications": loaded.baseline.replications}
    asked = {
        name: most_
        for name, most_ in most.items()
        if most_ is not None and now[name] > most_ and not _is_by_hand(loaded, SIZES[name])
    }
    if loaded.baseline.portfolio.tape:
        asked.pop("borrowers", None)
    if not asked:
        return loaded, remarks
    smaller = load_scenario(
        tables_of(loaded.text(), str(loaded.path)),
        borrowers=asked.get("borrowers"),
        replications=asked.get("replications"),
        allow_code=loaded.has_code,
    )
    return _named(smaller, loaded), [*remarks, _lived_with(asked, now)]


def _lived_with(asked: dict[str, int], now: dict[str, int]) -> str:
    """Return that a question is lived with less than the scenario asks for, in a sentence."""
    slots = {f"of_{name}": f"{now[name]:,}" for name in asked} | {name: f"{count:,}" for name, count in asked.items()}
    if len(asked) == 2:
        return kept(
            "Lived with {borrowers} of its {of_borrowers} borrowers and {replications} of its {of_replications} "
            "replications, so that so many lives take minutes; --borrowers and --replications say otherwise.",
            **slots,
        )
    return kept(
        "Lived with {borrowers} of its {of_borrowers} borrowers, so that so many lives take minutes; --borrowers say "
        "otherwise."
        if "borrowers" in asked
        else "Lived with {replications} of its {of_replications} replications, so that so many lives take minutes; "
        "--replications say otherwise.",
        **slots,
    )


def home(scenario: Scenario, lenders: list[str], threads: int | None, observer: Observer) -> Comparison:
    """Return the comparison of some variants of a scenario with its baseline as it stands."""
    variants = {name: scenario.variants[name] for name in lenders if name in scenario.variants}
    return run(scenario, variants, True, threads, observer, swap_sets=False).comparison


def together(call: Callable[[Asked], Found], each: Iterable[Asked], threads: int | None) -> list[Found]:
    """Return what `call` gives of each, in their order, with as many at a time as there are threads.

    After a failure or Ctrl-C none is begun any more.
    """
    pool = ThreadPoolExecutor(threads_of(threads))
    try:
        return [done.result() for done in [pool.submit(call, one) for one in each]]
    finally:
        pool.shutdown(cancel_futures=True)


def _is_by_hand(scenario, key):
    about = scenario.provenance.get(key)
    return about is not None and about.file.startswith("--")


def _named(scenario, like):
    """Return a scenario that was read from the tables of another under the name of its file."""
    return replace(scenario, path=like.path)

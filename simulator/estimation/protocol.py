"""What an estimator is, from records to estimates in three steps, and what it returns: an object that saves when told.

An estimator is one folder of this room. Its `estimator.py` holds two classes: the steps (`Estimator`), and what they
find (`Estimation`, or `Calibration` where that gives a scenario). `workflows.py` knows no more of them than this.
"""

import shlex
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT, Observer
from simulator.system.folders import Place, placed

Records = TypeVar("Records")
Estimates = TypeVar("Estimates")


class Command(NamedTuple):
    """The command line that gives the same again: its words, and the options that stand after `--out`."""

    words: tuple[str, ...]
    options: tuple[str, ...] = ()

    def replay(self, folder: Path) -> str:
        """Return the line that writes into `folder`."""
        return shlex.join(["simulator", *self.words, "--out", str(folder), *self.options])


class Estimation(ABC):
    """What an estimator has found: numbers in fields of its own, the same in words, and all of it in a folder."""

    command: Command

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the records."""

    @property
    @abstractmethod
    def cautions(self) -> list[str]:
        """What must be known before any number."""

    @property
    @abstractmethod
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences: the rows that were used, then what was found."""

    @abstractmethod
    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""

    @abstractmethod
    def write_tables(self, folder: Path) -> None:
        """Write every file but the report into `folder`."""

    @property
    def report(self) -> str:
        """The report as one page of HTML that opens offline."""
        return self.page({})

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [("report", "report.html")]

    def save(self, folder: str | Path | Place, overwrite: bool = False) -> Path:
        """Write everything into `folder`, whole or not at all, and return it; UserError as `Place` raises it."""
        place = placed(folder, overwrite)
        command = {"command": self.command.words[0], "replay": self.command.replay(place.folder)}

        def files(partial: Path, manifest: dict[str, Any]) -> None:
            self.write_tables(partial)
            (partial / "report.html").write_text(self.page(manifest), encoding="utf-8")

        place.write(files, command | self.facts)
        return place.folder

    def __repr__(self) -> str:
        """Return cautions and answers, a line each."""
        return "\n".join([type(self).__name__, *(f"Caution: {line}" for line in self.cautions), *self.answers])


class Calibration(Estimation):
    """An estimation that gives a scenario."""

    @property
    @abstractmethod
    def scenario(self) -> str:
        """The scenario as TOML, with its cautions; what it names lies beside it in a saved folder."""

    @property
    def rolls(self) -> Any:
        """The roll matrices, by month and pooled; UserError if the tape is no one of accounts by month."""
        raise self._without("rolls", "roll matrices")

    @property
    def factor(self) -> Any:
        """The common factor of the months; UserError if the tape is no one of accounts by month."""
        raise self._without("factor", "common factor")

    def _without(self, name: str, what: str) -> UserError:
        return UserError(Problem(name, "", f"this tape gives no {what}", "calibrate one of accounts by month"))

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [("scenario", "scenario.toml"), *super().opened]


Found = TypeVar("Found", bound=Estimation, covariant=True)


class Estimator(Protocol[Records, Estimates, Found]):
    """The steps of one estimator, in their order; what it works on and how are fields of its own.

    Each step tells `observer` what it is at. The first two raise UserError with everything that is wrong.
    """

    def read(self, observer: Observer) -> Records:
        """Return the records, checked."""

    def estimate(self, records: Records, observer: Observer) -> Estimates:
        """Return the estimates; nothing else than the records tells them."""

    def check(self, estimates: Estimates, observer: Observer) -> Found:
        """Return what was found: the estimates beside what they must agree with, such as a simulation of them."""


class Options(NamedTuple):
    """How to calibrate; an estimator takes what concerns it."""

    structural: bool = False  # fit the structural model too
    prior: Path | None = None  # scenario of what the tape cannot tell of it
    force: bool = False  # keep a structural fit that the tape refuses, with a caution
    threads: int | None = None  # of simulations; all processors if None


class Calibrator(Estimator[Records, Estimates, Found], Protocol[Records, Estimates, Found]):
    """An estimator that `workflows.calibrate` may choose."""

    def __init__(self, tape: Path, mapping: Path, options: Options):
        """Take the two files and the options."""

    @staticmethod
    def takes(mapping: Path) -> bool:
        """Return whether this file explains the records that this estimator reads; UserError if it is no TOML."""


def run_estimator(estimator: Estimator[Records, Estimates, Found], observer: Observer | None = None) -> Found:
    """Return what the estimator finds: read, estimate, check."""
    observer = SILENT if observer is None else observer
    records = estimator.read(observer)
    return estimator.check(estimator.estimate(records, observer), observer)

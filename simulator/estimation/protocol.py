"""What an estimator is, from records to estimates in three steps, and what it returns: an object that saves when told.

An estimator is one folder of this room. Its `estimator.py` holds two classes: the steps (`Estimator`), and what they
find (`Estimation`, or `Calibration` where that gives a scenario). `workflows.py` knows no more of them than this.
"""

from abc import abstractmethod
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT, Observer
from simulator.report.finding import Finding

Records = TypeVar("Records")
Estimates = TypeVar("Estimates")


class Estimation(Finding):
    """What an estimator has found of records."""


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

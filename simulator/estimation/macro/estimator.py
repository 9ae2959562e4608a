"""Quarters of a loss rate and of unemployment -> the macro link, as a layer for a scenario."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.estimation.macro import report
from simulator.estimation.macro.link import Link, economy_toml, link
from simulator.estimation.macro.series import Series, read_series
from simulator.estimation.protocol import Estimation
from simulator.model.observer import Observer
from simulator.reading.files import file_digest
from simulator.report.finding import Command
from simulator.report.paper import Picture


@dataclass(frozen=True, repr=False)
class MacroEstimation(Estimation):
    """What a series gives: the link, and the layer that carries it into a scenario."""

    command: Command
    link: Link
    file: str
    sha256: str  # of the file

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the series."""
        return {"series": self.file, "sha256": self.sha256}

    @property
    def layer(self) -> str:
        """The part of a scenario that the link gives, as TOML."""
        return economy_toml(self.link)

    @property
    def cautions(self) -> list[str]:
        """Return none: what is doubtful of a link stands in its answers."""
        return []

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        return report.answers(self.link)

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [("layer for a scenario", "economy.toml"), *super().opened]

    def write_tables(self, folder: Path) -> None:
        """Write economy.toml, macro.json and macro.svg into `folder`."""
        (folder / "economy.toml").write_text(self.layer, encoding="utf-8")
        report.write_tables(self.link, folder)

    @property
    def drawn(self) -> Picture:
        """The link, and the quarters that it was fitted to."""
        return report.picture(self.link)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML."""
        return report.page(self.link, manifest)


@dataclass(frozen=True)
class MacroEstimator:
    """The estimator of the macro link: `date`, `unemployment` and `rate` name columns, `leave_out` quarters."""

    series: Path
    date: str
    unemployment: str
    rate: str
    leave_out: tuple[str, ...] = ()
    curve: str = "logit"  # or probit

    def read(self, observer: Observer) -> Series:
        """Return the quarters of the file."""
        return read_series(self.series, self.date, self.unemployment, self.rate)

    def estimate(self, series: Series, observer: Observer) -> Link:
        """Return the link, with and without the quarters that it does not explain."""
        observer.started("fitting the link")
        return link(series, self.leave_out, self.curve)

    def check(self, found: Link, observer: Observer) -> MacroEstimation:
        """Return the link; the fit itself has held it against its own quarters."""
        words = ["macro", str(self.series), "--date", self.date]
        words += ["--unemployment", self.unemployment, "--rate", self.rate]
        words += [word for quarter in self.leave_out for word in ("--leave-out", quarter)] + ["--curve", self.curve]
        return MacroEstimation(Command(tuple(words)), found, self.series.name, file_digest(str(self.series)))

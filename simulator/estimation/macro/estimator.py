"""Quarters of a loss rate and of unemployment -> the macro link, as a layer for a scenario."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.estimation.macro import report
from simulator.estimation.macro.findings import Findings, findings
from simulator.estimation.macro.layer import economy_toml
from simulator.estimation.macro.link import Link
from simulator.estimation.macro.series import Series, read_series
from simulator.estimation.protocol import Estimation
from simulator.model.observer import Observer
from simulator.reading.files import file_digest
from simulator.report.finding import Command
from simulator.report.paper import Picture


@dataclass(frozen=True, repr=False)
class MacroEstimation(Estimation):
    """What a series gives: the link, what was chosen among its kin, and the layer that goes into a scenario."""

    command: Command
    found: Findings
    file: str
    sha256: str  # of the file

    @property
    def link(self) -> Link:
        """The link without lag and memory."""
        return self.found.link

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the series."""
        return {"series": self.file, "sha256": self.sha256}

    @property
    def layer(self) -> str:
        """The part of a scenario that the link gives, as TOML."""
        return economy_toml(self.found)

    @property
    def cautions(self) -> list[str]:
        """Return that the choice does not forecast, where it is so."""
        return report.cautions(self.found)

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        return report.answers(self.found)

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        ahead = [("forecast", "forecast.csv")] if self.found.forecast.quarters else []
        return [("layer for a scenario", "economy.toml"), *ahead, *super().opened]

    def write_tables(self, folder: Path) -> None:
        """Write economy.toml, macro.json, macro.svg and, if there is one, forecast.csv into `folder`."""
        (folder / "economy.toml").write_text(self.layer, encoding="utf-8")
        report.write_tables(self.found, folder)

    @property
    def drawn(self) -> Picture:
        """The link, the quarters that it was fitted to, and the forecast."""
        return report.picture(self.found)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML."""
        return report.page(self.found, manifest)


@dataclass(frozen=True)
class MacroEstimator:
    """The estimator of the macro link: `date`, `unemployment`, `rate`, `drivers` name columns.

    `leave_out` names quarters.
    """

    series: Path
    date: str
    unemployment: str
    rate: str
    leave_out: tuple[str, ...] = ()
    curve: str = "logit"  # or probit
    drivers: tuple[str, ...] = ()  # beside unemployment: "COLUMN" or "COLUMN:FORM"

    def read(self, observer: Observer) -> Series:
        """Return the quarters of the file."""
        return read_series(self.series, self.date, self.unemployment, self.rate, self.drivers)

    def estimate(self, series: Series, observer: Observer) -> Findings:
        """Return the link, the choice with its errors out of time, and the forecast."""
        return findings(series, self.leave_out, self.curve, observer)

    def check(self, found: Findings, observer: Observer) -> MacroEstimation:
        """Return what was found; it has been held against quarters that were not fitted."""
        words = ["macro", str(self.series), "--date", self.date]
        words += ["--unemployment", self.unemployment, "--rate", self.rate]
        words += [word for driver in self.drivers for word in ("--driver", driver)]
        words += [word for quarter in self.leave_out for word in ("--leave-out", quarter)] + ["--curve", self.curve]
        return MacroEstimation(Command(tuple(words)), found, self.series.name, file_digest(str(self.series)))

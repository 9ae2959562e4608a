"""The structural fit in a calibration's folder: structural.toml, its tables as CSV, its part of the page."""

from pathlib import Path
from typing import NamedTuple

from simulator.estimation.roll_rates.calibrate import Calibration
from simulator.estimation.roll_rates.cautions import of_levels
from simulator.estimation.roll_rates.hindcast import Hindcast, hindcast
from simulator.estimation.structural.fit import StructuralFit
from simulator.estimation.structural.scenario import NOT_IDENTIFIED, cautions, scenario_text, tables
from simulator.report.paper import Section, Table
from simulator.report.results import write_csv

FILES = ("parameters", "moments")  # tables that have a file of their own


class Fitted(NamedTuple):
    """A fit, its levels beside the tape's, and what must be known of it before any number."""

    fit: StructuralFit
    levels: Hindcast
    cautions: list[str]

    @classmethod
    def of(cls, fit: StructuralFit, done: Calibration, threads: int | None) -> "Fitted":
        """Return the fit of the calibration `done`, lived over the tape's own months."""
        levels = hindcast(done.panel, scenario_text(fit), done.mapping_text, threads)
        return cls(fit, levels, [*cautions(fit), *of_levels(levels)])


def write(folder: Path, fitted: Fitted) -> None:
    """Write the fitted scenario with its cautions, and its tables, into `folder`."""
    (folder / "structural.toml").write_text(scenario_text(fitted.fit, fitted.cautions), encoding="utf-8")
    for name in FILES:
        rows = tables(fitted.fit)[name]
        write_csv(folder / f"structural_{name}.csv", rows[0] if rows else (), (row.values() for row in rows))


def section(fit: StructuralFit) -> Section:
    """Return the part of the page about the fit."""
    said = tables(fit)
    words = [_sentence(row["verdict"]) for row in said["verdict"]]
    words += [_sentence(row["not_told"]) for row in said["open"]]
    parameters = [
        (
            row["parameter"],
            f"{row['prior']:.4g}",
            NOT_IDENTIFIED
            if row["low"] is None
            else (f"{row['estimate']:.4g}", f"{row['low']:.4g} to {row['high']:.4g}"),
            f"{row['prior_width_left']:.0%}",
        )
        for row in said["parameters"]
    ]
    moments = [
        (row["moment"], f"{row['observed']:.4f}", f"{row['simulated']:.4f}", f"{row['z']:+.1f}", row["role"])
        for row in said["moments"]
    ]
    causes = [(row["cause"].replace("_", " "), f"{row['share']:.1%}") for row in said["causes"]]
    notes = " ".join(_sentence(row["assumption"]) for row in said["assumptions"])
    return Section(
        "Why they pay: the structural fit",
        words,
        (),
        [
            Table(("parameter", "prior", "fitted", "of the prior's width left"), parameters, notes),
            Table(("moment", "on the tape", "simulated", "z", ""), moments),
            Table(("cause of a missed due, in the fitted world", "share"), causes),
        ],
    )


def _sentence(line: str) -> str:
    """Return a line that begins with a capital letter and ends with a full stop."""
    return line[:1].upper() + line[1:] + ("" if line.endswith(".") else ".")

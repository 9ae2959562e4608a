"""The structural fit in a calibration's folder: its tables as CSV, and its part of the page."""

from pathlib import Path

from simulator.estimation.structural.fit import StructuralFit
from simulator.estimation.structural.scenario import NOT_IDENTIFIED, tables
from simulator.report.paper import Section, Table
from simulator.report.results import write_csv

FILES = ("parameters", "moments")  # tables that have a file of their own


def write_tables(folder: Path, fit: StructuralFit) -> None:
    """Write the tables of a fit into `folder`."""
    for name in FILES:
        rows = tables(fit)[name]
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

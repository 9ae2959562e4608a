"""The structural fit in a calibration's folder: its tables as CSV, and its part of the page."""

from pathlib import Path

import numpy as np

from simulator.analysis.tie import Moves
from simulator.estimation.structural.fit import StructuralFit
from simulator.estimation.structural.people import CANDIDATES
from simulator.estimation.structural.scenario import NOT_IDENTIFIED, tables
from simulator.estimation.structural.tied import TiedBook
from simulator.report.paper import Section, Table
from simulator.report.results import write_csv

BUCKETS_SHOWN = 7
FILES = ("parameters", "moments")  # tables that have a file of their own


def write_tables(folder: Path, fit: StructuralFit) -> None:
    """Write the tables of a fit into `folder`."""
    for name in FILES:
        rows = tables(fit)[name]
        write_csv(folder / f"structural_{name}.csv", rows[0] if rows else (), (row.values() for row in rows))


def write_tie(folder: Path, book: TiedBook) -> None:
    """Write tie.csv into `folder`: by month and bucket what is asked for, what is lived, and the tie that does it."""
    columns = ("month", "bucket", "worse_asked", "worse", "cured_asked", "cured", "shift", "part")
    tied, reference = book.tied, book.reference.of_buckets(len(book.tied.tie.shift[0]))
    shares = [some / np.maximum(of.there, 1) for some, of in (
        (reference.worse, reference), (tied.seen.worse, tied.seen),
        (reference.cured, reference), (tied.seen.cured, tied.seen),
    )]  # fmt: skip
    rows = (
        (m + 1, b, *(f"{table[m, b]:.5f}" for table in shares), shift, tied.tie.part[m][b - 1] if b else 0.0)
        for m, by_bucket in enumerate(tied.tie.shift)
        for b, shift in enumerate(by_bucket)
    )
    write_csv(folder / "tie.csv", columns, rows)


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


def tied_section(book: TiedBook) -> Section:
    """Return the part of the page about the levels that the scenario is tied to."""
    tied, reference = book.tied, book.reference
    each = enumerate(zip(tied.asked, tied.seen.late, tied.off, strict=True), start=1)
    rows = [(str(m), f"{asked:.2%}", f"{own:.2%}", f"{off:+.1%}") for m, (asked, own, off) in each]
    buckets = range(min(len(tied.seen.there[0]), BUCKETS_SHOWN))

    def share(some: Moves, part: str, bucket: int) -> str:
        there = some.there[:, bucket].sum()
        return f"{getattr(some, part)[:, bucket].sum() / there:.1%}" if there else ""

    moves = [
        (str(b), *(share(of, part, b) for part in ("worse", "cured") for of in (reference, tied.seen))) for b in buckets
    ]
    words = [
        *tied.cautions,
        "The forecast is that of the scenario of roll rates, at factor 0. In the baseline, and there alone, a shift of "
        "the reasons and a share of part payments are sought by month and bucket; variants share them. Each account's "
        f"holder is one of {CANDIDATES} people of the prior, drawn by what the account did on the tape. What the "
        "prior's shares of causes get wrong stays wrong: it is not on the tape. `compare --doubt` draws their ranges.",
    ]
    return Section(
        "Levels that reasons are tied to",
        words,
        (),
        [
            Table(("month", "30+ of the forecast", "30+ tied", "off by"), rows),
            Table(
                ("bucket", "worse, forecast", "worse, tied", "current again, forecast", "current again, tied"), moves
            ),
        ],
    )


def _sentence(line: str) -> str:
    """Return a line that begins with a capital letter and ends with a full stop."""
    return line[:1].upper() + line[1:] + ("" if line.endswith(".") else ".")

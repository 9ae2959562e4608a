"""A run's folder: its numbers, and the page that shows them."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulator.analysis.comparison import Comparison
from simulator.report.drawing import Drawing
from simulator.system.folders import Place, placed, write_json


def get_ready(drawing: Drawing) -> None:
    """Import what `write` takes: on a thread beside the simulation, whose compiled code leaves Python free."""
    from simulator.report import parquet, render  # noqa: F401

    drawing.get_ready()


def write(
    folder: Path | Place,
    comparison: Comparison,
    manifest: dict,
    scenario_text: str,
    overwrite: bool = False,
    keep_replications: bool = False,
    drawing: Drawing | None = None,
) -> dict:
    """Write a run's folder and return the manifest as written; raise UserError as `Place` and its `write` do.

    `drawing` draws the pictures of the report meanwhile; without, this process does.
    """
    # Heavy (Arrow, Jinja): a light command that only checks a folder does not pay for them.
    from simulator.report import parquet
    from simulator.report.render import render

    drawing = drawing or Drawing(processors=1)
    drawing.begin(comparison)
    manifest = {**manifest, "result_digest": comparison.result_digest}

    def files(partial: Path, manifest: dict) -> None:
        write_json(partial / "summary.json", comparison.summary())
        (partial / "scenario.toml").write_text(scenario_text, encoding="utf-8")
        parquet.write_monthly(partial / "monthly.parquet", comparison, keep_replications)
        parquet.write_rolls(partial / "rolls.parquet", comparison)
        parquet.write_vintages(partial / "vintages.parquet", comparison)
        parquet.write_comparison(partial / "comparison.parquet", comparison)
        parquet.write_replications(partial / "replications.parquet", comparison)
        page = render(comparison, manifest, drawing.pictures(comparison))
        (partial / "report.html").write_text(page, encoding="utf-8")

    return placed(folder, overwrite).write(files, manifest)


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file; None is an empty cell."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)

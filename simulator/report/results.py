"""A run's folder: its numbers, and the page that shows them."""

import csv
import tomllib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from simulator.analysis.comparison import Comparison
from simulator.analysis.worlds import result_digest, summary
from simulator.language.catalogue import ENGLISH
from simulator.report.drawing import Drawing
from simulator.scenario.scenario import AS_WRITTEN
from simulator.system.folders import Place, placed, write_json

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes the beginning of a formula to be


def get_ready(drawing: Drawing) -> None:
    """Import what `write` takes: on a thread beside the simulation, whose compiled code leaves Python free."""
    from simulator.report import page_data, parquet  # noqa: F401

    drawing.get_ready()


def write(
    folder: Path | Place,
    comparison: Comparison,
    manifest: dict,
    scenario_text: str,
    overwrite: bool = False,
    keep_replications: bool = False,
    drawing: Drawing | None = None,
    elsewhere: Mapping[str, Comparison] | None = None,
    excel: Callable[[Path], Any] | None = None,
    language: str = ENGLISH,
    shards: Mapping[str, Any] | None = None,
) -> dict:
    """Write a run's folder and return the manifest as written; raise UserError as `Place` and its `write` do.

    `drawing` draws the pictures of the report meanwhile; without, this process does. `elsewhere` is what becomes of the
    same lenders in other worlds, by name. `excel`, if there is to be a workbook, writes it. `shards` are
    their digests, if it was lived in shards. The page is in `language`,
    or in both; all other files are in English.
    """
    # Heavy (Arrow, Jinja): a light command that only checks a folder does not pay for them.
    from simulator.report import parquet
    from simulator.report.page_data import page_data
    from simulator.report.paper import in_each, languages_of
    from simulator.report.render import render

    drawing = drawing or Drawing(processors=1)
    languages = languages_of(language)
    drawing.begin(comparison, languages)
    worlds = {AS_WRITTEN: comparison, **(elsewhere or {})}
    manifest = {**manifest, "result_digest": result_digest(worlds)}

    tables = tomllib.loads(scenario_text)

    def files(partial: Path, manifest: dict) -> None:
        write_json(partial / "summary.json", summary(worlds))
        (partial / "scenario.toml").write_text(scenario_text, encoding="utf-8")
        parquet.write_monthly(partial / "monthly.parquet", worlds, keep_replications)
        parquet.write_rolls(partial / "rolls.parquet", worlds)
        parquet.write_vintages(partial / "vintages.parquet", worlds)
        parquet.write_comparison(partial / "comparison.parquet", worlds)
        parquet.write_replications(partial / "replications.parquet", worlds)
        parquet.write_each(partial, comparison.tables())
        write_json(partial / "page.json", page_data(worlds, tables), indent=None)
        if shards:
            write_json(partial / "shards.json", shards, indent=None)
        if excel:
            excel(partial / "results.xlsx")
        pictures = dict(in_each(languages, lambda _: drawing.pictures(comparison)))
        page = render(comparison, manifest, pictures, worlds, tables)
        (partial / "report.html").write_text(page, encoding="utf-8")

    return placed(folder, overwrite).write(files, manifest)


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file; None is an empty cell, and no name is a formula to a spreadsheet (`inert`)."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(map(inert, row) for row in rows)


def inert(cell: Any) -> Any:
    """Return a cell of a CSV file as no spreadsheet takes it for a formula: text that begins like one after a quote.

    Source: OWASP, CSV injection.
    """
    if not (isinstance(cell, str) and cell.startswith(FORMULA)):
        return cell
    with suppress(ValueError):  # a number written out
        float(cell)
        return cell
    return f"'{cell}"

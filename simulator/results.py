"""A run's folder: written beside its place and renamed, so that it is either complete or not there."""

import csv
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from simulator.comparison import Comparison
from simulator.ledger import result_digest
from simulator.report.drawing import Drawing
from simulator.scenario.errors import Problem, UserError


def check_folder(folder: Path, overwrite: bool) -> None:
    """Raise UserError if `folder` holds a run and `overwrite` is not set, or holds anything else.

    Even with `overwrite` only a folder that a run has written is replaced, never one with other files.
    """
    folder = Path(folder)
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() and not (folder / "manifest.json").is_file():
        raise UserError(Problem(str(folder), found="holds something other than a run", allowed="choose another --out"))
    if folder.exists() and not overwrite:
        raise UserError(Problem(str(folder), found="holds a complete run", allowed="--overwrite replaces it"))
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):  # said now, not after the simulation
        raise UserError(Problem(str(folder), found=f"cannot be made in {above}", allowed="choose another --out"))


def environment() -> dict:
    """Return the versions and the processor that a result was made with."""
    from importlib.metadata import PackageNotFoundError, version

    def version_of(package):
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    versions = {name: version_of(name) for name in ("simulator", "numpy", "numba", "scipy", "pyarrow")}
    return {
        "versions": {"python": platform.python_version(), **versions},
        "cpu": cpu_name(),
        "system": platform.system(),
    }


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def get_ready(drawing: Drawing) -> None:
    """Import what `write` takes: on a thread beside the simulation, whose compiled code leaves Python free."""
    from simulator.report import parquet, render  # noqa: F401

    drawing.get_ready()


def write(
    folder: Path,
    comparison: Comparison,
    manifest: dict,
    scenario_text: str,
    overwrite: bool = False,
    keep_replications: bool = False,
    drawing: Drawing | None = None,
) -> dict:
    """Write a run's folder and return the manifest as written; raise UserError as `check_folder` does.

    `drawing` is what has begun to draw the pictures of the report; without, this process does.
    """
    # Heavy (Arrow, Jinja): a light command that only checks a folder does not pay for them.
    from simulator.report import parquet
    from simulator.report.render import render

    drawing = drawing or Drawing(processors=1)
    digest = result_digest([(name, ledger.sums) for name, ledger in comparison.ledgers.items()])
    manifest = {**manifest, "result_digest": digest}

    def files(partial: Path, manifest: dict) -> None:
        (partial / "scenario.toml").write_text(scenario_text, encoding="utf-8")
        parquet.write_monthly(partial / "monthly.parquet", comparison, keep_replications)
        parquet.write_rolls(partial / "rolls.parquet", comparison)
        parquet.write_vintages(partial / "vintages.parquet", comparison)
        parquet.write_comparison(partial / "comparison.parquet", comparison)
        write_json(partial / "summary.json", comparison.summary())
        page = render(comparison, manifest, drawing.pictures(comparison))
        (partial / "report.html").write_text(page, encoding="utf-8")

    return write_folder(folder, files, manifest, overwrite)


def write_folder(folder: Path, files: Callable[[Path, dict], None], manifest: dict, overwrite: bool = False) -> dict:
    """Write a folder of results whole or not at all, and return its manifest as written.

    `files` is given the folder to write into and the manifest. Raises UserError as `check_folder` does.
    """
    folder = Path(folder)
    check_folder(folder, overwrite)
    manifest = {**environment(), **manifest}
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        files(partial, manifest)
        write_json(partial / "manifest.json", manifest)  # last: its presence means the folder is complete
        replace_folder(folder, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def replace_folder(folder, partial):
    """Put `partial` where `folder` is; what was there is removed only after the new one stands."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    try:
        partial.rename(folder)
    except BaseException:  # an interrupt too
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def write_json(path, content):
    """Write JSON that any reader takes: no NaN, readable text."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV file; None is an empty cell."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)

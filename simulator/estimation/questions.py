"""The questions to records, from file to folder: calibrate, backtest and the macro link."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from simulator import results
from simulator.folders import Place, placed
from simulator.report.progress import Progress


def calibrate(
    tape: Path,
    mapping: Path,
    folder: Path | Place,
    overwrite: bool = False,
    structural: bool = False,
    prior: Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Write the calibration of a tape into `folder` and return what to tell the user; UserError if the tape is wrong.

    A tape of loans with their outcomes gives a scenario of loans; one of accounts by month gives roll matrices, the
    common factor and a scenario that starts from its last month, with `structural` also a structural fit, which keeps
    of the scenario `prior` what the tape cannot tell.
    """
    from simulator.estimation.outcomes.calibrate import has_outcomes

    progress = progress or Progress(quiet=True)
    place = placed(folder, overwrite, progress.note)
    if has_outcomes(mapping):
        return _calibrate_outcomes(tape, mapping, place, threads, progress)

    from simulator.estimation.roll_rates import report
    from simulator.estimation.roll_rates.calibrate import calibrate as estimate
    from simulator.estimation.roll_rates.calibrate import one_month_ahead
    from simulator.estimation.structural import report as structural_report

    progress.say("reading the tape and estimating")
    done = estimate(tape, mapping)
    text, mapped = done.scenario_text(), done.mapping_text()
    fitted = _structural(done, prior, threads, progress) if structural else None
    command = ["simulator", "calibrate", str(tape), "--mapping", str(mapping), "--out", str(place.folder)]
    command += (["--structural"] if structural else []) + (["--prior", str(prior)] if prior else [])
    manifest = {"command": "calibrate", "replay": shlex.join(command)}
    manifest |= {"tape": done.panel.facts, "months": list(done.panel.months)}
    told = []

    def files(partial: Path, manifest: dict) -> None:
        (partial / "scenario.toml").write_text(text, encoding="utf-8")
        (partial / "mapping.toml").write_text(mapped, encoding="utf-8")
        report.write_tables(partial, done)
        ahead = one_month_ahead(
            done, partial / "scenario.toml", lambda k, n: progress.advance("a month ahead", 1, n), progress.compiling
        )
        results.write_csv(partial / "one_month_ahead.csv", report.AHEAD_COLUMNS, report.ahead_rows(ahead))
        sections = []
        if fitted:
            structural_report.write(partial, *fitted)
            sections = [structural_report.section(fitted[1])]
        (partial / "report.html").write_text(report.page(done, ahead, manifest, sections), encoding="utf-8")
        told.extend(report.answers(done, ahead))

    place.write(files, manifest)
    names = ["scenario.toml", "structural.toml"] if fitted else ["scenario.toml"]
    told = [f"Caution: {caution}" for caution in done.cautions()] + told
    return [*told, *(f"scenario: {place.folder / name}" for name in names), f"report: {place.folder / 'report.html'}"]


def backtest(
    tape: Path,
    mapping: Path,
    fit_until: str,
    folder: Path | Place,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Write the backtest of a tape into `folder` and return what to tell the user; UserError if the tape is wrong."""
    from simulator.estimation.backtest import report
    from simulator.estimation.backtest.backtest import backtest as test
    from simulator.estimation.panels.reader import read_panel

    progress = progress or Progress(quiet=True)
    place = placed(folder, overwrite, progress.note)
    progress.say("reading the tape")
    panel = read_panel(tape, mapping)
    progress.say("fitting, forecasting, and fitting again without the months after")
    done = test(panel, fit_until)
    command = ["simulator", "backtest", str(tape), "--mapping", str(mapping), "--fit-until", fit_until]
    manifest = {
        "command": "backtest",
        "replay": shlex.join([*command, "--out", str(place.folder)]),
        "tape": panel.facts,
    }

    def files(partial: Path, manifest: dict) -> None:
        report.files(done, panel, partial, manifest)

    place.write(files, manifest)
    return [*report.answers(done), f"report: {place.folder / 'report.html'}"]


def macro(
    series: Path,
    date: str,
    unemployment: str,
    rate: str,
    folder: Path | Place,
    leave_out: Sequence[str] = (),
    curve: str = "logit",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Write the macro link of a series file into `folder` and return what to tell the user; UserError if it is wrong.

    `date`, `unemployment` and `rate` name columns; `leave_out` names quarters ("2005Q4"); `curve` is logit or probit.
    """
    from simulator.estimation import macro_report as report
    from simulator.estimation.macro import link, read_series
    from simulator.portfolio.columns import file_digest

    progress = progress or Progress(quiet=True)
    place = placed(folder, overwrite, progress.note)
    progress.say("fitting the link")
    found = link(read_series(series, date, unemployment, rate), leave_out, curve)
    command = ["simulator", "macro", str(series), "--date", date, "--unemployment", unemployment, "--rate", rate]
    command += [word for quarter in leave_out for word in ("--leave-out", quarter)] + ["--curve", curve]
    manifest = {"command": "macro", "replay": shlex.join([*command, "--out", str(place.folder)])}
    manifest |= {"series": series.name, "sha256": file_digest(str(series))}

    def files(partial: Path, manifest: dict) -> None:
        report.files(found, partial, manifest)

    place.write(files, manifest)
    names = (("layer for a scenario", "economy.toml"), ("report", "report.html"))
    return [*report.answers(found), *(f"{what}: {place.folder / name}" for what, name in names)]


def _calibrate_outcomes(tape, mapping, place, threads, progress) -> list[str]:
    """Write the calibration of a tape of loans with their outcomes, and return what to tell the user."""
    from simulator.estimation.outcomes import report
    from simulator.estimation.outcomes.calibrate import calibrate_outcomes

    done = calibrate_outcomes(tape, mapping, threads=threads, say=progress.say, compiling=progress.compiling)
    command = ["simulator", "calibrate", str(tape), "--mapping", str(mapping), "--out", str(place.folder)]
    manifest = {"command": "calibrate", "replay": shlex.join(command), "tape": done.facts, "seed": done.seed}

    def files(partial: Path, manifest: dict) -> None:
        report.files(done, partial, manifest)

    place.write(files, manifest)
    names = (
        f"{name}: {place.folder / file}" for name, file in (("scenario", "scenario.toml"), ("report", "report.html"))
    )
    return [*report.answers(done), *names]


def _structural(done, prior, threads, progress):
    """Return (text of the scenario, tables) of the structural fit of a calibration's panel."""
    from simulator.estimation.structural.fit import fit_structural
    from simulator.estimation.structural.scenario import scenario_text, tables

    mapping = "mapping.toml"  # beside the scenario, as in the other
    tape, tell = done.tape.resolve(), progress.compiling
    fit = fit_structural(done.panel, prior, tape, mapping, progress.advance, threads, compiling=tell)
    return scenario_text(fit), tables(fit)

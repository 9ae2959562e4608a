"""The questions to records, from file to folder: calibrate, backtest and the macro link."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from simulator.model.errors import Problem, UserError
from simulator.report import results
from simulator.report.progress import Progress
from simulator.system.folders import Place, placed


class Answer(NamedTuple):
    """What to tell the user."""

    cautions: list[str]  # what must be known first
    lines: list[str]


def calibrate(
    tape: Path,
    mapping: Path,
    folder: Path | Place,
    overwrite: bool = False,
    structural: bool = False,
    prior: Path | None = None,
    force: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Write the calibration of a tape into `folder` and return what to tell the user; UserError if the tape is wrong.

    A tape of loans with their outcomes gives a scenario of loans; one of accounts by month gives roll matrices, the
    common factor and a scenario that starts from its last month, with `structural` also a structural fit, which keeps
    of the scenario `prior` what the tape cannot tell. A structural fit that the tape refuses is an error unless
    `force`; then the scenario says so in its cautions.
    """
    from simulator.estimation.outcomes.calibrate import has_outcomes

    progress = progress or Progress(quiet=True)
    place = placed(folder, overwrite, progress.note)
    if has_outcomes(mapping):
        return _calibrate_outcomes(tape, mapping, place, threads, progress)

    from simulator.estimation import used
    from simulator.estimation.roll_rates import cautions, report
    from simulator.estimation.roll_rates.calibrate import calibrate as estimate
    from simulator.estimation.roll_rates.calibrate import one_month_ahead
    from simulator.estimation.roll_rates.hindcast import hindcast
    from simulator.estimation.structural import report as structural_report

    progress.say("reading the tape and estimating")
    done = estimate(tape, mapping)
    text, mapped = done.scenario_text(), done.mapping_text()
    fit = _structural(done, prior, force, threads, progress) if structural else None
    command = ["simulator", "calibrate", str(tape), "--mapping", str(mapping), "--out", str(place.folder)]
    command += (["--structural"] if structural else []) + (["--prior", str(prior)] if prior else [])
    command += ["--force"] if force else []
    manifest = {"command": "calibrate", "replay": shlex.join(command)}
    manifest |= {"tape": done.panel.facts, "months": list(done.panel.months)}
    with TemporaryDirectory() as own:  # nothing is written of a scenario that does not move as its matrix
        (Path(own) / "scenario.toml").write_text(text, encoding="utf-8")
        (Path(own) / "mapping.toml").write_text(mapped, encoding="utf-8")
        ahead = one_month_ahead(
            done, Path(own) / "scenario.toml", lambda k, n: progress.advance("a month ahead", 1, n), progress.compiling
        )
    found = hindcast(done.panel, text, done.mapping_text, threads)
    carried, first = [*done.cautions(), *cautions.of_levels(found)], used.cautions(done.panel.facts)
    first += carried
    more = structural_report.Fitted.of(fit, done, threads) if fit else None
    first += [f"structural.toml: {caution}" for caution in more.cautions] if more else []

    def files(folder: Path, manifest: dict) -> None:
        (folder / "scenario.toml").write_text(done.scenario_text(carried), encoding="utf-8")
        (folder / "mapping.toml").write_text(mapped, encoding="utf-8")
        results.write_csv(folder / "one_month_ahead.csv", report.AHEAD_COLUMNS, report.ahead_rows(ahead))
        report.write_tables(folder, done, found, first)
        sections = []
        if more:
            structural_report.write(folder, more)
            levels = report.levels_section(more.levels, "The structural fit over the tape's own months")
            sections = [structural_report.section(fit), levels]
        page = report.page(done, ahead, found, first, manifest, sections)
        (folder / "report.html").write_text(page, encoding="utf-8")

    place.write(files, manifest)
    names = ["scenario.toml", "structural.toml"] if fit else ["scenario.toml"]
    told = [used.used(done.panel.facts), *report.answers(done, ahead, found)]
    told += [*(f"scenario: {place.folder / name}" for name in names), f"report: {place.folder / 'report.html'}"]
    return Answer(first, told)


def backtest(
    tape: Path,
    mapping: Path,
    fit_until: str,
    folder: Path | Place,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """Write the backtest of a tape into `folder` and return what to tell the user; UserError if the tape is wrong."""
    from simulator.estimation import used
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
    told = [used.used(panel.facts), *report.answers(done), f"report: {place.folder / 'report.html'}"]
    return Answer(used.cautions(panel.facts), told)


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
) -> Answer:
    """Write the macro link of a series file into `folder` and return what to tell the user; UserError if it is wrong.

    `date`, `unemployment` and `rate` name columns; `leave_out` names quarters ("2005Q4"); `curve` is logit or probit.
    """
    from simulator.estimation import macro_report as report
    from simulator.estimation.macro import link, read_series
    from simulator.tape.columns import file_digest

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
    return Answer([], [*report.answers(found), *(f"{what}: {place.folder / name}" for what, name in names)])


def _calibrate_outcomes(tape, mapping, place, threads, progress) -> Answer:
    """Write the calibration of a tape of loans with their outcomes, and return what to tell the user."""
    from simulator.estimation import used
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
    return Answer(report.cautions(done), [used.used(done.facts), *report.answers(done), *names])


def _structural(done, prior, force, threads, progress):
    """Return the structural fit of a calibration's panel; UserError if the tape refuses it and nothing is forced."""
    from simulator.estimation.structural.fit import fit_structural
    from simulator.estimation.structural.scenario import refusals

    mapping = "mapping.toml"  # beside the scenario, as in the other
    tape, tell = done.tape.resolve(), progress.compiling
    fit = fit_structural(done.panel, prior, tape, mapping, progress.advance, threads, compiling=tell)
    if (why := refusals(fit)) and not force:
        allowed = "leave out --structural; or --force, and the scenario warns of it"
        raise UserError([Problem(str(done.tape), "structural fit", reason.rstrip("."), allowed) for reason in why])
    return fit

"""The questions to records: `calibrate`, `backtest`, `macro`, `learn` put them to an estimator, return its finding."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.estimation.protocol import Calibration, Calibrator, Options, run_estimator
from simulator.model.errors import check_names, path_of
from simulator.model.observer import SILENT, Observer
from simulator.reading.needs import needs_of_records
from simulator.system.machine import threads_of
from simulator.system.needs import announce

if TYPE_CHECKING:
    from simulator.estimation.backtest.estimator import Backtest
    from simulator.estimation.macro.estimator import MacroEstimation
    from simulator.estimation.trials.estimator import Learned
    from simulator.study import ScenarioLike

FITS = 2.0  # times what a calibration takes: a backtest fits twice


def calibrators() -> tuple[type[Calibrator], ...]:
    """Return the estimators that give a scenario; the first that takes a mapping reads its tape."""
    from simulator.estimation.outcomes.estimator import LoanEstimator
    from simulator.estimation.roll_rates.estimator import RollRateEstimator

    return LoanEstimator, RollRateEstimator


def calibrate(
    tape: str | Path,
    mapping: str | Path,
    *,
    structural: bool = False,
    prior: str | Path | None = None,
    force: bool = False,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Calibration:
    """Return the calibration of a tape; UserError if it is wrong.

    A tape of loans with their outcomes gives a scenario of loans; one of accounts by month gives roll matrices, the
    common factor and a scenario that starts from its last month, with `structural` also a structural fit, which keeps
    of the scenario `prior` what the tape cannot tell. A structural fit that the tape refuses is an error unless
    `force`; then the scenario says so in its cautions.
    """
    tape, mapping = path_of("tape", tape), path_of("mapping", mapping)
    options = Options(structural, None if prior is None else path_of("prior", prior), force, threads_of(threads))
    chosen = next(kind for kind in calibrators() if kind.takes(mapping))
    announce(lambda: needs_of_records(tape), SILENT if observer is None else observer)
    return run_estimator(chosen(tape, mapping, options), observer)


def backtest(tape: str | Path, mapping: str | Path, fit_until: str, *, observer: Observer | None = None) -> "Backtest":
    """Return the backtest of a tape of accounts by month, fitted up to the month `fit_until` ("2024-06").

    Raises UserError if tape or mapping is wrong, or if the month leaves nothing to fit or to forecast.
    """
    from simulator.estimation.backtest.estimator import BacktestEstimator

    tape, mapping = path_of("tape", tape), path_of("mapping", mapping)
    announce(lambda: needs_of_records(tape, FITS), SILENT if observer is None else observer)
    return run_estimator(BacktestEstimator(tape, mapping, str(fit_until)), observer)


def macro(
    series: str | Path,
    date: str,
    unemployment: str,
    rate: str,
    *,
    leave_out: Sequence[str] = (),
    curve: str = "logit",
    drivers: Sequence[str] = (),
    observer: Observer | None = None,
) -> "MacroEstimation":
    """Return the macro link of a series file; UserError if it is wrong.

    `date`, `unemployment` and `rate` name columns; `leave_out` names quarters ("2005Q4"); `curve` is logit or probit.
    `drivers` are up to three more columns, "COLUMN" or "COLUMN:FORM": its yearly `change` (unless said otherwise), its
    yearly `growth` in per cent, or its `level`.
    """
    from simulator.estimation.macro.estimator import MacroEstimator

    asked = MacroEstimator(Path(series), date, unemployment, rate, tuple(leave_out), curve, tuple(drivers))
    return run_estimator(asked, observer)


def learn(
    trial: str | Path,
    scenario: "ScenarioLike",
    effect: str,
    counts: str,
    *,
    threads: int | None = None,
    observer: Observer | None = None,
    **how: Any,
) -> "Learned":
    """Return what a randomised trial says of a policy's setting in a scenario; UserError if it is wrong.

    `effect` is the key of the setting, `counts` the measure that the trial counts or adds up. How it was run, and what
    the next one costs, is in `control` ("control"), `arm`, `columns` ({"arm": "组"}: headings of the file by column),
    `trial_months`, `prior`, `account_cost` (1) and `book`: docs/trials.md.
    """
    from simulator.estimation.trials.estimator import Asked, TrialEstimator
    from simulator.scenario.reader import load_scenario
    from simulator.scenario.scenario import Scenario

    check_names("learn", how, Asked._fields[2:])
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    asked = Asked(effect, counts, **how)
    return run_estimator(TrialEstimator(path_of("trial", trial), loaded, asked, threads_of(threads)), observer)

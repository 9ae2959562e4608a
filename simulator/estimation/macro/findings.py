"""All that is found of a series: the link, the choice among its kin, its errors out of time, and a forecast."""

from dataclasses import dataclass

from simulator.estimation.macro.choice import Candidate, Choice, choose
from simulator.estimation.macro.forecast import Forecast, forecast
from simulator.estimation.macro.link import Link, link
from simulator.estimation.macro.out_of_time import OutOfTime, out_of_time
from simulator.estimation.macro.series import Series
from simulator.model.observer import SILENT, Observer

LISTED = 10  # candidates in the table, the best


@dataclass(frozen=True)
class Findings:
    """What a series gives."""

    link: Link  # without lag and memory
    choice: Choice
    out_of_time: OutOfTime
    forecast: Forecast
    for_scenario: Link  # without memory, at the lag that was chosen; `link` where none was

    @property
    def listed(self) -> list[Candidate]:
        """The candidates of the table: the best, the one that was chosen and the present link."""
        return listed(self.choice)


def listed(choice: Choice) -> list[Candidate]:
    """Return the candidates that are shown, the best first."""
    shown = [*choice.tried[:LISTED], choice.chosen, choice.present]
    return [each.candidate for each in choice.tried if each in shown]


def findings(series: Series, leave_out=(), curve: str = "logit", observer: Observer = SILENT) -> Findings:
    """Return all that is found of a series; UserError as `link` raises it."""
    observer.started("fitting the link")
    found = link(series, leave_out, curve)
    observer.started("choosing lags and memory")
    choice = choose(series, leave_out, curve)
    observer.started("forecasting quarters that were not fitted")
    errors = out_of_time(choice.columns, series.quarters, listed(choice))
    at_lag = link(series.delayed(choice.lag), leave_out, curve) if choice.lag else found
    return Findings(found, choice, errors, forecast(series, choice, curve), at_lag)

"""Accounts by month -> forecasts out of time, scored against what came."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from simulator.estimation import rows_used
from simulator.estimation.backtest import report
from simulator.estimation.backtest.forecasts import Forecasts, Method
from simulator.estimation.backtest.scoring import Outlook, Score, Scored, score
from simulator.estimation.panels.panel import Panel
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.protocol import Estimation
from simulator.estimation.roll_rates.forecast import Fan
from simulator.model.observer import Observer
from simulator.report.finding import Command


class Forecast(NamedTuple):
    """A panel and what is forecast from its window."""

    panel: Panel
    made: Forecasts


@dataclass(frozen=True, repr=False)
class Backtest(Estimation):
    """What was forecast of a tape's last months from those before, and how it came true."""

    command: Command
    panel: Panel
    scored: Scored

    @property
    def scores(self) -> tuple[Score, ...]:
        """The mean scores of all forecasters over accounts."""
        return self.scored.scores

    @property
    def outlooks(self) -> tuple[Outlook, ...]:
        """The book, measure by measure and month by month: forecast and come true."""
        return self.scored.outlooks

    @property
    def fan(self) -> Fan:
        """The draws of the book in the months after the window."""
        return self.scored.fan

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the tape."""
        return {"tape": self.panel.facts}

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return rows_used.cautions(self.panel.facts)

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        said = [*report.answers(self.scored), *report.outside(self.scored)]
        return [rows_used.sentence(self.panel.facts), *said]

    def write_tables(self, folder: Path) -> None:
        """Write backtest.json, scores.csv, fan.csv and accounts.parquet into `folder`."""
        report.write_tables(self.scored, self.panel, folder)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML."""
        return report.page(self.scored, self.panel, manifest)


@dataclass(frozen=True)
class BacktestEstimator:
    """The estimator of a backtest: fit until a month, forecast those after it."""

    tape: Path
    mapping: Path
    fit_until: str

    def read(self, observer: Observer) -> Panel:
        """Return the panel of the tape."""
        observer.started("reading the tape")
        return read_panel(self.tape, self.mapping)

    def estimate(self, panel: Panel, observer: Observer) -> Forecast:
        """Return what is forecast from the months up to `fit_until`."""
        observer.started("fitting, forecasting, and fitting again without the months after")
        return Forecast(panel, Method(self.fit_until).forecasts(panel))

    def check(self, forecast: Forecast, observer: Observer) -> Backtest:
        """Return the forecasts beside what came; LeakError if they have seen it."""
        words = ("backtest", str(self.tape), "--mapping", str(self.mapping), "--fit-until", self.fit_until)
        return Backtest(Command(words), forecast.panel, score(*forecast))

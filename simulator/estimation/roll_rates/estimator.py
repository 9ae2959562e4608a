"""Accounts by month -> roll matrices, their common factor, and a scenario that starts from the tape's last month."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.estimation import rows_used
from simulator.estimation.panels.hindcast import Hindcast, hindcast
from simulator.estimation.panels.panel import Panel
from simulator.estimation.panels.phrasing import level_cautions
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.protocol import Calibration, Options
from simulator.estimation.roll_rates import report
from simulator.estimation.roll_rates.estimates import TapeEstimates, estimate_panel
from simulator.estimation.roll_rates.factor import Factor
from simulator.estimation.roll_rates.month_ahead import OneAhead, one_month_ahead
from simulator.estimation.roll_rates.rolls import Rolls
from simulator.model.observer import Observer
from simulator.report.finding import Command
from simulator.report.paper import Picture

if TYPE_CHECKING:  # imported when it is asked for: it is half of all that a calibration imports
    from simulator.estimation.structural.estimator import StructuralPart
    from simulator.estimation.structural.fit import StructuralFit


class Unchecked(NamedTuple):
    """Estimates, the files that a scenario is made of, and the structural fit if it was asked for."""

    tape: TapeEstimates
    scenario: str
    mapping: str
    structural: "StructuralFit | None"


@dataclass(frozen=True, repr=False)
class RollRateCalibration(Calibration):
    """What a tape of months gives; its scenario reads the tape through `mapping`, saved beside it as mapping.toml."""

    command: Command
    estimates: TapeEstimates
    mapping: str
    ahead: list[OneAhead]  # the scenario a month after the tape, beside its matrix
    levels: Hindcast  # the scenario over the tape's own months
    structural: "StructuralPart | None"

    @property
    def rolls(self) -> Rolls:
        """The roll matrices: by month and pooled, by accounts and by balance."""
        return self.estimates.rolls

    @property
    def factor(self) -> Factor:
        """The common factor: its correlation with interval, and where it stood in each month."""
        return self.estimates.factor

    @property
    def panel(self) -> Panel:
        """The accounts by month."""
        return self.estimates.panel

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the tape."""
        return {"tape": self.panel.facts, "months": list(self.panel.months)}

    @cached_property
    def carried(self) -> list[str]:
        """The cautions that the scenario carries to all that is made of it."""
        return [*self.estimates.cautions(), *level_cautions(self.levels)]

    @cached_property
    def scenario(self) -> str:
        """The scenario as TOML, with its cautions."""
        return self.estimates.scenario_text(self.carried)

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        of_fit = self.structural.cautions if self.structural else []
        rows = rows_used.cautions(self.panel.facts)
        return [*rows, *self.carried, *(f"structural.toml: {caution}" for caution in of_fit)]

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        said = report.answers(self.estimates, self.ahead, self.levels)
        return [rows_used.sentence(self.panel.facts), *said]

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        scenario, *others = super().opened
        return [scenario, *([("scenario", "structural.toml")] if self.structural else []), *others]

    def write_tables(self, folder: Path) -> None:
        """Write the scenario with its mapping, and every table, into `folder`."""
        (folder / "scenario.toml").write_text(self.scenario, encoding="utf-8")
        (folder / "mapping.toml").write_text(self.mapping, encoding="utf-8")
        self.estimates.book_in(folder)
        report.write_tables(folder, self.estimates, self.ahead, self.levels, self.cautions)
        if self.structural:
            self.structural.write(folder)

    @property
    def drawn(self) -> Picture | None:
        """The forecast a month ahead, by what makes it uncertain."""
        return report.ahead_picture(self.ahead)[0] if self.ahead else None

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML."""
        more = self.structural.sections() if self.structural else []
        return report.page(self.estimates, self.ahead, self.levels, self.cautions, manifest, more)


@dataclass(frozen=True)
class RollRateEstimator:
    """The estimator of accounts by month."""

    tape: Path
    mapping: Path
    options: Options

    @staticmethod
    def takes(mapping: Path) -> bool:
        """Return True: a mapping that says nothing else explains accounts by month."""
        return True

    def read(self, observer: Observer) -> Panel:
        """Return the panel of the tape."""
        observer.started("reading the tape and estimating")
        return read_panel(self.tape, self.mapping)

    def estimate(self, panel: Panel, observer: Observer) -> Unchecked:
        """Return roll matrices, factor and scenario, with the structural fit if it was asked for."""
        found = estimate_panel(panel, self.tape, self.mapping)
        scenario, mapping = found.scenario_text(), found.mapping_text()
        structural = self._structural(found).estimate(observer) if self.options.structural else None
        return Unchecked(found, scenario, mapping, structural)

    def check(self, estimates: Unchecked, observer: Observer) -> RollRateCalibration:
        """Return them beside simulations: a month ahead of the tape, which must agree, and over its own months."""
        found, scenario, mapping, fit = estimates
        with TemporaryDirectory() as folder:
            path = Path(folder) / "scenario.toml"
            path.write_text(scenario, encoding="utf-8")
            path.with_name("mapping.toml").write_text(mapping, encoding="utf-8")
            found.book_in(path.parent)
            ahead = one_month_ahead(found, path, observer)
            structural = self._structural(found).check(fit, path, observer) if fit else None
        book = found.book_in, found.first_told
        levels = hindcast(found.moving, scenario, found.mapping_text, self.options.threads, *book)
        return RollRateCalibration(self._command, found, mapping, ahead, levels, structural)

    def _structural(self, found: TapeEstimates):
        from simulator.estimation.structural.estimator import StructuralEstimator

        return StructuralEstimator(found.panel, self.tape, found.mapping_text, found.people_in, self.options)

    @property
    def _command(self) -> Command:
        """The command line that gives the same."""
        of, options = self.options, ["--structural"] if self.options.structural else []
        options += ["--prior", str(of.prior)] if of.prior else []
        options += ["--force"] if of.force else []
        return Command(("calibrate", str(self.tape), "--mapping", str(self.mapping)), tuple(options))

"""The structural fit as a part of the calibration of a panel: why people pay, and a second scenario."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from simulator.estimation.panels.hindcast import Hindcast, hindcast
from simulator.estimation.panels.panel import Panel
from simulator.estimation.panels.phrasing import levels_section
from simulator.estimation.protocol import Options
from simulator.estimation.structural import report
from simulator.estimation.structural.fit import StructuralFit, fit_structural
from simulator.estimation.structural.scenario import cautions, refusals, scenario_tables, scenario_text
from simulator.estimation.structural.tied import BookIn, TiedBook, tie_to
from simulator.model.errors import Problem, UserError
from simulator.model.observer import Observer
from simulator.report.paper import Section


class StructuralPart(NamedTuple):
    """A fit, its levels before it is tied, the book that it is tied to, and what must be known before any number."""

    fit: StructuralFit
    levels: Hindcast
    tied: TiedBook
    people_in: BookIn
    cautions: list[str]

    @property
    def scenario(self) -> str:
        """The fitted and tied scenario as TOML, with its cautions."""
        return scenario_text(self.fit, self.cautions, self.tied.document)

    def write(self, folder: Path) -> None:
        """Write the tied scenario, the book it starts from, and the tables of the fit into `folder`."""
        (folder / "structural.toml").write_text(self.scenario, encoding="utf-8")
        self.people_in(folder, self.tied.person)
        report.write_tables(folder, self.fit)
        report.write_tie(folder, self.tied)

    def sections(self) -> list[Section]:
        """Return the parts of the page about the fit."""
        levels = levels_section(self.levels, "The structural fit over the tape's own months, before it is tied")
        return [report.tied_section(self.tied), report.section(self.fit), levels]


@dataclass(frozen=True)
class StructuralEstimator:
    """The steps of a part: as those of an estimator, on a panel that another has read from `tape`.

    `mapping_of` is that of `hindcast`; `people_in` writes the book of the tape's last month, with who holds it.
    """

    panel: Panel
    tape: Path
    mapping_of: Callable[[str], str]
    people_in: BookIn
    options: Options

    def estimate(self, observer: Observer) -> StructuralFit:
        """Return the fit; UserError if the tape refuses it and nothing is forced."""
        prior, threads, force = self.options.prior, self.options.threads, self.options.force
        tape, mapping = self.tape.resolve(), "mapping.toml"  # beside the scenario, as in the other
        fit = fit_structural(self.panel, prior, tape, mapping, observer, threads)
        if (why := refusals(fit)) and not force:
            allowed = "leave out --structural; or --force, and the scenario warns of it"
            raise UserError([Problem(str(self.tape), "structural fit", reason.rstrip("."), allowed) for reason in why])
        return fit

    def check(self, fit: StructuralFit, rolls: Path, observer: Observer) -> StructuralPart:
        """Return the fit, simulated over the tape's own months, and tied to what the scenario `rolls` forecasts.

        How well levels are kept is said by whoever solves the tie.
        """
        levels = hindcast(self.panel, scenario_text(fit), self.mapping_of, self.options.threads)
        tied = tie_to(self.panel, scenario_tables(fit), rolls, self.people_in, self.options.threads, observer)
        return StructuralPart(fit, levels, tied, self.people_in, cautions(fit))

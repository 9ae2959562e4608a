"""Loans with their outcomes -> hazards, recoveries, and a scenario of such loans, checked on a half it has not seen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.estimation import rows_used
from simulator.estimation.intervals import LEVEL
from simulator.estimation.outcomes import report
from simulator.estimation.outcomes.checks import Checked, check, held_out, simulated, timing
from simulator.estimation.outcomes.figures import intervals
from simulator.estimation.outcomes.fit import LoanFit, fit_loans
from simulator.estimation.outcomes.rows import Outcomes, has_outcomes, read_outcomes
from simulator.estimation.outcomes.scenario import DEFAULT_SEED
from simulator.estimation.protocol import Calibration, Options
from simulator.model.errors import Problem, UserError
from simulator.model.observer import Observer
from simulator.report.finding import Command

FEWEST = 20  # loans of each outcome, so that both halves of the check have some: assumption


@dataclass(frozen=True, repr=False)
class LoanCalibration(Calibration):
    """What loans with their outcomes give."""

    command: Command
    checked: Checked

    @property
    def fit(self) -> LoanFit:
        """The hazards and recoveries of each segment."""
        return self.checked.fit

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the loans."""
        return {"tape": self.checked.facts, "seed": self.checked.seed}

    @property
    def scenario(self) -> str:
        """The scenario as TOML, with its cautions."""
        return report.scenario(self.checked)

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return report.cautions(self.checked)

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        return [rows_used.sentence(self.checked.facts), *report.answers(self.checked)]

    def write_tables(self, folder: Path) -> None:
        """Write the scenario and every table into `folder`."""
        (folder / "scenario.toml").write_text(self.scenario, encoding="utf-8")
        report.write_tables(self.checked, folder)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML."""
        return report.page(self.checked, manifest)


@dataclass(frozen=True)
class LoanEstimator:
    """The estimator of loans with their outcomes; `replications`, `seed` and `level` are those of the checks."""

    tape: Path
    mapping: Path
    options: Options
    replications: int = 200
    seed: int = DEFAULT_SEED
    level: float = LEVEL

    @staticmethod
    def takes(mapping: Path) -> bool:
        """Return whether the mapping has an [outcomes] table; UserError if it is no TOML file."""
        return has_outcomes(mapping)

    def read(self, observer: Observer) -> Outcomes:
        """Return the loans; UserError too if there are fewer than FEWEST of either outcome."""
        outcomes = read_outcomes(self.tape, self.mapping)
        for ended, there in (("charged off", outcomes.charged_off), ("paid", ~outcomes.charged_off)):
            if (count := int(there.sum())) < FEWEST:
                allowed = f"a fit needs {FEWEST} of both kinds"
                raise UserError(Problem(str(self.tape), "", f"{count} loans in use {ended}", allowed))
        return outcomes

    def estimate(self, outcomes: Outcomes, observer: Observer) -> LoanFit:
        """Return the fit of all loans."""
        observer.started(f"fitting {len(outcomes.amount):,} loans")
        return fit_loans(outcomes)

    def check(self, fitted: LoanFit, observer: Observer) -> LoanCalibration:
        """Return the fit beside as many simulated loans, and that of one half beside the other."""
        outcomes, replications, threads = fitted.outcomes, self.replications, self.options.threads
        observer.started("checking: as many loans simulated")
        measured = intervals(outcomes, self.seed, self.level)
        found = simulated(fitted, self.seed, replications, threads, observer)
        inside = check(outcomes, found.sums, self.level)
        in_time = timing(fitted.hazards.counts, found, self.level)
        observer.started("checking: fitted to one half, compared with the other")
        unseen, unseen_in_time = held_out(outcomes, self.seed, replications, threads, self.level)
        command = Command(("calibrate", str(self.tape), "--mapping", str(self.mapping)))
        return LoanCalibration(command, Checked(fitted, measured, inside, unseen, (in_time, unseen_in_time), self.seed))

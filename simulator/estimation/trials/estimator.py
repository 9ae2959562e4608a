"""A randomised trial of a policy -> the setting that it informs, as doubt for a scenario; and the next trial's size."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from simulator.decision.answer import asked_of
from simulator.decision.assumptions import at_key
from simulator.decision.experiment import Experiment
from simulator.estimation.protocol import Estimation
from simulator.estimation.trials import report
from simulator.estimation.trials.next_trial import Sizes, sizes
from simulator.estimation.trials.pooling import Evidence, evidence, quantiles
from simulator.estimation.trials.prior import PRIORS, Prior, prior
from simulator.estimation.trials.response import Response, response
from simulator.estimation.trials.rows import COLUMNS, Trial, read_trial
from simulator.language.catalogue import noted, spoken
from simulator.model.errors import Problem, UserError, check_names, did_you_mean
from simulator.model.observer import Observer
from simulator.report.finding import Command
from simulator.report.paper import Picture
from simulator.report.paper import asked as asked_in
from simulator.scenario.number_in_doubt import is_number
from simulator.scenario.scenario import Scenario

LEAST_PARTS = 1e-12  # of a place's weight, of the largest: below it nothing hangs on it
BORROWERS, REPLICATIONS = 5_000, 40  # that are lived at most, unless asked for by hand
ACCOUNT_COST = 1.0  # of an account in a trial; assumption [0.2, 5]


class InFolder(Command):
    """A command line whose scenario is the one that the folder itself keeps."""

    def replay(self, folder: Path) -> str:
        """Return the line that gives the same again."""
        kept = ("--scenario", os.path.abspath(folder / "scenario.toml"))
        return Command((*self.words, *kept), (*self.options, *asked_in(spoken()))).replay(folder)


class Asked(NamedTuple):
    """What a trial is to tell, and how it was run."""

    effect: str  # key of the setting
    counts: str  # what it counts or adds up, a measure; "not " and one: of those of whom it is not so
    control: str = "control"  # name of that arm
    arm: str | None = None  # the other; if None there is only one
    trial_months: int | None = None  # that it lasted; if None as many as the file tells apart
    prior: str | None = None  # one of PRIORS; if None the first that is known
    account_cost: float = ACCOUNT_COST
    book: int | None = None  # borrowers on whom the policy will act; if None those of the scenario
    columns: Mapping[str, str] = MappingProxyType({})  # headings of the file, by the column that they are

    @property
    def words(self) -> list[str]:
        """What the command says of it."""
        told = self._asdict() | {"account_cost": None if self.account_cost == ACCOUNT_COST else self.account_cost}
        del told["columns"]
        options = [(f"--{name.replace('_', '-')}", str(given)) for name, given in told.items() if given is not None]
        options += [("--column", f"{column}={heading}") for column, heading in self.columns.items()]
        return [word for option in options for word in option]


def columns_of(said: Iterable[str]) -> dict[str, str]:
    """Return the headings of a file by the column that they are, of texts "COLUMN=HEADING"; UserError of any other."""
    found: dict[str, str] = {}
    problems = []
    for one in said:
        column, _, heading = (part.strip() for part in one.partition("="))
        if not heading or column in found or column not in COLUMNS:
            why = "said twice" if column in found else "not of the form COLUMN=HEADING"
            problems.append(Problem("--column", one, why, f"COLUMN: {', '.join(COLUMNS)}"))
        found[column] = heading
    if problems:
        raise UserError(problems)
    return found


class Posterior(NamedTuple):
    """What is known of a setting: float64[place] each."""

    x: np.ndarray
    weight: np.ndarray  # adding up to 1

    def quantiles(self, *at: float) -> list[float]:
        """Return the settings below which it lies with so much probability."""
        order = np.argsort(self.x, kind="stable")
        before = np.cumsum(self.weight[order]) - self.weight[order] / 2
        return np.interp(at, before, self.x[order]).tolist()

    @property
    def interval(self) -> tuple[float, float, float]:
        """Median, and both ends of the 90 % interval."""
        middle, low, high = self.quantiles(0.5, 0.05, 0.95)
        return middle, low, high


def posterior(known: Prior, effect: np.ndarray, error: np.ndarray | float, seen: Evidence) -> Posterior:
    """Return what is known after the trial; `effect`, float64[place], is what it would see at each place of the prior.

    `error` is the variance of the effect itself, such as that of a simulation.
    """
    weight = known.weight * seen.likelihood(effect, error).sum(axis=0)
    return Posterior(known.x, weight / weight.sum())


@dataclass(frozen=True, repr=False)
class Learned(Estimation):
    """What a trial gives: the setting before and after it, each segment's effect, and the size of the next."""

    command: Command
    asked: Asked
    scenario: Scenario
    trial: Trial
    prior: Prior
    response: Response
    seen: Evidence
    months: int
    currency: str
    remarks: list[str] = field(default_factory=list)

    @property
    def book(self) -> int:
        """Borrowers on whom the policy will act."""
        return self.asked.book or self.response.borrowers

    @property
    def before(self) -> Posterior:
        """What was known of the setting."""
        return Posterior(self.prior.x, self.prior.weight)

    @cached_property
    def effect(self) -> np.ndarray:
        """float64[place]: the contrast that a trial would see at each place of the setting."""
        return self.response.at(self.prior.x)

    @cached_property
    def after(self) -> Posterior:
        """What is known of the setting now."""
        return posterior(self.prior, self.effect, self.response.error_at(self.prior.x) ** 2, self.seen)

    @cached_property
    def by_segment(self) -> np.ndarray:
        """float64[segment, 3]: the contrast in each segment, median and 90 % interval, after pooling."""
        error = self.response.error_at(self.prior.x) ** 2
        joint = self.prior.weight * self.seen.likelihood(self.effect, error)  # [point, place]
        point = joint.sum(axis=1)
        mean = joint @ self.effect / point
        spread = joint @ self.effect**2 / point - mean**2
        centre = self.seen.own + self.seen.slope * mean[:, None]
        variance = self.seen.left + self.seen.slope**2 * np.maximum(spread, 0)[:, None]
        return quantiles(centre, variance, point / point.sum()).T

    @cached_property
    def next_trial(self) -> Sizes | None:
        """Trials of growing size, split over segments and months as this one; None where no value can be stated."""
        if self.response.lead is None:
            return None
        effect, weight = self.effect, self.after.weight
        share = self.seen.weight * np.sqrt(self.seen.variance)
        kept = float(share @ self.seen.spreads[:, 1] ** 2 / share.sum()) / len(self.trial.months)
        lead = self.response.lead_at(self.prior.x) * self.book / self.response.borrowers
        kept_places = weight > LEAST_PARTS * weight.max()
        effect, lead, weight = (one[kept_places] for one in (effect, lead, weight))
        return sizes(
            effect,
            lead,
            weight / weight.sum(),
            float(self.trial.of_one.sum()),
            kept,
            self.asked.account_cost,
            self.book // 2,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of the trial and of the scenario."""
        return {
            "trial": self.trial.file,
            "sha256": self.trial.sha256,
            "effect": self.asked.effect,
            "scenario": str(self.scenario.path),
            "scenario_digest": self.scenario.digest(),
            "seed": self.scenario.baseline.seed,
            "borrowers": self.response.borrowers,
            "replications": self.scenario.baseline.replications,
        }

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return [*self.scenario.cautions, *self.remarks, *report.cautions(self)]

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        return report.answers(self)

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [(noted("layer for a scenario"), "effects.toml"), *super().opened]

    @property
    def layer(self) -> str:
        """The setting with its range, as TOML: a layer for a scenario."""
        return report.effects_toml(self)

    def write_tables(self, folder: Path) -> None:
        """Write the scenario, effects.toml and the tables into `folder`."""
        (folder / "scenario.toml").write_text(self.scenario.text(), encoding="utf-8")
        (folder / "effects.toml").write_text(self.layer, encoding="utf-8")
        report.write_tables(self, folder)

    @property
    def drawn(self) -> Picture:
        """The setting before and after the trial, and what a next one is worth."""
        return report.picture(self)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML."""
        return report.page(self, manifest)


@dataclass(frozen=True)
class TrialEstimator:
    """The estimator of a setting from a trial, in a scenario that holds the policy."""

    trial: Path
    scenario: Scenario
    asked: Asked
    threads: int | None = None

    def read(self, observer: Observer) -> Trial:
        """Return the cells of the trial; what is asked is checked with them."""
        problems = self._problems()
        try:
            found = read_trial(self.trial, self.asked.control, self.asked.arm, self.asked.columns)
        except UserError as error:
            raise UserError([*problems, *error.problems]) from None
        if problems:
            raise UserError(problems)
        return found

    def estimate(self, trial: Trial, observer: Observer) -> tuple[Trial, Evidence]:
        """Return what the cells say of one effect, on the scale of the trial itself."""
        return trial, evidence(trial)

    def check(self, found: tuple[Trial, Evidence], observer: Observer) -> Learned:
        """Return what that means for the setting: both arms are simulated, with the setting at a few values."""
        trial, seen = found
        scenario, remarks = asked_of(self.scenario, BORROWERS, REPLICATIONS)
        experiment = Experiment(scenario, (), self.threads, observer)
        known = prior(experiment, self.asked.effect, self.asked.prior)
        months = self.asked.trial_months or len(trial.months)
        lived = response(experiment, known, self.asked.counts, trial.counts, months, observer)
        baseline = self.scenario.baseline  # before it was made smaller
        asked = self.asked._replace(book=self.asked.book or baseline.portfolio.borrowers)
        words = ("learn", os.path.abspath(self.trial), *asked.words)
        options = ("--allow-code",) if self.scenario.has_code else ()
        return Learned(
            InFolder(words, options),
            asked,
            experiment.scenario,
            trial,
            known,
            lived,
            seen,
            months,
            baseline.currency.code,
            remarks,
        )

    def _problems(self) -> list[Problem]:
        """Return what is wrong with the setting, if it is none of a policy of the scenario, and with the options."""
        asked = self.asked
        problems: list[Problem] = []
        key, settings = asked.effect, self.scenario.baseline
        try:
            value = at_key(settings, key) if key.startswith("policy.") else None
        except (AttributeError, KeyError, TypeError):
            value = None
        if not is_number(value) or isinstance(value, list | int):
            known = [one for one in self.scenario.provenance if one.startswith("policy.") and _is_one(settings, one)]
            problems.append(
                Problem("--effect", key, "no number of a policy of this scenario", did_you_mean(key, known))
            )
        for number, option in ((asked.account_cost, "--account-cost"), (asked.book, "--book")):
            if number is not None and not (np.isfinite(number) and number > 0):
                problems.append(Problem(option, found=f"found {number:g}", allowed="allowed: above 0"))
        if asked.trial_months is not None and asked.trial_months < 1:
            problems.append(
                Problem("--trial-months", found=f"found {asked.trial_months}", allowed="allowed: 1 or more")
            )
        named: list[tuple[str, Iterable[str], tuple[str, ...]]] = [("--column", asked.columns, COLUMNS)]
        if asked.prior is not None:
            named.append(("--prior", [asked.prior], PRIORS))
        for option, names, allowed in named:
            try:
                check_names(option, names, allowed)
            except UserError as error:
                problems += error.problems
        return problems


def _is_one(settings, key):
    """Return whether a number that is no whole one stands at a key."""
    return isinstance(at_key(settings, key), float)

"""The structural fit: what a short panel tells of why people pay, and what it does not (docs/calibration.md).

Simulated moments under common random numbers. The accounts of the panel are simulated from its first month under a
complete prior scenario; parameters move until simulated and observed moments meet. What the moments do not tell stays
at the prior.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import norm

from simulator.estimation.panels.panel import Panel
from simulator.estimation.structural import moment_fit
from simulator.estimation.structural.document import settings_of
from simulator.estimation.structural.histories import observed, opening_tape, simulated_histories, usable
from simulator.estimation.structural.identifiability import (
    TOLD,
    correlation_of,
    directions,
    in_doubt,
    in_words,
    posterior,
)
from simulator.estimation.structural.moment_fit import Found, JTest
from simulator.estimation.structural.moments import MOMENTS, Moment, Totals, covariance, together, totals
from simulator.estimation.structural.parameters import PARAMETERS, Parameter, can_move, moved, shifted, value
from simulator.estimation.structural.prior import prior_document
from simulator.lowering.lower import lower
from simulator.model.errors import Problem, UserError
from simulator.model.layout import CAUSES
from simulator.model.observer import SILENT, Observer

PRIOR = Path(__file__).parents[3] / "scenarios" / "base" / "consumer.toml"
LEVEL = 0.90  # of intervals
MOST_ACCOUNTS = 40_000  # lived at every step of the fit; of a larger panel so many, evenly spread over it
COARSE_ACCOUNTS = 8_000  # of the first steps
REPLICATIONS = 2
LEAST_COUNT = 30  # accounts and months that a moment needs
COARSE_STEPS = 30
FINE_STEPS = 12
HOW_CAUSES_ARE_TOLD = ("forget", "autopay", "will_not", "buffer")


class Posterior(NamedTuple):
    """A parameter after the fit, in its own unit: of a distribution its mean."""

    parameter: Parameter
    prior: float
    value: float
    low: float | None  # interval of LEVEL; None at the prior
    high: float | None
    x: float  # from the prior, in its standard deviations
    left: float  # of the prior's width, the doubt about the parameters that stay at the prior included
    why_not: str  # why it is not identified and stays at the prior; empty if it is fitted
    held: float = 1.0  # of the prior's width, were the parameters that stay at the prior truly there

    @property
    def is_fitted(self) -> bool:
        """Whether the panel moves it, be it only together with others."""
        return not self.why_not

    @property
    def is_known(self) -> bool:
        """Whether the panel tells of it, wherever in their priors those are that stay there."""
        return self.is_fitted and self.left < TOLD


class Compared(NamedTuple):
    """A moment on the tape and in the fitted world."""

    moment: Moment
    observed: float
    error: float  # standard error of simulated less observed: chance of accounts, of months, of the simulation
    simulated: float
    role: str  # "fitted", "out of reach", "shown"

    @property
    def z(self) -> float:
        """Return the difference in standard errors."""
        return (self.simulated - self.observed) / self.error


@dataclass(frozen=True)
class StructuralFit:
    """A structural fit and all that is to be said of it."""

    document: dict  # the fitted scenario as plain tables
    calibrated_from: str  # file and months, in words
    estimates: tuple[Posterior, ...]
    correlation: np.ndarray  # float64[fitted, fitted]: of those fitted, in their order, the others held at the prior
    compared: tuple[Compared, ...]
    test: JTest  # of the moments within reach
    test_of_all: JTest  # with those out of reach
    stretch: float  # by how much the moments' errors were widened because the model does not meet them all
    not_told: tuple[str, ...]  # directions that the moments leave open, in words
    causes: dict[str, float]  # shares of the causes of missed dues in the fitted world
    causes_are_prior: str  # why they are the prior's more than the panel's; empty if they are not
    assumptions: tuple[str, ...]
    has_settled: bool
    accounts: int
    evaluations: int


def fit_structural(
    panel: Panel,
    prior: str | Path | None,
    tape: str | Path,
    mapping: str | Path,
    observer: Observer | None = None,
    threads: int | None = None,
    parameters: tuple[Parameter, ...] = PARAMETERS,
    replications: int = REPLICATIONS,
) -> StructuralFit:
    """Return the fit of the lines of `panel`, read from `tape` with `mapping`, to the structural scenario `prior`.

    Without a prior it is that of the shipped scenarios. The fitted scenario names tape and mapping as they are given.
    `observer` is told of account-months lived, of all that may be to do. Raises UserError if the panel has no two
    months or too few accounts, or if the prior cannot serve.
    """
    accounts = _accounts(panel, str(tape))
    watch = SILENT if observer is None else observer
    document, assumptions = prior_document(panel, accounts, prior or PRIOR, tape, mapping, threads, watch)
    if len(accounts) > MOST_ACCOUNTS:
        assumptions.append(
            f"{MOST_ACCOUNTS:,} of {len(accounts):,} accounts are simulated, evenly spread over the tape"
        )
    bar = _Bar(watch)
    fine = _World(panel, _spread(accounts, MOST_ACCOUNTS), document, replications, threads, bar)
    coarse = fine
    if len(accounts) > COARSE_ACCOUNTS:
        coarse = _World(panel, _spread(accounts, COARSE_ACCOUNTS), document, replications, threads, bar)
    free = [parameter for parameter in parameters if can_move(document, parameter)]
    bar.expect(coarse, fine, len(free))

    bar.stage = "finding where to look"
    rough = coarse.fit(free, np.zeros(len(free)), coarse.usable, robust=True, most_steps=COARSE_STEPS)
    bar.stage = "what the model can reach"
    near = fine.fit(free, rough.x, fine.usable, robust=True, most_steps=FINE_STEPS)
    z = (near.simulated - fine.values[fine.usable]) / fine.errors[fine.usable]
    within = fine.usable.copy()
    within[fine.usable] = np.abs(z) < moment_fit.REACH
    if not within.any():
        within = fine.usable
    bar.stage = "fitting"
    nearest = fine.fit(free, near.x, within, most_steps=FINE_STEPS)
    stretch = nearest.test.stretch
    found, is_told, why = moment_fit.fit_what_is_told(
        fine.moments(free, within),
        fine.values[within],
        fine.covariance_of(within, stretch),
        nearest.x,
        [parameter.words for parameter in free],
        FINE_STEPS,
        bar.name,
    )
    bar.stage = "what is identified"
    fit = _Ended(fine, free, is_told, why, found, within, stretch)
    told = fit.told(panel, tape, assumptions, bar)
    bar.end()
    return told


def _accounts(panel, tape):
    """Return the rows that can be fitted; UserError where there is nothing to fit."""
    accounts = usable(panel)
    if len(panel.months) < 2 or not any(True for _ in panel.pairs()):
        found = f"{len(panel.months)} month(s), and no account in two months next to each other"
        raise UserError(Problem(tape, "", found, "a structural fit needs two months or more"))
    if len(accounts) < LEAST_COUNT:
        found = f"{len(accounts)} lines are open in {panel.months[0]} with balance and limit"
        raise UserError(Problem(tape, "", found, f"a structural fit needs {LEAST_COUNT} or more; loans are not fitted"))
    return accounts


def _spread(accounts, most):
    """Return at most so many of the accounts, evenly spread."""
    return accounts[np.linspace(0, len(accounts) - 1, min(most, len(accounts))).astype(np.int64)]


class _World:
    """Some accounts of the panel, what they did, and what they do in simulation."""

    def __init__(self, panel, accounts, document, replications, threads, bar):
        self.document, self.threads, self.bar = document, threads, bar
        self.months, self.replications = len(panel.months) - 1, replications
        self.worst = max(state.bucket for state in panel.open_states)
        there = [name for name in panel.segments if name in document["segment"]] or list(document["segment"])
        number = np.array([there.index(name) if name in there else 0 for name in panel.segments], dtype=np.int64)
        histories = observed(panel, accounts)
        self.tape = opening_tape(histories, number[panel.segment[accounts]], len(there))
        sums = totals(histories)
        self.values = sums.values
        self.steps = sums.below > 0  # that the tape tells of: the first months are not like the last
        own = covariance(histories)
        shared = settings_of(document, "").economy.factor.correlation
        self.covariance = own * (1 + 1 / replications) + np.diag(months_variance(sums, np.diag(own), shared))
        self.errors = np.sqrt(np.diag(self.covariance))
        counted = np.array([moment.is_fitted for moment in MOMENTS]) & (self.errors > 0)
        self.usable = counted & (sums.cases >= LEAST_COUNT)
        self.size = len(accounts) * self.months * replications
        self.seen = {}

    def simulated(self, shifts: dict[Parameter, float]):
        """Return (float64[moment], missed dues by cause) with the parameters at these shifts."""
        key = tuple(shifts.items())
        if key not in self.seen:
            settings = self.settings(shifts)
            lowered = lower(settings, self.tape)
            told, missed = simulated_histories(lowered, self.worst, totals, self.threads, self.bar.observer)
            self.bar.count(self.size)
            self.seen[key] = np.nan_to_num(together(told).over(self.steps)), missed
        return self.seen[key]

    def settings(self, shifts):
        """Return the settings of a simulation: without the common factor, whose noise is in the covariance instead."""
        settings = settings_of(moved(self.document, shifts), "prior")
        factor = settings.economy.factor.model_copy(update={"enabled": False})
        return settings.model_copy(
            update={
                "months": self.months,
                "replications": self.replications,
                "redraw_people": True,  # so that replications average over people too
                "economy": settings.economy.model_copy(update={"factor": factor}),
            }
        )

    def fit(self, parameters, start, which, **how) -> Found:
        """Return the fit of the parameters to the moments `which` (bool[moment])."""
        simulate = self.moments(parameters, which)
        return moment_fit.fit_moments(simulate, self.values[which], self.covariance_of(which), start, **how)

    def moments(self, parameters, which):
        """Return the simulated moments `which` as a function of float64[parameter]."""

        def simulate(x):
            shifts = {parameter: float(at * parameter.width) for parameter, at in zip(parameters, x, strict=True) if at}
            return self.simulated(shifts)[0][which]

        return simulate

    def covariance_of(self, which, stretch=1.0):
        """Return the covariance of the moments `which`, their errors stretched."""
        return self.covariance[np.ix_(which, which)] * stretch**2


def months_variance(sums: Totals, own: np.ndarray, correlation: float) -> np.ndarray:
    """Return float64[moment]: the variance of the moments from what all accounts of a month share.

    From two steps on: what the spread from step to step has beyond the accounts' own variation (`own`, variances of the
    moments). With one step: for shares p what the one-factor probit of this correlation gives, rho phi(Phi^-1(p))^2,
    to first order (O. Vasicek, Risk, December 2002).
    """
    by_step = sums.by_step
    known = np.isfinite(by_step)
    steps = known.sum(axis=1)
    centre = np.where(known, by_step, 0).sum(axis=1) / np.maximum(steps, 1)
    spread = np.where(known, by_step - centre[:, None], 0) ** 2
    spread = spread.sum(axis=1) / np.maximum(steps - 1, 1) / np.maximum(steps, 1)
    return np.where(steps > 1, np.maximum(spread - own, 0), _by_factor(sums, correlation))


def _by_factor(sums, correlation):
    """Return the variance of each share that a factor of this correlation gives in one month."""
    p = np.clip(np.nan_to_num(sums.values), 1e-9, 1 - 1e-9)
    is_share = np.array([moment.is_share for moment in MOMENTS])
    return np.where(is_share, correlation * norm.pdf(ndtri(p)) ** 2, 0.0)


class _Ended(NamedTuple):
    """The end of a fit, before it is put in words."""

    world: _World
    free: list[Parameter]
    is_told: np.ndarray  # bool[parameter]
    why: dict[int, str]  # of those that are not told, by number
    found: Found
    within: np.ndarray  # bool[moment]
    stretch: float

    def told(self, panel, tape, assumptions, bar) -> StructuralFit:
        """Return all there is to say."""
        world = self.world
        shifts = self._shifts()
        values, missed = world.simulated(shifts)
        names, words = [one.name for one in self.free], {one.name: one.words for one in self.free}
        prior_driven = [words[names[k]] for k in self.why if names[k] in HOW_CAUSES_ARE_TOLD]
        total = max(int(missed.sum()), 1)
        seen, seen_of_all = (self._sensitivity(which) for which in (self.within, world.usable))
        return StructuralFit(
            document=moved(world.document, shifts),
            calibrated_from=f"{Path(tape).name}, {panel.months[0]} to {panel.months[-1]}",
            estimates=tuple(self._estimates(seen)),
            correlation=correlation_of(posterior(self.found.sensitivity)),
            compared=tuple(self._compared(values)),
            test=self._test(values, self.found.sensitivity * self.stretch, self.within),
            test_of_all=self._test(values, seen_of_all * self.stretch, world.usable),
            stretch=self.stretch,
            not_told=tuple(in_words(directions(seen, names), words)),
            causes={name: int(n) / total for name, n in zip(CAUSES[1:], missed[1:], strict=True)},
            causes_are_prior=", ".join(prior_driven),
            assumptions=tuple(assumptions),
            has_settled=self.found.has_settled,
            accounts=sum(world.tape.borrowers),
            evaluations=bar.evaluations,
        )

    def _shifts(self):
        """Return the shift of each parameter that is fitted."""
        at = zip(self.free, self.found.x, self.is_told, strict=True)
        return {parameter: float(x * parameter.width) for parameter, x, is_told in at if is_told}

    def _sensitivity(self, which):
        """Return the sensitivity of moments to every free parameter where the fit ended, errors stretched."""
        everyone = np.ones(len(self.free), bool)
        errors = self.world.covariance_of(which, self.stretch)
        return moment_fit.sensitivity(self.world.moments(self.free, which), errors, self.found.x, everyone)

    def _test(self, values, sensitivity, which):
        gap = (values - self.world.values)[which]
        return moment_fit.j_test(gap, self.world.covariance_of(which), sensitivity)

    def _estimates(self, sensitivity):
        """Yield the estimate of each free parameter, in the order of the list; `sensitivity` is to all of them."""
        errors, held = np.ones(len(self.free)), np.ones(len(self.free))
        errors[self.is_told] = np.sqrt(np.diag(in_doubt(sensitivity, self.is_told)))
        held[self.is_told] = np.sqrt(np.diag(posterior(self.found.sensitivity)))
        for k, (parameter, x, error) in enumerate(zip(self.free, self.found.x, errors.tolist(), strict=True)):
            prior = value(self.world.document, parameter)
            if not self.is_told[k]:
                yield Posterior(parameter, prior, prior, None, None, 0.0, error, self.why[k])
                continue
            centre = value(moved(self.world.document, {parameter: 0.0}), parameter)
            half = ndtri(0.5 + LEVEL / 2) * error
            low, at, high = (shifted(centre, parameter, float(x + step) * parameter.width) for step in (-half, 0, half))
            yield Posterior(parameter, prior, at, low, high, float(x), error, "", float(held[k]))

    def _compared(self, values):
        """Yield each moment that the tape has."""
        world = self.world
        for k, moment in enumerate(MOMENTS):
            if world.errors[k] > 0 and np.isfinite(world.values[k]):
                role = "fitted" if self.within[k] else "out of reach" if world.usable[k] else "shown"
                yield Compared(moment, float(world.values[k]), float(world.errors[k]), float(values[k]), role)


class _Bar:
    """How far the fit is: account-months simulated, of those that the optimiser may take."""

    def __init__(self, observer):
        self.observer, self.stage, self.evaluations = observer, "", 0
        self.done = self.total = 0

    def expect(self, coarse, fine, parameters):
        """Guess the work: steps of 1 + 2 p evaluations."""
        each = 1 + 2 * parameters
        self.total = each * (COARSE_STEPS * coarse.size + 3 * FINE_STEPS * fine.size)

    def name(self, stage):
        """Name what is being done."""
        self.stage = stage

    def count(self, done):
        """Count one evaluation, and tell of it."""
        self.evaluations += 1
        done = min(done, max(self.total - self.done - 1, 0))
        self.done += done
        self.observer.advanced(self.stage, done, self.total)

    def end(self):
        """Tell that all is done."""
        if self.total > self.done:
            self.observer.advanced(self.stage, self.total - self.done, self.total)

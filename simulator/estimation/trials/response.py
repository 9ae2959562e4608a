"""What the engine makes of a setting: the arms of the trial lived, with the setting at a few values.

A setting is not what a trial sees: a reminder's strength takes that share off forgetting, and not all lateness is
forgetting. So both arms are lived, with the same people and random numbers, and the contrast between them is followed
along the setting.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from simulator.analysis.measures import MEASURES
from simulator.decision.assumptions import END
from simulator.decision.experiment import Experiment
from simulator.estimation.trials.prior import REACH, Prior
from simulator.model.errors import Problem, UserError, check_names
from simulator.model.observer import Observer
from simulator.scenario.scenario import BASELINE

NOT = "not "
AT = (-REACH, -END, 0.0, END, 4.0, REACH)  # places of the setting that are lived
NEAR = 1e-3  # of what is lived, below which two values are one
CLEAR = 3.0  # standard errors by which the setting must move the measure
VALUE = "npv"


@dataclass(frozen=True)
class Response:
    """The arms along the setting: float64[value] each where nothing else is said."""

    settings: np.ndarray  # the values that were lived, rising
    contrast: np.ndarray  # of the arm against the control, on the trial's scale
    error: np.ndarray  # standard error of the contrast
    level: np.ndarray  # of the measure in the arm
    control: float  # of the measure in the control
    lead: np.ndarray | None  # the whole book's value with the policy less without it; None if it cannot be stated
    unvalued: str  # why it cannot
    borrowers: int  # of that book

    def at(self, x: np.ndarray) -> np.ndarray:
        """Return the contrast at settings: monotone between any two values that were lived."""
        return PchipInterpolator(self.settings, self.contrast)(x)

    def error_at(self, x):
        """Return the standard error of `at`."""
        return np.interp(x, self.settings, self.error)

    def lead_at(self, x: np.ndarray) -> np.ndarray:
        """Return what the policy is worth at settings: a parabola, since single values hold much chance."""
        assert self.lead is not None
        return np.polyval(np.polyfit(self.settings, self.lead, min(2, len(self.settings) - 1)), x)


def response(
    experiment: Experiment, prior: Prior, counts: str, is_share: bool, months: int, observer: Observer
) -> Response:
    """Return what the engine makes of the setting in the first `months`, by what the trial `counts`.

    `counts` is a measure, a share if `is_share`, or "not " and one. Raises UserError where the run has no such measure,
    or where the setting does not move it.
    """
    key = prior.doubt.key
    switch = ".".join([*key.split(".")[:2], "enabled"])
    measure = counts.removeprefix(NOT)
    check_names("--counts", [measure], MEASURES)
    wrong = (MEASURES[measure].unit == "share") != is_share
    if wrong or (counts != measure and not is_share):
        wish = "a share, which successes are counted of" if is_share else "an amount, which is added up"
        raise UserError(Problem("--counts", counts, f"is in {MEASURES[measure].unit}", f"allowed: {wish}"))
    experiment.announce(1 + len(AT), observer)
    observer.started("living the control")
    at_home = experiment.at({switch: False})
    asked = at_home.frame
    if asked.replications < 2:
        raise UserError(Problem("--replications", found=str(asked.replications), allowed="allowed: 2 or more"))
    if months > asked.months:
        raise UserError(
            Problem("--trial-months", str(months), f"the scenario lasts {asked.months}", "allowed: no more")
        )

    def levels(comparison):
        by_month = comparison.samples_by_month(BASELINE, measure)
        found = np.zeros(1) if by_month is None else by_month[:, :months].mean(axis=1)
        if not found.mean() > 0:  # nor of what is not defined
            raise UserError(Problem("--counts", measure, "the scenario has none in these months", "another measure"))
        return 1 - found if counts != measure else found

    home = levels(at_home)
    why = at_home.unstated(VALUE) or ""
    worth = at_home.samples(BASELINE, VALUE)
    settings = np.unique([float(prior.x[np.abs(prior.z - z).argmin()]) for z in AT])
    settings = settings[np.diff(settings, prepend=-np.inf) > NEAR * np.ptp(settings)]
    rows = []
    for x in settings:
        observer.started(f"living the arm with {key} at {x:.4g}")
        lived = experiment.at({switch: True, key: float(x)})
        arm = levels(lived)
        (moved, level), (unmoved, without) = (_scaled(one, is_share) for one in (arm, home))
        error = (moved - unmoved).std(ddof=1) / np.sqrt(len(arm))
        rows.append((level - without, error, arm.mean(), (lived.samples(BASELINE, VALUE) - worth).mean()))
    contrast, error, level, lead = np.array(rows).T
    if np.ptp(contrast) <= CLEAR * error.max():
        told = f"{key} moves it by {np.ptp(contrast):.3f} ({'log-odds' if is_share else 'logarithm'})"
        found = f"{told}, and the simulation's error is {error.max():.3f}"
        allowed = f"allowed: {CLEAR:g} times the error; more --borrowers, or a measure that the setting moves"
        raise UserError(Problem("--counts", counts, found, allowed))
    worth_of = None if why else lead
    return Response(settings, contrast, error, level, float(home.mean()), worth_of, why, asked.borrowers)


def _scaled(samples: np.ndarray, is_share: bool) -> tuple[np.ndarray, float]:
    """Return samples made linear around their mean on the trial's scale, and the scale's value of the mean."""
    mean = samples.mean()
    if is_share:
        return samples / (mean * (1 - mean)), np.log(mean / (1 - mean))
    return samples / mean, np.log(mean)

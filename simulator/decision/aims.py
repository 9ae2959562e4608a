"""What is wanted of a setting: a measure as high or as low as can be, while others keep their bounds."""

import re
from math import isfinite
from typing import NamedTuple

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.analysis.measures import MEASURES
from simulator.analysis.measures.registry import SHARE, TAIL
from simulator.model.errors import Problem, UserError, did_you_mean, names_of

FORM = 'MEASURE >= NUMBER or MEASURE <= NUMBER, as in "approval_rate >= 0.6"'
OF_A_WHOLE = (
    "approval_rate",
    "npl_ratio",
    "default_rate",
    "lifetime_default_rate",
    "cure_rate",
    "redefault_rate",
    "settlement_rate",
)
CONSTRAINT = re.compile(r"\s*(\w+)\s*(>=|<=)\s*(\S+)\s*")


class Constraint(NamedTuple):
    """A measure's mean that must be at least, or at most, a bound in its unit."""

    measure: str
    is_least: bool
    bound: float

    def __str__(self) -> str:
        """Return it as it is said on the command line."""
        return f"{self.measure} {'>=' if self.is_least else '<='} {self.bound:.12g}"


class Aims(NamedTuple):
    """The objective and the constraints."""

    objective: str
    is_highest: bool
    constraints: tuple[Constraint, ...]

    @property
    def measures(self) -> list[str]:
        """The measures that are looked at, the objective first."""
        return [self.objective, *(one.measure for one in self.constraints)]

    def columns(self, values: np.ndarray) -> np.ndarray:
        """Return float64[..., measure]: what is to be maximised, then by how much each constraint is kept."""
        bounds = np.array([0.0, *(one.bound for one in self.constraints)])
        signs = np.where([self.is_highest, *(one.is_least for one in self.constraints)], 1.0, -1.0)
        return signs * (values - bounds)


def aims(maximise: str | None, minimise: str | None, subject) -> tuple[Aims | None, list[Problem]]:
    """Return what is wanted, None if it cannot be read, and every problem with it."""
    problems = []
    if (maximise is None) == (minimise is None):
        found = "found neither" if maximise is None else "found both"
        problems.append(Problem("--maximise, --minimise", "", found, "allowed: one of them, with a measure"))
    option, objective = ("--minimise", minimise) if maximise is None else ("--maximise", maximise)
    if objective is not None:
        problems += _of_measure(option, objective)
    constraints = []
    for said in names_of("subject", subject):
        one, wrong = constraint(said)
        problems += wrong
        constraints += [one] if one else []
    if problems or objective is None:
        return None, problems
    return Aims(objective, maximise is not None, tuple(constraints)), []


def constraint(said: str) -> tuple[Constraint | None, list[Problem]]:
    """Return what `--subject` says, None if it cannot be read, and every problem with it."""
    match = CONSTRAINT.fullmatch(said)
    if not match:
        return None, [Problem("--subject", said, "not of that form", FORM)]
    measure, sign, number = match.groups()
    problems = _of_measure("--subject", measure)
    try:
        bound = float(number)
    except ValueError:
        bound = float("nan")
    if not isfinite(bound):
        problems.append(Problem("--subject", said, f"found {number}", "allowed: a number, in the measure's unit"))
    elif _is_of_a_whole(measure) and not 0 <= bound <= 1:
        found = f"found {number}, and {measure} is a share, from 0 to 1"
        problems.append(Problem("--subject", said, found, "allowed: such as 0.6 for 60 %"))
    return (None, problems) if problems else (Constraint(measure, sign == ">=", bound), [])


def check_stated(wanted: Aims, comparison: Comparison, lender: str) -> None:
    """Raise UserError with each measure that this run cannot state for every replication."""
    problems = []
    for name in dict.fromkeys(wanted.measures):
        if name not in comparison.measures:
            problems.append(Problem("measure", name, "this scenario has none", did_you_mean(name, comparison.measures)))
        elif why := comparison.unstated(name):
            problems.append(Problem("measure", name, "cannot be stated", why))
        elif len(samples := comparison.samples(lender, name)) != comparison.frame.replications:
            problems.append(Problem("measure", name, "is of batches of replications", "one that each of them has"))
        elif not np.isfinite(samples).all():
            found = "is not defined in every replication: a rate of nothing"
            problems.append(Problem("measure", name, found, "more borrowers or months, or another measure"))
    if problems:
        raise UserError(problems)


def _is_of_a_whole(name):
    """Return whether a measure is the part of a whole: unlike an LGD it is never above 1."""
    return name in OF_A_WHOLE or (name.startswith("dpd") and name in MEASURES and MEASURES[name].unit == SHARE)


def _of_measure(option, name):
    """Return what is wrong with a measure that an option names."""
    if name not in MEASURES:
        return [Problem(option, name, "there is no such measure", did_you_mean(name, MEASURES))]
    if MEASURES[name].kind == TAIL:
        found = "is of all replications together, so settings have no differences by replication"
        return [Problem(option, name, found, "a measure that is a mean, such as net_loss")]
    return []

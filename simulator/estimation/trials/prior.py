"""What is known of a setting before the trial: the scenario's range, else published trials, else nothing."""

import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simulator.decision.assumptions import Doubt, at_key, bounds_at, doubt_at
from simulator.decision.experiment import Experiment
from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError
from simulator.model.values import Provenance

PRIORS = ("scenario", "published", "flat")
LEARNED = "learned from "  # how the source begins of what an earlier trial gave
PUBLISHED = Path(__file__).with_name("published.toml")
REACH, PLACES = 8.0, 801  # of the grid, standard normal
# A trial may contradict what others found: with some weight the range is three times as wide. Assumptions, [0.1, 0.5]
# and [2, 5]; the form is that of H. Schmidli et al., Biometrics 70 (2014), robust meta-analytic-predictive priors.
WIDE, WIDER = 0.2, 3.0


@dataclass(frozen=True)
class Prior:
    """What is known of a setting before the trial."""

    doubt: Doubt
    source: str
    kind: str  # one of PRIORS

    @property
    def is_own(self) -> bool:
        """Whether it comes from an earlier trial of the lender's own, of which nothing is taken back."""
        return self.source.startswith(LEARNED)

    @cached_property
    def z(self) -> np.ndarray:
        """float64[place]: places of the setting in its range, standard normal."""
        return np.linspace(-REACH, REACH, PLACES)

    @cached_property
    def x(self) -> np.ndarray:
        """float64[place]: the setting."""
        return np.array([self.doubt.at(float(z)) for z in self.z], dtype=np.float64)

    @cached_property
    def weight(self) -> np.ndarray:
        """float64[place]: how likely each is, adding up to 1."""
        z = self.z
        found = np.exp(-(z**2) / 2)
        if self.kind != "flat" and not self.is_own:
            found = (1 - WIDE) * found + WIDE / WIDER * np.exp(-((z / WIDER) ** 2) / 2)
        return found / found.sum()


@cache
def published() -> list[dict[str, Any]]:
    """Return what published trials say: kind, setting, value, range, source of each."""
    return tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))["effect"]


def prior(experiment: Experiment, key: str, wanted: str | None) -> Prior:
    """Return what is known of the setting at a key of a policy; `wanted` is one of PRIORS, None: the first there is.

    Raises UserError where what is wanted is not there.
    """
    settings, own = experiment.holder(key)
    policy, _, setting = own.removeprefix("policy.").partition(".")
    kind = at_key(settings, f"policy.{policy}").kind
    about, bounds = experiment.about(key), bounds_at(settings, own)
    trials = [one for one in published() if (one["kind"], one["setting"]) == (kind, setting)]
    there = {"scenario": bool(about.range), "published": bool(trials), "flat": bool(np.isfinite(bounds).all())}
    chosen = wanted or next((name for name in PRIORS if there[name]), None)
    if chosen is None or not there.get(chosen):
        known = ", ".join(name for name in PRIORS if there[name])
        allowed = f"allowed: {known}" if known else "give the setting a range in the scenario"
        raise UserError(Problem("--prior", wanted or key, "nothing of that kind is known of this setting", allowed))
    if chosen == "published":
        (one,) = trials
        about = Provenance(unit=about.unit, source=one["source"], range=tuple(one["range"]))
        return Prior(
            Doubt(key, one["value"], about.range[0], about.range[1], bounds, False, about), one["source"], chosen
        )
    if chosen == "scenario":
        return Prior(doubt_at(settings, own, about)._replace(key=key), about.source or kept("the scenario"), chosen)
    low, high = bounds
    ends = (low + 0.05 * (high - low), high - 0.05 * (high - low))
    spread = Provenance(unit=about.unit, range=ends, shape="uniform")
    flat = Doubt(key, (low + high) / 2, ends[0], ends[1], bounds, False, spread)
    return Prior(flat, kept("nothing is known: anything from {low:g} to {high:g}", low=low, high=high), chosen)

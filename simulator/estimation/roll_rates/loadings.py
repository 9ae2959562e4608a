"""How strongly the common factor moves each segment: one loading for all, or, where the tape tells, one for each.

A segment's shift in a month is its loading times the shift of all. What the counts say of each segment's shifts is
summed up as in `factor.py`; with loadings the sums add up to what they say of the one factor, so that a set of loadings
has a marginal likelihood in closed form, averaged over size and persistence.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtri

from simulator.estimation.intervals import LEVEL
from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.factor import Prior, Range, ShiftLikelihood, best_first, log_evidence, summarise
from simulator.estimation.roll_rates.rows import fine_counts

SPREAD = 0.5  # sd of the log of a loading before the tape: half of all between 0.7 and 1.4; assumption
STEP = 0.05  # of the log of a loading, for slopes and curvature
GAIN = 4.0  # in log likelihood, beyond one for each segment but one, as for cells
MOST = 12  # segments, beyond which each is too small a part to be looked at: all have one loading; assumption


class Loadings(NamedTuple):
    """The loadings of the segments, and what they gain over one for all."""

    by_segment: dict[str, Range]  # with 90 % intervals; their mean is 1
    gain: float  # in log posterior

    @property
    def are_told(self) -> bool:
        """Whether segments differ by more than chance."""
        return self.gain > GAIN + len(self.by_segment) - 1

    def as_dict(self) -> dict[str, Any]:
        """Return what factor.json holds of them."""
        by_segment = {name: found._asdict() for name, found in self.by_segment.items()}
        return {"by_segment": by_segment, "gain": self.gain, "told": self.are_told}


def panel_loadings(panel: Panel, remembered: dict[str, Remembered], prior: Prior | None = None) -> Loadings:
    """Return the loadings of the panel's segments; without gain where there is one segment."""
    counts = fine_counts(panel, remembered)[0][..., best_first(panel.states)]
    of_segment = [group.segment for group in panel.groups()]
    names = tuple(dict.fromkeys(of_segment))
    at = np.array([pair.second for pair in panel.pairs()])
    own = [counts[:, [segment == name for segment in of_segment]] for name in names]
    evidence = [summarise(of.reshape(len(of), -1, of.shape[-1])) for of in own]
    weight = np.maximum([of.sum() for of in own], 1.0)
    return estimate_loadings(dict(zip(names, evidence, strict=True)), weight, at, prior or Prior())


def estimate_loadings(
    evidence: dict[str, ShiftLikelihood], weight: np.ndarray, at: np.ndarray, prior: Prior
) -> Loadings:
    """Return the loadings behind each segment's `evidence`, of months at `at`; means are by `weight`.

    At the largest posterior, with intervals by its curvature there (Laplace) less what moves all loadings together.
    """
    parts = list(evidence.values())

    def worth(logs: np.ndarray) -> float:
        x = np.exp(logs)
        together = parts[0]._replace(
            precision=np.tensordot(x**2, np.array([of.precision for of in parts]), 1),
            pull=np.tensordot(x, np.array([of.pull for of in parts]), 1),
        )
        return log_evidence(together, at, prior) - float(logs @ logs) / (2 * SPREAD**2)

    alike = np.zeros(len(parts))
    if not 1 < len(parts) <= MOST:
        return Loadings({name: Range(1.0, 1.0, 1.0) for name in evidence}, 0.0)
    best = minimize(lambda logs: -worth(logs), alike, method="BFGS", options={"gtol": 1e-2, "eps": 1e-4}).x
    step = STEP * np.eye(len(parts))
    corners = [[worth(best + i * a + j * b) * i * j for a in step for b in step] for i in (1, -1) for j in (1, -1)]
    curvature = np.sum(corners, axis=0).reshape(len(parts), -1) / (4 * STEP**2)
    share = weight * np.exp(best) / (weight * np.exp(best)).sum()
    apart = np.eye(len(parts)) - share  # moves of the logs against that of the mean
    covariance = apart @ np.linalg.inv(-curvature) @ apart.T
    found, sd = np.exp(best) / np.average(np.exp(best), weights=weight), np.sqrt(np.diagonal(covariance))
    z = ndtri(0.5 + LEVEL / 2)
    ends = found * np.exp(-z * sd), found * np.exp(z * sd)
    ranges = {name: Range(float(found[g]), *(float(end[g]) for end in ends)) for g, name in enumerate(evidence)}
    return Loadings(ranges, worth(best) - worth(alike))

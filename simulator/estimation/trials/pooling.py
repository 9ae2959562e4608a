"""Partial pooling: what cells of a trial say of one effect, if segments lie around it and months move it.

    contrast[cell] = effect + segment's deviation + month's deviation + error

The deviations are normal; the segments' are around their mean by accounts, so the effect is that of the
trial's own segments, over months like its own. How far they spread is not known: both spreads have half-normal priors
and are integrated out on a grid of equally likely points. Everything else is in closed form.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from simulator.estimation.trials.rows import Trial

# Scale of both spreads, log-odds; assumption [0.05, 0.3]. Between whole studies 0.5 is usual (C. Roever et al.,
# Research Synthesis Methods 12, 2021); the segments and months of one lender under one policy are far more alike.
SPREAD = 0.1
POINTS = 12  # of each spread
HALVINGS = 60


class Evidence(NamedTuple):
    """What a trial says of the effect, at each point of the two spreads."""

    weight: np.ndarray  # float64[point]: how likely it makes the trial where the effect is what fits best; largest 1
    centre: np.ndarray  # float64[point]: the effect that fits best
    variance: np.ndarray  # float64[point]: of its error
    spreads: np.ndarray  # float64[point, 2]: between segments, between months
    own: np.ndarray  # float64[point, segment]: a segment's effect is own + slope x effect, with the variance left
    slope: np.ndarray
    left: np.ndarray

    def likelihood(self, effect: np.ndarray, variance: np.ndarray | float = 0.0) -> np.ndarray:
        """Return float64[point, effect]: of each effect, which itself has an error of so much variance."""
        spread = self.variance[:, None] + variance
        apart = (effect - self.centre[:, None]) ** 2
        return self.weight[:, None] * np.sqrt(self.variance[:, None] / spread) * np.exp(-apart / (2 * spread))

    @property
    def alone(self) -> tuple[float, float, float]:
        """The effect by the trial alone: median, and both ends of its 90 % interval."""
        share = self.weight * np.sqrt(self.variance)
        return quantiles(self.centre[:, None], self.variance[:, None], share / share.sum())[:, 0].tolist()


def evidence(trial: Trial) -> Evidence:
    """Return what the cells of a trial say of the effect.

    With standard normal deviations u, columns X and their scales T the precision of u is A = 1 + T X'X T (all by cells
    weighed by their precision); what the cells say of the effect is their plain sums less what u explains of them.
    """
    y, v = trial.contrasts
    segments, months = len(trial.segments), len(trial.months)
    around = np.eye(segments) - trial.shares
    columns = np.concatenate([np.eye(segments)[trial.segment] @ around, np.eye(months)[trial.month]], axis=1)
    spreads = _grid(segments > 1, months > 1)
    scale = np.repeat(spreads, (segments, months), axis=1)  # [point, column]
    sides = np.stack([columns.T @ (1 / v), columns.T @ (y / v)], axis=1) * scale[:, :, None]  # of 1, of y
    to_segment = np.concatenate([around, np.zeros((segments, months))], axis=1) * scale[:, None]
    a = np.eye(segments + months) + scale[:, :, None] * ((columns.T / v) @ columns) * scale[:, None]
    solved = np.linalg.solve(a, np.concatenate([sides, to_segment.transpose(0, 2, 1)], axis=2))
    explained = sides.transpose(0, 2, 1) @ solved[:, :, :2]
    ones, cross = (1 / v).sum() - explained[:, 0, 0], (y / v).sum() - explained[:, 0, 1]
    squares = (y**2 / v).sum() - explained[:, 1, 1]
    logs = -0.5 * (np.linalg.slogdet(a)[1] + squares - cross**2 / ones)
    by_segment = to_segment @ solved  # [point, segment, (1, y, segment)]
    left = np.diagonal(by_segment[:, :, 2:], axis1=1, axis2=2)
    weight = np.exp(logs - logs.max())
    return Evidence(weight, cross / ones, 1 / ones, spreads, by_segment[:, :, 1], 1 - by_segment[:, :, 0], left)


def _grid(by_segment: bool, by_month: bool) -> np.ndarray:
    """Return float64[point, 2]: equally likely points of the two spreads; 0 of what is only one.

    Each is the root mean square of its part of the half-normal, so that together they have its variance.
    """
    edges = ndtri(0.5 + np.arange(POINTS) / (2 * POINTS))
    inside = edges * np.exp(-(edges**2) / 2) / np.sqrt(2 * np.pi)
    points = SPREAD * np.sqrt(1 - 2 * POINTS * np.diff(inside, append=0.0))
    return np.array([(a, b) for a in (points if by_segment else (0.0,)) for b in (points if by_month else (0.0,))])


def quantiles(
    centre: np.ndarray, variance: np.ndarray, weight: np.ndarray, at: tuple[float, ...] = (0.5, 0.05, 0.95)
) -> np.ndarray:
    """Return float64[quantile, column] of mixtures of normals float64[part, column] with weights that add up to 1."""
    sd = np.sqrt(np.maximum(variance, 1e-300))
    found = []
    for share in at:
        low, high = (centre - 40 * sd).min(axis=0), (centre + 40 * sd).max(axis=0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = weight @ ndtr((middle - centre) / sd) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        found.append((low + high) / 2)
    return np.array(found)

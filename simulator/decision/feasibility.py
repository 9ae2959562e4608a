"""How sure it is that constraints hold: each, and all together."""

import numpy as np
from scipy.special import ndtr, stdtr

from simulator.analysis.estimates import less
from simulator.decision.doubt import normals

DRAWS = 1 << 14  # of normal numbers, from which the chance of several constraints together is counted
NEVER = 1e-12  # least chance of one constraint: below it all together have none either


def mean_and_error(samples) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over the first axis of float64[replication, ...] and its standard error; of equal ones 0."""
    origin = samples[0]
    apart = less(samples, origin)
    middle = apart.mean(axis=0)
    return origin + middle, np.sqrt(((apart - middle) ** 2).sum(axis=0) / (len(samples) - 1) / len(samples))


def chance_kept(slack) -> np.ndarray:
    """Return float64[...]: the chance that the mean of float64[replication, ...] is at least 0, by Student's t."""
    middle, error = mean_and_error(np.asarray(slack, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, middle / error, np.where(middle >= 0, np.inf, -np.inf))
    return stdtr(len(slack) - 1, t)


def chance_all_kept(slack) -> float:
    """Return the chance that the means of float64[replication, constraint] are all at least 0; 1 without any.

    Each has its own, by Student's t; what they have in common is that of normal numbers with the correlations of the
    replications (a Gaussian copula).
    """
    each = chance_kept(slack)
    if len(each) < 2 or each.min(initial=1.0) < NEVER:
        return float(each.min(initial=1.0))
    apart = less(slack, slack[0])
    spread = np.std(apart, axis=0)
    scaled = (apart - apart.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    correlation = scaled.T @ scaled / len(slack)
    values, vectors = np.linalg.eigh(correlation)
    z = np.stack([normals(f"constraint {k}", 0, np.arange(DRAWS)) for k in range(len(each))])
    together = (vectors * np.sqrt(np.maximum(values, 0))) @ z
    size = np.sqrt(np.diag(correlation))
    with np.errstate(divide="ignore", invalid="ignore"):
        placed = ndtr(np.where(size[:, None] > 0, together / size[:, None], -np.inf))
    counted = float((placed <= each[:, None]).all(axis=0).mean())
    return float(np.clip(counted, max(0.0, 1 - (1 - each).sum()), each.min()))  # what no dependence goes beyond

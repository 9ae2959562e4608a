"""What moments tell of parameters beyond their prior: directions, pairs that hide each other, who must stay.

A sensitivity is float64[moment, parameter]: change of the moments, in standard errors free of correlation, when a
parameter moves by one standard deviation of its prior. With it the posterior covariance, in prior units, is
(A'A + 1)^-1; a direction with singular value s keeps 1 / sqrt(1 + s^2) of the prior's width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

TOLD = 0.7  # of the prior's width: a posterior that is wider is no knowledge
PART = 0.3  # loading from which a parameter belongs to a direction


class Direction(NamedTuple):
    """A combination of parameters and how much of its prior width the moments leave."""

    left: float  # posterior over prior standard deviation
    loadings: dict[str, float]  # of unit length together; those below PART are left out

    @property
    def is_told(self) -> bool:
        """Whether the moments tell anything of it."""
        return self.left < TOLD


def directions(sensitivity: np.ndarray, names: Sequence[str]) -> list[Direction]:
    """Return the right singular directions of the sensitivity, the best known first."""
    _, size, along = np.linalg.svd(np.vstack([sensitivity, np.zeros((len(names), len(names)))]), full_matrices=False)
    found = []
    for s, row in zip(size, along, strict=True):
        row = row * np.sign(row[np.argmax(np.abs(row))])
        parts = {name: float(x) for name, x in zip(names, row, strict=True) if abs(x) >= PART}
        found.append(Direction(float(1 / np.sqrt(1 + s * s)), parts))
    return found


def posterior(sensitivity: np.ndarray) -> np.ndarray:
    """Return float64[parameter, parameter]: the posterior covariance in prior units."""
    return np.linalg.inv(sensitivity.T @ sensitivity + np.eye(sensitivity.shape[1]))


def in_doubt(sensitivity: np.ndarray, is_told: np.ndarray) -> np.ndarray:
    """Return float64[told, told]: the posterior covariance of the parameters that are told of, in prior units.

    The others stay at the prior, and where they truly are moves the same moments: what is told of them by those moments
    goes into the fitted ones. To the posterior with all others held there, C, it adds B B' with B = C A' A_o, A and A_o
    the sensitivities to the fitted and to the others, whose prior is standard normal. `sensitivity` is to all.
    """
    fitted, others = sensitivity[:, is_told], sensitivity[:, ~is_told]
    held = posterior(fitted)
    mistaken = held @ fitted.T @ others
    return held + mistaken @ mistaken.T


def correlation_of(covariance: np.ndarray) -> np.ndarray:
    """Return float64[parameter, parameter]: the correlations of a covariance."""
    deviations = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviations, deviations)


def left(sensitivity: np.ndarray) -> np.ndarray:
    """Return float64[parameter]: posterior over prior standard deviation of each."""
    return np.sqrt(np.diag(posterior(sensitivity)))


def why_untold(sensitivity: np.ndarray, one: int, names: Sequence[str]) -> str:
    """Return why the moments do not tell of parameter number `one`: others hide it, or it moves none enough."""
    alone = 1 / np.sqrt(1 + np.sum(sensitivity[:, one] ** 2))
    if alone < TOLD and (rivals := _rivals(sensitivity, one, names)):
        return f"moves the same moments as {_and(rivals)}: only what they do together is known"
    return f"moves no moment enough: {left(sensitivity)[one]:.0%} of its prior's width is left"


def in_words(found: Sequence[Direction], words: dict[str, str]) -> list[str]:
    """Return a sentence for each direction that the moments do not tell; `words` names the parameters."""
    lines = []
    for direction in found:
        if direction.is_told:
            continue
        named = [words[name] for name in direction.loadings]
        if len(named) > 1:
            sums = " ".join(f"{x:+.2f} {name}" for name, x in direction.loadings.items())
            said = f"{_and(named)} move the same moments: not known is {sums}"
        else:
            said = f"the moments say little of {_and(named)}"
        lines.append(f"{said} ({direction.left:.0%} of the prior's width is left)")
    return lines


def _rivals(sensitivity, one, names):
    """Return the parameters whose posterior hangs together with that of `one` by more than half."""
    cov = posterior(sensitivity)
    correlation = cov[one] / np.sqrt(np.diag(cov) * cov[one, one])
    return [name for k, name in enumerate(names) if k != one and abs(correlation[k]) > 0.5]


def _and(words):
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last

"""The rates of the quarters for which drivers are given beyond the last rate, with intervals."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from simulator.estimation.macro.choice import Choice, usable
from simulator.estimation.macro.link import CURVES, least_squares
from simulator.estimation.macro.series import Series

CONFIDENCE = 0.90


class Forecast(NamedTuple):
    """Rates are shares; arrays are float64[quarter] of the quarters named."""

    quarters: tuple[str, ...]
    rate: np.ndarray  # as likely to be exceeded as not
    low: np.ndarray
    high: np.ndarray


def forecast(series: Series, choice: Choice, curve: str = "logit") -> Forecast:
    """Return what the chosen candidate says of the quarters after the last rate; of none if the file ends with it.

    On the curve's scale a quarter is a sum along the path from the last rate that was used, and its variance has two
    parts: the residuals' of each quarter on the way, persistence carried on, and the parameters', by the gradient of
    that sum (delta method, Newey-West covariance). The interval is Student's with n - k degrees of freedom, bent back.
    That the candidate was chosen, and that drivers may come otherwise, is not in it.
    """
    columns, candidate = choice.columns, choice.chosen.candidate
    used, beside = usable(columns, candidate), columns.of(candidate)
    beta, covariance, error, critical = least_squares(columns.y, beside, used)
    covariance = covariance * (critical / ndtri(0.975)) ** 2  # of few quarters, as the link's intervals
    n, k = len(error), len(beta)
    noise = error @ error / (n - k)
    drivers, memory = (beside[:-1], beta[-1]) if candidate.memory else (beside, 0.0)

    start = int(np.flatnonzero(np.isfinite(columns.y))[-1])
    last, gradient, spread = columns.y[start], np.zeros(k), 0.0
    found = []
    for t in range(start + 1, len(columns.y)):
        row = np.array([1.0, *(column[t] for column in drivers), *([last] if candidate.memory else [])])
        last, gradient = row @ beta, row + memory * gradient
        spread = noise + memory**2 * spread
        found.append((t, last, np.sqrt(spread + gradient @ covariance @ gradient)))
    after = int(np.flatnonzero(np.isfinite(series.rate))[-1])
    _, back = CURVES[curve]
    at, middle, se = np.array([each for each in found if each[0] > after]).reshape(-1, 3).T
    reach = stdtrit(n - k, (1 + CONFIDENCE) / 2) * se
    quarters = tuple(series.quarters[int(t)] for t in at)
    return Forecast(quarters, back(middle), back(middle - reach), back(middle + reach))

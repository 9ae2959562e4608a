"""Forecasts of quarters that were not fitted: from each of the last ones, as it would have been made then."""

import warnings
from typing import NamedTuple

import numpy as np

from simulator.estimation.macro.choice import Candidate, Columns, best, try_all

STEPS = 4  # quarters ahead
HELD = 4  # one quarter in so many is a start
CHOICE, LAST, MEAN = "chosen anew", "last value", "mean"


class OutOfTime(NamedTuple):
    """Mean squared errors, in squared log-odds or probits."""

    starts: tuple[str, ...]  # quarters from which is forecast
    errors: dict[str | Candidate, np.ndarray]  # float64[step]: of CHOICE, LAST, MEAN and of candidates

    def all_steps(self, rule) -> float:
        """Return the mean over the steps."""
        return float(np.nanmean(self.errors[rule]))

    @property
    def beaten_by(self) -> list[str]:
        """Of LAST and MEAN those whose errors are no larger than the choice's."""
        return [rule for rule in (LAST, MEAN) if self.all_steps(rule) <= self.all_steps(CHOICE)]


def out_of_time(columns: Columns, quarters, listed: list[Candidate]) -> OutOfTime:
    """Return the errors of forecasts 1 to STEPS quarters ahead from each of the last fourth of the used quarters.

    At each start candidates are fitted, and one is chosen anew, on nothing later; drivers of the quarters that are
    forecast are taken as they came. `listed` are candidates whose own errors are wished for.
    """
    at = np.flatnonzero(columns.used)
    starts = at[-(len(at) // HELD) - 1 : -1]
    rules: list[str | Candidate] = [CHOICE, LAST, MEAN, *listed]
    squared: dict[str | Candidate, list[np.ndarray]] = {rule: [] for rule in rules}
    for start in starts:
        past = columns.used & (np.arange(len(columns.y)) <= start)
        ahead = np.arange(start + 1, min(start + 1 + STEPS, len(columns.y)))
        forecasts: dict[str | Candidate, np.ndarray | float] = {LAST: columns.y[start], MEAN: columns.y[past].mean()}
        chosen = best(try_all(columns, past)).candidate
        for one in [chosen, *listed]:
            if one not in forecasts:
                forecasts[one] = _forecast(columns, one, past, ahead)
        forecasts[CHOICE] = forecasts[chosen]
        for rule, errors in squared.items():
            row = np.full(STEPS, np.nan)
            row[: len(ahead)] = (columns.y[ahead] - forecasts[rule]) ** 2
            errors.append(row)
    with warnings.catch_warnings():  # a step of which no rate is known
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        means = {rule: np.nanmean(np.array(errors), axis=0) for rule, errors in squared.items()}
    return OutOfTime(tuple(quarters[start] for start in starts), means)


def _forecast(columns, candidate, past, ahead):
    """Return float64[ahead]: what a candidate fitted to `past` says of the quarters after it, one on the other."""
    beside = columns.of(candidate)
    x = np.column_stack([np.ones(past.sum()), *(column[past] for column in beside)])
    beta = np.linalg.lstsq(x, columns.y[past], rcond=None)[0]
    drivers = beside[:-1] if candidate.memory else beside
    said, last = [], columns.y[ahead[0] - 1]
    for t in ahead:
        row = [1.0, *(column[t] for column in drivers), *([last] if candidate.memory else [])]
        last = np.array(row) @ beta
        said.append(last)
    return np.array(said)

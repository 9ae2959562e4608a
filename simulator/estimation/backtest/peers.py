"""What the account model is measured against: last value, the plain roll matrix, regressions on account features.

Each is fitted on the same sample of the window; none sees a later month.
"""

import numpy as np

from simulator.estimation.backtest.cells import MIDPOINTS, AccountForecast, Sample, quantiles
from simulator.estimation.backtest.features import Features, design
from simulator.estimation.backtest.logistic import log_loss, logistic, ridge, softmax

PENALTIES = (
    100.0,
    10.0,
    1.0,
)  # on squared slopes of standardised features; the best by halves of the window's accounts
FITTED_ON = 60_000  # accounts that a regression is fitted on, at most: evenly spaced rows of the sample


class LastValue:
    """Next month is this month: state and utilisation stay, without any spread."""

    def __init__(self, sample: Sample, n_states: int):
        """Nothing is fitted."""
        self.n_states = n_states

    def __call__(self, features: Features) -> AccountForecast:
        """Return certainty."""
        return AccountForecast(np.eye(self.n_states)[features.state], features.utilisation[:, None])


class SpreadLastValue(LastValue):
    """Last value, and around it the changes of utilisation that accounts of the same state had in the window."""

    def __init__(self, sample: Sample, n_states: int):
        """Fit the spread."""
        super().__init__(sample, n_states)
        self.change = by_state(sample.utilisation - sample.features.utilisation, sample.features.state, n_states)

    def __call__(self, features: Features) -> AccountForecast:
        """Return certain states, uncertain utilisation."""
        states = np.eye(self.n_states)[features.state]
        return AccountForecast(states, features.utilisation[:, None] + self.change[features.state])


class PlainMatrix:
    """The roll matrix of the window: the state is all that counts, for the next state and for utilisation."""

    def __init__(self, sample: Sample, n_states: int):
        """Count moves; a state that nobody left stays."""
        cells = sample.features.state * n_states + sample.state
        moves = np.bincount(cells, minlength=n_states**2).reshape(n_states, n_states)
        n = moves.sum(axis=1, keepdims=True)
        self.matrix = np.where(n > 0, moves / np.maximum(n, 1), np.eye(n_states))
        self.utilisation = by_state(sample.utilisation, sample.features.state, n_states)

    def __call__(self, features: Features) -> AccountForecast:
        """Return the row of each account's state."""
        known = np.where(np.isfinite(features.utilisation), 0.0, np.nan)[:, None]
        return AccountForecast(self.matrix[features.state], self.utilisation[features.state] + known)


def by_state(x: np.ndarray, state: np.ndarray, n_states: int) -> np.ndarray:
    """Return float64[state, quantile]: quantiles of what is known of x; all states together where a state has none."""
    known = np.isfinite(x)
    if not known.any():
        return np.full((n_states, 1), np.nan)
    x, state = x[known], state[known]
    found = np.repeat(quantiles(x, np.zeros(len(x), dtype=np.int64), 1), n_states, axis=0)
    there, cell = np.unique(state, return_inverse=True)
    found[there] = quantiles(x, cell, len(there))
    return found


class Regression:
    """For each present state: a multinomial logistic regression of the next, a linear regression of utilisation.

    Slopes are held small by a penalty chosen inside the window. It is fitted on pairs that have a month before them
    where there are any, so that it never meets features that are missing only because the window begins.
    """

    def __init__(self, sample: Sample, n_states: int):
        """Fit one regression for each state that accounts start from."""
        complete = np.flatnonzero(sample.features.previous >= 0)
        rows = complete if len(complete) else np.arange(len(sample.state))
        rows = rows[:: -(-len(rows) // FITTED_ON)]
        features = sample.features.take(rows)
        self.n_states, self.n_groups = n_states, int(sample.features.group.max()) + 1
        x = self._columns(features)
        self.centre, self.scale = x.mean(axis=0), x.std(axis=0)
        self.centre[0] = 0.0
        self.scale[self.scale < 1e-9] = 1.0
        x = (x - self.centre) / self.scale
        self.fits = {
            int(state): _fit_state(x[here], sample.state[rows][here], sample.utilisation[rows][here])
            for state in np.unique(features.state)
            for here in [features.state == state]
        }

    def _columns(self, features):
        known = features._replace(group=np.minimum(features.group, self.n_groups - 1))
        return design(known, self.n_states, self.n_groups)

    def __call__(self, features: Features) -> AccountForecast:
        """Return the regressions' forecast; a state that nobody left in the window stays, its utilisation too."""
        x = (self._columns(features) - self.centre) / self.scale
        states = np.eye(self.n_states)[features.state]
        utilisation = np.repeat(features.utilisation[:, None], len(MIDPOINTS), axis=1)
        for state, (targets, logits, slopes, spread) in self.fits.items():
            here = features.state == state
            states[np.ix_(here, np.arange(self.n_states))] = 0.0
            states[np.ix_(here, targets)] = softmax(x[here] @ logits)
            if slopes is not None:
                known = np.where(np.isfinite(features.utilisation[here]), 0.0, np.nan)
                utilisation[here] = (x[here] @ slopes + known)[:, None] + spread
        return AccountForecast(states, utilisation)


def _fit_state(x, came, utilisation):
    """Return (states that came, logits[column, state], slopes[column] or None, quantiles of what they leave)."""
    moving = np.flatnonzero(np.ptp(x, axis=0) > 0)  # other columns say nothing here
    moving = np.insert(moving, 0, 0)  # but the constant stays
    targets, came = np.unique(came, return_inverse=True)
    logits = np.zeros((x.shape[1], len(targets)))
    penalty, logits[moving] = _logistic_by_halves(x[:, moving], came, len(targets))
    known = np.isfinite(utilisation)
    slopes = spread = None
    if known.any():
        slopes = np.zeros(x.shape[1])
        slopes[moving] = ridge(x[np.ix_(known, moving)], utilisation[known], penalty)
        spread = quantiles(utilisation[known] - x[known] @ slopes, np.zeros(known.sum(), dtype=np.int64), 1)[0]
    return targets, logits, slopes, spread


def _logistic_by_halves(x, came, n):
    """Return (penalty, logits of all accounts): the penalty that serves one half best when fitted on the other."""
    if len(came) < 2 or n < 2:
        return PENALTIES[0], np.zeros((x.shape[1], n))
    logits, losses, fits = np.zeros((x.shape[1], n)), [], []
    for penalty in PENALTIES:  # each begins where the one before ended
        logits = logistic(x[::2], came[::2], n, penalty, logits)
        fits.append(logits)
        losses.append(log_loss(x[1::2], came[1::2], logits))
    best = int(np.argmin(losses))
    return PENALTIES[best], logistic(x, came, n, PENALTIES[best], fits[best])

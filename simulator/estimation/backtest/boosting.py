"""Boosted trees on the account model's facts: a peer, where scikit-learn is installed (the extra `boosting`)."""

from importlib.util import find_spec

import numpy as np

from simulator.estimation.backtest.cells import AccountForecast, Sample
from simulator.estimation.backtest.features import Features

BOOSTING = "boosting"
# Source: assumption; leaves as in the method's first trial. Without `l2_regularization` rare states run away.
SETTINGS = {
    "learning_rate": 0.1,
    "max_iter": 60,
    "max_leaf_nodes": 15,
    "l2_regularization": 10.0,
    "early_stopping": False,
    "random_state": 0,
}
FITTED_ON = 60_000  # accounts, at most: evenly spaced rows of the sample
MISSING = "Boosting is not among the forecasters: scikit-learn is not installed (the extra `boosting` brings it)."


def is_there() -> bool:
    """Return whether scikit-learn is installed."""
    return find_spec("sklearn") is not None


class Boosting:
    """Histogram gradient boosting of the next state; it says nothing of utilisation."""

    def __init__(self, sample: Sample, n_states: int):
        """Fit it on pairs that have a month before them where there are any, as splines are."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        complete = np.flatnonzero(sample.features.previous >= 0)
        rows = complete if len(complete) else np.arange(len(sample.state))
        rows = rows[:: -(-len(rows) // FITTED_ON)]
        came = sample.state[rows]
        self.states, size = np.unique(came, return_counts=True)
        self.n_states, self.shares, self.trees = n_states, size / len(came), None
        facts = np.column_stack(sample.features.take(rows))
        self.used = np.flatnonzero((facts != facts[:1]).any(axis=0) & np.isfinite(facts).any(axis=0))
        if len(self.states) > 1 and len(self.used):
            with _one_thread():
                self.trees = HistGradientBoostingClassifier(**SETTINGS)
                self.trees.fit(facts[:, self.used], came)

    def __call__(self, features: Features) -> AccountForecast:
        """Return the forecast; the shares of the window where nothing tells accounts apart."""
        chance = np.zeros((len(features.state), self.n_states))
        chance[:, self.states] = self.shares
        if self.trees is not None:
            with _one_thread():
                chance[:, self.states] = self.trees.predict_proba(np.column_stack(features)[:, self.used])
        return AccountForecast(chance, np.full((len(chance), 1), np.nan))


def _one_thread():
    """Return a context in which sums are always in the same order, so that a second fit is the first to the bit."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)

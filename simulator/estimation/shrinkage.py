"""How far rows of counts lean on what is known of all: the strength with the largest marginal likelihood."""

import numpy as np
from scipy.special import gammaln

STRENGTHS = 2.0 ** np.arange(-2, 13)  # that are tried, in accounts


def strength(moves: np.ndarray, toward: np.ndarray) -> float:
    """Return how many accounts' worth of `toward`, float64[cell, state], best explains moves[cell, state]."""
    return max(STRENGTHS, key=lambda accounts: log_evidence(moves, accounts * toward))


def log_evidence(moves: np.ndarray, prior: np.ndarray) -> float:
    """Return the log marginal likelihood of moves[cell, state] under Dirichlet priors with these pseudo-counts.

    Source: the Dirichlet-multinomial; I. J. Good, The estimation of probabilities (1965).
    """
    cells = gammaln(prior.sum(axis=1)) - gammaln((prior + moves).sum(axis=1))
    seen = moves > 0
    return float(cells.sum() + (gammaln((moves + prior)[seen]) - gammaln(prior[seen])).sum())

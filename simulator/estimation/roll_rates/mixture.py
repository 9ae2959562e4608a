"""A mixture of first-order chains: accounts of a few kinds, each of which moves by rows of its own and has no memory.

People who are never late and people who often are make a book's matrix drift though nobody remembers anything. An
account's kind is not seen; what it did makes one kind more likely than another.
"""

from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.panel import PanelState

LEANING = 10.0  # accounts' worth of everyone's row that each row of a kind has; assumption
NEVER = 1e-9  # accounts: so that months may hold what those fitted on did not, in all kinds alike
APART = 1.0  # log of how much more often the worst kind worsens than the average at the start of the search
STEPS, SETTLED = 2000, 0.0001  # of expectation and maximisation at most; log likelihood by which the last one gains


class Mixture(NamedTuple):
    """Kinds of accounts, from those least to those most often late."""

    share: np.ndarray  # float64[kind]
    chance: np.ndarray  # float64[kind, open state, state]
    log_likelihood: float  # of the counts that it was fitted to

    def log_weights(self, counts: np.ndarray) -> np.ndarray:
        """Return float64[account, kind]: log of share times likelihood of moves, counts[account, open state, state]."""
        flat = counts.reshape(len(counts), -1)
        return np.log(self.share) + flat @ np.log(self.chance).reshape(len(self.share), -1).T

    def posterior(self, counts: np.ndarray) -> np.ndarray:
        """Return float64[account, kind]: how likely each kind is of accounts that moved so often."""
        return posterior(self.log_weights(counts))[0]


def posterior(log_weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (float64[account, kind], the kinds' chances; float64[account], log likelihood) of log weights."""
    top = log_weights.max(axis=1, keepdims=True)
    weights = np.exp(log_weights - top)
    total = weights.sum(axis=1, keepdims=True)
    return weights / total, (top + np.log(total))[:, 0]


def mixture(counts: np.ndarray, kinds: int, states: tuple[PanelState, ...], times: np.ndarray) -> Mixture:
    """Return the mixture of so many kinds behind float64[account, open state, state], moves of each account.

    Each account stands for `times` such. Fitted by expectation and maximisation: Dempster, Laird and Rubin (1977), JRSS
    B 39. The rows of a kind lean on everyone's, so that a kind that was hardly ever in a state moves there as all do.
    """
    everyone = np.tensordot(times, counts, 1)
    together = everyone + NEVER
    mean = together / together.sum(axis=1, keepdims=True)
    share, chance = np.full(kinds, 1 / kinds), _apart(mean, kinds, states)
    flat, last = counts.reshape(len(counts), -1), -np.inf
    for _ in range(STEPS if kinds > 1 else 1):
        likely, log_likelihood = posterior(Mixture(share, chance, 0.0).log_weights(counts))
        weights = likely * times[:, None]
        share = np.maximum(weights.sum(axis=0), NEVER) / max(times.sum(), NEVER)
        own = (weights.T @ flat).reshape(chance.shape)
        chance = (own + LEANING * mean) / (own.sum(axis=2, keepdims=True) + LEANING)
        now = float(log_likelihood @ times)
        if now - last < SETTLED:
            break
        last = now
    share = share / share.sum()
    late = np.array([not s.is_exit and s.is_late(1) for s in states])
    order = np.argsort(chance[:, 0, late].sum(axis=1), kind="stable")
    found = Mixture(share[order], chance[order], 0.0)
    return found._replace(log_likelihood=float(posterior(found.log_weights(counts))[1] @ times))


def parameters(everyone: np.ndarray, kinds: int) -> int:
    """Return how many numbers a mixture of so many kinds has, of moves that were seen, [open state, state]."""
    return kinds * int(np.maximum((everyone > 0).sum(axis=1) - 1, 0).sum()) + kinds - 1


def _apart(mean, kinds, states):
    """Return float64[kind, open state, state]: rows to begin with, each kind's worse than the one before."""
    worse = np.array([99 if s.bucket == "written_off" else -1 if s.is_exit else int(s.bucket) for s in states])
    here = worse[: len(mean), None]
    toward = np.sign(worse[None] - here) + (worse[None] > 0) * (worse[None] == here)
    tilt = np.linspace(-APART, APART, kinds)[:, None, None] if kinds > 1 else np.zeros((1, 1, 1))
    rows = mean * np.exp(tilt * toward)
    return rows / rows.sum(axis=2, keepdims=True)

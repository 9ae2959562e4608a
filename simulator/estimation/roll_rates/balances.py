"""How much of its balance an account keeps: the rest of a balance is a level that its owner comes back to.

Added up, mean changes of balances go on for ever: a book that grew while it was new grows as much when it is old. What
a balance keeps is measured from changes within accounts, since people have levels of their own: over all of them at
once those who owe much keep owing much, and nothing seems to come back. Of a balance u' = k u + level + noise changes
know no level: d' = k d + noise' - noise. A likelihood of eight months' changes, whose first has any variance, is right
however far from their levels accounts began: Hsiao, Pesaran and Tahmiscioglu (2002), Journal of Econometrics 109.
"""

import numpy as np

from simulator.estimation.panels.panel import Panel

LONG = 8  # months next to each other in a state of an account that tells how much it keeps; assumption
ENOUGH = 100  # such accounts, below which a state is taken to keep all; assumption
BEGIN = (0.5, 0.9, 1.0)  # from where the likelihood is climbed


def kept_shares(panel: Panel, accounts: np.ndarray) -> np.ndarray:
    """Return float64[open state], 0 to 1: what accounts that stay in a state keep of their balance in a month.

    1 where the tape is too short to tell, so that changes are then added up. What a month does to all is no evidence:
    changes count against the month's mean.
    """
    n_open, months = len(panel.open_states), len(panel.months)
    found = np.ones(n_open)
    if months <= LONG:
        return found
    state, balance = panel.state[accounts], panel.balance[accounts]
    for s in range(n_open):
        there = (state == s) & np.isfinite(balance)
        sums, seen, tells = np.zeros((LONG - 1, LONG - 1)), 0, np.zeros(len(accounts), dtype=bool)
        for first in range(months - LONG + 1):
            window = slice(first, first + LONG)
            stays = np.flatnonzero(there[:, window].all(axis=1))
            change = np.diff(balance[stays, window], axis=1)
            change -= change.mean(axis=0) if len(stays) else 0.0
            sums += change.T @ change
            seen += len(stays)
            tells[stays] = True
        if tells.sum() >= ENOUGH and np.trace(sums) > 0:
            found[s] = np.clip(_kept(sums / seen), 0.0, 1.0)
    return found


def _kept(covariance: np.ndarray) -> float:
    """Return the part kept that makes this covariance of changes, float64[month, month], likeliest.

    Noise of a month is in its change and, turned, in the next; only the first change has a variance of its own.
    """
    from scipy.optimize import minimize  # heavy to import

    n = len(covariance)
    one_off = np.eye(n, k=-1)
    noise = 2 * np.eye(n) - one_off - one_off.T

    def unlikely(x: np.ndarray) -> float:
        noise[0, 0] = 1 - 1 / n + np.exp(x[1])
        rest = np.eye(n) - x[0] * one_off
        size = np.trace(np.linalg.solve(noise, rest @ covariance @ rest.T)) / n
        return float(np.linalg.slogdet(noise)[1] + n * np.log(size))

    bounds = [(0.0, 1.2), (-12.0, 12.0)]
    tried = [minimize(unlikely, [kept, 0.0], method="L-BFGS-B", bounds=bounds) for kept in BEGIN]
    return float(min(tried, key=lambda one: one.fun).x[0])

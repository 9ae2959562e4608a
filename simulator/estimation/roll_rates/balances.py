"""How much of its balance an account keeps: the rest of a balance is a level that its owner comes back to.

Added up, mean changes of balances go on for ever: a book that grew while it was new grows as much when it is old. What
a balance keeps is measured within accounts, since people have levels of their own: over all of them at once those who
owe much keep owing much, and nothing seems to come back.
"""

import numpy as np

from simulator.estimation.panels.panel import Panel

LONG = 8  # months in a state next to each other or not, of an account that tells how much it keeps; assumption
ENOUGH = 100  # such accounts, below which a state is taken to keep all; assumption


def kept_shares(panel: Panel, accounts: np.ndarray) -> np.ndarray:
    """Return float64[open state], 0 to 1: what accounts that stay in a state keep of their balance in a month.

    1 where the tape is too short to tell, so that changes are then added up. Least squares within accounts, whose bias
    over so few months is taken off by their halves (Dhaene and Jochmans 2015, Review of Economic Studies 82).
    """
    n_open = len(panel.open_states)
    found = np.ones(n_open)
    parts = []
    for pair in panel.pairs():
        before, after = (panel.state[accounts, m].astype(np.int64) for m in pair)
        opening, closing = (panel.balance[accounts, m] for m in pair)
        there = (before >= 0) & (before < n_open) & (before == after) & np.isfinite(opening) & np.isfinite(closing)
        rows = np.flatnonzero(there)
        parts.append((rows, before[rows], opening[rows], closing[rows]))
    if len(parts) < LONG:
        return found
    account, state, opening, closing = map(np.concatenate, zip(*parts, strict=True))
    for s in range(n_open):
        here = np.flatnonzero(state == s)
        here = here[np.argsort(account[here], kind="stable")]  # months of an account in their order
        owner, first, months = np.unique(account[here], return_index=True, return_counts=True)
        if (months >= LONG).sum() < ENOUGH:
            continue
        number = np.repeat(np.arange(len(owner)), months)
        long = months[number] >= LONG
        late = np.arange(len(here)) - first[number] >= months[number] / 2
        x, y = opening[here][long], closing[here][long]
        whole = _slope(number[long], x, y)
        halves = _slope((2 * number + late)[long], x, y)
        found[s] = np.clip(2 * whole - halves, 0.0, 1.0)
    return found


def _slope(of: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Return the slope of y on x around the means of each group `of`, int64[row]; 1 where x does not vary."""
    size = np.maximum(np.bincount(of), 1)
    dx, dy = (values - (np.bincount(of, values) / size)[of] for values in (x, y))
    return float(dx @ dy / varies) if (varies := dx @ dx) > 0 else 1.0

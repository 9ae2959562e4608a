"""Accounts that leave without a word: their rows end before the tape does, and no exit says why."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.panel import Panel, PanelState
from simulator.model.layout import MAX_STATES

GONE = "gone"


class Left(NamedTuple):
    """Those who left silently after one month, from one state."""

    month: str  # the last in which they stand
    state: str
    accounts: int
    balance: float  # what they owed then, minor units; NaN where the tape has none
    of: int  # accounts in that state and month


def with_leavers(panel: Panel) -> Panel:
    """Return the panel with an exit of its own for accounts that stop before the last month; without such, as it is.

    They leave in the month after their last one, if the tape has rows then, and are taken to have paid off: nothing is
    lost. A loan at its last due leaves by schedule. A gap is no leaving: who comes back was only not seen. A panel that
    has as many states as may be stays as it is (`has_room`).
    """
    leaves = _leaves(panel)
    if not (leaves >= 0).any() or not has_room(panel):
        return panel
    accounts = np.flatnonzero(leaves >= 0)
    state, bucket = panel.state.copy(), panel.bucket.copy()
    state[accounts, leaves[accounts] + 1] = len(panel.states)
    bucket[accounts, leaves[accounts] + 1] = 0
    name = GONE
    while name in [kind.name for kind in panel.states]:
        name += "_"
    return replace(panel, state=state, bucket=bucket, states=(*panel.states, PanelState(name, "paid_off")))


def as_in(window: tuple[PanelState, ...], panel: Panel) -> Panel:
    """Return the panel with the exit of who leaves silently if the states of a `window` of it have it, else as it is.

    What is forecast from the window is so compared with what came: where nobody had left silently by its end, nobody
    can be forecast to, and who does later is not seen.
    """
    return panel if len(window) == len(panel.states) else replace(with_leavers(panel), states=window)


def has_room(panel: Panel) -> bool:
    """Return whether the panel has fewer states than may be, so that leaving can be a state of its own."""
    return len(panel.states) < MAX_STATES


def leavers(panel: Panel) -> Iterator[Left]:
    """Yield who leaves silently, by last month and state."""
    leaves = _leaves(panel)
    for m in np.unique(leaves[leaves >= 0]).tolist():
        there = panel.state[:, m]
        for s in np.unique(there[leaves == m]).tolist():
            who = (leaves == m) & (there == s)
            owed = panel.balance[who, m]
            name, of = panel.states[s].name, int((there == s).sum())
            yield Left(panel.months[m], name, int(who.sum()), float(owed.sum()), of)


def _leaves(panel: Panel) -> np.ndarray:
    """Return int64[account]: the place of the last month of accounts that leave silently after it, -1 of all others."""
    there = panel.state >= 0
    months = there.shape[1]
    last = months - 1 - there[:, ::-1].argmax(axis=1)
    state = panel.state[np.arange(len(last)), last]
    silent = there.any(axis=1) & (last < months - 1) & (state < len(panel.open_states))
    silent &= np.append(there.any(axis=0), False)[last + 1]
    for m in np.unique(last[silent]):
        silent &= ~((last == m) & panel.ends_by_schedule(int(m)))
    return np.where(silent, last, -1)

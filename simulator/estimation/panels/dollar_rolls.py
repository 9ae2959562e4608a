"""Where balances went in a month: a description of the tape, with nothing estimated."""

from dataclasses import dataclass

import numpy as np

from simulator.estimation.panels.panel import Group, Pair, Panel, PanelState


@dataclass(frozen=True)
class DollarRolls:
    """Where balances of one group went in one month pair: closing balance by cell over the row's opening balance.

    Interest, fees and new credit join the balance and payments leave it, so a row is no probability and is never made
    to sum to 1. A row whose opening balance is not above 0 is NaN.
    """

    product: str
    segment: str
    month_from: str
    month_to: str
    states: tuple[PanelState, ...]
    opening: np.ndarray  # float64[open state], minor units
    closing: np.ndarray  # float64[open state, state]
    unknown: int = 0  # accounts left out because the tape has no balance for one of the two months

    @property
    def rate(self) -> np.ndarray:
        """float64[open state, state]: closing over opening."""
        out = np.full(self.closing.shape, np.nan)
        return np.divide(self.closing, self.opening[:, None], out=out, where=self.opening[:, None] > 0)

    @property
    def row_sum(self) -> np.ndarray:
        """float64[open state]: what became of one unit of opening balance, in all."""
        return self.rate.sum(axis=1)

    def not_one(self, within: float = 1e-9) -> dict[int, float]:
        """Return row: sum - 1 of the rows whose sum is not 1 `within` a tolerance; above 0 the balance grew."""
        return {r: float(s - 1) for r, s in enumerate(self.row_sum) if abs(s - 1) > within}


def dollar_rolls(panel: Panel, pair: Pair, group: Group) -> DollarRolls:
    """Return the balances of `group` by where they stood and where they went in `pair`.

    What an account written off in the pair's second month closes with is what was written off, where the tape says.
    """
    rows = group.accounts
    before, after = panel.state[rows, pair.first], panel.state[rows, pair.second]
    opening, closing = panel.balance[rows, pair.first], panel.balance[rows, pair.second]
    lost = np.isin(after, [s for s, state in enumerate(panel.states) if state.bucket == "written_off"])
    written_off = panel.written_off[rows, pair.second]
    closing = np.where(lost & np.isfinite(written_off), written_off, closing)
    gone = np.isin(after, [s for s, state in enumerate(panel.states) if state.bucket == "paid_off"])
    closing = np.where(gone & np.isnan(closing), 0.0, closing)
    n_open, n = len(panel.open_states), len(panel.states)
    there = (before >= 0) & (before < n_open) & (after >= 0)
    known = there & np.isfinite(opening) & np.isfinite(closing)
    cell = before[known].astype(np.int64) * n + after[known]
    return DollarRolls(
        group.product,
        group.segment,
        panel.months[pair.first],
        panel.months[pair.second],
        panel.states,
        np.bincount(before[known], opening[known], n_open),
        np.bincount(cell, closing[known], n_open * n).reshape(n_open, n),
        int(there.sum() - known.sum()),
    )

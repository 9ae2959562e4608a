"""The trajectories of some borrowers, month by month: for readers of the state that a run throws away."""

import numpy as np

from simulator.engine.accumulators import empty_sums
from simulator.model.layout import LANES, N_STATE
from simulator.model.tables import Levers, Span, Sums, Tables


class Trajectories:
    """The trajectories of the borrowers of some tiles, up to a month: the same integers as in a whole run."""

    state: np.ndarray  # int32[replication, tile, N_STATE, LANES]: at the end of `month`
    sums: Sums  # of the months up to it; the opening is booked with month 1

    def __init__(self, tables: Tables, levers: Levers, tiles, tape, replications: range, months: int):
        """Begin before the opening; `tables` are those of `replications`, `months` may be asked for at most."""
        self.tables, self.levers, self.tiles, self.tape, self.replications = tables, levers, tiles, tape, replications
        self.month = 0  # the last one simulated
        self.state = np.zeros((len(replications), len(tiles), N_STATE, LANES), np.int32)
        self.sums = self._empty_sums(months)

    def advance_to(self, month: int) -> np.ndarray:
        """Return the `state` at the end of `month`, not before the last one asked for; month 0 is the opening.

        The array is written anew each time.
        """
        if month > 0:
            self._advance(self.tables, self.levers, self.month + 1, month, self.state, self.sums)
            self.month = month
        else:  # a span that ends before month 1 loads everybody; month 1 loads them again and books the opening
            self._advance(self.tables, self.levers, 1, 0, self.state, self._empty_sums(0))
        return self.state

    def next_month_under(self, tables: Tables, levers: Levers) -> np.ndarray:
        """Return the `state` as it would be a month later under other tables and levers, changing nothing here.

        The opening must have been asked for.
        """
        state, month = self.state.copy(), self.month + 1
        self._advance(tables, levers, month, month, state, self._empty_sums(month))
        return state

    def _empty_sums(self, months):
        return empty_sums(len(self.replications), months, len(self.tables.segment))

    def _advance(self, tables, levers, month_from, month_to, state, sums):
        from simulator.kernel.driver import advance  # the compiled code: paid for only here

        span = Span(self.replications.start, self.replications.stop, month_from, month_to)
        advance(tables, levers, self.tiles, self.tape, span, True, state, sums)

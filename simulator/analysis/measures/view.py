"""What a formula of a measure sees of a ledger: one window of the whole book, or every month or cell apart."""

from dataclasses import dataclass

import numpy as np

from simulator.analysis.ledger import Ledger
from simulator.language.catalogue import kept
from simulator.model.layout import (
    BUCKETS,
    N_PRODUCT,
    TO_CLOSED_AT_ZERO,
    TO_FORGIVEN,
    TO_PAID_OFF,
    TO_SOLD,
    TO_WRITTEN_OFF,
)

AXES = ("segment", "product")  # axes of the cells of a ledger, after replication and month
LOST = (TO_WRITTEN_OFF, TO_SOLD)  # columns of a roll matrix: the balance left the open book, and was not paid


@dataclass(frozen=True)
class Window:
    """Months `first` to `last` for flows; stocks are read at the end of month `at`."""

    name: str
    first: int
    last: int
    at: int


def windows(frame):
    """Return {name: Window}: `whole` runs to the end of the run-off, `lending` while new credit is granted.

    Stocks are those of the last month of lending in both: at the end of the run-off hardly anything is left.
    """
    whole = Window("whole", 1, frame.horizon, frame.months)
    return {"whole": whole, "lending": Window("lending", 1, frame.months, frame.months)}


class View:
    """What a formula sees of a ledger, as float64[replication, ...].

    Without further axes: one window, all segments and products. `by_month`: an axis of months 1 to the horizon, each
    its own window. `by`: axes at the end, of AXES and in their order. `opening`: by month, `at` begins with month 0.
    """

    def __init__(
        self,
        ledger: Ledger,
        window: Window | None = None,
        by_month: bool = False,
        by: tuple[str, ...] = (),
        opening: bool = False,
    ):
        self.ledger, self.by_month, self.by, self.opening = ledger, by_month, by, opening
        self.window = window or windows(ledger.frame)["whole"]

    def _cells(self, cells, first=2):
        """Return cells, whose axes of segment and product are `first` and the next, summed to the axes of this view."""
        return cells.sum(axis=tuple(axis for axis, name in enumerate(AXES, first) if name not in self.by))

    def _series(self, name, product=None):
        """Return int64[replication, month, ...] of a line, of one product if `product` is given.

        `name` may also be a function of the ledger that gives the cells of a line, or of something else.
        """
        if isinstance(name, str) and product is None and not self.by:
            return self.ledger.total(name)
        cells = self.ledger[name] if isinstance(name, str) else self.ledger.once(name)
        if product is not None:
            cells = cells * (np.arange(N_PRODUCT) == product)
        return self._cells(cells)

    def flow(self, name, product=None):
        """Return the sum of a line over the window."""
        series = self._series(name, product)
        window = self.window
        months = series[:, 1:] if self.by_month else series[:, window.first : window.last + 1].sum(axis=1)
        return months.astype(np.float64)

    def until_at(self, name):
        """Return the sum of a line over the window's months up to that in which it reads stocks."""
        series = self._series(name)
        months = series[:, 1:] if self.by_month else series[:, self.window.first : self.window.at + 1].sum(axis=1)
        return months.astype(np.float64)

    def at(self, name, product=None):
        """Return a stock at the end of the month in which the window reads stocks."""
        series = self._series(name, product)
        months = slice(0 if self.opening else 1, None)
        return (series[:, months] if self.by_month else series[:, self.window.at]).astype(np.float64)

    def start(self, name):
        """Return a stock at the start of the window."""
        series = self._series(name)
        return (series[:, :-1] if self.by_month else series[:, self.window.first - 1]).astype(np.float64)

    def end(self, name):
        """Return a stock at the end of the window's last month."""
        series = self._series(name)
        return (series[:, 1:] if self.by_month else series[:, self.window.last]).astype(np.float64)

    def average(self, name):
        """Return the mean over the window's months of the mean of a stock at start and end of the month."""
        series = self._series(name)
        middle = (series[:, 1:] + series[:, :-1]) / 2
        return middle if self.by_month else middle[:, self.window.first - 1 : self.window.last].mean(axis=1)

    def mean(self, name):
        """Return the mean of a stock over the ends of the window's months."""
        series = self._series(name)
        return series[:, 1:] if self.by_month else series[:, self.window.first : self.window.last + 1].mean(axis=1)

    @property
    def months(self):
        """Return the number of months in one window."""
        return 1 if self.by_month else self.window.last - self.window.first + 1

    def roll(self, start):
        """Return (accounts that left bucket `start` for a worse one or were lost, accounts that were in it).

        float64[batch, ...]: roll matrices are kept for 20 batches of replications, so the batch is the sample.
        """
        row = self.ledger.rolls[..., start, :, 0]
        return self._batch(_to(row, slice(start + 1, BUCKETS), LOST)), self._batch(row.sum(axis=-1))

    def cured(self):
        """Return (accounts that left buckets 1 to 3 paid up, accounts that left them for any other place too).

        An account that is sold or written off is one that did not cure. Those that stay in these buckets are in
        neither number: the more of them are sold, the fewer stay, and a share of them would rise with that.
        """
        rows = self.ledger.rolls[..., 1:4, :, 0].sum(axis=-2)
        cured = _to(rows, 0, (TO_PAID_OFF, TO_CLOSED_AT_ZERO))
        return self._batch(cured), self._batch(cured + _to(rows, slice(4, BUCKETS), LOST))

    def net_flow(self, start):
        """Return (closing balance in the bucket after `start`, balance in `start` a month before), summed.

        What was lost from `start` in the month left the stock but moved on: it counts as if it were still there.
        float64[batch, ...], over the window. The first month has none: the opening book is not known by bucket.
        """
        rolls = self.ledger.rolls[..., 1]
        by_bucket = rolls[..., :BUCKETS].sum(axis=-2)  # [batch, month, segment, product, bucket]
        after, before = by_bucket[..., start + 1] + _to(rolls[..., start, :], LOST), by_bucket[..., start]
        after, before = (self._cells(balance).astype(np.float64) for balance in (after, before))
        if self.by_month:
            return after[:, 1:], before[:, :-1]
        first, last = max(self.window.first, 2), self.window.last
        return after[:, first : last + 1].sum(axis=1), before[:, first - 1 : last].sum(axis=1)

    def became_bad(self):
        """Return balance that went from below 90 days past due to 90+, or was lost from there, of a replication.

        float64[batch, ...], the mean over the replications of the batch.
        """
        rows = self.ledger.rolls[..., :3, :, 1].sum(axis=-2)
        moved = self._batch(_to(rows, slice(3, BUCKETS), LOST, TO_FORGIVEN))
        return moved / self.ledger.batch_sizes.reshape(-1, *[1] * (moved.ndim - 1))

    def rated(self, kind, product=None):
        """Return (accounts observed, of them in default within a year) by class, float64[batch, ..., class]."""
        ratings = self.ledger.ratings[..., kind, :, :]  # [batch, segment, product, class, (observed, defaulted)]
        if product is not None:
            ratings = ratings * (np.arange(N_PRODUCT) == product)[:, None, None]
        ratings = self._cells(ratings, first=1).astype(np.float64)
        return ratings[..., 0], ratings[..., 1]

    def present_value(self, lines):
        """Return the sum over the window of lines {name: sign}, each month paid at its end, discounted to the start.

        float64[replication], at the scenario's discount rate, of the whole book.
        """
        window, ledger = self.window, self.ledger
        amounts = sum(sign * ledger.total(name) for name, sign in lines.items())[:, window.first : window.last + 1]
        months = np.arange(1, window.last - window.first + 2)
        rate = ledger.settlement.discount_rate
        if np.ndim(rate):
            return (amounts * (1 + np.reshape(rate, (-1, 1))) ** (-months / 12)).sum(axis=1)
        return amounts @ (1 + rate) ** (-months / 12)

    @property
    def run_on(self) -> "View":
        """Return what a formula sees of the same lender with its run-on, all months of it; without one, as it is."""
        return View(self.ledger.run_on or self.ledger)

    def _batch(self, counts):
        """Return counts, int64[batch, month, segment, product], summed to the axes of this view."""
        window = self.window
        counts = self._cells(counts)
        months = counts[:, 1:] if self.by_month else counts[:, window.first : window.last + 1].sum(axis=1)
        return months.astype(np.float64)


def _to(rows, *columns):
    """Return the sum of `columns` (numbers, tuples, slices) of the last axis of roll matrices."""
    parts = (rows[..., [column] if isinstance(column, int) else column] for column in columns)
    return sum(part.sum(axis=-1) for part in parts)


def ratio(top, bottom):
    """Return top / bottom, NaN where the bottom is 0: a rate of nothing is not defined."""
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def without_run_on(frame, window):
    """Return why nothing is known of customers who go on, or None."""
    if not frame.run_on_months:
        return kept("without run-on months, what customers bring after the last month of lending is not known")
    return without_run_off(frame, window)


def without_run_off(frame, window):
    """Return why a value of cash to come says nothing over a window that does not end with a run-off, or None."""
    if frame.run_off_months and window.last == frame.horizon:
        return None
    return kept("without run-off months, cash that comes after the last month is not counted")

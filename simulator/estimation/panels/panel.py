"""A panel: what each account of a tape did, month by month, as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from simulator.model.layout import EXITS, LOAN, PRODUCTS

NO_ROW = -1


class PanelState(NamedTuple):
    """A named state of the accounts: a bucket, or an exit."""

    name: str
    bucket: int | str  # 0..15, or one of EXITS
    at_least: bool = False  # the bucket or a worse one

    @property
    def is_exit(self) -> bool:
        """Whether accounts in this state have left the open book."""
        return self.bucket in EXITS

    def is_late(self, bucket: int) -> bool:
        """Return whether accounts in this state are open and in `bucket` or a worse one."""
        return isinstance(self.bucket, int) and self.bucket >= bucket


class Group(NamedTuple):
    """The accounts of one product and segment."""

    product: str  # "line" or "loan"
    segment: str
    accounts: np.ndarray  # int64[...], rows of the panel


class Pair(NamedTuple):
    """Two months next to each other, as positions in `Panel.months`."""

    first: int
    second: int


@dataclass(frozen=True)
class Panel:
    """Accounts by month. Rows are accounts in the order of the tape, columns are consecutive calendar months.

    Amounts are float64 in minor units, whole numbers, NaN where the tape has none; `payment` of a month is what was
    paid during it, so it answers the balance of the month before.
    """

    months: tuple[str, ...]  # "2005-04", ...; a month without any row is there too
    states: tuple[PanelState, ...]  # open states from best to worst, then exits
    segments: tuple[str, ...]
    grades: tuple[str, ...]  # empty without grades
    currency: str  # ISO code, or "" where the mapping does not say
    minor_units: int  # in one unit of the currency
    account_id: np.ndarray  # str[account]
    product: np.ndarray  # int8[account]: 0 line, 1 loan
    segment: np.ndarray  # int64[account]
    state: np.ndarray  # int8[account, month], NO_ROW where there is no usable row
    bucket: np.ndarray  # int8[account, month], 0..15, that of the state in exits; NO_ROW where there is no row
    code: np.ndarray  # int16[account, month]: number in `codes` of what the tape says, NO_ROW where nothing
    codes: tuple[str, ...]  # the status codes as they stand in the tape; empty where states follow from days past due
    grade: np.ndarray  # int16[account, month], NO_ROW where there is none
    balance: np.ndarray  # float64[account, month]
    limit: np.ndarray  # float64[account, month]
    payment: np.ndarray  # float64[account, month]
    written_off: np.ndarray  # float64[account, month]
    recovered: np.ndarray  # float64[account, month]
    facts: dict[str, Any]  # file, digests, rows read and refused by reason, repairs made
    months_left: np.ndarray | None = None  # float64[account, month]: dues left of a loan, NaN where not known
    opened: np.ndarray | None = None  # int64[account], position in `months`, below 0 before the tape; None: not known

    @property
    def open_states(self) -> tuple[PanelState, ...]:
        """The states that are not exits, from best to worst; they come first in `states`."""
        return tuple(state for state in self.states if not state.is_exit)

    def pairs(self) -> Iterator[Pair]:
        """Yield the months next to each other in which some account stands in both."""
        for m in range(len(self.months) - 1):
            if ((self.state[:, m] >= 0) & (self.state[:, m + 1] >= 0)).any():
                yield Pair(m, m + 1)

    def groups(self) -> Iterator[Group]:
        """Yield the products and segments that have accounts."""
        for product, name in enumerate(PRODUCTS):
            for segment, words in enumerate(self.segments):
                accounts = np.flatnonzero((self.product == product) & (self.segment == segment))
                if len(accounts):
                    yield Group(name, words, accounts)

    def ends_by_schedule(self, month: int) -> np.ndarray:
        """Return bool[account]: whether a loan has at most one due left at the end of the month at that position."""
        if self.months_left is None:
            return np.zeros(len(self.state), dtype=bool)
        return (self.product == LOAN) & (self.months_left[:, month] <= 1)  # NaN is not

    def without_last_dues(self) -> "Panel":
        """Return the panel without moves of loans at their last due: who pays it has left, by schedule and no roll."""
        state = self.state.copy()
        for m in range(len(self.months) - 1):
            state[self.ends_by_schedule(m), m + 1] = NO_ROW
        return replace(self, state=state)

    def moves(self, pair: Pair, accounts: np.ndarray | None = None) -> np.ndarray:
        """Return int64[open state, state]: accounts by where they stood and where they went.

        `accounts` are rows of the panel, everyone without it. Only accounts with a row in both months count, and only
        those that were open in the first.
        """
        rows = slice(None) if accounts is None else accounts
        return counts(self.state[rows, pair.first], self.state[rows, pair.second], self.states)

    def until(self, month: str) -> "Panel":
        """Return the panel of the months up to and including `month`: nothing later is left in it.

        Accounts that first appear later stay as rows without a state, so that rows mean the same account. Raises
        ValueError for a month that is not in the panel.
        """
        end = self.months.index(month) + 1
        by_month = ("state", "bucket", "code", "grade", "balance", "limit", "payment", "written_off", "recovered")
        cut = {name: getattr(self, name)[:, :end].copy() for name in by_month}
        cut["months_left"] = None if self.months_left is None else self.months_left[:, :end].copy()
        return replace(self, **cut, months=self.months[:end], facts=dict(self.facts))


def counts(before: np.ndarray, after: np.ndarray, states: tuple[PanelState, ...]) -> np.ndarray:
    """Return int64[open state, state]: accounts by their state `before` and `after`; NO_ROW is left out."""
    n_open, n = sum(not state.is_exit for state in states), len(states)
    there = (before >= 0) & (before < n_open) & (after >= 0)
    cells = before[there].astype(np.int64) * n + after[there]
    return np.bincount(cells, minlength=n_open * n).reshape(n_open, n)

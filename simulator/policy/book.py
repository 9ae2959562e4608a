"""Last month's book as a policy sees it: whole numbers, and the measures that conditions may name."""

from dataclasses import dataclass
from typing import Any

from simulator.model.layout import FLOWS

NET_LOSS = {
    "written_off": 1,
    "sold_open": 1,
    "sold_open_proceeds": -1,
    "recovered": -1,
    "sold_written_off_proceeds": -1,
}
YEAR = 12


@dataclass(frozen=True)
class Book:
    """The books of one replication up to the end of last month, of the segments and products a policy acts on.

    Counts and amounts in minor units are Python's whole numbers, so no comparison is ever rounded.
    """

    flows: Any  # int64[month + 1, name of FLOWS]: by month, the opening first

    @property
    def month(self) -> int:
        """Return the last month that is over; 0: only the opening is known."""
        return len(self.flows) - 1

    def __getitem__(self, name: str) -> int:
        """Return a stock at the end of last month, or a flow during it; KeyError if there is no such line."""
        return self.over(name, 1) if self.month else int(self.flows[0, _column(name)])

    def over(self, name: str, months: int) -> int:
        """Return a line summed over the last `months` months, or over all there were; the opening is no month."""
        return int(self.flows[max(self.month - months, 0) + 1 :, _column(name)].sum())


def _column(name):
    """Return the index of a line in FLOWS."""
    if name not in FLOWS:
        raise KeyError(name)
    return FLOWS.index(name)


def _share(part, whole):
    """Return the function from a book to a stock and the stock it is a share of."""
    return lambda book: (book[part], book[whole])


def _net_charge_off_rate(book):
    """Return the net loss of the last year, and what it is a yearly rate of, both times the same number.

    Rate = 12 / n * loss / (mean over n months of half the sum of balance at start and end) = 24 * loss / sum of them.
    """
    loss = sum(sign * book.over(name, YEAR) for name, sign in NET_LOSS.items())
    balance = book.flows[max(book.month - YEAR, 0) :, _column("balance")]
    return 2 * YEAR * loss, int(balance[:-1].sum() + balance[1:].sum())


# name as in the registry of measures -> function from a Book to (part, whole), whole numbers
MEASURES = {
    **{f"dpd{days}_share_count": _share(f"n_dpd{days}", "n_accounts") for days in (30, 60, 90)},
    **{f"dpd{days}_share_balance": _share(f"balance_dpd{days}", "balance") for days in (30, 60, 90)},
    "npl_ratio": _share("balance_dpd90", "balance"),
    "net_charge_off_rate": _net_charge_off_rate,
}

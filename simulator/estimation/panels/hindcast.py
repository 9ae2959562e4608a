"""A scenario over the tape's own months: does its book lose, pay and fall behind as the tape did?

The accounts that are open in one month of the tape are followed to its end, on the tape and in the scenario, which is
started from that month. A level is a sum over those months divided by another, so that both say the same of one book.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import within
from simulator.estimation.intervals import LEVEL
from simulator.estimation.panels.leavers import GONE
from simulator.estimation.panels.panel import Panel
from simulator.model.errors import UserError
from simulator.scenario.reader import load_scenario
from simulator.study import simulate

BOOK_LEVELS = {  # name -> in words
    "written_off": "written off a month, of the balance",
    "dpd30_share": "30 or more days past due, of all accounts",
    "dpd90_share": "90 or more days past due, of all accounts",
    "balance": "balance at a month's end, of that a month before",
    "paid": "paid in a month, of the balance before",
}
NINETY = 3  # buckets
WORK = 2e8  # account-months that are lived at most, or FEWEST replications of them
MOST, FEWEST = 200, 20  # replications
MATTERS = 0.05  # of a level: a smaller difference is left to the table, however narrow the interval; assumption
MATTERS_OF_BALANCE = 0.005  # a month, or an eighth in two years; assumption


class Level(NamedTuple):
    """One level of the book over the same months: on the tape, and in the scenario's simulation."""

    name: str  # one of BOOK_LEVELS
    tape: float  # NaN where the tape does not tell it
    book: float  # mean over replications
    low: float  # interval of what one such book may show: sampling variation of accounts, and the common factor
    high: float

    @property
    def inside(self) -> bool:
        """Return whether the tape's level lies in the scenario's interval, or one of them is not known."""
        return not np.isfinite(self.tape + self.book) or bool(within(self.tape, self.low, self.high))

    @property
    def is_off(self) -> bool:
        """Return whether the tape's level lies outside, and so far that it matters."""
        matters = MATTERS_OF_BALANCE if self.name == "balance" else MATTERS
        return not self.inside and abs(self.book - self.tape) > matters * max(self.book, self.tape)


class Hindcast(NamedTuple):
    """The levels of the accounts that are open in month `first` of the tape, over the months up to `last`."""

    first: str
    last: str
    accounts: int
    levels: list[Level]  # in the order of BOOK_LEVELS
    why_not: str = ""  # why there are none: what keeps the first month from being a book


def hindcast(
    panel: Panel,
    scenario: str,
    mapping_of: Callable[[str], str],
    threads: int | None = None,
    book_in: Callable[[Path, str], None] = lambda folder, month: None,
    earliest: int = 0,
) -> Hindcast:
    """Return the levels of the tape beside those of the text `scenario`, which starts from the same tape.

    The scenario calls its mapping mapping.toml; `mapping_of` returns the text of one with `as_of` at a month,
    and `book_in` writes into a folder what else it then starts from. Months before `earliest` are no start.
    """
    start = _start(panel, earliest)
    accounts = np.flatnonzero(_open(panel, start))
    months = len(panel.months) - 1 - start
    where = panel.months[start], panel.months[-1], len(accounts)
    replications = int(np.clip(WORK / max(len(accounts) * months, 1), FEWEST, MOST))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.toml"
        path.write_text(scenario, encoding="utf-8")
        path.with_name("mapping.toml").write_text(mapping_of(panel.months[start]), encoding="utf-8")
        book_in(path.parent, panel.months[start])
        loaded = load_scenario(path, months=months, replications=replications)
        try:
            ledger = simulate(loaded, threads).comparison.ledgers["baseline"]
        except UserError as error:  # what estimates do without, a book may need
            return Hindcast(*where, [], str(error.problems[0]))
    tape, book = _of_tape(panel, accounts, start), _of_book(ledger)
    tail = (1 - LEVEL) / 2
    levels = []
    for name in BOOK_LEVELS:
        known = book[name][np.isfinite(book[name])]  # a book of nothing has no shares
        low, high = np.quantile(known, [tail, 1 - tail]).tolist() if len(known) else (np.nan, np.nan)
        levels.append(Level(name, tape[name], float(known.mean()) if len(known) else np.nan, low, high))
    return Hindcast(*where, levels)


def _start(panel: Panel, earliest: int) -> int:
    """Return the month from `earliest` on whose open accounts are seen most after it; the first of equals."""
    there = panel.state >= 0
    seen = [int(there[_open(panel, m), m + 1 :].sum()) for m in range(earliest, len(panel.months) - 1)]
    return earliest + int(np.argmax(seen))


def _open(panel: Panel, month: int) -> np.ndarray:
    """Return bool[account]: whether an account is open in the month at that position."""
    return (panel.state[:, month] >= 0) & (panel.state[:, month] < len(panel.open_states))


def _of_tape(panel: Panel, accounts: np.ndarray, start: int) -> dict[str, float]:
    """Return the levels of `accounts` from month `start` on."""
    rows, n_open = accounts, len(panel.open_states)
    names = [state.name for state in panel.states]
    gone_bad = names.index("written_off") if "written_off" in names else -2
    state, bucket, balance = panel.state[rows, start:], panel.bucket[rows, start:], panel.balance[rows, start:]
    before, after = state[:, :-1], state[:, 1:]
    moves = (before >= 0) & (before < n_open) & (after >= 0)
    stays = moves & (after < n_open)
    opening, closing = balance[:, :-1], np.where(after < n_open, balance[:, 1:], 0.0)
    known = moves & np.isfinite(opening) & np.isfinite(closing)
    lost = np.where(np.isfinite(panel.written_off[rows, start + 1 :]), panel.written_off[rows, start + 1 :], opening)
    paid = panel.payment[rows, start + 1 :]
    if np.isfinite(paid).any():  # else the tape tells of no payment
        paid = np.where(np.append(_is_silent(panel), False)[after], opening, paid)  # as the scenario takes it
    answered = known & np.isfinite(paid)
    worst = panel.open_states[-1]
    tells_90 = worst.is_late(NINETY) or not worst.at_least  # else nobody knows how much later the worst are
    return {
        "written_off": _over(lost[known & (after == gone_bad)].sum(), opening[known].sum()),
        "dpd30_share": _over((bucket[:, 1:][stays] >= 1).sum(), stays.sum()),
        "dpd90_share": _over((bucket[:, 1:][stays] >= NINETY).sum(), stays.sum() if tells_90 else 0),
        "balance": _over(closing[known].sum(), opening[known].sum()),
        "paid": _over(paid[answered].sum(), opening[answered].sum()),
    }


def _is_silent(panel: Panel) -> np.ndarray:
    """Return bool[state]: whether a state is the exit of those who left silently."""
    return np.array([state.name.startswith(GONE) and state.bucket == "paid_off" for state in panel.states])


def _of_book(ledger) -> dict[str, np.ndarray]:
    """Return the levels of a ledger, float64[replication]."""
    sums = {name: ledger.total(name) for name in ("balance", "written_off", "paid", "n_accounts", "n_dpd30", "n_dpd90")}
    opening = sums["balance"][:, :-1].sum(axis=1)
    later = {name: total[:, 1:].sum(axis=1) for name, total in sums.items()}
    pairs = {
        "written_off": (later["written_off"], opening),
        "dpd30_share": (later["n_dpd30"], later["n_accounts"]),
        "dpd90_share": (later["n_dpd90"], later["n_accounts"]),
        "balance": (later["balance"], opening),
        "paid": (later["paid"], opening),
    }
    return {name: np.array([_over(a, b) for a, b in zip(*pair, strict=True)]) for name, pair in pairs.items()}


def _over(top, bottom) -> float:
    return float(top / bottom) if bottom > 0 else float("nan")

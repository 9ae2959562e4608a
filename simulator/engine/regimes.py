"""What the policies do in a month where some of them read last month's book.

A **regime** is the policies in force in one month by the book of one replication. Each has a row of levers, and each
replication is told which row is its own.
"""

import numpy as np

from simulator.lowering.demand import customers_of
from simulator.lowering.lower import Lowered
from simulator.model.layout import N_FLOWS
from simulator.model.tables import Levers
from simulator.policy.base import Policy
from simulator.policy.book import Book
from simulator.policy.levers import write_all
from simulator.policy.registry import code_of


class Regimes:
    """The regimes of the replications of a chunk, month by month, and their levers."""

    def __init__(self, lowered: Lowered, replications: int):
        """Write what is the same in every regime; `replications` are those of the chunk."""
        policies = [settings for settings in lowered.settings.policy.values() if settings.enabled]
        first = next(k for k, settings in enumerate(policies) if settings.reads_book)
        self.context, self.policies, self.readers = lowered.context, policies[first:], lowered.readers
        self.months = months_read(lowered)
        # What policies before the first reader write is the same in all regimes; a month of them is its first part.
        self.before = lowered.neutral_levers()
        write_all(self.before, policies[:first], self.context)
        # Rows: regime k of the month at hand is row `months_total` + k. A view that starts `month` rows before it has
        # it as its row `month`, where the kernel and the policies look; the rows below are never touched.
        self.base = lowered.months_total
        self.rows = Levers(*(np.empty((self.base + replications, *a.shape[1:]), a.dtype) for a in self.before))
        self.books = [np.zeros((replications, self.base + 1, N_FLOWS), np.int64) for _ in self.readers]
        self.known = 0  # months from the opening on that are in `books`
        self.customers = customers_of(lowered.settings)
        self.habits = [self._habit_before()] * replications

    def levers(self, month: int, flows: np.ndarray) -> tuple[Levers, np.ndarray]:
        """Return the levers of a month and by how many rows further than it those of each replication stand.

        `flows` are the chunk's of all months before it.
        """
        self._read(month, flows)
        regimes = [(self._regime(month, r), self.habits[r].tobytes()) for r in range(len(flows))]
        rows, after = {}, {}
        for k, (regime, r) in enumerate({one: r for r, one in reversed(list(enumerate(regimes)))}.items()):
            levers = self._levers(month, regime[0], k)
            after[regime] = self.customers.answer(levers, month, self.habits[r])
            rows[regime] = self.base + k - month
        self.habits = [after[regime] for regime in regimes]
        return self.rows, np.array([rows[regime] for regime in regimes], np.int64)

    def _habit_before(self):
        """Return the habit of customers at the end of the last month before a policy reads the book."""
        habit = self.customers.start()
        for month in range(1, self.months.start):
            habit = self.customers.answer(self.before, month, habit)
        return habit

    def _read(self, month, flows):
        """Bring the books of the readers, each of its own segments and products, to the end of the month before."""
        news = slice(self.known, month)
        for book, settings in zip(self.books, self.readers, strict=True):
            _, _, segments, products = self.context.acting(settings)
            cells = flows[:, :, news, list(segments)][:, :, :, :, list(products)]
            book[:, news] = cells.sum(axis=(1, 3, 4))
        self.known = month

    def _regime(self, month, replication):
        """Return the settings of each reader in force in a month of a replication, None where it does not act."""
        return tuple(
            _answer(settings, Book(book[replication, :month])) if month in self.context.months_of(settings) else None
            for settings, book in zip(self.readers, self.books, strict=True)
        )

    def _levers(self, month, regime, k):
        """Return levers whose row `month` is a regime's, written in the order of the file."""
        levers = Levers(*(rows[self.base + k - month :] for rows in self.rows))
        for array, before in zip(levers, self.before, strict=True):
            array[month] = before[month]
        read = iter(regime)
        policies = [next(read) if settings.reads_book else settings for settings in self.policies]
        acting = [settings for settings in policies if settings is not None]
        write_all(levers, acting, self.context._replace(only=month))
        return levers


def _answer(settings, book):
    """Return the settings in force after `book`, as the policy says; None: it does not act."""
    with code_of(settings.kind, "in_force"):
        answer = settings.in_force(book)
        if not isinstance(answer, Policy | None):
            raise TypeError(f"found {answer!r}; allowed: settings or None")
    return answer


def months_read(lowered: Lowered) -> range:
    """Return the months from the first to the last that a policy which reads the book may act in, or be felt.

    What customers want depends on the prices before, until the end.
    """
    months = [lowered.context.months_of(settings) for settings in lowered.readers]
    last = lowered.months_total + 1 if customers_of(lowered.settings).remembers else max(acts.stop for acts in months)
    return range(min(acts.start for acts in months), last)

"""Accounts that began together: how many of them were ever 90 days late, until lending ends."""

import math
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import Difference, paired
from simulator.analysis.ledger import Ledger, RunFrame
from simulator.analysis.roll_rates import about
from simulator.model.layout import W_N_ACCOUNTS, W_N_DEFAULT, W_N_GRANTED

YEAR = 12
SHORTEST = 6  # months that a cohort is followed: of fewer nothing is seen
COHORTS = 4  # at most: the opening book, and the years in which accounts began
Entries = tuple[int, int]  # the first and the last month in which its accounts began; 0: the opening book


def cohorts(frame: RunFrame) -> list[Entries]:
    """Return the entry months of accounts that began together: those of the opening book, and by year."""
    found = [(0, 0)]
    step = YEAR * max(1, math.ceil(frame.months / YEAR / (COHORTS - 1)))
    for first in range(1, frame.months, step):
        found.append((first, min(first + step, frame.months) - 1))
    return found


class Cohort(NamedTuple):
    """Accounts that began together, float64[batch, months on book]: how many, and how many were ever 90 days late."""

    accounts: np.ndarray
    late: np.ndarray

    @property
    def curve(self) -> np.ndarray:
        """Return float64[months on book]: the share that was ever late, of all replications; NaN of no accounts."""
        return _share(self.late.sum(axis=0), self.accounts.sum(axis=0))

    @property
    def ends(self) -> np.ndarray:
        """Return float64[batch]: the same at the end of lending, of each batch of replications."""
        return _share(self.late[:, -1], self.accounts[:, -1])


def _share(part, whole):
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def lived(ledger: Ledger) -> dict[Entries, Cohort]:
    """Return {Entries: Cohort} of those in which anybody is, until lending ends: after it nobody arrives or borrows."""
    return ledger.once(_lived)


def _lived(ledger) -> dict[Entries, Cohort]:
    months = ledger.frame.months
    sums = ledger.vintages.sum(axis=(3, 4))[:, :, : months + 1].astype(float)  # [batch, entry, month, name]
    accounts = np.cumsum(sums[..., W_N_GRANTED], axis=2)
    accounts[:, 0] += sums[:, 0, :1, W_N_ACCOUNTS]
    late = np.cumsum(sums[..., W_N_DEFAULT], axis=2)
    found = {}
    for first, last in cohorts(ledger.frame):
        length = months - last
        if length < min(SHORTEST, months - 1):
            continue
        both = (np.sum([x[:, e, e : e + length + 1] for e in range(first, last + 1)], axis=0) for x in (accounts, late))
        if (cohort := Cohort(*both)).accounts.any():
            found[first, last] = cohort
    return found


def change(now: Cohort, then: Cohort) -> Difference:
    """Return the paired change of a cohort's share at the end of lending, its error over batches of replications."""
    return about(float(now.curve[-1] - then.curve[-1]), paired(now.ends, then.ends))

"""What is known of each account at the end of a month, for forecasts of the next: this month and the one before."""

from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.panel import NO_ROW, Panel

UNKNOWN = 0  # the band of what the tape does not say
# Edges of bands, in units of what is banded. Source: assumption; round numbers, finer where accounts are many.
UTILISATION_EDGES = (0.0, np.nextafter(0.0, 1.0), 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
PAID_EDGES = (np.nextafter(0.0, 1.0), 0.02, 0.04, 0.06, 0.1, 0.3, 1.0)
CHANGE_EDGES = (-0.1, -0.02, 0.0, np.nextafter(0.0, 1.0), 0.02, 0.1)
LIMIT_QUARTILES = (0.25, 0.5, 0.75)
FULL = 1.5  # the largest share of a bill that counts as paid


class Features(NamedTuple):
    """Facts by account; float64[account] with NaN where the tape does not say, else int64[account]."""

    state: np.ndarray
    previous: np.ndarray  # state of the month before, NO_ROW without a row
    product: np.ndarray
    group: np.ndarray  # number of the segment and grade together
    utilisation: np.ndarray  # balance / limit
    change: np.ndarray  # of utilisation since the month before, at this month's limit
    paid: np.ndarray  # paid in the month / balance of the month before, 0..FULL; -1 where there was nothing to pay
    limit: np.ndarray  # minor units
    code: np.ndarray  # place of the tape's status code among its codes in order of their names, NO_ROW without one
    code_before: np.ndarray  # that of the month before
    spent: np.ndarray  # new spending / limit: what the balance grew by and what was paid
    payment: np.ndarray  # in the month, minor units
    bill: np.ndarray  # balance of the month before, minor units

    def take(self, rows: np.ndarray) -> "Features":
        """Return the features of some accounts."""
        return Features(*(column[rows] for column in self))


def features(panel: Panel, month: int) -> Features:
    """Return the features of every account of `panel` at the end of month number `month`.

    In the panel's first month nothing is known of the month before. A limit of 0 is no limit.
    """
    balance, limit = panel.balance[:, month], panel.limit[:, month]
    known = limit > 0
    before = panel.balance[:, month - 1] if month else np.full(len(balance), np.nan)
    nobody = np.full(len(balance), NO_ROW)
    previous = panel.state[:, month - 1] if month else nobody
    payment = panel.payment[:, month]
    place = np.append(np.argsort(np.argsort(panel.codes)), NO_ROW).astype(np.int64)  # no code, -1, takes the last
    with np.errstate(divide="ignore", invalid="ignore"):
        utilisation = np.where(known, balance / limit, np.nan)
        change = np.where(known, (balance - before) / limit, np.nan)
        spent = np.where(known, (balance - before + payment) / limit, np.nan)
        paid = np.clip(payment / before, 0, FULL)
    return Features(
        panel.state[:, month].astype(np.int64),
        previous.astype(np.int64),
        panel.product.astype(np.int64),
        panel.segment * (len(panel.grades) + 1) + panel.grade[:, month].astype(np.int64) + 1,
        utilisation,
        change,
        np.where(before <= 0, -1.0, paid),
        np.where(known, limit, np.nan),
        place[panel.code[:, month]],
        place[panel.code[:, month - 1]] if month else nobody,
        spent,
        payment,
        before,
    )


class Bands(NamedTuple):
    """Features as bands, for a model of cells: each is int64[account], 0..WIDTH - 1."""

    state: np.ndarray
    product: np.ndarray
    previous: np.ndarray
    utilisation: np.ndarray
    paid: np.ndarray
    change: np.ndarray
    limit: np.ndarray
    group: np.ndarray


WIDTH = 1 << 20  # bands a feature has at most


def limit_edges(limit: np.ndarray) -> np.ndarray:
    """Return the quartiles of the limits that are known; none without any."""
    known = limit[np.isfinite(limit)]
    return np.quantile(known, LIMIT_QUARTILES) if len(known) else np.array([])


def bands(of: Features, edges: np.ndarray) -> Bands:
    """Return the bands of features; `edges` are those of the limit, from the window that a model is fitted on."""
    return Bands(
        of.state,
        of.product,
        of.previous + 1,
        _band(of.utilisation, UTILISATION_EDGES),
        np.where(of.paid == -1, len(PAID_EDGES) + 2, _band(of.paid, PAID_EDGES)),
        _band(of.change, CHANGE_EDGES),
        _band(of.limit, edges),
        of.group,
    )


def _band(x, edges):
    return np.where(np.isnan(x), UNKNOWN, 1 + np.searchsorted(edges, x, side="right"))


def design(of: Features, n_states: int, n_groups: int) -> np.ndarray:
    """Return float64[account, column]: the features as columns of a regression, the first all 1.

    Utilisation is piecewise linear with bends at 0.3 and 0.9; what is not known is 0 with a column that says so.
    """
    previous = np.eye(n_states + 1)[of.previous]  # NO_ROW, -1, is the last column
    utilisation = np.clip(np.nan_to_num(of.utilisation), -0.2, FULL)
    paid = np.maximum(np.nan_to_num(of.paid), 0)
    columns = (
        np.ones(len(of.state)),
        utilisation,
        np.minimum(utilisation, 0.3),
        np.minimum(utilisation, 0.9),
        of.utilisation == 0,
        of.utilisation < 0,
        np.isnan(of.utilisation),
        np.clip(np.nan_to_num(of.change), -1, 1),
        paid,
        of.paid == 0,
        (of.paid > 0) & (of.paid < 0.05),
        of.paid >= 1,
        of.paid == -1,
        np.isnan(of.paid),
        np.nan_to_num(np.log(of.limit)),
        of.product == 1,
    )
    groups = np.eye(n_groups)[of.group]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns] + [previous, groups])

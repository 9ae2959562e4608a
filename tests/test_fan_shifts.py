"""Shifts of states in the fan: where they stand ahead, how they hang together, and what looks like one and is none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

import panels
from benchmarks.remembering import MATRIX, STATES, book, lasting
from simulator.estimation import random_numbers
from simulator.estimation.roll_rates.choice import remembered
from simulator.estimation.roll_rates.factor import panel_factor
from simulator.estimation.roll_rates.rows import cell_counts, fine_counts
from simulator.estimation.roll_rates.shifts import Believed, estimate_shifts, panel_shifts, shifts_ahead

AT = np.array([0, 1, 3, 4])


@pytest.mark.parametrize("past", [True, False])
def test_months_ahead_are_those_of_the_joint_normal(past):
    """Mean and variance of two states' shifts against the mean of months seen, by conditioning the whole at once."""
    tie, rho, persistence, ahead = 0.6, 0.1, 0.7, np.array([1, 2, 5])
    state = np.array([[0, 1]])
    counts = np.zeros((4, 1, 2, 3))
    counts[..., :2] = 5000  # accounts enough for a shift of each
    found, evidence, precision, pull = estimate_shifts(counts, state, AT), [], np.zeros((14, 14)), np.zeros(14)
    for k, of in enumerate(found.evidence):
        root = (panels.uniform(6 + k, 0, 4, 4) - 0.5) @ (np.eye(4) - 0.25)  # a shift of all months says nothing
        own, pulled = 40 * root.T @ root, 40 * root.T @ root @ np.array([0.3, 0.1, -0.2, -0.4 * k])
        evidence.append(of._replace(precision=own, pull=pulled))
        here = slice(7 * k, 7 * k + 4)
        precision[here, here], pull[here] = own, pulled
    found = replace(found, evidence=tuple(evidence))
    time = np.concatenate([AT, AT[-1] + ahead])
    between = np.array([[1, tie], [tie, 1]])
    prior = rho / (1 - rho) * np.kron(between, persistence ** np.abs(time[:, None] - time))
    covariance = np.linalg.inv(np.linalg.inv(prior) + precision)
    mean = covariance @ pull
    contrast = np.kron(np.eye(2), np.concatenate([np.full((3, 4), -0.25), np.eye(3)], axis=1))
    news = random_numbers.normals(6, 40, 20_000, 3, 2)
    seen = random_numbers.normals(6, 41, 20_000, 8) if past else None
    believed = Believed(*(np.full(20_000, x) for x in (tie, persistence, rho)))
    shift, variance = (
        x.transpose(0, 2, 1).reshape(20_000, 6) for x in shifts_ahead(found, ahead, believed, news, seen)
    )
    fresh = np.tile(rho / (1 - rho) * (1 - persistence ** (2 * ahead)), 2)
    expected = np.diag(contrast @ covariance @ contrast.T) if past else fresh

    assert variance == pytest.approx(np.broadcast_to(expected, variance.shape))
    assert shift.var(axis=0) == pytest.approx(expected, rel=0.06)
    assert (np.abs(shift.mean(axis=0) - contrast @ mean) < 4 * np.sqrt(expected / 20_000)).all()
    if not past:
        assert np.corrcoef(shift[:, 0], shift[:, 3])[0, 1] == pytest.approx(tie, abs=0.03)


def _counts(tie, months=24, accounts=20_000):
    """Return counts of rows of two states, their shifts of correlation `tie`, persistence 0.6 and rho 0.02."""
    z = random_numbers.normals(2, 50, 1, months, 2)[0] @ np.array([[1, tie], [0, np.sqrt(1 - tie**2)]])
    for m in range(1, months):
        z[m] = 0.6 * z[m - 1] + 0.8 * z[m]
    worse = np.array([[0.1, 0.0], [0.6, 0.3]])
    beyond = ndtr((ndtri(worse)[None] - np.sqrt(0.02) * z[..., None]) / np.sqrt(0.98))
    chance = np.stack([1 - beyond[..., 0], beyond[..., 0] - beyond[..., 1], beyond[..., 1]], axis=-1)
    return np.round(accounts * chance)[:, None]


def test_states_that_move_together_are_told_from_states_that_do_not():
    """With one factor the correlation between shifts is 1, all but surely; with two of their own it is not."""
    state = np.array([[0, 1]])
    one, own = (estimate_shifts(_counts(tie), state, np.arange(24)).weights.sum(axis=(1, 2)) for tie in (1.0, 0.0))

    assert one[-1] > 0.9 and own[-1] < 0.01
    assert own[:3].sum() > 0.7


def test_states_of_few_accounts_share_a_shift():
    """Two of three states have fewer than 300 accounts a month: there are two shifts."""
    counts = np.full((12, 1, 3, 4), [[500], [10], [20]])

    assert estimate_shifts(counts, np.array([[0, 1, 2]]), np.arange(12)).mover.tolist() == [1, 0, 0]


def test_accounts_that_grow_old_are_no_factor():
    """Hazards fall, all accounts begin with the tape, no factor: by cells one that lasts is seen, by finer rows not."""
    panel = book(lasting(rho=0.0), 4, 12_000, 24)
    pasts = remembered(panel)
    fine, cell = fine_counts(panel, pasts)
    coarse = cell_counts(panel, pasts)
    of_cells = estimate_shifts(coarse, np.repeat([[0]], coarse.shape[2], axis=1), np.arange(1, 24))
    of_rows = estimate_shifts(fine, np.zeros_like(cell), np.arange(1, 24))
    size_of = [float(np.median(found.drawn(panels.uniform(1, 0, 500)).rho)) for found in (of_cells, of_rows)]

    assert size_of[1] < 0.004 and size_of[0] > 2 * size_of[1]
    assert fine.sum() < coarse.sum()  # whose past is not known is left out
    found = panel_factor(panel, remembered=pasts)
    assert found.posterior.value < 0.004
    assert found.evidence.row_dispersion.shape == (coarse.shape[2],)
    assert panel_shifts(panel, pasts, coarse.shape[2]).dispersion.shape == (1, coarse.shape[2])


def test_without_memory_rows_are_states():
    """The finer rows of a book that remembers nothing are its states, and everybody is in them."""
    panel = panels.panel(panels.chain(np.vstack([MATRIX, np.eye(5)[-1:]]), 500, 6, 1), STATES)
    fine, cell = fine_counts(panel, remembered(panel))

    assert cell.tolist() == [[0, 1, 2, 3]]
    assert fine.tolist() == cell_counts(panel, {}).tolist()

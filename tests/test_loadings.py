"""Loadings of segments with the common factor, from a tape: found where they differ, and not where they do not."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

import panels
from simulator.estimation import random_numbers
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates.loadings import panel_loadings

STATES = (PanelState("current", 0), PanelState("late", 1))
WORSE = np.array([0.08, 0.55])  # the chance to be late a month later, by state


def tape(seed, loadings, months=30, accounts=4000, rho=0.02):
    """Return the panel of a book with a segment for each loading, moved by one factor of persistence 0.6."""
    z = random_numbers.normals(seed, 50, 1, months)[0]
    for m in range(1, months):
        z[m] = 0.6 * z[m - 1] + 0.8 * z[m]
    segment = np.arange(accounts * len(loadings)) % len(loadings)
    state = np.zeros((len(segment), months), dtype=np.int8)
    own = rho * np.array(loadings) ** 2
    for m in range(1, months):
        shifted = (ndtri(WORSE)[state[:, m - 1]] - np.sqrt(own[segment]) * z[m]) / np.sqrt(1 - own[segment])
        state[:, m] = panels.uniform(seed, 100 + m, len(segment)) < ndtr(shifted)
    return panels.panel(state, STATES, segment=segment)


def test_loadings_are_found():
    """Planted at 0.5 to 1.5, the ratio of two segments is found within a fifth, each truth in its interval."""
    found = panel_loadings(tape(2, (0.5, 1.5)), {})
    low, high = found.by_segment.values()

    assert found.are_told
    assert high.value / low.value == pytest.approx(3, rel=0.2)
    assert low.low < 0.5 < low.high and high.low < 1.5 < high.high


def test_segments_that_are_moved_alike_have_no_loadings():
    """Of two such books none is told apart; nor is a book of one segment."""
    assert not [seed for seed in range(2) if panel_loadings(tape(seed, (1.0, 1.0), 16, 1500), {}).are_told]
    assert not panel_loadings(tape(1, (1.0,), 8, 500), {}).are_told

"""Rows of roll matrices under doubt: as sure as the accounts that tell them, alike for all lenders, or as they are."""

import numpy as np
import pytest

from simulator.decision.doubt import normals
from simulator.decision.rows_in_doubt import rows_in_doubt, with_rows_drawn
from simulator.scenario.histories import rows_of
from test_lowering import scenario

STATES = [{"name": "0", "bucket": 0}, {"name": "1", "bucket": 1}, {"name": "x", "bucket": "paid_off"}]
MEMORY = [{"state": "1", "months_in_state": [2], "counts": [30.0, 70.0, 0.0]}]
COUNTS = [[9000.0, 900.0, 100.0], [300.0, 600.0, 100.0]]


def book(dispersion, counts=COUNTS, memory=MEMORY):
    """Return settings that move by a matrix with memory."""
    line = {"states": STATES, "counts": counts, "memory": memory, "counts_dispersion": dispersion}
    return scenario(behaviour={"model": "roll_rates", "roll_rates": {"line": line}})


def drawn(settings, draws):
    """Return float64[draw, row, state]: the rows of the matrix of all, then those of memory."""
    found = []
    for k in range(draws):
        of = with_rows_drawn(settings, lambda key, k=k: float(normals(key, 5, k))).behaviour.roll_rates.line
        found.append([*of.counts, *(entry.counts for entry in of.memory)])
    rows = np.array(found)
    return rows / rows.sum(axis=-1, keepdims=True)


def test_rows_are_as_sure_as_their_counts():
    """Mean and variance are those of the Dirichlet of the counts over the dispersion; what nobody did is not done."""
    settings, rows = book(4.0), drawn(book(4.0), 800)
    counts = np.array([*COUNTS, MEMORY[0]["counts"]])
    size = counts.sum(axis=1, keepdims=True) / 4
    mean = counts / counts.sum(axis=1, keepdims=True)

    assert rows_in_doubt(settings) == 3
    assert rows.mean(axis=0) == pytest.approx(mean, abs=0.01)
    assert rows.var(axis=0) == pytest.approx(mean * (1 - mean) / (size + 1), rel=0.2, abs=1e-12)
    assert not rows[:, 2, 2].any()


def test_without_a_dispersion_nothing_is_drawn():
    """The same settings come back; so do those of another model."""
    for settings in (book(None), scenario()):
        assert with_rows_drawn(settings, lambda key: 1.0) is settings


def test_rows_alike_stay_alike():
    """A memory of the chances of its state is none: accounts keep the rows that the tape's numbers mean."""
    settings = book(1.0, memory=[{"state": "1", "months_in_state": [2], "counts": [30.0, 60.0, 10.0]}])
    of = with_rows_drawn(settings, lambda key: float(normals(key, 5, 0)))
    before, after = (rows_of(each.behaviour.roll_rates.line) for each in (settings, of))

    assert after.state.tolist() == before.state.tolist()
    assert not np.allclose(after.chance, before.chance)

"""Memory and time-homogeneity: found where they are, and about as often as stated where they are not."""

from itertools import product

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import binomtest, hypergeom

import panels
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates import memory as of
from simulator.estimation.roll_rates.phrasing import homogeneity_words, memory_words

STATES = (PanelState("a", 0), PanelState("b", 1), PanelState("c", 2))
MATRIX = np.array([[0.8, 0.15, 0.05], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])


def moves(state):
    """Return int64[month pair, from, to] of a panel in STATES."""
    panel = panels.panel(state, STATES)
    return np.array([panel.moves(pair) for pair in panel.pairs()])


@pytest.mark.parametrize(("rows", "columns"), [((3, 5), (2, 6)), ((3, 5, 4), (2, 4, 6)), ((2, 9), (1, 3, 7))])
def test_the_moments_of_pearsons_statistic_are_exact(rows, columns):
    """Mean and variance equal those over every table with the margins, each with its probability."""
    values, log_weights = [], []
    expected = np.outer(rows, columns) / sum(rows)
    for cells in product(*[range(min(r, c) + 1) for r in rows[:-1] for c in columns[:-1]]):
        table = np.zeros(expected.shape, dtype=int)
        table[:-1, :-1] = np.reshape(cells, (len(rows) - 1, -1))
        table[:-1, -1] = np.array(rows[:-1]) - table[:-1].sum(axis=1)
        table[-1] = np.array(columns) - table[:-1].sum(axis=0)
        if (table >= 0).all():
            values.append(((table - expected) ** 2 / expected).sum())
            log_weights.append(-gammaln(table + 1).sum())
    weights = np.exp(log_weights) / np.exp(log_weights).sum()
    mean = weights @ values

    assert of.pearson_moments(np.array(rows), np.array(columns)) == pytest.approx(
        (mean, weights @ np.square(values) - mean**2), rel=1e-10
    )


def test_first_order_chains_that_do_not_change_are_rejected_at_the_stated_rate():
    """Negative control: over 150 worlds, three rows each, both tests reject about 5 % at 5 %."""
    p = {"memory": [], "time": []}
    for world in range(150):
        state = panels.chain(MATRIX, 250, 6, 300 + world)
        p["memory"] += [row.test.p for row in of.memory(state, STATES).rows]
        p["time"] += [row.test.p for row in of.homogeneity(moves(state), STATES).rows]

    for values in p.values():
        assert binomtest(int((np.array(values) <= 0.05).sum()), len(values), 0.05).pvalue > 0.01


def test_a_chain_with_memory_is_found_and_named():
    """Accounts that came back from b never leave a: the path is named, and the words say what it means."""
    state = panels.chain(MATRIX, 3000, 5, 5)[:, 2:]  # two months on, accounts stand everywhere
    back = (state[:, 0] == 1) & (state[:, 1] == 0)
    state[back, 2] = 0
    found = of.memory(state, STATES)

    assert [row.state for row in found.rows if row.rejected] == ["a"]
    assert ("b", "a", "a", back.sum(), back.sum()) in [s[:5] for s in map(_path, found.surprises)]
    assert f"After b then a, the next month is a in all {back.sum():,} cases" in " ".join(memory_words(found))


def _path(surprise):
    return (surprise.before, surprise.state, surprise.after, surprise.seen, surprise.of, surprise.p)


def test_months_that_differ_are_no_memory():
    """Tables are by month: a chain whose matrix changes has no memory, and just the rows that change are named."""
    other = MATRIX[::-1]
    state = panels.chain([MATRIX, other, MATRIX, other, MATRIX], 2000, 6, 11)
    found = of.homogeneity(moves(state), STATES)

    assert not any(row.rejected for row in of.memory(state, STATES).rows)
    assert [row.state for row in found.rows if row.rejected] == ["a", "c"]
    assert "intervals by accounts alone are too narrow" in homogeneity_words(found)[0]


def test_taiwans_coding_memory_is_named(shared_file):
    """After D1 then R the next month is R in all 1,305 cases (shared README, c): strongest doubt, in words."""
    panel = panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))
    found = of.memory(panel.state, panel.states)
    path = next(s for s in found.surprises if (s.before, s.state, s.after) == ("D1", "R", "R"))

    assert (path.seen, path.of) == (1305, 1305)
    assert path.p < 1e-30
    assert next(row for row in found.rows if row.state == "R").test.p < 1e-100
    assert "After D1 then R, the next month is R in all 1,305 cases" in " ".join(memory_words(found))


def test_taiwans_months_differ(shared_file):
    """Every row but that of D3 differs between months at 5 % for all together."""
    panel = panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))
    found = of.homogeneity(np.array([panel.moves(pair) for pair in panel.pairs()]), panel.states)

    assert [row.state for row in found.rows if not row.rejected] == ["D3"]


def test_thin_cells_are_tested_exactly():
    """A cell expected below 5 over two tables: the sum of two hypergeometric counts, twice the smaller tail."""
    tables = np.array([[[4, 6], [1, 40]], [[3, 4], [2, 30]]])
    joint = np.convolve(hypergeom.pmf(range(6), 51, 10, 5), hypergeom.pmf(range(6), 39, 7, 5))
    seen, total, expected, p = of._cell(tables, 0, 0)

    assert (seen, total) == (7, 17)
    assert expected == pytest.approx(10 * 5 / 51 + 7 * 5 / 39)
    assert p == pytest.approx(2 * joint[7:].sum(), rel=1e-9)


def test_nothing_to_test_is_said():
    """Two months have no memory to test, one pair no months to compare; nor has a panel of one month."""
    nothing = np.zeros((0, 3, 3), dtype=np.int64)
    state = panels.chain(MATRIX, 50, 2, 1)

    assert "cannot be tested" in memory_words(of.memory(state, STATES))[0]
    assert "cannot be tested" in homogeneity_words(of.homogeneity(moves(state), STATES))[0]
    assert "cannot be tested" in memory_words(of.memory(panels.chain(MATRIX, 50, 1, 1), STATES))[0]
    assert "cannot be tested" in homogeneity_words(of.homogeneity(nothing, STATES))[0]

"""Roll matrices: counts to the account, balances as they are, intervals that cover what they say."""

import csv

import numpy as np
import pytest
from scipy.stats import beta

import panels
from simulator.estimation.intervals import holm, jeffreys
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates import rolls as of
from simulator.estimation.roll_rates.factor import Prior
from simulator.estimation.roll_rates.phrasing import thin_words
from simulator.lowering.factor import factor as factor_path

R6 = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0, 0, 1]])  # REFERENCES R6
R5_OPENING = (100, 90, 80, 70, 60, 50, 40)  # REFERENCES R5, rates in 0.01 %
R5_RATES = np.array(
    [
        [9799, 64, 0, 0, 0, 0, 0, 0, 0, 136],
        [3045, 4972, 1816, 9, 4, 4, 10, 7, 8, 152],
        [1357, 1662, 3765, 2825, 15, 10, 29, 221, 16, 155],
        [1621, 662, 1254, 2198, 1674, 43, 45, 2258, 93, 246],
        [1864, 339, 323, 551, 1659, 3386, 58, 1751, 254, 243],
        [2997, 857, 1383, 711, 754, 1704, 1664, 5772, 535, 739],
        [262, 36, 11, 6, 5, 14, 14, 9410, 143, 142],
    ]
)
MATRIX = np.array([[0.93, 0.06, 0.01], [0.3, 0.45, 0.25], [0.05, 0.15, 0.8]])
STATES = (PanelState("good", 0), PanelState("late", 1), PanelState("worse", 2))


def r6_panel(accounts=20_000, months=4, seed=6, **more):
    """Return a panel of R6's chain: two open states and one that is left by nobody."""
    return panels.panel(panels.chain(R6, accounts, months, seed), **more)


def test_taiwan_counts_equal_the_shared_roll_counts_exactly(shared_file):
    """Collapsed to N, T, R, D1, D2, D3, D4+, every cell of every pair is that of the shared table."""
    panel = panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))
    to_state = {-2: 0, -1: 1, 0: 2, 1: 3, 2: 3, 3: 4, 4: 5, 5: 6, 6: 6, 7: 6, 8: 6}
    expected = {}
    with open(shared_file("uci_taiwan_roll_counts_2005apr_jul.csv"), encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            n = expected.setdefault(row["month_from"], np.zeros((7, 7), dtype=np.int64))
            n[to_state[int(row["status_from"])], to_state[int(row["status_to"])]] += int(row["count"])

    found = of.rolls(panel)

    assert [m.month_from for m in found.monthly] == ["2005-04", "2005-05", "2005-06"]
    for matrix, n in zip(found.monthly, expected.values(), strict=True):
        assert (matrix.n == n).all()
    assert (found.pooled[0].n == sum(expected.values())).all()
    assert [r["n"] for r in found.rows()] == [
        int(n) for table in (*expected.values(), found.pooled[0].n) for n in table.flat
    ]


def test_taiwan_pooled_intervals_with_the_months_are_wider_in_every_cell(shared_file):
    """The wide interval holds the one of accounts alone, and is wider."""
    pooled = of.rolls(panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))).pooled[0]

    assert (pooled.wide[0] <= pooled.account[0]).all()
    assert (pooled.wide[1] > pooled.account[1]).all()
    assert ((pooled.wide[0] <= pooled.probability) & (pooled.probability <= pooled.wide[1])).all()


def test_a_first_order_chain_comes_back_within_its_standard_errors():
    """R6: each cell within 4 sqrt(p(1-p)/n), the matrix to 2 decimals; cells of probability 0 exactly 0."""
    pooled = of.rolls(r6_panel()).pooled[0]
    n = pooled.n.sum(axis=1, keepdims=True)

    assert (abs(pooled.probability - R6[:2]) <= 4 * np.sqrt(R6[:2] * (1 - R6[:2]) / n)).all()
    assert abs(pooled.probability - R6[:2]).max() < 0.01


def test_a_wrong_matrix_does_not_come_back_within_standard_errors():
    """Negative control: one point more is noticed."""
    pooled = of.rolls(r6_panel()).pooled[0]
    wrong = R6[:2] + np.array([[-0.01, 0.01, 0], [0, 0, 0]])

    assert (
        abs(pooled.probability - wrong) > 4 * np.sqrt(wrong * (1 - wrong) / pooled.n.sum(axis=1, keepdims=True))
    ).any()


def test_rows_have_the_columns_of_the_contract_and_zero_cells_too():
    """Every cell of open rows is there, pooled months say so in both columns, probabilities sum to 1."""
    rows = list(of.rolls(r6_panel(500, 3)).rows())

    assert all(tuple(row) == of.COLUMNS for row in rows)
    assert len(rows) == 3 * 2 * 3  # two pairs and pooled, two open states, three states
    assert {(r["month_from"], r["month_to"]) for r in rows} == {
        ("2005-04", "2005-05"),
        ("2005-05", "2005-06"),
        ("pooled", "pooled"),
    }
    assert {(r["to_state"], r["to_bucket"]) for r in rows} == {("current", 0), ("late", 1), ("lost", "written_off")}
    assert all(r["low"] <= r["probability"] <= r["high"] for r in rows)
    assert sum(r["probability"] for r in rows) == pytest.approx(6, rel=1e-12)


def test_a_panel_of_one_month_has_rows_without_shares():
    """No pair: only the pooled matrix, counts of 0 and nothing else."""
    rows = list(of.rolls(r6_panel(10, 1)).rows())

    assert [(r["n"], r["probability"], r["low"], r["high"]) for r in rows] == [(0, None, None, None)] * 6


def test_dollar_rolls_are_left_as_they_are_and_named():
    """R5: all seven rows do not sum to 1, row 6 by 71 %; balances of month 1 come out to the last digit."""
    unit = 10_000  # minor units in a dollar, so that a rate in 0.01 % gives whole ones
    cells = [(r, s) for r in range(7) for s in range(10) if R5_RATES[r, s]]
    first = {r: next(c for c in cells if c[0] == r) for r in range(7)}
    opening = [R5_OPENING[r] * unit if first[r] == (r, s) else 0 for r, s in cells]
    closing = [R5_OPENING[r] * R5_RATES[r, s] for r, s in cells]
    states = tuple(PanelState(str(b + 1), b) for b in range(10))
    panel = panels.panel(cells, states, balance=np.column_stack([opening, closing]))
    (dollars,) = of.rolls(panel).dollars
    month_1 = (174.815, 69.781, 64.139, 44.952, 25.618, 29.309, 9.361, 94.643, 5.622, 11.411)

    assert (dollars.closing.sum(axis=0) == np.round(np.array(month_1) * unit)).all()
    assert dollars.rate[:7] == pytest.approx(R5_RATES / 10_000, abs=1e-15)
    assert {r: round(off, 4) for r, off in dollars.not_one().items()} == {
        0: -0.0001, 1: 0.0027, 2: 0.0055, 3: 0.0094, 4: 0.0428, 5: 0.7116, 6: 0.0043,
    }  # fmt: skip
    assert np.isnan(dollars.row_sum[7:]).all()  # nothing stood there


def test_what_is_written_off_closes_with_the_amount_and_what_has_no_balance_is_counted():
    """A written-off account closes with what was written off; an account without a balance is left out and counted."""
    state = [["late", "lost"], ["late", "late"], ["late", "current"]]
    panel = panels.panel(
        state, balance=[[100, 0], [50, 60], [40, np.nan]], written_off=[[np.nan, 110], [np.nan, 0], [np.nan, 0]]
    )
    (dollars,) = of.rolls(panel).dollars

    assert dollars.opening.tolist() == [0, 150]
    assert dollars.closing.tolist() == [[0, 0, 0], [0, 60, 110]]
    assert dollars.unknown == 1


def test_a_thin_row_is_topped_up_with_the_other_months_and_says_so():
    """Ten accounts in a month become THIN, the rest moving as the other months do; counts stay those seen."""
    state = [["late", "late", ""]] * 6 + [["late", "current", ""]] * 4 + [["", "late", "lost"]] * 100
    first, second = of.rolls(panels.panel(state)).monthly

    assert first.n[1].tolist() == [4, 6, 0]
    assert first.probability[1] == pytest.approx([4 / 30, 6 / 30, 20 / 30], rel=1e-14)
    assert first.topped_up == {1: "the group's other months"}
    assert second.topped_up == {}
    assert second.probability[1].tolist() == [0, 0, 1]
    assert "late has 10 accounts; topped up with the group's other months" in thin_words(first)[-1]


def test_a_thin_row_without_others_stays_as_it_is():
    """Nobody to learn from: what was seen is kept, an empty row is NaN, and both are named."""
    pooled = of.rolls(panels.panel([["late", "late"], ["late", "current"]])).pooled[0]

    assert pooled.probability[1].tolist() == [0.5, 0.5, 0]
    assert np.isnan(pooled.probability[0]).all()
    assert pooled.thin == {0: 0, 1: 2}
    assert [line.rpartition("; ")[2] for line in thin_words(pooled)] == [
        "no row: nobody to learn from.",
        "left as it is: no others to top it up.",
    ]


def test_a_thin_segment_is_topped_up_with_the_other_segments_of_its_product_only():
    """Five accounts of one segment move on like the product's others; loans do not lend to lines."""
    state = [["late", "late"]] * 5 + [["late", "current"]] * 100 + [["late", "lost"]] * 100
    panel = panels.panel(state, segment=[0] * 5 + [1] * 200, product=[0] * 105 + [1] * 100)
    pooled = {(m.product, m.segment): m for m in of.rolls(panel).pooled}

    assert pooled["line", "segment 0"].probability[1] == pytest.approx([25 / 30, 5 / 30, 0], rel=1e-14)
    assert pooled["loan", "segment 1"].probability[1].tolist() == [0, 0, 1]


def test_grades_add_up_to_the_group():
    """Matrices by grade at the start of the pair: their counts sum to the pooled ones."""
    grade = (panels.uniform(3, 3, 2000, 4) * 3).astype(int)
    found = of.rolls(r6_panel(2000, grade=grade))

    assert [m.grade for m in found.by_grade] == ["A", "B", "C"]
    assert (sum(m.n for m in found.by_grade) == found.pooled[0].n).all()


def test_wide_intervals_cover_the_mean_matrix_where_account_noise_alone_does_not():
    """Over 40 worlds of 6 months, rho and persistence drawn from the prior: the wide 90 % interval covers at about its
    rate, that of accounts alone far less (measured over 400 worlds: 91 % and 36 %)."""
    wide, account = [], []
    for world in range(2000, 2040):
        luck = panels.uniform(world, 77, 2)
        rho, z = beta.ppf(luck[1], Prior.a, Prior.b), factor_path(world, 0.95 * luck[0], [0], 6)[0, 1:]
        n = panels.counts(panels.under_factor(MATRIX, rho, z), [5000, 500, 300], world)
        state = np.concatenate([_two_months(n[t], t, 7) for t in range(6)])
        pooled = of.rolls(panels.panel(state, STATES)).pooled[0]
        wide.append((pooled.wide[0] <= MATRIX) & (pooled.wide[1] >= MATRIX))
        account.append((pooled.account[0] <= MATRIX) & (pooled.account[1] >= MATRIX))

    assert 0.83 < np.mean(wide) < 0.97
    assert np.mean(account) < 0.6


def _two_months(n, at, months):
    """Return states [account, month] of accounts that are there in months at and at + 1 only and move as `n`."""
    rows, columns = np.indices(n.shape)
    state = np.full((n.sum(), months), -1, dtype=np.int8)
    state[:, at], state[:, at + 1] = np.repeat(rows, n.ravel()), np.repeat(columns, n.ravel())
    return state


def test_months_alike_give_narrower_intervals_than_months_under_a_factor():
    """Negative control: without a factor in the data, every wide interval is narrower by a quarter and more."""
    alike, moved = (
        panels.counts(panels.under_factor(MATRIX, rho, factor_path(5, 0.3, [0], 12)[0, 1:]), [5000, 500, 300], 5)
        for rho in (0, 0.06)
    )
    width = []
    for n in (alike, moved):
        state = np.concatenate([_two_months(n[t], t, 13) for t in range(12)])
        low, high = of.rolls(panels.panel(state, STATES)).pooled[0].wide
        width.append(high - low)

    assert (width[0] < 0.75 * width[1]).all()


def test_jeffreys_intervals_are_beta_quantiles_with_closed_ends():
    """As Brown, Cai and DasGupta: Beta(k + 1/2, n - k + 1/2), 0 at none, 1 at all, nothing of nothing."""
    low, high = jeffreys([0, 3, 10, 0], [10, 10, 10, 0])

    assert low[1] == pytest.approx(beta.ppf(0.05, 3.5, 7.5), rel=1e-12)
    assert high[:2] == pytest.approx(beta.ppf(0.95, [0.5, 3.5], [10.5, 7.5]), rel=1e-12)
    assert (low[0], high[2]) == (0, 1)
    assert np.isnan([low[3], high[3]]).all()


def test_holm_steps_down():
    """The smallest of m is multiplied by m, the next by m - 1, never falling; NaN does not count."""
    assert holm([0.01, np.nan, 0.04, 0.03])[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])

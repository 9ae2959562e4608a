"""Accounts that stop without an exit leave the book: when, how, and who does not."""

import numpy as np
import pytest

import panels
from simulator.estimation.backtest.forecasts import Method
from simulator.estimation.backtest.scoring import score
from simulator.estimation.panels.hindcast import _of_tape
from simulator.estimation.panels.leavers import leavers, with_leavers
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates.cautions import left_silently

MATRIX = np.array([[0.95, 0.05, 0.0], [0.4, 0.5, 0.1], [0.0, 0.0, 1.0]])


def test_who_stops_without_an_exit_is_gone_a_month_later():
    """One stops, one has a gap, one is written off and then not on the tape: only the first is gone, as paid off."""
    read = panels.panel(
        [
            ["current", "late", "", ""],
            ["current", "", "late", "current"],
            ["late", "lost", "", ""],
            ["current", "current", "current", "current"],
        ],
        balance=[[100.0, 40.0, np.nan, np.nan]] * 4,
    )
    found = with_leavers(read)

    assert [state[:2] for state in found.states[len(read.states) :]] == [("gone", "paid_off")]
    assert found.state[0].tolist() == [0, 1, 3, -1]
    assert (found.state[1:] == read.state[1:]).all()
    assert [tuple(left) for left in leavers(read)] == [("2005-05", "late", 1, 40.0, 1)]
    assert next(left_silently(read)).startswith("1 accounts, 1 of them late, stop before the tape's last month")


@pytest.mark.parametrize(("payment", "paid"), [(np.nan, np.nan), (10.0, (10 + 10 + 10 + 100) / 400)])
def test_who_is_gone_has_paid_what_they_owed_if_payments_are_known(payment, paid):
    """Two accounts of 100 over two months, one of which is gone after the first: it paid 100, as in the scenario.

    On a tape without payments nothing is said of them.
    """
    read = with_leavers(panels.panel([["current", "current", ""], ["current"] * 3], balance=100.0, payment=payment))

    assert _of_tape(read, np.arange(2), 0)["paid"] == pytest.approx(paid, nan_ok=True)


def test_where_nobody_leaves_silently_nothing_changes():
    """The panel is the same object: exits, gaps, a month without any row, and those still there are no leaving."""
    rows = [["current", "", "", "current"], ["late", "lost", "", ""], ["current", "", "late", "lost"]]
    gap = panels.panel([[*row[:1], "", *row[1:]] for row in (("current", "", "late"), ("late", "", "lost"))])
    for read in (panels.panel(rows), gap):
        assert with_leavers(read) is read
        assert not list(left_silently(read))


def test_a_tape_of_as_many_states_as_may_be_says_that_nobody_is_gone():
    """With 16 states there is none for who left: the panel stays, and the caution says so instead of naming it."""
    states = tuple(PanelState(f"b{b}", b) for b in range(15))
    for more, says in ((), "as gone"), ((PanelState("lost", "written_off"),), "they are in no move"):
        read = panels.panel(np.array([[0, 0, -1], [0, 1, 2]]), (*states, *more))

        assert (with_leavers(read) is read) == bool(more)
        assert says in next(left_silently(read))


def test_a_loan_at_its_last_due_leaves_by_schedule():
    """Two loans stop: that with one due left paid it, the other is gone."""
    state = [["current", "current", ""], ["current", "current", ""], ["current"] * 3]
    left = np.array([[2.0, 1.0, np.nan], [9.0, 8.0, np.nan], [9.0, 8.0, 7.0]])
    found = with_leavers(panels.panel(state, product=1, months_left=left))

    assert found.state[:, 2].tolist() == [-1, 3, 0]


def _leaving(accounts, months):
    """Return the panel of a book that loses 1.2 % of its open accounts silently each month, and who left when."""
    state = panels.chain(MATRIX, accounts, months, 3).astype(int)
    leaves = np.full(len(state), 99)
    for m in range(months - 1):
        here = (leaves == 99) & (state[:, m] < 2) & (panels.uniform(3, 500 + m, len(state)) < 0.012)
        leaves[here] = m
    state[np.arange(months) > leaves[:, None]] = -1
    return panels.panel(state), leaves


def test_a_backtest_forecasts_who_leaves_silently_and_knows_them_when_they_come():
    """1.2 % a month are forecast to go, and counted when they do; a book that nobody leaves has no such state."""
    read, leaves = _leaving(2_000, 16)
    until = read.months[11]
    found = score(read, Method(until, forecasters={}, draws=60).forecasts(read))
    gone = [o for o in found.outlooks if o.measure == "state gone"]
    there = (read.state[:, 11] >= 0) & (read.state[:, 11] < 2)

    assert [o.actual for o in gone] == [((leaves < m) & there).sum() / there.sum() for m in range(12, 16)]
    assert [o.matrix for o in gone] == pytest.approx([1 - 0.988**m for m in range(1, 5)], rel=0.15)
    assert found.facts["left_silently_until_then"] == (leaves < 11).sum()
    assert not [name for name in score(*_settled(read, until)).fan.measures() if "gone" in name]


def _settled(read, until):
    """Return the panel of those who never leave, and forecasts from it."""
    stay = panels.panel(read.state[(read.state >= 0).all(axis=1)])
    return stay, Method(until, forecasters={}, draws=2).forecasts(stay)


def test_a_book_that_loses_accounts_silently_is_no_larger_ahead_than_it_is():
    """1.2 % leave silently each month: expected open accounts a year on are 12 % too many unless that is an exit."""
    whole, _ = _leaving(20_000, 37)
    state = whole.state
    came = ((state[:, 36] >= 0) & (state[:, 36] < 2)).sum()
    read = panels.panel(state[:, :25])

    def ahead(panel):
        moves = np.sum([panel.moves(pair) for pair in panel.pairs()], axis=0)
        chance = moves / moves.sum(axis=1, keepdims=True)
        here = np.bincount(panel.state[panel.state[:, -1] >= 0, -1], minlength=2)[:2]
        return (here @ np.linalg.matrix_power(chance[:, :2], 12)).sum()

    assert ahead(with_leavers(read)) == pytest.approx(came, rel=0.03)
    assert ahead(read) > 1.10 * came

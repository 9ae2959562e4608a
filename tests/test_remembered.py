"""What a book remembers: found where it is, by cells that are its own, and not where there is nothing."""

from dataclasses import replace

import numpy as np
import pytest

import panels
from simulator.estimation.roll_rates.cells import Cell, partitions
from simulator.estimation.roll_rates.choice import _fitted, remembered
from simulator.estimation.roll_rates.histories import UNKNOWN, counters, histories

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks.remembering import book, lasting, memoryless


def names_of(found):
    """Return the states that have cells."""
    return [candidate.state for candidate in found.candidates if candidate.chosen]


def test_counters_say_what_a_past_tells():
    """Typed in: an arrival, a stay, a gap, a new account. What a gap hides is a least value."""
    panel = panels.panel(
        [
            ["current", "current", "late", "late", "current", "current"],
            ["late", "current", "", "current", "current", "lost"],
            ["", "", "current", "late", "current", "current"],
        ]
    )
    found = list(counters(panel.state, panel.states, 24, 12))
    months = [of.months.tolist() for of in found]
    before = [of.before.tolist() for of in found]
    since = [of.since_late.tolist() for of in found]

    assert [m[0] for m in months] == [1, 2, 1, 2, 1, 2]
    assert [of.months_known[0] for of in found] == [False, False, True, True, True, True]
    assert [b[0] for b in before] == [UNKNOWN, 0, 0, 1, 1, 0]
    assert [s[0] for s in since] == [1, 2, 0, 0, 1, 2]
    assert [of.since_late_known[0] for of in found] == [False, False, True, True, True, True]
    assert (months[3][1], before[3][1], found[3].months_known[1]) == (1, UNKNOWN, False)
    assert (months[2][2], before[2][2], since[2][2]) == (1, 0, 12)
    assert found[2].months_known[2] and found[2].since_late_known[2]
    assert (since[4][1], found[4].since_late_known[1]) == (2, False)


def test_every_known_past_is_in_one_cell():
    """Of each candidate, every past that is known is in exactly one cell; one that is not may be in several."""
    state = book(lasting(), 1, 1500, 24, before=3).state
    state[::7, 11] = -1
    panel = panels.panel(state, book(lasting(), 1, 2, 2).states)
    for s, of in enumerate(histories(panel, [np.arange(len(state))])):
        known = of.months_known & (of.since_late_known | (of.since_late == 12))
        for candidate in partitions(of, s, panel.states, 23):
            may = np.array([cell.may_hold(of) for cell in candidate.cells])
            assert (may[:, known].sum(axis=0) == 1).all(), candidate.name
            assert (may.sum(axis=0) >= 1).all(), candidate.name


def test_no_move_is_lost_in_the_counts():
    """Histories of all states hold each move of the panel once, by month and segment."""
    panel = replace(book(lasting(), 2, 900, 6), segments=("a", "b"), segment=np.arange(900) % 2)
    found = histories(panel, [group.accounts for group in panel.groups()])

    for s, of in enumerate(found):
        for stratum, (month, group) in enumerate(zip(of.month, of.group, strict=True)):
            pair = next(pair for pair in panel.pairs() if pair.first == month)
            moves = panel.moves(pair, list(panel.groups())[group].accounts)[s]
            assert of.moves[0, stratum].sum(axis=0).tolist() == moves.tolist()


@pytest.mark.parametrize(("months", "seeds"), [(4, range(12)), (12, range(6)), (24, range(3))])
def test_books_without_memory_keep_their_matrix(months, seeds):
    """A common factor moves all months, and no state of any book gets cells (in the benchmark: at most 5 of 100)."""
    assert not [seed for seed in seeds if remembered(book(memoryless(), seed, 3000, months, before=12))["line"].states]


def test_segments_that_differ_are_no_memory():
    """Two segments, each without memory, one twice as good: none is found. Pooled, the same accounts seem to remember.

    The second is the negative control: who was late before is more likely of the bad segment.
    """
    states = book(memoryless(), 1, 2, 2).states
    kind = memoryless(rho=0.001)
    worse = kind._replace(chance=kind.chance.copy())
    worse.chance[0, :, :2] = 0.75, 0.25
    worse.chance[1, :, :3] = 0.2, 0.3, 0.5
    state = np.concatenate([book(each, 5, 4000, 12, before=12).state for each in (kind, worse)])
    pooled = panels.panel(state, states)
    split = replace(pooled, segments=("a", "b"), segment=np.repeat([0, 1], 4000))

    assert not remembered(split)["line"].states
    assert "current" in names_of(remembered(pooled)["line"])


def test_a_book_that_remembers_is_found_with_its_hazards():
    """Hazards that fall with the stay: the first and last cells of current are near what the book lives by."""
    kind = lasting(rho=0)
    found = remembered(book(kind, 1, 20_000, 24))["line"]
    current = next(of for of in found.states if of.state == 0)

    assert {"current", "30"} <= set(names_of(found))
    first, last = current.chance[0, 0, 1], current.chance[0, -1, 1]
    assert first == pytest.approx(kind.chance[0, :3, 1].mean(), rel=0.15)
    assert last == pytest.approx(kind.chance[0, 12:, 1].mean(), rel=0.1)
    assert current.chance.sum(axis=2) == pytest.approx(1)


def test_entries_are_those_of_a_scenario():
    """Each chosen cell is one entry, with as many accounts as surely were in it, in the words of the scenario."""
    panel = book(lasting(), 1, 8000, 24)
    found = remembered(panel)["line"]
    entries = found.entries(panel)
    of = found.states[0]

    assert len(entries) == sum(len(of.cells) for of in found.states)
    assert [sum(entry["counts"]) for entry in entries[: len(of.cells)]] == pytest.approx(of.n[0], abs=0.01)
    assert Cell(months=(3, 5), before=(1, 2)).entry("current", panel.states, np.ones(5)) == {
        "state": "current",
        "months_in_state": [3, 5],
        "state_before": ["30", "60"],
        "counts": [1.0] * 5,
    }


def test_a_thin_cell_leans_on_its_state():
    """Cells that move as their state does get its row, far nearer to it than their own counts are."""
    panel = book(memoryless(rho=0), 3, 1500, 6, before=12)
    of = histories(panel, [np.arange(1500)])[1]
    by = next(each for each in partitions(of, 1, panel.states, 5) if each.name == "months 2 3")
    _, rows = _fitted(of, by)
    everyone = of.moves.sum(axis=(0, 1, 2))
    certain = [cell.may_hold(of) & of.months_known for cell in by.cells]
    own = np.array([of.moves[0, :, past].sum(axis=(0, 1)) for past in certain])
    leant, counted = (
        np.abs(each - everyone / everyone.sum()).max() for each in (rows[0], own / own.sum(axis=1)[:, None])
    )

    assert leant < counted / 3


def test_taiwan_is_forecast_better_than_by_its_states(shared_file):
    """July from June, fitted until June: Brier of the next state .3120 by the matrix, .2983 with what is remembered."""
    panel = panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))
    june = panel.until("2005-06")
    found = remembered(june)["line"]
    *_, last = counters(june.state, june.states, 24, 12)
    moves = np.sum([june.moves(pair) for pair in june.pairs()], axis=0)
    here = june.state[:, -1]
    plain = (moves / moves.sum(axis=1, keepdims=True))[here]
    chance = plain.copy()
    for of in found.states:
        for cell, row in zip(of.cells, of.chance[0], strict=True):
            chance[(here == of.state) & cell.may_hold(last)] = row
    came = np.eye(7)[panel.state[:, -1]]

    assert names_of(found) == ["N", "T", "R", "D1", "D2", "D3"]
    assert ((plain - came) ** 2).sum(axis=1).mean() == pytest.approx(0.3120, abs=5e-5)
    assert ((chance - came) ** 2).sum(axis=1).mean() < 0.2984
    assert plain[:, 3:].sum(axis=1).mean() == pytest.approx(0.119, abs=5e-4)
    assert chance[:, 3:].sum(axis=1).mean() == pytest.approx(0.128, abs=5e-4)

"""The best of several settings: chosen as surely as is said, at a tenth of equal work, and nobody where all are one."""

from functools import cache

import numpy as np
import pytest

from simulator.decision.best import CLEAR, IMPOSSIBLE, TOGETHER, best_of_list
from simulator.decision.doubt import normals
from simulator.decision.elimination import eliminate, looks_until
from simulator.decision.feasibility import chance_all_kept, chance_kept

SPREAD = np.concatenate([[1.0], np.linspace(0.8, -3, 199)])  # the best, and 199 others


def world(seed, means, spread=1.0, shared=3.0, slack=None, is_skew=False):
    """Return an evaluator of settings with these means: luck of their own beside a larger one that all share.

    With `slack` there is a constraint that is kept by so much on average. Skew luck is a squared normal.
    """
    settings = np.arange(len(means))

    @cache
    def lived(among):
        draws = np.array(among)
        common = shared * normals("common", seed, draws)
        own = normals("own", seed, draws[:, None], settings)
        own = spread * (own**2 - 1) if is_skew else spread * own
        kept = 0.1 * normals("kept", seed, draws[:, None], settings) + 0.1 * common[:, None]
        return np.asarray(means) + own + common[:, None], kept

    def evaluate(i, among):
        value, kept = lived(among)
        columns = [value[:, i]] if slack is None else [value[:, i], slack[i] + kept[:, i]]
        return np.stack(columns, axis=1)

    return evaluate


def test_the_best_of_200_is_found_at_a_tenth_of_equal_work():
    """In each of 8 worlds the one left is the best, at less than a tenth of the work of equal replications."""
    found = [eliminate(world(seed, SPREAD), 200, most=5120) for seed in range(8)]

    assert all(one.left == [0] for one in found)
    assert np.mean([one.work / one.equal_work for one in found]) < 0.1


@pytest.mark.parametrize("is_skew", [False, True])
def test_the_best_is_not_lost(is_skew):
    """Where all others are as good as each other and little behind, the best is left in at least 95 of 100 worlds."""
    means = np.concatenate([[0.1], np.zeros(11)])
    found = [eliminate(world(seed, means, is_skew=is_skew), 12, most=160) for seed in range(100)]

    assert sum(0 in one.left for one in found) >= 95


def test_settings_that_are_equal_are_named_together():
    """Negative control: of equal settings nearly none is called the best alone; of one and the same, never."""
    found = [best_of_list(world(seed, np.zeros(20)), 20, 40) for seed in range(40)]
    same = best_of_list(world(0, np.zeros(3), spread=0.0), 3, 400)

    assert sum(one.status == CLEAR for one in found) <= 2
    assert same.status == TOGETHER and len(same.alike) == 2
    assert same.selection.looks == [20]  # no luck would tell them apart


def test_a_better_setting_that_breaks_a_constraint_loses():
    """The best of those that keep the constraint is chosen, not the one that is better and breaks it."""
    means, slack = [3.0, 2.0, 1.0], [-0.5, 0.5, 0.5]
    found = best_of_list(world(0, means, slack=slack), 3, 400)

    assert found.chosen == 1 and found.status == CLEAR
    assert found.selection.eliminated[0].constraint == 0
    assert found.selection.eliminated[2].by == 1


def test_what_breaks_a_constraint_beats_nobody():
    """A setting that is not sure to keep the constraint does not eliminate one that is worse and does."""
    selection = eliminate(world(1, [3.0, 1.0], slack=[0.0, 0.5]), 2, most=640)

    assert 1 in selection.left


def test_an_impossible_constraint_has_a_nearest_setting():
    """Where all break it, the one that breaks it least is named, whatever its objective."""
    found = best_of_list(world(0, [3.0, 2.0, 1.0], slack=[-0.9, -0.5, -0.7]), 3, 400)

    assert found.status == IMPOSSIBLE and found.chosen == 1 and not found.selection.left


def test_looks_double_to_the_end():
    """Looks are after 20, 40, 80 replications and so on, the last where it ends, in whole batches."""
    assert looks_until(20) == [20]
    assert looks_until(150) == [20, 40, 80, 160]
    assert looks_until(400) == [20, 40, 80, 160, 320, 400]


def test_chances_of_constraints():
    """The chance of one is Student's t; together they are that of the least where they move as one, else less."""
    one = normals("a", 0, np.arange(20))[:, None]
    other = normals("b", 0, np.arange(20))[:, None]
    both, apart = np.concatenate([one, one + 1e-9], axis=1), np.concatenate([one, other], axis=1)

    assert chance_all_kept(one[:, :0]) == 1
    assert chance_all_kept(one) == chance_kept(one)[0]
    assert chance_all_kept(both) == pytest.approx(chance_kept(one)[0], abs=0.01)
    correlation = np.corrcoef(apart.T)[0, 1]
    assert abs(correlation) < 0.3
    assert chance_all_kept(apart) == pytest.approx(chance_kept(apart).prod(), abs=0.08)
    assert chance_kept(np.array([[0.0], [0.0]]))[0] == 1  # exactly at the bound, whatever happens

"""An optimum in a box of settings: found where it is known, on luck that all share, and named where impossible."""

import numpy as np
from scipy.optimize import minimize

from simulator.decision.best import IMPOSSIBLE, TOGETHER, best_in_box
from simulator.decision.doubt import normals
from simulator.decision.search import best_of, search

TOP = np.array([0.7, 0.3, 0.6])  # where the objective is highest; the constraint does not allow it
HOME = np.array([0.5, 0.5, 0.5])


def objective(x):
    """Return a smooth hill that is no parabola: highest, 0, at TOP."""
    return -np.log1p((((x - TOP) * [3.0, 2.0, 1.0]) ** 2).sum()) - 0.1 * (x[0] - TOP[0]) * (x[1] - TOP[1])


def kept(x, least=0.0):
    """Return by how much x0 - x1 stays below 0.2."""
    return 0.2 - (x[0] - x[1]) - least


def world(seed, replications=20, least=0.0, first=0):
    """Return an evaluator with luck that is the same for all settings, and luck that goes along with them."""
    draws = np.arange(first, first + replications)
    level, tilt, bound, bend = (normals(name, seed, draws) for name in ("level", "tilt", "bound", "bend"))

    def evaluate(x):
        value = objective(x) + 2 * level + 0.2 * tilt * x.sum()
        return np.stack([value, kept(x, least) + 0.05 * bound + 0.02 * bend * x[2]], axis=1)

    return evaluate


def found_in(seed, least=0.0):
    """Return the best of the box of one world."""
    return best_in_box(lambda x, among: world(seed, len(among), least, among.start)(x), 3, lambda x: x, 20, [HOME])


def test_a_known_optimum_is_found():
    """In 10 worlds the setting chosen keeps the constraint in truth, within 0.06 of the best: 3 % of what there is."""
    best = -minimize(lambda x: -objective(x), HOME, constraints=[{"type": "ineq", "fun": kept}]).fun
    for seed in range(10):
        found = found_in(seed)
        x = found.points[found.chosen]

        assert kept(x) >= 0 and best - objective(x) < 0.06
        assert found.search.is_done and len(found.search.points) < 80


def test_without_constraints_the_top_is_found():
    """The objective alone leads to its top, next to it on each axis."""
    found = search(lambda x: world(0)(x)[:, :1], 3, lambda x: x)

    # Luck tilts the hill; all settings have the same, so where the top lies under it is known.
    tilt = 0.2 * normals("tilt", 0, np.arange(20)).mean()
    top = minimize(lambda x: -objective(x) - tilt * x.sum(), TOP).x
    assert np.abs(found.points[best_of(found.values, found.scale)] - top).max() < 0.02


def test_an_impossible_constraint_is_named_with_the_nearest_setting():
    """Nowhere is x0 - x1 below -2.8: the corner in which it is least is nearest."""
    found = found_in(0, least=3.0)

    assert found.status == IMPOSSIBLE
    assert found.points[found.chosen][:2].tolist() == [0, 1]


def test_a_flat_objective_has_no_best():
    """Negative control: where nothing changes anything, nothing is called the best alone."""
    flat = best_in_box(lambda x, among: np.ones((len(among), 1)), 2, lambda x: x, 20)

    assert flat.status == TOGETHER and len(flat.alike) == len(flat.points) - 1


def test_what_is_not_allowed_is_gone_around():
    """Settings that are refused are left out; the best of the others is found. None where all are refused."""
    half = best_in_box(lambda x, among: -np.abs(x - 0.4).sum() * np.ones((20, 1)) if x[0] > 0.5 else None, 1, snap, 20)

    assert half.points[half.chosen][0] == 0.51
    assert best_in_box(lambda x, among: None, 1, snap, 20) is None


def snap(points):
    """Return points on a grid of hundredths."""
    return points.round(2)

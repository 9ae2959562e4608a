"""Which setting is best under constraints, and which cannot be told apart from it: of a list, or of a box."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from simulator.decision.elimination import OBJECTIVE, SURE, Selection, eliminate
from simulator.decision.elimination import Evaluate as EvaluateNumber
from simulator.decision.feasibility import chance_all_kept
from simulator.decision.search import Search, Snap, search, shortfall

COMPARED = 10  # settings of a search that are compared on fresh replications
APART = 0.05  # of the box: so far at least do they lie from each other, so that they are not one in all but name
TIMES = 4  # the replications of a search: as many at most do settings live while they are compared
DOUBTFUL = 1 - SURE  # chance to keep all constraints, below which a setting is said to break them
CLEAR, TOGETHER, DOUBTFULLY, IMPOSSIBLE = "best", "not told apart", "doubtful", "impossible"
UNMOVED = "not moved"  # no setting differs from the file's own in anything that is looked at

EvaluatePoint = Callable[[np.ndarray, range], np.ndarray | None]  # as of a search, in some replications


class Best(NamedTuple):
    """The setting that is chosen among those compared, and how sure that is."""

    chosen: int
    alike: tuple[int, ...]  # that may be as good and may keep the constraints, the highest objective first
    status: str
    selection: Selection  # of the settings compared
    points: np.ndarray  # float64[setting, axis]: those of a search; of a list none
    search: Search | None


def best_of_list(evaluate: EvaluateNumber, count: int, replications: int) -> Best:
    """Return the best of `count` settings, compared on at most TIMES `replications`."""
    selection = eliminate(evaluate, count, TIMES * replications)
    chosen, alike, status = _chosen(selection)
    return Best(chosen, alike, status, selection, np.zeros((count, 0)), None)


def best_in_box(
    evaluate: EvaluatePoint, axes: int, snap: Snap, replications: int, start: Sequence[np.ndarray] = ()
) -> Best | None:
    """Return the best of a box: looked for on the first `replications`, compared on others.

    None if no setting is allowed.
    """
    found = search(lambda point: evaluate(point, range(replications)), axes, snap, start)
    if found is None:
        return None
    points = found.points[_candidates(found)]

    def lived(k, among):
        values = evaluate(points[k], among)
        assert values is not None  # it has been lived before
        return values

    selection = eliminate(lived, len(points), TIMES * replications, first=replications)
    chosen, alike, status = _chosen(selection)
    return Best(chosen, alike, status, selection, points, found)


def _candidates(found):
    """Return the settings of a search that are worth comparing: the best by what it saw, apart from each other."""
    short = shortfall(found.margins, found.scale)
    order = np.lexsort((-found.values[:, :, OBJECTIVE].mean(axis=1), short))
    taken = [int(order[0]), *(k for k in found.inside if k != order[0])]
    for k in order:
        if len(taken) >= COMPARED:
            break
        if k not in taken and all(np.abs(found.points[k] - found.points[other]).max() >= APART for other in taken):
            taken.append(int(k))
    return taken


def _chosen(selection):
    """Return (chosen, alike, status): the highest objective of those left that surely keep all constraints.

    Where none does so surely it is the one that most likely does; where all break one, the one that does so least.
    """
    values = selection.values
    chance = np.array([chance_all_kept(one[:, 1:]) for one in values])
    height = np.array([one[:, OBJECTIVE].mean() for one in values])
    left = np.array(selection.left, dtype=int)
    sure = left[chance[left] >= SURE]
    if len(sure):
        chosen = int(sure[height[sure].argmax()])
        alike = [int(k) for k in left if k != chosen and chance[k] >= DOUBTFUL]
        return chosen, tuple(sorted(alike, key=lambda k: -height[k])), TOGETHER if alike else CLEAR
    if chance.max() >= DOUBTFUL:
        return int(chance.argmax()), (), DOUBTFULLY
    shared = min(map(len, values))  # who was beaten early has lived fewer
    kept = np.stack([one[:shared, 1:].mean(axis=0) for one in values])
    spread = np.ptp(kept, axis=0)
    short = shortfall(kept, np.where(spread > 0, spread, 1.0))
    return int(np.lexsort((-height, short))[0]), (), IMPOSSIBLE

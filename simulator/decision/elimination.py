"""The best of several settings at little work: all live the same replications, and who is beaten lives no more.

At looks after 20, 40, 80, ... replications a setting is eliminated where another, sure to be allowed, is better by a
paired t test, or where it is sure to break a constraint. The chance to lose the best is spent evenly over looks,
rivals and constraints (Bonferroni), so it is at most 1 - `sure`, whatever the settings have in common. The idea is that
of S.-H. Kim and B. L. Nelson, A fully sequential procedure for indifference-zone selection in simulation, ACM
Transactions on Modeling and Computer Simulation 11 (2001); tests at doubling looks take the place of their line, since
how far the settings lie apart is not known.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from simulator.analysis.estimates import less
from simulator.decision.feasibility import chance_kept, mean_and_error
from simulator.model.layout import SUMS_PER_BATCH

SURE = 0.95  # of what is said for sure: that the best was not eliminated, that a constraint holds
OBJECTIVE = 0  # column of the values; those after it are by how much each constraint is kept, below 0 broken

# Values of a setting: its number, and which replications -> float64[replication, column], the objective to be maximised
Evaluate = Callable[[int, range], np.ndarray]


class Eliminated(NamedTuple):
    """Why a setting was given up: at which look, and for a better one or for a constraint."""

    replications: int
    by: int | None  # the setting that is better
    constraint: int | None  # the one that is broken, from 0


class Selection(NamedTuple):
    """What is left of several settings, and what was lived to know it."""

    values: list[np.ndarray]  # of each setting: float64[replication, column], as many as it lived
    left: list[int]  # not eliminated: with `sure` the best allowed one is among them
    eliminated: dict[int, Eliminated]
    looks: list[int]
    work: int  # replications of all settings together

    @property
    def equal_work(self) -> int:
        """Replications if all settings had lived as many as the last one left."""
        return len(self.values) * self.looks[-1]


def looks_until(most: int) -> list[int]:
    """Return after how many replications is looked: 20, 40, 80 and so on, at last after `most` or a little more."""
    found = [SUMS_PER_BATCH]
    while found[-1] < most:
        found.append(min(2 * found[-1], -(-most // SUMS_PER_BATCH) * SUMS_PER_BATCH))
    return found


def eliminate(evaluate: Evaluate, count: int, most: int, first: int = 0, sure: float = SURE) -> Selection:
    """Return who is left of `count` settings after at most `most` replications, counted from number `first` on.

    It ends before where one is left, or where all that are left were the same in every replication.
    """
    looks = looks_until(most)
    values: list[np.ndarray] = [np.empty((0, 0))] * count
    left = list(range(count))
    eliminated: dict[int, Eliminated] = {}
    work = done = 0
    for done, now in pairwise([0, *looks]):
        for i in left:
            new = evaluate(i, range(first + done, first + now))
            values[i] = np.concatenate([values[i], new]) if done else new
            work += len(new)
        chance = (1 - sure) / len(looks)
        lost = _lost(np.stack([values[i] for i in left]), chance, count)
        eliminated |= {
            left[k]: Eliminated(now, None if by is None else left[by], constraint)
            for k, (by, constraint) in lost.items()
        }
        left = [i for k, i in enumerate(left) if k not in lost]
        done = now
        if len(left) < 2 or _are_one([values[i] for i in left]):
            break
    return Selection(values, left, eliminated, [look for look in looks if look <= done], work)


def _lost(values, chance, count):
    """Return {setting: (by whom, which constraint)} of those that a look eliminates; values[setting, replication, :].

    Half of the chance goes to constraints: that the best seems to break one, or a setting that breaks one seems to keep
    all. The other half goes to rivals that seem better.
    """
    constraints, n = values.shape[2] - 1, values.shape[1]
    for_rivals = chance
    lost: dict[int, tuple[int | None, int | None]] = {}
    is_kept = np.ones(len(values), dtype=bool)
    if constraints:
        for_rivals = chance / 2
        kept = chance_kept(np.moveaxis(values[:, :, 1:], 1, 0))
        level = chance / 2 / (count + constraints - 1)
        is_kept = (kept >= 1 - level).all(axis=1)
        worst = kept.argmin(axis=1)
        lost = {int(k): (None, int(worst[k])) for k in np.flatnonzero(kept.min(axis=1) <= level)}
    objective = values[:, :, OBJECTIVE]
    mean = objective.mean(axis=1)
    needed = -float(stdtrit(n - 1, for_rivals / max(count - 1, 1)))
    for j in np.flatnonzero(is_kept):
        rivals = np.flatnonzero(mean < mean[j])
        ahead, error = mean_and_error(less(objective[j], objective[rivals]).T)
        for k in rivals[(ahead > needed * error) & (ahead > 0)]:
            by, constraint = lost.get(int(k), (None, None))
            if constraint is None and (by is None or mean[by] < mean[j]):
                lost[int(k)] = (int(j), None)
    return lost


def _are_one(values):
    """Return whether settings had the same objective and constraints in every replication."""
    return all(np.array_equal(one, values[0]) for one in values[1:])

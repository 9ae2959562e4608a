"""What a search for the best setting found, in numbers: each setting as it was seen in each stage."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.estimates import Difference, Estimate, less, mean, paired
from simulator.analysis.ledger import RunFrame
from simulator.analysis.measures import MEASURES
from simulator.decision.aims import Aims
from simulator.decision.best import IMPOSSIBLE
from simulator.decision.elimination import OBJECTIVE
from simulator.decision.feasibility import chance_all_kept, chance_kept
from simulator.decision.settings import Setting

SEARCH, COMPARISON, AGAIN = "search", "comparison", "again"  # the stage in which a setting was seen


class Numbers(NamedTuple):
    """The setting that was chosen, and every setting that was lived."""

    aims: Aims
    frame: RunFrame
    lender: str
    file: Mapping[str, Any]  # values of the keys that are varied, as the file has them
    units: Mapping[str, str]
    chosen: Setting
    alike: tuple[Setting, ...]  # not told apart from it
    compared: int  # settings
    status: str  # of simulator.decision.best
    seen: Mapping[str, Mapping[Setting, np.ndarray]]  # by stage: float64[replication, measure]
    home: Mapping[str, np.ndarray]  # of the file's own setting, in the replications of each stage

    @property
    def moved(self) -> np.ndarray:
        """bool[measure]: whether any setting differs from the file's own in it."""
        return moved(self.seen, self.home)

    @property
    def first(self) -> str:
        """The stage under which all settings were seen first."""
        return SEARCH if SEARCH in self.seen else COMPARISON

    def values(self, setting: Setting) -> dict[str, Any]:
        """Return the values of a setting by key."""
        return dict(self.file) | dict(setting)

    def unit(self, measure: str) -> str:
        """Return the unit of a measure in this run."""
        return MEASURES[measure].unit_in(self.frame)

    def estimate(self, setting: Setting, stage: str, column: int = OBJECTIVE) -> Estimate:
        """Return a measure of a setting, as it was seen in a stage."""
        return Estimate(*(float(x) for x in mean(self.seen[stage][setting][:, column])))

    def gain(self, setting: Setting, stage: str) -> Difference:
        """Return the objective of a setting less that of the file's own, replication by replication."""
        samples = self.seen[stage][setting][:, OBJECTIVE]
        return paired(samples, self.home[stage][: len(samples), OBJECTIVE])

    def ahead(self, other: Setting) -> Difference:
        """Return the objective of the chosen setting less that of another one, as they were compared."""
        mine, theirs = (self.seen[COMPARISON][one][:, OBJECTIVE] for one in (self.chosen, other))
        shared = min(len(mine), len(theirs))
        return paired(mine[:shared], theirs[:shared])

    def slack(self, setting: Setting, stage: str) -> np.ndarray:
        """Return float64[replication, constraint]: by how much a setting keeps each constraint."""
        return self.aims.columns(self.seen[stage][setting])[:, 1:]

    def chances(self, setting: Setting, stage: str) -> list[float]:
        """Return the chance that a setting keeps each constraint."""
        return [float(x) for x in chance_kept(self.slack(setting, stage))]

    def chance(self, setting: Setting, stage: str) -> float:
        """Return the chance that a setting keeps all constraints; 1 without any."""
        return chance_all_kept(self.slack(setting, stage))

    def nearest(self, constraint: int) -> tuple[Setting, str]:
        """Return the setting that keeps one constraint best, and the stage in which it was seen.

        Where all break the only one that there is, that is the one that was chosen for it.
        """
        if self.status == IMPOSSIBLE and len(self.aims.constraints) == 1:
            return self.chosen, COMPARISON
        seen = [(setting, stage) for stage in (COMPARISON, SEARCH) for setting in self.seen.get(stage, ())]
        return max(seen, key=lambda one: (self.slack(*one)[:, constraint].mean(), one[0] == self.chosen))

    def frontier(self, constraint: int) -> list[Setting]:
        """Return the settings that no other beats in both objective and one constraint's measure, the others kept.

        As the first stage saw them, by the constraint's measure.
        """
        means = {one: self.aims.columns(x).mean(axis=0) for one, x in self.seen[self.first].items()}
        others = [k for k in range(1, len(self.aims.measures)) if k != constraint + 1]
        kept = {one: x for one, x in means.items() if all(x[k] >= 0 for k in others)}
        found: list[Setting] = []
        for one, x in sorted(kept.items(), key=lambda item: (-item[1][constraint + 1], -item[1][OBJECTIVE])):
            if not found or less(x[OBJECTIVE], kept[found[-1]][OBJECTIVE]) > 0:
                found.append(one)
        return found


def moved(seen: Mapping[str, Mapping[Setting, np.ndarray]], home: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return bool[measure]: whether any setting of any stage differs from the file's own in it, in any replication."""
    apart = [one != home[stage][: len(one)] for stage, settings in seen.items() for one in settings.values()]
    return np.any([one.any(axis=0) for one in apart], axis=0)

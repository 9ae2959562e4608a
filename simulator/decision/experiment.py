"""A scenario lived anywhere in its settings, under the same people and random numbers: what every question asks."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.decision.assumptions import at_key
from simulator.model.errors import Problem, UserError, check_names
from simulator.model.observer import SILENT, Observer
from simulator.run import BASELINE, run
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.scenario.toml_text import tables_of

VARIANT = "variant"  # first part of a key that moves one variant alone
Point = Mapping[str, Any]  # values by key


class Experiment:
    """The lenders of a scenario at any point of its settings.

    A point says which keys have other values than the file's. A key of the baseline moves every lender but those
    variants that set it themselves; `variant.NAME.key` moves that variant alone. Replications have addresses: whatever
    the point, replication 7 has the same people and chances, so differences between points are paired.
    """

    def __init__(
        self,
        scenario: Scenario,
        lenders: Collection[str] | None = None,
        threads: int | None = None,
        observer: Observer = SILENT,
    ):
        """Take the variants to be lived beside the baseline, all if None. Raise UserError if there is no such one."""
        self.scenario, self.threads, self.observer = scenario, threads, observer
        if lenders is not None:
            check_names("variant", lenders, [BASELINE, *scenario.variants])
        wanted = scenario.variants if lenders is None else lenders
        self.lenders = [BASELINE, *(name for name in scenario.variants if name in wanted)]
        self._tables = tables_of(scenario.text(), str(scenario.path))

    def scenario_at(self, point: Point) -> Scenario:
        """Return the scenario at a point; UserError if a value, or what it makes of others, is not allowed."""
        if not point:
            return self.scenario
        return load_scenario(self._tables, point, allow_code=self.scenario.has_code)

    def at(self, point: Point, among: range | None = None) -> Comparison:
        """Return the comparison at a point, of the replications `among` (the scenario's if None).

        They are counted from a multiple of SUMS_PER_BATCH on. Raises UserError where the point is not allowed.
        """
        moved = self.scenario_at(point)
        variants = {name: moved.variants[name] for name in self.lenders[1:]}
        return run(moved, variants, True, self.threads, SILENT, among=among, swap_sets=False).comparison

    def values(self, measure: str, point: Point, among: range | None = None) -> np.ndarray:
        """Return float64[replication, lender]: a measure of the whole run at a point."""
        comparison = self.at(point, among)
        return np.stack([comparison.samples(name, measure) for name in self.lenders], axis=1)

    def value_at(self, key: str) -> Any:
        """Return what the file has at a key; UserError if there is no such key."""
        settings, _, own = self._settings_of(key)
        try:
            return at_key(settings, own)
        except (AttributeError, KeyError, TypeError):
            found = "no such key"
            allowed = "a key as `simulator parameters` lists them"
            raise UserError(Problem(str(self.scenario.path), key, found, allowed)) from None

    def unit_of(self, key: str) -> str:
        """Return the unit of the number at a key, empty where the file says none."""
        _, provenance, own = self._settings_of(key)
        return provenance[own].unit if own in provenance else ""

    def _settings_of(self, key):
        """Return the settings that a key is of, where their values come from, and the key within them."""
        first, _, rest = key.partition(".")
        name, _, own = rest.partition(".")
        if first == VARIANT and name in self.scenario.variants:
            return self.scenario.variants[name], self.scenario.variant_provenance[name], own
        return self.scenario.baseline, self.scenario.provenance, key

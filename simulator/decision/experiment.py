"""A scenario lived anywhere in its settings, under the same people and random numbers: what every question asks."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.analysis.ledger import Ledger
from simulator.analysis.measures import MEASURES
from simulator.analysis.score_power import resolved
from simulator.decision.assumptions import at_key
from simulator.engine import engine
from simulator.engine.accumulators import by_flow
from simulator.engine.pilot import LOWERED, needs_of
from simulator.lowering.lower import Lowered, lower
from simulator.model.errors import Problem, UserError, check_names
from simulator.model.observer import SILENT, Observer
from simulator.model.tables import Sums
from simulator.model.values import Provenance
from simulator.run import check_room, frame_of, read_book, settled
from simulator.scenario.reader import rewritten
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.shards.worlds import replications_among, settlement_of, transfers_of
from simulator.system.machine import threads_of
from simulator.system.needs import announce, check_memory

KEPT = 2  # ranges of replications whose sums where nothing is moved are kept: each is as large as a comparison
VARIANT = "variant"  # first part of a key that moves one variant alone
Point = Mapping[str, Any]  # values by key


class _Lived(NamedTuple):
    """What a lender has lived in each future: the world, and what it added up to."""

    worlds: tuple[Lowered, ...]
    sums: tuple[Sums, ...]


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
        if scenario.worlds:
            observer.note(scenario.worlds_left_out)
        self.scenario, self.threads, self.observer = scenario.as_written, threads, observer
        if lenders is not None:
            check_names("variant", lenders, [BASELINE, *scenario.variants])
        wanted = scenario.variants if lenders is None else lenders
        self.lenders = [BASELINE, *(name for name in scenario.variants if name in wanted)]
        self._written = rewritten(self.scenario)
        self._kept: dict[range, dict[str, _Lived]] = {}
        self._lock = RLock()

    def scenario_at(self, point: Point) -> Scenario:
        """Return the scenario at a point; UserError if a value, or what it makes of others, is not allowed."""
        return self._written.at(point) if point else self.scenario

    def at(
        self,
        point: Point,
        among: range | None = None,
        lenders: Collection[str] | None = None,
        threads: int | None = None,
        measures: Collection[str] | None = None,
    ) -> Comparison:
        """Return the comparison at a point, of the replications `among` (the scenario's if None).

        They are counted from a multiple of SUMS_PER_BATCH on. `lenders` are those compared, all if None; without the
        baseline each has provided for the opening book itself. Where what is moved changes nothing of what a lender
        lives, as a price that is only settled, what has been lived at no moved key is settled anew. `measures` are
        those that will be asked for, any if None: the run-on is lived only for measures of it. Raises UserError where
        the point is not allowed.
        """
        moved, threads = self.scenario_at(point), threads_of(threads or self.threads)
        among = among or range(moved.baseline.replications)
        chosen = [name for name in self.lenders if lenders is None or name in lenders]
        settings = {name: moved.variants.get(name, moved.baseline) for name in chosen}
        asked = measures is None or any(MEASURES[name].run_on for name in measures)
        goes_on = bool(asked and moved.baseline.run_on_months)
        futures = (False, True) if goes_on else (False,)
        settings, _ = resolved(moved, settings, threads, SILENT)
        home = self._home(among, chosen, threads, goes_on) if point else self._kept.get(among, {})
        lived: dict[str, _Lived] = {}
        for name in chosen:
            worlds = tuple(
                replications_among(lower(settings[name], self._tape, True, run_on), among) for run_on in futures
            )
            known = [one for one in (home.get(name), lived.get(BASELINE)) if one]
            lived[name] = _Lived(worlds, tuple(_sums_of(k, world, known, threads) for k, world in enumerate(worlds)))
        if not point:
            self._keep(among, lived)
        terms = {name: tuple(map(transfers_of, one.worlds)) for name, one in lived.items()}
        ledgers: list[Ledger] = []
        for name, one in lived.items():
            frame = replace(frame_of(moved, one.worlds[0], True), transfers=any(chain(*terms.values())))
            frame = frame if goes_on else replace(frame, run_on_months=0)
            first = ledgers[0] if ledgers and chosen[0] == BASELINE else None
            ledgers.append(settled(name, one.sums, frame, settlement_of(settings[name]), terms[name], first))
        against = {name: other for name, other in moved.against.items() if {name, other} <= {*chosen}}
        return Comparison(ledgers, cautions=moved.cautions, against=against)

    def announce(
        self, lives: float, observer: Observer, lenders: Collection[str] | None = None, points: float | None = None
    ) -> None:
        """Say what so many lives take, of `lenders` (all if None), before the first; UserError beyond the machine.

        A life is that of all lenders in all replications of the scenario; of fewer it is less than one. `points` are
        how often lenders are lowered and settled, as often as there are lives if None.
        """
        base, threads = self.scenario.baseline, threads_of(self.threads)
        settings = {name: self.scenario.variants.get(name, base) for name in lenders or self.lenders}
        check_room(settings.values(), True, (False, True) if base.run_on_months else (False,))
        settings, _ = resolved(self.scenario, settings, threads, SILENT)
        futures = (False, True) if base.run_on_months else (False,)
        worlds = [lower(one, self._tape, True, run_on) for one in settings.values() for run_on in futures]
        held = (KEPT + 1) * sum(engine.bytes_needed(world, 0) for world in worlds)
        memory = held + max(engine.bytes_needed(world, threads) - engine.bytes_needed(world, 0) for world in worlds)
        check_memory("the results", memory)
        least = (lives if points is None else points) * LOWERED * len(worlds)
        announce(lambda: needs_of(worlds, threads, memory, lives, least), observer)

    def values(
        self,
        measure: str,
        point: Point,
        among: range | None = None,
        lenders: Collection[str] | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return float64[replication, lender]: a measure of the whole run at a point; the others as in `at`."""
        return self.several([measure], point, among, lenders, threads)[0]

    def several(
        self,
        measures: Sequence[str],
        point: Point,
        among: range | None = None,
        lenders: Collection[str] | None = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """Return float64[measure, replication, lender]: measures of one life at a point; the others as in `at`."""
        comparison = self.at(point, among, lenders, threads, measures)
        every = [[comparison.samples(name, measure) for name in comparison.ledgers] for measure in measures]
        return np.swapaxes(np.array(every), 1, 2)

    @cached_property
    def _tape(self):
        """The tape that the book starts from, if it does: no point moves it."""
        book = read_book(self.scenario)
        return book and book.tape

    def _home(self, among: range, lenders: list[str], threads: int, goes_on: bool) -> "dict[str, _Lived]":
        """Return what lenders have lived at no moved key, with the run-on if it `goes_on`; lived now, if not before."""
        with self._lock:
            kept = self._kept.get(among, {})
            missing = [name for name in lenders if name not in kept or len(kept[name].sums) < 1 + goes_on]
            if missing:
                self.at({}, among, missing, threads, None if goes_on else ())
            return self._kept[among]

    def _keep(self, among: range, lived: "dict[str, _Lived]") -> None:
        """Keep what was lived at no moved key, of the last KEPT ranges of replications."""
        with self._lock:
            kept = self._kept.pop(among, {})
            longer = {
                name: one._replace(sums=tuple(map(by_flow, one.sums)))  # settled anew at every price
                for name, one in lived.items()
                if name not in kept or len(one.sums) > len(kept[name].sums)
            }
            self._kept[among] = kept | longer
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]

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
        return self.about(key).unit

    def about(self, key: str) -> Provenance:
        """Return what the file says of the value at a key."""
        _, provenance, own = self._settings_of(key)
        return provenance.get(own, Provenance())

    def holder(self, key: str) -> tuple[Any, str]:
        """Return the settings that a key is of, and the key within them."""
        settings, _, own = self._settings_of(key)
        return settings, own

    def _settings_of(self, key):
        """Return the settings that a key is of, where their values come from, and the key within them."""
        first, _, rest = key.partition(".")
        name, _, own = rest.partition(".")
        if first == VARIANT and name in self.scenario.variants:
            return self.scenario.variants[name], self.scenario.variant_provenance[name], own
        return self.scenario.baseline, self.scenario.provenance, key


def _sums_of(future: int, world: Lowered, known: list[_Lived], threads: int) -> Sums:
    """Return the sums of a world: those of one that is the same to the last integer, if any is known; else lived."""
    for one in known:
        if future < len(one.sums) and engine.gives_same(one.worlds[future], world):
            return one.sums[future]
    return engine.run(world, threads)

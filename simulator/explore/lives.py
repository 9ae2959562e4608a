"""A lender lived step by step: a part of the book first, all of it last, in as many replications at every step.

Each unit of work is one replication of one part of the borrowers, a pure function of the setting and its two numbers.
Sums of whole numbers do not care in which order they are added, so what all units add up to is what a run gives. Until
then amounts are those of the parts that have been lived, over the share of the book that they are: each part has its
share of every segment and month of entry, so it is a small book of the same make.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from math import floor
from threading import Lock
from typing import NamedTuple

import numpy as np

from simulator.analysis.ledger import RunFrame
from simulator.analysis.measures import MEASURES, answer, shown_in
from simulator.analysis.measures.registry import FLOW, STOCK
from simulator.analysis.measures.tables import BAD_DEBT
from simulator.engine import engine
from simulator.engine.accumulators import flows_alone
from simulator.lowering.lower import Lowered, lower
from simulator.model.layout import K_COUNT, K_ENTRY, K_FIRST, K_SEGMENT, LANES
from simulator.model.tables import Sums
from simulator.run import frame_of, settled
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Settings
from simulator.shards.worlds import settlement_of, transfers_of

REPLICATIONS = 16
OF_WHOLE = (2, 4, 8, REPLICATIONS)  # replications at the steps of a book that cannot be lived in parts
FIRST = 250_000  # borrower-months of one replication of the first part at most: it is there before one notices
UNIT = 800_000  # borrower-months up to which replications of a part go together: beginning takes time each time
FEWEST = 500  # borrowers of the first part at least, if there are as many
GROWS = 2  # times as much of the book at the next step
MOST = 16  # such steps
LEAST = 128  # borrowers of a month of entry who are dealt out together
PATH = "dpd30_share_balance"


class Stopped(Exception):
    """A unit was given up before its end, as nobody waits for it any more."""


class Step(NamedTuple):
    """How far a setting has been lived: so many replications of the first `parts` of the book, `share` of all of it."""

    replications: int
    parts: int
    share: float

    @property
    def is_last(self) -> bool:
        """Whether there is nothing left to live."""
        return self.share == 1 and self.replications == REPLICATIONS


class Unit(NamedTuple):
    """Work that one thread does: the replications `first` to `last` - 1 of a part of the book."""

    first: int
    last: int
    part: int


class Samples(NamedTuple):
    """What a lender has come to at a step, replication by replication, amounts in the currency."""

    measures: dict[str, np.ndarray]  # float64[replication]
    path: np.ndarray  # float64[replication, month of lending]
    causes: dict[str, np.ndarray]  # float64[replication], net loss by the cause of what was overdue


class Life:
    """One lender in one world for so many months."""

    def __init__(self, scenario: Scenario, settings: Settings, tape, is_divisible: bool = True):
        """Take the lender's settings; the book is lived in parts where it `is_divisible` and that makes no difference.

        It does where policies read last month's book or others bear a share of the loss, which are of the whole book;
        and parts of a tape are no samples.
        """
        self.world = lower(settings, tape, run_off=True)
        self._settlement = settlement_of(settings)
        self._terms = transfers_of(self.world)
        whole = self.world._replace(replications=REPLICATIONS)
        frame = frame_of(scenario, whole, True)
        self.frame = replace(frame, run_on_months=0, transfers=bool(self._terms))
        drawn = settings.redraw_people and tape is None and not self.world.readers and not self._terms
        shares = _shares(self.world) if is_divisible and drawn else (1.0,)
        self._parts = _dealt(self.world.tiles, shares)
        self._people = np.cumsum([_people(tiles) for tiles in self._parts])
        opening = np.cumsum([_people(tiles[tiles[:, K_ENTRY] == 0]) for tiles in self._parts])
        self._opening = opening if opening[-1] else self._people
        self._flows: np.ndarray | None = None
        work = [engine.borrower_months(self.world._replace(replications=1, tiles=tiles)) for tiles in self._parts]
        self.steps = _steps(shares)
        self._units = _units(self.steps, work)
        self._work = {unit: (unit.last - unit.first) * work[unit.part] for own in self._units.values() for unit in own}
        self._done: set[Unit] = set()
        self._samples: dict[Step, Samples] = {}
        self._lock = Lock()

    @property
    def is_whole(self) -> bool:
        """Whether the book is lived whole, not part by part."""
        return len(self._parts) == 1

    def missing(self, step: Step) -> list[Unit]:
        """Return the units that have to be lived to be at a step."""
        if step in self._samples:
            return []
        before = self.steps[: self.steps.index(step) + 1]
        return [unit for one in before for unit in self._units[one] if unit not in self._done]

    def borrowers(self, step: Step) -> int:
        """Return how many borrowers of the opening book have been lived at a step; of a book without any, of all."""
        return int(self._opening[step.parts - 1])

    @property
    def left(self) -> int:
        """The work that is left to be done, in borrower-months."""
        unlived = set() if self.steps[-1] in self._samples else self._work.keys() - self._done
        return sum(self._work[unit] for unit in unlived)

    def live(self, unit: Unit, is_wanted: Callable[[], bool]) -> None:
        """Live a unit, on this thread; raise Stopped where it is no longer wanted, as if it had not begun."""

        def told(done):
            if not is_wanted():
                raise Stopped

        first, last, part = unit
        world = self.world._replace(first=first, replications=last - first, tiles=self._parts[part])
        flows = engine.run(world, 1, told).flows
        with self._lock:
            if self._flows is None:
                self._flows = np.zeros((REPLICATIONS, *flows.shape[1:]), flows.dtype)
            if unit not in self._done:
                self._flows[first:last] += flows
                self._done.add(unit)

    def forget(self) -> None:
        """Let go of all that is large; the life cannot be lived on."""
        self._flows, self._parts = None, []
        self._samples.clear()

    def at(self, step: Step) -> Samples:
        """Return what the lender has come to at a step, all units of which have been lived."""
        if step not in self._samples:
            assert self._flows is not None
            n = step.replications
            empty = np.zeros((0,), np.int64)
            sums = flows_alone(Sums(self._flows[:n], empty, empty, empty))
            frame = replace(self.frame, replications=n)
            ledger = settled("", [sums], frame, self._settlement, [self._terms], None)
            scale = self._people[-1] / self._people[step.parts - 1]

            def samples(name):
                return MEASURES[name](ledger) * (scale if MEASURES[name].kind in (STOCK, FLOW) else 1.0)

            names = {name for transfers in (False, True) for name in shown(replace(frame, transfers=transfers))}
            path = MEASURES[PATH](ledger, by_month=True)[:, : frame.months]
            causes = {name: samples(name) for name in shown_in(BAD_DEBT)}
            self._samples[step] = Samples({name: samples(name) for name in names}, path, causes)
            if step.is_last:
                self._flows = None
        return self._samples[step]


def shown(frame: RunFrame) -> list[str]:
    """Return the measures of a frame that are shown, without those of the run-on."""
    return [name for name in answer(frame) if not MEASURES[name].run_on and not MEASURES[name].unstated(frame)]


def _shares(world: Lowered) -> tuple[float, ...]:
    """Return the shares of the book at the steps: a small one first where it is large."""
    work, people, steps = engine.borrower_months(world._replace(replications=1)), _people(world.tiles), 0
    while work > GROWS**steps * FIRST and people >= GROWS ** (steps + 1) * FEWEST and steps < MOST:
        steps += 1
    return tuple(1 / GROWS**k for k in range(steps, -1, -1))


def _steps(shares: tuple[float, ...]) -> tuple[Step, ...]:
    """Return the steps of a book: all replications of growing shares of it, or more and more of one that is whole."""
    if len(shares) > 1:
        return tuple(Step(REPLICATIONS, k, share) for k, share in enumerate(shares, 1))
    return tuple(Step(n, 1, 1.0) for n in OF_WHOLE)


def _units(steps: tuple[Step, ...], work: list[int]) -> dict[Step, list[Unit]]:
    """Return what each step adds to the one before it.

    As many replications of a part together as are no more than UNIT, so that a newer question has not long to wait; of
    a book that is lived whole half of what is added to each of two threads, as its policies may read the book.
    """
    found, lived = {}, 0
    for step in steps:
        if len(work) > 1:
            lived, at_once = 0, max(k for k in (1, 2, 4) if k == 1 or k * work[step.parts - 1] <= UNIT)
        else:
            at_once = max(1, (step.replications - lived) // 2)
        starts = range(lived, step.replications, at_once)
        found[step] = [Unit(first, first + at_once, step.parts - 1) for first in starts]
        lived = step.replications
    return found


def _dealt(tiles: np.ndarray, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Return the tiles of each part: by its end every segment has been dealt out up to its share of the book.

    Of those who apply too, but LEAST of a month at a time: so many take hardly longer than one.
    """
    if shares == (1.0,):
        return [tiles]
    return _dealt_out(tiles.tobytes(), str(tiles.dtype), tiles.shape, shares)


@lru_cache(2)
def _dealt_out(content: bytes, dtype: str, shape: tuple[int, ...], shares: tuple[float, ...]) -> list[np.ndarray]:
    """Return the same of tiles of this content: those of a scenario are the same wherever its policies are moved."""
    tiles = np.frombuffer(content, dtype).reshape(shape)
    groups = [(first, _people(own)) for first, own in _groups(tiles)]
    dealt = [0] * len(groups)
    parts = []
    for share in shares:
        part: list[np.ndarray] = []
        segment, people, given = -1, 0, 0  # of the segment, by the end of this part
        for k, (first, count) in enumerate(groups):
            if first[K_SEGMENT] != segment:
                segment, people, given = first[K_SEGMENT], 0, 0
            people += count
            owed = floor(people * share) - given - dealt[k]
            end = count if share == 1 else dealt[k] + min(owed, count - dealt[k]) if owed >= LEAST else dealt[k]
            part += [_tile(first, at, min(LANES, end - at)) for at in range(dealt[k], end, LANES)]
            given, dealt[k] = given + end, end
        parts.append(np.array(part).reshape(-1, shape[1]))
    return parts


def _groups(tiles: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (first tile, all tiles) of each segment and month of entry."""
    for group in np.unique(tiles[:, [K_SEGMENT, K_ENTRY]], axis=0):
        own = tiles[(tiles[:, [K_SEGMENT, K_ENTRY]] == group).all(axis=1)]
        yield own[0], own


def _people(tiles: np.ndarray) -> int:
    return int(tiles[:, K_COUNT].sum())


def _tile(like: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return a tile of the segment and entry of another, of so many borrowers from `first` on."""
    tile = like.copy()
    tile[[K_FIRST, K_COUNT]] = first, count
    return tile

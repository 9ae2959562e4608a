"""A shard: some replications of some worlds, of a block of their borrowers; its sums are a function of its address."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from simulator.engine import engine
from simulator.engine.accumulators import batches_of
from simulator.lowering.lower import Lowered
from simulator.model.layout import K_COUNT, K_ENTRY
from simulator.model.tables import Sums
from simulator.shards.worlds import OWN, TAKEN_ALONE, TAKEN_BY_OTHER, Address, Drawing, Futures, Worlds, settlement_of

WORK = 100_000_000  # borrower-months of a shard: a second or two; what a kill loses of each thread is at most one
OF_A_TILE = 100  # borrowers whose month costs as much as a tile's own, however few it has
READING = 3  # times as much work is a borrower-month where a policy reads last month's book
Progress = Callable[[str, int], None]  # is told of whom, and how many borrower-months are through


@dataclass(frozen=True)
class Shard:
    """An address: whose lives, which replications, which part of the borrowers."""

    lenders: tuple[Address, ...]  # each in all its futures
    first: int  # replication
    end: int  # the one after the last
    part: int = 0  # this one of so many `parts` of the tiles
    parts: int = 1

    def of(self, replications: int) -> range:
        """Return the numbers of its replications in a world of so many."""
        return range(self.first, min(self.end, replications))

    @property
    def named(self) -> str:
        """Return the address in a few words."""
        whose = {OWN: "", TAKEN_BY_OTHER: " (taken by the other)", TAKEN_ALONE: " (taken alone)"}
        names = [f"{name}{whose.get(which, ' (other people)')}" for name, which in self.lenders]
        part = f", part {self.part + 1} of {self.parts}" if self.parts > 1 else ""
        return f"{', '.join(names)}: replications {self.first} to {self.end - 1}{part}"

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Shard":
        """Return the shard of an address as JSON has it."""
        lenders = tuple((name, which) for name, which in told["lenders"])
        return cls(lenders, *(told[key] for key in ("first", "end", "part", "parts")))

    def told(self) -> dict[str, Any]:
        """Return the address as JSON has it."""
        return asdict(self) | {"lenders": [list(one) for one in self.lenders]}


class Piece(NamedTuple):
    """What a shard adds to the sums of one world: the cells that are not nothing."""

    lender: str
    which: int  # whose lives, of an Address
    future: int
    first: int  # replication
    end: int
    cells: tuple[np.ndarray, ...]  # int64, where they are in each array of Sums, flattened; flows from `first` on
    values: tuple[np.ndarray, ...]  # int64

    def add_to(self, sums: Sums, start: int) -> None:
        """Add it to the sums of all replications, whose first has the number `start`."""
        flows = sums.flows[self.first - start : self.end - start]
        for array, cells, values in zip((flows, *sums[1:]), self.cells, self.values, strict=True):
            array.reshape(-1)[cells] += values  # a view: all are contiguous


class Drawn(NamedTuple):
    """What the draw of a shard was, for who did not draw it."""

    number: int
    z: list[float]
    refused: list[str]
    settlements: dict[str, dict[str, float]]  # by lender and price


class Result(NamedTuple):
    """What became of a shard."""

    pieces: list[Piece]
    draws: list[Drawn]

    @property
    def digest(self) -> str:
        """The SHA-256 of every cell, in hexadecimal: the same whoever lived the shard."""
        digest = sha256()
        for piece in self.pieces:
            digest.update(repr(piece[:5]).encode())
            for cells, values in zip(piece.cells, piece.values, strict=True):
                digest.update(np.ascontiguousarray(cells, "<i8").data)
                digest.update(np.ascontiguousarray(values, "<i8").data)
        return digest.hexdigest()


def plan(worlds: Mapping[Address, Futures], drawn: bool, work: int = WORK) -> list[Shard]:
    """Return the shards of a run, each of about so much work; with `drawn` a pair of replications stays together.

    All lenders of a draw are one shard, or several draws: to draw costs as much as a small book's life. Elsewhere a
    shard is of one lender, all its borrowers if that is not too much. A policy that reads the book needs all of them.
    """
    unit = 2 if drawn else 1
    lenders = list(worlds)
    size = max(world[0].replications for world in worlds.values())
    together = unit * sum(_work(*world) for world in worlds.values())
    if drawn and together <= work:
        return list(_in_turn((*lenders,), size, unit * (work // together)))
    found: list[Shard] = []
    for lender, world in worlds.items():
        own = max(unit * _work(*world), 1)
        if own <= work or any(one.readers for one in world):
            found += _in_turn((lender,), world[0].replications, unit * max(work // own, 1))
        else:
            parts = min(-(-own // work), max(len(one.tiles) for one in world))
            found += [
                Shard(one.lenders, one.first, one.end, part, parts)
                for one in _in_turn((lender,), world[0].replications, unit)
                for part in range(parts)
            ]
    return found


def live(worlds: Worlds, draws: Drawing | None, shard: Shard, threads: int, progress: Progress) -> Result:
    """Return what becomes of a shard; `progress` is told as it goes on. UserError where a draw is not allowed."""
    pieces: list[Piece] = []
    known: list[Drawn] = []
    if draws is None:
        pieces += _lived(worlds.all, shard, range(shard.first, shard.end), threads, progress)
        return Result(pieces, known)
    for k in range(shard.first // 2, shard.end // 2):
        draw = draws.at(k)
        here = worlds.drawn(draw.lenders, 2 * k)
        pieces += _lived(here, shard, range(2 * k, 2 * k + 2), threads, progress)
        prices = {name: asdict(settlement_of(one)) for name, one in draw.lenders.items()}
        for one in prices.values():
            del one["transfers"]  # the same under every draw
        known.append(Drawn(k, draw.z, draw.refused, prices))
    return Result(pieces, known)


def work_of(worlds: Mapping[Address, Futures], shard: Shard) -> Iterator[tuple[str, int]]:
    """Yield whose lives a shard has, and their borrower-months."""
    for lender in shard.lenders:
        for future in worlds[lender]:
            own = _part(future, shard, shard.of(future.replications))
            yield lender[0], engine.borrower_months(own)


def _lived(worlds, shard, numbers, threads, progress) -> Iterator[Piece]:
    for name, which in shard.lenders:
        for future, whole in enumerate(worlds.get((name, which), ())):
            own = range(numbers.start, min(numbers.stop, whole.replications))
            if len(own):
                sums = engine.run(_part(whole, shard, own), threads, partial(progress, name))
                yield _piece(name, which, future, own, sums)


def _part(world: Lowered, shard: Shard, numbers: range) -> Lowered:
    """Return a world with a shard's part of its tiles, and these replications alone."""
    cut = [len(world.tiles) * part // shard.parts for part in (shard.part, shard.part + 1)]
    return world._replace(tiles=world.tiles[slice(*cut)], first=numbers.start, replications=len(numbers))


def _piece(name, which, future, numbers, sums) -> Piece:
    """Return the cells of sums that are not nothing."""
    batches = batches_of(numbers)
    cells, values = [], []
    for k, array in enumerate(sums):
        if k == 0:
            own, start = array.reshape(-1), np.flatnonzero(array)
        else:  # the batches of no replication here are not even looked at
            own, size = array.reshape(-1), array[0].size
            start = np.concatenate([batch * size + np.flatnonzero(array[batch]) for batch in batches])
        cells.append(start)
        values.append(own[start])
    return Piece(name, which, future, numbers.start, numbers.stop, tuple(cells), tuple(values))


def _in_turn(lenders: Sequence[Address], replications: int, step: int) -> Iterator[Shard]:
    """Yield the shards of all borrowers, `step` replications at a time."""
    for first in range(0, replications, step):
        yield Shard((*lenders,), first, min(first + step, replications))


def _work(*futures: Lowered) -> int:
    """Return what one replication costs, in borrower-months of a full tile."""
    found = 0
    for world in futures:
        tiles = world.tiles
        months = np.maximum(world.months_total + 1 - np.maximum(tiles[:, K_ENTRY], 1), 0)
        found += int(((tiles[:, K_COUNT] + OF_A_TILE) * months).sum()) * (READING if world.readers else 1)
    return found

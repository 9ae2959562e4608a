"""Finished shards beside the place of a run: whose question they answer, what is there, what is left to live.

`run.json` says which question, by which version; `N.json` how its world N is cut, `N-K.shard` are the results. They are
the truth, whoever lived them. Another question, seed or version is refused.
"""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from simulator.lowering.lower import tables_digest
from simulator.model.errors import Problem, UserError
from simulator.model.tables import Sums
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.shards import sealed
from simulator.shards.shard import WORK, Drawn, Progress, live, plan, work_of
from simulator.shards.worlds import Address, Drawing, Worlds
from simulator.system.folders import held
from simulator.system.machine import sources_digest, versions

RUN, SCENARIO = "run.json", "scenario.toml"
FEW = 8  # shards for each thread: with fewer left all threads live one together
FORMAT = 1
BEGIN = "--overwrite without --resume begins anew"


class Elsewhere(Protocol):
    """Other processes that live shards."""

    def __call__(self, folder: Path, number: int, run: str, left: Sequence[int]) -> Iterable[int]:
        """Live the shards `left` of world `number` of the `run` in a folder; yield the number of each that is kept."""

    def close(self) -> None:
        """End them."""


class Asks(NamedTuple):
    """What is asked of a world, besides its scenario."""

    variants: list[str]
    run_off: bool
    swap_sets: bool
    crossed: int  # replications lived again with other people
    draws: int  # of the numbers in doubt; 0 where they are as they stand


class Shards:
    """The shards of one run, kept in a folder."""

    def __init__(
        self,
        folder: Path,
        resume: bool,
        overwrite: bool = False,
        elsewhere: Elsewhere | None = None,
        cuts: Sequence[int] | None = None,
    ):
        """Take the folder; it is looked at by `open`. `elsewhere` lives shards in other processes.

        `cuts` are how much work a shard of each world has, WORK if None: it changes no number.
        """
        self.folder, self._cuts = folder, cuts
        self._resume, self._overwrite, self._elsewhere = resume, overwrite, elsewhere
        self._opened = ExitStack()
        self._run = ""  # which run it is
        self.worlds: list[World] = []

    def open(self, scenario: Scenario, doubt: int | None, command: str) -> None:
        """Make the folder, or take up what is in it; UserError if that is of another run, or one is at work there."""
        asked = asked_of(scenario, doubt, command)
        self._run = _digest(asked)
        if os.path.lexists(self.folder):
            self._look(asked)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._opened.enter_context(held(self.folder)) is False:
                raise UserError(Problem(str(self.folder), found="another run is at work in it", allowed="wait for it"))
            for partial in self.folder.glob(".*"):  # of processes that were killed
                partial.unlink()
            _put_json(self.folder / RUN, {"format": FORMAT, "asked": asked})
            sealed.put(self.folder / SCENARIO, scenario.text().encode())
        except OSError as error:
            raise self._unwritten(error) from None

    def join(self) -> str:
        """Return the digest of the run that is in the folder, for who lives some of it; empty if there is none."""
        found = _json(self.folder / RUN)
        asked = found["asked"] if found and found.get("format") == FORMAT else {}
        return _digest(asked) if asked.get("version") == version() else str(asked.get("version", ""))

    def asks(self, number: int) -> Asks:
        """Return what is asked of a world that was begun; UserError if none of that number was."""
        if found := _json(self._plan(number)):
            return Asks(**found["asks"])
        raise UserError(Problem(str(self._plan(number)), found="is not there, or not as it was written"))

    def _plan(self, number):
        return self.folder / f"{number}.json"

    def begin(self, worlds: Worlds, draws: Drawing | None) -> "World":
        """Return the shards of the next world; UserError if what is there was lived by other tables."""
        found = World(self, len(self.worlds), worlds, draws)
        self.worlds.append(found)
        return found

    def told(self) -> dict[str, Any]:
        """Return the digest of every shard, by its address: what `verify` compares with."""
        return {"format": FORMAT, "sources": sources_digest(), "worlds": [world.told() for world in self.worlds]}

    def done(self) -> tuple[int, int]:
        """Return how many shards are kept, and of how many, of the worlds begun."""
        return sum(world.done for world in self.worlds), sum(len(world.shards) for world in self.worlds)

    def close(self) -> None:
        """Let others have the folder; what is in it stays."""
        if self._elsewhere:
            self._elsewhere.close()
        self._opened.close()

    def remove(self) -> None:
        """Remove the folder: the run is whole elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def _look(self, asked):
        """Refuse a folder of something else; begin anew where that is asked for."""
        where = str(self.folder)
        found = _json(self.folder / RUN)
        if found is None or found.get("format") != FORMAT:
            if self.folder.is_dir() and not any(self.folder.iterdir()):
                return
            raise UserError(Problem(where, found="is where finished shards are kept, and holds something else"))
        if self._overwrite and not self._resume:
            with held(self.folder) as mine:
                if mine is not False:
                    shutil.rmtree(self.folder)
                    return
        if differs := _differences(found["asked"], asked):
            raise UserError(Problem(where, found=f"holds the shards of another run: {differs}", allowed=BEGIN))
        if not self._resume:
            kept = len(list(self.folder.glob(f"*{sealed.ENDING}")))
            found = f"holds {kept:,} finished shards of this run, which was not finished"
            raise UserError(Problem(where, found=found, allowed=f"--resume goes on; {BEGIN}"))

    def _unwritten(self, error: OSError) -> UserError:
        found = f"cannot be written: {error.strerror or error}; the shards that are in it stay"
        return UserError(Problem(str(self.folder), found=found, allowed="make room, then --resume"))


class World:
    """The shards of one world of the scenario."""

    def __init__(self, shards: Shards, number: int, worlds: Worlds, draws: Drawing | None):
        """Cut the world as it was cut before, if it was; UserError if it was lived by other tables."""
        self._of, self._number, self._worlds, self._draws = shards, number, worlds, draws
        path = shards._plan(number)
        tables = {name: [tables_digest(future) for future in world] for name, world in worlds.own.items()}
        before = _json(path)
        if before and before["tables"] != tables:
            found = "its shards were lived by other tables: a tape, a policy's file or a library has changed"
            raise UserError(
                Problem(str(shards.folder), found=found, allowed="--overwrite without --resume begins anew")
            )
        work = shards._cuts[number] if shards._cuts else WORK
        self._work = before["work"] if before else work
        self.shards = plan(worlds.all, draws is not None, self._work)
        self.digests: list[str | None] = [None] * len(self.shards)
        variants = [name for name in worlds.own if name != BASELINE]
        self._asks = Asks(variants, worlds.run_off, worlds.swap_sets, worlds.crossed, draws.count if draws else 0)
        if not before:
            try:
                _put_json(path, {"work": self._work, "tables": tables, "asks": self._asks._asdict()})
            except OSError as error:
                raise shards._unwritten(error) from None
        self.left = [k for k, shard in enumerate(self.shards) if not sealed.is_there(self.path(k), shard)]

    @property
    def done(self) -> int:
        """How many shards are kept."""
        return len(self.shards) - len(self.left)

    def path(self, k: int) -> Path:
        """Return the file of a shard."""
        return self._of.folder / f"{self._number}-{k}{sealed.ENDING}"

    def live(self, threads: int, progress: Progress) -> None:
        """Have every shard that is not there lived, here or elsewhere, and kept; `progress` is told of all."""
        for k in set(range(len(self.shards))) - {*self.left}:
            self._tell(k, progress)
        try:
            if self._of._elsewhere and self.left:
                for k in self._of._elsewhere(self._of.folder, self._number, self._of._run, self.left[:]):
                    self.left.remove(k)
                    self._tell(k, progress)
            else:
                self._live_here(threads, progress)
        except OSError as error:
            raise self._of._unwritten(error) from None

    def _live_here(self, threads, progress):
        left = self.left[:]
        together = len(left) < FEW * threads or any(one.readers for one in self._worlds.every_future)
        at_once = 1 if together else threads
        pool = ThreadPoolExecutor(at_once)
        try:
            for done in [pool.submit(self.live_one, k, threads // at_once, progress) for k in left]:
                self.left.remove(done.result())
        finally:
            pool.shutdown(cancel_futures=True)

    def live_one(self, k: int, threads: int, progress: Progress) -> int:
        """Live a shard, keep it, and return its number."""
        shard = self.shards[k]
        sealed.write(self.path(k), shard, live(self._worlds, self._draws, shard, threads, progress))
        return k

    def told(self) -> dict[str, Any]:
        """Return how the world was cut, and every shard with its digest, once they have been added up."""
        each = zip(self.shards, self.digests, strict=True)
        digests = [{**shard.told(), "digest": digest} for shard, digest in each]
        return {"work": self._work, "asks": self._asks._asdict(), "shards": digests}

    def add_up(self, sums: dict[Address, list[Sums]]) -> list[Drawn]:
        """Add what was kept of these lenders to their sums, in each future; return what the draws were."""
        drawn: dict[int, Drawn] = {}
        for k, shard in enumerate(self.shards):
            if not sums.keys() & {*shard.lenders}:
                continue
            found = sealed.read(self.path(k), shard)
            if found is None:
                gone = f"{self.path(k).name} is gone, or not as it was written"
                raise UserError(Problem(str(self._of.folder), found=gone, allowed="--resume lives it again"))
            result, self.digests[k] = found
            for piece in result.pieces:
                if into := sums.get((piece.lender, piece.which)):
                    piece.add_to(into[piece.future], 0)
            drawn |= {one.number: one for one in result.draws}
        return [drawn[number] for number in sorted(drawn)]

    def _tell(self, k, progress):
        for name, done in work_of(self._worlds.all, self.shards[k]):
            progress(name, done)


def asked_of(scenario: Scenario, doubt: int | None, command: str) -> dict[str, Any]:
    """Return what tells a run from every other: what was asked, and by which version."""
    settings = scenario.baseline
    return {
        "command": command,
        "seed": settings.seed,
        "replications": settings.replications,
        "draws": doubt or 0,
        "scenario": scenario.digest(),
        "version": version(),
    }


def version() -> str:
    """Return the version of the simulator, of its sources and of the packages that a number may depend on."""
    return f"{sources_digest()[:12]} ({', '.join(f'{name} {number}' for name, number in versions().items())})"


def _digest(asked):
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _differences(before, now):
    """Return in words how two questions differ."""
    return ", ".join(f"{key} {before.get(key)}, here {now[key]}" for key in now if before.get(key) != now[key])


def _put_json(path, content):
    sealed.put(path, json.dumps(content, indent=1).encode())


def _json(path):
    """Return what a file of JSON holds, a table; None if it is not there or holds none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None

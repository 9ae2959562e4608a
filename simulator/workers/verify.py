"""A saved run lived again, all of it or some of its shards, by today's code: are the digests those that it kept?"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simulator.decision.doubt import Draws
from simulator.decision.under_doubt import compare
from simulator.language.catalogue import say
from simulator.model.errors import Problem, UserError, check_kind
from simulator.model.observer import SILENT, Observer
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.shards.folder import Asks, Shards
from simulator.shards.shard import Shard, live
from simulator.study import SIMULATE, load_study, simulate
from simulator.study import compare as compare_as_it_stands
from simulator.system.machine import sources_digest, threads_of
from simulator.workers.worker import worlds_of

SHARDS = "shards.json"
SHOWN = 5  # shards that are named one by one


class Verified(NamedTuple):
    """What became of a run that was lived again."""

    lived: int  # shards
    kept: int  # shards that the run has kept digests of
    other: list[str]  # shards whose digest is another now, in words
    is_whole: bool  # all was lived, and the result compared
    is_same: bool
    is_same_version: bool

    @property
    def answers(self) -> list[str]:
        """What is said of it, in sentences."""
        said = [self._whole() if self.is_whole else self._some()]
        if more := self.other[:SHOWN]:
            said.append(say("Not as they were kept: {shards}.", shards=say("; ").join(more)))
        if not self.is_same_version:
            said.append(say("The run was lived by another version of the simulator's sources."))
        return said

    def _whole(self):
        if self.is_same:
            return say("Lived again, the whole run has the result digest that it kept.")
        return say("Lived again, the run has another result digest than it kept.")

    def _some(self):
        lived, kept = f"{self.lived:,}", f"{self.kept:,}"
        if self.is_same:
            return say(
                "{lived} of {kept} shards, lived again, have the digests that the run kept.", lived=lived, kept=kept
            )
        other = f"{len(self.other):,}"
        return say(
            "{other} of {lived} shards, lived again, have another digest than the run kept.", other=other, lived=lived
        )


def verify(
    folder: str | Path,
    sample: int | None = None,
    threads: int | None = None,
    observer: Observer = SILENT,
    allow_code: bool = False,
) -> Verified:
    """Return whether a saved run, lived again, has the digests that it kept; `sample` lives so many of its shards.

    They lie evenly among all. Raises UserError if the folder holds no such run, if its files are not as they were
    written, or if a sample is asked of a run that was not lived in shards.
    """
    check_kind("sample", sample, (int, type(None)), "a whole number of shards")
    facts = load_study(folder).facts
    scenario = load_scenario(Path(folder) / "scenario.toml", allow_code=allow_code)
    told = _told(Path(folder))
    if sample is None:
        return _all(scenario, facts, told, threads, observer)
    if told is None:
        found, allowed = "was not lived in shards", "without --sample all of it is lived again"
        raise UserError(Problem(str(folder), found=found, allowed=allowed))
    return _some(scenario, told, sample, threads_of(threads), observer)


def _all(scenario: Scenario, facts: dict[str, Any], told, threads, observer) -> Verified:
    """Return what becomes of the whole run, cut as it was cut."""
    draws = facts.get("draws")
    with tempfile.TemporaryDirectory(prefix="simulator-verify-") as above:
        shards = Shards(Path(above, "shards"), resume=False, cuts=told and [one["work"] for one in told["worlds"]])
        try:
            if facts["command"] == SIMULATE:
                study = simulate(scenario, threads, observer, shards)
            elif draws:
                study = compare(scenario, threads, observer, doubt=draws, shards=shards)
            else:
                study = compare_as_it_stands(scenario, threads, observer, shards)
            now = shards.told()
        finally:
            shards.close()
    other = _others(told, now) if told else []
    lived, kept = _count(now), _count(told) if told else 0
    same = study.result_digest == facts["result_digest"] and not other
    return Verified(lived, kept, other, True, same, _is_same_version(told))


def _some(scenario: Scenario, told, sample, threads, observer) -> Verified:
    """Return what becomes of some shards, evenly among those of every world."""
    every = [(k, one) for k, world in enumerate(told["worlds"]) for one in world["shards"]]
    chosen = [every[len(every) * k // min(sample, len(every))] for k in range(min(sample, len(every)))]
    other = []
    done = 0
    for number, world in enumerate(scenario.every_world.values()):
        own = [one for k, one in chosen if k == number]
        if not own:
            continue
        asks = Asks(**told["worlds"][number]["asks"])
        worlds = worlds_of(world, asks, threads)
        draws = Draws(world, asks.draws, threads) if asks.draws else None
        for one in own:
            shard = Shard.read(one)
            if live(worlds, draws, shard, threads, lambda name, done: None).digest != one["digest"]:
                other.append(shard.named)
            done += 1
            observer.advanced(shard.named, 1, len(chosen))
    return Verified(done, len(every), other, False, not other, _is_same_version(told))


def _told(folder: Path) -> dict[str, Any] | None:
    """Return what a run says of its shards; None where it was not lived in any."""
    path = folder / SHARDS
    return json.loads(path.read_bytes()) if path.is_file() else None


def _others(before, now) -> list[str]:
    """Return the names of the shards that have another digest now, or that were cut otherwise."""
    digests = {Shard.read(one): one["digest"] for one in _every(before)}
    return [shard.named for one in _every(now) if digests.get(shard := Shard.read(one)) != one["digest"]]


def _every(told) -> Sequence[dict]:
    return [one for world in told["worlds"] for one in world["shards"]]


def _count(told) -> int:
    return len(_every(told))


def _is_same_version(told) -> bool:
    return told is None or told["sources"] == sources_digest()

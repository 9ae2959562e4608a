"""What a worker does: it reads what is asked from the folder of shards, lives one, and leaves its file there."""

from functools import lru_cache
from pathlib import Path

from simulator.decision.doubt import Draws
from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT
from simulator.run import read_book
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.shards.folder import SCENARIO, Asks, Shards, World
from simulator.shards.worlds import Worlds

HELD = 2  # worlds that a worker keeps lowered: that at work, and the next


def live(folder: str, number: int, k: int, run: str) -> int:
    """Live shard `k` of world `number`, kept in a folder where this `run` is, and return `k`."""
    return _world(folder, number, run).live_one(k, 1, lambda name, done: None)


def worlds_of(scenario: Scenario, asks: Asks, threads: int | None = 1) -> Worlds:
    """Return the worlds that were asked for, lowered."""
    book = read_book(scenario)
    variants = {name: scenario.variants[name] for name in asks.variants}
    return Worlds(
        scenario, variants, asks.run_off, book and book.tape, threads, SILENT, None, asks.swap_sets, asks.crossed
    )


@lru_cache(HELD)
def _world(folder: str, number: int, run: str) -> World:
    shards = Shards(Path(folder), resume=True)
    if (found := shards.join()) != run:
        what = f"holds another run than the one asked for: {found or 'none'}"
        raise UserError(Problem(folder, found=what, allowed="a folder that every worker sees, and the same version"))
    asked = load_scenario(Path(folder) / SCENARIO, allow_code=True)  # who began the run has allowed it
    scenario = list(asked.every_world.values())[number]
    asks = shards.asks(number)
    return World(shards, number, worlds_of(scenario, asks), Draws(scenario, asks.draws, 1) if asks.draws else None)

"""The whole kernel as it is kept, beside the same kernel as numba itself compiles it: the same bytes of every sum.

The tests compare a small function only: numba takes a minute of processor time for the driver.
"""

from simulator.engine.accumulators import empty_sums
from simulator.engine.monthly import NO_STORE
from simulator.kernel import driver
from simulator.lowering.lower import Lowered, lower, tables_for
from simulator.model.tables import Span
from simulator.scenario.reader import load_scenario

from .worlds import SCENARIOS

NAMES = ("huabei", "both", "taiwan_cards")  # a line, both products, roll matrices
BORROWERS, MONTHS, REPLICATIONS = 600, 5, 2


def check() -> dict[str, bool]:
    """Return by scenario whether both give the same sums of its baseline; this process keeps numba's driver."""
    import numba

    from simulator.jit.functions import tell_numba
    from simulator.jit.intrinsics_llvm import lower_stack_arrays

    worlds = {name: _small(name) for name in NAMES}
    here = {name: _sums(world) for name, world in worlds.items()}
    tell_numba()
    lower_stack_arrays()
    driver.run_tiles = numba.njit(_nrt=False)(driver.run_tiles.__wrapped__)
    return {name: _sums(world) == here[name] for name, world in worlds.items()}


def _small(name: str) -> Lowered:
    """Return the lowered baseline of a shipped scenario, small."""
    return lower(load_scenario(SCENARIOS / f"{name}.toml", (), BORROWERS, REPLICATIONS, MONTHS).baseline)


def _sums(world: Lowered) -> list[bytes]:
    """Return the bytes of every sum of a world, without the engine's threads."""
    months = world.months_total
    sums, span = empty_sums(REPLICATIONS, months, len(world.segments)), Span(0, REPLICATIONS, 1, months)
    tables = tables_for(world, 0, REPLICATIONS)
    driver.advance(tables, world.levers, world.tiles, world.tape, span, True, NO_STORE, sums)
    return [array.tobytes() for array in sums]

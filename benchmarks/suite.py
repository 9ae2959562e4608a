"""Everything that bench.json holds, measured: cases alternated in this process, growth, words alone, whole commands."""

from typing import NamedTuple

from simulator.engine.engine import available_threads
from simulator.report.progress import Progress

from . import commands, floor, jax_month, kernel, peers, timing
from . import growth as sizes


class Measured(NamedTuple):
    """What was measured, and what was not."""

    timed: list[timing.Timed]
    growth: sizes.Growth
    others: dict[str, tuple[float, str]]  # (value, unit)
    missing: list[str]  # in words


def measure(full: bool = False) -> Measured:
    """Return all of it; `full` adds large books and commands that take minutes."""
    has_jax = jax_month.is_there()
    with Progress() as bar:
        bar.started("making the books, checking the peers against the kernel")
        batch = peers.best_batch() if full and has_jax else jax_month.BATCH
        cases = kernel.cases(available_threads(), full) + peers.cases(batch)
        timed = timing.alternate(cases, progress=bar.advanced)
        growth = sizes.measure(full, bar.started)
        bar.started("random words alone")
        block = floor.block_ns()
        bar.started("a small command, warm")
        whole = {"warm": commands.warm()}
        bar.started("a small command, with an empty cache")
        whole["cold"] = commands.cold()
    if full:  # these show a bar of their own
        whole |= {"whole_1m_60_100": commands.million(), "whole_500m_36": commands.half_a_billion()}
    others = {"ns_block": (block, "ns per block of four words"), "ns_word": (block / 4, "ns per 32-bit word")}
    others |= {f"{name}_s": (ran.seconds, "s") for name, ran in whole.items()}
    others |= {f"{name}_mb": (ran.megabytes, "MB") for name, ran in whole.items()}
    return Measured(timed, growth, others, [] if has_jax else [peers.NO_JAX])

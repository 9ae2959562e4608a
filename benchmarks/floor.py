"""Where each nanosecond of a borrower-month goes: random words, on-time path, the other paths, people.

The words are timed alone, in a loop of their own over lanes that stay in the first cache. The rest are differences of
whole runs: a world in which everyone pays on time takes no other path; two numbers of replications tell what is done
in each month, and two numbers of borrowers what is done once for each of them from what is done once for all. Wall time
of one thread, line only, best of the rounds.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from simulator.engine import engine
from simulator.jit.ahead_of_time import ahead_of_time
from simulator.kernel.draws import MONTHS, counter, group, philox
from simulator.model.layout import F_N_MISSED, F_OUTSIDE_USED, LANES, LINE

from .kernel import BLOCK, on_book
from .timing import ROUNDS, seconds
from .worlds import shipped

BORROWERS, REPLICATIONS, MONTHS_LIVED = 40_000, (1, 9), 36
MORE = 160_000  # borrowers, of one replication and one month
TILES = 20_000  # of LANES, of the loop timed alone
ON_TIME = (  # what makes everyone pay at once: nobody forgets, is unwilling, unemployed or without money, nor converts
    "products.line.conversion.chance=0",
    "behaviour.structural.will_not=1e-9",
    "behaviour.structural.shock_probability=0",
    "economy.job_loss=0",
    "economy.factor.enabled=false",
    *(
        f"segment.{name}.{setting}"
        for name in ("salaried", "irregular")
        for setting in (
            'forget={distribution="constant", value=0}',
            'living_cost={distribution="constant", value=0.1}',
            'buffer={distribution="constant", value=3}',
            "unemployed=0",
            "opening.line=[1.0]",
        )
    ),
)


class Part(NamedTuple):
    """One part of the time."""

    name: str
    ns: float
    how: str


@ahead_of_time
def _draw(tiles, key, words):
    """Write all words of a month of so many tiles, as one."""
    k0, k1, word = key[0], key[1], np.uint32(0)
    for tile in range(tiles):
        for lane in range(LANES):
            a, b, c, d = philox(tile * LANES + lane, counter(1, 0, 0), 0, group(0, MONTHS), k0, k1)
            word ^= a ^ b ^ c ^ d
    words[0] = word


def block_ns(rounds: int = ROUNDS) -> float:
    """Return the nanoseconds of a Philox block of four 32-bit words, in vectors as the kernel draws it."""
    draw = partial(_draw, TILES, np.array([1, 2], np.uint32), np.zeros(1, np.uint32))
    return _best(draw, rounds) / (TILES * LANES)


def parts(rounds: int = ROUNDS, progress=lambda name: None) -> list[Part]:
    """Return the parts, in nanoseconds per borrower-month, people last."""
    progress("words alone")
    words = block_ns(rounds)
    progress("everyone pays on time")
    easy = _month(ON_TIME, rounds)
    progress("the usual book")
    month = _month((), rounds)
    progress("more people")
    people = _people(month, rounds)
    return [
        Part("random words", words, f"one Philox4x32-10 block of {BLOCK} words, timed alone"),
        Part("on-time path", easy - words, "a world where all pay on time, less the words; their sums with it"),
        Part("delinquent and scalar path", month - easy, "the usual world less that one"),
        Part("a month in all", month, f"{REPLICATIONS[1]} replications less {REPLICATIONS[0]}"),
        Part("people", people / MONTHS_LIVED, f"drawn once: {people:,.0f} ns a borrower, over {MONTHS_LIVED} months"),
    ]


def world(settings: tuple[str, ...], replications: int, borrowers: int = BORROWERS, months: int = MONTHS_LIVED):
    """Return the revolving line with changed settings."""
    return shipped("huabei", borrowers, replications, months, settings)


def is_easy(sums) -> bool:
    """Return whether nobody missed a due, nor paid one from elsewhere."""
    return not sums.flows[..., LINE, (F_N_MISSED, F_OUTSIDE_USED)].any()


def _month(settings, rounds):
    """Return nanoseconds per borrower-month of the months alone."""
    few, many = (_run(world(settings, replications), rounds) for replications in REPLICATIONS)
    return (many[0] - few[0]) / (many[1] - few[1])


def _people(month, rounds):
    """Return nanoseconds per borrower of drawing people, where a borrower-month takes `month`."""
    few, many = (_run(world((), 1, borrowers, 1), rounds) for borrowers in (BORROWERS, MORE))
    return (many[0] - few[0] - month * (many[1] - few[1])) / (MORE - BORROWERS)


def _run(lowered, rounds):
    """Return the nanoseconds of a run, and its borrower-months."""
    run = partial(engine.run, lowered, 1)
    return _best(run, rounds), on_book(run())


def _best(run, rounds):
    """Return the shortest wall time in nanoseconds; the first call compiles."""
    run()
    return min(seconds(run)[0] for _ in range(rounds)) * 1e9

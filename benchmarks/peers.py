"""The cases of the peers: the same month of the same people, written in four other ways.

They are given their people; the kernel draws its own within the time.
"""

from functools import partial

from simulator.engine import engine
from simulator.model.layout import N_FLOWS

from . import analyst_numpy, inputs, jax_month, numba_np_random, numpy_month
from .kernel import BLOCK, BORROWERS, on_book
from .timing import Case, Work, seconds
from .worlds import PLAIN_LINE, shipped

NO_JAX = "Not timed: JAX is not installed; pip install -e '.[peers]'."


def cases(batch: int = jax_month.BATCH) -> list[Case]:
    """Return the cases, compiled; AssertionError if kernel and tuned NumPy differ in any sum of a small book.

    Without JAX its case is left out. `batch` is the number of borrowers of its batches.
    """
    small = shipped(PLAIN_LINE, borrowers=5_000, replications=2)
    if not numpy_month.agrees(numpy_month.run(small, numpy_month.opening(small)), engine.run(small)):
        raise AssertionError("the NumPy month gives other sums than the kernel: the comparison would not be fair")
    world = shipped(PLAIN_LINE, BORROWERS, replications=1)
    segments, count = inputs.inputs(world), on_book(engine.run(world))
    plain = Work(1, analyst_numpy.WORDS, len(inputs.TOTALS), len(inputs.Book._fields))
    numba_np_random.run(inputs.inputs(shipped(PLAIN_LINE, 100, 1)))  # compiles
    tuned = Work(1, BLOCK, N_FLOWS, numpy_month.N_COLUMNS)
    found = [
        Case("tuned_numpy", "NumPy, tuned", partial(numpy_month.run, world, numpy_month.opening(world)), count, tuned),
        Case("analyst_numpy", "NumPy, an analyst's", partial(analyst_numpy.run, segments), count, plain),
        Case(
            "numba_np_random", "numba, np.random", partial(numba_np_random.run, segments), count,
            plain._replace(words=numba_np_random.WORDS),
        ),
    ]  # fmt: skip
    if jax_month.is_there():
        cut = jax_month.batches(segments, batch)
        jax_month.run(cut)  # compiles
        words = f"JAX, batches of {batch:,}"
        found.append(Case("jax", words, partial(jax_month.run, cut), count, plain._replace(words=jax_month.WORDS)))
    return found


def best_batch() -> int:
    """Return which of `jax_month.SIZES` is the fastest here."""
    segments = inputs.inputs(shipped(PLAIN_LINE, BORROWERS, replications=1))
    took = {}
    for size in jax_month.SIZES:
        cut = jax_month.batches(segments, size)
        jax_month.run(cut)
        took[size] = min(seconds(partial(jax_month.run, cut))[0] for _ in range(3))
    return min(took, key=took.get)

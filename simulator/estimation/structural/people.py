"""Who the holder of each account is: one of those who might be, drawn by what the account did on the tape.

At the address of each account of a book other people live in each replication, all drawn from the prior. CANDIDATES of
them are lived, month by month, from where the account stood on the tape, without what they remember; how often each
gets worse, by bucket, makes what the account did more or less likely. Chances are moved together so that all
candidates get worse as often as the accounts did: how many are late is for the tie, who is late is for here.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from simulator.analysis.tie import at_factor_0
from simulator.engine import engine
from simulator.engine.trajectories import Trajectories
from simulator.estimation import random_numbers
from simulator.estimation.panels.panel import Panel
from simulator.estimation.shrinkage import strength
from simulator.estimation.structural.histories import LINE_COLUMNS, WRITTEN_OFF, Histories, observed, opening_tape
from simulator.lowering.lower import lower
from simulator.model import layout
from simulator.model.layout import LANES, LINE, QUALITY
from simulator.model.observer import SILENT, Observer, compiling
from simulator.scenario.schema import Settings
from simulator.system.machine import threads_of

CANDIDATES = 24
LIVES = 48  # of each candidate in all months of an account together, about
MOST_MONTHS = 24  # of the tape, the last
GROUPS = 4  # of buckets: 0, 1, 2, deeper
SAMPLE = 20_000  # candidates that it is learned from how far one's share is from that of all
SEED = 0  # of the drawing


def people(
    panel: Panel,
    accounts: np.ndarray,
    borrowers: Sequence[int],
    settings: Settings,
    left: np.ndarray,
    threads: int | None,
    observer: Observer = SILENT,
) -> np.ndarray:
    """Return int64[place], the number of the candidate that each account's holder is.

    `accounts`, int64[place], are rows of the panel in the order of the book, by segment; `borrowers` so many each.
    `left`, float64[segment, class of quality], says how many of those who once had a line still have one.
    """
    seen, done = _seen(panel, accounts)
    lives, worse, quality = _lived(panel, accounts, borrowers, settings, threads, observer)
    segment = np.repeat(np.arange(len(borrowers)), borrowers)
    weight = _log_likelihood(seen, done, lives, worse) + np.log(left[segment, quality])
    likely = np.exp(weight - weight.max(axis=0))
    up_to = np.cumsum(likely, axis=0) / likely.sum(axis=0)
    uniform = random_numbers.uniforms(SEED, random_numbers.PERSONS, 1, len(panel.state))[0][accounts]
    return np.minimum((uniform >= up_to).sum(axis=0), CANDIDATES - 1)


def _steps(panel: Panel) -> range:
    """Return the months whose next one is looked at."""
    last = len(panel.months) - 1
    return range(max(0, last - MOST_MONTHS), last)


def _from(histories: Histories, panel: Panel, month: int) -> np.ndarray:
    """Return int64[account]: the group of the bucket that an account can get worse from, GROUPS if it can from none."""
    bucket = histories.bucket[:, month].astype(np.int64)
    worst = panel.open_states[-1]
    most = int(worst.bucket) if worst.at_least else WRITTEN_OFF
    known = np.isfinite(histories.balance[:, month]) & np.isfinite(histories.limit[:, month])
    can = (bucket >= 0) & (bucket < most) & known & (histories.bucket[:, month + 1] >= 0)
    return np.where(can, np.minimum(bucket, GROUPS - 1), GROUPS)


def _seen(panel: Panel, accounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (months, months after which it was worse) of each account on the tape, float64[group, account]."""
    histories = observed(panel, accounts)
    there, worse = np.zeros((GROUPS + 1, len(accounts))), np.zeros((GROUPS + 1, len(accounts)))
    each = np.arange(len(accounts))
    for month in _steps(panel):
        group = _from(histories, panel, month)
        there[group, each] += 1
        worse[group, each] += histories.bucket[:, month + 1] > histories.bucket[:, month]
    return there[:GROUPS], worse[:GROUPS]


def _lived(panel, accounts, borrowers, settings, threads, observer):
    """Return (lives, lives that got worse) of each candidate, float32[group, candidate, account]; and their quality."""
    histories, steps = observed(panel, accounts), _steps(panel)
    segment = np.repeat(np.arange(len(borrowers)), borrowers)
    replications = max(2, LIVES // max(len(steps), 1))
    of_month = at_factor_0(settings, 1, replications).model_copy(update={"redraw_people": True})
    tapes = [opening_tape(histories, segment, len(borrowers), month) for month in steps]
    worlds = [lower(of_month, tape) for tape in tapes]
    engine.prepare(worlds[0], compiling(observer))
    lives = np.zeros((GROUPS + 1, CANDIDATES, len(accounts)), np.float32)
    worse = np.zeros_like(lives)
    quality = np.zeros(lives.shape[1:], np.int64)
    each = np.arange(len(accounts))

    def one(person):
        for month, world in zip(steps, worlds, strict=True):
            tape = world.tape.copy()
            tape[:, LINE, layout.TAPE_PERSON] = person
            group, before = _from(histories, panel, month), histories.bucket[:, month]
            for k in range(replications):
                of_one = range(k, k + 1)
                state = Trajectories(world.tables, world.levers, world.tiles, tape, of_one, 1).advance_to(1)[0]
                here = np.arange(LANES) < world.tiles[:, layout.K_COUNT, None]
                bucket, status = (state[:, LINE_COLUMNS[name]][here] for name in ("BUCKET", "STATUS"))
                is_worse = (status == layout.WRITTEN_OFF) | ((status < layout.WRITTEN_OFF) & (bucket > before))
                lives[group, person, each] += 1
                worse[group, person, each] += is_worse
        quality[person] = state[:, QUALITY][here]
        observer.advanced("who the accounts' holders may be", 1, CANDIDATES)

    with ThreadPoolExecutor(threads_of(threads)) as pool:
        list(pool.map(one, range(CANDIDATES)))
    return lives[:GROUPS], worse[:GROUPS], quality


def _log_likelihood(seen, done, lives, worse):
    """Return float64[candidate, account]: of what the accounts did, by each candidate's chances."""
    found = np.zeros(lives.shape[1:])
    for g in range(GROUPS):
        n, w, months, bad = lives[g].astype(np.float64), worse[g].astype(np.float64), seen[g], done[g]
        if not (total := n.sum()) or not 0 < bad.sum() < months.sum() or not 0 < w.sum() < total:
            continue
        mean = w.sum() / total
        some = np.flatnonzero(n.ravel() > 0)
        some = some[:: -(-len(some) // SAMPLE)]
        counts = np.stack([w.ravel()[some], (n - w).ravel()[some]], axis=1)
        lean = strength(counts, np.broadcast_to([mean, 1 - mean], counts.shape))
        odds = (w + lean * mean) / (n - w + lean * (1 - mean))
        odds *= (bad.sum() / (months.sum() - bad.sum())) / (mean / (1 - mean))
        found += bad * np.log(odds / (1 + odds)) - (months - bad) * np.log1p(odds)
    return found

"""What loans with outcomes say: charge-off share, exposure, LGD and net loss, with intervals."""

import numpy as np

from simulator.estimation.intervals import LEVEL, jeffreys
from simulator.estimation.outcomes.rows import Outcomes
from simulator.model.philox import counter, group
from simulator.model.random_words import philox_numpy

FIGURES = ("charge_off_share", "exposure", "lgd", "net_loss")
ALL = "all"
RESAMPLES = 1000
BOOTSTRAP, SPLIT = 24, 25  # tags of the addresses; the kernel's are 1 to 3, those of panels 16
COLUMNS = 6  # of sums: loans, charged off, sum of exposure over amount, exposure, net recovery, amount


def loan_table(outcomes: Outcomes) -> np.ndarray:
    """Return float64[loan, COLUMNS], whose sums over any loans `figures` turns into figures."""
    off, exposure = outcomes.charged_off.astype(np.float64), outcomes.exposure
    net = outcomes.recovered - outcomes.recovery_cost
    return np.stack([np.ones_like(off), off, exposure / outcomes.amount, exposure, net, outcomes.amount], axis=1)


def figures(sums: np.ndarray) -> np.ndarray:
    """Return float64[..., FIGURES] of float64[..., COLUMNS]; NaN where nothing was charged off.

    charge_off_share: charged off, of loans. exposure: mean over charged-off loans of exposure over amount. lgd: 1 less
    recoveries after their cost, over exposure, all in money. net_loss: exposure less net recoveries, over amount lent.
    """
    loans, off, shares, exposure, net, amount = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([off / loans, shares / off, 1 - net / exposure, (exposure - net) / amount], axis=-1)


def by_segment(outcomes: Outcomes) -> np.ndarray:
    """Return float64[segment + 1, COLUMNS]: the sums of each segment, then of all."""
    table = loan_table(outcomes)
    sums = np.stack([table[outcomes.segment == s].sum(axis=0) for s in range(len(outcomes.segments))])
    return np.concatenate([sums, sums.sum(axis=0, keepdims=True)])


def resampled(outcomes: Outcomes, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Return float64[resample, segment + 1, COLUMNS]: sums of loans drawn with replacement inside each segment.

    Words come from Philox at (block of loans, 0, resample, segment).
    """
    table = loan_table(outcomes)
    sums = np.zeros((resamples, len(outcomes.segments) + 1, COLUMNS))
    for s in range(len(outcomes.segments)):
        own = table[outcomes.segment == s]
        n = len(own)
        for b in range(resamples):
            words = philox_numpy(
                np.arange((n + 3) // 4), counter(0, 0, 0), b, group(s, BOOTSTRAP), seed & 0xFFFFFFFF, seed >> 32
            )
            drawn = (words.T.reshape(-1)[:n].astype(np.uint64) * np.uint64(n)) >> np.uint64(32)
            sums[b, s] = np.bincount(drawn.astype(np.int64), minlength=n) @ own
    sums[:, -1] = sums[:, :-1].sum(axis=1)
    return sums


def intervals(outcomes: Outcomes, seed: int, level: float = LEVEL, resamples: int = RESAMPLES):
    """Return (value, low, high), each float64[segment + 1, FIGURES]: shares by Jeffreys, the others by bootstrap."""
    sums = by_segment(outcomes)
    tail = (1 - level) / 2
    drawn = figures(resampled(outcomes, seed, resamples))
    low, high = np.full_like(drawn[0], np.nan), np.full_like(drawn[0], np.nan)
    known = np.isfinite(drawn).any(axis=0)
    low[known], high[known] = np.nanquantile(drawn[:, known], [tail, 1 - tail], axis=0)
    low[:, 0], high[:, 0] = jeffreys(sums[:, 1], sums[:, 0], level)
    return figures(sums), low, high


def halves(outcomes: Outcomes, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two sorted arrays of loans: a random half and the other; each loan's word is at (loan, 0, 0, 0)."""
    n = len(outcomes.amount)
    words = philox_numpy(np.arange(n), counter(0, 0, 0), 0, group(0, SPLIT), seed & 0xFFFFFFFF, seed >> 32)
    order = np.lexsort((words[1], words[0]))
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])

"""IFRS 9 (in China CAS 22): three stages, twelve-month or lifetime expected credit loss, and the allowance for it."""

import numpy as np

from simulator.accounting.loss_chain import DEFAULT, bucket_balance, expected_loss, experience, pooled, rate
from simulator.kernel.names import BUCKETS

STAGES = (slice(0, 1), slice(1, DEFAULT), slice(DEFAULT, BUCKETS))  # buckets: 5.5.11 over 30 days; B5.5.37, 90 days


def stage_balance(ledger, stage):
    """Return int64[replication, month, segment, product]: balance of stage 1, 2 or 3 at month ends, gross."""
    upper = ("balance", "balance_dpd30", "balance_dpd90")[stage - 1]
    worse = {1: "balance_dpd30", 2: "balance_dpd90"}.get(stage)
    return ledger[upper] - (ledger[worse] if worse else 0)


def stage_loss(loss):
    """Return float64[..., bucket]: the loss to provide for per unit; twelve months' in stage 1, lifetime after."""
    return np.concatenate([loss.year[..., :1], loss.lifetime[..., 1:]], axis=-1)


def opening_ecl(ledger, per_unit):
    """Return float64[batch, stage]: expected credit loss of the lender's opening book, mean of the batch.

    Its rates are those that this ledger has shown over the whole run; per_unit(Loss) picks the loss.
    """
    loss = per_unit(expected_loss(ledger.once(_whole_run)))
    own = (bucket_balance(ledger)[:, 0] * ledger.own_share[0, ..., None]).sum(axis=1)
    ecl = (own * loss).sum(axis=1) / ledger.batch_sizes[:, None]
    return np.stack([ecl[:, stage].sum(axis=-1) for stage in STAGES], axis=-1)


def coverage(ledger, per_unit=stage_loss):
    """Return float64[product, stage]: expected loss per unit of a stage's balance, over the whole of the run.

    Within a stage buckets weigh by their balance. A stage in which nothing ever stood has coverage 0.
    """
    seen = pooled(ledger.once(_whole_run))
    loss, weight = per_unit(expected_loss(seen))[0], seen.opening[0]
    parts = [((loss * weight)[:, stage].sum(axis=-1), weight[:, stage].sum(axis=-1)) for stage in STAGES]
    top, bottom = (np.stack(x, axis=-1) for x in zip(*parts, strict=True))
    return rate(top, bottom)


def _whole_run(ledger):
    """Return the experience of the whole run, run-off included."""
    return experience(ledger, 1, ledger.frame.horizon)


def allowance(ledger, ratios):
    """Return float64[replication, month, segment, product]: `ratios` (as `coverage` has them) on the own balance.

    Before insurance: claims are counted when they are paid.
    """
    gross = sum(stage_balance(ledger, k + 1) * ratios[:, k] for k in range(len(STAGES)))
    return gross * ledger.own_share


def ifrs9_allowance(ledger):
    """Return the allowance at the baseline's coverage of the stages."""
    return allowance(ledger, ledger.baseline.once(coverage))

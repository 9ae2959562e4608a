"""IFRS 9 (in China CAS 22): three stages, twelve-month or lifetime expected credit loss, and the allowance for it."""

import numpy as np

from simulator.analysis.accounting.loss_chain import (
    YEAR,
    accounts,
    bucket_balance,
    drawn_loss,
    expected_loss,
    experience,
    pooled,
    rate,
)
from simulator.model.layout import BUCKETS, DEFAULT_BUCKET, LINE

# Buckets of the stages: paragraphs 5.5.11, over 30 days, and B5.5.37, 90 days.
STAGES = (slice(0, 1), slice(1, DEFAULT_BUCKET), slice(DEFAULT_BUCKET, BUCKETS))

# Months over which a line in stage 2 is provided for: as long as the lender will be exposed to it and can do nothing
# about that (5.5.20 and B5.5.40 name what to consider, no number). Assumption.
BEHAVIOURAL_LIFE = 36


def stage_balance(ledger, stage):
    """Return int64[replication, month, segment, product]: balance of stage 1, 2 or 3 at month ends, gross.

    By days past due, except that what was restructured less than twelve months ago is at least in stage 2, and what
    was in default until less than three months ago still in stage 3.
    """
    late, bad, watched = ledger["balance_dpd30"], ledger["balance_dpd90"], ledger["balance_watched"]
    probation, late_on_probation = ledger["balance_probation"], ledger["balance_probation_dpd30"]
    if stage == 3:
        return bad + probation
    if stage == 2:
        return late - bad - late_on_probation + watched
    return ledger["balance"] - late - (probation - late_on_probation) - watched


def own_stage_balance(ledger, stage):
    """Return float64[replication, month, segment, product]: what of a stage partners and insurers leave to the lender.

    Partners hold their share of every stage. What insurers have paid for is taken from stage 3, where claims are, and
    what is more than that stage from the next.
    """
    own, held = stage_balance(ledger, stage) * ledger.own_share, ledger["insurer_balance"]
    worse = sum(stage_balance(ledger, k) * ledger.own_share for k in range(stage + 1, len(STAGES) + 1))
    return own - np.clip(held - worse, 0, np.maximum(own, 0))  # a credit balance is nobody's claim


def stage_loss(loss, shown, balance, count):
    """Return float64[batch, product, bucket]: what to provide for `balance` of `count` accounts.

    Twelve months' loss in stage 1, lifetime after. Of lines that are not in default it includes what is drawn before
    the default (5.5.20), and the lifetime of stage 2 is the behavioural life.
    """
    provided = balance * np.concatenate([loss.year[..., :1], loss.lifetime[..., 1:]], axis=-1)
    drawn = drawn_loss(shown, loss, BEHAVIOURAL_LIFE)
    drawn[..., 0] = drawn_loss(shown, loss, YEAR)[..., 0]
    provided[:, LINE, :DEFAULT_BUCKET] = (count * drawn)[:, LINE, :DEFAULT_BUCKET]
    return provided


def opening_ecl(ledger, provide):
    """Return float64[batch, stage]: expected credit loss of the lender's opening book, mean of the batch.

    Its rates are those that this ledger has shown; provide(Loss, Accounts, balance, count) says what to provide for.
    """
    share = ledger.own_share[0, ..., None]
    own = (ledger.once(bucket_balance)[:, 0] * share).sum(axis=1)
    count = (ledger.rolls[:, 1, ..., :BUCKETS, :, 0].sum(axis=-1) * share).sum(axis=1)
    ecl = provide(expected_loss(ledger.once(_whole_run)), ledger.once(_lending), own, count).sum(axis=1)
    return np.stack([ecl[:, stage].sum(axis=-1) for stage in STAGES], axis=-1) / ledger.batch_sizes[:, None]


def coverage(ledger, provide=stage_loss):
    """Return float64[product, stage]: what is to be provided per unit of a stage's balance, over the months of lending.

    A stage in which nothing ever stood has coverage 0.
    """
    loss, shown = expected_loss(pooled(ledger.once(_whole_run))), pooled(ledger.once(_lending))
    provided = provide(loss, shown, shown.balance, shown.opening)[0]
    parts = [(provided[:, stage].sum(axis=-1), shown.balance[0, :, stage].sum(axis=-1)) for stage in STAGES]
    top, bottom = (np.stack(x, axis=-1) for x in zip(*parts, strict=True))
    return rate(top, bottom)


def _whole_run(ledger):
    """Return the experience of the whole run, run-off included: recoveries take time."""
    return experience(ledger, 1, ledger.frame.horizon)


def _lending(ledger):
    """Return what became of accounts while new credit was granted, which is what may be drawn."""
    return accounts(ledger, 1, ledger.frame.months)


def allowance(ledger, coverage):
    """Return float64[replication, month, segment, product]: coverage(ledger) of the stages on the own balance.

    The opening book is provided for at the baseline's coverage: no policy has done anything yet. From month 1 on every
    lender provides at its own, so what it thinks of the opening book by then is in the provision of month 1. What
    insurers will pay is not counted before it is claimed.
    """
    months = np.arange(ledger.frame.horizon + 1)[:, None, None, None]
    ratios = np.where(months == 0, ledger.baseline.once(coverage), ledger.once(coverage))  # [month, 1, product, stage]
    return sum(own_stage_balance(ledger, k + 1) * ratios[..., k] for k in range(len(STAGES)))


def ifrs9_allowance(ledger):
    """Return the allowance at the coverage of the stages that this ledger's own rolls show."""
    return allowance(ledger, coverage)

"""Write off what is very late, and collect on it until the claim expires."""

from pydantic import Field

from simulator.kernel.names import (
    AGE_BANDS,
    BUCKETS,
    S_COMMISSION,
    S_RECOVER_CHANCE,
    S_RECOVER_SHARE,
    STAGES,
    V_EXPIRE,
    V_WRITE_OFF,
)
from simulator.scenario.values import Chance, Dpd, Share

from .base import AGES, Months, Never, PolicySettings, by_age, share, threshold

DESCRIPTION = "Write off accounts that are so many days late, and collect on them at a commission until they expire."
EFFECT = "The stock of 90+ moves against the loss: the same book looks different; recoveries come late."
_NOTHING = [0.0] * len(AGE_BANDS)


class Settings(PolicySettings):
    """The write-off rule and what collecting brings afterwards."""

    at_dpd: Dpd | Never = Field(description="days past due at which an account is written off, a multiple of 30")
    recover_chance: by_age(Chance) = Field(_NOTHING, description=f"chance of a recovery per month, {AGES}")
    recover_share: by_age(Share) = Field(_NOTHING, description=f"share of the balance a recovery brings, {AGES}")
    commission: by_age(Share) = Field(_NOTHING, description=f"share of what is recovered that collecting costs, {AGES}")
    expire_months: Months | Never = Field("never", description="months after write-off when the claim expires")


def write(levers, settings, frame):
    """The earlier write-off and expiry hold; recovery terms replace earlier ones in bands with a chance above 0."""
    cells = frame.cells(settings)
    bucket, expire = (*cells, V_WRITE_OFF), (*cells, V_EXPIRE)
    levers.month[bucket] = levers.month[bucket].clip(max=threshold(settings.at_dpd, 30))
    levers.month[expire] = levers.month[expire].clip(max=threshold(settings.expire_months))
    for band, stage in enumerate(range(BUCKETS, STAGES)):
        if settings.recover_chance[band] > 0:
            levers.stage[(*cells, stage, S_RECOVER_CHANCE)] = share(settings.recover_chance[band])
            levers.stage[(*cells, stage, S_RECOVER_SHARE)] = share(settings.recover_share[band])
            levers.stage[(*cells, stage, S_COMMISSION)] = share(settings.commission[band])

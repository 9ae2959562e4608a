"""Remind borrowers before the due date."""

from pydantic import Field

from simulator.model.layout import BUCKETS, ONE, S_FORGET_KEEP, V_REACH
from simulator.model.values import Share
from simulator.policy.base import PolicySettings, mul_q31, share

DESCRIPTION = "Remind a share of the borrowers before each due date, so that fewer of them forget it."
EFFECT = "Dues missed because they were forgotten fall; hard default hardly moves; each reminder costs."
NEUTRAL = {"reach": 0.0, "strength": 0.5}
EXAMPLE = {"reach": 0.8, "strength": 0.25}


class Settings(PolicySettings):
    """Whom a reminder reaches and what it does."""

    reach: Share = Field(description="share of borrowers that a reminder reaches, always the same people")
    strength: Share = Field(description="share of the chance to forget that a reminder which arrives removes")


def write(levers, settings, frame):
    """Reach the wider of the reaches, and take the strength off the chance to forget in every bucket."""
    cells = frame.cells(settings)
    reach = (*cells, V_REACH)
    levers.month[reach] = levers.month[reach].clip(min=share(settings.reach))
    if settings.reach > 0:
        keep = (*cells, slice(0, BUCKETS), S_FORGET_KEEP)
        levers.stage[keep] = mul_q31(levers.stage[keep], ONE - share(settings.strength))

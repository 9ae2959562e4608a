"""Raise the bar for new credit: cut-offs, limits by score, a score that knows more."""

from math import sqrt
from typing import Annotated

from pydantic import Field

from simulator.model.layout import (
    NEVER,
    SCORE_BANDS,
    V_INCOME_CUTOFF,
    V_SCORE_CORRELATION,
    V_SCORE_CUTOFF,
    V_SCORE_NOISE,
)
from simulator.model.values import MONEY_PER_MONTH, Correlation, Money
from simulator.policy.base import MOST, Multiplier, Points, PolicySettings, mul_q16, multiplier

DESCRIPTION = "Decline applicants below a score or an income, and scale the limits of the others by score."
EFFECT = "The approval rate falls; loss avoided stands against the good business that is lost."
NEUTRAL = {"limit_by_score": [1.0] * SCORE_BANDS}
EXAMPLE = {"score_cutoff": 560, "income_cutoff": 2000.0, "limit_by_score": [0.5] * 8 + [1.5] * 8, "score_power": 0.6}


class Settings(PolicySettings):
    """Who is declined and what limit the others get; the score has mean 600 and standard deviation 64."""

    score_cutoff: Points | None = Field(
        None, description="points; applicants below are declined; without it, nobody is for the score"
    )
    income_cutoff: Annotated[Money, MONEY_PER_MONTH] | None = Field(
        None, description="applicants below are declined; without it, nobody is for the income"
    )
    limit_by_score: Annotated[list[Multiplier], Field(min_length=SCORE_BANDS, max_length=SCORE_BANDS)] | None = Field(
        None, description="16 multipliers of the limit, one for each band of 32 points from 344 up"
    )
    score_power: Correlation | None = Field(
        None, description="correlation of the score used in the review with true quality; without it the segment's own"
    )

    def sole(self, last):
        """Only one score is used at a time."""
        return set() if self.score_power is None else {("score_power",)}


def write(levers, settings, frame):
    """The higher cut-offs hold; limits by score multiply, up to 16 times."""
    cells = frame.cells(settings)
    score, income = (*cells, V_SCORE_CUTOFF), (*cells, V_INCOME_CUTOFF)
    points = -NEVER if settings.score_cutoff is None else settings.score_cutoff
    amount = -NEVER if settings.income_cutoff is None else frame.amount(settings.income_cutoff)
    levers.month[score] = levers.month[score].clip(min=points)
    levers.month[income] = levers.month[income].clip(min=amount)
    for band, own in enumerate(settings.limit_by_score or []):
        limit = (*cells, band)
        levers.review[limit] = mul_q16(levers.review[limit], multiplier(own)).clip(max=MOST)
    if settings.score_power is not None:
        levers.month[(*cells, V_SCORE_CORRELATION)] = multiplier(settings.score_power)
        levers.month[(*cells, V_SCORE_NOISE)] = multiplier(sqrt(1 - settings.score_power**2))

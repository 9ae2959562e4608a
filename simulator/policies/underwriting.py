"""Raise the bar for new credit: cut-offs, and limits by score."""

from math import floor
from typing import Annotated

from pydantic import Field

from simulator.kernel.names import NEVER, SCORE_BANDS, UNIT, V_INCOME_CUTOFF, V_SCORE_CUTOFF
from simulator.scenario.values import MONEY_PER_MONTH, MULTIPLIER, Money

from .base import PolicySettings

DESCRIPTION = "Decline applicants below a score or an income, and scale the limits of the others by score."
EFFECT = "The approval rate falls; loss avoided stands against the good business that is lost."

Multiplier = Annotated[float, Field(ge=0, le=16), MULTIPLIER]


class Settings(PolicySettings):
    """Who is declined and what limit the others get; the score has mean 600 and standard deviation 64."""

    score_cutoff: Annotated[int, Field(ge=0, le=1200)] | None = Field(
        None, description="points; applicants below are declined; without it, nobody is for the score"
    )
    income_cutoff: Annotated[Money, MONEY_PER_MONTH] | None = Field(
        None, description="applicants below are declined; without it, nobody is for the income"
    )
    limit_by_score: Annotated[list[Multiplier], Field(min_length=SCORE_BANDS, max_length=SCORE_BANDS)] | None = Field(
        None, description="16 multipliers of the limit, one for each band of 32 points from 344 up"
    )


def write(levers, settings, frame):
    """The higher cut-offs hold; limits by score multiply."""
    cells = frame.cells(settings)
    score, income = (*cells, V_SCORE_CUTOFF), (*cells, V_INCOME_CUTOFF)
    points = -NEVER if settings.score_cutoff is None else settings.score_cutoff
    amount = -NEVER if settings.income_cutoff is None else frame.amount(settings.income_cutoff)
    levers.month[score] = levers.month[score].clip(min=points)
    levers.month[income] = levers.month[income].clip(min=amount)
    for band, multiplier in enumerate(settings.limit_by_score or []):
        limit = (*cells, band)
        levers.review[limit] = (levers.review[limit] * floor(multiplier * UNIT + 0.5) + UNIT // 2) >> 16

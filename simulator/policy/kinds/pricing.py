"""Price credit: interest rates by grade, and the minimum payment."""

from typing import Annotated

from pydantic import Field

from simulator.model.layout import GRADES, V_MIN_SHARE, V_RATE
from simulator.model.values import Share
from simulator.policy.base import MOST, Multiplier, PolicySettings, mul_q16, multiplier, share

DESCRIPTION = "Change the interest rate, for all or by grade, and the share of the bill that is due each month."
EFFECT = "Interest moves at once, delinquency slowly; a higher minimum payment repays sooner and strains who is short."
NEUTRAL = {"rate": 1.0, "rate_by_grade": [1.0] * GRADES}
EXAMPLE = {"rate": 0.9, "rate_by_grade": [0.8, 0.9, 1.0, 1.1, 1.2], "minimum_share": 0.05}


class Settings(PolicySettings):
    """Multipliers of the products' rates, and the minimum payment of the line."""

    rate: Multiplier = Field(1.0, description="multiplier of the interest rate")
    rate_by_grade: Annotated[list[Multiplier], Field(min_length=GRADES, max_length=GRADES)] | None = Field(
        None, description="five multipliers of the interest rate, by the account's grade from A to E"
    )
    minimum_share: Share | None = Field(
        None, description="share of the bill due on the line; without it, the product's own"
    )


def write(levers, settings, frame):
    """Rates multiply, up to 16 times; the higher minimum payment holds."""
    cells = frame.cells(settings)
    for grade, own in enumerate(settings.rate_by_grade or [1.0] * GRADES):
        rate = (*cells, V_RATE + grade)
        for times in (settings.rate, own):
            levers.month[rate] = mul_q16(levers.month[rate], multiplier(times)).clip(max=MOST)
    if settings.minimum_share is not None:
        least = (*cells, V_MIN_SHARE)
        levers.month[least] = levers.month[least].clip(min=share(settings.minimum_share))

"""Offer repayment plans to borrowers in hardship."""

from typing import Annotated

from pydantic import Field

from simulator.model.layout import V_PLAN_BUCKET, V_PLAN_CHANCE, V_PLAN_FORGIVE, V_PLAN_MONTHS, V_PLAN_RATE
from simulator.model.values import MONTHS, Dpd, Share
from simulator.policy.base import Never, PolicySettings, share, threshold

DESCRIPTION = "Offer those who are short of cash or out of work a plan: time, a lower rate, part of the debt forgiven."
EFFECT = "Late accounts become current again; how many fall behind once more is an outcome; interest and debt are lost."
NEUTRAL = {"offer_dpd": 60, "accepted": 0.0, "months": 24}
EXAMPLE = {"offer_dpd": 60, "accepted": 0.5, "months": 24, "rate": 0.5, "forgiven": 0.1}


class Settings(PolicySettings):
    """Who is offered a plan, how many accept, and its terms."""

    offer_dpd: Dpd | Never = Field(description="days past due from which a plan is offered, a multiple of 30")
    accepted: Share = Field(description="share of offers accepted, each month anew")
    months: Annotated[int, Field(ge=1, le=60), MONTHS] = Field(description="months in which the balance is repaid")
    rate: Share = Field(1.0, description="share of the contract's interest rate that a plan is charged")
    forgiven: Share = Field(0.0, description="share of the balance forgiven at the start of a plan")

    def sole(self, last):
        """Only one plan is offered at a time."""
        return {("offer_dpd",)} if self._offers else set()

    @property
    def _offers(self):
        return self.offer_dpd != "never" and self.accepted > 0


def write(levers, settings, frame):
    """Write the offer and its terms, if anybody accepts it."""
    if not settings._offers:
        return
    cells = frame.cells(settings)
    levers.month[(*cells, V_PLAN_BUCKET)] = threshold(settings.offer_dpd, 30)
    levers.month[(*cells, V_PLAN_CHANCE)] = share(settings.accepted)
    levers.month[(*cells, V_PLAN_MONTHS)] = settings.months
    levers.month[(*cells, V_PLAN_RATE)] = share(settings.rate)
    levers.month[(*cells, V_PLAN_FORGIVE)] = share(settings.forgiven)

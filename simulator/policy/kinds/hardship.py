"""Offer repayment plans to borrowers in hardship."""

from typing import Annotated

from simulator.policy import MONTHS, NEVER, Dpd, Field, Never, Policy, Share, layout, share, threshold

DESCRIPTION = "Offer those who are short of cash or out of work a plan: time, a lower rate, part of the debt forgiven."
EFFECT = "Late accounts become current again; how many fall behind once more is an outcome; interest and debt are lost."
MEETS = "One plan is offered at a time."
NEUTRAL = {"offer_dpd": 60, "accepted": 0.0, "months": 24}
EXAMPLE = {"offer_dpd": 60, "accepted": 0.5, "months": 24, "rate": 0.5, "forgiven": 0.1}


class Settings(Policy):
    """Who is offered a plan, how many accept, and its terms."""

    offer_dpd: Dpd | Never = Field(description="days past due from which a plan is offered, a multiple of 30")
    accepted: Share = Field(description="share of offers accepted, each month anew")
    months: Annotated[int, Field(ge=1, le=60), MONTHS] = Field(description="months in which the balance is repaid")
    rate: Share = Field(1.0, description="share of the contract's interest rate that a plan is charged")
    forgiven: Share = Field(0.0, description="share of the balance forgiven at the start of a plan")

    def sole(self, last):
        """Only one plan is offered at a time."""
        return {("offer_dpd",)} if self._offers else set()

    def acts_at(self):
        """Plans are offered to open accounts."""
        return {"offer_dpd": threshold(self.offer_dpd)} if self._offers else {}

    def conflicts(self, others):
        """A plan is offered before an account is written off, or in that month at the latest."""
        gone, offered = others.exits.written_off, threshold(self.offer_dpd)
        if gone < offered < NEVER:
            yield "offer_dpd", f"found {offered}", f"allowed: up to {gone}, the write-off"

    @property
    def _offers(self):
        return self.offer_dpd != "never" and self.accepted > 0


def write(levers, settings, context):
    """Write the offer and its terms, if anybody accepts it."""
    if not settings._offers:
        return
    cells = context.cells(settings)
    levers.month[(*cells, layout.V_PLAN_BUCKET)] = threshold(settings.offer_dpd, 30)
    levers.month[(*cells, layout.V_PLAN_CHANCE)] = share(settings.accepted)
    levers.month[(*cells, layout.V_PLAN_MONTHS)] = settings.months
    levers.month[(*cells, layout.V_PLAN_RATE)] = share(settings.rate)
    levers.month[(*cells, layout.V_PLAN_FORGIVE)] = share(settings.forgiven)


def why(evidence):
    """Yield re-default of plans, and their value against collecting."""
    forgiven = f"; {evidence.level('forgiven')} is forgiven" if evidence.mean("forgiven") else ""
    broken = evidence.level("redefault_rate")
    yield f"{evidence.level('n_plans')} plans are begun and {broken} of them broken{forgiven}."
    npv = evidence.clause("net present value", "npv")
    yield f"against collecting: {evidence.clause('net loss', 'net_loss')}, {npv}."

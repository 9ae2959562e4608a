"""Teach borrowers how to handle money."""

from typing import Annotated

from simulator.policy import (
    Dpd,
    Field,
    Money,
    Multiplier,
    Never,
    Policy,
    Share,
    Unit,
    forgetting,
    kept,
    layout,
    multiplier,
    noted,
    say,
    share,
    threshold,
)

LABEL = noted("education")
DESCRIPTION = (
    "Teach a share of the borrowers, once each, to keep to due dates, to spend less and to ask for help early."
)
EFFECT = (
    "Those reached forget less and spend less: arrears fall, and so do the balance and its interest; it costs once."
)
MEETS = "One course is given at a time."
NEUTRAL = {"reached": 0.5, "forgetting": 1.0, "spending": 1.0}
EXAMPLE = {"reached": 0.3, "cost": 10.0, "forgetting": 0.9, "spending": 0.98, "contact": 1.2, "asks_dpd": 30}


class Settings(Policy):
    """Who is taught, what that costs, and what it changes."""

    reached: Share = Field(
        title=noted("borrowers taught|a share"),
        description="share of borrowers who are taught, in its first month or when they arrive; always the same ones",
    )
    cost: Annotated[Money, Unit("{money} per borrower", (("{money}", 1.0),))] = Field(
        0.0, title=noted("cost of a borrower"), description="of each borrower who is taught, once"
    )
    # assumption, [0.7, 1]: no trial with a lender's own borrowers was found
    forgetting: Share = Field(
        0.9, title=noted("forgetting kept"), description="share of the chance to forget a due that they keep"
    )
    # assumption, [0.9, 1]
    spending: Share = Field(
        0.98, title=noted("spending kept"), description="share of wanted spending on the line that they keep"
    )
    # assumption, [1, 1.5]: who knows what a call is for takes it
    contact: Annotated[Multiplier, Field(ge=1)] = Field(
        1.0,
        title=noted("reached by collectors, times"),
        description="multiplier of the share of them whom collectors reach, by contact_reach; 1.2 [1, 1.5]",
    )
    # assumption: a month before the lender offers it, or never
    asks_dpd: Dpd | Never = Field(
        "never",
        title=noted("days past due when a plan is asked for"),
        description="days past due, a multiple of 30, from which they ask for a plan, if one is offered later",
    )

    def contradictions(self):
        """Who is taught stays so: it does not depend on the month."""
        if self.when is not None:
            yield "when", kept("found one"), kept("allowed: none; a course is given once, in the month start")

    def sole(self, last):
        """Only one course is given at a time."""
        return {("reached",)} if self._teaches else set()

    @property
    def _teaches(self):
        acts = self.cost > 0 or self.forgetting < 1 or self.spending < 1 or self.contact > 1
        return self.reached > 0 and (acts or self.asks_dpd != "never")


def write(levers, settings, context):
    """Write who is taught and what that leaves; those who are there in the first month are taught in it."""
    if not settings._teaches:
        return
    cells = context.cells(settings)
    levers.month[(*cells, layout.V_EDUCATED)] = share(settings.reached)
    levers.month[(*context.cells(settings, [settings.start]), layout.V_TAUGHT)] = share(settings.reached)
    levers.month[(*cells, layout.V_EDUCATION_COST)] = context.amount(settings.cost)
    levers.month[(*cells, layout.V_EDUCATION_FORGET)] = share(settings.forgetting)
    levers.month[(*cells, layout.V_EDUCATION_SPEND)] = share(settings.spending)
    levers.month[(*cells, layout.V_EDUCATION_REACH)] = multiplier(settings.contact)
    levers.month[(*cells, layout.V_EDUCATION_PLAN)] = threshold(settings.asks_dpd, 30)


def why(evidence):
    """Yield that forgetting and spending fall, and what the course costs against that."""
    yield from forgetting(evidence, say("education"))
    yield say(
        "{credit}; {interest}; {loss}.",
        credit=evidence.clause(say("new credit"), "new_credit"),
        interest=evidence.clause(say("interest"), "interest"),
        loss=evidence.clause(say("net loss"), "net_loss"),
    )
    yield say(
        "{taught} borrowers are taught, for {cost}; {npv}.",
        taught=evidence.level("n_educated"),
        cost=evidence.level("education_cost"),
        npv=evidence.clause(say("net present value"), "npv"),
    )

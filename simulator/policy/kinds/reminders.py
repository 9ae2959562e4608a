"""Remind borrowers before the due date."""

from simulator.policy import BUCKETS, ONE, Field, Policy, Share, forgetting, layout, mul_q31, noted, say, share

LABEL = noted("reminders|a policy")
DESCRIPTION = "Remind a share of the borrowers before each due date, so that fewer of them forget it."
EFFECT = "Dues missed because they were forgotten fall; hard default hardly moves; each reminder costs."
MEETS = "The wider reach holds; what they leave of forgetting multiplies."
NEUTRAL = {"reach": 0.0, "strength": 0.5}
EXAMPLE = {"reach": 0.8, "strength": 0.25}


class Settings(Policy):
    """Whom a reminder reaches and what it does."""

    reach: Share = Field(
        title=noted("borrowers reached"),
        description="share of borrowers that a reminder reaches, always the same people",
    )
    strength: Share = Field(
        title=noted("forgetting removed"),
        description="share of the chance to forget that a reminder which arrives removes, in every bucket",
    )


def write(levers, settings, context):
    """Reach the wider of the reaches, and take the strength off the chance to forget in every bucket."""
    cells = context.cells(settings)
    reach = (*cells, layout.V_REACH)
    levers.month[reach] = levers.month[reach].clip(min=share(settings.reach))
    if settings.reach > 0:
        keep = (*cells, slice(0, BUCKETS), layout.S_FORGET_KEEP)
        levers.stage[keep] = mul_q31(levers.stage[keep], ONE - share(settings.strength))


def why(evidence):
    """Yield that forgetting moves, hard default should not, and each reminder costs."""
    yield from forgetting(evidence, say("the reminder"))
    cost = evidence.clause(say("the cost of reminders"), "reminder_cost")
    yield say("{cost}; {loss}.", cost=cost, loss=evidence.clause(say("net loss"), "net_loss"))

"""Enrol borrowers in autopay."""

from simulator.policy import Field, Policy, Share, forgetting, layout, noted, say, share

LABEL = noted("autopay")
DESCRIPTION = "Enrol a share of the borrowers in autopay, which pays on the due date if the money is there."
EFFECT = "Forgetting ends for those enrolled; who is short of cash still misses the due; revolvers keep revolving."
MEETS = "The larger share is enrolled."
NEUTRAL = {"enrolled": 0.0}
EXAMPLE = {"enrolled": 0.8}


class Settings(Policy):
    """How many borrowers are enrolled."""

    enrolled: Share = Field(
        title=noted("borrowers enrolled"),
        description="share of borrowers enrolled, if above the segment's own; always the same ones",
    )


def write(levers, settings, context):
    """The wider enrolment holds."""
    enrolled = (*context.cells(settings), layout.V_AUTOPAY)
    levers.month[enrolled] = levers.month[enrolled].clip(min=share(settings.enrolled))


def why(evidence):
    """Yield that forgetting ends, and that autopay collects only where cash is."""
    yield from forgetting(evidence, say("autopay"))
    short = evidence.clause(say("dues missed for want of cash"), "n_missed_short", "n_missed_cannot", plural=True)
    yield say("Autopay collects only where cash is there: {short}.", short=short)

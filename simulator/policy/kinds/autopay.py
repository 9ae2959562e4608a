"""Enrol borrowers in autopay."""

from pydantic import Field

from simulator.model.layout import V_AUTOPAY
from simulator.model.values import Share
from simulator.policy.base import PolicySettings, share

DESCRIPTION = "Enrol a share of the borrowers in autopay, which pays on the due date if the money is there."
EFFECT = "Forgetting ends for those enrolled; who is short of cash still misses the due; revolvers keep revolving."
NEUTRAL = {"enrolled": 0.0}
EXAMPLE = {"enrolled": 0.8}


class Settings(PolicySettings):
    """How many borrowers are enrolled."""

    enrolled: Share = Field(description="share of borrowers enrolled, if above the segment's own; always the same ones")


def write(levers, settings, frame):
    """The wider enrolment holds."""
    enrolled = (*frame.cells(settings), V_AUTOPAY)
    levers.month[enrolled] = levers.month[enrolled].clip(min=share(settings.enrolled))

"""Freeze and close accounts that are late."""

from pydantic import Field

from simulator.model.layout import NEVER, V_CLOSE_DAYS, V_CROSS, V_FREEZE_DAYS
from simulator.policy.base import DaysLate, Never, PolicySettings, threshold

DESCRIPTION = "Freeze, then close accounts that are so many days late; closing one may close the borrower's other one."
EFFECT = "Exposure at default falls; accounts are closed over a forgotten bill: good customers are lost."
NEUTRAL = {"cross_product": True}
EXAMPLE = {"freeze_days_late": 7, "close_days_late": 30, "cross_product": True}


class Settings(PolicySettings):
    """Days late count exactly within the first month, then by 30 for each bucket."""

    freeze_days_late: DaysLate | Never = Field("never", description="days late at which an account is frozen")
    close_days_late: DaysLate | Never = Field("never", description="days late at which an account is closed")
    cross_product: bool = Field(False, description="closing an account closes the borrower's other account too")

    def contradictions(self):
        """An account is not closed before it is frozen."""
        freeze, close = (threshold(days) for days in (self.freeze_days_late, self.close_days_late))
        if close < freeze < NEVER:
            yield "close_days_late", f"closes at {close} days late and freezes at {freeze}", "allowed: not before that"


def write(levers, settings, frame):
    """The earlier freeze and the earlier closure hold; a closure that crosses makes all of its cells cross."""
    cells = frame.cells(settings)
    freeze, close, cross = ((*cells, name) for name in (V_FREEZE_DAYS, V_CLOSE_DAYS, V_CROSS))
    levers.month[freeze] = levers.month[freeze].clip(max=threshold(settings.freeze_days_late))
    levers.month[close] = levers.month[close].clip(max=threshold(settings.close_days_late))
    if settings.cross_product and settings.close_days_late != "never":
        levers.month[cross] = 1

"""Cut the limits of accounts that fall behind."""

from pydantic import Field

from simulator.kernel.names import S_LIMIT_KEEP, V_LIMIT_FLOOR
from simulator.scenario.values import Dpd, Money, Share

from .base import PolicySettings, part, share

DESCRIPTION = "Cut the limit of an account when it falls this many days behind."
EFFECT = "Exposure at default falls; borrowers who bridged with the line run short of cash; interest is lost."


class Settings(PolicySettings):
    """When a limit is cut, and by how much."""

    at_dpd: Dpd = Field(description="days past due at which the limit is cut, a multiple of 30")
    keep: Share = Field(description="share of the limit that is kept")
    floor: Money = Field(0.0, description="a cut does not go below this limit")


def write(levers, settings, frame):
    """Multiply what is kept of the limit on falling into the bucket; the highest floor holds."""
    if settings.keep == 1:
        return
    cells = frame.cells(settings)
    keep = (*cells, settings.at_dpd // 30, S_LIMIT_KEEP)
    levers.stage[keep] = part(levers.stage[keep], share(settings.keep))
    floor = (*cells, V_LIMIT_FLOOR)
    levers.month[floor] = levers.month[floor].clip(min=frame.amount(settings.floor))

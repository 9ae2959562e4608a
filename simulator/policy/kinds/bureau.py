"""Report accounts that are late to the credit bureau."""

from typing import Annotated

from pydantic import Field

from simulator.model.layout import UNIT, V_REPORT_DAYS, V_REPORT_MONTHS, V_WILL_NOT
from simulator.model.values import MONTHS, LogOdds
from simulator.policy.base import DaysLate, Never, PolicySettings, multiplier, threshold

DESCRIPTION = "Report accounts that are so many days late to the credit bureau, and say so beforehand."
EFFECT = "Fewer are unwilling to pay before they are reported; those who are lose their credit elsewhere."
NEUTRAL = {"report_days_late": "never", "retention_months": 60, "incentive": -0.3}
EXAMPLE = {"report_days_late": 30, "retention_months": 60, "incentive": -0.3}
MOST_LOGIT = 256 * UNIT  # no sum of log-odds goes further, and beyond 16 they make no difference


class Settings(PolicySettings):
    """When a report is made, how long it lasts, and what the prospect of it does."""

    report_days_late: DaysLate | Never = Field(description="days late at which an account is reported")
    retention_months: Annotated[int, Field(ge=1, le=999), MONTHS] = Field(
        60, description="months a report lasts after the last one"
    )
    incentive: LogOdds = Field(
        0.0, description="log-odds added to not being willing to pay, for everybody; below 0: the prospect deters"
    )


def write(levers, settings, frame):
    """The earlier report and the longer retention hold; incentives add. Without reports there is no incentive."""
    if settings.report_days_late == "never":
        return
    days, months, will_not = ((*frame.cells(settings), name) for name in (V_REPORT_DAYS, V_REPORT_MONTHS, V_WILL_NOT))
    levers.month[days] = levers.month[days].clip(max=threshold(settings.report_days_late))
    levers.month[months] = levers.month[months].clip(min=settings.retention_months)
    sums = levers.month[will_not] + multiplier(settings.incentive)
    levers.month[will_not] = sums.clip(-MOST_LOGIT, MOST_LOGIT)

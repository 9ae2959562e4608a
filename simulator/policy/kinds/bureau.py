"""Report accounts that are late to the credit bureau."""

from typing import Annotated

from simulator.policy import (
    MONTHS,
    MOST,
    MOST_LOGIT,
    DaysLate,
    Field,
    LogOdds,
    Multiplier,
    Never,
    Policy,
    layout,
    mul_q16,
    multiplier,
    noted,
    say,
    threshold,
)

LABEL = noted("bureau")
DESCRIPTION = "Report accounts that are so many days late to the credit bureau, and say so beforehand."
EFFECT = (
    "Fewer are unwilling to pay before they are reported, and accounts are used less; those who are reported lose "
    "their credit elsewhere."
)
MEETS = "The earlier report and the longer retention hold; incentives add; usages multiply."
NEUTRAL = {"report_days_late": "never", "retention_months": 60, "incentive": -0.3}
EXAMPLE = {"report_days_late": 30, "retention_months": 60, "incentive": -0.3, "usage": 0.86}


class Settings(Policy):
    """When a report is made, how long it lasts, and what the prospect of it does."""

    report_days_late: DaysLate | Never = Field(
        title=noted("days late when reported"), description="days late at which an account is reported"
    )
    retention_months: Annotated[int, Field(ge=1, le=999), MONTHS] = Field(
        60, title=noted("time on record"), description="months a report lasts after the last one"
    )
    incentive: LogOdds = Field(
        0.0,
        title=noted("effect on unwillingness, log-odds"),
        description="log-odds added to not being willing to pay, for everybody; below 0: the prospect deters",
    )

    usage: Multiplier = Field(
        1.0,
        title=noted("use of accounts, times"),
        description="multiplier of the use of accounts, for everybody; below 1: reporting puts customers off",
    )

    def acts_at(self):
        """Accounts are reported while they are open."""
        return {"report_days_late": threshold(self.report_days_late)}


def write(levers, settings, context):
    """The earlier report and the longer retention hold; incentives add, usage multiplies. Without reports, neither."""
    if settings.report_days_late == "never":
        return
    days, months, will_not = (
        (*context.cells(settings), name) for name in (layout.V_REPORT_DAYS, layout.V_REPORT_MONTHS, layout.V_WILL_NOT)
    )
    levers.month[days] = levers.month[days].clip(max=threshold(settings.report_days_late))
    levers.month[months] = levers.month[months].clip(min=settings.retention_months)
    sums = levers.month[will_not] + multiplier(settings.incentive)
    levers.month[will_not] = sums.clip(-MOST_LOGIT, MOST_LOGIT)
    usage = (*context.cells(settings), layout.V_USAGE)
    levers.month[usage] = mul_q16(levers.month[usage], multiplier(settings.usage)).clip(max=MOST)


def why(evidence):
    """Yield willingness before a report, credit elsewhere after it."""
    unwilling = evidence.clause(say("dues refused"), "n_missed_will_not", plural=True)
    yield say("before the report, willingness: {unwilling}.", unwilling=unwilling)
    used = evidence.clause(say("what is borrowed elsewhere to pay dues"), "outside_used")
    refused = evidence.clause(say("what borrowers on record wanted elsewhere and did not get"), "outside_refused")
    short = evidence.clause(say("dues missed for want of cash"), "n_missed_short", "n_missed_cannot", plural=True)
    yield say("after it, credit elsewhere: {used}; {refused}; {short}.", used=used, refused=refused, short=short)
    loss = evidence.clause(say("net loss"), "net_loss")
    yield say("{reported} borrowers are reported; {loss}.", reported=evidence.level("n_reported"), loss=loss)

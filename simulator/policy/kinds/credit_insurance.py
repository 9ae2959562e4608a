"""Insure the book against default, layer by layer."""

from math import inf
from typing import Annotated, Literal

from pydantic import Field

from simulator.model.layout import V_CLAIM
from simulator.model.values import MONTHS, RATE_PER_YEAR, Dpd, Share, Unit
from simulator.policy.base import PolicySettings

DESCRIPTION = (
    "Insure the lender's own part against default: a premium, and claims on a share of the loss between a deductible "
    "and a cap. What comes back on claimed debt is shared."
)
EFFECT = "The mean costs more than it brings: the premium; in bad times the insurer pays: the tail is shorter."
NEUTRAL = {"premium": 0.0, "share": 0.0}
EXAMPLE = {"premium": 0.01, "share": 0.8, "deductible": 0.01, "cap": 0.05, "subrogation": 1.0}

Premium = Annotated[float, Field(ge=0, le=1), RATE_PER_YEAR]
Period = Annotated[int, Field(ge=1, le=600), MONTHS]


class Settings(PolicySettings):
    """The terms of one layer. Several policies are several layers, or insure different parts of the book.

    The loss of a period is what was claimed in it less what came back on claimed debt in it.
    """

    premium: Premium = Field(description="share a year of the balance that `premium_on` names")
    premium_on: Annotated[Literal["opening", "insured"], Unit("")] = Field(
        "insured",
        description="opening: the lender's own balance at the start of the period; insured: at the start of each month",
    )
    share: Share = Field(description="share of the loss between deductible and cap that is paid")
    deductible: Share = Field(0.0, description="share of the period's opening own balance that is lost before it pays")
    cap: Share | None = Field(
        None, description="share of the period's opening own balance from which it pays no more; without it, no cap"
    )
    period_months: Period = Field(12, description="months after which deductible and cap begin anew")
    claim_dpd: Dpd = Field(
        90,
        description="days past due, a multiple of 30, at which an account's balance becomes claimable; a loss before "
        "that makes it claimable too",
    )
    # Insurance Law of China, article 60: an insurer that has paid takes the insured's place, up to what it paid.
    subrogation: Share = Field(
        1.0,
        description="share of what comes back on paid claims that goes to the insurer; the lender keeps the rest until "
        "its own loss is 0",
    )


def write(levers, settings, frame):
    """Set where an account's balance becomes claimable; the cover itself is settled after the month."""
    if settings.share == 0:
        return
    claim = (*frame.cells(settings), V_CLAIM)
    levers.month[claim] = levers.month[claim].clip(max=settings.claim_dpd // 30)


def terms(settings, frame):
    """Return what is settled: the layer, where and when it covers."""
    from simulator.policy.risk_transfer import (
        Insurance,
    )  # numpy: a command that only checks settings does not pay for it

    return Insurance(
        *frame.acting(settings),
        premium=settings.premium,
        on_opening=settings.premium_on == "opening",
        share=settings.share,
        deductible=settings.deductible,
        cap=inf if settings.cap is None else settings.cap,
        period=settings.period_months,
        subrogation=settings.subrogation,
    )

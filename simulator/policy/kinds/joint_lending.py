"""Lend together with a partner who holds a share of every account."""

from typing import Annotated, Literal

from pydantic import Field

from simulator.model.layout import N_PRODUCT, V_PARTNER
from simulator.model.values import SHARE, Share
from simulator.policy.base import PolicySettings

DESCRIPTION = "A partner holds a share of every account: of what is lent, earned and lost. It pays a fee for the work."
EFFECT = "Own loss and own income fall together; costs stay with the lender, and the fee pays for them."
NEUTRAL = {"share": 0.0}
EXAMPLE = {"share": 0.3, "fee": 0.1}

LatePrice = Annotated[Literal["expected"] | Share, SHARE]


class Settings(PolicySettings):
    """The partner's part. It buys into the book when the policy starts after month 1 and is bought out when it ends."""

    share: Share = Field(description="share of balance, new credit, interest and loss that is the partner's")
    fee: Share = Field(0.0, description="share of the partner's interest and late charges that it pays to the lender")
    late_price: LatePrice = Field(
        "expected",
        description="share of the balance at which late debt changes hands when the partner joins or leaves; expected: "
        "what such debt brings in this run, at its value today. What is current changes hands at par",
    )


def write(levers, settings, frame):
    """Mark what is written off while the partner shares; its part is settled after the month, from what it booked."""
    if settings.share > 0:
        levers.month[(*frame.cells(settings), V_PARTNER)] = 1


def terms(settings, frame):
    """Return what is settled: the share, the fee and the price, where and when the partner lends."""
    from simulator.policy.risk_transfer import (
        LATE,
        Partner,
    )  # numpy: a command that only checks settings does not pay for it

    price = None if settings.late_price == "expected" else ((settings.late_price,) * LATE,) * N_PRODUCT
    return Partner(*frame.acting(settings), share=settings.share, fee=settings.fee, late_price=price)

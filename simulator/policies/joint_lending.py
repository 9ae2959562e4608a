"""Lend together with a partner who holds a share of every account."""

from pydantic import Field

from simulator.scenario.values import Share

from .base import PolicySettings

DESCRIPTION = "A partner holds a share of every account: of what is lent, earned and lost. It pays a fee for the work."
EFFECT = "Own loss and own income fall together; costs stay with the lender, and the fee pays for them."
NEUTRAL = {"share": 0.0}
EXAMPLE = {"share": 0.3, "fee": 0.1}


class Settings(PolicySettings):
    """The partner's part. It buys into the book at par when the policy starts and is bought out when it ends."""

    share: Share = Field(description="share of balance, new credit, interest and loss that is the partner's")
    fee: Share = Field(0.0, description="share of the partner's interest and late charges that it pays to the lender")


def write(levers, settings, frame):
    """Nothing: the partner's part is settled after the month, from what it booked."""


def terms(settings, frame):
    """Return what is settled: the share and the fee, where and when the partner lends."""
    from simulator.transfer import Partner  # numpy: a command that only checks settings does not pay for it

    return Partner(*frame.acting(settings), share=settings.share, fee=settings.fee)

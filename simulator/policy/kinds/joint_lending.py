"""Lend together with a partner who holds a share of every account."""

from typing import Annotated, Literal

from simulator.policy import CLOSE, PRODUCTS, SHARE, Choices, Field, Policy, Share, kept, layout, listed, noted, say

LABEL = noted("joint lending")
DESCRIPTION = "A partner holds a share of every account: of what is lent, earned and lost. It pays a fee for the work."
EFFECT = "Own loss and own income fall together; costs stay with the lender, and the fee pays for them."
MEETS = "Several partners; their shares sum to 1 at most."
NEUTRAL = {"share": 0.0}
EXAMPLE = {"share": 0.3, "fee": 0.1}

LatePrice = Annotated[Literal["expected"] | Share, SHARE, Choices(expected=noted("expected value"))]


class Settings(Policy):
    """The partner's part. It buys into the book when the policy starts after month 1 and is bought out when it ends."""

    share: Share = Field(
        title=noted("partner's share"),
        description="share of balance, new credit, interest and loss that is the partner's",
    )
    fee: Share = Field(
        0.0,
        title=noted("partner's fee"),
        description="share of the partner's interest and late charges that it pays to the lender",
    )
    late_price: LatePrice = Field(
        "expected",
        title=noted("price of late debt"),
        description="share of the balance at which late debt changes hands when the partner joins or leaves; expected: "
        "what such debt brings in this run, at its value today. What is current changes hands at par",
    )

    def conflicts(self, others):
        """One loss is borne once, and no partner joins or leaves accounts that are insured: that too changes hands."""
        borne = self.share + sum(partner.share for partner in others.of(Settings).values())
        if borne > 1 + CLOSE:
            found = kept("with those of other partners it is {borne}", borne=f"{borne:g}")
            yield "share", found, kept("allowed: shares of one loss that sum to 1 or less")
        covers = {name: other.start for name, other in others.sharing.items() if other.insures and self.share > 0}
        for name, begins in covers.items():
            same = kept("where {name} begins to insure the same accounts", name=name)
            if self.start > begins:
                yield (
                    "start",
                    kept("joins in month {start}", start=self.start),
                    kept("allowed: up to {begins}, {same}", begins=begins, same=same),
                )
            if begins <= (self.end or others.months) < others.months:
                allowed = kept("allowed: before {begins}, {same}, or no end", begins=begins, same=same)
                if begins == 1:
                    allowed = kept("allowed: no end, as {name} insures the same accounts from the start", name=name)
                yield "end", kept("leaves after month {end}", end=self.end), allowed


def write(levers, settings, context):
    """Mark what is written off while the partner shares; its part is settled after the month, from what it booked."""
    if settings.share > 0:
        levers.month[(*context.cells(settings), layout.V_PARTNER)] = 1


def terms(settings, context):
    """Return what is settled: the share, the fee and the price, where and when the partner lends."""
    from simulator.policy import LATE, Partner  # numpy: a command that only checks settings does not pay for it

    price = None if settings.late_price == "expected" else ((settings.late_price,) * LATE,) * len(PRODUCTS)
    first, last, segments, products = context.acting(settings)
    return Partner(first, last, segments, products, share=settings.share, fee=settings.fee, late_price=price)


def why(evidence):
    """Yield what is left of loss and income with a partner."""
    yield say(
        "{loss}; {theirs}; {value}.",
        loss=evidence.clause(say("the own net loss"), "own_net_loss"),
        theirs=evidence.clause(say("the net present value of partners"), "npv_partner"),
        value=evidence.value(),
    )
    earned = evidence.clause(say("what partners earn"), "partner_profit")
    fee = evidence.level("partner_fee")
    yield say("{earned}; they pay {fee} for the work.", earned=earned, fee=fee)
    if not evidence.has("partner_bought"):
        return
    for partner in evidence.risk_transfers:
        if prices := getattr(partner, "late_price", None):
            told = [
                say(
                    "of {product} at {prices} per cent",
                    product=say("lines" if name == "line" else "loans"),
                    prices=listed([f"{100 * price:.1f}" for price in prices[k]]),
                )
                for k, name in enumerate(PRODUCTS)
                if k in partner.products and name in evidence.products
            ]
            yield say(
                "late debt changes hands, one due late, two, and in default, {told} of the balance.", told=listed(told)
            )

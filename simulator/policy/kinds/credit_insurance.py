"""Insure the book against default, layer by layer."""

from math import inf
from typing import Annotated, ClassVar, Literal

from simulator.policy import (
    CLOSE,
    MONTHS,
    RATE_PER_YEAR,
    Choices,
    Dpd,
    Field,
    Policy,
    Share,
    Unit,
    kept,
    layout,
    noted,
    say,
)

LABEL = noted("credit insurance")
DESCRIPTION = (
    "Insure the lender's own part against default: a premium, and claims on a share of the loss between a deductible "
    "and a cap. What comes back on claimed debt is shared."
)
EFFECT = "The mean costs more than it brings: the premium; in bad times the insurer pays: the tail is shorter."
MEETS = "Each is a layer of its own; shares of one loss sum to 1 at most, and claim_dpd is the same in all layers."
NEUTRAL = {"premium": 0.0, "share": 0.0}
EXAMPLE = {"premium": 0.01, "share": 0.8, "deductible": 0.01, "cap": 0.05, "subrogation": 1.0}

Premium = Annotated[float, Field(ge=0, le=1), RATE_PER_YEAR]
Base = Annotated[
    Literal["opening", "insured"],
    Unit(""),
    Choices(opening=noted("the period's opening balance"), insured=noted("each month's opening balance")),
]
Period = Annotated[int, Field(ge=1, le=600), MONTHS]


class Settings(Policy):
    """The terms of one layer. Several policies are several layers, or insure different parts of the book.

    The loss of a period is what was claimed in it less what came back on claimed debt in it.
    """

    insures: ClassVar[bool] = True

    premium: Premium = Field(
        title=noted("premium a year"), description="share a year of the balance that `premium_on` names"
    )
    premium_on: Base = Field(
        "insured",
        title=noted("premium on"),
        description="opening: the lender's own balance at the start of the period; insured: at the start of each month",
    )
    share: Share = Field(
        title=noted("share of the loss paid"), description="share of the loss between deductible and cap that is paid"
    )
    deductible: Share = Field(
        0.0,
        title=noted("deductible"),
        description="share of the period's opening own balance that is lost before it pays",
    )
    cap: Share | None = Field(
        None,
        title=noted("cap"),
        description="share of the period's opening own balance from which it pays no more; without it, no cap",
    )
    period_months: Period = Field(
        12, title=noted("period"), description="months after which deductible and cap begin anew"
    )
    claim_dpd: Dpd = Field(
        90,
        title=noted("days past due when claimed"),
        description="days past due, a multiple of 30, at which an account's balance becomes claimable; a loss before "
        "that makes it claimable too",
    )
    # Insurance Law of China, article 60: an insurer that has paid takes the insured's place, up to what it paid.
    subrogation: Share = Field(
        1.0,
        title=noted("subrogation"),
        description="share of what comes back on paid claims that goes to the insurer; the lender keeps the rest until "
        "its own loss is 0",
    )

    def acts_at(self):
        """Open accounts become claimable; so does what is lost earlier."""
        return {"claim_dpd": self.claim_dpd}

    def contradictions(self):
        """A layer ends where it begins, or above."""
        if self.cap is not None and self.deductible > self.cap:
            yield (
                "deductible",
                kept("found {value}", value=f"{self.deductible:g}"),
                kept("allowed: up to {cap}, the cap", cap=f"{self.cap:g}"),
            )

    def conflicts(self, others):
        """One loss is borne once, all layers have one trigger, and accounts are claimed before they are gone."""
        layers = others.of(Settings).values()
        # Of the unit of loss at which this cover begins, no more than one is borne.
        borne = sum(layer.share for layer in (self, *layers) if layer.pays_at(self.deductible))
        if borne > 1 + CLOSE:
            found = kept("with those of other insurers it is {borne}", borne=f"{borne:g}")
            yield "share", found, kept("allowed: shares of one loss that sum to 1 or less")
        for layer in layers:
            if layer.share > 0 and layer.claim_dpd != self.claim_dpd:
                found = kept(
                    "claims at {claim_dpd} DPD, another layer at {other}",
                    claim_dpd=self.claim_dpd,
                    other=layer.claim_dpd,
                )
                yield "claim_dpd", found, kept("allowed: one trigger for all layers on the same accounts")
        gone = {
            kept("the write-off"): others.exits.written_off,
            kept("where open accounts are sold"): others.exits.sold,
        }
        for what, days in gone.items():
            if days < self.claim_dpd:
                yield (
                    "claim_dpd",
                    kept("claims at {claim_dpd} DPD", claim_dpd=self.claim_dpd),
                    kept("allowed: up to {days}, {what}", days=days, what=what),
                )

    def pays_at(self, at: float) -> bool:
        """Return whether the insurer bears a part of the unit of loss at `at`, a share of the opening balance."""
        return self.deductible <= at < (inf if self.cap is None else self.cap)


def write(levers, settings, context):
    """Set where an account's balance becomes claimable; the cover itself is settled after the month."""
    if settings.share == 0:
        return
    claim = (*context.cells(settings), layout.V_CLAIM)
    levers.month[claim] = levers.month[claim].clip(max=settings.claim_dpd // 30)


def terms(settings, context):
    """Return what is settled: the layer, where and when it covers."""
    from simulator.policy import Insurance  # numpy: a command that only checks settings does not pay for it

    first, last, segments, products = context.acting(settings)
    return Insurance(
        first,
        last,
        segments,
        products,
        premium=settings.premium,
        on_opening=settings.premium_on == "opening",
        share=settings.share,
        deductible=settings.deductible,
        cap=inf if settings.cap is None else settings.cap,
        period=settings.period_months,
        subrogation=settings.subrogation,
    )


def why(evidence):
    """Yield the mean cost of cover against its relief in the tail."""
    cost = evidence.clause(say("premiums less what insurers lose and fund"), "insurer_result", plural=True)
    theirs = evidence.clause(say("the net present value of insurers"), "npv_insurer")
    yield say("the mean: {cost}; {value}; {theirs}.", cost=cost, value=evidence.value(), theirs=theirs)
    if worst := evidence.highest_own_tail():
        bad = evidence.change(worst).clause(say("the {measure}", measure=evidence.label(worst)))
        mean = evidence.change("own_net_loss").clause(say("the mean own net loss"))
        yield say("the tail: {bad}, while {mean}.", bad=bad, mean=mean)

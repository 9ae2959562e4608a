"""Offer repayment plans to borrowers in hardship."""

from typing import Annotated

from simulator.policy import (
    MONTHS,
    NEVER,
    Chance,
    Dpd,
    Field,
    Never,
    Policy,
    Share,
    kept,
    layout,
    noted,
    say,
    share,
    threshold,
)

LABEL = noted("hardship")
DESCRIPTION = "Offer those who are short of cash or out of work a plan: time, a lower rate, part of the debt forgiven."
EFFECT = "Late accounts become current again; how many fall behind once more is an outcome; interest and debt are lost."
MEETS = "One plan is offered at a time."
NEUTRAL = {"offer_dpd": 60, "accepted": 0.0, "months": 24}
EXAMPLE = {
    "offer_dpd": 60,
    "accepted": 0.5,
    "months": 24,
    "rate": 0.5,
    "forgiven": 0.1,
    "trial_months": 3,
    "trial_given_up": 0.05,
    "given_up": 0.016,
    "given_up_early": 0.03,
    "again_after_months": 12,
}


class Settings(Policy):
    """Who is offered a plan, how many accept, and its terms."""

    offer_dpd: Dpd | Never = Field(
        title=noted("days past due when offered"),
        description="days past due from which a plan is offered, a multiple of 30",
    )
    accepted: Share = Field(title=noted("offers accepted"), description="share of offers accepted, each month anew")
    months: Annotated[int, Field(ge=1, le=60), MONTHS] = Field(
        title=noted("length of the plan"), description="months in which the balance is repaid"
    )
    rate: Share = Field(
        1.0,
        title=noted("interest rate kept"),
        description="share of the contract's interest rate that a plan is charged",
    )
    forgiven: Share = Field(
        0.0, title=noted("share forgiven"), description="share of the balance forgiven at the start of a plan"
    )
    trial_months: Annotated[int, Field(ge=0, le=12), MONTHS] = Field(
        0,
        title=noted("trial"),
        description="months in which the instalment of the plan is paid before the plan stands; until then the account "
        "stays as late as it was, and nothing is forgiven",
    )
    # assumption; what is known of trials is that 65 % [45, 80] pass, and who cannot pay fails anyway
    trial_given_up: Chance = Field(
        0.0,
        title=noted("given up on trial, a month"),
        description="chance per month that the trial is given up by who could pay; 0.05 [0, 0.15]",
    )
    # S154: 1.6 % a month leave the plans of an agency; without a trial 2.5 % [1.5, 5] after 3 months (S93)
    given_up: Chance = Field(
        0.0,
        title=noted("given up, a month"),
        description="chance per month that a plan is given up by who could pay; at most 0.016 [0.008, 0.03]",
    )
    given_up_early: Chance | None = Field(
        None,
        title=noted("given up early, a month"),
        description="the same in the first 3 months of a plan, at most 0.06 without a trial; without it, given_up",
    )

    again_after_months: Annotated[int, Field(ge=0, le=layout.WATCHED_MONTHS), MONTHS] = Field(
        12,
        title=noted("offered again after"),
        description="months from the beginning of a plan in which the account is offered no other; 0: a broken plan is "
        "followed by the next, and the debt is not written off; 12 is as long as it is watched",
    )

    def contradictions(self):
        """What is not tried is not given up."""
        if self.trial_months == 0 and self.trial_given_up > 0:
            allowed = kept("allowed: 0 where trial_months is 0, or a trial")
            yield "trial_given_up", kept("found {value}", value=f"{self.trial_given_up:g}"), allowed

    def sole(self, last):
        """Only one plan is offered at a time."""
        return {("offer_dpd",)} if self._offers else set()

    def acts_at(self):
        """Plans are offered to open accounts."""
        return {"offer_dpd": threshold(self.offer_dpd)} if self._offers else {}

    def conflicts(self, others):
        """A plan is offered before an account is written off, or in that month at the latest."""
        gone, offered = others.exits.written_off, threshold(self.offer_dpd)
        if gone < offered < NEVER:
            yield (
                "offer_dpd",
                kept("found {value}", value=offered),
                kept("allowed: up to {gone}, the write-off", gone=gone),
            )

    @property
    def _offers(self):
        return self.offer_dpd != "never" and self.accepted > 0


def write(levers, settings, context):
    """Write the offer and its terms, if anybody accepts it."""
    if not settings._offers:
        return
    cells = context.cells(settings)
    levers.month[(*cells, layout.V_PLAN_BUCKET)] = threshold(settings.offer_dpd, 30)
    levers.month[(*cells, layout.V_PLAN_CHANCE)] = share(settings.accepted)
    levers.month[(*cells, layout.V_PLAN_MONTHS)] = settings.months
    levers.month[(*cells, layout.V_PLAN_PAUSE)] = settings.again_after_months
    levers.month[(*cells, layout.V_PLAN_RATE)] = share(settings.rate)
    levers.month[(*cells, layout.V_PLAN_FORGIVE)] = share(settings.forgiven)
    early = settings.given_up if settings.given_up_early is None else settings.given_up_early
    levers.month[(*cells, layout.V_TRIAL_MONTHS)] = settings.trial_months
    levers.month[(*cells, layout.V_TRIAL_DROPS)] = share(settings.trial_given_up)
    levers.month[(*cells, layout.V_PLAN_DROPS_EARLY)] = share(early)
    levers.month[(*cells, layout.V_PLAN_DROPS)] = share(settings.given_up)


def why(evidence):
    """Yield re-default of plans, and their value against collecting."""
    if evidence.mean("n_trials"):
        begun, failed = evidence.level("n_trials"), evidence.level("trial_failure_rate")
        yield say("{begun} trials are begun and {failed} of them failed.", begun=begun, failed=failed)
    plans = {
        "begun": evidence.level("n_plans"),
        "broken": evidence.level("redefault_rate"),
        "hazard": evidence.level("plan_break_hazard"),
    }
    if evidence.mean("forgiven"):
        yield say(
            "{begun} plans are begun and {broken} of them broken, {hazard} a month; {forgiven} is forgiven.",
            **plans,
            forgiven=evidence.level("forgiven"),
        )
    else:
        yield say("{begun} plans are begun and {broken} of them broken, {hazard} a month.", **plans)
    loss, npv = evidence.clause(say("net loss"), "net_loss"), evidence.clause(say("net present value"), "npv")
    yield say("against collecting: {loss}, {npv}.", loss=loss, npv=npv)

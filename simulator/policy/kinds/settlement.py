"""Offer to take part of a long overdue debt for all of it."""

from typing import Annotated, Literal

from pydantic import model_validator

from simulator.policy import (
    AGE_BANDS,
    BUCKETS,
    DEFAULT_BUCKET,
    MONTHS,
    NEVER,
    ONE,
    Chance,
    Dpd,
    Field,
    Money,
    Multiplier,
    Never,
    Policy,
    PolicyTable,
    Share,
    Unit,
    kept,
    layout,
    multiplier,
    noted,
    say,
    share,
    threshold,
)

LABEL = noted("settlement")
DESCRIPTION = "Offer those who are long overdue, or written off, to settle: they pay a part, and owe nothing any more."
EFFECT = "Cash now for a part of the debt: too dear nobody accepts, too cheap it goes to who would have paid all."
MEETS = "One offer is made at a time."
NEUTRAL = {"from_dpd": 90, "from_months": 0, "accepted": 0.0}
EXAMPLE = {
    "from_dpd": 120,
    "from_months": 6,
    "accepted": 0.02,
    "pays": 0.6,
    "pays_written_off": 0.4,
    "parts": 3,
    "broken": 0.016,
    "cost": 1.0,
    "by_cause": {"unemployed": 0.3, "will_not": 1.5},
}
NO_CAUSE = 1.0  # debt whose cause is unknown is accepted as `accepted` says


class Causes(PolicyTable):
    """Multipliers of the chance to accept, by the cause of the arrears."""

    forgot: Multiplier = Field(
        1.0, title=noted("who forgot"), description="multiplier of accepted: of those who forgot"
    )
    short: Multiplier = Field(
        1.0, title=noted("who is short of cash"), description="multiplier: of those short of cash"
    )
    cannot: Multiplier = Field(
        1.0,
        title=noted("who was out of work"),
        description="multiplier: of those who were out of work, and have a job again",
    )
    # assumption: who has no job pays no lump sum, [0.1, 0.6]; who will not pay reacts to an offer, [0.7, 3]
    unemployed: Multiplier = Field(
        0.3, title=noted("who is out of work"), description="multiplier: of those out of work still"
    )
    will_not: Multiplier = Field(1.5, title=noted("who will not pay"), description="multiplier: of the unwilling")


class Settings(Policy):
    """Who is offered a settlement, what it asks of them, and how many accept."""

    from_dpd: Dpd | Never = Field(
        "never",
        title=noted("days past due when offered"),
        description="days past due, a multiple of 30 and 90 or more, from which open accounts are offered one",
    )
    from_months: Literal[(*AGE_BANDS, "never")] = Field(
        "never",
        title=noted("time since write-off when offered"),
        description="months since write-off from which written-off debt is offered one",
    )
    # S151 (commissioned by the industry): 1.95 % a month of those in a programme; here of all who are asked
    accepted: Chance = Field(
        title=noted("offers accepted, a month"),
        description="chance per month that who is asked accepts, if half of the balance settles; 0.008 [0.003, 0.025]",
    )
    pays: Annotated[Share, Field(ge=0.01)] = Field(  # S151: the creditor gets about half
        0.5,
        title=noted("share that settles"),
        description="share of the balance that settles the debt; 0.5 [0.35, 0.7]",
    )
    pays_written_off: Annotated[Share, Field(ge=0.01)] | None = Field(
        None,
        title=noted("share that settles after write-off"),
        description="the same share after write-off; without it, pays",
    )
    elasticity: Annotated[float, Field(ge=0, le=10), Unit("exponent")] = Field(  # assumption
        1.0, title=noted("elasticity"), description="accepted times ((1 - pays) / 0.5) to this power; 1 [0.5, 2]"
    )
    by_cause: Causes = Field(
        Causes(), title=noted("accepted by cause, times"), description="multipliers of accepted, by cause"
    )
    # assumption: who has heard that half is enough does not pay all; nobody has counted them
    diverted: Share = Field(
        0.5,
        title=noted("full payments diverted"),
        description="share of those who would have paid the whole balance that settle instead; 0.5 [0.2, 0.8]",
    )
    parts: Annotated[int, Field(ge=1, le=60), MONTHS] = Field(
        1, title=noted("paid within"), description="months in which it is paid, in equal parts; 1: at once"
    )
    # S153 (screened, legal plans) 0.6 %, S154 (agencies) 1.6 % a month
    broken: Chance = Field(
        0.0,
        title=noted("broken off, a month"),
        description="chance per month that a settlement in parts is broken; 0.006 (screened) to 0.016 [0.008, 0.03]",
    )
    cost: Annotated[Money, Unit("{money} per offer", (("{money}", 1.0),))] = Field(
        0.0,
        title=noted("cost of an offer"),
        description="of each offer, accepted or not; an account is asked every month",
    )

    @model_validator(mode="after")
    def _in_default(self):
        """Refuse an offer to who is not in default."""
        if threshold(self.from_dpd) < 30 * DEFAULT_BUCKET:
            raise ValueError(
                kept(
                    "from_dpd = {value}; allowed: {least} or more, or never",
                    value=self.from_dpd,
                    least=30 * DEFAULT_BUCKET,
                )
            )
        return self

    def contradictions(self):
        """What is paid at once is not broken; an offer that is accepted is made to somebody."""
        if self.accepted > 0 and self.from_dpd == self.from_months == "never":
            yield (
                "accepted",
                kept("found {accepted}, and nobody is asked", accepted=f"{self.accepted:g}"),
                kept("give from_dpd, from_months or both"),
            )
        if self.parts == 1 and self.broken > 0:
            yield (
                "broken",
                kept("found {value}", value=f"{self.broken:g}"),
                kept("allowed: 0 where parts is 1, or more parts"),
            )

    def sole(self, last):
        """Only one offer is made at a time."""
        return {("accepted",)} if self._offers else set()

    def acts_at(self):
        """Offers are made to open accounts."""
        return {"from_dpd": threshold(self.from_dpd)} if self._offers else {}

    def conflicts(self, others):
        """Written-off debt is offered one before the claim expires, and where anything is written off."""
        yield from super().conflicts(others)
        if self.from_months == "never" or not self._offers:
            return
        if others.exits.expired <= self.from_months:
            allowed = kept("allowed: below {expired}, when the claim expires, or never", expired=others.exits.expired)
            yield "from_months", kept("found {value}", value=self.from_months), allowed
        if others.first_write_off is None:
            allowed = kept("allowed: never, or a policy that writes off")
            yield (
                "from_months",
                kept("found {from_months}, and nothing is ever written off", from_months=self.from_months),
                allowed,
            )

    @property
    def _offers(self):
        return self.accepted > 0 and (self.from_dpd, self.from_months) != ("never", "never")

    def chance(self, pays: float) -> int:
        """Return the chance a month (q31) to accept an offer that asks for a share of the balance."""
        return min(share(min(self.accepted * ((1 - pays) / 0.5) ** self.elasticity, 1.0)), ONE)


def write(levers, settings, context):
    """Write what settles and who accepts in the stages in which offers are made, and the terms of all."""
    if not settings._offers:
        return
    cells = context.cells(settings)
    after = settings.pays if settings.pays_written_off is None else settings.pays_written_off
    stages = [(stage, settings.pays) for stage in range(threshold(settings.from_dpd, 30), BUCKETS)]
    first = NEVER if settings.from_months == "never" else settings.from_months
    stages += [(BUCKETS + band, after) for band, begins in enumerate(AGE_BANDS) if begins >= first]
    for stage, pays in stages:
        levers.stage[(*cells, stage, layout.S_OFFER_CHANCE)] = settings.chance(pays)
        levers.stage[(*cells, stage, layout.S_OFFER_PAYS)] = share(pays)
    by_cause = settings.by_cause
    causes = (NO_CAUSE, by_cause.forgot, by_cause.short, by_cause.cannot, by_cause.will_not, by_cause.unemployed)
    for cause, factor in enumerate(causes):
        levers.month[(*cells, layout.V_OFFER_CAUSE + cause)] = multiplier(factor)
    levers.month[(*cells, layout.V_OFFER_PARTS)] = settings.parts
    levers.month[(*cells, layout.V_OFFER_BREAKS)] = share(settings.broken)
    levers.month[(*cells, layout.V_OFFER_DIVERTS)] = share(settings.diverted)
    levers.month[(*cells, layout.V_OFFER_COST)] = context.amount(settings.cost)


def why(evidence):
    """Yield how many settle and for what, and the cash now against what would have come later."""
    yield say(
        "of {offers} offers {accepted} are accepted; {kept} are kept and {broken} broken; they bring {cash}.",
        offers=evidence.level("n_offers"),
        accepted=evidence.level("n_settlements"),
        kept=evidence.level("n_settlements_kept"),
        broken=evidence.level("n_settlements_broken"),
        cash=evidence.level("settlement_cash"),
    )
    late = say("what is collected of late debt, open and written off,")
    came, loss = evidence.clause(late, "recovered_open", "recovered"), evidence.clause(say("net loss"), "net_loss")
    yield say("against collecting: {came}; {loss}.", came=came, loss=loss)
    yield say("discounted, {npv}.", npv=evidence.clause(say("net present value"), "npv"))

"""Write off what is very late, and collect on it until the claim expires."""

from math import prod
from typing import Annotated, Literal, NamedTuple

from pydantic import model_validator

from simulator.policy import (
    AGE_BANDS,
    AGES,
    BUCKETS,
    DEFAULT_BUCKET,
    FACT,
    MOST,
    NEVER,
    Chance,
    Choices,
    Dpd,
    Exits,
    Field,
    Money,
    Months,
    Multiplier,
    Never,
    Policy,
    PolicyTable,
    Share,
    Unit,
    by_age,
    kept,
    layout,
    multiplier,
    noted,
    say,
    share,
    threshold,
)

LABEL = noted("write-off")
DESCRIPTION = "Write off accounts that are so many days late, and collect on them at a commission until they expire."
EFFECT = "The stock of 90+ moves against the loss: the same book looks different; recoveries come late."
MEETS = (
    "The earlier write-off and the earlier expiry hold; recoveries in an age, and of open accounts from work_from_dpd "
    "on, are those of the later in the file that has any there."
)
RECORDS = "charge_off"
NEUTRAL = {
    "at_dpd": "never",
    "recover_share": [1.0] * len(AGE_BANDS),
}
EXAMPLE = {
    "at_dpd": 300,
    "work_from_dpd": 180,
    "recover_chance": [0.03] * len(AGE_BANDS),
    "recover_share": [0.2] * len(AGE_BANDS),
    "expire_months": 60,
    "channels": {"agency": {"from_months": 6, "chance": 0.05, "share": 0.3, "commission": 0.35, "cost": 1.0}},
}
_NOTHING, _USUAL = [0.0] * len(AGE_BANDS), [1.0] * len(AGE_BANDS)
Name = Annotated[
    Literal["in_house", "agency", "legal"],
    Choices(in_house=noted("in house"), agency=noted("agency"), legal=noted("legal")),
]
Cost = Annotated[Money, Unit("{money} per account and month", (("{money}", 1.0),))]


class Channel(PolicyTable):
    """One way to collect after write-off, in some of the ages."""

    from_months: Literal[AGE_BANDS] = Field(
        0, title=noted("from months since write-off"), description="months since write-off from which it collects"
    )
    to_months: Literal[(*AGE_BANDS[1:], "never")] = Field(
        "never",
        title=noted("to months since write-off"),
        description="months since write-off at which it stops, this one not included",
    )
    chance: Chance = Field(
        0.0, title=noted("chance of a recovery, a month"), description="chance of a recovery per month"
    )
    share: Share = Field(0.0, title=noted("share recovered"), description="share of the balance that a recovery brings")
    effort: Multiplier = Field(
        1.0, title=noted("effort, times"), description="multiplier of what comes under [behaviour.late]"
    )
    commission: Share = Field(
        0.0, title=noted("commission"), description="share of what is recovered that collecting costs"
    )
    cost: Cost = Field(
        0.0,
        title=noted("cost of an account a month"),
        description="of each account, whether anything is recovered or not",
    )

    @model_validator(mode="after")
    def _in_order(self):
        """Refuse a channel that stops before it begins."""
        if self.to_months != "never" and self.to_months <= self.from_months:
            raise ValueError(
                kept(
                    "collects from month {start} to {end}; allowed: a later to_months",
                    start=self.from_months,
                    end=self.to_months,
                )
            )
        return self


class Recovery(NamedTuple):
    """What collecting in one age does in a month: under [behaviour.late] by `effort`, else by `chance` and `share`."""

    chance: float
    share: float
    commission: float
    cost: float
    effort: float

    @property
    def mean(self) -> float:
        """Return the share of the balance recovered on average, where there is no [behaviour.late]."""
        return self.chance * self.share

    def acts(self, by_chance: bool) -> bool:
        """Return whether it brings or costs anything: `by_chance`, or by effort under [behaviour.late]."""
        by_effort = not by_chance and (self.commission > 0 or self.effort != 1)
        return self.mean > 0 or self.cost > 0 or by_effort


class Settings(Policy):
    """The write-off rule and what collecting brings afterwards."""

    at_dpd: Dpd | Never = Field(
        title=noted("days past due when written off"),
        description="days past due at which an account is written off, a multiple of 30",
    )
    work_from_dpd: Dpd | Never = Field(
        "never",
        title=noted("days past due when worked"),
        description="days past due, a multiple of 30, from which the recoveries of the first age also work accounts "
        "that are still open; under [behaviour.late] 90 or more",
    )
    recover_chance: by_age(Chance) = Field(
        _NOTHING,
        title=noted("chance of a recovery by age, a month"),
        description=f"chance of a recovery per month, {AGES}",
    )
    recover_share: by_age(Share) = Field(
        _NOTHING, title=noted("share recovered by age"), description=f"share of the balance a recovery brings, {AGES}"
    )
    commission: by_age(Share) = Field(
        _NOTHING,
        title=noted("commission by age"),
        description=f"share of what is recovered that collecting costs, {AGES}",
    )
    recovery_cost: by_age(Cost) = Field(
        _NOTHING, title=noted("cost of an account by age, a month"), description=f"of each account worked, {AGES}"
    )
    effort: by_age(Multiplier) = Field(
        _USUAL,
        title=noted("effort by age, times"),
        description=f"multiplier of what comes under [behaviour.late], {AGES}",
    )
    channels: dict[Name, Channel] = Field(
        {}, title=noted("ways to collect"), description="ways to collect, by name, besides the lists by age"
    )
    expire_months: Months | Never = Field(
        "never", title=noted("claim expires after"), description="months after write-off when the claim expires"
    )

    def contradictions(self):
        """An account that is written off is worked anyway."""
        work, at = threshold(self.work_from_dpd), threshold(self.at_dpd)
        if at <= work < NEVER:
            yield "work_from_dpd", kept("found {value}", value=work), kept("allowed: less than at_dpd, {at}", at=at)

    def acts_at(self):
        """Accounts are written off, and worked before that, while they are open."""
        return {"at_dpd": threshold(self.at_dpd), "work_from_dpd": threshold(self.work_from_dpd)}

    def exits(self):
        """Who is written off is no longer open, and whose claim has expired owes nothing."""
        return Exits(written_off=threshold(self.at_dpd), expired=threshold(self.expire_months))

    def conflicts(self, others):
        """What comes of late debt is said once: by the curve of [behaviour.late] and effort, or by chance and share."""
        if others.late_stage:
            allowed = kept(
                "with [behaviour.late] what comes follows its curve: leave it out, effort multiplies the curve"
            )
            if any(one.mean > 0 for one in map(self.of_lists, range(len(AGE_BANDS)))):
                yield "recover_chance", kept("found {value}", value=self.recover_chance), allowed
            for name, channel in self.channels.items():
                if channel.chance * channel.share > 0:
                    yield f"channels.{name}.chance", kept("found {value}", value=f"{channel.chance:g}"), allowed
            if threshold(self.work_from_dpd) < 30 * DEFAULT_BUCKET:
                allowed = kept("allowed with [behaviour.late]: 90 or more, or never")
                yield "work_from_dpd", kept("found {value}", value=self.work_from_dpd), allowed
        else:
            allowed = kept("allowed: 1, or a curve for it to multiply, [behaviour.late]")
            if self.effort != _USUAL:
                yield "effort", kept("found {value}", value=self.effort), allowed
            for name, channel in self.channels.items():
                if channel.effort != 1:
                    yield f"channels.{name}.effort", kept("found {value}", value=f"{channel.effort:g}"), allowed

    def of_lists(self, band: int) -> Recovery:
        """Return what the lists say of an age."""
        lists = (self.recover_chance, self.recover_share, self.commission, self.recovery_cost, self.effort)
        return Recovery(*(of[band] for of in lists))

    def recoveries(self, band: int) -> list[Recovery]:
        """Return what acts in an age: the lists, then the channels in the order of the file."""
        found = [self.of_lists(band)]
        for channel in self.channels.values():
            if channel.from_months <= AGE_BANDS[band] < threshold(channel.to_months):
                terms = (channel.chance, channel.share, channel.commission, channel.cost, channel.effort)
                found.append(Recovery(*terms))
        return found


def together(recoveries: list[Recovery]) -> Recovery:
    """Return one recovery that has the mean, the chance of anything, the commission and the cost of several.

    Each takes its share of what those before it leave, independently, so all of them never take more than there is.
    Where none has a chance of its own, efforts multiply and commissions add up.
    """
    cost, effort = sum(one.cost for one in recoveries), prod(one.effort for one in recoveries)
    able = [one for one in recoveries if one.mean > 0]
    if not able:
        return Recovery(0.0, 0.0, min(sum(one.commission for one in recoveries), 1.0), cost, effort)
    if len(able) == 1:
        return able[0]._replace(cost=cost, effort=effort)
    chance = 1 - prod(1 - one.chance for one in able)
    left, commission = 1.0, 0.0
    for one in able:
        commission += one.commission * one.mean * left
        left *= 1 - one.mean
    return Recovery(chance, (1 - left) / chance, commission / (1 - left), cost, effort)


def write(levers, settings, context):
    """The earlier write-off and expiry hold; recoveries replace earlier ones in stages where they bring or cost any."""
    cells = context.cells(settings)
    bucket, expire = (*cells, layout.V_WRITE_OFF), (*cells, layout.V_EXPIRE)
    levers.month[bucket] = levers.month[bucket].clip(max=threshold(settings.at_dpd, 30))
    levers.month[expire] = levers.month[expire].clip(max=threshold(settings.expire_months))
    while_open = range(threshold(settings.work_from_dpd, 30), BUCKETS)
    found = [together(settings.recoveries(band)) for band in range(len(AGE_BANDS))]
    by_chance = any(all_of_it.mean > 0 for all_of_it in found)
    of_cells = tuple(axis[..., None] for axis in cells)
    for band, all_of_it in enumerate(found):
        if all_of_it.acts(by_chance):
            stages = [BUCKETS + band, *(while_open if band == 0 else ())]
            terms = {
                layout.S_RECOVER_CHANCE: share(all_of_it.chance),
                layout.S_RECOVER_SHARE: share(all_of_it.share),
                layout.S_COMMISSION: share(all_of_it.commission),
                layout.S_RECOVERY_COST: context.amount(all_of_it.cost),
                layout.S_EFFORT: min(multiplier(all_of_it.effort), MOST),
            }
            for lever, value in terms.items():
                levers.stage[(*of_cells, stages, lever)] = value


def why(evidence):
    """Yield the stock that the rule moves against the loss that it does not."""
    stock, loss = evidence.change("stage3_balance"), evidence.change("net_present_loss")
    moved = stock.clause(say("the stock of 90 days and more"))
    if loss.moves or not loss.se > 0:
        against = evidence.clause(say("net present loss"), "net_present_loss")
        yield say("{stock} at the end of lending; {loss}.", stock=moved, loss=against)
    else:
        yield say(
            "{stock} at the end of lending; net present loss changes by 0 within {fact} standard errors ({loss}).",
            stock=moved,
            fact=FACT,
            loss=loss,
        )
    yield say(
        "{loss}; {recovered}.",
        loss=evidence.clause(say("the net loss booked"), "net_loss"),
        recovered=evidence.clause(say("what is recovered"), "recovered"),
    )
    if not evidence.mean("written_off"):
        yield say(
            "nothing is written off: net loss and profit leave out debt that nobody pays, net present value does not."
        )

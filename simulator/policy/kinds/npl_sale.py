"""Sell non-performing accounts, from the open book or after write-off."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import model_validator

from simulator.policy import (
    AGE_BANDS,
    AGE_NAMES,
    AGES,
    BUCKETS,
    NEVER,
    Choices,
    Dpd,
    Exits,
    Field,
    Members,
    Money,
    Month,
    Months,
    Multiplier,
    Never,
    Policy,
    Share,
    kept,
    layout,
    multiplier,
    noted,
    say,
    share,
    threshold,
)

LABEL = noted("NPL sale")
DESCRIPTION = "Sell accounts that are late or written off, at a price by age, every month or in bulk."
EFFECT = "Cash now against recoveries later: there is a break-even price and a best age to sell."
MEETS = "The earlier sale and the higher price hold; two that sell in the same months have the same bands."
NEUTRAL = {"from": "open", "at_dpd": "never", "price": 0.5, "bands": [1000.0], "band_factors": [1.2, 0.8]}
EXAMPLE = {
    "from": "written_off",
    "at_months": 12,
    "price": [0.1, 0.09, 0.08, 0.07, 0.06, 0.05],
    "bands": [3000.0, 10_000.0],
    "band_factors": [1.2, 1.0, 0.8],
}
N_BANDS = 4
Book = Annotated[
    Literal["open", "written_off"], Choices(open=noted("open|sold from"), written_off=noted("written off|sold from"))
]


def _stages(settings):
    """Return what members of the price are of: months since write-off, or days past due."""
    if settings.sell_from == "written_off":
        return AGE_NAMES
    return [str(days) for days in range(threshold(settings.at_dpd), 30 * BUCKETS, 30)]


class Settings(Policy):
    """What is sold, when, and at which share of its balance."""

    sell_from: Book = Field(alias="from", title=noted("sold from"), description="the book that accounts are sold from")
    at_dpd: Dpd | Never | None = Field(
        None,
        title=noted("days past due when sold"),
        description="open: days past due from which it sells, multiple of 30",
    )
    at_months: Months | Never | None = Field(
        None,
        title=noted("time since write-off when sold"),
        description="written_off: months since write-off from which it sells",
    )
    price: Annotated[Share | list[Share], Members(_stages)] = Field(
        title=noted("price, share of the balance"),
        description="share of the balance: one for all; or open: one for each bucket from at_dpd on, the last repeats; "
        f"or written_off: six, {AGES}",
    )
    bulk_months: list[Month] = Field(
        [], title=noted("months of sales"), description="months of the run in which it sells; empty: every month"
    )
    bands: Annotated[list[Money], Field(max_length=N_BANDS - 1), Members(order=1)] = Field(
        [],
        title=noted("bands of balance, up to"),
        description="money: upper balances of all bands but the last, at most three; empty: one price for all",
    )
    band_factors: Annotated[list[Multiplier], Field(max_length=N_BANDS)] = Field(
        [], title=noted("price by band, times"), description="multiplier of the price in each band: one more than bands"
    )

    @model_validator(mode="after")
    def _of_one_book(self):
        """Refuse a threshold of the other book, and a price list that does not fit the book."""
        used, other = ("at_dpd", "at_months") if self.sell_from == "open" else ("at_months", "at_dpd")
        if getattr(self, used) is None or getattr(self, other) is not None:
            raise ValueError(
                kept(
                    'a sale from = "{book}" needs {used} (a number or "never") and no {other}',
                    book=self.sell_from,
                    used=used,
                    other=other,
                )
            )
        if not isinstance(self.price, list):
            return self
        if self.sell_from == "written_off" and len(self.price) != len(AGE_BANDS):
            raise ValueError(
                kept("price has {count} members; allowed: one number, or six {ages}", count=len(self.price), ages=AGES)
            )
        if self.sell_from == "open" and not 1 <= len(self.price) <= BUCKETS:
            raise ValueError(
                kept(
                    "price has {count} members; allowed: one number, or 1 to {most} by bucket",
                    count=len(self.price),
                    most=BUCKETS,
                )
            )
        return self

    def contradictions(self):
        """Bands rise, and each has a factor."""
        if any(low >= high for low, high in pairwise(self.bands)):
            yield "bands", kept("found {value}", value=self.bands), kept("allowed: rising balances")
        if len(self.band_factors) != (len(self.bands) + 1 if self.bands else 0):
            wanted = (
                kept("allowed: {count}, the last for what is above", count=len(self.bands) + 1)
                if self.bands
                else kept("allowed: none without bands")
            )
            yield (
                "band_factors",
                kept("found {count} factors", count=len(self.band_factors)),
                wanted,
            )

    @property
    def threshold(self) -> int | str | None:
        """Return what its own book is sold from: days past due, months since write-off, or "never"."""
        return self.at_dpd if self.sell_from == "open" else self.at_months

    def acts_at(self):
        """Open accounts are sold before they are written off."""
        return {"at_dpd": threshold(self.at_dpd)} if self.sell_from == "open" and self.at_dpd is not None else {}

    def exits(self):
        """What is sold is no longer the lender's."""
        return Exits(sold=self.acts_at().get("at_dpd", NEVER))

    def conflicts(self, others):
        """It sells while it acts, what there is to sell, and in one month by one price list."""
        yield from super().conflicts(others)
        last = min(others.months, self.end or NEVER)
        for month in self.bulk_months:
            if not self.start <= month <= last:
                allowed = kept("allowed: from {start} to {last}, while the policy acts", start=self.start, last=last)
                yield "bulk_months", kept("found {value}", value=month), allowed
        if self.sell_from == "written_off" and self.at_months != "never":
            yield from self._of_written_off(others)
        for name, other in others.of(Settings, earlier=True).items():
            months = [set(sale.bulk_months or range(1, others.months + 1)) for sale in (self, other)]
            differ = (self.bands, self.band_factors) != (other.bands, other.band_factors)
            if differ and "never" not in (self.threshold, other.threshold) and months[0] & months[1]:
                found = kept("not those of policy.{name}, which sells in the same months", name=name)
                yield "bands", found, kept("allowed: the same bands and band_factors, they hold for both books")

    def _of_written_off(self, others):
        """Yield what keeps it from selling anything that is written off."""
        expired, first = others.exits.expired, others.first_write_off
        if expired <= self.at_months:
            found = f"sells {self.at_months} months after write-off"
            yield "at_months", found, f"allowed: below {expired}, when the claim expires"
        if first is None:
            yield "", "sells written-off accounts, and nothing is ever written off", "enable a policy that writes off"
        elif self.bulk_months and not others.from_tape and max(self.bulk_months) < first + self.at_months:
            found = f"the last sale is in month {max(self.bulk_months)}"
            allowed = f"allowed: from month {first + self.at_months}; write-offs begin in month {first}"
            yield "bulk_months", found, allowed


def write(levers, settings, context):
    """The earlier sale and the higher price hold, in the months in which it sells; factors are those of its bands."""
    cells = context.cells(settings, settings.bulk_months or None)
    prices = settings.price if isinstance(settings.price, list) else [settings.price]
    if settings.sell_from == "open":
        name, when = layout.V_SELL_OPEN, threshold(settings.at_dpd, 30)
        stages = range(min(when, BUCKETS), BUCKETS)
    else:
        name, when = layout.V_SELL_WRITTEN_OFF, threshold(settings.at_months)
        stages = range(BUCKETS, BUCKETS + len(AGE_BANDS) * (settings.at_months != "never"))
    sell = (*cells, name)
    levers.month[sell] = levers.month[sell].clip(max=when)
    for step, stage in enumerate(stages):
        price = (*cells, stage, layout.S_SALE_PRICE)
        levers.stage[price] = levers.stage[price].clip(min=share(prices[min(step, len(prices) - 1)]))
    if settings.bands and settings.threshold != "never":
        for band, upper in enumerate(settings.bands):
            levers.month[(*cells, layout.V_SALE_BAND + band)] = context.amount(upper)
        for band, factor in enumerate(settings.band_factors):
            levers.month[(*cells, layout.V_SALE_FACTOR + band)] = multiplier(factor)


def why(evidence):
    """Yield cash now against recoveries later."""
    proceeds = say("proceeds of sales")
    kept = say("commission and the cost of collecting")
    yield say(
        "cash now against cash later: {price}, {later}, {kept}.",
        price=evidence.clause(proceeds, "sold_open_proceeds", "sold_written_off_proceeds", plural=True),
        later=evidence.clause(say("recoveries"), "recovered", plural=True),
        kept=evidence.clause(kept, "commission", "recovery_cost", plural=True),
    )
    loss, npv = evidence.clause(say("net loss"), "net_loss"), evidence.clause(say("net present value"), "npv")
    yield say("discounted, {npv}; {loss}.", npv=npv, loss=loss)

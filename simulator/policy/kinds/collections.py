"""Collect on missed dues: a ladder of levels, each working some buckets on its day of the month."""

from itertools import pairwise
from typing import Annotated, Literal

from simulator.policy import (
    BUCKETS,
    COUNT,
    DEFAULT_BUCKET,
    DPD,
    LARGEST_AMOUNT,
    LEVELS,
    ONE,
    Choices,
    Field,
    Members,
    Money,
    Multiplier,
    Policy,
    PolicyTable,
    Share,
    Unit,
    capital,
    kept,
    layout,
    listed,
    multiplier,
    noted,
    say,
    share,
)

LABEL = noted("collections")
DESCRIPTION = "Contact who missed a due, level by level: text message, bot, call, letter, agency, legal action."
EFFECT = "More missed dues are paid within the month, each contact costs: somewhere the next level stops paying."
MEETS = "Each level works a bucket once; the smaller share served holds; one order holds at a time."
NEUTRAL: dict[str, dict] = {"levels": {}}
EXAMPLE = {
    "levels": {
        "sms": {"from_dpd": 0, "to_dpd": 30, "day": 2, "cost": 0.04, "effect": {"forgot": 0.5}},
        "call": {"from_dpd": 0, "to_dpd": 90, "day": 10, "cost": 3.0, "effect": {"forgot": 0.6, "will_not": 0.1}},
        "agency": {"from_dpd": 90, "to_dpd": 120, "day": 15, "commission": 0.35, "effect": {"will_not": 0.1}},
        "legal": {"from_dpd": 120, "to_dpd": 450, "day": 20, "cost": 50.0, "effect": {"will_not": 0.2}},
    },
    "calls_at_most": 1,
}
BucketDpd = Annotated[int, Field(ge=0, le=30 * (BUCKETS - 1), multiple_of=30), DPD]
CALLS = ("bot", "call")
DAYS = [str(30 * bucket) for bucket in range(BUCKETS)]
ORDERS = ("lot", "age", "balance", "balance_x_chance")
Order = Annotated[
    Literal[ORDERS],
    Choices(
        lot=noted("by lot"),
        age=noted("longest overdue first"),
        balance=noted("largest balance first"),
        balance_x_chance=noted("largest expected payment first"),
    ),
]
Name = Annotated[
    Literal[LEVELS],
    Choices(
        sms=noted("sms"),
        bot=noted("bot"),
        call=noted("call"),
        letter=noted("letter"),
        agency=noted("agency"),
        legal=noted("legal"),
    ),
]
# S35, S40: 87 % of dues missed on day 1 are paid within 30 days; S99: leave the ladder upwards, books that freeze
CHANCE = (0.87, 0.22, 0.12, 0.05, 0.03, 0.03, 0.015)  # by bucket, the last one in all later ones


class Effect(PolicyTable):
    """What one contact achieves, by the reason for which the due was missed."""

    forgot: Share = Field(
        0.0,
        title=noted("paid by who forgot"),
        description="share of those who have not paid yet that pay: of those who forgot",
    )
    short: Share = Field(
        0.0,
        title=noted("paid by who is short of cash"),
        description="share: of those short of cash, if they have the money by then",
    )
    cannot: Share = Field(
        0.0,
        title=noted("paid by who is out of work"),
        description="share: of those without a job, if they have the money by then",
    )
    will_not: Share = Field(0.0, title=noted("paid by who will not"), description="share: of the unwilling")


class Conduct(PolicyTable):
    """What the lender has bound itself to, by law or by its own rules, for each account."""

    # S49, S50 (China's guideline of 2024 and national standard of 2025): 3 calls a day that are answered
    calls_a_day: Annotated[int, Field(ge=0, le=99), COUNT] | None = Field(
        None, title=noted("calls a day at most"), description="most calls of bots and people on a day; 3 in China"
    )
    calls_a_week: Annotated[int, Field(ge=0, le=999), COUNT] | None = Field(
        None, title=noted("calls a week at most"), description="most calls of bots and people in seven days"
    )
    texts_a_month: Annotated[int, Field(ge=0, le=999), COUNT] | None = Field(  # S126: 0 to 4 in the US, 2015
        None, title=noted("texts a month at most"), description="most text messages in a month; 4 [0, 4]"
    )


class Level(PolicyTable):
    """One level of the ladder: whom it contacts, when, at what cost, and what it achieves."""

    from_dpd: BucketDpd = Field(
        0,
        title=noted("from days past due"),
        description="days past due of the month's start from which the level works",
    )
    to_dpd: BucketDpd = Field(
        title=noted("to days past due"),
        description="days past due of the month's start up to which it works, this one included",
    )
    day: Annotated[int, Field(ge=1, le=29), Unit("day of the month")] = Field(
        title=noted("first contact on day"), description="when it contacts"
    )
    cost: Annotated[Money, Unit("{money} per contact", (("{money}", 1.0),))] = Field(
        0.0, title=noted("cost of a contact"), description="of each contact, whether it works or not"
    )
    attempts: Annotated[int, Field(ge=1, le=99), COUNT] = Field(
        1,
        title=noted("contacts a month"),
        description="contacts of one account in the month, from day on; each costs, and effect is that of all",
    )
    in_days: Annotated[int, Field(ge=1, le=30), Unit("days")] = Field(
        1, title=noted("contacts made within"), description="days in which the attempts are made, as evenly as may be"
    )
    commission: Share = Field(
        0.0, title=noted("commission"), description="share of what a contact collects that collecting costs"
    )
    effect: Effect = Field(Effect(), title=noted("effect"), description="what a contact achieves")
    lift: Multiplier = Field(
        1.0,
        title=noted("what late accounts pay, times"),
        description="multiplier of what comes a month of accounts 90 days past due and worse, under [behaviour.late]",
    )
    # S155 (a Chinese bank): 17.2 % instead of 12.4 % reached in a day with the hour chosen by a model, 1.4 times
    reach: Multiplier = Field(
        1.0,
        title=noted("borrowers reached, times"),
        description="multiplier of the share of borrowers who are reached, by [behaviour.structural] contact_reach, of "
        "levels that talk to them: bot, call, agency",
    )

    def most(self, days: int) -> int:
        """Return the most attempts that fall into so many days in a row."""
        return -(-self.attempts * min(days, self.in_days) // self.in_days)


class Settings(Policy):
    """The levels, worked in the order of the ladder, and what limits them."""

    levels: dict[Name, Level] = Field({}, title=noted("levels"), description="the levels that are worked, by name")
    calls_at_most: Annotated[int, Field(ge=0, le=len(CALLS)), COUNT] | None = Field(
        None,
        title=noted("calls a month at most"),
        description="conduct limit: calls of bots and people to one account in a month; the later are not made",
    )
    served: Share = Field(
        1.0,
        title=noted("missed dues worked"),
        description="share of the missed dues that the ladder works, drawn by lot for each account and month; the "
        "others get no contact",
    )
    capacity: Annotated[int, Field(ge=0, le=10**12), COUNT] | None = Field(
        None,
        title=noted("contacts a month that can be made"),
        description="contacts that can be made in a month, in all segments and products it acts on; without it, any "
        "number",
    )
    order: Order = Field(
        "lot",
        title=noted("order of work"),
        description="who is worked first if capacity does not reach: by lot; age, the longest overdue; balance, the "
        "largest; balance_x_chance, the largest balance times chance",
    )
    chance: Annotated[list[Share], Field(min_length=1, max_length=BUCKETS), Members(DAYS)] | None = Field(
        None,
        title=noted("chance of payment by days past due"),
        description="of balance_x_chance: share of what is overdue that is usually paid in a month, by bucket from 0 "
        "on, the last in all later ones; without it 0.87, 0.22, 0.12, 0.05, 0.03, 0.03, 0.015",
    )
    served_from: Annotated[int, Field(ge=0, le=layout.PRIORITIES - 1), COUNT] = Field(
        0,
        title=noted("class worked in part"),
        description="class of the order, 15 first, of which `served` is the share that is worked: all of those before "
        "it are, none after; capacity finds it by itself",
    )
    conduct: Conduct = Field(
        Conduct(),
        title=noted("conduct"),
        description="limits that the ladder must keep; a ladder that breaks one is refused",
    )

    @property
    def reads_book(self):
        """Capacity is measured by the contacts that last month wanted."""
        return super().reads_book or self.capacity is not None

    def in_force(self, book):
        """Serve the share of the dues that capacity allows if as many contacts are wanted as last month.

        All are served after a month that wanted none, such as the one before the ladder's first.
        """
        mine = super().in_force(book)
        if mine is None or self.capacity is None:
            return mine
        if self.order != "lot":
            return self._in_order(mine, book)
        able = self.capacity * ONE // max(book["n_contacts_wanted"], 1)
        return mine if able >= share(self.served) else mine.model_copy(update={"served": able / ONE})  # exact

    def _in_order(self, mine, book):
        """Serve the classes from the first on that capacity has room for, and of the next a share."""
        left, last = self.capacity or 0, layout.PRIORITIES - 1
        for order in range(last, -1, -1):
            wanted = book[f"n_contacts_wanted_in_{order}"]
            if wanted > left or self.capacity == 0:
                return mine.model_copy(update={"served": left * ONE // max(wanted, 1) / ONE, "served_from": order})
            left -= wanted
        return mine

    def worked(self) -> list[tuple[int, int, Level]]:
        """Return (bucket, number of the level, level) in the order they are worked, within the conduct limit."""
        found = []
        for bucket in range(BUCKETS):
            calls = 0
            for number, name in enumerate(LEVELS):
                level = self.levels.get(name)
                if level is None or not level.from_dpd <= 30 * bucket <= level.to_dpd:
                    continue
                calls += level.attempts if name in CALLS else 0
                if name not in CALLS or self.calls_at_most is None or calls <= self.calls_at_most:
                    found.append((bucket, number, level))
        return found

    def contradictions(self):
        """A ladder goes up without a gap, in buckets and in days."""
        ladder = [(name, self.levels[name]) for name in LEVELS if name in self.levels]
        reached = None
        for name, level in ladder:
            if level.from_dpd > level.to_dpd:
                yield (
                    f"levels.{name}.from_dpd",
                    kept("found {value}", value=level.from_dpd),
                    kept("allowed: up to to_dpd, {to_dpd}", to_dpd=level.to_dpd),
                )
            if reached is not None and level.from_dpd > reached + 30:
                found = kept(
                    "found {value}: a gap, nobody works from {below} DPD on",
                    value=level.from_dpd,
                    below=reached + 30,
                )
                yield f"levels.{name}.from_dpd", found, kept("allowed: up to {most}", most=reached + 30)
            reached = max(reached or 0, level.to_dpd)
            if level.in_days > level.attempts or level.day + level.in_days > 30:
                found = kept("found {in_days}, from day {day} on", in_days=level.in_days, day=level.day)
                allowed = kept("allowed: up to the attempts, {attempts}, and day 29", attempts=level.attempts)
                yield f"levels.{name}.in_days", found, allowed
            if level.cost * level.attempts > LARGEST_AMOUNT:
                found = kept("found {attempts}, at {cost} each", attempts=level.attempts, cost=f"{level.cost:g}")
                yield (
                    f"levels.{name}.attempts",
                    found,
                    kept("allowed: together up to {most}", most=f"{LARGEST_AMOUNT:,}"),
                )
            if level.reach != 1 and not layout.TALKING >> LEVELS.index(name) & 1:
                yield (
                    f"levels.{name}.reach",
                    kept("found {value}", value=f"{level.reach:g}"),
                    kept("allowed: 1; who writes or sues needs no answer"),
                )
        yield from self._orders()
        for (name, level), (above, higher) in pairwise(ladder):
            meet = max(level.from_dpd, higher.from_dpd) <= min(level.to_dpd, higher.to_dpd)
            if meet and higher.day < level.day:
                found = kept(
                    "found {day}, before {name} on day {day_before}", day=higher.day, name=name, day_before=level.day
                )
                yield f"levels.{above}.day", found, kept("allowed: levels that work the same account go up in days")

    def _orders(self):
        """Yield what is said of an order in vain."""
        if self.order == "lot":
            for key, said in (("chance", self.chance is not None), ("served_from", self.served_from > 0)):
                if said:
                    yield key, kept("found one"), kept("allowed: none by lot, or another order")
        elif self.capacity is None and self.served_from == 0 and self.served == 1:
            yield (
                "order",
                kept("found {order}, and all are served", order=self.order),
                kept("allowed: lot, or a capacity"),
            )
        if self.chance is not None and self.order in ("age", "balance"):
            yield "chance", kept("found one, by {order}", order=self.order), kept("allowed: none, or balance_x_chance")

    def breaches(self, others):
        """Yield (key of its conduct, what a bucket's levels may come to, the limit), its own and others' levels."""
        worked = [one for settings in (self, *others) for one in settings.worked()]
        for bucket in range(BUCKETS):
            levels = [(LEVELS[number], level) for at, number, level in worked if at == bucket]
            calls = [level for name, level in levels if name in CALLS]
            for key, days in (("calls_a_day", 1), ("calls_a_week", 7)):
                most = max(
                    (sum(one.most(days) for one in calls if one.day < day + days and day < one.day + one.in_days)
                     for day in range(1, 31)), default=0,
                )  # fmt: skip
                yield key, bucket, most, getattr(self.conduct, key)
            texts = sum(level.attempts for name, level in levels if name == "sms")
            yield "texts_a_month", bucket, texts, self.conduct.texts_a_month

    def sole(self, last):
        """Only one policy works a level in a bucket, or gives the order."""
        ordered = {("order",)} if self.order != "lot" else set()
        return ordered | {("levels", number, bucket) for bucket, number, _ in self.worked()}

    def acts_at(self):
        """Levels work open accounts; debt that is written off has its own collectors."""
        return {f"levels.{name}.from_dpd": level.from_dpd for name, level in self.levels.items()}

    def _late(self, late_stage: bool):
        """Yield what says twice, or in vain, what comes of accounts 90 days past due and worse."""
        for name, level in self.levels.items():
            if late_stage and level.from_dpd >= 30 * DEFAULT_BUCKET and level.effect != Effect():
                allowed = kept("with [behaviour.late], from 90 days past due on: lift, which multiplies what comes")
                yield f"levels.{name}.effect", kept("found one"), allowed
            if not late_stage and level.lift != 1:
                allowed = kept("allowed: 1, or a curve for it to multiply, [behaviour.late]")
                yield f"levels.{name}.lift", kept("found {value}", value=f"{level.lift:g}"), allowed

    def conflicts(self, others):
        """Ladders that meet leave no bucket unworked between them."""
        yield from super().conflicts(others)
        yield from self._late(others.late_stage)
        ladders = others.of(Settings)
        for key, bucket, most, limit in self.breaches(ladders.values()):
            if limit is not None and most > limit:
                yield (
                    f"conduct.{key}",
                    kept("up to {most} at {bucket} days past due", most=most, bucket=30 * bucket),
                    kept("allowed: {limit}, as it says", limit=limit),
                )
        for name, other in ladders.items():
            if self.order != "lot" and (other.served < 1 or other.capacity is not None):
                yield (
                    "order",
                    kept("policy.{name} limits the ladder too", name=name),
                    kept("allowed: lot, or one policy that limits it"),
                )
        own = {bucket for bucket, _, _ in self.worked()}
        worked = own.union(*({bucket for bucket, *_ in other.worked()} for other in ladders.values()))
        lowest = min(own, default=0)
        if any(bucket < lowest for bucket in worked) and lowest - 1 not in worked:
            level = next(level for level in self.levels if self.levels[level].from_dpd == 30 * lowest)
            below = 30 * (max(bucket for bucket in worked if bucket < lowest) + 1)
            found = kept("found {value}: a gap, nobody works from {below} DPD on", value=30 * lowest, below=below)
            yield f"levels.{level}.from_dpd", found, kept("allowed: up to {most}", most=below)


def write(levers, settings, context):
    """Each level is written in the buckets it works; the smallest share served holds."""
    cells = context.cells(settings)
    served = (*cells, layout.V_SERVED)
    levers.month[served] = levers.month[served].clip(max=share(settings.served))
    if settings.order != "lot":
        levers.month[(*cells, layout.V_PRIORITY)] = layout.BY_DAYS if settings.order == "age" else layout.BY_AMOUNT
        levers.month[(*cells, layout.V_SERVED_CLASS)] = settings.served_from
        chance = (settings.chance or CHANCE) if settings.order == "balance_x_chance" else (1.0,)
        for bucket in range(BUCKETS):
            weight = share(chance[min(bucket, len(chance) - 1)])
            levers.stage[(*cells, bucket, layout.S_PRIORITY)] = weight
    rows = []
    for _, _, level in (worked := settings.worked()):
        row = [0] * layout.N_LADDER
        for reason, name in enumerate(layout.CAUSES[layout.FORGOT :]):
            row[layout.L_EFFECT + reason] = share(getattr(level.effect, name))
        row[layout.L_COST] = context.amount(level.cost * level.attempts)
        row[layout.L_DAY], row[layout.L_USED] = level.day, 1
        row[layout.L_COMMISSION], row[layout.L_LIFT] = share(level.commission), multiplier(level.lift)
        row[layout.L_REACH] = multiplier(level.reach)
        rows.append(row)
    if worked:  # all of them at once: where capacity differs by replication, this is written thousands of times
        buckets, numbers, _ = map(list, zip(*worked, strict=True))
        levers.ladder[(*(axis[..., None] for axis in cells), buckets, numbers)] = rows


def why(evidence):
    """Yield what each level collects and costs, and from which level on it costs more than it collects."""
    ladders, told, dear = [settings.levels for settings in evidence.settings], [], None
    lifts = [name for name in LEVELS if any(name in levels and levels[name].lift != 1 for levels in ladders)]
    if lifts:
        yield say(
            "debt 90 days past due and later, worked by {levels}: {come}; {cost}; {value}.",
            levels=listed([say(name) for name in lifts]),
            come=evidence.clause(say("what comes of it"), "recovered", "recovered_open"),
            cost=evidence.clause(say("what contacts cost"), "contact_cost"),
            value=evidence.value(),
        )
    for name in LEVELS:
        if name in lifts:
            continue
        terms = {(levels[name].cost, levels[name].commission) for levels in ladders if name in levels}
        contacts, collected = evidence.mean(f"n_contacts_{name}"), evidence.mean(f"collected_{name}")
        if len(terms) != 1 or not contacts:  # without one price for the level its cost is not known apart
            continue
        cost, commission = terms.pop()
        spent = contacts * cost + collected * commission
        paid = {"level": say(name), "paid": evidence.level(f"n_collected_{name}")}
        if collected:
            told.append(say("{level} {paid} dues paid, at {price}", **paid, price=evidence.money(spent / collected, 3)))
        else:
            told.append(say("{level} {paid} dues paid, at no end", **paid))
        if dear is None and spent >= collected:
            dear = name
    known = {"currency": say(evidence.currency), "told": say("; ").join(told)}
    if told and dear:
        yield say(
            "dues paid on a contact, and cost per {currency} collected: {told}. {level} costs more than it collects.",
            **known,
            level=capital(say(dear)),
        )
    elif told:
        yield say(
            "dues paid on a contact, and cost per {currency} collected: {told}. No level costs more than it collects.",
            **known,
        )
    yield say(
        "{cost}; {loss}, {npv}.",
        cost=evidence.clause(say("contacts cost: their sum"), "contact_cost"),
        loss=evidence.clause(say("net loss"), "net_loss"),
        npv=evidence.clause(say("net present value"), "npv"),
    )

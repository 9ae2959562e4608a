"""What every policy's settings share, and the settings types that carry bounds and units."""

from collections.abc import Iterator
from math import floor
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simulator.language.catalogue import kept, noted
from simulator.model.errors import did_you_mean
from simulator.model.layout import AGE_BANDS, BUCKETS, GRADES, NEVER, ONE, UNIT
from simulator.model.values import DPD, MONTHS, MULTIPLIER, Month, Share, Unit
from simulator.policy.book import MEASURES, Book
from simulator.policy.labels import Members
from simulator.policy.others import Exits, Others

Never = Literal["never"]


def _countable(days: int) -> int:
    """Return days late that the month can tell apart: of later months it knows whole ones only."""
    if days > 30 and days % 30:
        raise ValueError(kept("found {value}; allowed: 1 to 30, or a multiple of 30", value=days))
    return days


DaysLate = Annotated[int, Field(ge=1, le=30 * (BUCKETS - 1)), AfterValidator(_countable), DPD]
Months = Annotated[int, Field(ge=0, le=999), MONTHS]
Multiplier = Annotated[float, Field(ge=0, le=16), MULTIPLIER]
MOST = 16 * UNIT  # to which multipliers that meet are kept
MOST_LOGIT = 256 * UNIT  # no sum of log-odds goes further, and beyond 16 they make no difference
Points = Annotated[int, Field(ge=0, le=1200), Unit("points")]
CurrentGrade = Literal["A", "B", "C", "D"]  # E is late or in a plan
CLOSE = 1e-9  # how far a sum of shares may be from 1
AGE_NAMES = ("0–5", "6–11", "12–17", "18–35", "36–59", "60+")
AGES = "by months since write-off: 0-5, 6-11, 12-17, 18-35, 36-59, 60 and more"


class PolicyTable(BaseModel):
    """A table of settings: unknown keys, numbers as text, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def __hash__(self) -> int:
        """Hash the values; pydantic's own hash refuses lists, which nothing here changes."""
        return hash(self.model_dump_json())


def _measure_of_the_book(name: str) -> str:
    """Refuse what no condition can look at."""
    if name not in MEASURES:
        raise ValueError(f"found {name!r}; {did_you_mean(name, MEASURES)}")
    return name


class When(PolicyTable):
    """A condition on last month's book: of the policy's own replication, segments and products."""

    measure: Annotated[str, AfterValidator(_measure_of_the_book), Unit("")] = Field(
        title=noted("measure"), description=f"what is looked at, at the end of the month before: {', '.join(MEASURES)}"
    )
    above: Share | None = Field(
        None, title=noted("acts above"), description="share: the policy acts if the measure is above it"
    )
    below: Share | None = Field(
        None, title=noted("acts below"), description="share: the policy acts if the measure is below it"
    )

    @model_validator(mode="after")
    def _one_bound(self):
        """Refuse a condition without a bound, or with two."""
        if (self.above is None) == (self.below is None):
            raise ValueError(kept("give either above or below"))
        return self

    def holds(self, book: Book) -> bool:
        """Return whether the condition is met, exactly: the measure is part / whole, the bound a q31.

        It is not met while there is no whole: a share of nothing is not defined.
        """
        part, whole = MEASURES[self.measure](book)
        if whole <= 0:
            return False
        if self.above is not None:
            return part * ONE > share(self.above) * whole
        return self.below is not None and part * ONE < share(self.below) * whole


class Policy(PolicyTable):
    """Keys that every policy has; each policy's `Settings` adds its own.

    What a policy must know of others, and others of it, is in the methods below. All of them may be left as they are.
    """

    insures: ClassVar[bool] = False  # somebody else bears a part of what is lost on accounts that default

    kind: str = Field(
        title=noted("kind"),
        description="name of the policy's file in simulator/policy/kinds, or file: and the path of your own",
    )
    enabled: bool = Field(True, title=noted("in force"), description="false: the policy does nothing")
    start: Month = Field(1, title=noted("first month"), description="first month in which it acts")
    end: Month | None = Field(
        None,
        title=noted("last month"),
        description="last month in which it acts; without it, to the end of the run-off",
    )
    products: list[Literal["line", "loan"]] = Field(
        ["line", "loan"], min_length=1, title=noted("products"), description="products it acts on"
    )
    segments: list[str] | None = Field(
        None, min_length=1, title=noted("segments"), description="segments it acts on; without it, all"
    )
    when: When | None = Field(
        None, title=noted("condition"), description="acts only in months whose last month's book meets this"
    )
    source: str = Field("", title=noted("source"), description="where the policy's numbers come from")

    @property
    def reads_book(self) -> bool:
        """Return whether what the policy does in a month depends on last month's book."""
        return self.when is not None

    def in_force(self, book: Book) -> "Policy | None":
        """Return the settings in force in the month after `book`, these or changed ones; None: it does not act.

        Asked for each replication and month in which the policy acts, and only if it `reads_book`.
        """
        return self if self.when is None or self.when.holds(book) else None

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Yield (key below the policy, what was found, what is allowed) for settings that exclude each other."""
        yield from ()

    def sole(self, last: int) -> set[tuple]:
        """Return what no other policy of the kind may set for the same accounts, each as (key, ...).

        `last` is the last month of the run.
        """
        return set()

    def asked_gini(self) -> float | None:
        """Return the Gini that its score must have among all applicants, None if it asks for none."""
        return None

    def with_score(self, correlation: float) -> "Policy":
        """Return the settings with the score that has the Gini they ask for: `correlation` is that with quality."""
        return self

    def acts_at(self) -> dict[str, int]:
        """Return {setting: days past due from which it acts on an open account}, NEVER where it does not."""
        return {}

    def rates(self) -> list[float]:
        """Return by what it multiplies the interest rate of each grade, from A to E."""
        return [1.0] * GRADES

    def exits(self) -> Exits:
        """Return from when on the accounts that it acts on are gone for others."""
        return Exits()

    def conflicts(self, others: Others) -> Iterator[tuple[str, str, str]]:
        """Yield (key, what was found, what is allowed) for settings that other policies in force exclude.

        As it is here: what it does to open accounts, it does before they are written off.
        """
        gone = others.exits.written_off
        for key, days in self.acts_at().items():
            if gone <= days < NEVER:
                field = type(self).model_fields.get(key)
                allowed = kept("allowed: below {gone}, the write-off", gone=gone)
                if field and Never in get_args(field.annotation):
                    allowed = kept("allowed: below {gone}, the write-off, or never", gone=gone)
                yield key, kept("found {value}", value=days), allowed


def by_age(of):
    """Return the type of a list of `of`, one for each age of what is written off."""
    return Annotated[list[of], Field(min_length=len(AGE_BANDS), max_length=len(AGE_BANDS)), Members(AGE_NAMES)]


def share(value: float) -> int:
    """Return `value` (0 to 1) as q31, rounded half up."""
    return floor(value * ONE + 0.5)


def mul_q31(x, q31):
    """Return the share `q31` of the whole numbers `x`, rounded half up, as the kernel does."""
    return (x * q31 + ONE // 2) >> 31


def multiplier(value: float) -> int:
    """Return `value` as q16, a multiplier or log-odds, rounded half up."""
    return floor(value * UNIT + 0.5)


def mul_q16(x, q16):
    """Return the whole numbers `x` times `q16`, rounded half up, as the kernel does."""
    return (x * q16 + UNIT // 2) >> 16


def threshold(value: int | Never, unit: int = 1) -> int:
    """Return `value` in steps of `unit`, or NEVER."""
    return NEVER if value == "never" else value // unit

"""What every policy's settings share, and the settings types that carry bounds and units."""

from math import floor
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.kernel.names import AGE_BANDS, BUCKETS, NEVER, ONE
from simulator.scenario.values import DPD, MONTHS, Month

Never = Literal["never"]
DaysLate = Annotated[int, Field(ge=1, le=30 * (BUCKETS - 1)), DPD]
Months = Annotated[int, Field(ge=0, le=999), MONTHS]
AGES = "by months since write-off: 0-5, 6-11, 12-17, 18-35, 36-59, 60 and more"


class PolicySettings(BaseModel):
    """Keys that every policy has; each policy's `Settings` adds its own."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    kind: str = Field(description="name of the policy's file in simulator/policies")
    enabled: bool = Field(True, description="false: the policy does nothing")
    start: Month = Field(1, description="first month in which it acts")
    end: Month | None = Field(None, description="last month in which it acts; without it, to the end of the run-off")
    products: list[Literal["line", "loan"]] = Field(["line", "loan"], min_length=1, description="products it acts on")
    segments: list[str] | None = Field(None, min_length=1, description="segments it acts on; without it, all")
    source: str = Field("", description="where the policy's numbers come from")


def by_age(of):
    """Return the type of a list of `of`, one for each age of what is written off."""
    return Annotated[list[of], Field(min_length=len(AGE_BANDS), max_length=len(AGE_BANDS))]


def share(value: float) -> int:
    """Return `value` (0 to 1) as q31, rounded half up."""
    return floor(value * ONE + 0.5)


def part(x, q31):
    """Return the share `q31` of the whole numbers `x`, rounded half up, as the kernel does."""
    return (x * q31 + ONE // 2) >> 31


def threshold(value: int | Never, unit: int = 1) -> int:
    """Return `value` in steps of `unit`, or NEVER."""
    return NEVER if value == "never" else value // unit

"""Distributions of a quantity over people: what a scenario may say, and where the quantity can lie."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simulator.language.catalogue import kept, noted
from simulator.model import values


class Distribution(BaseModel):
    """How a quantity spreads over people. `bounds()` gives the lowest and highest value it can take."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def bounds(self) -> tuple[float, float]:
        """Return the lowest and the highest value."""
        raise NotImplementedError


class Lognormal(Distribution):
    """Skewed and positive; `mean` or `median` is that before `min` and `max` cut it."""

    distribution: Literal["lognormal"]
    mean: Annotated[float, Field(gt=0)] | None = None
    median: Annotated[float, Field(gt=0)] | None = None
    sigma: Annotated[float, Field(ge=0, le=5), values.NUMBER]
    min: Annotated[float, Field(ge=0)] | None = None
    max: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _consistent(self):
        if (self.mean is None) == (self.median is None):
            raise ValueError("give either mean or median")
        low, high = self.bounds()
        if not low <= (self.mean or self.median or 0.0) <= high:
            raise ValueError("mean or median must lie between min and max")
        return self

    def bounds(self) -> tuple[float, float]:
        """Return the lowest and the highest value; without `max` what one in 30,000 exceeds (4 sigma)."""
        median = self.median or (self.mean or 0.0) * math.exp(-(self.sigma**2) / 2)
        return self.min or 0.0, median * math.exp(4 * self.sigma) if self.max is None else self.max


class Uniform(Distribution):
    """Every value from `low` to `high` is as likely."""

    distribution: Literal["uniform"]
    low: float
    high: float

    @model_validator(mode="after")
    def _consistent(self):
        if self.low > self.high:
            raise ValueError("low must not exceed high")
        return self

    def bounds(self) -> tuple[float, float]:
        """Return `low` and `high`."""
        return self.low, self.high


class Constant(Distribution):
    """The same for everyone."""

    distribution: Literal["constant"]
    value: float

    def bounds(self) -> tuple[float, float]:
        """Return the value twice."""
        return self.value, self.value


class Beta(Distribution):
    """Between `min` and `max`, with the mean and standard deviation given."""

    distribution: Literal["beta"]
    mean: float
    sd: Annotated[float, Field(gt=0)]
    min: float = 0.0
    max: float = 1.0

    @model_validator(mode="after")
    def _consistent(self):
        if not self.min < self.mean < self.max:
            raise ValueError(kept("mean must lie between min and max"))
        if self.sd * self.sd >= (most := (self.mean - self.min) * (self.max - self.mean)):
            words = noted("sd must be below {most}, the most this mean leaves room for")
            raise ValueError(kept(words, most=f"{math.sqrt(most):.6g}"))
        return self

    def bounds(self) -> tuple[float, float]:
        """Return `min` and `max`."""
        return self.min, self.max


class Quantiles(Distribution):
    """Points of the inverse cumulative distribution; straight lines between them."""

    distribution: Literal["quantiles"]
    at: Annotated[list[float], Field(min_length=2), values.NUMBER]  # shares of people, from 0 to 1
    value: Annotated[list[float], Field(min_length=2)]

    @model_validator(mode="after")
    def _consistent(self):
        if self.at[0] != 0 or self.at[-1] != 1 or any(a >= b for a, b in pairwise(self.at)):
            raise ValueError("at must rise from 0 to 1")
        if len(self.at) != len(self.value):
            raise ValueError(f"at has {len(self.at)} points and value {len(self.value)}; give as many")
        if any(a > b for a, b in pairwise(self.value)):
            raise ValueError("value must not fall")
        return self

    def bounds(self) -> tuple[float, float]:
        """Return the first and the last value."""
        return self.value[0], self.value[-1]


KINDS: dict[str, type[Distribution]] = {
    "lognormal": Lognormal,
    "uniform": Uniform,
    "constant": Constant,
    "beta": Beta,
    "quantiles": Quantiles,
}
AnyDistribution = Annotated[Lognormal | Uniform | Constant | Beta | Quantiles, Field(discriminator="distribution")]


@dataclass(frozen=True, slots=True)
class Within:
    """Refuses a distribution that reaches below `low` or above `high`."""

    low: float
    high: float

    def __call__(self, distribution: Distribution) -> Distribution:
        """Return `distribution`, or raise ValueError saying where it must lie."""
        low, high = distribution.bounds()
        if low < self.low or high > self.high:
            span = {"low": low, "high": high, "least": self.low, "most": self.high}
            said = {name: f"{number:,.10g}" for name, number in span.items()}
            spans = noted("spans values from {low} to {high}; allowed: from {least} to {most} (give min and max)")
            raise ValueError(kept(spans, **said))
        return distribution


def over_people(unit: values.Unit, low: float, high: float):
    """Return the field type of a distribution whose values have `unit` and lie from `low` to `high`."""
    return Annotated[AnyDistribution, AfterValidator(Within(low, high)), unit]

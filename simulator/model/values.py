"""Numbers with units: the types of the schema's fields, the units they may be given in, where they come from."""

from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a value comes from; `unit` is the canonical unit of the value in force.

    `range` is (low, high), where the value lies with 90 %, in the same unit: two numbers; of a list two lists as long,
    or two numbers that multiply all its members. Empty if nothing is said. `shape` is how it is spread there, empty for
    normal on its natural scale; `group` what it moves with, and by which correlation.
    """

    unit: str = ""
    source: str = ""
    status: str = ""
    file: str = ""
    range: tuple = ()
    shape: str = ""
    group: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A canonical unit and the factors that bring other units to it; {money} stands for the currency's code."""

    name: str
    others: tuple[tuple[str, float], ...] = ()

    def factors(self, currency: str) -> dict[str, float]:
        """Return factor by unit; the canonical unit comes first."""
        names = ((self.name, 1.0), *self.others)
        return {name.replace("{money}", currency): factor for name, factor in names}


PERCENT = (("percent", 0.01), ("%", 0.01))
SHARE = Unit("share", PERCENT)
CHANCE = Unit("per month")  # a probability: a yearly one cannot be divided by twelve
RATE_PER_MONTH = Unit("per month", (("per year", 1 / 12), ("per day", 365 / 12)))  # docs/model.md: 12 months, 365 days
RATE_PER_DAY = Unit("per day", (("per month", 12 / 365), ("per year", 1 / 365)))
RATE_PER_YEAR = Unit("per year", (("per month", 12.0), ("per day", 365.0)))
MONEY = Unit("{money}", (("money", 1.0),))
MONEY_PER_MONTH = Unit("{money} per month", (("{money} per year", 1 / 12), ("money per month", 1.0)))
LOG_ODDS = Unit("log-odds")
MULTIPLIER = Unit("multiplier")
MONTHS = Unit("months")
DPD = Unit("days past due", (("days", 1),))
INCOMES = Unit("months of income")
INCOME_SHARE = Unit("share of income", (("share", 1.0), *PERCENT))
CALENDAR_MONTH = Unit("calendar month")
DAYS_AFTER_DUE = Unit("days after the due date")
COUNT = Unit("count")
NUMBER = Unit("number")
LARGEST_AMOUNT = 10_000_000  # a balance must fit 32 bits in minor units

Share = Annotated[float, Field(ge=0, le=1), SHARE]
Correlation = Annotated[float, Field(ge=-1, le=1), NUMBER]
Gini = Annotated[float, Field(ge=0, le=1), NUMBER]  # 0 where none is asked for
Chance = Annotated[float, Field(ge=0, le=1), CHANCE]
MonthlyRate = Annotated[float, Field(ge=0, le=1), RATE_PER_MONTH]
DailyRate = Annotated[float, Field(ge=0, le=1), RATE_PER_DAY]
YearlyRate = Annotated[float, Field(ge=0, le=1), RATE_PER_YEAR]
Growth = Annotated[float, Field(ge=-1, le=1), RATE_PER_YEAR]
Money = Annotated[float, Field(ge=0, le=LARGEST_AMOUNT), MONEY]
LogOdds = Annotated[float, Field(ge=-16, le=16), LOG_ODDS]
CertainLogOdds = Annotated[float, Field(ge=-64, le=64), LOG_ODDS]  # a large one outweighs whatever else is added
Multiplier = Annotated[float, Field(ge=0, le=100), MULTIPLIER]
Factor = Annotated[float, Field(ge=0, le=10), MULTIPLIER]
Incomes = Annotated[float, Field(ge=0, le=1000), INCOMES]
Dpd = Annotated[int, Field(ge=30, le=450, multiple_of=30), DPD]
Month = Annotated[int, Field(ge=1, le=600), MONTHS]


_WORDS = {  # for fields that state their unit only in their description, as policies do
    "share": SHARE,
    "chance": CHANCE,
    "days past due": DPD,
    "days late": DPD,
    "months": MONTHS,
    "month": MONTHS,
    "money per month": MONEY_PER_MONTH,
    "money": MONEY,
    "multiplier": MULTIPLIER,
    "points": Unit("points"),
}


def unit_in_words(description: str) -> Unit | None:
    """Return the unit that the first words of a description name, or None."""
    places = [(description.find(word), -len(word), word) for word in _WORDS if word in description]
    return _WORDS[min(places)[2]] if places else None


def parts_of(info: FieldInfo | None) -> list[Any]:
    """Return the types and metadata that a field is made of: those of its annotation from the outermost in, its own."""
    return [*_parts(info.annotation), *info.metadata] if info else []


def _parts(annotation: Any) -> list[Any]:
    inner = [part for argument in get_args(annotation) for part in _parts(argument)]
    return [get_origin(annotation) or annotation, *inner]


def in_canonical_unit(value: Any, said: str | None, unit: Unit, currency: str) -> Any:
    """Return `value` brought from the unit `said` to the canonical one; lists member by member.

    Raises ValueError with the allowed units if `said` is not one of them.
    """
    factors = unit.factors(currency)
    if said is None or said == next(iter(factors)):
        return value
    if said not in factors:
        raise ValueError("allowed units: " + ", ".join(factors))
    return _scaled(value, factors[said])


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, list):
        return [_scaled(member, factor) for member in value]
    if factor == 1 or isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return value * factor

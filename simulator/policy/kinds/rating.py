"""Grade accounts by other bounds: months without a missed due, points of the score, how much of the limit is used."""

from typing import Annotated

from simulator.policy import (
    GRADE_NAMES,
    MONTHS,
    Field,
    Members,
    Points,
    Policy,
    Share,
    kept,
    layout,
    multiplier,
    noted,
    say,
)

LABEL = noted("rating")
DESCRIPTION = "Grade accounts by bounds of the lender's own: months without a missed due, score, and use of the limit."
EFFECT = "The grade ranks who defaults better or worse, and all that goes by grade meets others."
MEETS = "One way to grade holds at a time."
NEUTRAL: dict = {}
EXAMPLE = {"months": [6, 3, 1], "score": [580, 540, 500], "used": [0.3, 0.6, 0.9]}
FALLING, RISING = (Members(GRADE_NAMES[1:4], order) for order in (-1, 1))
Clean = Annotated[int, Field(ge=0, le=255), MONTHS]


class Settings(Policy):
    """What parts the grades A to D; E is late or in a plan."""

    months: Annotated[list[Clean], Field(min_length=3, max_length=3), FALLING] | None = Field(
        None,
        title=noted("worse below clean months"),
        description="months in a row without a missed due below which an account is B, C, D or worse; without it 12, "
        "6 and 3",
    )
    score: Annotated[list[Points], Field(min_length=3, max_length=3), FALLING] | None = Field(
        None,
        title=noted("worse below score"),
        description="points below which an account is B, C, D or worse; without it the score does not count",
    )
    used: Annotated[list[Share], Field(min_length=3, max_length=3), RISING] | None = Field(
        None,
        title=noted("worse above utilisation"),
        description="share of the limit above which a line is B, C, D or worse; without it 1/2, 7/8 and never",
    )

    def contradictions(self):
        """A worse grade needs more."""
        for key, given, worse in (("months", self.months, -1), ("score", self.score, -1), ("used", self.used, 1)):
            if given is not None and sorted(given, reverse=worse < 0) != list(given):
                yield (
                    key,
                    kept("found {value}", value=given),
                    kept("allowed: rising, or the same again" if worse > 0 else "allowed: falling, or the same again"),
                )

    def sole(self, last):
        """Only one way to grade holds at a time."""
        return set() if self.months is self.score is self.used is None else {("months",)}


def write(levers, settings, context):
    """Write the bounds."""
    cells = context.cells(settings)
    for lever, bounds in (
        (layout.V_GRADE_MONTHS, settings.months),
        (layout.V_GRADE_SCORE, settings.score),
        (layout.V_GRADE_USED, settings.used and [multiplier(share) for share in settings.used]),
    ):
        for step, bound in enumerate(bounds or []):
            levers.month[(*cells, lever + step)] = bound


def why(evidence):
    """Yield how well the grade ranks who defaults."""
    gini = evidence.clause(say("the Gini of the grade"), "gini_grade")
    loss = evidence.clause(say("net loss"), "net_loss")
    yield say("{gini}; {loss}, {value}.", gini=gini, loss=loss, value=evidence.value())

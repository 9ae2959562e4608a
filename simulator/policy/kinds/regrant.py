"""Open closed accounts again, to borrowers who meet a raised bar."""

from typing import Annotated, Literal

from simulator.policy import GRADE_NAMES, MONTHS, Chance, Field, Points, Policy, Share, kept, layout, noted, say, share

LABEL = noted("regrant")
DESCRIPTION = "Open a closed and repaid account again after clean months, sooner with a guarantor or collateral."
EFFECT = "Good customers who were closed over a forgotten bill return; how they do shows whether the bar is right."
MEETS = "One bar holds at a time."
NEUTRAL = {"months": 12, "ask_chance": 0.0}
EXAMPLE = {
    "months": 24,
    "months_guaranteed": 6,
    "guaranteed": 0.2,
    "ask_chance": 0.1,
    "score": 560,
    "grade": "C",
    "limit": 0.5,
}
Grade = Literal[GRADE_NAMES]
Wait = Annotated[int, Field(ge=1, le=999), MONTHS]


class Settings(Policy):
    """The bar, who asks, and the limit they get. A borrower with a bureau report or a late account is refused."""

    months: Wait = Field(
        title=noted("time since closure"),
        description="months since the closure after which an account may be opened again",
    )
    months_guaranteed: Wait | None = Field(
        None,
        title=noted("time since closure, with a guarantor"),
        description="the same months with a guarantor or collateral",
    )
    guaranteed: Share = Field(
        0.0,
        title=noted("borrowers with a guarantor"),
        description="share of borrowers who can name a guarantor or collateral",
    )
    ask_chance: Chance = Field(
        title=noted("chance to ask, a month"), description="chance per month that a borrower who meets the bar asks"
    )
    score: Points = Field(0, title=noted("score needed"), description="points needed")
    grade: Grade = Field(
        "E",
        title=noted("grade needed"),
        description="grade or better that the borrower's other account needs, if one is open",
    )
    limit: Share = Field(
        1.0, title=noted("share of the limit granted"), description="share of the limit granted before"
    )

    def contradictions(self):
        """A guarantor does not make it later."""
        if self.months_guaranteed and self.months_guaranteed > self.months:
            found = kept("found {value}", value=self.months_guaranteed)
            yield "months_guaranteed", found, kept("allowed: up to months, which is {months}", months=self.months)

    def sole(self, last):
        """Only one bar holds at a time."""
        return {("months",)} if self._opens else set()

    @property
    def _opens(self):
        return self.ask_chance > 0 and self.limit > 0


def write(levers, settings, context):
    """Write the bar, if anybody can pass it."""
    if not settings._opens:
        return
    cells = context.cells(settings)
    levers.month[(*cells, layout.V_REGRANT_MONTHS)] = settings.months
    levers.month[(*cells, layout.V_REGRANT_SOON)] = settings.months_guaranteed or settings.months
    levers.month[(*cells, layout.V_GUARANTEED)] = share(settings.guaranteed)
    levers.month[(*cells, layout.V_REGRANT_CHANCE)] = share(settings.ask_chance)
    levers.month[(*cells, layout.V_REGRANT_SCORE)] = settings.score
    levers.month[(*cells, layout.V_REGRANT_GRADE)] = GRADE_NAMES.index(settings.grade)
    levers.month[(*cells, layout.V_REGRANT_SHARE)] = share(settings.limit)


def why(evidence):
    """Yield who returns, and how they do."""
    opened, credit = evidence.level("n_regranted"), evidence.clause(say("new credit"), "new_credit")
    yield say("{opened} closed accounts are opened again; {credit}.", opened=opened, credit=credit)
    defaults = evidence.clause(say("first defaults"), "n_default", plural=True)
    loss = evidence.clause(say("net loss"), "net_loss")
    yield say("{defaults}, {loss}, {value}.", defaults=defaults, loss=loss, value=evidence.value())

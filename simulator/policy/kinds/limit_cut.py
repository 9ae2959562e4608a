"""Cut and raise limits: when an account falls behind, and in reviews of accounts that are current."""

from typing import Annotated

from pydantic import model_validator

from simulator.policy import (
    GRADE_NAMES,
    MONTHS,
    MULTIPLIER,
    NEVER,
    SHARE,
    CurrentGrade,
    Dpd,
    Field,
    Money,
    Points,
    Policy,
    PolicyTable,
    Share,
    kept,
    layout,
    mul_q31,
    multiplier,
    noted,
    say,
    share,
)

LABEL = noted("limit cut")
DESCRIPTION = (
    "Cut the limit of an account when it falls this many days behind; in reviews, cut or raise the limits of accounts "
    "that are current, by grade, score and utilisation."
)
EFFECT = "Exposure at default falls; borrowers who bridged with the line run short of cash; interest is lost."
MEETS = (
    "Each cut acts at its own at_dpd, at the same one they multiply; the higher floor holds; of reviews in one month "
    "only one may cut and only one raise."
)
NEUTRAL = {"at_dpd": 30, "keep": 1.0, "floor": 100.0, "review": {"every_months": 1, "keep": 1.0, "raise_by": 1.0}}
EXAMPLE = {
    "at_dpd": 60,
    "keep": 0.5,
    "floor": 500.0,
    "review": {"every_months": 1, "keep": 0.8, "grade": "C", "score": 560, "utilisation": 0.8, "raise_by": 1.2},
}
Utilisation = Annotated[float, Field(ge=0, le=10), SHARE]
Raise = Annotated[float, Field(ge=1, le=4), MULTIPLIER]


class Review(PolicyTable):
    """Which accounts a review cuts and which of the others it raises; a condition left out always holds."""

    every_months: Annotated[int, Field(ge=1, le=999), MONTHS] = Field(
        title=noted("every"), description="months from one review to the next; the first is in the policy's first month"
    )
    keep: Share = Field(
        1.0, title=noted("share of the limit kept"), description="share of the limit that a cut keeps; 1: no cuts"
    )
    grade: CurrentGrade = Field(
        "A",
        title=noted("cut from grade"),
        description="cut: accounts of this grade or worse; late ones are not reviewed",
    )
    score: Points | None = Field(None, title=noted("cut below score"), description="cut: points; borrowers below")
    utilisation: Utilisation = Field(
        0.0, title=noted("cut from utilisation"), description="cut: share of the limit that the balance is at least"
    )
    raise_by: Raise = Field(
        1.0, title=noted("limit raised, times"), description="multiplier of the limit in a raise; 1: no raises"
    )
    raise_grade: CurrentGrade = Field(
        "A", title=noted("raised from grade"), description="raise: accounts of this grade or better"
    )
    raise_utilisation: Utilisation = Field(
        0.0,
        title=noted("raised from utilisation"),
        description="raise: share of the limit that the balance is at least",
    )
    raise_cap: Raise = Field(
        2.0,
        title=noted("raised at most, times"),
        description="multiplier of the limit as granted that a raise does not exceed",
    )


class Settings(Policy):
    """When a limit is cut, and by how much."""

    at_dpd: Dpd | None = Field(
        None,
        title=noted("days past due when cut"),
        description="days past due at which the limit is cut, a multiple of 30; once, on falling into that bucket",
    )
    keep: Share | None = Field(
        None, title=noted("share of the limit kept"), description="share of the limit that is kept"
    )
    floor: Money = Field(
        0.0, title=noted("not cut below"), description="a cut does not go below this limit, nor does one in a review"
    )
    review: Review | None = Field(None, title=noted("review"), description="reviews of the lines that are current")

    @model_validator(mode="after")
    def _of_something(self):
        """Refuse a cut without its size, and a policy without either kind of cut."""
        if (self.at_dpd is None) != (self.keep is None) or (self.at_dpd is None and self.review is None):
            raise ValueError(kept("a limit_cut needs at_dpd and keep, or a review, or all of them"))
        return self

    def months(self, last: int) -> range:
        """Return the months of the reviews in a run of `last` months."""
        return range(self.start, min(last, self.end or last) + 1, self.review.every_months if self.review else last + 1)

    def sole(self, last):
        """Only one review of a month cuts, and only one raises."""
        acts = {"review.keep": self.review and self.review.keep < 1, "review.raise_by": self._raises}
        return {(key, month) for key, does in acts.items() if does for month in self.months(last)}

    def acts_at(self):
        """Limits are cut while accounts are open; a review has no days past due."""
        return {} if self.at_dpd is None else {"at_dpd": self.at_dpd}

    @property
    def _raises(self):
        return self.review is not None and self.review.raise_by > 1


def write(levers, settings, context):
    """Multiply what is kept on falling into the bucket; write the reviews; the highest floor holds."""
    cuts, review = settings.keep is not None and settings.keep < 1, settings.review
    cells = context.cells(settings)
    if cuts:
        keep = (*cells, settings.at_dpd // 30, layout.S_LIMIT_KEEP)
        levers.stage[keep] = mul_q31(levers.stage[keep], share(settings.keep))
    if cuts or (review and review.keep < 1):
        floor = (*cells, layout.V_LIMIT_FLOOR)
        levers.month[floor] = levers.month[floor].clip(min=context.amount(settings.floor))
    cells = context.cells(settings, settings.months(context.months_total))
    if review and review.keep < 1:
        levers.month[(*cells, layout.V_CUT_KEEP)] = share(review.keep)
        levers.month[(*cells, layout.V_CUT_GRADE)] = GRADE_NAMES.index(review.grade)
        levers.month[(*cells, layout.V_CUT_SCORE)] = NEVER if review.score is None else review.score
        levers.month[(*cells, layout.V_CUT_UTILISATION)] = multiplier(review.utilisation)
    if settings._raises:
        levers.month[(*cells, layout.V_RAISE_BY)] = multiplier(review.raise_by)
        levers.month[(*cells, layout.V_RAISE_GRADE)] = GRADE_NAMES.index(review.raise_grade)
        levers.month[(*cells, layout.V_RAISE_UTILISATION)] = multiplier(review.raise_utilisation)
        levers.month[(*cells, layout.V_RAISE_CAP)] = multiplier(review.raise_cap)


def why(evidence):
    """Yield exposure, liquidity and line income: the three sides of a limit cut."""
    balance = evidence.clause(say("the mean balance at default"), "ead")
    defaults = evidence.clause(say("defaults"), "n_default", plural=True)
    yield say("exposure: {balance}; {defaults}.", balance=balance, defaults=defaults)
    who = say("dues missed for want of cash by those who usually spend half of their limit or more")
    short = evidence.clause(who, "n_missed_short_high_use", plural=True)
    all_short = evidence.clause(say("all dues missed for want of cash"), "n_missed_short", plural=True)
    yield say("liquidity: {short}; {all_short}.", short=short, all_short=all_short)
    earned = say("interest and merchant discount")
    yield say(
        "the net: {income}, {loss}, {value}.",
        income=evidence.clause(earned, "interest", "merchant_discount", plural=True),
        loss=evidence.clause(say("net loss"), "net_loss"),
        value=evidence.value(),
    )

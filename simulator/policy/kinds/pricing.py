"""Price credit: interest rates by grade, and the minimum payment."""

from typing import Annotated

from simulator.policy import (
    GRADE_NAMES,
    GRADES,
    MOST,
    Field,
    Members,
    Multiplier,
    Policy,
    Share,
    layout,
    mul_q16,
    multiplier,
    noted,
    say,
    share,
)

LABEL = noted("pricing")
DESCRIPTION = "Change the interest rate, for all or by grade, and the share of the bill that is due each month."
EFFECT = "Interest moves at once, delinquency slowly; a higher minimum payment repays sooner and strains who is short."
MEETS = "Rates multiply; the higher minimum payment holds."
NEUTRAL = {"rate": 1.0, "rate_by_grade": [1.0] * GRADES}
EXAMPLE = {"rate": 0.9, "rate_by_grade": [0.8, 0.9, 1.0, 1.1, 1.2], "minimum_share": 0.05}
ByGrade = Annotated[list[Multiplier], Field(min_length=GRADES, max_length=GRADES), Members(GRADE_NAMES)]


class Settings(Policy):
    """Multipliers of the products' rates, and the minimum payment of the line."""

    rate: Multiplier = Field(1.0, title=noted("interest rate, times"), description="multiplier of the interest rate")
    rate_by_grade: ByGrade | None = Field(
        None,
        title=noted("interest rate by grade, times"),
        description="five multipliers of the interest rate, by the account's grade from A to E",
    )
    minimum_share: Share | None = Field(
        None,
        title=noted("minimum payment"),
        description="share of the bill due on the line; without it, the product's own",
    )

    def rates(self):
        """The multiplier for all times that of the grade."""
        return [self.rate * own for own in self.rate_by_grade or [1.0] * GRADES]


def write(levers, settings, context):
    """Rates multiply, up to 16 times; the higher minimum payment holds."""
    cells = context.cells(settings)
    for grade, own in enumerate(settings.rate_by_grade or [1.0] * GRADES):
        rate = (*cells, layout.V_RATE + grade)
        for times in (settings.rate, own):
            levers.month[rate] = mul_q16(levers.month[rate], multiplier(times)).clip(max=MOST)
    if settings.minimum_share is not None:
        least = (*cells, layout.V_MIN_SHARE)
        levers.month[least] = levers.month[least].clip(min=share(settings.minimum_share))


def why(evidence):
    """Yield income against the strain that prices put on borrowers."""
    interest = evidence.clause(say("interest"), "interest")
    yield say("{interest}; {value}.", interest=interest, value=evidence.value())
    short = evidence.clause(say("dues missed for want of cash"), "n_missed_short", "n_missed_cannot", plural=True)
    yield say("the strain: {short}; {loss}.", short=short, loss=evidence.clause(say("net loss"), "net_loss"))

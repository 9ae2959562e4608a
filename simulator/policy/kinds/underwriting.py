"""Raise the bar for new credit: cut-offs, limits by score, a score that knows more."""

from math import sqrt
from typing import Annotated

from simulator.policy import (
    MONEY_PER_MONTH,
    MOST,
    NEVER,
    SCORE_BANDS,
    Correlation,
    Field,
    Gini,
    Members,
    Money,
    Multiplier,
    Points,
    Policy,
    Share,
    Unit,
    kept,
    layout,
    mul_q16,
    multiplier,
    noted,
    say,
    share,
)

LABEL = noted("underwriting")
DESCRIPTION = (
    "Decline applicants below a score or an income, or taken for fraud, and scale the limits of the others by score."
)
EFFECT = "The approval rate falls; loss avoided stands against the good business that is lost."
MEETS = "The higher cut-offs hold; limits by score multiply; one check for fraud is made at a time."
NEUTRAL = {"limit_by_score": [1.0] * SCORE_BANDS}
EXAMPLE = {"score_cutoff": 560, "income_cutoff": 2000.0, "limit_by_score": [0.5] * 8 + [1.5] * 8, "score_power": 0.6}
SCORES = [str(344 + 32 * band) for band in range(SCORE_BANDS)]  # from which each band is
ByScore = Annotated[list[Multiplier], Field(min_length=SCORE_BANDS, max_length=SCORE_BANDS), Members(SCORES)]


class Settings(Policy):
    """Who is declined and what limit the others get; the score has mean 600 and standard deviation 64."""

    score_cutoff: Points | None = Field(
        None,
        title=noted("score cut-off"),
        description="points; applicants below are declined; without it, nobody is for the score",
    )
    income_cutoff: Annotated[Money, MONEY_PER_MONTH] | None = Field(
        None,
        title=noted("income cut-off"),
        description="applicants below are declined; without it, nobody is for the income",
    )
    limit_by_score: ByScore | None = Field(
        None,
        title=noted("limit by score, times"),
        description="16 multipliers of the limit, one for each band of 32 points from 344 up",
    )
    score_power: Correlation | None = Field(
        None,
        title=noted("power of the score"),
        description="correlation of the score used in the review with true quality; without it the segment's own",
    )
    score_gini: Gini | None = Field(
        None,
        title=noted("Gini of the score"),
        description="before score_power, if not 0: the Gini that the score has among all applicants it is for, before "
        "review, against default within 12 months; the run finds the correlation that gives it",
    )
    # assumption, [0.3, 0.9] caught and [0.002, 0.03] wrongly refused: no sound number was found
    fraud_caught: Share = Field(
        0.0,
        title=noted("fraud caught|a share"),
        description="share of applicants who would never pay anything (fraud) that are declined for it",
    )
    fraud_wrong: Share = Field(
        0.0,
        title=noted("wrongly taken for fraud"),
        description="share of all other applicants that are taken for fraud and declined",
    )
    review_cost: Annotated[Money, Unit("{money} per application", (("{money}", 1.0),))] = Field(
        0.0, title=noted("cost of an application"), description="of each application, granted or not"
    )

    def sole(self, last):
        """Only one score is used at a time, and one check for fraud made."""
        checks = {("fraud_caught",)} if self.fraud_caught or self.fraud_wrong or self.review_cost else set()
        return checks if self.score_power is None and not self.score_gini else {("score_power",), *checks}

    def asked_gini(self):
        """The Gini asked for."""
        return self.score_gini

    def with_score(self, correlation):
        """Its power instead of its Gini."""
        return self.model_copy(update={"score_gini": None, "score_power": correlation})

    def conflicts(self, others):
        """An income cut-off needs incomes."""
        if self.income_cutoff is not None:
            for name in others.without_income:
                yield (
                    "income_cutoff",
                    kept("segment {name} has no income", name=name),
                    kept("give segment.{name}.income", name=name),
                )
        if self.fraud_caught > 0 and not others.fraud:
            found = kept("found {fraud_caught}, and nobody is a fraud", fraud_caught=f"{self.fraud_caught:g}")
            yield (
                "fraud_caught",
                found,
                kept("allowed: 0, or fraud of one of its products above 0 under the structural model"),
            )


def write(levers, settings, context):
    """The higher cut-offs hold; limits by score multiply, up to 16 times."""
    cells = context.cells(settings)
    score, income = (*cells, layout.V_SCORE_CUTOFF), (*cells, layout.V_INCOME_CUTOFF)
    points = -NEVER if settings.score_cutoff is None else settings.score_cutoff
    amount = -NEVER if settings.income_cutoff is None else context.amount(settings.income_cutoff)
    levers.month[score] = levers.month[score].clip(min=points)
    levers.month[income] = levers.month[income].clip(min=amount)
    for band, own in enumerate(settings.limit_by_score or []):
        limit = (*cells, band)
        levers.review[limit] = mul_q16(levers.review[limit], multiplier(own)).clip(max=MOST)
    if settings.fraud_caught or settings.fraud_wrong or settings.review_cost:
        levers.month[(*cells, layout.V_FRAUD_CAUGHT)] = share(settings.fraud_caught)
        levers.month[(*cells, layout.V_FRAUD_WRONG)] = share(settings.fraud_wrong)
        levers.month[(*cells, layout.V_REVIEW_COST)] = context.amount(settings.review_cost)
    if settings.score_power is not None:
        levers.month[(*cells, layout.V_SCORE_CORRELATION)] = multiplier(settings.score_power)
        levers.month[(*cells, layout.V_SCORE_NOISE)] = multiplier(sqrt(1 - settings.score_power**2))


def why(evidence):
    """Yield the swap sets: loss avoided against good business lost."""
    moved = say(
        "{credit}, {loss}, {value}",
        credit=evidence.clause(say("new credit"), "new_credit"),
        loss=evidence.clause(say("net loss"), "net_loss"),
        value=evidence.value(),
    )
    if evidence.reads_book:
        declined = evidence.clause(say("applications declined"), "n_declined", plural=True)
        yield say(
            "swap sets are not worked out where a policy reads last month's book: {declined}; {moved}.",
            declined=declined,
            moved=moved,
        )
    elif not evidence.swapped:
        yield say("nobody is swapped: {moved}.", moved=moved)
    if evidence.mean("n_taken_for_fraud"):
        yield say(
            "{taken} applications are taken for fraud, {caught} of them rightly; {lost}; reviews cost {cost}.",
            taken=evidence.level("n_taken_for_fraud"),
            caught=evidence.level("n_fraud_caught"),
            lost=evidence.clause(say("net loss by fraud"), "fraud_net_loss"),
            cost=evidence.level("review_cost"),
        )
    if "out" in evidence.swapped:
        yield _declined(evidence)
    if "into" in evidence.swapped:
        yield _taken(evidence)
    if len(evidence.swapped) == 2:
        gap = evidence.swap_change("lifetime_default_rate").clause(say("the default rate"))
        yield say("from those declined to those taken instead, {gap}.", gap=gap)


def _declined(evidence):
    """Return what is given up with the accounts that only the baseline takes, and what is saved."""
    known = {**_swapped(evidence, "out"), "good": evidence.swap_level("out", "n_never_default")}
    if not evidence.stated("npv"):
        return say(
            "{variant} declines {granted} accounts that {baseline} takes: {rate} of them would have defaulted. Net "
            "loss avoided: {loss}; profit given up: {profit}, with {good} accounts that never default.",
            **known,
        )
    return say(
        "{variant} declines {granted} accounts that {baseline} takes: {rate} of them would have defaulted. Net loss "
        "avoided: {loss}; profit given up: {profit}, net present value given up: {npv}, with {good} accounts that "
        "never default.",
        **known,
        npv=evidence.swap_level("out", "npv"),
    )


def _taken(evidence):
    """Return what is won with the accounts that only the variant takes, and what is lost."""
    known = _swapped(evidence, "into")
    if not evidence.stated("npv"):
        return say(
            "{variant} takes {granted} accounts that {baseline} declines: {rate} of them default. Net loss added: "
            "{loss}; profit won: {profit}.",
            **known,
        )
    return say(
        "{variant} takes {granted} accounts that {baseline} declines: {rate} of them default. Net loss added: {loss}; "
        "profit won: {profit}, net present value won: {npv}.",
        **known,
        npv=evidence.swap_level("into", "npv"),
    )


def _swapped(evidence, side):
    """Return what is told of either side of a swap, by slot: both lenders, and what becomes of the accounts."""
    levels = {"granted": "n_granted", "rate": "lifetime_default_rate", "loss": "net_loss", "profit": "profit"}
    return {
        "variant": evidence.named(evidence.variant),
        "baseline": evidence.named(evidence.baseline),
        **{slot: evidence.swap_level(side, measure) for slot, measure in levels.items()},
    }

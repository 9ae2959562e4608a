"""Freeze and close accounts that are late."""

from simulator.policy import NEVER, DaysLate, Field, Never, Policy, kept, layout, noted, say, threshold

LABEL = noted("closure")
DESCRIPTION = "Freeze, then close accounts that are so many days late; closing one may close the borrower's other one."
EFFECT = "Exposure at default falls; accounts are closed over a forgotten bill: good customers are lost."
MEETS = (
    "The earlier freeze and the earlier closure hold, each on its own; cross_product of either holds for every closure "
    "in those months."
)
NEUTRAL = {"cross_product": True}
EXAMPLE = {"freeze_days_late": 7, "close_days_late": 30, "cross_product": True}


class Settings(Policy):
    """Days late count exactly within the first month, then by 30 for each bucket."""

    freeze_days_late: DaysLate | Never = Field(
        "never",
        title=noted("days late when frozen"),
        description="days late at which an account may borrow no more, until it is current again",
    )
    close_days_late: DaysLate | Never = Field(
        "never", title=noted("days late when closed"), description="days late at which an account is closed for good"
    )
    cross_product: bool = Field(
        False,
        title=noted("closes the other account too"),
        description="closing an account closes the borrower's other account too",
    )

    def contradictions(self):
        """An account is not closed before it is frozen."""
        freeze, close = (threshold(days) for days in (self.freeze_days_late, self.close_days_late))
        if close < freeze < NEVER:
            yield (
                "close_days_late",
                kept("closes at {close} days late and freezes at {freeze}", close=close, freeze=freeze),
                kept("allowed: not before that"),
            )

    def acts_at(self):
        """Accounts are frozen and closed while they are open."""
        return {key: threshold(getattr(self, key)) for key in ("freeze_days_late", "close_days_late")}

    def conflicts(self, others):
        """Nor is it closed by one policy before another freezes it: of two, the earlier days hold."""
        yield from super().conflicts(others)
        freeze, close = self.acts_at().values()
        for name, other in others.of(Settings, earlier=True).items():
            its_freeze, its_close = other.acts_at().values()
            if close < its_freeze < NEVER and freeze == NEVER:
                yield (
                    "close_days_late",
                    kept("closes at {close} days late", close=close),
                    kept("policy.{name} freezes at {its_freeze}", name=name, its_freeze=its_freeze),
                )
            if its_close < freeze < NEVER and its_freeze == NEVER:
                yield (
                    "freeze_days_late",
                    kept("freezes at {freeze} days late", freeze=freeze),
                    kept("policy.{name} closes at {its_close}", name=name, its_close=its_close),
                )


def write(levers, settings, context):
    """The earlier freeze and the earlier closure hold; a closure that crosses makes all of its cells cross."""
    cells = context.cells(settings)
    freeze, close, cross = ((*cells, name) for name in (layout.V_FREEZE_DAYS, layout.V_CLOSE_DAYS, layout.V_CROSS))
    levers.month[freeze] = levers.month[freeze].clip(max=threshold(settings.freeze_days_late))
    levers.month[close] = levers.month[close].clip(max=threshold(settings.close_days_late))
    if settings.cross_product and settings.close_days_late != "never":
        levers.month[cross] = 1


def why(evidence):
    """Yield what closing costs, good customers who forgot a bill; or what freezing alone is for."""
    if evidence.mean("n_closures"):
        yield from _closures(evidence)
    else:
        balance = evidence.clause(say("the mean balance at default"), "ead")
        if evidence.mean("n_frozen"):
            yield say(
                "exposure: {balance}; {frozen} accounts are frozen at the end of lending, and none is closed for "
                "lateness.",
                balance=balance,
                frozen=evidence.level("n_frozen"),
            )
        else:
            yield say(
                "exposure: {balance}; no accounts are frozen at the end of lending, and none is closed for lateness.",
                balance=balance,
            )
    credit, loss = evidence.clause(say("new credit"), "new_credit"), evidence.clause(say("net loss"), "net_loss")
    yield say("{credit}; {loss}.", credit=credit, loss=loss)


def _closures(evidence):
    """Yield how many accounts are closed, and what is known of the reason why they were late."""
    closed, level, unknown = evidence.level("n_closures"), evidence.level, evidence.mean("n_closures_unknown")
    if unknown == evidence.mean("n_closures"):
        yield say("{closed} accounts are closed; of none is it known why they were late.", closed=closed)
        return
    yield say(
        "{closed} accounts are closed, {good} of them of good customers (the better half by quality, which no lender "
        "sees); {forgot} are closed after a forgotten bill, {good_forgot} of those of good customers.",
        closed=closed,
        good=level("n_closures_good"),
        forgot=level("n_closures_forgot"),
        good_forgot=level("n_closures_good_forgot"),
    )
    if unknown:
        level_unknown = level("n_closures_unknown")
        yield say("of {unknown} closed accounts it is not known why they were late.", unknown=level_unknown)

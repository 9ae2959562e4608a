"""The levers that policies write: their neutral values, and the cells a policy acts on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from simulator.language.catalogue import noted
from simulator.model.errors import Problem, UserError
from simulator.model.kept import kept
from simulator.model.layout import (
    ABSENT,
    ANSWERS,
    BUCKETS,
    C_ACCEPT,
    C_DEMAND,
    GRADES,
    L_LIFT,
    L_REACH,
    N_ANSWER,
    N_LADDER,
    N_LATE_CAUSES,
    N_LEVELS,
    N_MONTH_LEVERS,
    N_PRODUCT,
    N_STAGE_LEVERS,
    NEVER,
    ONE,
    PRODUCTS,
    S_EFFORT,
    S_FORGET_KEEP,
    S_LIMIT_KEEP,
    S_PRIORITY,
    SCORE_BANDS,
    STAGES,
    UNIT,
    V_AUTOPAY,
    V_CLAIM,
    V_CLOSE_DAYS,
    V_CUT_KEEP,
    V_CUT_SCORE,
    V_EDUCATED,
    V_EDUCATION_COST,
    V_EDUCATION_FORGET,
    V_EDUCATION_PLAN,
    V_EDUCATION_REACH,
    V_EDUCATION_SPEND,
    V_EXPIRE,
    V_FRAUD_CAUGHT,
    V_FRAUD_WRONG,
    V_FREEZE_DAYS,
    V_GRADE_MONTHS,
    V_GRADE_SCORE,
    V_GRADE_USED,
    V_INCOME_CUTOFF,
    V_MIN_SHARE,
    V_NEW_CREDIT,
    V_OFFER_CAUSE,
    V_OFFER_PARTS,
    V_PAY_EXTRA,
    V_PLAN_BUCKET,
    V_PLAN_DROPS,
    V_PLAN_FORGIVE,
    V_PLAN_MONTHS,
    V_PLAN_RATE,
    V_PRIORITY,
    V_RAISE_BY,
    V_RAISE_CAP,
    V_RAISE_GRADE,
    V_RATE,
    V_REACH,
    V_REGRANT_GRADE,
    V_REGRANT_MONTHS,
    V_REGRANT_SOON,
    V_REPORT_DAYS,
    V_REVIEW_COST,
    V_SALE_BAND,
    V_SALE_FACTOR,
    V_SCORE_CORRELATION,
    V_SCORE_CUTOFF,
    V_SCORE_NOISE,
    V_SELL_OPEN,
    V_SELL_WRITTEN_OFF,
    V_SERVED,
    V_SERVED_CLASS,
    V_TAUGHT,
    V_TRIAL_MONTHS,
    V_USAGE,
    V_WILL_NOT,
    V_WRITE_OFF,
)
from simulator.model.tables import Levers
from simulator.policy.registry import FILE, code_of, policy_of

THRESHOLDS = (
    *(V_FREEZE_DAYS, V_CLOSE_DAYS, V_WRITE_OFF, V_SELL_OPEN, V_SELL_WRITTEN_OFF, V_EXPIRE, V_CLAIM),
    *(V_REPORT_DAYS, V_PLAN_BUCKET, V_EDUCATION_PLAN, V_CUT_SCORE, V_REGRANT_MONTHS, V_REGRANT_SOON),
    *range(V_SALE_BAND, V_SALE_BAND + 3),
)
MULTIPLIERS = (
    *(V_RAISE_BY, V_RAISE_CAP, V_USAGE, V_PAY_EXTRA, V_EDUCATION_REACH),
    *range(V_RATE, V_RATE + GRADES),
    *range(V_SALE_FACTOR, V_SALE_FACTOR + 4),
    *range(V_OFFER_CAUSE, V_OFFER_CAUSE + N_LATE_CAUSES),
)
GRADE_MONTHS = (12, 6, 3)  # without a missed due, below which an account is B, C, D


# What accounts that move by a roll matrix cannot feel: the levers, by array, that their month does not read, by what
# they act on (docs/model.md, steps 4 to 10).
OF_PEOPLE = {
    noted("forgetting"): {"month": (V_REACH, V_AUTOPAY), "stage": (S_FORGET_KEEP,)},
    noted("what borrowers are taught"): {
        "month": (V_EDUCATED, V_TAUGHT, *range(V_EDUCATION_COST, V_EDUCATION_PLAN + 1))
    },
    noted("not being willing to pay"): {"month": (V_WILL_NOT,)},
    noted("being short of cash or out of work"): {
        "month": (*range(V_PLAN_BUCKET, V_PLAN_FORGIVE + 1), *range(V_TRIAL_MONTHS, V_PLAN_DROPS + 1))
    },
    noted("the reasons for which dues are missed"): {
        "month": (V_SERVED, V_PRIORITY, V_SERVED_CLASS),
        "stage": (S_PRIORITY,),
        "ladder": range(N_LADDER),
    },
}
OF_APPLICANTS = {  # read when somebody applies, and never else
    noted("applicants"): {
        "month": (
            *(V_SCORE_CUTOFF, V_INCOME_CUTOFF, V_SCORE_CORRELATION, V_SCORE_NOISE),
            *(V_FRAUD_CAUGHT, V_FRAUD_WRONG, V_REVIEW_COST),
        ),
        "review": range(SCORE_BANDS),
    }
}


class PolicyContext(NamedTuple):
    """What a policy may know of the scenario it acts in."""

    months: int  # months in which new credit is granted
    months_total: int  # with the run-off
    segments: tuple[str, ...]
    minor_units: int  # of the currency, in one major unit
    only: int | None = None  # the one month whose levers are written; None: all of them

    def months_of(self, settings) -> range:
        """Return the months in which a policy with these settings acts."""
        last = self.months_total if settings.end is None else min(settings.end, self.months_total)
        return range(settings.start, last + 1)

    def cells(self, settings, months=None) -> tuple[np.ndarray, ...]:
        """Return the index [month, segment, product] of the cells the policy acts on.

        `months` narrows the months to those named. Levers are then written as `levers.month[*cells, name]`.
        """
        acts = [month for month in self.months_of(settings) if months is None or month in months]
        acts = [month for month in acts if self.only in (None, month)]
        segments = list(range(len(self.segments)))
        if settings.segments is not None:
            segments = [g for g in segments if self.segments[g] in settings.segments]
        products = [product for product, name in enumerate(PRODUCTS) if name in settings.products]
        return np.ix_(*(np.array(list(axis), dtype=np.intp) for axis in (acts, segments, products)))

    def acting(self, settings) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
        """Return the first and last month, the segments and the products, by index, that the policy acts on."""
        months = self.months_of(settings)
        _, segments, products = (tuple(axis.ravel().tolist()) for axis in self.cells(settings))
        return months.start, months.stop - 1, segments, products

    def amount(self, money: float) -> int:
        """Return `money` in minor units, rounded half up."""
        return int(np.floor(money * self.minor_units + 0.5))


def neutral_levers(months: int, segments: int, run_off_months: int = 0) -> Levers:
    """Return levers that do nothing: every account goes on as if the lender had no policy at all.

    New credit is granted in the first `months`, not in the `run_off_months` after them.
    """
    cells = (months + run_off_months + 1, segments, N_PRODUCT)
    each = _neutral()
    levers = Levers(*(np.broadcast_to(array, (*cells, *array.shape)).copy() for array in each))
    levers.month[: months + 1, ..., V_NEW_CREDIT] = 1
    return levers


@kept
def _neutral() -> Levers:
    """Return the neutral levers of a month without new credit, of one segment and product."""
    levers = Levers(
        stage=np.zeros((STAGES, N_STAGE_LEVERS), dtype=np.int64),
        month=np.zeros(N_MONTH_LEVERS, dtype=np.int64),
        review=np.full(SCORE_BANDS, UNIT, dtype=np.int64),
        ladder=np.zeros((BUCKETS, N_LEVELS, N_LADDER), dtype=np.int64),
        answer=np.zeros((N_ANSWER, ANSWERS), dtype=np.uint32),
    )
    levers.answer[..., C_DEMAND, :], levers.answer[..., C_ACCEPT, :] = UNIT, ONE
    levers.stage[..., [S_FORGET_KEEP, S_LIMIT_KEEP, S_PRIORITY]] = ONE
    levers.stage[..., S_EFFORT] = UNIT
    levers.ladder[..., [L_LIFT, L_REACH]] = UNIT
    levers.month[..., THRESHOLDS] = NEVER
    levers.month[..., MULTIPLIERS] = UNIT
    levers.month[..., [V_SCORE_CUTOFF, V_INCOME_CUTOFF]] = -NEVER
    levers.month[..., [V_PLAN_RATE, V_CUT_KEEP, V_SERVED, V_EDUCATION_FORGET, V_EDUCATION_SPEND]] = ONE
    levers.month[..., [V_RAISE_GRADE, V_MIN_SHARE]] = -1
    levers.month[..., [V_PLAN_MONTHS, V_OFFER_PARTS]] = 1
    levers.month[..., V_REGRANT_GRADE] = GRADES - 1
    levers.month[..., V_SCORE_CORRELATION] = ABSENT
    levers.month[..., V_GRADE_MONTHS : V_GRADE_MONTHS + 3] = GRADE_MONTHS
    levers.month[..., V_GRADE_USED : V_GRADE_USED + 3] = -1
    levers.month[..., V_GRADE_SCORE : V_GRADE_SCORE + 3] = -NEVER
    return levers


def acts_on(settings, table: Mapping[str, Any], minor_units: int = 1) -> list[str]:
    """Return on what of `table`, OF_PEOPLE or OF_APPLICANTS, a policy with these settings acts, in words."""
    everywhere = settings.model_copy(update={"enabled": True, "start": 1, "end": None, "segments": None})
    levers, neutral = neutral_levers(1, 1), neutral_levers(1, 1)
    write_all(levers, [everywhere], PolicyContext(1, 1, ("everybody",), minor_units))
    changed = {name: (mine != getattr(neutral, name)) for name, mine in levers._asdict().items()}
    return [
        words
        for words, arrays in table.items()
        if any(changed[name][..., list(of)].any() for name, of in arrays.items())
    ]


def risk_transfers(policies, context: PolicyContext) -> tuple:
    """Return the terms of the enabled policies that are settled after the month instead of writing levers."""
    found = []
    for settings in policies:
        if settings.enabled and hasattr(module := policy_of(settings.kind), "terms"):
            with code_of(settings.kind, "terms"):
                found.append(module.terms(settings, context))
    return tuple(found)


def written(policies, context: PolicyContext) -> Levers:
    """Return the levers of a lender with `policies`, settings in file order; they are shared, and read-only.

    But for those of a policy of the user's own, whose code may do anything.
    """
    in_force = [settings for settings in policies if settings.enabled]
    if any(settings.kind.startswith(FILE) for settings in in_force):
        return _written(in_force, context)
    return _written_once([settings.model_copy(update={"source": ""}) for settings in in_force], context)


def _written(policies, context: PolicyContext) -> Levers:
    levers = neutral_levers(context.months, len(context.segments), context.months_total - context.months)
    write_all(levers, policies, context)
    return levers


_written_once = kept(_written)


def write_all(levers: Levers, policies, context: PolicyContext) -> None:
    """Write every enabled policy of `policies` (their settings, in file order) to the levers."""
    for settings in policies:
        if settings.enabled:
            with code_of(settings.kind, "write"):
                policy_of(settings.kind).write(levers, settings, context)
            if settings.kind.startswith(FILE):
                _check(levers, settings.kind, context)


def _check(levers: Levers, kind: str, context: PolicyContext) -> None:
    """Raise UserError if a policy of the user's own has written what the month cannot take."""
    from simulator.policy.bounds import beyond

    months = slice(None) if context.only is None else slice(context.only, context.only + 1)
    if wrong := beyond(levers, months):
        raise UserError([Problem(kind.removeprefix(FILE), "write", found) for found in wrong])


def try_own(settings) -> None:
    """Write the levers of a lender, a scenario's settings, if it has policies of the user's own in force.

    Raises UserError with what they raise.
    """
    policies = settings.policy.values()
    if any(policy.enabled and policy.kind.startswith(FILE) for policy in policies):
        last, segments = settings.last_month, tuple(settings.segment)
        months = last - settings.run_off_months
        context = PolicyContext(months, last, segments, settings.currency.minor_units)
        write_all(neutral_levers(months, len(segments), settings.run_off_months), policies, context)
        risk_transfers(policies, context)

"""What the month can take of each lever; beyond that, compiled code would look where nothing is."""

import numpy as np

from simulator.model import layout
from simulator.model.layout import ABSENT, GRADES, NEVER, ONE, UNIT
from simulator.model.tables import Levers
from simulator.policy.base import MOST, MOST_LOGIT

AMOUNT = 10_000_000 * 1000  # the largest amount of money in the smallest minor units

STAGE_BOUNDS = {
    **dict.fromkeys(range(layout.N_STAGE_LEVERS), (0, ONE)),
    layout.S_RECOVERY_COST: (0, 3 * AMOUNT),
    layout.S_EFFORT: (0, MOST),
}
MONTH_BOUNDS = {
    **dict.fromkeys(range(layout.N_MONTH_LEVERS), (0, NEVER)),
    **dict.fromkeys((layout.V_REACH, layout.V_AUTOPAY, layout.V_PLAN_CHANCE, layout.V_PLAN_RATE), (0, ONE)),
    **dict.fromkeys((layout.V_PLAN_FORGIVE, layout.V_CUT_KEEP, layout.V_GUARANTEED), (0, ONE)),
    **dict.fromkeys((layout.V_REGRANT_CHANCE, layout.V_REGRANT_SHARE, layout.V_SERVED), (0, ONE)),
    **dict.fromkeys((layout.V_CROSS, layout.V_NEW_CREDIT, layout.V_PARTNER), (0, 1)),
    **dict.fromkeys((layout.V_FREEZE_DAYS, layout.V_CLOSE_DAYS, layout.V_REPORT_DAYS), (1, NEVER)),
    **dict.fromkeys((layout.V_WRITE_OFF, layout.V_SELL_OPEN, layout.V_PLAN_BUCKET, layout.V_CLAIM), (1, NEVER)),
    **dict.fromkeys((layout.V_RAISE_BY, layout.V_RAISE_CAP), (UNIT, MOST)),
    **dict.fromkeys(range(layout.V_RATE, layout.V_RATE + GRADES), (0, MOST)),
    **dict.fromkeys((layout.V_USAGE, layout.V_PAY_EXTRA), (0, MOST)),
    **dict.fromkeys(range(layout.V_SALE_FACTOR, layout.V_SALE_FACTOR + 4), (0, MOST)),
    **dict.fromkeys(range(layout.V_SALE_BAND, layout.V_SALE_BAND + 3), (0, AMOUNT)),
    layout.V_LIMIT_FLOOR: (0, AMOUNT),
    layout.V_REGRANT_GRADE: (0, GRADES - 1),
    layout.V_SCORE_CUTOFF: (-NEVER, NEVER),
    layout.V_INCOME_CUTOFF: (-NEVER, AMOUNT),
    layout.V_WILL_NOT: (-MOST_LOGIT, MOST_LOGIT),
    layout.V_PLAN_MONTHS: (1, 60),
    layout.V_PLAN_PAUSE: (0, layout.WATCHED_MONTHS),
    **dict.fromkeys((layout.V_EDUCATED, layout.V_TAUGHT), (0, ONE)),
    **dict.fromkeys((layout.V_EDUCATION_FORGET, layout.V_EDUCATION_SPEND), (0, ONE)),
    layout.V_EDUCATION_COST: (0, AMOUNT),
    layout.V_EDUCATION_REACH: (UNIT, MOST),
    layout.V_EDUCATION_PLAN: (1, NEVER),
    layout.V_TRIAL_MONTHS: (0, 12),
    **dict.fromkeys((layout.V_TRIAL_DROPS, layout.V_PLAN_DROPS_EARLY, layout.V_PLAN_DROPS), (0, ONE)),
    layout.V_PRIORITY: (layout.BY_LOT, layout.BY_AMOUNT),
    layout.V_SERVED_CLASS: (0, layout.PRIORITIES - 1),
    **dict.fromkeys((layout.V_FRAUD_CAUGHT, layout.V_FRAUD_WRONG), (0, ONE)),
    layout.V_REVIEW_COST: (0, AMOUNT),
    layout.V_OFFER_PARTS: (1, 60),
    layout.V_OFFER_BREAKS: (0, ONE),
    layout.V_OFFER_DIVERTS: (0, ONE),
    layout.V_OFFER_COST: (0, AMOUNT),
    **dict.fromkeys(range(layout.V_OFFER_CAUSE, layout.V_OFFER_CAUSE + layout.N_LATE_CAUSES), (0, MOST)),
    layout.V_CUT_GRADE: (0, GRADES - 1),
    layout.V_RAISE_GRADE: (-1, GRADES - 1),
    layout.V_MIN_SHARE: (-1, ONE),
    **dict.fromkeys(range(layout.V_GRADE_SCORE, layout.V_GRADE_SCORE + 3), (-NEVER, NEVER)),
    **dict.fromkeys(range(layout.V_GRADE_USED, layout.V_GRADE_USED + 3), (-1, UNIT)),
    layout.V_SCORE_CORRELATION: (ABSENT, UNIT),
    layout.V_SCORE_NOISE: (0, UNIT),
}
LADDER_BOUNDS = {
    **dict.fromkeys(range(layout.L_EFFECT, layout.L_COST), (0, ONE)),
    layout.L_COST: (0, AMOUNT),
    layout.L_DAY: (0, 29),
    layout.L_USED: (0, 1),
    layout.L_COMMISSION: (0, ONE),
    **dict.fromkeys((layout.L_LIFT, layout.L_REACH), (0, MOST)),
}


def beyond(levers: Levers, months: slice = slice(None)) -> list[str]:
    """Return which levers are beyond their bounds in some `months`, in words."""
    problems, bounds = [], (STAGE_BOUNDS, MONTH_BOUNDS, {0: (0, MOST)}, LADDER_BOUNDS)
    written = {kind: array for kind, array in levers._asdict().items() if kind != "answer"}  # which no policy writes
    for (kind, array), limits in zip(written.items(), bounds, strict=True):
        cells = np.moveaxis(array[months, ..., None] if kind == "review" else array[months], -1, 0)
        for name, (low, high) in limits.items():
            least, most = (cells[name].min(), cells[name].max()) if cells[name].size else (low, high)
            if least < low or most > high:
                problems.append(f"levers.{kind}[{name}] goes from {least} to {most}; allowed: {low} to {high}")
    return problems

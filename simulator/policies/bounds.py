"""What the month can take of each lever; beyond that, compiled code would look where nothing is."""

import numpy as np

from simulator.kernel import names
from simulator.kernel.names import ABSENT, GRADES, NEVER, ONE, UNIT
from simulator.kernel.tables import Levers

from .base import MOST
from .bureau import MOST_LOGIT

AMOUNT = 10_000_000 * 1000  # the largest amount of money in the smallest minor units

STAGE_BOUNDS = dict.fromkeys(range(names.N_STAGE_LEVERS), (0, ONE)) | {names.S_RECOVERY_COST: (0, 3 * AMOUNT)}
MONTH_BOUNDS = {
    **dict.fromkeys(range(names.N_MONTH_LEVERS), (0, NEVER)),
    **dict.fromkeys((names.V_REACH, names.V_AUTOPAY, names.V_PLAN_CHANCE, names.V_PLAN_RATE), (0, ONE)),
    **dict.fromkeys((names.V_PLAN_FORGIVE, names.V_CUT_KEEP, names.V_GUARANTEED), (0, ONE)),
    **dict.fromkeys((names.V_REGRANT_CHANCE, names.V_REGRANT_SHARE, names.V_SERVED), (0, ONE)),
    **dict.fromkeys((names.V_CROSS, names.V_NEW_CREDIT, names.V_PARTNER), (0, 1)),
    **dict.fromkeys((names.V_FREEZE_DAYS, names.V_CLOSE_DAYS, names.V_REPORT_DAYS), (1, NEVER)),
    **dict.fromkeys((names.V_WRITE_OFF, names.V_SELL_OPEN, names.V_PLAN_BUCKET, names.V_CLAIM), (1, NEVER)),
    **dict.fromkeys((names.V_RAISE_BY, names.V_RAISE_CAP), (UNIT, MOST)),
    **dict.fromkeys(range(names.V_RATE, names.V_RATE + GRADES), (0, MOST)),
    **dict.fromkeys(range(names.V_SALE_FACTOR, names.V_SALE_FACTOR + 4), (0, MOST)),
    **dict.fromkeys(range(names.V_SALE_BAND, names.V_SALE_BAND + 3), (0, AMOUNT)),
    names.V_LIMIT_FLOOR: (0, AMOUNT),
    names.V_REGRANT_GRADE: (0, GRADES - 1),
    names.V_SCORE_CUTOFF: (-NEVER, NEVER),
    names.V_INCOME_CUTOFF: (-NEVER, AMOUNT),
    names.V_WILL_NOT: (-MOST_LOGIT, MOST_LOGIT),
    names.V_PLAN_MONTHS: (1, 60),
    names.V_CUT_GRADE: (0, GRADES - 1),
    names.V_RAISE_GRADE: (-1, GRADES - 1),
    names.V_MIN_SHARE: (-1, ONE),
    names.V_SCORE_CORRELATION: (ABSENT, UNIT),
    names.V_SCORE_NOISE: (0, UNIT),
}
LADDER_BOUNDS = {
    **dict.fromkeys(range(names.L_EFFECT, names.L_COST), (0, ONE)),
    names.L_COST: (0, AMOUNT),
    names.L_DAY: (0, 29),
    names.L_USED: (0, 1),
    names.L_COMMISSION: (0, ONE),
}


def beyond(levers: Levers, months: slice = slice(None)) -> list[str]:
    """Return which levers are beyond their bounds in some `months`, in words."""
    problems, bounds = [], (STAGE_BOUNDS, MONTH_BOUNDS, {0: (0, MOST)}, LADDER_BOUNDS)
    for kind, array, limits in zip(Levers._fields, levers, bounds, strict=True):
        cells = np.moveaxis(array[months, ..., None] if kind == "review" else array[months], -1, 0)
        for name, (low, high) in limits.items():
            least, most = (cells[name].min(), cells[name].max()) if cells[name].size else (low, high)
            if least < low or most > high:
                problems.append(f"levers.{kind}[{name}] goes from {least} to {most}; allowed: {low} to {high}")
    return problems

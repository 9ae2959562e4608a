"""The economy month by month: the given path, moved by the factor where one is on."""

import numpy as np

from simulator.model.fixed_point import logit, q16, q31
from simulator.model.layout import (
    M_EXPENSE_SHOCK,
    M_INCOME_INDEX,
    M_JOB_FIND,
    M_JOB_LOSS,
    M_PRICE_FACTOR,
    M_WILL_NOT,
    N_MACRO,
    ONE,
)


def path(economy, name: str, months: int) -> np.ndarray:
    """Return float64[months + 1]: `name` of the path, linear between the given months and constant after the last.

    Month 0 and all before it is the base, from which the path goes to its first given month.
    """
    base = getattr(economy, name)
    given = [(point.month, getattr(point, name)) for point in economy.path or [] if getattr(point, name) is not None]
    month, value = zip((0, base), *sorted(given), strict=True)
    return np.interp(np.arange(months + 1), month, value)


def economy_table(economy, shock_probability: float, quality_share: float, months: int, z=None) -> np.ndarray:
    """Return int64[replication or 1, months + 1, N_MACRO]; `z` is float64[replication, months + 1] or None.

    `quality_share` is the mean over quality classes of the hazard of losing the job, as a share of the worst
    class's: M_JOB_LOSS is for the worst class, so that the mean over classes is the month's hazard (as long as the
    worst class's stays below 1).
    """
    unemployment = path(economy, "unemployment", months)
    a_year_ago = np.concatenate((np.full(min(12, months + 1), economy.unemployment), unemployment[:-12]))
    change = 100 * (unemployment - a_year_ago[: months + 1])
    above = 100 * (unemployment - economy.unemployment)

    z = np.zeros((1, months + 1)) if z is None else z
    factor = economy.factor
    job_loss = economy.job_loss * np.maximum(1 + economy.job_loss_per_point * above, 0)
    job_loss = job_loss * np.exp(-factor.job_loss_loading * z)

    table = np.empty((*z.shape, N_MACRO), dtype=np.int64)
    table[..., M_JOB_LOSS] = np.minimum(q31(np.minimum(job_loss / quality_share, 1)), ONE)
    table[..., M_JOB_FIND] = q31(economy.job_find)
    table[..., M_EXPENSE_SHOCK] = q31(shock_probability)
    table[..., M_WILL_NOT] = logit(economy.will_not_per_point * change - factor.will_not_loading * z)
    table[..., M_INCOME_INDEX] = q16((1 + economy.income_growth) ** (np.arange(months + 1) / 12))
    table[..., M_PRICE_FACTOR] = q16(path(economy, "price_factor", months))
    return table

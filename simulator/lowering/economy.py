"""The economy month by month: the given path, moved by the factor where one is on."""

import numpy as np

from simulator.model.fixed_point import half_up, logit, q16, q31
from simulator.model.layout import (
    M_COLLECTION,
    M_EARNED,
    M_EXPENSE_SHOCK,
    M_FORGET,
    M_INCOME_INDEX,
    M_INCOME_LEFT,
    M_JOB_FIND,
    M_JOB_LOSS,
    M_PRICE_FACTOR,
    M_SETTLEMENT,
    M_SPENDING,
    M_STOPPED,
    M_WILL_NOT,
    N_MACRO,
    NEVER,
    ONE,
    STOP_BITS,
    UNIT,
)
from simulator.scenario.schema import PathPoint


def path(economy, name: str, months: int) -> np.ndarray:
    """Return float64[months + 1]: `name` of the path, linear between the given months and constant after the last.

    Month 0 and all before it is the base, from which the path goes to its first given month: the economy's own number,
    or what a point has that leaves it out.
    """
    base = getattr(economy, name, PathPoint.model_fields[name].default)
    given = [(point.month, getattr(point, name)) for point in economy.path or []]
    month, value = zip((0, base), *sorted(given), strict=True)
    return np.interp(np.arange(months + 1), month, value)


def economy_table(economy, shock_probability: float, quality_share: float, months: int, z=None) -> np.ndarray:
    """Return int64[replication or 1, months + 1, N_MACRO] of a year without seasons in which no income stops.

    `z` is float64[replication, months + 1] or None.

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
    table[..., M_JOB_FIND] = q31(np.minimum(economy.job_find * path(economy, "job_find_factor", months), 1))
    table[..., M_EXPENSE_SHOCK] = q31(shock_probability)
    table[..., M_WILL_NOT] = logit(economy.will_not_per_point * change - factor.will_not_loading * z)
    table[..., M_INCOME_INDEX] = table[..., M_EARNED] = table[..., M_SPENDING] = q16(income_index(economy, months))
    table[..., M_PRICE_FACTOR] = q16(path(economy, "price_factor", months))
    table[..., M_FORGET] = table[..., M_SETTLEMENT] = UNIT
    table[..., M_STOPPED], table[..., M_INCOME_LEFT] = 0, q31(economy.income_left)
    table[..., M_COLLECTION] = q16(path(economy, "collection", months))
    return table


def lay_tie(table, shift: np.ndarray) -> None:
    """Add the tie of bucket 0, the log-odds `shift` float64[..., months + 1], to int64[..., months + 1, N_MACRO]."""
    table[..., M_WILL_NOT] += logit(shift)
    table[..., M_FORGET] = np.minimum(half_up(table[..., M_FORGET] * np.exp(shift)), NEVER)


def income_index(economy, months: int) -> np.ndarray:
    """Return float64[months + 1]: incomes as a multiple of those at the opening."""
    return (1 + economy.income_growth) ** (np.arange(months + 1) / 12)


def lay_seasons(table, economy, seasons, start_month: int | None, grows: bool, months: int) -> None:
    """Lay the factors of the calendar month on int64[..., months + 1, N_MACRO]; they say nothing of month 0.

    Whether spending `grows` with income: under roll_rates it does not.
    """
    index = income_index(economy, months)

    def factor(by_calendar):
        calendar = np.arange(months + 1) + (start_month or 1) - 2
        return np.where(np.arange(months + 1) > 0, np.asarray(by_calendar)[calendar % 12], 1.0)

    table[..., M_EARNED] = q16(index * factor(seasons.income))
    table[..., M_SPENDING] = q16((index if grows else 1.0) * factor(seasons.spending))
    table[..., M_FORGET] = q16(factor(seasons.forgetting))
    table[..., M_SETTLEMENT] = q16(factor(seasons.early_settlement))
    table[..., M_COLLECTION] = q16(path(economy, "collection", months) * factor(seasons.collection))


def stop_incomes(table, economy, exposed: list[float | None], months: int) -> None:
    """Write into int64[..., months + 1, segment, N_MACRO] whose income has stopped: a share of those `exposed`."""
    own = np.array([economy.exposed if share is None else share for share in exposed])
    share = own * path(economy, "stopped", months)[:, None]
    table[..., M_STOPPED] = half_up((1 << STOP_BITS) * share)

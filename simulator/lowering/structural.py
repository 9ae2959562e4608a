"""The structural model: why a due is missed and when it is paid after all, as tables."""

import numpy as np

from simulator.lowering.quantiles import lognormal_multipliers, normal_quantiles
from simulator.model.fixed_point import logit, q16, q31
from simulator.model.kept import kept
from simulator.model.layout import (
    BUCKETS,
    CAUSES,
    DAYS,
    N_TIE,
    ONE,
    QUALITIES,
    QUANTILES,
    TIE_FORGET,
    TIE_PART,
    TIE_WILL_NOT,
    TRAIT_WORDS,
)

ALERT_MONTHS = 32  # MONTHS_SINCE_FORGOT 0..31; 31 = no memory of a forgotten due


def will_not_tables(by_bucket: list[float], by_cause, by_burden: list[float], slope: float) -> dict[str, np.ndarray]:
    """Return the log-odds to add by bucket, cause, burden and quality, as int32[...] by table name.

    The last bucket given holds for those beyond; quality has a `slope`.
    """
    log_odds = {
        "will_not_bucket": [by_bucket[min(b, len(by_bucket) - 1)] for b in range(BUCKETS)],
        "will_not_cause": [0.0] + [getattr(by_cause, name) for name in CAUSES[1:]],
        "will_not_burden": by_burden,
        "will_not_quality": -slope * normal_quantiles(QUALITIES),
    }
    return {name: logit(given).astype(np.int32) for name, given in log_odds.items()}


def tie_shift(tie, months: int) -> np.ndarray:
    """Return float64[months + 1, BUCKETS]: the log-odds that a month and a bucket add; month 0 has none."""
    return _by_month(tie.shift, months, BUCKETS)


def tie_table(tie) -> np.ndarray:
    """Return int32[month or 1, N_TIE, BUCKETS]: what ties months to a book's levels beside bucket 0's own tie."""
    months = max(len(tie.shift), len(tie.part))
    if not any(map(any, (*tie.shift, *tie.part))):
        months = 0
    shift, part = tie_shift(tie, months), np.zeros((months + 1, BUCKETS))
    part[:, 1:] = _by_month(tie.part, months, BUCKETS - 1)
    table = np.empty((months + 1, N_TIE, BUCKETS), dtype=np.int32)
    table[:, TIE_WILL_NOT] = logit(shift - shift[:, :1])
    table[:, TIE_FORGET] = q16(np.exp(shift - shift[:, :1]))
    table[:, TIE_PART] = np.minimum(q31(part), ONE - 1)
    return table


def _by_month(given: list[list[float]], months: int, size: int) -> np.ndarray:
    """Return float64[months + 1, size] of lists by month; the last of each holds for what is beyond, month 0 is 0."""
    table = np.zeros((months + 1, size))
    for month in range(1, months + 1):
        row = given[min(month, len(given)) - 1]
        table[month] = [*row, *row[-1:] * (size - len(row))][:size]
    return table


def job_loss_quality(slope: float) -> np.ndarray:
    """Return uint32[16]: the hazard of losing the job by quality class, q31 of the worst class's hazard."""
    hazard = np.exp(-slope * normal_quantiles(QUALITIES))
    return q31(hazard / hazard.max()).astype(np.uint32)


@kept
def linked_words(correlations: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return the words of people that go with quality, int64[link], and what they become, int32[link, 16 * QUANTILES].

    `correlations` are by names of TRAIT_WORDS, 0 for those left out. The quantile index k of a word, of somebody of
    class c, becomes the rank of r q_c + sqrt(1 - r^2) z_k among those of all classes and indices, in QUANTILES equal
    parts: so each index still comes once in QUANTILES, exactly.
    """
    words, ranks = [], []
    for name, links in TRAIT_WORDS.items():
        given = correlations.get(name, 0.0)
        for word, sign in links if given else ():
            words.append(word)
            ranks.append(_ranks(sign * given))
    return np.array(words, dtype=np.int64), np.array(ranks, dtype=np.int32).reshape(-1, QUALITIES * QUANTILES)


@kept
def _ranks(r: float) -> np.ndarray:
    """Return int32[16 * QUANTILES]: the rank of a word by class and its own index, at the correlation `r`."""
    quality, own = normal_quantiles(QUALITIES)[:, None], normal_quantiles(QUANTILES)
    z = np.round(r * quality + np.sqrt(1 - r * r) * own, 9).ravel()  # what rounding made differ is the same
    rank = np.empty(z.size, dtype=np.int32)
    rank[np.argsort(z, kind="stable")] = np.arange(z.size) // QUALITIES
    return rank


def alert_table(after_miss: float, fading: float) -> np.ndarray:
    """Return uint32[32]: q31 of forgetfulness left k months after a forgotten due; 31 or more: all of it."""
    k = np.arange(ALERT_MONTHS)
    left = q31(1 - (1 - after_miss) * (1 - fading) ** k)
    left[-1] = ONE
    return left.astype(np.uint32)


@kept
def in_month_table(paid_in_month) -> np.ndarray:
    """Return int64[5 causes, (was current, was late), DAYS]: q31 of those who missed the due that pay by that day."""
    table = np.zeros((len(CAUSES), 2, DAYS), dtype=np.int64)
    for late, by_cause in enumerate((paid_in_month.current, paid_in_month.late)):
        for code, name in enumerate(CAUSES[1:], start=1):
            paid = getattr(by_cause, name)
            table[code, late] = q31(paid_by_day(paid.by_day_7, paid.by_day_30))
    return table


def paid_by_day(by_7: float, by_30: float) -> np.ndarray:
    """Return float64[DAYS]: cumulative share paid by day d = by_30 (1 - rho^d) / (1 - rho^30), as given on day 7.

    rho = 1 is the straight line; below it payments come early, above it late. by_7 = by_30 is all on day 1 and
    by_7 = 0 all on day 30.
    """
    day = np.arange(DAYS)
    if by_30 == 0:
        return np.zeros(DAYS)
    on_day_7 = by_7 / by_30
    if on_day_7 >= 1 - 1e-12:
        return np.where(day >= 1, by_30, 0.0)
    if on_day_7 <= 1e-12:
        return np.where(day >= 30, by_30, 0.0)
    curve = by_30 * _curve(_log_rho(on_day_7), day)
    curve[-1] = by_30
    return curve


def _log_rho(on_day_7):
    """Return where `_curve` is `on_day_7` on day 7, by bisection to the last bit (SciPy's takes 0.1 s to import)."""
    low, high = -40.0, 20.0  # the curve falls from 1 to 0
    while low < (middle := (low + high) / 2) < high:
        if _curve(middle, 7) > on_day_7:
            low = middle
        else:
            high = middle
    return middle


def _curve(log_rho, day):
    """Return (1 - rho^day) / (1 - rho^30), and day / 30 at rho = 1."""
    if abs(log_rho) < 1e-9:
        return day / 30
    return np.expm1(day * log_rho) / np.expm1(30 * log_rho)


@kept
def spending_table(sigma: float) -> np.ndarray:
    """Return int32[QUANTILES]: q16 multipliers of usual spending by quantile, whose mean is 1 exactly."""
    exact = lognormal_multipliers(sigma)
    table = q16(exact)
    # What rounding left over, at most half a unit each, goes to the largest values, where it matters least.
    short = QUANTILES * int(q16(1)) - int(table.sum())
    table[QUANTILES - abs(short) :] += np.sign(short)
    return table.astype(np.int32)


@kept
def sigmoid_table() -> np.ndarray:
    """Return uint32[4098]: q31 of 1 / (1 + exp(-x)) for x from -16 to 16 in steps of 1/128; 0 and ONE at the ends."""
    x = -16 + np.arange(4098) / 128
    table = q31(1 / (1 + np.exp(-x)))
    table[0], table[4096:] = 0, ONE
    return table.astype(np.uint32)

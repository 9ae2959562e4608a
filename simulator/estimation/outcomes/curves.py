"""The fitted curves of loans with their intervals, by segment and of all loans, and the picture of them."""

from typing import NamedTuple

import numpy as np

from simulator.estimation.intervals import jeffreys
from simulator.estimation.outcomes.hazards import TOO_LATE_TO_TELL, Counts, Hazards, missed_by, shifted
from simulator.report.colours import COLOURS
from simulator.report.picture import Picture

Fitted = tuple[np.ndarray, np.ndarray, np.ndarray]  # float64[segment + 1, due]: value, low, high


class Curves(NamedTuple):
    """What is drawn and written of the hazards; the last of the segments is all loans."""

    counts: Counts
    default: Fitted
    early: Fitted
    missed_by: Fitted
    next_cohort: tuple[np.ndarray, np.ndarray]  # of missed_by: low, high
    level: float


def curves_of(hazards: Hazards, next_sd: float, seed: int, level: float) -> Curves:
    """Return the curves with their `level` intervals, by draws from the posterior of both.

    `next_sd` is that of the next cohort's shift in log-odds. A hazard of all loans is that of those at risk, a share
    missed that of all that were lent.
    """
    counts = Counts(*(np.concatenate([table, table.sum(axis=0, keepdims=True)]) for table in hazards.counts))
    default, early = hazards.draws(seed)
    at_risk = hazards.counts.at_risk
    rest = at_risk - hazards.counts.missed
    missed = missed_by(hazards.default, hazards.early), missed_by(default, early)
    lent = np.broadcast_to(at_risk[:, :1], at_risk.shape)
    by_due = _interval(*missed, lent, level)
    return Curves(
        counts,
        _interval(hazards.default, default, at_risk, level),
        _interval(hazards.early, early, rest, level),
        by_due,
        shifted(by_due[1], by_due[2], next_sd, level),
        level,
    )


def _interval(value, drawn, weight, level) -> Fitted:
    """Return a curve and the quantiles of its draws, of each segment and of all by `weight`, int64[segment, due]."""
    share = weight / np.maximum(weight.sum(axis=0), 1)
    value, drawn = (np.concatenate([of, (share * of).sum(axis=-2, keepdims=True)], axis=-2) for of in (value, drawn))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return value, low, high


def picture(curves: Curves) -> Picture:
    """Return the hazards of all loans by due beside what was counted, and the share charged off by each due."""
    from matplotlib import rc_context

    from simulator.report.plotting import PER_CENT, STYLE, figure, svg

    at_risk, missed, early = (table[-1] for table in curves.counts)
    told = len(missed) - TOO_LATE_TO_TELL
    panels = (
        ("Miss the due for good", curves.default, missed, at_risk),
        ("Repay everything", curves.early, early[:told], (at_risk - missed)[:told]),
        ("Charged off by the due", curves.missed_by, missed.cumsum(), np.full_like(missed, at_risk[0])),
    )
    with rc_context(STYLE):
        made, axes = figure(2.8, columns=3)
        for axis, (title, (value, low, high), k, n) in zip(axes[0], panels, strict=True):
            dues = np.arange(1, len(k) + 1)
            least, most = jeffreys(k, n, curves.level)
            with np.errstate(invalid="ignore"):
                seen = k / n
            axis.vlines(dues, least, most, color=COLOURS[0], lw=1, alpha=0.5)
            axis.plot(dues, seen, "o", color=COLOURS[0], ms=2.5, label="counted")
            axis.fill_between(dues, low[-1, : len(k)], high[-1, : len(k)], color=COLOURS[1], alpha=0.2, lw=0)
            axis.plot(dues, value[-1, : len(k)], color=COLOURS[1], label="fitted")
            axis.set_title(title)
            axis.set_xlabel("due")
            axis.set_ylim(0)
            axis.yaxis.set_major_formatter(PER_CENT)
        axes[0, 2].legend(loc="upper left")
        caption = (
            "All loans by due: who misses it for good, of those who still pay; who repays everything with it, of the "
            "others; and the share of all loans that missed it or an earlier one. Counted (dots), with the "
            f"{curves.level:.0%} interval of each by itself, and fitted, with the interval of the curve."
        )
        return Picture("Hazards by due", svg(made, caption), caption)

"""From loans with outcomes to hazards by due, and to what collecting brings after charge-off."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from simulator.analysis.estimates import less
from simulator.estimation.intervals import LEVEL
from simulator.estimation.outcomes.cohorts import Cohorts, cohorts_of
from simulator.estimation.outcomes.hazards import Hazards, counted, fit_hazards
from simulator.estimation.outcomes.rows import Outcomes

THIN = 10  # charge-offs below which a segment takes the recoveries of all: assumption
ALIKE = 0.05  # p below which recoveries are each segment's own, not those of all: the usual level


class Collecting(NamedTuple):
    """What is collected on a charged-off loan in each month of `months`, and what that costs."""

    chance: float
    share: float  # of what is still owed
    commission: float  # of what is recovered
    months: int


class SegmentFit(NamedTuple):
    """One segment: how its loans default and repay early, and what is recovered."""

    share: float  # of all loans
    default: np.ndarray  # float64[due], chance to miss it for good
    early: np.ndarray  # float64[due], chance to repay everything with it, of those who do not miss it
    collecting: Collecting
    borrowed: bool  # whether recoveries are those of all loans because the segment is thin
    amounts: np.ndarray  # float64[quantile], amount lent at QUANTILES
    rate: float  # a month, mean by amount


class LoanFit(NamedTuple):
    """All that a scenario needs of the loans."""

    segments: dict[str, SegmentFit]
    rate: float  # a month, mean by amount
    recoveries_alike: float  # p of the test that segments recover alike
    outcomes: Outcomes
    hazards: Hazards
    cohorts: Cohorts

    @property
    def one_recovery(self) -> bool:
        """Return whether all segments have the recoveries of all loans."""
        return self.recoveries_alike >= ALIKE


QUANTILES = np.linspace(0, 1, 21)


def fit_loans(outcomes: Outcomes) -> LoanFit:
    """Return the hazards and recoveries of every segment."""
    rate = _mean_rate(outcomes)
    alike = recoveries_alike(outcomes)
    hazards = fit_hazards(counted(outcomes))
    everyone = np.ones(len(outcomes.amount), dtype=bool)
    segments = {}
    for s, name in enumerate(outcomes.segments):
        own = outcomes.segment == s
        if not own.any():  # a half may have none of a small segment
            own = everyone
        thin = (own & outcomes.charged_off).sum() < THIN
        recovering = outcomes.take(everyone if thin or alike >= ALIKE else own)
        segments[name] = SegmentFit(
            share=float(own.mean()),
            default=hazards.default[s],
            early=hazards.early[s],
            collecting=collect(recovering, rate),
            borrowed=bool(thin and alike < ALIKE),
            amounts=np.quantile(outcomes.amount[own], QUANTILES),
            rate=_mean_rate(outcomes.take(own)),
        )
    return LoanFit(segments, rate, alike, outcomes, hazards, cohorts_of(outcomes, hazards, LEVEL))


def _mean_rate(outcomes: Outcomes) -> float:
    """Return the mean rate a month, by amount."""
    return float(outcomes.rate @ outcomes.amount / outcomes.amount.sum())


def collect(outcomes: Outcomes, rate: float) -> Collecting:
    """Return the collecting that gives the loans' recoveries: their mean over exposure, its variance, and the cost.

    In each of n months a share s of what is left comes with chance c, so 1 - recovered has mean (1 - cs)^n and mean
    square (1 - c(2s - s^2))^n. Loans count by their exposure squared in the variance, as in that of the total's ratio.
    What is owed at charge-off is the exposure and one month's interest; the file's recoveries are over the exposure.
    """
    off = outcomes.charged_off
    exposure, recovered = outcomes.exposure[off], outcomes.recovered[off]
    months = outcomes.settings.recovery_months
    if not recovered.sum() > 0:
        return Collecting(0.0, 0.0, 0.0, months)
    mean = recovered.sum() / exposure.sum()
    variance = ((recovered - mean * exposure) ** 2).sum() / (exposure**2).sum() / (1 + rate) ** 2
    mean = min(mean / (1 + rate), 1 - 1e-9)
    left = (1 - mean) ** (1 / months)
    left_squared = min((1 - mean) ** 2 + variance, 1 - mean) ** (1 / months)
    share = float(np.clip(2 - (1 - left_squared) / (1 - left), 1 - left, 1.0))
    commission = min(outcomes.recovery_cost[off].sum() / recovered.sum(), 1.0)
    return Collecting(float(min((1 - left) / share, 1.0)), share, float(commission), months)


def recoveries_alike(outcomes: Outcomes) -> float:
    """Return the p of Cochran's Q for equal recoveries over exposure in all segments with a charge-off.

    The variance of a segment's ratio is that of all loans' recoveries, by exposure squared: few recoveries are large,
    and a segment without one would look more certain than it is. 1 with fewer than two segments or no recoveries.
    """
    off = outcomes.charged_off
    exposure, recovered, segment = outcomes.exposure[off], outcomes.recovered[off], outcomes.segment[off]
    mean = recovered.sum() / exposure.sum()
    variance = (less(recovered, mean * exposure) ** 2).sum() / (exposure**2).sum()
    there = np.unique(segment)
    if variance == 0 or len(there) < 2:
        return 1.0
    total, square, back = (np.bincount(segment, weights=w)[there] for w in (exposure, exposure**2, recovered))
    q = ((back / total - mean) ** 2 / (variance * square / total**2)).sum()
    return float(chdtrc(len(there) - 1, q))

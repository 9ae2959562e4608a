"""From loans with outcomes to monthly hazards by age, and to what collecting brings after charge-off.

A loan is current in one of a few ages, as long as each other on average, and in the month of a due may miss it or repay
everything. Both hazards change from age to age by a constant factor, so that four numbers a segment (level and factor
of both) give four: the share charged off, the mean exposure, the share repaid early and the mean time of that.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import chdtrc

from simulator.analysis.estimates import less
from simulator.estimation.outcomes.rows import Outcomes
from simulator.finance import annuity_balance

AGES = 6  # at most: twice the 3 from which the sample of docs/calibration.md could be met in every grade; assumption
THIN = 10  # charge-offs or early payers below which a segment takes the timing of all: assumption
ALIKE = 0.05  # p below which recoveries are each segment's own, not those of all: the usual level
TOO_LATE_TO_TELL = 3  # last dues before which interest no longer tells a loan repaid early from one repaid on time
MOST_HAZARD = 0.45  # a month, of each
MOST_STATES = 16  # of a roll matrix


class Collecting(NamedTuple):
    """What is collected on a charged-off loan in each month of `months`, and what that costs."""

    chance: float
    share: float  # of what is still owed
    commission: float  # of what is recovered
    months: int


class SegmentFit(NamedTuple):
    """One segment: how its loans default and repay early, and what is recovered."""

    share: float  # of all loans
    default: np.ndarray  # float64[age], hazard a month
    early: np.ndarray  # float64[age], hazard a month
    collecting: Collecting
    targets: np.ndarray  # float64[4]: charged off, exposure, repaid early, mean time of that over the term
    met: bool  # whether the hazards give the targets
    borrowed: tuple[str, ...]  # targets taken from all loans because the segment is thin
    amounts: np.ndarray  # float64[quantile], amount lent at QUANTILES
    moves: float  # chance a month that a loan that stays current goes on to the next age


class LoanFit(NamedTuple):
    """All that a scenario needs of the loans."""

    segments: dict[str, SegmentFit]
    rate: float  # a month, mean by amount
    recoveries_alike: float  # p of the test that segments recover alike
    outcomes: Outcomes

    @property
    def one_recovery(self) -> bool:
        """Return whether all segments have the recoveries of all loans."""
        return self.recoveries_alike >= ALIKE

    @property
    def ages(self) -> int:
        """Return how many ages a current loan goes through."""
        return ages_for(self.outcomes)


QUANTILES = np.linspace(0, 1, 21)


def ages_for(outcomes: Outcomes) -> int:
    """Return how many current states fit into a roll matrix beside the late ones and the exit, at most AGES."""
    return min(AGES, MOST_STATES - 1 - outcomes.settings.charge_off_dpd // 30, outcomes.term // 2)


def schedule(rate, term: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64[term + 1] of 1 lent in level instalments: principal owed after k payments, interest by then."""
    owed = np.array([annuity_balance(1.0, rate, term, term - k) for k in range(term + 1)])
    return owed, np.concatenate([[0.0], np.cumsum(rate * owed[:-1])])


def placed(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """Return int64[loan], the payments made before default, and int64[loan], the due with which the rest was repaid.

    Each by the loan's own schedule: the first from the principal received, the second, of paid loans, from the interest
    received, as if everything had been on time until one payment of the rest. The nearest whole number counts.
    """
    term = outcomes.term
    made, due = np.zeros(len(outcomes.amount), np.int64), np.zeros(len(outcomes.amount), np.int64)
    for rate in np.unique(outcomes.rate):
        loans = outcomes.rate == rate
        owed, interest = schedule(rate, term)
        exposure = outcomes.exposure[loans] / outcomes.amount[loans]
        received = outcomes.interest[loans] / outcomes.amount[loans]
        made[loans] = np.searchsorted(-(owed[:-1] + owed[1:]) / 2, -exposure)
        due[loans] = np.searchsorted((interest[:-1] + interest[1:]) / 2, received)
    return np.minimum(made, term - 1), np.clip(due, 1, term)


def expected(default, early, term: int) -> tuple[np.ndarray, np.ndarray]:
    """Return float64[term + 1], shares of loans by the due that was the first one missed, and by that which ended them.

    `default` and `early` are hazards by age; after each due a current loan goes on to the next age with ages / term.
    """
    ages = len(default)
    current = np.eye(ages)[0]
    missed, paid = np.zeros(term + 1), np.zeros(term + 1)
    on = np.full(ages, ages / term)
    on[-1] = 0.0
    for due in range(1, term + 1):
        missed[due] = current @ default
        paid[due] = current @ early if due < term else current.sum() - missed[due]
        stay = current * (1 - default - early)
        current = stay * (1 - on) + np.concatenate([[0.0], (stay * on)[:-1]])
    return missed, paid


def moments(missed, paid, owed) -> np.ndarray:
    """Return float64[4]: charged off, exposure over amount, repaid early, mean due of that over the term."""
    term = len(missed) - 1
    before = slice(1, term - TOO_LATE_TO_TELL + 1)
    off, early = missed.sum(), paid[before].sum()
    exposure = missed[1:] @ owed[:-1] / max(off, 1e-12)
    time = paid[before] @ np.arange(term + 1)[before] / max(early, 1e-12) / term
    return np.array([off, exposure, early, time])


def fit_loans(outcomes: Outcomes) -> LoanFit:
    """Return the hazards and recoveries of every segment."""
    rate = float(outcomes.rate @ outcomes.amount / outcomes.amount.sum())
    due = placed(outcomes)[1]
    everyone = _targets(outcomes, due, np.ones(len(outcomes.amount), dtype=bool))
    alike = recoveries_alike(outcomes)
    segments = {}
    for s, name in enumerate(outcomes.segments):
        own = outcomes.segment == s
        if not own.any():  # a half may have none of a small segment
            own = np.ones(len(own), dtype=bool)
        targets, borrowed = _targets(outcomes, due, own), []
        off, early = int((own & outcomes.charged_off).sum()), int((own & _early(outcomes, due)).sum())
        if off in (0, own.sum()):  # the mean of the Jeffreys posterior: nobody is certain
            targets[0] = (off + 0.5) / (own.sum() + 1)
        if off < THIN:
            targets[1] = everyone[1]
            borrowed += ["exposure"] if alike >= ALIKE else ["exposure", "recoveries"]
        if early < THIN:
            targets[3] = everyone[3]
            borrowed += ["time of early repayment"]
        default, early_hazard, met = hazards(targets, rate, outcomes.term, ages_for(outcomes))
        collecting = collect(outcomes.take(own if off >= THIN and alike < ALIKE else np.arange(len(own))), rate)
        amounts = np.quantile(outcomes.amount[own], QUANTILES)
        share = float(own.mean())
        moves = ages_for(outcomes) / outcomes.term
        segments[name] = SegmentFit(
            share, default, early_hazard, collecting, targets, met, tuple(borrowed), amounts, moves
        )
    return LoanFit(segments, rate, alike, outcomes)


def hazards(targets, rate: float, term: int, ages: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return hazards by age of missing a due for good and of repaying everything, and whether they give `targets`."""
    owed, _ = schedule(rate, term)
    age = np.linspace(-0.5, 0.5, ages) if ages > 1 else np.zeros(1)

    def by_age(x):
        default, early = (np.minimum(np.exp(level + slope * age), MOST_HAZARD) for level, slope in (x[:2], x[2:]))
        return default, early

    def distance(x):
        default, early = by_age(x)
        return moments(*expected(default, early, term), owed) - targets

    level = [np.log(max(t, 1e-6) / term) for t in (targets[0], targets[2])]
    found = least_squares(
        distance, [level[0], 0.0, level[1], 0.0], bounds=(-25, 25), xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    return *by_age(found.x), bool(np.abs(found.fun).max() < 1e-5)


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


def observed_hazard(outcomes: Outcomes) -> tuple[np.ndarray, np.ndarray]:
    """Return int64[term + 1]: loans that still paid before each due, and those that missed it for good (0 unused)."""
    made, due = placed(outcomes)
    last = np.where(outcomes.charged_off, made + 1, due)
    missed = np.bincount((made + 1)[outcomes.charged_off], minlength=outcomes.term + 1)
    ended = np.bincount(last, minlength=outcomes.term + 1)
    at_risk = len(last) - np.cumsum(ended) + ended
    return at_risk, missed


def _early(outcomes, due):
    """Return bool[loan]: repaid so early that the interest received tells it."""
    return ~outcomes.charged_off & (due <= outcomes.term - TOO_LATE_TO_TELL)


def _targets(outcomes, due, own) -> np.ndarray:
    off, early = own & outcomes.charged_off, own & _early(outcomes, due)
    exposure = (outcomes.exposure[off] / outcomes.amount[off]).mean() if off.any() else np.nan
    time = due[early].mean() / outcomes.term if early.any() else 0.5  # of nobody: any will do
    return np.array([off.sum() / own.sum(), exposure, early.sum() / own.sum(), time])

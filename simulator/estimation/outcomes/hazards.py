"""Hazards of loans by due: who misses a due for good, and who of the others repays everything with it."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri

from simulator.estimation.outcomes.rows import Outcomes
from simulator.estimation.outcomes.splines import Curve, fit_curve
from simulator.estimation.random_numbers import DEFAULTS, EARLY
from simulator.finance import annuity_balance

TOO_LATE_TO_TELL = 3  # last dues before which interest no longer tells a loan repaid early from one repaid on time
DRAWS = 1000
GROUPS = 10  # of dues, in which the hazards are held against what was counted


class Counts(NamedTuple):
    """Loans by segment and due, int64[segment, due]; the first column is due 1."""

    at_risk: np.ndarray  # that still paid before the due
    missed: np.ndarray  # it for good
    early: np.ndarray  # repaid everything with it; none in the last TOO_LATE_TO_TELL dues


class Hazards(NamedTuple):
    """The curves of both hazards, and what was counted. Arrays are float64[segment, due] where nothing else is said."""

    counts: Counts
    default_curve: Curve
    early_curve: Curve

    @property
    def default(self) -> np.ndarray:
        """Return the chance to miss a due for good, of loans that still pay."""
        return self.default_curve.share

    @property
    def early(self) -> np.ndarray:
        """Return the chance to repay everything, of loans that do not miss the due; 0 where it cannot be told."""
        return _with_last(self.early_curve.share)

    @property
    def weight(self) -> np.ndarray:
        """Return float64[segment]: its share of all loans."""
        lent = self.counts.at_risk[:, 0]
        return lent / lent.sum()

    def draws(self, seed: int, draws: int = DRAWS) -> tuple[np.ndarray, np.ndarray]:
        """Return both hazards, float64[draw, segment, due], drawn from their posterior."""
        default = self.default_curve.draws(seed, DEFAULTS, draws)
        return default, _with_last(self.early_curve.draws(seed, EARLY, draws))

    def z_in_groups(self) -> np.ndarray:
        """Return float64[GROUPS]: defaults of all segments in groups of dues less the expected, in standard errors.

        0 in a group in which nobody is left, or nobody can default.
        """
        expected = self.counts.at_risk * self.default
        variance = expected * (1 - self.default)
        rest = (self.counts.missed - expected).sum(axis=0)
        groups = np.array_split(np.arange(rest.size), min(GROUPS, rest.size))
        each = [(rest[dues].sum(), variance[:, dues].sum()) for dues in groups]
        return np.array([off / np.sqrt(of_group) if of_group > 0 else 0.0 for off, of_group in each])


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


def counted(outcomes: Outcomes) -> Counts:
    """Return the loans by segment and due. Who repays within the last TOO_LATE_TO_TELL dues has paid all of them."""
    made, due = placed(outcomes)
    off, term = outcomes.charged_off, outcomes.term
    early = ~off & (due <= term - TOO_LATE_TO_TELL)
    last = np.where(off, made + 1, np.where(early, due, term))

    def by_due(loans):
        table = np.zeros((len(outcomes.segments), term), dtype=np.int64)
        np.add.at(table, (outcomes.segment[loans], last[loans] - 1), 1)
        return table

    ended = by_due(np.ones_like(off))
    return Counts(ended[:, ::-1].cumsum(axis=1)[:, ::-1], by_due(off), by_due(early))


def fit_hazards(counts: Counts) -> Hazards:
    """Return the curves of both hazards."""
    told = slice(0, counts.at_risk.shape[1] - TOO_LATE_TO_TELL)
    rest = (counts.at_risk - counts.missed)[:, told]
    return Hazards(counts, fit_curve(counts.at_risk, counts.missed), fit_curve(rest, counts.early[:, told]))


def missed_by(default, early) -> np.ndarray:
    """Return float64[..., due]: the share of loans that missed this due or an earlier one for good.

    default, early: float64[..., due], hazards; the second is of who does not miss the due.
    """
    left = np.cumprod((1 - default) * (1 - early), axis=-1)
    before = np.concatenate([np.ones_like(left[..., :1]), left[..., :-1]], axis=-1)
    return np.cumsum(before * default, axis=-1)


def exposure_of(default, early, rate: float) -> np.ndarray:
    """Return float64[...]: mean principal owed at the first missed due, over what was lent, of hazards [..., due]."""
    missed = np.diff(missed_by(default, early), axis=-1, prepend=0)
    owed = schedule(rate, missed.shape[-1])[0][:-1]
    return missed @ owed / missed.sum(axis=-1)


def shifted(low, high, sd: float, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return an interval of shares widened by a shift of their log-odds, normal with that `sd`.

    The two are independent, so half-widths add as the legs of a right triangle, on the scale of log-odds.
    """
    low, high = (logit(np.clip(bound, 1e-9, 1 - 1e-9)) for bound in (low, high))
    centre, half = (low + high) / 2, (high - low) / 2
    half = np.hypot(half, ndtri(0.5 + level / 2) * sd)
    return expit(centre - half), expit(centre + half)


def _with_last(early) -> np.ndarray:
    """Return hazards [..., due] with the last TOO_LATE_TO_TELL dues, in which none are told."""
    return np.concatenate([early, np.zeros((*early.shape[:-1], TOO_LATE_TO_TELL))], axis=-1)

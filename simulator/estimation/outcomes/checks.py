"""A loan scenario against the loans: those it was fitted to, and a half that it has not seen."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.estimates import within
from simulator.estimation.intervals import LEVEL
from simulator.estimation.outcomes.figures import ALL, COLUMNS, by_segment, figures, halves, resampled
from simulator.estimation.outcomes.fit import LoanFit, fit_loans
from simulator.estimation.outcomes.hazards import Counts, counted, missed_by
from simulator.estimation.outcomes.rows import Outcomes
from simulator.estimation.outcomes.scenario import scenario_text
from simulator.model.layout import LOAN
from simulator.model.observer import SILENT, Observer, Part
from simulator.scenario.reader import load_scenario

AT_ONCE = 50  # replications whose sums are held together
UNIT_AMOUNT = 10_000.0  # what everybody borrows where a share of the amount is asked for
DUES = (3, 6, 12, 18, 24, 36, 48, 60)  # instalments by which charge-offs are counted, as far as the term goes


class Check(NamedTuple):
    """Figures of loans beside what a scenario gives for as many; arrays are float64[segment + 1, FIGURES]."""

    segments: tuple[str, ...]  # then ALL
    value: np.ndarray
    mean: np.ndarray  # simulated
    low: np.ndarray
    high: np.ndarray
    level: float

    @property
    def inside(self) -> np.ndarray:
        """Return bool[segment + 1, FIGURES]: whether the loans' figure lies in the scenario's interval."""
        return within(self.value, self.low, self.high)


class Timing(NamedTuple):
    """Shares of loans that missed a due of DUES or an earlier one for good; arrays are float64[segment + 1, due]."""

    dues: tuple[int, ...]
    value: np.ndarray
    mean: np.ndarray  # simulated
    low: np.ndarray
    high: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """Return bool[segment + 1, due]: whether the loans' share lies in the scenario's interval."""
        return within(self.value, self.low, self.high)


class Simulated(NamedTuple):
    """As many loans as there are, by replication: float64[replication, segment + 1, ...]."""

    sums: np.ndarray  # [..., COLUMNS], as those of `loan_table`
    missed: np.ndarray  # [..., due]: loans that missed this due, the first of them due 1, or an earlier one for good


class Checked(NamedTuple):
    """What loans with outcomes give: the fit, and how the scenario stands beside the loans."""

    fit: LoanFit
    measured: tuple[np.ndarray, np.ndarray, np.ndarray]  # figures of the loans: value, low, high
    fitted: Check  # the loans in the scenario fitted to all of them
    held_out: Check  # one half in the scenario fitted to the other
    timing: tuple[Timing, Timing]  # of both
    seed: int

    @property
    def facts(self) -> dict[str, Any]:
        """What was read, used and left out."""
        return self.fit.outcomes.facts


def simulated(
    fitted: LoanFit,
    seed: int,
    replications: int,
    threads: int | None = None,
    observer: Observer = SILENT,
) -> Simulated:
    """Return what as many simulated loans sum to.

    The mean of exposure over amount comes from a world in which all borrow the same, everything else from the amounts
    of the file.
    """
    (sums, missed), (equal, _) = (
        _simulated(fitted, seed, replications, threads, amount, observer) for amount in (None, UNIT_AMOUNT)
    )
    sums[..., 2] = equal[..., 3] / UNIT_AMOUNT  # the same random numbers, so the same loans are charged off
    return Simulated(*(np.concatenate([own, own.sum(axis=1, keepdims=True)], axis=1) for own in (sums, missed)))


def check(outcomes: Outcomes, sums: np.ndarray, level: float, doubt: np.ndarray | None = None) -> Check:
    """Return the figures of `outcomes` beside the quantiles of simulated `sums`.

    `doubt`, float64[replication, segment + 1, FIGURES], is added to the simulated figures: the error of the fit.
    """
    drawn = figures(sums) + (0 if doubt is None else doubt)
    return Check((*outcomes.segments, ALL), figures(by_segment(outcomes)), *_summed_up(drawn, level), level)


def timing(counts: Counts, found: Simulated, level: float, doubt: np.ndarray | None = None) -> Timing:
    """Return the shares missed for good by some dues, of the loans counted and beside them simulated.

    `doubt`, float64[replication, segment + 1, due], is added to the simulated shares: the error of the fit.
    """
    dues = tuple(due for due in DUES if due <= found.missed.shape[-1])
    at = [due - 1 for due in dues]
    missed, lent = counts.missed.cumsum(axis=1), counts.at_risk[:, :1]
    value = np.concatenate([missed, missed.sum(axis=0, keepdims=True)])[:, at]
    loans = np.concatenate([lent, lent.sum(axis=0, keepdims=True)])
    with np.errstate(invalid="ignore"):  # a half may have none of a small segment
        drawn = found.missed[..., at] / found.sums[..., :1] + (0 if doubt is None else doubt[..., at])
        return Timing(dues, value / loans, *_summed_up(drawn, level))


def _summed_up(drawn, level) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and interval over the first axis; NaN where nothing is known."""
    tail = (1 - level) / 2
    mean, low, high = np.full((3, *drawn.shape[1:]), np.nan)
    known = np.isfinite(drawn).any(axis=0)
    mean[known] = np.nanmean(drawn[:, known], axis=0)
    low[known], high[known] = np.nanquantile(drawn[:, known], [tail, 1 - tail], axis=0)
    return mean, low, high


def held_out(
    outcomes: Outcomes, seed: int, replications: int = 200, threads: int | None = None, level: float = LEVEL
) -> tuple[Check, Timing]:
    """Return the figures of a random half beside a scenario that was fitted to the other half alone.

    The interval has both halves' sampling: simulated loans are as many as in the half that is forecast, and the error
    of the fit is that of the fitted half's figures under resampling, of the timing that of the curves.
    """
    seen, unseen = (outcomes.take(half) for half in halves(outcomes, seed))
    fitted = fit_loans(seen)
    doubt = np.nan_to_num(figures(resampled(seen, seed, replications)) - figures(by_segment(seen)))
    if fitted.one_recovery:
        doubt[..., 2] = doubt[:, -1:, 2]
    lent = np.bincount(unseen.segment, minlength=len(unseen.segments))
    share = lent / lent.sum()
    segments = {
        name: segment._replace(share=float(share[s])) for s, (name, segment) in enumerate(fitted.segments.items())
    }
    found = simulated(fitted._replace(segments=segments, outcomes=unseen), seed, replications, threads)
    off = missed_by(*fitted.hazards.draws(seed, replications)) - missed_by(fitted.hazards.default, fitted.hazards.early)
    off = np.concatenate([off, (share[:, None] * off).sum(axis=1, keepdims=True)], axis=1)
    return check(unseen, found.sums, level, doubt), timing(counted(unseen), found, level, off)


def _simulated(fitted, seed, replications, threads, equal_amount, observer) -> tuple[np.ndarray, np.ndarray]:
    """Return what Simulated has, without the sums over all, and without column 2 of `sums`."""
    from simulator.run import run

    bad, term = fitted.outcomes.settings.charge_off_dpd // 30, fitted.outcomes.term
    found, by_due = [], []
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, replications, AT_ONCE):
            path = Path(folder) / "scenario.toml"
            size = min(AT_ONCE, replications - first)
            path.write_text(scenario_text(fitted, seed + first, size, equal_amount), encoding="utf-8")
            loaded = load_scenario(path)
            ledger = run(loaded, {}, True, threads, Part(observer)).comparison.ledgers["baseline"]
            money = ledger.frame.minor_units

            def total(name, ledger=ledger):
                return ledger[name][..., LOAN].sum(axis=1).astype(np.float64)

            sums = np.zeros((size, len(fitted.segments), COLUMNS))
            sums[..., 0], sums[..., 1] = total("n_granted"), total("n_written_off")
            sums[..., 3] = total("written_off_principal") / money
            sums[..., 4] = (total("recovered") - total("commission") - total("recovery_cost")) / money
            sums[..., 5] = total("new_credit") / money
            found.append(sums)
            # Who misses due k, in month k + 1, is written off in month k + `bad`.
            months = ledger["n_written_off"][:, 1 + bad : 1 + bad + term, :, LOAN]
            by_due.append(np.moveaxis(months, 1, 2).cumsum(axis=2).astype(np.float64))
    return np.concatenate(found), np.concatenate(by_due)

"""A loan scenario against the loans: those it was fitted to, and a half that it has not seen."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.estimates import within
from simulator.estimation.intervals import LEVEL
from simulator.estimation.outcomes.figures import ALL, COLUMNS, by_segment, figures, halves, resampled
from simulator.estimation.outcomes.fit import LoanFit, fit_loans
from simulator.estimation.outcomes.rows import Outcomes
from simulator.estimation.outcomes.scenario import scenario_text
from simulator.model.layout import LOAN
from simulator.model.observer import SILENT, Observer, Part
from simulator.scenario.reader import load_scenario

AT_ONCE = 50  # replications whose sums are held together
UNIT_AMOUNT = 10_000.0  # what everybody borrows where a share of the amount is asked for


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


class Checked(NamedTuple):
    """What loans with outcomes give: the fit, and how the scenario stands beside the loans."""

    fit: LoanFit
    measured: tuple[np.ndarray, np.ndarray, np.ndarray]  # figures of the loans: value, low, high
    fitted: Check  # the loans in the scenario fitted to all of them
    held_out: Check  # one half in the scenario fitted to the other
    seed: int

    @property
    def facts(self) -> dict[str, Any]:
        """What was read, used and left out."""
        return self.fit.outcomes.facts


def simulated_sums(
    fitted: LoanFit,
    seed: int,
    replications: int,
    threads: int | None = None,
    observer: Observer = SILENT,
) -> np.ndarray:
    """Return float64[replication, segment + 1, COLUMNS]: what `loan_table` sums to in as many simulated loans.

    The mean of exposure over amount comes from a world in which all borrow the same, everything else from the amounts
    of the file.
    """
    real, equal = (_simulated(fitted, seed, replications, threads, amount, observer) for amount in (None, UNIT_AMOUNT))
    real[..., 2] = equal[..., 3] / UNIT_AMOUNT  # the same random numbers, so the same loans are charged off
    return np.concatenate([real, real.sum(axis=1, keepdims=True)], axis=1)


def check(outcomes: Outcomes, sums: np.ndarray, level: float, doubt: np.ndarray | None = None) -> Check:
    """Return the figures of `outcomes` beside the quantiles of simulated `sums`.

    `doubt`, float64[replication, segment + 1, FIGURES], is added to the simulated figures: the error of the fit.
    """
    drawn = figures(sums) + (0 if doubt is None else doubt)
    tail = (1 - level) / 2
    mean, low, high = np.full((3, *drawn.shape[1:]), np.nan)
    known = np.isfinite(drawn).any(axis=0)
    mean[known] = np.nanmean(drawn[:, known], axis=0)
    low[known], high[known] = np.nanquantile(drawn[:, known], [tail, 1 - tail], axis=0)
    return Check((*outcomes.segments, ALL), figures(by_segment(outcomes)), mean, low, high, level)


def held_out(
    outcomes: Outcomes, seed: int, replications: int = 200, threads: int | None = None, level: float = LEVEL
) -> Check:
    """Return the figures of a random half beside a scenario that was fitted to the other half alone.

    The interval has both halves' sampling: simulated loans are as many as in the half that is forecast, and the error
    of the fit is that of the fitted half's figures under resampling.
    """
    seen, unseen = (outcomes.take(half) for half in halves(outcomes, seed))
    fitted = fit_loans(seen)
    doubt = np.nan_to_num(figures(resampled(seen, seed, replications)) - figures(by_segment(seen)))
    if fitted.one_recovery:
        doubt[..., 2] = doubt[:, -1:, 2]
    share = np.bincount(unseen.segment, minlength=len(unseen.segments)) / len(unseen.segment)
    segments = {
        name: segment._replace(share=float(share[s])) for s, (name, segment) in enumerate(fitted.segments.items())
    }
    sums = simulated_sums(fitted._replace(segments=segments, outcomes=unseen), seed, replications, threads)
    return check(unseen, sums, level, doubt)


def _simulated(fitted, seed, replications, threads, equal_amount, observer) -> np.ndarray:
    """Return float64[replication, segment, COLUMNS] of a scenario's ledger, without column 2."""
    from simulator.run import run

    found = []
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
    return np.concatenate(found)

"""Loans with outcomes -> a calibrated loan scenario, checked against the loans and on a half it has not seen."""

import csv
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.estimation.outcome_figures import (
    ALL,
    COLUMNS,
    FIGURES,
    by_segment,
    figures,
    halves,
    intervals,
    resampled,
)
from simulator.estimation.outcome_fit import Fit, expected, fit, observed_hazard
from simulator.estimation.outcome_report import markdown
from simulator.estimation.outcome_rows import Outcomes, has_outcomes, read_outcomes
from simulator.estimation.outcome_scenario import DEFAULT_SEED, scenario_text
from simulator.kernel.names import LOAN
from simulator.results import check_folder, replace_folder, write_json

__all__ = ["Calibrated", "calibrate_outcomes", "has_outcomes", "held_out", "simulated_sums"]

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
        return (self.low <= self.value) & (self.value <= self.high)


class Calibrated(NamedTuple):
    """What `calibrate_outcomes` has found and written."""

    fit: Fit
    fitted: Check  # the loans in the scenario fitted to all of them
    held_out: Check  # one half in the scenario fitted to the other
    files: tuple[Path, ...]
    facts: dict[str, Any]

    def words(self) -> list[str]:
        """Return the result in lines for people."""
        facts, segments = self.facts, self.fit.segments.items()
        used = f"{facts['loans_used']:,} loans of {facts['term']} months used"
        return [
            f"{facts['file']}: {facts['rows_read']:,} rows, {used}",
            *(f"  left out: {count:,} rows: {reason}" for reason, count in facts["left_out"].items()),
            *(f"  {count:,} loans: {what}" for what, count in facts["checks"].items() if count),
            *(f"  {name}: hazards do not give the targets" for name, s in segments if not s.met),
            *(f"  {name}: thin, from all: {', '.join(s.borrowed)}" for name, s in segments if s.borrowed),
            f"  figures inside the scenario's {self.fitted.level:.0%} intervals: {_count(self.fitted)}",
            f"  of a half the scenario was not fitted on: {_count(self.held_out)}",
        ]


def calibrate_outcomes(
    path: str | Path,
    mapping_path: str | Path,
    out: str | Path,
    overwrite: bool = False,
    replications: int = 200,
    seed: int = DEFAULT_SEED,
    threads: int | None = None,
    level: float = 0.95,
    say=None,
) -> Calibrated:
    """Fit a loan scenario to the loans of `path` and write it, with its checks, to the folder `out`.

    Written: scenario.toml, outcomes.csv (figures by segment with intervals), held_out.csv, hazards.csv, outcomes.md,
    manifest.json. `replications` are those of the checks; `say` is told what is being done. Raises UserError with
    everything that is wrong with mapping, file or folder; then nothing is written.
    """
    say, out = say or (lambda words: None), Path(out)
    check_folder(out, overwrite)
    outcomes = read_outcomes(path, mapping_path)
    say(f"fitting {len(outcomes.amount):,} loans")
    fitted = fit(outcomes)
    say("checking: as many loans simulated")
    value, low, high = intervals(outcomes, seed, level)
    inside = check(outcomes, simulated_sums(fitted, seed, replications, threads), level)
    say("checking: fitted to one half, compared with the other")
    unseen = held_out(outcomes, seed, replications, threads, level)
    result = Calibrated(fitted, inside, unseen, (), outcomes.facts)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        (partial / "scenario.toml").write_text(scenario_text(fitted, seed), encoding="utf-8")
        _write_rows(partial / "outcomes.csv", _figure_rows(outcomes, (value, low, high), inside))
        _write_rows(partial / "held_out.csv", _figure_rows(outcomes.take(halves(outcomes, seed)[1]), None, unseen))
        _write_rows(partial / "hazards.csv", _hazard_rows(fitted))
        (partial / "outcomes.md").write_text(markdown(fitted, (value, low, high), inside, unseen), encoding="utf-8")
        write_json(partial / "manifest.json", {"command": "calibrate", **outcomes.facts, "seed": seed, "level": level})
        names = sorted(file.name for file in partial.iterdir())
        replace_folder(out, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return result._replace(files=tuple(out / name for name in names))


def simulated_sums(fitted: Fit, seed: int, replications: int, threads: int | None = None) -> np.ndarray:
    """Return float64[replication, segment + 1, COLUMNS]: what `loan_table` sums to in as many simulated loans.

    The mean of exposure over amount comes from a world in which all borrow the same, everything else from the amounts
    of the file.
    """
    real, equal = (_simulated(fitted, seed, replications, threads, amount) for amount in (None, UNIT_AMOUNT))
    real[..., 2] = equal[..., 3] / UNIT_AMOUNT  # the same luck, so the same loans are charged off
    return np.concatenate([real, real.sum(axis=1, keepdims=True)], axis=1)


def check(outcomes: Outcomes, sums: np.ndarray, level: float, doubt: np.ndarray | None = None) -> Check:
    """Return the figures of `outcomes` beside the quantiles of simulated `sums`.

    `doubt`, float64[replication, segment + 1, FIGURES], is added to the simulated figures: the error of the fit.
    """
    drawn = figures(sums) + (0 if doubt is None else doubt)
    tail = (1 - level) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    return Check((*outcomes.segments, ALL), figures(by_segment(outcomes)), np.nanmean(drawn, axis=0), low, high, level)


def held_out(
    outcomes: Outcomes, seed: int, replications: int = 200, threads: int | None = None, level: float = 0.95
) -> Check:
    """Return the figures of a random half beside a scenario that was fitted to the other half alone.

    The interval has both halves' sampling: simulated loans are as many as in the half that is forecast, and the error
    of the fit is that of the fitted half's figures under resampling.
    """
    seen, unseen = (outcomes.take(half) for half in halves(outcomes, seed))
    fitted = fit(seen)
    doubt = np.nan_to_num(figures(resampled(seen, seed, replications)) - figures(by_segment(seen)))
    if fitted.one_recovery:
        doubt[..., 2] = doubt[:, -1:, 2]
    share = np.bincount(unseen.segment, minlength=len(unseen.segments)) / len(unseen.segment)
    segments = {
        name: segment._replace(share=float(share[s])) for s, (name, segment) in enumerate(fitted.segments.items())
    }
    sums = simulated_sums(fitted._replace(segments=segments, outcomes=unseen), seed, replications, threads)
    return check(unseen, sums, level, doubt)


def _simulated(fitted, seed, replications, threads, equal_amount) -> np.ndarray:
    """Return float64[replication, segment, COLUMNS] of a scenario's ledger, without column 2."""
    from simulator.study import compare

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, replications, AT_ONCE):
            path = Path(folder) / "scenario.toml"
            size = min(AT_ONCE, replications - first)
            path.write_text(scenario_text(fitted, seed + first, size, equal_amount), encoding="utf-8")
            ledger = compare(path, threads).comparison.ledgers["baseline"]
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


def _count(found: Check) -> str:
    usable = np.isfinite(found.value)
    return f"{int(found.inside[usable].sum())} of {int(usable.sum())}, {found.level * usable.sum():.1f} expected"


def _figure_rows(outcomes, measured, found: Check):
    """Yield the header and a row for each segment and figure."""
    simulated = ("simulated", "simulated_low", "simulated_high", "inside")
    yield ["segment", "figure", "loans", "charged_off", "value", "low", "high", *simulated]
    sums = by_segment(outcomes)
    for s, segment in enumerate(found.segments):
        for f, name in enumerate(FIGURES):
            own = [float(part[s, f]) for part in measured] if measured else [float(found.value[s, f]), "", ""]
            drawn = [float(part[s, f]) for part in (found.mean, found.low, found.high)]
            yield [segment, name, int(sums[s, 0]), int(sums[s, 1]), *map(_number, own + drawn), int(found.inside[s, f])]


def _hazard_rows(fitted: Fit):
    """Yield the header and a row for each segment and due: the hazard seen and fitted."""
    from simulator.estimation.outcome_figures import jeffreys

    yield ["segment", "due", "at_risk", "missed_for_good", "hazard", "low", "high", "fitted"]
    outcomes = fitted.outcomes
    for s, (name, segment) in enumerate(fitted.segments.items()):
        at_risk, missed = observed_hazard(outcomes.take(outcomes.segment == s))
        off, paid = expected(segment.default, segment.early, outcomes.term)
        open_before = 1 - np.concatenate([[0], np.cumsum(off + paid)[:-1]])
        for due in range(1, outcomes.term + 1):
            n, k = int(at_risk[due]), int(missed[due])
            low, high = jeffreys(k, n)
            seen = [k / n, float(low), float(high)] if n else ["", "", ""]
            model = off[due] / open_before[due] if open_before[due] > 0 else ""
            yield [name, due, n, k, *map(_number, [*seen, model])]


def _number(value):
    """Return a number with the digits that matter, nothing for none."""
    return "" if value == "" or not np.isfinite(value) else f"{value:.6g}"


def _write_rows(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)

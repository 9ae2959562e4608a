"""What the page of a run says that no table of its folder has, as plain data: page.json.

Numbers are as the page takes them, before they are put in words. What a variant changes, why it differs and what is
known of a choice are words, in every language: policies say them, which may be the user's own code.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.analysis.estimates import Difference
from simulator.analysis.ledger import RunFrame, components
from simulator.analysis.measures import MEASURES, shown_in
from simulator.analysis.measures.registry import FLOW
from simulator.analysis.measures.tables import CELLS
from simulator.language.catalogue import LANGUAGES, as_data
from simulator.report import reasons, render
from simulator.report.changed import changes
from simulator.report.figures import paths, waterfalls
from simulator.report.paper import in_each

FORMAT = 1  # of page.json; another one is not read
FILE = "page.json"
LINES = (*components("profit", render.ONE_LINE), *components("profit", waterfalls.ONE_LINE), "profit", "cash")
NAN = float("nan")


def page_data(worlds: Mapping[str, Comparison], tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contents of page.json; of worlds but the first, of which nothing is drawn, what is said of them.

    `tables` are those of the resolved scenario.
    """
    (first, own), *_ = worlds.items()
    told = {name: _said(comparison, tables) for name, comparison in worlds.items()}
    told[first] |= _shown(own)
    return {"format": FORMAT, "worlds": told}


def _said(comparison, tables) -> dict[str, Any]:
    """Return the sizes of a run, what is kept of it in sentences, and what is known of its leaders."""

    def told(_):
        return {
            "changes": changes(tables, comparison.policies),
            "why": {variant: reasons.reasons(comparison, variant) for variant in comparison.variants},
            "choice": comparison.of_choice(),
            "would_change": comparison.would_change(),
            "worth_knowing": comparison.worth_knowing(),
        }

    verdict = comparison.verdict()
    each = {"both": verdict, "run_off": verdict.run_off, "run_on": verdict.run_on}
    return {
        "frame": asdict(comparison.frame),
        "cautions": [as_data(said) for said in comparison.cautions],
        "reasons": {name: as_data(found.reason) for name, found in each.items() if found},
        "sentences": dict(in_each(LANGUAGES, told)),
        "chances_to_be_best": {name: numbers(chance) for name, chance in comparison.chances_to_be_best().items()},
        "leaders": [_apart(comparison, *pair) for pair in _leaders(verdict)],
    }


def _leaders(verdict) -> list[tuple[str, str, str, str]]:
    """Return (lender, other, measure, window) of what is told of leaders, whomever they are compared with."""
    found, found_on = verdict.run_off or verdict, verdict.run_on
    if not (found.leader and found.second):
        return []
    told = [(found.leader, found.second, "npv", "whole")]
    if found_on and found_on.leader != found.leader:
        told.append((found_on.leader, found.leader, "customer_value", "whole"))
        told.append((found.leader, found_on.leader, "n_closures_good", "lending"))
    return told


def _apart(comparison, lender, other, measure, window) -> dict[str, Any]:
    names = {"lender": lender, "against": other, "measure": measure, "window": window}
    found = comparison.difference(lender, measure, window, against=other)
    of = {"errors": numbers(comparison.errors(lender, measure, other))} if measure == "npv" else {}
    return {**names, "difference": ends(found), **of}


def _shown(comparison) -> dict[str, Any]:
    """Return the numbers of figures and of tables that no file has."""
    lenders, variants, base = list(comparison.ledgers), comparison.variants, comparison.baseline

    def month_by_month(measure):
        return comparison.differences_by_month(variant, measure, MEASURES[measure].kind == FLOW)

    months: dict[str, dict[str, Any]] = {}
    for lender in lenders:
        months[lender] = {}
        for measure in paths.LEVELS:
            value, se = comparison.by_month(lender, measure)
            spread = comparison.spread_by_month(lender, measure, paths.FAN)
            whole = {"value": numbers(value), "se": numbers(se)}
            months[lender][measure] = whole | {"spread": None if spread is None else numbers(spread)}
    changes: dict[str, dict[str, Any]] = {}
    for variant in variants:
        changes[variant] = {name: [ends(d) for d in month_by_month(name)] for name in paths.CHANGES}
    return {
        "months": months,
        "changes": changes,
        "roll_rates": {
            name: {by: numbers(comparison.roll_rates(name, by == "balance")) for by in ("accounts", "balance")}
            for name in lenders
        },
        "roll_rate_changes": {v: [[ends(d) for d in row] for row in comparison.roll_rate_changes(v)] for v in variants},
        "ever_late": {
            name: [[*entries, numbers(curve)] for entries, curve in comparison.ever_late(name).items()]
            for name in lenders
        },
        "ever_late_changes": {
            v: [[*entries, ends(d)] for entries, d in comparison.ever_late_changes(v).items()] for v in variants
        },
        "totals": {name: {line: comparison.total(name, line) for line in LINES} for name in lenders},
        "growth": {name: comparison.growth(name) for name in lenders},
        "by_cell": {
            name: {
                measure: [[*cell, *numbers(found)] for cell, found in comparison.by_cell(name, measure).items()]
                for measure in shown_in(CELLS)
            }
            for name in lenders
        },
        "coverage": {name: numbers(comparison.coverage(name)) for name in lenders},
        "shared_variance": numbers(comparison.shared_variance(base, render.SHARED)),
    }


def ends(d: Difference) -> list[float | None]:
    """Return a difference as page.json has it: value, standard error, and its interval."""
    return numbers((d.value, d.se, d.low, d.high))


def numbers(values) -> Any:
    """Return numbers, or arrays of them, as JSON has them: nested lists, null where there is none."""
    array = np.asarray([NAN if x is None else x for x in values] if isinstance(values, tuple) else values, dtype=float)
    found = array.astype(object)
    found[~np.isfinite(array)] = None
    return found.tolist()


def difference_of(told: list[float | None]) -> Difference:
    """Return the difference that `ends` told."""
    value, se, low, high = array_of(told).tolist()
    return Difference(value, se, low, high, NAN)


def array_of(told: Any) -> np.ndarray:
    """Return the numbers that `numbers` told, NaN for null."""
    return np.array(told, dtype=np.float64)


def frame_of(told: Mapping[str, Any]) -> RunFrame:
    """Return the sizes of a run."""
    known: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return RunFrame(**known)

"""What the lead of a comparison is uncertain of, in a sentence."""

import math

from simulator.analysis.errors import Errors
from simulator.analysis.measures import MEASURES, answer
from simulator.report import phrasing

FROM = {
    "people": "who the borrowers are",
    "luck": "what happens to each",
    "factor": "what happens to all",
    "parameters": "the numbers in doubt",
}


def certainty(comparison) -> str:
    """Return by how much each source moves what the verdict is about, or a run's first figure; empty if by nothing."""
    if found := _of_verdict(comparison):
        best, second = found
        d = comparison.difference(best, "npv", against=second)
        errors = comparison.errors(best, "npv", second)
        what = f"{best} less {second} by {phrasing.label('npv')}"
        value, unit = d.value, comparison.frame.currency
    else:
        told = phrasing.stated(comparison, answer(comparison.frame))
        if comparison.variants or not told:
            return ""
        errors, what = comparison.errors(comparison.baseline, told[0]), phrasing.label(told[0])
        value, unit = (
            comparison.estimate(comparison.baseline, told[0]).value,
            MEASURES[told[0]].unit_in(comparison.frame),
        )
    parts = _parts(errors, value, unit)
    return f"The ± of {what}, {phrasing.number(value, errors.se, unit)}, comes from {parts}." if parts else ""


def _of_verdict(comparison) -> tuple[str, str] | None:
    """Return who leads when lending ends, and over whom."""
    if not comparison.variants:
        return None
    verdict = comparison.verdict()
    found = verdict.run_off or verdict
    return (found.leader, found.second) if found.leader and found.second else None


def _parts(errors: Errors, value: float, unit: str) -> str:
    """Return "who the borrowers are (3), ..." of the parts that are told apart; empty if they are not."""
    found = {name: getattr(errors, name) for name in FROM if getattr(errors, name) is not None}
    if len(found) < 2 or not (math.isfinite(errors.se) and errors.se > 0):
        return ""
    factor, *_ = phrasing.scale_of(value, errors.se, unit)
    decimals = phrasing.decimals_of(value * factor, errors.se * factor)
    return ", ".join(f"{FROM[name]} ({phrasing.plain(se * factor, decimals)})" for name, se in found.items())

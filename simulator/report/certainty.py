"""What the lead of a comparison is uncertain of."""

import math
from typing import NamedTuple

from simulator.analysis.errors import Errors
from simulator.analysis.measures import MEASURES, answer
from simulator.language.catalogue import noted, say
from simulator.report import phrasing

FROM = {
    "people": noted("who the borrowers are"),
    "luck": noted("what happens to each"),
    "factor": noted("what happens to all"),
    "parameters": noted("the numbers in doubt"),
}


class Sources(NamedTuple):
    """What a number is uncertain of."""

    what: str  # the number, in words
    said: str  # its value and standard error
    parts: list[tuple[str, str, float]]  # (source, its part of the standard error in words, as a share of the whole)


def certainty(comparison) -> str:
    """Return by how much each source moves what the verdict is about, or a run's first figure; empty if by nothing."""
    found = sources(comparison)
    if not found:
        return ""
    parts = phrasing.in_a_row(say("{source} ({se})", source=who, se=se) for who, se, _ in found.parts)
    return say("The ± of {what}, {value}, comes from {parts}.", what=found.what, value=found.said, parts=parts)


def sources(comparison) -> Sources | None:
    """Return what the lead of the verdict, or a run's first figure, is uncertain of; None if that is not told apart."""
    if found := _of_verdict(comparison):
        best, second = found
        value = comparison.difference(best, "npv", against=second).value
        errors, unit = comparison.errors(best, "npv", second), comparison.frame.currency
        each = {"first": phrasing.quoted(best, comparison.frame), "second": phrasing.quoted(second, comparison.frame)}
        what = say("{first} less {second} by {measure}", **each, measure=phrasing.label("npv"))
    else:
        told = phrasing.stated(comparison, answer(comparison.frame))
        if comparison.variants or not told:
            return None
        errors, what = comparison.errors(comparison.baseline, told[0]), phrasing.label(told[0])
        value = comparison.estimate(comparison.baseline, told[0]).value
        unit = MEASURES[told[0]].unit_in(comparison.frame)
    parts = _parts(errors, value, unit)
    return Sources(what, phrasing.number(value, errors.se, unit), parts) if parts else None


def _of_verdict(comparison) -> tuple[str, str] | None:
    """Return who leads when lending ends, and over whom."""
    if not comparison.variants:
        return None
    verdict = comparison.verdict()
    found = verdict.run_off or verdict
    return (found.leader, found.second) if found.leader and found.second else None


def _parts(errors: Errors, value: float, unit: str) -> list[tuple[str, str, float]]:
    """Return (source, its part in words, its share of the whole) of those told apart; empty if they are not."""
    found = {name: getattr(errors, name) for name in FROM if getattr(errors, name) is not None}
    if len(found) < 2 or not (math.isfinite(errors.se) and errors.se > 0):
        return []
    factor, *_ = phrasing.scale_of(value, errors.se, unit)
    decimals = phrasing.decimals_of(value * factor, errors.se * factor)
    return [(say(FROM[name]), phrasing.plain(se * factor, decimals), se / errors.se) for name, se in found.items()]

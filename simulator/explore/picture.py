"""What the page is sent at each step: the answer in words, every change with its interval, and what figures draw."""

from math import isfinite
from typing import Any

import numpy as np

from simulator.analysis.estimates import SURE, Difference, mean, paired
from simulator.analysis.measures import MEASURES, MONEY
from simulator.explore.controls import SWITCH, value_at
from simulator.explore.desk import Found
from simulator.explore.lives import REPLICATIONS, shown
from simulator.explore.question import Explored, Question
from simulator.explore.words import (
    NO_BREAK,
    amount,
    between,
    cause_in_words,
    cautions_in_words,
    lender_in_words,
    level,
    measure_in_words,
    number,
    per_cent,
    policies_in_words,
    refusal_in_words,
    setting_in_words,
    span,
    table_in_words,
    value_in_words,
)
from simulator.language.catalogue import CHINESE, say, spoken
from simulator.model.errors import UserError
from simulator.policy.why import capital
from simulator.report.figures.scale import scale_of
from simulator.scenario.scenario import BASELINE

MOST_TOLD = 4  # changes
SMALL = 50  # a change is told with the digits of one this part of the baseline's level at least
TOLD_FROM = 3  # seconds to wait from which on they are told
DECISIVE = ("npv", "profit")  # the first that a run can state is what the answer is about


def picture(found: Found, explored: Explored) -> dict[str, Any]:
    """Return what is drawn of a step, as JSON has it: numbers that are not defined are null."""
    own, baseline, frame = found.own, found.baseline, found.frame
    names = shown(frame)
    first = next((name for name in DECISIVE if name in names), names[0])
    names = [first, *(name for name in names if name != first)]
    moved = {name: paired(own.measures[name], baseline.measures[name]) for name in names}
    levels = {name: float(mean(baseline.measures[name]).value) for name in names}
    is_same = found.question.is_baseline
    return {
        "question": explored.address(found.question),
        "settled": found.step.is_last,
        "changed": changed(explored, found.question),
        "cautions": cautions_in_words(found.cautions),
        "verdict": _verdict(first, moved[first], frame.currency, is_same, found.step.is_last),
        "progress": found.step.share * found.step.replications / REPLICATIONS,
        "counted": _counted(found),
        "rows": [_row(name, moved[name], levels[name], frame.currency, is_same) for name in names],
        "path": _path(own.path, baseline.path),
        "causes": _causes(own.causes, baseline.causes, frame.currency),
    }


def changed(explored: Explored, question: Question) -> str:
    """Return in words what a question changes of the scenario: the first MOST_TOLD of it."""
    lender, said = explored.lender(question.start), []
    if question.start != BASELINE:
        said.append(lender_in_words(question.start, lender.title))
    policies = policies_in_words(lender)
    for key, value in question.moved:
        control = explored.controls[key]
        policy, setting = policies[control.policy], setting_in_words(control, lender)
        if control.list:
            setting = capital(f"{table_in_words(control, lender)} · {setting}")
        before, after = (value_in_words(control, one, lender) for one in (value_at(lender, key), value))
        if control.name == SWITCH:
            said.append(say("{policy} {after}", policy=policy, after=after))
        else:
            slots = {"policy": policy, "setting": setting, "before": before, "after": after}
            said.append(say("{policy}, {setting}: {before} → {after}", **slots))
    more = len(said) - MOST_TOLD
    if more > 1:
        said = [*said[:MOST_TOLD], say("and {count} more", count=more)]
    return "  ·  ".join(said)


def refusal(error: UserError, explored: Explored, question: Question) -> dict[str, Any]:
    """Return what is said where settings exclude each other."""
    why = refusal_in_words(error, explored.lender(question.start))
    said = say("These settings cannot be lived: {why}", why=why)
    return {"question": explored.address(question), "settled": True, "refused": said}


def _verdict(measure: str, d: Difference, currency: str, is_same: bool, is_last: bool) -> str:
    """Return the answer in a sentence."""
    name = measure_in_words(measure)
    if is_same:
        return say("Nothing is changed yet: move a slider.")
    if d.value == 0 and not d.se > 0:
        return say("{measure}: exactly the same as the baseline's.", measure=name)
    within = say("95 % interval {ends}", ends=between(d.low, d.high, currency, d.is_clear))
    if d.is_clear:
        by = amount(abs(d.value), currency, beside=max(abs(d.low), abs(d.high)))
        if d.value > 0:
            return say("{measure} rises by {by} ({interval}).", measure=name, by=by, interval=within)
        return say("{measure} falls by {by} ({interval}).", measure=name, by=by, interval=within)
    if is_last:
        return say(
            "{measure}: cannot be told from the baseline in {count} replications ({interval}).",
            measure=name,
            count=REPLICATIONS,
            interval=within,
        )
    return say("{measure}: cannot yet be told from the baseline ({interval}).", measure=name, interval=within)


def _counted(found: Found) -> str:
    """Return how far the refinement is, in words."""
    replications, (lived, everybody) = found.step.replications, found.borrowers
    if found.step.is_last:
        return say("{all} borrowers × {count} replications", all=f"{everybody:,}", count=replications)
    if found.step.share < 1:
        slots = {"lived": f"{lived:,}", "all": f"{everybody:,}", "count": replications}
        said = say("{lived} of {all} borrowers × {count} replications", **slots)
    else:
        slots = {"borrowers": f"{everybody:,}", "count": replications, "all": REPLICATIONS}
        said = say("{borrowers} borrowers × {count} of {all} replications", **slots)
    if found.seconds_left < TOLD_FROM:
        return said
    return say("{counted}; all of them in about {seconds} s", counted=said, seconds=f"{found.seconds_left:.0f}")


def _row(measure: str, d: Difference, base: float, currency: str, is_same: bool) -> dict[str, Any]:
    """Return a line of the table of changes."""
    unit = MEASURES[measure].unit.replace(MONEY, currency)
    scale = scale_of([base / SMALL, d.value], unit, is_change=True)
    ends = (d.low, d.high) if isfinite(d.low) else (d.value, d.value)
    return {
        "name": measure,
        "label": measure_in_words(measure),
        "about": say("{unit}; baseline {level}", unit=scale.words, level=level(measure, base, currency)),
        "value": _plain(d.value),
        "low": _plain(ends[0]),
        "high": _plain(ends[1]),
        "text": scale.signed(d.value),
        "interval": "" if is_same else span(d.low, d.high, scale),
        "clear": d.is_clear and not is_same,
    }


def _path(own: np.ndarray, baseline: np.ndarray) -> dict[str, Any]:
    """Return the 30+ share month by month in per cent, with its 95 % interval, and the same in words."""
    drawn: dict[str, Any] = {name: _band(samples) for name, samples in (("own", own), ("baseline", baseline))}
    ends = {name: float(mean(samples[:, -1]).value) for name, samples in (("own", own), ("baseline", baseline))}
    drawn["words"] = say(
        "30+ share of balance by month: {own} at the end of lending with your settings, {baseline} with the baseline's",
        **{name: per_cent(end) for name, end in ends.items()},
    )
    space = "" if spoken() == CHINESE else NO_BREAK
    drawn["ends"] = {name: f"{number(100 * end, 2)}{space}%" if isfinite(end) else "–" for name, end in ends.items()}
    return drawn


def _band(samples: np.ndarray) -> dict[str, list[float | None]]:
    from scipy.special import stdtrit

    value, se = mean(samples)
    reach = float(stdtrit(len(samples) - 1, SURE)) * se
    curves = {"value": value, "low": np.maximum(value - reach, 0.0), "high": np.minimum(value + reach, 1.0)}
    return {name: [_plain(100 * x, 4) for x in curve] for name, curve in curves.items()}


def _causes(own: dict[str, np.ndarray], baseline: dict[str, np.ndarray], currency: str) -> dict[str, Any]:
    """Return the net loss by cause: bars and numbers of both lenders."""
    means = {name: (float(own[name].mean()), float(baseline[name].mean())) for name in own}
    means = {name: both for name, both in means.items() if any(both)}
    scale = scale_of([x for both in means.values() for x in both], currency)
    rows: list[dict[str, Any]] = [
        {
            "label": cause_in_words(name),
            "own": mine,
            "baseline": theirs,
            "text": [scale.plain(x) for x in (mine, theirs)],
        }
        for name, (mine, theirs) in means.items()
    ]
    words = "; ".join(
        say("{cause}: {own}, baseline {baseline}", cause=row["label"], own=row["text"][0], baseline=row["text"][1])
        for row in rows
    )
    return {"unit": scale.words, "rows": rows, "words": words}


def _plain(value: float, digits: int = 12) -> float | None:
    return float(f"{value:.{digits}g}") if isfinite(value) else None

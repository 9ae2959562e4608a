"""Do the intervals of the structural fit hold what they say? Made-up books of people whose parameters are known.

Each book is lived in the shipped prior with every parameter moved by a draw from its own prior, and with the factor
that moves all its months. The tape begins with the book, or after it has been lived for a while: then who is late is
late for reasons of theirs, which the fit does not know.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.panel import NO_ROW, Panel, PanelState
from simulator.estimation.random_numbers import normals, uniforms
from simulator.estimation.structural.document import settings_of
from simulator.estimation.structural.fit import PRIOR, StructuralFit, fit_structural
from simulator.estimation.structural.histories import (
    WRITTEN_OFF,
    Histories,
    observed,
    opening_tape,
    simulated_histories,
    usable,
)
from simulator.estimation.structural.identifiability import TOLD
from simulator.estimation.structural.parameters import PARAMETERS, moved, value
from simulator.estimation.structural.prior import prior_document
from simulator.estimation.structural.scenario import refusals
from simulator.lowering.lower import lower
from simulator.lowering.quantiles import quantiles
from simulator.scenario.reader import load_scenario

SHIFTS, WHO, LIMITS, USES, STANDS = range(60, 65)  # purposes of random numbers
LATE = 5  # the last bucket with a state of its own
STATES = (
    PanelState("current", 0),
    *(PanelState(f"late {bucket}", bucket) for bucket in range(1, LATE)),
    PanelState(f"late {LATE}", LATE, at_least=True),
    PanelState("written_off", "written_off"),
)
LEAST, MOST = 0.86, 0.94  # of 90 % intervals
FILES = "tape.csv", "mapping.toml"  # named, not read


class Held(NamedTuple):
    """How often the interval of a parameter holds what was planted, in books that the fit does not refuse."""

    parameter: str
    books: int
    identified: int
    holds: int
    below: int  # what was planted lies below the interval


def fits(
    path: Path, books: int, accounts: int, months: int, before: int, tell: Callable[[str, int, int], None]
) -> list[dict]:
    """Return what the fit says of each book, in plain numbers; what is in `path` stands, what is new is added to it."""
    asked = {"accounts": accounts, "months": months, "before": before}
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    found = [one for one in found if asked.items() <= one.items()]
    done = {one["seed"] for one in found}
    for seed in range(books):
        if seed not in done:
            one = {"seed": seed, **asked, **fitted(seed, accounts, months, before)}
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(one) + "\n")
            found.append(one)
        tell(f"books lived {before} months before", seed + 1, books)
    return [one for one in found if one["seed"] < books]


def held(found: list[dict]) -> list[Held]:
    """Return how often intervals hold, by parameter, and of all together."""
    kept = [one["parameters"] for one in found if not one["refused"]]
    rows = []
    for parameter in PARAMETERS:
        told = [one[parameter.name] for one in kept if _is_known(one[parameter.name])]
        rows.append(_counted(parameter.words, len(kept), told))
    every = [told for one in kept for told in one.values() if _is_known(told)]
    return [*rows, _counted("all", len(kept), every)]


def _is_known(told):
    """Return whether the fit says that it knows a parameter."""
    return told["low"] is not None and told["left"] < TOLD


def _counted(words, books, told):
    inside = [one["low"] <= one["planted"] <= one["high"] for one in told]
    below = [one["planted"] < one["low"] for one in told]
    return Held(words, books, len(told), sum(inside), sum(below))


def fitted(seed: int, accounts: int, months: int, before: int) -> dict:
    """Return what the fit of one book says beside what was planted."""
    x = normals(seed, SHIFTS, 1, len(PARAMETERS))[0]
    shifts = {parameter: float(at * parameter.width) for parameter, at in zip(PARAMETERS, x, strict=True)}
    panel, document = book(seed, accounts, months, before, shifts)
    fit = fit_structural(panel, PRIOR, *FILES)
    return {"refused": bool(refusals(fit)), **_told(fit, document, dict(zip(PARAMETERS, x, strict=True)))}


def _told(fit: StructuralFit, document, x):
    by_name = {estimate.parameter.name: estimate for estimate in fit.estimates}
    parameters = {}
    for parameter in PARAMETERS:
        e = by_name[parameter.name]
        planted = value(moved(document, {parameter: x[parameter] * parameter.width}), parameter)
        numbers = {"planted": planted, "low": e.low, "high": e.high, "x": x[parameter], "found": e.x, "left": e.left}
        parameters[parameter.name] = numbers
    far = [moment.moment.name for moment in fit.compared if moment.role == "out of reach"]
    about = {"p": fit.test_of_all.p_value, "stretch": fit.stretch, "out_of_reach": far, "lives": fit.evaluations}
    return about | {"parameters": parameters}


def book(seed: int, accounts: int, months: int, before: int, shifts: dict) -> tuple[Panel, dict]:
    """Return the panel of a book lived with these shifts, and the tables of its scenario without them."""
    opening = _opening(seed, accounts)
    rows = usable(opening)
    document, _ = prior_document(opening, rows, PRIOR, *FILES)
    settings = settings_of(moved(document, shifts), "")
    lived = settings.model_copy(update={"months": months + before, "replications": 1, "seed": 1000 + seed})
    tape = opening_tape(observed(opening, rows), opening.segment[rows], len(opening.segments))
    histories = simulated_histories(lower(lived, tape), LATE, lambda histories: histories, 1)[0][0]
    return _panel(histories, opening.segment[rows], opening.segments, before), document


def _opening(seed, accounts) -> Panel:
    """Return a panel of one month: lines as the prior's own book has them."""
    segments = load_scenario(PRIOR).baseline.segment
    share = np.array([segment.share for segment in segments.values()])
    who = np.searchsorted(np.cumsum(share)[:-1], uniforms(seed, WHO, 1, accounts)[0])
    limit, use, stands = (uniforms(seed, purpose, 1, accounts)[0] for purpose in (LIMITS, USES, STANDS))
    balance, bucket = np.zeros(accounts), np.zeros(accounts, dtype=np.int8)
    for k, segment in enumerate(segments.values()):
        own = who == k
        limit[own] = _drawn(segment.line_limit, limit[own])
        bucket[own] = np.minimum(np.searchsorted(np.cumsum(segment.opening.line)[:-1], stands[own]), LATE)
        late = _drawn(segment.opening.late_utilisation, use[own])
        balance[own] = limit[own] * np.where(bucket[own] > 0, late, _drawn(segment.utilisation, use[own]))
    limit, balance = np.round(limit) * 100, np.round(balance) * 100
    nothing = np.full((accounts, 1), np.nan)
    return _panel(Histories(bucket[:, None], balance[:, None], limit[:, None], nothing), who, tuple(segments), 0)


def _drawn(distribution, u):
    """Return the values of a distribution at these uniforms."""
    table = quantiles(distribution)
    return table[(u * len(table)).astype(np.int64)]


def _panel(histories, segment, names, before) -> Panel:
    """Return the panel of histories from the month `before` on."""
    bucket, balance, limit, payment = (np.asarray(column)[:, before:].copy() for column in histories)
    gone = bucket == WRITTEN_OFF
    state = np.where(gone, len(STATES) - 1, np.minimum(bucket, LATE)).astype(np.int8)
    left = ~gone & (bucket >= 0) & np.isnan(balance)  # paid off and closed: no row
    state[left], bucket[left] = NO_ROW, NO_ROW
    n, shape = len(state), state.shape
    none, nothing = np.full(shape, -1, dtype=np.int16), np.full(shape, np.nan)
    months = tuple(f"{2000 + m // 12}-{m % 12 + 1:02d}" for m in range(shape[1]))
    who = (np.arange(n).astype(str), np.zeros(n, np.int8), segment.astype(np.int64))
    amounts = balance, limit, payment, nothing, nothing
    return Panel(months, STATES, names, (), "CNY", 100, *who, state, bucket, none, (), none, *amounts, {})

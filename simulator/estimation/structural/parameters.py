"""The parameters a structural fit may move: where they stand in a scenario, on which scale, and how wide the prior is.

A parameter is a shift on its scale, 0 at the prior. It moves its values in every segment alike, so that differences
between segments stay the prior's.
"""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from simulator.estimation.structural.document import at, each, is_distribution, is_value, numbers, set_numbers

ANY = "*"  # every segment


class Parameter(NamedTuple):
    """A free parameter; prior widths are assumptions."""

    name: str
    words: str
    paths: tuple[tuple[str, ...], ...]  # key paths of what moves together
    scale: str  # "log" or "logit"
    width: float  # standard deviation of the prior on this scale
    start: float | None = None  # where the prior is centred if its value is 0, which no shift would move


def _paid(*whose: str) -> tuple[tuple[str, ...], ...]:
    """Return the key paths of payment within the month, of all causes."""
    causes = ("forgot", "short", "cannot", "will_not")
    return tuple(("behaviour", "structural", "paid_in_month", who, cause) for who in whose for cause in causes)


LINE = ("products", "line")
STRUCTURAL = ("behaviour", "structural")
PARAMETERS = (
    Parameter("forget", "forgetfulness", (("segment", ANY, "forget"),), "logit", 0.7),
    Parameter("full_payer", "share who pay in full", (("segment", ANY, "full_payer"),), "logit", 1.0),
    Parameter(
        "revolver_extra", "what revolvers pay beyond the due", (("segment", ANY, "revolver_extra"),), "logit", 1.5
    ),
    Parameter("minimum_share", "the minimum due", ((*LINE, "minimum_share"),), "logit", 0.7),
    Parameter("spending", "spending on the line", (("segment", ANY, "spending"),), "log", 1.0),
    Parameter("buffer", "the buffer", (("segment", ANY, "buffer"),), "log", 1.0),
    Parameter("will_not", "unwillingness", ((*STRUCTURAL, "will_not"),), "logit", 1.5),
    Parameter("paid_late", "payment in the month by those already late", _paid("late"), "logit", 1.5),
    Parameter("paid_current", "payment in the month by those on time before", _paid("current"), "logit", 2.0),
    Parameter(
        "part_payment_holds",
        "the part payment that holds a bucket",
        ((*LINE, "part_payment_holds"),),
        "logit",
        1.5,
        0.5,
    ),
    Parameter("autopay", "enrolment in autopay", (("segment", ANY, "autopay"),), "logit", 1.5),
)


def moved(document: dict, shifts: dict[Parameter, float]) -> dict:
    """Return a copy of the document with each parameter at its shift."""
    document = deepcopy(document)
    for parameter, shift in shifts.items():
        for path in _paths(document, parameter):
            _move(at(document, path), parameter, shift)
    return document


def nodes(document: dict, parameter: Parameter) -> list[tuple[tuple[str, ...], dict]]:
    """Return (key path, node) of the values and distributions that the parameter moves."""
    found: list[tuple[tuple[str, ...], dict]] = []
    for path in _paths(document, parameter):
        node = at(document, path)
        alone = is_value(node) or is_distribution(node)
        found += [(path, node)] if alone else [((*path, key), node[key]) for key in ("by_day_30", "by_day_7")]
    return found


def can_move(document: dict, parameter: Parameter) -> bool:
    """Return whether a shift changes anything: a chance of 0 or 1 for all stays what it is."""
    return moved(document, {parameter: parameter.width}) != document


def value(document: dict, parameter: Parameter) -> float:
    """Return the first number that the parameter moves: of a distribution its mean, median or value."""
    return float(np.mean(next(iter(numbers(nodes(document, parameter)[0][1]).values()))))


def shifted(number: float, parameter: Parameter, shift: float) -> float:
    """Return a number of the parameter's scale after a shift."""
    if parameter.scale == "log":
        return number * float(np.exp(shift))
    return number if number in (0.0, 1.0) else float(expit(logit(number) + shift))


def _paths(document, parameter):
    """Yield the key paths of the parameter, once for each segment where they say so."""
    for path in parameter.paths:
        if ANY in path:
            yield from (tuple(name if key == ANY else key for key in path) for name in document["segment"])
        else:
            yield path


def _move(node, parameter, shift):
    if is_distribution(node):
        set_numbers(node, _moved_distribution(node["distribution"], numbers(node), parameter, shift))
    elif is_value(node):
        start = parameter.start if node["value"] == 0 and parameter.start else node["value"]
        set_numbers(node, {"value": each(start, lambda x: shifted(x, parameter, shift))})
    else:  # paid by day 7 and by day 30: the share of the latter that is early stays
        early, late = node["by_day_7"]["value"], node["by_day_30"]["value"]
        new = shifted(late, parameter, shift)
        set_numbers(node["by_day_30"], {"value": new})
        set_numbers(node["by_day_7"], {"value": early * new / late if late else early})


def _moved_distribution(kind, given, parameter, shift):
    """Return the numbers of a distribution after a shift: all are scaled, or its mean moves as a share does.

    A beta between 0 and 1 keeps its concentration mean (1 - mean) / sd^2 - 1.
    """
    if parameter.scale == "log":
        return {key: each(number, lambda x: shifted(x, parameter, shift)) for key, number in given.items()}
    if kind == "beta":
        low, room = given["min"], given["max"] - given["min"]
        before = (given["mean"] - low) / room
        after = shifted(before, parameter, shift)
        spread = given["sd"] * float(np.sqrt(after * (1 - after) / (before * (1 - before))))
        return {"mean": low + room * after, "sd": spread}
    if kind == "lognormal":  # of a share: its mean or median moves, and what bounds it stays
        key = "mean" if "mean" in given else "median"
        return {key: shifted(given[key], parameter, shift)}
    return {key: each(number, lambda x: shifted(x, parameter, shift)) for key, number in given.items()}

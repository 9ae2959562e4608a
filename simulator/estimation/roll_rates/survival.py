"""Vintage curves: the share of accounts that were ever late or lost by months on book.

Kaplan-Meier for the time to one event; Aalen-Johansen where an account may leave in another way first. Time is in
whole months and an account enters the risk set when it is first watched (left truncation).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from simulator.estimation.intervals import LEVEL
from simulator.estimation.panels.panel import Panel

EVENTS = {"30+": 1, "90+": 3}  # bucket at which it happens; "written_off" is an exit
CENSORED, HAPPENED, COMPETING = 0, 1, 2


class Spells(NamedTuple):
    """How long accounts were watched: at risk in the months entry + 1 .. end."""

    entry: np.ndarray  # int64[account], age in months
    end: np.ndarray  # int64[account], age at which it ended; above entry
    cause: np.ndarray  # int64[account]: CENSORED, HAPPENED or COMPETING
    already: int = 0  # accounts left out: in the event, or gone, when first seen
    unwatched: int = 0  # accounts left out: seen in one month only, or never
    aged: bool = True  # whether ages are months on book; else months since first seen
    unknown: int = 0  # accounts whose age is not known: left out where ages are months on book


@dataclass(frozen=True)
class Curve:
    """A share by age, float64[age] each, from age 0 on; `share` happened by then."""

    age: np.ndarray  # int64
    at_risk: np.ndarray  # int64, in the month that ends at the age
    events: np.ndarray  # int64
    share: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Vintage:
    """One event of one group of accounts."""

    event: str
    spells: Spells
    kaplan_meier: Curve  # had nothing else taken accounts out
    incidence: Curve  # what happened, other exits in the way


def vintage(panel: Panel, event: str, accounts=None, opened=None, level: float = LEVEL) -> Vintage:
    """Return the curves of `event`, "30+", "90+" or "written_off", for `accounts` (rows of the panel; all without).

    `opened` is int64[account of the panel], the month of opening as a position in `panel.months`, negative before the
    tape. Without it the age of accounts that are there in the tape's first month is not known: see `spells`.
    """
    found = spells(panel, event, accounts, opened)
    return Vintage(
        event,
        found,
        kaplan_meier(found.entry, found.end, found.cause == HAPPENED, level),
        aalen_johansen(found.entry, found.end, found.cause, HAPPENED, level),
    )


def spells(panel: Panel, event: str, accounts=None, opened=None) -> Spells:
    """Return how long each account was watched for `event`.

    With `opened`, age is months since then, and accounts older than the tape enter late (left truncation); what they
    did before is not known, so "first" is first on the tape. Without it, if some accounts first appear after the
    tape's first month, they count as opened then and the others, whose age is unknown, are left out; if all are there
    from the first month, age is months since then for all, `aged` is False, and the curve is no vintage curve. A gap
    ends the watch. Raises ValueError for an unknown event.
    """
    if event not in (*EVENTS, "written_off"):
        raise ValueError(f"event {event!r}; there are {', '.join((*EVENTS, 'written_off'))}")
    rows = np.arange(len(panel.state)) if accounts is None else np.asarray(accounts)
    state, bucket = panel.state[rows], panel.bucket[rows]
    there = state >= 0
    first = np.argmax(there, axis=1)
    seen = there.any(axis=1)
    exits = np.array([*(s.is_exit for s in panel.states), False])[state]
    lost = np.array([*(s.bucket == "written_off" for s in panel.states), False])[state]
    happens = lost if event == "written_off" else lost | (~exits & (bucket >= EVENTS[event]))
    gone = exits & ~happens
    ends = happens | gone
    months = np.arange(state.shape[1])
    after = months > first[:, None]
    last = _first(after & ~there, state.shape[1]) - 1  # the last month before a gap
    stop = _first(after & ends, state.shape[1])
    at = np.minimum(stop, last)
    here = stop <= last
    cause = np.where(
        here, np.where(happens[np.arange(len(rows)), np.minimum(stop, len(months) - 1)], HAPPENED, COMPETING), CENSORED
    )
    born, aged, unknown = _opened(rows, first, seen, opened)
    started = seen & ~ends[np.arange(len(rows)), first]
    kept = started & ~unknown & (at > first)
    return Spells(
        (first - born)[kept],
        (at - born)[kept],
        cause[kept],
        int((seen & ~started).sum()),
        int((~seen | (started & ~unknown & (at <= first))).sum()),
        aged,
        int((started & unknown).sum()),
    )


def kaplan_meier(entry, end, happened, level: float = LEVEL) -> Curve:
    """Return 1 - survival by age, with Greenwood's standard error and a log(-log) interval.

    entry, end: int[account], at risk in the months entry + 1 .. end; happened: bool[account]. Sources: Kaplan and
    Meier (1958), JASA 53; Greenwood (1926); Kalbfleisch and Prentice (2002), chapter 1, for the interval.
    """
    at_risk, events = _risk(entry, end, np.asarray(happened).astype(np.int64), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        stays = np.where(at_risk > 0, 1 - events / at_risk, 1.0)
        alive = np.cumprod(stays)
        greenwood = np.cumsum(np.where(events > 0, events / (at_risk * (at_risk - events)), 0.0))
        se = np.where(alive > 0, alive * np.sqrt(greenwood), 0.0)
    return _curve(at_risk, events, 1 - alive, se, level)


def aalen_johansen(entry, end, cause, which: int = HAPPENED, level: float = LEVEL) -> Curve:
    """Return the cumulative incidence of `which` among competing causes, int[account], 0 = still there.

    The variance is the delta-method one (Marubini and Valsecchi 1995, "Analysing survival data", 10.2), which is
    Greenwood's where there is one cause. Source: Aalen and Johansen (1978), Scandinavian Journal of Statistics 5.
    """
    cause = np.asarray(cause)
    at_risk, every = _risk(entry, end, cause > 0, 1)
    _, events = _risk(entry, end, cause, which)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(at_risk > 0, events / at_risk, 0.0)
        alive = np.cumprod(np.where(at_risk > 0, 1 - every / at_risk, 1.0))
        before = np.concatenate([[1.0], alive[:-1]])
        share = np.cumsum(before * hazard)
        ahead = share[:, None] - share[None, :]  # [age, month up to it]: what the incidence gained since
        all_of = np.where(every > 0, every / (at_risk * np.maximum(at_risk - every, 1)), 0.0)
        own = np.where(at_risk > 0, before**2 * events * (at_risk - events) / np.maximum(at_risk, 1) ** 3, 0.0)
        cross = np.where(at_risk > 0, before * events / np.maximum(at_risk, 1) ** 2, 0.0)
    until = np.tril(np.ones((len(share), len(share))))
    variance = (until * (ahead**2 * all_of - 2 * ahead * cross)).sum(axis=1) + np.cumsum(own)
    return _curve(at_risk, events, share, np.sqrt(np.maximum(variance, 0)), level)


def _risk(entry, end, cause, which):
    """Return (at risk, events), int64[age]: in the month that ends at each age."""
    entry, end = np.asarray(entry, dtype=np.int64), np.asarray(end, dtype=np.int64)
    length = int(end.max(initial=0)) + 1
    # an account enters at the age after `entry` and is there up to `end`
    change = np.bincount(entry + 1, minlength=length + 1)[: length + 1] - np.bincount(end + 1, minlength=length + 1)
    return np.cumsum(change)[:length], np.bincount(end[np.asarray(cause) == which], minlength=length)


def _curve(at_risk, events, share, se, level):
    """Return the Curve with an interval on the log(-log) scale of what has not happened, which keeps it within 0..1."""
    z = ndtri(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_rest = np.log1p(-share)
        half = z * se / ((1 - share) * -log_rest)
        inside = (share > 0) & (share < 1)
        low = np.where(inside, -np.expm1(log_rest * np.exp(-half)), share)
        high = np.where(inside, -np.expm1(log_rest * np.exp(half)), share)
    return Curve(np.arange(len(share)), at_risk, events, share, se, low, high)


def _first(flags, nowhere):
    """Return int64[row]: the first column that is true, `nowhere` where none is."""
    return np.where(flags.any(axis=1), np.argmax(flags, axis=1), nowhere)


def _opened(rows, first, seen, opened):
    """Return (month of opening, whether ages are months on book, whose is unknown) of each account."""
    nobody = np.zeros(len(rows), dtype=bool)
    if opened is not None:
        return np.minimum(np.asarray(opened, dtype=np.int64)[rows], first), True, nobody  # seen is opened
    from_start = seen & (first == 0)
    if (seen & ~from_start).any():
        return first, True, from_start
    return first, False, nobody

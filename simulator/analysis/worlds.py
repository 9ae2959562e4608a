"""The same lenders in several worlds: who is the best in each, who in all, and what a world does to a lender."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from simulator.analysis.comparison import NUMBERS, Comparison, Verdict, as_json
from simulator.analysis.estimates import Difference
from simulator.language.catalogue import kept

NAN = float("nan")


@dataclass(frozen=True)
class VerdictInWorlds:
    """Which lender is the best in every world and how sure that is, or why none is named (`winner` None)."""

    winner: str | None
    leader: str | None  # it has the highest net present value in every world, named or not
    probability: float  # at least so sure is it in each world that the leader is the best there
    reason: str
    turned_by: tuple[str, ...]  # worlds in which not the leader of the first leads
    by_world: dict[str, Verdict]


def verdict_in(worlds: Mapping[str, Verdict]) -> VerdictInWorlds:
    """Return the verdict in all worlds, of which the first is that of the file as written.

    Each world is tested at the same level: to be the best in all a lender must be so in each, so the chance that it is
    not is at most the largest of the worlds' (intersection-union test: R. L. Berger, Technometrics 24, 1982).
    """
    verdicts = list(worlds.values())
    leaders = {verdict.leader for verdict in verdicts}
    turned = tuple(name for name, verdict in worlds.items() if verdict.leader != verdicts[0].leader)
    if len(leaders) > 1 or None in leaders:
        same = len({verdict.reason for verdict in verdicts}) == 1 and len(leaders) == 1
        why = verdicts[0].reason if same else kept("it depends on the world")
        return VerdictInWorlds(None, None, NAN, why, turned, dict(worlds))
    leader, sure = verdicts[0].leader, min(verdict.probability for verdict in verdicts)
    unclear = [name for name, verdict in worlds.items() if not verdict.winner]
    if unclear:
        names = ", ".join(unclear)
        why = kept("{leader} leads in every world, not clearly in {names}", leader=leader, names=names)
        return VerdictInWorlds(None, leader, sure, why, (), dict(worlds))
    return VerdictInWorlds(leader, leader, sure, kept("the best in every world"), (), dict(worlds))


def effect(here: Comparison, there: Comparison, measure: str, lender: str, window: str = "whole") -> Difference:
    """Return a lender in one world less the same lender in another, replication by replication: what the world does."""
    return here.effect(there, measure, lender, window)


def result_digest(worlds: Mapping[str, Comparison]) -> str:
    """Return the SHA-256 of every stored number of all worlds; of one world its own."""
    digests = {name: comparison.result_digest for name, comparison in worlds.items()}
    if len(digests) == 1:
        return next(iter(digests.values()))
    return sha256(json.dumps(digests).encode()).hexdigest()


def summary(worlds: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return the contents of summary.json: those of the first world, then all of the others under their names."""
    (_, own), *others = worlds.items()
    told = own.summary()
    if others:
        found = verdict_in({name: comparison.verdict() for name, comparison in worlds.items()})
        told["in_every_world"] = {
            "best": found.winner,
            "leader": found.leader,
            "probability": as_json(found.probability),
            "reason": found.reason,
            "turned_by": list(found.turned_by),
        }
        told["worlds"] = {
            name: {"title": other.frame.title, **other.summary(), "effect": _effects_told(other, own)}
            for name, other in others
        }
    return told


def _effects_told(here, there):
    """Return what a world does to the baseline, headline measure by measure."""
    told = {}
    for name, measure in there.measures.items():
        if measure.headline and name in here.measures:
            d = effect(here, there, name, there.baseline)
            numbers = zip(NUMBERS, (d.value, d.se, d.low, d.high), strict=True)
            told[name] = {each: as_json(x) for each, x in numbers} | {"unit": measure.unit_in(there.frame)}
    return told

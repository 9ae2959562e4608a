"""The structural scenario tied to the tape: its people drawn by their past, its levels those of the roll-rate forecast.

The reference is the scenario of the roll rates, which remembers or has kinds of people, lived at factor 0. What it
writes off and when is the tape's, and so are months and factor; why people pay is the structural fit's.
"""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.tie import Moves, Tied, leaning, lived, tie_of, with_tie
from simulator.estimation.panels.panel import Panel
from simulator.estimation.structural.document import document_of, value_of
from simulator.estimation.structural.people import people
from simulator.model.layout import BUCKETS, CAUSES, LINE, TAPE_PERSON
from simulator.model.observer import Observer
from simulator.policy.registry import kind_of_records
from simulator.run import read_book
from simulator.scenario.reader import load_scenario
from simulator.scenario.resolved import toml
from simulator.scenario.scenario import Scenario

NEVER = "never"
PEOPLE, PEOPLE_MAPPING = "people.parquet", "people.toml"
DIGITS = 5
FEWEST = 20.0  # accounts of a bucket in all lives below which a deeper bucket has no levels of its own
BookIn = Callable[[Path, np.ndarray], None]  # writes PEOPLE and PEOPLE_MAPPING, with int64[account of the panel]


class TiedBook(NamedTuple):
    """The tied scenario, who its people are, and how well its levels are kept."""

    document: dict[str, Any]
    person: np.ndarray  # int64[account of the panel], -1 for who is not in the book
    reference: Moves
    tied: Tied


def tie_to(
    panel: Panel, document: dict, rolls: Path, book_in: BookIn, threads: int, observer: Observer
) -> TiedBook:
    """Return the fitted `document` tied to the scenario file `rolls`; it names PEOPLE and stands beside it."""
    reference = load_scenario(rolls)
    months = reference.baseline.months
    forecast = lived(reference.baseline, read_book(reference).tape, months, threads, observer)
    said = f"calibrated from {panel.facts['file']}, {panel.months[0]} to {panel.months[-1]}"
    own = _of_the_tape(document, reference, forecast, said)
    own["portfolio"] |= {"tape": PEOPLE, "mapping": PEOPLE_MAPPING}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "structural.toml"
        path.write_text(toml(own), encoding="utf-8")
        book_in(path.parent, np.arange(len(panel.state)))  # to see where each account comes to stand
        scenario = load_scenario(path)
        tape = read_book(scenario).tape
        place = tape.values[:, LINE, TAPE_PERSON].astype(np.int64)
        who = people(panel, place, tape.borrowers, scenario.baseline, threads, observer)
        person = np.full(len(panel.state), -1)
        person[place] = who
        own["behaviour"]["structural"]["levels"] = _levels(forecast, said, scenario.baseline.seed)
        path.write_text(toml(own), encoding="utf-8")
        book_in(path.parent, person)
        for _ in range(2):
            scenario = load_scenario(path)
            found = tie_of(scenario, threads, observer)
            m = lived(with_tie(scenario.baseline, found.tie), read_book(scenario).tape, months, threads, observer)
            c = m.causes[6:12].sum(axis=0); c = c[1:] / c[1:].sum(); print("causes", c)
            for segment in own["segment"].values():
                segment["opening"]["causes"] = {n: {"value": float(x)} for n, x in zip(CAUSES[1:], (c/c.sum()).round(4))}
                k = segment["opening"]["causes"]; k["will_not"]["value"] = round(1 - sum(k[n]["value"] for n in CAUSES[1:4]), 4)
            path.write_text(toml(own), encoding="utf-8")
        found = tie_of(load_scenario(path), threads, observer)
    assert found is not None
    return TiedBook(own, person, forecast, found)


def _of_the_tape(document: dict, reference: Scenario, forecast: Moves, said: str) -> dict:
    """Return the document with what the tape says of months, write-offs and the factor, and without a late stage.

    From 90 days on the tape's own shares hold, not a curve of what debts bring. Policies that are off are left out.
    """
    own, theirs, records = deepcopy(document), document_of(reference), kind_of_records("charge_off")
    own["behaviour"].pop("late", None)
    is_on = {name: policy for name, policy in own["policy"].items() if policy.get("enabled", True)}
    own["policy"] = {name: policy for name, policy in is_on.items() if policy["kind"] != records}
    own["policy"] |= {name: policy for name, policy in theirs["policy"].items() if policy["kind"] == records}
    for policy in own["policy"].values():
        if policy["kind"] == records and value_of(policy["at_dpd"]) == NEVER:
            policy["at_dpd"] = _write_off(forecast, said)
    for key in ("months", "run_off_months", "replications"):
        own[key] = theirs[key]
    factor, given = own["economy"]["factor"], theirs["economy"]["factor"]
    for key in ("enabled", "persistence", "correlation"):
        factor[key] = given[key]
    return own


def _write_off(forecast: Moves, said: str) -> dict[str, Any]:
    """Return the days past due of a write-off where the matrix itself writes off: from where most of them come."""
    total = forecast.written_off.sum(axis=0)
    if not total.any():
        return {"value": NEVER, "source": f"{said}: nobody is written off"}
    bucket = min(int(np.argmax(total)) + 1, BUCKETS - 1)
    return {"value": 30 * bucket, "source": f"{said}: the bucket that most write-offs come from, and one more"}


def _levels(forecast: Moves, said: str, seed: int) -> dict[str, Any]:
    """Return the levels that the forecast has, as the tables of a scenario."""
    deep = np.flatnonzero(forecast.there.sum(axis=0) >= FEWEST)
    buckets = max(int(deep[-1]) + 1 if len(deep) else 1, 2)
    forecast = forecast.of_buckets(buckets)
    about = {"source": f"{said}: expected in its scenario of roll rates", "status": "derived"}
    return {
        "worse": {"value": leaning(forecast.worse, forecast.there).round(DIGITS).tolist(), **about},
        "cured": {"value": leaning(forecast.cured, forecast.there)[:, 1:].round(DIGITS).tolist(), **about},
        "late": {"value": forecast.late.round(DIGITS + 1).tolist(), **about},
        "people_seed": seed,
    }

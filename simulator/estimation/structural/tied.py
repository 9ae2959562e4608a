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

from simulator.analysis.tie import TINY, Moves, Tied, leaning, lived, solve, with_tie
from simulator.estimation.panels.panel import Panel
from simulator.estimation.structural.document import document_of, value_of
from simulator.estimation.structural.people import people
from simulator.estimation.structural.settled import settled
from simulator.model.layout import BUCKETS, CAUSES, LINE, TAPE_PERSON
from simulator.model.observer import Observer
from simulator.policy.registry import kind_of_records
from simulator.run import read_book
from simulator.scenario.reader import load_scenario
from simulator.scenario.resolved import toml
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Levels, Settings, Tie
from simulator.tape.tape import Tape

NEVER = "never"
SETTLED = 6  # months after which a book has settled, and over which a push of the factor is seen
FIRST_LOADING, MOST_LOADING = 0.4, 5.0
PEOPLE, PEOPLE_MAPPING = "people.parquet", "people.toml"
DIGITS = 5
FEWEST = 20.0  # accounts of a bucket in all lives below which a deeper bucket has no levels of its own
BookIn = Callable[[Path, np.ndarray], None]  # writes PEOPLE and PEOPLE_MAPPING, with int64[account of the panel]


class TiedBook(NamedTuple):
    """The tied scenario as tables, who its people are, what it is tied to, and how well its levels are kept."""

    document: dict[str, Any]
    person: np.ndarray  # int64[account of the panel], -1 for who is not in the book
    reference: Moves
    tied: Tied


def tie_to(
    panel: Panel, document: dict, rolls: Path, book_in: BookIn, threads: int | None, observer: Observer
) -> TiedBook:
    """Return the fitted `document` tied to the scenario file `rolls`; it names PEOPLE and stands beside it.

    What late accounts at the start missed their dues for, no tape tells: it is what those of the tied book have missed
    them for once it has settled. So it is tied twice.
    """
    reference = load_scenario(rolls)
    months = reference.baseline.months
    forecast = lived(reference.baseline, read_book(reference).tape, months, threads, observer)
    said = f"calibrated from {panel.facts['file']}, {panel.months[0]} to {panel.months[-1]}"
    own, left = settled(_of_the_tape(document, reference, forecast, said), observer)
    own["portfolio"] |= {"tape": PEOPLE, "mapping": PEOPLE_MAPPING}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "structural.toml"

        def read() -> Scenario:
            path.write_text(toml(own), encoding="utf-8")
            return load_scenario(path)

        book_in(path.parent, np.arange(len(panel.state)))  # to see where each account comes to stand
        scenario = read()
        tape = read_book(scenario).tape
        person = _people(panel, tape, scenario.baseline, left, threads, observer)
        book_in(path.parent, person)
        tape = read_book(scenario).tape
        levels = _levels(forecast, said, scenario.baseline.seed)
        own["behaviour"]["structural"]["levels"] = levels
        first = solve(settings := read().baseline, tape, _asked_in(settings), threads, observer)
        for segment in own["segment"].values():
            segment["opening"]["causes"] = _causes(first.seen)
        found = solve(settings := read().baseline, tape, _asked_in(settings), threads, observer)
        levels["loading"] = _loading(reference, settings, found.tie, tape, threads, observer)
    return TiedBook(own, person, forecast, found)


def _asked_in(settings: Settings) -> Levels:
    levels = settings.behaviour.structural.levels
    assert levels is not None
    return levels


def _people(
    panel: Panel, tape: Tape, settings: Settings, left: np.ndarray, threads: int | None, observer: Observer
) -> np.ndarray:
    """Return int64[account of the panel], who holds it, -1 for who is not on the `tape`, whose persons are accounts."""
    account = tape.values[:, LINE, TAPE_PERSON].astype(np.int64)
    has_line = account >= 0
    who = people(panel, np.where(has_line, account, 0), tape.borrowers, settings, left, threads, observer)
    person = np.full(len(panel.state), -1)
    person[account[has_line]] = who[has_line]
    return person


def _causes(seen: Moves) -> dict[str, Any]:
    """Return the causes of accounts that are late at the start: those of the tied book's after half a year."""
    late = seen.causes[SETTLED:, 1:].sum(axis=0)
    shares = (late / max(late.sum(), 1)).round(4)
    shares[-1] = round(1 - float(shares[:-1].sum()), 4)
    about = {"source": f"of this book's late accounts from month {SETTLED + 1} on", "status": "derived"}
    return {name: {"value": float(share), **about} for name, share in zip(CAUSES[1:], shares, strict=True)}


def _loading(reference: Scenario, settings: Settings, tie: Tie, tape: Tape, threads: int | None, observer: Observer):
    """Return the loading, with a range, by which the factor moves 30+ as much as it moves the forecast's.

    Both are pushed by a standard deviation either way in the first month; 30+ is seen over half a year.
    """
    given = reference.baseline.economy.factor

    def answer(of: Settings, book: Tape) -> float:
        seen = [lived(of, book, SETTLED, threads, observer, z).late for z in (-1.0, 1.0)]
        return float(np.log(np.maximum(seen[0], TINY) / np.maximum(seen[1], TINY)).mean())

    asked, loading = answer(reference.baseline, read_book(reference).tape), FIRST_LOADING
    for _ in range(2):
        own = answer(with_tie(settings, tie.model_copy(update={"loading": loading})), tape)
        loading = float(np.clip(loading * asked / own if own > TINY else 0.0, 0.0, MOST_LOADING))
    odds = [rho / (1 - rho) for rho in (given.correlation, *_range(reference))]
    low, high = (round(loading * (odd / odds[0]) ** 0.5, 4) if odds[0] else 0.0 for odd in odds[1:])
    value = round(loading, 4)
    about = {"source": "so that the common factor moves 30+ as it moves the tape's own forecast", "status": "derived"}
    return {"value": value, **about, **({"range": [low, high]} if low < value < high else {})}


def _range(reference: Scenario) -> tuple[float, float]:
    """Return the range of the factor's correlation, its value twice without one."""
    about = reference.provenance.get("economy.factor.correlation")
    value = reference.baseline.economy.factor.correlation
    return tuple(about.range) if about and about.range else (value, value)


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
    for key in ("will_not_loading", "job_loss_loading"):  # the factor moves the tie, and by it reasons as a whole
        factor[key] = 0.0
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

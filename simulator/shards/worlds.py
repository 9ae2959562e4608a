"""Every world of a run by its address: what each lender lives by, as the numbers stand or under a draw of them."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np

from simulator.analysis.ledger import Settlement
from simulator.analysis.score_power import resolved
from simulator.engine.swap_sets import review_differs, swap_set
from simulator.lowering.lower import Lowered, lower
from simulator.model.errors import Problem, UserError
from simulator.model.layout import SUMS_PER_BATCH
from simulator.model.observer import Observer
from simulator.policy.levers import risk_transfers
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.scenario.schema import Settings
from simulator.tape.tape import Tape

OWN, TAKEN_BY_OTHER, TAKEN_ALONE, OTHER_PEOPLE = range(4)  # whose lives: all, its two swap sets, all with other people
Futures = tuple[Lowered, ...]  # of one lender: without and, where there is one, with the run-on
Address = tuple[str, int]  # lender, and whose lives


class Draw(NamedTuple):
    """The lenders under one draw of the numbers in doubt, and how it came about."""

    lenders: dict[str, Settings]  # with a correlation for every Gini
    z: list[float]  # place of each number, standard normal
    refused: list[str]  # keys for which draws before it were not allowed


class Drawing(Protocol):
    """Draws of the lenders, each with an address of its own."""

    count: int

    def __iter__(self) -> Iterator[dict[str, Settings]]:
        """Yield the lenders of each draw, in order, and take note of it."""

    def at(self, k: int) -> Draw:
        """Return draw k."""

    def take(self, k: int, z: list[float], refused: list[str]) -> None:
        """Take note of what draw k was."""


class Worlds:
    """The worlds of a scenario's baseline and of variants of it, lowered."""

    def __init__(
        self,
        scenario: Scenario,
        variants: Mapping[str, Settings],
        run_off: bool,
        tape: Tape | None,
        threads: int | None,
        observer: Observer,
        among: range | None = None,
        swap_sets: bool = True,
        crossed: int = 0,
    ):
        """Lower everything; the arguments are those of `simulator.run.run`, `tape` is what the book starts from."""
        self.futures = (False, True) if run_off and scenario.baseline.run_on_months else (False,)
        self.run_off, self.swap_sets, self.crossed = run_off, swap_sets, crossed
        self._tape, self._among = tape, among
        lenders = {BASELINE: scenario.baseline, **variants}
        self.lenders, self.scores = resolved(scenario, lenders, threads, observer)
        self.own = self._lowered(self.lenders)
        self.against = {name: other for name, other in scenario.against.items() if {name, other} <= {*variants}}
        pairs = {name: self.against.get(name, BASELINE) for name in variants} if swap_sets else {}
        self.swapping = {
            name: other for name, other in pairs.items() if review_differs(self.own[other][0], self.own[name][0])
        }
        self.transferred = {name: tuple(map(transfers_of, world)) for name, world in self.own.items()}
        self.all = self._with_others(self.own, crossed)

    def drawn(self, lenders: Mapping[str, Settings], first: int) -> dict[Address, Futures]:
        """Return every world of the lenders under a draw, that of the replications `first` and the one after.

        Raises UserError if it has other terms of insurance or joint lending: they are settled on all replications.
        """
        own = self._lowered(lenders)
        for name, world in own.items():
            if tuple(map(transfers_of, world)) != self.transferred[name]:
                found = "terms of insurance or joint lending are in doubt, and cannot be drawn"
                raise UserError(Problem(name, found=found, allowed="leave out their range"))
        return self._with_others(own, self.crossed if first < self.crossed else 0)

    def _lowered(self, lenders):
        return {
            name: tuple(
                replications_among(lower(settings, self._tape, self.run_off, run_on), self._among)
                for run_on in self.futures
            )
            for name, settings in lenders.items()
        }

    def _with_others(self, own, crossed) -> dict[Address, Futures]:
        """Return the lenders' own worlds, then those of their swap sets, then those with other people."""
        found = {(name, OWN): world for name, world in own.items()}
        for name, other in self.swapping.items():
            for which, (taker, decliner) in {TAKEN_BY_OTHER: (other, name), TAKEN_ALONE: (name, other)}.items():
                found[name, which] = tuple(map(swap_set, own[taker], own[decliner]))
        if crossed:
            found |= {(name, OTHER_PEOPLE): tuple(map(_crossed(crossed), world)) for name, world in own.items()}
        return found

    @property
    def every_future(self) -> list[Lowered]:
        """Return every world in each future."""
        return list(chain(*self.all.values()))


def _crossed(replications):
    """Return a function that gives a world of so many replications, with the people of the other of each pair."""

    def other(future):
        return future._replace(tables=future.tables._replace(redraw_people=2), replications=replications)

    return other


def replications_among(world: Lowered, among: range | None) -> Lowered:
    """Return the world with the replications `among`, those of the scenario if None; their batches must be whole."""
    if among is None:
        return world
    if among.start % SUMS_PER_BATCH or among.step != 1 or not among:
        raise ValueError(f"replications are counted from a multiple of {SUMS_PER_BATCH}, not {among}")
    return world._replace(first=among.start, replications=len(among))


def transfers_of(world: Lowered) -> tuple:
    """Return the terms of insurance and joint lending that a lender has."""
    return risk_transfers(world.settings.policy.values(), world.context)


def settlement_of(settings: Settings) -> Settlement:
    """Return the prices by which a lender's flows are settled, without insurance and joint lending."""
    units, costs = settings.currency.minor_units, settings.costs
    line = settings.products.line
    return Settlement(
        discount_rate=settings.discount_rate,
        funding_rate=costs.funding_rate,
        merchant_discount=line.merchant_discount if line else 0.0,
        operating_cost=costs.operating_cost * units,
        idle_cost=costs.idle_cost * units,
        acquisition_cost=costs.acquisition_cost * units,
        reminder_cost=costs.reminder_cost * units,
        report_cost=costs.report_cost * units,
    )


def by_pair(each: list[Settlement]) -> Settlement:
    """Return the settlement of all replications, each pair of which has its own: numbers where all have the same."""
    found: dict[str, Any] = {}
    for field in fields(Settlement):
        values = [getattr(one, field.name) for one in each]
        same = all(value == values[0] for value in values)
        found[field.name] = values[0] if same else np.repeat(values, 2).reshape(-1, 1, 1, 1)
    return Settlement(**found)

"""Draws of the numbers that are in doubt: all at once, each with an address of its own."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from math import sqrt

import numpy as np

from simulator.analysis.score_power import resolved
from simulator.decision.assumptions import Doubt, doubts
from simulator.decision.rows_in_doubt import with_rows_drawn
from simulator.lowering.factor import standard_normal
from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT
from simulator.model.philox import group
from simulator.model.random_words import philox_numpy
from simulator.scenario.reader import rewritten
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.scenario.schema import Settings
from simulator.shards.worlds import Draw

TAG = 17  # of the counter's last word; simulations use 1 to 3 (simulator/model/philox.py), estimates 16
MOST_DRAWS, MOST_TRIES = 1 << 20, 200
DRAW_SHIFT = 24  # of the try, in the counter word of the draw


def normals(key: str, seed: int, draws, tries=0) -> np.ndarray:
    """Return float64: the standard normal of a key in each draw, at its so-manieth try (an array or a number each)."""
    digest = sha256(key.encode()).digest()
    first, second = (int.from_bytes(digest[k : k + 4], "little") for k in (0, 4))
    place = np.asarray(draws, dtype=np.uint32) | (np.asarray(tries, dtype=np.uint32) << np.uint32(DRAW_SHIFT))
    found = philox_numpy(place, first, second, group(0, TAG), seed & 0xFFFFFFFF, seed >> 32)
    return standard_normal(found[0], found[1])


def places(doubt: Doubt, seed: int, draws, tries=0) -> np.ndarray:
    """Return float64: the place of a number in each draw, standard normal, with its groups' in it.

    A group has a standard normal of its own, which its numbers share by their correlation with it.
    """
    shares = dict(doubt.about.group)
    own = sqrt(max(1 - sum(share * share for share in shares.values()), 0.0))
    found = own * normals(doubt.key, seed, draws, tries)
    for name, share in shares.items():
        found = found + share * normals(f"group.{name}", seed, draws, tries)
    return found


class Draws:
    """Draws of a scenario's lenders, each yielded once, in order; what a draw was is known when it has been.

    Numbers that the scenario refuses together are drawn again at the next address, all of them.
    """

    def __init__(self, scenario: Scenario, count: int, threads: int | None = None):
        """Raise UserError if nothing is in doubt, or if so many cannot be drawn."""
        self.scenario, self.count, self.threads = scenario, count, threads
        self.doubts, self.left = doubts(scenario)
        if not 2 <= count <= MOST_DRAWS:
            raise UserError(Problem("doubt", found=f"found {count:,} draws", allowed=f"allowed: 2 to {MOST_DRAWS:,}"))
        if not self.doubts:
            wish = "give some a range, as in { value = 0.3, range = [0.2, 0.4] }"
            raise UserError(Problem(str(scenario.path), found="no number is in doubt", allowed=wish))
        self.z = np.full((count, len(self.doubts)), np.nan)  # of each number in each draw
        self.refused: Counter[str] = Counter()  # why draws were drawn again

    def __iter__(self) -> Iterator[dict[str, Settings]]:
        """Yield the lenders of each draw, with a correlation for every Gini; UserError where none can be had."""
        for k in range(self.count):
            draw = self.at(k)
            self.take(k, draw.z, draw.refused)
            yield draw.lenders

    def at(self, k: int) -> Draw:
        """Return draw k; UserError where none can be had."""
        refused: list[str] = []
        for attempt in range(MOST_TRIES):
            z = [float(places(one, self.scenario.baseline.seed, k, attempt)) for one in self.doubts]
            numbers = {one.key: one.at(deviation) for one, deviation in zip(self.doubts, z, strict=True)}
            try:
                drawn = self._here.at(numbers)
                lenders = {BASELINE: drawn.baseline, **{name: drawn.variants[name] for name in self.names}}
                if self._home:  # whose scores these are
                    home, there = self._home
                    same = {key: number for key, number in numbers.items() if key in there}
                    drawn = replace(drawn, written=home.at(same))
                lenders, _ = resolved(drawn, lenders, self.threads, SILENT)
                return Draw({name: self._with_rows(lender, k) for name, lender in lenders.items()}, z, refused)
            except UserError as error:
                refused.append(error.problems[0].key)
        (key, _), *_ = Counter(refused).most_common(1)
        found = f"{MOST_TRIES} draws in turn are not allowed together, most often for {key}"
        raise UserError(Problem(str(self.scenario.path), found=found, allowed="narrower ranges"))

    def take(self, k: int, z: list[float], refused: list[str]) -> None:
        """Take note of what draw k was."""
        self.z[k] = z
        self.refused.update(refused)

    @cached_property
    def _here(self):
        return rewritten(self.scenario)

    @cached_property
    def _home(self):
        """The scenario as written, and what is in doubt there, if this is another of its worlds."""
        written = self.scenario.written
        return (rewritten(written), {one.key for one in doubts(written)[0]}) if written else None

    def _with_rows(self, lender: Settings, draw: int) -> Settings:
        """Return a lender with its roll matrices drawn, where they are in doubt."""
        return with_rows_drawn(lender, lambda key: float(normals(key, lender.seed, draw)))

    @property
    def correlation(self) -> np.ndarray:
        """The correlation of the places of the numbers, float64[number, number], but for draws that were refused."""
        shares = [dict(one.about.group) for one in self.doubts]
        found = np.array([[sum(a[name] * b.get(name, 0.0) for name in a) for b in shares] for a in shares])
        np.fill_diagonal(found, 1.0)
        return found

    @property
    def names(self) -> list[str]:
        """The variants' names."""
        return list(self.scenario.variants)

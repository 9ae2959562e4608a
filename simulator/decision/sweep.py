"""What every lender brings along one number, or all over several: a grid of one, Sobol points of more."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.analysis.ledger import RunFrame
from simulator.decision.answer import Answer, asked_of
from simulator.decision.experiment import Experiment
from simulator.decision.one_at_a_time import Effect, Outcome, check_tornado, one_at_a_time
from simulator.decision.vary import Varied, everything, varied
from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, check_names, names_of
from simulator.model.observer import SILENT, Observer
from simulator.report import phrasing
from simulator.study import ScenarioLike
from simulator.system.arrow_files import write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from simulator.report.paper import Picture

POINTS = 9  # of a number whose N is not said
NUMBERS = ("value", "se", "difference", "difference_se", "low", "high")


class Place(NamedTuple):
    """A point that was lived, and what came of it; without rows, why it is refused."""

    at: tuple[float, ...]  # as `Varied.at` takes them
    rows: list[dict[str, Any]]  # variant, measure, unit and NUMBERS
    refused: str
    clear: frozenset[str]  # the measures by which the best is told apart from every other lender


class Sweep(Answer):
    """All lenders at all points, by every headline measure."""

    def __init__(self, search: "_Search", places: list[Place], tornado: tuple[Outcome, list[Effect]] | None):
        """Take what was lived."""
        words = [word for said in search.said for word in ("--vary", said)] + ["--tornado"] * (tornado is not None)
        super().__init__(search.experiment.scenario, ("sweep", *words), search.remarks)
        self.varied, self.places, self.tornado = search.varied, places, tornado
        self.lenders, self.frame = search.experiment.lenders, search.frame
        self.measures = search.measures

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number: also which points the scenario refuses."""
        refused = [place.refused for place in self.places if place.refused]
        first = [said for said in (phrasing.without_errors(self.frame),) if said]
        if not refused:
            return [*first, *super().cautions]
        said = kept(
            "{count} of {points} points are refused by the scenario, the first: {why}.",
            count=len(refused),
            points=len(self.places),
            why=refused[0],
        )
        return [*first, *super().cautions, said]

    @property
    def table(self) -> "pa.Table":
        """A row for each point, lender and headline measure.

        Columns point (its number), one for each key, variant, measure, value, se, difference (from the baseline),
        difference_se, low, high (its 95 % interval), unit.
        """
        import pyarrow as pa

        keys = [one.key for one in self.varied]
        rows = [
            {"point": number, **dict(zip(keys, self.shown(place), strict=True)), **row}
            for number, place in enumerate(self.places)
            for row in place.rows
        ]
        kinds = {"point": pa.int64(), "variant": pa.string(), "measure": pa.string(), "unit": pa.string()}
        names = ("point", *keys, "variant", "measure", *NUMBERS, "unit")
        return pa.Table.from_pylist(rows, pa.schema([(name, kinds.get(name, pa.float64())) for name in names]))

    def shown(self, place: Place) -> list[float]:
        """Return the numbers that are told of a point, one for each key."""
        return [one.shown(x) for one, x in zip(self.varied, place.at, strict=True)]

    def best(self, measure: str) -> list[str]:
        """Return who has the highest mean at each point, "" where it is refused."""
        return [_best(place.rows, measure) if place.rows else "" for place in self.places]

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences."""
        from simulator.decision import sweep_page

        return sweep_page.answers(self)

    @property
    def drawn(self) -> "Picture | None":
        """The tornado, or the first measure along each number; None where every point is refused."""
        pictures = ["tornado"] * (self.tornado is not None) + self._measured()
        return self.plot(pictures[0]) if pictures else None

    def _measured(self) -> list[str]:
        """Return the measures that can be drawn along the numbers."""
        lived = [place.rows for place in self.places if place.rows]
        return list(dict.fromkeys(row["measure"] for row in lived[0])) if self.varied and lived else []

    def plot(self, picture: str = "npv") -> "Picture":
        """Return a picture: a measure along each number, or "tornado"; UserError if there is no such one."""
        from simulator.decision import sweep_page

        check_names("plot", [picture], [*self._measured(), *["tornado"] * (self.tornado is not None)])
        return (
            sweep_page.tornado(self, sweep_page.tornado_rows(self))
            if picture == "tornado"
            else sweep_page.along(self, [picture])
        )

    def page(self, manifest: dict) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""
        from simulator.decision import sweep_page

        return sweep_page.page(self, manifest)

    def write_numbers(self, folder: Path) -> None:
        """Write the tables into `folder`."""
        import pyarrow as pa

        if self.varied:
            write_table(self.table, folder / "sweep.parquet")
        if self.tornado:
            from simulator.decision import sweep_page

            write_table(pa.Table.from_pylist(sweep_page.tornado_rows(self)), folder / "tornado.parquet")


def sweep(
    scenario: ScenarioLike,
    vary: Sequence[str] | str = (),
    tornado: bool = False,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Sweep:
    """Return what every lender brings at every point of what `vary` says.

    `vary` is "KEY=LOW:HIGH:N", or several: one is a grid of N points; several are Sobol points all over them, as many
    as the largest N, rounded up to a power of two, scrambled with the scenario's seed. `tornado` moves every number
    that has a range to both of its ends. Raises UserError with everything that is wrong, if the scenario refuses every
    point, and for a tornado of a scenario without variants or without a range.
    """
    said = names_of("vary", vary)
    return _Search(scenario, said, threads, SILENT if observer is None else observer).found(tornado)


class _Search:
    """The lives of one sweep."""

    def __init__(self, scenario: ScenarioLike, said: list[str], threads: int | None, observer: Observer):
        loaded, self.remarks = asked_of(scenario)
        self.said, self.threads, self.observer = said, threads, observer
        self.experiment = Experiment(loaded, None, threads)
        problems: list[Problem] = []
        self.varied: list[Varied] = []
        for one in said:
            try:
                self.varied.append(varied(one, self.experiment, POINTS))
            except UserError as error:
                problems += error.problems
        if twice := {one.key for one in self.varied if [other.key for other in self.varied].count(one.key) > 1}:
            problems += [Problem("--vary", key, "is varied twice", "allowed: each key once") for key in sorted(twice)]
        if problems:
            raise UserError(problems)

    def found(self, tornado: bool) -> Sweep:
        """Return what was lived."""
        if not self.varied and not tornado:
            allowed = "--vary KEY=LOW:HIGH:N, or --tornado"
            raise UserError(Problem("--vary", found="nothing is varied", allowed=allowed))
        if tornado:
            check_tornado(self.experiment)
        points = self._points() if self.varied else []
        moved = sum(bool(one.doubt) for one in everything(self.experiment)[0]) if tornado else 0
        self.experiment.announce(1 + len(points) + (1 + 2 * moved if tornado else 0), self.observer)
        home = self.experiment.at({}, threads=self.threads)
        self.frame: RunFrame = home.frame
        self.measures = phrasing.stated(home, phrasing.BOTH)
        places = [self._live(k, at) for k, at in enumerate(points)]
        if self.varied and not any(place.rows for place in places):
            found = f"the scenario refuses {'the' if len(places) == 1 else 'each of the'} {len(places):,} points"
            raise UserError(Problem("--vary", ", ".join(self.said), found, f"the first: {places[0].refused}"))
        effects = one_at_a_time(self.experiment, self.observer) if tornado else None
        return Sweep(self, places, effects)

    def _points(self) -> list[tuple[float, ...]]:
        """Return where to live: a grid of one number, Sobol points of several."""
        if len(self.varied) == 1:
            return [(x,) for x in self.varied[0].points()]
        from scipy.stats.qmc import Sobol

        steps = max(one.steps for one in self.varied)
        seed = self.experiment.scenario.baseline.seed
        cube = Sobol(len(self.varied), scramble=True, rng=seed).random_base2(int(np.ceil(np.log2(steps))))
        low, high = (np.array([getattr(one, end) for one in self.varied]) for end in ("low", "high"))
        return [tuple(map(float, low + u * (high - low))) for u in cube]

    def _live(self, number: int, at: tuple[float, ...]) -> Place:
        """Return a point with what came of it."""
        self.observer.started(f"point {number + 1}")
        try:
            comparison = self.experiment.at(
                {one.key: one.at(x) for one, x in zip(self.varied, at, strict=True)}, threads=self.threads
            )
        except UserError as error:
            return Place(at, [], str(error.problems[0]), frozenset())
        rows = list(_rows(comparison))
        return Place(at, rows, "", frozenset(name for name in self.measures if _is_clear(comparison, rows, name)))


def _rows(comparison: Comparison):
    """Yield what came of a point: lender, measure, unit and NUMBERS, None where a number is not defined."""
    for measure, about in comparison.measures.items():
        if not about.headline or comparison.unstated(measure):
            continue
        for name in comparison.ledgers:
            value, se = comparison.estimate(name, measure)
            d = comparison.difference(name, measure, against=comparison.baseline)
            numbers = (value, se, d.value, d.se, d.low, d.high)
            told = {k: float(x) if np.isfinite(x) else None for k, x in zip(NUMBERS, numbers, strict=True)}
            yield {"variant": name, "measure": measure, "unit": about.unit_in(comparison.frame), **told}


def _best(rows, measure):
    """Return the lender with the highest mean of a measure; one that has none is behind all."""
    told = {row["variant"]: row["value"] for row in rows if row["measure"] == measure}
    return max(told, key=lambda name: -np.inf if told[name] is None else told[name])


def _is_clear(comparison, rows, measure):
    """Return whether the lender with the highest mean is told apart from every other one."""
    best = _best(rows, measure)
    others = [name for name in comparison.ledgers if name != best]
    return all(comparison.difference(best, measure, against=name).is_clear for name in others)

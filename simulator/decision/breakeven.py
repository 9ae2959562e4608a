"""The value of one number at which two lenders are equal by a measure, with its interval, or why there is none."""

from functools import reduce
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.analysis.estimates import MEAN
from simulator.analysis.measures import MEASURES
from simulator.decision.answer import Answer, asked_of
from simulator.decision.crossing import NONE, Crossing, Curve, is_same, seek, seek_whole
from simulator.decision.experiment import Experiment
from simulator.decision.vary import Varied, on_its_own, varied, whole_numbers
from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, check_kind, check_names
from simulator.model.observer import SILENT, Observer
from simulator.report import phrasing
from simulator.scenario.scenario import BASELINE
from simulator.study import ScenarioLike
from simulator.system.folders import write_json

if TYPE_CHECKING:
    import pyarrow as pa

    from simulator.report.paper import Picture


FAR = 10.0  # times what was searched: farther off no line is followed
SOUGHT = 4  # further values that are lived, about, until the place is found
ASIDE = 0.382  # of the way: not the middle, where roundings of both ends may cancel and a bent line looks straight


class Breakeven(Answer):
    """Where a lender's lead over another is nothing, along one number."""

    def __init__(self, search: "_Search", found: Crossing, why: str):
        """Take the place, and why there is none."""
        asked = {"vary": search.said, "measure": search.measure, "variant": search.variant, "against": search.against}
        words = [word for option, given in asked.items() for word in (f"--{option}", given)]
        super().__init__(search.experiment.scenario, ("breakeven", *words), search.remarks)
        self.varied, self.measure, self.variant, self.against = (
            search.varied,
            search.measure,
            search.variant,
            search.against,
        )
        self.curve, self.found, self.why, self.frame = search.curve, found, why, search.frame
        self.is_straight = search.is_straight

    @property
    def exists(self) -> bool:
        """Whether there is such a value in what was searched."""
        return self.found.at is not None

    @property
    def moves(self) -> bool:
        """Whether the number moves the difference at all: in any replication, between any of the values lived."""
        first, *others = self.curve.points.values()
        return not all(is_same(first, other) for other in others)

    @property
    def value(self) -> float | None:
        """The value, None if there is none; of a whole number the first at which the sign is another."""
        return self._shown(self.found.at)

    @property
    def low(self) -> float | None:
        """Lower end of its 95 % interval; None where the data cannot tell down to the end of what was searched."""
        return self._ends[0]

    @property
    def high(self) -> float | None:
        """Upper end of its 95 % interval; None where the data cannot tell up to the end of what was searched."""
        return self._ends[1]

    @property
    def _ends(self):
        low, high = self._shown(self.found.low), self._shown(self.found.high)
        return (low, high) if self.varied.shown(self.varied.low) <= self.varied.shown(self.varied.high) else (high, low)

    def _shown(self, x):
        return None if x is None else self.varied.shown(x)

    @property
    def content(self) -> dict[str, Any]:
        """What breakeven.json holds."""
        one = self.varied
        return {
            "key": one.key,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "unit": one.shown_unit,
            "exists": self.exists,
            "moves": self.moves,
            "why": self.why,
            "now": one.shown(one.middle),
            "searched": [one.shown(one.low), one.shown(one.high)],
            "measure": self.measure,
            "variant": self.variant,
            "against": self.against,
            "linear": self.is_straight,
            "converged": self.found.is_exact,
            "points": self.table.to_pylist(),
        }

    @property
    def table(self) -> "pa.Table":
        """A row for each value that was lived: `difference` of the variant less the other, its error and interval."""
        import pyarrow as pa

        rows = []
        for x in sorted(self.curve.points):
            mean = self.curve.mean(x)
            numbers = (float(one) if np.isfinite(one) else None for one in mean)
            rows.append(
                {"value": self.varied.shown(x), **dict(zip(("difference", "se", "low", "high"), numbers, strict=True))}
            )
        names = ("value", "difference", "se", "low", "high")
        return pa.Table.from_pylist(rows, pa.schema([(name, pa.float64()) for name in names]))

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences."""
        from simulator.decision import breakeven_page

        return breakeven_page.answers(self)

    def plot(self) -> "Picture":
        """Return the picture of the difference along the number."""
        from simulator.decision import breakeven_page

        return breakeven_page.curve(self)

    @property
    def drawn(self) -> "Picture":
        """The difference along the number."""
        return self.plot()

    def page(self, manifest: dict) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""
        from simulator.decision import breakeven_page

        return breakeven_page.page(self, manifest)

    def write_numbers(self, folder: Path) -> None:
        """Write what was found into `folder`."""
        write_json(folder / "breakeven.json", self.content)


def breakeven(
    scenario: ScenarioLike,
    vary: str,
    variant: str,
    measure: str = "npv",
    against: str | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Breakeven:
    """Return the value of a number at which `variant` and `against` (what it is compared with) have the same mean.

    `vary` is a key, which is moved within its range or between half and twice its value, or "KEY=LOW:HIGH". Where every
    replication lies on a line, three points tell all; else the root is sought, in MOST_LIVES lives at most. Raises
    UserError with everything that is wrong.
    """
    check_kind("vary", vary, str, 'text such as "KEY" or "KEY=LOW:HIGH"')
    check_kind("variant", variant, str, "the name of a variant")
    check_kind("measure", measure, str, "the name of a measure")
    return _Search(scenario, vary, variant, measure, against, threads, SILENT if observer is None else observer).found()


class _Search:
    """The search of one break-even."""

    def __init__(
        self,
        scenario: ScenarioLike,
        vary: str,
        variant: str,
        measure: str,
        against: str | None,
        threads: int | None,
        observer: Observer,
    ):
        loaded, self.remarks = asked_of(scenario)
        lenders = ["baseline", *loaded.variants]
        check_names("--variant", [variant], lenders)
        self.variant, self.measure, self.said = variant, measure, vary
        self.against = loaded.against.get(variant, "baseline") if against is None else against
        check_names("--against", [self.against], lenders)
        if self.variant == self.against:
            said = ("--variant", "what it is compared with") if against is None else ("--against", "the variant itself")
            other = "name another with --against" if against is None else "another lender"
            raise UserError(Problem(said[0], variant, said[1], f"allowed: {other}"))
        check_names("--measure", [measure], MEASURES)
        if MEASURES[measure].statistic is not MEAN:
            raise UserError(
                Problem("--measure", measure, "is no mean of replications", "allowed: measures that are one")
            )
        self.experiment = Experiment(loaded, [variant, self.against], threads)
        self.varied: Varied = varied(vary, self.experiment) if "=" in vary else on_its_own(vary, self.experiment)
        self.places = self._places()
        self.threads, self.observer, self.is_straight = threads, observer, False
        self.curve = Curve(self.varied.middle, np.zeros(0))

    def found(self) -> Breakeven:
        """Return what was found."""
        one = self.varied
        self.experiment.announce(1 + len(self.places) + SOUGHT, self.observer)
        at_home = self.experiment.at({}, threads=self.threads)
        self.frame = at_home.frame
        known = self.measure in at_home.measures
        if why := at_home.unstated(self.measure) if known else "this run has no such measure":
            raise UserError(Problem("--measure", self.measure, why, "allowed: a measure that the run states"))
        for x in self.places:
            self.curve.add(x, self._live(x))
        self.is_straight = self.curve.is_straight()
        found = self._whole() if one.is_whole else seek(self.curve, self._live)
        return Breakeven(self, found, "" if found.at is not None else self._why())

    def _places(self) -> list[float]:
        """Return what is lived first; UserError if the field takes fewer than two of the whole numbers asked about."""
        one = self.varied
        if not one.is_whole:
            return [one.low, one.low + ASIDE * (one.high - one.low), one.high]
        allowed = whole_numbers(one, self.experiment, ceil(one.low) - 1, floor(one.high))
        if len(allowed) < 2:
            between = f"between {one.low:g} and {one.high:g}"
            found = (
                f"{allowed[0]} is the only value that is allowed {between}"
                if allowed
                else f"no value is allowed {between}"
            )
            raise UserError(Problem("--vary", self.said, found, "allowed: a range that holds two values it can have"))
        return [float(allowed[0]), float(allowed[-1])]

    def _live(self, x):
        """Return float64[replication]: the difference at a place, with what the number then is told."""
        self.observer.started(f"{self.varied.key} at {self.varied.shown(x):g}")
        values = self.experiment.values(self.measure, {self.varied.key: self.varied.at(x)}, threads=self.threads)
        lenders = self.experiment.lenders
        return values[:, lenders.index(self.variant)] - values[:, lenders.index(self.against)]

    def _whole(self):
        """Return the first whole number of another sign than the one before it."""
        bracket = self.curve.bracket()
        if bracket is None:
            return NONE
        start, stop = (
            bracket if abs(bracket[0] - self.curve.home) < abs(bracket[1] - self.curve.home) else bracket[::-1]
        )

        def value(n):
            if float(n) not in self.curve.points:
                self.curve.add(float(n), self._live(float(n)))
            return self.curve.value(float(n))

        way = whole_numbers(self.varied, self.experiment, start, stop)
        at = float(seek_whole(value, way, self.curve.value(start)))
        return Crossing(at, *self.curve.bounds(at, *sorted(bracket)), True)

    def _why(self):
        """Say why there is no break-even: who is ahead all along, where that is within chance, where they are equal."""
        means = {x: self.curve.mean(x) for x in sorted(self.curve.points)}
        values = [mean.value for mean in means.values()]
        if not any(values):
            return kept(
                "{one} and {other} are equal at every value",
                one=self._called(self.variant),
                other=self._called(self.against),
            )
        ahead, behind = (self.variant, self.against) if max(values) > 0 else (self.against, self.variant)
        equal = [x for x, mean in means.items() if mean.value == 0]
        unclear = [x for x, mean in means.items() if mean.value and mean.low <= 0 <= mean.high]
        slots = {"ahead": self._called(ahead), "behind": self._called(behind)}
        if unclear and len(unclear) == len(self.curve.points):
            said = [kept("{ahead} is not clearly ahead of {behind}: within chance at every value lived", **slots)]
        elif unclear:
            at = self._listed(unclear)
            said = [kept("{ahead} is not clearly ahead of {behind}: within chance at {at}", **slots, at=at)]
        elif equal:
            said = [kept("{ahead} is ahead of {behind} at every other value lived", **slots)]
        else:
            said = [kept("{ahead} is ahead of {behind} at every value lived", **slots)]
        if equal:
            said.append(kept("equal at {at}", at=self._listed(equal)))
        if self.is_straight and (far := self._beyond(list(means.values()))) is not None:
            said.append(kept("their line meets 0 outside, at {far}", far=f"{far:.6g}"))
        if self.frame.replications == 1:
            said.append(kept("one replication has no error: it may be chance"))
        return reduce(lambda some, other: kept("{some}; {other}", some=some, other=other), said)

    def _called(self, lender):
        """Return what a lender is called in a sentence that is kept: its title, or that it is the baseline."""
        return kept("baseline") if lender == BASELINE else phrasing.named(lender, self.frame)

    def _listed(self, places):
        """Return "0.1, 0.3"."""
        return ", ".join(f"{self.varied.shown(x):.4g}" for x in places)

    def _beyond(self, means):
        """Return where a straight line meets 0 outside of what was searched, None if never, or too far off to tell."""
        places = sorted(self.curve.points)
        slope = (means[-1].value - means[0].value) / (places[-1] - places[0])
        at = places[0] - means[0].value / slope if slope else None
        if at is None or self.varied.doubt or max(places[0] - at, at - places[-1]) > FAR * (places[-1] - places[0]):
            return None
        return at

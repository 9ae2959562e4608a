"""What would have to be otherwise for another lender to be best: for every number, the value at which that turns.

Every number is moved to both ends of what it may be, all others as they stand, with few replications; where another
lender is best there, the place on the way at which it overtakes is sought, with more. What the lenders bring where
nothing is moved is known from all replications: only what a move changes rests on few.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.decision.answer import Answer, asked_of, home, together
from simulator.decision.crossing import Curve, is_same, mean_beside, seek_whole
from simulator.decision.experiment import Experiment
from simulator.decision.vary import Varied, everything, on_its_own, whole_numbers
from simulator.language.catalogue import kept, noted
from simulator.model.errors import Problem, UserError, check_names, names_of
from simulator.model.observer import SILENT, Observer, Part
from simulator.report import phrasing
from simulator.report.told import write_told
from simulator.study import ScenarioLike
from simulator.system.arrow_files import write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from simulator.report.paper import Picture

BORROWERS, REPLICATIONS = 2_000, 40  # at most, unless asked for: minutes and not hours for hundreds of numbers
FEW, SOME = 1, 8  # replications of the screen, and of the search for the place
NEAREST = 20  # places that are sought; those farther off are told as the screen has them
PLACES = 3  # at which a turn is lived while it is sought, about
FIRST = 3  # by each measure: those that are told first, which are sought however many were denied before
SURELY = 3.0  # times what one end moves a lead: the other end is not lived if that would not turn it
HALVINGS = 6  # of the way to an end that the scenario refuses
NEAR = 0.05  # of the way: a place that is nearer to where it was lived is not lived again
MAP = 7  # points of each number of a two-way map


SPARED = noted("not lived at its low end: at the high one no lead moved by a third of what turns it")
STILL = noted("moves nothing: where it was lived, every lender brings exactly what it brings now")
ENDS = {"low": noted("low end: {why}"), "high": noted("high end: {why}")}
AT_END = {"low": noted("its value is its low end already"), "high": noted("its value is its high end already")}


class Flip(NamedTuple):
    """Where another lender becomes best: the nearest place on one side of a number's value, by one horizon."""

    varied: Varied
    measure: str
    at: float  # as `Varied.at` takes it; of a whole number the first at which the other is best
    low: float | None  # 95 % interval; None where the data cannot tell up to the value now, or to the end searched
    high: float | None
    from_best: str
    to_best: str
    replications: int  # in which a place near it was lived, beside all those where nothing is moved

    @property
    def distance(self) -> float:
        """How far from the value now: standard deviations of its range, or else as a share of the value."""
        return self.varied.distance(self.at)

    @property
    def rises(self) -> bool:
        """Whether the place lies above the value now."""
        return self.at > self.varied.middle

    @property
    def is_sure(self) -> bool:
        """Whether the choice has surely turned before the end of what was searched: there the interval is closed."""
        return (self.high if self.rises else self.low) is not None


class Screened(NamedTuple):
    """What became of a number: the ends that were lived, and where they are refused or were not needed, why."""

    varied: Varied
    ends: dict[str, float]  # "low", "high": the place lived
    leads: dict[str, np.ndarray]  # by end, float64[measure, lender]: by how much each leads the best of before
    notes: list[str]

    @property
    def is_spared(self) -> bool:
        """Whether one end was not lived, since the other moved so little."""
        return SPARED in self.notes

    @property
    def is_still(self) -> bool:
        """Whether it moves nothing that any lender brings."""
        return STILL in self.notes


class Map(NamedTuple):
    """Who is best where two numbers are moved together, by each measure."""

    first: Varied
    second: Varied
    xs: list[float]
    ys: list[float]
    best: dict[str, list[list[str]]]  # by measure, [y][x]; "" where the scenario refuses the pair


class Flips(Answer):
    """The numbers of a scenario by what it takes to turn the choice between its lenders, the nearest first."""

    def __init__(self, search: "_Search", flips: list[Flip], screened: list[Screened], maps: list[Map]):
        """Take what was found."""
        words = ["flips"]
        if search.between:
            words += ["--between", *search.between]
        words += [word for key in search.keys for word in ("--key", key)]
        for one in maps:
            words += ["--map", f"{one.first.key},{one.second.key}"]
        super().__init__(search.experiment.scenario, tuple(words), search.remarks)
        self.comparison, self.lenders, self.best = search.comparison, search.lenders, search.best
        self.flips, self.screened, self.maps, self.left = flips, screened, maps, search.left
        self.keys = search.keys

    @property
    def measures(self) -> list[str]:
        """The measures by which a lender is best: its value by each horizon."""
        return list(self.best)

    @property
    def first(self) -> dict[str, list[Flip]]:
        """The FIRST flips by each measure: the nearest of those that are sure, then of those that may be none.

        Of a number that may turn the choice to the same lender either way, only the nearer place is among them.
        """
        return {measure: self._first([flip for flip in self.flips if flip.measure == measure]) for measure in self.best}

    def _first(self, flips):
        sure = [flip for flip in flips if flip.is_sure]
        unsure: dict[tuple[str, str], Flip] = {}
        for flip in flips:
            if not flip.is_sure:
                unsure.setdefault((flip.varied.key, flip.to_best), flip)
        return [*sure, *unsure.values()][:FIRST]

    def is_either_way(self, flip: Flip) -> bool:
        """Return whether the data cannot tell if a number must fall or rise for that lender to become best."""
        return not flip.is_sure and any(
            other.rises != flip.rises and not other.is_sure
            for other in self.flips
            if (other.varied.key, other.measure, other.to_best) == (flip.varied.key, flip.measure, flip.to_best)
        )

    @property
    def table(self) -> "pa.Table":
        """A row for each number, measure and side at which another lender becomes best, the nearest first.

        Columns key, measure, base, flips_at, low, high (95 % interval, null where open), unit, from_best, to_best,
        distance, in (what distance is in), sure (whether the interval ends before what was searched does: else it
        may be no flip), replications. A list of numbers is told by what multiplies it.
        """
        import pyarrow as pa

        def shown(flip, x):
            return None if x is None else flip.varied.shown(x)

        rows = [
            {
                "key": flip.varied.key,
                "measure": flip.measure,
                "base": flip.varied.shown(flip.varied.middle),
                "flips_at": shown(flip, flip.at),
                "low": shown(flip, flip.low),
                "high": shown(flip, flip.high),
                "unit": flip.varied.shown_unit,
                "from_best": flip.from_best,
                "to_best": flip.to_best,
                "distance": flip.distance,
                "in": "standard deviations" if flip.varied.doubt else "share of the value",
                "sure": flip.is_sure,
                "replications": flip.replications,
            }
            for flip in self.flips
        ]
        names = ("key", "measure", "unit", "from_best", "to_best", "in")
        order = ("key", "measure", "base", "flips_at", "low", "high", "unit", "from_best", "to_best", "distance", "in")
        kinds = [(name, pa.string() if name in names else pa.float64()) for name in order]
        return pa.Table.from_pylist(rows, pa.schema([*kinds, ("sure", pa.bool_()), ("replications", pa.int64())]))

    @property
    def screen(self) -> "pa.Table":
        """A row for each number that was moved, and each that was not: between what, whether anything turns, notes."""
        import pyarrow as pa

        turning = {flip.varied.key for flip in self.flips}
        rows = [
            {
                "key": one.varied.key,
                "base": one.varied.shown(one.varied.middle),
                "low": one.varied.shown(one.ends["low"]) if "low" in one.ends else None,
                "high": one.varied.shown(one.ends["high"]) if "high" in one.ends else None,
                "unit": one.varied.shown_unit,
                "has_range": one.varied.doubt is not None,
                "turns": one.varied.key in turning,
                "note": "; ".join(one.notes),
            }
            for one in self.screened
        ]
        rows += [{"key": key, "note": why, "turns": False} for key, why in self.left.items()]
        kinds = {"key": pa.string(), "unit": pa.string(), "note": pa.string()}
        kinds |= {"has_range": pa.bool_(), "turns": pa.bool_()}
        order = ("key", "base", "low", "high", "unit", "has_range", "turns", "note")
        return pa.Table.from_pylist(rows, pa.schema([(name, kinds.get(name, pa.float64())) for name in order]))

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences."""
        from simulator.decision import flips_page

        return flips_page.answers(self)

    def plot(self, picture: str = "nearest") -> "Picture":
        """Return a picture: "nearest", or "KEY1 KEY2" for the map of two numbers; UserError if there is no such one."""
        from simulator.decision import flips_page

        mapped = {f"{one.first.key} {one.second.key}": one for one in self.maps}
        check_names("plot", [picture], ["nearest", *mapped])
        return flips_page.map_of(self, mapped[picture]) if picture in mapped else flips_page.nearest(self)

    @property
    def drawn(self) -> "Picture":
        """The nearest places at which another lender is best."""
        return self.plot()

    def page(self, manifest: dict) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""
        from simulator.decision import flips_page

        return flips_page.told(self).page(manifest)

    def write_numbers(self, folder: Path) -> None:
        """Write the tables into `folder`, and the page as it is told in every language."""

        from simulator.decision import flips_page

        write_table(self.table, folder / "flips.parquet")
        write_table(self.screen, folder / "screened.parquet")
        write_told(folder, lambda: flips_page.told(self))


def flips(
    scenario: ScenarioLike,
    between: Collection[str] | None = None,
    maps: Iterable[Sequence[str]] = (),
    keys: Collection[str] | None = None,
    threads: int | None = None,
    observer: Observer | None = None,
) -> Flips:
    """Return for every number of a scenario the value at which another lender becomes best, if any does.

    `between` are two lenders or more, all if None. `keys` are the numbers to be moved, every one if None; `maps` pairs
    of keys to be moved together. The best is that by net present value, and by that with the run-on if there is one. A
    scenario of more than BORROWERS or REPLICATIONS is lived with so many, unless its sizes were given when it was
    loaded. Raises UserError with everything that is wrong.
    """
    between = None if between is None else names_of("between", between)
    keys = None if keys is None else names_of("keys", keys)
    return _Search(scenario, between, maps, keys, threads, SILENT if observer is None else observer).found()


class _Turn(NamedTuple):
    """What the screen has found: on the way of a number to an end, which lender is the first to overtake."""

    number: Screened
    end: str
    k: int  # the measure's place
    rival: int  # the lender's place
    guess: float  # where


class _Search:
    """The search of one scenario's flips."""

    def __init__(self, scenario, between, maps, keys, threads, observer):
        loaded, self.remarks = asked_of(scenario, BORROWERS, REPLICATIONS)
        self.between = list(between or ())
        if self.between:
            check_names("--between", self.between, ["baseline", *loaded.variants])
        self.threads, self.observer = threads, observer
        self.experiment = Experiment(loaded, self.between or None, threads)
        self.lenders = self.between or self.experiment.lenders
        if len(set(self.lenders)) < 2:
            allowed = "a scenario with a [variant], two lenders between which to choose"
            raise UserError(Problem(str(loaded.path), found="nothing to choose between", allowed=allowed))
        self.keys = list(keys or ())
        self.left: dict[str, str] = {}
        if self.keys:
            self.varied = [on_its_own(key, self.experiment, "--key") for key in self.keys]
        else:
            self.varied, self.left = everything(self.experiment)
        maps = [list(pair) for pair in maps]
        if wrong := [pair for pair in maps if len(pair) != 2 or pair[0] == pair[1]]:
            found = ["not two numbers" if len(pair) != 2 else "the same number twice" for pair in wrong]
            raise UserError(
                [
                    Problem("--map", ",".join(pair), why, "allowed: KEY1,KEY2")
                    for pair, why in zip(wrong, found, strict=True)
                ]
            )
        self.pairs = [tuple(on_its_own(key, self.experiment, "--map") for key in pair) for pair in maps]
        self.few = range(min(FEW, loaded.baseline.replications))
        self.some = range(min(SOME, loaded.baseline.replications))

    def found(self) -> Flips:
        """Return what was found."""
        asked = self.experiment.scenario.baseline.replications
        moved, sought = 2 * len(self.varied) + MAP**2 * len(self.pairs), PLACES * NEAREST
        lives = 1 + (moved * len(self.few) + sought * len(self.some)) / asked
        self.experiment.announce(lives, self.observer, self.lenders, moved + sought)
        self.observer.started("living every lender as the scenario stands")
        self.comparison = home(self.experiment.scenario, self.lenders, self.threads, Part(self.observer))
        measures = phrasing.stated(self.comparison, phrasing.BOTH)
        if not measures:
            raise UserError(
                Problem(str(self.experiment.scenario.path), "run_off_months", "0", "net present value needs a run-off")
            )
        self.long = np.array(
            [[self.comparison.samples(name, measure) for name in self.lenders] for measure in measures]
        ).swapaxes(1, 2)
        self.places = np.argmax(self.long.mean(axis=1), axis=1)  # of the best, by measure
        self.best = {m: self.lenders[k] for m, k in zip(measures, self.places, strict=True)}
        self.unmoved = self.experiment.several(measures, {}, self.few, self.lenders, self.threads)
        self.experiment.several(measures, {}, self.some, self.lenders, self.threads)
        self.observer.started("moving every number")
        self.work = len(self.varied)
        screened = together(self._screen, self.varied, self.threads)
        turns = [
            turn
            for one in screened
            for end in one.ends
            for k in range(len(measures))
            if (turn := self._turn(one, end, k))
        ]
        turns.sort(key=lambda turn: turn.number.varied.distance(turn.guess))
        self.observer.started("seeking the places where the best turns")
        flips = self._sought(turns)
        self.observer.started("mapping pairs of numbers")
        maps = [self._map(*pair) for pair in self.pairs]
        return Flips(self, flips, screened, maps)

    # ---- the screen ------------------------------------------------------------------------------
    def _screen(self, varied: Varied) -> Screened:
        """Live a number at its ends, the low one only where SURELY times what the high one moves may turn the best.

        A number that moves nothing at its high end is lived at both: then it is known to move nothing.
        """
        found = Screened(varied, {}, {}, [])
        moved, is_still = 0.0, True
        for end, x in (("high", varied.high), ("low", varied.low)):
            if end == "low" and "high" in found.ends and 0 < moved < 1 / SURELY:
                found.notes.append(SPARED)
                continue
            if x == varied.middle:
                found.notes.append(AT_END[end])
                continue
            place, values, refused = self._nearest(varied, x)
            if refused:
                found.notes.append(kept(ENDS[end], why=refused))
            if values is None:
                continue
            found.ends[end] = place
            found.leads[end] = self._leads(values)
            moved = self._moved(found.leads[end])
            is_still &= is_same(values, self.unmoved)
        if found.ends and is_still:
            found.notes.append(STILL)
        self.observer.advanced(varied.key, 1, self.work)
        return found

    def _leads(self, values):
        """Return float64[measure, lender]: by how much each leads the best at home, of values of few lives."""
        return np.array(
            [
                [mean_beside(few[:, r] - few[:, b], many[:, r] - many[:, b]).value for r in range(len(self.lenders))]
                for few, many, b in zip(values, self.long, self.places, strict=True)
            ]
        )

    def _moved(self, leads):
        """Return the largest change of a lead, as a share of what it takes to turn it."""
        there = self._leads(self.long)
        return float(np.max(np.abs(leads - there)[there < 0] / -there[there < 0], initial=0.0))

    def _turn(self, one, end, k):
        """Return the turn on the way to an end, by measure k, of the rival that is the first to overtake, if any is."""
        there, now = self._leads(self.long)[k], one.leads[end][k]
        ahead = np.flatnonzero(now > 0)
        if not len(ahead):
            return None
        share = -there[ahead] / (now[ahead] - there[ahead])  # of the way to the end
        first = int(np.argmin(share))
        start = one.varied.middle
        return _Turn(one, end, k, int(ahead[first]), start + (one.ends[end] - start) * float(share[first]))

    def _nearest(self, varied, x):
        """Return (place, values, why not further): lived at `x`, or as near to it as the scenario allows."""
        measures = list(self.best)
        try:
            return x, self._live(varied, x, measures), ""
        except UserError as error:
            why = error.problems[0]
        said = {"key": why.key, "found": why.found or why.allowed, "allowed": why.allowed}
        both = why.found and why.allowed
        refused = kept("refused: {key}: {found}; {allowed}" if both else "refused: {key}: {found}", **said)
        place = self._allowed(varied, x)
        return (None, None, refused) if place is None else (place, self._live(varied, place, measures), refused)

    def _allowed(self, varied, x):
        """Return the place nearest to `x`, on the way from home, that the scenario allows; None if there is none."""
        if varied.is_whole:
            way = whole_numbers(varied, self.experiment, varied.middle, x)
            return next((float(n) for n in reversed(way) if self._is_allowed(varied, n)), None)
        good, bad = varied.middle, x
        for _ in range(HALVINGS):
            half = (good + bad) / 2
            good, bad = (half, bad) if self._is_allowed(varied, half) else (good, half)
        return None if good == varied.middle else good

    def _is_allowed(self, varied, x):
        try:
            self.experiment.scenario_at({varied.key: varied.at(x)})
        except UserError:
            return False
        return True

    def _live(self, varied, x, measures, among=None, lenders=None):
        return self.experiment.several(
            measures, {varied.key: varied.at(x)}, among or self.few, lenders or self.lenders, 1
        )

    # ---- the place -------------------------------------------------------------------------------
    def _sought(self, turns: list[_Turn]) -> list[Flip]:
        """Return where the best turns, the nearest first, of turns in the order of their guesses.

        More lives deny some and move others away: it is sought on until the FIRST by each measure are no guesses.
        """
        flips: list[Flip] = []
        due, left = turns[:NEAREST], turns[NEAREST:]
        while due:
            self.work = len(due)
            flips += [flip for flip in together(self._flip, due, self.threads) if flip]
            due = [turn for k in range(len(self.best)) for turn in self._nearer(flips, left, k)]
            left = [turn for turn in left if not any(turn is other for other in due)]
        flips += [self._as_screened(turn) for turn in left]
        return sorted(flips, key=attrgetter("distance"))

    def _nearer(self, flips, left, k):
        """Return those of the turns that are left by measure k whose guess lies before the last of the FIRST flips."""
        found = sorted(flip.distance for flip in flips if flip.measure == list(self.best)[k])[:FIRST]
        limit = found[-1] if len(found) == FIRST else inf
        return [turn for turn in left if turn.k == k and turn.number.varied.distance(turn.guess) < limit][:FIRST]

    def _flip(self, turn) -> Flip | None:
        """Return where the best turns between home and an end at which another is, None if more lives deny it."""
        one, end, k, r, guess = turn
        varied, limit, measure, b = one.varied, one.ends[end], list(self.best)[k], int(self.places[k])
        best, rival = self.lenders[b], self.lenders[r]
        pair = [name for name in self.lenders if name in (best, rival)]
        long = self.long[k][:, r] - self.long[k][:, b]

        def live(x):
            values = self._live(varied, x, [measure], self.some, pair)[0]
            return values[:, pair.index(rival)] - values[:, pair.index(best)]

        curve = Curve(varied.middle, long)
        curve.add(varied.middle, long[: len(self.some)])
        found = self._whole(varied, limit, curve, live) if varied.is_whole else _place(curve, live, limit, guess)
        self.observer.advanced(varied.key, 1, self.work)
        if found is None:
            fades = noted("{rival} ahead of {best} by {measure} there, but not with more replications")
            one.notes.append(kept(ENDS[end], why=kept(fades, rival=rival, best=best, measure=measure)))
            return None
        limits = sorted((varied.middle, limit))
        for place in curve.bounds(found, *limits) if not varied.is_whole else ():
            if place is not None and place not in curve.points:  # a line between far places would misplace it
                curve.add(place, live(place))
        return Flip(varied, measure, found, *curve.bounds(found, *limits), best, rival, len(self.some))

    def _as_screened(self, turn) -> Flip:
        """Return where the screen has a turn, with no interval."""
        best, rival = self.lenders[int(self.places[turn.k])], self.lenders[turn.rival]
        varied, at = turn.number.varied, turn.guess
        if varied.is_whole:  # the first one there or beyond
            way = whole_numbers(varied, self.experiment, varied.middle, turn.number.ends[turn.end])
            at = next((n for n in way if abs(n - varied.middle) >= abs(at - varied.middle)), way[-1])
        measure = list(self.best)[turn.k]
        return Flip(varied, measure, float(at), None, None, best, rival, len(self.few))

    def _whole(self, varied, limit, curve, live):
        """Return the first whole number on the way to `limit` at which the sign is another."""
        way = whole_numbers(varied, self.experiment, varied.middle, limit)

        def value(n):
            if float(n) not in curve.points:
                curve.add(float(n), live(float(n)))
            return curve.value(float(n))

        first = curve.value(varied.middle)
        return None if value(way[-1]) * first > 0 else float(seek_whole(value, way, first))

    # ---- maps ------------------------------------------------------------------------------------
    def _map(self, first: Varied, second: Varied) -> Map:
        """Return who is best where two numbers are moved together."""
        xs, ys = (one._replace(steps=MAP).points() for one in (first, second))
        places = [(x, y) for y in ys for x in xs]
        self.work = len(places)

        def best_at(place):
            x, y = place
            try:
                values = self.experiment.several(
                    list(self.best), {first.key: first.at(x), second.key: second.at(y)}, self.few, self.lenders, 1
                )
            except UserError:
                return dict.fromkeys(self.best, "")
            finally:
                self.observer.advanced(f"{first.key} {second.key}", 1, self.work)
            return {
                m: self.lenders[int(np.argmax(lead))] for m, lead in zip(self.best, self._leads(values), strict=True)
            }

        found = together(best_at, places, self.threads)
        best = {m: [[found[j * len(xs) + i][m] for i in range(len(xs))] for j in range(len(ys))] for m in self.best}
        return Map(first, second, xs, ys, best)


def _place(curve: Curve, live: Callable, limit: float, guess: float) -> float | None:
    """Return the place on the way to `limit` where the mean changes its sign, None if it does not.

    It is lived at the guess, and where that says it is otherwise, again there.
    """
    start = curve.home
    curve.add(guess, live(guess))
    root = curve.root(start, limit)
    if root is not None and abs(root - guess) > NEAR * abs(guess - start) and root not in curve.points:
        curve.add(root, live(root))
        root = curve.root(start, limit)
    return root

"""As many replications as a wished precision takes: a first look, then others until the interval is narrow enough.

A look is the plain run of so many replications, so what it finds is what `--replications N` finds, digest and all. The
first has 20; how many the next one takes is told by the interval of the last, at least a quarter more.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri, stdtrit

from simulator.analysis.comparison import Comparison
from simulator.analysis.control import Controlled
from simulator.analysis.measures import MEASURES, SHARE, windows
from simulator.analysis.measures import TAIL as TAIL_OF_ALL
from simulator.language.catalogue import kept
from simulator.lowering.factor import factor
from simulator.lowering.lower import lower
from simulator.model.errors import Problem, UserError, check_names
from simulator.model.observer import Observer
from simulator.report import phrasing
from simulator.run import check_room, frame_of, read_book, run
from simulator.scenario.scenario import Scenario
from simulator.study import COMPARE, Study
from simulator.system.needs import TooLarge

FIRST = 20  # replications of the first look
MOST = 20_480  # replications of a look; what is wished and not had by then is said
SURER = 1.1  # times the replications that the last interval asks for: it is itself uncertain
ROOM = 0.9  # of what the memory holds, at most, where a look asks for more
MORE = 1.25  # times the replications of a look, at least, in the next
TAIL = 0.025  # of a distribution, beyond each end of an interval
NORMAL = float(ndtri(1 - TAIL))
FORM = 'MEASURE=WIDTH, such as npv=1%, npv=5000 or default_rate=2bp; "differences:" before it means those'
DIFFERENCES = "differences:"


class Wish(NamedTuple):
    """How precise a measure is wished to be: half the width of its 95 % interval, of every lender or difference."""

    measure: str
    width: float  # in the measure's unit; of the value itself if `relative`
    relative: bool
    of_differences: bool  # from the baseline, not levels
    said: str

    def least(self, comparison: Comparison) -> list[tuple[str, float, float]]:
        """Return [(lender, half width, half width wished)]."""
        found = []
        for name in comparison.variants if self.of_differences else comparison.ledgers:
            if self.of_differences:
                d = comparison.difference(name, self.measure)
                value, low, high = d.value, d.low, d.high
            else:
                value = comparison.estimate(name, self.measure).value
                low, high = comparison.interval(name, self.measure)
            wanted = self.width * abs(value) if self.relative else self.width
            found.append((name, max(high - value, value - low), wanted))
        return found


def wish(said: str) -> Wish:
    """Return what `--until` says; UserError if it is not of the form MEASURE=WIDTH."""

    def wrong(found, allowed=FORM):
        return UserError(Problem("--until", said, found, allowed))

    text = said.strip()
    of_differences = text.startswith(DIFFERENCES)
    name, is_there, width = text.removeprefix(DIFFERENCES).partition("=")
    name, width = name.strip(), width.strip()
    if not is_there:
        raise wrong("not of that form")
    check_names("measure", [name], MEASURES)
    if MEASURES[name].kind == TAIL_OF_ALL:
        allowed = "a measure that is a mean; what a tail needs is said by `simulator tail` and --replications"
        raise wrong(f"{name} is of all replications together, and the first look has {FIRST}", allowed)
    unit = next((ending for ending in ("%", "bp") if width.endswith(ending)), "")
    try:
        number = float(width.removesuffix(unit))
    except ValueError:
        raise wrong(f"{width or 'nothing'} is not a width") from None
    if not (math.isfinite(number) and number > 0):
        raise wrong(f"found {width}", "allowed: a width above 0")
    if unit == "bp" and not MEASURES[name].unit.startswith(SHARE):
        raise wrong(f"{name} is not a share", "allowed: basis points of a share; else its own unit or %")
    scale = {"%": 100.0, "bp": 10_000.0, "": 1.0}[unit]
    return Wish(name, number / scale, unit == "%", of_differences, text)


def compare_until(
    scenario: Scenario,
    wished: Wish,
    threads: int | None,
    observer: Observer,
    given: int | None = None,
    worlds_held: int = 1,
) -> Study:
    """Return the study of the fewest replications, of those looked at, that give the precision wished.

    With `given` there is one look, of so many replications. With a common factor, means are corrected for its path
    (`analysis.control`). Raises UserError if the scenario's runs cannot state the measure, or if differences are wished
    of a scenario without variants.
    """
    if wished.of_differences and not scenario.variants:
        raise UserError(Problem("--until", wished.said, "the scenario has no variants", "allowed: a level"))
    _check_stated(scenario, wished)
    looks: list[int] = []
    count = given or FIRST
    tried = kept("as many as the file as written took" if given else "the most that are tried")
    is_last = bool(given)
    while True:
        observer.note(f"look {len(looks) + 1}: {count:,} replications")
        asked_now = scenario.with_replications(count)
        try:
            done = run(asked_now, asked_now.variants, True, threads, observer, worlds_held=worlds_held)
        except TooLarge as error:
            fits = int(count * error.share * ROOM) // FIRST * FIRST
            if not looks or given:
                raise
            tried, is_last = kept("the most that this machine has the memory for"), True
            if fits <= looks[-1]:
                break
            count = fits
            continue
        asked = asked_now
        looks.append(count)
        comparison = _corrected(asked, done.comparison)
        if reason := comparison.unstated(wished.measure):
            raise UserError(Problem("--until", wished.said, "this run cannot state it", reason))
        found = wished.least(comparison)
        if is_last or all(width <= wanted for _, width, wanted in found) or count >= MOST:
            break
        count = next_look(count, found)
    lived = kept("{count} replications, {which}", count=f"{looks[-1]:,}", which=tried)
    caution = _not_had(wished, found, lived)
    told = [caution, *comparison.cautions] if caution else [*comparison.cautions, _had(wished, comparison, found)]
    comparison = comparison.restated(told, comparison.average)
    facts = {
        "until": wished.said,
        "until_reached": not caution,
        "looks": looks,
        "half_widths": {name: width if math.isfinite(width) else None for name, width, _ in found},
        "corrected_for_factor": isinstance(comparison.average, Controlled),
    }
    return Study(asked, comparison, {"command": COMPARE, "scenario": str(asked.path), **done.facts, **facts})


def _check_stated(scenario: Scenario, wished: Wish) -> None:
    """Raise UserError if runs of the scenario cannot state the measure, as far as that is known before any is lived."""
    check_room([scenario.baseline], True)
    book = read_book(scenario)
    frame = frame_of(scenario, lower(scenario.with_replications(FIRST).baseline, book and book.tape, True), True)
    if reason := MEASURES[wished.measure].unstated(frame, windows(frame)["whole"]):
        raise UserError(Problem("--until", wished.said, "this scenario cannot state it", reason))


def next_look(count: int, found: list[tuple[str, float, float]]) -> int:
    """Return how many replications the next look has: enough by the last one's widths, which were `found`.

    A width falls with the root of their number, and with Student's quantile. Whole batches; at least MORE times
    as many as before, at most MOST.
    """
    ratio = max((width / wanted if wanted > 0 else math.inf for _, width, wanted in found), default=1.0)
    ratio *= NORMAL / stdtrit(count - 1, 1 - TAIL)
    needed = min(max(count * ratio**2 * SURER, count * MORE), MOST)
    return min(FIRST * math.ceil(needed / FIRST), MOST)


def _corrected(scenario: Scenario, plain: Comparison) -> Comparison:
    """Return the comparison with means corrected for the path of the factor, as it is where there is none."""
    settings, frame = scenario.baseline, plain.frame
    if not frame.factor:
        return plain
    path = factor(settings.seed, settings.economy.factor.persistence, range(frame.replications), frame.horizon)
    return plain.restated(plain.cautions, Controlled(path[:, 1:], frame.months))


def _had(wished: Wish, comparison: Comparison, found: list[tuple[str, float, float]]) -> str:
    """Return that a wish was reached, and what the widest interval says, in a sentence."""
    name = max(found, key=lambda one: one[1])[0]
    of = phrasing.difference if wished.of_differences else phrasing.estimate
    width = next(width for other, width, _ in found if other == name)
    unit = MEASURES[wished.measure].unit_in(comparison.frame)
    return kept(
        "As precise as was wished ({wish}) after {replications} replications: the widest interval of {measure} is that "
        "of {lender}, {value} (standard error), within ±\u00a0{width} with 95\u00a0%.",
        wish=wished.said,
        replications=f"{comparison.frame.replications:,}",
        measure=kept(MEASURES[wished.measure].label),
        lender=name,
        value=of(comparison, name, wished.measure),
        width=phrasing.number(width, 0.0, unit),
    )


def _not_had(wished: Wish, found, tried: str) -> str:
    """Return what is wished and not had after what was tried, in a sentence; nothing if all of it is."""
    short = [(name, width, wanted) for name, width, wanted in found if not width <= wanted]
    if not short:
        return ""
    name, width, wanted = max(short, key=lambda one: one[1] / one[2] if one[2] > 0 else np.inf)
    unit = MEASURES[wished.measure].unit
    return kept(
        "Not as precise as was wished ({wish}): after {tried}, the interval of {lender} is ±\u00a0{width} {unit} wide, "
        "not ±\u00a0{wanted}.",
        wish=wished.said,
        tried=tried,
        lender=name,
        width=f"{width:.4g}",
        unit=kept(unit),
        wanted=f"{wanted:.4g}",
    )

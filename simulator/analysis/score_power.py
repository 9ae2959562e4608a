"""What a score must know: from a Gini that a scenario asks for to the correlation of its score with quality.

Who defaults within twelve months is seen in a pilot: many applicants of the baseline's world, all accepted, under its
policies but those that look at last month's book, at factor 0, with a seed of its own. It tells the defaults of each
class of quality; what a score of some correlation would make of them is then computed, not simulated, from all classes
and all its noise. So what is asked for moves nobody else's luck, and the seed of the run moves no correlation.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.estimates import gini
from simulator.analysis.tie import tied
from simulator.engine import engine
from simulator.lowering.borrowers import normal_table, quality_scores
from simulator.lowering.lower import lower
from simulator.model import layout
from simulator.model.errors import Problem, UserError
from simulator.model.fixed_point import q16
from simulator.model.kept import kept, kept_as, writable
from simulator.model.layout import PRODUCTS, QUALITIES, UNIT
from simulator.model.observer import Observer, compiling
from simulator.policy.registry import FILE
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Costs, Settings

SEED = 0x5C04E61217  # of every pilot
APPLICANTS, FEWEST, IN_ALL = 100_000, 20_000, 1_000_000  # of a segment, where there are many segments, of all of them
OBSERVED = 3  # month at whose end accounts are noted: who arrived in month 1 is never 90 days past due by then
YEAR = 12


class Ask(NamedTuple):
    """A Gini that is asked for, and of which applicants."""

    key: str  # where it is asked
    gini: float
    segments: tuple[str, ...]
    products: tuple[str, ...] = PRODUCTS


class Answer(NamedTuple):
    """The correlation that gives what was asked for."""

    ask: Ask
    correlation: float
    gini: float  # that a score of this correlation has
    default_rate: float  # of the applicants' accounts, within 12 months


class Seen(NamedTuple):
    """What became of the accounts of the pilot, float64[product, class] by segment: as many as defaulted, as not."""

    bad: dict[str, np.ndarray]
    good: dict[str, np.ndarray]


def resolved(
    scenario: Scenario, lenders: Mapping[str, Settings], threads: int | None, observer: Observer
) -> tuple[dict[str, Settings], dict[str, list[Answer]]]:
    """Return the settings of the lenders with a correlation for every Gini asked for, and the answers by lender.

    Reasons are then tied to the book's levels, where those are asked for (`analysis.tie`).

    All correlations come from the pilot of the baseline, in another world that of the file as written if it has these
    segments: a score is one thing, in whatever economy it is used and under whatever policy. Raises UserError where no
    score of these people could have such a Gini.
    """
    asks = {name: list(asks_of(settings)) for name, settings in lenders.items()}
    if not any(asks.values()):
        return tied(scenario, lenders, threads, observer), {}
    named = {segment for each in asks.values() for ask in each for segment in ask.segments}
    written = scenario.written.baseline if scenario.written else scenario.baseline
    home = written if named <= written.segment.keys() else scenario.baseline
    seen = pilot(home, named, threads, observer)
    found: dict[str, Settings] = {}
    answers: dict[str, list[Answer]] = {}
    told: set[Answer] = set()
    problems: dict[Ask, Problem] = {}
    for name, settings in lenders.items():
        answers[name] = []
        for ask in asks[name]:
            try:
                answer = answer_to(ask, settings, seen)
            except ValueError as error:
                key = f"variant.{name}.{ask.key}" if name in scenario.variants else ask.key
                problems.setdefault(ask, Problem(str(scenario.path), key, f"found {ask.gini:g}", str(error)))
                continue
            answers[name].append(answer)
            if answer not in told:
                observer.note(in_words(answer))
                told.add(answer)
        found[name] = with_correlations(settings, answers[name])
    if problems:
        raise UserError(list(problems.values()))
    return tied(scenario, found, threads, observer), answers


def in_words(answer: Answer) -> str:
    """Return what was asked and found, in a sentence."""
    ask = answer.ask
    return (
        f"{ask.key} = {ask.gini:g} is had with a correlation of {answer.correlation:.3f}: among all applicants, before "
        f"review ({answer.default_rate:.2%} of their accounts default within 12 months)"
    )


def facts_of(answers: Mapping[str, list[Answer]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return what a manifest says of the Ginis asked for: {lender: {key: {asked, correlation, ...}}}."""
    return {
        lender: {
            one.ask.key: {
                "asked": one.ask.gini,
                "gini": round(one.gini, 6),
                "correlation": one.correlation,
                "default_rate": round(one.default_rate, 6),
            }
            for one in of
        }
        for lender, of in answers.items()
        if of
    }


def asks_of(settings: Settings) -> Iterator[Ask]:
    """Yield what a lender's scenario asks for: of a segment, of all segments without their own, of a review."""
    left = []
    for name, segment in settings.segment.items():
        if segment.score_gini:
            yield Ask(f"segment.{name}.score_gini", segment.score_gini, (name,))
        else:
            left.append(name)
    if settings.score_gini and left:
        yield Ask("score_gini", settings.score_gini, tuple(left))
    for name, policy in settings.policy.items():
        if policy.enabled and (asked := policy.asked_gini()):
            segments = tuple(policy.segments or settings.segment)
            yield Ask(f"policy.{name}.score_gini", asked, segments, tuple(sorted(policy.products)))


def with_correlations(settings: Settings, answers: Iterable[Answer]) -> Settings:
    """Return the settings with the correlations found instead of what was asked for."""
    segments, policies = dict(settings.segment), dict(settings.policy)
    for (key, _, of, _), correlation, *_ in answers:
        table, _, name = key.removesuffix(".score_gini").partition(".")
        if table == "policy":
            policies[name] = policies[name].with_score(correlation)
        else:
            update = {"score_gini": 0.0, "score_correlation": correlation}
            segments |= {segment: segments[segment].model_copy(update=update) for segment in of}
    return settings.model_copy(update={"segment": segments, "policy": policies, "score_gini": 0.0})


def answer_to(ask: Ask, settings: Settings, seen: Seen) -> Answer:
    """Return the least correlation with which a score has at least the Gini asked for, of applicants by their shares.

    Raises ValueError, which says how much could be had, where even a score that knows quality has less.
    """
    products = [PRODUCTS.index(product) for product in ask.products]
    bad, good = [], []
    for name in ask.segments:
        of = (seen.bad[name], seen.good[name])
        share = settings.segment[name].share / max(float(np.sum(of)), 1.0)
        bad.append(share * of[0][products].sum(axis=0))
        good.append(share * of[1][products].sum(axis=0))
    shifts = [settings.segment[name].score_shift for name in ask.segments]
    bads, goods = np.array(bad), np.array(good)
    correlation, power = _least(ask.gini, bads, goods, shifts)
    if np.isnan(power):
        raise ValueError("no score can have one: of the pilot's applicants nobody defaults within 12 months")
    if power < ask.gini:
        wish = "more of it: behaviour.structural.quality_correlation, will_not_quality_slope, job_loss_quality_slope"
        raise ValueError(f"allowed: up to {np.floor(1000 * power) / 1000:g}, which quality itself has here; {wish}")
    return Answer(ask, correlation, power, float(bads.sum() / (bads.sum() + goods.sum())))


@kept
def _least(wanted: float, bad: np.ndarray, good: np.ndarray, shifts: list[float]) -> tuple[float, float]:
    """Return the least correlation with which a score has the Gini wanted, and the Gini that it has; 1 if none has."""

    def power(correlation):
        return gini_of_score(correlation / UNIT, bad, good, shifts)

    low, high = -1, UNIT  # power(high) is enough, power(low) is not
    while power(UNIT) >= wanted and high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= wanted else (middle, high)
    return high / UNIT, power(high)


def gini_of_score(correlation: float, bad: np.ndarray, good: np.ndarray, shifts: Iterable[float]) -> float:
    """Return the Gini of a score of this correlation, point by point; NaN where there are no bad or no good ones.

    bad, good: float64[segment, class], accounts that default and those that do not; `shifts` are the segments' own.
    """
    shifts = list(shifts)
    of_class = {shift: points_of(correlation, shift) for shift in shifts}  # each int64[class, QUANTILES]
    lowest = min(int(points.min()) for points in of_class.values())
    size = max(int(points.max()) for points in of_class.values()) - lowest + 1
    by_points = np.zeros((2, size))
    for shift, points in of_class.items():
        first = np.arange(len(points))[:, None] * size - lowest
        shares = np.bincount((points + first).ravel(), minlength=len(points) * size) / points.shape[1]
        alike = [place for place, other in enumerate(shifts) if other == shift]
        by_points += np.stack((bad[alike].sum(axis=0), good[alike].sum(axis=0))) @ shares.reshape(-1, size)
    bads, goods = by_points
    return float(gini(bads, goods, worst_first=True))


def points_of(correlation: float, shift: float) -> np.ndarray:
    """Return int64[class, QUANTILES]: the points of a score by quality and noise, as docs/model.md has them."""
    known = quality_scores().astype(np.int64) + int(q16(shift))
    own = normal_table().astype(np.int64)
    z = (int(q16(correlation)) * known[:, None] + int(q16(sqrt(1 - correlation**2))) * own) >> 16
    return 600 + ((z * 64) >> 16)


def pilot(settings: Settings, segments: Collection[str], threads: int | None, observer: Observer) -> Seen:
    """Return what became of many applicants of some segments, by product and class of quality."""
    named = [name for name in settings.segment if name in segments]
    each = max(FEWEST, min(APPLICANTS, IN_ALL // len(named)))
    world = _of_the_pilot(settings, named, each)
    if any(policy.kind.startswith(FILE) for policy in world.policy.values()):  # code that may do anything
        return _seen(world, named, threads, observer)
    return kept_as((pilot, world, named), lambda: _seen(world, named, threads, observer))


def _seen(settings: Settings, named: list[str], threads: int | None, observer: Observer) -> Seen:
    """Return what became of the applicants of a pilot's world, those of the named segments."""
    world = lower(settings)
    levers, tables = writable(world.levers), world.tables
    for bar in (layout.V_SCORE_CUTOFF, layout.V_INCOME_CUTOFF):
        levers.month[..., bar] = -layout.NEVER
    levers.month[..., layout.V_SCORE_CORRELATION] = layout.ABSENT
    levers.review[:] = UNIT
    scores = tables.segment.copy()  # a score that has a band for each class
    scores[:, [layout.G_SCORE_CORRELATION, layout.G_SCORE_NOISE, layout.G_SCORE_SHIFT]] = UNIT, 0, 0
    middle = layout.SCORE_LOW + (np.arange(QUALITIES) << layout.SCORE_BAND_BITS) + (1 << layout.SCORE_BAND_BITS >> 1)
    by_class = ((middle - 600) * (UNIT // 64)).astype(np.int32)
    world = world._replace(
        tables=tables._replace(segment=scores, quality_score=by_class, observe_month=OBSERVED),
        levers=levers,
        tiles=world.tiles[world.tiles[:, layout.K_ENTRY] == 1],
    )
    engine.prepare(world, compiling(observer))
    counts = engine.run(world, threads).ratings.sum(axis=0)[:, :, layout.RATING_SCORE].astype(np.float64)
    places = {name: list(settings.segment).index(name) for name in named}
    bad = {name: counts[at, ..., 1] for name, at in places.items()}
    return Seen(bad, {name: counts[at, ..., 0] - bad[name] for name, at in places.items()})


def _of_the_pilot(settings: Settings, named: list[str], each: int) -> Settings:
    """Return the settings of the pilot's world: `each` applicants of the named segments in its first month.

    Without what it does not depend on, so that it need not be lived again when that moves.
    """
    share, nothing = 1 / len(named), {"score_gini": 0.0, "score_correlation": 0.0, "score_shift": 0.0}
    segments = {
        name: segment.model_copy(update={"share": share if name in named else 0.0, **nothing})
        for name, segment in settings.segment.items()
    }
    update: dict[str, Any] = {
        "title": "pilot",
        "cautions": [],
        "months": OBSERVED + YEAR,
        "replications": 1,
        "seed": SEED,
        "portfolio": settings.portfolio.model_copy(
            update={"borrowers": 0, "applicants_per_month": each * len(named), "tape": "", "mapping": ""}
        ),
        "segment": segments,
        "economy": settings.economy.model_copy(
            update={"factor": settings.economy.factor.model_copy(update={"enabled": False})}
        ),
        "costs": Costs(),
        "discount_rate": 0.0,
        "score_gini": 0.0,
        "run_on_months": None,
        "run_off_months": 0,
        "policy": {name: one for name, one in settings.policy.items() if one.enabled and not one.reads_book},
    }
    return settings.model_copy(update=update)

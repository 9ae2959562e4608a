"""The far tail of a lender's loss, from fewer replications: the common factor is shifted towards bad times.

A pilot of plain replications says in which direction of the factor's path the loss grows, and how much of its variance
is the factor's. With that it is known by how much a shift can help at most; where that is little, it is refused.
"""

import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np

from simulator.analysis.control import averages_of
from simulator.analysis.ledger import Ledger
from simulator.analysis.measures import MEASURES, windows
from simulator.analysis.score_power import resolved
from simulator.analysis.shifted import FEWEST_EFFECTIVE, Tail, best_shift, is_shifted, weighted_tail, weights
from simulator.analysis.tails import replications_needed
from simulator.decision.answer import Answer, asked_of
from simulator.engine import engine
from simulator.engine.pilot import needs_of
from simulator.language.catalogue import kept, say
from simulator.lowering.factor import news, path_of
from simulator.lowering.lower import Lowered, lower, shares_factor
from simulator.model.errors import Problem, UserError, check_kind, check_names
from simulator.model.observer import SILENT, Observer, compiling
from simulator.report import phrasing
from simulator.report.paper import Section, Table, paper
from simulator.report.told import facts_told
from simulator.run import frame_of, read_book
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.scenario.titles import quoted, shown_names
from simulator.shards.worlds import replications_among, settlement_of, transfers_of
from simulator.study import ScenarioLike
from simulator.system.arrow_files import write_table
from simulator.system.folders import write_json
from simulator.system.machine import threads_of
from simulator.system.needs import announce, check_memory

PILOT = 200  # plain replications that tell the direction; whole batches
REPLICATIONS = 1000  # in which the tail is measured, if nobody says how many
LEAST_GAIN = 5.0  # times less variance that a shift must be able to give
LEVEL = 0.999


def tail(
    scenario: ScenarioLike,
    level: float = LEVEL,
    measure: str = "net_loss",
    variant: str = BASELINE,
    replications: int = REPLICATIONS,
    threads: int | None = None,
    observer: Observer | None = None,
) -> "TailFinding":
    """Return the value at risk and the expected shortfall of a loss over the months of lending, at `level`.

    Of one lender, `variant`. Raises UserError where the scenario has no common factor, where borrowers share too little
    of it for a shift to help (and says by how much it could), or if a number of the question is out of bounds.
    """
    check_kind("level", level, (int, float), "a number such as 0.999")
    check_kind("replications", replications, int, "a whole number")
    check_kind("measure", measure, str, "the name of a measure")
    check_kind("variant", variant, str, "the name of a variant")
    loaded, remarks = asked_of(scenario)
    observer = SILENT if observer is None else observer
    _check(loaded, level, measure, variant, replications)
    start = time.perf_counter()
    lender = _Lender(loaded, variant, measure, threads_of(threads), observer)
    lender.announce(PILOT + replications)
    pilot = lender.losses(None, range(PILOT))
    direction, share = _direction(pilot, lender.news(range(PILOT)), lender.persistence)
    size, gain = best_shift(share, level)
    if not gain >= LEAST_GAIN:
        found = (
            f"the common factor has {share:.0%} of the variance of this loss (pilot of {PILOT}), so that shifting it "
            f"saves too little: {gain:.1f} times less variance at most, and {LEAST_GAIN:g} are asked for"
        )
        allowed = (
            f"plain replications state this tail: `simulator run {shlex.quote(str(loaded.path))} --replications "
            f"{replications_needed(level)}`; or a larger book, in which the factor has more of the variance"
        )
        raise UserError(Problem(str(loaded.path), "", found, allowed))
    shift = size * direction
    among = range(PILOT, PILOT + replications)  # other ones than told the direction
    fresh = lender.news(among)
    fresh[is_shifted(np.asarray(among))] += shift
    losses, weight = lender.losses(fresh, among), weights(fresh, shift)
    facts = {
        "variant": variant,
        "measure": measure,
        "level": level,
        "replications": replications,
        "pilot_replications": PILOT,
        "share_of_factor": share,
        "shift": size,
        "gain_at_most": gain,
        "borrowers": lender.frame.borrowers,
        "wall_seconds": round(time.perf_counter() - start, 2),
    }
    return TailFinding(loaded, remarks, weighted_tail(losses, weight, level), losses, weight, facts)


class _Lender:
    """One lender of a scenario, whose loss is lived under any news of the factor."""

    def __init__(self, scenario: Scenario, name: str, measure: str, threads: int, observer: Observer):
        settings = scenario.variants.get(name, scenario.baseline)
        settings = resolved(scenario, {name: settings}, threads, observer)[0][name]
        book = read_book(scenario)
        self.world = lower(settings, book and book.tape)
        self.scenario, self.name, self.measure = scenario, name, MEASURES[measure]
        self.threads, self.observer = threads, observer
        self.persistence = settings.economy.factor.persistence
        self.frame = frame_of(scenario, self.world, False)
        engine.prepare(self.world, compiling(observer))

    def announce(self, replications: int) -> None:
        """Say what living so many replications takes."""
        world = self.world._replace(replications=replications)
        memory = engine.bytes_needed(world, self.threads)
        check_memory("the results", memory)
        announce(lambda: needs_of([world], self.threads, memory), self.observer)

    def news(self, among: range) -> np.ndarray:
        """Return float64[replication, month]: the news as they are drawn."""
        return news(self.world.settings.seed, among, self.world.months_total)

    def losses(self, fresh: np.ndarray | None, among: range) -> np.ndarray:
        """Return float64[replication]: the measure over the months of lending under the news `fresh`, in the unit."""
        world: Lowered = replications_among(self.world, among)._replace(news=fresh)
        work = engine.borrower_months(world)
        sums = engine.run(world, self.threads, lambda done: self.observer.advanced(self.name, done, work))
        frame = frame_of(self.scenario, world, False)
        ledger = Ledger(self.name, sums, frame, settlement_of(world.settings))
        return self.measure(ledger, windows(frame)["whole"])


def _check(scenario, level, measure, variant, replications):
    """Raise UserError with everything about the question that is out of bounds."""
    check_names("variant", [variant], [BASELINE, *scenario.variants])
    check_names("measure", [measure], MEASURES)
    problems = []
    settings = scenario.variants.get(variant, scenario.baseline)
    if not 0.5 < level < 1:
        problems.append(Problem("level", found=f"found {level:g}", allowed="allowed: above 0.5 and below 1"))
    if replications < PILOT:
        problems.append(Problem("replications", found=f"found {replications:,}", allowed=f"allowed: {PILOT} or more"))
    if MEASURES[measure].unit != "money":
        problems.append(Problem("measure", measure, "is no amount", "allowed: an amount such as net_loss"))
    if not shares_factor(settings):
        found = "borrowers share no factor: there is nothing to shift"
        problems.append(Problem(str(scenario.path), "economy.factor", found, "enabled = true and a loading"))
    if transfers_of(lower(settings)):
        found = "insurance and joint lending settle a whole book over all replications"
        problems.append(Problem(str(scenario.path), f"variant.{variant}", found, "a lender without them"))
    if problems:
        raise UserError(problems)


def _direction(losses: np.ndarray, fresh: np.ndarray, persistence: float) -> tuple[np.ndarray, float]:
    """Return (float64[month]: the direction of length 1 in which losses grow, the share of their variance along it).

    By regression on a few averages of the path: on every month's news a pilot would mostly fit chance. The share is
    adjusted for the number of averages.
    """
    months = fresh.shape[1]
    averages = averages_of(path_of(np.eye(months), persistence)[:, 1:])  # [news, average]: what a month's news does
    x, y = fresh @ averages, losses - losses.mean()
    x = x - x.mean(axis=0)
    slopes, *_ = np.linalg.lstsq(x, y, rcond=None)
    left = y - x @ slopes
    n, k = x.shape
    spread = y @ y
    share = 1 - (left @ left / (n - k - 1)) / (spread / (n - 1)) if spread > 0 else 0.0
    direction = averages @ slopes
    length = np.sqrt(direction @ direction)
    return (direction / length if length > 0 else direction), float(np.clip(share, 0.0, 1.0))


class TailFinding(Answer):
    """The tail of a loss, with every replication that it rests on."""

    def __init__(
        self,
        scenario: Scenario,
        remarks: list[str],
        found: Tail,
        losses: np.ndarray,
        weight: np.ndarray,
        told: dict[str, Any],
    ):
        """Take the tail, float64[replication] losses and weights, and what the manifest says of how they were lived."""
        words = ["tail", "--level", str(told["level"]), "--measure", told["measure"], "--variant", told["variant"]]
        super().__init__(scenario, (*words, "--replications", str(told["replications"])), remarks)
        self.tail, self.losses, self.weights, self._told = found, losses, weight, told

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says of what was asked."""
        return super().facts | self._told

    @property
    def _lender(self) -> str:
        """Whose loss it is, as it stands in a sentence."""
        called = shown_names({name: one.title for name, one in self.scenario.variants.items()})
        key = self._told["variant"]
        return say("baseline") if key == BASELINE else quoted(called[key], key)

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        few = kept(
            "The tail rests on {count} effective replications, fewer than {fewest}: its intervals are too narrow. Ask "
            "for more.",
            count=f"{self.tail.effective:.0f}",
            fewest=FEWEST_EFFECTIVE,
        )
        return [*([few] if self.tail.effective < FEWEST_EFFECTIVE else []), *super().cautions]

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first."""
        t, unit, facts = self.tail, self.scenario.baseline.currency.code, self.facts
        what = phrasing.label(facts["measure"])
        level = f"{100 * t.level:.6g}{phrasing.NO_BREAK}%"
        return [
            say(
                "{lender}: with {level} the {what} of {months} months is at most {var} (95 %: {low} to {high}); beyond "
                "that it is {es} on average.",
                lender=self._lender,
                level=level,
                what=what,
                months=facts["months"],
                var=phrasing.number(t.var, t.var_se, unit),
                low=phrasing.number(t.var_low, 0.0, unit),
                high=phrasing.number(t.var_high, 0.0, unit),
                es=phrasing.number(t.es, t.es_se, unit),
            ),
            say(
                "{replications} replications, nine of ten with the factor shifted by {shift} standard deviations "
                "towards bad times; the part beyond is worth {effective}. The factor has {share} of the variance: the "
                "shift gains {gain} times at most.",
                replications=f"{facts['replications']:,}",
                shift=f"{facts['shift']:.2f}",
                effective=f"{t.effective:,.0f}",
                share=f"{facts['share_of_factor']:.0%}",
                gain=f"{facts['gain_at_most']:.0f}",
            ),
        ]

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as one page of HTML."""
        unit, rows = self.scenario.baseline.currency.code, []
        for level in (0.9, 0.95, 0.99, 0.995, self.tail.level):
            one = weighted_tail(self.losses, self.weights, level)
            rows.append(
                (
                    f"{100 * level:.6g} %",
                    phrasing.number(one.var, one.var_se, unit),
                    phrasing.number(one.es, one.es_se, unit),
                    f"{one.effective:,.0f}",
                )
            )
        head = (say("level"), say("value at risk"), say("expected shortfall"), say("effective replications"))
        note = say(
            "Value at risk: what the loss exceeds with one less the level. Expected shortfall: its mean beyond. The "
            "shift is made for the last level; nearer ones are as true and less precise."
        )
        people = say("{n:,} borrowers", n=self.facts["borrowers"])
        frame = phrasing.in_a_row([people, say("{n} months of lending", n=self.facts["months"])])
        section = Section(say("By level"), [], [], [Table(head, rows, note)])
        slots = {"measure": phrasing.label(self.facts["measure"]), "title": self.scenario.baseline.title}
        title = say("Tail of {measure}: {title}", **slots)
        return paper(title, frame, self.answers, [], [section], facts_told(manifest), self.cautions)

    def write_numbers(self, folder: Path) -> None:
        """Write tail.json and the replications, tail.parquet."""
        import pyarrow as pa

        write_json(folder / "tail.json", {**self.tail._asdict(), "unit": self.scenario.baseline.currency.code})
        table = pa.table({"loss": self.losses, "weight": self.weights})
        write_table(table, folder / "tail.parquet")

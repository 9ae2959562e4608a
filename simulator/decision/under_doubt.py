"""A comparison under doubt: every number of the scenario that has a range is drawn, not taken as it stands."""

import shlex
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.analysis.errors import crossed_replications
from simulator.analysis.estimates import CERTAIN, Difference, Estimate
from simulator.analysis.ledger import RunFrame
from simulator.analysis.measures import SHARE
from simulator.decision.assumptions import Doubt
from simulator.decision.doubt import Draws
from simulator.decision.field_test import ACCOUNTS, shown_by
from simulator.decision.paired import UnderDoubt
from simulator.decision.precision import compare_until, wish
from simulator.decision.rows_in_doubt import rows_in_doubt
from simulator.decision.worth import FEWEST, Choice, Regression, choice
from simulator.language.catalogue import ENGLISH, kept, say
from simulator.model.errors import Problem, UserError, check_kind, check_names
from simulator.model.observer import SILENT, Aside, Observer
from simulator.policy.why import in_a_row
from simulator.report import phrasing
from simulator.report.certainty import certainty
from simulator.run import run
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.shards.folder import Shards
from simulator.study import COMPARE, ScenarioLike, Study, in_every_world
from simulator.study import compare as compare_as_it_stands

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import RenderableType

    from simulator.decision.flips import Flip

SHOWN = 5  # numbers worth knowing that are told in words


def compare(
    scenario: ScenarioLike,
    threads: int | None = None,
    observer: Observer | None = None,
    doubt: int | None = None,
    until: str | None = None,
    shards: Shards | None = None,
) -> Study:
    """Return the study of every variant of the scenario against its baseline, with the run-off months.

    `scenario` is one that was loaded, or what `load_scenario` takes. `threads` (all processors if None or 0) change
    no number. `observer` is told how far the work is. `doubt` is how often the numbers that have a range are drawn, for
    two replications each, instead of those that the scenario asks for; without it they are as they stand. `until` is
    how precise a measure is wished to be, "npv=1%": then there are as many replications as that takes
    (`decision.precision`). `shards` keep what is lived until the study is saved. Raises UserError with everything that
    is wrong.
    """
    check_kind("doubt", doubt, (int, NoneType), "a whole number of draws")
    check_kind("until", until, (str, NoneType), 'text such as "npv=1%"')
    observer = SILENT if observer is None else observer
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    if doubt is not None and until is not None:
        allowed = "one of the two: doubt lives two replications for each draw"
        raise UserError(Problem("--doubt", found="together with --until", allowed=allowed))
    if until is None and doubt is None and loaded.baseline.precision:
        until = loaded.baseline.precision.said
    if until is not None and shards:
        found = "together with --resume, --workers or --cluster"
        raise UserError(Problem("--until", found=found, allowed="one of the two: looks are not kept"))
    if until is not None:
        return _until(loaded, until, threads, observer)
    if doubt is None:
        return compare_as_it_stands(loaded, threads, observer, shards)
    asked = _in_pairs(loaded, doubt)
    if shards:
        shards.open(asked, doubt, COMPARE)
    held = len(asked.every_world)
    return in_every_world(
        asked, observer, lambda world, told: _compared(world, threads, told, doubt, held, shards), shards
    )


def _until(scenario: Scenario, until: str, threads: int | None, observer: Observer) -> Study:
    """Return the study of as many replications as the wish takes in the file as written; other worlds have as many."""
    wished, held = wish(until), len(scenario.every_world)
    looked: list[int] = []

    def ask(world: Scenario, told: Observer) -> Study:
        study = compare_until(world, wished, threads, told, looked[0] if looked else None, held)
        looked.append(study.frame.replications)
        return study

    return in_every_world(scenario, observer, ask)


def _compared(
    asked: Scenario, threads: int | None, observer: Observer, doubt: int, held: int, shards: Shards | None
) -> "DoubtedStudy":
    """Return the study of one world under doubt, one of those `held`; a number's draws are the same in all."""
    draws = Draws(asked, doubt, threads)
    observer.note(f"{doubt:,} draws of {len(draws.doubts):,} numbers in doubt, two replications each")
    crossed = crossed_replications(2 * doubt, asked.baseline.redraw_people)
    lent = asked.variants
    done = run(asked, lent, True, threads, observer, draws, crossed=crossed, worlds_held=held, shards=shards)
    plain = done.comparison
    comparison = Doubted(
        *(list(plain.ledgers.values()), plain.swaps, plain.policies, [*_cautions(draws), *plain.cautions], plain.rates),
        average=UnderDoubt(doubt),
        against=plain.against,
        crossed=list(plain.crossed.values()),
        known=Known(tuple(draws.doubts), draws.z, draws.correlation, _turns(asked, draws, threads, observer)),
    )
    facts = {
        "numbers_in_doubt": len(draws.doubts),
        **({"rows_in_doubt": rows} if (rows := rows_in_doubt(asked.baseline)) else {}),
        "not_drawn": draws.left,
        "drawn_again": dict(draws.refused.most_common()),
    }
    return DoubtedStudy(asked, comparison, {"command": COMPARE, "scenario": str(asked.path), **done.facts, **facts})


class AtHome(NamedTuple):
    """Who is best with every number at its value, and by how much over the second."""

    best: str
    second: str
    lead: Difference

    def said(self, frame: RunFrame) -> str:
        """Return it in a sentence, and whether that is within chance."""
        by = phrasing.number(self.lead.value, self.lead.se, frame.currency)
        slots = {"best": phrasing.quoted(self.best, frame), "by": by, "second": phrasing.quoted(self.second, frame)}
        if self.lead.is_clear:
            return say("With every number at its value {best} is best, by {by} over {second}.", **slots)
        return say(
            "With every number at its value {best} is best, by {by} over {second}, within chance, so that anything may "
            "turn it.",
            **slots,
        )


class Turns(NamedTuple):
    """The places nearest to the values now at which another lender is best, one number moved at a time."""

    nearest: dict[str, list[dict[str, Any]]]  # by measure, each as a row of the table of flips
    flips: dict[str, list["Flip"]]  # the same places
    home: dict[str, AtHome]
    borrowers: int  # they were sought with so many
    replications: int

    def said(self, measure: str, frame: RunFrame) -> list[str]:
        """Return what would make another lender the best by a measure, the nearest first, in words."""
        from simulator.decision.flips_page import until  # here, as in `_turns`

        return [until(flip, frame) for flip in self.flips[measure]]

    @property
    def sizes(self) -> str:
        """How they were sought, in words."""
        borrowers, replications = f"{self.borrowers:,}", f"{self.replications:,}"
        return say(
            "sought with {borrowers} borrowers and {replications} replications",
            borrowers=borrowers,
            replications=replications,
        )


class Known(NamedTuple):
    """What is in doubt, and what each draw of it was."""

    doubts: tuple[Doubt, ...]
    z: np.ndarray  # float64[draw, number]: places, standard normal
    correlation: np.ndarray  # float64[number, number]: of the places
    turns: Turns | None = None  # what turns the choice; not sought with fewer draws than FEWEST

    @property
    def questions(self) -> dict[str, int]:
        """The numbers that can be asked for, by key; of those that a group moves as one the first stands for all."""
        found: dict[str, int] = {}
        for place, one in enumerate(self.doubts):
            whole = [name for name, share in one.about.group if abs(share) == 1]
            found.setdefault(f"group {whole[0]}" if whole else one.key, place)
        return found


class Worth(NamedTuple):
    """What a number is worth."""

    key: str
    known: Estimate  # to know it before choosing
    tests: dict[int, Estimate]  # to see it in a field test of so many accounts an arm; empty where none shows it


class Doubted(Comparison):
    """A comparison whose replications are lived in pairs, each under a draw of the numbers in doubt."""

    def __init__(self, *of_comparison, known: Known, **more):
        """Take what a Comparison takes, and what each draw was."""
        super().__init__(*of_comparison, **more)
        self.known = known

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes it anew."""
        _, kept = super().__reduce__()
        return _anew, (*kept, self.known)

    @property
    def horizons(self) -> list[str]:
        """The measures by which a lender is best: its value by each horizon that the run has."""
        return phrasing.stated(self, phrasing.BOTH)

    @cached_property
    def choices(self) -> dict[str, Choice]:
        """What is known of choosing between the lenders, by each horizon."""
        return {measure: choice(self._values(measure), list(self.ledgers)) for measure in self.horizons}

    @cached_property
    def worth(self) -> dict[str, list[Worth]]:
        """What it is worth to know, or to test, each number before choosing, the most first, by each horizon.

        Empty with fewer draws than a regression needs.
        """
        if self.frame.draws < FEWEST:
            return {}
        found = {}
        for measure in self.horizons:
            each = [
                Worth(key, self._regressions[measure].worth((place,)), self.worth_testing(key, ACCOUNTS, measure))
                for key, place in self.known.questions.items()
            ]
            found[measure] = sorted(each, key=lambda one: -one.known.value)
        return found

    def worth_testing(self, key: str, accounts: Iterable[int], measure: str = "npv") -> dict[int, Estimate]:
        """Return what a field test of a number is worth before choosing, by how many accounts an arm it has.

        Empty where a test shows nothing of it. Raises UserError if no such number is in doubt.
        """
        check_names("key", [key], self.known.questions)
        place = self.known.questions[key]
        shown = {n: shown_by(self.known.doubts[place], n) for n in accounts}
        regression = self._regressions[measure]
        return {n: regression.worth((place,), (rho,)) for n, rho in shown.items() if rho is not None}

    @cached_property
    def _regressions(self) -> dict[str, Regression]:
        return {
            measure: Regression(self._values(measure), self.known.z, self.known.correlation)
            for measure in self.horizons
        }

    def of_choice(self) -> list[str]:
        """Return how sure the choice is and what is worth knowing, in sentences."""
        return in_words(self)

    def chances_to_be_best(self) -> dict[str, Estimate]:
        """Return how likely each lender is the best when lending ends."""
        return self.choices[self.horizons[0]].probability if self.horizons else {}

    def worth_knowing(self) -> str:
        """Return which numbers are most worth knowing before choosing, in words; empty with too few draws."""
        worth = self.worth.get(self.horizons[0]) if self.horizons else None
        return _worth_in_words(self, _worth_telling(self, worth)) if worth else ""

    def tables(self) -> dict[str, "pa.Table"]:
        """Return the tables that its folder has besides those of every comparison: what each draw was, as draws."""
        import pyarrow as pa

        rows = [
            {"draw": draw, "key": one.key, "value": _alone(one.at(z)), "unit": one.about.unit, "z": z}
            for draw, places in enumerate(self.known.z.tolist())
            for one, z in zip(self.known.doubts, places, strict=True)
        ]
        return {"draws": pa.Table.from_pylist(rows)}

    def would_change(self) -> tuple[list[tuple[str, str, list[str]]], str]:
        """Return by each horizon who is best, and the nearest flips, in words, and how they were sought."""
        turns = self.known.turns
        if not turns:
            return [], ""
        frame = self.frame
        told = [(measure, turns.home[measure].said(frame), turns.said(measure, frame)) for measure in self.horizons]
        return told, turns.sizes

    def summary(self) -> dict:
        """Return the contents of summary.json, with what is known of the choice."""
        told = super().summary()
        told["decision"] = {measure: self._choice_told(measure) for measure in self.horizons}
        if self.horizons:
            first = self.horizons[0]
            found, most = self.choices[first], self.worth.get(first)
            told["verdict"]["expected_loss"] = found.expected_loss[found.best].value
            if self.known.turns:
                told["verdict"]["flips"] = self.known.turns.nearest[first]
            told["verdict"]["most_valuable"] = most[0].key if most and most[0].known.value > 0 else None
        return told

    def _choice_told(self, measure):
        found = self.choices[measure]

        def each(by_lender):
            return {name: one._asdict() for name, one in by_lender.items()}

        return {
            "unit": self.frame.currency,
            "best": found.best,
            "probability_best": each(found.probability),
            "expected_loss": each(found.expected_loss),
            "perfect_information": found.perfect_information._asdict(),
            "worth_knowing": [
                {
                    "key": one.key,
                    **one.known._asdict(),
                    "field_test": [{"accounts": n, **e._asdict()} for n, e in one.tests.items()],
                }
                for one in self.worth.get(measure, [])
            ],
        }

    def _values(self, measure) -> np.ndarray:
        return np.stack([self.samples(name, measure) for name in self.ledgers], axis=1)


class DoubtedStudy(Study):
    """A study under doubt: its words and its replay say so."""

    def __repr__(self) -> str:
        """Return what a study says, then how sure the choice is."""
        said = [super().__repr__(), certainty(self.comparison), *in_words(self.comparison), *self._elsewhere()]
        return "\n".join(filter(None, said))

    def __rich__(self) -> "RenderableType":
        """Return the summary that the command prints, then how sure the choice is in every other world."""
        from rich.console import Group
        from rich.text import Text

        return Group(super().__rich__(), *map(Text, self._elsewhere()))

    def _elsewhere(self) -> list[str]:
        """Return in every other world which lender is best."""
        return [
            say(
                "World {name}: Best by {measure}, chance taken out: {chances}. Choosing {best} loses {lost}.",
                name=name,
                **best_in_words(study.comparison, measure),
            )
            for name, study in self.worlds.items()
            if isinstance(study.comparison, Doubted)
            for measure in study.comparison.horizons
        ]

    def _replay(self, folder: Path, language: str = ENGLISH) -> str:
        return shlex.join([*shlex.split(super()._replay(folder, language)), "--doubt", str(self.frame.draws)])


def in_words(comparison: Comparison) -> list[str]:
    """Return by each horizon which lender is best, how sure that is and why, and what is worth knowing."""
    assert isinstance(comparison, Doubted)
    unit, said = comparison.frame.currency, []
    for measure in comparison.horizons:
        said.append(
            say(
                "Best by {measure}, chance taken out: {chances}. Choosing {best} loses {lost} on average to the best "
                "under each draw: that is what knowing every number would be worth.",
                **best_in_words(comparison, measure),
            )
        )
        if worth := comparison.worth.get(measure):
            first = _worth_telling(comparison, worth)
            said.append(_worth_in_words(comparison, first))
            if tested := next((one for one in first if one.tests), None):
                sizes = [
                    say("{accounts} {worth}", accounts=f"{n:,}", worth=phrasing.number(*gain, unit))
                    for n, gain in tested.tests.items()
                ]
                said.append(
                    say(
                        "A field test of {key}, by accounts an arm, is worth: {sizes}.",
                        key=tested.key,
                        sizes=say("; ").join(sizes),
                    )
                )
        if turns := comparison.known.turns:
            said.append(
                say(
                    "{home} Another is best if: {nearest} ({sizes}).",
                    home=turns.home[measure].said(comparison.frame),
                    nearest=say("; ").join(turns.said(measure, comparison.frame))
                    or say("no number, moved alone within its range"),
                    sizes=turns.sizes,
                )
            )
    return said


def _worth_telling(comparison: Doubted, worth: list[Worth]) -> list[Worth]:
    """Return the numbers most worth knowing, without those that are worth less than a minor unit."""
    return [one for one in worth[:SHOWN] if one.known.value * comparison.frame.minor_units >= 1]


def _worth_in_words(comparison: Doubted, first: list[Worth]) -> str:
    """Return what numbers are worth knowing, in a sentence; a second where chance alone could have made them so."""
    if not first:
        return say("Most worth knowing: no single number changes the choice.")
    each = say("; ").join(
        say("{key} {worth}", key=one.key, worth=phrasing.number(*one.known, comparison.frame.currency)) for one in first
    )
    if any(one.known.value > CERTAIN * one.known.se for one in first):
        return say("Most worth knowing: {each}.", each=each)
    return say(
        "Most worth knowing: {each}. With {draws} draws none of them is beyond chance: more draws tell.",
        each=each,
        draws=f"{comparison.frame.draws:,}",
    )


def _turns(asked: Scenario, draws: Draws, threads: int | None, observer: Observer) -> Turns | None:
    """Return the nearest flips of the numbers in doubt, None with fewer draws than FEWEST."""
    if draws.count < FEWEST:
        return None
    # Here, since most comparisons have no doubt, and drawing and root finding take long to import.
    from simulator.decision.flips import flips

    keys = [one.key for one in draws.doubts]
    found = flips(asked.as_written, keys=keys, threads=threads, observer=Aside(observer))
    rows = {(row["key"], row["measure"], row["to_best"], row["flips_at"]): row for row in found.table.to_pylist()}

    def row(flip):
        return rows[flip.varied.key, flip.measure, flip.to_best, flip.varied.shown(flip.at)]

    frame = found.comparison.frame
    home = {measure: _at_home(found.comparison, measure, best) for measure, best in found.best.items()}
    nearest = {measure: [row(flip) for flip in some] for measure, some in found.first.items()}
    return Turns(nearest, found.first, home, frame.borrowers, frame.replications)


def _at_home(comparison: Comparison, measure: str, best: str) -> AtHome:
    """Return by how much the best lender leads."""
    values = {name: comparison.estimate(name, measure).value for name in comparison.ledgers if name != best}
    second = max(values, key=values.__getitem__)
    return AtHome(best, second, comparison.difference(best, measure, against=second))


def _alone(value) -> float | None:
    """Return a number; None for a list of them."""
    return None if isinstance(value, list) else float(value)


def best_in_words(comparison: Doubted, measure: str) -> dict[str, str]:
    """Return in words how likely each lender is the best by a measure, the best one and what it loses: slots."""
    found = comparison.choices[measure]
    likely = sorted(found.probability, key=lambda name: -found.probability[name].value)
    chances = {name: phrasing.number(*found.probability[name], SHARE) for name in likely}
    ever = [
        say("{lender} {chance}", lender=phrasing.quoted(name, comparison.frame), chance=said)
        for name, said in chances.items()
        if found.probability[name].value > 0
    ]
    return {
        "measure": phrasing.label(measure),
        "chances": in_a_row(ever),
        "best": phrasing.quoted(found.best, comparison.frame),
        "lost": phrasing.number(*found.perfect_information, comparison.frame.currency),
    }


def _anew(*kept) -> Doubted:
    *of_comparison, known = kept
    return Doubted(*of_comparison, known=known)


def _in_pairs(scenario: Scenario, draws: int) -> Scenario:
    """Return the scenario with two replications for each draw."""
    if not scenario.variants:
        raise UserError(Problem(str(scenario.path), "variant", "there is none", "doubt is about a choice: add one"))
    return scenario.with_replications(2 * draws)


def _cautions(draws: Draws) -> list[str]:
    """Return what must be known first: what was drawn again, what was drawn, what was not."""
    again = draws.refused.total()
    said: list[str] = []
    if again:
        key, times = draws.refused.most_common(1)[0]
        said.append(
            kept(
                "{again} draw not allowed by the scenario, drawn again ({share}\u00a0% of all; most often {key}, "
                "{times}): ranges that rule each other out are drawn as far as they do not."
                if again == 1
                else "{again} draws not allowed by the scenario, drawn again ({share}\u00a0% of all; most often {key}, "
                "{times}): ranges that rule each other out are drawn as far as they do not.",
                again=f"{again:,}",
                share=f"{100 * again / (again + draws.count):.0f}",
                key=key,
                times=f"{times:,}",
            )
        )
    drawn = {"numbers": f"{len(draws.doubts):,}", "times": f"{draws.count:,}"}
    if draws.left:
        said.append(
            kept(
                "Under doubt: {numbers} numbers are drawn from their ranges, {times} times; values are means over the "
                "draws, errors and intervals hold chance and doubt. Not drawn: {left}.",
                **drawn,
                left=", ".join(draws.left),
            )
        )
    else:
        said.append(
            kept(
                "Under doubt: {numbers} numbers are drawn from their ranges, {times} times; values are means over the "
                "draws, errors and intervals hold chance and doubt.",
                **drawn,
            )
        )
    if draws.count < FEWEST:
        said.append(
            kept(
                "{draws} draws are few: how likely each lender is the best, and what choosing it loses, are rough; "
                "--doubt {fewest} and more also tells what each number is worth knowing, and what turns the choice.",
                draws=f"{draws.count:,}",
                fewest=FEWEST,
            )
        )
    return said

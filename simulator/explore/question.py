"""What is asked: from which lender one starts, in which world, for how many months, with which settings moved."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import urlencode

from simulator.explore.controls import Control, Value, controls, in_whole, refusal_at, value_at, with_stop
from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.run import read_book
from simulator.scenario.prices import asked_rates, price_cautions
from simulator.scenario.reader import rewritten
from simulator.scenario.scenario import AS_WRITTEN, BASELINE, Scenario
from simulator.scenario.schema import Settings

START, WORLD, MONTHS, LANGUAGE = "from", "world", "months", "language"  # keys of the address
HORIZONS = (6, 12, 18, 24, 36, 48, 60)  # months of lending
MOST_MONTHS = 120  # or those of the file: what a month adds to the wait grows with their number
YOURS = kept("your settings")  # what a caution calls the lender of a question
OWN = "what_if"  # the variant that is made of the baseline
MOST_OF_A_KEY = 80  # characters that are told of a key that there is none of
WHOLE = re.compile("-?[0-9]+")
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


@dataclass(frozen=True)
class Question:
    """One place of all controls. `moved` are the settings that differ from those of the lender it starts from."""

    start: str
    world: str
    months: int
    moved: tuple[tuple[str, Value], ...] = ()

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is asked: the lender is the baseline itself."""
        return self.start == BASELINE and not self.moved

    @property
    def here(self) -> "Question":
        """The question of the baseline in the same world and months."""
        return replace(self, start=BASELINE, moved=())


class Asked(NamedTuple):
    """What a question is about: the scenario with the lender in it, and the settings of both that are compared."""

    scenario: Scenario  # in the world that is asked for
    own: Settings
    baseline: Settings


class Explored:
    """A scenario whose policies are moved on the page: its controls, and the lenders that they make."""

    def __init__(self, scenario: Scenario):
        """Take the scenario with whatever was set on the command line."""
        self.scenario = replace(scenario, against={})
        self._written = rewritten(self.scenario)
        taken = {BASELINE, *scenario.variants}
        self.own = next(name for k in range(len(taken) + 1) if (name := f"{OWN}{k or ''}") not in taken)

    @property
    def starts(self) -> tuple[str, ...]:
        """The lenders one may start from: the baseline, and every variant."""
        return BASELINE, *self.scenario.variants

    @property
    def worlds(self) -> tuple[str, ...]:
        """The worlds: that of the file as written, and the scenario's others."""
        return tuple(self.scenario.every_world)

    @cached_property
    def controls(self) -> dict[str, Control]:
        """The controls by key, in the order of the file."""
        return controls(self.scenario.baseline, list(self.scenario.variants.values()))

    @cached_property
    def book(self):
        """The TapeBook of the tape that the scenario starts from; None if it draws its borrowers."""
        return read_book(self.scenario)

    def cautions(self, question: Question) -> list[str]:
        """Return what must be known before any number: of the scenario, of a question's prices, and of its tape.

        Of settings that exclude each other there are no prices.
        """
        try:
            asked = self.asked(question)
        except UserError:
            asked = self.asked(question.here)
        rates = {name: asked_rates(one) for name, one in ((BASELINE, asked.baseline), (YOURS, asked.own))}
        return [*self.scenario.cautions, *price_cautions(rates), *(self.book.cautions if self.book else [])]

    @cached_property
    def home(self) -> Question:
        """The question that the page opens with: nothing is moved."""
        return Question(BASELINE, AS_WRITTEN, self.scenario.baseline.months)

    def horizons(self, question: Question) -> tuple[int, ...]:
        """Return the stops of the months, those of the scenario and of the question among them."""
        return tuple(sorted({*HORIZONS, self.home.months, question.months}))

    def lender(self, start: str) -> Settings:
        """Return the settings of the lender one starts from, as the file has them."""
        return self.scenario.variants.get(start, self.scenario.baseline)

    def controls_of(self, question: Question) -> dict[str, Control]:
        """Return the controls with the values of a question among their stops."""
        moved = dict(question.moved)
        return {key: with_stop(one, moved[key]) if key in moved else one for key, one in self.controls.items()}

    def values(self, question: Question) -> dict[str, Value]:
        """Return the value of each control under a question, by key."""
        lender, moved = self.lender(question.start), dict(question.moved)
        own = {key: value_at(lender, key) for key in self.controls}
        return {key: moved.get(key, value) for key, value in own.items() if value is not None}

    def question(self, said: Iterable[tuple[str, str]]) -> Question:
        """Return the question of the pairs of an address; UserError with everything that is wrong in it."""
        said = list(said)
        problems = [
            Problem(_short(key), "", kept("given more than once"))
            for key, times in Counter(key for key, _ in said).items()
            if times > 1
        ]
        said = [pair for pair in said if pair[0] != LANGUAGE]
        found: dict[str, Any] = {}
        moved: dict[str, Value] = {}
        names = {START: self.starts, WORLD: self.worlds}
        lender = self.lender(dict(said).get(START, BASELINE))
        for key, text in said:
            if key in names:
                found[key] = text
                if text not in names[key]:
                    problems.append(
                        Problem(key, text, kept("there is none of that name"), did_you_mean(text, names[key]))
                    )
            elif key == MONTHS:
                months = _number(text)
                most = max(MOST_MONTHS, self.home.months)
                if not isinstance(months, int) or not 1 <= months <= most:
                    allowed = kept("allowed: 1 to {most}", most=most)
                    problems.append(Problem(key, text, kept("not months"), allowed))
                found[key] = months
            elif key in self.controls and value_at(lender, key) is not None:
                value = self._value(key, text)
                if why := refusal_at(lender, key, value):
                    problems.append(Problem(key, text, kept("not allowed"), why))
                moved[key] = value
            else:
                known = [one for one in self.controls if value_at(lender, one) is not None]
                problems.append(Problem(_short(key), "", kept("no such setting"), did_you_mean(_short(key), known)))
        if problems:
            raise UserError(problems)
        start = found.get(START, BASELINE)
        asked = {key: moved[key] for key in self.controls if key in moved and moved[key] != value_at(lender, key)}
        return Question(start, found.get(WORLD, AS_WRITTEN), found.get(MONTHS, self.home.months), tuple(asked.items()))

    def address(self, question: Question) -> str:
        """Return the question as the query of an address: only what differs from the scenario."""
        home = self.home
        pairs = [(START, question.start), (WORLD, question.world), (MONTHS, str(question.months))]
        usual = (home.start, home.world, str(home.months))
        said = [pair for pair, own in zip(pairs, usual, strict=True) if pair[1] != own]
        return urlencode([*said, *((key, text_of(value)) for key, value in question.moved)])

    def name_of(self, question: Question) -> str:
        """Return the name of the variant that a question makes, or that it is."""
        return self.own if question.start == BASELINE else question.start

    def asked(self, question: Question) -> Asked:
        """Return what a question is about; UserError where its settings exclude each other."""
        there = self.scenario_at(question).every_world[question.world]
        return Asked(there, there.variants.get(self.name_of(question), there.baseline), there.baseline)

    def scenario_at(self, question: Question) -> Scenario:
        """Return the scenario with the lender of a question as its only variant, in the world that is asked for too."""
        name = self.name_of(question)
        others: dict[str, Any] = {f"variant.{other}": False for other in self.scenario.variants if other != name}
        others |= {f"world.{world}": False for world in self.scenario.worlds if world != question.world}
        whole = in_whole(self.lender(question.start), question.moved)
        moved: Mapping[str, Any] = {f"variant.{name}.{key}": value for key, value in whole.items()}
        months = {} if question.months == self.home.months else {MONTHS: question.months}
        return self._written.at({**others, **moved, **months})

    def _value(self, key: str, text: str) -> Value:
        """Return the value that a text of an address stands for, as the control has it."""
        stops = self.controls[key].stops
        if (known := {text_of(stop): stop for stop in stops}).get(text) is not None:
            return known[text]
        number = _number(text)
        is_whole = all(isinstance(stop, int) for stop in stops if not isinstance(stop, str))
        with suppress(OverflowError):  # beyond every number: left as it is, and refused
            return float(number) if isinstance(number, int) and not is_whole else number
        return number


def text_of(value: Value) -> str:
    """Return a value as it stands in an address, and in a scenario file without its quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str) -> Value:
    """Return the number that a text is in plain digits, else the text."""
    for kind, form in ((int, WHOLE), (float, DECIMAL)):
        if form.fullmatch(text):
            with suppress(ValueError):  # a whole number may have too many digits to be read as one
                return kind(text)
    return text


def _short(key: str) -> str:
    """Return a key that may be of any length, as a message has it."""
    return key if len(key) <= MOST_OF_A_KEY else f"{key[: MOST_OF_A_KEY - 3]}..."

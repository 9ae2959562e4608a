"""A diary: the months of one borrower in words, side by side under up to three variants under common random numbers."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from numbers import Integral
from pathlib import Path
from typing import Any

from simulator.analysis.score_power import resolved
from simulator.diaries import sentences
from simulator.diaries.address import address_of, tile_of
from simulator.diaries.life import Life, alone, live
from simulator.diaries.page import Diary, Entry, Row
from simulator.diaries.portrait import portrait
from simulator.engine import engine
from simulator.engine.monthly import levers_in_force
from simulator.lowering.lower import Lowered, lower, tables_for
from simulator.model.errors import Problem, UserError, did_you_mean, names_of
from simulator.model.layout import BALANCE, FLOWS, G_MODEL, N_ACCOUNT, N_BORROWER, N_PRODUCT, NONE, STATUS
from simulator.model.observer import SILENT, Observer, compiling
from simulator.run import check_room, read_book
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.scenario.titles import quoted, shown_names

COLUMNS = 3  # variants side by side
TOTALS = (
    *("paid", "new_credit", "interest", "fees", "written_off", "recovered", "commission", "sold_open_proceeds"),
    *("sold_written_off_proceeds", "expired", "forgiven", "contact_cost", "recovery_cost", "settlement_cash"),
)
ACCOUNTS = tuple(N_BORROWER + product * N_ACCOUNT for product in range(N_PRODUCT))  # where each begins in a state


def diary(
    scenario: Scenario | str | Path | Mapping[str, Any],
    borrower: str,
    variants: Sequence[str] = (),
    replication: int = 0,
    *,
    observer: Observer | None = None,
) -> Diary:
    """Return the diary of `borrower` ("segment:index", "segment:entry month:index", or an account of the tape).

    `variants`: up to three; with one the baseline stands in front of it, without any the baseline and the first two
    others are told. The months are those of `compare`, run-off included. `observer` as in `compare`. Raises UserError
    if what is named does not exist, with what does.
    """
    scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    lenders = _lenders(scenario, variants)
    if scenario.worlds and observer is not None:
        observer.note(scenario.worlds_left_out)
    replications = scenario.baseline.replications
    if not isinstance(replication, Integral) or not 0 <= replication < replications:
        allowed = f"allowed: 0 to {replications - 1}, as the scenario has {replications} replications"
        raise UserError(Problem("--replication", "", f"found {replication!r}", allowed))
    book = read_book(scenario)
    check_room(lenders.values(), True)
    lenders, _ = resolved(scenario, lenders, None, SILENT if observer is None else observer)
    worlds = {name: lower(settings, book and book.tape, True) for name, settings in lenders.items()}
    world = next(iter(worlds.values()))
    engine.prepare(world, compiling(SILENT if observer is None else observer))
    levers = {name: levers_in_force(each, replication) for name, each in worlds.items()}
    who = address_of(borrower, world.segments, world.tiles, scenario.baseline)
    lives = {name: _life(world, name, levers[name], who, replication) for name, world in worlds.items()}
    rules = {
        name: [sentences.rules_of(world.tables, levers[name], who.segment, m) for m in range(world.months_total + 1)]
        for name, world in worlds.items()
    }
    called = shown_names({name: one.title for name, one in scenario.variants.items()})
    telling = _Telling(lives, rules, world, {name: called.get(name, name) for name in lenders})

    about = [f"replication {replication}", f"amounts in {scenario.baseline.currency.code}"]
    if world.months < world.months_total:
        about.append(f"no new credit after month {world.months}")
    arrived = f"applicant of month {who.entry}" if who.entry else "of the opening book"
    name = ":".join(map(str, (world.segments[who.segment], *([who.entry] if who.entry else []), who.index)))
    first = next(iter(lives.values()))
    structural = bool(world.tables.segment[who.segment, G_MODEL] == 0)
    return Diary(
        title=f"{name}, {arrived}: {scenario.baseline.title} ({', '.join(about)})",
        who=portrait(next(iter(first.states.values())), who.entry, structural, telling.money),
        findings=tuple(telling.finding(name) for name in telling.names[1:]),
        variants=telling.names,
        called=tuple(telling.called.values()),
        rows=tuple(telling.rows()),
        entries=tuple(telling.entries()),
        totals=tuple(telling.total(life) for life in lives.values()),
    )


def _lenders(scenario, named):
    """Return the settings of the variants asked for, by name."""
    known = {BASELINE: scenario.baseline, **scenario.variants}
    named = names_of("--variant", named)
    unknown = [str(name) for name in named if name not in list(known)]
    if unknown:
        raise UserError([Problem("--variant", name, "no such variant", did_you_mean(name, known)) for name in unknown])
    named = list(dict.fromkeys(named))
    if len(named) > COLUMNS:
        raise UserError(Problem("--variant", "", f"found {len(named)}", f"allowed: up to {COLUMNS} side by side"))
    if len(named) < 2:
        named = list(dict.fromkeys([BASELINE, *(named or list(scenario.variants)[: COLUMNS - 1])]))
    return {name: known[name] for name in named}


def _life(world: Lowered, name: str, levers, who, replication: int) -> Life:
    """Return the life of a borrower under the variant `name`."""
    tile = tile_of(who, world.tiles)
    if tile is None:
        found = "this borrower is not there under it"
        raise UserError(Problem("--variant", name, found, "its segments have other shares: tell it on its own"))
    tables = tables_for(world, replication, replication + 1)
    return live(tables, levers, alone(tile, who.index), world.tape, replication, world.months_total)


class _Telling:
    """The lives of one borrower by variant, and what is said of each month."""

    def __init__(
        self, lives: dict[str, Life], rules: dict[str, list[sentences.Rules]], world: Lowered, called: dict[str, str]
    ):
        self.lives, self.names, self.called = lives, tuple(lives), called
        self.money = partial(_money, minor_units=world.minor_units)
        self.said = {name: {m: _said(life, m, rules[name][m]) for m in life.states} for name, life in lives.items()}
        self.months = list(self.said[self.names[0]])
        self.run_off_from = world.months + 1
        states = [state for life in lives.values() for state in life.states.values()]
        self.both = all(any(state[at + STATUS] != NONE for state in states) for at in ACCOUNTS)

    def text(self, name: str, months) -> str:
        """Return what is said of some months under a variant."""
        return sentences.told([self.said[name][month] for month in months], self.money, self.both)

    def facts(self, name: str, month: int) -> dict[tuple, sentences.Sentence]:
        """Return what is said of a month and makes a difference, by account and text."""
        said = self.said[name][month]
        return {(s.product, s.text(self.money)): s for s in said if not s.line.aside}

    def differs(self, month: int) -> tuple[bool, ...]:
        """Return for each variant whether a month is another one than under the first variant."""
        facts = [self.facts(name, month) for name in self.names]
        return tuple(other.keys() != facts[0].keys() for other in facts)

    def rows(self):
        """Yield every month of every variant."""
        for month in self.months:
            for name, differs in zip(self.names, self.differs(month), strict=True):
                life = self.lives[name]
                yield Row(month, name, self.text(name, [month]), life.states[month], life.flows[month], differs)

    def entries(self):
        """Yield the months in order, quiet neighbours together where they differ, or not, in the same variants."""
        spans = [list(group) for _, group in groupby(self.months, self._alike)]
        for span in spans:
            texts = tuple(self.text(name, span) for name in self.names)
            if span is spans[-1] and span[0] > 0 and not any(texts):
                texts = ("nothing more",) * len(self.names)
            yield Entry(span[0], span[-1], texts, self.differs(span[0]))

    def _alike(self, month):
        """Return what neighbours share that are told together: the month itself where it is not quiet."""
        said = [self.said[name][month] for name in self.names]
        if month == 0 or not all(map(sentences.is_quiet, said)):
            return month
        return self.differs(month), any(said), month >= self.run_off_from

    def finding(self, name: str) -> str:
        """Return from when on a variant differs from the first one, and how."""
        place = self.names.index(name)
        own, first = (quoted(self.called[key], key) for key in (name, self.names[0]))
        month = next((m for m in self.months if self.differs(m)[place]), None)
        if month is None:
            return f"{own}: the same as {first} in every month"
        since = "different from"
        if month > max(self.months[0], 1):
            since = f"the same as {first} until month {month - 1}; in"
        here, there = self.facts(name, month), self.facts(first, month)
        only_here, only_there = (
            sentences.told([[facts[key] for key in facts if key not in other]], self.money, self.both)
            for facts, other in ((here, there), (there, here))
        )
        how = only_here + (f" ({first}: {only_there})" if only_there else f" (not under {first})")
        return f"{own}: {since} month {month}: {how if only_here else f'not, as under {first}: {only_there}'}"

    def total(self, life: Life) -> str:
        """Return the sums of a life's flows that are not 0, and the balance at its end."""
        sums = dict(zip(FLOWS, life.flows[1:].sum((0, 1)).tolist(), strict=True))
        said = [f"{name.replace('_', ' ')} {self.money(sums[name])}" for name in TOTALS if sums[name]]
        last = life.states[self.months[-1]]
        return "; ".join([*said, f"balance at the end {self.money(sum(last[at + BALANCE] for at in ACCOUNTS))}"])


def _said(life: Life, month: int, rules: sentences.Rules) -> list[sentences.Sentence]:
    """Return what is said of a month of a life."""
    state = life.states[month]
    if month == 0:
        return sentences.of_opening(state, life.flows[0], rules)
    arrives = state[:N_BORROWER] + (NONE,) * (N_PRODUCT * N_ACCOUNT)  # no accounts yet; a person who does not change
    return sentences.of_month(life.states.get(month - 1, arrives), state, life.flows[month], rules)


def _money(amount: int, minor_units: int) -> str:
    """Return an amount in minor units as one in units of the currency, exact, with thousands separators."""
    whole, rest = divmod(abs(amount), minor_units)
    digits = len(str(minor_units)) - 1
    return f"{'−' if amount < 0 else ''}{whole:,}" + (f".{rest:0{digits}}" if digits else "")

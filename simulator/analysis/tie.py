"""The tie of reasons to a book's own levels: what a scenario asks for (`behaviour.structural.levels`) as `tie`.

Shares of accounts that get worse and that are current again, by month and bucket, and 30+ by month, are what another
model forecasts for the book. Here a shift of the log-odds and a share of part payments, by month and bucket, are sought
with which the baseline lives so: all months at once, whole runs under common random numbers. All lenders then share
them, so that they differ by what they do to reasons, and by nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.engine import engine
from simulator.language.catalogue import kept
from simulator.lowering.lower import lower
from simulator.model.errors import Problem, UserError
from simulator.model.kept import kept_as
from simulator.model.layout import (
    ABSENT,
    BUCKETS,
    CAUSES,
    F_N_ACCOUNTS,
    F_N_DPD30,
    F_N_DPD30_BY,
    LINE,
    SUMS_PER_BATCH,
    TAPE_PERSON,
    TO_CLOSED_AT_ZERO,
    TO_PAID_OFF,
    TO_WRITTEN_OFF,
)
from simulator.model.observer import Observer, compiling
from simulator.model.tables import Sums
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Levels, Settings, Tie
from simulator.tape.tape import Tape, read_tape

FIRST = 1 << 20  # number of the first replication that a tie is sought in: no run has it
WORK, MOST, FEWEST = 2e7, 400, 2  # account-months of a run that a tie is sought in, and its replications
MOST_RUNS = 16
SETTLES, ENOUGH = 3, 0.9  # it ends after so many runs in which the worst month's 30+ comes no nearer than to this share
NEAR = 0.01  # of 30+: as near as it is to be in each month
LEAN = 100.0  # accounts of all months of a bucket that a cell's own are worth; assumption
FAR_MOVED = 1.5  # log-odds of accounts on time, mean over months, from which it is said; assumption
FURTHEST = 5.0  # log-odds of a shift, either way; beyond it nothing more happens
TOLD, SLOPES = 0.05, (0.3, 4.0)  # log-odds that a shift must have moved to tell its slope, and what slopes may be
STEP = 2.0  # log-odds of a shift at once
DAMPED = 0.25  # part of what 30+ is off by that is answered at once: some of it is the shares', which move too
TINY = 1e-6


class Moves(NamedTuple):
    """What lines did, float64[month, bucket] of all replications together; the first month is 1."""

    there: np.ndarray  # accounts in the bucket as the month begins
    worse: np.ndarray  # of them, those that end it in a worse bucket or written off
    cured: np.ndarray  # current at its end, or paid off
    late: np.ndarray  # float64[month]: share 30 or more days past due of the accounts that are open at its end
    written_off: np.ndarray  # of those that got worse
    causes: np.ndarray  # float64[month, cause]: accounts 30 or more days past due, by what they missed their dues for

    def of_buckets(self, buckets: int) -> "Moves":
        """Return them with the deepest of so many buckets standing for all beyond it."""

        def together(table):
            return np.concatenate([table[:, : buckets - 1], table[:, buckets - 1 :].sum(axis=1, keepdims=True)], axis=1)

        there, worse, cured, late, lost, causes = self
        return Moves(together(there), together(worse), together(cured), late, together(lost), causes)


@dataclass(frozen=True)
class Tied:
    """A tie, and how well it keeps the levels asked for."""

    tie: Tie
    seen: Moves  # of the tied baseline
    asked: np.ndarray  # float64[month]: 30+ asked for

    @property
    def off(self) -> np.ndarray:
        """Return float64[month]: 30+ over what is asked for, less 1."""
        return self.seen.late / np.maximum(self.asked, TINY) - 1

    @property
    def cautions(self) -> list[str]:
        """Return what must be known before any number: how well levels are kept, and by how much reasons were moved."""
        moved = float(np.mean([abs(row[0]) for row in self.tie.shift]))
        if moved <= FAR_MOVED:
            return [self.words]
        far = kept(
            "To be late as often as the tape's accounts on time are, reasons were moved by {moved} log-odds on average"
            ": what a policy does to them here is the tie's more than the prior's. Another prior may fit.",
            moved=f"{moved:.1f}",
        )
        return [self.words, far]

    @property
    def words(self) -> str:
        """Return how well the levels are kept, in a sentence."""
        worst = int(np.argmax(np.abs(self.off)))
        slots = {"months": len(self.off), "most": f"{abs(self.off[worst]):.1%}", "month": worst + 1}
        if abs(self.off[worst]) <= NEAR:
            return kept(
                "Reasons are tied to the levels of the tape's own forecast: 30+ of the baseline is within {most} of it "
                "in each of {months} months.",
                **{name: slots[name] for name in ("most", "months")},
            )
        return kept(
            "Reasons are tied to the levels of the tape's own forecast, but not all are reached: 30+ of the baseline "
            "is more than {near} off in {far} of {months} months, most in month {month}, by {most}.",
            near=f"{NEAR:.0%}",
            far=int((np.abs(self.off) > NEAR).sum()),
            **slots,
        )


def tied(scenario: Scenario, lenders: Mapping[str, Settings], threads: int | None, observer: Observer) -> dict:
    """Return the settings of the lenders with the tie of the baseline, where that asks for levels.

    It is that of the file as written, whatever the world: policies and economy are to move levels, not the tie.
    """
    found = tie_of(scenario, threads, observer)
    if found is None:
        return dict(lenders)
    return {name: with_tie(settings, found.tie) for name, settings in lenders.items()}


def tie_of(scenario: Scenario, threads: int | None, observer: Observer) -> Tied | None:
    """Return the tie of a scenario, None if it asks for no levels; worked out once."""
    home = (scenario.written or scenario).baseline
    levels = home.behaviour.structural.levels
    if levels is None or home.behaviour.model != "structural":
        return None
    tape = None
    if home.portfolio.tape:
        book = read_tape(home.portfolio.tape, home.portfolio.mapping, home)
        tape, files = book.tape, (book.report["sha256"], book.report["mapping_sha256"])
        if (tape.values[..., TAPE_PERSON] != ABSENT).any() and levels.people_seed not in (None, home.seed):
            wish = f"allowed: {levels.people_seed}, under which the people of the tape were drawn"
            raise UserError(Problem(str(scenario.path), "seed", f"found {home.seed}", wish))
    else:
        files = ("", "")

    def sought():
        observer.note("tying reasons to the book's levels")
        return solve(home, tape, levels, threads, observer)

    return kept_as((tied, home, *files), sought)


def with_tie(settings: Settings, tie: Tie) -> Settings:
    """Return the settings with a tie, asking for no levels any more."""
    structural = settings.behaviour.structural.model_copy(update={"tie": tie, "levels": None})
    return settings.model_copy(update={"behaviour": settings.behaviour.model_copy(update={"structural": structural})})


def at_factor_0(settings: Settings, months: int, replications: int) -> Settings:
    """Return the settings of so many months and replications, without the common factor."""
    factor = settings.economy.factor.model_copy(update={"enabled": False})
    economy = settings.economy.model_copy(update={"factor": factor})
    return settings.model_copy(update={"months": months, "replications": replications, "economy": economy})


def moves_of(sums: Sums) -> Moves:
    """Return what the lines of a run did."""
    counts = sums.rolls[..., 0].sum(axis=(0, 2))[1:, LINE, :BUCKETS].astype(np.float64)  # [month, from, to]
    bucket = np.arange(BUCKETS)
    up = (bucket[None, :] > bucket[:, None]) & np.ones((len(counts), 1, 1), bool)
    worse = (counts[..., :BUCKETS] * up).sum(axis=2) + counts[..., TO_WRITTEN_OFF]
    cured = counts[..., 0] + counts[..., TO_PAID_OFF] + counts[..., TO_CLOSED_AT_ZERO]
    cured[:, 0] = 0.0
    flows = sums.flows.sum(axis=(0, 1, 3))[1:, LINE].astype(np.float64)  # [month, flow]
    late = flows[:, F_N_DPD30] / np.maximum(flows[:, F_N_ACCOUNTS], 1)
    causes = flows[:, F_N_DPD30_BY : F_N_DPD30_BY + len(CAUSES)]
    return Moves(counts.sum(axis=2), worse, cured, late, counts[..., TO_WRITTEN_OFF], causes)


def replications_for(tape: Tape | None, settings: Settings, months: int) -> int:
    """Return how many replications of a book are lived to see its shares."""
    accounts = len(tape.values) if tape is not None else settings.portfolio.borrowers
    return int(np.clip(np.ceil(WORK / max(accounts * months, 1)), FEWEST, MOST))


def lived(
    settings: Settings,
    tape: Tape | None,
    months: int,
    threads: int | None,
    observer: Observer,
    pushed: float | None = None,
) -> Moves:
    """Return what the lines of a book do in its first months, at factor 0, whoever else lives.

    With `pushed` the factor stands there in month 1 and goes back as it persists.
    """
    replications = replications_for(tape, settings, months)
    more = {"months": months, "replications": replications}
    world = lower(
        at_factor_0(settings, months, replications) if pushed is None else settings.model_copy(update=more), tape
    )
    news = np.zeros((replications, months))
    news[:, 0] = pushed or 0.0
    world = world._replace(first=FIRST - FIRST % SUMS_PER_BATCH, news=news)
    engine.prepare(world, compiling(observer))
    return moves_of(engine.run(world, threads))


def solve(settings: Settings, tape: Tape | None, levels: Levels, threads: int | None, observer: Observer) -> Tied:
    """Return the tie with which the lines of the book have these levels, or come nearest to them.

    A shift moves its cell's share that gets worse, by how much is seen in the run before; a part payment takes from
    those who would be current again. What is left of 30+ by month (accounts that get better and stay late, exits) is
    taken from, or given to, both in that month.
    """
    asked = _asked(levels)
    months, buckets = asked.worse.shape
    shift, part = np.zeros((months, buckets)), np.zeros((months, buckets))
    more = np.zeros(months)  # log-odds of being current again beyond what is asked for
    part[:, 1:] = np.clip(1 - asked.cured[:, 1:] / np.maximum(1 - asked.worse[:, 1:], TINY), 0.02, 0.98)
    slope, before = np.ones((months, buckets)), None
    best: tuple[float, Tie, Moves] | None = None
    past: list[float] = []
    for run in range(MOST_RUNS):
        tie = Tie(shift=shift.round(6).tolist(), part=part[:, 1:].round(6).tolist(), loading=levels.loading)
        seen = lived(with_tie(settings, tie), tape, months, threads, observer).of_buckets(buckets)
        far = float(np.abs(seen.late / np.maximum(asked.late, TINY) - 1).max())
        if best is None or far < best[0]:
            best = far, tie, seen
        past.append(best[0])
        if run >= SETTLES and (best[0] <= NEAR / 2 or best[0] > ENOUGH * past[run - SETTLES]):
            break
        worse = leaning(seen.worse, seen.there)
        if before is not None:
            moved, answer = shift - before[0], _logit(worse) - before[1]
            told = np.abs(moved) > TOLD
            slope = np.where(told, np.clip(answer / np.where(told, moved, 1.0), *SLOPES), slope)
        before = shift, _logit(worse)
        if run >= SETTLES - 1:
            more = np.clip(more + _level_step(seen, asked), -3, 3)
        gap = (_logit(asked.worse) - more[:, None] / 2 - _logit(worse)) / slope
        shift = np.clip(shift + np.clip(gap, -STEP, STEP), -FURTHEST, FURTHEST)
        part[:, 1:] = _parts(seen, asked, part, more, worse)[:, 1:]
    assert best is not None
    return Tied(best[1], best[2], asked.late)


def _asked(levels: Levels) -> Moves:
    """Return the levels as shares by month and bucket: of buckets, the last that is given also for deeper ones."""
    months = len(levels.late)

    def table(rows, first):
        width = first + max(map(len, rows))
        found = np.zeros((months, width))
        for m in range(months):
            row = rows[min(m, len(rows) - 1)]
            found[m, first:] = [*row, *row[-1:] * (width - first - len(row))]
        return found

    worse, cured = table(levels.worse, 0), table(levels.cured, 1)
    width = max(worse.shape[1], cured.shape[1])
    wider = [np.pad(shares, ((0, 0), (0, width - shares.shape[1])), mode="edge") for shares in (worse, cured)]
    nothing = np.zeros_like(wider[0])
    return Moves(np.ones_like(nothing), wider[0], wider[1], np.array(levels.late), nothing, nothing)


def leaning(some: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the share of each cell; thin ones lean on their bucket's, all months together."""
    pooled = some.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return (some + LEAN * pooled) / (there + LEAN)


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-5, 1 - 1e-5)
    return np.log(p / (1 - p))


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _level_step(seen: Moves, asked: Moves) -> np.ndarray:
    """Return float64[month]: log-odds of being current again that 30+ of the month is off by, after the month before.

    Half as much is taken from those of getting worse. What is too much in a month is carried into the next by those
    who stay late: only what is new is answered.
    """
    late = seen.there[:, 1:]
    cured = seen.cured[:, 1:] / np.maximum(late, 1)
    accounts = np.maximum(seen.there.sum(axis=1), 1)
    worse = seen.worse[:, 0] / accounts
    gain = (late * cured * (1 - cured)).sum(axis=1) / accounts + worse * (1 - worse) / 2
    stays = 1 - seen.cured[:, 1:].sum(axis=1) / np.maximum(late.sum(axis=1), 1)
    excess = seen.late - asked.late
    new = excess - np.concatenate(([0.0], stays[1:] * excess[:-1]))
    return DAMPED * np.clip(new / np.maximum(gain, 1e-4), -1, 1)


def _parts(seen: Moves, asked: Moves, part: np.ndarray, more: np.ndarray, worse: np.ndarray) -> np.ndarray:
    """Return the shares of part payments with which the wished number is current again.

    Accounts that neither get worse nor are current paid in part; of payers they are `part`, so there are stay / part.
    """
    wish = _expit(_logit(asked.cured) + more[:, None])
    cured = leaning(seen.cured, seen.there)
    stay = np.maximum(1 - cured - worse, 0)
    scale = np.maximum(1 - asked.worse, TINY) / np.maximum(1 - worse, TINY)  # payers as the shift changes them
    payers = np.where(part > 0.01, stay / np.maximum(part, 0.01), cured)
    others = np.maximum(cured - (payers - stay), 0)  # current again without deciding to: paid after all in the month
    new = 1 - (wish / scale - others) / np.maximum(payers, TINY)
    return np.clip(new, 0.0, 0.995)

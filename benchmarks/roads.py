"""Every road beside the one it is held against: rolls, readers of the book, segments, tapes, lowering, variants.

Both of a pair run in each round, in one process, on one thread; a time is the best processor time. Peak memory is what
Python and NumPy held in a run of its own.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from simulator.engine import engine
from simulator.engine.trajectories import Trajectories
from simulator.lowering.lower import Lowered, lower
from simulator.model.layout import BALANCE, BUCKET, K_COUNT, K_SEGMENT, LIMIT, LINE_AT, STATUS
from simulator.run import read_book
from simulator.scenario.reader import Written, load_scenario
from simulator.scenario.schema import Memory, SegmentRollRates

from .kernel import BORROWERS, REPLICATIONS
from .timing import seconds
from .worlds import SCENARIOS, shipped

ROUNDS = 5
SEGMENTS, EACH, SEGMENT_REPLICATIONS = 125, 8, 1000  # a month of many small segments
TAPE, TAPE_MONTHS = 30_000, 36
READ_BORROWERS, READ_REPLICATIONS = 40_000, 8
VARIANTS_BORROWERS = 20_000
STAYS = 10  # months in a state, each of which has a row of its own
READ_CLOSED = {"portfolio.applicants_per_month": 0, "redraw_people": False}
READ = {"policy.cut.enabled": True, "portfolio.applicants_per_month": 0}
WHEN = {"policy.cut.when": {"measure": "dpd30_share_balance", "above": 0.0}}
MOVED = {  # keys of a lender and the first of the places that they are moved to
    "nothing moved": None,
    "a number moved": ("behaviour.structural.shock_probability", 0.03),
    "a beta moved": ("segment.salaried.forget.mean", 0.02),
}
MAPPING = """currency = "CNY"
[columns]
account_id = "id"
segment = "segment"
limit = "limit"
balance = "owed"
dpd = "late"
"""
STEP = 1e-5  # of a number from place to place


class Road(NamedTuple):
    """A road and the one it is held against, both in `unit`; `goal` and `stretch` are of their ratio, else of it."""

    name: str
    took: float
    against: float  # nan: nothing
    unit: str
    goal: float
    stretch: float
    megabytes: float = np.nan  # at most, in one run of it

    @property
    def times(self) -> float:
        """Return how many times as long it takes."""
        return self.took / self.against


def roads(progress: Callable[[str], None] = lambda name: None) -> Iterator[Road]:
    """Yield every road, measured."""
    line = shipped("huabei", BORROWERS, REPLICATIONS)
    rolls = shipped("taiwan_cards", BORROWERS, REPLICATIONS)
    kept = remembering(rolls)
    rows = len(kept.tables.roll_state[0, 0])
    progress("roll rates")
    yield _pair("roll rates against the line", rolls, line, 1.2, 1.1)
    yield _pair(f"the same with {rows} rows of memory", kept, line, 1.5, 1.3)
    progress("a policy that reads the book")
    yield _pair("a policy that reads the book against the same unread", *readers(), 1.9, 1.4)
    for name, factor, differ in (
        ("huabei", "false", False),
        ("taiwan_cards", "true", False),
        ("taiwan_cards", "true", True),
    ):
        progress(f"many segments of {name}")
        many, one = segments(name, factor, differ)
        what = {"huabei": "structural"}.get(name, "roll rates, " + ("a matrix each" if differ else "one matrix"))
        yield _pair(f"{SEGMENTS} segments of {EACH} against one ({what})", many, one, 10, 4)
    progress("a tape")
    yield from tape()
    progress("lowering")
    yield from lowering()
    progress("variants")
    yield variants()


def remembering(rolls: Lowered) -> Lowered:
    """Return the world of roll rates whose open states each have a row for every month of the first STAYS in them."""
    settings = rolls.settings
    own = settings.behaviour.roll_rates.line
    names = [state.name for state in own.states if isinstance(state.bucket, int)]
    memory = [
        Memory(state=name, months_in_state=[k, k], counts=_staying(row, s, k / 50))
        for s, (name, row) in enumerate(zip(names, own.counts, strict=True))
        for k in range(1, STAYS + 1)
    ]
    return lower(_rolling(settings, own.model_copy(update={"memory": memory})))


def _staying(row: list[float], state: int, more: float) -> list[float]:
    """Return the counts of a row with a share `more` of those that stay in its state."""
    return [number * (1 + more * (state == j)) for j, number in enumerate(row)]


def _rolling(settings, line):
    """Return the settings with another common matrix of the line."""
    rates = settings.behaviour.roll_rates.model_copy(update={"line": line})
    return settings.model_copy(update={"behaviour": settings.behaviour.model_copy(update={"roll_rates": rates})})


def readers() -> tuple[Lowered, Lowered]:
    """Return a lender whose policy reads the book and always holds, and the one with the same policy unread."""
    given = ({**settings, "redraw_people": False} for settings in (READ | WHEN, READ))
    one, other = (load_scenario(SCENARIOS / "huabei.toml", of, READ_BORROWERS, READ_REPLICATIONS) for of in given)
    return lower(one.baseline), lower(other.baseline)


def segments(name: str, factor: str, differ: bool) -> tuple[Lowered, Lowered]:
    """Return a month of many small segments, whose matrices `differ` or not, and one of as many people in one."""
    closed = ("redraw_people=false", f"economy.factor.enabled={factor}")
    settings = shipped(name, SEGMENTS * EACH, SEGMENT_REPLICATIONS, 1, closed).settings
    first = next(iter(settings.segment.values()))

    def split(n: int) -> Lowered:
        own = {f"s{k}": first.model_copy(update={"share": 1 / n}) for k in range(n)}
        if differ:
            line = settings.behaviour.roll_rates.line
            for k, segment in enumerate(own):
                counts = [_staying(row, s, k / 1000) for s, row in enumerate(line.counts)]
                rates = SegmentRollRates(line=line.model_copy(update={"counts": counts}))
                own[segment] = own[segment].model_copy(update={"roll_rates": rates})
        return lower(settings.model_copy(update={"segment": own}))

    return split(SEGMENTS), split(1)


def tape() -> Iterator[Road]:
    """Yield a month of a tape against one of the drawn book that it copies, then its first month, then reading."""
    drawn = load_scenario(SCENARIOS / "huabei.toml", READ_CLOSED, TAPE, REPLICATIONS, TAPE_MONTHS)
    with TemporaryDirectory() as folder:
        paths = copied(lower(drawn.baseline), Path(folder))
        own = load_scenario(SCENARIOS / "huabei.toml", READ_CLOSED | paths, None, REPLICATIONS, TAPE_MONTHS)
        book = read_book(own)
        reading = min(1e3 * seconds(partial(read_book, own))[1] for _ in range(ROUNDS))
    worlds = [lower(own.baseline, book.tape), lower(drawn.baseline)]
    short = [world.settings.model_copy(update={"months": 1}) for world in worlds]
    firsts = [lower(short[0], book.tape), lower(short[1])]
    whole, other, first, first_other = _best([partial(engine.run, world, 1) for world in (*worlds, *firsts)])
    lived = TAPE * REPLICATIONS * (TAPE_MONTHS - 1)
    nan = np.nan
    later = (1e9 * (took - one) / lived for took, one in ((whole, first), (other, first_other)))
    yield Road(f"a tape of {TAPE:,} accounts against that book drawn, a later month", *later, "ns", 1.05, 1.0)
    entering = (1e9 * took / (TAPE * REPLICATIONS) for took in (first, first_other))
    yield Road("the same, entering and the first month", *entering, "ns", nan, nan)
    yield Road("reading it", 1e6 * reading / TAPE, nan, "ns an account", nan, nan)


def copied(world: Lowered, folder: Path) -> dict[str, str]:
    """Write the opening book of a world as a tape with its mapping; return the settings that name them."""
    lives = Trajectories(world.tables, world.levers, world.tiles, world.tape, range(1), 1)
    state = lives.advance_to(0)[0]
    rows = ["id,segment,limit,owed,late"]
    for tile, people in zip(world.tiles, state, strict=True):
        for lane in range(tile[K_COUNT]):
            limit, owed, bucket = (int(people[LINE_AT + column, lane]) for column in (LIMIT, BALANCE, BUCKET))
            if people[LINE_AT + STATUS, lane]:
                cells = (len(rows), world.segments[tile[K_SEGMENT]], limit / 100, owed / 100, 30 * bucket)
                rows.append(",".join(map(str, cells)))
    (folder / "tape.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    return {"portfolio.tape": str(folder / "tape.csv"), "portfolio.mapping": str(folder / "map.toml")}


def lowering() -> Iterator[Road]:
    """Yield lowering a lender whose scenario was lowered before, and with one value moved as a sweep or a draw does."""
    written = Written(SCENARIOS / "huabei.toml")
    for name, moved in MOVED.items():
        places = ({moved[0]: moved[1] + k * STEP} if moved else {} for k in count())
        lower(written.at(next(places)).baseline)
        reads, lowers = [], []
        for _ in range(4 * ROUNDS):
            place, read = next(places), []
            reads.append(seconds(lambda place=place, read=read: read.append(written.at(place)))[1])
            lowers.append(seconds(lambda read=read: lower(read[0].baseline))[1])
        yield Road(f"lowering a lender, {name}", 1e3 * min(lowers), np.nan, "ms", 2, 1)
    yield Road("before it: the scenario and its variants read again", 1e3 * min(reads), np.nan, "ms", np.nan, np.nan)


def variants() -> Road:
    """Return the baseline and the variants of a scenario, one after the other, against its baseline."""
    scenario = load_scenario(SCENARIOS / "huabei.toml", (), VARIANTS_BORROWERS, REPLICATIONS)
    baseline, *others = [lower(one) for one in (scenario.baseline, *scenario.variants.values())]

    def every():
        for world in (baseline, *others):
            engine.run(world, 1)

    took, one = _best([every, partial(engine.run, baseline, 1)])
    lived = engine.borrower_months(baseline)
    name = f"a baseline and {len(others)} variants against one run"
    return Road(name, 1e9 * took / lived, 1e9 * one / lived, "ns", np.nan, np.nan, _megabytes(every))


def _pair(name: str, world: Lowered, other: Lowered, goal: float, stretch: float) -> Road:
    """Return the road of a world, held against the same borrower-months of another."""
    runs = [partial(engine.run, one, 1) for one in (world, other)]
    lived = [engine.borrower_months(one) for one in (world, other)]
    took = [1e9 * best / months for best, months in zip(_best(runs), lived, strict=True)]
    return Road(name, *took, "ns", goal, stretch, _megabytes(runs[0]))


def _best(runs: list[Callable[[], object]]) -> list[float]:
    """Return the least processor seconds of each run, all of them in turn in each round."""
    rounds = [[seconds(run)[1] for run in runs] for _ in range(1 + ROUNDS)]
    return [min(times) for times in zip(*rounds[1:], strict=True)]


def _megabytes(run: Callable[[], object]) -> float:
    """Return the most that Python and NumPy held at a time in a run."""
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6

"""Does a forecast find what a book remembers, and nothing where there is nothing? Many made-up books, each of its seed.

Books of 24 months, moved by a common factor. In one kind the next month hangs on the state alone; in another an
account that has been in a state for longer leaves it more seldom, and all accounts were opened before the tape's first
month, so that what the tape shows is not what comes; in the third people differ and remember nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from simulator.estimation import random_numbers
from simulator.estimation.panels.panel import Panel, PanelState
from simulator.estimation.roll_rates.choice import remembered
from simulator.estimation.roll_rates.kinds import with_kinds
from simulator.estimation.roll_rates.rows import expected

STATES = (
    PanelState("current", 0),
    PanelState("30", 1),
    PanelState("60", 2),
    PanelState("90+", 3, at_least=True),
    PanelState("written_off", "written_off"),
)
MATRIX = np.array(  # without memory
    [
        [0.96, 0.04, 0.0, 0.0, 0.0],
        [0.45, 0.20, 0.35, 0.0, 0.0],
        [0.20, 0.05, 0.20, 0.55, 0.0],
        [0.06, 0.0, 0.02, 0.80, 0.12],
    ]
)
GONE_BAD = 4
MOST_FALSE = 0.05  # of books without memory
NEAR, FAR = 0.05, 0.1  # of 30+ a year ahead: what rows that remember may be off by, and the matrix alone at least is
YEAR = 12
ENOUGH = 24  # months of a tape, from which the forecast must be near
OF_STATES, WHO, FACTOR, OPENED, MOVES = range(
    38, 43
)  # purposes of random numbers; of moves as many as there are months
LONGEST = 24  # months in a state after which hazards fall no further


class Kind(NamedTuple):
    """A kind of books: where accounts go, by state and months in it, and the factor that moves them."""

    chance: np.ndarray  # float64[open state, months in it, state]
    rho: float = 0.02
    persistence: float = 0.6
    tie: float = 1.0  # correlation between the shifts of two states


def memoryless(**factor) -> Kind:
    """Return books in which the next month hangs on the state alone."""
    return Kind(MATRIX[:, None], **factor)


def lasting(**factor) -> Kind:
    """Return books whose hazards fall with the months in a state: of falling late to a quarter, of cures to a half."""
    fall = np.exp(-np.arange(LONGEST) / 3)[:, None]
    chance = np.repeat(MATRIX[:, None], LONGEST, axis=1)
    chance[0, :, 1:] = MATRIX[0, 1:] * (0.25 + 1.0 * fall)
    for late in (1, 2, 3):
        chance[late, :, :late] = MATRIX[late, :late] * (0.5 + 0.6 * fall)
    for s in range(4):
        others = np.delete(np.arange(5), s)
        chance[s, :, s] = 1 - chance[s][:, others].sum(axis=1)
    return Kind(chance, **factor)


def lived(kind: Kind, seed: int, accounts: int, months: int, before: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return int8[account, month], states, and int64[account], months before the last in the state it is in then.

    Accounts were opened up to `before` months before the first month.
    """
    span = months + before
    z = random_numbers.normals(seed, FACTOR, 1, span)[0][:, None].repeat(GONE_BAD, axis=1)  # [month, state]
    if kind.tie < 1:
        own = random_numbers.normals(seed, OF_STATES, 1, span, GONE_BAD)[0]
        z = np.sqrt(kind.tie) * z + np.sqrt(1 - kind.tie) * own
    for m in range(1, span):
        z[m] = kind.persistence * z[m - 1] + np.sqrt(1 - kind.persistence**2) * z[m]
    worse = _worse(kind.chance)
    opened = (random_numbers.uniforms(seed, OPENED, 1, accounts)[0] * before).astype(np.int64)
    state, stay = np.zeros(accounts, dtype=np.int64), np.zeros(accounts, dtype=np.int64)
    found = np.empty((accounts, months), dtype=np.int8)
    for m in range(span):
        if m >= before:
            found[:, m - before] = state
        if m == span - 1:
            break
        beyond = ndtr((ndtri(worse) - np.sqrt(kind.rho) * z[m][:, None, None]) / np.sqrt(1 - kind.rho))
        at = np.minimum(stay, kind.chance.shape[1] - 1)
        there = (state < GONE_BAD) & (opened <= m)
        luck = random_numbers.uniforms(seed, MOVES + m, 1, accounts)[0]
        to = (luck[:, None] < beyond[np.minimum(state, GONE_BAD - 1), at]).sum(axis=1)
        stay = np.where(there & (to == state), stay + 1, 0)
        state = np.where(there, to, state)
    return found, stay


def late_ahead(kind: Kind, state: np.ndarray, stay: np.ndarray, months: int) -> float:
    """Return the share 30+ that accounts in these states for so long are expected to have in `months`, at z = 0."""
    longest = kind.chance.shape[1]
    here, later = np.zeros((GONE_BAD, longest)), np.minimum(np.arange(longest) + 1, longest - 1)
    there = state < GONE_BAD
    np.add.at(here, (state[there], np.minimum(stay[there], longest - 1)), 1)
    for _ in range(months):
        flow = here[..., None] * kind.chance[..., :GONE_BAD]
        here = np.zeros_like(here)
        for s in range(GONE_BAD):
            np.add.at(here[s], later, flow[s, :, s])
            here[s, 0] += flow[:, :, s].sum() - flow[s, :, s].sum()
    return float(here[1:].sum() / here.sum())


def _worse(chance):
    worse = np.clip(1 - np.cumsum(chance, axis=2), 0, 1)
    worse[..., -1] = 0
    return worse


def book(kind: Kind, seed: int, accounts: int, months: int, before: int = 1) -> Panel:
    """Return the panel of `lived`."""
    return _panel(lived(kind, seed, accounts, months, before)[0])


def _panel(state: np.ndarray) -> Panel:
    nothing = np.full(state.shape, np.nan)
    bucket = np.array([0, 1, 2, 3, 15], dtype=np.int8)[state]
    none = np.full(state.shape, -1, dtype=np.int16)
    months = tuple(f"{2000 + m // 12}-{m % 12 + 1:02d}" for m in range(state.shape[1]))
    n, zeros = len(state), np.zeros(len(state), dtype=np.int64)
    return Panel(
        *(months, STATES, ("all",), (), "CNY", 100, np.arange(n).astype(str), zeros.astype(np.int8), zeros),
        *(state, bucket, none, (), none, nothing, nothing, nothing, nothing, nothing, {}),
    )


class Drift(NamedTuple):
    """How far 30+ a year ahead is from what is to come, over books: means, in shares of it."""

    months: int
    accounts: int
    books: int
    remembering: float  # by rows that remember, or of kinds of people
    error: float  # standard error of that mean
    plain: float

    @property
    def is_right(self) -> bool:
        """Return whether the rows are near, and the matrix alone is not."""
        return abs(self.remembering) < NEAR + 2 * self.error and self.plain > FAR


def drift(months: int, accounts: int, books: int, progress: Callable[[str, int, int], None]) -> Drift:
    """Return the drift of books without a factor, opened as the tape begins: by rows that remember, by the matrix."""
    off = []
    for seed in range(books):
        kind = lasting(rho=0)
        state, stay = lived(kind, seed, accounts, months)
        came, panel = late_ahead(kind, state[:, -1].astype(np.int64), stay, YEAR), _panel(state)
        off.append(_off(panel, came))
        progress(f"{months} months that fall", seed + 1, books)
    return _drift(months, accounts, off)


def drift_of_kinds(months: int, accounts: int, books: int, progress: Callable[[str, int, int], None]) -> Drift:
    """Return the drift of books of people who differ and have no memory: by the rows of kinds, by the matrix."""
    off = []
    for seed in range(books):
        off.append(_off(*differing(seed, accounts, months)))
        progress(f"{months} months of people who differ", seed + 1, books)
    return _drift(months, accounts, off)


def _off(panel: Panel, came: float) -> list[float]:
    """Return how far 30+ in a year is from what comes: by the rows that are chosen, by the matrix."""
    ahead = [expected(panel, pasts, YEAR)[-1] for pasts in (with_kinds(panel, remembered(panel)), {})]
    return [late[1:GONE_BAD].sum() / late[:GONE_BAD].sum() / came - 1 for late in ahead]


def _drift(months: int, accounts: int, off: list[list[float]]) -> Drift:
    (rows, plain), error = np.mean(off, axis=0), np.std(off, axis=0, ddof=1)[0] / np.sqrt(len(off))
    return Drift(months, accounts, len(off), float(rows), float(error), float(plain))


class Rate(NamedTuple):
    """How often a state of a book without memory got cells, or its people, all alike, were taken to be of kinds."""

    months: int
    accounts: int
    books: int
    expanded: int
    of_kinds: int


def false_alarms(months: int, accounts: int, books: int, progress: Callable[[str, int, int], None]) -> Rate:
    """Return in how many of so many books without memory, each of its seed, some state gets cells; or kinds."""
    cells, kinds = 0, 0
    for seed in range(books):
        panel = book(memoryless(), seed, accounts, months, before=12)
        pasts = remembered(panel)
        cells += bool(pasts["line"].states)
        kinds += with_kinds(panel, pasts)["line"].kinds is not None
        progress(f"{months} months", seed + 1, books)
    return Rate(months, accounts, books, cells, kinds)


class Person(NamedTuple):
    """A kind of people: how many they are, and how often they turn late in a month."""

    share: float
    turns_late: float


PEOPLE = (Person(0.6, 0.01), Person(0.3, 0.05), Person(0.1, 0.20))  # who differ and have no memory


def differing(
    seed: int, accounts: int, months: int, people: tuple[Person, ...] = PEOPLE, rho: float = 0.0
) -> tuple[Panel, float]:
    """Return the panel of people who differ, opened as the tape begins, and the share 30+ to come in YEAR months."""
    up_to = np.cumsum([person.share for person in people])[:-1]
    who = (random_numbers.uniforms(seed, WHO, 1, accounts)[0][:, None] >= up_to).sum(axis=1)
    state, here = np.empty((accounts, months), dtype=np.int8), np.zeros(GONE_BAD)
    for k, person in enumerate(people):
        matrix = MATRIX.copy()
        matrix[0, :2] = 1 - person.turns_late, person.turns_late
        lives = lived(Kind(matrix[:, None], rho=rho), seed, accounts, months)[0][who == k]
        state[who == k] = lives
        ahead = np.linalg.matrix_power(matrix[:, :GONE_BAD], YEAR)
        here += np.bincount(lives[:, -1], minlength=GONE_BAD + 1)[:GONE_BAD] @ ahead
    return _panel(state), float(here[1:].sum() / here.sum())

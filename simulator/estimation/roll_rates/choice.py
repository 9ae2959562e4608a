"""What a book remembers: of each state the cells that forecast months they were not fitted on better than its row does.

A cell's row is tried inside a month: rows of all cells are raked to what the accounts of the state did in that month,
so that a month's level, which all cells share, is no evidence; only the difference between cells is.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.cells import Cell, Partition, partitions
from simulator.estimation.roll_rates.histories import Histories, histories
from simulator.estimation.shrinkage import log_evidence
from simulator.model.layout import PRODUCTS

if TYPE_CHECKING:
    from simulator.estimation.roll_rates.kinds import Kinds

BLOCKS = 4  # of months next to each other, each in turn not fitted on
LEANING = 2.0 ** np.arange(15)  # accounts' worth of the state's row that a cell's may have
RAKINGS = 30
GAIN = 4.0  # in log likelihood, beyond one for each further cell
SDS, MONTHS_FOR_SD = 2.0, 6  # the gain in standard errors over months, asked for with so many months or more
NEVER = 1e-9  # accounts: so that a month may hold what no other did, in all cells alike
TINY = 1e-300
FEWEST = 50  # moves of a state, below which it has no cells


class Candidate(NamedTuple):
    """A way to divide a state, and what it gains in months it was not fitted on."""

    state: str
    name: str
    cells: int
    gain: float  # log likelihood
    sd: float  # of the sum over months; NaN with one month
    chosen: bool
    why_not: str


class StateCells(NamedTuple):
    """The cells of a state and their rows."""

    state: int
    name: str
    cells: tuple[Cell, ...]
    n: np.ndarray  # float64[segment, cell]: accounts that surely were in it
    chance: np.ndarray  # float64[segment, cell, state]


@dataclass(frozen=True)
class Remembered:
    """What the accounts of one product remember, by state; nothing is what most books have."""

    product: str
    segments: tuple[str, ...]  # those of the product, as the panel names them
    candidates: tuple[Candidate, ...]
    states: tuple[StateCells, ...]  # with cells; the others have their row alone
    kinds: "Kinds | None" = None  # of people, in place of cells

    @property
    def has_rows(self) -> bool:
        """Whether accounts move by more rows than those of their states."""
        return bool(self.states) or self.kinds is not None

    @property
    def looks_back(self) -> int:
        """How many months before the present one the cells look at, 0 without any."""
        return max([0, *(cell.looks_back for of in self.states for cell in of.cells)])

    def finer(self, pairs: int) -> "Remembered":
        """Return the same with cells divided by months in the state, as far as so many pairs of months tell them."""
        divided = (of._replace(cells=tuple(c for each in of.cells for c in each.divided(pairs))) for of in self.states)
        return replace(self, states=tuple(divided))

    def without_least(self, reason: str) -> "Remembered":
        """Return the same without the cells of the state that gains least by them, which `reason` explains."""
        least = min((each for each in self.candidates if each.chosen), key=lambda each: each.gain)
        given_up = least._replace(chosen=False, why_not=reason)
        candidates = tuple(given_up if each is least else each for each in self.candidates)
        at = [of.name for of in self.states].index(least.state)
        return replace(self, candidates=candidates, states=self.states[:at] + self.states[at + 1 :])

    def entries(self, panel: Panel, segment: str | None = None) -> list[dict[str, Any]]:
        """Return the entries of `memory` in the scenario's roll matrix: of a segment, or of all of them together."""
        found = []
        for of in self.states:
            weights = of.n if segment is None else of.n * (np.array(self.segments) == segment)[:, None]
            n = weights.sum(axis=0)
            every = np.maximum(weights, 1e-9 * (weights.sum(axis=0) == 0))
            rows = (of.chance * every[..., None]).sum(axis=0)
            rows /= rows.sum(axis=1, keepdims=True)
            for cell, row, accounts in zip(of.cells, rows, n, strict=True):
                found.append(cell.entry(of.name, panel.states, row * max(accounts, 1.0)))
        return found


def remembered(panel: Panel) -> dict[str, Remembered]:
    """Return what each product of the panel remembers."""
    found = {}
    for product in PRODUCTS:
        groups = [group for group in panel.groups() if group.product == product]
        if groups:
            states, candidates = [], []
            for s, of in enumerate(_counted(panel, [group.accounts for group in groups])):
                tried, chosen = _choose(of, s, panel)
                candidates += tried
                states += [chosen] if chosen else []
            names = tuple(group.segment for group in groups)
            found[product] = Remembered(product, names, tuple(candidates), tuple(states))
    return found


def _counted(panel: Panel, groups: list[np.ndarray]) -> list[Histories]:
    """Return the Histories by state; in halves of the accounts where only one pair of months tells a past."""
    halves = len(list(panel.pairs())) <= 2  # in the first of them nobody's past is known
    return histories(panel, groups, halves)


def _choose(of: Histories, state: int, panel: Panel) -> tuple[list[Candidate], StateCells | None]:
    """Return the candidates of a state, and the cells of the best of them if it is good enough."""
    name, months = panel.states[state].name, len(np.unique(of.month))
    if (n := of.moves.sum()) < FEWEST:
        return [Candidate(name, "", 0, np.nan, np.nan, False, f"{n:.0f} moves, fewer than {FEWEST}")], None
    every = partitions(of, state, panel.states, len(panel.months) - 1)
    tried = [(each, gain) for each, gain in ((each, _gain(of, each)) for each in every) if len(gain)]
    if not tried:
        return [Candidate(name, "", 0, np.nan, np.nan, False, "no month tells a past")], None
    worth = [gain.sum() - (len(each.cells) - 1) for each, gain in tried]
    best = int(np.argmax(worth))
    found, chosen = [], None
    for k, (each, gain) in enumerate(tried):
        spread = float(gain.std(ddof=1) * np.sqrt(len(gain))) if len(gain) > 1 else np.nan
        reason = why_not(float(gain.sum()), spread, len(each.cells), months)
        if not reason and k != best:
            reason = f"{tried[best][0].name} gains more"
        if not reason:
            chosen = StateCells(state, name, each.cells, *_fitted(of, each))
        found.append(Candidate(name, each.name, len(each.cells), float(gain.sum()), spread, not reason, reason))
    return found, chosen


def why_not(gain: float, spread: float, cells: int, months: int) -> str:
    """Return why cells that gain so much are none to use, if so."""
    if gain <= GAIN + cells - 1:
        return f"gains {gain:.1f}, no more than {GAIN + cells - 1:g}"
    if months >= MONTHS_FOR_SD and gain <= SDS * spread:
        return f"gains {gain:.1f}, no more than {SDS:g} standard errors of {spread:.1f}"
    return ""


class _Told(NamedTuple):
    """What the cells of a partition are told by the pasts seen: pasts that may be in the same cells are one kind."""

    moves: np.ndarray  # float64[part, stratum, kind, state]
    may: np.ndarray  # bool[kind, cell]

    @property
    def sure(self) -> np.ndarray:
        """Kinds of which the cell is known, bool[kind]."""
        return self.may.sum(axis=1) == 1

    def of_cells(self, moves: np.ndarray) -> np.ndarray:
        """Return float64[..., cell, state] of moves[..., kind, state]: of the kinds whose cell is known."""
        return np.einsum("kc,...kj->...cj", (self.may & self.sure[:, None]).astype(float), moves)


def _told(of: Histories, by: Partition) -> _Told:
    may = np.array([cell.may_hold(of) for cell in by.cells]).T
    kinds, kind = np.unique(may, axis=0, return_inverse=True)
    belongs = (kind.ravel()[:, None] == np.arange(len(kinds))).astype(float)
    return _Told((of.moves.swapaxes(2, 3) @ belongs).swapaxes(2, 3), kinds)


def _gain(of: Histories, by: Partition) -> np.ndarray:
    """Return float64[month]: log likelihood of cells over that of the state's row, in months not fitted on.

    Months are those that tell a past; there are none where all accounts were in one cell.
    """
    told = _told(of, by)
    moves, may = told.moves, told.may
    months = np.unique(of.month[told.of_cells(moves).sum(axis=(0, 2, 3)) > 0])
    seen = told.of_cells(moves).sum(axis=(0, 1, 3)) > 0
    if not len(months) or seen.sum() < 2:
        return np.zeros(0)
    part, stratum = np.indices(moves.shape[:2])
    block_of = np.searchsorted(months, of.month) * min(BLOCKS, len(months)) // len(months)
    fold = (block_of[stratum] if len(months) > 1 else part).ravel()
    flat = moves.reshape(-1, *moves.shape[2:])
    group = of.group[stratum].ravel()
    groups = int(group.max()) + 1
    row = np.empty(flat.shape)
    for held in np.unique(fold):
        fitted = _rows(_by_group(flat[fold != held], group[fold != held], groups), told, NEVER)
        row[fold == held] = _of_kinds(*fitted, may)[group[fold == held]]
    total, size = flat.sum(axis=1), flat.sum(axis=2)
    at_level = raked(row, size, total)
    expected = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(flat > 0, flat * (np.log(at_level) - np.log(expected)[:, None]), 0.0).sum(axis=(1, 2))
    gain = np.maximum(gain, -1e6)  # what a row excludes, and happened
    of_month = np.bincount(of.month[stratum].ravel(), gain)
    return of_month[months]


def _by_group(moves, group, groups):
    found = np.zeros((groups, *moves.shape[1:]))
    np.add.at(found, group, moves)
    return found


def _rows(moves: np.ndarray, told: _Told, unseen: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return (n float64[segment, cell], rows float64[segment, cell, state]) from moves[segment, kind, state].

    A cell moves as its segment's accounts in that state do, times what its accounts of all segments do more often or
    less, by destination; that leans on no difference by as many accounts as explain the cells best. With several
    segments a cell's own row leans on that product in turn. `unseen` accounts have moved to every state.
    """
    cells = told.of_cells(moves)
    everyone = moves.sum(axis=1)
    together = everyone.sum(axis=0) + unseen
    share = together / max(together.sum(), TINY)
    size = everyone.sum(axis=1, keepdims=True)
    own = (everyone + share) / (size + 1)  # one account's worth of all segments
    n = cells.sum(axis=2)
    expected = np.einsum("gc,gj->cj", n, own)
    seen = cells.sum(axis=0)
    accounts = np.maximum(n.sum(axis=0), 1e-9)[:, None]
    mean = np.where(expected.sum(axis=1, keepdims=True) > 0, expected / accounts, share)
    lean = max(LEANING, key=lambda k: log_evidence(seen, k * mean))
    leant = (seen + lean * mean) / (n.sum(axis=0)[:, None] + lean)
    ratio = np.divide(leant, mean, out=np.ones(mean.shape), where=mean > 0)
    rows = own[:, None] * ratio
    rows /= np.maximum(rows.sum(axis=2, keepdims=True), TINY)
    if len(moves) > 1:
        flat, toward = cells.reshape(-1, cells.shape[-1]), rows.reshape(-1, rows.shape[-1])
        lean = max(LEANING, key=lambda k: log_evidence(flat, k * toward))
        rows = (cells + lean * rows) / (n[..., None] + lean)
    return n, rows


def _of_kinds(n: np.ndarray, rows: np.ndarray, may: np.ndarray) -> np.ndarray:
    """Return float64[segment, kind, state]: of accounts that may be in several cells the mean of them, by accounts."""
    weight = may * (n[:, None] + 1e-6)
    return np.einsum("gkc,gcj->gkj", weight / weight.sum(axis=2, keepdims=True), rows)


def raked(rows: np.ndarray, size: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return `rows`, float64[stratum, kind, state], with a factor by destination so that all kinds add up to `total`.

    size: float64[stratum, kind], accounts; total: float64[stratum, state].
    """
    factor = np.ones(total.shape)
    for _ in range(RAKINGS):
        raked = rows * factor[:, None]
        raked /= np.maximum(raked.sum(axis=2, keepdims=True), TINY)
        reached = np.einsum("tk,tkj->tj", size, raked)
        step = np.divide(total, reached, out=np.ones(total.shape), where=reached > 0)
        factor *= step
        if np.abs(step - 1)[total > 0].max(initial=0) < 1e-6:
            break
    raked = rows * factor[:, None]
    return raked / np.maximum(raked.sum(axis=2, keepdims=True), TINY)


def _fitted(of: Histories, by: Partition) -> tuple[np.ndarray, np.ndarray]:
    """Return (n float64[segment, cell], chance float64[segment, cell, state]) of all months together."""
    told = _told(of, by)
    moves = told.moves.sum(axis=0)
    return _rows(_by_group(moves, of.group, int(of.group.max()) + 1), told)

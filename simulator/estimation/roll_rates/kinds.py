"""How many kinds of people a book has: as many as forecast months they were not fitted on better than fewer do.

A month is forecast by what each account did before it: that makes each kind more or less likely. As with cells
(`choice.py`) rows are raked to what the accounts of a state did in the month, so that only differences between accounts
count. Kinds have no memory; a product has kinds or cells. What an account did tells its kind, so cells do for kinds in
part, but kinds hardly for cells: kinds that gain nearly as much are taken.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from simulator.estimation import random_numbers
from simulator.estimation.panels.panel import Group, Panel, PanelState
from simulator.estimation.roll_rates.choice import BLOCKS, FEWEST, TINY, Candidate, Remembered, raked, why_not
from simulator.estimation.roll_rates.mixture import Mixture, mixture, parameters, posterior

MOST = 3  # kinds that are tried
EVERY_STATE = "every state"
SAMPLE = 100_000  # accounts of a product that kinds are fitted to and tried on, at most: evenly spaced ones
NEARLY = 0.85  # of what cells gain: kinds that gain so much are taken; between what both kinds of books show
BINS = 16  # of the chance of each kind but the last: accounts in the same are forecast together


class _Moves(NamedTuple):
    """Moves of the accounts of one segment."""

    states: tuple[PanelState, ...]
    before: np.ndarray  # int8[account, month]: open state, -1 where there is no move
    after: np.ndarray  # int8[account, month]

    def of_month(self, month: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (accounts that moved after a month, states they were in, states they went to), each int64."""
        there = np.flatnonzero(self.before[:, month] >= 0)
        return there, self.before[there, month].astype(np.int64), self.after[there, month].astype(np.int64)

    def counts(self, months: np.ndarray) -> np.ndarray:
        """Return float64[account, open state, state], the moves of some months."""
        n_open, n = sum(not s.is_exit for s in self.states), len(self.states)
        found = np.zeros((len(self.before), n_open * n))
        for there, s, to in map(self.of_month, months.tolist()):
            found[there, s * n + to] += 1
        return found.reshape(-1, n_open, n)


class Kinds(NamedTuple):
    """The kinds of people of a product: by segment, of each account one."""

    mixtures: tuple[Mixture, ...]  # of each segment
    n: tuple[np.ndarray, ...]  # of each segment float64[kind, open state]: moves, as likely as each kind is
    kind: tuple[np.ndarray, ...]  # of each segment int64[account]: drawn once from what the account did

    @property
    def names(self) -> list[str]:
        """The kinds' names, as a scenario and its book have them: "1" is the one least often late."""
        return [str(k + 1) for k in range(len(self.mixtures[0].share))]

    @property
    def cells(self) -> int:
        """How many states of kinds there are: each open state once for each kind."""
        return int(np.prod(self.mixtures[0].chance.shape[:2]))

    def turns_late(self, g: int, states: tuple[PanelState, ...]) -> np.ndarray:
        """Return float64[kind]: what share of its current accounts of segment g turns late in a month."""
        late = np.array([state.is_late(1) for state in states])
        current = ~late[: self.n[g].shape[1]]
        rows, weight = self.mixtures[g].chance[:, current][..., late].sum(axis=2), self.n[g][:, current]
        return (rows * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), TINY)

    def counts(self, g: int) -> np.ndarray:
        """Return float64[kind, open state, state]: the rows of segment g times how often they were moved by."""
        return self.mixtures[g].chance * np.maximum(self.n[g], 1.0)[..., None]


def entries(found: Remembered, segment: str | None = None) -> list[dict[str, Any]]:
    """Return the entries of `kinds` in a scenario's roll matrix: of a segment, or of all of them together."""
    if not found.kinds:
        return []
    places = [g for g, name in enumerate(found.segments) if segment in (None, name)]
    tables = np.sum([found.kinds.counts(g) for g in places], axis=0).round(4).tolist()
    return [{"name": name, "counts": table} for name, table in zip(found.kinds.names, tables, strict=True)]


def kind_of(panel: Panel, remembered: dict[str, Remembered]) -> np.ndarray | None:
    """Return int64[account], the number of each account's kind, -1 in products without; None if no product has any."""
    found = np.full(len(panel.state), -1)
    for group in panel.groups():
        own = remembered.get(group.product)
        if own and own.kinds:
            found[group.accounts] = own.kinds.kind[own.segments.index(group.segment)]
    return found if any(own.kinds for own in remembered.values()) else None


def with_kinds(panel: Panel, remembered: dict[str, Remembered]) -> dict[str, Remembered]:
    """Return what is remembered, with kinds of people in its stead in products where they gain more."""
    return {product: _of_product(panel, found) for product, found in remembered.items()}


def _of_product(panel: Panel, found: Remembered) -> Remembered:
    """Return `found`, or the product's kinds."""
    groups = [group for group in panel.groups() if group.product == found.product]
    step = -(-sum(len(group.accounts) for group in groups) // SAMPLE)
    moves = [_moves(panel, group.accounts[::step]) for group in groups]
    months = np.flatnonzero(np.any([(of.before >= 0).any(axis=0) for of in moves], axis=0))
    if len(months) < 2 or sum((of.before >= 0).sum() for of in moves) < FEWEST:
        return found
    tried, gain = _tried(moves, months)
    candidates = tuple(candidate for candidate, _ in tried)
    chosen = next((fitted for candidate, fitted in reversed(tried) if candidate.chosen), None)
    if chosen is None:
        return replace(found, candidates=found.candidates + candidates)
    worth = step * gain - (len(chosen[0].share) - 1) * len(panel.open_states)
    of_memory = sum(each.gain - (each.cells - 1) for each in found.candidates if each.chosen)
    if found.states and worth <= NEARLY * of_memory:
        gains_more = "what accounts remember gains more"
        given_up = tuple(c._replace(chosen=False, why_not=c.why_not or gains_more) for c in candidates)
        return replace(found, candidates=found.candidates + given_up)
    gains_more = f"{len(chosen[0].share)} kinds of people gain {'more' if worth > of_memory else 'nearly as much'}"
    memory = tuple(c._replace(chosen=False, why_not=c.why_not or gains_more) for c in found.candidates)
    return replace(found, candidates=memory + candidates, states=(), kinds=_drawn(panel, groups, chosen))


def _moves(panel: Panel, accounts: np.ndarray) -> _Moves:
    before, after = panel.state[accounts, :-1], panel.state[accounts, 1:]
    there = (before >= 0) & (before < len(panel.open_states)) & (after >= 0)
    return _Moves(panel.states, np.where(there, before, -1), np.where(there, after, -1))


def _tried(moves: list[_Moves], months: np.ndarray) -> tuple[list, float]:
    """Return (candidate, mixtures of segments) of 2 kinds, 3, ... until one more is no better; and the best one's gain.

    One more must be better by log-likelihood - 0.5 log(accounts) x parameters, and in months not fitted on.
    """
    counts = [of.counts(months) for of in moves]
    fits = [_fit(each, 1, moves[0].states) for each in counts]
    before, gained, found = _criterion(fits, counts), np.zeros(len(months)), []
    for kinds in range(2, MOST + 1):
        fits = [_fit(each, kinds, moves[0].states) for each in counts]
        criterion, gain = _criterion(fits, counts), np.array([np.nan])
        reason = "" if criterion > before else f"its parameters cost {before - criterion:.1f} more than they explain"
        if not reason:
            gain = np.sum([_gain(of, months, kinds) for of in moves], axis=0)
            more = gain - gained
            spread = float(more.std(ddof=1) * np.sqrt(len(more)))
            reason = why_not(float(more.sum()), spread, fits[0].chance.shape[1] + 1, len(months))
        sd = float(gain.std(ddof=1) * np.sqrt(len(gain))) if len(gain) > 1 else np.nan
        found.append((Candidate(EVERY_STATE, f"{kinds} kinds", kinds, float(gain.sum()), sd, not reason, reason), fits))
        if reason:
            break
        before, gained = criterion, gain
    for k, (candidate, fitted) in enumerate(found[:-1]):
        if candidate.chosen and found[k + 1][0].chosen:
            found[k] = candidate._replace(chosen=False, why_not=f"{found[k + 1][0].name} gain more"), fitted
    return found, float(gained.sum())


def _fit(counts: np.ndarray, kinds: int, states) -> Mixture:
    """Return the mixture; accounts that moved alike are counted together."""
    flat = counts.reshape(len(counts), -1)
    used = np.flatnonzero(flat.any(axis=0))
    if not len(used):
        return mixture(counts[:1], kinds, states, np.array([float(len(counts))]))
    packed = np.ascontiguousarray(flat[:, used].astype(np.uint16)).view(np.dtype((np.void, 2 * len(used))))
    _, first, times = np.unique(packed.ravel(), return_index=True, return_counts=True)
    return mixture(counts[first], kinds, states, times.astype(np.float64))


def _criterion(fits: list[Mixture], counts: list[np.ndarray]) -> float:
    """Return log-likelihood - 0.5 log(accounts) x parameters, summed over segments."""
    return sum(
        fit.log_likelihood - 0.5 * np.log(max(len(of), 1)) * parameters(of.sum(axis=0), len(fit.share))
        for fit, of in zip(fits, counts, strict=True)
    )


def _gain(of: _Moves, months: np.ndarray, kinds: int) -> np.ndarray:
    """Return float64[month]: log likelihood of moves by kinds over that by the state's row, in months not fitted on."""
    n_open, n = sum(not s.is_exit for s in of.states), len(of.states)
    block = np.arange(len(months)) * min(BLOCKS, len(months)) // len(months)
    everything, found = of.counts(months), np.zeros(len(months))
    for held in np.unique(block):
        fitted = _fit(everything - of.counts(months[block == held]), kinds, of.states)
        log_chance = np.log(fitted.chance)
        weights = np.tile(np.log(fitted.share), (len(of.before), 1))  # of what was before the month
        for k, m in enumerate(months.tolist()):
            there, s, to = of.of_month(m)
            if block[k] == held:
                found[k] = _of_month(posterior(weights[there])[0], s, to, fitted.chance, (n_open, n))
            weights[there] += log_chance[:, s, to].T
    return found


def _of_month(likely: np.ndarray, s: np.ndarray, to: np.ndarray, chance: np.ndarray, shape) -> float:
    """Return the gain of a month from accounts from s to `to`, of kinds as likely as float64[account, kind]."""
    bins = np.minimum((likely[:, :-1] * BINS).astype(np.int64), BINS - 1)
    key = np.ravel_multi_index(bins.T, (BINS,) * bins.shape[1])
    alike, which = np.unique(key, return_inverse=True)
    n_open, n = shape
    weight = np.stack([np.bincount(which, each, len(alike)) for each in likely.T], axis=1)
    weight = weight / weight.sum(axis=1, keepdims=True)
    moved = np.bincount((s * len(alike) + which) * n + to, minlength=n_open * len(alike) * n)
    moved = moved.reshape(n_open, len(alike), n).astype(np.float64)
    rows = np.einsum("bg,gsj->sbj", weight, chance)
    total = moved.sum(axis=1)
    rows = raked(rows, moved.sum(axis=2), total)
    expected = total / np.maximum(total.sum(axis=1, keepdims=True), 1)
    gain = moved * (np.log(np.maximum(rows, TINY)) - np.log(np.maximum(expected, TINY))[:, None])
    return float(gain[moved > 0].sum())


def _drawn(panel: Panel, groups: list[Group], fits: list[Mixture]) -> Kinds:
    """Return the kinds, of each account one, by a random number that hangs on its place on the tape alone."""
    uniform = random_numbers.uniforms(0, random_numbers.KINDS, 1, len(panel.state))[0]
    used, kind, n = [], [], []
    for group, fit in zip(groups, fits, strict=True):
        of = _moves(panel, group.accounts)
        everyone, log_chance = np.zeros(fit.chance.shape[1:]), np.log(fit.chance)
        weights = np.tile(np.log(fit.share), (len(group.accounts), 1))
        for there, s, to in map(of.of_month, range(of.before.shape[1])):
            np.add.at(everyone, (s, to), 1)
            weights[there] += log_chance[:, s, to].T
        likely = posterior(weights)[0]
        moved = np.zeros(fit.chance.shape[:2])
        for there, s, _ in map(of.of_month, range(of.before.shape[1])):
            moved += [np.bincount(s, each, len(everyone)) for each in likely[there].T]
        used.append(fit._replace(chance=_seen(fit.chance, everyone)))
        kind.append((uniform[group.accounts, None] >= np.cumsum(likely, axis=1)[:, :-1]).sum(axis=1))
        n.append(moved)
    return Kinds(tuple(used), tuple(n), tuple(kind))


def _seen(chance: np.ndarray, everyone: np.ndarray) -> np.ndarray:
    """Return chance[kind, open state, state] with moves that nobody made at 0; where nobody was, people stay."""
    kept = np.where(everyone > 0, chance, 0.0)
    empty = np.flatnonzero(everyone.sum(axis=1) == 0)
    kept[:, empty, empty] = 1.0
    return kept / kept.sum(axis=2, keepdims=True)

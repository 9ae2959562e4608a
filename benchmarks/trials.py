"""Do the intervals of `simulator learn` hold what they say, and is the size of its next trial right? Made-up trials.

Setting, spreads, levels and errors of each trial are drawn as the estimator takes them to be; the setting removes its
share of a part of all lateness. The size of the next trial is found once more by enumerating all that can come out of a
trial of each size, and what would be chosen then.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binom

from simulator.decision.assumptions import Doubt
from simulator.estimation.random_numbers import normals, uniforms
from simulator.estimation.trials.estimator import posterior
from simulator.estimation.trials.next_trial import sizes
from simulator.estimation.trials.pooling import SPREAD, evidence, quantiles
from simulator.estimation.trials.prior import Prior
from simulator.estimation.trials.rows import Trial
from simulator.model.values import Provenance

PLACE, SPREADS, LEVELS, SEGMENTS, MONTHS, COUNTS = range(50, 56)  # purposes of random numbers
LATE, FORGOTTEN = 0.08, 0.7  # share of dues that is missed, and of these the share that is forgotten
LEAST, MOST = 0.86, 0.94  # of 90 % intervals
OFF = 0.2  # by which the recommended size may differ
TAIL = 1e-9  # of the counts that are left out of an enumeration, on each side


class Held(NamedTuple):
    """How many 90 % intervals hold what they are of."""

    trials: int
    setting: int
    segments: int
    of_segments: int


class Size(NamedTuple):
    """The accounts an arm of the next trial, as recommended and by brute force."""

    case: str
    recommended: int
    brute: int

    @property
    def is_right(self) -> bool:
        """Whether they differ by no more than OFF."""
        return abs(self.recommended / self.brute - 1) <= OFF


def known(value=0.3, low=0.1, high=0.6, kind="scenario") -> Prior:
    """Return what is known of a share."""
    return Prior(Doubt("policy.remind.strength", value, low, high, (0.0, 1.0), False, Provenance()), "made up", kind)


def effect(x: np.ndarray) -> np.ndarray:
    """Return the contrast of a setting that removes the share x of what is forgotten."""
    return logit(LATE * (1 - FORGOTTEN * x)) - logit(LATE)


def held(
    trials: int, seed: int, accounts: int = 1500, segments: int = 4, months: int = 3, tell: Callable = lambda *_: None
) -> Held:
    """Return how many intervals hold the truth, of so many made-up trials with so many accounts an arm of a cell."""
    before = known()
    after = effect(before.x)
    truth_at = np.searchsorted(np.cumsum(before.weight), uniforms(seed, PLACE, trials))
    spreads = SPREAD * np.abs(normals(seed, SPREADS, trials, 2))
    level = logit(LATE) + 0.3 * normals(seed, LEVELS, trials, segments, months)
    apart = spreads[:, :1] * normals(seed, SEGMENTS, trials, segments)
    moved = spreads[:, 1:] * normals(seed, MONTHS, trials, months)
    chance = uniforms(seed, COUNTS, trials, 2, segments, months)
    cell = np.indices((segments, months)).reshape(2, -1)
    size = np.repeat(np.linspace(0.5, 1.5, segments).round(1), months) * accounts
    own = apart - (apart @ np.linspace(0.5, 1.5, segments).round(1) / segments)[:, None]
    n = np.stack([size, size], axis=1)
    holds = by_segment = 0
    for k in range(trials):
        contrast = after[truth_at[k]] + own[k][:, None] + moved[k]
        share = expit(np.stack([level[k], level[k] + contrast]))
        total = binom.ppf(chance[k].reshape(2, -1), size, share.reshape(2, -1)).T
        trial = made(n, total, cell[0], cell[1])
        seen = evidence(trial)
        found = posterior(before, after, 0.0, seen)
        _, low, high = found.interval
        holds += low <= before.x[truth_at[k]] <= high
        joint = before.weight * seen.likelihood(after)
        point = joint.sum(axis=1)
        mean = joint @ after / point
        spread = joint @ after**2 / point - mean**2
        centre = seen.own + seen.slope * mean[:, None]
        _, low, high = quantiles(centre, seen.left + seen.slope**2 * spread[:, None], point / point.sum())
        truth = after[truth_at[k]] + own[k]
        by_segment += int(((low <= truth) & (truth <= high)).sum())
        tell("trial", k + 1, trials)
    return Held(trials, int(holds), by_segment, trials * segments)


def made(n, total, segment, month) -> Trial:
    """Return a trial of counts."""
    names = [tuple(f"{name}{k}" for k in range(of.max() + 1)) for name, of in (("s", segment), ("m", month))]
    return Trial("made up", "", "control", "arm", (), names[0], names[1], segment, month, n, total, None)


def one_cell(n: float, total: np.ndarray) -> Trial:
    """Return a trial of one segment and month with n accounts an arm."""
    return made(np.full((1, 2), float(n)), np.asarray(total, dtype=float)[None], np.zeros(1, int), np.zeros(1, int))


def size(case: str, break_even: float, value: float, cost: float, most: int = 200_000) -> Size:
    """Return the size of the next trial twice, of a policy that pays from a setting on, so much for each unit above."""
    before = known()
    contrast, lead = effect(before.x), value * (before.x - break_even)
    level = LATE, float(LATE * (1 - FORGOTTEN * (before.weight @ before.x)))
    of_one = sum(1 / (p * (1 - p)) for p in level)
    told = sizes(contrast, lead, before.weight, of_one, 0.0, cost, most)
    assert told.best is not None
    recommended = int(told.accounts[told.best])
    tried = np.unique(np.round(recommended * 1.06 ** np.arange(-12, 13))).astype(int)
    gain = [_enumerated(int(n), before, contrast, lead) - 2 * cost * n for n in tried]
    a, b, _ = np.polyfit(np.log(tried), gain, 2)  # the top is flat: its place is that of the parabola
    return Size(case, recommended, round(float(np.exp(-b / (2 * a)))))


def _enumerated(n: int, before: Prior, contrast: np.ndarray, lead: np.ndarray) -> float:
    """Return what a trial of n accounts an arm is worth: over all that can come out, by what `learn` makes of it."""
    places = np.flatnonzero(before.weight > 1e-7)
    weight = before.weight[places] / before.weight[places].sum()
    share = expit(logit(LATE) + contrast[places])
    control = np.arange(binom.ppf(TAIL, n, LATE), binom.isf(TAIL, n, LATE) + 1)
    arm = np.arange(binom.ppf(TAIL, n, share.min()), binom.isf(TAIL, n, share.max()) + 1)
    of_arm = binom.pmf(arm[:, None], n, share)  # [count, place]
    worth = 0.0
    for k, chance in zip(control, binom.pmf(control, n, LATE), strict=True):
        yes, no = np.stack([np.full(len(arm), k), arm]) + 0.5, n - np.stack([np.full(len(arm), k), arm]) + 0.5
        seen = np.log(yes[1] / no[1]) - np.log(yes[0] / no[0])
        variance = (1 / yes + 1 / no).sum(axis=0)
        likely = weight * np.exp(-((seen[:, None] - contrast[places]) ** 2) / (2 * variance[:, None]))
        chosen = likely @ lead[places] > 0
        worth += chance * float((of_arm * chosen[:, None]).sum(axis=0) @ (weight * lead[places]))
    return worth - max(float(weight @ lead[places]), 0.0)


def cases() -> list[tuple[str, float, float, float]]:
    """Return the cases of `size`: its name, from which setting the policy pays, worth of a unit, cost of an account."""
    return [
        ("nearly even", 0.3, 300_000.0, 1.0),
        ("dear accounts", 0.3, 300_000.0, 4.0),
        ("likely to pay", 0.15, 2_000_000.0, 0.5),
        ("unlikely to pay", 0.5, 2_000_000.0, 0.5),
    ]

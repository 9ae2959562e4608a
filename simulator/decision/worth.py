"""Which lender is best, how sure that is, and what it would be worth to know the numbers that are in doubt.

From one table, draws by lenders: the value of each under the numbers of a draw, the mean of its pair of replications.
Sources: the expected value of partial perfect information by regression is that of M. Strong, J. E. Oakley and A.
Brennan, Medical Decision Making 34 (2014); that of sample information from the same regression, of numbers whose
posterior is narrower by what a sample would tell, that of A. Heath, I. Manolopoulou and G. Baio, Medical Decision
Making 38 (2018). What a normal sample leaves of a Hermite polynomial is Mehler's formula.
"""

from functools import cache, cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from simulator.analysis.estimates import Estimate

FEWEST = 50  # draws from which a regression on a cubic polynomial says anything
PARTS = 10  # of the draws, one of which is left out at a time for the standard error
NODES = 1 << 10  # points that a mean over what a sample shows is taken at
PENALTIES = np.geomspace(0.01, 100, 25)  # of the regression on all numbers, in tenths of the draws
SEEN = 4  # draws for each free coefficient below which residuals say nothing of the noise


class Choice(NamedTuple):
    """What is known of choosing between lenders; every number with its standard error over draws."""

    best: str  # the highest mean
    probability: dict[str, Estimate]  # that a lender is the best, if the truth is like the draws
    expected_loss: dict[str, Estimate]  # of choosing it: by how much the best is better, on average
    perfect_information: Estimate  # what it is worth to know every number before choosing


def choice(values: np.ndarray, lenders: list[str]) -> Choice:
    """Return what is known of choosing between lenders, of their values float64[replication, lender] in pairs.

    Luck in the values would make the best of them look better than it is: it is taken out, `without_luck`. Standard
    errors are over the draws, a tenth of which is left out at a time, so that they hold what taking it out costs.
    """
    means = without_luck(values).mean(axis=0)
    best = int(np.argmax(means))
    share, lost = _likely(values)
    parts = min(PARTS, len(values) // 2)
    part = np.repeat(np.arange(len(values) // 2) % parts, 2)
    without = [_likely(values[part != k]) for k in range(parts)] if parts > 1 else [(share, lost)]

    def over_draws(found, place):
        each = np.array([one[place] for one in without])
        errors = np.sqrt((parts - 1) / parts * np.sum((each - each.mean(axis=0)) ** 2, axis=0))
        return [Estimate(float(value), float(se)) for value, se in zip(found, errors, strict=True)]

    probability = dict(zip(lenders, over_draws(share, 0), strict=True))
    expected_loss = dict(zip(lenders, over_draws(lost, 1), strict=True))
    return Choice(lenders[best], probability, expected_loss, expected_loss[lenders[best]])


def _likely(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float64[lender] twice: how often each is the best over the draws, what choosing it loses on average."""
    now = without_luck(values)
    highest = now.max(axis=1)
    is_best = now == highest[:, None]
    return (is_best / is_best.sum(axis=1, keepdims=True)).mean(axis=0), (highest[:, None] - now).mean(axis=0)


def without_luck(values: np.ndarray) -> np.ndarray:
    """Return float64[draw, lender]: values less the first lender's, with the spread that they would have without luck.

    values: float64[replication, lender], in pairs. The covariance of a pair's two replications is that of the numbers
    drawn, P; their means have B, which luck adds to. They are moved as little as takes them from B to P (the optimal
    transport between normal distributions: C. R. Givens and R. M. Shortt, Michigan Math. J. 31, 1984).
    """
    ahead = values - values[:, :1]
    pairs, apart = (ahead[::2] + ahead[1::2]) / 2, ahead[::2] - ahead[1::2]
    moves = np.ptp(ahead, axis=0) > 0
    centre = pairs.mean(axis=0)
    off = (pairs - centre)[:, moves]
    found = np.repeat(centre[None], len(pairs), axis=0)
    if len(pairs) < 2 or not moves.any():
        return pairs
    scale = np.sqrt(np.mean(ahead[:, moves] ** 2, axis=0))
    off, apart = off / scale, apart[:, moves] / scale
    seen = off.T @ off / (len(off) - 1)
    root, inverse = _roots(seen)
    wanted, _ = _roots(root @ _roots(seen - apart.T @ apart / (4 * len(apart)), squared=True)[0] @ root)
    found[:, moves] += off @ (inverse @ wanted @ inverse) * scale
    return found


def _roots(matrix: np.ndarray, squared: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the square root of a symmetric matrix and its inverse, negative parts left out; `squared`: no root."""
    size, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    size = np.where(size > 1e-12 * max(size.max(), 0.0), size, 0.0)
    root = size if squared else np.sqrt(size)
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)
    return (axes * root) @ axes.T, (axes * inverse) @ axes.T


class Regression:
    """How the lenders' values hang on the numbers in doubt, in so many draws."""

    def __init__(self, values: np.ndarray, z: np.ndarray, correlation: np.ndarray | None = None):
        """Take the values float64[replication, lender], in pairs, and the numbers' places float64[draw, number].

        `correlation`, float64[number, number], is that of the places; none if None.
        """
        pairs = (values[::2] + values[1::2]) / 2
        self.values, self.ahead = values, pairs - pairs[:, :1]
        self.z, self.correlation = z, np.eye(z.shape[1]) if correlation is None else correlation
        self._slopes = cache(self._slopes_of)

    def worth(self, numbers: tuple[int, ...], shown: tuple[float, ...] | None = None) -> Estimate:
        """Return what it is worth to see some of the numbers before choosing a lender, and its standard error.

        `shown` is how well each is seen: the correlation of its place with what is seen of it; all of it if None. A
        cubic regression says which lender to choose where these numbers are so. Seeing more is never worth less: it is
        what the best of the set and its parts is worth; and nothing is worth more than to know every number.
        """
        shown = (1.0,) * len(numbers) if shown is None else shown
        seen = tuple(zip(numbers, shown, strict=True))
        parts = [part for size in range(1, len(seen) + 1) for part in combinations(seen, size)]
        found = [(self._gain(part), part) for part in parts]
        value, best = max(found, key=lambda one: one[0])
        without = np.array([fewer._gain(best) for fewer in self._without])
        se = float(np.sqrt((PARTS - 1) / PARTS * np.sum((without - without.mean()) ** 2)))
        return Estimate(min(value, self._perfect), se)

    @cached_property
    def _perfect(self) -> float:
        """What it is worth to know every number."""
        return choice(self.values, [str(lender) for lender in range(self.values.shape[1])]).perfect_information.value

    @cached_property
    def _without(self) -> list["Regression"]:
        """The same without a part of the draws."""
        part = np.arange(len(self.ahead)) % PARTS
        kept = [
            Regression(self.values[np.repeat(part != k, 2)], self.z[part != k], self.correlation) for k in range(PARTS)
        ]
        return kept

    def _gain(self, seen: tuple[tuple[int, float], ...]) -> float:
        """Return what choosing by some numbers, each as well as it is seen, gains on the best choice without."""
        mean = self.ahead.mean(axis=0)
        points, order = _spread(len(seen))
        told = np.prod(np.array([share for _, share in seen]) ** order, axis=1)
        slopes = self._slopes(tuple(number for number, _ in seen)) * told[:, None]
        return max(float((mean + points @ slopes).max(axis=1).mean() - mean.max()), 0.0)

    def _slopes_of(self, numbers: tuple[int, ...]) -> np.ndarray:
        """Return float64[column, lender]: the regression on some numbers, as large as it would be without noise."""
        columns, _ = _hermite(self.z[:, numbers])
        columns = columns - columns.mean(axis=0)
        left = self._left(list(numbers))
        slopes, *_ = np.linalg.lstsq(columns, left, rcond=None)
        rest, free = left - columns @ slopes, len(left) - 1 - self._freedom - columns.shape[1]
        noise = rest.T @ rest / max(free, len(left) / SEEN)
        return _less_noise(slopes, noise / len(left))

    def _left(self, numbers: list[int]) -> np.ndarray:
        """Return float64[draw, lender]: values around their mean, less what other numbers explain in a line.

        Of those only what does not move with `numbers`, so that what these explain stays.
        """
        slopes = self._lines.copy()
        slopes[numbers] = 0
        within = self.correlation[np.ix_(numbers, numbers)]
        moves = np.linalg.pinv(within) @ self.correlation[numbers]
        apart = self.z - self.z[:, numbers] @ moves
        return self.ahead - self.ahead.mean(axis=0) - (apart - apart.mean(axis=0)) @ slopes

    @cached_property
    def _ridge(self) -> tuple[np.ndarray, float]:
        """Slopes float64[number, lender] of a ridge regression on all numbers, and how many coefficients it is worth.

        Its penalty is that of the least generalised cross-validation.
        """
        centred = self.ahead - self.ahead.mean(axis=0)
        u, sizes, axes = np.linalg.svd(self.z - self.z.mean(axis=0), full_matrices=False)
        along, count, best = u.T @ centred, len(centred), None
        for penalty in PENALTIES * count / 10:
            kept = sizes**2 / (sizes**2 + penalty)
            freedom = float(kept.sum())
            missed = np.sum((centred - u @ (kept[:, None] * along)) ** 2) / (1 - (freedom + 1) / count) ** 2
            if best is None or missed < best[0]:
                best = missed, axes.T @ ((sizes / (sizes**2 + penalty))[:, None] * along), freedom
        assert best
        return best[1], best[2]

    @property
    def _lines(self) -> np.ndarray:
        return self._ridge[0]

    @property
    def _freedom(self) -> float:
        return self._ridge[1]


def _hermite(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of a regression, float64[point, column], and the order of each in each number.

    The first three Hermite polynomials of each number and the product of any two: of independent standard normal
    numbers each has mean 0 and variance 1, and is uncorrelated with the others.
    """
    count = z.shape[1]
    columns, order = [], []
    for k in range(count):
        x = z[:, k]
        columns += [x, (x**2 - 1) / np.sqrt(2), (x**3 - 3 * x) / np.sqrt(6)]
        order += [[size * (k == j) for j in range(count)] for size in (1, 2, 3)]
    for i, k in combinations(range(count), 2):
        columns.append(z[:, i] * z[:, k])
        order.append([int(j in (i, k)) for j in range(count)])
    return np.stack(columns, axis=1), np.array(order)


@cache
def _spread(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `_hermite` of NODES points evenly spread under independent standard normal numbers.

    The additive recurrence of M. Roberts, The unreasonable effectiveness of quasirandom sequences (2018).
    """
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (count + 1))
    even = (np.arange(NODES)[:, None] * root ** -np.arange(1.0, count + 1) + 0.5) % 1
    return _hermite(ndtri(np.clip(even, 0.5 / NODES, 1 - 0.5 / NODES)))


def _less_noise(slopes: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return slopes float64[column, lender] whose squares are as large as they would be without `noise` in each."""
    seen = slopes.T @ slopes
    root, inverse = _roots(seen)
    wanted, _ = _roots(root @ _roots(seen - len(slopes) * noise, squared=True)[0] @ root)
    return slopes @ (inverse @ wanted @ inverse)

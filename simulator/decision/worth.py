"""Which lender is best, how sure that is, and what it would be worth to know the numbers that are in doubt.

From one table, draws by lenders: the value of each under the numbers of a draw, the mean of its pair of replications.
Sources: the expected value of partial perfect information by regression is that of M. Strong, J. E. Oakley and A.
Brennan, Medical Decision Making 34 (2014); the spline is the restricted cubic one of F. E. Harrell, Regression
Modeling Strategies, 2nd ed. (2015), 2.4.5.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from simulator.analysis.estimates import Estimate

KNOTS = ndtri([0.05, 0.275, 0.5, 0.725, 0.95])  # of five, where Harrell puts them
FOLDS = 5
RIDGE = 1.0  # draws that the penalty weighs, of a column of variance 1
FEWEST = 50  # draws from which a regression on a spline in four folds of five says anything


class Choice(NamedTuple):
    """What is known of choosing between lenders; every number with its standard error over draws."""

    best: str  # the highest mean
    probability: dict[str, Estimate]  # that a lender is the best, if the truth is like the draws
    expected_loss: dict[str, Estimate]  # of choosing it: by how much the best is better, on average
    perfect_information: Estimate  # what it is worth to know every number before choosing


def choice(values: np.ndarray, lenders: list[str]) -> Choice:
    """Return what is known of choosing between lenders, of their values float64[replication, lender] in pairs.

    Luck in the values would make the best of them look better than it is: it is taken out, `without_luck`.
    """
    now = without_luck(values)
    highest = now.max(axis=1)
    is_best = now == highest[:, None]
    share, lost = is_best / is_best.sum(axis=1, keepdims=True), highest[:, None] - now
    best = int(np.argmax(now.mean(axis=0)))
    root = np.sqrt(len(now))

    def over_draws(column):
        return Estimate(float(column.mean()), float(column.std(ddof=1) / root))

    expected_loss = {name: over_draws(lost[:, k]) for k, name in enumerate(lenders)}
    probability = {name: over_draws(share[:, k]) for k, name in enumerate(lenders)}
    return Choice(lenders[best], probability, expected_loss, expected_loss[lenders[best]])


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


def worth_knowing(values: np.ndarray, z: np.ndarray, numbers: tuple[int, ...]) -> Estimate:
    """Return what it is worth to know some of the numbers before choosing a lender, and its standard error.

    values: float64[replication, lender], in pairs; z: float64[draw, number], standard normal. A regression says which
    lender to choose where these numbers are so; it is made on four fifths of the draws, and what its choices gain is
    counted on the fifth that it has not seen. So a number that tells nothing is worth nothing on average, whatever luck
    there is. Knowing more is never worth less: the gain is that of the best of the set and its parts.
    """
    pairs = (values[::2] + values[1::2]) / 2
    return max(_gain(pairs, z, part) for part in _parts(numbers))


def _parts(numbers: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return every part of a set that is not empty, the set itself first."""
    masks = range(2 ** len(numbers) - 1, 0, -1)
    return [tuple(n for k, n in enumerate(numbers) if mask >> k & 1) for mask in masks]


def _gain(pairs, z, numbers):
    """Return what choosing by some numbers gains on draws that the choice was not fitted to; at least nothing."""
    columns = _columns(z[:, list(numbers)])
    fold, best = np.arange(len(pairs)) % FOLDS, int(np.argmax(pairs.mean(axis=0)))
    gain = np.zeros(len(pairs))
    for k in range(FOLDS):
        seen, unseen = fold != k, fold == k
        x, y = columns[seen], pairs[seen]
        centre, level = x.mean(axis=0), y.mean(axis=0)
        x = x - centre
        slopes = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (y - level))
        chosen = np.argmax(level + (columns[unseen] - centre) @ slopes, axis=1)
        gain[unseen] = np.take_along_axis(pairs[unseen], chosen[:, None], axis=1)[:, 0] - pairs[unseen, best]
    return Estimate(max(float(gain.mean()), 0.0), float(gain.std(ddof=1) / np.sqrt(len(gain))))


def _columns(z):
    """Return the columns of a regression: a restricted cubic spline of each number, and the product of any two."""
    columns = []
    last, before = KNOTS[-1], KNOTS[-2]
    for x in z.T:
        cubes = np.maximum(x[:, None] - KNOTS, 0) ** 3
        columns.append(x)
        for k, knot in enumerate(KNOTS[:-2]):
            bent = cubes[:, k] - (cubes[:, -2] * (last - knot) - cubes[:, -1] * (before - knot)) / (last - before)
            columns.append(bent / (last - KNOTS[0]) ** 2)
    columns += [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i)]
    table = np.stack(columns, axis=1)
    return table / np.maximum(table.std(axis=0), 1e-12)

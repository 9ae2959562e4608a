"""Regressions held by a penalty: multinomial logistic by Newton or, where columns are many, L-BFGS; linear."""

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize

ITERATIONS = 50
GRADIENT = 1e-4  # of the loss per account, at which a fit is done
FREE = 1e-3  # penalty of the constant: only the sum of logits over states needs holding
BLOCK, WIDE_BLOCK = 256, 32  # rows
LOOKED_AT = 4000  # rows, at most, that say how the loss is curved, where steps need to know it only about
TINY = 1e-300


def logistic(x: np.ndarray, came: np.ndarray, n: int, penalty: float, start: np.ndarray) -> np.ndarray:
    """Return float64[column, n]: the logits of a multinomial logistic regression, beginning at `start`.

    `came` is the class of each row of x; `penalty` holds all columns but the first, the constant.
    """
    loss, curvature = _loss(in_blocks(x), came, n, penalty)
    options = {"maxiter": ITERATIONS, "gtol": GRADIENT}
    found = minimize(loss, start.T.ravel(), jac=True, hess=curvature, method="trust-exact", options=options)
    return found.x.reshape(n, -1).T


class WideLogistic:
    """What `logistic` fits, where columns are too many to invert by class: in steps of L-BFGS.

    They are taken along the axes of x'x, each at a scale at which the loss of class c is curved by about 1: by
    s (1 - s) x'x and the penalty, s the class's share of the rows. A tenth of the steps do then.
    """

    def __init__(self, x: np.ndarray, came: np.ndarray, n: int):
        """Take the rows x, the first column all 1, and their classes, 0..n - 1."""
        self.came, self.n, self.blocks = came, n, in_blocks(x, WIDE_BLOCK)
        some = x[:: -(-len(x) // LOOKED_AT), 1:]
        length, axes = eigh(some.T @ some / len(some))
        share = (np.bincount(came, minlength=n) + 1) / (len(came) + n)
        self.free = share * (1 - share)
        self.curve = np.outer(self.free, np.maximum(length, 0))
        self.axes, self.across = in_blocks(axes, WIDE_BLOCK), in_blocks(axes.T, WIDE_BLOCK)

    def fit(self, penalty: float, start: np.ndarray, steps: int) -> np.ndarray:
        """Return float64[column, n]: the logits, as near to the best as `steps` from `start` come."""
        loss, _ = _loss(self.blocks, self.came, self.n, penalty)
        scale = np.sqrt(np.column_stack([self.free, self.curve + penalty / len(self.came)]))

        def turned(rows, by):
            return np.column_stack([rows[:, 0], (by @ rows[:, 1:].T).reshape(-1, self.n)[: rows.shape[1] - 1].T])

        def there(flat):
            return turned(flat.reshape(self.n, -1) / scale, self.axes)

        def along(flat):
            value, slope = loss(there(flat).ravel())
            return value, (turned(slope.reshape(self.n, -1), self.across) / scale).ravel()

        begin = (turned(start.T, self.across) * scale).ravel()
        options = {"maxiter": steps, "gtol": GRADIENT, "ftol": 1e-9}
        return there(minimize(along, begin, jac=True, method="L-BFGS-B", options=options).x).T


def _loss(x, came, n, penalty):
    """Return (logits -> loss per row and its slope, logits -> curvature), of logits[n * column]; x is in blocks."""
    size, columns = len(came), x.shape[2]
    hit = np.zeros((*x.shape[:2], n))
    hit.reshape(-1, n)[np.arange(size), came] = 1
    held = np.full((n, columns), penalty)
    held[:, 0] = FREE
    diagonal = np.diag(held.ravel()) / size

    def loss(flat):
        logits = flat.reshape(n, columns)
        chance = softmax(x @ logits.T)
        of_hit = chance.reshape(-1, n)[np.arange(size), came]
        value = -np.log(np.maximum(of_hit, 1e-300)).sum() + (held * logits**2).sum() / 2
        slope = ((chance - hit).transpose(0, 2, 1) @ x).sum(axis=0) + held * logits
        return value / size, slope.ravel() / size

    def curvature(flat):
        chance = softmax(x @ flat.reshape(n, columns).T)
        blocks = np.empty((n, columns, n, columns))
        for i in range(n):
            for j in range(i + 1):
                weight = chance[..., i] * ((i == j) - chance[..., j])
                product = (x * weight[..., None]).transpose(0, 2, 1) @ x
                blocks[i, :, j] = blocks[j, :, i] = product.sum(axis=0) / size
        return blocks.reshape(n * columns, n * columns) + diagonal

    return loss, curvature


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return float64[column]: slopes of a linear regression held by `penalty`, the first column free."""
    held = np.full(x.shape[1], penalty)
    held[0] = 1e-9
    x, y = in_blocks(x), in_blocks(y[:, None])
    gram, pull = ((x.transpose(0, 2, 1) @ other).sum(axis=0) for other in (x, y))
    return np.linalg.solve(gram + np.diag(held), pull[:, 0])


def in_blocks(x: np.ndarray, rows: int = BLOCK) -> np.ndarray:
    """Return float64[block, rows, column] of x[row, column], filled up with rows of zeros, which add nothing to sums.

    Products of small blocks run on one thread, where BLAS on many waits more than it works, and so always round alike.
    """
    return np.concatenate([x, np.zeros((-len(x) % rows, x.shape[1]))]).reshape(-(-len(x) // rows), rows, x.shape[1])


def softmax(x: np.ndarray) -> np.ndarray:
    """Return probabilities along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_loss(x: np.ndarray, came: np.ndarray, logits: np.ndarray) -> float:
    """Return minus the log-likelihood of classes `came` of the rows of x."""
    chance = chances(x, logits)[np.arange(len(came)), came]
    return float(-np.log(np.maximum(chance, TINY)).sum())


def chances(x: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return float64[row, class], the probabilities of the rows of x."""
    return softmax(in_blocks(x, WIDE_BLOCK) @ logits).reshape(-1, logits.shape[1])[: len(x)]

"""The smooth half of the account model: one multinomial logit of all next states, on columns bent and crossed.

It says what cells cannot without growing thin: raw status codes, new spending, how the facts work together. Amounts are
piecewise linear, and all is crossed with the states that many accounts are in. One penalty, chosen by halves of the
window's accounts, holds all slopes.
"""

import numpy as np

from simulator.estimation.backtest.cells import Sample
from simulator.estimation.backtest.features import FULL, PAID_EDGES, Features
from simulator.estimation.backtest.logistic import WideLogistic, chances, log_loss
from simulator.estimation.panels.panel import NO_ROW

# Source of all but the penalties: assumption.
BENDS = np.arange(1, 9) / 9  # of each amount: these quantiles of what is known and not 0
PAID = (*PAID_EDGES[:-2], 0.2, 0.5, 0.95, FULL)
MANY = 0.03  # of the accounts fitted: a state with so many has slopes of its own
CODES = 16  # the most common ones: others are in no column of their own
FEW = 5  # accounts: a column in which fewer differ from the rest says nothing
PENALTIES = (30.0, 10.0, 3.0)  # on squared slopes; 10 is taken on the Taiwan accounts (docs/calibration.md)
STEPS = 10  # of L-BFGS for each penalty on half of the accounts, from where the one before ended
LAST = 16  # on all of them
FITTED_ON = 40_000  # accounts, at most: evenly spaced rows of the sample
AT_ONCE = 4096  # accounts whose columns are in memory


class Columns:
    """The columns of features, as a window fixes them: its codes, groups, bends; call it with other features."""

    def __init__(self, of: Features, n_states: int):
        """Fix them on the features `of`, and keep the columns that differ there."""
        self.n_states, self.groups = n_states, np.unique(of.group)
        self.codes = _common(np.concatenate([of.code, of.code_before]))
        self.many = np.flatnonzero(np.bincount(of.state, minlength=n_states) >= MANY * len(of.state))
        self.bends = [_bends(x) for x in _amounts(of)]
        raw = self._raw(of)
        self.used = np.flatnonzero((raw != raw[0]).sum(axis=0) >= FEW)
        raw = raw[:, self.used]
        self.centre = raw.mean(axis=0)
        self.scale = np.maximum(raw.std(axis=0), 1.0)  # shares and yes or no stay: the rare is held more

    def __call__(self, of: Features) -> np.ndarray:
        """Return float64[account, column], the first all 1."""
        x = (self._raw(of)[:, self.used] - self.centre) / self.scale
        return np.column_stack([np.ones(len(x)), x])

    def _raw(self, of):
        state, before = _is(of.state, np.arange(self.n_states)), _is(of.previous, np.arange(NO_ROW, self.n_states))
        code, code_before = (_is(x, self.codes) for x in (of.code, of.code_before))
        now, then = (code, code_before) if len(self.codes) else (state, before)
        paid = _is(_paid_band(of.paid), np.arange(-2, len(PAID) + 1))
        bent = [np.maximum(x[:, None] - at, 0) for x, at in zip(_amounts(of), self.bends, strict=True)]
        amounts = np.column_stack([*_amounts(of), *bent, *_marks(of)])
        crossed = np.column_stack([amounts, paid, then])
        return np.column_stack(
            [
                *(state, before, code, code_before, paid, amounts),
                *(_is(of.group, self.groups), of.product),
                *(_each(now, then), _each(then, paid)),
                *(crossed * state[:, [s]] for s in self.many),
            ]
        )


def _amounts(of):
    """Return what is bent, [float64[account]]: shares of the limit, and amounts by their logarithm; 0 is not known."""
    shares = (np.clip(of.utilisation, -0.2, FULL), np.clip(of.spent, -0.2, 1), np.clip(of.change, -1, 1))
    limit = np.nan_to_num(of.limit)
    amounts = (of.limit, of.utilisation * limit, of.bill, of.payment, of.spent * limit)
    logs = (np.sign(x) * np.log1p(np.abs(x)) for x in amounts)
    return [np.nan_to_num(x) for x in (*shares, *logs)]


def _marks(of):
    """Return what is yes or no of amounts, and the share of the bill that was paid."""
    zero = (x == 0 for x in (of.utilisation, of.spent, of.change, of.payment))
    unknown = (np.isnan(x) for x in (of.utilisation, of.spent, of.payment, of.bill))
    return [*zero, *unknown, of.utilisation < 0, np.maximum(np.nan_to_num(of.paid), 0)]


def _bends(x):
    known = x[x != 0]
    return np.unique(np.quantile(known, BENDS)) if len(known) else np.empty(0)


def _common(code):
    found, size = np.unique(code[code >= 0], return_counts=True)
    return np.sort(found[np.argsort(-size, kind="stable")[:CODES]])


def _paid_band(paid):
    return np.where(np.isnan(paid), -2, np.where(paid == -1, -1, np.searchsorted(PAID, paid, side="right")))


def _is(x, values):
    return (x[:, None] == values).astype(np.float64)


def _each(a, b):
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


class Splines:
    """The fitted logit; call it with features for float64[account, state], probabilities."""

    def __init__(self, sample: Sample, n_states: int):
        """Fit it on pairs with a month before them where there are any: nothing is then missing only by the window."""
        complete = np.flatnonzero(sample.features.previous >= 0)
        rows = complete if len(complete) else np.arange(len(sample.state))
        rows = rows[:: -(-len(rows) // FITTED_ON)]
        of = sample.features.take(rows)
        self.columns, self.n_states = Columns(of, n_states), n_states
        self.targets, came = np.unique(sample.state[rows], return_inverse=True)
        self.penalty, self.logits = by_halves(self.columns(of), came, len(self.targets))

    def __call__(self, of: Features) -> np.ndarray:
        """Return the forecast."""
        chance = np.zeros((len(of.state), self.n_states))
        for first in range(0, len(chance), AT_ONCE):
            some = np.arange(first, min(first + AT_ONCE, len(chance)))
            chance[np.ix_(some, self.targets)] = chances(self.columns(of.take(some)), self.logits)
        return chance


def by_halves(x: np.ndarray, came: np.ndarray, n: int) -> tuple[float, np.ndarray]:
    """Return (penalty, logits of all accounts): the penalty that serves one half best when fitted on the other."""
    logits = np.zeros((x.shape[1], n))
    if n < 2 or len(came) < 2:
        return PENALTIES[0], logits
    half, fits, losses = WideLogistic(x[::2], came[::2], n), [], []
    for penalty in PENALTIES:
        logits = half.fit(penalty, logits, STEPS)
        fits.append(logits)
        losses.append(log_loss(x[1::2], came[1::2], logits))
    best = int(np.argmin(losses))
    return PENALTIES[best], WideLogistic(x, came, n).fit(PENALTIES[best], fits[best], LAST)

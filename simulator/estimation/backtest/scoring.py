"""The scores of forecasts against what came, and the proof that no forecast has seen it.

A fit sees `panel.until(month)` and nothing else. That is checked in every backtest, not trusted: all is fitted and
forecast a second time from a panel whose later months are scrambled, and the forecasts must be the same to the bit.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.estimates import mean, within
from simulator.estimation.backtest.features import features
from simulator.estimation.backtest.forecasts import SPREAD, Forecasts, digest, hash_accounts, hash_fan, scrambled
from simulator.estimation.backtest.scores import (
    ScoreDifference,
    auc,
    auc_less,
    brier,
    covered,
    crps,
    log_loss,
    paired,
    ranked,
)
from simulator.estimation.panels.leavers import as_in, leavers
from simulator.estimation.panels.panel import NO_ROW, Panel
from simulator.estimation.roll_rates.forecast import QUANTILE_LEVELS, SOURCES, Fan, shares

RELIABILITY_EDGES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)


class LeakError(Exception):
    """A forecast changed with what came after the window: it has seen what it forecasts. A bug, not wrong input."""


class Score(NamedTuple):
    """A mean score of one forecaster over accounts, with its standard error over accounts."""

    forecaster: str
    target: str  # "next state" or "utilisation"
    score: str
    value: float
    se: float
    accounts: int
    less: ScoreDifference | None  # of the account model's score less this one's


class Outlook(NamedTuple):
    """One measure of the book in one month, forecast and come true."""

    month: str
    measure: str
    actual: float
    last_value: float
    matrix: float  # mean of the roll matrix
    account_model: float  # sum over accounts; NaN beyond the first month and for the balance
    quantiles: np.ndarray  # float64[source, level]: of SOURCES at QUANTILE_LEVELS
    crps: float  # of all sources together
    bias: float  # mean forecast less actual
    inside: bool  # actual within the 90 % fan of all sources
    inside_half: bool  # and within its middle 50 %


class Reliability(NamedTuple):
    """Accounts by their forecast probability of being 30 or more days past due in the next month."""

    forecaster: str
    accounts: np.ndarray  # int64[band]
    forecast: np.ndarray  # float64[band], mean probability, NaN without accounts
    happened: np.ndarray  # float64[band], share


class ByAccount(NamedTuple):
    """The account model's forecast of each account that was open at the end of the window."""

    accounts: np.ndarray  # int64[account], rows of the panel
    state: np.ndarray  # int64[account], at the end of the window
    chance: np.ndarray  # float64[account, state], of each state in the month after it


@dataclass(frozen=True)
class Scored:
    """What was forecast from the window, and how it came true."""

    fit_until: str
    months: tuple[str, ...]  # forecast
    currency: str
    minor_units: int
    scores: tuple[Score, ...]
    outlooks: tuple[Outlook, ...]
    reliability: tuple[Reliability, ...]
    by_account: ByAccount
    fan: Fan
    history: dict[str, np.ndarray]  # measure -> float64[month of the window], of the accounts open in each
    history_months: tuple[str, ...]
    facts: dict[str, Any]

    def score(self, forecaster: str, name: str) -> Score:
        """Return the score called `name` of one forecaster."""
        return next(s for s in self.scores if (s.forecaster, s.score) == (forecaster, name))

    def outlook(self, measure: str, month: str | None = None) -> Outlook:
        """Return the outlook of one measure in one month, the first without it."""
        month = month or self.months[0]
        return next(o for o in self.outlooks if (o.measure, o.month) == (measure, month))


def score(panel: Panel, made: Forecasts) -> Scored:
    """Return how the forecasts `made` from the window of `panel` came true.

    Accounts are scored in the month after the window, the book in every month that follows. Raises LeakError if a
    forecast depends on what it forecasts.
    """
    fit_until, seed = made.method.fit_until, made.method.seed
    read, panel = panel, as_in(made.fan.states, panel)
    came = realised(panel, fit_until, made.accounts)
    tally = _Tally(made, came, panel)
    of_all = tally.digest()
    if of_all != digest(made.method.forecasts(scrambled(read, fit_until))):
        raise LeakError(f"forecasts from {fit_until} change with the months after it")
    at = panel.months.index(fit_until)
    history = [_book(panel, m, panel.states) for m in range(at + 1)]
    left = sum(each.accounts for each in leavers(read.until(fit_until)))
    return Scored(
        fit_until=fit_until,
        months=panel.months[at + 1 :],
        currency=panel.currency,
        minor_units=panel.minor_units,
        scores=tuple(tally.scores(seed)),
        outlooks=tuple(_outlooks(made.fan, came, tally.chance.sum(axis=0), panel)),
        reliability=tuple(tally.reliability()),
        by_account=ByAccount(made.accounts, made.features.state, tally.chance),
        fan=made.fan,
        history={measure: np.array([book[measure] for book in history]) for measure in history[0]},
        history_months=panel.months[: at + 1],
        facts={
            "accounts_forecast": len(made.accounts),
            "accounts_without_next_month": int((came.state[:, 0] == NO_ROW).sum()),
            "account_months_fitted": made.fitted_on,
            "pairs_fitted": sum(pair.second <= at for pair in panel.pairs()),
            "correlation": made.fan.correlation.value,
            "correlation_source": made.fan.correlation.source,
            "largest_row_dispersion": float(np.max(made.fan.correlation.dispersion, initial=1.0))
            if made.fan.correlation.dispersion is not None
            else 1.0,
            **({"states_that_remember": ", ".join(made.remembering)} if made.remembering else {}),
            **({"kinds_of_people": made.kinds} if made.kinds else {}),
            **({"left_silently_until_then": left} if left else {}),
            "draws": made.method.draws,
            "seed": seed,
            "forecast_digest": of_all,
        },
    )


class Realised(NamedTuple):
    """What came of the accounts that were forecast."""

    state: np.ndarray  # int64[account, forecast month], exits carried on, NO_ROW without a row
    utilisation: np.ndarray  # float64[account], in the first forecast month; NaN for exits and without a limit
    balance: np.ndarray  # float64[account, forecast month], of the open ones
    before: dict[str, float]  # measures at the end of the window


def realised(panel: Panel, fit_until: str, accounts: np.ndarray) -> Realised:
    """Return what came of `accounts` in the months after `fit_until`."""
    at = panel.months.index(fit_until)
    n_open = len(panel.open_states)
    state = panel.state[accounts, at + 1 :].astype(np.int64)
    for m in range(1, state.shape[1]):
        gone = (state[:, m] == NO_ROW) & (state[:, m - 1] >= n_open)
        state[gone, m] = state[gone, m - 1]
    is_open = (state >= 0) & (state < n_open)
    utilisation = np.where(is_open[:, 0], features(panel, at + 1).utilisation[accounts], np.nan)
    balance = np.where(is_open, panel.balance[accounts, at + 1 :], 0.0)
    return Realised(state, utilisation, balance, _book(panel, at, panel.states))


def _book(panel, month, states):
    """Return {measure: float} of the accounts that are open in a month."""
    state = panel.state[:, month]
    is_open = (state >= 0) & (state < len(panel.open_states))
    book = shares(np.bincount(state[is_open], minlength=len(states)), states)
    return {**{name: float(x) for name, x in book.items()}, "balance": float(panel.balance[is_open, month].sum())}


class _Tally:
    """Forecasts by account against outcomes, gathered in one pass."""

    def __init__(self, made: Forecasts, came: Realised, panel: Panel):
        self.made, self.came = made, came
        self.names = tuple(made.forecasters)
        self.late = np.array([state.is_late(1) for state in panel.states])
        n = len(made.accounts)
        self.scored = np.flatnonzero(came.state[:, 0] != NO_ROW)
        self.by_account = {
            name: {key: np.full(n, np.nan) for key in ("brier", "log", "p30", "crps", "mean", "covered", "half")}
            for name in self.names
        }
        self._sum = hashlib.sha256()
        hash_fan(self._sum, made.fan)
        self.chance = np.zeros((n, len(panel.states)))  # the first forecaster's
        for some, name, forecast in made.by_account():
            hash_accounts(self._sum, forecast)
            here, state = self.by_account[name], came.state[some, 0]
            hit = state != NO_ROW
            here["brier"][some[hit]] = brier(forecast.states[hit], state[hit])
            here["log"][some[hit]] = log_loss(forecast.states[hit], state[hit])
            here["p30"][some] = forecast.states[:, self.late].sum(axis=1)
            outcome = came.utilisation[some]
            here["crps"][some] = crps(forecast.utilisation, outcome)
            here["mean"][some] = forecast.utilisation.mean(axis=1)
            # NaN, where nothing is forecast, is not scored
            for key, level in (("covered", 0.9), ("half", 0.5)):
                inside = covered(forecast.utilisation, outcome, level).astype(float)
                here[key][some] = np.where(np.isfinite(here["crps"][some]), inside, np.nan)
            if name == self.names[0]:
                self.chance[some] = forecast.states

    def digest(self) -> str:
        """Return the SHA-256 of all forecasts."""
        return self._sum.hexdigest()

    def scores(self, seed) -> Iterator[Score]:
        """Yield every score of every forecaster."""
        state, utilisation = self.came.state[self.scored, 0], self.came.utilisation
        late, newly = self.late[state], ~self.late[self.made.features.state[self.scored]]
        for name in self.names:
            if name == SPREAD:  # as last value
                continue
            here, first = self.by_account[name], self.by_account[self.names[0]]
            yield self._score(name, "next state", "Brier", here["brier"], seed, first["brier"])
            yield self._score(name, "next state", "log loss", here["log"], seed, first["log"])
            yield self._score(name, "next state", "bias of 30+", here["p30"][self.scored] - late)
            for score, some in (("AUC of 30+", np.ones_like(newly)), ("AUC of newly 30+", newly)):
                theirs, own = (ranked(of["p30"][self.scored][some], late[some]) for of in (here, first))
                less = None if name == self.names[0] else theirs and own and auc_less(own, theirs)
                yield Score(name, "next state", score, *auc(theirs), int(some.sum()), less)
        if not np.isfinite(utilisation).any():
            return
        # the same accounts for everyone who says something of utilisation: those that all can forecast
        known = {name: np.isfinite(self.by_account[name]["crps"]) for name in self.names}
        known = {name: some for name, some in known.items() if some.any() or name == self.names[0]}
        all_known = np.logical_and.reduce(list(known.values()))
        for name in known:
            known_of = self.by_account[name]
            here = {key: np.where(all_known, known_of[key], np.nan) for key in ("crps", "mean", "covered", "half")}
            ours = np.where(all_known, self.by_account[self.names[0]]["crps"], np.nan)
            yield self._score(name, "utilisation", "CRPS", here["crps"], seed, ours)
            yield self._score(name, "utilisation", "bias", here["mean"] - utilisation)
            yield self._score(name, "utilisation", "coverage of 90 %", here["covered"])
            yield self._score(name, "utilisation", "coverage of 50 %", here["half"])

    def _score(self, name, target, score, values, seed=None, ours=None):
        known = np.isfinite(values)
        less = None
        if ours is not None and name != self.names[0] and known.any():
            less = paired(ours[known], values[known], seed)
        values = values[known]
        value, se = mean(values) if len(values) else (float("nan"),) * 2
        return Score(name, target, score, float(value), float(se), len(values), less)

    def reliability(self) -> Iterator[Reliability]:
        """Yield the reliability of each forecaster's probability of 30+."""
        came = self.late[self.came.state[self.scored, 0]].astype(float)
        n = len(RELIABILITY_EDGES) - 1
        for name in self.names:
            chance = self.by_account[name]["p30"][self.scored]
            band = np.clip(np.searchsorted(RELIABILITY_EDGES, chance, side="right") - 1, 0, n - 1)
            size = np.bincount(band, minlength=n)
            with np.errstate(invalid="ignore", divide="ignore"):
                forecast, happened = (np.bincount(band, x, n) / size for x in (chance, came))
            yield Reliability(name, size, forecast, happened)


def _outlooks(made: Fan, came: Realised, expected: np.ndarray, panel: Panel) -> Iterator[Outlook]:
    """Yield the outlook of every measure and month."""
    n, measures = len(panel.states), made.measures()
    model = shares(expected, panel.states)
    for m, month in enumerate(made.months):
        state = came.state[:, m]
        actual = shares(np.bincount(state[state >= 0], minlength=n), panel.states)
        if made.balance is not None:
            actual["balance"] = came.balance[:, m].sum()
        for measure, of in measures.items():
            drawn = np.sort(of[-1, :, m])
            low, lower, _, upper, high = np.quantile(drawn, QUANTILE_LEVELS)
            yield Outlook(
                month,
                measure,
                float(actual[measure]),
                came.before[measure],
                float(of[SOURCES.index("accounts"), :, m].mean()),
                float(model.get(measure, np.nan)) if m == 0 else float("nan"),
                np.quantile(of[:, :, m], QUANTILE_LEVELS, axis=1).T,
                float(crps(drawn, actual[measure])),
                float(drawn.mean() - actual[measure]),
                bool(within(actual[measure], low, high)),
                bool(within(actual[measure], lower, upper)),
            )

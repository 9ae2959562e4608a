"""Forecasts from a window of months: the fan of the book, and of each account what every forecaster says."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.estimation.backtest.account_model import AccountModel
from simulator.estimation.backtest.boosting import BOOSTING, Boosting, is_there
from simulator.estimation.backtest.cells import AccountForecast, Forecaster, Sample
from simulator.estimation.backtest.features import Features, features
from simulator.estimation.backtest.peers import LastValue, PlainMatrix, Regression, SpreadLastValue
from simulator.estimation.panels.leavers import with_leavers
from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.choice import Remembered, remembered
from simulator.estimation.roll_rates.factor import panel_factor
from simulator.estimation.roll_rates.forecast import DRAWS, Correlation, Fan, fan, posterior_correlation, window
from simulator.estimation.roll_rates.kinds import with_kinds
from simulator.estimation.roll_rates.rows import most_cells, within_rows
from simulator.estimation.roll_rates.shifts import panel_shifts
from simulator.model.errors import Problem, UserError

OURS, SPREAD = "account model", "last value with spread"
FORECASTERS: dict[str, Callable[[Sample, int], Forecaster]] = {
    OURS: AccountModel,
    "last value": LastValue,
    SPREAD: SpreadLastValue,
    "plain matrix": PlainMatrix,
    "regression": Regression,
}


def all_forecasters() -> dict[str, Callable[[Sample, int], Forecaster]]:
    """Return the forecasters, and boosting where scikit-learn is installed."""
    return {**FORECASTERS, BOOSTING: Boosting} if is_there() else FORECASTERS


MIN_PAIRS = 2
CHUNK = 20_000  # accounts forecast at a time: the memory in use does not grow with the book
SAMPLE = 2_000_000  # account-months that account models are fitted on, at most: evenly spaced accounts of each pair
SEED = 20050731


@dataclass(frozen=True)
class Forecasts:
    """All that is forecast, from the window alone."""

    method: "Method"
    fan: Fan
    forecasters: dict[str, Forecaster]
    accounts: np.ndarray  # int64[account], rows of the panel that are open at the end of the window
    features: Features  # of those accounts
    fitted_on: int  # account-months
    remembering: tuple[str, ...]  # states whose accounts move in the fan by rows that remember
    kinds: int  # of people, by whose rows accounts move in the fan; 0 where all move by their states

    def by_account(self) -> Iterator[tuple[np.ndarray, str, AccountForecast]]:
        """Yield (positions in `accounts`, forecaster, forecast), some accounts at a time."""
        for first in range(0, len(self.accounts), CHUNK):
            some = np.arange(first, min(first + CHUNK, len(self.accounts)))
            of = self.features.take(some)
            for name, forecaster in self.forecasters.items():
                yield some, name, forecaster(of)


def estimated(past: Panel) -> Correlation:
    """Return the factor correlation of a window, with the dispersion of its rows around the factor."""
    pasts = _remembered(past)
    cells = len(past.open_states) + most_cells(pasts)
    return posterior_correlation(panel_factor(past, remembered=pasts), cells, panel_shifts(past, pasts, cells))


def _remembered(past: Panel) -> dict[str, Remembered]:
    """Return what the window's accounts remember or their kinds, as a scenario calibrated from it would have it."""
    return within_rows(past, with_kinds(past, remembered(past)))


@dataclass(frozen=True)
class Method:
    """How to forecast: from which window, and with what."""

    fit_until: str
    correlation: Callable[[Panel], Correlation] = estimated  # of the factor, estimated from the window
    forecasters: dict[str, Callable[[Sample, int], Forecaster]] = field(default_factory=all_forecasters)
    draws: int = DRAWS
    seed: int = SEED

    def forecasts(self, panel: Panel) -> Forecasts:
        """Return all forecasts from the window that ends with `fit_until`; the rest of `panel` gives its months only.

        Raises UserError for a month that leaves nothing to fit or to forecast.
        """
        check_fit_until(panel, self.fit_until)
        past = with_leavers(panel.until(self.fit_until))
        months = panel.months[len(past.months) :]
        sample = pairs_sample(past)
        n_open = len(past.open_states)
        pasts = _remembered(past)
        accounts = np.flatnonzero((past.state[:, -1] >= 0) & (past.state[:, -1] < n_open))
        return Forecasts(
            self,
            fan(window(past, pasts), months, self.correlation(past), self.draws, self.seed),
            {name: fit(sample, len(past.states)) for name, fit in self.forecasters.items()},
            accounts,
            features(past, len(past.months) - 1).take(accounts),
            len(sample.state),
            tuple(dict.fromkeys(of.name for found in pasts.values() for of in found.states)),
            max((len(found.kinds.names) for found in pasts.values() if found.kinds), default=0),
        )


def check_fit_until(panel: Panel, fit_until: str) -> None:
    """Raise UserError unless the panel can be fitted until that month and scored after it."""

    def wrong(found, allowed):
        return UserError(Problem("--fit-until", "", found, allowed))

    if fit_until not in panel.months:
        raise wrong(f"{fit_until} is not a month of the tape", f"it has {panel.months[0]} to {panel.months[-1]}")
    at = panel.months.index(fit_until)
    if at == len(panel.months) - 1:
        raise wrong(f"{fit_until} is the last month of the tape: nothing is left to forecast", "name an earlier month")
    n_pairs = sum(pair.second <= at for pair in panel.pairs())
    if n_pairs < MIN_PAIRS:
        raise wrong(
            f"{n_pairs} pairs of months with accounts in both until {fit_until}",
            f"a fit needs {MIN_PAIRS}: name a later month, or give a longer tape",
        )
    if not any(pair.first == at for pair in panel.pairs()):
        raise wrong(f"no account stands in {fit_until} and in the month after it", "name a month before another one")


def pairs_sample(past: Panel) -> Sample:
    """Return what was known and what came, of all accounts in all pairs of months of the window."""
    n_open, pairs = len(past.open_states), list(past.pairs())
    step = -(-len(past.account_id) * len(pairs) // SAMPLE)
    parts = []
    for pair in pairs:
        first, second = features(past, pair.first), features(past, pair.second)
        there = np.flatnonzero((first.state >= 0) & (first.state < n_open) & (second.state >= 0))[::step]
        is_open = second.state[there] < n_open
        came = np.where(is_open, second.utilisation[there], np.nan)
        parts.append(Sample(first.take(there), second.state[there], came))
    columns = zip(*(part.features for part in parts), strict=True)
    return Sample(
        Features(*(np.concatenate(column) for column in columns)),
        np.concatenate([part.state for part in parts]),
        np.concatenate([part.utilisation for part in parts]),
    )


def scrambled(panel: Panel, fit_until: str) -> Panel:
    """Return `panel` with everything after `fit_until` replaced: other states, other amounts, other accounts missing.

    Months, accounts, products and segments stay, for a forecast may know them; so does what a fit brings along from
    elsewhere than the panel it is given.
    """
    later = slice(panel.months.index(fit_until) + 1, None)
    changed = {}
    for name in ("state", "bucket", "code", "grade"):
        numbers = getattr(panel, name).copy()
        numbers[:, later] = (numbers[::-1, later] + 1) % (numbers.max(initial=0) + 1)  # NO_ROW becomes 0
        changed[name] = numbers
    for name in ("balance", "limit", "payment", "written_off", "recovered"):
        amounts = getattr(panel, name).copy()
        amounts[:, later] = 1000 - np.nan_to_num(amounts[::-1, later]) / 2
        changed[name] = amounts
    return replace(panel, **changed)


def digest(made: Forecasts) -> str:
    """Return the SHA-256 of all forecasts."""
    found = hashlib.sha256()
    hash_fan(found, made.fan)
    for _, _, forecast in made.by_account():
        hash_accounts(found, forecast)
    return found.hexdigest()


def hash_fan(found, made: Fan) -> None:
    """Take the fan into the hash `found`."""
    for x in (made.accounts, made.balance, made.correlation.quantiles):
        found.update(b"" if x is None else np.ascontiguousarray(x).tobytes())


def hash_accounts(found, forecast: AccountForecast) -> None:
    """Take forecasts of accounts into the hash `found`."""
    for x in forecast:
        found.update(np.ascontiguousarray(x).tobytes())

"""Does the fan hold what comes? Made-up books of known shifts, forecast a year ahead from two years.

Four kinds of books, all moved by shifts of rho 0.02: without memory; of hazards that fall with the stay, opened as the
tape begins; of people who differ; and without memory where each state has a shift of its own.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from simulator.estimation.backtest.forecasts import Method
from simulator.estimation.roll_rates.forecast import Fan, shares

from .remembering import GONE_BAD, STATES, YEAR, Kind, _panel, differing, lasting, lived, memoryless

WINDOW = 24  # months that a fan is made from
HORIZONS = (1, 3, 6, 12)
WANTED = (0.84, 0.96)  # of 90 % bands
OWN = Kind(memoryless().chance, persistence=0.8, tie=0.5)
KINDS: dict[str, Callable[[int, int], np.ndarray]] = {
    "no memory": lambda seed, n: lived(memoryless(), seed, n, WINDOW + YEAR, before=YEAR)[0],
    "hazards fall": lambda seed, n: lived(lasting(), seed, n, WINDOW + YEAR)[0],
    "people differ": lambda seed, n: differing(seed, n, WINDOW + YEAR, rho=0.02)[0].state,
    "states move on their own": lambda seed, n: lived(OWN, seed, n, WINDOW + YEAR, before=YEAR)[0],
}


class Held(NamedTuple):
    """How often the 90 % band of a measure held what came, by HORIZONS, over books."""

    kind: str
    measure: str
    inside: tuple[float, ...]
    width: tuple[float, ...]  # of the band, over that of a normal with the spread of what came around its middle


def held(kind: str, accounts: int, books: int, progress: Callable[[str, int, int], None]) -> list[Held]:
    """Return how often the fans of so many books of a kind held each measure."""
    inside: dict[str, list] = {}
    errors: dict[str, list] = {}
    widths: dict[str, list] = {}
    at = np.array(HORIZONS) - 1
    for seed in range(books):
        state = KINDS[kind](seed, accounts)
        panel = _panel(state)
        made: Fan = Method(panel.months[WINDOW - 1], forecasters={}, draws=300, seed=seed).forecasts(panel).fan
        there = state[state[:, WINDOW - 1] < GONE_BAD, WINDOW:]
        came = np.array([np.bincount(month, minlength=len(STATES)) for month in there.T])
        for measure, drawn in _measures(made.accounts[-1]).items():
            low, middle, high = np.quantile(drawn[:, at], [0.05, 0.5, 0.95], axis=0)
            value = _measures(came)[measure][at]
            inside.setdefault(measure, []).append((low <= value) & (value <= high))
            errors.setdefault(measure, []).append(value - middle)
            widths.setdefault(measure, []).append(high - low)
        progress(kind, seed + 1, books)
    return [
        Held(
            kind,
            measure,
            tuple(np.mean(inside[measure], axis=0).tolist()),
            tuple((np.mean(widths[measure], axis=0) / (3.29 * np.std(errors[measure], axis=0))).tolist()),
        )
        for measure in inside
    ]


def _measures(accounts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shares of accounts[..., state], and how many of them are open."""
    return {**shares(accounts, STATES), "open accounts": accounts[..., :GONE_BAD].sum(axis=-1)}

"""Which drivers, how late, and with what memory: candidates of one form, one of them chosen by a criterion.

    f(rate) = constant + memory x f(rate, a quarter before) + sum of slope x driver, some quarters before + residual

A driver is there with one lag or not at all. All candidates are fitted to the same quarters.
"""

from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import ROUNDING
from simulator.estimation.macro.link import CURVES, FEWEST, LinkFit, regression
from simulator.estimation.macro.series import Series, later, named_quarters

LONGEST = 4  # lag of a driver, in quarters: assumption, range 2 to 8
TIE = 2.0  # of the criterion: as good (Burnham and Anderson 2002, section 2.6)
MEMORY = "its own last value"


class Candidate(NamedTuple):
    """What stands on the right of the equation."""

    lags: tuple[int | None, ...]  # of each driver of the series, in quarters; None of one that is not there
    memory: bool

    @property
    def parameters(self) -> int:
        """Constant and variance, the memory, and of each driver its slope and its lag, which is chosen too."""
        return 2 + self.memory + 2 * sum(lag is not None for lag in self.lags)

    def named(self, series: Series) -> tuple[str, ...]:
        """Return how pages call what is there beside the constant."""
        pairs = zip(series.drivers, self.lags, strict=True)
        late = {0: "", 1: ", 1 quarter before"}
        drivers = (each.label + late.get(lag, f", {lag} quarters before") for each, lag in pairs if lag is not None)
        return *drivers, *([MEMORY] if self.memory else [])


class Tried(NamedTuple):
    """A candidate and its criterion (`try_all`); the least is the best."""

    candidate: Candidate
    aicc: float


class Columns(NamedTuple):
    """A series as candidates use it."""

    y: np.ndarray  # float64[quarter], log-odds or probits of the rate; NaN where unknown or left out
    drivers: np.ndarray  # float64[driver, lag, quarter]
    used: np.ndarray  # bool[quarter]: in which all candidates are compared
    candidates: tuple[Candidate, ...]  # the simplest first

    def of(self, candidate: Candidate) -> list[np.ndarray]:
        """Return what stands beside the constant, each float64[quarter], in the order of its names."""
        drivers = [self.drivers[k, lag] for k, lag in enumerate(candidate.lags) if lag is not None]
        return [*drivers, *([later(self.y, 1)] if candidate.memory else [])]


class Choice(NamedTuple):
    """The candidate that was chosen, among which, and its fit to all quarters that it can use."""

    columns: Columns
    tried: tuple[Tried, ...]  # the best first
    chosen: Tried
    present: Tried  # the link of `simulator.estimation.macro.link`
    fit: LinkFit

    @property
    def lag(self) -> int | None:
        """That of unemployment; None where it is not there."""
        return self.chosen.candidate.lags[0]

    @property
    def is_present(self) -> bool:
        """Whether the link without lag and memory was chosen."""
        return self.chosen == self.present


def columns_of(series: Series, leave_out=(), curve: str = "logit") -> Columns:
    """Return the columns of a series that has a link, and the candidates among which it can choose.

    Lags are tried up to LONGEST, and memory, as long as FEWEST quarters remain that all candidates can use.
    """
    bend, _ = CURVES[curve]
    named = np.isin(series.quarters, named_quarters(leave_out))
    y = np.where(named, np.nan, bend(series.rate))
    drivers = np.array([[later(each.entering, lag) for lag in range(LONGEST + 1)] for each in series.drivers])

    def in_all(longest, memory):
        known = np.isfinite(y) & np.isfinite(drivers[:, : longest + 1]).all(axis=(0, 1))
        return known & np.isfinite(later(y, 1)) if memory else known

    reaches = [*((lag, True) for lag in range(LONGEST, -1, -1)), (0, False)]
    longest, memory = next((each for each in reaches if in_all(*each).sum() >= FEWEST), reaches[-1])
    lags = product((None, *range(longest + 1)), repeat=len(drivers))
    found = [Candidate(each, with_it) for each in lags for with_it in ((False, True) if memory else (False,))]
    found.sort(key=lambda each: (each.parameters, sum(lag or 0 for lag in each.lags)))
    return Columns(y, drivers, in_all(longest, memory), tuple(found))


def try_all(columns: Columns, used: np.ndarray) -> list[Tried]:
    """Return the candidates in their order with their criterion on the quarters `used`; infinite if they are too few.

    It is AICc, and of m drivers that are offered each one that is there costs 2 ln m more: of many one fits by chance.

    Sources: C. M. Hurvich and C.-L. Tsai, Biometrika 76 (1989); D. P. Foster and E. I. George, Annals of Statistics 22
    (1994), the price of a choice among m.
    """
    price = 2 * np.log(len(columns.drivers))
    y, n = columns.y[used], int(used.sum())
    least = n * (ROUNDING * np.abs(y).max()) ** 2  # of a line that all points are on
    found = []
    for candidate in columns.candidates:
        x = np.column_stack([np.ones(n), *(column[used] for column in columns.of(candidate))])
        error = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        k = candidate.parameters
        aicc = n * np.log(max(error @ error, least) / n) + 2 * k * n / (n - k - 1) if n > k + 1 else np.inf
        found.append(Tried(candidate, float(aicc + price * sum(lag is not None for lag in candidate.lags))))
    return found


def best(tried: list[Tried]) -> Tried:
    """Return, of those that are as good as the best (TIE), the one with fewest parameters; of several the best."""
    limit = min(each.aicc for each in tried) + TIE
    return min((each for each in tried if each.aicc <= limit), key=lambda each: (each.candidate.parameters, each.aicc))


def choose(series: Series, leave_out=(), curve: str = "logit") -> Choice:
    """Return which candidate a series that has a link chooses, fitted without the quarters named in `leave_out`."""
    columns = columns_of(series, leave_out, curve)
    tried = try_all(columns, columns.used)
    without = Candidate((0, *(None for _ in series.others)), False)
    chosen, present = best(tried), next(each for each in tried if each.candidate == without)
    beside = columns.of(chosen.candidate)
    fit = regression(columns.y, beside, chosen.candidate.named(series), usable(columns, chosen.candidate))
    return Choice(columns, tuple(sorted(tried, key=lambda each: each.aicc)), chosen, present, fit)


def usable(columns: Columns, candidate: Candidate) -> np.ndarray:
    """Return bool[quarter]: on which a candidate by itself can be fitted; as the link, never in the first year."""
    known = np.isfinite(columns.y) & np.isfinite(columns.drivers[0, 0])
    return np.logical_and.reduce([known, *(np.isfinite(column) for column in columns.of(candidate))])

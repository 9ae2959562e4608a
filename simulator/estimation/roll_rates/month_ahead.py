"""A scenario against the matrix it was made from: every state's share one month ahead, exact and simulated."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import mean
from simulator.engine import engine
from simulator.estimation.panels.panel import Group, Panel
from simulator.estimation.roll_rates.estimates import TapeEstimates, filled
from simulator.estimation.roll_rates.forecast import SOURCES, Fan, fan, posterior_correlation, window
from simulator.estimation.roll_rates.rolls import RollMatrix
from simulator.estimation.roll_rates.rows import most_cells
from simulator.estimation.roll_rates.states_ahead import Ahead, states_ahead
from simulator.lowering.lower import lower
from simulator.model.layout import PRODUCTS
from simulator.model.observer import SILENT, Observer, compiling
from simulator.reading.dates import months_between
from simulator.run import read_book
from simulator.scenario.histories import rows_of
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import matrix_of

ROUNDING = 1e-9  # of a share: chances in the kernel have 31 bits
WRONG_Z = 6.0  # of the scenario against its own matrix: beyond this it is a fault, not chance (once in 5e8 cells)


class OneAhead(NamedTuple):
    """A state one month ahead: the share that the matrix gives, and that of the scenario's simulation."""

    product: str
    segment: str
    state: str
    forecast: float
    simulated: float
    se: float  # of the simulated share: over replications, and at least the sampling variation of accounts
    account: tuple[float, float]  # interval of the share by sampling variation of accounts alone
    factor: tuple[float, float]  # and with the common factor
    everything: tuple[float, float]  # and with what is not known of matrix and factor

    @property
    def z(self) -> float:
        """How many standard errors the simulation is from the matrix; 0 where both are equal but for rounding."""
        apart = self.simulated - self.forecast
        return 0.0 if abs(apart) < ROUNDING else apart / self.se if self.se > 0 else float("inf")


def one_month_ahead(done: TapeEstimates, scenario: str | Path, observer: Observer = SILENT) -> list[OneAhead]:
    """Return each state's share a month after the tape: by the pooled matrix, and by the scenario as written.

    The forecast is the opening counts times the pooled matrix, exact; the simulation is that of the file `scenario`,
    all replications. Raises ArithmeticError if they differ by more than chance could.
    """
    loaded: Scenario = load_scenario(scenario)
    book = read_book(loaded)
    world = lower(loaded.baseline, book and book.tape, False)
    engine.prepare(world, compiling(observer))
    ahead = states_ahead(world, 1, lambda r: observer.advanced("a month ahead", 1, world.replications))
    panel, table = done.moving.without_last_dues(), []
    n_open, n, pasts = len(panel.open_states), len(panel.states), done.remembered
    next_month = months_between(panel.months[-1], "9999-12")[1]
    # without shifts, as in the scenario, whose factor does not go on from the tape's
    believed = posterior_correlation(done.factor, n_open + most_cells(pasts))
    every = done.factor.evidence.row_dispersion.reshape(-1, n_open + most_cells(pasts))
    for k, (group, matrix) in enumerate(zip(panel.groups(), done.rolls.pooled, strict=True)):
        g, p = world.segments.index(matrix.segment), PRODUCTS.index(matrix.product)
        opening, chance = _opening(done, matrix, loaded, ahead)
        if not (everyone := opening.sum()):  # all have left before the end: nobody to forecast
            continue
        forecast = opening @ chance
        simulated = ahead.counts[:, g, p, :n].astype(np.float64)
        names = [state.name for state in panel.states]
        if "written_off" in names:
            simulated[:, names.index("written_off")] = ahead.written_off[:, g, p]
        if paid := [s for s, state in enumerate(panel.states) if state.bucket == "paid_off"]:
            rest = everyone - np.delete(simulated, paid, axis=1).sum(axis=1)
            of_each = forecast[paid] / max(forecast[paid].sum(), np.finfo(float).tiny)
            simulated[:, paid] = rest[:, None] * of_each if len(paid) > 1 else rest[:, None]
        reached, spread = mean(simulated)  # of whole numbers, so that what is certain has a spread of exactly 0
        alone = np.sqrt(opening @ (chance * (1 - chance)) / len(simulated))  # a rare move may be in no replication
        se = np.maximum(spread, alone)
        fitted = window(_only(panel, group), pasts)
        own = believed._replace(dispersion=every[[k], : fitted.rows.cell_state.shape[1]])
        fans = _intervals(fan(fitted, [next_month], own), done.rolls.level)
        table += [
            OneAhead(matrix.product, matrix.segment, names[s], *numbers, *fans[s])
            for s, numbers in enumerate((np.array([forecast, reached, se]) / everyone).T.tolist())
        ]
    wrong = [row for row in table if abs(row.z) > WRONG_Z]
    if wrong:
        raise ArithmeticError(f"the scenario does not move as its matrix: {wrong[0]}")
    return table


def _opening(done: TapeEstimates, matrix: RollMatrix, loaded: Scenario, ahead: Ahead) -> tuple[np.ndarray, np.ndarray]:
    """Return (int64[row], float64[row, state]): accounts of a product and segment at the start, and where they go."""
    p, settings = PRODUCTS.index(matrix.product), loaded.baseline
    g = list(settings.segment).index(matrix.segment)
    of_scenario = matrix_of(settings, settings.segment[matrix.segment], matrix.product)
    if of_scenario and (of_scenario.memory or of_scenario.kinds):
        chance = rows_of(of_scenario).chance[:, : len(matrix.states)]
        return ahead.rows[g, p, : len(chance)], chance
    counts = filled(matrix)
    return ahead.opening[g, p, : len(counts)], counts / counts.sum(axis=1, keepdims=True)


def _only(panel: Panel, group: Group) -> Panel:
    """Return the panel of one group."""
    by_account = {name: value for name, value in vars(panel).items() if isinstance(value, np.ndarray)}
    return replace(panel, **{name: value[group.accounts] for name, value in by_account.items()})


def _intervals(made: Fan, level: float) -> list[list[tuple[float, float]]]:
    """Return, by state, the interval of its share a month ahead from each source of uncertainty."""
    tail = (1 - level) / 2
    shares = made.accounts[:, :, 0] / made.accounts[:, :, 0].sum(axis=-1, keepdims=True)
    low, high = np.quantile(shares, [tail, 1 - tail], axis=1)  # [source, state]
    return [[(float(low[k, s]), float(high[k, s])) for k in range(len(SOURCES))] for s in range(shares.shape[-1])]

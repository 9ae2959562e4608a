"""From a tape of months to a scenario: read, report, estimate, write, and check the scenario against the estimates."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import mean
from simulator.engine import engine
from simulator.estimation.panels.panel import Panel
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.panels.report import TapeReport, tape_report
from simulator.estimation.roll_rates.ahead import states_ahead
from simulator.estimation.roll_rates.cautions import of_the_tape
from simulator.estimation.roll_rates.forecast import SOURCES, Fan, fan, posterior_correlation, window
from simulator.estimation.roll_rates.memory import Homogeneity, Memory, homogeneity, memory
from simulator.estimation.roll_rates.ratio_report import Ratio, ratios, vintages
from simulator.estimation.roll_rates.rolls import THIN, RollMatrix, Rolls, rolls
from simulator.estimation.roll_rates.scenario import Calibrated, document
from simulator.estimation.roll_rates.survival import Vintage
from simulator.lowering.lower import lower
from simulator.model.errors import Problem, UserError
from simulator.model.layout import LINE, PRODUCTS
from simulator.scenario.reader import load_scenario
from simulator.scenario.resolved import toml
from simulator.scenario.scenario import Scenario
from simulator.study import read_book
from simulator.tape.mapping import read_mapping
from simulator.tape.months import months_between

NEEDED_FOR_LOANS = ("instalment", "months_left")
PERSISTENCE = 0.9  # of the factor, a month; assumption, as in the shipped scenarios: few months do not tell it
ROUNDING = 1e-9  # of a share: chances in the kernel have 31 bits
WRONG_Z = 6.0  # of the scenario against its own matrix: beyond this it is a fault, not luck (once in 5e8 cells)


@dataclass(frozen=True)
class Calibration:
    """What a tape says, before anything is written."""

    tape: Path
    mapping: Path
    panel: Panel
    report: TapeReport
    rolls: Rolls
    tests: dict[tuple[str, str], tuple[Memory, Homogeneity]]  # by product and segment
    ratios: list[Ratio]
    vintages: list[tuple[str, str, Vintage]]  # product, segment, curves

    @property
    def has_limits(self) -> bool:
        """Return whether the tape has a column for the limits of its lines, or no lines."""
        return bool(read_mapping(self.mapping, panel=True).columns.limit) or not (self.panel.product == LINE).any()

    @property
    def counts(self) -> dict[tuple[str, str], np.ndarray]:
        """Return the moves of each product and segment that the scenario has, float64[open state, state]."""
        return {(matrix.product, matrix.segment): _filled(matrix) for matrix in self.rolls.pooled}

    def cautions(self) -> list[str]:
        """Return what must be known before any number of the scenario, as the tape alone tells it."""
        return list(of_the_tape(self.panel, self.has_limits, self.counts))

    def scenario_text(self, cautions: Sequence[str] = ()) -> str:
        """Return the scenario with these cautions, to stand beside `mapping_text` in one folder."""
        return toml(document(_calibrated(self), cautions))

    def mapping_text(self, as_of: str = "") -> str:
        """Return the mapping with `as_of` at a month, the tape's last one if none: where a scenario starts."""
        import tomlkit

        table = tomlkit.parse(self.mapping.read_text(encoding="utf-8-sig"))
        own = {"as_of": as_of or self.panel.months[-1]} | ({} if self.has_limits else {"limits": "balance"})
        first = [f'{key} = "{value}"\n' for key, value in own.items() if key not in table]
        table.update({key: value for key, value in own.items() if key in table})
        return "".join(first) + tomlkit.dumps(table)


def calibrate(tape: str | Path, mapping: str | Path) -> Calibration:
    """Return what the tape says; raises UserError if it cannot be read or has no two months next to each other."""
    panel = read_panel(tape, mapping)
    rolling = panel.without_last_dues()
    if not list(rolling.pairs()):
        found = (
            f"{len(panel.account_id):,} accounts, months {', '.join(panel.months[:3])}: nobody stands in two in a row"
        )
        raise UserError(
            Problem(str(tape), "", found, "two months next to each other at least, of a loan before its last due")
        )
    last = panel.state[:, -1]
    if not ((last >= 0) & (last < len(panel.open_states))).any():
        raise UserError(
            Problem(str(tape), "", f"no account is open in {panel.months[-1]}", "a scenario starts from it")
        )
    tests = {}
    for group in panel.groups():
        moves = np.array([rolling.moves(pair, group.accounts) for pair in rolling.pairs()])
        of_group = memory(rolling.state[group.accounts], panel.states), homogeneity(moves, panel.states)
        tests[group.product, group.segment] = of_group
    found = (tape_report(panel), rolls(rolling), tests, ratios(panel), vintages(panel))
    return Calibration(Path(tape), Path(mapping), panel, *found)


def _calibrated(done: Calibration) -> Calibrated:
    """Return what goes into the scenario."""
    if any(group.product == "loan" for group in done.panel.groups()):
        columns = read_mapping(done.mapping, panel=True).columns
        if absent := [f"columns.{name}" for name in NEEDED_FOR_LOANS if not getattr(columns, name)]:
            raise UserError(
                Problem(str(done.mapping), ", ".join(absent), "missing", "a book of loans starts from them")
            )
    factor = done.rolls.factor
    low, high = f"{factor.posterior.low:.3f}", f"{factor.posterior.high:.3f}"
    source = f"calibrated from {done.panel.facts['file']}: posterior median of {len(factor.months)} months, "
    source += f"{factor.level:.0%} interval {low} to {high}, under Beta({factor.prior.a:g}, {factor.prior.b:g})"
    path = str(done.tape.resolve())
    correlation = factor.posterior.value
    return Calibrated(done.panel, done.counts, correlation, PERSISTENCE, source, path, "mapping.toml")


def _filled(matrix: RollMatrix) -> np.ndarray:
    """Return float64[open state, state]: the counts; a thin row's as it was topped up, an empty one's a stay."""
    counts = matrix.n.astype(np.float64)
    for r in matrix.topped_up:
        counts[r] = matrix.probability[r] * THIN
    for r in np.flatnonzero(counts.sum(axis=1) == 0):  # nobody was ever seen there
        counts[r, r] = 1.0
    return counts


class OneAhead(NamedTuple):
    """A state one month ahead: the share that the matrix gives, and that of the scenario's simulation."""

    product: str
    segment: str
    state: str
    forecast: float
    simulated: float
    se: float  # of the simulated share: over replications, and at least what the luck of single accounts gives
    account: tuple[float, float]  # interval of the share by the luck of accounts alone
    factor: tuple[float, float]  # and with the common factor
    everything: tuple[float, float]  # and with what is not known of matrix and factor

    @property
    def z(self) -> float:
        """How many standard errors the simulation is from the matrix; 0 where both are equal but for rounding."""
        apart = self.simulated - self.forecast
        return 0.0 if abs(apart) < ROUNDING else apart / self.se if self.se > 0 else float("inf")


def one_month_ahead(
    done: Calibration, scenario: str | Path, progress=lambda done, total: None, compiling=lambda begun: None
) -> list[OneAhead]:
    """Return each state's share a month after the tape: by the pooled matrix, and by the scenario as written.

    The forecast is the opening counts times the pooled matrix, exact; the simulation is that of the file `scenario`,
    all replications; `compiling` as in `simulator.compare`. Raises ArithmeticError if they differ by more than luck
    could.
    """
    loaded: Scenario = load_scenario(scenario)
    book = read_book(loaded)
    world = lower(loaded.baseline, book and book.tape, False)
    engine.prepare(world, compiling)
    ahead = states_ahead(world, 1, lambda r: progress(r, world.replications))
    panel, table = done.panel.without_last_dues(), []
    n_open, n = len(panel.open_states), len(panel.states)
    next_month = months_between(panel.months[-1], "9999-12")[1]
    believed = posterior_correlation(done.rolls.factor, n_open)
    believed = believed._replace(factor=None)  # as in the scenario, whose factor does not go on from the tape's
    for k, (group, matrix) in enumerate(zip(panel.groups(), done.rolls.pooled, strict=True)):
        g, p = world.segments.index(matrix.segment), PRODUCTS.index(matrix.product)
        opening = ahead.opening[g, p, :n_open]
        if not (everyone := opening.sum()):  # all have left before the end: nobody to forecast
            continue
        counts = _filled(matrix)
        chance = counts / counts.sum(axis=1, keepdims=True)
        forecast = opening @ chance
        simulated = ahead.counts[:, g, p, :n].astype(np.float64)
        names = [state.name for state in panel.states]
        if "written_off" in names:
            simulated[:, names.index("written_off")] = ahead.written_off[:, g, p]
        if "paid_off" in names:
            rest = everyone - simulated.sum(axis=1) + simulated[:, names.index("paid_off")]
            simulated[:, names.index("paid_off")] = rest
        reached, spread = mean(simulated)  # of whole numbers, so that what is certain has a spread of exactly 0
        alone = np.sqrt(opening @ (chance * (1 - chance)) / len(simulated))  # a rare move may be in no replication
        se = np.maximum(spread, alone)
        own = believed._replace(dispersion=believed.dispersion[[k]])
        fans = _intervals(fan(window(_only(panel, group)), [next_month], own), done.rolls.level)
        table += [
            OneAhead(matrix.product, matrix.segment, names[s], *numbers, *fans[s])
            for s, numbers in enumerate((np.array([forecast, reached, se]) / everyone).T.tolist())
        ]
    wrong = [row for row in table if abs(row.z) > WRONG_Z]
    if wrong:
        raise ArithmeticError(f"the scenario does not move as its matrix: {wrong[0]}")
    return table


def _only(panel: Panel, group) -> Panel:
    """Return the panel of one group."""
    by_account = {name: value for name, value in vars(panel).items() if isinstance(value, np.ndarray)}
    return replace(panel, **{name: value[group.accounts] for name, value in by_account.items()})


def _intervals(made: Fan, level: float) -> list[list[tuple[float, float]]]:
    """Return, by state, the interval of its share a month ahead from each source of uncertainty."""
    tail = (1 - level) / 2
    shares = made.accounts[:, :, 0] / made.accounts[:, :, 0].sum(axis=-1, keepdims=True)
    low, high = np.quantile(shares, [tail, 1 - tail], axis=1)  # [source, state]
    return [[(float(low[k, s]), float(high[k, s])) for k in range(len(SOURCES))] for s in range(shares.shape[-1])]

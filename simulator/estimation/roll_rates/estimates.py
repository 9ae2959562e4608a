"""What a tape of months says: what is on it, roll matrices, the common factor, and the scenario that they give."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.estimation.panels.leavers import with_leavers
from simulator.estimation.panels.panel import Panel
from simulator.estimation.panels.report import TapeReport, tape_report
from simulator.estimation.roll_rates.book import BOOK, BOOK_MAPPING, write_book
from simulator.estimation.roll_rates.cautions import left_silently, of_the_tape
from simulator.estimation.roll_rates.choice import Remembered, remembered
from simulator.estimation.roll_rates.factor import Factor, panel_factor
from simulator.estimation.roll_rates.kinds import kind_of, with_kinds
from simulator.estimation.roll_rates.loadings import Loadings, panel_loadings
from simulator.estimation.roll_rates.memory import Homogeneity, Memory, homogeneity, memory
from simulator.estimation.roll_rates.ratio_report import Ratio, ratios, vintages
from simulator.estimation.roll_rates.rolls import THIN, RollMatrix, Rolls, rolls
from simulator.estimation.roll_rates.rows import within_rows
from simulator.estimation.roll_rates.scenario import ScenarioInputs, document
from simulator.estimation.roll_rates.survival import Vintage
from simulator.estimation.structural.tied import PEOPLE, PEOPLE_MAPPING
from simulator.model.errors import Problem, UserError
from simulator.model.layout import LINE
from simulator.scenario.resolved import toml
from simulator.tape.mapping import read_mapping

NEEDED_FOR_LOANS = ("instalment", "months_left")
PERSISTENCE = 0.9  # of the factor, a month; assumption, as in the shipped scenarios: few months do not tell it


@dataclass(frozen=True)
class TapeEstimates:
    """What a tape says, before anything is simulated or written."""

    tape: Path
    mapping: Path
    panel: Panel  # as it is read
    moving: Panel  # with an exit for accounts that leave silently
    found: TapeReport
    rolls: Rolls
    tests: dict[tuple[str, str], tuple[Memory, Homogeneity]]  # by product and segment
    ratios: list[Ratio]
    vintages: list[tuple[str, str, Vintage]]  # product, segment, curves
    remembered: dict[str, Remembered]  # by product
    factor: Factor  # of the rows of the scenario: that of the matrices where nothing is remembered
    loadings: Loadings  # of the segments with the factor

    @property
    def has_limits(self) -> bool:
        """Return whether the tape has a column for the limits of its lines, or no lines."""
        return bool(read_mapping(self.mapping, panel=True).columns.limit) or not (self.panel.product == LINE).any()

    @property
    def counts(self) -> dict[tuple[str, str], np.ndarray]:
        """Return the moves of each product and segment that the scenario has, float64[open state, state]."""
        return {(matrix.product, matrix.segment): filled(matrix) for matrix in self.rolls.pooled}

    @property
    def remembers(self) -> bool:
        """Whether some state has cells."""
        return any(found.states for found in self.remembered.values())

    @property
    def differs(self) -> bool:
        """Whether some product has kinds of people."""
        return any(found.kinds for found in self.remembered.values())

    @property
    def has_rows(self) -> bool:
        """Whether accounts move by more rows than those of their states: they remember, or are of several kinds."""
        return any(found.has_rows for found in self.remembered.values())

    @property
    def first_told(self) -> int:
        """Return the place of the first month in which the tape tells of every account what is remembered of it."""
        return max([0, *(found.looks_back for found in self.remembered.values())])

    def book_in(self, folder: Path, month: str = "") -> None:
        """Write into `folder` what the scenario starts from beside the tape: nothing if rows are states alone."""
        if self.has_rows:
            kind = kind_of(self.moving, self.remembered)
            write_book(folder, self.tape, self.mapping, self.moving, month or self.panel.months[-1], kind)

    def people_in(self, folder: Path, person: np.ndarray) -> None:
        """Write into `folder` the book of a tied scenario, with who holds each account: int64[account], or below 0."""
        of = self.tape, self.mapping, self.moving, self.panel.months[-1]
        write_book(folder, *of, person=person, files=(PEOPLE, PEOPLE_MAPPING))

    def cautions(self) -> list[str]:
        """Return what must be known before any number of the scenario, as the tape alone tells it."""
        return [*left_silently(self.panel), *of_the_tape(self.moving, self.has_limits, self.counts)]

    def scenario_text(self, cautions: Sequence[str] = ()) -> str:
        """Return the scenario with these cautions, to stand beside `mapping_text` in one folder."""
        return toml(document(_inputs(self), cautions))

    def mapping_text(self, as_of: str = "") -> str:
        """Return the mapping with `as_of` at a month, the tape's last one if none: where a scenario starts."""
        import tomlkit

        table = tomlkit.parse(self.mapping.read_text(encoding="utf-8-sig"))
        own = {"as_of": as_of or self.panel.months[-1]} | ({} if self.has_limits else {"limits": "balance"})
        first = [f'{key} = "{value}"\n' for key, value in own.items() if key not in table]
        table.update({key: value for key, value in own.items() if key in table})
        return "".join(first) + tomlkit.dumps(table)


def estimate_panel(panel: Panel, tape: Path, mapping: Path) -> TapeEstimates:
    """Return what `panel` says, which was read from `tape` with `mapping`.

    Raises UserError if it has no two months next to each other, or no open account in the last.
    """
    moving = with_leavers(panel)
    rolling = moving.without_last_dues()
    if not list(rolling.pairs()):
        seen = (
            f"{len(panel.account_id):,} accounts, months {', '.join(panel.months[:3])}: nobody stands in two in a row"
        )
        allowed = "two months next to each other at least, of a loan before its last due"
        raise UserError(Problem(str(tape), "", seen, allowed))
    last = panel.state[:, -1]
    if not ((last >= 0) & (last < len(panel.open_states))).any():
        raise UserError(
            Problem(str(tape), "", f"no account is open in {panel.months[-1]}", "a scenario starts from it")
        )
    tests = {}
    for group in panel.groups():
        moves = np.array([rolling.moves(pair, group.accounts) for pair in rolling.pairs()])
        of_group = memory(rolling.state[group.accounts], rolling.states), homogeneity(moves, rolling.states)
        tests[group.product, group.segment] = of_group
    found, matrices = tape_report(panel), rolls(rolling)
    pasts = within_rows(rolling, with_kinds(rolling, remembered(rolling)))
    factor = panel_factor(rolling, remembered=pasts) if any(of.has_rows for of in pasts.values()) else matrices.factor
    of_panel = tests, ratios(panel), vintages(panel)
    loadings = panel_loadings(rolling, pasts)
    return TapeEstimates(tape, mapping, panel, moving, found, matrices, *of_panel, pasts, factor, loadings)


def _inputs(done: TapeEstimates) -> ScenarioInputs:
    """Return what goes into the scenario."""
    if any(group.product == "loan" for group in done.panel.groups()):
        columns = read_mapping(done.mapping, panel=True).columns
        if absent := [f"columns.{name}" for name in NEEDED_FOR_LOANS if not getattr(columns, name)]:
            raise UserError(
                Problem(str(done.mapping), ", ".join(absent), "missing", "a book of loans starts from them")
            )
    factor = done.factor
    low, high = f"{factor.posterior.low:.3f}", f"{factor.posterior.high:.3f}"
    source = f"calibrated from {done.panel.facts['file']}: posterior median of {len(factor.months)} months, "
    source += f"{factor.level:.0%} interval {low} to {high}, under Beta({factor.prior.a:g}, {factor.prior.b:g})"
    files = (BOOK, BOOK_MAPPING) if done.has_rows else (str(done.tape.resolve()), "mapping.toml")
    persistence = factor.persistence._replace(value=PERSISTENCE)
    moves = done.counts, done.remembered
    loadings = done.loadings.by_segment if done.loadings.are_told else {}
    dispersion = round(float(np.nanmax([1.0, factor.evidence.dispersion])), 2)
    return ScenarioInputs(done.moving, *moves, factor.posterior, persistence, source, dispersion, *files, loadings)


def filled(matrix: RollMatrix) -> np.ndarray:
    """Return float64[open state, state]: the counts; a thin row's as it was topped up, an empty one's a stay."""
    counts = matrix.n.astype(np.float64)
    for r in matrix.topped_up:
        counts[r] = matrix.probability[r] * THIN
    empty = np.flatnonzero(counts.sum(axis=1) == 0)  # nobody was ever seen there
    counts[empty, empty] = 1.0
    return counts

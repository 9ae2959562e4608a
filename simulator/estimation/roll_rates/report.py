"""What `simulator calibrate` writes: tables, the factor, the scenario, and a page that begins with the answer."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from simulator.estimation import rows_used
from simulator.estimation.panels.hindcast import Hindcast
from simulator.estimation.panels.phrasing import level_words, levels_section
from simulator.estimation.roll_rates import memory_report as of_memory
from simulator.estimation.roll_rates.estimates import TapeEstimates
from simulator.estimation.roll_rates.forecast import SOURCES
from simulator.estimation.roll_rates.month_ahead import OneAhead
from simulator.estimation.roll_rates.phrasing import (
    FEW_MONTHS,
    factor_words,
    homogeneity_words,
    memory_words,
    thin_words,
)
from simulator.estimation.roll_rates.ratio_report import RATIO_COLUMNS, VINTAGE_COLUMNS, section, vintage_rows
from simulator.estimation.roll_rates.rolls import COLUMNS, cells
from simulator.report.paper import Section, Table, paper
from simulator.report.results import write_csv
from simulator.system.folders import write_json

BALANCE_COLUMNS = (*COLUMNS[:8], "opening_balance", "closing_balance", "dollar_roll_rate", "row_sum")
LEVEL_COLUMNS = ("level", "month_from", "month_to", "tape", "scenario", "low", "high", "inside")
AHEAD_COLUMNS = (
    *("product", "segment", "state", "matrix_forecast", "simulated", "se", "z"),
    *("low_accounts", "high_accounts", "low_factor", "high_factor", "low", "high"),
)


def write_tables(
    folder: Path, done: TapeEstimates, ahead: list[OneAhead], found: Hindcast, cautions: list[str]
) -> None:
    """Write roll matrices by count, by balance and by grade, the factor, levels, and what was found on the tape."""
    write_csv(folder / "one_month_ahead.csv", AHEAD_COLUMNS, ahead_rows(ahead))
    write_csv(folder / "roll_matrix.csv", COLUMNS, (row.values() for row in done.rolls.rows()))
    write_csv(folder / "roll_matrix_balance.csv", BALANCE_COLUMNS, _dollar_rows(done))
    write_csv(folder / "memory.csv", of_memory.MEMORY_COLUMNS, of_memory.memory_rows(done))
    if done.has_rows:
        write_csv(folder / "rows.csv", of_memory.ROW_COLUMNS, of_memory.cell_rows(done))
    if done.moving is not done.panel:
        write_csv(folder / "gone.csv", of_memory.GONE_COLUMNS, of_memory.gone_rows(done))
    if done.rolls.by_grade:
        rows = ((matrix.grade, *row.values()) for matrix in done.rolls.by_grade for row in cells(matrix))
        write_csv(folder / "roll_matrix_by_grade.csv", ("grade", *COLUMNS), rows)
    write_csv(folder / "ratios.csv", RATIO_COLUMNS, done.ratios)
    write_csv(folder / "vintages.csv", VINTAGE_COLUMNS, vintage_rows(done.vintages))
    factor = done.factor
    words = {"loadings": done.loadings.as_dict(), "words": factor_words(factor)}
    write_json(folder / "factor.json", {**factor.as_dict(), **words})
    findings = [{"kind": f.kind, "words": f.words, "accounts": f.accounts} for f in done.found.findings]
    late = [{k: _number(v) for k, v in row._asdict().items()} for row in done.found.late]
    rows = (
        (level.name, found.first, found.last, *map(_number, level[1:]), int(level.inside)) for level in found.levels
    )
    write_csv(folder / "levels.csv", LEVEL_COLUMNS, rows)
    told = {"used": rows_used.sentence(done.panel.facts), "cautions": cautions, "findings": findings, "late_90": late}
    write_json(folder / "tape.json", {**done.panel.facts, **told})


def ahead_rows(table: list[OneAhead]) -> Iterable[tuple]:
    """Yield the rows of one_month_ahead.csv, as AHEAD_COLUMNS."""
    for row in table:
        yield (*row[:6], round(row.z, 3), *row.account, *row.factor, *row.everything)


def _dollar_rows(done):
    units = done.panel.minor_units
    for rolls in done.rolls.dollars:
        rate, sums = rolls.rate, rolls.row_sum
        for r, s in np.ndindex(rate.shape):
            before, after = rolls.states[r], rolls.states[s]
            names = (rolls.product, rolls.segment, rolls.month_from, rolls.month_to)
            numbers = (rolls.opening[r] / units, rolls.closing[r, s] / units, _number(rate[r, s]), _number(sums[r]))
            yield (*names, before.name, after.name, before.bucket, after.bucket, *numbers)


def _number(value):
    return None if isinstance(value, float) and not np.isfinite(value) else value


# ---- the page -----------------------------------------------------------------------------------------------------


def answers(done: TapeEstimates, ahead: list[OneAhead], found: Hindcast) -> list[str]:
    """Return what a reader wants to know first."""
    told = "; ".join(map(level_words, found.levels[:2]))
    return [
        *of_memory.answers(done),
        *_turn(done),
        _moves(done, ahead),
        *([f"From {found.first} to {found.last} this book {told}."] if told else []),
        _shared_luck(done.factor),
    ]


def _moves(done, ahead):
    """Return how the scenario of the accounts that are open at the end moves, in a line."""
    last = done.panel.state[:, -1]
    still = int(((last >= 0) & (last < len(done.panel.open_states))).sum())
    whose = f"A scenario of {still:,} of {len(last):,} accounts, those open in {done.panel.months[-1]}"
    if not ahead:
        return f"{whose}: whether it moves as its tape did is not known, the next due ends every one of them."
    apart, z = max(abs(row.simulated - row.forecast) for row in ahead), max(abs(row.z) for row in ahead)
    return (
        f"{whose}, moves as its tape did: a month ahead every state's share is within {100 * apart:.2f} percentage "
        f"points of the matrix, largest |z| {z:.1f}."
    )


def _shared_luck(factor):
    """Return the factor's correlation in a line."""
    n, of = len(factor.months), factor.posterior
    whose = ", mostly what was believed before: few months say little" if n < FEW_MONTHS else ""
    return (
        f"What all accounts share in a month: a correlation of {of.value:.3f} ({of.low:.3f} to {of.high:.3f}) "
        f"from {n} pair{'' if n == 1 else 's'} of months{whose}."
    )


def _turn(done):
    """Return a line for each group: what share of current accounts turns late, of late ones gets current again."""
    for matrix in done.rolls.pooled:
        late = np.array([0 if s.is_exit else s.bucket > 0 for s in matrix.states], dtype=bool)
        current = np.array([not s.is_exit and s.bucket == 0 for s in matrix.states])
        n, rows_late = matrix.n, late[: len(matrix.n)]
        if n[~rows_late].sum() and n[rows_late].sum():
            who = "" if len(done.rolls.pooled) == 1 else f"{matrix.product.capitalize()}, {matrix.segment}: "
            turn, cure = n[~rows_late][:, late].sum() / n[~rows_late].sum(), n[rows_late][:, current].sum()
            yield (
                f"{who}{turn:.1%} of current accounts turn late in a month, {cure / n[rows_late].sum():.1%} of late "
                "accounts are current again a month later."
            )


def page(
    done: TapeEstimates,
    ahead: list[OneAhead],
    found: Hindcast,
    cautions: list[str],
    manifest: dict,
    more: Sequence[Section] = (),
) -> str:
    """Return report.html; `more` are sections of a structural fit."""
    panel, factor = done.panel, done.factor
    spans = f"{panel.months[0]} to {panel.months[-1]}, {len(panel.months)} months"
    setting = f"{panel.facts['file']}, {spans}: {rows_used.sentence(panel.facts)}"
    warnings = [f.words for f in done.found.findings if f.kind in ("impossible", "codes")]
    sections = [
        Section(
            "What is on the tape",
            [f.words for f in done.found.findings if f.kind not in ("codes",)],
            (),
            [_late(done)],
        ),
        *of_memory.sections(done),
        *(_matrix(done, matrix) for matrix in done.rolls.pooled),
        *([Section("A month ahead", AHEAD_WORDS, ahead_picture(ahead), [_ahead(ahead)])] if ahead else []),
        levels_section(found),
        Section("Memory and time", _test_words(done)),
        Section("The common factor", factor_words(factor), _factor_picture(factor)),
        section(done.ratios, done.vintages),
        *more,
    ]
    told = [(name, str(manifest[name])) for name in ("command", "replay", "wall_seconds") if name in manifest]
    told += [("tape", panel.facts["sha256"]), ("mapping", panel.facts["mapping_sha256"])]
    title, said = f"Calibration: {panel.facts['file']}", answers(done, ahead, found)
    return paper(title, setting, said, warnings, sections, told, cautions)


AHEAD_WORDS = [
    "The forecast is the last month's accounts times the pooled matrix. The scenario is simulated with the chance of "
    "accounts and the common factor; its mean must be the forecast. Intervals are of the share that will be seen: "
    "by sampling variation of accounts alone; with the common factor; and with what few months leave unknown of both."
]


def _late(done):
    rows = [
        (
            late.month,
            f"{late.accounts:,}",
            f"{late.currently:,}",
            f"{late.ever:,}",
            f"{late.currently_balance_share:.2%}",
        )
        for late in done.found.late
    ]
    head = ("month", "open accounts", "90+ now", "90+ ever", "90+ now, share of balance")
    return Table(head, rows, "Ever since the tape begins: what was before nobody knows.")


def _test_words(done):
    words, by = [], "that remember" if done.remembers else "of kinds of people" if done.differs else ""
    for (product, segment), (memory, homogeneity) in done.tests.items():
        if len(done.tests) > 1:
            words.append(f"{product.capitalize()}, {segment}:")
        words += [*memory_words(memory, by), *homogeneity_words(homogeneity)]
    return words


def _matrix(done, matrix):
    names = [state.name for state in matrix.states]
    low, high = matrix.wide
    rows: list[tuple[str | tuple[str, str], ...]] = []
    for r, row in enumerate(matrix.probability):
        if np.isnan(row).any():
            cells: list = ["nobody seen", *[""] * (len(names) - 1)]
        else:
            cells = [(f"{p:.1%}", f"{a:.1%} to {b:.1%}") for p, a, b in zip(row, low[r], high[r], strict=True)]
        rows.append(((names[r], f"{matrix.n[r].sum():,} accounts"), *cells))
    words = [
        f"From the state in the row to that in the column, all months pooled, with {done.rolls.level:.0%} intervals "
        "that include the common factor and each row's own movement between months."
    ]
    words += thin_words(matrix)
    title = "Roll matrix" if len(done.rolls.pooled) == 1 else f"Roll matrix: {matrix.product}, {matrix.segment}"
    return Section(title, words, (), [Table(("from", *names), rows)])


def _ahead(ahead):
    head = ("state", "matrix", "simulated", "s.e.", "z", *SOURCES)
    groups = {(row.product, row.segment) for row in ahead}
    rows = [
        (
            row.state if len(groups) == 1 else f"{row.product}, {row.segment}: {row.state}",
            f"{row.forecast:.3%}",
            f"{row.simulated:.3%}",
            f"{row.se:.3%}",
            f"{row.z:+.1f}",
            *(f"{low:.2%} to {high:.2%}" for low, high in (row.account, row.factor, row.everything)),
        )
        for row in ahead
    ]
    return Table(head, rows)


def ahead_picture(ahead):
    """Return the picture of the forecast a month ahead, in a list for a section."""
    from matplotlib import rc_context

    from simulator.report.colours import COLOURS
    from simulator.report.picture import Picture
    from simulator.report.plotting import PER_CENT, STYLE, figure, svg

    with rc_context(STYLE):
        made, axes = figure(0.9 + 0.42 * len(ahead))
        axis = axes[0, 0]
        for k, row in enumerate(ahead):
            centre = row.forecast
            for width, colour, (low, high) in zip(
                (11, 7, 3.5), ("#dbe6ee", "#9fbfd6", COLOURS[1]), (row.everything, row.factor, row.account), strict=True
            ):
                axis.plot([low, high], [k, k], lw=width, color=colour, solid_capstyle="butt")
            axis.plot([centre], [k], "o", color="white", ms=3, zorder=5)
        names = [row.state if len({r.segment for r in ahead}) == 1 else f"{row.segment}: {row.state}" for row in ahead]
        axis.set_yticks(range(len(ahead)), names)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.set_xlim(max(0.7 * min(row.everything[0] for row in ahead), 1e-5), 1)
        axis.xaxis.set_major_formatter(PER_CENT)
        axis.set_xlabel("share of accounts a month after the tape (logarithmic)")
        axis.set_ylabel("state")
        caption = (
            "The forecast (white) with its interval: dark by sampling variation of accounts alone, lighter with the "
            "common factor, lightest with what is not known of matrix and factor."
        )
        return [Picture("A month ahead", svg(made, caption), caption)]


def _factor_picture(factor):
    from matplotlib import rc_context

    from simulator.report.colours import COLOURS
    from simulator.report.picture import Picture
    from simulator.report.plotting import STYLE, figure, svg

    with rc_context(STYLE):
        made, axes = figure(2.6)
        axis = axes[0, 0]
        share = factor.weights.sum(axis=0)
        width = np.gradient(factor.rho)
        prior = np.exp(factor.prior.log_density(factor.rho))
        axis.plot(factor.rho, share / width / share.sum(), color=COLOURS[1], label="posterior")
        axis.plot(factor.rho, prior, color=COLOURS[0], ls="--", label="prior")
        axis.axvspan(factor.posterior.low, factor.posterior.high, color=COLOURS[1], alpha=0.12)
        axis.set_xlim(0, max(0.15, 2 * factor.posterior.high))
        axis.set_xlabel("correlation of the common factor (share of the variance of a borrower's random term)")
        axis.set_ylabel("density")
        axis.legend()
        caption = f"What {len(factor.months)} months say of the correlation beside what was believed before."
        return [Picture("The common factor", svg(made, caption), caption)]

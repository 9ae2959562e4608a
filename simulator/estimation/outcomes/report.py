"""The calibration of loans with outcomes as files: tables, the scenario, and a page that begins with the answer."""

from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation import rows_used
from simulator.estimation.intervals import jeffreys
from simulator.estimation.outcomes.checks import Check, Checked
from simulator.estimation.outcomes.figures import FIGURES, by_segment, halves
from simulator.estimation.outcomes.fit import THIN, TOO_LATE_TO_TELL, LoanFit, expected, observed_hazard
from simulator.estimation.outcomes.scenario import scenario_text
from simulator.report.paper import Section, Table, paper
from simulator.report.results import write_csv
from simulator.system.folders import write_json

TITLES = {
    "charge_off_share": "Charged off, of loans",
    "exposure": "Exposure at charge-off over amount lent (mean of loans)",
    "lgd": "LGD: exposure less recoveries after their cost, over exposure",
    "net_loss": "Net loss over amount lent",
}
COLUMNS = (
    *("segment", "figure", "loans", "charged_off", "value", "low", "high"),
    *("simulated", "simulated_low", "simulated_high", "inside"),
)
HAZARDS = ("segment", "due", "at_risk", "missed_for_good", "hazard", "low", "high", "fitted")


def write_tables(done: Checked, folder: Path) -> None:
    """Write tape.json, outcomes.csv, held_out.csv and hazards.csv into `folder`."""
    outcomes = done.fit.outcomes
    told = {"used": rows_used.sentence(done.facts), "cautions": cautions(done)}
    write_json(folder / "tape.json", {**done.facts, **told})
    write_csv(folder / "outcomes.csv", COLUMNS, _figure_rows(outcomes, done.measured, done.fitted))
    other = outcomes.take(halves(outcomes, done.seed)[1])
    write_csv(folder / "held_out.csv", COLUMNS, _figure_rows(other, None, done.held_out))
    write_csv(folder / "hazards.csv", HAZARDS, _hazard_rows(done.fit, done.fitted.level))


def scenario(done: Checked) -> str:
    """Return the scenario as TOML; it says itself where it is not at the level of the loans."""
    return scenario_text(done.fit, done.seed, cautions=_off_level(done))


def cautions(done: Checked) -> list[str]:
    """Return what must be known before any number."""
    return rows_used.cautions(done.facts) + _off_level(done)


def _off_level(done: Checked) -> list[str]:
    """Return a sentence for each figure of all loans together that the scenario does not give."""
    found, every = done.fitted, -1
    return [
        f"{TITLES[name]}: {found.value[every, f]:.1%} of the loans, in this scenario {found.low[every, f]:.1%} to "
        f"{found.high[every, f]:.1%}."
        for f, name in enumerate(FIGURES)
        if np.isfinite(found.value[every, f]) and not found.inside[every, f]
    ]


def answers(done: Checked) -> list[str]:
    """Return what a reader wants to know first."""
    value = dict(zip(FIGURES, done.measured[0][-1], strict=True))
    return [
        f"{value['charge_off_share']:.1%} of {len(done.fit.outcomes.amount):,} loans were charged off, at "
        f"{value['exposure']:.0%} of the amount lent, with a loss of {value['lgd']:.1%} of that.",
        f"Figures of the loans inside the scenario's {done.fitted.level:.0%} intervals: {_count(done.fitted)}; of a "
        f"half that the scenario was not fitted on: {_count(done.held_out)}.",
    ]


def page(done: Checked, manifest: dict[str, Any]) -> str:
    """Return report.html."""
    facts, fit = done.facts, done.fit
    setting = f"Loans of {facts['term']} months issued {' to '.join(dict.fromkeys(facts['issued']))}: "
    setting += rows_used.sentence(facts)
    found = [f"Loans {what}: {count:,}." for what, count in facts["checks"].items() if count]
    level = f"{done.fitted.level:.0%}"
    sections = [
        *([Section("What is in the file", found)] if found else []),
        Section(
            "In the scenario fitted to them",
            [
                f"Each figure with the {level} interval of the loans (Jeffreys for shares, else bootstrap), and the "
                "interval of as many simulated loans. The first three were fitted, so they should lie inside."
            ],
            (),
            _tables(done.measured, done.fitted),
        ),
        Section(
            "Fitted to one half, compared with the other",
            [
                "The interval has the sampling of both halves; no common factor is in it, for one cohort does not show "
                f"one. Inside: {_count(done.held_out)}; figures of a segment hang together, and all holds the segments."
            ],
            (),
            _tables((done.held_out.value, None, None), done.held_out),
        ),
        Section("What was fitted, and what the file does not tell", _notes(fit), (), [_fitted(fit)]),
    ]
    told = [(name, str(value)) for name, value in manifest.items() if name in ("command", "replay", "versions")]
    told += [(name, str(facts[name])) for name in ("sha256", "mapping_sha256") if name in facts]
    return paper(f"Calibration: {facts['file']}", setting, answers(done), [], sections, told, cautions(done))


def _tables(measured, found: Check) -> list[Table]:
    value, low, high = measured
    made = []
    for f, name in enumerate(FIGURES):
        rows = [
            (
                segment,
                (f"{value[s, f]:.1%}", f"{low[s, f]:.1%} to {high[s, f]:.1%}" if low is not None else ""),
                (f"{found.mean[s, f]:.1%}", f"{found.low[s, f]:.1%} to {found.high[s, f]:.1%}"),
                "yes" if found.inside[s, f] else "no",
            )
            for s, segment in enumerate(found.segments)
            if np.isfinite(value[s, f])
        ]
        made.append(Table((TITLES[name], "loans", "simulated", "inside"), rows))
    return made


def _fitted(fit: LoanFit) -> Table:
    head = ("segment", "of loans", "miss a due for good, a month", "repay all early, a month", "recovered, a month")
    rows = [
        (
            name,
            f"{s.share:.1%}",
            _ages(s.default),
            _ages(s.early),
            (f"{s.collecting.chance:.2%} of loans", f"{s.collecting.share:.1%} of what is owed"),
        )
        for name, s in fit.segments.items()
    ]
    return Table(head, rows, "Hazards run from the first to the last age of a current loan.")


def _notes(fit: LoanFit) -> list[str]:
    settings = fit.outcomes.settings
    alike = f"p = {fit.recoveries_alike:.2g} that they are alike"
    return [
        "Month of default: from the principal received, by the loan's own schedule. Charged off at "
        f"{settings.charge_off_dpd} days past due ({settings.charge_off_source}).",
        "Month of early repayment: from the interest received, as if all was on time until one payment of the rest. "
        f"The last {TOO_LATE_TO_TELL} dues cannot be told apart from repayment on time.",
        f"Recoveries: {'of all segments together' if fit.one_recovery else 'each segment its own'}, {alike}. When they "
        f"came is not told: evenly over {settings.recovery_months} months ({settings.recovery_source}).",
        "Cures are not told: who misses a due is charged off, so the stock of late loans is the least there can be.",
        f"Interest: one rate, {12 * fit.rate:.2%} a year, the mean by amount. Income by segment is not the file's.",
        *(
            f"{name}: fewer than {THIN} loans to tell it, taken from all: {', '.join(s.borrowed)}."
            for name, s in fit.segments.items()
            if s.borrowed
        ),
        *(
            f"{name}: no hazards give all four targets; the nearest were taken."
            for name, s in fit.segments.items()
            if not s.met
        ),
    ]


def _ages(hazards) -> str:
    """Return the hazards of the first and the last age in words."""
    return f"{hazards[0]:.2%} to {hazards[-1]:.2%}"


def _count(found: Check) -> str:
    usable = np.isfinite(found.value)
    return f"{int(found.inside[usable].sum())} of {int(usable.sum())}, {found.level * usable.sum():.1f} expected"


def _figure_rows(outcomes, measured, found: Check):
    """Yield a row for each segment and figure, as COLUMNS."""
    sums = by_segment(outcomes)
    for s, segment in enumerate(found.segments):
        for f, name in enumerate(FIGURES):
            own = [float(part[s, f]) for part in measured] if measured else [float(found.value[s, f]), "", ""]
            drawn = [float(part[s, f]) for part in (found.mean, found.low, found.high)]
            yield [segment, name, int(sums[s, 0]), int(sums[s, 1]), *map(_number, own + drawn), int(found.inside[s, f])]


def _hazard_rows(fitted: LoanFit, level: float):
    """Yield a row for each segment and due, as HAZARDS: the hazard seen and fitted."""
    outcomes = fitted.outcomes
    for s, (name, segment) in enumerate(fitted.segments.items()):
        at_risk, missed = observed_hazard(outcomes.take(outcomes.segment == s))
        off, paid = expected(segment.default, segment.early, outcomes.term)
        open_before = 1 - np.concatenate([[0], np.cumsum(off + paid)[:-1]])
        for due in range(1, outcomes.term + 1):
            n, k = int(at_risk[due]), int(missed[due])
            low, high = jeffreys(k, n, level)
            seen = [k / n, float(low), float(high)] if n else ["", "", ""]
            model = off[due] / open_before[due] if open_before[due] > 0 else ""
            yield [name, due, n, k, *map(_number, [*seen, model])]


def _number(value):
    """Return a number with the digits that matter, nothing for none."""
    return "" if value == "" or not np.isfinite(value) else f"{value:.6g}"

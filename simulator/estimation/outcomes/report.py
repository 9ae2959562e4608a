"""The calibration of loans with outcomes as files: tables, the scenario, and a page that begins with the answer."""

from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation import rows_used
from simulator.estimation.intervals import jeffreys
from simulator.estimation.outcomes.checks import Check, Checked, Timing
from simulator.estimation.outcomes.curves import Curves, curves_of, picture
from simulator.estimation.outcomes.figures import ALL, FIGURES, by_segment, halves
from simulator.estimation.outcomes.fit import THIN, LoanFit
from simulator.estimation.outcomes.hazards import TOO_LATE_TO_TELL
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
HAZARDS = (
    *("segment", "due", "at_risk", "missed", "early", "fitted", "low", "high"),
    *("fitted_early", "low_early", "high_early"),
)
CUMULATIVE = (
    *("segment", "due", "missed", "seen_low", "seen_high", "fitted", "low", "high", "next_low", "next_high"),
    *("simulated", "simulated_low", "simulated_high", "inside"),
)


def write_tables(done: Checked, folder: Path) -> None:
    """Write tape.json, outcomes.csv, held_out.csv, hazards.csv and cumulative.csv into `folder`."""
    outcomes = done.fit.outcomes
    told = {"used": rows_used.sentence(done.facts), "cautions": cautions(done)}
    write_json(folder / "tape.json", {**done.facts, **told})
    write_csv(folder / "outcomes.csv", COLUMNS, _figure_rows(outcomes, done.measured, done.fitted))
    other = outcomes.take(halves(outcomes, done.seed)[1])
    write_csv(folder / "held_out.csv", COLUMNS, _figure_rows(other, None, done.held_out))
    curves = _curves(done)
    write_csv(folder / "hazards.csv", HAZARDS, _hazard_rows(done.fit, curves))
    write_csv(folder / "cumulative.csv", CUMULATIVE, _cumulative_rows(done, curves))


def scenario(done: Checked) -> str:
    """Return the scenario as TOML; it says itself where it is not at the level of the loans."""
    return scenario_text(done.fit, done.seed, cautions=_off_level(done))


def cautions(done: Checked) -> list[str]:
    """Return what must be known before any number."""
    return rows_used.cautions(done.facts) + _off_level(done)


def _off_level(done: Checked) -> list[str]:
    """Return a sentence for each figure of all loans, or share by a due, that the scenario does not give."""
    found, every, by_due = done.fitted, -1, done.timing[0]
    off = [
        f"{TITLES[name]}: {found.value[every, f]:.1%} of the loans, in this scenario {found.low[every, f]:.1%} to "
        f"{found.high[every, f]:.1%}."
        for f, name in enumerate(FIGURES)
        if np.isfinite(found.value[every, f]) and not found.inside[every, f]
    ]
    return off + [
        f"Charged off by due {due}: {by_due.value[every, k]:.1%} of the loans, in this scenario "
        f"{by_due.low[every, k]:.1%} to {by_due.high[every, k]:.1%}."
        for k, due in enumerate(by_due.dues)
        if not by_due.inside[every, k]
    ]


def answers(done: Checked) -> list[str]:
    """Return what a reader wants to know first."""
    value = dict(zip(FIGURES, done.measured[0][-1], strict=True))
    return [
        f"{value['charge_off_share']:.1%} of {len(done.fit.outcomes.amount):,} loans were charged off, at "
        f"{value['exposure']:.0%} of the amount lent, with a loss of {value['lgd']:.1%} of that.",
        f"Figures of the loans inside the scenario's {done.fitted.level:.0%} intervals: {_count(done.fitted)}; of a "
        f"half that the scenario was not fitted on: {_count(done.held_out)}.",
        _hazard_words(done),
    ]


def _hazard_words(done: Checked) -> str:
    """Return how the hazard of all loans runs, and whether charge-offs come when they came."""
    curves = _curves(done)
    hazard = curves.default[0][-1]
    top = int(hazard.argmax())
    peak = f", {hazard[top]:.2%} due {top + 1}, the most," if 0 < top < len(hazard) - 1 else ""
    inside, unseen = (int(each.inside[-1].sum()) for each in done.timing)
    dues = len(done.timing[0].dues)
    return (
        f"Of loans that still pay, {hazard[0]:.2%} miss the first due for good{peak} and {hazard[-1]:.2%} the last. "
        f"Charged off by {_listed(done.timing[0].dues)} dues: inside the interval at {inside} of {dues}, in a half not "
        f"fitted on at {unseen} of {dues}."
    )


def _listed(dues) -> str:
    """Return numbers in words."""
    return f"{', '.join(map(str, dues[:-1]))} and {dues[-1]}" if len(dues) > 1 else str(dues[0])


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
                "interval of as many simulated loans."
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
        Section(
            "When loans are charged off",
            [
                "By the first due that was missed for good; the charge-off follows when the loan is "
                f"{fit.outcomes.settings.charge_off_dpd} days past due. Hazards are free by due: a smooth curve, the "
                f"first due apart, and {_alike_words(fit)}.",
                f"Defaults in ten groups of dues: chi-squared {(fit.hazards.z_in_groups() ** 2).sum():.1f} from the "
                "curve; where a curve is right it is below 18 in 95% of files.",
                _cohort_words(fit),
            ],
            [picture(_curves(done))],
            [_timing_table(done)],
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


def _timing_table(done: Checked) -> Table:
    """Return the shares of all loans missed for good by some dues: of the loans, simulated, of a half, of the next."""
    curves = _curves(done)
    own, half = done.timing

    def span(found: Timing, k: int) -> tuple[str, str]:
        return f"{found.mean[-1, k]:.2%}", f"{found.low[-1, k]:.2%} to {found.high[-1, k]:.2%}"

    rows = []
    for k, due in enumerate(own.dues):
        low, high = (part[-1, due - 1] for part in curves.next_cohort)
        inside = ["yes" if found.inside[-1, k] else "no" for found in (own, half)]
        of_half = f"{half.value[-1, k]:.2%}"
        row = (f"{due}", f"{own.value[-1, k]:.2%}", span(own, k), inside[0], of_half, span(half, k), inside[1])
        rows.append((*row, f"{low:.2%} to {high:.2%}"))
    head = ("charged off by due", "loans", "simulated", "inside", "half not fitted on", "simulated", "inside")
    return Table((*head, "share of the next cohort"), rows)


def _fitted(fit: LoanFit) -> Table:
    head = ("segment", "of loans", "miss a due for good, a month", "repay all early, a month", "recovered, a month")
    rows = [
        (
            name,
            f"{s.share:.1%}",
            _dues(s.default),
            _dues(s.early[: len(s.early) - TOO_LATE_TO_TELL]),
            (f"{s.collecting.chance:.2%} of loans", f"{s.collecting.share:.1%} of what is owed"),
        )
        for name, s in fit.segments.items()
    ]
    return Table(head, rows, "Hazards at the first due, where they are highest, and at the last due that tells them.")


def _curves(done: Checked) -> Curves:
    """Return the fitted curves with their intervals."""
    return curves_of(done.fit.hazards, done.fit.cohorts.of_the_next, done.seed, done.fitted.level)


def _cohort_words(fit: LoanFit) -> str:
    """Return what is known of cohorts, and what the last column does with it, in words."""
    found = fit.cohorts
    if found.number == 1:
        known = f"One cohort shows no cohort effect: {found.sd:.2f} in log-odds is an assumption"
    else:
        known = f"The {found.number} cohorts differ by {found.sd:.2f} in log-odds ({found.low:.2f} to {found.high:.2f})"
    return (
        f"{known}. The last column is for the next one, which may be off the mean of those in the file by a standard "
        f"deviation of {found.of_the_next:.2f}."
    )


def _alike_words(fit: LoanFit) -> str:
    """Return whether segments differ by a shift alone, in words."""
    curve = fit.hazards.default_curve
    if len(fit.segments) == 1:
        return "one segment"
    how = "by a shift alone" if curve.deviation == np.inf else "by curves of their own"
    return f"segments that differ {how} (their own curves gain {curve.gain:.1f} in the log of the marginal likelihood)"


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
        f"Interest: one rate in each segment, the mean by amount; {12 * fit.rate:.2%} a year of all.",
        *(
            f"{name}: fewer than {THIN} charge-offs, so recoveries are those of all."
            for name, s in fit.segments.items()
            if s.borrowed
        ),
    ]


def _dues(hazards) -> str:
    """Return the hazards of the first due, the highest and the last in words."""
    return f"{hazards[0]:.2%}, {hazards.max():.2%} at due {hazards.argmax() + 1}, {hazards[-1]:.2%}"


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


def _hazard_rows(fitted: LoanFit, curves: Curves):
    """Yield a row for each segment and due, then for all loans, as HAZARDS."""
    for s, segment in enumerate((*fitted.outcomes.segments, ALL)):
        for due in range(1, fitted.outcomes.term + 1):
            counts = (int(table[s, due - 1]) for table in curves.counts)
            fit = (_number(float(part[s, due - 1])) for part in (*curves.default, *curves.early))
            yield [segment, due, *counts, *fit]


def _cumulative_rows(done: Checked, curves: Curves):
    """Yield a row for each segment and checked due, then for all loans, as CUMULATIVE."""
    found, level = done.timing[0], done.fitted.level
    for s, segment in enumerate(done.fitted.segments):
        lent = int(curves.counts.at_risk[s, 0])
        for k, due in enumerate(found.dues):
            missed = int(curves.counts.missed[s, :due].sum())
            fitted = [float(part[s, due - 1]) for part in (*curves.missed_by, *curves.next_cohort)]
            drawn = [float(part[s, k]) for part in (found.mean, found.low, found.high)]
            told = [*map(float, jeffreys(missed, lent, level)), *fitted, *drawn]
            yield [segment, due, missed, *map(_number, told), int(found.inside[s, k])]


def _number(value):
    """Return a number with the digits that matter, nothing for none."""
    return "" if value == "" or not np.isfinite(value) else f"{value:.6g}"

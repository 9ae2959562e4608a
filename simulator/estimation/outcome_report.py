"""The calibration of loans with outcomes in words and tables (Markdown)."""

import numpy as np

from simulator.estimation.outcome_figures import FIGURES
from simulator.estimation.outcome_fit import THIN, TOO_LATE_TO_TELL, Fit

TITLES = {
    "charge_off_share": "Charged off, of loans",
    "exposure": "Exposure at charge-off over amount lent (mean of loans)",
    "lgd": "LGD: exposure less recoveries after their cost, over exposure",
    "net_loss": "Net loss over amount lent",
}


def markdown(fit: Fit, measured, fitted, unseen) -> str:
    """Return the section; `measured` is (value, low, high) of the loans, `fitted` and `unseen` are checks."""
    outcomes = fit.outcomes
    facts, settings = outcomes.facts, outcomes.settings
    lines = [
        "## Loans with outcomes",
        "",
        f"{facts['file']}: {facts['rows_read']:,} rows, {facts['loans_used']:,} loans of {facts['term']} months used, "
        f"issued {facts['issued'][0]} to {facts['issued'][1]}.",
        "",
        *(f"- left out: {count:,} rows: {reason}" for reason, count in facts["left_out"].items()),
        *(f"- {count:,} loans: {what}" for what, count in facts["checks"].items()),
        "",
        "### In the scenario fitted to them",
        "",
        f"Each figure with the {fitted.level:.0%} interval of the loans (Jeffreys for shares, else bootstrap),",
        "and the interval of as many simulated loans. The first three were fitted, so they should lie inside.",
        "",
        *_table(measured, fitted),
        "",
        "### Fitted to one half, compared with the other",
        "",
        "The interval has the sampling of both halves; no common factor is in it, for one cohort does not show one.",
        f"Inside: {int(unseen.inside.sum())} of {unseen.inside.size} figures, {unseen.level * unseen.inside.size:.1f} "
        "expected; figures of a segment hang together, and all holds the segments.",
        "",
        *_table((unseen.value, None, None), unseen),
        "",
        "### What was fitted, and what the file does not tell",
        "",
        "| segment | of loans | miss a due for good, a month | repay all early, a month | recovered, a month |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {s.share:.1%} | {_ages(s.default)} | {_ages(s.early)} "
            f"| {s.collecting.chance:.2%} of loans, {s.collecting.share:.1%} of what is owed |"
            for name, s in fit.segments.items()
        ),
        "",
        "- Hazards run from the first to the last age of a current loan.",
        "- Month of default: from the principal received, by the loan's own schedule. Charged off at "
        f"{settings.charge_off_dpd} days past due ({settings.charge_off_source}).",
        "- Month of early repayment: from the interest received, as if all was on time until one payment of the rest. "
        f"The last {TOO_LATE_TO_TELL} dues cannot be told apart from repayment on time.",
        f"- Recoveries: of all segments together, p = {fit.recoveries_alike:.2f} that they are alike."
        if fit.one_recovery
        else f"- Recoveries: each segment's own, p = {fit.recoveries_alike:.2g} that they are alike.",
        f"- When they came is not told: evenly over {settings.recovery_months} months ({settings.recovery_source}).",
        "- Cures are not told: who misses a due is charged off, so the stock of late loans is the least there can be.",
        f"- Interest: one rate, {12 * fit.rate:.2%} a year, the mean by amount. Income by segment is not the file's.",
        *(
            f"- {name}: fewer than {THIN} loans to tell it, taken from all: {', '.join(s.borrowed)}."
            for name, s in fit.segments.items()
            if s.borrowed
        ),
        *(
            f"- {name}: no hazards give all four targets; the nearest were taken."
            for name, s in fit.segments.items()
            if not s.met
        ),
    ]
    return "\n".join(lines) + "\n"


def _table(measured, found) -> list[str]:
    """Return the lines of a table by segment and figure."""
    value, low, high = measured
    lines = []
    for f, name in enumerate(FIGURES):
        lines += [f"**{TITLES[name]}**", "", "| segment | loans | simulated | inside |", "|---|---|---|---|"]
        for s, segment in enumerate(found.segments):
            if not np.isfinite(value[s, f]):
                continue
            of = f" ({low[s, f]:.1%} to {high[s, f]:.1%})" if low is not None else ""
            drawn = f"{found.mean[s, f]:.1%} ({found.low[s, f]:.1%} to {found.high[s, f]:.1%})"
            lines.append(f"| {segment} | {value[s, f]:.1%}{of} | {drawn} | {'yes' if found.inside[s, f] else 'no'} |")
        lines.append("")
    return lines[:-1]


def _ages(hazards) -> str:
    """Return the hazards of the first and the last age in words."""
    return f"{hazards[0]:.2%} to {hazards[-1]:.2%}"

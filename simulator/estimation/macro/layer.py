"""What a scenario takes of a series: the slope of unemployment, and in words what it cannot take."""

import numpy as np

from simulator.estimation.macro.choice import MEMORY
from simulator.estimation.macro.findings import Findings
from simulator.report.phrasing import MINUS

MONTHS = 3  # of a quarter


def economy_toml(found: Findings) -> str:
    """Return the part of a scenario file that the link gives: a layer with value, standard error and source."""
    taken, lag = found.for_scenario, found.choice.lag or 0
    term, used = taken.log_odds_per_point, np.flatnonzero(np.isfinite(taken.fitted) & np.isfinite(taken.series.rate))
    first, last = (taken.series.quarters[used[k]] for k in (0, -1))
    without = f" without {', '.join(taken.left_out)}" if taken.left_out else ""
    late = f" {lag} quarter{'s' * (lag > 1)} before" if lag else ""
    source = (
        f"calibrated from {taken.series.file}: {taken.curve} of {taken.series.rate_name} on the yearly change of "
        f"unemployment{late}, {first} to {last}{without}; standard error {term.se:.3f}, "
        f"95% interval {term.low:.3f} to {term.high:.3f}"
    )
    number = f'value = {term.value:.4f}, source = {_quoted(source)}, status = "derived"'
    return "".join(
        f"{line}\n"
        for line in (
            '# Lay it over a scenario: extends = ["my.toml", "economy.toml"]. Log-odds per point of yearly change.',
            *(f"# {' '.join(told.split())}" for told in not_taken(found)),
            f"[economy]\nwill_not_per_point = {{ {number} }}",
        )
    )


def not_taken(found: Findings) -> list[str]:
    """Return in sentences what was chosen and a scenario does not have, and what to do about it; nothing if all is."""
    choice, lag = found.choice, found.choice.lag
    others = zip(found.link.series.others, choice.chosen.candidate.lags[1:], strict=True)
    named = [each.label for each, other_lag in others if other_lag is not None]
    said = []
    if lag is None:
        said.append(
            "Unemployment is not in the chosen equation; economy.toml holds the slope of the link all the same."
        )
    elif lag:
        months = MONTHS * lag
        said += [
            f"economy.toml holds the slope of unemployment {lag} quarter{'s' * (lag > 1)} before, but a scenario acts "
            f"in the same month. So move its path: add {months} to the month of every point of economy.path, and begin "
            f"it with a point in month {months} that has the unemployment of economy.unemployment. Job losses move "
            "with it.",
            "Charge-offs in a scenario come months after a borrower stops paying, by themselves: move the path only by "
            "what this leaves of the lag.",
        ]
    if choice.chosen.candidate.memory:
        said.append("A scenario does not take the memory" + _with_memory(choice, found.link.curve))
    if named:
        said.append(f"A scenario has no {' and no '.join(named)}: economy.toml is about unemployment alone.")
    return said


def _with_memory(choice, curve):
    """Return what the layer has in place of a memory, and what a point of unemployment does with it."""
    if choice.lag is None:
        return "."
    memory, slope = choice.fit.terms[MEMORY].value, list(choice.fit.terms.values())[1].value
    unit = "log-odds" if curve == "logit" else "probits"
    lasting = f" and {signed(slope / (1 - memory))} in all if it lasts" if memory < 1 else ""
    return (
        ": economy.toml holds the slope of a link without it. In the chosen equation a point of change is worth "
        f"{signed(slope)} {unit} in one quarter{lasting}."
    )


def signed(value: float, decimals: int = 2) -> str:
    """Return a number as pages show it where its sign matters."""
    return f"{value:+.{decimals}f}".replace("-", MINUS)


def _quoted(text) -> str:
    """Return `text` as a TOML string."""
    import tomlkit

    return tomlkit.item(text).as_string()

"""What a macro link found, as files: macro.json, macro.svg and a page."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation.macro.link import CHANGE, LEVEL, Link
from simulator.estimation.macro.series import YEAR
from simulator.report.paper import Section, Table, paper
from simulator.report.phrasing import MINUS
from simulator.system.folders import write_json


def write_tables(found: Link, folder: Path) -> None:
    """Write macro.json and macro.svg into `folder`."""
    write_json(folder / "macro.json", content(found))
    (folder / "macro.svg").write_text(picture(found).svg, encoding="utf-8")


def answers(found: Link) -> list[str]:
    """Return what the link says, in sentences: for the page and for the command line."""
    name, slope = found.series.rate_name, found.log_odds_per_point
    change, level = (found.fits[one].r2 for one in ("change", "level"))
    much = f"{np.exp(slope.value):.2f} times the odds ({np.exp(slope.low):.2f} to {np.exp(slope.high):.2f})"
    said = [
        _used(found),
        f"A point more unemployment than a year before goes with {much} of {name}: {_term(slope)} in log-odds."
        if slope.is_clear
        else f"No link of {name} with the yearly change of unemployment is clear: {_term(slope)} in log-odds.",
        f"The change explains {100 * change:.0f} % of the variance, the level of unemployment {100 * level:.0f} %.",
    ]
    for one in found.breaks:
        away = "" if math.isnan(one.surprise) else f", {_signed(one.surprise, 1)} robust standard deviations"
        what, then = (
            ("was left out", "") if one.left_out else ("stands outside the link", " --leave-out fits without it.")
        )
        said.append(f"{one.quarter} {what}: {100 * one.rate:.2f} %, the link {100 * one.fitted:.2f} %{away}.{then}")
    if found.breaks:
        every, without = (_term(fit.terms[CHANGE]) for fit in (found.every_quarter, found.without_breaks))
        said.append(f"The slope with these quarters is {every}, without them {without}, in {_unit(found)}.")
    return said


def _used(found: Link) -> str:
    """Return which quarters the link rests on, and why the others are not used."""
    series, named = found.series, np.isin(found.series.quarters, found.left_out)
    blank, early = np.isnan(series.rate), np.isnan(series.change)
    counts = {
        "named in --leave-out": named,
        f"without {series.rate_name}": blank & ~named,
        "of the first year, which only tells the change of the next": early & ~blank & ~named,
    }
    left = "; ".join(f"{int(those.sum())} {why}" for why, those in counts.items() if those.any())
    used = len(series.quarters) - int((named | blank | early).sum())
    return f"{used} of {len(series.quarters)} quarters used; left out: {left or 'none'}."


def page(found: Link, manifest: dict[str, Any]) -> str:
    """Return the report: one page that opens offline and begins with the answers."""
    series, unit = found.series, _unit(found)
    fits = {
        "change (the link)": found.fits["change"],
        "change, every quarter": found.every_quarter,
        "change, without breaks": found.without_breaks,
        "level": found.fits["level"],
        "change and level": found.fits["change and level"],
    }
    head = ("", f"change, {unit} per point", f"level, {unit} per point", "R²", "quarters")
    rows = [
        (name, *(_term(fit.terms.get(column)) for column in (CHANGE, LEVEL)), f"{fit.r2:.2f}", str(fit.used))
        for name, fit in fits.items()
    ]
    note = "In brackets 95 % intervals (Newey-West). They are short: with 60 quarters, read them as 90 %."
    words = [
        f"{found.curve} of {series.rate_name} = constant + slope × (unemployment less that of four quarters before).",
        f"What the link leaves has a standard deviation of {found.residual_sd:.2f} {unit} and a persistence of "
        f"{found.persistence:.2f} a quarter: good and bad years that unemployment does not tell.",
        "A break is a quarter whose news (its residual less what the last one foretells) is more than four robust "
        "standard deviations from the usual. economy.toml has the slope as a layer for a scenario.",
    ]
    return paper(
        f"Macro link: {series.rate_name} and unemployment",
        f"{series.file}, {series.quarters[0]} to {series.quarters[-1]}.",
        answers(found),
        [],
        [Section("The link", words, [picture(found)], [Table(head, rows, note)])],
        [(str(name).replace("_", " "), str(value)) for name, value in manifest.items()],
    )


def content(found: Link) -> dict:
    """Return the link as JSON takes it: rates are shares, unemployment per cent, what is not known null."""
    series = found.series
    columns = {
        "unemployment": series.unemployment,
        "change": series.change,
        "rate": series.rate,
        "fitted": found.fitted,
    }
    return {
        "file": series.file,
        "rate": series.rate_name,
        "curve": found.curve,
        "left_out": list(found.left_out),
        "log_odds_per_point": found.log_odds_per_point._asdict(),
        "fits": {name: _fit(fit) for name, fit in found.fits.items()},
        "every_quarter": _fit(found.every_quarter),
        "without_breaks": _fit(found.without_breaks),
        "breaks": [{name: _known(value) for name, value in one._asdict().items()} for one in found.breaks],
        "residual": {"persistence": found.persistence, "sd": found.residual_sd, "surprise_sd": found.surprise_sd},
        "quarters": [
            {"quarter": quarter, **{name: _known(float(values[k])) for name, values in columns.items()}}
            for k, quarter in enumerate(series.quarters)
        ],
    }


def _fit(fit):
    return {"terms": {name: term._asdict() for name, term in fit.terms.items()}, "r2": fit.r2, "quarters": fit.used}


def _known(value):
    """Return `value`, or None in place of NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def picture(found: Link):
    """Return the figure: the rate and the link's by quarter; the rate against the change of unemployment."""
    import matplotlib
    from matplotlib.ticker import FuncFormatter

    from simulator.report.colours import COLOURS, INK, SOFT
    from simulator.report.picture import Picture
    from simulator.report.plotting import STYLE, figure, svg

    of_link, of_series = COLOURS[1], COLOURS[2]
    series = found.series
    year = np.array([int(quarter[:4]) + (int(quarter[-1]) - 0.5) / 4 for quarter in series.quarters])
    change, rate, fitted = series.change, 100 * series.rate, 100 * found.fitted
    away = np.flatnonzero(np.isin(series.quarters, [one.quarter for one in found.breaks]))
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.4, 1, 2, width_ratios=(1.6, 1), sharey=True)
        time, link = axes[0]
        time.plot(year, rate, color=of_series, lw=1.6, label="series")
        time.plot(year, fitted, color=of_link, lw=1.6, label="link")
        time.set_xlabel("year")
        time.set_ylabel(f"{series.rate_name}, %")
        time.set_title("By quarter")
        time.legend(loc="best")
        in_link = np.isfinite(rate) & np.isfinite(change) & ~np.isin(np.arange(len(year)), away)
        link.plot(change[in_link], rate[in_link], "o", color=of_series, ms=4, mec="white", mew=0.5)
        order = np.argsort(change[YEAR:]) + YEAR
        link.plot(change[order], fitted[order], color=of_link, lw=1.6)
        link.set_xlabel("change in a year, percentage points")
        link.set_title("By change of unemployment")
        link.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", MINUS)))
        for k in away:
            for axis, x in ((time, year[k]), (link, change[k])):
                axis.plot(x, rate[k], "o", mfc="white", mec=INK, ms=6)
                axis.annotate(
                    series.quarters[k], (x, rate[k]), (5, 5), textcoords="offset points", fontsize=8, color=SOFT
                )
        caption = (
            f"{series.rate_name} by quarter and by the yearly change of unemployment, with the link. "
            "Rings are quarters outside the link or left out of it."
        )
        return Picture("Rate and unemployment", svg(made, caption), caption)


def _unit(found):
    return "log-odds" if found.curve == "logit" else "probits"


def _term(term):
    """Return a coefficient with its interval in words."""
    return f"{_signed(term.value)} ({_signed(term.low)} to {_signed(term.high)})" if term else ""


def _signed(value, decimals=2):
    return f"{value:+.{decimals}f}".replace("-", MINUS)

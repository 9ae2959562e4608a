"""What is said about a macro link: macro.json, a figure, the layer of a scenario, and the table a command prints."""

import math
import os
import shutil
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ticker import FuncFormatter

from simulator.estimation.macro import CHANGE, LEVEL, YEAR, Link, economy_toml
from simulator.report.figures import COLOURS, INK, SOFT, STYLE, figure, svg
from simulator.report.words import MINUS
from simulator.results import check_folder, replace_folder, write_json

RECORD = "macro.json"  # last: its presence means the folder is complete
OF_LINK, OF_SERIES = COLOURS[1], COLOURS[2]


def write(folder: Path, found: Link, overwrite: bool = False) -> None:
    """Write the folder of a link: economy.toml, macro.svg, macro.json; raise UserError as `check_folder` does."""
    folder = Path(folder)
    check_folder(folder, overwrite, RECORD)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        partial.mkdir()
        (partial / "economy.toml").write_text(economy_toml(found), encoding="utf-8")
        (partial / "macro.svg").write_text(picture(found), encoding="utf-8")
        write_json(partial / RECORD, content(found))
        replace_folder(folder, partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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


def picture(found: Link) -> str:
    """Return the figure as SVG: the rate and the link's by quarter; the rate against the change of unemployment."""
    series = found.series
    year = np.array([int(quarter[:4]) + (int(quarter[-1]) - 0.5) / 4 for quarter in series.quarters])
    change, rate, fitted = series.change, 100 * series.rate, 100 * found.fitted
    away = np.flatnonzero(np.isin(series.quarters, [one.quarter for one in found.breaks]))
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.4, 1, 2, width_ratios=(1.6, 1), sharey=True)
        time, link = axes[0]
        time.plot(year, rate, color=OF_SERIES, lw=1.6, label="series")
        time.plot(year, fitted, color=OF_LINK, lw=1.6, label="link")
        time.set_xlabel("year")
        time.set_ylabel(f"{series.rate_name}, %")
        time.set_title("By quarter")
        time.legend(loc="best")
        in_link = np.isfinite(rate) & np.isfinite(change) & ~np.isin(np.arange(len(year)), away)
        link.plot(change[in_link], rate[in_link], "o", color=OF_SERIES, ms=4, mec="white", mew=0.5)
        order = np.argsort(change[YEAR:]) + YEAR
        link.plot(change[order], fitted[order], color=OF_LINK, lw=1.6)
        link.set_xlabel("change in a year, percentage points")
        link.set_title("By change of unemployment")
        link.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}".replace("-", MINUS)))
        for k in away:
            for axis, x in ((time, year[k]), (link, change[k])):
                axis.plot(x, rate[k], "o", mfc="white", mec=INK, ms=6)
                axis.annotate(
                    series.quarters[k], (x, rate[k]), (5, 5), textcoords="offset points", fontsize=8, color=SOFT
                )
        words = f"{series.rate_name} by quarter and by the yearly change of unemployment, with the link between them"
        return svg(made, words)


def table(found: Link):
    """Return rich renderables: the fits side by side, and the quarters that stand outside the link."""
    from rich.table import Table
    from rich.text import Text

    unit = "log-odds" if found.curve == "logit" else "probits"
    fits = Table(title=f"{found.curve} of {found.series.rate_name}", title_justify="left", box=None, pad_edge=False)
    for head in ("", f"{unit} per point of change", f"{unit} per point of level", "R²", "quarters"):
        fits.add_column(head, justify="right" if head else "left")
    rows = {
        "change (the link)": found.fits["change"],
        "change, every quarter": found.every_quarter,
        "change, without breaks": found.without_breaks,
        "level": found.fits["level"],
        "change and level": found.fits["change and level"],
    }
    for name, fit in rows.items():
        terms = [_term(fit.terms.get(column)) for column in (CHANGE, LEVEL)]
        fits.add_row(name, *terms, f"{fit.r2:.2f}", str(fit.used))
    lines = [fits, Text("with 95 % intervals (Newey-West)", style="dim")]
    for one in found.breaks:
        what = "left out" if one.left_out else "outside the link; --leave-out fits without it"
        surprise = "" if math.isnan(one.surprise) else f", {_signed(one.surprise, 1)} robust standard deviations"
        lines.append(Text(f"{one.quarter}: {100 * one.rate:.2f} %, link {100 * one.fitted:.2f} %{surprise}: {what}"))
    return lines


def _term(term):
    """Return a coefficient with its interval in words."""
    return f"{_signed(term.value)} ({_signed(term.low)} to {_signed(term.high)})" if term else ""


def _signed(value, decimals=2):
    return f"{value:+.{decimals}f}".replace("-", MINUS)

"""What was found of a series, as files: macro.json, macro.svg, forecast.csv and a page."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation.macro.findings import Findings
from simulator.estimation.macro.layer import not_taken, signed
from simulator.estimation.macro.link import CHANGE, LEVEL, Link
from simulator.estimation.macro.out_of_time import CHOICE, LAST, MEAN, STEPS
from simulator.estimation.macro.series import YEAR
from simulator.report.paper import Section, Table, paper
from simulator.report.phrasing import MINUS
from simulator.report.results import write_csv
from simulator.system.folders import write_json

FORECAST = ("quarter", "rate", "low_90", "high_90")  # shares


def write_tables(found: Findings, folder: Path) -> None:
    """Write macro.json and macro.svg into `folder`, and forecast.csv if quarters are forecast."""
    write_json(folder / "macro.json", content(found))
    (folder / "macro.svg").write_text(picture(found).svg, encoding="utf-8")
    if found.forecast.quarters:
        ahead = found.forecast
        rows = zip(ahead.quarters, *(values.tolist() for values in ahead[1:]), strict=True)
        write_csv(folder / "forecast.csv", FORECAST, rows)


def cautions(found: Findings) -> list[str]:
    """Return that what was chosen does not beat the last value or the mean, where it is so."""
    errors = found.out_of_time
    beaten = " and ".join(f"the {rule} ({errors.all_steps(rule):.4f})" for rule in errors.beaten_by)
    said = f"Do not forecast with it: out of time what was chosen errs by {errors.all_steps(CHOICE):.4f}"
    return [f"{said}, no less than {beaten}; {_how_tried(found)}."] if beaten else []


def answers(found: Findings) -> list[str]:
    """Return what was found, in sentences: for the page and for the command line."""
    return [*_of_link(found.link), *_of_choice(found), *not_taken(found), *_of_forecast(found)]


def _of_choice(found):
    """Return what was chosen, and what it gains in the criterion and out of time."""
    choice, errors, series = found.choice, found.out_of_time, found.link.series
    terms = choice.chosen.candidate.named(series)
    gains = choice.present.aicc - choice.chosen.aicc
    chosen = f"Of {len(choice.tried):,} candidates AICc chooses"
    present = errors.errors[choice.present.candidate]
    return [
        f"{chosen} this link, without lag and memory."
        if choice.is_present
        else f"{chosen} {series.rate_name} by {' and by '.join(terms) or 'a constant alone'}: {gains:.1f} "
        f"{'below' if gains > 0 else 'from'} the link without lag and memory.",
        f"Out of time it errs by {errors.all_steps(CHOICE):.4f}, the link without lag and memory by "
        f"{np.nanmean(present):.4f}, the last value by {errors.all_steps(LAST):.4f}, the mean by "
        f"{errors.all_steps(MEAN):.4f}; {_how_tried(found)}.",
    ]


def _how_tried(found):
    return (
        f"mean squared errors in {_unit(found.link)}, 1 to {STEPS} quarters ahead from each of "
        f"{len(found.out_of_time.starts)} quarters, chosen and fitted anew at each, drivers as they came"
    )


def _of_forecast(found):
    """Return the first and the last quarter that is forecast."""
    ahead = found.forecast
    told = [
        f"{quarter} {100 * rate:.2f} % ({100 * low:.2f} to {100 * high:.2f})"
        for quarter, rate, low, high in zip(*ahead, strict=True)
    ]
    ends = told[:1] if len(told) < 2 else [told[0], told[-1]]
    return [f"Forecast, given the drivers of the file, with 90 % intervals: {', '.join(ends)}."] if told else []


def _of_link(found: Link) -> list[str]:
    """Return what the link without lag and memory says."""
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
        away = "" if math.isnan(one.surprise) else f", {signed(one.surprise, 1)} robust standard deviations"
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


def page(findings: Findings, manifest: dict[str, Any]) -> str:
    """Return the report: one page that opens offline and begins with the answers."""
    found = findings.link
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
        answers(findings),
        [],
        [Section("The link", words, [picture(findings)], [Table(head, rows, note)]), _chosen(findings)],
        [(str(name).replace("_", " "), str(value)) for name, value in manifest.items()],
        cautions(findings),
    )


def _chosen(found):
    """Return the section on the candidates: each with its criterion and its errors out of time."""
    choice, series, errors = found.choice, found.link.series, found.out_of_time
    words = [
        "Candidates have each driver with one lag of 0 to 4 quarters or not at all, and the last value of the rate or "
        "not, all on the same quarters. A lag is chosen from the quarters too, so a driver costs two parameters, and "
        "where m drivers are offered 2 ln m more. Of "
        "those within 2 of the least AICc the one with fewest parameters is chosen.",
    ]
    least = choice.tried[0].aicc
    by_candidate = {each.candidate: each for each in choice.tried}
    rows = [
        (
            (" and ".join(one.named(series)) or "a constant alone") + _mark(choice, one),
            str(one.parameters),
            f"{by_candidate[one].aicc - least:.1f}",
            *_errors(errors, one),
        )
        for one in found.listed
    ]
    rows += [(rule, "", "", *_errors(errors, rule)) for rule in (CHOICE, LAST, MEAN)]
    steps = tuple(f"{k + 1} ahead" for k in range(STEPS))
    head = ("by", "parameters", "AICc above the least", *steps, "all")
    compared = Table(head, rows, f"{_how_tried(found).capitalize()}. {len(choice.tried):,} candidates in all.")
    terms = [(name, _term(term)) for name, term in choice.fit.terms.items()]
    note = f"On {choice.fit.used} quarters, R² {choice.fit.r2:.2f}. In brackets 95 % intervals (Newey-West)."
    tables = [compared, Table(("chosen", f"{_unit(found.link)} per unit"), terms, note)]
    if found.forecast.quarters:
        shown = [
            (quarter, *(f"{100 * share:.2f}" for share in shares))
            for quarter, *shares in zip(*found.forecast, strict=True)
        ]
        note = "Residuals and parameters are in the interval; the choice, and other drivers than the file's, are not."
        tables.append(Table(("quarter", "forecast, %", "90 % from", "to"), shown, note))
    return Section("Lags, memory and drivers", words, (), tables)


def _mark(choice, one):
    marks = {choice.chosen.candidate: "chosen", choice.present.candidate: "the link"}
    if choice.is_present:
        marks[one] = "the link, chosen" if one == choice.chosen.candidate else ""
    return f" ({marks[one]})" if marks.get(one) else ""


def _errors(errors, rule):
    """Return the cells of a rule's errors: by step, and over all."""
    return *(f"{error:.4f}" for error in errors.errors[rule]), f"{errors.all_steps(rule):.4f}"


def content(found: Findings) -> dict:
    """Return what was found as JSON takes it: rates are shares, unemployment per cent, what is not known null."""
    choice, errors, series = found.choice, found.out_of_time, found.link.series
    aicc = {each.candidate: each.aicc for each in choice.tried}
    told = {
        "drivers": [each.label for each in series.drivers],
        "chosen": _candidate(choice.chosen.candidate),
        "fit": _fit(choice.fit),
        "candidates": len(choice.tried),
        "listed": [_candidate(one) | {"aicc": aicc[one], "out_of_time": _steps(errors, one)} for one in found.listed],
        "out_of_time": {rule: _steps(errors, rule) for rule in (CHOICE, LAST, MEAN)},
        "starts": list(errors.starts),
    }
    columns = zip(*(values.tolist() for values in found.forecast[1:]), strict=True)
    ahead = [
        dict(zip(FORECAST, (quarter, *row), strict=True))
        for quarter, row in zip(found.forecast.quarters, columns, strict=True)
    ]
    return _link_content(found.link) | {"choice": told, "forecast": ahead}


def _steps(errors, rule):
    return [_known(float(error)) for error in errors.errors[rule]]


def _candidate(one):
    return {"lags": list(one.lags), "memory": one.memory, "parameters": one.parameters}


def _link_content(found: Link) -> dict:
    """Return the link without lag and memory in the same way."""
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
        "residual": {
            "persistence": _known(found.persistence),
            "sd": found.residual_sd,
            "surprise_sd": _known(found.surprise_sd),
        },
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


def picture(findings: Findings):
    """Return the figure: rate, link and forecast by quarter; the rate against the change of unemployment."""
    import matplotlib
    from matplotlib.ticker import FuncFormatter

    from simulator.report.colours import COLOURS, INK, SOFT
    from simulator.report.picture import Picture
    from simulator.report.plotting import STYLE, figure, svg

    of_link, of_series, of_forecast = COLOURS[1:4]
    found, ahead = findings.link, findings.forecast
    series = found.series
    year, later = (
        np.array([int(quarter[:4]) + (int(quarter[-1]) - 0.5) / 4 for quarter in quarters])
        for quarters in (series.quarters, ahead.quarters)
    )
    change, rate, fitted = series.change, 100 * series.rate, 100 * found.fitted
    away = np.flatnonzero(np.isin(series.quarters, [one.quarter for one in found.breaks]))
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.4, 1, 2, width_ratios=(1.6, 1), sharey=True)
        time, link = axes[0]
        time.plot(year, rate, color=of_series, lw=1.6, label="series")
        time.plot(year, fitted, color=of_link, lw=1.6, label="link")
        if ahead.quarters:
            time.fill_between(later, 100 * ahead.low, 100 * ahead.high, color=of_forecast, alpha=0.2, lw=0)
            time.plot(later, 100 * ahead.rate, color=of_forecast, lw=1.6, ls="--", label="forecast, 90 %")
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
        ) + (" Dashed: the forecast, with 90 % intervals." if ahead.quarters else "")
        return Picture("Rate and unemployment", svg(made, caption), caption)


def _unit(found):
    return "log-odds" if found.curve == "logit" else "probits"


def _term(term):
    """Return a coefficient with its interval in words."""
    return f"{signed(term.value)} ({signed(term.low)} to {signed(term.high)})" if term else ""

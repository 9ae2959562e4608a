"""What a backtest found, as files: backtest.json, scores.csv, fan.csv and a page with pictures."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation import rows_used
from simulator.estimation.backtest import boosting
from simulator.estimation.backtest.forecasts import OURS
from simulator.estimation.backtest.scores import ScoreDifference
from simulator.estimation.backtest.scoring import RELIABILITY_EDGES, Outlook, Scored
from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.forecast import QUANTILE_LEVELS, SOURCES
from simulator.report.paper import Section, Table, paper
from simulator.report.results import inert
from simulator.system.arrow_files import write_table
from simulator.system.folders import write_json

SHOWN = ("account model", "plain matrix", "regression")  # in the picture of reliability: the others know no doubt
FEW = 20  # accounts below which a share is not drawn
TWO_MONTHS = 2


def write_tables(scored: Scored, panel: Panel, folder: Path) -> None:
    """Write backtest.json, scores.csv, fan.csv and accounts.parquet into `folder`."""
    write_json(folder / "backtest.json", as_dict(scored, panel))
    (folder / "scores.csv").write_text(scores_csv(scored), encoding="utf-8")
    (folder / "fan.csv").write_text(fan_csv(scored), encoding="utf-8")
    write_accounts(scored, panel, folder / "accounts.parquet")


def write_accounts(scored: Scored, panel: Panel, path: Path) -> None:
    """Write a row for each account open at the end of the window: its state then, and the chance of each a month on."""
    import pyarrow as pa

    names, of = [state.name for state in scored.fan.states], scored.by_account
    columns = {
        "account_id": pa.array(panel.account_id[of.accounts].tolist(), pa.string()),
        "state": pa.array(np.array(names)[of.state].tolist(), pa.string()),
        **{f"probability of {name}": pa.array(of.chance[:, s]) for s, name in enumerate(names)},
    }
    facts = {"fit_until": scored.fit_until, "month": scored.months[0], "forecaster": OURS}
    write_table(pa.table(columns, metadata=facts), path, compression="zstd")


def as_dict(scored: Scored, panel: Panel) -> dict[str, Any]:
    """Return a backtest as plain values for JSON; what is not known is None. Amounts are in the currency's units."""
    return {
        "tape": {key: panel.facts[key] for key in ("file", "sha256", "mapping") if key in panel.facts},
        "used": rows_used.sentence(panel.facts),
        "cautions": rows_used.cautions(panel.facts),
        "fit_until": scored.fit_until,
        "months": list(scored.months),
        "accounts": {
            score.score: {
                other.forecaster: {
                    "value": _known(other.value),
                    "se": _known(other.se),
                    "accounts": other.accounts,
                    "less": other.less and {key: _known(x) for key, x in other.less._asdict().items()},
                }
                for other in scored.scores
                if other.score == score.score
            }
            for score in scored.scores
        },
        "book": [
            {
                "month": o.month,
                "measure": o.measure,
                "unit": _unit(o.measure, scored),
                **{key: _known(_scaled(o, getattr(o, key), scored)) for key in _POINTS},
                "fan": {
                    source: dict(zip(_LEVEL_NAMES, (_known(_scaled(o, x, scored)) for x in row), strict=True))
                    for source, row in zip(SOURCES, o.quantiles, strict=True)
                },
                "crps": _known(_scaled(o, o.crps, scored)),
                "bias": _known(_scaled(o, o.bias, scored)),
                "inside_90": o.inside,
                "inside_50": o.inside_half,
            }
            for o in scored.outlooks
        ],
        "coverage_90": coverage(scored),
        "coverage_50": coverage(scored, half=True),
        "reliability": [
            {
                "forecaster": r.forecaster,
                "accounts": r.accounts.tolist(),
                "forecast": [_known(x) for x in r.forecast],
                "happened": [_known(x) for x in r.happened],
            }
            for r in scored.reliability
        ],
        "reliability_edges": list(RELIABILITY_EDGES),
        **scored.facts,
    }


_POINTS = ("actual", "last_value", "matrix", "account_model")
_LEVEL_NAMES = tuple(f"p{round(100 * level):02d}" for level in QUANTILE_LEVELS)


def coverage(scored: Scored, half: bool = False) -> dict[str, dict[str, int]]:
    """Return {measure: {"inside", "months"}}: forecast months whose actual value lay inside the 90 % fan, or 50 %."""
    found: dict[str, dict[str, int]] = {}
    for o in scored.outlooks:
        here = found.setdefault(o.measure, {"inside": 0, "months": 0})
        here["inside"] += o.inside_half if half else o.inside
        here["months"] += 1
    return found


def scores_csv(scored: Scored) -> str:
    """Return one line for each forecaster and score: value, standard error, and the account model's less it."""
    head = ("target", "score", "forecaster", "accounts", "value", "se", "account_model_less_this", "se_of_that")
    rows = [
        (s.target, s.score, s.forecaster, s.accounts, s.value, s.se, *((s.less or (None,) * 4)[:4]))
        for s in scored.scores
    ]
    return _csv((*head, "low", "high"), rows)


def fan_csv(scored: Scored) -> str:
    """Return one line for each month, measure and source of uncertainty; amounts are in the currency's units."""
    head = ("month", "measure", "unit", "source", *_LEVEL_NAMES, *_POINTS, "crps", "bias", "inside_90", "inside_50")
    rows = []
    for o in scored.outlooks:
        points = [_scaled(o, getattr(o, key), scored) for key in _POINTS]
        for k, source in enumerate(SOURCES):
            last = k == len(SOURCES) - 1  # the scores are those of all sources together
            inside = int(o.inside), int(o.inside_half)
            scores = (_scaled(o, o.crps, scored), _scaled(o, o.bias, scored), *inside) if last else ("",) * 4
            fan = [_scaled(o, x, scored) for x in o.quantiles[k]]
            rows.append((o.month, o.measure, _unit(o.measure, scored), source, *fan, *points, *scores))
    return _csv(head, rows)


def _csv(head, rows):
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(head)
    for row in rows:
        write.writerow(["" if x is None or (isinstance(x, float) and math.isnan(x)) else inert(_short(x)) for x in row])
    return out.getvalue()


def _short(x):
    return f"{x:.9g}" if isinstance(x, float) else x


def _known(x):
    return None if x is None or not math.isfinite(x) else float(x)


def _scaled(o: Outlook, x: float, scored: Scored) -> float:
    """Return an amount in the currency's units, anything else as it is."""
    return float(x) / scored.minor_units if o.measure == "balance" else float(x)


def _unit(measure, scored):
    return scored.currency if measure == "balance" else "share of accounts"


# Words


def label(measure: str) -> str:
    """Return a measure of the book in words."""
    words = {"dpd30_share": "30+ share of open accounts", "dpd90_share": "90+ share of open accounts"}
    return words.get(measure, "open balance" if measure == "balance" else f"share in {measure}")


def answers(scored: Scored) -> list[str]:
    """Return what the backtest says, in sentences: accounts first, then the book."""
    found = []
    for name, target in (("Brier", "the next state"), ("CRPS", "utilisation")):
        rivals = [s for s in scored.scores if s.score == name and s.less]
        better = [s for s in rivals if s.less and s.less.high < 0]
        worse = [s for s in rivals if s.less and s.less.low > 0]
        level = [s for s in rivals if s not in better and s not in worse]
        clauses = [
            f"{words} {_listed([s.forecaster for s in some])}"
            for words, some in (("better than", better), ("level with", level), ("worse than", worse))
            if some
        ]
        if clauses:
            found.append(f"For {target}, the account model is {', '.join(clauses)}.")
    o = scored.outlook("dpd30_share")
    low, *_, high = o.quantiles[-1]
    found.append(
        f"30 or more days past due in {o.month}: {_percent(o.actual)} of the open accounts, "
        f"{'inside' if o.inside else 'outside'} the 90 % fan of {_percent(low)} to {_percent(high)}."
    )
    if boosting.BOOSTING not in {s.forecaster for s in scored.scores} and not boosting.is_there():
        found.append(boosting.MISSING)
    return found


def warnings(scored: Scored) -> list[str]:
    """Return what keeps these results from saying more."""
    found = []
    n, pairs = len(scored.months), scored.facts["pairs_fitted"]
    if n <= TWO_MONTHS:
        found.append(
            f"{'One month is' if n == 1 else 'Two months are'} forecast: the scores of accounts rest on many accounts, "
            "those of the book on so many months. Whether the fan is as wide as it should be, they cannot tell."
        )
    if pairs < 12:
        found.append(
            f"{pairs} pairs of months were fitted: no season and no turn of the economy is in them. The factor "
            f"correlation: {scored.facts['correlation_source']}."
        )
    found += outside(scored)
    if missing := scored.facts["accounts_without_next_month"]:
        found.append(f"{missing:,} accounts have no row in {scored.months[0]}: they are forecast and not scored.")
    return found


def outside(scored: Scored) -> list[str]:
    """Return which measures came outside the fan, in a sentence; nothing where none did."""
    named = sorted({label(o.measure) for o in scored.outlooks if not o.inside})
    return [f"Outside the 90 % fan in some month: {_listed(named)}."] if named else []


def page(scored: Scored, panel: Panel, manifest: dict[str, Any]) -> str:
    """Return the report: one page that opens offline and begins with the answers."""
    setting = (
        f"Fitted on {scored.history_months[0]} to {scored.fit_until}, forecast {_span(scored.months)}; "
        f"{scored.facts['accounts_forecast']:,} accounts open at the end of {scored.fit_until}. "
        f"{rows_used.sentence(panel.facts)}"
    )
    facts = [*panel_facts(panel), *scored.facts.items(), *manifest.items()]
    return paper(
        "Backtest: what was forecast, and what came",
        setting,
        answers(scored),
        warnings(scored),
        [_accounts_section(scored), _book_section(scored)],
        [(str(name).replace("_", " "), str(value)) for name, value in facts],
        rows_used.cautions(panel.facts),
    )


def panel_facts(panel: Panel) -> list[tuple[str, str]]:
    """Return what the page says of the tape."""
    return [(key, panel.facts[key]) for key in ("file", "sha256", "mapping", "mapping_sha256") if key in panel.facts]


def _accounts_section(scored):
    words = [
        "Each account's next state and utilisation, from what was known at the end of the window. Brier score: squared "
        "error of the probabilities, summed over states, 0 for a sure hit and 2 for a sure miss. CRPS: the same idea "
        "for an amount; of a forecast without doubt it is the absolute error. Log loss: minus the logarithm of the "
        "probability of what came, at least one in a million. Lower is better for these. AUC: how often an account "
        "that was 30+ had the higher forecast than one that was not; 0.5 is no better than chance, 1 is perfect.",
        "The account model is the mean of two. One is a roll matrix over finer cells: state, the state before, "
        "utilisation, the share of the bill that was paid, limit; each cell leans on the coarser one as far as the "
        "window says. The other is one logit of all states on bent amounts, status codes, new spending, and these "
        "within each state. Utilisation is that of the cells.",
    ]
    tables = [_score_table(scored, *how) for how in (("Brier", 5, 1), ("log loss", 4, 1), ("CRPS", 3, 100))]
    tables += [_score_table(scored, name, 4, 1) for name in ("AUC of 30+", "AUC of newly 30+")]
    tables.append(_bias_table(scored))
    return Section("Account by account", words, [reliability_picture(scored)], [t for t in tables if t])


def _score_table(scored, name, decimals, factor):
    rows = []
    for s in scored.scores:
        if s.score == name and s.accounts and math.isfinite(s.value):
            less = ("", "") if s.less is None else _difference(s.less, decimals, factor)
            rows.append((s.forecaster, f"{s.value * factor:.{decimals}f}", f"{s.accounts:,}", *less))
    unit = "" if factor == 1 else " (% of the limit)"
    head = (f"{name}{unit}", "mean", "accounts", "account model less this", "95 % interval")
    note = "± a standard error; paired bootstrap over accounts. A month that moves all accounts together is not in it."
    return Table(head, rows, note) if rows else None


def _difference(less: ScoreDifference, decimals, factor):
    value, se, low, high = (x * factor for x in less)
    return f"{value:+.{decimals}f} ± {se:.{decimals}f}", f"{low:+.{decimals}f} to {high:+.{decimals}f}"


def _bias_table(scored):
    def cell(forecaster, name):
        s = next((s for s in scored.scores if (s.forecaster, s.score) == (forecaster, name)), None)
        return "" if s is None or not s.accounts else s.value

    rows = []
    for name in dict.fromkeys(s.forecaster for s in scored.scores):
        bias30, bias = (cell(name, score) for score in ("bias of 30+", "bias"))
        inside = (cell(name, f"coverage of {level} %") for level in (50, 90))
        signed = [f"{100 * x:+.2f} pp" if x != "" else "" for x in (bias30, bias)]
        rows.append((name, *signed, *(_percent(x) if x != "" else "" for x in inside)))
    head = ("bias: forecast less actual", "30+ share", "utilisation", "utilisation inside its 50 %", "its 90 %")
    return Table(head, rows)


def _book_section(scored):
    words = [
        "The fan follows the accounts that were open at the end of the window. Accounts: each account's own chance. "
        "Factor: what moves all accounts of a month together, which goes on from the window's last month, and rows of "
        "the matrix that move on their own where the window shows it. Parameters: doubt about the matrix, its level "
        "over so few months, the factor's correlation and persistence.",
    ]
    if names := scored.facts.get("states_that_remember"):
        words.append(f"Accounts of {names} move by rows that remember what they did before; so does the matrix here.")
    if kinds := scored.facts.get("kinds_of_people"):
        words.append(
            f"Accounts are of {kinds} kinds of people and move by the rows of theirs; so does the matrix here."
        )
    rows = []
    for o in scored.outlooks:
        shown = [_amount(o, x, scored) for x in (o.actual, o.last_value, o.matrix, o.account_model)]
        ends = [(_amount(o, row[0], scored).removesuffix(" %"), _amount(o, row[-1], scored)) for row in o.quantiles]
        ends += [(_amount(o, o.quantiles[-1][1], scored).removesuffix(" %"), _amount(o, o.quantiles[-1][-2], scored))]
        bands = [f"{low}–{high}" for low, high in ends]
        unit = f", {_axis_scale(o.measure, scored)[1]}" if o.measure == "balance" else ""
        scores = _amount(o, o.crps, scored), *("yes" if x else "no" for x in (o.inside_half, o.inside))
        rows.append((f"{label(o.measure)}{unit}, {o.month}", *shown, *bands, *scores))
    head = (
        "",
        "actual",
        "last value",
        "matrix",
        "account model",
        *_BANDS,
        "its middle 50 %",
        "CRPS",
        "inside 50 %",
        "90 %",
    )
    note = (
        "Fans hold 90 % of the draws, the middle one of all sources 50 %; CRPS and “inside” are of all sources "
        "together. Shares by state are of all "
        "accounts of the fan, balances of the same accounts."
    )
    return Section("The book", words, [fan_picture(scored)], [Table(head, rows, note)])


_BANDS = ("fan: accounts", "and factor", "and parameters")


def _amount(o, x, scored):
    if not math.isfinite(x):
        return ""
    return f"{x * _axis_scale('balance', scored)[0]:,.3f}" if o.measure == "balance" else _percent(x)


def _percent(x):
    return f"{100 * x:.2f} %"


def _span(months):
    return months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"


def _listed(words):
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# Pictures


def fan_picture(scored: Scored):
    """Return the fan of 30+, 90+ and balance: the window's months, three nested bands, and what came."""
    import matplotlib

    from simulator.report.colours import COLOURS, INK
    from simulator.report.picture import Picture
    from simulator.report.plotting import PER_CENT, STYLE, figure, legend, svg

    measures = [m for m in ("dpd30_share", "dpd90_share", "balance") if m in {o.measure for o in scored.outlooks}]
    names = (*scored.history_months, *scored.months)
    places, start = np.arange(len(names)), len(scored.history_months) - 1
    shown = slice(max(0, start - 23), None)  # two years before the forecast are enough
    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.4, 1, len(measures))
        for axis, measure in zip(axes.flat, measures, strict=True):
            outlooks = [o for o in scored.outlooks if o.measure == measure]
            factor, unit = _axis_scale(measure, scored)
            past = scored.history[measure] * factor
            bands = np.array([o.quantiles for o in outlooks]) * factor  # [month, source, level]
            bands = np.concatenate([np.full((1, *bands.shape[1:]), past[-1]), bands])
            ahead = places[start:]
            for k, shade in enumerate((0.75, 0.42, 0.22)):
                low, high = bands[:, k, 0], bands[:, k, -1]
                axis.fill_between(
                    ahead, low, high, color=COLOURS[1], alpha=shade, lw=0, label=SOURCES[k], zorder=2 - k / 3
                )
            axis.plot(ahead, bands[:, -1, bands.shape[2] // 2], "--", color="white", lw=1.2)
            axis.plot(places[: start + 1][shown], past[shown], "-", color=INK, lw=1.8)
            came = np.array([o.actual for o in outlooks]) * factor
            axis.plot(ahead, np.insert(came, 0, past[-1]), "-o", color=COLOURS[2], ms=5, lw=1.6, label="what came")
            axis.axvline(start, color=INK, lw=0.7, ls=":")
            axis.set_title({"balance": "Open balance"}.get(measure, f"{measure[3:5]}+ days past due"))
            axis.set_ylabel(unit)
            step = -(-len(names[shown]) // 6)
            ticks = places[shown][::step]
            years = np.diff([int(names[m][:4]) for m in ticks], prepend=0) != 0  # the first of a year has it below
            axis.set_xticks(
                ticks, [names[m][5:] + f"\n{names[m][:4]}" * int(y) for m, y in zip(ticks, years, strict=True)]
            )
            axis.set_xlabel("month")
            if measure != "balance":
                axis.yaxis.set_major_formatter(PER_CENT)
                axis.set_ylim(bottom=0)
        legend(made, axes[0, 0], len(SOURCES) + 1)
        caption = (
            f"Fitted on the months up to {scored.fit_until} (dotted line). Bands hold 90 % of the forecasts: "
            "darkest, by chance of accounts alone; then with the factor that all accounts share; lightest, with doubt "
            "about the parameters. White dashes: the middle forecast."
        )
        return Picture("The fan and what came", svg(made, caption), caption)


def _axis_scale(measure, scored):
    if measure != "balance":
        return 1.0, "share of open accounts"
    largest = max(abs(o.quantiles).max() for o in scored.outlooks if o.measure == measure) / scored.minor_units
    scales = ((9, "billion "), (6, "million "), (3, "thousand "))
    power, word = next((scale for scale in scales if largest >= 10 ** scale[0]), (0, ""))
    return 1 / scored.minor_units / 10**power, f"{word}{scored.currency}"


def reliability_picture(scored: Scored):
    """Return forecast probability against what happened, of being 30+ in the next month, over all and near 0."""
    import matplotlib

    from simulator.report.colours import COLOURS, INK
    from simulator.report.picture import Picture
    from simulator.report.plotting import PER_CENT, STYLE, figure, legend, svg

    with matplotlib.rc_context(STYLE):
        made, axes = figure(3.6, 1, 2)
        for axis, top in zip(axes.flat, (1.0, 0.25), strict=True):
            axis.plot([0, top], [0, top], "-", color=INK, lw=0.8)
            for k, name in enumerate(SHOWN):
                found = next((r for r in scored.reliability if r.forecaster == name), None)
                if found is None:
                    continue
                some = (found.accounts >= FEW) & (found.forecast <= top)
                x, y, n = found.forecast[some], found.happened[some], found.accounts[some]
                axis.errorbar(
                    x,
                    y,
                    2 * np.sqrt(y * (1 - y) / n),
                    fmt="-o" if name == OURS else "o",
                    color=COLOURS[(1, 0, 2)[k]],
                    ms=4.5,
                    lw=1.4,
                    elinewidth=1,
                    label=name,
                )
            axis.set_xlabel("forecast probability of 30+ next month")
            axis.xaxis.set_major_formatter(PER_CENT)
            axis.yaxis.set_major_formatter(PER_CENT)
            axis.set_xlim(0, top)
            axis.set_ylim(0, top * 1.05)
        axes[0, 0].set_ylabel("share of accounts that were 30+")
        axes[0, 0].set_title("All accounts")
        axes[0, 1].set_title("The same, enlarged near 0")
        legend(made, axes[0, 0], len(SHOWN))
        caption = (
            f"Accounts gathered by forecast probability; bars are two standard errors, groups under {FEW} accounts are "
            "left out. Points on the line: what was forecast came as often as forecast. Above it: more often."
        )
        return Picture("How far a forecast probability can be trusted", svg(made, caption), caption)

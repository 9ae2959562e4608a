"""The report's figures: each function returns a `Picture` (SVG and caption), or None if it has nothing to show."""

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simulator.analysis.measures import MEASURES, answer, highest_tail
from simulator.analysis.measures.loss import CAUSE_WORDS
from simulator.language.catalogue import noted, say
from simulator.model.layout import (
    BUCKETS,
    CAUSES,
    N_TO,
    TO_CLOSED_AT_ZERO,
    TO_FORGIVEN,
    TO_PAID_OFF,
    TO_SOLD,
    TO_WRITTEN_OFF,
    W_N_ACCOUNTS,
    W_N_DEFAULT,
    W_N_GRANTED,
)
from simulator.report import phrasing
from simulator.report.colours import COLOURS, of_lenders
from simulator.report.paper import Picture

INK, SOFT, GRID = "#22303c", "#6b7a87", "#e3e8ec"
CAUSE_COLOURS = {
    "unknown": "#b9c2c9",
    "forgot": "#8fb8d4",
    "short": "#e0b070",
    "cannot": "#b5603a",
    "will_not": "#6d3b56",
}
CHINESE = ("Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "SimHei", "WenQuanYi Zen Hei")
INSTALLED = {font.name for font in fontManager.ttflist}
HEAT = LinearSegmentedColormap.from_list("heat", ["#f7f9fa", "#bcd5e5", "#5f9cc4", "#24527a"])
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": ["DejaVu Sans", *(name for name in CHINESE if name in INSTALLED)],  # names may be in any script
    "text.color": INK,
    "figure.facecolor": "none",
    "figure.edgecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": "#c3ccd3",
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "svg.fonttype": "path",  # looks the same everywhere; the caption carries the words
    "svg.hashsalt": "simulator",
}
PER_CENT = FuncFormatter(lambda x, _: f"{100 * x:g} %")
THOUSANDS = FuncFormatter(lambda x, _: f"{x:,g}".replace("-", phrasing.MINUS))
WIDTH = 7.6  # inches
OPENING = "opening book"
RUN_ON = "npv_run_on"  # drawn beside npv
APART = 0.17  # of a row, from its middle: two dots in it
LATE = 6  # roll matrix: bucket from which buckets are shown together


def figure(height, rows=1, columns=1, **options):
    """Return (Figure, 2-d array of Axes) in the report's style; no window system is touched."""
    made = Figure(figsize=(WIDTH, height), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False, **options)


def svg(made, text):
    """Return a figure as inline SVG that scales with the page, with `text` for those who cannot see it."""
    out = io.BytesIO()
    with warnings.catch_warnings():  # a box for a sign no font has, and a name longer than the page: they are seen
        warnings.filterwarnings("ignore", "Glyph .* missing|constrained_layout not applied", UserWarning)
        # Not by savefig, which draws the whole figure once more, into nothing, to lay it out.
        FigureCanvasSVG(made).print_svg(out, metadata={"Date": None, "Creator": None})
    body = out.getvalue().decode()
    body = re.sub(r"<metadata>.*?</metadata>", "", body[body.index("<svg") :], flags=re.S)
    body = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", body, count=1)
    body = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", body, count=1)
    text = text.replace("&", "and").replace('"', "'").replace("<", "under ")
    return body.replace("<svg", f'<svg role="img" aria-label="{text}"', 1)


def pictures(comparison):
    """Return the pictures of a run or comparison, in reading order."""
    drawn = (draw(comparison, name) for name in DRAWN)
    return [picture for picture in drawn if picture]


def draw(comparison, name):
    """Return the picture of that name, of DRAWN; None if it has nothing to show."""
    with matplotlib.rc_context(STYLE):
        return DRAWN[name](comparison)


def forest(comparison):
    """Draw the paired differences with 95 % intervals, one panel for each measure."""
    if not comparison.variants:
        return None
    variants, colour = comparison.variants, of_lenders(comparison.ledgers)
    names = [phrasing.called(comparison, variant).replace(", ", ",\n") for variant in variants]
    measures = [name for name in phrasing.stated(comparison, answer(comparison.frame)) if name != RUN_ON]
    rows = -(-len(measures) // 2)
    made, axes = figure(0.55 + rows * (0.85 + 0.27 * len(variants)), rows, 2, sharey=True)
    for axis in axes.flat[len(measures) :]:
        axis.set_visible(False)
    for axis, measure in zip(axes.flat, measures, strict=False):
        shown = phrasing.in_one_scale(comparison, measure)
        found = [comparison.difference(variant, name) for name in shown for variant in variants]
        unit = MEASURES[measure].unit_in(comparison.frame)
        largest = max((abs(x) for d in found for x in (d.value, d.low, d.high) if np.isfinite(x)), default=0.0)
        factor, before, after = phrasing.scale_of(largest, 0.0, unit, difference=True)
        for j, d in enumerate(found):
            variant, is_run_on = variants[j % len(variants)], j >= len(variants)
            k = j % len(variants) + (APART * (1 if is_run_on else -1) if len(shown) > 1 else 0)
            if np.isfinite(d.low):
                axis.plot([d.low * factor, d.high * factor], [k, k], color=colour[variant], lw=2.2, alpha=0.75)
            dot = {"mfc": "white", "mec": colour[variant], "mew": 1.4} if is_run_on else {"mec": "white", "mew": 0.8}
            axis.plot(d.value * factor, k, "o", color=colour[variant], ms=6, **dot)
        axis.axvline(0, color=INK, lw=0.9)
        axis.set_yticks(range(len(variants)), names, color=INK)
        axis.set_ylim(len(variants) - 0.5, -0.5)
        axis.set_title(phrasing.label(measure).capitalize() + (", ○ with run-on" if len(shown) > 1 else ""))
        axis.set_xlabel("change, " + phrasing.scale_in_words(before, after))
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_major_formatter(THOUSANDS)
        axis.tick_params(length=0)
        axis.grid(axis="y", visible=False)
        axis.spines["left"].set_visible(False)
    less = f"{comparison.baseline}{phrasing.compared_with(comparison)}"
    caption = f"Each dot is a variant less {less}, the same people and random numbers"
    title = noted("What changes")
    if comparison.frame.replications > 1:
        caption += "; the bar is its 95 % interval. A bar that crosses the line at zero is within chance"
        title = noted("What changes, and how sure that is")
    caption += "."
    if RUN_ON in phrasing.stated(comparison, phrasing.BOTH):
        caption += (
            f" Net present value: full dots if lending ends after month {comparison.frame.months}, hollow ones if the "
            f"customers at hand first go on for {comparison.frame.run_on_months} months."
        )
    return Picture(say(title), svg(made, caption), caption)


def path(comparison):
    """Draw the 30+ and 90+ shares of balance month by month, with the end of new credit marked."""
    frame, colour = comparison.frame, of_lenders(comparison.ledgers)
    shown = frame.months + min(frame.run_off_months, max(1, frame.months // 12))
    made, axes = figure(3.3, 1, 2, sharex=True)
    for axis, days in zip(axes.flat, (30, 90), strict=True):
        for name in comparison.ledgers:
            value, se = (x[:shown] for x in comparison.by_month(name, f"dpd{days}_share_balance"))
            months = np.arange(1, shown + 1)
            # Dashed and on top, so that a variant which follows the baseline does not hide it.
            baseline = name == comparison.baseline and comparison.variants
            axis.plot(
                months,
                value,
                "--" if baseline else "-",
                color=colour[name],
                lw=2,
                label=name,
                zorder=2 + bool(baseline),
            )
            if np.isfinite(se).any():
                axis.fill_between(months, value - 2 * se, value + 2 * se, color=colour[name], alpha=0.13, lw=0)
        if frame.run_off_months:
            axis.axvspan(frame.months, shown, color=GRID, alpha=0.6, lw=0)
            axis.text(frame.months, 1.0, " run-off", transform=axis.get_xaxis_transform(), va="top", color=SOFT, size=8)
        axis.set_title(f"{days} or more days past due")
        axis.set_xlabel("month" if frame.start_month is None else "month of the run, and of the year")
        axis.set_ylabel("share of open balance" if days == 30 else "")
        axis.yaxis.set_major_formatter(PER_CENT)
        axis.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        if frame.start_month is not None:
            axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.0f}\n{phrasing.calendar(frame, int(x))}"))
        axis.set_xlim(1, max(shown, 2))
        axis.set_ylim(bottom=0)
    legend(made, axes[0, 0], len(comparison.ledgers))
    end = (
        f" The shaded part is the beginning of the run-off after month {frame.months}: without new credit the "
        "denominator shrinks and shares rise, which says nothing about the borrowers."
        if frame.run_off_months
        else ""
    )
    bands = "; bands are two standard errors" if frame.replications > 1 else ""
    caption = f"Overdue balance as a share of open balance{bands}.{end}"
    return Picture(say("Delinquency month by month"), svg(made, caption), caption)


def legend(made, axis, n):
    """Put the legend below the panels, in as many columns as fit."""
    if n > 1:
        made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=n if n <= 4 else 3)


def causes(comparison):
    """Draw net loss by the cause of the overdue spell, one bar for each variant."""
    names = list(comparison.ledgers)
    values = {c: np.array([comparison.estimate(v, f"bad_debt_{c}").value for v in names]) for c in CAUSES}
    values = {cause: x for cause, x in values.items() if x.any()}
    if not values:
        return None
    largest = np.abs(np.sum(list(values.values()), axis=0)).max()
    factor, before, after = phrasing.scale_of(largest, 0.0, comparison.frame.currency)
    made, axes = figure(1.35 + 0.42 * len(names))
    axis = axes[0, 0]
    # Recoveries on old debt can make a cause negative; those bars grow to the left of zero.
    right, left = np.zeros(len(names)), np.zeros(len(names))
    for cause, x in values.items():
        x = x * factor
        axis.barh(
            names, x, left=np.where(x > 0, right, left), color=CAUSE_COLOURS[cause], label=phrasing.CAUSE_LABELS[cause]
        )
        right, left = right + np.maximum(x, 0), left + np.minimum(x, 0)
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(THOUSANDS)
    axis.set_xlabel(f"net loss, {phrasing.scale_in_words(before, after)}")
    axis.grid(axis="y", visible=False)
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    made.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    total = sum(x[0] for x in values.values())
    parts = sorted(((x[0] / total, c) for c, x in values.items()), reverse=True) if total > 0 else []
    caption = "Net loss by what began the spell that ended in it."
    for share, cause in parts[:1]:
        who = CAUSE_WORDS[cause].who
        caption += f" Under {names[0]}, {100 * share:.0f} % of it is debt of borrowers who {who}."
    return Picture(say("Bad debt by cause"), svg(made, caption), caption)


def vintages(comparison):
    """Draw the cumulative share of accounts ever 90+ by months on book: vintages, or the opening book's variants."""
    frame = comparison.frame
    curves = vintage_curves(comparison.ledgers[comparison.baseline])
    arrivals = len(curves) > 1
    if not arrivals:  # only the opening book: then the variants can stand beside each other
        curves = {name: vintage_curves(ledger).get(OPENING) for name, ledger in comparison.ledgers.items()}
        curves = {name: curve for name, curve in curves.items() if curve is not None}
    if not any(np.nansum(curve) for curve in curves.values()):
        return None
    made, axes = figure(3.4)
    axis = axes[0, 0]
    for k, (name, curve) in enumerate(curves.items()):
        months = np.arange(len(curve))
        if not arrivals:
            colour = COLOURS[list(comparison.ledgers).index(name) % len(COLOURS)]
            axis.plot(months, curve, "--" if k == 0 else "-", color=colour, lw=2, label=name, zorder=2 + (k == 0))
            continue
        shade = COLOURS[0] if name == OPENING else HEAT(0.35 + 0.65 * (len(curves) - k) / len(curves))
        axis.plot(months, curve, "--" if name == OPENING else "-", color=shade, lw=1.8)
        if k < 2:
            axis.annotate(f" {name}", (months[-1], curve[-1]), color=shade, size=8, va="center")
    axis.set_xlabel("months since the start" if not arrivals else "months on book (opening book: since the start)")
    axis.set_ylabel("accounts ever 90+ days past due")
    axis.yaxis.set_major_formatter(PER_CENT)
    axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axis.set_xlim(0, frame.months * (1.16 if arrivals else 1))
    axis.set_ylim(bottom=0)
    if arrivals:
        caption = (
            f"{comparison.baseline}: of the accounts that began together, the share that has ever been 90 days past "
            "due. Darker lines began earlier; lines that lie on each other mean newcomers like those before them."
        )
    else:
        legend(made, axis, len(curves))
        caption = (
            "Of the accounts open at the start, and loans drawn since, the share that has reached 90 days past due."
        )
    return Picture(say("Vintages" if arrivals else "Defaults as they add up"), svg(made, caption), caption)


def vintage_curves(ledger):
    """Return {name: float64[months on book]}, defaults so far / accounts so far, of the opening book and arrivals.

    Arrivals are taken three months together in longer runs. The run-off is left out: nobody arrives in it.
    """
    months = ledger.frame.months
    sums = ledger.vintages.sum(axis=(0, 3, 4))[:, : months + 1].astype(float)  # [entry, month, name]
    base = np.cumsum(sums[..., W_N_GRANTED], axis=1)
    base[0] += sums[0, 0, W_N_ACCOUNTS]
    defaults = np.cumsum(sums[..., W_N_DEFAULT], axis=1)
    step = 3 if months >= 12 else 1
    groups: dict[str, Sequence[int]] = {OPENING: [0]}
    for first in range(1, months, step):
        together = range(first, min(first + step, months))
        groups[f"months {first}-{together[-1]}" if len(together) > 1 else f"month {first}"] = together
    curves = {}
    for name, entries in groups.items():
        length = months - max(entries)
        top, bottom = (np.sum([x[e, e : e + length + 1] for e in entries], axis=0) for x in (defaults, base))
        if bottom.any():
            curves[name] = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return curves


def rolls(comparison):
    """Draw the baseline's roll matrix, by accounts and by balance, averaged over the months of lending."""
    ledger, frame = comparison.ledgers[comparison.baseline], comparison.frame
    sums = ledger.rolls.sum(axis=(0, 2, 3)).astype(float)[1 : frame.months + 1]  # [month, from, to, (count, balance)]
    count = lumped(sums[..., :BUCKETS, :, 0].sum(axis=0))
    # The balance a bucket begins with is what the month before put there, so the first month has none.
    before = sums[:-1, :, :BUCKETS, 1].sum(axis=(0, 1))
    amount = lumped(sums[1:, :BUCKETS, :, 1].sum(axis=0))
    before = np.append(before[:LATE], before[LATE:].sum())
    panels = [("by accounts", count, count.sum(axis=1))]
    if before.any():
        panels.append(("by balance", amount, before))
    shown = slice(0, 1 + max(np.flatnonzero(panels[0][2]), default=0))
    made, axes = figure(3.9 if len(panels) > 1 else 4.4, 1, len(panels))
    names = [f"{30 * b}" if b else "current" for b in range(LATE)] + [f"{30 * LATE}+"]
    exits = ["paid off", "closed", "written off", "sold", "forgiven"]
    for axis, (title, matrix, base) in zip(axes.flat, panels, strict=True):
        rate = np.divide(matrix, base[:, None], out=np.zeros_like(matrix), where=base[:, None] > 0)[shown]
        used = [k for k in range(matrix.shape[1]) if k < rate.shape[0] or rate[:, k].any()]
        rate = rate[:, used]
        axis.pcolormesh(rate, cmap=HEAT, vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
        axis.invert_yaxis()
        for (i, j), x in np.ndenumerate(rate):
            if x >= 0.0005:
                text = f"{100 * x:.0f}" if x >= 0.0995 else f"{100 * x:.1f}"
                axis.text(j + 0.5, i + 0.5, text, ha="center", va="center", size=7, color="white" if x > 0.55 else INK)
        axis.set_xticks(np.arange(len(used)) + 0.5, [(names + exits)[k] for k in used], rotation=55, ha="right", size=8)
        axis.set_yticks(np.arange(rate.shape[0]) + 0.5, names[: rate.shape[0]], size=8)
        axis.set_title(title.capitalize())
        axis.set_xlabel("a month later")
        axis.set_ylabel("days past due now" if title == "by accounts" else "")
        axis.grid(visible=False)
        axis.tick_params(length=0)
        for side in axis.spines.values():
            side.set_visible(False)
    caption = (
        f"{comparison.baseline}: of the accounts (left) or the balance (right) of each row, per cent that are in the "
        "column a month later, mean of the months with new credit. Rows of balance may pass 100 because balances "
        "grow by interest and spending. Exits by balance show what left."
    )
    return Picture(say("Roll rates"), svg(made, caption), caption)


def lumped(matrix):
    """Return float64[LATE + 1, LATE + 1 + exits]: buckets from LATE on added together."""
    exits = N_TO - BUCKETS
    to = (*range(LATE), *[LATE] * (BUCKETS - LATE), *range(LATE + 1, LATE + 1 + exits))
    out = np.zeros((LATE + 1, LATE + 1 + exits))
    for j, column in enumerate(to):
        out[:LATE, column] += matrix[:LATE, j]
        out[LATE, column] += matrix[LATE:, j].sum()
    return out


def distribution(comparison):
    """Draw the net loss over replications with its VaR and expected shortfall; the lender's own where it is shared."""
    suffix, line = ("_own", "own_net_loss") if comparison.frame.transfers else ("", "net_loss")
    tails = [highest_tail(comparison.frame, kind, suffix) for kind in ("var", "es")]
    if None in tails:
        return None
    names, colour = list(comparison.ledgers), of_lenders(comparison.ledgers)
    samples = {name: comparison.samples(name, line) for name in names}
    every = np.concatenate(list(samples.values()))
    factor, before, after = phrasing.scale_of(np.abs(every).max(), 0.0, comparison.frame.currency)
    edges = np.histogram_bin_edges(every * factor, bins=36)
    made, axes = figure(0.9 + 0.95 * len(names), len(names), 1, sharex=True)
    for axis, name in zip(axes.flat, names, strict=True):
        axis.hist(samples[name] * factor, edges, color=colour[name], alpha=0.75)
        for measure, dashes in zip(tails, ("--", "-"), strict=True):
            x = comparison.estimate(name, measure).value * factor
            axis.axvline(x, color=INK, ls=dashes, lw=1.2, label=phrasing.label(measure).partition(" of ")[0])
        axis.set_title(name)
        axis.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes[-1, 0].set_xlabel(f"{phrasing.label(line)} of one run, {phrasing.scale_in_words(before, after)}")
    axes[-1, 0].xaxis.set_major_formatter(THOUSANDS)
    made.supylabel("replications", color=SOFT, size=10)
    legend(made, axes[0, 0], 3)
    caption = (
        f"How {phrasing.label(line)} varies from one replication to the next. Dashed: {MEASURES[tails[0]].text}; "
        f"solid: {MEASURES[tails[1]].text}."
    )
    return Picture(say("The loss distribution"), svg(made, caption), caption)


assert tuple(range(BUCKETS, N_TO)) == (TO_PAID_OFF, TO_CLOSED_AT_ZERO, TO_WRITTEN_OFF, TO_SOLD, TO_FORGIVEN)


DRAWN = {draws.__name__: draws for draws in (forest, path, causes, vintages, rolls, distribution)}

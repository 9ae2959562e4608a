"""The timings as a picture: bars by case, and seconds as book and months grow."""

from .figures import PEERS
from .growth import AT_BORROWERS, AT_MONTHS, Growth
from .timing import Timed

OURS, PEER, GUIDE = "#4477aa", "#bbbbbb", "#cc6677"


def draw(timed: list[Timed], growth: Growth, machine: dict, path) -> None:
    """Write the picture to `path`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 0.34 * len(timed) + 2), layout="constrained")
    bars, *lines = figure.subplots(1, 3, width_ratios=(1.9, 1, 1))
    _bars(bars, timed)
    _by_borrowers(lines[0], growth.borrowers)
    _by_months(lines[1], growth.months)
    title = f"{machine['cpu']}, {machine['vector_bits']}-bit vectors, {machine['threads']} threads"
    figure.suptitle(title, fontsize=10, color="#555555")
    figure.savefig(path, dpi=150)


def _bars(axes, timed):
    """Draw the best of the rounds of each case, and a whisker to the median."""
    timed = sorted(timed, key=lambda times: times.name in PEERS)
    names = [times.words for times in timed]
    best, spread = [times.best for times in timed], [times.median - times.best for times in timed]
    colours = [PEER if times.name in PEERS else OURS for times in timed]
    whisker = {"ecolor": "#555555", "capsize": 2, "elinewidth": 1}
    axes.barh(names, best, xerr=[[0] * len(timed), spread], color=colours, error_kw=whisker, height=0.7)
    for row, times in enumerate(timed):
        axes.annotate(
            f"{times.best:.1f}", (times.median, row), (5, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.01)
    axes.set_title("ns per borrower-month: best, and median of all runs", fontsize=10, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _by_borrowers(axes, seconds_at):
    """Draw seconds against borrowers, both by powers of ten."""
    sizes = sorted(seconds_at)
    slope = seconds_at[sizes[-1]] / sizes[-1]
    axes.loglog(sizes, [slope * n for n in sizes], "--", color=GUIDE, linewidth=1, label="in proportion to the largest")
    axes.loglog(sizes, [seconds_at[n] for n in sizes], "o-", color=OURS, markersize=5, label="measured")
    _finish(axes, "borrowers", f"seconds, {AT_MONTHS} months")


def _by_months(axes, seconds_at):
    """Draw seconds against months; what is left at month 0 is the drawing of the people."""
    months = sorted(seconds_at)
    (x0, y0), (x1, y1) = ((n, seconds_at[n]) for n in (months[0], months[-1]))
    ends = (0, x1)
    straight = [y0 + (y1 - y0) * (x - x0) / (x1 - x0) for x in ends]
    axes.plot(ends, straight, "--", color=GUIDE, linewidth=1, label="straight from the first to the last")
    axes.plot(months, [seconds_at[n] for n in months], "o-", color=OURS, markersize=5, label="measured")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xticks(months[1:])
    _finish(axes, "months", f"seconds, {AT_BORROWERS:,} borrowers")


def _finish(axes, what, title):
    axes.set_xlabel(what)
    axes.set_title(title, fontsize=10, loc="left")
    axes.grid(True, which="major", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left")

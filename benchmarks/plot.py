"""The timings as a picture: bars by case, and seconds as book and months grow."""

from .growth import AT_BORROWERS, AT_MONTHS, Growth
from .timing import Timed

OURS, PEER, GUIDE = "#4477aa", "#bbbbbb", "#cc6677"
PEERS = ("scalar_twin", "tuned_numpy", "analyst_numpy", "numba_np_random", "jax")


def draw(timed: list[Timed], growth: Growth, machine: dict, path) -> None:
    """Write the picture to `path`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 0.34 * len(timed) + 2), layout="constrained")
    bars, *lines = figure.subplots(1, 3, width_ratios=(1.9, 1, 1))
    _bars(bars, timed)
    _line(lines[0], growth.borrowers, "borrowers", f"{AT_MONTHS} months")
    _line(lines[1], growth.months, "months", f"{AT_BORROWERS:,} borrowers")
    title = f"{machine['cpu']}, {machine['vector_bits']}-bit vectors, {machine['threads']} threads"
    figure.suptitle(title, fontsize=10, color="#555555")
    figure.savefig(path, dpi=150)


def _bars(axes, timed):
    """Draw the best of the rounds of each case, and a whisker to the median."""
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
    axes.set_title("ns per borrower-month: best, and median of the rounds", fontsize=10, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _line(axes, seconds_at, what, beside):
    """Draw seconds against size, and the straight line from nothing through the largest."""
    sizes = sorted(seconds_at)
    slope = seconds_at[sizes[-1]] / sizes[-1]
    axes.loglog(sizes, [slope * n for n in sizes], "--", color=GUIDE, linewidth=1, label="in proportion to the largest")
    axes.loglog(sizes, [seconds_at[n] for n in sizes], "o-", color=OURS, markersize=5, label="measured")
    axes.set_xlabel(what)
    axes.set_title(f"seconds, {beside}", fontsize=10, loc="left")
    axes.grid(True, which="major", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper left")

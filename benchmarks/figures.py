"""The timings in words, numbers and a picture."""

from rich.table import Table

from .kernel import Timed

UNIT = "ns per borrower-month"
RATIOS = {"scalar_twin": "line", "tuned_numpy": "line", "line_and_loan_scalar": "line_and_loan",
          "roll_rates_scalar": "roll_rates"}  # fmt: skip
SCALES = {"line_two_cores": "line", "line_and_loan_two_cores": "line_and_loan", "roll_rates_two_cores": "roll_rates"}


def result(timed: list[Timed], seconds: dict[str, float], machine: dict) -> dict:
    """Return what bench.json holds: figures (best of the rounds), ratios in one process, the machine."""
    best = {times.name: times.best for times in timed}
    figures = {f"ns_{name}": {"value": round(value, 3), "unit": UNIT} for name, value in best.items()}
    figures |= {f"ns_{times.name}_median": {"value": round(times.median, 3), "unit": UNIT} for times in timed}
    figures |= {f"ns_{times.name}_cpu": {"value": round(times.best_cpu, 3), "unit": UNIT} for times in timed}
    figures |= {name: {"value": round(value, 3), "unit": "s"} for name, value in seconds.items()}
    ratios = {slow: round(best[slow] / best[fast], 3) for slow, fast in RATIOS.items()}
    ratios |= {fast: round(best[slow] / best[fast], 3) for fast, slow in SCALES.items() if fast in best}
    return {"figures": figures, "ratios": ratios, "machine": machine}


def sentence(result: dict, most_ns: float) -> str:
    """Return the main figure beside its promise, and how much slower the others are."""
    figures, ratios = result["figures"], result["ratios"]
    ns = figures["ns_line"]["value"]
    kept = "within" if ns <= most_ns else "OVER"
    return (
        f"Line only, one core: {ns:.1f} ns per borrower-month, {kept} the {most_ns} promised. The scalar kernel takes "
        f"{ratios['scalar_twin']:.1f} times as long, NumPy {ratios['tuned_numpy']:.1f} times. "
        f"A small command takes {figures['warm_s']['value']:.2f} s"
        + (f", {figures['cold_s']['value']:.0f} s when it compiles first." if "cold_s" in figures else ".")
    )


def table(timed: list[Timed], machine: dict) -> Table:
    """Return the timings as a table."""
    title = f"{UNIT}; {machine['cpu']}, {machine['vector_bits']}-bit vectors, {machine['threads']} threads"
    rows = Table("case", title=title)
    for column in ("best", "median", "processor time, best", "times the tile kernel"):
        rows.add_column(column, justify="right")
    best = {times.name: times.best for times in timed}
    for times in timed:
        against = RATIOS.get(times.name) or SCALES.get(times.name)
        ratio = f"{times.best / best[against]:.2f}" if against else ""
        rows.add_row(times.words, f"{times.best:.1f}", f"{times.median:.1f}", f"{times.best_cpu:.1f}", ratio)
    return rows


def draw(timed: list[Timed], machine: dict, path) -> None:
    """Write a bar chart of the timings, best with the span of all rounds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 0.45 * len(timed) + 1.4), layout="constrained")
    axes = figure.subplots()
    names = [times.words for times in timed]
    spread = [times.median - times.best for times in timed]
    axes.barh(names, [times.best for times in timed], xerr=[[0] * len(timed), spread], color="#4477aa", capsize=3)
    for row, times in enumerate(timed):
        axes.annotate(f"{times.best:.1f}", (times.median, row), (6, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"{UNIT}: best of {len(timed[0].wall)} rounds, and their median")
    axes.set_title(f"{machine['cpu']}, {machine['vector_bits']}-bit vectors", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)

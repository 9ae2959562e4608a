"""The timings in words and numbers: what bench.json holds, a table, a sentence."""

from rich.table import Table

from .growth import Growth, straightness
from .timing import Timed

UNIT = "ns per borrower-month"
PEERS = ("scalar_twin", "tuned_numpy", "analyst_numpy", "numba_np_random", "jax")  # their time over the kernel's
AGAINST = {  # ratio: (its case, the case it is measured by)
    **{peer: (peer, "line" if peer == "scalar_twin" else "plain_line") for peer in PEERS},
    "line_and_loan_scalar": ("line_and_loan_scalar", "line_and_loan"),
    "roll_rates_scalar": ("roll_rates_scalar", "roll_rates"),
    "some_policies_over_none": ("some_policies", "no_policies"),
    "all_policies_over_none": ("all_policies", "no_policies"),
    **{
        f"{book}_two_cores": (f"{book}_larger", f"{book}_two_cores") for book in ("line", "line_and_loan", "roll_rates")
    },
}
MOST_SLOWER = 1.15  # all policies over none: the promise


def result(timed: list[Timed], others: dict[str, tuple[float, str]], growth: Growth, machine: dict) -> dict:
    """Return what bench.json holds; `others` are (value, unit) by name, such as the seconds of whole commands.

    Times are the best of all runs, ratios are of those; beside each stands what is done for a borrower in a month.
    """
    figures = {}
    for times in timed:
        kinds = {"": times.best, "_median": times.median, "_cpu": times.best_cpu}
        figures |= {
            f"ns_{times.name}{kind}": {"value": round(value, 3), "unit": UNIT, **times.work._asdict()}
            for kind, value in kinds.items()
        }
    grown = {
        **{f"s_borrowers_{n}": (value, "s") for n, value in growth.borrowers.items()},
        **{f"s_months_{n}": (value, "s") for n, value in growth.months.items()},
    }
    figures |= {name: {"value": round(value, 5), "unit": unit} for name, (value, unit) in (grown | others).items()}
    best = {times.name: times.best for times in timed}
    ratios = {
        name: round(best[slow] / best[fast], 3)
        for name, (slow, fast) in AGAINST.items()
        if slow in best and fast in best
    }
    ratios["growth_borrowers"] = round(straightness(growth.borrowers), 3)
    ratios["growth_months"] = round(straightness(growth.months), 3)
    return {"figures": figures, "ratios": ratios, "machine": machine}


def sentences(result: dict, most_ns: float) -> list[str]:
    """Return the main figures beside their promises, one thing a line."""
    figures, ratios = result["figures"], result["ratios"]
    ns, policies = figures["ns_line"]["value"], ratios["all_policies_over_none"]
    words = {
        "scalar_twin": "the scalar kernel", "tuned_numpy": "tuned NumPy", "analyst_numpy": "an analyst's NumPy",
        "numba_np_random": "numba with np.random", "jax": "JAX",
    }  # fmt: skip
    times = ", ".join(f"{words[peer]} {ratios[peer]:.1f}" for peer in PEERS if peer in ratios)
    lines = [
        f"Line only, one core: {ns:.1f} ns per borrower-month, {_kept(ns, most_ns)} the {most_ns} aimed at.",
        f"Times as long: {times}.",
        f"All kinds of policies take {policies:.2f} times as long as none, "
        f"{_kept(policies, MOST_SLOWER)} the {MOST_SLOWER} promised.",
        f"Growth, 1 is a straight line: with borrowers {ratios['growth_borrowers']:.2f}, "
        f"with months {ratios['growth_months']:.2f}.",
    ]
    for name, what in WHOLE.items():
        if name in figures:
            megabytes = figures[f"{name.removesuffix('_s')}_mb"]["value"]
            lines.append(f"{what}: {figures[name]['value']:,.1f} s, {megabytes:,.0f} MB at most.")
    return lines


WHOLE = {
    "warm_s": "A command besides its simulation",
    "cold_s": "The same with an empty cache, compiling everything",
    "whole_1m_60_100_s": "1 million borrowers x 60 months x 100 replications",
    "whole_500m_36_s": "500 million borrowers x 36 months",
}


def _kept(value, most):
    """Return in a word whether a promise is kept."""
    return "within" if value <= most else "OVER"


def table(timed: list[Timed], machine: dict) -> Table:
    """Return the timings as a table."""
    title = f"{UNIT}; {machine['cpu']}, {machine['vector_bits']}-bit vectors, {machine['threads']} threads"
    rows = Table("case", title=title)
    for column in ("best", "median", "processor\ntime, best", "times the\nkernel", "threads"):
        rows.add_column(column, justify="right")
    for column in ("random\nwords", "sums", "columns"):
        rows.add_column(column, justify="right")
    best = {times.name: times.best for times in timed}
    by = {case: against for case, against in AGAINST.values() if not against.endswith("two_cores")}
    by |= {case: against for against, case in AGAINST.values() if case.endswith("two_cores")}
    for times in timed:
        ratio = f"{times.best / best[by[times.name]]:.2f}" if times.name in by else ""
        numbers = (f"{times.best:.1f}", f"{times.median:.1f}", f"{times.best_cpu:.1f}", ratio)
        rows.add_row(times.words, *numbers, *map(str, times.work))
    return rows

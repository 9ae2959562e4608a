"""Measures of risk: how well ratings rank who defaults, and the tail of the loss over replications."""

from functools import partial
from typing import Any

from simulator.analysis.estimates import gini
from simulator.analysis.measures.registry import MONEY, RATIO, TAIL, Measure, rate
from simulator.analysis.measures.tables import DELINQUENCY, LOSS_TAIL
from simulator.analysis.tails import TAIL_LEVELS, ExpectedShortfall, ValueAtRisk, replications_needed
from simulator.language.catalogue import kept
from simulator.model.layout import N_PRODUCT, PRODUCTS, RATING_GRADE, RATING_SCORE

RATINGS = {
    RATING_GRADE: ("grade", "the grade, from the account's record with the lender only"),
    RATING_SCORE: ("score", "the application score, in bands of 32 points, of those accepted"),
}


def gini_of(kind, product=None):
    """Return the measure of how well a rating ranks the accounts observed, all together or those of one product."""
    rating, text = RATINGS[kind]
    of = "" if product is None else f" of {PRODUCTS[product]}s"

    def function(v):
        observed, defaulted = v.rated(kind, product)
        # A low grade is good, a low score bad.
        return gini(defaulted, observed - defaulted, worst_first=kind == RATING_SCORE)

    formula = "P(defaulter ranked worse) - P(defaulter ranked better), over pairs of a defaulter and another"
    text = f"Gini of {text}, against first default within 12 months{of}: 1 ranks without fault, 0 not at all"
    options: dict[str, Any] = {
        "unit": RATIO,
        "monthly": False,
        "moved_by": "reviews applicants, or grades, in another way",
    }
    if product is not None:
        name, label = f"gini_{rating}_{PRODUCTS[product]}", f"Gini of the {rating}{of}"
        return rate(name, formula, text, function, label=label, **options)
    options |= {"label": f"Gini of the {rating}", "shown_in": {DELINQUENCY: 3}}
    return rate(f"gini_{rating}", formula, text, function, **options)


def tails(suffix, words, line, table, **options):
    """Return VaR and expected shortfall of a line at each level, by names ending in `suffix`."""
    measures = []
    for level in TAIL_LEVELS:
        percent, worst, one_in = f"{100 * level:.0f}", f"{100 - 100 * level:.0f}", round(1 / (1 - level))
        both = options | {
            "headline": True,
            "monthly": False,
            "reason": partial(too_few, level),
            "function": lambda v: v.flow(line),
            "shown_in": {table: 2},
        }
        measures += [
            Measure(f"var{percent}{suffix}", TAIL, MONEY, f"smallest x with P({line} ≤ x) ≥ {level:.2f}",
                    f"{words} exceeded in one run of {one_in}", label=f"VaR {percent} % of {words}",
                    statistic=ValueAtRisk(level), **both),
            Measure(f"es{percent}{suffix}", TAIL, MONEY, f"mean of {line} in its worst {worst} %",
                    f"mean {words} of the worst {worst} % of runs",
                    label=f"expected shortfall {percent} % of {words}",
                    statistic=ExpectedShortfall(level), **both),
        ]  # fmt: skip
    return measures


def too_few(level, frame, window):
    """Return why a tail beyond `level` cannot be stated, None if there are replications enough."""
    needed = replications_needed(level)
    if frame.replications >= needed:
        return None
    return kept(
        "a tail of {percent} % needs {needed} replications, this run has {replications}",
        percent=f"{100 - 100 * level:.0f}",
        needed=f"{needed:,}",
        replications=f"{frame.replications:,}",
    )


SECTIONS = {
    "Power of grade and score": (
        *(gini_of(kind) for kind in (RATING_GRADE, RATING_SCORE)),
        *(gini_of(kind, product) for product in range(N_PRODUCT) for kind in (RATING_GRADE, RATING_SCORE)),
    ),
    "Tail of the loss distribution": tuple(tails("", "net loss", "net_loss", LOSS_TAIL)),
}

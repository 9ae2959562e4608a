"""The prior of a structural fit: a complete scenario made to stand on a tape, before anything is fitted."""

from copy import deepcopy
from pathlib import Path

import numpy as np

from simulator.analysis.score_power import resolved
from simulator.estimation.panels.panel import Panel
from simulator.estimation.structural.document import (
    document_of,
    each,
    numbers,
    say,
    set_numbers,
    settings_of,
    values_of,
)
from simulator.lowering.quantiles import quantiles
from simulator.model.errors import Problem, UserError
from simulator.model.observer import SILENT, Aside, Observer
from simulator.model.values import LARGEST_AMOUNT
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import Demand

DIGITS = 6  # of amounts brought to the tape's currency


def prior_document(
    panel: Panel,
    accounts: np.ndarray,
    prior: str | Path,
    tape: str | Path,
    mapping: str | Path,
    threads: int | None = None,
    observer: Observer = SILENT,
) -> tuple[dict, list[str]]:
    """Return the document of the scenario `prior` on the tape, and the assumptions made on the way, in words.

    The segments are those of the panel, amounts are in its currency, and nobody applies; `tape` and `mapping` are
    named as they are given. `observer` is told of the pilot of a score. Raises UserError if the scenario is not
    structural or has no lines.
    """
    scenario = load_scenario(prior)
    settings = scenario.baseline
    if settings.behaviour.model != "structural":
        found = f"found {settings.behaviour.model!r}"
        raise UserError(Problem(str(prior), "behaviour.model", found, "a structural fit needs a structural scenario"))
    if not any(segment.line_limit for segment in settings.segment.values()):
        raise UserError(Problem(str(prior), "segment", "no segment has lines", "give line_limit: it scales incomes"))
    document = deepcopy(document_of(scenario))
    assumptions: list[str] = []
    ratio = _limit_on_tape(panel, accounts) / _limit_of(settings)
    _without_what_no_tape_tells(document, settings, assumptions)
    _scores(document, scenario, threads, observer, assumptions)
    document["segment"] = _segments(panel, accounts, document["segment"], assumptions)
    _to_currency(document, settings.currency.code, panel, ratio, assumptions)
    files = {"tape": str(tape), "mapping": str(mapping)}
    about = {"unit": "count", "source": "the tape's accounts, and nobody applies", "status": "derived"}
    none = {"value": 0, **about}
    document["portfolio"] = {"borrowers": none, "applicants_per_month": dict(none), **files}
    for policy in [name for name, policy in settings.policy.items() if policy.enabled and policy.reads_book]:
        document["policy"][policy]["enabled"] = False
        assumptions.append(f"policy {policy}, which reads last month's book, is off")
    if scenario.variants:
        assumptions.append(f"the variants of the prior are left out: {', '.join(scenario.variants)}")
    settings_of(document, str(prior))
    return document, assumptions


def _without_what_no_tape_tells(document, settings, assumptions):
    """Leave out conversions and demand, whose customary minimum is not this tape's: the minimum due is fitted."""
    if settings.products.line.conversion.chance > 0:
        del document["products"]["line"]["conversion"]
        assumptions.append("bills turned into instalments, of which a tape does not tell, are left out")
    if settings.behaviour.demand != Demand():
        del document["behaviour"]["demand"]
        assumptions.append("what customers answer to prices and limits, of which a tape does not tell, is left out")


def _scores(document, scenario, threads, observer, assumptions):
    """Give scores the correlation with quality that the Gini asked for takes among the prior's people.

    The fitted people may default too evenly for any score to have that Gini. No review is left to ask for one.
    """
    lenders, answers = resolved(scenario, {"prior": scenario.baseline}, threads, Aside(observer))  # not the tape's
    for policy in document["policy"].values():
        policy.pop("score_gini", None)
    document.pop("score_gini", None)
    for answer in answers.get("prior", ()):
        if answer.ask.key.startswith("policy."):
            continue
        for name in answer.ask.segments:
            segment, correlation = document["segment"][name], lenders["prior"].segment[name].score_correlation
            segment.pop("score_gini", None)
            source = f"of the prior's {answer.ask.key} = {answer.ask.gini:g}"
            segment["score_correlation"] = {
                "value": correlation,
                "unit": "number",
                "source": source,
                "status": "derived",
            }
    if answers:
        assumptions.append("scores have the correlation with quality that their Gini takes among the prior's people")


def _limit_on_tape(panel, accounts):
    return float(panel.limit[accounts, 0].mean()) / panel.minor_units


def _limit_of(settings):
    """Return the mean limit of the scenario's lines."""
    lines = [segment for segment in settings.segment.values() if segment.line_limit and segment.line_holders]
    weights = [segment.share * segment.line_holders for segment in lines]
    return float(np.average([quantiles(segment.line_limit).mean() for segment in lines], weights=weights))


def _segments(panel, accounts, prior, assumptions):
    """Return the tables of the panel's segments: the prior's own of that name, else its largest one."""
    largest = max(prior, key=lambda name: prior[name]["share"]["value"])
    sizes = np.bincount(panel.segment[accounts], minlength=len(panel.segments))
    found = {}
    for name, size in zip(panel.segments, sizes.tolist(), strict=True):
        if not size:
            continue
        like = name if name in prior else largest
        if like != name:
            said = f"the accounts of segment {name}" if len(panel.segments) > 1 else "the accounts"
            assumptions.append(f"{said} are people like those of segment {like} of the prior")
        share = {"value": size / len(accounts), "unit": "share", "source": "accounts of the tape", "status": "derived"}
        found[name or like] = deepcopy(prior[like]) | {"share": share}
    return found


def _to_currency(document, code, panel, ratio, assumptions):
    """Bring the amounts of the document to the panel's currency."""
    own = panel.currency or code
    for _, node in values_of(document):
        unit = node.get("unit") or next((m["unit"] for m in node.values() if isinstance(m, dict) and "unit" in m), "")
        if unit == code or unit.startswith(f"{code} per "):
            set_numbers(node, {key: each(number, lambda x: _amount(x, ratio)) for key, number in numbers(node).items()})
            say(node, lambda about: _in_other(about, code, own, ratio))
    minor = {"value": panel.minor_units, "source": "mapping of the tape", "status": "derived"}
    document["currency"] = {"code": own, "minor_units": minor}
    assumptions.append(
        f"incomes and all other amounts are the prior's times {ratio:.4g}, as the mean limit is: {code} to {own}"
    )


def _amount(amount, ratio):
    return min(float(f"{amount * ratio:.{DIGITS}g}"), float(LARGEST_AMOUNT))


def _in_other(about, code, own, ratio):
    """Return what is said about an amount, now in another currency."""
    if not about.get("unit", "").startswith(code):  # the spread of a distribution
        return about
    source = f"{about.get('source', '')}; times {ratio:.4g}, as the mean limit".removeprefix("; ")
    return about | {"unit": about["unit"].replace(code, own, 1), "source": source}

"""What a structural fit leaves behind: a complete scenario, and tables for a report."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np
from scipy.special import ndtri

from simulator.estimation.structural.document import at, is_distribution, is_value, numbers, say, settings_of, values_of
from simulator.estimation.structural.fit import LEVEL, Posterior, StructuralFit
from simulator.estimation.structural.parameters import moved, nodes
from simulator.language.catalogue import kept
from simulator.model.errors import UserError
from simulator.scenario.resolved import toml

NOT_IDENTIFIED = "not identified"
CALIBRATED = "calibrated"
# What a panel could tell of, and this one does not: people, why they pay, their economy. Terms, policies and costs are
# the lender's own to say.
OPEN_TO_DOUBT = (("segment",), ("behaviour", "structural"), ("economy",))
GIVEN = ("share",)  # of a segment: counted on the tape
LEVEL_MOMENTS = ("newly", "cured", "rolled")  # moments that levels of late accounts rest on
FAINT = 0.05  # correlation with a group that is taken for none
FOLLOWS = 0.5  # share of those who pay nothing that are late after it, below which status does not follow payment
REJECTED = 0.01  # chance below which the tape refuses the model


def scenario_text(fit: StructuralFit, cautions: Sequence[str] = (), tied: Mapping[str, Any] | None = None) -> str:
    """Return the fitted scenario as TOML that `load_scenario` reads: complete, each value with where it comes from.

    The verdict stands on top as comments. `cautions` are added to those of the prior. `tied` are its tables, where they
    have been tied to a book.
    """
    tables = dict(tied or scenario_tables(fit))
    head: dict = {"title": f"Structural fit of {fit.calibrated_from}"}
    if said := [*tables.pop("cautions", []), *cautions]:
        head["cautions"] = said
    return "".join(f"# {line}\n" for line in verdict(fit)) + toml(
        head | {k: v for k, v in tables.items() if k != "title"}
    )


def scenario_tables(fit: StructuralFit) -> dict[str, Any]:
    """Return the tables of the fitted scenario, each value with where it comes from.

    The status of a fitted value is `calibrated`; that of all else a panel could
    have told of is `not identified`, with the prior's own status.
    """
    document = deepcopy(fit.document)
    for top in OPEN_TO_DOUBT:
        for path, node in values_of(at(document, top)):
            if path[-1] not in GIVEN:
                say(node, _not_identified)
    for estimate in sorted(fit.estimates, key=lambda e: e.is_fitted):  # where two share a value, what is fitted counts
        for _, node in nodes(document, estimate.parameter):
            say(node, partial(_calibrated, fit=fit, e=estimate) if estimate.is_fitted else _not_identified)
    put_ranges(document, fit)
    return document


def put_ranges(document: dict, fit: StructuralFit) -> None:
    """Give every number of the document that a fitted parameter moves its range: 90 % of the posterior.

    It is that of a world in which the parameters that stay at the prior are there, as they are in the document.

    Numbers move as the parameters do: the group of each is what is new in its parameter, given those before it
    (Cholesky), so that their correlations are those of the posterior. A parameter that a scenario cannot have at an end
    has no range.
    """
    fitted = [e for e in fit.estimates if e.is_fitted]
    roots = np.linalg.cholesky(fit.correlation)  # of nothing it is nothing
    for estimate, root in zip(fitted, roots, strict=True):
        parameter = estimate.parameter
        step = float(ndtri(0.5 + LEVEL / 2)) * estimate.held * parameter.width
        below, above = (moved(fit.document, {parameter: shift}) for shift in (-step, step))
        if not all(map(_is_allowed, (below, above))):
            continue
        kept = np.where(np.abs(root) > FAINT, root, 0.0)
        each = zip(fitted, kept / np.linalg.norm(kept), strict=True)
        shares = {e.parameter.name: round(float(share), 12) for e, share in each if share}
        for path, node in nodes(document, parameter):
            low, high = (numbers(at(end, path)) for end in (below, above))
            for key, number in numbers(node).items():
                ends = [low[key], high[key]]
                if ends[0] == number or ends[1] == number:
                    continue
                sign = 1 if ends[0] < ends[1] else -1
                group = {name: sign * share for name, share in shares.items()}
                if not isinstance(node[key], dict):
                    node[key] = {"value": number} if is_distribution(node) else number
                table = node if is_value(node) else node[key]
                table |= {"range": sorted(ends), "group": group}


def refusals(fit: StructuralFit) -> list[str]:
    """Return why the tape refuses the fit; empty if it does not."""
    found: list[str] = []
    if not any(e.is_fitted for e in fit.estimates):
        found.append(kept("The tape tells nothing of why people pay: every parameter is the prior's."))
    if fit.test_of_all.p_value < REJECTED:
        p = f"p = {fit.test_of_all.p_value:.2g}" if fit.test_of_all.p_value > 1e-15 else "p < 1e-15"
        found.append(
            kept(
                "The tape refuses this model: it cannot do what the accounts do in all moments at once ({p}).",
                p=p,
            )
        )
    return found


def cautions(fit: StructuralFit) -> list[str]:
    """Return what must be known of the fitted scenario before any number."""
    prior = fit.causes_are_prior
    return refusals(fit) + (
        [kept("Why people do not pay is the prior's more than the tape's: {prior} are not identified.", prior=prior)]
        if prior
        else []
    )


def tables(fit: StructuralFit) -> dict[str, list[dict]]:
    """Return the tables of a report by name, a row a dict: verdict, parameters, moments, open, causes, assumptions."""
    return {
        "verdict": [{"verdict": line} for line in verdict(fit)],
        "parameters": [
            {
                "parameter": e.parameter.words,
                "key": ".".join(nodes(fit.document, e.parameter)[0][0]),
                "prior": e.prior,
                "estimate": e.value,
                "low": e.low,
                "high": e.high,
                "prior_width_left": e.left,
                "status": CALIBRATED if e.is_known else NOT_IDENTIFIED,
                "why": e.why_not or ("" if e.is_known else "known only together with what is left at the prior"),
            }
            for e in fit.estimates
        ],
        "moments": [
            {
                "moment": c.moment.words,
                "name": c.moment.name,
                "observed": c.observed,
                "simulated": c.simulated,
                "error": c.error,
                "z": c.z,
                "role": c.role,
            }
            for c in fit.compared
        ],
        "open": [{"not_told": line} for line in fit.not_told],
        "causes": [{"cause": name, "share": share} for name, share in fit.causes.items()],
        "assumptions": [{"assumption": line} for line in fit.assumptions],
    }


def verdict(fit: StructuralFit) -> Iterator[str]:
    """Yield what a reader has to know first."""
    fitted = [e.parameter.words for e in fit.estimates if e.is_fitted]
    rest = [e.parameter.words for e in fit.estimates if not e.is_fitted]
    yield f"fitted to {fit.calibrated_from}, {fit.accounts:,} accounts: {', '.join(fitted) or 'nothing'}"
    if rest:
        yield f"{NOT_IDENTIFIED}, left at the prior: {', '.join(rest)}"
    if together := [e.parameter.words for e in fit.estimates if e.is_fitted and not e.is_known]:
        yield f"known only together with what is left at the prior: {', '.join(together)}"
    within, of_all = fit.test, fit.test_of_all
    yield f"moments within reach: J = {within.j:,.1f} on {within.freedom:.1f}, p = {within.p_value:.2g}"
    far = [c for c in fit.compared if c.role == "out of reach"]
    if far:
        names = "; ".join(f"{c.moment.words} ({c.observed:.3f} on the tape, {c.simulated:.3f} simulated)" for c in far)
        yield f"out of the model's reach and not fitted: {names}"
        if any(c.moment.name.startswith(LEVEL_MOMENTS) for c in far):
            yield "late accounts and losses here are not at this book's level: take levels from the roll rates"
        yield f"all moments together: J = {of_all.j:,.1f} on {of_all.freedom:.1f}, p = {of_all.p_value:.2g}"
    if of_all.p_value < REJECTED:
        yield "the tape refuses the model: it cannot do what the accounts do in all moments at once"
    unpaid = next((c for c in fit.compared if c.moment.name == "late_unpaid"), None)
    if unpaid and unpaid.observed < FOLLOWS:
        shares = f"{unpaid.observed:.0%} are late a month later, in the model {unpaid.simulated:.0%}"
        yield f"status does not follow payment on this tape: of those on time who pay nothing {shares}"
    if fit.stretch > 1.05:
        yield f"intervals are {fit.stretch:.1f} times as wide as the moments' errors give, because of what is not met"
    if fit.causes_are_prior:
        yield f"shares of causes are the prior's more than the tape's: {fit.causes_are_prior} are {NOT_IDENTIFIED}"
    if not fit.has_settled:
        yield "the optimiser stopped before it had settled"


def _is_allowed(document: dict) -> bool:
    """Return whether a scenario may say so."""
    try:
        settings_of(document, "")
    except UserError:
        return False
    return True


def _calibrated(about: dict, fit: StructuralFit, e: Posterior) -> dict:
    """Return what is said of a number that is fitted."""
    if about.get("unit") == "number":  # the spread of a distribution, which stays
        return _not_identified(about)
    words = f"{e.parameter.words} {e.value:.4g} ({e.low:.4g} to {e.high:.4g}), prior {e.prior:.4g}"
    return about | {"source": f"calibrated from {fit.calibrated_from}: {words}", "status": CALIBRATED}


def _not_identified(about: dict) -> dict:
    """Return what is said of a number that stays at the prior."""
    status = about.get("status", "")
    if status.startswith(NOT_IDENTIFIED):
        return about
    return about | {"status": f"{NOT_IDENTIFIED} ({status})" if status else NOT_IDENTIFIED}

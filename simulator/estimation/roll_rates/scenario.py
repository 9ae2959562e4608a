"""From estimates to a complete scenario of the roll-rate model, every number with its source."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from simulator.estimation.panels.panel import Group, Panel, PanelState
from simulator.estimation.roll_rates.choice import Remembered
from simulator.estimation.roll_rates.factor import Range
from simulator.estimation.roll_rates.kinds import entries
from simulator.policy.registry import kind_of_records

AT = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)  # quantiles that limits and utilisation are given at
ENDS = (0.002, 0.998)  # of the tape, taken for the lowest and highest: single accounts would stretch the ends
LATEST_WRITE_OFF = 450  # days past due, the last bucket
FEW = 30  # accounts below which a state has no limits and utilisation of its own
LEAST = 0.001  # of the bill: what is due where nobody pays, or nobody would be late
MINIMUM = 0.10  # of the bill; assumption, as in the shipped scenarios: where a tape has no payments
INTEREST = 0.18  # a year; assumption: a tape of balances does not tell it
SAME_RATE = "assumption: what is overdue bears the interest that the rest does"
SUSPENDED_AT = 90  # days past due; assumption where the tape does not tell whether it goes on
NOT_ON_THE_TAPE = "not on the tape: change it to yours"


class Habits(NamedTuple):
    """What accounts of a product pay and spend, by the state after the month; arrays are float64[open state]."""

    minimum_share: float  # of the bill: the median payment over the bill where something less than the bill is paid
    pays: np.ndarray  # share of what is left of the bill after the minimum, current states
    spending: float  # new use a month over the limit, all states
    spends: np.ndarray  # multiplier of it


class LateInterest(NamedTuple):
    """Whether interest is charged on accounts 90 or more days past due, and how that is known."""

    goes_on: bool
    growth: float | None  # of what they do not pay, a month; None: the tape has none of them

    def said(self, about: "_About") -> dict[str, Any]:
        """Return the key of a product's terms that suspends interest; nothing where it goes on."""
        if self.goes_on:
            return {}
        if self.growth is None:
            return {"suspend_interest_dpd": SUSPENDED_AT}
        return {
            "suspend_interest_dpd": about.tape(SUSPENDED_AT, f"what is not paid grows by {self.growth:.2%} a month")
        }

    @property
    def remark(self) -> str:
        """What is said beside the rate where it goes on; else nothing."""
        return (
            f"; charged from 90 days on too, where balances grow by {self.growth:.2%} a month" if self.goes_on else ""
        )


def late_interest(panel: Panel, accounts: np.ndarray) -> LateInterest:
    """Return whether balances of the accounts of one product go on growing once 90 days past due.

    They do if what those do not pay grows by half of INTEREST or more, all months together; a payment that the tape
    does not tell counts as none.
    """
    bad = np.array([s.is_late(SUSPENDED_AT // 30) for s in panel.states])
    carried = grown = 0.0
    for pair in panel.pairs():
        before, after = (panel.balance[accounts, month] for month in pair)
        there = [bad[panel.state[accounts, month]] & (panel.state[accounts, month] >= 0) for month in pair]
        rest = before - np.nan_to_num(panel.payment[accounts, pair.second])
        counted = there[0] & there[1] & np.isfinite(after) & (rest > 0)  # NaN is not
        carried, grown = carried + rest[counted].sum(), grown + (after - rest)[counted].sum()
    if not carried:
        return LateInterest(False, None)
    growth = float(grown / carried)
    return LateInterest(growth >= INTEREST / 12 / 2, growth)


def habits(panel: Panel, accounts: np.ndarray, monthly_rate: float, charged_late: bool = False) -> Habits:
    """Return what the accounts of one product pay and spend, all months together.

    A payment answers the bill of the month before. Spending is the rise of the balance plus the payment, less
    `monthly_rate` on what was not paid, from 90 days past due on only where it is `charged_late`; what is below zero on
    average counts as none. Without payments on the tape
    those who end current are taken to pay MINIMUM, so that spending moves balances as on the tape; without limits,
    what is owed stands for the limit.
    """
    n_open = len(panel.open_states)
    state = np.concatenate([panel.state[accounts, p.second] for p in panel.pairs()])
    bill, after, limit, paid = (
        np.concatenate([table[accounts, getattr(p, side)] for p in panel.pairs()])
        for table, side in (
            (panel.balance, "first"),
            (panel.balance, "second"),
            (panel.limit, "second"),
            (panel.payment, "second"),
        )
    )
    there = (state >= 0) & (state < n_open) & np.isfinite(bill) & np.isfinite(after)
    current = np.array([s.bucket == 0 for s in panel.states])
    in_current = there & current[state]
    if not np.isfinite(limit).any():
        limit = np.maximum(bill, 0)
    if not np.isfinite(paid).any():
        paid = np.where(in_current, MINIMUM * np.maximum(bill, 0), 0.0)
    known = there & np.isfinite(paid)
    if not known.any():
        return Habits(MINIMUM, np.zeros(n_open), 0.0, np.ones(n_open))
    part = known & (bill > 0) & (paid > 0) & (paid < bill)
    billed = known & (bill > 0)
    of_bill = _ratio(state[billed], np.minimum(paid, bill)[billed], bill[billed], n_open)
    if part.any():
        minimum = float(np.median(paid[part] / bill[part]))
    elif (whole := billed & in_current).any():  # all or nothing: what is paid on average
        minimum = float(np.minimum(paid, bill)[whole].clip(0).sum() / bill[whole].sum())
    else:
        minimum = MINIMUM
    minimum = max(minimum, LEAST)
    pays = np.where(
        current[:n_open] & np.isfinite(of_bill), np.clip((of_bill - minimum) / max(1 - minimum, 1e-9), 0, 1), 0.0
    )
    used = known & (limit > 0)
    carried = np.maximum(bill - paid, 0)
    charged = charged_late | ~np.array([s.is_late(SUSPENDED_AT // 30) for s in panel.states])[state]
    new = (after - bill + paid - monthly_rate * carried * charged)[used]
    spending = max(float(new.sum() / limit[used].sum()), 0.0) if used.any() else 0.0
    by_state = _ratio(state[used], new, limit[used], n_open)
    spends = np.where(np.isfinite(by_state), np.maximum(by_state, 0) / spending if spending else 1.0, 1.0)
    return Habits(minimum, pays, spending, np.minimum(spends, 100))


def _ratio(state, top, bottom, n):
    """Return float64[n]: sum of `top` over sum of `bottom` by state, NaN where there is nothing below."""
    below = np.bincount(state, bottom, n)
    return np.divide(np.bincount(state, top, n), below, out=np.full(n, np.nan), where=below > 0)


class ScenarioInputs(NamedTuple):
    """What goes into the scenario: estimates by product and segment."""

    panel: Panel
    counts: dict[tuple[str, str], np.ndarray]  # (product, segment) -> float64[open state, state], no row empty
    remembered: dict[str, Remembered]  # by product
    correlation: Range  # of the common factor, and between what it lies with 90 %
    persistence: Range
    correlation_source: str
    dispersion: float  # of counts around the factor, at least 1
    tape: str  # paths as the scenario names them
    mapping: str
    loadings: dict[str, Range]  # of segments with the factor; none where the tape does not tell them apart


def document(given: ScenarioInputs, cautions: Sequence[str] = ()) -> dict[str, Any]:
    """Return the tables of the scenario that starts from the tape's last month and moves by the pooled matrices."""
    panel = given.panel
    last = len(panel.months) - 1
    said = f"calibrated from {panel.facts['file']}, {panel.months[0]} to {panel.months[-1]}"
    about = _About(said)
    at_the_end = (panel.state[:, last] >= 0) & (panel.state[:, last] < len(panel.open_states))
    groups = list(panel.groups())
    of_line = np.concatenate([g.accounts for g in groups if g.product == "line"] or [np.zeros(0, int)])
    interest = {
        product: late_interest(panel, np.concatenate([g.accounts for g in groups if g.product == product]))
        for product in {group.product for group in groups}
    }
    line = habits(panel, of_line, INTEREST / 12, interest["line"].goes_on if "line" in interest else False)
    segments = {}
    for name in panel.segments:
        own = {group.product: group for group in groups if group.segment == name}
        segments[name] = _segment(panel, own, at_the_end, line, about)
        if name in given.loadings:
            months = "months of segments beside each other; range 90 %"
            loading = {**_in_doubt(given.loadings[name]), "source": f"{said}: {months}", "status": "derived"}
            segments[name]["factor_loading"] = loading
        if len(panel.segments) > 1:
            own_rows = {p: (given.counts[p, name], line, _more(given, p, name), p, about) for p in own}
            rolls = {p: _matrix(panel, *rows, given.dispersion) for p, rows in own_rows.items()}
            segments[name]["roll_rates"] = rolls
    products = {group.product for group in groups}
    counts = {p: [table for (product, _), table in given.counts.items() if product == p] for p in sorted(products)}
    pooled = {p: sum(tables[1:], tables[0]) for p, tables in counts.items()}
    return {
        "title": f"{panel.facts['file']}: the book of {panel.months[-1]}, calibrated",
        **({"cautions": list(cautions)} if cautions else {}),
        "source": "assumption",
        "status": "assumption",
        "months": 24,
        "run_off_months": 60,
        "replications": 200,
        "seed": 20260101,
        "discount_rate": {"value": 0.06, "unit": "per year"},
        "currency": {"code": panel.currency or "XXX", "minor_units": about.tape(panel.minor_units, "the mapping")},
        "portfolio": {"applicants_per_month": 0, "tape": given.tape, "mapping": given.mapping},
        "segment": segments,
        "products": {p: _terms(p, line, interest[p], about) for p in sorted(products)},
        "costs": {"funding_rate": {"value": 0.03, "unit": "per year", "source": f"assumption; {NOT_ON_THE_TAPE}"}},
        "behaviour": {
            "model": "roll_rates",
            "roll_rates": {
                p: _matrix(panel, pooled[p], line, _more(given, p), p, about, given.dispersion) for p in pooled
            },
        },
        "economy": {
            "factor": {
                "enabled": True,
                "persistence": {
                    **_in_doubt(given.persistence),
                    "source": "assumption: few months do not tell it; range by their posterior",
                },
                "correlation": {
                    **_in_doubt(given.correlation),
                    "source": given.correlation_source,
                    "status": "derived",
                },
            }
        },
        "policy": {kind_of_records("charge_off"): _write_off(*write_off_rule(panel.states, given.counts.values()))},
    }


def _in_doubt(found: Range) -> dict[str, Any]:
    """Return a value with its range, or alone if it does not lie in it."""
    value, low, high = (round(number, 6) for number in found)
    return {"value": value} | ({"range": [low, high]} if 0 < low < value < high else {})


class _About(NamedTuple):
    """Values with what they come from."""

    source: str

    def tape(self, value, what: str, unit: str = "") -> dict[str, Any]:
        table = {"value": value, "source": f"{self.source}: {what}", "status": "derived"}
        return table | ({"unit": unit} if unit else {})

    def spread(self, values, weights_what: str, unit: str = "") -> dict[str, Any]:
        """Return a distribution by quantiles."""
        numbers = [round(float(q), 6) for q in np.quantile(values, np.clip(AT, *ENDS))]
        table = {"distribution": "quantiles", "at": list(AT), "value": numbers}
        table |= {"source": f"{self.source}: {weights_what}", "status": "derived"}
        return table | ({"unit": unit} if unit else {})


def _segment(panel: Panel, own: dict[str, Group], at_the_end, line: Habits, about: _About) -> dict[str, Any]:
    """Return the table of a segment: how many, their limits and how they use them at the tape's last month."""
    last, units = len(panel.months) - 1, panel.minor_units
    everyone = max(int(at_the_end.sum()), 1)
    held = {p: g.accounts[at_the_end[g.accounts]] for p, g in own.items()}
    count = sum(map(len, held.values()))
    table: dict[str, Any] = {"share": about.tape(count / everyone, "accounts of the last month")}
    opening: dict[str, Any] = {}
    for product, accounts in held.items():
        table[f"{product}_holders"] = about.tape(len(accounts) / max(count, 1), "accounts of the last month")
        state = panel.state[accounts, last]
        shares = np.bincount(state, minlength=len(panel.open_states)) / max(len(accounts), 1)
        if len(accounts):
            opening[product] = {
                s.name: about.tape(float(v), "accounts of the last month")
                for s, v in zip(panel.open_states, shares, strict=True)
            }
    if (accounts := held.get("line")) is not None:
        limit, balance = panel.limit[accounts, last], panel.balance[accounts, last]
        ok = np.isfinite(limit) & (limit > 0)
        money = panel.currency or "XXX"
        if ok.any():  # else nobody is left, or limits are not on the tape
            table["line_limit"] = about.spread(limit[ok] / units, "limits of the last month", money)
            table["utilisation"] = about.spread(balance[ok] / limit[ok], "balance over limit, last month")
        table["spending"] = about.tape(round(line.spending, 6), "new use a month over the limit")
        table["state"] = {}
        for s, state in enumerate(panel.open_states):
            of_state = ok & (panel.state[accounts, last] == s)
            if of_state.sum() >= FEW:
                what = f"accounts in {state.name}, last month"
                table["state"][state.name] = {
                    "line_limit": about.spread(limit[of_state] / units, what, money),
                    "utilisation": about.spread(balance[of_state] / limit[of_state], what),
                }
    if (accounts := held.get("loan")) is not None:
        balance = panel.balance[accounts, last]
        if (balance > 0).any():
            owed = about.spread(balance[balance > 0] / units, "balances of the last month", panel.currency or "XXX")
            table |= {"loan_limit": owed, "loan_ticket": owed}
    return table | {"opening": opening}


def _terms(product: str, line: Habits, late: LateInterest, about: _About) -> dict[str, Any]:
    """Return the terms of a product: what the tape tells, and what it does not, marked."""
    interest = {"value": INTEREST, "unit": "per year", "source": f"assumption; {NOT_ON_THE_TAPE}{late.remark}"}
    if product == "loan":
        terms = {"value": [{"months": 12, "share": 1.0}], "source": f"assumption; {NOT_ON_THE_TAPE}"}
        return {"interest_rate": interest, "draw_probability": 0.0, "terms": terms, **late.said(about)}
    minimum = "median payment over the bill before, of those who pay a part"
    return {
        "interest_rate": interest,
        "minimum_share": about.tape(round(min(line.minimum_share, 1.0), 6), minimum),
        "late_rate": {"value": round(INTEREST / 360, 8), "unit": "per day", "source": SAME_RATE},
        **late.said(about),
    }


def _more(given: ScenarioInputs, product: str, segment: str | None = None) -> dict[str, Any]:
    """Return `memory` or `kinds` of the roll matrix of a product, of all segments together without one."""
    if not (found := given.remembered.get(product)):
        return {}
    tables = {"memory": found.entries(given.panel, segment), "kinds": entries(found, segment)}
    return {key: table for key, table in tables.items() if table}


def _matrix(
    panel: Panel, counts: np.ndarray, line: Habits, more: dict[str, Any], product: str, about: _About, dispersion: float
) -> dict[str, Any]:
    """Return the named states of a product with their habits, the counts of their moves, and `more` rows."""
    states = []
    for s, state in enumerate(panel.states):
        row: dict[str, Any] = {"name": state.name, "bucket": state.bucket}
        if state.at_least:
            row["at_least"] = True
        if product == "line" and not state.is_exit:
            if state.bucket == 0:
                row["pays"] = round(float(line.pays[s]), 6)
            row["spends"] = round(float(line.spends[s]), 6)
        states.append(row)
    return {
        "states": about.tape(states, "payments and balances by state"),
        "counts_dispersion": about.tape(dispersion, "how counts vary around the factor, 1 as accounts alone do"),
        "counts": about.tape([[round(float(c), 4) for c in row] for row in counts], "moves of all months together"),
        **{key: about.tape(rows, "moves of all months together, by what went before") for key, rows in more.items()},
    }


def write_off_rule(states: tuple[PanelState, ...], counts: Iterable[np.ndarray]) -> tuple[int | str, str]:
    """Return the days past due at which the scenario writes off, or "never", and where they come from.

    Nobody is written off that the tape keeps open a month later. Where a matrix itself writes off, no days past due
    do. Else it is the rule of US open-end credit, or two buckets beyond the tape's worst state, whose accounts are a
    bucket worse after a month in it.
    """
    at = max(180, 30 * (max(state.bucket for state in states if isinstance(state.bucket, int)) + 2))
    exits = [s for s, state in enumerate(states) if state.bucket == "written_off"]
    if any(table[:, exits].any() for table in counts):
        return "never", "the tape's own write-offs are in the matrix"
    if not any(state.at_least for state in states):
        return "never", "no account of the tape is late"
    if at == 180:
        return at, "US open-end rule, 180 days (NCLC)"
    if at > LATEST_WRITE_OFF:
        return "never", "the tape keeps accounts open to the last bucket"
    return at, f"assumption: the tape keeps accounts open at {at - 60} days"


def _write_off(at: int | str, source: str) -> dict[str, Any]:
    """Return the write-off policy at these days past due; what comes after it is assumed."""
    return {
        "kind": kind_of_records("charge_off"),
        "at_dpd": {"value": at, "source": source},
        "recover_chance": [0.03] * 6,
        "recover_share": [0.20] * 6,
        "commission": [0.35] * 6,
        "expire_months": 60,
    }

"""The loan scenario that a fit of loans with outcomes writes: one month of lending, then run off to the end."""

import json
from collections.abc import Sequence

from simulator.estimation.outcomes.fit import QUANTILES, LoanFit, SegmentFit
from simulator.policy.registry import kind_of_records

DEFAULT_SEED = 20260101
CURRENT = "current"
DIGITS = 12  # of a share after the point: rows must sum to 1


def horizon(fit: LoanFit) -> int:
    """Return the months after the first until the last recovery: dues, months to charge-off, months of collecting."""
    settings = fit.outcomes.settings
    return fit.outcomes.term + settings.charge_off_dpd // 30 + settings.recovery_months


def scenario_text(
    fit: LoanFit,
    seed: int = DEFAULT_SEED,
    replications: int = 100,
    equal_amount: float | None = None,
    cautions: Sequence[str] = (),
) -> str:
    """Return the scenario as TOML; with `equal_amount` everybody borrows that much instead of the file's amounts."""
    outcomes = fit.outcomes
    settings, facts = outcomes.settings, outcomes.facts
    issued = facts["issued"][0] if facts["issued"][0] == facts["issued"][1] else " to ".join(facts["issued"])
    source = json.dumps(outcomes.source, ensure_ascii=False)
    derived = f'source = {source}, status = "derived"'
    bad = settings.charge_off_dpd // 30
    late = [f"{30 * b}" for b in range(1, bad + 1)]
    lines = [
        f"# Written by `simulator calibrate` from {facts['file']}: loans issued {issued}, and how they ended.",
        "# A vintage: all borrow in month 1; `simulator compare` runs it off to the last recovery.",
        "# A current loan has a row for each due: months_in_state counts from the month of lending.",
        f"title = {json.dumps(f'Loans of {outcomes.term} months issued {issued}: paid or charged off')}",
        *([f"cautions = {json.dumps(list(cautions), ensure_ascii=False)}"] if cautions else []),
        'source = "assumption"',
        'status = "assumption"',
        "months = 1",
        f"run_off_months = {horizon(fit)}",
        f"replications = {replications}",
        f"seed = {seed}",
        "redraw_people = true # other amounts in each replication: the intervals are those of other loans of this kind",
        f'currency = {{ code = "{outcomes.currency}", minor_units = 100 }}',
        "",
        "[portfolio]",
        f"borrowers = {{ value = {len(outcomes.amount)}, {derived} }}",
        "",
        "[products.loan]",
        "# The mean by amount; each segment has its own as well.",
        f'interest_rate = {{ value = {fit.rate!r}, unit = "per month", {derived} }}',
        "suspend_interest_dpd = 30 # exposure is principal, as in the file",
        "draw_probability = 1.0 # in the only month of lending",
        "ticket_step = 1",
        f"terms = {{ value = [{{ months = {outcomes.term}, share = 1.0 }}], {derived} }}",
        "",
        "[behaviour]",
        'model = "roll_rates"',
    ]
    for name, segment in fit.segments.items():
        lines += _segment(name, segment, late, source, equal_amount, max(outcomes.amount))
    charge_off = f'source = {json.dumps(settings.charge_off_source)}, status = "assumption"'
    expire = f'source = {json.dumps(settings.recovery_source)}, status = "assumption"'
    alike = len({segment.collecting for segment in fit.segments.values()}) == 1
    kind = kind_of_records("charge_off")
    for name, segment in [("", next(iter(fit.segments.values())))] if alike else fit.segments.items():
        how = segment.collecting
        lines += [
            "",
            f"[policy.{_key(kind + ('_' + name if name else ''))}]",
            f'kind = "{kind}"',
            *([f"segments = [{json.dumps(name)}]"] if name else []),
            f"at_dpd = {{ value = {settings.charge_off_dpd}, {charge_off} }}",
            f"expire_months = {{ value = {how.months + 1}, {expire} }}",
            *(
                f"{key} = {{ value = {[round(value, DIGITS)] * 6}, {derived} }}"
                for key, value in (
                    ("recover_chance", how.chance),
                    ("recover_share", how.share),
                    ("commission", how.commission),
                )
            ),
        ]
    return "\n".join(lines) + "\n"


def _segment(name: str, fit: SegmentFit, late, source, equal_amount, most) -> list[str]:
    """Return the lines of one segment."""
    key = _key(name)
    if equal_amount is None:
        values = [round(float(value), 2) for value in fit.amounts]
        ticket = f'distribution = "quantiles", at = {[round(float(q), 4) for q in QUANTILES]}, value = {values}'
    else:
        most, ticket = equal_amount, f'distribution = "constant", value = {float(equal_amount)}'
    states = [f'    {{ name = "{CURRENT}", bucket = 0 }},']
    states += [
        f'    {{ name = "{days}", bucket = {b}{", at_least = true" if b == len(late) else ""} }},'
        for b, days in enumerate(late, 1)
    ]
    states += ['    { name = "paid_off", bucket = "paid_off" },']
    by_due = current_rows(fit, len(late))
    return [
        "",
        f"[segment.{key}]",
        f"source = {source}",
        'status = "derived"',
        f"share = {fit.share!r}",
        "loan_holders = 1.0",
        f'loan_limit = {{ distribution = "constant", value = {float(most)} }}',
        f"loan_ticket = {{ {ticket} }}",
        f'loan_rate = {{ value = {fit.rate!r}, unit = "per month" }}',
        "",
        f"[segment.{key}.roll_rates.loan]",
        f'states = {{ value = [\n{chr(10).join(states)}\n], source = {source}, status = "derived" }}',
        "# The file shows no cures: who misses a due is late by one more each month, until charged off.",
        "matrix = { value = [",
        *(f"    {row}," for row in [by_due[-1], *_late_rows(len(late))]),
        f'], source = {source}, status = "derived" }}',
        *_memory(by_due, source),
    ]


def current_rows(fit: SegmentFit, late: int) -> list[list[float]]:
    """Return the row of current loans by due; columns are current, the buckets from 1 on, paid off."""
    rows = []
    for default, early in zip(fit.default.tolist(), fit.early.tolist(), strict=True):
        row = [0.0] * (late + 2)
        row[1], row[-1] = round(default, DIGITS), round((1 - default) * early, DIGITS)
        row[0] = round(1 - row[1] - row[-1], DIGITS)
        rows.append(row)
    return rows


def _late_rows(late: int) -> list[list[float]]:
    """Return the rows of the buckets from 1 on: a month later each is late by one more."""
    return [[float(column == 1 + min(b + 1, late - 1)) for column in range(late + 2)] for b in range(late)]


def _memory(by_due: list[list[float]], source: str) -> list[str]:
    """Return the lines of the rows of current loans by due."""
    lines = ["memory = { value = ["]
    for due, row in enumerate(by_due, 1):
        months = [due, due] if due < len(by_due) else [due]
        lines.append(f'    {{ state = "{CURRENT}", months_in_state = {months}, counts = {row} }},')
    return [*lines, f'], source = {source}, status = "derived" }}']


def _key(name: str) -> str:
    """Return `name` as a TOML key."""
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else json.dumps(name)

"""What each value allows but the values together do not: sums, names, and policies that exclude each other.

Every check yields (key path, what was found, what is allowed).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise, product

from .schema import BUCKETS, EXITS, PRODUCTS, RollMatrix, Segment, Settings

NEVER = 10**9
CLOSE = 1e-9  # how far a sum of shares may be from 1
Found = tuple[str, str, str]


def contradictions(settings: Settings) -> list[Found]:
    """Return everything in `settings` that cannot be."""
    checks = (_book, _segments, _terms, _structural, _roll_rates, _economy, _policies)
    return [found for check in checks for found in check(settings)]


def _sum_to_one(shares: Iterable[float], key: str, words: str = "shares") -> Iterator[Found]:
    """Yield the sum if it is not 1."""
    if abs((total := sum(shares)) - 1) > CLOSE:
        yield key, f"{words} sum to {total:.10g}", "allowed: a sum of 1"


def _book(settings: Settings) -> Iterator[Found]:
    book = settings.portfolio
    if not book.borrowers and not book.applicants_per_month and not book.tape:
        yield "portfolio.borrowers", "nobody to simulate", "give borrowers, applicants_per_month or a tape"
    if book.tape and not book.mapping:
        yield "portfolio.mapping", "missing", "a tape needs a mapping, which says what its columns mean"
    if not any(segment.line_holders or segment.loan_holders for segment in settings.segment.values()):
        yield "segment", "nobody holds a line or a loan", "give line_holders or loan_holders in a segment"


def _segments(settings: Settings) -> Iterator[Found]:
    segments = settings.segment
    yield from _sum_to_one((segment.share for segment in segments.values()), "segment.*.share")
    tape = bool(settings.portfolio.tape) and not settings.portfolio.applicants_per_month
    for name, segment in segments.items():
        path = f"segment.{name}"
        if settings.behaviour.model == "structural" and segment.income is None:
            yield f"{path}.income", "missing", "the structural model needs it"
        for holders, needed in (("line", ("line_limit",)), ("loan", ("loan_limit", "loan_ticket"))):
            for key in needed:
                if getattr(segment, f"{holders}_holders") and getattr(segment, key) is None and not tape:
                    yield f"{path}.{key}", "missing", f"{holders}_holders above 0 need it"
        causes = segment.opening.causes
        yield from _sum_to_one(dict(causes).values(), f"{path}.opening.causes", "the causes' shares")
        for kind in PRODUCTS:
            yield from _opening(settings, segment, kind, path)
        roll = matrix_of(settings, segment, "line") if settings.behaviour.model == "roll_rates" else None
        states = [state.name for state in roll.states] if roll else []
        for state in segment.state:
            if state not in states:
                allowed = ", ".join(states) or "a state of roll_rates"
                yield f"{path}.state.{state}", "no such state", f"allowed: {allowed}"
    terms = settings.products.line
    if terms.minimum_share == 0 and terms.minimum_floor == 0 and any(s.line_holders for s in segments.values()):
        yield "products.line.minimum_share", "found 0 and minimum_floor 0", "nothing would ever be due: raise one"


def _opening(settings: Settings, segment: Segment, kind: str, path: str) -> Iterator[Found]:
    """Check the opening shares of one product against the states there are."""
    opening, key = getattr(segment.opening, kind), f"{path}.opening.{kind}"
    roll = matrix_of(settings, segment, kind) if settings.behaviour.model == "roll_rates" else None
    names = [state.name for state in roll.states if state.bucket not in EXITS] if roll else []
    if isinstance(opening, dict):
        yield from _sum_to_one(opening.values(), key)
        for name in opening:
            if name not in names:
                yield f"{key}.{name}", "no such state", f"allowed: {', '.join(names) or 'a list of shares by bucket'}"
        return
    yield from _sum_to_one(opening, key)
    if roll and len(opening) > len(names):
        yield key, f"{len(opening)} shares for {len(names)} states that are no exits", "give one for each, in order"


def _terms(settings: Settings) -> Iterator[Found]:
    terms = settings.products.loan.terms
    yield from _sum_to_one((term.share for term in terms), "products.loan.terms")
    if len({term.months for term in terms}) < len(terms):
        yield "products.loan.terms", "two terms of the same months", "give each length once"


def _structural(settings: Settings) -> Iterator[Found]:
    for before in ("current", "late"):
        for cause, paid in getattr(settings.behaviour.structural.paid_in_month, before):
            if paid.by_day_7 > paid.by_day_30:
                key = f"behaviour.structural.paid_in_month.{before}.{cause}.by_day_7"
                yield key, f"found {paid.by_day_7:g}", f"allowed: up to by_day_30, which is {paid.by_day_30:g}"


def matrix_of(settings: Settings, segment: Segment, kind: str) -> RollMatrix | None:
    """Return the roll matrix of a segment's product: its own, else everybody's, else None."""
    own = getattr(segment.roll_rates, kind) if segment.roll_rates else None
    return own or getattr(settings.behaviour.roll_rates, kind)


def _roll_rates(settings: Settings) -> Iterator[Found]:
    for kind in PRODUCTS:
        shared = getattr(settings.behaviour.roll_rates, kind)
        if shared:
            yield from _matrix(shared, f"behaviour.roll_rates.{kind}")
        for name, segment in settings.segment.items():
            own = getattr(segment.roll_rates, kind) if segment.roll_rates else None
            if own:
                yield from _matrix(own, f"segment.{name}.roll_rates.{kind}")
            elif settings.behaviour.model == "roll_rates" and getattr(segment, f"{kind}_holders") and not shared:
                yield f"behaviour.roll_rates.{kind}", "missing", f"segment {name} holds {kind}s and needs a roll matrix"


def _matrix(roll: RollMatrix, path: str) -> Iterator[Found]:
    """Check the states of a roll matrix and its rows."""
    names = [state.name for state in roll.states]
    rows = [state for state in roll.states if state.bucket not in EXITS]
    if len(set(names)) < len(names):
        yield f"{path}.states", "two states of the same name", "give each state once"
    if roll.states[0].bucket != 0:
        yield f"{path}.states.0.bucket", f"found {roll.states[0].bucket!r}", "allowed: 0, new accounts start in it"
    rank = {"written_off": BUCKETS}  # worse than every bucket; where paid_off stands is left to the file
    buckets = [rank.get(state.bucket, state.bucket) for state in roll.states if state.bucket != "paid_off"]
    if buckets != sorted(buckets):
        yield f"{path}.states", "not in order", "give the states from best to worst, written_off after the buckets"
    key = "counts" if roll.counts is not None else "matrix"
    table = roll.counts if roll.counts is not None else roll.matrix
    if len(table) != len(rows):
        wanted = f"{len(rows)}, one for each state that is no exit: {', '.join(state.name for state in rows)}"
        yield f"{path}.{key}", f"{len(table)} rows", f"allowed: {wanted}"
        return
    for number, (state, row) in enumerate(zip(rows, table, strict=True)):
        where = f"{path}.{key}.{number}"
        if len(row) != len(names):
            found = f"row {state.name} has {len(row)} columns"
            yield where, found, f"allowed: {len(names)}, one for each state: {', '.join(names)}"
        elif key == "matrix":
            yield from _sum_to_one(row, where, f"row {state.name}:")
        elif sum(row) <= 0:
            yield where, f"row {state.name} counts nobody", "allowed: at least one count above 0"


def _economy(settings: Settings) -> Iterator[Found]:
    months = [point.month for point in settings.economy.path]
    if not months:
        return
    if months[0] != 1 or any(a >= b for a, b in pairwise(months)):
        yield "economy.path", f"months {months}", "allowed: rising months, the first of them 1"
    if months[-1] > (last := settings.months + settings.run_off_months):
        yield "economy.path", f"month {months[-1]}", f"allowed: up to {last}, the end of the run-off"


# ---- policies: only those in force are checked against each other ----------------------------------


def _policies(settings: Settings) -> Iterator[Found]:
    in_force = {name: policy for name, policy in settings.policy.items() if policy.enabled}
    for name, policy in in_force.items():
        yield from _one_policy(settings, policy, f"policy.{name}")
    for (_, one), (name, other) in product(in_force.items(), repeat=2):
        if one.kind == "write_off" and _meet(settings, one, other):
            yield from _with_write_off(one, other, f"policy.{name}")
    yield from _transfers(settings, in_force)


def _one_policy(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Check a policy against the run and against itself."""
    if policy.start > settings.months:
        yield f"{path}.start", f"found {policy.start}", f"allowed: up to {settings.months}, the months of the run"
    if policy.end is not None and policy.end < policy.start:
        yield f"{path}.end", f"found {policy.end}", f"allowed: {policy.start} (its start) or later"
    for segment in policy.segments or ():
        if segment not in settings.segment:
            yield f"{path}.segments", f"found {segment!r}", f"allowed: {', '.join(settings.segment)}"
    if policy.kind == "closure" and _days(policy.close_days_late) < _days(policy.freeze_days_late) < NEVER:
        found = f"closes at {policy.close_days_late} days late and freezes at {policy.freeze_days_late}"
        yield f"{path}.close_days_late", found, "allowed: close no sooner than freeze"
    if policy.kind == "npl_sale":
        last = settings.months + settings.run_off_months
        for month in policy.bulk_months:
            if not policy.start <= month <= min(last, policy.end or last):
                room = f"from {policy.start} to {min(last, policy.end or last)}, while the policy acts"
                yield f"{path}.bulk_months", f"found {month}", f"allowed: {room}"
        if policy.sell_from == "written_off" and not _anything_written_off(settings, policy):
            yield path, "sells written-off accounts, and nothing is ever written off", "enable a write_off policy"


def _transfers(settings: Settings, in_force: dict) -> Iterator[Found]:
    """Check insurance and joint lending: one loss is borne once, and the layers of cover are layers."""
    shared = {name: policy for name, policy in in_force.items() if policy.kind in ("credit_insurance", "joint_lending")}
    for name, policy in shared.items():
        path = f"policy.{name}"
        meeting = [other for other in in_force.values() if _meet(settings, policy, other)]
        insured = policy.kind == "credit_insurance"
        if insured and policy.cap is not None and policy.deductible > policy.cap:
            yield f"{path}.deductible", f"found {policy.deductible:g}", f"allowed: up to {policy.cap:g}, the cap"
        for other in meeting if insured else ():
            if other.kind == "npl_sale" and other.sell_from == "open" and _days(other.at_dpd) < policy.claim_dpd:
                found = f"claims at {policy.claim_dpd} DPD"
                yield f"{path}.claim_dpd", found, f"allowed: up to {other.at_dpd}, where open accounts are sold"
        # All shares are of the gross loss: of the unit of loss at which this cover begins, no more than one is borne.
        at = policy.deductible if insured else 0.0
        borne = sum(other.share for other in meeting if other in shared.values() and _bears(other, at))
        if borne > 1 + CLOSE:
            found = f"with those of other insurers and partners it is {borne:g}"
            yield f"{path}.share", found, "allowed: shares of one loss that sum to 1 or less"


def _bears(policy, at: float) -> bool:
    """Return whether a partner or insurer bears a part of the unit of loss at `at`, a share of the opening balance."""
    return policy.kind == "joint_lending" or policy.deductible <= at < (NEVER if policy.cap is None else policy.cap)


def _days(value) -> int:
    return NEVER if value == "never" else value


def _with_write_off(write_off, other, path: str) -> Iterator[Found]:
    """Check what acts on open accounts, or on written-off ones, against the write-off that takes them away."""
    gone, expired = _days(write_off.at_dpd), _days(write_off.expire_months)
    if other.kind == "npl_sale" and other.sell_from == "open" and gone <= _days(other.at_dpd) < NEVER:
        found = f"sells open accounts at {other.at_dpd} DPD"
        yield f"{path}.at_dpd", found, f"allowed: below {gone}, the write-off"
    if other.kind == "npl_sale" and other.sell_from == "written_off" and expired < _days(other.at_months) < NEVER:
        found = f"sells {other.at_months} months after write-off"
        yield f"{path}.at_months", found, f"allowed: up to {expired}, when the claim expires"
    if other.kind == "credit_insurance" and other.claim_dpd > gone:
        yield f"{path}.claim_dpd", f"claims at {other.claim_dpd} DPD", f"allowed: up to {gone}, the write-off"
    if other.kind == "limit_cut" and other.at_dpd >= gone:
        yield f"{path}.at_dpd", f"cuts limits at {other.at_dpd} DPD", f"allowed: below {gone}, the write-off"
    if other.kind == "closure":
        for key in ("freeze_days_late", "close_days_late"):
            if gone <= _days(days := getattr(other, key)) < NEVER:
                yield f"{path}.{key}", f"found {days}", f"allowed: below {gone}, the write-off, or never"


def _meet(settings: Settings, one, other) -> bool:
    """Return whether two policies act on some account in the same month."""
    segments = [set(policy.segments or settings.segment) for policy in (one, other)]
    start, end = max(one.start, other.start), min(one.end or NEVER, other.end or NEVER)
    return bool(start <= end and set(one.products) & set(other.products) and segments[0] & segments[1])


def _anything_written_off(settings: Settings, sale) -> bool:
    """Return whether some policy or roll matrix writes off accounts that `sale` may sell."""
    for policy in settings.policy.values():
        same = policy.kind == "write_off" and set(policy.products) & set(sale.products)
        if same and policy.enabled and _days(policy.at_dpd) < NEVER:
            return True
    rolls = [matrix_of(settings, segment, kind) for segment in settings.segment.values() for kind in sale.products]
    exits = {state.bucket for roll in rolls if roll for state in roll.states}
    return settings.behaviour.model == "roll_rates" and "written_off" in exits

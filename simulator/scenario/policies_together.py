"""Policies that exclude each other, or the world they are in. Only those in force are checked.

Every check yields (key path, what was found, what is allowed).
"""

from collections.abc import Iterator
from itertools import combinations, permutations

from simulator.policy.registry import code_of, policy_of
from simulator.scenario.schema import BUCKETS, EXITS, Settings, matrix_of

NEVER = 10**9
CLOSE = 1e-9  # how far a sum of shares may be from 1
ACTS_AT = {  # kind -> keys in days past due, or late, at which it acts on an account
    "bureau": ("report_days_late",),
    "closure": ("freeze_days_late", "close_days_late"),
    "credit_insurance": ("claim_dpd",),
    "limit_cut": ("at_dpd",),
    "npl_sale": ("at_dpd",),
    "write_off": ("at_dpd", "work_from_dpd"),
}
DEFAULTED = 3  # buckets
Found = tuple[str, str, str]


def policies_together(settings: Settings) -> Iterator[Found]:
    """Yield what is wrong with the policies in force."""
    in_force = {name: policy for name, policy in settings.policy.items() if policy.enabled}
    for name, policy in in_force.items():
        path = f"policy.{name}"
        with code_of(policy.kind, "contradictions"):
            own = [(f"{path}.{key}", str(found), str(allowed)) for key, found, allowed in policy.contradictions()]
        yield from own
        yield from _in_this_world(settings, policy, path)
        if policy.kind == "npl_sale":
            yield from _sale(settings, policy, path)
    for (first, one), (name, other) in combinations(in_force.items(), 2):
        if _meet(settings, one, other):
            yield from _alone(settings, one, other, first, f"policy.{name}")
    for (_, one), (name, other) in permutations(in_force.items(), 2):
        if one.kind == "write_off" and _meet(settings, one, other):
            yield from _with_write_off(one, other, f"policy.{name}")
    yield from _gaps(settings, {name: policy for name, policy in in_force.items() if policy.kind == "collections"})
    yield from _transfers(settings, in_force)


def _in_this_world(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Check a policy against the months, segments and behaviour of the run."""
    yield from in_this_run(settings, policy, path)
    if policy.reads_book and hasattr(policy_of(policy.kind), "terms"):
        found = f"{policy.kind} is settled after the run, and cannot depend on a month's book"
        yield f"{path}.when", found, "leave it out, or give the policy a start and an end"
    if settings.behaviour.model == "roll_rates":
        yield from _felt(settings, policy, path)


def in_this_run(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Yield what is wrong with the months and segments of a policy, of which nothing else is asked."""
    if policy.start > settings.months:
        yield f"{path}.start", f"found {policy.start}", f"allowed: up to {settings.months}, the months of the run"
    if policy.end is not None and policy.end < policy.start:
        yield f"{path}.end", f"found {policy.end}", f"allowed: {policy.start}, its start, or later"
    for segment in policy.segments or []:
        if segment not in settings.segment:
            yield f"{path}.segments", f"found {segment!r}", f"allowed: {', '.join(settings.segment)}"


def _felt(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Check that a roll-rate book can feel a policy: what it acts on is there."""
    from simulator.policy.levers import OF_APPLICANTS, OF_PEOPLE, acts_on  # numpy: only here is it needed

    units = settings.currency.minor_units
    if on := acts_on(policy, OF_PEOPLE, units):
        found = f"acts on {' and '.join(on)}, of which a roll matrix knows nothing"
        allowed = 'allowed with behaviour.model = "structural"; here leave it out, or its settings that act on that'
        yield f"{path}.kind", found, allowed
    if not settings.portfolio.applicants_per_month and (on := acts_on(policy, OF_APPLICANTS, units)):
        yield f"{path}.kind", f"acts on {' and '.join(on)}, and nobody applies", "give portfolio.applicants_per_month"
    latest = _latest(settings, policy)
    for key in ACTS_AT.get(policy.kind, ()):
        if latest < (_days(getattr(policy, key) or 0)) < NEVER:
            found, most = (
                f"found {getattr(policy, key)}",
                f"by their roll matrices accounts get to {latest} days past due",
            )
            yield f"{path}.{key}", found, f"allowed: up to {latest}; {most}"
    if getattr(policy, "income_cutoff", None) is not None:
        for name in policy.segments or settings.segment:
            if name in settings.segment and settings.segment[name].income is None:
                yield f"{path}.income_cutoff", f"segment {name} has no income", f"give segment.{name}.income"


def _latest(settings: Settings, policy) -> int:
    """Return the days past due that accounts a policy acts on get to by their roll matrices at most."""
    segments = [settings.segment[name] for name in policy.segments or settings.segment if name in settings.segment]
    rolls = [
        matrix for segment in segments for kind in policy.products if (matrix := matrix_of(settings, segment, kind))
    ]
    found = [0]
    for states in (matrix.states for matrix in rolls):
        buckets = [state.bucket for state in states if state.bucket not in EXITS]
        worst = BUCKETS - 1 if any(state.at_least for state in states) else max(buckets, default=0)
        lost = policy.kind == "credit_insurance" and any(state.bucket == "written_off" for state in states)
        found.append(30 * max(worst, DEFAULTED if lost else 0))  # who is written off has defaulted, however late
    return max(found)


def _alone(settings: Settings, one, other, first: str, path: str) -> Iterator[Found]:
    """Check two policies that meet: what only one of them may set, and the bands of sales."""
    last = settings.months + settings.run_off_months
    if one.kind != other.kind:
        return
    if one.kind == "closure":
        yield from _closures(one, other, first, path)
    with code_of(one.kind, "sole"):
        both = sorted({key for key, *_ in one.sole(last) & other.sole(last)})
    for key in both:
        allowed = "one policy at a time: give them different months, segments or products"
        yield f"{path}.{key}", f"set by policy.{first} too, for the same accounts", allowed
    if one.kind == "npl_sale" and (one.bands, one.band_factors) != (other.bands, other.band_factors):
        months = [set(sale.bulk_months or range(1, last + 1)) for sale in (one, other)]
        if "never" not in (one.threshold, other.threshold) and months[0] & months[1]:
            found = f"not those of policy.{first}, which sells in the same months"
            yield f"{path}.bands", found, "allowed: the same bands and band_factors, they hold for both books"


def _closures(one, other, first: str, path: str) -> Iterator[Found]:
    """Check that of two closures, of which the earlier days hold, one does not close before the other freezes."""
    for earlier, later, closes in ((other, one, True), (one, other, False)):
        close, freeze = _days(earlier.close_days_late), _days(later.freeze_days_late)
        if not close < freeze < NEVER or _days(earlier.freeze_days_late) < NEVER:
            continue
        if closes:
            yield f"{path}.close_days_late", f"closes at {close} days late", f"policy.{first} freezes at {freeze}"
        else:
            yield f"{path}.freeze_days_late", f"freezes at {freeze} days late", f"policy.{first} closes at {close}"


def _gaps(settings: Settings, ladders: dict) -> Iterator[Found]:
    """Check that ladders which meet leave no bucket unworked between them."""
    for name, ladder in ladders.items():
        worked = {bucket for other in ladders.values() if _meet(settings, ladder, other) for bucket in _worked(other)}
        own = _worked(ladder)
        lowest = min(own, default=0)
        if any(bucket < lowest for bucket in worked) and lowest - 1 not in worked:
            level = next(level for level in ladder.levels if ladder.levels[level].from_dpd == 30 * lowest)
            below = max(bucket for bucket in worked if bucket < lowest) + 1
            found = f"found {30 * lowest}: a gap, nobody works from {30 * below} DPD on"
            yield f"policy.{name}.levels.{level}.from_dpd", found, f"allowed: up to {30 * below}"


def _worked(ladder) -> set[int]:
    """Return the buckets in which a ladder works."""
    return {bucket for bucket, _, _ in ladder.worked()}


def _sale(settings: Settings, sale, path: str) -> Iterator[Found]:
    """Check that a sale happens while it acts, and that there is something to sell."""
    last = min(settings.months + settings.run_off_months, sale.end or NEVER)
    for month in sale.bulk_months:
        if not sale.start <= month <= last:
            allowed = f"allowed: from {sale.start} to {last}, while the policy acts"
            yield f"{path}.bulk_months", f"found {month}", allowed
    if sale.sell_from == "open" or _days(sale.threshold) == NEVER:
        return
    first = _first_written_off(settings, sale)
    if first is None:
        yield path, "sells written-off accounts, and nothing is ever written off", "enable a write_off policy"
    elif sale.bulk_months and not settings.portfolio.tape and max(sale.bulk_months) < first + sale.threshold:
        found = f"the last sale is in month {max(sale.bulk_months)}"
        allowed = f"allowed: from month {first + sale.threshold}; write-offs begin in month {first}"
        yield f"{path}.bulk_months", found, allowed


def _first_written_off(settings: Settings, sale) -> int | None:
    """Return the first month in which some policy or roll matrix may write off what `sale` sells; None if never."""
    starts = [
        policy.start
        for policy in settings.policy.values()
        if policy.kind == "write_off" and policy.enabled and _days(policy.at_dpd) < NEVER
        if _shared(settings, policy, sale)
    ]
    rolls = [matrix_of(settings, segment, kind) for segment in settings.segment.values() for kind in sale.products]
    exits = {state.bucket for roll in rolls if roll for state in roll.states}
    if settings.behaviour.model == "roll_rates" and "written_off" in exits:
        starts.append(1)
    return min(starts, default=None)


def _with_write_off(write_off, other, path: str) -> Iterator[Found]:
    """Check what acts on open accounts, or on written-off ones, against the write-off that takes them away."""
    gone, expired = _days(write_off.at_dpd), _days(write_off.expire_months)
    if other.kind == "npl_sale" and other.sell_from == "open" and gone <= _days(other.at_dpd) < NEVER:
        found = f"sells open accounts at {other.at_dpd} DPD"
        yield f"{path}.at_dpd", found, f"allowed: below {gone}, the write-off"
    if other.kind == "npl_sale" and other.sell_from == "written_off" and expired <= _days(other.at_months) < NEVER:
        found = f"sells {other.at_months} months after write-off"
        yield f"{path}.at_months", found, f"allowed: below {expired}, when the claim expires"
    if other.kind == "credit_insurance" and other.claim_dpd > gone:
        yield f"{path}.claim_dpd", f"claims at {other.claim_dpd} DPD", f"allowed: up to {gone}, the write-off"
    if other.kind == "limit_cut" and (other.at_dpd or 0) >= gone:
        yield f"{path}.at_dpd", f"cuts limits at {other.at_dpd} DPD", f"allowed: below {gone}, the write-off"
    if other.kind == "hardship" and gone < _days(other.offer_dpd) < NEVER:
        yield f"{path}.offer_dpd", f"found {other.offer_dpd}", f"allowed: up to {gone}, the write-off"
    if other.kind == "collections":
        for name, level in other.levels.items():
            if level.from_dpd >= gone:
                allowed = f"allowed: below {gone}, the write-off"
                yield f"{path}.levels.{name}.from_dpd", f"found {level.from_dpd}", allowed
    days = {"closure": ("freeze_days_late", "close_days_late"), "bureau": ("report_days_late",)}
    for key in days.get(other.kind, ()):
        if gone <= _days(late := getattr(other, key)) < NEVER:
            yield f"{path}.{key}", f"found {late}", f"allowed: below {gone}, the write-off, or never"


def _transfers(settings: Settings, in_force: dict) -> Iterator[Found]:
    """Check insurance and joint lending: one loss is borne once, and the layers of cover are layers."""
    for name, policy in in_force.items():
        path = f"policy.{name}"
        meeting = [other for other in in_force.values() if _meet(settings, policy, other)]
        if policy.kind == "joint_lending":
            yield from _borne_once(path, sum(other.share for other in meeting if other.kind == policy.kind), "partners")
            yield from _partner_of_insured(settings, path, policy, in_force)
        if policy.kind == "credit_insurance":
            if policy.cap is not None and policy.deductible > policy.cap:
                yield f"{path}.deductible", f"found {policy.deductible:g}", f"allowed: up to {policy.cap:g}, the cap"
            layers = [other for other in meeting if other.kind == policy.kind]
            # Of the unit of loss at which this cover begins, no more than one is borne.
            borne = sum(other.share for other in layers if _pays_at(other, policy.deductible))
            yield from _borne_once(path, borne, "insurers")
            for other in layers:
                if other.share > 0 and other.claim_dpd != policy.claim_dpd:
                    found = f"claims at {policy.claim_dpd} DPD, another layer at {other.claim_dpd}"
                    yield f"{path}.claim_dpd", found, "allowed: one trigger for all layers on the same accounts"
            for other in meeting:
                if other.kind == "npl_sale" and other.sell_from == "open" and _days(other.at_dpd) < policy.claim_dpd:
                    found = f"claims at {policy.claim_dpd} DPD"
                    yield f"{path}.claim_dpd", found, f"allowed: up to {other.at_dpd}, where open accounts are sold"


def _borne_once(path: str, borne: float, who: str) -> Iterator[Found]:
    if borne > 1 + CLOSE:
        found = f"with those of other {who} it is {borne:g}"
        yield f"{path}.share", found, "allowed: shares of one loss that sum to 1 or less"


def _partner_of_insured(settings: Settings, path: str, partner, in_force: dict) -> Iterator[Found]:
    """Refuse a partner that joins or leaves accounts once they are insured: what is insured would change hands too."""
    last = settings.months + settings.run_off_months
    for name, cover in in_force.items():
        if cover.kind == "credit_insurance" and partner.share > 0 and _shared(settings, partner, cover):
            if partner.start > cover.start:
                allowed = f"allowed: up to {cover.start}, where {name} begins to insure the same accounts"
                yield f"{path}.start", f"joins in month {partner.start}", allowed
            if cover.start <= (partner.end or last) < last:
                allowed = f"allowed: before {cover.start}, where {name} begins to insure the same accounts, or no end"
                if cover.start == 1:
                    allowed = f"allowed: no end, as {name} insures the same accounts from the start"
                yield f"{path}.end", f"leaves after month {partner.end}", allowed


def _pays_at(cover, at: float) -> bool:
    """Return whether an insurer bears a part of the unit of loss at `at`, a share of the opening balance."""
    return cover.deductible <= at < (NEVER if cover.cap is None else cover.cap)


def _meet(settings: Settings, one, other) -> bool:
    """Return whether two policies act on some account in the same month."""
    start, end = max(one.start, other.start), min(one.end or NEVER, other.end or NEVER)
    return start <= end and _shared(settings, one, other)


def _shared(settings: Settings, one, other) -> bool:
    """Return whether two policies act on some account, in whatever months."""
    segments = [set(policy.segments or settings.segment) for policy in (one, other)]
    return bool(set(one.products) & set(other.products) and segments[0] & segments[1])


def _days(value) -> int:
    return NEVER if value == "never" else value

"""Policies that exclude each other. Only those in force are checked.

What a kind of policy excludes is in its own file; here is what each of them meets, and what is asked of all. Every
check yields (key path, what was found, what is allowed).
"""

from collections.abc import Iterator
from itertools import combinations

from simulator.language.catalogue import kept
from simulator.model.layout import NEVER
from simulator.policy.others import Exits, Others
from simulator.policy.registry import code_of
from simulator.scenario.policy_in_run import in_this_world, segments_of
from simulator.scenario.schema import Settings, matrix_of

Found = tuple[str, str, str]


def policies_together(settings: Settings) -> Iterator[Found]:
    """Yield what is wrong with the policies in force."""
    in_force = {name: policy for name, policy in settings.policy.items() if policy.enabled}
    for name, policy in in_force.items():
        yield from _said(policy, name, "contradictions")
        yield from in_this_world(settings, policy, f"policy.{name}")
    for (first, one), (name, other) in combinations(in_force.items(), 2):
        if one.kind == other.kind and _meet(settings, one, other):
            yield from _alone(settings, one, other, first, f"policy.{name}")
    exits = {name: _exits(policy) for name, policy in in_force.items()}
    for name, policy in in_force.items():
        yield from _said(policy, name, "conflicts", _others(settings, in_force, name, exits))


def _said(policy, name: str, method: str, *given) -> list[Found]:
    """Return what a policy says is wrong, with the path of each key; its own code may be the user's."""
    with code_of(policy.kind, method):
        said = getattr(policy, method)(*given)
        return [(f"policy.{name}{key and f'.{key}'}", _text(found), _text(allowed)) for key, found, allowed in said]


def _text(said) -> str:
    """Return what a policy says as text; a sentence that knows how others say it stays one."""
    return said if isinstance(said, str) else str(said)


def _others(settings: Settings, in_force: dict, name: str, exits: dict[str, Exits]) -> Others:
    """Return what a policy in force meets in its scenario; `exits` are those of all in force."""
    policy, rest = in_force[name], {other: found for other, found in in_force.items() if other != name}
    sharing = {other: found for other, found in rest.items() if _shared(settings, policy, found)}
    meeting = {other: found for other, found in sharing.items() if _meet(settings, policy, found)}
    return Others(
        meeting=meeting,
        sharing=sharing,
        exits=Exits(*map(min, zip(Exits(), *(exits[other] for other in meeting), strict=True))),
        earlier=frozenset(list(in_force)[: list(in_force).index(name)]),
        months=settings.last_month,
        first_write_off=_first_write_off(settings, policy, {other: exits[other] for other in sharing}),
        from_tape=bool(settings.portfolio.tape),
        without_income=tuple(_without_income(settings, policy)),
        fraud=settings.behaviour.model == "structural"
        and any(getattr(settings.products, kind).fraud > 0 for kind in policy.products),
        late_stage=settings.behaviour.late is not None,
    )


def _exits(policy) -> Exits:
    """Return from when on accounts are gone by a policy, whose code may be the user's own."""
    with code_of(policy.kind, "exits"):
        return Exits(*policy.exits())


def _first_write_off(settings: Settings, policy, exits: dict[str, Exits]) -> int | None:
    """Return the first month in which what `policy` acts on may be written off, None if never.

    By others, of which `exits` are given, or by a roll matrix.
    """
    with_roll_rates = settings.behaviour.model == "roll_rates"
    months = [settings.policy[other].start for other, of in exits.items() if of.written_off < NEVER]
    rolls = [matrix_of(settings, segment, kind) for segment in settings.segment.values() for kind in policy.products]
    if with_roll_rates and any(state.bucket == "written_off" for roll in rolls if roll for state in roll.states):
        months.append(1)
    return min(months, default=None)


def _without_income(settings: Settings, policy) -> Iterator[str]:
    """Yield the segments a policy acts on in which nobody's income is known, as under a roll matrix none need be."""
    if settings.behaviour.model == "roll_rates":
        yield from (name for name, segment in segments_of(settings, policy).items() if segment.income is None)


def _alone(settings: Settings, one, other, first: str, path: str) -> Iterator[Found]:
    """Check what only one policy of a kind may set, where two of them meet."""
    with code_of(one.kind, "sole"):
        both = sorted({key for key, *_ in one.sole(settings.last_month) & other.sole(settings.last_month)})
    for key in both:
        allowed = kept("one policy at a time: give them different months, segments or products")
        yield f"{path}.{key}", kept("set by policy.{first} too, for the same accounts", first=first), allowed


def _meet(settings: Settings, one, other) -> bool:
    """Return whether two policies act on some account in the same month."""
    start, end = max(one.start, other.start), min(one.end or NEVER, other.end or NEVER)
    return start <= end and _shared(settings, one, other)


def _shared(settings: Settings, one, other) -> bool:
    """Return whether two policies act on some account, in whatever months."""
    segments = [set(policy.segments or settings.segment) for policy in (one, other)]
    return bool(set(one.products) & set(other.products) and segments[0] & segments[1])

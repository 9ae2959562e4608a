"""One policy in its run: months and segments that are there, and a book that can feel it.

Every check yields (key path, what was found, what is allowed).
"""

from collections.abc import Iterator

from simulator.model.layout import BUCKETS, NEVER
from simulator.policy.registry import code_of, policy_of
from simulator.scenario.schema import Settings, matrix_of

DEFAULTED = 3  # buckets
Found = tuple[str, str, str]


def in_this_world(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Yield what is wrong with a policy in force, given the months, segments and behaviour of the run."""
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
    with code_of(policy.kind, "acts_at"):
        late = [(key, days) for key, days in policy.acts_at().items() if latest < days < NEVER]
    for key, days in late:
        most = f"by their roll matrices accounts get to {latest} days past due"
        yield f"{path}.{key}", f"found {days}", f"allowed: up to {latest}; {most}"


def _latest(settings: Settings, policy) -> int:
    """Return the days past due that accounts a policy acts on get to by their roll matrices at most."""
    rolls = [
        matrix
        for segment in segments_of(settings, policy).values()
        for kind in policy.products
        if (matrix := matrix_of(settings, segment, kind))
    ]
    found = [0]
    for states in (matrix.states for matrix in rolls):
        buckets = [state.bucket for state in states if isinstance(state.bucket, int)]
        worst = BUCKETS - 1 if any(state.at_least for state in states) else max(buckets, default=0)
        lost = policy.insures and any(state.bucket == "written_off" for state in states)
        found.append(30 * max(worst, DEFAULTED if lost else 0))  # who is written off has defaulted, however late
    return max(found)


def segments_of(settings: Settings, policy) -> dict:
    """Return the segments a policy acts on by name, without those that are not there."""
    names = policy.segments or settings.segment
    return {name: settings.segment[name] for name in names if name in settings.segment}

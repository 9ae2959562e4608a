"""One policy in its run: months and segments that are there, and a book that can feel it.

Every check yields (key path, what was found, what is allowed).
"""

from collections.abc import Iterator
from functools import reduce

from simulator.language.catalogue import kept
from simulator.model.layout import BUCKETS, NEVER
from simulator.policy.registry import code_of, policy_of
from simulator.scenario.schema import Settings, matrix_of

DEFAULTED = 3  # buckets
Found = tuple[str, str, str]


def in_this_world(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Yield what is wrong with a policy in force, given the months, segments and behaviour of the run."""
    yield from in_this_run(settings, policy, path)
    if policy.reads_book and hasattr(policy_of(policy.kind), "terms"):
        found = kept("{kind} is settled after the run, and cannot depend on a month's book", kind=policy.kind)
        yield f"{path}.when", found, kept("leave it out, or give the policy a start and an end")
    if settings.behaviour.model == "roll_rates":
        yield from _felt(settings, policy, path)


def in_this_run(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Yield what is wrong with the months and segments of a policy, of which nothing else is asked."""
    if policy.start > settings.months:
        yield (
            f"{path}.start",
            kept("found {value}", value=policy.start),
            kept("allowed: up to {months}, the months of the run", months=settings.months),
        )
    if policy.end is not None and policy.end < policy.start:
        yield (
            f"{path}.end",
            kept("found {value}", value=policy.end),
            kept("allowed: {start}, its start, or later", start=policy.start),
        )
    for segment in policy.segments or []:
        if segment not in settings.segment:
            yield (
                f"{path}.segments",
                kept("found {value}", value=f"{segment!r}"),
                kept("allowed: {names}", names=", ".join(settings.segment)),
            )


def _felt(settings: Settings, policy, path: str) -> Iterator[Found]:
    """Check that a roll-rate book can feel a policy: what it acts on is there."""
    from simulator.policy.levers import OF_APPLICANTS, OF_PEOPLE, acts_on  # numpy: only here is it needed

    units = settings.currency.minor_units
    if on := acts_on(policy, OF_PEOPLE, units):
        found = kept("acts on {what}, of which a roll matrix knows nothing", what=_all(on))
        allowed = kept(
            'allowed with behaviour.model = "structural"; here leave it out, or its settings that act on that'
        )
        yield f"{path}.kind", found, allowed
    if not settings.portfolio.applicants_per_month and (on := acts_on(policy, OF_APPLICANTS, units)):
        yield (
            f"{path}.kind",
            kept("acts on {what}, and nobody applies", what=_all(on)),
            kept("give portfolio.applicants_per_month"),
        )
    latest = _latest(settings, policy)
    with code_of(policy.kind, "acts_at"):
        late = [(key, days) for key, days in policy.acts_at().items() if latest < days < NEVER]
    for key, days in late:
        most = kept("by their roll matrices accounts get to {latest} days past due", latest=latest)
        yield (
            f"{path}.{key}",
            kept("found {value}", value=days),
            kept("allowed: up to {latest}; {most}", latest=latest, most=most),
        )


def _all(names: list[str]) -> str:
    """Return "a and b and c" of words that are noted."""
    return reduce(lambda some, other: kept("{names} and {last}", names=some, last=other), map(kept, names))


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

"""Which lender a variant is compared with: the baseline, or another variant that its `against` names."""

from collections.abc import Iterator, Mapping

from simulator.model.errors import Problem, did_you_mean
from simulator.scenario.layers import Leaf
from simulator.scenario.scenario import BASELINE


def taken(deltas: dict, problems: list[Problem]) -> tuple[dict, dict[str, str]]:
    """Return the variants' deltas without `against`, and which other variant each names that names one.

    Appends to `problems` what is no name, names no variant or itself, or goes in a circle.
    """
    left, found = {}, {}
    for name, delta in deltas.items():
        if not isinstance(delta, dict) or "against" not in delta:
            left[name] = delta
            continue
        left[name] = {key: value for key, value in delta.items() if key != "against"}
        leaf, key = delta["against"], f"variant.{name}.against"
        if not isinstance(leaf, Leaf) or not isinstance(leaf.value, str):
            given = repr(leaf.value) if isinstance(leaf, Leaf) else "a table"
            file = leaf.file if isinstance(leaf, Leaf) else ""
            problems.append(Problem(file, key, f"found {given}", 'allowed: a variant, as in against = "cut_at_30"'))
        elif leaf.value == name:
            problems.append(Problem(leaf.file, key, "a variant against itself", "name another"))
        elif leaf.value not in (BASELINE, *deltas):
            known = (BASELINE, *(other for other in deltas if other != name))
            problems.append(
                Problem(leaf.file, key, f"no such variant: {leaf.value!r}", did_you_mean(leaf.value, known))
            )
        elif leaf.value != BASELINE:
            found[name] = leaf.value
    for circle in _circles(found):
        said = " -> ".join((*circle, circle[0]))
        file = deltas[circle[0]]["against"].file
        problems.append(
            Problem(file, f"variant.{circle[0]}.against", f"circular: {said}", "one must stand against the baseline")
        )
    return left, found


def _circles(against: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the circles in which variants stand against each other, each once."""
    seen: set[str] = set()
    for name in against:
        path = []
        while name in against and name not in seen:
            seen.add(name)
            path.append(name)
            name = against[name]
        if name in path:
            yield path[path.index(name) :]

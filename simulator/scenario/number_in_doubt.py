"""What a file says of a number in doubt: its range, how it is spread there, and what it moves with."""

from math import inf
from typing import Any, NamedTuple

from simulator.model.values import Unit, in_canonical_unit
from simulator.scenario.layers import Leaf

ROUNDING = 1e-9  # of correlations that are all of a number
SHAPES = {  # each with what its numbers must lie between
    "normal": (-inf, inf),
    "lognormal": (0.0, inf),
    "logit": (0.0, 1.0),
    "uniform": (-inf, inf),
    "triangular": (-inf, inf),
}
Wrong = tuple[str, str, str]  # (which key, what was found, what is allowed)


class InDoubt(NamedTuple):
    """The range in the canonical unit, as in `Provenance`; empty where nothing is said, or where it is wrong."""

    range: tuple = ()
    shape: str = ""
    group: tuple[tuple[str, float], ...] = ()


CERTAIN = InDoubt()


def in_doubt(leaf: Leaf, value: Any, unit: Unit, currency: str) -> tuple[InDoubt, list[Wrong]]:
    """Return what `leaf` says of the doubt about its `value` in the canonical unit, and what is wrong."""
    wrong: list[Wrong] = []
    ends = () if leaf.range is None else _range(leaf, value, unit, currency, wrong)
    for name in ("shape", "group"):
        if getattr(leaf, name) is not None and leaf.range is None:
            wrong.append((name, f"a {name} without a range", "give its range = [low, high] too"))
    if wrong or not ends:
        return CERTAIN, wrong
    shape = "" if leaf.shape is None else _shape(leaf, value, ends, wrong)
    group = () if leaf.group is None else _group(leaf, wrong)
    return InDoubt(ends, shape, group), wrong


def _range(leaf: Leaf, value: Any, unit: Unit, currency: str, wrong: list[Wrong]) -> tuple:
    """Return the range of `value`, both in the canonical unit."""
    given, several = leaf.range, isinstance(value, list)
    by_member = several and isinstance(given, list) and all(isinstance(end, list) for end in given)
    if several and not all(isinstance(member, (int, float)) for member in value):
        wrong.append(("range", "a range of a table of numbers", "allowed: of a number, or of a list of numbers"))
        return ()
    sizes = [len(value)] * 2 if by_member else []
    ends = [_each(end) for end in given] if isinstance(given, list) else []
    is_mixed = not by_member and ends and any(isinstance(end, list) for end in given)
    if len(ends) != 2 or is_mixed or not all(is_number(member) for end in ends for member in (end, *end)):
        wanted = "[low, high]"
        if several:
            wanted += f", two lists of {len(value)} numbers, or two numbers that multiply all members"
        wrong.append(("range", f"found {given!r}", f"allowed: {wanted}"))
        return ()
    if sizes and [len(end) for end in ends] != sizes:
        found = f"lists of {len(ends[0])} and {len(ends[1])} for a list of {len(value)}"
        wrong.append(("range", found, "give an end for each member"))
        return ()
    written = leaf.value if by_member else [1.0 if several else leaf.value]
    if not all(low <= middle <= high for low, middle, high in zip(ends[0], written, ends[1], strict=True)):
        what = "1, as it multiplies the list" if several and not by_member else f"the value, which is {leaf.value!r}"
        wrong.append(("range", f"found {given!r}", f"allowed: an interval around {what}"))
        return ()
    if several and not by_member:
        return tuple(given)
    try:
        return tuple(in_canonical_unit(ends if by_member else given, leaf.unit, unit, currency))
    except ValueError:  # told of the value
        return ()


def _shape(leaf: Leaf, value: Any, ends: tuple, wrong: list[Wrong]) -> str:
    """Return how `value` is spread over its range, `ends` of which is right."""
    if leaf.shape not in SHAPES:
        wrong.append(("shape", f"found {leaf.shape!r}", f"allowed: {', '.join(SHAPES)}"))
        return ""
    by_factor = isinstance(value, list) and not isinstance(ends[0], list)
    low, high = SHAPES[leaf.shape]
    if not all(low < number < high for part in (*ends, 1.0 if by_factor else value) for number in _each(part)):
        room = f"numbers above {low:g}" + (f" and below {high:g}" if high < inf else "")
        wrong.append(("shape", f"found {leaf.shape!r} of {leaf.range!r}", f"allowed: of {room}"))
    return leaf.shape


def _group(leaf: Leaf, wrong: list[Wrong]) -> tuple[tuple[str, float], ...]:
    """Return the groups that a number moves with, and its correlation with each."""
    found = {leaf.group: 1.0} if isinstance(leaf.group, str) else leaf.group
    allowed = 'group = "name", or its correlation with each, as in group = { name = -0.6 }'
    if isinstance(found, dict) and found and all(name.strip() for name in found):
        shares = found.values()
        are_numbers = all(is_number(share) and not isinstance(share, list) for share in shares)
        if are_numbers and sum(share * share for share in shares) <= 1 + ROUNDING:
            return tuple((name, float(share)) for name, share in found.items())
        allowed = "correlations from -1 to 1, the squares of which add up to at most 1"
    wrong.append(("group", f"found {leaf.group!r}", f"allowed: {allowed}"))
    return ()


def _each(value: Any) -> list:
    """Return the members of a list, or a number as one of one; the list is the caller's own."""
    return [*value] if isinstance(value, list) else [value]


def is_number(value: Any) -> bool:
    """Return whether a value is a number, or a list that begins with one."""
    if isinstance(value, list):
        return bool(value) and is_number(value[0])
    return isinstance(value, (int, float)) and not isinstance(value, bool)

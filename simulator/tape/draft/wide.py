"""Columns that are one for each month: their common name, and which months or numbers there are."""

import re
from typing import NamedTuple

_DATED = re.compile(
    r"(?P<before>.*?)(?P<year>(?:19|20)\d{2})(?P<sign>[-_./年 ]?)(?P<month>0[1-9]|1[0-2])(?P<after>\D*)"
)
_NUMBERED = re.compile(r"(?P<before>.*?\D)(?P<number>\d{1,3})")
FEW = 2


class Group(NamedTuple):
    """Columns of one kind, by month."""

    name: str  # with {year} and {month}, or {number}
    columns: list[str]  # in the order of months, or of numbers
    numbers: list[int]  # empty where they are dated


def groups(names: list[str]) -> list[Group]:
    """Return the groups of columns by month; those with dates where there are any, else those with numbers."""
    dated: dict[str, dict[str, str]] = {}
    numbered: dict[tuple[str, int], dict[int, str]] = {}
    for name in names:
        if found := _DATED.fullmatch(name):
            form = f"{found['before']}{{year}}{found['sign']}{{month}}{found['after']}"
            dated.setdefault(form, {})[found["year"] + found["month"]] = name
        elif found := _NUMBERED.fullmatch(name):
            digits = len(found["number"]) if found["number"].startswith("0") and len(found["number"]) > 1 else 0
            numbered.setdefault((found["before"], digits), {})[int(found["number"])] = name
    made = [Group(form, [own[m] for m in sorted(own)], []) for form, own in dated.items() if len(own) >= FEW]
    if made:
        return made
    for (before, digits), own in _padded(numbered).items():
        if len(own) > FEW:
            number = f"{{number:0{digits}}}" if digits else "{number}"
            made.append(Group(before + number, [own[n] for n in sorted(own)], sorted(own)))
    return made


def _padded(numbered: dict[tuple[str, int], dict[int, str]]) -> dict[tuple[str, int], dict[int, str]]:
    """Return the groups with those of two digits beside those that begin with 0: M09 and M10 are of one kind."""
    made = dict(numbered)
    for (before, digits), own in numbered.items():
        if digits and (more := made.get((before, 0))) and all(len(str(n)) == digits for n in more):
            made[before, digits] = own | more
            del made[before, 0]
    return made

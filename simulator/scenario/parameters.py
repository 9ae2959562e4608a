"""Every value in force as a table: its unit, where it comes from, and how the variants differ."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from simulator.language.catalogue import noted, say
from simulator.policy.why import in_a_row
from simulator.scenario.layers import ON_TOP
from simulator.scenario.resolved import QUANTITIES, difference, plain
from simulator.scenario.scenario import BASELINE, Scenario

WIDE = 120  # columns that hold the longest keys and their values side by side
STATUSES = (
    noted("assumptions"),
    noted("said by the file's author"),
    noted("from a source"),
    noted("without a source: switches, sizes, defaults"),
)
OURS = ("neutral default", *ON_TOP.values())  # sources that no user wrote
AUTHOR = "author of "  # a file that gives a value without a source
_ABOUT = ("unit", "range", "source", "status")


def table(scenario: Scenario, width: int = WIDE):
    """Return a rich table with a row for each value of the baseline; under it, one for each variant that differs.

    A column of ranges only where some value has one. On a terminal of less `width` than WIDE columns keys are folded,
    and ranges stand with their values, so that these have room.
    """
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=scenario.baseline.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    narrow = width < WIDE
    shown.add_column("key", overflow="fold", no_wrap=not narrow, max_width=3 * width // 8 if narrow else None)
    every = list(rows(scenario))
    at = _ABOUT.index("range")
    ranged = any(about[at] for _, _, *about in every)
    told = [place for place, head in enumerate(_ABOUT) if head != "range" or (ranged and not narrow)]
    for head in ("value and range" if ranged and narrow else "value", *(_ABOUT[place] for place in told)):
        shown.add_column(head, overflow="fold", min_width=width // 8 if narrow else None)
    for key, value, *all_about in every:
        about = [all_about[place] for place in told]
        value = f"{value} {all_about[at]}".rstrip() if narrow else value
        variant, _, name = key.partition(": ")
        if name:
            shown.add_row(Text(f"  {variant}", style="italic"), *map(Text, (value, *about)))
        else:
            shown.add_row(*map(Text, (key, value, *about)))
    return shown


def rows(scenario: Scenario) -> Iterator[tuple[str, ...]]:
    """Yield (key, value, unit, range, source, status) of every value; a variant's key is "variant: key".

    A world's is "world NAME: key".
    """
    baseline = plain(scenario.baseline, scenario.provenance)
    changed: dict[str, list[tuple[str, ...]]] = {}
    layers = {name: plain(own, scenario.variant_provenance[name]) for name, own in scenario.variants.items()}
    layers |= {f"world {name}": plain(own.baseline, own.provenance) for name, own in scenario.worlds.items()}
    for name, tables in layers.items():
        delta = difference(baseline, tables)
        for key, *row in _flat(delta):
            changed.setdefault(key, []).append((f"{name}: {key}", *row))
    for key, *row in _flat(baseline):
        yield key, *row
        yield from changed.pop(key, ())
    for left in changed.values():  # what only a variant or a world has
        yield from left


def _flat(node: dict, path: str = "") -> Iterator[tuple[str, ...]]:
    """Yield (key, value, unit, range, source, status) of the tables that `plain` gives, depth first."""
    for key, value in node.items():
        here = f"{path}.{key}" if path else key
        if value in ("", [], {}):
            continue
        if not isinstance(value, dict):
            yield here, in_words(value), *[""] * len(_ABOUT)
        elif "value" in value and "distribution" not in value:
            yield here, in_words(value["value"]), *_about(value)
        elif "distribution" in value and not any(isinstance(member, dict) for member in value.values()):
            numbers = {k: v for k, v in value.items() if k not in ("distribution", *_ABOUT)}
            words = f"{value['distribution']}: {in_words(numbers)}"
            yield here, words, *_about(value)
        else:
            yield from _flat(value, here)


def _about(value: dict) -> Iterator[str]:
    """Yield (unit, range, source, status) of a value; with its range its shape and its group, if it has them."""
    for name in _ABOUT:
        words = in_words(value.get(name, ""))
        if name == "range":
            group = f"group {in_words(value['group'])}" if "group" in value else ""
            words = ", ".join(filter(None, (words, value.get("shape", ""), group)))
        yield words


class Setting(NamedTuple):
    """A value in force: a number, a truth, a text or a list, and what is said about it."""

    key: str
    lender: str  # the baseline, which others share it with; or the variant, or "world NAME", that has another
    value: Any
    unit: str = ""
    range: tuple = ()  # (low, high); of lists two lists
    source: str = ""
    status: str = ""
    spread: str = ""  # in words: how it is spread in its range, and what it moves with


def settings(tables: Mapping[str, Any]) -> Iterator[Setting]:
    """Yield every value of a resolved scenario, as the tables of its TOML have them: each number by itself.

    First those of the baseline in their order, then of each variant and world what differs.
    """
    yield from _settings({key: value for key, value in tables.items() if key not in ("variant", "world")}, BASELINE)
    for name, delta in tables.get("variant", {}).items():
        yield from _settings(delta, name)
    for name, delta in tables.get("world", {}).items():
        yield from _settings(delta, f"world {name}")


def _settings(node: Mapping[str, Any], lender: str, path: str = "") -> Iterator[Setting]:
    """Yield the values of tables, depth first; those of a distribution have in common what is said of it."""
    said = node if "distribution" in node else {}
    for key, value in node.items():
        here = f"{path}.{key}" if path else key
        if value in ("", [], {}) or (said and key in _ABOUT):
            continue
        if isinstance(value, dict) and "value" in value and "distribution" not in value:
            yield from _members(here, lender, value["value"], _said_of(value))
        elif isinstance(value, dict):
            yield from _settings(value, lender, here)
        else:
            about = _said_of(said) if key in (*QUANTITIES, "high", "min", "max", "sd", "sigma") else {}
            yield from _members(here, lender, value, about | {"unit": ""} if key == "sigma" else about)


def _members(key: str, lender: str, value: Any, about: dict[str, Any]) -> Iterator[Setting]:
    """Yield the setting of a value; of a list of tables those of the values in them."""
    if isinstance(value, list) and any(isinstance(member, dict) for member in value):
        for place, member in enumerate(value):
            for name, one in member.items() if isinstance(member, dict) else [("", member)]:
                yield from _members(f"{key}.{place}.{name}".rstrip("."), lender, one, about)
    else:
        yield Setting(key, lender, value, **about)


def _said_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table says of its value, by the names of a `Setting`."""
    group = say("group {group}", group=in_words(value["group"])) if "group" in value else ""
    shape = say(value["shape"]) if "shape" in value else ""
    words = {name: value.get(name, "") for name in ("unit", "source", "status")}
    spread = in_a_row([part for part in (shape, group) if part])
    return words | {"range": tuple(value.get("range", ())), "spread": spread}


class Differing(NamedTuple):
    """A value that is not the same in two scenarios; None where one has none."""

    key: str
    lender: str
    a: Setting | None
    b: Setting | None


def differing(a: Mapping[str, Any], b: Mapping[str, Any], ranges: bool = False) -> list[Differing]:
    """Return the values that are not the same in two resolved scenarios; with `ranges` those count too.

    In the order of the first, then what only the second has. What a variant or a world that is in both does not say
    itself is the baseline's; one that is in one alone is left out.
    """
    each = [{(one.lender, one.key): one for one in settings(tables)} for tables in (a, b)]
    known = [{BASELINE, *t.get("variant", ()), *(f"world {name}" for name in t.get("world", ()))} for t in (a, b)]
    found = []
    for lender, key in dict.fromkeys((*each[0], *each[1])):
        if lender in known[0] & known[1]:
            one, other = (in_force.get((lender, key)) or in_force.get((BASELINE, key)) for in_force in each)
            if _compared(one, ranges) != _compared(other, ranges):
                found.append(Differing(key, lender, one, other))
    return found


def _compared(one: Setting | None, ranges: bool) -> tuple[Any, ...]:
    """Return what of a setting is compared."""
    if one is None:
        return ()
    return (one.value, one.unit, *((one.range, one.spread) if ranges else ()))


def in_words(value) -> str:
    """Return a value as it would stand in a scenario file, without the braces and quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.12g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(in_words, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {in_words(member)}" for key, member in value.items())
    return str(value)


def status_of(one: Setting) -> str:
    """Return which of STATUSES a value has."""
    if one.status == "assumption" or one.source.startswith("assumption"):
        return STATUSES[0]
    if one.source and not one.status:
        return STATUSES[1]
    return STATUSES[2] if one.source else STATUSES[3]


def unit_words(unit: str) -> str:
    """Return a unit in the language that is spoken, with the currency in it."""
    code, _, per = unit.partition(" ")
    if not re.fullmatch("[A-Z]{3}", code):
        return say(unit)
    return say(f"{{money}} {per}".strip(), money=say(code))


def measured(number: str, unit: str) -> str:
    """Return a number with its unit, if it has one, in the language that is spoken."""
    return say("{number} {unit}", number=number, unit=unit_words(unit)) if unit else number


def source_words(source: str) -> str:
    """Return where a value is from in the language that is spoken; what a user wrote as it is."""
    if source in OURS:
        return say(source)
    author = source.removeprefix(AUTHOR)
    return source if author == source else say("author of {file}", file=author)

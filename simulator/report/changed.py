"""What a variant changes against the scenario as written, in words: whose setting, from what to what, with units."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from math import floor, log10
from typing import Any, NamedTuple

from pydantic import BaseModel

from simulator.analysis.measures import SHARE
from simulator.language.catalogue import CHINESE, say, spoken
from simulator.policy.labels import choice_label, is_default, labels_of
from simulator.policy.registry import in_words as kind_in_words
from simulator.report import phrasing
from simulator.scenario.parameters import Setting, measured, settings
from simulator.scenario.scenario import BASELINE
from simulator.scenario.variants import SILENT

MOST_CHANGES = 3  # of a variant's settings that are told
MOST_MEMBERS = 3  # of a list that are told
FIGURES = 4  # significant digits of a number that has many
SWITCH, POLICY = "enabled", "policy"
UNNAMED = ("kind", "source", SWITCH)  # keys of a policy that its own words leave out
RATES = ("per day", "per month", "per year")
PLAIN = ("multiplier", "count", "number", "")  # units that say nothing beside a number


class Change(NamedTuple):
    """A setting that a variant changes: of which policy or other part, what it is called, what is told of it."""

    of: str
    setting: str  # empty: that the policy is switched
    told: str

    def __str__(self) -> str:
        """Return setting and what is told of it."""
        return say("{setting} {told}", setting=self.setting, told=self.told) if self.setting else self.told


def changes(tables: Mapping[str, Any], policies: Mapping[str, Mapping[str, BaseModel]]) -> dict[str, list[str]]:
    """Return by variant what it changes, a line for each policy: "closure: days late when frozen 30 → 7".

    Of a policy that it switches on the settings that are not the usual ones. `tables` are those of the resolved
    scenario, `policies` the settings of every lender's policies by name. Of more than MOST_CHANGES changes the first
    are told, and how many there are more.
    """
    own: dict[str, dict[str, Setting]] = {}
    for one in settings(tables):
        if one.key.rpartition(".")[2] not in SILENT:
            own.setdefault(one.lender, {})[one.key] = one
    now = own.pop(BASELINE, {})
    of_variants = {name: own.get(name, {}) for name in tables.get("variant", {})}
    return {name: _lines(list(_changes(now, some, policies.get(name, {})))) for name, some in of_variants.items()}


def _lines(found: list[Change]) -> list[str]:
    """Return a line for each policy, and one for what is left out."""
    lines = []
    for of, some in groupby(found[:MOST_CHANGES], key=lambda one: one.of):
        told = [str(one) for one in some]
        lines.append(say("{name}: {words}", name=of, words=phrasing.joined(told)) if of else told[0])
    more = len(found) - MOST_CHANGES
    return [*lines, say("and {count} more", count=more)] if more > 0 else lines


def _changes(now: Mapping[str, Setting], own: Mapping[str, Setting], policies) -> Iterator[Change]:
    """Yield what is changed, in the order of the scenario."""
    called = policies_called(policies)
    told = set()
    for key in own:
        part, _, rest = key.partition(".")
        name = rest.partition(".")[0]
        if part != POLICY or name not in policies:
            yield Change("", _plain(key), _moved(now.get(key), own[key], _plain(key)))
        elif name not in told:
            told.add(name)
            yield from _of_policy(f"{POLICY}.{name}.", called[name], policies[name], now, own)


def _of_policy(path: str, called: str, policy, now: Mapping[str, Setting], own: Mapping[str, Setting]):
    """Yield what is changed of one policy."""
    before, after = (_below(path, some) for some in (now, own))
    was = bool(before) and (before[SWITCH].value if SWITCH in before else True)
    if was and not policy.enabled:
        yield Change(called, "", say("off"))
        return
    if policy.enabled and not was:  # all that it is, not only what the variant says of it
        after = {
            key: one
            for key, one in (before | after).items()
            if key not in UNNAMED and not is_default(policy, key, one.value)
        }
        before = {}
        if not after:
            yield Change(called, "", say("on"))
    for key, one in after.items():
        if key not in UNNAMED:
            label = " · ".join(labels_of(policy, key)[-2:])
            yield Change(called, label, _moved(before.get(key), one, label, policy, key))


def policies_called(policies: Mapping[str, Any]) -> dict[str, str]:
    """Return what people call the policies of a lender by name: with their names where words are the same."""
    words = {name: kind_in_words(policy.kind) for name, policy in policies.items()}
    times = Counter(words.values())
    return {
        name: say("{policy} ({name})", policy=said, name=name) if times[said] > 1 else said
        for name, said in words.items()
    }


def _below(path: str, some: Mapping[str, Setting]) -> dict[str, Setting]:
    return {key.removeprefix(path): one for key, one in some.items() if key.startswith(path)}


def _plain(key: str) -> str:
    return " · ".join(key.replace("_", " ").split("."))


def _moved(before: Setting | None, after: Setting, label: str, policy=None, key: str = "") -> str:
    """Return "30 → 7", with the unit where the label does not say it."""
    said = {
        "days past due": say("days|in a label"),
        "months": say("months|in a label"),
        "day of the month": say("day|in a label"),
    }.get(after.unit)
    unit = "" if said and said in label else after.unit
    is_part = unit.startswith(SHARE) or unit in RATES or _is_money(unit)  # a sign or word of every number

    def words(value, unit=unit) -> str:
        if isinstance(value, list):
            shown = [words(member, unit) for member in value[:MOST_MEMBERS]]
            return phrasing.in_a_row([*shown, "…"] if len(value) > MOST_MEMBERS else shown)
        if isinstance(value, str) and policy and value != "never":
            return choice_label(policy, key, value)
        return value_in_words(value, unit)

    return f"{words(before.value, unit if is_part else '')} → {words(after.value)}" if before else words(after.value)


def _is_money(unit: str) -> bool:
    return len(unit) == 3 and unit.isupper()


def value_in_words(value: Any, unit: str) -> str:
    """Return the value of a setting with its unit: a share in per cent, an amount with its currency."""
    if isinstance(value, bool):
        return say("on") if value else say("off")
    if isinstance(value, str):
        return say("never") if value == "never" else value
    if unit.startswith(SHARE):
        return _number(100 * value) + say("\u00a0%")
    text = _number(value)
    if unit in RATES:
        return measured(_number(100 * value) + say("\u00a0%"), unit)
    if unit.startswith("days"):
        return say("{number} day", number=text) if value == 1 else say("{number} days", number=text)
    if unit == "months":
        return say("{number} month", number=text) if value == 1 else say("{number} months", number=text)
    if _is_money(unit):
        money = phrasing.CURRENCY_WORDS.get(unit, unit)
        return f"{text}{phrasing.NO_BREAK}{money}" if spoken() == CHINESE else f"{unit}{phrasing.NO_BREAK}{text}"
    return text if unit in PLAIN else measured(text, unit)


def _number(value: float) -> str:
    """Return a number as it is, one of many digits to FIGURES of them, with a true minus sign."""
    text = f"{value:,.12g}"
    if "." in text and len(text.strip("-0.").replace(".", "")) > FIGURES:
        text = f"{value:,.{max(0, FIGURES - 1 - floor(log10(abs(value))))}f}"
    return text.replace("-", phrasing.MINUS)

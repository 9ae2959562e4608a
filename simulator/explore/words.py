"""The page's words and numbers, in the language that is spoken."""

import re
from dataclasses import replace
from functools import reduce
from math import floor, isfinite, log10

from simulator.analysis.measures import MEASURES, SHARE
from simulator.analysis.measures.registry import YEARLY
from simulator.explore.controls import Control, Value
from simulator.language.catalogue import CHINESE, retold, say, spoken
from simulator.model.errors import UserError
from simulator.policy.labels import choice_label, labels_of
from simulator.policy.registry import in_words
from simulator.policy.why import capital
from simulator.report.changed import policies_called
from simulator.report.figures.scale import DIGITS, Scale
from simulator.report.phrasing import CURRENCY_WORDS, MINUS, NO_BREAK, plain, ten_thousands
from simulator.scenario.scenario import AS_WRITTEN, BASELINE
from simulator.scenario.schema import Settings

OF_A_POLICY = re.compile(r"(variant\.[^.]+\.)?policy\.(?P<name>[^.]+)(\.(?P<below>.+))?")  # a key in a problem
OF_THE_RUN = ("start", "end")  # settings that are a month of the run, not a number of months


def number(value: float, decimals: int, signed: bool = False) -> str:
    """Return a number with thousands separators, a true minus, and a plus if it is signed; a dash if there is none."""
    if not isfinite(value):
        return "–"
    text = plain(value, decimals)
    return f"+{text}" if signed and value > 0 and text.strip("0.,") else text


def span(low: float, high: float, scale: Scale) -> str:
    """Return an interval in its scale, without the unit; nothing where there is none."""
    if not (isfinite(low) and isfinite(high)):
        return ""
    return say("{low} to {high}", low=scale.plain(low), high=scale.plain(high))


def level(measure: str, value: float, currency: str) -> str:
    """Return a measure's level with its unit."""
    if MEASURES[measure].unit in (SHARE, YEARLY):
        return per_cent(value)
    return amount(value, currency)


def per_cent(share: float) -> str:
    """Return a share in per cent, to DIGITS digits."""
    if not isfinite(share):
        return "–"
    return f"{number(100 * share, _decimals(100 * share))}{'' if spoken() == CHINESE else NO_BREAK}%"


def amount(value: float, currency: str, beside: float = 0.0) -> str:
    """Return an amount of money in a sentence, to DIGITS digits; in the unit of a larger one that it is beside."""
    if not isfinite(value):
        return "–"
    if spoken() != CHINESE:
        return f"{MINUS if value < 0 else ''}{currency}{NO_BREAK}{number(abs(_rounded(value)), 0)}"
    largest = max(abs(value), beside)
    size, word = ten_thousands(largest)
    told = _to_the_place(value, largest) if beside else _rounded(value)
    return f"{number(told / size, _decimals(largest / size))}{NO_BREAK}{word}{_chinese(currency)}"


def between(low: float, high: float, currency: str, is_beside: bool = False) -> str:
    """Return an interval of amounts in a sentence, both ends in one unit.

    Where it `is_beside` an amount its currency has been told, which in English stands before a number.
    """
    if not (isfinite(low) and isfinite(high)):
        return "–"
    largest = max(abs(low), abs(high))
    if spoken() != CHINESE:
        ends = [number(_to_the_place(end, largest), 0) for end in (low, high)]
        if is_beside:
            return say("{low} to {high}", low=ends[0], high=ends[1])
        return say("{currency} {low} to {high}", currency=currency, low=ends[0], high=ends[1])
    size, word = ten_thousands(largest)
    ends = [number(_to_the_place(end, largest) / size, _decimals(largest / size)) for end in (low, high)]
    return say("{currency} {low} to {high}", currency=f"{word}{_chinese(currency)}", low=ends[0], high=ends[1])


def _to_the_place(value: float, largest: float) -> float:
    """Return a number rounded at the place at which the larger one has DIGITS digits."""
    place = floor(log10(largest)) - DIGITS + 1 if largest else 0
    return round(value, -place) if place > 0 else value


def measure_in_words(measure: str) -> str:
    """Return what the page calls a measure."""
    return capital(say(MEASURES[measure].label))


def cause_in_words(measure: str) -> str:
    """Return the cause that a measure of BAD_DEBT is of."""
    return capital(say(MEASURES[measure].short))


def lender_in_words(name: str, title: str) -> str:
    """Return what the page calls a lender that one may start from."""
    return say("Baseline") if name == BASELINE else title


def world_in_words(name: str, title: str) -> str:
    """Return what the page calls a world."""
    return say("As written") if name == AS_WRITTEN else title


def policy_in_words(kind: str) -> str:
    """Return what the page calls a kind of policy."""
    return capital(in_words(kind))


def policies_in_words(lender: Settings) -> dict[str, str]:
    """Return what the page calls the policies of a lender by name: with their names where words are the same."""
    return {name: capital(called) for name, called in policies_called(lender.policy).items()}


def setting_in_words(control: Control, lender: Settings) -> str:
    """Return what the page calls a setting; of the member of a list that member."""
    return capital(labels_of(lender.policy[control.policy], control.below)[-1])


def table_in_words(control: Control, lender: Settings) -> str:
    """Return what the page calls the tables and the list that a setting is in; nothing if it is the policy's own."""
    return " · ".join(labels_of(lender.policy[control.policy], control.below)[:-1])


def cautions_in_words(cautions: list[str]) -> list[str]:
    """Return cautions as the page says them."""
    return [say("Caution: {caution}", caution=retold(said)) for said in cautions]


def retold_error(error: UserError) -> str:
    """Return every problem of an error on a line of its own."""
    problems = (replace(one, found=retold(one.found), allowed=retold(one.allowed)) for one in error.problems)
    return "\n".join(map(str, problems))


def refusal_in_words(error: UserError, lender: Settings) -> str:
    """Return why settings of a lender cannot be, each of them by what the page calls it."""
    policies = policies_in_words(lender)
    said = []
    for problem in error.problems:
        parts = [retold(part) for part in (problem.found, problem.allowed) if part]
        why = say("{found}; {allowed}", found=parts[0], allowed=parts[1]) if len(parts) > 1 else "".join(parts)
        known = OF_A_POLICY.fullmatch(problem.key)
        if known is None or known["name"] not in policies:
            said.append(say("{setting}: {why}", setting=problem.key, why=why) if problem.key else why)
        elif known["below"] is None:
            said.append(say("{setting}: {why}", setting=policies[known["name"]], why=why))
        else:
            setting = " · ".join(labels_of(lender.policy[known["name"]], known["below"]))
            said.append(say("{policy}, {setting}: {why}", policy=policies[known["name"]], setting=setting, why=why))
    return reduce(lambda some, other: say("{some}; {next}", some=some, next=other), said)


def value_in_words(control: Control, value: Value, lender: Settings) -> str:
    """Return the value of a control with its unit."""
    currency = lender.currency.code
    if isinstance(value, bool):
        return say("on") if value else say("off")
    if isinstance(value, str):
        return say("never") if value == "never" else choice_label(lender.policy[control.policy], control.below, value)
    unit = control.unit.replace("{money}", currency)
    if unit == SHARE:
        return f"{number(100 * value, _needed(100 * value))}{'' if spoken() == CHINESE else NO_BREAK}%"
    text = number(value, 0 if isinstance(value, int) else _needed(value))
    if "days" in unit:
        return say("{number} day", number=text) if value == 1 else say("{number} days", number=text)
    if control.name in OF_THE_RUN:
        return say("month {number}", number=text)
    if unit == "months":
        return months_in_words(value)
    if unit.startswith(currency):
        return f"{text}{NO_BREAK}{_chinese(currency)}" if spoken() == CHINESE else f"{currency}{NO_BREAK}{text}"
    return text


def months_in_words(months: float) -> str:
    """Return a number of months."""
    text = number(months, _needed(months))
    return say("{number} month", number=text) if months == 1 else say("{number} months", number=text)


def _chinese(code: str) -> str:
    return CURRENCY_WORDS.get(code, code)


def _rounded(value: float) -> float:
    """Return a number rounded to DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def _decimals(value: float) -> int:
    """Return with how many decimals a number of this size has DIGITS digits."""
    return min(4, max(0, DIGITS - 1 - floor(log10(abs(value))))) if value and isfinite(value) else 0


def _needed(value: float) -> int:
    """Return how many decimals a number needs to stand as it is, 6 at most."""
    return next((k for k in range(6) if abs(round(value, k) - value) < 1e-9 * max(1.0, abs(value))), 6)

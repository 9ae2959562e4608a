"""The page as it is first sent: every control where the question has it, and what the script needs to know."""

import json
from itertools import groupby
from typing import Any, NamedTuple

from simulator.explore.controls import SWITCH, Control, Value, value_at
from simulator.explore.question import Explored, Question, text_of
from simulator.explore.words import (
    cautions_in_words,
    lender_in_words,
    months_in_words,
    policy_in_words,
    setting_in_words,
    table_in_words,
    value_in_words,
    world_in_words,
)
from simulator.language.catalogue import ENGLISH, say, spoken
from simulator.policy.why import capital
from simulator.scenario.scenario import AS_WRITTEN
from simulator.scenario.schema import Settings


class Shown(NamedTuple):
    """A control as the page shows it."""

    key: str
    label: str
    within: str
    about: str  # the schema's words, where the page is in their language
    kind: str  # "slider", "switch" or "choice"
    stops: list[tuple[str, str]]  # as the address has it, in words
    at: int  # of the stops
    home: int  # of the lender that one starts from


class Block(NamedTuple):
    """Controls that stand together: the members of a list under its name and key, or one setting without either."""

    title: str
    key: str
    order: int  # 1 if the members have to rise, -1 if they have to fall
    controls: list[Shown]
    is_open: bool


class Group(NamedTuple):
    """A policy: its kind in words, its name in the file, its switch, its other controls, whether it is shown open."""

    title: str
    name: str
    switch: Shown
    blocks: list[Block]
    is_open: bool


def page(explored: Explored, question: Question) -> str:
    """Return the page of a question, in the language that is spoken."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("simulator.explore", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scenario = explored.scenario
    worlds = [(name, world_in_words(name, one.baseline.title)) for name, one in scenario.every_world.items()]
    horizons = explored.horizons(question)
    return environment.get_template("page.html.j2").render(
        say=say,
        language=spoken(),
        title=scenario.baseline.title,
        size=_size(explored),
        cautions=cautions_in_words(explored.cautions(question)),
        starts=[(name, lender_in_words(name, explored.lender(name).title)) for name in explored.starts],
        worlds=worlds if len(worlds) > 1 else [],
        question=question,
        horizons=[(str(months), months_in_words(months)) for months in horizons],
        horizon=horizons.index(question.months),
        horizon_home=horizons.index(explored.home.months),
        groups=_groups(explored, question),
        data=_embedded(_data()),
        as_written=AS_WRITTEN,
    )


def _size(explored: Explored) -> str:
    """Return how large the opening book is."""
    if explored.book:
        said = explored.book.report
        return say(
            "{accounts} accounts of {borrowers} borrowers, from the tape",
            accounts=f"{said['accounts']:,}",
            borrowers=f"{said['borrowers']:,}",
        )
    return say("{borrowers} borrowers", borrowers=f"{explored.scenario.baseline.portfolio.borrowers:,}")


def _groups(explored: Explored, question: Question) -> list[Group]:
    """Return the policies in the order of the file."""
    lender, values = explored.lender(question.start), explored.values(question)
    own = explored.values(Question(question.start, question.world, question.months))
    baseline, variants = explored.scenario.baseline, explored.scenario.variants.values()
    told = {key for key in explored.controls if any(value_at(v, key) != value_at(baseline, key) for v in variants)}
    groups: dict[str, list[Block]] = {}
    there = [control for key, control in explored.controls_of(question).items() if key in values]
    for (policy, above), members in groupby(there, lambda one: (one.policy, one.list or one.key)):
        controls = list(members)
        shown = [_shown(one, values[one.key], own[one.key], lender) for one in controls]
        first, is_open = controls[0], any(one.key in told or one.at != one.home for one in shown)
        title = capital(table_in_words(first, lender)) if first.list else ""
        groups.setdefault(policy, []).append(Block(title, above, first.order, shown, is_open))
    return [
        Group(
            policy_in_words(lender.policy[name].kind),
            name,
            next(one for block in blocks for one in block.controls if _is_switch(one)),
            [block for block in blocks if not _is_switch(block.controls[0])],
            any(block.is_open for block in blocks),
        )
        for name, blocks in groups.items()
    ]


def _is_switch(shown: Shown) -> bool:
    """Return whether a control is that of the whole policy."""
    return shown.key.endswith(f".{SWITCH}")


def _shown(control: Control, value: Value, home: Value, lender: Settings) -> Shown:
    """Return a control with a value, and the value that the lender one starts from has."""
    kind = "switch" if control.is_switch else "choice" if control.is_choice else "slider"
    return Shown(
        control.key,
        setting_in_words(control, lender),
        "" if control.list else table_in_words(control, lender),
        control.about if spoken() == ENGLISH else "",
        kind,
        [(text_of(stop), value_in_words(control, stop, lender)) for stop in control.stops],
        control.stops.index(value),
        control.stops.index(home),
    )


def _data() -> dict[str, Any]:
    """Return what the script needs: the words that it says itself."""
    words = {
        "month": say("month of lending"),
        "lost": say("The connection is lost: is the command still running?"),
        "saved": say("Saved as a scenario"),
        "report": say("Full report"),
        "written": say("Written: {path}", path="{path}"),
        "lived": say(
            "{path} is lived: the variant of these settings against the baseline, with every replication of the file.",
            path="{path}",
        ),
        "made": say("The report is in {folder}.", folder="{folder}"),
        "failed": say("It could not be done: {why}", why="{why}"),
    }
    return {"language": spoken(), "words": words}


def _embedded(data: dict[str, Any]) -> str:
    """Return data as JSON that no page can take for markup."""
    text = json.dumps(data, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text

"""A page of words, tables and pictures that opens offline: the reports of estimates, which compare no policies."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from simulator.language.catalogue import BOTH, CHINESE, ENGLISH, LANGUAGES, retold, say, speaking, spoken
from simulator.model.errors import check_names
from simulator.report import phrasing
from simulator.report.picture import Picture as Picture

CODES = {ENGLISH: "en", CHINESE: "zh-CN"}  # of the attribute lang
_DRAWING = re.compile(r"(<svg.*?</svg>)", re.DOTALL)
_IN_TEXT = "(?=[^<>]*<)"  # the next sign of a tag opens one
_QUOTED = re.compile(rf"(?<=[\u3000-\u9fff\uff00-\uffef])(?=“){_IN_TEXT}|(?<=”)(?=[\u3400-\u9fff]){_IN_TEXT}")
OWN_NAMES = {ENGLISH: "English", CHINESE: "中文"}


class Table(NamedTuple):
    """Rows of cells under a head, and a note below. A cell is text, or (text, what stands small under it)."""

    head: tuple[str, ...]
    rows: Sequence[tuple[str | tuple[str, str], ...]]
    note: str = ""


class Section(NamedTuple):
    """One heading with what stands under it: words first, then pictures, then tables."""

    title: str
    words: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


def template(name: str):
    """Return the Jinja template of that name beside this file; what it does not know is an error."""
    return _environment().get_template(name)


@cache
def _environment():
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    known = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known.globals |= {"say": _said, "gap": phrasing.gap}
    known.filters |= {
        "told": retold,
        "named": phrasing.named,
        "code": CODES.__getitem__,
        "own_name": OWN_NAMES.__getitem__,
    }
    return known


def _said(english: str, /, **slots: Any):
    """Return a sentence as part of a page: its own words as they are, what fills its slots escaped."""
    from markupsafe import Markup, escape

    return Markup(
        say(english, **{name: escape(slot) if isinstance(slot, str) else slot for name, slot in slots.items()})
    )


def languages_of(language: str) -> tuple[str, ...]:
    """Return the languages that a page in `language`, one of LANGUAGES or BOTH, is in; UserError of another."""
    check_names("language", [language], (*LANGUAGES, BOTH))
    return LANGUAGES if language == BOTH else (language,)


def asked(language: str) -> list[str]:
    """Return the words of a command that asks for a page in a language."""
    return [] if language == ENGLISH else ["--language", language]


def in_each(languages: Iterable[str], body: Callable[[str], Any]) -> list[tuple[str, Any]]:
    """Return (language, what `body` gives of it while it is spoken) of each."""
    found = []
    for language in languages:
        with speaking(language):
            found.append((language, body(language)))
    return found


def page(title: str, bodies: list[tuple[str, str]], has_script: bool = False) -> str:
    """Return a page of HTML that has a body in each of some languages, and a switch if they are several."""
    from markupsafe import Markup

    attributes = {}
    for language, _ in bodies:
        with speaking(language):
            lang = f' lang="{CODES[language]}"' if len(bodies) > 1 else ""
            words = f' data-copy="{say("Copy as numbers")}" data-copied="{say("Copied")}"'
            attributes[language] = Markup(lang + (words if has_script and language != ENGLISH else ""))
    each = [(language, Markup(body if language == ENGLISH else breakable(body))) for language, body in bodies]
    slots = {"title": title, "bodies": each, "attributes": attributes}
    has_figures = any("<figure" in body for _, body in bodies)
    return template("page.html.j2").render(**slots, has_script=has_script, has_figures=has_figures)


def breakable(body: str) -> str:
    """Return a body in Chinese whose lines may break before and after what is quoted, as browsers do not by themselves.

    In its text alone, not in tags or drawings.
    """
    parts = _DRAWING.split(body)
    return "".join(part if k % 2 else _QUOTED.sub("<wbr>", part) for k, part in enumerate(parts))


def paper(
    title: str,
    setting: str,
    answers: list[str],
    warnings: list[str],
    sections: list[Section],
    facts,
    cautions: Sequence[str] = (),
) -> str:
    """Return the page in the language that is spoken. It begins with `cautions` and the answers; `facts` are
    (name, value) of how it was made.
    """
    return page(title, [(spoken(), sheet(title, setting, answers, warnings, sections, facts, cautions))])


def sheet(
    title: str,
    setting: str,
    answers: list[str],
    warnings: list[str],
    sections: list[Section],
    facts,
    cautions: Sequence[str] = (),
) -> str:
    """Return what stands on such a page, for `page`."""
    said = {"cautions": cautions, "answers": answers, "warnings": warnings, "sections": sections, "facts": facts}
    return template("paper.html.j2").render(title=title, setting=setting, **said)

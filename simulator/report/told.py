"""A page as it was told, in every language, as plain data: of questions whose answers are in no table whole.

Words and drawings are kept, not numbers: what a question finds hangs together in ways that only its own room knows. The
page around them is made anew.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simulator.language.catalogue import ENGLISH, LANGUAGES, retold, spoken
from simulator.report.finding import Command, Finding
from simulator.report.paper import Picture, Section, Table, in_each, languages_of, page, sheet
from simulator.report.picture import Data, Panel
from simulator.system.folders import MANIFEST, spoiled, write_json

HTML = "html"  # key of a text that has tags
FILE, FORMAT = "page.json", "as told 1"  # another one is not read


class Told(NamedTuple):
    """What stands on a page but for how it was made, in one language."""

    title: str
    setting: str
    answers: Sequence[str]
    cautions: Sequence[str]
    sections: Sequence[Section]

    def body(self, manifest: dict[str, Any]) -> str:
        """Return it for a page, with the manifest at its end."""
        facts = facts_told(manifest)
        return sheet(self.title, self.setting, list(self.answers), [], list(self.sections), facts, self.cautions)

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the page in the language that is spoken."""
        return page(self.title, [(spoken(), self.body(manifest))])


def facts_told(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a page says at its end of how it was made."""
    return [(str(name).replace("_", " "), str(value)) for name, value in manifest.items()]


def write_told(folder: Path, tell: Callable[[], Told]) -> None:
    """Write what `tell` says in every language into `folder`."""
    told = dict(in_each(LANGUAGES, lambda _: tell()))
    each = {name: _as_data(one) for name, one in told.items()}
    write_json(folder / FILE, {"format": FORMAT, "told": each}, indent=None)


def _as_data(said: Any) -> Any:
    """Return what was told as JSON has it: tuples are lists there, and a text that has tags says so."""
    if isinstance(said, str):
        return {HTML: str(said)} if hasattr(said, "__html__") else str(said)
    return [_as_data(one) for one in said] if isinstance(said, Sequence) else said


def _of_data(kept: Any) -> Any:
    """Return what `_as_data` kept, in lists."""
    from markupsafe import Markup

    if isinstance(kept, dict):
        return Markup(kept[HTML])
    return [_of_data(one) for one in kept] if isinstance(kept, list) else kept


def _told_of(kept: Any) -> Told:
    """Return what was told, from its data."""
    title, setting, answers, cautions, sections = _of_data(kept)
    return Told(title, setting, answers, cautions, [_section_of(*one) for one in sections])


def _section_of(title, words, pictures, tables) -> Section:
    drawn = [
        Picture(name, svg, caption, finding, [Panel(*panel) for panel in panels], Data(*data) if data else None)
        for name, svg, caption, finding, panels, data in pictures
    ]
    return Section(title, words, drawn, [Table(*table) for table in tables])


class ToldAgain(Finding):
    """The page of a question that was saved, made again from its folder: nothing is simulated."""

    def __init__(self, folder: Path, manifest: dict[str, Any], told: dict[str, Any], language: str | None = None):
        """Take a folder with its manifest and what it was told; the page is in `language`, by default its own."""
        words = shlex.split(manifest["replay"])
        own = words[words.index("--language") + 1] if "--language" in words[:-1] else ENGLISH
        self.folder, self.manifest, self._told = folder, manifest, told
        self.languages = languages_of(own if language is None else language)
        options = ("--language", language) if language is not None else ()
        self.command = Command(("report", str(folder)), options)

    @classmethod
    def of(cls, folder: Path, language: str | None = None) -> "ToldAgain | None":
        """Return the page of a folder that keeps what was told; None of any other."""
        if spoiled(folder) or not (folder / FILE).is_file():
            return None
        kept = json.loads((folder / FILE).read_bytes())
        if kept.get("format") != FORMAT:
            return None
        return cls(folder, json.loads((folder / MANIFEST).read_bytes()), kept["told"], language)

    def told(self, language: str) -> Told:
        """Return what was told, in a language."""
        return _told_of(self._told[language])

    @property
    def facts(self) -> dict[str, Any]:
        """What the manifest says: that of the question, but for its files and its command."""
        left = ("files", "replay", "command", "date", "versions", "cpu", "system")
        own = {key: value for key, value in self.manifest.items() if key not in left}
        run = {key: self.manifest.get(key) for key in ("replay", "date")}
        return {"made_from": {"folder": str(self.folder), **run}, **own}

    @property
    def cautions(self) -> list[str]:
        """What must be known before any number."""
        return [retold(said) for said in self.told(spoken()).cautions]

    @property
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences."""
        return [said.striptags() if hasattr(said, "striptags") else said for said in self.told(spoken()).answers]

    def page(self, manifest: dict[str, Any]) -> str:
        """Return the page as HTML, with the manifest of the question at its end."""
        run = {key: value for key, value in self.manifest.items() if key != "files"}
        bodies = in_each(self.languages, lambda language: self.told(language).body(run))
        return page(self.told(self.languages[0]).title, bodies)

    def write_tables(self, folder: Path) -> None:
        """Write nothing: the tables lie in the folder that it is made from."""

"""What every answer has in common that is no comparison: words first, numbers in files, a page, a folder of its own."""

import shlex
from abc import ABC, abstractmethod
from codecs import BOM_UTF8
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from simulator.language.catalogue import ENGLISH, noted, retold, say, speaking
from simulator.report.paper import Picture
from simulator.system.folders import Place, placed


class Command(NamedTuple):
    """The command line that gives the same again: its words, and the options that stand after `--out`."""

    words: tuple[str, ...]
    options: tuple[str, ...] = ()

    def replay(self, folder: Path) -> str:
        """Return the line that writes into `folder`."""
        return shlex.join(["simulator", *self.words, "--out", str(folder), *self.options])


class Finding(ABC):
    """What a question has found: numbers in fields of its own, the same in words, and all of it in a folder."""

    command: Command

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the manifest says of what was asked: of the records, the scenario, the sizes."""

    @property
    @abstractmethod
    def cautions(self) -> list[str]:
        """What must be known before any number."""

    @property
    @abstractmethod
    def answers(self) -> list[str]:
        """What a reader wants to know first, in sentences."""

    @abstractmethod
    def page(self, manifest: dict[str, Any]) -> str:
        """Return the report as HTML; `manifest` is shown at its end."""

    @abstractmethod
    def write_tables(self, folder: Path) -> None:
        """Write every file but the report into `folder`."""

    @property
    def report(self) -> str:
        """The report as one page of HTML that opens offline."""
        return self.page({})

    @property
    def opened(self) -> list[tuple[str, str]]:
        """What is opened first in a saved folder: what it is, and the file."""
        return [(noted("report"), "report.html")]

    def save(
        self, folder: str | Path | Place, overwrite: bool = False, *, csv_bom: bool = False, language: str = ENGLISH
    ) -> Path:
        """Write everything into `folder`, whole or not at all, and return it; UserError as `Place` raises it.

        With `csv_bom` its CSV files begin with a byte order mark, by which Excel knows that they are UTF-8. The page is
        in `language`, as far as its question is asked in it; tables keep their English names.
        """
        place = placed(folder, overwrite)
        with speaking(language):
            command = {"command": self.command.words[0], "replay": self.command.replay(place.folder)}

        def files(partial: Path, manifest: dict[str, Any]) -> None:
            self.write_tables(partial)
            for table in partial.glob("*.csv") if csv_bom else ():
                table.write_bytes(BOM_UTF8 + table.read_bytes())
            with speaking(language):
                page = self.page(manifest)
            (partial / "report.html").write_text(page, encoding="utf-8")

        place.write(files, command | self.facts)
        return place.folder

    @property
    def drawn(self) -> Picture | None:
        """The one picture that says most, for a notebook; None if there is none."""
        return None

    def _repr_html_(self) -> str:
        """Return it for a notebook: cautions, answers, and the picture that says most."""
        told = [f"<p><b>{escape(line)}</b></p>" for line in self._cautions_told]
        told += [f"<p>{escape(line)}</p>" for line in self.answers]
        drawn = self.drawn
        return "".join([*told, drawn._repr_html_() if drawn else ""])

    def __repr__(self) -> str:
        """Return cautions and answers, a line each."""
        return "\n".join([type(self).__name__, *self._cautions_told, *self.answers])

    @property
    def _cautions_told(self) -> list[str]:
        return [say("Caution: {caution}", caution=retold(said)) for said in self.cautions]

"""A page of words, tables and pictures that opens offline: the reports of estimates, which compare no policies."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple


class Picture(NamedTuple):
    """A figure: its title, inline SVG, and a caption that says what to see."""

    title: str
    svg: str
    caption: str

    def save(self, path: str | Path) -> None:
        """Write it as an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")

    def __repr__(self) -> str:
        """Return title and caption: the drawing itself is endless."""
        return f"{self.title}: {self.caption}"

    def _repr_html_(self) -> str:
        """Return it for a notebook, with its caption."""
        return f"<figure>{self.svg}<figcaption>{escape(self.caption)}</figcaption></figure>"


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
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def paper(
    title: str,
    setting: str,
    answers: list[str],
    warnings: list[str],
    sections: list[Section],
    facts,
    cautions: Sequence[str] = (),
) -> str:
    """Return the page. It begins with `cautions` and the answers; `facts` are (name, value) of how it was made."""
    said = {"cautions": cautions, "answers": answers, "warnings": warnings, "sections": sections, "facts": facts}
    return template("paper.html.j2").render(title=title, setting=setting, **said)

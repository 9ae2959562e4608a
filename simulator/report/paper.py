"""A page of words, tables and pictures that opens offline: the reports of estimates, which compare no policies."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from simulator.model.errors import Problem, UserError, path_of
from simulator.system.inputs import reason


class Picture(NamedTuple):
    """A figure: its title, inline SVG, and a caption that says what to see."""

    title: str
    svg: str
    caption: str

    def save(self, path: str | Path) -> None:
        """Write it as an SVG file, in the place of one that is there; UserError if it cannot be written."""
        path = path_of("path", path)
        if path.suffix.lower() not in ("", ".svg"):
            raise UserError(Problem(str(path), "", f"no {path.suffix} is drawn", "allowed: a name that ends in .svg"))
        try:
            path.write_text(self.svg, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UserError(Problem(str(path), "", f"cannot be written: {reason(error)}")) from None

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

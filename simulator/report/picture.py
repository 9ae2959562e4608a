"""A figure: what it finds in a sentence, its drawing in panels, how to read it, and the numbers that are drawn."""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from simulator.language.catalogue import say
from simulator.model.errors import Problem, UserError, path_of
from simulator.report.canvas import FONTS, SIZE, fitted
from simulator.report.colours import INK, PAPER, SOFT, themed
from simulator.system.inputs import reason

ABREAST = 960  # pixels within which panels of a saved picture stand beside each other
GAP, HEAD, TITLE = 24, 22, 34  # between panels, above each for its heading, above all for the title


class Panel(NamedTuple):
    """One of the drawings of a figure, with its heading; a `colour` is that of the lender it is of.

    Those of another `group` than the one before begin a new row, under its name.
    """

    heading: str
    svg: str
    colour: str = ""
    group: str = ""


class Data(NamedTuple):
    """The numbers of a figure: a head, and rows of text in which a number is as it is copied, but for its minus."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def html(self) -> str:
        """Return the table in HTML, without the ends of rows and cells, which need none."""
        head = "".join(f"<th>{escape(name)}" for name in self.head)
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in self.rows)
        return f"<table><thead><tr>{head}<tbody>{rows}</table>"

    def tsv(self) -> str:
        """Return what is copied: cells between tabs, the minus as a keyboard has it."""
        return "\n".join("\t".join(row) for row in (self.head, *self.rows)).replace("\u2212", "-")


class Picture(NamedTuple):
    """A figure: its title, SVG, and a caption that says how to read it.

    `svg` is all of it, as a file has it; in a page its `panels` flow beside each other, if it has any. `finding` says
    what is to be seen, `data` are the numbers behind it.
    """

    title: str
    svg: str
    caption: str
    finding: str = ""
    panels: Sequence[Panel] = ()
    data: Data | None = None

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
        said = f"<p>{escape(self.finding)}</p>" if self.finding else ""
        return f"<figure>{said}{self.svg}<figcaption>{escape(self.caption)}</figcaption></figure>"

    def html(self) -> str:
        """Return it for a page, in whose colours it is: finding, drawing, caption, buttons, and the numbers folded."""
        said = f'<p class="finding">{escape(self.finding)}</p>' if self.finding else ""
        tools = [f'<button type="button" data-do="save">{escape(say("Save image"))}</button>']
        numbers = ""
        if self.data:
            tools.insert(0, f'<button type="button" data-do="copy">{escape(say("Copy data"))}</button>')
            numbers = (
                f'<details class="data"><summary>{escape(say("Show data"))}</summary><div class="scroll" tabindex="0">'
                f"{self.data.html()}</div></details>"
            )
        return (
            f'<figure aria-label="{escape(self.title)}" data-copied="{escape(say("Copied"))}">{said}{self._drawn()}'
            f'<figcaption>{escape(self.caption)}</figcaption><p class="tools" hidden>{" ".join(tools)}</p>{numbers}'
            "</figure>"
        )

    def _drawn(self) -> str:
        """Return the drawing for a page."""
        if not self.panels:
            return f'<div class="wide" tabindex="0">{themed(self.svg)}</div>'
        width = max(_size(panel.svg)[0] for panel in self.panels)
        shown = []
        for k, panel in enumerate(self.panels):
            if panel.group and (k == 0 or panel.group != self.panels[k - 1].group):
                shown.append(f"<h3>{escape(panel.group)}</h3>")
            shown.append(f'<div class="panel">{_headed(panel)}{themed(panel.svg)}</div>')
        return f'<div class="panels" style="--panel: {width:.0f}px">{"".join(shown)}</div>'


def pictured(title: str, panels: Sequence[Panel], caption: str, finding: str, data: Data) -> Picture:
    """Return the figure of some panels, and all of them together as one SVG, which a file has."""
    return Picture(title, together(title, panels), caption, finding, tuple(panels), data)


def together(title: str, panels: Sequence[Panel]) -> str:
    """Return panels in rows under a title, as one SVG."""
    sizes = [_size(panel.svg) for panel in panels]
    wide, high = (max(size[k] for size in sizes) for k in range(2))
    columns = max(1, min(len(panels), int((ABREAST + GAP) // (wide + GAP))))
    width = columns * (wide + GAP) - GAP
    marks = [f'<text y="18" fill="{INK}" font-size="16" font-weight="600">{escape(fitted(title, width, 16))}</text>']
    x, y, group = -wide - GAP, float(TITLE), panels[0].group
    for panel in panels:
        x += wide + GAP
        if panel.group != group or x + wide > width:
            x, y, group = 0.0, y + high + HEAD + GAP, panel.group
        if panel.colour:
            marks.append(f'<rect x="{x:g}" y="{y + 3:g}" width="10" height="10" rx="2" fill="{panel.colour}"/>')
        begins = x + (16 if panel.colour else 0)
        head = escape(fitted(": ".join(filter(None, (panel.group, panel.heading))), wide))
        marks.append(f'<text x="{begins:g}" y="{y + 12:g}" fill="{INK}" font-weight="600">{head}</text>')
        inner = re.sub(r"^<svg[^>]*>|</svg>$", "", panel.svg)
        marks.append(f'<g transform="translate({x:g} {y + HEAD:g})">{inner}</g>')
    height = y + high + HEAD + GAP
    said = escape("; ".join(re.findall(r'aria-label="([^"]*)"', "".join(panel.svg for panel in panels))), quote=False)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-12 -8 {width + 24:g} {height + 8:g}" role="img" '
        f'aria-label="{said}" font-family="{FONTS}" font-size="{SIZE}" fill="{SOFT}" style="background: {PAPER}">'
        f"{''.join(marks)}</svg>"
    )


def _headed(panel: Panel) -> str:
    """Return the heading of a panel, with the colour of its lender."""
    if not panel.heading:
        return ""
    swatch = f'<i class="swatch" style="background: {themed(panel.colour)}"></i>' if panel.colour else ""
    return f"<h4>{swatch}{escape(panel.heading)}</h4>"


def _size(svg: str) -> tuple[float, float]:
    """Return the width and height of a drawing."""
    _, _, width, height = re.search(r'viewBox="([^"]*)"', svg)[1].split()  # type: ignore[index]
    return float(width), float(height)

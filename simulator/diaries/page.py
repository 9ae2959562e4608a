"""What a diary looks like: in a terminal, in a notebook, and as plain text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rich.console import RenderableType

SAME = "the same"


@dataclass(frozen=True)
class Row:
    """A month of the borrower under a variant."""

    month: int  # 0 is the opening
    variant: str
    text: str
    state: tuple[int, ...]  # N_STATE integers at the end of the month, columns as in `model.layout`
    flows: np.ndarray  # int64[product, N_FLOWS]
    differs: bool  # from the first variant, in what is said of the month


@dataclass(frozen=True)
class Entry:
    """Some months told together: a text for each variant, and whether it differs from the first variant's."""

    first: int
    last: int
    texts: tuple[str, ...]
    differs: tuple[bool, ...]

    def cells(self) -> list[str]:
        """Return the months, and a text for each variant, the others' only where it differs from the first."""
        when = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        others = [text if new else SAME for text, new in zip(self.texts[1:], self.differs[1:], strict=True)]
        return [when, self.texts[0], *others]


@dataclass(frozen=True, repr=False)
class Diary:
    """The months of one borrower; prints as a table in a terminal and in a notebook."""

    title: str
    who: tuple[str, ...]  # what is known of the borrower, one line each
    findings: tuple[str, ...]  # of each variant but the first: from when on it differs, and how
    variants: tuple[str, ...]
    called: tuple[str, ...]  # what each is called where it is shown
    rows: tuple[Row, ...]  # every month of every variant
    entries: tuple[Entry, ...]  # the same with quiet months together
    totals: tuple[str, ...]  # of each variant

    def __rich__(self) -> "RenderableType":
        """Return the diary for a terminal."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("month", justify="right", no_wrap=True)
        for name in self.called:
            table.add_column(name, ratio=1, overflow="fold")
        for entry in self.entries:
            when, first, *others = entry.cells()
            cells = [Text(text, "dim" if text == SAME else "yellow") for text in others]
            table.add_row(Text(when, "yellow" if any(entry.differs) else ""), Text(first), *cells)
        table.add_row("in all", *(Text(text, "bold") for text in self.totals))
        head = [Text(self.title, "bold"), *(Text(line) for line in self.who), Text("")]
        found = [Text(line, "yellow") for line in self.findings]
        return Group(*head, *found, *([Text("")] if found else []), table)

    def __repr__(self) -> str:
        """Return title and findings: all months of it are endless."""
        return "\n".join([self.title, *self.findings])

    def __str__(self) -> str:
        """Return the diary as plain text, one line for each entry and variant."""
        lines = [self.title, *self.who, "", *self.findings, ""]
        for entry in self.entries:
            when, *cells = entry.cells()
            lines += [f"{when} {name}: {text}" for name, text in zip(self.called, cells, strict=True)]
        return "\n".join(lines + [f"in all {name}: {t}" for name, t in zip(self.called, self.totals, strict=True)])

    def _repr_html_(self) -> str:
        """Return the diary for a notebook."""

        def row(tag: str, cells: Sequence[str], marked: Collection[int] = ()) -> str:
            marks = [' style="background: #fff3c4"' if i in marked else "" for i in range(len(cells))]
            return "".join(f"<{tag}{m}>{escape(cell)}</{tag}>" for cell, m in zip(cells, marks, strict=True))

        lines = [row("th", ["month", *self.called])]
        for entry in self.entries:
            lines.append(row("td", entry.cells(), [i + 1 for i, new in enumerate(entry.differs) if new]))
        lines.append(row("th", ["in all", *self.totals]))
        about = "".join(f"<p>{escape(line)}</p>" for line in (*self.who, *self.findings))
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<h3>{escape(self.title)}</h3>{about}<table>{body}</table>"

"""A table for a terminal of any width: whole columns give way, with a mark, and never a digit."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.language.catalogue import say

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text

GAP, FEWEST = 2, 12  # columns of a terminal: between two of the table, and of the names at least

_HAN = "\u3400-\u9fff"
_OPENS, _CLOSES = "“（《", "”）》，。；：、！？%…"  # what ends no line, what begins none
_WORD = rf"[{_HAN}]|[^ {_HAN}{_OPENS}{_CLOSES}]+|(?=[{_CLOSES}])"  # a sign of Chinese, or a word or number
_PIECE = re.compile(
    rf" +|[{_OPENS}]*(?:{_WORD})(?:[{_CLOSES}]|(?<=\u00a0)[{_HAN}])*|.", re.DOTALL
)  # no line breaks in it
BREAKS = re.compile("(?<![±~]) ")  # where a line may break: at a space that does not belong to a number


class Column(NamedTuple):
    """A column of the table: its head, a cell for each row, and whether it is one of the last to give way."""

    head: str
    cells: "Sequence[Text]"
    is_kept: bool = False


class Fitted:
    """A rich renderable: the names of the rows, then as many whole columns as fit; what is left out stands below."""

    def __init__(self, names: "Sequence[Text]", columns: Iterable[Column]):
        """Take the name of each row and the columns, of as many cells."""
        self.names, self.columns = names, list(columns)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Yield the table, and a line that names the columns that are left out."""
        from rich.table import Table
        from rich.text import Text

        shown = self._shown(options.max_width)
        names, *widths = self._widths(shown, options.max_width)
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("", overflow="fold", width=names)
        for column, width in zip(shown, widths, strict=True):
            table.add_column(column.head, justify="right", width=width)
        for name, *cells in zip(self.names, *(column.cells for column in shown), strict=True):
            table.add_row(name, *cells)
        yield table
        if left := [column.head for column in self.columns if column not in shown]:
            said = say("… too narrow for {n} more: {names}", n=len(left), names=say("; ").join(left))
            yield Text(said, style="yellow")

    def _shown(self, width: int) -> list[Column]:
        """Return the columns that fit; the rightmost that may give way goes first, and one is always shown."""
        shown = list(self.columns)
        while len(shown) > 1 and FEWEST + sum(GAP + _least(column) for column in shown) > width:
            free = [column for column in shown if not column.is_kept]
            shown.remove((free or shown)[-1])
        return shown

    def _widths(self, shown: list[Column], width: int) -> list[int]:
        """Return the width of the names and of each column shown: the least, then as much as they want and there is."""
        least = [FEWEST, *map(_least, shown)]
        rows = zip(self.names, *(column.cells for column in shown), strict=True)
        named = [name.cell_len for name, *cells in rows if any(cells)]  # a heading above rows may fold
        most = [max(named, default=1), *map(_most, shown)]
        widths = [min(pair) for pair in zip(least, most, strict=True)]
        room = width - sum(widths) - GAP * len(shown)
        names = min(max(room, 0), most[0] - widths[0])  # first: a name that is folded takes lines
        widths[0], room = widths[0] + names, room - names
        while room > 0 and (tight := [k for k, wide in enumerate(widths) if wide < most[k]]):
            for k in tight[:room]:
                widths[k] += 1
            room -= len(tight[:room])
        return widths


def _least(column: Column) -> int:
    """Return the least width of a column in which no number and no word of its head is broken."""
    from rich.cells import cell_len

    words = [word for line in (column.head, *_lines(column)) for word in BREAKS.split(line)]
    return max(map(cell_len, words), default=1)


def _most(column: Column) -> int:
    """Return the width of a column whose head is on one line."""
    from rich.cells import cell_len

    return max(map(cell_len, [*_lines(column), column.head]), default=1)


def _lines(column: Column) -> list[str]:
    return [line for cell in column.cells for line in cell.plain.splitlines()]


class Flowing:
    """A rich renderable: a paragraph in Chinese, whose lines break between its signs, at no number and no name.

    A line begins with no punctuation and ends with no opening quotation mark or bracket.
    """

    def __init__(self, text: "Text"):
        """Take the paragraph, of one style."""
        self.text = text

    def __str__(self) -> str:
        """Return the paragraph as it is."""
        return str(self.text)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Yield a text for each line."""
        from rich.text import Text

        for line in flowed(str(self.text), options.max_width):
            yield Text(line, style=self.text.style, no_wrap=True, overflow="fold")


def flowed(text: str, width: int) -> list[str]:
    """Return the lines of a paragraph in Chinese on a terminal of a width; what is wider by itself is cut."""
    from rich.cells import cell_len, chop_cells

    lines, line = [], ""
    for piece in _PIECE.findall(text):
        if line and cell_len(line) + cell_len(piece.rstrip(" ")) > width:
            lines.append(line.rstrip(" "))
            line = ""
        line += piece if line else piece.lstrip(" ")
        if cell_len(line) > width and line.strip():
            *cut, line = chop_cells(line, width)
            lines += cut
    return [*lines, line]

"""A file of records as a table: the names of its columns, and its rows in batches, whatever kind of file it is."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = (",", ";", "\t", "|")
HEADER_WITHIN = 50  # rows in which the header is looked for
TOTAL = (  # of a cell that says that its row is a sum of others
    r"(?i)^((grand |sub-?)?totals?([ :：].*)?|(合计|总计|小计|共计|总和)([ :：].*)?|(sum|summe|somme)[:：]?)$"
)


class Form(NamedTuple):
    """How a file is written, as far as its mapping says; what it does not say is found by exact rules."""

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None  # of a workbook
    header_row: int | None = None  # of the file, from 1
    rename: Mapping[str, str] = {}  # another name of a column, by that in the file
    wanted: tuple[str, ...] = ()  # columns by which the header is known where titles stand above it


PLAIN = Form()


@dataclass
class Table:
    """The columns of a file, and how it was read in a sentence, "" where there was no choice."""

    path: str
    names: list[str]
    form: str
    read: Callable[[list[int]], Iterator[list["pa.Array"]]]  # the columns at these places, batch by batch
    sheet: str = ""  # of a workbook with more than one that has cells
    totals: list[str] = field(default_factory=list)  # lines that are sums of rows, as far as they have been read

    def batches(self, names: Sequence[str]) -> Iterator[dict[str, "pa.Array"]]:
        """Yield the columns `names`, of text or of any simple type, in batches of rows."""
        own = list(dict.fromkeys(names))
        for arrays in self.read([self.names.index(name) for name in own]):
            yield dict(zip(own, arrays, strict=True))


def renamed(names: Sequence[str], rename: Mapping[str, str]) -> list[str]:
    """Return the names of columns as the mapping calls them."""
    return [rename.get(name.strip(), name.strip()) for name in names]


def header_at(rows: Sequence[Sequence[str]], form: Form) -> int:
    """Return the place in `rows` of the header: the first that has all that is wanted, else the first with a text.

    Where nothing is wanted, it is the first that is as long as most rows are.

    `rows` are the first of a file, HEADER_WITHIN or fewer.
    """
    filled = [number for number, row in enumerate(rows) if any(cell.strip() for cell in row)]
    wanted = set(form.wanted)
    if wanted:
        fits = [number for number in filled if wanted <= set(renamed(rows[number], form.rename))]
    else:
        cells = Counter(sum(bool(cell.strip()) for cell in rows[number]) for number in filled)
        most = max(cells, key=lambda count: (cells[count], count), default=0)
        fits = [number for number in filled if sum(bool(cell.strip()) for cell in rows[number]) >= most]
    return (fits or filled or [-1])[0]

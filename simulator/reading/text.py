"""Text files as tables: values between commas, semicolons, tabs or bars, read in pieces so that any size has room."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from simulator.language.catalogue import kept, noted
from simulator.model.errors import Problem, UserError
from simulator.reading.encodings import CHUNK, encoding_of, utf8_pieces
from simulator.reading.packed import Source
from simulator.reading.quotes import has_long_values
from simulator.reading.table import DELIMITERS, HEADER_WITHIN, TOTAL, Form, Table, header_at, renamed

LISTED = 20  # rows of another length that are listed one by one
_HEAD = 1 << 20  # bytes in which the header must end
_SIGNS = {",": noted("commas"), ";": noted("semicolons"), "\t": noted("tabs"), "|": noted("bars")}
_QUOTED = re.compile(r'"[^"]*"')


def open_text(source: Source, form: Form) -> Table:
    """Return a text file as a table; raises UserError if it is no text in one encoding, or has no header."""
    encoding = encoding_of(source, form.encoding)
    lines = _first_lines(source, encoding)
    delimiter = form.delimiter or _delimiter(lines)
    rows = [_values(line, delimiter) for line in lines[: max(HEADER_WITHIN, form.header_row or 0)]]
    at = form.header_row - 1 if form.header_row else header_at(rows, form)
    if not any(line.strip() for line in lines):
        raise UserError(Problem(source.path, "", "the file is empty", "a tape has a header and at least one account"))
    if at >= len(rows) or not rows[at]:
        raise UserError(Problem(source.path, "", f"no header in row {at + 1:,}", "header_row: the row of the names"))
    names = renamed(rows[at], form.rename)
    said = kept(
        "Read as text in {encoding}, its columns between {signs}, their names in row {row}.",
        encoding=encoding.upper(),
        signs=kept(_SIGNS[delimiter]) if delimiter in _SIGNS else repr(delimiter),
        row=f"{at + 1:,}",
    )
    table = Table(source.path, names, said, lambda places: _batches(source, encoding, delimiter, at + 1, table, places))
    return table


def _first_lines(source: Source, encoding: str) -> list[str]:
    """Return the first lines of a text."""
    head, ended = b"", True
    for piece in utf8_pieces(source, encoding):
        head += piece
        if len(head) > _HEAD:
            ended = False
            break
    lines = head.decode("utf-8", "ignore").split("\n")
    return lines if ended or len(lines) == 1 else lines[:-1]


def _values(line: str, delimiter: str) -> list[str]:
    """Return the values of one line; none where it is no row, which is told later."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _delimiter(lines: list[str]) -> str:
    """Return the sign by which most of the first lines have as many values as each other, two at least."""
    bare = [_QUOTED.sub("", line) for line in lines if line.strip()][:HEADER_WITHIN]
    best, found = (0, 0), ","
    for sign in DELIMITERS:
        counts = Counter(n for line in bare if (n := line.count(sign)))
        if counts and (score := max((rows, values) for values, rows in counts.items())) > best:
            best, found = score, sign
    return found


def _batches(source: Source, encoding: str, delimiter: str, header: int, table: Table, places: list[int]) -> Iterator:
    """Yield the columns at `places` in batches; raises UserError if lines are no rows, at the latest after the last."""
    import pyarrow as pa
    import pyarrow.csv as pc

    columns, count = len(table.names), 0
    wrong: list[tuple[int, int]] = []

    def note(row):
        nonlocal count
        if re.match(TOTAL, row.text.partition(delimiter)[0].strip('" ')):
            table.totals.append(row.text)
            return "skip"
        count += 1
        if len(wrong) < LISTED:
            wrong.append((row.number - header, row.actual_columns))
        return "skip"

    def text():
        return utf8_pieces(source, encoding)

    parsing = pc.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=has_long_values(source.path, text, delimiter, columns, header),
        invalid_row_handler=note,
    )
    names = [str(place) for place in range(columns)]
    own = [names[place] for place in places]
    table.totals.clear()
    stream = pa.PythonFile(io.BufferedReader(_Stream(text()), CHUNK), mode="r")
    batches = pc.open_csv(  # without threads, so that a wrong row has its number
        stream,
        pc.ReadOptions(use_threads=False, block_size=CHUNK, column_names=names, skip_rows=header),
        parsing,
        pc.ConvertOptions(include_columns=own, column_types=dict.fromkeys(own, pa.string())),
    )
    for batch in batches:
        if batch.num_rows:
            yield batch.columns
    if wrong:
        raise UserError(_rows_of_another_length(source.path, wrong, count, columns, delimiter))


class _Stream(io.RawIOBase):
    """Pieces of bytes, read as a file."""

    def __init__(self, pieces: Iterator[bytes]):
        self.pieces, self.piece = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, room) -> int:
        if not len(self.piece):
            self.piece = memoryview(next(self.pieces, b""))
        count = min(len(room), len(self.piece))
        room[:count], self.piece = self.piece[:count], self.piece[count:]
        return count


def _rows_of_another_length(path: str, rows: list, count: int, columns: int, delimiter: str) -> list[Problem]:
    """Return what to say of `rows` (number, values), the first of `count`, with more or fewer values than columns."""
    what = f'one value for each of the {columns} columns of the header; a value with "{delimiter}" in it needs quotes'
    problems = [Problem(path, f"row {number}", f"{values} values", what) for number, values in rows]
    if count > len(rows):
        problems.append(Problem(path, "", f"{count - len(rows):,} more rows are of another length, {count:,} in all"))
    return problems

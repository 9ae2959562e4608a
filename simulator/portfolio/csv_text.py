"""The bytes of a CSV file whose lines can be trusted to be rows: what an open quote would swallow is found first."""

import csv
import io
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import NamedTuple

from simulator.inputs import Unpacked
from simulator.scenario.errors import Problem, UserError

QUOTE, LISTED = b'"', 20
CHUNK = 1 << 24  # bytes that are decoded at a time
CLOSE = "close the quote, or take it out of the file"
UTF8 = "utf-8"
ENCODINGS = (UTF8, "gb18030", "big5", "shift_jis", "euc_kr", "utf-16", "windows-1250", "windows-1251", "windows-1252")
WISH = "save it in UTF-8, or say its encoding in the mapping"
MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16


class Form(NamedTuple):
    """How a CSV file is written."""

    delimiter: str = ","
    encoding: str = UTF8


PLAIN = Form()


def csv_content(path: str, encoding: str = UTF8, most: int = -1) -> bytes:
    """Return the file `path`, unpacked, in UTF-8, of at most the first `most` bytes of it.

    Raises UserError if it is no text in its `encoding`.
    """
    with Unpacked(path) if path.lower().endswith(".gz") else open(path, "rb") as file:
        content = file.read(most)
    if encoding == UTF8 and content.startswith(MARKS):
        raise UserError(Problem(path, "", "this is text in UTF-16", WISH))
    if encoding != UTF8:
        try:
            content = content.decode(encoding, "strict" if most < 0 else "ignore").encode(UTF8)
        except UnicodeError:
            raise UserError(_undecodable(path, content, encoding)) from None
    if (place := content.find(b"\0")) >= 0:
        found = f"a NUL byte in line {content.count(10, 0, place) + 1}: this is a binary file, or a damaged one"
        raise UserError(Problem(path, "", found, "a tape is CSV text, or Parquet"))
    if b"\n" not in content:  # lines of an old kind end in a carriage return alone
        content = content.replace(b"\r", b"\n")
    if most < 0 and encoding == UTF8:
        check_utf8(path, content)
    return content


def has_long_values(path: str, content: bytes, delimiter: str, columns: int) -> bool:
    """Return whether a quoted value goes over several lines; `columns` is their number in the header.

    Raises UserError where a quote opens and does not close, or closes only after lines that look like rows: whoever
    reads on would lose those rows.
    """
    lines, found = enumerate(io.BytesIO(content), 1), False
    if QUOTE not in content or (start := next((n for n, line in lines if line.count(QUOTE) % 2), None)) is None:
        return False
    taken: list[tuple[int, str]] = []
    reader = csv.reader(_kept(_lines(content, start), taken), delimiter=delimiter)
    while True:
        taken.clear()
        try:
            next(reader)
        except StopIteration:
            return found
        except csv.Error:  # a value beyond what csv takes for one: a quote that has been open for long
            raise UserError(_open(path, content, taken[0][0], "and does not close")) from None
        if len(taken) > 1:
            _check_value(path, content, taken, delimiter, columns)
            found = True


def rows_of_another_length(path: str, rows: list, count: int, columns: int, delimiter: str) -> list[Problem]:
    """Return what to say of `rows` (number, values), the first of `count`, with more or fewer values than columns."""
    what = f'one value for each of the {columns} columns of the header; a value with "{delimiter}" in it needs quotes'
    problems = [Problem(path, f"row {number}", f"{values} values", what) for number, values in rows]
    if count > len(rows):
        problems.append(Problem(path, "", f"{count - len(rows):,} more rows are of another length, {count:,} in all"))
    return problems


def check_utf8(path: str, content: bytes) -> None:
    """Raise UserError where a line is no UTF-8: of a line of another length as well pyarrow would only lose it."""
    decoder, text = getincrementaldecoder("utf-8")(), memoryview(content)
    try:
        for start in range(0, len(content), CHUNK):
            decoder.decode(text[start : start + CHUNK], final=start + CHUNK >= len(content))
    except UnicodeDecodeError:
        raise UserError(_undecodable(path, content, UTF8)) from None


def _undecodable(path: str, content: bytes, encoding: str) -> Problem:
    """Return what to say of the first line that is no text in its encoding."""
    for number, line in enumerate(io.BytesIO(content), 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError as error:
            found = f"this is not text in {encoding.upper()}: {line[error.start : error.start + 4]!r} in "
            return Problem(path, "", found + _row(content, number), WISH)
    return Problem(path, "", f"this is not text in {encoding.upper()}", WISH)


def _lines(content: bytes, first: int) -> Iterator[tuple[int, str]]:
    """Yield (number, line) from line `first` on; bytes stand for themselves: only quotes and delimiters matter."""
    for number, line in enumerate(io.BytesIO(content), 1):
        if number >= first:
            yield number, line.decode("latin-1")


def _kept(lines, taken: list) -> Iterator[str]:
    """Yield the lines, then an empty one of number 0, which an open quote takes in; keep in `taken` what was read."""
    for number, line in lines:
        taken.append((number, line))
        yield line
    taken.append((0, ""))
    yield "\n"


def _check_value(path: str, content: bytes, taken: list, delimiter: str, columns: int) -> None:
    """Raise UserError if the value that goes over the lines `taken` has swallowed some that look like rows."""
    (first, _), *others, (last, text) = taken
    if not last:
        raise UserError(_open(path, content, first, "and does not close"))
    swallowed = [number for number, line in others if line.count(delimiter) == columns - 1]
    if text.count(delimiter) == columns - 1 and delimiter in text.partition('"')[0]:
        swallowed.append(last)
    if swallowed:
        what = f"and closes in line {last:,}, after what looks like {len(swallowed):,} rows"
        raise UserError(_open(path, content, first, what))


def _open(path: str, content: bytes, line: int, what: str) -> Problem:
    return Problem(path, _row(content, line), f"a quote opens {what}", CLOSE)


def _row(content: bytes, line: int) -> str:
    """Return in words which row of accounts a line is: the first line with something in it is the header."""
    number = sum(bool(text.strip()) for _, text in zip(range(line), io.BytesIO(content), strict=False)) - 1
    return f"row {number:,} (line {line:,})" if number > 0 else f"the header (line {line:,})"

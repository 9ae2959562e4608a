"""The bytes of a CSV file whose lines can be trusted to be rows: what an open quote would swallow is found first."""

import csv
import io
from codecs import getincrementaldecoder
from itertools import chain, islice
from typing import NamedTuple

from simulator.model.errors import Problem, UserError
from simulator.system.inputs import Unpacked

LISTED = 20  # rows of another length that are listed one by one
CHUNK = 1 << 24  # bytes that are decoded at a time
NOT_CLOSED, CLOSE = "and does not close", "close the quote, or take it out of the file"
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
    if b"\r" in content:  # lines of Windows, and those of an old kind that end in a carriage return alone
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if most < 0 and encoding == UTF8:
        check_utf8(path, content)
    return content


def has_long_values(path: str, content: bytes, delimiter: str, columns: int) -> bool:
    """Return whether a quoted value goes over several lines; `columns` is their number in the header.

    Raises UserError where a quote opens and does not close, or closes only after lines that look like rows: whoever
    reads on would lose those rows.
    """
    place = content.find(b'"')
    if place < 0:
        return False
    before, start = content.count(b"\n", 0, place), content.rfind(b"\n", 0, place) + 1
    lines, again = io.BytesIO(content), io.BytesIO(content)  # the second for what a value takes in
    lines.seek(start)
    again.seek(start)
    # what is not ASCII does not matter here; the line at the end is there for an open quote to take in
    reader = csv.reader(chain(io.TextIOWrapper(lines, "latin-1", newline="\n"), ["\n"]), delimiter=delimiter)
    done, passed = 0, 0  # lines
    try:
        for _ in reader:
            if reader.line_num > done + 1:
                taken = list(islice(again, done - passed, reader.line_num - passed))
                if what := _swallowed(taken, reader.line_num - done, delimiter, columns):
                    raise UserError(_open(path, content, before + done + 1, what))
                passed = reader.line_num
            done = reader.line_num
    except csv.Error:  # a value beyond what csv takes for one: a quote that has been open for long
        raise UserError(_open(path, content, before + done + 1, NOT_CLOSED)) from None
    return passed > 0


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


def _swallowed(taken: list[bytes], number: int, delimiter: str, columns: int) -> str:
    """Return what is wrong with a value that goes over `number` lines, of which the file has `taken`, "" if nothing.

    Lines that look like rows have as many delimiters as the header. The last one may be the end of a right value in a
    first column, unless there are delimiters before its quote or the first line looks like a row as well.
    """
    if len(taken) < number:
        return NOT_CLOSED
    whole = [line.count(delimiter.encode()) == columns - 1 for line in taken]
    rows = sum(whole[1:-1]) + (whole[-1] and (whole[0] or delimiter.encode() in taken[-1].partition(b'"')[0]))
    if rows:
        return f"and closes {number - 1:,} lines below, after what looks like {rows:,} rows"
    try:
        list(csv.reader((line.decode("latin-1") for line in taken), delimiter=delimiter, strict=True))
    except csv.Error:
        return f"and closes {number - 1:,} lines below, in the middle of a value"
    return ""


def _open(path: str, content: bytes, line: int, what: str) -> Problem:
    return Problem(path, _row(content, line), f"a quote opens {what}", CLOSE)


def _row(content: bytes, line: int) -> str:
    """Return in words which row of accounts a line is: the first line with something in it is the header."""
    number = sum(bool(text.strip()) for _, text in zip(range(line), io.BytesIO(content), strict=False)) - 1
    return f"row {number:,} (line {line:,})" if number > 0 else f"the header (line {line:,})"

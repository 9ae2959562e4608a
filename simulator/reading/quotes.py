"""Quoted values that go over several lines, and quotes that would swallow rows: told before any row is read."""

import csv
import io
from collections.abc import Callable, Iterable
from itertools import chain, islice

import numpy as np

from simulator.model.errors import Problem, UserError
from simulator.reading.encodings import row_words

NOT_CLOSED, CLOSE = "and does not close", "close the quote, or take it out of the file"
_QUOTE, _NEWLINE = ord('"'), ord("\n")


def has_long_values(path: str, text: Callable[[], Iterable[bytes]], delimiter: str, columns: int, header: int) -> bool:
    """Return whether a quoted value of a text goes over several lines; `text` returns it anew, in pieces.

    `columns` is how many the header has, which is line `header`. Raises UserError where a quote opens and does not
    close, or closes only after lines that look like rows: whoever reads on would lose those rows.
    """
    rest = b""
    for piece in text():
        lines, _, rest = (rest + piece).rpartition(b"\n")
        if not _is_tame(lines, delimiter):
            break
    else:
        if _is_tame(rest, delimiter):
            return False
    return _has_long_values(path, b"".join(text()), delimiter, columns, header)


def _is_tame(lines: bytes, delimiter: str) -> bool:
    """Return whether each line closes all its quotes, and opens them where a value begins: no value goes on."""
    text = np.frombuffer(lines, np.uint8)
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes):
        return True
    line = np.searchsorted(np.flatnonzero(text == _NEWLINE), quotes)
    first = np.flatnonzero(np.diff(line, prepend=-1))
    count = np.diff(first, append=len(quotes))
    if (count % 2).any():
        return False
    opens = quotes[(np.arange(len(quotes)) - np.repeat(first, count)) % 2 == 0]
    before = text[opens[opens > 0] - 1]  # a quote before it: the two stand for one inside a value
    return bool(np.isin(before, [ord(delimiter), _NEWLINE, _QUOTE]).all())


def _has_long_values(path: str, content: bytes, delimiter: str, columns: int, header: int) -> bool:
    """Return whether a quoted value goes over several lines, by a reader of all that follows the first quote."""
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
                    raise UserError(_open(path, content, before + done + 1, header, what))
                passed = reader.line_num
            done = reader.line_num
    except csv.Error:  # a value beyond what csv takes for one: a quote that has been open for long
        raise UserError(_open(path, content, before + done + 1, header, NOT_CLOSED)) from None
    return passed > 0


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


def _open(path: str, content: bytes, line: int, header: int, what: str) -> Problem:
    return Problem(path, row_words(content, line, header), f"a quote opens {what}", CLOSE)

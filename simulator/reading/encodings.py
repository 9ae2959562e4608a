"""How a text file is encoded, by exact rules, and its text in UTF-8 with lines that end in a newline, in pieces."""

import io
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder
from collections.abc import Iterator

import numpy as np

from simulator.model.errors import Problem, UserError
from simulator.reading.packed import Source

CHUNK = 1 << 24  # bytes that are decoded at a time
UTF8, GB18030, UTF16 = "utf-8", "gb18030", "utf-16"
ENCODINGS = (UTF8, GB18030, "big5", "shift_jis", "euc_kr", UTF16, "windows-1250", "windows-1251", "windows-1252")
WISH = "save it in UTF-8, or say its encoding in the mapping"
_MARKS = {BOM_UTF8: UTF8, BOM_UTF16_LE: "utf-16-le", BOM_UTF16_BE: "utf-16-be"}
_MANY, _NEARLY_ALL = 0.2, 0.9  # shares, below


def encoding_of(source: Source, given: str | None = None) -> str:
    """Return the encoding of a text file: as `given`, else by these rules, the first that fits.

    1. A byte order mark says UTF-8 or UTF-16.
    2. At least a fifth of the first bytes are 0, and nine tenths of those at even, or at odd, places: UTF-16.
    3. All of it is UTF-8: UTF-8.
    4. All of it is GB18030, and of its signs beyond ASCII nine tenths are of GB2312 (both bytes from A1 on), which
       text of Western languages never is and Big5 and Shift JIS are not: GB18030, which GBK and GB2312 are parts of.

    Raises UserError where none does, with the first line that is no UTF-8.
    """
    with source.open() as file:
        head = file.read(1 << 16)
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if marked and (given is None or given == UTF16 or marked == UTF8 == given):
        return marked
    if given:
        return given
    if wide := _wide(head):
        return wide
    if _is_all(source, UTF8):
        return UTF8
    if _is_all(source, GB18030) and _is_of_gb2312(source):
        return GB18030
    raise UserError(undecodable(source, UTF8))


def _wide(head: bytes) -> str | None:
    """Return which UTF-16 without a mark the first bytes of a file are, None if none."""
    zero = np.frombuffer(head, np.uint8) == 0
    if zero.mean() < _MANY if len(zero) else True:
        return None
    odd = zero[1::2].sum() / zero.sum()
    return "utf-16-le" if odd >= _NEARLY_ALL else "utf-16-be" if 1 - odd >= _NEARLY_ALL else None


def _is_all(source: Source, encoding: str) -> bool:
    """Return whether the whole file is text in an encoding."""
    decoder = getincrementaldecoder(encoding)()
    try:
        for piece in _raw(source):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_of_gb2312(source: Source) -> bool:
    """Return whether nine tenths of the signs beyond ASCII of a file in GB18030 are of GB2312."""
    few = beyond = 0
    decoder = getincrementaldecoder(GB18030)()
    for piece in _raw(source):
        signs = "".join(sign for sign in decoder.decode(piece) if not sign.isascii())
        beyond += len(signs)
        few += len(signs.encode("gb2312", "ignore")) // 2
    return few >= _NEARLY_ALL * beyond


def _raw(source: Source) -> Iterator[bytes]:
    with source.open() as file:
        while piece := file.read(CHUNK):
            yield piece


def utf8_pieces(source: Source, encoding: str) -> Iterator[bytes]:
    """Yield the text of a file in UTF-8, without a mark, each line with a newline at its end; pieces of any length.

    Raises UserError where it is no text in `encoding`, or has a NUL byte.
    """
    decoder, held, lines, first = getincrementaldecoder(encoding)(), b"", 1, True
    try:
        for piece in _with_end(_raw(source)):
            final = piece is None
            text = decoder.decode(piece or b"", final)
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            content = held + text.encode("utf-8")
            held = b""
            if not final and content.endswith(b"\r"):  # its newline may come with the next piece
                content, held = content[:-1], b"\r"
            if b"\r" in content:  # lines of Windows, and those of an old kind that end in a carriage return alone
                content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if (place := content.find(b"\0")) >= 0:
                line = lines + content.count(b"\n", 0, place)
                found = f"a NUL byte in line {line}: this is a binary file, or a damaged one"
                raise UserError(Problem(source.path, "", found, "a tape is CSV text, a workbook, or Parquet"))
            lines += content.count(b"\n")
            if content:
                yield content
    except UnicodeError:
        raise UserError(undecodable(source, encoding)) from None


def _with_end(pieces: Iterator[bytes]) -> Iterator[bytes | None]:
    yield from pieces
    yield None


def undecodable(source: Source, encoding: str) -> Problem:
    """Return what to say of the first line of a file that is no text in `encoding`."""
    content = source.whole().replace(b"\r\n", b"\n")
    if b"\n" not in content:
        content = content.replace(b"\r", b"\n")
    for number, line in enumerate(io.BytesIO(content), 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError as error:
            found = f"this is not text in {encoding.upper()}: {line[error.start : error.start + 4]!r} in "
            return Problem(source.path, "", found + row_words(content, number), WISH)
    return Problem(source.path, "", f"this is not text in {encoding.upper()}", WISH)


def row_words(content: bytes, line: int, header: int = 0) -> str:
    """Return in words which row of accounts a line is; `header` is the header's line, 0 the first that has a text."""
    before = [bool(text.strip()) for _, text in zip(range(line), io.BytesIO(content), strict=False)]
    number = sum(before[header:]) - (0 if header else 1)
    return f"row {number:,} (line {line:,})" if number > 0 else f"the header (line {line:,})"

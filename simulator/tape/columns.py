"""The columns of a tape as text and as numbers: CSV, CSV.GZ or Parquet, through pyarrow."""

import csv
import hashlib
import io
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.system.inputs import MOST_RECORDS, size_of
from simulator.tape.csv_text import (
    LISTED,
    PLAIN,
    Form,
    check_utf8,
    csv_content,
    has_long_values,
    rows_of_another_length,
)

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_NOTHING = ("", "nan", "na", "n/a", "null", "none", "-", ".")
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_WHOLE = r"^([+-]?[0-9]+)\.0*$"
_HEAD = 1 << 20  # bytes in which the header must end


class Column(NamedTuple):
    """One column: each distinct text once, and which of them stands in each row."""

    text: list[str]
    row: np.ndarray  # int64[row], an index into `text`
    blank: np.ndarray  # bool[row]: nothing stands there
    missing: np.ndarray  # bool[row]: nothing, or a word for nothing such as NA: no number and no date

    def at(self, row: int) -> str:
        """Return the text of one row."""
        return self.text[self.row[row]]

    def numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """Return float64[row], 0 where there is none, and bool[row]: whether something else than a number stands."""
        import pyarrow as pa
        import pyarrow.compute as pc

        text = pa.array(self.text, pa.string())
        is_number = pc.match_substring_regex(text, _NUMBER)
        values = pc.if_else(is_number, pc.replace_substring_regex(text, r"^\+", ""), "0").cast(pa.float64())
        values, is_number = values.to_numpy(zero_copy_only=False), is_number.to_numpy(zero_copy_only=False)
        wrong = ~is_number | ~np.isfinite(values)
        return np.where(wrong, 0.0, values)[self.row], wrong[self.row] & ~self.missing


def is_nothing(word: str) -> bool:
    """Return whether `word` stands for no value where a number is wanted; as a code it may be a name like any other."""
    return word.lower() in _NOTHING


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def header(path: str, form: Form = PLAIN) -> list[str]:
    """Return the names of the columns of the tape `path`; raises UserError if it is no tape."""
    if not path.lower().endswith(SUFFIXES):
        raise UserError(Problem(path, "", "unknown kind of file", f"allowed: {', '.join(SUFFIXES)}"))
    try:
        size_of(path, MOST_RECORDS, "give the path of a tape")
    except FileNotFoundError:
        near = [file.name for file in Path(path).parent.glob("*") if file.name.lower().endswith(SUFFIXES)]
        hint = did_you_mean(Path(path).name, near) if near else f"give a file ending in {', '.join(SUFFIXES)}"
        raise UserError(Problem(path, "", "no such file", hint)) from None
    return _readable(path, _parquet_header if path.lower().endswith(".parquet") else _csv_header, path, form)


def read_columns(path: str, names: list[str], form: Form = PLAIN) -> dict[str, Column]:
    """Return the columns `names` of the tape `path`; raises UserError if its rows cannot be read."""
    return _readable(path, _read, path, list(dict.fromkeys(names)), form)


def _readable(path, read, *arguments):
    """Return `read(*arguments)`, telling in words why a file cannot be read."""
    try:
        return read(*arguments)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error, ValueError, NotImplementedError) as error:
        if isinstance(error, UnicodeDecodeError):
            said = "this is not text in UTF-8"
        else:
            said = f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise UserError(Problem(path, "", said, f"allowed: {', '.join(SUFFIXES)}, as the name says")) from None


def _csv_header(path, form):
    return _names(path, csv_content(path, form.encoding, _HEAD), form.delimiter)


def _names(path, content, delimiter) -> list[str]:
    """Return the names in the first line with something in it."""
    line = next((line for line in io.BytesIO(content) if line.strip()), b"")
    if not line:
        raise UserError(Problem(path, "", "the file is empty", "a tape has a header and at least one account"))
    check_utf8(path, line)
    return next(csv.reader([line.decode("utf-8-sig")], delimiter=delimiter))


def _parquet_header(path, form):
    import pyarrow.parquet as pq

    return pq.read_schema(path).names


def _read(path, names, form):
    if path.lower().endswith(".parquet"):
        import pyarrow.parquet as pq

        table = pq.read_table(path, columns=names)
    else:
        table = _csv_table(path, names, form)
    return {name: _column(table[name]) for name in names}


def _csv_table(path, names, form):
    """Return the columns `names` of a CSV file as a table of text; raises UserError if its lines are no rows."""
    import pyarrow as pa
    import pyarrow.csv as pc

    content, delimiter = csv_content(path, form.encoding), form.delimiter
    columns, count = len(_names(path, content, delimiter)), 0
    wrong: list[tuple[int, int]] = []

    def note(row):
        nonlocal count
        count += 1
        if len(wrong) < LISTED:
            wrong.append((row.number - 1, row.actual_columns))
        return "skip"

    parsing = pc.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=has_long_values(path, content, delimiter, columns),
        invalid_row_handler=note,
    )
    table = pc.read_csv(
        pa.BufferReader(content),
        pc.ReadOptions(use_threads=False),  # so that a wrong row has its number
        parsing,
        pc.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.string())),
    )
    if wrong:
        raise UserError(rows_of_another_length(path, wrong, count, columns, delimiter))
    return table


def _column(values) -> Column:
    """Return a column of any simple type as text; a whole number has no decimals, null and NaN are blank."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    text = pc.utf8_trim_whitespace(pc.fill_null(values.cast(pa.string()), ""))
    text = pc.replace_substring_regex(text, _WHOLE, r"\1").combine_chunks().dictionary_encode()
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    words = text.dictionary.to_pylist()
    row = text.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    blank = np.array([word == "" for word in words], dtype=bool)
    missing = np.array([is_nothing(word) for word in words], dtype=bool)
    return Column(words, row, blank[row], missing[row])

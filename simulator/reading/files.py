"""The door of this room: any file of records as a table, or as columns, and in words why it cannot be read."""

import csv
import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from simulator.model.errors import Problem, UserError
from simulator.reading.column import Column
from simulator.reading.packed import KINDS, TEXT, source_of
from simulator.reading.parquet import open_parquet
from simulator.reading.table import PLAIN, Form, Table
from simulator.reading.text import open_text
from simulator.reading.workbook import open_workbook

_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    csv.Error,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_table(path: str, form: Form = PLAIN) -> Table:
    """Return the file `path` as a table; raises UserError if it is none."""
    return _readable(path, _open, path, form)


def read_batches(table: Table, names: Sequence[str], whole: bool = False) -> Iterator[dict[str, Column]]:
    """Yield the columns `names` of a table, rows after rows, or all at once; UserError if they cannot be read."""
    if whole:
        yield read_columns(table, names)
        return
    batches = table.batches(names)
    while (batch := _readable(table.path, next, batches, None)) is not None:
        yield {name: Column(array) for name, array in batch.items()}


def read_columns(table: Table, names: Sequence[str]) -> dict[str, Column]:
    """Return the columns `names` of a table, all rows; raises UserError if they cannot be read."""
    import pyarrow as pa

    batches = _readable(table.path, lambda: list(table.batches(names)))
    kinds = {name: batches[0][name].type if batches else pa.string() for name in names}
    return {name: Column(pa.chunked_array([batch[name] for batch in batches], kinds[name])) for name in names}


def _open(path: str, form: Form) -> Table:
    source = source_of(path)
    if source.kind in TEXT:
        return open_text(source, form)
    return open_workbook(source, form) if source.kind == ".xlsx" else open_parquet(source, form)


def _readable(path, read, *arguments):
    """Return `read(*arguments)`, telling in words why a file cannot be read."""
    try:
        return read(*arguments)
    except UserError:
        raise
    except _UNREADABLE as error:
        said = f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        raise UserError(Problem(path, "", said, f"allowed: {', '.join(KINDS)}, as the name says")) from None

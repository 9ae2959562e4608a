"""Parquet files by names as the system has them: Arrow takes every path for UTF-8, which not every locale is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def write_table(table: "pa.Table", path: Path, **options: Any) -> None:
    """Write a table to `path`; `options` are those of `pyarrow.parquet.write_table`."""
    import pyarrow.parquet as pq

    with open(path, "wb") as file:
        pq.write_table(table, file, **options)


def is_utf8(path: str) -> bool:
    """Return whether the system has a path as the bytes of its UTF-8, so that Arrow finds the file by it."""
    return os.fsencode(path) == path.encode("utf-8", "surrogatepass")

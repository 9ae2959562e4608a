"""Parquet files as tables."""

import io
from collections.abc import Iterator

from simulator.reading.packed import Source
from simulator.reading.table import Form, Table, renamed
from simulator.system.arrow_files import is_utf8

BATCH = 1 << 18  # rows


def open_parquet(source: Source, form: Form) -> Table:
    """Return a Parquet file as a table."""
    import pyarrow.parquet as pq

    is_plain = not source.member and is_utf8(source.path)
    file = pq.ParquetFile(source.path if is_plain else io.BytesIO(source.whole()))
    names = file.schema_arrow.names

    def read(places: list[int]) -> Iterator:
        for batch in file.iter_batches(BATCH, columns=[names[place] for place in places]):
            if batch.num_rows:
                yield [batch.column(names[place]) for place in places]

    return Table(source.path, renamed(names, form.rename), "", read)

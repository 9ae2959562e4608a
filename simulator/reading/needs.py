"""What reading a file of records and estimating from it takes, by its kind and size."""

import os

from simulator.system.inputs import MOST_RECORDS
from simulator.system.needs import Needs

OF_TEXT = 1 / 35  # a byte of text, in rows of an account's month: 20 to 50 bytes a row (assumption)
ROWS = {".parquet": 1 / 8, ".xlsx": 1 / 12, ".gz": 1 / 6, ".zip": 1 / 6}  # of packed files (assumption)
SECONDS = 10e-6  # a row, read, estimated and forecast: 16 and 41 s of processor time for 0.96 and 3.8 million
MEMORY = 230  # bytes a row: 0.6 and 1.3 GB of the same
BESIDE = 400 << 20  # bytes of the program and its libraries


def needs_of_records(path: str | os.PathLike, times: float = 1.0) -> Needs:
    """Return about what it takes to estimate from the file, `times` over; nothing of one that will be refused."""
    try:
        size = os.stat(path).st_size
    except (OSError, ValueError):
        return Needs()
    if size > MOST_RECORDS:
        return Needs()
    name = os.fspath(path).lower()
    each = next((share for ending, share in ROWS.items() if name.endswith(ending)), OF_TEXT)
    return Needs(times * size * each * SECONDS, int(size * each * MEMORY) + BESIDE)

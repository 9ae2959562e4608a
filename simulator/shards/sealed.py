"""A shard's result as a file: a line of JSON, the cells packed, a SHA-256 at the end; there whole or not at all."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simulator.shards.shard import Drawn, Piece, Result, Shard

SEAL = hashlib.sha256().digest_size
CODEC = "zstd"
ENDING = ".shard"


def write(path: Path, shard: Shard, result: Result) -> None:
    """Write a shard's result; OSError if it cannot be written."""
    arrays = list(_arrays(result))
    packed = _packed(b"".join(array.tobytes() for array in arrays))
    head = {
        "shard": shard.told(),
        "digest": result.digest,
        "pieces": [[*piece[:5], *map(len, piece.cells)] for piece in result.pieces],
        "draws": [one._asdict() for one in result.draws],
        "bytes": sum(array.nbytes for array in arrays),
    }
    content = json.dumps(head, allow_nan=False).encode() + b"\n" + packed
    put(path, content + hashlib.sha256(content).digest())


def read(path: Path, shard: Shard) -> tuple[Result, str] | None:
    """Return a shard's result and its digest; None if there is none, or another's, or not as it was written."""
    head, rest = _opened(path)
    if head is None or head["shard"] != shard.told():
        return None
    content = _unpacked(rest, head["bytes"])
    pieces, place = [], 0
    for name, which, future, first, end, *counts in head["pieces"]:
        cells, values = [], []
        for count in counts:
            gaps = np.frombuffer(content, "<u4", count, place)
            values.append(np.frombuffer(content, "<i8", count, place + gaps.nbytes))
            cells.append(np.cumsum(gaps, dtype=np.int64))
            place += gaps.nbytes + values[-1].nbytes
        pieces.append(Piece(name, which, future, first, end, tuple(cells), tuple(values)))
    return Result(pieces, [Drawn(**one) for one in head["draws"]]), head["digest"]


def is_there(path: Path, shard: Shard) -> bool:
    """Return whether a shard's result is there as it was written."""
    head, _ = _opened(path)
    return head is not None and head["shard"] == shard.told()


def put(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, whoever else writes it; OSError if it cannot be written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _opened(path):
    """Return the first line of a sealed file and what follows; None and nothing if it is not whole."""
    try:
        found = path.read_bytes()
    except OSError:
        return None, b""
    content, seal = found[:-SEAL], found[-SEAL:]
    if hashlib.sha256(content).digest() != seal:
        return None, b""
    line, _, rest = content.partition(b"\n")
    return json.loads(line), rest


def _arrays(result) -> Iterator[np.ndarray]:
    """Yield for each array of each piece the gaps between its cells, then their values."""
    for piece in result.pieces:
        for cells, values in zip(piece.cells, piece.values, strict=True):
            yield np.diff(cells, prepend=0).astype("<u4")
            yield values.astype("<i8", copy=False)


def _packed(content: bytes) -> bytes:
    import pyarrow as pa  # heavy: only who keeps shards pays for it

    return pa.compress(content, codec=CODEC, asbytes=True)


def _unpacked(content: bytes, size: int) -> bytes:
    import pyarrow as pa

    return pa.decompress(content, size, codec=CODEC, asbytes=True)

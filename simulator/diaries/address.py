"""Which borrower is meant: "segment:index", "segment:entry month:index", or an account of the tape."""

import re
from typing import NamedTuple

import numpy as np

from simulator.model.errors import Problem, UserError
from simulator.model.layout import K_COUNT, K_ENTRY, K_FIRST, K_SEGMENT
from simulator.tape import tape
from simulator.tape.mapping import read_mapping
from simulator.tape.rows import Rows

OPTION = "--borrower"
_NUMBER = re.compile("[0-9]{1,18}")  # more digits than 64 bits hold count nobody


class Address(NamedTuple):
    """Who a borrower is: what every random word of theirs is drawn from."""

    segment: int
    entry: int
    index: int  # type: ignore[assignment]  # which hides a method of tuples


def address_of(borrower: str, segments: tuple[str, ...], tiles, settings) -> Address:
    """Return the address of `borrower`; raises UserError with the borrowers there are."""
    borrower = str(borrower)
    segment, *numbers = borrower.rsplit(":", 2 if borrower.count(":") > 1 else 1)
    if segment in segments and numbers and all(map(_NUMBER.fullmatch, numbers)):
        *entry, index = map(int, numbers)
        found: Address | None = Address(segments.index(segment), entry[0] if entry else 0, index)
    else:
        found = _on_tape(borrower, settings) if settings.portfolio.tape else None
    if found is None or tile_of(found, tiles) is None:
        raise UserError(
            Problem(OPTION, borrower, "no such borrower", f"allowed: {_existing(segments, tiles, settings)}")
        )
    return found


def tile_of(who: Address, tiles) -> np.ndarray | None:
    """Return int64[N_TILE]: the tile that borrower is in, or None."""
    ahead = who.index - tiles[:, K_FIRST]
    own = (tiles[:, K_SEGMENT] == who.segment) & (tiles[:, K_ENTRY] == who.entry)
    fits = tiles[own & (ahead >= 0) & (ahead < tiles[:, K_COUNT])]
    return fits[0] if len(fits) else None


def _existing(segments, tiles, settings) -> str:
    """Return in words which borrowers there are."""
    said = []
    for number, name in enumerate(segments):
        own = tiles[tiles[:, K_SEGMENT] == number]
        for rows, middle in ((own[own[:, K_ENTRY] == 0], ""), (own[own[:, K_ENTRY] > 0], "MONTH:")):
            if len(rows):
                most = int((rows[:, K_FIRST] + rows[:, K_COUNT]).max()) - 1
                months = f", MONTH 1 to {int(rows[:, K_ENTRY].max())}" if middle else ""
                said.append(f"{name}:{middle}0 to {name}:{middle}{most}{months}")
    return "; ".join(said) + ("; an account of the tape, or its row" if settings.portfolio.tape else "")


def _on_tape(name: str, settings) -> Address | None:
    """Return the address of the borrower who has account `name`, else is `name`, else stands in row `name`."""
    rows = _rows(settings)
    tape._book(rows, settings)  # leaves out what is not used
    used = rows.in_use
    fits = [used & (rows.read[role].row == text) for role in ("account_id", "borrower_id") if role in rows.read
            for text, said in enumerate(rows.read[role].text) if said == name]  # fmt: skip
    if _NUMBER.fullmatch(name):
        fits.append(used & (rows.row_numbers(np.arange(rows.count)) == int(name)))
    row = next((int(np.flatnonzero(mask)[0]) for mask in fits if mask.any()), None)
    if row is None:
        return None
    segment = tape._segments(rows, settings)
    number = tape._borrowers(rows, 0, tape._products(rows), segment)  # in the order of the file
    kept = np.flatnonzero(used)
    first = kept[np.unique(number[kept], return_index=True)[1]]  # the first row of each borrower, by number
    before = segment[first][: number[row]] == segment[first][number[row]]
    return Address(int(segment[first][number[row]]), 0, int(before.sum()))


def _rows(settings) -> Rows:
    """Return the rows of the scenario's tape, which has been read before without a complaint."""
    path, mapping_path = str(settings.portfolio.tape), str(settings.portfolio.mapping)
    return tape.book_rows(path, mapping_path, read_mapping(mapping_path))

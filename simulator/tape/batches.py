"""The rows of a tape, batch after batch: the columns of each role, pairs of states made rows, others left out."""

from collections.abc import Iterator

import numpy as np

from simulator.model.errors import Problem, UserError
from simulator.reading.column import Column, joined
from simulator.reading.files import read_batches
from simulator.reading.table import Table
from simulator.tape.mapping import Mapping
from simulator.tape.pairs import without_pairs
from simulator.tape.rows import Rows, header_problems

_ONLY = "only "  # before the name of a column by which rows are kept, among the roles


def batches(table: Table, mapping_path: str, mapping: Mapping, roles: dict[str, str]) -> Iterator[Rows]:
    """Yield the rows of a tape, those that `only` does not keep left out; `roles` are names of columns by role.

    What stands below the rows and is none is counted in the last batch. Raises UserError if a column is not there, or
    there is no row.
    """
    only = {mapping.column(name): list(map(str, codes)) for name, codes in mapping.only.items()}
    keys = {f"columns.{role}": name for role, name in roles.items()} | {f"only.{name}": name for name in only}
    if problems := header_problems(table, mapping_path, mapping, keys):
        raise UserError(problems)
    first, last = 0, None
    for read in read_batches(table, [*roles.values(), *only], whole=bool(mapping.columns.status_to)):
        columns, own = {role: read[name] for role, name in roles.items()}, mapping
        columns |= {_ONLY + name: read[name] for name in only}
        if mapping.columns.status_to:
            columns, own = without_pairs(table.path, columns, mapping)
        kept = {name: columns.pop(_ONLY + name) for name in only}
        if last:
            yield last
        last = Rows(table, mapping_path, own, columns, first)
        for name, codes in only.items():
            last.keep_only(name, kept[name], codes)
        first += last.count
    if last is None:
        raise UserError(Problem(table.path, "", "no accounts", "a tape has a header and at least one account"))
    last.add_lines_below(len(table.totals))
    yield last


def shrunk(rows: Rows) -> Rows:
    """Return the rows in use, alone; where something is wrong with some, all of them, to be told with their places."""
    if len(rows.wrong_rows()):
        return rows
    read = {role: joined([column], [rows.in_use]) for role, column in rows.read.items()}
    return _without_others(read, [rows]) if rows.in_use.any() else rows


def together(parts: list[Rows]) -> Rows:
    """Return the rows of several batches, shrunk, as one; the number of a row stays that in the file."""
    some = [part for part in parts if part.in_use.any()]
    if len(parts) == 1 or not some:
        return parts[0]
    used = [part.in_use for part in some]
    read = {role: joined([part.read[role] for part in some], used) for role in some[0].read}
    return _without_others(read, parts)


def _without_others(read: dict[str, Column], parts: list[Rows]) -> Rows:
    """Return the columns `read`, which are the rows in use of `parts`, as rows; those that are not are counted."""
    whole = Rows(parts[0].table, parts[0].mapping_path, parts[0].mapping, read)
    whole.places = np.concatenate([part.row_numbers(np.flatnonzero(part.in_use)) - 1 for part in parts])
    for part in parts:
        for reason, count in part.left_out.items():
            whole.left_out[reason] = whole.left_out.get(reason, 0) + count
    whole.not_there = sum(part.rows_read for part in parts) - whole.count
    return whole

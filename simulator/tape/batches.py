"""The rows of a tape, batch after batch: the columns of each role, pairs of states made rows, others left out."""

from collections.abc import Iterator

import numpy as np

from simulator.model.errors import Problem, UserError
from simulator.reading.column import joined
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


def in_use(parts: list[Rows]) -> Rows:
    """Return the rows in use of several batches as one; those that are not are counted, and no longer there."""
    if len(parts) == 1:
        return parts[0]
    some = [part for part in parts if part.in_use.any()] or parts[:1]
    read = {role: joined([part.read[role] for part in some], [part.in_use for part in some]) for role in some[0].read}
    if not len(read["account_id"]):
        return parts[0]
    whole = Rows(some[0].table, some[0].mapping_path, some[0].mapping, read)
    whole.places = np.concatenate([np.flatnonzero(part.in_use) + part.first for part in some])
    for part in parts:
        for reason, count in part.left_out.items():
            whole.left_out[reason] = whole.left_out.get(reason, 0) + count
    whole.not_there = sum(part.rows_read for part in parts) - whole.count
    return whole

"""The book that a scenario with memory or kinds of people starts from: rows of a tape in one month, and what is told.

That is what is remembered of each account, and which kind its holder is of.
"""

from pathlib import Path

import numpy as np

from simulator.estimation.panels.panel import Panel
from simulator.estimation.roll_rates.histories import UNKNOWN
from simulator.estimation.roll_rates.rows import last_counters
from simulator.model.layout import MAX_MONTHS_BACK
from simulator.system.arrow_files import write_table
from simulator.tape.mapping import Mapping, read_mapping
from simulator.tape.tape import book_rows

BOOK = "book.parquet"
BOOK_MAPPING = "book.toml"
COUNTERS = ("months_in_state", "state_before", "months_since_late")  # roles of a mapping, and the columns' names
KIND, PERSON = "kind", "person"  # likewise
NOT_OF_A_BOOK = (
    "delimiter",
    "encoding",
    "sheet",
    "header_row",
    "rename",
    "only",
)  # how text is read, and rows left out already


def write_book(
    folder: Path,
    tape: Path,
    mapping: Path,
    panel: Panel,
    month: str,
    kind: np.ndarray | None = None,
    person: np.ndarray | None = None,
    files: tuple[str, str] = (BOOK, BOOK_MAPPING),
) -> None:
    """Write into `folder`, as `files` say: rows and columns of `tape` that a book of `month` needs, and its mapping.

    With them are COUNTERS. `mapping` and `panel` are those of the tape; counters are of its months up to then. Blank is
    what nobody knows. With `kind`, int64[account], the column KIND has the kind of each account's holder, from "1" on,
    and with `person`, likewise, PERSON who that is, from 0 on; below 0 is none.
    """
    import pyarrow as pa

    of_month = read_mapping(mapping, panel=True).model_copy(update={"as_of": month})
    rows = book_rows(str(tape), str(mapping), of_month)
    used = pa.array(rows.in_use)
    made = _made(of_month)
    names = {role: made.get(role) or getattr(of_month.columns, role) for role in rows.read}
    columns = {of_month.column(name): rows.read[role].values for role, name in names.items() if name}
    found = {name: values.filter(used) for name, values in columns.items()}
    ids = rows.read["account_id"]
    place = {name: k for k, name in enumerate(panel.account_id.tolist())}
    of_text = np.array([place.get(text, -1) for text in ids.text], dtype=np.int64)
    account = of_text[ids.row][rows.in_use]
    past = panel.until(month)
    last = last_counters(past, np.arange(len(past.state)))
    is_open = (past.state[:, -1] >= 0) & (past.state[:, -1] < len(past.open_states))
    known = (account >= 0) & is_open[account]
    name_of = [*(state.name for state in past.states), None]
    before = np.where(known, last.before[account], UNKNOWN)
    never = last.since_late[account] >= MAX_MONTHS_BACK
    counted = [
        pa.array(last.months[account], mask=~known),
        pa.array([name_of[s] for s in before.tolist()], pa.string()),
        pa.array(last.since_late[account], mask=~known | never),
    ]
    roles: tuple[str, ...] = COUNTERS
    if kind is not None:
        of_kind = np.where(account >= 0, kind[account], -1)
        roles = (*roles, KIND)
        counted.append(pa.array([str(k + 1) if k >= 0 else None for k in of_kind.tolist()], pa.string()))
    if person is not None:
        who = np.where(account >= 0, person[account], -1)
        roles = (*roles, PERSON)
        counted.append(pa.array(who, mask=who < 0))
    named = _column_names(roles, list(found))
    book, book_mapping = files
    write_table(pa.table(found | dict(zip(named.values(), counted, strict=True))), folder / book)
    (folder / book_mapping).write_text(_mapping(mapping, month, named | made), encoding="utf-8")


def _made(mapping: Mapping) -> dict[str, str]:
    """Return the columns by role that a tape of pairs of states is given where it has none itself."""
    if not mapping.columns.status_to:
        return {}
    own = {} if mapping.columns.account_id and not mapping.columns.count else {"account_id": "account_id"}
    return own | {"month": "month"}


def _column_names(roles: tuple[str, ...], taken: list[str]) -> dict[str, str]:
    """Return the column of each of `roles`, none of those taken."""
    found = {}
    for role in roles:
        name = role
        while name in taken:
            name += "_"
        found[role] = name
    return found


def _mapping(mapping: Path, month: str, named: dict[str, str]) -> str:
    """Return the text of the mapping of a BOOK of `month`; `named` are the columns of what is remembered."""
    import tomlkit

    table = tomlkit.parse(mapping.read_text(encoding="utf-8-sig"))
    for key in (*NOT_OF_A_BOOK, "as_of"):
        table.pop(key, None)
    if table["columns"].pop("status_to", None):  # a book has a row for each account, and months as ISO writes them
        for key in ("month_0", "month_step", "month_format"):
            table.pop(key, None)
        table["columns"].pop("count", None)
        table.get("constants", {}).pop("month", None)
    for role, name in named.items():
        table["columns"][role] = name
    return f'as_of = "{month}"\n' + tomlkit.dumps(table)

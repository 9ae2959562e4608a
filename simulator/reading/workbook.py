"""Workbooks as tables: one sheet of an .xlsx, its cells as they are typed there."""

import io
from collections.abc import Iterator
from datetime import date, datetime, time

from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.reading.packed import Source, check_workbook_size
from simulator.reading.table import HEADER_WITHIN, Form, Table, header_at, renamed

BATCH = 1 << 18  # rows


def open_workbook(source: Source, form: Form) -> Table:
    """Return a sheet of a workbook as a table: the one that the form names, else the only one with the names wanted.

    Raises UserError if there is none or more than one, or if it has no header.
    """
    path, sheets = source.path, _sheets(source)
    if form.sheet is not None and form.sheet not in sheets:
        raise UserError(Problem(path, "sheet", f"no sheet {form.sheet!r}", did_you_mean(form.sheet, list(sheets))))
    if form.sheet is not None:
        sheets = {form.sheet: sheets[form.sheet]}
    filled = {name: rows for name, rows in sheets.items() if rows}
    if not filled:
        raise UserError(Problem(path, "", "the file is empty", "a tape has a header and at least one account"))
    fits = {name: rows for name, rows in filled.items() if set(form.wanted) <= set(_header(rows, form)[1])}
    fits = fits or filled
    if len(fits) > 1 and form.wanted:
        raise UserError(Problem(path, "", f"several sheets: {', '.join(fits)}", 'sheet = "..." in the mapping: which'))
    name, rows = max(fits.items(), key=lambda sheet: len(sheet[1])) if not form.wanted else next(iter(fits.items()))
    at, names = _header(rows, form)
    said = kept("Read from sheet {sheet}, the names of columns in row {row}.", sheet=name, row=f"{at + 1:,}")
    return Table(path, names, said, lambda places: _batches(rows[at + 1 :], places), name if len(filled) > 1 else "")


def _header(rows: list[list], form: Form) -> tuple[int, list[str]]:
    """Return the place of the header in `rows` and the names in it."""
    first = [[text_of(cell) for cell in row] for row in rows[:HEADER_WITHIN]]
    at = form.header_row - 1 if form.header_row else header_at(first, form)
    names = renamed([text_of(cell) for cell in rows[at]], form.rename) if 0 <= at < len(rows) else []
    return at, names


def _sheets(source: Source) -> dict[str, list[list]]:
    """Return the cells of each sheet, row by row; raises ValueError where the file is no workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    content = source.whole()
    check_workbook_size(source.path, content)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        return {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (CalamineError, BaseException) as error:
        if isinstance(error, CalamineError) or type(error).__name__ == "PanicException":  # what its Rust gives up with
            raise ValueError(f"this is no workbook: {error}") from None
        raise


def _batches(rows: list[list], places: list[int]) -> Iterator:
    """Yield the columns at `places` as text, the rows with anything in them."""
    import pyarrow as pa

    for start in range(0, len(rows), BATCH):
        some = [row for row in rows[start : start + BATCH] if any(cell not in ("", None) for cell in row)]
        yield [pa.array([text_of(row[place]) for row in some], pa.string()) for place in places]


def text_of(cell) -> str:
    """Return a cell as text: whole numbers without decimals, dates as ISO writes them."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, (date, datetime, time)) else str(cell)

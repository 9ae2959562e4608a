"""A workbook of a study: its numbers as numbers with their formats, all else as text that nothing runs.

The same run gives the same bytes: there is no clock in it, and nothing of the machine.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from simulator.analysis.estimates import Difference
from simulator.analysis.measures import ACCOUNTS, MEASURES, RATIO, SECTIONS, SHARE, answer
from simulator.language.catalogue import noted, retold, say
from simulator.model.errors import Problem, UserError
from simulator.model.printable import printable
from simulator.report import phrasing, worlds
from simulator.report.references import glossary, in_order, references
from simulator.scenario.parameters import STATUSES, Setting, in_words, settings, source_words, status_of, unit_words
from simulator.scenario.scenario import AS_WRITTEN
from simulator.system.inputs import reason

NAME = "results.xlsx"
PARTS = ("value", "se")  # of a number in summary.json
NAN = float("nan")
MADE = datetime(2000, 1, 1)  # written into every workbook as the day it was made: the same run, the same bytes
MOST_ROWS, MOST_COLUMNS, MOST_SIGNS = 1_048_576, 16_384, 32_767  # that the format can hold
NARROW, WIDE = 8, 60  # characters of a column
PLAIN_TEXT = ("strings_to_formulas", "strings_to_urls", "strings_to_numbers")  # what a text must never turn into
WHOLE_AMOUNT = 1000  # from which an amount is shown without decimals
SUMMARY, COMPARISON, MONTHLY, SETTINGS, SOURCES, GLOSSARY = SHEETS = (
    noted("summary"), noted("comparison"), noted("monthly"), noted("settings"), noted("sources"), noted("glossary"),
)  # fmt: skip
WHAT_IS_IN = {
    SUMMARY: noted("what was asked, what must be known first, the answer, and the measures it is made of"),
    COMPARISON: noted(
        "every measure of every lender over all months and over those of lending, with its paired difference"
    ),
    MONTHLY: noted("every monthly measure of the whole book by month and lender: the mean over replications"),
    SETTINGS: noted("every value in force with unit, range, source and status: assumptions first"),
    SOURCES: noted("where the values come from, and how many come from there: assumptions first"),
    GLOSSARY: noted("the words and names in this workbook, in English and Chinese"),
}
LEFT_OUT = noted(
    "Not in this workbook: standard errors by month, months by segment and product, lines of the ledger, roll "
    "matrices, vintages and single replications. They are in the Parquet files of the run's folder."
)
WINDOWS = {"whole": noted("all|months"), "lending": noted("lending|months")}  # of months
LOST = {  # what the format could not hold
    "control": noted("Dropped: {n:,} control character that no workbook can hold."),
    "end": noted("Dropped: {n:,} end of text longer than a cell holds."),
    "row": noted("Dropped: {n:,} row beyond those that a sheet holds."),
    "cell": noted("Dropped: {n:,} cell beyond the columns that a sheet holds."),
}
MANY_LOST = {
    "control": noted("Dropped: {n:,} control characters that no workbook can hold."),
    "end": noted("Dropped: {n:,} ends of text longer than a cell holds."),
    "row": noted("Dropped: {n:,} rows beyond those that a sheet holds."),
    "cell": noted("Dropped: {n:,} cells beyond the columns that a sheet holds."),
}
FACTS = {  # of a manifest, and their names in words
    "command": noted("command"),
    "scenario": noted("scenario"),
    "seed": noted("seed"),
    "borrowers": noted("borrowers|how many"),
    "replications": noted("replications|how many"),
    "months": noted("months|of lending"),
    "run_off_months": noted("run off months"),
    "run_on_months": noted("run on months"),
    "draws": noted("draws|how many"),
}


class Value(NamedTuple):
    """A number, and how it is shown."""

    value: float
    format: str = "General"


def write(path: Path, study) -> Path:
    """Write the workbook of a study in the place of a file that is there, whole or not at all, and return its path.

    Raises UserError if the name does not end in .xlsx, or if it cannot be written.
    """
    if path.suffix.lower() != ".xlsx":
        raise UserError(Problem(str(path), "", "this is no name of a workbook", "allowed: a name that ends in .xlsx"))
    content = workbook(study)
    partial = path.with_name(f".{path.stem[:40]}.{os.getpid()}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except (OSError, ValueError) as error:
        raise UserError(Problem(str(path), "", f"cannot be written: {reason(error)}")) from None
    finally:
        with suppress(OSError, ValueError):
            partial.unlink()
    return path


def workbook(study) -> bytes:
    """Return the workbook of a study, saved or not: one with the same numbers gives the same bytes."""
    book = _Book()
    every_world = {AS_WRITTEN: study, **study.worlds}
    in_force = list(settings(study.settings))
    _comparison(book.sheets[COMPARISON], every_world)
    _monthly(book.sheets[MONTHLY], every_world)
    _settings(book.sheets[SETTINGS], in_force)
    _sources(book.sheets[SOURCES], in_force)
    _glossary(book.sheets[GLOSSARY], study, in_force, book.said)
    _summary(book.sheets[SUMMARY], study, every_world, book)
    return book.closed()


def shown(value: float | None, unit: str, currency: str, difference: bool = False, error: bool = False) -> Value | None:
    """Return a number of a measure as a cell: shares in per cent, amounts with separators of thousands.

    None where there is no number. Differences have their sign; they and errors have a decimal more.
    """
    if value is None or value != value:
        return None
    if unit.startswith(SHARE):
        form = "0.000%" if difference or error else "0.00%"
    elif unit.startswith(currency):
        form = "#,##0" if abs(value) >= WHOLE_AMOUNT else "#,##0.00"
    elif unit == ACCOUNTS:
        form = "#,##0.0"
    else:
        form = "0.000" if unit == RATIO else "#,##0.00"
    return Value(value, f"+{form};-{form};{form}" if difference else form)


# ---- the sheets --------------------------------------------------------------------------------------
def _summary(sheet, study, every_world, book):
    """Fill the first sheet: words, the measures of the answer by lender, what is where, how it was made."""
    frame, told = study.frame, study.summary
    sheet.head([frame.title])
    setting = phrasing.setting(frame)
    sheet.words(say("setting"), say("{setting}; currency {currency}", setting=setting, currency=frame.currency))
    for said in study.cautions:
        sheet.words(say("caution"), retold(said))
    if study.worlds:
        sheet.words(say("in all worlds"), worlds.in_words(study.verdict_in_every_world, frame))
    for name, one in every_world.items():
        if one.variants:
            said = phrasing.verdict_of(one.verdict, len(one.lenders), one.frame)
            sheet.words(say("answer") if name == AS_WRITTEN else say("answer, world {world}", world=name), said)
    for name, one in every_world.items():
        _answer(sheet, one, name)
    for measure, choice in told.get("decision", {}).items():
        _choice(sheet, measure, choice, frame)
    sheet.gap()
    for name, what in WHAT_IS_IN.items():
        sheet.words(say("sheet {name}", name=say(name)), say(what))
    strange = [name for name in study.measures if name not in MEASURES]
    names = phrasing.in_a_row(strange)
    unknown = [say("Measures that this version does not know are left out: {names}.", names=names)] if strange else []
    for said in (say(LEFT_OUT), *unknown, *book.notes()):
        sheet.words(say("note"), said)
    sheet.gap()
    for name, fact in _facts(study).items():
        sheet.row([name, fact])


def _answer(sheet, study, world):
    """Put the measures of the answer: a row for each lender with its values, then one with its changes."""
    frame, rows = study.frame, {}
    names = [name for name in answer(frame) if name in study.measures]
    for row in study.compared(names).to_pylist():
        rows[row["variant"], row["measure"]] = row
    units = {name: MEASURES[name].unit_in(frame) for name in names}
    heads = [_head(name, frame) for name in names]
    own = world == AS_WRITTEN
    sheet.gap()
    first = say("lender") if own else say("lender in world {world}", world=world)
    sheet.head([first, *chain.from_iterable((head, say("standard error")) for head in heads)])
    for lender in study.lenders:
        cells = [
            shown(rows[lender, name][part], units[name], frame.currency, error=part != "value")
            for name in names
            for part in ("value", "value_standard_error")
        ]
        sheet.row([phrasing.named(lender, frame), *cells])
    if not study.variants:
        return
    sheet.gap()
    ends = say("95 %: from"), say("to|an end")
    changes = chain.from_iterable((say("change of {measure}", measure=head), *ends) for head in heads)
    first = (
        say("variant less its reference") if own else say("variant less its reference in world {world}", world=world)
    )
    sheet.head([first, *changes])
    for variant in study.variants:
        cells = [
            shown(rows[variant, name][part], units[name], frame.currency, difference=True)
            for name in names
            for part in ("difference", "low", "high")
        ]
        other = phrasing.named(study.reference(variant), frame)
        sheet.row([say("{first} less {second}", first=phrasing.named(variant, frame), second=other), *cells])


def _choice(sheet, measure, choice, frame):
    """Put what is known of choosing under doubt, by one measure, then what is worth knowing."""
    currency = frame.currency
    sheet.gap()
    money = phrasing.unit_in_words(currency)
    about = [
        say("under doubt, by {measure}", measure=phrasing.label(measure)),
        say("probability best"),
        say("standard error"),
        say("expected loss if chosen, {currency}", currency=money),
        say("standard error"),
    ]
    sheet.head(about)
    for lender, likely in choice["probability_best"].items():
        loss = choice["expected_loss"][lender]
        cells = [(likely, SHARE), (loss, choice["unit"])]
        sheet.row(
            [
                phrasing.named(lender, frame),
                *(shown(one[part], unit, currency, error=part == "se") for one, unit in cells for part in PARTS),
            ]
        )
    if choice["worth_knowing"]:
        sheet.gap()
        number = say("number, by {measure}", measure=phrasing.label(measure))
        sheet.head([number, say("worth knowing, {currency}", currency=money), say("standard error")])
    for one in choice["worth_knowing"]:
        sheet.row([one["key"], *(shown(one[part], choice["unit"], currency, error=part == "se") for part in PARTS)])


def _facts(study):
    """Return how the study came about, without what is of the machine, the folder or the clock."""
    facts = study.facts
    told = {say(name): facts[key] for key, name in FACTS.items() if facts.get(key) is not None}
    return {**told, say("scenario digest"): facts["scenario_digest"], say("result digest"): study.result_digest}


def _comparison(sheet, every_world):
    """Fill every measure: a row for each lender and window."""
    several, money = len(every_world) > 1, next(iter(every_world.values())).frame.currency
    money = phrasing.unit_in_words(money)
    told = [
        say("unit"),
        say("value ({currency}, %)", currency=money),
        say("standard error"),
        say("compared with"),
        say("difference ({currency}, %)", currency=money),
        say("standard error of it"),
        say("95 %: from"),
        say("to|an end"),
        say("sureness"),
        say("why there is no value"),
        say("section"),
        say("name"),
    ]
    sheet.head([say("measure"), *([say("world")] if several else []), say("lender"), say("months|of a window"), *told])
    sections = {measure.name: heading for heading, measures in SECTIONS.items() for measure in measures}
    for world, study in every_world.items():
        frame = study.frame
        tables = {window: study.compared(window=window).to_pylist() for window in study.windows}
        rows = {(window, row["measure"], row["variant"]): row for window, rows in tables.items() for row in rows}
        for name in _known(study):
            unit = MEASURES[name].unit_in(frame)
            for window in study.windows:
                for lender in study.lenders:
                    row = rows[window, name, lender]
                    moved = lender != study.lenders[0]

                    def cell(part, difference=False, row=row, unit=unit, currency=frame.currency):
                        return shown(row[part], unit, currency, difference, error=part.endswith("standard_error"))

                    changes = [
                        row["baseline"] and phrasing.named(row["baseline"], frame),
                        *(
                            cell(part, part != "standard_error")
                            for part in ("difference", "standard_error", "low", "high")
                        ),
                        _sureness(row),
                    ]
                    sheet.row(
                        [
                            phrasing.label(name),
                            *([worlds.called(world)] if several else []),
                            phrasing.named(lender, frame),
                            say(WINDOWS.get(window, window)),
                            phrasing.unit_in_words(unit) if unit.startswith(frame.currency) else say(unit),
                            cell("value"),
                            cell("value_standard_error"),
                            *(changes if moved else [None] * len(changes)),
                            row["reason"] and retold(row["reason"]),
                            say(sections[name]),
                            name,
                        ]
                    )
    sheet.filter()


def _sureness(row):
    """Return how sure the sign of a row's difference is, in words."""
    parts = (row[part] for part in ("difference", "standard_error", "low", "high"))
    value, se, low, high = (NAN if x is None else x for x in parts)
    said = phrasing.clarity(Difference(value, se, low, high, NAN))
    return said and say(said)


def _monthly(sheet, every_world):
    """Fill every monthly measure of the whole book: a row for each lender and month, a column for each measure."""
    several = len(every_world) > 1
    first = next(iter(every_world.values()))
    names = {name: None for study in every_world.values() for name in _known(study) if MEASURES[name].monthly}
    calendar = first.frame.start_month is not None
    heads = [_head(name, first.frame) for name in names]
    before = [say("lender"), *([say("world")] if several else []), say("month|of a row")]
    before += [say("of the year")] if calendar else []
    sheet.head([*before, *heads], fixed=len(before))
    for world, study in every_world.items():
        frame, found = study.frame, {}
        for name in names:
            if name in study.measures:
                rows = study.monthly(name).to_pydict()
                found[name] = dict(zip(zip(rows["variant"], rows["month"], strict=True), rows["value"], strict=True))
        months = sorted({month for by_place in found.values() for _, month in by_place})
        for lender in study.lenders:
            for month in months:
                place = [
                    phrasing.named(lender, frame),
                    *([worlds.called(world)] if several else []),
                    Value(month, "0"),
                    *([phrasing.calendar(frame, month) if month else None] if calendar else []),
                ]
                values = (found.get(name, {}).get((lender, month)) for name in names)
                units = (MEASURES[name].unit_in(frame) for name in names)
                cells = [shown(value, unit, frame.currency) for value, unit in zip(values, units, strict=True)]
                sheet.row([*place, *cells])
    sheet.filter()


def _settings(sheet, in_force):
    """Fill every value in force, assumptions first."""
    about = [
        say("key"),
        say("lender or world"),
        say("value"),
        say("unit"),
        say("90 %: from"),
        say("to|an end"),
        say("source"),
    ]
    sheet.head([*about, say("status"), say("spread, group")])
    for one in sorted(in_force, key=_rank):
        low, high = one.range if len(one.range) == 2 else (None, None)
        ends = [
            _setting(end, one.unit) if isinstance(end, int | float) else end and in_words(end) for end in (low, high)
        ]
        sheet.row(
            [
                one.key,
                phrasing.by_key(one.lender),
                _setting(one.value, one.unit),
                unit_words(one.unit),
                *ends,
                source_words(one.source),
                one.status and say(one.status),
                one.spread,
            ]
        )
    sheet.filter()


def _setting(value, unit):
    """Return a value in force as a cell."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, str) else in_words(value)
    if unit.startswith(SHARE):
        return Value(value, "0.00##%")
    return Value(value, "#,##0" if value == int(value) else "General")


def _rank(one: Setting) -> int:
    """Return where a value stands: assumptions, then what only the author says, what has a source, what needs none."""
    return STATUSES.index(status_of(one))


def _sources(sheet, in_force):
    """Fill where values come from: a row for each source as it is stated, assumptions first."""
    sheet.head([say("source"), say("status"), say("values"), say("references"), say("keys")])
    by_source: dict[tuple[str, str], list[Setting]] = {}
    for one in sorted(in_force, key=_rank):
        if one.source:
            by_source.setdefault((one.source, one.status), []).append(one)
    for (source, status), of in by_source.items():
        named = [f"{code}: {what}" for code, what in references(source).items()]
        keys = dict.fromkeys(one.key for one in of)
        cells = [
            source_words(source),
            status and say(status),
            Value(len(of), "0"),
            phrasing.joined(named),
            ", ".join(keys),
        ]
        sheet.row(cells)
    sheet.filter()


def _glossary(sheet, study, in_force, said):
    """Fill the terms of the glossary that occur in the workbook, by their names or in its words."""
    sheet.head(in_order((say("term"), "中文", say("name here"), say("meaning here"))))
    parts = {part for one in in_force for part in one.key.split(".")}
    names = {*study.measures, *parts, *chain.from_iterable(part.split("_") for part in parts)}
    for row in glossary(names, " ".join(said)):
        sheet.row(in_order(row))


def _known(study) -> list[str]:
    """Return the measures of a study that this version knows: an older folder may have others."""
    return [name for name in study.measures if name in MEASURES]


def _head(measure, frame):
    """Return a measure with its unit as the head of a column."""
    unit = phrasing.unit_in_words(MEASURES[measure].unit_in(frame))
    return say("{measure}, {scale}", measure=phrasing.label(measure), scale=unit)


# ---- the book ----------------------------------------------------------------------------------------
class _Book:
    """A workbook that is being filled."""

    def __init__(self):
        import xlsxwriter  # here: a command without a workbook does not pay for it

        self.content = BytesIO()
        self.made = xlsxwriter.Workbook(self.content, {"in_memory": True, **dict.fromkeys(PLAIN_TEXT, False)})
        self.made.set_properties({"created": MADE, "author": "simulator", "title": ""})
        self.formats: dict[tuple, Any] = {}
        self.lost: Counter[str] = Counter()  # what the format could not hold
        self.said: dict[str, None] = {}  # every text in it, once
        self.sheets = {name: _Sheet(self, self.made.add_worksheet(say(name))) for name in SHEETS}

    def format(self, **properties):
        """Return the format of these properties, the same for the same ones."""
        key = tuple(properties.items())
        if key not in self.formats:
            self.formats[key] = self.made.add_format(properties)
        return self.formats[key]

    def text(self, said: str) -> str:
        """Return a text as the format can hold it; what turns the order of signs around is written out."""
        said = said.replace("\n", " ").replace("\t", " ")
        is_plain = said.isascii() and said.isprintable()
        kept = said if is_plain else "".join(sign for sign in said if _can_be_held(sign))
        if gone := len(said) - len(kept):
            self.lost["control"] += gone
        if len(kept) > MOST_SIGNS:
            self.lost["end"] += 1
            kept = f"{kept[: MOST_SIGNS - 4]} ..."
        kept = printable(kept)
        self.said[kept] = None
        return kept

    def notes(self) -> list[str]:
        """Return what was left out because the format cannot hold it, in sentences."""
        return [say(LOST[what] if n == 1 else MANY_LOST[what], n=n) for what, n in self.lost.items()]

    def closed(self) -> bytes:
        """Return the whole file."""
        for sheet in self.sheets.values():
            sheet.close()
        self.made.close()
        return self.content.getvalue()


class _Sheet:
    """A sheet that is filled row by row; its first head and first column stay in sight."""

    def __init__(self, book: _Book, made):
        self.book, self.made = book, made
        self.next = self.columns = 0
        self.widths: dict[int, int] = {}

    def head(self, names: Sequence[str], fixed: int = 1) -> None:
        """Put a head; the first one of the sheet is frozen, with so many columns."""
        if self.next == 0:
            self.made.freeze_panes(1, fixed)
            self.columns = len(names)
        self._put(names, bold=True, bg_color="#E3E8EC", text_wrap=self.next > 0 or len(names) > 1, valign="top")

    def row(self, cells: Iterable[Any]) -> None:
        """Put a row: texts, truths, `Value`s, and None for what is empty."""
        self._put(cells)

    def words(self, what: str, said: str) -> None:
        """Put a sentence, which runs over the empty cells to its right."""
        self._put([what], bold=True)
        self._cell(self.next - 1, 1, said, {})

    def gap(self) -> None:
        """Leave a row empty."""
        self.next += 1

    def filter(self) -> None:
        """Offer to choose rows by the values of a column."""
        if self.next > 1:
            self.made.autofilter(0, 0, self.next - 1, self.columns - 1)

    def close(self) -> None:
        """Make each column as wide as what stands in it."""
        for column, width in self.widths.items():
            self.made.set_column(column, column, min(max(width + 2, NARROW), WIDE))

    def _put(self, cells, **style) -> None:
        if self.next >= MOST_ROWS:
            self.book.lost["row"] += 1
            return
        for column, cell in enumerate(cells):
            if cell is None or cell == "":
                continue
            if column >= MOST_COLUMNS:
                self.book.lost["cell"] += 1
                continue
            self._cell(self.next, column, cell, style)
            longest = max(_width(line) for line in _in_short(cell, bool(style)))
            self.widths[column] = max(self.widths.get(column, 0), longest)
        self.next += 1

    def _cell(self, row, column, cell, style) -> None:
        if isinstance(cell, Value):
            form = self.book.format(num_format=cell.format, **style)
            self.made.write_number(row, column, cell.value, form)
        elif isinstance(cell, int | float):
            self.made.write_number(row, column, cell, self.book.format(**style) if style else None)
        else:
            self.made.write_string(row, column, self.book.text(str(cell)), self.book.format(**style) if style else None)


def _in_short(cell, is_head) -> list[str]:
    """Return the lines whose length makes a column wide: of a head its words, since it is wrapped."""
    if isinstance(cell, Value):
        return [f"{cell.value:,.2f}" if "," in cell.format else f"{cell.value:.6g}"]
    return str(cell).split(" ") if is_head else [str(cell)]


def _width(text) -> int:
    """Return the columns that a text takes: a sign of Chinese takes two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _can_be_held(sign) -> bool:
    """Return whether a workbook can hold a character: no controls, halves of characters or non-characters."""
    return unicodedata.category(sign) not in ("Cc", "Cs") and ord(sign) & 0xFFFE != 0xFFFE

"""Draft the mapping of a file: TOML with what each column seems to be, and a question wherever that is a guess."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.model.errors import Problem, UserError, check_names
from simulator.model.layout import BUCKETS
from simulator.reading.column import Column
from simulator.reading.dates import DAY_NUMBER, month_at, month_of, number_of
from simulator.reading.encodings import ENCODINGS
from simulator.reading.files import open_table, read_batches
from simulator.reading.table import TOTAL, Form, Table
from simulator.tape.draft.codes import After, Meaning, meaning_of, of_numbers
from simulator.tape.draft.names import ANY_ID, OUTCOMES, ROLES, sounds_like
from simulator.tape.draft.seen import Seen
from simulator.tape.draft.wide import Group, groups
from simulator.tape.mapping import Columns

MOST_ROWS = 2_000_000  # that are looked at
MOST_COLUMNS = 5_000  # each of which is looked at: five roles in each of MOST_MONTHS, and others
MOST_CODES, FEW_CODES = 60, 2  # of a column of codes
MOST_SEGMENTS = 40
MOST_MONTHS = 600
NUMBER_0 = "2024-01"  # month 0 where nobody knows it
AMOUNTS = ("balance", "limit", "payment", "written_off", "recovered", "instalment", "arrears")
OF_LOANS = ("amount", "rate", "principal", "interest", "recoveries", "recovery_cost", "fees", "total")
NUMBERS = (*AMOUNTS, *OF_LOANS, "count")
ENDS = {"paid": ("paid_off",), "charged_off": ("written_off",)}


ASKED = "# ?"  # before a question


class Draft(NamedTuple):
    """A drafted mapping."""

    text: str  # TOML
    questions: int  # lines with "# ?" in it
    said: str  # how the file was read


def draft_mapping(path: str | Path, encoding: str | None = None) -> Draft:
    """Return the draft of the mapping of a file, which is in an `encoding` that cannot be found by rules.

    Raises UserError if it cannot be read, or has no ids of accounts.
    """
    if encoding is not None:
        check_names("--encoding", [encoding], ENCODINGS)
    table = open_table(str(path), Form(encoding=encoding))
    if len(table.names) > MOST_COLUMNS:
        found, allowed = f"{len(table.names):,} columns", f"allowed: up to {MOST_COLUMNS:,}; leave out those of no use"
        raise UserError(Problem(str(path), "", found, allowed))
    lines = list(_drafted(table))
    if encoding is not None:
        lines.insert(2, f'encoding = "{encoding}"')
    text = "\n".join(lines) + "\n"
    return Draft(text, text.count("# ?") - text.count(f"`{ASKED}`"), table.form)


def _drafted(table: Table) -> Iterator[str]:
    """Yield the lines of the draft."""
    seen = _seen(table)
    if not seen or not next(iter(seen.values())).rows:
        raise UserError(Problem(table.path, "", "no accounts", "a tape has a header and at least one account"))
    rows = next(iter(seen.values())).rows
    yield f"# Drafted by `simulator map` from {Path(table.path).name}: {rows:,} rows looked at. {table.form}".rstrip()
    yield "# Lines with `# ?` are guesses: answer them, and delete the question."
    if all(sign.isdigit() for name in table.names for sign in name if sign.isalnum()):
        yield "# ? the names of columns are numbers: does the file lack a header?"
    together = groups(table.names)
    chosen = _outcomes(seen) if not together else None
    yield from _of_outcomes(table, seen, chosen) if chosen else _of_accounts(table, seen, together)


def _seen(table: Table) -> dict[str, Seen]:
    """Return what stands in each column that has a name of its own, in the first MOST_ROWS rows."""
    import pyarrow as pa

    names = [name for name in table.names if name and table.names.count(name) == 1]
    parts, rows = [], 0
    for batch in read_batches(table, names):
        parts.append(batch)
        rows += len(next(iter(batch.values())))
        if rows >= MOST_ROWS:
            break
    if not parts:
        return {}
    whole = {name: Column(pa.chunked_array([part[name].values for part in parts])) for name in names}
    sums = np.any([column.fits(TOTAL) for column in whole.values()], axis=0)
    rest = pa.array(~(sums | np.all([column.blank for column in whole.values()], axis=0)))
    return {name: Seen(name, Column(column.values.filter(rest))) for name, column in whole.items()}


# ---- which column is what --------------------------------------------------------------------------------------------
def _fits(role: str, column: Seen) -> bool:
    """Return whether what stands in a column can be of a role."""
    if role in NUMBERS:
        return column.decimal is not None
    if role in ("dpd", "months_left", "term"):
        return column.is_whole
    if role in ("opened", "issued"):
        return bool(column.month_forms)
    if role == "month":
        numbered = column.is_whole and np.abs(column.values).max() < MOST_MONTHS
        return bool(column.month_forms) or numbered
    if role in ("account_id", "borrower_id"):
        return column.filled == 1 and len(column.texts) > 1
    if role == "currency":
        return all(len(text) == 3 for text in column.texts)
    return FEW_CODES <= len(column.counts) <= (MOST_CODES if role.startswith("status") else MOST_SEGMENTS)


def _choose(roles: dict[str, str], seen: dict[str, Seen], together: Iterable[Group] = ()) -> dict[str, str]:
    """Return the name of the column, or of the group of columns, of each role that some column fits by name."""
    chosen: dict[str, str] = {}
    grouped = {column for group in together for column in group.columns}
    kinds = {group.name: seen[group.columns[-1]] for group in together if group.columns[-1] in seen}
    kinds |= {name: column for name, column in seen.items() if name not in grouped}
    for role, pattern in roles.items():
        fits = [
            name
            for name, column in kinds.items()
            if name not in chosen.values() and sounds_like(_stem(name), pattern) and _fits(role, column)
        ]
        if fits:
            chosen[role] = max(fits, key=lambda name: len(kinds[name].texts)) if role == "account_id" else fits[0]
    return chosen


def _stem(name: str) -> str:
    return name.partition("{")[0] if "{" in name else name


def _outcomes(seen: dict[str, Seen]) -> dict[str, str] | None:
    """Return the columns of a file of finished loans by role, None if it is none."""
    chosen = _choose(OUTCOMES, seen)
    needed = ("status", "term", "rate", "amount", "principal", "account_id")
    if (
        any(role not in chosen for role in needed)
        or len(seen[chosen["account_id"]].texts) < seen[chosen["account_id"]].rows
    ):
        return None
    ends = {_end_of(code) for code in seen[chosen["status"]].counts}
    return chosen if {"paid", "charged_off"} <= ends else None


def _end_of(code: str) -> str:
    """Return how a loan with a code ended."""
    entry = meaning_of(code).entry
    return next((end for end, words in ENDS.items() if any(word in entry for word in words)), "leave_out")


# ---- the file of finished loans --------------------------------------------------------------------------------------
def _of_outcomes(table: Table, seen: dict[str, Seen], chosen: dict[str, str]) -> Iterator[str]:
    yield from _currency(seen, {}, needed=True)
    yield from _written(table, seen, chosen)
    lacking = [role for role in ("interest", "recoveries") if role not in chosen]
    for role in lacking:
        yield f"constants.{role} = 0 # ? no column says {role}"
    if "issued" not in chosen:
        yield 'constants.issued = "2020-01" # ? no column says when loans were issued'
    rate = seen[chosen["rate"]]
    middle = float(np.median(rate.values)) if len(rate.values) else 0.0
    signs = any(sign in text for text in rate.texts[:100] for sign in "%％")
    unit = "percent per year" if signs or middle > 3 else "percent per month" if middle > 0.6 else "per year"
    unit = "per month" if middle < 0.03 and not signs else unit
    yield "\n[outcomes]"
    asked = "" if signs or middle > 5 else " # ? by its size"
    yield f'rate_unit = "{unit}"{asked}  # the middle rate is {middle:g}'
    yield "\n[columns]"
    for role, name in chosen.items():
        yield f"{role} = {_quoted(name)}"
    yield from _others(seen, chosen.values())
    yield "\n[status]"
    for code, count in seen[chosen["status"]].counts.items():
        end = _end_of(code)
        asked = "# ? still open, or what does it mean? " if end == "leave_out" else "# "
        yield f"{_quoted(code)} = {_quoted(end)} {asked}{count:,} rows"


# ---- accounts by month ----------------------------------------------------------------------------------------------
def _of_accounts(table: Table, seen: dict[str, Seen], together: list[Group]) -> Iterator[str]:
    chosen = _choose(ROLES, seen, together)
    asked: dict[str, str] = {}
    wide = {role: group for role, name in chosen.items() for group in together if group.name == name}
    if not {"status", "dpd"} & wide.keys():
        wide, together = {}, []
        chosen = _choose(ROLES, seen)
    if "status_to" in chosen and not _are_pairs(seen, chosen, wide):
        del chosen["status_to"]
    if "status_to" not in chosen:
        chosen.pop("count", None)
    _guess(seen, chosen, asked, wide)
    lead = "status" if "status" in chosen else "dpd"
    if lead not in chosen:
        found = ", ".join(table.names[:12])
        raise UserError(Problem(table.path, "", "no column seems to say how late an account is", f"found: {found}"))
    yield from _currency(seen, chosen)
    asked |= {role: said for role, name in chosen.items() if name in seen and (said := _wrong(role, seen[name]))}
    numbered = [group for group in wide.values() if group.numbers]
    if numbered:
        yield from _numbered(seen, wide, lead)
    yield from _written(table, seen, {role: name for role, name in chosen.items() if role not in wide})
    yield from _signs(seen, chosen, wide)
    yield from _months(seen, chosen, wide)
    yield from _constants(seen, chosen, wide)
    yield "\n[columns]"
    for role in Columns.model_fields:
        if role in chosen:
            yield f"{role} = {_quoted(chosen[role])}{_asked(asked.get(role))}"
    used = [column for role, name in chosen.items() for column in (wide[role].columns if role in wide else [name])]
    yield from _others(seen, used)
    if "status" in chosen:
        yield "\n[status]"
        yield from _status(seen, chosen, wide)
    if "product" in chosen:
        yield "\n[product]"
        yield from _products(seen[chosen["product"]])


def _wrong(role: str, column: Seen) -> str:
    """Return what to ask of a column in which some rows have no number, or no date; "" of another."""
    if role in (*NUMBERS, "dpd", "months_left") and column.decimal and column.wrong.any():
        some = column.column.at(int(np.argmax(column.wrong)))
        return f"{int(column.wrong.sum()):,} rows are no numbers, such as {some!r}"
    if role in ("month", "opened") and column.month_forms:
        form = column.month_forms[0] or None
        none = [text for text in column.texts if not month_of(text, form)]
        return f"{sum(column.counts[text] for text in none):,} rows are no dates, such as {none[0]!r}" if none else ""
    return ""


def _are_pairs(seen: dict[str, Seen], chosen: dict[str, str], wide: dict[str, Group]) -> bool:
    """Return whether two columns have codes of the same kind."""
    if "status" not in chosen or wide:
        return False
    return bool(seen[chosen["status"]].counts.keys() & seen[chosen["status_to"]].counts.keys())


def _guess(seen: dict[str, Seen], chosen: dict[str, str], asked: dict[str, str], wide) -> None:
    """Choose the columns of roles that no name tells, with a question each."""
    free = [column for name, column in seen.items() if name not in chosen.values()]
    if "account_id" not in chosen and "borrower_id" in chosen:
        chosen["account_id"] = chosen.pop("borrower_id")
    if "account_id" not in chosen and "status_to" not in chosen:
        named = [column for column in free if sounds_like(column.name, ANY_ID) and _fits("account_id", column)]
        fits = named or [c for c in free if _fits("account_id", c) and (c.is_whole or c.decimal is None)]
        if fits:
            chosen["account_id"] = max(fits, key=lambda column: len(column.texts)).name
            asked["account_id"] = "" if named else "by its many values alone"
    free = [column for name, column in seen.items() if name not in chosen.values()]
    if "month" not in chosen and not wide:
        fits = [c for c in free if c.month_forms and len(c.texts) <= MOST_MONTHS and len(c.texts) < max(c.rows, 2)]
        if fits:
            chosen["month"], asked["month"] = fits[0].name, "by its dates alone"
    if "status" not in chosen and "dpd" not in chosen:
        fits = [c for c in free if _fits("status", c) and c.name != chosen.get("month") and not c.month_forms]
        told = [c for c in fits if sum("leave_out" not in meaning_of(t).entry for t in c.texts) > len(c.texts) / 2]
        if told:
            chosen["status"], asked["status"] = told[0].name, "by its codes alone"
    dpd = seen.get(chosen.get("dpd", ""))
    if dpd is not None and len(dpd.values) and 0 < dpd.values.max() < BUCKETS:
        role = "dpd" if "status" in chosen else "status"
        chosen[role] = chosen.pop("dpd")
        asked[role] = f"none is above {dpd.values.max():g}: months late, or days?"


def _currency(seen: dict[str, Seen], chosen: dict[str, str], needed: bool = False) -> Iterator[str]:
    """Yield the line of the currency: by signs before or after amounts, by Chinese names, else a question."""
    if "currency" in chosen:
        codes = seen[chosen["currency"]].counts
        if len(codes) > 1:
            most = next(iter(codes))
            counts = ", ".join(f"{code} {count:,}" for code, count in codes.items())
            yield f"only.{_quoted(chosen['currency'])} = [{_quoted(most)}] # ? {counts}: the rows of one currency"
        return
    texts = [text for column in seen.values() for text in column.texts[:200]]
    signs = {"CNY": "¥￥元CNYRMB", "EUR": "€", "GBP": "£", "USD": "$", "INR": "₹", "KRW": "₩"}
    for code, marks in signs.items():
        if any((mark in text) for text in texts for mark in (marks if len(marks) < 3 else (*marks[:3], "CNY", "RMB"))):
            yield f'currency = "{code}" # ? by the signs beside amounts'
            return
    if any("\u4e00" <= sign <= "\u9fff" for name in seen for sign in name):
        yield 'currency = "CNY" # ? by the language of the names'
    else:
        yield f'{"" if needed else "# "}currency = "USD" # ? nothing says which'


def _written(table: Table, seen: dict[str, Seen], chosen: dict[str, str]) -> Iterator[str]:
    """Yield the lines on how the file is written."""
    if table.sheet:
        yield f"sheet = {_quoted(table.sheet)} # ? the one with most rows"
    amounts = [seen[name] for role, name in chosen.items() if role not in ("account_id", "month", "borrower_id")]
    if any(column.decimal == "," for column in amounts):
        yield 'decimal = "," # by numbers that have one before their last digits'
    forms = {
        role: column.month_forms
        for role in ("month", "opened", "issued")
        if (column := seen.get(chosen.get(role, ""))) and column.month_forms and column.month_forms[0]
    }
    for role, found in forms.items():
        others = {tuple(month_of(text, form) for text in seen[chosen[role]].texts[:50]) for form in found}
        asked = f"# ? or {' or '.join(found[1:])}" if len(others) > 1 else ""
        asked = "# ? whole numbers as spreadsheets write dates" if found[0] == DAY_NUMBER else asked
        yield f'month_formats.{role} = "{found[0]}" {asked}'.rstrip()


def _signs(seen: dict[str, Seen], chosen: dict[str, str], wide: dict[str, Group]) -> Iterator[str]:
    """Yield which amounts are mostly below 0."""
    turned = []
    for role in AMOUNTS:
        columns = wide[role].columns if role in wide else [chosen[role]] if role in chosen else []
        values = np.concatenate([np.zeros(0), *(seen[name].values for name in columns)])
        if (values < 0).sum() > (values > 0).sum():
            turned.append(role)
    if turned:
        yield f"opposite_sign = {json.dumps(turned)} # ? most are below 0"


def _months(seen: dict[str, Seen], chosen: dict[str, str], wide: dict[str, Group]) -> Iterator[str]:
    """Yield what numbered months count from, or the month of a file that names none."""
    column = seen.get(chosen.get("month", ""))
    if column is not None and not column.month_forms:
        low, high = column.values.min(), column.values.max()
        yield f'month_0 = "{NUMBER_0}" # ? the month of number 0: {chosen["month"]} is {low:g} to {high:g}'
    elif column is None and not wide and "status_to" in chosen:
        yield f'constants.month = "{NUMBER_0}" # ? the month of the first state: no column says it'
    elif column is None and not wide:
        yield "# ? no column says the month: accounts of one date start a run (portfolio.tape), no more"


def _constants(seen: dict[str, Seen], chosen: dict[str, str], wide: dict[str, Group]) -> Iterator[str]:
    """Yield what stands for columns that are not there."""
    if "balance" not in chosen:
        yield "# ? no column of balances: each account is taken to owe the same"
    if "product" not in chosen and {"instalment", "months_left"} <= chosen.keys():
        yield 'constants.product = "loan" # ? by its instalments and months left'


def _numbered(seen: dict[str, Seen], wide: dict[str, Group], lead: str) -> Iterator[str]:
    """Yield the month that columns with numbers count from, which way they count, and the names that are made even."""
    group = wide[lead]
    usual = Counter(tuple(other.numbers) for other in wide.values() if other is not group or len(wide) == 1)
    even = usual.most_common(1)[0][0]
    renamed = {}
    if len(group.numbers) == len(even) and tuple(group.numbers) != even:
        for number, right, column in zip(group.numbers, even, group.columns, strict=True):
            if number != right:
                renamed[column] = group.name.replace("{number}", str(right))
    texts, code, account, month = _cells(seen, group, range(len(group.columns)))
    forward = After.of(code, account, month, texts)
    up, down = forward.leaps(1), forward.leaps(-1)
    back = up > down
    way = "rises by more than one are fewer that way" if up != down else "nothing tells which way"
    first, last = even[0], even[-1]
    start = number_of(NUMBER_0) + (last if back else -first)
    yield f'month_0 = "{month_at(start)}" # ? the month of number 0; {first} to {last} stand in names'
    if back:
        yield f"month_step = -1 # ? number {first} is the latest month: {way}"
    elif way.startswith("nothing"):
        yield f"month_step = 1 # ? number {first} is the earliest month: {way}"
    else:
        yield f"month_step = 1 # number {first} is the earliest month: {way}"
    for column, name in renamed.items():
        yield f"rename.{_quoted(column)} = {_quoted(name)} # ? so that its number is that of the other columns"


# ---- codes ----------------------------------------------------------------------------------------------------------
def _cells(seen: dict[str, Seen], group: Group, months: Iterable[int]):
    """Return texts and, for each account and month of a group of columns, (number of the text, account, month)."""
    numbers: dict[str, int] = {}
    code, account, month = [], [], []
    for at, name in zip(months, group.columns, strict=True):
        column = seen[name].column
        own = np.array([numbers.setdefault(text, len(numbers)) for text in column.text], dtype=np.int64)
        there = ~column.blank
        code.append(own[column.row][there])
        account.append(np.flatnonzero(there))
        month.append(np.full(int(there.sum()), at))
    return list(numbers), np.concatenate(code), np.concatenate(account), np.concatenate(month)


def _status(seen: dict[str, Seen], chosen: dict[str, str], wide: dict[str, Group]) -> Iterator[str]:
    """Yield an entry for each code: its meaning, how many rows have it, and what comes a month later."""
    counts, after = _codes(seen, chosen, wide)
    by_days = "dpd" in chosen and ("dpd" in wide) == ("status" in wide)
    numbers = [code for code in counts if code.lstrip("+-").isdigit()]
    told: dict[str, Meaning] = of_numbers(numbers, after, by_days) if numbers else {}
    told |= {code: meaning_of(code, after.stays(code), by_days) for code in counts if code not in numbers}
    for entry, meaning in told.items():
        taken = [code for code in numbers if int(code) >= int(entry[2:])] if entry not in counts else [entry]
        words = f"{sum(counts[code] for code in taken):,} rows" + (after.words(entry) if entry in counts else "")
        yield f"{_quoted(entry)} = {meaning.entry}{_asked(meaning.question)} # {_one_line(words)}"


def _codes(seen: dict[str, Seen], chosen: dict[str, str], wide: dict[str, Group]) -> tuple[dict[str, int], After]:
    """Return rows by code, and what comes after each."""
    if "status" in wide:
        group = wide["status"]
        texts, code, account, month = _cells(seen, group, range(len(group.columns)))
        count = np.bincount(code, minlength=len(texts)).tolist()
        return {text: n for text, n in zip(texts, count, strict=True) if n}, After.of(code, account, month, texts)
    column, counts = seen[chosen["status"]].column, dict(seen[chosen["status"]].counts)
    if "status_to" in chosen:
        for code, n in seen[chosen["status_to"]].counts.items():
            counts[code] = counts.get(code, 0) + n
        return counts, _pairs(seen, chosen)
    if "month" not in chosen or "account_id" not in chosen:
        return counts, After(Counter())
    account, month = seen[chosen["account_id"]].column.row, _numbers(seen[chosen["month"]])
    return counts, After.of(column.row.astype(np.int64), account, month, column.text)


def _pairs(seen: dict[str, Seen], chosen: dict[str, str]) -> After:
    """Return what comes after each code where it stands in the same row."""
    own, to = seen[chosen["status"]].column, seen[chosen["status_to"]].column
    count = np.ones(len(own))
    if "count" in chosen:
        count = seen[chosen["count"]].column.numbers()[0]
    after = After(Counter())
    cells = own.row.astype(np.int64) * len(to.text) + to.row
    for cell, n in enumerate(np.bincount(cells, count).tolist()):
        if n:
            after.pairs[own.text[cell // len(to.text)], to.text[cell % len(to.text)]] += int(n)
    return after


def _numbers(month: Seen) -> np.ndarray:
    """Return int64[row]: the number of the month."""
    if not month.month_forms:
        return month.column.numbers()[0].astype(np.int64)
    form = month.month_forms[0] or None
    numbers = [number_of(said) if (said := month_of(text, form)) else 0 for text in month.column.text]
    return np.array(numbers, dtype=np.int64)[month.column.row]


def _products(column: Seen) -> Iterator[str]:
    """Yield an entry for each code of products."""
    for code, count in column.counts.items():
        loan = sounds_like(code, r"loan|instal|term|mortgage|贷|分期")
        line = sounds_like(code, r"card|credit|line|revolv|overdraft|卡|额度|花呗")
        product = "loan" if loan and not line else "line"
        asked = "" if loan != line else "a line or a loan?"
        yield f"{_quoted(code)} = {_quoted(product)}{_asked(asked)} # {count:,} rows"


# ---- words ----------------------------------------------------------------------------------------------------------
def _others(seen: dict[str, Seen], used: Iterable[str]) -> Iterator[str]:
    """Yield what stands in the columns that have no role."""
    taken = set(used)
    rest = [column for name, column in seen.items() if name not in taken]
    if rest:
        yield "# not used:"
    for column in rest:
        if column.month_forms:
            what = f"dates from {min(column.texts)} to {max(column.texts)}"
        elif column.decimal is not None:
            what = f"numbers from {column.values.min():g} to {column.values.max():g}"
        else:
            some = ", ".join(repr(text) for text in list(column.counts)[:3])
            what = f"{len(column.counts):,} texts such as {some}"
        yield f"# {_one_line(column.name)}: {_one_line(what)}"


def _asked(question: str | None) -> str:
    return f" # ? {_one_line(question)}" if question else ""


def _one_line(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", r"\u007f")

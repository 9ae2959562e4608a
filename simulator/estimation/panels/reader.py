"""Read a tape of months, wide (a column for each month) or long (a row for each account and month), into a panel."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation.panels.panel import NO_ROW, Panel, PanelState
from simulator.model.errors import Problem, UserError
from simulator.model.layout import ABSENT, EXITS, LINE, MAX_STATES, PRODUCTS
from simulator.model.printable import controls_in
from simulator.reading.column import Column
from simulator.reading.dates import months_between
from simulator.reading.files import file_digest, open_table, read_columns
from simulator.scenario.lenders import MOST_TABLES
from simulator.tape.doubts import doubts
from simulator.tape.mapping import Code, Mapping, is_monthly, read_mapping
from simulator.tape.rows import Rows, all_problems, header_problems, left_out, repeated

AMOUNTS = ("balance", "limit", "payment", "written_off", "recovered")
OF_ONE_MONTH = ("instalment", "arrears", "full_payer", "borrower_id")  # nothing a panel needs
MOST_MONTHS = 600
_BY_DPD = Code(dpd=True)


def read_panel(path: str | Path, mapping_path: str | Path) -> Panel:
    """Return the panel on the tape `path`, as the file `mapping_path` explains it.

    Raises UserError with everything that is wrong: with mapping and columns first, then with the rows. What is merely
    not used is counted by reason in `facts`, and what was put right is in `facts["repairs"]`.
    """
    path, mapping_path = str(path), str(mapping_path)
    mapping = read_mapping(mapping_path, panel=True)
    states = _States(mapping, mapping_path)
    every, notes = (_wide if mapping.is_wide() else _long)(path, mapping_path, mapping)
    parts = [(rows, own) for rows, own in every if rows.in_use.any()]
    months = months_between(min(min(months) for _, months in parts), max(max(months) for _, months in parts))
    if len(months) > MOST_MONTHS:
        found = f"months from {months[0]} to {months[-1]}"
        raise UserError(Problem(path, "", found, f"allowed: up to {MOST_MONTHS} months; is a date wrong?"))
    place = {month: number for number, month in enumerate(months)}
    read = [_Part(rows, states, [place[month] for month in own]) for rows, own in parts]
    problems = all_problems([part.rows for part in read])
    problems += _twice(read, months, path, mapping)
    if problems:
        raise UserError(problems)
    panel = _panel(read, months, states, mapping, _facts([rows for rows, _ in every], notes))
    if problems := list(_unnameable(path, _roles(mapping).get("segment", "segment"), panel.segments)):
        raise UserError(problems)
    return panel


def _unnameable(path, column, segments):
    """Yield a problem for each segment that no scenario can have: said before anything is estimated."""
    if len(segments) > (most := MOST_TABLES["segment"]):
        allowed = f"allowed: up to {most}; put several together in [segment] of the mapping"
        yield Problem(path, column, f"{len(segments):,} segments", allowed)
    for name in segments:
        if sign := controls_in(name):
            yield Problem(path, column, f"a control character in the segment {name!r}: {sign}", "another name")


# ---- the two forms ------------------------------------------------------------------------------------------------


def _roles(mapping: Mapping) -> dict[str, str]:
    """Return the column names that a panel uses, by role."""
    return {role: name for role, name in mapping.columns if name and role not in OF_ONE_MONTH}


def _only(mapping: Mapping) -> dict[str, list[str]]:
    """Return the codes whose rows are kept, by column."""
    return {name: list(map(str, codes)) for name, codes in mapping.only.items()}


def _long(path, mapping_path, mapping):
    """Return [(rows, month of each row)] and notes of a tape with a column for the month."""
    roles, only = _roles(mapping), _only(mapping)
    keys = {f"columns.{role}": name for role, name in roles.items()} | {f"only.{name}": name for name in only}
    table = open_table(path, mapping.form)
    if problems := header_problems(table, mapping_path, mapping, keys):
        raise UserError(problems)
    read = read_columns(table, [*roles.values(), *only])
    rows = Rows(table, mapping_path, mapping, {role: read[name] for role, name in roles.items()})
    for name, codes in only.items():
        rows.keep_only(name, read[name], codes)
    rows.leave_out_absent()
    months = rows.months()
    rows.stop_if_wrong()
    there = np.unique(months[rows.in_use])
    notes = []
    missing = sorted(set(months_between(there[0], there[-1])) - set(there.tolist()))
    if missing:
        notes.append(f"no row in {_listed(missing)}: no moves are counted across")
    order = rows.read["account_id"].row.astype(np.int64) * 100_000 + _number(months)
    if (np.diff(order[rows.in_use]) < 0).any():
        notes.append("rows were not in the order of accounts and months: sorted")
    months[~rows.in_use] = there[0]
    return [(rows, months.tolist() if len(there) > 1 else [there[0]] * rows.count)], notes


def _wide(path, mapping_path, mapping):
    """Return [(rows, their month)] and notes of a tape with columns for each month."""
    roles, table = _roles(mapping), open_table(path, mapping.form)
    found = table.names
    months = {role: _months_of(name, found) for role, name in roles.items() if is_monthly(name)}
    lead = next((role for role in ("status", "dpd") if role in months), None)  # its months are the tape's
    only, once = _only(mapping), {f"columns.{role}": name for role, name in roles.items() if role not in months}
    once |= {f"only.{name}": name for name in only if not is_monthly(name)}
    problems = _wide_problems(path, mapping_path, roles, months, lead, found)
    if problems := problems or header_problems(table, mapping_path, mapping, once):
        raise UserError(problems)
    of_month = {month: mapping.model_copy(update={"as_of": month}) for month in (months[lead] if lead else ())}
    own = {month: [r for r in roles if r not in months or month in months[r]] for month in of_month}
    every = {f"columns.{r} of {month}": at.column(roles[r]) for month, at in of_month.items() for r in own[month]}
    every |= {f"only.{name} of {month}": at.column(name) for month, at in of_month.items() for name in only}
    if problems := header_problems(table, mapping_path, mapping, every):
        raise UserError(problems)
    read, parts = read_columns(table, list(every.values())), []
    for month, at in of_month.items():
        rows = Rows(table, mapping_path, at, {r: read[at.column(roles[r])] for r in own[month]})
        for name, codes in only.items():
            rows.keep_only(at.column(name), read[at.column(name)], codes)
        rows.leave_out_absent()
        parts.append((rows, [month]))
    notes = [f"no account in use in {month}" for rows, (month,) in parts if not rows.in_use.any()]
    if len(notes) == len(parts):
        reasons = "; ".join(f"{count:,} rows: {reason}" for reason, count in left_out([r for r, _ in parts]).items())
        raise UserError(Problem(path, "", "no account is left in any month", reasons))
    return parts, _gaps(months, lead) + notes


def _wide_problems(path, mapping_path, roles, months, lead, found):
    """Return what is wrong with the names of monthly columns, by the `months` of each role and the header `found`."""
    problems = [
        Problem(mapping_path, f"columns.{role}", f"{name} has {{month}} without {{year}} or the reverse", "give both")
        for role, name in roles.items()
        if role in months and not ("{year}" in name and "{month}" in name)
    ]
    if lead is None:
        problems.append(Problem(mapping_path, "columns", "neither status nor dpd has {year} and {month}", "give one"))
    if problems:
        return problems
    if not months[lead]:
        return [Problem(path, roles[lead], "no column of this form", f"found: {', '.join(found[:12])}")]
    if without := [month for month in months[lead] if month not in months.get("balance", [month])]:
        missing = f"missing in {_listed(without)}"
        return [Problem(path, roles["balance"], missing, "each month with a status needs a balance")]
    return []


def _gaps(months, lead):
    """Return what to note of the months between the first and the last that columns are missing for."""
    notes, every = [], months_between(months[lead][0], months[lead][-1])
    if missing := [month for month in every if month not in months[lead]]:
        notes.append(f"no column for {_listed(missing)}: no moves are counted across")
    for role in months:
        if missing := [month for month in months[lead] if month not in months[role]]:
            notes.append(f"no {role} in {_listed(missing)}")
    return notes


def _months_of(name: str, found: Iterable[str]) -> list[str]:
    """Return the months that the header has a column `name` for, in order."""
    form = (
        re.escape(name)
        .replace(r"\{year\}", r"(?P<year>\d{4})", 1)
        .replace(r"\{month\}", r"(?P<month>0[1-9]|1[0-2])", 1)
    )
    form = form.replace(r"\{year\}", r"(?P=year)").replace(r"\{month\}", r"(?P=month)")
    matches = [re.fullmatch(form, column) for column in found]
    return sorted(f"{m['year']}-{m['month']}" for m in matches if m and {"year", "month"} <= m.groupdict().keys())


def _number(months: np.ndarray) -> np.ndarray:
    """Return int64: the months since year 0."""
    texts, which = np.unique(months, return_inverse=True)
    return np.array([12 * int(text[:4]) + int(text[5:]) if text else 0 for text in texts])[which]


def _listed(months: list[str]) -> str:
    return ", ".join(months[:6]) + (f" and {len(months) - 6} more" if len(months) > 6 else "")


# ---- the states ---------------------------------------------------------------------------------------------------


class _States:
    """The named states of a mapping, from best to worst and then exits, and which of them a code means."""

    def __init__(self, mapping: Mapping, mapping_path: str):
        """Raise UserError with the codes that name no single state."""
        problems: list[Problem] = []
        found: dict[str, int] = {}  # name -> bucket
        by_dpd = not mapping.status
        for code, meaning in mapping.status.items():
            key = f"status.{code}"
            if meaning.leave_out or meaning.account in EXITS:
                continue
            if meaning.dpd and meaning.state is not None:
                problems.append(Problem(mapping_path, key, "state, and dpd = true", "give bucket beside the state"))
            elif meaning.dpd:
                by_dpd = True
            elif meaning.bucket is None:
                problems.append(Problem(mapping_path, f"{key}.bucket", "missing", "a panel needs it beside the state"))
            else:
                name = self._name(meaning)
                if found.setdefault(name, meaning.bucket) != meaning.bucket:
                    what = f"{name} is bucket {found[name]} elsewhere, {meaning.bucket} here"
                    problems.append(Problem(mapping_path, key, what, "one bucket for a state"))
        self.worst = mapping.worst_bucket
        if by_dpd:
            found |= {_of_bucket(b): b for b in range(self.worst + 1) if _of_bucket(b) not in found}
        ordered = sorted(found.items(), key=lambda state: state[1])  # stable: those of a bucket as in the mapping
        last = len(ordered) - 1
        states = [PanelState(name, b, at_least=k == last and b >= 1) for k, (name, b) in enumerate(ordered)]
        gone = {meaning.account for meaning in mapping.status.values()} | set(mapping.account.values())
        self.states = (*states, *(PanelState(name, name) for name in EXITS if name in gone))
        if len(self.states) > MAX_STATES:
            problems.append(Problem(mapping_path, "status", f"{len(self.states)} states", f"up to {MAX_STATES}"))
        for name in found:
            if not name or name in EXITS or controls_in(name):
                what = f"a state named {name!r}" if name else "a state without a name"
                problems.append(Problem(mapping_path, "status", what, "text, and none of " + ", ".join(EXITS)))
        if not states:
            problems.append(Problem(mapping_path, "status", "no code of an open account", "give state and bucket"))
        if problems:
            raise UserError(problems)
        self.number = {state.name: k for k, state in enumerate(self.states)}
        self.by_dpd = np.array([self.number[_of_bucket(b)] if by_dpd else NO_ROW for b in range(self.worst + 1)])

    def of(self, meaning: Code | None) -> int:
        """Return the number of the state that a code means; NO_ROW where the days past due say it, or no code."""
        if meaning is None or meaning.dpd or meaning.leave_out:
            return NO_ROW
        return self.number[meaning.account if meaning.account in EXITS else self._name(meaning)]

    @staticmethod
    def _name(meaning: Code) -> str:
        return meaning.state if meaning.state is not None else _of_bucket(meaning.bucket)


def _of_bucket(bucket: int | None) -> str:
    """Return the name of the state of a bucket without a name of its own: its least days past due."""
    return f"{30 * bucket}" if bucket else "current"


# ---- the rows -----------------------------------------------------------------------------------------------------


class _Part:
    """What some rows of the tape say, as arrays by row."""

    def __init__(self, rows: Rows, states: _States, months: list[int]):
        self.rows = rows
        self.month = np.full(rows.count, months[0]) if len(months) == 1 else np.array(months)
        rows.needs_an_id("account_id")
        rows.one_currency()
        self.account = rows.read["account_id"].row
        self.product, self._segment = self._products(), self._segments()
        self.state = self._states(states)
        unit = (rows.mapping.minor_units or 100) if rows.mapping.amounts == "major" else 1
        self.months_left = rows.integers("months_left", False, 0, whole=True)
        self.opened = rows.months("opened", False) if "opened" in rows.read else None
        is_open = self.state < sum(not state.is_exit for state in states.states)
        self.amount = {
            role: rows.integers(role, is_open if role == "balance" else False, unit=unit, low=low)
            for role, low in zip(AMOUNTS, (-np.inf, 0, -np.inf, 0, -np.inf), strict=True)
        }

    def _products(self):
        if not self.rows.mapping.product:
            return np.full(self.rows.count, LINE)
        meaning, which = self.rows.codes("product", self.rows.mapping.product)
        return np.array([PRODUCTS.index(name) if name in PRODUCTS else LINE for name in meaning])[which]

    def _segments(self):
        """Return the names of segments, and int64[row]: which one each row is in."""
        if "segment" not in self.rows.read:
            return ["all"], np.zeros(self.rows.count, dtype=np.int64)
        column = self.rows.read["segment"]
        return self.rows.codes("segment", self.rows.mapping.segment or {text: text for text in column.text if text})

    def segments(self, numbers: dict[str, int]) -> np.ndarray:
        """Return int64[row]: the number of its segment by name in `numbers`, which takes up those of rows in use."""
        names, which = self._segment
        for number in np.unique(which[self.rows.in_use]).tolist():
            numbers.setdefault(names[number], len(numbers))
        return np.array([numbers.get(name, NO_ROW) for name in names])[which]

    def _states(self, states: _States):
        """Return int64[row]: the number of the state; an account column that says it has left has the last word."""
        rows = self.rows
        codes, code = [_BY_DPD], np.zeros(rows.count, dtype=np.int64)
        if rows.mapping.status:
            codes, code = rows.codes("status", rows.mapping.status)
        state = np.array([states.of(meaning) for meaning in codes])[code]
        if rows.mapping.account:
            names, which = rows.codes("account", rows.mapping.account)
            gone = np.array([states.number[name] if name in EXITS else NO_ROW for name in names])[which]
            state = np.where(gone >= 0, gone, state)
        by_dpd = np.array([bool(meaning and meaning.dpd) for meaning in codes])[code] & (state == NO_ROW)
        dpd, _ = rows.numbers("dpd", by_dpd, 0)
        return np.where(by_dpd, states.by_dpd[np.clip(dpd // 30, 0, states.worst).astype(np.int64)], state)


def _twice(parts: list[_Part], months: list[str], path: str, mapping: Mapping) -> list[Problem]:
    """Return a problem if an account has more than one row of a month, with those rows."""
    kept = [np.flatnonzero(part.rows.in_use) for part in parts]
    cell = np.concatenate(
        [(part.account * len(months) + part.month)[own] for part, own in zip(parts, kept, strict=True)]
    )
    if not (twice := repeated(cell)):
        return []
    ids, rows = parts[0].rows.read["account_id"].text, np.concatenate(kept) + 1
    listed = [
        f"{ids[cell // len(months)]} in {months[cell % len(months)]} (rows {', '.join(map(str, rows[places][:5]))})"
        for cell, places in twice[:5]
    ]
    found = f"{len(twice):,} account-months stand in more than one row: {', '.join(listed)}"
    return [Problem(path, mapping.columns.account_id, found, "give each account one row a month")]


def _facts(every: list[Rows], notes: list[str]) -> dict[str, Any]:
    """Return what was read and used, and why the rest was not; `notes` are of what was put right."""
    path, mapping_path = every[0].path, every[0].mapping_path
    return {
        "file": Path(path).name,
        "sha256": file_digest(path),
        "mapping": Path(mapping_path).name,
        "mapping_sha256": file_digest(mapping_path),
        "form": every[0].form,
        "rows_read": sum(rows.rows_read for rows in every),
        "rows_used": int(sum(rows.in_use.sum() for rows in every)),
        "left_out": left_out(every),
        "repairs": notes,
        "doubts": doubts(every),
    }


def _panel(parts: list[_Part], months, states: _States, mapping, facts) -> Panel:
    """Return the rectangle of accounts and months that the rows of `parts` fill."""
    ids = np.array(parts[0].rows.read["account_id"].text)
    seen = np.zeros(len(ids), dtype=bool)
    for part in parts:
        seen[part.account[part.rows.in_use]] = True
    place = np.cumsum(seen) - 1  # of the accounts that have a row in use
    shape = (int(seen.sum()), len(months))
    grid = {name: np.full(shape, NO_ROW, dtype) for name, dtype in {"state": "i1", "code": "i2", "grade": "i2"}.items()}
    amounts = {role: np.full(shape, np.nan) for role in AMOUNTS}
    months_left = np.full(shape, np.nan)
    fixed = {name: np.full(shape[0], NO_ROW, dtype=np.int64) for name in ("product", "segment")}
    words: dict[str, dict[str, int]] = {
        name: {} for name in ("code", "grade", "segment")
    }  # text -> number, over all parts
    repairs = facts["repairs"]
    changed: dict[str, set] = {name: set() for name in fixed}
    born = np.full(shape[0], "", dtype="U7")
    for part in parts:
        used = np.flatnonzero(part.rows.in_use)
        account, month, read = place[part.account[used]], part.month[used], part.rows.read
        at = account, month
        grid["state"][at] = part.state[used]
        for name, role in (("code", "status"), ("grade", "grade")):
            if role in read:
                grid[name][at] = _numbered(read[role], words[name])[used]
        for role in AMOUNTS:
            value = part.amount[role][used]
            amounts[role][at] = np.where(value == ABSENT, np.nan, value)
        months_left[at] = np.where(part.months_left[used] == ABSENT, np.nan, part.months_left[used])
        own = {"product": part.product[used], "segment": part.segments(words["segment"])[used]}
        _, first = np.unique(account, return_index=True)
        if part.opened is not None:
            born[account[first]] = part.opened[used][first]
        for name, value in own.items():
            fresh = first[fixed[name][account[first]] == NO_ROW]
            fixed[name][account[fresh]] = value[fresh]
            changed[name] |= set(account[fixed[name][account] != value].tolist())
    for name, accounts in changed.items():
        if accounts:
            repairs.append(f"{len(accounts):,} accounts change their {name}: the first one is kept")
    if (born != "").any() and (count := int((born == "").sum())):
        repairs.append(f"{count:,} of {len(born):,} accounts have no date of opening: none is used")
    bucket = np.array([s.bucket if not s.is_exit else 0 for s in states.states] + [NO_ROW])[grid["state"]]
    return Panel(
        months=tuple(months),
        states=states.states,
        segments=tuple(words["segment"]),
        grades=tuple(words["grade"]),
        currency=mapping.currency or _only_currency(parts),
        minor_units=mapping.minor_units or 100,
        account_id=ids[seen],
        product=fixed["product"].astype(np.int8),
        segment=fixed["segment"],
        bucket=bucket.astype(np.int8),
        codes=tuple(words["code"]),
        **grid,
        **amounts,
        facts=facts,
        months_left=months_left if np.isfinite(months_left).any() else None,
        opened=_number(born) - int(_number(np.array(months[:1]))[0]) if (born != "").all() else None,
    )


def _numbered(column: Column, words: dict[str, int]) -> np.ndarray:
    """Return int64[row]: the number of each row's word in `words`, which takes up the new ones; blank is NO_ROW."""
    there = np.zeros(len(column.text), dtype=bool)
    there[column.row[~column.blank]] = True
    number = [
        words.setdefault(text, len(words)) if used else NO_ROW for text, used in zip(column.text, there, strict=True)
    ]
    return np.where(column.blank, NO_ROW, np.array(number)[column.row])


def _only_currency(parts: list[_Part]) -> str:
    """Return the currency in the tape's own column, of which there is only one; "" without a column."""
    column = parts[0].rows.read.get("currency")
    return column.at(int(np.flatnonzero(parts[0].rows.in_use)[0])) if column else ""

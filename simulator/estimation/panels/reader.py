"""Read a tape of months, wide (a column for each month) or long (a row for each account and month), into a panel."""

from pathlib import Path
from typing import Any

import numpy as np

from simulator.estimation.panels.panel import NO_ROW, Panel, PanelState
from simulator.model.errors import Problem, UserError
from simulator.model.layout import ABSENT, EXITS, LINE, MAX_STATES, PRODUCTS
from simulator.model.printable import controls_in
from simulator.reading.column import Column
from simulator.reading.dates import month_at, months_between, number_of
from simulator.reading.files import file_digest, open_table, read_batches
from simulator.scenario.lenders import MOST_TABLES
from simulator.tape.batches import batches
from simulator.tape.doubts import doubts
from simulator.tape.mapping import Code, Mapping, is_monthly, months_of, read_mapping
from simulator.tape.rows import Rows, all_problems, header_problems, left_out, repeated

AMOUNTS = ("balance", "limit", "payment", "written_off", "recovered")
OF_ONE_MONTH = ("instalment", "arrears", "full_payer", "borrower_id")  # nothing a panel needs
MOST_MONTHS = 600
CODES = (("code", "status"), ("grade", "grade"))  # what a panel keeps as it stands, and in which role it is read
_BY_DPD = Code(dpd=True)


def read_panel(path: str | Path, mapping_path: str | Path) -> Panel:
    """Return the panel on the tape `path`, as the file `mapping_path` explains it.

    Raises UserError with everything that is wrong: with mapping and columns first, then with the rows. What is merely
    not used is counted by reason in `facts`, and what was put right is in `facts["repairs"]`.
    """
    path, mapping_path = str(path), str(mapping_path)
    mapping = read_mapping(mapping_path, panel=True)
    states, table = _States(mapping, mapping_path), open_table(path, mapping.form(mapping.columns))
    words = _Words()
    if mapping.is_wide():
        parts, notes = _wide(table, mapping_path, mapping, states, words)
    else:
        parts, notes = _long(table, mapping_path, mapping, states, words)
    if problems := all_problems([part.rows for part in parts]):
        raise UserError(problems)
    used = [part for part in parts if len(part.month)]
    first, last = min(int(part.month.min()) for part in used), max(int(part.month.max()) for part in used)
    months = months_between(month_at(first), month_at(last))
    if len(months) > MOST_MONTHS:
        found = f"months from {months[0]} to {months[-1]}"
        raise UserError(Problem(path, "", found, f"allowed: up to {MOST_MONTHS} months; is a date wrong?"))
    facts = _facts([part.rows for part in parts], notes)
    panel = _panel(used, months, states, mapping, facts, words)
    if problems := list(_unnameable(path, mapping.columns.segment or "segment", panel.segments)):
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


def _long(table, mapping_path, mapping, states, words):
    """Return the parts of a tape with a column for the month, and notes."""
    parts, last, ordered = [], -1, True
    for rows in batches(table, mapping_path, mapping, _roles(mapping)):
        rows.leave_out_absent()
        parts.append(part := _Part(rows, states, words, rows.months()))
        order = part.account * np.int64(100_000) + part.month
        ordered = ordered and bool((np.diff(order, prepend=last) >= 0).all())
        last = order[-1] if len(order) else last
        rows.forget()
    there = sorted({month for part in parts for month in np.unique(part.month).tolist()})
    notes = []
    if there and (missing := sorted(set(range(there[0], there[-1] + 1)) - set(there))):
        notes.append(f"no row in {_listed([month_at(month) for month in missing])}: no moves are counted across")
    if not ordered:
        notes.append("rows were not in the order of accounts and months: sorted")
    return parts, notes


def _wide(table, mapping_path, mapping, states, words):
    """Return the parts of a tape with columns for each month, one for each month, and notes."""
    path, roles, found = table.path, _roles(mapping), table.names
    months = {role: months_of(name, found, mapping) for role, name in roles.items() if is_monthly(name)}
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
    parts, first = [], 0
    for read in read_batches(table, list(every.values())):
        for month, at in of_month.items():
            rows = Rows(table, mapping_path, at, {r: read[at.column(roles[r])] for r in own[month]}, first)
            for name, codes in only.items():
                rows.keep_only(at.column(name), read[at.column(name)], codes)
            rows.leave_out_absent()
            parts.append(_Part(rows, states, words, np.full(rows.count, number_of(month))))
            rows.forget()
        first += rows.count
    if not parts:
        raise UserError(Problem(path, "", "no accounts", "a tape has a header and at least one account"))
    parts[-1].rows.add_lines_below(len(table.totals))
    there = {month for part in parts for month in np.unique(part.month).tolist()}
    notes = [f"no account in use in {month}" for month in of_month if number_of(month) not in there]
    return parts, _gaps(months, lead) + notes


def _wide_problems(path, mapping_path, roles, months, lead, found):
    """Return what is wrong with the names of monthly columns, by the `months` of each role and the header `found`."""
    problems = [
        Problem(mapping_path, f"columns.{role}", f"{name} has {{month}} without {{year}} or the reverse", "give both")
        for role, name in roles.items()
        if role in months and ("{year}" in name) != ("{month}" in name)
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


class _Words:
    """The texts of columns that all parts of a tape share, each with a number."""

    def __init__(self):
        self.numbers: dict[str, dict[str, int]] = {name: {} for name in ("code", "grade", "segment")}
        self._accounts: Any = None  # an Arrow array of text

    def accounts(self, column: Column) -> np.ndarray:
        """Return int32[row]: the number of each row's account."""
        import pyarrow as pa
        import pyarrow.compute as pc

        words = column.words.cast(pa.string())
        known = words[:0] if self._accounts is None else self._accounts
        if not len(known):
            self._accounts = words
            return column.row
        number = pc.index_in(words, value_set=known)
        fresh = words.filter(number.is_null())
        self._accounts = pa.concat_arrays([known, fresh])
        of_word = number.fill_null(-1).to_numpy(zero_copy_only=False).copy()
        of_word[of_word < 0] = np.arange(len(known), len(known) + len(fresh))
        return of_word[column.row]

    def names(self) -> np.ndarray:
        """Return str[account]: the ids."""
        return self._accounts.to_numpy(zero_copy_only=False).astype(str)

    def of(self, name: str, column: Column) -> np.ndarray:
        """Return int16[row]: the number of each row's word in those of `name`, which take up new ones; blank NO_ROW."""
        words, there = self.numbers[name], np.zeros(len(column.text), dtype=bool)
        there[column.row[~column.blank]] = True
        number = [
            words.setdefault(text, len(words)) if used else NO_ROW
            for text, used in zip(column.text, there, strict=True)
        ]
        return np.where(column.blank, NO_ROW, np.array(number)[column.row]).astype(np.int16)


class _Part:
    """What some rows of the tape say: arrays of those in use, no larger than they must be."""

    def __init__(self, rows: Rows, states: _States, words: _Words, months: np.ndarray):
        """Read the `rows`, whose `months` count from the year 0, and note in them what is wrong."""
        self.rows = rows
        rows.needs_an_id("account_id")
        rows.one_currency()
        account, product, segment = words.accounts(rows.read["account_id"]), self._products(), self._segments()
        state = self._states(states)
        unit = (rows.mapping.minor_units or 100) if rows.mapping.amounts == "major" else 1
        months_left = rows.integers("months_left", False, 0, whole=True)
        opened = rows.months("opened", False) if "opened" in rows.read else None
        is_open = state < sum(not kind.is_exit for kind in states.states)
        amounts = {
            role: rows.integers(role, is_open if role == "balance" else False, unit=unit, low=low)
            for role, low in zip(AMOUNTS, (-np.inf, 0, -np.inf, 0, -np.inf), strict=True)
            if role in rows.read
        }
        used = rows.in_use
        self.account, self.month = account[used], months[used].astype(np.int32)
        self.product, self.state = product[used].astype(np.int8), state[used].astype(np.int8)
        names, which = segment
        for number in np.unique(which[used]).tolist():
            words.numbers["segment"].setdefault(names[number], len(words.numbers["segment"]))
        known = words.numbers["segment"]
        self.segment = np.array([known.get(name, NO_ROW) for name in names])[which[used]].astype(np.int32)
        self.by_month = {name: words.of(name, rows.read[role])[used] for name, role in CODES if role in rows.read}
        self.amount = {role: value[used].astype(np.int32) for role, value in amounts.items()}
        if "months_left" in rows.read:
            self.amount["months_left"] = months_left[used].astype(np.int32)
        self.opened = None if opened is None else opened[used].astype(np.int32)

    def _products(self):
        if "product" not in self.rows.read:
            return np.full(self.rows.count, LINE)
        meaning, which = self.rows.codes("product", self.rows.mapping.product or {name: name for name in PRODUCTS})
        return np.array([PRODUCTS.index(name) if name in PRODUCTS else LINE for name in meaning])[which]

    def _segments(self):
        """Return the names of segments, and int64[row]: which one each row is in."""
        if "segment" not in self.rows.read:
            return ["all"], np.zeros(self.rows.count, dtype=np.int64)
        column = self.rows.read["segment"]
        return self.rows.codes("segment", self.rows.mapping.segment or {text: text for text in column.text if text})

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


def _twice(parts: list[_Part], first: int, months: list[str], path: str, mapping: Mapping, names) -> Problem:
    """Return what to say of accounts with more than one row of a month: which, in which rows."""
    cell = np.concatenate([part.account * np.int64(len(months)) + (part.month - first) for part in parts])
    rows = np.concatenate([np.flatnonzero(part.rows.in_use) + part.rows.first for part in parts]) + 1
    twice = repeated(cell)
    listed = [
        f"{names[cell // len(months)]} in {months[cell % len(months)]} (rows {', '.join(map(str, rows[places][:5]))})"
        for cell, places in twice[:5]
    ]
    found = f"{len(twice):,} account-months stand in more than one row: {', '.join(listed)}"
    return Problem(path, mapping.columns.account_id or "", found, "give each account one row a month")


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


def _panel(parts: list[_Part], months, states: _States, mapping, facts, words: _Words) -> Panel:
    """Return the rectangle of accounts and months that the rows of `parts` fill, and let go of them.

    Raises UserError if an account has two rows of a month.
    """
    ids, first, path = words.names(), number_of(months[0]), parts[0].rows.path
    seen = np.zeros(len(ids), dtype=bool)
    for part in parts:
        seen[part.account] = True
    place = (np.cumsum(seen) - 1).astype(np.int32)  # of the accounts that have a row in use
    shape = (int(seen.sum()), len(months))
    grid = {"state": np.full(shape, NO_ROW, np.int8)}
    for part in parts:
        grid["state"][place[part.account], part.month - first] = part.state
    if (grid["state"] >= 0).sum() < sum(len(part.state) for part in parts):
        raise UserError(_twice(parts, first, months, path, mapping, ids))
    for name, _ in CODES:
        there = any(name in part.by_month for part in parts)
        grid[name] = np.full(shape, NO_ROW, np.int16) if there else np.broadcast_to(np.int16(NO_ROW), shape)
    for role in (*AMOUNTS, "months_left"):  # what the tape has not takes no room
        there = any(role in part.amount for part in parts)
        grid[role] = np.full(shape, np.nan) if there else np.broadcast_to(np.nan, shape)
    fixed = {name: np.full(shape[0], NO_ROW, dtype=np.int64) for name in ("product", "segment")}
    repairs, currency = facts["repairs"], mapping.currency or next((c for p in parts for c in p.rows.currencies), "")
    changed: dict[str, set] = {name: set() for name in fixed}
    born = np.zeros(shape[0], dtype=np.int64)
    while parts:
        part = parts.pop(0)
        account, month = place[part.account], part.month - first
        for name, value in part.by_month.items():
            grid[name][account, month] = value
        for role, value in part.amount.items():
            grid[role][account, month] = np.where(value == ABSENT, np.nan, value)
        if part.opened is not None:
            born[account[::-1]] = part.opened[::-1]  # of several rows the first one has the last word
        for name, value in (("product", part.product), ("segment", part.segment)):
            fresh = np.flatnonzero(fixed[name][account] == NO_ROW)[::-1]
            fixed[name][account[fresh]] = value[fresh]
            changed[name] |= set(account[fixed[name][account] != value].tolist())
    for name, accounts in changed.items():
        if accounts:
            repairs.append(f"{len(accounts):,} accounts change their {name}: the first one is kept")
    if born.any() and (count := int((born == 0).sum())):
        repairs.append(f"{count:,} of {len(born):,} accounts have no date of opening: none is used")
    bucket = np.array([s.bucket if not s.is_exit else 0 for s in states.states] + [NO_ROW], dtype=np.int8)
    months_left = grid.pop("months_left")
    return Panel(
        months=tuple(months),
        states=states.states,
        segments=tuple(words.numbers["segment"]),
        grades=tuple(words.numbers["grade"]),
        currency=currency,
        minor_units=mapping.minor_units or 100,
        account_id=ids[seen],
        product=fixed["product"].astype(np.int8),
        segment=fixed["segment"],
        bucket=bucket[grid["state"]],
        codes=tuple(words.numbers["code"]),
        **grid,
        facts=facts,
        months_left=months_left if np.isfinite(months_left).any() else None,
        opened=born - first if born.all() else None,
    )

"""What is on a tape before anything is fitted to it: rows, gaps, impossible moves, breaks of codes, 90+."""

from typing import NamedTuple

import numpy as np

from simulator.estimation.panels.dollar_rolls import dollar_rolls
from simulator.estimation.panels.panel import Panel

FEW = 20  # accounts below which a share of a code's moves says nothing
BREAK_SHARE, BREAK_SE = 0.20, 4.0  # a code's moves break where a share differs so far, and by so many standard errors
STUCK = 0.90  # share of a late code that does not move, from which it is no stage of being late
SHIFT = 0.10  # share of accounts that change code between two months beyond what moves them otherwise
NINETY = 3  # buckets


class Finding(NamedTuple):
    """One thing that a reader of the estimates should know."""

    kind: str  # "rows", "gap", "impossible", "codes", "dollars", "balances"
    words: str
    accounts: int = 0


class Late(NamedTuple):
    """How many accounts are 90+ in a month, and how many have been since the tape begins."""

    month: str
    accounts: int  # with a row in an open state
    currently: int
    ever: int  # of the same accounts; before the tape begins nobody knows
    currently_balance_share: float


class TapeReport(NamedTuple):
    """All that was found, in order."""

    findings: tuple[Finding, ...]
    late: tuple[Late, ...]

    def words(self) -> list[str]:
        """Return the report in lines for people."""
        rows = [
            f"{late.month}: 90+ now {late.currently:,}, ever {late.ever:,} of {late.accounts:,}" for late in self.late
        ]
        return [finding.words for finding in self.findings] + rows


def tape_report(panel: Panel) -> TapeReport:
    """Return what the panel holds and what in it cannot be, or is not what it seems."""
    findings = (*_rows(panel), *_gaps(panel), *_impossible(panel), *_codes(panel), *_dollars(panel), *_balances(panel))
    return TapeReport(findings, tuple(_late(panel)))


def _rows(panel):
    facts = panel.facts
    accounts, months = panel.state.shape
    used = int((panel.state >= 0).sum())
    span = f"{panel.months[0]} to {panel.months[-1]}" if months > 1 else panel.months[0]
    yield Finding("rows", f"{facts.get('rows_used', used):,} of {facts.get('rows_read', used):,} rows used: "
                  f"{accounts:,} accounts, {span}", accounts)  # fmt: skip
    for reason, count in facts.get("left_out", {}).items():
        yield Finding("rows", f"left out: {count:,} rows: {reason}", count)
    for repair in facts.get("repairs", ()):
        yield Finding("rows", f"put right: {repair}")


def _gaps(panel):
    there = panel.state >= 0
    first, last = there.argmax(axis=1), there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)
    gaps = (last - first + 1 - there.sum(axis=1)) > 0
    if count := int(gaps.sum()):
        yield Finding("gap", f"{count:,} accounts have months without a row between others: no moves across", count)
    late = int(((first > 0) & there.any(axis=1)).sum())
    gone = int(((last < there.shape[1] - 1) & ~_ends_in_exit(panel, last)).sum())
    if late:
        age = ": age unknown" if panel.opened is None else ""
        yield Finding("gap", f"{late:,} accounts first stand on the tape after its first month{age}", late)
    if gone:
        yield Finding("gap", f"{gone:,} accounts stop before the last month without an exit: taken to leave then", gone)


def _ends_in_exit(panel, last):
    return panel.state[np.arange(len(last)), last] >= len(panel.open_states)


def _impossible(panel):
    n_open, name = len(panel.open_states), panel.codes
    for pair in panel.pairs():
        before, after = panel.state[:, pair.first], panel.state[:, pair.second]
        where = _between(panel, pair)
        both = (before >= 0) & (after >= 0)
        back = both & (before >= n_open) & (after < n_open)
        if count := int(back.sum()):
            yield Finding("impossible", f"{where}: {count:,} accounts open again after an exit", count)
        rise = panel.bucket[:, pair.second].astype(int) - panel.bucket[:, pair.first]
        jump = both & (before < n_open) & (after < n_open) & (rise > 1)
        if count := int(jump.sum()):
            yield Finding("impossible", f"{where}: {count:,} accounts rise by more than one bucket in a month", count)
    owed = (panel.bucket > 0) & (panel.state >= 0) & (panel.state < n_open) & (panel.balance <= 0)
    if count := int(owed.sum()):
        said = f"{count:,} account-months are late with nothing owed" + (", by their code" if name else "")
        yield Finding("impossible", said, count)
    if count := int((panel.payment < 0).sum()):
        yield Finding("impossible", f"{count:,} account-months have a payment below zero", count)


def _codes(panel):
    """Yield codes that appear or vanish, do not move, or move otherwise in one month than in the others."""
    number = len(panel.codes)
    if not number:
        return
    pairs = list(panel.pairs())
    months = [m for m in range(len(panel.months)) if (panel.code[:, m] >= 0).any()]
    stands = np.array([np.bincount(panel.code[panel.code[:, m] >= 0, m], minlength=number) for m in months])
    for code in np.flatnonzero((stands == 0).any(axis=0) & (stands > 0).any(axis=0)).tolist():
        where = ", ".join(f"{panel.months[m]} {stands[k, code]:,}" for k, m in enumerate(months))
        yield Finding("codes", f"code {panel.codes[code]} is not in every month: {where}", int(stands[:, code].sum()))
    share = stands / stands.sum(axis=1, keepdims=True)
    for k in range(1, len(months)):
        if (moved := np.abs(share[k] - share[k - 1]).sum() / 2) > SHIFT:
            words = f"the codes of {panel.months[months[k]]} are spread otherwise than a month before, by {moved:.0%}"
            yield Finding("codes", f"{words}: a change of coding?")
    moves = np.array([_code_moves(panel, pair, number) for pair in pairs])  # [pair, from, to]
    late = _late_codes(panel)
    for code in range(number):
        of_code = moves[:, code]
        n = of_code.sum(axis=1)
        still = [k for k in range(len(pairs)) if n[k] >= FEW and of_code[k, code] > STUCK * n[k]]
        if late[code] and still:
            where = ", ".join(f"{_between(panel, pairs[k])} {of_code[k, code]:,} of {n[k]:,}" for k in still)
            yield Finding(
                "codes", f"code {panel.codes[code]} hardly moves: {where}: a stuck group, no stage", int(n.max())
            )
        if broken := _break(of_code, n):
            k, to, here, there = broken
            words = f"{_between(panel, pairs[k])}: code {panel.codes[code]} goes to {panel.codes[to]} in {here:.0%} of "
            words += f"{n[k]:,} cases, in {there:.0%} in other months: a break of the code"
            yield Finding("codes", words, int(of_code[k, to]))


def _between(panel, pair):
    return f"{panel.months[pair.first]} to {panel.months[pair.second]}"


def _break(moves, n):
    """Return (pair, code it goes to, share there, share in other months) of the largest break, or None.

    moves: int[pair, to] of one code, n: int[pair], how many had it.
    """
    found = []
    for k in range(len(n)):
        others = n.sum() - n[k]
        if n[k] < FEW or others < FEW:
            continue
        here, there = moves[k] / n[k], (moves.sum(axis=0) - moves[k]) / others
        pooled = moves.sum(axis=0) / n.sum()
        se = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * (1 / n[k] + 1 / others))
        to = int(np.argmax(np.abs(here - there)))
        apart = abs(here[to] - there[to])
        if apart > BREAK_SHARE and apart > BREAK_SE * se[to]:
            found.append((apart / se[to], (k, to, here[to], there[to])))
    return max(found)[1] if found else None


def _code_moves(panel, pair, number):
    before, after = panel.code[:, pair.first], panel.code[:, pair.second]
    there = (before >= 0) & (after >= 0)
    cells = before[there].astype(np.int64) * number + after[there]
    return np.bincount(cells, minlength=number * number).reshape(number, number)


def _late_codes(panel):
    """Return bool[code]: whether accounts with this code are late."""
    late = np.zeros(len(panel.codes), dtype=bool)
    for code in range(len(panel.codes)):
        late[code] = bool((panel.bucket[panel.code == code] > 0).any())
    return late


def _dollars(panel):
    for group in panel.groups():
        who = f"{group.product}, {group.segment}: " if len(list(panel.groups())) > 1 else ""
        for pair in panel.pairs():
            over = dollar_rolls(panel, pair, group).not_one()
            told = [f"{panel.states[s].name} {1 + more:.1%}" for s, more in over.items() if more > 0]
            if told:
                said = f"{who}{_between(panel, pair)}: closing over opening balance is above 100% in {', '.join(told)}"
                yield Finding("dollars", f"{said}: dollar roll rates, not probabilities; left as they are")


def _balances(panel):
    there = panel.state >= 0
    zero, below = int((there & (panel.balance == 0)).sum()), int((there & (panel.balance < 0)).sum())
    over = int((there & (panel.balance > panel.limit)).sum())
    yield Finding("balances", f"account-months at zero {zero:,}, below zero {below:,}, over the limit {over:,}")


def _late(panel):
    ever = np.zeros(len(panel.state), dtype=bool)
    is_open = (panel.state >= 0) & (panel.state < len(panel.open_states))
    for m, month in enumerate(panel.months):
        now = is_open[:, m] & (panel.bucket[:, m] >= NINETY)
        ever |= now
        owed = np.nansum(np.where(is_open[:, m], panel.balance[:, m], 0))
        share = float(np.nansum(panel.balance[now, m]) / owed) if owed else float("nan")
        if is_open[:, m].any():
            yield Late(month, int(is_open[:, m].sum()), int(now.sum()), int((ever & is_open[:, m]).sum()), share)

"""What a tape remembers of its accounts: by which row of the roll matrix each moves."""

import numpy as np

from simulator.language.catalogue import kept
from simulator.model.errors import Problem
from simulator.model.layout import ABSENT, PRODUCTS
from simulator.scenario.histories import NO_STATE, rows_of
from simulator.scenario.schema import RollMatrix, matrix_of
from simulator.tape.rows import Rows


def rows_remembered(rows: Rows, settings, segment, product, state) -> tuple[np.ndarray, list[str]]:
    """Return int64[row], the row of the roll matrix of each account, ABSENT without a state; and what is assumed.

    `segment`, `product` and `state` are the numbers of each account's. Notes in `rows` what is wrong.
    """
    found, assumed = state.copy(), False
    if settings.behaviour.model != "roll_rates":
        return found, []
    months = rows.integers("months_in_state", False, 1, whole=True)
    late = rows.integers("months_since_late", False, 0, whole=True)
    for g, of_segment in enumerate(settings.segment.values()):
        for p, kind in enumerate(PRODUCTS):
            matrix = matrix_of(settings, of_segment, kind)
            here = np.flatnonzero((segment == g) & (product == p) & (state != ABSENT) & rows.in_use)
            if not matrix or not (matrix.memory or matrix.kinds) or not len(here):
                continue
            own, known = rows_of(matrix), months[here] != ABSENT
            never = np.where(late[here] == ABSENT, own.place.shape[4], late[here])
            before, who = _state_before(rows, matrix, here), _kind(rows, matrix, here)
            told = own.of(state[here], months[here], before, never, who)
            found[here] = np.where(known, told, own.opened[who, state[here]])
            assumed |= not known.all() and (own.place.shape[2] > 1 or own.place.shape[4] > 1)
    said = kept("How long accounts have been in their states is not on the tape: they count as having been for long.")
    return found, [said] if assumed else []


def _kind(rows: Rows, matrix: RollMatrix, here) -> np.ndarray:
    """Return int64[account]: the number of the kind of people that an account's holder is of, 0 without kinds."""
    if not matrix.kinds:
        return np.zeros(len(here), dtype=np.int64)
    names = [kind.name for kind in matrix.kinds]
    if "kind" in rows.read:
        return np.maximum(_named(rows, "kind", names, here, False), 0)
    allowed = f"the roll matrix has kinds of people: {', '.join(names)}"
    rows.problems.append(Problem(rows.mapping_path, "columns.kind", "missing", allowed))
    return np.zeros(len(here), dtype=np.int64)


def _state_before(rows: Rows, matrix: RollMatrix, here) -> np.ndarray:
    """Return int64[account]: the number of the state a month before, NO_STATE where the tape does not say."""
    if "state_before" not in rows.read:
        return np.full(len(here), NO_STATE)
    return _named(rows, "state_before", [state.name for state in matrix.states], here, True)


def _named(rows: Rows, role: str, names: list[str], here, may_be_blank: bool) -> np.ndarray:
    """Return int64[account]: the number in `names` of what stands in a column, NO_STATE where nothing does."""
    column = rows.read[role]
    number = np.array([names.index(text) if text in names else NO_STATE for text in column.text])[column.row]
    wrong = np.zeros(rows.count, dtype=bool)
    wrong[here] = (number[here] == NO_STATE) & ~(column.missing[here] & may_be_blank)
    rows.complain(wrong, role, f"allowed: {'blank, or ' if may_be_blank else ''}one of {', '.join(names)}")
    return number[here]

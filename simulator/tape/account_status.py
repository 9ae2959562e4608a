"""Where the accounts of a tape stand: account status, bucket and named state, from codes or days past due."""

from collections.abc import Sequence

import numpy as np

from simulator.language.catalogue import kept
from simulator.model.errors import Problem, did_you_mean
from simulator.model.layout import ABSENT, ACTIVE, BUCKETS, EXITS, N_PRODUCT, PRODUCTS, STATUSES, WRITTEN_OFF
from simulator.scenario.contradictions import matrix_of
from simulator.scenario.schema import State
from simulator.tape.mapping import Code
from simulator.tape.rows import Rows

_BY_DPD = Code(dpd=True)


def standing(rows: Rows, settings, segment, product) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return int64[row] three times: account status, bucket, number of the named state (ABSENT without states).

    `segment` and `product` are the numbers of each row's; notes in `rows` what cannot be placed.
    """
    codes, code = [_BY_DPD], np.zeros(rows.count, dtype=np.int64)
    if rows.mapping.status:
        codes, code = rows.codes("status", rows.mapping.status)
    said = [meaning.account if meaning else None for meaning in codes]
    status = _status(rows, said, code)
    if rows.mapping.account:
        status = np.maximum(status, _status(rows, *rows.codes("account", rows.mapping.account)))
    by_dpd = np.array([bool(meaning and meaning.dpd) for meaning in codes])[code]
    dpd, _ = rows.numbers("dpd", by_dpd, 0)
    late = np.where(by_dpd, np.clip(dpd // 30, 0, BUCKETS - 1), 0).astype(np.int64)

    shape = (len(settings.segment), N_PRODUCT, len(codes), BUCKETS, 2)
    cells = np.ravel_multi_index((segment, product, code, late, status == WRITTEN_OFF), shape)
    bucket, state = np.zeros(rows.count, dtype=np.int64), np.full(rows.count, ABSENT)
    place = _Place(rows, settings)
    for cell in np.unique(cells[rows.in_use]):
        g, p, k, b, gone = (int(index) for index in np.unravel_index(cell, shape))
        if codes[k]:  # a blank code has been complained of
            bucket[cells == cell], state[cells == cell] = place(g, p, codes[k], b, gone)
    return status, bucket, state


def _status(rows: Rows, said: Sequence[str | None], which) -> np.ndarray:
    """Return int64[row]: the account status by what is said; accounts paid off are left out."""
    rows.leave_out(np.array([name == "paid_off" for name in said])[which], kept("paid off"))
    return np.array([STATUSES.index(name) if name in STATUSES else ACTIVE for name in said])[which]


class _Place:
    """Places the accounts of one segment, product and code in a bucket and a state."""

    def __init__(self, rows: Rows, settings):
        self.rows, self.settings, self.rolls = rows, settings, settings.behaviour.model == "roll_rates"

    def __call__(self, segment: int, product: int, code: Code, bucket: int, gone: int) -> tuple[int, int]:
        """Return (bucket, number of the state or ABSENT); `bucket` is that of the days past due."""
        name, kind = list(self.settings.segment)[segment], PRODUCTS[product]
        matrix = matrix_of(self.settings, self.settings.segment[name], kind)
        if self.rolls and not matrix:
            found = f"segment {name} has {kind}s and the scenario no roll matrix for them"
            return self.cannot(self.rows.path, "", found, f"give behaviour.roll_rates.{kind}")
        states = [state for state in matrix.states if state.bucket not in EXITS] if matrix else []
        key = next((f"status.{said}" for said, meaning in self.rows.mapping.status.items() if meaning is code), "dpd")
        bucket = bucket if code.bucket is None else code.bucket
        if code.state is not None and (self.rolls or not (code.dpd or code.bucket is not None)):
            fits = [state for state in states if state.name == code.state]
            if not fits:
                known = [state.name for state in states]
                hint = did_you_mean(code.state, known) if known else "no named states here: give bucket"
                return self.cannot(self.rows.mapping_path, f"{key}.state", f"found {code.state!r}", hint)
        elif not self.rolls or gone:
            return bucket, ABSENT
        else:
            fits = [state for state in states if state.bucket == bucket]
            fits = fits or [state for state in states if state.at_least and _at(state) <= bucket][-1:]
        if len(fits) != 1:
            named = " and ".join(state.name for state in fits) or "no state"
            found = f"bucket {bucket} is {named} of the {kind} of segment {name}"
            return self.cannot(self.rows.mapping_path, key, found, "give state for each code")
        return _at(fits[0]), matrix.states.index(fits[0]) if self.rolls and matrix else ABSENT

    def cannot(self, *problem: str) -> tuple[int, int]:
        """Note a problem, and return a place that will not be used."""
        self.rows.problems.append(Problem(*problem))
        return 0, ABSENT


def _at(state: State) -> int:
    """Return the bucket of a state that is no exit."""
    assert isinstance(state.bucket, int)
    return state.bucket

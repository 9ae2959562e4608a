"""Where a scenario's accounts stand some months ahead, by named state: what the report of a run does not keep."""

from typing import NamedTuple

import numpy as np

from simulator.engine.trajectories import Trajectories
from simulator.lowering.lower import Lowered, tables_for
from simulator.model.layout import (
    ABSENT,
    ACTIVE,
    BALANCE,
    CLOSED,
    K_COUNT,
    K_ENTRY,
    K_SEGMENT,
    K_TAPE_ROW,
    LINE,
    LOAN,
    MAX_STATES,
    N_ACCOUNT,
    N_BORROWER,
    PRODUCTS,
    ROLL_STATE,
    STATE,
    STATUS,
    TAPE_ARREARS,
    TAPE_BALANCE,
    TAPE_BUCKET,
    TAPE_INSTALMENT,
    TAPE_MONTHS_LEFT,
    TAPE_STATE,
    TAPE_STATUS,
    TO_WRITTEN_OFF,
    WRITTEN_OFF,
)


class Ahead(NamedTuple):
    """Accounts by state after a month, one row for each replication."""

    opening: np.ndarray  # int64[segment, product, state]: the same accounts at the start
    counts: np.ndarray  # int64[replication, segment, product, state]; accounts that left the open book are nowhere
    written_off: np.ndarray  # int64[replication, segment, product]: of them, since the start
    rows: np.ndarray  # int64[segment, product, row]: the opening by row of the roll matrix


def states_ahead(lowered: Lowered, month: int = 1, progress=lambda done: None) -> Ahead:
    """Return where the accounts of a tape's book stand at the end of `month`, in every replication.

    Loans whose next due is their last are left out: who pays it has left, by schedule and no roll.
    The same people and random numbers as in a run, the same kernel; only the state that a run throws away is read.
    """
    tiles = lowered.tiles[lowered.tiles[:, K_ENTRY] == 0]
    rows = np.zeros((len(lowered.segments), len(PRODUCTS), lowered.tables.roll_state.shape[2]), np.int64)
    n = lowered.replications, len(lowered.segments), len(PRODUCTS)
    opening, counts, gone = np.zeros((*n[1:], 16), np.int64), np.zeros((*n, 16), np.int64), np.zeros(n, np.int64)
    for tile in tiles:
        for p in range(len(PRODUCTS)):
            here, followed = _of(lowered.tape, tile, p), _followed(lowered.tape, tile, p)
            rows[tile[K_SEGMENT], p] += np.bincount(here[followed, TAPE_STATE], minlength=rows.shape[2])
            opening[tile[K_SEGMENT], p] += _by_state(lowered, tile[K_SEGMENT], p, here[followed, TAPE_STATE])
    for r in range(lowered.replications):
        lives = Trajectories(tables_for(lowered, r, r + 1), lowered.levers, tiles, lowered.tape, range(r, r + 1), month)
        for state, tile in zip(lives.advance_to(month)[0], tiles, strict=True):
            columns, g = state[:, : tile[K_COUNT]], tile[K_SEGMENT]
            for p in range(len(PRODUCTS)):
                account = columns[N_BORROWER + p * N_ACCOUNT : N_BORROWER + (p + 1) * N_ACCOUNT]
                followed, status = _followed(lowered.tape, tile, p), account[STATUS]
                is_open = followed & (status >= ACTIVE) & (status <= CLOSED) & ((p != LOAN) | (account[BALANCE] > 0))
                counts[r, g, p] += _by_state(lowered, g, p, account[STATE][is_open])
                if p == LOAN:  # of lines all are followed, and one that owes nothing is written off and gone
                    gone[r, g, p] += int((followed & (status == WRITTEN_OFF)).sum())
        gone[r, :, LINE] = lives.sums.rolls[:, 1:, :, LINE, :, TO_WRITTEN_OFF, 0].sum(axis=(0, 1, 3))
        progress(r + 1)
    return Ahead(opening, counts, gone, rows)


def _by_state(lowered: Lowered, segment: int, product: int, rows: np.ndarray) -> np.ndarray:
    """Return int64[MAX_STATES]: how many of these rows of the roll matrix each named state has."""
    return np.bincount(lowered.tables.roll_state[segment, product, rows, ROLL_STATE], minlength=MAX_STATES)


def _of(tape: np.ndarray, tile: np.ndarray, product: int) -> np.ndarray:
    """Return int32[borrower of the tile, N_TAPE]: the accounts of a product on the tape."""
    return tape[tile[K_TAPE_ROW] : tile[K_TAPE_ROW] + tile[K_COUNT], product]


def _followed(tape: np.ndarray, tile: np.ndarray, product: int) -> np.ndarray:
    """Return bool[borrower of the tile]: whether its account is open, and no loan that its next due ends."""
    here = _of(tape, tile, product).astype(np.int64)
    is_open = (here[:, TAPE_STATUS] >= ACTIVE) & (here[:, TAPE_STATUS] <= CLOSED)
    if product != LOAN:
        return is_open
    arrears = np.where(
        here[:, TAPE_ARREARS] == ABSENT, here[:, TAPE_BUCKET] * here[:, TAPE_INSTALMENT], here[:, TAPE_ARREARS]
    )
    return is_open & (here[:, TAPE_MONTHS_LEFT] > 1) & (here[:, TAPE_BALANCE] > arrears + here[:, TAPE_INSTALMENT])

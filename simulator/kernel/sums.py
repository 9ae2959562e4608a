"""What is added to the sums of a month for one account: moves, stocks, losses and what comes back of them."""

import numpy as np

from simulator.jit.functions import njit
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from .marks import probation_left, watched_left
from .rules import is_account

i8 = np.int64


@njit(forceinline=True)
def add_roll(rolls, row, to, balance):
    """Add the move of one account to a roll matrix [from, to, number and balance]."""
    rolls[row, to, 0] += 1
    rolls[row, to, 1] += balance


@njit(forceinline=True)
def add_open(flows, vintage, bucket, cause, balance):
    """Add the month-end stocks of an open account to `flows` [name] and `vintage` [name]."""
    flows[F_N_ACCOUNTS] += 1
    flows[F_BALANCE] += balance
    vintage[W_N_ACCOUNTS] += 1
    vintage[W_BALANCE] += balance
    if bucket >= 1:
        flows[F_N_DPD30] += 1
        flows[F_BALANCE_DPD30] += balance
        flows[F_N_DPD30_BY + cause] += 1
        vintage[W_N_DPD30] += 1
        if bucket >= 2:
            flows[F_N_DPD60] += 1
            flows[F_BALANCE_DPD60] += balance
        if bucket >= 3:
            flows[F_N_DPD90] += 1
            flows[F_BALANCE_DPD90] += balance
            flows[F_N_DPD90_BY + cause] += 1


@njit(forceinline=True)
def add_followed(flows, marks, bucket, balance):
    """Step 12: add the balance of an open account to the stocks that its marks put it in; `flows` [name]."""
    if marks & CLAIMED:
        flows[F_BALANCE_CLAIMED] += balance
    if probation_left(marks) > 0:
        if bucket < DEFAULT_BUCKET:
            flows[F_BALANCE_PROBATION] += balance
            if bucket >= 1:
                flows[F_BALANCE_PROBATION_DPD30] += balance
    elif watched_left(marks) > 0 and bucket == 0:
        flows[F_BALANCE_WATCHED] += balance


@njit(forceinline=True)
def add_loss(flows, marks, cause, loss):
    """Steps 10 and 11: add a loss to that of its cause and of its marks; below 0 what comes back. `flows` [name]."""
    flows[F_BAD_DEBT_BY + cause] += loss
    if marks & OPENED_IN_DEFAULT:
        flows[F_OPENING_NET_LOSS] += loss
    if marks & CLAIMED:
        flows[F_CLAIMED_NET_LOSS] += loss
    if marks & FRAUD:
        flows[F_FRAUD_NET_LOSS] += loss


@njit(forceinline=True)
def add_back(flows, marks, cause, amount, commission):
    """Step 11: add what comes back after write-off, and what is paid for it; `flows` [name]."""
    add_loss(flows, marks, cause, -amount)
    if marks & BORNE:
        flows[F_BORNE_BACK] += amount
    if marks & IN_WORKOUT:
        flows[F_WORKOUT_CASH] += amount - commission


@njit(forceinline=True)
def add_late_paid(flows, marks, months_late, amount):
    """Steps 7 to 11: add what is paid on a default of the run by its year after 90 days past due; `flows` [name]."""
    year = (i8(months_late) - 1) // 12
    if months_late > 0 and year < 3 and marks & IN_WORKOUT:
        flows[F_RECOVERED_12 + year] += amount


@njit(forceinline=True)
def add_stocks(state, i, flows, vintage):
    """Add the month-end stocks of one borrower to `flows` [product, name] and `vintage` [product, name]."""
    for p in range(N_PRODUCT):
        at, own = N_BORROWER + p * N_ACCOUNT, flows[p]
        status, balance = state[at + STATUS, i], i8(state[at + BALANCE, i])
        if status == WRITTEN_OFF:
            own[F_N_WRITTEN_OFF_BOOK] += 1
            own[F_BALANCE_WRITTEN_OFF_BOOK] += balance
        elif is_account(status, balance, p):
            bucket, marks = i8(state[at + BUCKET, i]), i8(state[at + MARKS, i])
            add_open(own, vintage[p], bucket, i8(state[at + CAUSE, i]), balance)
            if marks >= FOLLOWED:
                add_followed(own, marks, bucket, balance)
            if status == ACTIVE and p == LINE:
                own[F_LIMIT] += state[at + LIMIT, i]
            elif status == FROZEN:
                own[F_N_FROZEN] += 1
            elif status == CLOSED:
                own[F_N_CLOSED] += 1

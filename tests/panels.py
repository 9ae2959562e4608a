"""Panels for tests: typed in by state, simulated from a matrix, or read straight from the Taiwan file."""

import csv
import gzip

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from simulator.estimation.panels.panel import Panel, PanelState
from simulator.model.random_words import philox_numpy

SIMPLE = (PanelState("current", 0), PanelState("late", 1), PanelState("lost", "written_off"))
TAIWAN = (
    PanelState("N", 0),
    PanelState("T", 0),
    PanelState("R", 0),
    PanelState("D1", 1),
    PanelState("D2", 2),
    PanelState("D3", 3),
    PanelState("D4+", 4, at_least=True),
)
BY_MONTH = ("balance", "limit", "payment", "written_off", "recovered")


def calendar(n, first="2005-04"):
    """Return the names of `n` consecutive months from `first` on."""
    start = int(first[:4]) * 12 + int(first[5:]) - 1
    return tuple(f"{m // 12}-{m % 12 + 1:02d}" for m in range(start, start + n))


def panel(state, states=SIMPLE, first="2005-04", *, product=0, segment=0, grade=None, **more):
    """Return a Panel of accounts in `state`, [account, month]: names of states or their numbers, "" or -1 for NO_ROW.

    `product`, `segment` and `grade` broadcast over accounts (grade over account and month); `more` are fields of the
    Panel, amounts by account and month as [account, month] or what broadcasts to it. Amounts not given are NaN.
    """
    names = {kind.name: s for s, kind in enumerate(states)}
    if isinstance(np.asarray(state).flat[0], str):
        state = [[names.get(word, -1) for word in row] for row in state]
    state = np.asarray(state, dtype=np.int8)
    n, months = state.shape
    bucket_of = np.array([*(kind.bucket if isinstance(kind.bucket, int) else 15 for kind in states), -1], dtype=np.int8)
    for name in BY_MONTH:
        more[name] = np.broadcast_to(np.asarray(more.get(name, np.nan), dtype=np.float64), state.shape).copy()
    if "bucket" in more:
        more["bucket"] = np.asarray(more["bucket"], dtype=np.int8)
    given = {
        "months": calendar(months, first),
        "states": tuple(states),
        "segments": tuple(f"segment {s}" for s in range(int(np.max(segment)) + 1)),
        "grades": () if grade is None else tuple("ABCDEFG"[: int(np.max(grade)) + 1]),
        "currency": "TWD",
        "minor_units": 1,
        "account_id": np.arange(1, n + 1).astype(str),
        "product": np.broadcast_to(np.int8(product), n).copy(),
        "segment": np.broadcast_to(np.int64(segment), n).copy(),
        "state": state,
        "bucket": bucket_of[state],
        "code": np.full(state.shape, -1, dtype=np.int16),
        "codes": (),
        "grade": np.broadcast_to(np.int16(-1 if grade is None else grade), state.shape).copy(),
        "facts": {},
    }
    return Panel(**(given | more))


def uniform(seed, what, *shape):
    """Return float64[*shape] strictly between 0 and 1: words at addresses (index, 0, what) under `seed`."""
    words = philox_numpy(np.arange(int(np.prod(shape))), 0, what, 0, seed, 0)[0]
    return ((words.astype(np.float64) + 0.5) / 2.0**32).reshape(shape)


def chain(matrix, accounts, months, seed, start=0):
    """Return int8[account, month]: states of a first-order chain; `matrix` is [from, to] or [month, from, to].

    A square matrix has a row for exits too. All accounts start in `start`, a number or one an account.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    matrix = np.broadcast_to(matrix, (months - 1, *matrix.shape[-2:]))
    state = np.empty((accounts, months), dtype=np.int8)
    state[:, 0] = start
    for m in range(months - 1):
        up_to = np.cumsum(matrix[m], axis=1)[state[:, m], :-1]
        state[:, m + 1] = (uniform(seed, m, accounts)[:, None] >= up_to).sum(axis=1)
    return state


def counts(matrix, opening, seed):
    """Return int64[..., from, to]: how many of `opening`, int[..., from], go where; `matrix` is [..., from, to].

    Multinomial, as a chain of binomials at uniforms of `seed`: what `chain` and Panel.moves would give, sooner.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    left = np.broadcast_to(opening, matrix.shape[:-1]).copy()
    chance = np.broadcast_to(1.0, left.shape).copy()
    moved = np.zeros(matrix.shape, dtype=np.int64)
    for k in range(matrix.shape[-1]):
        share = np.clip(np.divide(matrix[..., k], chance, out=np.zeros(left.shape), where=chance > 1e-12), 0, 1)
        moved[..., k] = binom.ppf(uniform(seed, k, *left.shape), left, share)
        left -= moved[..., k]
        chance = chance - matrix[..., k]
    return moved


def under_factor(matrix, rho, z):
    """Return float64[month, from, to]: the matrix, states from best to worst, moved by z, float64[month]."""
    worse = np.clip(1 - np.cumsum(matrix, axis=1), 0, 1)
    worse[:, -1] = 0
    beyond = ndtr((ndtri(worse) - np.sqrt(rho) * np.asarray(z)[:, None, None]) / np.sqrt(1 - rho))
    return -np.diff(beyond, axis=-1, prepend=1)


def taiwan(path):
    """Return the Panel of the Taiwan card file: its codes as the seven states N, T, R, D1, D2, D3, D4+."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    table = np.array(rows, dtype=np.int64)
    month = [f"2005_{m:02d}" for m in range(4, 8)]
    names = ("status", "statement_balance", "payment")
    column = {name: table[:, [header.index(f"{name}_{m}") for m in month]] for name in names}
    to_state = np.array([3, 3, 4, 5, 6, 6, 6, 6, 0, 1, 2])  # codes 1..8, then -2, -1, 0: indexed by (code - 1) % 11
    return panel(
        to_state[(column["status"] - 1) % 11],
        TAIWAN,
        balance=column["statement_balance"],
        limit=table[:, [header.index("credit_limit")]],
        payment=column["payment"],
    )

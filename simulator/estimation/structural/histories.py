"""What the accounts of a panel do when the simulator lives them: the same columns as on the tape."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from simulator.engine import engine
from simulator.engine.trajectories import Trajectories
from simulator.estimation.panels.panel import NO_ROW, Panel
from simulator.lowering.lower import Lowered, tables_for
from simulator.model import layout
from simulator.model.layout import CAUSES, LANES, LINE, N_PRODUCT, N_TAPE, NEVER
from simulator.model.observer import SILENT, Observer, compiling
from simulator.model.tables import Levers, Tables
from simulator.system.machine import threads_of
from simulator.tape.rows import LARGEST
from simulator.tape.tape import Tape

WRITTEN_OFF = layout.BUCKETS  # the bucket of an account in the month it is written off
LINE_COLUMNS = {name: layout.LINE_AT + getattr(layout, name) for name in ("STATUS", "LIMIT", "BALANCE", "BUCKET")}


class Histories(NamedTuple):
    """Lines by month, amounts in minor units; month 0 is the opening and nothing was paid in it.

    A line that leaves has bucket WRITTEN_OFF, or 0 if it was paid off, in the month it leaves, and NO_ROW after.
    """

    bucket: np.ndarray  # int8[account, month]
    balance: np.ndarray  # float64[account, month]
    limit: np.ndarray  # float64[account, month]
    payment: np.ndarray  # float64[account, month], NaN in month 0

    def rows(self, accounts) -> "Histories":
        """Return the histories of some accounts, in that order."""
        return Histories(*(column[accounts] for column in self))


def usable(panel: Panel) -> np.ndarray:
    """Return int64[...]: rows of the lines open in the first month with balance and limit known, by segment."""
    balance, limit = panel.balance[:, 0], panel.limit[:, 0]
    known = (np.abs(balance) <= LARGEST) & (limit > 0) & (limit <= LARGEST)  # NaN is neither
    is_open = (panel.state[:, 0] >= 0) & (panel.state[:, 0] < len(panel.open_states))
    rows = np.flatnonzero(known & is_open & (panel.product == LINE))
    return rows[np.argsort(panel.segment[rows], kind="stable")]


def observed(panel: Panel, accounts: np.ndarray) -> Histories:
    """Return the histories that the tape tells of the rows `accounts`."""
    state, bucket = panel.state[accounts], panel.bucket[accounts].astype(np.int8)
    leaves = [None if not of.is_exit else WRITTEN_OFF if of.bucket == "written_off" else 0 for of in panel.states]
    gone = np.zeros(len(accounts), dtype=bool)
    for month in range(len(panel.months)):
        bucket[gone, month] = NO_ROW
        for number, becomes in enumerate(leaves):
            if becomes is not None:
                now = ~gone & (state[:, month] == number)
                bucket[now, month] = becomes
                gone |= now
    bucket[state < 0] = NO_ROW
    payment = panel.payment[accounts]
    payment[:, 0] = np.nan
    columns = (bucket, panel.balance[accounts], panel.limit[accounts], payment)
    return Histories(*(np.asfortranarray(column) for column in columns))


def opening_tape(histories: Histories, segment: np.ndarray, segments: int, month: int = 0) -> Tape:
    """Return the book of a month: the lines of `histories`, in the order of their `segment` (int64[account]).

    Who is not open then, or of whom balance or limit is not known, has no line.
    """
    bucket, balance, limit = (column[:, month] for column in (histories.bucket, histories.balance, histories.limit))
    is_open = (bucket >= 0) & (bucket < WRITTEN_OFF) & (np.abs(balance) <= LARGEST) & (limit >= 0) & (limit <= LARGEST)
    values = np.full((len(segment), N_PRODUCT, N_TAPE), layout.ABSENT, dtype=np.int32)
    lines = values[:, LINE]
    lines[is_open, layout.TAPE_STATUS] = layout.ACTIVE
    lines[is_open, layout.TAPE_LIMIT] = limit[is_open]
    lines[is_open, layout.TAPE_BALANCE] = balance[is_open]
    lines[is_open, layout.TAPE_BUCKET] = bucket[is_open]
    return Tape(values, tuple(np.bincount(segment, minlength=segments).tolist()))


def simulated_histories(
    lowered: Lowered,
    worst: int,
    tell: Callable[[Histories], object],
    threads: int | None = None,
    observer: Observer = SILENT,
) -> tuple[list, np.ndarray]:
    """Live every replication, and return what `tell` makes of each one's histories, and the missed dues by cause.

    The book is a tape of lines and nobody arrives. `worst` is the bucket that stands for itself and all beyond.
    Missed dues are int64[cause]. `observer` is told if the kernel has to be compiled.
    """
    engine.prepare(lowered, compiling(observer))
    bare = _bare(lowered.levers)

    def one(replication):
        histories, missed = _lived(lowered, bare, replication, worst)
        return tell(histories), missed

    with ThreadPoolExecutor(threads_of(threads)) as pool:
        told, missed = zip(*pool.map(one, range(lowered.replications)), strict=True)
    return list(told), np.sum(missed, axis=0)


def _bare(levers: Levers) -> Levers:
    """Return the levers of a month in which nothing but a payment moves the balance of an open line."""
    month = levers.month.copy()
    month[..., layout.V_NEW_CREDIT] = month[..., layout.V_PLAN_FORGIVE] = 0
    month[..., layout.V_SELL_OPEN] = NEVER
    return levers._replace(month=month)


def _free_of_charge(tables: Tables) -> Tables:
    """Return the tables of a world without interest and late charges."""
    product = tables.product.copy()
    product[..., layout.P_RATE] = 0
    return tables._replace(product=product, late=np.zeros_like(tables.late))


def _lived(lowered: Lowered, bare: Levers, replication: int, worst: int) -> tuple[Histories, np.ndarray]:
    """Return the histories of one replication and its missed dues by cause.

    The kernel books payments of all accounts together. Here each month is simulated a second time from the same state,
    without interest, charges and new credit, which all come after the payment: what the balance falls by was paid.
    """
    tables, tiles, months = tables_for(lowered, replication, replication + 1), lowered.tiles, lowered.months
    lives = Trajectories(tables, lowered.levers, tiles, lowered.tape, range(replication, replication + 1), months)
    there = np.arange(LANES) < tiles[:, layout.K_COUNT, None]
    free = _free_of_charge(tables)

    def column(name, state):
        return state[0, :, LINE_COLUMNS[name]][there]

    shape = (int(there.sum()), months + 1)
    bucket = np.full(shape, NO_ROW, np.int8, order="F")  # by month: they are summed over accounts
    balance, limit, payment = (np.full(shape, np.nan, order="F") for _ in range(3))
    was_open = np.ones(len(bucket), dtype=bool)
    for month in range(months + 1):
        if month:
            paid = column("BALANCE", lives.state) - column("BALANCE", lives.next_month_under(free, bare))
            payment[was_open, month] = paid[was_open]
        state = lives.advance_to(month)
        status = column("STATUS", state)
        is_open = (status >= layout.ACTIVE) & (status <= layout.CLOSED)
        now = np.where(is_open, np.minimum(column("BUCKET", state), worst), 0)
        now[status == layout.WRITTEN_OFF] = WRITTEN_OFF
        bucket[was_open, month] = now[was_open]
        balance[is_open, month] = column("BALANCE", state)[is_open]
        limit[is_open, month] = column("LIMIT", state)[is_open]
        was_open &= is_open
    missed = lives.sums.flows[..., layout.F_N_MISSED_BY : layout.F_N_MISSED_BY + len(CAUSES)]
    return Histories(bucket, balance, limit, payment), missed.reshape(-1, len(CAUSES)).sum(axis=0)

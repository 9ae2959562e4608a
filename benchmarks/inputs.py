"""What every peer of the kernel is given: the kernel's own people, and the rules of its month; nothing of its speed.

`people` and `check_plain` serve all peers. `inputs` turns integers into floats, for the peers that a person would write
without this kernel: money as float64 minor units, shares and probabilities from 0 to 1, log-odds as they are.
"""

# ruff: noqa: F405
from typing import NamedTuple

import numpy as np

from simulator.jit.ahead_of_time import ahead_of_time
from simulator.kernel.context import Cohort
from simulator.kernel.origination import originate
from simulator.lowering.lower import Lowered, tables_for
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

TOTALS = (
    "n_accounts", "balance", "limit", "n_dpd30", "balance_dpd30", "n_dpd60", "balance_dpd60", "n_dpd90",
    "balance_dpd90", "n_written_off_book", "balance_written_off_book", "new_credit", "interest", "fees", "paid",
    "written_off", "written_off_interest", "written_off_fees", "recovered", "commission", "expired",
    "interest_not_charged", "default_balance", "n_written_off", "n_expired", "n_due", "n_missed", "n_cured_7",
    "n_cured_30", "n_default", "n_reminded", "n_first_30", "outside_used",
    *(f"{name}_{cause}" for name in ("n_missed", "n_dpd30", "n_dpd90") for cause in CAUSES),
)  # fmt: skip
AT = {name: k for k, name in enumerate(TOTALS)}
MISSED_BY, N30_BY, N90_BY = (AT[f"{name}_{CAUSES[0]}"] for name in ("n_missed", "n_dpd30", "n_dpd90"))

_originate = ahead_of_time(originate)


class Book(NamedTuple):
    """The borrowers of a segment, one array for each column: first what stays, then what a month changes."""

    income: np.ndarray
    living: np.ndarray
    spend: np.ndarray
    forget: np.ndarray  # chance; 0 with autopay
    reached: np.ndarray  # bool: by reminders
    extra: np.ndarray  # share of the rest of the bill wanted to be paid
    outside_max: np.ndarray
    job_loss: np.ndarray  # hazard as a share of the worst class's
    will_not: np.ndarray  # log-odds of base and quality
    employed: np.ndarray  # bool
    buffer: np.ndarray
    outside: np.ndarray
    alert: np.ndarray  # int
    limit: np.ndarray
    balance: np.ndarray  # open or written off
    interest_due: np.ndarray
    fee_due: np.ndarray
    arrears: np.ndarray
    bucket: np.ndarray  # int
    cause: np.ndarray  # int
    ever: np.ndarray  # int: worst bucket
    age: np.ndarray  # int: months since write-off
    status: np.ndarray  # int: ACTIVE, WRITTEN_OFF or TERMINATED


class Rules(NamedTuple):
    """What holds for a segment in every month."""

    rate: float
    min_share: float
    min_floor: float
    suspend: int
    benefit: float
    living_unemployed: float
    spend_unemployed: float
    shock_size: float
    outside_repay: float
    buffer_cap: float
    spending: float  # standard deviation of the logarithm of the month's spending
    write_off: int
    expire: int
    by_bucket: np.ndarray  # log-odds of will-not: [BUCKETS], and so on
    by_cause: np.ndarray
    by_burden: np.ndarray
    alert: np.ndarray  # [32]
    keep: np.ndarray  # [BUCKETS]: forgetting left by a reminder
    late: np.ndarray  # [DAYS]: late charge
    in_month: np.ndarray  # [reason, late, DAYS]
    recover: np.ndarray  # [age band, (chance, share, commission)]


class Segment(NamedTuple):
    """One segment of a world as a peer takes it."""

    book: Book
    rules: Rules
    economy: np.ndarray  # float64[replication, month, N_MACRO], month 0 unused


def people(world: Lowered, tile) -> np.ndarray:
    """Return int32[N_STATE, borrower]: the people of a tile, drawn by the kernel."""
    n, S, W = int(tile[K_COUNT]), np.zeros((N_STATE, LANES), np.int32), np.zeros((4 * SLOTS, LANES), np.uint32)
    cohort = Cohort(int(tile[K_SEGMENT]), 0, int(tile[K_FIRST]), 0, -1, 0)
    _originate(S, W, n, cohort, world.tables, world.levers, world.tape)
    return S[:, :n]


def check_plain(world: Lowered) -> None:
    """Raise ValueError if a scenario asks for what the peers do not do."""
    levers, neutral = world.levers, world.neutral_levers()
    pulled = (levers.month[1:, :, LINE] != neutral.month[1:, :, LINE]).any(axis=(0, 1))
    staged = (levers.stage[1:, :, LINE] != neutral.stage[1:, :, LINE]).any(axis=(0, 1))  # [stage, name]
    terms = world.tables.product[:, LINE]
    plain = (
        world.products == ("line",)
        and not len(world.tape)
        and not world.readers
        and not world.tables.redraw_people
        and not world.tiles[:, K_ENTRY].any()
        and not world.tables.segment[:, [G_MODEL, G_LEAVES]].any()
        and not terms[:, [P_LATE_PART, P_FRAUD, P_FIRST_PAYMENT, *range(P_CONVERT, P_CONVERT + 4)]].any()
        and np.array_equal(*(each.answer[1:, :, LINE, :, : CUSTOMERS * GRADES] for each in (levers, neutral)))
        and set(np.flatnonzero(pulled).tolist()) <= {V_REACH, V_WRITE_OFF, V_EXPIRE, V_SCORE_CUTOFF}
        and not np.delete(staged[:BUCKETS], S_FORGET_KEEP, axis=1).any()
        and not staged[BUCKETS:, (S_SALE_PRICE, S_RECOVERY_COST)].any()
        and not levers.ladder[..., L_USED].any()
    )
    if not plain:
        raise ValueError("the peers are structural, for a line, with reminders and write-off at most")


def inputs(world: Lowered) -> list[Segment]:
    """Return each segment of `world` in floats. Raises ValueError for what the peers do not do."""
    check_plain(world)
    if any((levers[1:] != levers[1]).any() for levers in (world.levers.month, world.levers.stage)):
        raise ValueError("the float peers take rules that are the same in every month")
    if world.tables.product[:, LINE, P_HOLD].any():
        raise ValueError("the float peers know no part payment that holds the bucket")
    return [_segment(world, segment) for segment in range(len(world.segments))]


def _segment(world, segment):
    tables, levers = world.tables, world.levers
    g, terms = tables.segment[segment], tables.product[segment, LINE]
    months, stages = levers.month[1, segment, LINE], levers.stage[1, segment, LINE]
    share, logit = lambda x: x / ONE, lambda x: x / UNIT
    rules = Rules(
        share(terms[P_RATE]), share(terms[P_MIN_SHARE]), float(terms[P_MIN_FLOOR]), int(terms[P_SUSPEND]),
        share(g[G_BENEFIT]), share(g[G_LIVING_UNEMPLOYED]), share(g[G_SPEND_UNEMPLOYED]), g[G_SHOCK_SIZE] / UNIT,
        share(g[G_EXTERNAL_CREDIT_REPAY]), g[G_LIQUIDITY_CAP] / UNIT,
        world.settings.behaviour.structural.spending_variation,
        int(months[V_WRITE_OFF]), int(months[V_EXPIRE]),
        logit(tables.will_not_bucket[segment]), logit(tables.will_not_cause[segment]),
        logit(tables.will_not_burden[segment]), share(tables.alert[segment]),
        share(stages[:BUCKETS, S_FORGET_KEEP]), share(tables.late[segment, LINE]), share(tables.in_month[segment]),
        share(stages[BUCKETS:, (S_RECOVER_CHANCE, S_RECOVER_SHARE, S_COMMISSION)]),
    )  # fmt: skip
    tiles = world.tiles[world.tiles[:, K_SEGMENT] == segment]
    S = np.concatenate([people(world, tile) for tile in tiles], axis=1)
    S = S[:, S[LINE_AT + STATUS] == ACTIVE]
    money, whole = S.astype(np.float64), S.astype(np.int64)
    line = {name: LINE_AT + name for name in (LIMIT, BALANCE, INTEREST_DUE, FEE_DUE, ARREARS, BUCKET, CAUSE, EVER, AGE)}
    base = logit(g[G_WILL_NOT_BASE] + terms[P_WILL_NOT])
    book = Book(
        money[INCOME], money[LIVING], money[SPEND],
        np.where(S[AUTOPAY] < g[G_AUTOPAY], 0.0, money[FORGET] / ONE), S[REACH] < months[V_REACH],
        np.where(S[FULL_PAYER] == 1, 1.0, share(g[G_REVOLVER_SHARE])), money[EXTERNAL_CREDIT_LIMIT],
        share(tables.job_loss_quality[segment])[S[QUALITY]],
        base + logit(tables.will_not_quality[segment])[S[QUALITY]],
        S[EMPLOYED] == 1, money[LIQUIDITY], money[EXTERNAL_CREDIT], whole[MONTHS_SINCE_FORGOT],
        *(money[line[name]] for name in (LIMIT, BALANCE, INTEREST_DUE, FEE_DUE, ARREARS)),
        *(whole[line[name]] for name in (BUCKET, CAUSE, EVER, AGE)),
        np.full(S.shape[1], ACTIVE),
    )  # fmt: skip
    drawn = tables_for(world, 0, world.replications).economy[:, :, segment]
    unit = np.full(N_MACRO, UNIT, np.float64)
    unit[[M_JOB_LOSS, M_JOB_FIND, M_EXPENSE_SHOCK]] = ONE
    economy = np.broadcast_to(drawn / unit, (world.replications, *drawn.shape[1:]))
    return Segment(Book(*map(np.ascontiguousarray, book)), rules, np.ascontiguousarray(economy))


class Totals(NamedTuple):
    """What a peer counts: float64[replication, month, TOTALS] and float64[replication, month, from, to, 2]."""

    flows: np.ndarray
    rolls: np.ndarray


def empty_totals(replications: int, months: int) -> Totals:
    """Return Totals of zero."""
    return Totals(np.zeros((replications, months, len(TOTALS))), np.zeros((replications, months, BUCKETS, N_TO, 2)))


def totals_of(sums) -> np.ndarray:
    """Return float64[replication, month, TOTALS]: what the kernel's Sums say of the line in months 1 and later."""
    line = sums.flows[:, :, 1:, :, LINE].sum(axis=(1, 3))
    return line[..., [FLOWS.index(name) for name in TOTALS]].astype(np.float64)

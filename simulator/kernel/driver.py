"""The driver: tile by tile, replication by replication, month by month; integer sums only.

A tile is up to LANES borrowers of one segment and entry month, one after the other. Its blocks belong to the halves of
the book in turn; those of a half go through a month together, so that the few who are gathered fill vectors. With
`fast` lanes go through `on_time`, `delinquent` and only a few through `scalar`, without through `scalar` alone. The
sums are the same bytes either way, for any tile size, order of tiles, and cut of the months into spans.
"""

from threading import local
from typing import NamedTuple

import numpy as np

from simulator.jit.ahead_of_time import ahead_of_time
from simulator.jit.functions import njit
from simulator.jit.intrinsics import (
    ROW,
    SHORT_ROW,
    fetch,
    list_marked,
    stack_gathered_state,
    stack_gathered_words,
    stack_state,
    stack_words,
)
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel
from simulator.model.philox import MAX_MONTH

from .context import Cohort, Lanes, Month, MonthLevers, MonthSums, Place, segment_of
from .delinquent import NarrowTables, narrow_levers, narrow_segment, stack_record, step_delinquent
from .fixed import mul_q16
from .lanes import derive, draw_listed, draw_words, gather_index, stack_derived, stack_gathered_derived, stack_pending
from .late import has_late_stage
from .lender import add_loan, leave_settled, rate_of_new_loan, wants_loan, work_one_written_off
from .month_end import close_unused, grant_again, leave_lines, observe, review_limits, teach
from .on_time import (
    NO_REMINDERS,
    Bounds,
    bound_month,
    bound_segment,
    derive_forgetting,
    reminders,
    stack_block_record,
    step_on_time,
)
from .origination import add_arrivals, originate
from .rolls import MOVES, RollRates, rates_of_month, rates_of_segment, step_rolls
from .rules import is_live, rate_of_grade, served_share
from .scalar import step_scalar
from .sums import add_stocks

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64
CACHE_LINE = 8  # int64 numbers
NO_AMOUNTS = (-1, -1, -1, -1, -1)  # no `amounts_for` yet
FIRST, SECOND, THIRD, FOURTH, FIFTH = (i8(1 << slot) for slot in range(5))  # bits of the slots of a month's words


class Tile(NamedTuple):
    """Who is in a tile."""

    segment: int
    entry: int  # month
    first: int  # index of the borrower in lane 0
    count: int
    tape_row: int  # of the borrower in lane 0; -1 where people are drawn
    products: int  # 1 where nobody may hold a loan, else 2
    first_block: int
    end_block: int  # one after the last


class Opening(NamedTuple):
    """A tile as it enters, for the replications in which the same people enter again."""

    state: np.ndarray  # int32[N_STATE, lane]
    flows: np.ndarray  # int64[half, product, N_FLOWS]
    vintage: np.ndarray  # int64[product, N_VINTAGE]


class Lists(NamedTuple):
    """Lanes of a half of a tile for which `on_time` has left something to do: uint32[LANES + STEP] each."""

    delinquent: np.ndarray
    written_off: np.ndarray
    new_loan: np.ndarray
    scalar: np.ndarray
    todo: np.ndarray  # int32, of a block at a time


class Listed(NamedTuple):
    """How many lanes are on each of the Lists."""

    delinquent: int
    written_off: int
    new_loan: int
    scalar: int


class Derived(NamedTuple):
    """What the columns of `Lanes.derived` were worked out for."""

    amounts: tuple[int, int, int, int, int]
    teaching: tuple[int, int]  # V_EDUCATED and V_EDUCATION_SPEND of the line
    reminders: tuple[int, int, int, int, int, int]
    loan_reminders: tuple[int, int, int, int, int, int]


class Workspace(NamedTuple):
    """The arrays that the driver works in, those on its stack aside: compiled code makes none."""

    lever_bits: np.ndarray  # int64[row of the levers, product]
    most: np.ndarray  # int64[row, N_MOST]
    rates: np.ndarray  # uint32[product, GRADES]: q31 a month
    opening: Opening
    lists: Lists
    bounds: Bounds
    roll_rates: RollRates
    narrow: NarrowTables


def workspace() -> Workspace:
    """Return a Workspace of zeros."""
    lane_list = np.zeros((4, LANES + STEP), np.uint32)
    return Workspace(
        np.zeros((MAX_MONTH + 1, N_PRODUCT), np.int64), np.zeros((MAX_MONTH + 1, N_MOST), np.int64),
        np.zeros((N_PRODUCT, GRADES), np.uint32),
        Opening(
            np.zeros((N_STATE, LANES), np.int32), np.zeros((2, N_PRODUCT, N_FLOWS), np.int64),
            np.zeros((N_PRODUCT, N_VINTAGE), np.int64),
        ),
        Lists(*lane_list, np.zeros(LANES + STEP, np.int32)),
        Bounds(
            np.zeros(QUALITY_GROUPS, np.int64), np.zeros(N_PRODUCT * QUALITY_GROUPS, np.uint32),
            np.zeros(len(MEMORY) - 1, np.uint32),
        ),
        RollRates(
            np.zeros(MOVES, np.uint32), np.zeros(MOVES, np.int32), np.zeros(MAX_ROWS, np.uint32),
            np.zeros(MAX_ROWS, np.uint32), np.zeros(BUCKETS, np.uint32),
        ),
        NarrowTables(
            np.zeros(CURE_SIZE, np.uint32), np.zeros(N_PRODUCT * CURE_ROW, np.uint32),
            np.zeros(N_PRODUCT * BUCKETS, np.uint32), np.zeros(LADDER_SIZE, np.uint32),
        ),
    )  # fmt: skip


class _Own(local):
    """What each thread has of its own."""

    def __init__(self):
        self.workspace = workspace()


_own = _Own()


def advance(tables, levers, tiles, tape, span, fast, store, sums):
    """Advance every borrower of `tiles` through the replications and months of a Span, adding to the sums.

    `tiles` int64[tile, N_TILE] (ValueError if one is longer than LANES); `tape`
    int32[account, product, N_TAPE]. `store` int32[replications, tiles, N_STATE, LANES] keeps everyone's state
    between spans, or is empty. `sums` are those of the replications. Threads may share everything but the sums and the
    store.
    """
    if len(tiles) and int(tiles[:, K_COUNT].max()) > LANES:
        raise ValueError(f"a tile is longer than {LANES} borrowers")
    run_tiles(tables, levers, tiles, tape, span, fast, store, sums, _own.workspace)


@ahead_of_time
def run_tiles(tables, levers, tiles, tape, span, fast, store, sums, work):
    """Do what `advance` says; `work` is a Workspace."""
    lanes = Lanes(stack_state(), stack_derived(), stack_words(), stack_block_record())
    gathered = Lanes(stack_gathered_state(), stack_gathered_derived(), stack_gathered_words(), stack_record())
    pending = stack_pending()
    clear(lanes, gathered)
    noted, rows = i8(-1), rows_of(span)
    for t in range(tiles.shape[0]):
        tile = tile_of(tiles[t])
        if tile.entry > span.month_to:
            continue
        segment, enters_at = segment_of(tables, tile.segment), max(tile.entry, 1)
        if tile.segment != noted:
            note_levers(work.lever_bits, levers, segment.terms, tile.segment, rows)
            note_answers(work.lever_bits, work.most, levers, tables, tile.segment, rows)
            noted = tile.segment
        segment_constants(work, segment)
        for i in range(tile.count):
            lanes.derived[D_INDEX, i] = tile.first + i
        derived = nothing_derived()
        for r in range(span.replication_to - span.replication_from):
            if span.month_from <= enters_at:
                open_tile(lanes, gathered, tile, segment, tables, levers, tape, span, r, work.opening, sums)
                derived = nothing_derived()
            elif r == 0 or tables.redraw_people != 0:
                copy(lanes.state, store[r, t], 0, N_STATE, tile.count)
                derived = nothing_derived()
            elif copy_changing(lanes.state, store[r, t], tile):
                derived = nothing_derived()
            for number in range(max(enters_at, span.month_from), span.month_to + 1):
                place = place_of(tile, span.replication_from + r, number, tables.observe_month)
                month_levers = levers_of(levers, tile.segment, number + further(span, r), rows, work)
                month = month_of(tables, segment, month_levers, place, r, work.rates)
                derived = month_constants(lanes, tile, segment, month, month_levers, derived, work)
                for begin in range(tile.first_block, min(tile.first_block + 2, tile.end_block)):
                    month_sums = sums_of(sums, place, r, (begin + tile.entry) & 1)
                    advance_half(
                        lanes, gathered, pending, tile, begin, place, segment, month, month_levers, month_sums, fast,
                        work,
                    )  # fmt: skip
                if moves_limits(month_levers.month[LINE]):  # and with them what is usually spent
                    derived = Derived(NO_AMOUNTS, derived.teaching, derived.reminders, derived.loan_reminders)
                if number == tables.observe_month:
                    ratings = sums.ratings[place.replication % SUMS_PER_BATCH, tile.segment]
                    observe(lanes.state, tile.count, month_levers.month, ratings)
            if store.shape[0] > 0 and span.month_from <= enters_at:
                copy(store[r, t], lanes.state, 0, N_STATE, tile.count)
            elif store.shape[0] > 0:
                copy_changing(store[r, t], lanes.state, tile)


@njit(forceinline=True)
def clear(lanes, gathered):
    """Set to zero what lanes beyond a tile's, in which nobody is, are read for."""
    for c in range(N_STATE):
        for i in range(LANES, ROW):
            lanes.state[c, i] = 0
        for i in range(BLOCK, SHORT_ROW):
            gathered.state[c, i] = 0
    for c in range(N_DERIVED):
        for i in range(LANES, ROW):
            lanes.derived[c, i] = 0


@njit(forceinline=True)
def nothing_derived():
    """Return the Derived of a tile for which nothing was worked out yet."""
    return Derived(NO_AMOUNTS, (-1, -1), NO_REMINDERS, NO_REMINDERS)


@njit(forceinline=True)
def copy(to, state, begin, end, n):
    """Copy columns `begin` to `end` - 1 of the first n lanes of a state."""
    for c in range(begin, end):
        for i in range(n):
            to[u8(c), u8(i)] = state[u8(c), u8(i)]


@njit(forceinline=True)
def copy_changing(to, state, tile):
    """Copy what changes of a tile's borrowers and accounts; return whether what anybody usually spends has.

    Scores of applicants are those of their review, which may have been another in another replication.
    """
    moved = i4(0)
    for i in range(tile.count):
        moved |= to[SPEND, u8(i)] ^ state[SPEND, u8(i)]
        to[SPEND, u8(i)] = state[SPEND, u8(i)]
    copy(to, state, SCORE, SCORE + 1, tile.count)
    copy(to, state, CHANGING, GUARANTEE, tile.count)
    copy(to, state, N_BORROWER, N_STATE if tile.products == N_PRODUCT else LOAN_AT, tile.count)
    return moved != i4(0)


@njit(forceinline=True)
def tile_of(row):
    """Return the Tile of a row of `tiles`."""
    first, count = row[K_FIRST], row[K_COUNT]
    return Tile(
        row[K_SEGMENT], row[K_ENTRY], first, count, row[K_TAPE_ROW], row[K_PRODUCTS],
        first >> BLOCK_BITS, ((first + count - 1) >> BLOCK_BITS) + 1,
    )  # fmt: skip


@njit(forceinline=True)
def block_of(tile, block):
    """Return (first lane, how many) of the lanes of a tile that are in a block."""
    base = max((block << BLOCK_BITS) - tile.first, 0)
    return base, min(((block + 1) << BLOCK_BITS) - tile.first, tile.count) - base


@njit(forceinline=True)
def further(span, r):
    """Return by how many rows further than the month the levers of replication r of a span stand."""
    return span.further[min(r, span.further.shape[0] - 1)]


@njit(forceinline=True)
def rows_of(span):
    """Return the first and the last row of the levers that a span reads."""
    first = last = span.further[0]
    for r in range(1, span.further.shape[0]):
        first, last = min(first, span.further[r]), max(last, span.further[r])
    return span.month_from + first, span.month_to + last


@njit(forceinline=True)
def note_levers(lever_bits, levers, terms, segment, rows):
    """Fill lever_bits[row, product]: bit k if level k of the ladder works a bucket, WORKS_OPEN, CUTS and OFFERS.

    Rows of the levers are counted from the first of `rows`.
    """
    _, _, products, buckets, levels, _ = levers.ladder.shape
    for month in range(rows[0], rows[1] + 1):
        for p in range(products):
            bits = i8(0)
            for bucket in range(buckets):
                for level in range(levels):
                    bits |= i8(levers.ladder[month, segment, p, bucket, level, L_USED] != 0) << level
            for bucket in range(1, buckets):
                stage = levers.stage[month, segment, p, bucket]
                if bucket < DEFAULT_BUCKET or not has_late_stage(terms[p]):  # else they are in the late stage
                    bits |= WORKS_OPEN * i8((stage[S_RECOVER_CHANCE] | stage[S_RECOVERY_COST]) != 0)
                bits |= CUTS * i8(stage[S_LIMIT_KEEP] < ONE)
            offers = levers.month[month, segment, p, V_OFFER_BREAKS]
            for stage in range(levers.stage.shape[3]):
                offers |= levers.stage[month, segment, p, stage, S_OFFER_CHANCE]
            lever_bits[month - rows[0], p] = bits | OFFERS * i8(offers != 0)


@njit(forceinline=True)
def note_answers(lever_bits, most, levers, tables, segment, rows):
    """Set ANSWERED in lever_bits[row, product] where customers do not all want the usual; fill most[row, name]."""
    draw, felt = tables.product[segment, LOAN, P_DRAW], max(tables.segment[segment, G_LEAVE_FELT], i8(UNIT))
    for month in range(rows[0], rows[1] + 1):
        answer, row = levers.answer[month, segment], month - rows[0]
        wish, leave = i8(0), i8(0)
        for k in range(GRADES * CUSTOMERS):
            wish, leave = max(wish, i8(answer[LOAN, C_DEMAND, k])), max(leave, i8(answer[LINE, C_LEAVE, k]))
            for p in range(N_PRODUCT):
                lever_bits[row, p] |= ANSWERED * i8(answer[p, C_DEMAND, k] != UNIT)
        most[row, MOST_WISH] = min(mul_q16(draw, wish), i8(ONE))
        most[row, MOST_LEAVE] = min(mul_q16(leave, felt), i8(LEAVE_MASK + 1))


@njit(forceinline=True)
def moves_limits(line):
    """Return whether the levers of the line [name] ask for a review of limits."""
    return line[V_CUT_KEEP] < ONE or line[V_RAISE_BY] > UNIT


@njit(forceinline=True)
def segment_constants(work, segment):
    """Work out what is the same for a segment in all months."""
    if segment.scalars[G_MODEL] == 0:
        bound_segment(work.bounds, segment)
        narrow_segment(work.narrow, segment)
    else:
        rates_of_segment(work.roll_rates, segment.roll_state[LINE], segment.roll_next[LINE])


@njit(forceinline=True)
def open_tile(lanes, gathered, tile, segment, tables, levers, tape, span, r, opening, sums):
    """Let the people of a tile enter: drawn or read, or as they entered in the replication before."""
    reviewed = tile.entry > 0 and r > 0 and further(span, r) != further(span, r - 1)  # by another lender
    loads = r == 0 or tables.redraw_people != 0 or reviewed
    enter_again = span.replication_to - span.replication_from > 1 and tables.redraw_people == 0
    used = N_STATE if tile.products == N_PRODUCT else LOAN_AT  # columns
    replication = span.replication_from + r
    if loads:
        row = tile.entry + further(span, r) if tile.entry > 0 else i8(0)
        load_tile(lanes, gathered, tile, tables, levers, row, tape, replication, opening)
        if enter_again:
            copy(opening.state, lanes.state, CHANGING, used, tile.count)
            copy(opening.state, lanes.state, SPEND, SPEND + 1, tile.count)
        for c in range(used, N_STATE):  # an earlier tile may have had loans
            for i in range(tile.count):
                lanes.state[u8(c), u8(i)] = 0
    else:
        copy(lanes.state, opening.state, CHANGING, used, tile.count)
        copy(lanes.state, opening.state, SPEND, SPEND + 1, tile.count)
    for p in range(tile.products):
        for block in range(tile.first_block, min(tile.first_block + 2, tile.end_block)):  # one of each half
            half = (block + tile.entry) & 1
            for k in range(N_FLOWS):
                sums.flows[r, half, tile.entry, tile.segment, p, k] += opening.flows[half, p, k]
        for k in range(N_VINTAGE):
            vintage = sums.vintages[replication % SUMS_PER_BATCH, tile.entry, tile.entry, tile.segment, p]
            vintage[k] += opening.vintage[p, k]


@njit(forceinline=True)
def load_tile(lanes, gathered, tile, tables, levers, row, tape, replication, opening):
    """Fill the lanes of a tile with its people before their first month, and the sums of `opening`.

    `row` is that of the levers by which they are reviewed.
    """
    used = N_STATE if tile.products == N_PRODUCT else LOAN_AT  # columns
    person_replication = (replication ^ (tables.redraw_people - 1)) + 1 if tables.redraw_people else 0
    for p in range(N_PRODUCT):
        for half in range(2):
            for k in range(N_FLOWS):
                opening.flows[half, p, k] = 0
        for k in range(N_VINTAGE):
            opening.vintage[p, k] = 0
    for block in range(tile.first_block, tile.end_block):
        base, n = block_of(tile, block)
        flows = opening.flows[(block + tile.entry) & 1]
        tape_row = tile.tape_row + base if tile.tape_row >= 0 else i8(-1)
        cohort = Cohort(tile.segment, tile.entry, tile.first + base, i8(person_replication), tape_row, row)
        originate(gathered.state, gathered.words, n, cohort, tables, levers, tape)
        if tile.entry == 0:
            for i in range(n):
                add_stocks(gathered.state, i, flows, opening.vintage)
        else:
            add_arrivals(gathered.state, n, levers.month[row, tile.segment], flows, opening.vintage)
        for c in range(used):
            for i in range(n):
                lanes.state[u8(c), u8(base + i)] = gathered.state[u8(c), u8(i)]


@njit(forceinline=True)
def place_of(tile, replication, month, observe_month):
    """Return the Place of a tile's month."""
    row = i8(ARRIVED) if tile.entry == month else i8(0)
    return Place(tile.segment, tile.entry, month, replication, row, month - observe_month, tile.products)


@njit(forceinline=True)
def month_of(tables, segment, levers, place, r, rates):
    """Return the Month of a segment in a replication, by its MonthLevers; fills `rates`."""
    month, month_levers = place.month, levers.month
    for p in range(N_PRODUCT):
        for grade in range(GRADES):
            rates[p, grade] = rate_of_grade(segment.terms[p], month_levers[p], grade)
    economy = tables.economy[min(r, tables.economy.shape[0] - 1), month, place.segment]
    slots = FIRST | SECOND
    serves_all = min(served_share(month_levers[LINE], economy), served_share(month_levers[LOAN], economy)) >= ONE
    if place.products == N_PRODUCT or not serves_all:
        slots |= THIRD
    if month_levers[LINE, V_PLAN_CHANCE] > 0 or month_levers[LOAN, V_PLAN_CHANCE] > 0:
        slots |= FOURTH
    drops = i8(0)
    for name in (V_TRIAL_DROPS, V_PLAN_DROPS_EARLY, V_PLAN_DROPS):
        drops |= month_levers[LINE, name] | month_levers[LOAN, name]
    if ((levers.bits[LINE] | levers.bits[LOAN]) & OFFERS) != 0 or drops > 0:
        slots |= FIFTH
    rolls = tables.roll[min(r, tables.roll.shape[0] - 1), min(month - 1, tables.roll.shape[1] - 1)]
    return Month(economy, tables.tie[min(month, len(tables.tie) - 1)], rolls[segment.scalars[G_ROLL]], rates, slots)


@njit(forceinline=True)
def levers_of(levers, segment, row, rows, work):
    """Return the MonthLevers of a segment in a row of `rows`; `work` is the Workspace."""
    return MonthLevers(
        levers.month[row, segment], levers.stage[row, segment], levers.ladder[row, segment],
        levers.answer[row, segment], work.lever_bits[row - rows[0]], work.most[row - rows[0]],
    )  # fmt: skip


@njit(forceinline=True)
def sums_of(sums, place, r, half):
    """Return the MonthSums of a month, segment and half of the book, brought near.

    The sums of all months and replications fill no cache.
    """
    batch, month, segment = place.replication % SUMS_PER_BATCH, place.month, place.segment
    own = MonthSums(
        sums.flows[r, half, month, segment], sums.rolls[batch, month, segment],
        sums.vintages[batch, place.entry, month, segment], sums.ratings[batch, segment],
    )  # fmt: skip
    for p in range(place.products):
        fetch_lines(own.vintage[p], N_VINTAGE)
        fetch_lines(own.flows[p], N_FLOWS)
    return own


@njit(forceinline=True)
def fetch_lines(sums, size):
    """Bring the first `size` int64 numbers of an array near."""
    for k in range(0, size, CACHE_LINE):
        fetch(sums, k)


@njit(forceinline=True)
def fetch_rolls(sums, levers, products):
    """Bring the rows of the roll matrices that open accounts are in near."""
    for p in range(products):
        fetch_lines(sums.rolls[p], (min(levers.month[p, V_WRITE_OFF], BUCKETS) + 1) * N_TO * 2)


@njit(forceinline=True)
def amounts_for(economy):
    """Return what the amounts of `lanes.derive` depend on."""
    return economy[M_INCOME_INDEX], economy[M_EARNED], economy[M_SPENDING], economy[M_STOPPED], economy[M_INCOME_LEFT]


@njit(forceinline=True)
def month_constants(lanes, tile, segment, month, levers, derived, work):
    """Work out what a month means for the vector paths, and each borrower's own columns where that has changed."""
    if segment.scalars[G_MODEL] != 0:
        spending = month.economy[M_SPENDING]
        rates_of_month(work.roll_rates, segment.roll_state[LINE], month.thresholds[LINE], spending)
        return derived
    economy, n, loan_reminding = month.economy, tile.count, derived.loan_reminders
    amounts = amounts_for(economy)
    teaching = levers.month[LINE, V_EDUCATED], levers.month[LINE, V_EDUCATION_SPEND]
    if amounts != derived.amounts or teaching != derived.teaching:
        derive(lanes.state, lanes.derived, n, economy, segment, levers.month[LINE])
    reminding = reminders(segment.scalars, economy, levers.month[LINE], levers.stage[LINE])
    if reminding != derived.reminders:
        derive_forgetting(lanes.state, lanes.derived, D_FORGET, n, reminding)
    if tile.products == N_PRODUCT:
        loan_reminding = reminders(segment.scalars, economy, levers.month[LOAN], levers.stage[LOAN])
        if loan_reminding != derived.loan_reminders:
            derive_forgetting(lanes.state, lanes.derived, D_LOAN_FORGET, n, loan_reminding)
    bound_month(work.bounds, segment, economy, levers.month)
    for p in range(tile.products):
        times = levers.month[p, V_EDUCATION_REACH]
        narrow_levers(work.narrow, p, levers.bits[p], levers.stage[p], levers.ladder[p], segment.scalars, times)
    return Derived(amounts, teaching, reminding, loan_reminding)


@njit(forceinline=True)
def advance_half(
    lanes, gathered, pending, tile, begin, place, segment, month, levers, sums, fast, work
):  # fmt: skip
    """Take the blocks of a half of the book, those of the tile from `begin` on, through a month."""
    listed, lists = Listed(i8(0), i8(0), i8(0), i8(0)), work.lists
    taught = V_EDUCATED if place.entry == place.month else V_TAUGHT
    teaches = segment.scalars[G_MODEL] == 0 and (levers.month[LINE, taught] | levers.month[LOAN, taught]) > 0
    if segment.scalars[G_MODEL] != 0:
        fetch_rolls(sums, levers, tile.products)
    for block in range(begin, tile.end_block, 2):
        base, n = block_of(tile, block)
        if teaches:
            teach(lanes.state, base, n, place.products, taught, levers.month, sums.flows)
        if fast:
            draw_words(lanes.words, lanes.derived, base, n, i8(0), place, segment.key)
            if segment.scalars[G_MODEL] == 0:
                step_on_time(
                    lanes, pending, base, n, place, segment, month.economy, levers, sums, work.bounds, month.rates,
                    lists.todo,
                )  # fmt: skip
            else:
                step_rolls(
                    lanes, pending, base, n, place, segment, levers, sums, work.roll_rates, month.rates[LINE],
                    lists.todo,
                )  # fmt: skip
            listed = list_pending(lists, lanes.state, pending, base, n, place, segment, levers, sums, listed)
        else:
            listed = list_live(lists, lanes, pending, base, n, place, segment.key, listed)
    if segment.scalars[G_MODEL] == 0:  # not earlier, or they would be gone again
        fetch_rolls(sums, levers, tile.products)
    for k in range(0, listed.delinquent, BLOCK):
        these, n = lists.delinquent[k:], min(listed.delinquent - k, BLOCK)
        step_delinquent(
            lanes, gathered, pending, these, n, place, segment, month, levers, sums, work.narrow, lists.todo
        )  # fmt: skip
    work_written_off(
        lanes, gathered, pending, lists.written_off, listed.written_off, place, segment, month, levers, sums
    )  # fmt: skip
    add_new_loans(lanes, gathered, pending, lists.new_loan, listed.new_loan, place, segment, month, levers, sums)
    for k in range(0, listed.scalar, BLOCK):
        these, n = lists.scalar[k:], min(listed.scalar - k, BLOCK)
        draw_listed(gathered, lanes, these, n, month.slots, place, segment.key)
        step_scalar(lanes, gathered.words, these, n, place, segment, month, levers, sums)
    end_half(lanes, pending, tile, begin, place, segment, levers, sums, lists.todo)


@njit(forceinline=True)
def goes_alone(state, lane):
    """Return whether a borrower with something late is in a plan or trial, settles in parts, or will never pay."""
    has_plan = state[LINE_AT + PLAN_LEFT, lane] | state[LOAN_AT + PLAN_LEFT, lane]
    has_plan |= state[LINE_AT + TRIAL_LEFT, lane] | state[LOAN_AT + TRIAL_LEFT, lane]
    has_parts = state[LINE_AT + PARTS_LEFT, lane] | state[LOAN_AT + PARTS_LEFT, lane]
    marks = state[LINE_AT + MARKS, lane] | state[LOAN_AT + MARKS, lane]
    return ((has_plan | has_parts) != 0) | ((marks & (FRAUD | FIRST_REFUSED)) != 0)


@njit(forceinline=True)
def list_pending(lists, state, pending, base, n, place, segment, levers, sums, listed):
    """Put lanes for which `on_time` has left something to do on the Lists they belong on; return how many are there."""
    delinquent, written_off, new_loan, scalar = listed
    works_open = ((levers.bits[LINE] | levers.bits[LOAN]) & WORKS_OPEN) != 0
    by_rolls = segment.scalars[G_MODEL] != 0
    for k in range(list_marked(lists.todo, pending, base, n, NOT_DONE | HAS_WRITTEN_OFF | WANTS_LOAN | LINE_LEAVES)):
        lane = u8(lists.todo[u8(k)])
        what = pending[0, lane]
        if what & LINE_LEAVES:  # on no list
            leave_settled(state, lane, place, sums)
        stays, alone = (what & NOT_DONE) != 0, by_rolls
        if (what & (NOT_DONE | CURRENT)) == NOT_DONE:
            alone = by_rolls | works_open | goes_alone(state, lane)
        lists.delinquent[u8(delinquent)] = lane
        lists.written_off[u8(written_off)] = lane
        lists.new_loan[u8(new_loan)] = lane
        lists.scalar[u8(scalar)] = lane
        delinquent += stays & (not alone)
        written_off += (what & HAS_WRITTEN_OFF) != 0
        new_loan += (what & WANTS_LOAN) != 0
        scalar += stays & alone
    return Listed(delinquent, written_off, new_loan, scalar)


@njit(forceinline=True)
def list_live(lists, lanes, pending, base, n, place, key, listed):
    """Put everyone with an account that is open or written off on the list of the scalar path; return how many.

    In `pending` all of them may leave.
    """
    draw_words(lanes.words, lanes.derived, base, n, i8(0), place, key)
    scalar, state = listed.scalar, lanes.state
    for i in range(base, base + n):
        lists.scalar[u8(scalar)] = i
        scalar += is_live(state[LINE_AT + STATUS, i]) | is_live(state[LOAN_AT + STATUS, i])
        pending[0, i] = i4(i4(u4(lanes.words[U_JOB, i - base]) << u4(LEAVE_AT)) | i4(MAY_LEAVE))
    return Listed(listed.delinquent, listed.written_off, listed.new_loan, scalar)


@njit(forceinline=True)
def work_written_off(lanes, gathered, pending, listed, n_listed, place, segment, month, levers, sums):
    """Steps 11 and 12 for the written-off accounts of listed lanes whose open accounts have had their month."""
    for begin in range(0, n_listed, BLOCK):
        n, these = min(n_listed - begin, BLOCK), listed[begin:]
        draw_listed(gathered, lanes, these, n, SECOND | (month.slots & FIFTH), place, segment.key)
        for k in range(n):
            lane = u8(these[u8(k)])
            if pending[0, lane] & NOT_DONE == 0:
                work_one_written_off(
                    lanes.state, lane, gathered.words, u8(k), place.products, segment, month.economy, levers, sums.flows
                )  # fmt: skip


@njit(forceinline=True)
def add_new_loans(lanes, gathered, pending, listed, n_listed, place, segment, month, levers, sums):
    """Steps 9 and 12 for the new loans of listed lanes whose month is over but for them.

    Where customers answer to the price, WANTS_LOAN was only a bound, and the wish is looked at again.
    """
    answered = (levers.bits[LOAN] & ANSWERED) != 0
    for begin in range(0, n_listed, BLOCK):
        n, these = min(n_listed - begin, BLOCK), listed[begin:]
        gather_index(gathered, lanes, these, n)  # no loop over slots: LLVM would keep it, and draw one by one
        draw_words(gathered.words, gathered.derived, i8(0), (n + STEP - 1) // STEP * STEP, i8(2), place, segment.key)
        if answered:
            draw_words(
                gathered.words, gathered.derived, i8(0), (n + STEP - 1) // STEP * STEP, i8(0), place, segment.key
            )
        for k in range(n):
            lane = u8(these[u8(k)])
            wants = pending[0, lane] & (NOT_DONE | WANTS_LOAN) == WANTS_LOAN
            if wants and answered:
                wants = wants_loan(lanes.state, lane, gathered.words[U_WISH, u8(k)], segment, levers)
            if wants:
                rates, cap = month.rates[LOAN], lanes.derived[D_CAP, lane]
                rate = rate_of_new_loan(lanes.state, lane, levers.month[LOAN], rates)
                add_loan(lanes.state, lane, gathered.words, u8(k), place.month, rate, cap, segment, sums)


@njit(forceinline=True)
def end_half(lanes, pending, tile, begin, place, segment, levers, sums, todo):
    """What the lender and customers do after everybody's month, in months in which something asks for it."""
    state, line, loan = lanes.state, levers.month[LINE], levers.month[LOAN]
    for block in range(begin, tile.end_block, 2):
        base, n = block_of(tile, block)
        if moves_limits(line):
            review_limits(state, base, n, segment.uptake, sums.flows[LINE], line)
        if segment.scalars[G_LEAVES] == 1 and line[V_NEW_CREDIT] == 1:
            if levers.most[MOST_LEAVE] > 0:
                leave_lines(state, pending, todo, base, n, segment, levers, sums.flows[LINE])
            close_unused(state, pending, todo, base, n, segment.scalars[G_IDLE_CLOSES], sums.flows[LINE])
        if line[V_REGRANT_MONTHS] < NEVER or loan[V_REGRANT_MONTHS] < NEVER:
            grant_again(state, pending, todo, base, n, tile.first, place, segment.key, levers.month, sums)

"""The driver: tile by tile, replication by replication, month by month; integer sums only.

A tile is up to LANES borrowers of one segment and entry month, one after the other. Its blocks belong to the halves of
the book in turn; those of a half are lived together, so that the few of them fill vectors. With `fast` the dull lanes
of a month go through `dull` and those in trouble through `trouble`, both in vectors, and only the few others through
`month.live`; without, everyone goes through `month.live`.
The sums are the same bytes either way, for any tile size, order of tiles, and cut of the months into spans.
"""

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel
from simulator.model.philox import MAX_MONTH

from .delinquent import CURE_ROW, CURE_SIZE, CUTS, RUNGS_SIZE, WORKS_OPEN, live_together, narrow, stack_told
from .fixed import mul_q16
from .jit.cache import CACHED, njit
from .jit.intrinsics import (
    ROW,
    SHORT_ROW,
    fetch,
    list_marked,
    stack_few,
    stack_few_words,
    stack_state,
    stack_words,
    wide_vectors,
)
from .month_end import observe, regrant, review_limits
from .on_time import (
    ASKS,
    BOOKED,
    CURRENT,
    D_CAP,
    D_FORGET,
    D_INDEX,
    D_LOAN_FORGET,
    LEFT,
    N_DERIVED,
    NOT_DERIVED,
    QUALITY_GROUPS,
    STEP,
    derive,
    derive_forgetting,
    draw_listed,
    draw_words,
    least_alert,
    most_unwilling,
    pay_on_time,
    reminders,
    stack_block,
    stack_derived,
    stack_few_derived,
    stack_left,
    stay_current,
    worst_logits,
)
from .origination import book_arrivals, book_stocks, load
from .scalar import add_loan, live, work_written_off

i8, u8 = np.int64, np.uint64
LINE_OF_CACHE = 8  # int64 numbers
FIRST, SECOND, THIRD, FOURTH = (i8(1 << slot) for slot in range(4))  # bits of the slots of a month's words


def advance(
    tables, levers, tiles, tape, replication_from, replication_to, month_from, month_to, fast, store,
    flows, rolls, vintages, ratings,
):  # fmt: skip
    """Advance every borrower of `tiles` from `month_from` to `month_to`, both included, adding to the sums.

    `tiles` int64[tile, N_TILE] (ValueError if one is longer than LANES); `tape`
    int32[account, product, N_TAPE]. `store` int32[replications, tiles, N_STATE, LANES] keeps everyone's state
    between spans, or is empty. `flows` int64[replications, 2, months + 1, segment, product, N_FLOWS]; `rolls`,
    `vintages` and `ratings` as in `Sums`. Threads may share everything but the sums and the store.
    """
    if len(tiles) and int(tiles[:, K_COUNT].max()) > LANES:
        raise ValueError(f"a tile is longer than {LANES} borrowers")
    _advance(
        tables, levers, tiles, tape, replication_from, replication_to, month_from, month_to, fast, store,
        flows, rolls, vintages, ratings,
        np.zeros((MAX_MONTH + 1, N_PRODUCT), np.int64),
        np.zeros((N_STATE, LANES), np.int32),
        np.zeros(LANES + STEP, np.uint32),
        np.zeros(LANES + STEP, np.int32),
        np.zeros(MAX_STATES * MAX_STATES, np.uint32),
        np.zeros((N_ROLL, MAX_STATES), np.int32),
        np.zeros((2, N_PRODUCT, N_FLOWS), np.int64),
        np.zeros((N_PRODUCT, N_VINTAGE), np.int64),
        np.zeros(GRADES, np.uint32),
        np.zeros(GRADES, np.uint32),
        np.zeros(N_PRODUCT * QUALITY_GROUPS, np.uint32),
        np.zeros(QUALITY_GROUPS, np.int64),
        np.zeros(4, np.uint32),
        np.zeros(LANES + STEP, np.uint32),
        np.zeros(LANES + STEP, np.uint32),
        np.zeros(LANES + STEP, np.uint32),
        np.zeros(CURE_SIZE, np.uint32),
        np.zeros(N_PRODUCT * CURE_ROW, np.uint32),
        np.zeros(N_PRODUCT * BUCKETS, np.uint32),
        np.zeros(RUNGS_SIZE, np.uint32),
    )  # fmt: skip


@njit(forceinline=True)
def place_of(block, first, n, entry):
    """Return (first lane, how many, half of the book) of what a tile of `n` borrowers from `first` has of a block."""
    base = max((block << BLOCK_BITS) - first, 0)
    return base, min(((block + 1) << BLOCK_BITS) - first, n) - base, (block + entry) & 1


@njit(forceinline=True)
def lives(status):
    """Return whether an account is open or written off, so that its months go on."""
    return (status >= ACTIVE) & (status <= WRITTEN_OFF)


@njit(forceinline=True)
def note_levers(asked, levers, segment, month_from, month_to):
    """Fill asked[month, product]: bit k if level k of the ladder works a bucket, WORKS_OPEN and CUTS."""
    _, _, products, buckets, levels, _ = levers.ladder.shape
    for month in range(month_from, month_to + 1):
        for p in range(products):
            bits = i8(0)
            for bucket in range(buckets):
                for level in range(levels):
                    bits |= i8(levers.ladder[month, segment, p, bucket, level, L_USED] != 0) << level
            for bucket in range(1, buckets):
                stage = levers.stage[month, segment, p, bucket]
                bits |= WORKS_OPEN * i8((stage[S_RECOVER_CHANCE] | stage[S_RECOVERY_COST]) != 0)
                bits |= CUTS * i8(stage[S_LIMIT_KEEP] < ONE)
            asked[month, p] = bits


@njit(forceinline=True)
def fetch_lines(sums, size):
    """Bring the first `size` int64 numbers of an array near: the sums of all months and replications fill no cache."""
    for k in range(0, size, LINE_OF_CACHE):
        fetch(sums, k)


@njit(cache=CACHED)
def _advance(
    tables, levers, tiles, tape, replication_from, replication_to, month_from, month_to, fast, store,
    flows, rolls, vintages, ratings,
    asked, start, few, todo, cumulative, line_states, arrived, arrived_vintage, rates, loan_rates, bound,
    worst, memory, trouble, booked, asking, cure, charges, forget_keeps, rungs,
):  # fmt: skip
    """Do what `advance` says; the arguments after the sums are working space (compiled code makes no arrays)."""
    wide_vectors()
    S = stack_state()
    W = stack_words()
    D = stack_derived()
    left, B = stack_left(), stack_block()
    C, E, V, T = stack_few(), stack_few_derived(), stack_few_words(), stack_told()  # of the lanes in trouble
    for c in range(N_STATE):
        for i in range(ROW):
            S[c, i] = 0  # lanes beyond a tile's are nobody
        for i in range(SHORT_ROW):
            C[c, i] = 0
    for c in range(N_DERIVED):
        for i in range(ROW):
            D[c, i] = 0
    k0, k1 = tables.key[0], tables.key[1]
    keeps, noted = store.shape[0] > 0, i8(-1)

    for t in range(tiles.shape[0]):
        segment, entry = tiles[t, K_SEGMENT], tiles[t, K_ENTRY]
        first, n, tape_row = tiles[t, K_FIRST], tiles[t, K_COUNT], tiles[t, K_TAPE_ROW]
        if entry > month_to:
            continue
        first_block, end_block = first >> BLOCK_BITS, ((first + n - 1) >> BLOCK_BITS) + 1
        g = tables.segment[segment]
        terms = tables.product[segment]
        late = tables.late[segment]
        has_loans = g[G_HAS_LOAN] > 0 or tape_row >= 0
        model = g[G_MODEL]
        used = N_STATE if has_loans else LOAN_AT  # columns
        lived_again = replication_to - replication_from > 1 and tables.redraw_people == 0
        begins = max(entry, 1)
        if segment != noted:
            note_levers(asked, levers, segment, month_from, month_to)
            noted = segment
        enters = month_from <= begins
        if model == 1:
            for s in range(MAX_STATES):
                for k in range(N_ROLL):
                    line_states[k, s] = tables.roll_state[segment, LINE, s, k]
        else:
            worst_logits(
                worst, g, segment, tables.will_not_bucket, tables.will_not_cause, tables.will_not_burden,
                tables.will_not_quality,
            )  # fmt: skip
            least_alert(memory, tables.alert[segment])
            narrow(cure, charges, tables.in_month[segment], late)

        for r in range(replication_to - replication_from):
            replication = replication_from + r
            batch = replication % SUMS_PER_BATCH
            if enters:
                if r == 0 or tables.redraw_people:
                    person_replication = replication + 1 if tables.redraw_people else 0
                    for p in range(N_PRODUCT):
                        for half in range(2):
                            for k in range(N_FLOWS):
                                arrived[half, p, k] = 0
                        for k in range(N_VINTAGE):
                            arrived_vintage[p, k] = 0
                    for block in range(first_block, end_block):
                        base, m, half = place_of(block, first, n, entry)
                        load(
                            C, V, m, segment, entry, first + base, person_replication,
                            tape_row + base if tape_row >= 0 else -1, tables, levers, tape,
                        )  # fmt: skip
                        if entry == 0:
                            for i in range(m):
                                book_stocks(C, i, arrived[half], arrived_vintage)
                        else:
                            book_arrivals(C, m, arrived[half], arrived_vintage)
                        for c in range(used):
                            for i in range(m):
                                S[u8(c), u8(base + i)] = C[u8(c), u8(i)]
                    if lived_again:
                        for c in range(CHANGING, used):
                            for i in range(n):
                                start[u8(c), u8(i)] = S[u8(c), u8(i)]
                    for c in range(used, N_STATE):  # an earlier tile may have had loans
                        for i in range(n):
                            S[u8(c), u8(i)] = 0
                else:
                    for c in range(CHANGING, used):
                        for i in range(n):
                            S[u8(c), u8(i)] = start[u8(c), u8(i)]
                for p in range(N_PRODUCT):
                    for half in range(2):
                        for k in range(N_FLOWS):
                            flows[r, half, entry, segment, p, k] += arrived[half, p, k]
                    for k in range(N_VINTAGE):
                        vintages[batch, entry, entry, segment, p, k] += arrived_vintage[p, k]
            else:
                for c in range(N_STATE):
                    for i in range(n):
                        S[c, i] = store[r, t, c, i]

            for i in range(n):
                D[D_INDEX, i] = first + i
            income_index, reminded, loan_reminded = i8(-1), NOT_DERIVED, NOT_DERIVED
            for month in range(max(begins, month_from), month_to + 1):
                economy = tables.economy[min(r, tables.economy.shape[0] - 1), month, segment]
                thresholds = tables.roll[
                    min(r, tables.roll.shape[0] - 1), min(month - 1, tables.roll.shape[1] - 1), segment
                ]
                months, stages = levers.month[month, segment], levers.stage[month, segment]
                roll_sums, vintage = rolls[batch, month, segment], vintages[batch, entry, month, segment]
                ladder, standing = levers.ladder[month, segment], ratings[batch, segment]
                row = ARRIVED if entry == month else 0
                for p in range(N_PRODUCT if has_loans else 1):
                    fetch_lines(vintage[p], N_VINTAGE)
                for grade in range(GRADES):
                    rates[grade] = min(mul_q16(terms[LINE, P_RATE], months[LINE, V_RATE + grade]), ONE)
                    loan_rates[grade] = min(mul_q16(terms[LOAN, P_RATE], months[LOAN, V_RATE + grade]), ONE)
                works_open = ((asked[month, LINE] | asked[month, LOAN]) & WORKS_OPEN) != 0
                slots = FIRST | SECOND
                if has_loans or months[LINE, V_SERVED] < ONE or months[LOAN, V_SERVED] < ONE:
                    slots |= THIRD
                if months[LINE, V_PLAN_CHANCE] > 0 or months[LOAN, V_PLAN_CHANCE] > 0:
                    slots |= FOURTH
                if fast and model == 0:
                    if economy[M_INCOME_INDEX] != income_index:
                        income_index = economy[M_INCOME_INDEX]
                        derive(S, D, n, income_index, g, tables.job_loss_quality[segment])
                    reminding = reminders(g, months[LINE], stages[LINE])
                    if reminding != reminded:
                        reminded = reminding
                        derive_forgetting(S, D, D_FORGET, n, reminding)
                    if has_loans:
                        reminding = reminders(g, months[LOAN], stages[LOAN])
                        if reminding != loan_reminded:
                            loan_reminded = reminding
                            derive_forgetting(S, D, D_LOAN_FORGET, n, reminding)
                    most_unwilling(bound, worst, g, terms, economy, months, tables.sigmoid)
                elif fast:
                    for s in range(MAX_STATES):
                        for k in range(MAX_STATES):
                            cumulative[s * MAX_STATES + k] = thresholds[LINE, s, k]

                for side in range(min(2, end_block - first_block)):  # one half of the book, then the other
                    half = (first_block + side + entry) & 1
                    F = flows[r, half, month, segment]
                    for p in range(N_PRODUCT if has_loans else 1):
                        fetch_lines(F[p], N_FLOWS)
                    n_few = i8(0)  # typed: numba would compile `live` once more for a literal 0
                    n_trouble, n_booked, n_asking = i8(0), i8(0), i8(0)
                    for block in range(first_block + side, end_block, 2):
                        base, m, _ = place_of(block, first, n, entry)
                        if fast:
                            draw_words(W, D, base, m, i8(0), month, entry, replication, segment, k0, k1)
                            if model != 0:
                                stay_current(
                                    S, W, left, base, m, terms[LINE], months, cumulative, line_states,
                                    tables.spending[segment], rates, row, F, roll_sums, vintage,
                                )  # fmt: skip
                            else:
                                pay_on_time(
                                    S, D, W, B, left, base, m, g, terms[LINE], terms[LOAN], economy, months, has_loans,
                                    tables.spending[segment], bound, memory, rates, loan_rates, row, F, roll_sums,
                                    vintage,
                                )  # fmt: skip
                            for k in range(list_marked(todo, left, base, m, LEFT | BOOKED | ASKS)):
                                lane = u8(todo[u8(k)])
                                what = left[0, lane]
                                stays, behind = (what & LEFT) != 0, (what & CURRENT) == 0
                                planned = (S[LINE_AT + PLAN_LEFT, lane] | S[LOAN_AT + PLAN_LEFT, lane]) != 0
                                alone = (model != 0) | planned | (behind & works_open)
                                trouble[u8(n_trouble)] = lane
                                booked[u8(n_booked)] = lane
                                asking[u8(n_asking)] = lane
                                few[u8(n_few)] = lane
                                n_trouble += stays & (not alone)
                                n_booked += (what & BOOKED) != 0
                                n_asking += (what & ASKS) != 0
                                n_few += stays & alone
                        else:
                            for i in range(base, base + m):
                                few[u8(n_few)] = i
                                n_few += lives(S[LINE_AT + STATUS, i]) | lives(S[LOAN_AT + STATUS, i])

                    for p in range(N_PRODUCT if has_loans else 1):  # not earlier, or it would be gone again
                        fetch_lines(roll_sums[p], (min(months[p, V_WRITE_OFF], BUCKETS) + 1) * N_TO * 2)
                    for begin in range(0, n_trouble, BLOCK):
                        live_together(
                            S, D, left, C, E, V, T, trouble[begin:], todo, min(n_trouble - begin, BLOCK), has_loans,
                            slots, asked[month], row, month, entry, replication, segment, income_index,
                            tables, g, terms, economy, months, stages, ladder, cure, charges, forget_keeps, rungs,
                            rates, loan_rates, F, roll_sums, vintage, standing,
                        )  # fmt: skip
                    for begin in range(0, n_booked, BLOCK):
                        m, these = min(n_booked - begin, BLOCK), booked[begin:]
                        draw_listed(V, D, E, these, m, SECOND, month, entry, replication, segment, k0, k1)
                        for k in range(m):
                            lane = u8(these[u8(k)])
                            if left[0, lane] & LEFT == 0:
                                work_written_off(S, lane, V, u8(k), 2 if has_loans else 1, F, economy, months, stages)
                    for begin in range(0, n_asking, BLOCK):
                        m, these = min(n_asking - begin, BLOCK), asking[begin:]
                        draw_listed(V, D, E, these, m, THIRD, month, entry, replication, segment, k0, k1)
                        for k in range(m):
                            lane = u8(these[u8(k)])
                            if left[0, lane] & (LEFT | ASKS) == ASKS:
                                add_loan(
                                    S, lane, F, roll_sums, vintage, V[U_TICKET, u8(k)], V[U_TERM, u8(k)], loan_rates,
                                    D[D_CAP, lane], terms, segment, tables.terms, tables.quantile,
                                )  # fmt: skip
                    for begin in range(0, n_few, BLOCK):
                        m, these = min(n_few - begin, BLOCK), few[begin:]
                        draw_listed(V, D, E, these, m, slots, month, entry, replication, segment, k0, k1)
                        live(
                            S, V, these, m, 2 if has_loans else 1, month, entry, segment,
                            tables, g, terms, late, economy, thresholds, months, stages, ladder, F, roll_sums, vintage,
                            standing,
                        )  # fmt: skip
                    for block in range(first_block + side, end_block, 2):
                        base, m, _ = place_of(block, first, n, entry)
                        if months[LINE, V_CUT_KEEP] < ONE or months[LINE, V_RAISE_BY] > UNIT:
                            review_limits(S, base, m, F, months)
                        if months[LINE, V_REGRANT_MONTHS] < NEVER or months[LOAN, V_REGRANT_MONTHS] < NEVER:
                            regrant(
                                S, left, todo, base, m, first, month, entry, replication, segment, k0, k1, F, roll_sums,
                                vintage, months,
                            )  # fmt: skip
                if month == tables.observe_month:
                    observe(S, n, standing)
            if keeps:
                for c in range(N_STATE):
                    for i in range(n):
                        store[r, t, c, i] = S[c, i]

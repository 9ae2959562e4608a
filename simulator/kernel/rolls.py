"""The roll_rates month of lines, many at once: where each account moves, what is paid, and who is left for `scalar`.

Everybody with a line and no loan facility goes through in vectors, late or not. Who stays current is done with; of who
moves, is late or is followed the moves, marks and stocks remain, one by one. Who leaves the book by an exit, is written
off or sold, is worked by collectors or asked to settle, or has a loan facility is left as they were.
"""

from typing import NamedTuple

import numpy as np

from simulator.jit.functions import njit
from simulator.jit.intrinsics import list_marked
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from . import rules
from .fixed import half, inverse_of, mask_of, mul_q16, mul_q16_lane, mul_q31_lane, mul_q31_own_lane, only, pick
from .lanes import ZERO, add_current, counted, plus, three, whole
from .late import has_late_stage
from .lender import close, cut_limit, end_open, leave_settled, may_close
from .on_time import price_lines

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

MOVES = MAX_ROWS * MAX_STATES
BUCKET_AT = 9  # in RollRates.next: bits of the bucket of the row after a move, and 2, so that exits are not below 0


class RollRates(NamedTuple):
    """The roll rates of a segment and month of lines, in the 32-bit tables of the lanes."""

    cumulative: np.ndarray  # uint32[MOVES], row, then to: q31
    next: np.ndarray  # int32[MOVES]: the row after a move, STAYS_WORSE, and the row's bucket from BUCKET_AT on
    pays: np.ndarray  # uint32[MAX_ROWS]: q31
    spends: np.ndarray  # uint32[MAX_ROWS]: q16 of the month
    inverse: np.ndarray  # uint32[BUCKETS]: `inverse_of` 1 + the bucket


@njit(forceinline=True)
def rates_of_segment(roll_rates, states, after):
    """Fill what is the same in all months, from the rows of a segment's lines [row, name] and those after [row, to]."""
    for row in range(states.shape[0]):
        roll_rates.pays[row] = states[row, ROLL_PAYS]
        for k in range(MAX_STATES):
            moved = after[row, k]
            bucket = states[moved & i8(MAX_ROWS - 1), ROLL_BUCKET]
            roll_rates.next[row * MAX_STATES + k] = moved + ((bucket + 2) << BUCKET_AT)
    for bucket in range(BUCKETS):
        roll_rates.inverse[bucket] = inverse_of(i8(bucket + 1))[0]


@njit(forceinline=True)
def rates_of_month(roll_rates, states, thresholds, spending):
    """Fill the moves of a month [row, to], and what is spent, of which the month makes `spending` (q16)."""
    for row in range(states.shape[0]):
        for k in range(MAX_STATES):
            roll_rates.cumulative[row * MAX_STATES + k] = thresholds[row, k]
        roll_rates.spends[row] = mul_q16(states[row, ROLL_SPEND], spending)


@njit(forceinline=True)
def step_rolls(tile, pending, base, n, place, segment, levers, sums, roll_rates, rates, todo):
    """Take lines of lanes `base` to `base` + n - 1, n at most BLOCK, through the roll_rates month.

    `pending` says what there is still to do for whom. Fills the tile's record; `todo` int32[lane] is working space.
    The sums of the month are added up here.
    """
    draw_moves(tile, base, n, roll_rates)
    sums.flows[LINE, F_N_DUE] += pay_moved(tile, base, n, segment, levers, roll_rates)
    price_lines(tile, base, n, levers, rates, True)
    post_moved(tile, pending, base, n, place.row, segment, levers, sums, roll_rates)
    listed = list_marked(todo, pending, base, n, MOVED)
    end_moved(tile, todo, listed, base, place, segment, levers, sums)


@njit(forceinline=True)
def draw_moves(tile, base, n, roll_rates):
    """Fill B_MOVED with what RollRates.next says of the move that each lane's word draws.

    A loop over the lanes for each step of the search, so that looking up one lane need not wait for another.
    """
    state, words, record, cumulative = tile.state, tile.words, tile.record, roll_rates.cumulative
    for lane in range(n):
        record[B_MOVED, u8(lane)] = i4(state[LINE_AT + STATE, u8(base + lane)] * i4(MAX_STATES))
    for step in (8, 4, 2, 1):  # how many of the rising thresholds are passed
        for lane in range(n):
            i = u8(lane)
            at, u = u4(record[B_MOVED, i]), half(words[U_LINE_DECISION, i])
            passed = u >= cumulative[u4(at + u4(step - 1)) & u4(MOVES - 1)]
            record[B_MOVED, i] = i4(at + (u4(step) & u4(mask_of(passed))))
    for lane in range(n):
        record[B_MOVED, u8(lane)] = roll_rates.next[u4(record[B_MOVED, u8(lane)]) & u4(MOVES - 1)]


@njit(forceinline=True)
def share_left(owed, to, bucket, inverse):
    """Return (to * owed) // (bucket + 1), `to` at most `bucket`, in 32 bits; `inverse` is that of bucket + 1."""
    number = u4(bucket + i4(1))
    bits = u4(u4(number > u4(1)) + u4(number > u4(2)) + u4(number > u4(4)) + u4(number > u4(8)))
    each = u4(u4((u8(u4(u4(owed) << u4(1))) * u8(inverse)) >> u8(32)) >> bits)
    rest, to = u4(u4(owed) - u4(each * number)), u4(to)
    more = u4(bits + u4(19))  # bits that `inverse` has more than one of 2^12, which is enough for 15 * 15
    small = u4(u4(inverse + u4(u4(u4(1) << more) - u4(1))) >> more)
    return i4(u4(to * each) + u4(u4(u4(to * rest) * small) >> u4(12)))


@njit(forceinline=True)
def pay_moved(tile, base, n, segment, levers, roll_rates):
    """Steps 5 to 7: find out who is done with here, where they go and what they pay; return how many dues there are.

    Fills the record.
    """
    state, record, line, month_levers = tile.state, tile.record, segment.terms[LINE], levers.month[LINE]
    floor, min_share = i4(line[P_MIN_FLOOR]), rules.min_share_of(line, month_levers)
    lost_from = i4(min(month_levers[V_WRITE_OFF], month_levers[V_SELL_OPEN]))
    worked_from = i4(DEFAULT_BUCKET if (levers.bits[LINE] & OFFERS) != 0 else BUCKETS)
    if (levers.bits[LINE] & WORKS_OPEN) != 0 or has_late_stage(line):
        worked_from = i4(1)
    dues = i4(0)
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        moved, bucket = record[B_MOVED, i], state[LINE_AT + BUCKET, j]
        drawn = i4(i4(moved >> i4(BUCKET_AT)) - i4(2))
        worse = (drawn > bucket) | ((moved & i4(STAYS_WORSE)) != i4(0))
        to = pick(mask_of(worse), max(drawn, min(i4(bucket + i4(1)), i4(BUCKETS - 1))), drawn)
        loses = (drawn < i4(0)) | (to >= lost_from)
        worked = (min(bucket, to) >= worked_from) | (state[LINE_AT + PARTS_LEFT, j] != i4(0))
        mine = rules.is_open(state[LINE_AT + STATUS, j]) & ~rules.is_live(state[LOAN_AT + STATUS, j])
        done = mine & ~loses & ~worked

        bill, arrears = max(state[LINE_AT + BALANCE, j], i4(0)), state[LINE_AT + ARREARS, j]
        due = min(rules.line_due(bill, floor, min_share), i4(bill - arrears))
        owed = i4(due + arrears)
        beyond = i4(bill - owed)
        left = share_left(owed, to, bucket, roll_rates.inverse[u4(bucket) & u4(BUCKETS - 1)])
        left = pick(mask_of(worse), owed, left)
        jumps = max(i4(to - bucket - i4(1)), i4(0))
        more = i4(min(u8(u4(jumps)) * u8(u4(due)), u8(u4(beyond))))
        pays = roll_rates.pays[u4(moved) & u4(MAX_ROWS - 1)]
        extra = only(to == i4(0), mul_q31_own_lane(beyond, pays))
        record[B_LINE, i], record[B_TO, i] = mask_of(done), to
        record[B_PAID, i], record[B_LEFT, i] = i4(i4(owed - left) + extra), left
        record[B_AFTER, i], record[B_BASE, i] = i4(left + more), i4(i4(beyond - extra) - more)
        dues = i4(dues + i4(done & (bucket == i4(0)) & (owed > i4(0))))
    return i8(dues)


@njit(forceinline=True)
def post_moved(tile, pending, base, n, row, segment, levers, sums, roll_rates):
    """Steps 8 to 10: interest, late charges, spending and reports, and the sums of who stays current from `row` on.

    Fills `pending`, and B_CREDIT with the new credit of the month.
    """
    state, words, record, flows = tile.state, tile.words, tile.record, sums.flows[LINE]
    spending, month_levers = segment.spending, levers.month[LINE]
    late_charge, suspend = u4(segment.late[LINE, DAYS - 1]), i4(segment.terms[LINE, P_SUSPEND])
    stops_at = i4(min(month_levers[V_FREEZE_DAYS], month_levers[V_CLOSE_DAYS]))
    new_credit, leave_chance = month_levers[V_NEW_CREDIT] == 1, u4(levers.most[MOST_LEAVE])
    report_days, report_months = i4(month_levers[V_REPORT_DAYS]), i4(month_levers[V_REPORT_MONTHS])
    counts, others, balances, limits, credits = i4(0), i4(0), ZERO, ZERO, ZERO
    interests, payments, fees, not_charged = ZERO, ZERO, ZERO, ZERO
    for lane in range(n):
        i, j = u8(lane), u8(base + lane)
        mask, to, paid, after = record[B_LINE, i], record[B_TO, i], record[B_PAID, i], record[B_AFTER, i]
        done, days = mask != i4(0), i4(to * i4(30))
        status, balance, limit = state[LINE_AT + STATUS, j], state[LINE_AT + BALANCE, j], state[LINE_AT + LIMIT, j]

        # 8. interest and late charge
        charged = mask_of(to < suspend) & mask
        interest = rules.accrue(record[B_BASE, i], u4(record[B_RATE, i]))
        fee = mul_q31_lane(record[B_LEFT, i], late_charge)
        stopped = i4(i4(interest + fee) & i4(mask & ~charged))
        interest, fee, fee_due = i4(interest & charged), i4(fee & charged), state[LINE_AT + FEE_DUE, j]
        interest_due, clean = state[LINE_AT + INTEREST_DUE, j], state[LINE_AT + CLEAN, j]
        fee_after, interest_after = rules.post_payment(fee_due, interest_due, paid)
        owes = i4(i4(i4(balance - paid) + interest) + fee)

        # 9. spending
        row_after = u4(record[B_MOVED, i]) & u4(MAX_ROWS - 1)
        usual = mul_q16_lane(state[SPEND, j], roll_rates.spends[row_after])
        multiplier = spending[words[U_WISH, i] & u4(QUANTILES - 1)]
        wanted = rules.wants(usual, multiplier, True, u4(0), record[B_DEMAND, i], i4(0), new_credit)
        may = done & (status == i4(ACTIVE)) & (days < stops_at)
        on_line = only(may, rules.put_on_line(wanted, owes, limit))
        owes = i4(owes + on_line)

        # 10. reports; who is on which list
        live = rules.is_live(state[LINE_AT + STATUS, j])
        has_loan, written_off = rules.is_live(state[LOAN_AT + STATUS, j]), status == i4(WRITTEN_OFF)
        reported, late_enough = state[REPORTED, j], done & (days >= report_days)
        ages = mask_of(done | (written_off & ~has_loan))
        report = pick(mask_of(late_enough), report_months, rules.report_after(reported))
        late = i4(state[LINE_AT + BUCKET, j] | state[LINE_AT + ARREARS, j])
        late = i4(i4(late | to) | rules.followed(state[LINE_AT + MARKS, j]))
        closed = status == i4(CLOSED)
        moves = done & ((late != i4(0)) | (status == i4(FROZEN)) | (closed & (owes <= i4(0))))
        leaves = rules.may_leave(words[U_JOB, i], leave_chance) & live
        to_do = i4(only(ages == i4(0), only(live | has_loan, i4(NOT_DONE))) | only(moves, i4(MOVED)))
        to_do = i4(to_do | only(written_off & ~has_loan, i4(HAS_WRITTEN_OFF)))
        to_do = i4(to_do | only(leaves, i4(i4(words[U_JOB, i] << u4(LEAVE_AT)) | i4(MAY_LEAVE))))
        pending[0, j], record[B_CREDIT, i] = to_do, on_line

        state[LINE_AT + STATE, j] = pick(mask, i4(row_after), state[LINE_AT + STATE, j])
        state[LINE_AT + BALANCE, j] = pick(mask, owes, balance)
        state[LINE_AT + FEE_DUE, j] = pick(mask, i4(fee_after + fee), fee_due)
        state[LINE_AT + INTEREST_DUE, j] = pick(mask, i4(interest_after + interest), interest_due)
        state[LINE_AT + ARREARS, j] = pick(mask, after, state[LINE_AT + ARREARS, j])
        state[LINE_AT + CLEAN, j] = pick(mask, rules.clean_after(clean, record[B_LEFT, i] > i4(0)), clean)
        state[REPORTED, j] = pick(ages, report, reported)
        stays = i4(mask & ~mask_of(moves))
        counts = i4(counts + three(stays != i4(0), (stays != i4(0)) & closed, done & rules.is_idle(balance, owes)))
        others = i4(others + i4(late_enough & (reported == i4(0))))
        balances, limits = plus(balances, i4(owes & stays)), plus(limits, only(status == i4(ACTIVE), i4(limit & stays)))
        credits, payments = plus(credits, on_line), plus(payments, i4(paid & mask))
        interests, fees, not_charged = plus(interests, interest), plus(fees, fee), plus(not_charged, stopped)
    rolls, vintage, n_open = sums.rolls[LINE, row], sums.vintage[LINE], counted(counts, 0)
    add_current(flows, rolls, vintage, n_open, whole(balances), whole(interests), whole(payments))
    flows[F_N_CLOSED] += counted(counts, 1)
    flows[F_N_IDLE] += counted(counts, 2)
    flows[F_N_REPORTED] += i8(others)
    flows[F_LIMIT] += whole(limits)
    flows[F_NEW_CREDIT] += whole(credits)
    flows[F_FEES] += whole(fees)
    flows[F_INTEREST_NOT_CHARGED] += whole(not_charged)


@njit(forceinline=True)
def end_moved(tile, listed, n, base, place, segment, levers, sums):
    """Steps 7 to 12 one by one, of what remains, for the lines of lanes listed[0..n-1] that move, are late or followed.

    Those that are closed and owe nothing leave.
    """
    state, record, flows, month_levers = tile.state, tile.record, sums.flows[LINE], levers.month[LINE]
    close_days, freeze_days = month_levers[V_CLOSE_DAYS], month_levers[V_FREEZE_DAYS]
    late_stage, reports = has_late_stage(segment.terms[LINE]), segment.scalars[G_REPORTING_DAY] > 0
    for k in range(n):
        j = u8(listed[u8(k)])
        i = u8(j - u8(base))
        to, was, after = i8(record[B_TO, i]), i8(state[LINE_AT + BUCKET, j]), state[LINE_AT + ARREARS, j]
        status, balance = state[LINE_AT + STATUS, j], i8(state[LINE_AT + BALANCE, j])
        in_workout, cash = state[LINE_AT + MARKS, j] & IN_WORKOUT, i8(record[B_PAID, i]) - i8(record[B_CREDIT, i])
        if was == 0 and after > 0:
            flows[F_N_MISSED] += 1
            flows[F_N_MISSED_BY + UNKNOWN] += 1
            if reports:
                flows[F_N_DPD1] += 1
                flows[F_BALANCE_DPD1] += balance
        flows[F_N_JUMPS] += to > was + 1
        cause = rules.cause_after(state[LINE_AT + CAUSE, j], i4(to), after, i4(UNKNOWN))
        state[LINE_AT + CAUSE, j] = cause
        if 30 * to >= close_days and may_close(status):
            close(state, j, LINE, i8(cause), sums.flows)
        elif status != CLOSED:
            state[LINE_AT + STATUS, j] = rules.freeze_or_thaw(status, i4(to), i4(30 * to), i4(freeze_days), i4(0))
            if levers.bits[LINE] & CUTS:
                cut_limit(state, j, LINE, to, levers, sums.flows)
        if state[LINE_AT + STATUS, j] == CLOSED and balance <= 0:
            flows[F_PAID] += balance
            cash += balance
            state[LINE_AT + BALANCE, j] = 0
            leave_settled(state, j, place, sums)
        else:
            end_open(state, j, LINE, to, place, late_stage, month_levers[V_CLAIM], sums)
        if in_workout:
            flows[F_WORKOUT_CASH] += cash

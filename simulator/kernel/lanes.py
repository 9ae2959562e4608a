"""What both vector paths need: what is derived of each borrower, random words, and sums in 32-bit lanes."""

import numpy as np

from simulator.jit.functions import njit
from simulator.jit.intrinsics import SHORT_ROW, stack_array
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel

from . import rules
from .draws import MONTHS, counter, group, philox
from .fixed import mul_q16_lane, mul_q31_lane

i4, u4, i8, u8 = np.int32, np.uint32, np.int64, np.uint64

stack_derived = stack_array(np.int32, N_DERIVED)
stack_gathered_derived = stack_array(np.int32, N_DERIVED, SHORT_ROW)
stack_pending = stack_array(np.int32, 1)

ZERO = (i4(0), i4(0))  # no amount yet, as `plus` takes it
COUNT_BITS = BLOCK_BITS + 1  # three counts of a block's lanes fit one word


@njit(forceinline=True)
def derive(state, derived, n, economy, segment, line_levers):
    """Fill `derived` from D_JOB_LOSS on, for a month's economy and levers of the line [name]."""
    scalars, job_loss_quality = segment.scalars, segment.job_loss_quality
    benefit, living_unemployed = scalars[G_BENEFIT], scalars[G_LIVING_UNEMPLOYED]
    educated, spends = u4(line_levers[V_EDUCATED]), line_levers[V_EDUCATION_SPEND]
    shock_size, repay, cap = scalars[G_SHOCK_SIZE], scalars[G_EXTERNAL_CREDIT_REPAY], scalars[G_LIQUIDITY_CAP]
    income_index, earned_index, spending = economy[M_INCOME_INDEX], economy[M_EARNED], economy[M_SPENDING]
    stopped_below, left = i4(economy[M_STOPPED]), u4(economy[M_INCOME_LEFT])
    for lane in range(n):
        i = u8(lane)
        pay, living = mul_q16_lane(state[INCOME, i], income_index), mul_q16_lane(state[LIVING, i], income_index)
        stopped = rules.income_stops(state[REACH, i], stopped_below)
        earned = rules.earned_of(mul_q16_lane(state[INCOME, i], earned_index), stopped, left)
        derived[D_JOB_LOSS, i] = i4(job_loss_quality[u4(state[QUALITY, i]) & u4(15)])
        derived[D_PAY, i] = pay
        derived[D_KEPT, i] = i4(earned - living)
        derived[D_KEPT_UNEMPLOYED, i] = i4(mul_q31_lane(pay, benefit) - mul_q31_lane(living, living_unemployed))
        derived[D_SHOCK, i] = mul_q16_lane(pay, shock_size)
        derived[D_REPAY, i] = mul_q31_lane(pay, repay)
        derived[D_CAP, i] = mul_q16_lane(pay, cap)
        kept = rules.kept_by(u4(state[EDUCATION, i]) < educated, spends)
        derived[D_SPEND, i] = mul_q31_lane(mul_q16_lane(state[SPEND, i], spending), kept)
        derived[D_ADVANCE, i] = min(pay, earned)


@njit(forceinline=True)
def draw_words(words, derived, base, n, slot, place, key):
    """Fill the four rows of a slot of the month with the words of lanes `base` to `base` + n - 1, from lane 0 on."""
    c1, c3, at = counter(place.month, place.entry, slot), group(place.segment, MONTHS), u8(4 * slot)
    replication, k0, k1 = place.replication, key[0], key[1]
    for lane in range(n):
        i = u8(lane)
        w0, w1, w2, w3 = philox(u4(derived[D_INDEX, u8(base + lane)]), c1, replication, c3, k0, k1)
        words[at, i] = w0
        words[at + u8(1), i] = w1
        words[at + u8(2), i] = w2
        words[at + u8(3), i] = w3


@njit(forceinline=True)
def draw_slots(words, derived, n, slots, place, key):
    """Fill the rows of `slots`, bit k for slot k, with the words of lanes 0 to n - 1 and a few more."""
    padded, slot = (n + STEP - 1) // STEP * STEP, i8(0)  # no rest to be drawn one by one
    while slots > 0:
        if slots & 1:
            draw_words(words, derived, i8(0), padded, slot, place, key)
        slots, slot = slots >> 1, slot + 1


@njit(forceinline=True)
def draw_listed(gathered, tile, lanes, n, slots, place, key):
    """Fill the words `slots` of the first n gathered lanes with those of lanes[0..n-1] of a tile."""
    gather_index(gathered, tile, lanes, n)
    draw_slots(gathered.words, gathered.derived, n, slots, place, key)


@njit(forceinline=True)
def gather_index(gathered, tile, lanes, n):
    """Copy the index of the borrowers in lanes[0..n-1] of a tile, by which their words are drawn."""
    for k in range(n):
        gathered.derived[D_INDEX, u8(k)] = tile.derived[D_INDEX, u8(lanes[u8(k)])]


@njit(forceinline=True)
def rate_steps(rates):
    """Return the first of four numbers (rates of grades A to D) and the steps to the next, wrapping as uint32 does."""
    return rates[0], u4(rates[1] - rates[0]), u4(rates[2] - rates[1]), u4(rates[3] - rates[2])


@njit(forceinline=True)
def plus(parts, x):
    """Return a sum of amounts in two parts, with one more, for the amounts of up to a block's lanes.

    The first is the sum less what 32 bits do not hold, the second that of the upper 16 bits, with the sign.
    """
    return i4(parts[0] + x), i4(parts[1] + i4(x >> i4(16)))


@njit(forceinline=True)
def whole(parts):
    """Return the int64 sum of amounts of which these are the parts that `plus` makes."""
    upper = i8(parts[1]) << i8(16)
    return upper + i8(u4(u4(parts[0]) - u4(upper)))  # of the lower 16 bits: 32 hold it


@njit(forceinline=True)
def three(first, second, third):
    """Return three conditions as counts in one word."""
    return i4(i4(first) + i4(i4(second) << i4(COUNT_BITS)) + i4(i4(third) << i4(2 * COUNT_BITS)))


@njit(forceinline=True)
def counted(counts, position):
    """Return one of the counts of a sum of `three`."""
    return (i8(counts) >> i8(COUNT_BITS * position)) & i8((1 << COUNT_BITS) - 1)


@njit(forceinline=True)
def add_current(flows, rolls, vintage, n_open, balance, interest, paid):
    """Add the sums of accounts of a product that go to bucket 0: flows [name], rolls [to, ...] and vintage [name]."""
    flows[F_N_ACCOUNTS] += n_open
    flows[F_BALANCE] += balance
    flows[F_INTEREST] += interest
    flows[F_PAID] += paid
    rolls[0, 0] += n_open
    rolls[0, 1] += balance
    vintage[W_N_ACCOUNTS] += n_open
    vintage[W_BALANCE] += balance

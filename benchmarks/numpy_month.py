"""The month of docs/model.md as good NumPy: structural, a line only, no policy that acts on lateness but write-off.

What the tile kernel is timed against, with the same random words; `agrees` asks for the same sums, every integer.
Whole-array operations in int64 on chunks that stay in the cache. What nearly everyone does is computed for all, what
few do (late, in trouble, out of work, written off) for an index of them; `unwilling` is a table made once a month.
"""

# ruff: noqa: F405
from typing import NamedTuple

import numpy as np

from simulator.engine.engine import empty_sums
from simulator.lowering.lower import tables_for
from simulator.model.layout import *  # noqa: F403  the vocabulary of the kernel
from simulator.model.philox import MONTHS, MULTIPLIER_0, MULTIPLIER_1, ROUNDS, WEYL_0, WEYL_1, counter, group

from .inputs import check_plain, people

BLOCKS = 32  # of BLOCK borrowers in a chunk: 2, 4, 8 and 16 were slower, 64 no faster beyond the noise
LOW = np.uint64(0xFFFFFFFF)
N_CAUSES, N_BURDEN, N_QUALITY = len(CAUSES), 8, 16

# ---- columns of a chunk: int64[column, lane] -------------------------------------------------------
FROM_KERNEL = (
    INCOME, LIVING, SPEND, FORGET, REACH, EXTERNAL_CREDIT_LIMIT,
    EMPLOYED, LIQUIDITY, EXTERNAL_CREDIT, MONTHS_SINCE_FORGOT, QUALITY,
    *(LINE_AT + k for k in (LIMIT, BALANCE, INTEREST_DUE, FEE_DUE, ARREARS, BUCKET, CAUSE, AGE, EVER, MARKS)),
)  # fmt: skip
(
    C_INCOME, C_LIVING, C_SPEND, C_FORGET, C_REACH, C_OUTSIDE_MAX, C_EMPLOYED, C_BUFFER, C_OUTSIDE, C_ALERT, C_QUALITY,
    C_LIMIT, C_BALANCE, C_INTEREST_DUE, C_FEE_DUE, C_ARREARS, C_BUCKET, C_CAUSE, C_AGE, C_EVER, C_MARKS,
    C_INDEX,  # of the borrower
    C_JOB,  # q31 of M_JOB_LOSS
    C_EXTRA,  # q31 of the rest of the bill wanted to be paid
    C_PLACE,  # in Month.unwilling, without the burden
    C_CLAIM,  # written-off balance; BALANCE is then 0
    C_IS_CLAIM,
) = range(27)  # fmt: skip
N_COLUMNS = 27


def mul_q31(x, r):
    """Return share `r` (q31) of `x`, rounded half up, as a new array."""
    y = x * r
    y += 1 << 30
    y >>= 31
    return y


def mul_q16(x, m):
    """Return `x` times `m` (q16), rounded half up, as a new array."""
    y = x * m
    y += 1 << 15
    y >>= 16
    return y


def words(index, month, slot, replication, segment, key):
    """Return four int64[lane]: the words of the opening book's borrowers `index` in a month.

    Philox4x32-10, both of its products at once; a word is kept in 64 bits, so that its product needs no cast.
    """
    even, odd = np.empty((2, len(index)), np.uint64), np.empty((2, len(index)), np.uint64)
    even[0], even[1] = index, replication
    odd[0], odd[1] = counter(month, 0, slot), group(segment, MONTHS)
    product, low = np.empty_like(even), np.empty_like(even)
    multipliers = np.array([[MULTIPLIER_0], [MULTIPLIER_1]], np.uint64)
    rounds = np.array([[WEYL_0], [WEYL_1]], np.uint64)
    k = key.astype(np.uint64)[:, None]
    for _ in range(ROUNDS):
        np.multiply(even, multipliers, out=product)
        np.bitwise_and(product, LOW, out=low)
        product >>= np.uint64(32)
        np.bitwise_xor(product[::-1], odd, out=even)
        even ^= k
        odd, low = low[::-1], odd
        k = (k + rounds) & LOW
    return even[0].view(np.int64), odd[0].view(np.int64), even[1].view(np.int64), odd[1].view(np.int64)


class Month(NamedTuple):
    """What one month of one replication means for a segment, tables looked up once."""

    economy: np.ndarray  # int64[N_MACRO]
    levers: np.ndarray  # int64[N_MONTH_LEVERS] of the line
    stages: np.ndarray  # int64[STAGES, N_STAGE_LEVERS] of the line
    unwilling: np.ndarray  # int64[bucket, cause, quality, burden] flat: q31


def month_of(world, tables, segment, r, month):
    """Return the Month of replication `r` of `tables`."""
    economy = tables.economy[min(r, len(tables.economy) - 1), month, segment]
    g, terms = tables.segment[segment], tables.product[segment, LINE]
    logit = (
        tables.will_not_bucket[segment].astype(np.int64)[:, None, None, None]
        + tables.will_not_cause[segment][:, None, None]
        + tables.will_not_quality[segment][:, None]
        + tables.will_not_burden[segment]
        + (g[G_WILL_NOT_BASE] + terms[P_WILL_NOT] + economy[M_WILL_NOT])
    )
    place = logit.clip(-16 * UNIT, 16 * UNIT) + 16 * UNIT
    curve = tables.sigmoid.astype(np.int64)
    low, high = curve[place >> 9], curve[(place >> 9) + 1]
    unwilling = low + (((high - low) * (place & 511)) >> 9)
    levers = world.levers
    return Month(economy, levers.month[month, segment, LINE], levers.stage[month, segment, LINE], unwilling.ravel())


def live(C, now, tables, segment, month, replication, F, rolls, vintage):
    """Live a month of the chunk `C` and return it, without those who are gone.

    Adds to F int64[N_FLOWS], rolls int64[N_FROM, N_TO, 2] and vintage int64[N_VINTAGE] of the line.
    """
    g, terms, economy, levers = tables.segment[segment], tables.product[segment, LINE], now.economy, now.levers
    word_job, word_due, word_spend, _ = words(C[C_INDEX], month, 0, replication, segment, tables.key)
    old_claims = np.flatnonzero(C[C_IS_CLAIM])
    n_open = C.shape[1] - len(old_claims)
    in_workout = np.flatnonzero(C[C_MARKS] & IN_WORKOUT)

    # 4. job and income
    u = word_job >> 1
    idle = np.flatnonzero(C[C_EMPLOYED] == 0)
    works = u >= mul_q31(C[C_JOB], economy[M_JOB_LOSS])
    works[idle] = u[idle] < economy[M_JOB_FIND]
    C[C_EMPLOYED] = works
    idle = np.flatnonzero(~works)
    pay, living = mul_q16(C[C_INCOME], economy[M_INCOME_INDEX]), mul_q16(C[C_LIVING], economy[M_INCOME_INDEX])
    buffer = C[C_BUFFER] + pay
    buffer -= living
    buffer[idle] += mul_q31(pay[idle], g[G_BENEFIT]) - pay[idle]
    buffer[idle] += living[idle] - mul_q31(living[idle], g[G_LIVING_UNEMPLOYED])
    hit = np.flatnonzero(u >= ONE - economy[M_EXPENSE_SHOCK])
    buffer[hit] -= mul_q16(pay[hit], g[G_SHOCK_SIZE])
    needy = np.flatnonzero(buffer < 0)
    need = -buffer[needy]
    buffer[needy] = 0
    owing = np.flatnonzero(C[C_OUTSIDE] < C[C_OUTSIDE_MAX])
    back = np.minimum(C[C_OUTSIDE_MAX, owing] - C[C_OUTSIDE, owing], mul_q31(pay[owing], g[G_EXTERNAL_CREDIT_REPAY]))
    back = np.minimum(back, buffer[owing])
    C[C_OUTSIDE, owing] += back
    buffer[owing] -= back

    # 5. due date
    bill = np.maximum(C[C_BALANCE], 0)
    owed = mul_q31(bill, terms[P_MIN_SHARE])
    np.maximum(owed, terms[P_MIN_FLOOR], out=owed)
    np.minimum(owed, bill - C[C_ARREARS], out=owed)
    owed += C[C_ARREARS]
    quarter = pay >> 2
    quarter += 1
    # The class is how many powers of two, 1 to 64, are in debt / (quarter + 1): the exponent of that float, exactly.
    burden = (bill / quarter).view(np.int64) >> 52
    burden -= 1022
    np.clip(burden, 0, N_BURDEN - 1, out=burden)
    burden += C[C_PLACE]
    unwilling = now.unwilling.take(burden)
    forgets = mul_q31(C[C_FORGET], tables.alert[segment].astype(np.int64).take(C[C_ALERT]))
    reached = C[C_REACH] < levers[V_REACH]
    keep = now.stages[:, S_FORGET_KEEP]
    forgets = np.where(reached, mul_q31(forgets, keep[0]), forgets)
    late = C[C_BUCKET] > 0
    reminded_late = np.flatnonzero(late & reached)
    fresh = mul_q31(C[C_FORGET, reminded_late], tables.alert[segment].astype(np.int64)[C[C_ALERT, reminded_late]])
    forgets[reminded_late] = mul_q31(fresh, keep[C[C_BUCKET, reminded_late]])
    u = word_due >> 1
    forgets_from = ONE - mul_q31(ONE - unwilling, forgets)
    trouble = u < unwilling
    trouble |= u >= forgets_from
    trouble |= buffer < owed
    has_bill = bill > 0
    trouble &= has_bill
    trouble |= late
    few = np.flatnonzero(trouble)
    F[F_N_DUE] += np.count_nonzero((owed > 0) & ~late)
    F[F_N_REMINDED] += np.count_nonzero(reached & has_bill)

    # 5 to 8 for the few, before everyone's way is taken off the buffer
    odd = those(
        few, C, now, tables, segment, month, replication, u, unwilling, forgets_from, pay, buffer, bill, owed, F
    )

    # 5. everyone pays what is owed, and more out of what is left
    extra = np.minimum(mul_q31(bill - owed, C[C_EXTRA]), buffer - owed)
    paid = owed + extra
    buffer -= paid
    paid[few], buffer[few], C[C_OUTSIDE, few] = odd.paid, odd.buffer, odd.outside
    C[C_ALERT] += 1
    np.minimum(C[C_ALERT], 31, out=C[C_ALERT])
    C[C_ALERT, few[odd.forgot]] = 0

    # 8. interest
    interest = mul_q31(bill - paid, terms[P_RATE])
    interest[few] = odd.interest
    to_fees = np.minimum(C[C_FEE_DUE], paid)
    C[C_FEE_DUE] -= to_fees
    C[C_INTEREST_DUE] -= np.minimum(C[C_INTEREST_DUE], paid - to_fees)
    C[C_INTEREST_DUE] += interest
    balance = C[C_BALANCE]
    balance -= paid
    balance += interest
    balance[few] += odd.fee
    C[C_FEE_DUE, few] += odd.fee

    # 9. spending
    if levers[V_NEW_CREDIT] == 1:
        wanted = mul_q16(C[C_SPEND], economy[M_INCOME_INDEX])
        wanted = mul_q16(wanted, tables.spending[segment].astype(np.int64).take(word_spend & 1023))
        wanted[idle] = mul_q31(wanted[idle], g[G_SPEND_UNEMPLOYED])
        wanted[needy] += need
        on_line = C[C_LIMIT] - balance
        np.maximum(on_line, 0, out=on_line)
        np.minimum(on_line, wanted, out=on_line)
        balance += on_line
        wanted -= on_line
        buffer -= np.minimum(wanted, np.maximum(buffer, 0))
        F[F_NEW_CREDIT] += on_line.sum()
        F[F_WORKOUT_CASH] -= on_line[in_workout].sum()
    np.minimum(buffer, mul_q16(pay, g[G_LIQUIDITY_CAP]), out=C[C_BUFFER])

    # 12. books of those who are current before and after
    F[F_INTEREST] += interest.sum()
    F[F_PAID] += paid.sum()
    F[F_WORKOUT_CASH] += paid[in_workout].sum()
    F[F_N_IDLE] += np.count_nonzero((bill == 0) & (balance <= 0)) - len(old_claims)
    rolls[0, 0, 0] += n_open - len(few)
    rolls[0, 0, 1] += balance.sum() - balance[few].sum()
    lose(C, few, odd, levers, F, rolls, vintage)
    follow(C, few[np.maximum(odd.before, odd.to) >= 3], F)
    C = collect(C, old_claims, now, month, replication, segment, tables.key, F)
    n_open = C.shape[1] - np.count_nonzero(C[C_IS_CLAIM])
    total = C[C_BALANCE].sum()
    F[F_N_ACCOUNTS] += n_open
    F[F_BALANCE] += total
    F[F_LIMIT] += C[C_LIMIT].sum()
    F[F_N_WRITTEN_OFF_BOOK] += C.shape[1] - n_open
    F[F_BALANCE_WRITTEN_OFF_BOOK] += C[C_CLAIM].sum()
    vintage[W_N_ACCOUNTS] += n_open
    vintage[W_BALANCE] += total
    return C


class Odd(NamedTuple):
    """What steps 5 to 8 give for the few: int64[few], bool where it reads as a claim."""

    paid: np.ndarray
    buffer: np.ndarray
    outside: np.ndarray
    interest: np.ndarray
    fee: np.ndarray
    forgot: np.ndarray
    before: np.ndarray  # bucket
    to: np.ndarray  # bucket


def those(few, C, now, tables, segment, month, replication, u, unwilling, forgets_from, pay, buffer, bill, owed, F):
    """Return the Odd of lanes `few`: those late, or in trouble at the due date."""
    terms = tables.product[segment, LINE]
    u, buffer, outside, bill, owed, pay = u[few], buffer[few], C[C_OUTSIDE, few], bill[few], owed[few], pay[few]
    before, cause = C[C_BUCKET, few], C[C_CAUSE, few]
    late = before > 0
    reason = np.where(u < unwilling[few], WILL_NOT, np.where(u >= forgets_from[few], FORGOT, UNKNOWN))
    towards = np.where(reason == UNKNOWN, np.minimum(owed, buffer), 0)
    buffer -= towards
    from_outside = np.where(reason == UNKNOWN, np.minimum(owed - towards, outside), 0)
    outside -= from_outside
    towards += from_outside
    F[F_OUTSIDE_USED] += from_outside.sum()
    lacks = (reason == UNKNOWN) & (towards < owed)
    reason[lacks] = np.where(C[C_EMPLOYED, few[lacks]] == 1, SHORT, CANNOT)
    want = mul_q31(bill - owed, C[C_EXTRA, few])
    extra = np.where(reason == UNKNOWN, np.minimum(want, buffer), 0)
    buffer -= extra
    rest = owed - towards
    missed = rest > 0

    # 6. in the month
    v = words(C[C_INDEX, few], month, 1, replication, segment, tables.key)[0] >> 1
    by_day = tables.in_month[segment][reason, late.astype(np.int64)]
    cured = missed & (v < by_day[:, -1]) & (rest <= buffer + pay)
    day = np.where(cured, 1 + np.count_nonzero(v[:, None] >= by_day[:, 1:], axis=1), DAYS - 1)
    towards[cured] = owed[cured]
    buffer[cured] -= rest[cured]
    recalled = cured & (reason == FORGOT)
    extra[recalled] = np.minimum(want, np.maximum(buffer, 0))[recalled]
    buffer[recalled] -= extra[recalled]

    # 7. ageing
    after = owed - towards
    to = np.minimum((after * (before + 1) + owed - 1) // np.maximum(owed, 1), BUCKETS - 1)
    if terms[P_HOLD] > 0:
        due = owed - C[C_ARREARS, few]
        holds = (after > 0) & (due > 0) & (towards >= mul_q31(due, terms[P_HOLD]))
        to[holds] = np.minimum(to, before)[holds]
    to[after == 0] = 0
    cause = np.where((after > 0) & (cause <= FORGOT), reason, cause)
    cause[to == 0] = UNKNOWN
    current = missed & ~late
    F[F_N_MISSED] += np.count_nonzero(current)
    F[F_N_MISSED_BY : F_N_MISSED_BY + N_CAUSES] += np.bincount(reason[current], minlength=N_CAUSES)
    much = 2 * C[C_SPEND, few] >= C[C_LIMIT, few]
    F[F_N_MISSED_SHORT_HIGH_USE] += np.count_nonzero(current & (reason == SHORT) & much)
    F[F_N_CURED_30] += np.count_nonzero(current & cured)
    F[F_N_CURED_7] += np.count_nonzero(current & cured & (day <= 7))
    F[F_N_JUMPS] += np.count_nonzero(to > before + 1)

    # 8. interest and late charges
    paid = towards + extra
    interest = mul_q31(np.maximum(bill - paid - after, 0), terms[P_RATE])
    fee = np.where(missed, mul_q31(rest, tables.late[segment, LINE][day]), 0)
    suspended = to >= terms[P_SUSPEND]
    F[F_INTEREST_NOT_CHARGED] += interest[suspended].sum() + fee[suspended].sum()
    interest[suspended] = 0
    fee[suspended] = 0
    F[F_FEES] += fee.sum()
    C[C_ARREARS, few], C[C_BUCKET, few], C[C_CAUSE, few] = after, to, cause
    C[C_PLACE, few] = ((to * N_CAUSES + cause) * N_QUALITY + C[C_QUALITY, few]) * N_BURDEN
    return Odd(paid, buffer, outside, interest, fee, missed & (reason == FORGOT), before, to)


def lose(C, few, odd, levers, F, rolls, vintage):
    """Steps 11 and 12 for the few that were open: default, write-off, buckets."""
    balance, to, cause = C[C_BALANCE, few], odd.to, C[C_CAUSE, few]
    lost = (balance > 0) & (to >= levers[V_WRITE_OFF])
    worst = np.where(lost, np.maximum(to, 3), to)
    defaults = (worst >= 3) & (C[C_EVER, few] < 3)
    n_default = np.count_nonzero(defaults)
    again = (worst >= 3) & ~defaults & (C[C_MARKS, few] & (OPENED_IN_DEFAULT | IN_WORKOUT) == 0)
    F[F_WORKOUT_CASH] -= balance[again].sum()
    C[C_MARKS, few[defaults | again]] |= IN_WORKOUT
    F[F_N_DEFAULT] += n_default
    F[F_DEFAULT_BALANCE] += balance[defaults].sum()
    vintage[W_N_DEFAULT] += n_default
    F[F_N_FIRST_30] += np.count_nonzero((to >= 1) & (C[C_EVER, few] < 1))
    C[C_EVER, few] = np.maximum(C[C_EVER, few], worst)

    column = np.where(lost, TO_WRITTEN_OFF, to)
    np.add.at(rolls, (odd.before, column, 0), 1)
    np.add.at(rolls, (odd.before, column, 1), balance)
    stays = ~lost
    for least, n_at, b_at in (
        (1, F_N_DPD30, F_BALANCE_DPD30),
        (2, F_N_DPD60, F_BALANCE_DPD60),
        (3, F_N_DPD90, F_BALANCE_DPD90),
    ):
        behind = stays & (to >= least)
        F[n_at] += np.count_nonzero(behind)
        F[b_at] += balance[behind].sum()
        if least != 2:
            by = F_N_DPD30_BY if least == 1 else F_N_DPD90_BY
            F[by : by + N_CAUSES] += np.bincount(cause[behind], minlength=N_CAUSES)
    vintage[W_N_DPD30] += np.count_nonzero(stays & (to >= 1))

    if lost.any():
        at = few[lost]
        F[F_WRITTEN_OFF] += balance[lost].sum()
        F[F_WRITTEN_OFF_INTEREST] += C[C_INTEREST_DUE, at].sum()
        F[F_WRITTEN_OFF_FEES] += C[C_FEE_DUE, at].sum()
        F[F_N_WRITTEN_OFF] += len(at)
        np.add.at(F, F_BAD_DEBT_BY + cause[lost], balance[lost])
        F[F_OPENING_NET_LOSS] += balance[lost][C[C_MARKS, at] & OPENED_IN_DEFAULT != 0].sum()
        vintage[W_WRITTEN_OFF] += balance[lost].sum()
        C[C_CLAIM, at] = balance[lost]
        C[C_IS_CLAIM, at] = 1
        for column in (C_BALANCE, C_LIMIT, C_INTEREST_DUE, C_FEE_DUE, C_ARREARS, C_BUCKET, C_AGE):
            C[column, at] = 0
        C[C_PLACE, at] = C[C_QUALITY, at] * N_BURDEN


def follow(C, worst, F):
    """Step 12: count the months of probation of the lanes `worst`, in default this month, and of those before."""
    marks, balance, below = C[C_MARKS], C[C_BALANCE], C[C_BUCKET] < 3
    left = marks >> PROBATION_AT
    np.maximum(left - 1, 0, out=left)
    left[worst] = np.where(below[worst], PROBATION_MONTHS, 0)
    cured = below & (left == 0) & (marks & IN_WORKOUT != 0) & (C[C_IS_CLAIM] == 0)
    F[F_WORKOUT_CASH] += balance[cured].sum()
    marks[cured] -= IN_WORKOUT
    marks &= (1 << PROBATION_AT) - 1
    marks |= left << PROBATION_AT
    F[F_BALANCE_PROBATION] += balance[left > 0].sum()
    F[F_BALANCE_PROBATION_DPD30] += balance[(left > 0) & (C[C_BUCKET] > 0)].sum()


def collect(C, old_claims, now, month, replication, segment, key, F):
    """Step 11 for the written off: recovery and expiry. Return the chunk without those who are gone."""
    C[C_AGE, old_claims] = np.minimum(C[C_AGE, old_claims] + 1, 1000)
    at = np.flatnonzero(C[C_IS_CLAIM])
    if len(at) == 0:
        return C
    age, claim = C[C_AGE, at], C[C_CLAIM, at]
    expired = age >= now.levers[V_EXPIRE]
    F[F_EXPIRED] += claim[expired].sum()
    F[F_N_EXPIRED] += np.count_nonzero(expired)
    u = words(C[C_INDEX, at], month, 1, replication, segment, key)[2] >> 1
    stage = now.stages[BUCKETS + np.searchsorted(AGE_BANDS, age, side="right") - 1]
    pays = ~expired & (age >= 1) & (u < stage[:, S_RECOVER_CHANCE])
    recovered = np.where(pays, mul_q31(claim, stage[:, S_RECOVER_SHARE]), 0)
    F[F_RECOVERED] += recovered.sum()
    commission, marks = mul_q31(recovered, stage[:, S_COMMISSION]), C[C_MARKS, at]
    F[F_COMMISSION] += commission.sum()
    F[F_WORKOUT_CASH] += (recovered - commission)[marks & IN_WORKOUT != 0].sum()
    F[F_OPENING_NET_LOSS] -= recovered[marks & OPENED_IN_DEFAULT != 0].sum()
    np.subtract.at(F, F_BAD_DEBT_BY + C[C_CAUSE, at], recovered)
    C[C_CLAIM, at] = np.where(expired, 0, claim - recovered)
    gone = at[C[C_CLAIM, at] == 0]
    return np.delete(C, gone, axis=1) if len(gone) else C


def opening(world):
    """Return [(segment, half, int64[column, lane])]: the opening book in chunks of one half of the borrowers each.

    Drawn by the kernel, once: people are not what is timed. Raises ValueError for what `live` does not do.
    """
    check_plain(world)
    tables, chunks = world.tables, []
    for segment in range(len(world.segments)):
        tiles = world.tiles[world.tiles[:, K_SEGMENT] == segment]
        for half in range(2):
            own = [block for tile in tiles for block in _blocks(tile) if block[K_FIRST] // BLOCK % 2 == half]
            for k in range(0, len(own), BLOCKS):
                columns = np.concatenate([_block(world, tables, tile) for tile in own[k : k + BLOCKS]], axis=1)
                chunks.append((segment, half, columns))
    return chunks


def _blocks(tile):
    """Yield the parts of a tile that belong to one half of the borrowers."""
    first, end = tile[K_FIRST], tile[K_FIRST] + tile[K_COUNT]
    for begin in range(first, end, BLOCK):
        block = tile.copy()
        block[K_FIRST], block[K_COUNT] = begin, min(BLOCK, end - begin)
        yield block


def _block(world, tables, tile):
    """Return int64[column, lane] of one block, without borrowers who hold no line."""
    segment, S = int(tile[K_SEGMENT]), people(world, tile).astype(np.int64)
    C = np.zeros((N_COLUMNS, S.shape[1]), np.int64)
    C[: len(FROM_KERNEL)] = S[list(FROM_KERNEL)]
    g = tables.segment[segment]
    C[C_FORGET, S[AUTOPAY] < g[G_AUTOPAY]] = 0
    C[C_INDEX] = tile[K_FIRST] + np.arange(S.shape[1])
    C[C_JOB] = tables.job_loss_quality[segment][C[C_QUALITY]]
    C[C_EXTRA] = np.where(S[FULL_PAYER] == 1, ONE, g[G_REVOLVER_SHARE])
    C[C_PLACE] = ((C[C_BUCKET] * N_CAUSES + C[C_CAUSE]) * N_QUALITY + C[C_QUALITY]) * N_BURDEN
    return C[:, S[LINE_AT + STATUS] == ACTIVE]


def run(world, chunks):
    """Return the Sums of every replication of `world` from `chunks` of its `opening`; month 0 stays empty."""
    sums = empty_sums(world.replications, world.months_total, len(world.segments))
    tables = tables_for(world, 0, world.replications)
    for r in range(world.replications):
        rolls, vintages = sums.rolls[r % SUMS_PER_BATCH], sums.vintages[r % SUMS_PER_BATCH, 0]
        for segment in range(len(world.segments)):
            months = [month_of(world, tables, segment, r, month) for month in range(1, world.months_total + 1)]
            for _, half, start in (chunk for chunk in chunks if chunk[0] == segment):
                C = start.copy()
                for month, now in enumerate(months, start=1):
                    cell = (month, segment, LINE)
                    C = live(
                        C, now, tables, segment, month, r, sums.flows[r, half][cell], rolls[cell], vintages[cell]
                    )  # fmt: skip
    return sums


def agrees(ours, theirs):
    """Return whether two Sums are the same in every month after the opening."""
    return all(
        np.array_equal(a, b)
        for a, b in (
            (ours.flows[:, :, 1:], theirs.flows[:, :, 1:]),
            (ours.rolls, theirs.rolls),
            (ours.vintages[:, :, 1:], theirs.vintages[:, :, 1:]),
        )
    )

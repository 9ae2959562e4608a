"""Small worlds as the kernel reads them: random, sensible, and rough enough that rare paths are walked often.

`world(seed, ...)` draws everything with Python's own `random.Random(seed)`: same seed (a number or words), same
world. The levers are neutral unless `policies` names groups of POLICIES; each group writes its own levers only.
"""

import math
import random
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.model.tables import Levers, Tables

N_SEGMENTS = 2
ROWS = 24  # of a roll matrix: more than there are states
YUAN = 100  # fen
NORMAL = NormalDist()
# bucket, "or more", share of the rest of the bill paid, spending; the states of every roll matrix here
ROLL_STATES = (
    (0, 0, 1.0, 1.0),  # pays in full
    (0, 0, 0.1, 1.3),  # revolves
    (1, 0, 0.0, 0.5),
    (2, 0, 0.0, 0.2),
    (3, 0, 0.0, 0.0),
    (5, 1, 0.0, 0.0),  # five dues or more
    (EXIT_WRITTEN_OFF, 0, 0.0, 0.0),
    (EXIT_PAID_OFF, 0, 0.0, 0.0),
)


class SmallWorld(NamedTuple):
    """What the twin and the kernel both take, in the order of `naive.simulate`."""

    tables: Tables
    levers: Levers
    tiles: np.ndarray  # int64[tile, N_TILE]
    n_segments: int
    months: int
    replications: int
    tape: np.ndarray | None  # int32[account, product, N_TAPE]


# ---- numbers -------------------------------------------------------------------------------------
def q31(share):
    """Return a share as q31."""
    return round(share * ONE)


def q16(multiplier):
    """Return a multiplier or log-odds as q16."""
    return round(multiplier * UNIT)


def cumulative(weights, size):
    """Return the q31 cumulative shares of `weights`, ONE from the last of them on, as a list of `size`."""
    total, sums = sum(weights), []
    for k in range(size):
        sums.append(ONE if k >= len(weights) - 1 else q31(sum(weights[: k + 1]) / total))
    return sums


def by_quantile(of):
    """Return the integers of `of(share)` at the middle of each of the QUANTILES."""
    return [round(of((k + 0.5) / QUANTILES)) for k in range(QUANTILES)]


def lognormal(median, sigma):
    """Return the quantile function of a lognormal."""
    return lambda share: median * math.exp(sigma * NORMAL.inv_cdf(share))


def uniform(low, high):
    """Return the quantile function of a uniform."""
    return lambda share: low + (high - low) * share


# ---- tables --------------------------------------------------------------------------------------
def annuity(rate, months):
    """Return the instalment, as a share of the amount, that repays it in `months` at `rate` a month."""
    return rate / -math.expm1(-months * math.log1p(rate)) if rate else 1 / months


def rounding(rate, months, amount):
    """Return by how much, in minor units, the last of `months` level instalments may differ from the others.

    The instalment and each month's interest are rounded to half a unit, and from then on earn interest; shares and
    rates are known to 2^-32.
    """
    grown = math.expm1(months * math.log1p(rate)) / rate if rate else months
    return grown * (1 + (1 + rate) ** months * amount * 2**-31)


def draw_segment(rng, model, products, pay_first, roll):
    """Return the scalars of one segment, whose roll matrices have number `roll`."""
    g = [0] * N_SEGMENT
    g[G_MODEL] = model
    both = products == "both"
    g[G_HAS_LINE] = q31(rng.uniform(0.7, 0.95)) if both else ONE * (products == "line")
    g[G_HAS_LOAN] = q31(rng.uniform(0.6, 0.9)) if both else ONE * (products == "loan")
    g[G_PAY_FIRST] = pay_first
    g[G_UNEMPLOYED] = q31(rng.uniform(0.05, 0.2))
    g[G_BENEFIT], g[G_LIVING_UNEMPLOYED], g[G_SPEND_UNEMPLOYED] = (q31(rng.uniform(0.3, 0.9)) for _ in range(3))
    g[G_SHOCK_SIZE] = q16(rng.uniform(0.5, 3))
    g[G_EXTERNAL_CREDIT_SHARE] = q31(rng.uniform(0.2, 0.6))
    g[G_EXTERNAL_CREDIT_SIZE] = q16(rng.uniform(0.2, 1.5))
    g[G_EXTERNAL_CREDIT_REPAY] = q31(rng.uniform(0.0, 0.1))
    g[G_LIQUIDITY_CAP] = q16(rng.uniform(0.5, 3))
    g[G_AUTOPAY] = q31(rng.uniform(0.1, 0.5))
    g[G_FULL_PAYER] = q31(rng.uniform(0.3, 0.7))
    g[G_REVOLVER_SHARE] = q31(rng.uniform(0.0, 0.4))
    for size, noise in ((G_SCORE_CORRELATION, G_SCORE_NOISE), (G_LIMIT_INCOME, G_LIMIT_NOISE)):
        correlation = rng.choice((0.0, rng.uniform(0.2, 0.9)))
        g[size], g[noise] = q16(correlation), q16(math.sqrt(1 - correlation**2))
    g[G_WILL_NOT_BASE] = q16(rng.uniform(-5, -3))
    g[G_WILL_NOT_CLOSED], g[G_WILL_NOT_REPORTED] = q16(rng.uniform(0, 1.5)), q16(rng.uniform(-1, 0))
    g[G_REPORTING_DAY] = rng.choice((0, 1, 7, 20, 29))
    g[G_LEAVE_FELT], g[G_IDLE_CLOSES] = q16(rng.uniform(0.5, 4)), rng.choice((NEVER, 1, 3))
    g[G_LEAVES] = rng.choice((0, 1, 1))
    g[G_SCORE_SHIFT] = q16(rng.choice((0.0, rng.uniform(-1, 1))))
    g[G_REACH : G_REACH + 4] = [rng.choice((ONE, ONE, 0, q31(rng.random()))) for _ in range(4)]
    g[G_ROLL] = roll
    return g


def draw_terms(rng, suspend, hold):
    """Return the terms of both products of one segment, [product][name]."""
    line, loan = [0] * N_TERMS, [0] * N_TERMS
    for terms in (line, loan):
        terms[P_RATE] = q31(rng.uniform(0.005, 0.02))
        terms[P_SUSPEND] = rng.randint(3, 5) if suspend else NEVER
        terms[P_HOLD] = q31(rng.uniform(0.3, 0.9)) if hold else 0
        terms[P_WILL_NOT] = q16(rng.uniform(-0.5, 0.5))
    line[P_MIN_SHARE] = q31(rng.uniform(0.02, 0.15))
    line[P_MIN_FLOOR] = rng.choice((0, 50 * YUAN))
    loan[P_DRAW], loan[P_KEPT] = q31(rng.uniform(0.1, 0.5)), q31(rng.uniform(0, 0.5))
    loan[P_DRAW_STEP] = rng.choice((1, 100 * YUAN))
    loan[P_FIXED_RATE] = rng.choice((0, 1))
    loan[P_OPEN_AT_START] = q31(rng.uniform(0.3, 0.9))
    for name, most in ((P_SETTLE_FIRST, 0.3), (P_SETTLE_FIRST_STEP, 0.01), (P_SETTLE, 0.1), (P_SETTLE_STEP, 0.01)):
        loan[name] = q31(rng.choice((0, rng.uniform(0, most))))
    line[P_CONVERT : P_CONVERT + 4] = sorted(q31(rng.uniform(0.05, 0.9)) for _ in range(4))
    line[P_CONVERT_FLOOR] = rng.choice((0, 500 * YUAN))
    for terms in (line, loan):
        terms[P_FRAUD], terms[P_FIRST_PAYMENT] = sorted(q31(rng.uniform(0, 0.3)) for _ in range(2))
        terms[P_FRAUD_STEP], terms[P_FIRST_PAYMENT_STEP] = terms[P_FRAUD] // 30, terms[P_FIRST_PAYMENT] // 30
    return [line, loan]


def draw_loan_terms(rng, rate):
    """Return the loan terms of one segment and the balances by instalments left."""
    offered = sorted(rng.sample((1, 3, 6, 12, 24, 60), rng.randint(1, MAX_TERMS)))
    shares = cumulative([rng.uniform(0.5, 1.5) for _ in offered], MAX_TERMS)
    terms, balances = [], []
    for t in range(MAX_TERMS):
        n = offered[min(t, len(offered) - 1)]
        instalment = annuity(rate, n)
        terms.append([n, shares[t], q31(instalment)])
        # owed with k instalments left, this month's interest included
        balances.append([q31(min(k, n) and (1 + rate) * instalment / annuity(rate, min(k, n))) for k in range(61)])
    return terms, balances


def draw_conversion(rng):
    """Return the terms of converted bills of one segment."""
    offered = sorted(rng.sample((1, 2, 3, 6, 12), rng.randint(1, MAX_TERMS)))
    shares = cumulative([rng.uniform(0.5, 1.5) for _ in offered], MAX_TERMS)
    months = [offered[min(t, len(offered) - 1)] for t in range(MAX_TERMS)]
    return [[n, shares[t], q31(rng.uniform(0, 0.02))] for t, n in enumerate(months)]


def draw_people(rng):
    """Return the quantile tables of one segment."""
    table = [None] * N_QUANTILE
    table[Q_INCOME] = by_quantile(lognormal(rng.uniform(4_000, 8_000) * YUAN, 0.5))
    table[Q_LIVING] = by_quantile(lambda share: ONE * (0.35 + 0.6 * share))
    table[Q_SPEND] = by_quantile(lambda share: UNIT * lognormal(0.25, 0.6)(share))
    table[Q_FORGET] = by_quantile(lambda share: ONE * 0.5 * share**2)
    table[Q_LIQUIDITY] = by_quantile(lambda share: UNIT * 2 * share**2)
    table[Q_TICKET] = by_quantile(lognormal(rng.uniform(3_000, 9_000) * YUAN, 0.7))
    return table


def draw_links(rng):
    """Return which words of people go with quality, and the quantile index [link][class * QUANTILES + own]."""
    possible = [row for links in TRAIT_WORDS.values() for row, _ in links]
    rows = rng.sample(possible, rng.choice((0, 3, len(possible))))
    return rows, [[rng.randrange(QUANTILES) for _ in range(QUALITIES * QUANTILES)] for _ in rows]


def draw_limits(rng):
    """Return the limits [product][state][quantile] and the line's utilisations [state][quantile] of one segment."""
    limits, utilisations = [], []
    for _ in range(N_PRODUCT):
        median = rng.uniform(4_000, 12_000) * YUAN
        limits.append([by_quantile(lognormal(median * (1 - 0.03 * s), 0.6)) for s in range(MAX_STATES)])
    for s in range(MAX_STATES):  # a few credit balances, a few above the limit
        utilisations.append(by_quantile(lambda share, s=s: UNIT * (share * 1.15 - 0.1 + 0.03 * s)))
    return limits, utilisations


PLAIN_ROWS = (  # of a segment without roll rates
    [[0, s % MAX_STATES, 0, UNIT, s % MAX_STATES] for s in range(ROWS)],
    [list(range(MAX_STATES)) for _ in range(ROWS)],
)


def draw_rows(rng):
    """Return (what ROWS rows are, the row after a move [row][state]): states, and further rows that remember at random.

    The first row is the first state's, for new accounts; accounts drawn in a state begin in any of its rows.
    """
    everyone = range(len(ROLL_STATES))
    named = [*everyone, *(rng.choice(everyone[:6]) for _ in range(ROWS - MAX_STATES))]
    at = [*everyone, *range(MAX_STATES, ROWS)]  # those between are nobody's
    of_state = [[row for row, state in zip(at, named, strict=True) if state == s] for s in everyone]
    states, after = [[0] * N_ROLL for _ in range(ROWS)], [[0] * MAX_STATES for _ in range(ROWS)]
    for row, s in zip(at, named, strict=True):
        bucket, or_more, pays, spends = ROLL_STATES[s]
        states[row][:4] = bucket, s, q31(pays), q16(spends)
        for to in everyone:
            worse = STAYS_WORSE if to == s and or_more else 0
            after[row][to] = rng.choice(of_state[to]) + worse
    for s in everyone:
        states[s][ROLL_OPENED] = rng.choice(of_state[s])
    return states, after


def draw_roll(rng, states):
    """Return one roll matrix [row][to] as cumulative shares: a random mixture of staying, curing and falling."""
    matrix = []
    for row in range(len(states)):
        state, weights = states[row][ROLL_STATE], [0.02] * len(ROLL_STATES)
        if state < 6:
            weights[state] += 0.5
            weights[min(state + 1, 5)] += rng.uniform(0.1, 0.6)
            weights[rng.randint(0, state)] += rng.uniform(0.1, 0.6)
        matrix.append(cumulative(weights, MAX_STATES))
    return matrix


def draw_rising(rng, top):
    """Return DAYS cumulative shares that rise from day 1 to `top` on day 30, as q31."""
    steps = [0.0] + [rng.random() ** 4 for _ in range(DAYS - 1)]
    return [q31(top * sum(steps[: day + 1]) / sum(steps)) for day in range(DAYS)]


def draw_tables(rng, *, model, products, months, replications, pay_first, suspend, hold, factor, redraw_people):
    """Return the Tables of a random world; models are 0 structural, 1 roll_rates, by segment."""
    g = range(N_SEGMENTS)
    pay_first = [rng.choice((LINE, LOAN)) if pay_first is None else pay_first for _ in g]
    models = [{"structural": 0, "roll_rates": 1, "mixed": segment % 2}[model] for segment in g]
    product = [draw_terms(rng, suspend, hold) for _ in g]
    loans = [draw_loan_terms(rng, product[segment][LOAN][P_RATE] / ONE) for segment in g]
    limits = [draw_limits(rng) for _ in g]
    opening = [6, 2, 1, 1, 0.5] + [0.3] * (11 if model == "structural" else 1)
    rows = [[draw_rows(rng) if models[k] else PLAIN_ROWS for _ in range(N_PRODUCT)] for k in g]
    z = [NORMAL.inv_cdf((k + 0.5) / QUANTILES) for k in range(QUANTILES)]
    sigmoid = [0, *(q31(1 / (1 + math.exp(16 - k / 128))) for k in range(1, 4096)), ONE, ONE]
    rolls = [
        [[[draw_roll(rng, states) for states, _ in own] for own in rows] for _ in range(months if factor else 1)]
        for _ in range(replications if factor else 1)
    ]
    economy = [
        [[draw_economy(rng) for _ in g] for _ in range(months + 1)] for _ in range(replications if factor else 1)
    ]

    linked_word, linked_rank = draw_links(rng)

    def logits(size, low, high):
        return np.array([[q16(rng.uniform(low, high)) for _ in range(size)] for _ in g], np.int32)

    def shares(size, low, high):
        return np.array([[q31(rng.uniform(low, high)) for _ in range(size)] for _ in g], np.uint32)

    def whole(values, kind=np.int64):
        return np.array(values, kind)

    return Tables(
        key=np.array([rng.getrandbits(32), rng.getrandbits(32)], np.uint32),
        segment=whole([draw_segment(rng, models[k], products[k], pay_first[k], N_SEGMENTS - 1 - k) for k in g]),
        product=whole(product),
        terms=whole([terms for terms, _ in loans]),
        conversion=whole([draw_conversion(rng) for _ in g]),
        loan_balance=whole([balances for _, balances in loans]),
        quantile=whole([draw_people(rng) for _ in g], np.uint32),
        limit=whole([limit for limit, _ in limits], np.int32),
        utilisation=whole([utilisation for _, utilisation in limits], np.int32),
        opening=whole([[cumulative(opening, MAX_STATES)] * N_PRODUCT for _ in g]),
        opening_cause=whole([cumulative([rng.random() for _ in range(5)], 5) for _ in g]),
        normal=whole([q16(x) for x in z], np.int32),
        normal_rank=whole(
            [min(int(NORMAL.cdf(k / 512 - 4) * QUANTILES), QUANTILES - 1) for k in range(4096)], np.int32
        ),
        quality_score=whole([q16(NORMAL.inv_cdf((k + 0.5) / 16)) for k in range(16)], np.int32),
        linked_word=whole(linked_word),
        linked_rank=np.array(linked_rank, np.int32).reshape(-1, QUALITIES * QUANTILES),
        late=whole([[[q31(0.0006 * day) for day in range(DAYS)]] * N_PRODUCT for _ in g]),
        in_month=whole(
            [[[draw_rising(rng, rng.uniform(0, 0.9)) for _ in range(2)] for _ in range(5)] for _ in g],
        ),
        sigmoid=np.array(sigmoid, np.uint32),
        will_not_bucket=logits(BUCKETS, 0, 3),
        will_not_cause=logits(5, -1, 3),
        will_not_burden=logits(8, -0.5, 1),
        will_not_quality=logits(16, -1, 1),
        job_loss_quality=shares(16, 0.2, 1),
        alert=shares(32, 0.1, 1),
        spending=np.array([by_quantile(lambda u: UNIT * lognormal(0.9, 0.5)(u)) for _ in g], np.int32),
        uptake=whole([[[q31(rng.uniform(0, 0.5)) for _ in range(CUSTOMERS)] for _ in range(N_UPTAKE)] for _ in g]),
        roll_state=whole([[states for states, _ in own] for own in rows]),
        roll_next=whole([[after for _, after in own] for own in rows]),
        late_hazard=np.zeros((N_SEGMENTS, N_PRODUCT, LATE_MONTHS), np.int64),
        late_cause=np.full((N_SEGMENTS, N_LATE_CAUSES), UNIT, np.int64),
        late_burden=np.full((N_SEGMENTS, 8), UNIT, np.int64),
        roll=np.ascontiguousarray(whole(rolls)[:, :, ::-1]),  # segments find their own by G_ROLL
        economy=whole(economy),
        tie=draw_tie(rng, months),
        redraw_people=int(redraw_people),
        observe_month=rng.randint(1, (months + 1) // 2),
    )


def draw_tie(rng, months):
    """Return the tie of a few months to a book's levels: none, mild or strong, bucket 0 as it is."""
    tie = np.zeros((rng.choice((1, 1, 2, months + 1)), N_TIE, BUCKETS), np.int32)
    tie[:, TIE_FORGET] = UNIT
    if rng.random() < 0.6:
        each(tie[:, TIE_WILL_NOT, 1:], lambda: q16(rng.uniform(-1, 1)))
        each(tie[:, TIE_FORGET, 1:], lambda: q16(rng.choice((0, 0.5, rng.uniform(0, 8)))))
        each(tie[:, TIE_PART, 1:], lambda: min(q31(rng.choice((0, 1, rng.random()))), ONE - 1))
    return tie


def draw_economy(rng):
    """Return the economy of one month and segment: hard times, so that rare paths are common."""
    m = [0] * N_MACRO
    m[M_JOB_LOSS] = q31(rng.uniform(0.02, 0.2))
    m[M_JOB_FIND] = q31(rng.uniform(0.1, 0.5))
    m[M_EXPENSE_SHOCK] = q31(rng.uniform(0.02, 0.2))
    m[M_WILL_NOT] = q16(rng.uniform(-0.5, 0.5))
    m[M_INCOME_INDEX] = q16(rng.uniform(0.9, 1.1))
    m[M_PRICE_FACTOR] = q16(rng.uniform(0.5, 1.5))
    m[M_EARNED] = round(m[M_INCOME_INDEX] * rng.choice((1, 1, 1, rng.uniform(0.8, 1.6))))
    m[M_SPENDING] = round(m[M_INCOME_INDEX] * rng.choice((1, 1, rng.uniform(0.6, 1.6))))
    m[M_FORGET] = q16(rng.choice((1, 1, 1, rng.uniform(0.5, 4))))
    m[M_STOPPED] = round((1 << STOP_BITS) * rng.choice((0, 0, 0, rng.uniform(0, 0.6), 1)))
    m[M_INCOME_LEFT] = q31(rng.choice((0, 0, 1, rng.random())))
    m[M_SETTLEMENT] = q16(rng.choice((1, 1, rng.uniform(0, 3))))
    m[M_COLLECTION] = q16(rng.choice((1, 1, 1, rng.uniform(0, 1.5))))
    return m


def add_late_stage(rng, tables):
    """Give both products of every segment a late stage: hazards that fall, mostly, and any multipliers."""
    tables.product[..., P_LATE_FULL] = np.array([[rng.choice((0, ONE, q31(rng.random())))] * 2 for _ in tables.product])
    tables.product[..., P_LATE_PART] = np.array([[q31(rng.choice((1, 0.3, 0.01)))] * 2 for _ in tables.product])
    for hazards in tables.late_hazard.reshape(-1, LATE_MONTHS):
        hazards[:] = [q31(rng.uniform(0.1, 0.7) / (1 + k)) for k in range(LATE_MONTHS)]
    for multipliers in (tables.late_cause, tables.late_burden, tables.economy[..., M_COLLECTION]):
        each(multipliers, lambda: q16(rng.choice((0.5, 1, rng.uniform(0, 4)))))


# ---- levers --------------------------------------------------------------------------------------
def neutral_levers(months, segments):
    """Return the Levers of a lender that does nothing but lend: no reminder, no action, no write-off, no sale."""
    stage = np.zeros((months + 1, segments, N_PRODUCT, STAGES, N_STAGE_LEVERS), np.int64)
    month = np.zeros((months + 1, segments, N_PRODUCT, N_MONTH_LEVERS), np.int64)
    stage[..., S_FORGET_KEEP] = stage[..., S_LIMIT_KEEP] = ONE
    stage[..., S_EFFORT], stage[..., S_PRIORITY] = UNIT, ONE
    for name in (V_FREEZE_DAYS, V_CLOSE_DAYS, V_WRITE_OFF, V_SELL_OPEN, V_SELL_WRITTEN_OFF, V_EXPIRE):
        month[..., name] = NEVER
    month[..., V_SCORE_CUTOFF] = month[..., V_INCOME_CUTOFF] = -NEVER
    month[..., V_NEW_CREDIT] = 1
    for name in (V_REPORT_DAYS, V_PLAN_BUCKET, V_CUT_SCORE, V_REGRANT_MONTHS, V_REGRANT_SOON, V_CLAIM):
        month[..., name] = NEVER
    month[..., V_EDUCATION_REACH], month[..., V_EDUCATION_PLAN] = UNIT, NEVER
    month[..., V_SALE_BAND : V_SALE_BAND + 3] = NEVER
    month[..., V_PLAN_MONTHS] = month[..., V_OFFER_PARTS] = 1
    month[..., V_OFFER_CAUSE : V_OFFER_CAUSE + N_LATE_CAUSES] = UNIT
    month[..., V_REGRANT_GRADE] = GRADES - 1
    month[..., V_PLAN_RATE] = month[..., V_CUT_KEEP] = month[..., V_SERVED] = ONE
    month[..., V_EDUCATION_FORGET] = month[..., V_EDUCATION_SPEND] = ONE
    month[..., V_RAISE_BY] = month[..., V_RAISE_CAP] = month[..., V_PAY_EXTRA] = month[..., V_USAGE] = UNIT
    month[..., V_RATE : V_RATE + GRADES] = month[..., V_SALE_FACTOR : V_SALE_FACTOR + 4] = UNIT
    month[..., V_RAISE_GRADE] = month[..., V_MIN_SHARE] = -1
    month[..., V_SCORE_CORRELATION] = ABSENT
    month[..., V_GRADE_MONTHS : V_GRADE_MONTHS + 3] = 12, 6, 3
    month[..., V_GRADE_USED : V_GRADE_USED + 3] = -1
    month[..., V_GRADE_SCORE : V_GRADE_SCORE + 3] = -NEVER
    review = np.full((months + 1, segments, N_PRODUCT, SCORE_BANDS), UNIT, np.int64)
    ladder = np.zeros((months + 1, segments, N_PRODUCT, BUCKETS, N_LEVELS, N_LADDER), np.int64)
    ladder[..., L_LIFT] = ladder[..., L_REACH] = UNIT
    answer = np.zeros((months + 1, segments, N_PRODUCT, N_ANSWER, ANSWERS), np.uint32)
    answer[..., C_DEMAND, :], answer[..., C_ACCEPT, :] = UNIT, ONE
    return Levers(stage, month, review, ladder, answer)


def each(array, draw):
    """Fill every cell of `array` (a view on one lever) with its own `draw()`."""
    array[...] = np.array([draw() for _ in range(array.size)], np.int64).reshape(array.shape)


def constant(array, draw):
    """Fill every (segment, product) of `array` with one `draw()` for all months."""
    each(array[0], draw)
    array[1:] = array[0]


def reminders(rng, levers):
    """Reach some borrowers; what arrives leaves part of the forgetting."""
    each(levers.month[..., V_REACH], lambda: q31(rng.random()))
    each(levers.stage[..., S_FORGET_KEEP], lambda: q31(rng.uniform(0, 0.8)))


def limit_cut(rng, levers):
    """Cut limits in some buckets, down to a floor; keep nothing in a few."""
    each(levers.stage[..., S_LIMIT_KEEP], lambda: rng.choice((ONE, 0, q31(rng.uniform(0.3, 0.99)))))
    each(levers.month[..., V_LIMIT_FLOOR], lambda: rng.choice((0, 1_000 * YUAN)))


def freeze(rng, levers):
    """Freeze within the month, or at one or two dues missed."""
    constant(levers.month[..., V_FREEZE_DAYS], lambda: rng.choice((7, 30, 60)))


def close(rng, levers):
    """Close within the month, or at one to three dues missed."""
    constant(levers.month[..., V_CLOSE_DAYS], lambda: rng.choice((10, 30, 60, 90)))


def cross(rng, levers):
    """Close, and mostly close the other account too."""
    close(rng, levers)
    constant(levers.month[..., V_CROSS], lambda: rng.choice((0, 1, 1)))


def write_off(rng, levers):
    """Write off, recover at a commission, let claims expire."""
    constant(levers.month[..., V_WRITE_OFF], lambda: rng.choice((1, 3, 4, 5, 6)))
    constant(levers.month[..., V_EXPIRE], lambda: rng.choice((NEVER, 7, 13)))
    recoveries(rng, levers.stage[..., BUCKETS:, :])


def recoveries(rng, stages):
    """Recover in those stages with more or less success, at a commission."""
    each(stages[..., S_RECOVER_CHANCE], lambda: q31(rng.uniform(0, 0.7)))
    each(stages[..., S_RECOVER_SHARE], lambda: rng.choice((ONE, q31(rng.uniform(0, 0.9)))))
    each(stages[..., S_COMMISSION], lambda: q31(rng.uniform(0, 0.5)))


def sell_open(rng, levers):
    """Sell accounts of the open book from some bucket on."""
    constant(levers.month[..., V_SELL_OPEN], lambda: rng.randint(1, 5))
    each(levers.stage[..., :BUCKETS, S_SALE_PRICE], lambda: q31(rng.uniform(0, 0.9)))


def sell_written_off(rng, levers):
    """Sell written-off accounts from some age on, every month (at once if the age is 0)."""
    write_off(rng, levers)
    constant(levers.month[..., V_SELL_WRITTEN_OFF], lambda: rng.choice((0, 2, 6)))
    each(levers.stage[..., BUCKETS:, S_SALE_PRICE], lambda: q31(rng.uniform(0, 0.5)))


def sell_in_bulk(rng, levers):
    """Sell written-off accounts in a few months only."""
    sell_written_off(rng, levers)
    bulk = [rng.random() < 0.3 for _ in range(len(levers.month))]
    levers.month[np.logical_not(bulk), ..., V_SELL_WRITTEN_OFF] = NEVER


def underwriting(rng, levers):
    """Decline by score and income; set limits by score band."""
    each(levers.month[..., V_SCORE_CUTOFF], lambda: rng.randint(500, 600))
    each(levers.month[..., V_INCOME_CUTOFF], lambda: rng.randint(1_000, 5_000) * YUAN)
    each(levers.review, lambda: rng.choice((0, q16(rng.uniform(0.3, 2)))))


def fraud_checks(rng, levers):
    """Take some applicants for fraud: who is, who is not, none or all of them; at a cost."""
    for name in (V_FRAUD_CAUGHT, V_FRAUD_WRONG):
        each(levers.month[..., name], lambda: rng.choice((0, ONE, *[q31(rng.random())] * 2)))
    each(levers.month[..., V_REVIEW_COST], lambda: rng.randint(0, 20 * YUAN))


def run_off(rng, levers):
    """Grant nothing new from some month on, which may differ by product."""
    for product in (LINE, LOAN):
        levers.month[rng.randint(2, max(2, len(levers.month) // 2)) :, :, product, V_NEW_CREDIT] = 0


def autopay(rng, levers):
    """Enrol more borrowers, or fewer than are enrolled already."""
    each(levers.month[..., V_AUTOPAY], lambda: q31(rng.random()))


def willingness(rng, levers):
    """Make borrowers more willing to pay, or less."""
    each(levers.month[..., V_WILL_NOT], lambda: q16(rng.uniform(-2, 1.5)))


def ladder(rng, levers):
    """Collect by levels with gaps: some bring in nobody, some everybody, on any days."""
    for reason in range(FORGOT, WILL_NOT + 1):
        each(levers.ladder[..., L_EFFECT + reason - FORGOT], lambda: rng.choice((0, ONE, *[q31(rng.random())] * 4)))
    each(levers.ladder[..., L_COST], lambda: rng.randint(0, 30 * YUAN))
    each(levers.ladder[..., L_DAY], lambda: rng.randint(1, 29))
    each(levers.ladder[..., L_USED], lambda: rng.choice((0, 1)))
    each(levers.ladder[..., L_COMMISSION], lambda: rng.choice((0, q31(rng.random()))))
    each(levers.ladder[..., L_REACH], lambda: rng.choice((UNIT, q16(rng.uniform(0, 3)))))


def capacity(rng, levers):
    """Collect from as many as there is capacity for: none, some, all."""
    ladder(rng, levers)
    each(levers.month[..., V_SERVED], lambda: rng.choice((0, ONE, *[q31(rng.random())] * 3)))


def order(rng, levers):
    """Collect from those first who are latest, or owe most, or most times what is expected of it; in some months."""
    capacity(rng, levers)
    each(levers.month[..., V_PRIORITY], lambda: rng.choice((BY_LOT, BY_DAYS, BY_AMOUNT, BY_AMOUNT)))
    each(levers.month[..., V_SERVED_CLASS], lambda: rng.choice((0, 1, rng.randrange(PRIORITIES))))
    each(levers.stage[..., S_PRIORITY], lambda: rng.choice((ONE, 0, q31(rng.random()))))


def bureau(rng, levers):
    """Report to the credit bureau, for longer or shorter."""
    constant(levers.month[..., V_REPORT_DAYS], lambda: rng.choice((5, 30, 60)))
    each(levers.month[..., V_REPORT_MONTHS], lambda: rng.randint(0, 5))


def plans(rng, levers):
    """Offer plans of one or more months: free of interest or not, with some, all or nothing forgiven."""
    constant(levers.month[..., V_PLAN_BUCKET], lambda: rng.randint(1, 2))
    each(levers.month[..., V_PLAN_CHANCE], lambda: rng.choice((ONE, q31(rng.random()))))
    each(levers.month[..., V_PLAN_MONTHS], lambda: rng.choice((1, 2, 3, 5)))
    levers.month[..., V_PLAN_PAUSE] = levers.month[..., V_PLAN_MONTHS] - 1  # 0, 1, 2, 4
    each(levers.month[..., V_PLAN_RATE], lambda: rng.choice((0, ONE, q31(rng.random()))))
    each(levers.month[..., V_PLAN_FORGIVE], lambda: rng.choice((0, 0, q31(rng.random()), ONE)))


def trials(rng, levers):
    """Offer plans after a trial, of one or more months or none at times; some are given up."""
    plans(rng, levers)
    each(levers.month[..., V_TRIAL_MONTHS], lambda: rng.choice((0, 1, 2, 3, 3, 3)))
    for name in (V_TRIAL_DROPS, V_PLAN_DROPS_EARLY, V_PLAN_DROPS):
        constant(levers.month[..., name], lambda: rng.choice((0, q31(rng.uniform(0, 0.3)))))


def patient_trials(rng, levers):
    """Offer plans without loss after a trial of three months, also to who is long overdue."""
    trials(rng, levers)
    levers.month[..., V_TRIAL_MONTHS], levers.month[..., V_PLAN_FORGIVE] = 3, 0
    each(levers.month[..., V_PLAN_MONTHS], lambda: rng.choice((6, 12, 24)))
    constant(levers.month[..., V_PLAN_BUCKET], lambda: rng.randint(1, 4))


def pricing(rng, levers):
    """Price by grade; ask for another share of the bill."""
    each(levers.month[..., V_RATE : V_RATE + GRADES], lambda: q16(rng.uniform(0.5, 1.5)))
    each(levers.month[..., V_MIN_SHARE], lambda: rng.choice((-1, 0, q31(rng.uniform(0, 0.3)))))


def limit_review(rng, levers):
    """Cut and raise limits month by month, by grade, score and use."""
    each(levers.month[..., V_CUT_KEEP], lambda: rng.choice((0, q31(rng.uniform(0.3, 1)))))
    each(levers.month[..., V_CUT_GRADE], lambda: rng.randint(0, GRADES))
    each(levers.month[..., V_CUT_SCORE], lambda: rng.choice((NEVER, rng.randint(500, 620))))
    each(levers.month[..., V_CUT_UTILISATION], lambda: rng.choice((0, q16(rng.random()))))
    each(levers.month[..., V_LIMIT_FLOOR], lambda: rng.choice((0, 1_000 * YUAN)))
    each(levers.month[..., V_RAISE_BY], lambda: q16(rng.uniform(1, 1.5)))
    each(levers.month[..., V_RAISE_GRADE], lambda: rng.randint(-1, GRADES - 1))
    each(levers.month[..., V_RAISE_UTILISATION], lambda: rng.choice((0, q16(rng.random()))))
    each(levers.month[..., V_RAISE_CAP], lambda: q16(rng.uniform(0.8, 2)))


def limit_review_at_times(rng, levers):
    """Cut and raise limits in a few months only."""
    limit_review(rng, levers)
    quiet = [rng.random() < 0.6 for _ in range(len(levers.month))]
    levers.month[quiet, ..., V_CUT_KEEP] = ONE
    levers.month[quiet, ..., V_RAISE_BY] = UNIT


def regrant(rng, levers):
    """Close, and open again after some months; sooner for those with a guarantor."""
    cross(rng, levers)
    constant(levers.month[..., V_REGRANT_MONTHS], lambda: rng.choice((1, 3, NEVER - 1)))
    constant(levers.month[..., V_REGRANT_SOON], lambda: rng.choice((0, 1, 2)))
    constant(levers.month[..., V_GUARANTEED], lambda: rng.choice((0, q31(rng.random()))))
    each(levers.month[..., V_REGRANT_CHANCE], lambda: rng.choice((ONE, q31(rng.random()))))
    constant(levers.month[..., V_REGRANT_SCORE], lambda: rng.randint(450, 600))
    constant(levers.month[..., V_REGRANT_GRADE], lambda: rng.choice((0, 2, 4, 4)))
    each(levers.month[..., V_REGRANT_SHARE], lambda: rng.choice((ONE, q31(rng.random()))))


def regrant_when_forgotten(rng, levers):
    """Open closed accounts again once the credit bureau has nothing against the borrower."""
    bureau(rng, levers)
    regrant(rng, levers)


def sell_by_size(rng, levers):
    """Sell both books at a price that depends on the size of the balance."""
    sell_open(rng, levers)
    sell_written_off(rng, levers)
    for k in range(3):
        constant(levers.month[..., V_SALE_BAND + k], lambda k=k: rng.randint(2_000 * k, 2_000 * k + 3_000) * YUAN)
    each(levers.month[..., V_SALE_FACTOR : V_SALE_FACTOR + 4], lambda: q16(rng.uniform(0, 2.5)))


def recovery_cost(rng, levers):
    """Write off, and pay every month for each written-off account."""
    write_off(rng, levers)
    each(levers.stage[..., BUCKETS:, S_RECOVERY_COST], lambda: rng.randint(0, 20 * YUAN))


def work_open(rng, levers):
    """Work accounts that are late and still open, at a cost; some pay all they owe."""
    recoveries(rng, levers.stage[..., :BUCKETS, :])
    each(levers.stage[..., :BUCKETS, S_RECOVERY_COST], lambda: rng.randint(0, 20 * YUAN))


def work_open_then_written_off(rng, levers):
    """Work late accounts before and after write-off."""
    recovery_cost(rng, levers)
    work_open(rng, levers)


def claims(rng, levers):
    """Insure from some bucket on."""
    constant(levers.month[..., V_CLAIM], lambda: rng.randint(1, 5))


def claims_for_a_while(rng, levers):
    """Write off early, insured in some months only."""
    write_off(rng, levers)
    claims(rng, levers)
    levers.month[[rng.random() < 0.5 for _ in range(len(levers.month))], ..., V_CLAIM] = NEVER


def partner(rng, levers):
    """Write off, and share what is lost in some months."""
    write_off(rng, levers)
    each(levers.month[..., V_PARTNER], lambda: rng.choice((0, 1)))


def score_power(rng, levers):
    """Underwrite by a score that sees more of quality, or less; in some months by the segment's own."""
    underwriting(rng, levers)
    correlations = [rng.choice((None, 0.0, 1.0, rng.random())) for _ in range(levers.month[..., 0].size)]
    shape = levers.month.shape[:-1]
    known = [ABSENT if c is None else q16(c) for c in correlations]
    noise = [0 if c is None else q16(math.sqrt(1 - c**2)) for c in correlations]
    levers.month[..., V_SCORE_CORRELATION] = np.reshape(known, shape)
    levers.month[..., V_SCORE_NOISE] = np.reshape(noise, shape)


def customers(rng, levers):
    """Want more or less credit at the price, take up some offers, pay more or less of the bill, leave now and then."""
    each(levers.answer[..., C_DEMAND, :], lambda: rng.choice((UNIT, 0, q16(rng.uniform(0, 2)))))
    each(levers.answer[..., C_LEAVE, :], lambda: rng.choice((0, rng.randint(0, 8000), 65536)))
    each(levers.answer[..., C_ACCEPT, :], lambda: rng.choice((ONE, q31(rng.random()))))
    each(levers.month[..., V_PAY_EXTRA], lambda: q16(rng.uniform(0, 4)))


def customers_who_stay(rng, levers):
    """Want more or less credit at the price, and leave in some months only."""
    customers(rng, levers)
    levers.answer[..., C_LEAVE, :] = np.where(levers.answer[..., C_LEAVE, :] < 4000, levers.answer[..., C_LEAVE, :], 0)
    levers.answer[[rng.random() < 0.7 for _ in range(len(levers.month))], ..., C_LEAVE, :] = 0


def rating(rng, levers):
    """Grade by other bounds, price by grade, review limits by it, and open again by it."""
    pricing(rng, levers)
    limit_review_at_times(rng, levers)
    regrant(rng, levers)
    each(levers.month[..., V_GRADE_MONTHS : V_GRADE_MONTHS + 3], lambda: rng.choice((0, 1, 2, 6, 300)))
    each(levers.month[..., V_GRADE_USED : V_GRADE_USED + 3], lambda: rng.choice((-1, 0, UNIT, q16(rng.random()))))
    each(levers.month[..., V_GRADE_SCORE : V_GRADE_SCORE + 3], lambda: rng.choice((-NEVER, rng.randint(450, 750))))


def effort(rng, levers):
    """Collect on late debt with more or less effort, open or written off."""
    each(levers.stage[..., S_EFFORT], lambda: q16(rng.choice((0, 1, rng.uniform(0, 3)))))
    each(levers.ladder[..., L_LIFT], lambda: q16(rng.choice((0.5, 1, rng.uniform(0, 3)))))


def offers(rng, levers):
    """Offer settlements in some stages, for all, part or nothing of the balance, at once or in parts."""
    each(levers.stage[..., DEFAULT_BUCKET:, S_OFFER_CHANCE], lambda: rng.choice((0, q31(rng.random()), ONE // 4)))
    each(levers.stage[..., S_OFFER_PAYS], lambda: rng.choice((0, ONE, *[q31(rng.random())] * 4)))
    each(levers.month[..., V_OFFER_PARTS], lambda: rng.choice((1, 1, 2, 5)))
    each(levers.month[..., V_OFFER_BREAKS], lambda: rng.choice((0, q31(0.2), ONE)))
    each(levers.month[..., V_OFFER_DIVERTS], lambda: rng.choice((0, ONE, q31(rng.random()))))
    each(levers.month[..., V_OFFER_COST], lambda: rng.randint(0, 20 * YUAN))
    each(levers.month[..., V_OFFER_CAUSE : V_OFFER_CAUSE + N_LATE_CAUSES], lambda: q16(rng.choice((0, 1, 3))))


def education(rng, levers):
    """Teach some borrowers, now and then more or fewer; it leaves part of forgetting and spending."""
    constant(levers.month[..., V_EDUCATED], lambda: q31(rng.random()))
    levers.month[rng.randint(2, max(2, len(levers.month) - 1)) :, ..., V_EDUCATED] = q31(rng.random())
    each(levers.month[..., V_TAUGHT], lambda: rng.choice((0, q31(rng.random()))))
    each(levers.month[..., V_EDUCATION_COST], lambda: rng.randint(0, 20 * YUAN))
    for name in (V_EDUCATION_FORGET, V_EDUCATION_SPEND):
        each(levers.month[..., name], lambda: rng.choice((0, ONE, q31(rng.random()))))
    each(levers.month[..., V_EDUCATION_REACH], lambda: q16(rng.choice((1, rng.uniform(1, 2)))))
    each(levers.month[..., V_EDUCATION_PLAN], lambda: rng.choice((NEVER, 1, 2)))


def offers_after_write_off(rng, levers):
    """Write off, work what is written off, and offer settlements in most months."""
    recovery_cost(rng, levers)
    offers(rng, levers)
    quiet = [rng.random() < 0.3 for _ in range(len(levers.month))]
    levers.stage[quiet, ..., S_OFFER_CHANCE] = levers.month[quiet, ..., V_OFFER_BREAKS] = 0


POLICIES = {
    policy.__name__: policy
    for policy in (
        reminders,
        limit_cut,
        freeze,
        close,
        cross,
        write_off,
        sell_open,
        sell_written_off,
        sell_in_bulk,
        underwriting,
        run_off,
        autopay,
        willingness,
        ladder,
        bureau,
        plans,
        pricing,
        limit_review,
        limit_review_at_times,
        regrant,
        regrant_when_forgotten,
        sell_by_size,
        recovery_cost,
        work_open,
        work_open_then_written_off,
        capacity,
        order,
        trials,
        fraud_checks,
        claims,
        claims_for_a_while,
        partner,
        score_power,
        customers,
        customers_who_stay,
        rating,
        effort,
        education,
        patient_trials,
        offers,
        offers_after_write_off,
    )
}


# ---- people --------------------------------------------------------------------------------------
def draw_tape(rng, tables, n):
    """Return a tape of `n` borrowers whose two accounts fit the terms of both segments of `tables`."""
    tape = np.full((n, N_PRODUCT, N_TAPE), ABSENT, np.int32)
    for row in tape:
        for product in (LINE, LOAN):
            if rng.random() < 0.15:
                continue
            account = row[product]
            limit = rng.randint(1_000, 20_000) * YUAN
            balance = round(limit * rng.uniform(-0.05 if product == LINE else 0.05, 1.1))
            account[TAPE_STATUS] = rng.choice((ACTIVE, ACTIVE, ACTIVE, FROZEN, CLOSED, WRITTEN_OFF))
            if account[TAPE_STATUS] in (CLOSED, WRITTEN_OFF):
                limit, balance = 0, abs(balance)
            elif product == LOAN and rng.random() < 0.2:
                balance = 0  # a facility
            account[TAPE_LIMIT], account[TAPE_BALANCE] = limit, balance
            account[TAPE_BUCKET], account[TAPE_STATE] = rng.choice((0, 0, 0, 1, 2, 4)), rng.randint(0, 5)
            if product == LINE and rng.random() < 0.5:
                account[TAPE_FULL_PAYER] = rng.randint(0, 1)
            if rng.random() < 0.3:
                account[TAPE_PERSON] = rng.randint(0, 30)
            if rng.random() < 0.3:
                account[TAPE_ARREARS] = rng.randint(-100, 2 * abs(balance) + 1)
            if product == LOAN and balance > 0:
                account[TAPE_MONTHS_LEFT] = rng.randint(1, 12)
                account[TAPE_INSTALMENT] = -(-balance // int(account[TAPE_MONTHS_LEFT]))
    return tape


def draw_tiles(rng, lanes, sizes, arrivals, months, tape, first, has_loan):
    """Return int64[tile, N_TILE]: `sizes` borrowers in one tile each by segment, then `arrivals` a month.

    `has_loan` says by segment whether somebody drawn may hold a loan.
    """
    tiles, row = [], 0
    for segment in range(N_SEGMENTS):
        for k, size in enumerate(sizes):
            assert size <= lanes
            products = 1 + bool(tape or has_loan[segment])
            tiles.append((segment, 0, first + 512 * k, size, row if tape else -1, products))
            row += size
        for month in range(1, months + 1 if arrivals else 0):
            size = min(lanes, rng.randint(1, 2 * arrivals))
            tiles.append((segment, month, 0, size, -1, 1 + bool(has_loan[segment])))
    return np.array(tiles, np.int64).reshape(-1, N_TILE)


def world(
    seed,
    *,
    model="structural",
    products="both",
    months=14,
    replications=2,
    sizes=(40, 9),
    arrivals=0,
    policies=(),
    tape=False,
    pay_first=None,
    suspend=True,
    hold=False,
    factor=False,
    redraw_people=False,
    late=False,
    lanes=64,
    first=0,
):
    """Return a random SmallWorld.

    model: structural, roll_rates, or mixed (one segment each); products: line, loan or both, or that of each segment.
    sizes: borrowers of the opening book by tile, in both segments, from `first` on in every 512; arrivals: about so
    many a month in each segment. policies: names of POLICIES. pay_first: LINE, LOAN or None (drawn). factor: an economy
    and a roll matrix for each replication (and month). late: there is a late stage. lanes: the largest tile.
    """
    rng = random.Random(seed)
    tables = draw_tables(
        rng,
        model=model,
        products=(products,) * N_SEGMENTS if isinstance(products, str) else products,
        months=months,
        replications=replications,
        pay_first=pay_first,
        suspend=suspend,
        hold=hold,
        factor=factor,
        redraw_people=redraw_people,
    )
    if late:
        add_late_stage(random.Random(f"{seed} late"), tables)
    levers = neutral_levers(months, N_SEGMENTS)
    for name in policies:
        POLICIES[name](rng, levers)
    accounts = draw_tape(rng, tables, N_SEGMENTS * sum(sizes)) if tape else None
    has_loan = tables.segment[:, G_HAS_LOAN] > 0
    tiles = draw_tiles(rng, lanes, sizes, arrivals, months, tape, first, has_loan)
    return SmallWorld(tables, levers, tiles, N_SEGMENTS, months, replications, accounts)


def rich_world(**options):
    """Return a world of one replication where nobody lacks cash, forgets, will not pay, or does so early or in parts.

    Options as of `world`.
    """
    rich = world(5, replications=1, **options)
    tables = rich.tables
    tables.product[..., P_SETTLE_FIRST:] = 0
    tables.segment[:, [G_UNEMPLOYED, G_SHOCK_SIZE]] = 0
    tables.segment[:, G_AUTOPAY] = ONE
    tables.segment[:, G_WILL_NOT_BASE] = -1000 * UNIT
    tables.segment[:, G_LIQUIDITY_CAP] = 20 * UNIT
    tables.economy[..., M_JOB_LOSS] = 0
    tables.quantile[:, Q_LIVING] = 0
    tables.quantile[:, Q_INCOME] = 100_000 * YUAN
    tables.opening[:] = ONE
    return rich

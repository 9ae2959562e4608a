"""What the kernel reads: a scenario lowered to integers, once, on one host."""

from typing import NamedTuple

import numpy as np

NO_RIVAL = np.zeros((0, 0, 0, 0), np.int64)
OWN_ROWS = np.zeros(1, np.int64)


class Tables(NamedTuple):
    """The world of a scenario as integers; index names and units are in `layout`.

    Arrays that the tile gathers from are 32-bit, the others int64. Nothing here depends on a policy. `roll` and
    `economy` belong to a range of replications: their first axis counts from the first of it, or is 1 for all. With the
    levers of a rival, a world of swapped applicants: only those are there whom it declines for a product granted here.
    """

    key: np.ndarray  # uint32[2]: low and high half of the seed
    segment: np.ndarray  # int64[segment, N_SEGMENT]
    product: np.ndarray  # int64[segment, product, N_TERMS]
    terms: np.ndarray  # int64[segment, MAX_TERMS, 3]
    conversion: np.ndarray  # int64[segment, MAX_TERMS, 3]: months, cumulative share and fee of a converted bill
    loan_balance: np.ndarray  # int64[segment, MAX_TERMS, 61]: q31 of amount owed with k instalments left
    quantile: np.ndarray  # uint32[segment, N_QUANTILE, QUANTILES]
    limit: np.ndarray  # int32[segment, product, opening state, QUANTILES]: amount
    utilisation: np.ndarray  # int32[segment, opening state, QUANTILES]: q16 of the line's limit, may be negative
    opening: np.ndarray  # int64[segment, product, MAX_STATES]: q31 cumulative shares of opening states
    opening_cause: np.ndarray  # int64[segment, 5]: q31 cumulative shares of causes in bucket 1 and worse
    normal: np.ndarray  # int32[QUANTILES]: standard normal by quantile, q16
    normal_rank: np.ndarray  # int32[4096]: quantile index of (z + 4) * 512, z standard normal
    quality_score: np.ndarray  # int32[16]: standard normal of the quality class, q16
    linked_word: np.ndarray  # int64[link]: words of people that go with quality (TRAIT_WORDS)
    linked_rank: (
        np.ndarray
    )  # int32[link, 16 * QUANTILES]: the quantile index that such a word has, by class and its own
    late: np.ndarray  # int64[segment, product, DAYS]: q31 of the amount late, charge for that many days
    in_month: np.ndarray  # int64[segment, 5 causes, (was current, was late), DAYS]: q31 paid by that day
    sigmoid: np.ndarray  # uint32[4098]: q31 of 1 / (1 + exp(-x)), x from -16 to 16 in steps of 1/128
    will_not_bucket: np.ndarray  # int32[segment, BUCKETS] logit
    will_not_cause: np.ndarray  # int32[segment, 5] logit
    will_not_burden: np.ndarray  # int32[segment, 8] logit by debt-to-income class
    will_not_quality: np.ndarray  # int32[segment, 16] logit
    job_loss_quality: np.ndarray  # uint32[segment, 16]: q31 of M_JOB_LOSS
    alert: np.ndarray  # uint32[segment, 32]: q31 of FORGET left, by months since the last forgotten due
    spending: np.ndarray  # int32[segment, QUANTILES]: q16 of the usual spending, by quantile
    uptake: np.ndarray  # int64[segment, N_UPTAKE, CUSTOMERS]: q31 of a change of the limit that spending changes by
    roll_state: np.ndarray  # int64[segment, product, row, N_ROLL]
    roll_next: np.ndarray  # int64[segment, product, row, MAX_STATES]: the row after a move, and STAYS_WORSE
    late_hazard: np.ndarray  # int64[segment, product, LATE_MONTHS]: q31 of the balance that comes in a month, by months
    late_cause: np.ndarray  # int64[segment, N_LATE_CAUSES]: q16 of it by cause
    late_burden: np.ndarray  # int64[segment, 8]: q16 of it by the balance over the income
    roll: np.ndarray  # int64[replication or 1, month or 1, G_ROLL of the segment, product, row, to]: q31 cumulative
    economy: np.ndarray  # int64[replication or 1, month + 1, segment, N_MACRO]
    tie: np.ndarray  # int32[month or 1, N_TIE, BUCKETS], the last one also of the months after it
    redraw_people: int  # 1: other people in each replication; 2: those of the other of its pair, 2k and 2k + 1
    observe_month: int  # month at whose end grades and scores are noted, to compare with defaults of the next 12
    rival_month: np.ndarray = NO_RIVAL  # int64[month + 1, segment, product, N_MONTH_LEVERS], or empty: no rival
    rival_review: np.ndarray = NO_RIVAL  # int64[month + 1, segment, product, SCORE_BANDS], or empty


class Levers(NamedTuple):
    """What the lender does in each month, the only thing policies write, and how customers answer to it.

    Month 0 is unused.
    """

    stage: np.ndarray  # int64[month + 1, segment, product, STAGES, N_STAGE_LEVERS]
    month: np.ndarray  # int64[month + 1, segment, product, N_MONTH_LEVERS]
    review: np.ndarray  # int64[month + 1, segment, product, SCORE_BANDS]: q16 of the limit drawn
    ladder: np.ndarray  # int64[month + 1, segment, product, BUCKETS, N_LEVELS, N_LADDER]
    answer: np.ndarray  # uint32[month + 1, segment, product, N_ANSWER, ANSWERS]: worked out by `lowering.demand`


class Span(NamedTuple):
    """Which replications and months a call of the kernel goes through."""

    replication_from: int
    replication_to: int  # one after the last
    month_from: int
    month_to: int  # the last
    further: np.ndarray = OWN_ROWS  # int64[replication or 1]: by how many rows further than the month its levers stand


class Sums(NamedTuple):
    """What the kernel adds to: int64 only, so any order of adding gives the same bytes."""

    flows: np.ndarray  # int64[replication, half, month + 1, segment, product, N_FLOWS]
    rolls: np.ndarray  # int64[SUMS_PER_BATCH, month + 1, segment, product, N_FROM, N_TO, 2]
    vintages: np.ndarray  # int64[SUMS_PER_BATCH, entry month + 1, month + 1, segment, product, N_VINTAGE]
    ratings: np.ndarray  # int64[SUMS_PER_BATCH, segment, product, N_RATING, RATING_CLASSES, 2]

"""What the functions of a month are given: named tuples. They cost no time in a month, but double that of compiling.

All integers are int64, so that no function is compiled for two types. Indices of the arrays are in `model.layout`.
"""

from typing import NamedTuple

import numpy as np

from simulator.jit.functions import njit


class Cohort(NamedTuple):
    """Who enters together: borrowers one after the other, by their address or their rows of the tape."""

    segment: int
    entry: int  # month in which they arrive, 0 for the opening book
    first: int  # index of the first
    replication: int  # 1 + the replication whose own borrowers they are, 0 if all have the same
    tape_row: int  # of the first, -1 where they are drawn
    levers_row: int  # of the levers by which applicants are reviewed


class Place(NamedTuple):
    """Which month of whom: the address of random words, and the month's places in the sums."""

    segment: int
    entry: int  # month in which the borrowers of the tile arrive, 0 for the opening book
    month: int
    replication: int
    row: int  # of the roll matrix that lines come from: ARRIVED in the month of entry, else 0 for their own bucket
    since_observed: int  # months since grades and scores were noted
    products: int  # 1 where nobody in the tile may hold a loan, else 2


class SegmentTables(NamedTuple):
    """The tables of one segment, and those that all segments share: `Tables` without the axis of the segment."""

    scalars: np.ndarray  # int64[N_SEGMENT]
    terms: np.ndarray  # int64[product, N_TERMS]
    late: np.ndarray  # int64[product, DAYS]
    loan_terms: np.ndarray  # int64[MAX_TERMS, 3]
    conversion: np.ndarray  # int64[MAX_TERMS, 3]
    quantile: np.ndarray  # uint32[N_QUANTILE, QUANTILES]
    in_month: np.ndarray  # int64[5 causes, (was current, was late), DAYS]
    will_not_bucket: np.ndarray  # int32[BUCKETS]
    will_not_cause: np.ndarray  # int32[5]
    will_not_burden: np.ndarray  # int32[8]
    will_not_quality: np.ndarray  # int32[16]
    job_loss_quality: np.ndarray  # uint32[16]
    alert: np.ndarray  # uint32[32]
    spending: np.ndarray  # int32[QUANTILES]
    uptake: np.ndarray  # int64[N_UPTAKE, CUSTOMERS]
    roll_state: np.ndarray  # int64[product, row, N_ROLL]
    roll_next: np.ndarray  # int64[product, row, MAX_STATES]: the row after a move, and STAYS_WORSE
    late_hazard: np.ndarray  # int64[product, LATE_MONTHS]
    late_cause: np.ndarray  # int64[N_LATE_CAUSES]
    late_burden: np.ndarray  # int64[8]
    sigmoid: np.ndarray  # uint32[4098], of all segments
    key: np.ndarray  # uint32[2], of all segments


class Month(NamedTuple):
    """What a month is to a segment, and what that asks for: economy, tie, roll rates, interest rates, random words."""

    economy: np.ndarray  # int64[N_MACRO]
    tie: np.ndarray  # int32[N_TIE, BUCKETS]
    thresholds: np.ndarray  # int64[product, row, to]: q31 cumulative roll rates
    rates: np.ndarray  # uint32[product, GRADES]: q31 a month
    slots: int  # those of the random words that somebody may need, as bits


class MonthLevers(NamedTuple):
    """What the lender does in a month to a segment: `Levers` without the axes of the month and the segment."""

    month: np.ndarray  # int64[product, N_MONTH_LEVERS]
    stage: np.ndarray  # int64[product, STAGES, N_STAGE_LEVERS]
    ladder: np.ndarray  # int64[product, BUCKETS, N_LEVELS, N_LADDER]
    answer: np.ndarray  # uint32[product, N_ANSWER, ANSWERS]
    bits: np.ndarray  # int64[product]: which of them ask for anything (`driver.note_levers`)
    most: np.ndarray  # int64[N_MOST]: the largest answers of the month, or bounds on them


class MonthSums(NamedTuple):
    """What a month of a segment adds to: `Sums` without the axes of the replication, the half, months and segment."""

    flows: np.ndarray  # int64[product, N_FLOWS]
    rolls: np.ndarray  # int64[product, N_FROM, N_TO, 2]
    vintage: np.ndarray  # int64[product, N_VINTAGE]
    ratings: np.ndarray  # int64[product, N_RATING, RATING_CLASSES, 2]


class Lanes(NamedTuple):
    """Borrowers side by side, one to a lane of every array: a tile, or some of a tile gathered."""

    state: np.ndarray  # int32[N_STATE, lane]
    derived: np.ndarray  # int32[N_DERIVED, lane]: what months need of who the borrower is (`on_time`)
    words: np.ndarray  # uint32[4 * slots, lane]: random words of the month
    record: np.ndarray  # int32[name, lane]: what one step tells the next


@njit(forceinline=True)
def segment_of(tables, segment):
    """Return the SegmentTables of a segment of `Tables`."""
    return SegmentTables(
        tables.segment[segment], tables.product[segment], tables.late[segment], tables.terms[segment],
        tables.conversion[segment], tables.quantile[segment], tables.in_month[segment], tables.will_not_bucket[segment],
        tables.will_not_cause[segment], tables.will_not_burden[segment], tables.will_not_quality[segment],
        tables.job_loss_quality[segment], tables.alert[segment], tables.spending[segment], tables.uptake[segment],
        tables.roll_state[segment], tables.roll_next[segment], tables.late_hazard[segment],
        tables.late_cause[segment], tables.late_burden[segment], tables.sigmoid, tables.key,
    )  # fmt: skip

"""Settings become the integers they should: exact at 0 and 1, thresholds end in ONE, means kept, words by address."""

import numpy as np
import pytest
from scipy.special import ndtri

from conftest import ROOT
from simulator.finance import annuity
from simulator.lowering import borrowers, products, roll_rates, structural
from simulator.lowering.economy import economy_table
from simulator.lowering.factor import factor, standard_normal, with_tails
from simulator.lowering.lower import Tape, lower, split, tables_digest, tables_for
from simulator.lowering.quantiles import quantiles
from simulator.model import layout
from simulator.model.errors import UserError
from simulator.model.fixed_point import SURE, base_logit, cumulative, half_up, q16, q31
from simulator.model.layout import LINE, LOAN, MAX_STATES, ONE, QUANTILES, UNIT
from simulator.policy.registry import kinds
from simulator.scenario.contradictions import _economy
from simulator.scenario.distributions import Beta, Constant, Lognormal, Quantiles, Uniform
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import Economy, Loan, Products, RollMatrix, Settings, Tie

INCOME = {"distribution": "lognormal", "mean": 6000.0, "sigma": 0.5, "max": 100_000.0}
LIMIT = {"distribution": "lognormal", "mean": 8000.0, "sigma": 0.6, "min": 500.0, "max": 50_000.0}


def scenario(**changes):
    """Return settings of two segments, with `changes` to their top-level keys."""
    holders = {"line_holders": 1.0, "income": INCOME, "line_limit": LIMIT}
    settings = {
        "title": "test",
        "months": 12,
        "run_off_months": 6,
        "replications": 4,
        "seed": (7 << 32) + 5,
        "portfolio": {"borrowers": 2000, "applicants_per_month": 5},
        "segment": {"young": {"share": 0.3, **holders}, "old": {"share": 0.7, **holders}},
        "behaviour": {"model": "structural"},
    }
    return Settings.model_validate(settings | changes)


def matrix(rows, buckets=None, **more):
    """Return a roll matrix over states named by their numbers."""
    buckets = list(range(len(rows[0]))) if buckets is None else buckets
    states = [{"name": str(s), "bucket": bucket} for s, bucket in enumerate(buckets)]
    return RollMatrix.model_validate({"states": states, "matrix": rows, **more})


# ---- numbers --------------------------------------------------------------------------------------


def test_no_probability_is_lost_at_the_ends():
    """Probabilities 0 and 1 are exactly 0 and ONE, and halves round up, also below zero."""
    assert q31([0.0, 1.0]).tolist() == [0, ONE]
    assert half_up([-2.5, -0.5, 0.5, 1.5]).tolist() == [-2, 0, 1, 2]
    assert q16(-1.5) == -3 * UNIT // 2


def test_nobody_and_everybody_are_exact():
    """A chance of 0 or 1 to be unwilling stays so whatever log-odds are added; a chance between is its log-odds."""
    most = 8 * int(q16(256))

    assert base_logit(0.0) + most < -16 * UNIT
    assert base_logit(1.0) - most > 16 * UNIT
    assert (base_logit(0.5), base_logit(1.0)) == (0, SURE)


def test_cumulative_shares_end_in_one_and_skip_what_cannot_be():
    """The last possible share ends in ONE exactly, and an impossible one has no width."""
    thresholds = cumulative([[0.0] + [0.1] * 10 + [0.0]])[0]

    assert thresholds[0] == 0
    assert thresholds[-2:].tolist() == [ONE, ONE]
    assert thresholds[9] < ONE


@pytest.mark.parametrize(
    ("distribution", "mean"),
    [
        (Lognormal(distribution="lognormal", mean=6000.0, sigma=0.8), 6000.0),
        (Lognormal(distribution="lognormal", median=2000.0, sigma=0.5), 2000.0 * np.exp(0.125)),
        (Uniform(distribution="uniform", low=-0.5, high=1.0), 0.25),
        (Constant(distribution="constant", value=0.3), 0.3),
        (Beta(distribution="beta", mean=0.2, sd=0.15), 0.2),
        (Beta(distribution="beta", mean=1.0, sd=0.4, min=-1.0, max=2.0), 1.0),
        (Quantiles(distribution="quantiles", at=[0, 0.3, 1], value=[0, 1, 11]), 0.15 + 0.7 * 6),
    ],
    ids=lambda value: getattr(value, "distribution", ""),
)
def test_tables_keep_the_mean(distribution, mean):
    """The mean of a table of quantiles is the distribution's, and the table rises within its bounds."""
    table = quantiles(distribution)
    low, high = distribution.bounds()

    assert table.mean() == pytest.approx(mean, rel=1e-12)
    assert np.all(np.diff(table) >= 0)
    assert low <= table[0] and table[-1] <= high


def test_bounds_of_a_lognormal_hold_and_keep_the_mean():
    """A lognormal with bounds gathers what lies beyond them; its table has the mean of exactly that."""
    bounded = Lognormal(distribution="lognormal", mean=100.0, sigma=1.0, min=40.0, max=300.0)
    fine = np.clip(np.exp(np.log(100) - 0.5 + ndtri((np.arange(10**6) + 0.5) / 10**6)), 40, 300)
    table = quantiles(bounded)

    assert (table.min(), table.max()) == (40, 300)
    assert table.mean() == pytest.approx(fine.mean(), rel=1e-6)


def test_normal_tables_have_variance_one_and_undo_each_other():
    """The normal tables have mean 0 and variance 1, and the quantile of a normal number is the one it came from."""
    z = borrowers.normal_table()
    rank = borrowers.normal_ranks()[np.clip((z + 4 * UNIT) >> 7, 0, 4095)]

    assert abs(z.mean()) < 1 and z.var() / UNIT**2 == pytest.approx(1, abs=1e-5)
    assert borrowers.quality_scores().var() / UNIT**2 == pytest.approx(1, abs=1e-5)
    assert np.abs(rank - np.arange(QUANTILES)).max() <= 1


# ---- behaviour ------------------------------------------------------------------------------------


def test_sigmoid_table_ends_exactly_and_is_odd():
    """The sigmoid is 0 and ONE at its ends, a half in the middle, and T[-x] = ONE - T[x]."""
    table = structural.sigmoid_table().astype(np.int64)

    assert (table.size, table[0], table[2048], table[4096], table[4097]) == (4098, 0, ONE // 2, ONE, ONE)
    assert np.abs(table[:4097] + table[4096::-1] - ONE).max() <= 1
    assert np.all(np.diff(table) >= 0)


def test_alert_fades_and_is_forgotten():
    """After a forgotten due the chance to forget falls to the given share, closes its gap, and is whole at 31."""
    table = structural.alert_table(0.6, 0.1)

    assert table[0] == q31(0.6)
    assert table[1] == q31(1 - 0.4 * 0.9)
    assert table[31] == ONE
    assert structural.alert_table(1.0, 0.0).tolist() == [ONE] * 32


@pytest.mark.parametrize(
    ("by_7", "by_30"),
    [(0.8, 0.97), (0.1, 0.9), (0.21, 0.9), (0.9, 0.9), (0.0, 0.5), (0.0, 0.0), (0.5, 1.0), (1.0, 1.0)],
)
def test_payment_within_the_month_meets_both_days(by_7, by_30):
    """The share paid by day rises from 0 and is what was given on days 7 and 30."""
    paid = structural.paid_by_day(by_7, by_30)

    assert paid[0] == 0
    assert paid[7] == pytest.approx(by_7, abs=1e-10)
    assert paid[30] == by_30
    assert np.all(np.diff(paid) >= 0)


def test_a_straight_line_of_payments_is_straight():
    """7/30 of the payments by day 7 is the straight line."""
    assert structural.paid_by_day(0.21, 0.9) == pytest.approx(np.arange(31) * 0.03, abs=1e-9)


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.7])
def test_job_loss_keeps_its_mean_over_quality(slope):
    """Whatever the slope, the mean hazard over quality classes is the economy's; classes differ as stated."""
    quality = structural.job_loss_quality(slope)
    table = economy_table(Economy(job_loss=0.01), 0.0, quality.mean() / ONE, 3)
    hazard = table[0, 1, layout.M_JOB_LOSS] * (quality / ONE) / ONE

    assert quality.max() == ONE
    assert hazard.mean() == pytest.approx(0.01, rel=1e-7)
    assert np.all(np.diff(hazard) * slope <= 0)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.0])
def test_spending_varies_around_its_mean(sigma):
    """The table of spending multipliers has mean 1 exactly, so variation adds no spending."""
    table = structural.spending_table(sigma)

    assert table.sum() == QUANTILES * UNIT
    assert np.all(np.diff(table) >= 0)


# ---- products -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.0125, 0.03])
def test_a_level_loan_ends_at_nothing(rate):
    """What is owed before each instalment, less it, with a month's interest, is what is owed before the next."""
    loan = Loan.model_validate(
        {"interest_rate": rate, "terms": [{"months": 1, "share": 0.4}, {"months": 12, "share": 0.6}]}
    )
    terms, owed = products.loan_terms(loan, rate)
    instalment = terms[1, layout.TERM_INSTALMENT]
    left = (owed[1, 1:13] - instalment) * (1 + rate)

    assert instalment == q31(annuity(1.0, rate, 12))
    assert owed[1, 12] == q31(1 + rate)
    assert np.abs(left - owed[1, :12]).max() < 3
    assert owed[0, 1] == terms[0, layout.TERM_INSTALMENT] == q31(1 + rate)
    assert terms[:, layout.TERM_CUMULATIVE].tolist() == [q31(0.4), ONE, ONE, ONE]


def test_a_late_charge_grows_by_the_day():
    """The late charge is the daily rate times the days late, up to day 30."""
    given = Products.model_validate({"line": {"late_rate": 0.0005}})
    table = products.late_table(given)

    assert table[LINE, [0, 1, 30]].tolist() == [0, q31(0.0005), q31(0.015)]
    assert not table[LOAN].any()


# ---- roll rates -----------------------------------------------------------------------------------

FLOWS = [
    [900, 100, 0, 0, 0, 0],
    [400, 200, 400, 0, 0, 0],
    [100, 100, 100, 700, 0, 0],
    [50, 0, 50, 100, 800, 0],
    [0, 0, 0, 0, 200, 800],
]


def test_published_roll_rates_are_expressible():
    """Powers of the lowered thresholds reproduce the roll-rate projection of creditriskengine to what 31 bits allow."""
    rates = matrix(FLOWS, [0, 1, 2, 3, 4, "written_off"], matrix=None, counts=FLOWS)
    lowered = roll_rates.thresholds(rates)
    step = np.diff(lowered, axis=1, prepend=0)[:6, :6] / ONE
    start = np.array([10_000, 0, 0, 0, 0, 0])

    assert start @ np.linalg.matrix_power(step, 12) == pytest.approx(
        [5886.990834, 821.273641, 398.258690, 322.167426, 336.714508, 2234.594900], abs=1e-4
    )
    assert np.all(lowered[:5, 5:] == ONE)
    assert roll_rates.state_table(rates)[5, layout.ROLL_BUCKET] == layout.EXIT_WRITTEN_OFF


def test_states_without_a_row_stay():
    """Exits and unused states stay where they are, and so does every state where there is no matrix."""
    stay = np.where(np.arange(MAX_STATES) >= np.arange(MAX_STATES)[:, None], ONE, 0)
    rates = matrix([[0.9, 0.1, 0.0], [0.3, 0.5, 0.2]], [0, 1, "written_off"])

    assert np.array_equal(roll_rates.thresholds(None), stay)
    assert np.array_equal(roll_rates.thresholds(rates)[2:], stay[2:])


def test_factor_keeps_the_mean_matrix():
    """Over a standard normal factor the mean of the conditional matrices is the matrix; a good month is better."""
    rates = matrix([[0.9, 0.08, 0.02], [0.3, 0.5, 0.2], [0.0, 0.25, 0.75]])
    z = ndtri((np.arange(20_000) + 0.5) / 20_000)
    moved = roll_rates.thresholds(rates, 0.15, z)
    mean = np.diff(moved[:, :3, :3], axis=2, prepend=0).mean(axis=0) / ONE

    assert mean == pytest.approx(np.array([[0.9, 0.08, 0.02], [0.3, 0.5, 0.2], [0.0, 0.25, 0.75]]), abs=1e-5)
    assert np.all(np.diff(moved, axis=0) >= 0)
    assert not moved[:, 2, 0].any() and np.all(moved[:, :3, 2:] == ONE)


@pytest.mark.parametrize("degrees", [3.0, 8.0])
def test_a_factor_with_tails_keeps_the_mean_matrix_too(degrees):
    """Over z with Student's tails the mean is the matrix; with the thresholds of a normal z it would not be."""
    rows = np.array([[0.9, 0.08, 0.02], [0.3, 0.5, 0.2], [0.0, 0.25, 0.75]])
    z = with_tails(ndtri((np.arange(20_000) + 0.5) / 20_000), degrees)
    moved = roll_rates.thresholds(matrix(rows.tolist()), 0.15, z, degrees=degrees)
    normal = roll_rates.thresholds(matrix(rows.tolist()), 0.15, z)
    mean, wrong = (np.diff(of[:, :3, :3], axis=2, prepend=0).mean(axis=0) / ONE for of in (moved, normal))

    assert mean == pytest.approx(rows, abs=3e-5)
    assert abs(wrong - rows).max() > 1e-3


def test_tails_are_heavy_and_the_rest_stays():
    """Variance 1, rising, odd, nearly normal at many degrees; the worst month of a thousand is beyond -5 with 4."""
    z = ndtri((np.arange(20_000) + 0.5) / 20_000)
    heavy = with_tails(z, 6.0)

    assert heavy.var() == pytest.approx(1, abs=0.02)
    assert (np.diff(heavy) > 0).all()
    assert heavy == pytest.approx(-heavy[::-1])
    assert with_tails(np.array([-3.0902, 0.0]), 4.0) == pytest.approx([-5.072, 0.0], abs=1e-3)
    assert with_tails(z, 1000.0) == pytest.approx(z, abs=0.03)
    assert with_tails(z, None) is z


@pytest.mark.parametrize("model", ["structural", "roll_rates"])
def test_a_loading_moves_its_segment_alone(model):
    """Of a segment loaded with 2 the tables are those of a factor twice as strong; of the other as they were."""
    rates = {"states": [{"name": "0", "bucket": 0}, {"name": "1", "bucket": 1}], "matrix": [[0.9, 0.1], [0.4, 0.6]]}
    behaviour = {"model": model, "roll_rates": {"line": rates}}
    shared = {"enabled": True, "correlation": 0.1, "will_not_loading": 0.3, "job_loss_loading": 0.1}
    twice = shared | {"correlation": 0.4, "will_not_loading": 0.6, "job_loss_loading": 0.2}
    name, one = ("roll" if model == "roll_rates" else "economy"), scenario().segment["old"]

    def tables(loading, given):
        segments = {"young": one.model_copy(update={"factor_loading": loading}), "old": one}
        settings = scenario(behaviour=behaviour, economy={"job_loss": 0.01, "factor": given})
        return getattr(tables_for(lower(settings.model_copy(update={"segment": segments})), 0, 2), name)

    loaded, plain, strong = tables(2.0, shared), tables(1.0, shared), tables(1.0, twice)
    assert np.array_equal(loaded[:, :, 0], strong[:, :, 0])
    assert np.array_equal(loaded[:, :, -1], plain[:, :, -1])
    assert not np.array_equal(plain[:, :, 0], strong[:, :, 0])


def test_a_loading_that_makes_a_correlation_of_1_is_refused():
    """0.3 times the square of 2 is more than any correlation: the segment is named."""
    given = {"enabled": True, "correlation": 0.3}
    segments = {"all": scenario().segment["old"].model_copy(update={"share": 1.0, "factor_loading": 2.0})}
    asked = scenario(economy={"factor": given}).model_copy(update={"segment": segments})

    assert ("segment.all.factor_loading", "2 makes a correlation of 1.2") in [found[:2] for found in _economy(asked)]


def test_paid_off_is_the_best_state_wherever_it_stands():
    """A good month pays more accounts off, although the exit is given last."""
    rates = matrix([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1]], [0, 1, "paid_off"])
    bad, good = ONE - roll_rates.thresholds(rates, 0.2, np.array([-2.0, 2.0]))[:, 0, 1]

    assert bad < q31(0.1) < good


def test_no_correlation_is_the_matrix_itself():
    """A factor that is uncorrelated with anything moves nothing."""
    rates = matrix([[0.9, 0.1], [0.5, 0.5]])
    moved = roll_rates.thresholds(rates, 0.0, np.array([[-3.0, 3.0]]))

    assert np.array_equal(moved, np.broadcast_to(roll_rates.thresholds(rates), moved.shape))


# ---- economy --------------------------------------------------------------------------------------


def test_economy_follows_its_path():
    """Unemployment is linear between given months; its level moves job loss, its yearly change willingness."""
    economy = Economy.model_validate(
        {
            "unemployment": 0.05,
            "job_loss": 0.01,
            "job_loss_per_point": 0.2,
            "will_not_per_point": 0.5,
            "income_growth": 0.1,
            "price_factor": 1.0,
            "path": [
                {"month": 1, "unemployment": 0.05},
                {"month": 3, "unemployment": 0.07, "price_factor": 0.8},
            ],
        }
    )
    table = economy_table(economy, 0.0, 1.0, 15)[0]

    assert table[:4, layout.M_JOB_LOSS].tolist() == q31([0.01, 0.01, 0.012, 0.014]).tolist()
    assert table[[3, 12, 13, 14, 15], layout.M_WILL_NOT] == pytest.approx(q16([1.0, 1.0, 1.0, 0.5, 0.0]), abs=1)
    assert table[12, layout.M_INCOME_INDEX] == q16(1.1)
    assert table[:5, layout.M_PRICE_FACTOR].tolist() == q16([1, 1, 0.9, 0.8, 0.8]).tolist()


def test_factor_is_an_address():
    """The factor of a replication and month is the same whatever else is asked for."""
    all_of_it = factor(11, 0.8, range(6), 20)

    assert np.array_equal(factor(11, 0.8, range(2, 5), 20), all_of_it[2:5])
    assert np.array_equal(factor(11, 0.8, range(6), 9), all_of_it[:, :10])
    assert not np.array_equal(factor(12, 0.8, range(6), 20), all_of_it)


def test_factor_is_stationary():
    """Over 4,000 replications every month has mean 0, variance 1 and the persistence of the AR(1), |z| < 4."""
    n = 4000
    z = factor(3, 0.7, range(n), 24)[:, 1:]

    assert np.abs(z.mean(axis=0)).max() < 4 / np.sqrt(n)
    assert np.abs(z.var(axis=0) - 1).max() < 4 * np.sqrt(2 / n)
    assert np.abs((z[:, 1:] * z[:, :-1]).mean(axis=0) - 0.7).max() < 4 * np.sqrt(1.49 / n)


def test_normals_are_finite_and_mirrored():
    """The smallest and the largest word give the same distance from 0, about 9, and the middle is 0."""
    low, high = standard_normal([0, 0xFFFFFFFF], [0, 0xFFFFFFFF])

    assert low == -high
    assert -9.3 < low < -9.0
    assert abs(standard_normal(1 << 31, 0)) < 1e-15


# ---- the whole ------------------------------------------------------------------------------------


def test_borrowers_fill_tiles_by_segment():
    """The book is split by share, in tiles by index; applicants come every month but not in the run-off."""
    tiles = lower(scenario(), run_off=True).tiles
    book, arrivals = tiles[tiles[:, layout.K_ENTRY] == 0], tiles[tiles[:, layout.K_ENTRY] > 0]

    assert book[:, layout.K_COUNT].tolist() == [600, 1400]
    assert book[:, layout.K_FIRST].tolist() == [0, 0]
    assert book[:, layout.K_SEGMENT].tolist() == [0, 1]
    assert sorted(arrivals[:, layout.K_ENTRY].tolist()) == sorted([*range(1, 13)] * 2)
    assert arrivals[:, layout.K_COUNT].sum() == 5 * 12
    assert np.all(tiles[:, layout.K_TAPE_ROW] == -1)


def test_a_tape_gives_the_book():
    """With a tape its borrowers are the book, and each tile knows its first row."""
    values = np.full((700, 2, layout.N_TAPE), layout.ABSENT, dtype=np.int32)
    values[:, LOAN, layout.TAPE_STATUS] = layout.ACTIVE
    lowered = lower(scenario(portfolio={"borrowers": 0}), Tape(values, (100, 600)))
    tiles = lowered.tiles

    assert tiles[:, layout.K_COUNT].tolist() == [100, 600]
    assert tiles[:, layout.K_TAPE_ROW].tolist() == [0, 100]
    assert lowered.products == ("loan",)
    assert lowered.tape is values
    assert tiles[:, layout.K_PRODUCTS].tolist() == [2, 2]
    values[:, LOAN, layout.TAPE_STATUS], values[:, LINE, layout.TAPE_STATUS] = layout.ABSENT, layout.ACTIVE
    assert lower(lowered.settings, Tape(values, (100, 600))).tiles[:, layout.K_PRODUCTS].tolist() == [1, 1]


SHARES = ([1.0], [0.25, 0.25, 0.5], [0.5, 0.49, 0.01], [0.6, 0.3, 0.06, 0.04], [1 / 3] * 3)


@pytest.mark.parametrize("shares", SHARES)
def test_one_more_borrower_joins_one_segment_and_nobody_moves(shares):
    """Parts sum to the total, stay within one or two of their share, and never fall when one more is asked for."""
    parts = [split(total, shares) for total in range(2_000)]

    assert [sum(p) for p in parts] == list(range(2_000))
    assert (np.diff(parts, axis=0) >= 0).all()
    assert np.abs(np.array(parts) - np.outer(range(2_000), shares)).max() < 2
    assert split(500_000_001, shares)[0] >= split(500_000_000, shares)[0]


def test_run_off_only_adds_months():
    """Run-off adds months without new credit and changes nothing before them."""
    short, long = lower(scenario()), lower(scenario(), run_off=True)

    assert (short.months_total, long.months_total) == (12, 18)
    assert np.array_equal(short.tables.economy, long.tables.economy[:, :13])
    assert np.array_equal(short.levers.month, long.levers.month[:13])
    assert long.levers.month[:, 0, 0, layout.V_NEW_CREDIT].tolist() == [1] * 13 + [0] * 6


def test_every_table_has_its_documented_type_and_shape():
    """Shapes agree over segments, states and quantiles; what the tile gathers from is 32 bits."""
    tables = lower(scenario()).tables
    narrow = {"will_not_bucket", "will_not_cause", "will_not_burden", "will_not_quality", "spending"}
    narrow |= {"tie", "limit", "utilisation", "normal", "normal_rank", "quality_score", "linked_rank"}
    unsigned = {"key", "sigmoid", "alert", "job_loss_quality", "quantile"}
    for name, array in tables._asdict().items():
        if name not in ("redraw_people", "observe_month"):
            assert array.dtype == (np.int32 if name in narrow else np.uint32 if name in unsigned else np.int64), name

    assert tables.key.tolist() == [5, 7]
    assert tables.limit.shape == (2, 2, MAX_STATES, QUANTILES)
    assert tables.limit[1, LINE, 15].tolist() == half_up(100 * quantiles(scenario().segment["old"].line_limit)).tolist()
    assert tables.opening.tolist() == [[[ONE] * MAX_STATES] * 2] * 2
    assert tables.roll.shape == (1, 1, 1, 2, MAX_STATES, MAX_STATES)  # of the two segments alike
    assert tables.economy.shape == (1, 13, 2, layout.N_MACRO)


def test_the_tie_of_bucket_0_is_in_the_economy_and_that_of_late_buckets_beside_it():
    """The last month and the last bucket hold for what is beyond; without a tie all of it is neutral."""
    of = scenario()
    shift, part = [[0.5, 1.0], [-0.5, 0.25, 2.0]], [[0.25]]
    tie = Tie(shift=shift, part=part)
    tied = of.model_copy(
        update={
            "behaviour": of.behaviour.model_copy(
                update={"structural": of.behaviour.structural.model_copy(update={"tie": tie})}
            )
        }
    )
    plain, tables = lower(of).tables, lower(tied).tables

    assert plain.tie.tolist() == [[[0] * 16, [UNIT] * 16, [0] * 16]]
    assert tables.tie.shape == (3, 3, 16) and tables.tie[0].tolist() == plain.tie[0].tolist()
    assert tables.tie[1:, 0].tolist() == [[0] + [UNIT // 2] * 15, [0, 3 * UNIT // 4] + [5 * UNIT // 2] * 14]
    assert tables.tie[1, 1].tolist() == [UNIT] + [q16(np.exp(0.5))] * 15
    assert tables.tie[1:, 2].tolist() == [[0] + [q31(0.25)] * 15] * 2
    moved = tables.economy[0, :, 0, layout.M_WILL_NOT] - plain.economy[0, :, 0, layout.M_WILL_NOT]
    assert moved[:4].tolist() == [0, UNIT // 2, -UNIT // 2, -UNIT // 2] and set(moved[4:].tolist()) == {-UNIT // 2}
    assert tables.economy[0, 1, 0, layout.M_FORGET] == q16(np.exp(0.5))


def test_named_states_have_their_own_opening():
    """Under roll rates opening shares, limits and utilisation may be given by the name of a state."""
    rates = {
        "states": [{"name": "C", "bucket": 0, "pays": 0.2}, {"name": "L", "bucket": 1, "at_least": True}],
        "matrix": [[0.9, 0.1], [0.4, 0.6]],
    }
    segment = {
        "share": 1.0,
        "line_holders": 1.0,
        "line_limit": LIMIT,
        "opening": {"line": {"L": 0.25, "C": 0.75}},
        "state": {"L": {"line_limit": {"distribution": "constant", "value": 12.34}}},
    }
    behaviour = {"model": "roll_rates", "roll_rates": {"line": rates}}
    tables = lower(scenario(segment={"all": segment}, behaviour=behaviour)).tables

    assert tables.opening[0, LINE, :2].tolist() == [q31(0.75), ONE]
    assert set(tables.limit[0, LINE, 1]) == {1234} != set(tables.limit[0, LINE, 0])
    assert tables.roll_state[0, LINE, :2].tolist() == [[0, 0, q31(0.2), UNIT, 0], [1, 1, 0, UNIT, 1]]
    assert (tables.roll_next[0, LINE, :2, :2] % layout.STAYS_WORSE).tolist() == [[0, 1], [0, 1]]
    assert tables.segment[0, layout.G_MODEL] == 1


@pytest.mark.parametrize("model", ["structural", "roll_rates"])
def test_a_chunk_of_replications_has_its_own_factor(model):
    """Tables of a range of replications are those rows of the whole, and without a factor there is one row."""
    rates = {"states": [{"name": "0", "bucket": 0}, {"name": "1", "bucket": 1}], "matrix": [[0.9, 0.1], [0.4, 0.6]]}
    luck = {"enabled": True, "persistence": 0.5, "correlation": 0.2, "will_not_loading": 0.3, "job_loss_loading": 0.1}
    behaviour = {"model": model, "roll_rates": {"line": rates}}
    lowered = lower(scenario(behaviour=behaviour, economy={"job_loss": 0.01, "factor": luck}))
    calm = lower(scenario(behaviour=behaviour, economy={"job_loss": 0.01}))
    name = "roll" if model == "roll_rates" else "economy"
    whole = getattr(tables_for(lowered, 0, 4), name)

    assert np.array_equal(getattr(tables_for(lowered, 1, 3), name), whole[1:3])
    assert whole.shape[:2] == ((4, 12) if model == "roll_rates" else (4, 13))
    assert len(np.unique(whole[:, 1].reshape(4, -1), axis=0)) == 4
    assert tables_for(calm, 1, 3) is calm.tables


def test_digest_sees_every_integer():
    """The digest is the same for the same settings, and another for another seed, policy or factor."""
    cut = kinds()["limit_cut"].Settings(kind="limit_cut", at_dpd=30, keep=0.5)
    digests = {
        tables_digest(lower(settings))
        for settings in (
            scenario(),
            scenario(seed=6),
            scenario(policy={"cut": cut}),
            scenario(economy={"factor": {"enabled": True, "will_not_loading": 0.1}}),
        )
    }

    assert len(digests) == 4
    assert tables_digest(lower(scenario())) == tables_digest(lower(scenario()))


SETTLED = ("credit_insurance", "joint_lending")  # after the month, outside the kernel


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_scenarios_can_be_lowered(path):
    """Every shipped scenario and each of its variants becomes integers; variants differ in them or in risk."""
    scenario = load_scenario(path, [], borrowers=1000, replications=2)
    digests = [
        (tables_digest(lower(settings, run_off=True)), str([p for p in settings.policy.values() if p.kind in SETTLED]))
        for settings in (scenario.baseline, *scenario.variants.values())
    ]

    assert len(set(digests)) == 1 + len(scenario.variants)


# ---- amounts that 32 bits hold -----------------------------------------------------------------------
def test_a_buffer_cap_that_is_never_reached_does_not_wrap():
    """With the cap that is there by itself nobody of a high income is short; below what fits it is as given."""
    base = ROOT / "tests" / "plain_world.toml"
    high = {"segment.salaried.income": 30_000.0, "segment.salaried.buffer_cap": 1000.0}
    caps = [
        lower(load_scenario(base, high | {"segment.salaried.buffer_cap": cap}, borrowers=10).baseline).tables.segment
        for cap in (1000.0, 1.5)
    ]

    assert 0 < caps[0][0, layout.G_LIQUIDITY_CAP] * 3_000_000 >> 16 <= 2**30
    assert caps[1][0, layout.G_LIQUIDITY_CAP] == 1.5 * UNIT


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"segment.salaried.outside_size": 1000.0}, "segment.salaried.outside_size"),
        ({"behaviour.structural.shock_size": 1000.0}, "behaviour.structural.shock_size"),
        ({"segment.salaried.income": 1e7, "segment.salaried.buffer": 2.0}, "segment.salaried.buffer"),
        ({"economy.income_growth": 1.0, "months": 120}, "segment.salaried.income"),
    ],
)
def test_multiples_of_pay_that_do_not_fit_are_refused(change, key):
    """Incomes times what they are multiplied by must fit an amount; which key is wrong is said."""
    settings = load_scenario(ROOT / "tests" / "plain_world.toml", change, borrowers=10).baseline
    with pytest.raises(UserError) as error:
        lower(settings)

    assert key in [problem.key for problem in error.value.problems]
    assert all("minor units" in str(problem) for problem in error.value.problems)

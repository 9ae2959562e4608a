"""The late stage: its curve, and that neither the write-off date nor a plan changes what somebody 90 days late pays."""

from itertools import pairwise

import numpy as np
import pytest

import worlds
from simulator.lowering import late
from simulator.model.fixed_point import q31
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.scenario.schema import Late
from test_twin import kernel

PLATFORM = Late(month_share=0.0296, slowing_months=6.3, decay=1.18)
MONEY = [F_PAID, F_RECOVERED], [F_COMMISSION, F_RECOVERY_COST, F_CONTACT_COST]  # in, and out
LATE = slice(DEFAULT_BUCKET, STAGES)


def one_product(product, **options):
    """Return a world with a late stage that closes at 90 days and then charges nothing, worked alike at any age."""
    world = worlds.world(f"late {product}", products=PRODUCTS[product], late=True, lanes=64, **options)
    world.tables.product[..., P_SUSPEND] = DEFAULT_BUCKET
    world.levers.month[..., V_FREEZE_DAYS], world.levers.month[..., V_CLOSE_DAYS] = 30, 90
    stage = world.levers.stage[..., LATE, :]
    stage[..., S_EFFORT], stage[..., S_COMMISSION], stage[..., S_RECOVERY_COST] = UNIT * 5 // 4, ONE // 3, 120
    return world


def with_levers(world, **months):
    """Return the world with other levers of the month, by name."""
    month = world.levers.month.copy()
    for name, value in months.items():
        month[..., globals()[name]] = value
    return world._replace(levers=world.levers._replace(month=month))


def cash(sums):
    """Return what customers pay less what collecting costs, [replication, half, month, segment, product]."""
    came, went = MONEY
    return sums.flows[..., came].sum(-1) - sums.flows[..., went].sum(-1)


def owed(sums):
    """Return what is owed at the end of each month, open or written off."""
    return sums.flows[..., F_BALANCE] + sums.flows[..., F_BALANCE_WRITTEN_OFF_BOOK]


# ---- the curve -----------------------------------------------------------------------------------
def test_the_curve_is_what_was_published():
    """The platform's curve brings 18, 25, 30, 36 and 39 % of a debt in 12, 24, 36, 60 and 84 months."""
    came = np.cumsum(late.shares_by_month(PLATFORM))

    assert np.allclose([came[k - 1] for k in (12, 24, 36, 60, 84)], [0.18, 0.25, 0.30, 0.36, 0.39], atol=0.006)
    assert (np.diff(late.shares_by_month(PLATFORM)) < 0).all()


@pytest.mark.parametrize("share", [0.0, 0.0296, 0.2, 1.0])
def test_hazards_bring_the_curve_until_all_has_come(share):
    """Who pays by the hazards of what is left has paid the shares of what there was, at most all of it."""
    curve = PLATFORM.model_copy(update={"month_share": share})
    hazards = late.hazards(late.shares_by_month(curve))
    paid = 1 - np.cumprod(1 - hazards)

    assert ((hazards >= 0) & (hazards <= 1)).all()
    assert np.allclose(paid, np.minimum(np.cumsum(late.shares_by_month(curve)), 1), atol=1e-12)
    assert late.hazard_table(curve)[LINE].tolist() == q31(hazards).tolist()


def test_without_a_curve_there_is_no_late_stage():
    """Nothing of it is lowered: no hazard, every multiplier 1, no part, which is how the kernel knows."""
    rows = np.zeros((N_PRODUCT, N_TERMS), np.int64)
    late.add_terms(rows, None)

    assert not rows.any() and not late.hazard_table(None).any()
    assert {*late.cause_table(None).tolist(), *late.burden_table(None, True).tolist()} == {UNIT}


def test_a_loan_and_a_cause_multiply():
    """Loans bring `loan` times as much, each cause its own; under roll_rates nobody's burden is known."""
    given = {"loan": 0.5, "by_cause": {"forgot": 2.0, "unemployed": 0.25}, "by_burden": [2.0] + [1.0] * 7}
    curve = Late.model_validate(PLATFORM.model_dump() | given)
    line, loan = late.hazard_table(curve)

    assert np.abs(2 * loan - line).max() <= 1
    assert late.cause_table(curve).tolist() == [UNIT, 2 * UNIT, UNIT, UNIT, UNIT, UNIT // 4]
    assert late.burden_table(curve, True)[0] == 2 * UNIT and {*late.burden_table(curve, False).tolist()} == {UNIT}


def test_what_comes_decays_as_the_hazards_say():
    """Of many debts, each age pays its hazard of what it owes, within 4 standard errors; a flat hazard would not."""
    world = worlds.world("decay", products="line", late=True, months=20, sizes=(64,) * 8, lanes=64, replications=6)
    tables = world.tables
    tables.late_hazard[:] = q31(0.08 / (1 + np.arange(LATE_MONTHS) / 2))
    tables.late_cause[:] = tables.late_burden[:] = tables.economy[..., M_COLLECTION] = UNIT
    tables.product[..., P_LATE_FULL] = tables.product[..., P_LATE_PART] = ONE // 2
    tables.product[..., P_SUSPEND], world.levers.month[..., V_CLOSE_DAYS] = DEFAULT_BUCKET, 90
    states = []
    kernel(world, True, [(m, m) for m in range(1, world.months + 1)], lambda _, store: states.append(store.copy()))
    paid, balance, variance = (np.zeros(LATE_MONTHS) for _ in range(3))
    for pair in pairwise(states):
        before, after = (state.swapaxes(1, 2).reshape(len(state), N_STATE, -1)[:, LINE_AT:LOAN_AT] for state in pair)
        is_late = (before[:, STATUS] == CLOSED) & (before[:, MONTHS_LATE] > 0)
        was, age = before[:, BALANCE][is_late].astype(float), before[:, MONTHS_LATE][is_late] - 1
        np.add.at(paid, age, was - after[:, BALANCE][is_late])
        np.add.at(balance, age, was)
        np.add.at(variance, age, 0.08 / (1 + age / 2) * was**2)  # at most: of payments in full alone
    ages = np.arange(10)
    hazard, error = 0.08 / (1 + ages / 2), 4 * np.sqrt(variance[ages]) / balance[ages]
    flat = paid[ages].sum() / balance[ages].sum()

    assert (np.abs(paid[ages] / balance[ages] - hazard) < error).all()
    assert (np.abs(paid[ages] / balance[ages] - flat) > error).any()


# ---- nothing jumps -------------------------------------------------------------------------------
@pytest.mark.parametrize("product", [LINE, LOAN])
def test_the_date_of_write_off_moves_no_money(product):
    """Worked alike at any age, debt brings the same in each month whenever it is written off, or never."""
    world = one_product(product, months=24, sizes=(60,))
    never, *dates = (kernel(with_levers(world, V_WRITE_OFF=bucket), True) for bucket in (NEVER, 4, 6, 10))

    for date in dates:
        assert np.array_equal(cash(date), cash(never)) and np.array_equal(owed(date), owed(never))
    recovered = [sums.flows[..., F_RECOVERED].sum() for sums in (never, *dates)]
    assert 0 == recovered[0] < recovered[3] < recovered[2] < recovered[1]
    assert never.flows[..., F_RECOVERED_OPEN].sum() > 0


def test_without_a_late_stage_the_date_moves_money():
    """Negative control: where open accounts have their due dates and written-off ones a chance, it does."""
    world = one_product(LINE, months=24, sizes=(60,))
    world.tables.product[..., P_LATE_PART] = 0
    world.levers.stage[..., BUCKETS:, S_RECOVER_CHANCE] = world.levers.stage[..., BUCKETS:, S_RECOVER_SHARE] = ONE // 9
    early, late_date = (cash(kernel(with_levers(world, V_WRITE_OFF=bucket), True)) for bucket in (4, 10))

    assert not np.array_equal(early, late_date)


@pytest.mark.parametrize("product", [LINE, LOAN])
def test_a_plan_in_the_late_stage_moves_no_money(product):
    """One month to pay all, offered at 90 days: what was called in is asked for again, and the age goes on."""
    world = one_product(product, months=24, sizes=(60,))
    none, offered, early = (
        kernel(with_levers(world, V_PLAN_BUCKET=bucket, V_PLAN_CHANCE=ONE, V_PLAN_MONTHS=1), True)
        for bucket in (NEVER, DEFAULT_BUCKET, 1)
    )

    assert offered.flows[..., F_N_PLANS_BROKEN].sum() > 20
    assert np.array_equal(cash(none), cash(offered)) and np.array_equal(owed(none), owed(offered))
    assert offered.flows[..., F_BALANCE_DPD90].sum() < none.flows[..., F_BALANCE_DPD90].sum()
    assert not np.array_equal(cash(none), cash(early))  # negative control: before 90 days a plan does


def test_effort_and_the_economy_scale_what_comes():
    """With no effort, or an economy in which nobody can collect, nothing comes; with twice the effort more does."""
    world = one_product(LINE, months=24, sizes=(60,))
    world.tables.late_hazard[:], world.tables.product[..., P_LATE_PART] = ONE // 50, ONE // 2
    brought = []
    for effort, economy in ((UNIT, UNIT), (2 * UNIT, UNIT), (0, UNIT), (UNIT, 0)):
        world.tables.economy[..., M_COLLECTION], world.levers.stage[..., S_EFFORT] = economy, effort
        flows = kernel(with_levers(world, V_WRITE_OFF=5), True).flows
        brought.append(flows[..., [F_RECOVERED, F_RECOVERED_OPEN]].sum())

    assert brought[1] > 1.2 * brought[0] > 0 == brought[2] == brought[3]

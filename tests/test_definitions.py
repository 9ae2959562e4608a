"""What counts as default, loss, cost and instalment holds at every setting: the right values, and the bounds."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import worlds
from conftest import ROOT
from simulator import compare, simulate
from simulator.analysis.measures import MEASURES
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array

OPEN = (ACTIVE, FROZEN, CLOSED)
EARLY_LOSSES = f"""
extends = "{ROOT}/scenarios/huabei.toml"
title = "Losses before and at 90 days"
months = 12
run_off_months = 6
run_on_months = 0
replications = 2
portfolio.borrowers = 4000
[variant.sell_at_30]
policy.sell_open = {{ enabled = true, at_dpd = 30, price = 0.12 }}
[variant.sell_at_90]
policy.sell_open = {{ enabled = true, at_dpd = 90, price = 0.12 }}
[variant.write_off_at_60]
policy.write_off = {{ at_dpd = 60, work_from_dpd = "never" }}
policy.close.close_days_late = "never"
"""


IDLE = f"""
extends = "{ROOT}/scenarios/taiwan_cards.toml"
title = "Cards, some of them never used"
months = 12
run_off_months = 3
replications = 2
portfolio.borrowers = 500
costs.operating_cost = 3
costs.idle_cost = 2
"""


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    """Return the ledgers of EARLY_LOSSES by variant."""
    path = tmp_path_factory.mktemp("definitions") / "scenario.toml"
    path.write_text(EARLY_LOSSES)
    return compare(path).comparison.ledgers


@cache
def lived(seed, **options):
    """Return (world, sums, histories) of a random world as the twin lives it."""
    world = worlds.world(seed, **options)
    return world, *naive.simulate(*world)


def accounts(histories, product):
    """Yield (identity, month, the account's columns a month before, its columns) of every account of a product."""
    at = LINE_AT if product == LINE else LOAN_AT
    for history in histories:
        for month in range(1, len(history)):
            for identity, borrower in history[month].items():
                before = history[month - 1].get(identity)
                if before is not None:
                    yield identity, month, before[at : at + N_ACCOUNT], borrower[at : at + N_ACCOUNT]


# ---- default and loss ----------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["sell_at_30", "sell_at_90"])
@pytest.mark.parametrize("measure", ["lgd", "lgd_economic"])
def test_selling_at_once_loses_what_the_price_leaves(ledgers, variant, measure):
    """Sold for 12 % in the month of default, all defaults lose 88 %, to the rounding of their proceeds."""
    ledger = ledgers[variant]
    n, balance = ledger.total("n_default").sum(axis=1), ledger.total("default_balance").sum(axis=1)
    assert (n > 20).all()
    assert (np.abs(MEASURES[measure](ledger) - 0.88) <= 0.5 * n / balance + 1e-9).all()


def test_a_loss_before_90_days_is_a_default(ledgers):
    """Written off at 60 days, as many default as are written off, and no LGD is above 1."""
    ledger = ledgers["write_off_at_60"]
    in_default_before = ledger.total("n_written_off") - ledger.total("n_default")
    assert ledger.total("balance_dpd90")[:, 1:].sum() == 0
    assert (in_default_before >= 0).all() and in_default_before[:, 2:].sum() == 0
    assert (MEASURES["lgd"](ledger) <= 1).all() and (MEASURES["lgd"](ledger) > 0.5).all()


@pytest.mark.parametrize("product", [LINE, LOAN])
def test_the_date_of_write_off_moves_the_date_of_default_not_the_balance(product):
    """Where nobody 60 days late pays any more, the same accounts default at 60 and at 180, within 10 % of balance."""
    world = worlds.world("early", products=PRODUCTS[product], months=16, arrivals=1, sizes=(50,), replications=1)
    world.tables.will_not_bucket[:, 2:] = 40 * UNIT  # certain to be unwilling
    world.tables.in_month[:, WILL_NOT, 1] = 0
    world.levers.month[..., V_FREEZE_DAYS] = 30
    found = {}
    for bucket in (2, 6):
        month = world.levers.month.copy()
        month[..., V_WRITE_OFF] = bucket
        flows = naive.simulate(world.tables, world.levers._replace(month=month), *world[2:])[0].flows
        last = world.months - (bucket == 2)  # those who reach 60 days in the last month would be late for 90
        found[bucket] = flows[:, :, : last + 1, ..., [F_N_DEFAULT, F_DEFAULT_BALANCE]].sum((0, 1, 2, 3, 4))
    assert found[2][0] == found[6][0] > 20
    assert found[2][1] == pytest.approx(found[6][1], rel=0.1)


@pytest.mark.parametrize("policies", [("write_off",), ("sell_open",), ("plans",), ("plans", "sell_by_size")])
def test_no_loss_is_without_a_default(policies):
    """Whoever is written off, sold below the balance, or forgiven something has been in default; EVER says so."""
    world, sums, histories = lived("losses", policies=policies, months=12)
    forgives = world.levers.month[..., V_PLAN_FORGIVE]
    lost = 0
    for product, (identity, month, before, after) in ((p, row) for p in (LINE, LOAN) for row in accounts(histories, p)):
        gone = after[STATUS] == WRITTEN_OFF != before[STATUS]
        forgiven = after[PLAN_LEFT] > 0 == before[PLAN_LEFT] and forgives[month, identity[0], product] > 0
        if gone or forgiven:
            lost += 1
            assert after[EVER] >= 3 or after[MARKS] & OPENED_IN_DEFAULT
    sold = sums.flows[..., F_N_SOLD_OPEN].sum()
    assert lost + sold > 10
    assert sums.flows[..., F_N_DEFAULT].sum() > 10


@pytest.mark.parametrize("model", ["structural", "roll_rates"])
def test_what_defaults_is_got_back_lost_or_still_owed(model):
    """Free of interest and cost: first defaults = workout cash + net loss on them + what is open in the workout."""
    world = worlds.world("workout", policies=tuple(worlds.POLICIES), model=model, arrivals=2, months=20)
    tables, levers = world.tables, world.levers
    tables.product[..., P_RATE] = tables.late[...] = 0
    levers.stage[..., [S_COMMISSION, S_RECOVERY_COST]] = levers.ladder[..., [L_COST, L_COMMISSION]] = 0
    levers.month[..., V_OFFER_COST] = tables.conversion[..., TERM_FEE] = 0
    sums, histories = naive.simulate(*world)
    total = sums.flows.sum((0, 1, 2, 3, 4))
    in_workout = sum(
        borrower[at + BALANCE]
        for history in histories
        for borrower in history[-1].values()
        for at in (LINE_AT, LOAN_AT)
        if borrower[at + STATUS] in OPEN and borrower[at + MARKS] & IN_WORKOUT
    )
    lost = total[F_BAD_DEBT_BY : F_BAD_DEBT_BY + len(CAUSES)].sum() - total[F_OPENING_NET_LOSS]
    assert total[F_DEFAULT_BALANCE] == total[F_WORKOUT_CASH] + lost + in_workout
    assert min(total[F_WORKOUT_CASH], lost) > 0 != total[F_OPENING_NET_LOSS]


def test_every_loss_under_cover_is_claimed():
    """Who is written off in a month of cover is claimed, and stays so until current again."""
    world, sums, histories = lived("claims", policies=("claims_for_a_while",), products="line", months=16)
    covered, claims = world.levers.month[:, 0, LINE, V_CLAIM] < NEVER, 0
    for _, month, before, after in accounts(histories, LINE):
        new = after[MARKS] & CLAIMED and not before[MARKS] & CLAIMED
        claims += bool(new)
        assert covered[month] or not new
        assert after[MARKS] & CLAIMED or not before[MARKS] & CLAIMED or after[BUCKET] == 0
        if after[STATUS] == WRITTEN_OFF != before[STATUS] and covered[month]:
            assert after[MARKS] & CLAIMED
    assert claims > 10
    assert sums.flows[..., F_CLAIMABLE].sum() >= sums.flows[..., F_CLAIMED_NET_LOSS].sum() > 0


# ---- after default and restructuring -------------------------------------------------------------
def stock(sums, flow):
    """Return a stock of all lines by month, over replications and segments."""
    return sums.flows[..., LINE, flow].sum((0, 1, 3))


@pytest.mark.parametrize("model", ["structural", "roll_rates"])
def test_probation_lasts_three_months_from_the_cure(model):
    """Open below 90 days, and 90 or more at one of the last three month ends: exactly that balance is on probation."""
    _, sums, histories = lived("probation", products="line", model=model, policies=("write_off",), months=14)
    expected = np.zeros(15, np.int64)
    for history in histories:
        for month in range(1, 15):
            for identity, borrower in history[month].items():
                last = [history[m][identity][LINE_AT + BUCKET] for m in range(max(month - 3, 0), month)]
                account = borrower[LINE_AT : LINE_AT + N_ACCOUNT]
                if account[STATUS] in OPEN and account[BUCKET] < 3 <= max(last):
                    expected[month] += account[BALANCE]
    assert np.array_equal(stock(sums, F_BALANCE_PROBATION), expected)
    assert expected.max() > 0


def test_a_restructured_account_is_watched_for_twelve_months():
    """Current, off probation, and with a plan begun at one of the last twelve month ends: that balance is watched."""
    world, sums, histories = lived("plans", products="line", policies=("plans",), months=20)
    expected = np.zeros(21, np.int64)
    for history in histories:
        for month in range(1, 21):
            for identity, borrower in history[month].items():
                lives = [history[m][identity][LINE_AT:] for m in range(max(month - 12, 0), month + 1)]
                begun = any(b[PLAN_LEFT] > max(a[PLAN_LEFT] - 1, 0) for a, b in pairwise(lives))
                account = borrower[LINE_AT : LINE_AT + N_ACCOUNT]
                on_probation = account[MARKS] >> PROBATION_AT & 3
                if account[STATUS] in OPEN and account[BUCKET] == 0 and begun and not on_probation:
                    expected[month] += account[BALANCE]
    assert np.array_equal(stock(sums, F_BALANCE_WATCHED), expected)
    assert expected[-1] > 0 < (world.levers.month[..., V_PLAN_CHANCE] == ONE).sum()


# ---- costs ---------------------------------------------------------------------------------------
def test_idle_lines_are_those_that_owe_nothing_before_and_after():
    """In a book that runs off: open lines with no balance at either end of the month, no loan."""
    _, sums, histories = lived("idle", months=10, sizes=(30,), policies=("run_off",))
    expected = np.zeros(11, np.int64)
    for _, month, before, after in accounts(histories, LINE):
        expected[month] += after[STATUS] in OPEN and before[BALANCE] <= 0 and after[BALANCE] <= 0
    assert np.array_equal(stock(sums, F_N_IDLE), expected)
    assert expected.sum() > 10 and not sums.flows[..., LOAN, F_N_IDLE].any()


def test_idle_lines_cost_their_own_and_nothing_after_lending(tmp_path):
    """Who has a balance or a payment costs 3 a month, an idle line 2, and in the run-off nothing."""
    path = tmp_path / "scenario.toml"
    path.write_text(IDLE)
    ledger = compare(path).comparison.ledgers["baseline"]
    served = ledger.total("n_accounts")[:, :-1] + ledger.total("n_granted")[:, 1:]
    idle = ledger.total("n_idle")
    assert np.array_equal(ledger.total("operating_cost")[:, 1:], 3 * (served - idle[:, 1:]))
    assert np.array_equal(ledger.total("idle_cost")[:, :13], 2 * idle[:, :13])
    assert idle[:, :13].any() and idle[:, 14:].all() and not ledger.total("idle_cost")[:, 13:].any()


# ---- the last instalment -------------------------------------------------------------------------
def test_instalments_that_do_not_reach_leave_a_larger_last_one(tmp_path):
    """1,000 at no interest in two instalments of 300: then 400, and no interest in any month."""
    tape, mapping = tmp_path / "tape.csv", tmp_path / "map.toml"
    tape.write_text("id,bal,inst,left,dpd,product\nL1,1000,300,3,0,loan\n")
    columns = {"account_id": "id", "balance": "bal", "instalment": "inst", "months_left": "left", "dpd": "dpd"}
    lines = "\n".join(f'{name} = "{column}"' for name, column in {**columns, "product": "product"}.items())
    mapping.write_text(f'[columns]\n{lines}\n[product]\nloan = "loan"\n')
    scenario = tmp_path / "scenario.toml"
    scenario.write_text("""
title = "A loan of 1000 at no interest"
months = 6
seed = 1
currency = { code = "TWD", minor_units = 1 }
portfolio = { tape = "tape.csv", mapping = "map.toml" }
behaviour = { model = "structural", structural.will_not = 0.0 }
products.loan = { interest_rate = 0.0, terms = [{ months = 3, share = 1.0 }] }
segment.everyone = { share = 1.0, loan_holders = 1.0, income = 10_000, buffer = 3.0 }
""")
    ledger = simulate(scenario).comparison.ledgers["baseline"]
    assert ledger.total("paid")[0].tolist() == [0, 300, 300, 400, 0, 0, 0]
    assert not ledger.total("interest").any()


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    rate=st.sampled_from([0.0, 1e-6, 0.004, 0.0122, 0.03]) | st.floats(0, 0.05),
    months=st.integers(1, 60),
    amounts=st.lists(st.integers(1, 3_000_000), min_size=4, max_size=4),
)
def test_the_last_instalment_is_off_by_the_rounding_and_no_more(rate, months, amounts):
    """Level instalments: at most half a minor unit of each month and its interest; interest is never below 0."""
    n = len(amounts) // worlds.N_SEGMENTS
    world = worlds.rich_world(products="loan", months=months + 1, sizes=(n,), tape=True)
    world.tables.product[:, LOAN, P_RATE] = worlds.q31(rate)
    world.tables.product[:, LOAN, P_DRAW] = 0
    share = worlds.q31(worlds.annuity(rate, months))
    for row, amount in zip(world.tape, amounts, strict=True):
        row[...] = ABSENT
        instalment = naive.mul_q31(amount, share)
        balance = amount + naive.mul_q31(amount, worlds.q31(rate))
        for column, value in (
            (TAPE_STATUS, ACTIVE), (TAPE_LIMIT, amount), (TAPE_BALANCE, balance), (TAPE_BUCKET, 0), (TAPE_STATE, 0),
            (TAPE_INSTALMENT, instalment), (TAPE_MONTHS_LEFT, months),
        ):  # fmt: skip
            row[LOAN, column] = value
    sums, (history,) = naive.simulate(*world)
    assert (sums.flows[..., F_INTEREST] >= 0).all() and not sums.flows[..., F_N_MISSED].any()
    for identity, borrower in history[months - 1].items():
        segment, _, index = identity
        amount = amounts[segment * n + index]
        off = borrower[LOAN_AT + BALANCE] - naive.mul_q31(amount, share)
        bound = worlds.rounding(rate, months, amount)
        assert off <= bound and (off >= -bound or borrower[LOAN_AT + BALANCE] == 0)
        assert history[months][identity][LOAN_AT + BALANCE] == 0

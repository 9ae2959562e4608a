"""Loans repaid early, bills turned into instalments, first payments that never come: against closed forms."""

from itertools import pairwise

import numpy as np
import pytest

import naive
import worlds
from conftest import ROOT
from simulator.finance import annuity, apr
from simulator.lowering import products
from simulator.lowering.lower import lower
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.scenario.prices import asked_rates
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import Conversion, EarlySettlement, Line, Products
from test_twin import kernel
from worlds import YUAN

CONSUMER = ROOT / "scenarios" / "base" / "consumer.toml"
HUABEI = ((3, 0.025, 14.9), (6, 0.045, 15.3), (12, 0.088, 15.9))  # months, fee, APR in percent: FACTS S56


def settle(tables, first=0.0, later=0.0):
    """Let loans be repaid early with these chances, whatever the quality."""
    tables.product[:, LOAN, P_SETTLE_FIRST], tables.product[:, LOAN, P_SETTLE] = worlds.q31(first), worlds.q31(later)
    tables.economy[..., M_SETTLEMENT] = UNIT


def convert(tables, months, fee, chance=ONE - 1):
    """Let every bill be turned into that many instalments."""
    tables.product[:, LINE, P_CONVERT : P_CONVERT + 4] = chance
    tables.conversion[:, :, TERM_MONTHS], tables.conversion[:, :, TERM_CUMULATIVE] = months, ONE
    tables.conversion[:, :, TERM_FEE] = worlds.q31(fee / months)


def test_left_out_nothing_of_it_happens():
    """Without their settings all chances are 0, so that no random word decides anything."""
    rows = products.product_rows(Products(), _Segment(), 0.0, None, 100)

    assert not rows[:, P_SETTLE_FIRST:].any()


class _Segment:
    loan_open = 0.0
    loan_rate = None


def test_chances_of_early_settlement_average_to_the_given():
    """Over the 16 classes of quality the mean chance is the given one; at slope 1 the worst class has none."""
    lows = products.settlement_chances(EarlySettlement(first_month=0.05, later=0.035, quality_slope=1.0))
    classes = np.arange(16)

    assert lows[0] == lows[2] == 0
    for low, step, mean in ((*lows[:2], 0.05), (*lows[2:], 0.035)):
        assert abs((low + step * classes).mean() / ONE - mean) < 1e-8


def test_chances_of_a_conversion_multiply_and_stay_below_one():
    """Three times when short, twice when the bill is large, six times when both, and never 1 or more."""
    usual, short, large, both = products.conversion_chances(Conversion(chance=0.08, if_short=3, if_large=2))

    assert [round(x / ONE, 9) for x in (usual, short, large, both)] == [0.08, 0.24, 0.16, 0.48]
    assert products.conversion_chances(Conversion(chance=0.5, if_short=3)).max() == ONE - 1


@pytest.mark.parametrize("months, fee, published", HUABEI)
def test_the_fees_of_converted_bills_have_the_known_rates(months, fee, published):
    """A converted bill's payments have the APR that the published fees mean, and add up to amount and fee."""
    world = worlds.rich_world(products="line", months=months + 4, sizes=(20,))
    tables = world.tables
    convert(tables, months, fee)
    tables.product[:, LINE, P_RATE] = tables.product[:, LINE, P_MIN_SHARE] = tables.product[:, LINE, P_MIN_FLOOR] = 0
    tables.product[:, LINE, P_MIN_FLOOR] = 1
    tables.quantile[:, Q_SPEND] = 0
    sums, (history,) = naive.simulate(*world)

    seen = 0
    for identity, opened in history[0].items():
        lines = [history[month][identity][LINE_AT:] for month in range(1, months + 4)]
        amount, fee_a_month = lines[0][CONVERTED], lines[0][CONVERTED_FEE]
        if amount < 1000 * YUAN:
            continue
        before = [opened[LINE_AT:], *lines]
        paid = [b[BALANCE] + fee_a_month * (a[CONVERTED] > 0) - a[BALANCE] for b, a in zip(before, lines, strict=False)]
        assert paid[0] == opened[LINE_AT + BALANCE] - amount == 1 and paid[months + 1 :] == [0, 0]
        instalments = paid[1 : months + 1]
        assert sum(instalments) == amount + months * fee_a_month
        assert max(instalments) - min(instalments) < months
        assert abs(100 * apr(amount, [(x, k, 0) for k, x in enumerate(instalments, 1)]) - published) < 0.06
        assert lines[months - 1][CONVERTED] > 0 == lines[months][CONVERTED] == lines[months][BALANCE]
        seen += 1
    assert seen > 10
    assert np.array_equal(sums.flows[..., F_CONVERSION_FEES], sums.flows[..., F_FEES])
    assert not sums.flows[..., F_INTEREST].any()


def test_a_converted_bill_bears_no_interest_and_uses_the_limit():
    """Of what is converted only the fee is charged; spending has no more room than the limit leaves beside it."""
    world = worlds.rich_world(products="line", months=6, sizes=(30,))
    convert(world.tables, 12, 0.0)
    sums, (history,) = naive.simulate(*world)

    assert sums.flows[..., F_N_CONVERSIONS].sum() > 20 and not sums.flows[..., F_CONVERSION_FEES].any()
    for before, after in pairwise(history):
        for identity, person in after.items():
            line = person[LINE_AT:]
            assert line[CONVERTED] <= max(line[BALANCE], 0)
            assert line[BALANCE] <= max(line[LIMIT], before[identity][LINE_AT + BALANCE]) * (1 + 1e-9) + 1
            if person[FULL_PAYER] and line[CONVERTED] > 0:  # whose rest is paid on time: nothing else bears any
                assert line[INTEREST_DUE] == 0


def test_a_plan_and_write_off_end_a_conversion():
    """No account in a plan, written off, sold or shut has anything converted left."""
    world = worlds.world("ends", products="line", policies=("plans", "write_off", "close"), months=14, sizes=(60,))
    sums, (history, _) = naive.simulate(*world)
    seen = 0
    for month in history[1:]:
        for person in month.values():
            line = person[LINE_AT:]
            if line[PLAN_LEFT] > 0 or line[STATUS] not in (ACTIVE, FROZEN, CLOSED):
                assert line[CONVERTED] == 0
                seen += line[CONVERTED_PART] > 0
    assert seen > 10 and sums.flows[..., F_N_CONVERSIONS].sum() > 50


# ---- loans repaid early ------------------------------------------------------------------------------------
def test_loans_live_as_long_as_the_chances_say():
    """The months that loans of twelve stand are those of the chances: geometric, with a first month of its own."""
    world = worlds.rich_world(products="loan", months=13, sizes=(64,) * 30)
    tables = world.tables
    settle(tables, 0.05, 0.035)
    tables.product[:, LOAN, P_OPEN_AT_START] = 0
    tables.product[:, LOAN, P_DRAW] = ONE
    tables.terms[:, :, TERM_MONTHS] = 12
    tables.terms[:, :, TERM_INSTALMENT] = [
        [worlds.q31(annuity(1.0, rate / ONE, 12))] * MAX_TERMS for rate in tables.product[:, LOAN, P_RATE].tolist()
    ]
    world.levers.month[2:, :, LOAN, V_NEW_CREDIT] = 0  # one loan each, drawn in month 1
    flows = kernel(world, True).flows.sum((0, 1, 3))[:, LOAN]
    left = flows[1:13, F_N_ACCOUNTS] / flows[1, F_N_GRANTED]
    expected = np.array([1.0, *0.95 * 0.965 ** np.arange(11)])

    n = flows[1, F_N_GRANTED]
    assert n > 3000
    assert (np.abs(left - expected) < 4 * np.sqrt(expected * (1 - expected) / n) + 1e-12).all()
    assert flows[13, F_N_ACCOUNTS] == 0
    assert flows[:, F_N_SETTLED_EARLY].sum() == n - flows[13, F_N_PAID_OFF]
    owed = flows[:, F_NEW_CREDIT].sum() + flows[:, F_INTEREST].sum()
    assert flows[:, F_PAID].sum() == owed  # interest for the months that it stood, nothing else


def test_money_for_early_settlement_comes_from_elsewhere():
    """Who repays early has as much in the buffer after it as who does not."""
    world = worlds.rich_world(products="loan", months=1, sizes=(40,))
    _, (history,) = naive.simulate(*world)
    settle(world.tables, later=0.5)
    sums, (other,) = naive.simulate(*world)

    assert sums.flows[..., F_N_SETTLED_EARLY].sum() > 8
    assert [person[LIQUIDITY] for person in history[1].values()] == [p[LIQUIDITY] for p in other[1].values()]


# ---- first payments and fraud ------------------------------------------------------------------------------
def test_new_accounts_are_never_paid_as_often_as_stated():
    """The shares of new lines with either mark are those stated; fraud draws all there is and brings nothing."""
    world = worlds.rich_world(products="line", months=8, sizes=(), arrivals=200, lanes=512)
    world.tables.product[:, LINE, P_FRAUD : P_FIRST_PAYMENT_STEP + 1] = worlds.q31(0.05), 0, worlds.q31(0.2), 0
    world.levers.month[..., V_WRITE_OFF] = 4
    world.levers.stage[..., BUCKETS:, [S_RECOVER_CHANCE, S_RECOVER_SHARE]] = ONE
    marks, drawn, granted = [], [], 0

    def see(month, store):
        nonlocal granted
        for tile, state in zip(world.tiles, store[0], strict=True):
            if tile[K_ENTRY] == month:
                of = state[LINE_AT:, : tile[K_COUNT]]
                of = of[:, of[STATUS] == ACTIVE]
                granted += of.shape[1]
                marks.extend(of[MARKS] & (FRAUD | FIRST_REFUSED))
                drawn.extend((of[BALANCE] == of[LIMIT])[of[MARKS] & FRAUD > 0])

    flows = kernel(world, True, [(m, m) for m in range(1, 9)], see).flows.sum((0, 1, 3))[:, LINE]
    share = np.array(marks) > 0
    for mark, expected in ((FRAUD, 0.05), (FIRST_REFUSED, 0.15)):
        share = (np.array(marks) == mark).mean()
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / granted)
    assert all(drawn) and len(drawn) > 50
    assert flows[:, F_FRAUD_NET_LOSS].sum() > 0
    written_off_first = flows[:, F_N_FIRST_PAYMENT_30].sum()
    assert written_off_first <= np.count_nonzero(marks)


def test_the_risky_are_fraud_more_often_and_the_mean_is_as_stated():
    """Shares rise by class of quality from (1 - slope) to (1 + slope) times the one given, which is their mean."""
    product = Line(fraud=0.002, first_payment_default=0.01, first_payment_quality_slope=0.8)
    fraud, more_fraud, first, more_first = products.shares_never_paid(product)
    for least, step, mean in ((fraud, more_fraud, 0.002), (first, more_first, 0.01)):
        assert abs(least - worlds.q31(0.2 * mean)) <= 1
        assert abs(least + (QUALITIES - 1) * step - worlds.q31(1.8 * mean)) <= QUALITIES
    assert products.shares_never_paid(Line(fraud=0.002, first_payment_default=0.01))[1::2] == [0, 0]


def test_who_refuses_the_first_due_goes_on_as_usual():
    """A first due refused is missed for want of will and not paid in the month; the mark goes with it."""
    world = worlds.rich_world(products="line", months=6, sizes=(), arrivals=6)
    world.tables.product[:, LINE, P_FRAUD_STEP : P_FIRST_PAYMENT_STEP + 1] = 0, ONE, 0
    sums, (history,) = naive.simulate(*world)
    total = sums.flows.sum((0, 1, 2, 3))[LINE]
    entered = [i for i in history[-1] if i[1] < 5 and history[i[1]][i][LINE_AT + BALANCE] > 0]

    assert len(entered) > 10
    for identity in entered:
        first, bill = (history[identity[1] + k][identity][LINE_AT:] for k in (0, 1))
        assert first[MARKS] & FIRST_REFUSED and not bill[MARKS] & FIRST_REFUSED
        assert bill[BUCKET] == 1 and bill[CAUSE] == WILL_NOT and bill[ARREARS] > 0
    assert total[F_N_MISSED_BY + WILL_NOT] >= total[F_N_FIRST_PAYMENT_30] >= len(entered)
    assert total[F_N_FIRST_PAYMENT_30] == total[F_N_FIRST_30]


def test_a_segment_may_have_a_loan_rate_of_its_own():
    """Its loans bear that rate in level instalments; the others' stay, and the dearest segment is the price told."""
    own = {"segment.salaried.loan_rate": 0.02}
    plain, dear = (load_scenario(CONSUMER, own if changed else {}).baseline for changed in (False, True))
    place = list(plain.segment).index("salaried")
    before, after = lower(plain).tables, lower(dear).tables
    others = [g for g in range(len(plain.segment)) if g != place]
    first = plain.products.loan.terms[0].months

    assert after.product[place, LOAN, P_RATE] == worlds.q31(0.02)
    assert after.terms[place, 0, TERM_INSTALMENT] == worlds.q31(annuity(1.0, 0.02, first))
    assert (after.product[place, LINE] == before.product[place, LINE]).all()
    assert all((getattr(after, name)[others] == getattr(before, name)[others]).all() for name in ("product", "terms"))
    assert asked_rates(dear)["loan"] == pytest.approx([0.24] * GRADES)
    assert asked_rates(dear)["line"] == asked_rates(plain)["line"]

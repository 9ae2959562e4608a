"""Instalments and annual percentage rates against printed examples."""

import csv
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.finance import annuity, annuity_balance, apr, apr_eu, level_payments, monthly_rate, npv
from vasicek import vasicek_quantile

# US Regulation Z, appendix J: case -> payments, unit periods a year. The file has the advance and the printed rate.
REGULATION_Z = {
    "RegZ J(c)(1)(i)": (level_payments(24, 230), 12),
    "RegZ J(c)(1)(ii)": (level_payments(36, 200, 1, 19 / 30), 12),
    "RegZ J(c)(1)(iii)": (level_payments(24, 219.17, 0, 6 / 15), 24),
    "RegZ J(c)(1)(iv)": (level_payments(40, 385, 1, 39 / 90), 4),
    "RegZ J(c)(1)(v)": (level_payments(30, 17.60, 4, 4 / 7), 52),
    "RegZ J(c)(2)(i)": ([(250, 1, 0), *level_payments(23, 230, 2)], 12),
    "RegZ J(c)(2)(ii)": ([(39.50, 1, 5 / 28), *level_payments(11, 38.31, 2, 5 / 28)], 13),
    "RegZ J(c)(3)(i)": ([*level_payments(23, 230), (280, 24, 0)], 12),
    "RegZ J(c)(3)(ii)": ([*level_payments(19, 9.50, 0, 8 / 14), (30, 19, 8 / 14)], 26),
    "RegZ J(c)(4)(i)": ([(250, 1, 0), *level_payments(22, 230, 2), (280, 24, 0)], 12),
}
with (Path(__file__).parent / "data" / "apr_reg_z_appendix_j.csv").open(newline="") as file:
    PRINTED = list(csv.DictReader(file))

# amount, yearly rate, payments: payment, balance just after half of them
ANNUITIES = [
    (10_000, 0.12, 12, 888.487887, 5149.210646),
    (10_000, 0.15, 36, 346.653285, 5556.695795),
    (10_000, 0.24, 12, 945.595966, 5296.690455),
    (35_000, 0.0999, 60, 743.474362, 19665.116672),
    (100_000, 0.045, 360, 506.685310, 66233.954890),
    (50_000, 0.18, 24, 2496.205098, 27227.370109),
]


@pytest.mark.parametrize("row", PRINTED, ids=lambda row: row["case"])
def test_apr_is_the_printed_one(row):
    """Every worked example of appendix J comes out at its printed two decimals."""
    payments, per_year = REGULATION_Z[row["case"]]

    assert f"{100 * apr(float(row['advance']), payments, per_year):.2f}" == f"{float(row['published_apr_pct']):.2f}"


def test_every_example_of_the_file_is_tested():
    """The file and the test hold the same ten cases."""
    assert [row["case"] for row in PRINTED] == list(REGULATION_Z)


@pytest.mark.parametrize(
    ("advance", "payments", "percent"),
    [
        (1000, [(1200, 546 / 365)], 12.962038),
        (950, [(1200, 546 / 365)], 16.902621),
        (1000, [(600, 1), (600, 2)], 13.066239),
        (1000, [(272, 3 / 12), (272, 6 / 12), (544, 1)], 13.185495),
    ],
)
def test_effective_rate_of_the_european_union(advance, payments, percent):
    """The directive's examples come out to six decimals of a percent."""
    assert round(100 * apr_eu(advance, payments), 6) == percent


def test_payments_below_the_advance_have_a_negative_rate():
    """100 repaid by 90 a year later is -10%."""
    assert apr_eu(100, [(90, 1)]) == pytest.approx(-0.1, abs=1e-15)


def test_no_interest_is_no_rate():
    """Payments that add up to the advance have a rate of zero, even over thirty years."""
    assert apr(3600, level_payments(360, 10)) == pytest.approx(0, abs=1e-13)


def test_a_long_loss_has_a_rate():
    """Thirty years of payments worth a tenth of the advance have a negative rate, not an overflow."""
    rate = apr(36_000, level_payments(360, 10))

    assert rate < 0
    assert annuity(36_000, rate / 12, 360) == pytest.approx(10, rel=1e-9)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("advance", "payments", "why"),
    [
        (100, [], "nothing comes in"),
        (9, [(0, 1, 0)], "nothing comes in"),
        (100, [(-5, 1, 0)], "nothing comes in"),
        (100, [(100, 0, 0)], "nothing comes in"),
        (0, [(10, 1, 0)], "nothing goes out"),
        (-5, [(10, 1, 0)], "nothing goes out"),
        (100, [(101, 0, 0), (10, 1, 0)], "nothing goes out"),
        (15, [(5, 0, 0.5)], "too small"),  # 5 / (1 + i / 2) is below 10 at any rate above -100 %
        (10, [(5, 0, 0.5)], "too small"),
        (1e-300, [(1e300, 1, 0)], "too large"),
        (1000, [(2300, 1, 0), (-1320, 2, 0)], "more than one rate"),  # 10 % and 20 % both solve it
        (NAN, [(10, 1, 0)], "finite"),
        (100, [(INF, 1, 0)], "finite"),
        (100, [(10, NAN, 0)], "finite"),
        (100, [(10, -1, 0)], "0 or more periods"),
        (100, [(10, 1, 1.5)], "fractions"),
    ],
)
def test_a_loan_without_a_rate_is_an_error(advance, payments, why):
    """Nothing advanced or repaid, no rate, several rates, or no numbers: refused with the reason, not given a rate."""
    with pytest.raises(ValueError, match=why):
        apr(advance, payments)


@pytest.mark.parametrize("per_year", [0, -12, NAN, INF])
def test_a_year_has_unit_periods(per_year):
    """A year of no unit periods has no rate."""
    with pytest.raises(ValueError, match="unit periods"):
        apr(100, [(110, 1, 0)], per_year)


@pytest.mark.parametrize(
    ("advance", "payments", "rate"),
    [
        (1000, [(0.001, 1, 0)], -0.999999),
        (1000, [(1e-300, 12, 0)], 1e-303 ** (1 / 12) - 1),
        (1000, [(1e-300, 1, 0)], -1.0),  # the nearest float to -1 + 1e-303
        (1000, [(1e13 + 1000, 1, 0)], 1e10),
        (1e-300, [(1, 1, 0)], 1e300),
        (1000, [(1010, 0, 0.5)], 0.02),
        (7.5, [(5, 0, 0.5)], -2 / 3),
        (9.999, [(5, 0, 0.5)], 2 * (5 / 9.999 - 1)),
        (1000, [(100, 0, 0), (990, 1, 0)], 0.1),  # paid at once is not lent
        (1000, [(-500, 1, 0), (1760, 2, 0)], 0.1),  # 1000 x 1.21 + 500 x 1.1: a second advance
        (1000, [(600, 1, 0), (-90, 1, 0), (649, 2, 0)], 0.1),  # 510 and 649: what meets at one time is one amount
    ],
)
def test_extreme_rates_are_found(advance, payments, rate):
    """Every rate above -100 % comes out, however far out it lies: 1 + the rate to twelve digits."""
    assert 1 + apr(advance, payments, 1) == pytest.approx(1 + rate, rel=1e-12)


def test_a_rate_beyond_floats_is_an_error():
    """A yearly rate of 10^434 is no float, and one of 10^308 a period is none when it is taken twelvefold."""
    with pytest.raises(ValueError, match="float can hold"):
        apr_eu(1000, [(1001, 1e-6)])
    with pytest.raises(ValueError, match="float can hold"):
        apr(1, [(1e308, 1, 0)])
    assert apr_eu(1000, [(1001, 1e-5)]) == pytest.approx(math.exp(math.log(1.001) * 1e5), rel=1e-10)


FRACTIONS = st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(2, 3)])
FLOWS = st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 480), FRACTIONS), min_size=1, max_size=12)
RATES = st.one_of(
    st.fractions(min_value=Fraction(-999_999, 1_000_000), max_value=2),
    st.fractions(min_value=0, max_value=10**10),
    st.sampled_from([Fraction(0), Fraction(-999_999_999, 10**9), Fraction(1, 10**9), Fraction(10**10)]),
)


@given(rate=RATES, payments=FLOWS.filter(lambda flows: any(t + f for _, t, f in flows)))
def test_the_rate_that_made_the_payments_is_found(rate, payments):
    """Payments whose value at a rate is worked out exactly, in fractions, have that rate."""
    value = sum(amount / ((1 + f * rate) * (1 + rate) ** t) for amount, t, f in payments)
    at_once = sum(amount for amount, t, f in payments if not t + f)
    if not 1e-300 < value - at_once < 1e300 or value - at_once < at_once / 10**6:
        return  # no float, or lost in what is paid at once
    found = apr(float(value), [(amount, t, float(f)) for amount, t, f in payments], 1)

    assert math.log1p(found) == pytest.approx(math.log(1 + rate), rel=1e-9, abs=1e-9)


@given(
    amount=st.floats(1e-3, 1e9), rate=st.one_of(st.floats(-0.5, 0.5), st.floats(0, 1e9)), periods=st.integers(1, 600)
)
def test_the_rate_of_an_annuity_is_found(amount, rate, periods):
    """An annuity's payments have the annuity's rate, by both formulas, as far as its payment tells it."""
    payment = annuity(amount, rate, periods)
    found = apr(amount, level_payments(periods, payment), 1)

    assert 1 + found == pytest.approx(1 + rate, rel=1e-11)
    assert apr_eu(amount, [(payment, k) for k in range(1, periods + 1)]) == found


@pytest.mark.parametrize(
    ("amount", "rate", "periods"),
    [
        *[(100, 0.1, 0), (100, 0, 0), (100, 0.1, -3), (100, 0.1, NAN), (100, 0.1, INF), (100, NAN, 12)],
        *[(100, -1, 12), (100, -2, 12), (100, INF, 12), (NAN, 0.1, 12), (INF, 0.1, 12), (100, -0.999, 600)],
    ],
)
def test_an_annuity_that_repays_nothing_is_an_error(amount, rate, periods):
    """No periods, a rate of -100 % or below, or something that is no number: refused, with and without a balance."""
    with pytest.raises(ValueError, match=r"found|beyond"):
        annuity(amount, rate, periods)
    with pytest.raises(ValueError, match=r"found|beyond"):
        annuity_balance(amount, rate, periods, 0)


@pytest.mark.parametrize("left", [-1, 13, NAN])
def test_no_more_payments_can_be_to_come_than_there_are(left):
    """A balance before the loan began, or after it ended, is refused."""
    with pytest.raises(ValueError, match="to come"):
        annuity_balance(1200, 0.01, 12, left)


@pytest.mark.parametrize("rate", [-1, -1.5, NAN])
def test_a_value_needs_a_rate_above_all_is_lost(rate):
    """Nothing is worth anything definite at -100 % or below."""
    with pytest.raises(ValueError, match="above -1"):
        npv([1.0, 2.0], rate)


@pytest.mark.parametrize(("amount", "yearly", "n", "payment", "half"), ANNUITIES)
def test_annuity_and_its_balance(amount, yearly, n, payment, half):
    """Payment and balance after half the payments agree to the six decimals of the table."""
    rate = monthly_rate(yearly=yearly)

    assert round(annuity(amount, rate, n), 6) == payment
    assert round(annuity_balance(amount, rate, n, n - n // 2), 6) == half


def test_the_rate_of_an_annuity_is_per_period():
    """1,200 at 12% per period over 24 periods pays 154.1561301; at 12% a year it pays 56.4881667."""
    assert round(annuity(1200, 0.12, 24), 7) == 154.1561301
    assert round(annuity(1200, monthly_rate(yearly=0.12), 24), 7) == 56.4881667


def test_a_zero_rate_divides_the_amount():
    """Without interest each payment is one share of the amount, and so is the balance."""
    assert annuity(1200, 0, 12) == 100
    assert annuity_balance(1200, 0, 12, 5) == 500
    assert annuity_balance(1200, 0.01, 12, 0) == 0


def test_a_tiny_rate_is_close_to_zero():
    """The payment moves smoothly into the one without interest: no cancellation near zero."""
    assert annuity(1200, 1e-12, 12) == pytest.approx(100, rel=1e-11)


def test_rate_of_a_month():
    """A twelfth of a year's rate, or 365/12 days' rates; exactly one of the two must be given."""
    assert monthly_rate(yearly=0.18) == 0.18 / 12
    assert monthly_rate(daily=0.0005) == 0.0005 * 365 / 12
    for both_or_none in ({}, {"yearly": 0.1, "daily": 0.1}):
        with pytest.raises(ValueError, match="only one"):
            monthly_rate(**both_or_none)


def test_an_annuity_is_worth_its_amount():
    """The net present value of the payments is the amount lent, for each row of an array."""
    flows = np.array([[-1000.0] + [annuity(1000, rate, 12)] * 12 for rate in (0.01, 0.02)])

    assert npv(flows[0], 0.01) == pytest.approx(0, abs=1e-9)
    assert npv(flows[:, 1:], 0.02, first=1)[1] == pytest.approx(1000, rel=1e-14)
    assert npv(flows, 0.01).shape == (2,)


@pytest.mark.parametrize(
    ("pd", "rho", "q95", "q99", "q999"),
    [
        (0.01, 0.04, 0.02074675, 0.02875233, 0.04062073),
        (0.05, 0.10, 0.11790133, 0.16893592, 0.24079407),
        (0.10, 0.20, 0.27080128, 0.39371697, 0.54470641),
    ],
)
def test_the_helper_of_the_large_pool(pd, rho, q95, q99, q999):
    """The closed form that factor tests lean on gives the tabulated quantiles to eight decimals."""
    assert [round(vasicek_quantile(pd, rho, q), 8) for q in (0.95, 0.99, 0.999)] == [q95, q99, q999]

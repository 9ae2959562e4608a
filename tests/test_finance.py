"""Instalments and annual percentage rates against printed examples."""

import csv
from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.parametrize(("advance", "payments"), [(100, []), (0, [(10, 1, 0)]), (-5, [(10, 1, 0)]), (9, [(0, 1, 0)])])
def test_a_loan_without_a_rate_is_an_error(advance, payments):
    """Nothing advanced or nothing repaid is refused, not given a rate."""
    with pytest.raises(ValueError, match="no rate"):
        apr(advance, payments)


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

"""Cure, payment, use of limits, losses and recoveries: the file's known figures, closed forms, the bootstrap."""

import numpy as np
import pytest

import panels
from simulator.estimation.intervals import median, ratio_of_sums, share
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates import ratios as of
from simulator.estimation.roll_rates.ratio_report import ratios, section

TAIWAN = {  # shared data README: payment over the previous bill, May to July: aggregate, median, share paying 0
    "N": (0.911, 1.000, 0.007),
    "T": (0.631, 1.000, 0.096),
    "R": (0.083, 0.044, 0.048),
    "D1": (0.058, 0.040, 0.257),
    "D2": (0.023, 0, 0.657),
    "D3": (0.017, 0, 0.808),
}


def test_taiwan_payment_ratios_are_the_published_ones(shared_file):
    """Aggregate, median and share paying nothing by state of the paying month, to the three digits given."""
    found = of.payment(panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz")))

    for state, expected in TAIWAN.items():
        payment = found[state]
        assert (round(payment.aggregate.value, 3), round(payment.median.value, 3)) == expected[:2]
        assert round(payment.paying_nothing.value, 3) == expected[2]


def test_taiwan_utilisation_and_full_payers(shared_file):
    """Over-limit accounts sum to the file's count, balances over limits to its sums; a quarter pay in full."""
    panel = panels.taiwan(shared_file("taiwan_cards_2005_apr_jul.csv.gz"))
    used = of.utilisation(panel)["all"]

    assert round(used.over_limit.value * used.over_limit.n) == 798 + 820 + 1018 + 1583
    assert used.aggregate.value == pytest.approx(
        (1_166_152_812 + 1_209_342_029 + 1_297_888_469 + 1_410_394_644) / (4 * 5_024_529_680), rel=1e-12
    )
    assert of.full_payers(panel).value == pytest.approx(0.2477, abs=1e-4)


def test_cure_counts_accounts_back_in_bucket_0():
    """Of two late accounts one cures and one is lost; the third pays its debt off; a gap does not count."""
    states = (*panels.SIMPLE, PanelState("out", "paid_off"))
    state = [["late", "current", "current"], ["late", "late", "lost"], ["late", "out", "out"], ["late", "", "current"]]
    found = of.cure(panels.panel(state, states))

    assert list(found) == [1]
    assert (found[1].value, found[1].n) == (2 / 4, 4)


def test_linearised_errors_are_those_of_the_bootstrap_over_accounts():
    """An account's months are alike: errors are near those of 800 resamples; with months as if alone, too small."""
    own = -np.log(panels.uniform(1, 1, 300, 1))
    bill = 100 * own * (0.5 + panels.uniform(1, 2, 300, 6))
    paid = bill * (0.8 * panels.uniform(1, 3, 300, 1) + 0.2 * panels.uniform(1, 4, 300, 6))
    ratio, middle = ratio_of_sums(paid, bill), median(paid / bill)
    drawn = (panels.uniform(1, 5, 800, 300) * 300).astype(int)
    ratios = [paid[rows].sum() / bill[rows].sum() for rows in drawn]
    middles = [np.median((paid / bill)[rows]) for rows in drawn]
    alone = ratio_of_sums(paid.reshape(-1, 1), bill.reshape(-1, 1))

    assert ratio.se == pytest.approx(np.std(ratios), rel=0.15)
    assert middle.se == pytest.approx(np.std(middles), rel=0.25)
    assert alone.se < 0.6 * ratio.se


def test_shares_stay_within_bounds():
    """None and all of ten accounts: Jeffreys' closed ends, not a standard error of 0."""
    of_all = np.ones((10, 3), dtype=bool)
    none, every = share(~of_all, of_all), share(of_all, of_all)

    assert (none.value, none.low, every.value, every.high) == (0, 0, 1, 1)
    assert 0.1 < none.high < 0.3
    assert every.low == pytest.approx(1 - none.high)


def test_recoveries_by_month_since_write_off():
    """REFERENCES R4: 100 lost, 10 % back, half of it each in months 6 and 7; LGD 0.9, undiscounted."""
    state = [["late"] + ["lost"] * 8]
    written_off, recovered = np.zeros((2, 1, 9))
    written_off[0, 1], recovered[0, 7], recovered[0, 8] = 100, 5, 5
    found = of.recovery(panels.panel(state, written_off=written_off, recovered=recovered))

    assert (found.exposure, found.accounts) == (100, 1)
    assert found.rate.tolist() == [0, 0, 0, 0, 0, 0, 0.05, 0.05]
    assert found.lgd.value == pytest.approx(0.9)


def test_recoveries_are_held_against_what_was_watched():
    """A later write-off counts in the months it was watched for; without amounts the balance before stands in."""
    state = [["late", "lost", "lost"], ["late", "late", "lost"], ["lost", "lost", "lost"]]
    balance = [[100, 0, 0], [250, 300, 0], [0, 0, 0]]
    found = of.recovery(panels.panel(state, balance=balance, recovered=[[0, 10, 20], [0, 0, 30], [0, 5, 5]]))

    assert found.watched.tolist() == [400, 100]
    assert found.rate.tolist() == [40 / 400, 20 / 100]
    assert found.lgd.value == 1 - 60 / 400


def test_months_without_a_figure_are_not_watched():
    """An account that leaves the tape after its write-off says nothing of later recoveries: it does not dilute them."""
    state = [["late", "lost", "lost"], ["late", "lost", ""]]
    panel = panels.panel(state, balance=[[100, 0, 0], [100, 0, 0]], recovered=[[0, 10, 20], [0, 0, np.nan]])
    found = of.recovery(panel)

    assert found.watched.tolist() == [200, 100]
    assert found.rate.tolist() == [10 / 200, 20 / 100]


def test_a_tape_without_losses_or_recoveries_says_none():
    """Neither: None. Losses without recoveries: an exposure, and no LGD rather than 100 %."""
    state = [["late", "lost"]]

    assert of.recovery(panels.panel([["late", "late"]])) is None
    assert of.recovery(panels.panel(state)) is None
    found = of.recovery(panels.panel(state, balance=[[100, 0]]))
    assert (found.exposure, found.lgd) == (100, None)


def test_tapes_without_payments_or_limits_have_no_ratios():
    """Nothing to divide: nothing said."""
    panel = panels.panel([["late", "late"]], balance=[[100, 100]])

    assert (of.payment(panel), of.full_payers(panel), of.utilisation(panel)) == ({}, None, {})


def test_the_page_has_a_row_for_each_state_however_many_there_are():
    """Measures are columns: more states make the table longer, not wider; what is not by state stands in row `all`."""
    names = [f"{30 * bucket}" for bucket in range(12)]
    states = [PanelState(name, bucket) for bucket, name in enumerate(names)]
    panel = panels.panel([names, names[::-1]], states, balance=100, limit=200, payment=100)
    by_state, by_bucket = section(ratios(panel), []).tables

    assert by_state.head[1:3] == ("paid over the bill before", "median payment over the bill before")
    assert [row[0] for row in by_state.rows] == [*names, "all"]
    assert {len(row) for row in by_state.rows} == {len(by_state.head)} == {7}
    assert by_state.rows[3][1] == ("100.0%", "100.0% to 100.0%") and by_state.rows[-1][1] == ""
    assert by_bucket.head[1:] == ("cured within a month",) and len(by_bucket.rows) == 11

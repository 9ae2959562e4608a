"""The ledger: names for the sums, lines settled from them, and identities that catch a single misplaced unit."""

import numpy as np
import pytest

import toy_book
from simulator.analysis import identities
from simulator.analysis.identities import PARTS, IdentityError, check_identities
from simulator.analysis.ledger import (
    LINES,
    SETTLED,
    TRANSFER_LINES,
    Ledger,
    Settlement,
    components,
    result_digest,
)
from simulator.engine.accumulators import by_flow
from simulator.model.layout import *  # noqa: F403
from simulator.model.tables import Sums


@pytest.fixture(scope="module")
def ledger():
    """Return a toy ledger that sells and writes off."""
    return toy_book.ledger(sell=4)


def broken(ledger, change):
    """Return a copy of `ledger` whose sums `change` has altered."""
    sums = Sums(*(array.copy() for array in ledger.sums))
    change(sums)
    return Ledger(ledger.variant, sums, ledger.frame, ledger.settlement)


@pytest.mark.parametrize("sell", [None, 3])
@pytest.mark.parametrize("run_off_months", [0, 4])
def test_a_consistent_book_passes_every_identity(sell, run_off_months):
    """Books kept as docs/model.md says raise nothing, with and without sales and run-off."""
    check_identities(toy_book.ledger(frame=toy_book.frame(run_off_months=run_off_months), sell=sell))


BOUNDED = {  # flows that may not be more than something else, so that too much of them is found
    *PARTS,
    *("n_closed", "n_written_off_book", "n_sold_written_off", "n_expired", "n_plans_kept", "n_plans_broken"),
    *("n_settlements_kept", "n_settlements_broken", "n_trials_failed"),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_that_enters_an_identity_is_watched(ledger, flow):
    """One unit too much in any one cell is found if an identity has the flow, far too much of it if it is part of
    another; the rest are listed here, by name."""
    free = {
        *("limit", "interest_not_charged", "default_balance", "commission", "n_applied", "n_due"),
        *("n_default", "n_jumps", "n_reminded", "n_limit_cut"),
        *("claimable", "n_limit_raised", "n_reported", "n_plans"),
        *("n_offers", "settlement_cash", "n_educated", "education_cost"),
        *("n_trials", "n_plan_months", "review_cost", "recovered_12", "recovered_24", "recovered_36"),
        *("n_first_30", "contact_cost", "recovery_cost", "n_regranted"),  # the last: of loans
        *("recovered_open", "n_contacts_wanted", "outside_used", "outside_refused"),
        *("balance_claimed", "balance_watched", "balance_probation", "balance_probation_dpd30", "n_idle"),
        "balance_dpd1",
        *("settled_early", "n_conversions", "converted", "fraud_net_loss"),
        *("opening_net_loss", "workout_cash", "claimed_net_loss", "borne_back"),
        *("n_closed_by_customer", "n_closed_idle"),
        *(f"n_closures_{cause}" for cause in CAUSES),
        *(f"{name}_{level}" for name in ("n_contacts", "collected") for level in LEVELS),
    }

    def change(sums):
        sums.flows[1, 0, 3, 1, LOAN, FLOWS.index(flow)] += 1 << 40 if flow in BOUNDED else 1

    if flow in free:
        check_identities(broken(ledger, change))
        return
    with pytest.raises(IdentityError) as error:
        check_identities(broken(ledger, change))
    assert "variant 'baseline'" in str(error.value)


def test_closures_by_cause_are_all_closures(ledger):
    """The total of the flow is the sum of its causes, and the stock of closed accounts that owe never grows by more."""

    def close(sums):
        sums.flows[:, :, 3, 1, LINE, FLOWS.index("n_closures_forgot")] += 2
        sums.flows[:, :, 4, 1, LINE, FLOWS.index("n_closures_cannot")] += 3
        sums.flows[:, :, 3:, 1, LINE, FLOWS.index("n_closed")] += 2

    closed = broken(ledger, close)
    check_identities(closed)
    assert closed.total("n_closures")[:, 1:].sum(axis=1).tolist() == [10] * 4
    closed.sums.flows[0, 0, 5, 1, LINE, FLOWS.index("n_closed")] += 1
    with pytest.raises(IdentityError, match="n_closed is left of those closed"):
        check_identities(broken(closed, lambda sums: None))


def test_flows_laid_side_by_side_are_the_same(ledger):
    """Every line and the digest are the same however the cells of a flow lie in memory; then they are one block."""
    again = Ledger(ledger.variant, by_flow(ledger.sums), ledger.frame, ledger.settlement)
    assert result_digest([("baseline", again.sums)]) == result_digest([("baseline", ledger.sums)])
    for name in (*FLOWS, *SETTLED, *LINES, *TRANSFER_LINES):
        assert np.array_equal(again[name], ledger[name])
    assert again.sums.flows[..., F_PAID].flags.c_contiguous and not ledger.sums.flows[..., F_PAID].flags.c_contiguous


@pytest.mark.parametrize("at_once", [1, 2, 20])
def test_an_error_says_where_and_shows_both_sides(ledger, monkeypatch, at_once):
    """The message names identity, variant, segment, product, month, replication and the two numbers.

    However many replications are looked at together.
    """
    monkeypatch.setattr(identities, "AT_ONCE", at_once)

    def change(sums):
        sums.flows[2, 1, 5, 0, LINE, F_PAID] += 7

    with pytest.raises(IdentityError) as error:
        check_identities(broken(ledger, change))
    text = str(error.value)
    for part in ("'open book'", "'baseline'", "'young'", "'line'", "month 5", "replication 2"):
        assert part in text
    left, right = (int(word) for word in text.split(": ")[1].split(" (")[0].split(" is not "))
    assert right - left == 7


@pytest.mark.parametrize("what", [0, 1])
def test_roll_matrices_must_agree_with_the_stocks(ledger, monkeypatch, what):
    """A move booked once too often, by count or by balance, is found; without it all is right in parts as well."""
    monkeypatch.setattr(identities, "AT_ONCE", 3)
    check_identities(ledger)

    def change(sums):
        sums.rolls[0, 2, 0, LINE, 0, 1, what] += 1

    with pytest.raises(IdentityError, match="roll matrix"):
        check_identities(broken(ledger, change))


def test_profit_is_cash_and_the_growth_of_the_open_balance(ledger):
    """Accrual and cash view differ by the open balance's change, in every cell, to the minor unit."""
    growth = np.diff(ledger["balance"], axis=1)
    assert np.array_equal(ledger["profit"][:, 1:], ledger["cash"][:, 1:] + growth)
    assert ledger["profit"].dtype == np.int64


def test_settled_lines_are_whole_units_and_their_totals_are_sums_of_cells(ledger):
    """Each settled line is the rounded price of its flow; totals are exact sums."""
    price = toy_book.SETTLEMENT
    expected = np.rint(ledger["n_reminded"] * price.reminder_cost).astype(np.int64)
    assert np.array_equal(ledger["reminder_cost"], expected)
    assert ledger["merchant_discount"][..., LOAN].sum() == 0
    assert ledger["merchant_discount"][..., LINE].sum() > 0
    for name in SETTLED:
        assert np.array_equal(ledger.total(name), ledger[name].sum(axis=(2, 3)))
        assert not ledger[name][:, 0].any()


def test_a_free_settlement_adds_nothing(ledger):
    """With all prices zero, profit is interest and fees less net loss and commission."""
    free = Ledger("free", ledger.sums, ledger.frame, Settlement())
    expected = free["interest"] + free["fees"] - free["net_loss"] - free["commission"]
    assert np.array_equal(free["profit"], expected)


def test_halves_add_up(ledger):
    """The two halves of the borrowers are the whole."""
    for name in ("net_loss", "written_off", "balance"):
        assert np.array_equal(ledger.halves(name).sum(axis=1), ledger[name])


def test_every_line_has_a_value_and_an_unknown_name_has_none(ledger):
    """All names of FLOWS, SETTLED and LINES answer with the same shape; others raise KeyError."""
    shape = ledger["balance"].shape
    assert {ledger[name].shape for name in (*FLOWS, *SETTLED, *LINES)} == {shape}
    with pytest.raises(KeyError):
        ledger["cashflow"]


def test_sums_of_the_wrong_shape_are_refused(ledger):
    """A frame that does not describe the sums is an error when the ledger is made."""
    with pytest.raises(ValueError, match="shape"):
        Ledger("wrong", ledger.sums, toy_book.frame(months=7), Settlement())


def test_the_digest_sees_every_integer_and_nothing_else(ledger):
    """Equal sums give equal digests whatever the byte order; one unit, a name or the order of variants changes it."""
    digest = result_digest([("a", ledger.sums)])
    swapped = Sums(*(array.astype(">i8") for array in ledger.sums))
    assert result_digest([("a", swapped)]) == digest
    assert result_digest([("b", ledger.sums)]) != digest
    other = broken(ledger, lambda sums: sums.vintages[0, 0, 0, 0, 0, :].__iadd__(1))
    assert result_digest([("a", other.sums)]) != digest
    pair = [("a", ledger.sums), ("b", other.sums)]
    assert result_digest(pair) != result_digest(pair[::-1])
    small = Sums(*(np.arange(3, dtype=np.int64) for _ in range(4)))
    assert result_digest([("x", small)]) == "8fa8b8d3c19c1078abe5d38e946f4be043e5f83fbfa84bd61d8507dea99e077b"


@pytest.mark.parametrize("name", [*LINES, *TRANSFER_LINES])
def test_a_line_is_the_sum_of_its_components(ledger, name):
    """However far it is taken apart, the lines that it is made of add up to it in every cell."""
    for whole in ((), {*LINES, *TRANSFER_LINES} - {name}):
        assert np.array_equal(sum(sign * ledger[part] for part, sign in components(name, whole).items()), ledger[name])

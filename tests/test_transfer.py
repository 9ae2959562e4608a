"""Insurers and partners: what they take and what is left is the gross, to the minor unit."""

import numpy as np
import pytest

from conftest import ROOT
from simulator.scenario.reader import load_scenario
from simulator.study import compare


@pytest.fixture(scope="module", params=["insurance", "partner_share"])
def ledgers(request):
    """Return the ledgers of a shipped scenario at a small size, by variant."""
    small = {"borrowers": 1500, "replications": 8, "months": 12}
    sizes = ["run_off_months=24"]
    return compare(load_scenario(ROOT / "scenarios" / f"{request.param}.toml", sizes, **small)).comparison.ledgers


def test_own_and_others_are_the_gross(ledgers):
    """Profit, cash and balance of lender, insurer and partner sum to those of the book, in every cell."""
    for ledger in ledgers.values():
        assert np.array_equal(
            ledger["gross_profit"], ledger["profit"] + ledger["insurer_result"] + ledger["partner_profit"]
        )
        assert np.array_equal(ledger["balance"], ledger["own_balance"] + ledger["partner_balance"])
        shared = ledger["partner_net_loss"] + ledger["claims"] - ledger["subrogation"]
        assert np.array_equal(ledger["net_loss"], ledger["own_net_loss"] + shared)


def test_no_borrower_notices(ledgers):
    """Every gross line is the baseline's: who bears a loss changes nobody's month."""
    baseline, *others = ledgers.values()
    for ledger in others:
        for name in ("balance", "paid", "written_off", "recovered", "net_loss", "gross_profit"):
            assert np.array_equal(ledger[name], baseline[name]), (ledger.variant, name)


def test_somebody_bears_something(ledgers):
    """The variants do what they say: an insurer is paid a premium and pays claims, a partner holds a balance."""
    baseline, *others = ledgers.values()
    assert not baseline["insurer_result"].any() and not baseline["partner_balance"].any()
    for ledger in others:
        assert ledger["premium"].sum() > 0 or ledger["partner_balance"].sum() > 0
    assert any(ledger["claims"].sum() > 0 or ledger["partner_net_loss"].sum() > 0 for ledger in others)
    for ledger in others:
        assert ledger["claims"].min() >= 0
        assert (ledger["subrogation"].sum(axis=(1, 2, 3)) <= ledger["claims"].sum(axis=(1, 2, 3))).all()

"""Insurers and partners: what they take and what is left is the gross, to the minor unit."""

import numpy as np
import pytest

import toy_book
from conftest import ROOT
from simulator.kernel.names import F_CLAIMABLE, F_DEFAULT_BALANCE, LINE, LOAN
from simulator.ledger import Ledger, Settlement, check_identities
from simulator.scenario.errors import UserError
from simulator.scenario.reader import load_scenario
from simulator.study import compare
from simulator.transfer import TRANSFERRED, Insurance, Partner, own_share, settle

INSURANCE = ROOT / "scenarios" / "insurance.toml"
BOTH_ON = ["policy.quota_share.enabled=true", "policy.stop_loss.enabled=true"]


def cover(first=1, last=99, products=(LINE, LOAN), **terms):
    """Return a layer of insurance that pays all and costs nothing, with `terms` changed."""
    defaults = {"premium": 0.0, "on_opening": False, "share": 1.0, "deductible": 0.0, "cap": np.inf}
    return Insurance(first, last, (0,), products, **(defaults | {"period": 12, "subrogation": 0.0} | terms))


def settled(transfer, **books):
    """Return the lines of one transfer on books of one replication and segment.

    Each book is a list of (line, loan) by month from month 0 on; books that are not given are empty.
    """
    months = len(next(iter(books.values())))
    lines = {name: np.array(book, dtype=np.int64).reshape(1, months, 1, 2) for name, book in books.items()}
    found = settle([transfer], lambda name: lines.get(name, np.zeros((1, months, 1, 2), np.int64)), 0.0)
    return {name: amount[0, :, 0].tolist() for name, amount in found.items()}


def toy(*transfers, **options):
    """Return the toy ledger of a lender who shares its book; defaults are claimable."""
    plain = toy_book.ledger(**options)
    plain.sums.flows[..., F_CLAIMABLE] = plain.sums.flows[..., F_DEFAULT_BALANCE]
    return Ledger("shared", plain.sums, plain.frame, Settlement(funding_rate=0.04, transfers=transfers))


# ---- one layer, worked out by hand ----------------------------------------------------------------


def test_a_layer_pays_its_share_between_deductible_and_cap():
    """Of losses 100, 300, 200 on 1,000 a layer of 80 % from 10 % to 50 % pays 0, 240, 80: 0.8 x (500 - 100) in all."""
    found = settled(
        cover(share=0.8, deductible=0.1, cap=0.5),
        balance=[(1000, 0)] * 4,
        claimable=[(0, 0), (100, 0), (300, 0), (200, 0)],
    )

    assert found["claims"] == [[0, 0], [0, 0], [240, 0], [80, 0]]


def test_deductible_and_cap_begin_anew_with_each_period():
    """With a period of two months the third month has its own deductible, of the balance it begins with."""
    found = settled(
        cover(deductible=0.1, period=2),
        balance=[(1000, 0), (900, 0), (500, 0), (400, 0), (300, 0)],
        claimable=[(0, 0), (150, 0), (20, 0), (60, 0), (10, 0)],
    )

    assert found["claims"] == [[0, 0], [50, 0], [20, 0], [10, 0], [10, 0]]


@pytest.mark.parametrize(("on_opening", "premiums"), [(False, [0, 12, 10, 8]), (True, [0, 12, 12, 12])])
def test_a_premium_is_a_twelfth_of_the_year_on_what_it_names(on_opening, premiums):
    """12 % a year is 1 % a month, of each month's opening balance or of the period's; after the last month nothing."""
    books = {"balance": [(1200, 0), (1000, 0), (800, 0), (700, 0)]}

    assert [line for line, _ in settled(cover(premium=0.12, on_opening=on_opening), **books)["premium"]] == premiums
    assert sum(line for line, _ in settled(cover(last=1, premium=0.12), **books)["premium"]) == 12


def test_one_deductible_stands_for_the_whole_pool_and_claims_go_where_the_loss_was():
    """Line and loan lose 30 and 60 together against a deductible of 10: 80 are paid, 27 and 53, not a unit less."""
    found = settled(cover(deductible=0.01), balance=[(400, 600)] * 2, claimable=[(0, 0), (30, 60)])

    assert found["claims"] == [[0, 0], [27, 53]]


def test_what_is_not_insured_pays_nothing():
    """A layer on loans sees neither balance nor loss of lines, and one that begins later not what was before."""
    books = {"balance": [(1000, 1000)] * 3, "claimable": [(0, 0), (100, 10), (100, 20)]}

    assert settled(cover(products=(LOAN,), deductible=0.005), **books)["claims"] == [[0, 0], [0, 5], [0, 20]]
    assert settled(cover(first=2), **books)["claims"] == [[0, 0], [0, 0], [100, 20]]


def test_the_insurer_shares_in_recoveries_as_it_paid_and_never_gets_more():
    """With half of the claims paid, half of what comes back is its own, after the cover has ended too, up to 100."""
    found = settled(
        cover(last=1, share=0.5, subrogation=1.0),
        balance=[(1000, 0)] * 5,
        claimable=[(0, 0), (200, 0), (0, 0), (0, 0), (0, 0)],
        recovered=[(0, 0), (0, 0), (60, 0), (0, 0), (300, 0)],
        sold_written_off_proceeds=[(0, 0), (0, 0), (0, 0), (40, 0), (0, 0)],
    )

    assert [line for line, _ in found["claims"]] == [0, 100, 0, 0, 0]
    assert [line for line, _ in found["subrogation"]] == [0, 0, 30, 20, 50]


# ---- partners -------------------------------------------------------------------------------------


def test_a_partner_buys_into_the_book_at_par_and_is_bought_out():
    """Acting in month 2 only it pays 30 % of the balance, takes 30 % of what is paid, and is paid out what is left."""
    found = settled(
        Partner(2, 2, (0,), (LINE, LOAN), share=0.3, fee=0.0),
        balance=[(1000, 0), (1000, 0), (600, 0), (600, 0)],
        paid=[(0, 0), (0, 0), (400, 0), (0, 0)],
    )

    assert [line for line, _ in found["partner_balance"]] == [0, 0, 180, 0]
    assert [line for line, _ in found["partner_bought"]] == [0, 0, 300, -180]
    assert [line for line, _ in found["partner_paid"]] == [0, 0, 120, 0]


def test_a_partner_from_the_start_holds_its_share_of_the_opening_book():
    """The opening balance is shared as month 1 is, so nothing is bought; the fee is a share of the partner's income."""
    found = settled(
        Partner(1, 99, (0,), (LINE,), share=0.5, fee=0.2),
        balance=[(1000, 500), (1100, 500)],
        interest=[(0, 0), (90, 50)],
        fees=[(0, 0), (10, 0)],
    )

    assert found["partner_balance"] == [[500, 0], [550, 0]]
    assert found["partner_bought"] == [[0, 0], [0, 0]]
    assert found["partner_fee"] == [[0, 0], [10, 0]]
    assert own_share([Partner(1, 9, (0,), (LINE,), 0.25, 0.0)] * 2, (2, 1, 2)).tolist() == [[[0.5, 1.0]]] * 2


@pytest.mark.parametrize("last", [5, 99])
def test_every_identity_holds_for_what_is_left(last):
    """With a partner from month 3 on and an insurer, own profit is own cash and the growth of the own balance."""
    partner = Partner(3, last, (0, 1), (LINE, LOAN), share=0.37, fee=0.13)
    insurer = Insurance(2, last, (0, 1), (LINE, LOAN), 0.02, True, 0.6, 0.0, 0.2, 3, 1.0)
    ledger = toy(partner, partner, insurer, sell=4)
    check_identities(ledger)

    assert ledger["partner_balance"].any() and ledger["claims"].any() and ledger["subrogation"].any()
    growth = np.diff(ledger["own_balance"], axis=1)
    assert np.array_equal(ledger["profit"][:, 1:], ledger["cash"][:, 1:] + growth)


def test_a_partner_of_everything_leaves_nothing_but_costs():
    """With a share of 1 the lender has no balance, loss or interest of its own, to the minor unit."""
    ledger = toy(Partner(1, 99, (0, 1), (LINE, LOAN), share=1.0, fee=0.0), sell=4)

    assert not ledger["own_balance"].any() and not ledger["own_net_loss"].any() and not ledger.own_share.any()
    assert np.array_equal(ledger["partner_paid"], ledger["paid"])
    assert np.array_equal(ledger["profit"], -ledger["cost"])


def test_without_transfers_everything_is_the_lender_s():
    """No insurer and no partner: all their lines are 0 and own is gross."""
    ledger = toy()

    assert not any(ledger[name].any() for name in TRANSFERRED)
    for own, gross in (("own_balance", "balance"), ("own_net_loss", "net_loss"), ("profit", "gross_profit")):
        assert np.array_equal(ledger[own], ledger[gross])


def test_a_layer_above_the_usual_loss_cuts_the_tail_and_leaves_the_rest():
    """Replications whose claimable balance stays below the deductible are untouched, the worst ones lose less."""
    frame = toy_book.frame(replications=40, months=6, run_off_months=0)
    gross = toy(frame=frame)
    balance, hit = gross.total("balance")[:, 0], gross.total("claimable").sum(axis=1)
    deductible = float(np.median(hit / balance))
    ledger = toy(Insurance(1, 99, (0, 1), (LINE, LOAN), 0.0, True, 1.0, deductible, np.inf, 99, 0.0), frame=frame)
    relief = (gross["net_loss"] - ledger["own_net_loss"]).sum(axis=(1, 2, 3))

    assert np.array_equal(relief > 0, hit > np.rint(deductible * balance))
    assert np.abs(relief - np.maximum(hit - deductible * balance, 0)).max() <= 0.5


# ---- the shipped scenarios ------------------------------------------------------------------------


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
        assert np.array_equal(
            ledger["gross_cash"], ledger["cash_before_funding"] + ledger["insurer_result"] + ledger["partner_cash"]
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


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["policy.quota_share.share=1.2"], "policy.quota_share.share"),
        (["policy.stop_loss.cap=0.03"], "policy.stop_loss.deductible"),
        (["policy.quota_share.share=0.2"], "policy.stop_loss.share"),  # 0.2 and 0.9 of the loss from 4 % on
        (["policy.quota_share.cap=0.04", "policy.quota_share.claim_dpd=60"], "policy.quota_share.claim_dpd"),
        (["policy.write_off.at_dpd=60", "policy.quota_share.cap=0.04"], "policy.quota_share.claim_dpd"),
    ],
)
def test_cover_that_cannot_be_is_refused_with_its_key(overrides, key):
    """A share over 1, a deductible above the cap, shares of one loss over 1, two triggers, claims after write-off."""
    with pytest.raises(UserError) as error:
        load_scenario(INSURANCE, [*BOTH_ON, *overrides])

    assert key in {problem.key for problem in error.value.problems}


def test_an_insurer_and_a_partner_cannot_bear_more_than_all(tmp_path):
    """A partner's 60 % and an insurer's 50 % of the same loss are refused, at both shares."""
    path = tmp_path / "both.toml"
    partner = '[policy.partner]\nkind = "joint_lending"\nshare = 0.6\n'
    path.write_text(f'extends = "{INSURANCE}"\n{partner}[policy.quota_share]\nenabled = true\n', encoding="utf-8")
    with pytest.raises(UserError) as error:
        load_scenario(path)

    assert {"policy.quota_share.share", "policy.partner.share"} <= {problem.key for problem in error.value.problems}

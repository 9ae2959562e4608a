"""Insurers and partners: what they take and what is left is the gross, to the minor unit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import made_up
import toy_book
from conftest import ROOT
from simulator.analysis.accounting.loss_chain import experience, pooled, rate
from simulator.analysis.accounting.recovery import expected_recovery, worth
from simulator.analysis.identities import check_identities
from simulator.analysis.ledger import Ledger, Settlement
from simulator.analysis.measures import MEASURES
from simulator.analysis.measures.view import View
from simulator.model.errors import UserError
from simulator.model.layout import LINE, LOAN
from simulator.policy.risk_transfer import TRANSFERRED, Insurance, Partner, own_share, settle
from simulator.report.reasons import reasons
from simulator.scenario.reader import load_scenario
from simulator.study import compare, simulate

INSURANCE = ROOT / "scenarios" / "insurance.toml"
BASE = ROOT / "scenarios" / "base" / "consumer.toml"
BOTH_ON = ["policy.quota_share.enabled=true", "policy.stop_loss.enabled=true"]


def cover(first=1, last=99, segments=(0,), products=(LINE, LOAN), **terms):
    """Return a layer of insurance that pays all and costs nothing, with `terms` changed."""
    defaults = {"premium": 0.0, "on_opening": False, "share": 1.0, "deductible": 0.0, "cap": np.inf}
    return Insurance(first, last, segments, products, **(defaults | {"period": 12, "subrogation": 1.0} | terms))


def settled(*transfers, **books):
    """Return the lines of transfers on books of one replication and segment.

    Each book is a list of (line, loan) by month from month 0 on; books that are not given are empty.
    """
    months = len(next(iter(books.values())))
    lines = {name: np.array(book, dtype=np.int64).reshape(1, months, 1, 2) for name, book in books.items()}
    found = settle(transfers, lambda name: lines.get(name, np.zeros((1, months, 1, 2), np.int64)), 0.0)
    return {name: amount[0, :, 0].tolist() for name, amount in found.items()}


def toy(*transfers, **options):
    """Return the toy ledger of a lender who shares its book; what is 90 days late is claimable."""
    plain = toy_book.ledger(**options)
    return Ledger("shared", plain.sums, plain.frame, Settlement(funding_rate=0.04, transfers=transfers))


# ---- one layer, worked out by hand ----------------------------------------------------------------


def test_a_layer_pays_its_share_between_deductible_and_cap():
    """Of losses 100, 300, 200 on 1,000 a layer of 80 % from 10 % to 50 % pays 0, 240, 80: 0.8 x (500 - 100) in all."""
    found = settled(
        cover(share=0.8, deductible=0.1, cap=0.5),
        balance=[(1000, 0)] * 4,
        claimable=[(0, 0), (100, 0), (300, 0), (200, 0)],
        balance_claimed=[(0, 0), (100, 0), (400, 0), (600, 0)],
    )

    assert found["claims"] == [[0, 0], [0, 0], [240, 0], [80, 0]]


def test_deductible_and_cap_begin_anew_with_each_period():
    """The third month begins a period: its deductible is a tenth of 500 less the 70 that the insurer holds."""
    found = settled(
        cover(deductible=0.1, period=2),
        balance=[(1000, 0), (900, 0), (500, 0), (400, 0), (300, 0)],
        claimable=[(0, 0), (150, 0), (20, 0), (60, 0), (10, 0)],
        balance_claimed=[(0, 0), (150, 0), (170, 0), (230, 0), (240, 0)],
    )

    assert found["claims"] == [[0, 0], [50, 0], [20, 0], [17, 0], [10, 0]]
    assert found["insurer_balance"] == [[0, 0], [50, 0], [70, 0], [87, 0], [97, 0]]


@pytest.mark.parametrize(("on_opening", "premiums"), [(False, [0, 12, 10, 8]), (True, [0, 12, 12, 12])])
def test_a_premium_is_a_twelfth_of_the_year_on_what_it_names(on_opening, premiums):
    """12 % a year is 1 % a month, of each month's opening balance or of the period's; after the last month nothing."""
    books = {"balance": [(1200, 0), (1000, 0), (800, 0), (700, 0)]}

    assert [line for line, _ in settled(cover(premium=0.12, on_opening=on_opening), **books)["premium"]] == premiums
    assert sum(line for line, _ in settled(cover(last=1, premium=0.12), **books)["premium"]) == 12


def test_a_premium_is_on_the_lender_s_own_part():
    """Of 1,000 a partner holds 300; after a claim of 200, of which 140 were the lender's, it insures 560."""
    books = {
        "balance": [(1000, 0)] * 3,
        "claimable": [(0, 0), (200, 0), (0, 0)],
        "balance_claimed": [(0, 0), (200, 0), (200, 0)],
    }
    found = settled(Partner(1, 99, (0,), (LINE, LOAN), share=0.3, fee=0.0), cover(premium=0.12), **books)

    assert [line for line, _ in found["premium"]] == [0, 7, 6]  # 1 % of 700, of 560
    assert [line for line, _ in found["claims"]] == [0, 140, 0]
    assert [line for line, _ in found["insurer_balance"]] == [0, 140, 140]


def test_one_deductible_stands_for_the_whole_pool_and_claims_go_where_the_loss_was():
    """Line and loan lose 30 and 60 together against a deductible of 10: 80 are paid, 27 and 53, not a unit less."""
    found = settled(
        cover(deductible=0.01),
        balance=[(400, 600)] * 2,
        claimable=[(0, 0), (30, 60)],
        balance_claimed=[(0, 0), (30, 60)],
    )

    assert found["claims"] == [[0, 0], [27, 53]]


def test_what_is_not_insured_pays_nothing():
    """A layer on loans sees neither balance nor loss of lines, and one that begins later not what was before."""
    books = {
        "balance": [(1000, 1000)] * 3,
        "claimable": [(0, 0), (100, 10), (100, 20)],
        "balance_claimed": [(0, 0), (100, 10), (200, 30)],
    }

    assert settled(cover(products=(LOAN,), deductible=0.005), **books)["claims"] == [[0, 0], [0, 5], [0, 20]]
    assert settled(cover(first=2), **books)["claims"] == [[0, 0], [0, 0], [100, 20]]


# 200 claimed; 60 paid before the write-off of 140; of that 40 recovered, and sold for 20.
ONE_CLAIM = {
    "balance": [(1000, 0)] * 6,
    "claimable": [(0, 0), (200, 0), (0, 0), (0, 0), (0, 0), (0, 0)],
    "balance_claimed": [(0, 0), (200, 0), (140, 0), (0, 0), (0, 0), (0, 0)],
    "claimed_net_loss": [(0, 0), (0, 0), (0, 0), (140, 0), (-40, 0), (-20, 0)],
}


def test_the_insurer_shares_in_all_that_comes_back_as_it_paid():
    """With half of the claim paid, half of what comes back is its own, before write-off and after the cover too."""
    found = settled(cover(last=1, share=0.5), **ONE_CLAIM)

    assert [line for line, _ in found["claims"]] == [0, 100, 0, 0, 0, 0]
    assert [line for line, _ in found["subrogation"]] == [0, 0, 30, 0, 20, 10]
    assert [line for line, _ in found["insurer_balance"]] == [0, 100, 70, 0, 0, 0]
    assert [line for line, _ in found["insurer_net_loss"]] == [0, 0, 0, 70, -20, -10]


@pytest.mark.parametrize(
    ("share", "subrogation", "back"),
    [
        (0.5, 0.5, [0, 0, 15, 0, 10, 5]),
        (0.5, 0.0, [0, 0, 0, 0, 0, 20]),  # 100 paid, and a loss of 80 is left: 20 too much
        (1.0, 0.0, [0, 0, 60, 0, 40, 20]),  # all of the loss was paid: all that comes back is too much
        (1.0, 1.0, [0, 0, 60, 0, 40, 20]),
    ],
)
def test_the_lender_keeps_what_is_not_subrogated_until_its_own_loss_is_0(share, subrogation, back):
    """Without subrogation a lender would gain by a loss: from its own loss of 0 on, the insurer gets all."""
    found = settled(cover(share=share, subrogation=subrogation), **ONE_CLAIM)

    assert [line for line, _ in found["subrogation"]] == back


def test_a_loss_before_the_trigger_is_claimed_and_never_more_than_it_is_paid():
    """Sold for 300 in the month in which 1,000 become claimable: 1,000 and 300 change hands, a loss of 700 is left."""
    found = settled(
        cover(),
        balance=[(1000, 0), (0, 0)],
        claimable=[(0, 0), (1000, 0)],
        balance_claimed=[(0, 0), (0, 0)],
        claimed_net_loss=[(0, 0), (700, 0)],
    )

    assert (found["claims"][1][0], found["subrogation"][1][0]) == (1000, 300)
    assert found["insurer_net_loss"] == [[0, 0], [700, 0]]


def test_what_comes_back_lowers_the_loss_of_its_own_period_first():
    """Periods of a month, deductibles of 100: 150 back on claims of 250 and 120 ends the second and 30 of the first.

    A tenth of the own balance is 100 in both: 1,000, and 1,150 less the 150 that the insurer holds.
    """
    found = settled(
        cover(deductible=0.1, period=1),
        balance=[(1000, 0), (1150, 0), (1150, 0), (1000, 0)],
        claimable=[(0, 0), (250, 0), (120, 0), (0, 0)],
        balance_claimed=[(0, 0), (250, 0), (370, 0), (220, 0)],
    )

    assert [line for line, _ in found["claims"]] == [0, 150, 20, 0]
    assert [line for line, _ in found["subrogation"]] == [0, 0, 0, 20 + 30]


# ---- any book, any cover --------------------------------------------------------------------------

MONTHS = 24
SEEDS = st.integers(0, 10**6)


def cumulated(amount):
    """Return int64 of the same shape: what has been added up by each month."""
    return np.cumsum(amount, axis=1)


def net_loss(book):
    """Return the net loss of a made-up book."""
    lost = book["written_off"] + book["sold_open"] - book["sold_open_proceeds"] + book["forgiven"]
    return lost - book["recovered"] - book["sold_written_off_proceeds"]


@given(seed=SEEDS, subrogation=st.sampled_from([0.0, 0.4, 1.0]), claim=st.integers(1, 5))
@settings(max_examples=25)
def test_full_cover_without_premium_leaves_no_loss_at_all(seed, subrogation, claim):
    """In every cell of every month the insurer bears the whole net loss, and holds the claimed balance."""
    book = made_up.book(seed, months=MONTHS, replications=1, claim=claim)
    found = settle([cover(segments=(0, 1), subrogation=subrogation)], book.__getitem__, 0.0)

    assert book["claimable"].any()
    assert np.array_equal(found["insurer_net_loss"], net_loss(book))
    assert np.array_equal(found["insurer_balance"], book["balance_claimed"])


SHARES = st.one_of(st.just(1.0), st.floats(0, 1))
COVERS = st.builds(
    lambda cells, bounds, **terms: cover(**cells, deductible=min(bounds), cap=max(bounds), **terms),
    cells=st.fixed_dictionaries(
        {
            "segments": st.sampled_from([(0,), (1,), (0, 1)]),
            "products": st.sampled_from([(LINE,), (LOAN,), (LINE, LOAN)]),
            "first": st.integers(1, 6),
            "last": st.sampled_from([6, 13, 99]),
        }
    ),
    bounds=st.tuples(st.sampled_from([0.0, 0.01, 0.05, 0.2]), st.sampled_from([0.02, 0.1, 0.5, np.inf])),
    share=SHARES,
    subrogation=SHARES,
    period=st.sampled_from([1, 3, 12, 99]),
    premium=st.sampled_from([0.0, 0.06]),
    on_opening=st.booleans(),
)


@given(seed=SEEDS, covers=st.lists(COVERS, min_size=1, max_size=3))
@settings(max_examples=60)
def test_nobody_gains_by_a_loss_whatever_the_covers(seed, covers):
    """Insurers have never paid more than the exposure of a cell, nor hold more than its claimed balance.

    So the own net loss, up to any month, and the own part of the claimed balance are 0 or more, though these covers
    may overlap in ways that `check` refuses; and nobody is paid back more than was paid.
    """
    months = range(min(one.first for one in covers), max(one.last for one in covers) + 1)
    book = made_up.book(seed, months=MONTHS, covered=(months.start, months.stop - 1))
    found = settle(covers, book.__getitem__, 0.05)
    paid = cumulated(found["claims"] - found["subrogation"])

    assert all(amount.dtype == np.int64 for amount in found.values())
    assert min(found[name].min() for name in ("premium", "claims", "subrogation", "insurer_balance")) >= 0
    assert (book["balance_claimed"] >= found["insurer_balance"]).all()
    assert (cumulated(book["claimed_net_loss"] - found["insurer_net_loss"]) >= 0).all()
    assert (paid >= 0).all()
    assert np.array_equal(paid, cumulated(found["insurer_net_loss"]) + found["insurer_balance"])


@given(seed=SEEDS, share=st.floats(0, 1))
@settings(max_examples=25)
def test_a_quota_share_is_its_share_of_every_loss(seed, share):
    """Of the pool's net loss and claimed balance the insurer has its share, at the end of any month."""
    book = made_up.book(seed, months=MONTHS)
    found = settle([cover(segments=(0, 1), share=share)], book.__getitem__, 0.0)
    for name, whole in (
        ("insurer_balance", book["balance_claimed"]),
        ("insurer_net_loss", cumulated(net_loss(book))),
    ):
        mine = found[name] if name == "insurer_balance" else cumulated(found[name])
        # each of the four cells may be rounded by half a unit beside the pool
        assert np.abs(mine.sum(axis=(2, 3)) - share * whole.sum(axis=(2, 3))).max() <= 2.5


@given(seed=SEEDS, one=COVERS)
@settings(max_examples=40)
def test_a_layer_is_what_its_own_history_says(seed, one):
    """In a book of one cell, a layer worked out again with a list of losses by period pays and gets back the same."""
    one = replace(one, segments=(0,), products=(LINE,), subrogation=1.0, premium=0.0)
    book = made_up.book(seed, months=MONTHS, replications=1, segments=1, covered=(one.first, one.last), accounts=20)
    book = {name: amount * [1, 0] for name, amount in book.items()}
    found = settle([one], book.__getitem__, 0.0)
    held, paid = 0, 0
    losses, bases = [], []  # of each period; claims after the cover are nobody's
    at = {name: amount[0, :, 0, LINE].tolist() for name, amount in book.items()}
    for month in range(1, MONTHS + 1):
        if one.first <= month <= one.last and (month - one.first) % one.period == 0:
            losses.append(0)
            bases.append(max(at["balance"][month - 1] - held, 0))
        growth = at["balance_claimed"][month] - at["balance_claimed"][month - 1] + at["claimed_net_loss"][month]
        back, claimed = at["claimable"][month] - growth, at["claimable"][month]
        if claimed:
            losses[-1] += claimed
        if back < 0:
            latest = max(k for k, loss in enumerate(losses) if loss)
            losses[latest] -= back
        after_claims = sum(owed(one, *period) for period in zip(losses, bases, strict=True))
        for k in reversed(range(len(losses))):
            here = min(max(back, 0), losses[k])
            losses[k], back = losses[k] - here, back - here
        after = sum(owed(one, *period) for period in zip(losses, bases, strict=True))
        assert found["claims"][0, month, 0, LINE] == after_claims - paid
        assert found["subrogation"][0, month, 0, LINE] == after_claims - after
        held, paid = int(found["insurer_balance"][0, month, 0, LINE]), after
        exposure = sum(losses)
        assert held == (round(after * (at["balance_claimed"][month] / exposure)) if exposure else 0)


def owed(one, loss, base):
    """Return what a cover owes for the loss of a period that began with a balance of `base`."""
    layer = min(loss, one.cap * base if one.cap < np.inf else np.inf) - one.deductible * base
    return min(round(one.share * max(layer, 0)), loss)


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


LATE = {  # 1,000, of which 400 are late: 100, 100 and 200
    "balance": [(1000, 0)] * 4,
    "balance_dpd30": [(400, 0)] * 4,
    "balance_dpd60": [(300, 0)] * 4,
    "balance_dpd90": [(200, 0)] * 4,
}


def test_late_balance_changes_hands_at_its_price():
    """At prices of 0.9, 0.8 and 0.5 the late 400 are worth 270: 30 % of the book cost 261, and are left for 261."""
    partner = Partner(2, 2, (0,), (LINE, LOAN), share=0.3, fee=0.0, late_price=((0.9, 0.8, 0.5), (0.0, 0.0, 0.0)))
    found = settled(partner, **LATE)

    assert [line for line, _ in found["partner_balance"]] == [0, 0, 300, 0]
    assert [line for line, _ in found["partner_bought"]] == [0, 0, 261, -261]
    assert [line for line, _ in found["partner_loss_on_transfer"]] == [0, 0, -39, 39]
    assert [line for line, _ in found["partner_paid"]] == [0, 0, 0, 0]


def test_late_balance_without_a_price_does_not_change_hands():
    """A partner that leaves late balance before its price is known is a defect of the program, not a gift at par."""
    with pytest.raises(ValueError, match="no price"):
        settled(Partner(1, 2, (0,), (LINE, LOAN), share=0.3, fee=0.0), **LATE)
    assert settled(Partner(1, 99, (0,), (LINE, LOAN), share=0.3, fee=0.0), **LATE)["partner_bought"] == [[0, 0]] * 4


def test_a_partner_shares_what_comes_back_on_losses_it_bore_and_nothing_else():
    """It bore 30 % of 200 in month 2; of 100 that come back in months 3 and 4, 50 are on that loss: 30 % of them."""
    found = settled(
        Partner(2, 2, (0,), (LINE, LOAN), share=0.3, fee=0.0),
        balance=[(0, 0)] * 5,
        written_off=[(0, 0), (400, 0), (200, 0), (100, 0), (0, 0)],
        recovered=[(0, 0), (0, 0), (0, 0), (40, 0), (60, 0)],
        borne_back=[(0, 0), (0, 0), (0, 0), (20, 0), (30, 0)],
    )

    assert [line for line, _ in found["partner_written_off"]] == [0, 0, 60, 0, 0]
    assert [line for line, _ in found["partner_back"]] == [0, 0, 0, 6, 9]


def test_what_comes_back_after_two_partners_goes_to_both():
    """One bore half of 100, the other a fifth of 300: of 80 that come back they get 10 and 12."""
    found = settled(
        Partner(1, 1, (0,), (LINE, LOAN), share=0.5, fee=0.0),
        Partner(2, 2, (0,), (LINE, LOAN), share=0.2, fee=0.0),
        balance=[(0, 0)] * 4,
        written_off=[(0, 0), (100, 0), (300, 0), (0, 0)],
        borne_back=[(0, 0), (0, 0), (0, 0), (80, 0)],
    )

    assert [line for line, _ in found["partner_back"]] == [0, 0, 0, 22]


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


@given(
    seed=SEEDS,
    share=SHARES,
    when=st.tuples(st.integers(1, 9), st.sampled_from([9, 15, 99])),
    price=st.floats(0, 1),
    fee=SHARES,
)
@settings(max_examples=40)
def test_a_partner_s_books_close_whenever_it_comes_and_goes(seed, share, when, price, fee):
    """Its balance grows by what it lends, earns and buys; profit is cash and that growth; others' losses are theirs."""
    book = made_up.book(seed, months=MONTHS, shared=when)
    partner = Partner(*when, (0, 1), (LINE, LOAN), share=share, fee=fee, late_price=((price,) * 3,) * 2)
    found = {name.removeprefix("partner_"): amount for name, amount in settle([partner], book.__getitem__, 0.0).items()}
    lost = found["written_off"] + found["sold_open"] - found["sold_open_proceeds"] + found["forgiven"] - found["back"]
    profit = found["interest"] + found["fees"] - lost - found["loss_on_transfer"] - found["fee"]
    cash = found["paid"] + found["sold_open_proceeds"] + found["back"] - found["new_credit"] - found["bought"]
    cash = cash - found["fee"]

    assert np.array_equal(profit[:, 1:], cash[:, 1:] + np.diff(found["balance"], axis=1))
    assert (cumulated(found["back"]) <= cumulated(found["written_off"]) + 12).all()  # a rounding for each recovery
    away = [month for month in range(MONTHS + 1) if not when[0] <= month <= when[1] and month]
    assert not found["balance"][:, away].any() and not found["written_off"][:, away].any()


@given(seed=SEEDS, share=st.sampled_from([0.3, 0.5, 1.0]))
@settings(max_examples=20)
def test_what_a_partner_holds_is_not_the_lender_s_to_insure(seed, share):
    """With full cover of the rest, lender, partner and insurer bear 0, the partner's share, and what is left."""
    book = made_up.book(seed, months=MONTHS)
    partner = Partner(1, 99, (0, 1), (LINE, LOAN), share=share, fee=0.0)
    found = settle([partner, cover(segments=(0, 1))], book.__getitem__, 0.0)
    lost = cumulated(net_loss(book))

    assert np.abs(cumulated(found["insurer_net_loss"]) - (1 - share) * lost).max() <= 1
    assert np.abs(found["insurer_balance"] - (1 - share) * book["balance_claimed"]).max() <= 0.5


# ---- what is left in a ledger ---------------------------------------------------------------------


PRICED = ((0.9, 0.8, 0.5), (0.7, 0.6, 0.3))


def check_shares(ledger):
    """Raise AssertionError unless lender, insurer and partner sum to the whole in every cell, all in whole units."""
    check_identities(ledger)
    whole = {
        "gross_profit": ("profit", "insurer_result", "partner_profit"),
        "gross_cash": ("cash_before_funding", "insurer_cash", "partner_cash"),
        "balance": ("own_balance", "insurer_balance", "partner_balance"),
        "net_loss": ("own_net_loss", "insurer_net_loss", "partner_net_loss"),
    }
    for gross, parts in whole.items():
        assert np.array_equal(ledger[gross], sum(ledger[name] for name in parts)), (ledger.variant, gross)
    for who, result in (("insurer", "insurer_result"), ("partner", "partner_profit")):
        growth = np.diff(ledger[f"{who}_balance"], axis=1)
        funded = ledger[f"{who}_cash"] - ledger[f"{who}_funding"]
        assert np.array_equal(ledger[result][:, 1:], funded[:, 1:] + growth)
    assert all(ledger[name].dtype == np.int64 for name in TRANSFERRED)


@pytest.mark.parametrize("last", [5, 99])
def test_every_identity_holds_for_what_is_left(last):
    """With partners from month 3 on and an insurer, own profit is own cash and the growth of the own balance."""
    partner = Partner(3, last, (0, 1), (LINE, LOAN), share=0.37, fee=0.13, late_price=PRICED)
    insurer = Insurance(2, last, (0, 1), (LINE, LOAN), 0.02, True, 0.6, 0.0, 0.2, 3, 1.0)
    ledger = toy(partner, partner, insurer, write_off=4)
    check_shares(ledger)

    for name in ("partner_balance", "partner_back", "claims", "subrogation", "insurer_balance"):
        assert ledger[name].any(), name
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
    """Replications whose exposure stays below the deductible are untouched, the worst ones lose less."""
    frame = toy_book.frame(replications=40, months=6, run_off_months=0)
    gross = toy(frame=frame)
    balance = gross.total("balance")[:, 0]
    exposure = gross.total("claimed_net_loss").sum(axis=1) + gross.total("balance_claimed")[:, -1]
    deductible = float(np.median(exposure / balance))
    ledger = toy(cover(segments=(0, 1), deductible=deductible, period=99), frame=frame)
    relief = (ledger["claims"] - ledger["subrogation"]).sum(axis=(1, 2, 3))

    assert np.array_equal(relief > 0, exposure > np.rint(deductible * balance))
    assert np.abs(relief - np.maximum(exposure - deductible * balance, 0)).max() <= 0.5


# ---- real months ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Return the ledger of a run in which all accounts are insured and shared, whose sums others settle anew."""
    path = tmp_path_factory.mktemp("real") / "real.toml"
    policies = """
        [policy.partner]
        kind = "joint_lending"
        share = 0.3
        [policy.full]
        kind = "credit_insurance"
        premium = 0.0
        share = 1.0
        [policy.plans]
        kind = "hardship"
        offer_dpd = 60
        accepted = 0.2
        months = 12
        forgiven = 0.2
    """
    path.write_text(f'extends = "{BASE}"\ntitle = "Real months"\n{policies}', encoding="utf-8")
    small = {"borrowers": 600, "replications": 4, "months": 12}
    return simulate(load_scenario(path, **small)).comparison.ledgers["baseline"]


def again(ledger, *transfers):
    """Return the same months shared with others."""
    return Ledger("again", ledger.sums, ledger.frame, replace(ledger.settlement, transfers=transfers))


def test_full_cover_of_a_real_book_leaves_no_loss(real):
    """Everything that was lost in the run, plans and sales included, the insurer bears, month by month."""
    ledger = again(real, cover(segments=(0, 1)))
    check_shares(ledger)

    assert ledger["net_loss"].any() and ledger["forgiven"].any()
    assert not ledger["own_net_loss"].any()


def test_a_claim_is_over_when_the_account_is_current_again(real):
    """No account in bucket 0 is claimed, and what cures is claimed again: more becomes claimable than ever defaults."""
    claimed, late = real["balance_claimed"], real["balance_dpd30"]

    assert claimed.any() and (claimed <= late).all()
    assert real["claimable"].sum() > real["default_balance"].sum()


ANYWHERE = {"segments": st.sampled_from([(0,), (0, 1)]), "products": st.sampled_from([(LOAN,), (LINE, LOAN)])}
PARTNERS = st.builds(
    Partner,
    first=st.integers(1, 6),
    last=st.sampled_from([6, 9, 99]),
    **ANYWHERE,
    share=st.floats(0, 0.5),
    fee=SHARES,
    late_price=st.just(PRICED),
)


@given(covers=st.lists(COVERS, max_size=3), partners=st.lists(PARTNERS, max_size=2))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_identities_hold_whoever_bears_what(real, covers, partners):
    """Whatever covers and partners meet, what they and the lender have is the whole, in every cell of every month."""
    ledger = again(real, *covers, *partners)
    check_shares(ledger)

    growth = np.diff(ledger["own_balance"], axis=1)
    assert np.array_equal(ledger["profit"][:, 1:], ledger["cash"][:, 1:] + growth)
    if not partners:
        assert (cumulated(ledger["own_net_loss"]) >= 0).all()


def test_what_late_debt_brings_adds_up_to_what_came_in():
    """Undiscounted, the value of what was open at first and lent since, less what is left, is the cash of the run."""
    ledger = toy_book.ledger(settlement=Settlement(), sell=4)
    seen = pooled(experience(ledger, 1, ledger.frame.horizon))
    value = ((seen.start + seen.lent - seen.end)[0] * worth(ledger, seen)).sum(axis=-1)
    book = ledger["balance_written_off_book"][:, 0].sum(axis=(0, 1))
    value += rate(seen.back[0], seen.gone[0] + ledger["balance_written_off_book"][:, -1].sum(axis=(0, 1))) * book
    cash = sum(ledger[name] for name in ("paid", "sold_open_proceeds", "recovered", "sold_written_off_proceeds"))

    assert value == pytest.approx(cash[:, 1:].sum(axis=(0, 1, 2)), rel=1e-9)


def test_late_debt_is_worth_less_the_later_it_is_and_the_dearer_money_is():
    """Prices fall with days past due and with the discount rate, and none is above par."""
    free, dear = (
        np.array(expected_recovery(toy_book.ledger(settlement=Settlement(discount_rate=yearly))))
        for yearly in (0.0, 0.5)
    )

    assert (np.diff(free[LINE]) < 0).all() and (free <= 1).all()  # late loans of the toy come back with interest
    assert ((dear < free) & (dear > 0)).all()


def npv(ledger):
    """Return float64[replication], the lender's net present value."""
    cash, rate = ledger.total("cash_before_funding")[:, 1:], ledger.settlement.discount_rate
    now = cash @ (1 + rate) ** (-np.arange(1, cash.shape[1] + 1) / 12)
    return now - ledger.total("own_balance")[:, 0]


def test_what_one_gains_by_a_contract_another_pays_for():
    """The net present values of lender, insurers and partners sum to that of the book, whatever they agree on."""
    partner = Partner(3, 99, (0, 1), (LINE, LOAN), share=0.37, fee=0.13, late_price=PRICED)
    insurer = Insurance(2, 99, (0, 1), (LINE, LOAN), 0.02, True, 0.6, 0.0, 0.2, 3, 1.0)
    books = (toy(write_off=4), toy(partner, insurer, write_off=4))
    alone, shared = (
        Ledger(book.variant, book.sums, book.frame, replace(book.settlement, discount_rate=0.12)) for book in books
    )
    own, insurers, partners = (MEASURES[name].function(View(shared)) for name in ("npv", "npv_insurer", "npv_partner"))

    assert own + insurers + partners == pytest.approx(MEASURES["npv"].function(View(alone)), rel=1e-9)
    assert own.all() and insurers.all() and partners.all()


@pytest.fixture(scope="module", params=["line", "loan"])
def leaving(request, tmp_path_factory):
    """Return the comparison of a book most of which is late, where a partner stays (baseline) or leaves (leaves)."""
    path = tmp_path_factory.mktemp("leaving") / "leaving.toml"
    other = {"line": "loan", "loan": "line"}[request.param]
    segments = "".join(
        f"""
        [segment.{name}]
        {other}_holders = 0.0
        score_gini = 0.0
        [segment.{name}.opening]
        {request.param} = [0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1]
        """
        for name in ("salaried", "irregular")
    )
    tables = f"""
        title = "Late debt shared with a partner"
        portfolio.applicants_per_month = 0
        {segments}
        [policy.partner]
        kind = "joint_lending"
        share = 0.3
        [variant.leaves]
        policy.partner.end = 3
    """
    path.write_text(f'extends = "{BASE}"\n{tables}', encoding="utf-8")
    small = {"borrowers": 1000, "replications": 30, "months": 3}
    return compare(load_scenario(path, ["run_off_months=60"], **small)).comparison


def test_a_partner_who_leaves_early_gains_nothing(leaving):
    """Leaving at the expected recovery gains the partner no more than four standard errors of the lender's value.

    At par, as a negative control, it leaves its late debt to the lender for far more than that brings; the expected
    recovery takes away that gift, and no more than a fifth of it too much.
    """
    stays, leaves = leaving.ledgers["baseline"], leaving.ledgers["leaves"]
    (partner,) = leaves.settlement.transfers
    at_par = again(leaves, replace(partner, late_price=((1.0,) * 3,) * 2))
    gained, gift = npv(stays) - npv(leaves), npv(stays) - npv(at_par)  # what the lender loses by it

    assert all(0 < price < 1 for price in max(partner.late_price))
    assert list(max(partner.late_price)) == sorted(max(partner.late_price), reverse=True)
    assert gained.mean() < 4 * error(gained)
    assert gift.mean() > 4 * error(gift)
    assert abs(gained.mean()) < gift.mean() / 5


def test_the_price_of_late_debt_is_said(leaving):
    """The reasons name the three prices, to a tenth of a per cent, of the product that is lent."""
    (product,) = leaving.frame.products
    (partner,) = leaving.ledgers["leaves"].settlement.transfers
    (said,) = [sentence for sentence in reasons(leaving, "leaves") if "changes hands" in sentence]

    assert f"of {product}s at " in said
    assert all(f"{100 * price:.1f}" in said for price in max(partner.late_price))


def error(sample):
    """Return the standard error of the mean of a sample."""
    return sample.std(ddof=1) / len(sample) ** 0.5


# ---- the shipped scenarios ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["insurance", "partner_share"])
def ledgers(request):
    """Return the ledgers of a shipped scenario at a small size, by variant."""
    small = {"borrowers": 1500, "replications": 8, "months": 12}
    sizes = ["run_off_months=24"]
    return compare(load_scenario(ROOT / "scenarios" / f"{request.param}.toml", sizes, **small)).comparison.ledgers


def test_own_and_others_are_the_gross(ledgers):
    """Profit, cash, balance and net loss of lender, insurer and partner sum to those of the book, in every cell."""
    for ledger in ledgers.values():
        check_shares(ledger)


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
        (["policy.stop_loss.cap=0.02"], "policy.stop_loss.deductible"),
        (["policy.quota_share.share=0.2"], "policy.stop_loss.share"),  # 0.2 and 0.9 of the loss from 2.5 % on
        (["policy.quota_share.cap=0.025", "policy.quota_share.claim_dpd=60"], "policy.quota_share.claim_dpd"),
        (["policy.write_off.at_dpd=60", "policy.quota_share.cap=0.025"], "policy.quota_share.claim_dpd"),
    ],
)
def test_cover_that_cannot_be_is_refused_with_its_key(overrides, key):
    """A share over 1, a deductible above the cap, shares of one loss over 1, two triggers, claims after write-off."""
    with pytest.raises(UserError) as error:
        load_scenario(INSURANCE, [*BOTH_ON, *overrides])

    assert key in {problem.key for problem in error.value.problems}


INSURED = 'share = 0.6\n[policy.insurer]\nkind = "credit_insurance"\npremium = 0.01\nshare = 0.5\n'


@pytest.mark.parametrize(
    ("partners", "keys"),
    [
        ({"one": INSURED}, set()),  # half of the lender's 40 % is insured
        ({"one": INSURED, "other": "share = 0.5\n"}, {"policy.one.share", "policy.other.share"}),
        ({"one": f"start = 2\n{INSURED}"}, {"policy.one.start"}),
        ({"one": f"end = 9\n{INSURED}"}, {"policy.one.end"}),
        ({"one": f"end = 9\n{INSURED}start = 10\n"}, set()),  # left before the cover began
    ],
)
def test_partners_of_insured_accounts(tmp_path, partners, keys):
    """Partners share no more than all, and neither join nor leave what is insured already."""
    path = tmp_path / "both.toml"
    tables = "".join(f'[policy.{name}]\nkind = "joint_lending"\n{terms}' for name, terms in partners.items())
    path.write_text(f'extends = "{BASE}"\ntitle = "Both"\n{tables}', encoding="utf-8")
    if not keys:
        load_scenario(path)
        return
    with pytest.raises(UserError) as error:
        load_scenario(path)

    assert {problem.key for problem in error.value.problems} == keys

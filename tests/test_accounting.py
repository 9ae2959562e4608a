"""Accounting views of the same books: classes, stages, expected loss, allowances."""

import numpy as np
import pytest

import toy_book
from conftest import ROOT
from simulator.analysis.accounting.cecl import cecl_allowance
from simulator.analysis.accounting.five_class import ABOVE, CLASSES, bucket_classes, class_balance, five_class
from simulator.analysis.accounting.ifrs9 import (
    BEHAVIOURAL_LIFE,
    STAGES,
    coverage,
    ifrs9_allowance,
    opening_ecl,
    own_stage_balance,
    stage_balance,
    stage_loss,
)
from simulator.analysis.accounting.loss_chain import (
    YEAR,
    Accounts,
    Experience,
    accounts,
    bucket_balance,
    drawn_loss,
    expected_loss,
    experience,
    pooled,
    rate,
)
from simulator.analysis.ledger import Ledger, Settlement
from simulator.analysis.measures import MEASURES
from simulator.model.layout import BUCKETS, FLOWS, LINE, LOAN, N_TO, TO_FORGIVEN, TO_SOLD, TO_WRITTEN_OFF
from simulator.policy.risk_transfer import Insurance, Partner
from simulator.scenario.reader import load_scenario
from simulator.study import compare


@pytest.fixture(scope="module")
def ledger():
    """Return the baseline of the shipped line, small, with its run-off; claims expire within it."""
    changes = ["run_off_months=36", "policy.write_off.expire_months=13"]
    scenario = load_scenario(ROOT / "scenarios" / "huabei.toml", changes, borrowers=3000, replications=20, months=12)
    return compare(scenario).comparison.ledgers["baseline"]


@pytest.fixture(scope="module")
def forgiving():
    """Return a small lender of lines that begins plans at 60 days past due and forgives three tenths."""
    sizes = {"borrowers": 2000, "replications": 6, "months": 18}
    changes = ["policy.plan.enabled=true", "policy.plan.forgiven=0.3", "run_off_months=18"]
    scenario = load_scenario(ROOT / "scenarios" / "hardship.toml", changes, **sizes)
    scenario.variants.clear()
    return compare(scenario).comparison.ledgers["baseline"]


@pytest.mark.parametrize(
    ("rule", "dpd", "name"),
    [
        ("general", 0, "normal"),
        ("general", 1, "special_mention"),
        ("general", 90, "special_mention"),
        ("general", 91, "substandard"),
        ("general", 270, "substandard"),
        ("general", 271, "doubtful"),
        ("general", 360, "doubtful"),
        ("general", 361, "loss"),
        ("card", 90, "special_mention"),
        ("card", 91, "substandard"),
        ("card", 120, "substandard"),
        ("card", 121, "doubtful"),
        ("card", 180, "doubtful"),
        ("card", 181, "loss"),
    ],
)
def test_a_class_begins_above_its_days(rule, dpd, name):
    """Both sides of every bound, day 90 among them, are told apart."""
    assert CLASSES[five_class(dpd, rule)] == name


def test_buckets_are_classed_as_the_rules_on_buckets_say():
    """More than 90 is bucket 3 and worse, more than 270 bucket 9, more than 360 bucket 12."""
    classes = bucket_classes("general").tolist()
    assert [classes.index(CLASSES.index(name)) for name in CLASSES] == [0, 1, 3, 9, 12]
    assert sorted(classes) == classes and len(classes) == BUCKETS


@pytest.mark.parametrize("rule", ABOVE)
@pytest.mark.parametrize("lender", ["ledger", "forgiving"])
def test_the_classes_are_the_book(request, lender, rule):
    """The balances of the five classes sum to the open balance, month by month, over all replications."""
    ledger = request.getfixturevalue(lender)
    classes = sum(class_balance(ledger, rule, name) for name in CLASSES)
    assert np.array_equal(classes[:, 1:].sum(axis=0), ledger["balance"][:, 1:].sum(axis=0))


@pytest.mark.parametrize("lender", ["ledger", "forgiving"])
def test_the_stages_are_the_book(request, lender):
    """Stages 1, 2 and 3 sum to the open balance in every cell, and none of them is negative."""
    ledger = request.getfixturevalue(lender)
    stages = [stage_balance(ledger, k) for k in (1, 2, 3)]
    assert np.array_equal(sum(stages), ledger["balance"])
    assert all((stage >= np.minimum(ledger["balance"], 0)).all() for stage in stages)
    assert np.array_equal(stages[2], ledger["balance_dpd90"] + ledger["balance_probation"])


def booked(**stocks):
    """Return a ledger of one replication whose stocks in month 1 are as given in one cell, and nothing else is."""
    frame = toy_book.frame(replications=1, months=1, run_off_months=0)
    sums = toy_book.book(frame, 1)
    sums = sums._replace(rolls=np.zeros_like(sums.rolls), flows=np.zeros_like(sums.flows))
    for name, amount in stocks.items():
        sums.flows[0, 0, 1, 0, LINE, FLOWS.index(name)] = amount
    for bucket, later in enumerate(("balance_dpd30", "balance_dpd60", "balance_dpd90", None)):
        above = stocks.get(later, 0)
        now = stocks.get(("balance", "balance_dpd30", "balance_dpd60", "balance_dpd90")[bucket], 0)
        sums.rolls[0, 1, 0, LINE, 0, bucket, 1] = now - above
    return Ledger("booked", sums, frame, Settlement())


def test_a_restructured_account_is_not_in_stage_1_and_a_cured_one_stays_in_stage_3():
    """By hand: of 1,000 with nothing past due 120 are watched and 50 on probation, of 300 that are late 20 are."""
    book = booked(
        balance=1000 + 300 + 80, balance_dpd30=380, balance_dpd60=100, balance_dpd90=80,
        balance_watched=120, balance_probation=70, balance_probation_dpd30=20,
    )  # fmt: skip
    stages = [stage_balance(book, k)[0, 1, 0, LINE] for k in (1, 2, 3)]
    classes = {rule: [class_balance(book, rule, name)[0, 1, 0, LINE] for name in CLASSES] for rule in ABOVE}

    assert stages == [1000 - 120 - 50, 300 - 20 + 120, 80 + 70]
    assert classes["general"] == [1000 - 170, 300 + 170, 80, 0, 0]
    assert classes["card"] == [1000, 300, 80, 0, 0]  # its rule knows days only


def test_plans_leave_stage_1_and_the_normal_class(forgiving):
    """In a run with plans some balance with nothing past due is watched, and it is in stage 2 and special mention."""
    watched = forgiving["balance_watched"].sum()
    late = forgiving["balance_dpd30"] - forgiving["balance_dpd90"] - forgiving["balance_probation_dpd30"]

    assert watched > 0 and forgiving["balance_probation"].sum() > 0
    assert (stage_balance(forgiving, 2) - late).sum() == watched


def test_later_stages_are_provided_for_more(ledger):
    """Coverage rises from stage to stage and lies between nothing and everything."""
    line = coverage(ledger)[0]
    assert 0 < line[0] < line[1] < line[2] < 1


def test_the_opening_book_is_provided_for_less_than_everybody_loses(ledger):
    """Expected loss of the opening book is above nothing and below the net loss of it and all later lending."""
    ecl = opening_ecl(ledger, stage_loss).sum(axis=-1)

    assert (ecl > 0).all()
    assert ecl.mean() < ledger.total("net_loss").sum() / ledger.frame.replications


def test_lifetime_from_day_one_is_more_than_twelve_months():
    """Of loans the CECL allowance is at least that of IFRS 9, which provides for a year only in stage 1.

    Not so of lines: CECL leaves out what may still be drawn.
    """
    toy = toy_book.ledger()
    assert (cecl_allowance(toy) - ifrs9_allowance(toy) >= -1e-6)[..., LOAN].all()
    assert cecl_allowance(toy)[..., LINE].sum() < ifrs9_allowance(toy)[..., LINE].sum()


def test_twelve_months_of_lines_are_the_defaults_that_come(ledger):
    """What is provided for a year's defaults is, undiscounted, what they owe at default times what of that is lost.

    The run has 12 months of lending, few new accounts, and the same rolls, so the two differ by a tenth at most. The
    run-off of today's balance would give less than half of it.
    """
    loss = expected_loss(pooled(experience(ledger, 1, ledger.frame.horizon)), discounted=False)
    shown = pooled(accounts(ledger, 1, 12))
    count = ledger.rolls[:, 1, ..., :BUCKETS, :, 0].sum(axis=(0, 1, -1))[LINE]
    balance = bucket_balance(ledger)[:, 0].sum(axis=(0, 1))[LINE]
    expected = (count * drawn_loss(shown, loss, YEAR)[0, LINE]).sum()
    run_off = (balance * loss.year[0, LINE])[:3].sum()
    simulated = ledger.total("default_balance")[:, 1:13].sum() * loss.lifetime[0, LINE, 3]

    assert expected == pytest.approx(simulated, rel=0.1)
    assert run_off < 0.5 * simulated


def test_a_rate_over_nothing_is_nothing():
    """0 / 0 is 0, not NaN: a stage in which nothing ever stood needs no allowance."""
    assert rate(np.array([0.0, 1.0]), np.array([0.0, 2.0])).tolist() == [0.0, 0.5]
    assert [stage.start for stage in STAGES] == [0, 1, 3]


# ---- the chain ------------------------------------------------------------------------------------


def seen(rows, **others):
    """Return the Experience of one product from {bucket: (opening, {to: balance}, written off, sold)}."""
    by_bucket = ("start", "end", "opening", "lent", "written_off", "sold", "forgiven")
    fields = {name: np.zeros((1, 1, BUCKETS)) for name in by_bucket}
    fields["moved"] = np.zeros((1, 1, BUCKETS, BUCKETS))
    fields |= {name: np.full((1, 1), float(others.get(name, 0))) for name in Experience._fields if name not in fields}
    for bucket, (opening, moved, written_off, sold) in rows.items():
        for name, x in (("opening", opening), ("written_off", written_off), ("sold", sold)):
            fields[name][0, 0, bucket] = x
        for to, x in moved.items():
            fields["moved"][0, 0, bucket, to] = x
    return Experience(**fields)


def test_expected_loss_is_what_can_be_worked_out_by_hand():
    """V0 = V0 / 2 + V1 / 10 and V1 = 2 V0 / 5 + 1 / 2 without a discount: V1 = 0.5 / 0.92, V0 = V1 / 5."""
    loss = expected_loss(seen({0: (1000, {0: 500, 1: 100}, 0, 0), 1: (100, {0: 40}, 50, 0)}))

    assert loss.lifetime[0, 0, :2] == pytest.approx([0.1 / 0.92, 0.5 / 0.92], rel=1e-12)


def test_what_comes_back_and_what_is_sold_lowers_the_loss():
    """Written off with a quarter back of what leaves the book, and sold at a tenth: 0.5 x 0.75 + 0.2 x 0.9."""
    loss = expected_loss(
        seen({3: (100, {}, 50, 20)}, proceeds=2, book=1000, back=10, gone=40),
    )

    assert loss.lifetime[0, 0, 3] == pytest.approx(0.5 * 0.75 + 0.2 * 0.9, rel=1e-12)


def test_losses_are_discounted_at_the_interest_the_book_earns():
    """At 1 % a month what is written off in two months' time is worth 1 / 1.01 squared of itself."""
    loss = expected_loss(seen({2: (100, {3: 100}, 0, 0), 3: (100, {}, 100, 0)}, interest=2))

    assert loss.lifetime[0, 0, 2:4] == pytest.approx([1.01**-2, 1.01**-1], rel=1e-12)


def test_twelve_months_see_defaults_of_twelve_months_and_all_of_their_loss():
    """Of balance that defaults at 1 % a month and is written off years later, a year's defaults are provided for."""
    slow = seen({0: (100, {0: 99, 3: 1}, 0, 0), 3: (100, {3: 90}, 10, 0)})
    loss = expected_loss(slow)

    assert loss.lifetime[0, 0, [0, 3]] == pytest.approx([1, 1], abs=0.01)
    assert loss.year[0, 0, 0] == pytest.approx((1 - 0.99**12) * loss.lifetime[0, 0, 3], rel=1e-9)
    assert loss.year[0, 0, 3] == loss.lifetime[0, 0, 3]


def shown(opening, **moves):
    """Return the Accounts of one product from {bucket: accounts} and to_<column>=(from, accounts, balance)."""
    made = Accounts(*(np.zeros((1, 1, BUCKETS, *more)) for more in ((), (), (BUCKETS,), (N_TO,))))
    for bucket, count in opening.items():
        made.opening[0, 0, bucket] = count
    for column, (bucket, count, balance) in moves.items():
        to = int(column.removeprefix("to_"))
        made.owing[0, 0, bucket, to] = balance
        if to < BUCKETS:
            made.went[0, 0, bucket, to] = count
    return made


def test_what_is_drawn_before_default_is_provided_for():
    """By hand: 1 account of 100 defaults a month, with 500; four fifths of that are lost; 98 stay."""
    book = shown({0: 100}, to_0=(0, 98, 9800), to_3=(0, 1, 500))
    loss = expected_loss(seen({3: (100, {}, 80, 0)}), discounted=False)
    a_month, a_year = (drawn_loss(book, loss, months)[0, 0] for months in (1, YEAR))

    assert loss.lifetime[0, 0, 3] == 0.8
    assert a_month[0] == pytest.approx(500 * 0.8 / 100, rel=1e-12)
    assert a_year[0] == pytest.approx(500 * 0.8 / 100 * (1 - 0.98**12) / 0.02, rel=1e-12)
    assert not a_year[3:].any()


def test_a_loss_before_90_days_is_a_default_of_the_twelve_months():
    """Written off, sold at a tenth or forgiven from bucket 1: each by what of its balance is lost."""
    found = seen({3: (100, {}, 50, 20)}, proceeds=2, book=1000, back=10, gone=40)
    loss = expected_loss(found, discounted=False)
    moves = {f"to_{TO_WRITTEN_OFF}": (1, 2, 100), f"to_{TO_SOLD}": (1, 1, 60), f"to_{TO_FORGIVEN}": (1, 0, 7)}
    expected = (100 * 0.75 + 60 * 0.9 + 7) / 10

    assert drawn_loss(shown({1: 10}, **moves), loss, 1)[0, 0, 1] == pytest.approx(expected, rel=1e-12)


def test_stage_2_of_lines_is_provided_for_over_the_behavioural_life():
    """Stage 1 by a year's defaults of accounts, stage 2 by those of the behavioural life, stage 3 by balance; loans by
    their balance alone."""
    two = [np.repeat(x, 2, axis=1) for x in shown({0: 100, 1: 10}, to_0=(0, 98, 9800), to_3=(0, 1, 500))]
    two[2][0, :, 1, 1], two[3][0, :, 1, 3] = 9, 400  # of 10 in bucket 1 nine stay and one defaults with 400
    book = Accounts(*two)
    found = [np.repeat(x, 2, axis=1) for x in seen({0: (10_000, {0: 5000}, 0, 0), 3: (100, {}, 80, 0)})]
    loss = expected_loss(Experience(*found), discounted=False)
    balance, count = np.zeros((1, 2, BUCKETS)), np.zeros((1, 2, BUCKETS))
    balance[..., [0, 1, 3]], count[..., [0, 1, 3]] = (9000, 3000, 700), (90, 30, 2)
    line, loan = stage_loss(loss, book, balance, count)[0]

    assert line[0] == pytest.approx(90 * 4 * (1 - 0.98**YEAR) / 0.02, rel=1e-12)
    assert line[1] == pytest.approx(30 * 32 * (1 - 0.9**BEHAVIOURAL_LIFE) / 0.1, rel=1e-12)
    assert line[3] == loan[3] == pytest.approx(700 * 0.8, rel=1e-12)
    assert loan[:2].tolist() == [0, 0]  # no balance of today goes on to default


@pytest.mark.parametrize("last", ["whole", "lending"])
@pytest.mark.parametrize("lender", ["ledger", "forgiving"])
def test_the_chain_has_no_leak(request, lender, last):
    """Undiscounted, the loss expected of the opening book and of all that was lent, less that of what is left, is the
    simulated net loss of the run, whichever of its months the chain has seen, forgiven debt included."""
    ledger = request.getfixturevalue(lender)
    assert lender == "ledger" or ledger.total("forgiven").sum() > 0
    frame, lost = ledger.frame, ledger["net_loss"].sum(axis=(0, 2))
    month = frame.horizon if last == "whole" else frame.months
    shown = pooled(experience(ledger, 1, month))
    expected = ((shown.start + shown.lent - shown.end) * expected_loss(shown, discounted=False).lifetime).sum(axis=-1)
    book = ledger["balance_written_off_book"].sum(axis=(0, 2))
    expected -= rate(shown.back, shown.gone) * book[0]  # what comes back on debt written off before

    assert last == "whole" or book[month].any()  # what is left over brings nothing more
    assert last == "lending" or expected_loss(shown, discounted=False).lifetime[0, 0, 0] > 0
    assert expected[0] == pytest.approx(lost[1 : month + 1].sum(axis=0), rel=1e-9)


def test_the_opening_book_is_split_over_buckets_without_remainder(ledger):
    """Month 0 by bucket sums to the opening balance, and to the known balances at 30, 60 and 90 days."""
    opening = bucket_balance(ledger)[:, 0].sum(axis=0)

    for first, name in ((0, "balance"), (1, "balance_dpd30"), (2, "balance_dpd60"), (3, "balance_dpd90")):
        assert opening[..., first:].sum(axis=-1) == pytest.approx(ledger[name][:, 0].sum(axis=0), rel=1e-12)


# ---- allowances in the profit and loss --------------------------------------------------------------


def test_a_provision_is_the_net_loss_and_the_growth_of_the_allowance():
    """Both ways: charge less net loss is the allowance's growth, and it is what profit loses."""
    toy = toy_book.ledger(sell=4)
    for name, cells in (("ifrs9", ifrs9_allowance), ("cecl", cecl_allowance)):
        total = cells(toy).sum(axis=(2, 3)) / 100
        growth = total[:, -1] - total[:, 0]
        charge = MEASURES[f"provision_{name}"](toy) - MEASURES["net_loss"](toy)

        assert growth.any()
        assert charge == pytest.approx(growth, rel=1e-9)
        assert MEASURES["profit"](toy) - MEASURES[f"profit_{name}"](toy) == pytest.approx(growth, rel=1e-9)


def test_every_variant_provides_at_its_own_coverage():
    """A variant with other rolls has the ratios of allowance to stage that its own rolls show; the book it opens with
    has been provided for by the baseline, and the step between them is in the provision of month 1."""
    baseline, riskier = toy_book.ledger(), toy_book.ledger("other", forward=1.5)
    other = Ledger("other", riskier.sums, riskier.frame, riskier.settlement, baseline)
    ratios, stages = coverage(other), [stage_balance(other, k) for k in (1, 2, 3)]
    expected = sum(balance * ratios[:, k] for k, balance in enumerate(stages))
    gap = {name: MEASURES[name](other) - MEASURES[name](baseline) for name in ("net_loss", "provision_ifrs9")}
    left = (ifrs9_allowance(other) - ifrs9_allowance(baseline))[:, -1].sum(axis=(1, 2)) / 100

    assert ifrs9_allowance(other)[:, 1:] == pytest.approx(expected[:, 1:], rel=1e-12)
    assert np.array_equal(ifrs9_allowance(other)[:, 0], ifrs9_allowance(baseline)[:, 0])
    assert (ratios > coverage(baseline)).sum() >= 4
    assert gap["provision_ifrs9"] == pytest.approx(gap["net_loss"] + left, rel=1e-9)


def test_a_lender_provides_for_its_own_part():
    """With a partner of 40 % the allowance is 60 % of the whole, and so is the expected loss at the opening."""
    whole = toy_book.ledger()
    partner = Partner(1, 99, (0, 1), (LINE, LOAN), share=0.4, fee=0.0)
    own = Ledger("own", whole.sums, whole.frame, Settlement(transfers=(partner,)))

    assert ifrs9_allowance(own) == pytest.approx(0.6 * ifrs9_allowance(whole), rel=1e-12)
    assert opening_ecl(own, stage_loss) == pytest.approx(0.6 * opening_ecl(whole, stage_loss), rel=1e-12)


def test_what_an_insurer_has_paid_for_needs_no_allowance():
    """With half of each claim paid, its half is gone from stage 3, from stage 2 what is more than that, and no more."""
    whole = toy_book.ledger()
    cover = Insurance(1, 99, (0, 1), (LINE, LOAN), 0.0, False, 0.5, 0.0, np.inf, 12, 1.0)
    own = Ledger("own", whole.sums, whole.frame, Settlement(transfers=(cover,)))
    left = [own_stage_balance(own, stage) for stage in (1, 2, 3)]
    gone = [stage_balance(whole, stage) - left[stage - 1] for stage in (1, 2, 3)]

    assert own["insurer_balance"].any() and min(balance.min() for balance in left) >= 0
    assert np.array_equal(sum(gone), own["insurer_balance"])
    assert not ((gone[1] > 0) & (left[2] > 0)).any() and not ((gone[0] > 0) & (left[1] > 0)).any()
    assert ifrs9_allowance(own).sum() < ifrs9_allowance(whole).sum()

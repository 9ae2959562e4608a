"""Seasons, stops of income and the reporting day: what they move, whom, and that without them nothing moves."""

import numpy as np
import pytest

from conftest import ROOT
from simulator.analysis.accounting.five_class import class_balance
from simulator.analysis.measures import MEASURES
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from simulator.model.layout import (
    FLOWS,
    M_COLLECTION,
    M_EARNED,
    M_FORGET,
    M_INCOME_INDEX,
    M_INCOME_LEFT,
    M_JOB_FIND,
    M_PRICE_FACTOR,
    M_SPENDING,
    M_STOPPED,
    STOP_BITS,
    UNIT,
)
from simulator.report.phrasing import calendar, setting
from simulator.scenario.reader import load_scenario
from simulator.study import simulate

FEBRUARY, NOVEMBER = 1, 10  # from January, 0
FLAT = [1.0] * 12
# Mean 1: November 1.25, and what that takes from the others.
SALES = [1.25 if month == NOVEMBER else 10.75 / 11 for month in range(12)]
PEOPLE = {
    "share": 1.0,
    "line_holders": 1.0,
    "line_limit": 100_000,
    "income": {"distribution": "lognormal", "mean": 6000, "sigma": 0.4},
    "living_cost": 0.5,
    "spending": 0.2,
    "buffer": 0.5,
    "buffer_cap": 2.0,
}
BOOK = {
    "title": "A book in a year",
    "months": 24,
    "replications": 12,
    "seed": 7,
    "start_month": 3,
    "portfolio": {"borrowers": 2000},
    "segment": {"all": PEOPLE},
    "products": {"line": {"minimum_share": 0.2}},
    "behaviour": {
        "model": "structural",
        "structural": {
            "will_not": 0.002,
            "spending_variation": 0.5,
            "paid_in_month": {
                "current": {cause: {"by_day_7": 0.4, "by_day_30": 0.8} for cause in ("forgot", "short", "will_not")}
            },
        },
    },
}


def book(**changes):
    """Return the ledger of BOOK with these keys (dots as __) changed."""
    scenario = load_scenario(BOOK, {key.replace("__", "."): value for key, value in changes.items()})
    return simulate(scenario).comparison.ledgers["baseline"]


def point(month, **given):
    """Return a point of an economy's path with no unemployment."""
    return {"month": month, "unemployment": 0.0, **given}


def of_the_year(ledger, name, month):
    """Return float64[replication]: a flow in a calendar month of the second year, as a multiple of the year's mean."""
    flows = ledger.total(name)[:, 13:].astype(float)
    calendar_of = (np.arange(12) + BOOK["start_month"] - 1) % 12
    return flows[:, calendar_of == month].mean(axis=1) / flows.mean(axis=1)


def is_within(samples, value):
    """Return whether a mean is within four standard errors of a value."""
    return abs(samples.mean() - value) < 4 * samples.std(ddof=1) / np.sqrt(len(samples))


# ---- seasons ---------------------------------------------------------------------------------------------------------
def test_november_is_as_much_more_as_the_season_says():
    """Spending in November is 1.25 of the year's mean where the season says so; in a flat year it is 1 and not 1.25."""
    november = of_the_year(book(seasons__spending=SALES), "new_credit", NOVEMBER)
    flat = of_the_year(book(), "new_credit", NOVEMBER)

    assert is_within(november, 1.25) and not is_within(november, 1.0)
    assert is_within(flat, 1.0) and not is_within(flat, 1.25)


def test_entry_into_arrears_peaks_in_the_month_of_forgetting():
    """Twice as much forgetting in February is about twice as many forgotten dues there; a flat year has no peak."""
    factors = [2.0 if month == FEBRUARY else 1.0 for month in range(12)]
    changes = {"segment__all__forget": 0.05, "behaviour__structural__will_not": 0.0}
    peak = of_the_year(book(seasons__forgetting=factors, **changes), "n_missed_forgot", FEBRUARY)
    flat = of_the_year(book(**changes), "n_missed_forgot", FEBRUARY)

    assert is_within(peak, 2 / (13 / 12)) and not is_within(peak, 1.0)
    assert is_within(flat, 1.0)


def test_a_year_of_ones_is_no_season():
    """Factors of 1 and any first month give every integer of a book without them."""
    flat = {f"seasons__{name}": FLAT for name in ("spending", "forgetting", "income", "collection")}
    with_seasons, without = book(start_month=11, **flat).sums, book().sums

    assert all(np.array_equal(one, other) for one, other in zip(with_seasons, without, strict=True))


def test_the_calendar_goes_on_from_the_start_month():
    """Month 1 has the factor of the start month, month 13 has it again; month 0 has none; growth goes on beside it."""
    factors = {name: [1 + (k + shift) / 16 for k in range(12)] for shift, name in enumerate(("spending", "forgetting"))}
    settings = load_scenario(BOOK, {"seasons": factors, "start_month": 11, "economy.income_growth": 0.1}).baseline
    economy = lower(settings).tables.economy[0, :, 0]
    growth = 1.1 ** (np.arange(25) / 12)
    of_month = [1.0, *(factors["spending"][(10 + month) % 12] for month in range(24))]

    assert economy[:, M_SPENDING].tolist() == np.floor(growth * of_month * UNIT + 0.5).astype(int).tolist()
    assert economy[[0, 1, 2, 3, 13], M_FORGET].tolist() == [UNIT, UNIT * 27 // 16, UNIT * 28 // 16, UNIT * 17 // 16,
                                                            UNIT * 27 // 16]  # fmt: skip
    assert np.array_equal(economy[:, M_EARNED], economy[:, M_INCOME_INDEX])
    assert economy[:, M_COLLECTION].tolist() == [UNIT] * 25


def test_a_roll_matrix_spends_by_season_and_not_by_growth():
    """Under roll_rates usual spending is a share of the limit, which does not grow with incomes."""
    changes = {"behaviour.model": "roll_rates", "economy.income_growth": 0.1, "seasons.spending": SALES}
    changes["behaviour.roll_rates.line"] = {"states": [{"name": "c", "bucket": 0}], "matrix": [[1.0]]}
    economy = lower(load_scenario(BOOK, changes).baseline).tables.economy[0, :, 0]

    assert economy[9, M_SPENDING] == UNIT * 5 // 4
    assert len(set(economy[1:, M_SPENDING].tolist())) == 2


def test_a_bonus_is_earned_but_is_no_usual_pay():
    """The month after a month of double pay begins with more cash; who has none is helped by it alone."""
    bonus = [2.0 if month == FEBRUARY else 1.0 for month in range(12)]
    changes = {"segment__all__living_cost": 0.95, "segment__all__buffer": 0.0, "start_month": 1, "months": 2}
    more, less = (book(seasons__income=factors, **changes).total("n_missed_short") for factors in (bonus, FLAT))

    assert np.array_equal(more[:, :2], less[:, :2])
    assert more[:, 2].sum() < less[:, 2].sum()


def test_collectors_work_what_the_month_lets_them():
    """A capacity of 0.7 in February works 0.7 of the contacts that would be made; in other months all are."""
    level = {"from_dpd": 0, "to_dpd": 90, "day": 5, "cost": 2.0, "effect": {"will_not": 0.2}}
    ladder = {"kind": "collections", "levels": {"call": level}}
    factors = [0.7 if month == FEBRUARY else 1.0 for month in range(12)]
    ledger = book(seasons__collection=factors, policy__calls=ladder, behaviour__structural__will_not=0.05)
    made = ledger.total("n_contacts_call")[:, 2:] / ledger.total("n_contacts_wanted")[:, 2:]
    calendar_of = (np.arange(23) + 3) % 12

    assert is_within(made[:, calendar_of == FEBRUARY].mean(axis=1), 0.7)
    assert (made[:, calendar_of != FEBRUARY] == 1).all()


# ---- a stop of income ------------------------------------------------------------------------------------------------
STOP = [point(1), point(4), point(5, stopped=1.0), point(7, stopped=1.0), point(8)]


def test_a_stop_of_income_is_felt_by_the_exposed_alone():
    """Missed dues rise in the segment that is exposed; the other has every integer of a world without a stop."""
    halves = {"segment": {name: PEOPLE | {"share": 0.5} for name in ("exposed", "safe")}}
    halves["segment"]["exposed"]["exposed"], halves["segment"]["safe"]["exposed"] = 1.0, 0.0
    world = {key: value for key, value in BOOK.items() if key != "segment"} | halves
    stopped, calm = (
        simulate(load_scenario(world, {"economy.path": path})).comparison.ledgers["baseline"] for path in (STOP, [])
    )
    missed, usual = (ledger["n_missed"][..., 0].sum(axis=0) for ledger in (stopped, calm))

    assert np.array_equal(stopped.sums.flows[:, :, :, 1], calm.sums.flows[:, :, :, 1])
    assert np.array_equal(missed[:5], usual[:5])
    assert missed[7, 0] > 10 * usual[7, 0]  # what they had saved is gone


def test_the_same_people_are_stopped_first_and_last():
    """A stop of a tenth, of a third and of a tenth again hits, the second time, nobody whom the first spared."""
    path = [point(1, stopped=0.1), point(2, stopped=0.333), point(3, stopped=0.1)]
    economy = lower(load_scenario(BOOK, {"economy.path": path, "economy.exposed": 0.5}).baseline).tables.economy[0]

    assert economy[:5, 0, M_STOPPED].tolist() == [0, *(round((1 << STOP_BITS) * s / 2) for s in (0.1, 0.333, 0.1, 0.1))]
    assert (economy[:, 0, M_INCOME_LEFT] == 0).all()


def test_a_stop_that_leaves_all_income_is_none():
    """With everything left to them, those whose income has stopped live the months of those whose has not."""
    stopped = book(economy__path=STOP, economy__income_left=1.0).sums

    assert all(np.array_equal(one, other) for one, other in zip(stopped, book().sums, strict=True))


def test_china_in_2020_stops_and_comes_back():
    """The shipped stop is 30 % of a third in month 1 and over in month 6; collection, jobs and prices as it says."""
    scenario = load_scenario(ROOT / "scenarios" / "downturn.toml")
    economy = lower(scenario.worlds["china_2020"].baseline).tables.economy[0, :, 0]
    calm = lower(scenario.baseline).tables.economy[0, :, 0]
    stopped = [round((1 << STOP_BITS) * 0.333 * share) for share in (0.3, 0.2, 0.1, 0.05, 0.02, 0)]

    assert economy[1:7, M_STOPPED].tolist() == stopped
    assert economy[1:6, M_COLLECTION].tolist() == [round(UNIT * c) for c in (0.5, 0.7, 0.9, 1, 1)]
    assert (2 * economy[1:4, M_JOB_FIND] - calm[1:4, M_JOB_FIND]).tolist() == [0, 0, 0]
    assert (economy[[5, 6, 18, 19], M_PRICE_FACTOR] / UNIT).round(3).tolist() == [1.0, 0.6, 0.6, 1.0]


# ---- the reporting day -----------------------------------------------------------------------------------------------
def test_late_on_day_seven_is_missed_and_not_paid_in_seven_days():
    """In every cell who is 1 to 29 days late on day 7 is who missed a due less who had paid it by day 7."""
    ledger = book(reporting_day=7, seasons__spending=SALES)
    late = ledger["n_missed"] - ledger["n_cured_7"]

    assert late.sum() > 500 and np.array_equal(ledger["n_dpd1"], late)
    assert (ledger["balance_dpd1"][ledger["n_dpd1"] > 0] > 0).all()


def test_on_the_due_date_nobody_is_a_few_days_late():
    """Without a reporting day nothing is counted, nothing else moves, and there are no such measures."""
    without, on_day_20 = book(), book(reporting_day=20)
    counted = [name for name in FLOWS if not np.array_equal(without[name], on_day_20[name])]

    assert counted == ["n_dpd1", "balance_dpd1", "balance_dpd1_current"]
    assert not without["n_dpd1"].any()
    measure = MEASURES["dpd1_29_share_count"]
    assert measure.applies_to(on_day_20.frame) and not measure.applies_to(without.frame)


def test_the_share_a_few_days_late_is_of_all_accounts():
    """dpd1_29 shares are who is late on the reporting day of the last month, of accounts and balance at its end."""
    ledger = book(reporting_day=20)
    for of, late, whole in (("count", "n_dpd1", "n_accounts"), ("balance", "balance_dpd1", "balance")):
        expected = ledger.total(late)[:, 24] / ledger.total(whole)[:, 24]

        assert expected.any() and np.array_equal(MEASURES[f"dpd1_29_share_{of}"](ledger), expected)


@pytest.mark.parametrize("rule", ["general", "card"])
def test_special_mention_has_those_who_paid_since(rule):
    """Who was late on the reporting day and current at month end is special mention instead of normal, nothing else."""
    without, on_day_20 = book(), book(reporting_day=20)
    moved = {name: class_balance(on_day_20, rule, name) - class_balance(without, rule, name)
             for name in ("normal", "special_mention", "substandard")}  # fmt: skip

    assert moved["special_mention"].sum() == on_day_20["balance_dpd1_current"].sum() > 0
    assert np.array_equal(moved["normal"], -moved["special_mention"]) and not moved["substandard"].any()


# ---- words -----------------------------------------------------------------------------------------------------------
def test_months_have_names_where_the_first_has_one():
    """A run that begins in March says so, and its month 11 is January; without a start month there are only numbers."""
    frame = book(months=2).frame

    assert [calendar(frame, month) for month in (1, 11, 12, 13)] == ["Mar", "Jan", "Feb", "Mar"]
    assert "2 months of lending from March on" in setting(frame)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"start_month": 13}, "start_month", "12"),
        ({"seasons.spending": [1.0] * 11}, "seasons.spending", "12"),
        ({"seasons.winter": FLAT}, "seasons.winter", "unknown key"),
        ({"reporting_day": 30}, "reporting_day", "29"),
        ({"economy.path": [point(1, stopped=1.5)]}, "economy.path.0.stopped", "1"),
    ],
)
def test_what_cannot_be_is_said(changes, key, words):
    """A month that is none, a year of eleven months and a share above 1 are refused by their key."""
    with pytest.raises(UserError) as error:
        load_scenario(BOOK, changes)

    assert key in str(error.value) and words in str(error.value)


def test_a_roll_matrix_has_no_season_but_spending():
    """Who moves between the states of a matrix does not forget, earn or meet collectors: such seasons are refused."""
    changes = {"behaviour.model": "roll_rates", "seasons.income": [2.0] * 12, "seasons.spending": SALES}
    changes["behaviour.roll_rates.line"] = {"states": [{"name": "c", "bucket": 0}], "matrix": [[1.0]]}
    with pytest.raises(UserError, match=r"seasons\.income: found one") as error:
        load_scenario(BOOK, changes)

    assert "seasons.spending:" not in str(error.value)


def test_seasons_need_a_first_month():
    """Factors by calendar month mean nothing where month 1 is no calendar month."""
    world = {key: value for key, value in BOOK.items() if key != "start_month"}
    with pytest.raises(UserError, match="start_month: missing"):
        load_scenario(world | {"seasons": {"spending": SALES}})

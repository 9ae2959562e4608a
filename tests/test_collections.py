"""The ladder's reach, order and conduct; trials before plans; fraud found in review; what debt brings after 90 days."""

import numpy as np
import pytest

import worlds
from simulator.model.fixed_point import q31
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.policy import Others
from simulator.policy.book import Book
from test_policies import policy, written
from test_settlement import EVERYBODY, total
from test_twin import kernel

CALL = {"to_dpd": 90, "day": 10, "cost": 3.0, "effect": {"forgot": 0.4, "will_not": 0.1}}


def lived(policies, change, **options):
    """Return the flows of a world of those groups of levers, after `change` to its tables and levers."""
    world = worlds.world("collected", **{"policies": policies, **EVERYBODY, **options})
    change(world.tables, world.levers)
    return kernel(world, True).flows


# ---- trials before plans ---------------------------------------------------------------------------
def offered(trial=3, drops=0, plan_drops=0, **options):
    """Return the flows of a world in which everybody short of cash is offered a plan of a year from 30 days on."""

    def change(tables, levers):
        month = levers.month
        month[..., V_PLAN_BUCKET], month[..., V_PLAN_CHANCE], month[..., V_PLAN_MONTHS] = 1, ONE, 12
        month[..., V_PLAN_FORGIVE] = ONE // 10
        month[..., V_TRIAL_MONTHS], month[..., V_TRIAL_DROPS] = trial, drops
        month[..., V_PLAN_DROPS] = month[..., V_PLAN_DROPS_EARLY] = plan_drops

    return lived((), change, **options)


def test_a_plan_stands_after_its_trial():
    """With a trial of three months no plan begins in the first three; begun are at most those that did not fail."""
    flows, none = offered(), offered(trial=0)
    trials, failed, plans = (total(flows, name) for name in (F_N_TRIALS, F_N_TRIALS_FAILED, F_N_PLANS))
    first = np.flatnonzero(flows[..., F_N_TRIALS].sum((0, 1, 3, 4)))[0]

    assert trials > 100 and 0 < plans <= trials - failed and total(none, F_N_TRIALS) == 0 < total(none, F_N_PLANS)
    assert flows[:, :, : first + 3, ..., F_N_PLANS].sum() == 0 < flows[:, :, first + 3, ..., F_N_PLANS].sum()
    assert flows[:, :, : first + 3, ..., F_FORGIVEN].sum() == 0


def test_who_passes_a_trial_keeps_the_plan_more_often():
    """A trial finds out who can pay: fewer of the plans that stand are broken a month."""
    hazards = [total(f, F_N_PLANS_BROKEN) / total(f, F_N_PLAN_MONTHS) for f in (offered(), offered(trial=0))]

    assert hazards[0] < 0.8 * hazards[1]


def test_trials_and_plans_that_are_given_up_end():
    """Given up at once by all, no trial is passed; given up in any month, no plan lives a second one."""
    trials, plans = offered(drops=ONE), offered(trial=0, plan_drops=ONE)

    assert total(trials, F_N_TRIALS) > total(trials, F_N_TRIALS_FAILED) > 100 and total(trials, F_N_PLANS) == 0
    assert total(plans, F_N_PLANS_BROKEN, F_N_PLANS_KEPT) == total(plans, F_N_PLAN_MONTHS) > 100


@pytest.mark.parametrize("pause", [0, 3, 12])
def test_a_plan_is_followed_by_another_only_after_the_pause(pause):
    """Where all ask for plans of a month, two beginnings are the pause or more apart, and some hardly more."""
    world = worlds.world("again", products="line", policies=(), sizes=(60,), months=30)
    month = world.levers.month
    month[..., V_PLAN_BUCKET], month[..., V_PLAN_CHANCE], month[..., V_PLAN_MONTHS] = 1, ONE, 1
    month[..., V_PLAN_PAUSE] = pause
    begun, gaps = {}, []

    def see(at, store):
        for place in np.argwhere(store[:, :, LINE_AT + MARKS] >> WATCHED_AT == WATCHED_MONTHS).tolist():
            if tuple(place) in begun:
                gaps.append(at - begun[tuple(place)])
            begun[tuple(place)] = at

    kernel(world, True, [(m, m) for m in range(1, 31)], see)
    assert len(begun) > 20 and len(gaps) > 5
    assert pause <= min(gaps) <= max(pause, 2) + 1


def test_an_account_in_a_trial_stays_as_late_as_it_was():
    """Where the bucket moves by trials alone, an account of bucket 1 is there until its plan begins, or is worse."""
    world = worlds.world("held", policies=(), sizes=(60,), months=8)
    month = world.levers.month
    month[..., V_PLAN_BUCKET], month[..., V_PLAN_CHANCE], month[..., V_PLAN_MONTHS] = 1, ONE, 12
    month[..., V_TRIAL_MONTHS] = 3
    seen = {}

    def see(at, store):
        seen[at] = store.copy()

    kernel(world, True, [(m, m) for m in range(1, 9)], see)
    stayed = 0
    for at in range(1, 8):
        for begin in (LINE_AT, LOAN_AT):
            left, bucket = seen[at][:, :, begin + TRIAL_LEFT], seen[at][:, :, begin + BUCKET]
            after, later = seen[at + 1][:, :, begin + TRIAL_LEFT], seen[at + 1][:, :, begin + BUCKET]
            goes_on = (left > 1) & (after == left - 1)
            assert (later[goes_on] == bucket[goes_on]).all()
            stayed += goes_on.sum()
    assert stayed > 20


# ---- reach -------------------------------------------------------------------------------------------
def called(reach, by=UNIT, levels=(1, 2), **options):
    """Return the flows of a world in which those levels call on day 10 for who is reached, and half of them pay."""

    def change(tables, levers):
        tables.segment[:, G_REACH : G_REACH + 4] = reach
        ladder = levers.ladder
        ladder[..., list(levels), L_USED], ladder[..., list(levels), L_DAY] = 1, 10
        ladder[..., list(levels), :4], ladder[..., L_COST], ladder[..., L_REACH] = ONE // 2, 300, by

    return lived((), change, **options)


def test_who_is_out_of_reach_is_called_in_vain():
    """Nobody reached: calls cost and bring nothing. A letter needs no answer. All reached is no reach at all."""
    nobody, everybody = called(0), called(ONE)

    assert total(nobody, F_N_CONTACTS_AT + 2) > 100 and total(nobody, F_CONTACT_COST) > 0
    assert total(nobody, *(F_N_COLLECTED_AT + k for k in range(N_LEVELS))) == 0 < total(everybody, F_N_COLLECTED_AT + 2)
    assert np.array_equal(called(0, levels=(0, 3)), called(ONE, levels=(0, 3)))
    assert np.array_equal(called(q31(0.3), by=4 * UNIT), everybody)


def test_reach_lasts_and_falls_with_the_age_of_the_debt():
    """Those lost in a later age alone pay as ever before; more reach never brings less in the first month."""
    paid = [called([q31(r)] * 4)[:, :, 1, ..., F_COLLECTED_AT + 2].sum() for r in (0.2, 0.4, 0.6, 0.8)]
    late = called([ONE, 0, 0, 0])

    assert paid == sorted(paid) and paid[0] < paid[-1]
    fresh = called([ONE, ONE, ONE, ONE])
    assert total(late, F_N_COLLECTED_AT + 2) < total(fresh, F_N_COLLECTED_AT + 2)
    assert total(late, F_N_CURED_30) > 0


def test_education_finds_more_and_asks_for_help_sooner():
    """Who is taught is reached as if all were; who asks at 30 days past due has a plan where others wait for 90."""

    def taught(share):
        def change(tables, levers):
            tables.segment[:, G_REACH : G_REACH + 4] = ONE // 16
            levers.month[..., V_EDUCATED], levers.month[..., V_EDUCATION_REACH] = share, 16 * UNIT
            levers.month[..., V_PLAN_BUCKET], levers.month[..., V_EDUCATION_PLAN] = 3, 1
            levers.month[..., V_PLAN_CHANCE] = ONE
            levers.ladder[..., 2, L_USED], levers.ladder[..., 2, L_DAY] = 1, 10
            levers.ladder[..., 2, :4] = ONE // 2

        return lived((), change)

    few, all_of_them = taught(0), taught(ONE)
    assert total(all_of_them, F_N_COLLECTED_AT + 2) > 4 * total(few, F_N_COLLECTED_AT + 2)
    assert all_of_them[:, :, 1, ..., F_N_PLANS].sum() > few[:, :, 1, ..., F_N_PLANS].sum()


# ---- order -------------------------------------------------------------------------------------------
def worked(order, at, share=ONE, **options):
    """Return the flows of a world whose ladder works classes above `at`, and a share of it, in an order."""

    def change(tables, levers):
        tables.economy[..., M_COLLECTION] = UNIT
        levers.month[..., V_PRIORITY], levers.month[..., V_SERVED_CLASS], levers.month[..., V_SERVED] = order, at, share
        levers.ladder[..., 2, L_USED], levers.ladder[..., 2, L_DAY] = 1, 10
        levers.ladder[..., 2, :4] = ONE // 2

    return lived((), change, **options)


@pytest.mark.parametrize("late", [False, True])
def test_classes_before_the_threshold_are_worked_and_none_after(late):
    """In the first month contacts made are those wanted of the class and above; the classes sum to all wanted."""
    names = [F_N_CONTACTS_WANTED_IN + k for k in range(PRIORITIES)]
    for order, at in ((BY_DAYS, 3), (BY_AMOUNT, 12), (BY_AMOUNT, 0)):
        flows = worked(order, at, late=late)[:, :, 1].sum((0, 1, 2, 3))
        assert flows[F_N_CONTACTS_AT + 2] == flows[names[at:]].sum() > 0
        assert flows[names].sum() == flows[F_N_CONTACTS_WANTED]
        none = worked(order, at, 0, late=late)[:, :, 1].sum((0, 1, 2, 3))
        assert none[F_N_CONTACTS_AT + 2] == none[names[at + 1 :]].sum()


def test_without_an_order_classes_are_not_counted():
    """By lot no class is told apart, and class 0 with its share is the lottery."""
    flows = worked(BY_LOT, 0, ONE // 2)

    assert flows[..., F_N_CONTACTS_WANTED_IN:].sum() == 0 < total(flows, F_N_CONTACTS_AT + 2)
    assert 0.4 < total(flows, F_N_CONTACTS_AT + 2) / total(flows, F_N_CONTACTS_WANTED) < 0.6


def book(wanted):
    """Return a book of a month in which contacts were wanted by class."""
    flows = np.zeros((2, N_FLOWS), np.int64)
    for order, contacts in wanted.items():
        flows[1, F_N_CONTACTS_WANTED_IN + order] = contacts
    return Book(flows)


def test_capacity_finds_the_class_that_does_not_fit():
    """Classes fit from the first on; the next gets the share that is left, and a book that fits leaves all served."""
    department = policy("collections", capacity=100, order="balance")

    def found(wanted, capacity=100):
        settings = department.model_copy(update={"capacity": capacity}).in_force(book(wanted))
        return settings.served_from, settings.served

    assert found({12: 60, 11: 80, 3: 10}) == (11, 0.5)
    assert found({12: 60, 11: 40, 3: 10}) == (3, 0.0)
    assert found({12: 60}) == found({}) == (0, 1.0)
    assert found({12: 60}, 0) == found({}, 0) == (15, 0.0)


def test_the_order_is_written_and_said_in_vain_it_is_refused():
    """Balance weighs all buckets alike, times chance by what is usually paid; by lot nothing is written."""
    levers = written(policy("collections", capacity=9, order="balance_x_chance", chance=[0.8, 0.2]))
    assert levers.month[1, 0, LINE, V_PRIORITY] == BY_AMOUNT
    assert levers.stage[1, 0, LINE, :3, S_PRIORITY].tolist() == [q31(0.8), q31(0.2), q31(0.2)]
    assert (written(policy("collections", capacity=9, order="age")).month[1, ..., V_PRIORITY] == BY_DAYS).all()

    for said in (
        {"order": "age"},
        {"chance": [0.5]},
        {"served_from": 3},
        {"order": "age", "capacity": 3, "chance": [1.0]},
    ):
        assert [key for key, *_ in policy("collections", **said).contradictions()], said


# ---- conduct -----------------------------------------------------------------------------------------
def breaches(*others, **settings):
    """Return the keys of the conduct that a ladder breaks beside others."""
    meeting = {f"other{k}": policy("collections", **one) for k, one in enumerate(others)}
    found = policy("collections", **settings).conflicts(Others(meeting=meeting, sharing=meeting))
    return {key for key, *_ in found if key.startswith("conduct")}


def test_a_ladder_that_breaks_its_conduct_is_refused():
    """Attempts are counted by day and by week, of calls; of texts by month; and of all ladders that meet."""
    often = CALL | {"attempts": 12, "in_days": 4}

    assert breaches(levels={"call": often}) == set()
    assert breaches(levels={"call": often}, conduct={"calls_a_day": 3, "calls_a_week": 12}) == set()
    assert breaches(levels={"call": often}, conduct={"calls_a_day": 2}) == {"conduct.calls_a_day"}
    assert breaches(levels={"call": often}, conduct={"calls_a_week": 11}) == {"conduct.calls_a_week"}
    assert breaches(levels={"sms": CALL | {"attempts": 5}}, conduct={"texts_a_month": 4}) == {"conduct.texts_a_month"}
    bot = CALL | {"day": 11}
    assert breaches({"levels": {"bot": bot}}, levels={"call": often}, conduct={"calls_a_day": 3}) == {
        "conduct.calls_a_day"
    }


def test_attempts_cost_each():
    """Twelve attempts cost twelve times as much, and bring what the level brings."""
    one, twelve = (
        written(policy("collections", levels={"call": CALL | more})).ladder[1, 0, LINE, 0, 2]
        for more in ({}, {"attempts": 12, "in_days": 12})
    )

    assert twelve[L_COST] == 12 * one[L_COST] and (np.delete(twelve, L_COST) == np.delete(one, L_COST)).all()


# ---- fraud in review ---------------------------------------------------------------------------------
def reviewed(caught, wrong):
    """Return the flows of a world of applicants, of whom some are frauds, with a check for it at 5 a piece."""

    def change(tables, levers):
        tables.product[..., P_FRAUD : P_FIRST_PAYMENT_STEP + 1] = ONE // 5, 0, ONE // 4, 0
        tables.product[..., P_DRAW] = ONE
        levers.month[..., V_FRAUD_CAUGHT], levers.month[..., V_FRAUD_WRONG] = caught, wrong
        levers.month[..., V_REVIEW_COST] = 500
        levers.month[..., V_WRITE_OFF] = 4

    return lived((), change, sizes=(), arrivals=6, months=14)


def test_a_check_for_fraud_finds_frauds_and_others():
    """All caught, none lose by fraud; all others refused, only frauds are granted; each application costs."""
    none, caught, wrong = reviewed(0, 0), reviewed(ONE, 0), reviewed(0, ONE)
    half = reviewed(ONE // 2, 0)

    assert total(none, F_N_TAKEN_FOR_FRAUD) == 0 < total(none, F_FRAUD_NET_LOSS)
    assert total(caught, F_N_FRAUD_CAUGHT) == total(caught, F_N_TAKEN_FOR_FRAUD) == total(caught, F_N_DECLINED) > 50
    assert total(caught, F_FRAUD_NET_LOSS) == 0 < total(half, F_FRAUD_NET_LOSS) < total(none, F_FRAUD_NET_LOSS)
    assert total(wrong, F_N_FRAUD_CAUGHT) == 0 and total(wrong, F_N_TAKEN_FOR_FRAUD) > 200
    assert total(wrong, F_N_GRANTED) > 0 and total(wrong, F_NEW_CREDIT) > 0
    for flows in (none, caught, wrong):
        assert total(flows, F_REVIEW_COST) == 500 * total(flows, F_N_APPLIED)


# ---- what debt brings after 90 days -------------------------------------------------------------------
def test_what_comes_after_90_days_is_told_by_year():
    """Where nothing comes in the second year, none is counted there; the others are part of what is recovered."""

    def change(tables, levers):
        tables.late_hazard[..., 12:24], levers.month[..., V_WRITE_OFF] = 0, 5

    late = lived(("close",), change, late=True, months=40)
    years = [total(late, F_RECOVERED_12 + year) for year in range(3)]

    assert years[0] > 0 == years[1] < years[2]
    assert sum(years) <= total(late, F_RECOVERED, F_RECOVERED_OPEN)
    assert total(lived(("close",), change), F_RECOVERED_12, F_RECOVERED_24, F_RECOVERED_36) == 0

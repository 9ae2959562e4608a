"""Settlements: what is offered, accepted, paid, broken and given up. Education: who is taught, and what it does."""

import numpy as np
import pytest

import worlds
from simulator.model.fixed_point import q31
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.policy.registry import kinds
from test_policies import policy, written
from test_twin import kernel

EVERYBODY = {"sizes": (60, 9), "months": 24}


def offered(pays=ONE // 2, chance=ONE, parts=1, breaks=0, **options):
    """Return a world in which everybody in default is offered a settlement every month."""
    world = worlds.world("settled", **{"policies": ("close", "recovery_cost"), **EVERYBODY, **options})
    stage, month = world.levers.stage, world.levers.month
    month[..., V_WRITE_OFF], month[..., V_EXPIRE] = 5, NEVER
    stage[..., DEFAULT_BUCKET:, S_OFFER_CHANCE], stage[..., S_OFFER_PAYS] = chance, pays
    month[..., V_OFFER_PARTS], month[..., V_OFFER_BREAKS] = parts, breaks
    return world


def total(flows, *names):
    """Return the sum of flows from month 1 on."""
    return int(sum(flows[:, :, 1:, ..., name].sum() for name in names))


# ---- settlements ---------------------------------------------------------------------------------
@pytest.mark.parametrize("late", [False, True])
def test_who_accepts_pays_the_part_and_owes_nothing(late):
    """Where everybody accepts half at once, nobody is asked twice, and what is paid is what is given up, to a unit."""
    flows = kernel(offered(late=late), True).flows
    agreed = total(flows, F_N_SETTLEMENTS)

    assert agreed == total(flows, F_N_OFFERS) == total(flows, F_N_SETTLEMENTS_KEPT) > 50
    given_up, paid = total(flows, F_FORGIVEN, F_EXPIRED), total(flows, F_SETTLEMENT_CASH)
    assert total(flows, F_EXPIRED) > 0 < total(flows, F_FORGIVEN) and abs(given_up - paid) <= agreed


def test_what_is_given_up_after_write_off_is_no_second_loss():
    """Written-off debt alone is offered: the loss is what was written off less what came, and nothing is forgiven."""
    world = offered(chance=0)
    world.levers.stage[..., BUCKETS:, S_OFFER_CHANCE] = ONE // 2
    flows = kernel(world, True).flows
    loss = total(flows, *(F_BAD_DEBT_BY + cause for cause in range(len(CAUSES))))

    assert total(flows, F_FORGIVEN) == 0 < total(flows, F_EXPIRED)
    assert loss == total(flows, F_WRITTEN_OFF) - total(flows, F_RECOVERED)
    assert 0 < total(flows, F_SETTLEMENT_CASH) <= total(flows, F_RECOVERED)


def test_parts_bring_what_was_agreed_unless_they_are_broken():
    """In four parts as much comes of each debt as at once, later; broken at the second, a quarter of it and no more."""
    options = {"sizes": (60,), "policies": (), "late": True}
    world = offered(parts=4, **options)
    parts, broken = kernel(world, True).flows, kernel(offered(parts=4, breaks=ONE, **options), True).flows
    kept = total(parts, F_N_SETTLEMENTS_KEPT)

    assert 50 < kept <= total(parts, F_N_SETTLEMENTS) and total(parts, F_N_SETTLEMENTS_BROKEN) == 0
    assert total(broken, F_N_SETTLEMENTS_KEPT) == 0 < total(broken, F_N_SETTLEMENTS_BROKEN)
    assert total(broken, F_FORGIVEN, F_EXPIRED) == 0 < total(broken, F_SETTLEMENT_CASH)
    first = np.flatnonzero(parts[..., F_N_SETTLEMENTS].sum((0, 1, 3, 4)))[0]
    in_month = parts[..., F_SETTLEMENT_CASH].sum((0, 1, 3, 4))[first]
    assert in_month == broken[..., F_SETTLEMENT_CASH].sum((0, 1, 3, 4))[first]  # the first part, either way


def test_a_cause_may_accept_nothing():
    """Who will not pay accepts three times as often and nobody else does: only their debts are settled."""
    world = offered(chance=ONE // 4, late=True, model="structural")
    world.levers.month[..., V_OFFER_CAUSE : V_OFFER_CAUSE + N_LATE_CAUSES] = 0
    world.levers.month[..., V_OFFER_CAUSE + WILL_NOT] = 3 * UNIT
    world.levers.month[..., V_WRITE_OFF] = NEVER
    flows = kernel(world, True).flows
    forgiven = [total(flows, F_BAD_DEBT_BY + cause) for cause in range(len(CAUSES))]

    assert forgiven[WILL_NOT] == total(flows, F_FORGIVEN) > 0 == sum(forgiven) - forgiven[WILL_NOT]


def test_who_would_pay_all_may_take_the_offer_instead():
    """Offers that nobody else accepts: diverted, those who would have paid the whole balance pay half of it."""
    brought = []
    for diverts in (0, ONE):
        world = offered(chance=1, late=True)
        world.tables.product[..., P_LATE_FULL], world.levers.month[..., V_OFFER_DIVERTS] = ONE, diverts
        flows = kernel(world, True).flows
        brought.append(total(flows, F_RECOVERED, F_RECOVERED_OPEN))
        settled, given_up = total(flows, F_N_SETTLEMENTS), total(flows, F_FORGIVEN, F_EXPIRED)
        assert (settled > 20) == (given_up > 0) == (diverts == ONE)
        assert abs(total(flows, F_SETTLEMENT_CASH) - given_up) <= settled

    assert brought[1] < 0.7 * brought[0]


def test_the_dearer_offer_is_accepted_by_fewer():
    """The chance is as stated where half settles, falls with what must be paid, to 0, and has no cliff between."""
    chances = [policy("settlement", accepted=0.02, from_months=0).chance(pays / 100) for pays in range(1, 101)]

    assert chances[49] == q31(0.02) and chances[-1] == 0
    assert (np.diff(chances) < 0).all()
    assert len({policy("settlement", accepted=0.02, elasticity=0.0).chance(pays) for pays in (0.1, 0.9)}) == 1


def test_offers_are_written_in_their_stages():
    """From a bucket and an age on, at their own shares, and no cause for a stage in which none is made."""
    stage = written(policy("settlement", **kinds()["settlement"].EXAMPLE)).stage[1, 0, LINE]

    assert (stage[:4, S_OFFER_CHANCE] == 0).all() and stage[BUCKETS, S_OFFER_CHANCE] == 0
    assert set(stage[4:BUCKETS, S_OFFER_CHANCE]) == {q31(0.02 * 0.8)}
    assert set(stage[BUCKETS + 1 :, S_OFFER_CHANCE]) == {q31(0.02 * 1.2)}
    assert set(stage[4:BUCKETS, S_OFFER_PAYS]) == {q31(0.6)} and set(stage[BUCKETS + 1 :, S_OFFER_PAYS]) == {q31(0.4)}


# ---- education -----------------------------------------------------------------------------------
def taught(share, forget=ONE, spend=ONE, **options):
    """Return a world in which a share is taught in month 1 or on arrival."""
    world = worlds.world("taught", **{"arrivals": 2, **EVERYBODY, **options})
    month = world.levers.month
    month[..., V_EDUCATED], month[1, ..., V_TAUGHT] = share, share
    month[..., V_EDUCATION_COST], month[..., V_EDUCATION_FORGET], month[..., V_EDUCATION_SPEND] = 700, forget, spend
    return world


def test_everybody_is_taught_once():
    """Of all who hold something in month 1 or are granted something later, each costs once, on one product."""
    world = taught(ONE)
    flows = kernel(world, True).flows
    arrive = int(world.tiles[:, K_COUNT].sum()) * world.replications

    assert 0.7 * arrive < total(flows, F_N_EDUCATED) <= arrive
    assert total(flows, F_EDUCATION_COST) == 700 * total(flows, F_N_EDUCATED)
    assert flows[:, :, 2:, ..., F_N_EDUCATED].sum() > 0 and total(kernel(taught(0), True).flows, F_N_EDUCATED) == 0


def test_education_acts_on_forgetting_and_spending():
    """Who keeps nothing of forgetting forgets no due; who keeps less of spending borrows less; 1 and 1 are neutral."""
    none, memory, thrift = (
        kernel(taught(ONE, *keep, arrivals=0), True).flows for keep in ((ONE, ONE), (0, ONE), (ONE, ONE // 2))
    )

    assert total(memory, F_N_MISSED_BY + FORGOT) == 0 < total(none, F_N_MISSED_BY + FORGOT)
    assert total(thrift, F_NEW_CREDIT) < 0.95 * total(none, F_NEW_CREDIT)
    names = [k for k, name in enumerate(FLOWS) if name not in ("n_educated", "education_cost")]
    assert np.array_equal(none[..., names], kernel(taught(0, 0, 0, arrivals=0), True).flows[..., names])

"""The kernel is the twin to the minor unit; the twin keeps the identities of the books and knows its annuities."""

from itertools import pairwise

import numpy as np
import pytest

import naive
import worlds
from simulator.kernel.driver import advance
from simulator.kernel.fixed import inverse_of
from simulator.kernel.rolls import share_left
from simulator.model.layout import *  # noqa: F403  the vocabulary of every array
from simulator.model.tables import Span

ALL = tuple(worlds.POLICIES)
CLOSING = ("close", "cross", "sell_open", "regrant", "regrant_when_forgotten", "sell_by_size")
WORLDS = {
    **{policy: {"policies": (policy,), "arrivals": 1} for policy in ALL},
    **{
        f"roll_rates {policy}": {"policies": (policy,), "arrivals": 1, "model": "roll_rates", "replications": 1}
        for policy in ALL
    },
    "neutral": {},
    "line only": {"products": "line", "policies": ("limit_cut", "freeze", "write_off")},
    "loan only": {"products": "loan", "policies": ("reminders", "close", "sell_open")},
    "a segment of lines after one of both": {"products": ("both", "line")},
    "tiles across blocks": {"policies": ALL, "arrivals": 2, "first": 500},
    "tiles across blocks, on a tape": {"policies": ("write_off", "limit_cut"), "first": 490, "tape": True},
    "line first": {"pay_first": LINE},
    "loan first": {"pay_first": LOAN},
    "payments hold the bucket": {"hold": True, "policies": ("write_off",)},
    "interest never stops": {"suspend": False},
    "arrivals": {"sizes": (), "arrivals": 8},
    "underwritten arrivals": {"sizes": (), "arrivals": 8, "policies": ("underwriting",)},
    "factor": {"factor": True, "replications": 3},
    "factor, roll_rates": {"factor": True, "replications": 3, "model": "roll_rates"},
    "other people": {"redraw_people": True, "replications": 3, "arrivals": 2},
    "people of the other of a pair": {"redraw_people": 2, "replications": 4, "arrivals": 2},
    "more replications than batches": {"sizes": (8,), "months": 4, "replications": 22, "model": "mixed"},
    "one borrower": {"sizes": (1,)},
    "tape": {"tape": True, "policies": ("write_off",)},
    "tape, roll_rates": {"tape": True, "model": "roll_rates", "policies": ("write_off",)},
    "everything": {"policies": ALL, "arrivals": 3, "hold": True, "factor": True},
    "everything, roll_rates": {"policies": ALL, "arrivals": 3, "model": "roll_rates", "factor": True},
    "everything, mixed, on a tape": {"policies": ALL, "arrivals": 3, "model": "mixed", "tape": True},
    "everything but closing": {"policies": tuple(p for p in ALL if p not in CLOSING), "arrivals": 3},
    "late stage": {"late": True, "arrivals": 1},
    "late stage, closed and written off": {"late": True, "policies": ("close", "write_off", "effort"), "arrivals": 1},
    "late stage, plans": {"late": True, "policies": ("plans", "freeze", "recovery_cost"), "hold": True, "factor": True},
    "late stage, offers": {"late": True, "policies": ("offers_after_write_off", "effort"), "arrivals": 1},
    "late stage, offers and plans": {"late": True, "policies": ("offers", "plans", "close"), "suspend": False},
    "late stage, trials": {"late": True, "policies": ("patient_trials", "close", "recovery_cost"), "factor": True},
    "late stage, order": {"late": True, "policies": ("order", "effort", "close", "education"), "arrivals": 1},
    "help asked for": {"policies": ("patient_trials", "education", "ladder"), "arrivals": 1},
    "late stage, lines": {"late": True, "products": "line", "policies": ("capacity", "effort", "work_open")},
    "late stage, roll_rates": {"late": True, "policies": ALL, "arrivals": 1, "model": "roll_rates"},
    "late stage, everything, mixed, on a tape": {
        "late": True,
        "policies": ALL,
        "arrivals": 3,
        "model": "mixed",
        "tape": True,
    },
    "late stage, everything but closing": {
        "late": True,
        "policies": tuple(p for p in ALL if p not in CLOSING),
        "arrivals": 3,
    },
    "long": {"sizes": (12,), "months": 70, "policies": ("reminders", "write_off", "freeze"), "arrivals": 0},
    "long, late stage": {"sizes": (20,), "months": 45, "policies": ("close", "write_off"), "late": True},
    "long, roll_rates": {"sizes": (12,), "months": 70, "policies": ("write_off", "limit_cut"), "model": "roll_rates"},
}
TWINS = {}


def lived(name):
    """Return (world, sums, histories) of a named world as the twin lives it, once for all tests."""
    if name not in TWINS:
        world = worlds.world(name, **WORLDS[name])
        TWINS[name] = world, *naive.simulate(*world)
    return TWINS[name]


def kernel(world, fast, spans=None, see=None, replications=None):
    """Return the kernel's Sums of a world cut into `spans` of months; `see(month, store)` looks at states after each.

    `store` is int32[replication, tile, N_STATE, LANES]; without `see` and `spans` nothing is kept between months.
    """
    first, last = replications or (0, world.replications)
    tables = world.tables
    if first > 0 or last < world.replications:  # the kernel takes the economy and the matrices of its replications
        own = {name: getattr(tables, name) for name in ("economy", "roll")}
        tables = tables._replace(**{name: a[first:last] if len(a) > 1 else a for name, a in own.items()})
    sums = naive.empty_sums(world.n_segments, world.months, last - first)
    tape = np.empty((0, N_PRODUCT, N_TAPE), np.int32) if world.tape is None else world.tape
    keeps = see is not None or spans is not None
    store = np.zeros((last - first, len(world.tiles), N_STATE, LANES) if keeps else (0, 0, 0, 0), np.int32)
    for month_from, month_to in spans or [(1, world.months)]:
        span = Span(first, last, month_from, month_to)
        advance(tables, world.levers, world.tiles, tape, span, fast, store, sums)
        if see is not None:
            see(month_to, store)
    return sums


def assert_same_sums(expected, found):
    """Fail with the name and place of the first sums that differ."""
    for name, twin, other in zip(expected._fields, expected, found, strict=True):
        if not np.array_equal(twin, other):
            where = np.argwhere(twin != other)
            words = [
                f"{FLOWS[k[-1]] if name == 'flows' else ''}{tuple(map(int, k))}: {twin[tuple(k)]} not {other[tuple(k)]}"
                for k in where[:8]
            ]
            pytest.fail(f"{name} differ in {len(where)} places: {'; '.join(words)}")


# ---- the kernel ----------------------------------------------------------------------------------
@pytest.mark.parametrize("fast", [False, True], ids=["scalar", "tile"])
@pytest.mark.parametrize("name", WORLDS)
def test_the_kernel_is_the_twin(name, fast):
    """Every sum, and every column of every borrower after every month, is the twin's integer."""
    world, expected, histories = lived(name)

    def see(month, store):
        for r, history in enumerate(histories):
            for t, tile in enumerate(world.tiles):
                if tile[K_ENTRY] > month:
                    continue
                for lane in range(tile[K_COUNT]):
                    identity = int(tile[K_SEGMENT]), int(tile[K_ENTRY]), int(tile[K_FIRST]) + lane
                    found = tuple(store[r, t, :, lane].tolist())
                    before = history[month - 1].get(identity)
                    assert history[month][identity] == found, explain(r, month, identity, before, found, history)

    found = kernel(world, fast, [(m, m) for m in range(1, world.months + 1)], see)

    assert_same_sums(expected, found)


def explain(replication, month, identity, before, found, history):
    """Return in words which columns of a borrower differ: before the month, in the twin, in the kernel."""
    columns = [
        f"column {k}: {before and before[k]} -> {twin} not {other}"
        for k, (twin, other) in enumerate(zip(history[month][identity], found, strict=True))
        if twin != other
    ]
    return f"replication {replication}, month {month}, borrower {identity}: {'; '.join(columns)}"


@pytest.mark.parametrize("fast", [False, True], ids=["scalar", "tile"])
@pytest.mark.parametrize("name", ["everything", "everything, roll_rates", "other people"])
def test_months_and_replications_may_be_cut_anywhere(name, fast):
    """One span, three spans and single replications give the same integers."""
    world, expected, _ = lived(name)
    assert_same_sums(expected, kernel(world, fast))
    assert_same_sums(expected, kernel(world, fast, [(1, 5), (6, 6), (7, world.months)]))

    one_by_one = [kernel(world, fast, replications=(r, r + 1)) for r in range(world.replications)]
    flows = np.concatenate([sums.flows for sums in one_by_one])
    batched = (sum(getattr(sums, name) for sums in one_by_one) for name in expected._fields[1:])
    assert_same_sums(expected, naive.Sums(flows, *batched))


# ---- the twin, on its own ------------------------------------------------------------------------
def test_the_twin_draws_known_words():
    """Philox4x32-10 gives the three known answers of Random123."""
    assert naive.philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    ones = 0xFFFFFFFF
    assert naive.philox((ones,) * 4, (ones,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
    assert naive.philox(*pi) == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def test_the_twin_has_the_columns_of_the_kernel():
    """A borrower's state is as wide as the kernel's, and its attributes stand where names.py says."""
    b = naive.Borrower(0, 0, 0)
    assert len(b.state()) == N_STATE
    assert (
        b.columns[MONTHS_SINCE_FORGOT] == "alert" and b.columns[EMPLOYED] == "employed" and len(b.columns) == N_BORROWER
    )
    for name, column in (("status", STATUS), ("bucket", BUCKET), ("cause", CAUSE), ("observed", OBSERVED)):
        assert b.line.columns[column] == name
    assert len(b.line.columns) == N_ACCOUNT


def granted(flows):
    """Return the flows with lines opened again among those granted; a loan opened again is an account when drawn."""
    flows = flows.copy()
    flows[..., LINE, F_N_GRANTED] += flows[..., LINE, F_N_REGRANTED]
    return flows


def movement(flows, *names):
    """Return the sum of the named flows from month 1 on."""
    return sum(flows[..., 1:, :, :, name] for name in names)


@pytest.mark.parametrize("name", WORLDS)
def test_the_books_balance(name):
    """In every segment, product and month, what came in is what is there and what left, by amount and by count."""
    _, sums, _ = lived(name)
    f = sums.flows

    def change(stock):
        return f[..., 1:, :, :, stock] - f[..., :-1, :, :, stock]

    came, went = (F_NEW_CREDIT, F_INTEREST, F_FEES), (F_PAID, F_FORGIVEN, F_WRITTEN_OFF, F_SOLD_OPEN)
    assert np.array_equal(change(F_BALANCE), movement(f, *came) - movement(f, *went))

    went = F_RECOVERED, F_SOLD_WRITTEN_OFF, F_EXPIRED
    assert np.array_equal(change(F_BALANCE_WRITTEN_OFF_BOOK), movement(f, F_WRITTEN_OFF) - movement(f, *went))

    went = F_N_PAID_OFF, F_N_CLOSED_AT_ZERO, F_N_WRITTEN_OFF, F_N_SOLD_OPEN
    assert np.array_equal(change(F_N_ACCOUNTS), movement(granted(f), F_N_GRANTED) - movement(f, *went))


@pytest.mark.parametrize("name", WORLDS)
def test_every_loss_has_one_cause(name):
    """Bad debt over the causes is what was written off and lost on sale, less what came back; counts add up too."""
    _, sums, _ = lived(name)
    f = sums.flows

    def by_cause(first):
        return f[..., first : first + len(CAUSES)].sum(-1)

    lost = f[..., F_WRITTEN_OFF] + f[..., F_SOLD_OPEN] - f[..., F_SOLD_OPEN_PROCEEDS] + f[..., F_FORGIVEN]
    assert np.array_equal(by_cause(F_BAD_DEBT_BY), lost - f[..., F_RECOVERED] - f[..., F_SOLD_WRITTEN_OFF_PROCEEDS])
    for total, first in ((F_N_MISSED, F_N_MISSED_BY), (F_N_DPD30, F_N_DPD30_BY), (F_N_DPD90, F_N_DPD90_BY)):
        assert np.array_equal(f[..., total], by_cause(first))


@pytest.mark.parametrize("name", WORLDS)
def test_roll_matrices_join_the_stocks(name):
    """Rows of counts are the accounts of the month before and those granted; columns are those of the month's end."""
    _, sums, _ = lived(name)
    flows = batches(sums.flows.sum(1))
    rows, columns = sums.rolls[:, 1:].sum(-2), sums.rolls[:, 1:].sum(-3)
    before, after = flows[:, :-1], flows[:, 1:]

    assert np.array_equal(rows[..., :BUCKETS, 0].sum(-1), before[..., F_N_ACCOUNTS])
    assert np.array_equal(rows[..., ARRIVED, 0], granted(after)[..., F_N_GRANTED])
    for bucket, number, amount in (
        (0, F_N_ACCOUNTS, F_BALANCE),
        (1, F_N_DPD30, F_BALANCE_DPD30),
        (2, F_N_DPD60, F_BALANCE_DPD60),
        (3, F_N_DPD90, F_BALANCE_DPD90),
    ):
        assert np.array_equal(columns[..., bucket:BUCKETS, 0].sum(-1), after[..., number])
        assert np.array_equal(columns[..., bucket:BUCKETS, 1].sum(-1), after[..., amount])
        assert np.array_equal(rows[..., bucket:BUCKETS, 0].sum(-1), before[..., number])
    for column, number in (
        (TO_PAID_OFF, F_N_PAID_OFF),
        (TO_CLOSED_AT_ZERO, F_N_CLOSED_AT_ZERO),
        (TO_WRITTEN_OFF, F_N_WRITTEN_OFF),
        (TO_SOLD, F_N_SOLD_OPEN),
    ):
        assert np.array_equal(columns[..., column, 0], after[..., number])
    assert np.array_equal(columns[..., TO_WRITTEN_OFF, 1], after[..., F_WRITTEN_OFF])
    assert np.array_equal(columns[..., TO_SOLD, 1], after[..., F_SOLD_OPEN])
    assert np.array_equal(columns[..., TO_FORGIVEN, 1], after[..., F_FORGIVEN])
    assert not columns[..., TO_FORGIVEN, 0].any()


@pytest.mark.parametrize("name", WORLDS)
def test_vintages_add_up_to_the_flows(name):
    """Over entry months, each vintage measure is the flow or stock of the same name."""
    _, sums, _ = lived(name)
    flows, vintages = batches(sums.flows.sum(1)), sums.vintages.sum(1)
    for vintage, flow in (
        (W_N_ACCOUNTS, F_N_ACCOUNTS),
        (W_BALANCE, F_BALANCE),
        (W_N_DPD30, F_N_DPD30),
        (W_N_GRANTED, F_N_GRANTED),
        (W_N_DEFAULT, F_N_DEFAULT),
        (W_WRITTEN_OFF, F_WRITTEN_OFF),
    ):
        assert np.array_equal(vintages[..., vintage], flows[..., flow])


@pytest.mark.parametrize("name", WORLDS)
def test_ratings_follow_those_observed_for_a_year(name):
    """Each class counts its accounts in the month of observation, and those of them first 90 days late in a year."""
    world, sums, histories = lived(name)
    month, last = world.tables.observe_month, min(world.months, world.tables.observe_month + 12)
    expected = np.zeros_like(sums.ratings)
    for replication, history in enumerate(histories):
        for identity, borrower in history[month].items():
            band = min(max((borrower[SCORE] - SCORE_LOW) >> SCORE_BAND_BITS, 0), SCORE_BANDS - 1)
            for product, at in ((LINE, LINE_AT), (LOAN, LOAN_AT)):
                observed = borrower[at + OBSERVED]
                if not observed:
                    continue
                defaulted = False
                for later in range(month + 1, last + 1):
                    account = history[later][identity][at:]
                    if account[OBSERVED] != observed:
                        break  # another loan, or a line granted anew
                    defaulted |= account[EVER] >= 3
                for kind, k in ((RATING_GRADE, observed - 1), (RATING_SCORE, band)):
                    cell = expected[replication % SUMS_PER_BATCH, identity[0], product, kind, k]
                    cell += (1, defaulted)

    assert np.array_equal(expected, sums.ratings)


@pytest.mark.parametrize("name", WORLDS)
def test_nothing_is_counted_more_often_than_it_can_be(name):
    """Plans end once, a contact collects once, and who defaults has been late before."""
    _, sums, _ = lived(name)
    f = sums.flows
    ended = (f[..., F_N_PLANS_KEPT] + f[..., F_N_PLANS_BROKEN]).cumsum(2)

    assert (ended <= f[..., F_N_PLANS].cumsum(2)).all()
    levels = [slice(first, first + N_LEVELS) for first in (F_N_CONTACTS_AT, F_N_COLLECTED_AT, F_COLLECTED_AT)]
    contacts, n_collected, collected = (f[..., level] for level in levels)
    assert (n_collected <= contacts).all() and ((collected > 0) == (n_collected > 0)).all()
    opened_late = f[:, :, :1, ..., F_N_DPD30]
    assert (f[..., F_N_DEFAULT].cumsum(2) <= opened_late + f[..., F_N_FIRST_30].cumsum(2)).all()
    assert (f[..., F_N_DEFAULT_GRANTED].cumsum(2) <= f[..., F_N_GRANTED].cumsum(2)).all()
    assert (f[..., F_N_DEFAULT_GRANTED] <= f[..., F_N_DEFAULT]).all()
    assert (f[:, :, 1:, ..., F_N_IDLE] <= f[:, :, :-1, ..., F_N_ACCOUNTS] + f[:, :, 1:, ..., F_N_GRANTED]).all()


def batches(flows):
    """Return flows [replication, ...] summed into SUMS_PER_BATCH batches of replications."""
    out = np.zeros((SUMS_PER_BATCH, *flows.shape[1:]), np.int64)
    for replication, row in enumerate(flows):
        out[replication % SUMS_PER_BATCH] += row
    return out


def test_a_loan_never_missed_is_an_annuity():
    """Equal instalments within half a minor unit of the exact annuity repay the loan, and it ends at exactly 0."""
    world = worlds.rich_world(products="loan", months=40, sizes=(25,))
    sums, (history,) = naive.simulate(*world)
    assert sums.flows[..., F_N_MISSED].sum() == 0 and sums.flows[..., F_N_PAID_OFF].sum() > 20

    ended = 0
    for identity in history[0]:
        rate = int(world.tables.product[identity[0], LOAN, P_RATE])
        loans = [history[month][identity][LOAN_AT:] for month in range(world.months + 1)]
        starts = [m for m in range(1, len(loans)) if loans[m][BALANCE] > 0 and loans[m - 1][BALANCE] == 0]
        for start in starts:
            first = loans[start]
            months, instalment = first[MONTHS_LEFT], first[INSTALMENT]
            amount = first[BALANCE] - first[INTEREST_DUE]
            assert abs(instalment - amount * worlds.annuity(rate / ONE, months)) <= 0.5 + 1e-6
            if start + months >= len(loans):
                continue
            for before, after in pairwise(loans[start : start + months]):
                base = before[BALANCE] - instalment
                assert after[BALANCE] == base + naive.mul_q31(base, rate)
                assert after[MONTHS_LEFT] == before[MONTHS_LEFT] - 1
            assert abs(loans[start + months - 1][BALANCE] - instalment) <= worlds.rounding(rate / ONE, months, amount)
            assert loans[start + months][BALANCE] == 0
            ended += 1
    assert ended > 20


@pytest.mark.parametrize("product", [LINE, LOAN])
def test_a_written_off_account_brings_what_the_same_account_brings_while_open(product):
    """Where nobody so late pays unasked, the date of write-off moves balances between books and no money at all."""
    world = worlds.world("write-off", products=PRODUCTS[product], months=24, arrivals=1, sizes=(60,), lanes=64)
    tables, levers = world.tables, world.levers
    tables.will_not_bucket[:, 6:] = 40 * UNIT  # certain to be unwilling
    tables.in_month[:, WILL_NOT, 1] = 0
    tables.opening[..., 5:] = ONE  # nobody begins beyond bucket 5
    levers.month[..., V_FREEZE_DAYS] = 30
    levers.stage[..., S_RECOVER_CHANCE], levers.stage[..., S_RECOVER_SHARE] = ONE // 3, ONE // 7
    levers.stage[..., S_COMMISSION], levers.stage[..., S_RECOVERY_COST] = ONE // 5, 150
    levers.stage[..., :6, S_RECOVER_CHANCE : S_RECOVERY_COST + 1] = 0
    early, late = levers.month.copy(), levers.month.copy()
    early[..., V_WRITE_OFF], late[..., V_WRITE_OFF] = 6, 10

    early, late = (kernel(world._replace(levers=levers._replace(month=m)), True).flows for m in (early, late))

    cash = np.zeros(N_FLOWS, np.int64)
    cash[[F_PAID, F_RECOVERED]], cash[[F_COMMISSION, F_RECOVERY_COST]] = 1, -1
    assert np.array_equal(early @ cash, late @ cash)
    owed = [f[..., F_BALANCE] + f[..., F_BALANCE_WRITTEN_OFF_BOOK] for f in (early, late)]
    assert np.array_equal(*owed)
    assert late[..., F_RECOVERED_OPEN].sum() > 0 == early[..., F_RECOVERED_OPEN].sum()
    assert late[..., F_BALANCE_DPD90].sum() > 1.2 * early[..., F_BALANCE_DPD90].sum()


def test_capacity_takes_from_the_ladder_what_it_cannot_work():
    """Contacts wanted are those made at full capacity; with none, nobody is contacted and nothing is collected."""
    world = worlds.world("ladder", policies=("ladder",), products="line", months=8)
    world.tables.economy[..., M_COLLECTION] = UNIT
    month = world.levers.month.copy()
    month[..., V_SERVED] = 0
    full, none = (
        kernel(world._replace(levers=levers), True).flows
        for levers in (world.levers, world.levers._replace(month=month))
    )
    contacts = slice(F_N_CONTACTS_AT, F_N_CONTACTS_AT + N_LEVELS)

    assert np.array_equal(full[..., F_N_CONTACTS_WANTED], full[..., contacts].sum(-1))
    assert np.array_equal(full[:, :, 1, ..., F_N_MISSED], none[:, :, 1, ..., F_N_MISSED])
    assert np.array_equal(full[:, :, 1, ..., F_N_CONTACTS_WANTED], none[:, :, 1, ..., F_N_CONTACTS_WANTED])
    assert not none[..., [*range(F_N_CONTACTS_AT, F_COLLECTED_AT + N_LEVELS), F_CONTACT_COST]].any()


def test_neutral_levers_of_any_policy_leave_every_life_as_it_was():
    """A reminder that reaches nobody, a cut that keeps all and a price nobody takes change no borrower's month."""
    world, _, expected = lived("neutral")
    levers = worlds.neutral_levers(world.months, world.n_segments)
    levers.stage[..., S_FORGET_KEEP] = 0
    levers.stage[..., [S_SALE_PRICE, S_RECOVER_SHARE, S_COMMISSION]] = ONE
    levers.stage[..., BUCKETS:, S_RECOVER_CHANCE] = ONE
    levers.month[..., V_LIMIT_FLOOR] = 1
    levers.month[..., V_CROSS] = 1
    levers.month[..., [V_GUARANTEED, V_PLAN_CHANCE, V_PLAN_FORGIVE, V_REGRANT_CHANCE, V_REGRANT_SHARE]] = ONE
    levers.month[..., [V_REPORT_MONTHS, V_PLAN_MONTHS]] = 5
    levers.month[..., V_PLAN_RATE] = levers.month[..., V_REGRANT_SCORE] = 0
    levers.ladder[..., L_USED] = levers.ladder[..., L_DAY] = levers.ladder[..., L_COST] = 1

    assert naive.simulate(world.tables, levers, *world[2:])[1] == expected


def test_cover_and_partners_change_nothing_but_the_marks():
    """Who else bears a loss is noted in the marks of accounts; lives and every other sum stay as they were."""
    world, expected, histories = lived("write_off")
    month = world.levers.month.copy()
    month[..., V_CLAIM], month[..., V_PARTNER] = 1, 1
    shared, others = naive.simulate(world.tables, world.levers._replace(month=month), *world[2:])
    noted = [F_CLAIMABLE, F_BALANCE_CLAIMED, F_CLAIMED_NET_LOSS, F_BORNE_BACK]

    assert np.array_equal(*(np.delete(sums.flows, noted, axis=-1) for sums in (expected, shared)))
    assert shared.flows[..., noted].any(axis=(0, 1, 2, 3, 4)).all() and not expected.flows[..., noted].any()
    marks = [LINE_AT + MARKS, LOAN_AT + MARKS]
    for before, after in zip(histories, others, strict=True):
        for people, same in zip(before, after, strict=True):
            assert people.keys() == same.keys()
            for identity, columns in people.items():
                assert np.array_equal(np.delete(columns, marks), np.delete(same[identity], marks))


def test_what_is_left_of_arrears_is_exact_in_32_bits():
    """The quotient by multiplying is that of dividing, for every pair of buckets, at both ends of the amounts."""
    owed = np.concatenate([np.arange(400), 2**31 - 1 - np.arange(400), 46_340 ** np.arange(3)]).astype(np.int32)

    for bucket in range(BUCKETS):
        inverse, _ = inverse_of(bucket + 1)
        for to in range(bucket + 1):
            left = share_left(owed, np.int32(to), np.int32(bucket), np.uint32(inverse))
            assert np.array_equal(left, to * owed.astype(np.int64) // (bucket + 1))


def test_every_path_is_walked():
    """Between them the worlds make every flow happen, so that equality with the kernel says something of each."""
    total = sum(lived(name)[1].flows.sum((0, 1, 2, 3, 4)) for name in WORLDS)

    assert [name for name, value in zip(FLOWS, total, strict=True) if value == 0] == []

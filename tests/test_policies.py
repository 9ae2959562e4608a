"""Policies write levers and nothing else: neutral ones write nothing, and they compose in the order of the file."""

from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

import simulator.policy
from conftest import ROOT
from simulator.language.catalogue import LANGUAGES, say, speaking
from simulator.model import layout
from simulator.model.errors import UserError
from simulator.model.fixed_point import q31
from simulator.model.layout import BUCKETS, LINE, LOAN, NEVER, ONE, UNIT
from simulator.model.values import parts_of
from simulator.policy import Others, multiplier
from simulator.policy.checks import CHECKS, CONTEXT, changed, problems, same
from simulator.policy.labels import choice_label, labels_of
from simulator.policy.levers import neutral_levers, write_all
from simulator.policy.page import renewed
from simulator.policy.registry import in_words, kinds, load_file, names


def policy(kind, **settings):
    """Return the validated settings of a policy."""
    return kinds()[kind].Settings.model_validate({"kind": kind, **settings})


def example(kind, **more):
    """Return a policy with its example settings, of those in `more` as given there."""
    return policy(kind, **{**kinds()[kind].EXAMPLE, **more})


def written(*policies):
    """Return neutral levers after the policies have written theirs."""
    levers = neutral_levers(12, 2, 6)
    write_all(levers, policies, CONTEXT)
    return levers


def where(levers):
    """Return the months, segments and products in which any lever differs from neutral, as sets."""
    return tuple(set(axis.tolist()) for axis in np.nonzero(changed(levers)))


# ---- what all of them keep to --------------------------------------------------------------------


def test_every_policy_is_found():
    """Each file of the policies' folder is a kind, named like it."""
    assert names() == sorted(kinds()) and len(kinds()) >= 14
    assert all(module.__name__.endswith(f".{kind}") for kind, module in kinds().items())


@pytest.mark.parametrize("kind", kinds())
def test_every_policy_says_what_it_and_its_settings_are_called(kind):
    """Its file has a label for it and for each of its keys; no two keys of a table have the same, in no language."""
    tables = [kinds()[kind].Settings]
    for table in tables:
        fields = table.model_fields.values()
        parts = [part for info in fields for part in parts_of(info) if isinstance(part, type)]
        tables += [part for part in parts if issubclass(part, BaseModel)]
        for language in LANGUAGES:
            with speaking(language):
                said = [say(info.title) for info in fields]
                assert len(set(said)) == len(said)
    assert kinds()[kind].LABEL


def test_what_a_file_does_not_call_is_called_by_its_names(tmp_path):
    """A file of the user's own is called by its name, a setting by its key, unless it has words of its own."""
    path, mine = tmp_path / "cut_more.py", tmp_path / "mine.py"
    source = (ROOT / "simulator/policy/kinds/reminders.py").read_text(encoding="utf-8")
    mine.write_text(source.replace("reminders|a policy", "nudges"), encoding="utf-8")
    for said, other in (
        ('LABEL = noted("reminders|a policy")\n', ""),
        ('title=noted("borrowers reached")', 'title="who hears of it"'),
        ('title=noted("forgetting removed"),', ""),
    ):
        assert said in source
        source = source.replace(said, other)
    path.write_text(source, encoding="utf-8")
    load_file(str(mine))
    module = load_file(str(path))
    settings = module.Settings(kind="x", **module.EXAMPLE)

    assert [in_words(f"file:{one}") for one in (path, mine)] == ["cut more", "nudges"]
    called = [labels_of(settings, key) for key in ("reach", "strength", "start")]
    assert called == [["who hears of it"], ["strength"], ["first month"]]


def test_parts_of_a_key_are_called_as_their_tables_and_lists_say():
    """Of the level of a ladder, of the member of a list, and of a word that a setting may be."""
    ladder, sale = example("collections"), example("npl_sale")

    assert labels_of(ladder, "levels.agency.effect.will_not") == ["levels", "agency", "effect", "paid by who will not"]
    assert labels_of(ladder, "chance.3") == ["chance of payment by days past due", "90"]
    assert labels_of(sale, "price.2") == ["price, share of the balance", "12–17"]
    assert labels_of(policy("npl_sale", **{"from": "open", "at_dpd": 60, "price": [0.3, 0.2]}), "price.1")[1] == "90"
    assert labels_of(sale, "bands.1") == ["bands of balance, up to", "2"]
    assert choice_label(sale, "from", "written_off") == "written off"
    with speaking("zh"):
        assert labels_of(ladder, "levels.agency.cost") == ["层级", "委外", "单次联系成本"]
        assert choice_label(ladder, "order", "balance_x_chance") == "预期还款最多者优先"
        assert choice_label(example("regrant"), "grade", "C") == "C"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", kinds())
def test_every_policy_passes_the_battery(kind, check):
    """What a user's own policy must pass, the shipped ones pass."""
    assert check(kinds()[kind]) == []


def test_the_battery_finds_a_policy_that_is_never_neutral():
    """Negative control: a policy whose neutral settings write a lever does not pass."""
    broken = SimpleNamespace(**{**vars(kinds()["limit_cut"]), "NEUTRAL": {"at_dpd": 30, "keep": 0.5}})

    assert any("NEUTRAL" in problem for problem in problems(broken))


def test_the_battery_finds_a_policy_that_says_no_sentences():
    """Negative control: a `why` without a full stop, one that raises, and a conflict with nobody do not pass."""
    cut = vars(kinds()["limit_cut"])

    class Settings(cut["Settings"]):
        """Settings that others exclude where there are none."""

        def conflicts(self, others):
            """Yield one conflict."""
            yield "keep", "found it", "allowed: not that"

    for name, value, said in (
        ("why", lambda evidence: [f"income: {evidence.clause('interest', 'interest')}"], "no sentence"),
        ("why", lambda evidence: evidence.no_such_thing, "says why: AttributeError"),
        ("Settings", Settings, "conflicts where no other policy is: keep"),
    ):
        assert any(said in problem for problem in problems(SimpleNamespace(**{**cut, name: value})))


@pytest.mark.parametrize("kind", kinds())
def test_a_policy_acts_in_all_that_it_names(kind):
    """Levers change in all the policy's months, segments and products, and nowhere else."""
    levers = written(example(kind, start=3, end=15, segments=["old"], products=["loan"]))

    assert where(levers) == (set(range(3, 16)), {1}, {LOAN})


@pytest.mark.parametrize("kind", kinds())
def test_a_policy_goes_on_through_the_run_off(kind):
    """Without an end a policy acts from month 1 to the last month of the run-off, on both products of everybody."""
    assert where(written(example(kind))) == (set(range(1, 19)), {0, 1}, {LINE, LOAN})


@pytest.mark.parametrize("kind", kinds())
def test_a_disabled_policy_writes_nothing(kind):
    """A policy that is not enabled does nothing."""
    assert same(written(example(kind, enabled=False)), neutral_levers(12, 2, 6))


@pytest.mark.parametrize(("first", "second"), [(a, b) for a in kinds() for b in kinds() if a < b])
def test_policies_of_different_kinds_do_not_meet(first, second):
    """Policies of two kinds write different levers, so their order does not matter."""
    one, other = example(first), example(second)

    assert same(written(one, other), written(other, one))


# ---- a policy of one's own -------------------------------------------------------------------------


def test_the_door_has_what_it_says():
    """Each name of simulator.policy.__all__ is there, and the shipped policies import nothing else of the simulator."""
    assert all(hasattr(simulator.policy, name) for name in simulator.policy.__all__)
    with pytest.raises(AttributeError, match="no attribute 'PolicySettings'"):
        _ = simulator.policy.PolicySettings
    for kind in kinds():
        lines = (ROOT / "simulator" / "policy" / "kinds" / f"{kind}.py").read_text(encoding="utf-8").splitlines()
        found = {line.split()[1] for line in lines if line.strip().startswith(("from simulator", "import simulator"))}
        assert found == {"simulator.policy"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from simulator.policies.base import PolicySettings", "imports simulator.policies, which is not there"),
        ("from simulator.kernel.names import V_REACH", "imports simulator.kernel.names, which is not there"),
        ("from simulator.scenario.values import Share", "imports simulator.scenario.values, which is not there"),
        ("from simulator.policy import PolicySettings", "imports PolicySettings from simulator.policy"),
        ("from simulator.policy import Shares", "did you mean Share?"),
    ],
)
def test_a_file_that_imports_from_elsewhere_is_told_where_from(line, said, tmp_path):
    """What is not there any more, or misspelt, is named, and so is the door that has it."""
    path = tmp_path / "own.py"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_file(str(path))

    assert said in str(refused.value) and "from simulator.policy" in str(refused.value)


# ---- what it says in the documentation -------------------------------------------------------------


def test_the_tables_of_the_documentation_are_those_of_the_files():
    """docs/policies.md has the tables made of the policies' files, and ends with what `simulator policies` prints."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")

    assert renewed(text) == text, "make tables"
    assert renewed(text.replace("always the same ones", "other ones")) == text


# ---- what each one writes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "lever", "neutral", "marked"),
    [("credit_insurance", layout.V_CLAIM, NEVER, 3), ("joint_lending", layout.V_PARTNER, 0, 1)],
)
def test_what_is_settled_after_the_month_marks_its_accounts(kind, lever, neutral, marked):
    """Insurance sets where a balance is claimable, a partner that it shares losses: in their cells and only there."""
    levers = written(example(kind, start=3, end=15, segments=["old"], products=["loan"]))

    assert where(levers) == (set(range(3, 16)), {1}, {LOAN})
    assert set(levers.month[3:16, 1, LOAN, lever]) == {marked}
    assert set(levers.month[:3, 1, LOAN, lever]) == {neutral}


def test_a_price_of_late_debt_is_a_share_or_the_expected_one():
    """A stated price holds for every class of both products; the expected one is worked out after the run."""
    stated, expected = (
        kinds()["joint_lending"].terms(policy("joint_lending", share=0.3, **price), CONTEXT)
        for price in ({"late_price": 0.4}, {})
    )

    assert stated.late_price == ((0.4,) * 3,) * 2
    assert expected.late_price is None
    with pytest.raises(ValidationError, match="expected"):
        policy("joint_lending", share=0.3, late_price="par")


def test_reminders_leave_part_of_forgetting():
    """A reminder leaves 1 - strength of the chance to forget in every bucket; two leave the product."""
    once, twice = written(example("reminders")), policy("reminders", reach=0.5, strength=0.5)
    both = written(example("reminders"), twice)

    assert set(once.stage[1, 0, LINE, :BUCKETS, layout.S_FORGET_KEEP]) == {q31(0.75)}
    assert set(both.stage[1, 0, LINE, :BUCKETS, layout.S_FORGET_KEEP]) == {q31(0.375)}
    assert once.month[1, 0, LINE, layout.V_REACH] == both.month[1, 0, LINE, layout.V_REACH] == q31(0.8)


def test_a_perfect_reminder_is_exact():
    """Reach and strength of 1 leave nothing of forgetting in anyone, exactly."""
    levers = written(policy("reminders", reach=1.0, strength=1.0))

    assert set(levers.month[1:, ..., layout.V_REACH].flat) == {ONE}
    assert not levers.stage[1:, ..., :BUCKETS, layout.S_FORGET_KEEP].any()


def test_limit_cuts_multiply_at_their_own_bucket():
    """A cut acts on falling into its bucket only; two at one bucket multiply, and the higher floor holds."""
    cut = policy("limit_cut", at_dpd=60, keep=0.5, floor=500.0)
    levers = written(
        cut, policy("limit_cut", at_dpd=60, keep=0.5, floor=200.0), policy("limit_cut", at_dpd=90, keep=0.0)
    )
    kept = levers.stage[1, 0, LINE, :, layout.S_LIMIT_KEEP]

    assert kept[:5].tolist() == [ONE, ONE, ONE // 4, 0, ONE]
    assert levers.month[1, 0, LINE, layout.V_LIMIT_FLOOR] == 50_000


def test_the_earlier_freeze_and_closure_hold():
    """Of two closures the stricter days hold, each on its own; crossing comes with the closure that crosses."""
    levers = written(
        policy("closure", freeze_days_late=7, close_days_late=60),
        policy("closure", freeze_days_late=15, close_days_late=30, cross_product=True, products=["loan"]),
    )
    of = [layout.V_FREEZE_DAYS, layout.V_CLOSE_DAYS, layout.V_CROSS]

    assert levers.month[1, 0, LINE, of].tolist() == [7, 60, 0]
    assert levers.month[1, 0, LOAN, of].tolist() == [7, 30, 1]


def test_write_off_sets_its_bucket_and_recoveries_by_age():
    """The earlier write-off and expiry hold; recovery terms come by age and a later policy replaces them."""
    agency = {"recover_chance": [0.0, 0.5, 0, 0, 0, 0], "recover_share": [0.4] * 6, "commission": [0.3] * 6}
    levers = written(
        policy("write_off", at_dpd=300, recover_chance=[0.03] * 6, recover_share=[0.2] * 6, expire_months=60),
        policy("write_off", at_dpd=450, expire_months=36, **agency),
    )
    stage = levers.stage[1, 0, LINE, BUCKETS:]

    assert levers.month[1, 0, LINE, [layout.V_WRITE_OFF, layout.V_EXPIRE]].tolist() == [10, 36]
    assert stage[:3, layout.S_RECOVER_CHANCE].tolist() == q31([0.03, 0.5, 0.03]).tolist()
    assert stage[:3, layout.S_RECOVER_SHARE].tolist() == q31([0.2, 0.4, 0.2]).tolist()
    assert stage[:3, layout.S_COMMISSION].tolist() == q31([0, 0.3, 0]).tolist()


def test_recoveries_may_work_accounts_that_are_still_open():
    """The recoveries of the first age stand in every bucket from work_from_dpd on, and only with it."""
    agency = {"recover_chance": [0.5, 0.1, 0, 0, 0, 0], "recover_share": [0.4] * 6, "recovery_cost": [2.0] * 6}
    levers = written(policy("write_off", at_dpd=300, work_from_dpd=180, **agency))
    stage = levers.stage[1, 0, LINE]

    assert stage[: BUCKETS + 2, layout.S_RECOVER_CHANCE].tolist() == q31([0] * 6 + [0.5] * 10 + [0.5, 0.1]).tolist()
    assert stage[: BUCKETS + 1, layout.S_RECOVERY_COST].tolist() == [0] * 6 + [200] * 11
    assert not written(policy("write_off", at_dpd=300, **agency)).stage[..., :BUCKETS, layout.S_RECOVER_CHANCE].any()


def test_efforts_multiply_and_commissions_add_up():
    """Of what acts in an age by effort, without a chance of its own; from work_from_dpd on as in the first age."""
    agency = {"from_months": 6, "commission": 0.35, "effort": 1.5, "cost": 2.0}
    terms = {"effort": [1.2] + [1.0] * 5, "commission": [0.1] * 6, "channels": {"agency": agency}}
    stage = written(policy("write_off", at_dpd=300, work_from_dpd=90, **terms)).stage[1, 0, LINE]

    assert stage[3:18, layout.S_EFFORT].tolist() == [multiplier(1.2)] * 14 + [multiplier(1.5)]
    assert stage[3:18, layout.S_COMMISSION].tolist() == q31([0.1] * 14 + [0.45]).tolist()
    assert stage[3:18, layout.S_RECOVERY_COST].tolist() == [0] * 14 + [200]
    assert (stage[:3, layout.S_EFFORT] == UNIT).all() and not stage[..., layout.S_RECOVER_CHANCE].any()


@pytest.mark.parametrize("late_stage", [False, True])
def test_what_late_debt_brings_is_said_once(late_stage):
    """With [behaviour.late] by effort and lift, without it by chance, share and effect; the other is refused."""
    others = Others(meeting={}, sharing={}, late_stage=late_stage)
    chance = {"recover_chance": [0.1] * 6, "recover_share": [0.2] * 6, "work_from_dpd": 60}
    chance["channels"] = {"agency": {"chance": 0.1, "share": 0.1}}
    effort = {"effort": [2.0] * 6, "channels": {"legal": {"effort": 1.5}}}
    late = {"from_dpd": 90, "to_dpd": 120, "day": 10}

    def refused(kind, **settings):
        return [key for key, _, _ in policy(kind, **settings).conflicts(others)]

    found = refused("write_off", at_dpd=300, **chance), refused("write_off", at_dpd=300, **effort)
    expected = ["recover_chance", "channels.agency.chance", "work_from_dpd"], ["effort", "channels.legal.effort"]
    assert found == ((expected[0], []) if late_stage else ([], expected[1]))
    found = (
        refused("collections", levels={"agency": late | {"effect": {"will_not": 0.1}}}),
        refused("collections", levels={"agency": late | {"lift": 1.5}}),
    )
    expected = ["levels.agency.effect"], ["levels.agency.lift"]
    assert found == ((expected[0], []) if late_stage else ([], expected[1]))
    assert not refused("write_off", at_dpd=300, work_from_dpd=90)


@pytest.mark.parametrize(("at_dpd", "work_from_dpd"), [(180, 180), (180, 300)])
def test_who_is_written_off_is_not_worked_as_open_from_then_on(at_dpd, work_from_dpd):
    """Working open accounts from the write-off on is a contradiction; before it, or without write-off, it is none."""
    (found,) = policy("write_off", at_dpd=at_dpd, work_from_dpd=work_from_dpd).contradictions()

    assert found == ("work_from_dpd", f"found {work_from_dpd}", "allowed: less than at_dpd, 180")
    for at in (210, "never"):
        assert not list(policy("write_off", at_dpd=at, work_from_dpd=180).contradictions())


def test_a_level_of_the_ladder_may_have_a_commission():
    """The commission stands beside the cost of a contact, in the buckets the level works."""
    level = {"to_dpd": 30, "day": 10, "cost": 1.0, "commission": 0.25}
    ladder = written(policy("collections", levels={"agency": level})).ladder[1, 0, LINE]

    assert ladder[:3, layout.LEVELS.index("agency"), layout.L_COMMISSION].tolist() == q31([0.25, 0.25, 0]).tolist()


def test_a_sale_of_written_off_accounts_prices_by_age():
    """Written-off accounts are sold from their age on, at the price of their age; open prices stay 0."""
    levers = written(example("npl_sale"))

    assert levers.month[1, 0, LINE, [layout.V_SELL_OPEN, layout.V_SELL_WRITTEN_OFF]].tolist() == [NEVER, 12]
    assert (
        levers.stage[1, 0, LINE, BUCKETS:, layout.S_SALE_PRICE].tolist()
        == q31(kinds()["npl_sale"].EXAMPLE["price"]).tolist()
    )
    assert not levers.stage[..., :BUCKETS, layout.S_SALE_PRICE].any()


def test_a_sale_from_the_open_book_prices_by_bucket():
    """Prices go to the buckets from at_dpd on; the last one repeats."""
    levers = written(policy("npl_sale", **{"from": "open"}, at_dpd=90, price=[0.3, 0.2]))
    prices = levers.stage[1, 0, LINE, :, layout.S_SALE_PRICE]

    assert levers.month[1, 0, LINE, layout.V_SELL_OPEN] == 3
    assert prices.tolist() == q31([0, 0, 0, 0.3] + [0.2] * 12 + [0] * 6).tolist()


def test_a_bulk_sale_happens_in_its_months():
    """A sale with bulk months sells in those and in no other."""
    levers = written(example("npl_sale", bulk_months=[6, 12]))

    assert where(levers)[0] == {6, 12}


@pytest.mark.parametrize(
    "settings",
    [
        {"from": "open", "at_months": 3, "price": 0.1},
        {"from": "open", "at_dpd": 90, "at_months": 3, "price": 0.1},
        {"from": "written_off", "price": 0.1},
        {"from": "written_off", "at_months": 3, "price": [0.1, 0.2]},
        {"from": "open", "at_dpd": 90, "price": []},
        {"from": "open", "at_dpd": 95, "price": 0.1},
    ],
)
def test_a_sale_that_makes_no_sense_is_refused(settings):
    """A sale needs the threshold of its own book and prices that fit it."""
    with pytest.raises(ValidationError):
        policy("npl_sale", **settings)


def test_underwriting_raises_the_bar():
    """The higher cut-offs hold and limits by score multiply."""
    limits = [0.5] * 8 + [1.5] * 8
    levers = written(
        policy("underwriting", score_cutoff=560, income_cutoff=2000.0, limit_by_score=limits),
        policy("underwriting", score_cutoff=500, income_cutoff=3000.0, limit_by_score=limits),
    )

    assert levers.month[1, 0, LINE, [layout.V_SCORE_CUTOFF, layout.V_INCOME_CUTOFF]].tolist() == [560, 300_000]
    assert levers.review[1, 0, LINE].tolist() == [UNIT // 4] * 8 + [UNIT * 9 // 4] * 8


def test_a_score_goes_by_its_gini_or_its_power():
    """A Gini alone writes no lever, since it stands for the power that a run finds; only one score is used."""
    asked = policy("underwriting", score_gini=0.45)

    assert same(written(asked), neutral_levers(12, 2, 6))
    assert asked.asked_gini() == 0.45
    assert asked.with_score(0.6) == policy("underwriting", score_power=0.6)
    assert asked.sole(12) == policy("underwriting", score_power=0.6).sole(12) == {("score_power",)}
    assert example("limit_cut").asked_gini() is None
    assert example("limit_cut").with_score(0.6) == example("limit_cut")


def test_a_rating_writes_its_bounds():
    """Months and points as given, shares of the limit as q16; what is not given stays as it is in every month."""
    given, months_only = (
        written(policy("rating", months=[9, 4, 1], **more))
        for more in ({"used": [0.25, 0.5, 1.0], "score": [600, 550, 500]}, {})
    )
    months, points, used = (
        slice(at, at + 3) for at in (layout.V_GRADE_MONTHS, layout.V_GRADE_SCORE, layout.V_GRADE_USED)
    )

    assert given.month[1, 0, LINE, months].tolist() == months_only.month[1, 0, LINE, months].tolist() == [9, 4, 1]
    assert given.month[1, 0, LINE, points].tolist() == [600, 550, 500]
    assert given.month[1, 0, LINE, used].tolist() == [UNIT // 4, UNIT // 2, UNIT]
    assert months_only.month[1, 0, LINE, used].tolist() == [-1, -1, -1]
    assert months_only.month[1, 0, LINE, points].tolist() == [-NEVER] * 3


@pytest.mark.parametrize("key, bounds", [("months", [3, 6, 12]), ("score", [500, 600, 550]), ("used", [0.5, 0.2, 0.9])])
def test_a_worse_grade_needs_more(key, bounds):
    """Fewer months, fewer points and more of the limit part a worse grade."""
    assert [wrong for wrong, *_ in policy("rating", **{key: bounds}).contradictions()] == [key]


def test_a_ladder_is_written_where_its_levels_work():
    """Each level has its row in the buckets it works and no other; the smaller share served holds."""
    effect = {"forgot": 0.5, "will_not": 0.25}
    call = {"from_dpd": 30, "to_dpd": 60, "day": 10, "cost": 3.0, "effect": effect}
    levers = written(
        policy("collections", levels={"call": call}, served=0.5, products=["line"]), policy("collections", served=0.75)
    )
    ladder, number = levers.ladder[1:, 0, LINE], layout.LEVELS.index("call")
    row = [q31(0.5), 0, 0, q31(0.25), 300, 10, 1, 0, UNIT, UNIT]

    assert ladder[:, 1:3, number].tolist() == [[row, row]] * 18
    neutral = neutral_levers(12, 2, 6).ladder[1:, 0, LINE]
    assert np.count_nonzero(ladder != neutral) == (np.count_nonzero(row) - 2) * 2 * 18
    assert set(levers.month[1:, 0, LINE, layout.V_SERVED]) == {q31(0.5)}
    assert set(levers.month[1:, 0, LOAN, layout.V_SERVED]) == {q31(0.75)}


def test_money_is_rounded_to_minor_units():
    """Money turns to minor units of the scenario's currency, rounded half up."""
    assert CONTEXT.amount(12.345) == 1235
    assert CONTEXT._replace(minor_units=1).amount(12.5) == 13

"""Under a roll matrix every policy is felt or refused: none does nothing without a word."""

import json

import numpy as np
import pytest

from simulator.analysis.ledger import result_digest
from simulator.engine import engine
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from simulator.policy.levers import OF_APPLICANTS, OF_PEOPLE, acts_on
from simulator.policy.registry import kinds
from simulator.scenario.reader import load_scenario
from simulator.study import compare

REFUSED = {  # kind -> what a roll matrix knows nothing of
    "autopay": "forgetting",
    "bureau": "not being willing to pay",
    "collections": "the reasons for which dues are missed",
    "education": "what borrowers are taught",
    "hardship": "being short of cash or out of work",
    "reminders": "forgetting",
}
SETTLED_AFTER = "joint_lending"  # writes no lever: the flows stay, what is the lender's own does not
BOOK = """
title = "A book in which every policy could act"
months = 40
run_off_months = 0
seed = 5
portfolio = { borrowers = 300, applicants_per_month = 10 }
[segment.everyone]
share = 1.0
line_holders = 0.9
loan_holders = 0.8
income = { distribution = "uniform", low = 1000, high = 8000 }
line_limit = { distribution = "uniform", low = 2000, high = 10_000 }
loan_limit = 5000
loan_ticket = 3000
utilisation = 0.5
spending = 0.1
loan_open = 0.5
opening = { line = [0.8, 0.1, 0.1], loan = [0.8, 0.1, 0.1] }
[products.line]
interest_rate = 0.015
minimum_share = 0.1
[products.loan]
interest_rate = 0.015
draw_probability = 0.1
[behaviour]
model = "roll_rates"
"""
BASE = """[policy.base]
kind = "write_off"
at_dpd = 360
[policy.close]
kind = "closure"
close_days_late = 90
"""


def matrices(worst, at_least):
    """Return roll matrices whose worst state is this bucket, with what is beyond it or without."""
    states = [
        {"name": f"b{b}", "bucket": b, "at_least": at_least and b == worst, "pays": 0.5} for b in range(worst + 1)
    ]
    rows = [[0.9, 0.1] + [0.0] * (worst - 1)]
    rows += [[0.4] + [0.6 * (s == min(b + 1, worst)) for s in range(1, worst + 1)] for b in range(1, worst + 1)]
    return "".join(
        f"[behaviour.roll_rates.{product}]\nstates = {_toml(states)}\nmatrix = {rows}\n" for product in ("line", "loan")
    )


@pytest.fixture
def book(tmp_path):
    """Return a function that writes the book with a policy of a kind, on in a variant, and returns its path."""

    def write(kind, settings, worst=5, at_least=True):
        base = BASE if at_least else ""
        if kind == "closure":  # two closures of which one freezes late exclude each other
            base = base.partition("[policy.close]")[0]
        keys = "".join(f"{key} = {_toml(value)}\n" for key, value in settings.items())
        on = f'[policy.tested]\nkind = "{kind}"\nenabled = false\n{keys}[variant.on]\npolicy.tested.enabled = true\n'
        path = tmp_path / "book.toml"
        path.write_text(BOOK + matrices(worst, at_least) + base + on, encoding="utf-8")
        return path

    return write


def _toml(value):
    """Return plain values as TOML."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


@pytest.mark.parametrize("kind", kinds())
def test_every_policy_is_refused_or_felt(kind, book):
    """Each kind's example is an error that says why, or the variant's flows, or its own result, are others."""
    path = book(kind, kinds()[kind].EXAMPLE)
    if kind in REFUSED:
        with pytest.raises(UserError) as refused:
            load_scenario(path)
        (problem,) = refused.value.problems
        assert problem.key == "policy.tested.kind"
        assert problem.found == f"acts on {REFUSED[kind]}, of which a roll matrix knows nothing"
        return
    both = compare(load_scenario(path, replications=2), 1).comparison
    digests = {result_digest([("x", ledger.sums)]) for ledger in both.ledgers.values()}
    assert len(digests) == (1 if kind == SETTLED_AFTER else 2)
    assert both.difference("on", "npv").value != 0 or both.difference("on", "profit").value != 0


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_would_do_nothing(kind, book):
    """Past the reader the example leaves every flow of a roll-rate book as it was, but for the bureau's reports.

    That accounts are used less where a lender reports, a roll-rate book feels too: without that.
    """
    settings = load_scenario(book("limit_cut", {"at_dpd": 30, "keep": 0.5}), replications=2).baseline
    example = kinds()[kind].EXAMPLE | ({"report_days_late": 450, "usage": 1.0} if kind == "bureau" else {})
    policy = kinds()[kind].Settings.model_validate({"kind": kind, **example})
    worlds = [lower(settings.model_copy(update={"policy": settings.policy | more})) for more in ({}, {"x": policy})]

    assert not all(np.array_equal(a, b) for a, b in zip(*(world.levers for world in worlds), strict=True))
    one, other = (result_digest([("x", engine.run(world, 1))]) for world in worlds)
    assert one == other


def test_a_bureau_without_an_incentive_is_felt(book):
    """Reports alone cost and keep accounts from being opened again; only the incentive acts on willingness."""
    assert load_scenario(book("bureau", {"report_days_late": 30})).variants["on"]


@pytest.mark.parametrize("kind", kinds())
def test_a_neutral_policy_is_never_refused(kind, book):
    """Settings that do nothing do it aloud."""
    policy = kinds()[kind].Settings.model_validate({"kind": kind, **kinds()[kind].NEUTRAL})

    assert acts_on(policy, OF_PEOPLE) == acts_on(policy, OF_APPLICANTS) == []


def test_a_policy_on_applicants_needs_some(book):
    """Nobody applies: underwriting is refused, and an income cut-off where nobody has an income."""
    path = book("underwriting", {"score_cutoff": 560, "income_cutoff": 2000})
    none = path.read_text().replace("applicants_per_month = 10", "applicants_per_month = 0")
    path.write_text(none.replace('income = { distribution = "uniform", low = 1000, high = 8000 }\n', ""))
    with pytest.raises(UserError) as refused:
        load_scenario(path)

    assert [(problem.key, problem.found) for problem in refused.value.problems] == [
        ("policy.tested.kind", "acts on applicants, and nobody applies"),
        ("policy.tested.income_cutoff", "segment everyone has no income"),
    ]


@pytest.mark.parametrize(
    ("kind", "settings", "key"),
    [
        ("limit_cut", {"at_dpd": 90, "keep": 0.5}, "at_dpd"),
        ("closure", {"freeze_days_late": 90}, "freeze_days_late"),
        ("npl_sale", {"from": "open", "at_dpd": 90, "price": 0.1}, "at_dpd"),
        ("bureau", {"report_days_late": 90}, "report_days_late"),
        ("credit_insurance", {"premium": 0.01, "share": 0.5, "claim_dpd": 120}, "claim_dpd"),
        ("write_off", {"at_dpd": 180}, "at_dpd"),
    ],
)
def test_a_policy_at_days_that_no_account_gets_to_is_refused(kind, settings, key, book):
    """Matrices that end at 60 days past due: a policy from 90 on would never act; at 60 it is felt."""
    with pytest.raises(UserError) as refused:
        load_scenario(book(kind, settings, worst=2, at_least=False))
    (problem,) = refused.value.problems
    assert problem.key == f"policy.tested.{key}"
    assert "accounts get to 60 days past due" in problem.allowed
    for allowed in (book(kind, settings | {key: 60}, worst=2, at_least=False), book(kind, settings, worst=2)):
        assert load_scenario(allowed).variants["on"]


def test_a_policy_of_ones_own_is_refused_alike(tmp_path, book):
    """A file that writes what only people feel is told by what it writes, and not by its name."""
    (tmp_path / "mine.py").write_text(
        '"""Mine."""\n'
        "from simulator.policy.kinds.reminders import EXAMPLE, NEUTRAL, Settings, write\n"
        'DESCRIPTION = "Mine."\nEFFECT = "Mine."\n'
    )
    path = book("file:mine.py", {"reach": 0.5, "strength": 0.5})

    with pytest.raises(UserError, match="acts on forgetting, of which a roll matrix knows nothing"):
        load_scenario(path, allow_code=True)

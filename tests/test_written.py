"""A scenario that is written once and moved many times: what comes out is what would be read anew."""

import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel

from conftest import ROOT
from simulator.model.errors import UserError
from simulator.scenario import validate
from simulator.scenario.reader import Written, load_scenario, rewritten

SCENARIOS = ROOT / "scenarios"
VARIANT = "variant.NAME"
POINTS = (
    {},
    {"policy.cut.keep": 0.4},
    {"costs.funding_rate": 0.07},
    {"segment.salaried.spending.mean": 0.31, "economy.job_find": 0.1},
    {"behaviour.structural.contact_reach": [0.5] * 4, f"{VARIANT}.policy.cut.keep": 0.9},
    {"policy.new": {"kind": "autopay", "enrolled": 0.2}, "behaviour.demand.half_life_months": 4.0},
    {f"{VARIANT}": False, "portfolio.borrowers": 77},
)
WRONG = (
    {"policy.cut.keep": 1.4},
    {"segment.salaried.share": 0.9},
    {"behaviour.structural.contact_reach": [0.5], "policy.cut.keeps": 1},
    {"policy.cut.kind": "cut"},
    {"currency.code": "EUR"},  # in which the file's amounts are not
    {"segment": {"salary": {"income": 3}}, "costs.funding_rate": {"value": 0.1, "unit": "per decade"}},
    {"products.line.interest_rate": {"value": 0.01, "range": [0.02, 0.03]}, f"{VARIANT}.months": 3},
)


def told(scenario):
    """Return all that a scenario says, the order of its keys too."""
    lenders = {"baseline": (scenario.baseline, scenario.provenance)}
    lenders |= {name: (of, scenario.variant_provenance[name]) for name, of in scenario.variants.items()}
    said = [(name, of.model_dump_json(), list(about.items())) for name, (of, about) in lenders.items()]
    worlds = [(name, told(world)) for name, world in scenario.worlds.items()]
    return said, worlds, scenario.remarks, scenario.layer_files, scenario.against, scenario.digest()


def problems(read):
    """Return what is wrong with what is to be read."""
    with pytest.raises(UserError) as error:
        read()
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(("name", "variant"), [("huabei", "cut_at_30"), ("limit_cut", "half_at_30")])
def test_what_is_moved_is_as_if_all_were_read_anew(name, variant):
    """At every point, wrong ones between right ones, all is as in a scenario that is read for it alone."""
    path = SCENARIOS / f"{name}.toml"
    written = Written(path)
    points, wrongs = (
        [{key.replace("NAME", variant): value for key, value in point.items()} for point in (*some, *some[::-1])]
        for some in (POINTS, WRONG)
    )
    for point, wrong in zip(points, wrongs, strict=True):
        anew = problems(lambda wrong=wrong: load_scenario(path, wrong))
        assert problems(lambda wrong=wrong: written.at(wrong)) == anew
        assert told(written.at(point, borrowers=90)) == told(load_scenario(path, point, borrowers=90))


def test_a_scenario_of_worlds_is_moved_in_all_of_them():
    """What a variant says in another world follows what is moved below it."""
    scenario = load_scenario(SCENARIOS / "downturn.toml")
    written, text = rewritten(scenario), tomllib.loads(scenario.text())
    assert scenario.worlds
    for point in ({"policy.cut.keep": 0.4}, {"economy.job_loss": 0.02}, {}, {"policy.cut.keep": 0.4}):
        assert told(written.at(point)) == told(load_scenario(text, point))


def spoil(value):
    """Empty every list and table that can be reached from a value."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            spoil(getattr(value, name))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        spoil(inner)
    if isinstance(value, dict | list):
        value.clear()


def test_nobody_can_change_what_is_read_later():
    """Whatever is done to the lists and tables of one scenario, the next one of the same writing is as it was."""
    ranged = {"policy.write_off.effort": {"value": [0.5] * 6, "range": [[0.4] * 6, [0.6] * 6], "source": "made up"}}
    tables = tomllib.loads(load_scenario(SCENARIOS / "huabei.toml", ranged).text())
    before, written = told(load_scenario(tables)), Written(tables)
    for point in ({}, {"policy.cut.keep": 0.4}, {}):
        found = written.at(point)
        assert (told(found) == before) is not bool(point)
        for lender in (found.baseline, *found.variants.values()):
            for part in (lender.segment, lender.policy, lender.behaviour, lender.economy, lender.cautions):
                spoil(part)
        for about in (found.provenance, *found.variant_provenance.values()):
            for one in about.values():
                spoil(one.range)
            about.clear()
        spoil(found.layer_files)
    spoil(tables)
    assert told(written.at()) == before


def test_threads_may_move_the_same_scenario():
    """Eight threads that move one writing at once get what each would get alone."""
    written = Written(SCENARIOS / "huabei.toml")
    points = [{"policy.cut.keep": 0.3 + k / 100} for k in range(12)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(written.at, points))
    assert [told(each) for each in found] == [told(written.at(point)) for point in points]


def test_a_table_that_is_left_alone_is_read_once(monkeypatch):
    """Five variants add less values to read than the baseline has, and a policy's number moved a quarter of all."""
    read, leaf = [], validate._Walk.leaf
    monkeypatch.setattr(validate._Walk, "leaf", lambda *given: read.append(given[-1]) or leaf(*given))
    tables = tomllib.loads(load_scenario(SCENARIOS / "huabei.toml").text())
    alone = {key: table for key, table in tables.items() if key != "variant"}

    def counted(make):
        read.clear()
        return make(), len(read)

    _, of_baseline = counted(lambda: load_scenario(alone))
    written, none = counted(lambda: Written(tables))
    _, of_all = counted(written.at)
    _, of_moved = counted(lambda: written.at({"policy.cut.keep": 0.4}))

    assert none == 0
    assert of_baseline < of_all < 2 * of_baseline
    assert of_moved < of_all / 4

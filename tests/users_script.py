"""What a user may write with every public name: mypy checks it with the project, and nobody runs it."""

from pathlib import Path
from typing import Any, assert_type

import simulator as sim
from simulator.policy import Dpd, Policy, Share


class Log:
    """An observer of one's own."""

    def started(self, stage: str) -> None:
        """Say it."""
        print(stage)

    def advanced(self, what: str, done: int, total: int) -> None:
        """Say it."""
        print(what, done / total)

    def note(self, line: str) -> None:
        """Say it."""
        print(line)


class Settings(Policy):
    """The settings of a policy of one's own."""

    at_dpd: Dpd
    keep: Share


def a_question(observer: sim.Observer) -> sim.Study:
    """Ask, in every way to name a scenario."""
    scenario: sim.Scenario = sim.load_scenario("a.toml", {"policy.cut.keep": 0.4}, borrowers=300, months=6, seed=1)
    sim.load_scenario(Path("a.toml"), ["policy.cut.keep=0.4"], allow_code=True)
    assert_type(sim.simulate({"extends": "a.toml", "title": "Mine"}, threads=2), sim.Study)
    return sim.compare(scenario, observer=observer)


def its_numbers(study: sim.Study) -> float:
    """Read them."""
    difference: sim.Difference = study.difference("cut", "npv", window="whole", against="freeze")
    estimate: sim.Estimate = study.estimate("baseline", "npv")
    assert_type(difference.is_clear, bool)
    assert_type(study.verdict.winner, str | None)
    assert_type(study.lenders + study.variants + study.measures + study.windows + study.cautions, list[str])
    assert_type(study.facts, dict[str, Any])
    assert_type(study.frame.replications, int)
    rows: int = study.table(["npv"], "lending").num_rows + study.monthly("paid", by=["segment"]).num_rows
    return rows + difference.value + difference.se + difference.low + difference.high + estimate.value + estimate.se


def its_questions(scenario: sim.Scenario) -> float:
    """Ask what would have to be otherwise."""
    turns = sim.flips(scenario, between=["baseline", "cut"], maps=[("costs.funding_rate", "policy.cut.keep")])
    turns.plot("nearest").save("nearest.svg")
    found = sim.breakeven(scenario, "policy.cut.keep=0.1:0.9", "cut", measure="net_loss", against="baseline")
    assert_type(found.save("out/breakeven", overwrite=True), Path)
    swept = sim.sweep(scenario, ["policy.cut.keep=0.1:0.9:3"], tornado=True).table
    return turns.table.num_rows + turns.screen.num_rows + swept.num_rows + (found.value or 0.0)


def its_folder(study: sim.Study) -> sim.Study:
    """Save it, with a picture, and load it."""
    study.plot("path").save("path.svg")
    assert_type(study.save("out/mine", overwrite=True), Path)
    print(study.rolls().num_rows, study.vintages().num_rows)
    assert_type(study.to_excel("results.xlsx"), Path)
    again, both = sim.report_of("out/mine", excel=True), sim.side_by_side("out/mine", Path("out/other"))
    assert_type(again.report + both.report, str)
    return sim.load_study(Path("out/mine"))


def ones_own_records() -> None:
    """Calibrate and backtest."""
    calibration: sim.Calibration = sim.calibrate("tape.csv", Path("map.toml"), structural=True, threads=2)
    assert_type(calibration.scenario + calibration.report, str)
    assert_type(calibration.cautions + calibration.answers, list[str])
    print(calibration.rolls, calibration.factor.rho, calibration.save("out/tape"))
    backtest: sim.Backtest = sim.backtest("tape.csv", "map.toml", fit_until="2024-06", observer=Log())
    print(backtest.fan, [score.value for score in backtest.scores], len(backtest.outlooks), backtest.save("out/test"))
    learned = sim.learn("trial.csv", "mine.toml", "policy.remind.strength", "day1_rate", threads=2, control="none")
    print(learned.answers, learned.save("out/trial"))


def best(scenario: sim.Scenario) -> list[dict[str, object]]:
    """The best setting, and those that cannot be told apart from it."""
    found: sim.Optimum = sim.optimise(scenario, "a.b=1:2", maximise="npv", subject=["approval_rate >= 0.6"])
    print(found.status, found.chosen, found.gain.low, found.chance, found.table().num_rows, found.plot().title)
    return found.alike


def the_rest(scenario: sim.Scenario) -> list[str]:
    """One borrower, what there is, formulas, and what is wrong."""
    assert_type(sim.diary(scenario, "salaried:7", ["cut"]).variants, tuple[str, ...])
    assert_type(sim.check_policy("mine.py"), tuple[str, ...])
    assert_type(sim.tail(scenario, 0.99, variant="cut").answers, list[str])
    assert_type(sim.finance.annuity(1000, 0.01, 12), float)
    print(sim.__version__, sim.measures("npv"), sim.policies())
    try:
        sim.load_scenario("none.toml")
    except sim.UserError as error:
        return [problem.key for problem in error.problems]
    return []

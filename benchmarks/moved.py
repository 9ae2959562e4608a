"""A scenario with one number moved, as `flips`, `sweep` and `optimise` ask for it again and again: where its time goes.

Six lenders of a small book, each in both futures, one thread, processor time. No number is moved to the same place
twice, so that nothing is found that a place before has left, but for what does not depend on the number.
"""

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from simulator.analysis.score_power import resolved
from simulator.decision.experiment import Experiment
from simulator.lowering.lower import lower
from simulator.model.observer import SILENT
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.study import simulate

from .timing import seconds
from .worlds import SCENARIOS

BORROWERS, REPLICATIONS, TINY = 200, 20, 8
ROUNDS = 5  # of which the best counts
STEP = 1e-5  # of a number from place to place
MOVED = {  # keys and the first of their places
    "a price, only settled": ("costs.funding_rate", 0.05),
    "a policy's number, of one lender": ("policy.cut.keep", 0.4),
    "a number of everybody's behaviour": ("behaviour.structural.shock_probability", 0.03),
}
MEASURES = ("npv", "npv_run_on")


class Took(NamedTuple):
    """Milliseconds of a moved scenario, of all its lenders."""

    name: str
    read: float
    scores: float  # the correlations of scores with a Gini: a pilot where it moves them
    lowered: float
    whole: float  # with these: both net present values of all lenders

    @property
    def lived(self) -> float:
        """Return what living and settling takes."""
        return self.whole - self.read - self.scores - self.lowered


def moved(progress: Callable[[str], None] = lambda name: None) -> list[Took]:
    """Return what the places of each of MOVED take, the best of each stage."""
    scenario = load_scenario(SCENARIOS / "huabei.toml", borrowers=BORROWERS, replications=REPLICATIONS)
    experiment = Experiment(scenario, threads=1)
    experiment.several(MEASURES, {})
    found = []
    for name, (key, first) in MOVED.items():
        progress(name)
        places = ({key: first + k * STEP} for k in count())
        rounds = []
        for _ in range(ROUNDS):
            there, here = next(places), next(places)
            whole = _timed(lambda there=there: experiment.several(MEASURES, there))[1]
            scenario, read = _timed(lambda here=here: experiment.scenario_at(here))
            lenders, scores = _timed(lambda scenario=scenario: _with_scores(scenario))
            rounds.append((read, scores, _timed(lambda lenders=lenders: _lower(lenders))[1], whole))
        found.append(Took(name, *map(min, zip(*rounds, strict=True))))
    return found


def file_read() -> float:
    """Return the milliseconds in which the scenario's files are read."""
    return min(_timed(lambda: load_scenario(SCENARIOS / "huabei.toml"))[1] for _ in range(ROUNDS))


def tiny_run() -> float:
    """Return the milliseconds of a run of TINY borrowers in all replications of the file, in a process at work."""
    scenario = load_scenario(SCENARIOS / "huabei.toml", borrowers=TINY)
    return min(_timed(lambda: simulate(scenario, threads=1))[1] for _ in range(ROUNDS))


def _with_scores(scenario: Scenario):
    return resolved(scenario, {BASELINE: scenario.baseline, **scenario.variants}, 1, SILENT)[0]


def _lower(lenders):
    for settings in lenders.values():
        for run_on in (False, True):
            lower(settings, None, True, run_on)


def _timed(run):
    """Return what a call returns, and its milliseconds of processor time."""
    returned: list = []
    took = seconds(lambda: returned.append(run()))[1]
    return returned[0], 1e3 * took

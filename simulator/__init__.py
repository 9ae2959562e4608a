"""What a consumer lender's policies do to delinquency, bad debt and profit, borrower by borrower.

The public names below are imported when first used, so that `import simulator` costs nothing. docs/python.md shows
them.
"""

from importlib import import_module

TYPE_CHECKING = False  # that of `typing`, which takes longer to import than all of this
if TYPE_CHECKING:  # for type checkers and editors; a test compares it with _HOME
    from simulator import finance as finance
    from simulator.analysis.estimates import Difference as Difference
    from simulator.analysis.estimates import Estimate as Estimate
    from simulator.analysis.measures.page import measures as measures
    from simulator.decision.breakeven import breakeven as breakeven
    from simulator.decision.flips import flips as flips
    from simulator.decision.optimise import Optimum as Optimum
    from simulator.decision.optimise import optimise as optimise
    from simulator.decision.sweep import sweep as sweep
    from simulator.decision.tail import tail as tail
    from simulator.decision.under_doubt import compare as compare
    from simulator.diaries.diary import diary as diary
    from simulator.estimation.backtest.estimator import Backtest as Backtest
    from simulator.estimation.protocol import Calibration as Calibration
    from simulator.estimation.workflows import backtest as backtest
    from simulator.estimation.workflows import calibrate as calibrate
    from simulator.estimation.workflows import learn as learn
    from simulator.model.errors import UserError as UserError
    from simulator.model.observer import Observer as Observer
    from simulator.policy.checks import check_policy as check_policy
    from simulator.policy.page import policies as policies
    from simulator.scenario.reader import load_scenario as load_scenario
    from simulator.scenario.scenario import Scenario as Scenario
    from simulator.study import Study as Study
    from simulator.study import load_study as load_study
    from simulator.study import report_of as report_of
    from simulator.study import side_by_side as side_by_side
    from simulator.study import simulate as simulate

__version__ = "0.1.0"

_HOME = {
    "Backtest": "simulator.estimation.backtest.estimator",
    "Calibration": "simulator.estimation.protocol",
    "Difference": "simulator.analysis.estimates",
    "Estimate": "simulator.analysis.estimates",
    "Observer": "simulator.model.observer",
    "Optimum": "simulator.decision.optimise",
    "Scenario": "simulator.scenario.scenario",
    "Study": "simulator.study",
    "UserError": "simulator.model.errors",
    "backtest": "simulator.estimation.workflows",
    "breakeven": "simulator.decision.breakeven",
    "calibrate": "simulator.estimation.workflows",
    "check_policy": "simulator.policy.checks",
    "compare": "simulator.decision.under_doubt",
    "diary": "simulator.diaries.diary",
    "finance": "simulator",
    "flips": "simulator.decision.flips",
    "learn": "simulator.estimation.workflows",
    "load_scenario": "simulator.scenario.reader",
    "load_study": "simulator.study",
    "measures": "simulator.analysis.measures.page",
    "optimise": "simulator.decision.optimise",
    "policies": "simulator.policy.page",
    "report_of": "simulator.study",
    "side_by_side": "simulator.study",
    "simulate": "simulator.study",
    "sweep": "simulator.decision.sweep",
    "tail": "simulator.decision.tail",
}
__all__ = ["__version__", *_HOME]


if not TYPE_CHECKING:  # which would take any name for a public one

    def __getattr__(name):
        """Return public name `name` from the module that defines it (PEP 562); `finance` is a module itself."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if _HOME[name] == __name__:
            return import_module(f"{__name__}.{name}")
        value = globals()[name] = getattr(import_module(_HOME[name]), name)
        return value


def __dir__() -> list[str]:
    """Return the public names, sorted."""
    return sorted(__all__)

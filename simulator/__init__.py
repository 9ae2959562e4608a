"""What a consumer lender's policies do to delinquency, bad debt and profit, borrower by borrower.

The public names below are imported when first used, so that `import simulator` costs nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "annuity": "simulator.finance",
    "apr": "simulator.finance",
    "backtest": "simulator.estimation.workflows",
    "calibrate": "simulator.estimation.workflows",
    "compare": "simulator.study",
    "diary": "simulator.diaries.diary",
    "load_scenario": "simulator.scenario.reader",
    "simulate": "simulator.study",
}
__all__ = ["__version__", *_HOME]


def __getattr__(name):
    """Return public name `name` from the module that defines it (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__():
    """Return the public names, sorted."""
    return sorted(__all__)
